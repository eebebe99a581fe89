//! The name server of a run: answers what programs ask about the names of their lesson.
//!
//! It is a socket of the lab's own process, like a peer, and answers at quiet moments, so that a lookup takes no more turns
//! in one run than in the next.

use std::io::ErrorKind;
use std::net::{IpAddr, UdpSocket};

use nix::errno::Errno;
use simple_dns::rdata::{A, AAAA, CNAME, PTR, RData};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QTYPE, RCODE, ResourceRecord, TYPE};

use crate::event::NAME_SERVER;
use crate::scenario::names::{Record, Says};

pub struct NameServer {
    socket: UdpSocket,
    zone: Vec<Record>,
}

impl NameServer {
    /// Takes its address, in a network where that is free.
    pub fn open(zone: Vec<Record>) -> Result<NameServer, Errno> {
        let open = || {
            let socket = UdpSocket::bind(NAME_SERVER)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        };
        let socket = open().map_err(|error: std::io::Error| {
            Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))
        })?;
        Ok(NameServer { socket, zone })
    }

    /// Answers all questions that have come; whether there was one.
    pub fn answer(&self) -> bool {
        let mut has_answered = false;
        let mut buf = [0; 1 << 16];
        loop {
            match self.socket.recv_from(&mut buf) {
                Ok((length, whom)) => {
                    has_answered = true;
                    if let Some(reply) = reply(&self.zone, &buf[..length]) {
                        // Who has closed meanwhile does not want to know.
                        let _ = self.socket.send_to(&reply, whom);
                    }
                }
                // What it sent before has come back.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(_) => return has_answered,
            }
        }
    }
}

/// What is said to this; nothing to what is no question.
fn reply(zone: &[Record], query: &[u8]) -> Option<Vec<u8>> {
    let query = Packet::parse(query).ok().filter(|it| !it.has_flags(PacketFlag::RESPONSE))?;
    let question = query.questions.first()?.clone();
    let asked = question.qname.to_string();
    let mut reply = query.into_reply();
    reply.set_flags(PacketFlag::RECURSION_AVAILABLE);
    let known = |name: &str| -> Vec<&Record> {
        zone.iter().filter(|record| record.name.eq_ignore_ascii_case(name)).collect()
    };
    let pointers: Vec<&Record> = zone
        .iter()
        .filter(
            |it| matches!(it.says, Says::Address(ip) if reverse(ip).eq_ignore_ascii_case(&asked)),
        )
        .collect();
    let mut found = known(&asked);
    if found.is_empty() && pointers.is_empty() {
        *reply.rcode_mut() = RCODE::NameError;
    }
    if let Some(Record { says: Says::Alias(other), .. }) = found.first() {
        reply.answers.push(told(&asked, RData::CNAME(CNAME(Name::new(other).ok()?)))?);
        found = known(other);
    }
    for record in &found {
        let data = match record.says {
            Says::Address(IpAddr::V4(ip)) => RData::A(A { address: ip.into() }),
            Says::Address(IpAddr::V6(ip)) => RData::AAAA(AAAA { address: ip.into() }),
            Says::Failure => {
                *reply.rcode_mut() = RCODE::ServerFailure;
                continue;
            }
            Says::Alias(_) => continue,
        };
        let answer = told(&record.name, data)?;
        reply.answers.extend(answer.match_qtype(question.qtype).then_some(answer));
    }
    if question.qtype == QTYPE::TYPE(TYPE::PTR) {
        for record in pointers {
            reply.answers.push(told(&asked, RData::PTR(PTR(Name::new(&record.name).ok()?)))?);
        }
    }
    reply.build_bytes_vec().ok()
}

fn told<'a>(name: &'a str, data: RData<'a>) -> Option<ResourceRecord<'a>> {
    // In seconds; nobody here keeps it.
    const KEEP: u32 = 60;
    Some(ResourceRecord::new(Name::new(name).ok()?, CLASS::IN, KEEP, data))
}

/// The name under which it is asked what an address is called: `7.0.0.127.in-addr.arpa`.
fn reverse(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(ip) => {
            let nibbles = ip.octets().into_iter().rev().flat_map(|byte| [byte & 15, byte >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}.")).collect::<String>() + "ip6.arpa"
        }
    }
}

#[cfg(test)]
mod tests {
    use simple_dns::{QCLASS, Question};

    use super::*;
    use crate::scenario::names::Names;

    /// What is said of a name: the code and the answers' data.
    fn asked(name: &str, kind: TYPE) -> (RCODE, Vec<String>) {
        let dns = [
            "far.test A 127.0.0.7",
            "far.test AAAA ::1",
            "www.test CNAME far.test",
            "ill.test SERVFAIL",
        ];
        let names = Names { dns: dns.map(String::from).into(), ..Names::default() };
        let mut query = Packet::new_query(7);
        let name = Name::new_unchecked(name);
        query.questions.push(Question::new(name, kind.into(), QCLASS::CLASS(CLASS::IN), false));
        let zone = names.fill(1).unwrap().zone;
        let bytes = reply(&zone, &query.build_bytes_vec().unwrap()).expect("an answer");
        let reply = Packet::parse(&bytes).unwrap();
        assert_eq!(reply.id(), 7);
        assert!(reply.has_flags(PacketFlag::RESPONSE));
        let said = reply.answers.iter().map(|it| match &it.rdata {
            RData::A(A { address }) => std::net::Ipv4Addr::from(*address).to_string(),
            RData::AAAA(AAAA { address }) => std::net::Ipv6Addr::from(*address).to_string(),
            RData::CNAME(CNAME(name)) | RData::PTR(PTR(name)) => name.to_string(),
            other => format!("{other:?}"),
        });
        (reply.rcode(), said.collect())
    }

    #[test]
    fn it_says_what_the_lesson_has_and_that_nothing_else_is_there() {
        let said = |data: &[&str]| data.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        assert_eq!(asked("far.test", TYPE::A), (RCODE::NoError, said(&["127.0.0.7"])));
        assert_eq!(asked("FAR.test", TYPE::AAAA), (RCODE::NoError, said(&["::1"])));
        assert_eq!(asked("www.test", TYPE::A), (RCODE::NoError, said(&["far.test", "127.0.0.7"])));
        assert_eq!(asked("far.test", TYPE::MX), (RCODE::NoError, said(&[])));
        assert_eq!(asked("ill.test", TYPE::A), (RCODE::ServerFailure, said(&[])));
        assert_eq!(asked("no.test", TYPE::A), (RCODE::NameError, said(&[])));
        assert_eq!(
            asked("7.0.0.127.in-addr.arpa", TYPE::PTR),
            (RCODE::NoError, said(&["far.test"]))
        );
        let one = format!("1.{}ip6.arpa", "0.".repeat(31));
        assert_eq!(asked(&one, TYPE::PTR), (RCODE::NoError, said(&["far.test"])));
    }

    #[test]
    fn what_is_no_question_gets_no_answer() {
        assert_eq!(reply(&[], b"hello"), None);
        let answer = Packet::new_reply(1).build_bytes_vec().unwrap();
        assert_eq!(reply(&[], &answer), None);
    }
}
