//! Games as they stand, and the threads that own them.
//!
//! [`order`] puts all events into one order, [`owner`] applies each game's on one thread; what is here is
//! done to one event. Readers take the game's read lock and see whole events only. The owner publishes while
//! it holds the write lock, so a snapshot and a topic's `seq` always belong together. Never waits for a
//! subscriber. Bounded: `games_max` games, and per game `plays_max` plays and `players_max` players.

mod order;
mod owner;

pub use order::{Batch, Engine, SubmitError, UnderWay};
pub use owner::{Owners, Parcel};

use crate::fanout::hub::{GameTopics, Hub, Moved};
use crate::fanout::snapshot::GameSnapshot;
use crate::feed::sequence::{Admitted, Ledger, Verdict};
use crate::model::{CauseKind, Change, Event, GameHead, GameId, GameView, IngestTime, Origin, PlayerInfo, StateTime};
use crate::state::{Cards, Game};
use crate::telemetry::EngineMetrics;
use dashmap::DashMap;
use foldhash::fast::RandomState;
use parking_lot::RwLock;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bounds of the engine.
#[derive(Clone, Copy, Debug)]
pub struct EngineLimits {
    /// Threads that own games.
    pub threads: usize,
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
}

/// One game: its sequencer, its state and its topics, under one lock.
#[derive(Default)]
struct Owned {
    ledger: Ledger,
    topics: GameTopics,
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
    /// Who the players are.
    pub cards: Cards,
    hub: Arc<Hub>,
    limits: EngineLimits,
    metrics: EngineMetrics,
    hasher: RandomState,
}

/// What is gathered over several events, because saying it event by event would cost.
#[derive(Default)]
struct Gathered {
    moved: Moved,
    verdicts: [u64; Verdict::ALL.len()],
    changes: u64,
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
            cards: Cards::new(limits.players_max),
            hub,
            limits,
            metrics,
            hasher: RandomState::default(),
        }
    }

    /// One game as it is now.
    pub fn game(&self, game: &GameId) -> Option<GameSnapshot> {
        let cell = self.games.get(game).map(|cell| cell.clone())?;
        let guard = cell.game.read();
        let (game, owned) = &*guard;
        let (seq, team_seqs) = owned.topics.heads();
        Some(GameSnapshot {
            head: game.head().clone(),
            view: game.view().clone(),
            players: game.players().to_vec(),
            seq,
            team_seqs,
        })
    }

    /// Every game's head and view, by kickoff.
    pub fn games(&self) -> Vec<(Arc<GameHead>, GameView)> {
        let cells: Vec<Arc<GameCell>> = self.games.iter().map(|entry| entry.value().clone()).collect();
        let mut games: Vec<_> = cells
            .iter()
            .map(|cell| {
                let guard = cell.game.read();
                (guard.0.head().clone(), guard.0.view().clone())
            })
            .collect();
        games.sort_by(|(a, _), (b, _)| (a.kickoff, &a.game).cmp(&(b.kickoff, &b.game)));
        games
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
            batch.changes += self.hub.publish(Arc::new(change), &mut owned.topics, &mut batch.moved) as u64;
        }
    }

    /// Applies one event, which came from `origin` and is worked out at `now`, for callers that have no other
    /// threads (simulation, benches).
    pub fn apply(&self, event: Event, origin: impl Into<Origin>, now: StateTime) -> Outcome {
        let mut batch = Gathered::default();
        let outcome = self.apply_at(&event, origin.into(), now, &mut batch);
        self.hub.tell(&mut batch.moved);
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
    }

    /// Applies one event. A game's events all come from one thread, which tells the shards and counts.
    fn apply_at(&self, event: &Event, origin: Origin, now: StateTime, batch: &mut Gathered) -> Outcome {
        let ingest = origin.ingest;
        if let Event::Players(infos) = event {
            let outcome = self.meet(infos);
            self.introduce(infos, None, ingest, now, batch);
            return outcome;
        }
        let Some(cell) = event.game().and_then(|game| self.cell(game, event)) else {
            self.metrics.too_many_games.increment(1);
            return Outcome::TooManyGames;
        };
        let mut guard = cell.game.write();
        let (game, owned) = &mut *guard;
        let has_room = match event {
            Event::Play(play) => game.has_room_for(&play.stats, self.limits.game_players_max),
            Event::Game(announcement) => game.has_room_for_teams(announcement),
            _ => true,
        };
        if !has_room {
            self.metrics.too_many_players.increment(1);
            return Outcome::TooManyPlayers;
        }
        let Admitted { verdict, place } = owned.ledger.admit(event, self.limits.plays_max);
        batch.verdicts[verdict as usize] += 1;
        if let Some(cause) = cause_of(verdict) {
            // The ledger keeps a place from the first word on a play, before it says that anything counts.
            let of_play = || place.expect("a play that counts has a place");
            let change = match event {
                Event::Play(play) => game.play(play, of_play(), cause, &self.cards, ingest),
                Event::Retract(retraction) => game.retract(retraction.clone(), of_play(), ingest),
                Event::Situation(situation) => game.situation(situation.clone(), place, ingest),
                Event::Game(announcement) => game.announce(announcement.clone(), &self.cards, ingest),
                Event::Players(_) => return Outcome::Sequenced(verdict),
            };
            self.publish(change, owned, now, batch);
        }
        Outcome::Sequenced(verdict)
    }

    /// The game's cell, made where this is the first word of it.
    fn cell(&self, game: &GameId, event: &Event) -> Option<Arc<GameCell>> {
        if let Some(cell) = self.games.get(game) {
            return Some(cell.clone());
        }
        let one_more = |count: usize| (count < self.limits.games_max).then_some(count + 1);
        self.games_count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        if !matches!(event, Event::Game(_)) {
            self.metrics.unannounced_games.increment(1);
        }
        let cell = Arc::new(GameCell {
            game: RwLock::new((Game::new(game.clone()), Owned::default())),
        });
        // Nobody else makes this game: its events all come to its owner.
        self.games.insert(game.clone(), cell.clone());
        Some(cell)
    }
}

/// What a counted event is to those who see its effect.
fn cause_of(verdict: Verdict) -> Option<CauseKind> {
    match verdict {
        Verdict::Fresh | Verdict::Late => Some(CauseKind::Play),
        Verdict::Revision | Verdict::Revived => Some(CauseKind::Correction),
        Verdict::Retracted | Verdict::RetractedUnseen => Some(CauseKind::Retraction),
        Verdict::Duplicate | Verdict::Dead | Verdict::Full => None,
    }
}

#[cfg(test)]
mod tests;
