use super::*;
use crate::lineups::Lineups;
use serde_json::json;

const TOPICS: [&str; 5] = ["player:q", "player:w", "player:x", "player:dst:NE", "player:dst:HOU"];
const Q: u32 = 0;
const W: u32 = 1;
const X: u32 = 2;
const NE: u32 = 3;
const HOU: u32 = 4;

fn play(play: &str, rev: u64, stats: &[(&str, &str, u64, i64)]) -> Value {
    let stats: Vec<Value> = stats
        .iter()
        .map(|(player, team, stat, yards)| json!({"player": player, "team": team, "stat": stat, "yards": yards}))
        .collect();
    json!({"type": "play", "game": "g", "play": play, "rev": rev, "stats": stats})
}

fn game(name: &str, rev: u64, status: &str, kickoff: u64, score: &Value) -> Value {
    json!({"type": "game", "game": name, "rev": rev, "status": status, "home": "NE", "away": "HOU", "kickoff": kickoff, "score": score})
}

/// A little of everything that feeds do.
fn events() -> Vec<Value> {
    vec![
        game("g", 2, "live", 9, &Value::Null),
        play("1", 1, &[("q", "NE", 15, 25), ("w", "NE", 21, 25), ("0", "HOU", 79, 0)]),
        // To somebody else, and further.
        play("1", 2, &[("q", "NE", 16, 30), ("x", "NE", 22, 30)]),
        // What is old or said before moves nobody.
        play("1", 1, &[("q", "NE", 15, 25), ("w", "NE", 21, 25)]),
        play("1", 2, &[]),
        // A phantom, and its end.
        play("2", 1, &[("w", "NE", 10, 120)]),
        json!({"type": "retract", "game": "g", "play": "2", "rev": 2}),
        // Two tacklers, one safety; the defence of HOU allowed 6 by the plays and 7 by the score.
        play("3", 1, &[("a", "HOU", 89, 0), ("b", "HOU", 89, 0), ("q", "NE", 20, -5)]),
        json!({"type": "situation", "game": "g", "after_play": "3", "score": {"NE": 7, "HOU": 2}}),
        json!({"type": "situation", "game": "g", "after_play": "9", "score": {"NE": 50, "HOU": 2}}),
        // Called back: the feed sends those records that stand.
        json!({"type": "play", "game": "g", "play": "4", "no_play": true, "stats": [{"player": "w", "team": "NE", "stat": 115}]}),
    ]
}

fn truth_of(events: &[Value]) -> Truth {
    let lines: Vec<String> = events.iter().map(Value::to_string).collect();
    let opening = [game("g", 1, "scheduled", 9, &Value::Null).to_string()];
    Truth::of(&opening, &lines, &TOPICS.map(str::to_owned), "draftkings").unwrap()
}

fn moved(topic: u32, seq: u64, event: u32, points: i64) -> Moved {
    Moved {
        topic,
        seq,
        event,
        points: Some(points),
        bytes: 0,
    }
}

/// What a merged frame says of its first event.
fn first(topic: u32, seq: u64, event: u32) -> Moved {
    Moved {
        points: None,
        ..moved(topic, seq, event, 0)
    }
}

/// What frames of a right server say: everything that moved a player, and some of the defences' moves.
fn moves() -> Vec<Moved> {
    vec![
        moved(Q, 1, 1, 10_000),
        moved(Q, 2, 2, 52_000),
        moved(Q, 3, 7, 52_000),
        moved(W, 1, 1, 35_000),
        moved(W, 2, 2, 0),
        moved(W, 3, 5, 150_000),
        moved(W, 4, 6, 0),
        moved(W, 5, 10, 0),
        moved(X, 1, 2, 100_000),
        moved(NE, 2, 0, 100_000),
        moved(HOU, 4, 7, 90_000),
    ]
}

fn last() -> Vec<Value> {
    let passer = json!({"passing_attempts": 1, "completions": 1, "passing_yards": 30, "passing_tds": 1, "sacked": 1});
    vec![
        json!({"seq": 3, "points": 5.2, "stats": passer}),
        json!({"seq": 5, "points": 0, "stats": {"targets": 1}}),
        json!({"seq": 1, "points": 10, "stats": {"receptions": 1, "receiving_yards": 30, "receiving_tds": 1}}),
        json!({"seq": 2, "points": 10, "stats": {"points_allowed": 0}}),
        json!({"seq": 5, "points": 6, "stats": {"safeties": 1, "points_allowed": 7}}),
    ]
}

