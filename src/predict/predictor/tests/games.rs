//! How predictions turn out, on made-up games.

use super::*;
use crate::model::prediction::{DriveEnd, PlayCall, Source, Verdict};
use PlayKind::{Kickoff, NoPlay, Pass, Punt, Run, Timeout};
use Side::{Away, Home};

const SURE: [f32; 5] = [0.15, 0.75, 0.05, 0.05, 0.0];

fn next_play(outcome: &Outcome) -> (PlayCall, PlayCall, u16) {
    let Verdict::NextPlay { call, actual } = outcome.verdict else {
        panic!("{outcome:?}")
    };
    (call, actual, outcome.probability.get())
}

#[test]
fn calls_are_judged_by_the_play_that_comes() {
    let mut rig = Rig::new(SURE);
    let game = begun().coming(Home, 1);
    rig.moved(&game);
    let game = game.and(play(1, Pass, Home, 1)).coming(Home, 2);
    let said = rig.moved(&game);
    let judged = outcomes(&said);
    assert_eq!(judged.len(), 1);
    assert_eq!(next_play(&judged[0]), (PlayCall::Pass, PlayCall::Pass, 8_333));
    assert_eq!((judged[0].tally, judged[0].after_play.clone()), (tally(1, 1), None));
    assert!(matches!(said[0], Bulletin::Outcome(_)), "before the next prediction");
    assert_eq!(said.len(), 4);
    let game = game.and(play(2, Timeout, Home, 0)).coming(Home, 2);
    assert!(outcomes(&rig.moved(&game)).is_empty(), "a timeout judges nobody");
    let judged = outcomes(&rig.moved(&game.and(play(3, Run, Home, 2))));
    assert_eq!(
        (next_play(&judged[0]), judged[0].tally),
        ((PlayCall::Pass, PlayCall::Run, 1_667), tally(1, 2))
    );
    assert_eq!(rig.predictor.tonight(rig.now), tally(1, 2));
    rig.now.steady_us += 13 * 3_600_000_000;
    assert_eq!(rig.predictor.tonight(rig.now), tally(0, 0), "another night");
}

#[test]
fn what_is_neither_run_nor_dropback_is_judged_by_its_kind_and_is_no_call() {
    let mut rig = Rig::new([0.02, 0.08, 0.9, 0.0, 0.0]);
    let game = begun().coming(Home, 4);
    rig.moved(&game);
    let judged = outcomes(&rig.moved(&game.and(play(1, Punt, Home, 4))));
    assert_eq!(next_play(&judged[0]), (PlayCall::Punt, PlayCall::Punt, 9_000));
    assert_eq!(judged[0].tally, tally(0, 0));
    let Verdict::Drive { call, actual } = judged[1].verdict else {
        panic!("the drive")
    };
    assert_eq!((call, actual, judged[1].probability.get()), (DriveEnd::Punt, DriveEnd::Punt, 4_000));
}

#[test]
fn a_play_that_a_penalty_undid_judges_nobody() {
    let mut rig = Rig::new(SURE);
    let game = begun().coming(Home, 1);
    rig.moved(&game);
    let undone = rig.moved(&game.clone().and(play(1, NoPlay, Home, 1)));
    assert!(undone.is_empty());
    assert!(rig.predictor.tracker().tracked().is_empty());
    let mut flagged = play(1, Pass, Home, 1);
    flagged.no_play = true;
    rig.moved(&game);
    assert!(rig.moved(&game.and(flagged)).is_empty());
}

#[test]
fn every_prediction_of_a_drive_counts_and_the_last_is_told() {
    let mut rig = Rig::new(SURE);
    let mut game = begun();
    for (id, down) in [(1, 1), (2, 2), (3, 3)] {
        game = game.coming(Home, down);
        assert!(outcomes(&rig.moved(&game)).len() <= 1);
        game = game.and(play(id, Run, Home, down));
    }
    // The second of them is corrected while the drive goes on: to what undoes it.
    rig.moved(&game);
    (game.plays[1].kind, game.plays[1].no_play) = (NoPlay, true);
    game = game.coming(Home, 4);
    rig.moved(&game);
    let judged = outcomes(&rig.moved(&game.and(play(4, Punt, Home, 4))));
    let told: Vec<_> = judged
        .iter()
        .filter(|outcome| matches!(outcome.verdict, Verdict::Drive { .. }))
        .collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].play, PlayId::new("4"));
    assert_eq!(told[0].after_play, PlayId::new("3"));
    let of_drives = rig
        .predictor
        .tracker()
        .tracked()
        .iter()
        .filter(|tracked| tracked.task == Task::Drive);
    assert_eq!(
        of_drives.map(|tracked| tracked.figures.outcomes).collect::<Vec<_>>(),
        [3, 3],
        "model and history"
    );
    let drives = rig.predictor.models.scored.iter().filter(|(task, _)| *task == Task::Drive);
    assert_eq!(drives.count(), 1, "one drive, to those who compare versions");
}

