//! One run from beginning to end, whatever the scenario: a [`Plan`] says who follows what and what happens when.
//!
//! The order of things: post what comes beforehand, read the server's memory, connect and subscribe
//! everybody, read it again, post the events on schedule, ask the server for its last word, wait until
//! every client holds it, read the server's CPU time, then repeat the work with a bare loop where asked to.
//!
//! Until the first event an error ends it: the run can't be made. From then on what the server does wrong
//! is a fault in the report, and the run goes on as far as it can.

mod floors;
mod last_word;
mod posting;
mod readings;

use crate::contest::{self, Contests, Watching};
use crate::crew::{Crew, Job, Tally};
use crate::floor::{self, Via};
use crate::greet::greet;
use crate::hostile::{Assault, Findings, Mob};
use crate::job::{self, Stalling};
use crate::latency::Latency;
use crate::lineups::Lineups;
use crate::post::Http;
use crate::probe::{Probe, Prober};
use crate::proc::Memory;
use crate::schedule::Schedule;
use crate::shape::{RunReport, SHAPE};
use crate::target::Target;
use crate::timeline::Timeline;
use crate::truth::Truth;
use crate::upgrade::Protocol;
use crate::watch::{Ended, Watch};
use crate::{clock, limits, proc, report};
use anyhow::{Context as _, Result, ensure};
use posting::Repeats;
use readings::Look;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// From everybody connected to the look at the server's idle memory.
const IDLE_NS: u64 = 1_000_000_000;

/// From telling the clients to the first event.
const LEAD_NS: u64 = 300_000_000;

/// From the last event to asking for the server's last word.
const REST_NS: u64 = 250_000_000;

/// What every scenario is given.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The server's WebSocket endpoint.
    pub(crate) target: Target,
    /// Where events go.
    pub(crate) ingest: Target,
    /// Where `/metrics` is.
    pub(crate) admin: Target,
    /// How messages are written, and whether compressed.
    pub(crate) protocol: Protocol,
    /// WebSocket clients.
    pub(crate) clients: usize,
    /// Processes that hold them; as few as will do where not said.
    pub(crate) processes: Option<usize>,
    /// Clients that also keep totals of their own.
    pub(crate) sample: usize,
    /// Of all subscriptions.
    pub(crate) ruleset: String,
    /// The server's process, for its CPU and memory.
    pub(crate) server_pid: Option<u32>,
    /// Whether to ask the clients' kernel when data arrived, too.
    pub(crate) kernel_times: bool,
    /// Floors to measure, each with so many threads.
    pub(crate) floors: Vec<(Via, usize)>,
    /// For everybody to be connected and subscribed.
    pub(crate) connect_timeout: Duration,
    /// After the last event.
    pub(crate) drain_timeout: Duration,
}

/// Something that happens beside the events.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    /// All connections are cut.
    Cut,
    /// Those who are to stall stop reading.
    Stall,
    /// So many sockets must be refusing bytes by now, as the server's metrics say.
    Refusing(usize),
    /// Those who stalled read again.
    Read,
}

/// What a scenario makes of a run.
pub(crate) struct Plan {
    /// Its name.
    pub(crate) scenario: &'static str,
    /// Lines posted before anybody connects.
    pub(crate) opening: Vec<String>,
    /// What can be followed. Lineups have no names before the server has made them.
    pub(crate) topics: Vec<String>,
    /// Who follows what, by number: a list a client, ascending.
    pub(crate) rosters: Vec<Vec<u32>>,
    /// When the events are due.
    pub(crate) schedule: Schedule,
    /// The events, without `ts`.
    pub(crate) lines: Vec<String>,
    /// In microseconds from the start, ascending.
    pub(crate) acts: Vec<(u64, Act)>,
    /// The game whose script the events are.
    pub(crate) script: Option<String>,
    /// Connections under way at once.
    pub(crate) opening_max: usize,
    /// Who stops reading when told to.
    pub(crate) stalling: Option<Stalling>,
    /// Who asks for things beside all that, and again beside each floor, of the server at rest.
    pub(crate) probe: Option<Prober>,
    /// The topics are lineups of these players.
    pub(crate) lineups: Option<Lineups>,
    /// Entries of whom some are watched beside all that.
    pub(crate) contests: Option<Contests>,
    /// Who does the server harm beside all that, from before the first event until everybody else has the last.
    pub(crate) hostile: Option<Mob>,
}

