//! The simulator against one that is as plain as can be: a draw, a roster and a place at a time, nothing packed, nothing
//! shared, ranks by comparing everybody with everybody.

use super::made_up::MadeUp;
use crate::contest::simulate::normal::{self, philox};
use crate::contest::simulate::shape::{CELLS, CELLS_IN_ONE};
use crate::contest::simulate::{EntryOdds, Simulation};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// What every row brings in one draw, in quanta.
fn points(simulation: &Simulation, seed: u64, draw: u64) -> Vec<i64> {
    let slate = &simulation.slate;
    let number = |at: u32| -> i64 {
        let four = philox::<1>(seed, draw, at / 4);
        normal::normal(normal::table(), four[at as usize % 4][0]).into()
    };
    let mut points: Vec<i64> = slate.fixed.iter().map(|fixed| i64::from(*fixed)).collect();
    for open in &slate.open {
        let mixed: i64 = open
            .numbers
            .iter()
            .zip(open.weights)
            .map(|(at, weight)| number(*at) * i64::from(weight))
            .sum();
        let cells_in_all = (mixed * CELLS_IN_ONE as i64).div_euclid(i64::from(normal::ONE) << 14);
        let cell = (cells_in_all + CELLS as i64 / 2).clamp(0, CELLS as i64 - 1) as usize;
        for at in open.rows.0..open.rows.1 {
            points[slate.open_rows[at as usize] as usize] = slate.cells[at as usize * CELLS + cell].into();
        }
    }
    points
}

/// What becomes of entries with these totals.
fn outcome(made_up: &MadeUp, totals: &[i64]) -> Vec<EntryOdds> {
    let paid = |place: usize| -> u64 {
        let of = |prize: &&crate::contest::simulate::Prize| (prize.first as usize..=prize.last as usize).contains(&place);
        made_up.prizes.iter().find(of).map_or(0, |prize| prize.cents)
    };
    let entries = totals.len();
    let outcome = |total: &i64| {
        let above = totals.iter().filter(|other| *other > total).count();
        let sharing = totals.iter().filter(|other| *other == total).count();
        let sum: u64 = (above + 1..=above + sharing).map(paid).sum();
        EntryOdds {
            wins: u32::from(above == 0),
            cashes: u32::from(paid(above + 1) > 0),
            tops: u32::from(above < (entries / 100).max(1)),
            cents: sum / sharing as u64,
        }
    };
    totals.iter().map(outcome).collect()
}

fn plainly(made_up: &MadeUp, simulation: &Simulation, seed: u64, draws: std::ops::Range<u64>) -> Vec<EntryOdds> {
    let mut odds = vec![EntryOdds::default(); made_up.rosters.len() / made_up.slots];
    for draw in draws {
        let points = points(simulation, seed, draw);
        let totals: Vec<i64> = made_up
            .rosters
            .chunks(made_up.slots)
            .map(|roster| roster.iter().map(|row| points[usize::from(*row)]).sum())
            .collect();
        for (sum, one) in odds.iter_mut().zip(outcome(made_up, &totals)) {
            sum.wins += one.wins;
            sum.cashes += one.cashes;
            sum.tops += one.tops;
            sum.cents += one.cents;
        }
    }
    odds
}

/// Contests of all kinds, by 16 and by 32 bits, on one thread and on several, in one run and in slices that are no multiple
/// of anything.
#[test]
fn it_says_what_a_plain_one_says() {
    for seed in 0..if cfg!(debug_assertions) { 25 } else { 120 } {
        let made_up = MadeUp::new(seed);
        let field = Arc::new(made_up.field());
        let simulation = Simulation::new(field.clone(), &made_up.players, made_up.quantum).unwrap();
        let first = seed << 31;
        let wanted = plainly(&made_up, &simulation, seed, first..first + 37);
        let entry = |odds: &crate::contest::simulate::Odds| -> Vec<EntryOdds> {
            (0..field.entries()).map(|entry| odds.entry(&field, entry)).collect()
        };
        let one = simulation.run(seed, first, 37, NonZeroUsize::MIN, &|| true);
        assert_eq!(
            (one.draws, entry(&one)),
            (37, wanted.clone()),
            "seed {seed}: MadeUp::new(seed) makes it again"
        );
        let wide = simulation.run_in::<u32>(seed, first, 37, NonZeroUsize::MIN, &|| true);
        assert_eq!(wide, one, "seed {seed}");
        let mut sliced = simulation.run(seed, first, 5, NonZeroUsize::MIN, &|| true);
        sliced.add(&simulation.run(seed, first + 5, 32, NonZeroUsize::new(3).unwrap(), &|| true));
        assert_eq!(sliced, one, "seed {seed}");
    }
}

/// A run that is stopped has made all draws up to one, and says how many.
#[test]
fn what_was_stopped_is_a_shorter_run() {
    let made_up = MadeUp::new(7);
    let field = Arc::new(made_up.field());
    let simulation = Simulation::new(field, &made_up.players, made_up.quantum).unwrap();
    let asked = std::sync::atomic::AtomicU32::new(0);
    let go_on = || asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 9;
    let stopped = simulation.run(1, 0, 1_000, NonZeroUsize::new(2).unwrap(), &go_on);
    assert_eq!(stopped.draws, 9 * 16);
    assert_eq!(stopped, simulation.run(1, 0, stopped.draws, NonZeroUsize::MIN, &|| true));
    assert_eq!(simulation.run(1, 0, 1_000, NonZeroUsize::MIN, &|| false).draws, 0);
    assert_eq!(simulation.run(1, 0, 0, NonZeroUsize::MIN, &|| true).draws, 0);
}
