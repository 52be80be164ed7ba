//! The most that can still come: for every place in the list of items and every state of a lineup under way, the
//! best sum over what follows, with salary priced instead of capped.
//!
//! Pure. A table takes one number for each item and state; [`STATES_MAX`] bounds the states of a limit's counters,
//! [`CELLS_MAX`] the table.

use super::problem::{ItemIndex, Limit, SIZE_MAX};
use super::shape::Shape;

/// Worth less than anything.
pub(super) const NOTHING: i64 = i64::MIN / 4;
/// Most states that counted limits may have between them.
pub(super) const STATES_MAX: usize = 4096;
/// Most limits that are counted: each has two bits.
pub(super) const COUNTED_MAX: usize = 8;
/// Most numbers of a table.
pub(super) const CELLS_MAX: usize = 8_000_000;
/// No state.
const DEAD: u16 = u16::MAX;

/// An item as the table sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) item: ItemIndex,
    /// Which of the counted limits it is in ([`Counters::kind`]).
    pub(super) kind: u16,
    /// What it costs, in the units in which salary is counted; 0 where it is not.
    pub(super) units: u16,
    /// Its layer in the shape.
    pub(super) layer: u16,
    /// The place after the last of its kind in its layer.
    pub(super) kind_end: u16,
    /// What it costs.
    pub(super) salary: i32,
    /// What it is worth after its price.
    pub(super) worth: i64,
}

/// A limit that is counted. Its bit for members, and its bit for those who turn it on, are next to each other.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    pub(super) limit: Limit,
    /// Above its most there is no lineup; else counting stops at its least.
    pub(super) is_capped: bool,
    /// It counts only where somebody turns it on, who may still come.
    pub(super) is_conditional: bool,
}

impl Counted {
    pub(super) fn states(&self) -> usize {
        match (self.is_conditional, self.is_capped) {
            (true, _) => 2 * (self.top() + 1),
            (false, true) => usize::from(self.limit.most) + 1,
            (false, false) => usize::from(self.limit.least) + 1,
        }
    }

    /// Where counting stops that has a condition.
    fn top(&self) -> usize {
        let above = if usize::from(self.limit.most) < SIZE_MAX {
            self.limit.most + 1
        } else {
            0
        };
        usize::from(above.max(self.limit.least))
    }

    /// The state after an item that is a member, or turns it on.
    fn step(&self, state: usize, is_member: bool, turns_on: bool) -> Option<usize> {
        if self.is_conditional {
            let (on, count) = (state / (self.top() + 1), state % (self.top() + 1));
            let (on, count) = (on.max(usize::from(turns_on)), (count + usize::from(is_member)).min(self.top()));
            let is_broken = on == 1 && count > usize::from(self.limit.most);
            return (!is_broken).then_some(on * (self.top() + 1) + count);
        }
        let count = state + usize::from(is_member);
        match (count == self.states(), self.is_capped) {
            (true, true) => None,
            (true, false) => Some(state),
            (false, _) => Some(count),
        }
    }

    fn is_good(&self, state: usize) -> bool {
        let (is_on, count) = match self.is_conditional {
            true => (state > self.top(), state % (self.top() + 1)),
            false => (true, state),
        };
        !is_on || count >= usize::from(self.limit.least)
    }
}

/// The counted limits' states, as one number.
#[derive(Clone, Debug, Default)]
pub(super) struct Counters {
    pub(super) states: usize,
    /// Which limits items are in, as bits; each way that occurs is a kind.
    kinds: Vec<u16>,
    /// The state after an item of a kind, at `kind * states + state`.
    moves: Vec<u16>,
    /// Whether each state may end a lineup.
    is_good: Vec<bool>,
    /// The state at the start; `None`: those there already break a limit.
    pub(super) first: Option<usize>,
}

impl Counters {
    /// Starts anew, with these already in the lineup.
    pub(super) fn reset(&mut self, counted: &[Counted], there: &[ItemIndex]) {
        self.states = counted.iter().map(Counted::states).product();
        self.kinds.clear();
        self.moves.clear();
        self.is_good.clear();
        self.is_good.extend((0..self.states).map(|state| {
            let mut rest = state;
            counted.iter().all(|one| {
                let state = rest % one.states();
                rest /= one.states();
                one.is_good(state)
            })
        }));
        self.first = there.iter().try_fold(0, |state, item| step(counted, state, bits(counted, *item)));
    }

