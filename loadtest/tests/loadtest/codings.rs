//! The binary coding and compression: every scenario in each, and what goes wrong in them.

use super::fake_server::Manner;
use super::rosters::{self, rosters};
use super::{CLIENTS, PLAYS, broadcast};
use serde_json::json;

/// How a run is told, and how its report tells it.
const CODINGS: [(&str, &[&str]); 3] = [
    ("bin", &["--coding", "bin"]),
    ("json+deflate", &["--deflate"]),
    ("bin+deflate", &["--coding", "bin", "--deflate"]),
];

/// Each in a thread of its own: runs are mostly waiting.
fn in_each(check: impl Fn(&str, &[&str]) + Sync) {
    std::thread::scope(|scope| {
        for (name, options) in CODINGS {
            let check = &check;
            scope.spawn(move || check(name, options));
        }
    });
}

fn with<'a>(options: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [options, more].concat()
}

#[test]
fn a_broadcast_is_verified_in_every_coding() {
    let due = (CLIENTS * PLAYS) as u64;
    let (_, plain, _) = broadcast(Manner::Good, &[]);
    assert_eq!((&plain["coding"], &plain["frames_deflated"]), (&json!("json"), &json!(0)));
    in_each(|name, options| {
        let more = with(options, &["--floor", "--probe"]);
        let (code, report, errors) = broadcast(Manner::Good, &more);
        assert_eq!((code, &report["ok"]), (0, &json!(true)), "{name}: {report:#}\n{errors}");
        assert_eq!(
            (&report["coding"], &report["deliveries"]),
            (&json!(name), &json!(due)),
            "{report:#}"
        );
        // A message is parsed once and compared for all others, as it came.
        let compared = json!(((CLIENTS - 1) * (1 + PLAYS)) as f64);
        assert_eq!(report["extra"]["messages_compared"], compared, "{report:#}");
        assert!(report["frame_bytes"].as_u64() < plain["frame_bytes"].as_u64(), "{report:#}");
        let deflated = report["frames_deflated"].as_u64().unwrap();
        // Binary frames as small as these are left plain.
        assert_eq!(deflated, if name == "json+deflate" { due } else { 0 }, "{name}: {report:#}");
        let mut extra = report["extra"].as_object().unwrap().keys();
        let answers = |name: &String| name.starts_with("probe_") && name.ends_with("_count");
        assert!(extra.any(answers), "{report:#}");
    });
}

#[test]
fn merged_frames_and_wrong_ones_are_told_apart_in_every_coding() {
    let faults = [
        (Manner::Corrupts, "points and must have"),
        (Manner::DropsOne, "holds seq 3 and was sent prev 4"),
        (Manner::MergesNameless, "feed_ts_first is missing, of 2 changes"),
    ];
    in_each(|name, options| {
        let (code, report, errors) = broadcast(Manner::Merges, options);
        assert_eq!((code, &report["frames_merged"]), (0, &json!(1)), "{name}: {report:#}\n{errors}");
        for (manner, reason) in faults {
            let (code, report, errors) = broadcast(manner, options);
            assert_eq!(code, 1, "{name}, {manner:?}: {report:#}\n{errors}");
            assert!(report["faults"].to_string().contains(reason), "{name}, {manner:?}: {report:#}");
        }
    });
}

#[test]
fn one_changed_byte_is_noticed_in_every_coding() {
    let told = [
        (&[][..], "a message that is no JSON"),
        (CODINGS[0].1, "a message that is not what the schema says"),
        (CODINGS[1].1, "a message that can't be inflated"),
    ];
    for (options, reason) in told {
        let (code, report, errors) = broadcast(Manner::Garbles, options);
        let faults = report["faults"].to_string();
        assert!(code == 1 && faults.contains(reason), "{options:?}: {report:#}\n{errors}");
    }
}

#[test]
fn a_server_that_does_not_grant_it_is_told_so() {
    let refused = [
        (CODINGS[0].1, "the server does not speak scorewire.v1.bin"),
        (CODINGS[1].1, "granted no permessage-deflate"),
    ];
    for (options, reason) in refused {
        let (code, _, errors) = broadcast(Manner::GrantsNothing, options);
        assert!(code == 2 && errors.contains(reason), "{code}: {errors}");
    }
    let (code, _, errors) = broadcast(Manner::ForgetsItsWord, CODINGS[0].1);
    assert!(code == 2 && errors.contains("where the other was agreed on"), "{code}: {errors}");
}

#[test]
fn rosters_are_verified_in_every_coding_and_the_floor_repeats_the_bytes() {
    in_each(|name, options| {
        let more = with(options, &["--floor", "--speed", "1", "--seconds", "5"]);
        let (code, report, errors) = rosters("slate", Manner::Good, &more);
        assert_eq!((code, &report["coding"]), (0, &json!(name)), "{report:#}\n{errors}");
        assert_eq!(report["deliveries"], 12 * (2 * rosters::PLAYS + 2), "{report:#}");
        assert_eq!(report["floors"][0]["deliveries"], 12 * rosters::PLAYS, "{report:#}");
        let wrong = with(options, &["--speed", "1", "--seconds", "5"]);
        rosters::must_notice("slate", Manner::WrongTotal, &wrong, "which does not make");
    });
}

#[test]
fn everybody_resumes_in_every_coding() {
    in_each(|name, options| {
        let storm = with(options, &["--speed", "0.1", "--seconds", "1", "--cuts", "2"]);
        let (code, report, errors) = rosters("storm", Manner::Good, &storm);
        assert_eq!(
            (code, &report["extra"]["topics_resumed"]),
            (0, &json!(2.0 * 12.0 * 4.0)),
            "{name}: {report:#}\n{errors}"
        );
        rosters::must_notice("storm", Manner::ResumesBadly, &storm, "a state that nobody here was shown");
    });
}

#[test]
fn clients_stall_in_every_coding() {
    in_each(|name, options| {
        let (code, report, errors) = rosters::stalled(Manner::Good, "100", options);
        // All is well but for what this fake server can't do.
        assert_eq!(
            (code, &report["coding"], &report["fault_count"]),
            (1, &json!(name), &json!(1)),
            "{report:#}\n{errors}"
        );
        assert!(report["faults"][0].as_str().unwrap().contains("refused bytes"), "{report:#}");
    });
}
