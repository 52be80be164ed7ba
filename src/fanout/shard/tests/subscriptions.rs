//! Subscribing, resuming, leaving.

use super::rig::{Rig, SECOND, seqs};
use serde_json::{Value, json};

fn resume(rig: &mut Rig, epoch: &str, since: u64) -> Vec<Value> {
    let key = rig.client();
    let message = json!({"op": "subscribe", "topics": ["player:R"], "epoch": epoch, "since": {"player:R": since}});
    rig.say(key, &message.to_string());
    rig.pump();
    rig.read(key)
}

#[test]
fn resuming_reaches_as_far_as_the_ring_and_no_further() {
    let mut rig = Rig::new();
    rig.subscriber("player:R");
    for _ in 0..20 {
        rig.play();
    }
    rig.pump();
    let how = |frames: &[Value]| {
        let topic = &frames[0]["topics"][0];
        (topic["how"].clone(), topic["reason"].clone(), topic["seq"].clone())
    };
    // The ring holds 13 to 20.
    for (epoch, since, expected_how, reason, expected) in [
        ("e1", 20, "resumed", json!(null), vec![]),
        ("e1", 19, "resumed", json!(null), vec![(Some(19), 20)]),
        ("e1", 18, "resumed", json!(null), vec![(Some(18), 19), (Some(19), 20)]),
        ("e1", 12, "resumed", json!(null), vec![(Some(12), 20)]),
        ("e1", 11, "snapshot", json!("too_old"), vec![(None, 20)]),
        ("e1", 0, "snapshot", json!("too_old"), vec![(None, 20)]),
        ("e1", 21, "snapshot", json!("ahead"), vec![(None, 20)]),
        ("e1", u64::MAX, "snapshot", json!("ahead"), vec![(None, 20)]),
        ("e0", 20, "snapshot", json!("epoch"), vec![(None, 20)]),
    ] {
        let frames = resume(&mut rig, epoch, since);
        assert_eq!(how(&frames), (json!(expected_how), reason, json!(20)), "{epoch} {since}");
        assert_eq!(seqs(&frames), expected, "{epoch} {since}");
    }
}

/// Frames that a client missed are there already, for as long as anybody else had them. They counted as
/// if that client had waited for them all the time since.
#[test]
fn what_is_made_before_a_client_comes_back_is_not_late() {
    let mut rig = Rig::new();
    let stays = rig.subscriber("player:R");
    for _ in 0..2 {
        rig.play();
        rig.pump();
    }
    let delays = |rig: &Rig| {
        let delays = &rig.shard.stats.encode_to_written;
        (delays.counts().iter().sum::<u32>(), delays.total_us())
    };
    assert_eq!(delays(&rig), (2, 0));
    rig.pass(20 * SECOND);
    let back = rig.client();
    // Room for the answer and the first frame: the second is late, yet not by what it was before.
    rig.room(back, 300);
    rig.say(
        back,
        r#"{"op":"subscribe","topics":["player:R"],"epoch":"e1","since":{"player:R":0}}"#,
    );
    rig.pump();
    assert_eq!(rig.account(back).1, 1, "one is written and one is not");
    rig.pass(SECOND);
    rig.room(back, usize::MAX);
    assert_eq!(seqs(&rig.read(back)), [(Some(0), 1), (Some(1), 2)]);
    assert_eq!(delays(&rig), (2, 0));
    rig.play();
    rig.pump();
    assert_eq!((seqs(&rig.read(back)), seqs(&rig.read(stays)).len()), (vec![(Some(2), 3)], 3));
    assert_eq!(delays(&rig), (4, 0), "from here on like everyone's");
}

#[test]
fn a_topic_of_which_nothing_is_known_can_be_watched_from_nothing() {
    let mut rig = Rig::new();
    let frames = resume(&mut rig, "e1", 0);
    assert_eq!((frames.len(), &frames[0]["topics"][0]["how"]), (1, &json!("resumed")));
    let key = rig.subscriber("game:G");
    rig.play();
    rig.pump();
    let frames = rig.read(key);
    // Whoever held nothing is told everything: the status has not moved, and stands there all the same.
    assert_eq!((seqs(&frames), &frames[0]["status"]), (vec![(Some(0), 1)], &json!("live")));
}

