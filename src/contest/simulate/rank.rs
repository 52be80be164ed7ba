//! A block of draws, scored: every roster's total, ranks, ties and prizes.
//!
//! Owns one thread's room for it. Totals are added up for all draws of a block at once, a lane each, and turned over, so
//! that each draw's totals lie one after the other. Then, for each draw, they are counted by points, and from the most
//! points down each count's rank, share and marks go into a table by points. Looking every roster up in it adds four
//! sums at once, packed into 64 bits. Nothing is sorted and nothing is compared but points.

use super::draw::{Drawn, LANES, Quanta};
use super::field::Field;
use super::odds::EntryOdds;
use super::slate::Slate;

/// Where the counts lie in a packed sum; below them, the cents of up to [`LANES`] prizes of 32 bits.
const CASH: u32 = 40;
const TOP: u32 = 48;
const WIN: u32 = 56;
const COUNT: u64 = 0xFF;

const _: () = assert!(LANES < 256, "counts of a block take 8 bits, cents 40");

/// One thread's room.
pub(super) struct Room<'a, Q> {
    field: &'a Field,
    slate: &'a Slate,
    drawn: Drawn<Q>,
    /// The least total there can be, negated: what sums begin with.
    base: Q,
    /// By lane, then by roster: totals above the least there can be.
    totals: Vec<Q>,
    stride: usize,
    /// By total: rosters' copies, then what it brings, packed.
    counts: Vec<u32>,
    brings: Vec<u64>,
    sums: Vec<u64>,
}

/// Rosters that are turned over at once.
const TILE: usize = 16;

impl<'a, Q: Quanta> Room<'a, Q> {
    pub(super) fn new(field: &'a Field, slate: &'a Slate, least: i64, range: usize) -> Room<'a, Q> {
        let stride = field.rosters().next_multiple_of(TILE);
        Room {
            field,
            slate,
            drawn: Drawn::new(slate),
            base: Q::wrapped(-least),
            totals: vec![Q::default(); stride * LANES],
            stride,
            counts: vec![0; range],
            brings: vec![0; range + 1],
            sums: vec![0; field.rosters()],
        }
    }

    /// Draws from `first` on, `draws` of them, at most [`LANES`]; adds what became of each roster.
    pub(super) fn block(&mut self, seed: u64, first: u64, draws: usize, odds: &mut [EntryOdds]) {
        self.drawn.draw(self.slate, seed, first);
        let best = self.score();
        for (lane, most) in best.iter().enumerate().take(draws) {
            self.rank(lane, most.index());
        }
        for (sum, odds) in self.sums.iter_mut().zip(odds) {
            odds.cents += *sum & ((1 << CASH) - 1);
            odds.cashes += (*sum >> CASH & COUNT) as u32;
            odds.tops += (*sum >> TOP & COUNT) as u32;
            odds.wins += (*sum >> WIN) as u32;
            *sum = 0;
        }
    }

    /// Adds up all rosters; answers the highest total of each draw.
    fn score(&mut self) -> [Q; LANES] {
        let mut best = [Q::default(); LANES];
        let slots = self.field.slots;
        let rows = &self.drawn.rows[..];
        for (tile, rosters) in self.field.rosters.chunks(slots * TILE).enumerate() {
            let mut sums = [[Q::default(); LANES]; TILE];
            for (sum, roster) in sums.iter_mut().zip(rosters.chunks_exact(slots)) {
                let mut total = [self.base; LANES];
                for row in roster {
                    let row = &rows[usize::from(*row)];
                    for lane in 0..LANES {
                        total[lane] = total[lane].plus(row[lane]);
                    }
                }
                for lane in 0..LANES {
                    best[lane] = best[lane].max(total[lane]);
                }
                *sum = total;
            }
            for lane in 0..LANES {
                let start = lane * self.stride + tile * TILE;
                let out = &mut self.totals[start..start + TILE];
                for roster in 0..TILE {
                    out[roster] = sums[roster][lane];
                }
            }
        }
        best
    }

    /// Ranks one draw's totals and adds what they bring.
    fn rank(&mut self, lane: usize, most: usize) {
        let rosters = self.field.rosters();
        let totals = &self.totals[lane * self.stride..][..rosters];
        let counts = &mut self.counts[..=most];
        counts.fill(0);
        for (total, copies) in totals.iter().zip(&self.field.copies) {
            counts[total.index()] += copies;
        }
        let prizes = &self.field.prizes;
        let (paid, top) = (prizes.paid(), prizes.top);
        let wanted = paid.max(top);
        // From the most points down, until nobody further is paid or among the best.
        let mut above = 0;
        let mut cut = most + 1;
        while above < wanted && cut > 0 {
            cut -= 1;
            let sharing = counts[cut];
            let mut brings = 0;
            if sharing > 0 {
                brings = u64::from(prizes.share(above, sharing));
                brings |= u64::from(above < paid) << CASH;
                brings |= u64::from(above < top) << TOP;
                brings |= u64::from(above == 0) << WIN;
                above += sharing;
            }
            self.brings[cut + 1] = brings;
        }
        // What is below the cut finds the entry before it: nothing.
        self.brings[cut] = 0;
        let brings = &self.brings[cut..=most + 1];
        for (total, sum) in totals.iter().zip(&mut self.sums) {
            *sum += brings[(total.index() + 1).saturating_sub(cut)];
        }
    }
}
