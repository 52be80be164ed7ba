use crate::model::Team;
use crate::predict::onnx::Backend;
use crate::predict::points::calendar::When;
use crate::predict::points::features::{self, AtEnd};
use crate::predict::points::line::{COLUMNS, Line};
use crate::predict::points::past::{ClubGame, PastGame};
use crate::predict::points::rules::Rules;
use crate::predict::points::season::{self, Between, ClubForm, PlayerForm};
use crate::predict::points::task::Task;
use crate::predict::points::versions::shipped;
use crate::scoring::Rulesets;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::path::Path;

type Named = HashMap<String, i16>;

#[derive(Deserialize)]
struct Golden<C> {
    names: Vec<String>,
    #[serde(default)]
    team_names: Vec<String>,
    cases: Vec<C>,
}

#[derive(Deserialize)]
struct GoldenGame {
    season: i16,
    week: u8,
    team: String,
    line: Named,
    team_sums: Named,
}

#[derive(Deserialize)]
struct PointsCase {
    ruleset: String,
    quarter: u8,
    season: i16,
    week: u8,
    team: String,
    home: bool,
    line: Named,
    line_before: Named,
    team_line: Named,
    score: [u16; 2],
    past: Vec<GoldenGame>,
    features: Vec<f64>,
}

#[derive(Deserialize)]
struct SeasonCase {
    ruleset: String,
    week: u8,
    season: i16,
    past: Vec<GoldenGame>,
    club_games_since_his_last: usize,
    club_season_games: usize,
    club: Vec<HashMap<String, Named>>,
    club_plays: Vec<Named>,
    features: Vec<f64>,
    team_features: Vec<f64>,
}

fn golden<C: DeserializeOwned>(name: &str) -> Golden<C> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

fn values<const N: usize>(names: [&str; N], named: &Named) -> [i16; N] {
    assert!(named.keys().all(|name| names.contains(&name.as_str())), "{named:?}");
    names.map(|name| named.get(name).copied().unwrap_or(0))
}

fn line(named: &Named) -> Line {
    Line(values(COLUMNS.map(|(name, _)| name), named))
}

fn past(games: &[GoldenGame]) -> Vec<PastGame> {
    let game = |game: &GoldenGame| PastGame {
        when: When {
            season: game.season,
            week: game.week,
        },
        club: Team::new(&game.team).unwrap(),
        line: line(&game.line),
        club_role: values(["pass_att", "rush_att", "rec"], &game.team_sums),
    };
    games.iter().rev().map(game).collect()
}

fn rules(name: &str) -> Rules {
    Rules::of(Rulesets::embedded().get(name).unwrap())
}

fn assert_same(names: &[String], expected: &[f64], found: &[f32], case: usize) {
    assert_eq!((names.len(), expected.len()), (found.len(), found.len()), "case {case}");
    for ((name, expected), found) in names.iter().zip(expected).zip(found) {
        // The file has six decimals, and a single's last digit is of the size of the number.
        let off = (f64::from(*found) - expected).abs();
        assert!(
            off <= 1e-6 * expected.abs().max(1.0),
            "case {case}, {name}: {found} where {expected} is right"
        );
    }
}

#[test]
fn features_of_a_moment_equal_those_of_training() {
    let golden: Golden<PointsCase> = golden("points_features.json");
    assert_eq!((&golden.names, golden.names.len()), (&features::names(), features::FEATURES));
    for (number, case) in golden.cases.iter().enumerate() {
        let (past, club) = (past(&case.past), Team::new(&case.team).unwrap());
        let at = AtEnd {
            quarter: case.quarter,
            when: When {
                season: case.season,
                week: case.week,
            },
            club: &club,
            at_home: case.home,
            line: line(&case.line),
            before: line(&case.line_before),
            club_line: line(&case.team_line),
            score: case.score,
            past: &past.iter().collect::<Vec<_>>(),
        };
        let mut found = Vec::new();
        features::put(&at, &rules(&case.ruleset), &mut found);
        assert_same(&golden.names, &case.features, &found, number);
    }
    assert!(golden.cases.len() >= 8);
}

