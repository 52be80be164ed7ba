//! The scenarios with subscribers: what each is asked for, and how it is run.

use super::hostile::HostileArgs;
use super::limits::{hold_untimed, limit};
use super::load::Load;
use super::numbers::{at_least_one, over_zero, zero_or_more};
use super::sunday::{ContestArgs, FeedArgs, RosterArgs};
use crate::run::Settings;
use crate::scenario::broadcast::{self, Beside};
use crate::scenario::{slate, stalled};
use crate::shape::{Limit, RunReport};
use crate::upgrade::Coding;
use anyhow::{Result, ensure};
use clap::Subcommand;
use clap::builder::RangedU64ValueParser;
use std::time::Duration;

/// What is done to the server, with many subscribers.
#[derive(Subcommand)]
pub(crate) enum Scenario {
    /// Everybody on one game, plays at a steady pace, their right totals known beforehand
    Broadcast {
        /// Plays
        #[arg(long, default_value_t = 40, value_parser = at_least_one::<usize>)]
        events: usize,
        /// Milliseconds between plays
        #[arg(long, value_name = "MS", default_value_t = 250, value_parser = at_least_one::<u64>)]
        interval_ms: u64,
        /// Ask for things on connections of its own meanwhile: how long to a pong, a subscription, a welcome
        ///
        /// With --floor the same is asked again of the server at rest, beside the bare loop.
        #[arg(long)]
        probe: bool,
        /// At most this 99th percentile of each kind of answer while plays are delivered (with --probe)
        #[arg(long, value_name = "MS", requires = "probe", value_parser = zero_or_more)]
        probe_p99_ms: Option<f64>,
        #[command(flatten)]
        hostile: HostileArgs,
        #[command(flatten)]
        load: Load,
    },
    /// A Sunday: each client follows a roster of players, drawn by realistic, skewed ownership
    Slate {
        /// Seconds until the run ends
        #[arg(long, default_value_t = 60, value_parser = at_least_one::<u64>)]
        seconds: u64,
        #[command(flatten)]
        contest: ContestArgs,
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
        #[arg(long, default_value_t = 11, value_parser = RangedU64ValueParser::<usize>::new().range(1..=16))]
        games: usize,
        /// Bursts, the kickoffs included
        #[arg(long, default_value_t = 20, value_parser = at_least_one::<usize>)]
        events: usize,
        /// Milliseconds between bursts
        #[arg(long, value_name = "MS", default_value_t = 2_000, value_parser = at_least_one::<u64>)]
        interval_ms: u64,
        #[command(flatten)]
        rosters: RosterArgs,
        #[command(flatten)]
        load: Load,
    },
    /// All clients are cut off at once and come back, while a Sunday goes on
    Storm {
        /// Times that everybody is cut off
        #[arg(long, default_value_t = 3, value_parser = at_least_one::<u32>)]
        cuts: u32,
        /// Seconds until the run ends; the cuts are spread over it evenly
        #[arg(long, default_value_t = 60, value_parser = at_least_one::<u64>)]
        seconds: u64,
        /// At most this time from a cut until everybody is right again, of the slowest cut
        #[arg(long, value_name = "MS", value_parser = zero_or_more)]
        back_ms: Option<f64>,
        #[command(flatten)]
        feed: FeedArgs,
        #[command(flatten)]
        rosters: RosterArgs,
        #[command(flatten)]
        load: Load,
    },
    /// Some clients stop reading until their sockets refuse bytes: what happens to the others?
    Stalled {
        /// Share of the clients that stall: one in so many, so 0.5, 0.333, 0.25, 0.2, …
        #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
        stalled_share: f64,
        /// Times that they stall, each between measurements with everybody reading
        #[arg(long, default_value_t = 5, value_parser = at_least_one::<u32>)]
        turns: u32,
        /// Seconds of each measurement; the server closes those whose sockets are full for its
        /// `clients.stall_timeout_ms`
        #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = over_zero)]
        phase_s: f64,
        /// Seconds for the sockets to fill before the measurement with stalled clients [default: 12; with --coding bin 30]
        #[arg(long, value_name = "SECONDS", value_parser = zero_or_more)]
        fill_s: Option<f64>,
        /// Seconds for those who stalled to catch up before the next measurement
        #[arg(long, value_name = "SECONDS", default_value_t = 3.0, value_parser = zero_or_more)]
        catch_up_s: f64,
        /// Milliseconds between plays
        #[arg(long, value_name = "MS", default_value_t = 125, value_parser = at_least_one::<u64>)]
        interval_ms: u64,
        /// Kernel receive buffer (SO_RCVBUF) of the clients that stall, in bytes: small ones are full soon
        #[arg(long, value_name = "BYTES", default_value_t = 4_096, value_parser = at_least_one::<usize>)]
        receive_buffer_bytes: usize,
        /// At most this ratio of the others' p99 with stalled clients to that without
        #[arg(long, value_name = "RATIO", value_parser = zero_or_more)]
        stalled_p99_ratio: Option<f64>,
        #[command(flatten)]
        load: Load,
    },
    /// A Sunday over and over, the server's memory watched
    Soak {
        /// Minutes until the run ends
        #[arg(long, default_value_t = 60.0, value_parser = over_zero)]
        minutes: f64,
        /// At most this growth of the server's memory, in KiB an hour (with --server-pid)
        #[arg(long, value_name = "KIB", value_parser = zero_or_more)]
        growth_kib: Option<f64>,
        #[command(flatten)]
        feed: FeedArgs,
        #[command(flatten)]
        rosters: RosterArgs,
        #[command(flatten)]
        load: Load,
    },
}

