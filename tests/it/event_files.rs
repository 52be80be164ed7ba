//! Files of event lines: what `replay` and `simulate` write instead of posting it.

use super::hostile::binary::{Folder, outcome, scorewire};
use super::support::events::{lines, recorded};
use super::support::recorded::data;
use scorewire::feed::simulator::{Options, Simulator};
use scorewire::model::Event;
use serde_json::Value;

/// What the command writes to a file and, told to, to standard output: both are the same.
fn written(name: &str, arguments: &[&str]) -> Vec<u8> {
    let folder = Folder::new(name);
    let file = folder.path().join("events.ndjson");
    let write = |out: &str| {
        let (code, written, errors) = outcome(scorewire(&[arguments, &["--out", out]].concat()));
        assert_eq!(code, Some(0), "{arguments:?}: {errors}");
        written
    };
    assert_eq!(write(file.to_str().unwrap()), "", "nothing but the file");
    let in_file = std::fs::read(&file).unwrap();
    assert!(
        in_file == write("-").into_bytes(),
        "{arguments:?}: standard output and the file differ"
    );
    in_file
}

#[test]
fn a_recorded_week_is_written_with_its_own_times() {
    let Some(week) = data("dev/2017w03") else { return };
    let bytes = written("replay-out", &["replay", "--gamecenter", week.to_str().unwrap()]);
    assert!(bytes == lines(&recorded(&week)), "the lines are the recorded events");
    let events = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let times: Vec<i64> = events
        .filter_map(|line| serde_json::from_slice::<Value>(line).unwrap()["ts"].as_i64())
        .collect();
    assert!(times.is_sorted(), "in the order in which they were seen");
    // From Thursday's kickoff, 8:25 pm in New York, until Monday night.
    let (first, last) = (times[0] / 1_000_000, times[times.len() - 1] / 1_000_000);
    assert_eq!(first, 1_506_039_900);
    let hours = (last - first) / 3_600;
    assert!((96..104).contains(&hours), "{hours} hours");
}

#[test]
fn a_simulated_slate_is_written_whole() {
    let arguments = ["simulate", "--games", "1", "--seed", "7", "--no-trouble"];
    let options = Options {
        seed: 7,
        games: 1,
        ..Options::default()
    };
    let events: Vec<Event> = Simulator::new(&options).flat_map(|step| step.events).collect();
    assert!(
        written("simulate-out", &arguments) == lines(&events),
        "the lines are the simulated events"
    );
}
