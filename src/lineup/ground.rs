//! One way to begin a lineup: who is fixed, whom the rest is chosen from, and the prices at which its bound is low.
//!
//! Pure. Bounded by the items of the problem.

use super::bound::{CELLS_MAX, COUNTED_MAX, Counted, Counters, Entry, NOTHING, STATES_MAX, Table};
use super::problem::{ItemIndex, Limit, Problem, Range, SIZE_MAX};
use super::rules::Rules;
use super::search::{Ask, SCALE};
use super::shape::{Shape, without};
use std::cmp::Reverse;
use std::rc::Rc;

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
pub(super) struct Prices {
    pub(super) salary: i64,
    pub(super) ownership: i64,
}

/// Of one class and kind, those worth most.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    layer: u16,
    kind: u16,
    units: u16,
    /// Of its best.
    len: u16,
    /// Where its candidates are in the pool.
    first: u32,
    end: u32,
}

/// A candidate.
#[derive(Clone, Copy, Debug, Default)]
struct Candidate {
    item: ItemIndex,
    cell: u16,
    salary: i32,
    ownership: i32,
    value: i64,
    worth: i64,
}

/// What a lineup comes to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    worth: i64,
    value: i64,
    salary: i64,
    ownership: i64,
}

/// What one way to begin is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beginning<'a> {
    /// Who is in, beside those held.
    pub(super) fixed: &'a [ItemIndex],
    /// Who is not.
    pub(super) banned: &'a [ItemIndex],
    /// Classes of which nobody else is, as bits.
    pub(super) closed: u32,
    /// The way of each of the first any-ofs.
    pub(super) ways: &'a [usize],
    pub(super) learned: &'a [u16],
    pub(super) counts_salary: bool,
}

/// Written to again and again.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) entries: Vec<Entry>,
    pub(super) ends: Vec<usize>,
    pub(super) table: Table,
    taken: Vec<ItemIndex>,
    /// The shape beside so many of each class, some of them closed.
    shapes: Vec<(Vec<u8>, u32, Option<Rc<Shape>>)>,
}

impl Scratch {
    /// Forgets the shapes: the fillings are others now.
    pub(super) fn reset(&mut self) {
        self.shapes.clear();
    }

    fn shape(&mut self, problem: &Problem, ask: &Ask<'_>, fixed: &[ItemIndex], closed: u32) -> Option<Rc<Shape>> {
        let classes = ask.fillings.first().map_or(0, Vec::len);
        let mut taken = vec![0u8; classes];
        for item in fixed {
            taken[usize::from(problem.items[usize::from(*item)].class)] += 1;
        }
        let is_it = |(counts, bits, _): &&(Vec<u8>, u32, Option<Rc<Shape>>)| *counts == taken && *bits == closed;
        if let Some((_, _, shape)) = self.shapes.iter().find(is_it) {
            return shape.clone();
        }
        let mut rest = without(ask.fillings, &taken);
        rest.retain(|counts| {
            counts
                .iter()
                .enumerate()
                .all(|(class, count)| closed >> class & 1 == 0 || *count == 0)
        });
        // Classes with the fewest items first.
        let mut counts = vec![0usize; classes];
        for (item, _) in problem.items.iter().zip(ask.allowed).filter(|(_, allowed)| **allowed) {
            counts[usize::from(item.class)] += 1;
        }
        let is_taken = |class: &u8| rest.iter().any(|counts| counts[usize::from(*class)] > 0);
        let mut order: Vec<u8> = (0..classes as u8).filter(is_taken).collect();
        order.sort_by_key(|class| counts[usize::from(*class)]);
        let shape = Shape::new(&rest, &order).map(Rc::new);
        self.shapes.push((taken, closed, shape.clone()));
        shape
    }
}

/// One way to begin, laid out.
#[derive(Clone)]
pub(super) struct Ground {
    pub(super) shape: Rc<Shape>,
    pub(super) fixed: Vec<ItemIndex>,
    pub(super) counters: Counters,
    counted: Vec<Counted>,
    cells: Vec<Cell>,
    tops: Vec<(i64, u32)>,
    tops_each: usize,
    /// By cell, in the order of the items.
    pool: Vec<Candidate>,
    pub(super) units: usize,
    /// Whoever is in a lineup worth so much is in the pool.
    pub(super) whole_from: i64,
    /// The bound at the prices tried last,
    pub(super) bound: i64,
    /// and these; `None`: what was tried last was no price.
    tried: Option<Prices>,
}

