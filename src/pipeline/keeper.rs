//! Keeps the process within its memory: once a second on the side runtime it measures, says how short
//! memory is, and has the hub give back what is to go. Shards and doors read the level for themselves.

use crate::memory::{Level, system};
use crate::server::App;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

const EVERY: Duration = Duration::from_secs(1);

const MIB: u64 = 1024 * 1024;

/// The budget in bytes: as configured, or three quarters of what there is. Nothing, said once, where the
/// system does not say how much this process holds, or how much there is for it.
pub(super) fn budget(configured_mib: u64) -> Option<u64> {
    let (limit, resident) = (system::limit_bytes(), system::resident_bytes());
    let bytes = match configured_mib {
        0 => limit.map(|limit| limit / 4 * 3),
        mib => Some(mib * MIB),
    };
    match (bytes, resident) {
        (Some(bytes), Some(resident)) => {
            let limit_mib = limit.map_or(0, |limit| limit / MIB);
            tracing::info!(budget_mib = bytes / MIB, limit_mib, resident_mib = resident / MIB, "memory");
            Some(bytes)
        }
        _ => {
            tracing::warn!("no budget for memory: this system does not say how much there is, or how much of it is in use");
            None
        }
    }
}

/// Runs until told to stop.
pub(super) async fn keep(app: Arc<App>, budget: u64, mut stop: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    app.memory.budget.set(budget as f64);
    let mut level = Level::Calm;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            // Nobody is left who could say so: as good as said.
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let keeping = app.clone();
        let kept = tokio::task::spawn_blocking(move || look(&keeping, level, budget)).await;
        // What is shed already stays so where a look failed.
        level = kept.unwrap_or(level);
    }
}

/// Measures, sets the level and gives back what it says.
fn look(app: &App, before: Level, budget: u64) -> Level {
    let Some(resident) = system::resident_bytes() else { return before };
    let used = resident + app.kernel_bytes();
    let level = before.step(used, budget);
    app.memory.resident.set(resident as f64);
    app.memory.level(level);
    if level != before {
        app.hub.pressure().set(level);
        say(app, before, level, used, budget);
    }
    let relieved = app.hub.relieve();
    app.memory.shed_changes.increment(relieved.changes as u64);
    app.memory.shed_frames.increment(relieved.frames as u64);
    level
}

/// One line for each change of level: what goes now and whose memory it is.
fn say(app: &App, before: Level, level: Level, used: u64, budget: u64) {
    let mut owners = String::new();
    for (owner, bytes) in app.account() {
        // Writing to a text does not fail.
        let _ = write!(
            owners,
            "{}{} {}",
            if owners.is_empty() { "" } else { ", " },
            owner.name(),
            bytes / MIB
        );
    }
    let (used_mib, budget_mib) = (used / MIB, budget / MIB);
    if level > before {
        let sheds = level.sheds();
        tracing::warn!(
            used_mib,
            budget_mib,
            level = level as u8,
            owners_mib = owners,
            "memory is short, shed up to here: {sheds}"
        );
    } else {
        let kept = before.sheds();
        tracing::info!(
            used_mib,
            budget_mib,
            level = level as u8,
            owners_mib = owners,
            "memory is back, no longer shed: {kept}"
        );
    }
}
