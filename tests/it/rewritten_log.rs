//! The log, rewritten at any time and with games let go of in between, leads to where all of it leads: the
//! same games, the same `seq`s, the same that is read; and the same rings, where no game that a topic showed
//! was let go of.
//!
//! A failure names its seed; `SCOREWIRE_SEED=n` runs that one alone, `SCOREWIRE_SIM_SEEDS=n` runs n.

use crate::chance::Chance;
use crate::plan::plan;
use scorewire::compaction::compactor::Compactor;
use scorewire::compaction::{RetellError, Retold, retell};
use scorewire::engine::{EngineLimits, Shared};
use scorewire::fanout::Hub;
use scorewire::fanout::encode::Subject;
use scorewire::fanout::hub::HubLimits;
use scorewire::fanout::lineups::LineupLimits;
use scorewire::fanout::snapshot::{self, GameReader};
use scorewire::feed::Decoder;
use scorewire::feed::encode::write_line;
use scorewire::model::{Event, GameId, IngestTime, Origin, SourceId, StateTime, TopicName};
use scorewire::scoring::Rulesets;
use scorewire::store::faults::FaultyFiles;
use scorewire::store::snapshot::snapshots;
use scorewire::store::{Batch, Durability, EventLog, Files, Header, Kind, Lsn, Record, Settings, frame, open};
use scorewire::telemetry::EngineMetrics;
use scorewire::wire::Form;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::Runtime;

const DIR: &str = "/log";
const RANKS: [&str; 2] = ["stats-inc", "in-house"];
const RING: usize = 12;

fn ranks() -> Vec<String> {
    RANKS.map(str::to_owned).to_vec()
}

/// A state, and where it is published.
struct State {
    hub: Arc<Hub>,
    shared: Arc<Shared>,
}

fn state(limits: EngineLimits, ring_frames: usize) -> State {
    let (hub, _inboxes) = Hub::new(
        1,
        HubLimits {
            ring_frames,
            topics_max: 1,
            notices_max: 1,
            lineups: LineupLimits::DEFAULT,
        },
    );
    let hub = Arc::new(hub);
    let shared = Arc::new(Shared::new(hub.clone(), limits, EngineMetrics::unseen()));
    State { hub, shared }
}

impl State {
    fn tell(&self, record: &Record<'_>) {
        match record.kind {
            Kind::Expired => assert!(self.shared.expire(&game_of(record.body)), "it is there"),
            // It may have no effect.
            Kind::Silent => {
                let game = game_of(record.body);
                self.shared.silent(record.origin.source, &game, StateTime::default());
            }
            _ => {
                let event = Decoder::default().line(record.body).unwrap();
                self.shared.apply(event, record.origin, StateTime::default());
            }
        }
    }

    /// What a subscriber to the topic would be sent.
    fn read(&self, name: &TopicName, rulesets: &Rulesets) -> Value {
        let topic = self.hub.get(name).unwrap();
        let subject = Subject {
            topic: &topic,
            ruleset: rulesets.get("ppr").unwrap(),
            form: Form::PLAIN,
            wall_us: 0,
            shift: 0,
        };
        let shared = self.shared.clone();
        let games: GameReader = Arc::new(move |game| shared.game(game));
        let taken = snapshot::take(&self.hub, &games, subject, "subscribe");
        serde_json::from_slice(taken.frame.payload()).unwrap()
    }

    fn ring(&self, name: &TopicName) -> Vec<String> {
        let topic = self.hub.get(name).unwrap();
        topic.read(|history| history.after(0).map(|entry| format!("{entry:?}")).collect())
    }
}

fn game_of(body: &[u8]) -> GameId {
    GameId::new(std::str::from_utf8(body).unwrap()).unwrap()
}

/// Which feeds are behind, in order. When they spoke last is counted within a process.
fn behind(state: &State) -> BTreeSet<(GameId, SourceId)> {
    let behind = state.shared.behind().into_iter();
    behind.map(|feed| (feed.game, feed.source)).collect()
}

fn forget_card(snapshot: &mut Value) {
    for key in ["name", "position"] {
        snapshot.as_object_mut().unwrap().remove(key);
    }
}

