//! Every row that a site publishes, with a worked example, and whole games worked by hand.

use super::*;

/// Rows that the daily sites, and nearly all leagues, have in common.
const DEFENCE: &[(&str, &str)] = &[
    ("sacks 1", "1"),
    ("sacks 0.5", "0.5"),
    ("interceptions_made 1", "2"),
    ("fumble_recoveries 1", "2"),
    ("safeties 1", "2"),
    ("blocked_kicks 1", "2"),
    ("defensive_tds 1", "6"),
    ("return_tds 1", "6"),
    ("defensive_two_points 1", "2"),
    ("points_allowed 0", "10"),
    ("points_allowed 1", "7"),
    ("points_allowed 6", "7"),
    ("points_allowed 7", "4"),
    ("points_allowed 13", "4"),
    ("points_allowed 14", "1"),
    ("points_allowed 20", "1"),
    ("points_allowed 21", "0"),
    ("points_allowed 27", "0"),
    ("points_allowed 28", "-1"),
    ("points_allowed 34", "-1"),
    ("points_allowed 35", "-4"),
    ("points_allowed 70", "-4"),
    // 3.5 sacks, two interceptions, one of them returned for a touchdown, 17 points allowed.
    ("sacks 3.5 interceptions_made 2 defensive_tds 1 points_allowed 17", "14.5"),
];

const KICKERS: &[(&str, &str)] = &[
    ("extra_points 1", "1"),
    ("extra_points_missed 1", "0"),
    ("field_goals_missed 1", "0"),
    ("field_goals_0_39 1 field_goals_0_19 1 field_goal_yards 19", "3"),
    ("field_goals_0_39 1 field_goals_20_29 1 field_goal_yards 20", "3"),
    ("field_goals_0_39 1 field_goals_30_39 1 field_goal_yards 39", "3"),
    ("field_goals_40_49 1 field_goal_yards 40", "4"),
    ("field_goals_50_plus 1 field_goal_yards 50", "5"),
    ("field_goals_50_plus 1 field_goals_60_plus 1 field_goal_yards 61", "5"),
    // Kicks from 27, 43 and 55 yards, and four extra points.
    (
        "field_goals_0_39 1 field_goals_20_29 1 field_goals_40_49 1 field_goals_50_plus 1 extra_points 4",
        "16",
    ),
];

const YARDS_AND_TOUCHDOWNS: &[(&str, &str)] = &[
    ("passing_yards 25", "1"),
    ("passing_yards 1", "0.04"),
    ("passing_tds 1", "4"),
    ("rushing_yards 10", "1"),
    ("rushing_yards -3", "-0.3"),
    ("rushing_tds 1", "6"),
    ("receiving_yards 10", "1"),
    ("receiving_tds 1", "6"),
    (
        "passing_attempts 30 completions 20 sacked 3 rushing_attempts 12 targets 9 return_yards 80",
        "0",
    ),
];

/// Rows that the three daily sites have in common on top of those.
const DAILY_OFFENCE: &[(&str, &str)] = &[
    ("interceptions 1", "-1"),
    ("two_point_conversions 1", "2"),
    ("return_tds 1", "6"),
    ("fumble_recovery_tds 1", "6"),
];

type Rows = &'static [(&'static str, &'static str)];

/// A built-in ruleset gives what it has in common with others, and what is its own.
fn meets(name: &str, common: &[Rows], own: Rows) {
    let all = Rulesets::embedded();
    let rules = all.get(name).unwrap();
    for rows in common.iter().chain([&own]) {
        check(rules, None, rows);
    }
}

#[test]
fn draftkings() {
    meets(
        "draftkings",
        &[DEFENCE, KICKERS, YARDS_AND_TOUCHDOWNS, DAILY_OFFENCE],
        &[
            ("receptions 1", "1"),
            ("fumbles_lost 1", "-1"),
            ("passing_yards 299", "11.96"),
            ("passing_yards 300", "15"),
            ("rushing_yards 99", "9.9"),
            ("rushing_yards 100", "13"),
            ("receiving_yards 99", "9.9"),
            ("receiving_yards 100", "13"),
            // 412 * 0.04 + 3 + 5 * 4 - 0.9
            ("passing_yards 412 passing_tds 5 rushing_yards -9", "38.58"),
            // 112 * 0.1 + 3 + 6 + 7 + 73 * 0.1 - 1
            (
                "rushing_yards 112 rushing_tds 1 receptions 7 receiving_yards 73 fumbles_lost 1",
                "33.5",
            ),
        ],
    );
}

#[test]
fn fanduel() {
    meets(
        "fanduel",
        &[DEFENCE, KICKERS, YARDS_AND_TOUCHDOWNS, DAILY_OFFENCE],
        &[
            ("receptions 1", "0.5"),
            ("fumbles_lost 1", "-2"),
            ("passing_yards 300", "12"),
            ("rushing_yards 100", "10"),
            ("receiving_yards 100", "10"),
            // 11.2 + 6 + 3.5 + 7.3 - 2
            (
                "rushing_yards 112 rushing_tds 1 receptions 7 receiving_yards 73 fumbles_lost 1",
                "26",
            ),
        ],
    );
}

#[test]
fn yahoo() {
    meets(
        "yahoo",
        &[DEFENCE, YARDS_AND_TOUCHDOWNS, DAILY_OFFENCE],
        &[
            ("receptions 1", "0.5"),
            ("fumbles_lost 1", "-2"),
            ("passing_yards 300", "12"),
            ("extra_points 1 field_goals_50_plus 1", "0"),
            // 267 * 0.04 + 8 - 1 + 1.5
            ("passing_yards 267 passing_tds 2 interceptions 1 rushing_yards 15", "19.18"),
        ],
    );
}

#[test]
fn standard_half_ppr_and_ppr() {
    let all = Rulesets::embedded();
    for (name, reception, game) in [("standard", "0", "23.88"), ("half_ppr", "0.5", "27.38"), ("ppr", "1", "30.88")] {
        let rules = all.get(name).unwrap();
        check(rules, Some("DST"), DEFENCE);
        for common in [KICKERS, YARDS_AND_TOUCHDOWNS] {
            check(rules, None, common);
        }
        check(
            rules,
            None,
            &[
                ("receptions 1", reception),
                ("interceptions 1", "-2"),
                ("fumbles_lost 1", "-2"),
                ("two_point_conversions 1", "0"),
                ("return_tds 1", "0"),
                ("fumble_recovery_tds 1", "0"),
                ("passing_yards 300", "12"),
                ("rushing_yards 100", "10"),
                // 17 * 0.04 + 4 + 11.2 + 6 - 2 + 4 + receptions
                (
                    "passing_yards 17 passing_tds 1 rushing_yards 112 rushing_tds 1 receiving_yards 40 receptions 7 fumbles_lost 1",
                    game,
                ),
            ],
        );
    }
}
