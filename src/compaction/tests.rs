//! What is let go of and when; a snapshot's state; player lists that are folded.

use super::compactor::Compactor;
use super::retention::{Figures, Housekeeper, Log, Retention, Round};
use super::*;
use crate::engine::EngineLimits;
use crate::model::IngestTime;
use crate::store::faults::FaultyFiles;
use crate::store::snapshot::rolled;
use crate::store::{Batch, Durability, EventLog, Header, Settings, frame, open};
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;

const DIR: &str = "/log";
const HOUR_US: i64 = 3_600_000_000;

fn dir() -> &'static Path {
    Path::new(DIR)
}

fn empty() -> Shared {
    let limits = EngineLimits {
        threads: 1,
        jobs_max: 1,
        games_max: 100,
        plays_max: 1_000,
        game_players_max: 100,
        players_max: 1_000,
        expired_games_max: 10,
        sources: 2,
    };
    Shared::beside(limits)
}

/// A log that is written to and told to a state, as a server does.
struct Server {
    runtime: tokio::runtime::Runtime,
    log: EventLog<()>,
    files: Arc<FaultyFiles>,
    shared: Arc<Shared>,
    now: Mutex<i64>,
}

fn server(segment_bytes: u64) -> Arc<Server> {
    let files = Arc::new(FaultyFiles::new(1));
    let settings = Settings {
        durability: Durability::Group,
        segment_bytes,
        queue_batches_max: 8,
        unsynced_bytes_max: 1 << 20,
        group_wait_us: 0,
        commit_timeout_ms: 20_000,
        retry_ms: 10,
    };
    let opening = open(dir(), files.clone()).unwrap();
    let log = opening.begin(Header::default(), settings, |()| ()).unwrap();
    Arc::new(Server {
        runtime: tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap(),
        log,
        files,
        shared: Arc::new(empty()),
        now: Mutex::new(0),
    })
}

impl Server {
    fn append(&self, kind: Kind, body: &str) {
        self.append_by(SourceId(0), kind, body);
    }

    fn append_by(&self, source: SourceId, kind: Kind, body: &str) {
        let ingest = IngestTime(*self.now.lock());
        let record = Record {
            kind,
            origin: Origin { source, ingest },
            body: body.as_bytes(),
        };
        let mut records = Vec::new();
        frame(&record, &mut records);
        let batch = Batch {
            records,
            count: 1,
            payload: (),
        };
        let committed = async { self.log.submit(batch).await.unwrap().committed().await };
        self.runtime.block_on(committed).unwrap();
        let effect = Teller::new(&self.shared, &[], StateTime::default()).tell(Lsn(0), &[], &record);
        assert_ne!(effect, Effect::Unreadable, "{body}");
    }

