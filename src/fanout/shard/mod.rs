//! One shard: its connections, their cursors, and what to write to whom next.
//!
//! A state machine without I/O: time, bytes received and a [`Writer`] are passed in, so the very code
//! that serves sockets runs under simulation. Owned by one thread; nothing in it is shared but the
//! hub. A client can pin its cursors, one partly written frame, replies up to `replies_bytes_max`
//! (reading stops above that) and one incomplete message; nothing grows with how far it is behind.

mod account;
mod conn;
mod due;
mod inbound;
mod mirror;
mod outbound;
mod subscribe;

pub use account::{Account, Latencies, ShardStats};
pub use conn::{ConnKey, Kind};
pub use inbound::Reading;
pub use outbound::{Batch, Piece, Wrote};

use super::hub::{Hub, Notice};
use super::snapshot::GameReader;
use super::topic::TopicId;
use crate::scoring::{RulesetIndex, Rulesets};
use crate::wire::close::CloseReason;
use crate::wire::message::{ClientLimits, ServerMessage, Welcome};
use crate::wire::ws::Frame;
use conn::Conn;
use foldhash::fast::RandomState;
use mirror::Mirror;
use slab::Slab;
use smallvec::SmallVec;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

/// Limits and times of a shard; see `config/default.toml` for what each costs.
#[derive(Clone, Debug)]
pub struct ShardLimits {
    /// Entries mirrored per watched topic.
    pub ring_frames: usize,
    /// Subscriptions per client.
    pub subscriptions_max: usize,
    /// Longest client message, fragments together.
    pub message_bytes_max: usize,
    /// Replies waiting for one client before reading from it stops.
    pub replies_bytes_max: usize,
    /// Changes of one topic that go out one by one to a client that was merely not reached yet; more
    /// are merged.
    pub coalesce_frames_max: usize,
    /// Bytes offered to one socket in one write.
    pub write_bytes_max: usize,
    /// Clients served before other work gets a turn.
    pub slice_clients: usize,
    /// Time between pings.
    pub ping_interval_us: i64,
    /// Silence after which a client is closed.
    pub silence_timeout_us: i64,
    /// Time without a byte accepted after which a client is closed.
    pub stall_timeout_us: i64,
    /// Time a closing client gets to take its close frame and hang up.
    pub close_timeout_us: i64,
}

/// What a shard is built from.
pub struct ShardParts {
    /// Which shard this is.
    pub index: usize,
    /// The topics.
    pub hub: Arc<Hub>,
    /// The rulesets.
    pub rulesets: Arc<Rulesets>,
    /// The ruleset of subscriptions that name none.
    pub default_ruleset: RulesetIndex,
    /// Reads games for snapshots.
    pub games: GameReader,
    /// This history's name.
    pub epoch: Arc<str>,
    /// Limits and times.
    pub limits: ShardLimits,
}

/// Writes to sockets; see [`Batch`].
pub trait Writer {
    /// Offers each item of the batch to its socket and says what became of it.
    fn write(&mut self, batch: &mut Batch);
    /// Ends a connection: nothing more will be written. `reason` is for logs and metrics.
    fn close(&mut self, conn: ConnKey, reason: CloseReason);
    /// The sending side is done; the client gets a moment to hang up.
    fn finish(&mut self, conn: ConnKey);
}

/// A client's own rate limit comes due.
type Timer = Reverse<(i64, ConnKey, u32)>;

/// One shard's whole state.
pub struct Shard {
    parts: ShardParts,
    conns: Slab<Conn>,
    generation: u32,
    mirrors: Slab<Mirror>,
    mirror_of: HashMap<TopicId, usize, RandomState>,
    dirty: VecDeque<ConnKey>,
    /// Clients whose reading stopped for want of room and may go on.
    resumed: Vec<ConnKey>,
    /// Clients of this turn for whom nothing had to be written.
    idle: Vec<ConnKey>,
    timers: BinaryHeap<Timer>,
    /// How many timers there may be before those of dropped subscriptions are sorted out.
    timers_max: usize,
    batch: Batch,
    /// Mirrors that a snapshot was found to be ahead of.
    stale: SmallVec<[u32; 4]>,
    stats: ShardStats,
    /// Set once a drain has begun: the time over which clients are told to come back.
    draining_spread_ms: Option<u64>,
}

