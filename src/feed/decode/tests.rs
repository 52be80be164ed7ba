use super::*;
use crate::model::{Clock, FeedTime, PlayEvent, PlayKind, PlayerId, Team};
use proptest::prelude::*;

const PLAY: &str = r#"{"type":"play","game":"2099010100","play":"1234","rev":2,"ts":1506275400123456,"order":1235,"play_type":"pass","no_play":true,"clock":{"quarter":2,"seconds_left":451},"situation":{"down":3,"distance":7,"yards_to_goal":45,"possession":"AAA","shotgun":true,"no_huddle":false},"stats":[{"player":"90-0000001","team":"AAA","stat":15,"yards":24},{"player":"90-0000002","team":"AAA","stat":21,"yards":-3}]}"#;
const SITUATION: &str = r#"{"type":"situation","game":"2099010100","after_play":"1234","rev":1,"ts":5,"clock":{"quarter":2,"seconds_left":451},"down":1,"distance":10,"yards_to_goal":21,"possession":"AAA","score":{"AAA":14,"BBB":10},"timeouts":{"AAA":3,"BBB":2},"shotgun":false,"no_huddle":true}"#;
const RETRACT: &str = r#"{"type":"retract","game":"2099010100","play":"1234","rev":2}"#;
const GAME: &str = r#"{"type":"game","game":"2099010100","rev":3,"status":"live","home":"AAA","away":"BBB","kickoff":1506272400000000,"score":{"AAA":14,"BBB":10}}"#;
const PLAYERS: &str = r#"{"type":"players","players":[{"player":"90-0000001","name":"Al O'Né","team":"AAA","position":"QB"}]}"#;
const GOOD: [&str; 5] = [PLAY, SITUATION, RETRACT, GAME, PLAYERS];

fn decode(line: impl AsRef<[u8]>) -> Result<Event, LineError> {
    Decoder::default().line(line.as_ref())
}

/// `line` with its first `from` replaced.
fn with(line: &str, from: &str, to: &str) -> String {
    assert!(line.contains(from), "{from} is not in {line}");
    line.replacen(from, to, 1)
}

/// `line` must be refused with that code and a message that begins so.
#[track_caller]
fn refused(line: impl AsRef<[u8]>, code: LineCode, message: &str) {
    let line = line.as_ref();
    match decode(line) {
        Ok(event) => panic!("accepted {}: {event:?}", String::from_utf8_lossy(line)),
        Err(e) => assert!(
            e.code == code && e.message.starts_with(message),
            "{}: {}: {}",
            String::from_utf8_lossy(line),
            e.code,
            e.message
        ),
    }
}

#[track_caller]
fn a_play(line: impl AsRef<[u8]>) -> PlayEvent {
    match decode(line).unwrap() {
        Event::Play(play) => play,
        other => panic!("no play: {other:?}"),
    }
}

#[test]
fn a_play_holds_all_its_fields() {
    let play = a_play(PLAY);
    assert_eq!(
        (play.game.as_str(), play.play.as_str(), play.rev, play.order),
        ("2099010100", "1234", 2, Some(1235))
    );
    assert_eq!(
        (play.ts, play.kind, play.no_play),
        (Some(FeedTime(1_506_275_400_123_456)), PlayKind::Pass, true)
    );
    assert_eq!(
        play.clock,
        Some(Clock {
            quarter: 2,
            seconds_left: 451
        })
    );
    let from = play.situation.unwrap();
    assert_eq!((from.down, from.distance, from.yards_to_goal), (Some(3), Some(7), Some(45)));
    assert_eq!((from.shotgun, from.no_huddle), (Some(true), Some(false)));
    let records: Vec<_> = play
        .stats
        .iter()
        .map(|r| (r.player.as_ref().unwrap().as_str(), r.team.as_str(), r.stat, r.yards))
        .collect();
    assert_eq!(records, [("90-0000001", "AAA", 15, 24), ("90-0000002", "AAA", 21, -3)]);
}

