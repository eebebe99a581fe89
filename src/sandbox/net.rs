//! The private network: loopback up, acknowledgements at once, and nothing that adapts to the machine.

use std::io::Write;
use std::mem;
use std::net::{Ipv6Addr, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// What makes one run like the next, below `/proc/sys/net`, with the reason. All of these belong to
/// the network namespace; none reaches the machine's own network.
///
/// Left as they are on purpose: `ip_unprivileged_port_start` (an ordinary user meets EACCES at port 80, as
/// outside), retries and time-outs, SYN cookies, and what lessons set themselves.
pub(super) const SYSCTLS: &[(&str, &str)] = &[
    // A new namespace inherits the machine's choice; BBR paces by the clock. Reno is always allowed.
    ("ipv4/tcp_congestion_control", "reno"),
    ("ipv4/tcp_timestamps", "0"),
    ("ipv4/ip_local_port_range", "32768 60999"),
    // Smallest, first and largest. First = largest: the buffers never grow, so a writer blocks, or
    // writes short, at the same byte in every run.
    ("ipv4/tcp_rmem", "4096 131072 131072"),
    ("ipv4/tcp_wmem", "4096 131072 131072"),
    ("ipv4/tcp_moderate_rcvbuf", "0"),
    ("core/somaxconn", "4096"),
    ("ipv4/tcp_max_syn_backlog", "4096"),
    ("unix/max_dgram_qlen", "10"),
    // These hold data back, or send it again, by what the clock or earlier connections say.
    ("ipv4/tcp_autocorking", "0"),
    ("ipv4/tcp_slow_start_after_idle", "0"),
    ("ipv4/tcp_early_retrans", "0"),
    // In microseconds, 0.2 s by default: what does not fill a segment is sent into a window that is too narrow for one, and
    // a closed window is asked about, when this has passed in real time. So it had better not pass while somebody reads
    // slowly; and it must while a lost segment is waited for. Since Linux 6.11.
    ("ipv4/tcp_rto_min_us", "800000"),
    ("ipv4/tcp_no_metrics_save", "1"),
    // 2, the default, would let a port on loopback be used again after a second.
    ("ipv4/tcp_tw_reuse", "0"),
    ("ipv4/tcp_ecn", "0"),
    // The answers to datagrams that nobody takes are counted per second, with a random allowance.
    ("ipv4/icmp_ratemask", "0"),
    ("ipv6/icmp/ratelimit", "0"),
    // Random numbers in every IPv6 header.
    ("ipv6/auto_flowlabels", "0"),
    // Whatever the machine says of IPv6, ::1 is there. Before loopback comes up: it gets its address then.
    ("ipv6/conf/all/disable_ipv6", "0"),
    ("ipv6/conf/default/disable_ipv6", "0"),
    ("ipv6/conf/lo/disable_ipv6", "0"),
    ("ipv6/bindv6only", "0"),
];

/// Writes [`SYSCTLS`]; gives those that were refused. One that this kernel does not know is none: what it
/// would tune is not there either.
///
/// Only for a process in a network namespace of its own: the files are those of the namespace of
/// whoever opens them.
pub(super) fn set_sysctls() -> Vec<(&'static str, Errno)> {
    let mut refused = Vec::new();
    for (name, value) in SYSCTLS {
        match set_sysctl(name, value) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(errno) => refused.push((*name, errno)),
        }
    }
    refused
}

/// Writes one file below `/proc/sys/net`, for a process in a network namespace of its own.
pub(super) fn set_sysctl(name: &str, value: &str) -> nix::Result<()> {
    let mut path = String::with_capacity(64);
    path.push_str("/proc/sys/net/");
    path.push_str(name);
    let file = std::fs::OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW)
        .open(path);
    file.and_then(|mut file| file.write_all(value.as_bytes())).map_err(|error| errno_of(&error))
}

/// Brings `lo` up; with it come 127.0.0.1/8 and ::1, which is usable at once (loopback has no duplicate
/// address detection). netdevice(7).
pub(super) fn loopback_up() -> nix::Result<()> {
    let socket = datagram_socket()?;
    let mut request = loopback_request();
    // SAFETY: the request names an interface and lives across the calls; SIOCGIFFLAGS fills in the flags,
    // which are then the union's live member.
    unsafe {
        Errno::result(libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFFLAGS as _, &mut request))?;
        request.ifr_ifru.ifru_flags |= libc::IFF_UP as libc::c_short;
        Errno::result(libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &mut request))?;
    }
    Ok(())
}

