//! Where players of contests stand in the games that count.
//!
//! Reads topics and, where these show another game, the games themselves, each once. Lives for one look. Bounded by the
//! games that a contest names.

use super::Contest;
use super::live::Stand;
use crate::contest::PlayerIndex;
use crate::fanout::encode;
use crate::fanout::hub::Hub;
use crate::fanout::snapshot::GameSnapshot;
use crate::fanout::topic::Entry;
use crate::model::contest::MovedAt;
use crate::model::{GameId, PlayerId, Points, Seq};
use crate::scoring::{Ruleset, Rulesets};
use std::collections::HashMap;

/// What players have in games that their topics do not show. Each game is read once.
pub(super) struct Lines<'a> {
    hub: &'a Hub,
    read: HashMap<GameId, Option<GameSnapshot>>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(hub: &'a Hub) -> Lines<'a> {
        Lines { hub, read: HashMap::new() }
    }

    /// Where a contest's player stands, by his topic where that shows a game that counts, else by such a game itself.
    pub(super) fn stand(
        &mut self,
        rulesets: &Rulesets,
        contest: &Contest,
        player: PlayerIndex,
        (seq, last): &(Seq, Option<Entry>),
    ) -> Stand {
        let (definition, ruleset) = (contest.definition(), rulesets.by_index(contest.ruleset));
        let shown = last.as_ref().filter(|entry| definition.counts(player, &entry.change.head.game));
        let (points, moved_at) = match (shown, definition.games_of(player)) {
            (Some(entry), _) => {
                let shown = entry.player();
                let moved_at = MovedAt {
                    feed_ts: entry.change.feed_ts,
                    ingest: entry.change.ingest,
                };
                (Some(encode::points(ruleset, &shown.who.card, &shown.after())), Some(moved_at))
            }
            (None, []) => (Some(Points::ZERO), None),
            (None, games) => {
                let id = &definition.players()[usize::from(player.0)];
                (games.iter().find_map(|game| self.points(ruleset, game, id)), None)
            }
        };
        Stand {
            seq: *seq,
            points,
            moved_at,
        }
    }

    fn points(&mut self, ruleset: &Ruleset, game: &GameId, player: &PlayerId) -> Option<Points> {
        let read = self.hub.contests().game_reader()?;
        let game = self.read.entry(game.clone()).or_insert_with(|| read(game)).as_ref()?;
        let slot = game.players.iter().find(|slot| slot.who.card.player == *player)?;
        Some(encode::points(ruleset, &slot.who.card, &slot.line()))
    }
}
