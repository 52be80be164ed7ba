//! The command line: what can be asked for, and what a run is held to.

use crate::floor::{self, Via};
use crate::rosters::Skew;
use crate::run::Settings;
use crate::scenario::slate::{Following, Sunday};
use crate::scenario::{broadcast, slate, stalled};
use crate::shape::{Limit, RunReport};
use crate::sunday::{self, Source};
use crate::target::Target;
use crate::tls::Trust;
use crate::{ingest, link, plays, report};
use anyhow::{Context as _, Result, ensure};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

/// Load test for Scorewire: many subscribers, every frame verified, every figure beside the machine's own floor.
///
/// Exit status: 0 nothing lost, every total right and every limit held; 1 something was lost or wrong, or a limit
/// did not hold; 2 the run could not be made.
#[derive(Parser)]
#[command(version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Measure a server: connect clients, post events, verify every frame
    ///
    /// Every client checks that each topic begins with a snapshot and that each frame's `prev` is the `seq` it holds.
    /// A message is parsed and checked once; the others must equal it byte for byte. At the end every client must hold
    /// what GET /v1/snapshot says, to the last digit.
    #[command(subcommand)]
    Run(Run),
    /// Measure the machine: bare send() and io_uring loops over loopback TCP sockets
    ///
    /// Bare threads send each event to its sockets; the readers live in a child process. A server does that and
    /// more, so read its figures as a multiple of these.
    Floor(floor::command::Args),
    /// Emulate a bad link between two network namespaces, until told to stop (Linux, root)
    ///
    /// What is started in the one namespace reaches the other over a link with delay and loss; nothing outside the
    /// two is touched. For kernels without netem; docs/testing.md has the same with `tc`.
    Link(link::Args),
    /// Show a run again from its JSON: as text, as a page, beside another run
    Report(report::Args),
    /// The receiving side, started by the two above
    #[command(hide = true)]
    Child,
}

/// Scenarios.
#[derive(Subcommand)]
pub(crate) enum Run {
    #[command(flatten)]
    Subscribers(Box<Scenario>),
    /// As many different plays a second as the server takes, all of them scored, framed and checked
    ///
    /// Start the server with `engine.games_max` above EVENTS / PLAYS.
    Ingest(Box<IngestArgs>),
}

/// What is done to the server, with many subscribers.
#[derive(Subcommand)]
pub(crate) enum Scenario {
    /// Everybody on one game, plays at a steady pace, their right totals known beforehand
    Broadcast {
        /// Plays
        #[arg(long, default_value_t = 40)]
        events: usize,
        /// Milliseconds between plays
        #[arg(long, default_value_t = 250)]
        interval_ms: u64,
        /// Ask for things on connections of its own meanwhile: how long to a pong, a subscription, a welcome
        ///
        /// With --floor the same is asked again of the server at rest, beside the bare loop.
        #[arg(long)]
        probe: bool,
        /// At most this 99th percentile of each kind of answer while plays are delivered (with --probe)
        #[arg(long, value_name = "MS", requires = "probe")]
        probe_p99_ms: Option<f64>,
        #[command(flatten)]
        load: Load,
    },
    /// A Sunday: each client follows a roster of players, drawn by realistic, skewed ownership
    Slate {
        /// Seconds until the run ends
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        #[command(flatten)]
        feed: FeedArgs,
        #[command(flatten)]
        rosters: RosterArgs,
        #[command(flatten)]
        load: Load,
    },
    /// All games kick off at the same instant; then a touchdown in every game at the same instant, repeatedly
    Burst {
        /// Games at once, 1 to 16
        #[arg(long, default_value_t = 11)]
        games: usize,
        /// Bursts, the kickoffs included
        #[arg(long, default_value_t = 20)]
        events: usize,
        /// Milliseconds between bursts
        #[arg(long, default_value_t = 2_000)]
        interval_ms: u64,
        #[command(flatten)]
        rosters: RosterArgs,
        #[command(flatten)]
        load: Load,
    },
    /// All clients are cut off at once and come back, while a Sunday goes on
    Storm {
        /// Times that everybody is cut off
        #[arg(long, default_value_t = 3)]
        cuts: u32,
        /// Seconds until the run ends; the cuts are spread over it evenly
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        #[command(flatten)]
        feed: FeedArgs,
        #[command(flatten)]
        rosters: RosterArgs,
        #[command(flatten)]
        load: Load,
    },
    /// Some clients stop reading until their sockets refuse bytes: what happens to the others?
    Stalled {
        /// Share of the clients that stall
        #[arg(long, default_value_t = 0.1)]
        stalled_share: f64,
        /// Times that they stall, each between measurements with everybody reading
        #[arg(long, default_value_t = 5)]
        turns: u32,
        /// Seconds of each measurement; with the time to fill below the server's `clients.stall_timeout_ms`
        #[arg(long, default_value_t = 10.0)]
        phase_s: f64,
        /// Seconds for the sockets to fill before the measurement with stalled clients
        #[arg(long, default_value_t = 12.0)]
        fill_s: f64,
        /// Seconds for those who stalled to catch up before the next measurement
        #[arg(long, default_value_t = 3.0)]
        catch_up_s: f64,
        /// Milliseconds between plays
        #[arg(long, default_value_t = 125)]
        interval_ms: u64,
        /// Kernel receive buffer (SO_RCVBUF) of the clients that stall, in bytes: small ones are full soon
        #[arg(long, default_value_t = 4_096)]
        receive_buffer_bytes: usize,
        /// At most this ratio of the others' p99 with stalled clients to that without
        #[arg(long, value_name = "RATIO")]
        stalled_p99_ratio: Option<f64>,
        #[command(flatten)]
        load: Load,
    },
    /// A Sunday over and over, the server's memory watched
    Soak {
        /// Minutes until the run ends
        #[arg(long, default_value_t = 60.0)]
        minutes: f64,
        /// At most this growth of the server's memory, in KiB an hour (with --server-pid)
        #[arg(long, value_name = "KIB")]
        growth_kib: Option<f64>,
        #[command(flatten)]
        feed: FeedArgs,
        #[command(flatten)]
        rosters: RosterArgs,
        #[command(flatten)]
        load: Load,
    },
}

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
    /// WebSocket clients; each needs a descriptor here and one in the server (`ulimit -n`)
    #[arg(long, default_value_t = 10_000)]
    clients: usize,
    /// Processes that hold the clients [default: as few as descriptors and cores allow]
    #[arg(long, value_name = "N")]
    processes: Option<usize>,
    /// Clients that parse every message and keep totals of their own
    #[arg(long, default_value_t = 8)]
    sample: usize,
    /// The ruleset of all subscriptions
    #[arg(long, default_value = plays::RULESET)]
    ruleset: String,
    /// The same seed draws the same rosters and simulates the same games
    #[arg(long, default_value_t = 1)]
    seed: u64,
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
    json: Option<PathBuf>,
    /// Also write a page with plots to FILE
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Compare with an earlier run's JSON, in text and page
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    #[command(flatten)]
    limits: LimitArgs,
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

