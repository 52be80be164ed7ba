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

/// Times that each sum is priced anew as the other's price has changed.
const ROUNDS_MAX: usize = 64;
/// No lineup is worth so much, or less than nothing by so much, in 1/[`SCALE`].
const BOUND_MAX: i64 = 1 << 50;
/// Prices tried for one sum.
const PRICES_MAX: usize = 24;

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
    len: u16,
}

/// A candidate.
#[derive(Clone, Copy, Debug)]
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
    pub(super) anchor: Option<ItemIndex>,
    pub(super) way: Option<usize>,
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
    /// The shape beside an item of each class, or none.
    shapes: Vec<(Option<u8>, Option<Rc<Shape>>)>,
}

impl Scratch {
    /// Forgets the shapes: the fillings are others now.
    pub(super) fn reset(&mut self) {
        self.shapes.clear();
    }

    fn shape(&mut self, problem: &Problem, ask: &Ask<'_>, class: Option<u8>) -> Option<Rc<Shape>> {
        if let Some((_, shape)) = self.shapes.iter().find(|(known, _)| *known == class) {
            return shape.clone();
        }
        let classes = ask.fillings.first().map_or(0, Vec::len);
        let mut taken = vec![0u8; classes];
        if let Some(class) = class {
            taken[usize::from(class)] = 1;
        }
        let rest = without(ask.fillings, &taken);
        // Classes with the fewest items first.
        let mut counts = vec![0usize; classes];
        for (item, _) in problem.items.iter().zip(ask.allowed).filter(|(_, allowed)| **allowed) {
            counts[usize::from(item.class)] += 1;
        }
        let is_taken = |class: &u8| rest.iter().any(|counts| counts[usize::from(*class)] > 0);
        let mut order: Vec<u8> = (0..classes as u8).filter(is_taken).collect();
        order.sort_by_key(|class| counts[usize::from(*class)]);
        let shape = Shape::new(&rest, &order).map(Rc::new);
        self.shapes.push((class, shape.clone()));
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
    pool: Vec<Candidate>,
    pub(super) units: usize,
    /// Whoever is in a lineup worth so much is in the pool.
    pub(super) whole_from: i64,
    /// The bound at the prices tried last.
    pub(super) bound: i64,
}

impl Ground {
    /// Lays it out. `None`: nothing begins so.
    pub(super) fn new(problem: &Problem, rules: &Rules, ask: &Ask<'_>, beginning: Beginning<'_>, scratch: &mut Scratch) -> Option<Ground> {
        let known = |item: ItemIndex| &problem.items[usize::from(item)];
        let mut fixed = ask.held.to_vec();
        if let Some(anchor) = beginning.anchor {
            let is_there = fixed.iter().any(|held| known(*held).player == known(anchor).player);
            if is_there || !ask.allowed[usize::from(anchor)] {
                return None;
            }
            fixed.push(anchor);
        }
        let shape = scratch.shape(problem, ask, beginning.anchor.map(|anchor| known(anchor).class))?;
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
        ground.fill(problem, rules, ask, unit);
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

    fn fill(&mut self, problem: &Problem, rules: &Rules, ask: &Ask<'_>, unit: Option<i64>) {
        let mut layer_of = [None; super::problem::CLASSES_MAX];
        for (nth, layer) in self.shape.layers.iter().enumerate() {
            layer_of[usize::from(layer.class)] = Some(nth as u16);
        }
        for (index, item) in problem.items.iter().enumerate().filter(|(index, _)| ask.allowed[*index]) {
            let Some(layer) = layer_of[usize::from(item.class)] else { continue };
            let index = index as ItemIndex;
            let is_twin = |fixed: &ItemIndex| rules.has_twins && problem.items[usize::from(*fixed)].player == item.player;
            if self.fixed.iter().any(|fixed| *fixed == index || is_twin(fixed)) {
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
                let len = 0;
                self.cells.push(Cell { layer, kind, units, len });
                self.cells.len() - 1
            });
            self.pool.push(Candidate {
                item: index,
                cell: cell as u16,
                salary: item.salary,
                ownership: item.ownership,
                value: ask.values[usize::from(index)],
                worth: 0,
            });
        }
        self.tops_each = self.shape.layers.iter().map(|layer| layer.most).max().unwrap_or(0);
        self.tops.resize(self.cells.len() * self.tops_each, (0, 0));
    }

