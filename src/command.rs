//! What the command line offers, and what each command does.
//!
//! Exit codes: 0 done; 64 a setting, flag or file that makes no sense; 65 an event log that is damaged,
//! players that can't be read, lineups that can't be; 69 a
//! server that cannot be reached, an address that cannot be bound, or an event log that another server uses;
//! 70 a fault of this program; 74 an event log or file that cannot be read or written; 75 a drain that had to cut.

mod asking;
mod feeding;
mod log;
mod new_key;
mod optimize;
mod table;
mod top;

use crate::cluster::Lost;
use crate::compaction::RetellError;
use crate::config::{Config, Durability, Scope};
use crate::demo;
use crate::pipeline::{self, Machine, Running, StartError};
use crate::source::Speed;
use crate::store::OpenError;
use crate::telemetry::{self, LogFormat};
use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Live fantasy scores to every subscriber the moment a play happens.
#[derive(Parser)]
#[command(name = "scorewire", version, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start a server with a simulated Sunday of football and a page that shows it. Nothing else is
    /// needed: open http://127.0.0.1:8080.
    Demo(Demo),
    /// Start a server. Feeds post to /v1/events, clients subscribe at /v1/ws; docs/protocol.md has it all.
    Serve(Serve),
    /// Play recorded NFL GameCenter documents into a running server, or write them to a file as event
    /// lines: plays in order, several games at once by kickoff.
    Replay(Replay),
    /// Play simulated games into a running server, or write them to a file as event lines.
    Simulate(Simulate),
    /// Show a running server on one screen: clients, rates, delays, who is slow, models, memory, what it refuses.
    Top(top::Top),
    /// Say whether the settings are good, and what they come to, without starting anything.
    CheckConfig(ServerFlags),
    /// Look into the event log, check it, write it out, or repair it.
    #[command(subcommand)]
    Log(log::Log),
    /// Make an API key and print it, once, with the lines of the settings that let it in. Nothing is kept:
    /// the settings hold its hash alone.
    NewKey(NewKey),
    /// Build the best lineups from a site's own players' file: exact, best first, within your constraints.
    Optimize(optimize::Optimize),
}

#[derive(Args, Default)]
struct ServerFlags {
    /// Address to listen on; port 0 picks a free one, and the log says which. [server.bind]
    #[arg(long, value_name = "ADDR")]
    bind: Option<SocketAddr>,
    /// File with settings that differ from the defaults (config/default.toml lists them all).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the event log. [store.dir]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Logs for people or for machines. [log.format]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
}

#[derive(Args)]
struct Serve {
    #[command(flatten)]
    server: ServerFlags,
    /// The event log's folder was restored from a copy: begin a new history, so that no client goes on from what
    /// the copy does not have. For the first start alone.
    #[arg(long)]
    restored: bool,
}

#[derive(Args)]
struct NewKey {
    /// What it is called, in settings and logs.
    #[arg(long, value_name = "NAME")]
    name: String,
    /// What it is good for; several by commas.
    #[arg(long, value_name = "SCOPE", value_delimiter = ',', required = true)]
    scope: Vec<Scope>,
    /// Which of feeds.sources its lines come from; the first where absent.
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
}

#[derive(Args)]
struct Demo {
    #[command(flatten)]
    server: ServerFlags,
    /// Games of the slate, 1 to 16.
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u8).range(1..=16))]
    games: u8,
    /// How many times faster than a real Sunday, or "max".
    #[arg(long, default_value = "20")]
    speed: Speed,
    /// The same seed gives the same games.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Args)]
struct Replay {
    /// Folder of GameCenter documents (*.json, *.json.gz), or one document. Kickoffs and full names
    /// come from schedule.csv and players.csv, in it or in its parent, where there are such.
    #[arg(long, value_name = "DIR")]
    gamecenter: PathBuf,
    /// How many times faster than recorded, or "max". Hours without a play are shortened.
    #[arg(long, default_value = "1")]
    speed: Speed,
    /// The server.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    to: String,
    /// File with the API key to post with, where the server asks for one [or the variable SCOREWIRE_KEY].
    #[arg(long, value_name = "FILE", conflicts_with = "out")]
    key_file: Option<PathBuf>,
    /// Write the event lines to a file instead ("-": standard output), at once and with the times as
    /// recorded.
    #[arg(long, value_name = "FILE", conflicts_with = "to")]
    out: Option<PathBuf>,
    /// Tell the offence's formation before each snap, as some feeds do.
    #[arg(long)]
    formation: bool,
    /// Logs for people or for machines.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
}

