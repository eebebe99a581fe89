//! Time in the kernel's answers about the network: when each address was made and last changed.
//!
//! getaddrinfo(3) asks for the addresses of the machine before it answers, so nearly every program receives
//! these stamps, in hundredths of a second since the machine's start.

use crate::decode::{Memory, Raw};

use super::memory::Tracee;

const NEW_ADDRESS: u16 = 20;
const CACHE_INFO: u16 = 6;
/// The lengths of struct nlmsghdr, struct ifaddrmsg and struct rtattr. rtnetlink(7).
const HEADER: usize = 16;
const ADDRESS: usize = 8;
const ATTRIBUTE: usize = 4;

/// Puts zeroes in place of the stamps in what a call received from a NETLINK_ROUTE socket.
pub fn forget_stamps(raw: &Raw, received: i64, memory: Tracee) {
    const MOST: u64 = 1 << 20;
    let word = |at: u64| memory.bytes(at).map(u64::from_le_bytes);
    let room = match raw.nr as libc::c_long {
        libc::SYS_recvfrom => Some((raw.args[1], raw.args[2])),
        // struct msghdr holds msg_iov and msg_iovlen at 16 and 24.
        libc::SYS_recvmsg => {
            // What was received may lie upon the header and leave any address there.
            let vector = word(raw.args[1].wrapping_add(16));
            vector.and_then(|vector| word(vector).zip(word(vector.wrapping_add(8))))
        }
        _ => None,
    };
    let Some((addr, length)) = room else { return };
    // With MSG_TRUNC the call tells more than there was room for.
    let mut bytes = vec![0; length.min(received.max(0) as u64).min(MOST) as usize];
    let got = memory.read(addr, &mut bytes);
    for at in stamps(&bytes[..got]) {
        memory.write(addr.wrapping_add(at as u64), &[0; 8]);
    }
}

/// Where the two stamps of each address stand: ifa_cacheinfo holds them after two times to live.
fn stamps(bytes: &[u8]) -> Vec<usize> {
    let short = |at: usize| Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let long = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let aligned = |length: usize| length.next_multiple_of(4);
    let (mut found, mut at) = (Vec::new(), 0);
    while let (Some(length), Some(kind)) = (long(at), short(at + 4)) {
        let length = length as usize;
        if length < HEADER {
            break;
        }
        let mut attribute = at + HEADER + ADDRESS;
        while kind == NEW_ADDRESS && attribute < at + length {
            let (Some(long), Some(what)) = (short(attribute), short(attribute + 2)) else { break };
            let stamps = attribute + ATTRIBUTE + 8;
            if what == CACHE_INFO && stamps + 8 <= bytes.len() {
                found.push(stamps);
            }
            if usize::from(long) < ATTRIBUTE {
                break;
            }
            attribute += aligned(long.into());
        }
        at += aligned(length);
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    #[test]
    fn the_stamps_of_an_address_are_found() {
        let mut message = vec![0; HEADER + ADDRESS];
        message[4..6].copy_from_slice(&NEW_ADDRESS.to_ne_bytes());
        for (what, length) in [(1u16, 8u16), (CACHE_INFO, 20)] {
            message.extend(length.to_ne_bytes());
            message.extend(what.to_ne_bytes());
            message.extend(vec![7; usize::from(length) - ATTRIBUTE]);
        }
        let length = message.len() as u32;
        message[..4].copy_from_slice(&length.to_ne_bytes());
        let twice = [message.clone(), message].concat();
        let first = HEADER + ADDRESS + 8 + ATTRIBUTE + 8;
        assert_eq!(stamps(&twice), [first, first + length as usize]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), ..Default::default() })]

        #[test]
        fn stamps_lie_within_what_was_received(
            messages in vec((0..200u32, Just(NEW_ADDRESS), vec(any::<(u8, u8)>(), 0..40)), 0..6),
        ) {
            let mut bytes = Vec::new();
            for (length, kind, pairs) in messages {
                bytes.extend([&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &[0; 18]].concat());
                // Attributes that begin as one of the stamps does, of any length.
                bytes.extend(pairs.iter().flat_map(|&(one, other)| [one, 0, other % 8, 0]));
            }
            prop_assert!(stamps(&bytes).iter().all(|at| at + 8 <= bytes.len()));
        }
    }

    #[test]
    fn bytes_that_are_no_messages_hold_no_stamps() {
        for length in 0..64 {
            assert!(stamps(&vec![0; length]).is_empty());
            stamps(&vec![0x14; length]);
        }
    }
}
