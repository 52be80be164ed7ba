//! Games that are over, told otherwise later, or told what cannot be.

use super::forecasts::*;
use crate::model::prediction::Source;
use crate::model::{GameHead, GameLines, GameStatus, PlayerLines, Points, Side, Team};
use crate::predict::onnx::{Model, Network, RunError, Serving, Signature};
use crate::predict::points::forecaster::{Forecaster, Settings};
use crate::predict::points::models::Loaded;
use crate::predict::points::past::Past;
use crate::predict::points::projections::Projections;
use crate::predict::points::rules::Rules;
use crate::predict::points::season;
use crate::predict::points::task::Task;
use crate::scoring::Rulesets;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn over(week: i64, players: Vec<PlayerLines>) -> GameLines {
    lines(week, GameStatus::Final, Some((4, 0)), players)
}

#[test]
fn a_final_game_is_told_once_and_one_without_players_never() {
    let (mut forecaster, table) = forecaster(eight());
    let nobody = lines(0, GameStatus::Live, Some((1, 900)), Vec::new());
    assert!(forecaster.game(&nobody, cause()).is_none());
    assert!(forecaster.game(&over(0, two()), cause()).is_some());
    let corrected = || over(0, vec![player("a", Side::Home, caught(1, 0))]);
    assert!(forecaster.game(&corrected(), cause()).is_none());
    assert_eq!(
        table.game(&id("a")).unwrap().points,
        Points(10_000),
        "asked for, it is as it is now"
    );
    // It goes on after all.
    assert!(
        forecaster
            .game(&lines(0, GameStatus::Live, Some((4, 60)), two()), cause())
            .is_some()
    );
    assert!(forecaster.game(&over(0, two()), cause()).is_some());
    assert_eq!(forecaster.counts().told, 3);
}

#[test]
fn who_is_not_told_of_any_more_has_no_projection() {
    let (mut forecaster, table) = forecaster(none());
    forecaster.game(&over(0, two()), cause());
    // The week after one of them plays, the other is expected to.
    let only_b = || vec![player("b", Side::Away, caught(2, 0))];
    forecaster.game(&lines(1, GameStatus::Halftime, None, only_b()), cause());
    assert_eq!(table.game(&id("a")).unwrap().game.as_str(), "g1");
    forecaster.game(&over(1, only_b()), cause());
    assert_eq!(table.game(&id("a")), None, "he did not play");
    assert_eq!(table.game(&id("b")).unwrap().points, Points(20_000));
}

/// A model that says what nobody can have is not believed of anybody: then nothing told is its word.
#[test]
fn a_frame_without_a_models_word_is_historys() {
    let (mut forecaster, table) = forecaster(of_points(Eight(5_000.0)));
    let prediction = forecaster.game(&lines(0, GameStatus::Live, Some((2, 0)), two()), cause()).unwrap();
    assert_eq!((&prediction.source, forecaster.counts().plain), (&Source::Historical, 1));
    assert_eq!(table.game(&id("a")).unwrap().source, Source::Historical);
    // What is exact is no model's either.
    let end = forecaster.game(&over(0, two()), cause()).unwrap();
    assert_eq!(end.source, Source::Historical);
}

#[test]
fn a_game_told_of_another_week_or_other_clubs_counts_once() {
    let (mut forecaster, table) = forecaster(none());
    forecaster.game(&over(0, two()), cause());
    let mut elsewhere = over(0, two());
    let head = GameHead {
        kickoff: Some(KICKOFF_US + 2 * WEEK_US),
        ..(*elsewhere.head).clone()
    };
    elsewhere.head = Arc::new(head);
    forecaster.game(&elsewhere, cause());
    while forecaster.seasons(cause().now, 10) {}
    let season = table.season(&id("a")).unwrap();
    assert_eq!((season.games, season.weeks_left), (1, 12), "the fifth week");
    let mut others = elsewhere;
    let head = GameHead {
        teams: Some((Team::new("CCC").unwrap(), Team::new("BBB").unwrap())),
        ..(*others.head).clone()
    };
    others.head = Arc::new(head);
    others.players.remove(0);
    forecaster.game(&others, cause());
    while forecaster.seasons(cause().now, 10) {}
    assert_eq!(table.season(&id("a")), None, "he has no game");
    assert_eq!(table.season(&id("b")).unwrap().games, 1);
}

