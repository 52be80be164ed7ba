//! What `/proc` tells: the server's CPU time, memory, context switches and descriptor limit; the machine.
//!
//! Read-only, and only for the process id the user named.

use crate::shape::Machine;
use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::fs;

/// Ticks a second in `/proc/PID/stat`; the kernel's interface fixes it at 100 on every Linux.
const TICKS_PER_SECOND: u64 = 100;

/// Resident memory of a process, in KiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// All of it (`VmRSS`).
    pub(crate) rss_kib: u64,
    /// Heap and stacks alone (`RssAnon`), without mapped files.
    pub(crate) anon_kib: u64,
}

/// The server's threads that predict; the others are the path that scores take.
const PREDICTING: [&str; 3] = ["predictor", "models", "points"];

/// CPU time that a process had used at one moment.
#[derive(Debug, Clone)]
pub(crate) struct CpuReading {
    /// By thread, from the scheduler, exact.
    threads_ns: BTreeMap<String, u64>,
    /// The same of the server's threads that predict, all together.
    predicting_ns: u64,
    /// `utime + stime` of the whole process, threads that ended included, cut to ticks of 10 ms.
    process_ns: u64,
}

impl CpuReading {
    /// Reads the CPU time of all threads of `pid`.
    pub(crate) fn take(pid: u32) -> Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid} can't be read"))?;
        let ticks = stat_ticks(&stat).with_context(|| format!("/proc/{pid}/stat has an unknown form"))?;
        let (mut threads_ns, mut predicting_ns) = (BTreeMap::new(), 0);
        for thread in fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
            // A thread that ends between the two reads is missing, like one that ended before.
            let Ok(text) = fs::read_to_string(thread.path().join("schedstat")) else {
                continue;
            };
            let used_ns = text.split_whitespace().next().and_then(|ns| ns.parse().ok()).unwrap_or(0);
            let name = fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
            if PREDICTING.contains(&name.trim_end()) {
                predicting_ns += used_ns;
            }
            threads_ns.insert(thread.file_name().to_string_lossy().into_owned(), used_ns);
        }
        Ok(Self {
            threads_ns,
            predicting_ns,
            process_ns: ticks * (1_000_000_000 / TICKS_PER_SECOND),
        })
    }

    /// CPU nanoseconds used since `earlier`: the threads' own, exactly, unless a thread ended in
    /// between or the kernel keeps no such statistics; then the process's, if that is more.
    pub(crate) fn since(&self, earlier: &Self) -> u64 {
        let used = |(thread, ns): (&String, &u64)| ns.saturating_sub(earlier.threads_ns.get(thread).copied().unwrap_or(0));
        let threads_ns: u64 = self.threads_ns.iter().map(used).sum();
        let all_alive = threads_ns > 0 && earlier.threads_ns.keys().all(|thread| self.threads_ns.contains_key(thread));
        if all_alive {
            threads_ns
        } else {
            threads_ns.max(self.process_ns.saturating_sub(earlier.process_ns))
        }
    }

    /// The part of that which went into predicting.
    pub(crate) fn predicting_since(&self, earlier: &Self) -> u64 {
        self.predicting_ns.saturating_sub(earlier.predicting_ns)
    }
}

/// How often the threads of a process had given up the processor at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Switches {
    /// By thread: by itself, and because it had to.
    threads: BTreeMap<String, (u64, u64)>,
}

impl Switches {
    /// Reads the counts of all threads of `pid`.
    pub(crate) fn take(pid: u32) -> Result<Self> {
        let mut threads = BTreeMap::new();
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).with_context(|| format!("process {pid} can't be read"))?;
        for thread in tasks.flatten() {
            let Ok(status) = fs::read_to_string(thread.path().join("status")) else {
                continue;
            };
            let count = |name| status_number(&status, name).unwrap_or(0);
            let counts = (count("voluntary_ctxt_switches:"), count("nonvoluntary_ctxt_switches:"));
            threads.insert(thread.file_name().to_string_lossy().into_owned(), counts);
        }
        Ok(Self { threads })
    }

    /// Voluntary and involuntary switches since `earlier`, of the threads that live now.
    pub(crate) fn since(&self, earlier: &Self) -> (u64, u64) {
        self.threads.iter().fold((0, 0), |sum, (thread, now)| {
            let then = earlier.threads.get(thread).copied().unwrap_or_default();
            (sum.0 + now.0.saturating_sub(then.0), sum.1 + now.1.saturating_sub(then.1))
        })
    }
}

