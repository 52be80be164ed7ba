//! The entries' points, and how many have how much.
//!
//! A cell is what an entry has, in quanta, from a base on: 16 bits where all fit, else 32.

use super::counts::{Counts, Dense, Sparse};
use super::index::{BLOCK, List};
use super::leaders::{Leaders, WANTED};

/// Fewest entries for which a count is kept of every value.
const DENSE_ENTRIES_MIN: usize = 1 << 15;
/// Most values for each entry for which that is done.
const DENSE_VALUES_PER_ENTRY: usize = 4;
/// Values of 16-bit cells, and how many of them are below zero: corrections and lost fumbles need few.
const NARROW: i64 = 1 << 16;
const NARROW_BELOW: i64 = 1 << 13;
/// Values of 32-bit cells without a count each.
const WIDE: i64 = 1 << 32;

#[derive(Debug)]
enum Cells {
    Narrow(Box<[u16]>),
    Wide(Box<[u32]>),
}

/// Points of all entries.
#[derive(Debug)]
pub(in crate::contest) struct Column {
    cells: Cells,
    /// What a cell of 0 stands for, in quanta.
    base: i64,
    /// How many values cells may have.
    width: i64,
    counts: Counts,
    leaders: Leaders,
    /// No cell is lower or higher.
    low: u32,
    high: u32,
}

/// What a cell can be.
trait Cell: Copy {
    const ZERO: Self;
    fn get(self) -> u32;
    fn plus(self, quanta: i32) -> Self;
}

impl Cell for u16 {
    const ZERO: u16 = 0;

    #[inline(always)]
    fn get(self) -> u32 {
        u32::from(self)
    }

    #[inline(always)]
    fn plus(self, quanta: i32) -> u16 {
        self.wrapping_add(quanta as u16)
    }
}

impl Cell for u32 {
    const ZERO: u32 = 0;

    #[inline(always)]
    fn get(self) -> u32 {
        self
    }

    #[inline(always)]
    fn plus(self, quanta: i32) -> u32 {
        self.wrapping_add(quanta as u32)
    }
}

impl Column {
    /// Everybody has nothing.
    pub(super) fn new(entries: usize) -> Column {
        let mut column = Column {
            cells: Cells::Narrow(Box::default()),
            base: 0,
            width: 0,
            counts: Counts::Sparse(Sparse::default()),
            leaders: Leaders::new(),
            low: 0,
            high: 0,
        };
        column.fill(std::iter::repeat_n(0, entries));
        column
    }

    /// The entries have so many quanta each.
    pub(super) fn fill(&mut self, quanta: impl ExactSizeIterator<Item = i32> + Clone) {
        let entries = quanta.len();
        let least = quanta.clone().min().map_or(0, i64::from);
        let most = quanta.clone().max().map_or(0, i64::from);
        let fits = least >= -NARROW_BELOW && most < NARROW - NARROW_BELOW;
        (self.base, self.width) = if fits {
            (-NARROW_BELOW, NARROW)
        } else {
            // Room for as much again, mostly above.
            let width = (2 * (most - least) + 2 * NARROW).cast_unsigned().next_power_of_two().cast_signed();
            (least - width / 4, width)
        };
        let is_dense = entries >= DENSE_ENTRIES_MIN && (fits || self.width <= (entries * DENSE_VALUES_PER_ENTRY) as i64);
        if !is_dense && !fits {
            (self.base, self.width) = (-WIDE / 2, WIDE);
        }
        let base = self.base;
        let cells = quanta.map(|quanta| (i64::from(quanta) - base) as u32);
        self.cells = match fits {
            true => Cells::Narrow(cells.map(|cell| cell as u16).collect()),
            false => Cells::Wide(cells.collect()),
        };
        (self.low, self.high) = ((least - base) as u32, (most - base) as u32);
        self.counts = match is_dense {
            true => Counts::Dense(self.counted()),
            false => Counts::Sparse(Sparse::default()),
        };
        self.leaders.lose();
    }

