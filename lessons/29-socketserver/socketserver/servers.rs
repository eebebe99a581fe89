//! The servers: how a request is had, and what is left to do when it was handled.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use kit::{OwnedFd, Result};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{self, RecvFlags, Shutdown, SocketType};

use crate::{
    Address, Base, BaseRequestHandler, BaseServer, DatagramRequestHandler, SocketAddrUnix,
    StreamRequestHandler, ThreadingMixIn, of,
};

pub type ThreadingTcpServer = ThreadingMixIn<TcpServer>;
pub type ThreadingUdpServer = ThreadingMixIn<UdpServer>;

/// A request is a connection; it is handled once, and closed.
pub struct TcpServer {
    base: Base,
    handle: fn(&mut StreamRequestHandler<'_>) -> Result<()>,
    /// How long a handler waits for its client; `None`: for ever.
    pub timeout: Option<Duration>,
}

pub type UnixStreamServer = TcpServer;

impl TcpServer {
    pub fn new(
        address: impl Into<Address>,
        handle: fn(&mut StreamRequestHandler<'_>) -> Result<()>,
    ) -> Result<TcpServer> {
        let base = Base::new(&address.into(), SocketType::STREAM)?;
        net::listen(&base.socket, 5).map_err(of("listen"))?;
        Ok(TcpServer { base, handle, timeout: None })
    }
}

impl BaseServer for TcpServer {
    /// A socket that is read and written like a file: the calls are the same.
    type Request = File;

    fn base(&self) -> &Base {
        &self.base
    }

    fn get_request(&self) -> Result<(File, Address)> {
        let (conn, client) = net::acceptfrom(&self.base.socket).map_err(of("accept"))?;
        Ok((conn.into(), client.unwrap_or_else(nameless)))
    }

    fn finish_request(&self, conn: &File, client: &Address) -> Result<()> {
        if self.timeout.is_some() {
            let set = set_socket_timeout(conn, Timeout::Recv, self.timeout);
            set.map_err(of("setsockopt"))?;
        }
        StreamRequestHandler::run(conn, client, self.handle)
    }

    fn shutdown_request(&self, conn: File) -> Result<()> {
        let ended = net::shutdown(&conn, Shutdown::Write).map_err(of("shutdown"));
        kit::close(conn.into()).and(ended)
    }
}

/// A request is a datagram, and with it the socket to answer by.
pub struct UdpServer {
    base: Base,
    handle: fn(&mut DatagramRequestHandler<'_>) -> Result<()>,
}

pub type UnixDatagramServer = UdpServer;

impl UdpServer {
    pub fn new(
        address: impl Into<Address>,
        handle: fn(&mut DatagramRequestHandler<'_>) -> Result<()>,
    ) -> Result<UdpServer> {
        let base = Base::new(&address.into(), SocketType::DGRAM)?;
        Ok(UdpServer { base, handle })
    }
}

impl BaseServer for UdpServer {
    type Request = (Vec<u8>, Arc<OwnedFd>);

    fn base(&self) -> &Base {
        &self.base
    }

    fn get_request(&self) -> Result<(Self::Request, Address)> {
        let mut packet = vec![0; 8192];
        let received = net::recvfrom(&self.base.socket, &mut packet, RecvFlags::empty());
        let (n, _, client) = received.map_err(of("recvfrom"))?;
        packet.truncate(n);
        Ok(((packet, self.base.socket.clone()), client.unwrap_or_else(nameless)))
    }

    fn finish_request(&self, request: &Self::Request, client: &Address) -> Result<()> {
        DatagramRequestHandler::run(request, client, self.handle)
    }

    /// The socket is everybody's, and there is no connection to end.
    fn shutdown_request(&self, _: Self::Request) -> Result<()> {
        Ok(())
    }
}

/// Who comes by a Unix socket has no name, as a rule.
fn nameless() -> Address {
    SocketAddrUnix::new_unnamed().into()
}
