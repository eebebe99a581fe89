//! Virtual time: what the programs' clocks say where one thread runs at a time.
//!
//! It begins at a fixed moment, moves a little with every call, and jumps to the deadline of a timer
//! when that is the only thing left to happen. So a stamp in a message, a retry with a deadline and a
//! poll that times out are the same in every run, and none of them takes real time.

/// The real-time clock at the start of every run: 2030-01-01 00:00:00 UTC, in nanoseconds since the epoch.
/// Later than any file that the programs find, which make(1) and others would wonder about.
pub const EPOCH: u64 = 1_893_456_000 * 1_000_000_000;

/// What the monotonic clocks say at the start, in nanoseconds: a thousand seconds after "boot".
const BOOT: u64 = 1_000 * 1_000_000_000;

/// How far one call moves the clock, in nanoseconds.
const STEP: u64 = 1_000;

/// From this many looks at the clock in a row on, each doubles its step: a loop that waits for a moment gets there.
const PATIENCE: u32 = 1_000;

/// The longest step of such a loop, as a number of doublings: a second.
const MOST_DOUBLINGS: u32 = 20;

#[derive(Default)]
pub struct Clock {
    /// Nanoseconds since the run began.
    now: u64,
    looks: u32,
    /// From where the last looks came.
    sites: [u64; 2],
}

impl Clock {
    /// Nanoseconds of virtual time since the run began.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// A call was made that is not a look at the clock.
    pub fn tick(&mut self) {
        self.now += STEP;
        self.looks = 0;
    }

    /// The programs look at the clock: what it shows for this clock id. `site` is the place in the program that
    /// looks.
    pub fn look(&mut self, id: i32, site: u64) -> u64 {
        // A loop that waits looks from the same place or two. Looks from many are those of a language's runtime (CPython
        // looks whenever it takes a lock), which waits for nothing: time must not run away under it.
        if !self.sites.contains(&site) {
            self.sites = [self.sites[1], site];
            self.looks = 0;
        }
        self.looks += 1;
        let doublings = self.looks.saturating_sub(PATIENCE).min(MOST_DOUBLINGS);
        self.now = self.now.saturating_add(STEP << doublings);
        self.shows(id)
    }

    /// What the clock of this id shows now: nanoseconds since its own beginning.
    pub fn shows(&self, id: i32) -> u64 {
        self.now + Clock::beginning(id)
    }

    /// The moment, in virtual time since the start, at which the clock of this id will show `reading`.
    pub fn moment(&self, id: i32, reading: u64) -> u64 {
        reading.saturating_sub(Clock::beginning(id))
    }

    /// How long it is, in nanoseconds, until the clock of this id shows `reading`; 0 if it has already.
    pub fn until(&self, id: i32, reading: u64) -> u64 {
        self.moment(id, reading).saturating_sub(self.now)
    }

    /// Nothing else can happen before `moment`.
    pub fn jump(&mut self, moment: u64) {
        self.now = self.now.max(moment);
    }

    fn beginning(id: i32) -> u64 {
        match id {
            libc::CLOCK_REALTIME
            | libc::CLOCK_REALTIME_COARSE
            | libc::CLOCK_TAI
            | libc::CLOCK_REALTIME_ALARM => EPOCH,
            libc::CLOCK_MONOTONIC
            | libc::CLOCK_MONOTONIC_RAW
            | libc::CLOCK_MONOTONIC_COARSE
            | libc::CLOCK_BOOTTIME
            | libc::CLOCK_BOOTTIME_ALARM => BOOT,
            // The processor time of a process or thread.
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_waits_for_a_moment_gets_there_in_few_looks() {
        let mut clock = Clock::default();
        let hour = clock.shows(libc::CLOCK_MONOTONIC) + 3_600 * 1_000_000_000;
        let looks = (0..).take_while(|_| clock.look(libc::CLOCK_MONOTONIC, 7) < hour).count();
        assert!(looks < 5_000, "{looks} looks");
    }

    #[test]
    fn looks_from_many_places_do_not_make_time_run_away() {
        let mut clock = Clock::default();
        for look in 0..100_000 {
            clock.look(libc::CLOCK_MONOTONIC, look % 3);
        }
        assert_eq!(clock.now(), 100_000 * STEP);
    }

    #[test]
    fn a_reading_and_its_moment_belong_together() {
        let mut clock = Clock::default();
        clock.jump(5_000);
        for id in [libc::CLOCK_REALTIME, libc::CLOCK_MONOTONIC] {
            assert_eq!(clock.moment(id, clock.shows(id)), 5_000);
        }
    }
}
