//! Recorded weeks, forecast as they went on, with the earlier games that others tabled.

use crate::config::Config;
use crate::engine::Shared;
use crate::feed::gamecenter::{Formation, timeline};
use crate::model::prediction::Forecast;
use crate::model::{Event, GameId, IngestTime, Now, PlayerId, StateTime};
use crate::predict::onnx::Backend;
use crate::predict::points::calendar::When;
use crate::predict::points::file;
use crate::predict::points::forecaster::{Cause, Forecaster, Settings};
use crate::predict::points::past::Past;
use crate::predict::points::projections::{Horizon, Projections};
use crate::predict::points::rules::{Rules, as_points};
use crate::predict::points::versions::shipped;
use crate::scoring::Rulesets;
use crate::test_support::recorded::{data, table};
use std::collections::HashMap;
use std::sync::Arc;

const CAUSE: Cause = Cause {
    feed_ts: None,
    ingest: IngestTime(0),
    now: Now { steady_us: 0, wall_us: 0 },
};

/// A week's forecaster, with what was known before it.
fn before(when: When, tables: &[&str]) -> Option<(Forecaster, Arc<Projections>)> {
    let mut past = Past::new(10_000);
    for name in tables {
        let path = data("train")?.join(name);
        let take = |at: When, sides: &_| {
            if at < when {
                past.take(at, sides);
            }
        };
        assert!(file::read(&path, take).unwrap() > 500, "{name}");
    }
    assert_eq!(past.left_out(), 0);
    let projections = Arc::new(Projections::new("draftkings".into(), 10_000));
    let rules = Rules::of(Rulesets::embedded().get("draftkings").unwrap());
    let models = shipped(&Backend::built_in());
    let forecaster = Forecaster::new(rules, models, past, projections.clone(), Settings { games_max: 100 });
    Some((forecaster, projections))
}

/// What the frame of a game says of each player, in points.
fn told(forecaster: &mut Forecaster, shared: &Shared, game: &GameId) -> (usize, HashMap<PlayerId, f64>) {
    let lines = shared.lines(game).unwrap();
    let prediction = forecaster.game(&lines, CAUSE).expect("a forecast");
    let Forecast::Points { players, .. } = prediction.forecast else {
        panic!("of points")
    };
    (
        players.len(),
        players.into_iter().map(|one| (one.player, as_points(one.points))).collect(),
    )
}

/// At each quarter's end the model's error is below the baseline's, and at the end both are exact.
#[test]
fn recorded_weeks_end_at_their_points_and_the_model_beats_the_baseline_on_the_way() {
    let tables = ["player_quarters_train_2009_2015.csv.gz", "player_quarters_valid_2016_2017.csv.gz"];
    for (week, season, number, tables) in [("dev/2015w14", 2015, 14, &tables[..1]), ("dev/2017w03", 2017, 3, &tables[..])] {
        let when = When { season, week: number };
        let (Some(folder), Some((mut forecaster, projections))) = (data(week), before(when, tables)) else {
            continue;
        };
        let shared = Shared::beside(Config::default().engine_limits());
        let mut most = 0;
        let mut quarters: HashMap<GameId, u8> = HashMap::new();
        let moments = timeline(&folder, Formation::Hidden).unwrap();
        for event in moments.flat_map(|moment| moment.events) {
            if let Event::Play(play) = &event
                && let Some(clock) = play.clock
            {
                let quarter = quarters.entry(play.game.clone()).or_insert(0);
                if clock.quarter > *quarter {
                    *quarter = clock.quarter;
                    most = most.max(told(&mut forecaster, &shared, &play.game).0);
                }
            }
            shared.apply(event, IngestTime(0), StateTime::default());
        }
        let mut ends = HashMap::new();
        for (head, _) in shared.games() {
            let (_, points) = told(&mut forecaster, &shared, &head.game);
            ends.extend(
                points
                    .into_iter()
                    .map(|(player, points)| ((head.game.to_string(), player.to_string()), points)),
            );
        }
        let truth = table(&folder.join("replay_reference.csv"));
        for row in &truth {
            let who = (row["game_id"].clone(), row["gsis_id"].clone());
            let points: f64 = row["dk_points"].parse().unwrap();
            let told = ends.get(&who).copied().unwrap_or(0.0);
            assert!((told - points).abs() < 1e-9, "{who:?}: {told} where {points} is right");
        }
        for Horizon { name: horizon, pick, .. } in projections.picks().into_iter().take(4) {
            let [model, baseline] = pick.errors().unwrap();
            eprintln!(
                "{week} {horizon}: model {model:.3}, baseline {baseline:.3}, of {}; {most} players at most",
                pick.judged()
            );
            assert!(model < baseline, "{week} {horizon}: {model} {baseline}");
        }
        assert_eq!(forecaster.model_counts().failed_runs, 0);
    }
}