/// Whether ::1 can be bound. `EAFNOSUPPORT`: a kernel without IPv6; `EADDRNOTAVAIL`: switched off.
pub(super) fn has_ipv6() -> nix::Result<()> {
    UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).map(drop).map_err(|error| errno_of(&error))
}

/// Makes every segment on loopback be acknowledged at once: `quickack 1` on the local routes.
///
/// Else a sender with a small second write (Nagle) and a receiver with nothing to say (delayed
/// acknowledgement) wait for each other for 40 ms, again and again. The routes are rewritten through
/// rtnetlink(7), as `ip route change table local local 127.0.0.0/8 dev lo quickack 1` would.
/// Gives the family that was refused, with its errno.
pub(super) fn acknowledge_at_once() -> Result<(), (&'static str, Errno)> {
    let v4 = (|| {
        let mut routes = Routes::open()?;
        let index = loopback_index()?;
        let home = [127, 0, 0, 1];
        for (dst, prefix) in [([127, 0, 0, 0], 8), (home, 32)] {
            let route = Route { dst: &dst, prefix, source: Some(&home), index };
            routes.request(&route.message(Change::Replace))?;
        }
        Ok(routes)
    })();
    let mut routes = v4.map_err(|errno| ("quickack", errno))?;
    if has_ipv6().is_err() {
        return Ok(());
    }
    // The kernel's own route to ::1 has the metric 0, which nobody else may ask for, so it cannot be
    // replaced. Ours is added beside it, and then the kernel's is taken away: ::1 is always reachable.
    (|| {
        let index = loopback_index()?;
        let route = Route { dst: &Ipv6Addr::LOCALHOST.octets(), prefix: 128, source: None, index };
        routes.request(&route.message(Change::Add))?;
        routes.request(&route.message(Change::DeleteKernels))
    })()
    .map_err(|errno| ("quickack for ::1", errno))
}

pub(super) fn errno_of(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))
}

fn datagram_socket() -> nix::Result<OwnedFd> {
    socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)
}

fn loopback_request() -> libc::ifreq {
    // SAFETY: an ifreq is plain data, for which all zeros are valid.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    (request.ifr_name[0], request.ifr_name[1]) = (b'l' as libc::c_char, b'o' as libc::c_char);
    request
}

fn loopback_index() -> nix::Result<u32> {
    let socket = datagram_socket()?;
    let mut request = loopback_request();
    // SAFETY: as in `loopback_up`; SIOCGIFINDEX makes the index the union's live member.
    unsafe {
        Errno::result(libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFINDEX as _, &mut request))?;
        Ok(request.ifr_ifru.ifru_ifindex as u32)
    }
}

enum Change {
    Replace,
    Add,
    DeleteKernels,
}

/// A route of the table `local` through the interface `index`.
struct Route<'a> {
    /// 4 or 16 bytes, in network order.
    dst: &'a [u8],
    prefix: u8,
    source: Option<&'a [u8]>,
    index: u32,
}

// From linux/rtnetlink.h; libc lacks the metrics.
const RTAX_QUICKACK: u16 = 15;
const NLA_HEADER: usize = 4;

impl Route<'_> {
    /// The request without its nlmsghdr: type, flags, and rtmsg with its attributes.
    fn message(&self, change: Change) -> (u16, u16, Vec<u8>) {
        let v6 = self.dst.len() == 16;
        let (kind, flags, protocol) = match change {
            Change::Replace => {
                (libc::RTM_NEWROUTE, libc::NLM_F_REPLACE | libc::NLM_F_CREATE, libc::RTPROT_KERNEL)
            }
            Change::Add => {
                (libc::RTM_NEWROUTE, libc::NLM_F_EXCL | libc::NLM_F_CREATE, libc::RTPROT_BOOT)
            }
            Change::DeleteKernels => (libc::RTM_DELROUTE, 0, libc::RTPROT_KERNEL),
        };
        let mut body = vec![
            if v6 { libc::AF_INET6 } else { libc::AF_INET } as u8,
            self.prefix,
            0, // source prefix
            0, // type of service
            libc::RT_TABLE_LOCAL,
            protocol,
            if v6 { libc::RT_SCOPE_UNIVERSE } else { libc::RT_SCOPE_HOST },
            libc::RTN_LOCAL,
        ];
        body.extend(0u32.to_ne_bytes());
        attribute(&mut body, libc::RTA_DST, self.dst);
        attribute(&mut body, libc::RTA_OIF, &self.index.to_ne_bytes());
        if !matches!(change, Change::DeleteKernels) {
            if let Some(source) = self.source {
                attribute(&mut body, libc::RTA_PREFSRC, source);
            }
            let mut metrics = Vec::with_capacity(8);
            attribute(&mut metrics, RTAX_QUICKACK, &1u32.to_ne_bytes());
            attribute(&mut body, libc::RTA_METRICS, &metrics);
        }
        (kind, flags as u16, body)
    }
}