/// Holds a state that was recovered against one that never went down. Returns how many topics have their
/// rings.
fn assert_same(recovered: &State, truth: &State, rulesets: &Rulesets) -> usize {
    let (remains, expected) = (recovered.shared.remains(), truth.shared.remains());
    assert_eq!(remains.expired, expected.expired);
    let by_name = |remains: &scorewire::engine::Remains| remains.standings.topics.iter().cloned().collect::<BTreeMap<_, _>>();
    let (stand, should) = (by_name(&remains), by_name(&expected));
    for (name, expected) in &should {
        assert_eq!(stand.get(name), Some(expected), "{name}");
        let (mut read, mut should) = (recovered.read(name, rulesets), truth.read(name, rulesets));
        if !expected.is_whole {
            // A player's card as it is now, not as of the last change there.
            forget_card(&mut read);
            forget_card(&mut should);
        }
        assert_eq!(read, should, "{name}");
    }
    assert_eq!(stand.len(), should.len());
    assert_eq!(remains, expected);
    let whole = should.iter().filter(|(_, standing)| standing.is_whole);
    for (name, _) in whole.clone() {
        assert_eq!(recovered.ring(name), truth.ring(name), "{name}");
    }
    let people = |state: &State| state.shared.cards.search("", usize::MAX);
    assert_eq!(people(recovered), people(truth));
    assert_eq!(recovered.shared.finished(), truth.shared.finished());
    assert_eq!(recovered.shared.games(), truth.shared.games());
    assert_eq!(behind(recovered), behind(truth));
    whole.count()
}

/// A log, the state that it was recovered to, and one that never went down.
struct Rig {
    runtime: Runtime,
    chance: Chance,
    files: FaultyFiles,
    log: Option<EventLog<()>>,
    limits: EngineLimits,
    settings: Settings,
    /// Names of the feeds in the log's present segments.
    sources: Vec<String>,
    state: State,
    truth: State,
    rulesets: Rulesets,
    now: i64,
}

#[derive(Default, Debug)]
struct Happened {
    expired: usize,
    silences: usize,
    snapshots: usize,
    left_out: u64,
    recovered_from_snapshots: usize,
    segments_removed: u64,
    whole: usize,
    torn: usize,
    fallen_back: usize,
}

impl Rig {
    fn new(seed: u64) -> Rig {
        let mut chance = Chance::new(seed);
        let limits = EngineLimits {
            expired_games_max: *chance.pick(&[1, 100]),
            players_max: *chance.pick(&[40, 10_000]),
            games_max: chance.between(2, 5),
            plays_max: *chance.pick(&[60, 10_000]),
            sources: *chance.pick(&[1, 2]),
            ..crate::world::engine_limits()
        };
        let settings = Settings {
            durability: Durability::Group,
            segment_bytes: chance.between(500, 30_000) as u64,
            queue_batches_max: 8,
            unsynced_bytes_max: 1 << 20,
            group_wait_us: 0,
            commit_timeout_ms: 20_000,
            retry_ms: 10,
        };
        Rig {
            runtime: tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap(),
            chance,
            files: FaultyFiles::new(seed),
            log: None,
            limits,
            settings,
            sources: Vec::new(),
            state: state(limits, RING),
            truth: state(limits, RING),
            rulesets: Rulesets::embedded(),
            now: 1_000_000,
        }
    }

    /// Recovers from the files alone.
    fn recover(&mut self) -> Result<Retold, RetellError> {
        let (dir, files) = (Path::new(DIR), Arc::new(self.files.clone()));
        let opening = open(dir, files.clone())?;
        self.state = state(self.limits, RING);
        let recovered = retell(&opening, dir, &*files, &self.state.shared, &ranks(), StateTime::default())?;
        let noted = self.state.shared.take_noted();
        assert_eq!(noted.differences.len(), 0, "where feeds differ is noted once");
        // In another order than now, now and then, and none.
        let orders: [&[&str]; 3] = [&["in-house", "stats-inc"], &RANKS, &[]];
        self.sources = self.chance.pick(&orders).iter().map(ToString::to_string).collect();
        let header = Header {
            epoch: "e".to_owned(),
            boot_id: "b".to_owned(),
            sources: self.sources.clone(),
            continuity: 0,
        };
        self.log = Some(opening.begin(header, self.settings, |()| ())?);
        Ok(recovered)
    }

    fn restart(&mut self, happened: &mut Happened) {
        if let Some(log) = self.log.take() {
            self.runtime.block_on(log.close()).unwrap();
        }
        let recovered = self.recover().unwrap();
        assert_eq!((recovered.warnings, recovered.unreadable, recovered.missing), (vec![], 0, 0));
        happened.recovered_from_snapshots += usize::from(recovered.snapshot.is_some());
        let whole = assert_same(&self.state, &self.truth, &self.rulesets);
        happened.whole += whole;
        happened.torn += self.truth.shared.remains().standings.topics.len() - whole;
    }

