//! The names of numbers. What has no name is shown in hexadecimal; nothing here fails.

use std::borrow::Cow;

/// Numbers and what C calls them. Of two names for a number the first is shown.
pub(super) type Names = &'static [(u64, &'static str)];

/// A table out of constants of libc, and of numbers that it does not name. As 32 bits without a sign, since that is how
/// registers hold flags.
macro_rules! names {
    ($($name:ident)* $(; $($number:literal $unnamed:ident)*)?) => {
        &[$((libc::$name as u32 as u64, stringify!($name)),)* $($(($number, stringify!($unnamed))),*)?]
    };
}

/// The name of one number, if it has one.
pub(super) fn find(names: Names, value: u64) -> Option<&'static str> {
    names.iter().find(|(known, _)| *known == value).map(|(_, name)| *name)
}

/// The name of one number.
pub(super) fn name(names: Names, value: u64) -> String {
    find(names, value).map_or_else(|| format!("{value:#x}"), str::to_owned)
}

/// The names of the bits that are set, `0` for none.
pub(super) fn flags(names: Names, value: u64) -> String {
    if let Some(name) = find(names, value) {
        return name.to_owned();
    }
    let mut rest = value;
    let mut text = Vec::new();
    for &(bits, name) in names {
        if bits != 0 && rest & bits == bits {
            rest &= !bits;
            text.push(Cow::Borrowed(name));
        }
    }
    if rest != 0 || text.is_empty() {
        text.push(if rest == 0 { "0".into() } else { format!("{rest:#x}").into() });
    }
    text.join("|")
}

/// The name of an error, those included that only a tracer sees: `ECONNREFUSED`, `ERESTARTSYS`.
pub fn errno_name(errno: i32) -> Cow<'static, str> {
    match syscalls::Errno::new(errno).name() {
        Some(name) => name.into(),
        None => format!("errno {errno}").into(),
    }
}

/// What an error says, in a learner's words; for the errors that socket programs meet.
pub fn errno_meaning(name: &str) -> Option<&'static str> {
    let known = MEANINGS.binary_search_by_key(&name, |(known, _)| known).ok()?;
    Some(MEANINGS[known].1)
}

#[rustfmt::skip]
const MEANINGS: &[(&str, &str)] = &[
    ("EACCES", "not permitted: a low port, broadcast without SO_BROADCAST, or a path's mode"),
    ("EADDRINUSE", "another socket holds this address"),
    ("EADDRNOTAVAIL", "this machine has no such address, or no port is free"),
    ("EAFNOSUPPORT", "no such address family here"),
    ("EAGAIN", "nothing now: it would have to wait, or its timeout passed"),
    ("EALREADY", "an earlier connect is still under way"),
    ("EBADF", "no such descriptor is open"),
    ("ECHILD", "there is no child to wait for"),
    ("ECONNABORTED", "the connection was given up before it was accepted"),
    ("ECONNREFUSED", "connection refused: nobody listens there"),
    ("ECONNRESET", "the peer broke the connection off"),
    ("EDESTADDRREQ", "no address was given and none is set"),
    ("EEXIST", "it is already there"),
    ("EFAULT", "a pointer leads nowhere"),
    ("EHOSTUNREACH", "no way to that host"),
    ("EINPROGRESS", "begun: the connection is being made"),
    ("EINTR", "a signal came before anything happened"),
    ("EINVAL", "the call does not fit the socket's state, or an argument is wrong"),
    ("EISCONN", "it is connected already"),
    ("EMFILE", "the process has no descriptor left"),
    ("EMSGSIZE", "the message is too long to go as one"),
    ("ENAMETOOLONG", "the path is too long"),
    ("ENETUNREACH", "no way to that network"),
    ("ENFILE", "the system has no open file left"),
    ("ENOBUFS", "no buffer is free"),
    ("ENODEV", "no such device"),
    ("ENOENT", "no such file"),
    ("ENOMEM", "no memory is free"),
    ("ENOPROTOOPT", "the protocol does not know this option"),
    ("ENOSYS", "the kernel does not have this call"),
    ("ENOTCONN", "it is not connected"),
    ("ENOTSOCK", "the descriptor is not a socket"),
    ("EOPNOTSUPP", "this kind of socket cannot do that"),
    ("EPERM", "not permitted"),
    ("EPIPE", "nobody can read any more what is written here"),
    ("EPROTO", "the protocol was broken"),
    ("EPROTONOSUPPORT", "no such protocol for this kind of socket"),
    ("EPROTOTYPE", "the protocol does not fit the type of socket"),
    ("ERESTARTNOHAND", "interrupted: goes on unless a handler runs"),
    ("ERESTARTNOINTR", "interrupted: goes on"),
    ("ERESTARTSYS", "interrupted: goes on if SA_RESTART is set"),
    ("ERESTART_RESTARTBLOCK", "interrupted: goes on with the time that is left"),
    ("ESOCKTNOSUPPORT", "no such type of socket in this domain"),
    ("ESPIPE", "it has no position: a socket or a pipe"),
    ("ESRCH", "no such process"),
    ("ETIMEDOUT", "no answer in time"),
];

/// The name of a signal; the real-time ones are counted as the kernel does, `SIGRTMIN` being 32.
pub fn signal_name(signal: i32) -> Cow<'static, str> {
    match signal {
        33..=64 => format!("SIGRT_{}", signal - 32).into(),
        _ => find(SIGNALS, signal as u32 as u64)
            .map_or_else(|| signal.to_string().into(), Into::into),
    }
}

/// A set of signals as strace writes it: `[INT TERM]`, or what it lacks if it has most of them.
pub(super) fn sigset(set: u64) -> String {
    let (sign, shown) = if set.count_ones() > 32 { ("~", !set) } else { ("", set) };
    let names: Vec<String> = (1..=64)
        .filter(|signal| shown >> (signal - 1) & 1 == 1)
        .map(|signal| {
            let name = signal_name(signal);
            name.strip_prefix("SIG").unwrap_or(&name).to_owned()
        })
        .collect();
    format!("{sign}[{}]", names.join(" "))
}

/// The address family of a socket: `AF_INET`.
pub fn socket_domain(domain: i32) -> Cow<'static, str> {
    owned(name(DOMAINS, domain as u32 as u64))
}

/// The type of a socket without the flags that may come with it: `SOCK_STREAM`.
pub fn socket_type(type_: i32) -> Cow<'static, str> {
    owned(name(TYPES, (type_ as u32 & SOCK_TYPE_MASK) as u64))
}

/// The protocol of a socket; 0 stands for what the domain takes for this type: `IPPROTO_TCP`.
pub fn socket_protocol(domain: i32, type_: i32, protocol: i32) -> Cow<'static, str> {
    let internet = matches!(domain, libc::AF_INET | libc::AF_INET6);
    match ((type_ as u32 & SOCK_TYPE_MASK) as i32, protocol) {
        (libc::SOCK_STREAM, 0) if internet => "IPPROTO_TCP".into(),
        (libc::SOCK_DGRAM, 0) if internet => "IPPROTO_UDP".into(),
        _ => owned(protocol_given(domain, protocol)),
    }
}

