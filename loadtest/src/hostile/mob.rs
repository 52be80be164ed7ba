//! The child process that holds the hostile clients: one thread, one epoll.
//!
//! Everybody waits in line, and so many a second connect, a bounded number at a time; whoever's connection is over gets
//! in line again. It is ready when each has had a turn. Once told to finish nobody does, and it ends when every connection has.

use super::temper::{Temper, Wording, mix};
use super::visit::{Fate, Visit};
use super::{Count, Ledger, Mob};
use crate::crew::{Order, Word, say};
use crate::net::{self, Poller, Ready};
use crate::orders::Orders;
use crate::rosters::Dice;
use crate::{clock, limits};
use anyhow::{Result, bail};
use std::collections::VecDeque;
use std::rc::Rc;

/// The token of standard input; clients have theirs from 0.
const ORDERS: u64 = u64::MAX;

/// Connections under way at once.
const OPENING_MAX: usize = 100;

/// Longest wait for the next turn.
const TURN_MS: u32 = 5;

/// Turns that could not be taken when it was time add up to those of so long, in seconds.
const LATE_S_MAX: f64 = 0.1;

/// Between looks at who has something to do without being asked.
const TICK_NS: u64 = 100_000_000;

/// Kernel receive buffer of those who never read, in bytes.
const RECEIVE_BUFFER_BYTES: usize = 4_096;

/// How long those stay who reset: up to so much.
const STAYS_MS_MAX: usize = 2_000;

/// Most bytes of one read.
const SCRATCH_BYTES: usize = 64 * 1024;

struct Crowd {
    job: Mob,
    poller: Poller,
    orders: Orders,
    wording: Wording,
    dice: Dice,
    /// By token.
    tempers: Vec<Temper>,
    /// By token; none while its client is in line.
    visits: Vec<Option<Visit>>,
    line: VecDeque<usize>,
    /// How many of them may come now, and when that was.
    may_come: f64,
    paced_ns: u64,
    /// Connections begun.
    begun: usize,
    connecting: usize,
    counts: Vec<Count>,
    /// Nobody comes back any more, and from then on nobody is waited for.
    until_ns: Option<u64>,
}

/// Runs them until they are told to finish.
pub(crate) fn run(job: Mob, orders: Orders) -> Result<()> {
    let mut crowd = Crowd::new(job, orders)?;
    let mut scratch = vec![0; SCRATCH_BYTES];
    let (mut ready, mut ready_said) = (Vec::new(), false);
    let begun_ns = clock::monotonic_ns();
    let mut ticked_ns = begun_ns;
    while !crowd.is_over(clock::monotonic_ns()) {
        crowd.open_more(clock::monotonic_ns());
        crowd.poller.wait_edges(TURN_MS, &mut ready)?;
        for &event in &ready {
            crowd.serve(event, &mut scratch)?;
        }
        if crowd.orders.ended() {
            return Ok(());
        }
        let now_ns = clock::monotonic_ns();
        if now_ns >= ticked_ns + TICK_NS {
            crowd.tick(now_ns);
            ticked_ns = now_ns;
        }
        if !ready_said && crowd.begun >= crowd.visits.len() {
            ready_said = true;
            say(&Word::Ready {
                connect_ms: (now_ns - begun_ns) / 1_000_000,
                failed: 0,
                faults: Vec::new(),
            })?;
        }
    }
    let ledger = crowd.close_books();
    say(&Word::Mob(ledger))?;
    crowd.orders.wait_for_end()
}

impl Crowd {
    fn new(job: Mob, orders: Orders) -> Result<Self> {
        limits::require(limits::raise_descriptors(), job.clients, "the hostile clients' process")?;
        let poller = Poller::new()?;
        poller.add_readable(orders.input(), ORDERS)?;
        let tempers = mix(job.clients, job.seed);
        let mut counts = vec![Count::default(); Temper::ALL.len()];
        tempers.iter().for_each(|&temper| counts[temper as usize].clients += 1);
        Ok(Self {
            poller,
            orders,
            wording: Wording::new(&job.server, &job.topic),
            dice: Dice::new(job.seed),
            visits: tempers.iter().map(|_| None).collect(),
            line: (0..tempers.len()).collect(),
            may_come: 0.0,
            paced_ns: clock::monotonic_ns(),
            begun: 0,
            connecting: 0,
            counts,
            tempers,
            until_ns: None,
            job,
        })
    }

