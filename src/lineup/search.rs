//! The search: every lineup above a threshold, the best first, by branch and bound.
//!
//! The bound prices salary (and ownership) instead of capping it, and holds the slots and the limits that ask for
//! players exactly ([`super::bound`]). A walk in depth ([`super::walk`]) enters only what the bound says can still
//! reach the threshold, so what it finds is all there is above it. Pure: no clock, no I/O; bounded by the work it is
//! given.

use super::bound::NOTHING;
use super::ground::{Ground, Prices, Scratch};
use super::hopeless::leave_out;
use super::problem::{Problem, Range, SIZE_MAX};
use super::rules::Rules;
use super::walk::{At, Descent, Kept, Walk, cheapest};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

mod ask;
mod starts;

pub(super) use ask::{Ask, Outcome};
pub use ask::{Budget, Lineup};
use starts::Start;

/// Prices and bounds are in 1/1,024 of a point's unit.
pub(super) const SCALE: i64 = 1024;
/// Most ways to begin, when those without an end are split up.
const STARTS_MAX: usize = 50_000;
/// Steps from one start, of a search that is hard, after which it is split up.
const STEPS_BEFORE_SPLIT: u64 = if cfg!(test) { 20 } else { 20_000 };
/// Ways to begin that stay laid out from one search to the next.
const LAID_OUT_MAX: usize = 512;
/// Steps without an end after which more limits are counted.
/// (Few in tests, whose slates are small: they see every way of it.)
const STEPS_BEFORE_HARD: u64 = if cfg!(test) { 20 } else { 20_000 };
/// Steps without an end after which salary is counted instead of priced.
const STEPS_BEFORE_COUNTING: u64 = if cfg!(test) { 50 } else { 500_000 };
/// Work of pricing a start, in steps.
const STEPS_OF_A_PRICE: u64 = 256;
/// Starts priced between looks at the clock.
const PRICED_BETWEEN_LOOKS: u64 = 16;
/// Prices are looked for anew after so many searches at the same.
const SEARCHES_AT_PRICES: u32 = 16;
/// How far below the first threshold whoever can be in a lineup is kept, in depths.
const DEPTHS_KEPT: i64 = 8;

/// Everything that a search writes to, kept from one to the next.
#[derive(Default)]
pub(super) struct Search {
    starts: Vec<Start>,
    scratch: Scratch,
    walk: Walk,
    /// The start whose ground was priced last, by its own prices: what is in the scratch.
    current: Option<usize>,
    /// The price of salary found last.
    guess: i64,
    /// Lineups worth less are not looked for yet.
    whole_from: i64,
    /// Limits are counted, too, that somebody turns on.
    is_hard: bool,
    /// Prices were no help: salary is counted.
    counts_salary: bool,
    /// Starts priced since the search was made.
    priced: u64,
    /// Steps after which work has run out.
    steps_max: u64,
    /// Steps done since the search was made.
    pub steps: u64,
}

