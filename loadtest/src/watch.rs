//! Watching the children: waits for their words, adds them up, shows a progress line on standard error.

use crate::clock;
use crate::crew::{Crew, FAULTS_TOLD_MAX, Order, Progress, Tally, Word};
use crate::latency::Latency;
use anyhow::{Result, bail};
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

/// Time between progress lines where standard error is no terminal.
const LINE_EVERY_NS: u64 = 2_000_000_000;

/// How far the run is, over all children.
pub(crate) struct Watch {
    what: &'static str,
    clients: usize,
    events: usize,
    /// Deliveries that will be complete.
    due: u64,
    started: bool,
    progress: Vec<Progress>,
    ready: Vec<Option<u64>>,
    done: Vec<Option<Box<Tally>>>,
    terminal: bool,
    next_line_ns: u64,
}

impl Watch {
    /// A watch over `crew`; `what` opens its lines.
    pub(crate) fn new(what: &'static str, crew: &Crew, clients: usize, events: usize) -> Self {
        let count = crew.len();
        Self {
            what,
            clients,
            events,
            due: (clients * events) as u64,
            started: false,
            progress: vec![Progress::default(); count],
            ready: vec![None; count],
            done: (0..count).map(|_| None).collect(),
            terminal: std::io::stderr().is_terminal(),
            next_line_ns: 0,
        }
    }

    /// The same where events don't go to everybody: `due` deliveries in all.
    pub(crate) fn expecting(mut self, due: u64) -> Self {
        self.due = due;
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
        crew.order(Order::Start { t0_ns, ts0_us })
    }

    /// Waits until every child is done; from `patience_ns` on (monotonic) they are told to stop waiting.
    pub(crate) fn done(&mut self, crew: &mut Crew, patience_ns: u64) -> Result<()> {
        let mut told = false;
        let give_up_ns = patience_ns + 10_000_000_000;
        while self.done.iter().any(Option::is_none) {
            let now_ns = clock::monotonic_ns();
            if now_ns >= patience_ns && !told {
                told = true;
                crew.order(Order::Finish)?;
            }
            if now_ns >= give_up_ns {
                bail!("a client process does not answer");
            }
            self.hear(crew, if told { give_up_ns - now_ns } else { patience_ns - now_ns })?;
        }
        self.next_line_ns = 0;
        self.show();
        if self.terminal {
            eprintln!();
        }
        Ok(())
    }

    /// All children's results as one.
    pub(crate) fn total(self) -> (Tally, Latency) {
        let mut total = Tally::default();
        let mut latency = Latency::new(self.events);
        for tally in self.done.into_iter().flatten() {
            latency.add(&tally.latency);
            total.add(*tally);
        }
        (total, latency)
    }

    fn hear(&mut self, crew: &Crew, wait_ns: u64) -> Result<()> {
        let Some((index, word)) = crew.hear(Duration::from_nanos(wait_ns))? else {
            return Ok(());
        };
        match word {
            Word::Progress(progress) => self.progress[index] = progress,
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
            Word::Failed { error } => bail!("client process {index}: {error}"),
        }
        self.show();
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
            let all = self.due;
            format!(
                "{}: {} of {all} deliveries, p99 {:.1} ms",
                self.what,
                sum.deliveries,
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
        self.cpu_ns += other.cpu_ns;
    }
}
