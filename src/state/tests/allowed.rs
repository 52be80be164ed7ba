//! Points allowed: live from plays, made up by the score, settled by the final score.

use super::harness::Harness;
use super::{game, play, retract, scored};
use crate::model::GameStatus::{Final, Live, Scheduled};
use crate::model::{Event, PlayEvent, Stat};

const TOUCHDOWN_RUN: (&str, &str, u16, i16) = ("p-0", "AAA", 11, 5);
const EXTRA_POINT: (&str, &str, u16, i16) = ("p-1", "AAA", 72, 0);
const KICKOFF: (&str, &str, u16, i16) = ("p-1", "AAA", 44, 65);

fn allowed(harness: &Harness, defence: &str) -> Option<i32> {
    let line = harness.line(defence);
    let shown = line.shown().find(|(stat, _)| *stat == Stat::PointsAllowed);
    assert_eq!(shown.is_some(), line.get(Stat::Begun) == 1);
    shown.map(|(_, points)| points)
}

fn of(events: &[Event]) -> Harness {
    Harness::of(events)
}

#[test]
fn nothing_is_allowed_nor_paid_before_kickoff_and_a_shutout_pays_once_it_has_begun() {
    let mut harness = of(&[game(1, Scheduled, Some(&[("AAA", 0), ("BBB", 0)]))]);
    assert_eq!(allowed(&harness, "dst:AAA"), None);
    assert_eq!(harness.points("dst:AAA", "draftkings"), "0");
    let change = harness.take(&play("1", 1, &[KICKOFF])).unwrap();
    assert_eq!(change.moves.len(), 3, "both defences begin, and the kicker is new");
    assert!(change.begun);
    assert_eq!(allowed(&harness, "dst:AAA"), Some(0));
    assert_eq!(harness.points("dst:AAA", "draftkings"), "10");
    harness.take(&retract("1", 2));
    assert_eq!(allowed(&harness, "dst:AAA"), None);
    assert_eq!(harness.points("dst:AAA", "draftkings"), "0");
    harness.take(&game(2, Live, None));
    assert_eq!(allowed(&harness, "dst:BBB"), Some(0));
}

#[test]
fn plays_alone_are_enough_and_the_game_may_be_announced_later() {
    let mut harness = of(&[play("1", 1, &[KICKOFF, ("p-9", "BBB", 33, 20)]), play("2", 1, &[TOUCHDOWN_RUN])]);
    assert_eq!((allowed(&harness, "dst:BBB"), allowed(&harness, "dst:AAA")), (Some(6), Some(0)));
    let change = harness.take(&game(1, Live, None)).unwrap();
    assert!(change.view_moved.status && change.moves.is_empty());
    harness.take(&play("3", 1, &[EXTRA_POINT]));
    assert_eq!(allowed(&harness, "dst:BBB"), Some(7));
}

#[test]
fn what_a_defence_scores_is_not_allowed_by_the_other() {
    // Interception and fumble returned, missed kick returned, blocked kick's recovery, conversion returned.
    for stat in [26, 28, 60, 62, 64, 404] {
        let harness = of(&[game(1, Live, None), play("1", 1, &[("p-0", "AAA", stat, 30), EXTRA_POINT])]);
        assert_eq!(allowed(&harness, "dst:BBB"), Some(1), "{stat}");
    }
    // Kick and punt returns, own fumbles, passes, runs and kicks are.
    for (stat, points) in [
        (34, 6),
        (46, 6),
        (56, 6),
        (108, 6),
        (16, 6),
        (11, 6),
        (70, 3),
        (75, 2),
        (77, 2),
        (72, 1),
    ] {
        let harness = of(&[game(1, Live, None), play("1", 1, &[("p-0", "AAA", stat, 30)])]);
        assert_eq!(allowed(&harness, "dst:BBB"), Some(points), "{stat}");
    }
}

#[test]
fn a_safety_counts_once_for_a_play_and_a_team() {
    let tackle = |who| (who, "AAA", 89, 0);
    let mut harness = of(&[game(1, Live, None), play("1", 1, &[tackle("p-0"), tackle("p-1"), tackle("p-2")])]);
    assert_eq!(harness.line("dst:AAA").get(Stat::Safeties), 1);
    assert_eq!(allowed(&harness, "dst:BBB"), Some(0));
    harness.take(&play("2", 1, &[tackle("p-0"), ("p-7", "BBB", 89, 0)]));
    assert_eq!(harness.line("dst:AAA").get(Stat::Safeties), 2);
    assert_eq!(harness.line("dst:BBB").get(Stat::Safeties), 1);
    // The score of 4 is all safeties: nothing to be made up.
    harness.take(&scored(Some("2"), 1, &[("AAA", 4), ("BBB", 2)]));
    assert_eq!(allowed(&harness, "dst:BBB"), Some(0));
    harness.take(&play("1", 2, &[tackle("p-0")]));
    assert_eq!(harness.line("dst:AAA").get(Stat::Safeties), 2);
}

