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

#[cfg(test)]
mod tests {
    use super::super::problem::{Item, Set};
    use super::*;

    /// Quarterbacks 0 and 1, backs 2 and 3; one place for each class.
    fn left(limits: Vec<Limit>, held: &[ItemIndex], fillings: &[Vec<u8>]) -> (bool, Vec<bool>) {
        let item = |player: u16| Item {
            player,
            class: (player / 2) as u8,
            salary: 1,
            ownership: 0,
        };
        let problem = Problem {
            items: (0..4).map(item).collect(),
            limits,
            ..Problem::default()
        };
        let rules = Rules::new(&problem);
        let mut allowed = vec![true; 4];
        let ask = Ask {
            values: &[1; 4],
            allowed: &[true; 4],
            held,
            fillings,
            limits: &[],
            chosen: &[],
            shared_max: 2,
            twins: &[],
            want: 1,
            keep: 1,
            ceiling: i64::MAX,
            depth: 1,
        };
        (leave_out(&problem, &rules, &ask, &mut allowed), allowed)
    }

    fn with(anchor: ItemIndex, members: &[ItemIndex], least: u8) -> Limit {
        Limit {
            members: members.iter().copied().collect::<Set>(),
            least,
            most: u8::MAX,
            when: Some(Set::from_iter([anchor])),
        }
    }

    #[test]
    fn who_needs_more_than_there_is_room_for_is_left_out() {
        let two = || with(2, &[0, 1], 2);
        assert_eq!(left(vec![two()], &[], &[vec![1, 1]]), (true, vec![true, true, false, true]));
        // And whoever needs him.
        let needs_him = with(0, &[2], 1);
        assert_eq!(
            left(vec![two(), needs_him], &[], &[vec![1, 1]]),
            (true, vec![false, true, false, true])
        );
        // Who must be in cannot be.
        assert!(!left(vec![two()], &[2], &[vec![1, 0]]).0);
    }

    #[test]
    fn who_has_room_stays() {
        assert_eq!(left(vec![with(2, &[0, 1], 1)], &[], &[vec![1, 1]]), (true, vec![true; 4]));
        assert_eq!(left(vec![with(2, &[0, 1], 2)], &[], &[vec![2, 1]]), (true, vec![true; 4]));
    }
}
