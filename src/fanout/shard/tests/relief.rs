//! What goes where memory is short, and what nobody notices of it.

use super::rig::{Rig, SECOND};
use crate::fanout::shard::ConnKey;
use crate::memory::{CLOSING_MAX, Level};
use crate::wire::close::CloseReason;
use serde_json::json;

#[test]
fn whoever_is_behind_what_is_kept_gets_a_snapshot() {
    let mut rig = Rig::new();
    rig.play();
    let client = rig.subscriber("player:R");
    rig.room(client, 0);
    for _ in 0..4 {
        rig.play();
        rig.pump();
    }
    let held = rig.shard.mirrored_bytes();
    rig.hub.pressure().set(Level::History);
    rig.pass(SECOND);
    assert!(rig.shard.mirrored_bytes() < held);
    assert_eq!(
        rig.hub.relieve().changes,
        5 + 5 + 5 - 3 * 2,
        "of a player, a game and a team two each are left"
    );
    assert_eq!(rig.hub.rings().fullest, 2);
    rig.room(client, usize::MAX);
    let frames = rig.read(client);
    assert_eq!(frames.last().unwrap()["type"], "snapshot", "{frames:?}");
    assert_eq!(
        (&frames.last().unwrap()["reason"], &frames.last().unwrap()["seq"]),
        (&json!("lagged"), &json!(5))
    );
    rig.play();
    rig.pump();
    let delta = &rig.read(client)[0];
    assert_eq!(
        (&delta["prev"], &delta["stats"]["rushing_yards"]),
        (&json!(5), &json!(6)),
        "{delta}"
    );
    rig.hub.pressure().set(Level::Calm);
    for _ in 0..20 {
        rig.play();
        rig.pump();
    }
    assert_eq!((rig.hub.rings().fullest, rig.read(client).len()), (8, 20), "rings grow back");
}

#[test]
fn frames_are_kept_only_for_those_who_may_still_get_them_one_by_one() {
    let mut rig = Rig::new();
    rig.play();
    let _client = rig.subscriber("player:R");
    for _ in 0..10 {
        rig.play();
        rig.pump();
    }
    let kept = |rig: &Rig| {
        let mirrors = rig.shard.mirrors.iter();
        mirrors
            .map(|(_, mirror)| mirror.ring.iter().filter(|mirrored| mirrored.frames.is_some()).count())
            .sum::<usize>()
    };
    assert_eq!(kept(&rig), rig.shard.parts.limits.coalesce_frames_max);
    rig.hub.pressure().set(Level::IdleRulesets);
    rig.pass(SECOND);
    assert_eq!(kept(&rig), 2, "somebody subscribes to that ruleset");
}

#[test]
fn rulesets_without_subscribers_keep_nothing() {
    let mut rig = Rig::new();
    rig.play();
    let client = rig.client();
    for ruleset in ["ppr", "standard"] {
        rig.say(
            client,
            &format!(r#"{{"op":"subscribe","topics":["player:R"],"ruleset":"{ruleset}"}}"#),
        );
    }
    rig.pump();
    rig.play();
    rig.pump();
    rig.say(client, r#"{"op":"unsubscribe","topics":["player:R"],"ruleset":"standard"}"#);
    rig.pump();
    // Its snapshot is kept for others.
    rig.subscriber("player:R");
    let held = rig.shard.mirrored_bytes();
    rig.hub.pressure().set(Level::History);
    rig.pass(SECOND);
    let shared_gone = rig.shard.mirrored_bytes();
    assert!(shared_gone < held);
    rig.hub.pressure().set(Level::IdleRulesets);
    rig.pass(SECOND);
    assert!(rig.shard.mirrored_bytes() < shared_gone);
    let (_, mirror) = rig.shard.mirrors.iter().next().unwrap();
    let last = mirror.ring.back().unwrap().frames.as_ref().unwrap();
    assert_eq!(last.len(), 1, "the other ruleset's");
}

#[test]
fn topics_that_nobody_watches_are_refused_and_others_taken() {
    let mut rig = Rig::new();
    rig.play();
    rig.subscriber("player:R");
    rig.hub.pressure().set(Level::Newcomers);
    let client = rig.client();
    rig.say(client, r#"{"op":"subscribe","id":1,"topics":["player:R","player:S"]}"#);
    rig.pump();
    let frames = rig.read(client);
    assert_eq!(frames[0]["topics"][0]["topic"], "player:R", "{frames:?}");
    let refused = &frames[0]["errors"][0];
    assert_eq!((&refused["topic"], &refused["code"]), (&json!("player:S"), &json!("overloaded")));
    assert_eq!((frames.len(), rig.shard.stats.shed_subscriptions), (2, 1));
    rig.hub.pressure().set(Level::IdleRulesets);
    rig.say(client, r#"{"op":"subscribe","id":2,"topics":["player:S"]}"#);
    rig.pump();
    assert_eq!(rig.read(client)[0]["errors"], json!([]));
}

#[test]
fn of_those_who_do_not_read_the_slowest_go_first_a_few_at_a_time() {
    let mut rig = Rig::new();
    rig.play();
    let reads = rig.subscriber("player:R");
    let slow: Vec<_> = (0..CLOSING_MAX + 3).map(|_| rig.subscriber("player:R")).collect();
    for key in &slow {
        rig.room(*key, 10);
    }
    rig.now_us += SECOND;
    rig.play();
    rig.pump();
    // It fell behind first.
    let first = rig.subscriber("player:R");
    assert_eq!(rig.shard.blocked(), slow.len());
    rig.hub.pressure().set(Level::Newcomers);
    rig.shard.close_slowest(rig.now_us);
    assert_eq!(rig.shard.blocked(), slow.len(), "not yet");
    rig.hub.pressure().set(Level::Slowest);
    rig.shard.close_slowest(rig.now_us);
    let closing = |rig: &Rig| rig.shard.conns.iter().filter(|(_, conn)| conn.is_closing()).count();
    assert_eq!(closing(&rig), CLOSING_MAX);
    rig.shard.close_slowest(rig.now_us);
    assert_eq!(closing(&rig), CLOSING_MAX, "the others only when these are gone");
    let is_closing = |key: &&ConnKey| rig.shard.conns[key.index as usize].is_closing();
    let told = *slow.iter().find(is_closing).unwrap();
    rig.room(told, usize::MAX);
    let frames = rig.read(told);
    let [goodbye, close] = &frames[frames.len() - 2..] else {
        panic!("{frames:?}")
    };
    assert_eq!(
        (&goodbye["type"], &goodbye["code"], close),
        (&json!("goodbye"), &json!("overloaded"), &json!(8))
    );
    let after_ms = goodbye["reconnect_after_ms"].as_u64().unwrap();
    assert!((10_000..20_000).contains(&after_ms), "{goodbye}");
    for _ in 0..2 {
        rig.pass(6 * SECOND);
        rig.shard.close_slowest(rig.now_us);
    }
    rig.pass(6 * SECOND);
    assert!(rig.wire.closed.iter().all(|(_, reason)| *reason == CloseReason::Overloaded));
    assert_eq!((rig.shard.connections(), rig.shard.blocked()), (2, 0));
    rig.play();
    rig.pump();
    assert!(!rig.read(reads).is_empty() && !rig.read(first).is_empty());
}
