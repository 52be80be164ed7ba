//! What of a contest its draws need that never changes: rosters, prizes, who plays what.
//!
//! Bounded by what [`simulate`](crate::contest::simulate) takes; what is beyond is refused with the reason.

use crate::contest::simulate::{Field, Position, Prize, Refused, Row};
use crate::contest::{Definition, Tier};
use crate::model::Points;
use std::sync::Arc;

/// A contest's entries and prizes as they are drawn.
pub(super) struct Ready {
    pub(super) field: Arc<Field>,
    /// Of each (player, multiplier) that an entry has: who, and how many hundredths.
    pub(super) rows: Vec<Row>,
    /// What each player plays, by the slots that he is in; feeds know better.
    pub(super) positions: Box<[Position]>,
}

impl Ready {
    /// # Errors
    /// Why such a contest is not drawn.
    pub(super) fn new(definition: &Definition) -> Result<Ready, Refused> {
        let slots = definition.slots();
        let (players, rosters) = (definition.players().len(), definition.rosters());
        let mut positions = vec![Position::Other; players].into_boxed_slice();
        // By multiplier: the row of each player, as far as an entry has him with it.
        let mut multipliers: Vec<u32> = slots.iter().map(|slot| slot.multiplier.in_hundredths()).collect();
        multipliers.sort_unstable();
        multipliers.dedup();
        let class: Vec<usize> = slots
            .iter()
            .map(|slot| multipliers.binary_search(&slot.multiplier.in_hundredths()).unwrap_or(0))
            .collect();
        let plays: Vec<Position> = slots.iter().map(|slot| Position::named(&slot.name)).collect();
        let mut row_of = vec![None; players * multipliers.len()];
        let mut rows: Vec<Row> = Vec::new();
        let mut places: Vec<u16> = Vec::with_capacity(rosters.len());
        for roster in rosters.chunks_exact(slots.len()) {
            for (slot, player) in roster.iter().enumerate() {
                let player = usize::from(*player);
                if positions[player] == Position::Other {
                    positions[player] = plays[slot];
                }
                let row = row_of[player * multipliers.len() + class[slot]].get_or_insert_with(|| {
                    rows.push(Row {
                        player: player as u32,
                        multiplier_hundredths: multipliers[class[slot]],
                    });
                    rows.len() - 1
                });
                let place = u16::try_from(*row).map_err(|_| Refused::Rows { rows: rows.len() })?;
                places.push(place);
            }
        }
        let prize = |tier: &Tier| Prize {
            first: tier.first,
            last: tier.last,
            cents: tier.each.0.unsigned_abs(),
        };
        let prizes: Vec<Prize> = definition.payouts().tiers().iter().map(prize).collect();
        Ok(Ready {
            field: Arc::new(Field::new(rows.clone(), slots.len(), &places, &prizes)?),
            rows,
            positions,
        })
    }

    /// The amount of which all that its players have is a whole multiple, and `quantum` too.
    pub(super) fn quantum(&self, quantum: Points, scored: impl Fn(usize) -> Points) -> Points {
        let of_row = |row: &Row| {
            let product = i128::from(scored(row.player as usize).0) * i128::from(row.multiplier_hundredths);
            // As a slot pays them: halves away from zero.
            ((product + product.signum() * 50) / 100) as i64
        };
        Points(self.rows.iter().map(of_row).fold(quantum.0.max(1), gcd).max(1))
    }
}

fn gcd(mut a: i64, mut b: i64) -> i64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_the_quantum_makes_it_finer() {
        assert_eq!(gcd(200, 0), 200);
        assert_eq!(gcd(200, -150), 50);
        assert_eq!(gcd(1, 7), 1);
    }
}
