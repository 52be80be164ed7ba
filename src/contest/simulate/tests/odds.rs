//! Odds that can be worked out by hand.

use super::made_up::MadeUp;
use crate::contest::simulate::{EntryOdds, Field, PlayerNow, Position, Prize, Rest, Row, Simulation};
use crate::model::Points;
use std::num::NonZeroUsize;
use std::sync::Arc;

const DRAWS: u32 = 10_000;

fn contest(players: &[PlayerNow], prizes: &[Prize]) -> (Arc<Field>, Simulation) {
    let rows = (0..players.len() as u32)
        .map(|player| Row {
            player,
            multiplier_hundredths: 100,
        })
        .collect();
    let rosters: Vec<u16> = (0..players.len() as u16).collect();
    let field = Arc::new(Field::new(rows, 1, &rosters, prizes).unwrap());
    let simulation = Simulation::new(field.clone(), players, Points(100)).unwrap();
    (field, simulation)
}

fn player(scored: i64, mean: i64, spread: i64) -> PlayerNow {
    let points = |points: i64| Points(points * Points::SCALE);
    PlayerNow {
        scored: points(scored),
        rest: (mean > 0).then_some(Rest {
            mean: points(mean),
            spread: points(spread),
            floor: Points::ZERO,
        }),
        sides: None,
        position: Position::Other,
    }
}

/// Entries that are alike win as often, and one that needs what one in so many brings wins one time in so many.
#[test]
fn odds_converge_to_what_is_known() {
    let (field, simulation) = contest(
        &[player(0, 15, 7); 4],
        &[Prize {
            first: 1,
            last: 2,
            cents: 1_000,
        }],
    );
    let odds = simulation.run(11, 0, DRAWS, NonZeroUsize::MIN, &|| true);
    for entry in 0..4 {
        let one = odds.entry(&field, entry);
        // Five standard errors of a quarter and of a half.
        assert!(
            (odds.part(one.wins) - 0.25).abs() < 5.0 * (0.1875 / f64::from(DRAWS)).sqrt() + 0.001,
            "{one:?}"
        );
        assert!(
            (odds.part(one.cashes) - 0.5).abs() < 5.0 * (0.25 / f64::from(DRAWS)).sqrt() + 0.001,
            "{one:?}"
        );
        assert!((odds.expected_cents(one) - 500.0).abs() < 20.0, "{one:?}");
    }
    // Against a total that is fixed, 20: he has 10 and brings 10 on average; by the distribution that he was given.
    let rest = Rest {
        mean: Points(100_000),
        spread: Points(50_000),
        floor: Points::ZERO,
    };
    let cells = rest.cells();
    let above: f64 = cells
        .iter()
        .zip(crate::contest::simulate::shape::weights())
        .filter(|(cell, _)| **cell > 100_050.0)
        .map(|(_, weight)| weight)
        .sum();
    let (field, simulation) = contest(
        &[player(10, 10, 5), player(20, 0, 0)],
        &[Prize {
            first: 1,
            last: 1,
            cents: 100,
        }],
    );
    let odds = simulation.run(12, 0, DRAWS, NonZeroUsize::MIN, &|| true);
    let alone = DRAWS - odds.entry(&field, 1).wins;
    assert!(
        (odds.part(alone) - above).abs() < 5.0 * (0.25 / f64::from(DRAWS)).sqrt(),
        "{} {above}",
        odds.part(alone)
    );
}

#[test]
fn a_contest_that_is_over_is_as_it_ended() {
    let prizes = [
        Prize {
            first: 1,
            last: 1,
            cents: 1_001,
        },
        Prize {
            first: 2,
            last: 2,
            cents: 500,
        },
        Prize {
            first: 3,
            last: 3,
            cents: 200,
        },
    ];
    let (field, simulation) = contest(&[player(9, 0, 0), player(12, 0, 0), player(12, 0, 0), player(1, 0, 0)], &prizes);
    assert!(simulation.is_over());
    let odds = simulation.run(5, 0, 40, NonZeroUsize::MIN, &|| true);
    // 1,501 cents for two: 750 each, and a cent that is nobody's.
    let first = EntryOdds {
        wins: 40,
        cashes: 40,
        tops: 40,
        cents: 40 * 750,
    };
    let all: Vec<EntryOdds> = (0..4).map(|entry| odds.entry(&field, entry)).collect();
    let third = EntryOdds {
        wins: 0,
        cashes: 40,
        tops: 0,
        cents: 40 * 200,
    };
    assert_eq!(all, [third, first, first, EntryOdds::default()]);
}

/// What is paid to all is what there is, less what no cent is left of: less than a cent for each entry and draw.
#[test]
fn no_money_is_made_or_lost() {
    for seed in 200..220 {
        let made_up = MadeUp::new(seed);
        let field = Arc::new(made_up.field());
        let simulation = Simulation::new(field.clone(), &made_up.players, made_up.quantum).unwrap();
        let odds = simulation.run(seed, 0, 50, NonZeroUsize::MIN, &|| true);
        let paid: u64 = (0..field.entries()).map(|entry| odds.entry(&field, entry).cents).sum();
        let places = |prize: &Prize| u64::from(prize.last.min(field.entries() as u32) + 1).saturating_sub(prize.first.into());
        let pool: u64 = made_up.prizes.iter().map(|prize| places(prize) * prize.cents).sum();
        assert!(
            paid <= pool * 50 && paid + 50 * field.entries() as u64 > pool * 50,
            "seed {seed}: {paid} of {pool} times 50"
        );
    }
}

#[test]
fn equal_rosters_are_one_whatever_the_order_of_their_slots() {
    let rows = (0..3)
        .map(|player| Row {
            player,
            multiplier_hundredths: 100,
        })
        .collect();
    let field = Field::new(rows, 2, &[0, 1, 1, 0, 1, 2], &[]).unwrap();
    assert_eq!((field.entries(), field.rosters()), (3, 2));
}
