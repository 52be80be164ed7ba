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
    pub(super) board: &'b Board,
}

impl Standings<'_> {
    /// Where an entry stands.
    pub fn of(&self, entry: EntryIndex) -> Standing {
        let points = self.board.points(entry);
        let (above, tied) = self.around(points);
        let entries = self.board.definition().entry_count();
        let below = entries - above - tied;
        let rank = above as u32 + 1;
        Standing {
            points,
            rank,
            tied: tied as u32,
            percentile: (below as u64 * 10_000 / entries as u64) as u32,
            payout: self.board.definition().payouts().share(rank, tied as u32),
            to_money: self.money_line().map(|line| points - line),
        }
    }

    /// How many have more than that, and how many just that.
    pub fn around(&self, points: Points) -> (usize, usize) {
        let order = &self.board.order;
        let above = order.partition_point(|other| self.board.points(*other) > points);
        let upto = order.partition_point(|other| self.board.points(*other) >= points);
        (above, upto - above)
    }

    /// What the entry at that place has: the best is at 1.
    pub fn points_at(&self, place: u32) -> Option<Points> {
        let at = self.board.order.get((place as usize).checked_sub(1)?)?;
        Some(self.board.points(*at))
    }

    /// What the last place that is paid has now.
    pub fn money_line(&self) -> Option<Points> {
        let places = self.board.definition().payouts().places().min(self.board.order.len() as u32);
        self.points_at(places)
    }

    /// The best `n`, best first; of those who tie, in order of id.
    pub fn leaders(&self, n: usize) -> Vec<EntryIndex> {
        self.board.order.iter().take(n).copied().collect()
    }

    /// The entries from that place on, at most `n`, as [`Standings::leaders`] orders them.
    pub fn page(&self, place: u32, n: usize) -> Vec<EntryIndex> {
        let from = (place as usize).saturating_sub(1);
        self.board.order.iter().skip(from).take(n).copied().collect()
    }

    /// What each tier of the payouts asks for; tiers beyond the last entry are left out.
    pub fn cuts(&self) -> Vec<Cut> {
        let entries = self.board.order.len() as u32;
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

    /// How many entries have how much, in at most `buckets` steps of 1, 2 or 5 of a decimal place.
    pub fn distribution(&self, buckets: usize) -> Distribution {
        let (Some(best), Some(worst)) = (self.points_at(1), self.points_at(self.board.order.len() as u32)) else {
            return Distribution {
                from: Points::ZERO,
                step: Points(Points::SCALE),
                counts: Vec::new(),
            };
        };
        let (step, from, count) = buckets_of(worst, best, buckets);
        let mut counts = vec![0; count];
        for entry in self.board.definition().entries() {
            counts[((self.board.points(entry) - from).0 / step.0) as usize] += 1;
        }
        Distribution { from, step, counts }
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
