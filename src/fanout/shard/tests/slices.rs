//! Who waits for whom: counted in clients served in between, not in time.

use super::rig::{Rig, SECOND};
use crate::fanout::shard::{ConnKey, Kind};
use crate::wire::Form;
use std::collections::HashMap;

const CLIENTS: usize = 200;
const SLICE: usize = 8;

fn crowd() -> (Rig, Vec<ConnKey>) {
    let mut rig = Rig::with(|limits| limits.slice_clients = SLICE);
    let keys = (0..CLIENTS).map(|_| rig.subscriber("player:R")).collect();
    rig.wire.order.clear();
    (rig, keys)
}

fn slice(rig: &mut Rig) -> usize {
    let now = rig.now();
    rig.shard.pump(now, || now.steady_us, &mut rig.wire)
}

#[test]
fn whoever_asks_in_the_middle_of_a_walk_is_answered_in_the_next_slice() {
    let (mut rig, keys) = crowd();
    rig.play();
    assert!(slice(&mut rig) <= SLICE);
    let asks = *keys.iter().find(|key| !rig.wire.order.contains(key)).unwrap();
    rig.say(asks, r#"{"op":"ping","id":7}"#);
    let new = rig.shard.connect(Kind::WebSocket(Form::PLAIN), rig.now());
    rig.say(new, r#"{"op":"subscribe","topics":["player:R"]}"#);
    rig.wire.order.clear();
    assert!(slice(&mut rig) <= SLICE);
    assert_eq!(rig.wire.order[..2], [asks, new], "replies go first");
    let types =
        |frames: &[serde_json::Value]| -> Vec<String> { frames.iter().map(|frame| frame["type"].as_str().unwrap().to_owned()).collect() };
    // What they are due goes with the reply, in the same write, and is not written again.
    assert_eq!(types(&rig.read(asks)), ["pong", "delta"]);
    assert_eq!(types(&rig.read(new)), ["welcome", "subscribed", "snapshot"]);
    rig.pump();
    assert!(rig.read(asks).is_empty() && rig.read(new).is_empty());
}

/// A flood of questions takes half of a slice, never all of it.
#[test]
fn whoever_asks_over_and_over_does_not_stop_a_walk() {
    let (mut rig, keys) = crowd();
    rig.play();
    let mut slices = 0;
    while rig.shard.pending() > 0 {
        for key in &keys[..2 * SLICE] {
            rig.say(*key, r#"{"op":"ping"}"#);
        }
        assert!(slice(&mut rig) <= SLICE);
        slices += 1;
    }
    assert!(slices <= 2 * CLIENTS / SLICE, "{slices} slices");
}

/// One slice encodes or offers a bounded number of bytes, however much each client is due.
#[test]
fn a_slice_ends_early_where_its_clients_are_due_much() {
    let mut rig = Rig::with(|limits| {
        (limits.slice_clients, limits.subscriptions_max) = (1_000, 64);
        (limits.message_bytes_max, limits.replies_bytes_max) = (65_536, 1 << 20);
    });
    let players: Vec<String> = (0..60)
        .map(|player| format!(r#"{{"player":"P{player}","team":"NE","stat":10,"yards":1}}"#))
        .collect();
    rig.feed(&format!(
        r#"{{"type":"play","game":"G","play":"1","stats":[{}]}}"#,
        players.join(",")
    ));
    for _ in 0..CLIENTS {
        let key = rig.client();
        rig.say(key, r#"{"op":"subscribe","topics":["game:G","team:NE"]}"#);
    }
    let served = slice(&mut rig);
    assert!((1..CLIENTS).contains(&served), "{served} clients in one slice");
}

#[test]
fn a_round_of_looks_is_cut_into_slices_too() {
    let mut rig = Rig::new();
    let keys: Vec<_> = (0..3_000).map(|_| rig.client()).collect();
    rig.now_us += 26 * SECOND;
    rig.shard.tick();
    for asked in 1..=3 {
        rig.look();
        assert_eq!(rig.shard.answers.len(), asked);
    }
    rig.pump();
    assert!(keys.iter().all(|key| rig.read(*key) == [9]), "everyone is asked once");
}

/// Over many walks nobody is served later than others on average.
#[test]
fn nobody_is_always_last() {
    const WALKS: usize = 120;
    let (mut rig, keys) = crowd();
    let mut places: HashMap<ConnKey, usize> = HashMap::new();
    for _ in 0..WALKS {
        rig.wire.order.clear();
        rig.play();
        rig.pump();
        assert_eq!(rig.wire.order.len(), CLIENTS);
        for (place, key) in rig.wire.order.iter().enumerate() {
            *places.entry(*key).or_default() += place;
        }
    }
    let mean = (CLIENTS - 1) as f64 / 2.0;
    for key in keys {
        let own = places[&key] as f64 / WALKS as f64;
        assert!((own - mean).abs() < 0.1 * mean, "{key:?} is served at place {own:.1} of {mean:.1}");
    }
}
