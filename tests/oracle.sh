#!/bin/sh
# oracle.sh LAB CMD [ARG...]: holds a recording against what the kernel's own tracepoints saw of the same run.
#
# perf notes every entry into and exit from a socket call while `lab trace` records the command under the free
# schedule; tests/oracle.py then compares the two, thread by thread, call by call: name, descriptor, result.
# Exit 0: they agree; 1: they do not; 77: this machine cannot say (not root, no perf, no tracepoints).
set -eu

skip() {
    echo "skipped: $1" >&2
    exit 77
}

[ $# -ge 2 ] || { echo "usage: $0 LAB CMD [ARG...]" >&2; exit 2; }
lab=$1
shift
here=$(cd "$(dirname "$0")" && pwd)

[ "$(id -u)" = 0 ] || skip "not root"
command -v perf >/dev/null || skip "no perf"
command -v python3 >/dev/null || skip "no python3"

# The tracepoints are found through tracefs. Where nobody has mounted it, mount it for us alone.
if [ ! -d /sys/kernel/tracing/events ] && [ -z "${ORACLE_INSIDE:-}" ]; then
    exec env ORACLE_INSIDE=1 unshare -m "$0" "$lab" "$@"
fi
if [ ! -d /sys/kernel/tracing/events ]; then
    mount -t tracefs none /sys/kernel/tracing 2>/dev/null || skip "no tracefs"
fi
[ -d /sys/kernel/tracing/events/raw_syscalls ] || skip "no raw_syscalls tracepoints"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

filter=$(python3 "$here/oracle.py" filter)
perf record -q -m 1024 -o "$work/perf" \
    -e raw_syscalls:sys_enter --filter "$filter" \
    -e raw_syscalls:sys_exit --filter "$filter" \
    -- "$lab" trace --schedule free --all-calls --as json -o "$work/recording" -- "$@" \
    >"$work/output" 2>&1 || [ -s "$work/recording" ] || { cat "$work/output" >&2; exit 1; }
perf script -i "$work/perf" --show-task-events --show-lost-events \
    -F comm,tid,time,event,trace >"$work/events" 2>/dev/null
python3 "$here/oracle.py" compare "$work/events" "$work/recording" "$1"
