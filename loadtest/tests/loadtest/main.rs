//! The binary as a user runs it: the floor by itself, and broadcast against a small fake server
//! that is right, or wrong in one known way that the load test must notice.
//!
//! Figures are checked for being there and being possible, never for being fast.

#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test that can't go on panics; modules of a test are private anyway"
)]

mod codings;
mod contest;
mod fake_server;
mod floor;
mod hostile;
mod ingest;
mod lineups;
mod rosters;
mod server;
mod tls;
mod usage;
mod wire;

use fake_server::Manner;
use serde_json::Value;
use std::process::Command;

const PLAYS: usize = 8;
const CLIENTS: usize = 20;

/// Exit status, the JSON report (null where there is none) and standard error.
fn run(args: &[&str]) -> (i32, Value, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_scorewire-loadtest"))
        .args(args)
        .args(["--json", "-"])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (
        output.status.code().unwrap(),
        serde_json::from_slice(&output.stdout).unwrap_or_default(),
        errors,
    )
}

fn broadcast(manner: Manner, more: &[&str]) -> (i32, Value, String) {
    broadcast_draining(manner, "0.3", more)
}

/// Stragglers have `drain_s` seconds.
fn broadcast_draining(manner: Manner, drain_s: &str, more: &[&str]) -> (i32, Value, String) {
    let url = format!("ws://{}", fake_server::start(manner, PLAYS));
    let (clients, plays) = (CLIENTS.to_string(), PLAYS.to_string());
    let mut args = vec![
        "run",
        "broadcast",
        "--url",
        &url,
        "--clients",
        &clients,
        "--events",
        &plays,
        "--interval-ms",
        "20",
    ];
    args.extend(["--drain-timeout-s", drain_s, "--sample", "2"]);
    args.extend(more);
    run(&args)
}

/// A run that must fail, with `reason` among its faults.
fn must_notice(manner: Manner, reason: &str) {
    let (code, report, errors) = broadcast(manner, &[]);
    assert_eq!((code, &report["ok"]), (1, &Value::Bool(false)), "{manner:?}: {report:#}\n{errors}");
    assert!(
        report["faults"].to_string().contains(reason),
        "{manner:?} must be told with {reason:?}: {report:#}"
    );
}

#[test]
fn a_right_server_passes_and_everything_is_counted() {
    let (code, report, errors) = broadcast(Manner::Good, &["--floor", "--server-pid", &std::process::id().to_string()]);
    assert_eq!((code, &report["ok"]), (0, &Value::Bool(true)), "{report:#}\n{errors}");
    let due = (CLIENTS * PLAYS) as u64;
    assert_eq!(
        (&report["deliveries"], &report["frames"], &report["frames_merged"]),
        (&due.into(), &due.into(), &0.into())
    );
    assert_eq!(
        (
            report["extra"]["clients_complete"].as_f64(),
            report["extra"]["clients_sampled"].as_f64()
        ),
        (Some(CLIENTS as f64), Some(2.0))
    );
    let (parsed, compared) = (
        report["extra"]["messages_parsed"].as_f64().unwrap() as usize,
        report["extra"]["messages_compared"].as_f64().unwrap() as usize,
    );
    // Welcome and subscribed are parsed for everybody; a snapshot and each play once.
    assert_eq!((parsed, compared), (2 * CLIENTS + 1 + PLAYS, (CLIENTS - 1) * (1 + PLAYS)));
    let floor = &report["floors"][0];
    assert_eq!((&floor["via"], &floor["deliveries"]), (&"send".into(), &due.into()));
    assert!(floor["cpu_ratio"].as_f64().unwrap() > 0.0 && report["server"]["rss_idle_kib"].as_u64().unwrap() > 0);
    assert!(errors.contains("deliveries"), "progress is shown on standard error: {errors}");
}

#[test]
fn a_merged_frame_delivers_all_its_plays() {
    let (code, report, errors) = broadcast(Manner::Merges, &[]);
    assert_eq!(code, 0, "{report:#}\n{errors}");
    let due = (CLIENTS * PLAYS) as u64;
    assert_eq!(
        (&report["deliveries"], &report["frames"], &report["frames_merged"]),
        (&due.into(), &(due - 1).into(), &1.into())
    );
}

