//! What a lineup is: checked, in an order that equal ones share, and named after it.

pub use crate::model::Multiplier;
use crate::model::PlayerId;
use crate::model::ids::{self, LineupId};
use crate::scoring::{Ruleset, RulesetIndex};
use crate::wire::client::SlotAsked;
use compact_str::CompactString;
use ring::digest::{SHA256, digest};
use std::fmt::Write;

/// Most slots of a lineup: each has a bit in what says which of them moved.
pub const SLOTS_MAX: usize = 32;
/// Longest name of a slot, in bytes.
const SLOT_BYTES_MAX: usize = 16;
/// Digits of an id; each is one of 32.
const ID_DIGITS: usize = 20;

/// A player in a lineup.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Slot {
    /// The slot's name, such as `QB`; several may have the same.
    pub name: CompactString,
    /// Who is in it.
    pub player: PlayerId,
    /// What it multiplies by.
    pub multiplier: Multiplier,
}

/// A lineup under its ruleset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lineup {
    /// Its name; the same for equal ones.
    pub id: LineupId,
    /// Its ruleset.
    pub ruleset: RulesetIndex,
    /// Its slots, sorted: 1 to [`SLOTS_MAX`], each with another player.
    pub slots: Box<[Slot]>,
}

/// Why a lineup is none, for people.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadLineup(String);

impl Lineup {
    /// The lineup of those slots.
    ///
    /// # Errors
    /// [`BadLineup`], with the slot that is wrong.
    pub fn new((index, ruleset): (RulesetIndex, &Ruleset), asked: &[SlotAsked]) -> Result<Lineup, BadLineup> {
        if asked.is_empty() || asked.len() > SLOTS_MAX {
            let message = format!(
                "slots must list 1 to {SLOTS_MAX} slots, such as {{\"slot\":\"QB\",\"player\":\"ID\"}}, not {}",
                asked.len()
            );
            return Err(BadLineup(message));
        }
        let read = |(place, asked): (usize, &SlotAsked)| slot(asked).map_err(|what| BadLineup(format!("slots[{place}]: {what}")));
        let mut slots: Vec<Slot> = asked.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        slots.sort_unstable();
        let mut players: Vec<&PlayerId> = slots.iter().map(|slot| &slot.player).collect();
        players.sort_unstable();
        if let Some(twice) = players.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(BadLineup(format!("slots: {} is in it twice", twice[0])));
        }
        Ok(Lineup {
            id: id(ruleset.name(), &slots),
            ruleset: index,
            slots: slots.into_boxed_slice(),
        })
    }

    /// The place of that player's slot.
    pub fn slot_of(&self, player: &PlayerId) -> Option<usize> {
        self.slots.iter().position(|slot| slot.player == *player)
    }
}

fn slot(asked: &SlotAsked) -> Result<Slot, String> {
    if asked.slot.len() > SLOT_BYTES_MAX || !ids::is_well_formed(&asked.slot) {
        return Err(format!(
            "slot must be 1 to {SLOT_BYTES_MAX} printable ASCII characters without spaces, commas, quotes or slashes, such as \"QB\""
        ));
    }
    let player = PlayerId::new(&asked.player).ok_or("player must be a player's id, such as GET /v1/players?q= lists")?;
    Ok(Slot {
        name: CompactString::new(&asked.slot),
        player,
        multiplier: Multiplier::new(asked.multiplier_hundredths).ok_or("multiplier must be 0.01 to 10")?,
    })
}

/// 100 bits of the digest of all that a lineup is. What stands between the parts is in none of them.
fn id(ruleset: &str, slots: &[Slot]) -> LineupId {
    let mut text = String::with_capacity(256);
    text.push_str(ruleset);
    for Slot { name, player, multiplier } in slots {
        write!(text, "\n{name},{player},{}", multiplier.in_hundredths()).expect("a string takes all");
    }
    let bits = digest(&SHA256, text.as_bytes());
    let digits = bits.as_ref().chunks_exact(5).flat_map(|five| {
        let number = five.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        (0..8).map(move |place| b"0123456789abcdefghjkmnpqrstvwxyz"[(number >> (35 - 5 * place) & 31) as usize])
    });
    let id: String = digits.take(ID_DIGITS).map(char::from).collect();
    LineupId::from_well_formed(&id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::Rulesets;

    fn asked(slot: &str, player: &str, multiplier_hundredths: u32) -> SlotAsked {
        SlotAsked {
            slot: slot.to_owned(),
            player: player.to_owned(),
            multiplier_hundredths,
        }
    }

    fn lineup(ruleset: &str, slots: &[SlotAsked]) -> Result<Lineup, String> {
        let rulesets = Rulesets::embedded();
        let index = rulesets.index(ruleset).unwrap();
        Lineup::new((index, rulesets.by_index(index)), slots).map_err(|bad| bad.to_string())
    }

    #[test]
    fn equal_lineups_have_one_id_and_others_have_others() {
        let one = [asked("QB", "1", 100), asked("RB", "2", 100), asked("RB", "3", 150)];
        let id = lineup("ppr", &one).unwrap().id;
        assert_eq!(id.as_str().len(), ID_DIGITS);
        let [a, b, c] = one;
        assert_eq!(
            lineup("ppr", &[c.clone(), a.clone(), b.clone()]).unwrap().id,
            id,
            "in another order"
        );
        for other in [
            vec![a.clone(), b.clone()],
            vec![a.clone(), c.clone(), asked("RB", "2", 150)],
            vec![a.clone(), asked("WR", "2", 100), c.clone()],
            vec![a.clone(), asked("RB", "4", 100), c.clone()],
        ] {
            assert_ne!(lineup("ppr", &other).unwrap().id, id, "{other:?}");
        }
        assert_ne!(lineup("yahoo", &[a, b, c]).unwrap().id, id);
    }

    /// A new build must not give lineups other ids: nodes of one cluster may be of two.
    #[test]
    fn ids_stay_as_they_are() {
        let id = lineup("draftkings", &[asked("QB", "00-1", 100), asked("CPT", "00-2", 150)])
            .unwrap()
            .id;
        assert_eq!(id.as_str(), "rcxc0f3h72qvqsh5phzz");
    }

    #[test]
    fn what_is_refused_says_where_and_why() {
        let long = "x".repeat(17);
        for (slots, part) in [
            (vec![], "1 to 32 slots"),
            (vec![asked("QB", "1", 100); 33], "1 to 32 slots"),
            (vec![asked("QB", "1", 100), asked("", "2", 100)], "slots[1]: slot must be"),
            (vec![asked(&long, "1", 100)], "slots[0]: slot must be"),
            (vec![asked("<b>", "1", 100)], "slots[0]: slot must be"),
            (vec![asked("QB", "a b", 100)], "slots[0]: player must be"),
            (vec![asked("QB", "1", 100), asked("RB", "1", 100)], "1 is in it twice"),
        ] {
            let why = lineup("ppr", &slots).unwrap_err();
            assert!(why.contains(part), "{why}");
        }
    }
}
