//! `run ingest` against a server of its own: it takes plays of any number of games, scores the few stats
//! that a season's plays have, and can be told to get the totals of some games wrong, or to break down.

use super::{run, wire};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the server does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Good,
    /// The lists of players are wrong in all games but the first, whose frames are kept.
    WrongBeyondTheSample,
    /// The last game has no list.
    OneMissing,
    /// From this request on posts are answered with this status; a 429 asks for 25 s.
    Fails(usize, u16),
    /// With this request it hangs up on everybody, and answers nobody any more.
    Dies(usize),
    /// With this request it hangs up on the watchers.
    LosesWatchers(usize),
    /// It rejects the last line of this request.
    RejectsOne(usize),
}

#[derive(Default)]
struct Game {
    seq: u64,
    /// In 1/10,000.
    points: BTreeMap<String, i64>,
}

#[derive(Default)]
struct State {
    /// Requests with events so far.
    posts: usize,
    is_dead: bool,
    games: BTreeMap<String, Game>,
    watchers: Vec<TcpStream>,
}

fn start(manner: Manner) -> (SocketAddr, Arc<Mutex<State>>) {
    let state = Arc::new(Mutex::new(State::default()));
    let served = state.clone();
    (wire::listen(move |stream| serve(stream, &served, manner)), state)
}

fn serve(mut output: TcpStream, state: &Mutex<State>, manner: Manner) {
    let mut input = BufReader::new(output.try_clone().unwrap());
    while let Some((head, body)) = wire::request(&mut input) {
        if head.starts_with("GET /v1/ws ") {
            return watch(input, output, &mut state.lock().unwrap());
        }
        if head.starts_with("GET /v1/rulesets ") {
            wire::answer(&mut output, 200, "", wire::RULESETS);
            continue;
        }
        let mut state = state.lock().unwrap();
        if state.is_dead {
            return;
        }
        let (status, answer) = match head.strip_prefix("GET /v1/games/") {
            Some(path) => list(&state, path.split('/').next().unwrap(), manner),
            None => match post(&body, &mut state, manner) {
                Some(answer) => answer,
                None => return,
            },
        };
        let wait = if status == 429 { "Retry-After: 25\r\n" } else { "" };
        wire::answer(&mut output, status, wait, &answer.to_string());
    }
}

