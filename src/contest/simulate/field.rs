//! Who takes part, and what is paid: what of a contest does not change while games run.
//!
//! Owns the rosters, equal ones once, and the prizes by place. Knows no points. Bounded by [`ENTRIES_MAX`],
//! [`ROWS_MAX`], [`SLOTS_MAX`] and [`PRIZE_MAX`]; what is beyond is refused.

use super::Refused;
use super::rank::{CASH, TOP, WIN};
use crate::model::Points;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Most entries of a contest that is simulated.
pub const ENTRIES_MAX: usize = 4_000_000;

/// Most different (player, multiplier) pairs.
pub const ROWS_MAX: usize = 65_536;

/// Most slots of a roster.
pub const SLOTS_MAX: usize = 64;

/// The highest prize, in cents: what fits 32 bits.
pub const PRIZE_MAX: u64 = u32::MAX as u64;

/// A player as rosters have him.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Row {
    /// His place among the contest's players.
    pub player: u32,
    /// What his points are multiplied by, in 1/100.
    pub multiplier_hundredths: u32,
}

impl Row {
    /// So many times these points, as a slot pays them: rounded to the unit, halves away from zero.
    pub(super) fn of(self, points: Points) -> i64 {
        let product = i128::from(points.0) * i128::from(self.multiplier_hundredths);
        ((product + product.signum() * 50) / 100).clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }
}

/// Places that are paid the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prize {
    /// The best of them; 1 is the first place.
    pub first: u32,
    /// The last of them.
    pub last: u32,
    /// What each gets, in cents.
    pub cents: u64,
}

/// A contest's entries and prizes.
pub struct Field {
    /// Distinct.
    pub(super) rows: Vec<Row>,
    /// Slots of a roster, and rosters one after the other as places in `rows`. Distinct.
    pub(super) slots: usize,
    pub(super) rosters: Vec<u16>,
    /// How many entries have each roster, and which one each entry has.
    pub(super) copies: Vec<u32>,
    pub(super) roster_of: Vec<u32>,
    pub(super) prizes: Prizes,
}

/// What places get.
pub(super) struct Prizes {
    /// By place from 0, in cents; places beyond get nothing.
    pub(super) cents: Vec<u32>,
    /// What all places before get, one more than places.
    pub(super) before: Vec<u64>,
    /// By place from 0, as far as any is paid or among the best hundredth; the last stands for all further down.
    pub(super) places: Vec<Place>,
}

/// What a place brings.
pub(super) struct Place {
    /// What an entry there gets and counts, packed.
    pub(super) brings: u64,
    /// The place after the last that gets as much as this one, all between included.
    pub(super) alike_until: u32,
}

impl Field {
    /// Of `rosters.len() / slots` entries, each with `slots` places in `rows`; the prizes from the first place on, without
    /// a gap. Places beyond the last entry are not paid.
    ///
    /// # Errors
    /// What is too large, out of range, or does not fit together.
    pub fn new(rows: Vec<Row>, slots: usize, rosters: &[u16], prizes: &[Prize]) -> Result<Field, Refused> {
        if slots == 0 || slots > SLOTS_MAX || !rosters.len().is_multiple_of(slots) {
            return Err(Refused::Slots { slots });
        }
        let entries = rosters.len() / slots;
        if entries == 0 || entries > ENTRIES_MAX {
            return Err(Refused::Entries { entries });
        }
        if rows.len() > ROWS_MAX {
            return Err(Refused::Rows { rows: rows.len() });
        }
        if let Some(at) = rosters.iter().position(|row| usize::from(*row) >= rows.len()) {
            return Err(Refused::Roster { entry: at / slots });
        }
        let prizes = Prizes::new(prizes, entries)?;
        let mut field = Field {
            rows,
            slots,
            rosters: Vec::new(),
            copies: Vec::new(),
            roster_of: Vec::with_capacity(entries),
            prizes,
        };
        field.gather(rosters);
        Ok(field)
    }

    /// Equal rosters become one; the order of slots does not matter to a sum.
    fn gather(&mut self, rosters: &[u16]) {
        let mut known: HashMap<Vec<u16>, u32> = HashMap::new();
        for roster in rosters.chunks_exact(self.slots) {
            let mut sorted = roster.to_vec();
            sorted.sort_unstable();
            let next = self.copies.len() as u32;
            let number = match known.entry(sorted) {
                Entry::Occupied(one) => *one.get(),
                Entry::Vacant(new) => {
                    self.rosters.extend_from_slice(new.key());
                    self.copies.push(0);
                    *new.insert(next)
                }
            };
            self.copies[number as usize] += 1;
            self.roster_of.push(number);
        }
        self.rosters.shrink_to_fit();
        self.copies.shrink_to_fit();
    }

    /// Entries.
    pub fn entries(&self) -> usize {
        self.roster_of.len()
    }

    /// Different rosters among them.
    pub fn rosters(&self) -> usize {
        self.copies.len()
    }
}

impl Prizes {
    fn new(prizes: &[Prize], entries: usize) -> Result<Prizes, Refused> {
        let mut made = Prizes {
            cents: Vec::new(),
            before: vec![0],
            places: Vec::new(),
        };
        let mut next = 1;
        for prize in prizes {
            if prize.first != next || prize.last < prize.first || prize.last == u32::MAX {
                return Err(Refused::Places {
                    first: prize.first,
                    expected: next,
                });
            }
            if prize.cents == 0 || prize.cents > PRIZE_MAX {
                return Err(Refused::Prize { cents: prize.cents });
            }
            next = prize.last + 1;
            let places = (prize.last as usize).min(entries).saturating_sub(made.cents.len());
            let mut sum = made.before.last().copied().unwrap_or(0);
            for _ in 0..places {
                sum += prize.cents;
                made.before.push(sum);
            }
            made.cents.resize(made.cents.len() + places, prize.cents as u32);
        }
        made.look_up((entries / 100).max(1));
        Ok(made)
    }

    /// `top` places are among the best.
    fn look_up(&mut self, top: usize) {
        let paid = self.cents.len();
        let cents = |place: usize| self.cents.get(place).map_or(0, |cents| u64::from(*cents));
        let mark = |is_so: bool, at: u32| u64::from(is_so) << at;
        let mut alike_until = u32::MAX;
        for place in (0..=paid.max(top)).rev() {
            if place + 1 == paid.max(top) || cents(place) != cents(place + 1) {
                alike_until = place as u32 + 1;
            }
            self.places.push(Place {
                brings: cents(place) | mark(place < paid, CASH) | mark(place < top, TOP) | mark(place == 0, WIN),
                alike_until,
            });
        }
        self.places.reverse();
    }

    /// What each of so many gets who share the places from this one (from 0) on: the sum over them, divided; what is less
    /// than a cent is nobody's.
    pub(super) fn share(&self, place: u32, sharing: u32) -> u32 {
        let paid = self.cents.len();
        let (from, to) = ((place as usize).min(paid), (place as usize + sharing as usize).min(paid));
        ((self.before[to] - self.before[from]) / u64::from(sharing)) as u32
    }
}
