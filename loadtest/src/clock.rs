//! Clocks: monotonic time that parent and child processes share, the wall clock, CPU time.
//!
//! The monotonic clock counts from the machine's start, so a time that one process wrote down can
//! be subtracted from one that another process took.

use rustix::time::{ClockId, clock_gettime};

fn read_ns(clock: ClockId) -> u64 {
    let now = clock_gettime(clock);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// Monotonic nanoseconds, comparable between processes of one machine.
pub(crate) fn monotonic_ns() -> u64 {
    read_ns(ClockId::Monotonic)
}

/// Microseconds since the Unix epoch.
pub(crate) fn wall_us() -> u64 {
    read_ns(ClockId::Realtime) / 1_000
}

/// CPU time that the calling thread has used, in nanoseconds.
pub(crate) fn thread_cpu_ns() -> u64 {
    read_ns(ClockId::ThreadCPUTime)
}

/// CPU time that this process has used, all threads, in nanoseconds.
pub(crate) fn process_cpu_ns() -> u64 {
    read_ns(ClockId::ProcessCPUTime)
}
