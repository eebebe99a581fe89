//! The kernel's table of TCP and UDP sockets: states, queues, what is not acknowledged. sock_diag(7).
//!
//! The kernel tells it to anybody, of the network namespace that the question comes from. It shows sockets
//! that no process owns any more, too: those in TIME-WAIT, and those that still have something to send. And those that
//! nobody owns yet, since they wait in a listener's queue.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

use crate::event::{SockAddr, SocketState};
use crate::tracer::Changed;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLMSG_DONE: u16 = 3;
const NLMSG_ERROR: u16 = 2;

/// An open conversation with the kernel's socket tables.
pub struct Diag(OwnedFd);

impl Diag {
    /// Fails where netlink is forbidden.
    pub fn open() -> Result<Diag, Errno> {
        let flags = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
        // SAFETY: plain numbers; the descriptor is ours alone.
        unsafe {
            let fd = libc::socket(libc::AF_NETLINK, flags, libc::NETLINK_SOCK_DIAG);
            Ok(Diag(OwnedFd::from_raw_fd(Errno::result(fd)?)))
        }
    }

    /// Sends one request and hands each message of the answer, without its header, to `take`.
    ///
    /// `flags`: `NLM_F_DUMP` for a whole table, 0 for one socket.
    pub fn ask(
        &self,
        flags: i32,
        request: &[u8],
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), Errno> {
        self.send(&message(flags, request))?;
        let mut buf = vec![0u8; 32 * 1024];
        loop {
            let packet = self.receive(&mut buf, 0)?;
            if read_messages(packet, &mut take)? || flags == 0 {
                return Ok(());
            }
        }
    }

    /// Asks several questions about one socket each, at once. The answers come in the order of the questions; `None`: there
    /// is no such socket.
    fn ask_each<T>(
        &self,
        requests: &[Vec<u8>],
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<Option<T>>, Errno> {
        let messages: Vec<Vec<u8>> = requests.iter().map(|it| message(0, it)).collect();
        self.send(&messages.concat())?;
        let mut answers = Vec::with_capacity(requests.len());
        for _ in requests {
            let mut room = [0u8; 1024];
            let packet = self.receive(&mut room, libc::MSG_DONTWAIT)?;
            let mut answer = None;
            // ENOENT, or why else there is no answer: the next ones come all the same.
            let _ = read_messages(packet, &mut |message| answer = read(message));
            answers.push(answer);
        }
        Ok(answers)
    }

    /// One packet of messages.
    fn receive<'a>(&self, buf: &'a mut [u8], flags: i32) -> Result<&'a [u8], Errno> {
        let fd = self.0.as_raw_fd();
        // SAFETY: the kernel writes at most `buf.len()` bytes into `buf`.
        let got = unsafe { libc::recv(fd, buf.as_mut_ptr().cast(), buf.len(), flags) };
        Ok(&buf[..Errno::result(got)? as usize])
    }

    fn send(&self, messages: &[u8]) -> Result<(), Errno> {
        let fd = self.0.as_raw_fd();
        // SAFETY: the kernel reads `messages`, of the length given.
        let sent = unsafe { libc::send(fd, messages.as_ptr().cast(), messages.len(), 0) };
        Errno::result(sent).map(drop)
    }
}

/// A request with its struct nlmsghdr.
fn message(flags: i32, request: &[u8]) -> Vec<u8> {
    let length = HEADER + request.len();
    let mut message = Vec::with_capacity(length.next_multiple_of(4));
    message.extend((length as u32).to_ne_bytes());
    message.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    message.extend(((libc::NLM_F_REQUEST | flags) as u16).to_ne_bytes());
    message.extend([0; 8]);
    message.extend(request);
    message.resize(length.next_multiple_of(4), 0);
    message
}

/// The size of struct nlmsghdr.
const HEADER: usize = 16;

