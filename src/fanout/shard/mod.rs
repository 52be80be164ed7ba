//! One shard: its connections, their cursors, and what to write to whom next.
//!
//! A state machine without I/O: time, bytes received and a [`Writer`] are passed in, so the very code
//! that serves sockets runs under simulation. Owned by one thread; nothing in it is shared but the
//! hub. A client can pin its cursors, one partly written frame, replies up to `replies_bytes_max`
//! (reading stops above that) and one incomplete message; nothing grows with how far it is behind.
//! A time called `now_us` is [`Now::steady_us`].

mod access;
mod account;
mod batch;
mod conn;
mod due;
mod inbound;
mod looks;
mod mirror;
mod outbound;
mod relief;
mod subs;
mod subscribe;
mod survey;
mod traced;
mod walks;

pub use access::{Access, AuthRequest};
pub use account::{Account, Latencies, ShardStats};
pub use batch::{Batch, Piece, Wrote};
pub use conn::{ConnKey, Kind};
pub use inbound::Reading;
pub(super) use looks::TURN_US;
pub use survey::{SlowClient, Survey};

use super::epoch::Epoch;
use super::hub::Hub;
use super::snapshot::GameReader;
use super::topic::TopicId;
use crate::model::Now;
use crate::scoring::{RulesetIndex, Rulesets};
use crate::wire::close::CloseReason;
use crate::wire::deflate::{Deflater, Inflater};
use crate::wire::message::{ClientLimits, ServerMessage, Welcome};
use crate::wire::ws::Frame;
use access::Accesses;
use account::Levels;
use conn::Conn;
use foldhash::fast::RandomState;
use looks::Looks;
use mirror::Mirror;
use slab::Slab;
use smallvec::SmallVec;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use traced::Traces;
use walks::{Over, Rest, Walks};

/// Limits and times of a shard; see `config/default.toml` for what each costs.
#[derive(Clone, Debug)]
pub struct ShardLimits {
    /// Entries mirrored per watched topic.
    pub ring_frames: usize,
    /// Subscriptions per client.
    pub subscriptions_max: usize,
    /// Longest client message, fragments together.
    pub message_bytes_max: usize,
    /// Messages, pings included, that a client may send a second, in the long run; 0: any number.
    pub messages_per_second_max: usize,
    /// How many of them at once before that counts.
    pub messages_burst: usize,
    /// Time that a message gets to be all there once it began.
    pub message_timeout_us: i64,
    /// Replies waiting for one client before reading from it stops.
    pub replies_bytes_max: usize,
    /// Changes of one topic that go out one by one to a client that was merely not reached yet; more
    /// are merged.
    pub coalesce_frames_max: usize,
    /// Bytes offered to one socket in one write.
    pub write_bytes_max: usize,
    /// Least payload of a frame that is compressed for those who take it so.
    pub compress_bytes_min: usize,
    /// Clients served before other work gets a turn.
    pub slice_clients: usize,
    /// Longest rest of a topic after a walk: what it gathers meanwhile goes out in one write.
    pub rest_us_max: i64,
    /// Time between pings.
    pub ping_interval_us: i64,
    /// Silence after which a client is closed.
    pub silence_timeout_us: i64,
    /// Time without a byte accepted after which a client is closed.
    pub stall_timeout_us: i64,
    /// Time a closing client gets to take its close frame and hang up.
    pub close_timeout_us: i64,
    /// Time a client has to send its token, where one is awaited; nothing where tokens mean nothing here.
    pub auth_wait_us: Option<i64>,
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
    pub epoch: Arc<Epoch>,
    /// What tells this process from one before it with the same epoch.
    pub process: Arc<str>,
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

/// Timers fired in a row, by [`Shard::fire_timers`], and rests ended.
const FIRED_IN_A_ROW: usize = 1024;

/// A client's own rate limit comes due.
type Timer = Reverse<(i64, ConnKey, u32)>;

/// One shard's whole state.
pub struct Shard {
    parts: ShardParts,
    conns: Slab<Conn>,
    generation: u32,
    mirrors: Slab<Mirror>,
    mirror_of: HashMap<TopicId, usize, RandomState>,
    /// Clients who are behind.
    dirty: VecDeque<ConnKey>,
    /// Clients who wait for a reply: served before those who are behind.
    answers: VecDeque<ConnKey>,
    walks: Walks,
    /// What is to be looked at.
    looks: Looks,
    /// Clients whose reading stopped for want of room and may go on.
    resumed: Vec<ConnKey>,
    /// Clients of this turn for whom nothing had to be written.
    idle: Vec<ConnKey>,
    timers: BinaryHeap<Timer>,
    /// When the rests of topics that moved meanwhile are over, and whose they are.
    rests: BinaryHeap<Reverse<(i64, usize)>>,
    /// How many timers there may be before those of dropped subscriptions are sorted out.
    timers_max: usize,
    batch: Batch,
    /// Mirrors that a snapshot was found to be ahead of.
    stale: SmallVec<[u32; 4]>,
    stats: ShardStats,
    traces: Traces,
    levels: Levels,
    /// Clients whose reading is limited.
    accesses: Accesses,
    deflater: Deflater,
    inflater: Inflater,
    /// Subscriptions under each ruleset, by its place.
    subscribed: Vec<usize>,
    /// Set once a drain has begun: the time over which clients are told to come back.
    draining_spread_ms: Option<u64>,
}

impl Shard {
    /// A shard without connections.
    pub fn new(parts: ShardParts) -> Shard {
        let deflater = Deflater::new(parts.limits.compress_bytes_min);
        let subscribed = vec![0; parts.rulesets.len()];
        Shard {
            parts,
            subscribed,
            conns: Slab::new(),
            generation: 0,
            mirrors: Slab::new(),
            mirror_of: HashMap::default(),
            dirty: VecDeque::new(),
            answers: VecDeque::new(),
            walks: Walks::default(),
            looks: Looks::default(),
            resumed: Vec::new(),
            idle: Vec::new(),
            timers: BinaryHeap::new(),
            rests: BinaryHeap::new(),
            timers_max: outbound::TIMERS_MIN,
            batch: Batch::default(),
            stale: SmallVec::new(),
            stats: ShardStats::default(),
            traces: Traces::default(),
            levels: Levels::default(),
            accesses: Accesses::default(),
            deflater,
            inflater: Inflater::default(),
            draining_spread_ms: None,
        }
    }

