//! Games as they stand, and the threads that own them.
//!
//! `order` puts all events into one order, `owner` applies each game's on one thread; what is here is
//! done to one event. Readers take the game's read lock and see whole events only. The owner publishes while
//! it holds the write lock, so a snapshot and a topic's `seq` always belong together. Never waits for a
//! subscriber. Bounded: `games_max` games, per game `plays_max` plays and `players_max` players, and
//! `expired_games_max` ids of games that were let go of.

mod expiry;
mod feeds;
mod games;
mod notices;
mod order;
mod outcomes;
mod owner;
pub mod silence;

pub use expiry::Remains;
pub use feeds::{Behind, FeedLevels, Noted};
pub use games::Games;
pub use order::{Batch, Engine, SubmitError};
pub use outcomes::{Commit, UnderWay};
pub use owner::{Owners, Parcel};

use crate::fanout::hub::{GameTopics, Hub, HubLimits, Moved};
use crate::fanout::lineups::LineupLimits;
use crate::fanout::snapshot::GameSnapshot;
use crate::fanout::topic::Told;
use crate::feed::arbitration::BetweenFeeds;
use crate::feed::sequence::{Admitted, Ledger, Verdict};
use crate::model::{
    CauseKind, Change, Event, GameHead, GameId, GameLines, GameView, IngestTime, Origin, PlayerInfo, Recap, SOURCES_MAX, StateTime,
    TraceMark,
};
use crate::predict::board::Board;
use crate::state::{Cards, Game};
use crate::telemetry::EngineMetrics;
use dashmap::DashMap;
use expiry::Expired;
use feeds::FeedWatch;
use foldhash::fast::RandomState;
use parking_lot::RwLock;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bounds of the engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EngineLimits {
    /// Threads that own games.
    pub threads: usize,
    /// Feeds that there may be words of, at most [`SOURCES_MAX`]; whatever a single one's origin says, its
    /// revisions are compared as one feed's.
    pub sources: usize,
    /// Batches waiting for one thread.
    pub jobs_max: usize,
    /// Games in all.
    pub games_max: usize,
    /// Plays (and situations) of one game.
    pub plays_max: usize,
    /// Players of one game, defences included.
    pub game_players_max: usize,
    /// Players in the directory.
    pub players_max: usize,
    /// Games let go of whose ids are remembered, so that a late event does not make them anew.
    pub expired_games_max: usize,
}

/// What became of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The sequencer's word.
    Sequenced(Verdict),
    /// There are as many games as there may be.
    TooManyGames,
    /// The game has as many players (or teams) as a game may have.
    TooManyPlayers,
    /// The player directory is full.
    DirectoryFull,
    /// The game was let go of.
    GameExpired,
}

impl Outcome {
    /// Its name in traces.
    fn name(self) -> &'static str {
        match self {
            Outcome::Sequenced(verdict) => verdict.name(),
            Outcome::TooManyGames => "too_many_games",
            Outcome::TooManyPlayers => "too_many_players",
            Outcome::DirectoryFull => "directory_full",
            Outcome::GameExpired => "game_expired",
        }
    }
}

/// One game: its sequencer, its state and its topics, under one lock.
struct Owned {
    ledger: Ledger,
    topics: GameTopics,
    /// When the last word came in that counted.
    heard: IngestTime,
    /// Let go of, while somebody was about to read it.
    is_expired: bool,
}

impl Owned {
    fn new(sources: usize, told: Option<Told>) -> Owned {
        Owned {
            ledger: Ledger::new(sources),
            topics: GameTopics::new(told),
            heard: IngestTime::default(),
            is_expired: false,
        }
    }
}

/// A game as its owner writes and others read it.
pub struct GameCell {
    game: RwLock<(Game, Owned)>,
}

/// What readers and owners share.
pub struct Shared {
    games: DashMap<GameId, Arc<GameCell>, RandomState>,
    /// Games in `games`, counted before they go in: owners make them at the same time.
    games_count: AtomicUsize,
    expired: RwLock<Expired>,
    /// Who the players are.
    pub cards: Cards,
    hub: Arc<Hub>,
    limits: EngineLimits,
    metrics: EngineMetrics,
    feeds: FeedWatch,
    /// Where the predictor hears which games moved.
    board: Option<Arc<Board>>,
    hasher: RandomState,
    /// Which partition this is, and of how many; nothing without a cluster.
    partition: Option<(usize, usize)>,
}

