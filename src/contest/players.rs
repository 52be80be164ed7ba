//! Players as a site's files name them, to be found again as the feed names them.
//!
//! Owns the table of one contest. A cell that is a player's id, his site's number, `Name (number)`, `number:Name` or a
//! name that one player alone has names him. Never guesses: a name of two players names nobody. Bounded by
//! [`super::Limits::table_max`].

use crate::model::{GameId, PlayerId};
use compact_str::CompactString;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// A player whom entries may name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnownPlayer {
    /// Who he is in the feed.
    pub player: PlayerId,
    /// His name on the site; for a defence such as `Patriots`.
    pub name: CompactString,
    /// His number on the site.
    pub site_id: Option<CompactString>,
    /// His position there, such as `QB`: tells two of one name apart where a slot has that name.
    pub position: Option<CompactString>,
    /// What he costs, in the site's dollars.
    pub salary: Option<u32>,
    /// The game that he is in.
    pub game: Option<GameId>,
}

/// Why a cell names nobody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Unresolved {
    /// Nobody has that name, number or id.
    Unknown,
    /// Several have that name.
    Ambiguous(PlayerId, PlayerId),
}

/// Players whom entries may name. An empty one knows every well-formed id, and no name.
#[derive(Clone, Debug, Default)]
pub struct Players {
    known: Vec<KnownPlayer>,
    by_id: HashMap<PlayerId, u32, RandomState>,
    by_site: HashMap<CompactString, u32, RandomState>,
    by_name: HashMap<CompactString, Vec<u32>, RandomState>,
}

impl Players {
    /// Adds one. One of the same id takes the other's place in part: what it does not say stays.
    pub fn add(&mut self, player: KnownPlayer) {
        let place = match self.by_id.entry(player.player.clone()) {
            Entry::Occupied(there) => {
                let place = *there.get();
                let held = &mut self.known[place as usize];
                held.salary = player.salary.or(held.salary);
                held.game = player.game.clone().or_else(|| held.game.take());
                held.position = player.position.clone().or_else(|| held.position.take());
                place
            }
            Entry::Vacant(room) => {
                let place = self.known.len() as u32;
                room.insert(place);
                self.known.push(player.clone());
                place
            }
        };
        if let Some(site_id) = player.site_id {
            self.by_site.insert(site_id, place);
        }
        let places = self.by_name.entry(plain(&player.name)).or_default();
        if !player.name.is_empty() && !places.contains(&place) {
            places.push(place);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The one of that id.
    pub fn get(&self, player: &PlayerId) -> Option<&KnownPlayer> {
        self.by_id.get(player).map(|place| &self.known[*place as usize])
    }

    /// Whom a cell in that slot names.
    pub(super) fn resolve(&self, cell: &str, slot: &str) -> Result<PlayerId, Unresolved> {
        let cell = cell.trim();
        let at = |place: &u32| self.known[*place as usize].player.clone();
        let id = PlayerId::new(cell);
        if let Some(id) = &id
            && (self.known.is_empty() || self.by_id.contains_key(id))
        {
            return Ok(id.clone());
        }
        if let Some(place) = self.by_site.get(cell) {
            return Ok(at(place));
        }
        if let Some((name, number)) = cell.strip_suffix(')').and_then(|open| open.rsplit_once('(')) {
            return self.by_number(number, name, slot);
        }
        match (self.by_name(cell, slot), cell.split_once(':')) {
            (Err(Unresolved::Unknown), Some((number, name))) => self.by_number(number, name, slot),
            (found, _) => found,
        }
    }

    /// The number decides: names are spelt in many ways.
    fn by_number(&self, number: &str, name: &str, slot: &str) -> Result<PlayerId, Unresolved> {
        match self.by_site.get(number.trim()) {
            Some(place) => Ok(self.known[*place as usize].player.clone()),
            None => self.by_name(name, slot),
        }
    }

    fn by_name(&self, name: &str, slot: &str) -> Result<PlayerId, Unresolved> {
        let places = self.by_name.get(&plain(name)).ok_or(Unresolved::Unknown)?;
        let of_slot = |place: &&u32| {
            let position = self.known[**place as usize].position.as_deref();
            position.is_some_and(|position| position.eq_ignore_ascii_case(slot))
        };
        let fitting: Vec<u32> = places.iter().filter(of_slot).copied().collect();
        let player = |place: &u32| self.known[*place as usize].player.clone();
        match (&places[..], &fitting[..]) {
            ([], _) => Err(Unresolved::Unknown),
            ([one], _) | (_, [one]) => Ok(player(one)),
            ([one, other, ..], _) => Err(Unresolved::Ambiguous(player(one), player(other))),
        }
    }
}

/// A name without what sites write differently: case, dots, apostrophes, hyphens, and `Jr` or `III` behind it.
fn plain(name: &str) -> CompactString {
    let mut words: Vec<String> = name
        .split_whitespace()
        .map(|word| word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect())
        .collect();
    let is_suffix = |word: &String| matches!(word.as_str(), "jr" | "sr" | "ii" | "iii" | "iv" | "v");
    while words.len() > 2 && words.last().is_some_and(is_suffix) {
        words.pop();
    }
    CompactString::from(words.join(" "))
}
