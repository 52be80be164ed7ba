//! What every process may be asked: CPU time, start, descriptors; under the names that Prometheus' own client
//! libraries give them, so that dashboards made for any program show this one.
//!
//! Asked anew for each page: two system calls and, on kernels before 6.2, a walk through the open descriptors.

use super::Metric;
use super::table::*;
use crate::clock::Clock;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};
use std::fmt::Write as _;
use std::sync::LazyLock;

/// When the first handle was made, in seconds since the Unix epoch.
static START_S: LazyLock<f64> = LazyLock::new(|| Clock.wall_us() as f64 / 1e6);

/// Notes that the process has begun.
pub(super) fn begin() {
    LazyLock::force(&START_S);
}

/// Writes what the system says of this process.
pub(super) fn write(page: &mut String) {
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    add(page, &PROCESS_CPU, "counter", cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9);
    add(page, &PROCESS_START, "gauge", *START_S);
    if let Some(open) = open_descriptors() {
        add(page, &PROCESS_DESCRIPTORS, "gauge", open as f64);
    }
    if let Some(limit) = getrlimit(Resource::Nofile).current {
        add(page, &PROCESS_DESCRIPTORS_MAX, "gauge", limit as f64);
    }
}

fn add(page: &mut String, Metric { name, help, .. }: &Metric, kind: &str, value: f64) {
    writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n").expect("memory");
}

/// From Linux 6.2 on the folder's size is how many there are; before, and in emulations, it is 0.
fn open_descriptors() -> Option<u64> {
    let counted = std::fs::metadata("/proc/self/fd").ok()?.len();
    if counted > 0 {
        return Some(counted);
    }
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_says_how_it_is() {
        begin();
        let mut page = String::new();
        write(&mut page);
        let value = |name: &str| -> f64 {
            let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.and_then(|value| value.parse().ok())
                .unwrap_or_else(|| panic!("{name}: {page}"))
        };
        assert!(value("process_cpu_seconds_total") > 0.0);
        assert!(value("process_start_time_seconds") > 1.5e9);
        let open = value("process_open_fds");
        assert!(open >= 3.0 && open < value("process_max_fds"), "{page}");
        let before = open_descriptors();
        let file = std::fs::File::open("/proc/self/status").unwrap();
        let listed = std::fs::read_dir("/proc/self/fd").unwrap().count();
        assert!(before.is_some() && listed >= 4, "{before:?} and then {listed}");
        drop(file);
    }
}
