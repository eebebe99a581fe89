//! Calls that set and ask: socket options, fcntl(2), ioctl(2).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::constants::{self as c};
use super::memory::{Tracee, at, i32_at, u16_at, u32_at};
use super::option_values::{self as values, Meaning, meaning};
use super::value::{
    arg, fd, first_int, flags, given_at, int, list, long, named, pointer, process, put_back,
    record, signal, text_named, time_at, uint,
};
use super::{Call, Known};
use crate::event::{BYTES_KEPT, Bytes, Value};

pub(super) fn entry(syscall: &str, a: &[u64; 6], t: &Tracee) -> Option<Known> {
    Some(match syscall {
        "setsockopt" => {
            let (level_, option, len) = (a[1] as i32, a[2] as i32, a[4] as i32);
            let optval = match u64::try_from(len) {
                Ok(len) if a[3] != 0 => {
                    let raw = t.bytes(a[3], len.min(BYTES_KEPT as u64));
                    if raw.is_empty() && len > 0 {
                        Value::Opaque
                    } else {
                        option_value(level_, option, &raw, len)
                    }
                }
                _ => pointer(a[3]),
            };
            let mut args = about_option(a);
            args.extend([arg("optval", optval), arg("optlen", int(a[4]))]);
            ("setsockopt", args)
        }
        "getsockopt" => {
            let optlen = given_at(a[4], t.i32(a[4]).map(|len| int(len as u64)));
            let mut args = about_option(a);
            args.extend([arg("optval", pointer(a[3])), arg("optlen", optlen)]);
            ("getsockopt", args)
        }
        "fcntl" => {
            let cmd = a[1] as i32;
            let mut args =
                vec![arg("fd", fd(a[0])), arg("cmd", named(c::FCNTL, cmd as u32 as u64))];
            if let Some(value) = fcntl_argument(cmd, a[2], t) {
                args.push(arg("arg", value));
            }
            ("fcntl", args)
        }
        "ioctl" => {
            let request = a[1] as u32 as u64;
            let mut args = vec![arg("fd", fd(a[0])), arg("request", named(c::IOCTL, request))];
            if let Some(value) = ioctl_given(request, a[2], t) {
                args.push(arg("argp", value));
            }
            ("ioctl", args)
        }
        _ => return None,
    })
}

pub(super) fn exit(call: &mut Call, a: &[u64; 6], t: &Tracee) {
    match &*call.syscall {
        "getsockopt" => {
            let Some(len) = t.i32(a[4]) else { return };
            let Some(slot) = call.slot("optlen") else { return };
            put_back(slot, int(len as u64));
            let Ok(len) = u64::try_from(len) else { return };
            // IP_OPTIONS and the like may tell a length for which there was no room.
            let room = first_int(slot).map_or(len, |room| len.min(room.max(0) as u64));
            let raw = t.bytes(a[3], room.min(BYTES_KEPT as u64));
            if a[3] != 0 && (!raw.is_empty() || room == 0) {
                call.set("optval", option_value(a[1] as i32, a[2] as i32, &raw, room));
            }
        }
        "fcntl" if a[1] as i32 == F_GETOWN_EX => call.set("arg", owner(t, a[2])),
        "ioctl" => {
            if let Some(value) = ioctl_back(a[1] as u32 as u64, a[2], t) {
                call.set("argp", value);
            }
        }
        _ => {}
    }
}

fn about_option(a: &[u64; 6]) -> Vec<crate::event::Arg> {
    let level_ = a[1] as i32;
    let option = a[2] as u32 as u64;
    vec![
        arg("sockfd", fd(a[0])),
        arg("level", level(level_)),
        arg("optname", text_named(option, c::socket_option(level_, option))),
    ]
}

/// A level of socket options or of control messages.
pub(super) fn level(level: i32) -> Value {
    named(c::LEVELS, level as u32 as u64)
}

/// What an option's bytes mean.
#[derive(Clone, Copy)]
enum Shape {
    Int,
    Linger,
    Time,
    Credentials,
    Text,
    Error,
    Type,
    Domain,
    Protocol,
    Membership,
    SourceMembership,
    SourceFilter,
    Membership6,
    Group,
    GroupAndSource,
    Ipv4,
    PortRange,
    PacketInfo6,
    TransmitTime,
    TcpInfo,
    PacketMembership,
    Fanout,
    Bytes,
}

