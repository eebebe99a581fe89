//! Calls that move data, and which bytes moved.

use super::constants::{self as c};
use super::memory::{Tracee, i32_at, u32_at, u64_at};
use super::value::{
    address, address_back, arg, fd, first_int, flags, given_at, int, list, long, pointer, put_back,
    record, slot, text_named, timespec, uint,
};
use super::{Call, Known};
use crate::event::{Arg, BYTES_KEPT, Bytes, Value};

/// More iovecs than this are refused by the kernel: readv(2), `IOV_MAX`.
const IOVECS: u64 = 1024;

/// The size of a `struct msghdr`, and of a `struct mmsghdr`, which ends with `msg_len`.
const HEADER: usize = 56;
const HEADER_AND_LENGTH: usize = 64;

/// How much control data is looked at: the default of net.core.optmem_max.
const CONTROL: u64 = 20480;

pub(super) fn entry(syscall: &str, a: &[u64; 6], t: &Tracee) -> Option<Known> {
    let message_flags = |register: u64| flags(c::MESSAGE_FLAGS, register as u32 as u64);
    let sized = |buf| vec![arg("fd", fd(a[0])), arg("buf", buf), arg("count", long(a[2]))];
    let vector = |iov| vec![arg("fd", fd(a[0])), arg("iov", iov), arg("iovcnt", int(a[2]))];
    Some(match syscall {
        "read" => ("read", sized(pointer(a[1]))),
        "write" => ("write", sized(t.buffer(a[1], a[2]))),
        "pread64" | "pwrite64" => {
            let reads = syscall == "pread64";
            let mut args = sized(if reads { pointer(a[1]) } else { t.buffer(a[1], a[2]) });
            args.push(arg("offset", long(a[3])));
            (if reads { "pread" } else { "pwrite" }, args)
        }
        "readv" => ("readv", vector(iovecs_out(t, a[1], a[2]))),
        "writev" => ("writev", vector(iovecs_in(t, a[1], a[2]))),
        "preadv" | "preadv2" | "pwritev" | "pwritev2" => {
            let reads = syscall.starts_with("pr");
            let read = if reads { iovecs_out } else { iovecs_in };
            let mut args = vector(read(t, a[1], a[2]));
            args.push(arg("offset", long(a[3])));
            if syscall.ends_with('2') {
                args.push(arg("flags", flags(c::TRANSFER_FLAGS, a[5] as u32 as u64)));
            }
            (super::own_name(syscall)?, args)
        }
        "sendto" | "recvfrom" => {
            let sends = syscall == "sendto";
            let mut args = vec![
                arg("sockfd", fd(a[0])),
                arg("buf", if sends { t.buffer(a[1], a[2]) } else { pointer(a[1]) }),
                arg("len", long(a[2])),
                arg("flags", message_flags(a[3])),
            ];
            match (sends, a[4]) {
                (true, 0) => ("send", args),
                (false, 0) => ("recv", args),
                (true, _) => {
                    args.push(arg("dest_addr", address(t, a[4], a[5])));
                    args.push(arg("addrlen", int(a[5])));
                    ("sendto", args)
                }
                (false, _) => {
                    let len = t.u32(a[5]).map(|len| uint(len as u64));
                    args.push(arg("src_addr", pointer(a[4])));
                    args.push(arg("addrlen", given_at(a[5], len)));
                    ("recvfrom", args)
                }
            }
        }
        "sendmsg" | "recvmsg" => {
            let sends = syscall == "sendmsg";
            let header = t.exact::<HEADER>(a[1]).and_then(|raw| Header::parse(&raw));
            let msg = header.map_or_else(|| pointer(a[1]), |header| header.given(t, sends));
            (
                if sends { "sendmsg" } else { "recvmsg" },
                vec![arg("sockfd", fd(a[0])), arg("msg", msg), arg("flags", message_flags(a[2]))],
            )
        }
        "sendmmsg" | "recvmmsg" => {
            let sends = syscall == "sendmmsg";
            let records = t.records(a[1], (a[2] as u32 as u64).min(IOVECS), HEADER_AND_LENGTH);
            let items: Vec<Value> = records
                .iter()
                .filter_map(|raw| Header::parse(raw))
                .map(|header| {
                    let header = header.given(t, sends);
                    record([("msg_hdr", header), ("msg_len", Value::Opaque)])
                })
                .collect();
            let msgvec = match items.is_empty() && a[2] as u32 > 0 {
                true => pointer(a[1]),
                false => list(items),
            };
            let mut args = vec![
                arg("sockfd", fd(a[0])),
                arg("msgvec", msgvec),
                arg("vlen", uint(a[2])),
                arg("flags", message_flags(a[3])),
            ];
            if !sends {
                args.push(arg("timeout", timespec(t, a[4])));
            }
            (if sends { "sendmmsg" } else { "recvmmsg" }, args)
        }
        "sendfile" => (
            "sendfile",
            vec![
                arg("out_fd", fd(a[0])),
                arg("in_fd", fd(a[1])),
                arg("offset", given_at(a[2], t.u64(a[2]).map(long))),
                arg("count", long(a[3])),
            ],
        ),
        "splice" => (
            "splice",
            vec![
                arg("fd_in", fd(a[0])),
                arg("off_in", given_at(a[1], t.u64(a[1]).map(long))),
                arg("fd_out", fd(a[2])),
                arg("off_out", given_at(a[3], t.u64(a[3]).map(long))),
                arg("len", long(a[4])),
                arg("flags", flags(c::SPLICE_FLAGS, a[5] as u32 as u64)),
            ],
        ),
        "tee" => (
            "tee",
            vec![
                arg("fd_in", fd(a[0])),
                arg("fd_out", fd(a[1])),
                arg("len", long(a[2])),
                arg("flags", flags(c::SPLICE_FLAGS, a[3] as u32 as u64)),
            ],
        ),
        _ => return None,
    })
}

