//! What is looked at some at a time: counted in looks, not in time.

use super::rig::{Rig, SECOND};

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
