//! A game as a forecast of points reads it.
//!
//! One walk over the plays, under the game's read lock (`cargo bench --bench apply` says what it takes).

use super::Game;
use crate::model::lines::{GameLines, PlayerLines, QUARTER_ENDS};
use crate::model::{PlayId, StatLine};
use crate::state::credit::{Credits, NOBODY};

impl Game {
    /// Every player's line, now and at the quarter ends.
    pub fn lines(&self) -> GameLines {
        let slots = self.roster.slots();
        // Only players are asked for, and a defence's slot is among them.
        let mut ends = vec![[StatLine::ZERO; QUARTER_ENDS]; slots.len()];
        let mut last: Option<(u64, &PlayId)> = None;
        for (id, order, play) in self.items.plays() {
            last = last.max(Some((order, id)));
            let Some(clock) = play.clock else { continue };
            let from = usize::from(clock.quarter.max(1)) - 1;
            if from >= QUARTER_ENDS || play.credits.iter().all(|credit| credit.slot == NOBODY) {
                continue;
            }
            let mut credits = Credits::default();
            credits.add(&play.credits, 1, self.roster.tallies());
            for (slot, delta) in &credits.lines {
                for end in &mut ends[*slot as usize][from..] {
                    for (stat, amount) in delta.iter() {
                        end.add(stat, amount);
                    }
                }
            }
        }
        let players = slots.iter().zip(ends).filter_map(|(slot, ends)| {
            let is_player = slot.is_listed() && !slot.who.card.player.is_dst();
            is_player.then(|| PlayerLines {
                side: self.side(&slot.who.team),
                who: slot.who.clone(),
                now: slot.line(),
                ends,
            })
        });
        GameLines {
            head: self.head.clone(),
            status: self.view.status,
            clock: self.view.clock,
            score: self.by_side(self.view.score.as_deref()),
            last_play: last.map(|(_, id)| id.clone()),
            players: players.collect(),
        }
    }
}
