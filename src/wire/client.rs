//! Client messages: what a subscriber may say, checked.

use crate::model::Seq;
use serde_json::{Map, Value};
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
    /// Subscribe to the sum of a lineup.
    Lineup(AskedLineup),
    /// Present a token.
    Auth(Option<i64>, Token),
}

/// A token, as written. Nothing shows it by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
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

/// `op: lineup`.
#[derive(Debug, PartialEq, Default)]
pub struct AskedLineup {
    /// The request's id, sent back with the reply.
    pub id: Option<i64>,
    /// The client's own name for it, sent back with the reply.
    pub name: Option<String>,
    /// Its slots, as written.
    pub slots: Vec<SlotAsked>,
    /// Ruleset; the server's default where absent.
    pub ruleset: Option<String>,
    /// The history that `since` speaks of.
    pub epoch: Option<String>,
    /// What the client holds of it.
    pub since: Option<Seq>,
    /// At most so many frames a second.
    pub max_rate_hz: Option<f64>,
}

/// A slot of a lineup, as written.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SlotAsked {
    /// Its name.
    pub slot: String,
    /// The player's id.
    pub player: String,
    /// What the player's points are multiplied by, in 1/100.
    pub multiplier_hundredths: u32,
}

/// Least and most that a slot multiplies by, in 1/100.
pub const HUNDREDTHS: std::ops::RangeInclusive<u32> = crate::model::Multiplier::HUNDREDTHS;

/// Said of one that is not.
pub(super) const BAD_MULTIPLIER: &str = "multiplier must be 0.01 to 10, with at most two decimals";

/// Longest name of a lineup, in characters.
const LINEUP_NAME_CHARS_MAX: usize = 64;

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

/// Least and most of `max_rate_hz`.
pub const RATE_HZ: std::ops::RangeInclusive<f64> = 0.01..=1000.0;

/// Reads one message in JSON.
///
/// # Errors
/// [`BadMessage`], for an `error` reply; the connection stays.
pub fn parse(message: &[u8]) -> Result<ClientMessage, BadMessage> {
    let bad = |id, code, message: String| BadMessage { id, code, message };
    let fields = match serde_json::from_slice(message) {
        Ok(Value::Object(fields)) => Fields(fields),
        Ok(_) => return Err(bad(None, "bad_message", "a message is a JSON object".to_owned())),
        Err(error) => return Err(bad(None, "bad_message", format!("not JSON: {error}"))),
    };
    let id = fields
        .read("an integer", "id", Value::as_i64)
        .map_err(|message| bad(None, "bad_message", message))?;
    match fields.text("op").map_err(|message| bad(id, "bad_message", message))?.as_deref() {
        Some("ping") => Ok(ClientMessage::Ping(id)),
        Some("auth") => fields.token().map(|token| ClientMessage::Auth(id, token)),
        Some("subscribe") => fields.subscribe(id).map(ClientMessage::Subscribe),
        Some("unsubscribe") => fields.unsubscribe(id).map(ClientMessage::Unsubscribe),
        Some("lineup") => {
            return fields
                .lineup(id)
                .map(ClientMessage::Lineup)
                .map_err(|message| bad(id, "bad_lineup", message));
        }
        Some(other) => {
            let other: String = other.chars().take(40).collect();
            let message = format!("unknown op \"{other}\"; there are subscribe, unsubscribe, lineup, ping and auth");
            return Err(bad(id, "unknown_op", message));
        }
        None => Err("\"op\" is missing".to_owned()),
    }
    .map_err(|message| bad(id, "bad_message", message))
}

/// Reads a lineup from the body of a request.
///
/// # Errors
/// What is wrong with it.
pub fn parse_lineup(body: &[u8]) -> Result<AskedLineup, String> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Fields(fields).lineup(None),
        Ok(_) => Err("a lineup is a JSON object".to_owned()),
        Err(error) => Err(format!("not JSON: {error}")),
    }
}

