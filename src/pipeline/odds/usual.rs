//! What a defence or a kicker usually brings in what is left of a game, for whom no model and no earlier game says more.
//!
//! How often what is paid happens to a side in a game was counted over 2016 and 2017 (1,004 sides of games); what it is
//! worth is asked of the contest's ruleset, so that each comes to its own mean and spread. Takeaways on passes count as
//! interceptions, all others as recovered fumbles. Safeties, blocked kicks and missed ones are left out. What of a game
//! is left has its part of it, in proportion to the time; events come independently of each other.

use crate::contest::simulate::{Position, Rest};
use crate::model::{Points, Stat, StatLine};
use crate::scoring::{PositionIndex, Ruleset};

/// What happens at once to some stats, and how often in 1,000 games.
type Event = (&'static [(Stat, i32)], i64);

/// To a defence. Sacks are counted in halves.
const DEFENCE: &[Event] = &[
    (&[(Stat::Sacks, 2)], 2_253),
    (&[(Stat::InterceptionsMade, 1)], 947),
    (&[(Stat::FumbleRecoveries, 1)], 415),
    (&[(Stat::DefensiveTds, 1)], 130),
    (&[(Stat::ReturnTds, 1)], 37),
];

/// To a kicker.
const KICKER: &[Event] = &[
    (&[(Stat::ExtraPoints, 1)], 2_010),
    (
        &[(Stat::FieldGoals0To39, 1), (Stat::FieldGoals20To29, 1), (Stat::FieldGoalYards, 30)],
        1_057,
    ),
    (&[(Stat::FieldGoals40To49, 1), (Stat::FieldGoalYards, 44)], 474),
    (&[(Stat::FieldGoals50Plus, 1), (Stat::FieldGoalYards, 53)], 145),
];

/// Points that a side scored, from the fewest to the most: the middles of twenty equal parts.
const ALLOWED: [i32; 20] = [3, 9, 10, 13, 14, 16, 17, 19, 20, 21, 23, 24, 24, 27, 27, 30, 31, 33, 37, 42];

/// What somebody with that line may yet bring in `left` thousandths of a game; nothing for who plays anything else.
pub(super) fn rest(position: Position, ruleset: &Ruleset, paid_as: PositionIndex, line: &StatLine, left: i64) -> Option<Rest> {
    let events = match position {
        Position::Defence => DEFENCE,
        Position::Kicker => KICKER,
        _ => return None,
    };
    let has = ruleset.score(line, paid_as).0;
    let worth = |stats: &[(Stat, i32)]| {
        let mut after = *line;
        stats.iter().for_each(|(stat, amount)| after.add(*stat, *amount));
        ruleset.score(&after, paid_as).0 - has
    };
    let (mut mean, mut variance) = (0i64, 0i128);
    for (stats, often) in events {
        let (each, often) = (worth(stats), often * left);
        mean += each * often / 1_000_000;
        variance += i128::from(each).pow(2) * i128::from(often) / 1_000_000;
    }
    let mut floor = 0;
    if position == Position::Defence {
        let begun = 1 - line.get(Stat::Begun).min(1);
        let after = |allowed: i32| {
            let more = (i64::from(allowed) * left + 500) / 1_000;
            worth(&[(Stat::Begun, begun), (Stat::PointsAllowed, more as i32)])
        };
        let worths = ALLOWED.map(after);
        let middle = worths.iter().sum::<i64>() / worths.len() as i64;
        mean += middle;
        variance += worths.iter().map(|worth| i128::from(worth - middle).pow(2)).sum::<i128>() / worths.len() as i128;
        floor = worths.into_iter().min().unwrap_or(0).min(0);
    }
    Some(Rest {
        mean: Points(mean),
        spread: Points(variance.isqrt() as i64),
        floor: Points(floor),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PlayerId;
    use crate::scoring::Rulesets;

    fn of(ruleset: &str, position: Position, line: &[(Stat, i32)], left: i64) -> [f64; 3] {
        let rulesets = Rulesets::embedded();
        let ruleset = rulesets.get(ruleset).unwrap();
        let id = if position == Position::Defence { "dst:NE" } else { "k-1" };
        let paid_as = ruleset.position_of(&PlayerId::new(id).unwrap(), Some("K"));
        let mut so_far = StatLine::ZERO;
        line.iter().for_each(|(stat, amount)| so_far.add(*stat, *amount));
        let rest = rest(position, ruleset, paid_as, &so_far, left).unwrap();
        [rest.mean, rest.spread, rest.floor].map(|points| points.0 as f64 / Points::SCALE as f64)
    }

    #[test]
    fn before_kickoff_it_is_what_they_usually_have() {
        let [mean, spread, floor] = of("draftkings", Position::Defence, &[], 1_000);
        assert!((6.0..7.5).contains(&mean) && (4.0..7.0).contains(&spread), "{mean} {spread}");
        assert_eq!(floor, -4.0);
        let [mean, spread, floor] = of("draftkings", Position::Kicker, &[], 1_000);
        assert!((7.0..8.5).contains(&mean) && (3.0..6.0).contains(&spread), "{mean} {spread}");
        assert_eq!(floor, 0.0);
        for ruleset in ["fanduel", "yahoo", "standard"] {
            let [mean, ..] = of(ruleset, Position::Defence, &[], 1_000);
            assert!((4.0..9.0).contains(&mean), "{ruleset} {mean}");
        }
    }

    #[test]
    fn a_defence_has_points_to_lose_and_less_so_as_time_runs_out() {
        // Ten points for nothing allowed are there at kickoff, and hardly ever at the end.
        let begun = [(Stat::Begun, 1)];
        let [mean, _, floor] = of("draftkings", Position::Defence, &begun, 1_000);
        assert!((-4.0..-2.5).contains(&mean) && floor == -14.0, "{mean} {floor}");
        let late = of("draftkings", Position::Defence, &[(Stat::Begun, 1), (Stat::PointsAllowed, 23)], 50);
        assert!(late[0] < 0.5 && late[0] > 0.0 && late[1] < 1.5, "{late:?}");
        assert_eq!(of("draftkings", Position::Defence, &begun, 0), [0.0; 3]);
    }

    #[test]
    fn nothing_is_said_of_others() {
        let rulesets = Rulesets::embedded();
        let ruleset = rulesets.get("ppr").unwrap();
        for position in [Position::Quarterback, Position::Other] {
            assert_eq!(rest(position, ruleset, PositionIndex::COMMON, &StatLine::ZERO, 1_000), None);
        }
    }
}