    /// The kind of an item.
    pub(super) fn kind(&mut self, counted: &[Counted], item: ItemIndex) -> u16 {
        let bits = bits(counted, item);
        let known = self.kinds.iter().position(|kind| *kind == bits);
        known.unwrap_or_else(|| {
            self.kinds.push(bits);
            let after = |state| step(counted, state, bits).map_or(DEAD, |after| after as u16);
            self.moves.extend((0..self.states).map(after));
            self.kinds.len() - 1
        }) as u16
    }

    pub(super) fn after(&self, kind: u16, state: usize) -> Option<usize> {
        let after = self.moves[usize::from(kind) * self.states + state];
        (after != DEAD).then_some(usize::from(after))
    }

    /// By state, the state after an item of a kind; none is so great as [`DEAD`].
    fn moves(&self, kind: u16) -> &[u16] {
        &self.moves[usize::from(kind) * self.states..][..self.states]
    }
}

/// Which of the counted limits an item is in, and which it turns on.
fn bits(counted: &[Counted], item: ItemIndex) -> u16 {
    let turns_on = |one: &Counted| one.is_conditional && one.limit.when.as_ref().is_some_and(|when| when.has(item));
    let both = |one: &Counted| u16::from(one.limit.members.has(item)) | u16::from(turns_on(one)) << 1;
    counted.iter().enumerate().fold(0, |bits, (nth, one)| bits | both(one) << (2 * nth))
}

/// The state after an item with these bits.
fn step(counted: &[Counted], state: usize, bits: u16) -> Option<usize> {
    let (mut rest, mut place, mut after) = (state, 1, 0);
    for (nth, one) in counted.iter().enumerate() {
        let radix = one.states();
        let bits = bits >> (2 * nth);
        after += one.step(rest % radix, bits & 1 == 1, bits & 2 == 2)? * place;
        rest /= radix;
        place *= radix;
    }
    Some(after)
}

/// Where one layer of the shape is in the table.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LayerAt {
    /// Its first row's place in the table.
    pub(super) base: usize,
    /// Numbers of a row.
    pub(super) width: usize,
    /// Its first entry, and the one after its last.
    pub(super) first: usize,
    pub(super) end: usize,
    /// From a state to that with one item more.
    pub(super) stride: usize,
    /// States of a node.
    pub(super) node: usize,
}

/// The table. A row for each entry and one after each layer's last; in it a number for each node, count taken,
/// state of the counters, salary spent.
#[derive(Default)]
pub(super) struct Table {
    pub(super) most: Vec<i64>,
    pub(super) at: Vec<LayerAt>,
    /// Numbers for one state of the counters: units of salary, and none of it.
    pub(super) units: usize,
}

impl Table {
    /// How many numbers it would have.
    pub(super) fn cells(shape: &Shape, entries_of: impl Fn(usize) -> usize, states: usize, units: usize) -> usize {
        let row = |nth: usize| {
            let layer = &shape.layers[nth];
            layer.nodes * (layer.most + 1) * states * units * (entries_of(nth) + 1)
        };
        (0..shape.layers.len()).map(row).sum()
    }

    /// Works it out. `entries` are in the order of the layers, `ends[nth]` is the end of each; salary is counted up to
    /// `units - 1` (1: not).
    pub(super) fn fill(&mut self, shape: &Shape, entries: &[Entry], ends: &[usize], counters: &Counters, units: usize) {
        self.units = units;
        self.at.clear();
        let (mut base, mut first) = (0, 0);
        for (layer, &end) in shape.layers.iter().zip(ends) {
            let stride = counters.states * units;
            let node = stride * (layer.most + 1);
            let width = node * layer.nodes;
            self.at.push(LayerAt {
                base,
                width,
                first,
                end,
                stride,
                node,
            });
            base += width * (end - first + 1);
            first = end;
        }
        // Every number is written below.
        self.most.resize(base, NOTHING);
        for nth in (0..shape.layers.len()).rev() {
            self.close(shape, nth, counters);
            let at = self.at[nth];
            for place in (at.first..at.end).rev() {
                self.add(shape, nth, entries[place], place, counters);
            }
        }
    }