fn shape(level: i32, option: i32) -> Shape {
    match (level, option) {
        (libc::SOL_SOCKET, libc::SO_LINGER) => Shape::Linger,
        // The second pair is that of 64-bit times on 32-bit machines.
        (libc::SOL_SOCKET, 20 | 21 | 66 | 67) => Shape::Time,
        (libc::SOL_SOCKET, libc::SO_PEERCRED) => Shape::Credentials,
        (libc::SOL_SOCKET, libc::SO_BINDTODEVICE | libc::SO_PEERSEC) => Shape::Text,
        (libc::SOL_SOCKET, libc::SO_ERROR) => Shape::Error,
        (libc::SOL_SOCKET, libc::SO_TYPE) => Shape::Type,
        (libc::SOL_SOCKET, libc::SO_DOMAIN) => Shape::Domain,
        (libc::SOL_SOCKET, libc::SO_PROTOCOL) => Shape::Protocol,
        // Filters, peer's name and groups, memory, cookies: more than a number.
        (libc::SOL_SOCKET, 26 | 28 | 51 | 55 | 57 | 59 | 71 | 78..=80) => Shape::Bytes,
        (libc::SOL_SOCKET, 61) => Shape::TransmitTime,
        (libc::SOL_SOCKET, _) if known(level, option) => Shape::Int,
        (libc::IPPROTO_IP, 35 | 36) => Shape::Membership,
        (libc::IPPROTO_IP, 32) => Shape::Ipv4,
        (libc::IPPROTO_IP, 37..=40) => Shape::SourceMembership,
        (libc::IPPROTO_IP, 41) => Shape::SourceFilter,
        (libc::IPPROTO_IP | libc::IPPROTO_IPV6, 42 | 45) => Shape::Group,
        (libc::IPPROTO_IP | libc::IPPROTO_IPV6, 43 | 44 | 46 | 47) => Shape::GroupAndSource,
        (libc::IPPROTO_IP, 51) => Shape::PortRange,
        (libc::IPPROTO_IP, 4 | 9 | 16 | 17 | 48 | 80) => Shape::Bytes,
        (libc::IPPROTO_IP, _) if known(level, option) => Shape::Int,
        (libc::IPPROTO_IPV6, 20 | 21 | 27 | 28) => Shape::Membership6,
        (libc::IPPROTO_IPV6, 50) => Shape::PacketInfo6,
        (libc::IPPROTO_IPV6, 2..=6 | 9 | 10 | 32 | 34 | 35 | 54 | 55 | 57 | 59 | 61) => {
            Shape::Bytes
        }
        (libc::IPPROTO_IPV6, 48 | 80) => Shape::Bytes,
        (libc::IPPROTO_IPV6, _) if known(level, option) => Shape::Int,
        (libc::IPPROTO_TCP, libc::TCP_CONGESTION | 31) => Shape::Text,
        (libc::IPPROTO_TCP, libc::TCP_INFO) => Shape::TcpInfo,
        (libc::IPPROTO_TCP, 14 | 15 | 22 | 26 | 28 | 29 | 32 | 33 | 35 | 38..=42) => Shape::Bytes,
        (libc::IPPROTO_TCP, _) if known(level, option) => Shape::Int,
        (libc::SOL_PACKET, 1 | 2) => Shape::PacketMembership,
        (libc::SOL_PACKET, 18) => Shape::Fanout,
        (libc::SOL_PACKET, 5 | 6 | 13 | 21 | 22) => Shape::Bytes,
        (libc::SOL_NETLINK, 6 | 7 | 9) => Shape::Bytes,
        (libc::IPPROTO_UDP | libc::SOL_PACKET | libc::SOL_NETLINK | libc::IPPROTO_RAW, _)
            if known(level, option) =>
        {
            Shape::Int
        }
        _ => Shape::Bytes,
    }
}

fn known(level: i32, option: i32) -> bool {
    !c::socket_option(level, option as u32 as u64).starts_with("0x")
}

