//! `run ingest`.

use super::limits::limit;
use crate::ingest::FEEDS_MAX;
use crate::target::Target;
use crate::{ingest, report};
use anyhow::{Context as _, Result};
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// Feeds at full speed.
#[derive(Args)]
pub(crate) struct IngestArgs {
    /// The server's WebSocket address; the path defaults to /v1/ws
    #[arg(long, default_value = "ws://127.0.0.1:8080")]
    url: String,
    /// Where plays are posted, if not at the same address (`server.ingest_bind`)
    #[arg(long, value_name = "URL")]
    ingest_url: Option<String>,
    /// Plays to post; about 500 bytes of memory each
    #[arg(long, default_value_t = 1_000_000)]
    events: usize,
    /// Plays of one game
    #[arg(long, default_value_t = 170)]
    plays: usize,
    /// Connections that post, 1 to 16: with few of them the server waits for plays
    #[arg(long, default_value_t = 16)]
    feeds: usize,
    /// Event lines of one request
    #[arg(long, default_value_t = 256)]
    lines: usize,
    /// Of one in so many games every frame is kept and held against the totals, too
    #[arg(long, default_value_t = 64)]
    check_every: usize,
    /// The server's process id: adds its CPU per event, by kind of thread
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// Seconds for an answer, and for the last frame
    #[arg(long, default_value_t = 30)]
    timeout_s: u64,
    /// At least so many events a second, from the first posted to the last frame received
    #[arg(long, value_name = "EVENTS", help_heading = "Limits")]
    events_per_s: Option<f64>,
    /// Also write the figures to FILE (`-`: to standard output, instead of the text)
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also write a page to FILE
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Compare with an earlier run's JSON, in text and page
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
}

impl IngestArgs {
    /// Runs it and publishes the report; whether nothing was lost and every limit held.
    pub(super) fn run(&self) -> Result<bool> {
        let plain = |url: &str| Target::parse(url, None).context("`run ingest` measures the feeds' address, which is plain");
        let target = plain(&self.url)?;
        let mut report = ingest::run(&ingest::Settings {
            ingest: self.ingest_url.as_deref().map_or(Ok(target.clone()), plain)?,
            target,
            events: self.events,
            plays: self.plays.max(1),
            feeds: self.feeds.clamp(1, FEEDS_MAX),
            lines: self.lines.max(1),
            check_every: self.check_every.max(1),
            server_pid: self.server_pid,
            timeout: Duration::from_secs(self.timeout_s),
        })?;
        let per_event_us = report.extra.get("events_per_s").map(|per_s| 1e6 / per_s);
        report.limits = limit("us-per-event", self.events_per_s.map(|least| 1e6 / least), per_event_us);
        report.ok &= report.limits.iter().all(|limit| limit.held);
        report::publish(&report, self.json.as_deref(), self.html.as_deref(), self.compare.as_deref())?;
        Ok(report.ok)
    }
}
