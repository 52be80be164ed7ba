//! Rosters followed as lineups, against the server itself.

use super::contest::{PLAYERS, PLAYS, sunday};
use super::rosters::twelve_on;
use super::run;
use super::server::Server;
use serde_json::Value;

const LINEUPS: [&str; 7] = ["--lineups", "--roster", "5", "--speed", "1", "--sample", "12"];

#[test]
fn each_client_gets_the_sum_of_its_roster() {
    let server = Server::start();
    let more = [&LINEUPS[..], &["--seconds", "10", "--drain-timeout-s", "60", "--floor"]].concat();
    let (code, report, errors) = twelve_on(&server.url(), "slate", &sunday(), &more);
    assert_eq!((code, &report["ok"]), (0, &Value::Bool(true)), "{report:#}\n{errors}");
    let figure = |name: &str| report["extra"][name].as_f64().unwrap();
    assert_eq!(figure("clients_sampled"), 12.0, "{report:#}");
    assert!((2.0..=12.0).contains(&figure("lineups")), "{report:#}");
    // By himself in no more than one lineup of each client.
    assert!(
        (PLAYERS as f64..).contains(&figure("players_followed")) && figure("ownership_most") <= 1.0,
        "{report:#}"
    );
    let deliveries = report["deliveries"].as_u64().unwrap();
    assert!(
        (1..=12 * PLAYS as u64 + 12).contains(&deliveries),
        "a play that moves two of them is one: {report:#}"
    );
    assert!(server.drain(), "nobody is left who holds the server up");
}

#[test]
fn they_are_taken_up_again_after_a_cut() {
    let server = Server::start();
    let more = [
        &LINEUPS[..],
        &["--cuts", "1", "--seconds", "3", "--drain-timeout-s", "60", "--coding", "bin"],
    ]
    .concat();
    let (code, report, errors) = twelve_on(&server.url(), "storm", &sunday(), &more);
    assert_eq!((code, &report["ok"]), (0, &Value::Bool(true)), "{report:#}\n{errors}");
    assert_eq!(report["extra"]["topics_resumed"], 12.0, "{report:#}");
}

#[test]
fn lineups_have_no_contest_beside_them() {
    let (code, _, errors) = run(&["run", "slate", "--lineups", "--contest", "5"]);
    assert!(code == 2 && errors.contains("--contest"), "{errors}");
}
