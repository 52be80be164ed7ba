//! Traces of sampled events, from the feed to the sockets, for a collector that speaks OTLP over HTTP.
//!
//! ```text
//! who handles a traced event ─ facts ─► queue ─► assembler: one open trace each ─► POST /v1/traces
//! ```
//! Which events are traced is decided here, by a hash of what an event's record holds, so that all nodes of a
//! cluster pick the same ones and give their traces the same names; or by a feed that asks ([`Parent`]). Whoever
//! handles a traced event says what was done, and when, and never waits: what finds no room is let go of, and counted.
//! Untraced events cost a look at an empty option. Bounded: `queue_max` facts, `per_second_max` traces begun a
//! second, 1,024 open ones of 256 spans, 512 that wait for the collector, one request under way for `timeout`.

mod assemble;
mod carried;
mod export;
mod otlp;
mod parent;

pub use carried::{Carried, Picking};
pub use export::Exporter;
pub use parent::Parent;

use crate::clock::Clock;
use crate::model::{Event, Now, Origin, TraceMark, TraceShown};
use crate::telemetry::TraceMetrics;
use flume::{Receiver, Sender};
use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// What traces go by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// The collector's address, without `/v1/traces`.
    pub endpoint: String,
    /// One of so many events is traced; 0: those alone that feeds ask for.
    pub one_in: u64,
    /// Traces begun a second at most.
    pub per_second_max: u64,
    /// Facts on their way to the assembler.
    pub queue_max: usize,
    /// A trace is sent so long after its event came in.
    pub settle: Duration,
    /// Longest wait for the collector's answer.
    pub timeout: Duration,
    /// What the server is called there.
    pub service: String,
    /// What this process is called there.
    pub instance: String,
}

/// A part of an event's way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// From the body being there to the events being handed on: cut into lines, decoded, checked.
    Decode,
    /// Until the event log has it: written, on disk or back from Redis, as the settings say.
    Log,
    /// Until several owners' events are in one order.
    Order,
    /// Of an event that another node took in: from its record being read here to its being handed on.
    Read,
    /// Until its owner turns to it.
    Queue,
    /// Its game worked out anew, and put into the rings of its topics.
    Apply,
    /// Until the shards are told.
    Notify,
    /// Until it is as safe as the settings promise, and with it the rest of its request.
    Commit,
    /// Until a shard turns to it.
    Wait,
    /// Frames made for the clients of one slice.
    Encode,
    /// That slice written to its sockets.
    Write,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Stage::Decode => "decode",
            Stage::Log => "log",
            Stage::Order => "order",
            Stage::Read => "read",
            Stage::Queue => "queue",
            Stage::Apply => "apply",
            Stage::Notify => "notify",
            Stage::Commit => "commit",
            Stage::Wait => "wait",
            Stage::Encode => "encode",
            Stage::Write => "write",
        }
    }
}

/// What more is to be said of a stage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Note {
    Nothing,
    /// What became of the event.
    Outcome(&'static str),
    /// It did not come to be.
    Failed,
    /// Which shard it was.
    Shard(usize),
    /// Which shard, how many clients its slice had, and whether the socket of the event's first one was full.
    Slice {
        shard: usize,
        clients: usize,
        refused: bool,
    },
}

/// What somebody has to say of a traced event.
#[derive(Debug)]
enum Fact {
    Began(Box<Began>),
    Did {
        trace: TraceMark,
        stage: Stage,
        from_us: i64,
        to_us: i64,
        note: Note,
    },
}

/// How a trace begins.
#[derive(Debug)]
struct Began {
    mark: TraceMark,
    ids: Ids,
    /// By both clocks: spans are timed by the one that nobody sets.
    at: Now,
    game: String,
    play: Option<String>,
    kind: &'static str,
    source: &'static str,
    taken_in: bool,
}

/// A trace's names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Ids {
    trace: u128,
    /// The span that stands for all of the event's way on this node.
    root: u64,
    /// What that span belongs under.
    parent: Option<u64>,
}

/// Says which events are traced, and takes what is said of them.
pub struct Tracer {
    /// Hashes up to this are sampled; nothing where none is.
    sampled_below: Option<u64>,
    per_second_max: u64,
    /// The second that runs, and the traces begun in it.
    begun: AtomicU64,
    next: AtomicU32,
    /// Tells this process' spans from others'.
    seed: u64,
    /// Whether what is read was only just written: not while a node reads what was there before it.
    is_live: AtomicBool,
    facts: Sender<Fact>,
    metrics: TraceMetrics,
}

/// Bits of [`Tracer::begun`] that count.
const COUNT_BITS: u32 = 16;

impl Tracer {
    /// One that nobody listens to yet, and where its facts come out.
    fn new(settings: &Settings, metrics: TraceMetrics) -> (Tracer, Receiver<Fact>) {
        let (facts, told) = flume::bounded(settings.queue_max);
        let tracer = Tracer {
            sampled_below: (settings.one_in > 0).then(|| u64::MAX / settings.one_in),
            per_second_max: settings.per_second_max,
            begun: AtomicU64::new(0),
            next: AtomicU32::new(1),
            seed: RandomState::new().hash_one(0),
            is_live: AtomicBool::new(false),
            facts,
            metrics,
        };
        (tracer, told)
    }

    /// What is read from other nodes from now on is new.
    pub fn go_live(&self) {
        self.is_live.store(true, Relaxed);
    }

