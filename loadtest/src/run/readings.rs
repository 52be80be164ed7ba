//! What the run reads off the server's process: CPU, memory and context switches.

use super::Running;
use crate::proc::{self, CpuReading, Memory, Switches};
use crate::shape::Server;
use anyhow::Result;

/// The server's process at one moment.
pub(super) struct Look {
    cpu: CpuReading,
    switches: Switches,
    memory: Memory,
}

impl Look {
    /// Reads all of it off.
    pub(super) fn take(pid: u32) -> Result<Self> {
        Ok(Self {
            cpu: CpuReading::take(pid)?,
            switches: Switches::take(pid)?,
            memory: proc::memory(pid)?,
        })
    }
}

impl Running<'_> {
    /// The server's process in the end; it may be gone by now.
    pub(super) fn last_look(&mut self) -> Option<Look> {
        let look = self.settings.server_pid.map(Look::take).transpose();
        look.unwrap_or_else(|error| {
            self.faults.push(format!("the server's process: {error:#}"));
            None
        })
    }
}

/// What it took between two looks, and by connection.
pub(super) fn server(before: Memory, idle: Memory, earlier: &Look, later: &Look, clients: usize, deliveries: u64) -> Server {
    let cpu_ns = later.cpu.since(&earlier.cpu);
    let (switches_voluntary, switches_involuntary) = later.switches.since(&earlier.switches);
    let each = |idle: u64, before: u64| (idle as f64 - before as f64) / clients as f64;
    Server {
        cpu_us_per_delivery: cpu_ns as f64 / 1e3 / deliveries.max(1) as f64,
        cpu_s: cpu_ns as f64 / 1e9,
        predicting_cpu_s: later.cpu.predicting_since(&earlier.cpu) as f64 / 1e9,
        rss_idle_kib: idle.rss_kib,
        rss_end_kib: later.memory.rss_kib,
        rss_per_connection_kib: each(idle.rss_kib, before.rss_kib),
        anon_per_connection_kib: each(idle.anon_kib, before.anon_kib),
        switches_voluntary,
        switches_involuntary,
    }
}
