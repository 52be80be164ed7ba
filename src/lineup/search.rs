//! The search: every lineup above a threshold, the best first, by branch and bound.
//!
//! The bound prices salary (and ownership) instead of capping it, and holds the slots and the limits that ask for
//! players exactly ([`super::bound`]). A walk in depth enters only what the bound says can still reach the threshold,
//! so what it finds is all there is above it. Pure: no clock, no I/O; bounded by the work it is given.

use super::bound::{CELLS_MAX, Counted, Counters, Entry, NOTHING, STATES_MAX, Table};
use super::problem::{ItemIndex, Limit, Problem, Range, SIZE_MAX};
use super::rules::Rules;
use super::shape::{Shape, without};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Prices are in 1/1,024 of a point's unit.
const SCALE: i64 = 1024;
/// Most limits that are counted in a bound; the others are checked on the way.
const COUNTED_MAX: usize = 8;
/// Most ways to begin: items of the class that is tried one by one, times ways of the first any-of.
const STARTS_MAX: usize = 20_000;
/// Steps between looks at the clock.
const STEPS_BETWEEN_LOOKS: u64 = 1 << 16;
/// Steps without an end after which salary is counted instead of priced.
const STEPS_BEFORE_COUNTING: u64 = 2_000_000;

/// A lineup: what is in it, by index, and what that comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineup {
    /// Sum of values.
    pub value: i64,
    /// Sum of salaries.
    pub salary: i64,
    /// Sum of ownerships.
    pub ownership: i64,
    /// Its items, in order.
    pub items: Vec<ItemIndex>,
}

/// What is asked of one search.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// What each item is worth, 1/10,000 point.
    pub values: &'a [i64],
    /// Who may come in.
    pub allowed: &'a [bool],
    /// Who is in already.
    pub held: &'a [ItemIndex],
    /// How many of each class may come beside them.
    pub fillings: &'a [Vec<u8>],
    /// What must hold beside the problem's own limits.
    pub limits: &'a [Limit],
    /// Lineups that this one must differ from,
    pub chosen: &'a [Lineup],
    /// by sharing at most so many items with each.
    pub shared_max: usize,
    /// Lineups wanted, at least; fewer are found where there are fewer.
    pub want: usize,
    /// Lineups kept at most: the best ones.
    pub keep: usize,
    /// No lineup is worth more, as is known already.
    pub ceiling: i64,
    /// How far below that, or below the bound, to look first.
    pub depth: i64,
}

/// What a search found.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The best lineups, best first.
    pub lineups: Vec<Lineup>,
    /// No lineup is worth more than this; `None`: there is none at all.
    pub bound: Option<i64>,
    /// Every lineup worth more than this was found. `None`: every lineup at all was.
    pub above: Option<i64>,
    /// Work or time ran out: nothing is known of what lies between `above` and `bound` but what was found.
    pub is_cut: bool,
}

/// How far a search may go.
#[derive(Clone, Copy)]
pub struct Budget<'a> {
    /// Steps of the walk.
    pub steps: u64,
    /// Whether to stop now, whatever is left.
    pub is_out: &'a dyn Fn() -> bool,
}

/// A way to begin.
#[derive(Clone, Debug)]
struct Start {
    /// The item of the class that is tried one by one.
    anchor: Option<ItemIndex>,
    /// The way of the first any-of.
    way: Option<usize>,
    /// No lineup that begins so is worth more, in 1/[`SCALE`]; [`NOTHING`]: there is none.
    bound: i64,
    is_priced: bool,
    prices: Prices,
    /// Limits that were found broken by what the bound took, and are counted since.
    learned: Vec<u16>,
}

/// Prices of a dollar and of 1/100 percent of ownership.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Prices {
    salary: i64,
    ownership: i64,
}

/// One lineup of the heap; the least worth is the greatest, so that it goes first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Kept {
    value: Reverse<i64>,
    /// The later found goes first.
    nth: u64,
    salary: i64,
    ownership: i64,
    items: [ItemIndex; SIZE_MAX],
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
    value: i64,
    salary: i64,
    ownership: i64,
    worth: i64,
}

