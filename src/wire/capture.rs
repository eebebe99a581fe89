//! What goes over the wire of the sandbox's network: packet(7).
//!
//! On loopback each frame is seen twice, as it leaves and as it arrives; only the first is taken. A frame is kept
//! as it is; what it means is told apart from it, and only what means something: not acknowledgements alone,
//! not what is sent again, and segments with data in a row as one, since how a stream is cut is the kernel's affair.

use std::collections::HashMap;
use std::io::IoSliceMut;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use etherparse::{Icmpv4Type, Icmpv6Type, LaxNetSlice, LaxSlicedPacket, TransportSlice};
use etherparse::{icmpv4, icmpv6};
use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, recvmmsg};

use crate::event::{BYTES_KEPT, Bytes, SockAddr, What};
use crate::tracer::{Captured, Sent};

/// The reader of one network namespace.
pub struct Capture {
    socket: OwnedFd,
    flows: Flows,
    began: Duration,
    /// Room for the frames that are read at once.
    room: Vec<[u8; BYTES_KEPT]>,
    /// Frames that have left, and how many of them were read.
    left: u64,
    read: u64,
}

/// Frames that are read at once: a call sends one or two, mostly.
const AT_ONCE: usize = 8;

impl Capture {
    /// Fails with EPERM without CAP_NET_RAW in the network namespace that it is called in.
    pub fn open() -> Result<Capture, Errno> {
        let flags = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // Of no protocol it receives nothing until it is bound, and then with a filter.
        // SAFETY: plain numbers; the descriptor is ours alone.
        let socket = unsafe {
            let fd = Errno::result(libc::socket(libc::AF_PACKET, flags, 0))?;
            OwnedFd::from_raw_fd(fd)
        };
        // Room for what one call can send before the next look: far more than the sockets' own buffers hold.
        const ROOM: i32 = 64 << 20;
        for (name, value) in [(libc::SO_RCVBUFFORCE, ROOM), (libc::SO_TIMESTAMPNS, 1)] {
            super::set_option(&socket, libc::SOL_SOCKET, name, &value.to_ne_bytes());
        }
        only_outgoing(&socket)?;
        bind_to_all(&socket)?;
        let room = vec![[0; BYTES_KEPT]; AT_ONCE];
        Ok(Capture { socket, flows: Flows::default(), began: now(), room, left: 0, read: 0 })
    }

    /// How many frames have left since it was opened; `None` where the kernel does not tell. To ask costs a tenth of what it
    /// costs to look for one.
    pub fn left(&mut self) -> Option<u64> {
        // packet(7): what was dropped is counted with the others, and all from the last question on.
        let counts = super::option(&self.socket, libc::SOL_PACKET, libc::PACKET_STATISTICS);
        let [packets, _drops] = counts?;
        self.left += u64::from(packets as u32);
        Some(self.left)
    }

    /// What has left since the last time.
    pub fn take(&mut self) -> Captured {
        let mut captured = Captured::default();
        if self.left() == Some(self.read) {
            return captured;
        }
        loop {
            let frames = self.next_frames();
            self.read += frames.len() as u64;
            let is_last = frames.len() < AT_ONCE;
            for (at, bytes) in frames {
                let sent = meaning(&bytes).and_then(|(source, target, segment)| {
                    self.flows.news(&source, &target, segment).map(|(what, len)| Sent {
                        source,
                        target,
                        what,
                        len,
                    })
                });
                let place = sent.map(|sent| add(&mut captured.packets, sent));
                let at = at.saturating_sub(self.began).as_nanos() as u64;
                captured.frames.push((at, bytes, place));
            }
            if is_last {
                return captured;
            }
        }
    }

    /// The next frames that leave, each with when it did; all of them if fewer than [`AT_ONCE`].
    fn next_frames(&mut self) -> Vec<(Duration, Bytes)> {
        let stamps = Some(nix::cmsg_space!(libc::timespec));
        let mut headers = MultiHeaders::<()>::preallocate(AT_ONCE, stamps);
        let mut parts: Vec<_> = self.room.iter_mut().map(|room| [IoSliceMut::new(room)]).collect();
        let fd = self.socket.as_raw_fd();
        let asked = recvmmsg(fd, &mut headers, parts.iter_mut(), MsgFlags::MSG_TRUNC, None);
        // EAGAIN: nothing has left.
        let Ok(found) = asked else { return Vec::new() };
        let found: Vec<_> = found.map(|it| (it.bytes, stamp(&it))).collect();
        let kept = |(room, (len, at)): (&[u8; BYTES_KEPT], (usize, Duration))| {
            (at, Bytes { len: len as u64, data: room[..len.min(BYTES_KEPT)].to_vec() })
        };
        self.room.iter().zip(found).map(kept).collect()
    }
}