fn owned(name: String) -> Cow<'static, str> {
    Cow::Owned(name)
}

/// The lower bits of socket(2)'s type; the flags stand above them.
pub(super) const SOCK_TYPE_MASK: u32 = 0xf;

/// A protocol as it was given: 0 in the internet domains is `IPPROTO_IP`.
pub(super) fn protocol_given(domain: i32, protocol: i32) -> String {
    let value = protocol as u32 as u64;
    match domain {
        libc::AF_INET | libc::AF_INET6 => name(PROTOCOLS, value),
        libc::AF_NETLINK => name(NETLINK_PROTOCOLS, value),
        libc::AF_PACKET => link_protocol(u16::from_be(protocol as u16)),
        libc::AF_CAN => name(CAN_PROTOCOLS, value),
        libc::AF_BLUETOOTH => name(BLUETOOTH_PROTOCOLS, value),
        _ => protocol.to_string(),
    }
}

/// A link-layer protocol, of which packet(7) wants the network order: `htons(ETH_P_ALL)`.
pub fn link_protocol(protocol: u16) -> String {
    format!("htons({})", name(ETHERNET, protocol as u64))
}

/// What socket(2) and accept4(2) take as flags, in the order in which strace writes them.
pub(super) fn socket_type_and_flags(type_: u64) -> String {
    let (kind, rest) = (type_ & SOCK_TYPE_MASK as u64, type_ & !(SOCK_TYPE_MASK as u64));
    match (find(TYPES, kind), rest) {
        (None, _) => format!("{type_:#x}"),
        (Some(kind), 0) => kind.to_owned(),
        (Some(kind), rest) => format!("{kind}|{}", flags(SOCKET_FLAGS, rest)),
    }
}

/// What open(2) and fcntl(2) take as flags: the access mode first, since it is a number, not a bit.
pub fn open_flags(value: u64) -> String {
    let mode = name(ACCESS_MODES, value & libc::O_ACCMODE as u64);
    match value & !(libc::O_ACCMODE as u64) {
        0 => mode,
        rest => format!("{mode}|{}", flags(OPEN_FLAGS, rest)),
    }
}

/// The option of a level of setsockopt(2), if it is known: `SO_REUSEADDR`.
pub(super) fn socket_option(level: i32, option: u64) -> String {
    let names = match level {
        libc::SOL_SOCKET => SOCKET_OPTIONS,
        libc::IPPROTO_IP => IP_OPTIONS,
        libc::IPPROTO_IPV6 => IPV6_OPTIONS,
        libc::IPPROTO_TCP => TCP_OPTIONS,
        libc::IPPROTO_UDP => UDP_OPTIONS,
        libc::SOL_PACKET => PACKET_OPTIONS,
        libc::SOL_NETLINK => NETLINK_OPTIONS,
        libc::IPPROTO_RAW => RAW_OPTIONS,
        _ => &[],
    };
    name(names, option)
}

/// What `cmsg_type` says on a level: the name of the message, not of the option that asks for it.
pub(super) fn control_type(level: i32, type_: u64) -> String {
    match level {
        libc::SOL_SOCKET => {
            find(CONTROL_TYPES, type_).map_or_else(|| socket_option(level, type_), str::to_owned)
        }
        _ => socket_option(level, type_),
    }
}

pub(super) const SIGNALS: Names = &[
    (libc::SIGHUP as u64, "SIGHUP"),
    (libc::SIGINT as u64, "SIGINT"),
    (libc::SIGQUIT as u64, "SIGQUIT"),
    (libc::SIGILL as u64, "SIGILL"),
    (libc::SIGTRAP as u64, "SIGTRAP"),
    (libc::SIGABRT as u64, "SIGABRT"),
    (libc::SIGBUS as u64, "SIGBUS"),
    (libc::SIGFPE as u64, "SIGFPE"),
    (libc::SIGKILL as u64, "SIGKILL"),
    (libc::SIGUSR1 as u64, "SIGUSR1"),
    (libc::SIGSEGV as u64, "SIGSEGV"),
    (libc::SIGUSR2 as u64, "SIGUSR2"),
    (libc::SIGPIPE as u64, "SIGPIPE"),
    (libc::SIGALRM as u64, "SIGALRM"),
    (libc::SIGTERM as u64, "SIGTERM"),
    (libc::SIGSTKFLT as u64, "SIGSTKFLT"),
    (libc::SIGCHLD as u64, "SIGCHLD"),
    (libc::SIGCONT as u64, "SIGCONT"),
    (libc::SIGSTOP as u64, "SIGSTOP"),
    (libc::SIGTSTP as u64, "SIGTSTP"),
    (libc::SIGTTIN as u64, "SIGTTIN"),
    (libc::SIGTTOU as u64, "SIGTTOU"),
    (libc::SIGURG as u64, "SIGURG"),
    (libc::SIGXCPU as u64, "SIGXCPU"),
    (libc::SIGXFSZ as u64, "SIGXFSZ"),
    (libc::SIGVTALRM as u64, "SIGVTALRM"),
    (libc::SIGPROF as u64, "SIGPROF"),
    (libc::SIGWINCH as u64, "SIGWINCH"),
    (libc::SIGIO as u64, "SIGIO"),
    (libc::SIGPWR as u64, "SIGPWR"),
    (libc::SIGSYS as u64, "SIGSYS"),
    (32, "SIGRTMIN"),
];

pub(super) const DOMAINS: Names = names!(
    AF_UNSPEC AF_UNIX AF_INET AF_AX25 AF_IPX AF_APPLETALK AF_X25 AF_INET6 AF_KEY AF_NETLINK AF_PACKET
    AF_RDS AF_PPPOX AF_LLC AF_IB AF_MPLS AF_CAN AF_TIPC AF_BLUETOOTH AF_IUCV AF_RXRPC AF_ISDN
    AF_PHONET AF_IEEE802154 AF_CAIF AF_ALG AF_NFC AF_VSOCK AF_XDP AF_NETROM AF_BRIDGE AF_ATMPVC AF_ROSE
    AF_DECnet AF_NETBEUI AF_SECURITY AF_ASH AF_ECONET AF_ATMSVC AF_SNA AF_IRDA AF_WANPIPE;
    41 AF_KCM 42 AF_QIPCRTR 43 AF_SMC
);

pub(super) const TYPES: Names =
    names!(SOCK_STREAM SOCK_DGRAM SOCK_RAW SOCK_RDM SOCK_SEQPACKET SOCK_DCCP);

pub(super) const SOCKET_FLAGS: Names = names!(SOCK_CLOEXEC SOCK_NONBLOCK);

