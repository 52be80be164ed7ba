//! What the command line offers, and what each command does.
//!
//! Exit codes: 0 done; 64 a setting, flag or file that makes no sense; 69 a server that cannot be
//! reached or an address that cannot be bound; 70 a fault of this program; 75 a drain that had to cut.

use crate::clock::Clock;
use crate::config::Config;
use crate::feed::gamecenter::{Formation as Shown, timeline};
use crate::feed::simulator::{self, Simulator, Trouble};
use crate::model::{Event, FeedTime, IngestTime};
use crate::pipeline::{self, Running, StartError};
use crate::source::{self, Due, Pace, Poster, Speed, Stamp};
use crate::telemetry::{self, LogFormat};
use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use std::io::{BufWriter, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Live fantasy scores to every subscriber the moment a play happens.
#[derive(Parser)]
#[command(name = "scorewire", version, arg_required_else_help = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start a server with a simulated Sunday of football and a page that shows it. Nothing else is
    /// needed: open http://127.0.0.1:8080.
    Demo(Demo),
    /// Start a server. Feeds post to /v1/events, clients subscribe at /v1/ws; docs/protocol.md has it all.
    Serve(ServerFlags),
    /// Play recorded NFL GameCenter documents into a running server: plays in order, several games at
    /// once by kickoff.
    Replay(Replay),
    /// Play simulated games into a running server, or write them to a file as event lines.
    Simulate(Simulate),
    /// Say whether the settings are good, and what they come to, without starting anything.
    CheckConfig(ServerFlags),
}

#[derive(Args, Default)]
struct ServerFlags {
    /// Address to listen on; port 0 picks a free one, and the log says which. [server.bind]
    #[arg(long, value_name = "ADDR")]
    bind: Option<SocketAddr>,
    /// File with settings that differ from the defaults (config/default.toml lists them all).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder for what the server keeps; nothing is kept on disk yet.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Logs for people or for machines. [log.format]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
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
    /// Folder of GameCenter documents (*.json, *.json.gz), or one document.
    #[arg(long, value_name = "DIR")]
    gamecenter: PathBuf,
    /// How many times faster than recorded, or "max". Hours without a play are shortened.
    #[arg(long, default_value = "1")]
    speed: Speed,
    /// The server.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    to: String,
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
        Command::Serve(flags) => serve(&flags),
        Command::Replay(replay) => replay.run(),
        Command::Simulate(simulate) => simulate.run(),
        Command::CheckConfig(flags) => check_config(&flags),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(code, error)) => {
            eprintln!("scorewire: {error:#}");
            ExitCode::from(code)
        }
    }
}

impl ServerFlags {
    fn load(&self) -> Result<Config, Failure> {
        let mut config = Config::load(self.config.as_deref(), std::env::vars_os()).map_err(usage)?;
        if let Some(bind) = self.bind {
            config.server.bind = bind;
        }
        if let Some(format) = self.log_format {
            config.log.format = format;
        }
        Ok(config)
    }
}

fn check_config(flags: &ServerFlags) -> Result<(), Failure> {
    let config = flags.load()?;
    let rulesets = pipeline::rulesets(&config).map_err(usage)?;
    let names: Vec<&str> = rulesets.iter().map(|(_, ruleset)| ruleset.name()).collect();
    // Whoever reads this may stop reading.
    let _ = std::io::stdout().write_all(toml::to_string(&config).context("the settings cannot be shown")?.as_bytes());
    eprintln!("scorewire: the settings are good; rulesets: {}", names.join(", "));
    Ok(())
}

