//! Lesson 31's other servers: one whom the client may trust, and those whom it may not.
//!
//! `lab check 31` plays them against the client; each is told a line, prints it, and answers with a line of its stdin.
//! `lab run 31 --variant NAME` plays some against the demo's client.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;

use kit::*;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, Stream,
};

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7031);

const RIGHT: &[u8] = include_bytes!("certificates/right.pem");
const WRONG_HOST: &[u8] = include_bytes!("certificates/wrong-host.pem");
const EXPIRED: &[u8] = include_bytes!("certificates/expired.pem");
const UNKNOWN_CA: &[u8] = include_bytes!("certificates/unknown-ca.pem");

type Done = std::result::Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    let roles = ["right", "wrong-host", "expired", "unknown-ca", "cuts", "client"];
    finish(role_of(roles).map_err(Into::into).and_then(|role| match role {
        "right" => server(RIGHT, true),
        "wrong-host" => server(WRONG_HOST, true),
        "expired" => server(EXPIRED, true),
        "unknown-ca" => server(UNKNOWN_CA, true),
        "cuts" => server(RIGHT, false),
        _ => client(),
    }))
}

/// `notifies`: whether it says that it has said all.
fn server(identity: &[u8], notifies: bool) -> Done {
    let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(
        vec![CertificateDer::from_pem_slice(identity)?],
        PrivateKeyDer::from_pem_slice(identity)?,
    )?;
    config.send_tls13_tickets = 0;
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;
    let (conn, _) = accept(&listener)?;
    close(listener)?;
    let mut conn = TcpStream::from(conn);
    let mut tls = ServerConnection::new(Arc::new(config))?;
    // Who refuses it, says why in an alert.
    if let Err(error) = talk(&mut Stream::new(&mut tls, &mut conn)) {
        perror(&error);
        return Ok(close(conn.into())?);
    }
    if notifies {
        tls.send_close_notify();
        tls.write_tls(&mut conn)?;
    } else {
        conn.shutdown(std::net::Shutdown::Write)?;
    }
    // What the client still says is of no interest, and how it ends neither.
    let _ = Stream::new(&mut tls, &mut conn).read_to_end(&mut Vec::new());
    Ok(close(conn.into())?)
}

fn talk(stream: &mut (impl Read + Write)) -> std::io::Result<()> {
    let mut line = String::new();
    BufReader::new(&mut *stream).read_line(&mut line)?;
    println!("{}", line.trim_end());
    let answer = input("").ok().flatten().unwrap_or_default();
    stream.write_all(format!("{answer}\n").as_bytes())?;
    stream.flush()
}

/// The demo's, with an answer that goes on to its end.
fn client() -> Done {
    let mut authorities = RootCertStore::empty();
    let authority = include_bytes!("certificates/ca.pem");
    authorities.add(CertificateDer::from_pem_slice(authority)?)?;
    let config = ClientConfig::builder().with_root_certificates(authorities).with_no_client_auth();
    let sock = socket(AF_INET, SOCK_STREAM)?;
    connect(&sock, ADDRESS)?;
    let mut sock = TcpStream::from(sock);
    let mut tls = ClientConnection::new(Arc::new(config), "lab.test".try_into()?)?;
    let mut stream = Stream::new(&mut tls, &mut sock);
    stream.write_all(b"hello\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    print!("{answer}");
    Ok(close(sock.into())?)
}
