//! One game: its plays as they stand, the lines they add up to, its clock, situation and score.
//!
//! Every total is a function of the *set* of items that stand (highest revision each), never of the
//! order they came in: lines are sums, "latest" is decided by the feed's `order` (see `items`), and
//! points allowed follow from the plays and from the highest score that goes with any of them.

mod compare;
mod lines;
mod recap;

use super::Cards;
use super::credit::Credits;
use super::gist::Gist;
use super::items::{Items, Play};
use super::roster::{PlayerSlot, Roster, Tally};
use crate::model::change::{Cause, CauseKind, Change, GameHead, GameView, PlayerMove, ViewMoved};
use crate::model::gsis::{self, Against};
use crate::model::{
    FeedTime, GameEvent, GameId, GameStatus, IngestTime, PlayEvent, PlayerId, PlayerInfo, Retraction, Score, SituationEvent, Stat,
    StatRecord, StateTime,
};
use smallvec::SmallVec;
use std::sync::Arc;

/// One game's working state. Changed by its owner alone.
pub struct Game {
    head: Arc<GameHead>,
    announced: Option<Announced>,
    items: Items,
    roster: Roster,
    plays_with_stats: u32,
    view: GameView,
}

/// What the feed last said of the game as a whole.
struct Announced {
    status: GameStatus,
    score: Option<Arc<Score>>,
    /// Places of the home and the visiting team.
    sides: [u8; 2],
}

/// A change in the making.
struct Step {
    credits: Credits,
    cause: Cause,
    feed_ts: Option<FeedTime>,
    ingest: IngestTime,
}

impl Step {
    fn new(cause: Cause, feed_ts: Option<FeedTime>, ingest: IngestTime) -> Step {
        Step {
            credits: Credits::default(),
            cause,
            feed_ts,
            ingest,
        }
    }
}

impl Game {
    /// A game of which nothing is known but its id.
    pub fn new(game: GameId) -> Game {
        Game {
            head: Arc::new(GameHead {
                game,
                teams: None,
                kickoff: None,
            }),
            announced: None,
            items: Items::default(),
            roster: Roster::default(),
            plays_with_stats: 0,
            view: GameView::default(),
        }
    }

    /// The game's id, teams and kickoff.
    pub fn head(&self) -> &Arc<GameHead> {
        &self.head
    }

    /// Status, clock, situation and score.
    pub fn view(&self) -> &GameView {
        &self.view
    }

    /// Every player ever named, by slot; see [`PlayerSlot::is_listed`].
    pub fn players(&self) -> &[PlayerSlot] {
        self.roster.slots()
    }

    /// The player of that id.
    pub fn player(&self, player: &PlayerId) -> Option<&PlayerSlot> {
        self.roster.find(player).map(|slot| &self.roster.slots()[slot as usize])
    }

    /// Whether play has begun: only then do points allowed count.
    pub fn begun(&self) -> bool {
        self.view.status != GameStatus::Scheduled || self.plays_with_stats > 0
    }

    /// Whether the players and teams of these records fit the game.
    pub fn has_room_for(&self, stats: &[StatRecord], players_max: usize) -> bool {
        self.roster.has_room_for(stats, players_max)
    }

    /// Whether the teams of this announcement fit the game.
    pub fn has_room_for_teams(&self, event: &GameEvent) -> bool {
        self.roster.has_room_for_teams([&event.home, &event.away])
    }

    /// Takes in a play that stands, or a new revision of one (`kind` says which). `place` is the play's own
    /// in this game, as for [`Game::retract`] and [`Game::situation`]: from 0, in the order in which plays are
    /// first heard of, none left out.
    pub fn play(&mut self, event: &PlayEvent, place: u32, kind: CauseKind, cards: &Cards, ingest: IngestTime) -> Change {
        let is_scoring = event.stats.iter().any(|record| gsis::scoring_points(record.stat).is_some());
        let records = self.roster.resolve(&event.stats, cards);
        let new = Play {
            clock: event.clock,
            situation: event.situation.clone(),
            gist: Gist::of(event, &records),
            credits: records,
        };
        let mut credits = Credits::default();
        // New credits first, taken from `new` before it moves in; the sum does not care.
        self.credit(&new, 1, &mut credits);
        if let Some(old) = self.items.put(place, &event.play, event.order, new) {
            self.credit(&old, -1, &mut credits);
        }
        let cause = Cause {
            play: Some(event.play.clone()),
            rev: event.rev,
            kind,
            urgent: is_scoring || kind != CauseKind::Play,
        };
        self.finish(Step {
            credits,
            ..Step::new(cause, event.ts, ingest)
        })
    }