    /// Takes a connection in that may read everything, and welcomes it.
    pub fn connect(&mut self, kind: Kind, now: Now) -> ConnKey {
        self.connect_with(kind, Access::Open, now)
    }

    fn take_in(&mut self, kind: Kind, now: Now) -> ConnKey {
        self.generation = self.generation.wrapping_add(1);
        let index = self.conns.insert(Conn::new(kind, self.generation, now.steady_us));
        let key = ConnKey {
            index: index as u32,
            generation: self.generation,
        };
        self.stats.opened += 1;
        if let Some(spread_ms) = self.draining_spread_ms
            && let Some(conn) = self.conn(key)
        {
            conn.busy().leaving = Some((500 + key.stride() % spread_ms.max(1), now.steady_us));
            self.mark_dirty(key);
        }
        key
    }

    /// Says what the connection is like; an event stream is not told.
    fn welcome(&mut self, key: ConnKey, wall_us: i64) {
        if self.conn(key).is_none_or(|conn| !conn.kind.is_websocket()) {
            return;
        }
        let (limits, epoch) = (&self.parts.limits, self.parts.epoch.name());
        let limits = ClientLimits {
            subscriptions: limits.subscriptions_max as u64,
            message_bytes: limits.message_bytes_max as u64,
            ping_interval_ms: limits.ping_interval_us / 1000,
            silence_timeout_ms: limits.silence_timeout_us / 1000,
            stall_timeout_ms: limits.stall_timeout_us / 1000,
            ring_frames: limits.ring_frames as u64,
            messages_per_second: limits.messages_per_second_max as u64,
            messages_burst: limits.messages_burst as u64,
            message_timeout_ms: limits.message_timeout_us / 1000,
        };
        let welcome = Welcome {
            session: &session(&self.parts, key),
            epoch: epoch.text(),
            server_us: wall_us,
            limits,
        };
        self.say(key, &ServerMessage::Welcome(welcome));
    }

