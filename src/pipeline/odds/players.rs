//! Where the players of a contest stand: what each has, and what is thought to come.
//!
//! What a player has is what the contest's ranks are made of. What is to come is what his latest projection says beyond
//! what he had when it was made; whose game is over has nothing to come. Of those with a game to play for whom nothing
//! is projected nothing is made up: they are taken to score nothing more, and are counted.

use super::field::Ready;
use crate::contest::simulate::{PlayerNow, Position, Rest, Side};
use crate::fanout::contests::Contest;
use crate::fanout::hub::Hub;
use crate::model::change::{GameHead, Member};
use crate::model::{GameId, GameStatus, GameView, PlayerId, Points, TopicName};
use crate::predict::points::projections::{GameProjection, Projections};
use std::collections::HashMap;
use std::sync::Arc;

/// All players of a contest at one moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Players {
    /// In the contest's order.
    pub(super) now: Vec<PlayerNow>,
    /// Those whose games are not over.
    pub(super) open: u32,
    /// Those of them for whom nothing is projected.
    pub(super) unprojected: u32,
    /// Whether anything is projected of any of them, be it of a game that is over.
    pub(super) is_projected: bool,
}

/// Where what is known of players is looked up.
pub(super) struct Books<'a> {
    pub(super) hub: &'a Hub,
    pub(super) projections: &'a Projections,
    /// The games there are.
    pub(super) games: Vec<(Arc<GameHead>, GameView)>,
}

/// What is known of a player.
struct Known {
    /// Who he is, where a game has shown it.
    who: Option<Arc<Member>>,
    /// The game that his topic shows.
    shown: Option<Arc<GameHead>>,
    projection: Option<Arc<GameProjection>>,
}

impl Books<'_> {
    /// The players of a contest.
    pub(super) fn of(&self, contest: &Contest, ready: &Ready) -> Players {
        let ids = contest.definition().players();
        let statuses = self.games.iter().map(|(head, view)| (&head.game, view.status)).collect();
        let known = |(place, (id, scored)): (usize, (&PlayerId, Points))| (self.known(id), scored, ready.positions[place]);
        let scored = contest.players();
        players(ids.iter().zip(scored).enumerate().map(known), &statuses)
    }

    fn known(&self, id: &PlayerId) -> Known {
        let topic = self.hub.get(&TopicName::Player(id.clone()));
        let (who, shown) = topic.map_or((None, None), |topic| {
            topic.read(|history| {
                let who = history.last().map(|entry| entry.player().who.clone());
                (who, history.game().cloned())
            })
        });
        Known {
            who,
            shown,
            projection: self.projections.game(id),
        }
    }
}

fn players(all: impl Iterator<Item = (Known, Points, Position)>, statuses: &HashMap<&GameId, GameStatus>) -> Players {
    let mut players = Players::default();
    // Who has never been seen in a game is in one of those to come, if there are any.
    let any_to_come = statuses.is_empty() || statuses.values().any(|status| *status != GameStatus::Final);
    // Each game's first side; its second is the next.
    let mut sides: HashMap<GameId, u16> = HashMap::new();
    for (known, scored, slot) in all {
        let Known { who, shown, projection } = &known;
        // Points are those of the game that the topic shows: what is projected of another is no part of them.
        let game = shown
            .as_ref()
            .map(|head| &head.game)
            .or(projection.as_ref().map(|known| &known.game));
        let projection = projection.as_ref().filter(|known| Some(&known.game) == game);
        let is_over = game.map_or(!any_to_come, |game| statuses.get(game) == Some(&GameStatus::Final));
        players.is_projected |= projection.is_some();
        players.open += u32::from(!is_over);
        players.unprojected += u32::from(!is_over && projection.is_none());
        let told = who.as_ref().and_then(|who| who.card.position.as_deref()).map(Position::named);
        let side = projection
            .map(|known| known.side.index())
            .or_else(|| side(who.as_ref()?, shown.as_ref()?));
        let sides = game.zip(side).map(|(game, side)| {
            let next = 2 * sides.len() as u16;
            let first = *sides.entry(game.clone()).or_insert(next);
            let side = side as u16;
            (Side(first + side), Side(first + 1 - side))
        });
        players.now.push(PlayerNow {
            scored,
            rest: projection.filter(|_| !is_over).map(|known| rest(known)),
            sides,
            position: told.filter(|position| *position != Position::Other).unwrap_or(slot),
        });
    }
    players
}

/// What is left of a projection.
fn rest(known: &GameProjection) -> Rest {
    let (has, then) = (known.points, known.projected);
    Rest::from_interval(then.points - has, then.low - has, then.high - has)
}

/// 0 for home, 1 for away.
fn side(who: &Member, head: &GameHead) -> Option<usize> {
    let (home, away) = head.teams.as_ref()?;
    [home, away].into_iter().position(|team| *team == who.team)
}
