//! The names of what options are set to, where a number stands for something: `IP_PMTUDISC_DO`.
//!
//! Sources: socket(7), ip(7), ipv6(7), tcp(7), udp(7), packet(7), and the kernel's headers, which the tests hold all
//! names of options and values to, where they are installed.

use super::constants::{DOMAINS, Names};

/// What the number says that an option is set to.
#[derive(Clone, Copy)]
pub(super) enum Meaning {
    One(Names),
    /// Any of these together.
    Some(Names),
}

/// The names of an option's values; `None`: it is set to a number, to yes or no, or to more than a number.
pub(super) fn meaning(level: i32, option: i32) -> Option<Meaning> {
    Some(match (level, option) {
        (libc::SOL_SOCKET, 37 | 65) => Meaning::Some(TIMESTAMPING),
        (libc::SOL_SOCKET, 72) => Meaning::Some(BUFFER_LOCKS),
        (libc::SOL_SOCKET, 74) => Meaning::One(REHASHING),
        (libc::IPPROTO_IP, libc::IP_TOS) => Meaning::Some(SERVICE),
        (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER) => Meaning::One(PATH_MTU),
        (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER) => Meaning::One(PATH_MTU_6),
        (libc::IPPROTO_IPV6, libc::IPV6_ADDRFORM) => Meaning::One(DOMAINS),
        (libc::IPPROTO_IPV6, 72) => Meaning::Some(PREFERENCES),
        (libc::IPPROTO_TCP, libc::TCP_REPAIR) => Meaning::One(REPAIR),
        (libc::IPPROTO_TCP, libc::TCP_REPAIR_QUEUE) => Meaning::One(REPAIR_QUEUES),
        (libc::IPPROTO_UDP, 100) => Meaning::One(ENCAPSULATIONS),
        (libc::SOL_PACKET, libc::PACKET_VERSION) => Meaning::One(RING_VERSIONS),
        (libc::SOL_PACKET, libc::PACKET_TIMESTAMP) => Meaning::Some(TIMESTAMPING),
        _ => return None,
    })
}

pub(super) const TIMESTAMPING: Names = &[
    (1, "SOF_TIMESTAMPING_TX_HARDWARE"),
    (1 << 1, "SOF_TIMESTAMPING_TX_SOFTWARE"),
    (1 << 2, "SOF_TIMESTAMPING_RX_HARDWARE"),
    (1 << 3, "SOF_TIMESTAMPING_RX_SOFTWARE"),
    (1 << 4, "SOF_TIMESTAMPING_SOFTWARE"),
    (1 << 5, "SOF_TIMESTAMPING_SYS_HARDWARE"),
    (1 << 6, "SOF_TIMESTAMPING_RAW_HARDWARE"),
    (1 << 7, "SOF_TIMESTAMPING_OPT_ID"),
    (1 << 8, "SOF_TIMESTAMPING_TX_SCHED"),
    (1 << 9, "SOF_TIMESTAMPING_TX_ACK"),
    (1 << 10, "SOF_TIMESTAMPING_OPT_CMSG"),
    (1 << 11, "SOF_TIMESTAMPING_OPT_TSONLY"),
    (1 << 12, "SOF_TIMESTAMPING_OPT_STATS"),
    (1 << 13, "SOF_TIMESTAMPING_OPT_PKTINFO"),
    (1 << 14, "SOF_TIMESTAMPING_OPT_TX_SWHW"),
    (1 << 15, "SOF_TIMESTAMPING_BIND_PHC"),
    (1 << 16, "SOF_TIMESTAMPING_OPT_ID_TCP"),
    (1 << 17, "SOF_TIMESTAMPING_OPT_RX_FILTER"),
    (1 << 18, "SOF_TIMESTAMPING_TX_COMPLETION"),
];

pub(super) const TRANSMIT_TIME: Names =
    &[(1, "SOF_TXTIME_DEADLINE_MODE"), (1 << 1, "SOF_TXTIME_REPORT_ERRORS")];

const BUFFER_LOCKS: Names = &[(1, "SOCK_SNDBUF_LOCK"), (2, "SOCK_RCVBUF_LOCK")];