pub(super) const PROTOCOLS: Names = names!(
    IPPROTO_IP IPPROTO_ICMP IPPROTO_IGMP IPPROTO_IPIP IPPROTO_TCP IPPROTO_EGP IPPROTO_PUP IPPROTO_UDP
    IPPROTO_IDP IPPROTO_TP IPPROTO_DCCP IPPROTO_IPV6 IPPROTO_RSVP IPPROTO_GRE IPPROTO_ESP IPPROTO_AH
    IPPROTO_ICMPV6 IPPROTO_PIM IPPROTO_COMP IPPROTO_SCTP IPPROTO_UDPLITE IPPROTO_MPLS IPPROTO_RAW
    IPPROTO_MPTCP
);

pub(super) const NETLINK_PROTOCOLS: Names = names!(
    NETLINK_ROUTE NETLINK_USERSOCK NETLINK_FIREWALL NETLINK_SOCK_DIAG NETLINK_NFLOG NETLINK_XFRM
    NETLINK_SELINUX NETLINK_ISCSI NETLINK_AUDIT NETLINK_FIB_LOOKUP NETLINK_CONNECTOR
    NETLINK_NETFILTER NETLINK_IP6_FW NETLINK_DNRTMSG NETLINK_KOBJECT_UEVENT NETLINK_GENERIC
    NETLINK_SCSITRANSPORT NETLINK_ECRYPTFS NETLINK_RDMA NETLINK_CRYPTO
);

/// linux/can.h; 3, 4 and 5 were never implemented.
const CAN_PROTOCOLS: Names = &[
    (1, "CAN_RAW"),
    (2, "CAN_BCM"),
    (3, "CAN_TP16"),
    (4, "CAN_TP20"),
    (5, "CAN_MCNET"),
    (6, "CAN_ISOTP"),
    (7, "CAN_J1939"),
];

/// net/bluetooth/bluetooth.h
const BLUETOOTH_PROTOCOLS: Names = &[
    (0, "BTPROTO_L2CAP"),
    (1, "BTPROTO_HCI"),
    (2, "BTPROTO_SCO"),
    (3, "BTPROTO_RFCOMM"),
    (4, "BTPROTO_BNEP"),
    (5, "BTPROTO_CMTP"),
    (6, "BTPROTO_HIDP"),
    (7, "BTPROTO_AVDTP"),
];

pub(super) const ETHERNET: Names =
    names!(ETH_P_ALL ETH_P_IP ETH_P_IPV6 ETH_P_ARP ETH_P_RARP ETH_P_8021Q ETH_P_LOOP ETH_P_802_2);

pub(super) const SHUTDOWN: Names = names!(SHUT_RD SHUT_WR SHUT_RDWR);

pub(super) const MESSAGE_FLAGS: Names = names!(
    MSG_OOB MSG_PEEK MSG_DONTROUTE MSG_CTRUNC MSG_TRUNC MSG_DONTWAIT MSG_EOR MSG_WAITALL MSG_FIN
    MSG_SYN MSG_CONFIRM MSG_RST MSG_ERRQUEUE MSG_NOSIGNAL MSG_MORE MSG_WAITFORONE MSG_ZEROCOPY
    MSG_FASTOPEN MSG_CMSG_CLOEXEC
);

pub(super) const TRANSFER_FLAGS: Names = names!(RWF_HIPRI RWF_DSYNC RWF_SYNC RWF_NOWAIT RWF_APPEND);

pub(super) const SPLICE_FLAGS: Names =
    names!(SPLICE_F_MOVE SPLICE_F_NONBLOCK SPLICE_F_MORE SPLICE_F_GIFT);

pub(super) const ACCESS_MODES: Names = names!(O_RDONLY O_WRONLY O_RDWR);

/// `O_SYNC` and `O_TMPFILE` hold other flags, so they stand first.
pub(super) const OPEN_FLAGS: Names = &[
    (libc::O_SYNC as u64, "O_SYNC"),
    (libc::O_TMPFILE as u64, "O_TMPFILE"),
    (libc::O_CREAT as u64, "O_CREAT"),
    (libc::O_EXCL as u64, "O_EXCL"),
    (libc::O_NOCTTY as u64, "O_NOCTTY"),
    (libc::O_TRUNC as u64, "O_TRUNC"),
    (libc::O_APPEND as u64, "O_APPEND"),
    (libc::O_NONBLOCK as u64, "O_NONBLOCK"),
    (libc::O_DSYNC as u64, "O_DSYNC"),
    (libc::O_ASYNC as u64, "O_ASYNC"),
    (libc::O_DIRECT as u64, "O_DIRECT"),
    // The kernel's value: libc's is 0 where files are large anyway.
    (O_LARGEFILE, "O_LARGEFILE"),
    (libc::O_CLOEXEC as u64, "O_CLOEXEC"),
    (libc::O_DIRECTORY as u64, "O_DIRECTORY"),
    (libc::O_NOFOLLOW as u64, "O_NOFOLLOW"),
    (libc::O_NOATIME as u64, "O_NOATIME"),
    (libc::O_PATH as u64, "O_PATH"),
];

const O_LARGEFILE: u64 = if cfg!(target_arch = "aarch64") { 0o400000 } else { 0o100000 };

pub(super) const PIPE_FLAGS: Names = names!(O_NONBLOCK O_CLOEXEC O_DIRECT);

pub(super) const WHENCE: Names = names!(SEEK_SET SEEK_CUR SEEK_END SEEK_DATA SEEK_HOLE);

pub(super) const CLOSE_RANGE_FLAGS: Names =
    &[(1 << 1, "CLOSE_RANGE_UNSHARE"), (1 << 2, "CLOSE_RANGE_CLOEXEC")];

pub(super) const FCNTL: Names = &[
    (libc::F_DUPFD as u64, "F_DUPFD"),
    (libc::F_DUPFD_CLOEXEC as u64, "F_DUPFD_CLOEXEC"),
    (libc::F_GETFD as u64, "F_GETFD"),
    (libc::F_SETFD as u64, "F_SETFD"),
    (libc::F_GETFL as u64, "F_GETFL"),
    (libc::F_SETFL as u64, "F_SETFL"),
    (libc::F_GETLK as u64, "F_GETLK"),
    (libc::F_SETLK as u64, "F_SETLK"),
    (libc::F_SETLKW as u64, "F_SETLKW"),
    (libc::F_SETOWN as u64, "F_SETOWN"),
    (libc::F_GETOWN as u64, "F_GETOWN"),
    (10, "F_SETSIG"),
    (11, "F_GETSIG"),
    (15, "F_SETOWN_EX"),
    (16, "F_GETOWN_EX"),
    (36, "F_OFD_GETLK"),
    (37, "F_OFD_SETLK"),
    (38, "F_OFD_SETLKW"),
    (libc::F_SETLEASE as u64, "F_SETLEASE"),
    (libc::F_GETLEASE as u64, "F_GETLEASE"),
    (libc::F_NOTIFY as u64, "F_NOTIFY"),
    (libc::F_SETPIPE_SZ as u64, "F_SETPIPE_SZ"),
    (libc::F_GETPIPE_SZ as u64, "F_GETPIPE_SZ"),
    (libc::F_ADD_SEALS as u64, "F_ADD_SEALS"),
    (libc::F_GET_SEALS as u64, "F_GET_SEALS"),
];

