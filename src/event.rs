//! What happened, as plain data.
//!
//! A [`Recording`] is everything the tracer saw of one run, raw and unedited, in the order in
//! which it became final. It is written as JSON (version [`VERSION`], schema in
//! `book/src/reference/recording.schema.json`) and read back by `lab show`. Nothing here knows how
//! it was obtained or how it will be drawn.
//!
//! Two recordings are *the same* when they are equal but for `at`, `pid`, `tid`, the captured `frames` and the
//! header's `kernel` and `isolation`: see [`Recording::same_as`].

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV4};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

/// The version of the JSON form that this program writes, and the newest that it reads.
pub const VERSION: u32 = 1;

/// How many bytes of one buffer a recording keeps; the true length is kept beside them.
pub const BYTES_KEPT: usize = 4096;

/// Where the name server of a run is, if it has one.
pub const NAME_SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 53), 53);

/// One run: its header, the events of all its roles in one order, and how it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    pub version: u32,
    /// The lesson's whole name (`01-one-shot`), or null for `lab trace`.
    pub lesson: Option<String>,
    pub isolation: Isolation,
    /// `x86_64` or `aarch64`.
    pub arch: String,
    /// The kernel's release, as uname(2) gives it.
    pub kernel: String,
    pub schedule: Schedule,
    /// Of each process only what it did from its first socket on is here, and how it began and ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub from_first_socket: bool,
    /// The seed of a random schedule, or of a scenario's texts and faults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Of a delayed schedule the decisions, counted from 1, at which one more thread was passed over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delays: Vec<u64>,
    /// The scenario that was played, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    /// The faults that the program met, by name: `short-read`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weather: Option<String>,
    pub roles: Vec<Role>,
    /// Every open file description that an event names, in order of creation.
    pub sockets: Vec<Socket>,
    pub events: Vec<Event>,
    /// What the outside world did, in order: a scenario's steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// What became of the sockets, in order: a look after each call, and whenever nobody could move.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looks: Vec<Look>,
    /// What went over the wire, in order; none if the wire could not be read (`isolation` says why).
    #[serde(default)]
    pub packets: Vec<Packet>,
    pub end: End,
    /// Every frame as it was captured, pure acknowledgements and sequence numbers included: facts of the machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<Frame>,
}

impl Recording {
    /// Whether two runs did the same thing: all is equal but for facts of the machine and the moment.
    pub fn same_as(&self, other: &Recording) -> bool {
        self.without_machine_facts() == other.without_machine_facts()
    }

    /// The recording with `at`, `pid`, `tid`, users, `kernel`, `isolation` and `frames` blanked, the kernel's AF_UNIX names
    /// numbered, and of how much a buffer held only whether it was more than [`MUCH`].
    pub fn without_machine_facts(&self) -> Recording {
        let mut bare = self.clone();
        bare.isolation = Isolation::default();
        bare.kernel.clear();
        bare.end.at = 0;
        bare.frames.clear();
        for event in &mut bare.events {
            (event.at, event.pid, event.tid) = (0, 0, 0);
            event.args.iter_mut().for_each(|arg| arg.value.change(&mut Value::forget_user));
        }
        bare.number_autobound();
        for (packet, of) in bare.packets.iter_mut().zip(&self.packets) {
            if self.is_much(of) {
                packet.len = TOO_MUCH;
            }
        }
        for state in bare.looks.iter_mut().flat_map(|look| &mut look.sockets) {
            for queue in [&mut state.receive_queue, &mut state.send_queue] {
                // A FIN that has come is one more in the queue, and no byte.
                *queue = (*queue).min(TOO_MUCH as u32 + 1);
            }
        }
        bare
    }

