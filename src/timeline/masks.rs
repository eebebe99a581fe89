//! What differs from run to run and means nothing: ports and names that the kernel chose.
//!
//! A port is *ephemeral* when a program first met it in a result (accept's address, getsockname,
//! recvfrom) and *chosen* when a program first met it in its own argument (a bind, connect or sendto that
//! names it). Which of the two is decided once, at the first meeting: a program that learns a port and then
//! connects to it does not make it its own. Ephemeral ports are shown as `P1`, `P2` … in the order in which
//! the rows show them; the kernel's Unix names likewise as `@auto#1`.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Event, Recording, SockAddr};

/// The calls that give an address to the kernel; every other address comes from it.
const GIVERS: [&str; 5] = ["bind", "connect", "sendto", "sendmsg", "sendmmsg"];

/// Knows what is to be masked, and numbers it as it is shown.
#[derive(Clone, Debug, Default)]
pub struct Masks {
    ports: BTreeSet<u16>,
    autobound: BTreeSet<String>,
    shown_ports: BTreeMap<u16, usize>,
    shown_autobound: BTreeMap<String, usize>,
    shown_netlink: BTreeMap<u32, usize>,
}

impl Masks {
    /// Finds out who chose each port and name.
    pub fn of(recording: &Recording) -> Masks {
        // An input counts from where its call begins, an output from where it ends. A blocking
        // connect(2) thus names its port before the accept(2) that reports it.
        let mut meetings: Vec<(u64, bool, &Event)> = Vec::new();
        for event in &recording.events {
            if GIVERS.contains(&event.call.as_ref()) {
                // `A: connect(127.0.0.1:_)` dials the port that a program got: nobody has chosen it.
                if is_peers(recording, event) && !named_in(recording, event) {
                    continue;
                }
                let begun =
                    if event.blocked { event.since.unwrap_or(event.seq) } else { event.seq };
                meetings.push((begun, true, event));
            } else {
                meetings.push((event.seq, false, event));
            }
        }
        meetings.sort_by_key(|(at, given, event)| (*at, *given, event.seq));

        let mut masks = Masks::default();
        let (mut chosen, mut chosen_names) = (BTreeSet::new(), BTreeSet::new());
        for (_, given, event) in meetings {
            for addr in event.args.iter().flat_map(|arg| arg.value.addresses()) {
                if let Some(port) = addr.port().filter(|port| *port != 0) {
                    let (mine, other) = if given {
                        (&mut chosen, &masks.ports)
                    } else {
                        (&mut masks.ports, &chosen)
                    };
                    if !other.contains(&port) {
                        mine.insert(port);
                    }
                }
                let SockAddr::Abstract { name } = addr else { continue };
                let (mine, other) = if given {
                    (&mut chosen_names, &masks.autobound)
                } else {
                    (&mut masks.autobound, &chosen_names)
                };
                if addr.may_be_autobound() && !other.contains(name) {
                    mine.insert(name.clone());
                }
            }
        }
        // What no program ever met, the kernel chose.
        let states = recording.looks.iter().flat_map(|look| &look.sockets);
        let seen = states.flat_map(|state| [&state.local, &state.remote]);
        let sent = recording.packets.iter().flat_map(|packet| [&packet.source, &packet.target]);
        // Where a socket stood when the world did something; but what a step names is the scenario's choice.
        let stood = recording.steps.iter().flat_map(|step| &step.states).map(|state| &state.local);
        let stood = stood.filter(|addr| !addr.port().is_some_and(|port| named(recording, port)));
        let unmet = seen.chain(sent).chain(stood).filter_map(SockAddr::port);
        masks.ports.extend(unmet.filter(|port| *port != 0 && !chosen.contains(port)));
        masks
    }

