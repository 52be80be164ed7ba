//! What encoding one frame costs: the time of a delta, of 16 changes merged into one and of a snapshot,
//! each of the busiest player and of the whole game, as JSON and in the binary coding (`…_bin`).
//!
//! `cargo bench --bench encode`. A shard encodes once for all clients who share a frame, so this is a
//! cost of a play, not of a delivery. Over one simulated game, at its end.

mod rig;

use criterion::{Criterion, criterion_group, criterion_main};
use rig::Rig;
use scorewire::fanout::encode::{self, Subject};
use scorewire::fanout::snapshot;
use scorewire::feed::simulator::{Options, Simulator};
use scorewire::model::{IngestTime, TopicName};
use scorewire::scoring::Rulesets;
use scorewire::wire::{Coding, Form};
use std::hint::black_box;

fn encode(criterion: &mut Criterion) {
    let one_game = Options {
        games: 1,
        ..Options::default()
    };
    let (rig, _inbox) = Rig::after(Simulator::new(&one_game).flat_map(|step| step.events), IngestTime(0));
    let rulesets = Rulesets::embedded();
    let ruleset = rulesets.get("draftkings").expect("it is built in");
    let (head, _) = rig.engine.games().swap_remove(0);
    let now = rig.engine.game(&head.game).expect("the game was played");
    let busiest = now.players.iter().max_by_key(|slot| slot.records).expect("somebody played");

    let mut group = criterion.benchmark_group("encode");
    for (label, name) in [
        ("player", TopicName::Player(busiest.who.card.player.clone())),
        ("game", TopicName::Game(head.game.clone())),
    ] {
        let topic = rig.hub.get(&name).expect("something happened");
        let entries: Vec<_> = topic.read(|history| history.after(history.head.saturating_sub(16)).collect());
        for (coding, suffix) in [(Coding::Json, ""), (Coding::Bin, "_bin")] {
            let subject = Subject {
                topic: &topic,
                ruleset,
                form: Form { coding, ..Form::PLAIN },
                wall_us: 1_700_000_000_000_000,
                shift: 0,
            };
            group.bench_function(format!("{label}/delta{suffix}"), |bencher| {
                bencher.iter(|| encode::delta(subject, black_box(&entries[..1]), None))
            });
            group.bench_function(format!("{label}/merged_16{suffix}"), |bencher| {
                bencher.iter(|| encode::delta(subject, black_box(&entries), None))
            });
            group.bench_function(format!("{label}/snapshot{suffix}"), |bencher| {
                bencher.iter(|| snapshot::take(&rig.hub, &rig.games, black_box(subject), "subscribe"))
            });
        }
    }
}

criterion_group!(benches, encode);
criterion_main!(benches);
