//! Calls as registers and memory have them, and what is made of them.

use std::net::Ipv4Addr;

use super::*;
use crate::event::{BYTES_KEPT, SockAddr};

/// Memory made of regions; all else is unmapped.
#[derive(Debug, Default)]
struct Fake(Vec<(u64, Vec<u8>)>);

impl Fake {
    fn with(mut self, addr: u64, bytes: impl AsRef<[u8]>) -> Fake {
        self.0.insert(0, (addr, bytes.as_ref().to_vec()));
        self
    }

    /// Words of 64 bits.
    fn words(self, addr: u64, words: &[u64]) -> Fake {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        self.with(addr, bytes)
    }

    fn ints(self, addr: u64, ints: &[i32]) -> Fake {
        let bytes: Vec<u8> = ints.iter().flat_map(|int| int.to_ne_bytes()).collect();
        self.with(addr, bytes)
    }
}

impl Memory for Fake {
    fn read(&self, addr: u64, buf: &mut [u8]) -> usize {
        let found = self
            .0
            .iter()
            .find(|(start, bytes)| (*start..start + bytes.len() as u64).contains(&addr));
        let Some((start, bytes)) = found else { return 0 };
        let rest = &bytes[(addr - start) as usize..];
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        len
    }
}

const BUF: u64 = 0x10_0000;
const IOV: u64 = 0x20_0000;
const ADDR: u64 = 0x30_0000;
const LEN: u64 = 0x40_0000;
const MSG: u64 = 0x50_0000;
const CONTROL: u64 = 0x60_0000;

const LOOPBACK: [u8; 16] = [2, 0, 0x27, 0x0f, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];

fn raw(nr: libc::c_long, args: &[u64]) -> Raw {
    let mut all = [0; 6];
    all[..args.len()].copy_from_slice(args);
    Raw { nr: nr as u64, args: all }
}

fn call(nr: libc::c_long, args: &[u64], memory: &Fake) -> Call {
    entry(&raw(nr, args), memory)
}

/// A call from entry to exit, in the same memory.
fn done(nr: libc::c_long, args: &[u64], ret: i64, memory: &Fake) -> Call {
    let raw = raw(nr, args);
    let mut call = entry(&raw, memory);
    exit(&mut call, &raw, ret, memory);
    call
}

fn get<'a>(call: &'a Call, name: &str) -> &'a Value {
    &call
        .args
        .iter()
        .find(|arg| arg.name == name)
        .unwrap_or_else(|| panic!("no {name}: {call:?}"))
        .value
}

fn names(call: &Call) -> Vec<&str> {
    call.args.iter().map(|arg| &*arg.name).collect()
}

fn field<'a>(value: &'a Value, name: &str) -> &'a Value {
    match value {
        Value::Struct { fields } => {
            &fields.iter().find(|field| field.name == name).expect("a field").value
        }
        other => panic!("not a struct: {other:?}"),
    }
}

fn items(value: &Value) -> &[Value] {
    match value {
        Value::List { items } => items,
        other => panic!("not a list: {other:?}"),
    }
}

fn int(value: i64) -> Value {
    Value::Int { value }
}

fn bytes(data: &[u8]) -> Value {
    Value::Bytes(Bytes::new(data))
}

fn text(value: &Value) -> &str {
    match value {
        Value::Named { text, .. } => text,
        other => panic!("not named: {other:?}"),
    }
}

fn process(value: u32) -> Value {
    Value::Process { value }
}

fn loopback() -> Value {
    Value::Addr(SockAddr::Inet { ip: Ipv4Addr::LOCALHOST, port: 9999 })
}

/// One message: name, iov of `count` at [`IOV`], control.
fn msghdr(
    name: u64,
    namelen: u64,
    count: u64,
    control: u64,
    controllen: u64,
    flags: u64,
) -> [u64; 7] {
    [name, namelen, IOV, count, control, controllen, flags]
}

// Names and arguments.

#[test]
fn a_socket_is_told_by_its_constants() {
    let call = call(
        libc::SYS_socket,
        &[2, (libc::SOCK_STREAM | libc::SOCK_CLOEXEC) as u64, 0],
        &Fake::default(),
    );
    assert_eq!((&*call.name, &*call.syscall), ("socket", "socket"));
    assert_eq!(text(get(&call, "domain")), "AF_INET");
    assert_eq!(text(get(&call, "type")), "SOCK_STREAM|SOCK_CLOEXEC");
    assert_eq!(text(get(&call, "protocol")), "IPPROTO_IP");
}

