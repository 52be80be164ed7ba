//! Who can be in no lineup, because what hangs on him cannot be met: a back whose stack asks for two quarterbacks.
//!
//! Looks at slots and limits alone, at no price. Pure; bounded by the limits, and by [`FILLINGS_LOOKED_AT`].

use super::problem::{ItemIndex, Limit, Problem, SIZE_MAX};
use super::rules::Rules;
use super::search::Ask;

/// Ways to fill a lineup above which nothing is looked at.
const FILLINGS_LOOKED_AT: usize = 256;

/// Takes them out of who is allowed. False: somebody who must be in cannot be.
pub(super) fn leave_out(problem: &Problem, rules: &Rules, ask: &Ask<'_>, allowed: &mut [bool]) -> bool {
    if ask.fillings.len() > FILLINGS_LOOKED_AT {
        return true;
    }
    let hangs: Vec<ItemIndex> = (0..problem.items.len() as ItemIndex)
        .filter(|item| !rules.turned_on_by(*item).is_empty())
        .collect();
    loop {
        let mut is_other = false;
        for &item in &hangs {
            let is_held = ask.held.contains(&item);
            if !is_held && !allowed[usize::from(item)] {
                continue;
            }
            let room = Room {
                problem,
                ask,
                allowed,
                item,
            };
            if !room.can_be(rules) {
                if is_held {
                    return false;
                }
                allowed[usize::from(item)] = false;
                is_other = true;
            }
        }
        // Who goes may be the one whom somebody else needs.
        if !is_other {
            return true;
        }
    }
}

/// What there is room for beside one item.
struct Room<'a> {
    problem: &'a Problem,
    ask: &'a Ask<'a>,
    allowed: &'a [bool],
    item: ItemIndex,
}

impl Room<'_> {
    fn can_be(&self, rules: &Rules) -> bool {
        let turned_on = || rules.turned_on_by(self.item).iter().map(|index| rules.limit(*index));
        // What those there turn on holds, too.
        let on = || {
            let others = self.ask.held.iter().filter(|other| **other != self.item);
            let others = others.flat_map(|other| rules.turned_on_by(*other)).map(|index| rules.limit(*index));
            turned_on().chain(others)
        };
        let caps = || on().chain(rules.caps()).filter(|limit| usize::from(limit.most) < SIZE_MAX);
        turned_on().all(|limit| {
            let missing = self.missing(limit);
            if missing == 0 {
                return true;
            }
            let is_within = |cap: &Limit| {
                let left = usize::from(cap.most).saturating_sub(self.there(cap));
                left >= missing || self.room(limit.members.iter().filter(|item| !cap.members.has(*item))) + left >= missing
            };
            let is_beside = |other: &Limit| {
                let both = missing + self.missing(other);
                let is_apart = both > missing && !other.members.iter().any(|item| limit.members.has(item));
                !is_apart || self.room(limit.members.iter().chain(other.members.iter())) >= both
            };
            self.room(limit.members.iter()) >= missing && caps().all(is_within) && on().all(is_beside)
        })
    }

    /// How many of a limit's are there already.
    fn there(&self, limit: &Limit) -> usize {
        let is_new = !self.ask.held.contains(&self.item);
        limit.members.count(self.ask.held) + usize::from(is_new && limit.members.has(self.item))
    }

    /// How many a limit still asks for.
    fn missing(&self, limit: &Limit) -> usize {
        usize::from(limit.least).saturating_sub(self.there(limit))
    }

    /// How many of these a lineup may have beside those held and the item, by the slots.
    fn room(&self, items: impl Iterator<Item = ItemIndex>) -> usize {
        let mut counts = [0u8; super::problem::CLASSES_MAX];
        for item in items.filter(|item| self.allowed[usize::from(*item)] && *item != self.item && !self.ask.held.contains(item)) {
            let count = &mut counts[usize::from(self.problem.items[usize::from(item)].class)];
            *count = count.saturating_add(1);
        }
        let class = usize::from(self.problem.items[usize::from(self.item)].class);
        let is_new = !self.ask.held.contains(&self.item);
        let fits = |filling: &&Vec<u8>| !is_new || filling[class] > 0;
        let of = |filling: &Vec<u8>| {
            let places = filling
                .iter()
                .enumerate()
                .map(|(nth, places)| places - u8::from(is_new && nth == class));
            places.zip(counts).map(|(places, count)| usize::from(places.min(count))).sum()
        };
        self.ask.fillings.iter().filter(fits).map(of).max().unwrap_or(0)
    }
}
