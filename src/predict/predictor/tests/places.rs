//! Which games have a place, where there are more than may be watched.

use super::*;
use PlayKind::{Pass, Punt};
use Side::{Away, Home};

const SURE: [f32; 5] = [0.15, 0.75, 0.05, 0.05, 0.0];

/// The first snap of a game, and the play.
fn snap(name: &str) -> Recap {
    begun().coming(Home, 1).of(name)
}

fn taken(name: &str) -> Recap {
    snap(name).and(play(1, Pass, Home, 1))
}

fn over(name: &str, score: Option<[u16; 2]>) -> Recap {
    let mut over = taken(name);
    (over.status, over.score) = (GameStatus::Final, score);
    over
}

/// Places for four.
fn full() -> Rig {
    let mut rig = Rig::new(SURE);
    for name in ["a", "b", "c", "d"] {
        assert_eq!(predictions(&rig.moved(&snap(name))).len(), 3);
        rig.now.steady_us += 1;
    }
    rig
}

#[test]
fn games_that_are_over_and_judged_leave_their_places() {
    let mut rig = Rig::new(SURE);
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        assert_eq!(predictions(&rig.moved(&snap(name))).len(), 3, "{name}");
        assert_eq!(outcomes(&rig.moved(&over(name, Some([7, 0])))).len(), 3, "{name}");
        assert_eq!(rig.predictor.games.watched(), 0);
    }
    assert_eq!(rig.predictor.take_counts().crowded, 0);
    // Of as many as may be watched it is known how they were called.
    assert_eq!(rig.predictor.tonight(rig.now), tally(4, 4));
    assert!(rig.moved(&over("h", Some([7, 0]))).is_empty(), "judged once");
}

#[test]
fn games_that_were_over_when_they_were_found_take_no_place() {
    let mut rig = full();
    for name in ["e", "f", "g", "h", "i"] {
        assert!(rig.moved(&over(name, Some([7, 0]))).is_empty());
    }
    assert_eq!((rig.predictor.take_counts().crowded, rig.predictor.games.watched()), (0, 4));
}

#[test]
fn a_game_that_is_announced_takes_no_place() {
    let mut rig = Rig::new(SURE);
    for name in ["a", "b", "c", "d", "e"] {
        rig.moved(&begun().of(name));
    }
    assert_eq!((rig.predictor.take_counts().crowded, rig.predictor.games.watched()), (0, 0));
}

#[test]
fn a_game_that_has_not_moved_for_long_makes_room_and_its_tally_goes_on() {
    let mut rig = full();
    rig.moved(&taken("a"));
    // While all four move nobody has to go.
    assert!(rig.moved(&snap("e")).is_empty());
    assert_eq!(rig.predictor.take_counts().crowded, 1);
    rig.now.steady_us += SETTINGS.expires_us;
    for name in ["b", "c", "d"] {
        rig.moved(&taken(name));
    }
    assert_eq!(predictions(&rig.moved(&snap("e"))).len(), 3);
    assert_eq!((rig.predictor.games.watched(), rig.predictor.tonight(rig.now)), (4, tally(4, 4)));
    assert_eq!(
        rig.predictor.take_counts().crowded,
        1,
        "nobody judges its drive and its winner any more"
    );
    assert!(rig.moved(&taken("a").coming(Home, 2)).is_empty(), "it has left");
    assert_eq!(rig.predictor.take_counts().crowded, 1);
    rig.now.steady_us += SETTINGS.expires_us;
    let second = taken("a").coming(Home, 2);
    assert_eq!(predictions(&rig.moved(&second)).len(), 3);
    let judged = outcomes(&rig.moved(&second.and(play(2, Pass, Home, 2))));
    assert_eq!(judged[0].tally, tally(2, 2));
}

#[test]
fn what_is_over_and_cannot_be_judged_goes_first() {
    let mut rig = full();
    rig.now.steady_us += 1;
    // Without a score nobody has won.
    assert_eq!(outcomes(&rig.moved(&over("d", None))).len(), 2);
    assert_eq!(rig.predictor.games.watched(), 4);
    assert_eq!(rig.predictor.take_counts().crowded, 0);
    assert_eq!(predictions(&rig.moved(&snap("e"))).len(), 3);
    assert_eq!(rig.predictor.take_counts().crowded, 1);
    let mut punted = snap("a").and(play(1, Punt, Home, 1));
    assert_eq!(outcomes(&rig.moved(&punted)).len(), 2, "the others stay");
    punted = punted.coming(Away, 1);
    assert_eq!(predictions(&rig.moved(&punted)).len(), 3);
}
