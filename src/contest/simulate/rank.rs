//! A block of draws, scored: every roster's total, ranks, ties and prizes.
//!
//! Owns one thread's room for it. Totals are added up for all draws of a block at once, a lane each, and turned over, so
//! that each draw's totals lie one after the other. Then, for each draw, they are counted by points, and from the most
//! points down each count's rank, share and marks go into a table by points. Looking every roster up in it adds four
//! sums at once, packed into 64 bits. Nothing is sorted and nothing is compared but points.

use super::draw::{Drawn, LANES};
use super::field::{Field, Prizes};
use super::odds::EntryOdds;
use super::quanta::{Quanta, TABLE_MIN, UNROLLED};
use super::slate::Slate;

/// Where the counts lie in a packed sum; below them, the cents of up to [`LANES`] prizes of 32 bits.
pub(super) const CASH: u32 = 40;
pub(super) const TOP: u32 = 48;
pub(super) const WIN: u32 = 56;
const CENTS: u64 = (1 << CASH) - 1;
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
    /// A group of zeros, then by total how many entries have it.
    counts: Vec<u32>,
    /// From the highest total of a draw down, what each brings, packed.
    brings: Vec<u64>,
    sums: Vec<u64>,
}

/// Totals that are looked at together, to see whether anybody has one of them.
const GROUP: usize = 8;

/// Rosters whose totals are turned over at once.
const SIDE: usize = 2 * UNROLLED;

impl<'a, Q: Quanta> Room<'a, Q> {
    pub(super) fn new(field: &'a Field, slate: &'a Slate, least: i64, range: usize) -> Room<'a, Q> {
        let stride = field.rosters().next_multiple_of(SIDE);
        Room {
            field,
            slate,
            drawn: Drawn::new(slate),
            base: Q::wrapped(-least),
            totals: vec![Q::default(); stride * LANES],
            stride,
            counts: vec![0; GROUP + range.max(TABLE_MIN)],
            brings: vec![0; range.max(TABLE_MIN) + GROUP],
            sums: vec![0; stride],
        }
    }

    /// Draws from `first` on, `draws` of them, at most [`LANES`]; adds what became of each roster.
    pub(super) fn block(&mut self, seed: u64, first: u64, draws: usize, odds: &mut [EntryOdds]) {
        self.drawn.draw(self.slate, seed, first);
        self.score();
        for lane in 0..draws {
            self.rank(lane);
        }
        for (sum, odds) in self.sums.iter_mut().zip(odds) {
            odds.cents += *sum & CENTS;
            odds.cashes += (*sum >> CASH & COUNT) as u32;
            odds.tops += (*sum >> TOP & COUNT) as u32;
            odds.wins += (*sum >> WIN) as u32;
            *sum = 0;
        }
    }

    /// Adds up all rosters.
    fn score(&mut self) {
        match self.field.slots {
            6 => self.score_of::<6>(),
            8 => self.score_of::<8>(),
            9 => self.score_of::<9>(),
            _ => self.score_of::<0>(),
        }
    }

    /// The same where the number of slots is known, or 0 where it is not.
    #[inline(never)]
    fn score_of<const SLOTS: usize>(&mut self) {
        let slots = if SLOTS == 0 { self.field.slots } else { SLOTS };
        let rows = &self.drawn.rows[..];
        for (tile, rosters) in self.field.rosters.chunks(slots * SIDE).enumerate() {
            let mut sums = [[Q::default(); LANES]; SIDE];
            for (sum, roster) in sums.iter_mut().zip(rosters.chunks_exact(slots)) {
                let mut total = [self.base; LANES];
                for row in &roster[..slots] {
                    let row = &rows[usize::from(*row)];
                    for lane in 0..LANES {
                        total[lane] = total[lane].plus(row[lane]);
                    }
                }
                *sum = total;
            }
            for lane in 0..LANES {
                let start = lane * self.stride + tile * SIDE;
                let line: &mut [Q; SIDE] = self.totals[start..].first_chunk_mut().expect("lines are whole tiles");
                for (total, sum) in line.iter_mut().zip(&sums) {
                    *total = sum[lane];
                }
            }
        }
    }

    /// Ranks one draw's totals and adds what they bring.
    fn rank(&mut self, lane: usize) {
        let rosters = self.field.rosters();
        let line = &self.totals[lane * self.stride..][..self.stride];
        let totals = &line[..rosters];
        let most = totals.iter().copied().max().unwrap_or_default();
        let counts = &mut self.counts[GROUP..];
        counts[..=most.index()].fill(0);
        if rosters == self.field.entries() {
            Q::tally(totals, counts);
        } else {
            for (total, copies) in totals.iter().zip(&self.field.copies) {
                counts[total.index()] += copies;
            }
        }
        let end = GROUP + most.index() + 1;
        let last = prize(&self.field.prizes, &self.counts[end % GROUP..end], &mut self.brings);
        Q::collect(line, &self.brings, most, last, &mut self.sums);
    }
}

/// From the most points down (the last of `counts`), what each brings, until nobody further is paid or among the best.
/// Answers the place of the entry that stands for all others. `counts` are a multiple of [`GROUP`].
#[inline(never)]
fn prize(prizes: &Prizes, counts: &[u32], brings: &mut [u64]) -> usize {
    let (wanted, after) = (prizes.places.len() as u32 - 1, &prizes.places[..]);
    let mut above = 0;
    let mut at = 0;
    let groups = counts.as_chunks::<GROUP>().0.iter().rev();
    for (group, brings) in groups.zip(brings.as_chunks_mut::<GROUP>().0) {
        at += GROUP;
        // Where few have so much, most groups are nobody's. What they bring is never looked up.
        if group.iter().fold(0, |any, sharing| any | sharing) == 0 {
            continue;
        }
        // Within a group it costs less to write something for nobody than to leave it out.
        for (brings, sharing) in brings.iter_mut().zip(group.iter().rev()) {
            let place = &after[above.min(wanted) as usize];
            *brings = place.brings;
            if above + sharing > place.alike_until {
                *brings = place.brings & !CENTS | u64::from(prizes.share(above, *sharing));
            }
            above += sharing;
        }
        if above >= wanted {
            break;
        }
    }
    brings[at] = 0;
    at
}
