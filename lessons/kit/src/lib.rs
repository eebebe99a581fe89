//! What the lessons are written with: one function is one system call.
//!
//! std wraps several calls into one and adds options of its own (`SO_REUSEADDR`, a backlog of
//! 128, `accept4`). A lesson must show the calls that it speaks of and no others, so each function
//! here makes exactly the call that it is named after, with the arguments that it is given. None
//! is repeated after `EINTR`, none is completed after a short count: that is what lessons are about.
//!
//! - A descriptor is an [`OwnedFd`]. [`close`] is the call itself, with its error; a descriptor
//!   that is dropped is closed as well, but a debug build puts an fcntl(2) before that.
//! - An [`Error`] names its call: `bind: EADDRINUSE: Address already in use`.
//! - [`py_repr`] and [`py_addr`] write bytes and addresses as the Python programs did.

#![deny(unsafe_code)]

pub mod children;
pub mod netlink;
pub mod raw;
pub mod unix;

use std::fmt::{self, Write as _};
use std::io::{BufRead as _, IoSlice, IoSliceMut, Write as _};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind};
use nix::sys::socket::{
    self as sys, Backlog, MsgFlags, SockFlag, SockaddrIn, SockaddrIn6, SockaddrLike,
    SockaddrStorage,
};
use nix::unistd::ForkResult;
use rustix::io::FdFlags;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};

pub use nix::errno::Errno;
pub use nix::poll::{PollFd, PollFlags, PollTimeout};
pub use nix::sys::socket::{AddressFamily, Shutdown, SockProtocol, SockType, sockopt};
pub use nix::unistd::Pid;
pub use std::os::fd::OwnedFd;

// The manual pages' names, so that a lesson reads like them.
pub const AF_INET: AddressFamily = AddressFamily::Inet;
pub const AF_INET6: AddressFamily = AddressFamily::Inet6;
pub const AF_UNIX: AddressFamily = AddressFamily::Unix;
pub const SOCK_STREAM: SockType = SockType::Stream;
pub const SOCK_DGRAM: SockType = SockType::Datagram;
pub const IPPROTO_TCP: SockProtocol = SockProtocol::Tcp;
pub const IPPROTO_UDP: SockProtocol = SockProtocol::Udp;
pub const SHUT_RD: Shutdown = Shutdown::Read;
pub const SHUT_WR: Shutdown = Shutdown::Write;
pub const SHUT_RDWR: Shutdown = Shutdown::Both;

pub type Result<T> = std::result::Result<T, Error>;

/// Why a lesson's program had to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A system call failed.
    Call { name: &'static str, errno: Errno },
    /// A name was not found: `EAI_NONAME`, and what the C library says of it.
    Name { code: &'static str, text: String },
    /// What was to be printed is not UTF-8: how many bytes of it are.
    Text { valid: usize },
    /// The program was started without a role that it knows; it knows these.
    Usage { program: String, roles: Vec<&'static str> },
}

impl Error {
    /// The error number, for a lesson that goes on after some of them.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Error::Call { errno, .. } => Some(*errno),
            Error::Name { .. } | Error::Text { .. } | Error::Usage { .. } => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Call { name, errno } => write!(f, "{name}: {errno:?}: {}", errno.desc()),
            Error::Name { code, text } => write!(f, "getaddrinfo: {code}: {text}"),
            Error::Text { valid } => write!(f, "the text is not UTF-8 after byte {valid}"),
            Error::Usage { program, roles } => {
                let ways: Vec<_> = roles.iter().map(|role| format!("{program} {role}")).collect();
                write!(f, "which role?\n  try: {}", ways.join(", then "))
            }
        }
    }
}

impl std::error::Error for Error {}

/// Makes a socket: no flags, protocol 0. Source: socket(2).
pub fn socket(domain: AddressFamily, type_: SockType) -> Result<OwnedFd> {
    sys::socket(domain, type_, SockFlag::empty(), None).map_err(failed("socket"))
}

/// Makes a socket of this protocol, where [`socket`] leaves the choice to the kernel: no flags. Source: socket(2).
pub fn socket_of(
    domain: AddressFamily,
    type_: SockType,
    protocol: SockProtocol,
) -> Result<OwnedFd> {
    sys::socket(domain, type_, SockFlag::empty(), protocol).map_err(failed("socket"))
}

/// Makes two sockets that are connected with each other and have no names: no flags. Source: socketpair(2).
pub fn socketpair(domain: AddressFamily, type_: SockType) -> Result<(OwnedFd, OwnedFd)> {
    sys::socketpair(domain, type_, None, SockFlag::empty()).map_err(failed("socketpair"))
}

/// Gives a socket its own address; port 0 lets the kernel choose one.
///
/// Fails with `EADDRINUSE` if another socket has it, or had it until a minute ago. Source: bind(2), ip(7).
pub fn bind(socket: &OwnedFd, addr: impl Into<SocketAddr>) -> Result<()> {
    sys::bind(socket.as_raw_fd(), &*sockaddr(addr.into())).map_err(failed("bind"))
}

