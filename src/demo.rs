//! The demo's feed: one simulated Sunday after the other, straight into the engine.
//!
//! Time is squeezed, so kickoffs are too: a game that starts nine minutes from now says so. When a
//! slate is over its games are moved to the day before, and leave the scoreboard to the next. Each slate has a
//! [`contest`] of its own.

pub mod contest;

use crate::clock::Clock;
use crate::engine::Engine;
use crate::feed::simulator::{Options, Simulator, Trouble};
use crate::model::{Event, FeedTime, GameEvent, GameId, IngestTime};
use crate::source::{self, Due, Pace, Speed};
use contest::Floor;
use std::collections::BTreeMap;
use std::time::Duration;

/// Between two slates.
const PAUSE: Duration = Duration::from_secs(60);
const DAY_US: i64 = 86_400_000_000;

/// Plays slates until it is dropped.
pub async fn play(engine: Engine, floor: Floor, games: usize, speed: Speed, mut seed: u64) {
    let clock = Clock;
    let mut contest = None;
    loop {
        let started_us = clock.wall_us();
        let options = Options {
            seed,
            games,
            kickoff_us: started_us,
            trouble: Trouble::LIVE,
            ..Options::default()
        };
        let mut announced = BTreeMap::new();
        let mut pace = Pace::new(speed, clock);
        for (nth, Due { due_us, mut events }) in source::simulated(Simulator::new(&options)).enumerate() {
            tokio::time::sleep(pace.wait(due_us)).await;
            if nth == 0 {
                // The first events announce everybody.
                let next = floor.begin(&events, seed, IngestTime(clock.wall_us()));
                if let Some(before) = std::mem::replace(&mut contest, next) {
                    floor.end(&before);
                }
            }
            squeeze(&mut events, started_us, speed, &mut announced);
            submit(&engine, events).await;
        }
        tracing::info!(seed, "the simulated slate is over; the next begins in a minute");
        tokio::time::sleep(PAUSE).await;
        submit(&engine, announced.into_values().map(yesterday).collect()).await;
        seed += 1;
    }
}

async fn submit(engine: &Engine, mut events: Vec<Event>) {
    let now_us = Clock.wall_us();
    source::stamp(&mut events, FeedTime(now_us));
    let events = events.into_iter().enumerate().collect();
    if let Err(error) = engine.submit(events, IngestTime(now_us)).await {
        tracing::warn!(%error, "the demo's feed skipped a moment");
    }
}

/// Brings kickoffs as near as the speed makes them, and remembers each game's last announcement.
fn squeeze(events: &mut [Event], started_us: i64, speed: Speed, announced: &mut BTreeMap<GameId, GameEvent>) {
    for event in events {
        let Event::Game(game) = event else { continue };
        if let (Some(kickoff), Speed::Times(times)) = (&mut game.kickoff, speed) {
            *kickoff = started_us + ((*kickoff - started_us) as f64 / times) as i64;
        }
        announced.insert(game.game.clone(), game.clone());
    }
}

fn yesterday(game: GameEvent) -> Event {
    Event::Game(GameEvent {
        rev: game.rev + 1,
        kickoff: game.kickoff.map(|kickoff| kickoff - DAY_US),
        ..game
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kickoffs_come_as_much_nearer_as_time_goes_faster() {
        let options = Options {
            kickoff_us: 1_000,
            ..Options::default()
        };
        let mut events = Simulator::new(&options).next().unwrap().events;
        let mut announced = BTreeMap::new();
        let before: Vec<i64> = kickoffs(&events);
        squeeze(&mut events, 1_000, Speed::Times(10.0), &mut announced);
        let after = kickoffs(&events);
        assert_eq!(
            after,
            before.iter().map(|kickoff| 1_000 + (kickoff - 1_000) / 10).collect::<Vec<_>>()
        );
        let moved: Vec<Event> = announced.into_values().map(yesterday).collect();
        assert!(
            kickoffs(&moved)
                .iter()
                .all(|kickoff| *kickoff <= 1_000 + (*before.iter().max().unwrap() - 1_000) / 10 - DAY_US)
        );
    }

    fn kickoffs(events: &[Event]) -> Vec<i64> {
        let kickoff = |event: &Event| if let Event::Game(game) = event { game.kickoff } else { None };
        events.iter().filter_map(kickoff).collect()
    }
}