    fn counted(&self) -> Dense {
        let mut dense = Dense::new(self.width as usize);
        match &self.cells {
            Cells::Narrow(cells) => cells.iter().for_each(|cell| dense.counts[usize::from(*cell)] += 1),
            Cells::Wide(cells) => cells.iter().for_each(|cell| dense.counts[*cell as usize] += 1),
        }
        dense
    }

    /// The entries of a list go up by so many quanta. False, and nothing done, where there is no room for that.
    pub(super) fn shift(&mut self, list: List<'_>, moved: i64) -> bool {
        let low = i64::from(self.low) + moved.min(0);
        let high = i64::from(self.high) + moved.max(0);
        if low < 0 || high >= self.width {
            return false;
        }
        let span = (self.high - self.low) as usize + 1;
        let (from, to) = (self.low as usize, self.high as usize);
        let (moved_by, leaders) = (moved as i32, &mut self.leaders);
        match (&mut self.counts, &mut self.cells) {
            (Counts::Dense(dense), cells) => {
                // Few are moved in the counts at once; for many it is cheaper to gather and to move whole ranges.
                let few = list.len() < span;
                let (counts, moving) = (&mut dense.counts[..], &mut dense.moving[..]);
                match (cells, few) {
                    (Cells::Narrow(cells), true) => walk(cells, list, moved_by, leaders, &mut Few { counts, moved: moved_by }),
                    (Cells::Narrow(cells), false) => walk(cells, list, moved_by, leaders, &mut Many { moving }),
                    (Cells::Wide(cells), true) => walk(cells, list, moved_by, leaders, &mut Few { counts, moved: moved_by }),
                    (Cells::Wide(cells), false) => walk(cells, list, moved_by, leaders, &mut Many { moving }),
                }
                if !few {
                    dense.settle(from, to, moved);
                }
                leaders.bound();
            }
            (Counts::Sparse(_), Cells::Narrow(cells)) => walk(cells, list, moved_by, leaders, &mut Uncounted),
            (Counts::Sparse(_), Cells::Wide(cells)) => walk(cells, list, moved_by, leaders, &mut Uncounted),
        }
        (self.low, self.high) = (low as u32, high as u32);
        true
    }

    /// Brings counts up to date.
    pub(super) fn count(&mut self) {
        let (low, high) = (self.low, self.high);
        (self.low, self.high) = match &self.cells {
            Cells::Narrow(cells) => self.counts.update(low, high, cells.iter().map(|cell| cell.get())),
            Cells::Wide(cells) => self.counts.update(low, high, cells.iter().copied()),
        };
    }

    pub(in crate::contest) fn len(&self) -> usize {
        match &self.cells {
            Cells::Narrow(cells) => cells.len(),
            Cells::Wide(cells) => cells.len(),
        }
    }

    pub(in crate::contest) fn cell(&self, entry: usize) -> u32 {
        match &self.cells {
            Cells::Narrow(cells) => cells[entry].get(),
            Cells::Wide(cells) => cells[entry],
        }
    }

    /// What a cell stands for.
    pub(in crate::contest) fn quanta(&self, cell: u32) -> i64 {
        i64::from(cell) + self.base
    }

    /// The cell that stands for so many quanta, of those that one has room for.
    pub(in crate::contest) fn cell_of(&self, quanta: i64) -> u32 {
        (quanta - self.base) as u32
    }

    /// How many have more than a cell, and how many as much.
    pub(in crate::contest) fn around(&self, cell: u32) -> (u32, u32) {
        (self.counts.above(cell), self.counts.at(cell))
    }

    /// The cell at that place, of those there are.
    pub(in crate::contest) fn cell_at(&self, place: u32) -> Option<u32> {
        let is_there = place >= 1 && place as usize <= self.len();
        is_there.then(|| self.counts.value_at(place, self.low, self.high))
    }

