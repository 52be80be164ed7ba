//! Owners on threads: their number changes nothing, batches keep each game's order, readers see whole
//! events.

use super::*;
use crate::engine::owner::{Ending, Events, Job, own, until_unneeded};
use crate::engine::{Batch, Engine, GAMES_PER_NOTICE, GameCell, Owners, SubmitError};
use crate::fanout::hub::{Inbox, Notice};
use crate::fanout::lineups::LineupLimits;
use crate::fanout::topic::TopicId;
use crate::feed::sequence::Verdict;
use crate::feed::simulator::{Options, Simulator, Trouble};
use crate::model::{Stat, TopicName};
use crate::store::faults::FaultyFiles;
use crate::store::{self, Durability, Header, Refused, Settings};
use flume::Receiver;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

fn engine(threads: usize) -> Engine {
    Engine::new(Owners::start(Arc::new(shared(EngineLimits { threads, ..LIMITS }))))
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(future)
}

fn numbered(events: &[Event]) -> Vec<(usize, Event)> {
    events.iter().cloned().enumerate().collect()
}

fn batch(engine: &Engine, events: &[Event]) -> Batch {
    let mut batch = engine.batch(NOW);
    for (place, event) in numbered(events) {
        batch.add(place, event, b"");
    }
    batch
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
        shown.push((threads, outcomes, all_shown(engine.games().first())));
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
    assert_eq!(all_shown(engine.games().first()), all_shown(&in_order));
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
        let game = engine.games().first().game(&GameId::new(id).unwrap()).unwrap();
        assert_eq!(game.view.clock.map(|clock| usize::from(clock.seconds_left)), Some(495 + place));
        assert_eq!(game.seq, 100);
    }
}

/// A player list that makes a receiver of `catcher`.
fn list() -> Event {
    event(r#"{"type":"players","players":[{"player":"catcher","position":"TE"}]}"#)
}

#[test]
fn a_player_list_counts_where_it_stands() {
    let events = [catch("g-0", "1", 1, 5), list(), catch("g-0", "2", 1, 5)];
    for threads in [1, 3] {
        let engine = engine(threads);
        let outcomes = block_on(engine.submit(numbered(&events), NOW)).unwrap();
        assert_eq!(outcomes.len(), events.len());
        // The list moves the game, since a play came before it.
        assert_eq!(engine.games().first().game(&GameId::new("g-0").unwrap()).unwrap().seq, 3);
    }
}

#[test]
fn a_player_list_that_an_owner_has_not_applied_is_not_accepted() {
    let (owners, jobs): (Vec<_>, Vec<_>) = (0..2).map(|_| flume::bounded(1)).unzip();
    let (_, ended) = flume::bounded(1);
    let shared = Arc::new(shared(EngineLimits { threads: 2, ..LIMITS }));
    let engine = Engine::new(Owners {
        shared,
        jobs: owners,
        ended,
    });
    let answer = block_on(async {
        let under_way = engine.hand_over(batch(&engine, &[list()])).await.unwrap();
        for jobs in &jobs {
            let Job::Reach(reached) = jobs.recv().unwrap() else {
                panic!("what came before has an end")
            };
            reached.send(()).unwrap();
        }
        let [first, second] = [&jobs[0], &jobs[1]].map(|jobs| jobs.recv().unwrap());
        assert!(matches!((&first, &second), (Job::Introduce(..), Job::Introduce(..))));
        let Job::Reach(reached) = jobs[0].recv().unwrap() else {
            panic!("it is accepted when it is applied")
        };
        reached.send(()).unwrap();
        drop(reached);
        // As by an owner that panics over it.
        drop(jobs[1].recv());
        under_way.outcomes().await.map(|(outcomes, _)| outcomes)
    });
    assert_eq!(answer, Err(SubmitError::Stopped));
}

/// Batches in the queue of an owner that was gone stayed there, and whoever had brought them waited for good.
#[test]
fn whoever_waits_for_an_owner_that_is_gone_is_told() {
    let (owner, jobs) = flume::bounded(8);
    let (ending, ended) = flume::bounded(1);
    let shared = Arc::new(shared(LIMITS));
    let engine = Engine::new(Owners {
        shared,
        jobs: vec![owner],
        ended,
    });
    let play = |id: &str| batch(&engine, &[catch("g-0", id, 1, 5)]);
    let answers = block_on(async {
        let taken = engine.hand_over(play("1")).await.unwrap();
        let queued = engine.hand_over(play("2")).await.unwrap();
        std::thread::spawn(move || {
            until_unneeded(&jobs, Ending(0, ending), |jobs| {
                let _first = jobs.recv().unwrap();
                panic!("an event that it cannot take");
            });
        });
        let told = async {
            let [taken, queued] = [taken.outcomes().await, queued.outcomes().await].map(|answer| answer.map(|(outcomes, _)| outcomes));
            assert_eq!(engine.owner_ended().await, 0);
            [taken, queued, engine.submit(numbered(&[catch("g-0", "3", 1, 5)]), NOW).await]
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), told)
            .await
            .expect("an answer")
    });
    assert!(answers.iter().all(|answer| *answer == Err(SubmitError::Stopped)), "{answers:?}");
}

