//! Made-up teams: who plays where, and who gets the ball how often.
//!
//! Owns names and slots. No name belongs to anybody on purpose; first and last names are dealt so
//! that no two players of a slate share both. Bounded: 32 teams of [`SIZE`] players.

use super::rng::Rng;
use crate::model::{PlayerId, PlayerInfo, Team};
use std::ops::Range;

/// Abbreviations of the 32 teams.
pub(super) const TEAMS: [&str; 32] = [
    "ARI", "ATL", "BAL", "BUF", "CAR", "CHI", "CIN", "CLE", "DAL", "DEN", "DET", "GB", "HOU", "IND", "JAX", "KC", "LA", "LAC", "LV", "MIA",
    "MIN", "NE", "NO", "NYG", "NYJ", "PHI", "PIT", "SEA", "SF", "TB", "TEN", "WAS",
];

const FIRST: [&str; 61] = [
    "Aaravo", "Abel", "Amadou", "Anders", "Ansel", "Bashir", "Benedikt", "Bram", "Caspian", "Cedro", "Corwin", "Dashiell", "Davor",
    "Desmond", "Eamon", "Elio", "Emeka", "Ezekiel", "Fenton", "Florian", "Gideon", "Haruto", "Hollis", "Idris", "Ignacio", "Ilya",
    "Jabari", "Jonah", "Jorin", "Kaito", "Kamari", "Keanu", "Kofi", "Lachlan", "Leandro", "Lionel", "Mateo", "Merrick", "Mikkel", "Nazir",
    "Nikolai", "Obadiah", "Octavio", "Oren", "Percival", "Quincy", "Rafferty", "Remy", "Rohan", "Santiago", "Sefa", "Silas", "Tavita",
    "Teodor", "Tomasi", "Ulises", "Viliami", "Wendell", "Xander", "Yusuf", "Zeke",
];

const LAST: [&str; 67] = [
    "Abernol",
    "Adeyomi",
    "Alderfen",
    "Ashgrove",
    "Baptisto",
    "Bellweather",
    "Birchard",
    "Brackenby",
    "Calloweth",
    "Castellane",
    "Cinderford",
    "Copperfeld",
    "Dagenhart",
    "Delacroy",
    "Dunmoore",
    "Eastlake",
    "Elderwood",
    "Fairbrook",
    "Falukava",
    "Ferrante-Lowe",
    "Fogarthy",
    "Foxhollow",
    "Galewick",
    "Goldsworth",
    "Greyling",
    "Hawksmoor",
    "Hazelrig",
    "Holloweld",
    "Ibarrondo",
    "Ironwell",
    "Jacarandi",
    "Juniper",
    "Kalanui",
    "Kestrelson",
    "Kingsolver",
    "Larkspur",
    "Lindenau",
    "Loxley",
    "Maplethorn",
    "Marchetto",
    "Mbekele",
    "Moonridge",
    "Nakahara",
    "Nightingale",
    "Northcote",
    "Oakhurst",
    "Okonwei",
    "Osterhout",
    "Pemberly",
    "Pinecrest",
    "Quillfeather",
    "Ravenscar",
    "Redfern",
    "Rosenvale",
    "Sandoval-Reed",
    "Silverthorne",
    "Stonebridge",
    "Summerlin",
    "Tanglewood",
    "Thistledown",
    "Tuiasopa",
    "Underhill",
    "Vandermeer",
    "Westerling",
    "Whitlocke",
    "Yarrowby",
    "Zambrani",
];

/// Place of a player in a [`Roster`].
pub(super) type Slot = usize;

/// Quarterbacks.
pub(super) const QB: Slot = 0;
/// First running back.
pub(super) const RB: Slot = 2;
/// First wide receiver.
pub(super) const WR: Slot = 5;
/// First tight end.
pub(super) const TE: Slot = 10;
/// The offensive line.
pub(super) const LINE: Range<Slot> = 12..17;
/// The kicker.
pub(super) const K: Slot = 17;
/// The punter.
pub(super) const P: Slot = 18;
/// Pass rushers.
pub(super) const RUSH: Range<Slot> = 19..27;
/// Everybody on defence.
pub(super) const DEFENCE: Range<Slot> = 19..32;
/// Who covers receivers.
pub(super) const COVER: Range<Slot> = 23..32;
/// Players a team has.
pub(super) const SIZE: usize = 32;