/// Lets only frames through that leave.
fn only_outgoing(socket: &OwnedFd) -> Result<(), Errno> {
    let step = |code: u32, jump: (u8, u8), k: u32| libc::sock_filter {
        code: code as u16,
        jt: jump.0,
        jf: jump.1,
        k,
    };
    let direction = (libc::SKF_AD_OFF + libc::SKF_AD_PKTTYPE) as u32;
    let mut steps = [
        step(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, (0, 0), direction),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, (0, 1), libc::PACKET_OUTGOING.into()),
        step(libc::BPF_RET | libc::BPF_K, (0, 0), u32::MAX),
        step(libc::BPF_RET | libc::BPF_K, (0, 0), 0),
    ];
    let filter = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
    let length = size_of::<libc::sock_fprog>() as libc::socklen_t;
    let (level, name) = (libc::SOL_SOCKET, libc::SO_ATTACH_FILTER);
    // SAFETY: the kernel reads the program, and the steps that it points to, of the length given.
    let done = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const filter).cast(), length)
    };
    Errno::result(done).map(drop)
}

/// From now on it receives the frames of all interfaces and protocols.
fn bind_to_all(socket: &OwnedFd) -> Result<(), Errno> {
    // SAFETY: plain data, for which zeros are valid.
    let mut all: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    all.sll_family = libc::AF_PACKET as u16;
    all.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: the kernel reads `all`, of the length given.
    let done = unsafe { libc::bind(socket.as_raw_fd(), (&raw const all).cast(), length) };
    Errno::result(done).map(drop)
}

