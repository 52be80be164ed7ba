//! The wire format by the examples of its specification, and what hostile bytes come to.

use super::*;
use crate::wire::client::{BadMessage, ClientMessage};
use proptest::prelude::*;

fn written(write: impl FnOnce(&mut Fields<'_>)) -> Vec<u8> {
    let mut out = vec![0xee];
    write(&mut Fields { out: &mut out });
    assert_eq!(out[0], 0xee, "what stood there stays");
    out.split_off(1)
}

/// <https://protobuf.dev/programming-guides/encoding/>
#[test]
fn fields_are_written_as_the_specification_shows() {
    assert_eq!(written(|fields| _ = fields.uint(1, 150)), [0x08, 0x96, 0x01]);
    assert_eq!(written(|fields| _ = fields.text(2, "testing")), b"\x12\x07testing");
    let nested = written(|fields| _ = fields.message(3, |inner| _ = inner.uint(1, 150)));
    assert_eq!(nested, [0x1a, 0x03, 0x08, 0x96, 0x01]);
    assert_eq!(
        written(|fields| _ = fields.some_int(1, -2)),
        b"\x08\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"
    );
    for (value, shown) in [
        (0, 0),
        (-1, 1),
        (1, 2),
        (-2, 3),
        (0x7fff_ffff, 0xffff_fffe),
        (-0x8000_0000, 0xffff_ffff),
    ] {
        assert_eq!(zigzag(value), shown);
    }
    assert_eq!((zigzag(i64::MAX), zigzag(i64::MIN)), (u64::MAX - 1, u64::MAX));
    assert_eq!(written(|fields| _ = fields.uint(1, 0).int(2, 0).sint(3, 0).text(4, "")), b"");
    assert_eq!(
        written(|fields| _ = fields.some_uint(1, 0).some_sint(16, 0).some_text(2, "").message(3, |_| ())),
        [0x08, 0, 0x80, 0x01, 0, 0x12, 0, 0x1a, 0]
    );
}

#[test]
fn a_message_of_any_length_stands_right_after_its_length() {
    for length in [0, 1, 127, 128, 129, 16_383, 16_384, 70_000] {
        let body = vec![b'x'; length];
        let bytes = written(|fields| _ = fields.message(1, |inner| inner.out.extend_from_slice(&body)));
        let mut rest = &bytes[..];
        assert_eq!(next_field(&mut rest), Ok(Some((1, Value::Bytes(&body)))), "{length}");
        assert_eq!(next_field(&mut rest), Ok(None));
    }
}

fn refused(message: &[u8]) -> BadMessage {
    parse(message).expect_err("it is refused")
}

#[test]
fn what_is_refused_says_why() {
    for (message, id, code, part) in [
        (&b""[..], None, "bad_message", "the op is missing"),
        (b"\x08\x07", Some(7), "bad_message", "the op is missing"),
        (b"\x08\x07\x7a\x00", Some(7), "unknown_op", "unknown op 15"),
        (b"\x08\x07\x22\x00\x22\x00", Some(7), "bad_message", "a message has one op"),
        (b"\x0a\x01\x07\x22\x00", None, "bad_message", "id must be an integer"),
        (b"\x20\x00", None, "bad_message", "ping must be a message"),
        (b"\x22\x01", None, "bad_message", "it ends in the middle"),
        (
            b"\x22\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            None,
            "bad_message",
            "it ends in the middle",
        ),
        (
            b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
            None,
            "bad_message",
            "more than 64 bits",
        ),
        (
            b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            None,
            "bad_message",
            "more than 64 bits",
        ),
        (b"\x08\xff", None, "bad_message", "it ends in the middle"),
        (b"\x02\x00", None, "bad_message", "a field's number"),
        (b"\x80\x80\x80\x80\x10\x00", None, "bad_message", "a field's number"),
        (b"\x23\x24", None, "bad_message", "groups"),
        (b"{\"op\":\"ping\"}", None, "bad_message", "not protobuf"),
        (b"\x12\x00", None, "bad_message", "topics must list at least one topic"),
        (b"\x1a\x00", None, "bad_message", "topics must list at least one topic"),
        (b"\x12\x02\x08\x01", None, "bad_message", "topics must be a string"),
        (b"\x12\x03\x0a\x01\xff", None, "bad_message", "topics must be UTF-8"),
        (b"\x12\x05\x0a\x01a\x10\x01", None, "bad_message", "ruleset must be a string"),
        (b"\x12\x05\x0a\x01a\x18\x01", None, "bad_message", "epoch must be a string"),
        (b"\x12\x05\x0a\x01a\x28\x05", None, "bad_message", "max_rate_hz must be a double"),
        (
            b"\x12\x0c\x0a\x01a\x29\0\0\0\0\0\0\xf8\x7f",
            None,
            "bad_message",
            "max_rate_hz must be 0.01 to 1000, not NaN",
        ),
        (
            b"\x12\x0c\x0a\x01a\x29\0\0\0\0\0\0\0\0",
            None,
            "bad_message",
            "max_rate_hz must be 0.01 to 1000, not 0",
        ),
        (b"\x12\x05\x0a\x01a\x20\x05", None, "bad_message", "since must be a message"),
        (
            b"\x12\x07\x0a\x01a\x22\x02\x12\x00",
            None,
            "bad_message",
            "a seq of since must be an integer",
        ),
        (b"\x12\x06\x0a\x01a\x22\x01\x12", None, "bad_message", "since: not protobuf"),
    ] {
        let bad = refused(message);
        assert_eq!((bad.id, bad.code), (id, code), "{message:02x?}: {}", bad.message);
        assert!(bad.message.contains(part), "{message:02x?}: {}", bad.message);
    }
}

#[test]
fn what_is_not_known_is_passed_over() {
    // A varint, eight bytes, bytes and four bytes under numbers that the schema does not have.
    let unknown = b"\x98\x06\x01\x99\x06\0\0\0\0\0\0\0\0\x9a\x06\x02hi\x9d\x06\0\0\0\0";
    let message = [&unknown[..], b"\x08\x05\x22\x18", unknown].concat();
    assert_eq!(parse(&message), Ok(ClientMessage::Ping(Some(5))));
    assert_eq!(
        parse(b"\x08\x05\x08\x06\x22\x00"),
        Ok(ClientMessage::Ping(Some(6))),
        "the last counts"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever comes: an answer, and nothing that grows beyond the message.
    #[test]
    fn arbitrary_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        bounded(&bytes);
    }

    /// The same for what looks like a subscription.
    #[test]
    fn arbitrary_fields_are_answered(fields in prop::collection::vec((0..8u8, 0..8u8, prop::collection::vec(any::<u8>(), 0..12)), 0..12)) {
        let mut inner = Vec::new();
        for (field, wire_type, bytes) in fields {
            inner.extend([field << 3 | wire_type, bytes.len() as u8]);
            inner.extend(bytes);
        }
        bounded(&written(|fields| _ = fields.message(2, |fields| fields.out.extend_from_slice(&inner))));
    }
}

fn bounded(message: &[u8]) {
    if let Ok(ClientMessage::Subscribe(subscribe)) = parse(message) {
        let texts = subscribe.topics.iter().chain(subscribe.since.keys());
        let held: usize = texts.map(|text| text.len() + 2).sum();
        assert!(held <= message.len(), "{subscribe:?}");
    }
}
