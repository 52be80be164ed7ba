//! What subscribers are sent when the game that they follow is let go of.

use super::rig::{Rig, SECOND, run_line, seqs};
use serde_json::{Value, json};

const TOPICS: [&str; 4] = ["player:R", "game:G", "team:NE", "slate"];

/// A client of each topic of game `G`, at its head.
fn followers(rig: &mut Rig) -> Vec<crate::fanout::shard::ConnKey> {
    let keys: Vec<_> = TOPICS.iter().map(|topic| rig.subscriber(topic)).collect();
    for _ in 0..2 {
        rig.play();
        rig.pump();
    }
    keys.iter().for_each(|key| drop(rig.read(*key)));
    keys
}

/// Each kind of snapshot shows nothing.
fn assert_shows_nothing(frame: &Value) {
    assert_eq!(
        (&frame["type"], &frame["reason"]),
        (&json!("snapshot"), &json!("new_game")),
        "{frame}"
    );
    assert!(frame["game"].is_null() && frame["status"].is_null(), "{frame}");
    for list in ["players", "games"] {
        assert!(frame[list].as_array().is_none_or(Vec::is_empty), "{frame}");
    }
    if frame["topic"] == "player:R" {
        assert_eq!((&frame["points"], &frame["stats"]), (&json!(0), &json!({})), "{frame}");
    }
}

#[test]
fn followers_of_a_game_that_is_let_go_of_are_shown_nothing_under_the_next_seq() {
    let mut rig = Rig::new();
    let keys = followers(&mut rig);
    rig.expire_unnoticed("G");
    rig.deliver();
    rig.pump();
    for (key, topic) in keys.iter().zip(TOPICS) {
        let frames = rig.read(*key);
        // A run without a clock is on the scoreboard once.
        let expected = if topic == "slate" { 2 } else { 3 };
        assert_eq!(seqs(&frames), [(None, expected)], "{topic}");
        assert_shows_nothing(&frames[0]);
        // Whoever asks from now on is shown the same, and whoever has it is up to date.
        let fresh = rig.client();
        rig.say(fresh, &format!(r#"{{"op":"subscribe","topics":["{topic}"]}}"#));
        rig.pump();
        let mut frames = rig.read(fresh);
        assert_eq!(seqs(&frames), [(None, expected)], "{topic}");
        frames[1]["reason"] = "new_game".into();
        assert_shows_nothing(&frames[1]);
    }
}

#[test]
fn whoever_was_behind_gets_one_frame_and_nothing_of_the_game() {
    let mut rig = Rig::new();
    let keys = followers(&mut rig);
    keys.iter().for_each(|key| rig.room(*key, 0));
    for _ in 0..3 {
        rig.play();
        rig.pump();
    }
    rig.expire_unnoticed("G");
    rig.deliver();
    rig.pump();
    keys.iter().for_each(|key| rig.room(*key, usize::MAX));
    for (key, topic) in keys.iter().zip(TOPICS) {
        let frames = rig.read(*key);
        // Begun before, where the socket took the first bytes of it; else it never went out.
        assert_eq!(seqs(&frames), [(None, if topic == "slate" { 2 } else { 6 })], "{topic}");
        assert_shows_nothing(&frames[0]);
        let (account, pending) = rig.account(*key);
        assert_eq!((account.offered, pending), (if topic == "slate" { 2 } else { 6 }, 0), "{topic}");
    }
}

/// The game went and the next one began before the shard looked.
#[test]
fn the_next_game_may_begin_before_anybody_is_told() {
    let mut rig = Rig::new();
    let keys = followers(&mut rig);
    rig.expire_unnoticed("G");
    rig.feed(&run_line("H", 1, 10));
    rig.feed(&run_line("H", 2, 10));
    rig.pump();
    let frames = rig.read(keys[0]);
    assert_eq!(seqs(&frames), [(None, 5)]);
    assert_eq!((&frames[0]["reason"], &frames[0]["game"]), (&json!("new_game"), &json!("H")));
    assert_eq!(seqs(&rig.read(keys[1])), [(None, 3)], "the game's own topic stays at nothing");
    let team = rig.read(keys[2]);
    assert_eq!((seqs(&team), &team[0]["game"]), (vec![(None, 5)], &json!("H")));
    // From there on as ever.
    rig.feed(&run_line("H", 3, 10));
    rig.pump();
    assert_eq!(seqs(&rig.read(keys[0])), [(Some(5), 6)]);
}

#[test]
fn whoever_comes_back_after_it_is_shown_what_is_there_now() {
    let mut rig = Rig::new();
    followers(&mut rig);
    rig.expire_unnoticed("G");
    rig.deliver();
    rig.pump();
    let back = |rig: &mut Rig, since: u64| {
        let key = rig.client();
        let message = json!({"op": "subscribe", "topics": ["player:R"], "epoch": "e1", "since": {"player:R": since}});
        rig.say(key, &message.to_string());
        rig.pump();
        let frames = rig.read(key);
        (
            frames[0]["topics"][0]["how"].clone(),
            frames[0]["topics"][0]["reason"].clone(),
            seqs(&frames),
        )
    };
    assert_eq!(back(&mut rig, 2), (json!("snapshot"), json!("too_old"), vec![(None, 3)]));
    assert_eq!(back(&mut rig, 3), (json!("resumed"), json!(null), vec![]));
    rig.feed(&run_line("H", 1, 10));
    rig.pump();
    assert_eq!(back(&mut rig, 2), (json!("snapshot"), json!("too_old"), vec![(None, 4)]));
    // From nothing to the next game there is no difference to tell.
    assert_eq!(back(&mut rig, 3), (json!("resumed"), json!(null), vec![(None, 4)]));
}

#[test]
fn a_client_that_wants_frames_rarely_waits_for_nothing_too() {
    let mut rig = Rig::new();
    let key = rig.client();
    rig.say(key, r#"{"op":"subscribe","topics":["player:R"],"max_rate_hz":1}"#);
    rig.play();
    rig.pump();
    drop(rig.read(key));
    rig.expire_unnoticed("G");
    rig.deliver();
    rig.pump();
    let early = seqs(&rig.read(key));
    rig.pass(2 * SECOND);
    let late = seqs(&rig.read(key));
    assert_eq!([early, late].concat(), [(None, 2)]);
}