/// What the figures may be at most; the run fails where one is more.
#[derive(Args, Default)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// At most this median latency
    #[arg(long, value_name = "MS")]
    p50_ms: Option<f64>,
    /// At most this 99th percentile of latency
    #[arg(long, value_name = "MS")]
    p99_ms: Option<f64>,
    /// At most this time to an event's last client (the median over events)
    #[arg(long, value_name = "MS")]
    last_ms: Option<f64>,
    /// At most this server CPU per delivery (with --server-pid)
    #[arg(long, value_name = "US")]
    cpu_us: Option<f64>,
    /// At most this ratio of the server's CPU to the first floor's (with --server-pid and --floor)
    #[arg(long, value_name = "RATIO")]
    ratio: Option<f64>,
    /// At most this ratio of the 99th percentile to the first floor's (with --floor)
    #[arg(long, value_name = "RATIO")]
    p99_ratio: Option<f64>,
    /// At most this ratio of the time to the last client to the first floor's (with --floor)
    #[arg(long, value_name = "RATIO")]
    last_ratio: Option<f64>,
    /// At most this memory by idle connection (with --server-pid)
    #[arg(long, value_name = "KIB")]
    connection_kib: Option<f64>,
}

/// The Sunday.
#[derive(Args)]
pub(crate) struct FeedArgs {
    /// How many times faster than a real Sunday
    #[arg(long, default_value_t = 10.0)]
    speed: f64,
    /// Event lines (NDJSON) to post, instead of simulated games
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Simulated games, 1 to 16
    #[arg(long, default_value_t = 11)]
    games: u32,
    /// The program that simulates them [default: `scorewire` beside this program]
    #[arg(long, value_name = "PATH")]
    scorewire: Option<PathBuf>,
}

/// Whom clients follow.
#[derive(Args)]
pub(crate) struct RosterArgs {
    /// Players on each roster
    #[arg(long, default_value_t = 15)]
    roster: usize,
    /// Players that can be on one, the most popular ones
    #[arg(long, default_value_t = 300)]
    players: usize,
    /// Share of the rosters that the most followed player is on
    #[arg(long, default_value_t = 0.30)]
    most_followed: f64,
}

impl Run {
    /// Runs it and publishes the report; whether nothing was lost and every limit held.
    pub(crate) fn run(&self) -> Result<bool> {
        match self {
            Self::Subscribers(scenario) => scenario.run(),
            Self::Ingest(args) => args.run(),
        }
    }
}