#[test]
fn a_right_server_agrees_with_the_feed() {
    let truth = truth_of(&events());
    let faults = truth.check(&moves(), &last());
    assert_eq!(faults.told, Vec::<String>::new());
    // Merged frames name the newest event alone; of a topic that nobody follows there is no last word.
    let some = [moved(W, 4, 6, 0), moved(Q, 3, 7, 52_000)];
    let nobody_follows_w = [&last()[..1], &[Value::Null]].concat();
    assert_eq!(truth.check(&some, &nobody_follows_w).count, 0);
    assert_eq!(truth.check(&[first(W, 2, 2), first(Q, 1, 1)], &last()).count, 0);
    // Announced before the run; begun, and for HOU the safety within it.
    assert_eq!(truth.deliveries_due(&[1, 10, 100, 1_000, 10_000]), 3 + 50 + 100 + 1_000 + 20_000);
}

fn lie(moves: &[Moved], topic: u32, change: impl FnOnce(&mut Value)) -> String {
    let mut last = last();
    change(&mut last[topic as usize]);
    let faults = truth_of(&events()).check(moves, &last);
    assert!(faults.count > 0, "not noticed");
    faults.told.join("\n")
}

#[test]
fn a_server_that_agrees_with_itself_and_not_with_the_feed_is_caught() {
    let end = |topic, change: fn(&mut Value)| lie(&moves(), topic, change);
    assert!(end(W, |w| *w = json!({"seq": 0, "points": 0, "stats": {}})).contains("player:w: ended at seq 0; by the feed 5 to 5"));
    assert!(end(X, |x| x["seq"] = json!(2)).contains("player:x: ended at seq 2; by the feed 1 to 1"));
    assert!(end(X, |x| x["stats"]["receiving_yards"] = json!(25)).contains("receiving_yards 250000/10000, by the feed 300000"));
    assert!(end(X, |x| x["stats"]["targets"] = json!(1)).contains("targets 10000/10000, by the feed 0"));
    assert!(end(W, |w| w["stats"] = json!({})).contains("targets 0/10000, by the feed 10000"));
    assert!(end(Q, |q| q["points"] = json!(5.24)).contains("52400/10000 points, by the feed 52000"));
    assert!(end(HOU, |hou| hou["stats"]["safeties"] = json!(2)).contains("safeties 20000/10000"));
    assert!(end(HOU, |hou| hou["stats"]["points_allowed"] = json!(6)).contains("points_allowed 6, by the feed 7"));
    assert!(end(NE, |ne| ne["stats"] = json!({})).contains("points_allowed is missing"));
    assert!(end(NE, |ne| ne["points"] = json!(0)).contains("0/10000 points, by the feed 100000"));
    assert!(end(HOU, |hou| hou["seq"] = json!(1)).contains("ended at seq 1"));
}

#[test]
fn frames_that_tell_of_the_wrong_event_or_total_are_caught() {
    let frame = |moved| lie(&[moved], Q, |_| {});
    // The play was another's; a repeat; a revision that is too old.
    assert!(frame(moved(X, 1, 1, 35_000)).contains("player:x: event 1 moved it to seq 1 and is not about it"));
    assert!(frame(moved(Q, 3, 4, 52_000)).contains("event 4 moved it"));
    assert!(frame(moved(W, 3, 3, 35_000)).contains("event 3 moved it"));
    // The first of what a merged frame stands for was another.
    assert!(frame(first(W, 2, 5)).contains("event 5 moved it to seq 2; 3 to 3 events"));
    assert!(frame(first(Q, 1, 3)).contains("is not about it"));
    // Right in the end, wrong on the way.
    assert!(frame(moved(W, 2, 2, 35_000)).contains("35000/10000 points after event 2 (seq 2), by the feed 0"));
    assert!(frame(moved(W, 2, 5, 150_000)).contains("3 to 3 events have moved it by then"));
    assert!(frame(moved(NE, 1, 0, 0)).contains("2 to 2 events"));
}

#[test]
fn the_last_word_on_points_allowed_is_the_final_score() {
    let over = game("g", 3, "final", 9, &json!({"NE": 13, "HOU": 2}));
    let truth = truth_of(&[events(), vec![over]].concat());
    let mut last = last();
    last[HOU as usize] = json!({"seq": 5, "points": 6, "stats": {"safeties": 1, "points_allowed": 13}});
    assert_eq!(truth.check(&[], &last).told, Vec::<String>::new());
}

#[test]
fn a_player_is_shown_in_the_latest_game_that_has_begun() {
    let other = |stats: Value| json!({"type": "play", "game": "h", "play": "1", "stats": stats});
    let run = json!([{"player": "x", "team": "NE", "stat": 10, "yards": 7}]);
    let earlier = [game("h", 1, "live", 8, &Value::Null), other(run.clone())];
    assert_eq!(truth_of(&[events(), earlier.to_vec()].concat()).check(&moves(), &last()).count, 0);
    let later = [game("h", 1, "live", 10, &Value::Null), other(run)];
    let back = play("5", 1, &[("x", "NE", 21, 9)]);
    let truth = truth_of(&[events(), later.to_vec(), vec![back]].concat());
    let shown = json!({"seq": 2, "points": 0.7, "stats": {"rushing_attempts": 1, "rushing_yards": 7}});
    let check = |x: Value| truth.check(&[], &[Value::Null, Value::Null, x]);
    assert_eq!(check(shown).told, Vec::<String>::new());
    assert!(check(last()[X as usize].clone()).told[0].contains("ended at seq 1; by the feed 2 to 2"));
}

