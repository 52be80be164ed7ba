//! One game: its plays as they stand, the lines they add up to, its clock, situation and score.
//!
//! Every total is a function of the *set* of items that stand (highest revision each), never of the
//! order they came in: lines are sums, "latest" is decided by the feed's `order`, and points allowed
//! follow from the plays and from the score that goes with them.

use super::Cards;
use super::credit::Credits;
use crate::model::change::{Cause, CauseKind, Change, GameHead, GameView, PlayerCard, PlayerMove, ViewMoved};
use crate::model::gsis::{self, Against};
use crate::model::{
    Clock, FeedTime, GameEvent, GameId, GameStatus, IngestTime, PlayEvent, PlayId, PlayerId, PlayerInfo, Retraction, Score, Situation,
    SituationEvent, Stat, StatLine, StatRecord, Team,
};
use foldhash::fast::RandomState;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;

/// One player in one game.
#[derive(Clone, Debug)]
pub struct PlayerSlot {
    /// Who.
    pub card: Arc<PlayerCard>,
    /// For which team.
    pub team: Team,
    /// What they have done.
    pub line: StatLine,
    /// Stat records that stand and name this player, those that credit nothing included.
    pub records: u32,
}

impl PlayerSlot {
    /// Whether the player has a stat record, or is a defence.
    pub fn is_listed(&self) -> bool {
        self.records > 0 || self.card.player.is_dst()
    }
}

/// Where an item stands in the game: by order, a play before the situation after it, then by id.
type Place = (u64, u8, Option<PlayId>);

struct Play {
    order: u64,
    /// Absent once retracted.
    body: Option<PlayBody>,
}

struct PlayBody {
    clock: Option<Clock>,
    situation: Option<Situation>,
    stats: SmallVec<[StatRecord; 4]>,
}

struct TeamTally {
    team: Team,
    defence: u32,
    /// Points scored against the other defence, from plays.
    against_defence: i32,
    /// Points that this team's own defence scored.
    against_offence: i32,
}

/// One game's working state. Changed by its owner alone.
pub struct Game {
    head: Arc<GameHead>,
    announced: Option<GameEvent>,
    plays: HashMap<PlayId, Play, RandomState>,
    situations: HashMap<Option<PlayId>, SituationEvent, RandomState>,
    slots: Vec<PlayerSlot>,
    by_id: HashMap<PlayerId, u32, RandomState>,
    tallies: SmallVec<[TeamTally; 2]>,
    plays_with_stats: u32,
    arrivals: u64,
    clock_at: Option<Place>,
    situation_at: Option<Place>,
    score_at: Option<Place>,
    view: Arc<GameView>,
}

/// The players and teams of a game, by id; those it does not know yet are added.
pub(super) struct Roster<'a> {
    slots: &'a mut Vec<PlayerSlot>,
    by_id: &'a mut HashMap<PlayerId, u32, RandomState>,
    tallies: &'a mut SmallVec<[TeamTally; 2]>,
    cards: &'a Cards,
    /// Added to a player's count of standing records each time it is named.
    sign: i32,
}

impl Roster<'_> {
    /// The place of a team's tally.
    pub(super) fn team(&mut self, team: &Team) -> u8 {
        if let Some(place) = self.tallies.iter().position(|tally| tally.team == *team) {
            return place as u8;
        }
        let defence = self.intern(&PlayerId::dst(team), team);
        self.tallies.push(TeamTally {
            team: team.clone(),
            defence,
            against_defence: 0,
            against_offence: 0,
        });
        (self.tallies.len() - 1) as u8
    }

    /// The slot of the player that a record names.
    pub(super) fn slot(&mut self, player: &PlayerId, team: &Team) -> u32 {
        let slot = self.intern(player, team);
        let entry = &mut self.slots[slot as usize];
        entry.records = entry.records.saturating_add_signed(self.sign);
        if self.sign > 0 && entry.team != *team {
            entry.team = team.clone();
        }
        slot
    }

    /// The slot of a team's defence.
    pub(super) fn defence(&self, team: u8) -> u32 {
        self.tallies[team as usize].defence
    }

    fn intern(&mut self, player: &PlayerId, team: &Team) -> u32 {
        if let Some(slot) = self.by_id.get(player) {
            return *slot;
        }
        let slot = self.slots.len() as u32;
        self.slots.push(PlayerSlot {
            card: self.cards.get(player),
            team: team.clone(),
            line: StatLine::ZERO,
            records: 0,
        });
        self.by_id.insert(player.clone(), slot);
        slot
    }
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

