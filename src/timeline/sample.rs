//! Recordings built by hand, for the tests of everything that reads one.

use std::net::Ipv4Addr;

use crate::event::*;

/// A recording under construction.
pub struct Sample(pub Recording);

pub fn arg(name: &'static str, value: Value) -> Arg {
    Arg { name: name.into(), value }
}

pub fn fd(number: i32, id: u32) -> Value {
    Value::Fd { value: number, socket: (id > 0).then_some(SocketId(id)) }
}

pub fn int(value: i64) -> Value {
    Value::Int { value }
}

pub fn named(value: u64, text: &str) -> Value {
    Value::Named { value, text: text.into() }
}

pub fn bytes(data: &[u8]) -> Value {
    Value::Bytes(Bytes::new(data))
}

pub fn addr(port: u16) -> Value {
    Value::Addr(SockAddr::Inet { ip: Ipv4Addr::LOCALHOST, port })
}

pub fn polled(number: i32, id: u32, revents: &str) -> Value {
    let revents = named(u64::from(!revents.is_empty()), revents);
    let fields =
        vec![arg("fd", fd(number, id)), arg("events", named(1, "POLLIN")), arg("revents", revents)];
    Value::Struct { fields }
}

impl Sample {
    pub fn new(lesson: Option<&str>, roles: &[&str]) -> Sample {
        Sample(Recording {
            version: VERSION,
            lesson: lesson.map(str::to_owned),
            isolation: Isolation { namespaces: vec!["user".into(), "net".into()], lacking: vec![] },
            arch: "x86_64".into(),
            kernel: "6.18.0".into(),
            schedule: Schedule::Lockstep,
            from_first_socket: false,
            seed: None,
            delays: Vec::new(),
            scenario: None,
            weather: None,
            steps: Vec::new(),
            looks: Vec::new(),
            roles: roles
                .iter()
                .map(|name| Role {
                    name: (*name).into(),
                    command: vec!["./demo".into(), (*name).into()],
                    ends: Some(true),
                })
                .collect(),
            sockets: Vec::new(),
            events: Vec::new(),
            packets: Vec::new(),
            frames: Vec::new(),
            end: End {
                reason: Reason::Finished,
                roles: roles
                    .iter()
                    .map(|name| RoleEnd { role: (*name).into(), how: Ending::Exited { status: 0 } })
                    .collect(),
                waiting: Vec::new(),
                zombies: Vec::new(),
                at: 0,
            },
        })
    }

    /// A new description; its id.
    pub fn object(&mut self, role: &str, kind: Kind, accepted_from: Option<u32>) -> u32 {
        let id = self.0.sockets.len() as u32 + 1;
        self.0.sockets.push(Socket {
            id: SocketId(id),
            kind,
            role: role.into(),
            peer: None,
            accepted_from: accepted_from.map(SocketId),
        });
        id
    }

    /// One event; its `seq`. A `ret` below zero comes with `errno`.
    pub fn event(
        &mut self,
        who: (&str, u32, u32),
        call: &'static str,
        args: Vec<Arg>,
        ret: Option<i64>,
        errno: &'static str,
    ) -> &mut Event {
        let seq = self.0.events.len() as u64 + 1;
        let moved = args.iter().find_map(|arg| match (&arg.value, ret) {
            (Value::Bytes(bytes), Some(n)) if n > 0 => Some(bytes.clone()),
            _ => None,
        });
        let is_call = !matches!(call, "signal" | "exit" | "killed");
        self.0.events.push(Event {
            seq,
            role: who.0.into(),
            process: who.1,
            thread: who.2,
            call: call.into(),
            syscall: if is_call { call.into() } else { "".into() },
            socket: args.iter().find_map(|arg| match arg.value {
                Value::Fd { socket, .. } => socket,
                _ => None,
            }),
            args,
            ret,
            made: None,
            errno: (!errno.is_empty()).then(|| errno.into()),
            bytes: moved,
            state: None,
            blocked: false,
            since: None,
            source: None,
            note: None,
            pid: 1000 + who.1 as i32,
            tid: 1000 + who.2 as i32,
            at: seq * 1000,
        });
        self.0.events.last_mut().unwrap()
    }

    /// The last event has waited since that one.
    pub fn since(&mut self, since: u64) {
        let event = self.0.events.last_mut().unwrap();
        (event.blocked, event.since) = (true, Some(since));
    }

    pub fn last(&self) -> u64 {
        self.0.events.len() as u64
    }

