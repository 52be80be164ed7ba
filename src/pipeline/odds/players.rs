//! Where the players of a contest stand: what each has, and what is thought to come.
//!
//! What a player has is what the contest's ranks are made of. What is to come is what his latest projection says beyond
//! what he had when it was made; whose game is over has nothing to come. Of those with a game to play for whom nothing
//! is projected nothing is made up: they are taken to score nothing more, and are counted. Of defences and kickers, whom
//! no model knows, [`usual`](super::usual) says what they usually bring.

use super::field::Ready;
use super::usual;
use crate::contest::simulate::{PlayerNow, Position, Rest, Side};
use crate::contest::{Definition, PlayerIndex};
use crate::fanout::contests::Contest;
use crate::fanout::hub::Hub;
use crate::model::change::{GameHead, Member};
use crate::model::{GameId, GameStatus, GameView, PlayerId, Points, StatLine, TopicName};
use crate::predict::points::moment::Moment;
use crate::predict::points::projections::{GameProjection, Projections};
use crate::scoring::{PositionIndex, Ruleset, Rulesets};
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
    pub(super) rulesets: &'a Rulesets,
    /// The games there are.
    pub(super) games: Vec<(Arc<GameHead>, GameView)>,
}

/// What is known of a player.
struct Known {
    /// Who he is, where a game has shown it.
    who: Option<Arc<Member>>,
    /// What he has done, and as what his points are counted.
    line: StatLine,
    paid_as: PositionIndex,
    /// The game that his topic shows, or that counts for him.
    shown: Option<Arc<GameHead>>,
    projection: Option<Arc<GameProjection>>,
    /// Whether all games of the contest are over.
    is_over: bool,
}

impl Books<'_> {
    /// The players of a contest.
    pub(super) fn of(&self, contest: &Contest, ready: &Ready) -> Players {
        let ids = contest.definition().players();
        let games = self.games.iter().map(|(head, view)| (&head.game, view)).collect();
        let ruleset = self.rulesets.by_index(contest.ruleset);
        let known = |(place, (id, scored)): (usize, (&PlayerId, Points))| {
            let known = self.known(contest.definition(), PlayerIndex(place as u16), id, ruleset);
            (known, scored, ready.positions[place])
        };
        let all = ids.iter().zip(contest.players()).enumerate().map(known);
        if contest.is_final() {
            // Its games may have been let go of since.
            let over = all.map(|(known, scored, slot)| (Known { is_over: true, ..known }, scored, slot));
            return players(over, ruleset, &games);
        }
        players(all, ruleset, &games)
    }

    fn known(&self, definition: &Definition, player: PlayerIndex, id: &PlayerId, ruleset: &Ruleset) -> Known {
        let topic = self.hub.get(&TopicName::Player(id.clone()));
        let (last, shown) = topic.map_or((None, None), |topic| {
            topic.read(|history| (history.last(), history.game().cloned()))
        });
        let is_shown = shown.as_ref().is_some_and(|head| definition.counts(player, &head.game));
        let line = last
            .as_ref()
            .filter(|_| is_shown)
            .map_or(StatLine::ZERO, |entry| entry.player().after());
        // His topic shows another week's: he is in the one that counts, where that is one.
        let own = || {
            let [own] = definition.games_of(player) else { return None };
            self.games.iter().find(|(head, _)| head.game == *own).map(|(head, _)| head.clone())
        };
        let shown = shown.filter(|_| is_shown).or_else(own);
        let who = last.map(|entry| entry.player().who.clone());
        let position = who.as_ref().and_then(|who| who.card.position.as_deref());
        Known {
            line,
            paid_as: ruleset.position_of(id, position),
            who,
            shown,
            projection: self
                .projections
                .game(id)
                .filter(|projection| definition.counts(player, &projection.game)),
            is_over: false,
        }
    }
}

fn players(all: impl Iterator<Item = (Known, Points, Position)>, ruleset: &Ruleset, games: &HashMap<&GameId, &GameView>) -> Players {
    let mut players = Players::default();
    // Who has never been seen in a game is in one of those to come, if there are any.
    let any_to_come = games.is_empty() || games.values().any(|view| view.status != GameStatus::Final);
    // Each game's first side; its second is the next.
    let mut sides: HashMap<GameId, u16> = HashMap::new();
    for (known, scored, slot) in all {
        let Known {
            who, shown, projection, ..
        } = &known;
        // Points are those of the game that the topic shows: what is projected of another is no part of them.
        let game = shown
            .as_ref()
            .map(|head| &head.game)
            .or(projection.as_ref().map(|known| &known.game));
        let projection = projection.as_ref().filter(|known| Some(&known.game) == game);
        let view = game.and_then(|game| games.get(game));
        let is_over = known.is_over || game.map_or(!any_to_come, |_| view.is_some_and(|view| view.status == GameStatus::Final));
        let told = who.as_ref().and_then(|who| who.card.position.as_deref()).map(Position::named);
        let position = told.filter(|position| *position != Position::Other).unwrap_or(slot);
        let rest = match projection {
            _ if is_over => None,
            Some(projection) => Some(rest(projection)),
            None => view.and_then(|view| usual::rest(position, ruleset, known.paid_as, &known.line, left(view))),
        };
        players.is_projected |= projection.is_some();
        players.open += u32::from(!is_over);
        players.unprojected += u32::from(!is_over && rest.is_none());
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
            rest,
            sides,
            position,
        });
    }
    players
}

/// What is left of a projection.
fn rest(known: &GameProjection) -> Rest {
    let (has, then) = (known.points, known.projected);
    Rest::from_interval(then.points - has, then.low - has, then.high - has)
}

/// How much of a game is left, in thousandths.
fn left(view: &GameView) -> i64 {
    let progress = Moment::of(view.status, view.clock, None).progress();
    1_000 - (progress * 1_000.0).round() as i64
}

