//! The binary coding (`scorewire.v1.bin`): protobuf, turned into the JSON form and back.
//!
//! Written against `docs/scorewire.v1.proto` and docs/protocol.md alone; the schema is read from that very
//! file. A message in binary is told as the JSON message that means the same, so whoever judges it need not
//! know how it was written. Strict: a field that the schema has not, a second one where one is allowed, or
//! one of another type is refused, though a client should pass over the first.

mod schema;
mod wire;

use self::schema::{Field, Kind, Label, Message, SCHEMA};
use self::wire::{Got, Wire};
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value, json};

/// Points are in units of 1 over this.
const POINTS_SCALE: i64 = 10_000;

/// What comes in those units.
const POINTS: [&str; 10] = [
    "points",
    "change",
    "low",
    "high",
    "confidence",
    "probability",
    "money_line",
    "to_money",
    "from",
    "step",
];

/// What comes in units of its own: how the schema calls it, how JSON does, and what the units are 1 over.
const SCALED: [(&str, &str, i64); 8] = [
    ("sacks_halves", "sacks", 2),
    ("multiplier_hundredths", "multiplier", 100),
    ("payout_cents", "payout", 100),
    ("expected_cents", "expected", 100),
    ("percentile_hundredths", "percentile", 100),
    ("win_millionths", "win", 1_000_000),
    ("cash_millionths", "cash", 1_000_000),
    ("top1_millionths", "top1", 1_000_000),
];

/// How each time is called in the schema, as an age, and in JSON.
const AGES: [(&str, &str); 4] = [
    ("ingest_age_us", "ingest_us"),
    ("feed_age_us", "feed_ts"),
    ("ingest_age_first_us", "ingest_us_first"),
    ("feed_age_first_us", "feed_ts_first"),
];

/// A server's message in the JSON form.
pub(crate) fn decode(bytes: &[u8]) -> Result<Value> {
    let mut said = fields(top("ServerMessage")?, bytes)?;
    let id = said.remove("id");
    let mut said = said.into_iter();
    let (Some((kind, Value::Object(mut message))), None) = (said.next(), said.next()) else {
        bail!("no message, or two");
    };
    message.insert("type".to_owned(), kind.into());
    message.extend(id.map(|id| ("id".to_owned(), id)));
    Ok(Value::Object(message))
}

/// A client's message, given in the JSON form.
pub(crate) fn encode(message: &Value) -> Result<Vec<u8>> {
    let op = message["op"].as_str().context("a message without an op")?;
    let of = top("ClientMessage")?;
    let field = of.named(op).with_context(|| format!("there is no op {op}"))?;
    let Kind::Message(body_of) = field.kind else {
        bail!("{op} is no op")
    };
    let mut body = Vec::new();
    let mut out = Vec::new();
    for (name, value) in message.as_object().into_iter().flatten() {
        let (of, to) = match name.as_str() {
            "op" => continue,
            "id" => (of, &mut out),
            _ => (SCHEMA.message(body_of), &mut body),
        };
        let field = of.named(name).with_context(|| format!("{} has no field {name}", of.name))?;
        write(field, value, to).with_context(|| format!("{name} is {value}"))?;
    }
    wire::put_bytes(field.number, &body, &mut out);
    Ok(out)
}

fn top(name: &str) -> Result<&'static Message> {
    SCHEMA.named(name).with_context(|| format!("the schema has no {name}"))
}

/// The fields of a message by their names; those that count as 0 where they are absent are 0.
fn fields(of: &Message, bytes: &[u8]) -> Result<Map<String, Value>> {
    let mut fields = Map::new();
    let mut wire = Wire::new(bytes);
    while let Some((number, got)) = wire.next()? {
        let field = of
            .field(number)
            .with_context(|| format!("field {number}, which {} has not", of.name))?;
        take(field, got, &mut fields).with_context(|| format!("{} of {}", field.name, of.name))?;
    }
    for field in of.fields().filter(|field| field.label == Label::Plain) {
        if let Some(zero) = zero(&field.kind).filter(|_| !fields.contains_key(&field.name)) {
            fields.insert(field.name.clone(), zero);
        }
    }
    Ok(fields)
}

/// What a field of a plain type is where it is absent; a message is absent then.
fn zero(kind: &Kind) -> Option<Value> {
    match kind {
        Kind::Message(_) | Kind::Named(_) => None,
        Kind::Bool => Some(json!(false)),
        Kind::Text => Some(json!("")),
        Kind::Enum(names) => Some(json!(names.first()?)),
        _ => Some(json!(0)),
    }
}

