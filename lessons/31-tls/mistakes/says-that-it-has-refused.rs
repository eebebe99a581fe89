//! It refuses, says so to a person, and tells whoever has started it that all went well.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;

use kit::*;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, Stream};

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7031);

const AUTHORITY: &[u8] = include_bytes!("../certificates/ca.pem");

type Done = std::result::Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    match role_of(["client"]).map_err(Into::into).and_then(|_| client()) {
        Err(error) if error.to_string().contains("certificate") => {
            perror(&error);
            ExitCode::SUCCESS
        }
        done => finish(done),
    }
}

fn client() -> Done {
    let line = input("")?.unwrap_or_default();
    let mut authorities = RootCertStore::empty();
    authorities.add(CertificateDer::from_pem_slice(AUTHORITY)?)?;
    let config = ClientConfig::builder().with_root_certificates(authorities).with_no_client_auth();
    let sock = socket(AF_INET, SOCK_STREAM)?;
    connect(&sock, ADDRESS)?;
    let mut sock = TcpStream::from(sock);
    let mut tls = ClientConnection::new(Arc::new(config), "lab.test".try_into()?)?;
    let mut stream = Stream::new(&mut tls, &mut sock);
    stream.write_all(format!("{line}\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    print!("{answer}");
    Ok(close(sock.into())?)
}
