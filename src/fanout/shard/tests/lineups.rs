//! Fans' lineups: their sums, and what becomes of them when nobody wants them.

use super::rig::{PREDICTIONS_FROM as FROM, Rig, SECOND};
use crate::fanout::grant::{Grant, Pattern};
use crate::fanout::shard::{Access, ConnKey, Kind};
use crate::scoring::Rulesets;
use crate::wire::Form;
use serde_json::{Value, json};
use std::sync::Arc;

/// A passer for whom a point and a half counts as one, and the one who catches from him.
const PAIR: &str = r#"[{"slot":"CPT","player":"Q","multiplier":1.5},{"slot":"WR","player":"W"}]"#;

fn ask(rig: &mut Rig, key: ConnKey, more: &str, slots: &str) -> Vec<Value> {
    rig.say(key, &format!(r#"{{"op":"lineup","id":7,"slots":{slots}{more}}}"#));
    rig.deliver();
    rig.pump();
    rig.read(key)
}

/// A client who watches [`PAIR`], and its topic.
fn watcher(rig: &mut Rig) -> (ConnKey, String) {
    let key = rig.client();
    let said = ask(rig, key, "", PAIR);
    assert_eq!(said.len(), 2, "{said:?}");
    (key, said[0]["topics"][0]["topic"].as_str().unwrap().to_owned())
}

/// A completed pass of ten yards for each, or of as many.
fn pass(play: u64, rev: u64, yards: i32) -> String {
    format!(
        r#"{{"type":"play","game":"G","play":"{play}","rev":{rev},"stats":[{{"player":"Q","team":"NE","stat":15,"yards":{yards}}},{{"player":"W","team":"NE","stat":21,"yards":{yards}}}]}}"#
    )
}

/// What remains of a frame without its times and its cause.
fn brief(frame: &Value) -> Value {
    let mut frame = frame.clone();
    let fields = frame.as_object_mut().unwrap();
    fields.retain(|name, _| !name.ends_with("_us") && !name.starts_with("cause") && name != "topic");
    frame
}

#[test]
fn a_lineup_is_the_sum_of_its_slots_and_a_play_of_two_of_them_is_one_frame() {
    let mut rig = Rig::new();
    rig.feed(&pass(1, 1, 10));
    let key = rig.client();
    let said = ask(&mut rig, key, r#","name":"mine""#, PAIR);
    let topic = said[0]["topics"][0]["topic"].clone();
    assert_eq!(
        said[0],
        json!({
            "type": "subscribed",
            "id": 7,
            "name": "mine",
            "topics": [{"topic": topic, "ruleset": "ppr", "seq": FROM, "how": "snapshot", "reason": "fresh"}],
            "errors": [],
        })
    );
    // 10 × 0.04 × 1.5, and 10 × 0.1 with a catch.
    assert_eq!(
        brief(&said[1]),
        json!({
            "type": "snapshot",
            "ruleset": "ppr",
            "seq": FROM,
            "points": 2.6,
            "slots": [
                {
                    "slot": "CPT", "player": "Q", "game": "G", "multiplier": 1.5, "name": "Q", "team": "NE", "points": 0.6,
                    "stats": {"passing_yards": 10, "passing_attempts": 1, "completions": 1},
                },
                {
                    "slot": "WR", "player": "W", "game": "G", "name": "W", "team": "NE", "points": 2,
                    "stats": {"receiving_yards": 10, "receptions": 1},
                },
            ],
            "reason": "subscribe",
        })
    );
    assert_eq!(said[1]["topic"], topic);
    rig.feed(&pass(2, 1, 20));
    rig.pump();
    let said = rig.read(key);
    assert_eq!(said.len(), 1);
    assert_eq!(
        brief(&said[0]),
        json!({
            "type": "delta",
            "ruleset": "ppr",
            "seq": FROM + 1,
            "prev": FROM,
            "points": 6.8,
            "change": 4.2,
            "slots": [
                {
                    "slot": "CPT", "player": "Q", "points": 1.8, "change": 1.2,
                    "stats": {"passing_yards": 30, "passing_attempts": 2, "completions": 2},
                },
                {"slot": "WR", "player": "W", "points": 5, "change": 3, "stats": {"receiving_yards": 30, "receptions": 2}},
            ],
        })
    );
    assert_eq!(said[0]["cause"], json!({"game": "G", "play": "2", "rev": 1, "kind": "play"}));
}

#[test]
fn corrections_and_retractions_are_taken_back_to_the_unit() {
    let mut rig = Rig::new();
    let (key, _) = watcher(&mut rig);
    for line in [
        &pass(1, 1, 34),
        &pass(1, 2, 7),
        r#"{"type":"retract","game":"G","play":"1","rev":3}"#,
    ] {
        rig.feed(line);
        rig.pump();
    }
    let said = rig.read(key);
    // Who is new to the client is so with the game.
    assert_eq!(
        (&said[0]["slots"][0]["name"], &said[0]["slots"][0]["game"]),
        (&json!("Q"), &json!("G"))
    );
    assert_eq!(
        (&said[1]["slots"][0]["name"], &said[1]["slots"][0]["game"]),
        (&Value::Null, &Value::Null)
    );
    let told: Vec<_> = said
        .iter()
        .map(|frame| (&frame["points"], &frame["change"], &frame["cause"]["kind"]))
        .collect();
    assert_eq!(
        json!(told),
        json!([[6.44, 6.44, "play"], [2.12, -4.32, "correction"], [0, -2.12, "retraction"]])
    );
}

#[test]
fn equal_lineups_are_one_topic_under_one_ruleset() {
    let mut rig = Rig::new();
    let (first, topic) = watcher(&mut rig);
    let (second, same) = watcher(&mut rig);
    assert_eq!(topic, same);
    assert_eq!(rig.hub.lineup_counts(), (1, 0));
    let other = rig.client();
    let said = ask(&mut rig, other, r#","ruleset":"yahoo""#, PAIR);
    assert_ne!(said[0]["topics"][0]["topic"], topic);
    rig.feed(&pass(1, 1, 10));
    rig.pump();
    assert_eq!(rig.read(first), rig.read(second));
    assert_eq!(rig.read(other)[0]["points"], 2.1);
}

/// By its name, too: a lineup has a ruleset of its own, whatever is asked for.
#[test]
fn a_lineup_is_a_topic_like_any_other_once_it_is_there() {
    let mut rig = Rig::new();
    let key = rig.client();
    let of = |topic: &str| format!(r#"{{"op":"subscribe","ruleset":"yahoo","topics":["{topic}"]}}"#);
    rig.say(key, &of("lineup:0123456789abcdefghjk"));
    rig.pump();
    assert_eq!(rig.read(key)[0]["errors"][0]["code"], "unknown_lineup");
    let (_, topic) = watcher(&mut rig);
    rig.say(key, &of(&topic));
    rig.pump();
    let said = rig.read(key);
    assert_eq!(said[0]["topics"][0]["ruleset"], "ppr");
    assert_eq!((&said[1]["topic"], &said[1]["ruleset"]), (&json!(topic), &json!("ppr")));
    rig.say(key, &format!(r#"{{"op":"unsubscribe","topics":["{topic}"]}}"#));
    rig.pump();
    let said = rig.read(key);
    assert_eq!(said[0]["topics"], json!([{"topic": topic, "ruleset": "ppr"}]), "{said:?}");
}

#[test]
fn who_comes_back_is_sent_what_it_missed() {
    let mut rig = Rig::new();
    let (key, _) = watcher(&mut rig);
    let (away, _) = watcher(&mut rig);
    rig.feed(&pass(1, 1, 10));
    rig.pump();
    let held = rig.read(key)[0]["seq"].clone();
    for play in 2..4 {
        rig.feed(&pass(play, 1, 10));
    }
    rig.pump();
    let resume = |epoch: &str, seq: &Value| format!(r#","epoch":"{epoch}","since":{seq}"#);
    let said = ask(&mut rig, away, &resume("e1", &held), PAIR);
    assert_eq!(said[said.len() - 3]["topics"][0]["how"], "resumed", "{said:?}");
    let points: Vec<&Value> = said[said.len() - 2..].iter().map(|frame| &frame["points"]).collect();
    assert_eq!(points, [&json!(5.2), &json!(7.8)]);
    // Of another history, of before this server's, of a future.
    for (epoch, seq, reason) in [
        ("e0", held.clone(), "epoch"),
        ("e1", json!(FROM - 1), "too_old"),
        ("e1", json!(FROM + 99), "ahead"),
    ] {
        let said = ask(&mut rig, away, &resume(epoch, &seq), PAIR);
        assert_eq!(said[0]["topics"][0]["reason"], reason);
        assert_eq!((&said[1]["type"], &said[1]["points"]), (&json!("snapshot"), &json!(7.8)));
    }
}

#[test]
fn who_is_slow_gets_one_frame_for_all_and_beyond_the_ring_a_snapshot() {
    let mut rig = Rig::new();
    let (key, _) = watcher(&mut rig);
    rig.room(key, 0);
    for play in 1..5 {
        rig.feed(&pass(play, 1, 10));
        rig.pump();
    }
    rig.room(key, usize::MAX);
    let said = rig.read(key);
    let merged = said.last().unwrap();
    let sums: f64 = said.iter().map(|frame| frame["change"].as_f64().unwrap()).sum();
    assert_eq!((&merged["points"], (sums * 100.0).round()), (&json!(10.4), 1040.0), "{said:?}");
    assert_eq!(merged["slots"][1]["stats"], json!({"receiving_yards": 40, "receptions": 4}));
    rig.room(key, 0);
    for play in 5..25 {
        rig.feed(&pass(play, 1, 10));
        rig.pump();
    }
    rig.room(key, usize::MAX);
    let said = rig.read(key);
    let last = said.last().unwrap();
    assert_eq!((&last["reason"], &last["points"]), (&json!("lagged"), &json!(62.4)), "{said:?}");
}

#[test]
fn another_game_of_a_player_begins_with_a_snapshot_and_one_let_go_of_counts_for_nothing() {
    let mut rig = Rig::new();
    rig.feed(r#"{"type":"game","game":"G","status":"live","home":"NE","away":"HOU","kickoff":1}"#);
    rig.feed(&pass(1, 1, 10));
    let (key, _) = watcher(&mut rig);
    rig.feed(r#"{"type":"game","game":"H","status":"live","home":"NE","away":"BUF","kickoff":2}"#);
    rig.feed(r#"{"type":"play","game":"H","play":"1","stats":[{"player":"W","team":"NE","stat":21,"yards":5}]}"#);
    rig.pump();
    let said = rig.read(key);
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!((&said[0]["reason"], &said[0]["points"]), (&json!("new_game"), &json!(2.1)));
    assert_eq!(
        (&said[0]["slots"][0]["game"], &said[0]["slots"][1]["game"]),
        (&json!("G"), &json!("H"))
    );
    rig.feed(r#"{"type":"game","game":"G","rev":2,"status":"final","home":"NE","away":"HOU","kickoff":1}"#);
    rig.expire_unnoticed("G");
    rig.deliver();
    rig.pump();
    let said = rig.read(key);
    let last = said.last().unwrap();
    assert_eq!((&last["type"], &last["points"]), (&json!("snapshot"), &json!(1.5)), "{said:?}");
    assert_eq!(last["slots"][0]["game"], Value::Null);
}

#[test]
fn news_that_found_no_room_costs_a_look_and_no_point() {
    let mut rig = Rig::new();
    let (key, _) = watcher(&mut rig);
    rig.follower.take_counts();
    // The rig's hub has room for a hundred, and the follower does not look.
    for play in 1..=150 {
        rig.apply_line_unnoticed(&pass(play, 1, 10));
    }
    rig.deliver();
    rig.pump();
    assert!(rig.follower.take_counts().resyncs > 0);
    let said = rig.read(key);
    let last = said.last().unwrap();
    assert_eq!((&last["type"], &last["points"]), (&json!("snapshot"), &json!(390)), "{said:?}");
    rig.feed(&pass(151, 1, 10));
    rig.pump();
    let said = rig.read(key);
    assert_eq!((&said[0]["type"], &said[0]["change"]), (&json!("delta"), &json!(2.6)), "{said:?}");
}

#[test]
fn what_is_no_lineup_is_refused_and_one_too_many_too() {
    let mut rig = Rig::new();
    let key = rig.client();
    let said = ask(&mut rig, key, "", r#"[{"slot":"QB"}]"#);
    assert_eq!((&said[0]["id"], &said[0]["code"]), (&json!(7), &json!("bad_lineup")));
    assert_eq!(said[0]["message"], "slots[0]: player is missing");
    let one = |player: usize| format!(r#"[{{"slot":"QB","player":"p{player}"}}]"#);
    let said = ask(&mut rig, key, r#","ruleset":"nfl""#, &one(1));
    assert_eq!(said[0]["code"], "unknown_ruleset");
    for player in 0..5 {
        let key = rig.client();
        let said = ask(&mut rig, key, "", &one(player));
        match player {
            0..4 => assert_eq!(said[0]["errors"], json!([])),
            _ => assert_eq!(said[0]["errors"][0]["code"], "too_many_lineups"),
        }
    }
    assert_eq!(rig.hub.lineup_counts(), (4, 1));
}

#[test]
fn a_lineup_that_nobody_wants_is_forgotten_and_counts_on_when_it_is_there_again() {
    let mut rig = Rig::new();
    let (key, topic) = watcher(&mut rig);
    rig.feed(&pass(1, 1, 10));
    let forgotten = |rig: &mut Rig, after_us: i64| {
        rig.now_us += after_us;
        rig.follower.sweep(rig.now_us);
        rig.follower.take_counts().forgotten
    };
    assert_eq!(forgotten(&mut rig, 3_600 * SECOND), 0, "it is watched");
    rig.say(key, &format!(r#"{{"op":"unsubscribe","topics":["{topic}"]}}"#));
    rig.pump();
    rig.read(key);
    assert_eq!(forgotten(&mut rig, SECOND), 0);
    rig.feed(&pass(2, 1, 10));
    // Who comes back in time is sent what it missed.
    let said = ask(&mut rig, key, &format!(r#","epoch":"e1","since":{}"#, FROM + 1), PAIR);
    assert_eq!((&said[0]["topics"][0]["how"], &said[1]["points"]), (&json!("resumed"), &json!(5.2)));
    rig.say(key, &format!(r#"{{"op":"unsubscribe","topics":["{topic}"]}}"#));
    rig.pump();
    rig.read(key);
    // It was asked for since it was looked at, and idle from the next look on.
    assert_eq!(forgotten(&mut rig, SECOND), 0);
    assert_eq!(forgotten(&mut rig, SECOND), 0);
    assert_eq!(forgotten(&mut rig, 119 * SECOND), 0);
    assert_eq!(forgotten(&mut rig, SECOND), 1);
    assert_eq!(rig.hub.lineup_counts(), (0, 0));
    rig.feed(&pass(3, 1, 10));
    let said = ask(&mut rig, key, &format!(r#","epoch":"e1","since":{}"#, FROM + 2), PAIR);
    assert_eq!(said[0]["topics"][0]["reason"], "too_old");
    assert_eq!(said[1]["points"], 7.8);
    assert!(said[1]["seq"].as_u64().unwrap() > FROM + 2);
}

#[test]
fn a_token_must_allow_the_lineup_and_its_ruleset() {
    let mut rig = Rig::new();
    let ppr = [Rulesets::embedded().index("ppr").unwrap()];
    for (topics, ruleset, allowed) in [
        ("lineup:*", "ppr", true),
        ("*", "ppr", true),
        ("player:*", "ppr", false),
        ("lineup:*", "yahoo", false),
    ] {
        let grant = Grant::new(Some(vec![Pattern::parse(topics).unwrap()]), Some(&ppr), None);
        let key = rig
            .shard
            .connect_with(Kind::WebSocket(Form::PLAIN), Access::Granted(Arc::new(grant)), rig.now());
        rig.pump();
        rig.read(key);
        let said = ask(&mut rig, key, &format!(r#","ruleset":"{ruleset}""#), PAIR);
        let code = if allowed { Value::Null } else { json!("forbidden") };
        assert_eq!(said[0]["errors"][0]["code"], code, "{topics} {ruleset}");
        // What is not allowed is not made.
        assert_eq!(rig.hub.lineup_counts().0, 1);
        // By its name it is no other.
        let topic = said[0]["topics"][0]["topic"]
            .as_str()
            .or(said[0]["errors"][0]["topic"].as_str())
            .unwrap();
        rig.say(key, &format!(r#"{{"op":"subscribe","topics":["{topic}"]}}"#));
        rig.pump();
        assert_eq!(rig.read(key)[0]["errors"] == json!([]), allowed, "{topics} {ruleset}");
        rig.read(key);
    }
}

/// The follower lets go of the last lineup with the passer while two others with him are under way to it: he scores
/// before it has heard of either, and it is not told.
#[test]
fn a_score_between_one_lineups_end_and_anothers_beginning_is_in_all_of_them() {
    let mut rig = Rig::new();
    let (key, topic) = watcher(&mut rig);
    rig.say(key, &format!(r#"{{"op":"unsubscribe","topics":["{topic}"]}}"#));
    rig.pump();
    for _ in 0..2 {
        rig.now_us += SECOND;
        rig.follower.sweep(rig.now_us);
    }
    let late = [rig.client(), rig.client()];
    for (number, key) in late.into_iter().enumerate() {
        let slots = format!(r#"[{{"slot":"QB","player":"Q"}},{{"slot":"RB","player":"r{number}"}}]"#);
        rig.say(key, &format!(r#"{{"op":"lineup","slots":{slots}}}"#));
    }
    rig.pump();
    rig.now_us += 120 * SECOND;
    rig.follower.sweep(rig.now_us);
    assert_eq!(rig.follower.take_counts().forgotten, 1);
    rig.apply_line_unnoticed(&pass(1, 1, 100));
    rig.deliver();
    rig.pump();
    for key in late {
        let said = rig.read(key);
        assert_eq!(said.last().unwrap()["points"], 4, "{said:?}");
    }
}

#[test]
fn players_of_lineups_leave_room_to_others_and_a_refused_lineup_leaves_nothing() {
    let mut rig = Rig::with(|limits| (limits.subscriptions_max, limits.replies_bytes_max) = (100, 100_000));
    let key = rig.client();
    let some = |from: usize| {
        let slots: Vec<Value> = (from..from + 30)
            .map(|player| json!({"slot": "X", "player": format!("p{player}")}))
            .collect();
        json!(slots).to_string()
    };
    let said = ask(&mut rig, key, "", &some(0));
    assert_eq!(said[0]["errors"], json!([]));
    let before = rig.hub.rings().topics;
    // The rig's hub has room for a hundred topics.
    let said = ask(&mut rig, key, "", &some(30));
    assert_eq!(said[0]["errors"][0]["code"], "too_many_topics");
    assert_eq!(rig.hub.rings().topics, before);
    assert_eq!(rig.hub.lineup_counts(), (1, 1));
    // Others are still taken.
    rig.say(key, r#"{"op":"subscribe","topics":["player:new"]}"#);
    rig.pump();
    assert_eq!(rig.read(key)[0]["errors"], json!([]));
}

#[test]
fn the_slots_of_a_clients_lineups_count_as_subscriptions() {
    let mut rig = Rig::new();
    let key = rig.client();
    let two = |player: usize| format!(r#"[{{"slot":"A","player":"a{player}"}},{{"slot":"B","player":"b{player}"}}]"#);
    for (player, code) in [
        (1, Value::Null),
        (2, Value::Null),
        (3, json!("too_many_subscriptions")),
        (2, Value::Null),
    ] {
        let said = ask(&mut rig, key, "", &two(player));
        assert_eq!(said[0]["errors"][0]["code"], code, "{player}");
    }
    assert_eq!(rig.hub.lineup_counts().0, 2, "what is refused is not made");
}
