//! What stats are worth under the built-in rulesets: the load test's own table of the numbers that they publish.
//!
//! After draftkings.com/help/rules/nfl (classic, and Showdown's kickers), fanduel.com/rules,
//! sports.yahoo.com/dailyfantasy/help/nfl/rules and, for the three of a whole season, the formula that
//! pro-football-reference.com publishes its fantasy points by, with the NFL's own defences and ESPN's field goals.
//! It is written to be read beside them and shares nothing with the server. An owner's own rules are not known here.

use crate::gsis::{Line, ONE};

/// The rulesets, in the order of the columns below.
const NAMES: [&str; 6] = ["draftkings", "fanduel", "yahoo", "ppr", "half_ppr", "standard"];

/// What one of each stat is worth, in 1/100 point.
const WORTH: [(&str, [i64; 6]); 22] = [
    ("passing_yards", [4, 4, 4, 4, 4, 4]),
    ("passing_tds", [400, 400, 400, 400, 400, 400]),
    ("interceptions", [-100, -100, -100, -200, -200, -200]),
    ("rushing_yards", [10, 10, 10, 10, 10, 10]),
    ("rushing_tds", [600, 600, 600, 600, 600, 600]),
    ("receptions", [100, 50, 50, 100, 50, 0]),
    ("receiving_yards", [10, 10, 10, 10, 10, 10]),
    ("receiving_tds", [600, 600, 600, 600, 600, 600]),
    ("fumbles_lost", [-100, -200, -200, -200, -200, -200]),
    ("two_point_conversions", [200, 200, 200, 0, 0, 0]),
    ("fumble_recovery_tds", [600, 600, 600, 0, 0, 0]),
    ("extra_points", [100, 100, 0, 100, 100, 100]),
    ("field_goals_0_39", [300, 300, 0, 300, 300, 300]),
    ("field_goals_40_49", [400, 400, 0, 400, 400, 400]),
    ("field_goals_50_plus", [500, 500, 0, 500, 500, 500]),
    ("sacks", [100, 100, 100, 100, 100, 100]),
    ("interceptions_made", [200, 200, 200, 200, 200, 200]),
    ("fumble_recoveries", [200, 200, 200, 200, 200, 200]),
    ("safeties", [200, 200, 200, 200, 200, 200]),
    ("blocked_kicks", [200, 200, 200, 200, 200, 200]),
    ("defensive_tds", [600, 600, 600, 600, 600, 600]),
    ("defensive_two_points", [200, 200, 200, 200, 200, 200]),
];

/// A kick or punt returned all the way, in 1/100 point: for the player, and for his team's defence.
const RETURN_TDS: [i64; 6] = [600, 600, 600, 0, 0, 0];
const RETURN_TDS_DEFENCE: [i64; 6] = [600, 600, 600, 600, 600, 600];

/// Yards in a game from which there is a bonus, and that bonus in 1/100 point.
const BONUSES: [(&str, i64, [i64; 6]); 3] = [
    ("passing_yards", 300, [300, 0, 0, 0, 0, 0]),
    ("rushing_yards", 100, [300, 0, 0, 0, 0, 0]),
    ("receiving_yards", 100, [300, 0, 0, 0, 0, 0]),
];

/// A ruleset that is known here: its column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules(usize);

impl Rules {
    /// The rules called `ruleset`, where they are known.
    pub(crate) fn of(ruleset: &str) -> Option<Self> {
        NAMES.iter().position(|name| *name == ruleset).map(Self)
    }

    /// Points of a player, in 1/10,000.
    pub(crate) fn player(self, line: &Line) -> i64 {
        self.stats(line) + line.get("return_tds") * RETURN_TDS[self.0] / 100
    }

    /// Points of a team's defence, in 1/10,000; those for what it `allowed`, once its game has begun.
    pub(crate) fn defence(self, line: &Line, allowed: Option<i64>) -> i64 {
        self.stats(line) + line.get("return_tds") * RETURN_TDS_DEFENCE[self.0] / 100 + allowed.map_or(0, tier)
    }

