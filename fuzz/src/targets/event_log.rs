//! The event log's files, whatever is in them: they are read, cut, refused or repaired, in the same way each
//! time, and nothing that can be read is lost on the way.

use super::choices::Choices;
use scorewire::store::faults::FaultyFiles;
use scorewire::store::{Files, Kind, Lsn, OpenError, inspect, open, repair, verify};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

const SEGMENTS_MAX: usize = 3;
const PARTS_MAX: usize = 12;
const DIR: &str = "/log";

/// A folder of segments: as the log writes them, but for what the input changes.
pub(crate) fn files(input: &[u8]) {
    let mut choices = Choices::new(input);
    let files = FaultyFiles::new(0);
    files.make_folder(Path::new(DIR)).expect("a folder in memory");
    let mut next = 1;
    for _ in 0..=choices.below(SEGMENTS_MAX) {
        let (first, bytes) = segment(&mut choices, &mut next);
        let file = files
            .create(&Path::new(DIR).join(format!("{first:020}.log")))
            .expect("a file in memory");
        file.append(&bytes).expect("room in memory");
    }
    check(files);
}

fn check(files: FaultyFiles) {
    let before = segments(&files);
    let dir = Path::new(DIR);
    let read = recover(&files);
    // What may be done without the lock agrees, and changes nothing.
    let summaries = inspect(dir, &files);
    let verified = verify(dir, &files);
    match &read {
        Ok(records) => {
            assert_eq!(
                verified.as_ref().ok().map(|verified| verified.records),
                Some(records.len() as u64),
                "{verified:?}"
            );
            assert!(summaries.is_ok(), "{summaries:?}");
            assert_eq!(recover(&files).as_ref().ok(), Some(records), "once more");
        }
        Err(error) => {
            assert!(!error.to_string().chars().any(char::is_control), "{error}");
            assert_eq!(verified.expect_err("it would stop a start").to_string(), error.to_string());
            assert!(!matches!(error, OpenError::InUse(_) | OpenError::Io { .. }), "{error}");
            assert_eq!(segments(&files), before, "a start that stops changes nothing");
        }
    }
    for (name, bytes) in segments(&files) {
        let rest = before[&name].strip_prefix(&bytes[..]).expect("what is there is as it was");
        if !rest.is_empty() {
            let kept = dir.join(format!("{name}.cut-{}", bytes.len()));
            assert_eq!(files.read(&kept).expect("what was cut is kept"), rest);
        }
    }
    let Ok(repaired) = repair(dir, &files) else {
        assert!(read.is_err(), "a log that can be read can be repaired");
        return;
    };
    let again = recover(&files).unwrap_or_else(|error| panic!("{error}, after {repaired:?}"));
    assert_eq!(repair(dir, &files).expect("once more"), [], "there is nothing left to repair");
    if let Ok(records) = read {
        assert_eq!((again, repaired), (records, Vec::new()), "what is fine stays as it is");
    }
}

/// Every record of the log: its place, kind, source, time and body.
type Records = Vec<(Lsn, u8, u8, i64, Vec<u8>)>;

fn recover(files: &FaultyFiles) -> Result<Records, OpenError> {
    let mut opening = open(Path::new(DIR), Arc::new(files.clone()))?;
    let mut records = Records::new();
    opening.replay(Lsn(0), |lsn, _, record| {
        assert!(lsn >= opening.first_lsn && lsn < opening.next_lsn, "{lsn} of {}", opening.next_lsn);
        assert!(records.last().is_none_or(|(before, ..)| *before < lsn), "{lsn} again");
        let origin = record.origin;
        records.push((lsn, record.kind as u8, origin.source.0, origin.ingest.0, record.body.to_vec()));
    })?;
    opening.cut_torn()?;
    Ok(records)
}

