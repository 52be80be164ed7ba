//! Lineups one after the other: each the best that the rules and those before it allow.
//!
//! Owns what runs across lineups: exposures, players shared, minimums that must still be met. Pure; bounded by the
//! work it is given. What "best first" means is in docs/optimizer.md.

use super::chance::Draws;
use super::problem::{ItemIndex, Limit, Problem, Set};
use super::rules::Rules;
use super::search::{Ask, Budget, Lineup, Outcome, Search};
use super::shape::without;

/// Lineups that one search keeps at most, where not all it finds are taken.
const KEEP_MAX: usize = 4096;

/// Steps after which a minimum that is met early is left for later.
const RESERVE_STEPS_MAX: u64 = 200_000;

/// How many lineups may have at least `count` of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// Who counts.
    pub members: Set,
    /// So many make a lineup count.
    pub count: u8,
    /// In at least so many lineups.
    pub least: usize,
    /// In at most so many.
    pub most: usize,
}

/// A lineup with some players who stay where they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Who stays.
    pub held: Vec<ItemIndex>,
    /// How many of each class may come beside them, every way.
    pub fillings: Vec<Vec<u8>>,
}

/// What is to be built.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// What makes a lineup.
    pub problem: Problem,
    /// How many of each class fill it, every way.
    pub fillings: Vec<Vec<u8>>,
    /// What each item is worth.
    pub values: Vec<i64>,
    /// Who may come in.
    pub allowed: Vec<bool>,
    /// Who is in every lineup.
    pub locked: Vec<ItemIndex>,
    /// Lineups asked for.
    pub count: usize,
    /// Items that two lineups may share.
    pub shared_max: usize,
    /// By item, who counts as shared with it, too: the same player in another role. Empty: nobody.
    pub twins: Vec<Vec<ItemIndex>>,
    /// Limits across lineups.
    pub exposures: Vec<Exposure>,
    /// Each lineup from projections of its own.
    pub draws: Option<Draws>,
    /// Lineups to be solved again, one each; `count` is theirs.
    pub kept: Vec<Kept>,
}

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

    /// What the exposures ask of the next lineup.
    fn limits(&mut self, nth: usize, held: &[ItemIndex], budget: Budget<'_>) -> Result<Vec<Limit>, Ended> {
        let plan = self.plan;
        let left = plan.count - nth;
        let mut limits = Vec::new();
        for (exposure, used) in plan.exposures.iter().zip(&self.used) {
            if *used >= exposure.most && exposure.count > 1 {
                limits.push(Limit::most(exposure.members.clone(), exposure.count - 1));
            }
            let missing = exposure.least.saturating_sub(*used);
            if missing > left {
                return Err(Ended::None);
            }
            if missing == left {
                limits.push(Limit::least(exposure.members.clone(), exposure.count));
            }
        }
        self.reserve_classes(left, &mut limits);
        if self.reserve == Reserve::Even {
            self.reserve_evenly(nth, held, &mut limits, budget);
        }
        Ok(limits)
    }

    /// Players of one class who together still need all the places there are left.
    fn reserve_classes(&self, left: usize, limits: &mut Vec<Limit>) {
        if self.plan.exposures.iter().all(|exposure| exposure.least == 0) {
            return;
        }
        let classes = self.plan.fillings.first().map_or(0, Vec::len);
        for class in 0..classes {
            let most = self
                .plan
                .fillings
                .iter()
                .map(|counts| usize::from(counts[class]))
                .max()
                .unwrap_or(0);
            let is_of = |item: ItemIndex| usize::from(self.plan.problem.items[usize::from(item)].class) == class;
            let (mut missing, mut members) = (0, Set::default());
            for (exposure, used) in self.plan.exposures.iter().zip(&self.used) {
                let is_one = exposure.count == 1 && exposure.members.iter().nth(1).is_none() && exposure.members.iter().all(is_of);
                if exposure.least > *used && is_one {
                    missing += exposure.least - used;
                    exposure.members.iter().for_each(|item| members.insert(item));
                }
            }
            let must = missing.saturating_sub((left - 1) * most);
            if must > 0 {
                limits.push(Limit::least(members, must.min(255) as u8));
            }
        }
    }

    /// Those furthest behind an even pace, as many as one lineup can have.
    fn reserve_evenly(&mut self, nth: usize, held: &[ItemIndex], limits: &mut Vec<Limit>, budget: Budget<'_>) {
        let plan = self.plan;
        // In lineups' parts of `count`: what should be there after this one, less what is.
        let behind = |at: &usize| (plan.exposures[*at].least * (nth + 1)) as i64 - (self.used[*at] * plan.count) as i64;
        let mut late: Vec<usize> = (0..plan.exposures.len())
            .filter(|at| plan.exposures[*at].least > self.used[*at] && behind(at) > 0)
            .collect();
        late.sort_by_key(|at| -behind(at));
        for at in late {
            let limit = Limit::least(plan.exposures[at].members.clone(), plan.exposures[at].count);
            if limits.contains(&limit) {
                continue;
            }
            limits.push(limit);
            if !self.can_be(nth, held, limits, budget) {
                limits.pop();
            }
        }
    }

    /// Whether there is a lineup at all.
    fn can_be(&mut self, nth: usize, held: &[ItemIndex], limits: &[Limit], budget: Budget<'_>) -> bool {
        let Some(allowed) = self.allowed(held) else { return false };
        let base = self.plan.kept.get(nth).map_or(&self.plan.fillings, |kept| &kept.fillings);
        let kept_held = self.plan.kept.get(nth).map_or(&[][..], |kept| &kept.held);
        let beside: Vec<ItemIndex> = held.iter().copied().filter(|item| !kept_held.contains(item)).collect();
        let fillings = self.plan.beside(base, &beside);
        let ask = Ask {
            values: &self.values,
            allowed: &allowed,
            held,
            fillings: &fillings,
            limits,
            chosen: &self.chosen,
            shared_max: self.plan.shared_max,
            twins: &self.plan.twins,
            want: 1,
            keep: 1,
            ceiling: i64::MAX,
            depth: self.depth,
        };
        let budget = Budget {
            steps: budget.steps.saturating_sub(self.search.steps).min(RESERVE_STEPS_MAX),
            ..budget
        };
        let outcome = self.search.best(&self.plan.problem, &mut self.rules, &ask, false, budget);
        self.has_searched = false;
        !outcome.lineups.is_empty()
    }
}

