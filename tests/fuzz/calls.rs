//! Whatever stands in a program's registers and memory is decoded, within the bounds that `decode::memory` sets.

use std::ops::Range;

use proptest::prelude::*;
use socket_lab::decode::{Memory, Raw, entry, exit, messages, netlink, sockaddr};
use socket_lab::event::BYTES_KEPT;

use crate::hold;

/// The decoder reads sixteen times [`BYTES_KEPT`] at the entry and as much at the exit; a value takes more room than
/// the bytes that it is made of.
const MOST: isize = 2 << 20;

/// Where the program's memory is: as much lies again at the very end of the address space, where sums of addresses
/// overflow.
const START: u64 = 0x10_0000;
const SIZE: usize = 8192;

#[test]
fn nothing_that_a_program_can_do_stops_the_decoder() {
    let registers = prop::array::uniform6(word());
    let returned = prop_oneof![-600i64..600, any::<i64>()];
    let call = (number(), registers, returned, memory(), prop::option::of(memory()));
    hold(4000, call, (2, MOST), |(nr, args, returned, before, after)| {
        let raw = Raw { nr: *nr, args: *args };
        let mut call = entry(&raw, before);
        let after = after.as_ref().unwrap_or(before);
        exit(&mut call, &raw, *returned, after);
        netlink(&mut call.clone(), &raw, *returned, "NETLINK_ROUTE", after);
        call.for_each_fd(&mut |_, _| {});
        call.for_each_process(&mut |_| {});
        if let Some(moved) = &call.moved {
            assert!(moved.data.len() <= BYTES_KEPT && moved.data.len() as u64 <= moved.len);
        }
        call.name != "syscall"
    });
}

#[test]
fn any_bytes_are_an_address_if_they_have_a_family() {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..140),
        (family(), prop::collection::vec(any::<u8>(), 0..140)).prop_map(|(family, rest)| [
            family.to_ne_bytes().to_vec(),
            rest
        ]
        .concat()),
    ];
    hold(4000, bytes, (2, 4096), |bytes| {
        assert_eq!(sockaddr(bytes).is_some(), bytes.len() >= 2);
        bytes.len() >= 2
    });
}

#[test]
fn any_bytes_are_messages_as_far_as_there_are_headers() {
    let header = (0..90u32, prop_oneof![0..40u16, any::<u16>()], any::<[u8; 8]>());
    let body = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        // Attributes of any length, of types that are looked for.
        prop::collection::vec((0..12u8, 0..4u8), 0..15).prop_map(|all| all
            .into_iter()
            .flat_map(|(length, kind)| [length, 0, kind, 0])
            .collect()),
    ];
    let message = (header, body).prop_map(|((length, kind, rest), body)| {
        [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &rest[..2], &rest, &body].concat()
    });
    let bytes = prop::collection::vec(message, 0..5).prop_map(|all| all.concat());
    hold(4000, bytes, (2, 1 << 16), |bytes| {
        let protocols = ["NETLINK_ROUTE", "NETLINK_SOCK_DIAG", "NETLINK_GENERIC"];
        let found = protocols.map(|protocol| messages(bytes, protocol).len());
        assert!(found[0] == found[1] && found[1] == found[2] && found[0] * 16 <= bytes.len());
        found[0] > 0
    });
}

struct Fake(Vec<u8>);

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words = self.0.chunks(8).enumerate().filter(|(_, word)| word.iter().any(|&it| it != 0));
        f.debug_map().entries(words.map(|(at, word)| (START + 8 * at as u64, word))).finish()
    }
}

impl Memory for Fake {
    fn read(&self, addr: u64, buf: &mut [u8]) -> usize {
        let mapped =
            |range: Range<u64>| range.contains(&addr).then(|| (addr - range.start) as usize);
        let size = self.0.len() as u64;
        let Some(at) = mapped(START..START + size).or_else(|| mapped(u64::MAX - size..u64::MAX))
        else {
            return 0;
        };
        let len = buf.len().min(self.0.len() - at);
        buf[..len].copy_from_slice(&self.0[at..at + len]);
        len
    }
}