/// A state without threads whose topics keep `ring_frames` changes, and where its one shard is told.
fn told(ring_frames: usize) -> (Shared, Inbox) {
    let limits = HubLimits {
        ring_frames,
        topics_max: 10_000,
        notices_max: 16,
        lineups: LineupLimits::DEFAULT,
    };
    let (hub, mut inboxes) = Hub::new(1, limits);
    let inbox = inboxes.pop().unwrap();
    (Shared::new(Arc::new(hub), LIMITS, EngineMetrics::new()), inbox)
}

/// Those batches, waiting for [`own`], after which no more come; what becomes of them nobody hears.
fn waiting(batches: &[&[(usize, Event)]]) -> Receiver<Job> {
    let (sender, jobs) = flume::bounded(batches.len());
    for events in batches {
        let (done, _) = flume::bounded(1);
        let events = events.to_vec();
        sender
            .send(Job::Apply(Events {
                events,
                origin: NOW.into(),
                first: 0,
                done,
                traced: Default::default(),
            }))
            .unwrap();
    }
    jobs
}

/// What the shard is told next.
#[track_caller]
fn next_notice(inbox: &Inbox, what: &str) -> Notice {
    let notice = inbox.notices.recv_timeout(std::time::Duration::from_secs(20));
    notice.unwrap_or_else(|_| panic!("nobody is told of {what}"))
}

fn watch(shared: &Shared, game: &str) -> TopicId {
    shared.hub.watch(&TopicName::Game(GameId::new(game).unwrap()), 0).unwrap().id
}

fn cell(shared: &Shared, game: &str) -> Arc<GameCell> {
    shared.games.get(&GameId::new(game).unwrap()).unwrap().clone()
}

/// Games are told of one by one who their players are, which takes long where there are many.
#[test]
fn shards_hear_what_happened_before_a_player_list_has_gone_through_every_game() {
    let (shared, inbox) = told(8);
    let games: Vec<String> = (0..=2 * GAMES_PER_NOTICE).map(|nth| format!("g-{nth:03}")).collect();
    for game in &games {
        shared.apply(catch(game, "1", 1, 5), NOW, AT);
    }
    let first = watch(&shared, &games[0]);
    let jobs = waiting(&[&[(0, catch(&games[0], "2", 1, 5)), (1, list())]]);
    let last = cell(&shared, games.last().unwrap());
    std::thread::scope(|scope| {
        // While it is read, the last game holds the list up.
        let reader = last.game.read();
        scope.spawn(|| own(&shared, 0, &jobs));
        for what in ["the play before the list", "what the list moved"] {
            assert_eq!(next_notice(&inbox, what)[..], [first]);
        }
        drop(reader);
    });
}

