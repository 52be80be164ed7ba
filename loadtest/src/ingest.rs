//! The scenario `ingest`: as many events a second as the server takes.
//!
//! A season of plays, no two the same, is written out beforehand and posted over a few connections as
//! fast as the answers come, while watchers subscribe to every game, so that each event is decoded,
//! sequenced, applied, published, scored, encoded and sent. The clock runs from the first byte posted
//! until the last watcher has the last change. Then everything is checked: each line was taken, no
//! topic's chain has a gap, and the totals of every game, as `GET /v1/games/GAME/players` tells them
//! and for a sample of games as watched, equal those worked out here.
//!
//! Until the first event is taken an error ends it: the run can't be made. From then on what the server does wrong
//! is a fault in the report. Where it does not take a request posting ends, what is under way arrives, and nothing
//! else is held against it.
//!
//! The requests are held in memory: about 500 bytes an event.

mod check;
mod feed;
mod season;
mod threads;
mod watcher;

use crate::clock;
use crate::greet::greet;
use crate::plays::RULESET;
use crate::proc::{self, CpuReading};
use crate::report;
use crate::shape::{RunReport, SHAPE, Server};
use crate::socket;
use crate::target::Target;
use crate::upgrade::Protocol;
use anyhow::{Context as _, Result, bail};
use feed::Feed;
use season::{Plan, Season};
use std::collections::HashMap;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use threads::ByThread;
use watcher::{Received, Topic, Watcher};

/// Most connections that post: one for each pair of teams.
pub(crate) const FEEDS_MAX: usize = season::PAIRS;

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
    /// Connections that post, 1 to [`FEEDS_MAX`].
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
    /// What went wrong meanwhile.
    faults: Vec<String>,
    /// Posting ended before its end.
    is_cut_short: bool,
    /// When the last feed had its last answer, and when the last watcher had everything.
    accepted_ns: u64,
    framed_ns: u64,
    /// CPU time of this process's threads.
    feeds_cpu_ns: u64,
    watchers_cpu_ns: u64,
}

impl Outcome {
    fn plays(&self) -> usize {
        self.posted.iter().map(|posted| posted.plays).sum()
    }
}

/// Makes a run.
///
/// # Errors
/// The server can't be reached or subscribed to, or does not take a single event.
pub(crate) fn run(settings: &Settings) -> Result<RunReport> {
    greet(&settings.target, RULESET)?;
    let season = Season::new(Plan {
        run: clock::wall_us(),
        events: settings.events,
        plays: settings.plays,
        ts_us: clock::wall_us(),
    });
    let made: Vec<_> = (0..settings.feeds)
        .map(|feed| feed::requests(&season, &settings.ingest, feed, settings.feeds, settings.lines))
        .collect();
    let records: usize = made.iter().map(|(_, records)| records).sum();
    let topics = topics(&season, settings.check_every);
    let connecting_ns = clock::monotonic_ns();
    let watchers = topics
        .chunks(socket::TOPICS_MAX)
        .map(|topics| Watcher::connect(&settings.target, RULESET, topics, settings.timeout))
        .collect::<Result<Vec<_>>>()
        .context("subscribing")?;
    let feeds = made
        .into_iter()
        .map(|(requests, _)| Ok((Feed::connect(&settings.ingest, settings.timeout)?, requests)))
        .collect::<Result<Vec<_>>>()
        .context("posting")?;
    let connect_s = seconds(clock::monotonic_ns() - connecting_ns);

    let (began_us, began_ns) = (clock::wall_us(), clock::monotonic_ns());
    let before = settings.server_pid.map(Usage::take).transpose()?;
    let mut outcome = drive(feeds, watchers);
    if outcome.posted.iter().all(|posted| posted.accepted == 0) {
        bail!("no event was taken: {}", outcome.faults.join("; "));
    }
    let after = settings.server_pid.map(Usage::take).transpose();

    let mut report = RunReport {
        shape: SHAPE,
        scenario: "ingest".to_owned(),
        command: report::command_line(),
        machine: proc::machine(),
        coding: Protocol::default().name().to_owned(),
        began_us,
        duration_s: seconds(outcome.framed_ns - began_ns),
        clients: outcome.watchers.len() as u64,
        events: outcome.plays() as u64,
        connect_s,
        ..RunReport::default()
    };
    outcome.faults.drain(..).for_each(|what| fault(&mut report, what));
    count(&mut report, &outcome);
    let after = after.unwrap_or_else(|error| {
        fault(&mut report, format!("the server's process: {error:#}"));
        None
    });
    // How fast something went that did not come to its end says nothing.
    if report.fault_count == 0 {
        rates(&mut report, &outcome, seconds(outcome.accepted_ns - began_ns), records);
        if let (Some(before), Some(after)) = (before, after) {
            account(&mut report, &before, &after);
        }
    }
    if !outcome.is_cut_short {
        hold(&mut report, settings, &season, outcome);
    }
    report.ok = report.fault_count == 0;
    Ok(report)
}