/// Goes through one packet of messages; true if the answer ends with it.
fn read_messages(packet: &[u8], take: &mut impl FnMut(&[u8])) -> Result<bool, Errno> {
    let mut rest = packet;
    while let (Some(length), Some(kind)) = (u32_at(rest, 0), u16_at(rest, 4)) {
        let length = length as usize;
        if length < HEADER || length > rest.len() {
            return Ok(true);
        }
        match kind {
            NLMSG_DONE => return Ok(true),
            NLMSG_ERROR => {
                let errno = u32_at(rest, HEADER).unwrap_or(0) as i32;
                return Err(Errno::from_raw(-errno));
            }
            _ => take(&rest[HEADER..length]),
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

/// The attributes after the fixed part of a message: kind and content.
pub fn attributes(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (length, kind) = (usize::from(u16_at(rest, 0)?), u16_at(rest, 2)?);
        let content = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, content))
    })
}

/// A TCP socket as the kernel's table has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpSocket {
    /// 0 for one that no process owns any more.
    pub inode: u32,
    /// Segments that were sent and not acknowledged.
    pub unacknowledged: u32,
    /// In SYN-SENT, the port that it asks for a connection.
    pub connecting_to: Option<u16>,
}

/// All TCP sockets of the namespace that may have something under way.
pub fn tcp_sockets(diag: &Diag) -> Result<Vec<TcpSocket>, Errno> {
    // Neither TIME-WAIT (6) nor LISTEN (10), which send nothing of their own.
    const STATES: u32 = 0xfff & !(1 << 6) & !(1 << 10);
    let mut sockets = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        let request = request(family, libc::IPPROTO_TCP, STATES, INET_DIAG_INFO);
        diag.ask(libc::NLM_F_DUMP, &request, |message| sockets.extend(read_tcp(message)))?;
    }
    Ok(sockets)
}

/// The ports of the listeners whose queue has no room: a SYN that comes there is dropped. listen(2), tcp(7).
pub fn full_listeners(diag: &Diag) -> Result<Vec<u16>, Errno> {
    let is_full = |state: &SocketState| {
        // Of a listener the queues are how many wait, and how many may wait besides the first.
        state.state == "LISTEN" && state.receive_queue > state.send_queue
    };
    let mut found = Vec::new();
    dump(diag, libc::IPPROTO_TCP, 1 << LISTEN, &mut found)?;
    let listeners = found.into_iter().map(|(_, state)| state);
    Ok(listeners.filter(is_full).filter_map(|state| state.local.port()).collect())
}

/// A part of the table: the sockets of both families of a protocol that are in one of these states, a bit each.
fn dump(
    diag: &Diag,
    protocol: i32,
    states: u32,
    found: &mut Vec<(u64, SocketState)>,
) -> Result<(), Errno> {
    for family in [libc::AF_INET, libc::AF_INET6] {
        let asked = diag.ask(libc::NLM_F_DUMP, &request(family, protocol, states, 0), |message| {
            found.extend(read_state(message, protocol));
        });
        match asked {
            // A kernel without udp_diag still tells of TCP.
            Err(Errno::ENOENT) if protocol == libc::IPPROTO_UDP => {}
            other => other?,
        }
    }
    Ok(())
}

/// The state of every TCP and UDP socket of the namespace, of both families, with its inode: 0 where no process owns it.
pub fn states(diag: &Diag) -> Result<Vec<(u64, SocketState)>, Errno> {
    let mut found = Vec::new();
    for protocol in [libc::IPPROTO_TCP, libc::IPPROTO_UDP] {
        dump(diag, protocol, u32::MAX, &mut found)?;
    }
    Ok(found)
}

/// The connections of a network, known one by one.
///
/// To dump the table of all connections the kernel goes through every bucket of the whole machine's (180 us here); to
/// look one of them up takes 4.
#[derive(Default)]
pub struct Connections {
    /// As they were seen last; `None`: not there.
    known: BTreeMap<Ends, Option<(u64, SocketState)>>,
    /// The listeners and the datagram sockets as they were seen last.
    others: Vec<(u64, SocketState)>,
}

/// The two ends of a connection as one of them sees it.
type Ends = ((IpAddr, u16), (IpAddr, u16));

