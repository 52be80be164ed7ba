//! The 14 counters of a line that models are told of, in the order of their table's columns.

use crate::model::{Stat, StatLine};

/// The table's names with our counters.
pub const COLUMNS: [(&str, Stat); 14] = [
    ("pass_yds", Stat::PassingYards),
    ("pass_td", Stat::PassingTds),
    ("int", Stat::Interceptions),
    ("rush_yds", Stat::RushingYards),
    ("rush_td", Stat::RushingTds),
    ("rec", Stat::Receptions),
    ("rec_yds", Stat::ReceivingYards),
    ("rec_td", Stat::ReceivingTds),
    ("fumbles_lost", Stat::FumblesLost),
    ("two_pt", Stat::TwoPointConversions),
    ("ret_td", Stat::ReturnTds),
    ("off_fumrec_td", Stat::FumbleRecoveryTds),
    ("pass_att", Stat::PassingAttempts),
    ("rush_att", Stat::RushingAttempts),
];

pub(super) const PASS_YDS: usize = 0;
pub(super) const PASS_TD: usize = 1;
pub(super) const RUSH_YDS: usize = 3;
pub(super) const RUSH_TD: usize = 4;
pub(super) const REC: usize = 5;
pub(super) const REC_YDS: usize = 6;
pub(super) const REC_TD: usize = 7;
pub(super) const PASS_ATT: usize = 12;
pub(super) const RUSH_ATT: usize = 13;
/// What says which part a player has in his team.
pub(super) const ROLE: [usize; 3] = [PASS_ATT, RUSH_ATT, REC];

/// A line, by the places of [`COLUMNS`]. Saturates at what no game has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Line(pub [i16; COLUMNS.len()]);

impl Line {
    /// These counters of a whole line.
    pub fn of(line: &StatLine) -> Line {
        let narrow = |value: i32| value.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
        Line(COLUMNS.map(|(_, stat)| narrow(line.get(stat))))
    }

    /// A whole line with these counters alone.
    pub fn stat_line(&self) -> StatLine {
        let mut line = StatLine::ZERO;
        for ((_, stat), value) in COLUMNS.iter().zip(self.0) {
            line.add(*stat, value.into());
        }
        line
    }

    /// One counter.
    pub(super) fn get(&self, column: usize) -> f64 {
        self.0[column].into()
    }

    /// Whether nothing was done that models know of: such a player has no row in the table.
    pub fn is_zero(&self) -> bool {
        self.0.iter().all(|value| *value == 0)
    }

    /// Adds another's.
    pub(super) fn add(&mut self, other: &Line) {
        for (sum, value) in self.0.iter_mut().zip(other.0) {
            *sum = sum.saturating_add(value);
        }
    }
}