#[test]
fn recvfrom_without_an_address_is_recv() {
    let call = call(libc::SYS_recvfrom, &[3, BUF, 64, 0, 0, 0], &Fake::default());
    assert_eq!((&*call.name, &*call.syscall), ("recv", "recvfrom"));
    assert_eq!(names(&call), ["sockfd", "buf", "len", "flags"]);
}

#[test]
fn sendto_without_an_address_is_send() {
    let call = call(libc::SYS_sendto, &[3, BUF, 2, 0, 0, 0], &Fake::default().with(BUF, "hi"));
    assert_eq!((&*call.name, &*call.syscall), ("send", "sendto"));
    assert_eq!(names(&call), ["sockfd", "buf", "len", "flags"]);
    assert_eq!(get(&call, "buf"), &bytes(b"hi"));
}

#[test]
fn a_clone_is_named_after_what_it_makes() {
    let of = |flags: i32| call(libc::SYS_clone, &[flags as u64], &Fake::default()).name;
    assert_eq!(of(libc::CLONE_THREAD | libc::CLONE_VM), "pthread_create");
    assert_eq!(of(libc::SIGCHLD), "fork");
    assert_eq!(of(libc::CLONE_VFORK | libc::CLONE_VM | libc::SIGCHLD), "vfork");
}

#[test]
fn a_clone3_reads_its_flags_from_memory() {
    let memory = Fake::default().words(BUF, &[libc::CLONE_THREAD as u64, 0, 0, 0, 0, 0, 0, 0]);
    let call = call(libc::SYS_clone3, &[BUF, 88], &memory);
    assert_eq!((&*call.name, names(&call)), ("pthread_create", vec!["flags", "exit_signal"]));
}

#[test]
fn an_end_is_named_after_who_ends() {
    assert_eq!(call(libc::SYS_exit, &[0], &Fake::default()).name, "pthread_exit");
    assert_eq!(call(libc::SYS_exit_group, &[3], &Fake::default()).name, "exit");
}

#[test]
fn a_pselect6_without_its_sixth_argument_is_select() {
    let call = call(libc::SYS_pselect6, &[0, 0, 0, 0, 0, 0], &Fake::default());
    assert_eq!(call.name, "select");
}

#[test]
fn a_call_that_is_not_decoded_has_its_name_and_as_many_words_as_it_takes() {
    let call = call(libc::SYS_truncate, &[0x7fff_1234_5678, 7, 99], &Fake::default());
    assert_eq!((&*call.name, names(&call)), ("truncate", vec!["arg1", "arg2"]));
    assert_eq!(get(&call, "arg1"), &Value::Opaque);
    assert_eq!(get(&call, "arg2"), &int(7));
}

#[test]
fn a_word_that_points_somewhere_is_not_shown() {
    let memory = Fake::default().with(BUF, "x");
    let call =
        entry(&Raw { nr: 9999, args: [BUF, BUF + 1, 5, u64::MAX, 0x55d0_0000_1000, 0] }, &memory);
    assert_eq!(call.syscall, "syscall_0x270f");
    let values: Vec<_> = call.args.into_iter().map(|arg| arg.value).collect();
    assert_eq!(
        values,
        [Value::Opaque, int(BUF as i64 + 1), int(5), int(-1), Value::Opaque, int(0)]
    );
}

#[test]
fn pids_are_visited_and_what_is_no_pid_is_not() {
    let mut seen = Vec::new();
    for pid in [7i64, 0, -1, -7] {
        let mut call = call(libc::SYS_kill, &[pid as u64, 15], &Fake::default());
        call.for_each_process(&mut |pid| seen.push(*pid));
    }
    assert_eq!(seen, [7, 7]);
}

#[test]
fn descriptors_are_visited_however_deep_they_lie() {
    let cmsg =
        [&20u64.to_ne_bytes()[..], &1i32.to_ne_bytes(), &1i32.to_ne_bytes(), &9i32.to_ne_bytes()];
    let memory =
        Fake::default().words(MSG, &msghdr(0, 0, 0, CONTROL, 20, 0)).with(CONTROL, cmsg.concat());
    let mut call = call(libc::SYS_sendmsg, &[4, MSG, 0], &memory);
    let mut seen = Vec::new();
    call.for_each_fd(&mut |fd, socket| {
        seen.push(fd);
        *socket = Some(SocketId(1));
    });
    assert_eq!(seen, [4, 9]);
    assert_eq!(get(&call, "sockfd"), &Value::Fd { value: 4, socket: Some(SocketId(1)) });
}

// Addresses.

