//! Used wrongly, or stopped in the middle: what is said of it, when, and what is left behind.

use super::fake_server::{self, Manner};
use super::{rosters, run, wire};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A port at which nobody listens: whatever is said of other things was said before anybody was asked. It stays bound,
/// or one of the servers beside this test could be given it.
fn nowhere() -> String {
    static BOUND: LazyLock<Socket> = LazyLock::new(|| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        socket
    });
    format!("ws://{}", BOUND.local_addr().unwrap().as_socket().unwrap())
}

/// What is said of a broadcast that is not made.
fn refused(more: &[&str]) -> String {
    let url = nowhere();
    let (code, report, errors) = run(&[&["run", "broadcast", "--url", &url], more].concat());
    assert_eq!((code, &report), (2, &Value::Null), "{more:?}: {errors}");
    errors
}

#[test]
fn numbers_that_can_t_be_are_refused_by_name() {
    let wrong: [(&[&str], &str); 7] = [
        (&["--p99-ms", "-1"], "--p99-ms <MS>': must be a number, at least 0"),
        (&["--connect-timeout-s", "nan"], "must be a number, over 0"),
        (&["--processes", "0"], "--processes <N>': must be a whole number, at least 1"),
        (&["--clients", "0"], "must be a whole number, at least 1"),
        (
            &["--clients", "20", "--sample", "21"],
            "--sample 21 is more than there are clients (--clients 20)",
        ),
        (
            &["--clients", "20", "--processes", "21"],
            "--processes 21 is more than there are clients",
        ),
        (&["--processes", "257"], "--processes 257: at most 256 processes are started"),
    ];
    for (more, reason) in wrong {
        let errors = refused(more);
        assert!(errors.contains(reason), "{more:?}: {errors}");
    }
    let (code, _, errors) = run(&["floor", "--readers", "257"]);
    assert!(code == 2 && errors.contains("--readers 257: at most 256"), "{code}: {errors}");
}

#[test]
fn a_token_that_is_none_is_told_and_not_shown() {
    let file = std::env::temp_dir().join(format!("scorewire-loadtest-token-{}", std::process::id()));
    std::fs::write(&file, "s3cret\nHost: x").unwrap();
    let path = file.to_str().unwrap();
    for option in ["--token-file", "--key-file"] {
        let errors = refused(&[option, path]);
        assert!(
            errors.contains(option) && errors.contains("one word") && !errors.contains("s3cret"),
            "{errors}"
        );
        let errors = refused(&[option, "/nope/token"]);
        assert!(errors.contains(&format!("{option} /nope/token can't be read")), "{errors}");
    }
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn files_that_can_t_be_written_or_read_are_told_before_the_run() {
    for option in ["--html", "--compare"] {
        let errors = refused(&[option, "/nowhere/file"]);
        assert!(
            errors.contains("/nowhere/file can't be ") && errors.lines().count() == 1,
            "{errors}"
        );
    }
    // `run` adds `--json -` of its own.
    let program = env!("CARGO_BIN_EXE_scorewire-loadtest");
    let output = Command::new(program)
        .args(["run", "ingest", "--url", &nowhere(), "--json", "/nowhere/file"])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(2) && errors.contains("/nowhere/file can't be written"),
        "{errors}"
    );
    let kept = format!("{}/kept.html", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&kept, "page").unwrap();
    refused(&["--html", &kept]);
    assert_eq!(
        std::fs::read_to_string(&kept).unwrap(),
        "page",
        "a run that was not made leaves it alone"
    );
}

#[test]
fn events_that_are_none_are_told_with_file_and_line() {
    let file = format!("{}/events.ndjson", env!("CARGO_TARGET_TMPDIR"));
    let slate = |text: Option<&str>| {
        text.map_or_else(|| drop(std::fs::remove_file(&file)), |text| std::fs::write(&file, text).unwrap());
        let (code, _, errors) = run(&["run", "slate", "--url", &nowhere(), "--events", &file]);
        assert_eq!((code, errors.lines().count()), (2, 1), "{errors}");
        assert!(errors.contains(&format!("--events {file}: ")), "{errors}");
        errors
    };
    assert!(slate(None).contains("can't be read: No such file"));
    assert!(slate(Some("")).contains("there is no event in it"));
    assert!(slate(Some("game,play\n1,2\n")).contains("line 1: no JSON"));
    assert!(slate(Some("{}\n")).contains("line 1: no event"));
}

