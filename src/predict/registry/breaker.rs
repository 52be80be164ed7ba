//! A circuit breaker: what fails again and again is left alone for a while, then tried once.

/// Cuts a version off.
#[derive(Debug)]
pub(in crate::predict) struct Breaker {
    failures_max: u32,
    rest_us: i64,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Runs; so many failures in a row.
    Running(u32),
    /// Rests since then.
    Resting(i64),
    /// The next run decides.
    Trying,
}

/// What a run changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::predict) enum Turn {
    /// Nothing.
    Same,
    /// It is cut off from here on.
    CutOff,
    /// It was tried, and is cut off again.
    StillOff,
    /// It is back.
    Back,
}

impl Breaker {
    /// Cut off by so many failures in a row, for that long.
    pub(in crate::predict) fn new(failures_max: u32, rest_us: i64) -> Breaker {
        Breaker {
            failures_max,
            rest_us,
            state: State::Running(0),
        }
    }

    /// Whether it may be run.
    pub(in crate::predict) fn allows(&self) -> bool {
        !matches!(self.state, State::Resting(_))
    }

    /// A run gave answers.
    pub(in crate::predict) fn succeeded(&mut self) -> Turn {
        let before = std::mem::replace(&mut self.state, State::Running(0));
        match before {
            State::Trying => Turn::Back,
            State::Running(_) | State::Resting(_) => Turn::Same,
        }
    }

    /// A run failed.
    pub(in crate::predict) fn failed(&mut self, now_us: i64) -> Turn {
        match self.state {
            State::Running(failures) if failures + 1 < self.failures_max => {
                self.state = State::Running(failures + 1);
                Turn::Same
            }
            State::Running(_) => {
                self.state = State::Resting(now_us);
                Turn::CutOff
            }
            State::Trying => {
                self.state = State::Resting(now_us);
                Turn::StillOff
            }
            State::Resting(_) => {
                self.state = State::Resting(now_us);
                Turn::Same
            }
        }
    }

    /// Time goes on.
    pub(in crate::predict) fn turn(&mut self, now_us: i64) {
        if let State::Resting(since_us) = self.state
            && now_us.saturating_sub(since_us) >= self.rest_us
        {
            self.state = State::Trying;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FAILURES_MAX: u32 = 3;
    const REST_US: i64 = 100;

    proptest! {
        /// Against what the words say: cut off exactly when the last `FAILURES_MAX` runs failed, for `REST_US`
        /// since the last failure, and by the first failure after that again.
        #[test]
        fn it_cuts_off_what_fails_in_a_row_and_tries_it_once(steps in prop::collection::vec((0..60_i64, any::<bool>()), 1..200)) {
            let mut breaker = Breaker::new(FAILURES_MAX, REST_US);
            let (mut now_us, mut in_a_row, mut last_failure_us) = (0, 0, 0);
            for (passes_us, is_good) in steps {
                now_us += passes_us;
                breaker.turn(now_us);
                let is_broken = in_a_row >= FAILURES_MAX;
                prop_assert_eq!(breaker.allows(), !is_broken || now_us - last_failure_us >= REST_US);
                if !breaker.allows() {
                    continue;
                }
                let turn = if is_good { breaker.succeeded() } else { breaker.failed(now_us) };
                let expected = match (is_good, is_broken, in_a_row + 1 == FAILURES_MAX) {
                    (true, true, _) => Turn::Back,
                    (false, true, _) => Turn::StillOff,
                    (false, false, true) => Turn::CutOff,
                    _ => Turn::Same,
                };
                prop_assert_eq!(turn, expected);
                in_a_row = if is_good { 0 } else { in_a_row + 1 };
                last_failure_us = now_us;
            }
        }
    }
}