pub(super) fn exit(call: &mut Call, a: &[u64; 6], ret: i64, t: &Tracee) {
    let ret = ret as u64;
    match &*call.syscall {
        "read" | "pread64" => {
            call.set("buf", t.buffer(a[1], ret.min(a[2])));
            call.moved = gathered(call.args.iter(), ret);
        }
        "recvfrom" => {
            // With MSG_TRUNC the result may be longer than the buffer.
            call.set("buf", t.buffer(a[1], ret.min(a[2])));
            call.address_back(t, ["src_addr", "addrlen"], a[4], a[5]);
            if takes(a[3]) {
                call.moved = gathered(call.args.iter(), ret);
            }
        }
        "write" | "pwrite64" | "sendto" | "writev" | "pwritev" | "pwritev2" | "sendmsg" => {
            call.moved = gathered(call.args.iter(), ret);
        }
        "readv" | "preadv" | "preadv2" => {
            if let Some(iov) = call.slot("iov") {
                fill(t, iov, a[1], a[2], ret);
            }
            call.moved = gathered(call.args.iter(), ret);
        }
        "recvmsg" => {
            let header = t.exact::<HEADER>(a[1]).and_then(|raw| Header::parse(&raw));
            if let (Some(header), Some(msg)) = (header, call.slot("msg")) {
                header.put_back(t, msg, ret);
            }
            if takes(a[2]) {
                call.moved = gathered(call.args.iter(), ret);
            }
        }
        "sendmmsg" | "recvmmsg" => {
            let receives = call.syscall == "recvmmsg";
            let records = t.records(a[1], ret.min(IOVECS), HEADER_AND_LENGTH);
            let Some(Value::List { items }) = call.slot("msgvec") else { return };
            let mut gather = Gather::default();
            for (item, raw) in items.iter_mut().zip(&records) {
                let (Some(header), Some(len)) = (Header::parse(raw), u32_at(raw, HEADER)) else {
                    continue;
                };
                let Value::Struct { fields } = item else { continue };
                if receives && let Some(msg) = slot(fields, "msg_hdr") {
                    header.put_back(t, msg, len as u64);
                }
                if let Some(msg_len) = slot(fields, "msg_len") {
                    *msg_len = uint(len as u64);
                }
                gather.message(fields.iter(), len as u64);
            }
            if receives {
                items.truncate(usize::try_from(ret).unwrap_or(usize::MAX));
            }
            if !receives || takes(a[3]) {
                call.moved = Some(gather.bytes);
            }
        }
        "sendfile" => {
            if let (Some(slot), Some(back)) = (call.slot("offset"), t.u64(a[2])) {
                put_back(slot, long(back));
            }
        }
        "splice" => {
            for (name, addr) in [("off_in", a[1]), ("off_out", a[3])] {
                if let (Some(slot), Some(back)) = (call.slot(name), t.u64(addr)) {
                    put_back(slot, long(back));
                }
            }
        }
        _ => {}
    }
}