/// The value of an option. What is too short for its shape is shown as bytes.
fn option_value(level: i32, option: i32, raw: &[u8], len: u64) -> Value {
    let constant = |names| u32_at(raw, 0).map(|value| named(names, value as u64));
    let known = match shape(level, option) {
        Shape::Int if raw.len() == 4 => u32_at(raw, 0).map(|value| match meaning(level, option) {
            Some(Meaning::One(names)) => named(names, value as u64),
            Some(Meaning::Some(names)) => flags(names, value as u64),
            None => int(value as u64),
        }),
        // Some options of IP take one byte as well: ip(7), IP_MULTICAST_TTL.
        Shape::Int if raw.len() == 1 => raw.first().map(|&byte| int(byte as u64)),
        Shape::Int if raw.len() < 8 => u32_at(raw, 0).map(|value| int(value as u64)),
        Shape::Int if raw.len() == 8 => {
            super::memory::i64_at(raw, 0).map(|value| long(value as u64))
        }
        Shape::Int => u32_at(raw, 0).map(|value| int(value as u64)),
        Shape::Linger => linger(raw),
        Shape::Time => time_at(raw, 0, "tv_usec"),
        Shape::Credentials => credentials(raw),
        Shape::Text => Some(text(raw)),
        Shape::Error => u32_at(raw, 0).map(error),
        Shape::Type => constant(c::TYPES),
        Shape::Domain => constant(c::DOMAINS),
        Shape::Protocol => constant(c::PROTOCOLS),
        Shape::Membership => membership(raw),
        Shape::SourceMembership => source_membership(raw),
        Shape::SourceFilter => source_filter(raw),
        Shape::Membership6 => membership6(raw),
        Shape::Group => group(raw),
        Shape::GroupAndSource => group_and_source(raw),
        Shape::Ipv4 if raw.len() >= 8 => membership(raw),
        Shape::Ipv4 => ipv4(raw, 0),
        Shape::PortRange => port_range(raw),
        Shape::PacketInfo6 => packet_info6(raw),
        Shape::TransmitTime => transmit_time(raw),
        Shape::TcpInfo => tcp_info(raw),
        Shape::PacketMembership => packet_membership(raw),
        Shape::Fanout => fanout(raw),
        Shape::Bytes => None,
    };
    known.unwrap_or_else(|| Value::Bytes(Bytes { len, data: raw.to_vec() }))
}

fn error(errno: u32) -> Value {
    match errno {
        0 => int(0),
        _ => text_named(errno as u64, c::errno_name(errno as i32).into_owned()),
    }
}

fn linger(raw: &[u8]) -> Option<Value> {
    let (on, seconds) = (u32_at(raw, 0)?, u32_at(raw, 4)?);
    Some(record([("l_onoff", int(on as u64)), ("l_linger", int(seconds as u64))]))
}

/// unix(7), `struct ucred`. Cut short, it is as much as there is: its bytes would tell a pid.
pub(super) fn credentials(raw: &[u8]) -> Option<Value> {
    let fields = ["pid", "uid", "gid"].into_iter().enumerate().filter_map(|(index, name)| {
        let value = u32_at(raw, 4 * index)? as u64;
        Some(arg(name, if name == "pid" { process(value) } else { int(value) }))
    });
    let fields: Vec<_> = fields.collect();
    (!fields.is_empty()).then_some(Value::Struct { fields })
}

fn text(raw: &[u8]) -> Value {
    let end = raw.iter().position(|&byte| byte == 0).unwrap_or(raw.len());
    Value::Text { value: String::from_utf8_lossy(&raw[..end]).into_owned() }
}

/// An address without a port.
pub(super) fn ipv4(raw: &[u8], offset: usize) -> Option<Value> {
    at::<4>(raw, offset).map(|ip| Value::Text { value: Ipv4Addr::from(ip).to_string() })
}

pub(super) fn ipv6(raw: &[u8], offset: usize) -> Option<Value> {
    at::<16>(raw, offset).map(|ip| Value::Text { value: Ipv6Addr::from(ip).to_string() })
}