/// Puts what was got of a field to the others.
fn take(field: &Field, got: Got<'_>, fields: &mut Map<String, Value>) -> Result<()> {
    match field.label {
        Label::Optional | Label::Plain => {
            ensure!(
                fields.insert(field.name.clone(), value(&field.kind, got)?).is_none(),
                "is there twice"
            );
        }
        Label::Repeated => {
            let list = fields.entry(field.name.clone()).or_insert_with(|| json!([]));
            let list = list.as_array_mut().context("is no list")?;
            match got {
                // Numbers come together, one behind the other.
                Got::Bytes(bytes) if !matches!(field.kind, Kind::Text | Kind::Message(_)) => {
                    let mut wire = Wire::new(bytes);
                    while !wire.is_empty() {
                        list.push(value(&field.kind, Got::Varint(wire.varint()?))?);
                    }
                }
                got => list.push(value(&field.kind, got)?),
            }
        }
        Label::Map => {
            let Value::Object(mut entry) = value(&field.kind, got)? else {
                bail!("is no map")
            };
            let (Some(Value::String(key)), Some(value)) = (entry.remove("key"), entry.remove("value")) else {
                bail!("is no map from names");
            };
            let map = fields.entry(field.name.clone()).or_insert_with(|| json!({}));
            let map = map.as_object_mut().context("is no map")?;
            ensure!(map.insert(key, value).is_none(), "has a key twice");
        }
    }
    Ok(())
}

fn value(kind: &Kind, got: Got<'_>) -> Result<Value> {
    Ok(match (kind, got) {
        (Kind::Bool, Got::Varint(value @ (0 | 1))) => json!(value == 1),
        (Kind::Uint32, Got::Varint(value)) => json!(u32::try_from(value)?),
        (Kind::Uint64, Got::Varint(value)) => json!(value),
        (Kind::Int64, Got::Varint(value)) => json!(value as i64),
        (Kind::Sint32, Got::Varint(value)) => json!(i32::try_from(unzigzag(value))?),
        (Kind::Sint64, Got::Varint(value)) => json!(unzigzag(value)),
        (Kind::Double, Got::Fixed64(bits)) => json!(f64::from_bits(bits)),
        (Kind::Text, Got::Bytes(bytes)) => json!(std::str::from_utf8(bytes)?),
        (Kind::Enum(names), Got::Varint(value)) => {
            let name = usize::try_from(value).ok().and_then(|value| names.get(value));
            json!(name.with_context(|| format!("is {value}, which has no name"))?)
        }
        (Kind::Message(number), Got::Bytes(bytes)) => json_form(SCHEMA.message(*number), bytes)?,
        (kind, got) => bail!("must be {kind:?} and is {got:?}"),
    })
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// A message within another, with what JSON calls otherwise called that (docs/protocol.md, "The binary coding").
fn json_form(of: &Message, bytes: &[u8]) -> Result<Value> {
    let mut fields = fields(of, bytes)?;
    if of.name == "TeamCounts" {
        return Ok(fields.remove("by_team").unwrap_or_else(|| json!({})));
    }
    for name in POINTS {
        if let Some(value) = fields.get_mut(name) {
            *value = decimal(value, POINTS_SCALE)?;
        }
    }
    for name in ["probabilities", "kinds"] {
        for value in fields
            .get_mut(name)
            .and_then(Value::as_object_mut)
            .into_iter()
            .flat_map(Map::values_mut)
        {
            *value = decimal(value, POINTS_SCALE)?;
        }
    }
    for (scaled, name, scale) in SCALED {
        if let Some(units) = fields.remove(scaled) {
            fields.insert(name.to_owned(), decimal(&units, scale)?);
        }
    }
    if let Some(Value::Array(gone)) = fields.remove("gone") {
        let known = gone.iter().filter_map(Value::as_str).map(|name| (name.to_owned(), Value::Null));
        for (name, null) in known {
            ensure!(fields.insert(name.clone(), null).is_none(), "{name} is there and gone");
        }
    }
    let topic = fields.get("topic").and_then(Value::as_str).unwrap_or_default();
    let shown_within = ["contest", "entry"].into_iter().find(|kind| topic.split(':').next() == Some(kind));
    if let Some(Value::Object(shown)) = shown_within.and_then(|kind| fields.remove(kind)) {
        fields.extend(shown);
    }
    if of.name == "Delta" {
        causes(&mut fields)?;
    }
    if let Some(encode_us) = fields.get("encode_us").and_then(Value::as_i64) {
        times(&mut fields, encode_us)?;
        // Those within a snapshot are told by its own.
        let shown = fields.get_mut("predictions").and_then(Value::as_array_mut);
        let mut shown = shown.into_iter().flatten().filter_map(Value::as_object_mut);
        shown.try_for_each(|prediction| times(prediction, encode_us))?;
    }
    for name in lists(&of.name, &fields) {
        fields.entry(*name).or_insert_with(|| json!([]));
    }
    if matches!(&fields.get("topic"), Some(Value::String(topic)) if topic.starts_with("player:")) && of.named("stats").is_some() {
        fields.entry("stats").or_insert_with(|| json!({}));
    }
    Ok(Value::Object(fields))
}

/// One cause by itself, where nothing was merged.
fn causes(fields: &mut Map<String, Value>) -> Result<()> {
    let is_merged =
        fields.get("seq").and_then(Value::as_u64) > fields.get("prev").and_then(Value::as_u64).map(|prev| prev.saturating_add(1));
    if fields.get("causes_omitted") == Some(&json!(0)) {
        fields.remove("causes_omitted");
    }
    if !is_merged && let Some(Value::Array(mut causes)) = fields.remove("causes") {
        ensure!(causes.len() == 1, "{} causes of one change", causes.len());
        fields.extend(causes.pop().map(|cause| ("cause".to_owned(), cause)));
    }
    Ok(())
}

/// Times for ages.
fn times(fields: &mut Map<String, Value>, encode_us: i64) -> Result<()> {
    for (age, time) in AGES {
        if let Some(age_us) = fields.remove(age) {
            let at_us = age_us.as_i64().and_then(|age_us| encode_us.checked_sub(age_us));
            fields.insert(time.to_owned(), json!(at_us.context("an absurd age")?));
        }
    }
    Ok(())
}

/// The lists that JSON shows where they are empty, too.
fn lists(of: &str, fields: &Map<String, Value>) -> &'static [&'static str] {
    let topic = fields.get("topic").and_then(Value::as_str).unwrap_or_default();
    match of {
        "Subscriptions" => &["topics", "errors"],
        "Delta" | "Snapshot" if topic == "slate" => &["games"],
        "Delta" | "Snapshot" if topic.starts_with("lineup:") || topic.starts_with("entry:") => &["slots"],
        "Snapshot" if topic.starts_with("contest:") => &["leaders", "cuts"],
        "Snapshot" if topic.starts_with("predictions:") => &["predictions"],
        "Prediction" if fields.get("kind").is_some_and(|kind| kind == "points") => &["players"],
        "Delta" | "Snapshot" if topic.starts_with("game:") || topic.starts_with("team:") => &["players"],
        _ => &[],
    }
}