const REHASHING: Names =
    &[(0, "SOCK_TXREHASH_DISABLED"), (1, "SOCK_TXREHASH_ENABLED"), (255, "SOCK_TXREHASH_DEFAULT")];

const SERVICE: Names = &[
    (0x10, "IPTOS_LOWDELAY"),
    (0x08, "IPTOS_THROUGHPUT"),
    (0x04, "IPTOS_RELIABILITY"),
    (0x02, "IPTOS_MINCOST"),
];

const PATH_MTU: Names = &[
    (0, "IP_PMTUDISC_DONT"),
    (1, "IP_PMTUDISC_WANT"),
    (2, "IP_PMTUDISC_DO"),
    (3, "IP_PMTUDISC_PROBE"),
    (4, "IP_PMTUDISC_INTERFACE"),
    (5, "IP_PMTUDISC_OMIT"),
];

const PATH_MTU_6: Names = &[
    (0, "IPV6_PMTUDISC_DONT"),
    (1, "IPV6_PMTUDISC_WANT"),
    (2, "IPV6_PMTUDISC_DO"),
    (3, "IPV6_PMTUDISC_PROBE"),
    (4, "IPV6_PMTUDISC_INTERFACE"),
    (5, "IPV6_PMTUDISC_OMIT"),
];

const PREFERENCES: Names = &[
    (0x0001, "IPV6_PREFER_SRC_TMP"),
    (0x0002, "IPV6_PREFER_SRC_PUBLIC"),
    (0x0100, "IPV6_PREFER_SRC_PUBTMP_DEFAULT"),
    (0x0004, "IPV6_PREFER_SRC_COA"),
    (0x0400, "IPV6_PREFER_SRC_HOME"),
    (0x0008, "IPV6_PREFER_SRC_CGA"),
    (0x0800, "IPV6_PREFER_SRC_NONCGA"),
];

const REPAIR: Names =
    &[(1, "TCP_REPAIR_ON"), (0, "TCP_REPAIR_OFF"), (-1i32 as u32 as u64, "TCP_REPAIR_OFF_NO_WP")];

const REPAIR_QUEUES: Names = &[(0, "TCP_NO_QUEUE"), (1, "TCP_RECV_QUEUE"), (2, "TCP_SEND_QUEUE")];

const ENCAPSULATIONS: Names = &[
    (1, "UDP_ENCAP_ESPINUDP_NON_IKE"),
    (2, "UDP_ENCAP_ESPINUDP"),
    (3, "UDP_ENCAP_L2TPINUDP"),
    (4, "UDP_ENCAP_GTP0"),
    (5, "UDP_ENCAP_GTP1U"),
    (6, "UDP_ENCAP_RXRPC"),
];

const RING_VERSIONS: Names = &[(0, "TPACKET_V1"), (1, "TPACKET_V2"), (2, "TPACKET_V3")];

pub(super) const FANOUTS: Names = &[
    (0, "PACKET_FANOUT_HASH"),
    (1, "PACKET_FANOUT_LB"),
    (2, "PACKET_FANOUT_CPU"),
    (3, "PACKET_FANOUT_ROLLOVER"),
    (4, "PACKET_FANOUT_RND"),
    (5, "PACKET_FANOUT_QM"),
    (6, "PACKET_FANOUT_CBPF"),
    (7, "PACKET_FANOUT_EBPF"),
];

pub(super) const FANOUT_FLAGS: Names = &[
    (0x1000, "PACKET_FANOUT_FLAG_ROLLOVER"),
    (0x2000, "PACKET_FANOUT_FLAG_UNIQUEID"),
    (0x4000, "PACKET_FANOUT_FLAG_IGNORE_OUTGOING"),
    (0x8000, "PACKET_FANOUT_FLAG_DEFRAG"),
];

pub(super) const PACKET_MEMBERSHIPS: Names = &[
    (0, "PACKET_MR_MULTICAST"),
    (1, "PACKET_MR_PROMISC"),
    (2, "PACKET_MR_ALLMULTI"),
    (3, "PACKET_MR_UNICAST"),
];

