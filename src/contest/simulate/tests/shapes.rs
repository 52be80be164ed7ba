//! What players may yet bring: means, spreads, and how they hang together.

use crate::contest::simulate::shape::weights;
use crate::contest::simulate::{Field, PlayerNow, Position, Prize, Refused, Rest, Row, Side, Simulation};
use crate::model::Points;
use std::sync::Arc;

fn points(points: f64) -> Points {
    Points((points * 10_000.0).round() as i64)
}

/// Mean, standard deviation and least of a table, in points.
fn moments(rest: Rest) -> (f64, f64, f64) {
    let cells = rest.cells();
    let mean: f64 = cells.iter().zip(weights()).map(|(cell, weight)| cell * weight).sum();
    let square: f64 = cells
        .iter()
        .zip(weights())
        .map(|(cell, weight)| (cell - mean).powi(2) * weight)
        .sum();
    let least = cells.iter().copied().fold(f64::INFINITY, f64::min);
    (mean / 1e4, square.sqrt() / 1e4, least / 1e4)
}

#[test]
fn tables_have_the_mean_and_the_spread_that_was_asked_for() {
    assert!((weights().iter().sum::<f64>() - 1.0).abs() < 1e-12);
    for (mean, spread, floor) in [
        (20.0, 8.0, 0.0),
        (3.0, 5.0, 0.0),
        (7.0, 6.0, -4.0),
        (0.5, 1.0, 0.0),
        (15.0, 0.5, 0.0),
        (2.0, 6.0, 0.0),
    ] {
        let rest = Rest {
            mean: points(mean),
            spread: points(spread),
            floor: points(floor),
        };
        let (got_mean, got_spread, least) = moments(rest);
        assert!((got_mean - mean).abs() < 1e-6, "{rest:?}: {got_mean}");
        assert!((got_spread - spread).abs() < 0.001 * spread, "{rest:?}: {got_spread}");
        assert!(least >= floor - 1e-9, "{rest:?}: {least}");
    }
    // As far as it goes.
    let (mean, spread, least) = moments(Rest {
        mean: points(1.0),
        spread: points(50.0),
        floor: Points::ZERO,
    });
    assert!((mean - 1.0).abs() < 1e-6 && spread > 2.9 && least >= 0.0, "{spread}");
}

#[test]
fn what_is_certain_is_one_number() {
    for (mean, spread, floor) in [(8.0, 0.0, 0.0), (-2.0, 5.0, 0.0), (0.0, 3.0, 0.0)] {
        let rest = Rest {
            mean: points(mean),
            spread: points(spread),
            floor: points(floor),
        };
        let wanted = mean.max(floor) * 1e4;
        assert!(rest.cells().iter().all(|cell| (cell - wanted).abs() < 1e-9), "{rest:?}");
    }
}

#[test]
fn an_interval_of_four_fifths_is_a_spread() {
    let rest = Rest::from_interval(points(12.0), points(3.0), points(24.0));
    assert!((rest.spread.0 - points(21.0 / 2.5631).0).abs() <= 1, "{rest:?}");
    assert_eq!((rest.mean, rest.floor), (points(12.0), Points::ZERO));
    assert_eq!(Rest::from_interval(points(1.0), points(-3.0), points(-4.0)).spread, Points::ZERO);
}

fn open(position: Position, side: u16) -> PlayerNow {
    PlayerNow {
        scored: Points::ZERO,
        rest: Some(Rest {
            mean: points(12.0),
            spread: points(6.0),
            floor: Points::ZERO,
        }),
        sides: Some((Side(side), Side(side ^ 1))),
        position,
    }
}

