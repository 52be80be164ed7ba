//! Who is in a game: a slot for each player and defence, a tally for each team.
//!
//! Slots and tallies stay where they are for the life of the game, whatever is corrected later; what
//! they count is a function of the records that stand. Bounded by [`Roster::has_room_for`] and
//! [`Roster::has_room_for_teams`], asked before anything is taken in.

use super::Cards;
use super::credit::{Credit, Credited, NOBODY};
use crate::model::change::Member;
use crate::model::{PackedLine, PlayerId, StatLine, StatRecord, Team};
use foldhash::fast::RandomState;
use hashbrown::hash_table::{Entry, HashTable};
use smallvec::{SmallVec, smallvec};
use std::hash::BuildHasher as _;
use std::sync::Arc;

/// One player in one game.
#[derive(Clone, Debug)]
pub struct PlayerSlot {
    /// Who, and for which team: the one that most records say, of equals the first by name.
    pub who: Arc<Member>,
    /// What they have done, as [`PlayerSlot::line`] unpacks it.
    pub(super) line: PackedLine,
    /// Stat records that stand and name this player, those that credit nothing included. For a defence:
    /// those that name its team, and one more where the game was announced with it.
    pub records: u32,
}

impl PlayerSlot {
    /// What they have done.
    pub fn line(&self) -> StatLine {
        self.line.unpack()
    }

    /// Whether the player has a stat record; a defence, whether its team is in the game.
    pub fn is_listed(&self) -> bool {
        self.records > 0
    }
}

/// Most teams that one game's plays may name: two, and room for a feed's mistakes.
const TEAMS_PLAYED_MAX: usize = 8;
/// Most teams of one game, those included that were announced and put right later.
const TEAMS_MAX: usize = 16;

/// What a team scored, by the plays that stand.
pub(super) struct Tally {
    pub(super) team: Team,
    /// Slot of its defence.
    pub(super) defence: u32,
    /// Points scored against the other team's defence.
    pub(super) against_defence: i32,
    /// Points that its own defence scored.
    pub(super) against_offence: i32,
}

/// Under which teams (places of tallies) records name a player, and how many of them.
type Named = SmallVec<[(u8, u32); 1]>;

/// The players and teams of one game.
#[derive(Default)]
pub(super) struct Roster {
    slots: Vec<PlayerSlot>,
    /// Beside `slots`.
    named: Vec<Named>,
    /// Slots, found by the ids there.
    by_id: HashTable<u32>,
    hasher: RandomState,
    tallies: SmallVec<[Tally; 2]>,
    /// Players whom records of several teams name, since last asked.
    disputed: SmallVec<[u32; 2]>,
    /// Players and defences whose first standing record this is, since last asked.
    appeared: SmallVec<[u32; 4]>,
}

impl Roster {
    pub(super) fn slots(&self) -> &[PlayerSlot] {
        &self.slots
    }

    pub(super) fn slot_mut(&mut self, slot: u32) -> &mut PlayerSlot {
        &mut self.slots[slot as usize]
    }

    pub(super) fn find(&self, player: &PlayerId) -> Option<u32> {
        let is_same = |slot: &u32| self.slots[*slot as usize].who.card.player == *player;
        self.by_id.find(self.hasher.hash_one(player), is_same).copied()
    }

    pub(super) fn tallies(&self) -> &[Tally] {
        &self.tallies
    }

    pub(super) fn tally_mut(&mut self, team: u8) -> &mut Tally {
        &mut self.tallies[team as usize]
    }

    /// Whether the game has anything to do with that team, as things stand.
    pub(super) fn is_in_game(&self, tally: &Tally) -> bool {
        self.slots[tally.defence as usize].is_listed()
    }

    /// Whether the players and teams of these records fit the game.
    pub(super) fn has_room_for(&self, stats: &[StatRecord], players_max: usize) -> bool {
        let players = self.slots.len() - self.tallies.len() + TEAMS_MAX;
        if players + stats.len() <= players_max && self.tallies.len() + stats.len() <= TEAMS_PLAYED_MAX {
            return true;
        }
        let mut new_players: SmallVec<[&PlayerId; 8]> = SmallVec::new();
        let mut new_teams: SmallVec<[&Team; 8]> = SmallVec::new();
        for record in stats {
            if let Some(player) = &record.player
                && self.find(player).is_none()
                && !new_players.contains(&player)
            {
                new_players.push(player);
            }
            if self.place_of(&record.team).is_none() && !new_teams.contains(&&record.team) {
                new_teams.push(&record.team);
            }
        }
        (new_players.is_empty() || players + new_players.len() <= players_max)
            && (new_teams.is_empty() || self.tallies.len() + new_teams.len() <= TEAMS_PLAYED_MAX)
    }

    /// Whether these two teams may be announced.
    pub(super) fn has_room_for_teams(&self, teams: [&Team; 2]) -> bool {
        let new = teams.iter().filter(|team| self.place_of(team).is_none()).count();
        new == 0 || self.tallies.len() + new <= TEAMS_MAX
    }

