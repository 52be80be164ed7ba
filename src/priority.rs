//! Threads whose work may wait: they let all others go first.

/// How far such a thread steps back: the least priority there is.
const NICE: i32 = 19;

/// Lets all other threads go before this one, where the system allows it.
pub(crate) fn step_back() {
    #[cfg(target_os = "linux")]
    // To Linux a thread is a process of its own here. Where it says no, this one is like the others.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
}
