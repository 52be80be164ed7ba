//! Client messages: what a subscriber may say, checked.

use crate::model::Seq;
use serde::Deserialize;
use std::collections::HashMap;

/// A client's message.
#[derive(Debug, PartialEq)]
pub enum ClientMessage {
    /// Subscribe to topics.
    Subscribe(Subscribe),
    /// Drop subscriptions.
    Unsubscribe(Unsubscribe),
    /// Ask for a pong.
    Ping(Option<i64>),
    /// Present a token.
    Auth(Option<i64>),
}

/// `op: subscribe`.
#[derive(Debug, PartialEq, Default)]
pub struct Subscribe {
    /// The request's id, sent back with the reply.
    pub id: Option<i64>,
    /// Topics, as written.
    pub topics: Vec<String>,
    /// Ruleset; the server's default where absent.
    pub ruleset: Option<String>,
    /// The history that `since` speaks of.
    pub epoch: Option<String>,
    /// What the client holds of each topic.
    pub since: HashMap<String, Seq>,
    /// At most so many frames a second for each of these subscriptions.
    pub max_rate_hz: Option<f64>,
}

/// `op: unsubscribe`.
#[derive(Debug, PartialEq, Default)]
pub struct Unsubscribe {
    /// The request's id, sent back with the reply.
    pub id: Option<i64>,
    /// Topics, as written.
    pub topics: Vec<String>,
    /// Ruleset; the server's default where absent.
    pub ruleset: Option<String>,
}

/// Why a client's message was refused, with the request's id where it could be read.
#[derive(Debug, PartialEq, Eq)]
pub struct BadMessage {
    /// The request's id.
    pub id: Option<i64>,
    /// A stable code.
    pub code: &'static str,
    /// What is wrong, and where.
    pub message: String,
}

#[derive(Deserialize)]
struct Raw {
    op: Option<String>,
    id: Option<i64>,
    topics: Option<Vec<String>>,
    ruleset: Option<String>,
    epoch: Option<String>,
    since: Option<HashMap<String, Seq>>,
    max_rate_hz: Option<f64>,
}

/// Least and most of `max_rate_hz`.
pub const RATE_HZ: std::ops::RangeInclusive<f64> = 0.01..=1000.0;

/// Reads one message. `message` is scratch: simd-json writes into it.
///
/// # Errors
/// [`BadMessage`], for an `error` reply; the connection stays.
pub fn parse(message: &mut [u8]) -> Result<ClientMessage, BadMessage> {
    let bad = |id, code, message: String| Err(BadMessage { id, code, message });
    let raw: Raw = match simd_json::serde::from_slice(message) {
        Ok(raw) => raw,
        Err(error) => return bad(None, "bad_message", format!("not a message of this protocol: {error}")),
    };
    let id = raw.id;
    if let Some(rate) = raw.max_rate_hz
        && !RATE_HZ.contains(&rate)
    {
        return bad(
            id,
            "bad_message",
            format!("max_rate_hz must be {} to {}, not {rate}", RATE_HZ.start(), RATE_HZ.end()),
        );
    }
    match raw.op.as_deref() {
        Some("ping") => Ok(ClientMessage::Ping(id)),
        Some("auth") => Ok(ClientMessage::Auth(id)),
        Some(op @ ("subscribe" | "unsubscribe")) => {
            let Some(topics) = raw.topics.filter(|topics| !topics.is_empty()) else {
                return bad(id, "bad_message", format!("{op} needs \"topics\", a list of at least one topic"));
            };
            Ok(match op {
                "subscribe" => ClientMessage::Subscribe(Subscribe {
                    id,
                    topics,
                    ruleset: raw.ruleset,
                    epoch: raw.epoch,
                    since: raw.since.unwrap_or_default(),
                    max_rate_hz: raw.max_rate_hz,
                }),
                _ => ClientMessage::Unsubscribe(Unsubscribe {
                    id,
                    topics,
                    ruleset: raw.ruleset,
                }),
            })
        }
        Some(other) => {
            let other: String = other.chars().take(40).collect();
            bad(
                id,
                "unknown_op",
                format!("unknown op \"{other}\"; there are subscribe, unsubscribe, ping and auth"),
            )
        }
        None => bad(id, "bad_message", "\"op\" is missing".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ClientMessage, BadMessage> {
        parse(&mut text.as_bytes().to_vec())
    }

    #[test]
    fn a_subscription_is_read_whole() {
        let text =
            r#"{"op":"subscribe","id":1,"topics":["slate"],"ruleset":"ppr","epoch":"e","since":{"slate":57},"max_rate_hz":5,"new":[]}"#;
        let Ok(ClientMessage::Subscribe(subscribe)) = read(text) else {
            panic!("{:?}", read(text))
        };
        assert_eq!(
            (subscribe.id, subscribe.since["slate"], subscribe.max_rate_hz),
            (Some(1), 57, Some(5.0))
        );
    }

    #[test]
    fn what_is_refused_says_why() {
        for (text, code, part) in [
            ("{", "bad_message", "not a message"),
            ("[]", "bad_message", "not a message"),
            ("{}", "bad_message", "\"op\" is missing"),
            (r#"{"op":"dance","id":7}"#, "unknown_op", "dance"),
            (r#"{"op":"subscribe"}"#, "bad_message", "topics"),
            (r#"{"op":"subscribe","topics":[]}"#, "bad_message", "topics"),
            (r#"{"op":"subscribe","topics":"slate"}"#, "bad_message", "not a message"),
            (
                r#"{"op":"subscribe","topics":["slate"],"max_rate_hz":0}"#,
                "bad_message",
                "max_rate_hz",
            ),
            (
                r#"{"op":"subscribe","topics":["slate"],"since":{"slate":-1}}"#,
                "bad_message",
                "not a message",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error.code, code, "{text}");
            assert!(error.message.contains(part), "{text}: {}", error.message);
        }
    }
}
