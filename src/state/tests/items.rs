//! Which clock, situation and timeouts are the latest.

use super::harness::Harness;
use super::{Random, clock, play, retract, score, snap_event, timed};
use crate::model::{Event, Situation, SituationEvent};

fn seconds_left(harness: &Harness) -> Option<u16> {
    harness.game.view().clock.map(|clock| clock.seconds_left)
}

fn snap(after: &str, seconds_left: u16) -> Event {
    Event::Situation(SituationEvent {
        clock: Some(clock(seconds_left)),
        ..snap_event(Some(after), 1)
    })
}

#[test]
fn the_feeds_order_decides_not_the_arrival() {
    let mut harness = Harness::of(&[timed("20", 1, None, 700), timed("10", 1, None, 800)]);
    assert_eq!(seconds_left(&harness), Some(700));
    harness.take(&timed("10", 2, Some(30), 800));
    assert_eq!(seconds_left(&harness), Some(800), "a revision may move a play");
    harness.take(&timed("10", 3, None, 801));
    assert_eq!(seconds_left(&harness), Some(700), "a number is its own order");
}

#[test]
fn plays_whose_id_is_no_number_and_who_say_no_order_go_by_id_whichever_came_first() {
    let events = [timed("b", 1, None, 800), timed("a", 1, None, 700)];
    for seed in 0..10 {
        let mut harness = Harness::of(&Random(seed).shuffled(&events));
        assert_eq!(seconds_left(&harness), Some(800), "{seed}");
        harness.take(&timed("a", 2, Some(1), 710));
        assert_eq!(seconds_left(&harness), Some(710), "an order goes before none");
        harness.take(&timed("a", 3, None, 720));
        assert_eq!(seconds_left(&harness), Some(800), "the revision that stands says none");
    }
}

#[test]
fn the_snap_after_a_play_is_later_than_the_play_also_when_it_came_first() {
    for events in [
        [snap("20", 650), timed("10", 1, None, 800), timed("20", 1, None, 700)],
        [timed("20", 1, None, 700), snap("20", 650), timed("10", 1, None, 800)],
    ] {
        assert_eq!(seconds_left(&Harness::of(&events)), Some(650));
    }
}

#[test]
fn a_snap_that_came_first_takes_the_place_of_its_play() {
    let mut harness = Harness::of(&[snap("20", 650), timed("10", 1, None, 800)]);
    assert_eq!(seconds_left(&harness), Some(650));
    harness.take(&timed("20", 1, Some(5), 700));
    assert_eq!(seconds_left(&harness), Some(800), "play 20 was run before play 10");
}

#[test]
fn a_retracted_play_takes_its_clock_and_the_snap_after_it_along() {
    let events = [
        timed("10", 1, None, 800),
        snap("10", 790),
        timed("20", 1, None, 700),
        snap("20", 690),
        retract("20", 2),
    ];
    for seed in 0..50 {
        assert_eq!(seconds_left(&Harness::of(&Random(seed).shuffled(&events))), Some(790), "{seed}");
    }
    let mut harness = Harness::of(&events);
    harness.take(&timed("20", 3, None, 705));
    assert_eq!(seconds_left(&harness), Some(690));
}

#[test]
fn timeouts_stay_while_later_items_say_nothing_of_them() {
    let timeouts = Event::Situation(SituationEvent {
        timeouts: Some(score(&[("AAA", 3), ("BBB", 2)])),
        ..snap_event(Some("10"), 1)
    });
    let mut later = super::play_event("20", 1, &[]);
    later.situation = Some(Situation {
        down: Some(2),
        ..Situation::default()
    });
    let events = [timeouts, play("10", 1, &[]), Event::Play(later)];
    for seed in 0..20 {
        let harness = Harness::of(&Random(seed).shuffled(&events));
        assert_eq!(harness.game.view().timeouts, Some(score(&[("AAA", 3), ("BBB", 2)]).into()));
        assert_eq!(harness.game.view().situation.as_ref().and_then(|s| s.down), Some(2));
    }
}
