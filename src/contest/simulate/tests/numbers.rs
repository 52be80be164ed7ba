//! The random numbers.

use crate::contest::simulate::normal::{ONE, below, normal, philox, scrambled, table};

/// What the authors of Philox publish with their code (`kat_vectors`, philox4x32 with 10 rounds).
#[test]
fn philox_gives_its_known_answers() {
    let known = [
        ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
        ([!0; 4], [!0; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
        (
            [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
            [0xa409_3822, 0x299f_31d0],
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
        ),
    ];
    for (counter, key, answer) in known {
        assert_eq!(scrambled(counter.map(|word| [word]), key).map(|[one]| one), answer);
    }
    assert_eq!(philox::<1>(0, 0, 0).map(|[one]| one), known[0].2);
}

#[test]
fn a_number_of_a_draw_does_not_depend_on_who_asks() {
    for draw in [0, 1, u64::from(u32::MAX) - 7, u64::MAX - 3] {
        let sixteen = philox::<16>(99, draw, 5);
        for lane in 0..16 {
            let one = philox::<1>(99, draw.wrapping_add(lane as u64), 5);
            assert_eq!(one.map(|[one]| one), sixteen.map(|all| all[lane]));
        }
    }
}

#[test]
fn the_distribution_function_is_right() {
    // Abramowitz and Stegun, table 26.1.
    for (z, wanted) in [
        (0.0, 0.5),
        (1.0, 0.841_344_746_068_543),
        (2.0, 0.977_249_868_051_821),
        (-3.0, 0.001_349_898_031_630),
    ] {
        assert!((below(z) - wanted).abs() < 1e-13, "{z}: {}", below(z));
    }
}

/// Each number's size has the probability that its bits stand for, in the middle and in the tails, to a resolution.
#[test]
fn numbers_are_normally_distributed() {
    let resolution = 1.0 / f64::from(ONE);
    for power in 0..31 {
        for part in [0_u32, 1, 7, 200] {
            let bits = (1_u32 << power) + (u64::from(part) << power >> 8) as u32;
            let probability = (f64::from(bits) + 0.5) / 4_294_967_296.0;
            let size = f64::from(normal(table(), bits)) * resolution;
            let (wide, narrow) = (1.0 - below(size + 2.0 * resolution), 1.0 - below(size - 2.0 * resolution));
            assert!(
                wide < probability * (1.0 + 1e-6) && narrow > probability * (1.0 - 1e-6),
                "{bits:x}: {size}, {wide} {probability} {narrow}"
            );
            assert_eq!(normal(table(), bits | 1 << 31), -normal(table(), bits));
        }
    }
    let rarest = f64::from(normal(table(), 0)) * resolution;
    assert!((6.2..6.5).contains(&rarest), "{rarest}");
}

#[test]
fn many_numbers_have_the_moments_of_a_normal_distribution() {
    let (mut sum, mut squares, mut products) = (0.0, 0.0, 0.0);
    let mut count = 0.0;
    for draw in 0..50_000 {
        let four = philox::<1>(3, draw, 0).map(|[bits]| f64::from(normal(table(), bits)) / f64::from(ONE));
        sum += four.iter().sum::<f64>();
        squares += four.iter().map(|number| number * number).sum::<f64>();
        products += four[0] * four[1] + four[2] * four[3];
        count += 4.0;
    }
    // Five standard errors.
    assert!((sum / count).abs() < 5.0 / count.sqrt());
    assert!((squares / count - 1.0).abs() < 5.0 * (2.0 / count).sqrt());
    assert!((products / (count / 2.0)).abs() < 5.0 / (count / 2.0).sqrt());
}