impl Plan {
    /// How many clients follow each topic.
    pub(crate) fn followers(&self) -> Vec<u64> {
        let mut followers = vec![0; self.topics.len()];
        self.rosters.iter().flatten().for_each(|&topic| followers[topic as usize] += 1);
        followers
    }

    /// How many clients have each player, by himself or in a lineup.
    pub(crate) fn owners(&self) -> Vec<u64> {
        let followers = self.followers();
        match &self.lineups {
            Some(lineups) => lineups.owners(&followers),
            None => followers,
        }
    }
}

/// What came of it.
pub(crate) struct Outcome {
    /// With everything that all scenarios have.
    pub(crate) report: RunReport,
    /// What the clients counted.
    pub(crate) tally: Tally,
    /// Latencies by phase.
    pub(crate) phases: Vec<Latency>,
    /// Looks at the server.
    pub(crate) timeline: Timeline,
    /// It ended before its end: nothing that is missing is held against it.
    pub(crate) is_cut_short: bool,
    /// The server's last word on each topic, by number; null for one that nobody follows. Nothing where the server did
    /// not say: then there is nothing to hold it against.
    last: Option<Vec<Value>>,
}

impl Outcome {
    /// Something was wrong: the run has failed.
    pub(crate) fn fault(&mut self, fault: String) {
        self.report.ok = false;
        self.report.fault_count += 1;
        self.report.faults.push(fault);
    }
}

/// A name for what a run brings to the server, so that runs don't meet, those at the same time either: letters and
/// digits, always as many. It is the microsecond, and comes again after half a year.
pub(crate) fn prefix() -> String {
    format!("l{:011x}-", clock::wall_us() & 0xFFF_FFFF_FFFF)
}

/// Runs it. `check` is the scenario's own last question to the server. An error means that nothing
/// could be measured; what was measured and found wrong stands in the report. A run that was cut short
/// is held against nothing else, and no floor repeats it.
pub(crate) fn run(settings: &Settings, mut plan: Plan, check: impl FnOnce(&mut Http, &Tally) -> Result<()>) -> Result<Outcome> {
    ensure!(
        !plan.rosters.is_empty() && !plan.lines.is_empty(),
        "clients and events must be at least 1"
    );
    for &(via, _) in &settings.floors {
        floor::require(via)?;
    }
    let available = limits::raise_descriptors();
    limits::require_processes(available, plan.rosters.len())?;
    if !settings.floors.is_empty() {
        limits::require(available, plan.rosters.len(), "the floor, in this one process,")?;
    }
    let hostile = plan.hostile.as_ref().map_or(0, |mob| mob.clients);
    limits::require(available, hostile, "the hostile clients' process")?;
    if let Some(pid) = settings.server_pid {
        limits::require_of_server(pid, plan.rosters.len() + hostile)?;
    }
    greet(&settings.target, &settings.ruleset)?;
    if plan.acts.iter().any(|(_, act)| matches!(act, Act::Refusing(_))) {
        posting::slow_clients(&settings.admin).context("whether sockets refuse bytes can't be known")?;
    }
    let (mut feed, mut http) = (Http::new(&settings.ingest), Http::new(&settings.target));
    let repeats = Repeats::of(&plan)?;
    let players = plan.lineups.as_ref().map_or(&plan.topics, |lineups| &lineups.players);
    let mut truth = match plan.script {
        Some(_) => None,
        None => Some(Truth::of(&plan.opening, &plan.lines, players, &settings.ruleset)?),
    };
    posting::open(&mut feed, &plan, &repeats.opening)
        .with_context(|| format!("what comes before the run can't be posted to {}", settings.ingest.host))?;
    if let Some(lineups) = &plan.lineups {
        plan.topics = lineups.post(&mut http, &settings.ruleset)?;
        let began = last_word::words(&mut http, settings, &plan)?;
        truth = truth.map(|truth| truth.of_lineups(lineups, &began)).transpose()?;
    }
    if let Some(contests) = &plan.contests {
        contests.post(&mut feed, &plan.topics, &settings.ruleset)?;
    }
    let ran = Running::start(settings, &plan, &repeats.lines, available).and_then(|running| running.play(&mut feed, &mut http));
    let deleted = plan.contests.as_ref().map_or(Ok(()), |contests| contests.delete(&mut feed));
    let mut outcome = ran?;
    if let Err(error) = deleted {
        outcome.fault(format!("contests stay on the server: {error:#}"));
    }
    if let Some(last) = outcome.last.take().filter(|_| !outcome.is_cut_short) {
        outcome.hold_against_feed(&plan, truth.as_ref(), &last);
        if let Err(error) = check(&mut http, &outcome.tally) {
            outcome.fault(format!("the HTTP answer and the clients differ: {error:#}"));
        }
        floors::add(settings, &plan, available, &mut outcome);
    }
    if truth.as_ref().is_some_and(|truth| !truth.knows_points()) {
        outcome.report.notes.push(format!(
            "points against the feed: the rules of {} are not known here, so the frames' points were held against the server's \
             own snapshots alone",
            settings.ruleset
        ));
    }
    outcome.report.ok = outcome.report.fault_count == 0 && outcome.report.clients_broken == 0;
    Ok(outcome)
}

