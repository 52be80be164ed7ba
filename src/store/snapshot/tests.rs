//! Snapshots are found whole or not at all.

use super::*;
use crate::model::{IngestTime, SourceId};
use crate::store::faults::{Call, FaultyFiles};
use proptest::prelude::*;

const DIR: &str = "/log";

fn dir() -> &'static Path {
    Path::new(DIR)
}

fn files() -> FaultyFiles {
    let files = FaultyFiles::new(1);
    files.make_folder(dir()).unwrap();
    files
}

fn header() -> Header {
    Header {
        epoch: "e".to_owned(),
        boot_id: "b".to_owned(),
        sources: vec!["first".to_owned()],
        continuity: 3,
    }
}

fn record(nth: u64, body: &[u8]) -> Record<'_> {
    Record {
        kind: [Kind::Event, Kind::Silent, Kind::Expired][nth as usize % 3],
        origin: Origin {
            source: SourceId(nth as u8),
            ingest: IngestTime(nth as i64),
        },
        body,
    }
}

/// A snapshot up to 100 of the records under these numbers, and two pieces of state.
fn write(files: &FaultyFiles, lsns: &[u64]) -> io::Result<SnapshotFile> {
    let mut writer = SnapshotWriter::create(files, dir(), Lsn(100), &header())?;
    for lsn in lsns {
        writer.record(Lsn(*lsn), &record(*lsn, lsn.to_string().as_bytes()))?;
    }
    writer.state(b"a piece")?;
    writer.state(b"")?;
    writer.finish()
}

#[test]
fn what_is_written_is_read_under_the_same_numbers() {
    let files = files();
    let lsns = [1, 2, 5, 6, 7, 90, 100];
    let file = write(&files, &lsns).unwrap();
    assert_eq!(snapshots(dir(), &files).unwrap(), std::slice::from_ref(&file));
    let snapshot = file.load(&files).unwrap();
    assert_eq!((snapshot.header.clone(), snapshot.lsn, snapshot.records), (header(), Lsn(100), 7));
    let bodies = lsns.map(|lsn| lsn.to_string());
    let records = lsns
        .iter()
        .zip(&bodies)
        .map(|(lsn, body)| Part::Record(Lsn(*lsn), record(*lsn, body.as_bytes())));
    let state: [&[u8]; 2] = [b"a piece", b""];
    let expected: Vec<Part<'_>> = records.chain(state.map(Part::State)).collect();
    assert_eq!(snapshot.parts().collect::<Vec<_>>(), expected);
}

#[test]
fn long_ones_are_written_in_parts() {
    let files = files();
    let body = vec![b'x'; PART_BYTES / 3];
    let mut writer = SnapshotWriter::create(&files, dir(), Lsn(10), &header()).unwrap();
    for lsn in 1..=10 {
        writer.record(Lsn(lsn), &record(lsn, &body)).unwrap();
        assert!(writer.part.len() < 2 * PART_BYTES);
    }
    let file = writer.finish().unwrap();
    assert_eq!(file.bytes as usize, files.read(&file.path).unwrap().len());
    assert_eq!(file.load(&files).unwrap().records, 10);
}

#[test]
fn one_that_is_not_finished_is_none() {
    let files = files();
    let mut writer = SnapshotWriter::create(&files, dir(), Lsn(10), &header()).unwrap();
    writer.record(Lsn(1), &record(1, b"x")).unwrap();
    assert_eq!(files.list(dir()).unwrap().len(), 1);
    drop(writer);
    assert_eq!(files.list(dir()).unwrap(), []);
    for call in [Call::Write, Call::Sync, Call::Name] {
        for after in 0..2 {
            files.fail(call, after);
            if write(&files, &[1, 2]).is_err() {
                // A folder that was not synced may have the new name, or not: it is whole, then.
                let left = snapshots(dir(), &files).unwrap();
                assert!(left.iter().all(|file| file.load(&files).is_ok()), "{call:?} {after}");
                assert!(
                    files.list(dir()).unwrap().len() == left.len(),
                    "{call:?} {after}: nothing else is left"
                );
            }
        }
    }
}

#[test]
fn after_a_power_cut_it_is_there_whole() {
    for seed in 0..50 {
        let files = FaultyFiles::new(seed);
        files.make_folder(dir()).unwrap();
        let file = write(&files, &[1, 2, 3]).unwrap();
        files.cut_power();
        assert_eq!(file.load(&files).unwrap().records, 3);
    }
}

#[test]
fn the_newest_come_first_and_old_ones_go() {
    let files = files();
    for lsn in [5, 100, 20] {
        SnapshotWriter::create(&files, dir(), Lsn(lsn), &header())
            .unwrap()
            .finish()
            .unwrap();
    }
    // Names that are none.
    for name in [
        "snapshot-7.snap",
        "snapshot-00000000000000000000.snap",
        "snapshot-00000000000000000007.snap.new",
        "x",
    ] {
        files.create(&dir().join(name)).unwrap();
    }
    let lsns = || -> Vec<u64> { snapshots(dir(), &files).unwrap().iter().map(|snapshot| snapshot.lsn.0).collect() };
    assert_eq!(lsns(), [100, 20, 5]);
    assert_eq!(keep_newest(dir(), &files, 4).unwrap(), None);
    assert_eq!(keep_newest(dir(), &files, 2).unwrap(), Some(Lsn(20)));
    assert_eq!(lsns(), [100, 20]);
}

/// A snapshot under another's name covers other records than it says.
#[test]
fn one_under_another_name_is_refused() {
    let files = files();
    let file = write(&files, &[1]).unwrap();
    let other = SnapshotFile {
        lsn: Lsn(101),
        path: dir().join(file_name(Lsn(101))),
        ..file.clone()
    };
    files.rename(&file.path, &other.path).unwrap();
    assert!(matches!(other.load(&files), Err(OpenError::Corrupt { offset: 0, .. })));
}

proptest! {
    #[test]
    fn any_damage_is_noticed(lsns in proptest::collection::btree_set(1..=100u64, 0..20), at in any::<prop::sample::Index>(), bits in 1..=255u8, cut in any::<bool>()) {
        let files = files();
        let lsns: Vec<u64> = lsns.into_iter().collect();
        let file = write(&files, &lsns).unwrap();
        let offset = at.index(file.bytes as usize);
        if cut {
            files.open(&file.path).unwrap().set_len(offset as u64).unwrap();
        } else {
            files.rot(&file.path, offset, bits);
        }
        let refused = matches!(
            file.load(&files),
            Err(OpenError::Corrupt { .. } | OpenError::Later { .. } | OpenError::LaterFormat { .. })
        );
        prop_assert!(refused, "byte {} of {}", offset, file.bytes);
    }

    #[test]
    fn anything_can_be_read_as_one_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300), whole in any::<bool>()) {
        let files = files();
        let path = dir().join(file_name(Lsn(7)));
        let file = files.create(&path).unwrap();
        if whole {
            let mut start = MAGIC.to_vec();
            start.extend(header().encode(8).unwrap());
            file.append(&start).unwrap();
        }
        file.append(&bytes).unwrap();
        let found = snapshots(dir(), &files).unwrap();
        prop_assert!(found[0].load(&files).is_err());
    }
}
