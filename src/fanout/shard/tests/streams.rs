//! Event streams: ids that can be resumed from.

use super::rig::{Rig, SECOND};
use crate::fanout::shard::{ConnKey, Kind};
use crate::model::Seq;
use serde_json::Value;

fn open(rig: &mut Rig, topics: &[&str], since: Option<&[Seq]>, room: usize) -> ConnKey {
    let key = rig.shard.connect(Kind::EventStream, rig.now());
    rig.wire.room.insert(key, room);
    let topics: Vec<String> = topics.iter().map(ToString::to_string).collect();
    let ruleset = rig.shard.parts.default_ruleset;
    rig.shard.subscribe_stream(key, &topics, ruleset, since.map(Ok)).unwrap();
    rig.pump();
    key
}

fn seqs_of(id: &str) -> Vec<Seq> {
    let (_, seqs) = id.split_once('.').unwrap();
    seqs.split('-').map(|seq| seq.parse().unwrap()).collect()
}

fn kinds(events: &[(String, Value)]) -> Vec<(&str, &str)> {
    let kind = |event: &Value| {
        (
            event["type"].as_str().unwrap().to_owned(),
            event["topic"].as_str().unwrap().to_owned(),
        )
    };
    let kinds = events.iter().map(|(_, data)| kind(data));
    kinds.map(|(kind, topic)| (&*kind.leak(), &*topic.leak())).collect()
}

/// An id said of every topic where its cursor stood, also of those whose first snapshot had not been
/// sent: a stream that broke after its first event resumed from there and never got the others'
/// snapshots.
#[test]
fn an_id_claims_nothing_that_was_not_sent() {
    let mut rig = Rig::new();
    rig.play();
    let key = open(&mut rig, &["player:R", "team:NE"], None, usize::MAX);
    let events = rig.read_events(key);
    assert_eq!(kinds(&events), [("snapshot", "player:R"), ("snapshot", "team:NE")]);
    let first = seqs_of(&events[0].0);
    rig.shard.gone(key, &mut rig.wire);
    let key = open(&mut rig, &["player:R", "team:NE"], Some(&first), usize::MAX);
    let events = rig.read_events(key);
    assert_eq!(kinds(&events), [("snapshot", "team:NE")]);
    assert_eq!(seqs_of(&events[0].0), [1, 1]);
}

#[test]
fn a_stream_resumes_from_each_of_its_topics() {
    let mut rig = Rig::new();
    let key = open(&mut rig, &["player:R", "game:G"], None, usize::MAX);
    rig.read_events(key);
    rig.play();
    rig.pump();
    let id = seqs_of(&rig.read_events(key)[0].0);
    assert!(id == [1, 0] || id == [0, 1], "{id:?}");
    rig.shard.gone(key, &mut rig.wire);
    rig.play();
    let key = open(&mut rig, &["player:R", "game:G"], Some(&id), usize::MAX);
    let events = rig.read_events(key);
    assert_eq!(events.len(), 3, "one topic is one behind, the other two");
    assert!(events.iter().all(|(_, data)| data["type"] == "delta"));
    assert_eq!(seqs_of(&events[2].0), [2, 2]);
}

/// A topic listed twice had one place in the ids and two in the list, so what was resumed from was
/// another topic's.
#[test]
fn a_topic_listed_twice_counts_once() {
    let mut rig = Rig::new();
    rig.play();
    let topics = ["player:R", "player:R", "slate", "team:NE"];
    let key = open(&mut rig, &topics, None, usize::MAX);
    let events = rig.read_events(key);
    assert_eq!(events.len(), 3);
    let id = seqs_of(&events[2].0);
    rig.shard.gone(key, &mut rig.wire);
    let key = open(&mut rig, &topics, Some(&id), usize::MAX);
    assert_eq!(rig.read_events(key), [], "everything is resumed, and nothing has moved");
}

/// A stream has no close frame; one that had nothing pending when it was closed was only dropped when
/// its time to hang up had passed.
#[test]
fn a_stream_is_finished_at_once_and_told_that_it_is_still_there() {
    let mut rig = Rig::new();
    let key = open(&mut rig, &["slate"], None, usize::MAX);
    rig.wire.sent.clear();
    rig.pass(26 * SECOND);
    assert_eq!(rig.wire.sent[&key], b": still here\n\n");
    rig.shard.close(key, crate::wire::close::CloseReason::Draining, rig.now_us);
    rig.pump();
    assert_eq!(rig.wire.finished, [key]);
}
