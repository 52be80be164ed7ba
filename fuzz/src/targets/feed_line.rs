//! Feed lines: the shortcut agrees with the full decoder, and what is written of an event is read as it.

use super::choices::Choices;
use scorewire::feed::decode::{Limits, NAME_CHARS_MAX};
use scorewire::feed::{Decoder, write_line};
use scorewire::model::Event;

/// What is written may be this much longer than what was read: defaults are written out.
const WRITTEN_BYTES_MAX: usize = 1 << 20;
/// An error quotes a little of the line, and never all of it.
const ERROR_CHARS_MAX: usize = 400;

/// Any bytes.
pub(crate) fn line(line: &[u8]) {
    let mut decoder = Decoder::default();
    let full = decoder.line_in_full(line);
    assert_eq!(decoder.line(line), full, "the shortcut differs");
    let smallest = Limits {
        stats_per_play_max: 1,
        depth_max: 3,
        ..Limits::default()
    };
    let mut strict = Decoder::new(smallest);
    let quick = strict.line(line);
    assert_eq!(quick, strict.line_in_full(line), "the shortcut differs, of narrow limits");
    if quick.is_ok() {
        assert_eq!(quick, full, "a limit changed what a line says");
    }
    match full {
        Ok(event) => {
            serde_json::from_slice::<serde::de::IgnoredAny>(line).expect("what is accepted is JSON");
            written_is_read(&event);
        }
        Err(error) => {
            let shown = error.message.chars().count();
            assert!(shown <= ERROR_CHARS_MAX, "{shown} characters: {error}");
            assert!(!error.message.chars().any(char::is_control), "{error:?}");
        }
    }
}

/// An event comes back from its line, and the line from the event.
pub(super) fn written_is_read(event: &Event) {
    let mut written = Vec::new();
    write_line(event, &mut written);
    let limits = Limits {
        line_bytes_max: WRITTEN_BYTES_MAX,
        ..Limits::default()
    };
    let read = Decoder::new(limits).line(&written);
    assert_eq!(read.as_ref(), Ok(event), "{}", String::from_utf8_lossy(&written));
    let mut again = Vec::new();
    write_line(event, &mut again);
    assert_eq!(again, written);
}

/// A line made of the protocol's own fields, in any order and number, each with some value.
pub(crate) fn fields(input: &[u8]) {
    let mut choices = Choices::new(input);
    let mut out = String::new();
    let shapes = [PLAY, SITUATION, RETRACT, GAME, PLAYERS, ALL];
    let shape = shapes[choices.below(shapes.len())];
    object(&mut choices, shape, 2, &mut out);
    line(out.as_bytes());
}

/// The first `needed` of the fields as a rule, some more, and where the input says so any in any place.
fn object(choices: &mut Choices<'_>, shape: &[Field], needed: usize, out: &mut String) {
    let start = out.len();
    out.push('{');
    let separate = |out: &mut String| {
        if !out[start..].ends_with('{') {
            out.push(',');
        }
    };
    for (place, field) in shape.iter().enumerate() {
        let is_skipped = choices.below(8) == 7 || (place > needed && choices.flag());
        if !is_skipped {
            separate(out);
            member(choices, field, out);
        }
    }
    if choices.below(8) == 7 && !shape.is_empty() {
        separate(out);
        let field = choices.pick(shape);
        member(choices, field, out);
    }
    out.push('}');
}

fn member(choices: &mut Choices<'_>, (name, kind): &Field, out: &mut String) {
    out.push_str(&serde_json::to_string(name).expect("a text"));
    out.push(':');
    out.push_str(choices.word(&["", "", "", " "]));
    value(choices, *kind, out);
}

fn list(choices: &mut Choices<'_>, count: usize, out: &mut String, mut each: impl FnMut(&mut Choices<'_>, &mut String)) {
    out.push('[');
    for place in 0..count {
        if place > 0 {
            out.push(',');
        }
        each(choices, out);
    }
    out.push(']');
}

fn value(choices: &mut Choices<'_>, kind: Kind, out: &mut String) {
    let odd = choices.below(16);
    if odd == 15 {
        return out.push_str(choices.word(ODD));
    }
    match kind {
        Kind::Word(words) => {
            out.push('"');
            out.push_str(choices.word(words));
            out.push('"');
        }
        Kind::Number => out.push_str(choices.word(NUMBERS)),
        Kind::Small => out.push_str(&choices.below(128).to_string()),
        Kind::Truth => out.push_str(choices.word(&["true", "false"])),
        Kind::Text => {
            let text = match choices.below(4) {
                0 => "x".repeat(NAME_CHARS_MAX - 1 + choices.below(3)),
                _ => choices.text(),
            };
            out.push_str(&serde_json::to_string(&text).expect("a text"));
        }
        Kind::Id => match choices.below(16) {
            0 => out.push_str(&format!("\"{}\"", "N".repeat(59 + choices.below(7)))),
            1 => out.push_str(&serde_json::to_string(&choices.text()).expect("a text")),
            _ => out.push_str(&format!("\"{}\"", choices.word(IDS))),
        },
        Kind::Object(shape) => object(choices, shape, shape.len(), out),
        Kind::Points => {
            let teams = ["NE", "HOU", "dst:NE", ""];
            let shape: Vec<Field> = (0..choices.below(4)).map(|_| (choices.word(&teams), Kind::Number)).collect();
            object(choices, &shape, shape.len(), out);
        }
        Kind::List(shape) => {
            let count = *choices.pick(&[1, 1, 2, 3, 0, 4, 64, 65, 5]);
            let mut before: Option<String> = None;
            list(choices, count, out, |choices, out| {
                // Long lists are of the same again.
                let item = before.get_or_insert_with(|| {
                    let mut item = String::new();
                    object(choices, shape, shape.len(), &mut item);
                    item
                });
                out.push_str(item);
                if count < 10 {
                    before = None;
                }
            });
        }
    }
}

