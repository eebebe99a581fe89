//! A recording in strace's notation, so that it can be laid beside what `strace -f -s 4096` says of the same program.
//!
//! Descriptors are numbers and calls have the kernel's names. What a recording does not keep, addresses of
//! memory above all, is `…`.

use std::fmt::Write as _;

use crate::decode::{errno_name, open_flags};
use crate::event::{Arg, Bytes, Event, Recording, SockAddr, Value};

/// The column in which strace puts the result of a call.
const RESULT: usize = 40;

/// The family of addresses that are names in the file system: AF_UNIX.
const LOCAL: u16 = 1;

/// One event, without a newline.
pub fn line(event: &Event) -> String {
    at_column(event, RESULT)
}

/// One event with the thread before it, as under `strace -f -o FILE`; without a newline.
pub fn of_thread(event: &Event) -> String {
    let thread = format!("{:<5} ", event.tid);
    let call = at_column(event, RESULT.saturating_sub(thread.len()));
    thread + &call
}

/// All events, a line each.
pub fn recording(recording: &Recording) -> String {
    recording.events.iter().map(|event| of_thread(event) + "\n").collect()
}

fn at_column(event: &Event, column: usize) -> String {
    if event.syscall.is_empty() {
        return no_call(event);
    }
    let call = format!("{}({})", event.syscall, arguments(event).join(", "));
    // The width is that of the text, not of the page: a long call has one space.
    let pad = column.saturating_sub(call.chars().count()).max(1);
    format!("{call}{:pad$}= {}", "", result(event))
}

/// What strace says between the calls.
fn no_call(event: &Event) -> String {
    let signal = event
        .args
        .iter()
        .find_map(|arg| match &arg.value {
            Value::Named { text, .. } | Value::Text { value: text } if text.starts_with("SIG") => {
                Some(&**text)
            }
            _ => None,
        })
        .unwrap_or("…");
    match &*event.call {
        "signal" => format!("--- {signal} {{si_signo={signal}, …}} ---"),
        "exit" => {
            let status = event.args.iter().find_map(|arg| as_int(&arg.value)).or(event.ret);
            format!(
                "+++ exited with {} +++",
                status.map_or("…".into(), |status| status.to_string())
            )
        }
        "killed" => format!("+++ killed by {signal} +++"),
        other => format!("--- {other} ---"),
    }
}

/// The arguments as the kernel takes them.
fn arguments(event: &Event) -> Vec<String> {
    let get = |name| event.arg(name).unwrap_or(&Value::Opaque);
    let text = |name| in_call(event, name);
    let all = || event.args.iter().map(|arg| in_call(event, &arg.name)).collect::<Vec<_>>();
    let with =
        |more: &[&str]| all().into_iter().chain(more.iter().map(|s| s.to_string())).collect();
    match &*event.syscall {
        "recvfrom" if event.arg("src_addr").is_none() => with(&["NULL", "NULL"]),
        "sendto" if event.arg("dest_addr").is_none() => with(&["NULL", "0"]),
        "recvmmsg" if event.errno.is_some() => {
            vec![text("sockfd"), "…".into(), text("vlen"), text("flags"), text("timeout")]
        }
        "pipe2" | "dup3" if event.arg("flags").is_none() => with(&["0"]),
        "ppoll" | "epoll_pwait" | "epoll_pwait2" if event.arg("sigmask").is_none() => {
            with(&["NULL", "8"])
        }
        "ppoll" | "epoll_pwait" | "epoll_pwait2" | "rt_sigaction" | "rt_sigprocmask"
        | "rt_sigpending" | "rt_sigsuspend" | "rt_sigtimedwait" => with(&["8"]),
        "pselect6" => {
            let mut args = all();
            args.truncate(5);
            args.push(match event.arg("sigmask") {
                None => "NULL".into(),
                Some(mask) => format!("{{sigmask={}, sigsetsize=8}}", plain(mask)),
            });
            args
        }
        "signalfd4" => vec![text("fd"), text("mask"), "8".into(), text("flags")],
        "wait4" if event.arg("rusage").is_none() => with(&["NULL"]),
        "waitid" => with(&["NULL"]),
        "io_uring_enter" => with(&["0"]),
        "clone" => clone(get("flags"), get("exit_signal")),
        "clone3" if event.arg("flags").is_some() => clone3(event, get("flags"), get("exit_signal")),
        _ => all(),
    }
}

