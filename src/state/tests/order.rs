//! The order and the repetition of events don't matter, and adding up as they come is the same as
//! adding up what stands. Points are held for every ruleset by the harness, change by change.

use super::arbitrary::arb_feed;
use super::harness::Harness;
use super::oracle::{expected, seen};
use super::{Random, game, play, retract};
use crate::model::{GameStatus, Stat, StatLine};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_order_and_repetition_of_events_ends_the_same(feed in arb_feed(), seed in any::<u64>()) {
        let first = seen(&Harness::of(&feed));
        prop_assert_eq!(&first, &seen(&Harness::of(&Random(seed).shuffled(&feed))));
    }

    #[test]
    fn adding_up_event_by_event_is_adding_up_what_stands(feed in arb_feed()) {
        let mut harness = Harness::new();
        for (count, event) in feed.iter().enumerate() {
            harness.take(event);
            prop_assert_eq!(seen(&harness), expected(&feed[..=count]));
        }
    }

    #[test]
    fn what_was_said_before_has_no_effect(feed in arb_feed()) {
        let mut harness = Harness::of(&feed);
        for event in &feed {
            prop_assert!(harness.take(event).is_none());
        }
    }
}

#[test]
fn a_correction_back_and_forth_is_exact() {
    let mut harness = Harness::of(&[game(1, GameStatus::Live, None)]);
    harness.take(&play("1", 1, &[("p-0", "AAA", 15, 24), ("p-1", "AAA", 21, 24)]));
    let before = seen(&harness);
    for rev in 1..200 {
        harness.take(&play("1", 2 * rev, &[("p-0", "AAA", 16, 25), ("p-2", "AAA", 22, 25)]));
        assert_eq!(harness.points("p-2", "standard"), "8.5");
        assert_eq!(harness.points("p-1", "standard"), "0");
        let change = harness.take(&play("1", 2 * rev + 1, &[("p-0", "AAA", 15, 24), ("p-1", "AAA", 21, 24)]));
        assert_eq!(change.unwrap().moves.len(), 4, "passer, both catchers and the other side's defence");
        assert_eq!(seen(&harness), before);
    }
}

#[test]
fn a_bonus_is_earned_and_taken_back() {
    let mut harness = Harness::new();
    let catches = |rev, yards| play("1", rev, &[("p-0", "AAA", 21, yards)]);
    harness.take(&catches(1, 99));
    assert_eq!(harness.points("p-0", "draftkings"), "10.9");
    harness.take(&play("2", 1, &[("p-0", "AAA", 23, 1)]));
    assert_eq!(harness.points("p-0", "draftkings"), "14");
    harness.take(&catches(2, 98));
    assert_eq!(harness.points("p-0", "draftkings"), "10.9");
    harness.take(&retract("2", 2));
    assert_eq!(harness.points("p-0", "draftkings"), "10.8");
}

#[test]
fn a_play_dies_and_comes_back_in_any_order() {
    let events = [
        play("1", 1, &[("p-0", "AAA", 10, 5)]),
        retract("1", 2),
        play("1", 3, &[("p-0", "AAA", 10, 7)]),
        retract("1", 4),
    ];
    for seed in 0..50 {
        let harness = Harness::of(&Random(seed).shuffled(&events));
        assert_eq!(harness.line("p-0"), StatLine::ZERO);
        let harness = Harness::of(&Random(seed).shuffled(&events[..3]));
        assert_eq!(harness.line("p-0").get(Stat::RushingYards), 7);
    }
}