/// A run whose clients are connected.
struct Running<'a> {
    settings: &'a Settings,
    plan: &'a Plan,
    /// Which of the plan's lines say nothing new.
    repeats: &'a [bool],
    crew: Crew,
    watch: Watch,
    /// Those who watch the contests.
    watching: Option<Watching>,
    connect_ms: u64,
    before: Option<Memory>,
    idle: Option<Memory>,
    faults: Vec<String>,
    is_cut_short: bool,
}

impl<'a> Running<'a> {
    fn start(settings: &'a Settings, plan: &'a Plan, repeats: &'a [bool], available: u64) -> Result<Self> {
        let before = settings.server_pid.map(proc::memory).transpose()?;
        let crew = Crew::start(&jobs(settings, plan, available))?;
        let mut watch = Watch::new(plan.scenario, &crew, plan.rosters.len(), plan.lines.len());
        watch.sample(settings.server_pid);
        let connect_ms = watch.ready(&crew, settings.connect_timeout)?;
        let watching = plan.contests.as_ref();
        let watching = watching
            .map(|contests| contests.watch(&settings.target, settings.connect_timeout))
            .transpose()?;
        if before.is_some() {
            watch.listen(&crew, clock::monotonic_ns() + IDLE_NS)?;
        }
        Ok(Self {
            settings,
            plan,
            repeats,
            crew,
            watch,
            watching,
            connect_ms,
            before,
            idle: settings.server_pid.map(proc::memory).transpose()?,
            faults: Vec::new(),
            is_cut_short: false,
        })
    }

    /// It ends before its end.
    fn cut_short(&mut self, fault: String) {
        self.faults.push(fault);
        self.is_cut_short = true;
    }

    /// The hostile clients' figures by name; none without them.
    fn end_of(&mut self, assault: Option<Assault>) -> BTreeMap<String, f64> {
        let Some(assault) = assault else { return BTreeMap::new() };
        let Findings { figures, faults } = assault.finish().unwrap_or_else(|error| Findings {
            faults: vec![format!("the hostile clients: {error:#}")],
            ..Findings::default()
        });
        // Nothing that they were still to do is held against a run that was cut short.
        self.faults.extend(faults.into_iter().filter(|_| !self.is_cut_short));
        figures
    }

    /// The contest's figures by name, its end held against the players' `last` words; none without one.
    fn end_of_contest(&mut self, last: Option<&[Value]>) -> BTreeMap<String, f64> {
        let Some(watching) = self.watching.take() else {
            return BTreeMap::new();
        };
        let contest::Findings { figures, faults } = watching.finish(last.filter(|_| !self.is_cut_short));
        self.faults.extend(faults);
        figures
    }

