//! What every scenario with subscribers is given.

use super::limits::LimitArgs;
use crate::floor::Via;
use crate::plays;
use crate::run::Settings;
use crate::target::Target;
use crate::tls::Trust;
use crate::upgrade::{Coding, Protocol};
use anyhow::{Result, ensure};
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// What every scenario is given.
#[derive(Args)]
pub(crate) struct Load {
    /// The server's WebSocket address, ws:// or wss://; the path defaults to /v1/ws
    #[arg(long, default_value = "ws://127.0.0.1:8080")]
    url: String,
    /// Where events are posted, if not at the same address (`server.ingest_bind`)
    #[arg(long, value_name = "URL")]
    ingest_url: Option<String>,
    /// Where /metrics is, if not at the same address (`server.admin_bind`)
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
    #[arg(long, default_value_t = 10_000)]
    clients: usize,
    /// Processes that hold the clients [default: as few as descriptors and cores allow]
    #[arg(long, value_name = "N")]
    processes: Option<usize>,
    /// Clients that parse every message and keep totals of their own
    #[arg(long, default_value_t = 8)]
    sample: usize,
    /// The ruleset of all subscriptions; points under one that is not built in are held against the server's own
    /// snapshots alone
    #[arg(long, default_value = plays::RULESET)]
    ruleset: String,
    /// The same seed draws the same rosters and simulates the same games
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// The server's process id: adds its CPU, memory and context switches
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
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
    #[arg(long, value_name = "N", default_value_t = 1)]
    floor_threads: usize,
    /// Seconds for everybody to connect and get their snapshots
    #[arg(long, default_value_t = 60.0)]
    connect_timeout_s: f64,
    /// Seconds to wait for stragglers after the last event
    #[arg(long, default_value_t = 15.0)]
    drain_timeout_s: f64,
    /// Also write the figures to FILE (`-`: to standard output, instead of the text)
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Also write a page with plots to FILE
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
    /// Compare with an earlier run's JSON, in text and page
    #[arg(long, value_name = "FILE")]
    pub(super) compare: Option<PathBuf>,
    #[command(flatten)]
    pub(super) limits: LimitArgs,
}

/// Whom to believe.
#[derive(Args)]
struct TlsArgs {
    /// For wss:// and https://: believe this certificate, and those it has signed (PEM; may hold several)
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// For wss:// and https://: believe every certificate
    #[arg(long, conflicts_with = "tls_ca")]
    tls_insecure: bool,
}

impl TlsArgs {
    fn trust(&self) -> Option<Trust> {
        let anyone = self.tls_insecure.then_some(Trust::Anyone);
        self.tls_ca.clone().map(Trust::File).or(anyone)
    }
}

impl Load {
    /// What the run takes of it, checked.
    pub(super) fn settings(&self) -> Result<Settings> {
        ensure!(self.clients > 0, "clients must be at least 1");
        ensure!(
            self.processes != Some(0) && self.floor_threads > 0,
            "processes and threads must be at least 1"
        );
        self.limits.check(self.server_pid.is_some(), self.floor || self.floor_uring)?;
        let trust = self.tls.trust();
        let target = Target::parse(&self.url, trust.as_ref())?;
        // What is wrong with the certificates is said before anything starts.
        target.tls()?;
        let other = |url: &Option<String>| match url {
            Some(url) => Target::parse(url, trust.as_ref()),
            None => Ok(target.clone()),
        };
        let floors = [(self.floor, Via::Send), (self.floor_uring, Via::Uring)];
        Ok(Settings {
            ingest: other(&self.ingest_url)?,
            admin: other(&self.admin_url)?,
            protocol: Protocol {
                coding: self.coding,
                deflate: self.deflate,
            },
            clients: self.clients,
            processes: self.processes,
            sample: self.sample,
            ruleset: self.ruleset.clone(),
            server_pid: self.server_pid,
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
