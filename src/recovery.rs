//! Starting from the event log: what it and its newest snapshot hold is applied again, and whether the history goes on.
//!
//! Reads the log once, before anybody can connect, on one thread; the engine's own code applies what is
//! read, so that totals, `seq`s and rings are those that were there. Nothing is written but a cut tail.

use crate::clock::Clock;
use crate::compaction::{RetellError, retell};
use crate::engine::{EngineLimits, Shared};
use crate::model::StateTime;
use crate::store::{self, Files, Header, Lsn, Opening};
use std::hash::{BuildHasher, Hasher};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Raised by whoever changes which `seq` an event leads to: then no history goes on across the change.
const SEQ_RULES: u64 = 1;
/// The bits of a log's continuity that say which records are missing; the others say by which rules.
const LOST: u64 = 0xffff_ffff;

/// Who runs now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Me {
    /// Names of the feed's sources, by rank.
    pub sources: Vec<String>,
    /// The engine's limits, which decide what is refused.
    pub limits: EngineLimits,
    /// Of the running machine; another one means that it went down meanwhile.
    pub boot_id: String,
    /// Whether the log is a copy, behind which somebody may have been shown more.
    pub is_restored: bool,
    /// Names the history that begins here, where none goes on; see [`new_epoch_name`].
    pub new_epoch: String,
}

/// What was there.
pub struct Recovered {
    /// The log, to be begun.
    pub opening: Opening,
    /// What it is to be begun with.
    pub header: Header,
    /// Why clients begin with snapshots; nothing where the history goes on or there was none.
    pub new_epoch: Option<NewEpoch>,
    /// What was read.
    pub read: Read,
    /// Snapshots that are no good, and what else a person should hear of.
    pub warnings: Vec<String>,
}

/// Figures of a recovery.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Read {
    /// Records, those of the snapshot included.
    pub records: u64,
    /// The last record that the snapshot covers, where there was one.
    pub snapshot: Option<Lsn>,
    /// Records that a repair had to leave out.
    pub missing: u64,
    /// Records that this version cannot read.
    pub unreadable: u64,
    /// How long it took.
    pub took: Duration,
}

/// Why a history does not go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NewEpoch {
    /// The log was restored from a copy: somebody may have been shown more.
    Restored,
    /// The machine went down with what was not on disk yet: somebody may have been shown it.
    MachineLost,
    /// Limits, sources or the server's own rules differ: the same events may lead to other `seq`s.
    RulesChanged,
    /// Records are missing, or some can no longer be read.
    Incomplete,
    /// Several engine threads may have moved a topic of several games in another order.
    SeveralThreads,
}

impl NewEpoch {
    /// For the log.
    pub fn why(self) -> &'static str {
        match self {
            NewEpoch::Restored => "the log was restored from a copy",
            NewEpoch::MachineLost => "the machine was restarted without an orderly end of the server",
            NewEpoch::RulesChanged => "limits, sources or the server's version changed",
            NewEpoch::Incomplete => "the event log is not complete",
            NewEpoch::SeveralThreads => "engine.threads is above 1",
        }
    }
}

/// Opens the log in `dir` and applies what it holds to `shared`, which is empty.
///
/// # Errors
/// The log is in use, damaged, or cannot be read.
pub fn recover(dir: &Path, files: Arc<dyn Files>, shared: &Shared, me: Me) -> Result<Recovered, RetellError> {
    let began_us = Clock.steady_us();
    let opening = store::open(dir, files.clone())?;
    let retold = retell(&opening, dir, &*files, shared, &me.sources, StateTime(began_us))?;
    let read = Read {
        records: retold.records,
        snapshot: retold.snapshot,
        missing: retold.missing,
        unreadable: retold.unreadable,
        took: Duration::from_micros((Clock.steady_us() - began_us).max(0) as u64),
    };
    let continuity = me.continuity(&read);
    let new_epoch = opening.header.as_ref().and_then(|before| {
        let differs = before.continuity ^ continuity;
        let is_complete = read.missing == 0 && read.unreadable == 0;
        let is_whole = opening.clean || before.boot_id == me.boot_id;
        let reasons = [
            (me.is_restored, NewEpoch::Restored),
            (differs & LOST != 0 && !is_complete, NewEpoch::Incomplete),
            (differs != 0 || before.sources != me.sources, NewEpoch::RulesChanged),
            (!is_whole, NewEpoch::MachineLost),
            (me.limits.threads > 1, NewEpoch::SeveralThreads),
        ];
        reasons.into_iter().find(|(holds, _)| *holds).map(|(_, reason)| reason)
    });
    let epoch = match &opening.header {
        Some(before) if new_epoch.is_none() => before.epoch.clone(),
        _ => me.new_epoch,
    };
    let header = Header {
        epoch,
        boot_id: me.boot_id,
        sources: me.sources,
        continuity,
    };
    Ok(Recovered {
        opening,
        header,
        new_epoch,
        read,
        warnings: retold.warnings,
    })
}

impl Me {
    /// A number that is another where the same events may lead to other `seq`s, in its upper half; and where
    /// other records are missing than before, in the bits of [`LOST`]. From then on those are missing.
    fn continuity(&self, read: &Read) -> u64 {
        (rules(&self.limits) & !LOST) | (fnv([read.missing, read.unreadable]) & LOST)
    }
}

/// A number that is another where the same events may lead to other `seq`s.
pub fn rules(limits: &EngineLimits) -> u64 {
    let counts = [
        limits.games_max,
        limits.plays_max,
        limits.game_players_max,
        limits.players_max,
        limits.expired_games_max,
    ];
    fnv(std::iter::once(SEQ_RULES).chain(counts.map(|count| count as u64)))
}

/// A name for what several histories come to by such rules: the same wherever both are.
pub fn name_of_histories(rules: u64, histories: &[Arc<str>]) -> String {
    // Each ends in a number that no byte is.
    let bytes = histories.iter().flat_map(|name| name.bytes().map(u64::from).chain([u64::MAX]));
    format!("{:016x}", fnv(std::iter::once(rules).chain(bytes)))
}

/// FNV-1a: the same in every process and version.
fn fnv(numbers: impl IntoIterator<Item = u64>) -> u64 {
    numbers
        .into_iter()
        .flat_map(u64::to_le_bytes)
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

/// A name for a new history: random, so that no client can mistake it for an earlier one.
pub fn new_epoch_name() -> String {
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_i64(Clock.wall_us());
    hasher.write_u32(std::process::id());
    format!("{:016x}", hasher.finish())
}

/// What tells one run of this machine from the next. Where the system does not say, no two are the same.
pub fn boot_id() -> String {
    match std::fs::read_to_string("/proc/sys/kernel/random/boot_id") {
        Ok(id) if !id.trim().is_empty() => id.trim().to_owned(),
        _ => format!("unknown-{}", new_epoch_name()),
    }
}
