//! What is looked at some at a time: counted in looks, not in time.

use super::rig::{Rig, SECOND, seqs};
use crate::fanout::shard::{ConnKey, TURN_US};

/// All that one play moves.
const TOPICS: [&str; 3] = ["player:R", "team:NE", "game:G"];

/// A subscriber of each.
fn subscribers(rig: &mut Rig) -> [ConnKey; 3] {
    TOPICS.map(|topic| rig.subscriber(topic))
}

/// Every topic was looked at in a row, and each time that the mailbox overflowed meanwhile, all over again.
#[test]
fn where_notices_were_dropped_topics_are_looked_at_one_after_the_other() {
    let mut rig = Rig::new();
    let keys = subscribers(&mut rig);
    rig.play_unnoticed();
    rig.shard.look_everywhere();
    assert_eq!(rig.shard.pending(), 0);
    for pending in [1, 2] {
        rig.look();
        assert_eq!(rig.shard.pending(), pending);
        // What overflows now is missed by nobody, and keeps nobody who was not looked at yet waiting.
        rig.shard.look_everywhere();
    }
    assert_eq!(rig.shard.pending_by_cursor(), 2);
    rig.play_unnoticed();
    rig.pump();
    for key in keys {
        assert_eq!(seqs(&rig.read(key)).last().unwrap().1, 2);
    }
    assert!(!rig.shard.has_work());
}

/// A notice was looked at as a whole, however many topics it named and whoever watched them, before anybody
/// who asked meanwhile was answered.
#[test]
fn a_notice_of_many_topics_is_looked_at_one_topic_after_the_other() {
    let mut rig = Rig::new();
    let keys = subscribers(&mut rig);
    let asks = rig.client();
    rig.play_unnoticed();
    rig.tell();
    rig.look();
    assert_eq!(rig.shard.pending(), 1);
    rig.say(asks, r#"{"op":"ping"}"#);
    let now = rig.now();
    rig.shard.pump(now, || now.steady_us + TURN_US, &mut rig.wire);
    assert_eq!(
        (rig.shard.looks.news.len(), rig.read(asks).len()),
        (1, 1),
        "it does not wait for all"
    );
    rig.pump();
    for key in keys {
        assert_eq!(seqs(&rig.read(key)), [(Some(0), 1)]);
    }
}

#[test]
fn a_topic_that_moves_over_and_over_waits_in_one_place() {
    let mut rig = Rig::new();
    let keys = subscribers(&mut rig);
    for _ in 0..50 {
        rig.play_unnoticed();
        rig.tell();
        rig.shard.look_everywhere();
        rig.look();
        assert!(rig.shard.looks.news.len() <= TOPICS.len());
    }
    rig.pump();
    for key in keys {
        assert_eq!(seqs(&rig.read(key)).last().unwrap().1, 50);
    }
}

#[test]
fn a_place_that_is_another_topics_by_now_hides_no_news() {
    let mut rig = Rig::new();
    let (leaves, comes) = (rig.subscriber("player:R"), rig.client());
    rig.play_unnoticed();
    rig.tell();
    rig.shard.gone(leaves, &mut rig.wire);
    rig.say(comes, r#"{"op":"subscribe","topics":["game:G"]}"#);
    rig.look();
    rig.play_unnoticed();
    rig.tell();
    rig.pump();
    assert_eq!(seqs(&rig.read(comes)).last(), Some(&(None, 2)));
    assert_eq!((rig.shard.mirrors.len(), rig.shard.pending()), (1, 0));
    rig.play();
    rig.pump();
    assert_eq!(seqs(&rig.read(comes)), [(Some(2), 3)]);
}

#[test]
fn who_leaves_is_told_what_was_not_looked_at_yet() {
    let mut rig = Rig::new();
    let keys = subscribers(&mut rig);
    rig.play_unnoticed();
    rig.shard.look_everywhere();
    rig.look();
    rig.shard.drain(0, rig.now_us);
    rig.pump();
    for key in keys {
        let types: Vec<_> = rig.read(key).iter().map(|frame| frame["type"].clone()).collect();
        assert_eq!(types[..2], ["delta", "goodbye"]);
    }
}

/// Clients were counted, and not what they hold: a thousand silent ones, of a thousand subscriptions each,
/// were closed in a row.
#[test]
fn the_silent_are_closed_one_after_the_other_where_others_wait() {
    let mut rig = Rig::new();
    for _ in 0..3 {
        rig.subscriber("player:R");
    }
    rig.now_us += 61 * SECOND;
    rig.shard.tick();
    for left in [2, 1, 0] {
        assert!(rig.shard.has_work());
        rig.look();
        assert_eq!(rig.shard.subscriptions(), left);
    }
}
