//! A small JSON writer, and the server's messages in it ([`write()`]).
//!
//! Writes into a byte buffer that becomes the frame; numbers are integers and fixed-point points, so
//! no float is formatted. Every text is escaped, `<` and `&` included: nothing from a feed is markup.

mod contests;
mod messages;
mod predictions;

pub use messages::write;

use crate::model::stat::write_value;
use crate::model::{Points, Probability, Stat};

/// Writes one JSON object after another into a buffer.
pub struct Json<'a> {
    out: &'a mut Vec<u8>,
    /// Whether the next item is the first of its object or list.
    first: bool,
}

impl<'a> Json<'a> {
    /// A writer at the end of `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Json<'a> {
        Json { out, first: true }
    }

    fn separate(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
    }

    /// `{…}` as a value or list item.
    pub fn object(&mut self, write: impl FnOnce(&mut Json<'_>)) -> &mut Self {
        self.separate();
        self.nested(b'{', b'}', write)
    }

    fn nested(&mut self, open: u8, close: u8, write: impl FnOnce(&mut Json<'_>)) -> &mut Self {
        self.out.push(open);
        write(&mut Json {
            out: self.out,
            first: true,
        });
        self.out.push(close);
        self
    }

    fn key(&mut self, key: &str) {
        self.separate();
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// `"key":{…}`
    pub fn object_at(&mut self, key: &str, write: impl FnOnce(&mut Json<'_>)) -> &mut Self {
        self.key(key);
        self.nested(b'{', b'}', write)
    }

    /// `"key":[…]`
    pub fn list_at(&mut self, key: &str, write: impl FnOnce(&mut Json<'_>)) -> &mut Self {
        self.key(key);
        self.nested(b'[', b']', write)
    }

    /// `[…]` as a value.
    pub fn list(&mut self, write: impl FnOnce(&mut Json<'_>)) -> &mut Self {
        self.separate();
        self.nested(b'[', b']', write)
    }

    /// `"key":"text"`
    pub fn text(&mut self, key: &str, text: &str) -> &mut Self {
        self.key(key);
        write_text(text, self.out);
        self
    }

    /// `"key":7`
    pub fn integer(&mut self, key: &str, value: i64) -> &mut Self {
        self.key(key);
        self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        self
    }

    /// `"key":7`, of a count or `seq`.
    pub fn count(&mut self, key: &str, value: u64) -> &mut Self {
        self.key(key);
        self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        self
    }

    /// `"key":true`
    pub fn boolean(&mut self, key: &str, value: bool) -> &mut Self {
        self.key(key);
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        self
    }

    /// `"key":23.48`
    pub fn points(&mut self, key: &str, points: Points) -> &mut Self {
        self.key(key);
        points.write_json(self.out);
        self
    }

    /// `"key":0.7688`
    pub fn probability(&mut self, key: &str, probability: Probability) -> &mut Self {
        self.key(key);
        probability.write_json(self.out);
        self
    }

    /// A count as a list item.
    pub fn item(&mut self, value: i64) -> &mut Self {
        self.separate();
        self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        self
    }

    /// Points as a list item.
    pub fn points_item(&mut self, points: Points) -> &mut Self {
        self.separate();
        points.write_json(self.out);
        self
    }

    /// `"key":{"passing_yards":267,…}`, values in inner units.
    pub fn stats(&mut self, key: &str, stats: impl Iterator<Item = (Stat, i32)>) -> &mut Self {
        self.object_at(key, |json| {
            for (stat, value) in stats {
                json.key(stat.name());
                write_value(stat, value, json.out);
            }
        })
    }
}

/// Appends a JSON string, quotes included.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'<' => out.extend_from_slice(b"\\u003c"),
            b'&' => out.extend_from_slice(b"\\u0026"),
            0..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_text() {
        let mut out = Vec::new();
        write_text("</script>\"\\\u{1}\n&é", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), r#""\u003c/script>\"\\\u0001\n\u0026é""#);
    }
}