    /// Puts records of that feed into the log and tells them to both states.
    fn append(&mut self, source: SourceId, bodies: &[(Kind, Vec<u8>)]) {
        let name = RANKS[source.index()];
        let place = self.sources.iter().position(|known| known == name).unwrap_or(source.index());
        let mut records = Vec::new();
        for (kind, body) in bodies {
            self.now += 1;
            let ingest = IngestTime(self.now);
            let origin = Origin { source, ingest };
            let record = Record { kind: *kind, origin, body };
            // In the log stands its place among the names.
            let placed = Origin {
                source: SourceId(place as u8),
                ingest,
            };
            frame(&Record { origin: placed, ..record }, &mut records);
            self.state.tell(&record);
            self.truth.tell(&record);
        }
        let batch = Batch {
            records,
            count: bodies.len() as u32,
            payload: (),
        };
        let log = self.log.as_ref().unwrap();
        self.runtime
            .block_on(async { log.submit(batch).await.unwrap().committed().await })
            .unwrap();
    }

    fn compactor(&self) -> Compactor {
        let limits = self.limits;
        let make = move || Arc::into_inner(state(limits, 1).shared).unwrap();
        Compactor::new(Path::new(DIR), Arc::new(self.files.clone()), ranks(), make)
    }

    fn compact(&mut self, happened: &mut Happened) {
        let Some(compacted) = self.compactor().compact(1).unwrap() else {
            return;
        };
        assert_eq!(compacted.warnings, [""; 0]);
        happened.snapshots += 1;
        happened.left_out += compacted.left_out;
        if let Some(needed_from) = compacted.needed_from {
            let (removed, _) = self.log.as_ref().unwrap().remove_before(needed_from).unwrap();
            happened.segments_removed += removed;
        }
    }

    /// One game is let go of, a final one rather than others.
    fn expire(&mut self, happened: &mut Happened) {
        let finished = self.state.shared.finished();
        let all = self.state.shared.games();
        let game = match (finished.first(), self.chance.percent(70)) {
            (Some((game, _)), true) => game.clone(),
            _ if all.is_empty() => return,
            _ => self.chance.pick(&all).0.game.clone(),
        };
        self.append(SourceId(0), &[(Kind::Expired, game.as_str().as_bytes().to_vec())]);
        happened.expired += 1;
    }

    /// A feed that is behind is called silent; or one that is not, to no effect.
    fn silence(&mut self, happened: &mut Happened) {
        let behind: Vec<_> = behind(&self.truth).into_iter().collect();
        let games = self.truth.shared.games();
        let (game, source) = match (&behind[..], &games[..]) {
            ([_, ..], _) => self.chance.pick(&behind).clone(),
            (_, [_, ..]) => (self.chance.pick(&games).0.game.clone(), SourceId(0)),
            _ => return,
        };
        happened.silences += usize::from(!behind.is_empty());
        self.append(source, &[(Kind::Silent, game.as_str().as_bytes().to_vec())]);
    }

    /// Some feed says this; where there are two, now and then both do.
    fn tell(&mut self, bodies: &[(Kind, Vec<u8>)]) {
        let source = SourceId(self.chance.below(self.limits.sources) as u8);
        self.append(source, bodies);
        if self.limits.sources > 1 && self.chance.percent(30) {
            self.append(SourceId(1 - source.0), bodies);
        }
    }

    /// The newest snapshot is damaged: the one before serves.
    fn damage_newest(&mut self, happened: &mut Happened) {
        let found = snapshots(Path::new(DIR), &self.files).unwrap();
        let [newest, _] = &found[..] else { return };
        let offset = self.chance.below(newest.bytes as usize);
        let bit = 1 << self.chance.below(8);
        self.files.rot(&newest.path, offset, bit);
        if let Some(log) = self.log.take() {
            self.runtime.block_on(log.close()).unwrap();
        }
        match self.recover() {
            Ok(recovered) => {
                assert_eq!(recovered.warnings.len(), 1, "{recovered:?}");
                assert_eq!(recovered.snapshot, Some(found[1].lsn));
                assert_same(&self.state, &self.truth, &self.rulesets);
                happened.fallen_back += 1;
                // The next one is made from that, too; where nothing is to be covered, the damaged one stays.
                if !self.compact_after_damage(happened) {
                    self.files.rot(&newest.path, offset, bit);
                }
            }
            // A version or a kind became another: nothing is guessed then.
            Err(error) => {
                assert!(error.to_string().contains("later version"), "{error}");
                self.files.rot(&newest.path, offset, bit);
                self.recover().unwrap();
            }
        }
    }

    /// Returns whether there was anything to compact.
    fn compact_after_damage(&mut self, happened: &mut Happened) -> bool {
        let Some(compacted) = self.compactor().compact(1).unwrap() else {
            return false;
        };
        assert_eq!(compacted.warnings.len(), 1);
        happened.snapshots += 1;
        let names = self.files.list(Path::new(DIR)).unwrap();
        assert!(names.iter().any(|(name, _)| name.ends_with(".snap.bad")), "it is set aside");
        assert_eq!(snapshots(Path::new(DIR), &self.files).unwrap()[0].lsn, compacted.lsn);
        true
    }
}

