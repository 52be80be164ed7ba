//! Gathers entries one by one and packs them.
//!
//! Owns what is known of entries before all of them are: about their length in the body each. Never checks what is in
//! an entry but that its id is the only one of its kind.

use super::definition::{BLOCK, Definition, Names, Terms, split_number};
use super::dictionary::Packer;
use crate::model::PlayerId;
use compact_str::CompactString;
use foldhash::fast::RandomState;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// Gathers a contest's entries.
#[derive(Debug)]
pub struct Builder {
    terms: Terms,
    /// All ids, one after the other, and where each ends.
    ids: Vec<u8>,
    id_ends: Vec<u32>,
    /// The line that an entry stood on.
    lines: Vec<u32>,
    rosters: Vec<u16>,
    players: Vec<PlayerId>,
    numbers: HashMap<PlayerId, u16, RandomState>,
    names: HashMap<CompactString, u32, RandomState>,
    name_of: Vec<u32>,
    name_numbers: Vec<u16>,
}

impl Builder {
    /// A contest of those terms, as yet without entries.
    pub fn new(terms: Terms) -> Builder {
        Builder {
            terms,
            ids: Vec::new(),
            id_ends: Vec::new(),
            lines: Vec::new(),
            rosters: Vec::new(),
            players: Vec::new(),
            numbers: HashMap::default(),
            names: HashMap::default(),
            name_of: Vec::new(),
            name_numbers: Vec::new(),
        }
    }

    /// What the contest is about.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// How many entries there are.
    pub fn entry_count(&self) -> usize {
        self.lines.len()
    }

    /// How many distinct players they have.
    pub fn player_count(&self) -> usize {
        self.players.len()
    }

    /// Whether an entry has that player already.
    pub fn has_player(&self, player: &PlayerId) -> bool {
        self.numbers.contains_key(player)
    }

    /// Adds an entry: its id, a name or nothing, and a player for each slot.
    pub fn add(&mut self, line: u32, id: &str, name: &str, roster: &[PlayerId]) {
        debug_assert_eq!(roster.len(), self.terms.slots.len());
        self.ids.extend_from_slice(id.as_bytes());
        self.id_ends.push(self.ids.len() as u32);
        self.lines.push(line);
        for player in roster {
            let number = self.numbers.get(player).copied().unwrap_or_else(|| {
                let number = self.players.len() as u16;
                self.players.push(player.clone());
                self.numbers.insert(player.clone(), number);
                number
            });
            self.rosters.push(number);
        }
        let (base, number) = split_number(name).unwrap_or_else(|| (CompactString::new(name), 0));
        let next = self.names.len() as u32;
        self.name_of.push(*self.names.entry(base).or_insert(next));
        self.name_numbers.push(number);
    }

    /// All of them packed. Of several with one id the first stays; `twice` is told of the others: the
    /// line, the id, and the line of the first.
    pub fn finish(mut self, mut twice: impl FnMut(u32, &str, u32)) -> Definition {
        let order = self.order(&mut twice);
        let mut ids = Packer::default();
        order.iter().for_each(|entry| ids.push(self.id(*entry)));
        let ids = ids.finish();
        // What is packed is let go of before the next is made: two copies of one part at a time, not of all.
        self.ids = Vec::new();
        self.id_ends = Vec::new();
        self.lines = Vec::new();
        let (order, id_places) = self.together(order);
        let names = self.pack_names(&order);
        let (players, renumbered) = self.sort_players();
        let slots = self.terms.slots.len();
        let mut rosters = Vec::with_capacity(order.len() * slots);
        for entry in &order {
            let from = *entry as usize * slots;
            rosters.extend(self.rosters[from..from + slots].iter().map(|old| renumbered[usize::from(*old)]));
        }
        Definition {
            terms: self.terms,
            players,
            ids,
            id_places,
            names,
            rosters: rosters.into_boxed_slice(),
        }
    }

    fn id(&self, entry: u32) -> &[u8] {
        let entry = entry as usize;
        let from = entry.checked_sub(1).map_or(0, |before| self.id_ends[before]);
        &self.ids[from as usize..self.id_ends[entry] as usize]
    }

