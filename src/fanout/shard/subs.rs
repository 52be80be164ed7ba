//! One client's subscriptions: a cursor each, in places that do not move.
//!
//! Nothing here is linear in the number of subscriptions but looking at all of them: a client may hold
//! a thousand and change them at will. One subscription lives inside the connection itself; from
//! [`INDEXED_FROM`] on they are found by an index.

use crate::model::Seq;
use crate::scoring::RulesetIndex;
use foldhash::fast::RandomState;
use smallvec::SmallVec;
use std::collections::HashMap;

/// Where a subscription stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Its first snapshot is due.
    Snapshot,
    /// Deltas follow from where the client said that it stood: they were made before it came.
    Resumed,
    /// Deltas follow from the cursor's `seq`.
    Deltas,
}

/// A client's own rate limit on one subscription.
#[derive(Debug)]
pub(super) struct Pace {
    /// Least time between two deltas.
    pub(super) gap_us: u32,
    /// Not before then.
    pub(super) next_due_us: i64,
    /// When the timer that is set for it goes off.
    pub(super) timer_us: Option<i64>,
}

/// One subscription: how far the client has got in one topic.
#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) mirror: u32,
    /// Its place among the mirror's subscribers.
    pub(super) place: u32,
    /// What the client holds, or will once what is under way has arrived.
    pub(super) seq: Seq,
    /// Nothing where every change goes out at once.
    pub(super) pace: Option<Box<Pace>>,
    pub(super) ruleset: RulesetIndex,
    pub(super) phase: Phase,
    /// Whether its place is in [`Subs::listed`].
    listed: bool,
}

impl Cursor {
    /// Notes when the client's own rate limit lets the next frame go. True where that is not known yet.
    pub(super) fn put_off(&mut self, due_us: i64) -> bool {
        let pace = self.pace.as_mut();
        pace.is_some_and(|pace| pace.timer_us.replace(due_us) != Some(due_us))
    }

    pub(super) fn new(mirror: u32, place: u32, seq: Seq, ruleset: RulesetIndex, phase: Phase) -> Cursor {
        Cursor {
            mirror,
            place,
            seq,
            pace: None,
            ruleset,
            phase,
            listed: false,
        }
    }
}

enum Slot {
    Used(Cursor),
    Free { next: u32, listed: bool },
}

/// No place.
const NONE: u32 = u32::MAX;
/// With so many subscriptions an index pays.
const INDEXED_FROM: usize = 32;

type Index = HashMap<(u32, RulesetIndex), u32, RandomState>;

/// All subscriptions of one client.
pub(super) struct Subs {
    slots: SmallVec<[Slot; 1]>,
    /// Places with something pending, in the order they were marked. Each is in it once at most; one that
    /// was freed stays in it until it is passed over.
    listed: SmallVec<[u32; 4]>,
    /// The first of the free places, each of which names the next.
    free: u32,
    count: u32,
    /// The place of each topic under each ruleset, for clients with many.
    index: Option<Box<Index>>,
}

impl Default for Subs {
    fn default() -> Subs {
        Subs {
            slots: SmallVec::new(),
            listed: SmallVec::new(),
            free: NONE,
            count: 0,
            index: None,
        }
    }
}

impl Subs {
    pub(super) fn len(&self) -> usize {
        self.count as usize
    }

    /// Places given out so far, freed ones included.
    pub(super) fn places(&self) -> u32 {
        self.slots.len() as u32
    }

    pub(super) fn get(&self, place: u32) -> Option<&Cursor> {
        match self.slots.get(place as usize) {
            Some(Slot::Used(cursor)) => Some(cursor),
            _ => None,
        }
    }

    #[inline]
    pub(super) fn get_mut(&mut self, place: u32) -> Option<&mut Cursor> {
        match self.slots.get_mut(place as usize) {
            Some(Slot::Used(cursor)) => Some(cursor),
            _ => None,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Cursor> {
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Used(cursor) => Some(cursor),
            Slot::Free { .. } => None,
        })
    }

    /// The place of that topic under that ruleset.
    pub(super) fn find(&self, mirror: u32, ruleset: RulesetIndex) -> Option<u32> {
        if let Some(index) = &self.index {
            return index.get(&(mirror, ruleset)).copied();
        }
        let same = |slot: &Slot| matches!(slot, Slot::Used(cursor) if cursor.mirror == mirror && cursor.ruleset == ruleset);
        self.slots.iter().position(same).map(|place| place as u32)
    }

    /// Gives a subscription a place.
    pub(super) fn insert(&mut self, mut cursor: Cursor) -> u32 {
        let key = (cursor.mirror, cursor.ruleset);
        let place = match self.slots.get(self.free as usize) {
            Some(&Slot::Free { next, listed }) => {
                cursor.listed = listed;
                self.slots[self.free as usize] = Slot::Used(cursor);
                std::mem::replace(&mut self.free, next)
            }
            _ => {
                self.slots.push(Slot::Used(cursor));
                self.slots.len() as u32 - 1
            }
        };
        self.count += 1;
        if let Some(index) = &mut self.index {
            index.insert(key, place);
        } else if self.len() >= INDEXED_FROM {
            let all = self.slots.iter().enumerate().filter_map(|(place, slot)| match slot {
                Slot::Used(cursor) => Some(((cursor.mirror, cursor.ruleset), place as u32)),
                Slot::Free { .. } => None,
            });
            self.index = Some(Box::new(all.collect()));
        }
        place
    }

