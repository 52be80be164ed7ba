//! A model's answer: probabilities of a few classes, and the same in whole ten-thousandths.

use crate::model::Probability;
use smallvec::SmallVec;

/// The probability of each class, as a model or a table gives it.
pub type Row = SmallVec<[f32; 8]>;

/// How far from 1 the sum of a model's answer may be.
const SUM_OFF: f32 = 0.01;

/// Whether these are probabilities of so many classes: none negative or no number, and 1 together.
pub fn is_distribution(row: &[f32], classes: usize) -> bool {
    let sum: f32 = row.iter().sum();
    // False for NaN, too.
    row.len() == classes && row.iter().all(|p| *p >= 0.0) && (sum - 1.0).abs() <= SUM_OFF
}

/// A dropback's where it is one or a run, from those of all kinds of play: even where it is neither.
pub fn dropback(kinds: &[f32]) -> f32 {
    let (run, pass) = (kinds[0], kinds[1]);
    if run + pass > 0.0 { pass / (run + pass) } else { 0.5 }
}

/// The same in ten-thousandths that add up to 10,000 exactly: each is rounded down, and those that lost most to
/// it, the first of equals, get what is left.
pub fn apportion<const N: usize>(row: [f32; N]) -> [Probability; N] {
    let scale = f64::from(Probability::SCALE);
    let total: f64 = row.iter().map(|p| f64::from(*p)).sum();
    let exact = row.map(|p| f64::from(p) / total * scale);
    let mut whole = exact.map(|share| share as u16);
    let mut order: [usize; N] = std::array::from_fn(|place| place);
    order.sort_by(|a, b| exact[*b].fract().total_cmp(&exact[*a].fract()));
    let given: u16 = whole.iter().sum();
    for place in order.into_iter().cycle().take(usize::from(Probability::SCALE - given)) {
        whole[place] += 1;
    }
    whole.map(|share| Probability::new(share).expect("no share is more than all"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shares<const N: usize>(row: [f32; N]) -> [u16; N] {
        apportion(row).map(Probability::get)
    }

    #[test]
    fn what_is_left_goes_to_who_lost_most() {
        assert_eq!(shares([1.0 / 3.0; 3]), [3_334, 3_333, 3_333]);
        assert_eq!(shares([0.333_37, 0.333_36, 0.333_27]), [3_334, 3_333, 3_333]);
        assert_eq!(shares([0.0, 1.0]), [0, 10_000]);
        assert_eq!(
            shares([0.231_15, 0.768_85]),
            [2_311, 7_689],
            "2311.5 is 2311.4999 in single precision"
        );
    }

    proptest! {
        #[test]
        fn shares_add_up_and_none_is_off_by_one(row in prop::array::uniform5(0.0f32..1.0)) {
            let total: f64 = row.iter().map(|p| f64::from(*p)).sum();
            prop_assume!(total > 1e-3);
            let shares = shares(row);
            prop_assert_eq!(shares.iter().sum::<u16>(), Probability::SCALE);
            for (share, p) in shares.into_iter().zip(row) {
                prop_assert!((f64::from(share) - f64::from(p) / total * 1e4).abs() < 1.0);
            }
        }
    }

    #[test]
    fn an_answer_that_is_none_is_seen() {
        assert!(is_distribution(&[0.25, 0.75], 2));
        for wrong in [
            &[0.5, 0.4][..],
            &[-0.5, 1.5],
            &[f32::NAN, 1.0],
            &[f32::INFINITY, 0.0],
            &[1.0],
            &[0.5, 0.25, 0.25],
        ] {
            assert!(!is_distribution(wrong, 2), "{wrong:?}");
        }
    }
}