    /// Begins a trace of an event that this node takes in, where it is sampled, or `asked` for. `line` is what its
    /// record holds, `at` when it came in.
    fn take_in(&self, event: &Event, line: &[u8], origin: Origin, at: Now, asked: Option<Parent>) -> Option<TraceMark> {
        let ids = match asked {
            Some(parent) => Ids {
                trace: parent.trace,
                root: self.fresh_id(),
                parent: Some(parent.span),
            },
            None => self.sampled(line, origin)?,
        };
        self.begin(event, origin, ids, at, true)
    }

    /// The same of an event that another node took in.
    fn follow(&self, event: &Event, line: &[u8], origin: Origin) -> Option<(TraceMark, i64)> {
        if !self.is_live.load(Relaxed) {
            return None;
        }
        let of_taker = self.sampled(line, origin)?;
        let ids = Ids {
            root: self.fresh_id(),
            parent: Some(of_taker.root),
            ..of_taker
        };
        let now = Clock.now();
        self.begin(event, origin, ids, now, false).map(|mark| (mark, now.steady_us))
    }

    /// The names of an event's trace, where it is sampled: the same wherever its record is read.
    fn sampled(&self, line: &[u8], origin: Origin) -> Option<Ids> {
        let below = self.sampled_below?;
        // Who has no record of an event can't tell it from others.
        if line.is_empty() {
            return None;
        }
        let length = (line.len() as u64) << 32 | u64::from(crc32fast::hash(line));
        let hash = mix(mix(length) ^ origin.ingest.0.cast_unsigned() ^ (origin.source.index() as u64) << 60);
        let id = |nth: u64| mix(hash.wrapping_add(nth)).max(1);
        (hash <= below).then(|| Ids {
            trace: u128::from(id(1)) << 64 | u128::from(id(2)),
            root: id(3),
            parent: None,
        })
    }

    /// A name that no other span of the trace has.
    fn fresh_id(&self) -> u64 {
        mix(self.seed.wrapping_add(u64::from(self.next.fetch_add(1, Relaxed)))).max(1)
    }

    fn begin(&self, event: &Event, origin: Origin, ids: Ids, at: Now, taken_in: bool) -> Option<TraceMark> {
        let game = event.game()?.as_str().to_owned();
        if !self.may_begin(at.steady_us) {
            self.metrics.dropped_rate.increment(1);
            return None;
        }
        let mark = TraceMark(NonZeroU32::new(self.next.fetch_add(1, Relaxed)).unwrap_or(NonZeroU32::MAX));
        let (kind, play) = match event {
            Event::Play(play) => ("play", Some(&play.play)),
            Event::Retract(retraction) => ("retract", Some(&retraction.play)),
            Event::Situation(_) => ("situation", None),
            Event::Game(_) => ("game", None),
            Event::Players(_) => return None,
        };
        let began = Began {
            mark,
            ids,
            at,
            game,
            play: play.map(|play| play.as_str().to_owned()),
            kind,
            source: origin.source.rank(),
            taken_in,
        };
        let told = self.facts.try_send(Fact::Began(Box::new(began)));
        if told.is_err() {
            self.metrics.dropped_queue.increment(1);
        }
        told.is_ok().then_some(mark)
    }

    /// Counts a trace to its second; false where there were as many as there may be.
    fn may_begin(&self, steady_us: i64) -> bool {
        let second = steady_us.unsigned_abs() / 1_000_000;
        let one_more = |begun: u64| {
            let (of, count) = (begun >> COUNT_BITS, begun & ((1 << COUNT_BITS) - 1));
            match of == second {
                true => (count < self.per_second_max).then_some(begun + 1),
                false => Some(second << COUNT_BITS | 1),
            }
        };
        self.begun.fetch_update(Relaxed, Relaxed, one_more).is_ok()
    }

    fn did(&self, trace: TraceMark, stage: Stage, (from_us, to_us): (i64, i64), note: Note) {
        let told = self.facts.try_send(Fact::Did {
            trace,
            stage,
            from_us,
            to_us,
            note,
        });
        if told.is_err() {
            self.metrics.spans_dropped.increment(1);
        }
    }

    /// An event was applied, and what came of it.
    pub fn applied(&self, trace: TraceMark, (from_us, to_us): (i64, i64), outcome: &'static str) {
        self.did(trace, Stage::Apply, (from_us, to_us), Note::Outcome(outcome));
    }

    /// The shards were told of what was applied at `applied_us`.
    pub fn notified(&self, trace: TraceMark, applied_us: i64, now_us: i64) {
        self.did(trace, Stage::Notify, (applied_us, now_us), Note::Nothing);
    }

    /// A shard has made the first frame that shows the event, and written it.
    pub fn shown(&self, trace: TraceMark, shard: usize, shown: TraceShown) {
        let TraceShown {
            turned_us,
            encoded_us,
            written_us,
            clients,
            refused,
        } = shown;
        self.did(trace, Stage::Encode, (turned_us, encoded_us), Note::Shard(shard));
        let slice = Note::Slice { shard, clients, refused };
        self.did(trace, Stage::Write, (encoded_us, written_us), slice);
    }
}

/// Spreads a number over all 64 bits, one to one: the finaliser of SplitMix64.
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

/// Makes a tracer, and what sends its traces.
///
/// # Errors
/// The collector's address is none.
pub fn start(settings: Settings) -> Result<(Arc<Tracer>, Exporter), String> {
    let metrics = TraceMetrics::new();
    let (tracer, facts) = Tracer::new(&settings, metrics.clone());
    let exporter = Exporter::new(settings, facts, metrics)?;
    Ok((Arc::new(tracer), exporter))
}

#[cfg(test)]
mod tests;
