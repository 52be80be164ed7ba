//! Client messages: what is read in one coding is read the same in both, and nothing grows beyond its message.

use crate::proto;
use scorewire::model::TopicName;
use scorewire::wire::Coding;
use scorewire::wire::client::{AskedLineup, BadMessage, ClientMessage, HUNDREDTHS, RATE_HZ, Subscribe};
use serde_json::{Value, json};

/// A refusal says a little of the message, and never all of it.
const ERROR_CHARS_MAX: usize = 400;

pub(crate) fn json(message: &[u8]) {
    request(Coding::Json, message);
}

pub(crate) fn bin(message: &[u8]) {
    request(Coding::Bin, message);
}

fn request(coding: Coding, message: &[u8]) {
    match coding.read(message) {
        Ok(mut request) => {
            round_rate(&mut request);
            let text = as_json(&request);
            let read = Coding::Json.read(text.to_string().as_bytes());
            assert_eq!(read.as_ref(), Ok(&request), "{text}");
            let read = Coding::Bin.read(&proto::client_message(&text));
            assert_eq!(read.as_ref(), Ok(&request), "{text}");
            match &request {
                ClientMessage::Subscribe(subscribe) => check(subscribe, message.len()),
                ClientMessage::Lineup(lineup) => check_lineup(lineup, message.len()),
                _ => {}
            }
        }
        Err(BadMessage { code, message, .. }) => {
            assert!(["bad_message", "bad_lineup", "unknown_op"].contains(&code), "{code}");
            assert!(message.chars().count() <= ERROR_CHARS_MAX, "{message}");
        }
    }
}

/// JSON's reader may be off by the last bit of a number with many digits; of one with few, it is not.
fn round_rate(request: &mut ClientMessage) {
    if let ClientMessage::Subscribe(Subscribe {
        max_rate_hz: Some(rate), ..
    })
    | ClientMessage::Lineup(AskedLineup {
        max_rate_hz: Some(rate), ..
    }) = request
    {
        assert!(RATE_HZ.contains(rate), "{rate}");
        *rate = (*rate * 1_024.0).ceil() / 1_024.0;
    }
}

fn as_json(request: &ClientMessage) -> Value {
    match request {
        ClientMessage::Subscribe(subscribe) => json!({
            "op": "subscribe",
            "id": subscribe.id,
            "topics": subscribe.topics,
            "ruleset": subscribe.ruleset,
            "epoch": subscribe.epoch,
            "since": subscribe.since,
            "max_rate_hz": subscribe.max_rate_hz,
        }),
        ClientMessage::Unsubscribe(unsubscribe) => json!({
            "op": "unsubscribe",
            "id": unsubscribe.id,
            "topics": unsubscribe.topics,
            "ruleset": unsubscribe.ruleset,
        }),
        ClientMessage::Lineup(lineup) => {
            let slots = lineup.slots.iter().map(|slot| {
                json!({
                    "slot": slot.slot,
                    "player": slot.player,
                    "multiplier": f64::from(slot.multiplier_hundredths) / 100.0,
                })
            });
            json!({
                "op": "lineup",
                "id": lineup.id,
                "name": lineup.name,
                "slots": slots.collect::<Vec<_>>(),
                "ruleset": lineup.ruleset,
                "epoch": lineup.epoch,
                "since": lineup.since,
                "max_rate_hz": lineup.max_rate_hz,
            })
        }
        ClientMessage::Ping(id) => json!({"op": "ping", "id": id}),
        ClientMessage::Auth(id, token) => json!({"op": "auth", "id": id, "token": token.0}),
    }
}

fn check_lineup(lineup: &AskedLineup, message_bytes: usize) {
    let held: usize = lineup.slots.iter().map(|slot| slot.slot.len() + slot.player.len() + 1).sum();
    assert!(held <= message_bytes, "{held} bytes of {message_bytes}");
    assert!(lineup.slots.iter().all(|slot| HUNDREDTHS.contains(&slot.multiplier_hundredths)));
}

fn check(subscribe: &Subscribe, message_bytes: usize) {
    let texts = subscribe.topics.iter().chain(subscribe.since.keys());
    let held: usize = texts.map(|text| text.len() + 1).sum();
    assert!(held <= message_bytes, "{held} bytes of {message_bytes}");
    assert!(!subscribe.topics.is_empty());
    for text in &subscribe.topics {
        if let Ok(topic) = TopicName::parse(text) {
            let (kind, id) = topic.parts();
            assert_eq!(format!("{kind}{id}"), *text);
        }
    }
}