impl Ground {
    /// Lays it out. `None`: nothing begins so.
    pub(super) fn new(problem: &Problem, rules: &Rules, ask: &Ask<'_>, beginning: Beginning<'_>, scratch: &mut Scratch) -> Option<Ground> {
        let known = |item: ItemIndex| &problem.items[usize::from(item)];
        let mut fixed = ask.held.to_vec();
        for &item in beginning.fixed {
            let is_there = fixed.iter().any(|other| known(*other).player == known(item).player);
            if is_there || !ask.allowed[usize::from(item)] {
                return None;
            }
            fixed.push(item);
        }
        let shape = scratch.shape(problem, ask, beginning.fixed, beginning.closed)?;
        let counted = count_limits(problem, ask, beginning, rules, &fixed);
        let mut counters = Counters::default();
        counters.reset(&counted, &fixed);
        counters.first?;
        let mut ground = Ground {
            shape,
            fixed,
            counters,
            counted,
            cells: Vec::new(),
            tops: Vec::new(),
            tops_each: 0,
            pool: Vec::with_capacity(problem.items.len()),
            units: 1,
            whole_from: NOTHING,
            bound: NOTHING,
            tried: None,
        };
        let mut unit = None;
        if let (true, Some(range)) = (beginning.counts_salary, problem.salary) {
            let spent: i64 = ground.fixed.iter().map(|item| i64::from(known(*item).salary)).sum();
            let left = range.most - spent;
            if left < 0 {
                return None;
            }
            let size = ground.salary_unit(problem, ask, left);
            ground.units = usize::try_from(left / size).unwrap_or(0) + 1;
            unit = Some(size);
        }
        ground.fill(problem, rules, ask, beginning.banned, unit);
        Some(ground)
    }

    /// The greatest number that all salaries are multiples of, or more where the table would be too large: then what
    /// is counted is less than what is spent, and the bound still holds.
    fn salary_unit(&self, problem: &Problem, ask: &Ask<'_>, left: i64) -> i64 {
        let (mut unit, mut items) = (0, 0);
        for (item, _) in problem.items.iter().zip(ask.allowed).filter(|(_, allowed)| **allowed) {
            unit = gcd(unit, i64::from(item.salary));
            items += 1;
        }
        let mut unit = unit.max(1);
        let layers = self.shape.layers.len().max(1);
        let fits = |unit: i64| {
            let units = usize::try_from(left / unit).unwrap_or(usize::MAX).saturating_add(1);
            let cells = Table::cells(&self.shape, |_| items / layers + 1, self.counters.states, 1);
            units <= usize::from(u16::MAX) && cells.saturating_mul(units) <= CELLS_MAX
        };
        while !fits(unit) && unit < left {
            unit *= 2;
        }
        unit
    }

    fn fill(&mut self, problem: &Problem, rules: &Rules, ask: &Ask<'_>, banned: &[ItemIndex], unit: Option<i64>) {
        let mut layer_of = [None; super::problem::CLASSES_MAX];
        for (nth, layer) in self.shape.layers.iter().enumerate() {
            layer_of[usize::from(layer.class)] = Some(nth as u16);
        }
        for (index, item) in problem.items.iter().enumerate().filter(|(index, _)| ask.allowed[*index]) {
            let Some(layer) = layer_of[usize::from(item.class)] else { continue };
            let index = index as ItemIndex;
            let is_twin = |fixed: &ItemIndex| rules.has_twins && problem.items[usize::from(*fixed)].player == item.player;
            if banned.contains(&index) || self.fixed.iter().any(|fixed| *fixed == index || is_twin(fixed)) {
                continue;
            }
            let kind = if self.counted.is_empty() && !self.cells.is_empty() {
                0
            } else {
                self.counters.kind(&self.counted, index)
            };
            let units = unit.map_or(0, |unit| (i64::from(item.salary) / unit).min(i64::from(u16::MAX)) as u16);
            let is_it = |cell: &Cell| (cell.layer, cell.kind, cell.units) == (layer, kind, units);
            let cell = self.cells.iter().position(is_it).unwrap_or_else(|| {
                self.cells.push(Cell {
                    layer,
                    kind,
                    units,
                    ..Cell::default()
                });
                self.cells.len() - 1
            });
            self.cells[cell].end += 1;
            self.pool.push(Candidate {
                item: index,
                cell: cell as u16,
                salary: item.salary,
                ownership: item.ownership,
                value: ask.values[usize::from(index)],
                worth: 0,
            });
        }
        self.order_by_cell();
        self.tops_each = self.shape.layers.iter().map(|layer| layer.most).max().unwrap_or(0);
        self.tops.resize(self.cells.len() * self.tops_each, (0, 0));
    }