/// 0 for home, 1 for away.
fn side(who: &Member, head: &GameHead) -> Option<usize> {
    let (home, away) = head.teams.as_ref()?;
    [home, away].into_iter().position(|team| *team == who.team)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::prediction::Source;
    use crate::model::{PlayerCard, Probability, Team};
    use crate::predict::points::projections::Expected;

    fn points(points: i64) -> Points {
        Points(points * Points::SCALE)
    }

    fn head(game: &str) -> Arc<GameHead> {
        Arc::new(GameHead {
            game: GameId::new(game).unwrap(),
            teams: Some((Team::new("AAA").unwrap(), Team::new("BBB").unwrap())),
            kickoff: None,
        })
    }

    fn projection(game: &str, has: i64, end: [i64; 3]) -> Arc<GameProjection> {
        Arc::new(GameProjection {
            game: GameId::new(game).unwrap(),
            kickoff_us: 0,
            side: crate::model::Side::Away,
            points: points(has),
            projected: Expected {
                points: points(end[0]),
                low: points(end[1]),
                high: points(end[2]),
            },
            progress: Probability::new(5_000).unwrap(),
            source: Source::Historical,
            computed_us: 0,
        })
    }

    fn member(player: &str, team: &str, position: Option<&str>) -> Arc<Member> {
        let card = PlayerCard {
            position: position.map(Into::into),
            ..PlayerCard::unknown(PlayerId::new(player).unwrap())
        };
        Arc::new(Member {
            card: Arc::new(card),
            team: Team::new(team).unwrap(),
        })
    }

    fn known(shown: Option<&str>, projection: Option<Arc<GameProjection>>) -> Known {
        Known {
            who: None,
            line: StatLine::ZERO,
            paid_as: PositionIndex::COMMON,
            shown: shown.map(head),
            projection,
            is_over: false,
        }
    }

    fn of(all: Vec<Known>, games: &[(&str, GameStatus)]) -> Players {
        let view = |status| GameView {
            status,
            ..GameView::default()
        };
        let games: Vec<(GameId, GameView)> = games
            .iter()
            .map(|(game, status)| (GameId::new(game).unwrap(), view(*status)))
            .collect();
        players(
            all.into_iter().map(|known| (known, points(5), Position::WideReceiver)),
            Rulesets::embedded().get("draftkings").unwrap(),
            &games.iter().map(|(game, view)| (game, view)).collect(),
        )
    }

    #[test]
    fn what_is_to_come_is_what_is_projected_beyond_what_he_had() {
        let found = of(
            vec![known(Some("g"), Some(projection("g", 4, [10, 6, 18])))],
            &[("g", GameStatus::Live)],
        );
        let rest = Rest::from_interval(points(6), points(2), points(14));
        assert_eq!((found.now[0].scored, found.now[0].rest), (points(5), Some(rest)));
        assert_eq!(found.now[0].sides, Some((Side(1), Side(0))));
        assert_eq!((found.open, found.unprojected, found.is_projected), (1, 0, true));
    }

    #[test]
    fn whose_game_is_over_has_nothing_to_come() {
        let found = of(
            vec![known(Some("g"), Some(projection("g", 4, [10, 6, 18]))), known(Some("g"), None)],
            &[("g", GameStatus::Final), ("h", GameStatus::Live)],
        );
        assert_eq!((found.now[0].rest, found.now[1].rest), (None, None));
        assert_eq!((found.open, found.unprojected), (0, 0));
    }

    #[test]
    fn for_whom_nothing_is_projected_is_counted_until_there_are_no_games_left() {
        let all = || vec![known(None, None), known(Some("g"), None)];
        let found = of(all(), &[]);
        assert_eq!((found.open, found.unprojected, found.is_projected), (2, 2, false));
        let found = of(all(), &[("g", GameStatus::Final), ("h", GameStatus::Scheduled)]);
        assert_eq!((found.open, found.unprojected), (1, 1));
        let found = of(all(), &[("g", GameStatus::Final)]);
        assert_eq!((found.open, found.unprojected), (0, 0));
    }

    #[test]
    fn a_projection_of_another_game_than_his_points_are_of_counts_for_nothing() {
        let found = of(
            vec![known(Some("g"), Some(projection("h", 0, [9, 5, 15])))],
            &[("g", GameStatus::Live), ("h", GameStatus::Scheduled)],
        );
        assert_eq!((found.now[0].rest, found.unprojected), (None, 1));
    }

    #[test]
    fn positions_and_sides_are_the_feeds_where_it_told_them() {
        let told = |position| Known {
            who: Some(member("p", "AAA", position)),
            ..known(Some("g"), None)
        };
        let found = of(vec![told(Some("TE")), told(Some("LS")), told(None)], &[("g", GameStatus::Live)]);
        let positions: Vec<Position> = found.now.iter().map(|player| player.position).collect();
        assert_eq!(positions, [Position::TightEnd, Position::WideReceiver, Position::WideReceiver]);
        assert_eq!(found.now[0].sides, Some((Side(0), Side(1))));
    }

    #[test]
    fn a_defence_has_what_defences_usually_bring() {
        let defence = |game| Known {
            who: Some(member("dst:AAA", "AAA", Some("DST"))),
            ..known(Some(game), None)
        };
        let found = of(
            vec![defence("g"), defence("h")],
            &[("g", GameStatus::Live), ("h", GameStatus::Final)],
        );
        assert!(found.now[0].rest.is_some_and(|rest| rest.mean > points(4)), "{:?}", found.now[0]);
        assert_eq!(found.now[1].rest, None);
        assert_eq!((found.open, found.unprojected, found.is_projected), (1, 0, false));
    }
}
