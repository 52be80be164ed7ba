//! What every entry of a contest has, moved player by player.

use super::standings::Standings;
use super::{Definition, EntryIndex, PlayerIndex, Slot};
use crate::model::{PlayerId, Points};
use crate::scoring::Ruleset;
use std::sync::Arc;

/// The points of a contest's entries.
#[derive(Debug)]
pub struct Board {
    definition: Arc<Definition>,
    players: Box<[Points]>,
    points: Vec<Points>,
    /// Best first; empty where something moved.
    pub(super) order: Vec<EntryIndex>,
}

impl Board {
    /// The amount of which every slot's points are a whole multiple, whatever a player does.
    pub fn quantum(ruleset: &Ruleset, slots: &[Slot]) -> Points {
        let quantum = ruleset.quantum().0;
        let of_slot = |slot: &Slot| {
            let product = quantum * i64::from(slot.multiplier.in_hundredths());
            // What has to be rounded can be any number of units.
            if product % 100 == 0 { product / 100 } else { 1 }
        };
        Points(slots.iter().map(of_slot).fold(0, gcd).max(1))
    }

    /// A contest in which nobody has scored. `quantum` is what [`Board::quantum`] says; points that are no multiple of it
    /// are right too, but cost a walk over all entries once.
    pub fn new(definition: Arc<Definition>, _quantum: Points) -> Board {
        Board {
            players: vec![Points::ZERO; definition.players().len()].into_boxed_slice(),
            points: vec![Points::ZERO; definition.entry_count()],
            order: Vec::new(),
            definition,
        }
    }

    /// The contest.
    pub fn definition(&self) -> &Arc<Definition> {
        &self.definition
    }

    /// Distinct players of the entries; a [`PlayerIndex`] is a place among them.
    pub fn players(&self) -> &[PlayerId] {
        self.definition.players()
    }

    /// What a player has, as it was last set.
    pub fn player_points(&self, player: PlayerIndex) -> Points {
        self.players[usize::from(player.0)]
    }

    /// A player has so many points now, under the contest's ruleset: moves every entry that has him.
    pub fn set(&mut self, player: PlayerIndex, points: Points) {
        self.players[usize::from(player.0)] = points;
        self.order.clear();
        let slots = self.definition.slots();
        for entry in self.definition.entries() {
            if self.definition.roster(entry).any(|of| of == player) {
                let slots = self.definition.roster(entry).zip(slots);
                self.points[entry.0 as usize] = slots
                    .map(|(player, slot)| slot.multiplier.of(self.players[usize::from(player.0)]))
                    .sum();
            }
        }
    }

    /// Where everybody stands. Call it once after all that a change does was [set](Board::set).
    pub fn standings(&mut self) -> Standings<'_> {
        if self.order.is_empty() {
            let mut order: Vec<EntryIndex> = self.definition.entries().collect();
            order.sort_unstable_by_key(|entry| (-self.points(*entry), *entry));
            self.order = order;
        }
        Standings { board: self }
    }

    /// What an entry has.
    pub fn points(&self, entry: EntryIndex) -> Points {
        self.points[entry.0 as usize]
    }

    /// The entry of that id.
    pub fn find(&self, id: &str) -> Option<EntryIndex> {
        self.definition.find(id)
    }

    /// An entry's slots: what each is, who is in it, and what he brings.
    pub fn roster(&self, entry: EntryIndex) -> impl ExactSizeIterator<Item = (&Slot, PlayerIndex, Points)> {
        let players = self.definition.slots().iter().zip(self.definition.roster(entry));
        players.map(|(slot, player)| (slot, player, slot.multiplier.of(self.player_points(player))))
    }

    /// What it takes in memory, its definition included.
    pub fn heap_bytes(&self) -> usize {
        self.definition.heap_bytes() + self.points.len() * 8 + self.players.len() * 8 + self.order.len() * 4
    }
}

fn gcd(mut a: i64, mut b: i64) -> i64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.abs()
}
