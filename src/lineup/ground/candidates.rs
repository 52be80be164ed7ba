//! Whom the rest of a lineup is chosen from: who still can be in one that is worth enough.
//!
//! Pure. Bounded by the items of the problem.

use super::super::bound::Entry;
use super::super::problem::{ItemIndex, Problem};
use super::super::rules::Rules;
use super::super::search::Ask;
use super::{Candidate, Ground, Scratch};
use std::cmp::Reverse;

impl Ground {
    /// Puts the candidates of each cell together; `end` is how many it has.
    pub(super) fn order_by_cell(&mut self) {
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
    pub(in crate::lineup) fn drop_gone(&mut self, ask: &Ask<'_>) {
        if self.pool.iter().any(|candidate| !ask.allowed[usize::from(candidate.item)]) {
            self.retain(|_, candidate| ask.allowed[usize::from(candidate.item)]);
        }
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
    pub(in crate::lineup) fn narrow(&mut self, ask: &Ask<'_>, whole_from: i64) {
        let slack = self.bound - whole_from;
        self.retain(|ground, candidate| ask.allowed[usize::from(candidate.item)] && ground.can_be(candidate, slack));
        self.whole_from = whole_from;
    }

    /// The class to try one by one next: one on which a limit hangs, else that of the fewest candidates.
    pub(in crate::lineup) fn class_to_split(&self, problem: &Problem, rules: &Rules) -> Option<u8> {
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
    pub(in crate::lineup) fn of_class(&self, problem: &Problem, class: u8) -> (Vec<(ItemIndex, i64)>, bool) {
        let is_of = |candidate: &&Candidate| problem.items[usize::from(candidate.item)].class == class;
        let mut all: Vec<&Candidate> = self.pool.iter().filter(is_of).collect();
        all.sort_by_key(|candidate| (Reverse(candidate.worth), candidate.item));
        let layer = self.shape.layers.iter().find(|layer| layer.class == class);
        let may_be_none = layer.is_some_and(|layer| (0..layer.nodes).any(|node| layer.next(node, 0).is_some()));
        let bounded = |candidate: &&Candidate| (candidate.item, self.bound - self.loss(candidate));
        (all.iter().map(bounded).collect(), may_be_none)
    }

    /// Makes entries of all who can be in a lineup worth `enough`.
    pub(in crate::lineup) fn survivors(&self, ask: &Ask<'_>, enough: i64, scratch: &mut Scratch) {
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
