use crate::model::change::{GameHead, Member, PlayerCard};
use crate::model::prediction::{Forecast, PlayerForecast, Prediction, Source};
use crate::model::{Clock, GameId, GameLines, GameStatus, IngestTime, Now, PlayerId, PlayerLines, Points, Side, Stat, StatLine, Team};
use crate::predict::onnx::{Backend, Model, Network, RunError, Serving, Signature};
use crate::predict::points::features;
use crate::predict::points::forecaster::{Cause, Forecaster, Settings};
use crate::predict::points::models::{Loaded, Models};
use crate::predict::points::past::Past;
use crate::predict::points::projections::{Horizon, Projections};
use crate::predict::points::rules::Rules;
use crate::predict::points::task::Task;
use crate::predict::points::versions::shipped;
use crate::scoring::Rulesets;
use std::sync::Arc;

/// 2017-09-24 17:00 by universal time: the third week.
pub(super) const KICKOFF_US: i64 = 1_506_272_400_000_000;
pub(super) const WEEK_US: i64 = 7 * 86_400_000_000;
pub(super) const REST_US: i64 = 30_000_000;

/// Says of every player: 8 points more, 2 to 20, whatever the moment.
pub(super) struct Eight(pub(super) f32);

impl Network for Eight {
    fn run(&mut self, features: &[f32], outputs: &mut [Vec<f32>]) -> Result<(), RunError> {
        for _ in 0..features.len() / features::FEATURES {
            outputs[0].extend([self.0, 2.0, 20.0]);
        }
        Ok(())
    }

    fn serving(&self) -> Serving {
        Serving::BUILT_IN
    }
}

pub(super) fn eight() -> Models {
    of_points(Eight(8.0))
}

pub(super) fn none() -> Models {
    Models::new(3, REST_US)
}

pub(super) fn of_points(network: impl Network + 'static) -> Models {
    let mut models = none();
    let signature = Signature::new(features::FEATURES, &[("remaining", 3)]);
    let model = Model::new(Box::new(network), signature).unwrap();
    models.put(Loaded::made_up(Task::Points, model));
    models
}

pub(super) fn forecaster(models: Models) -> (Forecaster, Arc<Projections>) {
    let table = Arc::new(Projections::new("draftkings".into(), 100));
    let rules = Rules::of(Rulesets::embedded().get("draftkings").unwrap());
    let settings = Settings { games_max: 4 };
    (Forecaster::new(rules, models, Past::new(100), table.clone(), settings), table)
}

pub(super) fn cause() -> Cause {
    Cause {
        feed_ts: None,
        ingest: IngestTime(1),
        now: Now {
            steady_us: 5,
            wall_us: 1_000,
        },
    }
}

pub(super) fn id(player: &str) -> PlayerId {
    PlayerId::new(player).unwrap()
}

pub(super) fn caught(catches: i32, yards: i32) -> StatLine {
    let mut line = StatLine::ZERO;
    line.add(Stat::Receptions, catches);
    line.add(Stat::ReceivingYards, yards);
    line
}

pub(super) fn player(name: &str, side: Side, now: StatLine) -> PlayerLines {
    let card = PlayerCard::unknown(id(name));
    PlayerLines {
        who: Arc::new(Member {
            card: Arc::new(card),
            team: Team::new(if side == Side::Home { "AAA" } else { "BBB" }).unwrap(),
        }),
        side: Some(side),
        now,
        ends: [StatLine::ZERO; 3],
    }
}

pub(super) fn lines(week: i64, status: GameStatus, clock: Option<(u8, u16)>, players: Vec<PlayerLines>) -> GameLines {
    GameLines {
        head: Arc::new(GameHead {
            game: GameId::new(&format!("g{week}")).unwrap(),
            teams: Some((Team::new("AAA").unwrap(), Team::new("BBB").unwrap())),
            kickoff: Some(KICKOFF_US + week * WEEK_US),
        }),
        status,
        clock: clock.map(|(quarter, seconds_left)| Clock { quarter, seconds_left }),
        score: Some([7, 3]),
        last_play: None,
        players,
    }
}

/// A receiver of each side: 9.8 points, and 1 point.
pub(super) fn two() -> Vec<PlayerLines> {
    vec![player("a", Side::Home, caught(4, 58)), player("b", Side::Away, caught(1, 0))]
}

pub(super) fn told(prediction: &Prediction) -> &[PlayerForecast] {
    match &prediction.forecast {
        Forecast::Points { players, .. } => players,
        other => panic!("{other:?}"),
    }
}

pub(super) fn numbers(forecast: &PlayerForecast) -> (&str, [f64; 3]) {
    let points = |points: Points| points.0 as f64 / 1e4;
    (forecast.player.as_str(), [forecast.points, forecast.low, forecast.high].map(points))
}

#[test]
fn a_moment_is_its_points_and_the_mix_of_what_both_ends_say() {
    let (mut forecaster, table) = forecaster(eight());
    let mut at = |clock| {
        let game = lines(0, GameStatus::Live, Some(clock), two());
        let prediction = forecaster.game(&game, cause()).unwrap();
        told(&prediction).iter().map(|one| numbers(one).1).collect::<Vec<_>>()
    };
    assert_eq!(at((1, 0)), [[17.8, 11.8, 29.8], [9.0, 3.0, 21.0]]);
    assert_eq!(at((3, 450)), at((1, 0)), "both ends say the same");
    assert_eq!(
        at((4, 450)),
        [[13.8, 10.8, 19.8], [5.0, 2.0, 11.0]],
        "half of it, as nothing comes after the end"
    );
    assert_eq!(at((5, 450)), [[9.8; 3], [1.0; 3]]);
    let known = table.game(&id("a")).unwrap();
    assert_eq!((known.points, known.progress.get()), (Points(98_000), 10_000));
}