    fn is_over(&self, now_ns: u64) -> bool {
        self.until_ns
            .is_some_and(|until_ns| now_ns >= until_ns || self.visits.iter().all(Option::is_none))
    }

    /// Begins connections whose turn it is, while not too many are under way.
    fn open_more(&mut self, now_ns: u64) {
        let passed_s = now_ns.saturating_sub(self.paced_ns) as f64 / 1e9;
        self.paced_ns = now_ns;
        self.may_come = (self.may_come + passed_s * self.job.per_s).min((LATE_S_MAX * self.job.per_s).max(1.0));
        while self.until_ns.is_none() && self.connecting < OPENING_MAX && self.may_come >= 1.0 {
            let Some(index) = self.line.pop_front() else { return };
            self.may_come -= 1.0;
            self.open(index);
        }
    }

    fn open(&mut self, index: usize) {
        let temper = self.tempers[index];
        let manner = temper.manner();
        let buffer_bytes = (!manner.reads).then_some(RECEIVE_BUFFER_BYTES);
        let count = &mut self.counts[temper as usize];
        count.begun += 1;
        self.begun += 1;
        let opened = net::start_connect_with(self.job.server.addr, index, buffer_bytes)
            .and_then(|socket| self.poller.add_edges(&socket, index as u64).map(|()| socket));
        let Ok(socket) = opened else {
            count.refused += 1;
            self.line.push_back(index);
            return;
        };
        let opening = if manner.upgrades { self.wording.upgrade() } else { Rc::default() };
        let piece = self.wording.piece(temper, index, &mut self.dice);
        let stays_ns = self.dice.below(STAYS_MS_MAX) as u64 * 1_000_000;
        self.visits[index] = Some(Visit::new(socket, temper, opening, piece, clock::monotonic_ns(), stays_ns));
        self.connecting += 1;
    }

    fn serve(&mut self, event: Ready, scratch: &mut [u8]) -> Result<()> {
        if event.token == ORDERS {
            return self.obey();
        }
        let index = event.token as usize;
        let Some(Some(visit)) = self.visits.get_mut(index) else {
            return Ok(());
        };
        let was_connecting = visit.is_connecting();
        let fate = visit.serve(event, clock::monotonic_ns(), scratch);
        let is_connecting = fate == Fate::Stays && visit.is_connecting();
        self.connecting -= usize::from(was_connecting && !is_connecting);
        self.note(index, fate);
        Ok(())
    }

    fn tick(&mut self, now_ns: u64) {
        for index in 0..self.visits.len() {
            if let Some(visit) = &mut self.visits[index] {
                let fate = visit.tick(now_ns);
                self.note(index, fate);
            }
        }
    }

    /// Enters what became of a connection; its client gets in line.
    fn note(&mut self, index: usize, fate: Fate) {
        if fate == Fate::Stays {
            return;
        }
        let Some(visit) = self.visits[index].take() else { return };
        let count = &mut self.counts[visit.temper() as usize];
        count.ended += u64::from(fate == Fate::Ended);
        count.refused += u64::from(fate == Fate::Refused);
        enter(count, &visit);
        visit.leave();
        self.line.push_back(index);
    }

    fn obey(&mut self) -> Result<()> {
        self.orders.read()?;
        while let Some(order) = self.orders.next()? {
            let now_ns = clock::monotonic_ns();
            match order {
                Order::Finish => self.until_ns = Some(now_ns + self.job.gone_ms.unwrap_or(0) * 1_000_000),
                Order::Interrupt => self.until_ns = Some(now_ns),
                other => bail!("an order for clients reached the hostile ones: {other:?}"),
            }
        }
        Ok(())
    }

    fn close_books(&mut self) -> Ledger {
        for visit in self.visits.iter().flatten() {
            let count = &mut self.counts[visit.temper() as usize];
            count.there += 1;
            enter(count, visit);
        }
        Ledger {
            counts: std::mem::take(&mut self.counts),
            cpu_ns: clock::process_cpu_ns(),
        }
    }
}

/// What counts however it ended.
fn enter(count: &mut Count, visit: &Visit) {
    let stood_ms = visit.stood_ns(clock::monotonic_ns()) / 1_000_000;
    count.longest_ms = count.longest_ms.max(stood_ms);
    count.acted += u64::from(visit.acts());
    count.bytes += visit.bytes();
}