#[test]
fn a_merged_frame_must_name_its_first_play_and_all_causes() {
    must_notice(Manner::MergesNameless, "feed_ts_first is missing, of 2 changes");
    must_notice(Manner::MergesLate, "seq 3 carries feed_ts_first");
    must_notice(Manner::MergesCauseless, "1 causes and 0 left out, of 2 changes");
    must_notice(Manner::OmitsCauses, "cause is null");
}

#[test]
fn clients_spread_over_processes_add_up() {
    let url = format!("ws://{}", fake_server::start(Manner::Good, PLAYS));
    // 84 descriptors: 64 spare ones and 20 clients a process.
    let program = env!("CARGO_BIN_EXE_scorewire-loadtest");
    let command = format!("ulimit -n 84 && exec {program} run broadcast --url {url} --clients 45 --events 8 --interval-ms 20 --json -");
    let output = Command::new("sh").args(["-c", &command]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (output.status.code(), &report["deliveries"]),
        (Some(0), &(45 * 8).into()),
        "{report:#}"
    );
}

#[test]
fn a_low_descriptor_limit_is_said_before_anything_starts() {
    let program = env!("CARGO_BIN_EXE_scorewire-loadtest");
    let output = Command::new("sh")
        .args(["-c", &format!("ulimit -n 100 && exec {program} floor --clients 500")])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(errors.contains("ulimit -n 564") && errors.contains("may open 100"), "{errors}");
}

#[test]
fn a_lost_frame_is_noticed_by_the_next_one() {
    must_notice(Manner::DropsOne, "holds seq 3 and was sent prev 4");
}

#[test]
fn a_lost_last_frame_is_noticed_by_its_absence() {
    must_notice(Manner::DropsLast, "which ended at 8");
    must_notice(Manner::DropsLast, "159 of 160 deliveries");
}

#[test]
fn one_changed_digit_for_one_client_is_noticed() {
    must_notice(Manner::Corrupts, "points and must have");
}

#[test]
fn a_wrong_total_for_everybody_is_noticed() {
    must_notice(Manner::WrongTotal, "points and must have");
}

#[test]
fn stats_that_nobody_is_told_are_noticed() {
    must_notice(Manner::OmitsStats, "must have rushing_attempts 1, which is left out");
    let (code, report, errors) = rosters::stalled(Manner::OmitsStats, "100", &[]);
    assert_eq!(code, 1, "{report:#}\n{errors}");
    assert!(report["faults"].to_string().contains("which is left out"), "{report:#}");
}

#[test]
fn a_closed_client_is_noticed() {
    must_notice(Manner::Closes, "closed by the server: code 4001");
}

#[test]
fn an_http_answer_that_differs_is_noticed() {
    must_notice(Manner::WrongHttp, "the HTTP answer and the clients differ");
}

#[test]
fn a_wrong_last_word_is_noticed() {
    must_notice(Manner::WrongSnapshot, "GET /v1/snapshot and the clients differ: game:");
}

