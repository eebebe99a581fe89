//! Netlink: what is sent to the kernel and comes from it → messages, one after the other. netlink(7), rtnetlink(7).
//!
//! Told is what a question and its answer are about. What differs between two machines, or between two versions of the kernel, is
//! left out: port ids, hardware addresses, counters, and how long a message is.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::constants::{self as c, Names};
use super::memory::{Tracee, at, i32_at, u16_at, u32_at, u64_at};
use super::value::{arg, list, slot, text_named};
use super::{Call, Memory, Raw};
use crate::event::{Arg, Value};

/// The length of struct nlmsghdr. Messages and attributes begin at multiples of four bytes.
const HEADER: usize = 16;
const ALIGNED: usize = 4;

/// As much as the kernel puts into one datagram of a dump at most.
const MOST: u64 = 32 << 10;

/// Says the data of a call on a netlink socket of this protocol as messages, for a call that has returned.
///
/// Data in which there is no message stays what it was.
pub fn netlink(call: &mut Call, raw: &Raw, ret: i64, protocol: &str, memory: &impl Memory) {
    let (a, t) = (&raw.args, &Tracee::new(memory));
    let received = ret.max(0) as u64;
    let bytes = match &*call.syscall {
        "sendto" | "write" => t.bytes(a[1], a[2].min(MOST)),
        // With MSG_TRUNC the call tells more than there was room for.
        "recvfrom" | "read" => t.bytes(a[1], received.min(a[2]).min(MOST)),
        "sendmsg" => gathered(t, a[1], MOST),
        "recvmsg" => gathered(t, a[1], received.min(MOST)),
        _ => return,
    };
    let found = messages(&bytes, protocol);
    if found.is_empty() {
        return;
    }
    call.moved = None;
    if let Some(data) = call.slot("buf") {
        *data = list(found);
    } else if let Some(Value::Struct { fields }) = call.slot("msg")
        && let Some(Value::List { items }) = slot(fields, "msg_iov")
    {
        // However many pieces there are: they hold one datagram.
        items.truncate(1);
        if let Some(Value::Struct { fields }) = items.first_mut()
            && let Some(data) = slot(fields, "iov_base")
        {
            *data = list(found);
        }
    }
}

/// The first `total` bytes in the pieces of a struct msghdr, which holds msg_iov and msg_iovlen at 16 and 24.
fn gathered(t: &Tracee, header: u64, total: u64) -> Vec<u8> {
    let word = |at: u64| t.u64(header.wrapping_add(at)).unwrap_or(0);
    let mut bytes = Vec::new();
    for piece in t.records(word(16), word(24), 16) {
        let (Some(base), Some(length)) = (u64_at(&piece, 0), u64_at(&piece, 8)) else { break };
        bytes.extend(t.bytes(base, length.min(total - bytes.len() as u64)));
    }
    bytes
}

/// The messages of one datagram, as far as there are whole headers.
pub fn messages(mut raw: &[u8], protocol: &str) -> Vec<Value> {
    let mut found = Vec::new();
    // Messages of a device's events have a form of their own.
    while protocol != "NETLINK_KOBJECT_UEVENT"
        && let Some(length) = u32_at(raw, 0).map(|length| length as usize)
        && length >= HEADER
        && raw.len() >= HEADER
    {
        let body = &raw[HEADER..length.min(raw.len())];
        found.extend(message(raw, body, protocol));
        raw = raw.get(length.next_multiple_of(ALIGNED)..).unwrap_or(&[]);
    }
    found
}

fn message(header: &[u8], body: &[u8], protocol: &str) -> Option<Value> {
    let (kind, bits) = (u16_at(header, 4)?, u16_at(header, 6)?);
    let name = match kind {
        ..0x10 => c::name(CONTROL, kind.into()),
        _ if protocol == "NETLINK_ROUTE" => c::name(ROUTE, kind.into()),
        _ if protocol == "NETLINK_SOCK_DIAG" => c::name(SOCK_DIAG, kind.into()),
        _ => c::name(&[], kind.into()),
    };
    // What the upper bits mean hangs on the kind of message.
    let upper = match name.as_str() {
        "NLMSG_ERROR" => ERROR_FLAGS,
        name if name.starts_with("RTM_NEW") => NEW_FLAGS,
        _ => GET_FLAGS,
    };
    let parts = [(FLAGS, bits & 0xff), (upper, bits & 0xff00)];
    let parts = parts.into_iter().filter(|(_, bits)| *bits != 0);
    let parts: Vec<String> = parts.map(|(names, bits)| c::flags(names, bits.into())).collect();
    let mut fields = vec![
        arg("nlmsg_type", text_named(kind.into(), name.clone())),
        arg("nlmsg_flags", text_named(bits.into(), parts.join("|"))),
        arg("nlmsg_seq", Value::Int { value: u32_at(header, 8)?.into() }),
    ];
    match (name.as_str(), protocol) {
        ("NLMSG_ERROR", _) => fields.extend(error(body)),
        ("NLMSG_DONE", _) => {}
        (name, "NETLINK_ROUTE") if name.ends_with("LINK") => fields.extend(link(body)),
        (name, "NETLINK_ROUTE") if name.ends_with("ADDR") => fields.extend(address(body)),
        _ => {}
    }
    Some(Value::Struct { fields })
}

