#!/bin/sh
# foreign.sh [LAB [SUITE...]]: CPython's own tests of its socket modules, alone and under `lab trace`.
#
# A suite is a module of Python's package `test`, or some of it: `test_socket.BasicTCPTest,BasicUDPTest`. Each runs alone,
# under the free schedule and in lockstep; tests/foreign.py compares the verdicts test by test. What was recorded is then
# held against the kernel's tracepoints (tests/oracle.sh; LAB_ORACLE=0 leaves that out) and against strace, line by line.
# What may differ, and why, stands in tests/foreign.py. All five suites, 871 tests, take six minutes; those of VSOCK, which
# wait for a host, are left out.
# PYTHON names the interpreter, 3.9 or newer; else it is the first that has the package (Debian: libpython3-testsuite).
# Exit 0: they agree; 1: they do not; 77: this machine cannot say.
set -eu

skip() {
    echo "skipped: $1" >&2
    exit 77
}

here=$(cd "$(dirname "$0")" && pwd)
lab=$(realpath "${1:-$here/../target/debug/lab}")
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- test_poll test_epoll test_selectors test_socketserver test_socket
[ -x "$lab" ] || { echo "no program $lab: cargo build makes it" >&2; exit 2; }
"$lab" doctor >/dev/null || skip "tracing is forbidden here; lab doctor says why"

# The interpreter itself, not a launcher that finds it.
python=
for one in ${PYTHON:-/usr/bin/python3 python3 /usr/local/bin/python3}; do
    python=$("$one" -c 'import sys, test.test_socket; print(sys.executable)' 2>/dev/null) && break
done
[ -n "$python" ] || skip "no Python with its own tests (Debian: apt install libpython3-testsuite)"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" # the tests make files where they stand

# say WHAT COMMAND...: what the comparison found, and below it what differs.
failed=0
say() {
    what=$1 status=0
    shift
    found=$("$@" 2>&1) || status=$?
    [ $status = 0 ] || [ $status = 77 ] || failed=1
    echo "$suite, $what: $found"
}

# under VERDICTS COMMAND...: runs the suite behind the command.
under() {
    verdicts=$work/$1
    shift
    timeout 900 "$@" "$python" "$here/foreign.py" run "$verdicts" "$suite" </dev/null >"$work/output" 2>&1 || {
        echo "$suite, $*: exit $?" && tail -n 20 "$work/output"
        failed=1
    }
}

for suite in "$@"; do
    rm -f "$work"/*
    under alone env
    [ -s "$work/alone" ] || continue
    # The kernel looks on at the free run where it lets us ask.
    [ "${LAB_ORACLE:-1}" = 0 ] ||
        say "the kernel's tracepoints" "$here/oracle.sh" "$lab" "$python" "$here/foreign.py" run "$work/free" "$suite"
    [ -s "$work/free" ] || under free "$lab" trace --schedule free -o "$work/text" --
    under lockstep "$lab" trace --as strace -o "$work/lab" --
    for schedule in free lockstep; do
        say $schedule "$python" "$here/foreign.py" verdicts "$work/alone" "$work/$schedule"
    done
    if command -v strace >/dev/null; then
        calls=$("$python" "$here/foreign.py" calls)
        under straced strace -f -s 4096 -o "$work/strace" -e trace="$calls"
        say strace "$python" "$here/foreign.py" lines "$work/strace" "$work/lab"
    else
        echo "$suite, strace: skipped: no strace"
    fi
done
exit $failed
