//! The binary coding as somebody else reads and writes it: by `docs/scorewire.v1.proto` and another
//! implementation of protobuf, sharing no code with the server. What the JSON form calls otherwise is
//! told here, as docs/protocol.md tells it.

use prost_reflect::prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage, Value as Proto};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::LazyLock;

static SCHEMA: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let docs = crate::repository::root().join("docs");
    let files = protox::compile(["scorewire.v1.proto"], [docs]).unwrap_or_else(|error| panic!("{error:?}"));
    DescriptorPool::from_file_descriptor_set(files).expect("a schema")
});

/// A message type of the schema.
pub(crate) fn message(name: &str) -> MessageDescriptor {
    SCHEMA
        .get_message_by_name(&format!("scorewire.v1.{name}"))
        .expect("it is in the schema")
}

/// A server's message in the JSON form. It must be of known fields alone and as short as can be.
pub(crate) fn server_message(bytes: &[u8]) -> Value {
    let message = DynamicMessage::decode(message("ServerMessage"), bytes).unwrap_or_else(|error| panic!("{error}: {bytes:02x?}"));
    assert_eq!(
        message.encoded_len(),
        bytes.len(),
        "known fields, each in its shortest form: {bytes:02x?}"
    );
    let (field, body) = message
        .fields()
        .find(|(field, _)| field.containing_oneof().is_some_and(|oneof| oneof.name() == "message"))
        .unwrap_or_else(|| panic!("an empty message: {bytes:02x?}"));
    let mut json = Map::new();
    json.insert("type".to_owned(), field.name().into());
    if let Some(id) = message.get_field_by_name("id").filter(|_| message.has_field_by_name("id")) {
        json.insert("id".to_owned(), id.as_i64().expect("an int64").into());
    }
    json.extend(object(body.as_message().expect("a message")));
    Value::Object(json)
}

fn object(message: &DynamicMessage) -> Map<String, Value> {
    let mut json = Map::new();
    for field in message.descriptor().fields() {
        if !message.has_field(&field) && (field.supports_presence() || field.is_list() || field.is_map()) {
            continue;
        }
        put(&mut json, message, &field, &message.get_field(&field));
    }
    for list in empty_lists(message, &json) {
        json.entry(*list).or_insert(json!([]));
    }
    json
}

/// Lists that JSON shows where they are empty too.
fn empty_lists(message: &DynamicMessage, json: &Map<String, Value>) -> &'static [&'static str] {
    let topic = json.get("topic").and_then(Value::as_str).unwrap_or_default();
    match message.descriptor().name() {
        "Subscriptions" => &["topics", "errors"],
        "Contest" if json.contains_key("name") => &["leaders", "cuts"],
        "Entry" => &["slots"],
        "Delta" | "Snapshot" if topic == "slate" => &["games"],
        "Delta" | "Snapshot" if topic.starts_with("lineup:") => &["slots"],
        "Snapshot" if topic.starts_with("predictions:") => &["predictions"],
        "Prediction" if json.get("kind").is_some_and(|kind| kind == "points") => &["players"],
        "Delta" | "Snapshot" if topic.starts_with("game:") || topic.starts_with("team:") => &["players"],
        _ => &[],
    }
}

fn put(json: &mut Map<String, Value>, message: &DynamicMessage, field: &FieldDescriptor, value: &Proto) {
    let mut set = |name: &str, value| assert!(json.insert(name.to_owned(), value).is_none(), "{name} twice");
    let ago = || {
        let encode_us = message.get_field_by_name("encode_us").and_then(|us| us.as_i64());
        Value::from(encode_us.expect("a time").wrapping_sub(value.as_i64().expect("an age")))
    };
    match field.name() {
        // Of contests and entries JSON has all in the message itself.
        "contest" | "entry" if value.as_message().is_some() => {
            for (name, value) in object(value.as_message().expect("a message")) {
                set(&name, value);
            }
        }
        "payout_cents" => set("payout", hundredths(value.as_i64())),
        "expected_cents" => set("expected", hundredths(value.as_i64())),
        "percentile_hundredths" => set("percentile", hundredths(value.as_u32().map(i64::from))),
        "win_millionths" => set("win", millionths(value)),
        "cash_millionths" => set("cash", millionths(value)),
        "top1_millionths" => set("top1", millionths(value)),
        "money_line" | "to_money" | "from" | "step" => set(field.name(), decimal(value.as_i64().expect("fixed-point"), 10_000)),
        "points" | "change" | "low" | "high" => set(field.name(), decimal(value.as_i64().expect("fixed-point"), 10_000)),
        "multiplier_hundredths" => set("multiplier", decimal(value.as_u32().expect("hundredths").into(), 100)),
        "sacks_halves" => set("sacks", decimal(value.as_i32().expect("halves").into(), 2)),
        "ingest_age_us" => set("ingest_us", ago()),
        "feed_age_us" => set("feed_ts", ago()),
        "ingest_age_first_us" => set("ingest_us_first", ago()),
        "feed_age_first_us" => set("feed_ts_first", ago()),
        "probabilities" | "kinds" => {
            let probability = |(name, value): (&MapKey, &Proto)| {
                let ten_thousandths = value.as_u32().expect("a probability").into();
                (name.as_str().expect("a name").to_owned(), decimal(ten_thousandths, 10_000))
            };
            let all = value.as_map().expect("a map").iter().map(probability);
            set(field.name(), all.collect::<Map<_, _>>().into());
        }
        "confidence" | "probability" => set(field.name(), decimal(value.as_u32().expect("a probability").into(), 10_000)),
        // Their ages are those of the snapshot.
        "predictions" => {
            let encode_us = message.get_field_by_name("encode_us").expect("its field").into_owned();
            let predictions = value.as_list().expect("a list").iter().map(|prediction| {
                let mut prediction = prediction.as_message().expect("a message").clone();
                prediction.set_field_by_name("encode_us", encode_us.clone());
                let mut json = object(&prediction);
                json.remove("encode_us");
                Value::Object(json)
            });
            set(field.name(), predictions.collect());
        }
        "causes_omitted" if value.as_u64() == Some(0) => {}
        "causes" => {
            let number = |name| message.get_field_by_name(name).and_then(|value| value.as_u64());
            let causes = plain(field, value);
            match number("seq") > number("prev").map(|prev| prev + 1) {
                true => set("causes", causes),
                false => set("cause", causes[0].clone()),
            }
        }
        "gone" => {
            for part in plain(field, value).as_array().expect("a list") {
                set(part.as_str().expect("a part"), Value::Null);
            }
        }
        name => set(name, plain(field, value)),
    }
}

