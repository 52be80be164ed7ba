//! What must hold of a lineup under way, counted as items come and go.
//!
//! Pure; no allocation between items.

use super::problem::{ItemIndex, Limit, Problem};

/// Every limit of a problem, and of one ask.
#[derive(Debug, Default)]
pub(super) struct Rules {
    limits: Vec<Limit>,
    /// Those that the problem has; the rest came with an ask.
    own: usize,
    /// By item: limits that count it.
    counted_in: Vec<Vec<u16>>,
    /// By item: limits that are on when it is in.
    turns_on: Vec<Vec<u16>>,
    counts: Vec<u8>,
    /// How many items turn each on; 1 more where it always is.
    on: Vec<u8>,
    /// Always on, and ask for players.
    always_least: Vec<u16>,
    own_least: usize,
    /// Some player has several items.
    pub(super) has_twins: bool,
}

impl Rules {
    /// Those of a problem.
    pub(super) fn new(problem: &Problem) -> Rules {
        let players = problem.items.iter().map(|item| usize::from(item.player) + 1).max().unwrap_or(0);
        let (mut seen, mut has_twins) = (vec![false; players], false);
        for item in &problem.items {
            has_twins |= std::mem::replace(&mut seen[usize::from(item.player)], true);
        }
        // (Not `vec![Vec::new(); n]`, which clones each.)
        let none = || problem.items.iter().map(|_| Vec::new()).collect::<Vec<Vec<u16>>>();
        let mut rules = Rules {
            counted_in: none(),
            turns_on: none(),
            has_twins,
            ..Rules::default()
        };
        problem.limits.iter().for_each(|limit| rules.add(limit));
        (rules.own, rules.own_least) = (rules.limits.len(), rules.always_least.len());
        rules
    }

    fn add(&mut self, limit: &Limit) {
        let index = self.limits.len() as u16;
        for item in limit.members.iter() {
            self.counted_in[usize::from(item)].push(index);
        }
        for item in limit.when.iter().flat_map(|when| when.iter()) {
            self.turns_on[usize::from(item)].push(index);
        }
        if limit.when.is_none() && limit.least > 0 {
            self.always_least.push(index);
        }
        self.counts.push(0);
        self.on.push(u8::from(limit.when.is_none()));
        self.limits.push(limit.clone());
    }

    /// Takes the limits of an ask in place of those of the last.
    pub(super) fn begin(&mut self, more: &[Limit]) {
        let (own, ours) = (self.own, |index: &u16| usize::from(*index));
        for limit in self.limits.drain(own..) {
            for item in limit.members.iter() {
                self.counted_in[usize::from(item)].retain(|index| ours(index) < own);
            }
            for item in limit.when.iter().flat_map(|when| when.iter()) {
                self.turns_on[usize::from(item)].retain(|index| ours(index) < own);
            }
        }
        self.always_least.truncate(self.own_least);
        self.counts.truncate(own);
        self.on.truncate(own);
        more.iter().for_each(|limit| self.add(limit));
    }

    pub(super) fn limit(&self, index: u16) -> &Limit {
        &self.limits[usize::from(index)]
    }

    /// The limits that an item turns on.
    pub(super) fn turned_on_by(&self, item: ItemIndex) -> &[u16] {
        &self.turns_on[usize::from(item)]
    }

    /// The limits that are always on.
    pub(super) fn caps(&self) -> impl Iterator<Item = &Limit> {
        self.limits.iter().filter(|limit| limit.when.is_none())
    }

    /// Whether some limit is turned on by somebody.
    pub(super) fn has_conditions(&self) -> bool {
        self.limits.iter().any(|limit| limit.when.is_some())
    }

    /// Counts an item. Whether nothing is above its most.
    pub(super) fn enter(&mut self, item: ItemIndex) -> bool {
        let item = usize::from(item);
        let mut is_good = true;
        for &index in &self.counted_in[item] {
            let index = usize::from(index);
            self.counts[index] += 1;
            is_good &= self.on[index] == 0 || self.counts[index] <= self.limits[index].most;
        }
        for &index in &self.turns_on[item] {
            let index = usize::from(index);
            self.on[index] += 1;
            is_good &= self.counts[index] <= self.limits[index].most;
        }
        is_good
    }

    /// Takes it back.
    pub(super) fn leave(&mut self, item: ItemIndex) {
        let item = usize::from(item);
        for &index in &self.counted_in[item] {
            self.counts[usize::from(index)] -= 1;
        }
        for &index in &self.turns_on[item] {
            self.on[usize::from(index)] -= 1;
        }
    }

    /// Whether a whole lineup, counted, has what is asked for.
    pub(super) fn are_met(&self, items: &[ItemIndex]) -> bool {
        let has_least = |index: &u16| {
            let index = usize::from(*index);
            self.counts[index] >= self.limits[index].least
        };
        let turned_on = items.iter().flat_map(|item| &self.turns_on[usize::from(*item)]);
        self.always_least.iter().all(has_least) && turned_on.into_iter().all(has_least)
    }

    /// Whether some limit is turned on by such items alone.
    pub(super) fn hang_on(&self, is_such: impl Fn(ItemIndex) -> bool) -> bool {
        let mut whens = self.limits.iter().filter_map(|limit| limit.when.as_ref());
        whens.any(|when| !when.is_empty() && when.iter().all(&is_such))
    }

    /// The first limit that a lineup breaks, other than those known, and that can be counted.
    pub(super) fn broken(&self, lineup: &[ItemIndex], known: &[u16], can_be: impl Fn(&Limit) -> bool) -> Option<u16> {
        let mut limits = (0u16..).zip(&self.limits);
        let found = limits.find(|(index, limit)| !limit.holds(lineup) && !known.contains(index) && can_be(limit));
        found.map(|(index, _)| index)
    }
}
