//! How the fake server's messages are written: JSON or, by a page of code of its own, protobuf; and compressed.

use crate::wire;
use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
use miniz_oxide::deflate::stream::deflate;
use miniz_oxide::{MZFlush, MZStatus};
use serde_json::{Map, Value, json};

/// Numbers of the fields of `Stats`, as far as they are credited here.
const STATS: [(&str, u64); 11] = [
    ("passing_yards", 1),
    ("passing_tds", 2),
    ("passing_attempts", 4),
    ("completions", 5),
    ("rushing_yards", 7),
    ("rushing_tds", 8),
    ("rushing_attempts", 9),
    ("receptions", 10),
    ("receiving_yards", 12),
    ("receiving_tds", 13),
    ("points_allowed", 37),
];

/// Shorter messages come plain.
const COMPRESS_BYTES_MIN: usize = 200;

/// What a client asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Form {
    pub bin: bool,
    pub deflate: bool,
}

impl Form {
    /// What the head of an upgrade request asks for.
    pub fn asked(head: &str) -> Self {
        Self {
            bin: head.contains("\r\nSec-WebSocket-Protocol: scorewire.v1.bin\r\n"),
            deflate: head.contains("\r\nSec-WebSocket-Extensions: permessage-deflate"),
        }
    }

    /// The headers that grant it.
    pub fn granted(self) -> String {
        let coding = if self.bin { "bin" } else { "json" };
        let deflate = match self.deflate {
            true => "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n",
            false => "",
        };
        format!("Sec-WebSocket-Protocol: scorewire.v1.{coding}\r\n{deflate}")
    }

    /// The frame of a message.
    pub fn frame(self, message: &Value) -> Vec<u8> {
        let mut payload = match self.bin {
            true => server_message(message),
            false => message.to_string().into_bytes(),
        };
        let mut first = if self.bin { 0x82 } else { 0x81 };
        let is_long = payload.len() >= COMPRESS_BYTES_MIN;
        let compressed = (self.deflate && is_long).then(|| deflated(&payload));
        if let Some(compressed) = compressed {
            payload = compressed;
            first |= 0x40;
        }
        wire::frame(first, &payload)
    }

    /// A client's message in the JSON form.
    pub fn read(self, payload: &[u8]) -> Value {
        match self.bin {
            true => client_message(payload),
            false => serde_json::from_slice(payload).unwrap(),
        }
    }
}

fn deflated(payload: &[u8]) -> Vec<u8> {
    let mut compressor = CompressorOxide::new(create_comp_flags_from_zip_params(6, -15, 0));
    let mut bytes = vec![0; payload.len() + 64];
    let done = deflate(&mut compressor, payload, &mut bytes, MZFlush::Sync);
    assert_eq!((done.status, done.bytes_consumed), (Ok(MZStatus::Ok), payload.len()));
    bytes.truncate(done.bytes_written);
    assert!(bytes.ends_with(&[0, 0, 0xFF, 0xFF]), "a flush ends so");
    bytes.truncate(bytes.len() - 4);
    bytes
}

/// A message being written.
#[derive(Default)]
struct Fields(Vec<u8>);

impl Fields {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(&mut self, field: u64, value: &Value) -> &mut Self {
        if let Some(value) = value.as_u64() {
            self.varint(field << 3);
            self.varint(value);
        }
        self
    }

    fn signed(&mut self, field: u64, value: i64) -> &mut Self {
        self.varint(field << 3);
        self.varint((value << 1 ^ value >> 63) as u64);
        self
    }

