//! Recorded weeks: independent box scores and their points against our rulesets, to the last digit.
//! They lie outside the repository; without them the test says so, and fails where `CI=true`.

use super::*;
use std::collections::HashMap;
use std::path::PathBuf;

const WEEKS: [&str; 2] = ["2015w14", "2017w03"];

fn folder() -> Option<PathBuf> {
    let default = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/nfl"));
    let folder = std::env::var_os("SCOREWIRE_DATA").map_or_else(default, PathBuf::from).join("dev");
    if folder.is_dir() {
        return Some(folder);
    }
    let ci = std::env::var("CI").is_ok_and(|v| v == "true");
    assert!(!ci, "{} is missing, and CI=true skips nothing", folder.display());
    println!("skipped: {} is missing; set SCOREWIRE_DATA", folder.display());
    None
}

type Record = HashMap<String, String>;

/// The records of a CSV file whose last column alone may be quoted.
fn records(path: PathBuf) -> Vec<Record> {
    let text = std::fs::read_to_string(&path).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let record = |line: &str| {
        let values = line.splitn(header.len(), ',');
        header.iter().zip(values).map(|(k, v)| (k.to_string(), v.to_string())).collect()
    };
    lines.map(record).collect()
}

/// The line of a record, by its columns.
fn line_of(record: &Record, columns: &[(&str, Stat)]) -> StatLine {
    let mut line = StatLine::ZERO;
    for (column, stat) in columns {
        line.add(*stat, record[*column].parse().unwrap());
    }
    line
}

#[track_caller]
fn agree(rules: &Ruleset, line: &StatLine, position: Option<&str>, record: &Record, column: &str) {
    let scored = rules.score(line, rules.position(position));
    assert_eq!(scored, points(&record[column]), "{} {column}: {record:?}", rules.name());
}

const BOX_SCORE: [(&str, Stat); 9] = [
    ("pass_yds", Stat::PassingYards),
    ("pass_td", Stat::PassingTds),
    ("int", Stat::Interceptions),
    ("rush_yds", Stat::RushingYards),
    ("rush_td", Stat::RushingTds),
    ("rec", Stat::Receptions),
    ("rec_yds", Stat::ReceivingYards),
    ("rec_td", Stat::ReceivingTds),
    ("fumbles_lost", Stat::FumblesLost),
];

const SEASON_LONG: [(&str, &str); 3] = [("standard", "std_points"), ("half_ppr", "half_ppr_points"), ("ppr", "ppr_points")];

#[test]
fn independent_box_scores_give_their_published_points() {
    let Some(folder) = folder() else { return };
    let rulesets = Rulesets::embedded();
    for (week, players) in WEEKS.into_iter().zip([307, 309]) {
        let rows = records(folder.join(week).join("truth_pfr.csv"));
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
    let Some(folder) = folder() else { return };
    let rulesets = Rulesets::embedded();
    let more = [
        ("two_pt", Stat::TwoPointConversions),
        ("ret_td", Stat::ReturnTds),
        ("off_fumrec_td", Stat::FumbleRecoveryTds),
    ];
    let columns: Vec<(&str, Stat)> = BOX_SCORE.into_iter().chain(more).collect();
    for week in WEEKS {
        for record in &records(folder.join(week).join("replay_reference.csv")) {
            let line = line_of(record, &columns);
            for (name, column) in SEASON_LONG.into_iter().chain([("draftkings", "dk_points")]) {
                agree(rulesets.get(name).unwrap(), &line, None, record, column);
            }
        }
    }
}

#[test]
fn an_independent_script_agrees_on_every_defence() {
    let Some(folder) = folder() else { return };
    let rulesets = Rulesets::embedded();
    let draftkings = rulesets.get("draftkings").unwrap();
    for week in WEEKS {
        let rows = records(folder.join(week).join("replay_dst.csv"));
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
