//! The child process that holds the WebSocket clients: one thread, one epoll.
//!
//! Connects a bounded number at a time, says when everybody has its snapshots, then reads until every
//! client holds what the server's own last word says or is lost, or until it is told to stop waiting. On the
//! way it can be told to cut all connections and come back, and to have some clients stop reading.

use crate::client::{Client, Desk, Kind, Phase, SCRATCH_BYTES};
use crate::crew::{FAULTS_TOLD_MAX, Order, Progress, Tally, Word, say};
use crate::job::{Clients, Round};
use crate::judge::{Content, Judge};
use crate::net::{self, Poller, Ready, kernel_time};
use crate::orders::Orders;
use crate::plays::Script;
use crate::record::Record;
use crate::totals::Totals;
use crate::verify::{Oracle, number};
use crate::{clock, readers};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::collections::VecDeque;

/// The token of standard input; clients have theirs from 0.
const ORDERS: u64 = u64::MAX;

struct Crowd {
    job: Clients,
    poller: Poller,
    orders: Orders,
    /// By token; `None` for one given up or not begun yet.
    clients: Vec<Option<Client>>,
    /// Clients that are to be connected, by token.
    to_open: VecDeque<usize>,
    desk: Desk,
    /// Clients that are connected and right.
    right: usize,
    /// Those that stall do so now.
    stalled: bool,
    /// Nothing more is posted.
    settling: bool,
    /// The topics at the very end, by number, once the parent has said so; null for one that nobody follows.
    last: Vec<Value>,
    /// Events that they must include.
    taken: usize,
    finish: bool,
    /// Somebody asked to stop: nothing that is missing is a fault.
    interrupted: bool,
    cpu0_ns: u64,
    /// When the round under way began.
    cut_ns: Option<u64>,
}

/// Runs the clients of `job` to the end.
pub(crate) fn run(job: Clients, orders: Orders) -> Result<()> {
    let mut crowd = Crowd::new(job, orders)?;
    let begun_ns = clock::monotonic_ns();
    let mut pulse = readers::Pulse::new();
    let mut ready_said = false;
    let mut ready = Vec::new();
    while !crowd.finished() {
        crowd.open_more()?;
        crowd.poller.wait_edges(100, &mut ready)?;
        for &event in &ready {
            crowd.serve(event)?;
        }
        if crowd.orders.ended() {
            return Ok(());
        }
        if !ready_said && crowd.settled() {
            ready_said = true;
            let connect_ms = (clock::monotonic_ns() - begun_ns) / 1_000_000;
            let tally = &crowd.desk.tally;
            say(&Word::Ready {
                connect_ms,
                failed: tally.broken,
                faults: tally.faults.clone(),
            })?;
        }
        if pulse.due() {
            say(&Word::Progress(crowd.progress()))?;
        }
    }
    let tally = crowd.close_books();
    say(&Word::Done(Box::new(tally)))?;
    crowd.orders.wait_for_end()
}

impl Crowd {
    fn new(job: Clients, orders: Orders) -> Result<Self> {
        ensure!(job.rosters.iter().all(|roster| !roster.is_empty()), "a client without a topic");
        let content = match &job.script {
            Some(game) => Content::Script(Oracle::new(Script::new(game, job.schedule.events()))),
            None => Content::Totals(Totals::new(job.topics.len())),
        };
        let desk = Desk {
            scratch: vec![0; SCRATCH_BYTES],
            judge: Judge::new(&job.topics, &job.ruleset, job.protocol.coding, job.schedule.clone(), content),
            record: Record::new(&job.schedule),
            tally: Tally::default(),
            topics: job.topics.clone(),
            ruleset: job.ruleset.clone(),
            protocol: job.protocol,
            upgrade: job.protocol.request(&job.server),
            tls: job.server.tls()?,
            kernel_times: job.kernel_times,
            finals: Vec::new(),
        };
        let poller = Poller::new()?;
        poller.add_readable(orders.input(), ORDERS)?;
        Ok(Self {
            poller,
            orders,
            clients: job.rosters.iter().map(|_| None).collect(),
            to_open: (0..job.rosters.len()).collect(),
            job,
            desk,
            right: 0,
            stalled: false,
            settling: false,
            last: Vec::new(),
            taken: 0,
            finish: false,
            interrupted: false,
            cpu0_ns: 0,
            cut_ns: None,
        })
    }

    /// Everybody is right or has failed.
    fn settled(&self) -> bool {
        self.right + self.desk.tally.broken as usize >= self.clients.len()
    }