/// What is gathered over several events, because saying it event by event would cost.
#[derive(Default)]
struct Gathered {
    moved: Moved,
    verdicts: [u64; Verdict::ALL.len()],
    changes: u64,
    /// Events by feed, and when the last of them was applied.
    told: [u64; SOURCES_MAX],
    at: StateTime,
    /// The record that is being applied, in a cluster.
    record: u64,
    /// The trace of the event that is being applied.
    trace: Option<TraceMark>,
}

/// Games that a player list goes through, after which the shards are told: a list is longer than a play.
const GAMES_PER_NOTICE: usize = 16;

impl Shared {
    /// No games yet, and no threads: for [`Owners::start`], and for callers of [`Shared::apply`] that
    /// have no other threads (simulation, benches).
    pub fn new(hub: Arc<Hub>, limits: EngineLimits, metrics: EngineMetrics) -> Shared {
        Shared {
            games: DashMap::default(),
            games_count: AtomicUsize::new(0),
            expired: RwLock::new(Expired::new(limits.expired_games_max)),
            cards: Cards::new(limits.players_max),
            hub,
            limits,
            feeds: FeedWatch::new(metrics.feeds(limits.sources)),
            metrics,
            board: None,
            hasher: RandomState::default(),
            partition: None,
        }
    }

    /// An empty state beside a server's own, which nobody subscribes to and no metric counts.
    pub fn beside(limits: EngineLimits) -> Shared {
        let nobody = HubLimits {
            lineups: LineupLimits::DEFAULT,
            ring_frames: 1,
            topics_max: 1,
            notices_max: 1,
        };
        let (hub, _inboxes) = Hub::new(1, nobody);
        Shared::new(Arc::new(hub), limits, EngineMetrics::unseen())
    }

    /// The same for one of several partitions: what is told of games goes by the records of its stream.
    pub fn in_partition(self, partition: usize, partitions: usize) -> Shared {
        Shared {
            partition: Some((partition, partitions)),
            ..self
        }
    }

    /// The same, counted by `metrics` from now on.
    pub fn counted(self, metrics: EngineMetrics) -> Shared {
        Shared {
            feeds: FeedWatch::new(metrics.feeds(self.limits.sources)),
            metrics,
            ..self
        }
    }

    /// One game as it is now.
    pub fn game(&self, game: &GameId) -> Option<GameSnapshot> {
        let cell = self.games.get(game).map(|cell| cell.clone())?;
        let guard = cell.game.read();
        let (game, owned) = &*guard;
        if owned.is_expired {
            return None;
        }
        let (seq, team_seqs) = owned.topics.heads();
        Some(GameSnapshot {
            head: game.head().clone(),
            view: game.view().clone(),
            players: game.players().to_vec(),
            seq,
            team_seqs,
        })
    }

    /// What a forecast may know of a game, as it is now.
    pub fn recap(&self, game: &GameId) -> Option<Recap> {
        let cell = self.games.get(game).map(|cell| cell.clone())?;
        let guard = cell.game.read();
        let (game, owned) = &*guard;
        (!owned.is_expired).then(|| game.recap())
    }

    /// What a forecast of points may know of a game, as it is now.
    pub fn lines(&self, game: &GameId) -> Option<GameLines> {
        let cell = self.games.get(game).map(|cell| cell.clone())?;
        let guard = cell.game.read();
        let (game, owned) = &*guard;
        (!owned.is_expired).then(|| game.lines())
    }

    /// Every game's head and view, by kickoff.
    pub fn games(&self) -> Vec<(Arc<GameHead>, GameView)> {
        let mut games: Vec<_> = self
            .cells()
            .iter()
            .filter_map(|cell| {
                let guard = cell.game.read();
                let (game, owned) = &*guard;
                (!owned.is_expired).then(|| (game.head().clone(), game.view().clone()))
            })
            .collect();
        games.sort_by(|(a, _), (b, _)| (a.kickoff, &a.game).cmp(&(b.kickoff, &b.game)));
        games
    }

