//! The owners of games: threads that sequence, apply and publish, each its own games.
//!
//! A game belongs to the thread that its id hashes to, for good; its events apply there in order.
//! Readers take the game's read lock and see whole events only. The owner publishes while it holds the
//! write lock, so a snapshot and a topic's `seq` always belong together. Never does I/O; never waits
//! for a subscriber. Bounded: `jobs_max` batches wait per thread, `games_max` games, and per game
//! `plays_max` plays and `players_max` players.

mod feeds;
pub mod silence;

use crate::clock::Clock;
use crate::fanout::hub::{GameTopics, Hub, Moved};
use crate::fanout::snapshot::GameSnapshot;
use crate::feed::arbitration::BetweenFeeds;
use crate::feed::sequence::{Admitted, Ledger, Verdict};
use crate::model::{
    CauseKind, Change, Event, GameHead, GameId, GameView, IngestTime, Origin, PlayerInfo, SOURCES_MAX, SourceId, StateTime,
};
use crate::state::{Cards, Game};
use crate::telemetry::EngineMetrics;
use dashmap::DashMap;
use feeds::FeedWatch;
use flume::{Receiver, Sender};
use foldhash::fast::RandomState;
use parking_lot::RwLock;
use std::hash::BuildHasher;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bounds of the engine.
#[derive(Clone, Copy, Debug)]
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

/// What an owner is told, in order.
enum Job {
    Events(Events),
    /// A feed is silent about one of its games.
    Silent(SourceId, GameId),
}

/// Events of one source for one owner, in order.
struct Events {
    events: Vec<(usize, Event)>,
    origin: Origin,
    done: Sender<Vec<(usize, Outcome)>>,
}

/// One game: its sequencer, its state and its topics, under one lock.
struct Owned {
    ledger: Ledger,
    topics: GameTopics,
}

impl Owned {
    fn new(sources: usize) -> Owned {
        Owned {
            ledger: Ledger::new(sources),
            topics: GameTopics::default(),
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
    /// Who the players are.
    pub cards: Cards,
    hub: Arc<Hub>,
    limits: EngineLimits,
    metrics: EngineMetrics,
    feeds: FeedWatch,
    hasher: RandomState,
}

/// The way in: hands events to their owners.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    owners: Vec<Sender<Job>>,
    /// Says which owner has ended.
    ended: Receiver<usize>,
}

/// Why events were not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SubmitError {
    /// An owner's queue stays full.
    #[error("the engine is behind; try again in a moment")]
    Busy,
    /// An owner is gone: the process is about to end.
    #[error("the engine has stopped")]
    Stopped,
}

impl Engine {
    /// Starts the owners' threads. They end when the last [`Engine`] is dropped.
    pub fn start(hub: Arc<Hub>, limits: EngineLimits, metrics: EngineMetrics) -> Engine {
        let shared = Arc::new(Shared::new(hub, limits, metrics));
        let (ending, ended) = flume::bounded(limits.threads);
        let owners = (0..limits.threads)
            .map(|thread| {
                let (sender, receiver) = flume::bounded(limits.jobs_max);
                let shared = shared.clone();
                let ending = Ending(thread, ending.clone());
                std::thread::Builder::new()
                    .name(format!("engine-{thread}"))
                    .spawn(move || until_unneeded(&receiver, ending, |jobs| own(&shared, thread, jobs)))
                    .expect("the system gives the process its first threads");
                sender
            })
            .collect();
        Engine { shared, owners, ended }
    }

    /// Waits until an owner ends, which none does by itself: what it owned can be trusted no longer. Its
    /// thread stays, to let go of what is left in its queue.
    pub async fn owner_ended(&self) -> usize {
        self.ended.recv_async().await.unwrap_or(0)
    }

    /// What readers see.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Batches waiting for the busiest owner.
    pub fn jobs_waiting(&self) -> usize {
        self.owners.iter().map(Sender::len).max().unwrap_or(0)
    }

    /// Hands events to their owners and waits until all have been applied, each player list where it
    /// stands among them; see [`Engine::hand_over`].
    ///
    /// # Errors
    /// Those of [`Engine::hand_over`] and [`UnderWay::outcomes`].
    pub async fn submit(&self, events: Vec<(usize, Event)>, origin: impl Into<Origin>) -> Result<Vec<(usize, Outcome)>, SubmitError> {
        let origin = origin.into();
        let mut outcomes = Vec::with_capacity(events.len());
        let mut rest = events;
        while !rest.is_empty() {
            let list = rest.iter().position(|(_, event)| matches!(event, Event::Players(_)));
            let later = rest.split_off(list.map_or(rest.len(), |list| list.max(1)));
            outcomes.extend(self.hand_over(rest, origin).await?.outcomes().await?);
            rest = later;
        }
        Ok(outcomes)
    }

