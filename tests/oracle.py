"""Compares a recording with the kernel's tracepoints of the same run. See oracle.sh, which runs it.

oracle.py filter                          the perf filter that lets the compared calls through
oracle.py compare EVENTS RECORDING CMD    EVENTS as `perf script --show-task-events` prints them
"""
import errno
import json
import os
import platform
import re
import sys

X86_64 = {
    "socket": 41, "connect": 42, "accept": 43, "sendto": 44, "recvfrom": 45, "sendmsg": 46,
    "recvmsg": 47, "shutdown": 48, "bind": 49, "listen": 50, "getsockname": 51, "getpeername": 52,
    "socketpair": 53, "setsockopt": 54, "getsockopt": 55, "epoll_wait": 232, "epoll_ctl": 233,
    "epoll_pwait": 281, "accept4": 288, "epoll_create1": 291, "recvmmsg": 299, "sendmmsg": 307,
    "poll": 7, "select": 23, "pselect6": 270, "ppoll": 271, "rt_sigreturn": 15, "restart_syscall": 219,
}
AARCH64 = {
    "socket": 198, "socketpair": 199, "bind": 200, "listen": 201, "accept": 202, "connect": 203,
    "getsockname": 204, "getpeername": 205, "sendto": 206, "recvfrom": 207, "setsockopt": 208,
    "getsockopt": 209, "shutdown": 210, "sendmsg": 211, "recvmsg": 212, "epoll_create1": 20,
    "epoll_ctl": 21, "epoll_pwait": 22, "accept4": 242, "recvmmsg": 243, "sendmmsg": 269,
    "pselect6": 72, "ppoll": 73, "rt_sigreturn": 139, "restart_syscall": 128,
}
NUMBERS = {"x86_64": X86_64, "aarch64": AARCH64}.get(platform.machine(), {})
NAMES = {number: name for name, number in NUMBERS.items()}
RESUMING = ("rt_sigreturn", "restart_syscall")
# The lab records them when they wait for what it follows; which those are the tracepoints do not tell.
WAITING = ("poll", "select", "pselect6", "ppoll")
# Their first argument is no descriptor.
NO_DESCRIPTOR = ("socket", "socketpair", "epoll_create1", *WAITING)
# What the kernel returns inside itself when a signal has interrupted a call.
RESTART = (-512, -513, -514, -516)

FORK = re.compile(r"PERF_RECORD_FORK\((\d+):(\d+)\):\((\d+):(\d+)\)")
EXEC = re.compile(r"PERF_RECORD_COMM exec: (.*):(\d+)/(\d+)")
# comm, tid, [cpu], time, event, trace
ENTER = re.compile(r"\s(\d+)\s.*raw_syscalls:sys_enter:\s*NR (\d+) \(([0-9a-f]+),")
EXIT = re.compile(r"\s(\d+)\s.*raw_syscalls:sys_exit:\s*NR (-?\d+) = (-?\d+)")


def kernel(lines, command):
    """The calls of each thread of the command, threads in order of creation: (name, fd, result)."""
    wanted = os.path.basename(command)[:15]
    order, calls, open_calls = [], {}, {}
    for line in lines:
        if "PERF_RECORD_LOST" in line:
            sys.exit("the kernel lost events: nothing can be said")
        if found := EXEC.search(line):
            comm, tid = found[1], int(found[3])
            if not order and comm == wanted:
                order.append(tid)
                calls[tid] = []
            # An exec from another thread goes on under the leader's number, whose own call is lost.
            open_calls.pop(tid, None)
        elif found := FORK.search(line):
            child, parent = int(found[2]), int(found[4])
            if parent in calls and child not in calls:
                order.append(child)
                calls[child] = []
        elif found := ENTER.search(line):
            tid = int(found[1])
            if tid in calls:
                open_calls[tid] = (int(found[2]), int(found[3], 16) & 0xFFFFFFFF)
        elif found := EXIT.search(line):
            tid, number, ret = int(found[1]), int(found[2]), int(found[3])
            if tid in open_calls:
                entered, first = open_calls.pop(tid)
                name = NAMES.get(entered, str(entered))
                if number not in (entered, -1):
                    sys.exit(f"thread {tid} entered {entered} and left {number}")
                fd = None if name in NO_DESCRIPTOR + RESUMING else first - ((first >> 31) << 32)
                calls[tid].append((name, fd, ret))
    return [folded for tid in order if (folded := fold(calls[tid]))]


def fold(calls):
    """One call for each that the program made: see tests/recorder/strace.rs, which does the same."""
    folded = []
    for i, (name, fd, ret) in enumerate(calls):
        if name in RESUMING:
            continue
        if ret in RESTART:
            following = calls[i + 1] if i + 1 < len(calls) else None
            if following is None:
                continue
            if following[0] == "restart_syscall" or following[0] == "rt_sigreturn" and following[2] == -errno.EINTR:
                ret = following[2]
            else:
                continue
        folded.append((name, fd, ret))
    return folded


def recorded(recording):
    """The same from the recording; thread numbers grow with creation in a namespace of their own."""
    threads = {}
    for event in recording["events"]:
        if event["syscall"] not in NUMBERS or event["ret"] is None:
            continue
        ret = event["ret"]
        if event["errno"]:
            ret = -getattr(errno, event["errno"])
        fd = None
        if event["syscall"] not in NO_DESCRIPTOR:
            fd = event["args"][0].get("value") if event["args"] else None
        threads.setdefault(event["tid"], []).append((event["syscall"], fd, ret))
    return [threads[tid] for tid in sorted(threads)]


def show(call):
    return "nothing" if call is None else f"{call[0]}({'' if call[1] is None else call[1]}) = {call[2]}"


def compare(events, recording, command):
    with open(events, encoding="utf-8", errors="replace") as lines:
        wanted = kernel(lines, command)
    with open(recording, encoding="utf-8") as file:
        seen = recorded(json.load(file))
    if not wanted:
        sys.exit(f"the kernel saw no socket call of {command}")
    unrecorded = 0
    for i in range(max(len(wanted), len(seen))):
        one = wanted[i] if i < len(wanted) else []
        other = iter(seen[i] if i < len(seen) else [])
        right = next(other, None)
        for j, left in enumerate([*one, None]):
            if left == right:
                right = next(other, None)
            elif left and left[0] in WAITING:
                unrecorded += 1
            else:
                sys.exit(
                    f"thread {i + 1} (of {len(wanted)} and {len(seen)}), call {j + 1}:\n"
                    f"  kernel: {show(left)}\n  lab:    {show(right)}"
                )
    print(f"{sum(map(len, seen))} calls of {len(wanted)} threads, no difference", end="")
    print(f"; {unrecorded} waits for what the lab does not follow" if unrecorded else "")


def main():
    if not NUMBERS:
        sys.exit(f"no call numbers for {platform.machine()}")
    if sys.argv[1] == "filter":
        # A return from a signal handler leaves with the number -1.
        print("||".join(f"id=={number}" for number in [-1, *sorted(NUMBERS.values())]))
    else:
        compare(*sys.argv[2:5])


main()