impl IngestArgs {
    fn run(&self) -> Result<bool> {
        let plain = |url: &str| Target::parse(url, None).context("`run ingest` measures the feeds' address, which is plain");
        let target = plain(&self.url)?;
        let mut report = ingest::run(&ingest::Settings {
            ingest: self.ingest_url.as_deref().map_or(Ok(target.clone()), plain)?,
            target,
            events: self.events,
            plays: self.plays.max(1),
            feeds: self.feeds,
            lines: self.lines.max(1),
            check_every: self.check_every,
            server_pid: self.server_pid,
            timeout: Duration::from_secs(self.timeout_s),
        })?;
        if let Some(least) = self.events_per_s {
            let measured = report.extra.get("events_per_s").copied().unwrap_or(0.0);
            report.limits.push(Limit {
                name: "us-per-event".to_owned(),
                most: 1e6 / least,
                measured: 1e6 / measured,
                held: measured >= least,
            });
            report.ok &= measured >= least;
        }
        report::publish(&report, self.json.as_deref(), self.html.as_deref(), self.compare.as_deref())?;
        Ok(report.ok)
    }
}

impl Scenario {
    /// Runs it and publishes the report; whether nothing was lost and every limit held.
    pub(crate) fn run(&self) -> Result<bool> {
        let load = self.load();
        let settings = load.settings()?;
        let (mut report, own_limits) = self.measure(&settings)?;
        load.limits.hold(&mut report);
        report.limits.extend(own_limits);
        report.ok &= report.limits.iter().all(|limit| limit.held);
        report::publish(&report, load.json.as_deref(), load.html.as_deref(), load.compare.as_deref())?;
        Ok(report.ok)
    }

    fn load(&self) -> &Load {
        match self {
            Self::Broadcast { load, .. }
            | Self::Slate { load, .. }
            | Self::Burst { load, .. }
            | Self::Storm { load, .. }
            | Self::Stalled { load, .. }
            | Self::Soak { load, .. } => load,
        }
    }

    /// What came of it, and the limits that this scenario alone knows.
    fn measure(&self, settings: &Settings) -> Result<(RunReport, Vec<Limit>)> {
        let ms = Duration::from_millis;
        let seed = self.load().seed;
        let report = match self {
            Self::Broadcast {
                events,
                interval_ms,
                probe,
                probe_p99_ms,
                ..
            } => {
                let report = broadcast::run(settings, *events, ms(*interval_ms), probe.then_some(seed))?;
                let asked = ["ping", "subscribe", "connect"].map(|what| format!("probe_walk_{what}_p99_ms"));
                let slowest = asked.iter().filter_map(|name| report.extra.get(name)).copied().reduce(f64::max);
                return Ok((report, limit("probe-p99-ms", *probe_p99_ms, slowest)));
            }
            Self::Slate {
                seconds, feed, rosters, ..
            } => slate::slate(
                settings,
                rosters.following(seed),
                &feed.sunday(seed, Duration::from_secs(*seconds))?,
            )?,
            Self::Burst {
                games,
                events,
                interval_ms,
                rosters,
                ..
            } => slate::burst(settings, rosters.following(seed), *games, *events, ms(*interval_ms))?,
            Self::Storm {
                cuts,
                seconds,
                feed,
                rosters,
                ..
            } => {
                let sunday = feed.sunday(seed, Duration::from_secs(*seconds))?;
                slate::storm(settings, rosters.following(seed), &sunday, *cuts)?
            }
            Self::Stalled {
                stalled_share,
                turns,
                phase_s,
                fill_s,
                catch_up_s,
                interval_ms,
                receive_buffer_bytes,
                stalled_p99_ratio,
                ..
            } => {
                let shape = stalled::Shape {
                    share: *stalled_share,
                    turns: *turns,
                    phase: Duration::try_from_secs_f64(*phase_s)?,
                    fill: Duration::try_from_secs_f64(*fill_s)?,
                    catch_up: Duration::try_from_secs_f64(*catch_up_s)?,
                    interval: ms(*interval_ms),
                    receive_buffer_bytes: *receive_buffer_bytes,
                };
                let report = stalled::run(settings, &shape)?;
                let ratio = report.extra.get("stalled_p99_ratio").copied();
                return Ok((report, limit("stalled-p99-ratio", *stalled_p99_ratio, ratio)));
            }
            Self::Soak {
                minutes,
                growth_kib,
                feed,
                rosters,
                ..
            } => {
                ensure!(
                    growth_kib.is_none() || settings.server_pid.is_some(),
                    "--growth-kib needs --server-pid"
                );
                let sunday = feed.sunday(seed, Duration::try_from_secs_f64(minutes * 60.0)?)?;
                let report = slate::soak(settings, rosters.following(seed), &sunday)?;
                let growth = report.extra.get("growth_kib_per_hour").copied();
                return Ok((report, limit("growth-kib", *growth_kib, growth)));
            }
        };
        Ok((report, Vec::new()))
    }
}

