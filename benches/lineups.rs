//! What fans' lineups cost, on one core: to make one, and to follow one change through those that it moves.
//!
//! `cargo bench --bench lineups`. `define` is a lineup that is new, and one that is there; its throughput is lineups a
//! second. `follow/N` is a play of a passer and a receiver, from the engine's telling until the shard is told, where N
//! of 10,000 lineups of nine have one of them or both; its throughput is lineups moved a second. Without lineups a play
//! costs what `cargo bench --bench apply` says; what they add to it is `publish`. Allocator: the server's own.
#![allow(clippy::unwrap_used, reason = "a bench may fail")]

#[expect(dead_code, reason = "nobody here takes a snapshot of a game")]
mod rig;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rig::Rig;
use scorewire::fanout::hub::Inbox;
use scorewire::fanout::lineups::{Follower, Lineup};
use scorewire::feed::{Decoder, Limits};
use scorewire::model::{Event, IngestTime, StateTime, TopicName};
use scorewire::scoring::{RulesetIndex, Rulesets};
use scorewire::wire::client::SlotAsked;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const LINEUPS: usize = 10_000;
const SLOTS: usize = 9;
const NOW: IngestTime = IngestTime(1_506_275_400_123_456);

fn event(line: &str) -> Event {
    Decoder::new(Limits::default()).line(line.as_bytes()).unwrap()
}

/// A completed pass, corrected again and again: a game has room for so many plays.
fn pass(rev: usize) -> Event {
    let yards = 5 + rev % 2;
    event(&format!(
        r#"{{"type":"play","game":"G","play":"1","rev":{rev},"stats":[{{"player":"Q","team":"AAA","stat":15,"yards":{yards}}},{{"player":"W","team":"AAA","stat":21,"yards":{yards}}}]}}"#
    ))
}

/// Nine players, of which some are among `with`; no two lineups are alike.
fn lineup(rulesets: &Rulesets, ruleset: RulesetIndex, number: usize, with: &[&str]) -> Lineup {
    let others = (with.len()..SLOTS).map(|slot| format!("p{}", (number * SLOTS + slot) % 4_000 + 4_000 * slot));
    let slots: Vec<SlotAsked> = with
        .iter()
        .map(|player| (*player).to_owned())
        .chain(others)
        .map(|player| SlotAsked {
            slot: "FLEX".to_owned(),
            player,
            multiplier_hundredths: 100 + (number / 4_000) as u32,
        })
        .collect();
    Lineup::new((ruleset, rulesets.by_index(ruleset)), &slots).unwrap()
}

struct Fans {
    rig: Rig,
    rulesets: Arc<Rulesets>,
    ruleset: RulesetIndex,
    follower: Follower,
    /// Where a shard hears of lineups that moved.
    inbox: Inbox,
}

impl Fans {
    fn new() -> Fans {
        let rulesets = Arc::new(Rulesets::embedded());
        let (rig, inbox) = Rig::after([], NOW);
        Fans {
            follower: Follower::new(rig.hub.clone(), rulesets.clone()),
            ruleset: rulesets.index("draftkings").unwrap(),
            rig,
            rulesets,
            inbox,
        }
    }

    fn define(&mut self, number: usize, with: &[&str]) {
        let lineup = lineup(&self.rulesets, self.ruleset, number, with);
        let name = TopicName::Lineup(lineup.id.clone());
        self.rig.hub.define(lineup, self.rulesets.by_index(self.ruleset)).unwrap();
        self.rig.hub.watch(&name, 0).unwrap();
        self.follower.take(None);
    }

    /// With that many of 10,000 lineups that have the passer, and as many again the receiver, half of them both.
    fn with(moved: usize) -> Fans {
        let mut fans = Fans::new();
        for number in 0..LINEUPS {
            let with: &[&str] = match number {
                number if number >= moved => &[],
                number if number % 4 == 0 => &["Q"],
                number if number % 4 == 1 => &["W"],
                _ => &["Q", "W"],
            };
            fans.define(number, with);
        }
        fans
    }
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn follows(c: &mut Criterion) {
    let mut group = c.benchmark_group("follow");
    group.measurement_time(Duration::from_secs(5)).sample_size(20);
    for moved in [1, 100, 1_000, 5_000] {
        let mut fans = Fans::with(moved);
        let mut play = 0;
        group.throughput(Throughput::Elements(moved as u64));
        group.bench_with_input(BenchmarkId::from_parameter(moved), &moved, |bencher, _| {
            bencher.iter_custom(|rounds| {
                let mut took = Duration::ZERO;
                for _ in 0..rounds {
                    play += 1;
                    fans.rig.engine.apply(pass(play), NOW, StateTime::default());
                    let begun = Instant::now();
                    black_box(fans.follower.take(None));
                    took += begun.elapsed();
                    fans.inbox.notices.drain();
                }
                took
            });
        });
    }
    group.finish();
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn publishes(c: &mut Criterion) {
    let mut group = c.benchmark_group("publish");
    for (name, moved) in [("without_lineups", 0), ("with_lineups", 5_000)] {
        let mut fans = Fans::with(moved);
        let mut play = 0;
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|rounds| {
                let mut took = Duration::ZERO;
                for _ in 0..rounds {
                    play += 1;
                    let event = pass(play);
                    let begun = Instant::now();
                    black_box(fans.rig.engine.apply(event, NOW, StateTime::default()));
                    took += begun.elapsed();
                    fans.follower.take(None);
                    fans.inbox.notices.drain();
                }
                took
            });
        });
    }
    group.finish();
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn defines(c: &mut Criterion) {
    let mut group = c.benchmark_group("define");
    group.throughput(Throughput::Elements(1));
    let mut fans = Fans::new();
    fans.define(0, &["Q", "W"]);
    let (rulesets, ruleset) = (fans.rulesets.clone(), fans.ruleset);
    group.bench_function("there", |bencher| {
        bencher.iter_batched(
            || lineup(&rulesets, ruleset, 0, &["Q", "W"]),
            |lineup| fans.rig.hub.define(lineup, rulesets.by_index(ruleset)).unwrap(),
            BatchSize::SmallInput,
        );
    });
    let mut number = 1;
    group.bench_function("new", |bencher| {
        bencher.iter_custom(|rounds| {
            let mut took = Duration::ZERO;
            for _ in 0..rounds {
                if number % LINEUPS == 0 {
                    fans = Fans::new();
                }
                number += 1;
                let lineup = lineup(&fans.rulesets, fans.ruleset, number, &["Q", "W"]);
                let begun = Instant::now();
                black_box(fans.rig.hub.define(lineup, fans.rulesets.by_index(fans.ruleset)).unwrap());
                took += begun.elapsed();
                fans.follower.take(None);
            }
            took
        });
    });
    group.finish();
}

criterion_group!(lineups, follows, publishes, defines);
criterion_main!(lineups);