#[test]
fn accept_fills_the_address_at_its_exit() {
    let memory = Fake::default().with(ADDR, LOOPBACK).ints(LEN, &[16]);
    let before = call(libc::SYS_accept, &[3, ADDR, LEN], &memory);
    assert_eq!(get(&before, "addr"), &Value::Opaque);
    let after = done(libc::SYS_accept, &[3, ADDR, LEN], 4, &memory);
    assert_eq!(get(&after, "addr"), &loopback());
    assert_eq!(items(get(&after, "addrlen")), [int(16)]);
}

#[test]
fn an_address_for_which_there_was_less_room_is_cut_as_accept_cuts_it() {
    let raw = raw(libc::SYS_accept, &[3, ADDR, LEN]);
    let mut call = entry(&raw, &Fake::default().ints(LEN, &[8]));
    exit(&mut call, &raw, 4, &Fake::default().with(ADDR, LOOPBACK).ints(LEN, &[16]));
    let cut = SockAddr::Other { number: 2, data: "270f7f000001".into() };
    assert_eq!(get(&call, "addr"), &Value::Addr(cut));
    assert_eq!(items(get(&call, "addrlen")), [int(8), int(16)]);
}

#[test]
fn a_failed_call_fills_nothing() {
    let memory = Fake::default().with(ADDR, LOOPBACK).ints(LEN, &[16]);
    let call = done(libc::SYS_accept, &[3, ADDR, LEN], -11, &memory);
    assert_eq!(get(&call, "addr"), &Value::Opaque);
}

#[test]
fn accept_may_do_without_an_address() {
    let call = done(libc::SYS_accept, &[3, 0, 0], 4, &Fake::default());
    assert_eq!((get(&call, "addr"), get(&call, "addrlen")), (&Value::Null, &Value::Null));
}

#[test]
fn an_address_longer_than_any_is_not_read() {
    let memory = Fake::default().with(ADDR, [2; 4096]);
    for len in [129, u32::MAX as u64, -1i64 as u64] {
        assert_eq!(get(&call(libc::SYS_connect, &[3, ADDR, len], &memory), "addr"), &Value::Opaque);
    }
}

#[test]
fn an_autobind_is_an_unnamed_unix_address() {
    let call = call(libc::SYS_bind, &[3, ADDR, 2], &Fake::default().with(ADDR, [1, 0, 0x2f]));
    assert_eq!(get(&call, "addr"), &Value::Addr(SockAddr::Unix { path: String::new() }));
}

#[test]
fn a_pair_is_known_once_it_is_made() {
    let memory = Fake::default().ints(BUF, &[5, 6]);
    let call = done(libc::SYS_socketpair, &[1, 1, 0, BUF], 0, &memory);
    let fd = |value| Value::Fd { value, socket: None };
    assert_eq!(items(get(&call, "sv")), [fd(5), fd(6)]);
}

// Data.

#[test]
fn what_a_send_moved_is_the_beginning_of_what_it_was_given() {
    let call =
        done(libc::SYS_sendto, &[3, BUF, 5, 0, 0, 0], 2, &Fake::default().with(BUF, "hello"));
    assert_eq!(get(&call, "buf"), &bytes(b"hello"));
    assert_eq!(call.moved, Some(Bytes::new(b"he")));
}

#[test]
fn what_a_read_moved_is_what_arrived_not_the_room_for_it() {
    let call =
        done(libc::SYS_read, &[3, BUF, 64], 2, &Fake::default().with(BUF, "hi and leftovers"));
    assert_eq!(get(&call, "buf"), &bytes(b"hi"));
    assert_eq!(call.moved, Some(Bytes::new(b"hi")));
}

#[test]
fn end_of_file_moves_no_bytes_and_is_no_error() {
    let call = done(libc::SYS_read, &[3, BUF, 64], 0, &Fake::default().with(BUF, "old"));
    assert_eq!(get(&call, "buf"), &bytes(b""));
    assert_eq!(call.moved, Some(Bytes::default()));
}

#[test]
fn a_failed_call_moves_nothing() {
    let call = done(libc::SYS_write, &[3, BUF, 2], -32, &Fake::default().with(BUF, "hi"));
    assert_eq!(call.moved, None);
}

#[test]
fn a_look_into_the_queue_moves_nothing() {
    let args = [3, BUF, 64, libc::MSG_PEEK as u64, 0, 0];
    let call = done(libc::SYS_recvfrom, &args, 2, &Fake::default().with(BUF, "hi"));
    assert_eq!((get(&call, "buf"), &call.moved), (&bytes(b"hi"), &None));
}