/// When the kernel saw the frame, since 1970.
fn stamp(message: &RecvMsg<'_, '_, ()>) -> Duration {
    let stamp = message.cmsgs().ok().and_then(|mut all| {
        all.find_map(|it| match it {
            ControlMessageOwned::ScmTimestampns(at) => Some(Duration::from(at)),
            _ => None,
        })
    });
    stamp.unwrap_or_else(now)
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Adds to what was sent; gives its place.
fn add(packets: &mut Vec<Sent>, sent: Sent) -> usize {
    let goes_on = sent.what == What::Data || sent.what == What::Fin && sent.len > 0;
    if let Some(last) = packets.last_mut()
        && last.what == What::Data
        && goes_on
        && (&last.source, &last.target) == (&sent.source, &sent.target)
    {
        last.what = sent.what;
        last.len += sent.len;
    } else {
        packets.push(sent);
    }
    packets.len() - 1
}

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Segment {
    Tcp { seq: u32, syn: bool, ack: bool, fin: bool, rst: bool, len: u32 },
    Datagram { len: u64 },
    Echo { is_reply: bool, len: u64 },
    Unreachable,
}

/// Who sends what to whom. `None` for what is neither TCP, UDP, an echo of ICMP nor a port that ICMP calls unreachable.
fn meaning(frame: &Bytes) -> Option<(SockAddr, SockAddr, Segment)> {
    let sliced = LaxSlicedPacket::from_ethernet(&frame.data).ok()?;
    let (source, target) = hosts(sliced.net.as_ref()?)?;
    // The frame may be longer than what was kept of it.
    let cut = frame.len - frame.data.len() as u64;
    match sliced.transport? {
        TransportSlice::Tcp(tcp) => {
            let len = tcp.payload().len() as u64 + cut;
            let segment = Segment::Tcp {
                seq: tcp.sequence_number(),
                syn: tcp.syn(),
                ack: tcp.ack(),
                fin: tcp.fin(),
                rst: tcp.rst(),
                len: len as u32,
            };
            let (from, to) = (tcp.source_port(), tcp.destination_port());
            Some((addr(source, from), addr(target, to), segment))
        }
        TransportSlice::Udp(udp) => {
            let len = udp.payload().len() as u64 + cut;
            let (from, to) = (udp.source_port(), udp.destination_port());
            Some((addr(source, from), addr(target, to), Segment::Datagram { len }))
        }
        TransportSlice::Icmpv4(icmp) => {
            if let Icmpv4Type::EchoRequest(_) | Icmpv4Type::EchoReply(_) = icmp.icmp_type() {
                let is_reply = matches!(icmp.icmp_type(), Icmpv4Type::EchoReply(_));
                let len = icmp.payload().len() as u64 + cut;
                return Some((addr(source, 0), addr(target, 0), Segment::Echo { is_reply, len }));
            }
            let Icmpv4Type::DestinationUnreachable(icmpv4::DestUnreachableHeader::Port) =
                icmp.icmp_type()
            else {
                return None;
            };
            quoted(LaxSlicedPacket::from_ip(icmp.payload()).ok()?)
        }
        TransportSlice::Icmpv6(icmp) => {
            let Icmpv6Type::DestinationUnreachable(icmpv6::DestUnreachableCode::Port) =
                icmp.icmp_type()
            else {
                return None;
            };
            quoted(LaxSlicedPacket::from_ip(icmp.payload()).ok()?)
        }
        TransportSlice::Igmp(_) => None,
    }
}

/// An answer of ICMP quotes the datagram that it is about: it comes from where that was to go.
fn quoted(inner: LaxSlicedPacket<'_>) -> Option<(SockAddr, SockAddr, Segment)> {
    let (source, target) = hosts(inner.net.as_ref()?)?;
    match inner.transport? {
        TransportSlice::Udp(udp) => {
            let (from, to) = (udp.source_port(), udp.destination_port());
            Some((addr(target, to), addr(source, from), Segment::Unreachable))
        }
        _ => None,
    }
}

fn hosts(net: &LaxNetSlice<'_>) -> Option<(IpAddr, IpAddr)> {
    match net {
        LaxNetSlice::Ipv4(ip) => {
            let header = ip.header();
            Some((header.source_addr().into(), header.destination_addr().into()))
        }
        LaxNetSlice::Ipv6(ip) => {
            let header = ip.header();
            Some((header.source_addr().into(), header.destination_addr().into()))
        }
        _ => None,
    }
}

fn addr(ip: IpAddr, port: u16) -> SockAddr {
    match ip {
        IpAddr::V4(ip) => SockAddr::Inet { ip, port },
        IpAddr::V6(ip) => SockAddr::Inet6 { ip, port, flowinfo: 0, scope: 0 },
    }
}

/// How far each direction of each connection has got, to know what is sent again.
#[derive(Default)]
struct Flows(HashMap<(SockAddr, SockAddr), u32>);

impl Flows {
    /// What of a segment is new: its meaning and its bytes of data. `None` if nothing is.
    fn news(
        &mut self,
        source: &SockAddr,
        target: &SockAddr,
        segment: Segment,
    ) -> Option<(What, u64)> {
        let (seq, syn, ack, fin, rst, len) = match segment {
            Segment::Datagram { len } => return Some((What::Datagram, len)),
            Segment::Echo { is_reply: false, len } => return Some((What::Echo, len)),
            Segment::Echo { is_reply: true, len } => return Some((What::EchoReply, len)),
            Segment::Unreachable => return Some((What::Unreachable, 0)),
            Segment::Tcp { seq, syn, ack, fin, rst, len } => (seq, syn, ack, fin, rst, len),
        };
        if rst {
            return Some((What::Rst, 0));
        }
        // It only acknowledges. Its number may be ahead of what was seen, where two processors send, and says nothing.
        if len == 0 && !syn && !fin {
            return None;
        }
        let flow = (source.clone(), target.clone());
        // SYN and FIN take a number each. RFC 9293, 3.4.
        let end = seq.wrapping_add(len).wrapping_add(u32::from(syn)).wrapping_add(u32::from(fin));
        let known = self.0.get(&flow).copied();
        let fresh = match known {
            // The first of a new connection begins where it likes.
            Some(next) if syn && next != end => end.wrapping_sub(seq),
            None => end.wrapping_sub(seq),
            Some(next) => end.wrapping_sub(next),
        };
        // What lies behind counts as far ahead. RFC 9293, 3.4: arithmetic modulo 2^32.
        if fresh == 0 || fresh > i32::MAX as u32 {
            return None;
        }
        self.0.insert(flow, end);
        let what = match (syn, ack, fin) {
            (true, false, _) => What::Syn,
            (true, true, _) => What::SynAck,
            (_, _, true) => What::Fin,
            _ => What::Data,
        };
        let data = fresh.min(end.wrapping_sub(seq)) - u32::from(syn) - u32::from(fin);
        Some((what, data.into()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection;
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    fn end(port: u16) -> SockAddr {
        addr(std::net::Ipv4Addr::LOCALHOST.into(), port)
    }

    fn tcp(seq: u32, len: u32) -> Segment {
        Segment::Tcp { seq, syn: false, ack: true, fin: false, rst: false, len }
    }

    fn fin(seq: u32, len: u32) -> Segment {
        Segment::Tcp { seq, syn: false, ack: true, fin: true, rst: false, len }
    }

    #[test]
    fn what_is_sent_again_is_no_news() {
        let mut flows = Flows::default();
        let mut news = |segment| flows.news(&end(1), &end(2), segment);
        let syn =
            Segment::Tcp { seq: u32::MAX, syn: true, ack: false, fin: false, rst: false, len: 0 };
        assert_eq!(news(syn), Some((What::Syn, 0)));
        assert_eq!(news(syn), None);
        assert_eq!(news(tcp(0, 0)), None, "only acknowledges");
        assert_eq!(news(tcp(0, 6)), Some((What::Data, 6)));
        assert_eq!(news(tcp(0, 6)), None);
        assert_eq!(news(tcp(3, 6)), Some((What::Data, 3)), "half of it is new");
        assert_eq!(news(tcp(8, 0)), None, "a probe whether somebody is there");
        assert_eq!(news(tcp(15, 0)), None, "what it comes after was not seen yet");
        assert_eq!(news(fin(9, 1)), Some((What::Fin, 1)));
        assert_eq!(news(fin(9, 1)), None);
        let again = Segment::Tcp { seq: 77, syn: true, ack: false, fin: false, rst: false, len: 0 };
        assert_eq!(news(again), Some((What::Syn, 0)), "the port is used anew");
    }

    #[test]
    fn how_a_stream_is_cut_leaves_no_trace() {
        let sent = |what, len, from| Sent { source: end(from), target: end(9), what, len };
        let mut packets = Vec::new();
        for one in [
            sent(What::Data, 10, 1),
            sent(What::Data, 5, 1),
            sent(What::Fin, 1, 1),
            sent(What::Data, 4, 2),
            sent(What::Fin, 0, 2),
        ] {
            add(&mut packets, one);
        }
        let told: Vec<_> = packets.iter().map(|it| (it.what, it.len)).collect();
        assert_eq!(told, [(What::Fin, 16), (What::Data, 4), (What::Fin, 0)]);
    }

    /// The beginnings of frames of loopback: Ethernet, then IP with TCP, UDP and ICMP, in both versions.
    fn beginning() -> impl Strategy<Value = Vec<u8>> {
        let v4 = |protocol| {
            let mut all =
                [vec![0; 12], vec![8, 0, 0x45, 0, 0, 80, 0, 0, 0, 0, 64, protocol]].concat();
            all.extend([0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
            all
        };
        let v6 = |protocol| {
            [vec![0; 12], vec![0x86, 0xdd, 0x60, 0, 0, 0, 0, 60, protocol, 64], vec![0; 32]]
                .concat()
        };
        // ICMP that quotes a datagram: destination unreachable, port.
        let quote = |frame: Vec<u8>, why: &[u8], quoted: Vec<u8>| {
            [frame, why.to_vec(), vec![0; 6], quoted[14..].to_vec()].concat()
        };
        proptest::sample::select(vec![
            Vec::new(),
            v4(6),
            v4(17),
            v6(6),
            v6(17),
            quote(v4(1), &[3, 3], v4(17)),
            v4(1),
            quote(v6(58), &[1, 4], v6(17)),
        ])
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), ..Default::default() })]

        #[test]
        fn whatever_comes_by_is_read_or_means_nothing(
            frames in collection::vec((beginning(), collection::vec(any::<u8>(), 0..64), 0..70_000u64), 1..8),
            flip in any::<(usize, u8)>(),
        ) {
            let mut flows = Flows::default();
            for (beginning, rest, cut) in frames {
                let mut data = [beginning, rest].concat();
                let length = data.len().max(1);
                data.iter_mut().skip(flip.0 % length).take(1).for_each(|byte| *byte ^= flip.1);
                let frame = Bytes { len: data.len() as u64 + cut, data };
                if let Some((source, target, segment)) = meaning(&frame) {
                    flows.news(&source, &target, segment);
                }
            }
        }
    }

    #[test]
    fn an_echo_and_its_reply_are_told_by_what_they_carry() {
        for (type_, what) in [(8, What::Echo), (0, What::EchoReply)] {
            let mut data = [vec![0; 12], vec![8, 0, 0x45, 0, 0, 33, 0, 0, 0, 0, 64, 1]].concat();
            data.extend([0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
            data.extend([type_, 0, 0, 0, 0, 27, 0, 1]);
            data.extend(b"hello");
            let frame = Bytes { len: data.len() as u64, data };
            let (source, target, segment) = meaning(&frame).expect("an echo");
            assert_eq!((&source, &target), (&end(0), &end(0)));
            assert_eq!(Flows::default().news(&source, &target, segment), Some((what, 5)));
        }
    }

    #[test]
    fn a_frame_that_makes_no_sense_means_nothing() {
        for length in 0..120 {
            for byte in [0, 0x45, 0xff] {
                let frame = Bytes { len: 200, data: vec![byte; length] };
                let _ = meaning(&frame);
            }
        }
    }
}