#[test]
fn absent_and_null_fields_have_defaults() {
    for line in [
        r#"{"type":"play","game":"1","play":"2"}"#,
        r#" {"play":"2","rev":null,"ts":null,"order":null,"play_type":null,"no_play":null,"clock":null,"situation":null,"stats":null,"x":{"y":[1,{}]},"game":"1","type":"play"} "#,
    ] {
        let play = a_play(line);
        assert_eq!((play.rev, play.ts, play.order, play.kind), (1, None, None, PlayKind::Other));
        assert!(!play.no_play && play.clock.is_none() && play.situation.is_none() && play.stats.is_empty());
    }
    let line = with(PLAY, r#""down":3,"distance":7"#, r#""down":0,"distance":null"#);
    let from = a_play(with(&line, r#""possession":"AAA""#, r#""possession":"""#))
        .situation
        .unwrap();
    assert_eq!((from.down, from.distance, from.possession), (None, None, None));
    let kind = a_play(with(PLAY, r#""play_type":"pass""#, r#""play_type":"somersault""#)).kind;
    assert_eq!(kind, PlayKind::Other);
}

#[test]
fn team_records_have_no_player() {
    for player in [r#""player":"0","#, r#""player":"","#, r#""player":null,"#, ""] {
        let play = a_play(with(PLAY, r#""player":"90-0000001","#, player));
        assert_eq!(play.stats[0].player, None, "{player:?}");
    }
}

#[test]
fn yards_are_whole_however_they_are_written() {
    for (yards, read) in [
        ("120", 120),
        ("-120", -120),
        ("7.0", 7),
        ("-0.0", 0),
        ("1.2e1", 12),
        ("-0", 0),
        ("null", 0),
    ] {
        assert_eq!(
            a_play(with(PLAY, r#""yards":24"#, &format!(r#""yards":{yards}"#))).stats[0].yards,
            read
        );
    }
    assert_eq!(a_play(with(PLAY, r#","yards":24"#, "")).stats[0].yards, 0);
    for (yards, what) in [
        ("121", "is not within ±120"),
        ("-121", "is not within ±120"),
        ("65560", "is not within ±120"),
        ("18446744073709551615", "is not within ±120"),
        ("1e300", "is not within ±120"),
        ("0.5", "has a fraction"),
    ] {
        let line = with(PLAY, r#""yards":24"#, &format!(r#""yards":{yards}"#));
        let e = decode(line).unwrap_err();
        assert_eq!(e.code, LineCode::BadYards, "{yards}");
        assert!(
            e.message.starts_with("stats[0].yards: ") && e.message.ends_with(what),
            "{}",
            e.message
        );
    }
    refused(
        with(PLAY, r#""yards":24"#, r#""yards":"24""#),
        LineCode::BadValue,
        r#"stats[0].yards: "24" is not a number"#,
    );
}

#[test]
fn ids_are_strings_and_well_formed() {
    refused(
        with(PLAY, r#""2099010100""#, "2099010100"),
        LineCode::BadValue,
        "game: 2099010100 is not a string",
    );
    refused(with(RETRACT, r#""1234""#, "1234"), LineCode::BadValue, "play: 1234 is not a string");
    refused(
        with(PLAY, r#""1234""#, r#""12 34""#),
        LineCode::BadId,
        r#"play: "12 34" is not an id"#,
    );
    refused(with(PLAY, r#""1234""#, r#""""#), LineCode::BadId, r#"play: "" is not an id"#);
    refused(
        with(PLAY, "90-0000002", "<b>"),
        LineCode::BadId,
        r#"stats[1].player: "<b>" is not an id"#,
    );
    refused(
        with(PLAY, "90-0000002", "dst:AAA"),
        LineCode::BadId,
        r#"stats[1].player: "dst:AAA" is a defence"#,
    );
    refused(
        with(SITUATION, r#""after_play":"1234""#, r#""after_play":"a/b""#),
        LineCode::BadId,
        r#"after_play: "a/b""#,
    );
    refused(
        with(GAME, r#"{"AAA":14"#, r#"{"A A":14"#),
        LineCode::BadId,
        r#"score: "A A" is not a team"#,
    );
    for player in ["0", ""] {
        refused(with(PLAYERS, "90-0000001", player), LineCode::BadId, "players[0].player: ");
    }
    // The defence of a team must have a well-formed id as well.
    let long = "A".repeat(TEAM_BYTES_MAX + 1);
    refused(
        with(GAME, r#""home":"AAA""#, &format!(r#""home":"{long}""#)),
        LineCode::BadId,
        "home: \"AAAA",
    );
    let team = Team::new(&long[1..]).unwrap();
    assert!(ids::is_well_formed(PlayerId::dst(&team).as_str()));
}

#[test]
fn what_is_quoted_is_cut() {
    let e = decode(with(PLAY, r#""1234""#, &format!(r#""{}""#, "é".repeat(1000)))).unwrap_err();
    assert!(
        e.message.starts_with(&format!("play: \"{}\"… is not", "é".repeat(40))),
        "{}",
        e.message
    );
    let e = decode(with(PLAY, r#""play","#, &format!(r#""{}","#, "x".repeat(1000)))).unwrap_err();
    assert!(e.code == LineCode::UnknownType && e.message.len() < 150, "{}", e.message);
}

#[test]
fn needed_fields_are_named_when_missing() {
    for (line, part, name) in [
        (PLAY, r#""type":"play","#, "type"),
        (PLAY, r#""game":"2099010100","#, "game"),
        (PLAY, r#""play":"1234","#, "play"),
        (PLAY, r#""quarter":2,"#, "clock.quarter"),
        (PLAY, r#","seconds_left":451"#, "clock.seconds_left"),
        (PLAY, r#""stat":15,"#, "stats[0].stat"),
        (PLAY, r#""team":"AAA","stat":21"#, "stats[1].team"),
        (SITUATION, r#""game":"2099010100","#, "game"),
        (RETRACT, r#""game":"2099010100","#, "game"),
        (RETRACT, r#""play":"1234","#, "play"),
        (GAME, r#""game":"2099010100","#, "game"),
        (GAME, r#""status":"live","#, "status"),
        (GAME, r#""home":"AAA","#, "home"),
        (GAME, r#""away":"BBB","#, "away"),
        (PLAYERS, r#""player":"90-0000001","#, "players[0].player"),
    ] {
        let kept = if part.contains("stat\":21") { r#""stat":21"# } else { "" };
        refused(with(line, part, kept), LineCode::MissingField, &format!("{name}: missing"));
    }
    refused(r#"{"type":"players"}"#, LineCode::MissingField, "players: missing");
    refused(r#"{"type":"game","game":null}"#, LineCode::MissingField, "status: missing");
    refused("{}", LineCode::MissingField, "type: missing");
}

/// Every field with a wrong type or a value just out of range: the code and the field's name.
#[test]
fn bad_values_are_refused_by_name() {
    use LineCode::*;
    #[rustfmt::skip]
    let cases = [
        (PLAY, r#""type":"play""#, r#""type":"pray""#, UnknownType, "type: \"pray\" is none of play,"),
        (PLAY, r#""type":"play""#, r#""type":7"#, BadValue, "type: 7 is not a string"),
        (PLAY, r#""rev":2"#, r#""rev":0"#, BadValue, "rev: 0 is not within 1 and 9007199254740992"),
        (PLAY, r#""rev":2"#, r#""rev":-1"#, BadValue, "rev: -1"),
        (PLAY, r#""rev":2"#, r#""rev":9007199254740993"#, BadValue, "rev: 9007199254740993"),
        (PLAY, r#""rev":2"#, r#""rev":2.5"#, BadValue, "rev: 2.5 is not an integer"),
        (PLAY, r#""rev":2"#, r#""rev":"2""#, BadValue, "rev: \"2\" is not an integer"),
        (PLAY, r#""ts":1506275400123456"#, r#""ts":9223372036854775808"#, BadValue, "ts: 9223372036854775808"),
        (PLAY, r#""ts":1506275400123456"#, r#""ts":1e3"#, BadValue, "ts: 1000.0 is not an integer"),
        (PLAY, r#""order":1235"#, r#""order":-1"#, BadValue, "order: -1"),
        (PLAY, r#""order":1235"#, r#""order":9007199254740993"#, BadValue, "order: 9007199254740993"),
        (PLAY, r#""play_type":"pass""#, r#""play_type":1"#, BadValue, "play_type: 1 is not a string"),
        (PLAY, r#""no_play":true"#, r#""no_play":1"#, BadValue, "no_play: 1 is not true or false"),
        (PLAY, r#"{"quarter":2,"seconds_left":451}"#, "[]", BadValue, "clock: an array is not an object"),
        (PLAY, r#""quarter":2"#, r#""quarter":11"#, BadValue, "clock.quarter: 11 is not within 0 and 10"),
        (PLAY, r#""quarter":2"#, r#""quarter":-1"#, BadValue, "clock.quarter: -1"),
        (PLAY, r#""seconds_left":451"#, r#""seconds_left":3601"#, BadValue, "clock.seconds_left: 3601"),
        (PLAY, r#""down":3"#, r#""down":5"#, BadValue, "situation.down: 5"),
        (PLAY, r#""distance":7"#, r#""distance":100"#, BadValue, "situation.distance: 100"),
        (PLAY, r#""distance":7"#, r#""distance":-1"#, BadValue, "situation.distance: -1"),
        (PLAY, r#""yards_to_goal":45"#, r#""yards_to_goal":101"#, BadValue, "situation.yards_to_goal: 101"),
        (PLAY, r#""possession":"AAA""#, r#""possession":{}"#, BadValue, "situation.possession: an object"),
        (PLAY, r#""shotgun":true"#, r#""shotgun":"yes""#, BadValue, "situation.shotgun: \"yes\" is not true"),
        (PLAY, r#""stat":15"#, r#""stat":65"#, UnknownStat, "stats[0].stat: 65 is not a known stat id"),
        (PLAY, r#""stat":15"#, r#""stat":-1"#, UnknownStat, "stats[0].stat: -1"),
        (PLAY, r#""stat":15"#, r#""stat":65551"#, UnknownStat, "stats[0].stat: 65551"),
        (PLAY, r#""stat":15"#, r#""stat":"15""#, BadValue, "stats[0].stat: \"15\" is not an integer"),
        (PLAY, r#""player":"90-0000002""#, r#""player":2"#, BadValue, "stats[1].player: 2 is not a string"),
        (PLAY, r#""stats":["#, r#""stats":[7,"#, BadValue, "stats[0]: 7 is not an object"),
        (PLAY, r#""stats":["#, r#""stats":{},"x":["#, BadValue, "stats: an object is not an array"),
        (SITUATION, r#""down":1"#, r#""down":9"#, BadValue, "down: 9"),
        (SITUATION, r#"{"AAA":14,"BBB":10}"#, "14", BadValue, "score: 14 is not an object"),
        (SITUATION, r#""AAA":14"#, r#""AAA":301"#, BadValue, "score: 301 is not within 0 and 300"),
        (SITUATION, r#""AAA":14"#, r#""AAA":-1"#, BadValue, "score: -1"),
        (SITUATION, r#""AAA":14"#, r#""AAA":null"#, MissingField, "score: missing"),
        (SITUATION, r#""AAA":14"#, r#""AAA":14,"CCC":1"#, TooMany, "score: more than 2 teams"),
        (SITUATION, r#""AAA":3"#, r#""AAA":3,"CCC":1"#, TooMany, "timeouts: more than 2 teams"),
        (GAME, r#""live""#, r#""Live""#, BadValue, "status: \"Live\" is none of scheduled,"),
        (GAME, r#""away":"BBB""#, r#""away":"AAA""#, BadValue, "away: \"AAA\" is the home team too"),
        (
            GAME,
            r#""kickoff":1506272400000000"#,
            r#""kickoff":-9223372036854775808"#,
            BadValue,
            "kickoff: -9223372036854775808 is not within",
        ),
        (GAME, r#""kickoff":1506272400000000"#, r#""kickoff":"noon""#, BadValue, "kickoff: \"noon\""),
        (PLAYERS, r#"[{"#, r#"[[],{"#, BadValue, "players[0]: an array is not an object"),
        (PLAYERS, r#""QB""#, r#""QBQBQBQBQ""#, BadValue, "players[0].position: \"QBQBQBQBQ\" is longer than 8"),
        (PLAYERS, "Al O", r"Al\u0000O", BadValue, "players[0].name: \"Al\\0O'Né\" has control characters"),
        (PLAYERS, "Al O", r"Al\nO", BadValue, "players[0].name: "),
    ];
    for (line, from, to, code, message) in cases {
        refused(with(line, from, to), code, message);
    }
    refused(
        with(PLAYERS, "Al", &"é".repeat(101)),
        BadValue,
        &format!("players[0].name: \"{}\"… is longer than 100", "é".repeat(40)),
    );
    assert!(decode(with(PLAYERS, "Al O'Né", &"é".repeat(100))).is_ok());
}

#[test]
fn known_fields_stand_once() {
    refused(
        with(PLAY, r#""rev":2"#, r#""rev":2,"rev":2"#),
        LineCode::DuplicateField,
        "rev: given twice",
    );
    refused(
        with(PLAY, r#""rev":2"#, r#""rev":2,"rev":null"#),
        LineCode::DuplicateField,
        "rev: given twice",
    );
    refused(
        with(PLAY, r#""type":"play""#, r#""type":"play","ty\u0070e":"game""#),
        LineCode::DuplicateField,
        "type: given twice",
    );
    refused(
        with(PLAY, r#""down":3"#, r#""down":3,"down":4"#),
        LineCode::DuplicateField,
        "situation.down: given twice",
    );
    refused(
        with(PLAY, r#""yards":24"#, r#""yards":24,"yards":25"#),
        LineCode::DuplicateField,
        "stats[0].yards: given twice",
    );
    refused(
        with(SITUATION, r#""down":1"#, r#""down":1,"down":1"#),
        LineCode::DuplicateField,
        "down: given twice",
    );
    refused(
        with(GAME, r#""BBB":10"#, r#""AAA":10"#),
        LineCode::DuplicateField,
        "score.AAA: given twice",
    );
    assert!(decode(with(PLAY, r#""rev":2"#, r#""rev":2,"x":1,"x":2"#)).is_ok());
}

#[test]
fn lists_and_lines_are_limited() {
    let record = r#"{"team":"AAA","stat":15}"#;
    let play = |count| {
        format!(
            r#"{{"type":"play","game":"1","play":"2","stats":[{}]}}"#,
            vec![record; count].join(",")
        )
    };
    assert_eq!(a_play(play(64)).stats.len(), 64);
    refused(play(65), LineCode::TooMany, "stats: 65 elements, at most 64");
    let list = |count| format!(r#"{{"type":"players","players":[{}]}}"#, vec![r#"{"player":"1"}"#; count].join(","));
    assert!(decode(list(200)).is_ok());
    refused(list(201), LineCode::TooMany, "players: 201 elements, at most 200");

    let filled = |bytes: usize| format!("{RETRACT}{}", " ".repeat(bytes - RETRACT.len()));
    assert!(decode(filled(65_536)).is_ok());
    refused(filled(65_537), LineCode::LineTooLong, "line: 65537 bytes, at most 65536");
}

#[test]
fn nesting_is_limited() {
    let nested = |depth: usize| with(RETRACT, r#""rev":2"#, &format!(r#""x":{}{}"#, "[".repeat(depth), "]".repeat(depth)));
    assert!(decode(nested(31)).is_ok());
    refused(nested(32), LineCode::TooDeep, "byte ");
    refused("[".repeat(65_536), LineCode::TooDeep, "byte ");
    refused(r#"{"a":"#.repeat(13_107), LineCode::TooDeep, "byte ");
}

#[test]
fn only_objects_are_lines() {
    for (line, shown) in [
        ("[]", "an array"),
        ("[{}]", "an array"),
        ("null", "null"),
        ("7", "7"),
        (r#""play""#, "\"play\""),
        ("true", "true"),
    ] {
        refused(line, LineCode::NotAnObject, &format!("line: {shown} is not an object"));
    }
}

#[test]
fn malformed_lines_are_told_to_the_byte() {
    for (line, message) in [
        ("", "byte 0: "),
        ("   ", "byte 3: "),
        ("{", "byte 1: EOF while parsing an object"),
        ("{\"type\":play}", "byte 8: expected"),
        ("{\"type\":\"play\"} x", "byte 16: trailing characters"),
        ("{\n\"a\":1,\n\"b\":nul}", "byte 16: expected ident"),
        ("{\"a\":NaN}", "byte 5: expected value"),
        ("{\"a\":Infinity}", "byte 5: expected value"),
        ("{\"a\":01}", "byte 6: "),
        ("{'a':1}", "byte 1: key must be a string"),
        ("{\"a\":\"\t\"}", "byte "),
        ("\u{feff}{}", "byte 0: a byte order mark"),
    ] {
        refused(line, LineCode::MalformedJson, message);
    }
    refused(b"{\"a\":\"\xff\"}", LineCode::MalformedJson, "byte 6: not UTF-8");
    refused(b"\xff\xfe{\0}\0", LineCode::MalformedJson, "byte 0: not UTF-8");
    for huge in ["1e999", "-1e999", &"9".repeat(400)] {
        refused(
            with(PLAY, r#""rev":2"#, &format!(r#""rev":{huge}"#)),
            LineCode::MalformedJson,
            "byte ",
        );
    }
}

/// A number beyond 64 bits may be no JSON to one reader and a float to another: never an accepted value.
#[test]
fn huge_numbers_are_refused() {
    for field in [r#""rev":2"#, r#""order":1235"#, r#""ts":1506275400123456"#, r#""yards":24"#] {
        let name = field.split(':').next().unwrap();
        assert!(
            decode(with(PLAY, field, &format!("{name}:99999999999999999999"))).is_err(),
            "{field}"
        );
    }
}

#[test]
fn every_prefix_is_refused() {
    let mut decoder = Decoder::default();
    for line in GOOD {
        for end in 0..line.len() {
            assert!(decoder.line(&line.as_bytes()[..end]).is_err(), "{:?}", &line.as_bytes()[..end]);
        }
        assert!(decoder.line(line.as_bytes()).is_ok());
    }
}

#[test]
fn a_bad_line_leaves_nothing_behind() {
    let mut decoder = Decoder::default();
    for line in GOOD {
        let alone = decode(line).unwrap();
        for bad in ["{\"type\":\"play\",\"game\":\"1\"", "[[[[", "\u{1}", PLAYERS] {
            let _ = decoder.line(bad.as_bytes());
            assert_eq!(decoder.line(line.as_bytes()).unwrap(), alone);
        }
    }
}

#[test]
fn codes_have_names_of_their_own() {
    let names: std::collections::BTreeSet<_> = LineCode::ALL.iter().map(|c| c.as_str()).collect();
    assert_eq!(names.len(), LineCode::ALL.len());
    assert!(names.iter().all(|n| n.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
}

#[test]
fn a_decoder_can_move_to_its_thread() {
    fn is_send<T: Send>() {}
    is_send::<Decoder>();
}

proptest! {
    #[test]
    fn no_bytes_panic(line in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(line);
    }

    /// A good line with bytes changed: whatever is still accepted is JSON to another reader too.
    #[test]
    fn what_is_accepted_is_json(
        which in 0..GOOD.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(&b"{}[],:\"\\ 0159-+.eEtfnu/\x00\x1f\x7f\x80\xc3\xa9\xed\xff"[..]), 0..3u8), 1..4),
    ) {
        let mut line = GOOD[which].as_bytes().to_vec();
        for (place, byte, how) in changes {
            let at = place.index(line.len());
            match how {
                0 => line[at] = byte,
                1 => line.insert(at, byte),
                _ => { line.remove(at); }
            }
        }
        if decode(&line).is_ok() {
            let read = serde_json::from_slice::<serde_json::Value>(&line);
            prop_assert!(read.is_ok(), "{}: {:?}", String::from_utf8_lossy(&line), read);
        }
    }
}
