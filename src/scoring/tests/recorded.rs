//! Recorded weeks: independent box scores and their points against our rulesets, to the last digit.
//! They lie outside the repository; without them the test says so, and fails where `CI=true`.

use super::*;
use crate::test_support::recorded::{Row, data, table};
use crate::test_support::{BOX_SCORE, WEEKS};
use std::collections::HashMap;

/// The line of a record, by its columns.
fn line_of(record: &Row, columns: &[(&str, Stat)]) -> StatLine {
    let mut line = StatLine::ZERO;
    for (column, stat) in columns {
        line.add(*stat, record[*column].parse().unwrap());
    }
    line
}

#[track_caller]
fn agree(rules: &Ruleset, line: &StatLine, position: Option<&str>, record: &Row, column: &str) {
    let scored = rules.score(line, rules.position(position));
    assert_eq!(scored, points(&record[column]), "{} {column}: {record:?}", rules.name());
}

const SEASON_LONG: [(&str, &str); 3] = [("standard", "std_points"), ("half_ppr", "half_ppr_points"), ("ppr", "ppr_points")];

#[test]
fn independent_box_scores_give_their_published_points() {
    let rulesets = Rulesets::embedded();
    for (week, players) in WEEKS.into_iter().zip([307, 309]) {
        let Some(folder) = data(week) else { return };
        let rows = table(&folder.join("truth_pfr.csv"));
        assert_eq!(rows.len(), players, "{week}");
        for record in &rows {
            let line = line_of(record, &BOX_SCORE);
            for (name, column) in SEASON_LONG.into_iter().chain([("draftkings", "dk_points_core")]) {
                agree(rulesets.get(name).unwrap(), &line, None, record, column);
            }
        }
    }
}

#[test]
fn an_independent_script_agrees_on_every_line() {
    let rulesets = Rulesets::embedded();
    let more = [
        ("two_pt", Stat::TwoPointConversions),
        ("ret_td", Stat::ReturnTds),
        ("off_fumrec_td", Stat::FumbleRecoveryTds),
    ];
    let columns: Vec<(&str, Stat)> = BOX_SCORE.into_iter().chain(more).collect();
    for week in WEEKS {
        let Some(folder) = data(week) else { return };
        for record in &table(&folder.join("replay_reference.csv")) {
            let line = line_of(record, &columns);
            for (name, column) in SEASON_LONG.into_iter().chain([("draftkings", "dk_points")]) {
                agree(rulesets.get(name).unwrap(), &line, None, record, column);
            }
        }
    }
}

#[test]
fn an_independent_script_agrees_on_every_defence() {
    let rulesets = Rulesets::embedded();
    let draftkings = rulesets.get("draftkings").unwrap();
    for week in WEEKS {
        let Some(folder) = data(week) else { return };
        let rows = table(&folder.join("replay_dst.csv"));
        assert_eq!(rows.len(), 32, "{week}");
        for record in &rows {
            let mut line = line_of(record, &[("points_allowed", Stat::PointsAllowed)]);
            line.add(Stat::Begun, 1);
            let detail: HashMap<String, f64> = serde_json::from_str(&record["detail"].trim_matches('"').replace("\"\"", "\"")).unwrap();
            for (key, count) in detail {
                let stat = match key.as_str() {
                    "sack" => Stat::Sacks,
                    "int" => Stat::InterceptionsMade,
                    "fr" => Stat::FumbleRecoveries,
                    "saf" => Stat::Safeties,
                    "blk" => Stat::BlockedKicks,
                    "td" => Stat::DefensiveTds,
                    other => panic!("unknown detail {other}"),
                };
                line.add(stat, (count * f64::from(stat.units())) as i32);
            }
            agree(draftkings, &line, Some(DST_POSITION), record, "dk_dst_points");
        }
    }
}
