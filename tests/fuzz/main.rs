//! Whatever a file says and whatever a program does to its registers and memory: the lab reads it or refuses it in one
//! line. It never breaks down, keeps nothing of it, and needs no more memory than is said here of each.
//!
//! Inputs are valid ones, damaged, and random ones. The ordinary run tries the same few thousand every time;
//! `LAB_CASES=1000000 cargo test --test fuzz -- --nocapture` tries others each time, and tells how many in a second. What
//! was found that way stands beside as a test of its own.

mod calls;
mod harm;
mod lessons;
mod memory;
mod patterns;
mod recordings;

use std::cell::Cell;
use std::fmt::Debug;
use std::time::Instant;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// What the first input makes for good: tables that are built when they are first asked.
const TABLES: isize = 1 << 20;

/// Tries `few` inputs, or as many as were asked for. `read` says whether one was taken rather than refused, which at
/// least a `share`-th must be; none may take more than `most` bytes of memory at a time.
fn hold<T: Debug>(
    few: u32,
    inputs: impl Strategy<Value = T>,
    (share, most): (u32, isize),
    read: impl Fn(&T) -> bool,
) {
    let asked = std::env::var("LAB_CASES").ok().map(|it| it.parse().expect("a number"));
    let rng_seed = if asked.is_some() { RngSeed::Random } else { RngSeed::Fixed(1) };
    let cases = asked.unwrap_or(few);
    let config = Config { cases, rng_seed, failure_persistence: None, ..Config::default() };
    let [taken, highest, kept] = [0, 0, 0].map(Cell::new);
    let began = Instant::now();
    let all = TestRunner::new(config).run(&inputs, |input| {
        let used = memory::used(|| taken.set(taken.get() + isize::from(read(&input))));
        highest.set(highest.get().max(used.most));
        kept.set(kept.get() + used.kept);
        prop_assert!(used.most <= most, "{} bytes of memory at a time", used.most);
        Ok(())
    });
    let [taken, highest, kept] = [taken, highest, kept].map(Cell::into_inner);
    let (time, name) = (began.elapsed(), std::thread::current());
    println!(
        "{}: {cases} inputs, {taken} of them taken, in {time:.1?}, {:.0} a second; \
         {highest} bytes at a time, {kept} kept",
        name.name().unwrap_or_default(),
        f64::from(cases) / time.as_secs_f64()
    );
    if let Err(why) = all {
        panic!("{why}");
    }
    assert!(kept < TABLES, "{kept} bytes of memory are still in use after the last input");
    assert!(taken > (cases / share) as isize, "only {taken} of {cases} were taken");
}
