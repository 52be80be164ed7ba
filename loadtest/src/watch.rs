//! Watching the children: waits for their words, adds them up, shows a progress line on standard error.

use crate::crew::{Crew, FAULTS_TOLD_MAX, Order, Progress, Tally, Word};
use crate::job::Round;
use crate::latency::Latency;
use crate::timeline::Timeline;
use crate::{clock, interrupt};
use anyhow::{Result, bail};
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

/// Time between progress lines where standard error is no terminal.
const LINE_EVERY_NS: u64 = 2_000_000_000;

/// For what is under way to arrive once somebody has asked to stop, where patience does not end before.
const INTERRUPTED_NS: u64 = 5_000_000_000;

/// For a child to report once it has been told to.
const REPORT_NS: u64 = 10_000_000_000;

/// How the wait for the children ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All of them had everything.
    Complete,
    /// Patience ended: what is missing is a fault.
    Late,
    /// Somebody asked to stop: what is missing is held against nobody.
    Interrupted,
}

/// How far the run is, over all children.
pub(crate) struct Watch {
    what: &'static str,
    clients: usize,
    events: usize,
    /// Deliveries that will be complete, where that is known.
    due: Option<u64>,
    started: bool,
    progress: Vec<Progress>,
    ready: Vec<Option<u64>>,
    done: Vec<Option<Box<Tally>>>,
    terminal: bool,
    next_line_ns: u64,
    /// Deliveries when the last line was shown, and when that was.
    shown: (u64, u64),
    timeline: Timeline,
}

/// All children's results as one.
pub(crate) struct Total {
    /// Counts and faults.
    pub(crate) tally: Tally,
    /// Of all deliveries.
    pub(crate) latency: Latency,
    /// Until the kernel had it, where it was asked.
    pub(crate) kernel: Latency,
    /// By phase.
    pub(crate) phases: Vec<Latency>,
    /// Second by second.
    pub(crate) timeline: Timeline,
}

impl Watch {
    /// A watch over `crew`; `what` opens its lines.
    pub(crate) fn new(what: &'static str, crew: &Crew, clients: usize, events: usize) -> Self {
        let count = crew.len();
        Self {
            what,
            clients,
            events,
            due: None,
            started: false,
            progress: vec![Progress::default(); count],
            ready: vec![None; count],
            done: (0..count).map(|_| None).collect(),
            terminal: std::io::stderr().is_terminal(),
            next_line_ns: 0,
            shown: (0, 0),
            timeline: Timeline::default(),
        }
    }

    /// Looks at the process `pid` every second of the run, too.
    pub(crate) fn sample(&mut self, pid: Option<u32>) {
        self.timeline.sample(pid);
    }

    /// There will be `due` deliveries in all.
    pub(crate) fn expecting(mut self, due: u64) -> Self {
        self.due = Some(due);
        self
    }

    /// Listens until the monotonic clock shows `until_ns`.
    pub(crate) fn listen(&mut self, crew: &Crew, until_ns: u64) -> Result<()> {
        loop {
            let left_ns = until_ns.saturating_sub(clock::monotonic_ns());
            if left_ns == 0 {
                return Ok(());
            }
            self.hear(crew, left_ns)?;
        }
    }

    /// Waits until every client is connected; the milliseconds that took the slowest child.
    pub(crate) fn ready(&mut self, crew: &Crew, timeout: Duration) -> Result<u64> {
        let give_up_ns = clock::monotonic_ns() + timeout.as_nanos() as u64;
        while self.ready.iter().any(Option::is_none) {
            interrupt::check()?;
            let left_ns = give_up_ns.saturating_sub(clock::monotonic_ns());
            if left_ns == 0 {
                bail!(
                    "only {} of {} clients connected and subscribed within {timeout:?}",
                    self.sum().connected,
                    self.clients
                );
            }
            self.hear(crew, left_ns)?;
        }
        Ok(self.ready.iter().flatten().copied().max().unwrap_or(0))
    }

    /// The first event goes out at `t0_ns` and says `ts0_us`.
    pub(crate) fn start(&mut self, crew: &mut Crew, t0_ns: u64, ts0_us: u64) -> Result<()> {
        self.started = true;
        self.shown = (0, t0_ns);
        self.timeline.start(t0_ns);
        crew.order(&Order::Start { t0_ns, ts0_us })
    }

