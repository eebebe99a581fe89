//! Exercise 31 with the standard library: a stream that owns its socket, and reads lines like any other.

use std::error::Error;
use std::io::{Write, copy, stdin, stdout};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

fn main() -> Result<(), Box<dyn Error>> {
    let mut line = String::new();
    stdin().read_line(&mut line)?;

    let mut authorities = RootCertStore::empty();
    let authority = include_bytes!("../certificates/ca.pem");
    authorities.add(CertificateDer::from_pem_slice(authority)?)?;
    let config = ClientConfig::builder().with_root_certificates(authorities).with_no_client_auth();

    let tls = ClientConnection::new(Arc::new(config), "lab.test".try_into()?)?;
    let mut stream = StreamOwned::new(tls, TcpStream::connect("127.0.0.1:7031")?);
    stream.write_all(line.as_bytes())?;
    copy(&mut stream, &mut stdout())?;
    stream.conn.send_close_notify();
    Ok(stream.flush()?)
}