    fn place_of(&self, team: &Team) -> Option<usize> {
        self.tallies.iter().position(|tally| tally.team == *team)
    }

    /// The place of a team's tally.
    pub(super) fn team(&mut self, team: &Team, cards: &Cards) -> u8 {
        if let Some(place) = self.place_of(team) {
            return place as u8;
        }
        let place = self.tallies.len() as u8;
        let defence = self.intern(&PlayerId::dst(team), team, place, cards);
        self.tallies.push(Tally {
            team: team.clone(),
            defence,
            against_defence: 0,
            against_offence: 0,
        });
        place
    }

    /// A play's records with their players and teams as places; those not known yet are added.
    pub(super) fn resolve(&mut self, records: &[StatRecord], cards: &Cards) -> Credited {
        let mut credits = Credited::with_capacity(records.len());
        for (place, record) in records.iter().enumerate() {
            let team = self.team(&record.team, cards);
            // A play names few players, most of them more than once: look there before the map.
            let earlier = || records[..place].iter().rposition(|earlier| earlier.player == record.player);
            let slot = match &record.player {
                None => NOBODY,
                Some(player) => match earlier() {
                    Some(same) => credits[same].slot,
                    None => u16::try_from(self.intern(player, &record.team, team, cards)).expect("a game has fewer players"),
                },
            };
            credits.push(Credit {
                slot,
                team,
                stat: record.stat,
                yards: record.yards,
            });
        }
        credits
    }

    fn intern(&mut self, player: &PlayerId, team: &Team, place: u8, cards: &Cards) -> u32 {
        let slots = &self.slots;
        let hash = |player: &PlayerId| self.hasher.hash_one(player);
        let id = |slot: &u32| &slots[*slot as usize].who.card.player;
        let vacant = match self.by_id.entry(hash(player), |slot| id(slot) == player, |slot| hash(id(slot))) {
            Entry::Occupied(known) => return *known.get(),
            Entry::Vacant(vacant) => vacant,
        };
        let slot = slots.len() as u32;
        vacant.insert(slot);
        self.slots.push(PlayerSlot {
            who: cards.member(player, team),
            line: PackedLine::default(),
            records: 0,
        });
        self.named.push(smallvec![(place, 0)]);
        slot
    }

    /// Counts a record that now stands (`sign` 1) or stands no more (−1). Of a revision, count what is new
    /// first: else who stays listed would seem to appear.
    pub(super) fn count(&mut self, credit: &Credit, sign: i32) {
        self.count_team(credit.team, sign);
        if credit.slot == NOBODY {
            return;
        }
        let slot = u32::from(credit.slot);
        self.count_slot(slot, sign);
        let named = &mut self.named[slot as usize];
        if let [(team, count)] = &mut named[..]
            && *team == credit.team
        {
            *count = count.saturating_add_signed(sign);
            return;
        }
        match named.iter_mut().find(|(team, _)| *team == credit.team) {
            Some((_, count)) => *count = count.saturating_add_signed(sign),
            None => named.push((credit.team, 1)),
        }
        self.disputed.push(slot);
    }

    /// Counts a word for a team being in the game.
    pub(super) fn count_team(&mut self, team: u8, sign: i32) {
        let defence = self.tallies[team as usize].defence;
        self.count_slot(defence, sign);
    }

    fn count_slot(&mut self, slot: u32, sign: i32) {
        let records = &mut self.slots[slot as usize].records;
        if *records == 0 && sign > 0 {
            self.appeared.push(slot);
        }
        *records = records.saturating_add_signed(sign);
    }

    /// Who is listed now and was not when last asked.
    pub(super) fn take_appeared(&mut self) -> SmallVec<[u32; 4]> {
        std::mem::take(&mut self.appeared)
    }

    /// Settles for whom each player plays whom several teams' records name. Returns whose team changed, and
    /// who they were before.
    pub(super) fn settle(&mut self) -> SmallVec<[(u32, Arc<Member>); 2]> {
        let mut changed = SmallVec::new();
        for slot in std::mem::take(&mut self.disputed) {
            let named = &mut self.named[slot as usize];
            let rank = |(team, count): (u8, u32)| (std::cmp::Reverse(count), &self.tallies[team as usize].team);
            let Some(most) = named.iter().copied().min_by_key(|entry| rank(*entry)) else {
                continue;
            };
            named.retain(|(team, count)| *count > 0 || *team == most.0);
            let team = &self.tallies[most.0 as usize].team;
            let entry = &mut self.slots[slot as usize];
            if entry.who.team != *team {
                let now = Member {
                    card: entry.who.card.clone(),
                    team: team.clone(),
                };
                changed.push((slot, std::mem::replace(&mut entry.who, Arc::new(now))));
            }
        }
        changed
    }
}
