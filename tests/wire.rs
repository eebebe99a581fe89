//! What the wire and the kernel say of the lessons: the facts that each lesson is there to show.
//!
//! A recording is told as a story, a line for each call, packet and change of state in the order in which they happened:
//!
//! ```text
//! client: connect(sock, 127.0.0.1:9999) = 0
//! client -> server SYN
//! client: sock ESTABLISHED
//! ```

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use socket_lab::event::Recording;
use socket_lab::render::json;
use socket_lab::timeline::{Point, timeline};

/// What one lesson shows, in a demo or a variant of it.
struct Fact {
    lesson: &'static str,
    variant: &'static str,
    says: &'static str,
    /// Beginnings of lines that come in this order, others in between.
    story: &'static [&'static str],
    /// What no line holds.
    never: &'static [&'static str],
    /// All packets of the run, if that is the fact.
    packets: Option<&'static [&'static str]>,
}

const PLAIN: Fact =
    Fact { lesson: "", variant: "", says: "", story: &[], never: &[], packets: None };

const FACTS: &[Fact] = &[
    Fact {
        lesson: "1",
        says: "a handshake, six bytes each way, an end each way",
        packets: Some(&[
            "client -> server SYN",
            "server -> client SYN/ACK",
            "client -> server 6 bytes",
            "server -> client 6 bytes",
            "server -> client FIN",
            "client -> server FIN",
        ]),
        ..PLAIN
    },
    Fact {
        lesson: "1",
        says: "connect returns before accept does, and the data is there before that",
        story: &[
            "client: connect(sock, 127.0.0.1:9999) = 0",
            "server: conn ESTABLISHED",
            "client: send(sock, \"你好\", 6) = 6",
            "server: conn 6 bytes to read",
            "server: accept(listener, 127.0.0.1:P1) = conn",
            "server: recv(conn, \"你好\", 1024) = 6",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "1",
        says: "whoever closes first goes through FIN-WAIT to TIME-WAIT",
        story: &[
            "server: listen(listener, 5) = 0",
            "server: listener LISTEN",
            "server: conn ESTABLISHED",
            "server: close(conn) = 0",
            "server: conn FIN-WAIT-2",
            "client: close(sock) = 0",
            "server: conn TIME-WAIT",
        ],
        never: &["client: sock TIME-WAIT"],
        ..PLAIN
    },
    Fact {
        lesson: "2",
        says: "fourteen bytes and eighteen; a silent client sends its end and no data",
        packets: Some(&[
            "client -> server SYN",
            "server -> client SYN/ACK",
            "client -> server 14 bytes",
            "server -> client 18 bytes",
            "server -> client FIN",
            "client -> server FIN",
            "silent -> server SYN",
            "server -> silent SYN/ACK",
            "silent -> server FIN",
            "server -> silent FIN",
        ]),
        ..PLAIN
    },
    Fact {
        lesson: "2",
        says: "the listener outlives its connections",
        story: &[
            "server: listener LISTEN",
            "server: close(conn) = 0",
            "server: conn#2 ESTABLISHED",
            "server: close(conn#2) = 0",
            "server: accept(listener) … waits to the end",
        ],
        never: &["listener CLOSED"],
        ..PLAIN
    },
    Fact {
        lesson: "3",
        says: "the end of the stream is a FIN seen as 0, and the server is in CLOSE-WAIT until it closes",
        story: &[
            "client -> server FIN",
            "server: conn CLOSE-WAIT",
            "server: recv(conn, \"\"",
            "server: close(conn) = 0",
            "server -> client FIN",
            "client: sock TIME-WAIT",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "4",
        variant: "queue",
        says: "the second client is connected, and its bytes are taken, while the server is still with the first",
        story: &[
            "server: conn#2 ESTABLISHED (not accepted)",
            "second: send(sock, ",
            "server: conn#2 6 bytes to read (not accepted)",
            "server: send(conn, ",
            "server: close(conn) = 0",
            "server: accept(listener, 127.0.0.1:P2) = conn#2",
        ],
        never: &["unacknowledged"],
        ..PLAIN
    },
    Fact {
        lesson: "4",
        says: "the client closes first",
        story: &["client -> server FIN", "server -> client FIN", "client: sock TIME-WAIT"],
        ..PLAIN
    },
    Fact {
        lesson: "5",
        variant: "exit",
        says: "`exit` is not sent: only the end is",
        packets: Some(&[
            "client -> server SYN",
            "server -> client SYN/ACK",
            "client -> server FIN",
            "server -> client FIN",
        ]),
        ..PLAIN
    },
    Fact {
        lesson: "5",
        variant: "empty-line",
        says: "nothing goes out for an empty message",
        story: &["client: send(sock, \"\", 0) = 0", "client: recv(sock, 1024) … waits to the end"],
        packets: Some(&[
            "client -> server SYN",
            "server -> client SYN/ACK",
            "client -> server 2 bytes",
            "server -> client 5 bytes",
        ]),
        ..PLAIN
    },
    Fact {
        lesson: "6",
        says: "a listener and both ends of one connection are three sockets",
        story: &[
            "server: listener LISTEN",
            "server: conn ESTABLISHED",
            "client: sock ESTABLISHED",
            "server: conn CLOSE-WAIT",
            "client: sock TIME-WAIT",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "7",
        says: "two datagrams and nothing else; the sockets are in no state",
        story: &["server: sock UNCONN", "client: sock UNCONN"],
        never: &["ESTABLISHED", "TIME-WAIT"],
        packets: Some(&["client -> server 6 bytes", "server -> client 6 bytes"]),
        ..PLAIN
    },
    Fact {
        lesson: "8",
        variant: "no-server",
        says: "the wire says that the port is unreachable, and the socket keeps it to itself",
        story: &[
            "client: sendto(sock, \"hello\", 5, 127.0.0.1:21567) = 5",
            "client -> 127.0.0.1:21567 5 bytes",
            "127.0.0.1:21567 -> client unreachable",
            "client: recvfrom(sock, 1024) … waits to the end",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "8",
        variant: "hijacked",
        says: "a stranger's datagram moves the conversation to the stranger",
        story: &["client -> A 5 bytes", "B -> client 19 bytes", "client -> B 9 bytes"],
        ..PLAIN
    },
    Fact {
        lesson: "8",
        variant: "empty-answer",
        says: "an empty datagram is a datagram",
        story: &["A -> client 0 bytes", "client: recvfrom(sock, \"\", 1024"],
        ..PLAIN
    },
    Fact {
        lesson: "9",
        variant: "refused",
        says: "a connected socket tells of the refusal at the next call",
        story: &[
            "127.0.0.1:7009 -> client unreachable",
            "client: recv(sock, 1024) = -1 ECONNREFUSED",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "9",
        variant: "truncated",
        says: "what does not fit is lost, though all of it was sent",
        story: &["A -> truncated 5 bytes", "truncated: recv(sock, \"1|a\", 3) = 3"],
        ..PLAIN
    },
    Fact {
        lesson: "10",
        says: "main is back in accept before the thread reads; whoever closes first keeps TIME-WAIT at its port",
        story: &[
            "server: accept(listener, 127.0.0.1:P2) = conn#2",
            "server: pthread_create()",
            "server: accept(listener) … waits",
            "server: recv(conn#2, ",
            "server: close(conn#2) = 0",
            "server: conn#2 TIME-WAIT",
        ],
        never: &["client: sock TIME-WAIT"],
        ..PLAIN
    },
    Fact {
        lesson: "11",
        says: "both directions are free of each other: one may end while the other goes on",
        story: &[
            "server -> client 6 bytes",
            "client -> server 9 bytes",
            "client -> server 2 bytes",
            "server -> client 5 bytes",
            "client -> server FIN",
            "server: conn CLOSE-WAIT",
            "server -> client 6 bytes",
            "server -> client FIN",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "12",
        says: "after exit the client is in FIN-WAIT-2 and the server in CLOSE-WAIT; TIME-WAIT in the end",
        story: &[
            "client: shutdown(sock, SHUT_WR) = 0",
            "client -> server FIN",
            "client: sock FIN-WAIT-2",
            "server: conn CLOSE-WAIT",
            "server: recv(conn, \"exit\", 1024) = 4",
            "server: close(conn) = 0",
            "server -> client FIN",
            "client: sock TIME-WAIT",
            "server: conn CLOSED",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "12",
        variant: "talks-on",
        says: "what the server still says arrives in FIN-WAIT-2",
        story: &[
            "client: sock FIN-WAIT-2",
            "S: conn CLOSE-WAIT",
            "S -> client 12 bytes",
            "client: recv(sock, \"还有一句\", 1024) = 12",
            "S -> client FIN",
            "client: sock TIME-WAIT",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "12",
        variant: "shut-rd",
        says: "SHUT_RD sends nothing, and what comes later is still taken",
        story: &[
            "server: shutdown(conn, SHUT_RD) = 0",
            "A: send(sock, \"还在吗\", 9) = 9",
            "A -> server 9 bytes",
        ],
        never: &["RST", "server -> A FIN"],
        ..PLAIN
    },
    Fact {
        lesson: "13",
        variant: "unread-data",
        says: "close with unread data is a reset: the reply may still be read, then comes the error",
        story: &[
            "one-shot: close(conn) = 0",
            "one-shot -> wordy RST",
            "wordy: sock CLOSED",
            "wordy: recv(sock, \"欢迎\", 1024) = 6",
            "wordy: recv(sock, 1024) = -1 ECONNRESET",
        ],
        never: &["FIN", "TIME-WAIT"],
        ..PLAIN
    },
    Fact {
        lesson: "13",
        variant: "linger-0",
        says: "SO_LINGER of no time resets the connection and leaves no TIME-WAIT",
        story: &[
            "impatient: close(sock) = 0",
            "impatient -> S RST",
            "S: recv(conn) = -1 ECONNRESET",
        ],
        never: &["FIN", "TIME-WAIT"],
        ..PLAIN
    },
    Fact {
        lesson: "13",
        variant: "second-send",
        says: "the first send to a closed peer succeeds and is answered with a reset; the second fails",
        story: &[
            "S -> sends-on FIN",
            "sends-on: send(sock, \"你好\", 6) = 6",
            "sends-on -> S 6 bytes",
            "S -> sends-on RST",
            "sends-on: send(sock, \"有人吗\", 9) = -1 EPIPE",
            "sends-on: signal(SIGPIPE)",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "13",
        variant: "close-wakes-nobody",
        says: "close does not wake whoever waits in recv, and sends no end while it waits",
        story: &[
            "closes: close(sock) = 0",
            "S: recv(conn) = -1 EAGAIN",
            "S: send(conn, \"迟到\", 6) = 6",
            "closes -> S FIN",
            "closes: recv(sock, \"迟到\", 1024) = 6",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "13",
        variant: "shutdown-wakes",
        says: "shutdown wakes it, and sends the end at once",
        story: &[
            "shuts-down: shutdown(sock, SHUT_RDWR) = 0",
            "shuts-down -> S FIN",
            "shuts-down: recv(sock, \"\", 1024) = 0",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "14",
        says: "what is sent is bytes: the port is 54 3f in memory, the address four bytes on the wire",
        story: &[
            "server: write(stdout, \"sockaddr_in: 02 00 54 3f 7f 00 00 01",
            "server: bind(listener, 127.0.0.1:21567) = 0",
            "server: send(conn, \"\\x7f\\0\\0\\x01\", 4) = 4",
            "server -> client 4 bytes",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "14",
        variant: "no-htons",
        says: "without htons it is another port that is bound, and the client finds nobody",
        story: &[
            "no-htons: bind(listener, 127.0.0.1:16212) = 0",
            "client: connect(sock, 127.0.0.1:21567) = -1 ECONNREFUSED",
            "127.0.0.1:21567 -> client RST",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "14",
        variant: "parsers",
        says: "inet_aton takes what inet_pton does not, and conversions make no call",
        story: &[
            "parsers: write(stdout, \"127.1: inet_aton 127.0.0.1, inet_pton no",
            "parsers: write(stdout, \"0x7f.1: inet_aton 127.0.0.1, inet_pton no",
            "parsers: write(stdout, \"256.1.1.1: inet_aton no, inet_pton no",
        ],
        never: &["socket("],
        ..PLAIN
    },
    Fact {
        lesson: "15",
        says: "a name has several addresses, and the client takes the next one when the first refuses",
        story: &[
            "client: connect(sock, [::1]:7015) = -1 ECONNREFUSED",
            "client: close(sock) = 0",
            "client: connect(sock#2, 127.0.0.1:7015) = 0",
            "server -> client 10 bytes",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "15",
        variant: "by-hand",
        says: "a question to a name server is one datagram, and so is its answer",
        packets: Some(&["by-hand -> 127.0.0.53:53 26 bytes", "127.0.0.53:53 -> by-hand 50 bytes"]),
        ..PLAIN
    },
    Fact {
        lesson: "16",
        says: "a socket of IPv6 sees a client of IPv4 as ::ffff:127.0.0.1",
        story: &[
            "server: setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, 0) = 0",
            "client: connect(sock, 127.0.0.1:10000) = 0",
            "server: accept(listener, [::ffff:127.0.0.1]:P1) = conn",
            "server: getsockname(conn, [::ffff:127.0.0.1]:10000) = 0",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "16",
        variant: "wildcards",
        says: "both wildcards at one port only with IPV6_V6ONLY",
        story: &[
            "wildcards: bind(sock, [::]:10000) = 0",
            "wildcards: bind(sock#2, 0.0.0.0:10000) = -1 EADDRINUSE",
            "wildcards: setsockopt(sock#3, IPPROTO_IPV6, IPV6_V6ONLY, 1) = 0",
            "wildcards: bind(sock#3, [::]:10000) = 0",
            "wildcards: bind(sock#4, 0.0.0.0:10000) = 0",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "16",
        variant: "one-port",
        says: "a connection is known by both its ends, and TCP and UDP may have the same number",
        story: &[
            "one-port: connect(sock, 127.0.0.1:10000) = 0",
            "one-port: connect(sock#2, 127.0.0.2:10000) = 0",
            "one-port: connect(sock#3, 127.0.0.1:10000) = -1 EADDRNOTAVAIL",
            "one-port: bind(sock#4, 127.0.0.1:7016) = 0",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "17",
        says: "with the option on both sides a server starts again beside its own TIME-WAIT",
        story: &[
            "server: conn TIME-WAIT",
            "server: killed(SIGINT)",
            "again: setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, 1) = 0",
            "again: bind(listener, 127.0.0.1:7017) = 0",
            "again: listener LISTEN",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "17",
        variant: "neither",
        says: "without the option the port is taken as long as TIME-WAIT lasts",
        story: &["old: conn TIME-WAIT", "new: bind(sock, 127.0.0.1:7017) = -1 EADDRINUSE"],
        ..PLAIN
    },
    Fact {
        lesson: "17",
        variant: "only-the-new-one",
        says: "the option on the new socket alone does not help",
        story: &[
            "old: conn TIME-WAIT",
            "new-reuse: setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, 1) = 0",
            "new-reuse: bind(sock, 127.0.0.1:7017) = -1 EADDRINUSE",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "17",
        variant: "only-the-old-one",
        says: "nor does it on the old socket alone",
        story: &["old-reuse: conn TIME-WAIT", "new: bind(sock, 127.0.0.1:7017) = -1 EADDRINUSE"],
        ..PLAIN
    },
    Fact {
        lesson: "17",
        variant: "two-at-once",
        says: "SO_REUSEADDR lets nobody listen beside another",
        story: &[
            "old-reuse: listener LISTEN",
            "new-reuse: setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, 1) = 0",
            "new-reuse: bind(sock, 127.0.0.1:7017) = -1 EADDRINUSE",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "17",
        variant: "shared-port",
        says: "SO_REUSEPORT on both does",
        story: &["first: listener LISTEN", "second: listener LISTEN"],
        ..PLAIN
    },
    Fact {
        lesson: "17",
        variant: "inherited",
        says: "an accepted socket has its listener's TCP_NODELAY, and not its O_NONBLOCK",
        story: &[
            "heir: accept(listener) = -1 EAGAIN",
            "heir: getsockopt(conn, IPPROTO_TCP, TCP_NODELAY, 1) = 0",
            "heir: recv(conn, 1024) … waits",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "18",
        says: "what is left of a second shrinks with each wait",
        story: &[
            "client: connect(sock, 127.0.0.1:7018) = -1 EINPROGRESS",
            "client: poll([sock: POLLOUT], 1000) = 1",
            "client: getsockopt(sock, SOL_SOCKET, SO_ERROR, 0) = 0",
            "client: poll([sock: POLLIN], 700) = 1",
            "client: poll([sock: POLLIN], 400) = 1",
            "client: poll([sock: POLLIN], 100) = 1",
            "client: recv(sock, \"\", 1024) = 0",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "18",
        variant: "per-read",
        says: "a second for each read is more than a second for all of it",
        story: &[
            "per-read: setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, 1s) = 0",
            "per-read: write(stdout, \"3.6 seconds",
        ],
        never: &["EAGAIN"],
        ..PLAIN
    },
    Fact {
        lesson: "18",
        variant: "queue-full",
        says: "a SYN to a full queue has no answer: SYN-SENT until the time is over",
        story: &[
            "client -> A SYN",
            "client: sock SYN-SENT",
            "client: poll([sock: POLLOUT], 1000) = 0",
            "client: sock CLOSED",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "19",
        variant: "connects-again",
        says: "a second connect tells how the first one went: under way, refused, there",
        story: &[
            "connects-again: connect(sock, 127.0.0.1:7119) = -1 EINPROGRESS",
            "connects-again: connect(sock, 127.0.0.1:7119) = -1 EALREADY",
            "connects-again: connect(sock#2, 127.0.0.1:7219) = -1 EINPROGRESS",
            "127.0.0.1:7219 -> connects-again RST",
            "connects-again: connect(sock#2, 127.0.0.1:7219) = -1 ECONNREFUSED",
            "connects-again: connect(sock#3, 127.0.0.1:7019) = 0",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "19",
        variant: "never-connected",
        says: "of a socket that was never connected recv says ENOTCONN, and send EPIPE",
        story: &[
            "never-connected: recv(sock, 1024) = -1 ENOTCONN",
            "never-connected: send(sock, \"?\", 1) = -1 EPIPE",
            "never-connected: signal(SIGPIPE)",
        ],
        packets: Some(&[]),
        ..PLAIN
    },
    Fact {
        lesson: "20",
        variant: "both-give-first",
        says: "two ends that both send first wait for each other, and the queues of both are full",
        story: &[
            "client: sock over 32 KiB unacknowledged",
            "server: conn over 32 KiB unacknowledged",
        ],
        never: &["exit(0)"],
        ..PLAIN
    },
    Fact {
        lesson: "20",
        variant: "tail-lost",
        says: "send took one byte of 29, and nobody sent the rest",
        story: &["stamps: send(conn, \"[", "stamps -> A 1 byte", "A: recv(sock, \"[\", 1) = 1"],
        ..PLAIN
    },
    Fact {
        lesson: "21",
        variant: "pieces",
        says: "the same messages come out of pieces that cut a character in two",
        story: &[
            "server: recv(conn, \"\\0\\0\\x06你\\xe5\", 1024) = 7",
            "server: recv(conn, \"\\xa5\\xbd\\0\\0\\0\\x11[\", 1024) = 7",
            "server: write(stdout, \"你好\\n\", 7) = 7",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "22",
        says: "one read brings both lines; the end goes out with the last of two handles",
        story: &[
            "server: fcntl(conn, F_DUPFD_CLOEXEC, 3) = conn",
            "server: recv(conn, \"first\\nsecond\\n\", 8192) = 13",
            "server: send(conn, \"got first\\n\"",
            "server: close(conn) = 0",
            "server: close(listener) = 0",
            "server: close(conn) = 0",
            "server -> client FIN",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "22",
        variant: "unflushed",
        says: "what is not flushed is not sent",
        packets: Some(&["unflushed -> answers SYN", "answers -> unflushed SYN/ACK"]),
        ..PLAIN
    },
    Fact {
        lesson: "23",
        says: "a name outlives its socket: taken, and yet nobody there",
        story: &[
            "crashed: exit(0)",
            "server: bind(listener, $TMPDIR/lab-23) = -1 EADDRINUSE",
            "server: connect(sock, $TMPDIR/lab-23) = -1 ECONNREFUSED",
            "server: unlink(\"$TMPDIR/lab-23\") = 0",
            "server: bind(listener, $TMPDIR/lab-23) = 0",
            "server: getsockopt(conn, SOL_SOCKET, SO_PEERCRED, ",
        ],
        packets: Some(&[]),
        ..PLAIN
    },
    Fact {
        lesson: "23",
        variant: "full",
        says: "a full queue is EAGAIN at once, where TCP would stay in SYN-SENT",
        story: &["full: connect(sock, @lab-23) = 0", "full: connect(sock#2, @lab-23) = -1 EAGAIN"],
        ..PLAIN
    },
    Fact {
        lesson: "23",
        variant: "named",
        says: "bind to no name takes one of the kernel's, to which an answer can go",
        story: &[
            "named: bind(sock, unnamed) = 0",
            "answers: recvfrom(sock, \"hello\", 1024, @auto#1) = 5",
            "answers: sendto(sock, \"hello\", 5, @auto#1) = 5",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "24",
        variant: "inherited",
        says: "a listener that a child has inherited takes connections after its parent has closed it",
        story: &[
            "leaks: execve(\"/proc/self/exe\"",
            "leaks: close(listener) = 0",
            "A: connect(sock, 127.0.0.1:7024) = 0",
            "A: sock ESTABLISHED",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "24",
        variant: "close-on-exec",
        says: "with FD_CLOEXEC it does not",
        story: &[
            "leaks-not: fcntl(listener, F_SETFD, FD_CLOEXEC) = 0",
            "A: connect(sock, 127.0.0.1:7024) = -1 ECONNREFUSED",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "25",
        variant: "cut",
        says: "what does not fit of a message is gone, and the next recv has the next message",
        story: &["cut: recv(conn, \"on\", 2) = 2", "cut: recv(conn, \"tw\", 2) = 2"],
        ..PLAIN
    },
    Fact {
        lesson: "25",
        variant: "inet",
        says: "over IP there is none",
        story: &["inet: socket(AF_INET, SOCK_SEQPACKET, 0) = -1 ESOCKTNOSUPPORT"],
        ..PLAIN
    },
    Fact {
        lesson: "26",
        says: "what is sent to everybody goes once and reaches two; each answers for itself",
        packets: Some(&[
            "client -> server 4 bytes",
            "client -> second 4 bytes",
            "server -> client 11 bytes",
            "second -> client 11 bytes",
        ]),
        ..PLAIN
    },
    Fact {
        lesson: "26",
        variant: "outsider",
        says: "who has joined no group hears it all the same",
        story: &[
            "server: setsockopt(sock, IPPROTO_IP, IP_ADD_MEMBERSHIP",
            "outsider: bind(sock, 0.0.0.0:7026) = 0",
            "group -> outsider 4 bytes",
            "outsider: recvfrom(sock, \"WHO?\"",
        ],
        never: &["outsider: setsockopt(sock, IPPROTO_IP, IP_ADD_MEMBERSHIP"],
        ..PLAIN
    },
    Fact {
        lesson: "27",
        says: "over loopback one hears one's own echo, header and all, and then the reply",
        story: &[
            "client: sendto(sock, {ICMP_ECHO, id: 7027, seq: 1, \"hello\"}, 13, 127.0.0.1:0) = 13",
            "client: recvfrom(sock, {ttl: 64, ICMP_ECHO, id: 7027, seq: 1, \"hello\"}, 2048, 127.0.0.1:0) = 33",
            "client: recvfrom(sock, {ttl: 64, ICMP_ECHOREPLY, id: 7027, seq: 1, \"hello\"}",
            "unprivileged: socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP) = sock",
            "unprivileged: recvfrom(sock, {ICMP_ECHOREPLY, id: 7027, seq: 1, \"hello\"}, 2048, 127.0.0.1:0) = 13",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "27",
        variant: "header",
        says: "with IP_HDRINCL the program chooses the TTL",
        story: &[
            "header: setsockopt(sock, IPPROTO_IP, IP_HDRINCL, 1) = 0",
            "header: recvfrom(sock, {ttl: 9, ICMP_ECHO, ",
            "header: recvfrom(sock, {ttl: 64, ICMP_ECHOREPLY, ",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "27",
        variant: "refused",
        says: "no raw socket without a protocol, and none without CAP_NET_RAW",
        story: &[
            "refused: socket(AF_INET, SOCK_RAW, 0) = -1 EPROTONOSUPPORT",
            "refused: socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) = -1 EPERM",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "28",
        says: "the kernel gives the socket a port id, and an answer goes on until NLMSG_DONE",
        story: &[
            "asker: bind(sock, netlink 0) = 0",
            "asker: getsockname(sock, netlink N1) = 0",
            "asker: send(sock, [{RTM_GETLINK, NLM_F_REQUEST|NLM_F_DUMP, seq 1}]",
            "asker: recv(sock, [21 × RTM_NEWLINK, NLMSG_DONE]",
        ],
        packets: Some(&[]),
        ..PLAIN
    },
    Fact {
        lesson: "28",
        variant: "no-such-link",
        says: "an error comes in a message, and no call fails",
        story: &["no-such-link: recv(sock, [{NLMSG_ERROR, seq 1, ENODEV}]"],
        never: &["= -1"],
        ..PLAIN
    },
    Fact {
        lesson: "28",
        variant: "tipc",
        says: "an address family that the kernel does not know",
        story: &["tipc: socket(AF_TIPC, SOCK_STREAM, 0) = -1 EAFNOSUPPORT"],
        ..PLAIN
    },
    Fact {
        lesson: "29",
        says: "a request for each connection, its end sent and closed; shutdown waits for poll's time to be over",
        story: &[
            "server: poll([listener: POLLIN], 500) = 1",
            "server: shutdown(conn, SHUT_WR) = 0",
            "server -> client FIN",
            "server: close(conn) = 0",
            "client: recv(sock, \"\", 1024) = 0",
            "server: read(stdin, \"\\n\", 8192) = 1",
            "server: poll([listener: POLLIN], 500) = 0",
            "server: close(listener) = 0",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "30",
        says: "the parent lets go of the connection, and so the child's end is the end",
        story: &[
            "server: fork() = process 3",
            "server: close(conn#2) = 0",
            "server: send(conn#2, \"you said hello\", 14) = 14",
            "server: close(conn#2) = 0",
            "server -> client FIN",
            "server: accept(listener) = -1 EINTR",
            "server: waitpid(-1, WIFEXITED(s) && WEXITSTATUS(s) == 0, WNOHANG) = process 3",
        ],
        ..PLAIN
    },
    Fact {
        lesson: "30",
        variant: "kept",
        says: "while the parent keeps the connection its child's end is not sent",
        story: &[
            "keeps-it: close(conn) = 0",
            "keeps-it: exit(0)",
            "A: recv(sock, \"you said hello\", 14) = 14",
            "A: recv(sock) = -1 EAGAIN",
        ],
        never: &["keeps-it -> A FIN"],
        ..PLAIN
    },
    Fact {
        lesson: "31",
        says: "what was typed crosses the wire, and nobody can read it there",
        story: &[
            "client: writev(sock, [TLS ClientHello])",
            "server: writev(conn, [TLS ServerHello, ",
            "client: writev(sock, [TLS application data])",
            "client: write(stdout, \"hello\\n\", 6) = 6",
        ],
        never: &["send(sock, \"hello"],
        ..PLAIN
    },
    Fact {
        lesson: "31",
        variant: "unknown-ca",
        says: "whom nobody vouches for gets an alert, and no application data after it",
        story: &[
            "client: writev(sock, [TLS ChangeCipherSpec, TLS application data]) = 30",
            "client: close(sock) = 0",
            "client: write(stderr, \"error: invalid peer certificate: UnknownIssuer",
            "unknown-ca: write(stderr, \"error: received fatal alert: UnknownCA",
        ],
        never: &["client: writev(sock, [TLS application data])"],
        ..PLAIN
    },
    Fact {
        lesson: "31",
        variant: "cuts",
        says: "an end without close_notify is an error",
        story: &["cuts -> client FIN", "client: recv(sock, \"\", 4096) = 0", "client: exit(1)"],
        ..PLAIN
    },
];

#[test]
fn the_lessons_show_what_the_wire_and_the_kernel_do() {
    let mut wrong = Vec::new();
    let mut played = HashMap::new();
    for fact in FACTS {
        let demo = (fact.lesson, fact.variant);
        let recording = played.entry(demo).or_insert_with(|| play(fact.lesson, fact.variant));
        if !recording.isolation.lacking.is_empty() {
            return skipped(&format!("packets: {}", recording.isolation.lacking.join(", ")));
        }
        let story = story(recording);
        if let Some(why) = contradicted(fact, &story) {
            let story = story.join("\n  ");
            wrong.push(format!(
                "lesson {} {}: {}\n{why}\n  {story}",
                fact.lesson, fact.variant, fact.says
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_fact_that_does_not_hold_is_found() {
    let story: Vec<String> =
        ["A: send(sock) = 1", "A -> B 1 byte", "B: conn CLOSE-WAIT"].map(String::from).into();
    let holds = |fact: Fact| contradicted(&fact, &story).is_none();
    assert!(holds(Fact { story: &["A: send", "B: conn CLOSE"], ..PLAIN }));
    assert!(!holds(Fact { story: &["B: conn CLOSE", "A: send"], ..PLAIN }));
    assert!(!holds(Fact { never: &["CLOSE-WAIT"], ..PLAIN }));
    assert!(holds(Fact { packets: Some(&["A -> B 1 byte"]), ..PLAIN }));
    assert!(!holds(Fact { packets: Some(&[]), ..PLAIN }));
}

/// Why a story is not as the fact says.
fn contradicted(fact: &Fact, story: &[String]) -> Option<String> {
    let mut rest = story.iter();
    for wanted in fact.story {
        if !rest.any(|line| line.starts_with(wanted)) {
            return Some(format!("`{wanted}` does not come, or not in its place, in"));
        }
    }
    if let Some(line) = story.iter().find(|line| fact.never.iter().any(|it| line.contains(it))) {
        return Some(format!("`{line}` comes in"));
    }
    let packets: Vec<&str> =
        story.iter().filter(|line| is_packet(line)).map(String::as_str).collect();
    match fact.packets {
        Some(wanted) if wanted != packets => Some("other packets go out in".into()),
        _ => None,
    }
}

fn is_packet(line: &str) -> bool {
    let mut words = line.split(' ');
    words.nth(1) == Some("->")
}

/// Calls, packets and states in order.
fn story(recording: &Recording) -> Vec<String> {
    let mut lines = Vec::new();
    for row in &timeline(recording).rows {
        lines.push(format!("{}: {}", row.role, row.notation()));
        for arrow in &row.arrows {
            let end = |point: &Point| point.role.clone().unwrap_or_else(|| point.name.clone());
            lines.push(format!("{} -> {} {}", end(&arrow.from), end(&arrow.to), arrow.label()));
        }
        for change in &row.changes {
            let role = change.now.role.clone().unwrap_or_default();
            lines.extend(change.says().map(|said| format!("{role}: {said}")));
        }
    }
    lines
}

fn play(lesson: &str, variant: &str) -> Recording {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.args(["run", lesson, "--as", "json"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    if !variant.is_empty() {
        lab.args(["--variant", variant]);
    }
    let output = lab.output().expect("lab starts");
    json::parse(&output.stdout, Path::new("recording")).unwrap_or_else(|error| {
        panic!("lesson {lesson} {variant}: {error}: {}", String::from_utf8_lossy(&output.stderr))
    })
}

#[test]
fn a_packet_is_told_with_the_call_that_sent_it_in_any_order_of_the_roles() {
    for seed in 0..12 {
        let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
        lab.args(["run", "1", "--as", "json", "--schedule", "random", "--seed"]);
        let output = lab.arg(seed.to_string()).current_dir(env!("CARGO_MANIFEST_DIR")).output();
        let recording = json::parse(&output.expect("lab starts").stdout, Path::new("recording"));
        let recording = recording.expect("a recording");
        if recording.frames.is_empty() {
            return skipped(&recording.isolation.lacking.join(", "));
        }
        for row in timeline(&recording).rows.iter().filter(|row| !row.arrows.is_empty()) {
            for arrow in &row.arrows {
                let by = match arrow.label().as_str() {
                    "SYN" | "SYN/ACK" => "connect",
                    "FIN" => "close",
                    _ => "send",
                };
                assert_eq!(row.call, by, "seed {seed}: {} in {}", arrow.label(), row.notation());
            }
        }
    }
}

fn skipped(why: &str) {
    let _ = std::io::stderr().write_all(format!("skipped: {why}\n").as_bytes());
}
