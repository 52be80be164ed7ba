//! The handles of feeds. The label is a feed's rank, not its configured name: alerts hold for every
//! installation, and go on when a feed is renamed.

use super::table::*;
use super::{counter_with, gauge_with};
use crate::feed::arbitration::{About, Differences, Takeover};
use crate::model::{SOURCES_MAX, SourceId};
use metrics::{Counter, Gauge};

/// The handles of as many feeds as there may be.
pub struct FeedMetrics {
    by_rank: Vec<OfFeed>,
    begun: [Counter; About::ALL.len()],
    standing: [Gauge; About::ALL.len()],
    takeovers: [Counter; Takeover::ALL.len()],
}

struct OfFeed {
    events: Counter,
    last_heard: Gauge,
    silent: Gauge,
    silences: Counter,
}

impl FeedMetrics {
    /// Finds the handles of that many feeds.
    pub fn new(sources: usize) -> FeedMetrics {
        let of_feed = |rank: &'static str| OfFeed {
            events: counter_with(&FEED_EVENTS, "source", rank),
            last_heard: gauge_with(&FEED_HEARD, "source", rank),
            silent: gauge_with(&FEED_SILENT, "source", rank),
            silences: counter_with(&FEED_SILENCES, "source", rank),
        };
        FeedMetrics {
            by_rank: SourceId::RANKS.into_iter().take(sources).map(of_feed).collect(),
            begun: About::ALL.map(|about| counter_with(&FEED_DIFFERENCES_BEGUN, "about", about.name())),
            standing: About::ALL.map(|about| gauge_with(&FEED_DIFFERENCES, "about", about.name())),
            takeovers: Takeover::ALL.map(|takeover| counter_with(&FEED_TAKEOVERS, "by", takeover.name())),
        }
    }

    /// Handles that lead nowhere.
    pub fn unseen() -> FeedMetrics {
        FeedMetrics {
            by_rank: Vec::new(),
            begun: About::ALL.map(|_| Counter::noop()),
            standing: About::ALL.map(|_| Gauge::noop()),
            takeovers: Takeover::ALL.map(|_| Counter::noop()),
        }
    }

    /// Counts what a feed has told.
    pub fn told(&self, source: SourceId, events: u64) {
        if let Some(feed) = self.by_rank.get(source.index()) {
            feed.events.increment(events);
        }
    }

    /// Counts a feed that fell silent in a game.
    pub fn fell_silent(&self, source: SourceId) {
        if let Some(feed) = self.by_rank.get(source.index()) {
            feed.silences.increment(1);
        }
    }

    /// Counts a difference that began.
    pub fn differ(&self, about: About) {
        self.begun[about as usize].increment(1);
    }

    /// Counts a feed's word that took the place of another's.
    pub fn took_over(&self, takeover: Takeover) {
        self.takeovers[takeover as usize].increment(1);
    }

    /// Sets the levels: of each feed how long ago it was heard and of how many games it is silent.
    pub fn set(&self, last_heard_us: [i64; SOURCES_MAX], silent_games: [u32; SOURCES_MAX], standing: Differences) {
        for ((feed, heard_us), games) in self.by_rank.iter().zip(last_heard_us).zip(silent_games) {
            feed.last_heard.set(heard_us as f64 / 1e6);
            feed.silent.set(f64::from(games));
        }
        self.standing[About::Points as usize].set(f64::from(standing.points));
        self.standing[About::View as usize].set(f64::from(standing.view));
    }
}
