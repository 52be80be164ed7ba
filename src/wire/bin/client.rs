//! Client messages in the binary coding, with the checks of [`crate::wire::client`].

use super::{Value, next_field};
use crate::model::Seq;
use crate::wire::client::{
    AskedLineup, BAD_MULTIPLIER, BadMessage, ClientMessage, HUNDREDTHS, SlotAsked, Subscribe, Token, Unsubscribe, check_name, check_rate,
    check_topics,
};

/// Reads one message. Unknown fields are passed over; of a field given twice the last counts.
///
/// # Errors
/// [`BadMessage`], for an `error` reply; the connection stays.
pub fn parse(message: &[u8]) -> Result<ClientMessage, BadMessage> {
    let (mut id, mut op, mut unknown) = (None, None, None);
    let bad = |id, message| BadMessage {
        id,
        code: "bad_message",
        message,
    };
    let mut rest = message;
    while let Some((field, value)) = next_field(&mut rest).map_err(|error| bad(id, format!("not protobuf: {error}")))? {
        match field {
            1 => id = Some(integer("id", value).map_err(|message| bad(id, message))? as i64),
            2..=6 if op.is_some() => return Err(bad(id, "a message has one op".to_owned())),
            2..=6 => op = Some((field, value)),
            _ => unknown = Some(field),
        }
    }
    match (op, unknown) {
        (Some((2, value)), _) => subscribe(id, value).map(ClientMessage::Subscribe),
        (Some((3, value)), _) => unsubscribe(id, value).map(ClientMessage::Unsubscribe),
        (Some((4, value)), _) => fields("ping", value, |_, _| Ok(())).map(|()| ClientMessage::Ping(id)),
        (Some((6, value)), _) => {
            return lineup(id, value).map(ClientMessage::Lineup).map_err(|message| BadMessage {
                id,
                code: "bad_lineup",
                message,
            });
        }
        (Some((_, value)), _) => token(value).map(|token| ClientMessage::Auth(id, token)),
        (None, Some(field)) => {
            return Err(BadMessage {
                id,
                code: "unknown_op",
                message: format!("unknown op {field}; there are subscribe (2), unsubscribe (3), ping (4), auth (5) and lineup (6)"),
            });
        }
        (None, None) => Err("the op is missing".to_owned()),
    }
    .map_err(|message| bad(id, message))
}

fn subscribe(id: Option<i64>, value: Value<'_>) -> Result<Subscribe, String> {
    let mut subscribe = Subscribe {
        id,
        ..Subscribe::default()
    };
    fields("subscribe", value, |field, value| {
        match field {
            1 => subscribe.topics.push(text("topics", value)?),
            2 => subscribe.ruleset = Some(text("ruleset", value)?),
            3 => subscribe.epoch = Some(text("epoch", value)?),
            4 => {
                let (topic, seq) = held(value)?;
                subscribe.since.insert(topic, seq);
            }
            5 => subscribe.max_rate_hz = Some(double("max_rate_hz", value)?),
            _ => {}
        }
        Ok(())
    })?;
    check_rate(subscribe.max_rate_hz)?;
    check_topics(&subscribe.topics)?;
    Ok(subscribe)
}

fn unsubscribe(id: Option<i64>, value: Value<'_>) -> Result<Unsubscribe, String> {
    let mut unsubscribe = Unsubscribe {
        id,
        ..Unsubscribe::default()
    };
    fields("unsubscribe", value, |field, value| {
        match field {
            1 => unsubscribe.topics.push(text("topics", value)?),
            2 => unsubscribe.ruleset = Some(text("ruleset", value)?),
            _ => {}
        }
        Ok(())
    })?;
    check_topics(&unsubscribe.topics)?;
    Ok(unsubscribe)
}

fn lineup(id: Option<i64>, value: Value<'_>) -> Result<AskedLineup, String> {
    let mut lineup = AskedLineup {
        id,
        ..AskedLineup::default()
    };
    fields("lineup", value, |field, value| {
        match field {
            1 => lineup.name = Some(text("name", value)?),
            2 => lineup.ruleset = Some(text("ruleset", value)?),
            3 => lineup.slots.push(slot(value)?),
            4 => lineup.epoch = Some(text("epoch", value)?),
            5 => lineup.since = Some(integer("since", value)?),
            6 => lineup.max_rate_hz = Some(double("max_rate_hz", value)?),
            _ => {}
        }
        Ok(())
    })?;
    check_rate(lineup.max_rate_hz)?;
    check_name(lineup.name.as_deref())?;
    Ok(lineup)
}

fn slot(value: Value<'_>) -> Result<SlotAsked, String> {
    let mut slot = SlotAsked {
        multiplier_hundredths: 100,
        ..SlotAsked::default()
    };
    fields("slots", value, |field, value| {
        match field {
            1 => slot.slot = text("slot", value)?,
            2 => slot.player = text("player", value)?,
            3 => {
                let hundredths = u32::try_from(integer("multiplier_hundredths", value)?).ok();
                slot.multiplier_hundredths = hundredths
                    .filter(|hundredths| HUNDREDTHS.contains(hundredths))
                    .ok_or(BAD_MULTIPLIER)?;
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(slot)
}

fn token(value: Value<'_>) -> Result<Token, String> {
    let mut token = String::new();
    fields("auth", value, |field, value| {
        if field == 1 {
            token = text("token", value)?;
        }
        Ok(())
    })?;
    Ok(Token(token))
}

/// An entry of `since`. What is absent of it is empty or 0, as the format has it.
fn held(value: Value<'_>) -> Result<(String, Seq), String> {
    let (mut topic, mut seq) = (String::new(), 0);
    fields("since", value, |field, value| {
        match field {
            1 => topic = text("a topic of since", value)?,
            2 => seq = integer("a seq of since", value)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((topic, seq))
}

/// Hands over each field of a message.
fn fields<'a>(name: &str, value: Value<'a>, mut take: impl FnMut(u64, Value<'a>) -> Result<(), String>) -> Result<(), String> {
    let Value::Bytes(mut rest) = value else {
        return Err(format!("{name} must be a message"));
    };
    while let Some((field, value)) = next_field(&mut rest).map_err(|error| format!("{name}: not protobuf: {error}"))? {
        take(field, value)?;
    }
    Ok(())
}

fn integer(name: &str, value: Value<'_>) -> Result<u64, String> {
    match value {
        Value::Varint(value) => Ok(value),
        _ => Err(format!("{name} must be an integer (a varint)")),
    }
}

fn double(name: &str, value: Value<'_>) -> Result<f64, String> {
    match value {
        Value::Fixed64(bits) => Ok(f64::from_bits(bits)),
        _ => Err(format!("{name} must be a double")),
    }
}

fn text(name: &str, value: Value<'_>) -> Result<String, String> {
    match value {
        Value::Bytes(bytes) => String::from_utf8(bytes.to_vec()).map_err(|_| format!("{name} must be UTF-8")),
        _ => Err(format!("{name} must be a string")),
    }
}
