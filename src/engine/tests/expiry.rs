//! Games that are let go of: what is left of them, what becomes of late events, and what readers see
//! meanwhile.

use super::*;
use crate::engine::expiry::Expired;
use crate::engine::{Batch, Engine, Owners};
use crate::fanout::encode::Subject;
use crate::fanout::snapshot::{self, Taken};
use crate::feed::sequence::Verdict;
use crate::model::TopicName;
use crate::wire::Form;
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};

fn id(game: &str) -> GameId {
    GameId::new(game).unwrap()
}

fn one(engine: &Engine, event: Event) -> Batch {
    let mut batch = engine.batch(NOW);
    batch.add(0, event, b"");
    batch
}

/// The head of a topic, and whether it shows a game.
fn stands(shared: &Shared, topic: &str) -> (u64, bool) {
    let topic = shared.hub.get(&TopicName::parse(topic).unwrap()).unwrap();
    topic.read(|history| (history.head, history.after(0).next().is_some()))
}

#[test]
fn a_game_that_is_let_go_of_is_gone_and_stays_so() {
    let shared = shared(EngineLimits { games_max: 2, ..LIMITS });
    let fresh = Outcome::Sequenced(Verdict::Fresh);
    assert_eq!(
        apply_all(&shared, &[catch("g-0", "1", 1, 5), catch("g-1", "1", 1, 5)]),
        [fresh, fresh]
    );
    assert!(!shared.expire(&id("g-2")), "nobody has heard of it");
    assert!(shared.expire(&id("g-0")) && !shared.expire(&id("g-0")));
    assert!(shared.game(&id("g-0")).is_none());
    assert_eq!((shared.game_count(), shared.games().len(), shared.expired_count()), (1, 1, 1));
    let announced = event(r#"{"type":"game","game":"g-0","rev":9,"status":"final","home":"AAA","away":"BBB"}"#);
    for late in [catch("g-0", "1", 2, 6), catch("g-0", "2", 1, 5), announced] {
        assert_eq!(shared.apply(late, NOW, AT), Outcome::GameExpired);
    }
    assert_eq!(shared.apply(catch("g-2", "1", 1, 5), NOW, AT), fresh, "there is room again");
    assert_eq!(shared.apply(catch("g-3", "1", 1, 5), NOW, AT), Outcome::TooManyGames);
}

#[test]
fn nothing_of_the_game_stays_in_memory() {
    let shared = shared(LIMITS);
    let line =
        |game: &str, home: &str| format!(r#"{{"type":"game","game":"{game}","status":"live","home":"{home}","away":"BBB","kickoff":5}}"#);
    let played = |game: &'static str| (1..20).map(move |play| catch(game, &play.to_string(), 1, 1));
    apply_all(&shared, &[event(&line("g-0", "AAA")), event(&line("g-1", "AAA"))]);
    apply_all(&shared, &played("g-0").collect::<Vec<_>>());
    // It begins while the other is shown, and takes over what both have.
    apply_all(&shared, &played("g-1").take(3).collect::<Vec<_>>());
    let (cell, head) = (shared.games.get(&id("g-0")).unwrap().clone(), shared.game(&id("g-0")).unwrap().head);
    let (cell, head) = (Arc::downgrade(&{ cell }), Arc::downgrade(&{ head }));
    assert!(cell.upgrade().is_some() && head.upgrade().is_some());
    assert!(shared.expire(&id("g-0")));
    assert!(cell.upgrade().is_none(), "the game");
    assert!(head.upgrade().is_none(), "changes of it, in rings and in the slate");
    assert_eq!(stands(&shared, "game:g-0"), (21, false));
    assert_eq!(stands(&shared, "player:passer"), (22, true));
}

#[test]
fn the_ids_that_are_remembered_are_bounded_and_a_seq_never_goes_back() {
    let shared = shared(EngineLimits {
        expired_games_max: 2,
        ..LIMITS
    });
    let play = |game: &str| shared.apply(catch(game, "1", 1, 5), NOW, AT);
    for game in ["g-0", "g-1", "g-2"] {
        play(game);
        assert!(shared.expire(&id(game)));
    }
    assert_eq!(shared.expired_count(), 2);
    assert_eq!(play("g-1"), Outcome::GameExpired);
    // Forgotten, it may come anew: another game to whoever knew its topic.
    assert_eq!(play("g-0"), Outcome::Sequenced(Verdict::Fresh));
    assert_eq!([stands(&shared, "game:g-0").0, stands(&shared, "player:passer").0], [3, 7]);
}

#[test]
fn an_owner_lets_a_game_go_in_order_with_its_events() {
    let limits = EngineLimits { threads: 3, ..LIMITS };
    let engine = Engine::new(Owners::start(Arc::new(Shared::new(hub(), limits, EngineMetrics::new()))));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        for game in ["g-0", "g-1", "g-2", "g-3"] {
            let before = engine.hand_over(one(&engine, catch(game, "1", 1, 5))).await.unwrap();
            assert_eq!(engine.expire(id(game), NOW).await, Ok(true));
            assert_eq!(before.outcomes().await.unwrap().0, [(0, Outcome::Sequenced(Verdict::Fresh))]);
            let after = engine.submit(vec![(0, catch(game, "2", 1, 5))], NOW).await.unwrap();
            assert_eq!(
                (after, engine.expire(id(game), NOW).await),
                (vec![(0, Outcome::GameExpired)], Ok(false))
            );
        }
    });
    assert_eq!(engine.games().first().game_count(), 0);
}

