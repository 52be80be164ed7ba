//! Limits have outcomes and counters of their own and cost nobody else anything.

use super::*;
use crate::feed::sequence::Verdict;
use crate::model::{Origin, SourceId};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// A state whose counters are its own.
fn counted(limits: EngineLimits) -> (Shared, PrometheusHandle) {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let metrics = metrics::with_local_recorder(&recorder, EngineMetrics::new);
    (Shared::new(hub(), limits, metrics), handle)
}

fn count(page: &PrometheusHandle, outcome: &str) -> u64 {
    let page = page.render();
    let name = format!("scorewire_events_total{{outcome=\"{outcome}\"}} ");
    page.lines()
        .find_map(|line| line.strip_prefix(&name))
        .map_or(0, |n| n.parse().unwrap())
}

fn sequenced(verdict: Verdict) -> Outcome {
    Outcome::Sequenced(verdict)
}

fn run(game: &str, play: &str, player: &str, team: &str) -> Event {
    event(&format!(
        r#"{{"type":"play","game":"{game}","play":"{play}","stats":[{{"player":"{player}","team":"{team}","stat":10,"yards":1}}]}}"#
    ))
}

fn retract(game: &str, play: &str, rev: u64) -> Event {
    event(&format!(r#"{{"type":"retract","game":"{game}","play":"{play}","rev":{rev}}}"#))
}

fn players(ids: &[&str]) -> Event {
    let list: Vec<String> = ids.iter().map(|id| format!(r#"{{"player":"{id}","name":"Name {id}"}}"#)).collect();
    event(&format!(r#"{{"type":"players","players":[{}]}}"#, list.join(",")))
}

#[test]
fn every_outcome_of_the_sequencer_has_a_counter() {
    let (shared, page) = counted(EngineLimits {
        plays_max: 4,
        sources: 2,
        ..LIMITS
    });
    let events = [
        (catch("g", "10", 1, 5), Verdict::Fresh),
        (catch("g", "5", 1, 5), Verdict::Late),
        (catch("g", "10", 2, 6), Verdict::Revision),
        (catch("g", "10", 1, 5), Verdict::Duplicate),
        (retract("g", "10", 3), Verdict::Retracted),
        (retract("g", "11", 2), Verdict::RetractedUnseen),
        (catch("g", "11", 1, 5), Verdict::Dead),
        (catch("g", "10", 4, 5), Verdict::Revived),
        (catch("g", "12", 1, 5), Verdict::Fresh),
        (catch("g", "13", 1, 5), Verdict::Full),
        (retract("g", "14", 1), Verdict::Full),
        (catch("g", "12", 2, 5), Verdict::Revision),
        (catch("h", "13", 1, 5), Verdict::Fresh),
    ];
    for (event, verdict) in &events {
        assert_eq!(shared.apply(event.clone(), NOW, AT), sequenced(*verdict), "{event:?}");
    }
    let second = Origin {
        source: SourceId(1),
        ingest: NOW,
    };
    assert_eq!(shared.apply(catch("g", "12", 7, 9), second, AT), sequenced(Verdict::Outranked));
    assert_eq!(count(&page, "outranked"), 1);
    for verdict in Verdict::ALL.into_iter().filter(|verdict| *verdict != Verdict::Outranked) {
        let expected = events.iter().filter(|(_, v)| *v == verdict).count() as u64;
        assert!(expected > 0);
        assert_eq!(count(&page, verdict.name()), expected, "{verdict:?}");
    }
    assert!(page.render().contains("scorewire_unannounced_games_total 2"));
}

#[test]
fn a_game_too_many_is_refused_and_the_others_go_on() {
    let (shared, page) = counted(EngineLimits { games_max: 2, ..LIMITS });
    let events = [
        catch("g-0", "1", 1, 5),
        catch("g-1", "1", 1, 5),
        catch("g-2", "1", 1, 5),
        catch("g-1", "2", 1, 5),
    ];
    let fresh = sequenced(Verdict::Fresh);
    assert_eq!(apply_all(&shared, &events), [fresh, fresh, Outcome::TooManyGames, fresh]);
    assert_eq!((shared.game_count(), count(&page, "too_many_games")), (2, 1));
    let alone = super::shared(LIMITS);
    apply_all(&alone, [&events[0], &events[1], &events[3]]);
    assert_eq!(all_shown(&shared), all_shown(&alone));
}

#[test]
fn owners_at_work_together_make_no_game_too_many() {
    let limits = EngineLimits { games_max: 10, ..LIMITS };
    let shared = shared(limits);
    let made: usize = std::thread::scope(|scope| {
        let owner = |thread: usize| {
            let shared = &shared;
            scope.spawn(move || {
                let game = |n: usize| catch(&format!("g-{thread}-{n}"), "1", 1, 5);
                (0..20)
                    .filter(|n| shared.apply(game(*n), NOW, AT) == sequenced(Verdict::Fresh))
                    .count()
            })
        };
        let owners: Vec<_> = (0..4).map(owner).collect();
        owners.into_iter().map(|owner| owner.join().unwrap()).sum()
    });
    assert_eq!((made, shared.game_count()), (10, 10));
}

#[test]
fn a_player_or_team_too_many_is_refused_and_known_ones_still_score() {
    let (shared, page) = counted(EngineLimits {
        game_players_max: 18,
        ..LIMITS
    });
    let fresh = sequenced(Verdict::Fresh);
    assert_eq!(shared.apply(run("g", "1", "p-0", "AAA"), NOW, AT), fresh);
    assert_eq!(shared.apply(run("g", "2", "p-1", "BBB"), NOW, AT), fresh);
    assert_eq!(shared.apply(run("g", "3", "p-2", "AAA"), NOW, AT), Outcome::TooManyPlayers);
    assert_eq!(shared.apply(run("g", "4", "p-1", "BBB"), NOW, AT), fresh);
    assert_eq!(shared.apply(run("h", "3", "p-2", "AAA"), NOW, AT), fresh, "another game has room");
    assert_eq!(count(&page, "too_many_players"), 1);
    // A feed that announces ever other teams is stopped too.
    let announce = |rev: usize| {
        let line = format!(r#"{{"type":"game","game":"h","rev":{rev},"status":"live","home":"H{rev}","away":"V{rev}"}}"#);
        shared.apply(event(&line), NOW, AT)
    };
    let refused = (1..40).filter(|rev| announce(*rev) == Outcome::TooManyPlayers).count();
    assert_eq!(refused, 32);
    assert_eq!(shared.apply(run("h", "4", "p-2", "AAA"), NOW, AT), fresh);
}

#[test]
fn a_full_directory_is_said_and_known_players_are_updated() {
    let (shared, page) = counted(EngineLimits { players_max: 2, ..LIMITS });
    assert_eq!(shared.apply(players(&["p-0", "p-1"]), NOW, AT), sequenced(Verdict::Fresh));
    assert_eq!(shared.apply(players(&["p-2", "p-0"]), NOW, AT), Outcome::DirectoryFull);
    assert_eq!(shared.cards.len(), 2);
    assert_eq!((count(&page, "fresh"), count(&page, "directory_full")), (1, 1));
    // Who is not in the directory scores all the same, under the id.
    shared.apply(run("g", "1", "p-2", "AAA"), NOW, AT);
    let game = shared.game(&GameId::new("g").unwrap()).unwrap();
    assert!(
        game.players
            .iter()
            .any(|slot| slot.who.card.name == "p-2" && slot.line() != StatLine::ZERO)
    );
}
