//! What opening finds, cuts, refuses and keeps; one thing at a time.

use super::super::faults::{Call, FaultyFiles};
use super::super::files::Files;
use super::super::record::{MARK_BYTES, own};
use super::super::{CUTS_MAX, Kind, Lsn, OpenError, Problem, frame, inspect, open, read, verify};
use super::{LIMITS, begun, dir, header, names, opened, records, replayed, sync};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

#[test]
fn a_new_folder_is_an_empty_log() {
    let files = FaultyFiles::new(1);
    let opening = opened(&files);
    assert_eq!((opening.first_lsn, opening.next_lsn, opening.segments), (Lsn(1), Lsn(1), 0));
    assert!(opening.clean && opening.header.is_none() && opening.cut.is_none());
    assert!(replayed(&opening).unwrap().is_empty());
}

#[test]
fn a_second_process_is_refused() {
    let files = FaultyFiles::new(1);
    let _first = opened(&files);
    let second = open(dir(), Arc::new(files.clone()));
    assert!(matches!(second, Err(OpenError::InUse(_))));
}

#[test]
fn an_orderly_end_is_told_from_another_and_leaves_no_empty_segments() {
    let files = FaultyFiles::new(1);
    for life in 0..5 {
        let mut opening = opened(&files);
        assert!(opening.clean, "life {life}");
        let mut log = begun(&mut opening, "e");
        log.close(0).unwrap();
    }
    assert_eq!(names(&files, ".log").len(), 1);
    let mut opening = opened(&files);
    let mut log = begun(&mut opening, "f");
    log.write(records(0..3), 3, 0).unwrap();
    drop((opening, log));
    files.kill();
    let opening = opened(&files);
    assert!(!opening.clean);
    assert_eq!(opening.header, Some(header("f")));
    assert_eq!(replayed(&opening).unwrap(), [0, 1, 2]);
}

#[test]
fn segments_roll_and_are_replayed_in_order() {
    let files = FaultyFiles::new(1);
    let mut opening = opened(&files);
    let mut log = begun(&mut opening, "e");
    for batch in 0..30 {
        log.write(records(batch * 3..batch * 3 + 3), 3, 0).unwrap();
        if batch % 2 == 0 {
            sync(&mut log, 0);
        }
    }
    log.close(0).unwrap();
    drop((opening, log));
    assert!(names(&files, ".log").len() > 3);
    let opening = opened(&files);
    assert_eq!(replayed(&opening).unwrap(), (0..90).collect::<Vec<_>>());
    let mut from_forty = Vec::new();
    let some = opening.replay(Lsn(40), |lsn, _, _| from_forty.push(lsn.0)).unwrap();
    assert_eq!(from_forty, (40..=90).collect::<Vec<_>>());
    assert_eq!(some.records, 51);
    let whole = verify(dir(), &files).unwrap();
    assert_eq!((whole.first, whole.next, whole.records, whole.torn_bytes), (Lsn(1), Lsn(91), 90, 0));
    let segments = inspect(dir(), &files).unwrap();
    assert_eq!(segments.iter().map(|segment| segment.records).sum::<u64>(), 90);
    assert!(segments.windows(2).all(|pair| pair[0].next == pair[1].first));
    assert!(segments.iter().all(|segment| segment.stops.is_none()));
    let mut first_ten = 0;
    let ten = |lsn: Lsn, _: &[String], _: super::Record<'_>| {
        first_ten += 1;
        if lsn.0 < 10 {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    };
    assert_eq!(read(dir(), &files, Lsn(1), ten).unwrap().records, 10);
    assert_eq!(first_ten, 10);
}