impl Shard {
    /// A shard without connections.
    pub fn new(parts: ShardParts) -> Shard {
        Shard {
            parts,
            conns: Slab::new(),
            generation: 0,
            mirrors: Slab::new(),
            mirror_of: HashMap::default(),
            dirty: VecDeque::new(),
            resumed: Vec::new(),
            idle: Vec::new(),
            timers: BinaryHeap::new(),
            timers_max: outbound::TIMERS_MIN,
            batch: Batch::default(),
            stale: SmallVec::new(),
            stats: ShardStats::default(),
            draining_spread_ms: None,
        }
    }

    /// Takes a connection in and welcomes it.
    pub fn connect(&mut self, kind: Kind, now_us: i64) -> ConnKey {
        self.generation = self.generation.wrapping_add(1);
        let index = self.conns.insert(Conn::new(kind, self.generation, now_us));
        let key = ConnKey {
            index: index as u32,
            generation: self.generation,
        };
        self.stats.opened += 1;
        if kind.is_websocket() {
            self.welcome(key, now_us);
        }
        if let Some(spread_ms) = self.draining_spread_ms
            && let Some(conn) = self.conn(key)
        {
            conn.leaving = Some((500 + u64::from(key.generation).wrapping_mul(7919) % spread_ms.max(1), now_us));
            self.mark_dirty(key);
        }
        key
    }

    fn welcome(&mut self, key: ConnKey, now_us: i64) {
        let (limits, epoch) = (&self.parts.limits, self.parts.epoch.clone());
        let limits = ClientLimits {
            subscriptions: limits.subscriptions_max as u64,
            message_bytes: limits.message_bytes_max as u64,
            ping_interval_ms: limits.ping_interval_us / 1000,
            silence_timeout_ms: limits.silence_timeout_us / 1000,
            stall_timeout_ms: limits.stall_timeout_us / 1000,
            ring_frames: limits.ring_frames as u64,
        };
        let welcome = Welcome {
            session: &format!("{epoch}-{}-{:x}", self.parts.index, key.generation),
            epoch: &epoch,
            server_us: now_us,
            limits,
        };
        self.say(key, &ServerMessage::Welcome(welcome));
    }

    /// Topics that moved: brings their mirrors up to date and marks who has to be told.
    pub fn notice(&mut self, notice: &Notice, now_us: i64) {
        for topic in notice {
            if let Some(&mirror) = self.mirror_of.get(topic) {
                self.refresh(mirror, now_us);
            }
        }
    }

    /// Looks at every watched topic: notices were dropped.
    pub fn look_everywhere(&mut self, now_us: i64) {
        self.stats.resyncs += 1;
        let all: SmallVec<[usize; 64]> = self.mirrors.iter().map(|(index, _)| index).collect();
        for mirror in all {
            self.refresh(mirror, now_us);
        }
    }

    fn refresh(&mut self, mirror: usize, now_us: i64) {
        let Some(topic) = self.mirrors.get_mut(mirror) else { return };
        let before = topic.head;
        if !topic.sync(self.parts.limits.ring_frames) {
            return;
        }
        let arrived = topic.head - before;
        self.stats.walk_begins(self.dirty.is_empty(), now_us);
        // The walk begins with another client each time, so that nobody is always last.
        let start = topic.next_start();
        let subscribers = std::mem::take(&mut topic.subscribers);
        for &(index, sub) in subscribers[start..].iter().chain(&subscribers[..start]) {
            let conn = &mut self.conns[index as usize];
            conn.account.offered += arrived;
            if conn.mark(sub) {
                self.dirty.push_back(ConnKey {
                    index,
                    generation: conn.generation,
                });
            }
        }
        self.stats.offered += arrived * subscribers.len() as u64;
        self.mirrors[mirror].subscribers = subscribers;
    }