    /// A topic may have moved. While it is walked or rests, those already served wait; whoever is reached
    /// meanwhile, by its walk or another, takes the change along. True where it had moved.
    fn moved(&mut self, mirror: usize) -> bool {
        let Some(topic) = self.mirrors.get(mirror) else { return false };
        let waits = match topic.rest {
            Rest::Over => false,
            Rest::Walking(from) => self.parts.limits.rest_us_max > 0 && self.walks.has_begun(from),
            Rest::Until(_) => true,
        };
        let has_moved = self.refresh(mirror, !waits);
        if has_moved && waits {
            let topic = &mut self.mirrors[mirror];
            if !std::mem::replace(&mut topic.moved, true) {
                self.stats.rested += 1;
                if let Rest::Until(due) = topic.rest {
                    self.rests.push(Reverse((due, mirror)));
                }
            }
        }
        has_moved
    }

    /// A walk is over: its topic rests, so that what comes next is gathered.
    fn walked(&mut self, over: Over, ended_us: i64) {
        self.stats.walk.record(over.took_us);
        let rest_us = over.rest_us(self.parts.limits.slice_clients, self.parts.limits.rest_us_max);
        let Some(topic) = self.mirrors.get_mut(over.mirror) else { return };
        if topic.rest != Rest::Walking(over.from) {
            return; // It is walked again already, or the place is another topic's by now.
        }
        topic.rest = if rest_us > 0 { Rest::Until(ended_us + rest_us) } else { Rest::Over };
        match topic.rest {
            Rest::Until(due) if topic.moved => self.rests.push(Reverse((due, over.mirror))),
            _ if topic.moved => self.look_soon(over.mirror),
            _ => {}
        }
    }

    /// Brings a mirror up to date and marks its subscribers; with `tell`, they join those who are behind.
    /// True where it had moved.
    fn refresh(&mut self, mirror: usize, tell: bool) -> bool {
        let ring_frames = self.ring_frames();
        let topic = &mut self.mirrors[mirror];
        let (before, held) = (topic.head, topic.held_bytes());
        if !topic.sync(ring_frames, self.parts.limits.coalesce_frames_max) {
            return false;
        }
        self.levels.mirrored += topic.held_bytes() as i64 - held as i64;
        let arrived = topic.head - before;
        let offered = arrived * topic.subscribers.len() as u64;
        topic.moved &= !tell;
        let before = self.dirty.len();
        let (first, last) = topic.in_turn();
        for &(index, sub) in first.iter().chain(last) {
            let conn = &mut self.conns[index as usize];
            conn.account.offered += arrived;
            if conn.subs.mark(sub) && tell && conn.joins_dirty() {
                self.dirty.push_back(conn.key(index));
            }
        }
        self.stats.offered += offered;
        self.levels.pending += offered as i64;
        self.walk_from(mirror, before);
        true
    }

    /// A topic's rest is over: those of its subscribers who have something pending join those who are behind.
    fn release(&mut self, mirror: usize) {
        let topic = &mut self.mirrors[mirror];
        topic.moved = false;
        let before = self.dirty.len();
        let (first, last) = topic.in_turn();
        for &(index, _) in first.iter().chain(last) {
            let conn = &mut self.conns[index as usize];
            if !conn.subs.listed().is_empty() && conn.joins_dirty() {
                self.dirty.push_back(conn.key(index));
            }
        }
        self.walk_from(mirror, before);
    }

    /// Those behind since they were `before` are a topic's walk.
    fn walk_from(&mut self, mirror: usize, before: usize) {
        if let Some(from) = self.walks.begin(mirror, before, self.dirty.len()) {
            self.mirrors[mirror].rest = Rest::Walking(from);
        }
    }

    /// A socket takes bytes again.
    pub fn writable(&mut self, key: ConnKey) {
        if let Some(conn) = self.conn(key)
            && conn.blocked
        {
            conn.blocked = false;
            self.levels.blocked -= 1;
            self.mark_dirty(key);
        }
    }

    /// A socket took bytes that count as written already: its client is slow, and has not stalled.
    pub(super) fn progressed(&mut self, key: ConnKey, now_us: i64) {
        if let Some(busy) = self.conn(key).and_then(|conn| conn.busy.as_mut())
            && busy.stuck_since_us.is_some()
        {
            busy.stuck_since_us = Some(now_us);
        }
    }

    /// The socket is gone: everything pending for it is abandoned.
    pub fn gone(&mut self, key: ConnKey, writer: &mut impl Writer) {
        let reason = match self.conn(key) {
            Some(conn) => conn
                .busy
                .as_ref()
                .and_then(|busy| busy.closing)
                .map_or(CloseReason::Gone, |closing| closing.reason),
            None => return,
        };
        self.remove(key, reason, writer);
    }