impl Connections {
    /// Takes in both ends of a connection that begins.
    pub fn add(&mut self, one: &SockAddr, other: &SockAddr) {
        if let (Some(one), Some(other)) = (one.internet(), other.internet()) {
            self.known.entry((one, other)).or_default();
            self.known.entry((other, one)).or_default();
        }
    }

    /// As [`states`], of these connections, all listeners and all datagram sockets. An end that is gone is forgotten with
    /// the other.
    pub fn states(
        &mut self,
        diag: &Diag,
        changed: &Changed,
    ) -> Result<Vec<(u64, SocketState)>, Errno> {
        let asked: BTreeSet<Ends> = match changed {
            Changed::Anything => {
                self.others.clear();
                dump(diag, libc::IPPROTO_TCP, 1 << LISTEN, &mut self.others)?;
                dump(diag, libc::IPPROTO_UDP, u32::MAX, &mut self.others)?;
                self.known.keys().copied().collect()
            }
            Changed::Ends(some) => {
                let ends =
                    some.iter().filter_map(|(own, other)| own.internet().zip(other.internet()));
                ends.filter(|it| self.known.contains_key(it)).collect()
            }
        };
        // No more at once than the kernel has room for in its answers.
        const AT_ONCE: usize = 64;
        let asked: Vec<Ends> = asked.into_iter().collect();
        for some in asked.chunks(AT_ONCE) {
            let requests: Vec<Vec<u8>> = some.iter().map(about).collect();
            let answers = diag.ask_each(&requests, |it| read_state(it, libc::IPPROTO_TCP))?;
            for (ends, answer) in some.iter().zip(answers) {
                // Where there is no such connection, the kernel shows who listens at its port.
                let found = answer.filter(|(_, it)| it.remote.internet() == Some(ends.1));
                self.known.insert(*ends, found);
            }
        }
        for (own, other) in asked {
            let gone = |ends: &Ends| self.known.get(ends).is_none_or(Option::is_none);
            if gone(&(own, other)) && gone(&(other, own)) {
                self.known.remove(&(own, other));
                self.known.remove(&(other, own));
            }
        }
        Ok(self.others.iter().chain(self.known.values().flatten()).cloned().collect())
    }
}

/// The question about one end of a connection.
fn about((own, other): &Ends) -> Vec<u8> {
    let mut request = match (own.0, other.0) {
        (IpAddr::V4(_), IpAddr::V4(_)) => request(libc::AF_INET, libc::IPPROTO_TCP, u32::MAX, 0),
        _ => request(libc::AF_INET6, libc::IPPROTO_TCP, u32::MAX, 0),
    };
    // struct inet_diag_sockid: the ports, then the addresses in 16 bytes each; the cookie at its end is "any".
    const ID: usize = 8;
    for (n, (ip, port)) in [own, other].into_iter().enumerate() {
        request[ID + 2 * n..][..2].copy_from_slice(&port.to_be_bytes());
        let place = ID + 4 + 16 * n;
        match ip {
            IpAddr::V4(ip) => request[place..][..4].copy_from_slice(&ip.octets()),
            IpAddr::V6(ip) => request[place..][..16].copy_from_slice(&ip.octets()),
        }
    }
    request[ID + 40..].fill(0xff);
    request
}

/// The number of the state in net/tcp_states.h.
const LISTEN: u32 = 10;

const INET_DIAG_INFO: u16 = 2;

/// struct inet_diag_req_v2: linux/inet_diag.h. `states`: a bit each; `more`: an attribute that is wanted, or 0.
fn request(family: i32, protocol: i32, states: u32, more: u16) -> Vec<u8> {
    const SOCKET_ID: usize = 48;
    let more = if more == 0 { 0 } else { 1 << (more - 1) };
    let mut request = vec![family as u8, protocol as u8, more, 0];
    request.extend(states.to_ne_bytes());
    request.extend([0; SOCKET_ID]);
    request
}

