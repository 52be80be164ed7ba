//! The scenario `ingest`: as many events a second as the server takes.
//!
//! A season of plays, no two the same, is written out beforehand and posted over a few connections as
//! fast as the answers come, while watchers subscribe to every game, so that each event is decoded,
//! sequenced, applied, published, scored, encoded and sent. The clock runs from the first byte posted
//! until the last watcher has the last change. Then everything is checked: each line was taken, no
//! topic's chain has a gap, and the totals of every game, as `GET /v1/games/GAME/players` tells them
//! and for a sample of games as watched, equal those worked out here.
//!
//! The requests are held in memory: about 500 bytes an event.

mod check;
mod feed;
mod season;
mod threads;
mod watcher;

use crate::clock;
use crate::plays::RULESET;
use crate::proc::{self, CpuReading};
use crate::report;
use crate::shape::{RunReport, SHAPE, Server};
use crate::target::Target;
use crate::upgrade::Protocol;
use anyhow::{Context as _, Result};
use season::{Plan, Season};
use std::sync::Barrier;
use std::time::Duration;
use threads::ByThread;
use watcher::{Received, Topic, Watcher};

/// What a run is made from.
pub(crate) struct Settings {
    /// The server's WebSocket address.
    pub(crate) target: Target,
    /// Where events are posted.
    pub(crate) ingest: Target,
    /// Plays in all.
    pub(crate) events: usize,
    /// Plays of a game; the server must allow as many games as that makes (`engine.games_max`).
    pub(crate) plays: usize,
    /// Connections that post, at most 16.
    pub(crate) feeds: usize,
    /// Event lines of one request.
    pub(crate) lines: usize,
    /// Of one in so many games the frames are kept, and added up in the end.
    pub(crate) check_every: usize,
    /// The server's process id.
    pub(crate) server_pid: Option<u32>,
    /// For an answer, and for the last frame.
    pub(crate) timeout: Duration,
}

/// What the threads of a run brought home.
struct Outcome {
    posted: Vec<feed::Posted>,
    watchers: Vec<Watcher>,
    /// When the last feed had its last answer, and when the last watcher had everything.
    accepted_ns: u64,
    framed_ns: u64,
    /// CPU time of this process's threads.
    feeds_cpu_ns: u64,
    watchers_cpu_ns: u64,
}

/// Makes a run.
///
/// # Errors
/// The server cannot be reached, refuses events, or a watcher is closed or sent a broken chain.
pub(crate) fn run(settings: &Settings) -> Result<RunReport> {
    let season = Season::new(Plan {
        run: clock::wall_us() / 1_000,
        events: settings.events,
        plays: settings.plays,
        ts_us: clock::wall_us(),
    });
    let feeds = settings.feeds.clamp(1, season::PAIRS);
    let made: Vec<_> = (0..feeds)
        .map(|feed| feed::requests(&season, &settings.ingest, feed, feeds, settings.lines))
        .collect();
    let records: usize = made.iter().map(|(_, records)| records).sum();
    let topics: Vec<Topic> = season
        .games()
        .enumerate()
        .map(|(nth, game)| {
            // An announcement, and then each play moves the clock.
            let last_seq = game.plays as u64 + 1;
            (
                format!("game:{}", season.id(game)),
                last_seq,
                nth % settings.check_every.max(1) == 0,
            )
        })
        .collect();
    let connecting_ns = clock::monotonic_ns();
    let watchers = topics
        .chunks(watcher::TOPICS_MAX)
        .map(|topics| Watcher::connect(&settings.target, RULESET, topics, settings.timeout))
        .collect::<Result<Vec<_>>>()
        .context("subscribing")?;
    let clients = watchers.len();
    let connect_s = seconds(clock::monotonic_ns() - connecting_ns);

    let (began_us, began_ns) = (clock::wall_us(), clock::monotonic_ns());
    let before = Usage::take(settings.server_pid)?;
    let outcome = drive(settings, made.into_iter().map(|(requests, _)| requests).collect(), watchers)?;
    let after = Usage::take(settings.server_pid)?;

    let mut report = RunReport {
        shape: SHAPE,
        scenario: "ingest".to_owned(),
        command: report::command_line(),
        machine: proc::machine(),
        coding: Protocol::default().name().to_owned(),
        began_us,
        duration_s: seconds(outcome.framed_ns - began_ns),
        clients: clients as u64,
        events: settings.events as u64,
        connect_s,
        ..RunReport::default()
    };
    fill(&mut report, &outcome, seconds(outcome.accepted_ns - began_ns), records);
    if let (Some(before), Some(after)) = (before, after) {
        account(&mut report, &before, &after);
    }
    let games = topics.len();
    let received = outcome.watchers.into_iter().map(Watcher::finish).collect::<Result<Vec<_>>>()?;
    count(&mut report, &received);
    let lines: usize = outcome.posted.iter().map(|posted| posted.accepted).sum();
    if lines != settings.events + games {
        fault(&mut report, format!("{lines} lines were taken of {}", settings.events + games));
    }
    check::check(&mut report, &settings.target, &season, &received);
    report.ok = report.fault_count == 0;
    Ok(report)
}