const POSITIONS: [(&str, usize); 11] = [
    ("QB", 2),
    ("RB", 3),
    ("WR", 5),
    ("TE", 2),
    ("OL", 5),
    ("K", 1),
    ("P", 1),
    ("DL", 4),
    ("LB", 4),
    ("CB", 3),
    ("S", 2),
];

const CARRIES: [(u32, Slot); 6] = [(56, RB), (27, RB + 1), (9, RB + 2), (2, WR + 2), (1, WR), (5, QB)];
const TARGETS: [(u32, Slot); 11] = [
    (22, WR),
    (18, WR + 1),
    (13, WR + 2),
    (6, WR + 3),
    (3, WR + 4),
    (16, TE),
    (5, TE + 1),
    (10, RB),
    (7, RB + 1),
    (3, RB + 2),
    (0, QB),
];

/// A team and its players.
#[derive(Clone, Debug)]
pub(super) struct Roster {
    /// The team.
    pub(super) team: Team,
    /// Its players, by [`Slot`].
    pub(super) players: Vec<PlayerInfo>,
    /// How much more often than others it passes, in 1,000ths.
    pub(super) pass_tilt: i32,
}

impl Roster {
    /// The `index`-th of [`TEAMS`], its players' ids beginning with `prefix`.
    pub(super) fn new(index: usize, prefix: &str, seed: u64) -> Roster {
        let index = index % TEAMS.len();
        let team = Team::new(TEAMS[index]).expect("abbreviations are well-formed");
        // Names are dealt from one deck per seed. 61 × 67 pairs, both prime: two wheels of such sizes,
        // turned by any steps, meet in every pair once, so consecutive numbers are different names.
        let deck = Rng::new(seed, 1).below((FIRST.len() * LAST.len()) as u64) as usize;
        let mut players = Vec::with_capacity(SIZE);
        for (position, count) in POSITIONS {
            for nth in 1..=count {
                let number = deck + index * SIZE + players.len();
                players.push(PlayerInfo {
                    player: PlayerId::new(&format!("{prefix}-{team}-{position}{nth}")).expect("made of well-formed parts"),
                    name: Some(format!("{} {}", FIRST[number * 17 % FIRST.len()], LAST[number * 29 % LAST.len()])),
                    team: Some(team.clone()),
                    position: Some(position.into()),
                });
            }
        }
        let pass_tilt = Rng::new(seed, 100 + index as u64).between(-50, 50) as i32;
        Roster { team, players, pass_tilt }
    }

    /// The id of the player in that slot.
    pub(super) fn id(&self, slot: Slot) -> &PlayerId {
        &self.players[slot].player
    }
}

/// Who runs with the ball.
pub(super) fn carrier(rng: &mut Rng) -> Slot {
    rng.weighted(&CARRIES, RB)
}

/// Whom the pass is for.
pub(super) fn target(rng: &mut Rng) -> Slot {
    rng.weighted(&TARGETS, WR)
}

/// Somebody out of a range of slots.
pub(super) fn one_of(range: Range<Slot>, rng: &mut Rng) -> Slot {
    range.start + rng.below(range.len() as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_slate_has_no_two_players_of_one_name_or_id() {
        let all: Vec<PlayerInfo> = (0..TEAMS.len()).flat_map(|t| Roster::new(t, "sim", 9).players).collect();
        assert_eq!(all.len(), TEAMS.len() * SIZE);
        assert_eq!(all.iter().map(|p| &p.player).collect::<HashSet<_>>().len(), all.len());
        assert_eq!(all.iter().map(|p| &p.name).collect::<HashSet<_>>().len(), all.len());
        let ne = Roster::new(21, "sim", 9);
        assert_eq!(ne.id(QB).as_str(), "sim-NE-QB1");
        assert_eq!((ne.id(K).as_str(), ne.id(P).as_str()), ("sim-NE-K1", "sim-NE-P1"));
        assert_eq!(ne.id(TE).as_str(), "sim-NE-TE1");
        assert_eq!(ne.id(DEFENCE.start).as_str(), "sim-NE-DL1");
    }
}
