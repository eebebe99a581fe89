//! Exercise 31 - TLS
//!
//! A client that reads a line from its stdin, tells it to lab.test, and prints
//! what it is told in return until that ends. It encrypts what it says, and
//! tells it to anybody.
//!
//! `lab check 31` runs it against several servers. To do that yourself, start
//! `cargo run -p lesson-31-tls --bin 31-tls-servers -- right` in another shell,
//! or one that is not to be told: `unknown-ca`, `wrong-host`, `expired`, `cuts`.

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;

use kit::*;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, Stream};

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7031);

type Done = std::result::Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    finish(role_of(["client"]).map_err(Into::into).and_then(|_| client()))
}

fn client() -> Done {
    let line = input("")?.unwrap_or_default();

    // TODO: It tells the line to nobody but lab.test, for whom the authority
    // in certificates/ca.pem vouches today. And an answer that was cut off is
    // not taken for the whole. Whatever is wrong, its exit status is not 0.
    let config = ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth();

    let sock = socket(AF_INET, SOCK_STREAM)?;
    connect(&sock, ADDRESS)?;
    let mut sock = TcpStream::from(sock);
    let mut tls = ClientConnection::new(Arc::new(config), "lab.test".try_into()?)?;
    let mut stream = Stream::new(&mut tls, &mut sock);
    stream.write_all(format!("{line}\n").as_bytes())?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => return Err(error.into()),
        _ => print!("{}", text(&answer)?),
    }
    Ok(close(sock.into())?)
}

/// Is content with any certificate.
#[derive(Debug)]
struct Anybody;

type Verified<T> = std::result::Result<T, rustls::Error>;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Verified<ServerCertVerified> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Verified<HandshakeSignatureValid> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Verified<HandshakeSignatureValid> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}
