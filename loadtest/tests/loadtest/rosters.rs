//! Scenarios in which clients follow players, against the fake server.

use super::fake_server::{self, LEAP, Manner};
use super::run;
use serde_json::{Value, json};

/// Plays of the little Sunday.
pub(crate) const PLAYS: usize = 8;

/// A game in which a passer and a receiver move in every play; 10 ms between plays, one of them sent twice.
pub(crate) fn sunday() -> String {
    let players = json!([{"player": "q", "team": "NE", "position": "QB"}, {"player": "w", "team": "NE", "position": "WR"}]);
    let mut lines = vec![
        json!({"type": "players", "players": players}),
        json!({"type": "game", "game": "g", "ts": 1_000_000, "status": "scheduled", "home": "NE", "away": "HOU"}),
    ];
    for play in 1..=PLAYS {
        let credit = |player: &str, stat: u32| json!({"player": player, "team": "NE", "stat": stat, "yards": 5 * play});
        lines.push(
            json!({"type": "play", "game": "g", "play": play.to_string(), "ts": 1_000_000 + 10_000 * play,
            "stats": [credit("q", 15), credit("w", 21)]}),
        );
    }
    // A feed repeats itself.
    lines.insert(5, lines[4].clone());
    lines.iter().map(|line| format!("{line}\n")).collect()
}

pub(crate) fn rosters(scenario: &str, manner: Manner, more: &[&str]) -> (i32, Value, String) {
    let url = format!("ws://{}", fake_server::start(manner, PLAYS));
    let args = [&["--roster", "4", "--drain-timeout-s", "0.3", "--sample", "12"], more].concat();
    twelve_on(&url, scenario, &sunday(), &args)
}

/// A run of twelve clients against that server, with these event lines.
pub(crate) fn twelve_on(url: &str, scenario: &str, lines: &str, more: &[&str]) -> (i32, Value, String) {
    let port = url.rsplit(':').next().unwrap();
    let file = std::env::temp_dir().join(format!("scorewire-loadtest-{}-{port}.ndjson", std::process::id()));
    std::fs::write(&file, lines).unwrap();
    let events = file.to_string_lossy().into_owned();
    let args = ["run", scenario, "--url", url, "--events", &events, "--clients", "12"];
    let result = run(&[&args, more].concat());
    std::fs::remove_file(&file).unwrap();
    result
}

pub(crate) fn must_notice(scenario: &str, manner: Manner, more: &[&str], reason: &str) {
    let (code, report, errors) = rosters(scenario, manner, more);
    assert_eq!((code, &report["ok"]), (1, &Value::Bool(false)), "{manner:?}: {report:#}\n{errors}");
    assert!(
        report["faults"].to_string().contains(reason),
        "{manner:?} must be told with {reason:?}: {report:#}"
    );
}

#[test]
fn everybody_who_follows_a_player_gets_all_of_it_and_the_floor_repeats_it() {
    let (code, report, errors) = rosters("slate", Manner::Good, &["--floor", "--speed", "1", "--seconds", "5"]);
    assert_eq!((code, &report["ok"]), (0, &Value::Bool(true)), "{report:#}\n{errors}");
    // Two players and two defences, all four on every roster; the players move in each play, and the
    // defences when play begins.
    let due = 12 * (2 * PLAYS + 2) as u64;
    assert_eq!(
        (&report["deliveries"], &report["latency"]["count"]),
        (&due.into(), &due.into()),
        "{report:#}"
    );
    assert_eq!(report["last"]["count"], PLAYS, "{report:#}");
    assert_eq!(
        (&report["extra"]["players_followed"], &report["extra"]["ownership_most"]),
        (&json!(4.0), &json!(1.0))
    );
    assert_eq!(report["extra"]["messages_compared"], json!((11 * 4 + 11 * (2 * PLAYS + 2)) as f64));
    // Both changes of a play reach a client in one send of the loop.
    assert_eq!(report["floors"][0]["deliveries"], 12 * PLAYS, "{report:#}");
}

#[test]
fn a_repeat_that_counts_and_news_called_a_repeat_fail_the_run() {
    for manner in [Manner::CountsRepeats, Manner::CallsNewsRepeat] {
        must_notice("slate", manner, &SLATE, "already: {\\\"accepted\\\"");
    }
}