fn watch(mut input: impl Read, mut output: TcpStream, state: &mut State) {
    wire::switch(&mut output, "Sec-WebSocket-Protocol: scorewire.v1.json\r\n");
    let subscribe: Value = serde_json::from_slice(&wire::read_masked(&mut input).unwrap()).unwrap();
    for topic in subscribe["topics"].as_array().unwrap() {
        let snapshot = format!(r#"{{"type":"snapshot","topic":{topic},"ruleset":"draftkings","seq":0,"players":[]}}"#);
        output.write_all(&text(&snapshot)).unwrap();
    }
    state.watchers.push(output);
}

/// Status and body; nothing where the server hangs up.
fn post(events: &str, state: &mut State, manner: Manner) -> Option<(u16, Value)> {
    state.posts += 1;
    match manner {
        Manner::Fails(from, status) if state.posts >= from => return Some((status, json!("broken"))),
        Manner::Dies(from) if state.posts >= from => {
            state.is_dead = true;
            state.watchers.clear();
            return None;
        }
        Manner::LosesWatchers(from) if state.posts == from => state.watchers.clear(),
        _ => {}
    }
    let is_whole = !matches!(manner, Manner::RejectsOne(nth) if state.posts == nth);
    let accepted = events.lines().count() - usize::from(!is_whole);
    let taken = events.lines().take(accepted);
    taken.for_each(|line| take(&serde_json::from_str(line).unwrap(), state));
    let rejected = if is_whole { json!([]) } else { json!([{"line": accepted + 1}]) };
    Some((200, json!({"accepted": accepted, "duplicate": 0, "rejected": rejected})))
}

/// Status and body.
fn list(state: &State, game: &str, manner: Manner) -> (u16, Value) {
    if manner == Manner::OneMissing && game.ends_with("-15") {
        return (404, json!({"code": "unknown_game"}));
    }
    let is_wrong = manner == Manner::WrongBeyondTheSample && !game.ends_with("-00");
    let more = i64::from(is_wrong);
    let players = state.games[game].points.iter();
    let row = |(player, points): (&String, &i64)| json!({"player": player, "points": (points + more) as f64 / 1e4});
    (200, players.map(row).collect())
}

fn take(event: &Value, state: &mut State) {
    let id = event["game"].as_str().unwrap();
    let game = state.games.entry(id.to_owned()).or_default();
    for record in event["stats"].as_array().into_iter().flatten() {
        let player = record["player"].as_str().unwrap();
        if player != "0" {
            *game.points.entry(player.to_owned()).or_default() +=
                worth(record["stat"].as_u64().unwrap(), record["yards"].as_i64().unwrap());
        }
    }
    let players = game
        .points
        .iter()
        .map(|(player, points)| json!({"player": player, "points": *points as f64 / 1e4}));
    let players: Value = players.collect();
    let prev = game.seq;
    game.seq += 1;
    let delta = format!(
        r#"{{"type":"delta","topic":"game:{id}","ruleset":"draftkings","seq":{},"prev":{prev},"players":{players}}}"#,
        game.seq
    );
    for watcher in &mut state.watchers {
        // It may have left.
        drop(watcher.write_all(&text(&delta)));
    }
}

/// DraftKings points in 1/10,000 of a record; nobody gets far enough for a bonus here.
fn worth(stat: u64, yards: i64) -> i64 {
    match stat {
        10 => 1_000 * yards,
        11 => 60_000 + 1_000 * yards,
        15 => 400 * yards,
        16 => 40_000 + 400 * yards,
        19 => -10_000,
        21 => 10_000 + 1_000 * yards,
        22 => 70_000 + 1_000 * yards,
        _ => 0,
    }
}

fn text(payload: &str) -> Vec<u8> {
    wire::frame(0x81, payload.as_bytes())
}

/// Twenty plays in sixteen games, of which the frames of the first are kept.
fn ingest(manner: Manner, more: &[&str]) -> (i32, Value, String) {
    let url = format!("ws://{}", start(manner).0);
    let few = ["run", "ingest", "--url", &url, "--events", "20", "--plays", "2", "--timeout-s", "5"];
    run(&[&few[..], more].concat())
}

/// A run of 36 lines, one after the other, that must fail in the middle and be reported.
fn must_report(manner: Manner, reason: &str) -> Value {
    let (code, report, errors) = ingest(manner, &["--feeds", "1", "--lines", "4", "--events-per-s", "1"]);
    assert_eq!((code, &report["ok"]), (1, &json!(false)), "{manner:?}: {report:#}\n{errors}");
    assert!(report["faults"].to_string().contains(reason), "{manner:?}: {reason}: {report:#}");
    // How fast it went is not said, and does not hold a limit.
    assert!(report["extra"].get("events_per_s").is_none(), "{report:#}");
    assert_eq!(
        (&report["limits"][0]["held"], &report["limits"][0]["reason"]),
        (&json!(false), &json!("not measured"))
    );
    report
}

#[test]
fn the_totals_of_every_game_are_compared() {
    let (code, report, errors) = ingest(Manner::Good, &[]);
    assert_eq!((code, &report["ok"]), (0, &json!(true)), "{report:#}\n{errors}");
    let extra = &report["extra"];
    assert_eq!(
        (&extra["games_checked"], &extra["games_watched_in_full"]),
        (&json!(16.0), &json!(1.0)),
        "{report:#}"
    );
    assert!(extra["totals_checked"].as_f64() > Some(16.0), "{report:#}");
}

#[test]
fn wrong_totals_of_a_game_that_is_not_in_the_sample_are_noticed() {
    let (code, report, errors) = ingest(Manner::WrongBeyondTheSample, &[]);
    assert_eq!((code, &report["ok"]), (1, &json!(false)), "{report:#}\n{errors}");
    assert!(report["fault_count"].as_u64() >= Some(15), "{report:#}");
    let fault = report["faults"][0].as_str().unwrap();
    assert!(fault.contains("-01 90-") && fault.contains("told Some("), "{report:#}");
}

#[test]
fn a_game_that_the_server_does_not_know_is_a_fault() {
    let (code, report, errors) = ingest(Manner::OneMissing, &[]);
    assert_eq!((code, &report["fault_count"]), (1, &json!(1)), "{report:#}\n{errors}");
    assert!(report["faults"][0].as_str().unwrap().contains("status 404"), "{report:#}");
}

#[test]
fn a_server_that_breaks_down_in_the_middle_gets_a_report() {
    let broken = [
        (Manner::Fails(5, 500), "posting ended: status 500: "),
        (Manner::Fails(5, 503), "posting ended: status 503: "),
        (Manner::Dies(5), "posting ended: "),
    ];
    for (manner, reason) in broken {
        let report = must_report(manner, reason);
        // Four requests of four lines were taken, and what they moved arrived; nothing else is held against it.
        let (events, lines) = (report["events"].as_u64().unwrap(), report["deliveries"].as_u64().unwrap());
        assert!((1..16).contains(&events) && lines == 16, "{manner:?}: {report:#}");
        let faults = if manner == Manner::Dies(5) { 2 } else { 1 };
        assert_eq!(
            (&report["fault_count"], &report["extra"]["feeds"]),
            (&json!(faults), &json!(1.0)),
            "{report:#}"
        );
    }
}

#[test]
fn what_was_taken_of_a_request_counts_though_one_of_its_lines_was_not() {
    // Requests of two games announced and a play of each; the play of the second is rejected.
    for (request, events, lines) in [(1, 1, 3), (5, 9, 19)] {
        let report = must_report(Manner::RejectsOne(request), "posting ended: 4 lines were sent: ");
        assert_eq!(
            (&report["fault_count"], &report["events"], &report["deliveries"]),
            (&json!(1), &json!(events), &json!(lines)),
            "{report:#}"
        );
    }
}

#[test]
fn a_feed_that_is_asked_to_wait_can_be_interrupted() {
    let (addr, state) = start(Manner::Fails(5, 429));
    let child = Command::new(env!("CARGO_BIN_EXE_scorewire-loadtest"))
        .args(["run", "ingest", "--url", &format!("ws://{addr}"), "--events", "20", "--plays", "2"])
        .args(["--feeds", "1", "--lines", "4", "--json", "-"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut looks = 0;
    while state.lock().unwrap().posts < 5 {
        looks += 1;
        assert!(looks < 1_000, "the fifth request does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &report["fault_count"]), (Some(1), &json!(1)), "{report:#}");
    assert_eq!(
        (
            &report["faults"][0],
            &report["deliveries"],
            &report["extra"]["requests_answered_429"]
        ),
        (&json!("posting ended: interrupted"), &json!(16), &json!(1.0)),
        "{report:#}"
    );
}

#[test]
fn a_server_that_hangs_up_on_a_watcher_gets_a_report() {
    let report = must_report(
        Manner::LosesWatchers(5),
        "watching: 12 of 16 games have not ended: the server closed",
    );
    // Everything was posted all the same, and totals were asked for.
    assert_eq!(
        (&report["events"], &report["extra"]["games_checked"]),
        (&json!(20), &json!(16.0)),
        "{report:#}"
    );
}

#[test]
fn a_server_that_takes_nothing_at_all_makes_no_run() {
    for (manner, reason) in [
        (Manner::Fails(1, 503), "no event was taken: posting ended: status 503"),
        (Manner::Dies(1), "posting ended"),
    ] {
        let (code, report, errors) = ingest(manner, &[]);
        assert_eq!((code, &report), (2, &Value::Null), "{manner:?}: {report:#}");
        assert!(errors.contains(reason), "{manner:?}: {errors}");
    }
}
