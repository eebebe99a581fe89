//! CPython's own tests of its socket modules come out as they do untraced, and the kernel and strace agree on their calls.
//!
//! These are the short ones; `tests/foreign.sh` without a suite runs all of them.

use std::process::Command;

use crate::support::{lab, need, skipped};

/// Threads and forks, every kind of transfer, messages with descriptors, timeouts, names that are no text, the machine's own.
const SUITES: [&str; 3] = [
    "test_epoll",
    "test_socketserver.SocketServerTest.test_ForkingTCPServer,SocketServerTest.test_ThreadingUDPServer,\
     SocketServerTest.test_ForkingUnixDatagramServer,SocketWriterTest",
    "test_socket.BasicTCPTest,BasicUDPTest,BasicSocketPairTest,NonBlockingTCPTests,UDPTimeoutTest,SendmsgUDPTest,\
     RecvmsgIntoTCPTest,RecvmsgSCMRightsStreamTest,TestUnixDomain,TestLinuxAbstractNamespace,\
     GeneralModuleTests.testHostnameRes,GeneralModuleTests.testInterfaceNameIndex",
];

#[test]
fn pythons_own_tests_come_out_as_without_the_lab() {
    need!(lab());
    let oracle = std::env::var_os("LAB_ORACLE").unwrap_or_else(|| "0".into());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/foreign.sh");
    let said = Command::new(script)
        .arg(env!("CARGO_BIN_EXE_lab"))
        .args(SUITES)
        .env("LAB_ORACLE", oracle)
        .output()
        .expect("foreign.sh starts");
    let heard = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    for skip in heard.lines().filter_map(|line| line.split_once("skipped: ")) {
        skipped(skip.1);
    }
    assert!(matches!(said.status.code(), Some(0 | 77)), "{heard}");
}