/// One argument, as this call shows it.
fn in_call(event: &Event, name: &str) -> String {
    let Some(value) = event.arg(name) else { return "…".into() };
    match (&*event.syscall, name) {
        (_, "addr" | "dest_addr" | "src_addr") => match value {
            Value::Addr(addr) => sockaddr(addr, event.arg("addrlen").and_then(last_int)),
            other => plain(other),
        },
        (_, "addrlen" | "optlen") => in_and_out(value),
        ("socket" | "socketpair", "domain") => unknown(value, "AF_???"),
        ("socket" | "socketpair", "type") => unknown(value, "SOCK_???"),
        ("socket", "protocol") => unknown(value, "IPPROTO_???"),
        ("socketpair", "protocol") => match value {
            Value::Named { value, .. } => value.to_string(),
            other => plain(other),
        },
        ("accept4", "flags") => unknown(value, "SOCK_???"),
        ("shutdown", "how") => unknown(value, "SHUT_???"),
        ("pipe2" | "dup3", "flags") => unknown(value, "O_???"),
        ("fcntl", "cmd") => unknown(value, "F_???"),
        ("fcntl", "arg") => match value {
            Value::Int { value } if !is_duplicate(event) => format!("{value:#x}"),
            other => plain(other),
        },
        ("epoll_ctl", "op") => unknown(value, "EPOLL_CTL_???"),
        ("setsockopt" | "getsockopt", "level") => unknown_level(value),
        ("setsockopt" | "getsockopt", "optname") => option_name(event, value),
        ("setsockopt", "optval") => option_value(event, value, false),
        ("getsockopt", "optval") => option_value(event, value, true),
        ("sendmsg" | "recvmsg", "msg") => header(value, event.errno.is_some()),
        ("sendmmsg" | "recvmmsg", "msgvec") => match value {
            Value::List { items } => listed(items.iter().map(message)),
            other => plain(other),
        },
        ("poll" | "ppoll", "fds") => match value {
            Value::List { items } => listed(items.iter().map(polled)),
            other => plain(other),
        },
        ("select" | "pselect6", "readfds" | "writefds" | "exceptfds") => {
            field(value, "given").map_or_else(|| plain(value), fd_set)
        }
        ("epoll_ctl", "event") => epoll_event(value),
        ("epoll_wait" | "epoll_pwait" | "epoll_pwait2", "events") => match value {
            Value::List { items } => listed(items.iter().map(epoll_event)),
            other => plain(other),
        },
        ("sendfile", "offset") => match value {
            Value::List { items } => items
                .iter()
                .map(|item| format!("[{}]", plain(item)))
                .collect::<Vec<_>>()
                .join(" => "),
            other => plain(other),
        },
        ("splice", "off_in" | "off_out") => match value {
            Value::List { items } => listed(items.iter().take(1).map(plain)),
            other => plain(other),
        },
        ("ioctl", "request") => ioctl_request(value),
        ("ioctl", "argp") => match value {
            Value::Int { value } if is_known_request(event) => format!("[{value}]"),
            Value::Int { value } => format!("{value:#x}"),
            Value::Process { value } => format!("[{value}]"),
            other => plain(other),
        },
        ("rt_sigaction", "act" | "oldact") => action(value),
        ("wait4", "wstatus") => match value {
            Value::Named { text, .. } => format!("[{{{text}}}]"),
            other => plain(other),
        },
        ("wait4" | "waitid", "options") => plain(value).replace("WUNTRACED", "WSTOPPED"),
        ("waitid", "infop") => match value {
            Value::Struct { fields } if fields.len() > 1 => {
                plain(value).replacen('}', ", si_utime=…, si_stime=…}", 1)
            }
            Value::Struct { .. } => "{}".into(),
            other => plain(other),
        },
        ("rt_sigtimedwait", "info") => plain(value).replacen('}', ", …}", 1),
        _ => plain(value),
    }
}

/// What a call returned, and what strace adds to it.
fn result(event: &Event) -> String {
    if let Some(errno) = event.errno.as_deref() {
        return match errno {
            "ERESTARTSYS" => "? ERESTARTSYS (To be restarted if SA_RESTART is set)".into(),
            "ERESTARTNOINTR" => "? ERESTARTNOINTR (To be restarted)".into(),
            "ERESTARTNOHAND" => "? ERESTARTNOHAND (To be restarted if no handler)".into(),
            "ERESTART_RESTARTBLOCK" => "? ERESTART_RESTARTBLOCK (Interrupted by signal)".into(),
            _ => format!("-1 {errno} ({})", description(errno)),
        };
    }
    let Some(ret) = event.ret else { return "?".into() };
    let more = match &*event.syscall {
        "poll" | "ppoll" | "select" | "pselect6" if ret == 0 => Some("Timeout".into()),
        "poll" => event.arg("fds").map(ready),
        "ppoll" => event.arg("fds").map(ready).map(|ready| with_left(ready, event.arg("tmo_p"))),
        "select" | "pselect6" => Some(with_left(selected(event), event.arg("timeout"))),
        "recvmmsg" if matches!(event.arg("timeout"), Some(Value::Struct { .. })) => {
            Some("left …".into())
        }
        "rt_sigtimedwait" => Some(crate::decode::signal_name(ret as i32).into_owned()),
        "fcntl" => return fcntl_result(event, ret),
        _ => None,
    };
    match more {
        Some(more) if !more.is_empty() => format!("{ret} ({more})"),
        _ => ret.to_string(),
    }
}

fn fcntl_result(event: &Event, ret: i64) -> String {
    match event.arg("cmd") {
        Some(Value::Named { text, .. }) if text == "F_GETFL" => {
            format!("{ret:#x} (flags {})", open_flags(ret as u64))
        }
        Some(Value::Named { text, .. }) if text == "F_GETFD" && ret == 1 => {
            "0x1 (flags FD_CLOEXEC)".into()
        }
        _ => ret.to_string(),
    }
}

/// The C library's text for an error.
fn description(errno: &str) -> String {
    let number = (1..=133).find(|number| errno_name(*number) == errno);
    let Some(number) = number else { return "…".into() };
    let text = std::io::Error::from_raw_os_error(number).to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// A value where nothing special is known.
fn plain(value: &Value) -> String {
    match value {
        Value::Int { value } => value.to_string(),
        Value::Fd { value, .. } => value.to_string(),
        Value::Named { text, .. } => text.clone(),
        Value::Bytes(bytes) => quoted(bytes),
        Value::Text { value } => quoted(&Bytes::new(value.as_bytes())),
        Value::Addr(addr) => sockaddr(addr, None),
        Value::List { items } => listed(items.iter().map(plain)),
        Value::Struct { fields } => match &fields[..] {
            // A process group, where a pid may stand: a negative number.
            [Arg { name, value }] if name == "pgid" => format!("-{}", plain(value)),
            _ => structure(fields.iter().map(|field| (&*field.name, plain(&field.value)))),
        },
        Value::Process { value } => value.to_string(),
        Value::Null => "NULL".into(),
        Value::Opaque => "…".into(),
    }
}

fn listed(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

fn structure<'a>(fields: impl Iterator<Item = (&'a str, String)>) -> String {
    let fields: Vec<String> = fields.map(|(name, value)| format!("{name}={value}")).collect();
    format!("{{{}}}", fields.join(", "))
}