/// ip(7), `struct ip_mreq` or, with the interface's index, `struct ip_mreqn`.
fn membership(raw: &[u8]) -> Option<Value> {
    let (group, local) = (ipv4(raw, 0)?, ipv4(raw, 4)?);
    Some(match u32_at(raw, 8) {
        Some(index) => record([
            ("imr_multiaddr", group),
            ("imr_address", local),
            ("imr_ifindex", int(index as u64)),
        ]),
        None => record([("imr_multiaddr", group), ("imr_interface", local)]),
    })
}

/// ip(7), `struct ip_mreq_source`.
fn source_membership(raw: &[u8]) -> Option<Value> {
    Some(record([
        ("imr_multiaddr", ipv4(raw, 0)?),
        ("imr_interface", ipv4(raw, 4)?),
        ("imr_sourceaddr", ipv4(raw, 8)?),
    ]))
}

/// ip(7), `struct ip_msfilter`: as many sources as it says and has.
fn source_filter(raw: &[u8]) -> Option<Value> {
    let count = u32_at(raw, 12)?;
    let sources = (0..count as usize).map_while(|at| ipv4(raw, 16 + 4 * at)).collect();
    Some(record([
        ("imsf_multiaddr", ipv4(raw, 0)?),
        ("imsf_interface", ipv4(raw, 4)?),
        ("imsf_fmode", named(values::SOURCE_FILTERS, u32_at(raw, 8)? as u64)),
        ("imsf_numsrc", uint(count as u64)),
        ("imsf_slist", list(sources)),
    ]))
}

/// linux/in.h, `struct group_req`: an interface and, at its alignment, an address of either family.
fn group(raw: &[u8]) -> Option<Value> {
    Some(record([
        ("gr_interface", uint(u32_at(raw, 0)? as u64)),
        ("gr_group", address(raw.get(8..136)?)?),
    ]))
}

/// linux/in.h, `struct group_source_req`.
fn group_and_source(raw: &[u8]) -> Option<Value> {
    Some(record([
        ("gsr_interface", uint(u32_at(raw, 0)? as u64)),
        ("gsr_group", address(raw.get(8..136)?)?),
        ("gsr_source", address(raw.get(136..264)?)?),
    ]))
}

fn address(storage: &[u8]) -> Option<Value> {
    super::address::sockaddr(storage).map(Value::Addr)
}

/// ip(7), `IP_LOCAL_PORT_RANGE`: the lowest port in the lower half, the highest in the upper one.
fn port_range(raw: &[u8]) -> Option<Value> {
    let range = u32_at(raw, 0)?;
    Some(record([
        ("lowest", uint((range & 0xffff) as u64)),
        ("highest", uint((range >> 16) as u64)),
    ]))
}

/// ipv6(7), `struct in6_pktinfo`.
fn packet_info6(raw: &[u8]) -> Option<Value> {
    Some(record([("ipi6_addr", ipv6(raw, 0)?), ("ipi6_ifindex", uint(u32_at(raw, 16)? as u64))]))
}

/// linux/net_tstamp.h, `struct sock_txtime`.
fn transmit_time(raw: &[u8]) -> Option<Value> {
    Some(record([
        ("clockid", named(c::CLOCKS, u32_at(raw, 0)? as u64)),
        ("flags", flags(values::TRANSMIT_TIME, u32_at(raw, 4)? as u64)),
    ]))
}

/// ipv6(7), `struct ipv6_mreq`.
fn membership6(raw: &[u8]) -> Option<Value> {
    Some(record([
        ("ipv6mr_multiaddr", ipv6(raw, 0)?),
        ("ipv6mr_interface", int(u32_at(raw, 16)? as u64)),
    ]))
}

/// packet(7), `struct packet_mreq`, without its address.
fn packet_membership(raw: &[u8]) -> Option<Value> {
    Some(record([
        ("mr_ifindex", int(u32_at(raw, 0)? as u64)),
        ("mr_type", named(values::PACKET_MEMBERSHIPS, u16_at(raw, 4)? as u64)),
    ]))
}

