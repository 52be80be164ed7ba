//! Rot in what was on disk: always refused, at the right place; repaired at the price of the record hit.

use super::super::faults::FaultyFiles;
use super::super::files::Files;
use super::super::header::Header;
use super::super::scan::{Item, Scan};
use super::super::{Lsn, OpenError, inspect, open, repair, verify};
use super::{begun, dir, names, opened, record, replayed, sync};
use crate::test_support::Random;
use std::path::PathBuf;
use std::sync::Arc;

const SEEDS: u64 = 200;

/// A piece of a file that must be readable.
struct Piece {
    path: PathBuf,
    offset: usize,
    bytes: usize,
    /// The record's place, where it is one.
    lsn: Option<u64>,
}

/// A log of some segments and lives, all of it on disk, and how many records it has.
fn some_log(random: &mut Random, files: &FaultyFiles) -> u64 {
    let mut id = 0;
    for _ in 0..=random.below(3) {
        let mut opening = opened(files);
        let mut log = begun(&mut opening, "e");
        for _ in 0..random.below(20) {
            let count = random.below(5) as u64;
            let mut bytes = Vec::new();
            (id..id + count).for_each(|id| record(id, random.below(300), &mut bytes));
            log.write(bytes, count, 0).unwrap();
            id += count;
            if random.below(2) == 0 {
                sync(&mut log, 0);
            }
        }
        sync(&mut log, 0);
        if random.below(2) == 0 {
            log.close(0).unwrap();
        }
        drop((opening, log));
        files.kill();
    }
    id
}

/// What must be readable: the headers, and each record and mark up to the last record.
fn pieces(files: &FaultyFiles, records: u64) -> Vec<Piece> {
    let paths = names(files, ".log");
    let mut pieces = Vec::new();
    for (nth, path) in paths.iter().enumerate() {
        let first_of = |path: &PathBuf| Header::decode(&files.read(path).unwrap()).unwrap().1;
        let until = paths.get(nth + 1).map_or(records + 1, first_of);
        let bytes = files.read(path).unwrap();
        let (_, first, begin) = Header::decode(&bytes).unwrap();
        let mut add = |offset, bytes, lsn| {
            let path = path.clone();
            pieces.push(Piece { path, offset, bytes, lsn });
        };
        add(0, begin, None);
        let mut scan = Scan::new(&bytes, begin, first);
        while scan.next < until {
            let at = scan.at;
            let item = scan.step().unwrap().unwrap();
            let lsn = matches!(item, Item::Content(..)).then(|| scan.next - 1);
            add(at, scan.at - at, lsn);
        }
    }
    pieces
}

#[test]
fn rot_is_refused_where_it_is_and_repaired() {
    let mut hits = [0; 3];
    for seed in 0..SEEDS {
        let mut random = Random(seed);
        let files = FaultyFiles::new(seed);
        let records = some_log(&mut random, &files);
        let pieces = pieces(&files, records);
        let hit = &pieces[random.below(pieces.len())];
        let at = hit.offset + random.below(hit.bytes);
        files.rot(&hit.path, at, 1 << random.below(8));
        println!("seed {seed}: byte {at} of {}, in the piece at {}", hit.path.display(), hit.offset);

        let is_right = |error: &OpenError| match error {
            OpenError::Corrupt { file, offset, .. } => *file == hit.path && *offset == hit.offset as u64,
            _ => false,
        };
        let refused = open(dir(), Arc::new(files.clone())).and_then(|opening| opening.replay(Lsn(0), |_, _, _| ()));
        let error = refused.unwrap_err();
        assert!(is_right(&error), "{error}");
        let error = verify(dir(), &files).unwrap_err();
        assert!(is_right(&error), "{error}");
        let stops: Vec<_> = inspect(dir(), &files)
            .unwrap()
            .into_iter()
            .filter_map(|segment| segment.stops)
            .collect();
        assert_eq!(stops.iter().map(|stop| stop.0).collect::<Vec<_>>(), [hit.offset as u64]);

        let repaired = repair(dir(), &files).unwrap();
        assert_eq!(repaired.len(), 1, "{repaired:?}");
        assert_eq!(repaired[0].offset, hit.offset as u64);
        assert_eq!(repaired[0].bytes, hit.bytes as u64);
        assert_eq!(repaired[0].missing, u64::from(hit.lsn.is_some()));
        let kept = files.read(repaired[0].kept.as_ref().unwrap()).unwrap();
        assert_eq!(kept.len(), hit.bytes);
        assert!(verify(dir(), &files).is_ok());

        let opening = opened(&files);
        assert_eq!(opening.next_lsn.0, records + 1);
        let mut found = Vec::new();
        let replayed = opening.replay(Lsn(0), |lsn, _, _| found.push(lsn.0)).unwrap();
        let kept: Vec<u64> = (1..=records).filter(|lsn| Some(*lsn) != hit.lsn).collect();
        assert_eq!(found, kept);
        assert_eq!(replayed.missing, repaired[0].missing);
        hits[usize::from(hit.lsn.is_some()) + usize::from(hit.offset == 0) * 2] += 1;
        assert!(repair(dir(), &FaultyFiles::new(0)).unwrap().is_empty());
    }
    assert!(hits.iter().all(|times| *times > 10), "marks, records, headers: {hits:?}");
}

