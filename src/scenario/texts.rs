//! The texts that a seed chooses, so that no answer can be learned by heart.
//!
//! | placeholder | what it becomes |
//! |---|---|
//! | `{text}`, or one small letter: `{a}` | one of the next two, or both mixed |
//! | `{word}` | ASCII |
//! | `{utf8}` | characters of three bytes each |
//! | `{long}` | a few thousand bytes of `{text}` |
//! | `{binary}` | any bytes, zero and 0xff among them |
//! | `{n}` | a number from 2 to 9, in digits |
//! | `{ip}` | an IPv4 address of the loopback network, `127.9.41.6`; in the wrong order its bytes are nobody's |
//! | `{port}` | a port whose two bytes differ |
//! | `{clients}` | how many clients there are, in digits |
//!
//! A number behind the name makes it another one (`{text2}`), a length in bytes makes it so long (`{binary:1048576}`).
//! None but `{binary}` holds a control character, a quote or a backslash; none is empty.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::event::SockAddr;
use crate::pattern::{self, ArgPattern, CallPattern};

/// A text with places for what the seed chooses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Part {
    Bytes(Vec<u8>),
    Place(Place),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// `text2`.
    name: String,
    family: Family,
    /// In bytes.
    length: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Family {
    Text,
    Word,
    Utf8,
    Long,
    Binary,
    Number,
    Clients,
    Ip,
    Port,
}

/// An address as a step has it: what is written, and what of that the seed chooses instead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Address {
    written: SockAddr,
    ip: Option<Place>,
    port: Option<Place>,
}

/// The longest text that may be asked for, in bytes, and all texts of a scenario together.
pub(super) const LONGEST: usize = 64 << 20;

impl Template {
    /// Takes `text` apart; `whole` is the step that it stands in, for the message.
    pub fn read(text: &[u8], whole: &str) -> Result<Template, Error> {
        let mut parts = Vec::new();
        let mut plain = Vec::new();
        let mut rest = text;
        while let Some((&first, after)) = rest.split_first() {
            match placeholder(rest) {
                Some((inner, length)) => {
                    let place = Place::read(inner).map_err(|why| {
                        let at = whole.find(&format!("{{{inner}}}")).unwrap_or(0);
                        pattern::error_in(whole, at, why)
                    })?;
                    if !plain.is_empty() {
                        parts.push(Part::Bytes(std::mem::take(&mut plain)));
                    }
                    parts.push(Part::Place(place));
                    rest = &rest[length..];
                }
                None => {
                    plain.push(first);
                    rest = after;
                }
            }
        }
        if !plain.is_empty() {
            parts.push(Part::Bytes(plain));
        }
        Ok(Template(parts))
    }

    /// The bytes, with what the seed chose in every place.
    pub fn fill(&self, texts: &Texts) -> Vec<u8> {
        let mut bytes = Vec::new();
        for part in &self.0 {
            match part {
                Part::Bytes(plain) => bytes.extend(plain),
                Part::Place(place) => bytes.extend(texts.of(place)),
            }
        }
        bytes
    }

    /// As many bytes as it has at most, whatever the seed.
    pub(super) fn most(&self) -> usize {
        let most = self.0.iter().map(|part| match part {
            Part::Bytes(plain) => plain.len(),
            Part::Place(place) => place.length.unwrap_or(5_000),
        });
        most.fold(0, usize::saturating_add)
    }

    /// Whether it is empty whatever the seed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Address {
    /// Takes apart what stands before and after the colon; `None` where that cannot be an address.
    pub fn inet(host: Option<&str>, port: &str) -> Option<Address> {
        let (ip, host) = (Place::of(host.unwrap_or(""), Family::Ip), host.unwrap_or("127.0.0.1"));
        let chosen = Place::of(port, Family::Port);
        let port = if chosen.is_some() { 0 } else { port.parse().ok()? };
        let written = match (&ip, host.parse()) {
            (Some(_), _) => SockAddr::Inet { ip: Ipv4Addr::LOCALHOST, port },
            (None, Ok(ip)) => SockAddr::Inet { ip, port },
            (None, Err(_)) => {
                let ip = host.trim_matches(['[', ']']).parse().ok()?;
                SockAddr::Inet6 { ip, port, flowinfo: 0, scope: 0 }
            }
        };
        Some(Address { written, ip, port: chosen })
    }