fn segments(files: &FaultyFiles) -> BTreeMap<String, Vec<u8>> {
    let names = files
        .list(Path::new(DIR))
        .expect("a folder in memory")
        .into_iter()
        .map(|(name, _)| name);
    let read = |name: String| {
        let bytes = files.read(&Path::new(DIR).join(&name)).expect("a file in memory");
        (name, bytes)
    };
    names.filter(|name| name.ends_with(".log")).map(read).collect()
}

/// A segment's first record and its bytes. `next` is the place after the records written so far.
fn segment(choices: &mut Choices<'_>, next: &mut u64) -> (u64, Vec<u8>) {
    let first = match choices.below(8) {
        // Another begins where an earlier one has not ended, or later.
        7 => 1 + u64::from(choices.byte()),
        6 => choices.number().max(1),
        _ => *next,
    };
    *next = first;
    let mut bytes = match choices.below(16) {
        15 => choices.bytes().to_vec(),
        14 => header(first, 2),
        _ => header(first, 1),
    };
    for _ in 0..choices.below(PARTS_MAX) {
        part(choices, next, &mut bytes);
    }
    (first, bytes)
}

fn part(choices: &mut Choices<'_>, next: &mut u64, bytes: &mut Vec<u8>) {
    let begin = bytes.len();
    match choices.below(16) {
        0..5 => {
            let kind = *choices.pick(&[Kind::Event, Kind::Silent, Kind::Expired]) as u8;
            record(kind, choices.byte(), choices.bytes(), bytes);
            *next = next.saturating_add(1);
        }
        5..9 => {
            let synced = match choices.below(4) {
                3 => u64::from(choices.byte()),
                back => next.saturating_sub(1 + back as u64),
            };
            let at = if choices.below(8) == 7 { u64::from(choices.byte()) } else { *next };
            let body = [synced.to_le_bytes(), at.to_le_bytes()].concat();
            record(Kind::Mark as u8, 0, &body, bytes);
        }
        9 => record(Kind::Closed as u8, 0, b"", bytes),
        10 => {
            let count = if choices.flag() {
                choices.number()
            } else {
                u64::from(choices.byte())
            };
            record(Kind::Gap as u8, 0, &count.to_le_bytes(), bytes);
            *next = next.saturating_add(count);
        }
        11 => record(choices.byte(), choices.byte(), choices.bytes(), bytes),
        12 => bytes.extend_from_slice(choices.bytes()),
        13 => bytes.extend(std::iter::repeat_n(0, usize::from(choices.byte()))),
        rot_or_cut => {
            record(Kind::Event as u8, 0, choices.bytes(), bytes);
            *next = next.saturating_add(1);
            let place = begin + usize::from(choices.byte()) % (bytes.len() - begin);
            match rot_or_cut {
                14 => bytes[place] ^= 1 << choices.below(8),
                _ => bytes.truncate(place),
            }
        }
    }
}

/// A record's bytes, by the documented format alone.
fn record(kind: u8, source: u8, body: &[u8], out: &mut Vec<u8>) {
    let mut covered = vec![kind, source];
    covered.extend_from_slice(&1_800_000_000_000_000i64.to_le_bytes());
    covered.extend_from_slice(body);
    out.extend_from_slice(&(covered.len() as u32).to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(&covered).to_le_bytes());
    out.extend_from_slice(&covered);
}

/// A segment's header, likewise: magic, version, length, checksum of version and rest; and the rest.
fn header(first: u64, version: u32) -> Vec<u8> {
    let mut rest = Vec::new();
    rest.extend_from_slice(&first.to_le_bytes());
    rest.extend_from_slice(&7u64.to_le_bytes());
    rest.extend_from_slice(&1u16.to_le_bytes());
    for text in ["epoch", "boot", "primary"] {
        rest.extend_from_slice(&(text.len() as u16).to_le_bytes());
        rest.extend_from_slice(text.as_bytes());
    }
    let sum = crc32fast::hash(&[&version.to_le_bytes()[..], &rest].concat());
    let mut out = b"scorelog".to_vec();
    for number in [version, rest.len() as u32, sum] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&rest);
    out
}
