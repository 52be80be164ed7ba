//! Sockets that take part of what they are offered, or nothing.

use super::rig::{Rig, SECOND, run_line, seqs};
use crate::fanout::shard::mirror::Mirror;
use crate::fanout::topic::{Topic, TopicId};
use crate::model::TopicName;
use std::sync::Arc;

#[test]
fn a_frame_that_was_begun_is_finished_and_the_rest_goes_out_merged() {
    let mut rig = Rig::new();
    let key = rig.subscriber("player:R");
    rig.room(key, 20);
    for _ in 0..4 {
        rig.play();
        rig.pump();
    }
    assert_eq!(rig.shard.blocked(), 1);
    rig.room(key, usize::MAX);
    let frames = rig.read(key);
    assert_eq!(seqs(&frames), [(Some(0), 1), (Some(1), 4)]);
    assert_eq!(frames[1]["causes"].as_array().unwrap().len(), 3);
    let (account, pending) = rig.account(key);
    assert_eq!((account.offered, account.written, account.merged, pending), (4, 2, 2, 0));
}

#[test]
fn a_client_that_was_merely_not_reached_gets_frame_by_frame_and_more_than_a_few_merged() {
    let mut rig = Rig::new();
    let key = rig.subscriber("player:R");
    rig.play();
    rig.play();
    rig.pump();
    assert_eq!(seqs(&rig.read(key)), [(Some(0), 1), (Some(1), 2)]);
    for _ in 0..3 {
        rig.play();
    }
    rig.pump();
    assert_eq!(seqs(&rig.read(key)), [(Some(2), 5)]);
}

#[test]
fn a_client_that_the_ring_has_passed_gets_a_snapshot_that_says_so() {
    let mut rig = Rig::new();
    let key = rig.subscriber("player:R");
    rig.room(key, 0);
    for _ in 0..9 {
        rig.play();
        rig.pump();
    }
    rig.room(key, usize::MAX);
    let frames = rig.read(key);
    assert_eq!((seqs(&frames), &frames[0]["reason"]), (vec![(None, 9)], &"lagged".into()));
    let (account, _) = rig.account(key);
    assert_eq!((account.written, account.merged), (1, 8));
}

/// A snapshot reads the game itself and may be ahead of the notices; the deltas that the notices then
/// bring are already in it.
#[test]
fn a_snapshot_that_is_ahead_of_the_notices_is_not_followed_by_what_it_holds() {
    let mut rig = Rig::new();
    let key = rig.subscriber("game:G");
    rig.say(key, r#"{"op":"subscribe","topics":["game:G"]}"#);
    for play in 1..=2 {
        let line = run_line("G", play, 10);
        let event = crate::feed::Decoder::new(Default::default()).line(line.as_bytes()).unwrap();
        rig.apply_unnoticed(event);
    }
    rig.pump();
    rig.deliver();
    rig.pump();
    assert_eq!(seqs(&rig.read(key)), [(None, 2)]);
    rig.feed(&run_line("G", 3, 10));
    rig.pump();
    assert_eq!(seqs(&rig.read(key)), [(Some(2), 3)]);
}

/// A socket that says that it is writable and then takes nothing used to set the clock of its stall
/// back each time, and was never closed.
#[test]
fn a_stalled_client_is_closed_however_often_its_socket_says_that_it_is_writable() {
    let mut rig = Rig::new();
    let key = rig.subscriber("player:R");
    rig.room(key, 0);
    rig.play();
    rig.pump();
    for _ in 0..31 {
        assert!(rig.wire.closed.is_empty());
        rig.room(key, 0);
        rig.pass(SECOND);
    }
    rig.pass(6 * SECOND);
    let reason = crate::wire::close::CloseReason::Stalled;
    assert_eq!(rig.wire.closed, [(key, reason)]);
    assert_eq!(rig.shard.stats.closed[reason as usize], 1);
}

/// What an encrypted socket takes of a record that has begun counted for nothing: a client that needed
/// longer for one than a stall may last was cut off, though it never stopped taking bytes.
#[test]
fn a_client_whose_socket_takes_a_little_now_and_then_has_not_stalled() {
    let mut rig = Rig::new();
    let key = rig.subscriber("player:R");
    rig.shard.progressed(key, rig.now_us);
    rig.room(key, 0);
    rig.play();
    rig.pump();
    for _ in 0..50 {
        rig.pass(SECOND);
        rig.shard.progressed(key, rig.now_us);
        assert!(rig.wire.closed.is_empty());
    }
    rig.pass(31 * SECOND);
    rig.pass(6 * SECOND);
    assert_eq!(rig.wire.closed, [(key, crate::wire::close::CloseReason::Stalled)]);
}

/// Pings were never sent to a client whose socket was full at that moment. One that is always a little
/// behind was never asked, could not answer, and was closed as silent.
#[test]
fn a_slow_client_is_pinged_and_one_ping_waits_for_it() {
    let mut rig = Rig::new();
    let key = rig.subscriber("player:R");
    rig.room(key, 0);
    rig.play();
    rig.pass(26 * SECOND);
    rig.room(key, 0);
    rig.pass(SECOND);
    rig.pass(2 * SECOND);
    rig.room(key, usize::MAX);
    let frames = rig.read(key);
    let pings = frames.iter().filter(|frame| **frame == 9).count();
    assert_eq!((pings, seqs(&frames).len()), (1, 1), "{frames:?}");
}

/// The walk's starting place moved by a step that had common factors with some counts: with four
/// subscribers only two of them were ever first, and the same two last.
#[test]
fn every_subscriber_is_first_in_its_turn() {
    for count in 1..=40 {
        let mut mirror = Mirror::new(Arc::new(Topic::new(TopicId(1), TopicName::Slate)));
        mirror.subscribers = (0..count as u32).map(|place| (place, 0)).collect();
        let mut first = vec![0; count];
        for _ in 0..20 * count {
            let (begin, rest) = mirror.in_turn();
            assert_eq!(begin.len() + rest.len(), count);
            first[begin[0].0 as usize] += 1;
        }
        assert!(first.iter().all(|times| (15..=25).contains(times)), "{count}: {first:?}");
    }
}

#[test]
fn a_walk_serves_everyone_once_and_starts_elsewhere_each_time() {
    let mut rig = Rig::new();
    let keys: Vec<_> = (0..4).map(|_| rig.subscriber("player:R")).collect();
    let mut firsts = std::collections::HashSet::new();
    for _ in 0..12 {
        rig.wire.order.clear();
        rig.play();
        rig.pump();
        firsts.insert(rig.wire.order[0]);
        let mut order = rig.wire.order.clone();
        order.sort();
        assert_eq!(order, keys);
    }
    assert_eq!(firsts.len(), 4);
}

/// A client that is told of two topics by one change is written to once.
#[test]
fn all_that_a_client_has_pending_leaves_in_one_write() {
    let mut rig = Rig::new();
    let key = rig.client();
    rig.say(key, r#"{"op":"subscribe","topics":["player:R","team:NE","game:G"]}"#);
    rig.pump();
    rig.read(key);
    rig.wire.order.clear();
    rig.play();
    rig.say(key, r#"{"op":"ping"}"#);
    rig.pump();
    assert_eq!(rig.wire.order, [key]);
    let frames = rig.read(key);
    assert_eq!((frames.len(), &frames[0]["type"]), (4, &"pong".into()), "replies go first");
}
