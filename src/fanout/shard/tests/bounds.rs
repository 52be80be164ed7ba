//! How much one write comes to, whatever is pending.

use super::rig::{Rig, Wire, seqs};
use crate::fanout::shard::batch::PIECES_MAX;
use crate::fanout::shard::{Batch, ConnKey, Writer};
use crate::wire::close::CloseReason;

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