pub(super) const FD_FLAGS: Names = names!(FD_CLOEXEC);

/// The requests of ioctl(2) that socket programs make. `SIOCINQ` and `SIOCOUTQ` have terminals' names as well.
pub(super) const IOCTL: Names = &[
    (0x5421, "FIONBIO"),
    (0x541b, "FIONREAD"),
    (0x5450, "FIONCLEX"),
    (0x5451, "FIOCLEX"),
    (0x5452, "FIOASYNC"),
    (0x5411, "SIOCOUTQ"),
    (0x5401, "TCGETS"),
    (0x5402, "TCSETS"),
    (0x5403, "TCSETSW"),
    (0x5404, "TCSETSF"),
    (0x540b, "TCFLSH"),
    (0x540f, "TIOCGPGRP"),
    (0x5410, "TIOCSPGRP"),
    (0x5413, "TIOCGWINSZ"),
    (0x5414, "TIOCSWINSZ"),
    (0x540e, "TIOCSCTTY"),
    (0x8901, "FIOSETOWN"),
    (0x8902, "SIOCSPGRP"),
    (0x8903, "FIOGETOWN"),
    (0x8904, "SIOCGPGRP"),
    (0x8905, "SIOCATMARK"),
    (0x8906, "SIOCGSTAMP_OLD"),
    (0x8907, "SIOCGSTAMPNS_OLD"),
    (0x894b, "SIOCOUTQNSD"),
    (0x890b, "SIOCADDRT"),
    (0x890c, "SIOCDELRT"),
    (0x8910, "SIOCGIFNAME"),
    (0x8912, "SIOCGIFCONF"),
    (0x8913, "SIOCGIFFLAGS"),
    (0x8914, "SIOCSIFFLAGS"),
    (0x8915, "SIOCGIFADDR"),
    (0x8916, "SIOCSIFADDR"),
    (0x8917, "SIOCGIFDSTADDR"),
    (0x8918, "SIOCSIFDSTADDR"),
    (0x8919, "SIOCGIFBRDADDR"),
    (0x891a, "SIOCSIFBRDADDR"),
    (0x891b, "SIOCGIFNETMASK"),
    (0x891c, "SIOCSIFNETMASK"),
    (0x891d, "SIOCGIFMETRIC"),
    (0x8921, "SIOCGIFMTU"),
    (0x8922, "SIOCSIFMTU"),
    (0x8924, "SIOCSIFHWADDR"),
    (0x8927, "SIOCGIFHWADDR"),
    (0x8931, "SIOCADDMULTI"),
    (0x8932, "SIOCDELMULTI"),
    (0x8933, "SIOCGIFINDEX"),
    (0x8942, "SIOCGIFTXQLEN"),
    (0x8943, "SIOCSIFTXQLEN"),
    (0x8946, "SIOCETHTOOL"),
    (0x8953, "SIOCDARP"),
    (0x8954, "SIOCGARP"),
    (0x8955, "SIOCSARP"),
];

pub(super) const INTERFACE_FLAGS: Names = names!(
    IFF_UP IFF_BROADCAST IFF_DEBUG IFF_LOOPBACK IFF_POINTOPOINT IFF_NOTRAILERS IFF_RUNNING IFF_NOARP
    IFF_PROMISC IFF_ALLMULTI IFF_MASTER IFF_SLAVE IFF_MULTICAST IFF_PORTSEL IFF_AUTOMEDIA IFF_DYNAMIC
);

/// Levels of socket options by the names that the manual pages of the protocols use.
pub(super) const LEVELS: Names = names!(
    IPPROTO_IP SOL_SOCKET IPPROTO_TCP IPPROTO_UDP IPPROTO_IPV6 IPPROTO_ICMPV6 IPPROTO_RAW
    SOL_PACKET SOL_NETLINK SOL_ALG IPPROTO_SCTP IPPROTO_UDPLITE SOL_TIPC SOL_BLUETOOTH SOL_CAN_BASE
    IPPROTO_MPTCP SOL_DCCP SOL_RXRPC SOL_LLC SOL_ATM SOL_DECNET SOL_X25
);

pub(super) const SOCKET_OPTIONS: Names = &[
    (libc::SO_DEBUG as u64, "SO_DEBUG"),
    (libc::SO_REUSEADDR as u64, "SO_REUSEADDR"),
    (libc::SO_TYPE as u64, "SO_TYPE"),
    (libc::SO_ERROR as u64, "SO_ERROR"),
    (libc::SO_DONTROUTE as u64, "SO_DONTROUTE"),
    (libc::SO_BROADCAST as u64, "SO_BROADCAST"),
    (libc::SO_SNDBUF as u64, "SO_SNDBUF"),
    (libc::SO_RCVBUF as u64, "SO_RCVBUF"),
    (libc::SO_KEEPALIVE as u64, "SO_KEEPALIVE"),
    (libc::SO_OOBINLINE as u64, "SO_OOBINLINE"),
    (11, "SO_NO_CHECK"),
    (libc::SO_PRIORITY as u64, "SO_PRIORITY"),
    (libc::SO_LINGER as u64, "SO_LINGER"),
    (14, "SO_BSDCOMPAT"),
    (libc::SO_REUSEPORT as u64, "SO_REUSEPORT"),
    (libc::SO_PASSCRED as u64, "SO_PASSCRED"),
    (libc::SO_PEERCRED as u64, "SO_PEERCRED"),
    (libc::SO_RCVLOWAT as u64, "SO_RCVLOWAT"),
    (libc::SO_SNDLOWAT as u64, "SO_SNDLOWAT"),
    (20, "SO_RCVTIMEO"),
    (21, "SO_SNDTIMEO"),
    (22, "SO_SECURITY_AUTHENTICATION"),
    (23, "SO_SECURITY_ENCRYPTION_TRANSPORT"),
    (24, "SO_SECURITY_ENCRYPTION_NETWORK"),
    (libc::SO_BINDTODEVICE as u64, "SO_BINDTODEVICE"),
    (libc::SO_ATTACH_FILTER as u64, "SO_ATTACH_FILTER"),
    (libc::SO_DETACH_FILTER as u64, "SO_DETACH_FILTER"),
    (28, "SO_PEERNAME"),
    (29, "SO_TIMESTAMP"),
    (libc::SO_ACCEPTCONN as u64, "SO_ACCEPTCONN"),
    (libc::SO_PEERSEC as u64, "SO_PEERSEC"),
    (libc::SO_SNDBUFFORCE as u64, "SO_SNDBUFFORCE"),
    (libc::SO_RCVBUFFORCE as u64, "SO_RCVBUFFORCE"),
    (libc::SO_PASSSEC as u64, "SO_PASSSEC"),
    (35, "SO_TIMESTAMPNS"),
    (libc::SO_MARK as u64, "SO_MARK"),
    (37, "SO_TIMESTAMPING"),
    (libc::SO_PROTOCOL as u64, "SO_PROTOCOL"),
    (libc::SO_DOMAIN as u64, "SO_DOMAIN"),
    (libc::SO_RXQ_OVFL as u64, "SO_RXQ_OVFL"),
    (41, "SO_WIFI_STATUS"),
    (libc::SO_PEEK_OFF as u64, "SO_PEEK_OFF"),
    (43, "SO_NOFCS"),
    (44, "SO_LOCK_FILTER"),
    (45, "SO_SELECT_ERR_QUEUE"),
    (libc::SO_BUSY_POLL as u64, "SO_BUSY_POLL"),
    (47, "SO_MAX_PACING_RATE"),
    (48, "SO_BPF_EXTENSIONS"),
    (libc::SO_INCOMING_CPU as u64, "SO_INCOMING_CPU"),
    (50, "SO_ATTACH_BPF"),
    (51, "SO_ATTACH_REUSEPORT_CBPF"),
    (52, "SO_ATTACH_REUSEPORT_EBPF"),
    (53, "SO_CNX_ADVICE"),
    (55, "SO_MEMINFO"),
    (56, "SO_INCOMING_NAPI_ID"),
    (57, "SO_COOKIE"),
    (59, "SO_PEERGROUPS"),
    (60, "SO_ZEROCOPY"),
    (61, "SO_TXTIME"),
    (62, "SO_BINDTOIFINDEX"),
    (63, "SO_TIMESTAMP_NEW"),
    (64, "SO_TIMESTAMPNS_NEW"),
    (65, "SO_TIMESTAMPING_NEW"),
    (66, "SO_RCVTIMEO_NEW"),
    (67, "SO_SNDTIMEO_NEW"),
    (68, "SO_DETACH_REUSEPORT_BPF"),
    (69, "SO_PREFER_BUSY_POLL"),
    (70, "SO_BUSY_POLL_BUDGET"),
    (71, "SO_NETNS_COOKIE"),
    (72, "SO_BUF_LOCK"),
    (73, "SO_RESERVE_MEM"),
    (74, "SO_TXREHASH"),
    (75, "SO_RCVMARK"),
    (76, "SO_PASSPIDFD"),
    (77, "SO_PEERPIDFD"),
    (78, "SO_DEVMEM_LINEAR"),
    (79, "SO_DEVMEM_DMABUF"),
    (80, "SO_DEVMEM_DONTNEED"),
    (82, "SO_RCVPRIORITY"),
    (83, "SO_PASSRIGHTS"),
    (84, "SO_INQ"),
];

