//! The child process that holds the WebSocket clients: one thread, one epoll.
//!
//! Connects [`OPENING_MAX`] at a time, says when everybody has a snapshot, then reads until every
//! client has the last play, or until it is told to stop waiting.

use crate::client::{Client, Desk, Phase, SCRATCH_BYTES, upgrade_request};
use crate::crew::{FAULTS_TOLD_MAX, Job, Order, Progress, Tally, Word, say};
use crate::frames::{self, masked};
use crate::latency::Latency;
use crate::net::{self, Poller};
use crate::orders::Orders;
use crate::plays::{RULESET, Script};
use crate::verify::Oracle;
use crate::{clock, readers};
use anyhow::{Result, bail};
use serde_json::json;
use std::net::SocketAddr;

/// Connections under way at once; a listener's queue is commonly 4,096 long, often 128.
const OPENING_MAX: usize = 100;

/// The token of standard input; clients have theirs from 0.
const ORDERS: u64 = u64::MAX;

struct Crowd {
    to: SocketAddr,
    first: usize,
    wanted: usize,
    sample: usize,
    events: usize,
    poller: Poller,
    orders: Orders,
    /// By token; `None` for one given up.
    clients: Vec<Option<Client>>,
    desk: Desk,
    /// Clients with a snapshot.
    live: usize,
    finish: bool,
    cpu0_ns: u64,
}

/// Runs a [`Job::Clients`] to its end.
pub(crate) fn run(job: Job, orders: Orders) -> Result<()> {
    let mut crowd = Crowd::new(job, orders)?;
    let begun_ns = clock::monotonic_ns();
    let mut pulse = readers::Pulse::new();
    let mut ready_said = false;
    let mut ready = Vec::new();
    while !crowd.finished(ready_said) {
        crowd.open_more()?;
        crowd.poller.wait(100, &mut ready)?;
        for &token in &ready {
            crowd.serve(token)?;
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
    fn new(job: Job, orders: Orders) -> Result<Self> {
        let Job::Clients {
            to,
            host,
            path,
            first,
            clients,
            sample,
            game,
            events,
            interval_us,
        } = job
        else {
            bail!("a job for readers reached the clients");
        };
        let script = Script::new(&game, events);
        let subscribe = json!({"op": "subscribe", "id": 1, "topics": [script.topic()], "ruleset": RULESET}).to_string();
        let desk = Desk {
            scratch: vec![0; SCRATCH_BYTES],
            oracle: Oracle::new(script, interval_us),
            latency: Latency::new(events),
            tally: Tally::default(),
            t0_ns: 0,
            interval_us,
            upgrade: upgrade_request(&host, &path),
            subscribe: masked(frames::TEXT, subscribe.as_bytes()),
        };
        let poller = Poller::new()?;
        poller.add_readable(orders.input(), ORDERS)?;
        let clients_held = Vec::with_capacity(clients);
        Ok(Self {
            to,
            first,
            wanted: clients,
            sample,
            events,
            poller,
            orders,
            clients: clients_held,
            desk,
            live: 0,
            finish: false,
            cpu0_ns: 0,
        })
    }

    /// Everybody has a snapshot or has failed.
    fn settled(&self) -> bool {
        self.clients.len() == self.wanted && self.live + self.desk.tally.broken as usize >= self.wanted
    }

    fn finished(&self, ready_said: bool) -> bool {
        let tally = &self.desk.tally;
        self.finish || (ready_said && (tally.complete + tally.broken) as usize >= self.wanted)
    }

    fn progress(&self) -> Progress {
        Progress {
            connected: self.live as u64,
            deliveries: self.desk.tally.deliveries,
            p99_us: self.desk.latency.p99_us(),
        }
    }

    /// Starts connections while not too many are under way.
    fn open_more(&mut self) -> Result<()> {
        while self.clients.len() < self.wanted {
            let pending = self.clients.len().saturating_sub(self.live + self.desk.tally.broken as usize);
            if pending >= OPENING_MAX {
                break;
            }
            let index = self.clients.len();
            match net::start_connect(self.to, self.first + index) {
                Ok(socket) => {
                    let client = Client::new(socket, index < self.sample);
                    self.poller.add_writable(client.socket(), index as u64)?;
                    self.clients.push(Some(client));
                }
                Err(error) => {
                    self.clients.push(None);
                    self.note_fault(index, &anyhow::Error::new(error).context("connecting"));
                }
            }
        }
        Ok(())
    }

    fn serve(&mut self, token: u64) -> Result<()> {
        if token == ORDERS {
            return self.obey();
        }
        let index = token as usize;
        let Some(Some(client)) = self.clients.get_mut(index) else {
            return Ok(());
        };
        let (phase, events) = (client.phase(), client.events());
        let result = if phase == Phase::Connecting {
            let connected = client.on_connected(&self.desk);
            self.poller.now_readable(client.socket(), token)?;
            connected
        } else {
            client.on_readable(&mut self.desk)
        };
        let (live_now, events_now) = (client.phase() == Phase::Live, client.events());
        if live_now && phase != Phase::Live {
            self.live += 1;
        }
        match result {
            Ok(()) => self.desk.tally.complete += u64::from(events_now == self.events && events < self.events),
            Err(error) => {
                // One that had everything and then went wrong counts as broken alone.
                self.desk.tally.complete -= u64::from(events == self.events);
                self.live -= usize::from(live_now);
                self.clients[index] = None;
                self.note_fault(index, &error);
            }
        }
        Ok(())
    }

    fn note_fault(&mut self, index: usize, error: &anyhow::Error) {
        let tally = &mut self.desk.tally;
        tally.broken += 1;
        tally.fault_count += 1;
        if tally.faults.len() < FAULTS_TOLD_MAX {
            tally.faults.push(format!("client {}: {error:#}", self.first + index));
        }
    }

    fn obey(&mut self) -> Result<()> {
        self.orders.read()?;
        while let Some(order) = self.orders.next()? {
            match order {
                Order::Start { t0_ns, ts0_us } => {
                    self.desk.t0_ns = t0_ns;
                    self.desk.oracle.start(ts0_us);
                    self.cpu0_ns = clock::process_cpu_ns();
                }
                Order::Finish => self.finish = true,
            }
        }
        Ok(())
    }

    /// The result. Clients that wait for something still are told as faults.
    fn close_books(&mut self) -> Tally {
        let mut tally = std::mem::take(&mut self.desk.tally);
        for (index, client) in self.clients.iter().enumerate() {
            let Some(client) = client else { continue };
            if client.events() < self.events {
                tally.fault_count += 1;
                if tally.faults.len() < FAULTS_TOLD_MAX {
                    tally.faults.push(format!(
                        "client {}: has {} of {} plays",
                        self.first + index,
                        client.events(),
                        self.events
                    ));
                }
            }
            tally.samples.extend(client.ledger().map(|ledger| ledger.totals().clone()));
        }
        tally.latency = self.desk.latency.counts();
        (tally.parsed, tally.compared) = (self.desk.oracle.parsed, self.desk.oracle.compared);
        tally.cpu_ns = clock::process_cpu_ns() - self.cpu0_ns;
        tally
    }
}
