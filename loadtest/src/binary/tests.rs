use super::*;

/// The bytes of every kind of message, each below the JSON message that means the same: what another
/// implementation of protobuf made of them (`tests/it/binary.rs` of the server).
const GOLDEN: &str = include_str!("../../../tests/golden/frames.bin.txt");

/// `<` (what a client says) or `>`, the JSON form, the bytes.
fn golden() -> Vec<(char, Value, Vec<u8>)> {
    let mut messages: Vec<(char, Value, Vec<u8>)> = Vec::new();
    for line in GOLDEN.lines() {
        if let Some(json) = line.strip_prefix("# ") {
            messages.push((' ', whole(serde_json::from_str(json).unwrap_or_default()), Vec::new()));
        } else if let Some((way, rest)) = line.split_once(' ') {
            let digits = rest.split(' ').next().unwrap();
            let bytes = (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap());
            let message = messages.last_mut().unwrap();
            message.0 = way.chars().next().unwrap();
            message.2.extend(bytes);
        }
    }
    messages
}

/// Money is written `100.0` in JSON, and is no other number than 100.
fn whole(value: Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 => json!(float as i64),
            _ => Value::Number(number),
        },
        Value::Array(list) => list.into_iter().map(whole).collect(),
        Value::Object(map) => map.into_iter().map(|(name, value)| (name, whole(value))).collect(),
        other => other,
    }
}

#[test]
fn every_kind_of_message_says_what_its_json_says() {
    let said: Vec<_> = golden().into_iter().filter(|(way, ..)| *way == '>').collect();
    assert!(said.len() > 20, "{} messages", said.len());
    for (_, json, bytes) in said {
        assert_eq!(decode(&bytes).unwrap(), json, "{bytes:02x?}");
    }
}

#[test]
fn what_a_client_says_is_what_another_implementation_writes() {
    let mut compared = 0;
    for (_, json, bytes) in golden().into_iter().filter(|(way, ..)| *way == '<') {
        // What is wrong on purpose is not among what a client here says.
        let Ok(own) = encode(&json) else { continue };
        let of = top("ClientMessage").unwrap();
        assert_eq!(fields(of, &own).unwrap(), fields(of, &bytes).unwrap(), "{json}");
        compared += 1;
    }
    assert!(compared > 5, "{compared} messages");
    let wrong = |json| format!("{:#}", encode(&json).unwrap_err());
    assert!(wrong(json!({"op": "dance"})).contains("no op dance"));
    assert!(wrong(json!({"op": "ping", "topics": []})).contains("no field topics"));
    assert!(wrong(json!({"op": "subscribe", "topics": "a"})).contains("something else"));
}

/// A delta of two fields and those in `more`.
fn delta(more: &[u8]) -> Vec<u8> {
    let delta = [&[0x0A, 1, b't', 0x18, 1][..], more].concat();
    [&[0x12, delta.len() as u8][..], &delta].concat()
}

#[test]
fn what_the_schema_does_not_say_is_refused() {
    let wrong = |bytes: &[u8]| format!("{:#}", decode(bytes).unwrap_err());
    assert_eq!(decode(&delta(&[0x28, 3])).unwrap()["points"], json!(-0.0002));
    assert!(wrong(&delta(&[0x18, 6])).contains("seq of Delta: is there twice"));
    assert!(wrong(&delta(&[0xE8, 0x07, 1])).contains("field 125, which Delta has not"));
    assert!(wrong(&delta(&[0x2A, 1, 1])).contains("points of Delta: must be Sint64"));
    assert!(wrong(&delta(&[0xA2, 0x01, 1, 0xFF])).contains("home of Delta: invalid utf-8"));
    assert!(wrong(&delta(&[0x88, 0x01, 9])).contains("is 9, which has no name"));
    assert!(wrong(&delta(&[0x62, 0, 0x62, 0])).contains("2 causes of one change"));
    assert!(wrong(&delta(&[0x4A, 3, 0x08, 1])).contains("ends in the middle"));
    assert!(wrong(&delta(&[])[..5]).contains("ends in the middle"));
    assert!(wrong(&[]).contains("no message"));
    assert!(wrong(&[0x12, 0, 0x1A, 0]).contains("or two"));
}

#[test]
fn numbers_come_packed_or_one_by_one() {
    let gone = |more: &[u8]| decode(&delta(more)).unwrap();
    let packed = gone(&[0x9A, 0x01, 2, 1, 3]);
    assert_eq!(packed, gone(&[0x98, 0x01, 1, 0x98, 0x01, 3]));
    let names = packed.as_object().unwrap().iter().filter(|(_, value)| value.is_null());
    assert_eq!(names.map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["clock", "score"]);
}