    /// Numbers the AF_UNIX names that the kernel has chosen, which it does at random, in order of appearance.
    fn number_autobound(&mut self) {
        let binds = self.events.iter().filter(|event| event.call == "bind");
        let bound = binds.flat_map(|bind| &bind.args).flat_map(|arg| arg.value.addresses());
        let chosen: BTreeSet<String> = bound.map(SockAddr::to_string).collect();
        let mut numbers = BTreeMap::new();
        let mut number = |value: &mut Value| {
            let Value::Addr(addr) = value else { return };
            if addr.may_be_autobound() && !chosen.contains(&addr.to_string()) {
                let next = numbers.len();
                let number = *numbers.entry(addr.to_string()).or_insert(next);
                *addr = SockAddr::Abstract { name: format!("{number:05x}") };
            }
        };
        for arg in self.events.iter_mut().flat_map(|event| &mut event.args) {
            arg.value.change(&mut number);
        }
    }

    /// Whether a packet's length says how much this machine's buffers hold: it is more than [`MUCH`], and not what a call
    /// has sent whole.
    pub fn is_much(&self, packet: &Packet) -> bool {
        let cause = &packet.cause;
        let at = self.events.binary_search_by_key(&cause.after, |event| event.seq).ok();
        let sent = at.and_then(|at| self.events[at].ret).filter(|_| !cause.waiting);
        packet.len > MUCH && sent.and_then(|sent| u64::try_from(sent).ok()) != Some(packet.len)
    }

    /// What of it a repository keeps: the same on every machine of its architecture, whoever recorded it and wherever.
    ///
    /// A program is known by its file's name.
    pub fn to_keep(&self) -> Recording {
        let mut kept = self.without_machine_facts();
        for program in kept.roles.iter_mut().filter_map(|role| role.command.first_mut()) {
            if let Some((_, name)) = program.rsplit_once('/') {
                *program = name.into();
            }
        }
        kept
    }

    /// Whether anything is known to have gone over the wire.
    pub fn has_wire(&self) -> bool {
        !self.packets.is_empty()
    }

    /// What the run's programs were and did to an open file description.
    pub fn socket(&self, id: SocketId) -> Option<&Socket> {
        self.sockets.iter().find(|socket| socket.id == id)
    }
}

/// What the programs were shut in, and what this machine refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Isolation {
    /// The namespaces that the run had to itself: `user`, `net`, `pid`, `mnt`, `ipc`, `uts`.
    pub namespaces: Vec<String>,
    /// What could not be had, each with its errno: `net: EPERM`.
    #[serde(default)]
    pub lacking: Vec<String>,
}

/// Who runs next when several threads could.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// One at a time until it blocks, then the first in role order. Time is virtual.
    Lockstep,
    /// All at once, as without the lab. Time is real and the order may differ in every run.
    Free,
    /// One at a time until it blocks, then any, by seed. Time is virtual.
    Random,
    /// One call at a time, whose turn it is being chosen from outside. Time is virtual.
    Chosen,
    /// As lockstep, but at some decisions whoever comes next in order goes first. Time is virtual.
    Delayed,
}

/// One of the programs of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    pub name: String,
    /// The command as it was run, program first.
    pub command: Vec<String>,
    /// Whether it must end by itself (`false`: a server that is ended by the lab). `None`: not declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<bool>,
}

/// Names an open file description for the length of a recording: 1, 2, 3 … in order of appearance.
///
/// A duplicate, an inherited or a passed descriptor has the id of the description that it refers to;
/// a reused descriptor number has the id of the new description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SocketId(pub u32);

/// An open file description that events speak of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Socket {
    pub id: SocketId,
    #[serde(flatten)]
    pub kind: Kind,
    /// The role in which it first appeared.
    pub role: String,
    /// The description at the other end, where both ends are in the recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<SocketId>,
    /// For a socket that came out of accept(2): the listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_from: Option<SocketId>,
}

/// What kind of thing a description is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Kind {
    /// `domain`, `type` and `protocol` by name, as socket(2) takes them (`AF_INET`, `SOCK_STREAM`, `IPPROTO_TCP`).
    Socket {
        domain: String,
        #[serde(rename = "type")]
        type_: String,
        protocol: String,
    },
    PipeRead,
    PipeWrite,
    EventFd,
    TimerFd,
    SignalFd,
    Epoll,
    Stdin,
    Stdout,
    Stderr,
    /// A descriptor whose kind the kernel did not tell.
    Unknown,
}

