//! One run from beginning to end, whatever the scenario: a [`Plan`] says who follows what and what happens when.
//!
//! The order of things: post what comes beforehand, read the server's memory, connect and subscribe
//! everybody, read it again, post the events on schedule, ask the server for its last word, wait until
//! every client holds it, read the server's CPU time, then repeat the work with a bare loop where asked to.
//!
//! Until the first event an error ends it: the run can't be made. From then on what the server does wrong
//! is a fault in the report, and the run goes on as far as it can.

use crate::crew::{Crew, Job, Order, Tally};
use crate::feed::stamped;
use crate::floor::{self, Via};
use crate::job::{self, Stalling};
use crate::latency::Latency;
use crate::post::Http;
use crate::probe::{Probe, Prober};
use crate::proc::{CpuReading, Memory, Switches};
use crate::revisions::Revisions;
use crate::schedule::Schedule;
use crate::shape::{Floor, RunReport, SHAPE, Server};
use crate::target::Target;
use crate::timeline::Timeline;
use crate::trace::{Sending, Trace};
use crate::truth::Truth;
use crate::upgrade::Protocol;
use crate::verify::number;
use crate::watch::Watch;
use crate::{clock, limits, proc, report};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

/// Event lines in one request.
const POST_LINES_MAX: usize = 500;

/// Topics in one `GET /v1/snapshot`.
const SNAPSHOT_TOPICS_MAX: usize = 100;

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
    /// What can be followed.
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
}

impl Plan {
    /// How many clients follow each topic.
    pub(crate) fn followers(&self) -> Vec<u64> {
        let mut followers = vec![0; self.topics.len()];
        self.rosters.iter().flatten().for_each(|&topic| followers[topic as usize] += 1);
        followers
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
    /// The server's last word on each topic, by number; null for one that nobody follows. Nothing where not every
    /// event was taken, or the server did not say: then there is nothing to hold it against.
    last: Option<Vec<Value>>,
}

impl Outcome {
    /// Something was wrong: the run has failed.
    pub(crate) fn fault(&mut self, fault: String) {
        self.report.ok = false;
        self.report.fault_count += 1;
        self.report.faults.push(fault);
    }