    pub fn socket(&mut self, who: (&str, u32, u32), type_: &'static str, number: i64) -> u32 {
        let kind = Kind::Socket {
            domain: "AF_INET".into(),
            type_: type_.into(),
            protocol: "IPPROTO_TCP".into(),
        };
        let id = self.object(who.0, kind, None);
        let args = vec![
            arg("domain", named(2, "AF_INET")),
            arg("type", named(1, type_)),
            arg("protocol", named(0, "IPPROTO_IP")),
        ];
        self.event(who, "socket", args, Some(number), "").made = Some(SocketId(id));
        self.0.events.last_mut().unwrap().socket = Some(SocketId(id));
        id
    }

    pub fn listener(&mut self, who: (&str, u32, u32), number: i64, port: u16) -> u32 {
        let id = self.socket(who, "SOCK_STREAM", number);
        let sock = || arg("sockfd", fd(number as i32, id));
        self.event(
            who,
            "bind",
            vec![sock(), arg("addr", addr(port)), arg("addrlen", int(16))],
            Some(0),
            "",
        );
        self.event(who, "listen", vec![sock(), arg("backlog", int(5))], Some(0), "");
        id
    }

    /// accept(2) on the listener; the connection's id.
    pub fn accept(&mut self, who: (&str, u32, u32), listener: u32, number: i64, port: u16) -> u32 {
        let kind = self.0.sockets[listener as usize - 1].kind.clone();
        let id = self.object(who.0, kind, Some(listener));
        let args =
            vec![arg("sockfd", fd(3, listener)), arg("addr", addr(port)), arg("addrlen", int(16))];
        self.event(who, "accept", args, Some(number), "");
        id
    }

    pub fn connect(&mut self, who: (&str, u32, u32), id: u32, port: u16, errno: &'static str) {
        let args = vec![arg("sockfd", fd(3, id)), arg("addr", addr(port)), arg("addrlen", int(16))];
        let ret = if errno.is_empty() { 0 } else { -111 };
        self.event(who, "connect", args, Some(ret), errno);
    }

    /// `recv`, `send`, `read` or `write` of `data`.
    pub fn moves(
        &mut self,
        who: (&str, u32, u32),
        call: &'static str,
        (number, id): (i32, u32),
        data: &[u8],
        len: i64,
    ) {
        let mut args =
            vec![arg("sockfd", fd(number, id)), arg("buf", bytes(data)), arg("len", int(len))];
        if matches!(call, "recv" | "send") {
            args.push(arg("flags", named(0, "0")));
        }
        self.event(who, call, args, Some(data.len() as i64), "");
    }

    pub fn close(&mut self, who: (&str, u32, u32), number: i32, id: u32) {
        self.event(who, "close", vec![arg("fd", fd(number, id))], Some(0), "");
    }

    pub fn exit(&mut self, who: (&str, u32, u32), status: i64) {
        self.event(who, "exit", vec![arg("status", int(status))], None, "");
    }

    /// A receiving call that never returned, waiting since that event.
    pub fn stuck(
        &mut self,
        who: (&str, u32, u32),
        call: &'static str,
        (number, id): (i32, u32),
        since: u64,
    ) -> u64 {
        let args = match call {
            "accept" => vec![
                arg("sockfd", fd(number, id)),
                arg("addr", Value::Opaque),
                arg("addrlen", Value::Opaque),
            ],
            _ => vec![
                arg("sockfd", fd(number, id)),
                arg("buf", Value::Opaque),
                arg("len", int(1024)),
                arg("flags", named(0, "0")),
            ],
        };
        self.event(who, call, args, None, "");
        self.since(since);
        self.last()
    }

    pub fn waiting(&mut self, who: (&str, u32, u32), event: u64, for_: Party) {
        self.0.end.waiting.push(Waiting {
            role: who.0.into(),
            process: who.1,
            thread: who.2,
            event,
            for_: vec![for_],
        });
    }
}

const SERVER: (&str, u32, u32) = ("server", 1, 1);
const CLIENT: (&str, u32, u32) = ("client", 1, 1);

/// Lesson 1: one request, one reply; the client connects while the server waits in accept(2).
pub fn one_shot() -> Recording {
    one_shot_from(41000)
}

/// Lesson 1 with another port of the client's.
pub fn one_shot_from(port: u16) -> Recording {
    let mut s = Sample::new(Some("01-one-shot"), &["server", "client"]);
    let out = s.object("server", Kind::Stdout, None);
    let listener = s.listener(SERVER, 3, 9999);
    s.moves(SERVER, "write", (1, out), "等待连接...\n".as_bytes(), 16);
    let idle = s.last();
    let sock = s.socket(CLIENT, "SOCK_STREAM", 3);
    s.connect(CLIENT, sock, 9999, "");
    s.moves(CLIENT, "send", (3, sock), "你好".as_bytes(), 6);
    let asked = s.last();
    let conn = s.accept(SERVER, listener, 4, port);
    s.since(idle);
    let line = format!("连接服务器: 地址 ('127.0.0.1', {port}) \n");
    s.moves(SERVER, "write", (1, out), line.as_bytes(), line.len() as i64);
    s.moves(SERVER, "recv", (4, conn), "你好".as_bytes(), 1024);
    s.moves(SERVER, "send", (4, conn), "欢迎".as_bytes(), 6);
    s.close(SERVER, 4, conn);
    s.close(SERVER, 3, listener);
    s.exit(SERVER, 0);
    s.moves(CLIENT, "recv", (3, sock), "欢迎".as_bytes(), 1024);
    s.since(asked);
    s.close(CLIENT, 3, sock);
    s.exit(CLIENT, 0);
    s.0
}