/// Of two players' latent numbers: the sum of the products of what they share.
#[test]
fn players_of_a_game_hang_together_as_documented() {
    let correlation = |(one, of): (Position, u16), (two, and): (Position, u16)| {
        let players = [open(one, of), open(two, and)];
        let rows = vec![
            Row {
                player: 0,
                multiplier_hundredths: 100,
            },
            Row {
                player: 1,
                multiplier_hundredths: 100,
            },
        ];
        let field = Field::new(rows, 1, &[0, 1], &[]).unwrap();
        let simulation = Simulation::new(Arc::new(field), &players, Points(100)).unwrap();
        let [a, b] = [&simulation.slate.open[0], &simulation.slate.open[1]];
        let mut sum = 0.0;
        for (number, weight) in a.numbers.iter().zip(a.weights) {
            for (other, times) in b.numbers.iter().zip(b.weights) {
                if number == other {
                    sum += f64::from(weight) * f64::from(times) / f64::from(1 << 28);
                }
            }
        }
        sum
    };
    use Position::{Defence, Other, Quarterback, RunningBack, TightEnd, WideReceiver};
    let near = |got: f64, wanted: f64| assert!((got - wanted).abs() < 0.015, "{got}, documented {wanted}");
    near(correlation((Quarterback, 0), (WideReceiver, 0)), 0.27);
    near(correlation((Quarterback, 0), (TightEnd, 0)), 0.26);
    near(correlation((Quarterback, 0), (Defence, 1)), -0.37);
    near(correlation((Quarterback, 0), (Quarterback, 1)), 0.19);
    near(correlation((RunningBack, 0), (Defence, 1)), -0.18);
    near(correlation((Quarterback, 0), (WideReceiver, 2)), 0.0);
    near(correlation((Quarterback, 0), (Other, 0)), 0.0);
    for position in [Defence, Other, Quarterback, RunningBack, TightEnd, WideReceiver] {
        let (own, other, luck) = position.weights();
        let squares: i64 = own
            .iter()
            .chain(&other)
            .chain([&luck])
            .map(|weight| i64::from(*weight).pow(2))
            .sum();
        assert!((squares - (1 << 28)).abs() < 1 << 16, "{position:?}: {squares}");
    }
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let rows = vec![Row {
        player: 0,
        multiplier_hundredths: 100,
    }];
    let new = |slots, rosters: &[u16], prizes: &[Prize]| Field::new(rows.clone(), slots, rosters, prizes).map(drop);
    let prize = |first, last, cents| Prize { first, last, cents };
    assert_eq!(new(0, &[0], &[]), Err(Refused::Slots { slots: 0 }));
    assert_eq!(new(2, &[0], &[]), Err(Refused::Slots { slots: 2 }));
    assert_eq!(new(1, &[], &[]), Err(Refused::Entries { entries: 0 }));
    assert_eq!(new(1, &[0, 1], &[]), Err(Refused::Roster { entry: 1 }));
    assert_eq!(new(1, &[0], &[prize(2, 2, 5)]), Err(Refused::Places { first: 2, expected: 1 }));
    assert_eq!(
        new(1, &[0], &[prize(1, 2, 5), prize(4, 4, 1)]),
        Err(Refused::Places { first: 4, expected: 3 })
    );
    assert_eq!(new(1, &[0], &[prize(1, 0, 5)]), Err(Refused::Places { first: 1, expected: 1 }));
    assert_eq!(new(1, &[0], &[prize(1, 1, 0)]), Err(Refused::Prize { cents: 0 }));
    assert_eq!(new(1, &[0], &[prize(1, 1, 1 << 32)]), Err(Refused::Prize { cents: 1 << 32 }));
    let field = Arc::new(Field::new(rows.clone(), 1, &[0], &[]).unwrap());
    let player = |scored| PlayerNow {
        scored: Points(scored),
        rest: None,
        sides: None,
        position: Position::Other,
    };
    let simulation = |players: &[PlayerNow], quantum| Simulation::new(field.clone(), players, Points(quantum)).map(drop);
    assert_eq!(simulation(&[], 100), Err(Refused::Player { player: 0 }));
    assert_eq!(simulation(&[player(0)], 0), Err(Refused::Quantum { quantum: Points(0) }));
    assert_eq!(
        simulation(&[player(150)], 100),
        Err(Refused::OffGrid {
            player: 0,
            quantum: Points(100)
        })
    );
    assert_eq!(simulation(&[player(i64::MAX)], 1), Err(Refused::Points { player: 0 }));
    let wild = PlayerNow {
        rest: Some(Rest {
            mean: points(1_000.0),
            spread: points(800.0),
            floor: Points::ZERO,
        }),
        ..player(0)
    };
    assert!(matches!(simulation(&[wild], 1), Err(Refused::Range { .. })));
}