    /// Waits until every child is done; from `patience_ns` on (monotonic) they are told to stop waiting, and
    /// [`INTERRUPTED_NS`] after somebody has asked to stop.
    pub(crate) fn done(&mut self, crew: &mut Crew, patience_ns: u64) -> Result<Ended> {
        let (mut patience_ns, mut asked, mut ended) = (patience_ns, false, Ended::Complete);
        while self.done.iter().any(Option::is_none) {
            let now_ns = clock::monotonic_ns();
            if interrupt::asked() && !asked {
                asked = true;
                patience_ns = patience_ns.min(now_ns + INTERRUPTED_NS);
            }
            if now_ns >= patience_ns && ended == Ended::Complete {
                let (order, end) = match asked {
                    true => (Order::Interrupt, Ended::Interrupted),
                    false => (Order::Finish, Ended::Late),
                };
                crew.order(&order)?;
                ended = end;
            }
            if now_ns >= patience_ns + REPORT_NS {
                bail!("a client process does not answer");
            }
            self.hear(crew, interrupt::LOOK.as_nanos() as u64)?;
        }
        self.next_line_ns = 0;
        self.show();
        if self.terminal {
            eprintln!();
        }
        Ok(ended)
    }

    /// All children's results as one.
    pub(crate) fn total(self) -> Total {
        let (mut tally, mut latency) = (Tally::default(), Latency::new(self.events));
        let (mut kernel, mut phases) = (Latency::new(0), Vec::<Latency>::new());
        for one in self.done.into_iter().flatten() {
            latency.add(&one.latency);
            kernel.add(&one.kernel);
            phases.resize_with(phases.len().max(one.phases.len()), || Latency::new(0));
            phases.iter_mut().zip(&one.phases).for_each(|(all, one)| all.add(one));
            tally.add(*one);
        }
        Total {
            tally,
            latency,
            kernel,
            phases,
            timeline: self.timeline,
        }
    }

    fn hear(&mut self, crew: &Crew, wait_ns: u64) -> Result<()> {
        let heard = crew.hear(Duration::from_nanos(wait_ns))?;
        self.timeline.look(clock::monotonic_ns(), self.sum().connected);
        let Some((index, word)) = heard else { return Ok(()) };
        match word {
            Word::Progress(progress) => {
                self.progress[index] = progress;
                self.show();
            }
            Word::Ready { failed: 0, connect_ms, .. } => self.ready[index] = Some(connect_ms),
            Word::Ready { failed, faults, .. } => {
                bail!(
                    "{failed} of {} clients could not connect and subscribe:\n  {}",
                    self.clients,
                    faults.join("\n  ")
                );
            }
            Word::Done(tally) => {
                self.progress[index].deliveries = tally.deliveries;
                self.done[index] = Some(tally);
            }
            Word::Mob(_) => bail!("client process {index} speaks for the hostile ones"),
            Word::Failed { error } => bail!("client process {index}: {error}"),
        }
        Ok(())
    }

    fn sum(&self) -> Progress {
        self.progress.iter().fold(Progress::default(), |sum, one| Progress {
            connected: sum.connected + one.connected,
            deliveries: sum.deliveries + one.deliveries,
            p99_us: sum.p99_us.max(one.p99_us),
        })
    }

    fn show(&mut self) {
        let now_ns = clock::monotonic_ns();
        if !self.terminal && now_ns < self.next_line_ns {
            return;
        }
        self.next_line_ns = now_ns + LINE_EVERY_NS;
        let sum = self.sum();
        let text = if self.started {
            let (before, before_ns) = std::mem::replace(&mut self.shown, (sum.deliveries, now_ns));
            let seconds = now_ns.saturating_sub(before_ns).max(1_000_000) as f64 / 1e9;
            format!(
                "{}: {} s, {} of {} clients, {}{} deliveries, {:.0}/s, p99 {:.1} ms",
                self.what,
                self.timeline.at_s(now_ns),
                sum.connected,
                self.clients,
                sum.deliveries,
                self.due.map_or(String::new(), |due| format!(" of {due}")),
                sum.deliveries.saturating_sub(before) as f64 / seconds,
                sum.p99_us as f64 / 1_000.0
            )
        } else {
            format!("{}: {} of {} clients connected", self.what, sum.connected, self.clients)
        };
        // Progress is a courtesy: where standard error is closed, the run goes on.
        drop(if self.terminal {
            write!(std::io::stderr(), "\r{text}\x1b[K")
        } else {
            writeln!(std::io::stderr(), "{text}")
        });
    }
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.deflated += other.deflated;
        self.deliveries += other.deliveries;
        self.frames += other.frames;
        self.merged += other.merged;
        self.late_snapshots += other.late_snapshots;
        self.frame_bytes += other.frame_bytes;
        self.parsed += other.parsed;
        self.compared += other.compared;
        self.complete += other.complete;
        self.broken += other.broken;
        self.fault_count += other.fault_count;
        self.faults.extend(other.faults.into_iter().take(FAULTS_TOLD_MAX));
        self.samples.extend(other.samples);
        self.untimed += other.untimed;
        self.moves.extend(other.moves);
        self.rounds.resize(self.rounds.len().max(other.rounds.len()), Round::none());
        self.rounds.iter_mut().zip(other.rounds).for_each(|(all, one)| all.add(one));
        self.cpu_ns += other.cpu_ns;
    }
}