#[test]
fn a_missing_try_is_made_up_by_the_score_that_goes_with_a_known_play() {
    let mut harness = of(&[game(1, Live, None), play("10", 1, &[("p-0", "AAA", 26, 30)])]);
    harness.take(&scored(Some("20"), 1, &[("AAA", 7), ("BBB", 0)]));
    assert_eq!(allowed(&harness, "dst:BBB"), Some(0), "play 20 is not there yet");
    let change = harness.take(&play("20", 1, &[])).unwrap();
    assert_eq!(allowed(&harness, "dst:BBB"), Some(1));
    assert!(change.view_moved.score);
    harness.take(&play("30", 1, &[("p-0", "AAA", 70, 30)]));
    assert_eq!(allowed(&harness, "dst:BBB"), Some(3), "until the next score says 10");
    harness.take(&scored(Some("30"), 1, &[("AAA", 10), ("BBB", 0)]));
    assert_eq!(allowed(&harness, "dst:BBB"), Some(4));
}

#[test]
fn a_score_goes_with_its_play_when_that_is_taken_back() {
    let mut harness = of(&[
        game(1, Live, None),
        play("10", 1, &[KICKOFF]),
        scored(Some("10"), 1, &[("AAA", 0), ("BBB", 0)]),
        play("20", 1, &[TOUCHDOWN_RUN]),
        scored(Some("20"), 1, &[("AAA", 6), ("BBB", 0)]),
    ]);
    assert_eq!(allowed(&harness, "dst:BBB"), Some(6));
    harness.take(&retract("20", 2));
    assert_eq!(allowed(&harness, "dst:BBB"), Some(0));
    assert_eq!(harness.game.view().score, Some(super::score(&[("AAA", 0), ("BBB", 0)]).into()));
    harness.take(&play("20", 3, &[TOUCHDOWN_RUN]));
    assert_eq!(allowed(&harness, "dst:BBB"), Some(6));
}

#[test]
fn neither_arrival_nor_order_decides_what_is_allowed() {
    let with_order = |id: &str, order| {
        Event::Play(PlayEvent {
            order,
            ..super::play_event(id, 1, &[KICKOFF])
        })
    };
    for orders in [(None, None), (Some(1), Some(2)), (Some(2), Some(1))] {
        let mut events = [
            game(1, Live, None),
            with_order("x", orders.0),
            scored(Some("x"), 1, &[("AAA", 7), ("BBB", 3)]),
            with_order("y", orders.1),
            scored(Some("y"), 1, &[("AAA", 6), ("BBB", 10)]),
        ];
        for _ in 0..2 {
            let mut harness = of(&events);
            let both = |harness: &Harness| (allowed(harness, "dst:AAA"), allowed(harness, "dst:BBB"));
            assert_eq!(both(&harness), (Some(10), Some(7)), "{orders:?}");
            harness.take(&scored(Some("y"), 2, &[("AAA", 9), ("BBB", 2)]));
            assert_eq!(both(&harness), (Some(3), Some(9)), "{orders:?}: a score is put right");
            harness.take(&retract("y", 2));
            assert_eq!(both(&harness), (Some(3), Some(7)), "{orders:?}: and goes with its play");
            events.reverse();
        }
    }
}

#[test]
fn the_final_score_is_the_last_word() {
    let mut harness = of(&[
        game(1, Live, Some(&[("AAA", 3), ("BBB", 0)])),
        play("10", 1, &[TOUCHDOWN_RUN, EXTRA_POINT]),
        scored(Some("10"), 1, &[("AAA", 8), ("BBB", 0)]),
    ]);
    assert_eq!(allowed(&harness, "dst:BBB"), Some(8));
    let change = harness.take(&game(2, Final, Some(&[("BBB", 0), ("AAA", 7)]))).unwrap();
    assert!(change.cause.urgent && change.view_moved.score);
    assert_eq!(allowed(&harness, "dst:BBB"), Some(7));
    harness.take(&play("20", 1, &[("p-0", "AAA", 70, 30)]));
    assert_eq!(allowed(&harness, "dst:BBB"), Some(7), "the list has one kick too many");
    let change = harness.take(&game(3, Final, Some(&[("AAA", 10), ("BBB", 0)]))).unwrap();
    assert!(change.cause.urgent);
    assert_eq!(allowed(&harness, "dst:BBB"), Some(10));
    harness.take(&game(4, Live, None));
    assert_eq!(allowed(&harness, "dst:BBB"), Some(10), "6, 1 and 3 by plays");
}

#[test]
fn the_score_shown_is_the_finals_else_the_latest_snaps_else_the_games() {
    let shown = |harness: &Harness| harness.game.view().score.as_ref().and_then(|score| score.of(&super::team("AAA")));
    let mut harness = of(&[game(1, Live, Some(&[("AAA", 3), ("BBB", 0)]))]);
    assert_eq!(shown(&harness), Some(3));
    assert_eq!(
        allowed(&harness, "dst:BBB"),
        Some(0),
        "a running score of its own goes with no play"
    );
    harness.take(&scored(None, 1, &[("AAA", 1), ("BBB", 0)]));
    assert_eq!(shown(&harness), Some(1));
    harness.take(&scored(Some("10"), 1, &[("AAA", 7), ("BBB", 0)]));
    assert_eq!(shown(&harness), Some(1));
    harness.take(&play("10", 1, &[TOUCHDOWN_RUN]));
    assert_eq!(shown(&harness), Some(7));
    harness.take(&game(2, Final, None));
    assert_eq!(shown(&harness), Some(7));
    harness.take(&game(3, Final, Some(&[("AAA", 6), ("BBB", 0)])));
    assert_eq!(shown(&harness), Some(6));
}
