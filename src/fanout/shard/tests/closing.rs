//! How connections end.

use super::rig::{Rig, SECOND, masked};
use crate::fanout::shard::{ConnKey, Kind, Reading};
use crate::wire::Form;
use crate::wire::close::{CloseReason, ComeBack};
use serde_json::json;

fn closed_with(rig: &mut Rig, key: ConnKey, bytes: &[u8]) -> CloseReason {
    rig.shard.received(key, &mut bytes.to_vec(), rig.now());
    rig.pump();
    assert_eq!(rig.read(key), [json!(8)]);
    assert_eq!(rig.wire.finished.pop(), Some(key));
    rig.shard.gone(key, &mut rig.wire);
    let (closed, reason) = rig.wire.closed.pop().unwrap();
    assert_eq!(closed, key);
    reason
}

#[test]
fn each_offence_has_its_reason() {
    let mut rig = Rig::new();
    let mut unmasked = masked(1, b"{}");
    unmasked[1] &= 0x7f;
    for (bytes, reason) in [
        (masked(8, &1000u16.to_be_bytes()), CloseReason::Normal),
        (masked(8, &[3]), CloseReason::Protocol),
        (masked(2, b"binary"), CloseReason::Unsupported),
        (masked(1, &[0xff]), CloseReason::NotUtf8),
        (masked(1, &[b' '; 5_000]), CloseReason::TooBig),
        (unmasked, CloseReason::Protocol),
    ] {
        let key = rig.client();
        assert_eq!(closed_with(&mut rig, key, &bytes), reason);
    }
    assert_eq!(rig.shard.connections(), 0);
}

/// A drain told those who were closing already to come back later, after their close frame: a message
/// that the protocol does not allow there.
#[test]
fn a_drain_says_goodbye_once_and_nothing_after_a_close_frame() {
    let mut rig = Rig::new();
    let (stays, leaves) = (rig.client(), rig.client());
    rig.room(leaves, 0);
    rig.shard.received(leaves, &mut masked(8, &[]), rig.now());
    rig.shard.drain(10_000, rig.now_us);
    rig.shard.drain(10_000, rig.now_us);
    rig.room(leaves, usize::MAX);
    rig.pump();
    assert_eq!(rig.read(leaves), [json!(8)]);
    let frames = rig.read(stays);
    assert_eq!((frames.len(), &frames[0]["type"], &frames[1]), (2, &json!("goodbye"), &json!(8)));
    assert_eq!(frames[0]["code"], "draining");
    let late = rig.shard.connect(Kind::WebSocket(Form::PLAIN), rig.now());
    rig.pump();
    assert_eq!(rig.read(late).pop(), Some(json!(8)), "whoever comes now is sent away");
    rig.pass(6 * SECOND);
    assert_eq!(rig.shard.connections(), 0);
}

#[test]
fn the_silent_are_closed_and_those_who_answer_stay() {
    let mut rig = Rig::new();
    let (silent, answers) = (rig.client(), rig.client());
    for _ in 0..61 {
        rig.pass(SECOND);
        if rig.read(answers).contains(&json!(9)) {
            rig.shard.received(answers, &mut masked(0xa, &[]), rig.now());
        }
    }
    let frames = rig.read(silent);
    assert_eq!(
        (&frames[..2], &frames[2]["code"], &frames[3..]),
        (&[json!(9), json!(9)][..], &json!("silent"), &[json!(8)][..])
    );
    rig.pass(6 * SECOND);
    assert_eq!(rig.wire.closed, [(silent, CloseReason::Silent)]);
}