/// Lets feeds and watchers go at once and waits for all of them.
fn drive(settings: &Settings, requests: Vec<Vec<feed::Request>>, watchers: Vec<Watcher>) -> Result<Outcome> {
    let start = Barrier::new(requests.len() + watchers.len());
    std::thread::scope(|scope| {
        let start = &start;
        let watching: Vec<_> = watchers
            .into_iter()
            .map(|watcher| {
                scope.spawn(move || {
                    start.wait();
                    let watcher = watcher.run()?;
                    anyhow::Ok((watcher, clock::monotonic_ns(), clock::thread_cpu_ns()))
                })
            })
            .collect();
        let feeding: Vec<_> = requests
            .into_iter()
            .map(|requests| {
                scope.spawn(move || {
                    start.wait();
                    let posted = feed::post(&settings.ingest, settings.timeout, &requests)?;
                    anyhow::Ok((posted, clock::monotonic_ns(), clock::thread_cpu_ns()))
                })
            })
            .collect();
        let posted = feeding
            .into_iter()
            .map(|feed| feed.join().expect("a feed does not panic"))
            .collect::<Result<Vec<_>>>()
            .context("posting")?;
        let watched = watching
            .into_iter()
            .map(|watcher| watcher.join().expect("a watcher does not panic"))
            .collect::<Result<Vec<_>>>()
            .context("watching")?;
        let accepted_ns = posted.iter().map(|(_, at_ns, _)| *at_ns).max().unwrap_or(0);
        Ok(Outcome {
            accepted_ns,
            framed_ns: watched.iter().map(|(_, at_ns, _)| *at_ns).max().unwrap_or(0).max(accepted_ns),
            feeds_cpu_ns: posted.iter().map(|(.., cpu_ns)| cpu_ns).sum(),
            watchers_cpu_ns: watched.iter().map(|(.., cpu_ns)| cpu_ns).sum(),
            posted: posted.into_iter().map(|(posted, ..)| posted).collect(),
            watchers: watched.into_iter().map(|(watcher, ..)| watcher).collect(),
        })
    })
}

/// The server's processor time and memory at one moment.
struct Usage {
    cpu: CpuReading,
    by_thread: ByThread,
    rss_kib: u64,
}

impl Usage {
    fn take(pid: Option<u32>) -> Result<Option<Usage>> {
        pid.map(|pid| {
            Ok(Usage {
                cpu: CpuReading::take(pid)?,
                by_thread: ByThread::take(pid)?,
                rss_kib: proc::memory(pid)?.rss_kib,
            })
        })
        .transpose()
    }
}

fn fill(report: &mut RunReport, outcome: &Outcome, accepted_s: f64, records: usize) {
    let events = report.events as f64;
    let per_event_us = |ns: u64| ns as f64 / 1e3 / events;
    let refused: usize = outcome.posted.iter().map(|posted| posted.refused).sum();
    report.extra.extend(
        [
            ("feeds", outcome.posted.len() as f64),
            ("events_per_s", events / report.duration_s),
            ("accepted_per_s", events / accepted_s),
            ("stat_records_per_event", records as f64 / events),
            ("feeds_cpu_us_per_event", per_event_us(outcome.feeds_cpu_ns)),
            ("watchers_cpu_us_per_event", per_event_us(outcome.watchers_cpu_ns)),
            ("requests_answered_429", refused as f64),
        ]
        .map(|(name, figure)| (name.to_owned(), figure)),
    );
}

fn account(report: &mut RunReport, before: &Usage, after: &Usage) {
    let cpu_ns = after.cpu.since(&before.cpu);
    let events = report.events as f64;
    report
        .extra
        .insert("server_cpu_us_per_event".to_owned(), cpu_ns as f64 / 1e3 / events);
    for (threads, ns) in after.by_thread.since(&before.by_thread) {
        report
            .extra
            .insert(format!("server_cpu_us_per_event_{threads}"), ns as f64 / 1e3 / events);
    }
    report.server = Some(Server {
        cpu_s: cpu_ns as f64 / 1e9,
        rss_idle_kib: before.rss_kib,
        rss_end_kib: after.rss_kib,
        ..Server::default()
    });
}

fn count(report: &mut RunReport, received: &[Received]) {
    let sum = |of: fn(&Received) -> u64| received.iter().map(of).sum();
    report.deliveries = sum(|received| received.changes);
    report.frames = sum(|received| received.frames);
    report.frames_merged = sum(|received| received.merged);
    report.frame_bytes = sum(|received| received.bytes);
    report.snapshots_late = sum(|received| received.snapshots_late);
}

/// Faults told in words.
const FAULTS_TOLD: usize = 10;

fn fault(report: &mut RunReport, what: String) {
    report.fault_count += 1;
    if report.faults.len() < FAULTS_TOLD {
        report.faults.push(what);
    }
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}
