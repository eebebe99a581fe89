//! The sockets at each quiet moment, as ss(8) and netstat(8) list them.
//!
//! ```text
//! sockets after step 12
//!   Netid  State   Recv-Q  Send-Q  Local Address:Port  Peer Address:Port  Process
//!   tcp    LISTEN  0       5       127.0.0.1:9999      0.0.0.0:*          server: listener
//! ```
//!
//! The kernel tells both tools the same; they differ in names, order and in one number: of a listener ss shows how many
//! connections may wait (its backlog) as Send-Q, netstat 0. In place of a process id stands who that is in the timeline.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

use crate::timeline::{SocketLine, Timeline};

/// Whose list it looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// `ss -tuan`
    Ss,
    /// `netstat -an`
    Netstat,
}

/// The sockets at every moment when nobody could move and they stood otherwise than before; empty if there was none.
pub fn sockets(timeline: &Timeline, tool: Tool) -> String {
    let mut out = String::new();
    let mut before = Vec::new();
    for step in &timeline.quiet {
        let sockets = timeline.table(*step);
        if sockets == before {
            continue;
        }
        let _ = write!(out, "\nsockets after step {step}");
        if sockets.is_empty() {
            before = sockets;
            out.push_str(": none\n");
            continue;
        }
        out.push('\n');
        let head = match tool {
            Tool::Ss => SS,
            Tool::Netstat => NETSTAT,
        };
        let mut lines = vec![head.map(str::to_owned)];
        lines.extend(sockets.iter().map(|socket| match tool {
            Tool::Ss => ss(socket),
            Tool::Netstat => netstat(socket),
        }));
        table(&mut out, &lines);
        before = sockets;
    }
    out
}

pub(super) const SS: [&str; 7] =
    ["Netid", "State", "Recv-Q", "Send-Q", "Local Address:Port", "Peer Address:Port", "Process"];
const NETSTAT: [&str; 7] =
    ["Proto", "Recv-Q", "Send-Q", "Local Address", "Foreign Address", "State", "Program name"];

/// A socket in the columns of [`SS`].
pub(super) fn ss(socket: &SocketLine) -> [String; 7] {
    // ss has two names of its own.
    let state = match socket.state.as_str() {
        "ESTABLISHED" => "ESTAB",
        "SYN-RECEIVED" => "SYN-RECV",
        other => other,
    };
    [
        socket.protocol.clone(),
        state.into(),
        socket.receive_queue.to_string(),
        socket.send_queue.to_string(),
        socket.local.clone(),
        socket.remote.clone(),
        socket.owner().unwrap_or_default(),
    ]
}

fn netstat(socket: &SocketLine) -> [String; 7] {
    let state = match socket.state.as_str() {
        "UNCONN" => String::new(),
        "SYN-RECEIVED" => "SYN_RECV".into(),
        "FIN-WAIT-1" => "FIN_WAIT1".into(),
        "FIN-WAIT-2" => "FIN_WAIT2".into(),
        other => other.replace('-', "_"),
    };
    let send_queue = if socket.state == "LISTEN" { 0 } else { socket.send_queue };
    [
        socket.protocol.clone(),
        socket.receive_queue.to_string(),
        send_queue.to_string(),
        socket.local.clone(),
        socket.remote.clone(),
        state,
        socket.owner().unwrap_or("-".into()),
    ]
}

/// Writes lines whose cells stand below each other.
fn table(out: &mut String, lines: &[[String; 7]]) {
    let width = |column: usize| lines.iter().map(|line| line[column].width()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..7).map(width).collect();
    for line in lines {
        let mut text = String::from(" ");
        for (cell, width) in line.iter().zip(&widths) {
            let _ = write!(text, " {cell}{} ", " ".repeat(width - cell.width()));
        }
        out.push_str(text.trim_end());
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Cause, Look, SockAddr, SocketId, SocketState};
    use crate::timeline::sample::Sample;
    use crate::timeline::timeline;

    fn state(socket: Option<u32>, state: &'static str, local: u16, remote: u16) -> SocketState {
        let addr = |port: u16| SockAddr::Inet {
            ip: if port == 0 { [0, 0, 0, 0] } else { [127, 0, 0, 1] }.into(),
            port,
        };
        SocketState {
            socket: socket.map(SocketId),
            orphan: socket.is_none(),
            protocol: "tcp".into(),
            state: state.into(),
            local: addr(local),
            remote: addr(remote),
            receive_queue: 1,
            send_queue: 5,
        }
    }

    #[test]
    fn both_tools_list_the_same_sockets() {
        let server = ("server", 1, 1);
        let mut sample = Sample::new(Some("05-taking-turns"), &["server"]);
        let listener = sample.listener(server, 3, 9999);
        let conn = sample.accept(server, listener, 4, 41000);
        let udp = SocketState { protocol: "udp".into(), ..state(None, "UNCONN", 9999, 0) };
        let look = |after, sockets| Look {
            cause: Cause { after, ..Cause::default() },
            quiet: true,
            sockets,
        };
        let then = vec![
            state(Some(listener), "LISTEN", 9999, 0),
            state(Some(conn), "FIN-WAIT-2", 9999, 41000),
            state(None, "TIME-WAIT", 41000, 9999),
            udp,
        ];
        let gone = |state: &SocketState| SocketState { state: "CLOSED".into(), ..state.clone() };
        let in_the_end = then.iter().map(gone).collect();
        let after = sample.last();
        sample.exit(server, 0);
        sample.0.looks = vec![look(after, then), look(after, vec![]), look(after + 1, in_the_end)];
        let timeline = timeline(&sample.0);
        insta::assert_snapshot!("ss", sockets(&timeline, Tool::Ss));
        insta::assert_snapshot!("netstat", sockets(&timeline, Tool::Netstat));
    }
}
