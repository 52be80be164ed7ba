//! What a player may yet bring: a distribution with a given mean and spread, as a table.
//!
//! Owns [`Rest`] and the shape: points are `floor + scale * max(0, 1 + b z)³` of a standard normal `z`, which is close to
//! a gamma distribution (Wilson and Hilferty, 1931): skewed to the right, never below the floor, and with a part of
//! it at the floor where the spread is large. `b` and `scale` are what give the mean and the spread. Floats end here: the
//! table that comes out is integers. Only operations that every machine rounds alike are used.

use super::normal::below;
use crate::model::Points;
use std::sync::OnceLock;

/// Cells of a table; `z` goes from -4 to 4.
pub(super) const CELLS: usize = 1024;

/// Cells in a standard deviation.
pub(super) const CELLS_IN_ONE: usize = 128;

/// Steps of the table that finds `b`, and the largest one: at 19, spread / mean is 3.1.
const STEPS: usize = 512;
const LARGEST: f64 = 0.95;

/// What a player is thought to bring from now to the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rest {
    /// On average.
    pub mean: Points,
    /// The standard deviation. Where it is more than three times `mean` − `floor`, it is taken as about that.
    pub spread: Points,
    /// What it cannot be less than: 0 for most, less for a defence that has something to lose. A `mean` that is not above
    /// it is what the player brings for certain.
    pub floor: Points,
}

impl Rest {
    /// From a forecast and the interval that holds four of five.
    pub fn from_interval(mean: Points, low: Points, high: Points) -> Rest {
        Rest {
            mean,
            // An interval of four fifths of a normal distribution has 2.5631 standard deviations.
            spread: Points((high.0 - low.0).max(0).saturating_mul(10_000) / 25_631),
            floor: Points(low.0.min(0)),
        }
    }

    /// By cells of `z` from low to high, in units of points (floats that are not rounded yet).
    pub(super) fn cells(&self) -> Box<[f64; CELLS]> {
        let mean = (self.mean.0 - self.floor.0) as f64;
        if self.spread.0 <= 0 || mean <= 0.0 {
            return Box::new([self.mean.0.max(self.floor.0) as f64; CELLS]);
        }
        let b = steepness(self.spread.0 as f64 / mean);
        let mut cells = Box::new([0.0; CELLS]);
        let mut sum = 0.0;
        for ((cell, z), weight) in cells.iter_mut().zip(middles()).zip(weights()) {
            *cell = cubed(b, z);
            sum += *cell * weight;
        }
        for cell in cells.iter_mut() {
            *cell = *cell * mean / sum + self.floor.0 as f64;
        }
        cells
    }
}

fn cubed(b: f64, z: f64) -> f64 {
    let root = (1.0 + b * z).max(0.0);
    root * root * root
}

/// The `z` in the middle of each cell.
fn middles() -> impl Iterator<Item = f64> {
    (0..CELLS).map(|cell| (cell as f64 + 0.5 - CELLS as f64 / 2.0) / CELLS_IN_ONE as f64)
}

/// How probable each cell is. The first and the last take what lies beyond.
pub(super) fn weights() -> &'static [f64; CELLS] {
    static MADE: OnceLock<Box<[f64; CELLS]>> = OnceLock::new();
    MADE.get_or_init(|| {
        let edge = |cell: usize| match cell {
            0 => 0.0,
            CELLS => 1.0,
            _ => below((cell as f64 - CELLS as f64 / 2.0) / CELLS_IN_ONE as f64),
        };
        let mut weights = Box::new([0.0; CELLS]);
        for (cell, weight) in weights.iter_mut().enumerate() {
            *weight = edge(cell + 1) - edge(cell);
        }
        weights
    })
}

/// The `b` with which spread / mean is `ratio`.
fn steepness(ratio: f64) -> f64 {
    static MADE: OnceLock<Box<[f64; STEPS + 1]>> = OnceLock::new();
    let b = |step: f64| {
        let part = LARGEST * step / STEPS as f64;
        part / (1.0 - part)
    };
    let ratios = MADE.get_or_init(|| {
        let mut ratios = Box::new([0.0; STEPS + 1]);
        for (step, ratio) in ratios.iter_mut().enumerate() {
            let (mut sum, mut squares) = (0.0, 0.0);
            for (z, weight) in middles().zip(weights()) {
                let value = cubed(b(step as f64), z);
                sum += value * weight;
                squares += value * value * weight;
            }
            *ratio = (squares / (sum * sum) - 1.0).max(0.0).sqrt();
        }
        ratios
    });
    let above = ratios.partition_point(|known| *known < ratio).clamp(1, STEPS);
    let (left, right) = (ratios[above - 1], ratios[above]);
    b((above - 1) as f64 + ((ratio - left) / (right - left)).clamp(0.0, 1.0))
}
