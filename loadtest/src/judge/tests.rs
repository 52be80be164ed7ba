use super::*;
use crate::plays::{CAST, RULESET, Script};
use serde_json::json;

const TS0: u64 = 1_700_000_000_000_000;

fn judge() -> Judge {
    let schedule = Schedule::steady(10, 250_000);
    let content = Content::Script(Oracle::new(Script::new("g", 10)));
    let mut judge = Judge::new(&["game:g".to_owned()], RULESET, Coding::Json, schedule, content);
    let start = json!({"type": "snapshot", "topic": "game:g", "ruleset": RULESET, "seq": 40, "players": []});
    let shown = Shown {
        topic: 0,
        seq: 40,
        prev: None,
        newest: None,
        oldest: None,
    };
    assert_eq!(judge.read(start.to_string().as_bytes()).unwrap(), Said::Shown(shown));
    judge.start(TS0);
    judge
}

/// The right delta from `before` plays to `after`.
fn delta(before: usize, after: usize) -> Value {
    let script = Script::new("g", 10);
    let (held, totals) = (script.totals(before).unwrap(), script.totals(after).unwrap());
    let players: Vec<Value> = (0..CAST)
        .filter(|&i| held[i] != totals[i])
        .map(|i| {
            let (old, new) = (held[i].points(), totals[i].points());
            let moved = totals[i].stats().into_iter().zip(held[i].stats()).filter(|(new, old)| new != old);
            let stats: Value = moved.map(|((name, total), _)| (name.to_owned(), json!(total))).collect();
            json!({"player": crate::plays::player_id(i), "points": new as f64 / 1e4, "change": (new - old) as f64 / 1e4, "stats": stats})
        })
        .collect();
    let due = |play: usize| TS0 + (play as u64 - 1) * 250_000;
    json!({"type": "delta", "topic": "game:g", "ruleset": RULESET, "seq": 40 + after, "prev": 40 + before,
        "feed_ts": due(after), "feed_ts_first": due(before + 1), "players": players})
}

#[test]
fn right_deltas_pass_merged_or_not_and_the_second_is_compared() {
    let mut judge = judge();
    for (before, after) in [(0, 1), (1, 2), (2, 9)] {
        let bytes = delta(before, after).to_string();
        for _ in 0..2 {
            let shown = Shown {
                topic: 0,
                seq: 40 + after as u64,
                prev: Some(40 + before as u64),
                newest: Some(after as u32 - 1),
                oldest: Some(before as u32),
            };
            assert_eq!(judge.read(bytes.as_bytes()).unwrap(), Said::Shown(shown));
        }
    }
    assert_eq!((judge.parsed, judge.compared), (4, 3));
    assert_eq!(
        (judge.event(0, 40), judge.event(0, 41), judge.event(0, 45)),
        (None, Some(0), Some(4))
    );
}

#[test]
fn every_kind_of_wrong_delta_is_named() {
    let wrong = |path: &str, value: Value| {
        let mut message = delta(2, 5);
        *message.pointer_mut(path).unwrap() = value;
        format!("{:#}", judge().read(message.to_string().as_bytes()).unwrap_err())
    };
    assert!(wrong("/players/0/points", json!(1.5)).contains("must have"));
    assert!(wrong("/players/0/change", json!(0)).contains("must change by"));
    assert!(wrong("/players/0/stats/passing_yards", json!(7777)).contains("has passing_yards 7777 and must have"));
    assert!(wrong("/players/0/stats", json!({})).contains("must have passing_attempts"));
    assert!(wrong("/players/1/stats", json!({"rushing_zeal": 1})).contains("rushing_zeal"));
    assert!(wrong("/players", json!([])).contains("is missing"));
    assert!(wrong("/feed_ts", json!(TS0)).contains("its play was posted with another"));
    assert!(wrong("/feed_ts", json!(TS0 + 3)).contains("with which no event was posted"));
    assert!(wrong("/prev", json!(45)).contains("does not follow"));
    assert!(wrong("/prev", json!(12)).contains("before 40"));
    assert!(wrong("/seq", json!(51)).contains("past the last play"));
    assert!(wrong("/topic", json!("game:other")).contains("nobody asked"));
    assert!(wrong("/ruleset", json!("ppr")).contains("not the ruleset"));
    assert!(wrong("/type", json!("goodbye")).contains("going away"));
}