#[test]
fn who_did_not_play_after_all_has_no_season() {
    let (mut forecaster, table) = forecaster(none());
    forecaster.game(&over(0, two()), cause());
    while forecaster.seasons(cause().now, 10) {}
    assert!(table.season(&id("a")).is_some());
    forecaster.game(&over(0, vec![player("b", Side::Away, caught(1, 0))]), cause());
    while forecaster.seasons(cause().now, 10) {}
    assert_eq!(table.season(&id("a")), None, "his only game is not his");
    assert!(table.season(&id("b")).is_some());
}

/// A final game with another kickoff, or another home team.
fn told_as(mut game: GameLines, kickoff: Option<i64>, home: &str) -> GameLines {
    let teams = Some((Team::new(home).unwrap(), Team::new("BBB").unwrap()));
    let head = GameHead {
        kickoff,
        teams,
        ..(*game.head).clone()
    };
    game.head = Arc::new(head);
    game
}

#[test]
fn a_game_that_is_moved_takes_no_other_with_it() {
    let (mut forecaster, table) = forecaster(none());
    // The second week's game is told of the first one's week, then the first one is told.
    forecaster.game(&told_as(over(1, two()), Some(KICKOFF_US), "AAA"), cause());
    forecaster.game(&over(0, two()), cause());
    forecaster.game(&over(1, two()), cause());
    while forecaster.seasons(cause().now, 10) {}
    for name in ["a", "b"] {
        assert_eq!(table.season(&id(name)).unwrap().games, 2, "{name}");
    }
}

#[test]
fn a_game_that_is_moved_to_where_none_is_forecast_counts_no_more() {
    let nobodys = |mut game: GameLines| {
        let head = GameHead {
            teams: None,
            ..(*game.head).clone()
        };
        game.head = Arc::new(head);
        game
    };
    let elsewhere = [
        told_as(over(0, two()), Some(KICKOFF_US - 8 * WEEK_US), "AAA"),
        told_as(over(0, two()), None, "AAA"),
        nobodys(over(0, two())),
    ];
    for moved in elsewhere {
        let (mut forecaster, table) = forecaster(none());
        forecaster.game(&over(0, two()), cause());
        while forecaster.seasons(cause().now, 10) {}
        assert!(forecaster.game(&moved, cause()).is_none());
        while forecaster.seasons(cause().now, 10) {}
        assert!(forecaster.past().is_empty());
        assert_eq!(table.season(&id("a")), None);
        forecaster.game(&over(0, two()), cause());
        assert_eq!(forecaster.past().len(), 2, "it was right after all");
    }
}

#[test]
fn one_kickoff_in_another_year_moves_its_own_clubs_alone() {
    let (mut forecaster, table) = forecaster(none());
    for week in 0..3 {
        forecaster.game(&over(week, two()), cause());
    }
    let mut wrong = over(700, vec![player("c", Side::Home, caught(1, 0))]);
    let head = GameHead {
        teams: Some((Team::new("CCC").unwrap(), Team::new("DDD").unwrap())),
        ..(*wrong.head).clone()
    };
    wrong.head = Arc::new(head);
    forecaster.game(&wrong, cause());
    while forecaster.seasons(cause().now, 10) {}
    let season = |name: &str| table.season(&id(name)).map(|season| (season.season, season.weeks_left));
    assert_eq!((season("a"), season("b")), (Some((2017, 12)), Some((2017, 12))));
    assert_eq!(season("c").unwrap().0, 2031, "as it says");
}

#[test]
fn an_overtime_leaves_room_above_the_points() {
    let (mut forecaster, _) = forecaster(eight());
    for (week, catches) in [(0, 2), (1, 6)] {
        forecaster.game(&over(week, vec![player("a", Side::Home, caught(catches, 0))]), cause());
    }
    let mut at = |clock| {
        let game = lines(2, GameStatus::Live, Some(clock), two());
        let prediction = forecaster.game(&game, cause()).unwrap();
        assert!(clock.0 < 5 || prediction.source == Source::Historical, "no model knows overtimes");
        told(&prediction).iter().map(|one| numbers(one).1).collect::<Vec<_>>()
    };
    // A tenth of a game of 4 ± 2 points: 0.4, and 1.2816 × 2 × √0.1.
    assert_eq!(at((5, 900)), [[9.8, 9.8, 11.01], [1.0; 3]]);
    assert_eq!(at((6, 225))[0], [9.8, 9.8, 10.31]);
    assert_eq!(at((5, 0))[0], [9.8; 3]);
}