/// struct inet_diag_msg, then attributes; the inode is its last word.
fn read_tcp(message: &[u8]) -> Option<TcpSocket> {
    const LENGTH: usize = 72;
    // tcpi_unacked in struct tcp_info: after eight bytes and the four words rto, ato, snd_mss, rcv_mss.
    const UNACKED: usize = 24;
    let inode = u32_at(message, LENGTH - 4)?;
    let info = attributes(message.get(LENGTH..)?).find(|&(kind, _)| kind == INET_DIAG_INFO);
    let unacknowledged = info.and_then(|(_, info)| u32_at(info, UNACKED)).unwrap_or(0);
    const SYN_SENT: u8 = 2;
    let is_connecting = *message.get(1)? == SYN_SENT;
    // The other end's port, in network byte order.
    let remote = message.get(6..8)?.try_into().ok().map(u16::from_be_bytes);
    let connecting_to = remote.filter(|_| is_connecting);
    Some(TcpSocket { inode, unacknowledged, connecting_to })
}

/// struct inet_diag_msg: family, state, timer, retransmissions, then struct inet_diag_sockid (ports in network byte
/// order, addresses of 16 bytes each, interface, cookie), expiry, the two queues, uid, inode.
fn read_state(message: &[u8], protocol: i32) -> Option<(u64, SocketState)> {
    let family = i32::from(*message.first()?);
    let end = |port: usize, addr: usize| -> Option<SockAddr> {
        let port = u16::from_be_bytes(message.get(port..port + 2)?.try_into().ok()?);
        let bytes: [u8; 16] = message.get(addr..addr + 16)?.try_into().ok()?;
        if family == libc::AF_INET6 {
            let ip = Ipv6Addr::from(bytes);
            return Some(SockAddr::Inet6 { ip, port, flowinfo: 0, scope: 0 });
        }
        let [a, b, c, d, ..] = bytes;
        Some(SockAddr::Inet { ip: Ipv4Addr::new(a, b, c, d), port })
    };
    let number = *message.get(1)?;
    let is_tcp = protocol == libc::IPPROTO_TCP;
    let state = SocketState {
        socket: None,
        orphan: u32_at(message, 68)? == 0,
        protocol: if is_tcp { "tcp" } else { "udp" }.into(),
        // A datagram socket has no states; the kernel calls the one that is not connected closed.
        state: if !is_tcp && number == TCP_CLOSE { "UNCONN" } else { state_name(number) }.into(),
        local: end(4, 8)?,
        remote: end(6, 24)?,
        receive_queue: u32_at(message, 56)?,
        send_queue: u32_at(message, 60)?,
    };
    Some((u32_at(message, 68)?.into(), state))
}

const TCP_CLOSE: u8 = 7;

/// A state by its name in RFC 9293; the numbers are those of net/tcp_states.h.
fn state_name(state: u8) -> &'static str {
    match state {
        1 => "ESTABLISHED",
        2 => "SYN-SENT",
        // TCP_NEW_SYN_RECV is how the kernel keeps a handshake under way.
        3 | 12 => "SYN-RECEIVED",
        4 => "FIN-WAIT-1",
        5 => "FIN-WAIT-2",
        6 => "TIME-WAIT",
        8 => "CLOSE-WAIT",
        9 => "LAST-ACK",
        10 => "LISTEN",
        11 => "CLOSING",
        _ => "CLOSED",
    }
}

pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The unix socket that the one with this inode is connected to: UNIX_DIAG_PEER. `None` if it has none.
pub fn unix_peer(diag: &Diag, inode: u32) -> Option<u64> {
    const UDIAG_SHOW_PEER: u32 = 0x4;
    const UNIX_DIAG_PEER: u16 = 2;
    const LENGTH: usize = 16;
    // struct unix_diag_req: linux/unix_diag.h; the cookie at the end is "any".
    let mut request = vec![libc::AF_UNIX as u8, 0, 0, 0];
    request.extend(u32::MAX.to_ne_bytes());
    request.extend(inode.to_ne_bytes());
    request.extend(UDIAG_SHOW_PEER.to_ne_bytes());
    request.extend([0xff; 8]);
    let mut peer = None;
    diag.ask(0, &request, |message| {
        let found = attributes(message.get(LENGTH..).unwrap_or_default());
        let mut found = found.filter(|&(kind, _)| kind == UNIX_DIAG_PEER);
        peer = found.next().and_then(|(_, content)| u32_at(content, 0));
    })
    .ok()?;
    peer.map(u64::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;

    fn inode(socket: &impl AsRawFd) -> u32 {
        let link = std::fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap();
        let text = link.to_string_lossy().into_owned();
        text.trim_start_matches("socket:[").trim_end_matches(']').parse().unwrap()
    }

    #[test]
    fn the_kernel_names_the_other_end_of_a_pair() {
        let diag = Diag::open().unwrap();
        let (one, two) = UnixStream::pair().unwrap();
        assert_eq!(unix_peer(&diag, inode(&one)), Some(inode(&two).into()));
        assert_eq!(unix_peer(&diag, inode(&two)), Some(inode(&one).into()));
    }

    #[test]
    fn both_ends_of_a_connection_are_in_the_table() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (conn, _) = listener.accept().unwrap();
        let sockets = tcp_sockets(&Diag::open().unwrap()).unwrap();
        for end in [inode(&client), inode(&conn)] {
            let found = sockets.iter().find(|socket| socket.inode == end);
            assert_eq!(found.map(|socket| socket.unacknowledged), Some(0));
        }
    }

    #[test]
    fn a_listener_with_a_full_queue_leaves_a_client_asking() {
        use nix::sys::socket as sys;
        let diag = Diag::open().unwrap();
        let flags = sys::SockFlag::SOCK_NONBLOCK;
        let socket =
            || sys::socket(sys::AddressFamily::Inet, sys::SockType::Stream, flags, None).unwrap();
        let listener = socket();
        sys::bind(listener.as_raw_fd(), &sys::SockaddrIn::new(127, 0, 0, 1, 0)).unwrap();
        // None may wait but the first, which always may.
        sys::listen(&listener, sys::Backlog::new(0).unwrap()).unwrap();
        let at: sys::SockaddrIn = sys::getsockname(listener.as_raw_fd()).unwrap();
        assert!(!full_listeners(&diag).unwrap().contains(&at.port()));

        let waiting = TcpStream::connect(std::net::SocketAddr::from((at.ip(), at.port()))).unwrap();
        assert!(full_listeners(&diag).unwrap().contains(&at.port()));
        let asking = socket();
        assert_eq!(sys::connect(asking.as_raw_fd(), &at), Err(Errno::EINPROGRESS));
        let sockets = tcp_sockets(&diag).unwrap();
        let found = |end: u32| sockets.iter().find(|socket| socket.inode == end).unwrap();
        let asks = found(inode(&asking));
        assert_eq!((asks.unacknowledged, asks.connecting_to), (1, Some(at.port())));
        assert_eq!(found(inode(&waiting)).connecting_to, None);
    }

    /// A line of /proc/net/tcp: state, addresses and queues in hexadecimal, then the inode.
    fn in_proc(name: &str, inode: u32) -> Option<(u8, u16, u16, u32, u32)> {
        let text = std::fs::read_to_string(name).unwrap();
        let mut lines =
            text.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
        let line = lines.find(|words| words[9] == inode.to_string())?;
        let port = |end: &str| u16::from_str_radix(end.rsplit_once(':').unwrap().1, 16).unwrap();
        let (send, receive) = line[4].split_once(':').unwrap();
        let hex = |text: &str| u32::from_str_radix(text, 16).unwrap();
        Some((hex(line[3]) as u8, port(line[1]), port(line[2]), hex(receive), hex(send)))
    }

    /// The table as soon as it is so. Outside the lab's own network an acknowledgement may come late.
    fn once(is_so: impl Fn(&[(u64, SocketState)]) -> bool) -> Vec<(u64, SocketState)> {
        let began = std::time::Instant::now();
        loop {
            let states = states(&Diag::open().unwrap()).unwrap();
            if is_so(&states) {
                return states;
            }
            assert!(began.elapsed().as_secs() < 10, "{states:#?}");
            std::thread::yield_now();
        }
    }

    #[test]
    fn states_and_queues_agree_with_proc_in_both_families() {
        for (host, file) in [("127.0.0.1", "/proc/net/tcp"), ("::1", "/proc/net/tcp6")] {
            let Ok(listener) = TcpListener::bind((host, 0)) else {
                eprintln!("skipped: no {host} here");
                continue;
            };
            let at = listener.local_addr().unwrap();
            let mut client = TcpStream::connect(at).unwrap();
            let (conn, _) = listener.accept().unwrap();
            let waiting = TcpStream::connect(at).unwrap();
            std::io::Write::write_all(&mut client, b"five!").unwrap();
            client.shutdown(std::net::Shutdown::Write).unwrap();
            let fin_is_acknowledged = |states: &[(u64, SocketState)]| {
                let ours = u64::from(inode(&client));
                states.iter().any(|(it, state)| *it == ours && state.state == "FIN-WAIT-2")
            };
            let states = once(fin_is_acknowledged);
            let of = |socket: &dyn AsRawFd| {
                let inode = inode(&socket.as_raw_fd());
                let (_, state) = states.iter().find(|(it, _)| *it == u64::from(inode)).unwrap();
                let (number, local, remote, receive, send) = in_proc(file, inode).unwrap();
                let port = |addr: &SockAddr| addr.port().unwrap_or(0);
                assert_eq!(state.state, state_name(number), "{host}");
                assert_eq!((port(&state.local), port(&state.remote)), (local, remote), "{host}");
                assert_eq!(state.receive_queue, receive, "{host}");
                // /proc does not show the most that may wait.
                if state.state != "LISTEN" {
                    assert_eq!(state.send_queue, send, "{host}");
                }
                (state.state.clone(), state.receive_queue)
            };
            assert_eq!(of(&listener), ("LISTEN".into(), 1), "one waits to be accepted");
            assert_eq!(of(&client), ("FIN-WAIT-2".into(), 0));
            // The end of the stream counts as a byte as long as nobody has read it.
            assert_eq!(of(&conn), ("CLOSE-WAIT".into(), 6));
            assert_eq!(of(&waiting), ("ESTABLISHED".into(), 0));
            let ours = waiting.local_addr().unwrap().to_string();
            let queued = states.iter().find(|(_, state)| state.remote.to_string() == ours).unwrap();
            assert_eq!(
                (queued.0, queued.1.state.as_ref()),
                (0, "ESTABLISHED"),
                "nobody owns it yet"
            );
        }
    }

    #[test]
    fn whoever_closed_first_is_in_time_wait_and_owned_by_nobody() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let ours = client.local_addr().unwrap().to_string();
        let (conn, _) = listener.accept().unwrap();
        drop(client);
        let owned_by_nobody = |wanted: &'static str| {
            let ours = ours.clone();
            move |states: &[(u64, SocketState)]| {
                let mut found = states.iter().filter(|(_, state)| state.local.to_string() == ours);
                found.any(|(inode, state)| *inode == 0 && state.state == wanted)
            }
        };
        once(owned_by_nobody("FIN-WAIT-2"));
        drop(conn);
        once(owned_by_nobody("TIME-WAIT"));
    }

    #[test]
    fn a_datagram_socket_is_in_the_table_connected_or_not() {
        let one = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let two = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        two.connect(one.local_addr().unwrap()).unwrap();
        two.send(b"five!").unwrap();
        let states = states(&Diag::open().unwrap()).unwrap();
        let of = |socket: &std::net::UdpSocket| {
            let inode = u64::from(inode(socket));
            let (_, state) = states.iter().find(|(it, _)| *it == inode).unwrap();
            (state.protocol.clone(), state.state.clone(), state.receive_queue > 0)
        };
        assert_eq!(of(&one), ("udp".into(), "UNCONN".into(), true));
        assert_eq!(of(&two), ("udp".into(), "ESTABLISHED".into(), false));
    }

    #[test]
    fn an_answer_that_is_cut_short_is_no_panic() {
        for length in 0..90 {
            let message = vec![0xff; length];
            let _ = read_tcp(&message);
            let _ = read_state(&message, libc::IPPROTO_TCP);
            let _ = read_messages(&message, &mut |_| ());
        }
    }
}