pub(super) const SOURCE_FILTERS: Names = &[(0, "MCAST_EXCLUDE"), (1, "MCAST_INCLUDE")];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::constants as c;
    use super::*;

    /// A table, the header that has its numbers, and what its names begin with.
    type Table = (Names, &'static str, &'static [&'static str]);

    const OPTIONS: [Table; 6] = [
        (c::SOCKET_OPTIONS, "asm-generic/socket.h", &["SO_"]),
        (c::IP_OPTIONS, "linux/in.h", &["IP_", "MCAST_"]),
        (c::IPV6_OPTIONS, "linux/in6.h", &["IPV6_"]),
        (c::TCP_OPTIONS, "linux/tcp.h", &["TCP_"]),
        (c::UDP_OPTIONS, "linux/udp.h", &["UDP_"]),
        (c::PACKET_OPTIONS, "linux/if_packet.h", &["PACKET_"]),
    ];

    const VALUES: [Table; 11] = [
        (BUFFER_LOCKS, "linux/socket.h", &[]),
        (REHASHING, "linux/socket.h", &[]),
        (SERVICE, "linux/ip.h", &[]),
        (PATH_MTU, "linux/in.h", &[]),
        (SOURCE_FILTERS, "linux/in.h", &[]),
        (PATH_MTU_6, "linux/in6.h", &[]),
        (PREFERENCES, "linux/in6.h", &[]),
        (REPAIR, "linux/tcp.h", &[]),
        (ENCAPSULATIONS, "linux/udp.h", &[]),
        (FANOUTS, "linux/if_packet.h", &[]),
        (FANOUT_FLAGS, "linux/if_packet.h", &[]),
    ];

    /// What looks like an option and is none: it is in no kernel, a length, or what a packet is.
    const NO_OPTIONS: [&str; 3] = ["IPV6_USE_MIN_MTU", "TCP_MD5SIG_MAXKEYLEN", "PACKET_OUTGOING"];

    /// The numbers of a header by their names; `None` where it is not installed.
    fn header(file: &str) -> Option<BTreeMap<String, u64>> {
        let text = std::fs::read_to_string(format!("/usr/include/{file}")).ok();
        if text.is_none() {
            println!("skipped: there is no /usr/include/{file}; linux-libc-dev has it");
        }
        let read = |line: &str| {
            let mut words = line.strip_prefix("#define")?.split_whitespace();
            let (name, number) = (words.next()?, words.next()?);
            let number = match number.strip_prefix("0x") {
                Some(digits) => u64::from_str_radix(digits, 16).ok()?,
                None => number.parse::<i64>().ok()? as u32 as u64,
            };
            Some((name.to_owned(), number))
        };
        Some(text?.lines().filter_map(read).collect())
    }

    #[test]
    fn every_name_has_the_number_of_the_kernels_headers() {
        for (names, file, _) in OPTIONS.iter().chain(&VALUES) {
            let Some(header) = header(file) else { continue };
            let known = names.iter().filter(|(_, name)| header.contains_key(*name));
            let mut count = 0;
            for (number, name) in known {
                assert_eq!(header.get(*name), Some(number), "{name} in {file}");
                count += 1;
            }
            assert!(2 * count > names.len(), "{file} has {count} of {} names", names.len());
        }
    }

    #[test]
    fn every_option_of_the_kernels_headers_has_a_name() {
        for (names, file, starts) in OPTIONS {
            let Some(header) = header(file) else { continue };
            let options = header.iter().filter(|(name, number)| {
                let is_one = starts.iter().any(|start| name.starts_with(start));
                let is_value =
                    VALUES.iter().any(|(names, ..)| names.iter().any(|it| it.1 == *name));
                // Of what else begins so, the greater numbers are masks, and the smaller ones are options' too.
                is_one
                    && !is_value
                    && (1..128).contains(*number)
                    && !NO_OPTIONS.contains(&name.as_str())
            });
            for (name, number) in options {
                assert!(c::find(names, *number).is_some(), "{name} ({number}) of {file}");
            }
        }
    }
}