#[test]
fn a_datagram_longer_than_the_room_moves_what_there_was_room_for() {
    let args = [3, BUF, 4, libc::MSG_TRUNC as u64, 0, 0];
    let call = done(libc::SYS_recvfrom, &args, 8, &Fake::default().with(BUF, "datagram"));
    assert_eq!(call.moved, Some(Bytes::new(b"data")));
}

#[test]
fn a_readv_fills_its_pieces_in_turn() {
    let memory = Fake::default()
        .words(IOV, &[BUF, 4, BUF + 8, 4, BUF + 16, 9])
        .with(BUF, "hell....o.......");
    let call = done(libc::SYS_readv, &[3, IOV, 3], 5, &memory);
    let data: Vec<_> =
        items(get(&call, "iov")).iter().map(|item| field(item, "iov_base").clone()).collect();
    assert_eq!(data[..2], [bytes(b"hell"), bytes(b"o")]);
    assert_eq!(call.moved, Some(Bytes::new(b"hello")));
}

#[test]
fn a_short_writev_moves_across_its_pieces() {
    let memory = Fake::default().words(IOV, &[BUF, 2, BUF + 2, 3]).with(BUF, "abcde");
    assert_eq!(done(libc::SYS_writev, &[3, IOV, 2], 3, &memory).moved, Some(Bytes::new(b"abc")));
}

#[test]
fn bytes_after_a_piece_that_cannot_be_read_are_counted_not_kept() {
    let memory = Fake::default().words(IOV, &[BUF, 2, 0x77_0000, 3, BUF, 2]).with(BUF, "ab");
    let moved = done(libc::SYS_writev, &[3, IOV, 3], 7, &memory).moved.expect("data");
    assert_eq!((moved.len, &moved.data[..]), (7, &b"ab"[..]));
}

#[test]
fn of_a_long_buffer_the_beginning_is_kept_and_the_length() {
    let memory = Fake::default().with(BUF, vec![b'x'; 3 * BYTES_KEPT]);
    let moved = done(libc::SYS_write, &[1, BUF, 10000], 9000, &memory).moved.expect("data");
    assert_eq!((moved.len, moved.data.len()), (9000, BYTES_KEPT));
}

#[test]
fn a_sendmsg_shows_address_pieces_and_control_and_not_its_flags() {
    let memory = Fake::default()
        .words(MSG, &msghdr(ADDR, 16, 1, 0, 0, 0xdead))
        .with(ADDR, LOOPBACK)
        .words(IOV, &[BUF, 2])
        .with(BUF, "hi");
    let call = done(libc::SYS_sendmsg, &[3, MSG, 0], 2, &memory);
    let msg = get(&call, "msg");
    assert_eq!(field(msg, "msg_name"), &loopback());
    assert_eq!(field(&items(field(msg, "msg_iov"))[0], "iov_base"), &bytes(b"hi"));
    assert_eq!(field(msg, "msg_control"), &Value::Null);
    assert!(
        !matches!(msg, Value::Struct { fields } if fields.iter().any(|f| f.name == "msg_flags"))
    );
    assert_eq!(call.moved, Some(Bytes::new(b"hi")));
}

#[test]
fn a_length_beside_a_null_name_may_be_uninitialised_and_is_not_shown() {
    let memory = Fake::default().words(MSG, &msghdr(0, 0xdead_beef, 0, 0, 0xdead_beef, 0));
    let call = call(libc::SYS_sendmsg, &[3, MSG, 0], &memory);
    assert_eq!(field(get(&call, "msg"), "msg_namelen"), &int(0));
    assert_eq!(field(get(&call, "msg"), "msg_controllen"), &int(0));
}

#[test]
fn a_recvmsg_has_descriptors_and_credentials_in_its_control_data() {
    let cmsg = |len: u64, type_: i32, data: &[i32]| {
        let mut raw = len.to_ne_bytes().to_vec();
        raw.extend(1i32.to_ne_bytes());
        raw.extend(type_.to_ne_bytes());
        raw.extend(data.iter().flat_map(|value| value.to_ne_bytes()));
        raw.resize(raw.len().next_multiple_of(8), 0xee);
        raw
    };
    let control = [cmsg(28, 2, &[77, 1, 2]), cmsg(24, 1, &[8, 9])].concat();
    let before =
        Fake::default().words(MSG, &msghdr(0, 0, 1, CONTROL, 200, 0)).words(IOV, &[BUF, 9]);
    let after = Fake::default()
        .words(MSG, &msghdr(0, 0, 1, CONTROL, control.len() as u64, libc::MSG_CTRUNC as u64))
        .words(IOV, &[BUF, 9])
        .with(BUF, "x")
        .with(CONTROL, &control);
    let raw = raw(libc::SYS_recvmsg, &[3, MSG, 0]);
    let mut call = entry(&raw, &before);
    exit(&mut call, &raw, 1, &after);
    let msg = get(&call, "msg");
    let messages = items(field(msg, "msg_control"));
    assert_eq!(text(field(&messages[0], "cmsg_type")), "SCM_CREDENTIALS");
    assert_eq!(field(field(&messages[0], "cmsg_data"), "pid"), &process(77));
    assert_eq!(items(field(&messages[1], "cmsg_data")).len(), 2);
    assert_eq!(text(field(msg, "msg_flags")), "MSG_CTRUNC");
    assert_eq!(items(field(msg, "msg_controllen")), [int(200), int(56)]);
}

