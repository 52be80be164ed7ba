//! `scorewire log`, as a person uses it: on a good log, a damaged one, one that was rewritten, and that of a
//! running server.

use super::hostile::binary::{Folder, Served, outcome, scorewire};
use super::support::eventually;
use super::support::server::Http;
use scorewire::compaction::compactor::Compactor;
use scorewire::engine::Shared;
use scorewire::feed::simulator::{Options, Simulator};
use scorewire::feed::write_line;
use scorewire::model::{IngestTime, Origin, SourceId};
use scorewire::store::snapshot::snapshots;
use scorewire::store::{self, Batch, DiskFiles, Durability, EventLog, Header, Kind, Record, Settings, frame};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// 2026-11-21 18:00:00 UTC.
const BEGIN_US: i64 = 1_795_284_000_000_000;

/// The lines of a simulated game.
fn lines() -> Vec<Vec<u8>> {
    let options = Options {
        seed: 3,
        games: 2,
        ..Options::default()
    };
    let events = Simulator::new(&options).flat_map(|step| step.events);
    let line = |event| {
        let mut line = Vec::new();
        write_line(&event, &mut line);
        line
    };
    events.map(line).collect()
}

fn settings(segment_bytes: u64) -> Settings {
    Settings {
        durability: Durability::Group,
        segment_bytes,
        queue_batches_max: 8,
        unsynced_bytes_max: 64 << 20,
        group_wait_us: 0,
        commit_timeout_ms: 20_000,
        retry_ms: 10,
    }
}

/// A log with those lines, a second between two of them, in segments of some 40 KB.
fn write_log(dir: &Path, lines: &[Vec<u8>], then: impl FnOnce(&EventLog<()>)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let opening = store::open(dir, Arc::new(DiskFiles)).unwrap();
    let header = Header {
        epoch: "e-1".to_owned(),
        boot_id: "b".to_owned(),
        sources: vec!["primary".to_owned()],
        continuity: 0,
    };
    let log = opening.begin(header, settings(40_000), |()| ()).unwrap();
    for (nth, some) in lines.chunks(20).enumerate() {
        let mut records = Vec::new();
        for (place, body) in some.iter().enumerate() {
            let ingest = IngestTime(BEGIN_US + (nth * 20 + place) as i64 * 1_000_000);
            let origin = Origin {
                source: SourceId(0),
                ingest,
            };
            let kind = Kind::Event;
            frame(&Record { kind, origin, body }, &mut records);
        }
        let batch = Batch {
            records,
            count: some.len() as u32,
            payload: (),
        };
        runtime
            .block_on(async { log.submit(batch).await.unwrap().committed().await })
            .unwrap();
    }
    then(&log);
    runtime.block_on(log.close()).unwrap();
}

/// Rewrites the log twice and removes what is needed no more; returns how many segments that was.
fn rewrite(dir: &Path, log: &EventLog<()>) -> u64 {
    let compactor = Compactor::new(dir, Arc::new(DiskFiles), vec!["primary".to_owned()], || {
        Shared::beside(crate::world::engine_limits())
    });
    let made = compactor.compact(1).unwrap().expect("there are whole segments");
    assert_eq!(made.needed_from, None);
    let needed_from = store::Lsn(made.lsn.0 + 1);
    log.remove_before(needed_from).unwrap().0
}

fn log(arguments: &[&str], dir: &Path) -> (Option<i32>, String, String) {
    outcome(scorewire(&[&["log"], arguments, &["--data-dir", dir.to_str().unwrap()]].concat()))
}

/// Turns a bit in the middle of a file over; returns where.
fn damage(path: &Path) -> usize {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(path, bytes).unwrap();
    middle
}

fn text(lines: &[Vec<u8>]) -> String {
    String::from_utf8(lines.iter().flat_map(|line| [line, &b"\n"[..]].concat()).collect()).unwrap()
}

