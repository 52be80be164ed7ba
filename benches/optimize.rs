//! Lineups: from a plan (as a peer's players are read before it is timed), and from a file's text to the answer.
//!
//! `cargo bench --bench optimize`

mod slates;

use criterion::{Criterion, criterion_group, criterion_main};
use scorewire::lineup::{Budget, Constraints, Site, Slate, build, optimize, read};
use std::hint::black_box;
use std::time::Duration;

const FREE: Budget<'static> = Budget {
    steps: u64::MAX,
    is_out: &|| false,
};

/// A receiver or two with the quarterback and one of the other team, nobody in more than 40%, 7 of 9 shared.
const STACKS: &str = "max_shared = 7\nmax_exposure = 0.4\n[[stack]]\nwith = \"QB\"\nat_least = 2\nbring_back = 1\n";
/// Slates, so that no figure is that of one.
const SEEDS: [u64; 3] = [1, 2, 3];
const PLAYERS: usize = 400;

fn lineups(c: &mut Criterion) {
    let site = Site::built_in("draftkings").expect("it is built in");
    for seed in SEEDS {
        let text = slates::draftkings(seed, PLAYERS);
        let players = read(&site, &text).expect("a players' file");
        for (what, constraints, counts) in [("plain", "", [1, 150]), ("stacks", STACKS, [20, 150])] {
            let constraints = Constraints::parse(constraints, false).expect("constraints");
            for count in counts {
                let slate = Slate::new(&site, &players, &constraints, count).expect("a slate");
                c.bench_function(&format!("{what}/{count} of slate {seed}"), |bench| {
                    bench.iter(|| build(black_box(&slate.plan), FREE, |_| ()));
                });
            }
        }
    }
    let text = slates::draftkings(1, PLAYERS);
    let none = Constraints::default();
    c.bench_function("from text to answer/1", |bench| {
        bench.iter(|| {
            let players = read(&site, black_box(&text)).expect("a players' file");
            optimize(&site, &players, &none, 1, FREE, |_| ()).expect("a lineup")
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = lineups
}
criterion_main!(benches);