#[test]
fn a_control_message_that_claims_to_be_longer_than_its_buffer_ends_with_it() {
    let mut cmsg = u64::MAX.to_ne_bytes().to_vec();
    cmsg.extend([1, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0]);
    let memory = Fake::default().words(MSG, &msghdr(0, 0, 0, CONTROL, 20, 0)).with(CONTROL, cmsg);
    let call = call(libc::SYS_sendmsg, &[3, MSG, 0], &memory);
    assert_eq!(items(field(get(&call, "msg"), "msg_control")).len(), 1);
}

#[test]
fn a_control_message_of_no_length_ends_the_list() {
    let memory =
        Fake::default().words(MSG, &msghdr(0, 0, 0, CONTROL, 64, 0)).with(CONTROL, [0; 64]);
    let call = call(libc::SYS_sendmsg, &[3, MSG, 0], &memory);
    assert_eq!(items(field(get(&call, "msg"), "msg_control")), []);
}

#[test]
fn a_recvmmsg_has_as_many_messages_as_came() {
    let header = |len: u64| [&msghdr(0, 0, 1, 0, 0, 0)[..], &[len]].concat();
    let memory = Fake::default()
        .words(MSG, &[header(2), header(1), header(0)].concat())
        .words(IOV, &[BUF, 4])
        .with(BUF, "abcd");
    let call = done(libc::SYS_recvmmsg, &[3, MSG, 3, 0, 0], 2, &memory);
    let lengths: Vec<_> =
        items(get(&call, "msgvec")).iter().map(|msg| field(msg, "msg_len").clone()).collect();
    assert_eq!(lengths, [int(2), int(1)]);
    assert_eq!(call.moved, Some(Bytes::new(b"aba")));
}

#[test]
fn a_sendmmsg_moves_what_each_message_says() {
    let header = |len: u64| [&msghdr(0, 0, 1, 0, 0, 0)[..], &[len]].concat();
    let memory = Fake::default()
        .words(MSG, &[header(4), header(0)].concat())
        .words(IOV, &[BUF, 4])
        .with(BUF, "abcd");
    let call = done(libc::SYS_sendmmsg, &[3, MSG, 2, 0], 1, &memory);
    assert_eq!(items(get(&call, "msgvec")).len(), 2);
    assert_eq!(call.moved, Some(Bytes::new(b"abcd")));
}

#[test]
fn a_sendfile_moves_no_bytes_of_the_program_but_its_offset() {
    let raw = raw(libc::SYS_sendfile, &[4, 3, LEN, 10]);
    let mut call = entry(&raw, &Fake::default().words(LEN, &[2]));
    exit(&mut call, &raw, 10, &Fake::default().words(LEN, &[12]));
    assert_eq!((items(get(&call, "offset")), &call.moved), (&[int(2), int(12)][..], &None));
}

// Options.

#[test]
fn an_option_is_told_by_level_name_and_value() {
    let memory = Fake::default().ints(BUF, &[1]);
    let call = call(libc::SYS_setsockopt, &[3, 6, 1, BUF, 4], &memory);
    assert_eq!(text(get(&call, "level")), "IPPROTO_TCP");
    assert_eq!(text(get(&call, "optname")), "TCP_NODELAY");
    assert_eq!(get(&call, "optval"), &int(1));
}

#[test]
fn a_timeout_and_a_linger_are_structs() {
    let memory = Fake::default().words(BUF, &[1, 500]);
    let call = call(libc::SYS_setsockopt, &[3, 1, 20, BUF, 16], &memory);
    assert_eq!(text(get(&call, "optname")), "SO_RCVTIMEO");
    assert_eq!(field(get(&call, "optval"), "tv_usec"), &int(500));
    let memory = Fake::default().ints(BUF, &[1, 5]);
    let call = done(libc::SYS_getsockopt, &[3, 1, 13, BUF, LEN], 0, &memory.ints(LEN, &[8]));
    assert_eq!(field(get(&call, "optval"), "l_linger"), &int(5));
}