/// Starts a server and calls `alongside` with it; ends when told to by a signal.
fn with_server<F: Future<Output = ()> + Send + 'static>(flags: &ServerFlags, alongside: impl FnOnce(&Running) -> F) -> Result<(), Failure> {
    let config = flags.load()?;
    telemetry::start_logs(config.log.format, &config.log.filter).map_err(|error| usage(anyhow::anyhow!(error)))?;
    let descriptors = pipeline::raise_descriptor_limit();
    if descriptors < config.server.connections_max as u64 + 100 {
        tracing::warn!(
            descriptors,
            connections_max = config.server.connections_max,
            "fewer descriptors than server.connections_max: about {} clients fit; raise it with `ulimit -n` or LimitNOFILE",
            descriptors.saturating_sub(100)
        );
    }
    let threads = config.ingest.threads + 1;
    let side = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("side")
        .enable_all()
        .build()?;
    side.block_on(async {
        // Before anything can be reached: a signal that comes now drains too.
        let mut told = Told::new()?;
        let running = pipeline::start(config).map_err(|error| match error {
            StartError::Bind { .. } => Failure(UNAVAILABLE, error.into()),
            StartError::Ruleset(_) | StartError::DefaultRuleset(..) => usage(error),
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
            signal = told.stop() => Ok(signal),
            shard = running.shard_ended() => Err(Failure(SOFTWARE, anyhow::anyhow!("shard {shard} ended by itself; see the log"))),
            owner = running.app.engine.owner_ended() => Err(Failure(SOFTWARE, anyhow::anyhow!("engine {owner} ended by itself; see the log"))),
        };
        task.abort();
        let signal = ended?;
        tracing::info!(signal, "draining: telling clients when to come back");
        if running.drain().await {
            tracing::info!("drained");
            Ok(())
        } else {
            Err(Failure(
                CUT,
                anyhow::anyhow!("shutdown.drain_timeout_ms passed; clients that had not gone were cut"),
            ))
        }
    })
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

fn serve(flags: &ServerFlags) -> Result<(), Failure> {
    with_server(flags, |_| async {})
}

impl Demo {
    fn run(self) -> Result<(), Failure> {
        let (games, speed, mut seed) = (usize::from(self.games), self.speed, self.seed);
        with_server(&self.server, move |running| {
            let app = running.app.clone();
            tracing::info!("open http://{}/ to watch", running.address);
            async move {
                loop {
                    let kickoff_us = app.clock.now_us();
                    let options = simulator::Options {
                        seed,
                        games,
                        kickoff_us,
                        trouble: Trouble::LIVE,
                        ..simulator::Options::default()
                    };
                    let mut pace = Pace::new(speed, app.clock);
                    for mut due in source::simulated(Simulator::new(&options)) {
                        tokio::time::sleep(pace.wait(due.due_us)).await;
                        let now_us = app.clock.now_us();
                        source::stamp(&mut due.events, FeedTime(now_us));
                        let events: Vec<(usize, Event)> = due.events.into_iter().enumerate().collect();
                        if let Err(busy) = app.engine.submit(events, IngestTime(now_us)).await {
                            tracing::warn!(%busy, "the demo's feed skipped a moment");
                        }
                    }
                    tracing::info!(seed, "the simulated slate is over; the next begins in a minute");
                    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
                    seed += 1;
                }
            }
        })
    }
}

impl Replay {
    fn run(self) -> Result<(), Failure> {
        telemetry::start_logs(self.log_format, "info").map_err(|error| usage(anyhow::anyhow!(error)))?;
        let formation = if self.formation { Shown::Shown } else { Shown::Hidden };
        let timeline = timeline(&self.gamecenter, formation).map_err(usage)?;
        let what = format!("{} games of {}", timeline.games_count(), self.gamecenter.display());
        post(&self.to, self.speed, Stamp::Recorded, &what, source::recorded(timeline))
    }
}

impl Simulate {
    fn run(self) -> Result<(), Failure> {
        telemetry::start_logs(self.log_format, "info").map_err(|error| usage(anyhow::anyhow!(error)))?;
        let options = simulator::Options {
            seed: self.seed,
            games: usize::from(self.games),
            formation: self.formation,
            trouble: if self.no_trouble { Trouble::NONE } else { Trouble::LIVE },
            ..simulator::Options::default()
        };
        if let Some(file) = &self.out {
            return write_lines(file, &options);
        }
        let kickoff_us = Clock.now_us();
        let dues = source::simulated(Simulator::new(&simulator::Options { kickoff_us, ..options }));
        post(&self.to, self.speed, Stamp::Sent, &format!("{} simulated games", self.games), dues)
    }
}

fn write_lines(file: &std::path::Path, options: &simulator::Options) -> Result<(), Failure> {
    let out: Box<dyn Write> = if file == std::path::Path::new("-") {
        Box::new(std::io::stdout().lock())
    } else {
        Box::new(
            std::fs::File::create(file)
                .with_context(|| format!("cannot write {}", file.display()))
                .map_err(usage)?,
        )
    };
    let mut out = BufWriter::new(out);
    let mut line = Vec::new();
    for step in Simulator::new(options) {
        for event in &step.events {
            line.clear();
            crate::feed::write_line(event, &mut line);
            line.push(b'\n');
            out.write_all(&line)?;
        }
    }
    out.flush()?;
    Ok(())
}

/// Posts events to a server at their pace, with a line of progress where a person watches.
fn post(to: &str, speed: Speed, stamp: Stamp, what: &str, dues: impl Iterator<Item = Due>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut poster = Poster::new(to).map_err(usage)?;
        let watched = std::io::stderr().is_terminal();
        let clock = Clock;
        let (mut pace, mut shown_us, started_us) = (Pace::new(speed, clock), 0, clock.now_us());
        for mut due in dues {
            let wait = pace.wait(due.due_us);
            if !wait.is_zero() {
                poster.flush().await.map_err(|error| Failure(UNAVAILABLE, error.into()))?;
                tokio::time::sleep(wait).await;
            }
            if stamp == Stamp::Sent {
                source::stamp(&mut due.events, FeedTime(clock.now_us()));
            }
            for event in &due.events {
                poster.add(event).await.map_err(|error| Failure(UNAVAILABLE, error.into()))?;
            }
            if watched && clock.now_us() - shown_us > 500_000 {
                shown_us = clock.now_us();
                let minutes = due.due_us / 60_000_000;
                eprint!("\r{what}: {} events sent, {minutes} minutes after the first kickoff ", poster.sent);
            }
        }
        poster.flush().await.map_err(|error| Failure(UNAVAILABLE, error.into()))?;
        if watched {
            eprintln!();
        }
        let seconds = (clock.now_us() - started_us) as f64 / 1e6;
        tracing::info!(events = poster.sent, rejected = poster.rejected, seconds, "{what}: done");
        if poster.rejected > 0 {
            return Err(Failure(SOFTWARE, anyhow::anyhow!("the server refused {} events", poster.rejected)));
        }
        Ok(())
    })
}