/// A string as C writes it: an octal escape is as short as what follows allows.
fn quoted(bytes: &Bytes) -> String {
    let mut text = String::from("\"");
    for (index, &byte) in bytes.data.iter().enumerate() {
        let _ = match byte {
            b'"' => text.write_str("\\\""),
            b'\\' => text.write_str("\\\\"),
            b'\t' => text.write_str("\\t"),
            b'\n' => text.write_str("\\n"),
            b'\x0b' => text.write_str("\\v"),
            b'\x0c' => text.write_str("\\f"),
            b'\r' => text.write_str("\\r"),
            b' '..=b'~' => write!(text, "{}", byte as char),
            _ if bytes.data.get(index + 1).is_some_and(|next| (b'0'..=b'7').contains(next)) => {
                write!(text, "\\{byte:03o}")
            }
            _ => write!(text, "\\{byte:o}"),
        };
    }
    text.push('"');
    if bytes.is_cut() {
        text.push_str("...");
    }
    text
}

fn quoted_hex(data: &[u8]) -> String {
    let inner = data.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "\\x{byte:02x}");
        text
    });
    format!("\"{inner}\"")
}

/// A constant; one without a name is followed by what kind of name it lacks.
fn unknown(value: &Value, kind: &str) -> String {
    match value {
        Value::Named { text, .. } if text.starts_with("0x") => format!("{text} /* {kind} */"),
        other => plain(other),
    }
}

/// What was given, and what came back if it differs.
fn in_and_out(value: &Value) -> String {
    match value {
        Value::List { items } => format!("[{}]", arrow(items)),
        other => plain(other),
    }
}

fn arrow(items: &[Value]) -> String {
    items.iter().map(plain).collect::<Vec<_>>().join(" => ")
}

fn as_int(value: &Value) -> Option<i64> {
    match value {
        Value::Int { value } => Some(*value),
        _ => None,
    }
}

fn last_int(value: &Value) -> Option<i64> {
    match value {
        Value::List { items } => items.last().and_then(as_int),
        other => as_int(other),
    }
}

fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Struct { fields } => {
            fields.iter().find(|field| field.name == name).map(|field| &field.value)
        }
        _ => None,
    }
}

/// A struct is known by its first field; a recording that was read may hold one without any.
fn first_name(fields: &[Arg]) -> &str {
    fields.first().map_or("", |field| &field.name)
}

fn is_named(value: Option<&Value>, names: &[&str]) -> bool {
    matches!(value, Some(Value::Named { text, .. }) if names.contains(&&**text))
}

fn is_duplicate(event: &Event) -> bool {
    is_named(event.arg("cmd"), &["F_DUPFD", "F_DUPFD_CLOEXEC", "F_SETPIPE_SZ"])
}

/// An address of `len` bytes.
fn sockaddr(addr: &SockAddr, len: Option<i64>) -> String {
    match addr {
        SockAddr::Inet { ip, port } => {
            format!("{{sa_family=AF_INET, sin_port=htons({port}), sin_addr=inet_addr(\"{ip}\")}}")
        }
        SockAddr::Inet6 { ip, port, flowinfo, scope } => {
            let local = ip.is_unicast_link_local() || ip.octets()[..2] == [0xff, 2];
            let scope = if local { interface(*scope) } else { scope.to_string() };
            format!(
                "{{sa_family=AF_INET6, sin6_port=htons({port}), sin6_flowinfo=htonl({flowinfo}), \
                 inet_pton(AF_INET6, \"{ip}\", &sin6_addr), sin6_scope_id={scope}}}"
            )
        }
        SockAddr::Unix { path } if path.is_empty() => "{sa_family=AF_UNIX}".into(),
        SockAddr::Unix { path } => local(path.as_bytes()),
        SockAddr::Abstract { name } => local(&[b"\0", name.as_bytes()].concat()),
        SockAddr::Other { number: LOCAL, data } => local(&from_hex(data)),
        SockAddr::Netlink { pid, groups } => {
            let groups = if *groups == 0 { "00000000".into() } else { format!("{groups:#08x}") };
            format!("{{sa_family=AF_NETLINK, nl_pid={pid}, nl_groups={groups}}}")
        }
        SockAddr::Packet { protocol, ifindex, hatype, pkttype, addr } => {
            let bytes = from_hex(addr);
            // The kernel gives as much as the link's address needs; strace takes only the whole struct apart.
            if len.is_some_and(|len| len < 20) {
                let mut raw = protocol.to_be_bytes().to_vec();
                raw.extend(ifindex.to_ne_bytes());
                raw.extend(hatype.to_ne_bytes());
                raw.extend([*pkttype, bytes.len() as u8]);
                raw.extend(bytes);
                return format!("{{sa_family=AF_PACKET, sa_data={}}}", quoted(&Bytes::new(&raw)));
            }
            let mut text = format!(
                "{{sa_family=AF_PACKET, sll_protocol={}, sll_ifindex={}, sll_hatype={}, sll_pkttype={}, \
                 sll_halen={}",
                crate::decode::link_protocol(*protocol),
                interface(*ifindex as u32),
                hardware(*hatype),
                packet_type(*pkttype),
                bytes.len()
            );
            if !bytes.is_empty() {
                let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:#04x}")).collect();
                let _ = write!(text, ", sll_addr=[{}]", bytes.join(", "));
            }
            text + "}"
        }
        SockAddr::Unspec => match usize::try_from(len.unwrap_or(2).saturating_sub(2)) {
            Ok(rest @ 1..=126) => {
                let zeros = Bytes::new(&vec![0; rest]);
                format!("{{sa_family=AF_UNSPEC, sa_data={}}}", quoted(&zeros))
            }
            _ => "{sa_family=AF_UNSPEC}".into(),
        },
        SockAddr::Other { number, data } => {
            let family = crate::decode::socket_domain(*number as i32);
            match data.is_empty() {
                true => format!("{{sa_family={family}}}"),
                false => {
                    let data = quoted(&Bytes::new(&from_hex(data)));
                    format!("{{sa_family={family}, sa_data={data}}}")
                }
            }
        }
    }
}

