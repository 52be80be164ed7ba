//! Load test for Scorewire.
//!
//! Two measurements, made to be read together: `floor`, what delivering bytes costs on this machine
//! when nothing else is done, and `broadcast`, what the server makes of it while every client
//! checks every frame.
//!
//! # Layout
//! ```text
//! parent   floor · broadcast · ingest  what a run does, in order
//!          plays · post · target    the plays, their right totals, and posting them
//!          crew · watch             child processes, progress, adding up
//!          proc · limits · report   the server's /proc, descriptor limits, the figures
//! child    readers                  the floor's receiving side
//!          crowd · client           WebSocket clients in one epoll loop
//!          frames · verify · ledger parsing and judging what they get
//!          orders                   what the parent says
//! apart    link                     a bad link between two network namespaces
//! both     clock · latency · net
//! ```
//! Nothing here shares code with the server: what is verified with the server's own code is not
//! verified. There is no `unsafe` and no async runtime.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that can't go on panics"))]

mod broadcast;
mod client;
mod clock;
mod crew;
mod crowd;
mod floor;
mod frames;
mod ingest;
mod latency;
mod ledger;
mod limits;
mod link;
mod net;
mod orders;
mod plays;
mod post;
mod proc;
mod readers;
mod report;
mod shape;
mod target;
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
    /// Measure the machine: a bare `send()` loop over loopback TCP sockets
    ///
    /// One thread sends each event to every socket; the readers live in a child process. No server that calls
    /// send() once a client can cost less CPU per delivery, so read a server's figures as a multiple of these.
    Floor(FloorArgs),
    /// Measure a server: every client subscribes to one game, and plays come at a steady pace
    ///
    /// The plays and their right totals are known beforehand. Every client checks that its snapshot comes first,
    /// that each frame's `prev` is the `seq` it holds and that no play is missing. A message is parsed and checked
    /// against the right totals once; the others must equal it byte for byte. A sample of clients parses everything
    /// and keeps totals of its own, which must equal those of GET /v1/games/GAME/players at the end.
    Broadcast(BroadcastArgs),
    /// Measure a server: as many different plays a second as it takes, all of them scored, framed and checked
    ///
    /// Start the server with `engine.games_max` above EVENTS / PLAYS. The figures go to standard output as JSON.
    Ingest(IngestArgs),
    /// Emulate a bad link between two network namespaces, until told to stop (Linux, root)
    ///
    /// What is started in the one namespace reaches the other over a link with delay and loss; nothing outside the
    /// two is touched. For kernels without netem; docs/testing.md has the same with `tc`.
    Link(link::Args),
    /// The receiving side, started by the two above
    #[command(hide = true)]
    Child,
}

#[derive(clap::Args)]
struct FloorArgs {
    /// Sockets to send to
    #[arg(long, default_value_t = 10_000)]
    clients: usize,
    /// Bytes of each event
    #[arg(long, default_value_t = 150)]
    bytes: usize,
    /// Events, each sent to every socket
    #[arg(long, default_value_t = 40)]
    events: usize,
    /// Milliseconds between the starts of events
    #[arg(long, default_value_t = 250)]
    interval_ms: u64,
    /// Also write the figures to FILE (`-`: to standard output, instead of the text)
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
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
}

#[derive(clap::Args)]
struct IngestArgs {
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
    /// Connections that post, 1 to 16
    #[arg(long, default_value_t = 4)]
    feeds: usize,
    /// Event lines of one request
    #[arg(long, default_value_t = 256)]
    lines: usize,
    /// One of so many games is checked in full
    #[arg(long, default_value_t = 64)]
    check_every: usize,
    /// The server's process id: adds its CPU per event, by kind of thread
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// Seconds for an answer, and for the last frame
    #[arg(long, default_value_t = 30)]
    timeout_s: u64,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Floor(args) => run_floor(&args),
        Command::Broadcast(args) => run_broadcast(&args),
        Command::Ingest(args) => run_ingest(&args),
        Command::Link(args) => link::run(&args),
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

fn run_floor(args: &FloorArgs) -> Result<bool> {
    let interval = Duration::from_millis(args.interval_ms);
    let report = floor::measure(floor::Plan {
        clients: args.clients,
        bytes: args.bytes,
        events: args.events,
        interval,
    })?;
    publish(&report, args.json.as_ref())?;
    Ok(true)
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
    publish(&report, args.json.as_ref())?;
    Ok(report.ok)
}

fn run_ingest(args: &IngestArgs) -> Result<bool> {
    let target = target::Target::parse(&args.url)?;
    let report = ingest::run(&ingest::Settings {
        ingest: args.ingest_url.as_deref().map_or(Ok(target.clone()), target::Target::parse)?,
        target,
        events: args.events,
        plays: args.plays.max(1),
        feeds: args.feeds,
        lines: args.lines.max(1),
        check_every: args.check_every,
        server_pid: args.server_pid,
        timeout: Duration::from_secs(args.timeout_s),
    })?;
    report::write_json(&report, std::path::Path::new("-"))?;
    Ok(report.ok)
}

fn publish(report: &(impl serde::Serialize + std::fmt::Display), json: Option<&PathBuf>) -> Result<()> {
    if json.is_none_or(|path| path.as_os_str() != "-") {
        print!("{report}");
    }
    json.map_or(Ok(()), |path| report::write_json(report, path))
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