#[test]
fn so_error_is_an_error_by_name() {
    let memory = Fake::default().ints(BUF, &[111]).ints(LEN, &[4]);
    let call = done(libc::SYS_getsockopt, &[3, 1, 4, BUF, LEN], 0, &memory);
    assert_eq!(text(get(&call, "optval")), "ECONNREFUSED");
}

/// What setsockopt(2) is given as `optval`.
fn set(level: u64, option: u64, ints: &[u32]) -> Value {
    let raw: Vec<u8> = ints.iter().flat_map(|int| int.to_ne_bytes()).collect();
    let length = raw.len() as u64;
    let call = call(
        libc::SYS_setsockopt,
        &[3, level, option, BUF, length],
        &Fake::default().with(BUF, raw),
    );
    get(&call, "optval").clone()
}

#[test]
fn a_number_that_stands_for_something_is_told_by_name() {
    for (level, option, value, name) in [
        (0, 10, 2, "IP_PMTUDISC_DO"),
        (0, 1, 0x18, "IPTOS_LOWDELAY|IPTOS_THROUGHPUT"),
        (1, 37, 0x88, "SOF_TIMESTAMPING_RX_SOFTWARE|SOF_TIMESTAMPING_OPT_ID"),
        (6, 19, u32::MAX, "TCP_REPAIR_OFF_NO_WP"),
        (6, 20, 1, "TCP_RECV_QUEUE"),
        (17, 100, 2, "UDP_ENCAP_ESPINUDP"),
        (41, 23, 3, "IPV6_PMTUDISC_PROBE"),
        (41, 72, 0x802, "IPV6_PREFER_SRC_PUBLIC|IPV6_PREFER_SRC_NONCGA"),
        (263, 10, 2, "TPACKET_V3"),
        // What has no name is shown as it is.
        (0, 10, 99, "0x63"),
        (0, 1, 0xb8, "IPTOS_LOWDELAY|IPTOS_THROUGHPUT|0xa0"),
    ] {
        assert_eq!(text(&set(level, option, &[value])), name, "{level}, {option}");
    }
    let [group, interface, source] = [[239, 0, 0, 1], [127, 0, 0, 1], [10, 0, 0, 1]];
    let addresses = [group, interface, source].map(u32::from_ne_bytes);
    let source = set(0, 39, &addresses);
    assert_eq!(field(&source, "imr_sourceaddr"), &Value::Text { value: "10.0.0.1".into() });
    assert_eq!(field(&set(0, 51, &[0xea60_9c40]), "highest"), &int(60000));
    let filter = set(0, 41, &[addresses[0], addresses[1], 1, 2, addresses[2]]);
    assert_eq!(text(field(&filter, "imsf_fmode")), "MCAST_INCLUDE");
    assert_eq!(items(field(&filter, "imsf_slist")).len(), 1);
    assert_eq!(text(field(&set(1, 61, &[1, 2]), "flags")), "SOF_TXTIME_REPORT_ERRORS");
    assert_eq!(text(field(&set(263, 1, &[2, 1, 0, 0]), "mr_type")), "PACKET_MR_PROMISC");
    assert_eq!(text(field(&set(263, 18, &[0x1001_0007]), "type")), "PACKET_FANOUT_LB");
}

#[test]
fn a_group_is_joined_by_interface_and_address() {
    let mut raw = vec![0u8; 136];
    (raw[0], raw[8]) = (1, libc::AF_INET as u8);
    raw[12..16].copy_from_slice(&[239, 0, 0, 1]);
    let memory = Fake::default().with(BUF, raw);
    let joined = call(libc::SYS_setsockopt, &[3, 0, 42, BUF, 136], &memory);
    let group = field(get(&joined, "optval"), "gr_group");
    assert!(matches!(group, Value::Addr(addr) if addr.to_string() == "239.0.0.1:0"), "{group:?}");
    let short = call(libc::SYS_setsockopt, &[3, 0, 42, BUF, 100], &memory);
    assert!(matches!(get(&short, "optval"), Value::Bytes(_)), "too short for one");
}

#[test]
fn an_unknown_option_is_its_bytes() {
    let memory = Fake::default().with(BUF, "abc");
    let call = call(libc::SYS_setsockopt, &[3, 999, 5, BUF, 3], &memory);
    assert_eq!(text(get(&call, "optname")), "0x5");
    assert_eq!(get(&call, "optval"), &bytes(b"abc"));
}