/// A name in the file system, or an abstract one behind its zero byte.
fn local(name: &[u8]) -> String {
    let (sign, name) = match name.split_first() {
        Some((0, name)) => ("@", name),
        _ => ("", name.split(|&byte| byte == 0).next().unwrap_or_default()),
    };
    format!("{{sa_family=AF_UNIX, sun_path={sign}{}}}", quoted(&Bytes::new(name)))
}

fn from_hex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks_exact(2)
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

/// An interface by its index. The first is the loopback; no other's name is known here.
fn interface(index: u32) -> String {
    match index {
        1 => "if_nametoindex(\"lo\")".into(),
        _ => index.to_string(),
    }
}

fn hardware(hatype: u16) -> String {
    match hatype {
        0 => "ARPHRD_NETROM".into(),
        1 => "ARPHRD_ETHER".into(),
        772 => "ARPHRD_LOOPBACK".into(),
        _ => format!("{hatype:#x} /* ARPHRD_??? */"),
    }
}

fn packet_type(pkttype: u8) -> String {
    const NAMES: [&str; 8] =
        ["HOST", "BROADCAST", "MULTICAST", "OTHERHOST", "OUTGOING", "LOOPBACK", "USER", "KERNEL"];
    match NAMES.get(pkttype as usize) {
        Some(name) => format!("PACKET_{name}"),
        None => format!("{pkttype:#x} /* PACKET_??? */"),
    }
}

/// strace calls the levels of the protocols after the kernel: `SOL_TCP`.
fn level_name(text: &str) -> String {
    match text.strip_prefix("IPPROTO_") {
        Some(protocol) => format!("SOL_{protocol}"),
        None => text.to_owned(),
    }
}

fn unknown_level(value: &Value) -> String {
    level_name(&unknown(value, "SOL_??"))
}

/// These options have two numbers, for two forms of times.
fn option_text(text: &str) -> String {
    match text {
        "SO_RCVTIMEO" | "SO_SNDTIMEO" | "SO_TIMESTAMP" | "SO_TIMESTAMPNS" | "SO_TIMESTAMPING" => {
            format!("{text}_OLD")
        }
        _ => text.to_owned(),
    }
}

fn option_name(event: &Event, value: &Value) -> String {
    let Value::Named { value: number, text } = value else { return plain(value) };
    if !text.starts_with("0x") {
        return option_text(text);
    }
    let level = event.arg("level").map(plain).unwrap_or_default();
    match level.strip_prefix("IPPROTO_").or(level.strip_prefix("SOL_")) {
        Some("SOCKET") => format!("{text} /* SO_??? */"),
        Some("RAW") => format!("{text} /* RAW_??? */"),
        Some(protocol) => format!("{text} /* {protocol}_??? */"),
        None => number.to_string(),
    }
}

/// An option's value: a number in brackets, a known struct, else its bytes.
fn option_value(event: &Event, value: &Value, asked: bool) -> String {
    let len = event.arg("optlen").and_then(last_int).unwrap_or(0);
    match value {
        Value::Int { value } if len < 4 && asked => {
            quoted_hex(&value.to_ne_bytes()[..len.max(0) as usize])
        }
        // Of what is too short for an int strace shows the bytes, but on SOL_SOCKET the pointer.
        Value::Int { .. } if len < 4 && is_named(event.arg("level"), &["SOL_SOCKET"]) => "…".into(),
        Value::Int { value } if len < 4 => {
            quoted(&Bytes::new(&value.to_ne_bytes()[..len.max(0) as usize]))
        }
        Value::Int { value } if len == 4 => format!("[{value}]"),
        Value::Int { value } => {
            let mut raw = value.to_ne_bytes().to_vec();
            raw.resize(len.clamp(4, 4096) as usize, 0);
            quoted(&Bytes::new(&raw))
        }
        Value::Named { text, .. } if is_named(event.arg("optname"), &["SO_ERROR"]) => {
            format!("[{text}]")
        }
        Value::Named { value, .. } => format!("[{}]", *value as i32),
        // Others are taken for a number when they have the length of one.
        Value::Text { value } => {
            let mut raw = value.as_bytes().to_vec();
            raw.resize(len.clamp(0, 4096) as usize, 0);
            match is_named(event.arg("optname"), &["SO_BINDTODEVICE"]) {
                true => quoted(&Bytes::new(&raw)),
                false => option_bytes(&Bytes::new(&raw), asked),
            }
        }
        Value::Bytes(bytes) if asked && bytes.len == 0 => "…".into(),
        Value::Bytes(bytes) => option_bytes(bytes, asked),
        Value::Struct { fields } => match first_name(fields) {
            "tv_sec" => {
                let raw: Vec<u8> = fields
                    .iter()
                    .filter_map(|field| as_int(&field.value))
                    .flat_map(i64::to_ne_bytes)
                    .collect();
                quoted(&Bytes::new(&raw))
            }
            "imr_multiaddr" => structure(
                ["imr_multiaddr", "imr_interface"]
                    .into_iter()
                    .zip(fields)
                    .map(|(name, field)| (name, format!("inet_addr({})", plain(&field.value)))),
            ),
            "ipv6mr_multiaddr" => {
                let interface_ = fields.get(1).and_then(|field| as_int(&field.value)).unwrap_or(0);
                format!(
                    "{{inet_pton(AF_INET6, {}, &ipv6mr_multiaddr), ipv6mr_interface={}}}",
                    plain(&fields[0].value),
                    interface(interface_ as u32)
                )
            }
            "tcpi_state" | "mr_ifindex" => "…".into(),
            _ => plain(value),
        },
        other => plain(other),
    }
}