    fn cells(&self) -> Vec<Arc<GameCell>> {
        self.games.iter().map(|entry| entry.value().clone()).collect()
    }

    /// How many games there are.
    pub fn game_count(&self) -> usize {
        self.games.len()
    }

    fn owner_of(&self, game: &GameId) -> usize {
        (self.hasher.hash_one(game) % self.limits.threads as u64) as usize
    }

    fn meet(&self, infos: &[PlayerInfo]) -> Outcome {
        // Not `all`: a full directory still updates the players it knows.
        let met = infos.iter().filter(|info| self.cards.put(info)).count();
        if met == infos.len() {
            self.metrics.verdict(Verdict::Fresh, 1);
            Outcome::Sequenced(Verdict::Fresh)
        } else {
            self.metrics.directory_full.increment(1);
            Outcome::DirectoryFull
        }
    }

    /// Tells the games of one owner (or all) who their players are, and the shards what that moved.
    fn introduce(&self, infos: &[PlayerInfo], owner: Option<usize>, ingest: IngestTime, now: StateTime, batch: &mut Gathered) {
        let owned = |game: &GameId| owner.is_none_or(|owner| self.owner_of(game) == owner);
        let mut cells: Vec<(GameId, Arc<GameCell>)> = self
            .games
            .iter()
            .filter(|entry| owned(entry.key()))
            .map(|entry| (entry.key().clone(), entry.value().clone()))
            .collect();
        // A player may be in two of them, and only one of those shows: the same order gives the same `seq`.
        cells.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (nth, (_, cell)) in cells.iter().enumerate() {
            let mut guard = cell.game.write();
            let (game, owned) = &mut *guard;
            if let Some(change) = game.introduce(infos, &self.cards, ingest) {
                self.publish(change, owned, now, batch);
            }
            drop(guard);
            if (nth + 1).is_multiple_of(GAMES_PER_NOTICE) || self.hub.is_due(&batch.moved) {
                self.hub.tell(&mut batch.moved);
            }
        }
        self.hub.tell(&mut batch.moved);
    }

    fn publish(&self, mut change: Change, owned: &mut Owned, now: StateTime, batch: &mut Gathered) {
        if change.is_visible() {
            change.applied = now;
            change.trace = batch.trace;
            batch.changes += self.hub.publish(Arc::new(change), &mut owned.topics, &mut batch.moved) as u64;
        }
    }

    /// Applies one event, which came from `origin` and is worked out at `now`, for callers that have no other
    /// threads (simulation, benches).
    pub fn apply(&self, event: Event, origin: impl Into<Origin>, now: StateTime) -> Outcome {
        self.apply_record(0, event, origin, now)
    }

    /// The same for an event that is a record of its partition's stream.
    pub fn apply_record(&self, record: u64, event: Event, origin: impl Into<Origin>, now: StateTime) -> Outcome {
        let mut batch = Gathered {
            record,
            ..Gathered::default()
        };
        let outcome = self.apply_at(&event, origin.into(), now, &mut batch);
        self.tell(&mut batch);
        self.count(&mut batch);
        outcome
    }

    /// Counts what was done.
    fn count(&self, batch: &mut Gathered) {
        let verdicts = std::mem::take(&mut batch.verdicts);
        for (verdict, events) in Verdict::ALL.into_iter().zip(verdicts).filter(|(_, events)| *events > 0) {
            self.metrics.verdict(verdict, events);
        }
        self.metrics.changes.increment(std::mem::take(&mut batch.changes));
        self.feeds.heard(std::mem::take(&mut batch.told), batch.at);
    }