impl Search {
    /// Looks for the best lineups. `is_narrower`: nothing that this ask allows was not allowed by the one before, of the
    /// same problem, with the same values: then its bounds still hold.
    pub(super) fn best(&mut self, problem: &Problem, rules: &mut Rules, ask: &Ask<'_>, is_narrower: bool, budget: Budget<'_>) -> Outcome {
        let is_empty = |range: Option<Range>| range.is_some_and(|range| range.least > range.most);
        if ask.fillings.is_empty() || is_empty(problem.salary) || is_empty(problem.ownership) {
            return Outcome::default();
        }
        rules.begin(ask.limits);
        let mut allowed = Vec::new();
        if rules.has_conditions() {
            allowed.extend_from_slice(ask.allowed);
            if !leave_out(problem, rules, ask, &mut allowed) {
                return Outcome::default();
            }
        }
        let narrowed = Ask { allowed: &allowed, ..*ask };
        let ask = if allowed.is_empty() { ask } else { &narrowed };
        if !is_narrower || self.starts.is_empty() {
            self.scratch.reset();
            self.make_starts(problem, ask);
        }
        self.walk.overlap.reset(problem.items.len(), ask.chosen, ask.shared_max, ask.twins);
        self.walk.has_twins = rules.has_twins;
        self.steps_max = self.steps.saturating_add(budget.steps);
        let Some(mut top) = self.ceiling(problem, rules, ask, budget.is_out) else {
            return Outcome::default();
        };
        if self.walk.is_over {
            return self.outcome(ask, Some(top), None, true);
        }
        let floor = floor_of(problem, ask);
        let mut depth = ask.depth.max(1);
        let mut has_no_help = false;
        loop {
            let least = top.saturating_sub(depth).max(floor);
            let kept_from = least.saturating_sub(depth.saturating_mul(DEPTHS_KEPT)).max(floor);
            self.whole_from = kept_from.saturating_mul(SCALE);
            let left = self.steps_max.saturating_sub(self.steps);
            let allowance = match (has_no_help, self.is_hard) {
                (true, _) => u64::MAX,
                // A second price is what splitting up helps with.
                (false, true) if problem.ownership.is_some() => STEPS_BEFORE_COUNTING * 6,
                (false, true) => STEPS_BEFORE_COUNTING,
                (false, false) => STEPS_BEFORE_HARD,
            };
            self.walk.steps_max = left.min(allowance);
            if self.pass(problem, rules, ask, least, budget.is_out) {
                if (budget.is_out)() || left <= allowance || self.steps >= self.steps_max {
                    return self.outcome(ask, Some(top), None, true);
                }
                if self.is_hard {
                    // Where counting is no help either: go on with all the work there is.
                    has_no_help = self.counts_salary || problem.salary.is_none();
                    self.counts_salary = problem.salary.is_some();
                    continue;
                }
                let enough = self.better_half(ask.want);
                self.is_hard = true;
                self.starts.iter_mut().for_each(|start| start.ground = None);
                match self.ceiling(problem, rules, ask, budget.is_out) {
                    Some(_) if self.walk.is_over => return self.outcome(ask, Some(top), None, true),
                    Some(lower) => top = lower,
                    None => return Outcome::default(),
                }
                // So many there are at least: no need to look as deep again.
                depth = enough.map_or(depth, |enough| depth.min((top - enough).max(1)));
                continue;
            }
            if self.walk.kept.len() >= ask.want.min(ask.keep) || least <= floor {
                let is_full = self.walk.kept.len() == ask.keep;
                let worst = self.walk.kept.peek().map(|kept| kept.value.0);
                let above = match is_full {
                    true => worst,
                    false if least <= floor => None,
                    false => Some(least - 1),
                };
                return self.outcome(ask, Some(top), above, false);
            }
            depth = deeper(depth, self.walk.kept.len(), ask.want);
        }
    }

    fn outcome(&mut self, ask: &Ask<'_>, bound: Option<i64>, above: Option<i64>, is_cut: bool) -> Outcome {
        let size = ask.held.len() + size_of(ask);
        let kept = std::mem::take(&mut self.walk.kept).into_sorted_vec();
        let lineup = |kept: &Kept| {
            let mut items = kept.items[..size].to_vec();
            items.sort_unstable();
            let (value, salary, ownership) = (kept.value.0, kept.salary, kept.ownership);
            Lineup {
                value,
                salary,
                ownership,
                items,
            }
        };
        let lineups = kept.iter().map(lineup).collect();
        Outcome {
            lineups,
            bound,
            above,
            is_cut,
        }
    }

    /// The greatest value that the bound allows, each start priced as far as needed; `walk.is_over`: as far as work and
    /// time went.
    fn ceiling(&mut self, problem: &Problem, rules: &Rules, ask: &Ask<'_>, is_out: &dyn Fn() -> bool) -> Option<i64> {
        self.walk.is_over = false;
        self.starts.iter_mut().for_each(|start| start.is_priced = false);
        self.current = None;
        let mut order: BinaryHeap<(i64, Reverse<usize>)> = self
            .starts
            .iter()
            .enumerate()
            .map(|(nth, start)| (start.bound, Reverse(nth)))
            .collect();
        while let Some((bound, Reverse(nth))) = order.pop() {
            if bound <= NOTHING {
                return None;
            }
            self.walk.is_over = self.is_spent(is_out);
            if self.starts[nth].is_priced || self.walk.is_over {
                return Some(bound.div_euclid(SCALE).min(ask.ceiling));
            }
            self.price(problem, rules, ask, nth);
            order.push((self.starts[nth].bound, Reverse(nth)));
        }
        None
    }

