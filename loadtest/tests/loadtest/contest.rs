//! A contest beside the crowd, against the server itself.

use super::rosters::twelve_on;
use super::run;
use super::server::Server;
use serde_json::{Value, json};

pub(crate) const PLAYERS: usize = 20;
pub(crate) const PLAYS: usize = 60;

/// A game in which each play moves two of twenty receivers, each by another yardage; 20 ms between plays.
pub(crate) fn sunday() -> String {
    let player = |number: usize| json!({"player": format!("w{number}"), "team": "NE", "position": "WR"});
    let players: Vec<Value> = (0..PLAYERS).map(player).collect();
    let mut lines = vec![
        json!({"type": "players", "players": players}),
        json!({"type": "game", "game": "g", "ts": 1_000_000, "status": "scheduled", "home": "NE", "away": "HOU"}),
    ];
    for play in 1..=PLAYS {
        let credit =
            |number: usize, yards: usize| json!({"player": format!("w{}", number % PLAYERS), "team": "NE", "stat": 21, "yards": yards});
        lines.push(
            json!({"type": "play", "game": "g", "play": play.to_string(), "ts": 1_000_000 + 20_000 * play,
            "stats": [credit(play, play), credit(7 * play + 3, 1)]}),
        );
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn every_watched_entry_ends_where_its_players_put_it() {
    let server = Server::start();
    let more = ["--roster", "15", "--speed", "1", "--seconds", "10", "--drain-timeout-s", "60"];
    let contest = ["--contest", "1500", "--contests", "4", "--watched-entries", "1000"];
    let (code, report, errors) = twelve_on(&server.url(), "slate", &sunday(), &[&more[..], &contest].concat());
    assert_eq!((code, &report["ok"]), (0, &Value::Bool(true)), "{report:#}\n{errors}");
    let figure = |name: &str| report["extra"][format!("contest_{name}")].as_f64().unwrap();
    assert_eq!(
        (figure("contests"), figure("entries"), figure("watched")),
        (4.0, 1_500.0, 1_000.0),
        "{report:#}"
    );
    assert!(figure("frames") >= 1_000.0 && figure("p50_ms") > 0.0, "{report:#}");
    assert!(!server.has_contests(), "it takes away what it brought");
    assert!(server.drain(), "nobody is left who holds the server up");
}

#[test]
fn a_run_that_cannot_be_made_leaves_no_contest_behind() {
    let server = Server::start();
    let more = [
        "--roster",
        "15",
        "--contest",
        "100",
        "--watched-entries",
        "100",
        "--connect-timeout-s",
        "0.001",
    ];
    let (code, _, errors) = twelve_on(&server.url(), "slate", &sunday(), &more);
    assert!(code == 2 && errors.contains("within"), "{errors}");
    assert!(!server.has_contests(), "{errors}");
}

#[test]
fn entries_are_watched_of_a_contest_alone() {
    let (code, _, errors) = run(&["run", "slate", "--watched-entries", "5"]);
    assert!(code == 2 && errors.contains("--contest"), "{errors}");
}