#[test]
fn an_absent_server_is_one_clear_line() {
    let errors = refused(&[]);
    assert!(errors.contains("does not answer") && errors.lines().count() == 1, "{errors}");
}

#[test]
fn a_server_of_another_kind_is_told_in_one_line() {
    let addr = wire::listen(|mut stream| {
        let mut input = BufReader::new(stream.try_clone().unwrap());
        while wire::request(&mut input).is_some() {
            wire::answer(&mut stream, 404, "", "nothing here");
        }
    });
    for scenario in ["broadcast", "ingest"] {
        let (code, _, errors) = run(&["run", scenario, "--url", &format!("ws://{addr}")]);
        assert_eq!((code, errors.lines().count()), (2, 1), "{errors}");
        let told = format!("no Scorewire server at {addr}: start one (`scorewire serve`), or say with --url where it is");
        assert!(errors.contains(&told) && errors.contains("status 404"), "{errors}");
    }
}

#[test]
fn a_ruleset_that_the_server_does_not_have_is_told_beside_those_it_has() {
    let (code, _, errors) = rosters::rosters("slate", Manner::Good, &["--ruleset", "nope"]);
    let told = "the server has no ruleset nope; it has draftkings, ppr, mine";
    assert!(code == 2 && errors.contains(told) && errors.lines().count() == 1, "{errors}");
}

/// A command that has said a line of progress by now which `is_there`; what else it says on standard error. `mark` is in
/// its environment, and its children's.
fn begin(mark: &str, args: &[&str], is_there: impl Fn(&str) -> bool) -> (Child, BufReader<ChildStderr>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_scorewire-loadtest"))
        .args(args)
        .args(["--json", "-"])
        .env("SCOREWIRE_LOADTEST_MARK", mark)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let shown = errors.by_ref().lines().map_while(Result::ok).find(|line| is_there(line));
    assert!(shown.is_some(), "what was waited for was not shown");
    (child, errors)
}

fn delivers(line: &str) -> bool {
    line.contains(" deliveries,") && !line.contains(" 0 deliveries,")
}

/// A run that would take a minute, and has delivered something by now.
fn in_the_middle(mark: &str, args: &[&str]) -> (Child, BufReader<ChildStderr>) {
    let url = format!("ws://{}", fake_server::start(Manner::Good, 0));
    begin(
        mark,
        &[&["run", args[0], "--url", &url, "--processes", "2"], &args[1..]].concat(),
        delivers,
    )
}

const BROADCAST: [&str; 7] = ["broadcast", "--clients", "6", "--events", "3000", "--interval-ms", "20"];

/// What marks a run in no other test.
fn mark() -> String {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    format!("marked-{}-{}", std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed))
}

/// The report of a run that was interrupted in the middle, and nobody is left of it.
fn interrupted(args: &[&str]) -> Value {
    let mark = mark();
    let (child, _errors) = in_the_middle(&mark, args);
    assert!(lives(&mark));
    let report = interrupt(child);
    let (events, fault) = (&report["events"], report["faults"][0].as_str().unwrap());
    assert!(fault.starts_with(&format!("interrupted after {events} of ")), "{report:#}");
    assert!(!lives(&mark), "a client process outlived its parent");
    report
}

/// The report of a run that is interrupted now: nothing but that is held against it.
fn interrupt(mut child: Child) -> Value {
    signal(&child, Signal::INT);
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (child.wait().unwrap().code(), &report["fault_count"]),
        (Some(1), &json!(1)),
        "{report:#}"
    );
    assert_eq!(report["floors"], json!([]), "{report:#}");
    report
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Whether a process with `mark` in its environment lives.
fn lives(mark: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let mut environments = processes.filter_map(|process| std::fs::read(process.path().join("environ")).ok());
    let marked = |environment: Vec<u8>| environment.split(|&byte| byte == 0).any(|entry| entry.ends_with(mark.as_bytes()));
    environments.any(marked)
}

#[test]
fn a_run_that_is_interrupted_reports_what_there_is_and_leaves_nobody_behind() {
    let report = interrupted(&BROADCAST);
    // Whatever was posted arrived, and was right.
    let events = report["events"].as_u64().unwrap();
    assert!(events > 0 && events < 3_000, "{report:#}");
    assert_eq!(report["deliveries"], json!(6 * events), "{report:#}");
}

