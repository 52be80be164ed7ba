//! Who is furthest behind.

use super::rig::{Rig, SECOND};
use crate::fanout::shard::survey::SlowClient;
use crate::fanout::shard::{Kind, Survey};
use crate::wire::Form;

fn slowest(rig: &Rig, count: usize) -> Vec<SlowClient> {
    let mut survey = Survey::of(count);
    (0..100)
        .find_map(|_| rig.shard.survey(&mut survey, rig.now_us))
        .expect("a survey ends")
}

#[test]
fn the_slowest_come_first_and_no_more_than_were_asked_for() {
    let mut rig = Rig::new();
    rig.play();
    let clients = [(); 5].map(|()| rig.subscriber("player:R"));
    assert_eq!(slowest(&rig, 10), [], "nobody is behind");
    for slow in [3, 1, 4] {
        rig.room(clients[slow], 0);
        rig.play();
        rig.pump();
        rig.pass(2 * SECOND);
    }
    let found = slowest(&rig, 10);
    let told: Vec<_> = found
        .iter()
        .map(|client| (client.conn, client.pending, client.oldest_us, client.stuck_us))
        .collect();
    let of = |client: usize, pending, seconds: i64| (clients[client], pending, seconds * SECOND, Some(seconds * SECOND));
    assert_eq!(told, [of(3, 3, 6), of(1, 2, 4), of(4, 1, 2)]);
    for client in &found {
        assert_eq!(client.pending, rig.account(client.conn).1);
        assert_eq!((client.subscriptions, client.kind), (1, Kind::WebSocket(Form::PLAIN)));
        assert!(client.session.starts_with("p1-0-"), "{}", client.session);
    }
    assert_eq!(slowest(&rig, 2), found[..2]);
    assert_eq!(slowest(&rig, 0), []);
    // One has caught up, one has gone.
    rig.room(clients[3], usize::MAX);
    rig.shard.gone(clients[1], &mut rig.wire);
    assert_eq!(slowest(&rig, 10), found[2..]);
}

#[test]
fn one_that_is_behind_the_ring_is_as_old_as_the_ring_at_least() {
    let mut rig = Rig::new();
    rig.play();
    let client = rig.subscriber("player:R");
    rig.room(client, 0);
    for _ in 0..20 {
        rig.play();
        rig.pump();
        rig.pass(SECOND);
    }
    let found = slowest(&rig, 1);
    assert_eq!((found[0].pending, found[0].oldest_us), (20, 8 * SECOND), "the ring has eight");
    assert_eq!(found[0].behind_us(), 20 * SECOND, "its socket tells more");
}

#[test]
fn who_is_held_back_by_its_own_rate_limit_is_not_slow() {
    let mut rig = Rig::new();
    rig.play();
    let client = rig.client();
    rig.say(client, r#"{"op":"subscribe","topics":["player:R"],"max_rate_hz":0.1}"#);
    rig.pump();
    for _ in 0..3 {
        rig.play();
        rig.pump();
    }
    assert!(rig.account(client).1 > 0);
    assert_eq!(slowest(&rig, 1), []);
}

/// All at once it would hold up the writes of a shard with a hundred thousand clients.
#[test]
fn a_survey_goes_on_for_a_turn_at_a_time() {
    let mut rig = Rig::new();
    rig.play();
    for _ in 0..2_000 {
        rig.shard.connect(Kind::WebSocket(Form::PLAIN), rig.now());
    }
    let last = rig.subscriber("player:R");
    rig.room(last, 0);
    rig.play();
    rig.pump();
    let mut survey = Survey::of(1);
    let turns = (0..100).take_while(|_| rig.shard.survey(&mut survey, rig.now_us).is_none()).count();
    assert!(turns >= 3, "{turns} turns");
    assert_eq!(slowest(&rig, 1)[0].conn, last);
}
