//! The report of a run, as `--json` writes it and `--html` reads it. Units stand in the names.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of this shape; raised when a name or a meaning changes.
pub(crate) const SHAPE: u32 = 2;

/// A whole run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct RunReport {
    /// [`SHAPE`].
    pub(crate) shape: u32,
    /// `broadcast`, `slate`, `burst`, `storm`, `stalled`, `soak` or `ingest`.
    pub(crate) scenario: String,
    /// What was asked for, as typed.
    pub(crate) command: String,
    /// When it began, microseconds since the Unix epoch.
    pub(crate) began_us: u64,
    /// From the first event due to the last client served.
    pub(crate) duration_s: f64,
    /// Where it ran.
    pub(crate) machine: Machine,
    /// Nothing lost, nothing wrong, every limit held.
    pub(crate) ok: bool,
    /// Limits given, and whether they held.
    pub(crate) limits: Vec<Limit>,
    /// How messages were written: `json` or `bin`, with `+deflate` where they came compressed.
    #[serde(default)]
    pub(crate) coding: String,
    /// WebSocket clients.
    pub(crate) clients: u64,
    /// Events posted.
    pub(crate) events: u64,
    /// Until the last client had its snapshots.
    pub(crate) connect_s: f64,
    /// Changes received, summed over clients; a merged frame delivers several.
    pub(crate) deliveries: u64,
    /// Delta frames received.
    pub(crate) frames: u64,
    /// Delta frames that stood for several changes.
    pub(crate) frames_merged: u64,
    /// Snapshots in mid-run.
    pub(crate) snapshots_late: u64,
    /// Bytes of the delta frames, headers included.
    pub(crate) frame_bytes: u64,
    /// Delta frames that came compressed.
    #[serde(default)]
    pub(crate) frames_deflated: u64,
    /// Clients that were closed or sent something wrong.
    pub(crate) clients_broken: u64,
    /// Things that were wrong.
    pub(crate) fault_count: u64,
    /// The first few of them, in words.
    pub(crate) faults: Vec<String>,
    /// What of it was not verified, and why.
    #[serde(default)]
    pub(crate) notes: Vec<String>,
    /// From the moment an event was due to its receipt.
    pub(crate) latency: Distribution,
    /// The same, until the client's kernel had it (`--kernel-times`).
    pub(crate) latency_kernel: Option<Distribution>,
    /// By event, from due to the first client's receipt.
    pub(crate) first: Distribution,
    /// By event, from due to the last client's receipt.
    pub(crate) last: Distribution,
    /// Second by second.
    pub(crate) timeline: Vec<Second>,
    /// The server's process, where it was named.
    pub(crate) server: Option<Server>,
    /// The load test's own CPU time on the receiving side.
    pub(crate) client_cpu_us_per_delivery: f64,
    /// The same work without a server.
    pub(crate) floors: Vec<Floor>,
    /// Figures of one scenario alone, by name with unit.
    pub(crate) extra: BTreeMap<String, f64>,
}

/// Where a run was made.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// Cores to run on.
    pub(crate) cores: u64,
    /// Their model, as the kernel names it.
    pub(crate) model: String,
    /// The kernel's release.
    pub(crate) kernel: String,
}

/// A limit that was given on the command line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Limit {
    /// The option: `p99-ms`.
    pub(crate) name: String,
    /// At most so much.
    pub(crate) most: f64,
    /// What was measured.
    pub(crate) measured: f64,
    /// Whether it held.
    pub(crate) held: bool,
    /// Why it did not, where the figure does not say.
    #[serde(default)]
    pub(crate) reason: Option<String>,
}

/// How a time is distributed, in milliseconds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Distribution {
    /// Samples.
    pub(crate) count: u64,
    /// Half took at most this long.
    pub(crate) p50_ms: f64,
    /// 9 of 10.
    pub(crate) p90_ms: f64,
    /// 99 of 100.
    pub(crate) p99_ms: f64,
    /// 999 of 1,000.
    pub(crate) p999_ms: f64,
    /// The slowest.
    pub(crate) max_ms: f64,
    /// `(fraction, ms)`, ascending, closer together towards 1.
    pub(crate) curve: Vec<(f64, f64)>,
}

/// One second of a run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Second {
    /// Seconds from the start.
    pub(crate) at_s: u64,
    /// Deliveries received.
    pub(crate) deliveries: u64,
    /// Their median.
    pub(crate) p50_ms: f64,
    /// Their 99th percentile.
    pub(crate) p99_ms: f64,
    /// The server's CPU, in cores.
    pub(crate) server_cores: Option<f64>,
    /// The server's resident memory.
    pub(crate) server_rss_kib: Option<u64>,
    /// Clients connected.
    pub(crate) connected: u64,
}

/// What the server's process took.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Server {
    /// CPU of all its threads from just before the first event until every client had the last.
    pub(crate) cpu_us_per_delivery: f64,
    /// The same, in total.
    pub(crate) cpu_s: f64,
    /// What of it the threads that predict took.
    #[serde(default)]
    pub(crate) predicting_cpu_s: f64,
    /// Resident with everybody connected and nothing happening.
    pub(crate) rss_idle_kib: u64,
    /// Resident at the end.
    pub(crate) rss_end_kib: u64,
    /// Growth of the resident memory by one idle connection.
    pub(crate) rss_per_connection_kib: f64,
    /// The same without mapped files.
    pub(crate) anon_per_connection_kib: f64,
    /// Times its threads gave up the processor by themselves.
    pub(crate) switches_voluntary: u64,
    /// Times they had to.
    pub(crate) switches_involuntary: u64,
}

/// The same trace, sent by a bare loop.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Floor {
    /// `send` or `io_uring`.
    pub(crate) via: String,
    /// Sending threads.
    pub(crate) threads: u64,
    /// Events received, summed over sockets.
    pub(crate) deliveries: u64,
    /// CPU of the sending threads.
    pub(crate) cpu_us_per_delivery: f64,
    /// From due to receipt.
    pub(crate) latency: Distribution,
    /// By event, until the last recipient.
    pub(crate) last: Distribution,
    /// The server's CPU per delivery over this.
    pub(crate) cpu_ratio: Option<f64>,
    /// The server's 99th percentile over this one's.
    pub(crate) p99_ratio: Option<f64>,
    /// The server's median time to the last client over this one's.
    pub(crate) last_ratio: Option<f64>,
}