/// Refuses a name that is too long to be sent back.
pub(super) fn check_name(name: Option<&str>) -> Result<(), String> {
    match name {
        Some(name) if name.chars().nth(LINEUP_NAME_CHARS_MAX).is_some() => Err(format!("name may have {LINEUP_NAME_CHARS_MAX} characters")),
        _ => Ok(()),
    }
}

/// Refuses a request for nothing.
pub(super) fn check_topics<T>(topics: &[T]) -> Result<(), String> {
    match topics {
        [] => Err("topics must list at least one topic, such as [\"slate\"]".to_owned()),
        _ => Ok(()),
    }
}

/// Refuses a rate out of [`RATE_HZ`].
pub(super) fn check_rate(max_rate_hz: Option<f64>) -> Result<(), String> {
    match max_rate_hz {
        Some(rate) if !RATE_HZ.contains(&rate) => Err(format!("max_rate_hz must be {} to {}, not {rate}", RATE_HZ.start(), RATE_HZ.end())),
        _ => Ok(()),
    }
}

/// A message's fields; what is wrong with one is told with its name.
struct Fields(Map<String, Value>);

impl Fields {
    /// A field that may be absent or null.
    fn read<'a, T>(&'a self, what: &str, name: &str, read: impl FnOnce(&'a Value) -> Option<T>) -> Result<Option<T>, String> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| format!("{name} must be {what}")),
        }
    }

    fn text(&self, name: &str) -> Result<Option<String>, String> {
        Ok(self.read("a string", name, Value::as_str)?.map(str::to_owned))
    }

    /// One that is absent is empty, as in the binary coding: no token either way.
    fn token(&self) -> Result<Token, String> {
        Ok(Token(self.text("token")?.unwrap_or_default()))
    }

    fn topics(&self) -> Result<Vec<String>, String> {
        let list = self.read("a list of strings", "topics", Value::as_array)?;
        let list = list.map_or(&[][..], Vec::as_slice);
        check_topics(list)?;
        let name = |(place, topic): (usize, &Value)| {
            let name = topic.as_str().ok_or_else(|| format!("topics[{place}] must be a string"))?;
            Ok(name.to_owned())
        };
        list.iter().enumerate().map(name).collect()
    }

    fn since(&self) -> Result<HashMap<String, Seq>, String> {
        let Some(since) = self.read("an object with a seq for each topic", "since", Value::as_object)? else {
            return Ok(HashMap::new());
        };
        let held = |(topic, seq): (&String, &Value)| {
            let seq = seq.as_u64().ok_or_else(|| {
                let topic: String = topic.chars().take(80).collect();
                format!("since[\"{topic}\"] must be a seq, an integer of at least 0")
            })?;
            Ok((topic.clone(), seq))
        };
        since.iter().map(held).collect()
    }

    fn subscribe(&self, id: Option<i64>) -> Result<Subscribe, String> {
        let max_rate_hz = self.read("a number", "max_rate_hz", Value::as_f64)?;
        check_rate(max_rate_hz)?;
        Ok(Subscribe {
            id,
            topics: self.topics()?,
            ruleset: self.text("ruleset")?,
            epoch: self.text("epoch")?,
            since: self.since()?,
            max_rate_hz,
        })
    }

    fn lineup(&self, id: Option<i64>) -> Result<AskedLineup, String> {
        let max_rate_hz = self.read("a number", "max_rate_hz", Value::as_f64)?;
        check_rate(max_rate_hz)?;
        let name = self.text("name")?;
        check_name(name.as_deref())?;
        let slots = self.read("a list of slots", "slots", Value::as_array)?;
        let slots = slots.map_or(&[][..], Vec::as_slice);
        let slot = |(place, slot): (usize, &Value)| {
            let Value::Object(fields) = slot else {
                return Err(format!("slots[{place}] must be an object"));
            };
            slot_asked(fields).map_err(|what| format!("slots[{place}]: {what}"))
        };
        Ok(AskedLineup {
            id,
            name,
            slots: slots.iter().enumerate().map(slot).collect::<Result<_, String>>()?,
            ruleset: self.text("ruleset")?,
            epoch: self.text("epoch")?,
            since: self.read("a seq, an integer of at least 0", "since", Value::as_u64)?,
            max_rate_hz,
        })
    }

    fn unsubscribe(&self, id: Option<i64>) -> Result<Unsubscribe, String> {
        Ok(Unsubscribe {
            id,
            topics: self.topics()?,
            ruleset: self.text("ruleset")?,
        })
    }
}

