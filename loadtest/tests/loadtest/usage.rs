//! Used wrongly: what is said of it, and when.

use super::fake_server::Manner;
use super::{rosters, run, wire};
use serde_json::Value;
use std::io::BufReader;
use std::process::Command;

/// A port at which nobody listens: whatever is said of other things was said before anybody was asked.
fn nowhere() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("ws://{}", listener.local_addr().unwrap())
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
    let wrong: [(&[&str], &str); 6] = [
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
    ];
    for (more, reason) in wrong {
        let errors = refused(more);
        assert!(errors.contains(reason), "{more:?}: {errors}");
    }
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
