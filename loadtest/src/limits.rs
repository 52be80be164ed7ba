//! Open-file limits: each connection costs a descriptor on either side.

use crate::proc;
use anyhow::{Result, bail, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors a process needs beside its connections: standard streams, epoll, listener, pipes.
const DESCRIPTORS_SPARE: u64 = 64;

/// Most processes that hold clients, or read beside the floor.
const PROCESSES_MAX: usize = 256;

/// Clients that one receiving thread is given where there are cores for more threads.
const CLIENTS_PER_THREAD: usize = 2_500;

/// Raises this process's soft limit to the hard one and returns that; children inherit it.
pub(crate) fn raise_descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    // Where raising fails, the soft limit is what there is.
    let raised = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
    match raised {
        Ok(()) => limit.maximum.unwrap_or(u64::MAX),
        Err(_) => limit.current.unwrap_or(u64::MAX),
    }
}

/// Refuses a run for which `available` descriptors in one process are too few.
pub(crate) fn require(available: u64, connections: usize, who: &str) -> Result<()> {
    let needed = connections as u64 + DESCRIPTORS_SPARE;
    if available < needed {
        bail!(
            "open-file limit too low: {who} needs {needed} descriptors for {connections} connections and may open {available}. \
             Raise it in the shell that starts it (`ulimit -n {needed}`), in a container with `--ulimit nofile={needed}:{needed}`, \
             under systemd with `LimitNOFILE={needed}`; or use at most {} clients",
            available.saturating_sub(DESCRIPTORS_SPARE)
        );
    }
    Ok(())
}

/// Refuses a run that the server's own limit can't carry.
pub(crate) fn require_of_server(pid: u32, clients: usize) -> Result<()> {
    match proc::descriptor_limit(pid) {
        Some(available) => require(available, clients, &format!("the server (process {pid})")),
        None => Ok(()),
    }
}

/// Refuses a run whose clients would need more processes than make sense.
pub(crate) fn require_processes(available: u64, clients: usize) -> Result<()> {
    let (processes, needed) = (
        processes(clients, available),
        DESCRIPTORS_SPARE + clients.div_ceil(PROCESSES_MAX) as u64,
    );
    ensure!(
        processes <= PROCESSES_MAX,
        "open-file limit too low: at {available} descriptors a process {clients} clients need {processes} processes, and at most \
         {PROCESSES_MAX} are started. Raise it (`ulimit -n {needed}` or more), or use fewer --clients"
    );
    Ok(())
}

/// Refuses what was asked for by `option` where that is more processes than make sense.
pub(crate) fn require_processes_asked(option: &str, processes: usize) -> Result<()> {
    ensure!(
        processes <= PROCESSES_MAX,
        "{option} {processes}: at most {PROCESSES_MAX} processes are started"
    );
    Ok(())
}

/// How many client processes share `clients` connections when each may open `available` descriptors.
pub(crate) fn processes(clients: usize, available: u64) -> usize {
    let each = usize::try_from(available.saturating_sub(DESCRIPTORS_SPARE))
        .unwrap_or(usize::MAX)
        .max(1);
    clients.div_ceil(each).max(1)
}

/// How many client processes make sense on this machine: a thread receives for some thousands of clients,
/// and three quarters of the cores are left to others.
pub(crate) fn processes_by_cores(clients: usize) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (cores / 4).min(clients.div_ceil(CLIENTS_PER_THREAD)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_what_is_needed_and_how_to_get_it() {
        let error = require(1_024, 10_000, "the floor").unwrap_err().to_string();
        for part in ["the floor", "10064", "1024", "ulimit -n 10064", "LimitNOFILE", "960 clients"] {
            assert!(error.contains(part), "{part} is missing in: {error}");
        }
        assert!(require(10_064, 10_000, "the floor").is_ok());
    }

    #[test]
    fn clients_spread_over_as_many_processes_as_the_limit_asks_for() {
        assert_eq!(processes(10_000, 20_000), 1);
        assert_eq!(processes(30_000, 20_000), 2);
        assert_eq!(processes(5, 70), 1);
        assert!(require_processes(84, 5_120).is_ok());
        let error = require_processes(84, 10_000).unwrap_err().to_string();
        assert!(error.contains("ulimit -n 104") && error.contains("500 processes"), "{error}");
        assert_eq!(processes(7, 70), 2);
    }
}