#[test]
fn a_lost_segment_is_found_missing_and_repaired() {
    let mut random = Random(5);
    let files = FaultyFiles::new(5);
    let mut opening = opened(&files);
    let mut log = begun(&mut opening, "e");
    for id in 0..40 {
        let mut bytes = Vec::new();
        record(id, random.below(300), &mut bytes);
        log.write(bytes, 1, 0).unwrap();
        sync(&mut log, 0);
    }
    drop((opening, log));
    files.kill();
    let segments = inspect(dir(), &files).unwrap();
    assert!(segments.len() > 2);
    files.remove(&segments[1].file).unwrap();
    let error = opened(&files).replay(Lsn(0), |_, _, _| ()).unwrap_err();
    assert!(error.to_string().contains("the file ends before record"), "{error}");
    let repaired = repair(dir(), &files).unwrap();
    assert_eq!(repaired.len(), 1);
    assert_eq!((repaired[0].missing, &repaired[0].kept), (segments[1].records, &None));
    let opening = opened(&files);
    let replayed = opening.replay(Lsn(0), |_, _, _| ()).unwrap();
    assert_eq!(
        (replayed.records, replayed.missing),
        (40 - segments[1].records, segments[1].records)
    );
}

#[test]
fn bytes_of_any_kind_never_panic() {
    for seed in 0..SEEDS {
        let mut random = Random(seed);
        let files = FaultyFiles::new(seed);
        some_log(&mut random, &files);
        for _ in 0..=random.below(6) {
            let paths = names(&files, ".log");
            let path = &paths[random.below(paths.len())];
            let mut bytes = files.read(path).unwrap();
            match random.below(4) {
                0 => bytes.truncate(random.below(bytes.len() + 1)),
                1 => drop(bytes.splice(random.below(bytes.len()).., std::iter::repeat_n(random.below(256) as u8, 200))),
                2 => {
                    let from = random.below(bytes.len());
                    let to = from + random.below(bytes.len() - from);
                    let copied = bytes[from..to].to_vec();
                    bytes.splice(to..to, copied);
                }
                _ => {
                    let from = random.below(bytes.len());
                    let to = from + random.below(bytes.len() - from);
                    bytes.drain(from..to);
                }
            }
            files.create(path).unwrap().append(&bytes).unwrap();
            if bytes.is_empty() {
                break;
            }
        }
        let is_fine = |files: &FaultyFiles| {
            let opened = open(dir(), Arc::new(files.clone()));
            opened.and_then(|opening| opening.replay(Lsn(0), |_, _, _| ())).is_ok()
        };
        if !is_fine(&files) {
            println!("seed {seed}");
            inspect(dir(), &files).unwrap();
            assert!(verify(dir(), &files).is_err());
            repair(dir(), &files).unwrap();
            assert!(is_fine(&files), "seed {seed}: {:?}", open(dir(), Arc::new(files.clone())).err());
        }
        let mut opening = opened(&files);
        let before = opening.replay(Lsn(0), |_, _, _| ()).unwrap();
        let log = begun(&mut opening, "after");
        drop((opening, log));
        assert_eq!(opened(&files).replay(Lsn(0), |_, _, _| ()).unwrap(), before);
    }
}

#[test]
fn a_good_log_is_left_as_it_is() {
    let mut random = Random(3);
    let files = FaultyFiles::new(3);
    let records = some_log(&mut random, &files);
    let before = files.list(dir()).unwrap();
    assert_eq!(repair(dir(), &files).unwrap(), []);
    assert_eq!(files.list(dir()).unwrap(), before);
    assert_eq!(replayed(&opened(&files)).unwrap(), (0..records).collect::<Vec<_>>());
}
