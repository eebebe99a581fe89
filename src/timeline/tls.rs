//! TLS records, by what stands on their outside: the rest is meant to say nothing.
//!
//! Every record begins with its type, a version and its length; RFC 8446, section 5.1. Handshake messages that are
//! not encrypted yet tell their type as well. From there on TLS 1.3 calls all records application data, alerts and the
//! rest of the handshake too.

use crate::event::Bytes;

/// Type, version and length.
const HEADER: usize = 5;

/// The longest record: 2^14 bytes and what TLS 1.2 lets encryption add.
const LONGEST: usize = (1 << 14) + 2048;

/// The records in these bytes, if they begin with one: `TLS ServerHello + ChangeCipherSpec`. `…` stands behind one that
/// goes on elsewhere.
pub(super) fn records(bytes: &Bytes) -> Option<String> {
    let mut said: Vec<String> = Vec::new();
    let mut rest = bytes.data.as_slice();
    let mut is_whole = true;
    while !rest.is_empty() && is_whole {
        // What follows whole records may be the beginning of a header.
        let Some(length) = length(rest) else {
            is_whole = false;
            continue;
        };
        let (body, after) = rest[HEADER..].split_at(length.min(rest.len() - HEADER));
        said.extend(kinds(rest[0], body));
        is_whole = body.len() == length;
        rest = after;
    }
    if said.is_empty() {
        return None;
    }
    let end = if is_whole && !bytes.is_cut() { "" } else { "…" };
    Some(format!("TLS {}{end}", counted(&said).join(" + ")))
}

/// The length that the header says, if it is one.
fn length(record: &[u8]) -> Option<usize> {
    match record {
        [20..=23, 3, 1..=4, high, low, ..] => Some(usize::from(u16::from_be_bytes([*high, *low])))
            .filter(|it| (1..=LONGEST).contains(it)),
        _ => None,
    }
}

/// What a record holds, as far as it can be seen.
fn kinds(kind: u8, body: &[u8]) -> Vec<String> {
    match (kind, body) {
        (20, _) => vec!["ChangeCipherSpec".into()],
        (21, [1 | 2, what]) => vec![format!("alert {}", alert(*what))],
        (21, _) => vec!["alert".into()],
        (22, _) => messages(body),
        _ => vec!["application data".into()],
    }
}

/// The handshake messages of a record, if it is not encrypted: each has its type and its length before it.
fn messages(body: &[u8]) -> Vec<String> {
    let mut said = Vec::new();
    let mut rest = body;
    while let [kind, high, middle, low, after @ ..] = rest {
        let length = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
        let Some(name) = message(*kind) else { break };
        said.push(name.to_owned());
        rest = after.get(length..).unwrap_or_default();
    }
    if said.is_empty() { vec!["handshake".into()] } else { said }
}

fn message(kind: u8) -> Option<&'static str> {
    Some(match kind {
        1 => "ClientHello",
        2 => "ServerHello",
        4 => "NewSessionTicket",
        11 => "Certificate",
        12 => "ServerKeyExchange",
        13 => "CertificateRequest",
        14 => "ServerHelloDone",
        16 => "ClientKeyExchange",
        _ => return None,
    })
}

/// RFC 8446, section 6. Other alerts by their number.
fn alert(what: u8) -> String {
    let name = match what {
        0 => "close_notify",
        10 => "unexpected_message",
        40 => "handshake_failure",
        42 => "bad_certificate",
        45 => "certificate_expired",
        48 => "unknown_ca",
        50 => "decode_error",
        70 => "protocol_version",
        _ => return what.to_string(),
    };
    name.into()
}

/// The same several times over is said once: `application data ×2`.
fn counted(said: &[String]) -> Vec<String> {
    let same = said.chunk_by(|one, other| one == other);
    same.map(|run| match run.len() {
        1 => run[0].clone(),
        count => format!("{} ×{count}", run[0]),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, body: &[u8]) -> Vec<u8> {
        let [high, low] = (body.len() as u16).to_be_bytes();
        [&[kind, 3, 3, high, low], body].concat()
    }

    fn shown(data: &[u8]) -> Option<String> {
        records(&Bytes::new(data))
    }

    #[test]
    fn a_record_is_said_by_what_can_be_seen_of_it() {
        for (kind, body, said) in [
            (22, [1, 0, 0, 2, 3, 3].as_slice(), "TLS ClientHello"),
            (
                22,
                &[2, 0, 0, 1, 3, 11, 0, 0, 0, 14, 0, 0, 0],
                "TLS ServerHello + Certificate + ServerHelloDone",
            ),
            (22, &[0xb7, 0xff, 0x12], "TLS handshake"),
            (20, &[1], "TLS ChangeCipherSpec"),
            (21, &[2, 48], "TLS alert unknown_ca"),
            (21, &[2, 109], "TLS alert 109"),
            (21, &[0xb7; 18], "TLS alert"),
            (23, &[0xb7; 27], "TLS application data"),
        ] {
            assert_eq!(shown(&record(kind, body)).as_deref(), Some(said));
        }
    }

    #[test]
    fn several_records_are_one_line_and_one_that_goes_on_says_so() {
        let data = record(23, &[0xb7; 27]);
        let two = [record(20, &[1]), data.clone(), data.clone()].concat();
        assert_eq!(shown(&two).unwrap(), "TLS ChangeCipherSpec + application data ×2");
        assert_eq!(shown(&data[..20]).unwrap(), "TLS application data…");
        assert_eq!(shown(&[data.as_slice(), &[23, 3]].concat()).unwrap(), "TLS application data…");
        assert_eq!(
            shown(&vec![record(23, &[0; 1000]); 6].concat()).unwrap(),
            "TLS application data ×5…"
        );
    }

    #[test]
    fn other_bytes_are_no_records() {
        for data in [
            &b"hello"[..],
            b"",
            &[22, 3],
            &[22, 3, 1, 0, 0],
            &[22, 9, 1, 0, 2, 1, 1],
            &[24, 3, 3, 0, 1, 1],
        ] {
            assert_eq!(shown(data), None);
        }
    }
}