/// Turns a socket into a listener. `backlog`: how many finished connections may wait for accept(2).
///
/// -1 asks for as many as the system allows; nix refuses other negative numbers, and any above
/// 4096, with `EINVAL` before the kernel sees them. Source: listen(2).
pub fn listen(socket: &OwnedFd, backlog: i32) -> Result<()> {
    let backlog = Backlog::new(backlog).map_err(failed("listen"))?;
    sys::listen(socket, backlog).map_err(failed("listen"))
}

/// Takes the next connection: a new socket, and the address of the client at its other end.
///
/// Waits until there is one. Fails with `EAFNOSUPPORT`, the connection being closed again, if the
/// client's address is neither IPv4 nor IPv6. Source: accept(2).
pub fn accept(listener: &OwnedFd) -> Result<(OwnedFd, SocketAddr)> {
    let (conn, addr) = rustix::net::acceptfrom(listener).map_err(of_rustix("accept"))?;
    let addr = addr.ok_or(Errno::EAFNOSUPPORT).map_err(failed("accept"))?;
    Ok((conn, addr.try_into().map_err(of_rustix("accept"))?))
}

/// Connects a socket to a server. Without a bind(2) before it, the kernel chooses address and port.
///
/// Fails with `ECONNREFUSED` if nobody listens there. Source: connect(2).
pub fn connect(socket: &OwnedFd, addr: impl Into<SocketAddr>) -> Result<()> {
    sys::connect(socket.as_raw_fd(), &*sockaddr(addr.into())).map_err(failed("connect"))
}

/// Hands `bytes` to the kernel; gives how many it took, which may be fewer.
///
/// Fails with `EPIPE` if the other end is gone, without a SIGPIPE: Rust programs ignore it from
/// their start. Source: send(2).
pub fn send(socket: &OwnedFd, bytes: &[u8]) -> Result<usize> {
    sys::send(socket.as_raw_fd(), bytes, MsgFlags::empty()).map_err(failed("send"))
}

/// Takes what has arrived, at most `buf.len()` bytes; gives how many. 0 is the end of the stream.
///
/// Waits until there is something. Fails with `ECONNRESET` if the other end broke off. Source: recv(2).
pub fn recv(socket: &OwnedFd, buf: &mut [u8]) -> Result<usize> {
    sys::recv(socket.as_raw_fd(), buf, MsgFlags::empty()).map_err(failed("recv"))
}

/// Takes `buf.len()` bytes and waits until they are there; gives fewer if the stream ends before, or a signal comes.
///
/// With MSG_WAITALL. Source: recv(2).
pub fn recv_waitall(socket: &OwnedFd, buf: &mut [u8]) -> Result<usize> {
    sys::recv(socket.as_raw_fd(), buf, MsgFlags::MSG_WAITALL).map_err(failed("recv"))
}

/// Takes what there is to read of any descriptor, such as stdin; gives how many bytes. 0 is its end. Source: read(2).
pub fn read(fd: impl AsFd, buf: &mut [u8]) -> Result<usize> {
    nix::unistd::read(fd, buf).map_err(failed("read"))
}

/// Hands `bytes` to any descriptor, such as stdout, past the buffer of `println`; gives how many it took. Source: write(2).
pub fn write(fd: impl AsFd, bytes: &[u8]) -> Result<usize> {
    nix::unistd::write(fd, bytes).map_err(failed("write"))
}

/// Sends one datagram of exactly these bytes; a socket without an address gets one from the kernel first.
///
/// That it arrives nobody promises. Source: sendto(2), udp(7).
pub fn sendto(socket: &OwnedFd, bytes: &[u8], addr: impl Into<SocketAddr>) -> Result<usize> {
    sys::sendto(socket.as_raw_fd(), bytes, &*sockaddr(addr.into()), MsgFlags::empty())
        .map_err(failed("sendto"))
}

/// Takes one datagram and the address of its sender. What is longer than `buf` is lost; 0 bytes are a datagram too.
///
/// Fails with `EAGAIN` after the time of [`set_recv_timeout`]. Source: recvfrom(2).
pub fn recvfrom(socket: &OwnedFd, buf: &mut [u8]) -> Result<(usize, SocketAddr)> {
    let (n, addr) =
        sys::recvfrom::<SockaddrStorage>(socket.as_raw_fd(), buf).map_err(failed("recvfrom"))?;
    let addr = addr.ok_or(Errno::EAFNOSUPPORT).and_then(inet).map_err(failed("recvfrom"))?;
    Ok((n, addr))
}

/// Sends `bytes`, at least one, and with them descriptors of what `fds` refer to; gives how many bytes it took.
///
/// Until they are received the message itself keeps those open. Source: sendmsg(2), unix(7), `SCM_RIGHTS`.
pub fn sendmsg(socket: &OwnedFd, bytes: &[u8], fds: &[&OwnedFd]) -> Result<usize> {
    let fds: Vec<_> = fds.iter().map(|fd| fd.as_fd()).collect();
    let rights = SendAncillaryMessage::ScmRights(&fds);
    let mut room = vec![MaybeUninit::uninit(); rights.size()];
    let mut control = SendAncillaryBuffer::new(&mut room);
    // There is room for it: it was asked how much it takes.
    control.push(rights);
    rustix::net::sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::empty())
        .map_err(of_rustix("sendmsg"))
}