    /// Takes a play back, and the snap after it. One that never came leaves its place taken.
    pub fn retract(&mut self, event: Retraction, place: u32, ingest: IngestTime) -> Change {
        let mut credits = Credits::default();
        if let Some(old) = self.items.retract(place, &event.play) {
            self.credit(&old, -1, &mut credits);
        }
        let cause = Cause {
            play: Some(event.play),
            rev: event.rev,
            kind: CauseKind::Retraction,
            urgent: true,
        };
        self.finish(Step {
            credits,
            ..Step::new(cause, event.ts, ingest)
        })
    }

    /// Takes in the coming snap. `place` is that of the play before it, where there is one.
    pub fn situation(&mut self, event: SituationEvent, place: Option<u32>, ingest: IngestTime) -> Change {
        let cause = Cause {
            play: None,
            rev: event.rev,
            kind: CauseKind::Game,
            urgent: false,
        };
        let step = Step::new(cause, event.ts, ingest);
        self.items.snap(place, event);
        self.finish(step)
    }

    /// Takes in the game's status, teams, kickoff and score. A kickoff once told stays until another is.
    pub fn announce(&mut self, event: GameEvent, cards: &Cards, ingest: IngestTime) -> Change {
        let cause = Cause {
            play: None,
            rev: event.rev,
            kind: CauseKind::Game,
            urgent: event.status != self.view.status || event.status == GameStatus::Final,
        };
        let step = Step::new(cause, event.ts, ingest);
        let sides = [self.roster.team(&event.home, cards), self.roster.team(&event.away, cards)];
        let announced = Announced {
            status: event.status,
            score: event.score.map(Arc::new),
            sides,
        };
        let before = self.announced.replace(announced);
        for team in sides {
            self.roster.count_team(team, 1);
        }
        for team in before.iter().flat_map(|before| before.sides) {
            self.roster.count_team(team, -1);
        }
        let head = GameHead {
            game: self.head.game.clone(),
            teams: Some((event.home, event.away)),
            kickoff: event.kickoff.or(self.head.kickoff),
        };
        let head_moved = head != *self.head;
        if head_moved {
            self.head = Arc::new(head);
        }
        let mut change = self.finish(step);
        change.view_moved.status |= head_moved;
        change
    }

    /// Takes over what a player list says of players of this game. Where a position changed, points
    /// may, so that is a change; a name alone is not.
    pub fn introduce(&mut self, infos: &[PlayerInfo], cards: &Cards, ingest: IngestTime) -> Option<Change> {
        let mut moves = SmallVec::new();
        for info in infos {
            let Some(slot) = self.roster.find(&info.player) else { continue };
            let entry = self.roster.slot_mut(slot);
            let now = cards.member(&info.player, &entry.who.team);
            let before = std::mem::replace(&mut entry.who, now);
            if before.card.position != entry.who.card.position && !entry.line.is_zero() {
                moves.push(PlayerMove {
                    slot,
                    who: entry.who.clone(),
                    who_before: Some(before),
                    after: entry.line.clone(),
                    delta: Default::default(),
                });
            }
        }
        let cause = Cause {
            play: None,
            rev: 1,
            kind: CauseKind::Game,
            urgent: false,
        };
        (!moves.is_empty()).then(|| self.change(Step::new(cause, None, ingest), ViewMoved::default(), moves))
    }

    /// A change that moves nothing and shows the player as they stand; nothing for one never named.
    pub fn as_it_stands(&self, player: &PlayerId) -> Option<Change> {
        let slot = self.roster.find(player)?;
        let entry = &self.roster.slots()[slot as usize];
        let cause = Cause {
            play: None,
            rev: 1,
            kind: CauseKind::Game,
            urgent: false,
        };
        let shown = PlayerMove {
            slot,
            who: entry.who.clone(),
            who_before: None,
            after: entry.line.clone(),
            delta: Default::default(),
        };
        let step = Step::new(cause, None, IngestTime::default());
        Some(self.change(step, ViewMoved::default(), smallvec::smallvec![shown]))
    }

    /// Counts a play's records that now stand (`sign` 1) or stand no more (−1).
    fn credit(&mut self, play: &Play, sign: i32, credits: &mut Credits) {
        for record in &play.credits {
            self.roster.count(record, sign);
        }
        credits.add(&play.credits, sign, self.roster.tallies());
        let with_stats = i32::from(!play.credits.is_empty());
        self.plays_with_stats = self.plays_with_stats.saturating_add_signed(sign * with_stats);
    }