/// Everything that a search writes to, kept from one to the next.
#[derive(Default)]
pub struct Search {
    shape: Shape,
    counted: Vec<Counted>,
    counters: Counters,
    cells: Vec<Cell>,
    tops: Vec<(i64, u32)>,
    tops_each: usize,
    pool: Vec<Candidate>,
    entries: Vec<Entry>,
    ends: Vec<usize>,
    table: Table,
    fixed: Vec<ItemIndex>,
    taken: Vec<ItemIndex>,
    /// Salary is counted in these, from the fixed ones' on; 0: it is priced.
    unit: i64,
    units: usize,
    starts: Vec<Start>,
    split: Option<u8>,
    layer_of: Vec<Option<u16>>,
    walk: Walk,
    /// Steps done since the search was made.
    pub steps: u64,
}

/// The walk in depth.
#[derive(Default)]
struct Walk {
    /// Worth enough, in 1/[`SCALE`].
    enough: i64,
    least: i64,
    keep: usize,
    kept: BinaryHeap<Kept>,
    found: u64,
    value: i64,
    salary: i64,
    ownership: i64,
    items: Vec<ItemIndex>,
    overlap: Overlap,
    way: Option<usize>,
    steps: u64,
    steps_max: u64,
    is_over: bool,
    has_twins: bool,
}

/// How many items are shared with each lineup chosen.
#[derive(Default)]
struct Overlap {
    /// Lineups, rounded up.
    width: usize,
    most: u8,
    /// A byte for each lineup, at `item * width`: 1 where it has the item.
    has: Vec<u8>,
    /// The counts after each item taken, at `depth * width`.
    counts: Vec<u8>,
}

impl Overlap {
    fn reset(&mut self, items: usize, chosen: &[Lineup], most: usize) {
        // Nobody shares more than all.
        let is_free = chosen.is_empty();
        self.width = if is_free { 0 } else { chosen.len().div_ceil(16) * 16 };
        self.most = most.min(255) as u8;
        self.has.clear();
        self.has.resize(items * self.width, 0);
        self.counts.clear();
        self.counts.resize((SIZE_MAX + 1) * self.width, 0);
        for (nth, lineup) in chosen.iter().enumerate() {
            for item in &lineup.items {
                self.has[usize::from(*item) * self.width + nth] = 1;
            }
        }
    }

    /// Counts one more, the `depth`th; whether no lineup is shared too much.
    fn add(&mut self, depth: usize, item: ItemIndex) -> bool {
        let width = self.width;
        if width == 0 {
            return true;
        }
        let (before, after) = self.counts.split_at_mut((depth + 1) * width);
        let (before, after) = (&before[depth * width..], &mut after[..width]);
        let has = &self.has[usize::from(item) * width..][..width];
        let mut most = 0;
        for ((after, before), has) in after.iter_mut().zip(before).zip(has) {
            *after = before + has;
            most = most.max(*after);
        }
        most <= self.most
    }
}