/// What JSON writes with two places.
fn hundredths(value: Option<i64>) -> Value {
    json!(value.expect("a number") as f64 / 100.0)
}

fn millionths(value: &Proto) -> Value {
    json!(f64::from(value.as_u32().expect("a chance")) / 1e6)
}

/// A fixed-point number as JSON has it: an integer, or the decimal.
fn decimal(units: i64, scale: i64) -> Value {
    match units % scale {
        0 => json!(units / scale),
        _ => json!(units as f64 / scale as f64),
    }
}

fn plain(field: &FieldDescriptor, value: &Proto) -> Value {
    match value {
        Proto::Bool(value) => json!(value),
        Proto::I32(value) => json!(value),
        Proto::I64(value) => json!(value),
        Proto::U32(value) => json!(value),
        Proto::U64(value) => json!(value),
        Proto::String(value) => json!(value),
        Proto::EnumNumber(number) => {
            let Kind::Enum(kind) = field.kind() else { unreachable!() };
            let value = kind.get_value(*number).unwrap_or_else(|| panic!("{number} is no {}", kind.name()));
            let (_, name) = value.name().split_once('_').expect("a prefix");
            json!(name.to_lowercase())
        }
        Proto::List(list) => list.iter().map(|value| plain(field, value)).collect(),
        Proto::Message(counts) if counts.descriptor().name() == "TeamCounts" => {
            let by_team = counts.get_field_by_name("by_team").expect("its field");
            let count = |(team, count): (&MapKey, &Proto)| (team.as_str().expect("a team").to_owned(), json!(count.as_u32()));
            by_team.as_map().expect("a map").iter().map(count).collect::<Map<_, _>>().into()
        }
        Proto::Message(message) => Value::Object(object(message)),
        other => panic!("{}: {other:?}", field.name()),
    }
}

/// A client's message, given in the JSON form.
pub(crate) fn client_message(json: &Value) -> Vec<u8> {
    let mut message = DynamicMessage::new(message("ClientMessage"));
    let op = json["op"].as_str().expect("an op");
    let mut fields = json.as_object().expect("an object").clone();
    fields.remove("op");
    fields.retain(|_, value| !value.is_null());
    if let Some(id) = fields.remove("id") {
        message.set_field_by_name("id", Proto::I64(id.as_i64().expect("an integer")));
    }
    let field = message.descriptor().get_field_by_name(op).expect("an op of the schema");
    let Kind::Message(kind) = field.kind() else { unreachable!() };
    let mut body = DynamicMessage::new(kind);
    for (name, value) in fields {
        let text = |value: &Value| Proto::String(value.as_str().expect("a string").to_owned());
        let value = match &value {
            Value::Array(slots) if name == "slots" => Proto::List(slots.iter().map(slot).collect()),
            Value::Array(list) => Proto::List(list.iter().map(text).collect()),
            Value::Object(seqs) => {
                let entry = |(topic, seq): (&String, &Value)| (MapKey::String(topic.clone()), Proto::U64(seq.as_u64().expect("a seq")));
                Proto::Map(seqs.iter().map(entry).collect::<HashMap<_, _>>())
            }
            Value::Number(seq) if name == "since" => Proto::U64(seq.as_u64().expect("a seq")),
            Value::Number(number) => Proto::F64(number.as_f64().expect("a number")),
            value => text(value),
        };
        body.set_field_by_name(&name, value);
    }
    message.set_field(&field, Proto::Message(body));
    message.encode_to_vec()
}

/// A slot of a lineup, given in the JSON form.
fn slot(json: &Value) -> Proto {
    let mut slot = DynamicMessage::new(message("Lineup.Slot"));
    for name in ["slot", "player"] {
        let text = json[name].as_str().expect("a string");
        slot.set_field_by_name(name, Proto::String(text.to_owned()));
    }
    if let Some(multiplier) = json["multiplier"].as_f64() {
        slot.set_field_by_name("multiplier_hundredths", Proto::U32((multiplier * 100.0).round() as u32));
    }
    Proto::Message(slot)
}