/// Appends one netlink attribute, padded to four bytes.
fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    body.extend(((NLA_HEADER + value.len()) as u16).to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

/// The number of the first of [`own_links`]: apart from whatever the kernel puts into every network.
const FIRST_LINK: u32 = 101;

/// Adds interfaces of these names, in pairs that are the two ends of a cable, veth(4), as
/// `ip link add NAME index 101 type veth peer name OTHER index 102` would. They are down, and numbered in order.
///
/// Fails with `EPERM` where the run has no network of its own.
pub fn own_links(entered: &super::Entered, names: &[String]) -> nix::Result<()> {
    if !entered.has_network() {
        return Err(Errno::EPERM);
    }
    let mut routes = Routes::open()?;
    for (pair, index) in names.chunks(2).zip((FIRST_LINK..).step_by(2)) {
        let mut ends = (index..).zip(pair).map(|(index, name)| end_of_link(index, name));
        let (Some(mut body), Some(other)) = (ends.next(), ends.next()) else {
            return Err(Errno::EINVAL);
        };
        let (mut data, mut kind) = (Vec::new(), Vec::new());
        attribute(&mut data, VETH_INFO_PEER, &other);
        attribute(&mut kind, libc::IFLA_INFO_KIND, b"veth");
        attribute(&mut kind, libc::IFLA_INFO_DATA, &data);
        attribute(&mut body, libc::IFLA_LINKINFO, &kind);
        let flags = (libc::NLM_F_CREATE | libc::NLM_F_EXCL) as u16;
        routes.request(&(libc::RTM_NEWLINK, flags, body))?;
    }
    Ok(())
}

/// From linux/veth.h, which libc lacks.
const VETH_INFO_PEER: u16 = 1;

/// struct ifinfomsg, the name, and a hardware address that else would be a random one.
fn end_of_link(index: u32, name: &str) -> Vec<u8> {
    let mut body = vec![0; 4];
    body.extend(index.to_ne_bytes());
    body.extend([0; 8]);
    attribute(&mut body, libc::IFLA_IFNAME, format!("{name}\0").as_bytes());
    let [.., high, low] = index.to_be_bytes();
    // The second bit of the first byte: nobody has assigned it, it is for here only.
    attribute(&mut body, libc::IFLA_ADDRESS, &[2, 0, 0, 0, high, low]);
    body
}

struct Routes {
    socket: OwnedFd,
    sequence: u32,
}

impl Routes {
    fn open() -> nix::Result<Routes> {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
        // SAFETY: takes plain integers.
        let fd = unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_ROUTE) };
        Ok(Routes { socket: super::trial::owned(fd.into())?, sequence: 0 })
    }

    /// Sends one request and reads its acknowledgement, which the kernel queues before send(2) returns.
    fn request(&mut self, (kind, flags, body): &(u16, u16, Vec<u8>)) -> nix::Result<()> {
        self.sequence += 1;
        let flags = flags | (libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16;
        let mut message = Vec::with_capacity(16 + body.len());
        message.extend((16 + body.len() as u32).to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend(flags.to_ne_bytes());
        message.extend(self.sequence.to_ne_bytes());
        message.extend(0u32.to_ne_bytes());
        message.extend(body);
        let fd = self.socket.as_raw_fd();
        let mut answer = [0u8; 512];
        // SAFETY: both buffers are ours and valid for the lengths given.
        let got = unsafe {
            Errno::result(libc::send(fd, message.as_ptr().cast(), message.len(), 0))?;
            let room = answer.len();
            Errno::result(libc::recv(fd, answer.as_mut_ptr().cast(), room, libc::MSG_DONTWAIT))?
        };
        // nlmsghdr (16 bytes, type at 4), then nlmsgerr, whose first field is -errno.
        let is_error = u16::from_ne_bytes([answer[4], answer[5]]) == libc::NLMSG_ERROR as u16;
        if got < 20 || !is_error {
            return Err(Errno::EPROTO);
        }
        match i32::from_ne_bytes([answer[16], answer[17], answer[18], answer[19]]) {
            0 => Ok(()),
            errno => Err(Errno::from_raw(errno.wrapping_neg())),
        }
    }
}
