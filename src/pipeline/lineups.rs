//! The thread that follows fans' lineups: changes of players in, changes of lineups out.

use crate::clock::Clock;
use crate::fanout::hub::Hub;
use crate::fanout::lineups::{Batch, Follower};
use crate::server::App;
use crate::telemetry::LineupMetrics;
use flume::{Receiver, Selector, Sender};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// How often lineups that nobody wants any more are looked for, and figures shown.
const SWEEP: Duration = Duration::from_secs(1);

/// Starts it. It ends when what is returned is dropped. Where it fails, another takes its place.
pub(super) fn start(app: &Arc<App>) -> io::Result<Sender<()>> {
    let (stop, stopped) = flume::bounded(0);
    let (hub, rulesets) = (app.hub.clone(), app.rulesets.clone());
    let thread = std::thread::Builder::new().name("lineups".into());
    thread.spawn(move || {
        let metrics = LineupMetrics::new();
        loop {
            let follower = Follower::new(hub.clone(), rulesets.clone());
            let ran = catch_unwind(AssertUnwindSafe(|| run(follower, &hub, &metrics, &stopped)));
            if ran.is_ok() {
                return;
            }
            tracing::error!("what follows lineups failed by a fault (above); it begins anew");
            hub.look_at_lineups();
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

fn run(mut follower: Follower, hub: &Hub, metrics: &LineupMetrics, stopped: &Receiver<()>) {
    let sweep_us = SWEEP.as_micros() as i64;
    let mut sweep_at_us = 0;
    let (_, mut refused_before) = hub.lineup_counts();
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
        let oldest = follower.take(news);
        let now_us = Clock.steady_us();
        if let Some(applied) = oldest {
            metrics.delays.record(now_us - applied.0);
        }
        if now_us >= sweep_at_us {
            sweep_at_us = now_us + sweep_us;
            follower.sweep(now_us);
            let (lineups, refused) = hub.lineup_counts();
            metrics.record(lineups, refused - refused_before, follower.take_counts());
            refused_before = refused;
        }
    }
}