impl Kind {
    /// Whether packets of IPv4 come out of it, header and all.
    pub fn is_raw(&self) -> bool {
        matches!(self, Kind::Socket { domain, type_, .. }
            if domain == "AF_INET" && type_.starts_with("SOCK_RAW"))
    }

    /// Whether it is for messages of ICMP: a raw socket of that protocol or of every one, or a ping socket.
    pub fn is_for_icmp(&self) -> bool {
        matches!(self, Kind::Socket { domain, protocol, .. }
            if domain == "AF_INET" && ["IPPROTO_ICMP", "IPPROTO_RAW"].contains(&protocol.as_str()))
    }
}

/// One call, signal or end of a thread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// 1, 2, 3 …: the order in which results became final.
    pub seq: u64,
    pub role: String,
    /// The process within its role, 1 for the program itself, then in order of creation.
    pub process: u32,
    /// The thread within its role, 1 for the program's first, then in order of creation.
    pub thread: u32,
    /// The API's name: `recv`, `accept`, `fork`; `signal`, `exit` and `killed` for what is no call.
    pub call: Cow<'static, str>,
    /// The kernel's name: `recvfrom`, `accept4`, `clone3`; empty for what is no call.
    pub syscall: Cow<'static, str>,
    pub args: Vec<Arg>,
    /// What the kernel returned; null for a call that never did (exit, or ended while it waited).
    /// Where that is a pid (fork, wait), the number of the process or thread within its role instead.
    pub ret: Option<i64>,
    /// The error's name, if it failed.
    pub errno: Option<Cow<'static, str>>,
    /// The description that the call was about.
    pub socket: Option<SocketId>,
    /// The description that the returned descriptor refers to (socket, accept, dup …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<SocketId>,
    /// The data that really moved, at most [`BYTES_KEPT`] of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Bytes>,
    /// How the TCP or UDP socket stood after the call, if the kernel's table had it.
    pub state: Option<Standing>,
    /// Whether it had to wait.
    pub blocked: bool,
    /// For a call that waited: the `seq` of the last event before it began to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// Where in its source the program made the call, where debug information tells: `exercise.rs:42`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What the recorder did to this call, if anything: `refused by the lab`, `shortened to 1 byte`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Cow<'static, str>>,
    pub pid: i32,
    pub tid: i32,
    /// Nanoseconds of real time since the run began.
    pub at: u64,
}

impl Event {
    /// Whether the call failed with this error (`EINTR`, `EPIPE` …).
    pub fn failed_with(&self, errno: &str) -> bool {
        self.errno.as_deref() == Some(errno)
    }

    /// The argument of this name.
    pub fn arg(&self, name: &str) -> Option<&Value> {
        self.args.iter().find(|arg| arg.name == name).map(|arg| &arg.value)
    }
}

/// One argument of a call, decoded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arg {
    /// The name that the manual page gives it: `sockfd`, `addr`, `backlog`.
    pub name: Cow<'static, str>,
    #[serde(flatten)]
    pub value: Value,
}

/// A decoded value. No pointer ever appears here: they differ from run to run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Value {
    Int {
        value: i64,
    },
    /// A descriptor, and the description that it referred to at the call. -1 and the like are kept as they are.
    Fd {
        value: i32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        socket: Option<SocketId>,
    },
    /// A constant or a set of flags: the number, and its name as C writes it (`SOCK_STREAM|SOCK_CLOEXEC`,
    /// `0x40` for what has no name).
    Named {
        value: u64,
        text: String,
    },
    /// A buffer. For an input what the program gave, for an output what the kernel put there.
    Bytes(Bytes),
    /// A C string: a path, a name.
    Text {
        value: String,
    },
    Addr(SockAddr),
    List {
        items: Vec<Value>,
    },
    Struct {
        fields: Vec<Arg>,
    },
    /// A process or thread by its number within the role, not by its pid. 0 when it is not one of ours.
    Process {
        value: u32,
    },
    /// A null pointer.
    Null,
    /// A pointer whose target is not decoded, could not be read, or was not filled in.
    Opaque,
}

