//! A contest as it was posted: its terms and its entries, packed.
//!
//! Owns what never changes while games run. An entry takes two bytes for each slot, some seven for its id and its place, and,
//! where entries have names, six for its name. Made by [`super::builder`].
//!
//! Ids are in order of bytes, in blocks of 65,536. Within a block entries are in order of who is in
//! their first slot (a quarterback, a captain) and then of their other players, the most wanted first, so that those who have
//! one stand together: a change of a player then walks over
//! memory that lies together.

use super::dictionary::Dictionary;
use super::{EntryIndex, Payouts, PlayerIndex};
use crate::model::{ContestId, EntryId, Multiplier, PlayerId};
use compact_str::CompactString;

/// A place of an entry's roster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slot {
    /// Its name, such as `QB`; several may have the same.
    pub name: CompactString,
    /// What it multiplies its player's points by.
    pub multiplier: Multiplier,
}

/// What a contest is about, besides its entries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    /// Its id.
    pub id: ContestId,
    /// Its name, for people.
    pub name: CompactString,
    /// The name of the ruleset that scores it. Who holds the rulesets checks that there is one.
    pub ruleset: CompactString,
    /// Its slots: 1 to [`super::SLOTS_MAX`].
    pub slots: Box<[Slot]>,
    /// What places are paid.
    pub payouts: Payouts,
    /// Most that an entry's players may cost, in the site's dollars.
    pub salary_cap: Option<u32>,
    /// Fewest games that an entry's players are in; 0 or 1 asks nothing.
    pub games_min: u32,
}

/// Names of entries. Those of a fan with several differ in a number, as in `fan (12/150)`: it is kept apart, so that
/// the name is kept once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Names {
    /// Distinct ones, without their number.
    pub(super) texts: Dictionary,
    /// By entry: which of them. Empty where no entry has a name.
    pub(super) of: Box<[u32]>,
    /// By entry: its number, 0 where it has none. Empty where none has.
    pub(super) numbers: Box<[u16]>,
}

/// Entries in a block.
pub(super) const BLOCK: usize = 1 << 16;

/// A contest as it was posted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Definition {
    pub(super) terms: Terms,
    /// Distinct players, in order of id.
    pub(super) players: Box<[PlayerId]>,
    pub(super) ids: Dictionary,
    /// By entry: the place of its id within its block.
    pub(super) id_places: Box<[u16]>,
    pub(super) names: Names,
    /// By entry, and within it by slot: whose number.
    pub(super) rosters: Box<[u16]>,
}

impl Definition {
    /// What it is about.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Its id.
    pub fn id(&self) -> &ContestId {
        &self.terms.id
    }

    /// Its slots.
    pub fn slots(&self) -> &[Slot] {
        &self.terms.slots
    }

    /// What places are paid.
    pub fn payouts(&self) -> &Payouts {
        &self.terms.payouts
    }

    /// How many entries there are.
    pub fn entry_count(&self) -> usize {
        self.ids.len()
    }

    /// Every entry.
    pub fn entries(&self) -> impl Iterator<Item = EntryIndex> + use<> {
        (0..self.ids.len() as u32).map(EntryIndex)
    }

    /// Distinct players of the entries, in order of id.
    pub fn players(&self) -> &[PlayerId] {
        &self.players
    }

    /// That player's number.
    pub fn player(&self, id: &PlayerId) -> Option<PlayerIndex> {
        let place = self.players.binary_search(id).ok()?;
        Some(PlayerIndex(place as u16))
    }

    /// The entry of that id. Looks through 128 KiB at most.
    pub fn find(&self, id: &str) -> Option<EntryIndex> {
        let place = self.ids.find(id.as_bytes())?;
        let from = place - place % BLOCK;
        let block = &self.id_places[from..self.id_places.len().min(from + BLOCK)];
        let within = block.iter().position(|other| usize::from(*other) == place % BLOCK)?;
        Some(EntryIndex((from + within) as u32))
    }

