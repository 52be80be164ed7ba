//! From an entry's cells to its players: every check there is of a roster.

use crate::contest::players::Unresolved;
use crate::contest::{Players, SLOTS_MAX, Terms};
use crate::model::{GameId, PlayerId};
use compact_str::CompactString;

/// What a site writes in place of a player whom others may not see yet.
const LOCKED: &str = "LOCKED";

/// The positions of those who may be in a slot; anybody where there is none.
pub(super) type Positions = Box<[CompactString]>;

/// The players of the entry that was read last; kept so that a million entries need no million lists.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// By slot.
    positions: Box<[Positions]>,
    roster: Vec<PlayerId>,
    games: Vec<GameId>,
}

impl Checked {
    /// One of entries whose slots take those positions.
    pub(super) fn new(positions: Box<[Positions]>) -> Checked {
        Checked {
            positions,
            ..Checked::default()
        }
    }

    /// The players, by slot.
    pub(super) fn roster(&self) -> &[PlayerId] {
        &self.roster
    }

    /// Reads the cells, one for each slot in order.
    pub(super) fn read<'c>(&mut self, terms: &Terms, players: &Players, cells: impl IntoIterator<Item = &'c str>) -> Result<(), String> {
        self.roster.clear();
        let mut cells = cells.into_iter();
        for (place, slot) in terms.slots.iter().enumerate() {
            let Some(cell) = cells.next() else {
                return Err(format!(
                    "{place} players, but there are {} slots: nobody is in {}",
                    terms.slots.len(),
                    slot.name
                ));
            };
            let cell = cell.trim();
            if cell.is_empty() {
                return Err(format!("nobody is in {}", slot.name));
            }
            if cell == LOCKED {
                return Err(format!("{} is LOCKED: the site does not show the player yet", slot.name));
            }
            let player = players
                .resolve(cell, &slot.name)
                .map_err(|why| unresolved(&slot.name, cell, &why))?;
            if self.roster.contains(&player) {
                return Err(format!("{player} is in it twice"));
            }
            self.roster.push(player);
        }
        let more = cells.take(SLOTS_MAX).count();
        if more > 0 {
            let at_least = if more == SLOTS_MAX { "at least " } else { "" };
            let count = self.roster.len() + more;
            return Err(format!("{at_least}{count} players, but there are {} slots", terms.slots.len()));
        }
        self.check_positions(terms, players)?;
        self.check_cap(terms, players)?;
        self.check_games(terms, players)
    }

    fn check_positions(&self, terms: &Terms, players: &Players) -> Result<(), String> {
        for ((player, slot), positions) in self.roster.iter().zip(&terms.slots).zip(&self.positions) {
            // Who has no position that is known may have any.
            let Some(position) = players.get(player).and_then(|known| known.position.as_deref()) else {
                continue;
            };
            if !positions.is_empty() && !positions.iter().any(|one| one.eq_ignore_ascii_case(position)) {
                let wanted = positions.join(", ");
                return Err(format!("{}: {player} is {position}; {wanted} may be in it", slot.name));
            }
        }
        Ok(())
    }

    fn check_cap(&self, terms: &Terms, players: &Players) -> Result<(), String> {
        let Some(cap) = terms.salary_cap else { return Ok(()) };
        let mut sum = 0u64;
        for (player, slot) in self.roster.iter().zip(&terms.slots) {
            // A captain costs as many times more as he scores. Who has no salary cannot break the cap.
            let salary = players.get(player).and_then(|known| known.salary).unwrap_or(0);
            sum += u64::from(salary) * u64::from(slot.multiplier.in_hundredths());
        }
        if sum > u64::from(cap) * 100 {
            return Err(format!("costs {}, over the cap of {cap}", sum.div_ceil(100)));
        }
        Ok(())
    }

    fn check_games(&mut self, terms: &Terms, players: &Players) -> Result<(), String> {
        if terms.games_min <= 1 {
            return Ok(());
        }
        self.games.clear();
        for player in &self.roster {
            match players.get(player).and_then(|known| known.game.as_ref()) {
                // Who is in no game that is known may be in any.
                None => return Ok(()),
                Some(game) if self.games.contains(game) => {}
                Some(game) => self.games.push(game.clone()),
            }
        }
        if self.games.len() < terms.games_min as usize {
            let count = self.games.len();
            let games = if count == 1 { "game" } else { "games" };
            return Err(format!(
                "its players are in {count} {games}; at least {} are wanted",
                terms.games_min
            ));
        }
        Ok(())
    }
}

fn unresolved(slot: &str, cell: &str, why: &Unresolved) -> String {
    let cell: String = cell.chars().take(64).collect();
    match why {
        Unresolved::Unknown => format!("{slot}: nobody is known as `{cell}`"),
        Unresolved::Ambiguous(one, other) => format!("{slot}: `{cell}` is the name of {one} and of {other}; use the id"),
    }
}