#[test]
fn cuts_and_turns_that_an_interrupted_run_did_not_get_to_are_no_faults() {
    let file = format!("{}/storm.ndjson", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&file, rosters::sunday()).unwrap();
    // A play every two and a half seconds, the first cut after five minutes.
    let pace = ["--events", &file, "--speed", "0.004", "--seconds", "600", "--cuts", "1"];
    let report = interrupted(&[&["storm", "--clients", "6", "--roster", "4"], &pace[..]].concat());
    assert_eq!(report["extra"]["cuts"], json!(0.0), "{report:#}");
    interrupted(&["stalled", "--clients", "20", "--turns", "2", "--phase-s", "60"]);
}

#[test]
fn a_run_that_is_interrupted_after_its_last_event_is_cut_short_too() {
    // A play at the beginning; half a minute later some clients stall, for another.
    let turn = ["--turns", "1", "--phase-s", "30", "--fill-s", "0", "--catch-up-s", "0"];
    let report = interrupted(&[&["stalled", "--clients", "20", "--floor", "--interval-ms", "40000"], &turn[..]].concat());
    assert_eq!((&report["events"], &report["deliveries"]), (&json!(1), &json!(20)), "{report:#}");
}

#[test]
fn nobody_waits_for_stragglers_of_an_interrupted_run_and_they_are_no_faults() {
    let url = format!("ws://{}", fake_server::start(Manner::DropsLast, 8));
    let few = [
        "run",
        "broadcast",
        "--url",
        &url,
        "--clients",
        "6",
        "--events",
        "8",
        "--interval-ms",
        "20",
    ];
    let slow = ["--drain-timeout-s", "60", "--floor"];
    // Six clients have eight plays each, but for one.
    let (child, _errors) = begin(&mark(), &[&few[..], &slow].concat(), |line| line.contains(" 47 deliveries,"));
    let report = interrupt(child);
    assert_eq!(
        (&report["faults"][0], &report["extra"]["clients_complete"], &report["events"]),
        (&json!("interrupted before every client had everything"), &json!(5.0), &json!(8)),
        "{report:#}"
    );
}

#[test]
fn a_run_that_is_asked_to_wait_can_be_interrupted() {
    let (say, asked) = std::sync::mpsc::sync_channel(1);
    let addr = wire::listen(move |mut stream| {
        let mut input = BufReader::new(stream.try_clone().unwrap());
        while let Some((head, _)) = wire::request(&mut input) {
            if head.starts_with("GET ") {
                wire::answer(&mut stream, 200, "", wire::RULESETS);
                continue;
            }
            wire::answer(&mut stream, 429, "Retry-After: 20\r\n", "");
            // Once is enough.
            let _: Result<(), _> = say.try_send(());
        }
    });
    let child = Command::new(env!("CARGO_BIN_EXE_scorewire-loadtest"))
        .args(["run", "broadcast", "--url", &format!("ws://{addr}"), "--clients", "2"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    asked.recv().unwrap();
    signal(&child, Signal::INT);
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), errors.lines().count()), (Some(2), 1), "{errors}");
    assert!(errors.ends_with("POST /v1/events: interrupted\n"), "{errors}");
}

#[test]
fn a_floor_that_is_interrupted_has_no_report() {
    let floor = [
        "floor",
        "--via",
        "send",
        "--clients",
        "6",
        "--events",
        "3000",
        "--interval-ms",
        "20",
    ];
    let (mut child, mut errors) = begin(&mark(), &floor, delivers);
    signal(&child, Signal::INT);
    let (mut text, mut told) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    errors.read_to_string(&mut told).unwrap();
    assert_eq!((child.wait().unwrap().code(), text.as_str()), (Some(2), ""), "{told}");
    assert!(told.ends_with("scorewire-loadtest: interrupted\n"), "{told}");
}

#[test]
fn the_clients_of_a_run_that_is_killed_end_with_it() {
    let mark = mark();
    let (mut child, _errors) = in_the_middle(&mark, &BROADCAST);
    signal(&child, Signal::KILL);
    assert_eq!(child.wait().unwrap().code(), None);
    let mut looks = 0;
    while lives(&mark) {
        looks += 1;
        assert!(looks < 1_000, "a client process outlives its parent");
        std::thread::sleep(Duration::from_millis(20));
    }
}
