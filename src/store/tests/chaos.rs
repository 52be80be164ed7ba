//! Random appends, syncs, faults, kills, power cuts: what was committed is there, in order, exactly once.

use super::super::append::{Appender, Limits};
use super::super::faults::{Call, FaultyFiles};
use super::super::{OpenError, Opening};
use super::{LIMITS, header, opened, record, replayed, sync};
use crate::test_support::Random;
use std::collections::BTreeMap;

/// As many as meet everything in [`INTERESTING`]; `SCOREWIRE_SIM_SEEDS` asks for another number.
const SEEDS: u64 = 120;
const STEPS: usize = 150;

/// What must have happened in all those runs, or they prove little.
const INTERESTING: [&str; 12] = [
    "accepted",
    "refused",
    "refused for slowness",
    "killed",
    "power cut",
    "closed",
    "not closed",
    "tail cut",
    "records lost with the power",
    "refused records found",
    "begun once the fault was gone",
    "healed without a batch",
];

#[test]
fn what_was_committed_is_there_whatever_happens() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seeds = match number("SCOREWIRE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SCOREWIRE_SIM_SEEDS").unwrap_or(SEEDS),
    };
    let all = seeds.end - seeds.start >= SEEDS;
    let mut tally = BTreeMap::new();
    for seed in seeds {
        let run = || Run::new(seed).run();
        match std::panic::catch_unwind(run) {
            Ok(happened) => happened
                .into_iter()
                .for_each(|(what, times)| *tally.entry(what).or_insert(0) += times),
            Err(panic) => {
                eprintln!("seed {seed} failed; again: SCOREWIRE_SEED={seed} cargo test --lib store::tests::chaos");
                std::panic::resume_unwind(panic);
            }
        }
    }
    println!("{tally:#?}");
    let missing: Vec<&&str> = INTERESTING.iter().filter(|what| !tally.contains_key(**what)).collect();
    assert!(!all || missing.is_empty(), "never happened: {missing:?} of {tally:#?}");
}

struct Run {
    files: FaultyFiles,
    limits: Limits,
    random: Random,
    now: i64,
    /// Ids that were accepted, by place.
    accepted: Vec<u64>,
    /// How many of them must be there for good.
    committed: usize,
    /// Batches that were refused, each with the place it would have had: some of it may be found.
    refused: Vec<(usize, Vec<u64>)>,
    next_id: u64,
    tally: BTreeMap<&'static str, u64>,
}