    /// Entries in order of id, each once.
    fn order(&self, twice: &mut impl FnMut(u32, &str, u32)) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.lines.len() as u32).collect();
        order.sort_unstable_by(|a, b| self.id(*a).cmp(self.id(*b)).then(a.cmp(b)));
        let mut refused = Vec::new();
        order.dedup_by(|later, first| {
            let is_twice = self.id(*later) == self.id(*first);
            if is_twice {
                refused.push((*later, *first));
            }
            is_twice
        });
        // As they stood in the body.
        refused.sort_unstable();
        for (later, first) in refused {
            let id = String::from_utf8_lossy(self.id(later));
            twice(self.lines[later as usize], &id, self.lines[first as usize]);
        }
        order
    }

    /// Entries of each block in order of who is in their first slot and then of the others, the most wanted first; and the
    /// place within the block that their ids have.
    fn together(&self, order: Vec<u32>) -> (Vec<u32>, Box<[u16]>) {
        let slots = self.terms.slots.len();
        let wanted = self.wanted();
        let mut id_places: Vec<u16> = Vec::with_capacity(order.len());
        let mut together = Vec::with_capacity(order.len());
        let mut keys: Vec<u16> = Vec::with_capacity(BLOCK.min(order.len()) * slots);
        for block in order.chunks(BLOCK) {
            keys.clear();
            for entry in block {
                let from = keys.len();
                let roster = &self.rosters[*entry as usize * slots..(*entry as usize + 1) * slots];
                keys.extend(roster.iter().map(|player| wanted[usize::from(*player)]));
                keys[from + 1..].sort_unstable();
            }
            let key = |place: u16| &keys[usize::from(place) * slots..(usize::from(place) + 1) * slots];
            let mut places: Vec<u16> = (0..block.len()).map(|place| place as u16).collect();
            places.sort_unstable_by(|a, b| key(*a).cmp(key(*b)).then(a.cmp(b)));
            together.extend(places.iter().map(|place| block[usize::from(*place)]));
            id_places.extend(places);
        }
        (together, id_places.into_boxed_slice())
    }

    /// By player: his place in the order of how many entries have him.
    fn wanted(&self) -> Vec<u16> {
        let mut owners = vec![0u32; self.players.len()];
        self.rosters.iter().for_each(|player| owners[usize::from(*player)] += 1);
        let mut order: Vec<usize> = (0..owners.len()).collect();
        order.sort_unstable_by_key(|player| (Reverse(owners[*player]), &self.players[*player]));
        let mut wanted = vec![0; owners.len()];
        for (place, player) in order.into_iter().enumerate() {
            wanted[player] = place as u16;
        }
        wanted
    }

    fn pack_names(&mut self, order: &[u32]) -> Names {
        let known = std::mem::take(&mut self.names);
        if known.keys().all(|name| name.is_empty()) {
            return Names::default();
        }
        let sorted: BTreeMap<CompactString, u32> = known.into_iter().collect();
        let mut texts = Packer::default();
        let mut renumbered = vec![0; sorted.len()];
        for (place, (text, old)) in sorted.iter().enumerate() {
            texts.push(text.as_bytes());
            renumbered[*old as usize] = place as u32;
        }
        let has_numbers = self.name_numbers.iter().any(|number| *number != 0);
        let numbers = order.iter().filter(|_| has_numbers).map(|entry| self.name_numbers[*entry as usize]);
        Names {
            texts: texts.finish(),
            of: order
                .iter()
                .map(|entry| renumbered[self.name_of[*entry as usize] as usize])
                .collect(),
            numbers: numbers.collect(),
        }
    }

    /// Players in order of id, and each old number's new one.
    fn sort_players(&mut self) -> (Box<[PlayerId]>, Vec<u16>) {
        let players = std::mem::take(&mut self.players);
        let mut order: Vec<usize> = (0..players.len()).collect();
        order.sort_unstable_by(|a, b| players[*a].cmp(&players[*b]));
        let mut renumbered = vec![0; players.len()];
        for (place, old) in order.iter().enumerate() {
            renumbered[*old] = place as u16;
        }
        (order.into_iter().map(|old| players[old].clone()).collect(), renumbered)
    }
}
