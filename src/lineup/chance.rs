//! Projections drawn by chance, the same for the same seed on every machine.
//!
//! Integers alone: a normal variate is the sum of twelve uniform ones of 16 bits, less its mean; its variance is one.
//! Pure.

/// How projections are drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draws {
    /// Where the random numbers begin.
    pub seed: u64,
    /// Standard deviation of each item, in the unit of values.
    pub spreads: Vec<i64>,
    /// Which of the draws each item takes: a player's roles take the same.
    pub players: Vec<u16>,
}

impl Draws {
    /// The values of one lineup.
    pub fn values(&self, values: &[i64], lineup: usize) -> Vec<i64> {
        let drawn = values.iter().zip(&self.spreads).zip(&self.players);
        drawn
            .map(|((value, spread), player)| {
                let key = (lineup as u64) << 32 | u64::from(*player);
                // A projection below nothing means nothing.
                (value + ((spread * normal(self.seed, key)) >> 16)).max(0.min(*value))
            })
            .collect()
    }
}

/// A standard normal variate in 1/65,536.
fn normal(seed: u64, key: u64) -> i64 {
    let mut sum = 0;
    for part in 0..3 {
        let bits = mix(mix(seed ^ 0x5363_6f72_6577_6972).wrapping_add(mix(key)).wrapping_add(part));
        sum += (0..4).map(|at| (bits >> (16 * at) & 0xffff) as i64).sum::<i64>();
    }
    // The mean of twelve numbers from 0 to 65,535.
    sum - 6 * 65_535
}

/// The output function of SplitMix64 (Steele, Lea, Flood 2014).
fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