    /// An entry's id.
    pub fn entry_id(&self, entry: EntryIndex) -> EntryId {
        EntryId::from_well_formed(&self.id_text(entry))
    }

    fn id_text(&self, entry: EntryIndex) -> CompactString {
        let place = entry.0 as usize;
        text(&self.ids, place - place % BLOCK + usize::from(self.id_places[place]))
    }

    /// An entry's name, for people; its id where it has none.
    pub fn entry_name(&self, entry: EntryIndex) -> CompactString {
        let place = entry.0 as usize;
        let Some(name) = self.names.of.get(place) else {
            return self.id_text(entry);
        };
        let base = text(&self.names.texts, *name as usize);
        match self.names.numbers.get(place) {
            None | Some(0) if base.is_empty() => self.id_text(entry),
            None | Some(0) => base,
            Some(number) => numbered(&base, *number),
        }
    }

    /// An entry's players, by slot.
    pub fn roster(&self, entry: EntryIndex) -> impl ExactSizeIterator<Item = PlayerIndex> + '_ {
        let slots = self.terms.slots.len();
        let from = entry.0 as usize * slots;
        self.rosters[from..from + slots].iter().map(|number| PlayerIndex(*number))
    }

    /// All rosters: by entry, and within it by slot, a player's number.
    pub fn rosters(&self) -> &[u16] {
        &self.rosters
    }

    /// Entries whose name or id has `part` in it, upper and lower case the same, at most `limit`.
    /// Looks at every entry: not for a path that others wait on.
    pub fn search(&self, part: &str, limit: usize) -> Vec<EntryIndex> {
        let part = part.to_lowercase();
        let mut found = vec![false; self.names.texts.len()];
        // Names are few beside entries, and what is kept of them holds all but the number.
        self.names.texts.for_each(|place, text| {
            found[place] = String::from_utf8_lossy(text)
                .replace(NUMBER_MARK, "")
                .to_lowercase()
                .contains(&part);
        });
        let mut has_part = vec![false; self.ids.len()];
        self.ids.for_each(|place, id| {
            has_part[place] = String::from_utf8_lossy(id).to_lowercase().contains(&part);
        });
        let is_it = |entry: &EntryIndex| {
            let place = entry.0 as usize;
            let is_named = || self.names.of.get(place).is_some_and(|name| found[*name as usize]);
            has_part[place - place % BLOCK + usize::from(self.id_places[place])] || is_named()
        };
        self.entries().filter(is_it).take(limit).collect()
    }

    /// What it takes in memory.
    pub fn heap_bytes(&self) -> usize {
        let names = self.names.texts.heap_bytes() + self.names.of.len() * 4 + self.names.numbers.len() * 2;
        let players = self.players.len() * size_of::<PlayerId>();
        self.ids.heap_bytes() + names + (self.id_places.len() + self.rosters.len()) * 2 + players + self.terms.payouts.heap_bytes()
    }
}

/// Stands in a name where its number was.
pub(super) const NUMBER_MARK: char = '\u{1}';

/// Splits `fan (12/150)` into what is kept once and its number.
pub(super) fn split_number(name: &str) -> Option<(CompactString, u16)> {
    let inside = name.strip_suffix(')')?;
    let (base, numbers) = inside.rsplit_once(" (")?;
    let (number, of) = numbers.split_once('/')?;
    let is_plain = |text: &str| !text.starts_with('0') && text.len() <= 5 && text.bytes().all(|b| b.is_ascii_digit());
    let value: u16 = number.parse().ok()?;
    let fits = is_plain(number) && is_plain(of) && !of.is_empty() && value > 0;
    fits.then(|| (CompactString::from(format!("{base} ({NUMBER_MARK}/{of})")), value))
}

fn numbered(base: &str, number: u16) -> CompactString {
    CompactString::from(base.replacen(NUMBER_MARK, itoa::Buffer::new().format(number), 1))
}

fn text(dictionary: &Dictionary, place: usize) -> CompactString {
    let mut bytes = Vec::new();
    dictionary.read(place, &mut bytes);
    CompactString::from_utf8_lossy(&bytes)
}