/// Takes bytes as [`recv`] does, and the descriptors that came with them, for `most` of which there is room. An exec will
/// close them. Room comes in whole words, so one or two more may fit.
///
/// Fails with `EMSGSIZE` if there was no room for all of them: the kernel has closed the others, and what was taken is
/// closed here. Source: recvmsg(2), `MSG_CMSG_CLOEXEC`, `MSG_CTRUNC`.
pub fn recvmsg(socket: &OwnedFd, buf: &mut [u8], most: usize) -> Result<(usize, Vec<OwnedFd>)> {
    let mut room = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(most))];
    let mut control = RecvAncillaryBuffer::new(&mut room);
    let iov = &mut [IoSliceMut::new(buf)];
    let message = rustix::net::recvmsg(socket, iov, &mut control, RecvFlags::CMSG_CLOEXEC)
        .map_err(of_rustix("recvmsg"))?;
    let rights = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => Some(fds),
        _ => None,
    });
    let fds = rights.flatten().collect();
    match message.flags.contains(ReturnFlags::CTRUNC) {
        true => Err(failed("recvmsg")(Errno::EMSGSIZE)),
        false => Ok((message.bytes, fds)),
    }
}

/// A second descriptor, the lowest free number, for the same open file description. Source: dup(2).
pub fn dup(fd: &OwnedFd) -> Result<OwnedFd> {
    rustix::io::dup(fd).map_err(of_rustix("dup"))
}

/// Whether execve(2) closes this descriptor; of a [`dup`] it does not. Source: fcntl(2), `FD_CLOEXEC`.
pub fn set_cloexec(fd: &OwnedFd, on: bool) -> Result<()> {
    let flags = if on { FdFlags::CLOEXEC } else { FdFlags::empty() };
    rustix::io::fcntl_setfd(fd, flags).map_err(of_rustix("fcntl"))
}

/// Makes a copy of this process, with copies of all its descriptors. Gives the child's number, and `None` to the child.
///
/// # Safety
///
/// No other thread may run: the child has only the one that forked, and a lock that another one held is held for ever.
/// Source: fork(2).
#[allow(unsafe_code)]
pub unsafe fn fork() -> Result<Option<Pid>> {
    // SAFETY: as the caller promises.
    match unsafe { nix::unistd::fork() }.map_err(failed("fork"))? {
        ForkResult::Parent { child } => Ok(Some(child)),
        ForkResult::Child => Ok(None),
    }
}

/// Waits until a child has ended; how, it does not say. Source: waitpid(2).
pub fn waitpid(child: Pid) -> Result<()> {
    nix::sys::wait::waitpid(child, None).map(drop).map_err(failed("waitpid"))
}

/// Sets an option, one of [`sockopt`]; the level is the option's: the socket's own, IP, TCP. Source: setsockopt(2).
pub fn setsockopt<O: sys::SetSockOpt>(socket: &OwnedFd, option: O, value: &O::Val) -> Result<()> {
    sys::setsockopt(socket, option, value).map_err(failed("setsockopt"))
}

/// Asks for an option, one of [`sockopt`]: its value is what the kernel made of what was set. Source: getsockopt(2).
pub fn getsockopt<O: sys::GetSockOpt>(socket: &OwnedFd, option: O) -> Result<O::Val> {
    sys::getsockopt(socket, option).map_err(failed("getsockopt"))
}

/// Bounds how long a read of this socket waits, and accept(2) of a listener: after that it fails with `EAGAIN`.
/// Zero: for ever. Source: socket(7), `SO_RCVTIMEO`.
pub fn set_recv_timeout(socket: &OwnedFd, timeout: Duration) -> Result<()> {
    setsockopt(socket, sockopt::ReceiveTimeout, &timeval(timeout)?)
}

/// The same for a send that finds no room, and for connect(2): that one fails with `EINPROGRESS`.
/// Source: socket(7), `SO_SNDTIMEO`.
pub fn set_send_timeout(socket: &OwnedFd, timeout: Duration) -> Result<()> {
    setsockopt(socket, sockopt::SendTimeout, &timeval(timeout)?)
}

/// Whether calls on this socket fail with `EAGAIN` (connect: `EINPROGRESS`) where they would wait.
///
/// By ioctl(2), which is one call where fcntl(2) takes two. Source: ioctl(2), `FIONBIO`; socket(7), `O_NONBLOCK`.
pub fn set_nonblocking(socket: &OwnedFd, on: bool) -> Result<()> {
    rustix::io::ioctl_fionbio(socket, on).map_err(of_rustix("ioctl"))
}

/// What became of a connect that went on by itself: `None` if all is well. Asking takes the error away.
/// Source: connect(2), `EINPROGRESS`; socket(7), `SO_ERROR`.
pub fn get_error(socket: &OwnedFd) -> Result<Option<Errno>> {
    let error = getsockopt(socket, sockopt::SocketError)?;
    Ok((error != 0).then(|| Errno::from_raw(error)))
}

/// How long close(2) waits until all has been sent; `None`: it does not, and the kernel goes on sending alone.
///
/// Zero makes close throw away what is unsent and reset the connection. Whole seconds. Source: socket(7), `SO_LINGER`.
pub fn set_linger(socket: &OwnedFd, time: Option<Duration>) -> Result<()> {
    let failed = failed("setsockopt");
    let seconds =
        i32::try_from(time.unwrap_or_default().as_secs()).map_err(|_| failed(Errno::EDOM))?;
    let linger = nix::libc::linger { l_onoff: time.is_some().into(), l_linger: seconds };
    setsockopt(socket, sockopt::Linger, &linger)
}