impl Value {
    /// Blanks the user and the group if these are a process's credentials.
    fn forget_user(&mut self) {
        let Value::Struct { fields } = self else { return };
        for field in fields.iter_mut().filter(|field| matches!(&*field.name, "uid" | "gid")) {
            field.value = Value::Opaque;
        }
    }

    /// The value itself and every value within it: the items of a list, the fields of a struct.
    pub fn parts(&self) -> impl Iterator<Item = &Value> {
        let mut open = vec![self];
        std::iter::from_fn(move || {
            let next = open.pop()?;
            match next {
                Value::List { items } => open.extend(items.iter().rev()),
                Value::Struct { fields } => open.extend(fields.iter().rev().map(|it| &it.value)),
                _ => {}
            }
            Some(next)
        })
    }

    /// Every address within it.
    pub fn addresses(&self) -> impl Iterator<Item = &SockAddr> {
        self.parts().filter_map(|part| match part {
            Value::Addr(addr) => Some(addr),
            _ => None,
        })
    }

    /// Changes the value itself, then every value within what it has become.
    fn change(&mut self, how: &mut impl FnMut(&mut Value)) {
        how(self);
        match self {
            Value::List { items } => items.iter_mut().for_each(|it| it.change(how)),
            Value::Struct { fields } => fields.iter_mut().for_each(|it| it.value.change(how)),
            _ => {}
        }
    }

    /// Every descriptor within it that refers to something, with that.
    pub fn fds(&self) -> impl Iterator<Item = (i32, SocketId)> {
        self.parts().filter_map(|part| match part {
            Value::Fd { value, socket } => Some((*value, (*socket)?)),
            _ => None,
        })
    }
}

/// Bytes of a program, cut at [`BYTES_KEPT`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// How many there were.
    pub len: u64,
    /// The first of them.
    pub data: Vec<u8>,
}

impl Bytes {
    /// Keeps the first [`BYTES_KEPT`] of `data`.
    pub fn new(data: &[u8]) -> Bytes {
        Bytes { len: data.len() as u64, data: data[..data.len().min(BYTES_KEPT)].to_vec() }
    }

    /// Whether some of them were not kept.
    pub fn is_cut(&self) -> bool {
        self.len > self.data.len() as u64
    }
}

#[derive(Serialize, Deserialize)]
struct BytesJson {
    len: u64,
    base64: String,
}

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        BytesJson { len: self.len, base64: BASE64.encode(&self.data) }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        let json = BytesJson::deserialize(deserializer)?;
        let data = BASE64.decode(&json.base64).map_err(serde::de::Error::custom)?;
        Ok(Bytes { len: json.len, data })
    }
}

/// A socket address, in host byte order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "lowercase")]
pub enum SockAddr {
    Inet {
        ip: Ipv4Addr,
        port: u16,
    },
    Inet6 {
        ip: Ipv6Addr,
        port: u16,
        flowinfo: u32,
        scope: u32,
    },
    /// A path; empty for an unnamed socket.
    Unix {
        path: String,
    },
    /// An abstract name, without its leading zero byte.
    Abstract {
        /// Not `name` in JSON: there an address stands beside the name of its argument.
        #[serde(rename = "abstract")]
        name: String,
    },
    Netlink {
        pid: u32,
        groups: u32,
    },
    /// `protocol` in host byte order; `addr` the link-layer address in hexadecimal.
    Packet {
        protocol: u16,
        ifindex: i32,
        hatype: u16,
        pkttype: u8,
        addr: String,
    },
    /// `AF_UNSPEC`, which dissolves a datagram socket's association.
    Unspec,
    /// A family that is not decoded: its number and the bytes after it in hexadecimal.
    Other {
        number: u16,
        data: String,
    },
}

