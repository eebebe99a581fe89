"""Runs CPython's own tests and compares what came of them. See foreign.sh, which runs it.

foreign.py run OUT SUITE           each test's verdict into OUT; SUITE is `test_poll`, or some of it: `test_socket.A,B.test_c`
foreign.py verdicts ALONE TRACED   are the verdicts alike?
foreign.py calls                   the calls whose lines are compared, for `strace -e trace=`
foreign.py lines STRACE LAB        is each line of LAB written as strace writes such a call?
"""
import errno
import fcntl
import os
import re
import select
import socket
import sys
import unittest

# On a machine that is itself a guest these wait for a host that never answers.
LEFT_OUT = "VSOCK"

# Where the verdicts may differ, and why.
KNOWN = {
    "test_socket.GeneralModuleTests.test_idna": "needs a name server, and the private network has none",
}

CALLS = """
    socket socketpair bind listen accept accept4 connect getsockname getpeername getsockopt setsockopt shutdown
    sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg sendfile read write readv writev close dup dup2 dup3 fcntl ioctl
    poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 pipe2 eventfd2
""".split()


class Verdicts(unittest.TestResult):
    """One line a test, as soon as it is over: verdict, test, why. A class or a module that cannot begin has one too."""

    def __init__(self, out):
        super().__init__()
        self.out = out
        self.verdict = None

    def startTest(self, test):
        super().startTest(test)
        self.verdict = "pass", ""

    def stopTest(self, test):
        super().stopTest(test)
        self.write(test, *self.verdict)
        self.verdict = None

    def write(self, test, verdict, why):
        print(verdict, test.id().removeprefix("test."), " ".join(why.split()), sep="\t", file=self.out, flush=True)

    def settle(self, test, verdict, why):
        if self.verdict is None:
            self.write(test, verdict, why)
        self.verdict = self.verdict and (verdict, why)

    def addError(self, test, err):
        super().addError(test, err)
        self.settle(test, "error", f"{err[0].__name__}: {err[1]}")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.settle(test, "fail", f"{err[0].__name__}: {err[1]}")

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.settle(test, "fail", f"{err[0].__name__}: {err[1]}")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.settle(test, "skip", reason)

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self.settle(test, "fail as expected", "")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.settle(test, "pass against expectation", "")


def run(out, suite):
    def flat(suite):
        for test in suite:
            if isinstance(test, unittest.TestSuite):
                yield from flat(test)
            elif LEFT_OUT not in test.id():
                yield test

    module, _, some = suite.partition(".")
    names = [f"test.{module}.{one}" for one in some.split(",")] if some else [f"test.{module}"]
    loader = unittest.defaultTestLoader
    found = loader.loadTestsFromNames(names)
    if loader.errors:
        sys.exit("\n".join(loader.errors))
    with open(out, "w", encoding="utf-8") as file:
        unittest.TestSuite(flat(found)).run(Verdicts(file))


def verdicts(alone, traced):
    """Says `N of N alike` and what differs; whether all that does is known."""
    def read(path):
        with open(path, encoding="utf-8") as file:
            lines = (line.rstrip("\n").split("\t") for line in file)
            return {test: (verdict, why) for verdict, test, why in lines}

    wanted, got = read(alone), read(traced)
    not_run = "not run", ""
    differ = [test for test in sorted(wanted | got) if wanted.get(test, not_run)[0] != got.get(test, not_run)[0]]
    print(f"{len(wanted | got) - len(differ)} of {len(wanted | got)} verdicts alike")
    for test in differ:
        print(f"  {test}: {' '.join(wanted.get(test, not_run))}; traced: {' '.join(got.get(test, not_run))}")
        if test in KNOWN:
            print(f"    known: {KNOWN[test]}")
    return bool(wanted) and all(test in KNOWN for test in differ)


def lines(strace, lab):
    """Says `N of N lines` and which are written otherwise; whether none is."""
    known = {piece for call in calls_of(strace) for piece in pieces(call)}

    def is_known(piece):
        # Of netlink the lab leaves out what differs from run to run: lengths, port ids, counters.
        return piece in known or piece.startswith(("{nlmsg_type=", "{iov_base=[STRUCT]"))

    count, odd = 0, {}
    for call in calls_of(lab):
        count += 1
        if strange := [piece for piece in pieces(call) if not is_known(piece)]:
            odd.setdefault(strange[0], []).append(call)
    print(f"{count - sum(map(len, odd.values()))} of {count} lines as strace writes them")
    for piece, those in odd.items():
        print(f"  {len(those)}, as {those[0][:300]}\n    strace never wrote {piece[:300]}")
    return count > 0 and not odd


def calls_of(path):
    """The compared calls, each in one piece."""
    begun = {}
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            thread, _, text = line.strip().partition(" ")
            text = text.strip()
            if resumed := re.match(r"<\.\.\. \w+ resumed>", text):
                text = begun.pop(thread, "") + text[resumed.end():]
            if text.endswith("<unfinished ...>"):
                begun[thread] = text.removesuffix("<unfinished ...>")
            elif text.partition("(")[0] in CALLS:
                yield text


STRING = re.compile(r'@?"(?:[^"\\]|\\.)*"(?:\.\.\.)?')
NUMBER = re.compile(r"(?<![\w?])-?(?:0x[0-9a-f]+|\d+)\b|…")
ERROR = re.compile(r"= -1 (E\w+) \(([^)]*)\)$")
CONSTANTS = re.compile(r"\b[A-Z][A-Z0-9]*_?[A-Z][A-Z0-9_]*(?:\|[A-Z][A-Z0-9_]*)*\b")
INNERMOST = re.compile(r"\{[^{}]*\}")


def pieces(call):
    """How a call is written, whatever its values: the names in it, each struct, and the call around them."""
    # A recording does not keep how much of a time limit was left, and an interrupted poll returns EINTR in the end.
    text = re.sub(r"left \{[^}]*\}", "left …", STRING.sub("…", call))
    text = re.sub(r"= \? ERESTART\w+ \(.*", "= error", text)
    error = ERROR.search(text)
    if error and os.strerror(getattr(errno, error[1], 0)) == error[2]:
        text = text[:error.start()] + "= error"
    found = [name for some in CONSTANTS.findall(text) for name in some.split("|") if not is_python(name)]
    text = re.sub(r"\s+", "", NUMBER.sub("…", CONSTANTS.sub("NAME", text)))
    while struct := INNERMOST.search(text):
        found.append(re.sub(r"…(?:,…)+", "…", struct[0]))
        text = text[:struct.start()] + "STRUCT" + text[struct.end():]
    text = re.sub(r"(STRUCT|…)(?:,\1)+(?=\])", r"\1", text)
    # The sets of select(2) have blanks between numbers.
    return [*found, re.sub(r"\[…+\]", "[…]", text)]


def is_python(name):
    return any(hasattr(module, name) for module in (errno, fcntl, select, socket))


def main():
    what, arguments = sys.argv[1], sys.argv[2:]
    if what == "run":
        run(*arguments)
    elif what == "calls":
        print(",".join(f"?{name}" for name in CALLS))
    else:
        compare = {"verdicts": verdicts, "lines": lines}[what]
        sys.exit(0 if compare(*arguments) else 1)


main()