/// Lets bind(2) take an address that another socket had until a minute ago. Source: socket(7), `SO_REUSEADDR`.
pub fn set_reuse_address(socket: &OwnedFd, on: bool) -> Result<()> {
    setsockopt(socket, sockopt::ReuseAddr, &on)
}

/// Whether an IPv6 socket leaves IPv4 alone; else one bound to `::` serves both. Before bind(2), or it fails with
/// `EINVAL`. Source: ipv6(7), `IPV6_V6ONLY`.
pub fn set_v6only(socket: &OwnedFd, on: bool) -> Result<()> {
    setsockopt(socket, sockopt::Ipv6V6Only, &on)
}

/// Permits datagrams to a broadcast address, which fail with `EACCES` otherwise. Source: socket(7), `SO_BROADCAST`.
pub fn set_broadcast(socket: &OwnedFd, on: bool) -> Result<()> {
    setsockopt(socket, sockopt::Broadcast, &on)
}

/// Makes this machine take datagrams to a group, at the interface that has the address `at`.
///
/// Fails with `EADDRINUSE` if the socket has joined already. Source: ip(7), `IP_ADD_MEMBERSHIP`.
pub fn join_group(socket: &OwnedFd, group: Ipv4Addr, at: Ipv4Addr) -> Result<()> {
    let membership = sys::IpMembershipRequest::new(group, Some(at));
    setsockopt(socket, sockopt::IpAddMembership, &membership)
}

/// The interface by which datagrams to groups leave, by its address; else the routes say. Source: ip(7), `IP_MULTICAST_IF`.
pub fn set_multicast_interface(socket: &OwnedFd, at: Ipv4Addr) -> Result<()> {
    rustix::net::sockopt::set_ip_multicast_if(socket, &at).map_err(of_rustix("setsockopt"))
}

/// The family that a socket is of. Fails with `EAFNOSUPPORT` if nix has no name for it. Source: socket(7), `SO_DOMAIN`.
pub fn get_domain(socket: &OwnedFd) -> Result<AddressFamily> {
    let domain = rustix::net::sockopt::socket_domain(socket).map_err(of_rustix("getsockopt"))?;
    AddressFamily::from_i32(domain.as_raw().into())
        .ok_or_else(|| failed("getsockopt")(Errno::EAFNOSUPPORT))
}

/// The type that a socket is of. Source: socket(7), `SO_TYPE`.
pub fn get_type(socket: &OwnedFd) -> Result<SockType> {
    getsockopt(socket, sockopt::SockType)
}

/// The protocol that a socket speaks, also where [`socket`] left the choice to the kernel.
///
/// Fails with `EPROTONOSUPPORT` if it is neither TCP nor UDP. Source: socket(7), `SO_PROTOCOL`.
pub fn get_protocol(socket: &OwnedFd) -> Result<SockProtocol> {
    let protocol =
        rustix::net::sockopt::socket_protocol(socket).map_err(of_rustix("getsockopt"))?;
    match protocol {
        Some(rustix::net::ipproto::TCP) => Ok(IPPROTO_TCP),
        Some(rustix::net::ipproto::UDP) => Ok(IPPROTO_UDP),
        _ => Err(failed("getsockopt")(Errno::EPROTONOSUPPORT)),
    }
}

/// Waits until one of these is ready; gives how many are, 0 if the time is over. Source: poll(2).
pub fn poll(fds: &mut [PollFd<'_>], timeout: PollTimeout) -> Result<usize> {
    let ready = nix::poll::poll(fds, timeout).map_err(failed("poll"))?;
    Ok(usize::try_from(ready).unwrap_or(0))
}

/// The socket's own address. Fails with `EAFNOSUPPORT` if it is no internet address. Source: getsockname(2).
pub fn getsockname(socket: &OwnedFd) -> Result<SocketAddr> {
    sys::getsockname(socket.as_raw_fd()).and_then(inet).map_err(failed("getsockname"))
}

/// The address of the other end. Fails with `ENOTCONN` if there is none. Source: getpeername(2).
pub fn getpeername(socket: &OwnedFd) -> Result<SocketAddr> {
    sys::getpeername(socket.as_raw_fd()).and_then(inet).map_err(failed("getpeername"))
}

/// Ends one or both directions of a connection; the descriptor stays open. Source: shutdown(2).
pub fn shutdown(socket: &OwnedFd, how: Shutdown) -> Result<()> {
    sys::shutdown(socket.as_raw_fd(), how).map_err(failed("shutdown"))
}

/// Gives the descriptor back. It is gone even if this fails. Source: close(2).
pub fn close(fd: OwnedFd) -> Result<()> {
    nix::unistd::close(fd).map_err(failed("close"))
}

/// The addresses of a host, each with the port of a service, in the order in which they are to be tried.
///
/// No system call, but a function of the C library that makes as many as it needs: it reads files and asks name servers.
/// Fails with an [`Error::Name`]. Source: getaddrinfo(3).
pub fn getaddrinfo(host: &str, service: &str, type_: SockType) -> Result<Vec<SocketAddr>> {
    let hints = AddrInfoHints { socktype: type_ as i32, ..AddrInfoHints::default() };
    let found = dns_lookup::getaddrinfo(Some(host), Some(service), Some(hints));
    let failed = |error: LookupError| {
        let code = match error.kind() {
            LookupErrorKind::NoName => "EAI_NONAME",
            LookupErrorKind::NoData => "EAI_NODATA",
            LookupErrorKind::Again => "EAI_AGAIN",
            LookupErrorKind::Service => "EAI_SERVICE",
            LookupErrorKind::Fail => "EAI_FAIL",
            _ => "EAI_SYSTEM",
        };
        let text = std::io::Error::from(error).to_string();
        let text = text.rsplit(": ").next().unwrap_or_default().to_owned();
        Error::Name { code, text }
    };
    // An address of a family that std does not know is none that could be tried.
    Ok(found.map_err(failed)?.flatten().map(|candidate| candidate.sockaddr).collect())
}

/// Which side of the lesson this process plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Server,
    Client,
}