impl SockAddr {
    /// The port of an internet address.
    pub fn port(&self) -> Option<u16> {
        match self {
            SockAddr::Inet { port, .. } | SockAddr::Inet6 { port, .. } => Some(*port),
            _ => None,
        }
    }

    /// Whether it looks like a name that the kernel gives. Source: unix(7): an autobound name is five hexadecimal digits.
    pub fn may_be_autobound(&self) -> bool {
        let is_digits = |name: &str| name.len() == 5 && name.bytes().all(|b| b.is_ascii_hexdigit());
        matches!(self, SockAddr::Abstract { name } if is_digits(name))
    }

    /// Whether it means the same as the other: one end of a connection may be shown as IPv4 within IPv6, and the other
    /// plainly.
    pub fn is_same(&self, other: &SockAddr) -> bool {
        self == other || self.internet().is_some_and(|it| other.internet() == Some(it))
    }

    /// The same address with this port, if it is one of the internet.
    pub fn with_port(&self, port: u16) -> SockAddr {
        let mut addr = self.clone();
        if let SockAddr::Inet { port: own, .. } | SockAddr::Inet6 { port: own, .. } = &mut addr {
            *own = port;
        }
        addr
    }

    /// The address and port of an internet address. An IPv4 address within IPv6 (`::ffff:127.0.0.1`) is an IPv4
    /// address: the kernel shows such a connection in either way.
    pub fn internet(&self) -> Option<(IpAddr, u16)> {
        match self {
            SockAddr::Inet { ip, port } => Some((IpAddr::V4(*ip), *port)),
            SockAddr::Inet6 { ip, port, .. } => Some((IpAddr::V6(*ip).to_canonical(), *port)),
            _ => None,
        }
    }
}

/// Whether an address is no single socket's: a group, everybody, or everybody of the only network that a run has.
pub fn is_many(ip: IpAddr) -> bool {
    const LOOPBACK: Ipv4Addr = Ipv4Addr::new(127, 255, 255, 255);
    ip.is_multicast() || ip == Ipv4Addr::BROADCAST || ip == LOOPBACK
}

impl fmt::Display for SockAddr {
    /// As people write addresses: `127.0.0.1:9999`, `[::1]:80`, `/run/x`, `@abstract`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SockAddr::Inet { ip, port } => write!(f, "{ip}:{port}"),
            SockAddr::Inet6 { ip, port, scope: 0, .. } => write!(f, "[{ip}]:{port}"),
            SockAddr::Inet6 { ip, port, scope, .. } => write!(f, "[{ip}%{scope}]:{port}"),
            SockAddr::Unix { path } if path.is_empty() => f.write_str("unnamed"),
            SockAddr::Unix { path } => f.write_str(path),
            SockAddr::Abstract { name } => write!(f, "@{name}"),
            SockAddr::Netlink { pid, groups } => write!(f, "netlink {pid}, groups {groups:#x}"),
            SockAddr::Packet { protocol, ifindex, .. } => {
                write!(f, "packet {protocol:#06x}, interface {ifindex}")
            }
            SockAddr::Unspec => f.write_str("AF_UNSPEC"),
            SockAddr::Other { number, data } => write!(f, "family {number}, {data}"),
        }
    }
}

/// One step of a scenario, as it was carried out at a moment when nobody could move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its number within the scenario, from 1.
    pub number: usize,
    /// The step with the texts that the seed chose: `A: send("héllo")`.
    pub text: String,
    /// The `seq` of the last event before it.
    pub after: u64,
    /// What was found instead of what the step asks for; absent if it is as it should be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmet: Option<String>,
    /// The state of every socket of the run at the next quiet moment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<SocketState>,
}

/// What a packet or a change of state came of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The `seq` of the last event before it.
    pub after: u64,
    /// The role that had run last. None: no program, but time, or the lab itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The thread of it.
    #[serde(default)]
    pub thread: u32,
    /// Whether its call is still under way: it waits, and its event is yet to come.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waiting: bool,
}

