//! The walk in depth: enters what the bound says can still be worth enough, and keeps the best lineups.
//!
//! Pure; nothing is allocated between items. Bounded by the steps it is given.

use super::bound::{Counters, Entry, Table};
use super::problem::{CLASSES_MAX, ItemIndex, Problem, Range, SIZE_MAX};
use super::rules::Rules;
use super::search::{Lineup, SCALE};
use super::shape::Shape;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Steps between looks at the clock.
const STEPS_BETWEEN_LOOKS: u64 = 1 << 16;

/// One lineup of the heap; the least worth is the greatest, so that it goes first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kept {
    pub(super) value: Reverse<i64>,
    /// The later found goes first.
    nth: u64,
    pub(super) salary: i64,
    pub(super) ownership: i64,
    pub(super) items: [ItemIndex; SIZE_MAX],
}

/// The walk in depth.
#[derive(Default)]
pub(super) struct Walk {
    /// Worth enough, in 1/[`SCALE`].
    pub(super) enough: i64,
    pub(super) keep: usize,
    pub(super) kept: BinaryHeap<Kept>,
    pub(super) found: u64,
    pub(super) value: i64,
    pub(super) salary: i64,
    pub(super) ownership: i64,
    pub(super) items: Vec<ItemIndex>,
    pub(super) overlap: Overlap,
    /// The way of each of the first any-ofs.
    pub(super) ways: Vec<usize>,
    /// Some of this was walked before: what is kept may be found again.
    pub(super) is_again: bool,
    pub(super) steps: u64,
    pub(super) steps_max: u64,
    pub(super) is_over: bool,
    pub(super) has_twins: bool,
}

/// How many items are shared with each lineup chosen.
#[derive(Default)]
pub(super) struct Overlap {
    /// Lineups, rounded up.
    width: usize,
    most: u8,
    /// A byte for each lineup, at `item * width`: 1 where it has the item.
    has: Vec<u8>,
    /// The counts after each item taken, at `depth * width`.
    counts: Vec<u8>,
}