    /// Puts the candidates of each cell together; `end` is how many it has.
    fn order_by_cell(&mut self) {
        let mut first = 0;
        for cell in &mut self.cells {
            let len = cell.end;
            (cell.first, cell.end) = (first, first);
            first += len;
        }
        let mut ordered = vec![Candidate::default(); self.pool.len()];
        for candidate in &self.pool {
            let cell = &mut self.cells[usize::from(candidate.cell)];
            ordered[cell.end as usize] = *candidate;
            cell.end += 1;
        }
        self.pool = ordered;
    }

    /// Lets go of candidates.
    fn retain(&mut self, is_kept: impl Fn(&Ground, &Candidate) -> bool) {
        let mut pool = std::mem::take(&mut self.pool);
        pool.retain(|candidate| is_kept(self, candidate));
        self.pool = pool;
        self.cells.iter_mut().for_each(|cell| (cell.first, cell.end) = (0, 0));
        for (nth, candidate) in self.pool.iter().enumerate() {
            let cell = &mut self.cells[usize::from(candidate.cell)];
            if cell.end == 0 {
                cell.first = nth as u32;
            }
            cell.end = nth as u32 + 1;
        }
    }

    /// Lets go of those who may come in no more.
    pub(super) fn drop_gone(&mut self, ask: &Ask<'_>) {
        if self.pool.iter().any(|candidate| !ask.allowed[usize::from(candidate.item)]) {
            self.retain(|_, candidate| ask.allowed[usize::from(candidate.item)]);
        }
    }

    /// The best lineup at these prices: its worth, and what it really comes to, the fixed ones included.
    fn at_prices(&mut self, problem: &Problem, ask: &Ask<'_>, scratch: &mut Scratch, weigh: impl Fn(&Candidate) -> i64) -> Option<Sums> {
        self.tried = None;
        for (cell, tops) in self.cells.iter_mut().zip(self.tops.chunks_exact_mut(self.tops_each.max(1))) {
            let most = self.shape.layers[usize::from(cell.layer)].most;
            let tops = &mut tops[..most];
            let (mut len, mut enough) = (0, i64::MIN);
            let range = cell.first as usize..cell.end as usize;
            for (nth, candidate) in range.clone().zip(&mut self.pool[range]) {
                let worth = weigh(candidate);
                candidate.worth = worth;
                if worth <= enough || most == 0 {
                    continue;
                }
                len = (len + 1).min(most);
                let mut place = len - 1;
                while place > 0 && tops[place - 1].0 < worth {
                    tops[place] = tops[place - 1];
                    place -= 1;
                }
                tops[place] = (worth, nth as u32);
                if len == most {
                    enough = tops[most - 1].0;
                }
            }
            cell.len = len as u16;
        }
        self.take_tops(scratch);
        let first = self.counters.first?;
        scratch
            .table
            .fill(&self.shape, &scratch.entries, &scratch.ends, &self.counters, self.units);
        let worth = scratch.table.best(first, 0);
        if worth <= NOTHING / 2 {
            return None;
        }
        let Scratch { table, entries, taken, .. } = scratch;
        table.trace(&self.shape, entries, &self.counters, first, taken);
        let mut sums = Sums { worth, ..Sums::default() };
        for &item in self.fixed.iter().chain(&*taken) {
            let known = &problem.items[usize::from(item)];
            sums.value += ask.values[usize::from(item)];
            sums.salary += i64::from(known.salary);
            sums.ownership += i64::from(known.ownership);
        }
        Some(sums)
    }

