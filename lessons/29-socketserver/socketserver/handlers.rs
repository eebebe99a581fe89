//! The handlers: what `handle` reads its request from, and writes its answer to.

use std::fs::File;
use std::io::{BufReader, Cursor};
use std::sync::Arc;

use kit::{OwnedFd, Result};
use rustix::net::{self, SendFlags};

use crate::{Address, of};

/// `setup`, what you supply, and `finish`, in this order.
pub trait BaseRequestHandler<'r, R>: Sized {
    fn setup(request: &'r R, client: &'r Address) -> Self;
    fn finish(self) -> Result<()>;

    fn run(request: &'r R, client: &'r Address, handle: fn(&mut Self) -> Result<()>) -> Result<()> {
        let mut handler = Self::setup(request, client);
        let handled = handle(&mut handler);
        handler.finish().and(handled)
    }
}

/// Reads through a buffer, so that there are lines; writes without one.
pub struct StreamRequestHandler<'r> {
    pub client: &'r Address,
    pub rfile: BufReader<&'r File>,
    pub wfile: &'r File,
}

impl<'r> BaseRequestHandler<'r, File> for StreamRequestHandler<'r> {
    fn setup(conn: &'r File, client: &'r Address) -> Self {
        StreamRequestHandler { client, rfile: BufReader::new(conn), wfile: conn }
    }

    fn finish(self) -> Result<()> {
        Ok(())
    }
}

/// Reads what came in one datagram; all that is written goes out as one.
pub struct DatagramRequestHandler<'r> {
    pub client: &'r Address,
    pub rfile: Cursor<&'r [u8]>,
    pub wfile: Vec<u8>,
    socket: &'r OwnedFd,
}

impl<'r> BaseRequestHandler<'r, (Vec<u8>, Arc<OwnedFd>)> for DatagramRequestHandler<'r> {
    fn setup((packet, socket): &'r (Vec<u8>, Arc<OwnedFd>), client: &'r Address) -> Self {
        DatagramRequestHandler { client, rfile: Cursor::new(packet), wfile: Vec::new(), socket }
    }

    fn finish(self) -> Result<()> {
        let sent = net::sendto(self.socket, &self.wfile, SendFlags::empty(), self.client);
        sent.map(drop).map_err(of("sendto"))
    }
}