    fn finished(&self) -> bool {
        let tally = &self.desk.tally;
        self.finish || (self.settling && (tally.complete + tally.broken) as usize >= self.clients.len())
    }

    fn progress(&self) -> Progress {
        Progress {
            connected: self.right as u64,
            deliveries: self.desk.tally.deliveries,
            p99_us: self.desk.record.p99_us(),
        }
    }

    /// Starts connections while not too many are under way.
    fn open_more(&mut self) -> Result<()> {
        while !self.to_open.is_empty() {
            let waiting = self.clients.len() - self.right - self.desk.tally.broken as usize;
            if waiting.saturating_sub(self.to_open.len()) >= self.job.opening_max {
                break;
            }
            let Some(index) = self.to_open.pop_front() else { break };
            if let Err(error) = self.open(index) {
                self.give_up(index, &error.context("connecting"));
            }
        }
        Ok(())
    }

    fn open(&mut self, index: usize) -> Result<()> {
        let stalling = self.job.stalling.filter(|stalling| index % stalling.every == stalling.every - 1);
        let buffer_bytes = stalling.map(|stalling| stalling.receive_buffer_bytes);
        let number = self.job.first + index;
        let socket = net::start_connect_with(self.job.server.addr_of(number), number, buffer_bytes)?;
        if self.job.kernel_times {
            kernel_time::enable(&socket).context("SO_TIMESTAMPNS")?;
        }
        self.poller.add_edges(&socket, index as u64)?;
        match &mut self.clients[index] {
            Some(client) => client.again(socket),
            none => {
                let kind = Kind {
                    sampled: index < self.job.sample,
                    stalls: stalling.is_some(),
                };
                *none = Some(Client::new(socket, &self.job.rosters[index], kind));
            }
        }
        Ok(())
    }

    fn serve(&mut self, event: Ready) -> Result<()> {
        if event.token == ORDERS {
            return self.obey();
        }
        let index = event.token as usize;
        let Some(Some(client)) = self.clients.get_mut(index) else {
            return Ok(());
        };
        if self.stalled && client.stalls() {
            return Ok(());
        }
        let (was_right, was_complete) = (client.is_right(), is_complete(client, &self.desk));
        let result = match client.phase() {
            // What was ready on the connection that was cut just now.
            Phase::Away => Ok(()),
            Phase::Connecting if event.writable => client.on_connected(&self.desk),
            Phase::Connecting => Ok(()),
            _ if event.readable => client.on_readable(event.hung_up, &mut self.desk),
            _ => Ok(()),
        };
        let (right, complete) = (client.is_right(), is_complete(client, &self.desk));
        match result {
            Ok(()) => {
                self.right += usize::from(right && !was_right);
                self.desk.tally.complete += u64::from(complete && !was_complete);
                if right && !was_right {
                    self.end_round();
                }
            }
            Err(error) => {
                // One that had everything and then went wrong counts as broken alone.
                self.desk.tally.complete -= u64::from(was_complete);
                self.right -= usize::from(was_right);
                self.give_up(index, &error);
            }
        }
        Ok(())
    }

    fn give_up(&mut self, index: usize, error: &anyhow::Error) {
        self.clients[index] = None;
        self.desk.tally.broken += 1;
        self.fault(format!("client {}: {error:#}", self.job.first + index));
        self.end_round();
    }

    fn fault(&mut self, fault: String) {
        let tally = &mut self.desk.tally;
        tally.fault_count += 1;
        if tally.faults.len() < FAULTS_TOLD_MAX {
            tally.faults.push(fault);
        }
    }

    fn obey(&mut self) -> Result<()> {
        self.orders.read()?;
        while let Some(order) = self.orders.next()? {
            match order {
                Order::Start { t0_ns, ts0_us } => {
                    self.desk.record.start(t0_ns, ts0_us);
                    self.desk.judge.start(ts0_us);
                    self.cpu0_ns = clock::process_cpu_ns();
                }
                Order::Finish => self.finish = true,
                Order::Interrupt => (self.finish, self.interrupted) = (true, true),
                Order::Cut { at_ns } => self.cut(at_ns),
                Order::Stall => self.stall(),
                Order::Read => self.read_again()?,
                Order::Settle { snapshots, taken } => self.settle(snapshots, taken)?,
            }
        }
        Ok(())
    }

    /// All connections end at once, without a word, and are opened again.
    fn cut(&mut self, at_ns: u64) {
        self.desk.tally.rounds.push(Round::default());
        self.cut_ns = Some(at_ns);
        self.right = 0;
        self.to_open.clear();
        for index in 0..self.clients.len() {
            if let Some(client) = &mut self.clients[index] {
                client.leave();
                self.to_open.push_back(index);
            }
        }
    }