    /// The address, with what the seed chose.
    pub fn fill(&self, texts: &Texts) -> SockAddr {
        let mut addr = self.written.clone();
        if let (SockAddr::Inet { ip, .. }, Some(place)) = (&mut addr, &self.ip) {
            *ip = texts.ip(&place.name);
        }
        if let (SockAddr::Inet { port, .. } | SockAddr::Inet6 { port, .. }, Some(place)) =
            (&mut addr, &self.port)
        {
            *port = texts.port(&place.name);
        }
        addr
    }
}

impl From<SockAddr> for Address {
    fn from(written: SockAddr) -> Address {
        Address { written, ip: None, port: None }
    }
}

/// A placeholder at the start: what stands in its braces, and its length with them. Other braces are text.
fn placeholder(text: &[u8]) -> Option<(&str, usize)> {
    let inner = text.strip_prefix(b"{")?;
    let end = inner.iter().position(|&byte| byte == b'}')?;
    let inner = std::str::from_utf8(&inner[..end]).ok()?;
    let name = inner.split(':').next().unwrap_or("");
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        && inner[name.len()..].chars().all(|c| c.is_ascii_digit() || c == ':');
    plain.then_some((inner, end + 2))
}

impl Place {
    fn read(inner: &str) -> Result<Place, String> {
        let (name, length) = match inner.split_once(':') {
            Some((name, length)) => (name, Some(length)),
            None => (inner, None),
        };
        let length = match length.map(str::parse::<usize>) {
            None => None,
            Some(Ok(length @ 1..=LONGEST)) => Some(length),
            Some(_) => return Err(format!("has a text of no length from 1 to {LONGEST}")),
        };
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let family = match stem {
            "text" => Family::Text,
            "word" => Family::Word,
            // Its own name ends in a digit: `utf8` is the first, `utf82` the second.
            "utf" if name.starts_with("utf8") => Family::Utf8,
            "long" => Family::Long,
            "binary" => Family::Binary,
            "n" => Family::Number,
            "clients" => Family::Clients,
            "ip" => Family::Ip,
            "port" => Family::Port,
            letter if letter.len() == 1 && letter == name => Family::Text,
            _ => {
                return Err(format!(
                    "has the unknown text `{{{name}}}`; known are {{text}}, {{word}}, {{utf8}}, {{long}}, \
                     {{binary}}, {{n}}, {{ip}}, {{port}} and {{clients}}"
                ));
            }
        };
        Ok(Place { name: name.into(), family, length })
    }

    /// The place that is all of this text, if it is one of this family.
    fn of(text: &str, family: Family) -> Option<Place> {
        let (inner, length) = placeholder(text.as_bytes())?;
        Place::read(inner).ok().filter(|it| length == text.len() && it.family == family)
    }
}

/// What a seed chooses, for one client or for all the rest.
#[derive(Clone, Debug)]
pub struct Texts {
    seed: u64,
    whose: String,
    clients: u32,
}

impl Texts {
    pub fn new(seed: u64, whose: &str) -> Texts {
        Texts { seed, whose: whose.into(), clients: 1 }
    }

    pub fn with_clients(self, clients: u32) -> Texts {
        Texts { clients, ..self }
    }

    /// A number of this name, from `least` to `most`.
    pub fn number(&self, name: &str, least: u64, most: u64) -> u64 {
        least + self.numbers(name).next() % (most.saturating_sub(least) + 1)
    }

    /// 127.x.y.z with a z below 127: in the wrong order it is an address of somewhere else.
    fn ip(&self, name: &str) -> Ipv4Addr {
        let mut numbers = self.numbers(name);
        let [x, y, z] = std::array::from_fn(|_| 1 + numbers.below(126) as u8);
        Ipv4Addr::new(127, x, y, z)
    }

    /// Below those that the kernel chooses, and in either order of its bytes above those that only root may take.
    fn port(&self, name: &str) -> u16 {
        let mut numbers = self.numbers(name);
        let high = 4 + numbers.below(124) as u8;
        u16::from_be_bytes([high, high + 1 + numbers.below(127) as u8])
    }

    fn of(&self, place: &Place) -> Vec<u8> {
        let mut numbers = self.numbers(&place.name);
        let family = match place.family {
            Family::Text | Family::Long => {
                [Family::Word, Family::Utf8, Family::Text][numbers.below(3)]
            }
            family => family,
        };
        let length = place.length.unwrap_or_else(|| match place.family {
            Family::Long => 2_000 + numbers.below(3_000),
            Family::Binary => 64 + numbers.below(192),
            _ => 8 + numbers.below(24),
        });
        match place.family {
            Family::Number => self.number(&place.name, 2, 9).to_string().into_bytes(),
            Family::Clients => self.clients.to_string().into_bytes(),
            Family::Ip => self.ip(&place.name).to_string().into_bytes(),
            Family::Port => self.port(&place.name).to_string().into_bytes(),
            Family::Binary => numbers.bytes(length),
            _ => numbers.text(family, length),
        }
    }