#[test]
fn a_client_holds_so_many_subscriptions_and_remaking_one_needs_no_room() {
    let mut rig = Rig::new();
    let key = rig.client();
    rig.say(key, r#"{"op":"subscribe","topics":["player:A","player:B","player:C","player:D"]}"#);
    rig.say(key, r#"{"op":"subscribe","topics":["player:D","player:E","team:X Y"]}"#);
    rig.pump();
    let frames = rig.read(key);
    assert_eq!(frames[1]["topics"].as_array().unwrap().len(), 1);
    let codes: Vec<&Value> = frames[1]["errors"].as_array().unwrap().iter().map(|error| &error["code"]).collect();
    assert_eq!(codes, ["too_many_subscriptions", "unknown_topic"]);
    assert_eq!(rig.shard.subscriptions(), 4);
}

#[test]
fn leaving_abandons_what_waits_and_frees_the_topic() {
    let mut rig = Rig::new();
    let key = rig.subscriber("player:R");
    let other = rig.subscriber("game:G");
    rig.room(key, 0);
    for _ in 0..3 {
        rig.play();
        rig.pump();
    }
    let (account, pending) = rig.account(key);
    assert_eq!((account.offered, pending), (3, 3));
    rig.say(key, r#"{"op":"unsubscribe","id":1,"topics":["player:R","slate"]}"#);
    rig.room(key, usize::MAX);
    let (account, pending) = rig.account(key);
    assert_eq!((account.offered, account.abandoned, pending), (3, 3, 0));
    let frames = rig.read(key);
    assert_eq!((frames.len(), &frames[0]["type"]), (1, &json!("unsubscribed")));
    assert_eq!(frames[0]["errors"][0]["code"], "not_subscribed");
    assert_eq!((rig.shard.mirrors.len(), rig.shard.subscriptions()), (1, 1));
    rig.play();
    rig.pump();
    assert!(rig.read(key).is_empty());
    assert_eq!(rig.read(other).len(), 4);
}

/// Subscribers are kept in a list with holes closed from its end; whoever moves must know its new place.
#[test]
fn subscribers_come_and_go_in_any_order() {
    let mut rig = Rig::new();
    let keys: Vec<_> = (0..5).map(|_| rig.subscriber("player:R")).collect();
    for leaver in [0, 4, 1] {
        rig.shard.gone(keys[leaver], &mut rig.wire);
        rig.play();
        rig.pump();
    }
    assert_eq!(rig.shard.subscriptions(), 2);
    for stays in [2, 3] {
        assert_eq!(seqs(&rig.read(keys[stays])).len(), 3);
        rig.shard.gone(keys[stays], &mut rig.wire);
    }
    assert_eq!(
        (rig.shard.subscriptions(), rig.shard.mirrors.len(), rig.shard.connections()),
        (0, 0, 0)
    );
    let stats = &rig.shard.stats;
    assert_eq!(stats.offered, stats.written + stats.abandoned);
}

/// What nobody watches and nothing happened to is forgotten; a topic's next watcher gets a new one.
#[test]
fn made_up_topics_leave_nothing_behind() {
    let mut rig = Rig::new();
    let topics = rig.hub.rings().topics;
    let key = rig.subscriber("player:nobody");
    assert_eq!(rig.hub.rings().topics, topics + 1);
    rig.shard.gone(key, &mut rig.wire);
    assert_eq!(rig.hub.rings().topics, topics);
}

/// Timeouts that a feed took back stayed with who had seen them: their delta left them out, as it leaves out what
/// did not change, while a newcomer's snapshot had none. Found by fuzzing.
#[test]
fn timeouts_that_are_not_known_any_more_are_told_to_be_gone() {
    let mut rig = Rig::new();
    let key = rig.subscriber("game:G");
    for (rev, said, told) in [
        (1, "", None),
        (2, r#","timeouts":{"AAA":2}"#, Some(json!({"AAA": 2}))),
        (3, "", Some(Value::Null)),
        (4, "", None),
    ] {
        rig.feed(&format!(r#"{{"type":"situation","game":"G","rev":{rev},"down":{rev}{said}}}"#));
        rig.pump();
        assert_eq!(rig.read(key)[0].get("timeouts"), told.as_ref(), "revision {rev}");
    }
}