    /// A round ends when the last one is back.
    fn end_round(&mut self) {
        if self.settled()
            && let (Some(cut_ns), Some(round)) = (self.cut_ns.take(), self.desk.tally.rounds.last_mut())
        {
            round.back_us = Some((clock::monotonic_ns() - cut_ns) / 1_000);
        }
    }

    /// Some stop reading. Each says a last word, so that the server's patience with the silent begins now.
    fn stall(&mut self) {
        self.stalled = true;
        for client in self.clients.iter_mut().flatten().filter(|client| client.stalls()) {
            // Where its connection is gone, that shows when it reads again.
            drop(client.speak());
        }
    }

    /// Those that stopped reading go on.
    fn read_again(&mut self) -> Result<()> {
        self.stalled = false;
        for index in 0..self.clients.len() {
            if self.clients[index].as_ref().is_some_and(Client::stalls) {
                self.serve(Ready {
                    token: index as u64,
                    readable: true,
                    writable: false,
                    hung_up: false,
                })?;
            }
        }
        Ok(())
    }

    /// The server has had its last word: whoever holds that is complete. Without one nobody is.
    fn settle(&mut self, snapshots: Option<Vec<Value>>, taken: usize) -> Result<()> {
        self.settling = true;
        let Some(snapshots) = snapshots else { return Ok(()) };
        let seq = |snapshot: &Value| {
            if snapshot.is_null() { Ok(0) } else { number(snapshot, "seq") }
        };
        self.desk.finals = snapshots.iter().map(seq).collect::<Result<_>>()?;
        ensure!(self.desk.finals.len() == self.desk.topics.len(), "not every topic has a last word");
        let desk = &self.desk;
        let complete = self.clients.iter().flatten().filter(|client| is_complete(client, desk)).count();
        self.desk.tally.complete = complete as u64;
        (self.last, self.taken) = (snapshots, taken);
        Ok(())
    }

    /// The result.
    fn close_books(&mut self) -> Tally {
        let clients = std::mem::take(&mut self.clients);
        if !self.interrupted {
            self.hold(&clients);
        }
        let mut tally = std::mem::take(&mut self.desk.tally);
        let ledgers = clients.iter().flatten().filter_map(Client::ledger);
        tally.samples = ledgers.map(|ledger| ledger.totals().clone()).collect();
        (tally.latency, tally.kernel, tally.phases) = self.desk.record.counts();
        (tally.parsed, tally.compared) = (self.desk.judge.parsed, self.desk.judge.compared);
        tally.moves = self.desk.judge.take_moves();
        tally.cpu_ns = clock::process_cpu_ns() - self.cpu0_ns;
        tally
    }

    /// Clients that wait for something still, and totals other than the server's, are told as faults.
    fn hold(&mut self, clients: &[Option<Client>]) {
        let mut followed = vec![false; self.desk.topics.len()];
        for (index, client) in clients.iter().enumerate() {
            let Some(client) = client else { continue };
            client.topics().for_each(|topic| followed[topic as usize] = true);
            if let Some((topic, seq, last)) = client.behind(&self.desk.finals) {
                let (number, topic) = (self.job.first + index, &self.desk.topics[topic as usize]);
                let fault = format!("client {number}: holds seq {seq} of {topic}, which ended at {last}");
                self.fault(fault);
            }
        }
        for topic in (0..followed.len()).filter(|&topic| followed[topic]) {
            let Some(last) = self.last.get(topic) else { continue };
            let ledgers = clients
                .iter()
                .flatten()
                .filter(|client| client.topics().any(|other| other as usize == topic));
            let verdict = self.desk.judge.settle(topic as u32, last, self.taken);
            let verdict = verdict.and_then(|()| ledgers.filter_map(Client::ledger).try_for_each(|ledger| ledger.settle(last)));
            if let Err(error) = verdict.with_context(|| self.desk.topics[topic].clone()) {
                self.fault(format!("GET /v1/snapshot and the clients differ: {error:#}"));
            }
        }
        let unfinished = self.desk.tally.rounds.iter().filter(|round| round.back_us.is_none()).count();
        if unfinished > 0 {
            self.fault(format!("{unfinished} times not everybody was back before the next cut or the end"));
        }
    }
}

/// Whether a client holds what the server ended with, once that is known.
fn is_complete(client: &Client, desk: &Desk) -> bool {
    !desk.finals.is_empty() && client.is_right() && client.behind(&desk.finals).is_none()
}
