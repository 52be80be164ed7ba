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
    let mut delta = json!({"type": "delta", "topic": "game:g", "ruleset": RULESET, "seq": 40 + after, "prev": 40 + before,
        "feed_ts": due(after), "players": players});
    match after - before {
        1 => delta["cause"] = cause(),
        changes => {
            delta["causes"] = vec![cause(); changes].into();
            delta["feed_ts_first"] = json!(due(before + 1));
        }
    }
    delta
}

fn cause() -> Value {
    json!({"game": "g", "play": "1", "rev": 1, "kind": "play"})
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
    assert!(wrong("/feed_ts", json!(TS0 + 750_000)).contains("seq 45 carries feed_ts 1700000000750000; its play"));
    assert!(wrong("/feed_ts", json!(TS0)).contains("feed_ts_first is later than feed_ts"));
    assert!(wrong("/feed_ts_first", json!(TS0 + 750_000)).contains("seq 43 carries feed_ts_first 1700000000750000; its play"));
    assert!(wrong("/feed_ts_first", json!(null)).contains("feed_ts_first is missing, of 3 changes"));
    assert!(wrong("/causes/2", json!(null)).contains("cause is null"));
    assert!(wrong("/causes/2/kind", json!("whim")).contains("must name a game and a kind"));
    assert!(wrong("/causes", json!([cause(), cause()])).contains("2 causes and 0 left out, of 3 changes"));
    assert!(wrong("/feed_ts", json!(TS0 + 3)).contains("with which no event was posted"));
    assert!(wrong("/prev", json!(45)).contains("does not follow"));
    let elsewhere = |prev: u64| {
        let mut message = delta(2, 5);
        (message["prev"], message["seq"]) = (json!(prev), json!(prev + 3));
        format!("{:#}", judge().read(message.to_string().as_bytes()).unwrap_err())
    };
    assert!(elsewhere(12).contains("before 40"));
    assert!(elsewhere(48).contains("past the last play"));
    assert!(wrong("/topic", json!("game:other")).contains("nobody asked"));
    assert!(wrong("/ruleset", json!("ppr")).contains("not the ruleset"));
    assert!(wrong("/type", json!("goodbye")).contains("going away"));
}

#[test]
fn causes_and_those_left_out_are_as_many_as_the_changes() {
    let merged = |causes: usize, more: Value| {
        let mut message = more;
        message["causes"] = vec![cause(); causes].into();
        message
    };
    check_causes(&json!({"cause": cause()}), 1).unwrap();
    check_causes(&merged(16, json!({})), 16).unwrap();
    check_causes(&merged(16, json!({"causes_omitted": 4})), 20).unwrap();
    let wrong = |message: Value, changes: u64| format!("{:#}", check_causes(&message, changes).unwrap_err());
    assert!(wrong(merged(16, json!({"causes_omitted": 3})), 20).contains("16 causes and 3 left out, of 20 changes"));
    assert!(wrong(merged(16, json!({"causes_omitted": u64::MAX})), 15).contains("left out"));
    assert!(wrong(merged(17, json!({})), 17).contains("17 causes in one frame"));
    assert!(wrong(merged(0, json!({"causes_omitted": 2})), 2).contains("0 causes in one frame"));
    assert!(wrong(merged(2, json!({"cause": cause()})), 2).contains("one cause of 2 changes"));
    assert!(wrong(merged(1, json!({})), 1).contains("one change with several causes"));
    assert!(wrong(json!({}), 1).contains("cause is null"));
    assert!(wrong(json!({"cause": cause()}), 2).contains("causes are missing, of 2 changes"));
}

#[test]
fn the_first_event_of_a_merged_frame_is_told_too() {
    let content = Content::Totals(Totals::new(1));
    let mut judge = Judge::new(&["player:a".to_owned()], "ppr", Coding::Json, Schedule::steady(9, 1_000), content);
    let mut say = |value: &Value| judge.read(value.to_string().as_bytes());
    say(&json!({"type": "snapshot", "topic": "player:a", "ruleset": "ppr", "seq": 3, "points": 0, "stats": {}})).unwrap();
    judge.start(TS0);
    let merged = json!({"type": "delta", "topic": "player:a", "ruleset": "ppr", "seq": 5, "prev": 3, "points": 1, "change": 1,
        "stats": {}, "feed_ts": TS0 + 4_000, "feed_ts_first": TS0 + 2_000, "causes": [cause(), cause()]});
    let Said::Shown(shown) = judge.read(merged.to_string().as_bytes()).unwrap() else {
        panic!("not a delta")
    };
    assert_eq!((shown.oldest, shown.newest), (Some(2), Some(4)));
    let moves = judge.take_moves();
    let told: Vec<_> = moves.iter().map(|moved| (moved.seq, moved.event, moved.points)).collect();
    assert_eq!(told, [(5, 4, Some(10_000)), (4, 2, None)]);
    let mut other = merged.clone();
    other["feed_ts_first"] = json!(TS0 + 3_000);
    let error = judge.read(other.to_string().as_bytes()).unwrap_err();
    assert!(
        format!("{error:#}").contains("seq 4 came of event 3 here and of event 2"),
        "{error:#}"
    );
}

#[test]
fn the_last_word_must_include_every_play() {
    let mut judge = judge();
    judge.read(delta(0, 10).to_string().as_bytes()).unwrap();
    let mut last = delta(0, 10);
    judge.settle(0, &last, 10).unwrap();
    last["seq"] = json!(49);
    assert!(judge.settle(0, &last, 10).unwrap_err().to_string().contains("has 9 of 10 plays"));
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
        "stats": {}, "feed_ts": TS0 + 2_000, "cause": cause()});
    judge.read(delta.to_string().as_bytes()).unwrap();
    judge.read(delta.to_string().as_bytes()).unwrap();
    let mut nameless = delta.clone();
    (nameless["seq"], nameless["prev"], nameless["feed_ts"]) = (json!(5), json!(4), Value::Null);
    let error = judge.read(nameless.to_string().as_bytes()).unwrap_err();
    assert!(format!("{error:#}").contains("feed_ts is missing"), "{error:#}");
    let moves = judge.take_moves();
    assert_eq!(moves.len(), 1);
    assert_eq!(
        (moves[0].topic, moves[0].seq, moves[0].event, moves[0].points),
        (1, 4, 2, Some(10_000))
    );
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