pub(super) const CONTROL_TYPES: Names = &[
    (libc::SCM_RIGHTS as u64, "SCM_RIGHTS"),
    (libc::SCM_CREDENTIALS as u64, "SCM_CREDENTIALS"),
    (3, "SCM_SECURITY"),
    (4, "SCM_PIDFD"),
    (29, "SCM_TIMESTAMP"),
    (35, "SCM_TIMESTAMPNS"),
    (37, "SCM_TIMESTAMPING"),
];

pub(super) const IP_OPTIONS: Names = &[
    (1, "IP_TOS"),
    (2, "IP_TTL"),
    (3, "IP_HDRINCL"),
    (4, "IP_OPTIONS"),
    (5, "IP_ROUTER_ALERT"),
    (6, "IP_RECVOPTS"),
    (7, "IP_RETOPTS"),
    (8, "IP_PKTINFO"),
    (9, "IP_PKTOPTIONS"),
    (10, "IP_MTU_DISCOVER"),
    (11, "IP_RECVERR"),
    (12, "IP_RECVTTL"),
    (13, "IP_RECVTOS"),
    (14, "IP_MTU"),
    (15, "IP_FREEBIND"),
    (16, "IP_IPSEC_POLICY"),
    (17, "IP_XFRM_POLICY"),
    (18, "IP_PASSSEC"),
    (19, "IP_TRANSPARENT"),
    (20, "IP_ORIGDSTADDR"),
    (21, "IP_MINTTL"),
    (22, "IP_NODEFRAG"),
    (23, "IP_CHECKSUM"),
    (24, "IP_BIND_ADDRESS_NO_PORT"),
    (25, "IP_RECVFRAGSIZE"),
    (26, "IP_RECVERR_RFC4884"),
    (32, "IP_MULTICAST_IF"),
    (33, "IP_MULTICAST_TTL"),
    (34, "IP_MULTICAST_LOOP"),
    (35, "IP_ADD_MEMBERSHIP"),
    (36, "IP_DROP_MEMBERSHIP"),
    (37, "IP_UNBLOCK_SOURCE"),
    (38, "IP_BLOCK_SOURCE"),
    (39, "IP_ADD_SOURCE_MEMBERSHIP"),
    (40, "IP_DROP_SOURCE_MEMBERSHIP"),
    (41, "IP_MSFILTER"),
    (42, "MCAST_JOIN_GROUP"),
    (43, "MCAST_BLOCK_SOURCE"),
    (44, "MCAST_UNBLOCK_SOURCE"),
    (45, "MCAST_LEAVE_GROUP"),
    (46, "MCAST_JOIN_SOURCE_GROUP"),
    (47, "MCAST_LEAVE_SOURCE_GROUP"),
    (48, "MCAST_MSFILTER"),
    (49, "IP_MULTICAST_ALL"),
    (50, "IP_UNICAST_IF"),
    (51, "IP_LOCAL_PORT_RANGE"),
    (52, "IP_PROTOCOL"),
    (80, "SO_ORIGINAL_DST"),
];

pub(super) const IPV6_OPTIONS: Names = &[
    (1, "IPV6_ADDRFORM"),
    (2, "IPV6_2292PKTINFO"),
    (3, "IPV6_2292HOPOPTS"),
    (4, "IPV6_2292DSTOPTS"),
    (5, "IPV6_2292RTHDR"),
    (6, "IPV6_2292PKTOPTIONS"),
    (7, "IPV6_CHECKSUM"),
    (8, "IPV6_2292HOPLIMIT"),
    (9, "IPV6_NEXTHOP"),
    (10, "IPV6_AUTHHDR"),
    (11, "IPV6_FLOWINFO"),
    (16, "IPV6_UNICAST_HOPS"),
    (17, "IPV6_MULTICAST_IF"),
    (18, "IPV6_MULTICAST_HOPS"),
    (19, "IPV6_MULTICAST_LOOP"),
    (20, "IPV6_ADD_MEMBERSHIP"),
    (21, "IPV6_DROP_MEMBERSHIP"),
    (22, "IPV6_ROUTER_ALERT"),
    (23, "IPV6_MTU_DISCOVER"),
    (24, "IPV6_MTU"),
    (25, "IPV6_RECVERR"),
    (26, "IPV6_V6ONLY"),
    (27, "IPV6_JOIN_ANYCAST"),
    (28, "IPV6_LEAVE_ANYCAST"),
    (29, "IPV6_MULTICAST_ALL"),
    (30, "IPV6_ROUTER_ALERT_ISOLATE"),
    (31, "IPV6_RECVERR_RFC4884"),
    (32, "IPV6_FLOWLABEL_MGR"),
    (33, "IPV6_FLOWINFO_SEND"),
    (34, "IPV6_IPSEC_POLICY"),
    (35, "IPV6_XFRM_POLICY"),
    (36, "IPV6_HDRINCL"),
    (49, "IPV6_RECVPKTINFO"),
    (50, "IPV6_PKTINFO"),
    (51, "IPV6_RECVHOPLIMIT"),
    (52, "IPV6_HOPLIMIT"),
    (53, "IPV6_RECVHOPOPTS"),
    (54, "IPV6_HOPOPTS"),
    (55, "IPV6_RTHDRDSTOPTS"),
    (56, "IPV6_RECVRTHDR"),
    (57, "IPV6_RTHDR"),
    (58, "IPV6_RECVDSTOPTS"),
    (59, "IPV6_DSTOPTS"),
    (60, "IPV6_RECVPATHMTU"),
    (61, "IPV6_PATHMTU"),
    (62, "IPV6_DONTFRAG"),
    (66, "IPV6_RECVTCLASS"),
    (67, "IPV6_TCLASS"),
    (70, "IPV6_AUTOFLOWLABEL"),
    (72, "IPV6_ADDR_PREFERENCES"),
    (73, "IPV6_MINHOPCOUNT"),
    (74, "IPV6_ORIGDSTADDR"),
    (75, "IPV6_TRANSPARENT"),
    (76, "IPV6_UNICAST_IF"),
    (77, "IPV6_RECVFRAGSIZE"),
    (78, "IPV6_FREEBIND"),
];