    /// The best `n`, best first; those who tie in order.
    pub(in crate::contest) fn leaders(&mut self, n: usize) -> Vec<u32> {
        let Some(last) = self.cell_at(n.min(self.len()) as u32) else {
            return Vec::new();
        };
        if matches!(self.counts, Counts::Sparse(_)) || n > WANTED as usize / 2 {
            return self.page(1, n);
        }
        let tied = self.counts.at(last);
        if self.leaders.lost || last + 1 < self.leaders.threshold || (last < self.leaders.threshold && tied < WANTED) {
            self.gather();
        } else if self.leaders.held.len() > 4 * WANTED as usize {
            self.prune();
        }
        let at_least = last.max(self.leaders.threshold);
        let held = self.leaders.held.iter().copied();
        let mut leaders: Vec<u32> = held.filter(|entry| self.cell(*entry as usize) >= at_least).collect();
        leaders.sort_unstable();
        leaders.dedup();
        if last < self.leaders.threshold {
            // Of very many who tie, the first.
            let missing = n.min(self.len()) - leaders.len().min(n);
            self.first_at(last, missing, &mut leaders);
        }
        leaders.sort_by_key(|entry| (std::cmp::Reverse(self.cell(*entry as usize)), *entry));
        leaders.truncate(n);
        leaders
    }

    /// The entries from that place on, at most `n`, in the same order. Looks at every entry.
    pub(in crate::contest) fn page(&self, place: u32, n: usize) -> Vec<u32> {
        let place = place.max(1);
        let last_place = (place as usize - 1 + n).min(self.len()) as u32;
        let (Some(best), Some(worst)) = (self.cell_at(place), self.cell_at(last_place)) else {
            return Vec::new();
        };
        if n == 0 {
            return Vec::new();
        }
        // Of those who tie at either end, as many as there is room for, in order.
        let skipped = (place - 1 - self.counts.above(best)) as usize;
        let mut page = Vec::with_capacity(n);
        self.first_at(best, if best == worst { skipped + n } else { usize::MAX }, &mut page);
        page.drain(..skipped.min(page.len()));
        if best != worst {
            self.each(|entry, cell| {
                if cell < best && cell > worst {
                    page.push(entry);
                }
            });
            let missing = n - page.len().min(n);
            self.first_at(worst, missing, &mut page);
        }
        page.sort_by_key(|entry| (std::cmp::Reverse(self.cell(*entry as usize)), *entry));
        page.truncate(n);
        page
    }

    /// The smallest threshold that at most [`WANTED`] reach.
    fn threshold(&self) -> u32 {
        match self.cell_at(WANTED + 1) {
            Some(cell) => cell + 1,
            None => self.low,
        }
    }

    /// Finds all who reach a threshold of their number.
    fn gather(&mut self) {
        let threshold = self.threshold();
        let mut held = std::mem::take(&mut self.leaders.held);
        held.clear();
        if threshold <= self.high {
            self.each(|entry, cell| {
                if cell >= threshold {
                    held.push(entry);
                }
            });
        }
        self.leaders = Leaders {
            threshold,
            held,
            lost: false,
        };
    }

    /// Lets go of those who do not reach a higher threshold.
    fn prune(&mut self) {
        let threshold = self.threshold().max(self.leaders.threshold);
        let mut held = std::mem::take(&mut self.leaders.held);
        held.retain(|entry| self.cell(*entry as usize) >= threshold);
        held.sort_unstable();
        held.dedup();
        self.leaders.held = held;
        self.leaders.threshold = threshold;
    }

    fn each(&self, mut visit: impl FnMut(u32, u32)) {
        match &self.cells {
            Cells::Narrow(cells) => (0..).zip(cells).for_each(|(entry, cell)| visit(entry, cell.get())),
            Cells::Wide(cells) => (0..).zip(cells).for_each(|(entry, cell)| visit(entry, *cell)),
        }
    }

    fn first_at(&self, cell: u32, count: usize, entries: &mut Vec<u32>) {
        match &self.cells {
            Cells::Narrow(cells) => {
                let is_it = (0..).zip(cells).filter(|(_, other)| other.get() == cell);
                entries.extend(is_it.map(|(entry, _)| entry).take(count));
            }
            Cells::Wide(cells) => {
                let is_it = (0..).zip(cells).filter(|(_, other)| **other == cell);
                entries.extend(is_it.map(|(entry, _)| entry).take(count));
            }
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let cells = match &self.cells {
            Cells::Narrow(cells) => cells.len() * 2,
            Cells::Wide(cells) => cells.len() * 4,
        };
        cells + self.counts.heap_bytes() + self.leaders.held.capacity() * 4
    }
}

/// What is done with the values that entries had.
trait Tally<C> {
    fn had(&mut self, cells: &[C]);
}

/// Moves them among the counts.
struct Few<'c> {
    counts: &'c mut [u32],
    moved: i32,
}