/// The role that the program's first argument names: `server` or `client`.
pub fn role() -> Result<Role> {
    let role = role_of(["server", "client"])?;
    Ok(if role == "server" { Role::Server } else { Role::Client })
}

/// The one of these roles that the program's first argument names.
pub fn role_of<const N: usize>(roles: [&'static str; N]) -> Result<&'static str> {
    let mut args = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned());
    let program = args.next().unwrap_or_else(|| "the program".into());
    let (wanted, more) = (args.next(), args.next());
    let role = roles.into_iter().find(|role| wanted.as_deref() == Some(*role));
    match (role, more) {
        (Some(role), None) => Ok(role),
        _ => Err(Error::Usage { program, roles: roles.into() }),
    }
}

/// The `main` of a program that plays the server alone; its client is the lesson's demo.
pub fn only_server(server: fn() -> Result<()>) -> ExitCode {
    finish(role_of(["server"]).and_then(|_| server()))
}

/// The `main` of a program that plays the client alone; its server is the lesson's demo.
pub fn only_client(client: fn() -> Result<()>) -> ExitCode {
    finish(role_of(["client"]).and_then(|_| client()))
}

/// The last line of `main`: tells a failure to stderr as `error: bind: EADDRINUSE: …`.
///
/// The exit status is 0 if it was done, 2 for a wrong command line, else 1. Its error may be another library's.
pub fn finish<E: Into<Box<dyn std::error::Error>>>(done: std::result::Result<(), E>) -> ExitCode {
    let Err(error) = done.map_err(Into::into) else { return ExitCode::SUCCESS };
    perror(&error);
    let is_usage = matches!(error.downcast_ref(), Some(Error::Usage { .. }));
    ExitCode::from(if is_usage { 2 } else { 1 })
}

/// Prints a prompt and reads a line, without its end, as Python's `input` does; `None` at the end of the input.
///
/// Two calls: a write(2) of the prompt, and a read(2) unless an earlier one brought this line as well.
pub fn input(prompt: &str) -> Result<Option<String>> {
    let mut stdout = std::io::stdout();
    let prompted = stdout.write_all(prompt.as_bytes()).and_then(|()| stdout.flush());
    prompted.map_err(of_std("write"))?;
    let mut line = String::new();
    let n = std::io::stdin().lock().read_line(&mut line).map_err(of_std("read"))?;
    Ok((n > 0).then(|| line.trim_end_matches('\n').to_string()))
}

/// Names the call after which std's error came: `lines.read_line(&mut line).map_err(of_std("recv"))`.
pub fn of_std(name: &'static str) -> impl Fn(std::io::Error) -> Error {
    move |error| failed(name)(Errno::from_raw(error.raw_os_error().unwrap_or(0)))
}

/// The time in seconds since 1970, as Python's `time.time()`.
pub fn time() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// The time as Python's `time.ctime()` writes it: `Tue Jan  1 00:00:00 2030`, in the zone of `TZ`.
pub fn ctime() -> String {
    jiff::Zoned::now().strftime("%a %b %e %H:%M:%S %Y").to_string()
}

/// Tells an error to stderr, as `error: bind: EADDRINUSE: …`.
///
/// One write: stderr has no buffer, and a message in pieces could mix with another program's.
pub fn perror(error: &impl fmt::Display) {
    // If it fails, there is nobody left to tell.
    let _ = std::io::stderr().write_all(format!("error: {error}\n").as_bytes());
}

/// The bytes as text, if they are UTF-8 to the last one.
pub fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|error| Error::Text { valid: error.valid_up_to() })
}

/// Bytes as Python's `repr` has them: `b'caf\xc3\xa9\n'`.
///
/// The quotes are single ones unless the bytes hold a single quote and no double one.
pub fn py_repr(bytes: &[u8]) -> String {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    let mut repr = format!("b{quote}");
    for &byte in bytes {
        match byte {
            b'\t' => repr.push_str("\\t"),
            b'\n' => repr.push_str("\\n"),
            b'\r' => repr.push_str("\\r"),
            b'\\' => repr.push_str("\\\\"),
            _ if char::from(byte) == quote => repr.extend(['\\', quote]),
            b' '..=b'~' => repr.push(char::from(byte)),
            _ => {
                // Writing into a String cannot fail.
                let _ = write!(repr, "\\x{byte:02x}");
            }
        }
    }
    repr.push(quote);
    repr
}