pub(super) const TCP_OPTIONS: Names = &[
    (1, "TCP_NODELAY"),
    (2, "TCP_MAXSEG"),
    (3, "TCP_CORK"),
    (4, "TCP_KEEPIDLE"),
    (5, "TCP_KEEPINTVL"),
    (6, "TCP_KEEPCNT"),
    (7, "TCP_SYNCNT"),
    (8, "TCP_LINGER2"),
    (9, "TCP_DEFER_ACCEPT"),
    (10, "TCP_WINDOW_CLAMP"),
    (11, "TCP_INFO"),
    (12, "TCP_QUICKACK"),
    (13, "TCP_CONGESTION"),
    (14, "TCP_MD5SIG"),
    (15, "TCP_COOKIE_TRANSACTIONS"),
    (16, "TCP_THIN_LINEAR_TIMEOUTS"),
    (17, "TCP_THIN_DUPACK"),
    (18, "TCP_USER_TIMEOUT"),
    (19, "TCP_REPAIR"),
    (20, "TCP_REPAIR_QUEUE"),
    (21, "TCP_QUEUE_SEQ"),
    (22, "TCP_REPAIR_OPTIONS"),
    (23, "TCP_FASTOPEN"),
    (24, "TCP_TIMESTAMP"),
    (25, "TCP_NOTSENT_LOWAT"),
    (26, "TCP_CC_INFO"),
    (27, "TCP_SAVE_SYN"),
    (28, "TCP_SAVED_SYN"),
    (29, "TCP_REPAIR_WINDOW"),
    (30, "TCP_FASTOPEN_CONNECT"),
    (31, "TCP_ULP"),
    (32, "TCP_MD5SIG_EXT"),
    (33, "TCP_FASTOPEN_KEY"),
    (34, "TCP_FASTOPEN_NO_COOKIE"),
    (35, "TCP_ZEROCOPY_RECEIVE"),
    (36, "TCP_INQ"),
    (37, "TCP_TX_DELAY"),
    (38, "TCP_AO_ADD_KEY"),
    (39, "TCP_AO_DEL_KEY"),
    (40, "TCP_AO_INFO"),
    (41, "TCP_AO_GET_KEYS"),
    (42, "TCP_AO_REPAIR"),
    (43, "TCP_IS_MPTCP"),
    (44, "TCP_RTO_MAX_MS"),
    (45, "TCP_RTO_MIN_US"),
    (46, "TCP_DELACK_MAX_US"),
];

pub(super) const UDP_OPTIONS: Names = &[
    (1, "UDP_CORK"),
    (100, "UDP_ENCAP"),
    (101, "UDP_NO_CHECK6_TX"),
    (102, "UDP_NO_CHECK6_RX"),
    (103, "UDP_SEGMENT"),
    (104, "UDP_GRO"),
];

pub(super) const PACKET_OPTIONS: Names = &[
    (1, "PACKET_ADD_MEMBERSHIP"),
    (2, "PACKET_DROP_MEMBERSHIP"),
    (3, "PACKET_RECV_OUTPUT"),
    (5, "PACKET_RX_RING"),
    (6, "PACKET_STATISTICS"),
    (7, "PACKET_COPY_THRESH"),
    (8, "PACKET_AUXDATA"),
    (9, "PACKET_ORIGDEV"),
    (10, "PACKET_VERSION"),
    (11, "PACKET_HDRLEN"),
    (12, "PACKET_RESERVE"),
    (13, "PACKET_TX_RING"),
    (14, "PACKET_LOSS"),
    (15, "PACKET_VNET_HDR"),
    (16, "PACKET_TX_TIMESTAMP"),
    (17, "PACKET_TIMESTAMP"),
    (18, "PACKET_FANOUT"),
    (19, "PACKET_TX_HAS_OFF"),
    (20, "PACKET_QDISC_BYPASS"),
    (21, "PACKET_ROLLOVER_STATS"),
    (22, "PACKET_FANOUT_DATA"),
    (23, "PACKET_IGNORE_OUTGOING"),
    (24, "PACKET_VNET_HDR_SZ"),
];

pub(super) const NETLINK_OPTIONS: Names = &[
    (1, "NETLINK_ADD_MEMBERSHIP"),
    (2, "NETLINK_DROP_MEMBERSHIP"),
    (3, "NETLINK_PKTINFO"),
    (4, "NETLINK_BROADCAST_ERROR"),
    (5, "NETLINK_NO_ENOBUFS"),
    (6, "NETLINK_RX_RING"),
    (7, "NETLINK_TX_RING"),
    (8, "NETLINK_LISTEN_ALL_NSID"),
    (9, "NETLINK_LIST_MEMBERSHIPS"),
    (10, "NETLINK_CAP_ACK"),
    (11, "NETLINK_EXT_ACK"),
    (12, "NETLINK_GET_STRICT_CHK"),
];

pub(super) const RAW_OPTIONS: Names = &[(1, "ICMP_FILTER")];

/// The states of TCP as `tcpi_state` counts them.
pub(super) const TCP_STATES: Names = &[
    (1, "TCP_ESTABLISHED"),
    (2, "TCP_SYN_SENT"),
    (3, "TCP_SYN_RECV"),
    (4, "TCP_FIN_WAIT1"),
    (5, "TCP_FIN_WAIT2"),
    (6, "TCP_TIME_WAIT"),
    (7, "TCP_CLOSE"),
    (8, "TCP_CLOSE_WAIT"),
    (9, "TCP_LAST_ACK"),
    (10, "TCP_LISTEN"),
    (11, "TCP_CLOSING"),
    (12, "TCP_NEW_SYN_RECV"),
];