/// packet(7), `PACKET_FANOUT`: a group in the lower half; how it shares, with flags, in the upper one.
fn fanout(raw: &[u8]) -> Option<Value> {
    let (group, how) = (u16_at(raw, 0)?, u16_at(raw, 2)?);
    Some(record([
        ("id", uint(group as u64)),
        ("type", named(values::FANOUTS, (how & 0xff) as u64)),
        ("flags", flags(values::FANOUT_FLAGS, (how & 0xff00) as u64)),
    ]))
}

/// tcp(7), `struct tcp_info`: the state, and what is under way. Times and windows are the machine's.
fn tcp_info(raw: &[u8]) -> Option<Value> {
    let mut fields = vec![
        arg("tcpi_state", named(c::TCP_STATES, *raw.first()? as u64)),
        arg("tcpi_retransmits", int(*raw.get(2)? as u64)),
        arg("tcpi_probes", int(*raw.get(3)? as u64)),
        arg("tcpi_backoff", int(*raw.get(4)? as u64)),
    ];
    for (name, offset) in [("tcpi_unacked", 24), ("tcpi_lost", 32), ("tcpi_total_retrans", 100)] {
        if let Some(value) = u32_at(raw, offset) {
            fields.push(arg(name, uint(value as u64)));
        }
    }
    Some(Value::Struct { fields })
}

const F_SETSIG: i32 = 10;
const F_SETOWN_EX: i32 = 15;
const F_GETOWN_EX: i32 = 16;

/// The third argument of fcntl(2), where the command has one.
fn fcntl_argument(cmd: i32, register: u64, t: &Tracee) -> Option<Value> {
    Some(match cmd {
        libc::F_GETFD | libc::F_GETFL | libc::F_GETOWN | 11 | libc::F_GETLEASE => return None,
        libc::F_GETPIPE_SZ | libc::F_GET_SEALS => return None,
        libc::F_DUPFD | libc::F_DUPFD_CLOEXEC | libc::F_SETPIPE_SZ => int(register),
        libc::F_SETFD => flags(c::FD_FLAGS, register as u32 as u64),
        libc::F_SETFL => {
            let value = register as u32 as u64;
            text_named(value, c::open_flags(value))
        }
        libc::F_SETOWN => process(register),
        F_SETSIG => signal(register),
        F_SETOWN_EX => owner(t, register),
        F_GETOWN_EX => pointer(register),
        libc::F_GETLK | libc::F_SETLK | libc::F_SETLKW | 36..=38 => pointer(register),
        _ => super::word(t, register),
    })
}

/// fcntl(2), `struct f_owner_ex`.
fn owner(t: &Tracee, addr: u64) -> Value {
    const KINDS: c::Names = &[(0, "F_OWNER_TID"), (1, "F_OWNER_PID"), (2, "F_OWNER_PGRP")];
    let Some(raw) = t.exact::<8>(addr) else { return pointer(addr) };
    let (Some(kind), Some(pid)) = (u32_at(&raw, 0), u32_at(&raw, 4)) else { return Value::Opaque };
    record([("type", named(KINDS, kind as u64)), ("pid", process(pid as u64))])
}

/// What kind of thing `argp` leads to.
enum Argument {
    None,
    IntIn,
    IntOut,
    Interface,
    InterfaceOut,
    ConfigOut,
    Number,
    Pointer,
    Unknown,
}

fn ioctl_argument(request: u64) -> Argument {
    match request {
        0x5450 | 0x5451 => Argument::None,
        0x5421 | 0x5452 | 0x8901 | 0x8902 => Argument::IntIn,
        0x541b | 0x5411 | 0x894b | 0x8903..=0x8905 | 0x540f => Argument::IntOut,
        0x8914 | 0x8916 | 0x8918 | 0x891a | 0x891c | 0x8922 | 0x8924 | 0x8943 => {
            Argument::Interface
        }
        0x8910 | 0x8913 | 0x8915 | 0x8917 | 0x8919 | 0x891b | 0x891d | 0x8921 | 0x8927 | 0x8933
        | 0x8942 => Argument::InterfaceOut,
        0x8912 => Argument::ConfigOut,
        0x540b | 0x540e => Argument::Number,
        _ if c::find(c::IOCTL, request).is_some() => Argument::Pointer,
        _ => Argument::Unknown,
    }
}