#[test]
fn whole_segments_before_a_place_can_be_removed() {
    let files = FaultyFiles::new(1);
    let mut opening = opened(&files);
    let mut log = begun(&mut opening, "e");
    for batch in 0..30 {
        log.write(records(batch * 3..batch * 3 + 3), 3, 0).unwrap();
        sync(&mut log, 0);
    }
    let before = names(&files, ".log");
    let segments = inspect(dir(), &files).unwrap();
    let (count, bytes) = remove(&mut log, segments[2].first.0 + 1).unwrap();
    assert_eq!((count, bytes), (2, segments[0].bytes + segments[1].bytes));
    assert_eq!(names(&files, ".log"), before[2..]);
    assert_eq!(remove(&mut log, segments[2].first.0 + 1).unwrap(), (0, 0));
    remove(&mut log, u64::MAX).unwrap();
    assert_eq!(names(&files, ".log").len(), 1, "the last one stays");
    drop((opening, log));
    let opening = opened(&files);
    assert!(opening.first_lsn > Lsn(1));
    assert_eq!(replayed(&opening).unwrap().last(), Some(&89));
}

/// Removes segments before a record, as a thread of its own does.
fn remove(log: &mut super::Appender, before: u64) -> std::io::Result<(u64, u64)> {
    let mut removal = log.removal(Lsn(before));
    let removed = removal.run();
    log.removal_ended(removal);
    removed
}

#[test]
fn segments_that_could_not_be_removed_are_there_the_next_time() {
    let files = FaultyFiles::new(1);
    let mut opening = opened(&files);
    let mut log = begun(&mut opening, "e");
    for batch in 0..30 {
        log.write(records(batch * 3..batch * 3 + 3), 3, 0).unwrap();
        sync(&mut log, 0);
    }
    let levels = |log: &super::Appender| {
        let gauges = log.gauges();
        (gauges.segments.load(Relaxed), gauges.bytes.load(Relaxed))
    };
    let (segments, bytes) = levels(&log);
    files.fail(Call::Name, 1);
    remove(&mut log, u64::MAX).unwrap_err();
    let (left, bytes_left) = levels(&log);
    assert_eq!(left, segments - 1, "the first is gone");
    assert!(bytes_left < bytes);
    let (count, removed) = remove(&mut log, u64::MAX).unwrap();
    assert_eq!((count, levels(&log)), (left - 1, (1, bytes_left - removed)));
    assert_eq!(names(&files, ".log").len(), 1);
}

#[test]
fn a_torn_tail_is_cut_and_kept() {
    let files = FaultyFiles::new(1);
    let mut opening = opened(&files);
    let mut log = begun(&mut opening, "e");
    log.write(records(0..3), 3, 0).unwrap();
    drop((opening, log));
    let path = names(&files, ".log")[0].clone();
    let whole = files.read(&path).unwrap();
    files.open(&path).unwrap().append(&records(3..4)[..50]).unwrap();
    files.kill();
    let mut opening = opened(&files);
    opening.cut_torn().unwrap();
    let cut = opening.cut.clone().unwrap();
    assert_eq!(
        (cut.offset, cut.bytes, cut.lsn, cut.problem),
        (whole.len() as u64, 50, Lsn(4), Problem::Short)
    );
    assert_eq!(cut.file, path);
    assert_eq!(files.read(&cut.kept).unwrap(), records(3..4)[..50]);
    assert_eq!(files.read(&path).unwrap(), whole);
    assert!(!opening.clean);
    assert_eq!(replayed(&opening).unwrap(), [0, 1, 2]);
}

/// The tail was cut before earlier segments were read: a start that was stopped by one of those had changed
/// something, and said that it had not.
#[test]
fn a_start_that_is_stopped_has_changed_nothing() {
    let files = FaultyFiles::new(1);
    let mut opening = opened(&files);
    let mut log = begun(&mut opening, "e");
    for batch in 0..10 {
        log.write(records(batch * 3..batch * 3 + 3), 3, 0).unwrap();
        sync(&mut log, 0);
    }
    drop((opening, log));
    let segments = names(&files, ".log");
    assert!(segments.len() > 1);
    files.open(segments.last().unwrap()).unwrap().append(&[1, 2, 3]).unwrap();
    files.create(&dir().join("half.new")).unwrap().append(b"half").unwrap();
    files.rot(&segments[0], 500, 0xff);
    files.kill();
    let all = || {
        let mut all = files.list(dir()).unwrap();
        all.sort();
        all
    };
    let before = all();
    let opening = opened(&files);
    assert_eq!(opening.cut.as_ref().unwrap().bytes, 3);
    let message = replayed(&opening).unwrap_err().to_string();
    assert!(message.contains("nothing was changed"), "{message}");
    assert_eq!(all(), before);
}