    /// Makes the best of each cell the entries.
    fn take_tops(&self, scratch: &mut Scratch) {
        scratch.entries.clear();
        scratch.ends.clear();
        for layer in 0..self.shape.layers.len() {
            for (at, cell) in self.cells.iter().enumerate().filter(|(_, cell)| usize::from(cell.layer) == layer) {
                let tops = &self.tops[at * self.tops_each..][..usize::from(cell.len)];
                scratch.entries.extend(tops.iter().map(|&(worth, nth)| Entry {
                    item: self.pool[nth as usize].item,
                    kind: cell.kind,
                    units: cell.units,
                    layer: cell.layer,
                    kind_end: 0,
                    salary: self.pool[nth as usize].salary,
                    worth,
                }));
            }
            scratch.ends.push(scratch.entries.len());
        }
    }

    /// A limit that the lineup which the bound took last breaks, and that can be counted from now on. Such as somebody
    /// turns on who may still come cost the most states: they wait until the search is `hard`.
    pub(super) fn to_learn(&self, rules: &Rules, learned: &[u16], is_hard: bool, scratch: &Scratch) -> Option<u16> {
        let states: usize = self.counted.iter().map(Counted::states).product();
        if self.counted.len() >= COUNTED_MAX {
            return None;
        }
        let lineup: Vec<ItemIndex> = self.fixed.iter().chain(&scratch.taken).copied().collect();
        rules.broken(&lineup, learned, |limit| {
            let one = counted(limit, true, &self.fixed);
            (is_hard || !one.is_conditional) && states * one.states() <= STATES_MAX
        })
    }