type Field = (&'static str, Kind);

#[derive(Clone, Copy)]
enum Kind {
    Word(&'static [&'static str]),
    Number,
    Small,
    Truth,
    Text,
    Id,
    /// A number for each of some teams.
    Points,
    Object(&'static [Field]),
    List(&'static [Field]),
}

const IDS: &[&str] = &[
    "NE",
    "HOU",
    "90-0000001",
    "90-0000002",
    "2099010100",
    "1234",
    "0",
    "",
    "dst:NE",
    "dst:",
    "a b",
    "a\\u0041",
    "\u{e9}",
];
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "10",
    "15",
    "-1",
    "-3",
    "4",
    "5",
    "21",
    "99",
    "100",
    "101",
    "120",
    "121",
    "-120",
    "300",
    "301",
    "3600",
    "3601",
    "65535",
    "65536",
    "9007199254740992",
    "9007199254740993",
    "-9007199254740992",
    "999999999999999999",
    "1000000000000000000",
    "-9223372036854775808",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1.0",
    "-7.0",
    "0.5",
    "1e1",
    "1E+2",
    "1e400",
    "-0",
    "-0.0",
    "00",
    "01",
    "1.",
    ".5",
    "+1",
];
const ODD: &[&str] = &[
    "null",
    "true",
    "0",
    "\"\"",
    "{}",
    "[]",
    "[{}]",
    "[null]",
    "1e5",
    "\"\\u0000\"",
    "nul",
    "\"\\ud800\"",
    "\"\t\"",
    "{\"a\":{\"b\":[]}}",
    "",
    "-",
];
const KIND: Kind = Kind::Word(&["play", "situation", "retract", "game", "players", "PLAY", ""]);
const CLOCK: &[Field] = &[("quarter", Kind::Number), ("seconds_left", Kind::Number)];
const SNAP: &[Field] = &[
    ("down", Kind::Number),
    ("distance", Kind::Small),
    ("yards_to_goal", Kind::Small),
    ("possession", Kind::Id),
    ("shotgun", Kind::Truth),
    ("no_huddle", Kind::Truth),
];
const RECORD: &[Field] = &[
    ("player", Kind::Id),
    ("team", Kind::Id),
    ("stat", Kind::Small),
    ("yards", Kind::Number),
];
const PLAYER: &[Field] = &[
    ("player", Kind::Id),
    ("name", Kind::Text),
    ("team", Kind::Id),
    ("position", Kind::Text),
];
const PLAY: &[Field] = &[
    ("type", Kind::Word(&["play"])),
    ("game", Kind::Id),
    ("play", Kind::Id),
    ("stats", Kind::List(RECORD)),
    ("rev", Kind::Number),
    ("ts", Kind::Number),
    ("order", Kind::Number),
    ("play_type", Kind::Word(&["pass", "run", "punt", "somersault", "pass\\n", ""])),
    ("no_play", Kind::Truth),
    ("clock", Kind::Object(CLOCK)),
    ("situation", Kind::Object(SNAP)),
];
const SITUATION: &[Field] = &[
    ("type", Kind::Word(&["situation"])),
    ("game", Kind::Id),
    ("after_play", Kind::Id),
    ("rev", Kind::Number),
    ("ts", Kind::Number),
    ("clock", Kind::Object(CLOCK)),
    ("down", Kind::Number),
    ("distance", Kind::Small),
    ("yards_to_goal", Kind::Small),
    ("possession", Kind::Id),
    ("shotgun", Kind::Truth),
    ("no_huddle", Kind::Truth),
    ("score", Kind::Points),
    ("timeouts", Kind::Points),
];
const RETRACT: &[Field] = &[
    ("type", Kind::Word(&["retract"])),
    ("game", Kind::Id),
    ("play", Kind::Id),
    ("rev", Kind::Number),
    ("ts", Kind::Number),
];
const GAME: &[Field] = &[
    ("type", Kind::Word(&["game"])),
    ("game", Kind::Id),
    ("status", Kind::Word(&["scheduled", "live", "halftime", "final", "over"])),
    ("home", Kind::Id),
    ("away", Kind::Id),
    ("rev", Kind::Number),
    ("ts", Kind::Number),
    ("kickoff", Kind::Number),
    ("score", Kind::Points),
];
const PLAYERS: &[Field] = &[("type", Kind::Word(&["players"])), ("players", Kind::List(PLAYER))];
const ALL: &[Field] = &[
    ("type", KIND),
    ("game", Kind::Id),
    ("play", Kind::Id),
    ("status", Kind::Word(&["live"])),
    ("home", Kind::Id),
    ("away", Kind::Id),
    ("players", Kind::List(PLAYER)),
    ("stats", Kind::List(RECORD)),
    ("rev", Kind::Number),
    ("unknown", Kind::List(PLAY)),
];