#[test]
fn only_so_many_cut_tails_are_kept() {
    let files = FaultyFiles::new(1);
    for life in 0..CUTS_MAX as u64 + 4 {
        let mut opening = opened(&files);
        let mut log = begun(&mut opening, "e");
        log.write(records(life..life + 1), 1, 0).unwrap();
        drop((opening, log));
        let path = names(&files, ".log").pop().unwrap();
        files.open(&path).unwrap().append(&[1, 2, 3]).unwrap();
        files.kill();
    }
    opened(&files).cut_torn().unwrap();
    let kept: Vec<String> = files
        .list(dir())
        .unwrap()
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| name.contains(".cut-"))
        .collect();
    assert_eq!(kept.len(), CUTS_MAX);
    assert!(
        kept.iter().all(|name| !name.starts_with("00000000000000000001.")),
        "the oldest went: {kept:?}"
    );
}

/// A hole in what was never synced, with a whole write behind it, as a power cut may leave it: not rot.
#[test]
fn a_hole_that_was_never_on_disk_is_a_torn_tail() {
    let files = FaultyFiles::new(1);
    let mut opening = opened(&files);
    let mut log = begun(&mut opening, "e");
    log.write(records(0..3), 3, 0).unwrap();
    sync(&mut log, 0);
    let path = names(&files, ".log")[0].clone();
    let hole = files.read(&path).unwrap().len();
    log.write(records(3..5), 2, 0).unwrap();
    log.write(records(5..6), 1, 0).unwrap();
    drop((opening, log));
    files.rot(&path, hole + 60, 0xff);
    files.kill();
    let opening = opened(&files);
    assert_eq!(opening.cut.as_ref().unwrap().lsn, Lsn(4));
    assert_eq!(replayed(&opening).unwrap(), [0, 1, 2]);
}

/// The same bytes, synced, and a later write that knows it: rot, even though it is in the last segment.
#[test]
fn a_hole_in_what_was_on_disk_stops_the_start() {
    let files = FaultyFiles::new(1);
    let mut opening = opened(&files);
    let mut log = begun(&mut opening, "e");
    log.write(records(0..3), 3, 0).unwrap();
    let path = names(&files, ".log")[0].clone();
    let hole = files.read(&path).unwrap().len();
    log.write(records(3..5), 2, 0).unwrap();
    sync(&mut log, 0);
    drop((opening, log));
    files.rot(&path, hole + 60, 0xff);
    files.kill();
    let Err(error) = open(dir(), Arc::new(files.clone())) else {
        panic!("opened")
    };
    let message = error.to_string();
    assert!(message.contains("00000000000000000001.log, byte "), "{message}");
    assert!(message.contains("checksum") && message.contains("record 4"), "{message}");
    assert!(message.contains("scorewire log repair --data-dir /log"), "{message}");
}

/// What a failed sync was about is not on disk although it can be read: it is written again, elsewhere.
#[test]
fn after_a_failed_sync_nothing_since_the_last_good_one_is_trusted() {
    let files = FaultyFiles::new(3);
    let mut opening = opened(&files);
    let mut log = begun(&mut opening, "e");
    log.write(records(0..2), 2, 0).unwrap();
    sync(&mut log, 0);
    log.write(records(2..4), 2, 0).unwrap();
    files.fail(Call::Sync, 0);
    sync(&mut log, 0);
    assert_eq!(log.synced(), 2);
    assert_eq!(log.heals_at(), Some(0), "another file may do better at once");
    log.heal(0);
    assert_eq!((log.synced(), log.heals_at()), (4, None));
    assert_eq!(names(&files, ".log").len(), 2);
    drop((opening, log));
    files.cut_power();
    let opening = opened(&files);
    assert_eq!(replayed(&opening).unwrap(), [0, 1, 2, 3]);
}

