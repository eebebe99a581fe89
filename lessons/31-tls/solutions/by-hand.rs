//! Exercise 31 with every byte carried by hand: rustls never sees the socket, and the socket never sees the line.

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;

use kit::*;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7031);

type Done = std::result::Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    finish(role_of(["client"]).map_err(Into::into).and_then(|_| client()))
}

fn client() -> Done {
    let line = input("")?.unwrap_or_default();

    let mut authorities = RootCertStore::empty();
    let authority = include_bytes!("../certificates/ca.pem");
    authorities.add(CertificateDer::from_pem_slice(authority)?)?;
    let config = ClientConfig::builder().with_root_certificates(authorities).with_no_client_auth();
    let mut tls = ClientConnection::new(Arc::new(config), "lab.test".try_into()?)?;
    // It keeps this until the handshake is over.
    tls.writer().write_all(format!("{line}\n").as_bytes())?;

    let sock = socket(AF_INET, SOCK_STREAM)?;
    connect(&sock, ADDRESS)?;
    let mut answer = Vec::new();
    while !is_told(&mut tls, &mut answer)? {
        carry_out(&mut tls, &sock)?;
        carry_in(&mut tls, &sock)?;
    }
    print!("{}", text(&answer)?);
    tls.send_close_notify();
    carry_out(&mut tls, &sock)?;
    Ok(close(sock)?)
}

/// Whether the other end has said that this is all.
fn is_told(tls: &mut ClientConnection, answer: &mut Vec<u8>) -> std::io::Result<bool> {
    match tls.reader().read_to_end(answer) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

fn carry_out(tls: &mut ClientConnection, sock: &OwnedFd) -> Done {
    let mut records = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut records)?;
    }
    let mut rest = records.as_slice();
    while !rest.is_empty() {
        let n = send(sock, rest)?;
        rest = &rest[n..];
    }
    Ok(())
}

fn carry_in(tls: &mut ClientConnection, sock: &OwnedFd) -> Done {
    let mut buf = [0; 1024];
    let n = recv(sock, &mut buf)?;
    let mut rest = &buf[..n];
    loop {
        // Without a byte it learns that the stream has ended.
        tls.read_tls(&mut rest)?;
        if let Err(error) = tls.process_new_packets() {
            // The alert that says why.
            carry_out(tls, sock)?;
            return Err(error.into());
        }
        if rest.is_empty() {
            return Ok(());
        }
    }
}