impl Overlap {
    /// `twins`: by item, who counts as shared with it, too; nobody where it is empty.
    pub(super) fn reset(&mut self, items: usize, chosen: &[Lineup], most: usize, twins: &[Vec<ItemIndex>]) {
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
                for twin in twins.get(usize::from(*item)).into_iter().flatten() {
                    self.has[usize::from(*twin) * self.width + nth] = 1;
                }
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

impl Walk {
    /// Puts an item in. Whether the lineup can still be one.
    pub(super) fn take(&mut self, problem: &Problem, rules: &mut Rules, item: ItemIndex, value: i64) -> bool {
        let known = &problem.items[usize::from(item)];
        let is_twin = self.has_twins
            && self
                .items
                .iter()
                .any(|other| problem.items[usize::from(*other)].player == known.player);
        let is_apart = self.overlap.add(self.items.len(), item);
        self.items.push(item);
        self.value += value;
        self.salary += i64::from(known.salary);
        self.ownership += i64::from(known.ownership);
        rules.enter(item) && is_apart && !is_twin
    }

    pub(super) fn leave(&mut self, problem: &Problem, rules: &mut Rules, item: ItemIndex, value: i64) {
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
pub(super) struct At {
    pub(super) layer: usize,
    pub(super) place: usize,
    pub(super) node: usize,
    pub(super) count: usize,
    pub(super) state: usize,
    pub(super) spent: usize,
    pub(super) worth: i64,
}

/// A walk and what it reads.
pub(super) struct Descent<'a> {
    pub(super) problem: &'a Problem,
    pub(super) rules: &'a mut Rules,
    pub(super) values: &'a [i64],
    pub(super) shape: &'a Shape,
    pub(super) entries: &'a [Entry],
    pub(super) counters: &'a Counters,
    pub(super) table: &'a Table,
    pub(super) walk: &'a mut Walk,
    pub(super) is_out: &'a dyn Fn() -> bool,
    /// What a lineup may cost.
    pub(super) salary: Range,
    /// Items of a lineup.
    pub(super) size: usize,
    /// The least that any entry of each layer or a later one costs.
    pub(super) cheapest: [i64; CLASSES_MAX],
}

/// The least that any entry of each layer or a later one costs.
pub(super) fn cheapest(entries: &[Entry]) -> [i64; CLASSES_MAX] {
    let mut least = [i64::MAX; CLASSES_MAX];
    for entry in entries {
        let of = &mut least[usize::from(entry.layer)];
        *of = (*of).min(i64::from(entry.salary));
    }
    for layer in (0..CLASSES_MAX - 1).rev() {
        least[layer] = least[layer].min(least[layer + 1]);
    }
    least
}

impl Descent<'_> {
    pub(super) fn down(&mut self, at: At) {
        let (layer, rows, units) = (&self.shape.layers[at.layer], self.table.at[at.layer], self.table.units);
        let here = at.node * rows.node + at.count * rows.stride + at.state * units + at.spent;
        if at.count < usize::from(layer.most_of[at.node]) {
            // Entries of a kind stand together, in the order of their worth: after one that is not worth enough, none
            // of its kind is.
            let mut place = at.place;
            while place < rows.end {
                let row = rows.base + (place - rows.first) * rows.width;
                if at.worth + self.table.most[row + here] < self.walk.enough {
                    return;
                }
                place = if self.with(at, place, row) {
                    place + 1
                } else {
                    usize::from(self.entries[place].kind_end)
                };
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

    /// All that goes on with the entry at this place. False: none of its kind that is worth no more can be in.
    fn with(&mut self, at: At, place: usize, row: usize) -> bool {
        let (entry, rows, units) = (self.entries[place], self.table.at[at.layer], self.table.units);
        let Some(state) = self.counters.after(entry.kind, at.state) else {
            return false;
        };
        let spent = at.spent + usize::from(entry.units);
        if spent >= units {
            return units > 1;
        }
        let there = at.node * rows.node + (at.count + 1) * rows.stride + state * units + spent;
        let worth = at.worth + entry.worth;
        if worth + self.table.most[row + rows.width + there] < self.walk.enough {
            // Where salary is counted, a cheaper one of the kind may still do.
            return units > 1;
        }
        let walk = &mut *self.walk;
        let value = self.values[usize::from(entry.item)];
        let rest = (self.size - walk.items.len() - 1) as i64;
        let salary = walk.salary + i64::from(entry.salary);
        if rest == 0 {
            // Most of those tried last do not fit: they are not worth a step.
            if salary > self.salary.most || (walk.value + value) * SCALE < walk.enough {
                return true;
            }
        } else if salary + rest * self.cheapest[at.layer] > self.salary.most {
            return true;
        }
        walk.steps += 1;
        if walk.steps >= walk.steps_max || walk.steps.is_multiple_of(STEPS_BETWEEN_LOOKS) && (self.is_out)() {
            walk.is_over = true;
            return true;
        }
        if walk.take(self.problem, self.rules, entry.item, value) {
            match rest {
                // Nobody more: that is what the table said can follow.
                0 => self.leaf(),
                _ => self.down(At {
                    place: place + 1,
                    count: at.count + 1,
                    state,
                    spent,
                    worth,
                    ..at
                }),
            }
        }
        self.walk.leave(self.problem, self.rules, entry.item, value);
        true
    }

    /// A whole lineup: keeps it where it is good.
    pub(super) fn leaf(&mut self) {
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
        items[..walk.items.len()].sort_unstable();
        let is_it = |kept: &Kept| kept.value.0 == walk.value && kept.items == items;
        if walk.is_again && walk.kept.iter().any(is_it) {
            return;
        }
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

/// Whether a lineup keeps every any-of, by the very way that the walk is on: by its first, else it is found twice.
fn is_its_way(problem: &Problem, walk: &Walk) -> bool {
    problem.any_ofs.iter().enumerate().all(|(nth, any_of)| {
        let first = any_of.first(&walk.items);
        first.is_some() && walk.ways.get(nth).is_none_or(|way| first == Some(*way))
    })
}