/// A thread for each of two clients; the server goes on serving.
pub fn threads() -> Recording {
    let mut s = Sample::new(Some("10-threads"), &["server", "A", "B"]);
    let listener = s.listener(SERVER, 3, 9999);
    s.0.roles[0].ends = Some(false);
    let mut since = s.last();
    for (n, role) in ["A", "B"].into_iter().enumerate() {
        let who = (role, 1, 1);
        let n = n as u32;
        let sock = s.socket(who, "SOCK_STREAM", 3);
        s.connect(who, sock, 9999, "");
        let asked = s.last();
        let conn = s.accept(SERVER, listener, 4 + i64::from(n), 41000 + n as u16);
        s.since(since);
        let thread = s.event(SERVER, "pthread_create", vec![], Some(2 + i64::from(n)), "");
        thread.syscall = "clone3".into();
        since = s.last();
        let worker = ("server", 1, 2 + n);
        s.moves(worker, "send", (4, conn), b"welcome\n", 8);
        s.close(worker, 4, conn);
        s.event(worker, "pthread_exit", vec![arg("status", int(0))], None, "").syscall =
            "exit".into();
        s.moves(who, "recv", (3, sock), b"welcome\n", 1024);
        s.since(asked);
        s.close(who, 3, sock);
        s.exit(who, 0);
    }
    let stuck = s.stuck(SERVER, "accept", (3, listener), since);
    s.event(
        SERVER,
        "killed",
        vec![arg("why", Value::Text { value: "it still serves".into() })],
        None,
        "",
    );
    s.waiting(SERVER, stuck, Party::Outside { what: "a client".into() });
    s.0.end.reason = Reason::Serving;
    s.0.end.roles[0].how = Ending::Killed { why: "it still serves".into() };
    s.0
}

/// A process for a client, SIGCHLD in between, and the parent that waits for it.
pub fn forks() -> Recording {
    let mut s = Sample::new(None, &["server", "client"]);
    let child = ("server", 2, 2);
    let listener = s.listener(SERVER, 3, 9999);
    let idle = s.last();
    let sock = s.socket(CLIENT, "SOCK_STREAM", 3);
    s.connect(CLIENT, sock, 9999, "");
    let connected = s.last();
    let conn = s.accept(SERVER, listener, 4, 41000);
    s.since(idle);
    s.event(SERVER, "fork", vec![], Some(2), "").syscall = "clone".into();
    s.close(SERVER, 4, conn);
    let closed = s.last();
    s.close(child, 3, listener);
    s.moves(child, "send", (4, conn), b"bye", 3);
    s.exit(child, 0);
    s.event(SERVER, "signal", vec![arg("sig", named(17, "SIGCHLD"))], None, "");
    let args = vec![
        arg("pid", int(-1)),
        arg("wstatus", Value::Opaque),
        arg("options", named(0, "0")),
        arg("rusage", Value::Null),
    ];
    s.event(SERVER, "wait4", args, Some(2), "");
    s.since(closed);
    s.exit(SERVER, 0);
    s.moves(CLIENT, "recv", (3, sock), b"bye", 1024);
    s.since(connected);
    s.exit(CLIENT, 0);
    s.0
}

/// Lesson 12 as it was really recorded, with packets, frames and states.
pub fn half_close() -> Recording {
    let json = include_str!("../../tests/fixtures/half-close.json");
    serde_json::from_str(json).expect("the fixture is a recording")
}

/// Both ends wait for the other to speak first.
pub fn deadlock() -> Recording {
    let mut s = Sample::new(Some("05-taking-turns"), &["server", "client"]);
    let listener = s.listener(SERVER, 3, 12345);
    let idle = s.last();
    let sock = s.socket(CLIENT, "SOCK_STREAM", 3);
    s.connect(CLIENT, sock, 12345, "");
    let connected = s.last();
    let conn = s.accept(SERVER, listener, 4, 41000);
    s.since(idle);
    let accepted = s.last();
    let a = s.stuck(CLIENT, "recv", (3, sock), connected);
    let b = s.stuck(SERVER, "recv", (4, conn), accepted);
    s.waiting(CLIENT, a, Party::Thread { role: "server".into(), thread: 1 });
    s.waiting(SERVER, b, Party::Thread { role: "client".into(), thread: 1 });
    s.0.end.reason = Reason::Deadlock;
    for end in &mut s.0.end.roles {
        end.how = Ending::Killed { why: "deadlock".into() };
    }
    s.0
}