#[test]
fn a_string_option_ends_at_its_zero_byte() {
    let memory = Fake::default().with(BUF, "reno\0\0\0\0\0\0\0\0\0\0\0\0").ints(LEN, &[16]);
    let call = done(libc::SYS_getsockopt, &[3, 6, 13, BUF, LEN], 0, &memory);
    assert_eq!(get(&call, "optval"), &Value::Text { value: "reno".into() });
}

#[test]
fn an_option_cut_short_is_shown_as_bytes_not_guessed() {
    let memory = Fake::default().with(BUF, "\x01\0").ints(LEN, &[2]);
    let call = done(libc::SYS_getsockopt, &[3, 1, 13, BUF, LEN], 0, &memory);
    assert_eq!(get(&call, "optval"), &bytes(b"\x01\0"));
}

#[test]
fn the_flags_of_a_descriptor_are_told_by_name() {
    let call =
        call(libc::SYS_fcntl, &[3, 4, (libc::O_RDWR | libc::O_NONBLOCK) as u64], &Fake::default());
    assert_eq!(text(get(&call, "cmd")), "F_SETFL");
    assert_eq!(text(get(&call, "arg")), "O_RDWR|O_NONBLOCK");
}

#[test]
fn a_command_without_an_argument_shows_none() {
    let call = call(libc::SYS_fcntl, &[3, 3, 0x7fff_dead_beef], &Fake::default());
    assert_eq!(names(&call), ["fd", "cmd"]);
}

#[test]
fn fionread_is_known_at_the_exit() {
    let memory = Fake::default().ints(BUF, &[5]);
    assert_eq!(get(&call(libc::SYS_ioctl, &[3, 0x541b, BUF], &memory), "argp"), &Value::Opaque);
    assert_eq!(get(&done(libc::SYS_ioctl, &[3, 0x541b, BUF], 0, &memory), "argp"), &int(5));
}

// Waiting.

#[cfg(target_arch = "x86_64")]
#[test]
fn a_poll_says_what_was_asked_and_what_is_ready() {
    let memory =
        Fake::default().with(BUF, [3, 0, 0, 0, 1, 0, 1, 0, 255, 255, 255, 255, 4, 0, 0, 0]);
    let call = done(libc::SYS_poll, &[BUF, 2, -1i64 as u64], 1, &memory);
    let fds = items(get(&call, "fds"));
    assert_eq!(field(&fds[0], "fd"), &Value::Fd { value: 3, socket: None });
    assert_eq!(text(field(&fds[0], "revents")), "POLLIN");
    assert_eq!(field(&fds[1], "fd"), &Value::Fd { value: -1, socket: None });
    assert_eq!(get(&call, "timeout"), &int(-1));
}

#[test]
fn a_set_of_select_has_the_descriptors_given_and_those_ready() {
    let raw = raw(libc::SYS_pselect6, &[70, BUF, 0, 0, 0, 0]);
    let mut call = entry(&raw, &Fake::default().words(BUF, &[0b1000, 0b100000]));
    exit(&mut call, &raw, 1, &Fake::default().words(BUF, &[0, 0b100000]));
    let fd = |value| Value::Fd { value, socket: None };
    assert_eq!(items(field(get(&call, "readfds"), "given")), [fd(3), fd(69)]);
    assert_eq!(items(field(get(&call, "readfds"), "ready")), [fd(69)]);
    assert_eq!(get(&call, "writefds"), &Value::Null);
}

fn epoll_data(data: u64, memory: Fake) -> Value {
    let mut event = 1u32.to_ne_bytes().to_vec();
    event.resize(if cfg!(target_arch = "x86_64") { 4 } else { 8 }, 0);
    event.extend(data.to_ne_bytes());
    let call = call(libc::SYS_epoll_ctl, &[3, 1, 4, ADDR], &memory.with(ADDR, event));
    field(get(&call, "event"), "data").clone()
}

#[test]
fn the_data_of_an_epoll_event_is_a_number_unless_it_is_a_pointer() {
    assert_eq!(epoll_data(4, Fake::default()), int(4));
    assert_eq!(epoll_data(0x7ffc_1234_5678, Fake::default()), Value::Opaque);
    assert_eq!(epoll_data(BUF, Fake::default().with(BUF, "x")), Value::Opaque);
}

#[test]
fn half_a_pointer_left_over_in_an_epoll_event_is_not_shown() {
    assert_eq!(epoll_data(0x7ffc_0000_0004, Fake::default()), int(4));
}

