//! Several feeds of one game, as far as the engine has to do with them: a silence in order with the events,
//! what is counted of them, and what is noted for the log.
//!
//! An owner notes a difference in memory and goes on; who watches the feeds ([`super::silence`]) writes it.
//! Bounded: [`NOTED_MAX`] differences wait to be written, the rest are counted.

use super::{Gathered, Shared};
use crate::feed::arbitration::{About, Differences};
use crate::feed::sequence::Admitted;
use crate::model::{Event, GameId, GameStatus, SOURCES_MAX, SourceId, StateTime};
use crate::state::Game;
use crate::telemetry::FeedMetrics;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

/// Differences that wait to be written to the log.
const NOTED_MAX: usize = 8;

/// What is known of the feeds across games.
pub(super) struct FeedWatch {
    metrics: FeedMetrics,
    /// When each was heard last, by the steady clock.
    heard_us: [AtomicI64; SOURCES_MAX],
    noted: Mutex<Noted>,
}

/// Differences since they were last written to the log.
#[derive(Default)]
pub struct Noted {
    /// The first few.
    pub differences: Vec<Difference>,
    /// How many more there were.
    pub omitted: u64,
}

/// Two feeds that began to say different things.
pub struct Difference {
    /// Of which game.
    pub game: GameId,
    /// Of what in it, for a person.
    pub item: String,
    /// In what.
    pub about: About,
    /// Who spoke just now.
    pub source: SourceId,
    /// What it says.
    pub says: String,
    /// With whom it differs.
    pub other: SourceId,
    /// What stood until then, by the other or confirmed by it.
    pub stood: String,
}

impl FeedWatch {
    pub(super) fn new(metrics: FeedMetrics) -> FeedWatch {
        FeedWatch {
            metrics,
            heard_us: Default::default(),
            noted: Mutex::default(),
        }
    }

    /// Counts events by feed, the last of them applied at `at`.
    pub(super) fn heard(&self, told: [u64; SOURCES_MAX], at: StateTime) {
        for (rank, events) in (0..).zip(told).filter(|(_, events)| *events > 0) {
            let source = SourceId(rank);
            self.metrics.told(source, events);
            self.heard_us[source.index()].fetch_max(at.0, Ordering::Relaxed);
        }
    }

    /// Counts what an event brought about between feeds, before the game takes it in.
    pub(super) fn note(&self, game: &Game, event: &Event, source: SourceId, admitted: &Admitted) {
        if let Some(takeover) = admitted.between.takeover {
            self.metrics.took_over(takeover);
        }
        let Some((other, about)) = admitted.between.differs else { return };
        self.metrics.differ(about);
        let mut noted = self.noted.lock();
        if noted.differences.len() == NOTED_MAX {
            noted.omitted += 1;
            return;
        }
        let (says, stood) = game.compare(event, admitted.place);
        noted.differences.push(Difference {
            game: game.head().game.clone(),
            item: item(event),
            about,
            source,
            says,
            other,
            stood,
        });
    }
}

fn item(event: &Event) -> String {
    match event {
        Event::Play(play) => format!("play {}", play.play),
        Event::Retract(retraction) => format!("play {}", retraction.play),
        Event::Situation(snap) => match &snap.after_play {
            Some(play) => format!("situation after play {play}"),
            None => "situation before the first play".to_owned(),
        },
        Event::Game(_) => "announcement".to_owned(),
        Event::Players(_) => "players".to_owned(),
    }
}

/// Levels of the feeds, by rank.
#[derive(Clone, Copy, Debug)]
pub struct FeedLevels {
    /// How long ago each was heard, in microseconds.
    heard_us: [i64; SOURCES_MAX],
    /// Of how many games each is silent.
    silent_games: [u32; SOURCES_MAX],
    /// In what feeds differ now.
    differences: Differences,
}