fn slot_asked(fields: &Map<String, Value>) -> Result<SlotAsked, String> {
    let text = |name: &str| match fields.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(format!("{name} must be a string")),
        None => Err(format!("{name} is missing")),
    };
    let multiplier_hundredths = match fields.get("multiplier") {
        None | Some(Value::Null) => 100,
        Some(value) => value.as_f64().and_then(hundredths).ok_or(BAD_MULTIPLIER)?,
    };
    Ok(SlotAsked {
        slot: text("slot")?,
        player: text("player")?,
        multiplier_hundredths,
    })
}

/// A number of at most two decimals, in 1/100.
fn hundredths(value: f64) -> Option<u32> {
    let hundredths = (value * 100.0).round();
    // The nearest float to those two decimals is what they were read as.
    let is_exact = hundredths / 100.0 == value;
    is_exact
        .then_some(hundredths as u32)
        .filter(|hundredths| HUNDREDTHS.contains(hundredths))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ClientMessage, BadMessage> {
        parse(text.as_bytes())
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
            ("{", "bad_message", "not JSON: EOF while parsing an object at line 1 column 1"),
            (r#"{"op":"ping"}{}"#, "bad_message", "not JSON: trailing characters"),
            ("[]", "bad_message", "a message is a JSON object"),
            (
                r#"["ping",1,null,null,null,null,null]"#,
                "bad_message",
                "a message is a JSON object",
            ),
            ("{}", "bad_message", "\"op\" is missing"),
            (r#"{"op":5}"#, "bad_message", "op must be a string"),
            (r#"{"op":"ping","id":"a"}"#, "bad_message", "id must be an integer"),
            (r#"{"op":"dance","id":7}"#, "unknown_op", "dance"),
            (r#"{"op":"subscribe"}"#, "bad_message", "topics must list"),
            (r#"{"op":"subscribe","topics":[]}"#, "bad_message", "topics must list"),
            (r#"{"op":"subscribe","topics":"slate"}"#, "bad_message", "topics must be a list"),
            (
                r#"{"op":"unsubscribe","topics":["slate",5]}"#,
                "bad_message",
                "topics[1] must be a string",
            ),
            (
                r#"{"op":"subscribe","topics":["slate"],"ruleset":[]}"#,
                "bad_message",
                "ruleset must be a string",
            ),
            (
                r#"{"op":"subscribe","topics":["slate"],"epoch":1}"#,
                "bad_message",
                "epoch must be a string",
            ),
            (
                r#"{"op":"subscribe","topics":["slate"],"max_rate_hz":0}"#,
                "bad_message",
                "max_rate_hz must be 0.01 to 1000, not 0",
            ),
            (
                r#"{"op":"subscribe","topics":["slate"],"max_rate_hz":"5"}"#,
                "bad_message",
                "max_rate_hz must be a number",
            ),
            (
                r#"{"op":"subscribe","topics":["slate"],"since":{"slate":-1}}"#,
                "bad_message",
                "since[\"slate\"] must be a seq",
            ),
            (
                r#"{"op":"subscribe","topics":["slate"],"since":[4]}"#,
                "bad_message",
                "since must be an object",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error.code, code, "{text}");
            assert!(error.message.contains(part), "{text}: {}", error.message);
        }
    }
}