/// Whether a receiving call takes what it shows out of the queue. recv(2), `MSG_PEEK`, `MSG_ERRQUEUE`.
fn takes(flags: u64) -> bool {
    flags as i32 & (libc::MSG_PEEK | libc::MSG_ERRQUEUE) == 0
}

/// The bytes that moved: the first `moved` of the buffers among the arguments, in their order.
fn gathered<'a>(args: impl Iterator<Item = &'a Arg>, moved: u64) -> Option<Bytes> {
    let mut gather = Gather::default();
    gather.message(args, moved);
    Some(gather.bytes)
}

/// Bytes put together out of pieces. Once a piece is cut, what follows is only counted: the data kept is
/// always the beginning.
#[derive(Default)]
struct Gather {
    bytes: Bytes,
    cut: bool,
}

impl Gather {
    /// Adds the first `moved` bytes of the buffers of one message.
    fn message<'a>(&mut self, args: impl Iterator<Item = &'a Arg>, mut moved: u64) {
        for arg in
            args.filter(|arg| ["buf", "iov", "msg", "msg_hdr", "msg_iov"].contains(&&*arg.name))
        {
            self.value(&arg.value, &mut moved);
        }
    }

    fn value(&mut self, value: &Value, moved: &mut u64) {
        match value {
            Value::Bytes(bytes) => self.piece(bytes, moved),
            Value::List { items } => items.iter().for_each(|item| self.value(item, moved)),
            // Data that the decoder could not see: counted, and nothing after it is kept.
            Value::Opaque => self.piece(&Bytes { len: u64::MAX, data: Vec::new() }, moved),
            Value::Struct { fields } if fields.iter().any(|field| field.name == "iov_base") => {
                let len = fields.iter().find(|field| field.name == "iov_len");
                let len = len.and_then(|field| first_int(&field.value)).unwrap_or(0) as u64;
                match &fields[0].value {
                    Value::Bytes(bytes) => self.piece(bytes, moved),
                    _ => self.piece(&Bytes { len, data: Vec::new() }, moved),
                }
            }
            Value::Struct { fields } => {
                for field in fields.iter().filter(|field| field.name == "msg_iov") {
                    self.value(&field.value, moved);
                }
            }
            _ => {}
        }
    }

    fn piece(&mut self, piece: &Bytes, moved: &mut u64) {
        let len = piece.len.min(*moved);
        *moved -= len;
        self.bytes.len += len;
        if self.cut {
            return;
        }
        let room = BYTES_KEPT - self.bytes.data.len();
        let kept = (len.min(piece.data.len() as u64) as usize).min(room);
        self.bytes.data.extend(&piece.data[..kept]);
        self.cut = (kept as u64) < len;
    }
}

/// The pieces that the program gave.
fn iovecs_in(t: &Tracee, addr: u64, count: u64) -> Value {
    iovecs(t, addr, count, |base, len| t.buffer(base, len))
}

/// The room that the program gave.
fn iovecs_out(t: &Tracee, addr: u64, count: u64) -> Value {
    iovecs(t, addr, count, |base, _| pointer(base))
}

