//! Who notices that a feed is silent: looks once a second, and tells the owners in order with the events.
//!
//! A feed is silent in a game under way once another feed has told of a play with stats that it has not, or
//! of the beginning or end of the game, and it has said nothing new of that game for `feeds.silence_ms` since.
//! So neither a time-out, in which all are quiet, nor a second feed that is a few seconds later is a silence.
//! [`Watch`] decides, by the time that it is handed; [`watch`] runs it, and writes what feeds differ in to the
//! log. Bounded by games and feeds.

use super::feeds::Behind;
use super::{Engine, Games};
use crate::clock::Clock;
use crate::model::IngestTime;
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::watch::Receiver;

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Since when feeds are behind.
#[derive(Default)]
pub struct Watch {
    since_us: HashMap<Behind, i64>,
}

impl Watch {
    /// Those that have been behind for `silence_us` at `now_us`, of all that are now. The clock is any that
    /// nobody sets.
    pub fn step(&mut self, behind: Vec<Behind>, now_us: i64, silence_us: i64) -> Vec<Behind> {
        let since = |feed: &Behind| self.since_us.get(feed).copied().unwrap_or(now_us);
        let now: HashMap<Behind, i64> = behind.into_iter().map(|feed| (feed.clone(), since(&feed))).collect();
        let due = now.iter().filter(|(_, since_us)| now_us - **since_us >= silence_us);
        let mut due: Vec<Behind> = due.map(|(feed, _)| feed.clone()).collect();
        due.sort_by(|a, b| (&a.game, a.source).cmp(&(&b.game, b.source)));
        self.since_us = now;
        due
    }
}

/// Watches the feeds until `stop` says so, or nobody can say so any more.
pub async fn watch(engine: Engine, silence: Duration, mut stop: Receiver<bool>) {
    let silence_us = i64::try_from(silence.as_micros()).unwrap_or(i64::MAX);
    let mut watch = Watch::default();
    let mut looks = tokio::time::interval(LOOK_EVERY.min(silence));
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            _ = looks.tick() => {}
        }
        write_differences(engine.games());
        for feed in watch.step(engine.games().behind(), Clock.steady_us(), silence_us) {
            if engine.silent(feed.source, feed.game, IngestTime(Clock.wall_us())).await.is_err() {
                // It is busy: the next look comes upon it again. Or it has ended, and the process with it.
                break;
            }
        }
    }
}

fn write_differences(games: &Games) {
    let noted = games.take_noted();
    for difference in &noted.differences {
        tracing::warn!(
            game = %difference.game,
            item = difference.item,
            about = difference.about.name(),
            source = difference.source.rank(),
            says = difference.says,
            other = difference.other.rank(),
            stood = difference.stood,
            "feeds differ"
        );
    }
    if noted.omitted > 0 {
        tracing::warn!(more = noted.omitted, "feeds differ in more than is named here");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{GameId, SourceId};

    fn behind(game: &str, source: u8, last: u64) -> Behind {
        Behind {
            game: GameId::new(game).unwrap(),
            source: SourceId(source),
            last,
        }
    }

    #[test]
    fn a_feed_is_silent_once_it_was_behind_all_along() {
        let mut watch = Watch::default();
        let both = || vec![behind("g", 0, 4), behind("h", 1, 0)];
        assert_eq!(watch.step(both(), 100, 30), []);
        assert_eq!(watch.step(vec![behind("g", 0, 4)], 120, 30), []);
        // The second had caught up in between.
        assert_eq!(watch.step(both(), 130, 30), [behind("g", 0, 4)]);
        assert_eq!(watch.step(vec![behind("h", 1, 0)], 149, 30), []);
        assert_eq!(watch.step(vec![behind("h", 1, 0)], 160, 30), [behind("h", 1, 0)]);
    }

    #[test]
    fn a_feed_that_has_spoken_has_all_its_time_again() {
        let mut watch = Watch::default();
        assert_eq!(watch.step(vec![behind("g", 0, 4)], 0, 30), []);
        assert_eq!(watch.step(vec![behind("g", 0, 7)], 29, 30), []);
        assert_eq!(watch.step(vec![behind("g", 0, 7)], 58, 30), []);
        assert_eq!(watch.step(vec![behind("g", 0, 7)], 59, 30), [behind("g", 0, 7)]);
        assert_eq!(watch.step(Vec::new(), 60, 30), []);
        assert!(watch.since_us.is_empty(), "nothing is kept of those that caught up");
    }
}