impl FeedLevels {
    /// Those of two partitions.
    pub(super) fn with(self, other: FeedLevels) -> FeedLevels {
        FeedLevels {
            heard_us: std::array::from_fn(|rank| self.heard_us[rank].min(other.heard_us[rank])),
            silent_games: std::array::from_fn(|rank| self.silent_games[rank] + other.silent_games[rank]),
            differences: Differences {
                points: self.differences.points + other.differences.points,
                view: self.differences.view + other.differences.view,
            },
        }
    }
}

/// A feed that is behind in a game: silent, if it stays so.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Behind {
    /// The game.
    pub game: GameId,
    /// The feed.
    pub source: SourceId,
    /// Another number once it has said anything new of the game.
    pub last: u64,
}

impl Shared {
    /// A feed is silent about a game, from here on and until it says something new of it: what other feeds
    /// say since it last spoke takes the place of what it said. For the game's owner, in order with its
    /// events. Nothing happens where the feed has spoken meanwhile, or the game is not known. True where it
    /// took effect.
    pub fn silent(&self, source: SourceId, game: &GameId, now: StateTime) -> bool {
        let Some(cell) = self.games.get(game).map(|cell| cell.clone()) else {
            return false;
        };
        let mut gathered = Gathered::default();
        let mut guard = cell.game.write();
        let (game, owned) = &mut *guard;
        if !owned.ledger.silence(source) {
            return false;
        }
        self.feeds.metrics.fell_silent(source);
        let mut last = None;
        while let Some(filled) = owned.ledger.fill(|event| self.has_room(game, event)) {
            if let Some(takeover) = filled.admitted.between.takeover {
                self.feeds.metrics.took_over(takeover);
            }
            self.take_effect((game, owned), &filled.event, filled.admitted, filled.ingest, now, &mut gathered);
            last = Some(filled);
        }
        drop(guard);
        if let Some(last) = last {
            self.notify(&last.event, last.admitted.verdict, last.ingest);
        }
        self.tell(&mut gathered);
        self.count(&mut gathered);
        true
    }

    /// The feeds that are behind in games under way.
    pub fn behind(&self) -> Vec<Behind> {
        let mut behind = Vec::new();
        for cell in self.cells() {
            let guard = cell.game.read();
            let (game, owned) = &*guard;
            if game.view().status != GameStatus::Final {
                behind.extend(owned.ledger.behind().map(|(source, last)| Behind {
                    game: game.head().game.clone(),
                    source,
                    last,
                }));
            }
        }
        behind
    }

    /// The differences to be written to the log, each once.
    pub fn take_noted(&self) -> Noted {
        std::mem::take(&mut self.feeds.noted.lock())
    }

    /// How many games are being played, as feeds say.
    pub fn live_game_count(&self) -> usize {
        let cells = self.cells();
        let statuses = cells.iter().map(|cell| cell.game.read().0.view().status);
        statuses.filter(|status| *status == GameStatus::Live).count()
    }

    /// The levels of the feeds as they are now.
    pub fn feed_levels(&self, now: StateTime) -> FeedLevels {
        let mut silent = [0; SOURCES_MAX];
        let mut differences = Differences::default();
        for cell in self.cells() {
            let guard = cell.game.read();
            let (game, owned) = &*guard;
            let of_game = owned.ledger.differences();
            differences.points += of_game.points;
            differences.view += of_game.view;
            if game.view().status != GameStatus::Final {
                for (rank, games) in (0..).zip(&mut silent) {
                    *games += u32::from(owned.ledger.is_silent(SourceId(rank)));
                }
            }
        }
        let heard = std::array::from_fn(|rank| now.0 - self.feeds.heard_us[rank].load(Ordering::Relaxed));
        FeedLevels {
            heard_us: heard,
            silent_games: silent,
            differences,
        }
    }

    /// Shows the levels of the feeds.
    pub fn set_feeds(&self, levels: &FeedLevels) {
        self.feeds.metrics.set(levels.heard_us, levels.silent_games, levels.differences);
    }
}