    /// Whether anything can be written now, or is to be looked at.
    pub fn has_work(&self) -> bool {
        !self.dirty.is_empty() || !self.answers.is_empty() || self.looks.are_due()
    }

    /// Whether nothing is to be read from a connection until [`Shard::resume`] says so.
    pub fn reading_paused(&self, key: ConnKey) -> bool {
        self.conns
            .get(key.index as usize)
            .is_some_and(|conn| conn.generation == key.generation && conn.read_paused)
    }

    /// Connections whose reading stopped and may go on: [`Shard::resume`] them, then read from their
    /// sockets again. Some may be named twice.
    pub fn take_resumed(&mut self) -> Vec<ConnKey> {
        std::mem::take(&mut self.resumed)
    }

    /// Whether a connection joins those who wait to be read; nobody waits there twice.
    pub(super) fn joins_unread(&mut self, key: ConnKey) -> bool {
        self.conn(key).is_some_and(|conn| !std::mem::replace(&mut conn.unread, true))
    }

    /// A connection waits to be read no more.
    pub(super) fn leaves_unread(&mut self, key: ConnKey) {
        if let Some(conn) = self.conn(key) {
            conn.unread = false;
        }
    }

    /// When the next rate-limited subscription comes due, a topic's rest is over, or something is due about
    /// a token.
    pub fn next_timer_us(&self) -> Option<i64> {
        let timer = self.timers.peek().map(|Reverse((due, _, _))| *due);
        let rest = self.rests.peek().map(|Reverse((due, _))| *due);
        timer.into_iter().chain(rest).chain(self.accesses.next_due_us()).min()
    }

    /// Fires what came due, some at a time: what is left is due still.
    pub fn fire_timers(&mut self, now_us: i64) {
        for _ in 0..FIRED_IN_A_ROW {
            let Some((due, key, sub)) = pop_due(&mut self.timers, |(due, _, _)| *due <= now_us) else {
                break;
            };
            if let Some(conn) = self.conn(key)
                && let Some(timer) = conn.timer(sub)
                && *timer == Some(due)
            {
                *timer = None;
                if conn.mark(sub) {
                    self.dirty.push_back(key);
                }
            }
        }
        for _ in 0..FIRED_IN_A_ROW {
            if !self.fire_access(now_us) {
                break;
            }
        }
        for _ in 0..FIRED_IN_A_ROW {
            let Some((due, mirror)) = pop_due(&mut self.rests, |(due, _)| *due <= now_us) else {
                break;
            };
            if let Some(topic) = self.mirrors.get_mut(mirror)
                && topic.moved
                && topic.rest == Rest::Until(due)
            {
                topic.rest = Rest::Over;
                self.look_soon(mirror);
            }
        }
    }

    /// Lets everyone go: each gets what is pending, is told when to come back, spread over `spread_ms`,
    /// and is closed. One whose socket takes nothing is cut after `close_timeout_us`. All that was published
    /// before is pending, whether or not there was a notice of it yet.
    pub fn drain(&mut self, spread_ms: u64, now_us: i64) {
        self.draining_spread_ms = Some(spread_ms);
        // Every topic at once: whoever has nothing pending is told goodbye by the next write.
        for mirror in 0..self.mirrors.capacity() {
            if self.mirrors.contains(mirror) {
                self.refresh(mirror, true);
            }
        }
        let clients = self.conns.len().max(1) as u64;
        for (place, (index, conn)) in self.conns.iter_mut().filter(|(_, conn)| !conn.is_closing()).enumerate() {
            let key = conn.key(index as u32);
            conn.busy().leaving = Some((500 + spread_ms * place as u64 / clients, now_us));
            conn.mark_held_back();
            if conn.joins_dirty() {
                self.dirty.push_back(key);
            }
        }
    }

    /// Tells everybody who may read the history's name again, which is another now.
    pub fn welcome_all(&mut self, wall_us: i64) {
        for key in self.readers() {
            self.welcome(key, wall_us);
        }
    }

    /// Tells everybody who may read how late what they are shown may be.
    pub fn tell_late(&mut self, late_ms: u64) {
        for key in self.readers() {
            self.say(key, &ServerMessage::Status { late_ms });
        }
    }