    /// The row after a layer's last entry.
    fn close(&mut self, shape: &Shape, nth: usize, counters: &Counters) {
        let (layer, at) = (&shape.layers[nth], self.at[nth]);
        let row = at.base + (at.end - at.first) * at.width;
        for node in 0..layer.nodes {
            for count in 0..=layer.most {
                let here = row + node * at.node + count * at.stride;
                match (layer.next(node, count), self.at.get(nth + 1)) {
                    (None, _) => self.most[here..here + at.stride].fill(NOTHING),
                    (Some(next), Some(after)) => {
                        let there = after.base + next * after.node;
                        self.most.copy_within(there..there + at.stride, here);
                    }
                    (Some(_), None) => {
                        for (state, cells) in self.most[here..here + at.stride].chunks_mut(self.units).enumerate() {
                            cells.fill(if counters.is_good[state] { 0 } else { NOTHING });
                        }
                    }
                }
            }
        }
    }

    /// The row of one entry: without it, or with it and what follows.
    fn add(&mut self, shape: &Shape, nth: usize, entry: Entry, place: usize, counters: &Counters) {
        let (layer, at, units) = (&shape.layers[nth], self.at[nth], self.units);
        let row = at.base + (place - at.first) * at.width;
        let (before, below) = self.most.split_at_mut(row + at.width);
        let (row, below) = (&mut before[row..], &below[..at.width]);
        row.copy_from_slice(below);
        if units == 1 {
            // The usual case, and most of the time of a search: salary is not counted.
            let moves = counters.moves(entry.kind);
            for node in 0..layer.nodes {
                let taken = usize::from(layer.most_of[node]) * at.stride;
                let row = &mut row[node * at.node..][..taken];
                let with = &below[node * at.node + at.stride..][..taken];
                for (row, with) in row.chunks_exact_mut(at.stride).zip(with.chunks_exact(at.stride)) {
                    for (cell, after) in row.iter_mut().zip(moves) {
                        if let Some(with) = with.get(usize::from(*after)) {
                            *cell = (*cell).max(with + entry.worth);
                        }
                    }
                }
            }
            return;
        }
        let cost = usize::from(entry.units);
        for node in 0..layer.nodes {
            for count in 0..usize::from(layer.most_of[node]) {
                let here = node * at.node + count * at.stride;
                for state in 0..counters.states {
                    let Some(after) = counters.after(entry.kind, state).filter(|_| cost < units) else {
                        continue;
                    };
                    let from = here + at.stride + after * units + cost;
                    let with = &below[from..from + units - cost];
                    let to = here + state * units;
                    for (cell, with) in row[to..to + units - cost].iter_mut().zip(with) {
                        *cell = (*cell).max(with + entry.worth);
                    }
                }
            }
        }
    }

    /// The best sum from the start.
    pub(super) fn best(&self, state: usize, spent: usize) -> i64 {
        match self.at.first() {
            Some(at) => self.most[at.base + state * self.units + spent],
            None => 0,
        }
    }

    /// A lineup that has the best sum.
    pub(super) fn trace(&self, shape: &Shape, entries: &[Entry], counters: &Counters, state: usize, taken: &mut Vec<ItemIndex>) {
        taken.clear();
        let (mut node, mut state, mut spent) = (0, state, 0);
        for (layer, at) in shape.layers.iter().zip(&self.at) {
            let mut count = 0;
            for (place, entry) in (at.first..at.end).zip(&entries[at.first..at.end]) {
                let row = at.base + (place - at.first) * at.width;
                let here = node * at.node + count * at.stride + state * self.units + spent;
                if self.most[row + here] == self.most[row + at.width + here] {
                    continue;
                }
                count += 1;
                state = counters.after(entry.kind, state).expect("what the table took leads somewhere");
                spent += usize::from(entry.units);
                taken.push(entry.item);
            }
            node = layer.next(node, count).expect("what the table took leads somewhere");
        }
    }
}
