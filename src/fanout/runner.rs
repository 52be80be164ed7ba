//! A shard's thread: takes connections, notices and readiness in, and keeps the shard writing.
//!
//! One task on a current-thread runtime. It never waits while something can be written, and between
//! two slices of writes everything else gets its turn, each for `TURN_US` at most: whoever asks for
//! something in the middle of a walk is answered within a few milliseconds.

use super::grant::Grant;
use super::hub::Inbox;
use super::shard::{Access, AuthRequest, ConnKey, Kind, Reading, Shard, SlowClient, Survey, TURN_US};
use super::slots::Slot;
use super::sockets::{ReadEnd, Ready, Sockets};
use super::tls::Session;
use super::turns::Turns;
use crate::clock::Clock;
use crate::model::{Now, Seq};
use crate::scoring::RulesetIndex;
use crate::telemetry::ShardMetrics;
use crate::traces::Tracer;
use bytes::Bytes;
use flume::Receiver;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// What a shard is asked to do.
pub enum Command {
    /// Take over a socket that was upgraded to WebSocket.
    WebSocket(Upgraded),
    /// Serve an event stream.
    EventStream(EventStream),
    /// An event stream's body takes pieces again.
    Writable(ConnKey),
    /// An event stream's client hung up.
    Gone(ConnKey),
    /// Say goodbye to everyone and end when all are gone.
    Drain {
        /// Time over which clients are told to come back.
        reconnect_spread_ms: u64,
    },
    /// What was found of a client's token.
    Verified {
        /// Whose it is.
        conn: ConnKey,
        /// The request's id.
        id: Option<i64>,
        /// What it allows, or what is wrong with it.
        found: Result<Arc<Grant>, &'static str>,
    },
    /// The history has another name: tell everyone.
    Renamed,
    /// What is shown may be so late, in milliseconds: tell everyone.
    Late(u64),
    /// Say who is furthest behind.
    Survey(Inquiry),
    /// Nobody new will come.
    Closed,
}

/// Who asks for the slowest clients. One is answered at a time: a newer one takes an older one's place.
pub struct Inquiry {
    /// How many at most.
    pub clients_max: usize,
    /// Where they go.
    pub answer: oneshot::Sender<Slowest>,
}

/// Clients that are behind, the slowest first, each with the address that it connects from, where that is known.
pub type Slowest = Vec<(SlowClient, Option<SocketAddr>)>;

/// Has a token verified on another thread; a [`Command::Verified`] follows.
pub type Verify = Box<dyn Fn(AuthRequest) + Send>;

/// A socket that was upgraded to WebSocket.
pub struct Upgraded {
    /// The socket.
    pub stream: std::net::TcpStream,
    /// What encrypts it; nothing where it is plain.
    pub tls: Option<Session>,
    /// What it sent already.
    pub early: Bytes,
    /// How it is spoken to.
    pub kind: Kind,
    /// What it may read.
    pub access: Access,
    /// Its place among the connections.
    pub slot: Slot,
}

/// A request for server-sent events.
pub struct EventStream {
    /// Topics, as asked for.
    pub topics: Vec<String>,
    /// The ruleset.
    pub ruleset: RulesetIndex,
    /// What the client holds of each topic, by its last event's id; or why that is no use.
    pub since: Option<Result<Vec<Seq>, &'static str>>,
    /// What it may read.
    pub access: Access,
    /// Where events go.
    pub body: mpsc::Sender<Bytes>,
    /// The connection, or the first topic refused.
    pub opened: oneshot::Sender<Result<ConnKey, (&'static str, String)>>,
}

/// A shard's levels, for everyone to read.
#[derive(Default)]
pub struct ShardLevels {
    /// Open clients.
    pub connections: AtomicUsize,
    /// Their subscriptions.
    pub subscriptions: AtomicUsize,
    /// Changes pending.
    pub pending: AtomicU64,
    /// Clients whose socket refuses bytes.
    pub slow: AtomicUsize,
    /// Most commands that waited at once in the last second.
    pub commands: AtomicUsize,
    /// Bytes of its copies of rings, with their frames.
    pub mirrored_bytes: AtomicU64,
    /// Writing goes by io_uring.
    pub uring: AtomicBool,
}

const TICK: Duration = Duration::from_secs(1);

/// When ticks are due.
struct Ticks {
    next: Instant,
}

impl Ticks {
    fn after(now: Instant) -> Ticks {
        Ticks { next: now + TICK }
    }

