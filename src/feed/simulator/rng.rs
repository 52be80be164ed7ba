//! The simulator's own source of chance: SplitMix64 and integer draws from it.
//!
//! Owns 64 bits of state. Never uses floats, the platform's word size or an outside source, so that
//! one seed gives the same bytes everywhere and in every later version of any crate.

/// SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    /// A stream of its own for every (seed, stream) pair.
    pub(crate) fn new(seed: u64, stream: u64) -> Rng {
        let mut mix = Rng(seed ^ stream.wrapping_mul(0xD1B5_4A32_D192_ED03));
        Rng(mix.next() ^ stream)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 where `n` is 0.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    /// A number from `low` to `high`, both included; `low` where they are the wrong way round.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1).max(1) as u64) as i64
    }

    /// True `chance` times in 1,000.
    pub(super) fn permille(&mut self, chance: u32) -> bool {
        self.below(1_000) < u64::from(chance)
    }

    /// One of the values, by weight; the last where all weights are 0.
    pub(super) fn weighted<T: Copy>(&mut self, choices: &[(u32, T)], last: T) -> T {
        let total: u64 = choices.iter().map(|(weight, _)| u64::from(*weight)).sum();
        let mut at = self.below(total);
        for (weight, value) in choices {
            if at < u64::from(*weight) {
                return *value;
            }
            at -= u64::from(*weight);
        }
        last
    }

    /// A number distributed as `table` says, evenly between its points.
    pub(super) fn quantile(&mut self, table: &super::tables::Quantiles) -> i16 {
        let at = self.below(1_000) as i64;
        let points = &super::tables::POINTS;
        let upper = points.iter().position(|p| *p > at).unwrap_or(points.len() - 1).max(1);
        let (p0, p1) = (points[upper - 1], points[upper]);
        let (v0, v1) = (i64::from(table[upper - 1]), i64::from(table[upper]));
        // Rounded half up, so that small yardages keep their share.
        (v0 + (2 * (v1 - v0) * (at - p0) + (p1 - p0)).div_euclid(2 * (p1 - p0))) as i16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_pinned() {
        let mut rng = Rng(0);
        assert_eq!(rng.next(), 0xE220_A839_7B1D_CDAF, "first output of SplitMix64 from 0");
        let mut rng = Rng::new(7, 3);
        let drawn: Vec<u64> = (0..4).map(|_| rng.below(1_000)).collect();
        assert_eq!(drawn, {
            let mut again = Rng::new(7, 3);
            (0..4).map(|_| again.below(1_000)).collect::<Vec<_>>()
        });
        assert_eq!(Rng::new(7, 3).between(5, 5), 5);
        assert_eq!(Rng::new(7, 3).below(0), 0);
    }
}
