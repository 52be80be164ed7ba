//! What encoding a frame costs, in each coding: a player's and a game's delta, merged delta, snapshot.

use criterion::{Criterion, criterion_group, criterion_main};
use scorewire::engine::{EngineLimits, Shared};
use scorewire::fanout::encode::{self, Subject};
use scorewire::fanout::hub::{Hub, HubLimits};
use scorewire::fanout::snapshot::{self, GameReader};
use scorewire::feed::simulator::{Options, Simulator};
use scorewire::model::{IngestTime, TopicName};
use scorewire::scoring::Rulesets;
use scorewire::telemetry::EngineMetrics;
use scorewire::wire::{Coding, Form};
use std::hint::black_box;
use std::sync::Arc;

fn encode(criterion: &mut Criterion) {
    let (hub, _inboxes) = Hub::new(
        1,
        HubLimits {
            ring_frames: 256,
            topics_max: 10_000,
            notices_max: 16,
        },
    );
    let hub = Arc::new(hub);
    let limits = EngineLimits {
        threads: 1,
        jobs_max: 1,
        games_max: 16,
        plays_max: 4096,
        game_players_max: 1024,
        players_max: 10_000,
    };
    let engine = Arc::new(Shared::new(hub.clone(), limits, EngineMetrics::new()));
    for step in Simulator::new(&Options {
        games: 1,
        ..Options::default()
    }) {
        for event in step.events {
            engine.apply(event, IngestTime(0));
        }
    }
    let games: GameReader = {
        let engine = engine.clone();
        Arc::new(move |game| engine.game(game))
    };
    let rulesets = Rulesets::embedded();
    let ruleset = rulesets.get("draftkings").expect("it is built in");
    let (head, _) = engine.games().swap_remove(0);
    let now = engine.game(&head.game).expect("the game was played");
    let busiest = now.players.iter().max_by_key(|slot| slot.records).expect("somebody played");

    let mut group = criterion.benchmark_group("encode");
    for (label, name) in [
        ("player", TopicName::Player(busiest.who.card.player.clone())),
        ("game", TopicName::Game(head.game.clone())),
    ] {
        let topic = hub.get(&name).expect("something happened");
        let entries: Vec<_> = topic.read(|history| history.after(history.head.saturating_sub(16)).collect());
        for (coding, suffix) in [(Coding::Json, ""), (Coding::Bin, "_bin")] {
            let subject = Subject {
                topic: &topic,
                ruleset,
                form: Form { coding, ..Form::PLAIN },
                now_us: 1_700_000_000_000_000,
            };
            group.bench_function(format!("{label}/delta{suffix}"), |bencher| {
                bencher.iter(|| encode::delta(subject, black_box(&entries[..1])))
            });
            group.bench_function(format!("{label}/merged_16{suffix}"), |bencher| {
                bencher.iter(|| encode::delta(subject, black_box(&entries)))
            });
            group.bench_function(format!("{label}/snapshot{suffix}"), |bencher| {
                bencher.iter(|| snapshot::take(&hub, &games, black_box(subject), "subscribe"))
            });
        }
    }
}

criterion_group!(benches, encode);
criterion_main!(benches);
