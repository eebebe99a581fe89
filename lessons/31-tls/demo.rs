//! Lesson 31 - TLS
//!
//! TCP brings bytes to whoever has the address, and everybody on the way can
//! read them. TLS is a conversation on top of it: both ends agree on keys, the
//! server proves who it is, and from then on every record is encrypted. It is
//! done by a library. The kernel carries a stream of bytes, as ever.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;

use kit::*;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use rustls::{ServerConfig, ServerConnection, Stream};

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7031);

/// The authority whom the client trusts, and the server's certificate and key.
const AUTHORITY: &[u8] = include_bytes!("certificates/ca.pem");
const SERVER: &[u8] = include_bytes!("certificates/right.pem");

type Done = std::result::Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    finish(role().map_err(Into::into).and_then(|role| match role {
        Role::Server => server(),
        Role::Client => client(),
    }))
}

fn server() -> Done {
    let chain = vec![CertificateDer::from_pem_slice(SERVER)?];
    let key = PrivateKeyDer::from_pem_slice(SERVER)?;
    let config = ServerConfig::builder().with_no_client_auth();
    let mut config = config.with_single_cert(chain, key)?;
    // Tickets are for those who come back.
    config.send_tls13_tickets = 0;

    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;
    let (conn, _) = accept(&listener)?;
    let mut conn = TcpStream::from(conn);
    let mut tls = ServerConnection::new(Arc::new(config))?;

    let mut stream = Stream::new(&mut tls, &mut conn);
    let mut buf = [0; 1024];
    loop {
        // Zero is the client's close_notify. A FIN without one is an error.
        let n = stream.read(&mut buf)?;
        if n == 0 {
            break;
        }
        stream.write_all(&buf[..n])?;
    }
    tls.send_close_notify();
    tls.write_tls(&mut conn)?;
    close(conn.into())?;
    Ok(close(listener)?)
}

fn client() -> Done {
    let mut authorities = RootCertStore::empty();
    authorities.add(CertificateDer::from_pem_slice(AUTHORITY)?)?;
    let config = ClientConfig::builder().with_root_certificates(authorities);
    let config = config.with_no_client_auth();

    let sock = socket(AF_INET, SOCK_STREAM)?;
    connect(&sock, ADDRESS)?;
    let mut sock = TcpStream::from(sock);
    // Whom we have reached, the address does not say. The certificate must.
    let name = "lab.test".try_into()?;
    let mut tls = ClientConnection::new(Arc::new(config), name)?;

    // The handshake comes with the first byte that is to be sent or received.
    let mut stream = Stream::new(&mut tls, &mut sock);
    stream.write_all(b"hello")?;
    let mut buf = [0; 1024];
    let n = stream.read(&mut buf)?;
    println!("{}", text(&buf[..n])?);

    tls.send_close_notify();
    tls.write_tls(&mut sock)?;
    Stream::new(&mut tls, &mut sock).read_to_end(&mut Vec::new())?;
    Ok(close(sock.into())?)
}