    /// Frees a place.
    pub(super) fn remove(&mut self, place: u32) -> Option<Cursor> {
        let slot = self.slots.get_mut(place as usize)?;
        let Slot::Used(Cursor { listed, .. }) = *slot else { return None };
        let freed = Slot::Free { next: self.free, listed };
        let Slot::Used(cursor) = std::mem::replace(slot, freed) else {
            return None;
        };
        (self.free, self.count) = (place, self.count - 1);
        if let Some(index) = &mut self.index {
            index.remove(&(cursor.mirror, cursor.ruleset));
        }
        if self.count == 0 {
            *self = Subs::default();
        }
        Some(cursor)
    }

    /// Notes that a subscription has something pending. False where it is gone.
    #[inline]
    pub(super) fn mark(&mut self, place: u32) -> bool {
        let Some(Slot::Used(cursor)) = self.slots.get_mut(place as usize) else {
            return false;
        };
        if !std::mem::replace(&mut cursor.listed, true) {
            self.listed.push(place);
        }
        true
    }

    /// Places with something pending, oldest first; some may have been freed.
    #[inline]
    pub(super) fn listed(&self) -> &[u32] {
        &self.listed
    }

    /// Takes the first `count` places off the list.
    pub(super) fn unlist(&mut self, count: usize) {
        for place in self.listed.drain(..count) {
            match &mut self.slots[place as usize] {
                Slot::Used(cursor) => cursor.listed = false,
                Slot::Free { listed, .. } => *listed = false,
            }
        }
    }

    /// The only subscription with something pending, and its place: what a broadcast leaves.
    #[inline]
    pub(super) fn only_listed(&mut self) -> Option<(u32, &mut Cursor)> {
        let &[place] = self.listed.as_slice() else { return None };
        match &mut self.slots[place as usize] {
            Slot::Used(cursor) => Some((place, cursor)),
            Slot::Free { .. } => None,
        }
    }

    /// Takes the place that [`Subs::only_listed`] named off the list.
    #[inline]
    pub(super) fn unlist_only(&mut self) {
        if let Some(place) = self.listed.pop()
            && let Slot::Used(cursor) = &mut self.slots[place as usize]
        {
            cursor.listed = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::Rulesets;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Act {
        Insert(u32),
        Remove(u32),
        Mark(u32),
        Unlist(usize),
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let act = prop_oneof![
            3 => (0..100u32).prop_map(Act::Insert),
            2 => (0..100u32).prop_map(Act::Remove),
            3 => (0..100u32).prop_map(Act::Mark),
            1 => (0..8usize).prop_map(Act::Unlist),
        ];
        proptest::collection::vec(act, 0..400)
    }

    proptest! {
        /// Against a plain list: places stay, what is marked is listed once and in order, and a topic is
        /// found with and without an index.
        #[test]
        fn places_hold_whatever_comes_and_goes(acts in acts()) {
            let ruleset = Rulesets::embedded().index("ppr").unwrap();
            let mut subs = Subs::default();
            let mut known: HashMap<u32, u32> = HashMap::new();
            for act in acts {
                match act {
                    Act::Insert(mirror) => {
                        known.entry(mirror).or_insert_with(|| subs.insert(Cursor::new(mirror, 0, 0, ruleset, Phase::Deltas)));
                    }
                    Act::Remove(mirror) => {
                        if let Some(place) = known.remove(&mirror) {
                            prop_assert_eq!(subs.remove(place).map(|cursor| cursor.mirror), Some(mirror));
                            prop_assert!(subs.remove(place).is_none() && !subs.mark(place));
                        }
                    }
                    Act::Mark(mirror) => {
                        if let Some(place) = known.get(&mirror) {
                            prop_assert!(subs.mark(*place) && subs.listed().contains(place));
                        }
                    }
                    Act::Unlist(count) => subs.unlist(count.min(subs.listed().len())),
                }
                prop_assert_eq!(subs.len(), known.len());
                prop_assert!(subs.places() as usize <= 100 && subs.listed().len() <= subs.places() as usize);
                let mut listed = subs.listed().to_vec();
                listed.sort_unstable();
                listed.dedup();
                prop_assert_eq!(listed.len(), subs.listed().len(), "a place is listed once");
                for mirror in 0..100 {
                    prop_assert_eq!(subs.find(mirror, ruleset), known.get(&mirror).copied());
                }
            }
        }
    }

    #[test]
    fn a_subscription_is_small() {
        assert_eq!((size_of::<Slot>(), size_of::<Subs>()), (32, 80));
    }
}