    /// By how much a tick that is due is late; nothing where none is. Those that were missed are not made up for.
    fn due(&mut self, now: Instant) -> Option<Duration> {
        let late = now.checked_duration_since(self.next)?;
        self.next = if late < TICK { self.next + TICK } else { now + TICK };
        Some(late)
    }
}

/// Everything a shard's task holds.
pub struct Runner {
    /// The shard.
    pub shard: Shard,
    /// Its sockets.
    pub sockets: Sockets,
    /// What moved.
    pub inbox: Inbox,
    /// What is asked of it.
    pub commands: Receiver<Command>,
    /// Where tokens are verified.
    pub verify: Verify,
    /// When the HTTP beside it may run.
    pub turns: Arc<Turns>,
    /// The time.
    pub clock: Clock,
    /// Who is told of traced events.
    pub tracer: Option<Arc<Tracer>>,
    /// Where its counts go.
    pub metrics: ShardMetrics,
    /// Where its levels are read.
    pub levels: Arc<ShardLevels>,
    /// Most commands that waited at once since the levels were last published.
    pub commands_waited: usize,
    /// A look for the slowest clients that is under way, and who asked.
    pub survey: Option<(Survey, Inquiry)>,
    /// Whether to say goodbye to everyone.
    pub draining: bool,
    /// Whether the last who could come has come: until then there may be a socket on its way here.
    pub closed: bool,
}

impl Runner {
    /// Runs until drained and closed, and everyone has gone.
    pub async fn run(mut self) {
        let mut unread: VecDeque<ConnKey> = VecDeque::new();
        let mut ready: VecDeque<Ready> = VecDeque::new();
        let mut ticks = Ticks::after(Instant::now());
        self.publish();
        loop {
            self.take_commands();
            self.take_notices();
            self.take_readiness(&mut ready, &mut unread);
            self.shard.fire_timers(self.clock.steady_us());
            if let Some(late) = ticks.due(Instant::now()) {
                self.tick(late);
            }
            let clock = self.clock;
            self.shard.pump(clock.now(), || clock.steady_us(), &mut self.sockets);
            if let Some(tracer) = &self.tracer {
                for (trace, shown) in self.shard.take_traced() {
                    tracer.shown(trace, self.shard.index(), shown);
                }
            }
            self.survey();
            for key in self.shard.take_resumed() {
                self.put_off(key, &mut unread);
            }
            for request in self.shard.take_auth_requests() {
                (self.verify)(request);
            }
            if self.draining && self.closed && self.commands.is_empty() && self.shard.connections() == 0 {
                self.publish();
                self.turns.open();
                return;
            }
            if self.shard.has_work() || !unread.is_empty() || !ready.is_empty() || self.survey.is_some() {
                self.turns.pass();
                tokio::task::yield_now().await;
                continue;
            }
            self.turns.open();
            self.wait(ticks.next).await;
        }
    }

    async fn wait(&mut self, next_tick: Instant) {
        let timer = self
            .shard
            .next_timer_us()
            .map(|due| Duration::from_micros((due - self.clock.steady_us()).max(0) as u64));
        let wake = timer.map_or(next_tick, |after| next_tick.min(Instant::now() + after));
        tokio::select! {
            biased;
            notice = self.inbox.notices.recv_async() => {
                if let Ok(notice) = notice {
                    self.shard.notice(&notice);
                }
            }
            _ = self.sockets.ready() => {}
            command = self.commands.recv_async(), if !(self.draining && self.commands.is_disconnected()) => match command {
                Ok(command) => self.command(command),
                // Nobody is left who could ask for anything: as good as asked to leave.
                Err(_) => self.command(Command::Drain { reconnect_spread_ms: 0 }),
            },
            () = tokio::time::sleep_until(wake) => {}
        }
    }

    /// True until a turn that begins now is over.
    fn turn(&self) -> impl Fn() -> bool + use<> {
        let clock = self.clock;
        let over_us = clock.steady_us() + TURN_US;
        move || clock.steady_us() < over_us
    }

    fn take_notices(&mut self) {
        let lasts = self.turn();
        // As many as are waiting now: a flood of them does not keep clients waiting.
        for _ in 0..self.inbox.notices.len() {
            let Ok(notice) = self.inbox.notices.try_recv() else { break };
            self.shard.notice(&notice);
            if !lasts() {
                break;
            }
        }
        // Only now: who set it while the mailbox was full relies on its being looked at after that.
        if self.inbox.overflowed.swap(false, Ordering::AcqRel) {
            self.shard.look_everywhere();
        }
    }

    fn take_commands(&mut self) {
        let lasts = self.turn();
        self.commands_waited = self.commands_waited.max(self.commands.len());
        while let Ok(command) = self.commands.try_recv() {
            self.command(command);
            if !lasts() {
                break;
            }
        }
    }

    fn command(&mut self, command: Command) {
        let now = self.clock.now();
        match command {
            Command::WebSocket(upgraded) => {
                let Upgraded {
                    stream,
                    tls,
                    early,
                    kind,
                    access,
                    slot,
                } = upgraded;
                let key = self.shard.connect_with(kind, access, now);
                let added = match tls {
                    None => self.sockets.add_tcp(key, stream, slot),
                    Some(session) => self.sockets.add_tls(key, stream, session, slot),
                };
                if added.is_err() {
                    self.shard.gone(key, &mut self.sockets);
                } else if !early.is_empty() {
                    self.shard.received(key, &mut early.to_vec(), now);
                }
            }
            Command::EventStream(request) => self.open_stream(request, now),
            Command::Writable(key) => self.shard.writable(key),
            Command::Gone(key) => self.shard.gone(key, &mut self.sockets),
            Command::Drain { reconnect_spread_ms } => {
                self.shard.drain(reconnect_spread_ms, now.steady_us);
                self.draining = true;
            }
            Command::Verified { conn, id, found } => self.shard.verified(conn, id, found, now),
            Command::Renamed => self.shard.welcome_all(now.wall_us),
            Command::Late(late_ms) => self.shard.tell_late(late_ms),
            Command::Survey(inquiry) => self.survey = Some((Survey::of(inquiry.clients_max), inquiry)),
            Command::Closed => self.closed = true,
        }
    }

