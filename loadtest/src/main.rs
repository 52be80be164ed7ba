//! Load test for Scorewire.
//!
//! Two measurements, made to be read together: `floor`, what delivering bytes costs on this machine
//! when nothing else is done, and `broadcast`, what the server makes of it while every client
//! checks every frame.
//!
//! # Layout
//! ```text
//! parent   floor · broadcast        what a run does, in order
//!          plays · post · target    the plays, their right totals, and posting them
//!          trace                    what was sent when to whom, for the floor to repeat
//!          crew · watch             child processes, progress, adding up
//!          proc · limits            the server's /proc, descriptor limits
//!          shape · report · html    the figures, as JSON, text and a page
//! child    readers                  the floor's receiving side
//!          crowd · client           WebSocket clients in one epoll loop
//!          frames · verify · ledger parsing and judging what they get
//!          orders                   what the parent says
//! both     clock · latency · net
//! ```
//! Nothing here shares code with the server: what is verified with the server's own code is not
//! verified. There is no async runtime, and `unsafe` only where the kernel is spoken to directly: `floor::uring`
//! and `net::kernel_time`.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that can't go on panics"))]

mod broadcast;
mod client;
mod clock;
mod crew;
mod crowd;
mod floor;
mod frames;
mod html;
mod latency;
mod ledger;
mod limits;
mod net;
mod orders;
mod plays;
mod post;
mod proc;
mod readers;
mod report;
mod shape;
mod target;
mod trace;
mod verify;
mod watch;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Load test for Scorewire: many subscribers, every frame verified, every figure beside the machine's own floor.
///
/// Exit status: 0 nothing lost and every total right, 1 something was lost or wrong, 2 the run could not be made.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure the machine: bare send() and io_uring loops over loopback TCP sockets
    ///
    /// Bare threads send each event to its sockets; the readers live in a child process. A server does that and
    /// more, so read its figures as a multiple of these.
    Floor(floor::command::Args),
    /// Measure a server: every client subscribes to one game, and plays come at a steady pace
    ///
    /// The plays and their right totals are known beforehand. Every client checks that its snapshot comes first,
    /// that each frame's `prev` is the `seq` it holds and that no play is missing. A message is parsed and checked
    /// against the right totals once; the others must equal it byte for byte. A sample of clients parses everything
    /// and keeps totals of its own, which must equal those of GET /v1/games/GAME/players at the end.
    Broadcast(BroadcastArgs),
    /// Show a run again from its JSON: as text, as a page, beside another run
    Report(report::Args),
    /// The receiving side, started by the two above
    #[command(hide = true)]
    Child,
}

#[derive(clap::Args)]
struct BroadcastArgs {
    /// The server's WebSocket address; the path defaults to /v1/ws
    #[arg(long, default_value = "ws://127.0.0.1:8080")]
    url: String,
    /// Where plays are posted, if not at the same address (`server.ingest_bind`)
    #[arg(long, value_name = "URL")]
    ingest_url: Option<String>,
    /// WebSocket clients; each needs a descriptor here and one in the server (`ulimit -n`)
    #[arg(long, default_value_t = 10_000)]
    clients: usize,
    /// Plays to post
    #[arg(long, default_value_t = 40)]
    events: usize,
    /// Milliseconds between plays; latency counts from the moment a play was due, even where posting it was late
    #[arg(long, default_value_t = 250)]
    interval_ms: u64,
    /// Clients that parse every message and keep totals of their own
    #[arg(long, default_value_t = 8)]
    sample: usize,
    /// The server's process id: adds its CPU per delivery and its memory per idle connection
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// Measure the floor with the same clients and frame size afterwards, and say the ratio (with --server-pid)
    #[arg(long)]
    floor: bool,
    /// Seconds for everybody to connect and get a snapshot
    #[arg(long, default_value_t = 60)]
    connect_timeout_s: u64,
    /// Seconds to wait for stragglers after the last play
    #[arg(long, default_value_t = 15)]
    drain_timeout_s: u64,
    /// Also write the figures to FILE (`-`: to standard output, instead of the text)
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also write a page with plots to FILE
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Compare with an earlier run's JSON, in text and page
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Floor(args) => floor::command::run(&args).map(|()| true),
        Command::Broadcast(args) => run_broadcast(&args),
        Command::Report(args) => report::show(&args).map(|()| true),
        Command::Child => child(),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("scorewire-loadtest: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run_broadcast(args: &BroadcastArgs) -> Result<bool> {
    let target = target::Target::parse(&args.url)?;
    let report = broadcast::run(&broadcast::Settings {
        ingest: args.ingest_url.as_deref().map_or(Ok(target.clone()), target::Target::parse)?,
        target,
        clients: args.clients,
        events: args.events,
        interval: Duration::from_millis(args.interval_ms),
        sample: args.sample,
        server_pid: args.server_pid,
        floor: args.floor,
        connect_timeout: Duration::from_secs(args.connect_timeout_s),
        drain_timeout: Duration::from_secs(args.drain_timeout_s),
    })?;
    report::publish(&report, args.json.as_deref(), args.html.as_deref(), args.compare.as_deref())?;
    Ok(report.ok)
}

/// Reads the job from standard input and does it; what goes wrong is told to the parent.
fn child() -> Result<bool> {
    let mut orders = orders::Orders::new(std::io::stdin(), Vec::new());
    let line = loop {
        if let Some(line) = orders.line() {
            break line;
        }
        orders.read()?;
        anyhow::ensure!(!orders.ended(), "`child` is started by the other commands, not by hand");
    };
    let result = match serde_json::from_slice(&line).context("an unreadable job")? {
        job @ crew::Job::Readers { .. } => readers::run(&job, orders),
        job @ crew::Job::Clients { .. } => crowd::run(job, orders),
    };
    if let Err(error) = result {
        crew::say(&crew::Word::Failed {
            error: format!("{error:#}"),
        })?;
    }
    Ok(true)
}