    /// Applies one event. A game's events all come from one thread, which tells the shards and counts.
    fn apply_at(&self, event: &Event, origin: Origin, now: StateTime, batch: &mut Gathered) -> Outcome {
        let ingest = origin.ingest;
        if let Event::Players(infos) = event {
            let outcome = self.meet(infos);
            self.introduce(infos, None, ingest, now, batch);
            return outcome;
        }
        let game = event.game().expect("an event that is no player list is of a game");
        let cell = match self.cell(game, event, batch.record) {
            Ok(cell) => cell,
            Err(refused) => return refused,
        };
        let mut guard = cell.game.write();
        let (game, owned) = &mut *guard;
        if !self.has_room(game, event) {
            return Outcome::TooManyPlayers;
        }
        let admitted = owned.ledger.admit(event, origin, self.limits.plays_max);
        batch.verdicts[admitted.verdict as usize] += 1;
        batch.told[origin.source.index()] += 1;
        batch.at = now;
        if admitted.between != BetweenFeeds::default() {
            self.feeds.note(game, event, origin.source, &admitted);
        }
        self.take_effect((game, owned), event, admitted, ingest, now, batch);
        drop(guard);
        self.notify(event, admitted.verdict, ingest);
        Outcome::Sequenced(admitted.verdict)
    }

    /// Changes the game by an event that counts, and publishes that.
    fn take_effect(
        &self,
        (game, owned): (&mut Game, &mut Owned),
        event: &Event,
        admitted: Admitted,
        ingest: IngestTime,
        now: StateTime,
        batch: &mut Gathered,
    ) {
        if let Some(change) = self.change(game, event, admitted, ingest) {
            owned.heard = owned.heard.max(ingest);
            self.publish(change, owned, now, batch);
        }
    }

    /// Whether the players and teams that an event names fit its game.
    fn has_room(&self, game: &Game, event: &Event) -> bool {
        let has_room = match event {
            Event::Play(play) => game.has_room_for(&play.stats, self.limits.game_players_max),
            Event::Game(announcement) => game.has_room_for_teams(announcement),
            _ => true,
        };
        if !has_room {
            self.metrics.too_many_players.increment(1);
        }
        has_room
    }

    /// What an event does to its game, where it counts.
    fn change(&self, game: &mut Game, event: &Event, admitted: Admitted, ingest: IngestTime) -> Option<Change> {
        let cause = cause_of(admitted.verdict)?;
        // The ledger keeps a place from the first word on a play, before it says that anything counts.
        let of_play = || admitted.place.expect("a play that counts has a place");
        match event {
            Event::Play(play) => Some(game.play(play, of_play(), cause, &self.cards, ingest)),
            Event::Retract(retract) => Some(game.retract(retract.clone(), of_play(), ingest)),
            Event::Situation(situation) => Some(game.situation(situation.clone(), admitted.place, ingest)),
            Event::Game(announcement) => Some(game.announce(announcement.clone(), &self.cards, ingest)),
            Event::Players(_) => None,
        }
    }

    /// The game's cell, made where this is the first word of it; what becomes of the event where it may not be.
    fn cell(&self, game: &GameId, event: &Event, record: u64) -> Result<Arc<GameCell>, Outcome> {
        if let Some(cell) = self.games.get(game) {
            return Ok(cell.clone());
        }
        if self.expired.read().contains(game) {
            self.metrics.game_expired.increment(1);
            return Err(Outcome::GameExpired);
        }
        let one_more = |count: usize| (count < self.limits.games_max).then_some(count + 1);
        let counted = self.games_count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        if counted.is_err() {
            self.metrics.too_many_games.increment(1);
            return Err(Outcome::TooManyGames);
        }
        if !matches!(event, Event::Game(_)) {
            self.metrics.unannounced_games.increment(1);
        }
        let told = self.partition.map(|(place, of)| Told::of_game(record, place, of));
        let cell = Arc::new(GameCell {
            game: RwLock::new((Game::new(game.clone()), Owned::new(self.limits.sources, told))),
        });
        // Nobody else makes this game: its events all come to its owner.
        self.games.insert(game.clone(), cell.clone());
        Ok(cell)
    }
}

/// What a counted event is to those who see its effect.
fn cause_of(verdict: Verdict) -> Option<CauseKind> {
    match verdict {
        Verdict::Fresh | Verdict::Late => Some(CauseKind::Play),
        Verdict::Revision | Verdict::Revived => Some(CauseKind::Correction),
        Verdict::Retracted | Verdict::RetractedUnseen => Some(CauseKind::Retraction),
        Verdict::Outranked | Verdict::Duplicate | Verdict::Dead | Verdict::Full => None,
    }
}

#[cfg(test)]
mod tests;
