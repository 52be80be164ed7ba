//! `run ingest`.

use super::limits::limit;
use super::numbers::{at_least_one, over_zero};
use super::server::ServerArgs;
use crate::ingest::{self, FEEDS_MAX};
use crate::report::Output;
use anyhow::{Context as _, Result};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use std::time::Duration;

/// Feeds at full speed.
#[derive(Args)]
pub(crate) struct IngestArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Plays to post; about 500 bytes of memory each
    #[arg(long, default_value_t = 1_000_000, value_parser = at_least_one::<usize>)]
    events: usize,
    /// Plays of one game
    #[arg(long, default_value_t = 170, value_parser = at_least_one::<usize>)]
    plays: usize,
    /// Connections that post, 1 to 16: with few of them the server waits for plays
    #[arg(long, default_value_t = FEEDS_MAX, value_parser = RangedU64ValueParser::<usize>::new().range(1..=FEEDS_MAX as u64))]
    feeds: usize,
    /// Event lines of one request
    #[arg(long, default_value_t = 256, value_parser = at_least_one::<usize>)]
    lines: usize,
    /// Keep all frames of one in so many games, and hold these against the totals, too
    #[arg(long, value_name = "GAMES", default_value_t = 64, value_parser = at_least_one::<usize>)]
    check_every: usize,
    /// Seconds for an answer, and for the last frame
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = at_least_one::<u64>)]
    timeout_s: u64,
    #[command(flatten)]
    output: Output,
    /// At least so many events a second, from the first posted to the last frame received
    #[arg(long, value_name = "EVENTS", value_parser = over_zero, help_heading = "Limits")]
    events_per_s: Option<f64>,
}

impl IngestArgs {
    /// Runs it and publishes the report; whether nothing was lost and every limit held.
    pub(super) fn run(&self) -> Result<bool> {
        self.output.check()?;
        let plain = "`run ingest` measures the feeds' address, which is plain";
        let mut report = ingest::run(&ingest::Settings {
            target: self.server.target(None).context(plain)?,
            ingest: self.server.ingest(None).context(plain)?,
            events: self.events,
            plays: self.plays,
            feeds: self.feeds,
            lines: self.lines,
            check_every: self.check_every,
            server_pid: self.server.pid()?,
            timeout: Duration::from_secs(self.timeout_s),
        })?;
        let per_event_us = report.extra.get("events_per_s").map(|per_s| 1e6 / per_s);
        report.limits = limit("us-per-event", self.events_per_s.map(|least| 1e6 / least), per_event_us);
        report.ok &= report.limits.iter().all(|limit| limit.held);
        self.output.publish(&report)?;
        Ok(report.ok)
    }
}