/// Who has no line yet may have one still, and everybody's interval has room, until the game is final.
#[test]
fn a_tie_as_the_clock_runs_out_has_an_overtime_ahead() {
    let (mut forecaster, _) = forecaster(eight());
    for (week, catches) in [(0, 2), (1, 6)] {
        let both = vec![player("a", Side::Home, caught(catches, 0)), player("b", Side::Away, caught(1, 0))];
        forecaster.game(&over(week, both), cause());
    }
    let mut at = |status, score| {
        let mut game = lines(2, status, Some((4, 0)), vec![player("a", Side::Home, caught(4, 58))]);
        game.score = Some(score);
        let prediction = forecaster.game(&game, cause()).unwrap();
        told(&prediction).iter().map(|one| numbers(one).1).collect::<Vec<_>>()
    };
    assert_eq!(at(GameStatus::Live, [7, 7]), [[9.8, 9.8, 11.01], [0.0, 0.0, 0.1]]);
    assert_eq!(at(GameStatus::Live, [7, 3]), [[9.8; 3], [0.0; 3]]);
    assert_eq!(at(GameStatus::Final, [7, 7]), [[9.8; 3]]);
}

#[test]
fn who_has_no_place_among_the_earlier_games_is_counted() {
    let table = Arc::new(Projections::new("draftkings".into(), 100));
    let rules = Rules::of(Rulesets::embedded().get("draftkings").unwrap());
    let settings = Settings { games_max: 4 };
    let mut forecaster = Forecaster::new(rules, none(), Past::new(1), table.clone(), settings);
    forecaster.game(&over(0, two()), cause());
    assert_eq!((forecaster.past().len(), forecaster.counts().left_out), (1, 1));
    while forecaster.seasons(cause().now, 10) {}
    assert!(table.season(&id("a")).is_some());
    forecaster.know(Past::new(1));
    assert_eq!(table.season(&id("a")), None, "nothing is known of him");
    forecaster.game(&over(1, two()), cause());
    assert_eq!(forecaster.counts().left_out, 2, "what was counted stays");
}

/// Counts rows.
struct Counting(Arc<AtomicUsize>);

impl Network for Counting {
    fn run(&mut self, features: &[f32], outputs: &mut [Vec<f32>]) -> Result<(), RunError> {
        let rows = features.len() / season::CLUB_FEATURES;
        // It is warmed up with zeros.
        if features.iter().any(|value| *value != 0.0) {
            self.0.fetch_add(rows, Ordering::Relaxed);
        }
        outputs[0].extend([20.0, 14.0, 27.0].repeat(rows));
        Ok(())
    }

    fn serving(&self) -> Serving {
        Serving::BUILT_IN
    }
}

#[test]
fn a_club_is_asked_about_once_until_it_has_played_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let mut models = none();
    let signature = Signature::new(season::CLUB_FEATURES, &[("per_game", 3)]);
    let model = Model::new(Box::new(Counting(asked.clone())), signature).unwrap();
    models.put(Loaded::made_up(Task::Club, model));
    let (mut forecaster, table) = forecaster(models);
    let six = || {
        let of = |side: Side, names: [&str; 3]| names.map(|name| player(name, side, caught(1, 5)));
        [of(Side::Home, ["a", "b", "c"]), of(Side::Away, ["d", "e", "f"])].concat()
    };
    for (week, expected) in [(0, 2), (1, 4)] {
        forecaster.game(&over(week, six()), cause());
        while forecaster.seasons(cause().now, 1) {}
        assert_eq!(asked.load(Ordering::Relaxed), expected);
    }
    for name in ["a", "f"] {
        assert_eq!(table.season(&id(name)).unwrap().club.as_ref().unwrap().1.points, Points(200_000));
    }
}