    fn numbers(&self, name: &str) -> Numbers {
        // FNV-1a over what the text is for; the zero bytes keep `a`+`b` from `ab`.
        let mut hash = 0xcbf2_9ce4_8422_2325u64;
        let seed = self.seed.to_le_bytes();
        for byte in seed.iter().chain(self.whose.as_bytes()).chain(&[0]).chain(name.as_bytes()) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Numbers(hash)
    }
}

/// SplitMix64.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend(self.next().to_le_bytes());
        }
        bytes.truncate(length);
        // What C programs take for the end, and what is no UTF-8, even in the shortest.
        for (at, byte) in [(length / 2, 0), (length / 3, 0xff)] {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        bytes
    }

    /// Text of exactly `length` bytes; what is too short for a character of three is filled up with letters.
    fn text(&mut self, family: Family, length: usize) -> Vec<u8> {
        let mut text = String::with_capacity(length);
        while text.len() < length {
            let wide = match family {
                Family::Utf8 => true,
                Family::Word => false,
                _ => self.below(2) == 0,
            };
            if wide && length - text.len() >= 3 {
                // The first thousand of CJK Unified Ideographs: all are assigned, each takes three bytes.
                let code = 0x4e00 + self.below(1_000) as u32;
                text.extend(char::from_u32(code));
            } else {
                text.push(char::from(b'a' + self.below(26) as u8));
            }
        }
        text.into_bytes()
    }
}

/// A rule's pattern with what the seed chose in its texts and addresses.
///
/// Fails where a place is unknown, or chooses what cannot stand there.
pub fn chosen(pattern: &CallPattern, texts: &Texts) -> Result<CallPattern, Error> {
    let mut chosen = pattern.clone();
    for arg in &mut chosen.args {
        choose(arg, texts, &pattern.text)?;
    }
    chosen.text = shown(&pattern.text, texts);
    Ok(chosen)
}

fn choose(arg: &mut ArgPattern, texts: &Texts, whole: &str) -> Result<(), Error> {
    match arg {
        ArgPattern::Text(text) => *text = Template::read(text, whole)?.fill(texts),
        ArgPattern::List(items) => {
            items.iter_mut().try_for_each(|item| choose(item, texts, whole))?;
        }
        ArgPattern::Addr { host, port } => {
            for (part, family) in [(host, Family::Ip), (port, Family::Port)] {
                let Some(part) = part.as_mut().filter(|part| part.starts_with('{')) else {
                    continue;
                };
                let place = Place::of(part, family).ok_or_else(|| {
                    let why =
                        "has in an address what the seed does not choose: `{ip}:{port}` it does";
                    pattern::error_in(whole, whole.find(part.as_str()).unwrap_or(0), why)
                })?;
                *part = String::from_utf8_lossy(&texts.of(&place)).into_owned();
            }
        }
        _ => {}
    }
    Ok(())
}

/// A step with its placeholders replaced by what the seed chose, as far as that is short.
pub fn shown(step: &str, texts: &Texts) -> String {
    const WIDEST: usize = 60;
    let mut shown = String::new();
    let mut rest = step;
    while let Some(first) = rest.chars().next() {
        let found = placeholder(rest.as_bytes());
        if let Some((inner, length)) = found
            && let Ok(place) = Place::read(inner)
        {
            let bytes = texts.of(&place);
            match bytes.len() <= WIDEST {
                true => shown.push_str(&escaped(&bytes)),
                false => shown.push_str(&rest[..length]),
            }
            rest = &rest[length..];
        } else {
            shown.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    shown
}

/// Bytes as the notation writes them between quotes.
pub fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                c if c.is_control() => {
                    c.to_string().bytes().for_each(|b| text.push_str(&format!("\\x{b:02x}")))
                }
                c => text.push(c),
            }
        }
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text
}

/// Bytes in quotes, a long run of them by its beginning and its length.
pub fn told(bytes: &[u8]) -> String {
    const MOST: usize = 48;
    if bytes.len() <= MOST {
        return format!("\"{}\"", escaped(bytes));
    }
    // Not in the middle of a character, where that can be helped.
    let whole = (MOST - 3..=MOST).rev().find(|&at| std::str::from_utf8(&bytes[..at]).is_ok());
    format!("\"{}…\" ({} bytes)", escaped(&bytes[..whole.unwrap_or(MOST)]), bytes.len())
}
