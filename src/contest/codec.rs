//! A contest as bytes, for who keeps it: compact, checked, read back as it was.
//!
//! The terms as JSON with their length, then players with their games, ids, names and rosters as they are packed in
//! memory, numbers little-endian. Who keeps it says which version of this it is, and sees to it that it comes back whole;
//! reading checks every part all the same, so that other bytes give an error and never a contest that panics. Bounded
//! by [`Limits`], before anything is allocated that a length asks for.

use super::definition::{BLOCK, Names};
use super::dictionary::Dictionary;
use super::{Definition, Limits, Payouts, SLOT_BYTES_MAX, SLOTS_MAX, Slot, Terms, Tier};
use crate::model::{Cents, ContestId, GameId, Multiplier, PlayerId, ids};
use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};

/// Most bytes of the terms: what a body may have of them, written out.
const TERMS_BYTES_MAX: usize = 2 * super::TERMS_BYTES_MAX;
/// How much is read or written at once.
const PIECE: usize = 1 << 16;

/// Why bytes are no contest.
#[derive(Debug, thiserror::Error)]
pub enum Damaged {
    /// Where they come from failed, or ended early.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// They are not what was written.
    #[error("not a contest: {0}")]
    Wrong(&'static str),
}

#[derive(Serialize, Deserialize)]
struct TermsKept {
    id: String,
    name: String,
    ruleset: String,
    slots: Vec<(String, u32)>,
    payouts: Vec<(u32, u32, i64)>,
    salary_cap: Option<u32>,
    games_min: u32,
    games: Vec<String>,
}

impl Definition {
    /// Writes it whole.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let mut out = Packed(out);
        let terms = serde_json::to_vec(&kept(&self.terms))?;
        out.put_number(terms.len())?;
        out.0.write_all(&terms)?;
        out.put_number(self.players.len())?;
        for (player, game) in self.players.iter().zip(&self.games) {
            out.put_id(player.as_str())?;
            out.put_id(game.as_ref().map_or("", GameId::as_str))?;
        }
        out.put_dictionary(&self.ids)?;
        out.put_numbers(self.id_places.iter().map(|place| place.to_le_bytes()))?;
        out.put_dictionary(&self.names.texts)?;
        out.put_numbers(self.names.of.iter().map(|name| name.to_le_bytes()))?;
        out.put_number(usize::from(!self.names.numbers.is_empty()))?;
        out.put_numbers(self.names.numbers.iter().map(|number| number.to_le_bytes()))?;
        out.put_numbers(self.rosters.iter().map(|player| player.to_le_bytes()))
    }

    /// Reads one that [`Definition::write_to`] wrote.
    ///
    /// # Errors
    /// [`Damaged`], where it is not that, or beyond the limits.
    pub fn read_from(input: &mut impl Read, limits: &Limits) -> Result<Definition, Damaged> {
        let mut input = Packed(input);
        let length = input.length(TERMS_BYTES_MAX, "terms too long")?;
        let terms = serde_json::from_slice(&input.bytes(length)?).map_err(|_| Damaged::Wrong("the terms are no JSON"))?;
        let terms = terms_of(terms).ok_or(Damaged::Wrong("the terms are wrong"))?;
        let count = input.length(super::PLAYERS_MAX.min(limits.players_max + SLOTS_MAX), "too many players")?;
        let (mut players, mut games) = (Vec::new(), Vec::new());
        for _ in 0..count {
            players.push(input.player()?);
            games.push(input.game()?);
        }
        if players.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(Damaged::Wrong("players out of order"));
        }
        let ids = input.dictionary(limits.entries_max)?;
        let mut are_ids = true;
        ids.for_each(|_, id| are_ids &= std::str::from_utf8(id).is_ok_and(ids::is_well_formed));
        if !are_ids || ids.is_empty() {
            return Err(Damaged::Wrong("an entry's id is none"));
        }
        let id_places = input.numbers(ids.len(), u16::from_le_bytes)?;
        if !id_places.chunks(BLOCK).all(is_permutation) {
            return Err(Damaged::Wrong("two entries have one id"));
        }
        let names = input.names(ids.len(), limits)?;
        let rosters = input.numbers(ids.len() * terms.slots.len(), u16::from_le_bytes)?;
        if rosters.iter().any(|player| usize::from(*player) >= players.len()) {
            return Err(Damaged::Wrong("an entry has a player who is not there"));
        }
        if input.0.read(&mut [0])? > 0 {
            return Err(Damaged::Wrong("there is more than a contest"));
        }
        Ok(Definition {
            terms,
            players: players.into(),
            games: games.into(),
            ids,
            id_places,
            names,
            rosters,
        })
    }
}

/// Whether each place of a block is there once.
fn is_permutation(places: &[u16]) -> bool {
    let mut seen = vec![false; places.len()];
    let take = |place: &u16| seen.get_mut(usize::from(*place)).is_some_and(|seen| !std::mem::replace(seen, true));
    places.iter().all(take)
}

fn kept(terms: &Terms) -> TermsKept {
    let slot = |slot: &Slot| (slot.name.to_string(), slot.multiplier.in_hundredths());
    let tier = |tier: &Tier| (tier.first, tier.last, tier.each.0);
    TermsKept {
        id: terms.id.to_string(),
        name: terms.name.to_string(),
        ruleset: terms.ruleset.to_string(),
        slots: terms.slots.iter().map(slot).collect(),
        payouts: terms.payouts.tiers().iter().map(tier).collect(),
        salary_cap: terms.salary_cap,
        games_min: terms.games_min,
        games: terms.games.iter().map(GameId::to_string).collect(),
    }
}

