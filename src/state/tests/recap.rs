//! What a forecast reads: which plays stand, in which order, what they came to, and which snap is coming.

use super::harness::Harness;
use super::{Random, game, play_event, play_id, retract, snap_event, team};
use crate::model::{Event, GameStatus, PlayEvent, PlayKind, Recap, RecapPlay, Side, Situation, SituationEvent};

fn kind(id: &str, rev: u64, kind: PlayKind, records: &[super::Record<'_>]) -> Event {
    Event::Play(PlayEvent {
        kind,
        ..play_event(id, rev, records)
    })
}

fn run(id: &str) -> Event {
    kind(id, 1, PlayKind::Run, &[("runner", "AAA", 10, 4)])
}

/// The coming snap, told by the down.
fn snap(after: Option<&str>, down: u8) -> Event {
    Event::Situation(SituationEvent {
        situation: Situation {
            down: Some(down),
            possession: Some(team("BBB")),
            ..Situation::default()
        },
        ..snap_event(after, 1)
    })
}

fn announced() -> Event {
    game(1, GameStatus::Live, Some(&[("BBB", 3), ("AAA", 7)]))
}

fn recap<'a>(events: impl IntoIterator<Item = &'a Event>) -> Recap {
    Harness::of(events).game.recap()
}

fn coming(recap: &Recap) -> Option<(Option<&str>, Option<u8>)> {
    let snap = recap.snap.as_ref()?;
    Some((snap.after_play.as_ref().map(|play| play.as_str()), snap.spot.down))
}

fn only(record: super::Record<'_>) -> RecapPlay {
    recap(&[announced(), kind("10", 1, PlayKind::Pass, &[record])]).plays.remove(0)
}

#[test]
fn plays_stand_in_the_feeds_order_whichever_came_first() {
    let mut moved = play_event("30", 2, &[]);
    moved.order = Some(5);
    let events = [
        run("10"),
        run("20"),
        run("30"),
        Event::Play(moved),
        run("40"),
        retract("40", 2),
        snap(Some("20"), 2),
    ];
    let told = recap(&events);
    let ids: Vec<&str> = told.plays.iter().map(|play| play.id.as_str()).collect();
    assert_eq!(ids, ["30", "10", "20"]);
    for seed in 0..50 {
        assert_eq!(recap(&Random(seed).shuffled(&events)), told, "{seed}");
    }
}

#[test]
fn a_snap_is_coming_until_the_ball_is_in_play() {
    let mut harness = Harness::of(&[snap(None, 1)]);
    assert_eq!(coming(&harness.game.recap()), Some((None, Some(1))), "the opening one");
    for event in [run("10"), snap(Some("10"), 2)] {
        harness.take(&event);
    }
    assert_eq!(coming(&harness.game.recap()), Some((Some("10"), Some(2))));
    harness.take(&kind("15", 1, PlayKind::Timeout, &[("-", "AAA", 68, 0)]));
    assert_eq!(coming(&harness.game.recap()), Some((Some("10"), Some(2))), "a timeout is no snap");
    harness.take(&run("20"));
    assert_eq!(coming(&harness.game.recap()), None);
    harness.take(&snap(Some("20"), 3));
    assert_eq!(coming(&harness.game.recap()), Some((Some("20"), Some(3))));
}

#[test]
fn a_retracted_play_takes_the_snap_after_it_along_and_the_one_before_is_coming_again() {
    let events = [run("10"), snap(Some("10"), 2), run("20"), snap(Some("20"), 3), retract("20", 2)];
    for seed in 0..50 {
        let told = recap(&Random(seed).shuffled(&events));
        assert_eq!(coming(&told), Some((Some("10"), Some(2))), "{seed}");
    }
}

#[test]
fn the_play_after_a_snap_is_the_first_that_put_the_ball_in_play() {
    let timeout = kind("15", 1, PlayKind::Timeout, &[]);
    let told = recap(&[run("10"), timeout, run("20"), run("30")]);
    let after = |play: Option<&str>| told.play_after(play.map(play_id).as_ref()).map(|play| play.id.as_str());
    assert_eq!(
        [None, Some("10"), Some("15"), Some("30")].map(after),
        [Some("10"), Some("20"), Some("20"), None]
    );
    assert_eq!(after(Some("25")), None, "which does not stand");
}

#[test]
fn records_say_what_a_play_came_to() {
    for (stat, yards) in [(10, 4), (13, -2), (15, 20), (20, -7)] {
        assert_eq!(only(("a", "AAA", stat, yards)).yards, yards, "{stat}");
    }
    assert_eq!(only(("a", "AAA", 21, 20)).yards, 0, "a reception is the pass again");
    for stat in [3, 4, 5] {
        assert!(only(("-", "AAA", stat, 0)).first_down, "{stat}");
    }
    for stat in [19, 106] {
        assert!(only(("a", "AAA", stat, 0)).turnover, "{stat}");
    }
    assert!(only(("-", "AAA", 68, 0)).timeout);
    let returned = only(("b", "BBB", 26, 30));
    assert_eq!((returned.touchdown, returned.points), (Some(Side::Away), [0, 6]));
    let kicked = only(("a", "AAA", 70, 30));
    assert_eq!((kicked.touchdown, kicked.points), (None, [3, 0]));
}

#[test]
fn a_revision_replaces_what_a_play_came_to() {
    let corrected = kind("10", 2, PlayKind::Sack, &[("a", "AAA", 20, -3)]);
    let told = recap(&[kind("10", 1, PlayKind::Pass, &[("a", "AAA", 16, 20)]), corrected]);
    let play = &told.plays[0];
    assert_eq!((play.kind, play.yards, play.touchdown), (PlayKind::Sack, -3, None));
}

#[test]
fn sides_are_known_once_the_game_is_announced() {
    let events = [kind("10", 1, PlayKind::Run, &[("b", "BBB", 11, 4)]), snap(Some("10"), 1)];
    let sides = |told: &Recap| (told.plays[0].touchdown, told.snap.as_ref().unwrap().spot.possession, told.score);
    let mut harness = Harness::of(&events);
    assert_eq!(sides(&harness.game.recap()), (None, None, None));
    harness.take(&announced());
    assert_eq!(sides(&harness.game.recap()), (Some(Side::Away), Some(Side::Away), Some([7, 3])));
}
