//! What every entry of a contest has, moved player by player.
//!
//! ```text
//!  set(player) ──► Index: his entries ──► Column: their points ──► Counts: how many have how much
//!                                                 └──► Leaders: who may have come to the top
//! ```
//! Owns points as whole multiples of a quantum, 16 bits an entry where they fit. A change walks the entries of one
//! player and nothing else; ranks follow from counts, which a few thousand sums bring up to date.
//! `cargo bench --bench contest` says what that costs, and what an entry takes.

mod column;
mod counts;
mod index;
mod leaders;

use super::standings::Standings;
use super::{Definition, EntryIndex, PlayerIndex, Slot};
use crate::model::{Multiplier, PlayerId, Points};
use crate::scoring::Ruleset;
use column::Column;
use index::Index;
use std::sync::Arc;

/// Most quanta that one slot brings, either way: more count as so many. At the finest quantum there is, a player would
/// need 3,355 points in a game.
pub const SLOT_QUANTA_MAX: i64 = 1 << 25;

/// The points of a contest's entries.
#[derive(Debug)]
pub struct Board {
    definition: Arc<Definition>,
    /// Distinct multipliers of the slots.
    multipliers: Box<[Multiplier]>,
    index: Index,
    quantum: i64,
    players: Box<[Points]>,
    pub(super) column: Column,
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
    pub fn new(definition: Arc<Definition>, quantum: Points) -> Board {
        let mut multipliers: Vec<Multiplier> = definition.slots().iter().map(|slot| slot.multiplier).collect();
        multipliers.sort_unstable();
        multipliers.dedup();
        Board {
            index: Index::new(&definition, &multipliers),
            multipliers: multipliers.into_boxed_slice(),
            quantum: quantum.0.max(1),
            players: vec![Points::ZERO; definition.players().len()].into_boxed_slice(),
            column: Column::new(definition.entry_count()),
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

    /// How many entries have that player.
    pub fn owners(&self, player: PlayerIndex) -> usize {
        let lists = 0..self.multipliers.len();
        lists.map(|class| self.index.len(player, class)).sum()
    }

    /// A player has so many points now, under the contest's ruleset: moves every entry that has him.
    pub fn set(&mut self, player: PlayerIndex, points: Points) {
        let before = std::mem::replace(&mut self.players[usize::from(player.0)], points);
        if before == points {
            return;
        }
        let finest = self.multipliers.iter().map(|times| times.of(points).0).fold(self.quantum, gcd);
        if finest != self.quantum {
            self.quantum = finest;
            self.rebuild();
            return;
        }
        for class in 0..self.multipliers.len() {
            let times = self.multipliers[class];
            let moved = quanta(times, points, self.quantum) - quanta(times, before, self.quantum);
            let list = self.index.list(player, class);
            if moved != 0 && !list.is_empty() && !self.column.shift(list, moved) {
                // The others' entries are counted there as well: their points are known already.
                self.rebuild();
                return;
            }
        }
    }

    /// All players' points at once, by [`PlayerIndex`], as after a restart: one walk over all entries.
    pub fn set_all(&mut self, points: &[Points]) {
        for (held, new) in self.players.iter_mut().zip(points) {
            *held = *new;
        }
        let products = self
            .players
            .iter()
            .flat_map(|points| self.multipliers.iter().map(|times| times.of(*points).0));
        self.quantum = products.fold(self.quantum, gcd);
        self.rebuild();
    }

    /// Works out every entry anew, with room for what they have come to.
    fn rebuild(&mut self) {
        let slots = self.definition.slots();
        let mut by_slot: Vec<Vec<i32>> = Vec::with_capacity(slots.len());
        for slot in slots {
            let of_player = |points: &Points| quanta(slot.multiplier, *points, self.quantum) as i32;
            by_slot.push(self.players.iter().map(of_player).collect());
        }
        let rosters = self.definition.rosters().chunks_exact(slots.len());
        let sum = |roster: &[u16]| -> i32 { roster.iter().zip(&by_slot).map(|(player, of)| of[usize::from(*player)]).sum() };
        self.column.fill(rosters.map(sum));
    }

    /// Where everybody stands. Call it once after all that a change does was [set](Board::set).
    pub fn standings(&mut self) -> Standings<'_> {
        self.column.count();
        Standings { board: self }
    }

    /// What an entry has.
    pub fn points(&self, entry: EntryIndex) -> Points {
        self.in_points(self.column.cell(entry.0 as usize))
    }

    /// What a cell of the column stands for.
    pub(super) fn in_points(&self, cell: u32) -> Points {
        Points(self.column.quanta(cell) * self.quantum)
    }

    /// The lowest cell that stands for so many points or more; they are between the least and the most there are.
    pub(super) fn cell_reaching(&self, points: Points) -> u32 {
        let quanta = points.0.div_euclid(self.quantum) + i64::from(points.0.rem_euclid(self.quantum) != 0);
        self.column.cell_of(quanta)
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
        let players = self.players.len() * size_of::<Points>();
        self.definition.heap_bytes() + self.index.heap_bytes() + self.column.heap_bytes() + players
    }
}

/// What a slot brings, in quanta.
fn quanta(times: Multiplier, points: Points, quantum: i64) -> i64 {
    (times.of(points).0 / quantum).clamp(-SLOT_QUANTA_MAX, SLOT_QUANTA_MAX)
}

fn gcd(mut a: i64, mut b: i64) -> i64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.abs()
}
