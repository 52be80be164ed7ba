//! What draws say of each entry: counts and sums, so that two machines can be held against each other to the last one.

use super::Field;

/// What became of an entry in a number of draws.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct EntryOdds {
    /// Draws in which no entry had more points.
    pub wins: u32,
    /// Draws in which it had a share of a prize.
    pub cashes: u32,
    /// Draws in which it was among the best hundredth: fewer than a hundredth of the entries (one at least) had more.
    pub tops: u32,
    /// What it was paid over all draws, in cents; ties share, and what is less than a cent of a share is nobody's.
    pub cents: u64,
}

/// What draws say of a contest.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Odds {
    /// How many there were.
    pub draws: u32,
    /// By roster of the field; several entries may have the same.
    pub(super) rosters: Vec<EntryOdds>,
}

impl Odds {
    /// Of no draw yet.
    pub fn none(field: &Field) -> Odds {
        Odds {
            draws: 0,
            rosters: vec![EntryOdds::default(); field.rosters()],
        }
    }

    /// Of one entry, by its place among those that the field was made of.
    pub fn entry(&self, field: &Field, entry: usize) -> EntryOdds {
        self.rosters[field.roster_of[entry] as usize]
    }

    /// Adds other draws of the same field.
    pub fn add(&mut self, other: &Odds) {
        self.draws += other.draws;
        for (sum, more) in self.rosters.iter_mut().zip(&other.rosters) {
            sum.wins += more.wins;
            sum.cashes += more.cashes;
            sum.tops += more.tops;
            sum.cents += more.cents;
        }
    }

    /// A count as a part of all draws; 0 before the first.
    pub fn part(&self, count: u32) -> f64 {
        f64::from(count) / f64::from(self.draws.max(1))
    }

    /// What a draw paid an entry on average, in cents.
    pub fn expected_cents(&self, odds: EntryOdds) -> f64 {
        odds.cents as f64 / f64::from(self.draws.max(1))
    }
}
