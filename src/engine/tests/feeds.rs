//! Several feeds of one game: what subscribers see of them, what is counted, and what is noted.

use super::*;
use crate::engine::{Engine, Owners};
use crate::feed::sequence::Verdict;
use crate::feed::simulator::{Options, Simulator, Trouble};
use crate::model::{Origin, SourceId, Stat};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

const PRIMARY: SourceId = SourceId(0);
const SECOND: SourceId = SourceId(1);
const TWO: EngineLimits = EngineLimits { sources: 2, ..LIMITS };

fn by(source: SourceId) -> Origin {
    Origin { source, ingest: NOW }
}

fn game(shared: &Shared) -> GameSnapshot {
    shared.game(&id()).unwrap()
}

fn id() -> GameId {
    GameId::new("g").unwrap()
}

/// The catcher's yards.
fn yards(shared: &Shared) -> i32 {
    let game = game(shared);
    let catcher = game.players.iter().find(|slot| slot.who.card.player.as_str() == "catcher");
    catcher.unwrap().line().get(Stat::ReceivingYards)
}

/// A state of two feeds whose counters are its own.
fn counted() -> (Shared, PrometheusHandle) {
    let recorder = PrometheusBuilder::new().build_recorder();
    let page = recorder.handle();
    let shared = metrics::with_local_recorder(&recorder, || shared(TWO));
    (shared, page)
}

fn value(page: &PrometheusHandle, series: &str) -> f64 {
    let page = page.render();
    let value = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {series} in\n{page}")).parse().unwrap()
}

#[test]
fn a_play_that_both_tell_counts_once_and_moves_once() {
    let shared = shared(TWO);
    for (source, event) in [
        (SECOND, catch("g", "1", 5, 10)),
        (PRIMARY, catch("g", "1", 1, 10)),
        (PRIMARY, catch("g", "2", 1, 10)),
        (SECOND, catch("g", "2", 5, 10)),
    ] {
        shared.apply(event, by(source), AT);
    }
    assert_eq!((yards(&shared), game(&shared).seq), (20, 2));
}