/// This machine.
pub(crate) fn machine() -> Machine {
    let line = |path| fs::read_to_string(path).unwrap_or_default();
    let model = line("/proc/cpuinfo").lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == "model name").then(|| value.trim().to_owned())
    });
    Machine {
        cores: std::thread::available_parallelism().map_or(0, |cores| cores.get() as u64),
        model: model.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        kernel: line("/proc/sys/kernel/osrelease").trim().to_owned(),
    }
}

/// Resident memory of `pid`.
pub(crate) fn memory(pid: u32) -> Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("process {pid} can't be read"))?;
    let field = |name| status_number(&status, name).with_context(|| format!("/proc/{pid}/status has no {name}"));
    Ok(Memory {
        rss_kib: field("VmRSS:")?,
        anon_kib: field("RssAnon:")?,
    })
}

/// The soft limit on open descriptors of `pid`; nothing where it can't be read or is unlimited.
pub(crate) fn descriptor_limit(pid: u32) -> Option<u64> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// `utime + stime`: fields 14 and 15, counted after the name in brackets, which may contain spaces.
fn stat_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn status_number(status: &str, name: &str) -> Option<u64> {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_brackets_does_not_shift_the_fields() {
        let stat = "42 (a b) c) S 1 42 42 0 -1 4194560 1 2 3 4 150 25 0 0 20 0 3 0 100 1000 50";
        assert_eq!(stat_ticks(stat), Some(175));
        assert_eq!(stat_ticks("42 nothing"), None);
    }

    #[test]
    fn a_thread_that_ended_leaves_the_count_to_the_process() {
        let reading = |threads: &[(&str, u64)], process_ns| CpuReading {
            threads_ns: threads.iter().map(|&(thread, ns)| (thread.to_owned(), ns)).collect(),
            predicting_ns: 0,
            process_ns,
        };
        let before = reading(&[("1", 100), ("2", 7_000)], 10);
        assert_eq!(
            reading(&[("1", 150), ("2", 7_100), ("3", 25)], 99_000).since(&before),
            175,
            "exact while all live"
        );
        assert_eq!(reading(&[("1", 150)], 2_010).since(&before), 2_000, "thread 2 ended");
        assert_eq!(reading(&[], 2_010).since(&reading(&[], 10)), 2_000, "no statistics by thread");
    }

    #[test]
    fn switches_are_counted_by_thread_from_when_it_is_first_seen() {
        let reading = |threads: &[(&str, (u64, u64))]| Switches {
            threads: threads.iter().map(|&(thread, counts)| (thread.to_owned(), counts)).collect(),
        };
        let before = reading(&[("1", (10, 1)), ("2", (500, 50))]);
        assert_eq!(reading(&[("1", (15, 3)), ("3", (7, 0))]).since(&before), (12, 2));
    }

    #[test]
    fn the_machine_has_a_name() {
        let machine = machine();
        assert!(
            machine.cores > 0 && !machine.model.is_empty() && !machine.kernel.is_empty(),
            "{machine:?}"
        );
    }

    #[test]
    fn the_own_process_can_be_read() {
        let pid = std::process::id();
        let earlier = CpuReading::take(pid).unwrap();
        let mut spin = 0u64;
        while CpuReading::take(pid).unwrap().since(&earlier) == 0 {
            spin = spin.wrapping_add(1);
        }
        let switches = Switches::take(pid).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1));
        assert!(
            Switches::take(pid).unwrap().since(&switches).0 > 0,
            "sleeping gives up the processor"
        );
        let memory = memory(pid).unwrap();
        assert!(memory.rss_kib > 100 && memory.anon_kib <= memory.rss_kib);
        assert!(descriptor_limit(pid).is_none_or(|limit| limit > 0));
    }
}