#[test]
fn a_good_log_is_listed_checked_and_written_out() {
    let folder = Folder::new("log-good");
    let dir = folder.path();
    let lines = lines();
    write_log(dir, &lines, |_| ());
    let (code, said, errors) = log(&["inspect"], dir);
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{said}");
    let rows: Vec<&str> = said.lines().collect();
    assert!(rows[0].starts_with("file ") && rows[0].contains("from (UTC)"), "{said}");
    assert!(rows.len() >= 4, "some segments: {said}");
    assert!(
        rows[1].contains("00000000000000000001.log") && rows[1].contains("2026-11-21 18:00:00"),
        "{said}"
    );
    assert!(rows[1].contains(" e-1 ") && rows[1].ends_with("good"), "{said}");
    assert!(rows.last().unwrap().ends_with("good; the server ended in order"), "{said}");
    let (code, said, _) = log(&["verify"], dir);
    assert!(code == Some(0) && said.ends_with("all is well\n"), "{said}");

    let (code, said, errors) = log(&["export"], dir);
    assert_eq!((code, said == text(&lines)), (Some(0), true), "{errors}");
    assert!(errors.contains("events written"), "{errors}");
    let (_, said, _) = log(&["export", "--from", "30", "--to", "32"], dir);
    assert_eq!(said, text(&lines[29..32]));
    let game: Value = serde_json::from_slice(lines.last().unwrap()).unwrap();
    let game = game["game"].as_str().unwrap();
    let file = dir.join("out.ndjson");
    let (code, said, _) = log(&["export", "--game", game, "--out", file.to_str().unwrap()], dir);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    let is_of = |line: &&Vec<u8>| serde_json::from_slice::<Value>(line).unwrap()["game"] == game;
    let expected: Vec<Vec<u8>> = lines.iter().filter(is_of).cloned().collect();
    assert!(std::fs::read_to_string(&file).unwrap() == text(&expected));
    assert!(expected.len() > 100 && expected.len() < lines.len());
}

#[test]
fn a_damaged_log_is_said_to_be_so_and_repaired() {
    let folder = Folder::new("log-damaged");
    let dir = folder.path();
    write_log(dir, &lines(), |_| ());
    let file = dir.join("00000000000000000001.log");
    damage(&file);
    let (code, said, errors) = log(&["inspect"], dir);
    assert!(code == Some(65) && said.contains("DAMAGED at byte "), "{said}{errors}");
    let (code, _, errors) = log(&["verify"], dir);
    assert_eq!(code, Some(65), "{errors}");
    assert!(
        errors.contains("00000000000000000001.log, byte ") && errors.contains("scorewire log repair"),
        "{errors}"
    );
    assert_eq!(log(&["export"], dir).0, Some(65));
    let (code, said, errors) = log(&["repair"], dir);
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{said}");
    assert!(
        said.contains("1 record is lost") && said.ends_with("1 place was repaired\n"),
        "{said}"
    );
    let (code, said, _) = log(&["verify"], dir);
    assert!(code == Some(0) && said.contains("1 records were lost in a repair"), "{said}");
    let (code, said, _) = log(&["inspect"], dir);
    assert!(
        code == Some(0) && said.contains("set aside earlier: 00000000000000000001.log.bad-"),
        "{said}"
    );
    let (_, said, _) = log(&["repair"], dir);
    assert_eq!(said, "nothing is damaged\n");
}

#[test]
fn a_log_that_was_rewritten_is_written_out_from_its_snapshot_on() {
    let folder = Folder::new("log-rewritten");
    let dir = folder.path();
    let lines = lines();
    let mut removed = 0;
    write_log(dir, &lines, |log| removed = rewrite(dir, log));
    assert!(removed > 0);
    let (code, said, errors) = log(&["inspect"], dir);
    assert_eq!(code, Some(0), "{said}{errors}");
    assert!(said.lines().nth(1).unwrap().starts_with("snapshot-0000"), "{said}");
    assert!(said.contains("good: what is needed of all records"), "{said}");
    let (code, said, _) = log(&["verify"], dir);
    assert!(
        code == Some(0) && said.contains("1 good snapshots, the newest up to record"),
        "{said}"
    );
    let (code, said, errors) = log(&["export"], dir);
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains("only those are left that still count"), "{errors}");
    // Duplicates are left out, player lists are folded; what is left is in order, and as the feed sent it.
    let mut rest = lines.iter();
    for line in said.lines().filter(|line| !line.starts_with(r#"{"type":"players""#)) {
        assert!(rest.any(|sent| sent == line.as_bytes()), "{line}");
    }
    assert!(said.lines().count() > lines.len() * 8 / 10);

    let snapshot = snapshots(dir, &DiskFiles).unwrap().remove(0);
    damage(&snapshot.path);
    assert_eq!(log(&["inspect"], dir).0, Some(65));
    let (code, _, errors) = log(&["verify"], dir);
    assert!(code == Some(65) && errors.contains("a server would not start"), "{errors}");
    assert_eq!(log(&["export"], dir).0, Some(65));
    let (code, said, _) = log(&["repair"], dir);
    assert!(code == Some(0) && said.contains(".snap.bad now"), "{said}");
}

