//! A simulation as one array of 32-bit words: what a device is sent.
//!
//! Owns the order of its parts, which `kernel.cu` reads. Numbers of 64 bits are two words, the low one first, at even
//! places; rosters are 16 bits each, all first slots, then all second ones, so that neighbours read neighbours.

use crate::contest::simulate::normal;
use crate::contest::simulate::odds::{EntryOdds, Odds};
use crate::contest::simulate::run::Simulation;

/// Numbers of the head: nine sizes, and where ten parts begin.
const SIZES: usize = 9;
const PARTS: usize = 10;

/// Words of the array that come before the parts.
const HEAD: usize = (SIZES + PARTS).next_multiple_of(2);

/// A simulation's plan, and the room that a device needs for it.
pub struct Flat {
    /// The words.
    pub words: Vec<u32>,
    /// Different rosters: there are as many sums of each kind.
    pub rosters: usize,
    /// Words that a block of threads needs for itself.
    pub own_words: usize,
    /// Of these, words that shared memory may hold.
    pub near_words: usize,
}

impl Flat {
    /// Of a simulation.
    pub fn new(simulation: &Simulation) -> Flat {
        let (field, slate) = (&simulation.field, &simulation.slate);
        let rosters = field.rosters();
        let parts = (slate.numbers as usize).div_ceil(4);
        let signed = |numbers: &[i32]| -> Vec<u32> { numbers.iter().map(|number| *number as u32).collect() };
        let opens = slate.open.iter().flat_map(|open| {
            let weights = open.weights.map(|weight| i32::from(weight) as u32);
            open.numbers.into_iter().chain(weights).chain([open.rows.0, open.rows.1])
        });
        let by_slot: Vec<u16> = (0..field.slots)
            .flat_map(|slot| field.rosters.iter().skip(slot).step_by(field.slots).copied())
            .collect();
        let numbers = normal::table().map(|size| i32::from(size) as u32);
        let sizes: [u32; SIZES] = [
            field.slots as u32,
            rosters as u32,
            field.rows.len() as u32,
            parts as u32,
            slate.open.len() as u32,
            simulation.range as u32,
            (field.prizes.places.len() - 1) as u32,
            field.prizes.cents.len() as u32,
            (-simulation.least) as u32,
        ];
        let all: [Vec<u32>; PARTS] = [
            signed(&slate.fixed),
            opens.collect(),
            slate.open_rows.clone(),
            signed(&slate.cells),
            by_slot
                .chunks(2)
                .map(|pair| u32::from(pair[0]) | u32::from(*pair.get(1).unwrap_or(&0)) << 16)
                .collect(),
            field.copies.clone(),
            halves(field.prizes.places.iter().map(|place| place.brings)),
            field.prizes.places.iter().map(|place| place.alike_until).collect(),
            halves(field.prizes.before.iter().copied()),
            numbers.to_vec(),
        ];
        let mut words = sizes.to_vec();
        let mut at = HEAD;
        for part in &all {
            words.push(at as u32);
            at = (at + part.len()).next_multiple_of(2);
        }
        for part in &all {
            words.resize(words.len().next_multiple_of(2), 0);
            words.extend_from_slice(part);
        }
        let near_words = 4 * parts + field.rows.len() + simulation.range;
        Flat {
            words,
            rosters,
            own_words: (2 * simulation.range + rosters + near_words).next_multiple_of(2),
            near_words,
        }
    }

    /// What a device answers: sums of cents by roster; cashes, tops and wins, one after the other.
    pub fn odds(&self, draws: u32, cents: &[u64], marks: &[u32]) -> Odds {
        let (cashes, others) = marks.split_at(self.rosters);
        let (tops, wins) = others.split_at(self.rosters);
        let rosters = (0..self.rosters).map(|at| EntryOdds {
            wins: wins[at],
            cashes: cashes[at],
            tops: tops[at],
            cents: cents[at],
        });
        Odds {
            draws,
            rosters: rosters.collect(),
        }
    }
}

fn halves(numbers: impl Iterator<Item = u64>) -> Vec<u32> {
    numbers.flat_map(|number| [number as u32, (number >> 32) as u32]).collect()
}