impl<C: Cell> Tally<C> for Few<'_> {
    #[inline]
    fn had(&mut self, cells: &[C]) {
        for cell in cells {
            self.counts[cell.get() as usize] -= 1;
            self.counts[cell.plus(self.moved).get() as usize] += 1;
        }
    }
}

/// Gathers them.
struct Many<'c> {
    moving: &'c mut [u32],
}

impl<C: Cell> Tally<C> for Many<'_> {
    #[inline]
    fn had(&mut self, cells: &[C]) {
        // Where cells have 16 bits there is a count for each of their values: said so that no bound is checked.
        match <&mut [u32; NARROW as usize]>::try_from(&mut *self.moving) {
            Ok(moving) if size_of::<C>() == 2 => cells.iter().for_each(|cell| moving[usize::from(cell.get() as u16)] += 1),
            _ => cells.iter().for_each(|cell| self.moving[cell.get() as usize] += 1),
        }
    }
}

/// Nobody counts.
struct Uncounted;

impl<C> Tally<C> for Uncounted {
    #[inline]
    fn had(&mut self, _cells: &[C]) {}
}

/// How many of a list are walked before what they had is looked at.
const STEP: usize = 128;

fn walk<C: Cell>(cells: &mut [C], list: List<'_>, moved: i32, leaders: &mut Leaders, tally: &mut impl Tally<C>) {
    let mut first = 0;
    // Who falls does not come to the top. Where leaders are not known, they are looked for later.
    let window = if moved > 0 && !leaders.lost { moved.unsigned_abs() } else { 0 };
    let rising = Rising {
        from: leaders.threshold.saturating_sub(window),
        window,
    };
    let mut had = [C::ZERO; STEP];
    for (cells, places) in cells.chunks_mut(BLOCK).zip(list.blocks()) {
        for places in places.chunks(STEP) {
            let had = &mut had[..places.len()];
            let (from, to) = (usize::from(places[0]), usize::from(places[places.len() - 1]));
            if to - from + 1 == places.len() {
                // They stand together: all at once.
                let run = &mut cells[from..=to];
                had.copy_from_slice(run);
                run.iter_mut().for_each(|cell| *cell = cell.plus(moved));
            } else if let Ok(whole) = <&mut [C; BLOCK]>::try_from(&mut *cells) {
                // The same as below, where the bounds of a whole block are known.
                places
                    .iter()
                    .zip(&mut *had)
                    .for_each(|(place, had)| shift(&mut whole[usize::from(*place)], had, moved));
            } else {
                places
                    .iter()
                    .zip(&mut *had)
                    .for_each(|(place, had)| shift(&mut cells[usize::from(*place)], had, moved));
            }
            tally.had(had);
            // Beyond the bound they will all be looked for again.
            if leaders.has_room() && rising.any(had) {
                let rose = places.iter().zip(&*had).filter(|(_, had)| rising.is(**had));
                leaders.held.extend(rose.map(|(place, _)| first + u32::from(*place)));
            }
        }
        first += BLOCK as u32;
    }
}

#[inline(always)]
fn shift<C: Cell>(cell: &mut C, had: &mut C, moved: i32) {
    *had = *cell;
    *cell = cell.plus(moved);
}

/// Who comes from below a threshold to it or above.
#[derive(Clone, Copy)]
struct Rising {
    from: u32,
    window: u32,
}

impl Rising {
    #[inline(always)]
    fn is<C: Cell>(self, had: C) -> bool {
        had.get().wrapping_sub(self.from) < self.window
    }

    /// Whether one does; without a branch for each, so that many are compared at once.
    #[inline(always)]
    fn any<C: Cell>(self, had: &[C]) -> bool {
        self.window > 0 && had.iter().fold(false, |any, had| any | self.is(*had))
    }
}