    fn readers(&self) -> Vec<ConnKey> {
        let open = self.conns.iter().filter(|(_, conn)| conn.kind.is_websocket() && !conn.is_closing());
        let keys = open.map(|(index, conn)| conn.key(index as u32));
        keys.filter(|key| !self.accesses.awaits(*key)).collect()
    }

    /// Says goodbye to a client that is leaving, once it has everything.
    fn depart_if_served(&mut self, key: ConnKey, now_us: i64) {
        let Some(conn) = self.conn(key) else { return };
        let is_up_to_date = conn.subs.listed().is_empty();
        let Some(busy) = &mut conn.busy else { return };
        let served = is_up_to_date && busy.replies.is_empty() && busy.partial.is_none();
        if let Some((after_ms, _)) = busy.leaving
            && served
        {
            busy.leaving = None;
            self.say_goodbye(key, CloseReason::Draining, after_ms);
            self.close(key, CloseReason::Draining, now_us);
        }
    }

    /// Says when to come back.
    fn say_goodbye(&mut self, key: ConnKey, reason: CloseReason, reconnect_after_ms: u64) {
        if let Some(conn) = self.conn(key)
            && conn.kind == Kind::EventStream
        {
            // What an `EventSource` waits before it comes back by itself.
            conn.push_reply(Piece::text(format!("retry: {reconnect_after_ms}\n").as_bytes()));
        }
        let goodbye = ServerMessage::Goodbye {
            reason,
            reconnect_after_ms,
        };
        self.say(key, &goodbye);
    }

    /// Which shard this is.
    pub fn index(&self) -> usize {
        self.parts.index
    }

    /// Open connections.
    pub fn connections(&self) -> usize {
        self.conns.len()
    }

    /// Subscriptions of all connections.
    pub fn subscriptions(&self) -> usize {
        self.levels.subscriptions
    }

    /// Clients whose socket refused bytes.
    pub fn blocked(&self) -> usize {
        self.levels.blocked
    }

    /// Bytes of its copies of rings, and of the frames beside them.
    pub fn mirrored_bytes(&self) -> u64 {
        self.levels.mirrored.max(0) as u64
    }

    /// Changes that subscribers here have yet to be sent.
    pub fn pending(&self) -> u64 {
        self.levels.pending.max(0) as u64
    }

    /// The same, counted cursor by cursor: what [`Shard::pending`] is held against.
    pub fn pending_by_cursor(&self) -> u64 {
        self.conns.iter().map(|(_, conn)| self.pending_of(conn)).sum()
    }

    fn pending_of(&self, conn: &Conn) -> u64 {
        conn.subs
            .iter()
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
        std::mem::take(&mut self.stats)
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
            && conn.joins_dirty()
        {
            self.dirty.push_back(key);
        }
    }

    /// Puts a client with a reply among those who are served first.
    fn answer(&mut self, key: ConnKey) {
        if let Some(conn) = self.conn(key)
            && !conn.blocked
            && !std::mem::replace(&mut conn.answering, true)
        {
            self.answers.push_back(key);
        }
    }

    /// Says something in the connection's own form; to whom is echoed, nothing but that.
    fn say(&mut self, key: ConnKey, message: &ServerMessage<'_>) {
        match self.conn(key).map(|conn| conn.kind) {
            Some(kind @ (Kind::WebSocket(_) | Kind::EventStream)) => self.reply(key, kind.form().frame(message)),
            Some(Kind::Echo(_)) | None => {}
        }
    }

    fn reply(&mut self, key: ConnKey, frame: Frame) {
        if let Some(conn) = self.conn(key) {
            let piece = match conn.kind {
                Kind::WebSocket(_) | Kind::Echo(_) => Piece::frame(frame),
                Kind::EventStream => Piece::event(frame.payload()),
            };
            conn.push_reply(piece);
            self.answer(key);
        }
    }
}

/// What a connection is called, for whoever asks after it.
fn session(parts: &ShardParts, key: ConnKey) -> String {
    format!("{}-{}-{:x}", parts.process, parts.index, key.generation)
}

/// Takes the first out, where it is due.
fn pop_due<T: Ord + Copy>(heap: &mut BinaryHeap<Reverse<T>>, is_due: impl Fn(&T) -> bool) -> Option<T> {
    let Reverse(first) = *heap.peek()?;
    is_due(&first).then(|| {
        heap.pop();
        first
    })
}

#[cfg(test)]
mod tests;
