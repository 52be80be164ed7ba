//! For each player the entries that have him, two bytes each.
//!
//! Entries are in blocks of 65,536, so that a place within a block has 16 bits. A list is in order of entries; a player
//! has one for each multiplier that a slot may have.

pub(super) use crate::contest::definition::BLOCK;
use crate::contest::{Definition, PlayerIndex};
use crate::model::Multiplier;

/// The entries of every player.
#[derive(Debug)]
pub(super) struct Index {
    /// All lists, one after the other, and within each its blocks.
    places: Box<[u16]>,
    /// Where each block of each list begins, and at last where the last ends.
    starts: Box<[u32]>,
    blocks: usize,
    classes: usize,
}

/// One list.
#[derive(Clone, Copy, Debug)]
pub(super) struct List<'i> {
    places: &'i [u16],
    /// Where each block begins, and where the last ends.
    starts: &'i [u32],
}

impl Index {
    pub(super) fn new(definition: &Definition, multipliers: &[Multiplier]) -> Index {
        let slots = definition.slots().len();
        let classes = multipliers.len();
        let blocks = definition.entry_count().div_ceil(BLOCK).max(1);
        let class_of = |multiplier: &Multiplier| multipliers.iter().position(|of| of == multiplier).unwrap_or_default();
        let class: Vec<usize> = definition.slots().iter().map(|slot| class_of(&slot.multiplier)).collect();
        let at = |block: usize, player: u16, slot: usize| (usize::from(player) * classes + class[slot]) * blocks + block;
        // How many each block of each list has; then where it begins; then where its next goes.
        let mut starts = vec![0u32; definition.players().len() * classes * blocks + 1];
        let rosters = || definition.rosters().chunks_exact(slots).enumerate();
        for (entry, roster) in rosters() {
            for (slot, player) in roster.iter().enumerate() {
                starts[at(entry / BLOCK, *player, slot)] += 1;
            }
        }
        let mut before = 0;
        for start in &mut starts {
            before += std::mem::replace(start, before);
        }
        let mut next = starts.clone();
        let mut places = vec![0u16; before as usize].into_boxed_slice();
        for (entry, roster) in rosters() {
            for (slot, player) in roster.iter().enumerate() {
                let next = &mut next[at(entry / BLOCK, *player, slot)];
                places[*next as usize] = (entry % BLOCK) as u16;
                *next += 1;
            }
        }
        Index {
            places,
            starts: starts.into_boxed_slice(),
            blocks,
            classes,
        }
    }

    pub(super) fn list(&self, player: PlayerIndex, class: usize) -> List<'_> {
        let from = (usize::from(player.0) * self.classes + class) * self.blocks;
        List {
            places: &self.places,
            starts: &self.starts[from..=from + self.blocks],
        }
    }

    pub(super) fn len(&self, player: PlayerIndex, class: usize) -> usize {
        self.list(player, class).len()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.places.len() * size_of::<u16>() + self.starts.len() * size_of::<u32>()
    }
}

impl<'i> List<'i> {
    pub(super) fn len(&self) -> usize {
        (self.starts[self.starts.len() - 1] - self.starts[0]) as usize
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// By block of entries: places within it.
    pub(super) fn blocks(self) -> impl Iterator<Item = &'i [u16]> {
        let places = self.places;
        self.starts.windows(2).map(move |ends| &places[ends[0] as usize..ends[1] as usize])
    }
}
