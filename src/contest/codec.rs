//! A contest as bytes, for who keeps it: compact, checked, read back as it was.
//!
//! A magic number with the version, the terms as JSON with their length, then players, ids, names and rosters as they are
//! packed in memory, numbers little-endian, and at last a CRC-32 of all of it. Reading checks every part, so that bytes that
//! are not what was written give an error and never a contest that panics. Bounded by [`Limits`], before anything is
//! allocated that a length asks for.

use super::definition::{BLOCK, Names};
use super::dictionary::Dictionary;
use super::{Cents, Definition, Limits, Payouts, SLOT_BYTES_MAX, SLOTS_MAX, Slot, Terms, Tier};
use crate::model::{ContestId, Multiplier, PlayerId, ids};
use compact_str::CompactString;
use crc32fast::Hasher;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};

/// Begins every contest that was written. The last byte is the version.
const MAGIC: [u8; 4] = *b"SWC\x01";
/// Most bytes of the terms.
const TERMS_BYTES_MAX: usize = 1 << 20;
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
}

impl Definition {
    /// Writes it whole.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let mut out = Summed {
            inner: out,
            sum: Hasher::new(),
        };
        out.write_all(&MAGIC)?;
        let terms = serde_json::to_vec(&kept(&self.terms))?;
        out.put_number(terms.len())?;
        out.write_all(&terms)?;
        out.put_number(self.players.len())?;
        for player in &self.players {
            out.write_all(&[player.as_str().len() as u8])?;
            out.write_all(player.as_str().as_bytes())?;
        }
        out.put_dictionary(&self.ids)?;
        out.put_numbers(self.id_places.iter().map(|place| place.to_le_bytes()))?;
        out.put_dictionary(&self.names.texts)?;
        out.put_numbers(self.names.of.iter().map(|name| name.to_le_bytes()))?;
        out.put_number(usize::from(!self.names.numbers.is_empty()))?;
        out.put_numbers(self.names.numbers.iter().map(|number| number.to_le_bytes()))?;
        out.put_numbers(self.rosters.iter().map(|player| player.to_le_bytes()))?;
        let sum = out.sum.finalize();
        out.inner.write_all(&sum.to_le_bytes())
    }

    /// Reads one that [`Definition::write_to`] wrote.
    ///
    /// # Errors
    /// [`Damaged`], where it is not that, or beyond the limits.
    pub fn read_from(input: &mut impl Read, limits: &Limits) -> Result<Definition, Damaged> {
        let mut input = Summed {
            inner: input,
            sum: Hasher::new(),
        };
        if input.bytes(MAGIC.len())? != MAGIC {
            return Err(Damaged::Wrong("another magic number or version"));
        }
        let length = input.length(TERMS_BYTES_MAX, "terms too long")?;
        let terms = serde_json::from_slice(&input.bytes(length)?).map_err(|_| Damaged::Wrong("the terms are no JSON"))?;
        let terms = terms_of(terms).ok_or(Damaged::Wrong("the terms are wrong"))?;
        let count = input.length(super::PLAYERS_MAX.min(limits.players_max + SLOTS_MAX), "too many players")?;
        let players = (0..count).map(|_| input.player()).collect::<Result<Box<[PlayerId]>, _>>()?;
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
        let sum = std::mem::take(&mut input.sum).finalize();
        if input.bytes(4)? != sum.to_le_bytes() {
            return Err(Damaged::Wrong("the checksum is another"));
        }
        Ok(Definition {
            terms,
            players,
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
    })
}

/// Bytes on their way, summed up.
struct Summed<'i, T> {
    inner: &'i mut T,
    sum: Hasher,
}

impl<T: Write> Summed<'_, T> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.update(bytes);
        self.inner.write_all(bytes)
    }

    fn put_number(&mut self, number: usize) -> io::Result<()> {
        self.write_all(&(number as u32).to_le_bytes())
    }

    fn put_numbers<const N: usize>(&mut self, numbers: impl Iterator<Item = [u8; N]>) -> io::Result<()> {
        let mut piece = Vec::with_capacity(PIECE + N);
        for number in numbers {
            piece.extend(number);
            if piece.len() >= PIECE {
                self.write_all(&piece)?;
                piece.clear();
            }
        }
        self.write_all(&piece)
    }

    fn put_dictionary(&mut self, dictionary: &Dictionary) -> io::Result<()> {
        self.put_number(dictionary.len())?;
        self.put_number(dictionary.packed().len())?;
        self.write_all(dictionary.packed())
    }
}

impl<T: Read> Summed<'_, T> {
    /// So many bytes, taken piece by piece: a length that is wrong asks for no more than is there.
    fn bytes(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while bytes.len() < count {
            let from = bytes.len();
            bytes.resize((from + PIECE).min(count), 0);
            self.inner.read_exact(&mut bytes[from..])?;
            self.sum.update(&bytes[from..]);
        }
        Ok(bytes)
    }

    fn length(&mut self, max: usize, beyond: &'static str) -> Result<usize, Damaged> {
        let mut number = [0; 4];
        self.inner.read_exact(&mut number)?;
        self.sum.update(&number);
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

    fn player(&mut self) -> Result<PlayerId, Damaged> {
        let length = usize::from(self.bytes(1)?[0]);
        let bytes = self.bytes(length)?;
        let id = std::str::from_utf8(&bytes).ok().and_then(PlayerId::new);
        id.ok_or(Damaged::Wrong("a player's id is none"))
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
