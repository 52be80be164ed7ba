//! How drives end, on made-up games.

use super::*;
use crate::model::prediction::DriveEnd;
use crate::predict::drives::drives;
use PlayKind::{ExtraPoint, FieldGoal, Kickoff, NoPlay, Pass, Punt, Run, Timeout};
use Side::{Away, Home};

/// The ends of all drives.
fn ends(recap: &Recap) -> Vec<Option<DriveEnd>> {
    drives(recap).into_iter().map(|drive| drive.end).collect()
}

fn with(play: RecapPlay, change: impl FnOnce(&mut RecapPlay)) -> RecapPlay {
    let mut play = play;
    change(&mut play);
    play
}

#[test]
fn a_kick_ends_a_drive_at_once() {
    let punted = begun().and(play(1, Run, Home, 1)).and(play(2, Punt, Home, 4));
    assert_eq!(ends(&punted), [Some(DriveEnd::Punt)]);
    let tried = |brings: [u8; 2], touchdown| {
        begun().and(with(play(1, FieldGoal, Home, 4), |play| {
            (play.points, play.touchdown) = (brings, touchdown);
        }))
    };
    assert_eq!(ends(&tried([3, 0], None)), [Some(DriveEnd::FieldGoal)]);
    assert_eq!(ends(&tried([0, 0], None)), [Some(DriveEnd::Other)]);
    assert_eq!(ends(&tried([0, 6], Some(Away))), [Some(DriveEnd::Other)], "blocked, and run back");
}

#[test]
fn a_touchdown_is_known_with_its_try_or_the_kickoff() {
    let scored = begun().and(with(play(1, Pass, Home, 3), |play| {
        (play.touchdown, play.points) = (Some(Home), [6, 0]);
    }));
    assert_eq!(ends(&scored), [None]);
    assert_eq!(ends(&scored.clone().and(play(2, Timeout, Home, 0))), [None]);
    assert_eq!(ends(&scored.clone().and(play(2, ExtraPoint, Home, 0))), [Some(DriveEnd::Touchdown)]);
    assert_eq!(ends(&scored.and(play(2, Kickoff, Home, 0))), [Some(DriveEnd::Touchdown)]);
}

#[test]
fn what_the_other_team_snaps_ends_a_drive() {
    let lost = begun().and(with(play(1, Pass, Home, 1), |play| play.turnover = true));
    assert_eq!(ends(&lost.clone().coming(Away, 1)), [Some(DriveEnd::Turnover)]);
    assert_eq!(ends(&lost.and(play(2, Run, Home, 1))), [None], "lost and won back");
    let stopped = begun().and(play(1, Run, Home, 4));
    assert_eq!(ends(&stopped), [None]);
    assert_eq!(ends(&stopped.clone().coming(Away, 1)), [Some(DriveEnd::Turnover)]);
    let nullified = stopped.clone().and(play(2, NoPlay, Away, 1));
    assert_eq!(ends(&nullified), [None], "a snap that a penalty undid is none");
    assert_eq!(ends(&stopped.and(play(2, Run, Away, 1))), [Some(DriveEnd::Turnover), None]);
    let converted = begun().and(with(play(1, Run, Home, 4), |play| play.first_down = true));
    assert_eq!(ends(&converted.clone().coming(Home, 1)), [None]);
    assert_eq!(ends(&converted.coming(Away, 1)), [Some(DriveEnd::Other)]);
}

#[test]
fn halves_end_drives_and_the_game_does() {
    let late = |play| with(play, |play: &mut RecapPlay| play.clock = clock(2));
    let early = |play| with(play, |play: &mut RecapPlay| play.clock = clock(3));
    let over = begun().and(late(play(1, Run, Home, 4))).and(early(play(2, Run, Away, 1)));
    assert_eq!(ends(&over), [Some(DriveEnd::Other), None], "the half was over, not the downs");
    let kicked_off = begun().and(late(play(1, Run, Home, 4))).and(early(play(2, Kickoff, Home, 0)));
    assert_eq!(ends(&kicked_off), [None], "who snaps next will tell");
    let mut ended = begun().and(play(1, Run, Home, 1));
    ended.status = GameStatus::Final;
    assert_eq!(ends(&ended), [Some(DriveEnd::Other)]);
}

#[test]
fn what_is_between_a_kickoff_and_another_is_no_single_drive() {
    let game = begun()
        .and(play(1, Kickoff, Away, 0))
        .and(play(2, Run, Home, 1))
        .and(play(3, Kickoff, Home, 0))
        .and(play(4, Run, Home, 1))
        .and(play(5, Punt, Home, 4));
    let found = drives(&game);
    assert_eq!(
        found.iter().map(|drive| (drive.first, drive.last)).collect::<Vec<_>>(),
        [(1, 1), (3, 4)]
    );
    assert_eq!(ends(&game), [Some(DriveEnd::Other), Some(DriveEnd::Punt)]);
}
