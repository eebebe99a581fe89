//! How much memory a piece of work takes: at a time, and for good. Each thread is counted by itself.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

pub struct Used {
    /// The most bytes in use at any moment, of those that were taken meanwhile.
    pub most: isize,
    /// The bytes still in use at the end.
    pub kept: isize,
}

/// What `work` takes of this thread's memory.
pub fn used(work: impl FnOnce()) -> Used {
    let before = IN_USE.get();
    MOST.set(before);
    work();
    Used { most: MOST.get() - before, kept: IN_USE.get() - before }
}

thread_local! {
    static IN_USE: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn count(bytes: isize) {
    let now = IN_USE.get() + bytes;
    IN_USE.set(now);
    MOST.set(MOST.get().max(now));
}

// SAFETY: all is left to the system's allocator; the counters are plain cells, whose use takes no memory.
unsafe impl GlobalAlloc for Counting {
    // SAFETY: the caller's promises are those that System asks for.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    // SAFETY: the caller's promises are those that System asks for.
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    // SAFETY: the caller's promises are those that System asks for.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    // SAFETY: the caller's promises are those that System asks for.
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[test]
fn what_is_taken_and_what_is_kept_are_counted() {
    let mut kept = Vec::new();
    let used = used(|| {
        drop(vec![0u8; 5000]);
        kept = vec![0u8; 300];
    });
    assert_eq!((used.most, used.kept), (5000, 300), "{}", kept.len());
}
