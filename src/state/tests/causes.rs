//! What a change says of itself, and when there is none to be seen. The kinds are held by the harness.

use super::harness::Harness;
use super::{game, play, retract, scored, timed};
use crate::model::GameStatus::{Final, Live, Scheduled};
use crate::model::{CauseKind, Event};

const RUN: (&str, &str, u16, i16) = ("p-0", "AAA", 10, 5);

#[test]
fn a_play_sent_again_under_a_higher_revision_shows_nothing() {
    let mut harness = Harness::of(&[game(1, Live, None), play("1", 1, &[RUN, ("p-1", "BBB", 79, 0)])]);
    let change = harness.take(&play("1", 2, &[("p-1", "BBB", 79, 0), RUN])).unwrap();
    assert!(!change.is_visible());
    assert!(!harness.take(&retract("2", 1)).unwrap().is_visible());
    assert!(!harness.take(&game(2, Live, None)).unwrap().is_visible());
}

#[test]
fn a_play_that_credits_nobody_shows_who_is_new_and_its_clock() {
    let mut harness = Harness::of(&[game(1, Live, None)]);
    let change = harness.take(&play("1", 1, &[("p-1", "BBB", 79, 0)])).unwrap();
    let [new] = &change.moves[..] else { panic!("{change:?}") };
    assert!(change.is_visible() && new.who.card.player == super::player("p-1") && new.delta.is_empty());
    assert!(!harness.take(&play("2", 1, &[("p-1", "BBB", 79, 0)])).unwrap().is_visible());
    assert!(!harness.take(&play("2", 2, &[("p-1", "BBB", 79, 0)])).unwrap().is_visible());
    assert!(!harness.take(&retract("1", 2)).unwrap().is_visible(), "another record names them");
    assert!(
        !harness.take(&retract("2", 3)).unwrap().is_visible(),
        "they are gone, and nothing moved"
    );
    assert_eq!(harness.take(&play("1", 3, &[("p-1", "BBB", 79, 0)])).unwrap().moves.len(), 1);
    let change = harness.take(&timed("3", 1, None, 800)).unwrap();
    assert!(change.is_visible() && change.view_moved.clock && change.moves.is_empty());
}

#[test]
fn a_score_named_the_other_way_round_has_not_moved() {
    let mut harness = Harness::of(&[play("1", 1, &[RUN]), scored(Some("1"), 1, &[("AAA", 3), ("BBB", 7)])]);
    let change = harness.take(&scored(Some("1"), 2, &[("BBB", 7), ("AAA", 3)])).unwrap();
    assert!(!change.is_visible());
}

#[test]
fn scoring_plays_corrections_retractions_and_finals_are_urgent() {
    let mut harness = Harness::of(&[game(1, Scheduled, None)]);
    let mut is_urgent = |event: &Event| harness.take(event).unwrap().cause.urgent;
    assert!(!is_urgent(&play("1", 1, &[RUN])));
    assert!(is_urgent(&play("2", 1, &[("p-0", "AAA", 11, 5)])));
    assert!(is_urgent(&play("3", 1, &[("p-1", "AAA", 72, 0)])));
    assert!(is_urgent(&play("1", 2, &[RUN])));
    assert!(is_urgent(&retract("1", 3)));
    assert!(is_urgent(&play("1", 4, &[RUN])), "a play that is back");
    assert!(is_urgent(&game(2, Live, None)));
    assert!(!is_urgent(&game(3, Live, Some(&[("AAA", 7), ("BBB", 0)]))));
    assert!(is_urgent(&game(4, Final, None)));
    assert!(
        is_urgent(&game(5, Final, Some(&[("AAA", 7), ("BBB", 0)]))),
        "the final score is put right"
    );
    assert!(!is_urgent(&scored(Some("2"), 1, &[("AAA", 6), ("BBB", 0)])));
}

#[test]
fn a_play_before_its_game_and_one_of_a_game_never_heard_of_count() {
    let mut harness = Harness::new();
    let change = harness.take(&play("1", 1, &[RUN])).unwrap();
    assert_eq!(
        (change.cause.kind, change.begun, &change.head.teams),
        (CauseKind::Play, true, &None)
    );
    assert!(change.view_moved.status, "it is being played");
    let change = harness.take(&game(1, Live, None)).unwrap();
    assert!(change.view_moved.status && change.head.teams.is_some());
    assert_eq!(harness.line("p-0").get(crate::model::Stat::RushingYards), 5);
}