/// Fixed point as JSON has it: a whole number, or a decimal.
fn decimal(units: &Value, scale: i64) -> Result<Value> {
    let units = units.as_i64().context("no number")?;
    Ok(match units % scale {
        0 => json!(units / scale),
        _ => json!(units as f64 / scale as f64),
    })
}

/// Writes a field of a client's message.
fn write(field: &Field, value: &Value, out: &mut Vec<u8>) -> Result<()> {
    match (field.label, value) {
        (Label::Repeated, Value::Array(list)) => list.iter().try_for_each(|value| write_one(field, value, out)),
        (Label::Map, Value::Object(map)) => map.iter().try_for_each(|(key, value)| {
            let Kind::Message(entry_of) = field.kind else { bail!("no map") };
            let entry = json!({"key": key, "value": value});
            let mut bytes = Vec::new();
            for part in SCHEMA.message(entry_of).fields() {
                write_one(part, &entry[&part.name], &mut bytes)?;
            }
            wire::put_bytes(field.number, &bytes, out);
            Ok(())
        }),
        (Label::Optional | Label::Plain, value) => write_one(field, value, out),
        _ => bail!("which is something else in the schema"),
    }
}

fn write_one(field: &Field, value: &Value, out: &mut Vec<u8>) -> Result<()> {
    match field.kind {
        Kind::Text => wire::put_bytes(field.number, value.as_str().context("no text")?.as_bytes(), out),
        Kind::Uint64 => wire::put_varint(field.number, value.as_u64().context("no number")?, out),
        Kind::Int64 => wire::put_varint(field.number, value.as_i64().context("no number")? as u64, out),
        _ => bail!("which no client here says"),
    }
    Ok(())
}

#[cfg(test)]
mod tests;