pub(super) const POLL_EVENTS: Names = names!(
    POLLIN POLLPRI POLLOUT POLLERR POLLHUP POLLNVAL POLLRDNORM POLLRDBAND POLLWRNORM POLLWRBAND
    POLLRDHUP
);

pub(super) const EPOLL_OPERATIONS: Names = names!(EPOLL_CTL_ADD EPOLL_CTL_DEL EPOLL_CTL_MOD);

pub(super) const EPOLL_EVENTS: Names = names!(
    EPOLLIN EPOLLPRI EPOLLOUT EPOLLRDNORM EPOLLRDBAND EPOLLWRNORM EPOLLWRBAND EPOLLMSG EPOLLERR
    EPOLLHUP EPOLLRDHUP EPOLLEXCLUSIVE EPOLLWAKEUP EPOLLONESHOT EPOLLET
);

pub(super) const EPOLL_FLAGS: Names = names!(EPOLL_CLOEXEC);

pub(super) const EVENTFD_FLAGS: Names = names!(EFD_SEMAPHORE EFD_CLOEXEC EFD_NONBLOCK);

pub(super) const TIMERFD_FLAGS: Names = names!(TFD_CLOEXEC TFD_NONBLOCK);

pub(super) const TIMERFD_SET_FLAGS: Names = names!(TFD_TIMER_ABSTIME TFD_TIMER_CANCEL_ON_SET);

pub(super) const SIGNALFD_FLAGS: Names = names!(SFD_CLOEXEC SFD_NONBLOCK);

pub(super) const CLOCKS: Names = names!(
    CLOCK_REALTIME CLOCK_MONOTONIC CLOCK_PROCESS_CPUTIME_ID CLOCK_THREAD_CPUTIME_ID
    CLOCK_MONOTONIC_RAW CLOCK_REALTIME_COARSE CLOCK_MONOTONIC_COARSE CLOCK_BOOTTIME
    CLOCK_REALTIME_ALARM CLOCK_BOOTTIME_ALARM CLOCK_TAI
);

pub(super) const CLOCK_FLAGS: Names = names!(TIMER_ABSTIME);

pub(super) const INTERVAL_TIMERS: Names =
    &[(0, "ITIMER_REAL"), (1, "ITIMER_VIRTUAL"), (2, "ITIMER_PROF")];

pub(super) const MASK_OPERATIONS: Names = names!(SIG_BLOCK SIG_UNBLOCK SIG_SETMASK);

pub(super) const HANDLERS: Names = &[(0, "SIG_DFL"), (1, "SIG_IGN"), (u64::MAX, "SIG_ERR")];

pub(super) const ACTION_FLAGS: Names = &[
    (0x0400_0000, "SA_RESTORER"),
    (0x0800_0000, "SA_ONSTACK"),
    (0x1000_0000, "SA_RESTART"),
    (0x4000_0000, "SA_NODEFER"),
    (0x8000_0000, "SA_RESETHAND"),
    (4, "SA_SIGINFO"),
    (1, "SA_NOCLDSTOP"),
    (2, "SA_NOCLDWAIT"),
];

pub(super) const CLONE_FLAGS: Names = &[
    (0x100, "CLONE_VM"),
    (0x200, "CLONE_FS"),
    (0x400, "CLONE_FILES"),
    (0x800, "CLONE_SIGHAND"),
    (0x1000, "CLONE_PIDFD"),
    (0x2000, "CLONE_PTRACE"),
    (0x4000, "CLONE_VFORK"),
    (0x8000, "CLONE_PARENT"),
    (0x1_0000, "CLONE_THREAD"),
    (0x2_0000, "CLONE_NEWNS"),
    (0x4_0000, "CLONE_SYSVSEM"),
    (0x8_0000, "CLONE_SETTLS"),
    (0x10_0000, "CLONE_PARENT_SETTID"),
    (0x20_0000, "CLONE_CHILD_CLEARTID"),
    (0x40_0000, "CLONE_DETACHED"),
    (0x80_0000, "CLONE_UNTRACED"),
    (0x100_0000, "CLONE_CHILD_SETTID"),
    (0x200_0000, "CLONE_NEWCGROUP"),
    (0x400_0000, "CLONE_NEWUTS"),
    (0x800_0000, "CLONE_NEWIPC"),
    (0x1000_0000, "CLONE_NEWUSER"),
    (0x2000_0000, "CLONE_NEWPID"),
    (0x4000_0000, "CLONE_NEWNET"),
    (0x8000_0000, "CLONE_IO"),
    (0x1_0000_0000, "CLONE_CLEAR_SIGHAND"),
    (0x2_0000_0000, "CLONE_INTO_CGROUP"),
    (0x80, "CLONE_NEWTIME"),
];

pub(super) const WAIT_OPTIONS: Names = &[
    (1, "WNOHANG"),
    (2, "WUNTRACED"),
    (4, "WEXITED"),
    (8, "WCONTINUED"),
    (0x0100_0000, "WNOWAIT"),
    (0x2000_0000, "__WNOTHREAD"),
    (0x4000_0000, "__WALL"),
    (0x8000_0000, "__WCLONE"),
];

pub(super) const WAIT_KINDS: Names = &[(0, "P_ALL"), (1, "P_PID"), (2, "P_PGID"), (3, "P_PIDFD")];

pub(super) const CHILD_CODES: Names = &[
    (1, "CLD_EXITED"),
    (2, "CLD_KILLED"),
    (3, "CLD_DUMPED"),
    (4, "CLD_TRAPPED"),
    (5, "CLD_STOPPED"),
    (6, "CLD_CONTINUED"),
];

pub(super) const SIGNAL_CODES: Names = &[
    (0, "SI_USER"),
    (0x80, "SI_KERNEL"),
    (-1i32 as u32 as u64, "SI_QUEUE"),
    (-2i32 as u32 as u64, "SI_TIMER"),
    (-3i32 as u32 as u64, "SI_MESGQ"),
    (-4i32 as u32 as u64, "SI_ASYNCIO"),
    (-5i32 as u32 as u64, "SI_SIGIO"),
    (-6i32 as u32 as u64, "SI_TKILL"),
];

pub(super) const URING_ENTER_FLAGS: Names = &[
    (1, "IORING_ENTER_GETEVENTS"),
    (2, "IORING_ENTER_SQ_WAKEUP"),
    (4, "IORING_ENTER_SQ_WAIT"),
    (8, "IORING_ENTER_EXT_ARG"),
    (16, "IORING_ENTER_REGISTERED_RING"),
];

