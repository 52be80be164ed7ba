//! A log that was repaired: records are missing, and a gap stands in their place. It is rewritten as any other
//! is, and its history ends once, not again with each snapshot that comes to cover a gap.

use scorewire::compaction::compactor::{Compacted, Compactor};
use scorewire::compaction::retell;
use scorewire::engine::{EngineLimits, Remains, Shared};
use scorewire::model::{IngestTime, StateTime};
use scorewire::recovery::{Me, NewEpoch, Recovered, recover};
use scorewire::store::faults::FaultyFiles;
use scorewire::store::snapshot::snapshots;
use scorewire::store::{Batch, Durability, Files, Kind, Lsn, Record, Settings, frame, inspect, open, repair};
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::Runtime;

const SETTINGS: Settings = Settings {
    durability: Durability::Group,
    segment_bytes: 700,
    queue_batches_max: 8,
    unsynced_bytes_max: 1 << 20,
    group_wait_us: 0,
    commit_timeout_ms: 20_000,
    retry_ms: 10,
};

fn dir() -> &'static Path {
    Path::new("/log")
}

/// A play's line, which is in the log once.
fn line(nth: u64) -> String {
    format!(r#"{{"type":"play","game":"g","play":"{nth}","stats":[{{"player":"p-{nth}","team":"NE","stat":10,"yards":1}}]}}"#)
}

/// What a start found.
#[derive(PartialEq, Debug)]
struct Start {
    new_epoch: Option<NewEpoch>,
    epoch: String,
    missing: u64,
    snapshot: Option<Lsn>,
    remains: Remains,
}

/// A log whose server starts and ends, again and again.
struct Rig {
    files: FaultyFiles,
    runtime: Runtime,
    limits: EngineLimits,
    starts: u64,
}

impl Rig {
    /// With a log of some records, each in a write of its own, in more than three segments.
    fn new(records: u64) -> Rig {
        let mut rig = Rig {
            files: FaultyFiles::new(1),
            runtime: tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap(),
            limits: crate::world::engine_limits(),
            starts: 0,
        };
        rig.serve(1..records + 1);
        assert!(inspect(dir(), &rig.files).unwrap().len() > 3);
        rig
    }

    /// A server starts, takes these plays in, which are records under the same numbers, and ends in order.
    fn serve(&mut self, plays: std::ops::Range<u64>) -> Start {
        self.starts += 1;
        let me = Me {
            sources: Vec::new(),
            limits: self.limits,
            boot_id: "b".to_owned(),
            is_restored: false,
            new_epoch: format!("e{}", self.starts),
        };
        let shared = Shared::beside(crate::world::engine_limits());
        let Recovered {
            opening,
            header,
            new_epoch,
            read,
            warnings,
        } = recover(dir(), Arc::new(self.files.clone()), &shared, me).unwrap();
        assert_eq!((warnings, read.unreadable), (Vec::<String>::new(), 0));
        let start = Start {
            new_epoch,
            epoch: header.epoch.clone(),
            missing: read.missing,
            snapshot: read.snapshot,
            remains: shared.remains(),
        };
        assert!(plays.is_empty() || opening.next_lsn == Lsn(plays.start));
        let log = opening.begin(header, SETTINGS, |()| ()).unwrap();
        for nth in plays {
            let (line, mut records) = (line(nth), Vec::new());
            let record = Record {
                kind: Kind::Event,
                origin: IngestTime(nth as i64).into(),
                body: line.as_bytes(),
            };
            frame(&record, &mut records);
            let batch = Batch {
                records,
                count: 1,
                payload: (),
            };
            let committed = async { log.submit(batch).await.unwrap().committed().await };
            self.runtime.block_on(committed).unwrap();
        }
        self.runtime.block_on(log.close()).unwrap();
        start
    }

    /// That record rots, and is set aside.
    fn lose(&self, lsn: u64) {
        let line = line(lsn);
        let names = self.files.list(dir()).unwrap();
        let mut paths = names.into_iter().map(|(name, _)| name).filter(|name| name.ends_with(".log"));
        let found = paths.find_map(|name| {
            let path = dir().join(name);
            let bytes = self.files.read(&path).unwrap();
            let at = bytes.windows(line.len()).position(|window| window == line.as_bytes())?;
            Some((path, at))
        });
        let (path, at) = found.unwrap();
        self.files.rot(&path, at, 1);
        let repaired = repair(dir(), &self.files).unwrap();
        assert_eq!(repaired.iter().map(|place| place.missing).collect::<Vec<_>>(), [1]);
    }

    fn compactor(&self) -> Compactor {
        Compactor::new(dir(), Arc::new(self.files.clone()), Vec::new(), || {
            Shared::beside(crate::world::engine_limits())
        })
    }

    fn compact(&self) -> Compacted {
        let compacted = self.compactor().compact(1).unwrap().expect("there are whole segments");
        assert_eq!(compacted.warnings, [""; 0]);
        compacted
    }

    /// The last record that the next snapshot is to cover.
    fn last_whole(&self) -> u64 {
        inspect(dir(), &self.files).unwrap().last().unwrap().first.0 - 1
    }
}

/// Rewrites the log; nothing changes but what a start reads.
fn rewrite(rig: &mut Rig, before: &Start) {
    let compacted = rig.compact();
    let after = rig.serve(0..0);
    assert_eq!((after.new_epoch, after.snapshot), (None, Some(compacted.lsn)));
    assert_eq!((&after.epoch, after.missing), (&before.epoch, before.missing));
    assert_eq!(after.remains, before.remains);
}

/// Found in review: a gap in the place of the first record after what was covered passed for a log whose
/// beginning is lost. The server started, and no snapshot was made any more: the log grew until the disk was full.
/// And once a snapshot covered a gap, the next start no longer knew of it, and began another epoch, as if the
/// rules had changed.
#[test]
fn a_log_with_gaps_is_rewritten_and_its_history_ends_once() {
    let last = Rig::new(40).last_whole();
    for lost in [
        vec![1],
        vec![last / 2],
        vec![last],
        vec![1, 2, last / 2, last],
        (1..last + 1).collect(),
    ] {
        let mut rig = Rig::new(40);
        lost.iter().for_each(|lsn| rig.lose(*lsn));
        let missing = lost.len() as u64;
        let first = rig.serve(0..0);
        assert_eq!((first.new_epoch, first.missing), (Some(NewEpoch::Incomplete), missing), "{lost:?}");
        let second = rig.serve(41..81);
        assert_eq!((second.new_epoch, &second.epoch), (None, &first.epoch), "{lost:?}");
        let second = rig.serve(0..0);
        rewrite(&mut rig, &second);
        // What the snapshot says goes over to the next one, and more is lost right behind it.
        let newest = snapshots(dir(), &rig.files).unwrap()[0].lsn.0;
        rig.serve(81..121);
        rig.lose(newest + 1);
        let third = rig.serve(0..0);
        assert_eq!(
            (third.new_epoch, third.missing),
            (Some(NewEpoch::Incomplete), missing + 1),
            "{lost:?}"
        );
        rewrite(&mut rig, &third);
        // Without the newest one, the older one and the segments say the same.
        let newest = snapshots(dir(), &rig.files).unwrap().remove(0);
        newest.set_aside(&rig.files).unwrap();
        let fourth = rig.serve(0..0);
        assert_eq!((fourth.new_epoch, fourth.missing, &fourth.epoch), (None, missing + 1, &third.epoch));
    }
}

#[test]
fn other_rules_are_the_reason_where_records_were_missing_before() {
    let mut rig = Rig::new(40);
    rig.lose(7);
    assert_eq!(rig.serve(0..0).new_epoch, Some(NewEpoch::Incomplete));
    rig.limits.plays_max -= 1;
    assert_eq!(rig.serve(0..0).new_epoch, Some(NewEpoch::RulesChanged));
    rig.lose(8);
    assert_eq!(rig.serve(0..0).new_epoch, Some(NewEpoch::Incomplete));
    assert_eq!(rig.serve(0..0).new_epoch, None);
}

/// A gap behind what a snapshot covers is not the snapshot's.
#[test]
fn a_gap_counts_once_whether_a_snapshot_covers_it_or_not() {
    let mut rig = Rig::new(40);
    let behind = rig.last_whole() + 1;
    rig.lose(behind);
    rig.lose(3);
    let before = rig.serve(0..0);
    assert_eq!(before.missing, 2);
    // The start began a segment: that is as if it had not.
    let newest = inspect(dir(), &rig.files).unwrap().pop().unwrap();
    rig.files.remove(&newest.file).unwrap();
    assert_eq!(rig.compact().lsn, Lsn(behind - 1));
    let shared = Shared::beside(crate::world::engine_limits());
    let opening = open(dir(), Arc::new(rig.files.clone())).unwrap();
    let retold = retell(&opening, dir(), &rig.files, &shared, &[], StateTime::default()).unwrap();
    assert_eq!((retold.missing, retold.snapshot), (2, Some(Lsn(behind - 1))));
    assert_eq!(shared.remains(), before.remains);
}