/// A process whose sync failed is killed before it could do anything about it. The next one reads the
/// records, syncs well, and would lose them with the power.
#[test]
fn what_an_earlier_process_could_not_sync_is_written_again() {
    for seed in 0..20 {
        let files = FaultyFiles::new(seed);
        let mut opening = opened(&files);
        let mut log = begun(&mut opening, "e");
        log.write(records(0..4), 4, 0).unwrap();
        files.fail(Call::Sync, 0);
        sync(&mut log, 0);
        drop((opening, log));
        files.kill();
        let mut opening = opened(&files);
        assert_eq!(replayed(&opening).unwrap(), [0, 1, 2, 3]);
        let log = begun(&mut opening, "f");
        drop((opening, log));
        files.cut_power();
        let opening = opened(&files);
        assert_eq!(replayed(&opening).unwrap(), [0, 1, 2, 3]);
        assert_eq!(opening.header, Some(header("f")));
    }
}

#[test]
fn a_full_disk_refuses_in_the_systems_words_and_heals() {
    let files = FaultyFiles::new(1);
    let mut opening = opened(&files);
    let mut log = begun(&mut opening, "e");
    log.write(records(0..2), 2, 0).unwrap();
    let used = files.read(&names(&files, ".log")[0]).unwrap().len() as u64;
    files.set_capacity(Some(used + 50));
    let reason = log.write(records(2..4), 2, 1_000).unwrap_err();
    assert!(reason.contains("no storage space"), "{reason}");
    assert_eq!(files.read(&names(&files, ".log")[0]).unwrap().len() as u64, used, "cut back");
    files.set_capacity(None);
    log.write(records(2..4), 2, 1_000 + LIMITS.retry_us - 1).unwrap_err();
    log.write(records(2..4), 2, 1_000 + LIMITS.retry_us).unwrap();
    assert_eq!(log.heals_at(), None);
    sync(&mut log, 2_000);
    drop((opening, log));
    files.cut_power();
    assert_eq!(replayed(&opened(&files)).unwrap(), [0, 1, 2, 3]);
}

/// Bytes that the disk holds.
fn used(files: &FaultyFiles) -> u64 {
    files.list(dir()).unwrap().into_iter().map(|(_, bytes)| bytes).sum()
}

/// A nearly full disk took the mark that was to try it, so it was called healed, and the next batch failed again.
#[test]
fn a_disk_heals_by_as_many_bytes_as_it_did_not_take() {
    let files = FaultyFiles::new(1);
    let mut opening = opened(&files);
    let mut log = begun(&mut opening, "e");
    log.write(records(0..2), 2, 0).unwrap();
    let before = used(&files);
    let needed = (MARK_BYTES + records(2..4).len()) as u64;
    files.set_capacity(Some(before + needed - 1));
    let mut now = 1_000;
    log.write(records(2..4), 2, now).unwrap_err();
    for _ in 0..5 {
        now = log.heals_at().unwrap();
        log.heal(now);
        assert_eq!(log.heals_at(), Some(now + LIMITS.retry_us), "it is still too full");
        assert!(log.gauges().refusing.lock().is_some());
        assert_eq!(used(&files), before, "trying leaves nothing behind");
    }
    files.set_capacity(Some(before + needed));
    log.heal(now + LIMITS.retry_us);
    assert_eq!((log.heals_at(), used(&files)), (None, before), "without a batch");
    assert!(log.gauges().refusing.lock().is_none());
    log.write(records(2..4), 2, now + LIMITS.retry_us).unwrap();
    drop((opening, log));
    files.kill();
    assert_eq!(replayed(&opened(&files)).unwrap(), [0, 1, 2, 3]);
}

