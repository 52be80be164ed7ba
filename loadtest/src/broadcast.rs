//! Broadcast: every client on one game, plays at a steady pace, every frame verified.
//!
//! The order of things: announce the game, read the server's memory, connect and subscribe
//! everybody, read it again, post the plays on schedule, wait until every client has the last one,
//! read the server's CPU time, compare with `GET /v1/games/GAME/players`, then (if asked) measure
//! the floor with the same number of clients and the same frame size.

use crate::crew::{Crew, Job, Tally};
use crate::floor::{self, Via};
use crate::latency::Latency;
use crate::plays::{Line, RULESET, Script, player_index};
use crate::post::Http;
use crate::proc::{CpuReading, Switches};
use crate::report;
use crate::shape::{Floor, RunReport, SHAPE, Server};
use crate::target::Target;
use crate::trace::Trace;
use crate::verify::{check_line, points};
use crate::watch::Watch;
use crate::{clock, limits, proc};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::time::Duration;

/// What to run.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The server's WebSocket endpoint.
    pub(crate) target: Target,
    /// Where plays go (the server's HTTP side).
    pub(crate) ingest: Target,
    /// WebSocket clients.
    pub(crate) clients: usize,
    /// Plays.
    pub(crate) events: usize,
    /// Between plays.
    pub(crate) interval: Duration,
    /// Clients that also keep totals of their own.
    pub(crate) sample: usize,
    /// The server's process, for its CPU and memory.
    pub(crate) server_pid: Option<u32>,
    /// Measure the floor, too.
    pub(crate) floor: bool,
    /// For everybody to be connected and subscribed.
    pub(crate) connect_timeout: Duration,
    /// After the last play.
    pub(crate) drain_timeout: Duration,
}

/// What was seen while the plays went out.
struct Seen {
    tally: Tally,
    latency: Latency,
    connect_ms: u64,
    began_us: u64,
    server: Option<Server>,
}

/// Runs it. An error means that nothing could be measured; what was measured and found wrong
/// stands in the report.
pub(crate) fn run(settings: &Settings) -> Result<RunReport> {
    ensure!(settings.clients > 0 && settings.events > 0, "clients and events must be at least 1");
    let available = limits::raise_descriptors();
    if settings.floor {
        limits::require(available, settings.clients, "the floor, in this one process,")?;
    }
    if let Some(pid) = settings.server_pid {
        limits::require_of_server(pid, settings.clients)?;
    }
    let script = Script::new(&format!("load{}", clock::wall_us()), settings.events);
    let mut http = Http::new(settings.ingest.addr, &settings.ingest.host);
    http.post_events(&script.opening()).context("the game can't be announced")?;

    let mut seen = play(settings, &script, &mut http, available)?;
    let rows = http.get(&format!("/v1/games/{}/players?ruleset={RULESET}", script.game()));
    let verdict = rows.and_then(|rows| compare(&rows, &script, &seen.tally));
    if let Err(error) = verdict {
        seen.tally.fault_count += 1;
        seen.tally.faults.push(format!("the HTTP answer and the clients differ: {error:#}"));
    }
    let floor = match seen.tally.frame_bytes.checked_div(seen.tally.frames) {
        Some(bytes) if settings.floor => {
            let interval_us = settings.interval.as_micros() as u64;
            let trace = Trace::steady(settings.clients, settings.events, interval_us, bytes as u32);
            Some(floor::measure(&trace, Via::Send, 1)?)
        }
        _ => None,
    };
    Ok(report(settings, &script, seen, floor))
}

/// Connects everybody, posts the plays, waits for the last client.
fn play(settings: &Settings, script: &Script, http: &mut Http, available: u64) -> Result<Seen> {
    let before = settings.server_pid.map(proc::memory).transpose()?;
    let mut crew = Crew::start(&jobs(settings, script, available))?;
    let mut watch = Watch::new("broadcast", &crew, settings.clients, settings.events);
    let connect_ms = watch.ready(&crew, settings.connect_timeout)?;
    watch.listen(&crew, clock::monotonic_ns() + 1_000_000_000)?;
    let idle = settings.server_pid.map(proc::memory).transpose()?;

    let interval_ns = settings.interval.as_nanos() as u64;
    let t0_ns = clock::monotonic_ns() + 300_000_000;
    let ts0_us = clock::wall_us() + 300_000;
    watch.start(&mut crew, t0_ns, ts0_us)?;
    watch.listen(&crew, t0_ns - 5_000_000)?;
    let look = |pid| anyhow::Ok((CpuReading::take(pid)?, Switches::take(pid)?));
    let earlier = settings.server_pid.map(look).transpose()?;
    for index in 0..settings.events {
        let offset_ns = index as u64 * interval_ns;
        watch.listen(&crew, t0_ns + offset_ns)?;
        http.post_events(&script.line(index, ts0_us + offset_ns / 1_000))
            .with_context(|| format!("play {}", index + 1))?;
    }
    watch.done(&mut crew, clock::monotonic_ns() + settings.drain_timeout.as_nanos() as u64)?;
    let later = settings.server_pid.map(look).transpose()?;
    let end = settings.server_pid.map(proc::memory).transpose()?;
    let (tally, latency) = watch.total();

    let server = before
        .zip(idle)
        .zip(end)
        .zip(earlier.zip(later))
        .map(|(((before, idle), end), (earlier, later))| {
            let cpu_ns = later.0.since(&earlier.0);
            let (switches_voluntary, switches_involuntary) = later.1.since(&earlier.1);
            let each = |idle: u64, before: u64| (idle as f64 - before as f64) / settings.clients as f64;
            Server {
                cpu_us_per_delivery: cpu_ns as f64 / 1e3 / tally.deliveries.max(1) as f64,
                cpu_s: cpu_ns as f64 / 1e9,
                rss_idle_kib: idle.rss_kib,
                rss_end_kib: end.rss_kib,
                rss_per_connection_kib: each(idle.rss_kib, before.rss_kib),
                anon_per_connection_kib: each(idle.anon_kib, before.anon_kib),
                switches_voluntary,
                switches_involuntary,
            }
        });
    Ok(Seen {
        tally,
        latency,
        connect_ms,
        began_us: ts0_us,
        server,
    })
}

