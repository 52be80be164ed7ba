//! The stream of random numbers: the same integers on every machine and device.
//!
//! Owns a counter-based generator (Philox 4x32-10: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011)
//! and a table by which 32 bits become a number that is normally distributed. Any number of any draw can be asked for
//! by itself, in any order, on any thread. Nothing here is kept between two questions. The table is made of
//! additions, multiplications, divisions and roots alone, which every machine rounds alike; what libraries call `exp`
//! or `ln` does not take part.

use std::sync::OnceLock;

/// One standard deviation.
pub(super) const ONE: i32 = 1 << 12;

/// Segments into which each power of two of the probability is cut.
const SEGMENTS: usize = 64;

/// Entries of the table: 32 powers of two, and where the last segment ends.
pub(super) const TABLE: usize = 32 * SEGMENTS + 1;

/// The multipliers of Philox and what its key grows by.
const MULTIPLY: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const GROW: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// Four random numbers for each of `L` draws from `first` on; `part` says which four of the draw's.
pub(super) fn philox<const L: usize>(seed: u64, first: u64, part: u32) -> [[u32; L]; 4] {
    let mut counter: [[u32; L]; 4] = [[0; L]; 4];
    counter[0] = std::array::from_fn(|lane| first.wrapping_add(lane as u64) as u32);
    counter[1] = std::array::from_fn(|lane| (first.wrapping_add(lane as u64) >> 32) as u32);
    counter[2] = [part; L];
    scrambled(counter, [seed as u32, (seed >> 32) as u32])
}

/// What Philox makes of counters under a key.
#[inline(always)]
pub(super) fn scrambled<const L: usize>(mut counter: [[u32; L]; 4], mut key: [u32; 2]) -> [[u32; L]; 4] {
    for _ in 0..ROUNDS {
        let mut next = [[0; L]; 4];
        for lane in 0..L {
            let low = u64::from(counter[0][lane]) * u64::from(MULTIPLY[0]);
            let high = u64::from(counter[2][lane]) * u64::from(MULTIPLY[1]);
            next[0][lane] = (high >> 32) as u32 ^ counter[1][lane] ^ key[0];
            next[1][lane] = high as u32;
            next[2][lane] = (low >> 32) as u32 ^ counter[3][lane] ^ key[1];
            next[3][lane] = low as u32;
        }
        counter = next;
        key = [key[0].wrapping_add(GROW[0]), key[1].wrapping_add(GROW[1])];
    }
    counter
}

/// A number that is normally distributed, in 1/[`ONE`] of a standard deviation, from 32 random bits: the highest is the
/// sign, the others say how rare its size is. Each power of two of that probability has segments of its own, so that
/// the tails, which decide who wins, are as fine as the middle.
pub(super) fn normal(table: &[i16; TABLE], bits: u32) -> i16 {
    // Of 2^33: never 0, never all.
    let rare = bits << 1 | 1;
    let zeros = rare.leading_zeros();
    let shifted = rare << zeros;
    let at = ((31 - zeros) as usize * SEGMENTS + (shifted >> 25 & 63) as usize).min(TABLE - 2);
    let (left, right) = (i32::from(table[at]), i32::from(table[at + 1]));
    let size = left + (((right - left) * (shifted >> 13 & 4095) as i32) >> 12);
    if bits >> 31 == 0 { size as i16 } else { -size as i16 }
}

/// The table of [`normal`]: how large a number is that is as rare as a segment's left end.
pub(super) fn table() -> &'static [i16; TABLE] {
    static MADE: OnceLock<Box<[i16; TABLE]>> = OnceLock::new();
    MADE.get_or_init(|| {
        let mut table = Box::new([0; TABLE]);
        for (at, entry) in table.iter_mut().enumerate() {
            let (power, segment) = (at / SEGMENTS, at % SEGMENTS);
            let whole = (1_u64 << power) as f64 * (1.0 + segment as f64 / SEGMENTS as f64);
            *entry = (f64::from(ONE) * rarer_than(whole / (1_u64 << 33) as f64)).round() as i16;
        }
        table
    })
}

/// The number that a standard normal one exceeds with this probability, at most a half.
fn rarer_than(probability: f64) -> f64 {
    let (mut low, mut high) = (0.0, 8.0);
    for _ in 0..50 {
        let middle = (low + high) / 2.0;
        if 1.0 - below(middle) > probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low + high) / 2.0
}

/// The probability that a standard normal number is below this one, to 1e-13: the series of Marsaglia,
/// "Evaluating the normal distribution", 2004.
pub(super) fn below(z: f64) -> f64 {
    let (mut term, mut sum, mut odd) = (z, z, 1.0);
    while sum + term != sum {
        odd += 2.0;
        term *= z * z / odd;
        sum += term;
    }
    // The density, without `exp`: e^(-z²/2) = (e^(-z²/2/1024))^1024, the inner one by its series.
    let small = -z * z / 2048.0;
    let mut power =
        1.0 + small * (1.0 + small / 2.0 * (1.0 + small / 3.0 * (1.0 + small / 4.0 * (1.0 + small / 5.0 * (1.0 + small / 6.0)))));
    for _ in 0..10 {
        power *= power;
    }
    0.5 + sum * power * 0.398_942_280_401_432_7
}
