//! The figures of a run: as JSON for programs, as text for people. Units stand in the names.

use crate::latency::LatencyMs;
use crate::proc::Memory;
use anyhow::{Context as _, Result};
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// What the bare `send()` loop took.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FloorReport {
    /// Sockets.
    pub(crate) clients: usize,
    /// Bytes of an event.
    pub(crate) bytes: usize,
    /// Events sent to every socket.
    pub(crate) events: usize,
    /// Between events.
    pub(crate) interval_ms: f64,
    /// Events received, summed over sockets.
    pub(crate) deliveries: u64,
    /// The sending thread's CPU time.
    pub(crate) cpu_us_per_delivery: f64,
    /// From the event's intended start to its receipt.
    pub(crate) latency_ms: LatencyMs,
}

/// What the server's process took.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ServerReport {
    /// CPU of all its threads from just before the first play until every client had the last.
    pub(crate) cpu_us_per_delivery: f64,
    /// The same, in total.
    pub(crate) cpu_s: f64,
    /// Resident with everybody connected and nothing happening.
    pub(crate) rss_idle_kib: u64,
    /// Growth of the resident memory by one idle connection.
    pub(crate) rss_per_connection_kib: f64,
    /// The same without mapped files.
    pub(crate) anon_per_connection_kib: f64,
}

/// A broadcast run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct BroadcastReport {
    /// Nothing lost, nothing wrong.
    pub(crate) ok: bool,
    /// What everybody subscribed to.
    pub(crate) topic: String,
    /// WebSocket clients.
    pub(crate) clients: usize,
    /// Plays posted.
    pub(crate) events: usize,
    /// Between plays.
    pub(crate) interval_ms: f64,
    /// Until the last client had its snapshot.
    pub(crate) connect_s: f64,
    /// Plays received, summed over clients; a merged frame delivers several.
    pub(crate) deliveries: u64,
    /// Clients times plays.
    pub(crate) deliveries_due: u64,
    /// Clients that hold the state after the last play.
    pub(crate) clients_complete: u64,
    /// Clients that were closed or sent something wrong.
    pub(crate) clients_broken: u64,
    /// Delta frames received.
    pub(crate) frames: u64,
    /// Delta frames that stood for several plays.
    pub(crate) frames_merged: u64,
    /// Snapshots in mid-run: the client had fallen behind the ring.
    pub(crate) snapshots_late: u64,
    /// Mean size of a delta frame, header included.
    pub(crate) bytes_per_frame: u64,
    /// Messages parsed and checked in full.
    pub(crate) messages_parsed: u64,
    /// Messages that equalled, byte for byte, one already checked.
    pub(crate) messages_compared: u64,
    /// Clients that kept totals of their own.
    pub(crate) clients_sampled: usize,
    /// From the intended post to the receipt.
    pub(crate) latency_ms: LatencyMs,
    /// The load test's own receiving side.
    pub(crate) client_cpu_us_per_delivery: f64,
    /// Where the server's process was named.
    pub(crate) server: Option<ServerReport>,
    /// Where it was asked for.
    pub(crate) floor: Option<FloorReport>,
    /// Server CPU per delivery over the floor's.
    pub(crate) ratio_to_floor: Option<f64>,
    /// Everything that was wrong.
    pub(crate) fault_count: u64,
    /// The first few of them, in words.
    pub(crate) faults: Vec<String>,
}

impl ServerReport {
    /// From two looks at its memory and the CPU time in between.
    pub(crate) fn new(before: Memory, idle: Memory, cpu_ns: u64, clients: usize, deliveries: u64) -> Self {
        let each = |idle: u64, before: u64| (idle as f64 - before as f64) / clients as f64;
        Self {
            cpu_us_per_delivery: cpu_ns as f64 / 1e3 / deliveries.max(1) as f64,
            cpu_s: cpu_ns as f64 / 1e9,
            rss_idle_kib: idle.rss_kib,
            rss_per_connection_kib: each(idle.rss_kib, before.rss_kib),
            anon_per_connection_kib: each(idle.anon_kib, before.anon_kib),
        }
    }
}

/// Writes a report as JSON, to standard output where `path` is `-`.
pub(crate) fn write_json(report: &impl Serialize, path: &Path) -> Result<()> {
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    if path.as_os_str() == "-" {
        print!("{text}");
        return Ok(());
    }
    std::fs::write(path, text).with_context(|| format!("{} can't be written", path.display()))
}

impl fmt::Display for LatencyMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p99, max, last_p50 } = self;
        write!(
            f,
            "p50 {p50:.1} ms, p99 {p99:.1} ms, slowest {max:.1} ms; to the last client (p50 of events) {last_p50:.1} ms"
        )
    }
}

impl fmt::Display for FloorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            clients,
            bytes,
            events,
            interval_ms,
            ..
        } = self;
        writeln!(
            f,
            "floor        {clients} sockets, {bytes} bytes each, {events} events every {interval_ms} ms: {} deliveries",
            self.deliveries
        )?;
        writeln!(
            f,
            "  CPU        {:.2} µs per delivery (the sending thread)",
            self.cpu_us_per_delivery
        )?;
        writeln!(f, "  latency    {}", self.latency_ms)
    }
}

impl fmt::Display for ServerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "  server     {:.2} µs CPU per delivery ({:.2} s in all)",
            self.cpu_us_per_delivery, self.cpu_s
        )?;
        let (rss, each, anon) = (self.rss_idle_kib / 1024, self.rss_per_connection_kib, self.anon_per_connection_kib);
        writeln!(
            f,
            "  memory     {rss} MiB resident when idle, {each:.2} KiB per connection ({anon:.2} KiB without mapped files)"
        )
    }
}

impl fmt::Display for BroadcastReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            clients,
            events,
            interval_ms,
            topic,
            ..
        } = self;
        writeln!(
            f,
            "broadcast    {clients} clients on {topic}, {events} plays every {interval_ms} ms"
        )?;
        writeln!(f, "  connected  in {:.2} s", self.connect_s)?;
        writeln!(
            f,
            "  deliveries {} of {}; {} clients have everything, {} broke",
            self.deliveries, self.deliveries_due, self.clients_complete, self.clients_broken
        )?;
        writeln!(
            f,
            "  frames     {} of {} bytes, {} merged, {} late snapshots",
            self.frames, self.bytes_per_frame, self.frames_merged, self.snapshots_late
        )?;
        writeln!(
            f,
            "  verified   {} messages parsed, {} equal to one of them, {} clients with books of their own",
            self.messages_parsed, self.messages_compared, self.clients_sampled
        )?;
        writeln!(f, "  latency    {}", self.latency_ms)?;
        if let Some(server) = &self.server {
            write!(f, "{server}")?;
        }
        writeln!(
            f,
            "  load test  {:.2} µs CPU per delivery on the receiving side",
            self.client_cpu_us_per_delivery
        )?;
        if let Some(floor) = &self.floor {
            write!(f, "{floor}")?;
        }
        if let Some(ratio) = self.ratio_to_floor {
            writeln!(f, "ratio        {ratio:.2} × the floor's CPU per delivery")?;
        }
        if self.ok {
            return writeln!(f, "right        every client has the right totals");
        }
        writeln!(f, "WRONG        {} faults", self.fault_count)?;
        self.faults.iter().try_for_each(|fault| writeln!(f, "  {fault}"))
    }
}
