//! Places in a line that is to be printed, for what nobody knows before the run: `{A.local}`, `{A.remote}`, `{server.port}`.
//!
//! The addresses are those of the first socket of that name that has one, as the kernel's table had them after a step. An
//! IPv4 address within IPv6 is written as the IPv4 address that it is.

use std::net::SocketAddr;

use crate::event::{Recording, SockAddr, SocketState};

/// What may stand behind the dot.
const ASKED: [&str; 3] = ["local", "remote", "port"];

/// The line with all places filled; one whose socket there is not stays as it is.
pub(super) fn filled(recording: &Recording, line: &str) -> String {
    let mut filled = line.to_owned();
    for (role, asked) in places(line) {
        if let Some(state) = first_with_address(recording, role) {
            let place = format!("{{{role}.{asked}}}");
            filled = filled.replace(&place, &told(state, asked));
        }
    }
    filled
}

/// Whose address a line still lacks when it has been filled.
pub(super) fn lacking(filled: &str) -> Option<&str> {
    let mut asked = places(filled).filter(|(_, asked)| ASKED.contains(asked));
    asked.next().map(|(role, _)| role)
}

/// Why the places of a line cannot be filled, where these are the lesson's roles.
pub fn flaw(line: &str, roles: &[&str]) -> Option<String> {
    places(line).find_map(|(role, asked)| {
        let place = format!("`{{{role}.{asked}}}`");
        let is_peer = role.starts_with(|first: char| first.is_uppercase());
        if !is_peer && !roles.contains(&role) {
            return Some(format!("has the place {place}, and nobody is `{role}`"));
        }
        let known = ASKED.map(|word| format!("`{{{role}.{word}}}`")).join(", ");
        (!ASKED.contains(&asked))
            .then(|| format!("has the unknown place {place}; known are {known}"))
    })
}

/// Whose socket, and what of it. Other braces are text, or places for what the seed chooses.
fn places(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_name = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let inner = line.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
    inner
        .filter_map(|inner| inner.split_once('.'))
        .filter(move |(role, asked)| is_name(role) && is_name(asked))
}

fn first_with_address<'a>(recording: &'a Recording, role: &str) -> Option<&'a SocketState> {
    let own = |state: &&SocketState| {
        let socket = state.socket.and_then(|id| recording.socket(id));
        socket.is_some_and(|it| it.role == role) && state.local.port().is_some_and(|it| it != 0)
    };
    recording.steps.iter().find_map(|step| step.states.iter().find(own))
}

fn told(state: &SocketState, asked: &str) -> String {
    let ends = |addr: &SockAddr| addr.internet().map(SocketAddr::from);
    let text = |addr: &SockAddr| ends(addr).map_or_else(|| addr.to_string(), |it| it.to_string());
    match asked {
        "local" => text(&state.local),
        "remote" => text(&state.remote),
        _ => state.local.port().unwrap_or(0).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::event::Step;
    use crate::timeline::sample;

    /// A conversation of two, after whose first step the kernel's table has the first socket with these ends.
    fn with_ends(local: SockAddr, remote: SockAddr) -> (Recording, String) {
        let mut recording = sample::one_shot();
        let socket = recording.sockets.iter().find(|it| it.role == "server").unwrap();
        let (id, role) = (socket.id, socket.role.clone());
        let state = SocketState {
            socket: Some(id),
            orphan: false,
            protocol: "tcp".into(),
            state: "ESTABLISHED".into(),
            local,
            remote,
            receive_queue: 0,
            send_queue: 0,
        };
        let (text, unmet) = (String::new(), None);
        recording.steps = vec![Step { number: 1, text, after: 0, unmet, states: vec![state] }];
        (recording, role)
    }

    #[test]
    fn a_place_is_filled_with_what_the_kernel_says() {
        let v6 = |ip: Ipv6Addr, port| SockAddr::Inet6 { ip, port, flowinfo: 0, scope: 0 };
        let mapped = Ipv4Addr::new(127, 0, 0, 2).to_ipv6_mapped();
        let (recording, _) = with_ends(v6(mapped, 41000), v6(Ipv6Addr::LOCALHOST, 41001));
        let line = "{server.local} <- {server.remote}, port {server.port}, {word} {}";
        let told = filled(&recording, line);
        assert_eq!(told, "127.0.0.2:41000 <- [::1]:41001, port 41000, {word} {}");
        assert_eq!(lacking(&told), None);
        assert_eq!(filled(&recording, "{A.local}"), "{A.local}", "there is no A");
        assert_eq!(lacking("{word} <- {A.local}"), Some("A"));
        let (recording, _) = with_ends(v6(mapped, 0), SockAddr::Unspec);
        assert_eq!(filled(&recording, "{server.port}"), "{server.port}", "it has no address");
    }

    #[test]
    fn a_place_that_cannot_be_filled_is_a_flaw() {
        let roles = ["server"];
        assert_eq!(flaw("{A.local} {server.port} {word} {a.}", &roles), None);
        assert_eq!(
            flaw("{client.local}", &roles).unwrap(),
            "has the place `{client.local}`, and nobody is `client`"
        );
        assert_eq!(
            flaw("{A.name}", &roles).unwrap(),
            "has the unknown place `{A.name}`; known are `{A.local}`, `{A.remote}`, `{A.port}`"
        );
    }
}