fn option_bytes(bytes: &Bytes, asked: bool) -> String {
    match bytes.data.as_slice().try_into() {
        Ok(raw) => format!("[{}]", i32::from_ne_bytes(raw)),
        Err(_) if asked && bytes.len > 0 && bytes.len < 4 => quoted_hex(&bytes.data),
        Err(_) if (1..4).contains(&bytes.len) => "…".into(),
        Err(_) => quoted(bytes),
    }
}

/// A `struct msghdr`. Of one that received nothing strace shows only the room for the name.
fn header(value: &Value, failed: bool) -> String {
    let Value::Struct { fields } = value else { return plain(value) };
    let namelen = field(value, "msg_namelen").map(|len| match len {
        Value::List { items } => arrow(items),
        other => plain(other),
    });
    let namelen = namelen.unwrap_or_default();
    let receives = field(value, "msg_flags").is_some();
    if receives && failed {
        return format!("{{msg_namelen={namelen}}}");
    }
    let controllen = field(value, "msg_controllen").and_then(last_int).unwrap_or(0);
    let mut shown = Vec::new();
    for Arg { name, value: part } in fields {
        match &**name {
            "msg_name" => {
                let len = field(value, "msg_namelen").and_then(last_int);
                let name = match part {
                    Value::Addr(addr) => sockaddr(addr, len),
                    other => plain(other),
                };
                shown.push(("msg_name", name));
            }
            "msg_namelen" => shown.push(("msg_namelen", namelen.clone())),
            "msg_iov" => {
                let count = if let Value::List { items } = part {
                    items.len().to_string()
                } else {
                    "…".into()
                };
                shown.push(("msg_iov", plain(part)));
                shown.push(("msg_iovlen", count));
            }
            "msg_control" if controllen == 0 => {}
            "msg_control" => shown.push((
                "msg_control",
                match part {
                    Value::List { items } => listed(items.iter().map(control)),
                    other => plain(other),
                },
            )),
            "msg_controllen" => shown.push(("msg_controllen", controllen.to_string())),
            "msg_flags" => shown.push(("msg_flags", plain(part))),
            _ => {}
        }
    }
    if !receives {
        shown.push(("msg_flags", "0".into()));
    }
    structure(shown.into_iter())
}

fn message(value: &Value) -> String {
    let header_ = field(value, "msg_hdr").map_or_else(|| "…".into(), |msg| header(msg, false));
    match field(value, "msg_len") {
        Some(Value::Int { value }) => format!("{{msg_hdr={header_}, msg_len={value}}}"),
        _ => format!("{{msg_hdr={header_}}}"),
    }
}

/// One control message; its length is that of its header and its data.
fn control(value: &Value) -> String {
    let (Some(level), Some(type_), Some(data)) =
        (field(value, "cmsg_level"), field(value, "cmsg_type"), field(value, "cmsg_data"))
    else {
        return plain(value);
    };
    let (len, data) = match data {
        Value::Bytes(bytes) => (Some(bytes.len), quoted(bytes)),
        Value::List { items } => (Some(4 * items.len() as u64), plain(data)),
        Value::Int { value } => (Some(4), format!("[{value}]")),
        Value::Struct { fields } => match first_name(fields) {
            // Cut short, it is not shown at all.
            "pid" if fields.len() < 3 => (Some(4 * fields.len() as u64), String::new()),
            "pid" => (Some(12), plain(data)),
            "ipi_ifindex" => (
                Some(12),
                structure(fields.iter().map(|field| {
                    let text = match &field.value {
                        Value::Int { value } => interface(*value as u32),
                        other => format!("inet_addr({})", plain(other)),
                    };
                    (&*field.name, text)
                })),
            ),
            "ipi6_addr" => (Some(20), plain(data)),
            "ee_errno" => extended_error(fields),
            _ => (None, plain(data)),
        },
        _ => (Some(16), plain(data)),
    };
    let type_ = match &*plain(type_) {
        // strace does not know what IPv6 tells.
        _ if is_named(Some(level), &["IPPROTO_IPV6"]) => match type_ {
            Value::Named { value, .. } => format!("{value:#x}"),
            other => plain(other),
        },
        stamp @ ("SCM_TIMESTAMP" | "SCM_TIMESTAMPNS" | "SCM_TIMESTAMPING") => {
            format!("{}_OLD", stamp.replace("SCM_", "SO_"))
        }
        other => other.to_owned(),
    };
    let mut shown = vec![
        ("cmsg_len", len.map_or_else(|| "…".into(), |len| (16 + len).to_string())),
        ("cmsg_level", unknown_level(level)),
        ("cmsg_type", type_),
    ];
    if !is_named(Some(level), &["IPPROTO_IPV6"]) && !matches!(&*data, "" | "\"\"" | "[]") {
        shown.push(("cmsg_data", data));
    }
    structure(shown.into_iter())
}

