//! Faults of a ring, for tests: what the kernel may answer but seldom does.

use io_uring::{IoUring, squeue};
use std::collections::VecDeque;
use std::io;

/// What the next call comes to.
pub(super) enum Fault {
    /// Nothing is done.
    Error(i32),
    /// Only so many sends are taken, and no answer is waited for.
    Part(u32),
}

/// Faults to come.
#[derive(Default)]
pub(super) struct Faults {
    pub(super) calls: VecDeque<Fault>,
    /// Sends go to a kernel thread, so that their answers come late.
    pub(super) late: bool,
    /// Answers that are there are not seen.
    pub(super) hides: bool,
    /// Calls so far.
    pub(super) called: usize,
}

impl Faults {
    pub(super) fn next(&mut self) -> Option<Fault> {
        self.called += 1;
        self.calls.pop_front()
    }

    pub(super) fn bend(&self, entry: squeue::Entry) -> squeue::Entry {
        match self.late {
            true => entry.flags(squeue::Flags::ASYNC),
            false => entry,
        }
    }
}

impl Fault {
    #[expect(unsafe_code, reason = "there is no safe way to submit a part")]
    pub(super) fn strike(self, ring: &IoUring) -> io::Result<usize> {
        match self {
            Fault::Error(code) => Err(io::Error::from_raw_os_error(code)),
            // SAFETY: it asks for less than what `submit` would.
            Fault::Part(count) => unsafe { ring.submitter().enter::<libc::sigset_t>(count, 0, 0, None) },
        }
    }
}