pub(super) const URING_SETUP_FLAGS: Names = &[
    (1, "IORING_SETUP_IOPOLL"),
    (2, "IORING_SETUP_SQPOLL"),
    (4, "IORING_SETUP_SQ_AFF"),
    (8, "IORING_SETUP_CQSIZE"),
    (16, "IORING_SETUP_CLAMP"),
    (32, "IORING_SETUP_ATTACH_WQ"),
    (64, "IORING_SETUP_R_DISABLED"),
    (128, "IORING_SETUP_SUBMIT_ALL"),
    (256, "IORING_SETUP_COOP_TASKRUN"),
    (512, "IORING_SETUP_TASKRUN_FLAG"),
    (1024, "IORING_SETUP_SQE128"),
    (2048, "IORING_SETUP_CQE32"),
    (4096, "IORING_SETUP_SINGLE_ISSUER"),
    (8192, "IORING_SETUP_DEFER_TASKRUN"),
];

pub(super) const URING_REGISTER: Names = &[
    (0, "IORING_REGISTER_BUFFERS"),
    (1, "IORING_UNREGISTER_BUFFERS"),
    (2, "IORING_REGISTER_FILES"),
    (3, "IORING_UNREGISTER_FILES"),
    (4, "IORING_REGISTER_EVENTFD"),
    (5, "IORING_UNREGISTER_EVENTFD"),
    (6, "IORING_REGISTER_FILES_UPDATE"),
    (7, "IORING_REGISTER_EVENTFD_ASYNC"),
    (8, "IORING_REGISTER_PROBE"),
    (9, "IORING_REGISTER_PERSONALITY"),
    (10, "IORING_UNREGISTER_PERSONALITY"),
    (11, "IORING_REGISTER_RESTRICTIONS"),
    (12, "IORING_REGISTER_ENABLE_RINGS"),
];

pub(super) const PTRACE_REQUESTS: Names = &[
    (0, "PTRACE_TRACEME"),
    (1, "PTRACE_PEEKTEXT"),
    (2, "PTRACE_PEEKDATA"),
    (3, "PTRACE_PEEKUSER"),
    (4, "PTRACE_POKETEXT"),
    (5, "PTRACE_POKEDATA"),
    (6, "PTRACE_POKEUSER"),
    (7, "PTRACE_CONT"),
    (8, "PTRACE_KILL"),
    (9, "PTRACE_SINGLESTEP"),
    (16, "PTRACE_ATTACH"),
    (17, "PTRACE_DETACH"),
    (24, "PTRACE_SYSCALL"),
    (0x4200, "PTRACE_SETOPTIONS"),
    (0x4201, "PTRACE_GETEVENTMSG"),
    (0x4206, "PTRACE_SEIZE"),
    (0x4207, "PTRACE_INTERRUPT"),
    (0x4208, "PTRACE_LISTEN"),
    (0x420e, "PTRACE_GET_SYSCALL_INFO"),
];

pub(super) const FUTEX_OPERATIONS: Names = &[
    (0, "FUTEX_WAIT"),
    (1, "FUTEX_WAKE"),
    (3, "FUTEX_REQUEUE"),
    (4, "FUTEX_CMP_REQUEUE"),
    (5, "FUTEX_WAKE_OP"),
    (6, "FUTEX_LOCK_PI"),
    (7, "FUTEX_UNLOCK_PI"),
    (8, "FUTEX_TRYLOCK_PI"),
    (9, "FUTEX_WAIT_BITSET"),
    (10, "FUTEX_WAKE_BITSET"),
    (11, "FUTEX_WAIT_REQUEUE_PI"),
    (12, "FUTEX_CMP_REQUEUE_PI"),
];

pub(super) const RANDOM_FLAGS: Names = names!(GRND_NONBLOCK GRND_RANDOM);

pub(super) const AT_FLAGS: Names =
    names!(AT_SYMLINK_NOFOLLOW AT_REMOVEDIR AT_SYMLINK_FOLLOW AT_EMPTY_PATH);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_meanings_are_in_order_so_that_each_is_found() {
        assert!(MEANINGS.is_sorted_by_key(|(name, _)| name));
        assert_eq!(errno_meaning("ECONNREFUSED"), Some("connection refused: nobody listens there"));
        assert_eq!(errno_meaning("ENOSUCHTHING"), None);
    }

    #[test]
    fn an_error_that_only_a_tracer_sees_has_a_name() {
        let names = [512, 513, 514, 516].map(errno_name);
        let want = ["ERESTARTSYS", "ERESTARTNOINTR", "ERESTARTNOHAND", "ERESTART_RESTARTBLOCK"];
        assert_eq!(names, want);
    }

    #[test]
    fn every_errno_of_linux_has_a_name() {
        // 41 and 58 are second numbers of EWOULDBLOCK and EDEADLOCK that Linux leaves out.
        for errno in (1..=133).filter(|errno| ![41, 58].contains(errno)) {
            assert!(errno_name(errno).starts_with('E'), "{errno} is {}", errno_name(errno));
        }
        assert_eq!(errno_name(4000), "errno 4000");
    }

    #[test]
    fn real_time_signals_are_counted_from_32() {
        assert_eq!(signal_name(32), "SIGRTMIN");
        assert_eq!(signal_name(33), "SIGRT_1");
        assert_eq!(signal_name(64), "SIGRT_32");
        assert_eq!(signal_name(-7), "-7");
    }

    #[test]
    fn flags_without_a_name_are_kept_in_hexadecimal() {
        assert_eq!(flags(MESSAGE_FLAGS, 0x8000_0002), "MSG_PEEK|0x80000000");
        assert_eq!(flags(MESSAGE_FLAGS, 0), "0");
        assert_eq!(flags(SHUTDOWN, 0x10), "0x10");
    }

    #[test]
    fn o_sync_is_one_flag_not_two() {
        assert_eq!(open_flags((libc::O_RDWR | libc::O_SYNC) as u64), "O_RDWR|O_SYNC");
        assert_eq!(open_flags((libc::O_RDWR | libc::O_DSYNC) as u64), "O_RDWR|O_DSYNC");
    }

    #[test]
    fn the_type_of_a_socket_is_told_without_its_flags() {
        assert_eq!(socket_type(libc::SOCK_STREAM | libc::SOCK_CLOEXEC), "SOCK_STREAM");
        assert_eq!(
            socket_type_and_flags(
                (libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK) as u64
            ),
            "SOCK_DGRAM|SOCK_CLOEXEC|SOCK_NONBLOCK"
        );
    }

    #[test]
    fn protocol_0_is_the_one_that_the_domain_takes() {
        let stream = libc::SOCK_STREAM | libc::SOCK_NONBLOCK;
        assert_eq!(socket_protocol(libc::AF_INET, stream, 0), "IPPROTO_TCP");
        assert_eq!(socket_protocol(libc::AF_INET6, libc::SOCK_DGRAM, 0), "IPPROTO_UDP");
        assert_eq!(socket_protocol(libc::AF_UNIX, libc::SOCK_STREAM, 0), "0");
        assert_eq!(socket_protocol(libc::AF_NETLINK, libc::SOCK_RAW, 0), "NETLINK_ROUTE");
        assert_eq!(socket_protocol(libc::AF_PACKET, libc::SOCK_RAW, 0x300), "htons(ETH_P_ALL)");
    }
}
