//! The way in, stepped by hand: feeds that repeat and overtake themselves, the event log on a disk that
//! fails, and processes that end at any moment and are started again from the files.
//!
//! Beside the server stands one that never goes down and is told the same records in the same order: the
//! oracle watches that one. So whatever clients are sent after a restart is held against what they were, or
//! would have been, sent without it. Where a lost machine took records with it, the other server begins anew
//! with those that are left, and the epoch has to be another.

mod restart;

use super::Sim;
use crate::client::count;
use crate::world::Machine;
use scorewire::compaction::RetellError;
use scorewire::compaction::compactor::{CompactionError, Compactor};
use scorewire::feed::Decoder;
use scorewire::feed::encode::write_line;
use scorewire::model::{Event, GameId, IngestTime, Now, Origin, StateTime};
use scorewire::store::faults::{Call, FaultyFiles};
use scorewire::store::group::Sync;
use scorewire::store::{Batch, Durability, GroupCommit, Kind, OpenError, Opening, Record, Settings, frame};
use std::collections::{HashSet, VecDeque};
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

const DIR: &str = "/log";
const SOURCE: &str = "feed";
/// Requests that feeds have under way at a time.
const REQUESTS_MAX: usize = 4;

/// One record.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Told {
    kind: Kind,
    origin: Origin,
    body: Vec<u8>,
}

/// What a feed posts in one go, until it is told that all of it is safe.
struct Request {
    id: u64,
    lines: Vec<Vec<u8>>,
    attempt: u64,
    /// Batches of this attempt that are not answered; 0 where none is under way.
    parts: usize,
}

/// Which attempt of which request a batch belongs to; nothing where nobody asks.
type Asker = Option<(u64, u64)>;
type Payload = Rc<[Told]>;

/// What ends with the process.
struct Running {
    group: GroupCommit<Payload, Asker>,
    queue: Vec<(Batch<Payload>, Asker)>,
    /// In the log, and yet to be applied.
    delivered: VecDeque<Payload>,
    /// A sync under way, and its result where it is there already.
    syncing: Option<(Sync, Option<io::Result<()>>)>,
    /// Has the lock.
    _opening: Opening,
}

/// Feeds, log and disk.
pub(in crate::sim) struct Intake {
    files: FaultyFiles,
    settings: Settings,
    running: Option<Running>,
    /// Every record in the log, as far as is known.
    written: Vec<Told>,
    /// How many of them have taken effect.
    applied: usize,
    /// How many of them are there for good.
    confirmed: usize,
    /// Everything that was ever brought to the log.
    brought: HashSet<Vec<u8>>,
    /// The server that never goes down.
    truth: Machine,
    requests: Vec<Request>,
    requests_made: u64,
    boots: u64,
    starts: u64,
    epochs_served: HashSet<String>,
    /// Chance of an end, each step, in a thousand.
    ends_per_thousand: usize,
}

impl Intake {
    pub(in crate::sim) fn new(seed: u64, truth: Machine, chance: &mut crate::chance::Chance) -> Intake {
        let settings = Settings {
            durability: *chance.pick(&[Durability::Group, Durability::Group, Durability::Sync]),
            segment_bytes: chance.between(1_000, 60_000) as u64,
            queue_batches_max: chance.between(2, 12),
            unsynced_bytes_max: chance.between(16_000, 60_000),
            group_wait_us: 0,
            commit_timeout_ms: 0,
            retry_ms: 200,
        };
        Intake {
            files: FaultyFiles::new(seed),
            settings,
            running: None,
            written: Vec::new(),
            applied: 0,
            confirmed: 0,
            brought: HashSet::new(),
            truth,
            requests: Vec::new(),
            requests_made: 0,
            boots: 1,
            starts: 0,
            epochs_served: HashSet::new(),
            // Some servers live to the end: what takes long has to happen, too.
            ends_per_thousand: *chance.pick(&[0, 3, 6]),
        }
    }

    fn running(&mut self) -> &mut Running {
        self.running.as_mut().expect("started")
    }

    /// What the log says in the end, in order.
    pub(in crate::sim) fn events(&self) -> Vec<Event> {
        let events = self.written.iter().filter(|told| told.kind == Kind::Event);
        events.map(event_of).collect()
    }
}

fn event_of(told: &Told) -> Event {
    Decoder::default().line(&told.body).expect("a line of ours")
}

fn line_of(event: &Event) -> Vec<u8> {
    let mut line = Vec::new();
    write_line(event, &mut line);
    line
}

impl Sim {
    /// A few steps of feeds, log and engine.
    pub(in crate::sim) fn feed(&mut self) {
        for _ in 0..4 {
            self.feed_step();
        }
    }

    fn feed_step(&mut self) {
        match self.chance.below(100) {
            0..30 => self.post(),
            30..55 => self.write(),
            55..84 => self.take_effect(),
            84..94 => self.sync(),
            94 => self.lose_patience(),
            95 | 96 => self.spoil_disk(),
            97 => self.let_go(),
            _ => self.intake.running().group.heal(self.world.now_us),
        }
    }