#[test]
fn merged_frames_of_players_are_held_against_the_others() {
    let (code, report, errors) = rosters("slate", Manner::Merges, &SLATE);
    assert_eq!((code, &report["frames_merged"]), (0, &json!(2)), "{report:#}\n{errors}");
    must_notice("slate", Manner::MergesNameless, &SLATE, "feed_ts_first is missing, of 2 changes");
    must_notice("slate", Manner::MergesLate, &SLATE, "seq 3 came of event 4 here and of event 2");
    must_notice("slate", Manner::MergesCauseless, &SLATE, "1 causes and 0 left out, of 2 changes");
}

#[test]
fn a_run_ends_when_it_is_told_to() {
    let (code, report, errors) = rosters("slate", Manner::Good, &["--speed", "0.02", "--seconds", "1"]);
    assert_eq!((code, &report["events"]), (0, &1.into()), "{report:#}\n{errors}");
}

#[test]
fn everybody_comes_back_after_a_cut() {
    let (code, report, errors) = rosters(
        "storm",
        Manner::Good,
        &[
            &["--speed", "0.1", "--seconds", "1", "--cuts", "2", "--processes", "2"][..],
            &["--connect-s", "60", "--back-ms", "60000"],
        ]
        .concat(),
    );
    assert_eq!((code, &report["ok"]), (0, &Value::Bool(true)), "{report:#}\n{errors}");
    let limits: Vec<(&Value, &Value)> = report["limits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|limit| (&limit["name"], &limit["measured"]))
        .collect();
    assert_eq!(
        limits,
        [
            (&json!("connect-s"), &report["connect_s"]),
            (&json!("back-ms"), &report["extra"]["back_max_ms"])
        ]
    );
    let extra = &report["extra"];
    assert_eq!(
        (&extra["cuts"], &extra["topics_resumed"]),
        (&json!(2.0), &json!(2.0 * 12.0 * 4.0)),
        "{report:#}"
    );
    assert!(extra["back_max_ms"].as_f64().unwrap() > 0.0, "{report:#}");
}

#[test]
fn a_change_lost_while_away_is_noticed() {
    let storm = ["--speed", "0.1", "--seconds", "1", "--cuts", "2"];
    must_notice("storm", Manner::ResumesBadly, &storm, "a state that nobody here was shown");
}

#[test]
fn a_storm_after_which_it_took_too_long_fails() {
    let storm = ["--speed", "0.1", "--seconds", "1", "--cuts", "1", "--back-ms", "0"];
    let (code, report, errors) = rosters("storm", Manner::Good, &storm);
    assert_eq!((code, &report["fault_count"]), (1, &json!(0)), "{report:#}\n{errors}");
    assert_eq!(report["limits"][0]["held"], json!(false), "{report:#}");
}

const SLATE: [&str; 4] = ["--speed", "1", "--seconds", "5"];

#[test]
fn wrong_totals_are_noticed() {
    must_notice("slate", Manner::WrongTotal, &SLATE, "which does not make");
    must_notice("slate", Manner::Corrupts, &SLATE, "which does not make");
}

#[test]
fn missing_frames_are_noticed() {
    must_notice("slate", Manner::DropsOne, &SLATE, "something in between is lost");
    must_notice("slate", Manner::DropsLast, &SLATE, "which ended at 8");
}

#[test]
fn a_seq_that_no_run_gets_to_is_noticed_at_once() {
    for manner in [Manner::Leaps, Manner::LeapsBySnapshot] {
        must_notice("slate", manner, &SLATE, &format!("went from seq 3 to {LEAP} in a run of 9 events"));
    }
}

#[test]
fn other_totals_in_the_last_word_are_noticed() {
    let reason = "GET /v1/snapshot and the clients differ: player:";
    must_notice("slate", Manner::WrongSnapshot, &SLATE, reason);
}

#[test]
fn a_server_that_agrees_with_itself_but_not_with_the_feed_is_noticed() {
    let feed = "the feed and the server differ: player:";
    must_notice("slate", Manner::CreditsAnother, &SLATE, feed);
    must_notice("slate", Manner::AddsAYard, &SLATE, feed);
    must_notice(
        "slate",
        Manner::ForgetsReceivers,
        &SLATE,
        "-w: ended at seq 0; by the feed 8 to 8 events move it",
    );
    let fewer = "120 deliveries, by the feed at least 216";
    must_notice("slate", Manner::ForgetsReceivers, &SLATE, fewer);
}

/// The receiver gains 180 yards, for which DraftKings pays a bonus.
#[test]
fn points_are_held_against_the_rules_asked_for() {
    let ppr = [&SLATE[..], &["--ruleset", "ppr"]].concat();
    let (code, report, errors) = rosters("slate", Manner::Good, &ppr);
    assert_eq!((code, &report["notes"]), (0, &json!([])), "{report:#}\n{errors}");
    must_notice(
        "slate",
        Manner::PaysByOtherRules,
        &ppr,
        "-w: ended with 290000/10000 points, by the feed 260000/10000",
    );
    must_notice("slate", Manner::PaysByOtherRules, &ppr, "/10000 points after event ");
}

#[test]
fn a_run_under_rules_that_are_not_known_says_what_it_did_not_verify() {
    let mine = [&SLATE[..], &["--ruleset", "mine"]].concat();
    let (code, report, errors) = rosters("slate", Manner::PaysByOtherRules, &mine);
    assert_eq!((code, &report["ok"]), (0, &json!(true)), "{report:#}\n{errors}");
    let note = report["notes"][0].as_str().unwrap();
    assert!(note.contains("the rules of mine are not known here"), "{note}");
    must_notice("slate", Manner::AddsAYard, &mine, "the feed and the server differ: player:");
}

#[test]
fn a_burst_is_held_against_its_feed_too() {
    let burst = |manner| {
        let url = format!("ws://{}", fake_server::start(manner, 0));
        // Kickoffs alone: of touchdowns the fake server knows no points allowed.
        let small = ["--games", "1", "--events", "1", "--clients", "6", "--roster", "28"];
        run(&[&["run", "burst", "--url", &url, "--drain-timeout-s", "0.3"], &small[..]].concat())
    };
    let (code, report, errors) = burst(Manner::Good);
    assert_eq!((code, &report["ok"]), (0, &Value::Bool(true)), "{report:#}\n{errors}");
    let (code, report, errors) = burst(Manner::AddsAYard);
    assert_eq!(code, 1, "{report:#}\n{errors}");
    assert!(
        report["faults"].to_string().contains("the feed and the server differ"),
        "{report:#}"
    );
}

#[test]
fn a_storm_after_which_nobody_goes_on_where_he_was_says_nothing() {
    let storm = ["--speed", "0.1", "--seconds", "1", "--cuts", "1"];
    must_notice("storm", Manner::NeverResumes, &storm, "after cut 1 no topic was resumed");
}

#[test]
fn sockets_that_never_refused_a_byte_say_nothing_about_stalled_clients() {
    let (code, report, errors) = stalled(Manner::Good, "100", &[]);
    assert_eq!((code, &report["fault_count"]), (1, &json!(1)), "{report:#}\n{errors}");
    assert!(report["faults"][0].as_str().unwrap().contains("refused bytes"), "{report:#}");
}

#[test]
fn a_phase_in_which_nobody_received_anything_says_nothing() {
    let (code, report, errors) = stalled(Manner::Good, "500", &[]);
    assert_eq!(code, 1, "{report:#}\n{errors}");
    let reason = "turn 1: nothing was received and measured while some were stalled";
    assert!(report["faults"].to_string().contains(reason), "{report:#}");
    assert!(
        report["extra"].get("stalled_p99_ms").is_none(),
        "no figure of what was not measured: {report:#}"
    );
}

/// Both measurements take 300 ms: of plays 100 ms apart each has some, of those 500 ms apart the first alone.
pub(crate) fn stalled(manner: Manner, interval_ms: &str, more: &[&str]) -> (i32, Value, String) {
    let url = format!("ws://{}", fake_server::start(manner, 0));
    let turn = ["--turns", "1", "--phase-s", "0.3", "--fill-s", "0", "--catch-up-s", "0.1"];
    let few = ["--clients", "20", "--drain-timeout-s", "0.3", "--interval-ms", interval_ms];
    run(&[&["run", "stalled", "--url", &url], &turn[..], &few, more].concat())
}

#[test]
fn without_a_simulator_the_way_out_is_said() {
    let (code, _, errors) = run(&["run", "slate", "--scorewire", "/nowhere/scorewire"]);
    assert!(
        code == 2 && errors.contains("--events") && errors.contains("--scorewire"),
        "{code}: {errors}"
    );
}
