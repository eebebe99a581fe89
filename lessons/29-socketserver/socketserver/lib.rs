//! A mini socketserver: Python's module of this name, in three files.
//!
//! A *server* has the socket and the loop. A *handler* is made for each
//! request and is gone when that is served. The one knows how bytes are had,
//! the other what they mean; between them stands `handle`, which you supply.
//! Here is the loop; servers.rs has the servers, handlers.rs the handlers.

mod handlers;
mod servers;

use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{self, Scope};

use kit::{Errno, OwnedFd, PollFd, PollFlags, Result, of_std, perror, poll};
use rustix::net::{self, SocketType};

pub use handlers::*;
/// Of any family. A server is of the family that its address is of.
pub use rustix::net::{SocketAddrAny as Address, SocketAddrUnix};
pub use servers::*;

/// Milliseconds: how often the loop looks whether it is to stop.
const POLL_INTERVAL: u16 = 500;

/// What every server owns: a bound socket, and whether it is to stop.
pub struct Base {
    socket: Arc<OwnedFd>,
    stopping: AtomicBool,
}

impl Base {
    fn new(address: &Address, kind: SocketType) -> Result<Base> {
        let socket = net::socket(address.address_family(), kind, None);
        let socket = socket.map_err(of("socket"))?;
        net::bind(&socket, address).map_err(of("bind"))?;
        Ok(Base { socket: Arc::new(socket), stopping: false.into() })
    }
}

/// The loop, and what it calls. Servers differ in the methods without a body.
pub trait BaseServer: Sync {
    /// What a handler is made for: a connection, or a datagram.
    type Request: Send;

    fn base(&self) -> &Base;
    fn get_request(&self) -> Result<(Self::Request, Address)>;
    fn finish_request(&self, request: &Self::Request, client: &Address) -> Result<()>;
    fn shutdown_request(&self, request: Self::Request) -> Result<()>;

    /// Here and now, and everybody else waits. It is all that a mix-in changes.
    fn process_request<'s>(
        &'s self,
        request: Self::Request,
        client: Address,
        _threads: &'s Scope<'s, '_>,
    ) {
        self.serve(request, &client);
    }

    /// One request from beginning to end. What goes wrong in its handler, be
    /// it a panic, is told and over: the next client has no part in it.
    fn serve(&self, request: Self::Request, client: &Address) {
        let finish = AssertUnwindSafe(|| self.finish_request(&request, client));
        // A panic has been printed by the time that it is caught.
        if let Ok(Err(error)) = catch_unwind(finish) {
            perror(&error);
        }
        // This fails if the client has broken off: nothing is left to end.
        let _ = self.shutdown_request(request);
    }

    /// Serves until `shutdown`, and returns when all threads have ended.
    fn serve_forever(&self) -> Result<()> {
        // No thread leaves this scope: its end waits for all of them.
        thread::scope(|threads| {
            while !self.base().stopping.load(SeqCst) {
                let mut fds = [PollFd::new(self.base().socket.as_fd(), PollFlags::POLLIN)];
                match poll(&mut fds, POLL_INTERVAL.into()) {
                    Ok(0) => {}
                    // A client that is gone before it is accepted is no reason to stop.
                    Ok(_) => {
                        if let Ok((request, client)) = self.get_request() {
                            self.process_request(request, client, threads);
                        }
                    }
                    Err(error) if error.errno() == Some(Errno::EINTR) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })
    }

    /// Tells the loop to end. It sleeps, and looks when it wakes.
    fn shutdown(&self) {
        self.base().stopping.store(true, SeqCst);
    }
}

/// Any server, with a thread for each request. Lesson 30's has a process.
pub struct ThreadingMixIn<S>(pub S);

impl<S: BaseServer> BaseServer for ThreadingMixIn<S> {
    type Request = S::Request;

    fn process_request<'s>(
        &'s self,
        request: Self::Request,
        client: Address,
        threads: &'s Scope<'s, '_>,
    ) {
        threads.spawn(move || self.serve(request, &client));
    }

    // What is not different.
    fn base(&self) -> &Base {
        self.0.base()
    }
    fn get_request(&self) -> Result<(Self::Request, Address)> {
        self.0.get_request()
    }
    fn finish_request(&self, request: &Self::Request, client: &Address) -> Result<()> {
        self.0.finish_request(request, client)
    }
    fn shutdown_request(&self, request: Self::Request) -> Result<()> {
        self.0.shutdown_request(request)
    }
}

/// Names the call after which an error came.
fn of(call: &'static str) -> impl Fn(rustix::io::Errno) -> kit::Error {
    move |errno| of_std(call)(errno.into())
}