    /// What happens to the log and the process now and then, each step.
    pub(in crate::sim) fn fate(&mut self) {
        if self.chance.below(1_000) < self.intake.ends_per_thousand {
            self.end_at_random();
        }
        if self.chance.below(300) == 0 {
            self.compact();
        }
    }

    /// A feed posts a request, a new one or one that has no answer yet; whichever.
    fn post(&mut self) {
        if self.intake.requests.len() < REQUESTS_MAX && !self.events.is_empty() {
            let count = self.chance.between(1, 12).min(self.events.len());
            self.intake.requests_made += 1;
            self.intake.requests.push(Request {
                id: self.intake.requests_made,
                lines: self.events.drain(..count).map(|event| line_of(&event)).collect(),
                attempt: 0,
                parts: 0,
            });
        }
        let idle = self.intake.requests.iter().enumerate().filter(|(_, request)| request.parts == 0);
        let idle: Vec<usize> = idle.map(|(place, _)| place).collect();
        if idle.is_empty() {
            return;
        }
        if self.intake.running().queue.len() >= self.intake.settings.queue_batches_max {
            return count(&mut self.tally, "log full");
        }
        let place = *self.chance.pick(&idle);
        if place > 0 {
            count(&mut self.tally, "request overtaken");
        }
        let request = &mut self.intake.requests[place];
        request.attempt += 1;
        if request.attempt > 1 {
            count(&mut self.tally, "request repeated");
        }
        // A long body goes in several batches.
        let lines = request.lines.clone();
        let length = if self.chance.percent(80) {
            lines.len()
        } else {
            lines.len().div_ceil(2)
        };
        request.parts = lines.len().div_ceil(length);
        let asker = Some((request.id, request.attempt));
        for part in lines.chunks(length) {
            self.bring(Kind::Event, part.to_vec(), asker);
        }
    }

    fn bring(&mut self, kind: Kind, bodies: Vec<Vec<u8>>, asker: Asker) {
        let origin = Origin::from(IngestTime(self.world.now().wall_us));
        let payload: Payload = bodies.into_iter().map(|body| Told { kind, origin, body }).collect();
        let mut records = Vec::new();
        for Told { kind, origin, body } in &*payload {
            let (kind, origin) = (*kind, *origin);
            frame(&Record { kind, origin, body }, &mut records);
        }
        self.intake.brought.extend(payload.iter().map(|told| told.body.clone()));
        let count = payload.len() as u32;
        let batch = Batch { records, count, payload };
        self.intake.running().queue.push((batch, asker));
    }

    /// Some game is let go of, whatever its state: what the feed still says of it has no effect.
    fn let_go(&mut self) {
        let games = self.world.shared.games();
        if !games.is_empty() && self.chance.percent(10) {
            let game = self.chance.pick(&games).0.game.clone();
            self.bring(Kind::Expired, vec![game.as_str().as_bytes().to_vec()], None);
        }
    }

    /// The log takes some of what waits.
    fn write(&mut self) {
        let waiting = self.intake.running().queue.len();
        if waiting > 0 {
            let taken = self.chance.between(1, waiting);
            self.write_first(taken);
        }
    }

    fn write_first(&mut self, taken: usize) {
        let now_us = self.world.now_us;
        let running = self.intake.running();
        let mut batches: Vec<_> = running.queue.drain(..taken).collect();
        let payloads: Vec<Payload> = batches.iter().map(|(batch, _)| batch.payload.clone()).collect();
        match running.group.write(&mut batches, now_us) {
            Ok(handing_on) => {
                running.delivered.extend(handing_on);
                let written = running.group.written();
                for payload in payloads {
                    self.intake.written.extend(payload.iter().cloned());
                }
                assert_eq!(written.0 as usize, self.intake.written.len());
            }
            Err(reason) => {
                let is_slow = reason.contains("slow");
                count(&mut self.tally, if is_slow { "log slow" } else { "log refused" });
                for (_, asker) in batches {
                    self.answer(asker, false);
                }
            }
        }
        self.settle();
    }

    /// Begins a sync, or ends it.
    fn sync(&mut self) {
        let now_us = self.world.now_us;
        let is_early = self.chance.percent(50);
        let running = self.intake.running();
        match running.syncing.take() {
            Some((sync, result)) => {
                let result = result.unwrap_or_else(|| sync.run());
                let failed = result.is_err();
                running.group.sync_ended(&sync, result, 1, now_us);
                if failed {
                    count(&mut self.tally, "sync failed");
                }
            }
            None => {
                running.syncing = running.group.sync().map(|sync| {
                    let result = is_early.then(|| sync.run());
                    (sync, result)
                });
            }
        }
        self.settle();
    }

    /// Hands on and answers what is on disk by now.
    fn settle(&mut self) {
        let running = self.intake.running();
        let settled = running.group.settled();
        let confirmed = running.group.synced().0 as usize;
        for one in settled {
            self.intake.running().delivered.extend(one.payload);
            self.answer(one.answer, true);
        }
        self.intake.confirmed = self.intake.confirmed.max(confirmed);
    }