    /// What the worse half of those found is not worth; `None`: the better half is fewer than wanted.
    fn better_half(&self, want: usize) -> Option<i64> {
        let mut values: Vec<i64> = self.walk.kept.iter().map(|kept| kept.value.0).collect();
        values.sort_unstable_by_key(|value| Reverse(*value));
        values.get((values.len() / 2).max(want.max(1) - 1)).copied()
    }

    /// Whether work or time has run out, with so much priced.
    fn is_spent(&self, is_out: &dyn Fn() -> bool) -> bool {
        self.steps + self.walk.steps >= self.steps_max || self.priced.is_multiple_of(PRICED_BETWEEN_LOOKS) && is_out()
    }

    /// One pass over all starts that can reach `least`. Whether work ran out.
    fn pass(&mut self, problem: &Problem, rules: &mut Rules, ask: &Ask<'_>, least: i64, is_out: &dyn Fn() -> bool) -> bool {
        let walk = &mut self.walk;
        walk.kept.clear();
        (walk.keep, walk.found, walk.is_over, walk.steps) = (ask.keep, 0, false, 0);
        walk.enough = least.saturating_mul(SCALE);
        walk.is_again = false;
        let steps_max = walk.steps_max;
        let mut todo: Vec<usize> = (0..self.starts.len())
            .filter(|nth| self.starts[*nth].bound >= self.walk.enough)
            .collect();
        // The best last, which is taken first.
        todo.sort_by_key(|&nth| (self.starts[nth].bound, Reverse(nth)));
        while let Some(nth) = todo.pop() {
            if self.starts[nth].bound >= self.walk.enough && !self.starts[nth].is_priced {
                self.price(problem, rules, ask, nth);
                if self.is_spent(is_out) {
                    self.walk.is_over = true;
                    break;
                }
            }
            if self.starts[nth].bound < self.walk.enough {
                continue;
            }
            let may_split = self.is_hard && self.starts.len() < STARTS_MAX;
            self.walk.steps_max = if may_split {
                steps_max.min(self.walk.steps + STEPS_BEFORE_SPLIT)
            } else {
                steps_max
            };
            self.walk_from(problem, rules, ask, nth, is_out);
            if self.walk.is_over {
                if self.walk.steps >= steps_max || is_out() {
                    break;
                }
                // Each way to go on is priced by itself.
                (self.walk.is_over, self.walk.is_again) = (false, true);
                todo.extend(self.split_up(problem, rules, ask, nth));
            }
        }
        self.steps += std::mem::take(&mut self.walk.steps);
        self.walk.is_over
    }

    /// Lowers a start's bound as far as prices do.
    fn price(&mut self, problem: &Problem, rules: &Rules, ask: &Ask<'_>, nth: usize) {
        let (count, is_hard) = (self.starts.len(), self.is_hard);
        let start = &mut self.starts[nth];
        if is_hard && !start.look_around(problem, rules, ask) {
            (start.bound, start.is_priced) = (NOTHING, true);
            return;
        }
        start.is_priced = true;
        self.priced += 1;
        self.steps += STEPS_OF_A_PRICE;
        self.current = Some(nth);
        let scratch = &mut self.scratch;
        if start.fixed.iter().any(|item| !ask.allowed[usize::from(*item)]) {
            start.bound = NOTHING;
            return;
        }
        let mut is_new = start.ground.is_none();
        // Of a pool that was narrowed, the bound says nothing below what it is whole from.
        let mut least = NOTHING;
        let bound = loop {
            if start.ground.is_none() {
                start.ground = Ground::new(problem, rules, ask, start.beginning(false), scratch).map(Box::new);
            }
            let Some(ground) = &mut start.ground else { break NOTHING };
            least = ground.whole_from;
            ground.drop_gone(ask);
            let found = if is_new || start.searches >= SEARCHES_AT_PRICES {
                start.searches = 0;
                let found = ground.find_prices(problem, ask, scratch, self.guess);
                found.map(|(prices, bound)| {
                    (start.prices, self.guess) = (prices, prices.salary);
                    bound
                })
            } else {
                ground.worth_at(problem, ask, scratch, start.prices).map(|(bound, _)| bound)
            };
            let Some(bound) = found else { break NOTHING };
            start.searches += 1;
            // What the bound took may break a limit that is not counted yet.
            let Some(rule) = ground.to_learn(rules, &start.learned, is_hard, scratch) else {
                break bound;
            };
            start.learned.push(rule);
            (start.ground, is_new) = (None, true);
        };
        start.bound = bound.max(least).min(start.bound);
        if count > LAID_OUT_MAX {
            start.ground = None;
            self.current = None;
        }
    }

