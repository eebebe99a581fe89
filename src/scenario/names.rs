//! The names that a run has to itself: what its hosts and services files say, and what its name server answers.
//!
//! A lookup depends on the machine: on its files, on its name server, on what that one has heard. Here all of it is said by
//! the lesson, so that a name leads to the same addresses everywhere, and to others with another seed.
//!
//! | line of `dns` | what the name server says |
//! |---|---|
//! | `far.test A 127.0.0.7` | an IPv4 address of it, and that its name is this one |
//! | `far.test AAAA ::1` | an IPv6 address, likewise |
//! | `www.test CNAME far.test` | it is another name of that one |
//! | `ill.test SERVFAIL` | that it cannot say |
//!
//! Of any other name it says that there is none, NXDOMAIN.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::texts::{Template, Texts};
use crate::error::Error;
use crate::event::NAME_SERVER;
use crate::pattern;

/// As lesson.toml has them; in each line there may be places for what the seed chooses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// Lines of hosts(5) on top of those for `localhost`.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Lines of services(5).
    #[serde(default)]
    pub services: Vec<String>,
    #[serde(default)]
    pub dns: Vec<String>,
}

/// The same with everything chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    hosts: String,
    services: String,
    /// What the name server knows.
    pub zone: Vec<Record>,
}

/// One thing that the name server knows of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub name: String,
    pub says: Says,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    Address(IpAddr),
    /// It is another name of this one.
    Alias(String),
    /// The server cannot say.
    Failure,
}

impl Names {
    /// Chooses by `seed`. Fails if a line is none.
    pub fn fill(&self, seed: u64) -> Result<Table, Error> {
        let texts = Texts::new(seed, "");
        let filled = |line: &String| {
            let bytes = Template::read(line.as_bytes(), line)?.fill(&texts);
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        let lines = |lines: &[String]| {
            lines.iter().map(|line| Ok(filled(line)? + "\n")).collect::<Result<String, Error>>()
        };
        let record = |line: &String| {
            let wanted = "is no line of `dns`: NAME and then `A 127.0.0.1`, `AAAA ::1`, `CNAME NAME` or `SERVFAIL`";
            record(&filled(line)?).ok_or_else(|| pattern::error_in(line, 0, wanted))
        };
        Ok(Table {
            hosts: lines(&self.hosts)?,
            services: lines(&self.services)?,
            zone: self.dns.iter().map(record).collect::<Result<_, Error>>()?,
        })
    }
}

impl Table {
    /// The files of /etc that a lookup reads, by name.
    pub fn files(&self) -> [(&'static str, String); 7] {
        [
            ("hosts", format!("127.0.0.1 localhost\n::1 localhost\n{}", self.hosts)),
            ("services", self.services.clone()),
            ("protocols", "ip 0 IP\nicmp 1 ICMP\ntcp 6 TCP\nudp 17 UDP\n".into()),
            // Asked once: nothing is lost here, and a second server there is not.
            ("resolv.conf", format!("nameserver {}\noptions attempts:1\n", NAME_SERVER.ip())),
            ("nsswitch.conf", "hosts: files dns\nservices: files\nprotocols: files\n".into()),
            // All addresses of a name, not its first line alone.
            ("host.conf", "multi on\n".into()),
            // The order of addresses as RFC 6724 has it, whatever the machine prefers.
            ("gai.conf", String::new()),
        ]
    }
}

fn record(line: &str) -> Option<Record> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (name, says) = match words.as_slice() {
        [name, "A", ip] => (name, Says::Address(IpAddr::V4(ip.parse().ok()?))),
        [name, "AAAA", ip] => (name, Says::Address(IpAddr::V6(ip.parse().ok()?))),
        [name, "CNAME", other] => (name, Says::Alias((*other).into())),
        [name, "SERVFAIL"] => (name, Says::Failure),
        _ => return None,
    };
    Some(Record { name: (*name).into(), says })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(hosts: &[&str], dns: &[&str]) -> Names {
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).into()).collect();
        Names { hosts: lines(hosts), services: Vec::new(), dns: lines(dns) }
    }

    #[test]
    fn the_seed_chooses_the_same_in_every_line() {
        let told =
            names(&["{ip} {word}.test"], &["{word}.test A {ip}", "b.test CNAME {word}.test"]);
        let table = told.fill(3).unwrap();
        let [first, second] = table.zone.as_slice() else { panic!("{table:?}") };
        let Says::Address(ip) = first.says else { panic!("{first:?}") };
        assert_eq!(second.says, Says::Alias(first.name.clone()));
        let (_, hosts) = &table.files()[0];
        let chosen = format!("{ip} {}", first.name);
        assert_eq!(
            hosts.lines().collect::<Vec<_>>(),
            ["127.0.0.1 localhost", "::1 localhost", &chosen]
        );
        assert_ne!(told.fill(4).unwrap(), table);
    }

    #[test]
    fn a_line_that_is_none_is_told() {
        for line in [
            "far.test",
            "far.test A ::1",
            "far.test MX 10 a.test",
            "far.test A",
            "{wrod} A 1.2.3.4",
        ] {
            assert!(names(&[], &[line]).fill(1).is_err(), "{line}");
        }
        assert!(names(&["::1 {nmae}.test"], &[]).fill(1).is_err());
    }
}