#[test]
fn a_game_that_is_over_is_told_exactly_and_is_in_the_past_of_later_ones_alone() {
    let (mut forecaster, _) = forecaster(none());
    let over = lines(0, GameStatus::Final, Some((4, 0)), two());
    let prediction = forecaster.game(&over, cause()).unwrap();
    assert_eq!(
        told(&prediction).iter().map(numbers).collect::<Vec<_>>(),
        [("a", [9.8; 3]), ("b", [1.0; 3])]
    );
    // Taken back, and live again: its own line is not among the earlier ones.
    let again = lines(0, GameStatus::Live, Some((3, 900)), two());
    assert_eq!(numbers(&told(&forecaster.game(&again, cause()).unwrap())[0]).1, [9.8; 3]);
    // The week after, half played: both are expected, one of them without a line.
    let next = lines(1, GameStatus::Halftime, None, vec![player("b", Side::Away, caught(2, 0))]);
    let prediction = forecaster.game(&next, cause()).unwrap();
    assert_eq!(prediction.source, Source::Historical);
    assert_eq!(
        told(&prediction).iter().map(numbers).collect::<Vec<_>>(),
        [("a", [4.9; 3]), ("b", [2.5; 3])]
    );
    // Corrected after its end, it is told anew and not twice.
    let corrected = lines(0, GameStatus::Final, None, vec![player("a", Side::Home, caught(1, 0))]);
    forecaster.game(&corrected, cause());
    let prediction = forecaster.game(&next, cause()).unwrap();
    assert_eq!(
        told(&prediction).iter().map(numbers).collect::<Vec<_>>(),
        [("b", [2.0; 3]), ("a", [0.5; 3])]
    );
}

#[test]
fn without_an_answer_the_baseline_is_told() {
    // It is warmed up with zeros and fails later.
    struct Late(u32);
    impl Network for Late {
        fn run(&mut self, features: &[f32], outputs: &mut [Vec<f32>]) -> Result<(), RunError> {
            let is_warm = features.iter().any(|value| *value != 0.0);
            self.0 += u32::from(is_warm);
            Eight(if is_warm { f32::NAN } else { 1.0 }).run(features, outputs)
        }

        fn serving(&self) -> Serving {
            Serving::BUILT_IN
        }
    }
    let (mut forecaster, table) = forecaster(of_points(Late(0)));
    let prediction = forecaster.game(&lines(0, GameStatus::Live, Some((2, 0)), two()), cause()).unwrap();
    assert_eq!(
        (&prediction.source, forecaster.model_counts().failed_runs),
        (&Source::Historical, 1)
    );
    assert_eq!(numbers(&told(&prediction)[0]).1, [9.8; 3]);
    assert_eq!(table.game(&id("a")).unwrap().source, Source::Historical);
}

#[test]
fn nothing_comes_of_a_game_of_which_too_little_is_known() {
    let (mut forecaster, _) = forecaster(eight());
    let mut game = lines(0, GameStatus::Live, None, two());
    let head = GameHead {
        kickoff: None,
        ..(*game.head).clone()
    };
    game.head = Arc::new(head);
    assert!(forecaster.game(&game, cause()).is_none());
    for week in 0..4 {
        assert!(forecaster.game(&lines(week, GameStatus::Scheduled, None, two()), cause()).is_some());
    }
    assert!(forecaster.game(&lines(4, GameStatus::Scheduled, None, two()), cause()).is_none());
    assert_eq!(forecaster.counts().crowded, 1);
    forecaster.gone(&GameId::new("g0").unwrap());
    assert!(forecaster.game(&lines(4, GameStatus::Scheduled, None, two()), cause()).is_some());
}

#[test]
fn what_both_arms_said_is_judged_once() {
    let (mut forecaster, table) = forecaster(eight());
    forecaster.game(
        &lines(0, GameStatus::Live, Some((2, 900)), vec![player("a", Side::Home, caught(4, 0))]),
        cause(),
    );
    let over = lines(0, GameStatus::Final, None, two());
    forecaster.game(&over, cause());
    forecaster.game(&over, cause());
    let Horizon { name, version, pick } = table.picks().remove(1);
    // 12 and 4 were said, and it came to 9.8.
    assert_eq!(
        (
            (name, version.as_deref()),
            pick.judged(),
            pick.errors().map(|errors| errors.map(|e| (e * 10.0).round()))
        ),
        (("quarter_1", Some("1")), 1, Some([22.0, 58.0]))
    );
}

#[test]
fn seasons_follow_the_games_that_are_known() {
    let (mut forecaster, table) = forecaster(shipped(&Backend::built_in()));
    for week in 0..3 {
        forecaster.game(&lines(week, GameStatus::Final, None, two()), cause());
    }
    while forecaster.seasons(cause().now, 1) {}
    let season = table.season(&id("a")).unwrap();
    // Weeks 3 to 5 were played.
    assert_eq!((season.season, season.weeks_left, season.games), (2017, 12, 3));
    let model = |name: &str| Source::Model {
        name: name.into(),
        version: "1".into(),
    };
    assert_eq!(season.source, model("season"));
    assert!(season.per_game.low <= season.per_game.points && season.per_game.points <= season.per_game.high);
    assert!(season.total.points > season.per_game.points && season.club.is_some());
    // And the shipped model of points answers, too.
    let live = lines(3, GameStatus::Live, Some((2, 300)), two());
    let prediction = forecaster.game(&live, cause()).unwrap();
    assert_eq!((&prediction.source, forecaster.model_counts().failed_runs), (&model("points"), 0));
    let (_, [points, low, high]) = numbers(&told(&prediction)[0]);
    assert!(low < points && points < high && points > 9.8, "{low} {points} {high}");
}
