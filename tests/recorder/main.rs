//! What only a real kernel can show: the recorder against programs that it did not choose.
//!
//! Every test runs `lab trace` as a user would and looks at the recording that it writes. The
//! programs are in `tests/fixtures`; C and Rust are compiled when a test first asks for them, and
//! a test whose compiler or interpreter is missing says `skipped: …` on stderr. After every run the
//! machine is searched for processes left behind.
//!
//! | variable | what it does |
//! |---|---|
//! | `LAB_REPEAT=N` | how often each program of `styles` is recorded (10) |
//! | `LAB_LOAD=1` | the same again with four busy loops beside it |
//! | `LAB_ORACLE=1` | compares with the kernel's own tracepoints (root, perf; see `tests/oracle.sh`) |
//! | `PROPTEST_CASES=N` | how many random programs `identity` tries (64) |
//! | `LAB_SEED=N` | makes the random programs of a failure again |

mod support;

mod armed;
mod deadlock;
mod ending;
mod foreign;
mod identity;
mod limits;
mod locate;
mod oracle;
mod patience;
mod strace;
mod styles;
mod truths;
mod weather;