#[test]
fn a_limit_that_does_not_hold_fails_the_run() {
    let (code, report, errors) = broadcast(Manner::Good, &["--p99-ms", "0.0001", "--p50-ms", "60000"]);
    assert_eq!((code, &report["fault_count"]), (1, &0.into()), "{report:#}\n{errors}");
    let held: Vec<bool> = report["limits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|limit| limit["held"].as_bool().unwrap())
        .collect();
    assert_eq!(held, [true, false], "{report:#}");
    let (code, _, errors) = broadcast(Manner::Good, &["--ratio", "1"]);
    assert!(code == 2 && errors.contains("need --server-pid"), "{code}: {errors}");
}

#[test]
fn a_server_that_asks_to_wait_is_waited_for() {
    let (code, report, errors) = broadcast(Manner::AsksToWait, &[]);
    assert_eq!((code, &report["ok"]), (0, &Value::Bool(true)), "{report:#}\n{errors}");
    assert_eq!(
        (report["extra"]["posts_answered_429"].as_f64(), &report["deliveries"]),
        (Some(1.0), &(CLIENTS * PLAYS).into()),
        "{report:#}"
    );
}

#[test]
fn a_server_that_fails_in_the_middle_gets_a_report() {
    let (code, report, errors) = broadcast(Manner::Fails, &["--floor"]);
    assert_eq!((code, &report["ok"]), (1, &Value::Bool(false)), "{report:#}\n{errors}");
    let (events, faults) = (report["events"].as_u64().unwrap(), &report["faults"]);
    assert!(
        faults.to_string().contains("posting ended with events") && faults.to_string().contains("status 500: broken"),
        "{report:#}"
    );
    // What was posted before is there, and nothing else is said to be missing.
    assert!(events < 4, "{report:#}");
    assert_eq!(
        (&report["fault_count"], &report["deliveries"], &report["latency"]["count"]),
        (&1.into(), &(CLIENTS as u64 * events).into(), &(CLIENTS as u64 * events).into()),
        "{report:#}"
    );
    assert_eq!(report["floors"].as_array().map(Vec::len), Some(0), "{report:#}");
}

#[test]
fn nobody_waits_for_clients_that_are_all_lost() {
    let (code, report, errors) = broadcast_draining(Manner::Dies, "300", &["--processes", "2"]);
    assert_eq!((code, &report["clients_broken"]), (1, &CLIENTS.into()), "{report:#}\n{errors}");
    let faults = report["faults"].to_string();
    assert!(
        faults.contains("posting ended with events") && faults.contains("the server's last word: "),
        "{report:#}"
    );
    assert!(
        report["duration_s"].as_f64() < Some(300.0),
        "stragglers were waited for: {report:#}"
    );
}

#[test]
fn a_server_without_a_last_word_gets_a_report() {
    must_notice(Manner::NoLastWord, "the server's last word: GET /v1/snapshot: no snapshots");
}

#[test]
fn a_floor_that_can_t_be_measured_is_a_fault_of_a_run_that_stands() {
    let (code, report, errors) = broadcast(Manner::SaysNothing, &["--floor"]);
    assert_eq!((code, &report["ok"]), (1, &Value::Bool(false)), "{report:#}\n{errors}");
    let faults = report["faults"].to_string();
    assert!(
        faults.contains("the floor by send: an event of 0 bytes") && faults.contains("0 of 160 deliveries"),
        "{report:#}"
    );
}

#[test]
fn a_floor_through_io_uring_is_measured_or_refused_before_anybody_connects() {
    let (code, report, errors) = broadcast(Manner::Good, &["--floor-uring"]);
    if code == 2 {
        assert!(
            errors.contains("the kernel refuses io_uring") && errors.lines().count() == 1,
            "{errors}"
        );
        return;
    }
    assert_eq!((code, &report["floors"][0]["via"]), (0, &"io_uring".into()), "{report:#}\n{errors}");
}

#[test]
fn a_probe_is_answered_and_its_answers_are_checked() {
    let (code, report, errors) = broadcast(Manner::Good, &["--probe", "--probe-p99-ms", "9000", "--floor"]);
    assert_eq!(
        (code, &report["limits"][0]["held"]),
        (0, &Value::Bool(true)),
        "{report:#}\n{errors}"
    );
    let extra = report["extra"].as_object().unwrap();
    let asked = |prefix: &str| -> f64 {
        let counts = extra
            .iter()
            .filter(|(name, _)| name.starts_with(prefix) && name.ends_with("_count"));
        counts.map(|(_, count)| count.as_f64().unwrap()).sum()
    };
    assert!(asked("probe_walk_") > 0.0 && asked("probe_floor_send_") > 0.0, "{report:#}");
    let (code, report, errors) = broadcast(Manner::PongsBadly, &["--probe"]);
    assert!(
        code == 1 && report["faults"].to_string().contains("the probe: no pong"),
        "{report:#}\n{errors}"
    );
    let (code, _, errors) = broadcast(Manner::Good, &["--probe-p99-ms", "5"]);
    assert!(code == 2 && errors.contains("--probe"), "{code}: {errors}");
}

#[test]
fn a_delta_before_the_snapshot_stops_the_run() {
    let (code, _, errors) = broadcast(Manner::SnapshotLate, &[]);
    assert!(code == 2 && errors.contains("a delta before the first event"), "{code}: {errors}");
}
