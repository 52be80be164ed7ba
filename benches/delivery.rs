//! What one delivery costs a shard before the socket: allocations, instructions, time.
//!
//! A shard with `SCOREWIRE_BENCH_CLIENTS` subscribers (10,000) of one game, real engine and hub, and a
//! writer that takes every byte at once. `SCOREWIRE_BENCH_PLAYS` plays (200) are walked to all of them.
//!
//! ```sh
//! cargo bench --bench delivery                 # allocations (0 a delivery, or it fails) and time
//! benches/instructions                         # instructions a delivery, under callgrind
//! ```
//! Allocations are counted by the global allocator: what a play costs once (its frame) may not grow
//! with the number of clients. Time is nanoseconds of wall clock a delivery, the frame's encoding shared
//! out over all of them; no system call is in it, so it is what Scorewire adds to `send()`.
#![allow(clippy::unwrap_used, reason = "a bench may fail")]

mod rig;

use rig::Rig;
use scorewire::config::Config;
use scorewire::engine::Shared;
use scorewire::fanout::epoch::{Epoch, EpochName};
use scorewire::fanout::hub::Inbox;
use scorewire::fanout::shard::{Batch, ConnKey, Kind, Shard, ShardParts, Writer, Wrote};
use scorewire::feed::{Decoder, Limits};
use scorewire::model::{IngestTime, Now, StateTime};
use scorewire::scoring::Rulesets;
use scorewire::wire::Form;
use scorewire::wire::close::CloseReason;
use std::alloc::{GlobalAlloc, Layout};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// The server's allocator, counted.
struct Counted(mimalloc::MiMalloc);

#[expect(unsafe_code, reason = "an allocator is unsafe to write; this one only counts")]
// SAFETY: every call is passed on as it came.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps `dealloc`'s contract.
        unsafe { self.0.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps `realloc`'s contract.
        unsafe { self.0.realloc(memory, layout, bytes) }
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted(mimalloc::MiMalloc);

/// Sockets that take everything.
#[derive(Default)]
struct Taker {
    writes: u64,
    frames: u64,
    bytes: u64,
}

impl Writer for Taker {
    fn write(&mut self, batch: &mut Batch) {
        for (item, pieces) in batch.items_mut() {
            let bytes: usize = pieces.iter().map(|piece| piece.bytes().len()).sum();
            item.wrote = Wrote::Bytes(bytes - item.offset);
            self.writes += 1;
            self.frames += pieces.len() as u64;
            self.bytes += bytes as u64;
        }
    }

    fn close(&mut self, _: ConnKey, _: CloseReason) {}

    fn finish(&mut self, _: ConnKey) {}
}

struct Bench {
    engine: Arc<Shared>,
    inbox: Inbox,
    shard: Shard,
    taker: Taker,
    now_us: i64,
    plays: u64,
}

impl Bench {
    /// A shard whose clients have all had their snapshot.
    fn new(clients: usize) -> Bench {
        let (rig, inbox) = Rig::after([], IngestTime(0));
        let rulesets = Arc::new(Rulesets::embedded());
        let shard = Shard::new(ShardParts {
            index: 0,
            hub: rig.hub,
            default_ruleset: rulesets.index("draftkings").unwrap(),
            rulesets,
            games: rig.games,
            epoch: Arc::new(Epoch::new(EpochName::alone("bench"))),
            process: "p1".into(),
            limits: Config::default().shard_limits(),
        });
        let mut bench = Bench {
            engine: rig.engine,
            inbox,
            shard,
            taker: Taker::default(),
            now_us: 1_800_000_000_000_000,
            plays: 0,
        };
        let subscribe = br#"{"op":"subscribe","topics":["game:G"]}"#;
        for _ in 0..clients {
            let now = bench.now();
            let key = bench.shard.connect(Kind::WebSocket(Form::PLAIN), now);
            let mut frame = vec![0x81, 0x80 | subscribe.len() as u8, 0, 0, 0, 0];
            frame.extend_from_slice(subscribe);
            bench.shard.received(key, &mut frame, now);
        }
        bench.walk();
        bench
    }

    /// One clock serves for both.
    fn now(&self) -> Now {
        Now {
            steady_us: self.now_us,
            wall_us: self.now_us,
        }
    }

    /// Applies a play; the shard has yet to look.
    fn play(&mut self) {
        self.plays += 1;
        self.now_us += 5_000;
        let line = format!(
            concat!(
                r#"{{"type":"play","game":"G","play":"1","rev":{},"ts":{},"clock":{{"quarter":2,"seconds_left":{}}},"stats":["#,
                r#"{{"player":"90-0000001","team":"NE","stat":{},"yards":7}},{{"player":"90-0000002","team":"NE","stat":{},"yards":7}}]}}"#
            ),
            self.plays,
            self.now_us,
            self.plays % 900,
            15 + self.plays % 2,
            21 + self.plays % 2,
        );
        let event = Decoder::new(Limits::default()).line(line.as_bytes()).unwrap();
        let now = self.now();
        self.engine.apply(event, IngestTime(now.wall_us), StateTime(now.steady_us));
    }

    /// Looks at what moved and writes to everyone: what a shard's thread does for a play.
    #[inline(never)]
    fn walk(&mut self) {
        let now = self.now();
        while let Ok(notice) = self.inbox.notices.try_recv() {
            self.shard.notice(&notice);
        }
        while self.shard.has_work() {
            self.shard.pump(now, || now.steady_us, &mut self.taker);
        }
    }

    /// [`Bench::walk`], by a name for callgrind to look for.
    #[inline(never)]
    fn walk_counted(&mut self) {
        self.walk();
    }

    /// Walks that many plays: allocations and time of the walks alone.
    fn walks(&mut self, plays: u64, walk: fn(&mut Bench)) -> (u64, Duration) {
        let (mut allocations, mut time) = (0, Duration::ZERO);
        for _ in 0..plays {
            self.play();
            let (before, began) = (ALLOCATIONS.load(Ordering::Relaxed), now());
            walk(self);
            time += now() - began;
            allocations += ALLOCATIONS.load(Ordering::Relaxed) - before;
        }
        (allocations, time)
    }
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn now() -> Instant {
    Instant::now()
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn main() {
    let clients = setting("SCOREWIRE_BENCH_CLIENTS", 10_000);
    let plays = setting("SCOREWIRE_BENCH_PLAYS", 200);
    let (mut few, mut all) = (Bench::new(clients as usize / 10), Bench::new(clients as usize));
    // Until the ring is full and every buffer has grown.
    for bench in [&mut few, &mut all] {
        bench.walks(setting("SCOREWIRE_BENCH_WARM_UP", 300), Bench::walk);
    }
    let (taken, (once, _)) = (all.taker.frames, few.walks(plays, Bench::walk));
    let bytes = all.taker.bytes;
    let (allocations, time) = all.walks(plays, Bench::walk_counted);
    let deliveries = all.taker.frames - taken;
    assert_eq!(deliveries, plays * clients, "every client gets every play");
    println!(
        "{clients} clients, {plays} plays, frames of {} bytes",
        (all.taker.bytes - bytes) / deliveries
    );
    println!(
        "allocations a play      {:.1}, {:.1} with a tenth of the clients",
        allocations as f64 / plays as f64,
        once as f64 / plays as f64
    );
    println!("allocations a delivery  {}", (allocations - once) as f64 / deliveries as f64);
    println!("time a delivery         {:.1} ns", time.as_nanos() as f64 / deliveries as f64);
    assert_eq!(allocations, once, "what a play allocates may not grow with its clients");
}
