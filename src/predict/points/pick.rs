//! Whose word is told: the model's, or the plain baseline's, by how far off each was lately.
//!
//! One pick for each horizon: the kickoff and the ends of quarters 1–3 of a game, and a season. Errors fade, so that
//! a model which was good on other seasons and is not on this one is left for the baseline, and comes back when
//! it is better again. A model leads until it has lost clearly over enough forecasts: noise moves nothing. What
//! is told is one arm's forecast as it is, never a mix, so it can be held against an evaluation of that arm.

/// Who makes a forecast.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arm {
    /// The network.
    Model,
    /// What was there before it: points so far and the mean of earlier games.
    Baseline,
}

impl Arm {
    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Arm::Model => "model",
            Arm::Baseline => "baseline",
        }
    }
}

/// Forecasts over which an error loses about two thirds of its weight.
const MEMORY: f64 = 2_000.0;
/// Weight of errors from which on the model can lose its lead: some five games' players.
const ENOUGH: f64 = 400.0;
/// How much larger than the baseline's its mean error must be then.
const LOST: f64 = 1.02;

/// Two arms of one horizon. Bounded: two sums.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Pick {
    leader: Arm,
    weight: f64,
    /// Of the model and of the baseline, fading.
    errors: [f64; 2],
    judged: u64,
}

impl Default for Pick {
    fn default() -> Self {
        Pick {
            leader: Arm::Model,
            weight: 0.0,
            errors: [0.0; 2],
            judged: 0,
        }
    }
}

impl Pick {
    /// Counts how far off, in points, the model and the baseline were about one player.
    pub fn judge(&mut self, errors: [f64; 2]) {
        let keeps = 1.0 - 1.0 / MEMORY;
        self.weight = self.weight * keeps + 1.0;
        for (sum, error) in self.errors.iter_mut().zip(errors) {
            *sum = *sum * keeps + error;
        }
        self.judged += 1;
        let [model, baseline] = self.errors;
        if self.weight >= ENOUGH && model > baseline * LOST {
            self.leader = Arm::Baseline;
        } else if model < baseline {
            self.leader = Arm::Model;
        }
    }

    /// Who is told.
    pub fn leader(&self) -> Arm {
        self.leader
    }

    /// How many forecasts were judged.
    pub fn judged(&self) -> u64 {
        self.judged
    }

    /// Mean absolute errors lately, of the model and of the baseline; nothing where nothing was judged.
    pub fn errors(&self) -> Option<[f64; 2]> {
        (self.judged > 0).then(|| self.errors.map(|sum| sum / self.weight))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(pick: &mut Pick, times: usize, errors: [f64; 2]) -> Arm {
        (0..times).for_each(|_| pick.judge(errors));
        pick.leader()
    }

    #[test]
    fn a_model_leads_until_it_has_lost_clearly_and_leads_again_when_it_is_better() {
        let mut pick = Pick::default();
        assert_eq!(after(&mut pick, 300, [9.0, 1.0]), Arm::Model, "too few to say");
        assert_eq!(after(&mut pick, 300, [9.0, 1.0]), Arm::Baseline);
        assert_eq!(
            after(&mut pick, 500, [1.0, 1.0]),
            Arm::Baseline,
            "what was is not forgotten at once"
        );
        assert_eq!(after(&mut pick, 20_000, [3.0, 4.0]), Arm::Model);
        assert_eq!(after(&mut pick, 20_000, [4.05, 4.0]), Arm::Model, "not clearly worse");
        assert_eq!(pick.judged(), 41_100);
        let [model, baseline] = pick.errors().unwrap();
        assert!((model - 4.05).abs() < 0.01 && (baseline - 4.0).abs() < 0.01);
    }
}
