//! The gate, the cache and what is told of a coming snap.

use super::*;
use crate::model::Forecast;
use crate::model::prediction::{ForecastKind, Source};
use PlayKind::{Pass, Run};
use Side::{Away, Home};

const SURE: [f32; 5] = [0.15, 0.75, 0.05, 0.05, 0.0];
const UNSURE: [f32; 5] = [0.4, 0.5, 0.05, 0.05, 0.0];

fn is_model(source: &Source) -> bool {
    matches!(source, Source::Model { .. })
}

#[test]
fn a_sure_call_is_the_models_and_an_unsure_one_is_historys() {
    let coming = begun().coming(Home, 1);
    let told = predictions(&Rig::new(SURE).moved(&coming));
    assert_eq!(
        told.iter().map(|told| told.forecast.kind()).collect::<Vec<_>>(),
        ForecastKind::ALL[..3]
    );
    assert!(told.iter().all(|told| is_model(&told.source)));
    let Forecast::NextPlay { pass, kinds } = &told[0].forecast else {
        panic!("a call")
    };
    assert_eq!((pass.get(), told[0].confidence.get()), (8_333, 8_333));
    assert_eq!(kinds.map(|kind| kind.get()), [1_500, 7_500, 500, 500, 0]);
    assert_eq!((told[0].expires_us, told[0].made.0, told[0].ingest.0), (60_002_000, 1_000, 77));
    let Forecast::Win { home } = told[2].forecast else {
        panic!("a winner")
    };
    assert_eq!(home.get(), 7_500, "the team with the ball");

    let told = predictions(&Rig::new(UNSURE).moved(&coming));
    assert_eq!(
        told.iter().map(|told| is_model(&told.source)).collect::<Vec<_>>(),
        [false, true, true]
    );
    let Forecast::NextPlay { pass, .. } = told[0].forecast else {
        panic!("a call")
    };
    assert_eq!(told[0].confidence, pass.max(pass.rest()), "history's own");
}

#[test]
fn the_visitors_chance_is_not_the_hosts() {
    let told = predictions(&Rig::new(SURE).moved(&begun().coming(Away, 1)));
    let Forecast::Drive { team, .. } = &told[1].forecast else {
        panic!("a drive")
    };
    assert_eq!(team.as_str(), "BBB");
    let Forecast::Win { home } = told[2].forecast else {
        panic!("a winner")
    };
    assert_eq!(home.get(), 2_500);
}

#[test]
fn before_a_kick_only_the_winner_is_predicted() {
    let told = predictions(&Rig::new(SURE).moved(&begun().coming(Home, 0)));
    assert_eq!(
        told.iter().map(|told| told.forecast.kind()).collect::<Vec<_>>(),
        [ForecastKind::Win]
    );
}

#[test]
fn where_models_fail_or_give_no_probabilities_history_answers() {
    let coming = begun().coming(Home, 1);
    let mut rig = Rig::new(SURE);
    rig.predictor.models.is_failing = true;
    let told = predictions(&rig.moved(&coming));
    assert_eq!((told.len(), told.iter().any(|told| is_model(&told.source))), (3, false));
    assert_eq!(rig.predictor.take_counts().failed, 3);
    for wrong in [[f32::NAN; 5], [0.9; 5], [-0.5, 1.5, 0.0, 0.0, 0.0]] {
        let told = predictions(&Rig::new(wrong).moved(&coming));
        assert_eq!(
            told.iter().map(|told| is_model(&told.source)).collect::<Vec<_>>(),
            [false, true, true],
            "{wrong:?}"
        );
    }
}

#[test]
fn what_was_said_is_not_said_again_until_it_expires() {
    let coming = begun().coming(Home, 1);
    let mut rig = Rig::new(SURE);
    assert_eq!(rig.moved(&coming).len(), 3);
    assert_eq!(rig.moved(&coming).len(), 0);
    rig.now.wall_us += SETTINGS.expires_us;
    assert_eq!(rig.moved(&coming).len(), 3);
    assert_eq!(rig.predictor.models.runs.len(), 3, "each task once");
    assert_eq!(rig.predictor.take_counts().cached, 6);
}

#[test]
fn all_games_of_a_moment_are_one_batch() {
    let mut rig = Rig::new(SURE);
    let notice = |name: &str| Notice {
        game: GameId::new(name).unwrap(),
        news: News::Snap,
        ingest: IngestTime(77),
        feed_ts: None,
    };
    let read = |game: &GameId| Some(begun().coming(Home, 1).of(game.as_str()));
    let notices = ["a", "b", "c", "d", "e"].map(notice);
    let mut said = 0;
    rig.predictor.step(&notices, Effort::Whole, rig.now, &read, &mut |_| said += 1);
    assert_eq!(said, 12, "one game more than may be watched");
    let batch = |task| (task, 4);
    assert_eq!(rig.predictor.models.runs, [Task::NextPlay, Task::Drive, Task::Win].map(batch));
    let counts = rig.predictor.take_counts();
    assert_eq!((counts.crowded, counts.batches[2], counts.answered), (1, 3, 12));
}

#[test]
fn a_correction_before_the_snap_is_told_and_the_play_before_may_go() {
    let mut rig = Rig::new(SURE);
    let mut game = begun().and(play(1, Run, Home, 1)).coming(Home, 2);
    assert_eq!(rig.moved(&game).len(), 3);
    game.plays[0].yards = 9;
    assert_eq!(rig.hears(News::Correction, Some(&game)).len(), 3, "told anew");
    // The play that it follows is taken back: nothing says what the prediction was of.
    let after = begun().and(play(2, Pass, Home, 2));
    assert_eq!(rig.hears(News::Retraction, Some(&after)).len(), 0);
    let next = after.coming(Home, 3);
    assert_eq!(predictions(&rig.moved(&next)).len(), 3, "and it goes on");
}

#[test]
fn a_game_that_is_gone_is_forgotten() {
    let mut rig = Rig::new(SURE);
    rig.moved(&begun().coming(Home, 1));
    assert!(rig.hears(News::Gone, None).is_empty());
    assert_eq!(rig.predictor.games.watched(), 0);
}
