//! The event log, wired: read before anybody is served, then under the engine; and who says in the
//! server's own log what becomes of it.

use super::StartError;
use crate::clock::Clock;
use crate::compaction::RetellError;
use crate::config::Config;
use crate::engine::{Engine, Owners, Parcel, Shared};
use crate::predict::board::Board;
use crate::recovery::{self, Me, Recovered, new_epoch_name};
use crate::store::{DiskFiles, EventLog, Files};
use crate::telemetry::EngineMetrics;
use std::sync::Arc;
use std::time::Duration;

/// What the server finds of the machine it runs on.
pub struct Machine {
    /// Its disk.
    pub files: Arc<dyn Files>,
    /// What tells this run of it from the one before.
    pub boot_id: String,
    /// Whether its event log was restored from a copy.
    pub is_restored: bool,
}

impl Machine {
    /// The one there is.
    pub fn this() -> Machine {
        Machine {
            files: Arc::new(DiskFiles),
            boot_id: recovery::boot_id(),
            is_restored: false,
        }
    }
}

/// The engine, where the event log says what stands already; and the epoch. Counts from here on: what is told
/// again was counted when it came. What moves from here on is told to `board`.
pub(super) fn engine(
    config: &Config,
    machine: &Machine,
    shared: Shared,
    board: Option<Arc<Board>>,
) -> Result<(Engine, Arc<str>), StartError> {
    let counted = |shared: Shared| {
        let counted = shared.counted(EngineMetrics::new());
        Arc::new(match board {
            Some(board) => counted.notified(board),
            None => counted,
        })
    };
    let Some(settings) = config.log_settings() else {
        return Ok((Engine::new(Owners::start(counted(shared))), new_epoch_name().into()));
    };
    let me = Me {
        sources: config.feeds.sources.clone(),
        limits: config.engine_limits(),
        boot_id: machine.boot_id.clone(),
        is_restored: machine.is_restored,
        new_epoch: new_epoch_name(),
    };
    let Recovered {
        opening,
        header,
        new_epoch,
        read,
        warnings,
    } = recovery::recover(&config.store.dir, machine.files.clone(), &shared, me)?;
    if let Some(cut) = &opening.cut {
        let (file, kept) = (cut.file.display(), cut.kept.display());
        tracing::warn!(%file, offset = cut.offset, bytes = cut.bytes, lsn = cut.lsn.0, %kept, "the event log has a torn tail, which is cut and kept: {}", cut.problem);
    }
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    if read.missing + read.unreadable > 0 {
        tracing::warn!(
            missing = read.missing,
            unreadable = read.unreadable,
            "records of the event log are missing: totals may be, too"
        );
    }
    if let Some(reason) = new_epoch {
        tracing::warn!("a new epoch begins, and clients begin with snapshots: {}", reason.why());
    }
    let took_ms = read.took.as_millis() as u64;
    let snapshot = read.snapshot.map(|lsn| lsn.0);
    tracing::info!(dir = %config.store.dir.display(), snapshot, records = read.records, games = shared.game_count(), took_ms, "recovered");
    let epoch = header.epoch.as_str().into();
    let engine = Engine::logged(Owners::start(counted(shared)), |owners| {
        let begun = opening.begin(header, settings, move |parcel| owners.deliver(parcel));
        begun.map_err(RetellError::from)
    })?;
    Ok((engine, epoch))
}

/// Says in the log when the event log fails, and when it heals; until nobody holds the engine.
pub(super) async fn watch(log: EventLog<Parcel>) {
    let mut failing = None;
    let mut looks = tokio::time::interval(Duration::from_millis(500));
    loop {
        looks.tick().await;
        match (log.trouble(), failing) {
            (Some(reason), None) => {
                failing = Some(Clock.steady_us());
                tracing::error!(%reason, "the event log fails: events are answered 503 until it heals");
            }
            (None, Some(since_us)) => {
                failing = None;
                let after_ms = (Clock.steady_us() - since_us) / 1_000;
                tracing::info!(after_ms, "the event log takes events again");
            }
            _ => {}
        }
    }
}