    fn points(&mut self, field: u64, value: &Value) -> &mut Self {
        match value.as_f64() {
            Some(points) => self.signed(field, (points * 1e4).round() as i64),
            None => self,
        }
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) -> &mut Self {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    fn text(&mut self, field: u64, value: &Value) -> &mut Self {
        match value.as_str() {
            Some(text) => self.bytes(field, text.as_bytes()),
            None => self,
        }
    }

    fn stats(&mut self, field: u64, stats: &Value) -> &mut Self {
        let mut inner = Self::default();
        for (name, number) in STATS {
            if let Some(value) = stats[name].as_i64() {
                inner.signed(number, value);
            }
        }
        if stats.is_object() { self.bytes(field, &inner.0) } else { self }
    }
}

fn server_message(message: &Value) -> Vec<u8> {
    let mut body = Fields::default();
    let kind = match message["type"].as_str().unwrap() {
        "delta" => (2, delta(message, &mut body)).0,
        "snapshot" => (3, snapshot(message, &mut body)).0,
        "welcome" => {
            body.text(1, &message["session"])
                .text(2, &message["epoch"])
                .number(3, &message["server_us"]);
            4
        }
        kind @ ("subscribed" | "unsubscribed") => {
            for topic in message["topics"].as_array().unwrap() {
                let mut inner = Fields::default();
                inner.text(1, &topic["topic"]).text(2, &topic["ruleset"]).number(3, &topic["seq"]);
                inner.text(4, &topic["how"]).text(5, &topic["reason"]);
                body.bytes(1, &inner.0);
            }
            if kind == "subscribed" { 5 } else { 6 }
        }
        "pong" => {
            body.number(1, &message["server_us"]);
            7
        }
        other => panic!("{other} is nothing the fake server says in binary"),
    };
    let mut whole = Fields::default();
    whole.number(1, &message["id"]).bytes(kind, &body.0);
    whole.0
}

fn delta(message: &Value, body: &mut Fields) {
    let number = |name: &str| message[name].as_i64();
    let encode_us = number("encode_us").or(number("feed_ts")).unwrap_or(1);
    body.text(1, &message["topic"]).text(2, &message["ruleset"]);
    body.number(3, &message["seq"]).number(4, &message["prev"]);
    body.points(5, &message["points"])
        .points(6, &message["change"])
        .stats(7, &message["stats"]);
    players(message, body);
    let causes = message["causes"]
        .as_array()
        .map_or(std::slice::from_ref(&message["cause"]), Vec::as_slice);
    for cause in causes.iter().filter(|cause| cause.is_object()) {
        let mut inner = Fields::default();
        inner.text(1, &cause["game"]).text(2, &cause["play"]).number(3, &cause["rev"]);
        body.bytes(12, &inner.0);
    }
    body.number(13, &json!(encode_us));
    for (field, name) in [(15, "feed_ts"), (28, "feed_ts_first")] {
        if let Some(at_us) = number(name) {
            body.signed(field, encode_us - at_us);
        }
    }
}

fn snapshot(message: &Value, body: &mut Fields) {
    body.text(1, &message["topic"])
        .text(2, &message["ruleset"])
        .number(3, &message["seq"]);
    body.text(4, &message["reason"])
        .points(5, &message["points"])
        .stats(7, &message["stats"]);
    players(message, body);
    body.number(13, &json!(1));
}

fn players(message: &Value, body: &mut Fields) {
    for player in message["players"].as_array().into_iter().flatten() {
        let mut inner = Fields::default();
        inner
            .text(1, &player["player"])
            .points(2, &player["points"])
            .points(3, &player["change"]);
        inner.stats(4, &player["stats"]);
        body.bytes(8, &inner.0);
    }
}

/// Number, value and bytes of each field; a number has no bytes.
fn fields(mut bytes: &[u8]) -> Vec<(u64, u64, &[u8])> {
    let varint = |bytes: &mut &[u8]| {
        let (mut value, mut shift) = (0, 0);
        loop {
            let (&byte, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            value |= u64::from(byte & 0x7F) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    };
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let value = varint(&mut bytes);
        let length = if tag & 7 == 2 { value as usize } else { 0 };
        let (inner, rest) = bytes.split_at(length);
        fields.push((tag >> 3, value, inner));
        bytes = rest;
    }
    fields
}

fn client_message(bytes: &[u8]) -> Value {
    let text = |bytes: &[u8]| Value::String(String::from_utf8(bytes.to_vec()).unwrap());
    let mut message = json!({"topics": []});
    for (number, id, body) in fields(bytes) {
        let op = match number {
            1 => {
                message["id"] = json!(id);
                continue;
            }
            2 => "subscribe",
            3 => "unsubscribe",
            4 => "ping",
            other => panic!("an op {other}"),
        };
        message["op"] = json!(op);
        let mut since = Map::new();
        for (number, _, inner) in fields(body) {
            match number {
                1 => message["topics"].as_array_mut().unwrap().push(text(inner)),
                2 => message["ruleset"] = text(inner),
                3 => message["epoch"] = text(inner),
                _ => {
                    let entry = fields(inner);
                    since.insert(String::from_utf8(entry[0].2.to_vec()).unwrap(), json!(entry[1].1));
                }
            }
        }
        message["since"] = Value::Object(since);
    }
    message
}
