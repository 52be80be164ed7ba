//! The log's threads: order, commits, refusals, ends.

use super::super::faults::{Call, FaultyFiles};
use super::super::{Batch, Durability, EventLog, Files, Lsn, Refused, Settings};
use super::{header, names, opened, records, replayed};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

const SETTINGS: Settings = Settings {
    durability: Durability::Group,
    segment_bytes: 1 << 20,
    queue_batches_max: 64,
    unsynced_bytes_max: 1 << 20,
    group_wait_us: 100,
    commit_timeout_ms: 20_000,
    retry_ms: 1,
};

type Delivered = Arc<Mutex<Vec<u64>>>;

fn begun(files: &FaultyFiles, settings: Settings) -> (EventLog<u64>, Delivered) {
    let delivered = Delivered::default();
    let to = delivered.clone();
    let log = opened(files).begin(header("e"), settings, move |payload| to.lock().push(payload));
    (log.unwrap(), delivered)
}

fn batch(id: u64) -> Batch<u64> {
    Batch {
        records: records(id..id + 1),
        count: 1,
        payload: id,
    }
}

/// Sends until it is taken and committed, as a feed does.
async fn insist(log: &EventLog<u64>, id: u64) -> usize {
    let mut refusals = 0;
    loop {
        match log.submit(batch(id)).await.unwrap().committed().await {
            Ok(()) => return refusals,
            Err(Refused::Unavailable { .. }) => refusals += 1,
            Err(other) => panic!("{other}"),
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn batches_are_delivered_and_committed_in_order() {
    for durability in [Durability::Group, Durability::Sync] {
        let files = FaultyFiles::new(1);
        let (log, delivered) = begun(&files, Settings { durability, ..SETTINGS });
        let mut tickets = Vec::new();
        for id in 0..500 {
            tickets.push(log.submit(batch(id)).await.unwrap());
        }
        for ticket in tickets {
            ticket.committed().await.unwrap();
        }
        let levels = log.levels();
        assert_eq!((levels.written.0, levels.synced.0, levels.unsynced_bytes), (500, 500, 0));
        assert!(levels.is_healthy && levels.syncs <= levels.writes);
        log.close().await.unwrap();
        assert_eq!(*delivered.lock(), (0..500).collect::<Vec<_>>());
        files.cut_power();
        let opening = opened(&files);
        assert!(opening.clean);
        assert_eq!(replayed(&opening).unwrap(), (0..500).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_slow_disk_makes_commits_slow_and_nothing_else() {
    let files = FaultyFiles::new(1);
    let settings = Settings {
        commit_timeout_ms: 20,
        ..SETTINGS
    };
    let (log, delivered) = begun(&files, settings);
    files.hold_syncs(true);
    let slow = log.submit(batch(0)).await.unwrap().committed().await;
    assert_eq!(slow, Err(Refused::Slow));
    // It was written.
    while delivered.lock().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!((log.levels().written.0, log.levels().synced.0), (1, 0));
    files.hold_syncs(false);
    log.close().await.unwrap();
    assert_eq!(replayed(&opened(&files)).unwrap(), [0]);
}

#[tokio::test]
async fn nothing_is_delivered_before_the_sync_where_that_is_asked_for() {
    let files = FaultyFiles::new(1);
    let settings = Settings {
        durability: Durability::Sync,
        commit_timeout_ms: 20,
        ..SETTINGS
    };
    let (log, delivered) = begun(&files, settings);
    files.hold_syncs(true);
    assert_eq!(log.submit(batch(0)).await.unwrap().committed().await, Err(Refused::Slow));
    assert_eq!(*delivered.lock(), [0; 0]);
    files.hold_syncs(false);
    log.close().await.unwrap();
    assert_eq!(*delivered.lock(), [0]);
}

#[tokio::test]
async fn a_full_queue_is_said() {
    let files = FaultyFiles::new(1);
    let settings = Settings {
        commit_timeout_ms: 20,
        queue_batches_max: 1,
        ..SETTINGS
    };
    let (release, held) = flume::bounded::<()>(0);
    let (begins, begun) = flume::bounded(1);
    let log = opened(&files)
        .begin(header("e"), settings, move |_: u64| {
            let _ = begins.try_send(());
            let _ = held.recv();
        })
        .unwrap();
    let mut refused = None;
    let _first = log.submit(batch(0)).await.unwrap();
    // Until then the thread may take more and more for its first write.
    begun.recv_async().await.unwrap();
    for id in 1..10 {
        match log.submit(batch(id)).await {
            Ok(_) => {}
            Err(reason) => {
                refused = Some(reason);
                break;
            }
        }
    }
    assert_eq!(refused, Some(Refused::Full));
    drop(release);
    log.close().await.unwrap();
}

#[tokio::test]
async fn a_disk_that_comes_back_is_used_again() {
    let files = FaultyFiles::new(1);
    let (log, delivered) = begun(&files, SETTINGS);
    assert_eq!(insist(&log, 0).await, 0);
    files.set_read_only(true);
    let Err(Refused::Unavailable { reason }) = log.submit(batch(1)).await.unwrap().committed().await else {
        panic!("it was taken");
    };
    assert!(reason.contains("read-only"), "{reason}");
    assert_eq!(log.trouble().as_deref(), Some(&*reason));
    assert!(!log.levels().is_healthy);
    files.set_read_only(false);
    // Without a batch, too.
    while log.trouble().is_some() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(insist(&log, 1).await, 0);
    log.close().await.unwrap();
    assert_eq!(*delivered.lock(), [0, 1]);
    assert_eq!(replayed(&opened(&files)).unwrap(), [0, 1]);
}

/// Old segments were removed under the lock that writes and commits need: none came through meanwhile.
#[tokio::test]
async fn batches_are_committed_while_segments_are_removed() {
    let files = FaultyFiles::new(1);
    let settings = Settings {
        segment_bytes: 500,
        ..SETTINGS
    };
    let (log, _) = begun(&files, settings);
    for id in 0..40 {
        insist(&log, id).await;
    }
    let segments = log.levels().segments;
    assert!(segments > 3, "{segments}");
    files.hold_removals(true);
    let remover = log.clone();
    let removing = std::thread::spawn(move || remover.remove_before(Lsn(30)));
    while files.removals_waiting() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(log.submit(batch(40)).await.unwrap().committed().await, Ok(()));
    files.hold_removals(false);
    let (count, bytes) = removing.join().unwrap().unwrap();
    assert!(count > 1 && bytes > 1_000, "{count} of {bytes} bytes");
    log.close().await.unwrap();
    assert_eq!(replayed(&opened(&files)).unwrap().last(), Some(&40));
}

/// Nothing had failed, so it was called healthy, though no batch was taken.
#[tokio::test]
async fn a_disk_that_takes_no_more_is_said_until_it_does() {
    let files = FaultyFiles::new(1);
    let settings = Settings {
        unsynced_bytes_max: 150,
        ..SETTINGS
    };
    let (log, _) = begun(&files, settings);
    files.hold_syncs(true);
    let waits = log.submit(batch(0)).await.unwrap();
    // So that the two are not written at once.
    while log.levels().written < Lsn(1) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let Err(Refused::Unavailable { reason }) = log.submit(batch(1)).await.unwrap().committed().await else {
        panic!("it was taken");
    };
    assert!(reason.contains("slow"), "{reason}");
    assert_eq!(log.trouble(), Some(reason));
    assert!(!log.levels().is_healthy);
    files.hold_syncs(false);
    assert_eq!(waits.committed().await, Ok(()));
    assert!(log.trouble().is_none() && log.levels().is_healthy);
    assert_eq!(insist(&log, 1).await, 0);
    log.close().await.unwrap();
}

/// Batches are taken and none is confirmed: that is no health either.
#[tokio::test]
async fn a_sync_that_takes_longer_than_a_commit_may_is_said() {
    let files = FaultyFiles::new(1);
    let settings = Settings {
        commit_timeout_ms: 20,
        ..SETTINGS
    };
    let (log, _) = begun(&files, settings);
    files.hold_syncs(true);
    assert_eq!(log.submit(batch(0)).await.unwrap().committed().await, Err(Refused::Slow));
    let reason = loop {
        match log.trouble() {
            Some(reason) => break reason,
            None => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    };
    assert!(reason.contains("slow"), "{reason}");
    assert!(!log.levels().is_healthy);
    files.hold_syncs(false);
    while log.trouble().is_some() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    log.close().await.unwrap();
}

#[tokio::test]
async fn a_failed_sync_costs_a_segment_and_no_commit() {
    let files = FaultyFiles::new(1);
    let (log, delivered) = begun(&files, SETTINGS);
    for id in 0..20 {
        files.fail(Call::Sync, 0);
        assert_eq!(insist(&log, id).await, 0, "it was written, and then written again");
    }
    assert!(log.levels().failures > 0);
    assert!(names(&files, ".log").len() > 1);
    files.cut_power();
    assert_eq!(replayed(&opened(&files)).unwrap(), (0..20).collect::<Vec<_>>());
    // Its disk is gone.
    assert!(log.close().await.is_err());
    assert_eq!(*delivered.lock(), (0..20).collect::<Vec<_>>());
}

/// Many faults under load: who was told of a commit finds it after the power is cut.
#[tokio::test]
async fn commits_hold_while_calls_fail_by_chance() {
    for durability in [Durability::Group, Durability::Sync] {
        let files = FaultyFiles::new(4);
        let settings = Settings {
            durability,
            segment_bytes: 4_000,
            ..SETTINGS
        };
        let (log, _) = begun(&files, settings);
        files.fail_by_chance(20);
        for id in 0..200 {
            insist(&log, id).await;
        }
        files.cut_power();
        files.fail_by_chance(0);
        let found = replayed(&opened(&files)).unwrap();
        let mut committed = found.clone();
        committed.dedup();
        assert_eq!(committed, (0..200).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn it_ends_in_order_with_its_last_handle() {
    let files = FaultyFiles::new(1);
    let (log, _) = begun(&files, SETTINGS);
    let other = log.clone();
    let ticket = log.submit(batch(0)).await.unwrap();
    drop(log);
    ticket.committed().await.unwrap();
    drop(other);
    let opening = loop {
        match super::open(super::dir(), Arc::new(files.clone())) {
            Ok(opening) => break opening,
            Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    };
    assert!(opening.clean);
    assert_eq!(replayed(&opening).unwrap(), [0]);
}

#[tokio::test]
async fn after_the_end_it_says_that_it_has_stopped() {
    let files = FaultyFiles::new(1);
    let (log, _) = begun(&files, SETTINGS);
    let other = log.clone();
    log.close().await.unwrap();
    let refused = match other.submit(batch(0)).await {
        Ok(ticket) => ticket.committed().await,
        Err(refused) => Err(refused),
    };
    assert_eq!(refused, Err(Refused::Stopped));
    other.close().await.unwrap();
}

#[tokio::test]
async fn a_panic_where_batches_are_delivered_stops_the_log() {
    let files = FaultyFiles::new(1);
    for durability in [Durability::Group, Durability::Sync] {
        let settings = Settings { durability, ..SETTINGS };
        let log = opened(&files)
            .begin(header("e"), settings, |_: u64| panic!("as the test wants it"))
            .unwrap();
        let next_id = log.levels().written.0;
        let first = log.submit(batch(next_id)).await.unwrap();
        let _ = first.committed().await;
        let refused = loop {
            match log.submit(batch(99)).await {
                Ok(ticket) => {
                    if let Err(refused) = ticket.committed().await {
                        break refused;
                    }
                }
                Err(refused) => break refused,
            }
        };
        assert_eq!(refused, Refused::Stopped);
        let _ = log.ended().await;
        files.kill();
    }
    assert!(!files.list(super::dir()).unwrap().is_empty());
}
