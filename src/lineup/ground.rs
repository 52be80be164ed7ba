//! One way to begin a lineup: who is fixed, whom the rest is chosen from, and the prices at which its bound is low.
//!
//! Pure. Bounded by the items of the problem.

use super::bound::{CELLS_MAX, COUNTED_MAX, Counted, Counters, Entry, NOTHING, STATES_MAX, Table};
use super::problem::{ItemIndex, Limit, Problem, SIZE_MAX};
use super::rules::Rules;
use super::search::Ask;
use super::shape::{Shape, without};
use std::rc::Rc;

mod candidates;
mod prices;

pub(super) use prices::Prices;

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
