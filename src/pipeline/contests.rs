//! The thread that follows contests: changes of players in, boards and watched topics out; and contests of before a
//! restart.

use super::{Machine, StartError};
use crate::clock::Clock;
use crate::compaction::RetellError;
use crate::config::{Config, Role};
use crate::fanout::contests::{Batch, Follower};
use crate::fanout::hub::Hub;
use crate::model::{GameId, GameStatus};
use crate::scoring::Rulesets;
use crate::server::{App, ContestStore};
use crate::telemetry::ContestMetrics;
use flume::{Receiver, Selector, Sender};
use std::collections::HashSet;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// How often games that are over and topics that nobody wants any more are looked for, and figures shown.
const SWEEP: Duration = Duration::from_secs(1);

/// Where contests are stored, and those that are, in the hub.
pub(super) fn restored(config: &Config, machine: &Machine, hub: &Hub, rulesets: &Rulesets) -> Result<ContestStore, StartError> {
    // A node of a cluster has none, and perhaps no folder.
    let is_alone = config.cluster.role == Role::All;
    let place = config.log_settings().filter(|_| is_alone);
    let place = place.map(|_| (config.store.dir.clone(), machine.files.clone()));
    let store = ContestStore::new(place, config.contests.posts_max);
    let (count, warnings) = store.restore(hub, rulesets).map_err(RetellError::from)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    if count > 0 {
        let (_, entries) = hub.contests().counts();
        tracing::info!(contests = count, entries, "contests are there again");
    }
    Ok(store)
}

/// Starts it. It ends when what is returned is dropped. Where it fails, another takes its place.
pub(super) fn start(app: &Arc<App>) -> io::Result<Sender<()>> {
    let (stop, stopped) = flume::bounded(0);
    let app = app.clone();
    let thread = std::thread::Builder::new().name("contests".into());
    thread.spawn(move || {
        let metrics = ContestMetrics::new();
        // Not the whole of it: who stops the server waits for that to be let go of.
        let (hub, rulesets, games) = (app.hub.clone(), app.rulesets.clone(), app.engine.games().clone());
        drop(app);
        let over = || {
            let games = games.games().into_iter();
            let over = games.filter(|(_, view)| view.status == GameStatus::Final);
            over.map(|(head, _)| head.game.clone()).collect()
        };
        loop {
            let follower = Follower::new(hub.clone(), rulesets.clone());
            let ran = catch_unwind(AssertUnwindSafe(|| run(follower, &hub, &over, &metrics, &stopped)));
            if ran.is_ok() {
                return;
            }
            tracing::error!("what follows contests failed by a fault (above); it begins anew");
            hub.contests().look_everywhere();
            std::thread::sleep(SWEEP);
        }
    })?;
    Ok(stop)
}

/// What the thread wakes up for.
enum Woken {
    News(Option<Batch>),
    Stop,
}

fn run(mut follower: Follower, hub: &Hub, over: &impl Fn() -> HashSet<GameId>, metrics: &ContestMetrics, stopped: &Receiver<()>) {
    let sweep_us = SWEEP.as_micros() as i64;
    let mut sweep_at_us = 0;
    loop {
        let woken = Selector::new()
            .recv(follower.inbox(), |batch| Woken::News(batch.ok()))
            .recv(stopped, |_| Woken::Stop)
            .wait_timeout(SWEEP);
        let news = match woken {
            Ok(Woken::Stop) => return,
            Ok(Woken::News(news)) => news,
            Err(_) => None,
        };
        let now_us = Clock.steady_us();
        let is_due = now_us >= sweep_at_us;
        if is_due && hub.contests().counts().0 > 0 {
            let over = over();
            follower.look_at_games(|game| over.contains(game));
        }
        let oldest = follower.take(news, || Clock.steady_us());
        if let Some(applied) = oldest {
            metrics.delays.record(Clock.steady_us() - applied.0);
        }
        metrics.record(follower.take_counts());
        if is_due {
            sweep_at_us = now_us + sweep_us;
            follower.sweep(now_us);
            let (contests, entries) = hub.contests().counts();
            metrics.levels(contests, entries);
        }
    }
}