    /// An address as the timeline writes it.
    pub fn address(&mut self, addr: &SockAddr) -> String {
        match addr {
            SockAddr::Inet { ip, port } => format!("{ip}:{}", self.port(*port)),
            SockAddr::Inet6 { ip, port, scope: 0, .. } => format!("[{ip}]:{}", self.port(*port)),
            SockAddr::Inet6 { ip, port, scope, .. } => {
                format!("[{ip}%{scope}]:{}", self.port(*port))
            }
            SockAddr::Abstract { name } if self.autobound.contains(name) => {
                let next = self.shown_autobound.len() + 1;
                format!("@auto#{}", self.shown_autobound.entry(name.clone()).or_insert(next))
            }
            SockAddr::Abstract { name } => format!("@{}", plain(name)),
            SockAddr::Unix { path } if path.is_empty() => "unnamed".into(),
            SockAddr::Unix { path } => plain(&place(path).unwrap_or_else(|| path.clone())),
            // A port id that the kernel gave is the process's pid.
            SockAddr::Netlink { pid, groups } => {
                let next = self.shown_netlink.len() + 1;
                let id = match pid {
                    // The kernel's, or to bind(2): whichever it chooses.
                    0 => "0".into(),
                    pid => format!("N{}", self.shown_netlink.entry(*pid).or_insert(next)),
                };
                match groups {
                    0 => format!("netlink {id}"),
                    groups => format!("netlink {id}, groups {groups:#x}"),
                }
            }
            other => other.to_string(),
        }
    }

    /// As [`address`](Masks::address), with `*` for the port that is not there, as ss(8) has it.
    pub fn endpoint(&mut self, addr: &SockAddr) -> String {
        match addr {
            SockAddr::Inet { ip, port: 0 } => format!("{ip}:*"),
            SockAddr::Inet6 { ip, port: 0, .. } => format!("[{ip}]:*"),
            other => self.address(other),
        }
    }

    /// A port: its number, or `P1` for one that the kernel chose.
    fn port(&mut self, port: u16) -> String {
        if !self.ports.contains(&port) {
            return port.to_string();
        }
        let next = self.shown_ports.len() + 1;
        format!("P{}", self.shown_ports.entry(port).or_insert(next))
    }

    /// A text of a program with every whole number that is an ephemeral port masked alike.
    pub fn text(&mut self, text: &str) -> String {
        if self.ports.is_empty() || !text.bytes().any(|b| b.is_ascii_digit()) {
            return text.to_owned();
        }
        let mut masked = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
            let (before, from) = rest.split_at(start);
            let end = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
            let (digits, after) = from.split_at(end);
            masked.push_str(before);
            // Digits of a longer word, of a fraction or of a dotted address are no port.
            let previous = masked.chars().next_back();
            let inside = previous
                .is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
                || after.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                || after
                    .strip_prefix('.')
                    .is_some_and(|a| a.starts_with(|c: char| c.is_ascii_digit()));
            match digits.parse::<u16>() {
                Ok(port) if !inside && !digits.starts_with('0') && self.ports.contains(&port) => {
                    masked.push_str(&self.port(port));
                }
                _ => masked.push_str(digits),
            }
            rest = after;
        }
        masked.push_str(rest);
        masked
    }
}

fn is_peers(recording: &Recording, event: &Event) -> bool {
    recording.roles.iter().any(|role| role.name == event.role && role.command.is_empty())
}

/// Whether a step names the port that this call gives.
fn named_in(recording: &Recording, event: &Event) -> bool {
    let mut ports = event.args.iter().flat_map(|arg| arg.value.addresses());
    ports.any(|addr| addr.port().is_none_or(|port| named(recording, port)))
}

/// Whether a step names this port: `S: bind(127.0.0.1:10000)`.
fn named(recording: &Recording, port: u16) -> bool {
    let digits = port.to_string();
    let is_end = |c: char| !c.is_ascii_digit();
    let mut texts = recording.steps.iter().flat_map(|step| step.text.split(':').skip(1));
    texts.any(|after| after.split(is_end).next() == Some(digits.as_str()))
}

/// A path in a folder for temporary files: without that folder, and without a made-up name.
pub(super) fn place(path: &str) -> Option<String> {
    let rest = ["/tmp/", "/var/tmp/", "/dev/shm/"].iter().find_map(|t| path.strip_prefix(t))?;
    let inner = rest.split_once('/').map_or(rest, |(_, inner)| inner);
    Some(format!("$TMPDIR/{}", if made_up(inner) { "tmp" } else { inner }))
}

/// A name that mkstemp(3) or Python's tempfile made: `tmp` and six or more random letters.
fn made_up(name: &str) -> bool {
    let random = name.strip_prefix(".tmp").or_else(|| name.strip_prefix("tmp"));
    random.is_some_and(|r| {
        matches!(r.len(), 6 | 8) && r.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    })
}