/// A list was gone through sixteen games at a time, however many topics it moved in each.
#[test]
fn shards_hear_of_very_many_topics_while_a_player_list_goes_through_the_games() {
    let (shared, inbox) = told(8);
    let players: Vec<String> = (0..200).map(|nth| format!("p-{nth}")).collect();
    for id in &players {
        let run = format!(r#"{{"player":"{id}","team":"AAA","stat":10,"yards":1}}"#);
        let play = event(&format!(r#"{{"type":"play","game":"g-0","play":"{id}","stats":[{run}]}}"#));
        shared.apply(play, NOW, AT);
        shared.hub.watch(&TopicName::Player(PlayerId::new(id).unwrap()), 0).unwrap();
    }
    shared.apply(catch("g-1", "1", 1, 5), NOW, AT);
    let positions: Vec<String> = players.iter().map(|id| format!(r#"{{"player":"{id}","position":"TE"}}"#)).collect();
    let list = event(&format!(r#"{{"type":"players","players":[{}]}}"#, positions.join(",")));
    let jobs = waiting(&[&[(0, list)]]);
    let other = cell(&shared, "g-1");
    std::thread::scope(|scope| {
        // While it is read, the other game holds the list up.
        let reader = other.game.read();
        scope.spawn(|| own(&shared, 0, &jobs));
        assert_eq!(next_notice(&inbox, "very many topics").len(), players.len());
        drop(reader);
    });
}

/// An idle shard, told too late, would find that a ring no longer holds all that its clients lack.
#[test]
fn shards_hear_of_half_a_ring_while_more_batches_wait() {
    let ring_frames = 32;
    let (shared, inbox) = told(ring_frames);
    for game in ["g-0", "g-1"] {
        shared.apply(catch(game, "0", 1, 5), NOW, AT);
    }
    let busy = watch(&shared, "g-0");
    let plays = 1..=ring_frames / 2;
    let mut first: Vec<Event> = plays.map(|play| catch("g-0", &play.to_string(), 1, 5)).collect();
    first.push(catch("g-1", "1", 1, 5));
    let second = numbered(&[catch("g-0", "100", 1, 5)]);
    let jobs = waiting(&[&numbered(&first), &second]);
    let other = cell(&shared, "g-1");
    std::thread::scope(|scope| {
        // While it is read, the other game holds up all that comes after the half ring.
        let reader = other.game.read();
        scope.spawn(|| own(&shared, 0, &jobs));
        assert_eq!(next_notice(&inbox, "half a ring")[..], [busy]);
        assert!(inbox.notices.is_empty(), "told once");
        drop(reader);
        assert_eq!(next_notice(&inbox, "the rest")[..], [busy]);
    });
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
                        slot.map_or(StatLine::ZERO, |slot| slot.line())
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
            shared.apply(catch("g-0", &kept, 1, 7), NOW, AT);
            shared.apply(catch("g-0", &kept, 2, 4), NOW, AT);
            shared.apply(catch("g-0", &gone, 1, 0), NOW, AT);
            // The reader keeps up, or a slow machine would prove nothing.
            while reads.load(Ordering::Acquire) < place / 10 && !reader.is_finished() {
                std::thread::yield_now();
            }
        }
        done.store(true, Ordering::Release);
        assert_eq!(reader.join().unwrap(), 3 * plays);
    });
}

/// The engine's own limit, a second, ended the wait for the log: it said that the engine was behind, and the
/// log's limit was never met.
#[test]
fn a_log_that_is_behind_says_so_itself() {
    let (release, held) = flume::bounded::<()>(0);
    let (begins, begun) = flume::bounded(1);
    let owners = Owners::start(Arc::new(shared(LIMITS)));
    let opening = store::open(Path::new("/log"), Arc::new(FaultyFiles::new(1))).unwrap();
    let settings = Settings {
        durability: Durability::Group,
        segment_bytes: 1 << 20,
        queue_batches_max: 1,
        unsynced_bytes_max: 1 << 20,
        group_wait_us: 0,
        // Longer than the engine waits for its owners.
        commit_timeout_ms: 1_200,
        retry_ms: 10,
    };
    let engine = Engine::logged(owners, |owners| {
        opening.begin(Header::default(), settings, move |parcel| {
            let _ = begins.try_send(());
            let _ = held.recv();
            owners.deliver(parcel);
        })
    });
    let engine = engine.unwrap();
    block_on(async {
        let hand_over = || engine.hand_over(batch(&engine, &[catch("g-0", "1", 1, 7)]));
        let _first = hand_over().await.unwrap();
        begun.recv_async().await.unwrap();
        let _waits = hand_over().await.unwrap();
        let refused = hand_over().await.err();
        assert_eq!(refused, Some(SubmitError::Log(Refused::Full)));
    });
    drop(release);
}

#[test]
fn an_engine_that_nobody_holds_ends_its_threads() {
    let engine = engine(2);
    let shared = Arc::downgrade(engine.games().first());
    drop(engine);
    let ended = (0..500).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        shared.strong_count() == 0
    });
    assert!(ended);
}