/// struct nlmsgerr: what it says, 0 for an acknowledgement.
fn error(body: &[u8]) -> Option<Arg> {
    let errno = i32_at(body, 0)?.wrapping_neg();
    let text = if errno == 0 { "0".into() } else { c::errno_name(errno).into_owned() };
    Some(arg("error", text_named(errno as u32 as u64, text)))
}

/// struct ifinfomsg: which interface, by number and by name; neither in a question for all.
fn link(body: &[u8]) -> Vec<Arg> {
    const NAME: u16 = 3;
    let index = i32_at(body, 4).filter(|&index| index != 0);
    let mut fields: Vec<Arg> = index
        .map(|index| arg("ifi_index", Value::Int { value: index.into() }))
        .into_iter()
        .collect();
    if let Some(name) = attribute(body.get(16..).unwrap_or(&[]), NAME) {
        let name = name.split(|&byte| byte == 0).next().unwrap_or(&[]);
        let value = String::from_utf8_lossy(name).into_owned();
        fields.push(arg("IFLA_IFNAME", Value::Text { value }));
    }
    fields
}

/// struct ifaddrmsg: an address, and of which interface it is.
fn address(body: &[u8]) -> Vec<Arg> {
    const ADDRESS: u16 = 1;
    let index = u32_at(body, 4).filter(|&index| index != 0);
    let mut fields: Vec<Arg> = index
        .map(|index| arg("ifa_index", Value::Int { value: index.into() }))
        .into_iter()
        .collect();
    let raw = attribute(body.get(8..).unwrap_or(&[]), ADDRESS).unwrap_or(&[]);
    let text = match raw.len() {
        4 => at::<4>(raw, 0).map(|raw| Ipv4Addr::from(raw).to_string()),
        16 => at::<16>(raw, 0).map(|raw| Ipv6Addr::from(raw).to_string()),
        _ => None,
    };
    fields.extend(text.map(|value| arg("IFA_ADDRESS", Value::Text { value })));
    fields
}

/// The value of the first attribute of this type; rtnetlink(7), struct rtattr.
fn attribute(mut raw: &[u8], wanted: u16) -> Option<&[u8]> {
    const HEADER: usize = 4;
    loop {
        let (length, kind) = (usize::from(u16_at(raw, 0)?), u16_at(raw, 2)?);
        let value = raw.get(HEADER..length)?;
        if kind == wanted {
            return Some(value);
        }
        raw = raw.get(length.next_multiple_of(ALIGNED)..)?;
    }
}

const CONTROL: Names =
    &[(1, "NLMSG_NOOP"), (2, "NLMSG_ERROR"), (3, "NLMSG_DONE"), (4, "NLMSG_OVERRUN")];

const SOCK_DIAG: Names =
    &[(18, "TCPDIAG_GETSOCK"), (20, "SOCK_DIAG_BY_FAMILY"), (21, "SOCK_DESTROY")];

#[rustfmt::skip]
const ROUTE: Names = &[
    (16, "RTM_NEWLINK"), (17, "RTM_DELLINK"), (18, "RTM_GETLINK"), (19, "RTM_SETLINK"),
    (20, "RTM_NEWADDR"), (21, "RTM_DELADDR"), (22, "RTM_GETADDR"),
    (24, "RTM_NEWROUTE"), (25, "RTM_DELROUTE"), (26, "RTM_GETROUTE"),
    (28, "RTM_NEWNEIGH"), (29, "RTM_DELNEIGH"), (30, "RTM_GETNEIGH"),
    (32, "RTM_NEWRULE"), (33, "RTM_DELRULE"), (34, "RTM_GETRULE"),
    (36, "RTM_NEWQDISC"), (37, "RTM_DELQDISC"), (38, "RTM_GETQDISC"),
    (92, "RTM_NEWSTATS"), (94, "RTM_GETSTATS"),
];