fn iovecs(t: &Tracee, addr: u64, count: u64, base: impl Fn(u64, u64) -> Value) -> Value {
    // readv(2) takes the count as a long; what is too many is refused and not looked at.
    let Some(pieces) = (count <= IOVECS).then(|| t.records(addr, count, 16)) else {
        return pointer(addr);
    };
    if pieces.is_empty() && count > 0 {
        return pointer(addr);
    }
    list(
        pieces
            .iter()
            .filter_map(|raw| Some((u64_at(raw, 0)?, u64_at(raw, 8)?)))
            .map(|(at, len)| record([("iov_base", base(at, len)), ("iov_len", long(len))]))
            .collect(),
    )
}

/// Puts the `total` bytes that arrived into the pieces, one after the other.
fn fill(t: &Tracee, value: &mut Value, addr: u64, count: u64, mut total: u64) {
    let Value::List { items } = value else { return };
    let pieces = t.records(addr, count.min(items.len() as u64), 16);
    for (item, raw) in items.iter_mut().zip(&pieces) {
        let (Some(base), Some(len)) = (u64_at(raw, 0), u64_at(raw, 8)) else { continue };
        let here = len.min(total);
        total -= here;
        if let Value::Struct { fields } = item
            && let Some(slot) = slot(fields, "iov_base")
        {
            *slot = t.buffer(base, here);
        }
    }
}

/// A `struct msghdr`.
struct Header {
    name: u64,
    namelen: u64,
    iov: u64,
    iovlen: u64,
    control: u64,
    controllen: u64,
    flags: u64,
}

impl Header {
    fn parse(raw: &[u8]) -> Option<Header> {
        Some(Header {
            name: u64_at(raw, 0)?,
            namelen: u32_at(raw, 8)? as u64,
            iov: u64_at(raw, 16)?,
            iovlen: u64_at(raw, 24)?,
            control: u64_at(raw, 32)?,
            controllen: u64_at(raw, 40)?,
            flags: u32_at(raw, 48)? as u64,
        })
    }

    /// What the program gave. A length beside a null pointer means nothing and may be uninitialised: 0. `msg_flags`
    /// is not an input at all.
    fn given(&self, t: &Tracee, sends: bool) -> Value {
        let namelen = if self.name == 0 { 0 } else { self.namelen };
        let controllen = if self.control == 0 { 0 } else { self.controllen };
        if sends {
            let control = match t.bytes(self.control, controllen.min(CONTROL)) {
                raw if raw.is_empty() && controllen > 0 => pointer(self.control),
                _ if self.control == 0 => Value::Null,
                raw => control_messages(&raw),
            };
            return record([
                ("msg_name", address(t, self.name, namelen)),
                ("msg_namelen", int(namelen)),
                ("msg_iov", iovecs_in(t, self.iov, self.iovlen)),
                ("msg_control", control),
                ("msg_controllen", long(controllen)),
            ]);
        }
        record([
            ("msg_name", pointer(self.name)),
            ("msg_namelen", list(vec![int(namelen)])),
            ("msg_iov", iovecs_out(t, self.iov, self.iovlen)),
            ("msg_control", pointer(self.control)),
            ("msg_controllen", list(vec![long(controllen)])),
            ("msg_flags", Value::Opaque),
        ])
    }

    /// What the kernel put back: `total` bytes, an address, control data and flags.
    fn put_back(&self, t: &Tracee, msg: &mut Value, total: u64) {
        let Value::Struct { fields } = msg else { return };
        if let Some(namelen) = slot(fields, "msg_namelen")
            && self.name != 0
        {
            let room = first_int(namelen).unwrap_or(0) as u64;
            put_back(namelen, int(self.namelen));
            if let Some(name) = slot(fields, "msg_name") {
                *name = address_back(t, self.name, room, self.namelen);
            }
        }
        if let Some(iov) = slot(fields, "msg_iov") {
            fill(t, iov, self.iov, self.iovlen, total);
        }
        if let Some(controllen) = slot(fields, "msg_controllen")
            && self.control != 0
        {
            put_back(controllen, long(self.controllen));
            if let Some(control) = slot(fields, "msg_control") {
                *control = control_messages(&t.bytes(self.control, self.controllen.min(CONTROL)));
            }
        }
        if let Some(flags_) = slot(fields, "msg_flags") {
            *flags_ = flags(c::MESSAGE_FLAGS, self.flags);
        }
    }
}