    /// Walks through all that begins so and can be worth enough.
    fn walk_from(&mut self, problem: &Problem, rules: &mut Rules, ask: &Ask<'_>, nth: usize, is_out: &dyn Fn() -> bool) {
        let Some((mut ground, prices)) = self.lay_out(problem, rules, ask, nth) else {
            return;
        };
        if ground.bound >= self.walk.enough {
            ground.survivors(ask, self.walk.enough, &mut self.scratch);
            let Scratch { table, entries, ends, .. } = &mut self.scratch;
            table.fill(&ground.shape, entries, ends, &ground.counters, ground.units);
            self.walk.ways.clone_from(&self.starts[nth].ways);
            self.walk.items.clear();
            (self.walk.value, self.walk.salary, self.walk.ownership) = (0, 0, 0);
            let mut is_good = true;
            for &item in &ground.fixed {
                is_good &= self.walk.take(problem, rules, item, ask.values[usize::from(item)]);
            }
            if let (true, Some(state)) = (is_good, ground.counters.first) {
                let worth = ground.base(problem, ask, prices);
                let mut descent = Descent {
                    problem,
                    rules,
                    values: ask.values,
                    shape: &ground.shape,
                    entries,
                    counters: &ground.counters,
                    table,
                    walk: &mut self.walk,
                    is_out,
                    salary: problem.salary.unwrap_or(Range {
                        least: i64::MIN,
                        most: i64::MAX,
                    }),
                    size: ask.held.len() + size_of(ask),
                    cheapest: cheapest(entries),
                };
                match ground.shape.layers.is_empty() {
                    true => descent.leaf(),
                    false => descent.down(At {
                        state,
                        worth,
                        ..At::default()
                    }),
                }
            }
            while let Some(item) = self.walk.items.last().copied() {
                self.walk.leave(problem, rules, item, ask.values[usize::from(item)]);
            }
        }
        if !self.counts_salary && self.starts.len() <= LAID_OUT_MAX {
            if ground.whole_from <= NOTHING {
                ground.narrow(ask, self.whole_from.min(ground.bound));
            }
            self.starts[nth].ground = Some(ground);
        }
        self.current = None;
    }

    /// The ground of a start, priced, with all who can be in a lineup that is worth enough.
    fn lay_out(&mut self, problem: &Problem, rules: &Rules, ask: &Ask<'_>, nth: usize) -> Option<(Box<Ground>, Prices)> {
        let counts_salary = self.counts_salary;
        let start = &mut self.starts[nth];
        let mut prices = start.prices;
        let kept = start
            .ground
            .take()
            .filter(|ground| !counts_salary && ground.whole_from <= self.walk.enough);
        let is_priced = self.current == Some(nth);
        let (mut ground, is_priced) = match kept {
            Some(ground) => (ground, is_priced),
            None => {
                let ground = Ground::new(problem, rules, ask, start.beginning(counts_salary), &mut self.scratch)?;
                (Box::new(ground), false)
            }
        };
        if counts_salary {
            prices.salary = 0;
        }
        if is_priced {
            return Some((ground, prices));
        }
        ground.worth_at(problem, ask, &mut self.scratch, prices)?;
        Some((ground, prices))
    }
}

/// How deep to look after so many were found at a depth. Lineups grow in number by about its fourth power; what is found
/// in vain costs more than to look twice.
fn deeper(depth: i64, found: usize, want: usize) -> i64 {
    let factor = match found {
        0 => 2.0,
        found => (1.5 * want as f64 / found as f64).powf(0.22).clamp(1.1, 2.0),
    };
    ((depth as f64 * factor) as i64).saturating_add(1).min(i64::MAX / 4)
}

/// Items that come beside those held.
fn size_of(ask: &Ask<'_>) -> usize {
    let first = ask.fillings.first();
    first.map_or(0, |counts| counts.iter().map(|count| usize::from(*count)).sum())
}

/// Less than any lineup's value.
fn floor_of(problem: &Problem, ask: &Ask<'_>) -> i64 {
    let least = ask.values.iter().copied().min().unwrap_or(0).min(0);
    least * SIZE_MAX as i64 - problem.items.len() as i64
}
