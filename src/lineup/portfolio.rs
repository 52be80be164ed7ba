//! Lineups one after the other: each the best that the rules and those before it allow.
//!
//! Owns what runs across lineups: exposures, players shared, minimums that must still be met. Pure; bounded by the
//! work it is given. What "best first" means is in docs/optimizer.md.

use super::problem::{ItemIndex, Limit};
use super::rules::Rules;
use super::search::{Ask, Budget, Lineup, Outcome, Search};

mod plan;
mod reserve;

pub use plan::{Exposure, Kept, Plan};

/// Lineups that one search keeps at most, where not all it finds are taken.
const KEEP_MAX: usize = 4096;

/// Steps after which a minimum that is met early is left for later.
const RESERVE_STEPS_MAX: u64 = 1_000_000;

/// One lineup made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// What is in it, and what it comes to: `value` by the projections it was made from.
    pub lineup: Lineup,
    /// By how much at most a lineup that was not found could be better; 0: it is proven best.
    pub gap: i64,
}

/// What was made, and why no more.
#[derive(Clone, Debug, Default)]
pub struct Portfolio {
    /// In the order in which they were made.
    pub made: Vec<Made>,
    /// Why there are fewer than asked for.
    pub ended: Option<Ended>,
    /// Steps of the searches.
    pub steps: u64,
}

/// Why there are fewer lineups than asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// There is no further one.
    None,
    /// Work or time ran out.
    Cut,
}

/// How minimums are kept within reach.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reserve {
    /// As late as can be.
    Late,
    /// Evenly from the first lineup on.
    Even,
}

/// Builds them. `told` hears how many there are.
pub fn build(plan: &Plan, budget: Budget<'_>, mut told: impl FnMut(usize)) -> Portfolio {
    let late = Builder::new(plan, Reserve::Late).run(budget, &mut told);
    let has_least = plan.exposures.iter().any(|exposure| exposure.least > 0);
    if late.ended != Some(Ended::None) || !has_least {
        return late;
    }
    let left = Budget {
        steps: budget.steps.saturating_sub(late.steps),
        ..budget
    };
    let mut even = Builder::new(plan, Reserve::Even).run(left, &mut told);
    even.steps += late.steps;
    if even.ended == Some(Ended::None) && even.made.len() < late.made.len() {
        late
    } else {
        even
    }
}

struct Builder<'a> {
    plan: &'a Plan,
    reserve: Reserve,
    rules: Rules,
    search: Search,
    made: Vec<Made>,
    chosen: Vec<Lineup>,
    /// Lineups so far that count for each exposure.
    used: Vec<usize>,
    values: Vec<i64>,
    /// What the last search found and was not looked at yet, best last.
    found: Vec<Lineup>,
    /// Of it: limits it was made with, how many lineups there were.
    found_limits: Vec<Limit>,
    outcome: Outcome,
    has_searched: bool,
    /// Lineups there were when it was made.
    searched_at: usize,
    depth: i64,
    keep: usize,
}

