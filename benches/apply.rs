//! What a play costs on one core, from its line to its points: decode, sequence, apply, score under
//! `draftkings` (before and after, for every player that moved), with and without publishing to topics.
//!
//! `cargo bench --bench apply`. Each row is so far and no further: its throughput is plays a second, its
//! time that of all 20,000. `decode_engine` is the engine itself: it publishes, and scores nothing; the rows after it
//! are the same with a predictor to be told, and where there may be two feeds; the last ones are what forecasts
//! cost an owner.
//! The plays are the simulator's, all different, with 3.8 stat records on average; every round starts
//! from empty games. Allocator: the server's own.
#![allow(clippy::unwrap_used, reason = "a bench may fail")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use scorewire::engine::{EngineLimits, Shared};
use scorewire::fanout::encode::points;
use scorewire::fanout::hub::{GameTopics, Hub, HubLimits, Moved};
use scorewire::fanout::lineups::LineupLimits;
use scorewire::feed::sequence::Ledger;
use scorewire::feed::{Decoder, simulator, write_line};
use scorewire::model::{CauseKind, Change, Event, GameId, IngestTime, Origin, Points, SourceId, StateTime};
use scorewire::predict::board::{Board, BoardLimits, News};
use scorewire::scoring::{Ruleset, Rulesets};
use scorewire::state::{Cards, Game};
use scorewire::telemetry::{BoardMetrics, EngineMetrics};
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PLAYS: usize = 20_000;
const NOW: IngestTime = IngestTime(1_506_275_400_123_456);

const LIMITS: EngineLimits = EngineLimits {
    threads: 1,
    sources: 1,
    jobs_max: 16,
    games_max: 4_096,
    plays_max: 4_096,
    game_players_max: 1_024,
    players_max: 100_000,
    expired_games_max: 100,
};

const HUB: HubLimits = HubLimits {
    ring_frames: 256,
    topics_max: 1_000_000,
    notices_max: 65_536,
    lineups: LineupLimits::DEFAULT,
};

/// The plays' lines: sixteen games at a time take turns, as on a Sunday.
fn lines() -> Vec<Vec<u8>> {
    let mut games: Vec<Vec<Vec<u8>>> = Vec::new();
    let mut last = None;
    for event in simulator::distinct_plays(1, PLAYS) {
        let mut line = Vec::new();
        write_line(&event, &mut line);
        line.pop_if(|byte| *byte == b'\n');
        if last.as_ref() != event.game() {
            last = event.game().cloned();
            games.push(Vec::new());
        }
        games.last_mut().unwrap().push(line);
    }
    let mut lines = Vec::with_capacity(PLAYS);
    for slate in games.chunks_mut(16) {
        let longest = slate.iter().map(Vec::len).max().unwrap_or(0);
        for play in 0..longest {
            lines.extend(slate.iter_mut().filter_map(|game| game.get_mut(play).map(std::mem::take)));
        }
    }
    lines
}

/// The parts of the engine without its locks and threads.
#[derive(Default)]
struct Parts {
    games: HashMap<GameId, (Ledger, Game, GameTopics), foldhash::fast::RandomState>,
}

impl Parts {
    fn apply(&mut self, event: Event, cards: &Cards) -> (Option<Change>, &mut GameTopics) {
        let id = event.game().unwrap();
        if !self.games.contains_key(id) {
            let parts = (Ledger::default(), Game::new(id.clone()), GameTopics::default());
            self.games.insert(id.clone(), parts);
        }
        let (ledger, game, topics) = self.games.get_mut(id).unwrap();
        let admitted = ledger.admit(&event, NOW.into(), LIMITS.plays_max);
        let (Event::Play(play), Some(place), true) = (event, admitted.place, admitted.verdict.counts()) else {
            return (None, topics);
        };
        (Some(game.play(&play, place, CauseKind::Play, cards, NOW)), topics)
    }
}

/// What every player that moved is worth now, and by how much that changed.
fn score(change: &Change, ruleset: &Ruleset) -> (Points, Points) {
    let mut total = (Points::ZERO, Points::ZERO);
    for player in &change.moves {
        let after = points(ruleset, &player.who.card, &player.after());
        total.0 += after;
        total.1 += after - points(ruleset, &player.who_before().card, &player.before());
    }
    total
}

fn board() -> Arc<Board> {
    let limits = BoardLimits {
        games_max: LIMITS.games_max,
        batch_wait: Duration::ZERO,
    };
    Arc::new(Board::new(limits, BoardMetrics::new()))
}

fn hub() -> Arc<Hub> {
    Arc::new(Hub::new(1, HUB).0)
}

