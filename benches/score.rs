//! What one call of `Ruleset::score` costs, for lines as they come and for every built-in ruleset.
//!
//! `cargo bench --bench score`. Nanoseconds a call: one stat line to its points, a `RULESET/LINE` a row.

use criterion::{Criterion, criterion_group, criterion_main};
use scorewire::model::{Stat, StatLine};
use scorewire::scoring::{PositionIndex, Rulesets};
use std::hint::black_box;

fn line(counts: &[(Stat, i32)]) -> StatLine {
    let mut line = StatLine::ZERO;
    for (stat, count) in counts {
        line.add(*stat, *count);
    }
    line
}

fn score(c: &mut Criterion) {
    let quarterback = line(&[
        (Stat::PassingYards, 312),
        (Stat::PassingTds, 3),
        (Stat::Interceptions, 1),
        (Stat::RushingYards, 14),
    ]);
    let defence = line(&[
        (Stat::Sacks, 7),
        (Stat::InterceptionsMade, 2),
        (Stat::PointsAllowed, 17),
        (Stat::Begun, 1),
    ]);
    let rulesets = Rulesets::embedded();
    let mut group = c.benchmark_group("score");
    for (_, ruleset) in rulesets.iter() {
        for (what, line) in [("quarterback", &quarterback), ("defence", &defence)] {
            group.bench_function(format!("{}/{what}", ruleset.name()), |b| {
                b.iter(|| black_box(ruleset).score(black_box(line), PositionIndex::COMMON));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, score);
criterion_main!(benches);