/// The topics of all games.
fn topics(season: &Season, check_every: usize) -> Vec<Topic> {
    let topics = season.games().enumerate().map(|(nth, game)| {
        // An announcement, and then each play moves the clock.
        let last_seq = game.plays as u64 + 1;
        (format!("game:{}", season.id(game)), last_seq, nth % check_every == 0)
    });
    topics.collect()
}

/// Lets feeds and watchers go at once and waits for all of them.
fn drive(feeds: Vec<(Feed, Vec<feed::Request>)>, watchers: Vec<Watcher>) -> Outcome {
    let start = &Barrier::new(feeds.len() + watchers.len());
    let ended = &AtomicBool::new(false);
    let (posted, watched) = std::thread::scope(|scope| {
        let watching: Vec<_> = watchers
            .into_iter()
            .map(|mut watcher| {
                scope.spawn(move || {
                    start.wait();
                    let verdict = watcher.run(ended);
                    (watcher, verdict, clock::monotonic_ns(), clock::thread_cpu_ns())
                })
            })
            .collect();
        let feeding: Vec<_> = feeds
            .into_iter()
            .map(|(feed, requests)| {
                scope.spawn(move || {
                    start.wait();
                    let posted = feed.post(&requests, ended);
                    (posted, clock::monotonic_ns(), clock::thread_cpu_ns())
                })
            })
            .collect();
        let posted: Vec<_> = feeding
            .into_iter()
            .map(|feed| feed.join().expect("a feed does not panic"))
            .collect();
        let watched: Vec<_> = watching
            .into_iter()
            .map(|watcher| watcher.join().expect("a watcher does not panic"))
            .collect();
        (posted, watched)
    });
    let accepted_ns = posted.iter().map(|(_, at_ns, _)| *at_ns).max().unwrap_or(0);
    let mut outcome = Outcome {
        accepted_ns,
        framed_ns: watched.iter().map(|(_, _, at_ns, _)| *at_ns).max().unwrap_or(0).max(accepted_ns),
        feeds_cpu_ns: posted.iter().map(|(.., cpu_ns)| cpu_ns).sum(),
        watchers_cpu_ns: watched.iter().map(|(.., cpu_ns)| cpu_ns).sum(),
        posted: posted.into_iter().map(|(posted, ..)| posted).collect(),
        watchers: Vec::new(),
        faults: Vec::new(),
        is_cut_short: ended.load(Ordering::Relaxed),
    };
    let ends = outcome.posted.iter_mut().filter_map(|posted| posted.fault.take());
    outcome.faults.extend(ends.map(|error| format!("posting ended: {error:#}")));
    for (watcher, verdict, ..) in watched {
        outcome.faults.extend(verdict.err().map(|error| format!("watching: {error:#}")));
        outcome.watchers.push(watcher);
    }
    outcome
}

/// Holds a run whose every request was taken against the season's totals.
fn hold(report: &mut RunReport, settings: &Settings, season: &Season, outcome: Outcome) {
    if outcome.plays() != settings.events {
        fault(report, format!("{} plays were taken of {}", outcome.plays(), settings.events));
    }
    let mut watched = HashMap::new();
    for watcher in outcome.watchers {
        match watcher.points() {
            Ok(points) => watched.extend(points),
            Err(error) => fault(report, format!("watching: {error:#}")),
        }
    }
    check::check(report, &settings.target, season, &watched);
}

/// The server's processor time and memory at one moment.
struct Usage {
    cpu: CpuReading,
    by_thread: ByThread,
    rss_kib: u64,
}

impl Usage {
    fn take(pid: u32) -> Result<Usage> {
        Ok(Usage {
            cpu: CpuReading::take(pid)?,
            by_thread: ByThread::take(pid)?,
            rss_kib: proc::memory(pid)?.rss_kib,
        })
    }
}

/// How fast all of it went.
fn rates(report: &mut RunReport, outcome: &Outcome, accepted_s: f64, records: usize) {
    let events = report.events as f64;
    let per_event_us = |ns: u64| ns as f64 / 1e3 / events;
    report.extra.extend(
        [
            ("events_per_s", events / report.duration_s),
            ("accepted_per_s", events / accepted_s),
            ("stat_records_per_event", records as f64 / events),
            ("feeds_cpu_us_per_event", per_event_us(outcome.feeds_cpu_ns)),
            ("watchers_cpu_us_per_event", per_event_us(outcome.watchers_cpu_ns)),
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

/// What was sent and received, of a run that was cut short, too.
fn count(report: &mut RunReport, outcome: &Outcome) {
    let sum = |of: fn(&Received) -> u64| outcome.watchers.iter().map(|watcher| of(watcher.received())).sum();
    report.deliveries = sum(|received| received.changes);
    report.frames = sum(|received| received.frames);
    report.frames_merged = sum(|received| received.merged);
    report.frame_bytes = sum(|received| received.bytes);
    report.snapshots_late = sum(|received| received.snapshots_late);
    let refused: usize = outcome.posted.iter().map(|posted| posted.refused).sum();
    let figures = [("feeds", outcome.posted.len() as f64), ("requests_answered_429", refused as f64)];
    report.extra.extend(figures.map(|(name, figure)| (name.to_owned(), figure)));
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