const FLAGS: Names = &[
    (1, "NLM_F_REQUEST"),
    (2, "NLM_F_MULTI"),
    (4, "NLM_F_ACK"),
    (8, "NLM_F_ECHO"),
    (0x10, "NLM_F_DUMP_INTR"),
    (0x20, "NLM_F_DUMP_FILTERED"),
];
const GET_FLAGS: Names = &[
    (0x300, "NLM_F_DUMP"),
    (0x100, "NLM_F_ROOT"),
    (0x200, "NLM_F_MATCH"),
    (0x400, "NLM_F_ATOMIC"),
];
const NEW_FLAGS: Names = &[
    (0x100, "NLM_F_REPLACE"),
    (0x200, "NLM_F_EXCL"),
    (0x400, "NLM_F_CREATE"),
    (0x800, "NLM_F_APPEND"),
];
const ERROR_FLAGS: Names = &[(0x100, "NLM_F_CAPPED"), (0x200, "NLM_F_ACK_TLVS")];

#[cfg(test)]
mod tests {
    use super::*;

    fn header(length: u32, kind: u16, flags: u16) -> Vec<u8> {
        let mut raw = length.to_ne_bytes().to_vec();
        raw.extend([kind, flags].into_iter().flat_map(u16::to_ne_bytes));
        raw.extend([7u32, 4321].into_iter().flat_map(u32::to_ne_bytes));
        raw
    }

    fn said(found: &[Value]) -> Vec<Vec<(String, String)>> {
        let text = |value: &Value| match value {
            Value::Int { value } => value.to_string(),
            Value::Named { text, .. } => text.clone(),
            Value::Text { value } => value.clone(),
            other => panic!("{other:?}"),
        };
        let fields = |value: &Value| match value {
            Value::Struct { fields } => {
                fields.iter().map(|it| (it.name.to_string(), text(&it.value))).collect()
            }
            other => panic!("{other:?}"),
        };
        found.iter().map(fields).collect()
    }

    fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
        of.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect()
    }

    #[test]
    fn an_interface_is_told_by_its_number_and_name_and_not_by_who_asked() {
        let mut raw = header(46, 16, 2);
        raw.extend([[0; 4], 5i32.to_ne_bytes(), [0; 4], [0; 4]].concat());
        // A hardware address, then the name; what follows is aligned.
        raw.extend([5, 0, 1, 0, 9, 0, 0, 0]);
        raw.extend([6, 0, 3, 0, b'a', 0, 0, 0]);
        raw.extend(header(20, 3, 2));
        raw.extend(0u32.to_ne_bytes());
        assert_eq!(
            said(&messages(&raw, "NETLINK_ROUTE")),
            [
                pairs(&[
                    ("nlmsg_type", "RTM_NEWLINK"),
                    ("nlmsg_flags", "NLM_F_MULTI"),
                    ("nlmsg_seq", "7"),
                    ("ifi_index", "5"),
                    ("IFLA_IFNAME", "a"),
                ]),
                pairs(&[
                    ("nlmsg_type", "NLMSG_DONE"),
                    ("nlmsg_flags", "NLM_F_MULTI"),
                    ("nlmsg_seq", "7"),
                ]),
            ]
        );
    }

    #[test]
    fn an_error_has_its_name_and_a_question_the_flags_that_it_was_asked_with() {
        let mut raw = header(20, 2, 0);
        raw.extend((-libc::ENODEV).to_ne_bytes());
        let answer = &said(&messages(&raw, "NETLINK_ROUTE"))[0];
        assert_eq!(answer[0].1, "NLMSG_ERROR");
        assert_eq!(answer[3], ("error".into(), "ENODEV".into()));
        let asked = &said(&messages(&header(16, 22, 0x301), "NETLINK_ROUTE"))[0];
        assert_eq!(asked[1].1, "NLM_F_REQUEST|NLM_F_DUMP");
    }

    #[test]
    fn what_is_unknown_is_a_number() {
        let kind = |kind, protocol| said(&messages(&header(16, kind, 0), protocol))[0][0].1.clone();
        assert_eq!(kind(20, "NETLINK_SOCK_DIAG"), "SOCK_DIAG_BY_FAMILY");
        assert_eq!(kind(20, "NETLINK_GENERIC"), "0x14");
        assert_eq!(kind(9, "NETLINK_ROUTE"), "0x9");
        assert!(messages(&header(15, 16, 0), "NETLINK_ROUTE").is_empty());
        assert!(messages(&header(16, 16, 0)[..15], "NETLINK_ROUTE").is_empty());
    }
}
