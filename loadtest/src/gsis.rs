//! What stat records count for: the load test's own reading of the GSIS stat ids.
//!
//! A second implementation, after the NFL's stat id dictionary. It is written to be read beside it and shares
//! nothing with the server. Ids that are not here (tackles, penalties, pass lengths) count for nothing. What a stat
//! is worth is [`crate::rules`]' business.

use std::collections::BTreeMap;

/// 1, as amounts are kept: in 1/10,000.
pub(crate) const ONE: i64 = 10_000;

/// A safety: each of its tacklers may carry one, and it counts once a team and play.
pub(crate) const SAFETY: u64 = 89;

/// What a record adds: the protocol's name of the stat, and how much in 1/10,000.
pub(crate) type Credit = (&'static str, i64);

/// What a record adds for the player it names.
pub(crate) fn player(stat: u64, yards: i64) -> Vec<Credit> {
    let one = |name| (name, ONE);
    let far = |name| (name, yards * ONE);
    match stat {
        // Runs; the last two follow a lateral and are no attempt.
        10 => vec![one("rushing_attempts"), far("rushing_yards")],
        11 => vec![one("rushing_attempts"), far("rushing_yards"), one("rushing_tds")],
        12 => vec![far("rushing_yards")],
        13 => vec![far("rushing_yards"), one("rushing_tds")],
        // Passes: incomplete, caught, for a touchdown, intercepted; and the passer sacked.
        14 => vec![one("passing_attempts")],
        15 => vec![one("passing_attempts"), one("completions"), far("passing_yards")],
        16 => vec![
            one("passing_attempts"),
            one("completions"),
            far("passing_yards"),
            one("passing_tds"),
        ],
        19 => vec![one("passing_attempts"), one("interceptions")],
        20 => vec![one("sacked")],
        // Catches; the last two follow a lateral and are no reception.
        21 => vec![one("receptions"), far("receiving_yards")],
        22 => vec![one("receptions"), far("receiving_yards"), one("receiving_tds")],
        23 => vec![far("receiving_yards")],
        24 => vec![far("receiving_yards"), one("receiving_tds")],
        115 => vec![one("targets")],
        // Punts and kickoffs returned, with and without a lateral.
        33 | 35 | 45 | 47 => vec![far("return_yards")],
        34 | 36 | 46 | 48 => vec![far("return_yards"), one("return_tds")],
        // A missed field goal or blocked kick returned.
        64 => vec![one("return_tds")],
        56 | 58 | 108 => vec![one("fumble_recovery_tds")],
        106 => vec![one("fumbles_lost")],
        69 | 71 => vec![one("field_goals_missed")],
        70 => field_goal(yards).into_iter().map(one).chain([far("field_goal_yards")]).collect(),
        72 => vec![one("extra_points")],
        73 | 74 => vec![one("extra_points_missed")],
        75 | 77 | 104 => vec![one("two_point_conversions")],
        _ => Vec::new(),
    }
}

/// The distances that a field goal of `yards` is counted under: one of three, and of four finer ones.
fn field_goal(yards: i64) -> Vec<&'static str> {
    match yards {
        ..20 => vec!["field_goals_0_39", "field_goals_0_19"],
        20..30 => vec!["field_goals_0_39", "field_goals_20_29"],
        30..40 => vec!["field_goals_0_39", "field_goals_30_39"],
        40..50 => vec!["field_goals_40_49"],
        50..60 => vec!["field_goals_50_plus"],
        60.. => vec!["field_goals_50_plus", "field_goals_60_plus"],
    }
}

/// What a record adds for the defence and special teams of the team it names.
pub(crate) fn defence(stat: u64) -> Vec<Credit> {
    let one = |name| (name, ONE);
    match stat {
        25 => vec![one("interceptions_made")],
        26 => vec![one("interceptions_made"), one("defensive_tds")],
        28 | 62 | 64 => vec![one("defensive_tds")],
        34 | 36 | 46 | 48 => vec![one("return_tds")],
        59 => vec![one("fumble_recoveries")],
        60 => vec![one("fumble_recoveries"), one("defensive_tds")],
        83 => vec![one("sacks")],
        84 => vec![("sacks", ONE / 2)],
        86..=88 => vec![one("blocked_kicks")],
        SAFETY => vec![one("safeties")],
        404 => vec![one("defensive_two_points")],
        _ => Vec::new(),
    }
}

/// What a record puts on the scoreboard for its team, where that counts against the other team's defence.
/// A touchdown pass is the passer's record.
pub(crate) fn scored(stat: u64) -> i64 {
    match stat {
        11 | 13 | 16 | 34 | 36 | 46 | 48 | 56 | 58 | 108 => 6,
        70 => 3,
        75 | 77 => 2,
        72 => 1,
        _ => 0,
    }
}

/// What a record puts on the scoreboard by the team's own defence: no defence allowed that.
pub(crate) fn scored_by_defence(stat: u64) -> i64 {
    match stat {
        26 | 28 | 60 | 62 | 64 => 6,
        SAFETY | 404 => 2,
        _ => 0,
    }
}

/// What somebody has in one game: stats by the protocol's names, in 1/10,000; none is 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line(BTreeMap<&'static str, i64>);

impl Line {
    /// Adds `amount` to a stat.
    pub(crate) fn add(&mut self, name: &'static str, amount: i64) {
        let held = self.0.entry(name).or_default();
        *held += amount;
        if *held == 0 {
            self.0.remove(name);
        }
    }

    /// The stat called `name`.
    pub(crate) fn get(&self, name: &str) -> i64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// The stats that are not 0.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plays::{CAST, RULESET, Script, player_id};
    use crate::rules::Rules;
    use serde_json::Value;

    #[test]
    fn taking_a_record_back_leaves_nothing() {
        let mut held = Line::default();
        for sign in [1, -1] {
            for (name, amount) in player(22, 7).into_iter().chain(player(70, 33)) {
                held.add(name, sign * amount);
            }
        }
        assert_eq!(held, Line::default());
    }

    #[test]
    fn the_script_of_a_broadcast_comes_to_the_same() {
        let (script, rules) = (Script::new("g", 600), Rules::of(RULESET).unwrap());
        let mut lines = vec![Line::default(); CAST];
        for index in 0..script.events() {
            let event: Value = serde_json::from_str(&script.line(index)).unwrap();
            for record in event["stats"].as_array().unwrap() {
                let place = (0..CAST).find(|&place| record["player"] == player_id(place)).unwrap();
                for (name, amount) in player(record["stat"].as_u64().unwrap(), record["yards"].as_i64().unwrap()) {
                    lines[place].add(name, amount);
                }
            }
            for (line, totals) in lines.iter().zip(script.totals(index + 1).unwrap()) {
                assert_eq!(rules.player(line), totals.points(), "play {index}");
                let held: BTreeMap<_, _> = totals.stats().into_iter().filter(|(_, total)| *total != 0).collect();
                let due = held.into_iter().map(|(name, total)| (name, total * ONE)).collect();
                assert_eq!(*line, Line(due), "play {index}");
            }
        }
    }
}