impl Plan {
    /// Nothing runs across lineups but that no two are the same.
    fn is_plain(&self) -> bool {
        let size = self
            .fillings
            .first()
            .map_or(0, |counts| counts.iter().map(|count| usize::from(*count)).sum());
        self.exposures.is_empty() && self.twins.is_empty() && self.shared_max + 1 >= size && self.kept.is_empty() && self.draws.is_none()
    }

    /// Items of one lineup that count as shared with another.
    pub(super) fn shared(&self, one: &[ItemIndex], other: &[ItemIndex]) -> usize {
        if self.twins.is_empty() {
            return shared(one, other);
        }
        let is_twin = |item: ItemIndex| {
            self.twins
                .get(usize::from(item))
                .is_some_and(|twins| twins.iter().any(|twin| one.contains(twin)))
        };
        other.iter().filter(|item| one.contains(*item) || is_twin(**item)).count()
    }

    /// What is left of the fillings beside these items.
    fn beside(&self, fillings: &[Vec<u8>], held: &[ItemIndex]) -> Vec<Vec<u8>> {
        let mut taken = vec![0u8; fillings.first().map_or(0, Vec::len)];
        for item in held {
            taken[usize::from(self.problem.items[usize::from(*item)].class)] += 1;
        }
        without(fillings, &taken)
    }
}

impl Exposure {
    /// Whether a lineup counts.
    pub fn counts(&self, lineup: &[ItemIndex]) -> bool {
        self.members.count(lineup) >= usize::from(self.count)
    }
}

/// Items that two lineups have in common; both in order.
pub(super) fn shared(a: &[ItemIndex], b: &[ItemIndex]) -> usize {
    let (mut a, mut b) = (a, b);
    let mut both = 0;
    while let ([first, rest @ ..], [other, others @ ..]) = (a, b) {
        both += usize::from(first == other);
        (a, b) = match first.cmp(other) {
            std::cmp::Ordering::Less => (rest, b),
            std::cmp::Ordering::Equal => (rest, others),
            std::cmp::Ordering::Greater => (a, others),
        };
    }
    both
}
