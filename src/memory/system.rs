//! What the system says of memory: how much this process holds, and how much there is for it.
//!
//! Linux alone says so; elsewhere there is nothing to keep a budget by.

use std::fs;
use std::path::{Path, PathBuf};

/// Bytes of this process that are in memory (`VmRSS`).
pub fn resident_bytes() -> Option<u64> {
    kib_of(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
}

/// Bytes that there are for this process: the machine's memory, or less where a control group (version 2
/// or 1) or one that it is in says so.
pub fn limit_bytes() -> Option<u64> {
    let machine = kib_of(&fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:")?;
    // Where there are no control groups, the machine's is the only limit.
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = limit_files(&groups)
        .into_iter()
        .filter_map(|file| limit_in(&fs::read_to_string(file).ok()?));
    Some(limits.fold(machine, u64::min))
}

/// A line of a file in /proc, `Name:  123 kB`, in bytes.
fn kib_of(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// A control group's limit; nothing where it has none.
fn limit_in(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// Where the limits stand of the groups that `/proc/self/cgroup` lists, and of those that they are in. In a
/// container a path may be the machine's, of which only the root is there.
fn limit_files(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            _ if controllers.split(',').any(|controller| controller == "memory") => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => continue,
        };
        let path = Path::new(path.trim_start_matches('/'));
        files.extend(path.ancestors().map(|group| Path::new(root).join(group).join(file)));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_bytes() {
        let status = "Name:\tscorewire\nVmHWM:\t    9000 kB\nVmRSS:\t    8192 kB\nThreads:\t4\n";
        assert_eq!(kib_of(status, "VmRSS:"), Some(8192 * 1024));
        for wrong in ["", "VmRSS:", "VmRSS: 8 MB", "VmRSS: -1 kB", "VmRSS: 99999999999999999999 kB"] {
            assert_eq!(kib_of(wrong, "VmRSS:"), None, "{wrong}");
        }
    }

    #[test]
    fn a_group_without_a_limit_has_none() {
        assert_eq!(limit_in("268435456\n"), Some(268_435_456));
        assert_eq!(limit_in("max\n"), None);
    }

    #[test]
    fn limits_are_those_of_a_group_and_of_all_that_it_is_in() {
        let files = |groups: &str| -> Vec<String> { limit_files(groups).iter().map(|file| file.display().to_string()).collect() };
        assert_eq!(
            files("0::/system.slice/scorewire.service\n"),
            [
                "/sys/fs/cgroup/system.slice/scorewire.service/memory.max",
                "/sys/fs/cgroup/system.slice/memory.max",
                "/sys/fs/cgroup/memory.max"
            ]
        );
        assert_eq!(
            files("5:cpu,cpuacct:/a\n4:memory:/docker/1a\n1:name=systemd:/a\nnonsense\n"),
            [
                "/sys/fs/cgroup/memory/docker/1a/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/docker/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes"
            ]
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_says_how_much_there_is() {
        let (resident, limit) = (resident_bytes().unwrap(), limit_bytes().unwrap());
        assert!(resident > 0 && limit > resident, "{resident} of {limit}");
    }
}