#[test]
fn a_silence_is_filled_in_order_and_says_so() {
    let (shared, page) = counted();
    for (source, event) in [
        (PRIMARY, catch("g", "1", 1, 10)),
        (SECOND, catch("g", "1", 1, 10)),
        (SECOND, catch("g", "1", 2, 12)),
        (SECOND, catch("g", "2", 1, 5)),
    ] {
        shared.apply(event, by(source), AT);
    }
    assert_eq!((yards(&shared), game(&shared).seq), (15, 2));
    assert_eq!(shared.behind().iter().map(|behind| behind.source).collect::<Vec<_>>(), [PRIMARY]);
    shared.set_feeds(&shared.feed_levels(AT));
    assert_eq!(value(&page, r#"scorewire_feed_silent_games{source="primary"}"#), 0.0);
    assert_eq!(value(&page, r#"scorewire_feed_differences{about="points"}"#), 1.0);

    assert!(
        !shared.silent(PRIMARY, &GameId::new("other").unwrap(), AT),
        "nobody knows that game"
    );
    assert!(!shared.silent(SECOND, &id(), AT), "it is not behind");
    assert!(shared.silent(PRIMARY, &id(), AT));
    assert!(!shared.silent(PRIMARY, &id(), AT), "it is silent already");
    assert_eq!((yards(&shared), game(&shared).seq), (17, 3));
    shared.set_feeds(&shared.feed_levels(StateTime(AT.0 + 2_500_000)));
    for (series, expected) in [
        (r#"scorewire_feed_silent_games{source="primary"}"#, 1.0),
        (r#"scorewire_feed_silent_games{source="second"}"#, 0.0),
        (r#"scorewire_feed_silences_total{source="primary"}"#, 1.0),
        (r#"scorewire_feed_takeovers_total{by="silence"}"#, 1.0),
        (r#"scorewire_feed_takeovers_total{by="rank"}"#, 0.0),
        (r#"scorewire_feed_events_total{source="second"}"#, 3.0),
        (r#"scorewire_feed_last_heard_seconds{source="primary"}"#, 2.5),
        (r#"scorewire_feed_differences_total{about="points"}"#, 1.0),
    ] {
        assert_eq!(value(&page, series), expected, "{series}");
    }

    shared.apply(catch("g", "1", 2, 12), by(PRIMARY), AT);
    shared.set_feeds(&shared.feed_levels(AT));
    assert_eq!(value(&page, r#"scorewire_feed_silent_games{source="primary"}"#), 0.0);
    assert_eq!(value(&page, r#"scorewire_feed_differences{about="points"}"#), 0.0);
    assert_eq!((yards(&shared), game(&shared).seq), (17, 3), "it says what the second said");
}

#[test]
fn a_game_that_is_over_has_no_silent_feed() {
    let (shared, page) = counted();
    shared.apply(catch("g", "1", 1, 10), by(SECOND), AT);
    assert!(shared.silent(PRIMARY, &id(), AT));
    let over = r#"{"type":"game","game":"g","status":"final","home":"AAA","away":"BBB"}"#;
    shared.apply(event(over), by(SECOND), AT);
    shared.set_feeds(&shared.feed_levels(AT));
    assert_eq!(value(&page, r#"scorewire_feed_silent_games{source="primary"}"#), 0.0);
    assert_eq!(shared.behind(), []);
}

#[test]
fn a_game_that_another_feed_ended_was_heard_of_then() {
    let shared = shared(TWO);
    let at = |source, us| Origin {
        source,
        ingest: IngestTime(us),
    };
    let game = |status: &str, rev: u32| {
        event(&format!(
            r#"{{"type":"game","game":"g","status":"{status}","home":"AAA","away":"BBB","rev":{rev}}}"#
        ))
    };
    shared.apply(game("live", 1), at(PRIMARY, 100), AT);
    shared.apply(game("live", 1), at(SECOND, 400), AT);
    shared.apply(game("final", 2), at(SECOND, 500), AT);
    assert_eq!(shared.finished(), [], "the primary has not said so");
    assert!(shared.silent(PRIMARY, &id(), AT));
    assert_eq!(shared.finished(), [(id(), IngestTime(500))]);
}

#[test]
fn differences_are_noted_in_few_words_and_few_at_a_time() {
    let shared = shared(TWO);
    for play in 0..20 {
        shared.apply(catch("g", &play.to_string(), 1, 10), by(PRIMARY), AT);
        shared.apply(catch("g", &play.to_string(), 1, 11), by(SECOND), AT);
    }
    let noted = shared.take_noted();
    assert_eq!((noted.differences.len(), noted.omitted), (8, 12));
    let first = &noted.differences[0];
    assert_eq!((first.game.as_str(), first.item.as_str()), ("g", "play 0"));
    assert_eq!((first.source, first.other), (SECOND, PRIMARY));
    assert_eq!(
        (first.says.as_str(), first.stood.as_str()),
        (
            "passer stat 15 yards 11, catcher stat 21 yards 11, no clock",
            "passer stat 15 yards 10, catcher stat 21 yards 10, no clock"
        )
    );
    assert_eq!(shared.take_noted().differences.len(), 0, "each once");
}

#[test]
fn a_word_that_no_longer_fits_fills_no_silence() {
    let shared = shared(EngineLimits {
        game_players_max: 32,
        ..TWO
    });
    let run = |play: &str, rev: u64, player: &str| {
        event(&format!(
            r#"{{"type":"play","game":"g","play":"{play}","rev":{rev},"stats":[{{"player":"{player}","team":"AAA","stat":10,"yards":1}}]}}"#
        ))
    };
    shared.apply(run("1", 1, "p"), by(PRIMARY), AT);
    shared.apply(run("1", 1, "late"), by(SECOND), AT);
    let fits = (0..40).filter(|n| shared.apply(run("2", *n + 1, &format!("q-{n}")), by(SECOND), AT) != Outcome::TooManyPlayers);
    assert!(fits.count() < 40, "the game fills up");
    assert!(shared.silent(PRIMARY, &id(), AT));
    let game = game(&shared);
    let listed: Vec<&str> = game
        .players
        .iter()
        .filter(|slot| slot.is_listed())
        .map(|slot| slot.who.card.player.as_str())
        .collect();
    assert!(listed.contains(&"p") && !listed.contains(&"late"), "{listed:?}");
}

#[test]
fn one_feed_is_one_feed_whatever_its_origin_says() {
    let shared = shared(LIMITS);
    shared.apply(catch("g", "1", 2, 10), by(PRIMARY), AT);
    assert_eq!(
        shared.apply(catch("g", "1", 2, 90), by(SECOND), AT),
        Outcome::Sequenced(Verdict::Duplicate)
    );
    shared.apply(catch("g", "1", 3, 20), by(SourceId(200)), AT);
    assert_eq!((yards(&shared), shared.behind()), (20, Vec::new()));
}

/// A slate that the second feed tells with trouble of its own, some batches behind or ahead, through the
/// threads: it ends as the primary alone tells it, since both heal.
#[test]
fn two_feeds_through_the_threads_end_as_one() {
    let seed = 5;
    let slate = |trouble| -> Vec<Event> {
        let options = Options {
            seed,
            games: 3,
            trouble,
            ..Options::default()
        };
        Simulator::new(&options).flat_map(|step| step.events).collect()
    };
    let troubled = Trouble {
        corrections: 1_000,
        duplicates: 500,
        late: 500,
        ..Trouble::NONE
    };
    let (primary, second) = (slate(troubled), slate(Trouble::NONE));
    let alone = shared(LIMITS);
    apply_all(&alone, &second);

    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    for lead in [0, 3, 20] {
        let engine = Engine::new(Owners::start(Arc::new(shared(EngineLimits { threads: 2, ..TWO }))));
        runtime.block_on(async {
            let batch = |events: &[Event]| events.iter().cloned().enumerate().collect::<Vec<_>>();
            let (mut ahead, mut behind) = (second.chunks(40), primary.chunks(40));
            for step in 0..lead + second.len().max(primary.len()) / 40 + 1 {
                if let Some(events) = ahead.next() {
                    engine.submit(batch(events), by(SECOND)).await.unwrap();
                }
                if step >= lead
                    && let Some(events) = behind.next()
                {
                    engine.submit(batch(events), by(PRIMARY)).await.unwrap();
                }
                // Whoever is behind is called silent at once: however often that happens, both come round.
                for feed in engine.games().first().behind() {
                    engine.silent(feed.source, feed.game, NOW).await.unwrap();
                }
            }
            for events in behind {
                engine.submit(batch(events), by(PRIMARY)).await.unwrap();
            }
        });
        assert_eq!(
            all_shown(engine.games().first()),
            all_shown(&alone),
            "seed {seed}, {lead} batches ahead"
        );
        let noted = engine.games().first().take_noted();
        assert!(!noted.differences.is_empty(), "the primary's first versions were wrong");
    }
}
