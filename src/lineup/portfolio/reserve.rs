//! What exposures ask of the next lineup, so that minimums stay within reach.
//!
//! Pure. Bounded by the exposures, and by the work of looks ahead.

use super::super::problem::{ItemIndex, Limit, Set};
use super::super::search::{Ask, Budget};
use super::{Builder, Ended, RESERVE_STEPS_MAX, Reserve};

impl Builder<'_> {
    /// What the exposures ask of the next lineup.
    pub(super) fn limits(&mut self, nth: usize, held: &[ItemIndex], budget: Budget<'_>) -> Result<Vec<Limit>, Ended> {
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