/// What is said of a receiver who caught a touchdown of 30 yards, with these points.
fn receiver_under(ruleset: &str, points: f64) -> (Faults, Faults) {
    let lines: Vec<String> = events().iter().map(Value::to_string).collect();
    let truth = Truth::of(&[], &lines, &["player:x".to_owned()], ruleset).unwrap();
    let mut x = last()[X as usize].clone();
    x["points"] = json!(points);
    let frame = moved(0, 1, 2, (points * 1e4) as i64);
    (truth.check(&[frame], &[Value::Null]), truth.check(&[], &[x]))
}

#[test]
fn points_are_those_of_the_ruleset_in_frames_and_in_the_end() {
    for (ruleset, points) in [
        ("ppr", 10.0),
        ("half_ppr", 9.5),
        ("standard", 9.0),
        ("fanduel", 9.5),
        ("yahoo", 9.5),
    ] {
        let (frame, end) = receiver_under(ruleset, points);
        assert_eq!((frame.count, end.count), (0, 0), "{ruleset}: {frame:?} {end:?}");
        let (frame, end) = receiver_under(ruleset, points + 1.0);
        assert!(
            frame.told[0].contains("points after event 2") && end.told[0].contains("ended with"),
            "{ruleset}"
        );
    }
}

#[test]
fn under_rules_that_are_not_known_stats_alone_are_held() {
    let (frame, end) = receiver_under("mine", 99.0);
    assert_eq!((frame.count, end.count), (0, 0), "{frame:?} {end:?}");
    let lines: Vec<String> = events().iter().map(Value::to_string).collect();
    let truth = Truth::of(&[], &lines, &["player:x".to_owned()], "mine").unwrap();
    let mut x = last()[X as usize].clone();
    x["stats"]["receptions"] = json!(2);
    assert_eq!(truth.check(&[], &[x]).count, 1);
}

/// A lineup of the passer and a receiver, and one of a receiver and a defence. What a server says of them.
fn lineups_of_two() -> (Truth, Vec<Moved>, Vec<Value>) {
    let (lineups, _) = Lineups::of(TOPICS.map(str::to_owned).to_vec(), vec![vec![Q, W], vec![X, HOU]]).unwrap();
    let began = ["lineup:a", "lineup:b"].map(|topic| json!({"topic": topic, "seq": 900}));
    let truth = truth_of(&events()).of_lineups(&lineups, &began).unwrap();
    let slot = |player: &str, last: &Value| json!({"player": player, "points": last["points"], "stats": last["stats"]});
    let players = last();
    let ends = vec![
        json!({"seq": 906, "points": 5.2, "slots": [slot("w", &players[1]), slot("q", &players[0])]}),
        json!({"seq": 906, "points": 16, "slots": [slot("x", &players[2]), slot("dst:HOU", &players[4])]}),
    ];
    (
        truth,
        vec![moved(0, 901, 1, 45_000), moved(0, 903, 5, 202_000), first(1, 902, 2)],
        ends,
    )
}

#[test]
fn a_lineup_is_moved_by_whatever_moves_one_of_its_players() {
    let (truth, moves, ends) = lineups_of_two();
    assert_eq!(truth.check(&moves, &ends).told, Vec::<String>::new());
    // Both players are in the first two plays; the other's defence is sure to move twice.
    assert_eq!(truth.deliveries_due(&[1, 100]), 6 + 300);
}

#[test]
fn a_lineup_of_the_wrong_players_or_sum_is_caught() {
    let lie = |change: fn(&mut Vec<Moved>, &mut Vec<Value>)| {
        let (truth, mut moves, mut ends) = lineups_of_two();
        change(&mut moves, &mut ends);
        let faults = truth.check(&moves, &ends);
        assert_eq!(faults.count, 1, "{:?}", faults.told);
        faults.told[0].clone()
    };
    assert!(lie(|moves, _| moves[0].event = 9).contains("lineup:a: event 9 moved it to seq 901 and is about none"));
    assert!(lie(|_, ends| ends[0]["seq"] = json!(905)).contains("was moved 5 times; by the feed 6 to 6"));
    assert!(lie(|_, ends| ends[0]["points"] = json!(5.3)).contains("its slots come to 52000"));
    assert!(lie(|_, ends| ends[0]["slots"][0]["player"] = json!("x")).contains("ended without w"));
    assert!(lie(|_, ends| ends[1]["slots"][0]["stats"]["receptions"] = json!(2)).contains("x: ended with receptions"));
    assert!(lie(|_, ends| drop(ends[1]["slots"].as_array_mut().unwrap().pop())).contains("1 slots of 2"));
}
