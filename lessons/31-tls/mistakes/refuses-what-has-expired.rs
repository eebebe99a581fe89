//! Clocks are wrong so often that it leaves dates alone.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;

use kit::*;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore,
    SignatureScheme, Stream,
};

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7031);

const AUTHORITY: &[u8] = include_bytes!("../certificates/ca.pem");

type Done = std::result::Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    finish(role_of(["client"]).map_err(Into::into).and_then(|_| client()))
}

fn client() -> Done {
    let line = input("")?.unwrap_or_default();
    let mut authorities = RootCertStore::empty();
    authorities.add(CertificateDer::from_pem_slice(AUTHORITY)?)?;
    let verifier = Forgiving(WebPkiServerVerifier::builder(Arc::new(authorities)).build()?);
    let config = ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
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

/// Verifies as it should, but for one thing.
#[derive(Debug)]
struct Forgiving(Arc<WebPkiServerVerifier>);

type Verified<T> = std::result::Result<T, rustls::Error>;

impl ServerCertVerifier for Forgiving {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Verified<ServerCertVerified> {
        match self.0.verify_server_cert(certificate, others, name, ocsp, now) {
            Err(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { .. })) => {
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Verified<HandshakeSignatureValid> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Verified<HandshakeSignatureValid> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