#[derive(Args)]
struct Simulate {
    /// Games of the slate, 1 to 16.
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u8).range(1..=16))]
    games: u8,
    /// How many times faster than a real Sunday, or "max".
    #[arg(long, default_value = "1")]
    speed: Speed,
    /// The same seed gives the same games.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The server.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    to: String,
    /// File with the API key to post with, where the server asks for one [or the variable SCOREWIRE_KEY].
    #[arg(long, value_name = "FILE", conflicts_with = "out")]
    key_file: Option<PathBuf>,
    /// Write the event lines to a file instead, at once ("-": standard output).
    #[arg(long, value_name = "FILE", conflicts_with = "to")]
    out: Option<PathBuf>,
    /// Tell the offence's formation before each snap, as some feeds do.
    #[arg(long)]
    formation: bool,
    /// No corrections, retractions, duplicates or late plays.
    #[arg(long)]
    no_trouble: bool,
    /// Logs for people or for machines.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
}

/// A failure and the exit code that goes with it.
struct Failure(u8, anyhow::Error);

const USAGE: u8 = 64;
const UNAVAILABLE: u8 = 69;
const SOFTWARE: u8 = 70;
const CUT: u8 = 75;
/// As for a drain that was cut: starting again is all that is needed.
const ANEW: u8 = CUT;
const DATA: u8 = 65;
const INPUT_OUTPUT: u8 = 74;

/// The exit code for a log that cannot be used.
fn log_code(error: &OpenError) -> u8 {
    match error {
        OpenError::InUse(_) => UNAVAILABLE,
        OpenError::Io { .. } => INPUT_OUTPUT,
        OpenError::Corrupt { .. } | OpenError::DamagedContest { .. } | OpenError::Later { .. } | OpenError::LaterFormat { .. } => DATA,
        OpenError::HeaderTooLong => USAGE,
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure(SOFTWARE, error.into())
    }
}

fn usage(error: impl Into<anyhow::Error>) -> Failure {
    Failure(USAGE, error.into())
}

/// Reads the command line and runs its command to the end.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are what was asked for; anything else is a mistake.
            let code = if error.use_stderr() {
                ExitCode::from(USAGE)
            } else {
                ExitCode::SUCCESS
            };
            // Whoever reads this may stop reading.
            let _ = error.print();
            return code;
        }
    };
    let done = match cli.command {
        Command::Demo(demo) => demo.run(),
        Command::Serve(serve) => serve.run(),
        Command::Replay(replay) => replay.run(),
        Command::Simulate(simulate) => simulate.run(),
        Command::Top(top) => top.run(),
        Command::CheckConfig(flags) => check_config(&flags),
        Command::Log(log) => log.run(),
        Command::NewKey(new_key) => new_key.run(),
        Command::Optimize(optimize) => optimize.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(code, error)) => {
            match telemetry::logs_are_json() {
                true => tracing::error!("{}", told(&error)),
                false => eprintln!("scorewire: {}", told(&error)),
            }
            ExitCode::from(code)
        }
    }
}

/// An error and its causes in one line; many an error tells its cause itself.
fn told(error: &anyhow::Error) -> String {
    let mut line = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !line.contains(&cause) {
            line.push_str(": ");
            line.push_str(&cause);
        }
    }
    line
}

impl ServerFlags {
    fn load(&self) -> Result<Config, Failure> {
        let mut config = Config::load(self.config.as_deref(), std::env::vars_os()).map_err(usage)?;
        if let Some(bind) = self.bind {
            config.server.bind = bind;
        }
        if let Some(dir) = &self.data_dir {
            config.store.dir.clone_from(dir);
        }
        if let Some(format) = self.log_format {
            config.log.format = format;
        }
        Ok(config)
    }
}

fn check_config(flags: &ServerFlags) -> Result<(), Failure> {
    let config = flags.load()?;
    let rulesets = Arc::new(pipeline::rulesets(&config).map_err(usage)?);
    pipeline::tls(&config).map_err(usage)?;
    pipeline::auth(&config, &rulesets).map_err(usage)?;
    let names: Vec<&str> = rulesets.iter().map(|(_, ruleset)| ruleset.name()).collect();
    // Whoever reads this may stop reading.
    let _ = std::io::stdout().write_all(toml::to_string(&config).context("the settings cannot be shown")?.as_bytes());
    eprintln!("scorewire: the settings are good; rulesets: {}", names.join(", "));
    Ok(())
}

/// Descriptors kept for listeners, files, feeds and operators.
const DESCRIPTORS_RESERVED: usize = 100;