#[test]
fn a_drive_is_judged_before_the_other_teams_is_predicted() {
    let mut rig = Rig::new(SURE);
    let game = begun().coming(Home, 1);
    rig.moved(&game);
    let mut lost = play(1, Pass, Home, 1);
    lost.turnover = true;
    let game = game.and(lost);
    rig.moved(&game);
    let said = rig.moved(&game.coming(Away, 1));
    let Bulletin::Outcome(outcome) = &said[0] else {
        panic!("the outcome first")
    };
    let Verdict::Drive { actual, .. } = outcome.verdict else {
        panic!("{outcome:?}")
    };
    assert_eq!((actual, said.len()), (DriveEnd::Turnover, 4));
}

/// A game of one play that is over.
fn over(score: [u16; 2]) -> Recap {
    let mut over = begun().and(play(1, Pass, Home, 1));
    (over.status, over.score) = (GameStatus::Final, Some(score));
    over
}

#[test]
fn the_winner_is_judged_when_the_game_is_over_and_a_tie_is_nobodys() {
    for (score, right, given, counted) in [([7, 3], true, 7_500, 1), ([3, 7], false, 2_500, 1), ([3, 3], false, 0, 0)] {
        let mut rig = Rig::new(SURE);
        rig.moved(&begun().coming(Home, 1));
        let judged = outcomes(&rig.moved(&over(score)));
        let last = judged.last().unwrap();
        assert!(matches!(last.verdict, Verdict::Win { .. }));
        assert_eq!(
            (last.verdict.is_right(), last.probability.get(), last.play.clone()),
            (right, given, None)
        );
        let of_winner = rig.predictor.models.scored.iter().filter(|(task, _)| *task == Task::Win);
        assert_eq!(of_winner.count(), counted);
        assert!(rig.moved(&over(score)).is_empty(), "judged once");
    }
}

#[test]
fn a_final_game_is_history_once() {
    let mut rig = Rig::new(SURE);
    let team = Team::new("AAA").unwrap();
    let rating = |rig: &Rig| rig.predictor.knowledge.history.before(&team, Some(KICKOFF_US + 7 * DAY_US));
    assert_eq!(rating(&rig).tally.calls, 0.0);
    rig.hears(News::Found, Some(&over([21, 0])));
    let once = rating(&rig);
    assert_eq!(once.tally.calls, 1.0);
    assert!(once.rating > 0.0);
    let mut taken_back = over([21, 0]);
    taken_back.status = GameStatus::Live;
    rig.moved(&taken_back);
    assert_eq!(rating(&rig).tally.calls, 0.0, "it is not over");
    rig.moved(&over([21, 0]));
    assert_eq!(rating(&rig), once);
    // As it ended at last.
    rig.moved(&taken_back);
    let longer = over([21, 28]).and(play(2, Run, Home, 2));
    rig.moved(&longer);
    assert_eq!(rating(&rig).tally.calls, 2.0);
    assert!(rating(&rig).rating < 0.0);
}

#[test]
fn what_was_judged_is_not_judged_again() {
    let mut rig = Rig::new(SURE);
    let game = begun().coming(Home, 1);
    rig.moved(&game);
    let mut game = game.and(play(1, Pass, Home, 1));
    assert_eq!(outcomes(&rig.moved(&game)).len(), 1);
    game.plays[0].kind = Run;
    assert!(rig.hears(News::Correction, Some(&game)).is_empty());
}

#[test]
fn several_plays_between_two_looks_judge_by_the_first() {
    let mut rig = Rig::new(SURE);
    rig.moved(&begun().coming(Home, 1));
    let game = begun().and(play(1, Run, Home, 1)).and(play(2, Pass, Home, 2)).coming(Home, 3);
    let said = rig.moved(&game);
    let [outcome] = &outcomes(&said)[..] else { panic!("one outcome") };
    assert_eq!((outcome.play.clone(), next_play(outcome).1), (PlayId::new("1"), PlayCall::Run));
    assert!(matches!(outcome.source, Source::Model { .. }));
}

#[test]
fn a_kickoff_judges_nobody() {
    let mut rig = Rig::new(SURE);
    let game = begun().coming(Home, 0);
    assert_eq!(predictions(&rig.moved(&game)).len(), 1);
    assert!(rig.moved(&game.and(play(1, Kickoff, Home, 0))).is_empty());
    assert!(rig.predictor.tracker().tracked().is_empty());
}
