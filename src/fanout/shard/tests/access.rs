//! Tokens: awaited, verified elsewhere, renewed, and running out.

use super::rig::{Rig, SECOND};
use crate::fanout::grant::{Grant, Pattern};
use crate::fanout::shard::{Access, ConnKey, Kind, Reading};
use crate::wire::Form;
use crate::wire::close::CloseReason;
use serde_json::{Value, json};
use std::sync::Arc;

fn rig() -> Rig {
    Rig::with(|limits| limits.auth_wait_us = Some(5 * SECOND))
}

/// Leave to read topics that begin so, for so long.
fn grant(rig: &Rig, prefix: &str, lasts_us: Option<i64>) -> Arc<Grant> {
    let expires_us = lasts_us.map(|lasts_us| rig.now().wall_us + lasts_us);
    Arc::new(Grant::new(Some(vec![Pattern::parse(prefix).unwrap()]), None, expires_us))
}

fn connect(rig: &mut Rig, access: Access) -> ConnKey {
    let key = rig.shard.connect_with(Kind::WebSocket(Form::PLAIN), access, rig.now());
    rig.pump();
    key
}

fn types(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|frame| frame["type"].as_str().unwrap_or("close")).collect()
}

/// The client shows a token; this was found of it.
fn show(rig: &mut Rig, key: ConnKey, found: Result<Arc<Grant>, &'static str>) {
    assert_eq!(rig.say(key, r#"{"op":"auth","id":7,"token":"t"}"#), Reading::Paused);
    let mut requests = rig.shard.take_auth_requests();
    let request = requests.pop().unwrap();
    assert_eq!((request.conn, request.id, requests.len()), (key, Some(7), 0));
    assert_eq!((&*request.token.0, format!("{:?}", request.token)), ("t", "Token(…)".to_owned()));
    rig.shard.verified(key, request.id, found, rig.now());
    for key in rig.shard.take_resumed() {
        rig.shard.resume(key, rig.now());
    }
    rig.pump();
}

fn closed_as(rig: &mut Rig, key: ConnKey, reason: CloseReason) {
    assert_eq!(rig.read(key).pop(), Some(json!(8)));
    rig.shard.gone(key, &mut rig.wire);
    assert_eq!(rig.wire.closed.pop(), Some((key, reason)));
}

#[test]
fn a_client_whose_token_is_awaited_is_welcomed_with_it() {
    let mut rig = rig();
    rig.play();
    let key = connect(&mut rig, Access::Awaited);
    assert_eq!(rig.read(key), [] as [Value; 0]);
    rig.say(key, r#"{"op":"subscribe","id":1,"topics":["slate"]}"#);
    rig.say(key, r#"{"op":"ping","id":2}"#);
    rig.pump();
    let frames = rig.read(key);
    assert_eq!(types(&frames), ["error", "pong"]);
    assert_eq!((&frames[0]["code"], &frames[0]["id"]), (&json!("unauthorized"), &json!(1)));
    let found = grant(&rig, "game:*", None);
    show(&mut rig, key, Ok(found));
    let frames = rig.read(key);
    assert_eq!(types(&frames), ["authorized", "welcome"]);
    assert_eq!(frames[0], json!({"type": "authorized", "id": 7}));
    rig.say(key, r#"{"op":"subscribe","topics":["game:G","player:R"]}"#);
    rig.pump();
    let frames = rig.read(key);
    assert_eq!(types(&frames), ["subscribed", "snapshot"]);
    assert_eq!(frames[0]["errors"][0]["topic"], "player:R");
    assert_eq!(frames[0]["errors"][0]["code"], "forbidden");
    // For good, once it is there.
    rig.pass(20 * SECOND);
    assert_eq!(rig.shard.connections(), 1);
}

#[test]
fn a_client_who_sends_no_token_or_a_bad_one_is_closed() {
    let mut rig = rig();
    let late = connect(&mut rig, Access::Awaited);
    assert_eq!(rig.shard.next_timer_us(), Some(rig.now_us + 5 * SECOND));
    rig.pass(5 * SECOND - 1);
    assert_eq!(rig.read(late), [] as [Value; 0]);
    rig.pass(1);
    let frames = rig.wire.sent.clone();
    assert_eq!(types(&rig.read(late)), ["error", "close"]);
    rig.wire.sent = frames;
    closed_as(&mut rig, late, CloseReason::Unauthorized);
    let bad = connect(&mut rig, Access::Awaited);
    show(&mut rig, bad, Err("the token has expired"));
    closed_as(&mut rig, bad, CloseReason::Unauthorized);
    assert_eq!((rig.shard.connections(), rig.shard.next_timer_us()), (0, None));
}

#[test]
fn what_is_said_in_one_breath_with_a_token_waits_for_what_is_found() {
    let mut rig = rig();
    let key = connect(&mut rig, Access::Awaited);
    let both = [r#"{"op":"auth","token":"t"}"#, r#"{"op":"subscribe","topics":["slate"]}"#];
    let mut bytes: Vec<u8> = both.iter().flat_map(|text| super::rig::masked(1, text.as_bytes())).collect();
    assert_eq!(rig.shard.received(key, &mut bytes, rig.now()), Reading::Paused);
    let request = rig.shard.take_auth_requests().pop().unwrap();
    // Nothing goes on before, whoever asks.
    assert_eq!(rig.shard.resume(key, rig.now()), Reading::Paused);
    let found = grant(&rig, "slate", None);
    rig.shard.verified(key, request.id, Ok(found), rig.now());
    assert_eq!(rig.shard.take_resumed(), [key]);
    assert_eq!(rig.shard.resume(key, rig.now()), Reading::On);
    rig.pump();
    assert_eq!(types(&rig.read(key)), ["authorized", "welcome", "subscribed", "snapshot"]);
    // One who has gone meanwhile is nobody's business any more.
    assert_eq!(rig.say(key, r#"{"op":"auth","token":"t"}"#), Reading::Paused);
    let request = rig.shard.take_auth_requests().pop().unwrap();
    rig.shard.gone(key, &mut rig.wire);
    rig.shard.verified(key, request.id, Err("no"), rig.now());
    assert_eq!(rig.shard.connections(), 0);
}

#[test]
fn an_end_is_announced_and_put_off_by_another_token() {
    let mut rig = rig();
    let access = Access::Granted(grant(&rig, "*", Some(100 * SECOND)));
    let (renews, stays) = (connect(&mut rig, access.clone()), connect(&mut rig, access));
    rig.pass(40 * SECOND);
    for key in [renews, stays] {
        let frames = rig.read(key);
        assert_eq!(types(&frames)[..2], ["welcome", "auth_expiring"]);
        assert_eq!(frames[1], json!({"type": "auth_expiring", "expires_in_ms": 60_000}));
    }
    // A clock that is stepped changes nothing of it.
    rig.wall_ahead_us += 3_600 * SECOND;
    let found = grant(&rig, "*", Some(120 * SECOND));
    show(&mut rig, renews, Ok(found));
    assert_eq!(rig.read(renews)[0]["expires_in_ms"], 120_000);
    for _ in 0..6 {
        rig.pass(10 * SECOND);
        rig.say(renews, r#"{"op":"ping"}"#);
        rig.say(stays, r#"{"op":"ping"}"#);
        rig.pump();
    }
    closed_as(&mut rig, stays, CloseReason::AuthExpired);
    assert_eq!(rig.read(renews).iter().filter(|frame| frame["type"] == "auth_expiring").count(), 1);
    rig.pass(60 * SECOND);
    closed_as(&mut rig, renews, CloseReason::AuthExpired);
    assert_eq!(rig.shard.next_timer_us(), None);
}

#[test]
fn a_token_that_allows_less_ends_what_it_does_not_allow() {
    let mut rig = rig();
    rig.play();
    let key = rig.client();
    rig.say(key, r#"{"op":"subscribe","topics":["game:G","player:R","slate"],"ruleset":"ppr"}"#);
    rig.pump();
    rig.read(key);
    let found = grant(&rig, "game:*", None);
    show(&mut rig, key, Ok(found));
    let frames = rig.read(key);
    assert_eq!(types(&frames), ["authorized", "error"]);
    assert_eq!(frames[1]["code"], "forbidden");
    assert_eq!(
        frames[1]["topics"],
        json!([{"topic": "player:R", "ruleset": "ppr"}, {"topic": "slate"}])
    );
    assert_eq!(rig.shard.subscriptions(), 1);
    rig.play();
    rig.pass(SECOND);
    let frames = rig.read(key);
    assert!(frames.iter().all(|frame| frame["topic"] == "game:G"), "{frames:?}");
    // One that is refused changes nothing.
    show(&mut rig, key, Err("the token has expired"));
    assert_eq!(rig.read(key)[0]["code"], "unauthorized");
    assert_eq!((rig.shard.subscriptions(), rig.shard.connections()), (1, 1));
    // And one that allows everything opens all again.
    show(&mut rig, key, Ok(Arc::new(Grant::EVERYTHING)));
    rig.say(key, r#"{"op":"subscribe","topics":["slate"]}"#);
    rig.pump();
    assert_eq!(types(&rig.read(key)), ["authorized", "subscribed", "snapshot"]);
}

#[test]
fn an_event_stream_ends_with_its_token() {
    let mut rig = rig();
    let access = Access::Granted(grant(&rig, "slate", Some(100 * SECOND)));
    let key = rig.shard.connect_with(Kind::EventStream, access, rig.now());
    let ruleset = crate::scoring::Rulesets::embedded().index("ppr").unwrap();
    rig.shard.subscribe_stream(key, &["slate".to_owned()], ruleset, None).unwrap();
    let refused = rig.shard.subscribe_stream(key, &["game:G".to_owned()], ruleset, None);
    assert_eq!(refused.unwrap_err().0, "forbidden");
    rig.pass(40 * SECOND);
    rig.pass(60 * SECOND);
    let text = String::from_utf8(rig.wire.sent.remove(&key).unwrap()).unwrap();
    assert!(
        text.contains("auth_expiring") && text.contains(r#""code":"auth_expired""#),
        "{text}"
    );
    assert_eq!(rig.wire.finished, [key]);
}
