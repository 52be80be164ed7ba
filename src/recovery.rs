//! Starting from the event log: what it holds is applied again, and whether the history goes on.
//!
//! Reads the log once, before anybody can connect, on one thread; the engine's own code applies what is
//! read, so that totals, `seq`s and rings are those that were there. Nothing is written but a cut tail.

use crate::clock::Clock;
use crate::engine::{EngineLimits, Shared};
use crate::feed::{Decoder, Limits};
use crate::model::{GameId, Origin, SourceId, StateTime};
use crate::store::{self, Files, Header, Kind, Opening, RECORD_BYTES_MAX, Record};
use std::hash::{BuildHasher, Hasher};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Raised by whoever changes which `seq` an event leads to: then no history goes on across the change.
const SEQ_RULES: u64 = 1;

/// Who runs now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Me {
    /// Names of the feed's sources, by rank.
    pub sources: Vec<String>,
    /// The engine's limits, which decide what is refused.
    pub limits: EngineLimits,
    /// Of the running machine; another one means that it went down meanwhile.
    pub boot_id: String,
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
}

/// Figures of a recovery.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Read {
    /// Records.
    pub records: u64,
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
pub fn recover(dir: &Path, files: Arc<dyn Files>, shared: &Shared, me: Me) -> Result<Recovered, store::OpenError> {
    let began_us = Clock.steady_us();
    let opening = store::open(dir, files)?;
    let mut replay = Replay::new(shared, &me.sources);
    let replayed = opening.replay(opening.first_lsn, |_, sources, record| replay.apply(sources, &record))?;
    let read = Read {
        records: replayed.records,
        missing: replayed.missing,
        unreadable: replay.unreadable,
        took: Duration::from_micros((Clock.steady_us() - began_us).max(0) as u64),
    };
    let continuity = me.continuity();
    let new_epoch = opening.header.as_ref().and_then(|before| {
        let same_rules = before.continuity == continuity && before.sources == me.sources;
        let is_whole = opening.clean || before.boot_id == me.boot_id;
        let reasons = [
            (!same_rules, NewEpoch::RulesChanged),
            (read.missing > 0 || read.unreadable > 0, NewEpoch::Incomplete),
            (!is_whole, NewEpoch::MachineLost),
            (me.limits.threads > 1, NewEpoch::SeveralThreads),
        ];
        reasons.into_iter().find(|(holds, _)| *holds).map(|(_, reason)| reason)
    });
    let epoch = match &opening.header {
        Some(before) if new_epoch.is_none() => before.epoch.clone(),
        _ => new_epoch_name(),
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
    })
}

impl Me {
    /// A number that is another where the same events may lead to other `seq`s.
    fn continuity(&self) -> u64 {
        let limits = &self.limits;
        let counts = [
            limits.games_max,
            limits.plays_max,
            limits.game_players_max,
            limits.players_max,
            limits.expired_games_max,
        ];
        // FNV-1a: the same in every process and version.
        let bytes = std::iter::once(SEQ_RULES).chain(counts.map(|count| count as u64));
        bytes.flat_map(u64::to_le_bytes).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }
}

/// Applies records as they were applied when they were written.
pub struct Replay<'a> {
    shared: &'a Shared,
    sources: &'a [String],
    decoder: Decoder,
    unreadable: u64,
}

impl<'a> Replay<'a> {
    /// Applies to `shared`; `sources` are their names by rank now.
    pub fn new(shared: &'a Shared, sources: &'a [String]) -> Replay<'a> {
        // What was taken once is not refused for being long.
        let limits = Limits {
            line_bytes_max: RECORD_BYTES_MAX,
            ..Limits::default()
        };
        Replay {
            shared,
            sources,
            decoder: Decoder::new(limits),
            unreadable: 0,
        }
    }

    /// Applies one record; `then` are the names of sources when it was written.
    pub fn apply(&mut self, then: &[String], record: &Record<'_>) {
        let origin = Origin {
            source: self.rank_now(then, record.origin.source),
            ..record.origin
        };
        let now = StateTime(Clock.steady_us());
        let is_readable = match record.kind {
            // Refused then, refused now: that is decided by what was before it.
            Kind::Event => self
                .decoder
                .line(record.body)
                .map(|event| self.shared.apply(event, origin, now))
                .is_ok(),
            Kind::Silent => game(record.body).map(|game| self.shared.silent(origin.source, &game, now)).is_some(),
            Kind::Expired => game(record.body).map(|game| self.shared.expire(&game)).is_some(),
            _ => false,
        };
        self.unreadable += u64::from(!is_readable);
    }

    /// The rank that a source of then has now; one that is no longer there ranks last.
    fn rank_now(&self, then: &[String], source: SourceId) -> SourceId {
        let name = then.get(usize::from(source.0));
        let rank = name.and_then(|name| self.sources.iter().position(|now| now == name));
        SourceId(rank.and_then(|rank| u8::try_from(rank).ok()).unwrap_or(u8::MAX))
    }
}

fn game(body: &[u8]) -> Option<GameId> {
    std::str::from_utf8(body).ok().and_then(GameId::new)
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