/// The clients, spread over as few processes as the descriptor limit allows.
fn jobs(settings: &Settings, script: &Script, available: u64) -> Vec<Job> {
    let count = limits::processes(settings.clients, available);
    let each = settings.clients.div_ceil(count);
    let starts = (0..settings.clients).step_by(each);
    starts
        .map(|first| Job::Clients {
            to: settings.target.addr,
            host: settings.target.host.clone(),
            path: settings.target.path.clone(),
            first,
            clients: each.min(settings.clients - first),
            sample: settings.sample.div_ceil(count),
            game: script.game().to_owned(),
            events: settings.events,
            interval_us: settings.interval.as_micros() as u64,
        })
        .collect()
}

/// The HTTP answer must hold the script's totals, and whatever else it shows (the defences) must be
/// what the sampled clients hold.
fn compare(rows: &Value, script: &Script, tally: &Tally) -> Result<()> {
    let rows = rows.as_array().context("no list of players")?;
    let totals = script.totals(script.events()).context("a script without an end")?;
    let mut missing: Vec<usize> = (0..totals.len()).filter(|&index| totals[index] != Line::default()).collect();
    for row in rows {
        let id = row["player"].as_str().context("a player without an id")?;
        if let Some(index) = player_index(id) {
            check_line(row, &totals[index])?;
            missing.retain(|&other| other != index);
        }
        let held = points(&row["points"])?;
        for (number, sample) in tally.samples.iter().enumerate() {
            // A player who never moved need not have been shown to anybody.
            if let Some(&sampled) = sample.get(id) {
                ensure!(
                    sampled == held,
                    "sampled client {number} holds {sampled}/10000 for {id}, HTTP says {held}/10000"
                );
            }
        }
    }
    ensure!(missing.is_empty(), "players of the cast are missing: {missing:?}");
    for sample in &tally.samples {
        for (index, line) in totals.iter().enumerate().filter(|(_, line)| **line != Line::default()) {
            let id = crate::plays::player_id(index);
            ensure!(
                sample.get(&id) == Some(&line.points()),
                "a sampled client holds {:?} for {id}",
                sample.get(&id)
            );
        }
    }
    Ok(())
}

fn report(settings: &Settings, script: &Script, seen: Seen, floor: Option<Floor>) -> RunReport {
    let Seen {
        tally,
        latency,
        connect_ms,
        began_us,
        server,
    } = seen;
    let due = (settings.clients * settings.events) as u64;
    let timeline = latency.timeline();
    let extra = [
        ("interval_ms", settings.interval.as_secs_f64() * 1e3),
        ("deliveries_due", due as f64),
        ("clients_complete", tally.complete as f64),
        ("messages_parsed", tally.parsed as f64),
        ("messages_compared", tally.compared as f64),
        ("clients_sampled", tally.samples.len() as f64),
    ];
    RunReport {
        shape: SHAPE,
        scenario: "broadcast".to_owned(),
        command: report::command_line(),
        began_us,
        duration_s: timeline.len() as f64,
        machine: proc::machine(),
        ok: tally.complete == settings.clients as u64 && tally.deliveries == due && tally.fault_count == 0,
        limits: Vec::new(),
        clients: settings.clients as u64,
        events: script.events() as u64,
        connect_s: connect_ms as f64 / 1e3,
        deliveries: tally.deliveries,
        frames: tally.frames,
        frames_merged: tally.merged,
        snapshots_late: tally.late_snapshots,
        frame_bytes: tally.frame_bytes,
        clients_broken: tally.broken,
        fault_count: tally.fault_count,
        faults: tally.faults,
        latency: latency.distribution(),
        latency_kernel: None,
        first: latency.first(),
        last: latency.last(),
        timeline,
        server,
        client_cpu_us_per_delivery: tally.cpu_ns as f64 / 1e3 / tally.deliveries.max(1) as f64,
        floors: floor.into_iter().collect(),
        extra: extra.map(|(name, figure)| (name.to_owned(), figure)).into(),
    }
}
