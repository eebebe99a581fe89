//! `lab show` draws whatever file it is given: it starts no other program and traces nothing. That it never breaks down is
//! in `fuzz`.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use socket_lab::render::json as file;

mod deny;

const FIXTURE: &str = include_str!("fixtures/half-close.json");

#[test]
fn it_starts_no_program_and_traces_nothing() {
    for format in ["text", "ascii", "json", "jsonl", "svg", "html", "mermaid", "pcapng", "strace"] {
        let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
        lab.args(["show", "tests/fixtures/half-close.json", "--as", format]);
        lab.current_dir(env!("CARGO_MANIFEST_DIR"));
        for call in [
            libc::SYS_ptrace,
            libc::SYS_clone,
            libc::SYS_clone3,
            libc::SYS_unshare,
            libc::SYS_socket,
        ] {
            deny::deny(&mut lab, call);
        }
        let output = lab.output().unwrap();
        assert!(output.status.success(), "{format}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stdout.len() > 500, "{format}");
    }
}

#[test]
fn tshark_reads_the_packets_and_the_calls() {
    if Command::new("tshark").arg("--version").output().is_err() {
        let _ = std::io::stderr().write_all(b"skipped: no tshark here; apt-get install tshark\n");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("run.pcapng");
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.args(["show", "tests/fixtures/half-close.json", "--as", "pcapng", "-o"]).arg(&capture);
    assert!(lab.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success());
    let fields = ["-T", "fields", "-E", "separator=|", "-e", "tcp.flags", "-e", "tcp.len"];
    let output = Command::new("tshark")
        .arg("-r")
        .arg(&capture)
        .args(fields)
        .args(["-e", "frame.comment"])
        .output()
        .unwrap();
    let read = String::from_utf8(output.stdout).unwrap();
    let recording = file::parse(FIXTURE.as_bytes(), Path::new("fixture")).unwrap();
    assert_eq!(read.lines().count(), recording.frames.len(), "{read}");
    let line = |flags: &str, len: &str| {
        let found = read.lines().find(|line| line.starts_with(&format!("{flags}|{len}|")));
        found.unwrap_or_else(|| panic!("no {flags} {len} in {read}")).to_owned()
    };
    assert!(line("0x0002", "0").ends_with("connect(sock, 127.0.0.1:9999) = 0"), "{read}");
    assert!(line("0x0011", "0").ends_with("33 client: shutdown(sock, SHUT_WR) = 0"), "{read}");
    assert!(line("0x0018", "4").ends_with("32 client: send(sock, \"exit\", 4) = 4"), "{read}");
}