    /// Prices at which the bound is low, and the bound there, tried last. `None`: there is no lineup. `guess`: what the
    /// price of salary may be about; 0: nothing is known.
    ///
    /// For a price of ownership, that of salary is found at which the bound is lowest; how that bound changes with the
    /// price of ownership is known too, and where two such lines meet the next price is tried.
    pub(super) fn find_prices(&mut self, problem: &Problem, ask: &Ask<'_>, scratch: &mut Scratch, guess: i64) -> Option<(Prices, i64)> {
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
    pub(super) fn worth_at(&mut self, problem: &Problem, ask: &Ask<'_>, scratch: &mut Scratch, prices: Prices) -> Option<(i64, Sums)> {
        let sums = self.at_prices(problem, ask, scratch, |candidate| prices.worth(candidate))?;
        self.bound = sums.worth + self.base(problem, ask, prices);
        self.tried = Some(prices);
        Some((self.bound, sums))
    }

    /// What the fixed ones are worth, and what the prices give back.
    pub(super) fn base(&self, problem: &Problem, ask: &Ask<'_>, prices: Prices) -> i64 {
        let mut base = prices.back(problem);
        for &item in &self.fixed {
            let known = &problem.items[usize::from(item)];
            base += ask.values[usize::from(item)] * SCALE
                - prices.salary * i64::from(known.salary)
                - prices.ownership * i64::from(known.ownership);
        }
        base
    }

    /// What a lineup with this candidate is worth less than the bound, at least, by the prices tried last: he stands in
    /// for one of the best of his cell, whose last is worth so much more.
    fn loss(&self, candidate: &Candidate) -> i64 {
        let at = usize::from(candidate.cell);
        let cell = self.cells[at];
        let most = self.shape.layers[usize::from(cell.layer)].most;
        match usize::from(cell.len) < most || most == 0 {
            true => 0,
            false => (self.tops[at * self.tops_each + most - 1].0 - candidate.worth).max(0),
        }
    }

    /// Whether he can be in a lineup that is worth so much less than the bound.
    fn can_be(&self, candidate: &Candidate, slack: i64) -> bool {
        let cell = self.cells[usize::from(candidate.cell)];
        self.shape.layers[usize::from(cell.layer)].most > 0 && self.loss(candidate) <= slack
    }

    /// Lets go of those who can't be in a lineup worth `whole_from`.
    pub(super) fn narrow(&mut self, ask: &Ask<'_>, whole_from: i64) {
        let slack = self.bound - whole_from;
        self.retain(|ground, candidate| ask.allowed[usize::from(candidate.item)] && ground.can_be(candidate, slack));
        self.whole_from = whole_from;
    }

    /// The class to try one by one next: one on which a limit hangs, else that of the fewest candidates.
    pub(super) fn class_to_split(&self, problem: &Problem, rules: &Rules) -> Option<u8> {
        let open = self.shape.layers.iter().filter(|layer| layer.most > 0);
        let candidates = |class: u8| {
            self.pool
                .iter()
                .filter(|candidate| problem.items[usize::from(candidate.item)].class == class)
                .count()
        };
        let hangs = |class: u8| rules.hang_on(|item| problem.items[usize::from(item)].class == class);
        open.map(|layer| layer.class)
            .min_by_key(|class| (!hangs(*class), candidates(*class)))
    }

    /// The candidates of a class, those worth most first, each with what a lineup that has him is worth at most, by the
    /// prices tried last; and whether a lineup may do without any.
    pub(super) fn of_class(&self, problem: &Problem, class: u8) -> (Vec<(ItemIndex, i64)>, bool) {
        let is_of = |candidate: &&Candidate| problem.items[usize::from(candidate.item)].class == class;
        let mut all: Vec<&Candidate> = self.pool.iter().filter(is_of).collect();
        all.sort_by_key(|candidate| (Reverse(candidate.worth), candidate.item));
        let layer = self.shape.layers.iter().find(|layer| layer.class == class);
        let may_be_none = layer.is_some_and(|layer| (0..layer.nodes).any(|node| layer.next(node, 0).is_some()));
        let bounded = |candidate: &&Candidate| (candidate.item, self.bound - self.loss(candidate));
        (all.iter().map(bounded).collect(), may_be_none)
    }

    /// Makes entries of all who can be in a lineup worth `enough`.
    pub(super) fn survivors(&self, ask: &Ask<'_>, enough: i64, scratch: &mut Scratch) {
        scratch.entries.clear();
        for candidate in &self.pool {
            if ask.allowed[usize::from(candidate.item)] && self.can_be(candidate, self.bound - enough) {
                let cell = self.cells[usize::from(candidate.cell)];
                scratch.entries.push(Entry {
                    item: candidate.item,
                    kind: cell.kind,
                    units: cell.units,
                    layer: cell.layer,
                    kind_end: 0,
                    salary: candidate.salary,
                    worth: candidate.worth,
                });
            }
        }
        scratch
            .entries
            .sort_unstable_by_key(|entry| (entry.layer, entry.kind, Reverse(entry.worth), entry.item));
        let (mut end, mut after) = (scratch.entries.len(), None);
        for place in (0..scratch.entries.len()).rev() {
            let entry = &mut scratch.entries[place];
            let kind = Some((entry.layer, entry.kind));
            if after != kind {
                (end, after) = (place + 1, kind);
            }
            entry.kind_end = end as u16;
        }
        scratch.ends.clear();
        for layer in 0..self.shape.layers.len() {
            scratch
                .ends
                .push(scratch.entries.partition_point(|entry| usize::from(entry.layer) <= layer));
        }
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

/// The limits that a bound counts: those that ask for players, and those learned.
fn count_limits(problem: &Problem, ask: &Ask<'_>, beginning: Beginning<'_>, rules: &Rules, fixed: &[ItemIndex]) -> Vec<Counted> {
    let (mut all, mut states) = (Vec::new(), 1);
    let mut add = |limit: &Limit, is_capped: bool| {
        let one = counted(limit, is_capped, fixed);
        if all.len() < COUNTED_MAX && states * one.states() <= STATES_MAX {
            states *= one.states();
            all.push(one);
        }
    };
    let is_on = |limit: &&Limit| limit.when.as_ref().is_none_or(|when| when.count(fixed) > 0);
    let asking = problem.limits.iter().chain(ask.limits).filter(|limit| limit.least > 0);
    asking.filter(is_on).for_each(|limit| add(limit, false));
    let ways = problem.any_ofs.iter().zip(beginning.ways);
    ways.flat_map(|(any_of, way)| &any_of.0[*way])
        .filter(|limit| limit.least > 0)
        .for_each(|limit| add(limit, false));
    beginning.learned.iter().for_each(|rule| add(rules.limit(*rule), true));
    all
}

fn counted(limit: &Limit, is_capped: bool, fixed: &[ItemIndex]) -> Counted {
    Counted {
        limit: limit.clone(),
        // A limit without a most is counted up to its least.
        is_capped: is_capped && usize::from(limit.most) < SIZE_MAX,
        is_conditional: limit.when.as_ref().is_some_and(|when| when.count(fixed) == 0),
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    match b {
        0 => a,
        _ => gcd(b, a % b),
    }
}