/// A look at the kernel's sockets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    #[serde(flatten)]
    pub cause: Cause,
    /// Whether nobody could move.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quiet: bool,
    /// Those that stand otherwise than at the look before, or are new; those that are gone are `CLOSED`.
    pub sockets: Vec<SocketState>,
}

/// How many bytes a stream carries on every machine before the sender has to wait. Past that, how many there are at one
/// moment is a fact of the machine.
pub const MUCH: u64 = 32 * 1024;
/// What stands for any number of bytes past [`MUCH`].
pub const TOO_MUCH: u64 = MUCH + 1;

/// One thing that went over the wire: a segment, or several with data in a row; a datagram; a message of ICMP.
///
/// What was sent again, and what only acknowledges, is among the [`Frame`]s alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packet {
    #[serde(flatten)]
    pub cause: Cause,
    /// Where ICMP says that a port is unreachable, that address.
    pub source: SockAddr,
    pub target: SockAddr,
    pub what: What,
    /// Bytes of the programs' data.
    pub len: u64,
}

/// What a packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    #[serde(rename = "SYN")]
    Syn,
    #[serde(rename = "SYN/ACK")]
    SynAck,
    #[serde(rename = "data")]
    Data,
    /// The end of a stream, perhaps with the last of its data.
    #[serde(rename = "FIN")]
    Fin,
    #[serde(rename = "RST")]
    Rst,
    #[serde(rename = "datagram")]
    Datagram,
    /// ICMP: somebody is asked to send the same back. `len` counts what follows the header, here and in the reply.
    #[serde(rename = "echo")]
    Echo,
    #[serde(rename = "echo reply")]
    EchoReply,
    /// ICMP: nobody has the port that a datagram was for.
    #[serde(rename = "unreachable")]
    Unreachable,
}

impl What {
    /// As a timeline writes it.
    pub fn name(self) -> &'static str {
        match self {
            What::Syn => "SYN",
            What::SynAck => "SYN/ACK",
            What::Data => "data",
            What::Fin => "FIN",
            What::Rst => "RST",
            What::Datagram => "datagram",
            What::Echo => "echo",
            What::EchoReply => "echo reply",
            What::Unreachable => "unreachable",
        }
    }

    /// Whether it belongs to a ping: the question or the answer.
    pub fn is_echo(self) -> bool {
        matches!(self, What::Echo | What::EchoReply)
    }
}

/// A frame as the network interface had it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Nanoseconds of real time since the run began.
    pub at: u64,
    /// The `seq` of the last event before it.
    pub after: u64,
    /// The place in `packets` of the one that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packet: Option<usize>,
    /// From the Ethernet header on.
    pub bytes: Bytes,
}

/// How a socket stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// As in [`SocketState`], and so are the queues.
    pub state: Cow<'static, str>,
    pub receive_queue: u32,
    pub send_queue: u32,
}

/// What the kernel says of a socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketState {
    /// `None`: no program of the recording has it, or has had it.
    pub socket: Option<SocketId>,
    /// Whether no process owns it: not any more, or not yet, since it waits to be accepted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub orphan: bool,
    /// `tcp` or `udp`.
    #[serde(default = "tcp")]
    pub protocol: Cow<'static, str>,
    /// As RFC 9293 names it: `LISTEN`, `ESTABLISHED`, `FIN-WAIT-2`, `CLOSE-WAIT` …; `CLOSED` once it is gone. Of
    /// UDP `ESTABLISHED` if it is connected, else `UNCONN`, as ss(8) has it.
    pub state: Cow<'static, str>,
    pub local: SockAddr,
    pub remote: SockAddr,
    /// Bytes that wait to be read; for a listener, connections that wait to be accepted.
    pub receive_queue: u32,
    /// Bytes that were not acknowledged; for a listener, the most that may wait.
    pub send_queue: u32,
}