fn terms_of(kept: TermsKept) -> Option<Terms> {
    let slot = |(name, hundredths): (String, u32)| {
        let fits = name.len() <= SLOT_BYTES_MAX && ids::is_well_formed(&name);
        let multiplier = Multiplier::new(hundredths).filter(|_| fits)?;
        Some(Slot {
            name: CompactString::from(name),
            multiplier,
        })
    };
    let tier = |(first, last, cents)| Tier {
        first,
        last,
        each: Cents(cents),
    };
    let slots: Box<[Slot]> = kept.slots.into_iter().map(slot).collect::<Option<_>>()?;
    let fits = !slots.is_empty() && slots.len() <= SLOTS_MAX && ids::is_well_formed(&kept.ruleset);
    fits.then_some(Terms {
        id: ContestId::new(&kept.id)?,
        name: CompactString::from(kept.name),
        ruleset: CompactString::from(kept.ruleset),
        slots,
        payouts: Payouts::new(kept.payouts.into_iter().map(tier).collect()).ok()?,
        salary_cap: kept.salary_cap,
        games_min: kept.games_min,
        games: kept.games.iter().map(|id| GameId::new(id)).collect::<Option<_>>()?,
    })
}

/// Where the bytes go, or come from.
struct Packed<'i, T>(&'i mut T);

impl<T: Write> Packed<'_, T> {
    fn put_number(&mut self, number: usize) -> io::Result<()> {
        self.0.write_all(&(number as u32).to_le_bytes())
    }

    fn put_id(&mut self, id: &str) -> io::Result<()> {
        self.0.write_all(&[id.len() as u8])?;
        self.0.write_all(id.as_bytes())
    }

    fn put_numbers<const N: usize>(&mut self, numbers: impl Iterator<Item = [u8; N]>) -> io::Result<()> {
        let mut piece = Vec::with_capacity(PIECE + N);
        for number in numbers {
            piece.extend(number);
            if piece.len() >= PIECE {
                self.0.write_all(&piece)?;
                piece.clear();
            }
        }
        self.0.write_all(&piece)
    }

    fn put_dictionary(&mut self, dictionary: &Dictionary) -> io::Result<()> {
        self.put_number(dictionary.len())?;
        self.put_number(dictionary.packed().len())?;
        self.0.write_all(dictionary.packed())
    }
}

impl<T: Read> Packed<'_, T> {
    /// So many bytes, taken piece by piece: a length that is wrong asks for no more than is there.
    fn bytes(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while bytes.len() < count {
            let from = bytes.len();
            bytes.resize((from + PIECE).min(count), 0);
            self.0.read_exact(&mut bytes[from..])?;
        }
        Ok(bytes)
    }

    fn length(&mut self, max: usize, beyond: &'static str) -> Result<usize, Damaged> {
        let mut number = [0; 4];
        self.0.read_exact(&mut number)?;
        let length = u32::from_le_bytes(number) as usize;
        if length > max { Err(Damaged::Wrong(beyond)) } else { Ok(length) }
    }

    fn numbers<const N: usize, V>(&mut self, count: usize, of: fn([u8; N]) -> V) -> io::Result<Box<[V]>> {
        let mut numbers = Vec::new();
        let per_piece = PIECE / N;
        while numbers.len() < count {
            let piece = self.bytes(per_piece.min(count - numbers.len()) * N)?;
            numbers.extend(piece.as_chunks::<N>().0.iter().map(|number| of(*number)));
        }
        Ok(numbers.into_boxed_slice())
    }

    fn id(&mut self) -> io::Result<Vec<u8>> {
        let length = usize::from(self.bytes(1)?[0]);
        self.bytes(length)
    }

    fn player(&mut self) -> Result<PlayerId, Damaged> {
        let id = self.id()?;
        let id = std::str::from_utf8(&id).ok().and_then(PlayerId::new);
        id.ok_or(Damaged::Wrong("a player's id is none"))
    }

    fn game(&mut self) -> Result<Option<GameId>, Damaged> {
        let id = self.id()?;
        if id.is_empty() {
            return Ok(None);
        }
        let id = std::str::from_utf8(&id).ok().and_then(GameId::new);
        id.map(Some).ok_or(Damaged::Wrong("a game's id is none"))
    }

    fn dictionary(&mut self, count_max: usize) -> Result<Dictionary, Damaged> {
        let count = self.length(count_max, "too many texts")?;
        let length = self.length(count.saturating_mul(258), "texts too long")?;
        let packed = self.bytes(length)?;
        Dictionary::unpack(&packed, count).ok_or(Damaged::Wrong("texts out of order"))
    }

    fn names(&mut self, entries: usize, limits: &Limits) -> Result<Names, Damaged> {
        let texts = self.dictionary(limits.entries_max)?;
        let count = if texts.is_empty() { 0 } else { entries };
        let of = self.numbers(count, u32::from_le_bytes)?;
        if of.iter().any(|name| *name as usize >= texts.len()) {
            return Err(Damaged::Wrong("an entry has a name that is not there"));
        }
        let numbered = self.length(1, "more than numbers behind names")?;
        Ok(Names {
            texts,
            of,
            numbers: self.numbers(count * numbered, u16::from_le_bytes)?,
        })
    }
}
