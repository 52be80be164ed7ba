//! Which of the server's threads used how much processor time, from `/proc`.
//!
//! By kind: `engine-0` and `engine-1` are both `engine`.

use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::fs;

/// Processor time by kind of thread at one moment, in nanoseconds.
#[derive(Debug, Default)]
pub(crate) struct ByThread(BTreeMap<String, u64>);

impl ByThread {
    /// Reads it off for all threads that process `pid` has now.
    pub(crate) fn take(pid: u32) -> Result<ByThread> {
        let mut by_kind = BTreeMap::new();
        for thread in fs::read_dir(format!("/proc/{pid}/task"))
            .with_context(|| format!("process {pid} can't be read"))?
            .flatten()
        {
            // A thread may have ended by now.
            let read = |name: &str| fs::read_to_string(thread.path().join(name)).unwrap_or_default();
            let used_ns: u64 = read("schedstat")
                .split_whitespace()
                .next()
                .and_then(|ns| ns.parse().ok())
                .unwrap_or(0);
            *by_kind.entry(kind(&read("comm"))).or_default() += used_ns;
        }
        Ok(ByThread(by_kind))
    }

    /// What each kind of thread used since `earlier`; those that used nothing are left out.
    pub(crate) fn since(&self, earlier: &ByThread) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().filter_map(|(kind, ns)| {
            let used_ns = ns.saturating_sub(earlier.0.get(kind).copied().unwrap_or(0));
            (used_ns > 0).then_some((kind.as_str(), used_ns))
        })
    }
}

fn kind(name: &str) -> String {
    let name = name.trim().trim_end_matches(|c: char| c.is_ascii_digit());
    name.trim_end_matches('-').replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_told_by_kind() {
        assert_eq!(
            (kind("engine-12\n"), kind("tokio-rt worker"), kind("side")),
            ("engine".into(), "tokio_rt_worker".into(), "side".into())
        );
    }

    #[test]
    fn the_own_threads_can_be_read() {
        let earlier = ByThread::take(std::process::id()).unwrap();
        let mut spin = 0u64;
        while ByThread::take(std::process::id()).unwrap().since(&earlier).next().is_none() {
            spin = spin.wrapping_add(1);
        }
    }
}
