//! What totals are counted in.
//!
//! Owns the two loops over a draw's totals that take most of a simulation's time, each for 16 and for 32 bits. Sums wrap,
//! and what they wrap to is right as long as the range of all totals fits. Nothing is checked twice: a table that has an
//! entry for every 16-bit number needs no look at the index.

/// Totals are a multiple of this, so that a loop over them need not look after each whether it was the last.
pub(super) const UNROLLED: usize = 8;

/// So many times as many have their places worked out together, by vectors, before they are looked up one by one.
const GROUP: usize = 32;

/// Entries that [`Quanta::tally`] and [`Quanta::collect`] need in their tables at least, whatever the range.
pub(super) const TABLE_MIN: usize = 1 << 16;

/// A number of quanta above the least total that there can be.
pub(super) trait Quanta: Copy + Default + Ord + Send + Sync + 'static {
    fn wrapped(quanta: i64) -> Self;
    fn plus(self, other: Self) -> Self;
    fn index(self) -> usize;

    /// Counts totals by what they are.
    fn tally(totals: &[Self], counts: &mut [u32]);

    /// Adds to each sum what its total brings; there are a multiple of [`UNROLLED`]. The table begins with what `most` brings and goes down; `last` is the place
    /// of its last entry, which stands for all totals further down.
    fn collect(totals: &[Self], brings: &[u64], most: Self, last: usize, sums: &mut [u64]);
}

impl Quanta for u16 {
    fn wrapped(quanta: i64) -> u16 {
        quanta as u16
    }

    #[inline(always)]
    fn plus(self, other: u16) -> u16 {
        self.wrapping_add(other)
    }

    #[inline(always)]
    fn index(self) -> usize {
        self.into()
    }

    #[inline(never)]
    fn tally(totals: &[u16], counts: &mut [u32]) {
        let counts: &mut [u32; TABLE_MIN] = counts.first_chunk_mut().expect("there is an entry for every number");
        for total in totals {
            counts[usize::from(*total)] += 1;
        }
    }

    #[inline(never)]
    fn collect(totals: &[u16], brings: &[u64], most: u16, last: usize, sums: &mut [u64]) {
        let brings: &[u64; TABLE_MIN] = brings.first_chunk().expect("there is an entry for every number");
        let last = u16::try_from(last).unwrap_or(u16::MAX);
        let mut places = [[0; UNROLLED]; GROUP];
        let groups = totals.as_chunks::<UNROLLED>().0.chunks(GROUP);
        for (totals, sums) in groups.zip(sums.as_chunks_mut::<UNROLLED>().0.chunks_mut(GROUP)) {
            for (place, total) in places.as_flattened_mut().iter_mut().zip(totals.as_flattened()) {
                *place = most.wrapping_sub(*total).min(last);
            }
            for (sums, places) in sums.iter_mut().zip(&places) {
                for at in 0..UNROLLED {
                    sums[at] += brings[usize::from(places[at])];
                }
            }
        }
    }
}

impl Quanta for u32 {
    fn wrapped(quanta: i64) -> u32 {
        quanta as u32
    }

    #[inline(always)]
    fn plus(self, other: u32) -> u32 {
        self.wrapping_add(other)
    }

    #[inline(always)]
    fn index(self) -> usize {
        self as usize
    }

    fn tally(totals: &[u32], counts: &mut [u32]) {
        for total in totals {
            counts[*total as usize] += 1;
        }
    }

    fn collect(totals: &[u32], brings: &[u64], most: u32, last: usize, sums: &mut [u64]) {
        for (total, sum) in totals.iter().zip(sums) {
            *sum += brings[(most.wrapping_sub(*total) as usize).min(last)];
        }
    }
}