fn ioctl_given(request: u64, argp: u64, t: &Tracee) -> Option<Value> {
    let number = || t.i32(argp).map_or_else(|| pointer(argp), |value| int(value as u64));
    Some(match ioctl_argument(request) {
        Argument::None => return None,
        // Who gets the signals: a process or, negative, a group.
        Argument::IntIn if matches!(request, 0x8901 | 0x8902) => {
            t.u32(argp).map_or_else(|| pointer(argp), |value| process(value as u64))
        }
        Argument::IntIn => number(),
        Argument::Interface => interface(request, argp, t, true),
        Argument::InterfaceOut => interface(request, argp, t, false),
        Argument::IntOut | Argument::ConfigOut | Argument::Pointer => pointer(argp),
        Argument::Number => int(argp),
        Argument::Unknown => super::word(t, argp),
    })
}

fn ioctl_back(request: u64, argp: u64, t: &Tracee) -> Option<Value> {
    match ioctl_argument(request) {
        Argument::IntOut => {
            let value = t.u32(argp)? as u64;
            let owner = matches!(request, 0x8903 | 0x8904 | 0x540f);
            Some(if owner { process(value) } else { int(value) })
        }
        Argument::InterfaceOut => Some(interface(request, argp, t, true)),
        Argument::ConfigOut => configuration(argp, t),
        _ => None,
    }
}

/// netdevice(7), `struct ifreq`: its name, and of its union what this request is about.
fn interface(request: u64, argp: u64, t: &Tracee, whole: bool) -> Value {
    let Some(raw) = t.exact::<40>(argp) else { return pointer(argp) };
    let by_index = request == 0x8910;
    let name = text(&raw[..16]);
    let field = match request {
        0x8910 | 0x8933 => "ifr_ifindex",
        0x8913 | 0x8914 => "ifr_flags",
        0x8915 | 0x8916 => "ifr_addr",
        0x8917 | 0x8918 => "ifr_dstaddr",
        0x8919 | 0x891a => "ifr_broadaddr",
        0x891b | 0x891c => "ifr_netmask",
        0x891d => "ifr_metric",
        0x8921 | 0x8922 => "ifr_mtu",
        0x8924 | 0x8927 => "ifr_hwaddr",
        _ => "ifr_qlen",
    };
    let value = || match field {
        "ifr_flags" => u16_at(&raw, 16).map(|value| flags(c::INTERFACE_FLAGS, value as u64)),
        // A link-layer address: the machine's, so only of what kind it is.
        "ifr_hwaddr" => u16_at(&raw, 16).map(|value| record([("sa_family", uint(value as u64))])),
        "ifr_addr" | "ifr_dstaddr" | "ifr_broadaddr" | "ifr_netmask" => {
            super::address::sockaddr(&raw[16..32]).map(Value::Addr)
        }
        _ => i32_at(&raw, 16).map(|value| int(value as u64)),
    };
    let mut fields = vec![arg("ifr_name", name)];
    if whole || by_index {
        fields.push(arg(field, value().unwrap_or(Value::Opaque)));
    }
    // SIOCGIFNAME asks for the name of an index: all else goes by name. What was asked comes first.
    if by_index {
        fields.reverse();
        fields.truncate(if whole { 2 } else { 1 });
    }
    Value::Struct { fields }
}

/// netdevice(7), `struct ifconf`: the interfaces and their addresses.
fn configuration(argp: u64, t: &Tracee) -> Option<Value> {
    let raw = t.exact::<16>(argp)?;
    let (len, buffer) = (u32_at(&raw, 0)?, super::memory::u64_at(&raw, 8)?);
    if buffer == 0 {
        return Some(record([("ifc_len", int(len as u64)), ("ifc_buf", Value::Null)]));
    }
    let items = t
        .records(buffer, len as u64 / 40, 40)
        .iter()
        .filter_map(|raw| {
            let addr = super::address::sockaddr(&raw[16..32])?;
            Some(record([("ifr_name", text(&raw[..16])), ("ifr_addr", Value::Addr(addr))]))
        })
        .collect();
    Some(record([("ifc_len", int(len as u64)), ("ifc_buf", list(items))]))
}