/// A `struct sock_extended_err` with the address behind it; strace gives the error as a number.
fn extended_error(fields: &[Arg]) -> (Option<u64>, String) {
    let offender = match fields.last().map(|field| &field.value) {
        Some(Value::Addr(SockAddr::Inet6 { .. })) => 28,
        _ => 16,
    };
    let text = structure(fields.iter().map(|field| match &field.value {
        Value::Named { value, .. } => (&*field.name, value.to_string()),
        other => (&*field.name, plain(other)),
    }));
    (Some(16 + offender), text)
}

fn polled(value: &Value) -> String {
    match (field(value, "fd"), field(value, "events")) {
        // The kernel does not look at the events of a descriptor that is none.
        (Some(Value::Fd { value: fd @ ..0, .. }), _) => format!("{{fd={fd}}}"),
        (Some(fd), Some(events)) => format!("{{fd={}, events={}}}", plain(fd), plain(events)),
        _ => plain(value),
    }
}

/// The descriptors of which poll(2) had something to tell.
fn ready(value: &Value) -> String {
    let Value::List { items } = value else { return String::new() };
    let told = items.iter().filter_map(|item| match field(item, "revents")? {
        Value::Named { value: 0, .. } | Value::Opaque => None,
        events => Some(format!("{{fd={}, revents={}}}", plain(field(item, "fd")?), plain(events))),
    });
    listed(told)
}

/// The sets as select(2) left them.
fn selected(event: &Event) -> String {
    let sets = [("readfds", "in"), ("writefds", "out"), ("exceptfds", "except")];
    let told = sets.into_iter().filter_map(|(name, short)| {
        let ready = field(event.arg(name)?, "ready")?;
        match ready {
            Value::List { items } if items.is_empty() => None,
            ready => Some(format!("{short} {}", fd_set(ready))),
        }
    });
    told.collect::<Vec<_>>().join(", ")
}

/// strace tells how much of a timeout is left, which is another time in every run.
fn with_left(text: String, timeout: Option<&Value>) -> String {
    match timeout {
        Some(Value::Struct { .. }) => format!("{text}, left …"),
        _ => text,
    }
}

fn fd_set(value: &Value) -> String {
    match value {
        Value::List { items } => {
            format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(" "))
        }
        other => plain(other),
    }
}

fn epoll_event(value: &Value) -> String {
    let (Some(events), Some(data)) = (field(value, "events"), field(value, "data")) else {
        return plain(value);
    };
    let data = match data {
        Value::Int { value } => format!("{{u32={}, u64={}}}", *value as u32, *value as u64),
        other => plain(other),
    };
    format!("{{events={}, data={data}}}", plain(events))
}

fn action(value: &Value) -> String {
    let restores =
        field(value, "sa_flags").is_some_and(|flags| plain(flags).contains("SA_RESTORER"));
    match restores {
        true => plain(value).replacen('}', ", sa_restorer=…}", 1),
        false => plain(value),
    }
}