impl Load {
    fn settings(&self) -> Result<Settings> {
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

impl FeedArgs {
    fn sunday(&self, seed: u64, length: Duration) -> Result<Sunday> {
        let source = match &self.events {
            Some(file) => Source::File(file.clone()),
            None => Source::Simulated {
                program: self.scorewire.clone().map_or_else(sunday::program_beside, Ok)?,
                games: self.games,
                seed,
            },
        };
        Ok(Sunday {
            source,
            speed: self.speed,
            length,
        })
    }
}

impl RosterArgs {
    fn following(&self, seed: u64) -> Following {
        Following {
            skew: Skew {
                players: self.players,
                roster: self.roster,
                most: self.most_followed,
            },
            seed,
        }
    }
}

impl LimitArgs {
    /// Refuses limits on what will not be measured.
    fn check(&self, has_server: bool, has_floor: bool) -> Result<()> {
        let needs_server = self.cpu_us.or(self.ratio).or(self.connection_kib).is_some();
        ensure!(
            !needs_server || has_server,
            "--cpu-us, --ratio and --connection-kib need --server-pid"
        );
        let needs_floor = self.ratio.or(self.p99_ratio).or(self.last_ratio).is_some();
        ensure!(
            !needs_floor || has_floor,
            "--ratio, --p99-ratio and --last-ratio need --floor or --floor-uring"
        );
        Ok(())
    }

    /// Writes into the report which limits held.
    fn hold(&self, report: &mut RunReport) {
        let server = report.server.as_ref();
        let floor = report.floors.first();
        let over = |figure: f64, base: Option<f64>| base.and_then(|base| report::ratio(figure, base));
        let limits = [
            limit("p50-ms", self.p50_ms, Some(report.latency.p50_ms)),
            limit("p99-ms", self.p99_ms, Some(report.latency.p99_ms)),
            limit("last-ms", self.last_ms, Some(report.last.p50_ms)),
            limit("cpu-us", self.cpu_us, server.map(|server| server.cpu_us_per_delivery)),
            limit("ratio", self.ratio, floor.and_then(|floor| floor.cpu_ratio)),
            limit(
                "p99-ratio",
                self.p99_ratio,
                over(report.latency.p99_ms, floor.map(|floor| floor.latency.p99_ms)),
            ),
            limit(
                "last-ratio",
                self.last_ratio,
                over(report.last.p50_ms, floor.map(|floor| floor.last.p50_ms)),
            ),
            limit(
                "connection-kib",
                self.connection_kib,
                server.map(|server| server.rss_per_connection_kib),
            ),
        ];
        report.limits = limits.into_iter().flatten().collect();
    }
}

/// A limit that was given; one on what could not be measured did not hold.
fn limit(name: &str, most: Option<f64>, measured: Option<f64>) -> Vec<Limit> {
    let limit = most.map(|most| Limit {
        name: name.to_owned(),
        most,
        measured: measured.unwrap_or(0.0),
        held: measured.is_some_and(|measured| measured <= most),
    });
    limit.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::{Distribution, Floor, Server};
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn limits_hold_or_do_not_and_need_what_they_are_about() {
        let limits = LimitArgs {
            p99_ms: Some(10.0),
            cpu_us: Some(4.0),
            p99_ratio: Some(0.5),
            ratio: Some(1.0),
            ..LimitArgs::default()
        };
        assert!(limits.check(false, true).unwrap_err().to_string().contains("--server-pid"));
        assert!(limits.check(true, false).unwrap_err().to_string().contains("--floor"));
        limits.check(true, true).unwrap();
        let latency = |p99_ms| Distribution {
            p99_ms,
            ..Distribution::default()
        };
        let mut report = RunReport {
            latency: latency(9.0),
            server: Some(Server {
                cpu_us_per_delivery: 5.0,
                ..Server::default()
            }),
            floors: vec![Floor {
                latency: latency(12.0),
                ..Floor::default()
            }],
            ..RunReport::default()
        };
        limits.hold(&mut report);
        let held: Vec<(&str, f64, bool)> = report.limits.iter().map(|l| (l.name.as_str(), l.measured, l.held)).collect();
        assert_eq!(
            held,
            [
                ("p99-ms", 9.0, true),
                ("cpu-us", 5.0, false),
                ("ratio", 0.0, false),
                ("p99-ratio", 0.75, false)
            ]
        );
    }
}