    /// A game that is played and over.
    fn finish(&self, game: &str, plays: usize) {
        for play in 0..plays {
            let line =
                format!(r#"{{"type":"play","game":"{game}","play":"{play}","stats":[{{"player":"A","team":"NE","stat":10,"yards":1}}]}}"#);
            self.append(Kind::Event, &line);
        }
        let line = format!(r#"{{"type":"game","game":"{game}","rev":2,"status":"final","home":"NE","away":"HOU","kickoff":5}}"#);
        self.append(Kind::Event, &line);
    }

    fn games(&self) -> Vec<String> {
        self.shared.games().iter().map(|(head, _)| head.game.to_string()).collect()
    }
}

impl Log for Arc<Server> {
    fn figures(&self) -> Figures {
        let levels = self.log.levels();
        Figures {
            written: levels.written,
            segments: levels.segments,
            bytes: levels.bytes,
        }
    }

    fn expire(&self, games: &[GameId]) -> Result<(), String> {
        games.iter().for_each(|game| self.append(Kind::Expired, game.as_str()));
        Ok(())
    }

    fn remove_before(&self, lsn: Lsn) -> io::Result<()> {
        self.log.remove_before(lsn).map(drop)
    }
}

fn compactor(server: &Server) -> Compactor {
    Compactor::new(dir(), server.files.clone(), Vec::new(), empty)
}

fn housekeeper(server: &Arc<Server>, retention: Retention) -> Housekeeper<Arc<Server>> {
    Housekeeper {
        log: server.clone(),
        dir: dir().to_owned(),
        files: server.files.clone(),
        shared: server.shared.clone(),
        compactor: compactor(server),
        retention,
        room_made_at: Lsn(0),
    }
}

const KEEP: Retention = Retention {
    keep_finished_us: 2 * HOUR_US,
    bytes_max: u64::MAX,
    snapshot_every_bytes: 1_000,
};

#[test]
fn finished_games_go_some_time_after_their_last_word_and_others_never() {
    let server = server(1 << 20);
    server.finish("a", 1);
    *server.now.lock() = HOUR_US;
    server.finish("b", 1);
    server.append(
        Kind::Event,
        r#"{"type":"game","game":"live","status":"live","home":"X","away":"Y"}"#,
    );
    let mut housekeeper = housekeeper(&server, KEEP);
    let mut gone = |hours: i64| housekeeper.round(IngestTime(hours * HOUR_US)).unwrap().overdue;
    assert_eq!((gone(1), server.games().len()), (0, 3));
    // A correction: it counts from there.
    *server.now.lock() = HOUR_US + 1;
    server.append(
        Kind::Event,
        r#"{"type":"play","game":"a","play":"0","rev":2,"stats":[{"player":"A","team":"NE","stat":10,"yards":3}]}"#,
    );
    assert_eq!((gone(2), server.games().len()), (0, 3));
    assert_eq!((gone(3), server.games()), (1, vec!["live".to_owned(), "a".to_owned()]));
    assert_eq!((gone(4), server.games()), (1, vec!["live".to_owned()]));
    assert_eq!((gone(1_000), gone(-1_000)), (0, 0));
}

#[test]
fn segments_go_once_two_snapshots_cover_them() {
    let server = server(1_000);
    let mut housekeeper = housekeeper(&server, KEEP);
    for nth in 0..20 {
        server.finish(&format!("g-{nth}"), 20);
        housekeeper.round(IngestTime(0)).unwrap();
    }
    let found = snapshots(dir(), &*server.files).unwrap();
    assert_eq!(found.len(), 2);
    let levels = server.log.levels();
    let first = crate::store::inspect(dir(), &*server.files).unwrap()[0].first;
    assert!(first > Lsn(1) && first.0 <= found[1].lsn.0 + 1, "{first} {found:?}");
    assert!(found[0].lsn < levels.written);
    let left = rolled(dir(), &*server.files, found[0].lsn).unwrap();
    assert!(left.is_none_or(|left| left.bytes < KEEP.snapshot_every_bytes));
    assert_eq!(server.games().len(), 20);
}

#[test]
fn games_make_room_the_oldest_first_and_only_as_many_as_it_takes() {
    let server = server(2_000);
    let retention = Retention {
        keep_finished_us: i64::MAX,
        bytes_max: 60_000,
        snapshot_every_bytes: 2_000,
    };
    let mut housekeeper = housekeeper(&server, retention);
    server.append(
        Kind::Event,
        r#"{"type":"game","game":"live","status":"live","home":"X","away":"Y"}"#,
    );
    let (mut most, mut for_room) = (0, 0);
    for nth in 0..60 {
        *server.now.lock() = nth;
        server.finish(&format!("g-{nth:02}"), 20);
        let round = housekeeper.round(IngestTime(nth)).unwrap();
        for_room += round.for_room;
        most = most.max(round.bytes);
        // The newest is always there: the oldest went.
        assert!(server.games().contains(&format!("g-{nth:02}")));
    }
    let games = server.games();
    assert!(games.contains(&"live".to_owned()) && !games.contains(&"g-00".to_owned()));
    assert_eq!(games.len() + for_room, 61);
    assert!(for_room >= 20, "{for_room}");
    assert!((4..30).contains(&games.len()), "{} of 60 are left", games.len());
    assert!(most < 2 * retention.bytes_max, "{most}");
}

/// Of what games took, half is free once the newer snapshot covers that they went, and all once the older one
/// does. More games went in between, though the first were enough.
#[test]
fn no_more_games_make_room_before_both_snapshots_show_what_the_first_gave() {
    let server = server(2_000);
    let mut housekeeper = housekeeper(
        &server,
        Retention {
            keep_finished_us: i64::MAX,
            bytes_max: u64::MAX,
            snapshot_every_bytes: 2_000,
        },
    );
    for nth in 0..40 {
        server.finish(&format!("g-{nth:02}"), 20);
    }
    let nothing_new = r#"{"type":"play","game":"g-39","play":"0","stats":[{"player":"A","team":"NE","stat":10,"yards":1}]}"#;
    let rounds = |housekeeper: &mut Housekeeper<Arc<Server>>| -> Vec<Round> {
        let round = |_| {
            (0..20).for_each(|_| server.append(Kind::Event, nothing_new));
            housekeeper.round(IngestTime(0)).unwrap()
        };
        (0..10).map(round).collect()
    };
    let bytes = rounds(&mut housekeeper).last().unwrap().bytes;
    // Three quarters twice are less; a whole and three quarters are more.
    housekeeper.retention.bytes_max = bytes * 13 / 16;
    let rounds = rounds(&mut housekeeper);
    assert_eq!(rounds.iter().map(|round| round.for_room).sum::<usize>(), 10);
    assert!(rounds.last().unwrap().bytes < housekeeper.retention.bytes_max);
}

/// What a feed says again is left out where several feeds tell of a game, too: it ends no silence and puts
/// nobody behind.
#[test]
fn what_a_feed_repeats_is_left_out_beside_other_feeds() {
    let server = server(2_000);
    let play = |play: usize, rev: u64| {
        format!(
            r#"{{"type":"play","game":"g","play":"{play}","rev":{rev},"stats":[{{"player":"A","team":"NE","stat":10,"yards":{rev}}}]}}"#
        )
    };
    let told: Vec<(u8, String)> = (0..10).flat_map(|nth| [(0, play(nth, 1)), (1, play(nth, 2))]).collect();
    for _ in 0..5 {
        for (source, line) in &told {
            server.append_by(SourceId(*source), Kind::Event, line);
        }
    }
    server.append_by(SourceId(1), Kind::Event, &play(10, 1));
    server.append_by(SourceId(0), Kind::Silent, "g");
    // It is silent still.
    for (_, line) in told.iter().filter(|(source, _)| *source == 0) {
        (0..5).for_each(|_| server.append_by(SourceId(0), Kind::Event, line));
    }
    let compacted = compactor(&server).compact(1).unwrap().unwrap();
    assert!(compacted.lsn > Lsn(120), "{compacted:?}");
    assert_eq!(compacted.kept, 22);
    let snapshot = snapshots(dir(), &*server.files).unwrap()[0].load(&*server.files).unwrap();
    let again = empty();
    tell_snapshot(&snapshot, &mut Teller::new(&again, &[], StateTime::default()), |_, _, _| ()).unwrap();
    let told_on = [(1, play(3, 3)), (0, play(3, 2)), (1, play(11, 1))];
    for (source, line) in &told_on {
        server.append_by(SourceId(*source), Kind::Event, line);
        let origin = Origin {
            source: SourceId(*source),
            ingest: IngestTime(0),
        };
        let event = Decoder::default().line(line.as_bytes()).unwrap();
        again.apply(event, origin, StateTime::default());
        assert_eq!(again.behind().len(), server.shared.behind().len());
        assert_eq!(again.games(), server.shared.games());
        assert_eq!(again.remains(), server.shared.remains());
    }
}

#[test]
fn a_snapshot_that_can_not_be_written_leaves_all_as_it_was() {
    let server = server(1_000);
    server.finish("a", 30);
    let before = server.files.list(dir()).unwrap();
    server.files.set_capacity(Some(0));
    let error = compactor(&server).compact(1).unwrap_err().to_string();
    assert!(error.starts_with("a snapshot in /log: "), "{error}");
    let sorted = |mut names: Vec<(String, u64)>| {
        names.sort();
        names
    };
    assert_eq!(sorted(server.files.list(dir()).unwrap()), sorted(before));
    server.files.set_capacity(None);
    assert!(compactor(&server).compact(1).unwrap().is_some());
    assert!(compactor(&server).compact(1).unwrap().is_none(), "nothing new");
}

/// Of player lists before the first game that is left, only what is known in the end is kept.
#[test]
fn player_lists_before_the_first_game_become_one() {
    let server = server(500);
    for nth in 0..40 {
        let line = format!(r#"{{"type":"players","players":[{{"player":"p","name":"Name {nth}"}},{{"player":"q{nth}","team":"NE"}}]}}"#);
        server.append(Kind::Event, &line);
    }
    server.append(Kind::Event, r#"{"type":"players","players":[{"player":"p","position":"QB"}]}"#);
    server.finish("a", 5);
    server.append(Kind::Event, r#"{"type":"players","players":[{"player":"p","name":"Last"}]}"#);
    server.finish("b", 5);
    let compacted = compactor(&server).compact(1).unwrap().unwrap();
    let snapshot = snapshots(dir(), &*server.files).unwrap()[0].load(&*server.files).unwrap();
    let lists = snapshot.parts().filter(|part| match part {
        Part::Record(_, record) => record.body.starts_with(br#"{"type":"players""#),
        Part::State(_) => false,
    });
    assert_eq!(lists.count(), 2);
    assert_eq!(snapshot.records, compacted.kept);
    let again = empty();
    let opening = Lsn(compacted.lsn.0 + 1);
    tell_snapshot(&snapshot, &mut Teller::new(&again, &[], StateTime::default()), |_, _, _| ()).unwrap();
    let mut teller = Teller::new(&again, &[], StateTime::default());
    crate::store::read(dir(), &*server.files, opening, |lsn, sources, record| {
        teller.tell(lsn, sources, &record);
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(again.cards.search("", 100), server.shared.cards.search("", 100));
    assert_eq!(again.remains(), server.shared.remains());
}

#[test]
fn feeds_have_the_rank_that_they_are_configured_with_now() {
    let shared = empty();
    let ranks = ["new".to_owned(), "old".to_owned()];
    let teller = Teller::new(&shared, &ranks, StateTime::default());
    let then = ["old".to_owned(), "gone".to_owned(), name_of(SourceId(5))];
    let rank = |source| teller.rank(&then, SourceId(source)).0;
    assert_eq!([rank(0), rank(1), rank(2), rank(3)], [1, u8::MAX, 5, 3]);
}

#[test]
fn a_state_that_is_not_understood_is_said() {
    let mut state = State::default();
    for (piece, what) in [
        (&br#"{"moon":1}"#[..], "unknown variant"),
        (br#"{"expired":"a b"}"#, "no id"),
        (br#"{"missing":-1}"#, "not understood"),
        (br#"{"topic":{"name":"player:","seq":1,"whole":true}}"#, "no id"),
        (br#"{"topic":{"name":"slate","seq":-1,"whole":true}}"#, "not understood"),
        (b"", "not understood"),
    ] {
        let error = state::read(piece, &mut state).unwrap_err();
        assert!(error.contains(what), "{error}");
    }
    assert_eq!(state, State::default());
}
