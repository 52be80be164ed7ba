//! What every scenario with subscribers is given.

use super::limits::LimitArgs;
use super::numbers::{at_least_one, over_zero, zero_or_more};
use super::server::{ServerArgs, TlsArgs};
use crate::floor::Via;
use crate::report::Output;
use crate::run::Settings;
use crate::upgrade::{Coding, Protocol};
use crate::{limits, plays};
use anyhow::{Result, ensure};
use clap::Args;
use std::time::Duration;

/// Clients that keep totals of their own, where it was not said.
const SAMPLE: usize = 8;

/// What every scenario is given.
#[derive(Args)]
pub(crate) struct Load {
    #[command(flatten)]
    server: ServerArgs,
    /// Where /metrics is, if not at the same address (`server.admin_bind`); `stalled` reads it
    #[arg(long, value_name = "URL")]
    admin_url: Option<String>,
    #[command(flatten)]
    tls: TlsArgs,
    /// How messages are written
    #[arg(long, value_enum, default_value_t)]
    coding: Coding,
    /// Have messages compressed (permessage-deflate, each by itself)
    #[arg(long)]
    deflate: bool,
    /// WebSocket clients; each needs a descriptor here and one in the server (`ulimit -n`)
    #[arg(long, default_value_t = 10_000, value_parser = at_least_one::<usize>)]
    clients: usize,
    /// Processes that hold the clients, at most 256 [default: as few as descriptors and cores allow]
    #[arg(long, value_name = "N", value_parser = at_least_one::<usize>)]
    processes: Option<usize>,
    /// Clients that parse every message and keep totals of their own [default: 8, or all where there are fewer]
    #[arg(long, value_name = "CLIENTS")]
    sample: Option<usize>,
    /// The ruleset of all subscriptions; points under one that is not built in are held against the server's own
    /// snapshots alone
    #[arg(long, default_value = plays::RULESET)]
    ruleset: String,
    /// The same seed draws the same rosters and simulates the same games
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Also measure until the clients' kernel had the data: the rest is the load test's own queueing
    #[arg(long)]
    kernel_times: bool,
    /// Repeat the work with a bare send() loop afterwards, and say the ratios
    #[arg(long)]
    floor: bool,
    /// The same through io_uring
    #[arg(long)]
    floor_uring: bool,
    /// Sending threads of the floors
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least_one::<usize>)]
    floor_threads: usize,
    /// Seconds for everybody to connect and get their snapshots
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = over_zero)]
    connect_timeout_s: f64,
    /// Seconds to wait for stragglers after the last event
    #[arg(long, value_name = "SECONDS", default_value_t = 15.0, value_parser = zero_or_more)]
    drain_timeout_s: f64,
    #[command(flatten)]
    pub(super) output: Output,
    #[command(flatten)]
    pub(super) limits: LimitArgs,
}

impl Load {
    /// What the run takes of it, checked.
    pub(super) fn settings(&self) -> Result<Settings> {
        let clients = self.clients;
        let held = [("--processes", self.processes), ("--sample", self.sample)];
        for (option, given) in held.into_iter().filter_map(|(option, given)| Some((option, given?))) {
            ensure!(
                given <= clients,
                "{option} {given} is more than there are clients (--clients {clients})"
            );
        }
        if let Some(processes) = self.processes {
            limits::require_processes_asked("--processes", processes)?;
        }
        let server_pid = self.server.pid()?;
        self.limits.check(server_pid.is_some(), self.floor || self.floor_uring)?;
        self.output.check()?;
        let trust = self.tls.trust();
        let target = self.server.target(trust.as_ref())?;
        // What is wrong with the certificates is said before anything starts.
        target.tls()?;
        let floors = [(self.floor, Via::Send), (self.floor_uring, Via::Uring)];
        Ok(Settings {
            ingest: self.server.ingest(trust.as_ref())?,
            admin: self.server.admin(self.admin_url.as_ref(), trust.as_ref())?,
            protocol: Protocol {
                coding: self.coding,
                deflate: self.deflate,
            },
            clients,
            processes: self.processes,
            sample: self.sample.unwrap_or_else(|| clients.min(SAMPLE)),
            ruleset: self.ruleset.clone(),
            server_pid,
            kernel_times: self.kernel_times,
            floors: floors
                .iter()
                .filter(|(asked, _)| *asked)
                .map(|&(_, via)| (via, self.floor_threads))
                .collect(),
            connect_timeout: Duration::try_from_secs_f64(self.connect_timeout_s)?,
            drain_timeout: Duration::try_from_secs_f64(self.drain_timeout_s)?,
            target,
        })
    }
}
