//! A client's own rate limit.

use super::rig::{Rig, SECOND, seqs};
use crate::fanout::shard::ConnKey;

fn limited(rig: &mut Rig) -> ConnKey {
    let key = rig.client();
    rig.say(key, r#"{"op":"subscribe","topics":["player:R"],"max_rate_hz":0.5}"#);
    rig.pump();
    assert_eq!(seqs(&rig.read(key)).len(), 1, "the snapshot");
    key
}

fn play(rig: &mut Rig, key: ConnKey) -> Vec<(Option<u64>, u64)> {
    rig.play();
    rig.pump();
    seqs(&rig.read(key))
}

/// The snapshot that a subscription begins with used to count as a change, so that the first change
/// after it waited for the client's own limit.
#[test]
fn the_first_change_goes_at_once_later_ones_merged_and_apart_the_last_always() {
    let mut rig = Rig::new();
    let key = limited(&mut rig);
    assert_eq!(play(&mut rig, key), [(Some(0), 1)]);
    for _ in 0..3 {
        assert_eq!(play(&mut rig, key), []);
        rig.pass(SECOND / 2);
    }
    assert_eq!(rig.read(key), [] as [serde_json::Value; 0]);
    rig.pass(SECOND / 2);
    assert_eq!(seqs(&rig.read(key)), [(Some(1), 4)], "two seconds after the first");
    rig.pass(60 * SECOND / 10);
    assert_eq!(play(&mut rig, key), [(Some(4), 5)], "after a quiet time, at once");
    let (account, pending) = rig.account(key);
    assert_eq!((account.offered, account.written, account.merged, pending), (5, 3, 2, 0));
}

#[test]
fn a_scoring_play_does_not_wait_and_takes_along_what_did() {
    let mut rig = Rig::new();
    let key = limited(&mut rig);
    play(&mut rig, key);
    assert_eq!(play(&mut rig, key), []);
    rig.touchdown();
    rig.pump();
    let frames = rig.read(key);
    assert_eq!(seqs(&frames), [(Some(1), 3)]);
    assert_eq!(frames[0]["causes"][0]["play"], "3", "the urgent one is named first");
    // It counts as a frame: the next change waits from here.
    rig.pass(SECOND);
    assert_eq!(play(&mut rig, key), []);
    rig.pass(SECOND);
    assert_eq!(seqs(&rig.read(key)), [(Some(3), 4)]);
}

/// A cursor that the ring had passed was given its snapshot at once: with a short ring and a busy
/// topic, a client that asked for a frame every two seconds got one for every nine changes.
#[test]
fn a_ring_that_is_too_short_does_not_break_the_limit() {
    let mut rig = Rig::new();
    let key = limited(&mut rig);
    play(&mut rig, key);
    for _ in 0..30 {
        assert_eq!(play(&mut rig, key), []);
    }
    rig.pass(2 * SECOND);
    let frames = rig.read(key);
    assert_eq!((seqs(&frames), &frames[0]["reason"]), (vec![(None, 31)], &"lagged".into()));
}

/// Timers name a subscription by its place, and places are used again: the timer of a subscription that
/// had been dropped went off for its successor, and each one stayed until it was due (up to 100 s), so
/// that subscribing over and over piled them up.
#[test]
fn a_dropped_subscription_leaves_no_timer_behind() {
    let mut rig = Rig::new();
    let key = rig.client();
    for _ in 0..3_000 {
        rig.say(key, r#"{"op":"subscribe","topics":["player:R"],"max_rate_hz":0.01}"#);
        rig.pump();
        for _ in 0..2 {
            let before = rig.shard.timers.len();
            rig.play();
            rig.pump();
            assert!(rig.shard.timers.len() <= before + 1);
        }
        rig.read(key);
    }
    assert!(
        rig.shard.timers.len() <= 1_025,
        "{} timers for one subscription",
        rig.shard.timers.len()
    );
    rig.pass(101 * SECOND / 2);
    assert!(rig.shard.timers.iter().any(|timer| timer.0.0 > rig.now_us), "the live one is kept");
}

/// The same topic under two rulesets: one timer must not be taken for the other.
#[test]
fn subscriptions_of_one_client_wait_apart() {
    let mut rig = Rig::new();
    let key = limited(&mut rig);
    rig.say(
        key,
        r#"{"op":"subscribe","topics":["player:R"],"ruleset":"fanduel","max_rate_hz":0.25}"#,
    );
    rig.pump();
    rig.read(key);
    assert_eq!(play(&mut rig, key).len(), 2);
    assert_eq!(play(&mut rig, key), []);
    rig.pass(2 * SECOND);
    let frames = rig.read(key);
    assert_eq!((frames.len(), &frames[0]["ruleset"]), (1, &"ppr".into()));
    rig.pass(2 * SECOND);
    let frames = rig.read(key);
    assert_eq!((frames.len(), &frames[0]["ruleset"]), (1, &"fanduel".into()));
}
