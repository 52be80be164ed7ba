//! Owners on threads: their number changes nothing, batches keep each game's order, readers see whole
//! events.

use super::*;
use crate::engine::Engine;
use crate::feed::sequence::Verdict;
use crate::feed::simulator::{Options, Simulator, Trouble};
use crate::model::Stat;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

fn engine(threads: usize) -> Engine {
    Engine::start(hub(), EngineLimits { threads, ..LIMITS }, EngineMetrics::new())
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(future)
}

fn numbered(events: &[Event]) -> Vec<(usize, Event)> {
    events.iter().cloned().enumerate().collect()
}

/// A slate in which everything goes wrong that can.
fn troubled_slate(seed: u64) -> Vec<Event> {
    let options = Options {
        seed,
        games: 6,
        trouble: Trouble {
            corrections: 1_500,
            retractions: 300,
            duplicates: 500,
            late: 500,
            gaps: 200,
        },
        ..Options::default()
    };
    Simulator::new(&options).flat_map(|step| step.events).collect()
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let seed = 11;
    let events = troubled_slate(seed);
    let mut shown = Vec::new();
    for threads in [1, 2, 4] {
        let engine = engine(threads);
        let mut outcomes = Vec::new();
        for batch in events.chunks(97) {
            let mut of_batch = block_on(engine.submit(numbered(batch), NOW)).unwrap();
            of_batch.sort_by_key(|(place, _)| *place);
            assert!(
                of_batch.iter().map(|(place, _)| *place).eq(0..batch.len()),
                "each event has one outcome"
            );
            outcomes.extend(of_batch.into_iter().map(|(_, outcome)| outcome));
        }
        shown.push((threads, outcomes, all_shown(engine.shared())));
    }
    let untroubled = shared(LIMITS);
    let calm = Options {
        seed,
        games: 6,
        ..Options::default()
    };
    apply_all(
        &untroubled,
        Simulator::new(&calm).flat_map(|step| step.events).collect::<Vec<_>>().iter(),
    );
    let (_, outcomes, first) = &shown[0];
    for (threads, others, games) in &shown[1..] {
        assert_eq!(games, first, "{threads} threads");
        assert_eq!(others, outcomes, "{threads} threads");
    }
    let count = |verdict| outcomes.iter().filter(|outcome| **outcome == Outcome::Sequenced(verdict)).count();
    assert!(count(Verdict::Revision) > 10 && count(Verdict::Retracted) > 2 && count(Verdict::Duplicate) > 10);
    assert!(count(Verdict::Late) > 10);
    for (game, calm) in all_shown(&untroubled) {
        assert_eq!(first[&game].players, calm.players, "{game}: the trouble has healed");
    }
}

#[test]
fn concurrent_requests_end_the_same() {
    let events = troubled_slate(12);
    let in_order = shared(LIMITS);
    apply_all(&in_order, &events);
    let engine = engine(3);
    let (players, rest): (Vec<Event>, Vec<Event>) = events.into_iter().partition(|event| event.game().is_none());
    block_on(engine.submit(numbered(&players), NOW)).unwrap();
    std::thread::scope(|scope| {
        for part in 0..4 {
            let (engine, rest) = (&engine, &rest);
            scope.spawn(move || {
                let mine: Vec<Event> = rest.iter().skip(part).step_by(4).cloned().collect();
                for batch in mine.chunks(50) {
                    block_on(engine.submit(numbered(batch), NOW)).unwrap();
                }
            });
        }
    });
    assert_eq!(all_shown(engine.shared()), all_shown(&in_order));
}

#[test]
fn a_batch_of_several_games_keeps_the_order_of_each() {
    let games = ["g-0", "g-1", "g-2", "g-3", "g-4"];
    // Ids go up: a play that came too late would move nothing, and `seq` fall behind.
    let play = |place: usize, game: &str| {
        event(&format!(
            r#"{{"type":"play","game":"{game}","play":"p{place:03}","clock":{{"quarter":1,"seconds_left":{place}}},"stats":[]}}"#
        ))
    };
    let batch: Vec<Event> = (0..500).map(|place| play(place, games[place % games.len()])).collect();
    let engine = engine(3);
    let outcomes = block_on(engine.submit(numbered(&batch), NOW)).unwrap();
    assert_eq!(outcomes.len(), 500);
    for (place, id) in games.iter().enumerate() {
        let game = engine.shared().game(&GameId::new(id).unwrap()).unwrap();
        assert_eq!(game.view.clock.map(|clock| usize::from(clock.seconds_left)), Some(495 + place));
        assert_eq!(game.seq, 100);
    }
}

#[test]
fn a_reader_never_sees_half_an_event() {
    let shared = shared(LIMITS);
    let game = GameId::new("g-0").unwrap();
    let (done, reads) = (AtomicBool::new(false), AtomicU64::new(0));
    let plays = 2_000u64;
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut last_seq = 0;
            loop {
                let is_last = done.load(Ordering::Acquire);
                if let Some(now) = shared.game(&game) {
                    let line = |id: &str| {
                        let slot = now.players.iter().find(|slot| slot.who.card.player.as_str() == id);
                        slot.map_or(StatLine::ZERO, |slot| slot.line)
                    };
                    let (passer, catcher) = (line("passer"), line("catcher"));
                    assert_eq!(passer.get(Stat::PassingYards), catcher.get(Stat::ReceivingYards));
                    assert_eq!(passer.get(Stat::Completions), catcher.get(Stat::Receptions));
                    // Every event moves the game, so its `seq` says how many yards there must be.
                    let (full, rest) = (now.seq / 3, now.seq % 3);
                    let yards = full as i32 * 4 + [0, 7, 4][rest as usize];
                    assert_eq!(passer.get(Stat::PassingYards), yards, "at seq {}", now.seq);
                    assert!(now.seq >= last_seq);
                    last_seq = now.seq;
                    reads.fetch_add(1, Ordering::Release);
                }
                if is_last {
                    break last_seq;
                }
            }
        });
        for place in 0..plays {
            let (kept, gone) = (format!("{}", 2 * place), format!("{}", 2 * place + 1));
            shared.apply(catch("g-0", &kept, 1, 7), NOW);
            shared.apply(catch("g-0", &kept, 2, 4), NOW);
            shared.apply(catch("g-0", &gone, 1, 0), NOW);
            // The reader keeps up, or a slow machine would prove nothing.
            while reads.load(Ordering::Acquire) < place / 10 && !reader.is_finished() {
                std::thread::yield_now();
            }
        }
        done.store(true, Ordering::Release);
        assert_eq!(reader.join().unwrap(), 3 * plays);
    });
}

#[test]
fn an_engine_that_nobody_holds_ends_its_threads() {
    let engine = engine(2);
    let shared = Arc::downgrade(engine.shared());
    drop(engine);
    let ended = (0..500).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        shared.strong_count() == 0
    });
    assert!(ended);
}
