//! A topic rests after a walk that took long, and gathers what comes meanwhile.

use super::rig::{Rig, seqs};
use crate::fanout::shard::{ConnKey, Kind};
use crate::wire::Form;

fn followers<const N: usize>(rig: &mut Rig) -> [ConnKey; N] {
    let keys = std::array::from_fn(|_| rig.client());
    for key in keys {
        rig.say(key, r#"{"op":"subscribe","topics":["player:R"]}"#);
        rig.pump();
        rig.read(key);
    }
    keys
}

/// One slice whose writes take so long.
fn slice(rig: &mut Rig, took_us: i64) {
    let (began, ended_us) = (rig.now(), rig.now_us + took_us);
    rig.shard.pump(began, || ended_us, &mut rig.wire);
    rig.now_us = ended_us;
}

#[test]
fn what_comes_during_a_long_walk_and_after_goes_out_together_when_the_rest_is_over() {
    let mut rig = Rig::new();
    let keys: [ConnKey; 10] = followers(&mut rig);
    rig.play();
    rig.deliver();
    slice(&mut rig, 2_000);
    rig.play();
    rig.deliver();
    slice(&mut rig, 1_000);
    assert!(
        !rig.shard.has_work(),
        "who was served before the second change waits for the walk's end and the rest"
    );
    assert_eq!(rig.shard.next_timer_us(), Some(rig.now_us + 6_000), "twice as long as the walk");
    rig.pass(5_999);
    rig.play();
    rig.deliver();
    assert!(!rig.shard.has_work());
    let mut told = keys.map(|key| seqs(&rig.read(key)));
    told.sort_by_key(Vec::len);
    assert!(told[..8].iter().all(|told| *told == [(Some(0), 1)]), "{told:?}");
    assert!(
        told[8..].iter().all(|told| *told == [(Some(0), 1), (Some(1), 2)]),
        "the walk takes it along: {told:?}"
    );
    rig.pass(1);
    rig.pump();
    let mut told = keys.map(|key| seqs(&rig.read(key)));
    told.sort_by_key(Vec::len);
    assert!(told[..2].iter().all(|told| *told == [(Some(2), 3)]), "{told:?}");
    assert!(told[2..].iter().all(|told| *told == [(Some(1), 2), (Some(2), 3)]), "{told:?}");
    assert_eq!(rig.shard.stats.rested, 1, "one walk for both");
    assert_eq!(rig.shard.next_timer_us(), None);
}

#[test]
fn a_short_walk_and_a_rest_that_is_over_hold_nothing_up() {
    let mut rig = Rig::new();
    let one_slice: [ConnKey; 8] = followers(&mut rig);
    for _ in 0..2 {
        rig.play();
        rig.deliver();
        slice(&mut rig, 50_000);
        assert_eq!(rig.read(one_slice[0]).len(), 1);
    }
    let [key] = followers(&mut rig);
    for _ in 0..2 {
        rig.play();
        rig.deliver();
        slice(&mut rig, 1_000);
        slice(&mut rig, 1_000);
        assert_eq!(rig.read(key).len(), 1);
        rig.pass(4_000);
    }
    assert_eq!(rig.shard.stats.rested, 0);
}

/// Timers were counted, and not those who are looked at for them: a thousand topics with ten thousand
/// subscribers each held up whoever waited for an answer.
#[test]
fn rests_that_end_together_are_ended_one_after_the_other_where_many_wait() {
    const TOPICS: [&str; 2] = ["player:R", "team:NE"];
    const CROWD: usize = 1_024;
    let mut rig = Rig::with(|limits| limits.slice_clients = CROWD / 2);
    let keys: Vec<ConnKey> = (0..2 * CROWD)
        .map(|_| rig.shard.connect(Kind::WebSocket(Form::PLAIN), rig.now()))
        .collect();
    for (place, key) in keys.iter().enumerate() {
        rig.say(*key, &format!(r#"{{"op":"subscribe","topics":["{}"]}}"#, TOPICS[place % 2]));
    }
    rig.pump();
    rig.wire.sent.clear();
    rig.play();
    // One topic's walk and half of the other's; then both move again.
    for _ in 0..3 {
        slice(&mut rig, 1_000);
    }
    rig.play();
    slice(&mut rig, 1_000);
    assert!(!rig.shard.has_work());
    assert_eq!(rig.shard.rests.len(), 2);
    rig.now_us += 10_000;
    // Half of the other topic's subscribers were told of both in its walk.
    rig.shard.fire_timers(rig.now_us);
    for (left, behind) in [(1, CROWD), (0, CROWD + CROWD / 2)] {
        rig.look();
        assert_eq!((rig.shard.looks.news.len(), rig.shard.dirty.len()), (left, behind));
    }
    rig.pump();
    assert!(
        keys.iter().all(|key| seqs(&rig.read(*key)).last().unwrap().1 == 2),
        "everyone is told"
    );
}

/// Each shard that fell behind so far that notices were dropped ended every rest just then.
#[test]
fn notices_that_were_dropped_end_no_rest() {
    let mut rig = Rig::new();
    let keys: [ConnKey; 10] = followers(&mut rig);
    rig.play();
    slice(&mut rig, 1_000);
    slice(&mut rig, 1_000);
    rig.play_unnoticed();
    rig.shard.look_everywhere();
    rig.pump();
    assert!(keys.iter().all(|key| seqs(&rig.read(*key)) == [(Some(0), 1)]));
    assert_eq!(rig.shard.next_timer_us(), Some(rig.now_us + 4_000));
    rig.pass(4_000);
    assert!(keys.iter().all(|key| seqs(&rig.read(*key)) == [(Some(1), 2)]));
}

#[test]
fn who_leaves_is_told_what_a_topic_at_rest_gathered() {
    let mut rig = Rig::new();
    let [key, ..]: [ConnKey; 9] = followers(&mut rig);
    rig.play();
    rig.deliver();
    slice(&mut rig, 1_000);
    slice(&mut rig, 1_000);
    rig.play_unnoticed();
    rig.shard.drain(0, rig.now_us);
    rig.pump();
    let told = rig.read(key);
    assert_eq!(seqs(&told[..2]), [(Some(0), 1), (Some(1), 2)]);
    assert_eq!(told[2]["type"], "goodbye");
}