/// What a client would be shown of the topic: its `seq`, and whether there is a game.
fn snapshot(shared: &Arc<Shared>, topic: &str) -> Option<(u64, bool)> {
    let topic = shared.hub.get(&TopicName::parse(topic).unwrap())?;
    let rulesets = Rulesets::embedded();
    let subject = Subject {
        topic: &topic,
        ruleset: rulesets.get("ppr").unwrap(),
        form: Form::PLAIN,
        wall_us: 0,
        shift: 0,
    };
    let games: snapshot::GameReader = {
        let shared = shared.clone();
        Arc::new(move |game| shared.game(game))
    };
    let Taken { seq, frame, .. } = snapshot::take(&shared.hub, &games, subject, "subscribe");
    let said: Value = serde_json::from_slice(frame.payload()).unwrap();
    assert_eq!(said["seq"], seq);
    let is_there = !said["status"].is_null();
    assert_eq!(
        is_there,
        said["players"].as_array().is_some_and(|players| players.len() > 1),
        "{said}"
    );
    Some((seq, is_there))
}

/// A game is one event, then nothing: an odd `seq` shows it, an even one does not.
#[test]
fn readers_see_the_game_or_nothing_and_the_seq_that_goes_with_it() {
    let shared = Arc::new(shared(LIMITS));
    let (over, seen_both) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = [false, false];
            while !over.load(Ordering::Relaxed) {
                for topic in ["team:AAA", "game:g"] {
                    let Some((seq, is_there)) = snapshot(&shared, topic) else {
                        continue;
                    };
                    assert_eq!(seq % 2 == 1, is_there, "{topic} at {seq}");
                    seen[usize::from(is_there)] = true;
                }
                seen_both.store(seen == [true, true], Ordering::Relaxed);
            }
        });
        let mut rounds = 0;
        while (rounds < 2_000 || !seen_both.load(Ordering::Relaxed)) && !reader.is_finished() {
            // As if the id had been forgotten since, its topic not.
            *shared.expired.write() = Expired::new(1);
            shared.apply(catch("g", "1", 1, 5), NOW, AT);
            std::thread::yield_now();
            assert!(shared.expire(&id("g")));
            rounds += 1;
        }
        over.store(true, Ordering::Relaxed);
    });
}