/// The same where the next batch needed a new segment: its header alone fits.
#[test]
fn a_disk_that_has_room_for_a_header_alone_is_not_healed() {
    let files = FaultyFiles::new(1);
    let mut opening = opened(&files);
    let mut log = begun(&mut opening, "e");
    log.write(records(0..20), 20, 0).unwrap();
    sync(&mut log, 0);
    let before = used(&files);
    files.set_capacity(Some(before));
    let mut now = 1_000;
    log.write(records(20..30), 10, now).unwrap_err();
    files.set_capacity(Some(before + 500));
    for _ in 0..5 {
        now = log.heals_at().unwrap();
        log.heal(now);
        assert_eq!(log.heals_at(), Some(now + LIMITS.retry_us));
    }
    assert_eq!(names(&files, ".log").len(), 2, "one new segment, tried again");
    files.mend();
    log.heal(now + LIMITS.retry_us);
    assert_eq!(log.heals_at(), None);
    log.write(records(20..30), 10, now + LIMITS.retry_us).unwrap();
    drop((opening, log));
    files.kill();
    assert_eq!(replayed(&opened(&files)).unwrap(), (0..30).collect::<Vec<_>>());
}

/// A process that is killed while it tries the disk leaves bytes behind that pass for nothing.
#[test]
fn bytes_that_tried_the_disk_are_a_torn_tail() {
    let files = FaultyFiles::new(1);
    let mut opening = opened(&files);
    let mut log = begun(&mut opening, "e");
    log.write(records(0..2), 2, 0).unwrap();
    files.fail(Call::Write, 0);
    log.write(records(2..4), 2, 1_000).unwrap_err();
    files.fail(Call::Name, 0);
    log.heal(1_000 + LIMITS.retry_us);
    drop((opening, log));
    files.kill();
    let opening = opened(&files);
    assert_eq!(opening.cut.as_ref().unwrap().problem, Problem::Length(0));
    assert_eq!(replayed(&opening).unwrap(), [0, 1]);
}

#[test]
fn what_is_not_on_disk_has_a_limit() {
    let files = FaultyFiles::new(1);
    let mut opening = opened(&files);
    let mut log = super::Appender::begin(
        &mut opening,
        header("e"),
        super::Limits {
            segment_bytes: 1 << 20,
            ..LIMITS
        },
    )
    .unwrap();
    let mut written = 0;
    let reason = loop {
        match log.write(records(written..written + 10), 10, 0) {
            Ok(()) => written += 10,
            Err(reason) => break reason,
        }
    };
    assert!(reason.contains("slow"), "{reason}");
    assert!(written * 100 <= LIMITS.unsynced_bytes_max as u64);
    sync(&mut log, 0);
    log.write(records(written..written + 10), 10, 0).unwrap();
}

/// A request larger than the limit was refused for good, as though the disk were slow, though nothing waited for
/// it; and so were small ones that had been joined into one write.
#[test]
fn a_write_larger_than_the_limit_goes_through_where_none_waits() {
    let files = FaultyFiles::new(1);
    let mut opening = opened(&files);
    let limits = super::Limits {
        unsynced_bytes_max: 100,
        ..LIMITS
    };
    let mut log = super::Appender::begin(&mut opening, header("e"), limits).unwrap();
    log.write(records(0..20), 20, 0).unwrap();
    log.write(records(20..21), 1, 0).unwrap_err();
    sync(&mut log, 0);
    log.write(records(20..40), 20, 0).unwrap();
}

#[test]
fn a_later_versions_record_stops_the_start() {
    let files = FaultyFiles::new(1);
    let mut opening = opened(&files);
    let log = begun(&mut opening, "e");
    drop((opening, log));
    let path = names(&files, ".log")[0].clone();
    let mut bytes = Vec::new();
    frame(&own(Kind::Closed, b"x"), &mut bytes);
    bytes[8] = 99;
    let checksum = crc32fast::hash(&bytes[8..]).to_le_bytes();
    bytes[4..8].copy_from_slice(&checksum);
    files.open(&path).unwrap().append(&bytes).unwrap();
    files.kill();
    let opened = open(dir(), Arc::new(files));
    assert!(matches!(opened, Err(OpenError::Later { kind: 99, .. })));
}