#[test]
fn where_there_is_no_log_that_is_said() {
    let folder = Folder::new("log-none");
    let (code, said, _) = log(&["inspect"], folder.path());
    assert_eq!((code, said.ends_with("there is no event log\n")), (Some(0), true), "{said}");
    let nowhere = folder.path().join("nowhere");
    for command in ["inspect", "verify", "export"] {
        let (code, _, errors) = log(&[command], &nowhere);
        assert!(code == Some(74) && errors.contains("nowhere"), "{command}: {errors}");
    }
    let (code, _, _) = log(&["export", "--game", "no id"], folder.path());
    assert_eq!(code, Some(64));
}

fn serve(dir: &Path) -> Served {
    Served::start(server(dir))
}

fn server(dir: &Path) -> Command {
    let mut command = scorewire(&["serve", "--bind", "127.0.0.1:0", "--data-dir", dir.to_str().unwrap()]);
    command.env("SCOREWIRE__STORE__SEGMENT_BYTES", "65536");
    command.env("SCOREWIRE__STORE__SNAPSHOT_EVERY_BYTES", "65536");
    command
}

/// What the server shows of every game, whatever its epoch.
async fn shown(http: &Http) -> Vec<String> {
    let games = http.get("/v1/games").await.json();
    let slate = http.get("/v1/snapshot?topics=slate").await.json();
    let mut all = vec![slate["snapshots"].to_string()];
    for game in games["games"].as_array().or(games.as_array()).unwrap() {
        let game = game["game"].as_str().unwrap();
        all.push(http.get(&format!("/v1/games/{game}/players")).await.text());
        let snapshot = http.get(&format!("/v1/snapshot?topics=game:{game}")).await.json();
        all.push(snapshot["snapshots"][0]["seq"].to_string());
    }
    // When a frame was encoded says nothing.
    all.iter().map(|text| without_times(text)).collect()
}

fn without_times(text: &str) -> String {
    match text.split_once("\"encode_us\":") {
        Some((before, after)) => format!("{before}{}", after.trim_start_matches(|c: char| c.is_ascii_digit())),
        None => text.to_owned(),
    }
}

/// A server makes snapshots as it goes, is killed, and goes on from the newest; its log can be looked at all
/// the while.
#[test]
fn the_log_of_a_running_server_can_be_read_and_leads_back_after_a_kill() {
    let folder = Folder::new("log-running");
    let dir = folder.path();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let served = serve(dir);
    let http = Http::new(served.address("address"));
    let body: Vec<u8> = lines().iter().flat_map(|line| [line, &b"\n"[..]].concat()).collect();
    let (accepted, _) = runtime.block_on(http.post_lines(body));
    assert!(accepted > 100);
    runtime.block_on(eventually("a snapshot", || async {
        !snapshots(dir, &DiskFiles).unwrap().is_empty()
    }));
    for command in ["inspect", "verify", "export"] {
        let (code, said, errors) = log(&[command], dir);
        assert_eq!(code, Some(0), "{command}: {said}{errors}");
    }
    let (code, _, errors) = log(&["repair"], dir);
    assert!(
        code == Some(69) && errors.contains("another process uses this event log"),
        "{errors}"
    );
    let before = runtime.block_on(shown(&http));
    let epoch = served.told("epoch");
    // What a backup takes while the server runs; what comes after it is not in it.
    let copy = Folder::new("log-copy");
    for file in std::fs::read_dir(dir).unwrap() {
        let path = file.unwrap().path();
        std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    served.signal(rustix::process::Signal::KILL);
    served.ended();
    let restored = Served::start({
        let mut command = server(copy.path());
        command.arg("--restored");
        command
    });
    assert_ne!(restored.told("epoch"), epoch, "who was shown more begins with snapshots");
    let http = Http::new(restored.address("address"));
    assert_eq!(runtime.block_on(shown(&http)), before);
    let served = serve(dir);
    assert_eq!(served.told("epoch"), epoch);
    let http = Http::new(served.address("address"));
    assert_eq!(runtime.block_on(shown(&http)), before);
}