/// Errors, a signal that kills, timeouts that repeat, and all kinds of noise.
pub fn troubles() -> Recording {
    let mut s = Sample::new(None, &["server", "client"]);
    s.0.isolation.lacking = vec!["net: EPERM".into()];
    let streams = vec![
        arg(
            "fds",
            Value::List { items: vec![polled(0, 0, ""), polled(1, 0, ""), polled(2, 0, "")] },
        ),
        arg("nfds", int(3)),
        arg("timeout", int(0)),
    ];
    s.event(SERVER, "poll", streams, Some(0), "");
    let act = vec![
        arg("signum", named(13, "SIGPIPE")),
        arg("act", Value::Struct { fields: vec![arg("sa_handler", named(1, "SIG_IGN"))] }),
    ];
    s.event(SERVER, "sigaction", act, Some(0), "");
    let listener = s.listener(SERVER, 3, 0);
    let option = vec![
        arg("sockfd", fd(3, listener)),
        arg("level", named(1, "SOL_SOCKET")),
        arg("optname", named(2, "SO_REUSEADDR")),
        arg("optval", int(1)),
        arg("optlen", int(4)),
    ];
    s.event(SERVER, "setsockopt", option, Some(0), "");
    let name = |id, number, port| {
        vec![arg("sockfd", fd(number, id)), arg("addr", addr(port)), arg("addrlen", int(16))]
    };
    s.event(SERVER, "getsockname", name(listener, 3, 34567), Some(0), "");
    for _ in 0..200 {
        let quiet = vec![
            arg("fds", Value::List { items: vec![polled(3, listener, "")] }),
            arg("nfds", int(1)),
            arg("timeout", int(500)),
        ];
        let since = s.last();
        s.event(SERVER, "poll", quiet, Some(0), "").note = Some("timer fired".into());
        s.since(since);
    }
    let idle = s.last();
    let nscd = s.socket(CLIENT, "SOCK_STREAM", 3);
    let unix = Value::Addr(SockAddr::Unix { path: "/var/run/nscd/socket".into() });
    s.event(
        CLIENT,
        "connect",
        vec![arg("sockfd", fd(3, nscd)), arg("addr", unix)],
        Some(-2),
        "ENOENT",
    );
    s.close(CLIENT, 3, nscd);
    let sock = s.socket(CLIENT, "SOCK_STREAM|SOCK_CLOEXEC", 3);
    s.connect(CLIENT, sock, 9998, "ECONNREFUSED");
    s.connect(CLIENT, sock, 34567, "");
    let ready = vec![
        arg("fds", Value::List { items: vec![polled(3, listener, "POLLIN")] }),
        arg("nfds", int(1)),
        arg("timeout", int(500)),
    ];
    s.event(SERVER, "poll", ready, Some(1), "");
    s.since(idle);
    let conn = s.accept(SERVER, listener, 4, 41000);
    let mut looks = name(conn, 4, 34567);
    looks[2] = arg("addrlen", Value::List { items: vec![int(128), int(16)] });
    s.event(SERVER, "getsockname", looks, Some(0), "");
    let look = vec![arg("fd", fd(4, conn)), arg("cmd", named(1, "F_GETFD"))];
    s.event(SERVER, "fcntl", look, Some(1), "");
    s.close(SERVER, 4, conn);
    s.event(SERVER, "close", vec![arg("fd", fd(4, 0))], Some(-9), "EBADF");
    s.exit(SERVER, 1);
    let long = "0123456789 abcdefghij ".repeat(40);
    s.moves(CLIENT, "send", (3, sock), long.as_bytes(), long.len() as i64);
    let args = vec![
        arg("sockfd", fd(3, sock)),
        arg("buf", bytes(b"\xa0\xe5\xa5\xbd \x00\xff")),
        arg("len", int(7)),
        arg("flags", named(0x4000, "MSG_NOSIGNAL")),
    ];
    s.event(CLIENT, "send", args, Some(-32), "EPIPE");
    s.event(CLIENT, "signal", vec![arg("sig", named(13, "SIGPIPE"))], None, "");
    s.0.end.roles[0].how = Ending::Exited { status: 1 };
    s.0.end.roles[1].how = Ending::Signalled { signal: "SIGPIPE".into() };
    s.0
}