/// The messages of a control buffer. cmsg(3): each has a header of 16 bytes and is aligned to 8.
fn control_messages(mut raw: &[u8]) -> Value {
    const CMSG: usize = 16;
    let mut items = Vec::new();
    while let (Some(len), Some(level), Some(type_)) =
        (u64_at(raw, 0), i32_at(raw, 8), i32_at(raw, 12))
    {
        let len = usize::try_from(len).unwrap_or(usize::MAX).min(raw.len());
        if len < CMSG {
            break;
        }
        items.push(record([
            ("cmsg_level", super::options::level(level)),
            (
                "cmsg_type",
                text_named(type_ as u32 as u64, c::control_type(level, type_ as u32 as u64)),
            ),
            ("cmsg_data", control_data(level, type_, &raw[CMSG..len])),
        ]));
        raw = raw.get(len.next_multiple_of(8)..).unwrap_or(&[]);
    }
    list(items)
}

fn control_data(level: i32, type_: i32, data: &[u8]) -> Value {
    let number = || i32_at(data, 0).map(|value| Value::Int { value: value as i64 });
    let known = match (level, type_) {
        // Descriptors of processes (4, SCM_PIDFD) are descriptors as well.
        (libc::SOL_SOCKET, libc::SCM_RIGHTS | 4) => Some(list(
            data.chunks_exact(4)
                .filter_map(|raw| i32_at(raw, 0))
                .map(|value| Value::Fd { value, socket: None })
                .collect(),
        )),
        (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) => super::options::credentials(data),
        // The moment of arrival, which no two runs share.
        (libc::SOL_SOCKET, 29 | 35 | 37 | 63..=65) => Some(Value::Opaque),
        (libc::IPPROTO_IP, libc::IP_PKTINFO) => packet_info(data),
        (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => packet_info6(data),
        (libc::IPPROTO_IP, libc::IP_TTL) => number(),
        // A byte, though the option is an int.
        (libc::IPPROTO_IP, libc::IP_TOS) if data.len() < 4 => {
            data.first().map(|&value| Value::Int { value: value as i64 })
        }
        (libc::IPPROTO_IP, libc::IP_TOS) => number(),
        (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT | libc::IPV6_TCLASS) => number(),
        (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR) => {
            extended_error(data)
        }
        (libc::IPPROTO_UDP, 104) => number(),
        _ => None,
    };
    known.unwrap_or_else(|| Value::Bytes(Bytes::new(data)))
}

/// ip(7), `struct in_pktinfo`.
fn packet_info(data: &[u8]) -> Option<Value> {
    Some(record([
        ("ipi_ifindex", int(u32_at(data, 0)? as u64)),
        ("ipi_spec_dst", super::options::ipv4(data, 4)?),
        ("ipi_addr", super::options::ipv4(data, 8)?),
    ]))
}

/// ipv6(7), `struct in6_pktinfo`.
fn packet_info6(data: &[u8]) -> Option<Value> {
    Some(record([
        ("ipi6_addr", super::options::ipv6(data, 0)?),
        ("ipi6_ifindex", int(u32_at(data, 16)? as u64)),
    ]))
}

/// ip(7), `struct sock_extended_err`, and the address of who sent it.
fn extended_error(data: &[u8]) -> Option<Value> {
    let errno = u32_at(data, 0)?;
    let text = c::errno_name(errno as i32).into_owned();
    let byte = |offset: usize| data.get(offset).map(|&value| int(value as u64));
    Some(record([
        ("ee_errno", text_named(errno as u64, text)),
        ("ee_origin", byte(4)?),
        ("ee_type", byte(5)?),
        ("ee_code", byte(6)?),
        ("ee_info", uint(u32_at(data, 8)? as u64)),
        ("ee_data", uint(u32_at(data, 12)? as u64)),
        ("offender", super::address::sockaddr(data.get(16..)?).map_or(Value::Null, Value::Addr)),
    ]))
}