    /// The best lineup at these prices: its worth, and what it really comes to, the fixed ones included.
    fn at_prices(&mut self, problem: &Problem, ask: &Ask<'_>, scratch: &mut Scratch, weigh: impl Fn(&Candidate) -> i64) -> Option<Sums> {
        self.cells.iter_mut().for_each(|cell| cell.len = 0);
        for (nth, candidate) in self.pool.iter_mut().enumerate() {
            if !ask.allowed[usize::from(candidate.item)] {
                continue;
            }
            let worth = weigh(candidate);
            candidate.worth = worth;
            let at = usize::from(candidate.cell);
            let cell = &mut self.cells[at];
            let most = self.shape.layers[usize::from(cell.layer)].most;
            let tops = &mut self.tops[at * self.tops_each..][..most];
            let len = usize::from(cell.len);
            if len == most && (most == 0 || tops[most - 1].0 >= worth) {
                continue;
            }
            let len = (len + 1).min(most);
            let mut place = len - 1;
            while place > 0 && tops[place - 1].0 < worth {
                tops[place] = tops[place - 1];
                place -= 1;
            }
            tops[place] = (worth, nth as u32);
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

    /// Prices at which the bound is low.
    pub(super) fn find_prices(&mut self, problem: &Problem, ask: &Ask<'_>, scratch: &mut Scratch) -> Option<Prices> {
        let (mut prices, mut bound) = (Prices::default(), i64::MAX);
        for _ in 0..ROUNDS_MAX {
            if let Some(range) = problem.salary {
                let others = prices;
                let one = |candidate: &Candidate| i64::from(candidate.salary);
                prices.salary = self.price_of(
                    problem,
                    ask,
                    scratch,
                    range,
                    |salary| Prices { salary, ..others },
                    |sums| sums.salary,
                    one,
                )?;
            }
            let Some(range) = problem.ownership else { break };
            let others = prices;
            let one = |candidate: &Candidate| i64::from(candidate.ownership);
            prices.ownership = self.price_of(
                problem,
                ask,
                scratch,
                range,
                |ownership| Prices { ownership, ..others },
                |sums| sums.ownership,
                one,
            )?;
            let (now, _) = self.worth_at(problem, ask, scratch, prices)?;
            // Where both ranges cannot be kept at once, it falls for ever.
            if now < -BOUND_MAX {
                return None;
            }
            if now > bound - SCALE {
                break;
            }
            bound = now;
        }
        Some(prices)
    }

    /// The price of one sum at which the bound is lowest, the others' being what they are: where the lines of the best
    /// lineup that spends too much and of the best that does not meet, and no lineup lies above.
    #[expect(clippy::too_many_arguments, reason = "what is priced is three functions")]
    fn price_of(
        &mut self,
        problem: &Problem,
        ask: &Ask<'_>,
        scratch: &mut Scratch,
        range: Range,
        at: impl Fn(i64) -> Prices,
        of: impl Fn(&Sums) -> i64,
        one: impl Fn(&Candidate) -> i64,
    ) -> Option<i64> {
        let (_, free) = self.worth_at(problem, ask, scratch, at(0))?;
        if range.has(of(&free)) {
            return Some(0);
        }
        let (sign, target) = if of(&free) > range.most {
            (1, range.most)
        } else {
            (-1, range.least)
        };
        // The lineup that keeps the range by as much as can be.
        let ends = self.at_prices(problem, ask, scratch, |candidate| -sign * one(candidate))?;
        if sign * (of(&ends) - target) > 0 {
            return None;
        }
        let at_zero = |sums: &Sums| sums.value * SCALE - at(0).of(sums);
        let (mut over, mut under) = ((at_zero(&free), of(&free)), (at_zero(&ends), of(&ends)));
        for _ in 0..PRICES_MAX {
            let price = (over.0 - under.0) / (over.1 - under.1);
            let (_, sums) = self.worth_at(problem, ask, scratch, at(price))?;
            let (line, spent) = (at_zero(&sums), of(&sums));
            let value_of = |(line, spent): (i64, i64)| line - price * (spent - target);
            if value_of((line, spent)) <= value_of(over).max(value_of(under)) {
                return Some(price);
            }
            if sign * (spent - target) > 0 {
                over = (line, spent);
            } else {
                under = (line, spent);
            }
        }
        Some((over.0 - under.0) / (over.1 - under.1))
    }

    /// The bound at these prices, and the lineup it took.
    pub(super) fn worth_at(&mut self, problem: &Problem, ask: &Ask<'_>, scratch: &mut Scratch, prices: Prices) -> Option<(i64, Sums)> {
        let sums = self.at_prices(problem, ask, scratch, |candidate| prices.worth(candidate))?;
        self.bound = sums.worth + self.base(problem, ask, prices);
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

    /// Whether a candidate can be in a lineup that is worth enough, by the bound priced last: who stands in for one of a
    /// cell's best costs at least what he is worth less than the last of these.
    fn can_be(&self, candidate: &Candidate, slack: i64) -> bool {
        let at = usize::from(candidate.cell);
        let cell = self.cells[at];
        let most = self.shape.layers[usize::from(cell.layer)].most;
        most > 0 && (usize::from(cell.len) < most || candidate.worth >= self.tops[at * self.tops_each + most - 1].0 - slack)
    }

    /// Lets go of those who can't be in a lineup worth `whole_from`.
    pub(super) fn narrow(&mut self, ask: &Ask<'_>, whole_from: i64) {
        let bound = self.bound;
        let mut pool = std::mem::take(&mut self.pool);
        pool.retain(|candidate| ask.allowed[usize::from(candidate.item)] && self.can_be(candidate, bound - whole_from));
        self.pool = pool;
        self.whole_from = whole_from;
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
    fn of(self, sums: &Sums) -> i64 {
        self.salary * sums.salary + self.ownership * sums.ownership
    }

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
    let way = beginning.way.map(|way| &problem.any_ofs[0].0[way]);
    way.into_iter()
        .flatten()
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