impl<'a> Builder<'a> {
    fn new(plan: &'a Plan, reserve: Reserve) -> Builder<'a> {
        let best: i64 = plan.values.iter().copied().max().unwrap_or(0);
        Builder {
            plan,
            reserve,
            rules: Rules::new(&plan.problem),
            search: Search::default(),
            made: Vec::new(),
            chosen: Vec::new(),
            used: vec![0; plan.exposures.len()],
            values: plan.values.clone(),
            found: Vec::new(),
            found_limits: Vec::new(),
            outcome: Outcome::default(),
            has_searched: false,
            searched_at: 0,
            depth: (best / 40).max(1),
            keep: if plan.is_plain() {
                plan.count
            } else {
                (plan.count * 4).clamp(64, KEEP_MAX)
            },
        }
    }

    fn run(mut self, budget: Budget<'_>, told: &mut impl FnMut(usize)) -> Portfolio {
        let mut ended = None;
        while self.made.len() < self.plan.count {
            let nth = self.made.len();
            match self.one(nth, budget) {
                Ok(made) => {
                    self.chosen.push(made.lineup.clone());
                    for (used, exposure) in self.used.iter_mut().zip(&self.plan.exposures) {
                        *used += usize::from(exposure.counts(&made.lineup.items));
                    }
                    self.made.push(made);
                    told(self.made.len());
                }
                Err(why) => {
                    ended = Some(why);
                    break;
                }
            }
        }
        // Spread evenly, a minimum may still have failed.
        let is_met = self
            .plan
            .exposures
            .iter()
            .zip(&self.used)
            .all(|(exposure, used)| *used >= exposure.least);
        if ended.is_none() && !is_met {
            self.made.pop();
            ended = Some(Ended::None);
        }
        Portfolio {
            made: self.made,
            ended,
            steps: self.search.steps,
        }
    }

    /// The next lineup.
    fn one(&mut self, nth: usize, budget: Budget<'_>) -> Result<Made, Ended> {
        if !self.plan.kept.is_empty() || self.plan.draws.is_some() {
            return self.alone(nth, budget);
        }
        let limits = self.limits(nth, &self.plan.locked, budget)?;
        if limits != self.found_limits {
            // What was found under other limits says nothing now.
            self.found.clear();
            self.has_searched = false;
            self.found_limits.clone_from(&limits);
        }
        loop {
            while let Some(lineup) = self.found.pop() {
                if self.is_free(&lineup) {
                    let gap = match self.outcome.is_cut {
                        true => self.outcome.bound.map_or(0, |bound| (bound - lineup.value).max(0)),
                        false => 0,
                    };
                    return Ok(Made { lineup, gap });
                }
            }
            if self.outcome.is_cut {
                return Err(Ended::Cut);
            }
            if self.has_searched && self.outcome.above.is_none() {
                return Err(Ended::None);
            }
            self.look(&limits, budget)?;
        }
    }

    /// Searches for the next lineups.
    fn look(&mut self, limits: &[Limit], budget: Budget<'_>) -> Result<(), Ended> {
        let Some(allowed) = self.allowed(&self.plan.locked) else {
            return Err(Ended::None);
        };
        let fillings = self.plan.beside(&self.plan.fillings, &self.plan.locked);
        let left = self.plan.count - self.made.len();
        let (is_again, is_plain) = (self.has_searched, self.plan.is_plain());
        let ask = Ask {
            values: &self.values,
            allowed: &allowed,
            held: &self.plan.locked,
            fillings: &fillings,
            limits,
            chosen: &self.chosen,
            shared_max: self.plan.shared_max,
            twins: &self.plan.twins,
            want: if is_plain { self.keep } else { left.min(16) },
            keep: self.keep,
            ceiling: self.outcome.above.filter(|_| is_again).unwrap_or(i64::MAX),
            depth: self.depth,
        };
        let budget = Budget {
            steps: budget.steps.saturating_sub(self.search.steps),
            ..budget
        };
        self.outcome = self.search.best(&self.plan.problem, &mut self.rules, &ask, is_again, budget);
        (self.has_searched, self.searched_at) = (true, self.chosen.len());
        self.found = std::mem::take(&mut self.outcome.lineups);
        if let (Some(first), Some(last)) = (self.found.first(), self.found.last()) {
            self.depth = (first.value - last.value).max(self.depth / 4).max(1);
        }
        self.found.reverse();
        match self.outcome.bound {
            None => Err(Ended::None),
            Some(_) => Ok(()),
        }
    }

    /// A lineup with a search of its own.
    fn alone(&mut self, nth: usize, budget: Budget<'_>) -> Result<Made, Ended> {
        let kept = self.plan.kept.get(nth);
        if let Some(draws) = &self.plan.draws {
            self.values = draws.values(&self.plan.values, nth);
        }
        let (mut held, fillings) = match kept {
            Some(kept) => (kept.held.clone(), &kept.fillings),
            None => (Vec::new(), &self.plan.fillings),
        };
        let is_whole = fillings.iter().all(|counts| counts.iter().all(|count| *count == 0));
        let locked: Vec<ItemIndex> = self.plan.locked.iter().copied().filter(|item| !held.contains(item)).collect();
        let fillings = self.plan.beside(fillings, &locked);
        held.extend(locked);
        let limits = self.limits(nth, &held, budget)?;
        let Some(allowed) = self.allowed(&held) else {
            return Err(Ended::None);
        };
        let ask = Ask {
            values: &self.values,
            allowed: &allowed,
            held: &held,
            fillings: &fillings,
            limits: &limits,
            chosen: if is_whole { &[] } else { &self.chosen },
            shared_max: self.plan.shared_max,
            twins: &self.plan.twins,
            want: 1,
            keep: 1,
            ceiling: i64::MAX,
            depth: self.depth / 2,
        };
        let budget = Budget {
            steps: budget.steps.saturating_sub(self.search.steps),
            ..budget
        };
        let outcome = self.search.best(&self.plan.problem, &mut self.rules, &ask, false, budget);
        let Some(lineup) = outcome.lineups.into_iter().next() else {
            return Err(if outcome.is_cut { Ended::Cut } else { Ended::None });
        };
        let gap = match outcome.is_cut {
            true => outcome.bound.map_or(0, |bound| (bound - lineup.value).max(0)),
            false => 0,
        };
        Ok(Made { lineup, gap })
    }

    /// Who may come in now; `None`: somebody who must be in may not.
    fn allowed(&self, held: &[ItemIndex]) -> Option<Vec<bool>> {
        let mut allowed = self.plan.allowed.clone();
        for (exposure, used) in self.plan.exposures.iter().zip(&self.used) {
            if *used >= exposure.most && exposure.count == 1 {
                exposure.members.iter().for_each(|item| allowed[usize::from(item)] = false);
                if exposure.counts(held) {
                    return None;
                }
            }
        }
        Some(allowed)
    }

    /// Whether a lineup found earlier may still be taken.
    fn is_free(&self, lineup: &Lineup) -> bool {
        let exposures = self.plan.exposures.iter().zip(&self.used);
        let is_within = |(exposure, used): (&Exposure, &usize)| *used < exposure.most || !exposure.counts(&lineup.items);
        let is_apart = |other: &Lineup| self.plan.shared(&other.items, &lineup.items) <= self.plan.shared_max;
        // Those chosen before the search it minded, and it finds nothing twice.
        let since = if self.plan.shared_max + 1 < lineup.items.len() || !self.plan.twins.is_empty() {
            &self.chosen[self.searched_at..]
        } else {
            &[]
        };
        exposures.into_iter().all(is_within) && since.iter().all(is_apart)
    }
}