/// An address as Python prints it: `('127.0.0.1', 50985)`, `('::1', 50985, 0, 0)`.
pub fn py_addr(addr: SocketAddr) -> String {
    match addr {
        SocketAddr::V4(v4) => format!("('{}', {})", v4.ip(), v4.port()),
        SocketAddr::V6(v6) => {
            format!("('{}', {}, {}, {})", v6.ip(), v6.port(), v6.flowinfo(), v6.scope_id())
        }
    }
}

fn failed(name: &'static str) -> impl Fn(Errno) -> Error {
    move |errno| Error::Call { name, errno }
}

fn of_rustix(name: &'static str) -> impl Fn(rustix::io::Errno) -> Error {
    move |errno| failed(name)(Errno::from_raw(errno.raw_os_error()))
}

/// Any part of a microsecond is one, since none at all would be for ever.
fn timeval(time: Duration) -> Result<nix::sys::time::TimeVal> {
    let micros = time.as_nanos().div_ceil(1000);
    let seconds =
        i64::try_from(micros / 1_000_000).map_err(|_| failed("setsockopt")(Errno::EDOM))?;
    Ok(nix::sys::time::TimeVal::new(seconds, (micros % 1_000_000) as i64))
}

/// The address in the kernel's form. Not a `SockaddrStorage`: its length would be 128 bytes
/// whatever it holds, and the recording shows the length.
fn sockaddr(addr: SocketAddr) -> Box<dyn SockaddrLike> {
    match addr {
        SocketAddr::V4(v4) => Box::new(SockaddrIn::from(v4)),
        SocketAddr::V6(v6) => Box::new(SockaddrIn6::from(v6)),
    }
}