    /// Credits what the step gathered, works out points allowed and the view, and says what moved.
    fn finish(&mut self, mut step: Step) -> Change {
        for (team, against, points) in step.credits.points.drain(..) {
            let tally = self.roster.tally_mut(team);
            match against {
                Against::Defence => tally.against_defence += points,
                Against::Offence => tally.against_offence += points,
            }
        }
        let view_moved = self.refresh_view();
        self.allow_points(&mut step.credits);
        let transferred = self.roster.settle();
        let appeared = self.roster.take_appeared();
        // Who is listed from now on is told of, whatever the record credits.
        for slot in transferred.iter().map(|(slot, _)| slot).chain(&appeared) {
            step.credits.line(*slot);
        }
        // Exactly as many as may be needed: a change stays in its topics' rings for long.
        let mut moves = SmallVec::with_capacity(step.credits.lines.len());
        for (slot, delta) in step.credits.lines.drain(..) {
            let who_before = transferred
                .iter()
                .find(|(moved, _)| *moved == slot)
                .map(|(_, before)| before.clone());
            if delta.is_empty() && who_before.is_none() && !appeared.contains(&slot) {
                continue;
            }
            let entry = self.roster.slot_mut(slot);
            entry.line.apply(&delta);
            moves.push(PlayerMove {
                slot,
                who: entry.who.clone(),
                who_before,
                after: entry.line.clone(),
                delta,
            });
        }
        self.change(step, view_moved, moves)
    }

    fn change(&self, step: Step, view_moved: ViewMoved, moves: SmallVec<[PlayerMove; 2]>) -> Change {
        Change {
            head: self.head.clone(),
            begun: self.begun(),
            cause: step.cause,
            feed_ts: step.feed_ts,
            ingest: step.ingest,
            applied: StateTime::default(),
            trace: None,
            view: self.view.clone(),
            view_moved,
            moves,
        }
    }

    /// Points allowed: what the opponent scored, less what its own defence did.
    ///
    /// The play list may lack tries after return touchdowns, so the highest score that goes with a known
    /// play counts where it is higher, whichever play is the latest; the final score is the last word. Source: the daily
    /// sites' rules (touchdowns, safeties and two-point returns by a defence are not "allowed").
    fn allow_points(&mut self, credits: &mut Credits) {
        let begun = self.begun();
        let roster = &self.roster;
        for (place, tally) in roster.tallies().iter().enumerate() {
            let (is_begun, is_allowed) = match begun && self.is_playing(place, tally) {
                true => {
                    let allowed = self.opponent(place).map_or(0, |by| self.scored(by) - by.against_offence);
                    (1, allowed.max(0))
                }
                false => (0, 0),
            };
            let line = &roster.slots()[tally.defence as usize].line;
            let (was_begun, was_allowed) = (line.get(Stat::Begun), line.get(Stat::PointsAllowed));
            if (was_begun, was_allowed) != (is_begun, is_allowed) {
                let delta = credits.line(tally.defence);
                delta.add(Stat::Begun, is_begun - was_begun);
                delta.add(Stat::PointsAllowed, is_allowed - was_allowed);
            }
        }
    }

    /// Whether that team plays this game: as announced, or else because a record says so.
    fn is_playing(&self, place: usize, tally: &Tally) -> bool {
        match &self.announced {
            Some(game) => game.sides.iter().any(|side| usize::from(*side) == place),
            None => self.roster.is_in_game(tally),
        }
    }

    /// The other one of two teams that play.
    fn opponent(&self, place: usize) -> Option<&Tally> {
        let mut others = self.roster.tallies().iter().enumerate();
        let mut others = others
            .by_ref()
            .filter(|(other, tally)| *other != place && self.is_playing(*other, tally));
        match (others.next(), others.next()) {
            (Some((_, only)), None) => Some(only),
            _ => None,
        }
    }

    fn final_score(&self) -> Option<&Arc<Score>> {
        let over = self.announced.as_ref().filter(|game| game.status == GameStatus::Final);
        over.and_then(|game| game.score.as_ref())
    }

    /// What that team has scored.
    fn scored(&self, tally: &Tally) -> i32 {
        if let Some(last_word) = self.final_score().and_then(|score| score.of(&tally.team)) {
            return i32::from(last_word);
        }
        let told = self.items.highest_score(&tally.team).map_or(0, i32::from);
        told.max(tally.against_defence + tally.against_offence)
    }

    fn refresh_view(&mut self) -> ViewMoved {
        let announced = self.announced.as_ref();
        let unannounced = match self.plays_with_stats {
            0 => GameStatus::Scheduled,
            _ => GameStatus::Live,
        };
        let status = announced.map_or(unannounced, |game| game.status);
        let (clock, situation, timeouts) = (self.items.clock(), self.items.situation(), self.items.timeouts());
        let score = self
            .final_score()
            .or_else(|| self.items.score())
            .or_else(|| announced.and_then(|game| game.score.as_ref()));
        let old = &self.view;
        let timeouts_moved = old.timeouts.as_ref() != timeouts;
        let moved = ViewMoved {
            status: old.status != status,
            clock: old.clock != clock,
            situation: old.situation.as_ref() != situation || timeouts_moved,
            timeouts: timeouts_moved,
            score: old.score.as_ref() != score,
        };
        if moved.any() {
            self.view = GameView {
                status,
                clock,
                situation: situation.cloned(),
                score: score.cloned(),
                timeouts: timeouts.cloned(),
            };
        }
        moved
    }
}