/// The calls that are decoded, the others, and what is none.
fn number() -> impl Strategy<Value = u64> {
    let decoded: Vec<u64> = DECODED
        .split_whitespace()
        .filter_map(|name| name.parse::<syscalls::Sysno>().ok())
        .map(|nr| nr as u64)
        .collect();
    prop_oneof![
        8 => prop::sample::select(decoded),
        2 => 0u64..470,
        1 => prop_oneof![Just(u64::MAX), any::<u64>()],
    ]
}

const DECODED: &str = "accept accept4 bind connect getsockname getpeername getsockopt setsockopt fcntl ioctl \
    socketpair pipe2 sendto recvfrom sendmsg recvmsg sendmsg recvmsg sendmmsg recvmmsg readv writev preadv2 pwritev2 \
    read write sendfile splice poll ppoll select pselect6 epoll_ctl epoll_wait epoll_pwait2 execve execveat openat \
    clone clone3 wait4 waitid rt_sigaction rt_sigprocmask rt_sigtimedwait timerfd_settime timerfd_gettime setitimer \
    futex signalfd4 io_uring_setup ptrace kill";

/// Registers that are small, that are negative, that lead to memory, or that are anything.
fn word() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0u64..70,
        6 => (0..SIZE as u64 / 8).prop_map(|at| START + 8 * at),
        1 => (0..SIZE as u64).prop_map(|at| START + at),
        1 => (0..SIZE as u64).prop_map(|back| u64::MAX - back),
        1 => (0u64..70).prop_map(u64::wrapping_neg),
        1 => prop::sample::select(vec![u32::MAX as u64, 1 << 31, 1 << 63, i64::MAX as u64, 4096, 1024]),
        1 => any::<u64>(),
    ]
}

fn family() -> impl Strategy<Value = u16> {
    prop_oneof![prop::sample::select(vec![0u16, 1, 2, 10, 16, 17]), any::<u16>()]
}

/// Memory in which words, addresses, control messages and vectors stand one behind the other, at multiples of eight.
fn memory() -> impl Strategy<Value = Fake> {
    let words = prop::collection::vec(word(), 1..16)
        .prop_map(|words| words.iter().flat_map(|word| word.to_ne_bytes()).collect());
    let pairs = prop::collection::vec(any::<(i32, i16, i16)>(), 1..16).prop_map(|all| {
        let pair = |(fd, one, two): &(i32, i16, i16)| {
            [fd.to_ne_bytes().to_vec(), one.to_ne_bytes().into(), two.to_ne_bytes().into()].concat()
        };
        all.iter().flat_map(pair).collect()
    });
    let bytes = || prop::collection::vec(any::<u8>(), 0..64);
    let address = (family(), bytes())
        .prop_map(|(family, rest)| [family.to_ne_bytes().to_vec(), rest].concat());
    let kind = prop::sample::select(vec![
        (1, 1),
        (1, 2),
        (1, 29),
        (0, 2),
        (0, 8),
        (0, 11),
        (41, 50),
        (41, 25),
        (17, 104),
    ]);
    let kind = prop_oneof![4 => kind, 1 => any::<(i32, i32)>()];
    let length = prop_oneof![4 => 0u64..80, 1 => any::<u64>()];
    let control =
        (length, kind, bytes()).prop_map(|(length, (level, type_), data): (_, (i32, i32), _)| {
            let parts = [
                length.to_ne_bytes().to_vec(),
                level.to_ne_bytes().into(),
                type_.to_ne_bytes().into(),
                data,
            ];
            parts.concat()
        });
    let text = "[a-z/é]{0,40}".prop_map(|text| [text.as_bytes(), b"\0"].concat());
    let piece = prop_oneof![
        6 => words,
        2 => pairs,
        2 => address,
        3 => control,
        1 => text,
        1 => prop::collection::vec(any::<u8>(), 0..256),
    ];
    // Short patterns over and over: what one record does, thousands of them do.
    (prop::collection::vec(piece, 1..12), any::<bool>()).prop_map(
        |(pieces, over): (Vec<Vec<u8>>, _)| {
            let mut all = Vec::with_capacity(SIZE);
            for piece in pieces {
                all.extend(piece);
                all.resize(all.len().next_multiple_of(8), 0);
            }
            let length = if over { SIZE } else { all.len() };
            Fake(all.into_iter().cycle().take(length).collect())
        },
    )
}
