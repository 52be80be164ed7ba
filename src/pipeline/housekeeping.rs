//! The event log's housekeeping, wired: a thread of little priority that makes snapshots and lets finished
//! games go, hourly and whenever a segment is complete.

use crate::clock::Clock;
use crate::compaction::compactor::Compactor;
use crate::compaction::retention::{Figures, Housekeeper, HousekeepingError, Log, Retention, Round};
use crate::config::Config;
use crate::engine::{Engine, Shared};
use crate::model::{GameId, IngestTime};
use crate::server::App;
use crate::store::{Files, Lsn};
use crate::telemetry::HousekeepingMetrics;
use flume::Sender;
use std::io;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Starts it, where there is a log. It ends when what is returned is dropped.
pub(super) fn start(app: &Arc<App>, files: Arc<dyn Files>) -> io::Result<Option<Sender<()>>> {
    // There with or without a log: a metric that is missing looks like one that is broken.
    let metrics = HousekeepingMetrics::new();
    if app.engine.log().is_none() {
        return Ok(None);
    }
    let config = &app.config;
    let dir = config.store.dir.clone();
    let limits = config.engine_limits();
    let housekeeper = Housekeeper {
        log: Logged {
            engine: app.engine.clone(),
            runtime: Handle::current(),
        },
        compactor: Compactor::new(&dir, files.clone(), config.feeds.sources.clone(), move || Shared::beside(limits)),
        dir,
        files,
        shared: app.engine.games().first().clone(),
        retention: retention(config),
        room_made_at: Lsn(0),
    };
    let (stop, stopped) = flume::bounded(1);
    let thread = std::thread::Builder::new().name("housekeeping".into());
    thread.spawn(move || housekeeper.run(&stopped, |round| tell(&metrics, round)))?;
    Ok(Some(stop))
}

pub(super) fn retention(config: &Config) -> Retention {
    const HOUR_US: u64 = 3_600_000_000;
    let store = &config.store;
    Retention {
        keep_finished_us: i64::try_from(store.keep_finished_hours.saturating_mul(HOUR_US)).unwrap_or(i64::MAX),
        bytes_max: store.bytes_max,
        snapshot_every_bytes: store.snapshot_every_bytes,
    }
}

fn tell(metrics: &HousekeepingMetrics, round: Result<Round, HousekeepingError>) {
    match round {
        Ok(round) => {
            metrics.bytes.set(round.bytes as f64);
            if round.overdue + round.for_room > 0 {
                tracing::info!(overdue = round.overdue, for_room = round.for_room, "finished games were let go of");
            }
            let Some(made) = round.compacted else { return };
            metrics.made.increment(1);
            for warning in &made.warnings {
                tracing::warn!("{warning}");
            }
            tracing::info!(
                lsn = made.lsn.0,
                bytes = made.bytes,
                kept = made.kept,
                left_out = made.left_out,
                "a snapshot was made"
            );
        }
        Err(error) => {
            metrics.failed.increment(1);
            tracing::error!(%error, "the event log's housekeeping failed; it is tried again within the hour");
        }
    }
}

/// The log behind the engine.
struct Logged {
    engine: Engine,
    runtime: Handle,
}

impl Log for Logged {
    fn figures(&self) -> Figures {
        self.engine.log().map_or_else(Figures::default, |log| {
            let levels = log.levels();
            Figures {
                written: levels.written,
                segments: levels.segments,
                bytes: levels.bytes,
            }
        })
    }

    fn expire(&self, games: &[GameId]) -> Result<(), String> {
        for game in games {
            let at = IngestTime(Clock.wall_us());
            let expired = self.runtime.block_on(self.engine.expire(game.clone(), at));
            expired.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn remove_before(&self, lsn: Lsn) -> io::Result<()> {
        self.engine.log().map_or(Ok(()), |log| log.remove_before(lsn).map(drop))
    }
}
