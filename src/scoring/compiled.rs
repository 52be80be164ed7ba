//! A ruleset that scores.
//!
//! Owns the one function from a stat line to points. It is pure, allocates nothing, uses no float and
//! walks only the stats that the ruleset pays for (`benches/score.rs` says what that costs). Never
//! checks anything: [`super::compile`] has made sure that no sum can overflow and that a line on which
//! nothing has happened is worth nothing.

use crate::model::{PlayerId, Points, Stat, StatLine};
use compact_str::CompactString;

/// The position under which every team defence scores.
pub const DST_POSITION: &str = "DST";

/// A position as one ruleset sees it. Resolve it once for a player, with the ruleset that will score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct PositionIndex(pub(super) u8);

impl PositionIndex {
    /// No position, or one that is paid like everybody else.
    pub const COMMON: PositionIndex = PositionIndex(0);
}

/// So many units for each counter of a stat (a half sack, otherwise one).
#[derive(Clone, Copy, Debug)]
pub(super) struct Weight {
    pub(super) stat: Stat,
    pub(super) units: i64,
}

/// So many units for every whole step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) stat: Stat,
    pub(super) every: i64,
    pub(super) units: i64,
    pub(super) floor: bool,
}

/// So many units once the counter is that high.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bonus {
    pub(super) stat: Stat,
    pub(super) at_least: i32,
    pub(super) units: i64,
}

/// The last row whose start is not above the counter pays.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    pub(super) stat: Stat,
    pub(super) rows: Box<[(i32, i64)]>,
}

/// A ruleset, checked and ready to score.
#[derive(Clone, Debug)]
pub struct Ruleset {
    pub(super) name: CompactString,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) source: Option<String>,
    pub(super) read_on: Option<String>,
    /// Names of the positions with weights of their own; position `i` here is index `i + 1`.
    pub(super) positions: Box<[CompactString]>,
    /// Weights by [`PositionIndex`]; the first are the common ones.
    pub(super) weights: Box<[Box<[Weight]>]>,
    pub(super) steps: Box<[Step]>,
    pub(super) bonuses: Box<[Bonus]>,
    pub(super) ladders: Box<[Ladder]>,
}

impl Ruleset {
    /// The name by which clients ask for it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its name for people.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What it covers and what it leaves out.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Where its rules are published, and the day (`2026-01-31`) they were read there.
    pub fn source(&self) -> Option<(&str, &str)> {
        self.source.as_deref().zip(self.read_on.as_deref())
    }

    /// A position's place in this ruleset; a position it knows nothing of is [`PositionIndex::COMMON`].
    /// Upper and lower case are the same.
    pub fn position(&self, position: Option<&str>) -> PositionIndex {
        let place = position.and_then(|p| self.positions.iter().position(|known| known.eq_ignore_ascii_case(p)));
        // The compiler bounds positions well below 255.
        place.map_or(PositionIndex::COMMON, |i| PositionIndex(i as u8 + 1))
    }

    /// The same for a line's owner: team defences have position [`DST_POSITION`], whatever the feed says.
    pub fn position_of(&self, player: &PlayerId, position: Option<&str>) -> PositionIndex {
        self.position(if player.is_dst() { Some(DST_POSITION) } else { position })
    }

    /// The largest amount of which every score is a whole multiple; at least one unit.
    pub fn quantum(&self) -> Points {
        let weights = self.weights.iter().flatten().map(|weight| weight.units);
        let steps = self.steps.iter().map(|step| step.units);
        let bonuses = self.bonuses.iter().map(|bonus| bonus.units);
        let rows = self.ladders.iter().flat_map(|ladder| ladder.rows.iter().map(|(_, units)| *units));
        Points(weights.chain(steps).chain(bonuses).chain(rows).fold(0, gcd).max(1))
    }

    /// What the line is worth at that position. A line of zeros is worth nothing.
    #[inline]
    pub fn score(&self, line: &StatLine, position: PositionIndex) -> Points {
        let weights = self.weights.get(position.0 as usize).unwrap_or(&self.weights[0]);
        let mut units: i64 = weights.iter().map(|w| i64::from(line.get(w.stat)) * w.units).sum();
        for bonus in &self.bonuses {
            if line.get(bonus.stat) >= bonus.at_least {
                units += bonus.units;
            }
        }
        for ladder in &self.ladders {
            units += ladder.units(line);
        }
        for step in &self.steps {
            units += step.units(line);
        }
        Points(units)
    }
}

/// The greatest amount that divides both, without sign.
fn gcd(mut a: i64, mut b: i64) -> i64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.abs()
}

impl Ladder {
    #[inline]
    fn units(&self, line: &StatLine) -> i64 {
        // Nobody has held an opponent to nothing before kickoff, and players have allowed nothing.
        if self.stat == Stat::PointsAllowed && line.get(Stat::Begun) == 0 {
            return 0;
        }
        let value = line.get(self.stat);
        let reached = self.rows.iter().take_while(|(from, _)| *from <= value).last();
        reached.map_or(0, |(_, units)| *units)
    }
}

impl Step {
    #[inline]
    fn units(&self, line: &StatLine) -> i64 {
        let value = i64::from(line.get(self.stat));
        let steps = if self.floor {
            value.div_euclid(self.every)
        } else {
            value / self.every
        };
        steps * self.units
    }
}