    /// Holds what came of it, `last` in the end, against what the feed says must come of it.
    fn hold_against_feed(&mut self, plan: &Plan, truth: Option<&Truth>, last: &[Value]) {
        let deliveries = self.report.deliveries;
        let Some(truth) = truth else {
            // By the script each event moves the one topic.
            let due = (plan.rosters.len() * plan.schedule.events()) as u64;
            if deliveries != due {
                self.fault(format!("{deliveries} of {due} deliveries"));
            }
            return;
        };
        let due = truth.deliveries_due(&plan.followers());
        if deliveries < due {
            self.fault(format!("{deliveries} deliveries, by the feed at least {due}"));
        }
        if deliveries == 0 {
            self.fault("nobody received a single change".to_owned());
        }
        let faults = truth.check(&self.tally.moves, last);
        self.report.fault_count += faults.count;
        self.report.faults.extend(faults.told);
    }
}

/// The server's process at one moment.
struct Look {
    cpu: CpuReading,
    switches: Switches,
    memory: Memory,
}

impl Look {
    fn take(pid: u32) -> Result<Self> {
        Ok(Self {
            cpu: CpuReading::take(pid)?,
            switches: Switches::take(pid)?,
            memory: proc::memory(pid)?,
        })
    }
}

/// A name for what a run brings to the server, so that runs don't meet: letters and digits.
pub(crate) fn prefix() -> String {
    format!("l{:x}-", clock::wall_us() / 1_000)
}

/// Runs it. `check` is the scenario's own last question to the server. An error means that nothing
/// could be measured; what was measured and found wrong stands in the report. A run that was cut short
/// is held against nothing else, and no floor repeats it.
pub(crate) fn run(settings: &Settings, plan: Plan, check: impl FnOnce(&mut Http, &Tally) -> Result<()>) -> Result<Outcome> {
    ensure!(
        !plan.rosters.is_empty() && !plan.lines.is_empty(),
        "clients and events must be at least 1"
    );
    for &(via, _) in &settings.floors {
        floor::require(via)?;
    }
    let available = limits::raise_descriptors();
    if !settings.floors.is_empty() {
        limits::require(available, plan.rosters.len(), "the floor, in this one process,")?;
    }
    if let Some(pid) = settings.server_pid {
        limits::require_of_server(pid, plan.rosters.len())?;
    }
    let (mut feed, mut http) = (Http::new(&settings.ingest), Http::new(&settings.target));
    let repeats = Repeats::of(&plan)?;
    let truth = match plan.script {
        Some(_) => None,
        None => Some(Truth::of(&plan.opening, &plan.lines, &plan.topics, &settings.ruleset)?),
    };
    for (lines, repeats) in plan.opening.chunks(POST_LINES_MAX).zip(repeats.opening.chunks(POST_LINES_MAX)) {
        let lines: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
        feed.post_events(&lines, count(repeats))
            .context("what comes before the run can't be posted")?;
    }
    let mut outcome = Running::start(settings, &plan, &repeats.lines, available)?.play(&mut feed, &mut http)?;
    if let Some(last) = outcome.last.take() {
        outcome.hold_against_feed(&plan, truth.as_ref(), &last);
        if let Err(error) = check(&mut http, &outcome.tally) {
            outcome.fault(format!("the HTTP answer and the clients differ: {error:#}"));
        }
        add_floors(settings, &plan, available, &mut outcome);
    }
    outcome.report.ok = outcome.report.fault_count == 0 && outcome.report.clients_broken == 0;
    Ok(outcome)
}

/// Repeats the work with bare loops. One that fails is a fault: what the server did is known by then, and stands.
fn add_floors(settings: &Settings, plan: &Plan, available: u64, outcome: &mut Outcome) {
    let trace = trace(plan, outcome);
    // As many processes read beside the floor as beside the server.
    let readers = processes(settings, trace.clients, available);
    for &(via, threads) in &settings.floors {
        let name = via.name();
        let mut probe = None;
        let started = |t0_ns| probe = plan.probe.as_ref().map(|prober| prober.start(t0_ns));
        let floor = floor::measure(&trace, via, threads, readers, started);
        match finish(probe) {
            Ok(asked) => {
                let named = asked.map(|(what, figure)| (format!("probe_floor_{name}_{what}"), figure));
                outcome.report.extra.extend(named);
            }
            Err(error) => outcome.fault(format!("the probe beside the floor by {name}: {error:#}")),
        }
        match floor {
            Ok(mut floor) => {
                floor.cpu_ratio = outcome.report.server.as_ref().and_then(|server| cpu_ratio(server, &floor));
                outcome.report.floors.push(floor);
            }
            Err(error) => outcome.fault(format!("the floor by {name}: {error:#}")),
        }
    }
}

/// The server's CPU for the whole work over the bare loop's: a client with two changes in one write is
/// two deliveries of the server, and one of the loop.
fn cpu_ratio(server: &Server, floor: &Floor) -> Option<f64> {
    report::ratio(server.cpu_s * 1e6, floor.cpu_us_per_delivery * floor.deliveries as f64)
}

/// Which lines of a plan say nothing new.
struct Repeats {
    opening: Vec<bool>,
    lines: Vec<bool>,
}

impl Repeats {
    fn of(plan: &Plan) -> Result<Self> {
        let mut revisions = Revisions::default();
        let mut repeats = |lines: &[String]| -> Result<Vec<bool>> {
            let repeats = lines
                .iter()
                .map(|line| Ok(!revisions.counts(&serde_json::from_str(line).context("an event that is no JSON")?)));
            repeats.collect()
        };
        Ok(Self {
            opening: repeats(&plan.opening)?,
            lines: repeats(&plan.lines)?,
        })
    }
}

fn count(repeats: &[bool]) -> usize {
    repeats.iter().filter(|&&is_repeat| is_repeat).count()
}

/// A run whose clients are connected.
struct Running<'a> {
    settings: &'a Settings,
    plan: &'a Plan,
    /// Which of the plan's lines say nothing new.
    repeats: &'a [bool],
    crew: Crew,
    watch: Watch,
    connect_ms: u64,
    before: Option<Memory>,
    idle: Option<Memory>,
    faults: Vec<String>,
}

impl<'a> Running<'a> {
    fn start(settings: &'a Settings, plan: &'a Plan, repeats: &'a [bool], available: u64) -> Result<Self> {
        let before = settings.server_pid.map(proc::memory).transpose()?;
        let crew = Crew::start(&jobs(settings, plan, available))?;
        let mut watch = Watch::new(plan.scenario, &crew, plan.rosters.len(), plan.lines.len());
        watch.sample(settings.server_pid);
        let connect_ms = watch.ready(&crew, settings.connect_timeout)?;
        if before.is_some() {
            watch.listen(&crew, clock::monotonic_ns() + IDLE_NS)?;
        }
        Ok(Self {
            settings,
            plan,
            repeats,
            crew,
            watch,
            connect_ms,
            before,
            idle: settings.server_pid.map(proc::memory).transpose()?,
            faults: Vec::new(),
        })
    }

