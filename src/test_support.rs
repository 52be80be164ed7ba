//! What the unit tests of several modules share: the recorded weeks, and chance from a seed.

#[path = "../tests/it/support/recorded.rs"]
pub(crate) mod recorded;
#[path = "../tests/it/support/skipped.rs"]
pub(crate) mod skipped;

use crate::model::Stat;

/// The weeks that were recorded whole.
pub(crate) const WEEKS: [&str; 2] = ["dev/2015w14", "dev/2017w03"];

/// Columns of the box scores that points follow from, and the counters they are compared with.
pub(crate) const BOX_SCORE: [(&str, Stat); 9] = [
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

/// Columns that no points follow from. Rushing attempts and targets are left out: these box scores
/// count both by rules of their own.
pub(crate) const BOX_SCORE_ATTEMPTS: [(&str, Stat); 2] = [("pass_att", Stat::PassingAttempts), ("cmp", Stat::Completions)];

/// A small seeded generator (splitmix64): the same seed draws the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