fn run(seed: u64, happened: &mut Happened) {
    let mut rig = Rig::new(seed);
    let games = rig.chance.between(1, 2);
    let events = plan(seed, games, 120, &mut rig.chance).events;
    rig.recover().unwrap();
    let mut lines = events.iter().map(line);
    loop {
        match rig.chance.below(40) {
            0 => rig.restart(happened),
            1..3 => rig.compact(happened),
            3 => rig.expire(happened),
            4 if rig.chance.percent(70) => rig.damage_newest(happened),
            5..7 => rig.silence(happened),
            _ => {
                let bodies: Vec<_> = lines.by_ref().take(rig.chance.between(1, 12)).collect();
                if bodies.is_empty() {
                    break;
                }
                rig.tell(&bodies);
            }
        }
    }
    rig.restart(happened);
    rig.compact(happened);
    rig.restart(happened);
}

fn line(event: &Event) -> (Kind, Vec<u8>) {
    let mut line = Vec::new();
    write_line(event, &mut line);
    (Kind::Event, line)
}

#[test]
fn a_rewritten_log_leads_to_where_all_of_it_leads() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seeds = match number("SCOREWIRE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..number("SCOREWIRE_SIM_SEEDS").unwrap_or(30) + 1,
    };
    let many = seeds.end - seeds.start >= 30;
    let mut happened = Happened::default();
    for seed in seeds {
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut happened = Happened::default();
            run(seed, &mut happened);
            happened
        }));
        match ran {
            Ok(ran) => happened.add(&ran),
            Err(panic) => {
                eprintln!("seed {seed} failed; again: SCOREWIRE_SEED={seed} cargo test --test it rewritten_log::");
                std::panic::resume_unwind(panic);
            }
        }
    }
    println!("{happened:?}");
    if many {
        assert!(happened.is_all(), "something never happened: {happened:?}");
    }
}

impl Happened {
    fn add(&mut self, other: &Happened) {
        self.expired += other.expired;
        self.silences += other.silences;
        self.snapshots += other.snapshots;
        self.left_out += other.left_out;
        self.recovered_from_snapshots += other.recovered_from_snapshots;
        self.segments_removed += other.segments_removed;
        self.whole += other.whole;
        self.torn += other.torn;
        self.fallen_back += other.fallen_back;
    }

    fn is_all(&self) -> bool {
        let counts = [
            self.expired,
            self.silences,
            self.snapshots,
            self.recovered_from_snapshots,
            self.whole,
            self.torn,
            self.fallen_back,
        ];
        counts.iter().all(|count| *count > 0) && self.left_out > 0 && self.segments_removed > 0
    }
}

/// Without a snapshot that leads up to the first segment, nothing is made up.
#[test]
fn a_log_whose_beginning_is_lost_is_not_begun() {
    let mut rig = Rig::new(1);
    rig.settings.segment_bytes = 500;
    rig.recover().unwrap();
    let events = plan(1, 1, 60, &mut rig.chance).events;
    let mut happened = Happened::default();
    for bodies in events.iter().map(line).collect::<Vec<_>>().chunks(5) {
        rig.append(SourceId(0), bodies);
        rig.compact(&mut happened);
    }
    assert!(happened.segments_removed > 0);
    drop(rig.log.take().map(|log| rig.runtime.block_on(log.close())));
    let found = snapshots(Path::new(DIR), &rig.files).unwrap();
    assert_eq!(found.len(), 2);
    found.iter().for_each(|snapshot| rig.files.rot(&snapshot.path, 100, 1));
    let error = rig.recover().unwrap_err().to_string();
    assert!(
        error.contains("no good snapshot covers what was before") && error.contains("snapshot-"),
        "{error}"
    );
    found.iter().for_each(|snapshot| rig.files.rot(&snapshot.path, 100, 1));
    rig.recover().unwrap();
    assert_same(&rig.state, &rig.truth, &rig.rulesets);
    // The segments after it are lost.
    let log = rig.log.take().unwrap();
    let last = log.levels().written;
    drop(rig.runtime.block_on(log.close()));
    for (name, _) in rig.files.list(Path::new(DIR)).unwrap() {
        if name.ends_with(".log") {
            rig.files.remove(&Path::new(DIR).join(name)).unwrap();
        }
    }
    let error = rig.recover().unwrap_err().to_string();
    assert!(error.contains("segments are missing") && found[0].lsn < last, "{error}");
    assert!(found[0].lsn > Lsn(0));
}
