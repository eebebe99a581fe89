//! Which processors tracer and tracees run on.
//!
//! A stop on one processor is a switch from one thread to another; across two it wakes an idle processor up, which on a
//! virtual machine costs seven times as much. So a conversation is recorded fastest on one. Threads that compute want
//! more, and get them: [`Placement::Auto`] looks, a tick at a time, which of the two this is.

use std::time::Duration;

use super::proc;

/// Where the free schedule lets programs run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// On the lab's processor while they talk, on all when they compute.
    #[default]
    Auto,
    /// On the lab's processor.
    One,
    /// Wherever the kernel puts them.
    Spread,
}

/// The processors that there are for this process, and whether it keeps to one of them.
pub struct Processors {
    all: libc::cpu_set_t,
    on_one: bool,
    /// Processor time of the programs at the last look.
    used: u64,
}

/// Stops within a tick by which programs talk, and by which they no longer do: between them things stay as they are.
const TALKING: u64 = 500;
const SILENT: u64 = 100;

impl Processors {
    pub fn new(on_one: bool) -> Processors {
        // SAFETY: cpu_set_t is plain data; sched_getaffinity fills it.
        let all = unsafe {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set);
            set
        };
        let mut processors = Processors { all, on_one, used: 0 };
        if on_one {
            processors.keep_to_one([]);
        }
        processors
    }

    /// What sched_getaffinity(2) gives a program without the lab.
    pub fn as_bytes(&self) -> &[u8] {
        let set = &raw const self.all;
        // SAFETY: cpu_set_t is plain bits; the slice covers it and is only read.
        unsafe { std::slice::from_raw_parts(set.cast::<u8>(), size_of::<libc::cpu_set_t>()) }
    }

    /// After a tick with so many stops: moves the threads if they are better off elsewhere. `alive`: the processes that
    /// have not ended.
    pub fn look(
        &mut self,
        tick: Duration,
        stops: u64,
        alive: impl Iterator<Item = i32>,
        threads: impl ExactSizeIterator<Item = i32>,
    ) {
        if self.on_one && stops < SILENT && threads.len() > 1 {
            let used = alive.map(proc::cpu_time).sum::<u64>();
            let computed = used.saturating_sub(std::mem::replace(&mut self.used, used));
            if Duration::from_nanos(computed) > tick / 2 {
                self.spread(threads);
            }
        } else if !self.on_one && stops > TALKING {
            self.keep_to_one(threads);
        }
    }

    fn keep_to_one(&mut self, threads: impl IntoIterator<Item = i32>) {
        // SAFETY: plain numbers; the set is ours.
        unsafe {
            let here = libc::sched_getcpu();
            if here >= 0 && libc::CPU_ISSET(here as usize, &self.all) {
                let mut one: libc::cpu_set_t = std::mem::zeroed();
                libc::CPU_SET(here as usize, &mut one);
                put(threads, &one);
            }
        }
        self.on_one = true;
    }

    fn spread(&mut self, threads: impl IntoIterator<Item = i32>) {
        put(threads, &self.all);
        self.on_one = false;
    }
}

/// The calling thread and these. A refusal costs only speed.
fn put(threads: impl IntoIterator<Item = i32>, set: &libc::cpu_set_t) {
    for tid in threads.into_iter().chain([0]) {
        // SAFETY: the set is only read.
        unsafe { libc::sched_setaffinity(tid, size_of::<libc::cpu_set_t>(), set) };
    }
}