    /// Hands events (each with its place in the request) to their owners, who apply them while the caller
    /// prepares more. A player list goes to every owner, since each may have its players in a game; the
    /// directory takes it over at once. So hand it over alone, and once what stands before it is applied:
    /// else it depends on timing how often its games move.
    ///
    /// # Errors
    /// An owner's queue stays full, or an owner is gone; events of other owners may then have been
    /// applied. Sending the same events again does no harm.
    pub async fn hand_over(&self, mut events: Vec<(usize, Event)>, origin: Origin) -> Result<UnderWay, SubmitError> {
        debug_assert!(
            events.len() == 1 || !events.iter().any(|(_, event)| matches!(event, Event::Players(_))),
            "a player list goes alone"
        );
        let mut outcomes = Vec::new();
        for (place, event) in &mut events {
            if let Event::Players(infos) = event {
                outcomes.push((*place, self.shared.meet(infos)));
                *place = PLAYERS;
            }
        }
        let (done, finished) = flume::bounded(self.owners.len());
        let mut jobs = 0;
        for (owner, events) in self.by_owner(events).into_iter().enumerate() {
            if events.is_empty() {
                continue;
            }
            let job = Events {
                events,
                origin,
                done: done.clone(),
            };
            self.send(owner, Job::Events(job)).await?;
            jobs += 1;
        }
        Ok(UnderWay { jobs, outcomes, finished })
    }

    async fn send(&self, owner: usize, job: Job) -> Result<(), SubmitError> {
        let sent = tokio::time::timeout(std::time::Duration::from_secs(1), self.owners[owner].send_async(job)).await;
        sent.map_err(|_| SubmitError::Busy)?.map_err(|_| SubmitError::Stopped)
    }

    fn by_owner(&self, events: Vec<(usize, Event)>) -> Vec<Vec<(usize, Event)>> {
        if self.owners.len() == 1 {
            return vec![events];
        }
        let mut by_owner: Vec<Vec<(usize, Event)>> = vec![Vec::new(); self.owners.len()];
        for (place, event) in events {
            match event.game() {
                Some(game) => by_owner[self.shared.owner_of(game)].push((place, event)),
                None => by_owner.iter_mut().for_each(|owner| owner.push((place, event.clone()))),
            }
        }
        by_owner
    }
}

/// Events that their owners apply.
pub struct UnderWay {
    /// Owners that have yet to answer.
    jobs: usize,
    /// Those known already.
    outcomes: Vec<(usize, Outcome)>,
    finished: Receiver<Vec<(usize, Outcome)>>,
}

impl UnderWay {
    /// What became of each event, by its place in the request; in no promised order.
    ///
    /// # Errors
    /// An owner is gone.
    pub async fn outcomes(mut self) -> Result<Vec<(usize, Outcome)>, SubmitError> {
        // Each owner, whether or not it has an outcome to add: a list's is known before it is applied.
        for _ in 0..self.jobs {
            let some = self.finished.recv_async().await.map_err(|_| SubmitError::Stopped)?;
            if self.outcomes.is_empty() {
                self.outcomes = some;
            } else {
                self.outcomes.extend(some);
            }
        }
        Ok(self.outcomes)
    }
}

/// Says that an owner has ended, by a panic too.
struct Ending(usize, Sender<usize>);

impl Drop for Ending {
    fn drop(&mut self) {
        // Nobody may be waiting any more.
        let _ = self.1.try_send(self.0);
    }
}

/// The place of player lists in an owner's batch: their outcome is known before.
const PLAYERS: usize = usize::MAX;

/// What is gathered over the events of a batch, because saying it event by event would cost.
#[derive(Default)]
struct Batch {
    moved: Moved,
    verdicts: [u64; Verdict::ALL.len()],
    changes: u64,
    /// Events by feed, and when the last of them was applied.
    told: [u64; SOURCES_MAX],
    at: StateTime,
}

// An event takes its owner about 1.5 µs: `scorewire-loadtest run ingest`, `server_cpu_us_per_event_engine`.

/// Events after which the shards are told what moved while nothing else waits: some 50 µs' worth.
const EVENTS_PER_NOTICE: usize = 32;
/// The same while more batches wait, some 1.5 ms' worth: whoever watches is told the same in fewer, merged
/// frames.
const EVENTS_PER_NOTICE_BEHIND: usize = 1024;
/// Events for which the clock is read once: some 12 µs' worth, which latencies may be out by.
const EVENTS_PER_CLOCK: usize = 8;
/// Games that a player list goes through, after which the shards are told: a list is longer than a play.
const GAMES_PER_NOTICE: usize = 16;