#[test]
fn the_last_word_must_include_every_play() {
    let mut judge = judge();
    judge.read(delta(0, 10).to_string().as_bytes()).unwrap();
    let mut last = delta(0, 10);
    judge.settle(0, &last).unwrap();
    last["seq"] = json!(49);
    assert!(judge.settle(0, &last).unwrap_err().to_string().contains("has 9 of 10 plays"));
}

#[test]
fn what_moved_is_told_once_and_another_epoch_is_a_restart() {
    let topics = ["player:a", "player:b"].map(str::to_owned);
    let content = Content::Totals(Totals::new(2));
    let mut judge = Judge::new(&topics, "ppr", Coding::Json, Schedule::steady(3, 1_000), content);
    let mut say = |value: Value| judge.read(value.to_string().as_bytes());
    say(json!({"type": "welcome", "epoch": "e"})).unwrap();
    assert!(
        say(json!({"type": "welcome", "epoch": "f"}))
            .unwrap_err()
            .root_cause()
            .to_string()
            .contains("started again")
    );
    let granted =
        json!({"type": "subscribed", "errors": [], "topics": [{"topic": "player:b", "ruleset": "ppr", "seq": 3, "how": "resumed"}]});
    let Said::Subscribed(granted) = say(granted).unwrap() else {
        panic!("not the answer")
    };
    assert_eq!((granted[0].topic, granted[0].seq, granted[0].resumed), (1, 3, true));
    say(json!({"type": "snapshot", "topic": "player:b", "ruleset": "ppr", "seq": 3, "points": 0, "stats": {}})).unwrap();
    judge.start(TS0);
    let delta = json!({"type": "delta", "topic": "player:b", "ruleset": "ppr", "seq": 4, "prev": 3, "points": 1, "change": 1,
        "stats": {}, "feed_ts": TS0 + 2_000});
    judge.read(delta.to_string().as_bytes()).unwrap();
    judge.read(delta.to_string().as_bytes()).unwrap();
    let mut nameless = delta.clone();
    (nameless["seq"], nameless["prev"], nameless["feed_ts"]) = (json!(5), json!(4), Value::Null);
    let error = judge.read(nameless.to_string().as_bytes()).unwrap_err();
    assert!(format!("{error:#}").contains("feed_ts is missing"), "{error:#}");
    let moves = judge.take_moves();
    assert_eq!(moves.len(), 1);
    assert_eq!((moves[0].topic, moves[0].seq, moves[0].event, moves[0].points), (1, 4, 2, 10_000));
    assert_eq!(judge.event(1, 4), Some(2));
}

#[test]
fn compressed_messages_are_judged_once_and_never_taken_for_plain_ones() {
    let mut judge = judge();
    let plain = delta(0, 1).to_string();
    // A block that is stored as it is, and what a sender leaves out after it (RFC 7692, 7.2.3.3).
    let length = (plain.len() as u16).to_le_bytes();
    let header = [0x00, length[0], length[1], !length[0], !length[1]];
    let compressed = [&header[..], plain.as_bytes(), &[0x00]].concat();
    let said = judge.read_deflated(&compressed).unwrap();
    assert_eq!(judge.read_deflated(&compressed).unwrap(), said);
    assert_eq!((judge.parsed, judge.compared), (2, 1), "the snapshot and this");
    assert!(judge.read(&compressed).is_err(), "its bit was forgotten");
    assert!(judge.read_deflated(plain.as_bytes()).is_err(), "and here it is too much");
    assert_eq!(judge.read(plain.as_bytes()).unwrap(), said);
}