impl Run {
    fn new(seed: u64) -> Run {
        Run {
            files: FaultyFiles::new(seed),
            limits: Limits {
                // So that segments roll, or that too much is not yet on disk.
                segment_bytes: [2_000, 20_000][(seed % 2) as usize],
                unsynced_bytes_max: 6_000,
                ..LIMITS
            },
            random: Random(seed),
            now: 0,
            accepted: Vec::new(),
            committed: 0,
            refused: Vec::new(),
            next_id: 1,
            tally: BTreeMap::new(),
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    fn run(mut self) -> BTreeMap<&'static str, u64> {
        let mut life = self.reopen(0);
        for _ in 0..STEPS {
            self.now += self.random.below(150) as i64;
            let (_, appender) = &mut life;
            match self.random.below(100) {
                0..45 => self.write(appender),
                45..70 => {
                    sync(appender, self.now);
                    self.committed = self.committed.max(appender.synced() as usize);
                }
                70..76 => self.sync_while_writing(appender),
                76..82 => {
                    let failed = appender.heals_at().is_some();
                    appender.heal(self.now);
                    if failed && appender.heals_at().is_none() {
                        self.count("healed without a batch");
                    }
                }
                82..94 => self.break_something(),
                94..96 => {
                    self.count("killed");
                    drop(life);
                    self.files.kill();
                    life = self.reopen(self.accepted.len());
                }
                96..98 => {
                    self.count("power cut");
                    drop(life);
                    self.files.cut_power();
                    life = self.reopen(self.committed);
                }
                _ => life = self.close(life),
            }
            assert!(life.1.synced() as usize <= self.accepted.len());
        }
        self.tally
    }

    fn write(&mut self, appender: &mut Appender) {
        let mut ids = Vec::new();
        let mut bytes = Vec::new();
        for _ in 0..=self.random.below(4) {
            let padding = if self.random.below(8) == 0 { 2_000 } else { self.random.below(200) };
            record(self.next_id, padding, &mut bytes);
            ids.push(self.next_id);
            self.next_id += 1;
        }
        match appender.write(bytes, ids.len() as u64, self.now) {
            Ok(()) => {
                self.count("accepted");
                self.accepted.extend(ids);
            }
            Err(reason) => {
                self.count(if reason.contains("slow") {
                    "refused for slowness"
                } else {
                    "refused"
                });
                self.refused.push((self.accepted.len(), ids));
            }
        }
        assert_eq!(appender.written() as usize, self.accepted.len());
        self.committed = self.committed.max(appender.synced() as usize);
    }

    /// The other thread writes, and may begin a segment, while this one syncs.
    fn sync_while_writing(&mut self, appender: &mut Appender) {
        let Some(sync) = appender.sync() else { return };
        let early = self.random.below(2) == 0;
        let result = early.then(|| sync.file.sync_data());
        for _ in 0..self.random.below(4) {
            self.write(appender);
        }
        let result = result.unwrap_or_else(|| sync.file.sync_data());
        appender.sync_ended(&sync, result, 1, self.now);
        self.committed = self.committed.max(appender.synced() as usize);
    }

    fn break_something(&mut self) {
        let after = self.random.below(3) as u64;
        match self.random.below(12) {
            0 | 1 => self.files.fail(Call::Write, after),
            2 | 3 => self.files.fail(Call::Sync, after),
            4 => self.files.fail(Call::Name, after),
            5 => self.files.fail_by_chance(30),
            6 => self.files.set_read_only(true),
            7 => self.files.set_capacity(Some(self.random.below(40_000) as u64)),
            _ => self.files.mend(),
        }
    }

    fn close(&mut self, (opening, mut appender): (Opening, Appender)) -> (Opening, Appender) {
        let closed = appender.close(self.now);
        self.committed = self.committed.max(appender.synced() as usize);
        drop((opening, appender));
        let cut = self.random.below(2) == 0;
        if closed.is_ok() {
            assert_eq!(self.committed, self.accepted.len(), "all is on disk after an orderly end");
            self.refused.clear();
        }
        self.count(if closed.is_ok() { "closed" } else { "not closed" });
        let opening = if cut {
            self.files.cut_power();
            self.find(self.committed)
        } else {
            self.files.kill();
            self.find(self.accepted.len())
        };
        assert!(opening.clean || closed.is_err());
        self.go_on(opening)
    }

    fn reopen(&mut self, kept: usize) -> (Opening, Appender) {
        let opening = self.find(kept);
        self.go_on(opening)
    }

    /// Opens, and holds what is there against what was accepted, of which so many must be there.
    fn find(&mut self, kept: usize) -> Opening {
        // Opening changes nothing, so nothing can fail.
        let opening = opened(&self.files);
        if opening.cut.is_some() {
            self.count("tail cut");
        }
        let found = replayed(&opening).unwrap();
        let same = found
            .iter()
            .zip(&self.accepted)
            .take_while(|(found, accepted)| found == accepted)
            .count();
        assert!(same >= kept, "{kept} kept, {same} the same, {} found", found.len());
        if same < self.accepted.len() {
            self.count("records lost with the power");
        }
        let more = &found[same..];
        let is_refused = |(place, ids): &(usize, Vec<u64>)| *place == same && ids.starts_with(more);
        if !more.is_empty() {
            assert!(self.refused.iter().any(is_refused), "found {more:?} after {same}");
            self.count("refused records found");
        }
        self.accepted = found;
        opening
    }

    fn go_on(&mut self, mut opening: Opening) -> (Opening, Appender) {
        if self.random.below(3) == 0 {
            // A start that fails half way takes nothing away. What fails already goes on.
            self.files.fail(
                [Call::Write, Call::Sync, Call::Name][self.random.below(3)],
                self.random.below(4) as u64,
            );
            if let Err(error) = Appender::begin(&mut opening, header("other"), self.limits) {
                assert!(matches!(error, OpenError::Io { .. }), "{error}");
                self.count("begun once the fault was gone");
                drop(opening);
                if self.random.below(2) == 0 {
                    self.files.kill();
                    return self.reopen(self.accepted.len());
                }
                self.files.cut_power();
                return self.reopen(self.committed);
            }
            drop(opening);
            self.files.mend();
            self.files.kill();
            opening = self.find(self.accepted.len());
        }
        self.files.mend();
        let appender = Appender::begin(&mut opening, header("epoch"), self.limits).unwrap();
        self.committed = self.accepted.len();
        // A new segment has begun: what is behind it counts no longer.
        self.refused.clear();
        (opening, appender)
    }
}