/// A name without what would spoil the line: control characters escaped.
fn plain(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::event::{SocketId, SocketState, Step};
    use crate::timeline::sample::{self, Sample};

    const SERVER: (&str, u32, u32) = ("server", 1, 1);
    const CLIENT: (&str, u32, u32) = ("client", 1, 1);

    fn state(socket: Option<SocketId>, local: SockAddr) -> SocketState {
        SocketState {
            socket,
            orphan: false,
            protocol: "tcp".into(),
            state: "LISTEN".into(),
            local,
            remote: SockAddr::Unspec,
            receive_queue: 0,
            send_queue: 0,
        }
    }

    fn ephemeral(recording: &Recording) -> Vec<u16> {
        Masks::of(recording).ports.into_iter().collect()
    }

    #[test]
    fn a_port_that_a_program_named_first_is_no_ephemeral_one() {
        assert_eq!(ephemeral(&sample::one_shot()), [41000]);
        let mut refused = Sample::new(None, &["client"]);
        let sock = refused.socket(CLIENT, "SOCK_STREAM", 3);
        refused.connect(CLIENT, sock, 50000, "ECONNREFUSED");
        assert!(ephemeral(&refused.0).is_empty());
    }

    #[test]
    fn a_port_that_was_learned_stays_ephemeral_when_it_is_used() {
        // troubles(): bound to port 0, asked with getsockname, then connected to.
        assert_eq!(ephemeral(&sample::troubles()), [34567, 41000]);
    }

    #[test]
    fn a_port_that_only_the_kernels_table_has_is_ephemeral_unless_a_step_names_it() {
        let mut recording = sample::one_shot();
        let socket = recording.sockets.first().map(|socket| socket.id);
        let at = |port| state(socket, SockAddr::Inet { ip: Ipv4Addr::LOCALHOST, port });
        let states = vec![at(41007), at(10000)];
        let text = "S: bind(127.0.0.1:10000)".into();
        recording.steps = vec![Step { number: 1, text, after: 0, unmet: None, states }];
        assert_eq!(ephemeral(&recording), [41000, 41007]);
    }

    #[test]
    fn a_port_that_a_peer_dials_is_chosen_only_if_its_step_names_it() {
        let mut s = Sample::new(None, &["A"]);
        let sock = s.socket(("A", 1, 1), "SOCK_STREAM", 3);
        s.connect(("A", 1, 1), sock, 50001, "");
        s.0.roles[0].command.clear();
        let local = SockAddr::Inet { ip: Ipv4Addr::LOCALHOST, port: 50001 };
        let dials = |text: &str| Step {
            number: 1,
            text: text.into(),
            after: 0,
            unmet: None,
            states: vec![state(None, local.clone())],
        };
        for (text, found) in [("A: connect(:50001)", vec![]), ("A: connect(:_)", vec![50001])] {
            s.0.steps = vec![dials(text)];
            assert_eq!(ephemeral(&s.0), found, "{text}");
        }
    }

    #[test]
    fn a_connect_that_waits_names_its_port_before_accept_reports_it() {
        let mut s = Sample::new(None, &["server", "client"]);
        let listener = s.listener(SERVER, 3, 0);
        let began = s.last();
        s.accept(SERVER, listener, 4, 50001);
        let sock = s.socket(CLIENT, "SOCK_STREAM", 3);
        s.connect(CLIENT, sock, 50001, "");
        assert_eq!(ephemeral(&s.0), [50001]);
        s.since(began);
        assert!(ephemeral(&s.0).is_empty());
    }

    #[test]
    fn whole_numbers_in_texts_are_masked_and_parts_of_words_are_not() {
        let mut masks = Masks { ports: [41000, 9].into(), ..Masks::default() };
        for (text, masked) in [
            ("('127.0.0.1', 41000)", "('127.0.0.1', P1)"),
            ("127.0.0.1:41000, [::1]:41000.", "127.0.0.1:P1, [::1]:P1."),
            ("41000", "P1"),
            (
                "141000 410001 x41000 41000x 0.41000 41000.5 041000",
                "141000 410001 x41000 41000x 0.41000 41000.5 041000",
            ),
            ("ends with 41000.", "ends with P1."),
            ("你41000好", "你P1好"),
        ] {
            assert_eq!(masks.text(text), masked);
        }
    }

    #[test]
    fn names_in_a_folder_for_temporary_files_lose_it() {
        assert_eq!(place("/tmp/lab.x7/chat.sock").as_deref(), Some("$TMPDIR/chat.sock"));
        assert_eq!(place("/tmp/chat.sock").as_deref(), Some("$TMPDIR/chat.sock"));
        assert_eq!(place("/tmp/tmpab12cd34").as_deref(), Some("$TMPDIR/tmp"));
        assert_eq!(place("/run/chat.sock"), None);
    }
}