/// A place is used again; what was meant for its former owner must not reach the next.
#[test]
fn a_new_connection_in_an_old_place_inherits_nothing() {
    let mut rig = Rig::new();
    let old = rig.client();
    rig.say(old, r#"{"op":"subscribe","topics":["player:R"],"max_rate_hz":0.5}"#);
    rig.play();
    rig.pump();
    rig.play();
    rig.pump();
    rig.say(old, r#"{"op":"ping"}"#);
    rig.shard.gone(old, &mut rig.wire);
    let new = rig.client();
    assert_eq!((old.index, rig.read(old).is_empty()), (new.index, false));
    rig.shard.writable(old);
    rig.shard.received(old, &mut masked(1, br#"{"op":"ping"}"#), rig.now());
    rig.shard.close(old, CloseReason::Normal, rig.now_us);
    rig.pass(3 * SECOND);
    rig.play();
    rig.pump();
    assert!(rig.read(new).is_empty());
    assert_eq!(rig.shard.connections(), 1);
}

/// What a client that is told to come back hears last.
fn told_to_come_back(rig: &mut Rig, key: ConnKey, reason: CloseReason) {
    let frames = rig.read(key);
    let [.., goodbye, close] = &frames[..] else { panic!("{frames:?}") };
    assert_eq!(
        (&goodbye["type"], &goodbye["code"], close),
        (&json!("goodbye"), &json!(reason.name()), &json!(8))
    );
    let ComeBack::After { least_ms } = reason.come_back() else {
        panic!("{reason:?}")
    };
    let after_ms = goodbye["reconnect_after_ms"].as_u64().unwrap();
    assert!((least_ms..2 * least_ms).contains(&after_ms), "{goodbye}");
}

#[test]
fn who_says_too_much_is_told_when_to_come_back() {
    let mut rig = Rig::with(|limits| (limits.messages_per_second_max, limits.messages_burst) = (10, 5));
    let (flood, steady) = (rig.client(), rig.client());
    for _ in 0..50 {
        rig.shard.received(steady, &mut masked(9, b"x"), rig.now());
        rig.pass(SECOND / 10);
        assert_eq!(rig.read(steady), [json!(10)], "at the rate for as long as it likes");
    }
    let mut pings: Vec<u8> = (0..7).flat_map(|_| masked(9, b"x")).collect();
    rig.shard.received(flood, &mut pings, rig.now());
    rig.pump();
    let frames = rig.read(flood);
    assert_eq!(
        (&frames[..5], &frames[5]["code"]),
        (&[(); 5].map(|()| json!(10))[..], &json!("too_many_messages"))
    );
    assert_eq!(frames.len(), 8, "{frames:?}");
    let other = rig.client();
    rig.shard.received(other, &mut [pings.clone(), pings].concat(), rig.now());
    rig.pump();
    told_to_come_back(&mut rig, other, CloseReason::TooManyMessages);
}

#[test]
fn a_message_that_began_is_all_there_in_time() {
    let mut rig = Rig::with(|limits| limits.message_timeout_us = 10 * SECOND);
    let whole = masked(1, br#"{"op":"ping"}"#);
    let mut fragment = masked(1, b"{");
    fragment[0] &= 0x7f;
    let mut empty = masked(0, b"");
    empty[0] &= 0x7f;
    for (begun, between) in [(&whole[..7], None), (&fragment, Some(masked(9, b"x"))), (&fragment, Some(empty))] {
        let key = rig.client();
        rig.shard.received(key, &mut begun.to_vec(), rig.now());
        for _ in 0..9 {
            if let Some(between) = &between {
                rig.shard.received(key, &mut between.clone(), rig.now());
            }
            rig.pass(SECOND);
        }
        assert_eq!(rig.wire.finished, []);
        rig.pass(2 * SECOND);
        rig.pass(0);
        told_to_come_back(&mut rig, key, CloseReason::Unfinished);
        rig.wire.finished.clear();
        rig.shard.gone(key, &mut rig.wire);
    }
}

#[test]
fn a_message_in_time_begins_the_next_ones_time() {
    let mut rig = Rig::with(|limits| limits.message_timeout_us = 10 * SECOND);
    let whole = masked(1, br#"{"op":"ping"}"#);
    let (front, back) = whole.split_at(9);
    let key = rig.client();
    rig.shard.received(key, &mut front.to_vec(), rig.now());
    for _ in 0..30 {
        rig.pass(SECOND);
        rig.shard.received(key, &mut [back, front].concat(), rig.now());
    }
    rig.shard.received(key, &mut back.to_vec(), rig.now());
    rig.pass(11 * SECOND);
    assert_eq!(rig.shard.connections(), 1);
    assert!(rig.read(key).iter().all(|frame| frame["type"] == "pong"));
    assert_eq!(rig.shard.held_bytes(key), 0);
}

/// Found by fuzzing: a client that broke the protocol, or closed, while a drain let it go got its close frame,
/// and after it the drain's goodbye. Nothing may follow a close frame (RFC 6455, 5.5.1).
#[test]
fn nothing_follows_a_close_frame_while_draining() {
    let mut rig = Rig::new();
    let key = rig.client();
    rig.shard.drain(1_000, rig.now_us);
    rig.shard.received(key, &mut masked(8, &1000u16.to_be_bytes()), rig.now());
    rig.pump();
    assert_eq!(rig.read(key), [8]);
}

/// A client that was closed for saying too much went on for as long as it had to hang up, and all of it was read.
#[test]
fn who_is_closed_may_finish_what_was_under_way_and_no_more() {
    let mut rig = Rig::new();
    let key = rig.subscriber("game:G");
    rig.shard.received(key, &mut masked(8, &1000u16.to_be_bytes()), rig.now());
    let talk_bytes_max = 4_096;
    let mut talk = vec![0; talk_bytes_max / 2];
    for expected in [Reading::On, Reading::On, Reading::Over] {
        assert_eq!(rig.shard.received(key, &mut talk, rig.now()), expected);
    }
    rig.shard.gone(key, &mut rig.wire);
    assert_eq!(rig.wire.closed, [(key, CloseReason::Normal)]);
}