/// The names that terminals gave these numbers come first in strace.
fn ioctl_request(value: &Value) -> String {
    let Value::Named { value: number, text } = value else { return plain(value) };
    match &**text {
        "SIOCOUTQ" => "TIOCOUTQ".into(),
        text if text.starts_with("0x") => {
            const DIRECTIONS: [&str; 4] =
                ["_IOC_NONE", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE"];
            let direction = DIRECTIONS[(number >> 30 & 3) as usize];
            let (kind, nr, size) = (number >> 8 & 0xff, number & 0xff, number >> 16 & 0x3fff);
            format!("_IOC({direction}, {kind:#x}, {nr:#x}, {size:#x})")
        }
        text => text.to_owned(),
    }
}

fn is_known_request(event: &Event) -> bool {
    !matches!(event.arg("request"), Some(Value::Named { text, .. }) if text.starts_with("0x"))
}

fn clone(flags: &Value, signal: &Value) -> Vec<String> {
    let flags = plain(flags);
    let shown = match (&*flags, signal) {
        (_, Value::Named { text, .. }) if flags == "0" => text.clone(),
        (_, Value::Named { text, .. }) => format!("{flags}|{text}"),
        _ => flags.clone(),
    };
    let stack = if flags.contains("CLONE_VM") { "…" } else { "NULL" };
    let mut args = vec![format!("child_stack={stack}"), format!("flags={shown}")];
    for (flag, name) in
        [("PARENT_SETTID", "parent_tid"), ("SETTLS", "tls"), ("CHILD_SETTID", "child_tidptr")]
    {
        if flags.contains(flag) {
            args.push(format!("{name}=…"));
        }
    }
    args
}

fn clone3(event: &Event, flags: &Value, signal: &Value) -> Vec<String> {
    let mut text = format!("{{flags={}", plain(flags));
    let thread = plain(flags).contains("CLONE_THREAD");
    if thread {
        text.push_str(", child_tid=…, parent_tid=…");
    }
    let _ = write!(text, ", exit_signal={}, stack=…, stack_size=…", plain(signal));
    if thread {
        text.push_str(", tls=…");
    }
    text.push('}');
    if let (true, Some(ret @ 1..)) = (thread, event.ret) {
        let _ = write!(text, " => {{parent_tid=[{ret}]}}");
    }
    vec![text, "88".into()]
}

#[cfg(test)]
mod tests {
    use super::*;

    // The lines are strace's own, of programs that made these calls.

    fn event(syscall: &'static str, args: Vec<(&'static str, Value)>, ret: i64) -> Event {
        let args = args.into_iter().map(|(name, value)| Arg { name: name.into(), value }).collect();
        Event {
            seq: 1,
            role: "server".into(),
            process: 1,
            thread: 1,
            call: syscall.into(),
            syscall: syscall.into(),
            args,
            ret: Some(ret),
            errno: None,
            socket: None,
            made: None,
            bytes: None,
            state: None,
            blocked: false,
            since: None,
            source: None,
            note: None,
            pid: 10,
            tid: 10,
            at: 0,
        }
    }

    fn failed(mut event: Event, errno: &'static str) -> String {
        (event.ret, event.errno) = (Some(-1), Some(errno.into()));
        line(&event)
    }

    fn int(value: i64) -> Value {
        Value::Int { value }
    }

    fn fd(value: i32) -> Value {
        Value::Fd { value, socket: None }
    }

    fn named(value: u64, text: &str) -> Value {
        Value::Named { value, text: text.into() }
    }

    fn bytes(data: &[u8]) -> Value {
        Value::Bytes(Bytes::new(data))
    }

    fn list<const N: usize>(items: [Value; N]) -> Value {
        Value::List { items: items.into() }
    }

    fn record<const N: usize>(fields: [(&'static str, Value); N]) -> Value {
        let field = |(name, value): (&'static str, Value)| Arg { name: name.into(), value };
        Value::Struct { fields: fields.into_iter().map(field).collect() }
    }

    fn loopback(port: u16) -> Value {
        Value::Addr(SockAddr::Inet { ip: [127, 0, 0, 1].into(), port })
    }

    #[test]
    fn a_recv_is_a_recvfrom_with_two_nulls() {
        let args = vec![
            ("sockfd", fd(3)),
            ("buf", bytes(b"hi")),
            ("len", int(64)),
            ("flags", named(0, "0")),
        ];
        assert_eq!(
            line(&event("recvfrom", args, 2)),
            "recvfrom(3, \"hi\", 64, 0, NULL, NULL)    = 2"
        );
    }

    #[test]
    fn a_short_call_is_filled_up_to_the_column_of_results() {
        let args = vec![("sockfd", fd(3)), ("backlog", int(5))];
        assert_eq!(line(&event("listen", args, 0)), "listen(3, 5)                            = 0");
    }

    #[test]
    fn a_length_that_came_back_different_has_an_arrow() {
        let args = vec![
            ("sockfd", fd(3)),
            ("addr", loopback(47612)),
            ("addrlen", list([int(128), int(16)])),
        ];
        assert_eq!(
            line(&event("accept", args, 6)),
            "accept(3, {sa_family=AF_INET, sin_port=htons(47612), \
             sin_addr=inet_addr(\"127.0.0.1\")}, [128 => 16]) = 6"
        );
    }

    #[test]
    fn an_error_has_its_name_and_its_text() {
        let args = vec![("sockfd", fd(4)), ("addr", loopback(29999)), ("addrlen", int(16))];
        assert_eq!(
            failed(event("connect", args, 0), "ECONNREFUSED"),
            "connect(4, {sa_family=AF_INET, sin_port=htons(29999), sin_addr=inet_addr(\"127.0.0.1\")}, \
             16) = -1 ECONNREFUSED (Connection refused)"
        );
    }

    #[test]
    fn a_call_that_will_be_restarted_has_no_result_yet() {
        assert_eq!(
            failed(event("pause", vec![], 0), "ERESTARTNOHAND"),
            "pause()                                 = ? ERESTARTNOHAND (To be restarted if no handler)"
        );
    }

    #[test]
    fn an_octal_escape_is_long_only_before_an_octal_digit() {
        assert_eq!(quoted(&Bytes::new(b"@\x008\x007")), "\"@\\08\\0007\"");
        let data = b"hi\n\t\"\\\0\x01\x0012\xffz";
        assert_eq!(quoted(&Bytes::new(data)), "\"hi\\n\\t\\\"\\\\\\0\\1\\00012\\377z\"");
    }

    #[test]
    fn a_string_that_was_cut_ends_with_dots() {
        assert_eq!(quoted(&Bytes { len: 9, data: b"abc".to_vec() }), "\"abc\"...");
    }

    #[test]
    fn addresses_are_spelled_as_c_writes_them() {
        let show = |addr: SockAddr, len| sockaddr(&addr, Some(len));
        assert_eq!(show(SockAddr::Unix { path: String::new() }, 2), "{sa_family=AF_UNIX}");
        assert_eq!(
            show(SockAddr::Abstract { name: "abs".into() }, 6),
            "{sa_family=AF_UNIX, sun_path=@\"abs\"}"
        );
        assert_eq!(
            show(SockAddr::Unspec, 16),
            "{sa_family=AF_UNSPEC, sa_data=\"\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\"}"
        );
        assert_eq!(
            show(SockAddr::Netlink { pid: 0, groups: 1 }, 12),
            "{sa_family=AF_NETLINK, nl_pid=0, nl_groups=0x000001}"
        );
        let ip = "fe80::1".parse().expect("an address");
        assert_eq!(
            show(SockAddr::Inet6 { ip, port: 29997, flowinfo: 5, scope: 1 }, 28),
            "{sa_family=AF_INET6, sin6_port=htons(29997), sin6_flowinfo=htonl(5), inet_pton(AF_INET6, \
             \"fe80::1\", &sin6_addr), sin6_scope_id=if_nametoindex(\"lo\")}"
        );
        let packet = SockAddr::Packet {
            protocol: 3,
            ifindex: 1,
            hatype: 772,
            pkttype: 0,
            addr: "000000000000".into(),
        };
        assert_eq!(
            show(packet, 18),
            "{sa_family=AF_PACKET, sa_data=\"\\0\\3\\1\\0\\0\\0\\4\\3\\0\\6\\0\\0\\0\\0\\0\\0\"}"
        );
    }

    #[test]
    fn an_option_has_its_value_in_brackets_and_the_kernels_level() {
        let option = |level, name: (u64, &str), value, len| {
            let args = vec![
                ("sockfd", fd(3)),
                ("level", level),
                ("optname", named(name.0, name.1)),
                ("optval", value),
                ("optlen", int(len)),
            ];
            let text = line(&event("setsockopt", args, 0));
            text.trim_end_matches(" = 0").trim_end().to_owned()
        };
        let socket = || named(1, "SOL_SOCKET");
        assert_eq!(
            option(named(6, "IPPROTO_TCP"), (1, "TCP_NODELAY"), int(1), 4),
            "setsockopt(3, SOL_TCP, TCP_NODELAY, [1], 4)"
        );
        assert_eq!(
            option(
                socket(),
                (20, "SO_RCVTIMEO"),
                record([("tv_sec", int(1)), ("tv_usec", int(500))]),
                16
            ),
            "setsockopt(3, SOL_SOCKET, SO_RCVTIMEO_OLD, \
             \"\\1\\0\\0\\0\\0\\0\\0\\0\\364\\1\\0\\0\\0\\0\\0\\0\", 16)"
        );
        assert_eq!(
            option(socket(), (25, "SO_BINDTODEVICE"), Value::Text { value: "lo".into() }, 3),
            "setsockopt(3, SOL_SOCKET, SO_BINDTODEVICE, \"lo\\0\", 3)"
        );
        assert_eq!(
            option(named(999, "0x3e7"), (3, "0x3"), bytes(&1i32.to_ne_bytes()), 4),
            "setsockopt(3, 0x3e7 /* SOL_?? */, 3, [1], 4)"
        );
    }

    fn received() -> Value {
        let message = record([
            ("cmsg_level", named(1, "SOL_SOCKET")),
            ("cmsg_type", named(1, "SCM_RIGHTS")),
            ("cmsg_data", list([fd(16), fd(17)])),
        ]);
        record([
            ("msg_name", Value::Null),
            ("msg_namelen", list([int(0)])),
            ("msg_iov", list([record([("iov_base", bytes(b"ab")), ("iov_len", int(4))])])),
            ("msg_control", list([message])),
            ("msg_controllen", list([int(200), int(24)])),
            ("msg_flags", named(0x4000_0000, "MSG_CMSG_CLOEXEC")),
        ])
    }

    #[test]
    fn a_message_is_shown_with_its_control_data() {
        let args = vec![("sockfd", fd(15)), ("msg", received()), ("flags", named(0, "0"))];
        assert_eq!(
            line(&event("recvmsg", args, 2)),
            "recvmsg(15, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base=\"ab\", iov_len=4}], \
             msg_iovlen=1, msg_control=[{cmsg_len=24, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, \
             cmsg_data=[16, 17]}], msg_controllen=24, msg_flags=MSG_CMSG_CLOEXEC}, 0) = 2"
        );
    }

    #[test]
    fn of_a_message_that_did_not_come_only_the_length_of_the_name_is_shown() {
        let args = vec![("sockfd", fd(15)), ("msg", received()), ("flags", named(0, "0"))];
        assert_eq!(
            failed(event("recvmsg", args, 0), "EAGAIN"),
            "recvmsg(15, {msg_namelen=0}, 0)         = -1 EAGAIN (Resource temporarily unavailable)"
        );
    }

    #[test]
    fn an_empty_struct_out_of_a_file_stops_nothing() {
        let empty = || record([]);
        let message =
            record([("cmsg_level", int(1)), ("cmsg_type", int(1)), ("cmsg_data", empty())]);
        assert_eq!(control(&message), "{cmsg_len=…, cmsg_level=1, cmsg_type=1, cmsg_data={}}");
        let args = vec![("optval", empty()), ("optlen", int(i64::MIN))];
        assert!(line(&event("setsockopt", args, 0)).starts_with("setsockopt({}, "));
        assert_eq!(sockaddr(&SockAddr::Unspec, Some(i64::MIN)), "{sa_family=AF_UNSPEC}");
    }

    #[test]
    fn a_poll_says_behind_its_result_what_is_ready() {
        let polled = |number, revents| {
            record([("fd", fd(number)), ("events", named(1, "POLLIN")), ("revents", revents)])
        };
        let fds = list([
            polled(3, named(1, "POLLIN")),
            polled(4, named(0, "0")),
            polled(-1, Value::Opaque),
        ]);
        let args = vec![("fds", fds), ("nfds", int(3)), ("timeout", int(-1))];
        assert_eq!(
            line(&event("poll", args, 1)),
            "poll([{fd=3, events=POLLIN}, {fd=4, events=POLLIN}, {fd=-1}], 3, -1) = 1 \
             ([{fd=3, revents=POLLIN}])"
        );
    }

    #[test]
    fn a_select_says_behind_its_result_which_sets_have_some() {
        let set = record([("given", list([fd(4), fd(6)])), ("ready", list([]))]);
        let out = record([("given", list([fd(4)])), ("ready", list([fd(4)]))]);
        let args = vec![
            ("nfds", int(9)),
            ("readfds", set),
            ("writefds", out),
            ("exceptfds", Value::Null),
            ("timeout", Value::Null),
        ];
        assert_eq!(
            line(&event("pselect6", args, 1)),
            "pselect6(9, [4 6], [4], NULL, NULL, NULL) = 1 (out [4])"
        );
    }

    #[test]
    fn the_end_of_a_thread_has_no_result_and_the_end_of_a_process_a_line_of_its_own() {
        let mut end = event("exit_group", vec![("status", int(3))], 0);
        end.ret = None;
        assert_eq!(line(&end), "exit_group(3)                           = ?");
        (end.call, end.syscall) = ("exit".into(), "".into());
        assert_eq!(line(&end), "+++ exited with 3 +++");
    }
}
