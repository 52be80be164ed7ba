//! Prices of salary and ownership at which a start's bound is low.
//!
//! Pure. Bounded by the prices tried.

use super::super::problem::{Problem, Range};
use super::super::search::{Ask, SCALE};
use super::{Candidate, Ground, Scratch, Sums};

/// No lineup is worth so much, or less than nothing by so much, in 1/[`SCALE`].
const BOUND_MAX: f64 = (1i64 << 50) as f64;
/// The greatest price of a dollar: a million of them for a lineup, and the sums still fit.
const PRICE_MAX: i64 = 1 << 33;
/// The greatest price of 1/100 percent of ownership.
const OWNERSHIP_PRICE_MAX: f64 = (1i64 << 24) as f64;
/// The price of 1/100 percent of ownership tried first: one point for ten percent.
const FIRST_PRICE: f64 = (10 * SCALE) as f64;
/// Prices tried for one sum.
const PRICES_MAX: usize = 24;
/// Prices tried around a guess, a quarter from one to the next.
const TRIES_NEAR: usize = 4;

/// Prices of a dollar and of 1/100 percent of ownership, in 1/[`SCALE`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::lineup) struct Prices {
    pub(in crate::lineup) salary: i64,
    pub(in crate::lineup) ownership: i64,
}

impl Ground {
    /// Prices at which the bound is low, and the bound there, tried last. `None`: there is no lineup. `guess`: what the
    /// price of salary may be about; 0: nothing is known.
    ///
    /// For a price of ownership, that of salary is found at which the bound is lowest; how that bound changes with the
    /// price of ownership is known too, and where two such lines meet the next price is tried.
    pub(in crate::lineup) fn find_prices(
        &mut self,
        problem: &Problem,
        ask: &Ask<'_>,
        scratch: &mut Scratch,
        guess: i64,
    ) -> Option<(Prices, i64)> {
        let (mut best, owned) = self.price_salary(problem, ask, scratch, 0, guess)?;
        let target = match problem.ownership {
            Some(range) if owned > range.most as f64 => Some((1.0, range.most as f64)),
            Some(range) if owned < range.least as f64 => Some((-1.0, range.least as f64)),
            _ => None,
        };
        if let Some((sign, target)) = target {
            best = self.price_ownership(problem, ask, scratch, (best, owned), sign, target)?;
        }
        if self.tried != Some(best) {
            self.worth_at(problem, ask, scratch, best)?;
        }
        Some((best, self.bound))
    }

    /// The prices at which the bound is lowest, from those at which ownership is free and what is owned there.
    fn price_ownership(
        &mut self,
        problem: &Problem,
        ask: &Ask<'_>,
        scratch: &mut Scratch,
        free: (Prices, f64),
        sign: f64,
        target: f64,
    ) -> Option<Prices> {
        let (mut best, owned) = free;
        let mut bound = self.worth_at(problem, ask, scratch, best)?.0 as f64;
        let (mut over, mut under) = ((0.0, bound, owned - target), None);
        let mut price = sign * FIRST_PRICE;
        for _ in 0..PRICES_MAX {
            let (prices, owned) = self.price_salary(problem, ask, scratch, price as i64, best.salary)?;
            let (now, off) = (self.worth_at(problem, ask, scratch, prices)?.0 as f64, owned - target);
            if now < -BOUND_MAX {
                return None;
            }
            if now < bound {
                (best, bound) = (prices, now);
            }
            let here = (price, now, off);
            if sign * off > 0.0 {
                over = here
            } else {
                under = Some(here)
            }
            let next = match under {
                None => price * 4.0,
                Some((at, value, off)) => (over.1 + over.2 * over.0 - value - off * at) / (over.2 - off),
            };
            if !next.is_finite() || next as i64 == price as i64 || price.abs() >= OWNERSHIP_PRICE_MAX {
                break;
            }
            price = next.clamp(-OWNERSHIP_PRICE_MAX, OWNERSHIP_PRICE_MAX);
        }
        Some(best)
    }

