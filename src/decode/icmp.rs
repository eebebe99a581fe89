//! What raw sockets of ICMP and ping sockets carry: one message, behind an IP header or without. RFC 792, raw(7), icmp(7).

use etherparse::checksum::Sum16BitWords;

/// A message as its bytes say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Icmp<'a> {
    /// From the IP header, if there is one.
    pub ttl: Option<u8>,
    pub type_: u8,
    pub code: u8,
    /// Of an echo and its reply; what other messages have there is theirs.
    pub id: u16,
    pub seq: u16,
    /// What follows the eight bytes of ICMP's header.
    pub data: &'a [u8],
    /// Whether the checksum is that of the message.
    pub is_whole: bool,
}

pub const ECHO: u8 = 8;
pub const ECHO_REPLY: u8 = 0;

/// Reads a message; `None` if it is too short for one, or another protocol's.
pub fn icmp(bytes: &[u8]) -> Option<Icmp<'_>> {
    let header = ip_header(bytes);
    if header.is_some_and(|header| header[9] != libc::IPPROTO_ICMP as u8) {
        return None;
    }
    let message = &bytes[header.map_or(0, <[u8]>::len)..];
    let (&[type_, code, _, _, id_high, id_low, seq_high, seq_low], data) =
        message.split_first_chunk()?;
    Some(Icmp {
        ttl: header.map(|header| header[8]),
        type_,
        code,
        id: u16::from_be_bytes([id_high, id_low]),
        seq: u16::from_be_bytes([seq_high, seq_low]),
        data,
        is_whole: Sum16BitWords::new().add_slice(message).ones_complement() == 0,
    })
}

/// The header of IPv4 with its options, if the bytes begin with one: no message of ICMP is of a type from 64 to 79.
fn ip_header(bytes: &[u8]) -> Option<&[u8]> {
    let length = usize::from(bytes.first()? & 15) * 4;
    bytes.get(..length).filter(|_| bytes[0] >> 4 == 4 && length >= 20)
}

/// Blanks what the kernel chooses by chance in a packet's IP header, the identification, and the checksum over it.
pub fn forget_identification(packet: &mut [u8]) {
    if ip_header(packet).is_some() {
        packet[4..6].fill(0);
        packet[10..12].fill(0);
    }
}

/// The name of a type in linux/icmp.h; empty for those that no lesson meets.
pub fn type_name(type_: u8) -> &'static str {
    match type_ {
        ECHO_REPLY => "ICMP_ECHOREPLY",
        3 => "ICMP_DEST_UNREACH",
        ECHO => "ICMP_ECHO",
        11 => "ICMP_TIME_EXCEEDED",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ECHO_OF_HELLO: &[u8] = b"\x08\x00\xb4\x11\x00\x1b\x00\x01hello";

    #[test]
    fn an_echo_is_read_with_an_ip_header_and_without() {
        let bare = icmp(ECHO_OF_HELLO).expect("a message");
        assert_eq!((bare.type_, bare.id, bare.seq, bare.data), (ECHO, 27, 1, &b"hello"[..]));
        assert!(bare.is_whole && bare.ttl.is_none());
        // One word of options behind the twenty bytes of every header.
        let mut header = [0; 24];
        (header[0], header[8], header[9]) = (0x46, 61, 1);
        let packet = [&header, ECHO_OF_HELLO].concat();
        assert_eq!(icmp(&packet), Some(Icmp { ttl: Some(61), ..bare }));
    }

    #[test]
    fn a_message_that_was_changed_is_not_whole() {
        let mut message = ECHO_OF_HELLO.to_vec();
        message[12] ^= 1;
        assert!(!icmp(&message).expect("a message").is_whole);
    }

    #[test]
    fn of_two_packets_that_say_the_same_the_identifications_are_forgotten() {
        let packet = |id: u8| {
            let mut header = [0; 20];
            (header[0], header[5], header[9], header[11]) = (0x45, id, 1, !id);
            let mut packet = [&header, ECHO_OF_HELLO].concat();
            forget_identification(&mut packet);
            packet
        };
        assert_eq!(packet(1), packet(2));
        let mut bare = ECHO_OF_HELLO.to_vec();
        forget_identification(&mut bare);
        assert_eq!(bare, ECHO_OF_HELLO);
    }

    #[test]
    fn what_is_too_short_or_of_another_protocol_is_no_message() {
        assert_eq!(icmp(b"\x08\x00\xb4\x11"), None);
        let mut header = [0; 28];
        (header[0], header[9]) = (0x45, 17);
        assert_eq!(icmp(&header), None);
    }
}