/// Runs an owner, and what is left to do once it has ended: by a panic, it left batches in its queue, and
/// more may come. Whoever waits for one of them is told when it is dropped.
fn until_unneeded(jobs: &Receiver<Job>, ending: Ending, own: impl FnOnce(&Receiver<Job>)) {
    // Nothing that it owned is used again, but to be read until the process ends.
    let _ = catch_unwind(AssertUnwindSafe(|| own(jobs)));
    drop(ending);
    jobs.iter().for_each(drop);
}

fn own(shared: &Shared, thread: usize, jobs: &Receiver<Job>) {
    let mut batch = Batch::default();
    let mut untold = 0usize;
    while let Ok(job) = jobs.recv() {
        let job = match job {
            Job::Events(job) => job,
            Job::Silent(source, game) => {
                shared.silent(source, &game, StateTime(Clock.steady_us()));
                continue;
            }
        };
        let mut outcomes = Vec::with_capacity(job.events.len());
        let mut now = StateTime(0);
        for (nth, (place, event)) in job.events.iter().enumerate() {
            if nth % EVENTS_PER_CLOCK == 0 {
                now = StateTime(Clock.steady_us());
            }
            if let Event::Players(infos) = event {
                // It goes through every game: what happened before it does not wait for that.
                shared.hub.tell(&mut batch.moved);
                untold = 0;
                shared.introduce(infos, Some(thread), job.origin.ingest, now, &mut batch);
                continue;
            }
            outcomes.push((*place, shared.apply_at(event, job.origin, now, &mut batch)));
            untold += 1;
            // Not after every event: to look for more batches takes a lock that those who bring them take.
            let is_idle = || untold.is_multiple_of(EVENTS_PER_NOTICE) && jobs.is_empty();
            if untold >= EVENTS_PER_NOTICE_BEHIND || shared.hub.is_due(&batch.moved) || is_idle() {
                shared.hub.tell(&mut batch.moved);
                untold = 0;
            }
        }
        if jobs.is_empty() {
            shared.hub.tell(&mut batch.moved);
            untold = 0;
        }
        shared.count(&mut batch);
        // Whoever asked may have gone.
        let _ = job.done.send(outcomes);
    }
}

impl Shared {
    /// No games yet, and no threads: for [`Engine::start`], and for callers of [`Shared::apply`] that
    /// have no other threads (simulation, benches).
    pub fn new(hub: Arc<Hub>, limits: EngineLimits, metrics: EngineMetrics) -> Shared {
        Shared {
            games: DashMap::default(),
            games_count: AtomicUsize::new(0),
            cards: Cards::new(limits.players_max),
            hub,
            limits,
            metrics,
            feeds: FeedWatch::new(limits.sources),
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
        let mut games: Vec<_> = self
            .cells()
            .iter()
            .map(|cell| {
                let guard = cell.game.read();
                (guard.0.head().clone(), guard.0.view().clone())
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
    fn introduce(&self, infos: &[PlayerInfo], owner: Option<usize>, ingest: IngestTime, now: StateTime, batch: &mut Batch) {
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

    fn publish(&self, mut change: Change, owned: &mut Owned, now: StateTime, batch: &mut Batch) {
        if change.is_visible() {
            change.applied = now;
            batch.changes += self.hub.publish(Arc::new(change), &mut owned.topics, &mut batch.moved) as u64;
        }
    }

    /// Applies one event, which came from `origin` and is worked out at `now`, for callers that have no other
    /// threads (simulation, benches).
    pub fn apply(&self, event: Event, origin: impl Into<Origin>, now: StateTime) -> Outcome {
        let mut batch = Batch::default();
        let outcome = self.apply_at(&event, origin.into(), now, &mut batch);
        self.hub.tell(&mut batch.moved);
        self.count(&mut batch);
        outcome
    }

    /// Counts what was done.
    fn count(&self, batch: &mut Batch) {
        let verdicts = std::mem::take(&mut batch.verdicts);
        for (verdict, events) in Verdict::ALL.into_iter().zip(verdicts).filter(|(_, events)| *events > 0) {
            self.metrics.verdict(verdict, events);
        }
        self.metrics.changes.increment(std::mem::take(&mut batch.changes));
        self.feeds.heard(std::mem::take(&mut batch.told), batch.at);
    }

    /// Applies one event. A game's events all come from one thread, which tells the shards and counts.
    fn apply_at(&self, event: &Event, origin: Origin, now: StateTime, batch: &mut Batch) -> Outcome {
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
        if let Some(change) = self.change(game, event, admitted, ingest) {
            self.publish(change, owned, now, batch);
        }
        Outcome::Sequenced(admitted.verdict)
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
            game: RwLock::new((Game::new(game.clone()), Owned::new(self.limits.sources))),
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
        Verdict::Outranked | Verdict::Duplicate | Verdict::Dead | Verdict::Full => None,
    }
}

#[cfg(test)]
mod tests;