    /// A socket takes bytes again.
    pub fn writable(&mut self, key: ConnKey) {
        if let Some(conn) = self.conn(key)
            && conn.blocked
        {
            conn.blocked = false;
            self.mark_dirty(key);
        }
    }

    /// The socket is gone: everything pending for it is abandoned.
    pub fn gone(&mut self, key: ConnKey, writer: &mut impl Writer) {
        let reason = match self.conn(key) {
            Some(conn) => conn.closing.map_or(CloseReason::Gone, |(reason, _)| reason),
            None => return,
        };
        self.remove(key, reason, writer);
    }

    /// Whether anything can be written now.
    pub fn has_work(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Whether nothing is to be read from a connection until [`Shard::take_resumed`] names it.
    pub fn reading_paused(&self, key: ConnKey) -> bool {
        self.conns
            .get(key.index as usize)
            .is_some_and(|conn| conn.generation == key.generation && conn.read_paused)
    }

    /// Connections whose reading stopped and may go on: read from their sockets again.
    pub fn take_resumed(&mut self) -> Vec<ConnKey> {
        std::mem::take(&mut self.resumed)
    }

    /// When the next rate-limited subscription comes due.
    pub fn next_timer_us(&self) -> Option<i64> {
        self.timers.peek().map(|Reverse((due, _, _))| *due)
    }

    /// Fires the rate limits that came due.
    pub fn fire_timers(&mut self, now_us: i64) {
        while let Some(&Reverse((due, key, sub))) = self.timers.peek() {
            if due > now_us {
                break;
            }
            self.timers.pop();
            if let Some(conn) = self.conn(key)
                && let Some(cursor) = conn.cursor_mut(sub)
                && cursor.timer_us == Some(due)
            {
                cursor.timer_us = None;
                if conn.mark(sub) {
                    self.dirty.push_back(key);
                }
            }
        }
    }

    /// Pings, and closes those who are silent, stalled or done. Call it about once a second.
    pub fn tick(&mut self, now_us: i64, writer: &mut impl Writer) {
        let limits = self.parts.limits.clone();
        let mut pings = Vec::new();
        let mut ends = Vec::new();
        for (index, conn) in &mut self.conns {
            let key = ConnKey {
                index: index as u32,
                generation: conn.generation,
            };
            if let Some((_, since)) = conn.leaving
                && conn.blocked
                && now_us - since > limits.close_timeout_us
            {
                ends.push((key, CloseReason::Draining, true));
            } else if let Some((reason, since)) = conn.closing {
                if now_us - since > limits.close_timeout_us {
                    ends.push((key, reason, true));
                }
            } else if conn.stuck_since_us.is_some_and(|since| now_us - since > limits.stall_timeout_us) {
                ends.push((key, CloseReason::Stalled, false));
            } else if conn.kind.is_websocket() && now_us - conn.heard_us > limits.silence_timeout_us {
                ends.push((key, CloseReason::Silent, false));
            } else if now_us - conn.pinged_us > limits.ping_interval_us && conn.replies.is_empty() {
                // A slow client too, or it would be taken for a silent one: one ping waits for it.
                conn.pinged_us = now_us;
                pings.push(key);
            }
        }
        for key in pings {
            self.ping(key);
        }
        for (key, reason, at_once) in ends {
            if at_once {
                self.remove(key, reason, writer);
            } else {
                self.close(key, reason, now_us);
            }
        }
    }

    /// Lets everyone go: each gets what is pending, is told when to come back, spread over `spread_ms`,
    /// and is closed. One whose socket takes nothing is cut after `close_timeout_us`.
    pub fn drain(&mut self, spread_ms: u64, now_us: i64) {
        self.draining_spread_ms = Some(spread_ms);
        let clients = self.conns.len().max(1) as u64;
        for (place, (index, conn)) in self.conns.iter_mut().filter(|(_, conn)| conn.closing.is_none()).enumerate() {
            let key = ConnKey {
                index: index as u32,
                generation: conn.generation,
            };
            conn.leaving = Some((500 + spread_ms * place as u64 / clients, now_us));
            conn.mark_held_back();
            if !conn.blocked && !std::mem::replace(&mut conn.dirty, true) {
                self.dirty.push_back(key);
            }
        }
    }

    /// Says goodbye to a client that is leaving, once it has everything.
    fn depart_if_served(&mut self, key: ConnKey, now_us: i64) {
        let Some(conn) = self.conn(key) else { return };
        let served = conn.replies.is_empty() && conn.dirty_subs.is_empty() && conn.partial.is_none();
        if let Some((after_ms, _)) = conn.leaving
            && served
        {
            conn.leaving = None;
            let is_stream = conn.kind == Kind::EventStream;
            if is_stream {
                // What an `EventSource` waits before it comes back by itself.
                conn.push_reply(Piece::text(format!("retry: {after_ms}\n").as_bytes()));
            }
            let goodbye = ServerMessage::Goodbye {
                reason: CloseReason::Draining,
                reconnect_after_ms: after_ms,
            };
            self.say(key, &goodbye);
            self.close(key, CloseReason::Draining, now_us);
        }
    }

    /// Open connections.
    pub fn connections(&self) -> usize {
        self.conns.len()
    }

    /// Subscriptions of all connections.
    pub fn subscriptions(&self) -> usize {
        self.mirrors.iter().map(|(_, mirror)| mirror.subscribers.len()).sum()
    }

    /// Topics that somebody here watches.
    pub fn topics(&self) -> usize {
        self.mirrors.len()
    }

    /// Clients whose socket refused bytes.
    pub fn blocked(&self) -> usize {
        self.conns.iter().filter(|(_, conn)| conn.blocked).count()
    }

    /// Changes that subscribers here have yet to be sent, counted cursor by cursor.
    pub fn pending(&self) -> u64 {
        self.conns.iter().map(|(_, conn)| self.pending_of(conn)).sum()
    }

    fn pending_of(&self, conn: &Conn) -> u64 {
        conn.cursors()
            .map(|cursor| self.mirrors[cursor.mirror as usize].head - cursor.seq)
            .sum()
    }

    /// What became of the changes offered to one client, and how many wait.
    pub fn account(&self, key: ConnKey) -> Option<(Account, u64)> {
        let conn = self
            .conns
            .get(key.index as usize)
            .filter(|conn| conn.generation == key.generation)?;
        Some((conn.account, self.pending_of(conn)))
    }

    /// What happened since the last call, for metrics; and what became of all changes so far.
    pub fn take_stats(&mut self) -> ShardStats {
        self.stats.take()
    }

    /// Bytes held for one client besides its cursors: replies, what it said and is not understood yet, and
    /// the rest of a frame that its socket took in part.
    pub fn held_bytes(&self, key: ConnKey) -> usize {
        let conn = self.conns.get(key.index as usize);
        conn.filter(|conn| conn.generation == key.generation).map_or(0, Conn::held_bytes)
    }

    fn conn(&mut self, key: ConnKey) -> Option<&mut Conn> {
        self.conns
            .get_mut(key.index as usize)
            .filter(|conn| conn.generation == key.generation)
    }

    fn mark_dirty(&mut self, key: ConnKey) {
        if let Some(conn) = self.conn(key)
            && !std::mem::replace(&mut conn.dirty, true)
        {
            self.dirty.push_back(key);
        }
    }

    /// Says something in the connection's own form.
    fn say(&mut self, key: ConnKey, message: &ServerMessage<'_>) {
        if let Some(form) = self.conn(key).map(|conn| conn.kind.form()) {
            self.reply(key, form.frame(message));
        }
    }

    fn reply(&mut self, key: ConnKey, frame: Frame) {
        if let Some(conn) = self.conn(key) {
            let piece = match conn.kind {
                Kind::WebSocket(_) => Piece::frame(frame),
                Kind::EventStream => Piece::event(frame.payload()),
            };
            conn.push_reply(piece);
            self.mark_dirty(key);
        }
    }
}

#[cfg(test)]
mod tests;
