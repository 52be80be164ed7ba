//! A challenger against its champion: the last outcomes of each, and when the challenger has lost.

use std::collections::VecDeque;

/// Where a loss ends that has no end: the probability given to what happened was below 10⁻⁸.
const LOSS_MAX: f64 = 20.0;

/// The last log losses of two versions, at most so many of each.
#[derive(Debug)]
pub(super) struct Duel {
    outcomes: usize,
    margin: f64,
    losses: [VecDeque<f64>; 2],
}

/// Whose an outcome is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    Champion,
    Challenger,
}

/// A challenger that is worse: both mean losses, in nats.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Lost {
    pub(super) champion: f64,
    pub(super) challenger: f64,
}

impl Duel {
    /// Judged once each has so many outcomes; lost where the challenger's mean is higher by more than the margin.
    pub(super) fn new(outcomes: usize, margin: f64) -> Duel {
        Duel {
            outcomes,
            margin,
            losses: Default::default(),
        }
    }

    /// Counts an outcome, and says whether the challenger has lost.
    pub(super) fn add(&mut self, side: Side, log_loss: f64) -> Option<Lost> {
        let losses = &mut self.losses[side as usize];
        if losses.len() == self.outcomes {
            losses.pop_front();
        }
        // `min` takes the number where the other is none.
        losses.push_back(log_loss.min(LOSS_MAX));
        let is_due = self.losses.iter().all(|losses| losses.len() == self.outcomes);
        let [(champion, of_champion), (challenger, of_challenger)] = self.losses.each_ref().map(mean);
        let chance = SURE * (of_champion + of_challenger).sqrt();
        (is_due && challenger - champion > self.margin + chance).then_some(Lost { champion, challenger })
    }
}

/// Standard errors of the difference by which the challenger must be worse on top of the margin: it is looked at
/// after each outcome, and two models that are alike must not be told apart by luck.
const SURE: f64 = 4.0;

/// The mean, and the square of its standard error.
fn mean(losses: &VecDeque<f64>) -> (f64, f64) {
    let count = losses.len().max(1) as f64;
    let mean = losses.iter().sum::<f64>() / count;
    let variance = losses.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>() / count;
    (mean, variance / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(duel: &mut Duel, side: Side, losses: &[f64]) -> Option<Lost> {
        losses.iter().map(|&loss| duel.add(side, loss)).last().flatten()
    }

    #[test]
    fn it_is_lost_by_more_than_the_margin_once_both_have_their_outcomes() {
        let mut duel = Duel::new(4, 0.25);
        assert_eq!(
            fill(&mut duel, Side::Challenger, &[9.0, 1.0, 1.0, 1.0, 1.0]),
            None,
            "nothing to compare with"
        );
        assert_eq!(fill(&mut duel, Side::Champion, &[0.75; 4]), None, "as much as the margin");
        assert_eq!(fill(&mut duel, Side::Challenger, &[1.25; 3]), None, "one of the four is another");
        let lost = Lost {
            champion: 0.75,
            challenger: 1.25,
        };
        assert_eq!(duel.add(Side::Challenger, 1.25), Some(lost));
    }

    #[test]
    fn what_is_long_ago_does_not_count() {
        let mut duel = Duel::new(3, 0.02);
        fill(&mut duel, Side::Champion, &[0.5; 3]);
        assert!(fill(&mut duel, Side::Challenger, &[5.0; 3]).is_some());
        assert_eq!(fill(&mut duel, Side::Champion, &[5.0; 3]), None);
        assert!(fill(&mut duel, Side::Champion, &[0.1; 3]).is_some());
        assert_eq!(fill(&mut duel, Side::Challenger, &[0.1; 3]), None);
    }

    /// Outcomes of two models that are alike, of games that neither shares: drawn by a small generator.
    #[test]
    fn two_that_are_alike_both_stay() {
        let mut state = 1_u64;
        let mut drawn = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let p = 0.5 + (state >> 40) as f64 / f64::from(1 << 25);
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let is_right = ((state >> 40) as f64 / f64::from(1 << 24)) < p;
            -(if is_right { p } else { 1.0 - p }).ln()
        };
        let mut duel = Duel::new(200, 0.02);
        for outcome in 0..10_000 {
            assert_eq!(duel.add(Side::Champion, drawn()), None, "outcome {outcome}");
            assert_eq!(duel.add(Side::Challenger, drawn()), None, "outcome {outcome}");
        }
    }

    #[test]
    fn a_loss_without_end_counts_as_a_large_one() {
        let mut duel = Duel::new(1, 0.02);
        duel.add(Side::Champion, 0.5);
        for loss in [f64::NAN, f64::INFINITY] {
            assert_eq!(duel.add(Side::Challenger, loss).map(|lost| lost.challenger), Some(LOSS_MAX));
        }
    }
}
