//! The binary coding, `scorewire.v1.bin`: protobuf (proto3), by `docs/scorewire.v1.proto`.
//!
//! A small writer and a small reader of the wire format, for messages of borrows: nothing is allocated
//! but the frame and what a client's message holds. Tests read and write the same messages with another
//! implementation, driven by the schema file. Reading is bounded by the message's length: each value is
//! of at least a byte, nothing nests, and nothing is taken in before it has been seen whole.

mod client;
mod contests;
mod messages;
mod predictions;

pub use client::parse;
pub use messages::write;

/// Wire types of the protobuf encoding.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;
const FIXED32: u32 = 5;

/// Writes fields of one protobuf message after another into a buffer. A field whose absence means 0 is
/// left out where it is 0; one that is `optional` in the schema is written whatever its value.
struct Fields<'a> {
    out: &'a mut Vec<u8>,
}

impl Fields<'_> {
    #[inline]
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }

    #[inline]
    fn tag(&mut self, field: u32, wire_type: u32) {
        self.varint(u64::from(field << 3 | wire_type));
    }

    /// An `optional` `uint32`, `uint64`, `bool` or enum.
    #[inline]
    fn some_uint(&mut self, field: u32, value: u64) -> &mut Self {
        self.tag(field, VARINT);
        self.varint(value);
        self
    }

    /// A `uint32`, `uint64` or enum.
    #[inline]
    fn uint(&mut self, field: u32, value: u64) -> &mut Self {
        if value != 0 {
            self.some_uint(field, value);
        }
        self
    }

    /// An `optional` `int64`.
    fn some_int(&mut self, field: u32, value: i64) -> &mut Self {
        self.some_uint(field, value as u64)
    }

    /// An `int64`.
    fn int(&mut self, field: u32, value: i64) -> &mut Self {
        self.uint(field, value as u64)
    }

    /// An `optional` `sint32` or `sint64`.
    #[inline]
    fn some_sint(&mut self, field: u32, value: i64) -> &mut Self {
        self.some_uint(field, zigzag(value))
    }

    /// A `sint64`.
    fn sint(&mut self, field: u32, value: i64) -> &mut Self {
        self.uint(field, zigzag(value))
    }

    /// An `optional` `string`.
    fn some_text(&mut self, field: u32, text: &str) -> &mut Self {
        self.tag(field, BYTES);
        self.varint(text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
        self
    }

    /// A `string`.
    fn text(&mut self, field: u32, text: &str) -> &mut Self {
        if !text.is_empty() {
            self.some_text(field, text);
        }
        self
    }

    /// A message, written also where it is empty.
    fn message(&mut self, field: u32, write: impl FnOnce(&mut Fields<'_>)) -> &mut Self {
        self.tag(field, BYTES);
        // Most messages are short: room for one byte of length, more is made where needed.
        let length_at = self.out.len();
        self.out.push(0);
        write(&mut Fields { out: self.out });
        let length = self.out.len() - length_at - 1;
        if length < 0x80 {
            self.out[length_at] = length as u8;
        } else {
            self.make_room(length_at, length);
        }
        self
    }

    #[cold]
    fn make_room(&mut self, length_at: usize, length: usize) {
        let end = self.out.len();
        self.varint(length as u64);
        let length_bytes = self.out.len() - end;
        // The length stands at the end; it belongs where its first byte's room is.
        let mut written = [0; 10];
        written[..length_bytes].copy_from_slice(&self.out[end..]);
        self.out.copy_within(length_at + 1..end, length_at + length_bytes);
        self.out.truncate(end + length_bytes - 1);
        self.out[length_at..length_at + length_bytes].copy_from_slice(&written[..length_bytes]);
    }
}

/// Small numbers of either sign as small numbers: 0, -1, 1, -2, … as 0, 1, 2, 3, …
#[inline]
fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

/// A value as it stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    /// Of a wire type that no field known here has.
    Other,
}

/// Takes the next field off the front of a message: its number and value.
fn next_field<'a>(rest: &mut &'a [u8]) -> Result<Option<(u64, Value<'a>)>, &'static str> {
    if rest.is_empty() {
        return Ok(None);
    }
    let tag = next_varint(rest)?;
    let field = tag >> 3;
    if !(1..1 << 29).contains(&field) {
        return Err("a field's number is 1 to 536870911");
    }
    let value = match (tag & 7) as u32 {
        VARINT => Value::Varint(next_varint(rest)?),
        FIXED64 => {
            let bytes = next_bytes(rest, 8)?;
            Value::Fixed64(u64::from_le_bytes(bytes.try_into().expect("8 bytes were taken")))
        }
        BYTES => {
            let length = next_varint(rest)?;
            Value::Bytes(next_bytes(rest, length)?)
        }
        FIXED32 => {
            next_bytes(rest, 4)?;
            Value::Other
        }
        _ => return Err("groups and wire types 6 and 7 are not spoken"),
    };
    Ok(Some((field, value)))
}

fn next_varint(rest: &mut &[u8]) -> Result<u64, &'static str> {
    let mut value = 0;
    for place in 0..10 {
        let (&byte, after) = rest.split_first().ok_or(CUT)?;
        *rest = after;
        if place == 9 && byte > 1 {
            break;
        }
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err("a varint has more than 64 bits")
}

fn next_bytes<'a>(rest: &mut &'a [u8], length: u64) -> Result<&'a [u8], &'static str> {
    let length = usize::try_from(length).map_err(|_| CUT)?;
    let (bytes, after) = rest.split_at_checked(length).ok_or(CUT)?;
    *rest = after;
    Ok(bytes)
}

const CUT: &str = "it ends in the middle of a field";

#[cfg(test)]
mod tests;