impl Search {
    /// Looks for the best lineups. `is_narrower`: nothing that this ask allows was not allowed by the one before, of the
    /// same problem, with the same values: then its bounds still hold.
    pub fn best(&mut self, problem: &Problem, rules: &mut Rules, ask: &Ask<'_>, is_narrower: bool, budget: Budget<'_>) -> Outcome {
        rules.begin(ask.limits);
        if !is_narrower || self.starts.is_empty() {
            self.make_starts(problem, ask);
        }
        self.walk.overlap.reset(problem.items.len(), ask.chosen, ask.shared_max);
        self.walk.has_twins = rules.has_twins;
        let Some(ceiling) = self.ceiling(problem, rules, ask) else {
            return Outcome::default();
        };
        let floor = floor_of(problem, ask);
        let (mut depth, mut counts_salary, mut allowance) = (ask.depth.max(1), false, STEPS_BEFORE_COUNTING);
        let begun = self.steps;
        let top = ceiling.div_euclid(SCALE).min(ask.ceiling);
        loop {
            let least = top.saturating_sub(depth).max(floor);
            let left = budget.steps.saturating_sub(self.steps - begun);
            self.walk.steps_max = left.min(allowance);
            if self.pass(problem, rules, ask, least, counts_salary, budget.is_out) {
                if (budget.is_out)() || left <= allowance {
                    return self.outcome(ask, Some(top), None, true);
                }
                // Where counting is no help either: go on with all the work there is.
                match counts_salary || problem.salary.is_none() {
                    true => allowance = u64::MAX,
                    false => counts_salary = true,
                }
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
            depth = depth.saturating_mul(2).min(i64::MAX / 4);
        }
    }

    fn outcome(&mut self, ask: &Ask<'_>, bound: Option<i64>, above: Option<i64>, is_cut: bool) -> Outcome {
        let rest = ask.fillings.first().map_or(0, |counts| counts.iter().map(|count| usize::from(*count)).sum());
        let size = ask.held.len() + rest;
        let kept = std::mem::take(&mut self.walk.kept).into_sorted_vec();
        let lineup = |kept: &Kept| {
            let mut items = kept.items[..size].to_vec();
            items.sort_unstable();
            Lineup {
                value: kept.value.0,
                salary: kept.salary,
                ownership: kept.ownership,
                items,
            }
        };
        Outcome {
            lineups: kept.iter().map(lineup).collect(),
            bound,
            above,
            is_cut,
        }
    }

    /// Every way to begin: by each item of the class of which there is one, if something hangs on which it is.
    fn make_starts(&mut self, problem: &Problem, ask: &Ask<'_>) {
        self.split = split(problem, ask);
        let is_in = |item: &ItemIndex| Some(problem.items[usize::from(*item)].class) == self.split && ask.allowed[usize::from(*item)];
        let anchors: Vec<Option<ItemIndex>> = match self.split {
            Some(_) => (0..problem.items.len() as ItemIndex).filter(is_in).map(Some).collect(),
            None => vec![None],
        };
        let ways: Vec<Option<usize>> = match problem.any_ofs.first() {
            Some(any_of) if any_of.0.len() * anchors.len() <= STARTS_MAX => (0..any_of.0.len()).map(Some).collect(),
            _ => vec![None],
        };
        let starts = anchors.iter().flat_map(|&anchor| ways.iter().map(move |&way| (anchor, way)));
        self.starts = starts
            .map(|(anchor, way)| Start {
                anchor,
                way,
                bound: i64::MAX,
                is_priced: false,
                prices: Prices::default(),
                learned: Vec::new(),
            })
            .collect();
    }

    /// The greatest bound of all starts, each priced as far as needed.
    fn ceiling(&mut self, problem: &Problem, rules: &Rules, ask: &Ask<'_>) -> Option<i64> {
        self.starts.iter_mut().for_each(|start| start.is_priced = false);
        loop {
            let nth = (0..self.starts.len()).max_by_key(|&nth| (self.starts[nth].bound, Reverse(nth)))?;
            match &self.starts[nth] {
                start if start.bound <= NOTHING => return None,
                start if start.is_priced => return Some(start.bound),
                _ => self.price(problem, rules, ask, nth),
            }
        }
    }

    /// One pass over all starts that can reach `least`. Whether work ran out.
    fn pass(&mut self, problem: &Problem, rules: &mut Rules, ask: &Ask<'_>, least: i64, counts_salary: bool, is_out: &dyn Fn() -> bool) -> bool {
        let walk = &mut self.walk;
        walk.kept.clear();
        (walk.keep, walk.found, walk.is_over) = (ask.keep, 0, false);
        (walk.least, walk.enough) = (least, least.saturating_mul(SCALE));
        walk.steps = 0;
        let mut order: Vec<usize> = (0..self.starts.len()).collect();
        order.sort_by_key(|&nth| (Reverse(self.starts[nth].bound), nth));
        for nth in order {
            if self.starts[nth].bound < self.walk.enough {
                continue;
            }
            if !self.starts[nth].is_priced {
                self.price(problem, rules, ask, nth);
            }
            if self.starts[nth].bound < self.walk.enough {
                continue;
            }
            self.walk_from(problem, rules, ask, nth, counts_salary, is_out);
            if self.walk.is_over {
                break;
            }
        }
        self.steps += self.walk.steps;
        self.walk.is_over
    }

    /// Sets up who is fixed, the shape without them, which limits are counted, and whom to choose from.
    fn prepare(&mut self, problem: &Problem, rules: &Rules, ask: &Ask<'_>, nth: usize, counts_salary: bool) -> bool {
        let start = &self.starts[nth];
        self.fixed.clear();
        self.fixed.extend_from_slice(ask.held);
        let is_there = |item: ItemIndex| ask.held.iter().any(|held| problem.items[usize::from(*held)].player == problem.items[usize::from(item)].player);
        if let Some(anchor) = start.anchor {
            if is_there(anchor) || !ask.allowed[usize::from(anchor)] {
                return false;
            }
            self.fixed.push(anchor);
        }
        if !self.reshape(problem, ask, nth) {
            return false;
        }
        let start = &self.starts[nth];
        count_limits(&mut self.counted, problem, ask, start, rules, &self.fixed);
        self.counters.reset(&self.counted, &self.fixed);
        if self.counters.first.is_none() {
            return false;
        }
        let fixed_salary: i64 = self.fixed.iter().map(|item| i64::from(problem.items[usize::from(*item)].salary)).sum();
        (self.unit, self.units) = (0, 1);
        if let (true, Some(range)) = (counts_salary, problem.salary) {
            let left = range.most - fixed_salary;
            if left < 0 {
                return false;
            }
            let unit = self.salary_unit(problem, ask, left);
            (self.unit, self.units) = (unit, usize::try_from(left / unit).unwrap_or(0) + 1);
        }
        self.fill_pool(problem, rules, ask);
        true
    }

    fn reshape(&mut self, problem: &Problem, ask: &Ask<'_>, nth: usize) -> bool {
        let classes = ask.fillings.first().map_or(0, Vec::len);
        let mut taken = vec![0u8; classes];
        if let Some(anchor) = self.starts[nth].anchor {
            taken[usize::from(problem.items[usize::from(anchor)].class)] = 1;
        }
        let rest = without(ask.fillings, &taken);
        // Classes with the fewest items first.
        let mut counts = vec![0usize; classes];
        for (item, _) in problem.items.iter().zip(ask.allowed).filter(|(_, allowed)| **allowed) {
            counts[usize::from(item.class)] += 1;
        }
        let mut order: Vec<u8> = (0..classes as u8).filter(|class| rest.iter().any(|counts| counts[usize::from(*class)] > 0)).collect();
        order.sort_by_key(|class| counts[usize::from(*class)]);
        let Some(shape) = Shape::new(&rest, &order) else { return false };
        self.layer_of.clear();
        self.layer_of.resize(classes, None);
        for (nth, layer) in shape.layers.iter().enumerate() {
            self.layer_of[usize::from(layer.class)] = Some(nth as u16);
        }
        self.shape = shape;
        true
    }

    /// The greatest number that all salaries are multiples of, or more where the table would be too large: then what
    /// is counted is less than what is spent, and the bound still holds.
    fn salary_unit(&self, problem: &Problem, ask: &Ask<'_>, left: i64) -> i64 {
        let allowed = problem.items.iter().zip(ask.allowed).filter(|(_, allowed)| **allowed);
        let (mut unit, mut items) = (0, 0);
        for (item, _) in allowed {
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

    fn fill_pool(&mut self, problem: &Problem, rules: &Rules, ask: &Ask<'_>) {
        self.pool.clear();
        self.cells.clear();
        for (index, item) in problem.items.iter().enumerate() {
            let Some(layer) = self.layer_of[usize::from(item.class)] else { continue };
            if !ask.allowed[index] {
                continue;
            }
            let index = index as ItemIndex;
            if rules.has_twins && self.fixed.iter().any(|fixed| problem.items[usize::from(*fixed)].player == item.player) || self.fixed.contains(&index) {
                continue;
            }
            let kind = match self.counted.is_empty() {
                true if !self.cells.is_empty() => 0,
                _ => self.counters.kind(&self.counted, index),
            };
            let salary = i64::from(item.salary);
            let units = if self.unit == 0 { 0 } else { (salary / self.unit).min(i64::from(u16::MAX)) as u16 };
            let is_it = |cell: &Cell| (cell.layer, cell.kind, cell.units) == (layer, kind, units);
            let cell = self.cells.iter().position(is_it).unwrap_or_else(|| {
                self.cells.push(Cell {
                    layer,
                    kind,
                    units,
                    len: 0,
                });
                self.cells.len() - 1
            });
            self.pool.push(Candidate {
                item: index,
                cell: cell as u16,
                value: ask.values[usize::from(index)],
                salary,
                ownership: i64::from(item.ownership),
                worth: 0,
            });
        }
        self.tops_each = self.shape.layers.iter().map(|layer| layer.most).max().unwrap_or(0);
        self.tops.clear();
        self.tops.resize(self.cells.len() * self.tops_each, (0, 0));
    }

    /// The best lineup at these prices: its worth, and what it really comes to, the fixed ones included.
    fn at_prices(&mut self, problem: &Problem, ask: &Ask<'_>, weigh: impl Fn(&Candidate) -> i64) -> Option<Sums> {
        self.cells.iter_mut().for_each(|cell| cell.len = 0);
        for nth in 0..self.pool.len() {
            let worth = weigh(&self.pool[nth]);
            self.pool[nth].worth = worth;
            let at = usize::from(self.pool[nth].cell);
            let cell = &mut self.cells[at];
            let most = self.shape.layers[usize::from(cell.layer)].most;
            let tops = &mut self.tops[at * self.tops_each..][..most];
            let len = usize::from(cell.len);
            if len == most && (most == 0 || tops[most - 1].0 >= worth) {
                continue;
            }
            let place = tops[..len].iter().position(|top| top.0 < worth).unwrap_or(len);
            let len = (len + 1).min(most);
            tops[place..len].rotate_right(1);
            tops[place] = (worth, nth as u32);
            cell.len = len as u16;
        }
        self.entries.clear();
        self.ends.clear();
        for layer in 0..self.shape.layers.len() {
            for (at, cell) in self.cells.iter().enumerate().filter(|(_, cell)| usize::from(cell.layer) == layer) {
                let tops = &self.tops[at * self.tops_each..][..usize::from(cell.len)];
                self.entries.extend(tops.iter().map(|&(worth, nth)| Entry {
                    item: self.pool[nth as usize].item,
                    kind: cell.kind,
                    units: cell.units,
                    worth,
                }));
            }
            self.ends.push(self.entries.len());
        }
        let first = self.counters.first?;
        self.table.fill(&self.shape, &self.entries, &self.ends, &self.counters, self.units);
        let worth = self.table.best(first, 0);
        if worth <= NOTHING / 2 {
            return None;
        }
        self.table.trace(&self.shape, &self.entries, &self.counters, first, &mut self.taken);
        let mut sums = Sums { worth, ..Sums::default() };
        for &item in self.fixed.iter().chain(&self.taken) {
            let known = &problem.items[usize::from(item)];
            sums.value += ask.values[usize::from(item)];
            sums.salary += i64::from(known.salary);
            sums.ownership += i64::from(known.ownership);
        }
        Some(sums)
    }

    /// Finds prices at which a start's bound is low, and the bound.
    fn price(&mut self, problem: &Problem, rules: &Rules, ask: &Ask<'_>, nth: usize) {
        let bound = loop {
            if !self.prepare(problem, rules, ask, nth, false) {
                break NOTHING;
            }
            let Some(prices) = self.find_prices(problem, ask) else { break NOTHING };
            let Some((bound, _)) = self.worth_at(problem, ask, prices) else { break NOTHING };
            self.starts[nth].prices = prices;
            // What the bound took may break a limit that is not counted yet.
            if !self.learn(rules, nth) {
                break bound;
            }
        };
        let start = &mut self.starts[nth];
        start.bound = bound.min(start.bound);
        start.is_priced = true;
    }

    /// Counts, from now on, a limit that the bound's lineup breaks. Whether there is such a one.
    fn learn(&mut self, rules: &Rules, nth: usize) -> bool {
        let states: usize = self.counted.iter().map(Counted::states).product();
        if self.counted.len() >= COUNTED_MAX {
            return false;
        }
        let lineup: Vec<ItemIndex> = self.fixed.iter().chain(&self.taken).copied().collect();
        let start = &mut self.starts[nth];
        let broken = rules.broken(&lineup, &self.fixed, &start.learned);
        let Some((rule, _)) = broken.filter(|(_, most)| states * (usize::from(*most) + 1) <= STATES_MAX) else {
            return false;
        };
        start.learned.push(rule);
        true
    }

    fn find_prices(&mut self, problem: &Problem, ask: &Ask<'_>) -> Option<Prices> {
        let mut prices = Prices::default();
        for _ in 0..2 {
            let before = prices;
            if let Some(range) = problem.salary {
                let others = prices;
                prices.salary = self.price_of(problem, ask, range, |salary| Prices { salary, ..others }, |sums| sums.salary, |one| one.salary)?;
            }
            if let Some(range) = problem.ownership {
                let others = prices;
                prices.ownership = self.price_of(problem, ask, range, |ownership| Prices { ownership, ..others }, |sums| sums.ownership, |one| one.ownership)?;
            }
            if problem.ownership.is_none() || before == prices {
                break;
            }
        }
        Some(prices)
    }

    /// The price of one sum at which the bound is lowest, the others' being what they are: where the lines of the best
    /// lineup that spends too much and of the best that does not meet, and no lineup lies above.
    fn price_of(
        &mut self,
        problem: &Problem,
        ask: &Ask<'_>,
        range: Range,
        at: impl Fn(i64) -> Prices,
        of: impl Fn(&Sums) -> i64,
        one: impl Fn(&Candidate) -> i64,
    ) -> Option<i64> {
        let (_, free) = self.worth_at(problem, ask, at(0))?;
        if range.has(of(&free)) {
            return Some(0);
        }
        let (sign, target) = if of(&free) > range.most { (1, range.most) } else { (-1, range.least) };
        // The lineup that keeps the range by as much as can be.
        let ends = self.at_prices(problem, ask, |candidate| -sign * one(candidate))?;
        if sign * (of(&ends) - target) > 0 {
            return None;
        }
        let at_zero = |sums: &Sums| sums.value * SCALE - at(0).of(sums);
        let (mut over, mut under) = ((at_zero(&free), of(&free)), (at_zero(&ends), of(&ends)));
        for _ in 0..24 {
            let price = (over.0 - under.0) / (over.1 - under.1);
            let (_, sums) = self.worth_at(problem, ask, at(price))?;
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
    fn worth_at(&mut self, problem: &Problem, ask: &Ask<'_>, prices: Prices) -> Option<(i64, Sums)> {
        let sums = self.at_prices(problem, ask, |candidate| prices.worth(candidate))?;
        Some((sums.worth + self.base(problem, ask, prices), sums))
    }

    /// What the fixed ones are worth, and what the prices give back.
    fn base(&self, problem: &Problem, ask: &Ask<'_>, prices: Prices) -> i64 {
        let mut base = prices.back(problem);
        for &item in &self.fixed {
            let known = &problem.items[usize::from(item)];
            base += ask.values[usize::from(item)] * SCALE - prices.salary * i64::from(known.salary) - prices.ownership * i64::from(known.ownership);
        }
        base
    }

    /// Walks through all that begins so and can be worth enough.
    fn walk_from(&mut self, problem: &Problem, rules: &mut Rules, ask: &Ask<'_>, nth: usize, counts_salary: bool, is_out: &dyn Fn() -> bool) {
        if !self.prepare(problem, rules, ask, nth, counts_salary) {
            return;
        }
        let mut prices = self.starts[nth].prices;
        if counts_salary {
            prices.salary = 0;
        }
        let Some((bound, _)) = self.worth_at(problem, ask, prices) else { return };
        if bound < self.walk.enough {
            return;
        }
        self.survivors(problem, bound);
        self.table.fill(&self.shape, &self.entries, &self.ends, &self.counters, self.units);
        let base = self.base(problem, ask, prices);
        let walk = &mut self.walk;
        walk.way = self.starts[nth].way;
        walk.items.clear();
        (walk.value, walk.salary, walk.ownership) = (0, 0, 0);
        let mut is_good = true;
        for &item in &self.fixed {
            is_good &= walk.take(problem, rules, item, ask.values[usize::from(item)]);
        }
        if let (true, Some(first)) = (is_good, self.counters.first) {
            let mut descent = Descent {
                problem,
                rules,
                values: ask.values,
                shape: &self.shape,
                entries: &self.entries,
                counters: &self.counters,
                table: &self.table,
                walk: &mut self.walk,
                is_out,
            };
            match self.shape.layers.is_empty() {
                true => descent.leaf(),
                false => descent.down(At { state: first, worth: base, ..At::default() }),
            }
        }
        while let Some(item) = self.walk.items.last().copied() {
            self.walk.leave(problem, rules, item, ask.values[usize::from(item)]);
        }
    }

    /// Keeps of each cell those who can be in a lineup that is worth enough: who stands in for one of a cell's best
    /// costs at least what he is worth less than the last of these.
    fn survivors(&mut self, problem: &Problem, bound: i64) {
        let slack = bound - self.walk.enough;
        self.entries.clear();
        for candidate in &self.pool {
            let at = usize::from(candidate.cell);
            let cell = self.cells[at];
            let most = self.shape.layers[usize::from(cell.layer)].most;
            if most == 0 {
                continue;
            }
            let last = self.tops[at * self.tops_each + most - 1].0;
            if usize::from(cell.len) < most || candidate.worth >= last - slack {
                self.entries.push(Entry {
                    item: candidate.item,
                    kind: cell.kind,
                    units: cell.units,
                    worth: candidate.worth,
                });
            }
        }
        let layer_of = |entry: &Entry| self.layer_of[usize::from(problem.items[usize::from(entry.item)].class)];
        let mut entries = std::mem::take(&mut self.entries);
        entries.sort_unstable_by_key(|entry| (layer_of(entry), Reverse(entry.worth), entry.item));
        self.ends.clear();
        for layer in 0..self.shape.layers.len() {
            let end = entries.partition_point(|entry| layer_of(entry).map_or(0, usize::from) <= layer);
            self.ends.push(end);
        }
        self.entries = entries;
    }
}

impl Prices {
    fn of(self, sums: &Sums) -> i64 {
        self.salary * sums.salary + self.ownership * sums.ownership
    }

    fn worth(self, candidate: &Candidate) -> i64 {
        candidate.value * SCALE - self.salary * candidate.salary - self.ownership * candidate.ownership
    }

    /// What a lineup gets back that spends as much as its price is for: the most where less is wanted, else the least.
    fn back(self, problem: &Problem) -> i64 {
        let back = |price: i64, range: Option<Range>| range.map_or(0, |range| price * if price >= 0 { range.most } else { range.least });
        back(self.salary, problem.salary) + back(self.ownership, problem.ownership)
    }
}

/// What a lineup comes to.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    worth: i64,
    value: i64,
    salary: i64,
    ownership: i64,
}

/// The class that is tried one by one: one of which every lineup has exactly one, on which the other role of a player
/// hangs, or a limit that asks for more.
fn split(problem: &Problem, ask: &Ask<'_>) -> Option<u8> {
    let classes = ask.fillings.first().map_or(0, Vec::len);
    let is_single = |class: u8| ask.fillings.iter().all(|counts| counts[usize::from(class)] == 1);
    let class_of = |item: ItemIndex| problem.items[usize::from(item)].class;
    let singles: Vec<u8> = (0..classes as u8).filter(|class| is_single(*class)).collect();
    let has_twin = |item: &super::problem::Item| problem.items.iter().any(|other| other.player == item.player && other.class != item.class);
    let twins = singles.iter().copied().find(|class| {
        let mut members = problem.items.iter().filter(|item| item.class == *class);
        members.any(has_twin)
    });
    let asked = problem.limits.iter().filter(|limit| limit.least > 0).filter_map(|limit| limit.when.as_ref());
    let asked = asked.flat_map(|when| when.iter()).map(class_of).find(|class| singles.contains(class));
    twins.or(asked)
}

/// The limits that a bound counts: those that ask for players, and those learned.
fn count_limits(counted: &mut Vec<Counted>, problem: &Problem, ask: &Ask<'_>, start: &Start, rules: &Rules, fixed: &[ItemIndex]) {
    counted.clear();
    let mut states = 1;
    let mut add = |limit: &Limit, is_capped: bool| {
        let one = Counted {
            limit: limit.clone(),
            is_capped,
        };
        if counted.len() < COUNTED_MAX && states * one.states() <= STATES_MAX {
            states *= one.states();
            counted.push(one);
        }
    };
    let is_on = |limit: &&Limit| limit.when.as_ref().is_none_or(|when| when.count(fixed) > 0);
    for limit in problem.limits.iter().chain(ask.limits).filter(is_on).filter(|limit| limit.least > 0) {
        add(limit, false);
    }
    let way = start.way.map(|way| &problem.any_ofs[0].0[way]);
    for limit in way.into_iter().flatten().filter(|limit| limit.least > 0) {
        add(limit, false);
    }
    for &rule in &start.learned {
        add(rules.limit(rule), true);
    }
}

/// Less than any lineup's value.
fn floor_of(problem: &Problem, ask: &Ask<'_>) -> i64 {
    let least = ask.values.iter().copied().min().unwrap_or(0).min(0);
    least * SIZE_MAX as i64 - problem.items.len() as i64
}

fn gcd(a: i64, b: i64) -> i64 {
    match b {
        0 => a,
        _ => gcd(b, a % b),
    }
}

impl Walk {
    /// Puts an item in. Whether the lineup can still be one.
    fn take(&mut self, problem: &Problem, rules: &mut Rules, item: ItemIndex, value: i64) -> bool {
        let known = &problem.items[usize::from(item)];
        let is_twin = self.has_twins && self.items.iter().any(|other| problem.items[usize::from(*other)].player == known.player);
        let is_apart = self.overlap.add(self.items.len(), item);
        self.items.push(item);
        self.value += value;
        self.salary += i64::from(known.salary);
        self.ownership += i64::from(known.ownership);
        rules.enter(item) && is_apart && !is_twin
    }

    fn leave(&mut self, problem: &Problem, rules: &mut Rules, item: ItemIndex, value: i64) {
        let known = &problem.items[usize::from(item)];
        self.items.pop();
        self.value -= value;
        self.salary -= i64::from(known.salary);
        self.ownership -= i64::from(known.ownership);
        rules.leave(item);
    }
}

/// A place of the walk.
#[derive(Clone, Copy, Debug, Default)]
struct At {
    layer: usize,
    place: usize,
    node: usize,
    count: usize,
    state: usize,
    spent: usize,
    worth: i64,
}

/// A walk and what it reads.
struct Descent<'a> {
    problem: &'a Problem,
    rules: &'a mut Rules,
    values: &'a [i64],
    shape: &'a Shape,
    entries: &'a [Entry],
    counters: &'a Counters,
    table: &'a Table,
    walk: &'a mut Walk,
    is_out: &'a dyn Fn() -> bool,
}

impl Descent<'_> {
    fn down(&mut self, at: At) {
        let (layer, rows, units) = (&self.shape.layers[at.layer], self.table.at[at.layer], self.table.units);
        let here = at.node * rows.node + at.count * rows.stride + at.state * units + at.spent;
        if at.count < usize::from(layer.most_of[at.node]) {
            for place in at.place..rows.end {
                let row = rows.base + (place - rows.first) * rows.width;
                if at.worth + self.table.most[row + here] < self.walk.enough {
                    return;
                }
                self.with(at, place, row);
                if self.walk.is_over {
                    return;
                }
            }
        }
        let last = rows.base + (rows.end - rows.first) * rows.width;
        if at.worth + self.table.most[last + here] < self.walk.enough {
            return;
        }
        let Some(node) = layer.next(at.node, at.count) else { return };
        match self.table.at.get(at.layer + 1) {
            None => self.leaf(),
            Some(next) => self.down(At {
                layer: at.layer + 1,
                place: next.first,
                node,
                count: 0,
                ..at
            }),
        }
    }

    /// All that goes on with the entry at this place.
    fn with(&mut self, at: At, place: usize, row: usize) {
        let (entry, rows, units) = (self.entries[place], self.table.at[at.layer], self.table.units);
        let Some(state) = self.counters.after(entry.kind, at.state) else { return };
        let spent = at.spent + usize::from(entry.units);
        if spent >= units {
            return;
        }
        let there = at.node * rows.node + (at.count + 1) * rows.stride + state * units + spent;
        let worth = at.worth + entry.worth;
        if worth + self.table.most[row + rows.width + there] < self.walk.enough {
            return;
        }
        let walk = &mut *self.walk;
        walk.steps += 1;
        if walk.steps >= walk.steps_max || walk.steps.is_multiple_of(STEPS_BETWEEN_LOOKS) && (self.is_out)() {
            walk.is_over = true;
            return;
        }
        let value = self.values[usize::from(entry.item)];
        if walk.take(self.problem, self.rules, entry.item, value) {
            self.down(At {
                place: place + 1,
                count: at.count + 1,
                state,
                spent,
                worth,
                ..at
            });
        }
        self.walk.leave(self.problem, self.rules, entry.item, value);
    }

    /// A whole lineup: keeps it where it is good.
    fn leaf(&mut self) {
        let (problem, walk) = (self.problem, &mut *self.walk);
        let is_full = walk.kept.len() == walk.keep;
        let is_worth_it = walk.value * SCALE >= walk.enough;
        let fits = |range: Option<Range>, sum: i64| range.is_none_or(|range| range.has(sum));
        let is_good = is_worth_it
            && fits(problem.salary, walk.salary)
            && fits(problem.ownership, walk.ownership)
            && self.rules.are_met(&walk.items)
            && problem.spreads.iter().all(|spread| spread.holds(&walk.items))
            && is_its_way(problem, walk);
        if !is_good {
            return;
        }
        let mut items = [0; SIZE_MAX];
        items[..walk.items.len()].copy_from_slice(&walk.items);
        walk.found += 1;
        if is_full {
            walk.kept.pop();
        }
        walk.kept.push(Kept {
            value: Reverse(walk.value),
            nth: walk.found,
            salary: walk.salary,
            ownership: walk.ownership,
            items,
        });
        if let (true, Some(worst)) = (walk.kept.len() == walk.keep, walk.kept.peek()) {
            walk.enough = (worst.value.0 + 1) * SCALE;
        }
    }
}

/// Whether a lineup keeps every any-of, and begins with the first way of the first that it keeps: else it is found
/// twice.
fn is_its_way(problem: &Problem, walk: &Walk) -> bool {
    problem.any_ofs.iter().enumerate().all(|(nth, any_of)| {
        let first = any_of.first(&walk.items);
        first.is_some() && (nth > 0 || walk.way.is_none() || first == walk.way)
    })
}