    /// Posts the events, waits for the last client. An error is the load test's own; the server's are faults.
    fn play(mut self, feed: &mut Http, http: &mut Http) -> Result<Outcome> {
        let pid = self.settings.server_pid;
        let assault = self
            .plan
            .hostile
            .as_ref()
            .map(|mob| mob.start(self.settings.connect_timeout))
            .transpose()?;
        let t0_ns = clock::monotonic_ns() + LEAD_NS;
        let ts0_us = clock::wall_us() + LEAD_NS / 1_000;
        self.watch.start(&mut self.crew, t0_ns, ts0_us)?;
        self.watch.listen(&self.crew, t0_ns - 5_000_000)?;
        let earlier = pid.map(Look::take).transpose()?;
        let probe = self.plan.probe.as_ref().map(|prober| prober.start(t0_ns));
        let posted = self.post(feed, t0_ns, ts0_us)?;
        self.watch.listen(&self.crew, clock::monotonic_ns() + REST_NS)?;
        let probed = finish(probe);
        let last = self.settle(http, posted)?;
        let patience_ns = self.settings.drain_timeout.as_nanos() as u64;
        if self.watch.done(&mut self.crew, clock::monotonic_ns() + patience_ns)? == Ended::Interrupted {
            self.cut_short("interrupted before every client had everything".to_owned());
        }
        let later = self.last_look();
        let duration_s = (clock::monotonic_ns() - t0_ns) as f64 / 1e9;
        let assaulted = self.end_of(assault);
        let contested = self.end_of_contest(last.as_deref());
        let looks = self.before.zip(self.idle).zip(earlier.zip(later));
        let total = self.watch.total();
        let server = looks.map(|((before, idle), (earlier, later))| {
            let clients = self.plan.rosters.len();
            readings::server(before, idle, &earlier, &later, clients, total.tally.deliveries)
        });
        let mut seconds = total.latency.timeline();
        total.timeline.fill(&mut seconds);
        let tally = total.tally;
        let mut faults = self.faults;
        faults.extend(tally.faults.iter().cloned());
        let extra = [
            ("clients_complete", tally.complete as f64),
            ("clients_sampled", tally.samples.len() as f64),
            ("messages_parsed", tally.parsed as f64),
            ("messages_compared", tally.compared as f64),
            ("deliveries_untimed", tally.untimed as f64),
            ("posts_answered_429", feed.answered_429() as f64),
        ];
        let mut extra: BTreeMap<String, f64> = extra.map(|(name, figure)| (name.to_owned(), figure)).into();
        extra.extend(assaulted);
        extra.extend(contested);
        match probed {
            Ok(probed) => extra.extend(probed.map(|(name, figure)| (format!("probe_{name}"), figure))),
            Err(error) => faults.push(format!("the probe: {error:#}")),
        }
        let report = RunReport {
            shape: SHAPE,
            scenario: self.plan.scenario.to_owned(),
            command: report::command_line(),
            began_us: ts0_us,
            duration_s,
            machine: proc::machine(),
            coding: self.settings.protocol.name().to_owned(),
            clients: self.plan.rosters.len() as u64,
            events: posted as u64,
            connect_s: self.connect_ms as f64 / 1e3,
            deliveries: tally.deliveries,
            frames: tally.frames,
            frames_merged: tally.merged,
            snapshots_late: tally.late_snapshots,
            frame_bytes: tally.frame_bytes,
            frames_deflated: tally.deflated,
            clients_broken: tally.broken,
            fault_count: tally.fault_count + (faults.len() - tally.faults.len()) as u64,
            faults,
            latency: total.latency.distribution(),
            latency_kernel: self.settings.kernel_times.then(|| total.kernel.distribution()),
            first: total.latency.first(),
            last: total.latency.last(),
            timeline: seconds,
            server,
            client_cpu_us_per_delivery: tally.cpu_ns as f64 / 1e3 / tally.deliveries.max(1) as f64,
            extra,
            ..RunReport::default()
        };
        Ok(Outcome {
            report,
            tally,
            phases: total.phases,
            timeline: total.timeline,
            is_cut_short: self.is_cut_short,
            last,
        })
    }
}

/// The figures of a probe by name; none without one.
fn finish(probe: Option<Probe>) -> Result<impl Iterator<Item = (String, f64)>> {
    Ok(probe.map(Probe::finish).transpose()?.into_iter().flatten())
}

/// How many processes hold the clients.
fn processes(settings: &Settings, clients: usize, available: u64) -> usize {
    let least = limits::processes(clients, available);
    let wanted = settings.processes.unwrap_or_else(|| limits::processes_by_cores(clients));
    wanted.clamp(least, clients)
}

/// The clients, spread over processes.
fn jobs(settings: &Settings, plan: &Plan, available: u64) -> Vec<Job> {
    let clients = plan.rosters.len();
    let each = clients.div_ceil(processes(settings, clients, available));
    let parts = plan.rosters.chunks(each).enumerate();
    parts
        .map(|(number, rosters)| {
            Job::Clients(Box::new(job::Clients {
                server: settings.target.clone(),
                protocol: settings.protocol,
                first: number * each,
                rosters: rosters.to_vec(),
                topics: plan.topics.clone(),
                ruleset: settings.ruleset.clone(),
                sample: settings.sample.div_ceil(clients.div_ceil(each)),
                schedule: plan.schedule.clone(),
                script: plan.script.clone(),
                kernel_times: settings.kernel_times,
                opening_max: plan.opening_max,
                stalling: plan.stalling,
            }))
        })
        .collect()
}