/// Starts a server and calls `alongside` with it; ends when told to by a signal.
fn with_server<F: Future<Output = ()> + Send + 'static>(
    mut config: Config,
    machine: Machine,
    alongside: impl FnOnce(&Running) -> F,
) -> Result<(), Failure> {
    telemetry::start_logs(config.log.format, &config.log.filter).map_err(|error| usage(anyhow::anyhow!(error)))?;
    let descriptors = pipeline::raise_descriptor_limit();
    let fit = usize::try_from(descriptors)
        .unwrap_or(usize::MAX)
        .saturating_sub(DESCRIPTORS_RESERVED)
        .max(1);
    if fit < config.server.connections_max {
        tracing::warn!(
            descriptors,
            "server.connections_max is {} but only {fit} clients fit, and no more are taken; raise it with `ulimit -n` or LimitNOFILE",
            config.server.connections_max
        );
        config.server.connections_max = fit;
    }
    let threads = config.ingest.threads + 1;
    let side = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("side")
        .enable_all()
        .build()?;
    let ended = side.block_on(async {
        // Before anything can be reached: a signal that comes now drains too.
        let mut told = Told::new()?;
        let running = pipeline::start_on(config, machine).map_err(|error| match error {
            StartError::Bind { .. } => Failure(UNAVAILABLE, error.into()),
            StartError::Ruleset(_)
            | StartError::DefaultRuleset(..)
            | StartError::Writer(_)
            | StartError::Tls(_)
            | StartError::Keys(_)
            | StartError::Traces(_) => usage(error),
            StartError::Log(RetellError::Log(ref log)) => Failure(log_code(log), error.into()),
            StartError::Log(_) => Failure(DATA, error.into()),
            StartError::Cluster(_) => Failure(UNAVAILABLE, error.into()),
            StartError::System(_) => Failure::from(error),
        })?;
        tracing::info!(
            address = %running.address,
            ingest = %running.ingest_address,
            admin = %running.admin_address,
            shards = running.app.shards.len(),
            epoch = %running.app.epoch,
            "listening"
        );
        let task = tokio::spawn(alongside(&running));
        let ended = tokio::select! {
            signal = told.stop() => Ok(Why::Signal(signal)),
            shard = running.shard_ended() => Err(Failure(SOFTWARE, anyhow::anyhow!("shard {shard} ended by itself; see the log"))),
            owner = running.app.engine.owner_ended() => Err(Failure(SOFTWARE, anyhow::anyhow!("engine {owner} ended by itself; see the log"))),
            lost = running.node_lost() => Ok(Why::Lost(lost)),
            () = running.app.engine.log_ended() => Err(Failure(SOFTWARE, anyhow::anyhow!("the event log ended by itself; see the log"))),
        };
        task.abort();
        let why = ended?;
        match &why {
            Why::Signal(signal) => tracing::info!(signal, "draining: telling clients when to come back"),
            Why::Lost(lost) => tracing::error!("{lost}: draining; this node has to begin anew"),
        }
        if running.drain().await {
            tracing::info!("drained");
            match why {
                Why::Signal(_) => Ok(()),
                Why::Lost(lost) => Err(Failure(ANEW, anyhow::anyhow!("{lost}; start it again"))),
            }
        } else {
            Err(Failure(
                CUT,
                anyhow::anyhow!("shutdown.drain_timeout_ms passed; clients that had not gone were cut"),
            ))
        }
    });
    pipeline::leave();
    ended
}

/// Why a server ends in order.
enum Why {
    /// It was told to.
    Signal(&'static str),
    /// What it shows is not what its cluster has.
    Lost(Lost),
}

/// The signals that ask for a drain.
struct Told {
    terminate: Signal,
    interrupt: Signal,
}

impl Told {
    /// From here on they no longer end the process by themselves.
    fn new() -> std::io::Result<Told> {
        Ok(Told {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn stop(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

impl Serve {
    fn run(self) -> Result<(), Failure> {
        let machine = Machine {
            is_restored: self.restored,
            ..Machine::this()
        };
        with_server(self.server.load()?, machine, |_| async {})
    }
}

/// As many as most systems allow without a word.
const DEMO_CLIENTS_MAX: usize = 10_000;

impl Demo {
    fn run(self) -> Result<(), Failure> {
        let mut config = self.server.load()?;
        // Who looks at it for the first time need not hear of descriptors.
        config.server.connections_max = config.server.connections_max.min(DEMO_CLIENTS_MAX);
        if self.server.data_dir.is_none() {
            // Each demo is a Sunday of its own, and leaves nothing behind.
            config.store.durability = Durability::Memory;
        }
        with_server(config, Machine::this(), |running| {
            let scheme = if running.app.config.server.tls_cert.is_some() {
                "https"
            } else {
                "http"
            };
            tracing::info!("open {scheme}://{}/ to watch", running.address);
            let floor = demo::contest::Floor {
                hub: running.app.hub.clone(),
                rulesets: running.app.rulesets.clone(),
                default_ruleset: running.app.default_ruleset,
            };
            demo::play(running.app.engine.clone(), floor, self.games.into(), self.speed, self.seed)
        })
    }
}