#[test]
fn an_epoll_wait_without_a_mask_is_epoll_wait() {
    let call = done(libc::SYS_epoll_pwait, &[3, BUF, 10, 0, 0, 8], 0, &Fake::default());
    assert_eq!((&*call.name, &*call.syscall), ("epoll_wait", "epoll_pwait"));
    assert_eq!(items(get(&call, "events")), []);
}

#[test]
fn a_set_of_signals_is_told_by_what_is_in_it_or_by_what_is_not() {
    assert_eq!(constants::sigset(1 << (libc::SIGINT - 1) | 1 << 35), "[INT RT_4]");
    assert_eq!(constants::sigset(!(1 << (libc::SIGKILL - 1))), "~[KILL]");
    assert_eq!(constants::sigset(0), "[]");
}

// Processes.

#[test]
fn a_status_is_told_by_its_macros() {
    let of = |status: i32| {
        let call = done(
            libc::SYS_wait4,
            &[-1i64 as u64, BUF, 0, 0],
            5,
            &Fake::default().ints(BUF, &[status]),
        );
        assert_eq!(call.name, "waitpid");
        text(get(&call, "wstatus")).to_owned()
    };
    assert_eq!(of(3 << 8), "WIFEXITED(s) && WEXITSTATUS(s) == 3");
    assert_eq!(of(13), "WIFSIGNALED(s) && WTERMSIG(s) == SIGPIPE");
}

#[test]
fn nobody_has_ended_and_so_there_is_no_status() {
    let memory = Fake::default().ints(BUF, &[0x77]);
    let call = done(libc::SYS_wait4, &[-1i64 as u64, BUF, 1, 0], 0, &memory);
    assert_eq!(get(&call, "wstatus"), &Value::Opaque);
}

#[test]
fn an_execve_shows_its_strings() {
    let memory =
        Fake::default().with(BUF, "/bin/true\0true\0-x\0").words(IOV, &[BUF + 10, BUF + 15, 0]);
    let call = call(libc::SYS_execve, &[BUF, IOV, 0], &memory);
    let text = |value: &str| Value::Text { value: value.into() };
    assert_eq!(get(&call, "pathname"), &text("/bin/true"));
    assert_eq!(items(get(&call, "argv")), [text("true"), text("-x")]);
}

// Programs that mean ill.

#[test]
fn a_length_beyond_all_memory_reads_no_more_than_is_kept() {
    let memory = Fake::default().with(BUF, vec![b'x'; 100_000]);
    let call = done(libc::SYS_write, &[3, BUF, 1 << 40], 1 << 30, &memory);
    let Value::Bytes(given) = get(&call, "buf") else { panic!("{call:?}") };
    assert_eq!((given.len, given.data.len()), (1 << 40, BYTES_KEPT));
    assert_eq!(call.moved.expect("data").len, 1 << 30);
}

#[test]
fn more_pieces_than_the_kernel_takes_are_not_looked_at() {
    let memory = Fake::default().words(IOV, &[BUF, 1]);
    for count in [1025, u64::MAX, 1 << 40] {
        assert_eq!(get(&call(libc::SYS_writev, &[3, IOV, count], &memory), "iov"), &Value::Opaque);
    }
}

/// A memory that is there wherever one looks, and counts what is read.
struct Endless(std::cell::Cell<usize>, u8);

impl Memory for Endless {
    fn read(&self, _addr: u64, buf: &mut [u8]) -> usize {
        self.0.set(self.0.get() + buf.len());
        buf.fill(self.1);
        buf.len()
    }
}

#[test]
fn messages_without_end_cost_a_bounded_number_of_bytes() {
    for nr in [
        libc::SYS_sendmmsg,
        libc::SYS_recvmmsg,
        libc::SYS_execve,
        libc::SYS_ppoll,
        libc::SYS_preadv,
    ] {
        for fill in [1, 4, 255] {
            let memory = Endless(0.into(), fill);
            let raw = raw(nr, &[BUF, BUF, 1024, BUF, BUF, BUF]);
            let mut call = entry(&raw, &memory);
            exit(&mut call, &raw, 1024, &memory);
            assert!(memory.0.get() < 1 << 20, "{nr} read {} bytes", memory.0.get());
        }
    }
}

#[test]
fn a_memory_that_claims_to_have_read_more_than_was_asked_is_not_believed() {
    struct Liar;
    impl Memory for Liar {
        fn read(&self, _addr: u64, _buf: &mut [u8]) -> usize {
            usize::MAX
        }
    }
    let call = entry(&raw(libc::SYS_write, &[1, BUF, 3]), &Liar);
    assert_eq!(get(&call, "buf"), &bytes(&[0, 0, 0]));
}