#[test]
fn features_of_coming_games_equal_those_of_training() {
    let golden: Golden<SeasonCase> = golden("season_features.json");
    assert_eq!(
        (golden.names.len(), golden.team_names.len()),
        (season::FEATURES, season::CLUB_FEATURES)
    );
    assert_eq!((&golden.names, &golden.team_names), (&season::names(), &season::club_names()));
    for (number, case) in golden.cases.iter().enumerate() {
        let past = past(&case.past);
        let sums = [
            "points", "pass_att", "rush_att", "rec", "pass_yds", "rush_yds", "pass_td", "rush_td",
        ];
        let of_plays = [
            "plays",
            "passes",
            "yards",
            "successes",
            "turnovers",
            "touchdowns",
            "shotgun",
            "first_downs",
        ];
        let games: Vec<ClubGame> = case
            .club
            .iter()
            .zip(&case.club_plays)
            .rev()
            .map(|(game, plays)| ClubGame {
                when: When {
                    season: case.season,
                    week: 1,
                },
                game: None,
                had: values(sums, &game["had"]),
                allowed: values(sums, &game["allowed"]),
                plays: values(of_plays, plays),
            })
            .collect();
        let games: Vec<&ClubGame> = games.iter().collect();
        let club = || ClubForm {
            games: &games,
            season_games: case.club_season_games,
        };
        let player = PlayerForm {
            past: &past.iter().collect::<Vec<_>>(),
            since: case.club_games_since_his_last,
            club: club(),
        };
        let at = Between {
            season: case.season,
            weeks_over: case.week,
        };
        let (mut of_player, mut of_club) = (Vec::new(), Vec::new());
        season::put(at, &player, &rules(&case.ruleset), &mut of_player);
        season::put_club(at, &club(), &mut of_club);
        assert_same(&golden.names, &case.features, &of_player, number);
        assert_same(&golden.team_names, &case.team_features, &of_club, number);
    }
}

/// What ONNX Runtime says, by Python, of the golden features: a row of each case, in order.
const POINTS: [[f32; 3]; 8] = [
    [4.575, 0.457, 16.428],
    [14.153, 2.547, 31.131],
    [3.105, 0.003, 7.964],
    [0.002, -0.004, 4.399],
    [8.053, 1.854, 19.205],
    [0.281, -0.003, 3.085],
    [5.349, 0.361, 16.088],
    [5.587, 0.988, 17.538],
];
const SEASON: [[f32; 6]; 4] = [
    [14.904, 8.272, 20.5, 11.296, 1.623, 18.52],
    [9.744, 4.896, 15.817, 7.557, 2.335, 13.617],
    [11.458, 6.194, 19.124, 9.602, 3.673, 17.002],
    [5.858, 1.574, 11.648, 2.478, 0.0, 6.426],
];
const CLUB: [[f32; 3]; 4] = [
    [20.879, 16.834, 26.703],
    [18.683, 13.609, 24.552],
    [20.647, 14.985, 26.969],
    [20.328, 15.045, 26.224],
];

#[test]
fn shipped_models_say_what_they_say_in_training() {
    let single = |features: &Vec<f64>| features.iter().map(|value| *value as f32).collect::<Vec<_>>();
    let points: Golden<PointsCase> = golden("points_features.json");
    let season: Golden<SeasonCase> = golden("season_features.json");
    let of_points: Vec<f32> = points.cases.iter().flat_map(|case| single(&case.features)).collect();
    let of_players: Vec<f32> = season.cases.iter().flat_map(|case| single(&case.features)).collect();
    let of_clubs: Vec<f32> = season.cases.iter().flat_map(|case| single(&case.team_features)).collect();
    let mut models = shipped(&Backend::built_in());
    for (task, rows, expected) in [
        (Task::Points, of_points, POINTS.as_flattened()),
        (Task::Season, of_players, SEASON.as_flattened()),
        (Task::Club, of_clubs, CLUB.as_flattened()),
    ] {
        let (_, told) = models.run(task, &rows).unwrap();
        assert_eq!(told.len(), expected.len(), "{task:?}");
        for (place, (told, expected)) in told.iter().zip(expected).enumerate() {
            assert!(
                (told - expected).abs() <= 0.002,
                "{task:?}, value {place}: {told} where {expected} is right"
            );
        }
    }
}
