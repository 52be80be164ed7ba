//! What a ruleset pays, as models are told it, and whether they were trained for it.
//!
//! A ruleset is asked what made-up lines are worth, so whatever its file says in whichever way comes out as it
//! scores. Models know weights a unit and one bonus each for yards passed, run and caught; a ruleset that pays in
//! any other way has baselines alone.

use super::line::{Line, PASS_TD, PASS_YDS, REC, REC_TD, REC_YDS, ROLE, RUSH_TD, RUSH_YDS};
use crate::model::{PlayerId, Points, Stat, StatLine};
use crate::scoring::{PositionIndex, Ruleset};
use std::sync::Arc;

/// Features that tell of a ruleset.
pub(super) const FEATURES: usize = 7;

/// Columns of [`FEATURES`] but the last, which is the mean bonus: catches, touchdowns passed, interceptions,
/// fumbles lost, two-point tries, returns.
const TOLD: [usize; FEATURES - 1] = [REC, PASS_TD, 2, 8, 9, 10];

/// Yards, what each pays, and how many a bonus is paid from.
const YARDS: [(usize, f64, i16); 3] = [(PASS_YDS, 0.04, 300), (RUSH_YDS, 0.1, 100), (REC_YDS, 0.1, 100)];
/// Touchdowns that pay the same everywhere: run and caught.
const TOUCHDOWNS: [usize; 2] = [RUSH_TD, REC_TD];
const TOUCHDOWN: f64 = 6.0;

/// Counters of a player that models know nothing of.
const UNTOLD: [Stat; 4] = [Stat::Completions, Stat::Sacked, Stat::Targets, Stat::ReturnYards];

/// Weights within which a model was trained, by the places of the features; nothing where it does not matter.
pub type Ranges = [Option<(f64, f64)>; FEATURES];

/// A ruleset as models are told it.
#[derive(Clone)]
pub struct Rules {
    ruleset: Arc<Ruleset>,
    told: [f64; FEATURES],
    is_plain: bool,
}

impl Rules {
    /// Asks the ruleset.
    pub fn of(ruleset: &Ruleset) -> Rules {
        let one = |column: usize, value: i16| {
            let mut line = Line::default();
            line.0[column] = value;
            as_points(ruleset.score(&line.stat_line(), PositionIndex::COMMON))
        };
        // Exact to the ten-thousandth that points have.
        let exact = |points: f64| (points * 1e4).round() / 1e4;
        let bonuses = YARDS.map(|(column, a_yard, from)| exact(one(column, from) - a_yard * f64::from(from)));
        let is_near = |a: f64, b: f64| (a - b).abs() < 1e-6;
        let pays_by_the_yard = YARDS.iter().zip(bonuses).all(|((column, a_yard, from), bonus)| {
            let below = [1, 7, from / 2, from - 1].map(|yards| (yards, 0.0));
            let above = [from + 1, from + 50, 2 * from].map(|yards| (yards, bonus));
            let mut all = below.into_iter().chain(above);
            all.all(|(yards, more)| is_near(one(*column, yards), a_yard * f64::from(yards) + more))
        });
        let pays_touchdowns = TOUCHDOWNS.iter().all(|column| is_near(one(*column, 1), TOUCHDOWN));
        let pays_linearly = TOLD.iter().all(|column| is_near(one(*column, 10), 10.0 * one(*column, 1)));
        let pays_attempts = ROLE[..2].iter().any(|column| one(*column, 60) != 0.0);
        let pays_untold = UNTOLD.iter().any(|stat| {
            let mut line = StatLine::ZERO;
            line.add(*stat, 100);
            ruleset.score(&line, PositionIndex::COMMON) != Points::ZERO
        });
        let mut told = [0.0; FEATURES];
        for (told, column) in told.iter_mut().zip(TOLD) {
            *told = one(column, 1);
        }
        told[FEATURES - 1] = bonuses.iter().sum::<f64>() / bonuses.len() as f64;
        Rules {
            ruleset: Arc::new(ruleset.clone()),
            told,
            is_plain: pays_by_the_yard && pays_touchdowns && pays_linearly && !pays_attempts && !pays_untold,
        }
    }

    /// The ruleset's name.
    pub fn name(&self) -> &str {
        self.ruleset.name()
    }

    /// What models are told.
    pub(super) fn told(&self) -> [f64; FEATURES] {
        self.told
    }

    /// Whether models trained within `ranges` may speak of it.
    pub fn fits(&self, ranges: &Ranges) -> bool {
        let within = |(told, range): (&f64, &Option<(f64, f64)>)| range.is_none_or(|(low, high)| (low..=high).contains(told));
        self.is_plain && self.told.iter().zip(ranges).all(within)
    }

    /// Whether it pays that player like everybody else.
    pub fn is_common(&self, player: &PlayerId, position: Option<&str>) -> bool {
        self.ruleset.position_of(player, position) == PositionIndex::COMMON
    }

    /// What a player's whole line is worth, exactly.
    pub fn score(&self, line: &StatLine, player: &PlayerId, position: Option<&str>) -> Points {
        self.ruleset.score(line, self.ruleset.position_of(player, position))
    }

    /// What the counters that models know are worth.
    pub(super) fn points(&self, line: &Line) -> f64 {
        as_points(self.ruleset.score(&line.stat_line(), PositionIndex::COMMON))
    }
}

pub(super) fn as_points(points: Points) -> f64 {
    points.0 as f64 / Points::SCALE as f64
}

/// To a hundredth; forecasts are no more exact than that.
pub(super) fn to_points(points: f64) -> Points {
    const STEP: f64 = Points::SCALE as f64 / 100.0;
    Points((points * 100.0).round() as i64 * STEP as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::Rulesets;

    const RANGES: Ranges = [
        Some((0.0, 1.5)),
        Some((4.0, 6.0)),
        Some((-2.0, -1.0)),
        Some((-2.0, 0.0)),
        None,
        None,
        Some((0.0, 3.0)),
    ];

    #[test]
    fn rulesets_that_ship_are_told_as_they_pay() {
        let rulesets = Rulesets::embedded();
        let told = |name: &str| Rules::of(rulesets.get(name).unwrap()).told();
        assert_eq!(told("draftkings"), [1.0, 4.0, -1.0, -1.0, 2.0, 6.0, 3.0]);
        assert_eq!(told("half_ppr")[0], 0.5);
        assert_eq!(told("standard")[6], 0.0);
        for (_, ruleset) in rulesets.iter() {
            assert!(Rules::of(ruleset).fits(&RANGES), "{}", ruleset.name());
        }
    }

    #[test]
    fn points_are_told_to_a_hundredth() {
        assert_eq!([1.234_9, -0.126, 18.4].map(to_points), [12_300, -1_300, 184_000].map(Points));
    }
}