    fn stats(self, line: &Line) -> i64 {
        let worth = WORTH.iter().map(|(name, worth)| line.get(name) * worth[self.0] / 100);
        let bonuses = BONUSES.iter().filter(|(name, from, _)| line.get(name) >= from * ONE);
        worth.sum::<i64>() + bonuses.map(|(_, _, bonus)| bonus[self.0] * ONE / 100).sum::<i64>()
    }
}

/// Points of a defence that allowed `points` points, in 1/10,000: the same under all of them.
fn tier(points: i64) -> i64 {
    ONE * match points {
        ..=0 => 10,
        1..=6 => 7,
        7..=13 => 4,
        14..=20 => 1,
        21..=27 => 0,
        28..=34 => -1,
        35.. => -4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gsis::{self, SAFETY};

    fn line(credits: impl Fn(u64, i64) -> Vec<gsis::Credit>, records: &[(u64, i64)]) -> Line {
        let mut line = Line::default();
        let credits = records.iter().flat_map(|&(stat, yards)| credits(stat, yards));
        credits.for_each(|(name, amount)| line.add(name, amount));
        line
    }

    /// Points of a player under each of the rulesets.
    fn player(records: &[(u64, i64)]) -> [i64; 6] {
        NAMES.map(|name| Rules::of(name).unwrap().player(&line(gsis::player, records)))
    }

    fn defence(records: &[(u64, i64)], allowed: Option<i64>) -> [i64; 6] {
        let line = line(|stat, _| gsis::defence(stat), records);
        NAMES.map(|name| Rules::of(name).unwrap().defence(&line, allowed))
    }

    #[test]
    fn players_points_follow_the_published_rules() {
        let passer = player(&[(15, 299), (16, 0), (19, 0)]);
        assert_eq!(
            passer,
            [149_600, 149_600, 149_600, 139_600, 139_600, 139_600],
            "299/25 + 4 less a pick"
        );
        assert_eq!(
            player(&[(15, 300)]),
            [150_000, 120_000, 120_000, 120_000, 120_000, 120_000],
            "the bonus"
        );
        let runner = player(&[(10, 99), (12, 1), (106, 0)]);
        assert_eq!(
            runner,
            [120_000, 80_000, 80_000, 80_000, 80_000, 80_000],
            "10 and the bonus, less a fumble"
        );
        let catcher = player(&[(22, 7), (115, 0), (104, 0)]);
        assert_eq!(
            catcher,
            [97_000, 92_000, 92_000, 77_000, 72_000, 67_000],
            "a catch, 6 + 0.7, and a try for two"
        );
        assert_eq!(player(&[(21, 100)])[..2], [140_000, 105_000], "the bonus at 100");
        let kicker = player(&[(70, 39), (70, 40), (70, 62), (69, 50), (72, 0)]);
        assert_eq!(kicker, [130_000, 130_000, 0, 130_000, 130_000, 130_000], "3 + 4 + 5 + 1");
        let returner = player(&[(34, 80), (56, 0)]);
        assert_eq!(returner, [120_000, 120_000, 120_000, 0, 0, 0], "a punt and a fumble, all the way");
    }

    #[test]
    fn defences_points_follow_the_published_rules() {
        let records = [(83, 5), (84, 5), (26, 10), (SAFETY, 0), (88, 0)];
        assert_eq!(defence(&records, None), [135_000; 6], "1.5 + 8 + 2 + 2");
        assert_eq!(defence(&[(34, 80)], Some(21)), [60_000; 6], "whoever returned it");
        let by_allowed = [0, 6, 7, 20, 27, 34, 35].map(|points| defence(&[], Some(points))[0] / ONE);
        assert_eq!(by_allowed, [10, 7, 4, 1, 0, -1, -4]);
    }

    #[test]
    fn rules_of_an_owners_own_are_not_known() {
        assert!(Rules::of("mine").is_none() && Rules::of("").is_none());
    }
}