fn inet(addr: SockaddrStorage) -> nix::Result<SocketAddr> {
    if let Some(v4) = addr.as_sockaddr_in() {
        Ok(SocketAddrV4::from(*v4).into())
    } else if let Some(v6) = addr.as_sockaddr_in6() {
        Ok(SocketAddrV6::from(*v6).into())
    } else {
        Err(Errno::EAFNOSUPPORT)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    const ANY_PORT: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

    /// A listener on a port of the kernel's choice, and its address.
    fn listener() -> Result<(OwnedFd, SocketAddr)> {
        let listener = socket(AF_INET, SOCK_STREAM)?;
        bind(&listener, ANY_PORT)?;
        listen(&listener, 5)?;
        let addr = getsockname(&listener)?;
        Ok((listener, addr))
    }

    fn client(addr: SocketAddr) -> Result<OwnedFd> {
        let client = socket(AF_INET, SOCK_STREAM)?;
        connect(&client, addr)?;
        Ok(client)
    }

    #[test]
    fn a_conversation_goes_both_ways_and_ends() -> Result<()> {
        let (listener, addr) = listener()?;
        let client = client(addr)?;
        let (conn, peer) = accept(&listener)?;
        assert_eq!(peer, getsockname(&client)?);
        assert_eq!(addr, getpeername(&client)?);

        let mut buf = [0; 1024];
        assert_eq!(send(&client, "你好".as_bytes())?, 6);
        assert_eq!(recv(&conn, &mut buf)?, 6);
        assert_eq!(text(&buf[..6])?, "你好");

        shutdown(&conn, SHUT_WR)?;
        assert_eq!(recv(&client, &mut buf)?, 0);
        close(conn)?;
        close(client)?;
        close(listener)
    }

    #[test]
    fn what_is_no_socket_is_read_and_written_too() -> Result<()> {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        assert_eq!(write(&writer, b"typed")?, 5);
        drop(writer);
        let mut buf = [0; 1024];
        assert_eq!(read(&reader, &mut buf)?, 5);
        assert_eq!(read(&reader, &mut buf)?, 0);
        Ok(())
    }

    #[test]
    fn an_ipv6_conversation_knows_its_addresses() -> Result<()> {
        let listener = socket(AF_INET6, SOCK_STREAM)?;
        match bind(&listener, (Ipv6Addr::LOCALHOST, 0)) {
            Err(error) if error.errno() == Some(Errno::EADDRNOTAVAIL) => {
                println!("skipped: no ::1 on this machine");
                return Ok(());
            }
            bound => bound?,
        }
        listen(&listener, 1)?;
        let client = socket(AF_INET6, SOCK_STREAM)?;
        connect(&client, getsockname(&listener)?)?;
        let (_conn, peer) = accept(&listener)?;
        assert_eq!(peer, getsockname(&client)?);
        Ok(())
    }

    #[test]
    fn a_message_carries_a_socket_and_its_sender_may_close_it_at_once() -> Result<()> {
        let (ours, theirs) = socketpair(AF_UNIX, SOCK_STREAM)?;
        let (near, far) = socketpair(AF_UNIX, SOCK_STREAM)?;
        assert_eq!(sendmsg(&ours, b"!", &[&near])?, 1);
        close(near)?;
        let mut buf = [0; 16];
        let (n, mut fds) = recvmsg(&theirs, &mut buf, 2)?;
        assert_eq!((n, fds.len()), (1, 1));
        send(&fds.remove(0), b"here")?;
        assert_eq!(recv(&far, &mut buf)?, 4);
        assert_eq!(recv(&far, &mut buf)?, 0, "it was the last one");
        close(ours)?;
        assert_eq!(recvmsg(&theirs, &mut buf, 2)?.0, 0);
        Ok(())
    }

    #[test]
    fn more_sockets_than_there_is_room_for_are_an_error() -> Result<()> {
        let (ours, theirs) = socketpair(AF_UNIX, SOCK_STREAM)?;
        let (near, far) = socketpair(AF_UNIX, SOCK_STREAM)?;
        sendmsg(&ours, b"!", &[&near; 8])?;
        close(near)?;
        let error = recvmsg(&theirs, &mut [0; 1], 1).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::EMSGSIZE));
        assert_eq!(recv(&far, &mut [0; 1])?, 0, "what came is closed");
        Ok(())
    }

    #[test]
    fn a_duplicate_is_the_same_socket_and_has_its_own_cloexec() -> Result<()> {
        let (near, far) = socketpair(AF_UNIX, SOCK_STREAM)?;
        set_cloexec(&near, true)?;
        let copy = dup(&near)?;
        let flags = |fd: &OwnedFd| rustix::io::fcntl_getfd(fd).expect("it is open");
        assert_eq!((flags(&near), flags(&copy)), (FdFlags::CLOEXEC, FdFlags::empty()));
        close(near)?;
        send(&copy, b"x")?;
        assert_eq!(recv(&far, &mut [0; 1])?, 1);
        Ok(())
    }

    #[test]
    fn a_socket_knows_what_it_was_made_as() -> Result<()> {
        let sock = socket(AF_INET, SOCK_DGRAM)?;
        let kind = (get_domain(&sock)?, get_type(&sock)?, get_protocol(&sock)?);
        assert_eq!(kind, (AF_INET, SOCK_DGRAM, IPPROTO_UDP));
        assert_eq!(get_protocol(&socket_of(AF_INET, SOCK_STREAM, IPPROTO_TCP)?)?, IPPROTO_TCP);
        let error = socket_of(AF_INET, SOCK_STREAM, IPPROTO_UDP).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::EPROTONOSUPPORT));
        Ok(())
    }

    #[test]
    fn a_numeric_name_is_its_own_address_and_a_wrong_one_is_told() -> Result<()> {
        assert_eq!(
            getaddrinfo("127.0.0.9", "7", SOCK_STREAM)?,
            [(Ipv4Addr::new(127, 0, 0, 9), 7).into()]
        );
        let error = getaddrinfo("127.0.0.9", "no such service", SOCK_STREAM).unwrap_err();
        assert_eq!(error.errno(), None);
        assert!(error.to_string().starts_with("getaddrinfo: EAI_SERVICE: "), "{error}");
        Ok(())
    }

    #[test]
    fn an_option_reads_back_as_the_kernel_has_it() -> Result<()> {
        let sock = socket(AF_INET, SOCK_STREAM)?;
        setsockopt(&sock, sockopt::RcvBuf, &4096)?;
        assert_eq!(getsockopt(&sock, sockopt::RcvBuf)?, 8192);
        let error = setsockopt(&sock, sockopt::Ipv6V6Only, &true).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::ENOPROTOOPT));
        Ok(())
    }

    #[test]
    fn an_error_names_its_call_and_its_errno() -> Result<()> {
        let (_listener, addr) = listener()?;
        let second = socket(AF_INET, SOCK_STREAM)?;
        let error = bind(&second, addr).unwrap_err();
        assert_eq!(error.to_string(), "bind: EADDRINUSE: Address already in use");

        let error = getpeername(&second).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::ENOTCONN));
        Ok(())
    }

    #[test]
    fn a_port_without_listener_refuses() -> Result<()> {
        // Bound but not listening: nobody else can have this port meanwhile.
        let bound = socket(AF_INET, SOCK_STREAM)?;
        bind(&bound, ANY_PORT)?;
        let error = client(getsockname(&bound)?).unwrap_err();
        assert_eq!(error.to_string(), "connect: ECONNREFUSED: Connection refused");
        Ok(())
    }

    #[test]
    fn a_connect_that_does_not_wait_is_asked_later_what_became_of_it() -> Result<()> {
        let bound = socket(AF_INET, SOCK_STREAM)?;
        bind(&bound, ANY_PORT)?;
        let client = socket(AF_INET, SOCK_STREAM)?;
        set_nonblocking(&client, true)?;
        let error = connect(&client, getsockname(&bound)?).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::EINPROGRESS));
        let mut fds = [PollFd::new(client.as_fd(), PollFlags::POLLOUT)];
        assert_eq!(poll(&mut fds, PollTimeout::NONE)?, 1);
        assert_eq!(get_error(&client)?, Some(Errno::ECONNREFUSED));
        assert_eq!(get_error(&client)?, None);
        Ok(())
    }

    #[test]
    fn the_shortest_time_is_not_for_ever() -> Result<()> {
        let (listener, _) = listener()?;
        set_recv_timeout(&listener, Duration::from_nanos(1))?;
        assert_eq!(accept(&listener).unwrap_err().errno(), Some(Errno::EAGAIN));
        Ok(())
    }

    #[test]
    fn sending_to_a_stream_that_was_shut_is_an_error_not_a_signal() -> Result<()> {
        let (_listener, addr) = listener()?;
        let client = client(addr)?;
        shutdown(&client, SHUT_WR)?;
        assert_eq!(send(&client, b"late").unwrap_err().errno(), Some(Errno::EPIPE));
        Ok(())
    }

    #[test]
    fn accepting_on_what_does_not_listen_is_einval() -> Result<()> {
        let fresh = socket(AF_INET, SOCK_STREAM)?;
        assert_eq!(accept(&fresh).unwrap_err().to_string(), "accept: EINVAL: Invalid argument");
        Ok(())
    }

    #[test]
    fn a_datagram_brings_its_sender_and_the_next_is_waited_for_in_vain() -> Result<()> {
        let server = socket(AF_INET, SOCK_DGRAM)?;
        bind(&server, ANY_PORT)?;
        let client = socket(AF_INET, SOCK_DGRAM)?;
        assert_eq!(sendto(&client, b"hello", getsockname(&server)?)?, 5);
        let mut buf = [0; 3];
        let (n, from) = recvfrom(&server, &mut buf)?;
        assert_eq!((n, &buf), (3, b"hel"));
        assert_eq!(from.port(), getsockname(&client)?.port());
        set_recv_timeout(&server, Duration::from_millis(1))?;
        assert_eq!(recvfrom(&server, &mut buf).unwrap_err().errno(), Some(Errno::EAGAIN));
        let mut fds = [PollFd::new(server.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut fds, PollTimeout::ZERO)?, 0);
        Ok(())
    }

    #[test]
    fn a_group_is_heard_where_it_was_joined() -> Result<()> {
        const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 0, 26);
        let member = socket(AF_INET, SOCK_DGRAM)?;
        bind(&member, (GROUP, 0))?;
        join_group(&member, GROUP, Ipv4Addr::LOCALHOST)?;
        let again = join_group(&member, GROUP, Ipv4Addr::LOCALHOST).unwrap_err();
        assert_eq!(again.errno(), Some(Errno::EADDRINUSE));
        let sender = socket(AF_INET, SOCK_DGRAM)?;
        set_multicast_interface(&sender, Ipv4Addr::LOCALHOST)?;
        sendto(&sender, b"all of you", getsockname(&member)?)?;
        let mut buf = [0; 64];
        assert_eq!(recv(&member, &mut buf)?, 10);
        Ok(())
    }

    #[test]
    fn everybody_is_spoken_to_with_permission_only() -> Result<()> {
        const EVERYBODY: Ipv4Addr = Ipv4Addr::new(127, 255, 255, 255);
        let hearer = socket(AF_INET, SOCK_DGRAM)?;
        bind(&hearer, (EVERYBODY, 0))?;
        let sender = socket(AF_INET, SOCK_DGRAM)?;
        let error = sendto(&sender, b"hello", getsockname(&hearer)?).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::EACCES));
        set_broadcast(&sender, true)?;
        assert_eq!(sendto(&sender, b"hello", getsockname(&hearer)?)?, 5);
        let mut buf = [0; 64];
        assert_eq!(recv(&hearer, &mut buf)?, 5);
        Ok(())
    }

    #[test]
    fn the_time_looks_as_in_python() {
        let now = ctime();
        assert_eq!((now.len(), now.matches(':').count()), (24, 2), "{now}");
    }

    #[test]
    fn bytes_look_as_in_python() {
        let cases: [(&[u8], &str); 8] = [
            (b"", "b''"),
            (b"hello", "b'hello'"),
            (b"it's", "b\"it's\""),
            (b"say \"it's\"", "b'say \"it\\'s\"'"),
            (b"\"", "b'\"'"),
            (b"\t\r\n\\", "b'\\t\\r\\n\\\\'"),
            (b"\x00\x1b ~\x7f\xff", "b'\\x00\\x1b ~\\x7f\\xff'"),
            ("你".as_bytes(), "b'\\xe4\\xbd\\xa0'"),
        ];
        for (bytes, repr) in cases {
            assert_eq!(py_repr(bytes), repr);
        }
    }

    #[test]
    fn addresses_look_as_in_python() {
        let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, 50985));
        assert_eq!(py_addr(v4), "('127.0.0.1', 50985)");
        let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, 50985));
        assert_eq!(py_addr(v6), "('::1', 50985, 0, 0)");
        let scoped = SocketAddrV6::new("fe80::1".parse().unwrap(), 80, 0, 2);
        assert_eq!(py_addr(scoped.into()), "('fe80::1', 80, 0, 2)");
    }

    #[test]
    fn who_names_no_role_is_told_which_there_are() {
        let error = Error::Usage { program: "demo".into(), roles: vec!["server", "silent"] };
        assert_eq!(error.to_string(), "which role?\n  try: demo server, then demo silent");
    }

    #[test]
    fn half_a_character_is_not_printed_as_something_else() {
        let error = text(&"你好".as_bytes()[..4]).unwrap_err();
        assert_eq!(error.to_string(), "the text is not UTF-8 after byte 3");
    }
}
