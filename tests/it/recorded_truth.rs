//! Two recorded weeks through the running server over HTTP, against box scores and DraftKings points
//! that others kept.

use super::support::events::{games_of, recorded};
use super::support::holdings::{Totals, fixed};
use super::support::recorded::{Row, data, known, table, who};
use super::support::run;
use super::support::server::Server;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Game and player.
type Who = (String, String);

/// A cell in ten-thousandths.
fn cell(row: &Row, column: &str) -> i64 {
    let value: f64 = row[column].parse().unwrap();
    (value * 10_000.0).round() as i64
}

/// What the server answers for every game, by ruleset.
struct Week(BTreeMap<String, BTreeMap<Who, Totals>>);

impl Week {
    async fn replayed(folder: &Path) -> Week {
        let events = recorded(folder);
        let server = Server::start(|_| ());
        server.post(&events).await;
        let mut by_ruleset = BTreeMap::new();
        for ruleset in ["draftkings", "standard", "half_ppr", "ppr", "fanduel", "yahoo"] {
            let mut totals = BTreeMap::new();
            for game in games_of(&events) {
                let answer = server.json(&format!("/v1/games/{game}/players?ruleset={ruleset}")).await;
                for player in answer.as_array().unwrap() {
                    let id = player["player"].as_str().unwrap().to_owned();
                    let twice = totals.insert((game.clone(), id), Totals::read(player));
                    assert_eq!(twice, None, "listed once: {player}");
                }
            }
            by_ruleset.insert(ruleset.to_owned(), totals);
        }
        server.end().await;
        Week(by_ruleset)
    }

    fn of(&self, ruleset: &str, who: &Who) -> Totals {
        self.0[ruleset].get(who).cloned().unwrap_or_default()
    }
}

/// Columns of the box scores and the stats they are compared with. Rushing attempts and targets are
/// left out: these box scores count both by rules of their own, and no points follow from them.
const BOX: [(&str, &str); 11] = [
    ("pass_yds", "passing_yards"),
    ("pass_td", "passing_tds"),
    ("int", "interceptions"),
    ("pass_att", "passing_attempts"),
    ("cmp", "completions"),
    ("rush_yds", "rushing_yards"),
    ("rush_td", "rushing_tds"),
    ("rec", "receptions"),
    ("rec_yds", "receiving_yards"),
    ("rec_td", "receiving_tds"),
    ("fumbles_lost", "fumbles_lost"),
];

const POINTS: [(&str, &str); 3] = [("std_points", "standard"), ("half_ppr_points", "half_ppr"), ("ppr_points", "ppr")];

/// What these box scores' own points leave out: they are compared where none of it happened.
const BEYOND_THE_BOX: [&str; 3] = ["two_point_conversions", "return_tds", "fumble_recovery_tds"];

/// Compares a week with its box scores: rows, and rows that differ. Also how often points were compared.
fn box_scores(folder: &Path, week: &Week) -> (usize, BTreeSet<Who>, usize) {
    let rows = table(&folder.join("truth_pfr.csv"));
    let (mut differ, mut pointed) = (BTreeSet::new(), 0);
    for row in &rows {
        let line = week.of("draftkings", &who(row));
        for (column, stat) in BOX {
            let ours = line.stats.get(stat).copied().unwrap_or(0);
            if ours != cell(row, column) {
                println!("{:?} {} {column}: {ours} not {}", who(row), row["name"], row[column]);
                differ.insert(who(row));
            }
        }
        if differ.contains(&who(row)) || BEYOND_THE_BOX.iter().any(|stat| line.stats.contains_key(*stat)) {
            continue;
        }
        pointed += 1;
        for (column, ruleset) in POINTS {
            let ours = week.of(ruleset, &who(row)).points;
            assert_eq!(ours, cell(row, column), "{:?} {} {ruleset}", who(row), row["name"]);
        }
    }
    (rows.len(), differ, pointed)
}

/// The team as this feed writes it.
fn team(of_truth: &str) -> &str {
    match of_truth {
        "JAC" => "JAX",
        "LAR" => "LA",
        other => other,
    }
}

/// Compares with official DraftKings points: rows, and rows that differ, of players and of defences.
fn draftkings(folder: &Path, week: &Week) -> [(usize, BTreeSet<Who>); 2] {
    let mut compared = [(0, BTreeSet::new()), (0, BTreeSet::new())];
    for row in table(&folder.join("truth_dk_rotoguru.csv")) {
        let is_defence = row["pos"] == "DST";
        let id = match is_defence {
            true => (row["game_id"].clone(), format!("dst:{}", team(&row["team"]))),
            false => who(&row),
        };
        if is_defence {
            assert!(week.0["draftkings"].contains_key(&id), "{id:?} is listed");
        }
        let ours = week.of("draftkings", &id).points;
        let (count, differ) = &mut compared[usize::from(is_defence)];
        *count += 1;
        if ours != cell(&row, "dk_points") {
            println!("{id:?} {}: {ours} not {}", row["name"], row["dk_points"]);
            differ.insert(id);
        }
    }
    compared
}

#[test]
fn a_week_of_2015_meets_every_box_score() {
    let Some(folder) = data("dev/2015w14") else { return };
    let week = run(Week::replayed(&folder));
    let (rows, differ, pointed) = box_scores(&folder, &week);
    assert_eq!((rows, &differ), (307, &known(&folder, "pfr")));
    assert_eq!(rows - differ.len(), 307);
    assert!(pointed > 290, "{pointed}");
}

#[test]
fn a_week_of_2017_meets_every_box_score_and_draftkings_figure_but_the_known() {
    let Some(folder) = data("dev/2017w03") else { return };
    let week = run(Week::replayed(&folder));
    let (rows, differ, pointed) = box_scores(&folder, &week);
    assert_eq!((rows, rows - differ.len()), (309, 307));
    assert_eq!(differ, known(&folder, "pfr"));
    assert!(pointed > 290, "{pointed}");
    let [(players, players_differ), (defences, defences_differ)] = draftkings(&folder, &week);
    assert_eq!((players, players - players_differ.len()), (396, 395));
    assert_eq!(players_differ, known(&folder, "dk"));
    assert_eq!((defences, defences_differ), (32, BTreeSet::new()));
}

#[test]
fn a_player_is_worth_the_same_alone_as_in_the_list() {
    let Some(folder) = data("dev/2017w03") else { return };
    run(async {
        let events = recorded(&folder);
        let server = Server::start(|_| ());
        server.post(&events).await;
        let game = &games_of(&events)[0];
        let listed = server.json(&format!("/v1/games/{game}/players?ruleset=fanduel")).await;
        let mut compared = 0;
        for player in listed.as_array().unwrap() {
            let id = player["player"].as_str().unwrap();
            let answer = server.json(&format!("/v1/snapshot?topics=player:{id}&ruleset=fanduel")).await;
            let alone = &answer["snapshots"][0];
            assert_eq!(fixed(&alone["points"]), fixed(&player["points"]), "{player}");
            assert_eq!(alone["stats"], player["stats"], "{id}");
            compared += usize::from(alone["seq"] != 0);
        }
        assert!(compared > 20, "{compared}");
        server.end().await;
    });
}
