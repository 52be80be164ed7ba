//! The log under faults: the writing end step by step, recovery, rot, and both threads.

mod chaos;
mod disk;
mod recovery;
mod rot;
mod threads;

use super::append::{Appender, Limits};
use super::faults::FaultyFiles;
use super::files::Files;
use super::{Header, Kind, Lsn, OpenError, Opening, Record, frame, open};
use crate::model::{IngestTime, Origin, SourceId};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const DIR: &str = "/log";

const LIMITS: Limits = Limits {
    segment_bytes: 2_000,
    unsynced_bytes_max: 20_000,
    retry_us: 100,
};

fn dir() -> &'static Path {
    Path::new(DIR)
}

fn header(epoch: &str) -> Header {
    Header {
        epoch: epoch.to_owned(),
        boot_id: "boot".to_owned(),
        sources: vec!["first".to_owned(), "second".to_owned()],
        continuity: 7,
    }
}

/// A record whose body says `id` and is some bytes long.
fn record(id: u64, padding: usize, out: &mut Vec<u8>) {
    let mut body = id.to_string().into_bytes();
    body.resize(body.len() + padding, b' ');
    let kind = [Kind::Event, Kind::Silent, Kind::Expired][(id % 3) as usize];
    let origin = Origin {
        source: SourceId((id % 2) as u8),
        ingest: IngestTime(id as i64 * 10),
    };
    let body = &body;
    frame(&Record { kind, origin, body }, out);
}

/// The id of a record, which must be as [`record`] made it.
fn id(sources: &[String], record: Record<'_>) -> u64 {
    let id: u64 = std::str::from_utf8(record.body).unwrap().trim_end().parse().unwrap();
    assert_eq!(record.kind, [Kind::Event, Kind::Silent, Kind::Expired][(id % 3) as usize]);
    assert_eq!(record.origin.ingest, IngestTime(id as i64 * 10));
    assert_eq!(sources[usize::from(record.origin.source.0)], ["first", "second"][(id % 2) as usize]);
    id
}

/// Records `ids`, 100 bytes each.
fn records(ids: std::ops::Range<u64>) -> Vec<u8> {
    let mut out = Vec::new();
    ids.for_each(|id| record(id, 80, &mut out));
    out
}

fn opened(files: &FaultyFiles) -> Opening {
    open(dir(), Arc::new(files.clone())).unwrap()
}

/// Everything that is replayed: places count from 1 and have no holes.
fn replayed(opening: &Opening) -> Result<Vec<u64>, OpenError> {
    let mut ids = Vec::new();
    let first = opening.first_lsn.0;
    let replayed = opening.replay(Lsn(0), |lsn, sources, record| {
        assert_eq!(lsn.0, first + ids.len() as u64);
        ids.push(id(sources, record));
    })?;
    assert_eq!(replayed.records, ids.len() as u64);
    assert_eq!(opening.next_lsn.0, first + ids.len() as u64);
    Ok(ids)
}

fn begun(opening: &mut Opening, epoch: &str) -> Appender {
    Appender::begin(opening, header(epoch), LIMITS).unwrap()
}

/// Syncs, as the thread does.
fn sync(appender: &mut Appender, now: i64) {
    if let Some(sync) = appender.sync() {
        let result = sync.file.sync_data();
        appender.sync_ended(&sync, result, 1, now);
    }
}

/// Names in the folder that end so.
fn names(files: &dyn Files, end: &str) -> Vec<PathBuf> {
    let mut names = files.list(dir()).unwrap();
    names.sort();
    let ending = names.into_iter().filter(|(name, _)| name.ends_with(end));
    ending.map(|(name, _)| dir().join(name)).collect()
}