    /// The price of salary at which the bound is lowest, that of ownership being what it is: where the lines of the best
    /// lineup that spends too much and of the best that does not meet, and no lineup lies above. And what the mixture of
    /// the two that spends just enough owns.
    fn price_salary(
        &mut self,
        problem: &Problem,
        ask: &Ask<'_>,
        scratch: &mut Scratch,
        ownership: i64,
        guess: i64,
    ) -> Option<(Prices, f64)> {
        let at = |salary: i64| Prices { salary, ownership };
        let near = match problem.salary {
            Some(range) if guess > 0 => self.around(problem, ask, scratch, at(guess), range.most)?,
            _ => None,
        };
        let (sign, target, mut over, mut under) = match (near, problem.salary) {
            (Some((over, under)), Some(range)) => (1, range.most, over, under),
            _ => {
                let (_, free) = self.worth_at(problem, ask, scratch, at(0))?;
                let (sign, target) = match problem.salary {
                    Some(range) if free.salary > range.most => (1, range.most),
                    Some(range) if free.salary < range.least => (-1, range.least),
                    _ => return Some((at(0), free.ownership as f64)),
                };
                let first = free.value * SCALE / target.max(1) / 2;
                let near = match sign > 0 && first > 0 && guess == 0 {
                    true => self.around(problem, ask, scratch, at(first), target)?,
                    false => None,
                };
                match near {
                    Some((over, under)) => (sign, target, over, under),
                    None => {
                        // The lineup that keeps the range by as much as can be.
                        let ends = self.at_prices(problem, ask, scratch, |candidate| -sign * i64::from(candidate.salary))?;
                        if sign * (ends.salary - target) > 0 {
                            return None;
                        }
                        (sign, target, free, ends)
                    }
                }
            }
        };
        let line = |sums: &Sums| sums.value * SCALE - ownership * sums.ownership;
        // Any price will do for a bound; greater ones could be too much for the numbers.
        let meet = |over: &Sums, under: &Sums| ((line(over) - line(under)) / (over.salary - under.salary)).clamp(-PRICE_MAX, PRICE_MAX);
        let mut price = meet(&over, &under);
        for _ in 0..PRICES_MAX {
            let (_, sums) = self.worth_at(problem, ask, scratch, at(price))?;
            let value_of = |sums: &Sums| line(sums) - price * (sums.salary - target);
            if value_of(&sums) <= value_of(&over).max(value_of(&under)) {
                break;
            }
            if sign * (sums.salary - target) > 0 {
                over = sums;
            } else {
                under = sums;
            }
            price = meet(&over, &under);
        }
        let part = (target - under.salary) as f64 / (over.salary - under.salary) as f64;
        let owned = part * over.ownership as f64 + (1.0 - part) * under.ownership as f64;
        Some((at(price), owned))
    }

    /// Two lineups that are the best at prices near a guess, one that costs more than `most` and one that does not.
    /// `None` inside: they are not near.
    fn around(
        &mut self,
        problem: &Problem,
        ask: &Ask<'_>,
        scratch: &mut Scratch,
        guess: Prices,
        most: i64,
    ) -> Option<Option<(Sums, Sums)>> {
        let (mut over, mut under) = (None, None);
        let mut salary = guess.salary;
        for _ in 0..TRIES_NEAR {
            let (_, sums) = self.worth_at(problem, ask, scratch, Prices { salary, ..guess })?;
            if sums.salary > most {
                (over, salary) = (Some(sums), salary + salary / 4 + 1);
            } else {
                (under, salary) = (Some(sums), salary - salary / 4 - 1);
            }
            if let (Some(over), Some(under)) = (over, under) {
                return Some(Some((over, under)));
            }
        }
        Some(None)
    }

    /// The bound at these prices, and the lineup it took.
    pub(in crate::lineup) fn worth_at(
        &mut self,
        problem: &Problem,
        ask: &Ask<'_>,
        scratch: &mut Scratch,
        prices: Prices,
    ) -> Option<(i64, Sums)> {
        let sums = self.at_prices(problem, ask, scratch, |candidate| prices.worth(candidate))?;
        self.bound = sums.worth + self.base(problem, ask, prices);
        self.tried = Some(prices);
        Some((self.bound, sums))
    }

    /// What the fixed ones are worth, and what the prices give back.
    pub(in crate::lineup) fn base(&self, problem: &Problem, ask: &Ask<'_>, prices: Prices) -> i64 {
        let mut base = prices.back(problem);
        for &item in &self.fixed {
            let known = &problem.items[usize::from(item)];
            base += ask.values[usize::from(item)] * SCALE
                - prices.salary * i64::from(known.salary)
                - prices.ownership * i64::from(known.ownership);
        }
        base
    }
}

impl Prices {
    fn worth(self, candidate: &Candidate) -> i64 {
        candidate.value * SCALE - self.salary * i64::from(candidate.salary) - self.ownership * i64::from(candidate.ownership)
    }

    /// What a lineup gets back that spends as much as its price is for: the most where less is wanted, else the least.
    fn back(self, problem: &Problem) -> i64 {
        let back = |price: i64, range: Option<Range>| range.map_or(0, |range| price * if price >= 0 { range.most } else { range.least });
        back(self.salary, problem.salary) + back(self.ownership, problem.ownership)
    }
}
