//! The system's clock may be set at any time: what is shown follows it, and nothing else.

use super::rig::{Rig, SECOND, seqs};
use crate::wire::close::CloseReason;

const HOUR: i64 = 3_600 * SECOND;

#[test]
fn a_clock_that_is_set_on_cuts_nobody() {
    let mut rig = Rig::new();
    let slow = rig.subscriber("game:G");
    let well = rig.subscriber("game:G");
    rig.room(slow, 0);
    rig.play();
    rig.pump();
    rig.wire.sent.clear();
    rig.wall_ahead_us += HOUR;
    rig.pass(SECOND);
    assert!(
        rig.wire.closed.is_empty() && rig.wire.sent.is_empty(),
        "neither stalled nor silent, and no ping is due"
    );
    rig.pass(25 * SECOND);
    assert_eq!(rig.read(well), [9], "pinged in time");
}

#[test]
fn a_clock_that_is_set_back_stops_neither_pings_nor_rate_limits() {
    let mut rig = Rig::new();
    let paced = rig.client();
    rig.say(paced, r#"{"op":"subscribe","topics":["game:G"],"max_rate_hz":1}"#);
    rig.pump();
    rig.play();
    rig.pump();
    rig.read(paced);
    rig.play();
    rig.wall_ahead_us -= HOUR;
    rig.pump();
    assert!(rig.read(paced).is_empty(), "its second is not over");
    rig.pass(SECOND);
    assert_eq!(seqs(&rig.read(paced)), [(Some(1), 2)]);
    rig.pass(25 * SECOND);
    assert_eq!(rig.read(paced), [9]);
    rig.pass(60 * SECOND);
    rig.pass(6 * SECOND);
    assert_eq!(rig.wire.closed.len(), 1, "silence is noticed too");
}

/// Whoever had said nothing while the process was stopped was closed as silent, though nobody had asked it,
/// or its answer was in its socket: all clients at once.
#[test]
fn what_the_server_slept_through_is_held_against_nobody() {
    let mut rig = Rig::new();
    let (well, stuck, leaves) = (rig.client(), rig.subscriber("game:G"), rig.client());
    rig.room(stuck, 0);
    rig.play();
    rig.pump();
    rig.pass(20 * SECOND);
    rig.shard.close(leaves, CloseReason::Normal, rig.now_us);
    rig.pump();
    rig.now_us += HOUR;
    rig.shard.slept(HOUR, rig.now_us);
    rig.pass(0);
    assert!(rig.wire.closed.is_empty());
    assert_eq!(rig.read(well), [9], "it is asked first");
    rig.pass(6 * SECOND);
    assert_eq!(rig.wire.closed, [(leaves, CloseReason::Normal)]);
    assert_eq!(rig.shard.stats.closed[CloseReason::Stalled as usize], 0);
    // Half a minute of its own time, then a minute: the hour counts for nothing.
    rig.pass(5 * SECOND);
    rig.pass(6 * SECOND);
    assert_eq!(rig.wire.closed[1..], [(stuck, CloseReason::Stalled)]);
    rig.pass(24 * SECOND);
    rig.pass(6 * SECOND);
    assert_eq!(rig.wire.closed[2..], [(well, CloseReason::Silent)]);
}

#[test]
fn what_is_shown_is_the_clock_on_the_wall() {
    let mut rig = Rig::new();
    for step in [0, HOUR, -2 * HOUR] {
        rig.wall_ahead_us += step;
        let key = rig.subscriber("game:G");
        rig.say(key, r#"{"op":"ping"}"#);
        rig.play();
        rig.pump();
        let wall_us = rig.now().wall_us;
        let said = rig.read(key);
        assert_eq!((&said[0]["type"], &said[0]["server_us"]), (&"pong".into(), &wall_us.into()));
        assert_eq!((&said[1]["type"], &said[1]["encode_us"]), (&"delta".into(), &wall_us.into()));
    }
}

#[test]
fn nothing_is_encoded_before_it_came_in() {
    let mut rig = Rig::new();
    let key = rig.subscriber("game:G");
    rig.play();
    let ingest_us = rig.now().wall_us;
    // The turn read the clock before the play came in.
    rig.wall_ahead_us -= 300;
    rig.pump();
    let said = rig.read(key);
    assert_eq!(
        (&said[0]["ingest_us"], &said[0]["encode_us"]),
        (&ingest_us.into(), &ingest_us.into())
    );
}