    /// Posts the events, waits for the last client. An error is the load test's own; the server's are faults.
    fn play(mut self, feed: &mut Http, http: &mut Http) -> Result<Outcome> {
        let pid = self.settings.server_pid;
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
        self.watch.done(&mut self.crew, clock::monotonic_ns() + patience_ns)?;
        let later = self.last_look();
        let looks = self.before.zip(self.idle).zip(earlier.zip(later));
        let total = self.watch.whole();
        let server = looks.map(|((before, idle), (earlier, later))| {
            let clients = self.plan.rosters.len();
            server(before, idle, &earlier, &later, clients, total.tally.deliveries)
        });
        let duration_s = (clock::monotonic_ns() - t0_ns) as f64 / 1e9;
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
            last: last.filter(|_| posted == self.plan.lines.len()),
        })
    }

    /// Tells the clients how the server shows the topics now that nothing more is posted. Where it does not say,
    /// they get what there is until patience ends.
    fn settle(&mut self, http: &mut Http, taken: usize) -> Result<Option<Vec<Value>>> {
        match last_words(http, self.settings, self.plan) {
            Ok(snapshots) => {
                self.crew.order(&Order::Settle {
                    snapshots: snapshots.clone(),
                    taken,
                })?;
                Ok(Some(snapshots))
            }
            Err(error) => {
                self.faults.push(format!("the server's last word: {error:#}"));
                Ok(None)
            }
        }
    }

    /// The server's process in the end; it may be gone by now.
    fn last_look(&mut self) -> Option<Look> {
        let look = self.settings.server_pid.map(Look::take).transpose();
        look.unwrap_or_else(|error| {
            self.faults.push(format!("the server's process: {error:#}"));
            None
        })
    }

    /// Everything on schedule; how many events were taken. Events that are due by the time of a request go with it.
    /// With the first that is not taken posting ends.
    fn post(&mut self, feed: &mut Http, t0_ns: u64, ts0_us: u64) -> Result<usize> {
        let schedule = &self.plan.schedule;
        let mut acts = self.plan.acts.iter().peekable();
        let mut next = 0;
        while next < schedule.events() || acts.peek().is_some() {
            let event_us = if next < schedule.events() {
                schedule.due_us(next as u32)
            } else {
                u64::MAX
            };
            if let Some((at_us, act)) = acts.next_if(|(at_us, _)| *at_us <= event_us) {
                self.watch.listen(&self.crew, t0_ns + at_us * 1_000)?;
                self.act(*act)?;
                continue;
            }
            self.watch.listen(&self.crew, t0_ns + event_us * 1_000)?;
            let now_us = ((clock::monotonic_ns() - t0_ns) / 1_000).min(acts.peek().map_or(u64::MAX, |(at_us, _)| *at_us));
            let first = next;
            let mut lines = String::new();
            while next < schedule.events() && next - first < POST_LINES_MAX && (next == first || schedule.due_us(next as u32) <= now_us) {
                lines += &stamped(&self.plan.lines[next], ts0_us + schedule.due_us(next as u32));
                next += 1;
            }
            if let Err(error) = feed.post_events(&lines, count(&self.repeats[first..next])) {
                self.faults
                    .push(format!("posting ended with events {} to {next}: {error:#}", first + 1));
                // Whoever stalls reads what there is.
                self.crew.order(&Order::Read)?;
                return Ok(first);
            }
        }
        Ok(next)
    }

    fn act(&mut self, act: Act) -> Result<()> {
        match act {
            Act::Cut => self.crew.order(&Order::Cut {
                at_ns: clock::monotonic_ns(),
            }),
            Act::Stall => self.crew.order(&Order::Stall),
            Act::Read => self.crew.order(&Order::Read),
            Act::Refusing(due) => {
                let refusing = slow_clients(&self.settings.admin);
                match refusing {
                    Ok(count) if count as usize >= due => {}
                    Ok(count) => self.faults.push(format!(
                        "only {count} of {due} sockets refused bytes when the measurement began: nothing is said about stalled clients"
                    )),
                    Err(error) => self.faults.push(format!("whether sockets refused bytes can't be known: {error:#}")),
                }
                Ok(())
            }
        }
    }
}

/// The figures of a probe by name; none without one.
fn finish(probe: Option<Probe>) -> Result<impl Iterator<Item = (String, f64)>> {
    Ok(probe.map(Probe::finish).transpose()?.into_iter().flatten())
}

/// What the server's metrics call slow clients: those whose socket refuses bytes now.
fn slow_clients(admin: &Target) -> Result<f64> {
    let text = Http::new(admin).text("/metrics")?;
    let line = text.lines().find_map(|line| line.strip_prefix("scorewire_slow_clients "));
    line.and_then(|count| count.trim().parse().ok())
        .context("/metrics has no scorewire_slow_clients")
}