/// Most teams that one game's records may name: two, and room for a feed's mistakes.
const TEAMS_MAX: usize = 8;

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
            plays: HashMap::default(),
            situations: HashMap::default(),
            slots: Vec::new(),
            by_id: HashMap::default(),
            tallies: SmallVec::new(),
            plays_with_stats: 0,
            arrivals: 0,
            clock_at: None,
            situation_at: None,
            score_at: None,
            view: Arc::default(),
        }
    }

    /// The game's id, teams and kickoff.
    pub fn head(&self) -> &Arc<GameHead> {
        &self.head
    }

    /// Status, clock, situation and score.
    pub fn view(&self) -> &Arc<GameView> {
        &self.view
    }

    /// Every player ever named, by slot; see [`PlayerSlot::is_listed`].
    pub fn players(&self) -> &[PlayerSlot] {
        &self.slots
    }

    /// The player of that id.
    pub fn player(&self, player: &PlayerId) -> Option<&PlayerSlot> {
        self.by_id.get(player).map(|slot| &self.slots[*slot as usize])
    }

    /// Whether play has begun: only then do points allowed count.
    pub fn begun(&self) -> bool {
        self.view.status != GameStatus::Scheduled || self.plays_with_stats > 0
    }

    /// Whether the players and teams of these records fit the game.
    pub fn has_room_for(&self, stats: &[StatRecord], players_max: usize) -> bool {
        let new_players = stats
            .iter()
            .filter_map(|r| r.player.as_ref())
            .filter(|p| !self.by_id.contains_key(*p))
            .count();
        let mut teams: SmallVec<[&Team; TEAMS_MAX]> = self.tallies.iter().map(|tally| &tally.team).collect();
        for record in stats {
            if !teams.contains(&&record.team) {
                teams.push(&record.team);
            }
        }
        teams.len() <= TEAMS_MAX && self.slots.len() + new_players + TEAMS_MAX <= players_max
    }

    /// Takes in a play that stands, or a new revision of one (`kind` says which).
    pub fn play(&mut self, event: PlayEvent, kind: CauseKind, cards: &Cards, ingest: IngestTime) -> Change {
        let scoring = event.stats.iter().any(|record| gsis::scoring_points(record.stat).is_some());
        let urgent = scoring || kind != CauseKind::Play;
        let cause = Cause {
            play: Some(event.play.clone()),
            rev: event.rev,
            kind,
            urgent,
        };
        let mut step = Step::new(cause, event.ts, ingest);
        let order = self.order_of(event.order, &event.play);
        let body = PlayBody {
            clock: event.clock,
            situation: event.situation,
            stats: event.stats,
        };
        self.replace(&event.play, order, Some(body), &mut step, cards);
        self.finish(step)
    }

    /// Takes a play back. One that never came leaves its place taken.
    pub fn retract(&mut self, event: Retraction, cards: &Cards, ingest: IngestTime) -> Change {
        let cause = Cause {
            play: Some(event.play.clone()),
            rev: event.rev,
            kind: CauseKind::Retraction,
            urgent: true,
        };
        let mut step = Step::new(cause, event.ts, ingest);
        let order = self.order_of(None, &event.play);
        self.replace(&event.play, order, None, &mut step, cards);
        self.finish(step)
    }

    /// Takes in the coming snap.
    pub fn situation(&mut self, event: SituationEvent, ingest: IngestTime) -> Change {
        let cause = Cause {
            play: None,
            rev: event.rev,
            kind: CauseKind::Game,
            urgent: false,
        };
        let step = Step::new(cause, event.ts, ingest);
        let place = self.place_of_situation(&event);
        let replaced = self.situations.insert(event.after_play.clone(), event).is_some();
        if replaced {
            self.rescan();
        } else {
            self.consider_situation(place);
        }
        self.finish(step)
    }

    /// Takes in the game's status, teams, kickoff and score.
    pub fn announce(&mut self, event: GameEvent, cards: &Cards, ingest: IngestTime) -> Change {
        let status_moved = event.status != self.view.status;
        let cause = Cause {
            play: None,
            rev: event.rev,
            kind: CauseKind::Game,
            urgent: status_moved,
        };
        let step = Step::new(cause, event.ts, ingest);
        let head = GameHead {
            game: self.head.game.clone(),
            teams: Some((event.home.clone(), event.away.clone())),
            kickoff: event.kickoff.or(self.head.kickoff),
        };
        let mut roster = self.roster(cards, 0);
        roster.team(&event.home);
        roster.team(&event.away);
        let head_moved = head != *self.head;
        if head_moved {
            self.head = Arc::new(head);
        }
        self.announced = Some(event);
        let mut change = self.finish(step);
        change.view_moved.status |= head_moved;
        change
    }

    /// Takes over what a player list says of players of this game. Where a position changed, points
    /// may, so that is a change; a name alone is not.
    pub fn introduce(&mut self, infos: &[PlayerInfo], cards: &Cards, ingest: IngestTime) -> Option<Change> {
        let cause = Cause {
            play: None,
            rev: 1,
            kind: CauseKind::Game,
            urgent: false,
        };
        let mut moves = SmallVec::new();
        for info in infos {
            let Some(&slot) = self.by_id.get(&info.player) else { continue };
            let entry = &mut self.slots[slot as usize];
            let before = std::mem::replace(&mut entry.card, cards.get(&info.player));
            if before.position != entry.card.position && entry.line != StatLine::ZERO {
                moves.push(PlayerMove {
                    slot,
                    card: entry.card.clone(),
                    card_before: Some(before),
                    team: entry.team.clone(),
                    after: entry.line,
                    delta: Default::default(),
                });
            }
        }
        let step = Step::new(cause, None, ingest);
        (!moves.is_empty()).then(|| Change {
            moves,
            ..self.change(step)
        })
    }

    fn roster<'a>(&'a mut self, cards: &'a Cards, sign: i32) -> Roster<'a> {
        Roster {
            slots: &mut self.slots,
            by_id: &mut self.by_id,
            tallies: &mut self.tallies,
            cards,
            sign,
        }
    }

    fn order_of(&mut self, given: Option<u64>, play: &PlayId) -> u64 {
        given
            .or_else(|| play.order())
            .or_else(|| self.plays.get(play).map(|known| known.order))
            .unwrap_or_else(|| {
                self.arrivals += 1;
                self.arrivals
            })
    }

    /// Puts `body` in the place of what stood for that play, crediting the difference.
    fn replace(&mut self, play: &PlayId, order: u64, body: Option<PlayBody>, step: &mut Step, cards: &Cards) {
        let old = self.plays.remove(play).and_then(|known| known.body);
        if let Some(old) = &old {
            step.credits.add(&old.stats, -1, &mut self.roster(cards, -1));
            self.plays_with_stats -= u32::from(!old.stats.is_empty());
        }
        if let Some(new) = &body {
            step.credits.add(&new.stats, 1, &mut self.roster(cards, 1));
            self.plays_with_stats += u32::from(!new.stats.is_empty());
        }
        self.plays.insert(play.clone(), Play { order, body });
        // A situation that came before its play has its true place, and its score counts, only now.
        if old.is_some() || self.situations.contains_key(&Some(play.clone())) {
            self.rescan();
        } else {
            self.consider_play(play, order);
        }
    }

    /// Credits what the step gathered, works out points allowed and the view, and says what moved.
    fn finish(&mut self, mut step: Step) -> Change {
        for (team, against, points) in std::mem::take(&mut step.credits.points) {
            let tally = &mut self.tallies[team as usize];
            match against {
                Against::Defence => tally.against_defence += points,
                Against::Offence => tally.against_offence += points,
            }
        }
        let view_moved = self.refresh_view();
        self.allow_points(&mut step.credits);
        let mut moves = SmallVec::new();
        for (slot, delta) in std::mem::take(&mut step.credits.lines) {
            if delta.is_empty() {
                continue;
            }
            let entry = &mut self.slots[slot as usize];
            entry.line.apply(&delta);
            moves.push(PlayerMove {
                slot,
                card: entry.card.clone(),
                card_before: None,
                team: entry.team.clone(),
                after: entry.line,
                delta,
            });
        }
        Change {
            moves,
            view_moved,
            ..self.change(step)
        }
    }

    fn change(&self, step: Step) -> Change {
        Change {
            head: self.head.clone(),
            begun: self.begun(),
            cause: step.cause,
            feed_ts: step.feed_ts,
            ingest: step.ingest,
            view: self.view.clone(),
            view_moved: ViewMoved::default(),
            moves: SmallVec::new(),
        }
    }

    /// Points allowed: what the opponent scored, less what its own defence did.
    ///
    /// The play list may lack tries after return touchdowns, so the score that goes with a known
    /// play counts where it is higher, and the final score is the last word. Source: the daily
    /// sites' rules (touchdowns, safeties and two-point returns by a defence are not "allowed").
    fn allow_points(&mut self, credits: &mut Credits) {
        let begun = self.begun();
        for place in 0..self.tallies.len() {
            let allowed = match self.opponent(place) {
                Some(opponent) => (self.scored(opponent) - opponent.against_offence).max(0),
                None => 0,
            };
            let slot = self.tallies[place].defence;
            let line = &self.slots[slot as usize].line;
            let (was_begun, was_allowed) = (line.get(Stat::Begun), line.get(Stat::PointsAllowed));
            let (is_begun, is_allowed) = (i32::from(begun), if begun { allowed } else { 0 });
            if (was_begun, was_allowed) != (is_begun, is_allowed) {
                let delta = credits.line(slot);
                delta.add(Stat::Begun, is_begun - was_begun);
                delta.add(Stat::PointsAllowed, is_allowed - was_allowed);
            }
        }
    }

    fn opponent(&self, place: usize) -> Option<&TeamTally> {
        let team = &self.tallies[place].team;
        match &self.head.teams {
            Some((home, away)) if team == home => self.tallies.iter().find(|tally| tally.team == *away),
            Some((home, away)) if team == away => self.tallies.iter().find(|tally| tally.team == *home),
            Some(_) => None,
            None if self.tallies.len() == 2 => self.tallies.get(1 - place),
            None => None,
        }
    }

    fn scored(&self, tally: &TeamTally) -> i32 {
        let from_plays = tally.against_defence + tally.against_offence;
        let told = |score: Option<&Score>| score.and_then(|score| score.of(&tally.team)).map(i32::from);
        if let Some(last_word) = self.final_score().and_then(|score| told(Some(score))) {
            return last_word;
        }
        told(self.situation_score()).map_or(from_plays, |told| told.max(from_plays))
    }

    fn final_score(&self) -> Option<&Score> {
        self.announced
            .as_ref()
            .filter(|game| game.status == GameStatus::Final)
            .and_then(|game| game.score.as_ref())
    }

    fn situation_score(&self) -> Option<&Score> {
        let (_, _, after) = self.score_at.as_ref()?;
        self.situations.get(after)?.score.as_ref()
    }

    fn place_of_situation(&self, event: &SituationEvent) -> Place {
        let order = match &event.after_play {
            Some(play) => self.plays.get(play).map(|known| known.order).or_else(|| play.order()).unwrap_or(0),
            None => 0,
        };
        (order, 1, event.after_play.clone())
    }

    fn consider_play(&mut self, play: &PlayId, order: u64) {
        let place = (order, 0, Some(play.clone()));
        if let Some(body) = self.plays.get(play).and_then(|known| known.body.as_ref()) {
            raise(&mut self.clock_at, body.clock.is_some(), &place);
            raise(&mut self.situation_at, body.situation.is_some(), &place);
        }
    }

    fn consider_situation(&mut self, place: Place) {
        let Some(event) = self.situations.get(&place.2) else { return };
        let play_is_known = place.2.as_ref().is_none_or(|play| self.plays.contains_key(play));
        raise(&mut self.clock_at, event.clock.is_some(), &place);
        raise(&mut self.situation_at, event.situation != Situation::default(), &place);
        raise(&mut self.score_at, event.score.is_some() && play_is_known, &place);
    }

    /// Finds the latest clock, situation and score anew, after one of them may have been replaced.
    fn rescan(&mut self) {
        (self.clock_at, self.situation_at, self.score_at) = (None, None, None);
        let plays: Vec<(PlayId, u64)> = self.plays.iter().map(|(id, play)| (id.clone(), play.order)).collect();
        for (play, order) in plays {
            self.consider_play(&play, order);
        }
        let places: Vec<Place> = self.situations.values().map(|event| self.place_of_situation(event)).collect();
        for place in places {
            self.consider_situation(place);
        }
    }

    fn refresh_view(&mut self) -> ViewMoved {
        let clock = self.clock_at.as_ref().and_then(|place| match place {
            (_, 0, Some(play)) => self
                .plays
                .get(play)
                .and_then(|known| known.body.as_ref())
                .and_then(|body| body.clock),
            (_, _, after) => self.situations.get(after).and_then(|event| event.clock),
        });
        let situation = self.situation_at.as_ref().and_then(|place| match place {
            (_, 0, Some(play)) => self
                .plays
                .get(play)
                .and_then(|known| known.body.as_ref())
                .and_then(|body| body.situation.as_ref()),
            (_, _, after) => self.situations.get(after).map(|event| &event.situation),
        });
        let timeouts = self
            .situation_at
            .as_ref()
            .and_then(|(_, _, after)| self.situations.get(after))
            .and_then(|e| e.timeouts.as_ref());
        let announced = self.announced.as_ref();
        let score = self
            .final_score()
            .or_else(|| self.situation_score())
            .or_else(|| announced.and_then(|game| game.score.as_ref()));
        let status = announced.map_or(
            if self.plays_with_stats > 0 {
                GameStatus::Live
            } else {
                GameStatus::Scheduled
            },
            |game| game.status,
        );
        let old = &self.view;
        let moved = ViewMoved {
            status: old.status != status,
            clock: old.clock != clock,
            situation: old.situation.as_ref() != situation || (timeouts.is_some() && old.timeouts.as_ref() != timeouts),
            score: old.score.as_ref() != score,
        };
        if moved.any() {
            let timeouts = timeouts.or(old.timeouts.as_ref()).cloned();
            self.view = Arc::new(GameView {
                status,
                clock,
                situation: situation.cloned(),
                score: score.cloned(),
                timeouts,
            });
        }
        moved
    }
}

/// Moves a "latest" mark up to `place` where that item has something to show.
fn raise(latest: &mut Option<Place>, shows: bool, place: &Place) {
    if shows && latest.as_ref().is_none_or(|current| place >= current) {
        *latest = Some(place.clone());
    }
}
