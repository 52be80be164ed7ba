//! A block of draws: what every (player, multiplier) brings in each.
//!
//! Owns the way from random numbers to points: numbers are mixed for each player with his weights, and the sum says where
//! in his table to look. One lane of a vector is one draw. Integers all through.

use super::correlation::WEIGHT_ONE;
use super::normal::{self, TABLE};
use super::quanta::Quanta;
use super::shape::{CELLS, CELLS_IN_ONE};
use super::slate::Slate;

/// Draws that are made at once.
pub(super) const LANES: usize = 16;

/// What a sum of weights times numbers is shifted by to be a cell: both have their ones, and a cell is a part of one.
pub(super) const TO_CELL: u32 = (WEIGHT_ONE as u32 * normal::ONE as u32 / CELLS_IN_ONE as u32).ilog2();

/// Draws' numbers, and then the rows' points.
pub(super) struct Drawn<Q> {
    numbers: Vec<[i16; LANES]>,
    /// By row: what it brings in each draw.
    pub(super) rows: Vec<[Q; LANES]>,
    /// The tables of open rows, narrowed.
    tables: Vec<Q>,
}

impl<Q: Quanta> Drawn<Q> {
    pub(super) fn new(slate: &Slate) -> Drawn<Q> {
        Drawn {
            numbers: vec![[0; LANES]; (slate.numbers as usize).next_multiple_of(4)],
            rows: slate.fixed.iter().map(|fixed| [Q::wrapped((*fixed).into()); LANES]).collect(),
            tables: slate.cells.iter().map(|cell| Q::wrapped((*cell).into())).collect(),
        }
    }

    /// The draws from `first` on.
    pub(super) fn draw(&mut self, slate: &Slate, seed: u64, first: u64) {
        let table = normal::table();
        for (part, four) in self.numbers.chunks_exact_mut(4).enumerate() {
            fill(table, seed, first, part as u32, four);
        }
        for open in &slate.open {
            let mut sum = [0_i32; LANES];
            for (number, weight) in open.numbers.iter().zip(open.weights) {
                let number = &self.numbers[*number as usize];
                for lane in 0..LANES {
                    sum[lane] += i32::from(number[lane]) * i32::from(weight);
                }
            }
            let mut cells = [0_usize; LANES];
            for lane in 0..LANES {
                cells[lane] = ((sum[lane] >> TO_CELL) + CELLS as i32 / 2).clamp(0, CELLS as i32 - 1) as usize;
            }
            for at in open.rows.0 as usize..open.rows.1 as usize {
                let table = &self.tables[at * CELLS..(at + 1) * CELLS];
                let row = &mut self.rows[slate.open_rows[at] as usize];
                for lane in 0..LANES {
                    row[lane] = table[cells[lane]];
                }
            }
        }
    }
}

fn fill(table: &[i16; TABLE], seed: u64, first: u64, part: u32, four: &mut [[i16; LANES]]) {
    let bits = normal::philox::<LANES>(seed, first, part);
    for (numbers, bits) in four.iter_mut().zip(bits) {
        for lane in 0..LANES {
            numbers[lane] = normal::normal(table, bits[lane]);
        }
    }
}