impl Scenario {
    /// Runs it and publishes the report; whether nothing was lost and every limit held.
    pub(crate) fn run(&self) -> Result<bool> {
        let load = self.load();
        let settings = load.settings()?;
        let (mut report, own_limits) = self.measure(&settings)?;
        load.limits.hold(&mut report);
        report.limits.extend(own_limits);
        hold_untimed(&mut report);
        report.ok &= report.limits.iter().all(|limit| limit.held);
        load.output.publish(&report)?;
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
        let (ms, seed) = (Duration::from_millis, self.load().seed);
        let report = match self {
            Self::Broadcast {
                events,
                interval_ms,
                probe,
                probe_p99_ms,
                hostile,
                ..
            } => {
                let beside = Beside {
                    seed,
                    is_probed: *probe,
                    hostile: hostile.hostile()?,
                };
                let report = broadcast::run(settings, *events, ms(*interval_ms), beside)?;
                let asked = ["ping", "subscribe", "connect"].map(|what| format!("probe_walk_{what}_p99_ms"));
                let slowest = asked.iter().filter_map(|name| report.extra.get(name)).copied().reduce(f64::max);
                return Ok((report, limit("probe-p99-ms", *probe_p99_ms, slowest)));
            }
            Self::Slate {
                seconds,
                contest,
                feed,
                rosters,
                ..
            } => slate::slate(
                settings,
                rosters.following(seed),
                &feed.sunday(seed, Duration::from_secs(*seconds))?,
                contest.entries(),
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
                back_ms,
                feed,
                rosters,
                ..
            } => {
                let sunday = feed.sunday(seed, Duration::from_secs(*seconds))?;
                let report = slate::storm(settings, rosters.following(seed), &sunday, *cuts)?;
                let slowest = report.extra.get("back_max_ms").copied();
                return Ok((report, limit("back-ms", *back_ms, slowest)));
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
                let fill_s = fill_s.unwrap_or(match settings.protocol.coding {
                    Coding::Json => 12.0,
                    Coding::Bin => 30.0,
                });
                let shape = stalled::Shape {
                    share: *stalled_share,
                    turns: *turns,
                    phase: Duration::try_from_secs_f64(*phase_s)?,
                    fill: Duration::try_from_secs_f64(fill_s)?,
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