fn tcp() -> Cow<'static, str> {
    "tcp".into()
}

/// How a run ended, as a whole and for each role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct End {
    pub reason: Reason,
    pub roles: Vec<RoleEnd>,
    /// Who was still waiting, in which call, for whom: the chain of a deadlock, or what a server served.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Waiting>,
    /// Processes that had ended, and for which nobody had waited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zombies: Vec<Zombie>,
    /// Nanoseconds of real time since the run began.
    pub at: u64,
}

/// A process that has ended and is still in the kernel's table: its parent lives, has not waited for it and has not said
/// that it never will (SIGCHLD ignored).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zombie {
    pub role: String,
    /// Its number within the role.
    pub process: u32,
}

/// Why nothing more was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Reason {
    /// Every program ended by itself.
    Finished,
    /// Those left wait for somebody outside: the lab ended them.
    Serving,
    /// Those left wait for each other, or a role that should have ended is blocked for ever.
    Deadlock,
    /// A bound of the lab was reached: which, with its figure.
    Limit { what: String },
    /// The user ended it (Ctrl-C).
    Interrupted,
}

impl Reason {
    /// How the limit reads that a machine sets on which no timerfd can be made to expire.
    pub const NO_TIMERFD: &str = "no timerfd can be made to expire on this machine";

    /// Whether the run ended for what no program is to blame: the user, the clock, or what this machine lacks.
    pub fn is_no_fault(&self) -> bool {
        match self {
            // How long a run takes says more about the machine than about a program that lives in virtual time.
            Reason::Limit { what } => {
                what.contains("of real time") || what.starts_with(Reason::NO_TIMERFD)
            }
            Reason::Interrupted => true,
            Reason::Finished | Reason::Serving | Reason::Deadlock => false,
        }
    }
}

/// How one role's first process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleEnd {
    pub role: String,
    #[serde(flatten)]
    pub how: Ending,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "lowercase")]
pub enum Ending {
    /// It called exit(2) or returned from main.
    Exited { status: i32 },
    /// A signal ended it: `SIGPIPE`.
    Signalled { signal: String },
    /// The lab ended it, and why.
    Killed { why: String },
    /// It was never started: what it should start after did not happen.
    NeverStarted,
}

/// One thread that waits at the end of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    pub role: String,
    pub process: u32,
    pub thread: u32,
    /// The `seq` of the unfinished call's event, which has no result.
    pub event: u64,
    /// Whom it waits for.
    #[serde(rename = "for")]
    pub for_: Vec<Party>,
}

/// Somebody who could end a wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "who", rename_all = "lowercase")]
pub enum Party {
    /// A thread of this recording.
    Thread { role: String, thread: u32 },
    /// Somebody who is not part of it: a client to come, a datagram, a person at the keyboard.
    Outside { what: String },
    /// Nobody: the other end is gone.
    Nobody,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_with_any_address_is_read_back_as_it_was_written() {
        let text = || "x".to_string();
        let every = [
            SockAddr::Inet { ip: Ipv4Addr::LOCALHOST, port: 1 },
            SockAddr::Inet6 { ip: Ipv6Addr::LOCALHOST, port: 1, flowinfo: 0, scope: 0 },
            SockAddr::Unix { path: text() },
            SockAddr::Abstract { name: text() },
            SockAddr::Netlink { pid: 1, groups: 0 },
            SockAddr::Packet { protocol: 3, ifindex: 1, hatype: 1, pkttype: 0, addr: text() },
            SockAddr::Unspec,
            SockAddr::Other { number: 99, data: text() },
        ];
        for addr in every {
            let arg = Arg { name: "addr".into(), value: Value::Addr(addr) };
            let json = serde_json::to_string(&arg).expect("an argument becomes JSON");
            let read =
                serde_json::from_str::<Arg>(&json).unwrap_or_else(|why| panic!("{why}: {json}"));
            assert_eq!(read, arg);
        }
    }
}
