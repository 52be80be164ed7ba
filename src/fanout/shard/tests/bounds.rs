//! How much one write and one turn of reading come to, whatever is pending or asked for.

use super::rig::{Rig, Wire, masked, seqs};
use crate::fanout::shard::batch::PIECES_MAX;
use crate::fanout::shard::{Batch, ConnKey, Reading, Writer};
use crate::wire::close::CloseReason;
use serde_json::json;

/// Passes writes on and notes the largest.
struct Measured<'a> {
    wire: &'a mut Wire,
    pieces_most: usize,
    bytes_most: usize,
}

impl Writer for Measured<'_> {
    fn write(&mut self, batch: &mut Batch) {
        for (_, pieces) in batch.items_mut() {
            let bytes = pieces.iter().map(|piece| piece.bytes().len()).sum();
            self.pieces_most = self.pieces_most.max(pieces.len());
            self.bytes_most = self.bytes_most.max(bytes);
        }
        self.wire.write(batch);
    }

    fn close(&mut self, conn: ConnKey, reason: CloseReason) {
        self.wire.close(conn, reason);
    }

    fn finish(&mut self, conn: ConnKey) {
        self.wire.finish(conn);
    }
}

/// All that was due of one topic went into one write, however much it was: the kernel refuses more than
/// 1,024 pieces, and a healthy client was cut off.
#[test]
fn what_does_not_fit_into_a_write_goes_into_the_next() {
    const PLAYS: u64 = 150;
    for write_bytes_max in [65_536, 2_000] {
        let mut rig = Rig::with(|limits| {
            (limits.ring_frames, limits.coalesce_frames_max) = (1_000, 1_000);
            limits.write_bytes_max = write_bytes_max;
        });
        let keys = [rig.subscriber("player:R"), rig.subscriber("player:R"), rig.client()];
        for _ in 0..PLAYS {
            rig.play();
        }
        rig.say(
            keys[2],
            r#"{"op":"subscribe","topics":["player:R"],"epoch":"e1","since":{"player:R":0}}"#,
        );
        let now = rig.now();
        let mut writer = Measured {
            wire: &mut rig.wire,
            pieces_most: 0,
            bytes_most: 0,
        };
        while rig.shard.has_work() {
            rig.shard.pump(now, || now.steady_us, &mut writer);
        }
        let Measured {
            pieces_most, bytes_most, ..
        } = writer;
        if write_bytes_max == 65_536 {
            assert_eq!(pieces_most, PIECES_MAX);
        }
        assert!(bytes_most < write_bytes_max + 1_000, "{bytes_most} bytes in one write");
        let each: Vec<_> = (1..=PLAYS).map(|seq| (Some(seq - 1), seq)).collect();
        for key in keys {
            assert_eq!(seqs(&rig.read(key)), each, "{key:?}");
        }
        let ages = rig.shard.stats.encode_to_written.counts();
        assert_eq!(u64::from(ages.iter().sum::<u32>()), 2 * PLAYS, "all but those that were resumed");
        rig.pump();
    }
}

/// In how many turns a client is heard who subscribes to these topics and leaves them again, over and over.
fn turns(plays: u64, topics: &[String], times: usize) -> usize {
    let mut rig = Rig::with(|limits| {
        (limits.ring_frames, limits.subscriptions_max) = (1_000, 100);
        (limits.message_bytes_max, limits.replies_bytes_max) = (65_536, 1 << 20);
    });
    for _ in 0..plays {
        rig.play();
    }
    let key = rig.client();
    let ask = |op| masked(1, json!({"op": op, "topics": topics}).to_string().as_bytes());
    let mut said = [ask("subscribe"), ask("unsubscribe")].concat().repeat(times);
    let mut reading = rig.shard.received(key, &mut said, rig.now());
    let mut turns = 1;
    while reading == Reading::Paused {
        assert_eq!(rig.shard.take_resumed(), [key]);
        reading = rig.shard.resume(key, rig.now());
        turns += 1;
    }
    rig.pump();
    let replies = rig.read(key);
    assert!(replies.iter().all(|reply| reply["errors"] == json!([])), "{replies:?}");
    assert_eq!(replies.len(), 2 * times);
    turns
}

/// A client's turn was as long as what it said, and what it asked for cost nothing: a few bytes name a
/// topic, whose first subscriber here has all that is kept of it copied.
#[test]
fn what_is_asked_of_topics_counts_as_work() {
    let one = ["player:R".to_owned()];
    let many: Vec<String> = (0..60).map(|player| format!("player:P{player}")).collect();
    assert_eq!(turns(0, &one, 50), 1);
    assert_eq!(turns(900, &one, 50), 6, "900 entries are copied each time");
    assert_eq!(turns(0, &many, 20), 9, "60 topics are named 40 times");
}
