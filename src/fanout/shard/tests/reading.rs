//! What clients say, and how much of it is held.

use super::rig::{Rig, SECOND, masked, seqs};
use crate::fanout::shard::Reading;
use serde_json::json;

const PING: &str = r#"{"op":"ping","id":7}"#;

/// Reading stops once enough replies wait. The thread went on reading all the same each time more bytes
/// came in, and every read was added to what was kept: a client that only ever talked could fill the
/// memory. `reading_paused` is what keeps the thread from it.
#[test]
fn reading_pauses_for_a_client_that_takes_no_answers_and_goes_on_when_it_does() {
    let mut rig = Rig::new();
    let key = rig.client();
    rig.room(key, 0);
    let mut said = 0;
    while rig.say(key, PING) == Reading::On {
        said += 1;
        rig.pump();
        assert!(said < 100);
    }
    assert!(rig.shard.reading_paused(key));
    assert!(rig.shard.held_bytes(key) < 1_000 + 200, "{}", rig.shard.held_bytes(key));
    assert!(rig.shard.take_resumed().is_empty());
    rig.room(key, usize::MAX);
    assert_eq!(rig.shard.take_resumed(), [key]);
    assert_eq!(rig.shard.resume(key, rig.now()), Reading::On);
    assert!(!rig.shard.reading_paused(key));
    rig.pump();
    // The message that found no room was kept and is answered too.
    assert_eq!(rig.read(key).len(), said + 1);
}

/// A socket that took all replies and then not all frames counted as full, and reading stayed paused
/// until a whole write went through: a client that was merely slow went unheard and was closed as
/// silent.
#[test]
fn replies_that_were_taken_resume_reading_though_frames_were_not() {
    let mut rig = Rig::with(|limits| limits.replies_bytes_max = 100);
    let key = rig.subscriber("player:R");
    rig.room(key, 0);
    while rig.say(key, PING) == Reading::On {
        rig.pump();
    }
    rig.play();
    assert_eq!(rig.shard.take_resumed(), []);
    let replies = rig.shard.held_bytes(key);
    rig.room(key, replies + 10);
    assert_eq!(rig.shard.blocked(), 1);
    assert_eq!(rig.shard.take_resumed(), [key]);
}

/// Few bytes can be many messages, and a client's turn had no end: what others asked waited for seconds.
#[test]
fn a_client_that_says_much_at_once_waits_behind_others() {
    let mut rig = Rig::new();
    let key = rig.client();
    let mut flood: Vec<u8> = (0..5_000).flat_map(|_| masked(10, &[])).collect();
    let mut reading = rig.shard.received(key, &mut flood, rig.now());
    let mut turns = 1;
    while reading == Reading::Paused {
        assert_eq!(rig.shard.take_resumed(), [key]);
        assert!(rig.shard.reading_paused(key), "what it says next waits in its socket");
        reading = rig.shard.resume(key, rig.now());
        turns += 1;
    }
    assert_eq!(turns, 5, "about a thousand in a row");
    assert_eq!(rig.shard.held_bytes(key), 0);
}

/// A client that had its share of work, or room for one more answer, was read again before what it had
/// said already was looked at: each read was added to it, and whoever only ever talked could fill the
/// memory.
#[test]
fn what_was_said_already_comes_before_the_next_read() {
    for (opcode, room) in [(10, usize::MAX), (9, 7)] {
        let mut rig = Rig::new();
        let key = rig.client();
        let flood: Vec<u8> = (0..5_000).flat_map(|_| masked(opcode, b"hello")).collect();
        for _ in 0..100 {
            // The order of the thread's loop: sockets that have something, then those who wait to be read.
            if !rig.shard.reading_paused(key) {
                rig.shard.received(key, &mut flood.clone(), rig.now());
            }
            rig.room(key, room);
            for key in rig.shard.take_resumed() {
                if !rig.shard.reading_paused(key) {
                    rig.shard.received(key, &mut flood.clone(), rig.now());
                }
                rig.shard.resume(key, rig.now());
            }
            let held = rig.shard.held_bytes(key);
            assert!(held <= flood.len() + 1_100, "{held} bytes of opcode {opcode} are held");
        }
    }
}

#[test]
fn a_message_may_come_a_byte_at_a_time_and_in_fragments() {
    let mut rig = Rig::new();
    let key = rig.client();
    let mut bytes = masked(1, br#"{"op":"#);
    bytes[0] &= 0x7f;
    bytes.extend(masked(9, b"hi"));
    bytes.extend(masked(0, br#""ping"}"#));
    for byte in bytes {
        rig.shard.received(key, &mut [byte], rig.now());
    }
    rig.pump();
    let frames = rig.read(key);
    assert_eq!((frames[0].clone(), frames[1]["type"].clone()), (json!(0xa), json!("pong")));
    assert_eq!(rig.shard.held_bytes(key), 0);
}

/// Each bad topic is answered with a sentence, so one message of 64 KiB was answered with megabytes.
#[test]
fn the_answer_stays_in_proportion_to_the_question() {
    let mut rig = Rig::new();
    let key = rig.client();
    for op in ["subscribe", "unsubscribe"] {
        let message = json!({"op": op, "id": 3, "topics": vec!["a"; 500]});
        rig.say(key, &message.to_string());
        rig.pump();
        let frames = rig.read(key);
        assert_eq!(frames.len(), 1);
        assert_eq!(
            (&frames[0]["code"], &frames[0]["id"]),
            (&"too_many_subscriptions".into(), &3.into()),
            "{frames:?}"
        );
    }
}

#[test]
fn what_follows_a_close_frame_is_not_read() {
    let mut rig = Rig::new();
    let key = rig.subscriber("player:R");
    let mut bytes = masked(8, &[]);
    bytes.extend(masked(1, PING.as_bytes()));
    rig.shard.received(key, &mut bytes, rig.now());
    rig.say(key, PING);
    rig.play();
    rig.pump();
    let frames = rig.read(key);
    assert_eq!(frames, [json!(8)], "the close frame is answered, and nothing else");
    assert_eq!(rig.wire.finished, [key]);
    assert_eq!((rig.shard.subscriptions(), seqs(&frames)), (0, vec![]));
    rig.pass(6 * SECOND);
    assert_eq!(rig.wire.closed.len(), 1, "a client that does not hang up is hung up on");
}