    fn answer(&mut self, asker: Asker, is_safe: bool) {
        let Some((id, attempt)) = asker else { return };
        let asked = |request: &Request| request.id == id && request.attempt == attempt && request.parts > 0;
        let Some(place) = self.intake.requests.iter().position(asked) else {
            return;
        };
        let request = &mut self.intake.requests[place];
        if !is_safe {
            request.parts = 0;
            return;
        }
        request.parts -= 1;
        if request.parts > 0 {
            return;
        }
        if self.chance.percent(8) {
            return count(&mut self.tally, "answer lost");
        }
        self.intake.requests.remove(place);
    }

    /// A feed waits no longer for an answer, and will post the same again.
    fn lose_patience(&mut self) {
        if let Some(request) = self.intake.requests.iter_mut().find(|request| request.parts > 0) {
            request.parts = 0;
        }
    }

    fn spoil_disk(&mut self) {
        let after = self.chance.below(3) as u64;
        let files = &self.intake.files;
        match self.chance.below(14) {
            0 => files.fail(Call::Write, after),
            1 => files.fail(Call::Sync, after),
            2 => files.fail(Call::Name, after),
            3 => files.fail_by_chance(30),
            4 => files.set_read_only(true),
            5 => files.set_capacity(Some(self.chance.below(300_000) as u64)),
            _ => files.mend(),
        }
    }

    /// The engine applies the next batch that is in the log.
    fn take_effect(&mut self) {
        let Some(payload) = self.intake.running().delivered.pop_front() else {
            return;
        };
        for told in &*payload {
            assert_eq!(*told, self.intake.written[self.intake.applied], "in the log's order");
            self.tell_truth(told);
            match told.kind {
                Kind::Event => {
                    let now = StateTime(self.world.now_us);
                    self.world.shared.apply(event_of(told), told.origin, now);
                }
                _ => {
                    self.world.shared.expire(&game_of(told));
                }
            }
        }
    }

    /// Tells the server that never goes down, which the oracle watches.
    fn tell_truth(&mut self, told: &Told) {
        let truth = &self.intake.truth;
        match told.kind {
            Kind::Event => {
                let now = Now {
                    steady_us: self.world.now_us,
                    wall_us: told.origin.ingest.0,
                };
                self.oracle.apply(&truth.hub, &truth.shared, event_of(told), now);
            }
            _ => {
                let game = game_of(told);
                if truth.shared.game(&game).is_some() {
                    self.oracle.expire(&truth.hub, &truth.shared, &game);
                    count(&mut self.tally, "game let go");
                }
            }
        }
        self.intake.applied += 1;
    }

    /// The log is rewritten, beside the server.
    fn compact(&mut self) {
        let settings = self.world.settings.clone();
        let make = move || Arc::into_inner(Machine::new(&settings, 0).shared).expect("nobody else has it");
        let files = Arc::new(self.intake.files.clone());
        let compactor = Compactor::new(Path::new(DIR), files, vec![SOURCE.to_owned()], make);
        match compactor.compact(1) {
            Ok(None) => {}
            Ok(Some(compacted)) => {
                assert_eq!(compacted.warnings, [""; 0]);
                count(&mut self.tally, "log rewritten");
                let Some(needed_from) = compacted.needed_from else { return };
                // Where the disk fails they stay until the next time.
                let group = &mut self.intake.running().group;
                let mut removal = group.removal(needed_from);
                let removed = removal.run();
                group.removal_ended(removal);
                if let Ok((1.., _)) = removed {
                    count(&mut self.tally, "segments removed");
                }
            }
            Err(CompactionError::Write { .. } | CompactionError::Read(RetellError::Log(OpenError::Io { .. }))) => {
                count(&mut self.tally, "log not rewritten");
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// The disk works again, and feeds post until all is confirmed.
    pub(in crate::sim) fn feed_the_rest(&mut self) {
        self.intake.files.mend();
        for _ in 0..10_000 {
            if self.events.is_empty() && self.intake.requests.is_empty() && self.intake.running().delivered.is_empty() {
                return;
            }
            self.world.now_us += 200_000;
            self.intake.running().group.heal(self.world.now_us);
            self.post();
            self.write();
            self.sync();
            self.take_effect();
        }
        panic!("{} requests are never confirmed", self.intake.requests.len());
    }

    /// Every event was confirmed, so every one is in the log; and all that is in the log has taken effect.
    pub(in crate::sim) fn nothing_is_lost(&self, planned: &[Event]) {
        let bodies: HashSet<&[u8]> = self.intake.written.iter().map(|told| told.body.as_slice()).collect();
        assert!(planned.iter().all(|event| bodies.contains(line_of(event).as_slice())));
        assert_eq!(self.intake.applied, self.intake.written.len());
    }
}

fn game_of(told: &Told) -> GameId {
    let id = std::str::from_utf8(&told.body).expect("an id of ours");
    GameId::new(id).expect("an id of ours")
}