    /// Goes on looking for the slowest clients, where somebody asked.
    fn survey(&mut self) {
        let Some((mut survey, inquiry)) = self.survey.take() else { return };
        match self.shard.survey(&mut survey, self.clock.steady_us()) {
            None => self.survey = Some((survey, inquiry)),
            Some(slowest) => {
                let sockets = &self.sockets;
                let found = slowest.into_iter().map(|client| {
                    let peer = sockets.peer(client.conn);
                    (client, peer)
                });
                // Whoever asked may have gone.
                let _ = inquiry.answer.send(found.collect());
            }
        }
    }

    fn open_stream(&mut self, request: EventStream, now: Now) {
        let key = self.shard.connect_with(Kind::EventStream, request.access, now);
        self.sockets.add_stream(key, request.body);
        let since = request.since.as_ref().map(|since| since.as_deref().map_err(|reason| *reason));
        let subscribed = self.shard.subscribe_stream(key, &request.topics, request.ruleset, since);
        let opened = match subscribed {
            Ok(()) => Ok(key),
            Err(refused) => {
                self.shard.gone(key, &mut self.sockets);
                Err(refused)
            }
        };
        if request.opened.send(opened).is_err() {
            self.shard.gone(key, &mut self.sockets);
        }
    }

    /// Reads what sockets have. What a turn does not reach stays in `ready` and `unread`.
    fn take_readiness(&mut self, ready: &mut VecDeque<Ready>, unread: &mut VecDeque<ConnKey>) {
        let lasts = self.turn();
        if ready.is_empty()
            && let Err(error) = self.sockets.poll(ready)
        {
            tracing::error!(%error, "the readiness queue is broken");
        }
        // One of each in turn, so that neither waits for the other. Who still has more waits behind the rest.
        let mut waiting = unread.len();
        while lasts() {
            let (one, other) = (ready.pop_front(), if waiting > 0 { unread.pop_front() } else { None });
            waiting = waiting.saturating_sub(1);
            if one.is_none() && other.is_none() {
                break;
            }
            if let Some(one) = one {
                if one.progressed {
                    self.shard.progressed(one.conn, self.clock.steady_us());
                }
                if one.writable {
                    self.shard.writable(one.conn);
                }
                if one.readable {
                    self.read(one.conn, unread);
                }
            }
            if let Some(key) = other {
                self.shard.leaves_unread(key);
                if self.shard.resume(key, self.clock.now()) == Reading::On {
                    self.read(key, unread);
                }
            }
        }
    }

    fn put_off(&mut self, key: ConnKey, unread: &mut VecDeque<ConnKey>) {
        if self.shard.joins_unread(key) {
            unread.push_back(key);
        }
    }

    fn read(&mut self, key: ConnKey, unread: &mut VecDeque<ConnKey>) {
        let now = self.clock.now();
        let Runner { shard, sockets, .. } = self;
        if shard.reading_paused(key) {
            return; // More has arrived; it waits in the socket until `take_resumed` names the client.
        }
        let mut reading = Reading::On;
        let end = sockets.read(key, |bytes| {
            reading = shard.received(key, bytes, now);
            reading == Reading::On
        });
        match end {
            _ if reading == Reading::Over => shard.gone(key, sockets),
            ReadEnd::Drained => {}
            ReadEnd::More => self.put_off(key, unread),
            ReadEnd::Closed => shard.gone(key, sockets),
        }
    }

    fn tick(&mut self, late: Duration) {
        if late >= TICK {
            // Stopped, moved to another machine, or without a core to run on.
            tracing::warn!(late_ms = late.as_millis() as u64, "this shard did not run for a while");
            self.shard.slept(late.as_micros() as i64, self.clock.steady_us());
        }
        self.shard.tick();
        self.shard.close_slowest(self.clock.steady_us());
        self.publish();
    }

    fn publish(&mut self) {
        self.metrics.record(&self.shard.take_stats());
        self.metrics.uring_failures.increment(self.sockets.take_uring_failures());
        self.levels.uring.store(self.sockets.uses_uring(), Ordering::Relaxed);
        self.levels.connections.store(self.shard.connections(), Ordering::Relaxed);
        self.levels.subscriptions.store(self.shard.subscriptions(), Ordering::Relaxed);
        self.levels.pending.store(self.shard.pending(), Ordering::Relaxed);
        self.levels.mirrored_bytes.store(self.shard.mirrored_bytes(), Ordering::Relaxed);
        self.levels.slow.store(self.shard.blocked(), Ordering::Relaxed);
        self.levels
            .commands
            .store(std::mem::take(&mut self.commands_waited), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