fn apply(c: &mut Criterion) {
    let lines = lines();
    let rulesets = Rulesets::embedded();
    let draftkings = rulesets.get("draftkings").unwrap();
    let bytes: usize = lines.iter().map(Vec::len).sum();
    eprintln!("{} lines, {} bytes each on average", lines.len(), bytes / lines.len());
    let mut decoder = Decoder::default();
    let mut group = c.benchmark_group("play");
    group.throughput(Throughput::Elements(PLAYS as u64)).sample_size(30);

    group.bench_function("decode", |b| {
        b.iter(|| {
            for line in &lines {
                black_box(decoder.line(line).unwrap());
            }
        })
    });
    group.bench_function("decode_apply_score", |b| {
        b.iter_batched_ref(
            || (Parts::default(), Cards::new(LIMITS.players_max)),
            |(parts, cards)| {
                for line in &lines {
                    let (change, _) = parts.apply(decoder.line(line).unwrap(), cards);
                    black_box(score(&change.unwrap(), draftkings));
                }
            },
            BatchSize::PerIteration,
        )
    });
    group.bench_function("decode_apply_score_publish", |b| {
        b.iter_batched_ref(
            || (Parts::default(), Cards::new(LIMITS.players_max), hub()),
            |(parts, cards, hub)| {
                for line in &lines {
                    let (change, topics) = parts.apply(decoder.line(line).unwrap(), cards);
                    let change = Arc::new(change.unwrap());
                    black_box(hub.publish(change.clone(), topics, &mut Moved::default()));
                    black_box(score(&change, draftkings));
                }
            },
            BatchSize::PerIteration,
        )
    });
    group.bench_function("decode_engine", |b| {
        b.iter_batched_ref(
            || Shared::new(hub(), LIMITS, EngineMetrics::new()),
            |shared| {
                for line in &lines {
                    black_box(shared.apply(decoder.line(line).unwrap(), NOW, StateTime::default()));
                }
            },
            BatchSize::PerIteration,
        )
    });
    group.bench_function("decode_engine_notified", |b| {
        b.iter_batched_ref(
            || Shared::new(hub(), LIMITS, EngineMetrics::new()).notified(board()),
            |shared| {
                for line in &lines {
                    black_box(shared.apply(decoder.line(line).unwrap(), NOW, StateTime::default()));
                }
            },
            BatchSize::PerIteration,
        )
    });
    // Where there may be two feeds: one tells, or the second repeats every play.
    let engine_of_two = || {
        let limits = EngineLimits { sources: 2, ..LIMITS };
        Shared::new(hub(), limits, EngineMetrics::new())
    };
    for (name, sources) in [("decode_engine_one_of_two_feeds", 1), ("decode_engine_two_feeds", 2)] {
        group.bench_function(name, |b| {
            b.iter_batched_ref(
                engine_of_two,
                |shared| {
                    for line in &lines {
                        for source in (0..sources).map(SourceId) {
                            let origin = Origin { source, ingest: NOW };
                            black_box(shared.apply(decoder.line(line).unwrap(), origin, StateTime::default()));
                        }
                    }
                },
                BatchSize::PerIteration,
            )
        });
    }
    group.finish();
}

/// What forecasts cost the owner of a game: a notice of each play, and the lock for as long as a recap takes.
fn forecasts(c: &mut Criterion) {
    let mut group = c.benchmark_group("forecast");
    let games: Vec<GameId> = (0..16).map(|game| GameId::new(&format!("20990101{game:02}")).unwrap()).collect();
    let board = board();
    let mut taken = Vec::new();
    group.throughput(Throughput::Elements(2 * games.len() as u64));
    group.bench_function("offer_16_games_twice_and_take", |b| {
        b.iter(|| {
            for game in games.iter().chain(&games) {
                black_box(board.offer(game, News::Play, NOW, None));
            }
            black_box(board.take(&mut taken, Duration::ZERO))
        })
    });
    let shared = Shared::new(hub(), LIMITS, EngineMetrics::new());
    let events = simulator::distinct_plays(1, PLAYS);
    let game = events[0].game().unwrap().clone();
    for event in events.into_iter().filter(|event| event.game() == Some(&game)) {
        shared.apply(event, NOW, StateTime::default());
    }
    let plays = shared.recap(&game).unwrap().plays.len();
    eprintln!("{plays} plays");
    group.throughput(Throughput::Elements(1));
    group.bench_function("recap", |b| b.iter(|| black_box(shared.recap(&game))));
    group.bench_function("lines", |b| b.iter(|| black_box(shared.lines(&game))));
    group.finish();
}

criterion_group!(benches, apply, forecasts);
criterion_main!(benches);
