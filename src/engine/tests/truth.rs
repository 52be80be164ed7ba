//! Both recorded weeks, through sequencer, state and rulesets, against box scores and points that
//! others published. Every difference is listed in the weeks' `known_mismatches.csv`.

use super::recorded::events;
use super::*;
use crate::model::Stat;
use crate::test_support::recorded::{Row, data, known, table, who};
use crate::test_support::{BOX_SCORE, BOX_SCORE_ATTEMPTS, WEEKS};
use std::collections::BTreeSet;
use std::path::Path;

/// A replayed week as readers are shown it.
struct Week {
    games: BTreeMap<GameId, Shown>,
    rulesets: Rulesets,
}

impl Week {
    fn replay(folder: &Path) -> Week {
        let shared = shared(LIMITS);
        apply_all(&shared, &events(folder));
        Week {
            games: all_shown(&shared),
            rulesets: Rulesets::embedded(),
        }
    }

    /// The line of a player without records is all zeros.
    fn line(&self, row: &Row, id: &str) -> StatLine {
        let game = &self.games[&GameId::new(&row["game_id"]).unwrap()];
        let player = PlayerId::new(id).and_then(|id| game.players.get(&id));
        player.map_or(StatLine::ZERO, |(_, _, line, _)| *line)
    }

    fn points(&self, row: &Row, id: &str, ruleset: &str) -> Points {
        let game = &self.games[&GameId::new(&row["game_id"]).unwrap()];
        let player = PlayerId::new(id).and_then(|id| game.players.get(&id));
        let place = self.rulesets.index(ruleset).unwrap().place();
        player.map_or(Points::ZERO, |(_, _, _, points)| points[place])
    }
}

const POINTS: [(&str, &str); 3] = [("std_points", "standard"), ("half_ppr_points", "half_ppr"), ("ppr_points", "ppr")];

fn decimal(row: &Row, column: &str) -> Points {
    Points::parse(&row[column]).unwrap()
}

/// What of a row of `truth_pfr.csv` is not what we show.
fn differences(week: &Week, row: &Row) -> Vec<String> {
    let id = row["gsis_id"].as_str();
    let line = week.line(row, id);
    let ours = |stat: Stat| Points(i64::from(line.get(stat)) * Points::SCALE);
    let of_box = BOX_SCORE
        .iter()
        .chain(&BOX_SCORE_ATTEMPTS)
        .map(|(column, stat)| (*column, ours(*stat)));
    let of_points = POINTS.iter().map(|(column, ruleset)| (*column, week.points(row, id, ruleset)));
    let mut differ = Vec::new();
    for (column, ours) in of_box.chain(of_points) {
        if ours != decimal(row, column) {
            differ.push(format!("{} {} {column}: {ours} not {}", row["game_id"], row["name"], row[column]));
        }
    }
    differ
}

#[test]
fn every_box_score_and_its_points_under_three_rulesets_are_met() {
    for (part, rows_count) in WEEKS.into_iter().zip([307, 309]) {
        let Some(folder) = data(part) else { return };
        let week = Week::replay(&folder);
        let rows = table(&folder.join("truth_pfr.csv"));
        assert_eq!(rows.len(), rows_count, "{part}");
        let mut differ = BTreeSet::new();
        for row in &rows {
            let differences = differences(&week, row);
            if !differences.is_empty() {
                println!("{differences:#?}");
                differ.insert(who(row));
            }
        }
        assert_eq!(
            differ,
            known(&folder, "pfr"),
            "{part}: all but {} rows",
            known(&folder, "pfr").len()
        );
    }
}

#[test]
fn draftkings_points_of_players_and_defences_are_met() {
    let Some(folder) = data("dev/2017w03") else { return };
    let week = Week::replay(&folder);
    let (mut players, mut defences, mut differ) = (0, 0, BTreeSet::new());
    for row in table(&folder.join("truth_dk_rotoguru.csv")) {
        let is_defence = matches!(row["pos"].as_str(), "DST" | "DEF");
        let id = if is_defence { defence(&week, &row) } else { row["gsis_id"].clone() };
        players += usize::from(!is_defence);
        defences += usize::from(is_defence);
        let ours = week.points(&row, &id, "draftkings");
        if ours != decimal(&row, "dk_points") {
            println!("{} {}: {ours} not {}", row["game_id"], row["name"], row["dk_points"]);
            differ.insert((row["game_id"].clone(), id));
        }
    }
    assert_eq!((players, defences), (396, 32));
    assert_eq!(differ, known(&folder, "dk"));
    assert_eq!(differ.len(), 1);
}

/// The defence of a row's team, under the code that the game uses.
fn defence(week: &Week, row: &Row) -> String {
    let game = &week.games[&GameId::new(&row["game_id"]).unwrap()];
    let (home, away) = game.head.teams.clone().unwrap();
    let teams = crate::feed::gamecenter::teams::Teams { home, away };
    format!("dst:{}", teams.resolve(&row["team"]).unwrap())
}

#[test]
fn every_game_ends_final_with_its_score_and_both_defences_listed() {
    for part in WEEKS {
        let Some(folder) = data(part) else { return };
        let week = Week::replay(&folder);
        for row in table(&folder.join("schedule.csv")) {
            let game = &week.games[&GameId::new(&row["game_id"]).unwrap()];
            assert_eq!(game.view.status, crate::model::GameStatus::Final);
            for side in ["home", "away"] {
                let team = Team::new(&row[side]).unwrap();
                let told = row[&format!("{side}_score")].parse().unwrap();
                assert_eq!(game.view.score.as_ref().and_then(|score| score.of(&team)), Some(told));
                assert!(game.players.contains_key(&PlayerId::dst(&team)));
            }
            let defences = game.players.keys().filter(|id| id.is_dst()).count();
            assert_eq!(defences, 2, "{}", row["game_id"]);
        }
    }
}