fn server(before: Memory, idle: Memory, earlier: &Look, later: &Look, clients: usize, deliveries: u64) -> Server {
    let cpu_ns = later.cpu.since(&earlier.cpu);
    let (switches_voluntary, switches_involuntary) = later.switches.since(&earlier.switches);
    let each = |idle: u64, before: u64| (idle as f64 - before as f64) / clients as f64;
    Server {
        cpu_us_per_delivery: cpu_ns as f64 / 1e3 / deliveries.max(1) as f64,
        cpu_s: cpu_ns as f64 / 1e9,
        rss_idle_kib: idle.rss_kib,
        rss_end_kib: later.memory.rss_kib,
        rss_per_connection_kib: each(idle.rss_kib, before.rss_kib),
        anon_per_connection_kib: each(idle.anon_kib, before.anon_kib),
        switches_voluntary,
        switches_involuntary,
    }
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

/// How the server shows the topics that somebody follows, by number.
fn last_words(http: &mut Http, settings: &Settings, plan: &Plan) -> Result<Vec<Value>> {
    let followed: HashSet<u32> = plan.rosters.iter().flatten().copied().collect();
    let mut asked: Vec<u32> = followed.into_iter().collect();
    asked.sort_unstable();
    let mut snapshots = vec![Value::Null; plan.topics.len()];
    for part in asked.chunks(SNAPSHOT_TOPICS_MAX) {
        let names: Vec<&str> = part.iter().map(|&topic| plan.topics[topic as usize].as_str()).collect();
        let path = format!("/v1/snapshot?topics={}&ruleset={}", names.join(","), settings.ruleset);
        let mut answer = http.get(&path)?;
        let list = answer["snapshots"].as_array_mut().context("GET /v1/snapshot: no snapshots")?;
        ensure!(
            list.len() == part.len(),
            "GET /v1/snapshot: {} of {} topics",
            list.len(),
            part.len()
        );
        for (&topic, snapshot) in part.iter().zip(list) {
            let name = plan.topics[topic as usize].as_str();
            ensure!(
                snapshot["topic"] == name,
                "GET /v1/snapshot: {} instead of {name}",
                snapshot["topic"]
            );
            number(snapshot, "seq").with_context(|| format!("GET /v1/snapshot: {name}"))?;
            snapshots[topic as usize] = snapshot.take();
        }
    }
    Ok(snapshots)
}

/// What was sent when to whom: by the script each event to everybody; else each event to those who
/// follow a topic that it moved, as the frames said.
fn trace(plan: &Plan, outcome: &Outcome) -> Trace {
    let clients = plan.rosters.len();
    let due = |event: u32| plan.schedule.due_us(event);
    if plan.script.is_some() {
        let bytes = bytes_each(&outcome.report);
        return Trace::steady(clients, plan.schedule.events(), due(1) - due(0), bytes);
    }
    let mut followers: Vec<Vec<u32>> = vec![Vec::new(); plan.topics.len()];
    for (client, roster) in plan.rosters.iter().enumerate() {
        roster.iter().for_each(|&topic| followers[topic as usize].push(client as u32));
    }
    // Several processes may have seen the same frame.
    let mut seen = HashSet::new();
    let mut by_event: BTreeMap<u32, BTreeMap<u32, u32>> = BTreeMap::new();
    let shown = outcome.tally.moves.iter().filter(|moved| moved.points.is_some());
    for moved in shown.filter(|moved| seen.insert((moved.topic, moved.seq))) {
        let recipients = by_event.entry(moved.event).or_default();
        for &client in &followers[moved.topic as usize] {
            *recipients.entry(client).or_default() += moved.bytes;
        }
    }
    let sends = by_event
        .iter()
        .filter(|(_, recipients)| !recipients.is_empty())
        .map(|(&event, recipients)| {
            let sum: u64 = recipients.values().map(|&bytes| u64::from(bytes)).sum();
            Sending {
                at_us: due(event),
                to: recipients.keys().copied().collect(),
                bytes: (sum / recipients.len() as u64) as u32,
            }
        });
    Trace {
        clients,
        sends: sends.collect(),
    }
}

/// What a delivery took of the bytes sent: where frames were merged, the floor sends no more than the server did.
fn bytes_each(report: &RunReport) -> u32 {
    report.frame_bytes.div_ceil(report.deliveries.max(1)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_sends_what_the_server_sent_merged_or_not() {
        let bytes = |frame_bytes, frames, deliveries| {
            bytes_each(&RunReport {
                frame_bytes,
                frames,
                deliveries,
                ..RunReport::default()
            })
        };
        assert_eq!(bytes(600, 2, 2), 300);
        assert_eq!(bytes(600, 2, 4), 150, "half of the changes came in one frame with another");
        assert_eq!((bytes(0, 0, 0), bytes(1, 1, 3)), (0, 1));
    }
}
