//! Where the points put every entry: ranks, payouts, cut lines, leaders.

use super::EntryIndex;
use super::board::Board;
use super::payouts::{Share, Tier};
use crate::model::Points;

/// Where one entry stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// What it has.
    pub points: Points,
    /// Its rank; 1 is the best, and those who tie share the best of their places.
    pub rank: u32,
    /// How many share the rank, itself included.
    pub tied: u32,
    /// How many of 10,000 entries have fewer points, rounded down: a percentile in hundredths.
    pub percentile: u32,
    /// What it and those who tie with it are paid.
    pub payout: Share,
    /// Points to the last place that is paid: 0 or above is paid. Nothing where no place is.
    pub to_money: Option<Points>,
}

/// What a tier asks for now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cut {
    /// The tier, its last place no further than there are entries.
    pub tier: Tier,
    /// What the entry at its last place has.
    pub points: Points,
}

/// How many entries have how much.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Distribution {
    /// Where the first bucket begins.
    pub from: Points,
    /// How wide each is; an entry on an edge is in the upper one.
    pub step: Points,
    /// Entries in each.
    pub counts: Vec<u32>,
}

/// Where everybody stands, after a change.
#[derive(Debug)]
pub struct Standings<'b> {
    pub(super) board: &'b mut Board,
}

impl Standings<'_> {
    /// Where an entry stands.
    pub fn of(&self, entry: EntryIndex) -> Standing {
        let column = &self.board.column;
        let cell = column.cell(entry.0 as usize);
        let (above, tied) = column.around(cell);
        let entries = column.len() as u64;
        let below = entries - u64::from(above) - u64::from(tied);
        let points = self.board.in_points(cell);
        Standing {
            points,
            rank: above + 1,
            tied,
            percentile: (below * 10_000 / entries) as u32,
            payout: self.board.definition().payouts().share(above + 1, tied),
            to_money: self.money_line().map(|line| points - line),
        }
    }

    /// What the entry at that place has: the best is at 1.
    pub fn points_at(&self, place: u32) -> Option<Points> {
        self.board.column.cell_at(place).map(|cell| self.board.in_points(cell))
    }

    /// What the last place that is paid has now.
    pub fn money_line(&self) -> Option<Points> {
        let places = self.board.definition().payouts().places();
        self.points_at(places.min(self.board.column.len() as u32))
    }

    /// The best `n`, best first; of those who tie, in the contest's order. Up to 128 are known without a look at every entry.
    pub fn leaders(&mut self, n: usize) -> Vec<EntryIndex> {
        self.board.column.leaders(n).into_iter().map(EntryIndex).collect()
    }

    /// The entries from that place on, at most `n`, as [`Standings::leaders`] orders them. Looks at every entry.
    pub fn page(&self, place: u32, n: usize) -> Vec<EntryIndex> {
        self.board.column.page(place, n).into_iter().map(EntryIndex).collect()
    }

    /// What each tier of the payouts asks for; tiers beyond the last entry are left out.
    pub fn cuts(&self) -> Vec<Cut> {
        let entries = self.board.column.len() as u32;
        let tiers = self.board.definition().payouts().tiers().iter();
        let cut = |tier: &Tier| {
            let tier = Tier {
                last: tier.last.min(entries),
                ..*tier
            };
            let points = self.points_at(tier.last)?;
            Some(Cut { tier, points })
        };
        tiers.take_while(|tier| tier.first <= entries).filter_map(cut).collect()
    }

    /// How many entries have how much, in at most `buckets` steps of 1, 2 or 5 of a decimal place. Costs a look-up for
    /// each bucket.
    pub fn distribution(&self, buckets: usize) -> Distribution {
        let entries = self.board.column.len() as u32;
        let (Some(best), Some(worst)) = (self.points_at(1), self.points_at(entries)) else {
            return Distribution {
                from: Points::ZERO,
                step: Points(Points::SCALE),
                counts: Vec::new(),
            };
        };
        let (step, from, count) = buckets_of(worst, best, buckets);
        let mut counts = Vec::with_capacity(count);
        let mut below = 0;
        for bucket in 1..=count as i64 {
            let reached = entries - self.at_least(from + Points(step.0 * bucket));
            counts.push(reached - below);
            below = reached;
        }
        Distribution { from, step, counts }
    }

    /// How many entries have that much or more.
    pub fn at_least(&self, points: Points) -> u32 {
        let (Some(best), Some(worst)) = (self.points_at(1), self.points_at(self.board.column.len() as u32)) else {
            return 0;
        };
        if points > best {
            return 0;
        }
        if points <= worst {
            return self.board.column.len() as u32;
        }
        let cell = self.board.cell_reaching(points);
        let (above, tied) = self.board.column.around(cell);
        above + tied
    }
}

/// A step, where the first bucket begins, and how many there are.
fn buckets_of(worst: Points, best: Points, buckets: usize) -> (Points, Points, usize) {
    let mut step = Points::SCALE;
    for times in [2, 5, 2].into_iter().cycle() {
        let from = worst.0.div_euclid(step) * step;
        let count = ((best.0 - from) / step) as usize + 1;
        if count <= buckets.max(2) {
            return (Points(step), Points(from), count);
        }
        // 1, 2, 5, 10: twice, two and a half times, twice.
        step = if times == 5 { step / 2 * 5 } else { step * times };
    }
    unreachable!("the cycle has no end")
}
