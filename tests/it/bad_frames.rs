//! What may be wrong with a WebSocket: the right close code, or an error that names the field.

use crate::hostile::good::Good;
use crate::hostile::http::Raw;
use crate::hostile::ws::{BINARY, CLOSE, CONTINUE, FIN, PING, Said, TEXT, Ws, claim, frame, text, unmasked, upgrade};
use crate::hostile::{PATIENCE, Server, Stopwatch};
use serde_json::json;
use std::net::Shutdown;
use std::time::Duration;

const PING_MESSAGE: &str = r#"{"op":"ping","id":4}"#;

#[test]
fn broken_frames_get_the_close_code_of_their_mistake() {
    let server = Server::start();
    let mut good = Good::watch(server.address);
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("unmasked", unmasked(FIN | TEXT, PING_MESSAGE), 1002),
        ("reserved bit", frame(FIN | 0x40 | TEXT, PING_MESSAGE), 1002),
        ("reserved opcode", frame(FIN | 3, "x"), 1002),
        ("reserved control opcode", frame(FIN | 11, "x"), 1002),
        ("fragmented ping", frame(PING, "x"), 1002),
        ("long ping", frame(FIN | PING, [0; 126]), 1002),
        ("continuation of nothing", frame(FIN | CONTINUE, "x"), 1002),
        ("close with half a code", frame(FIN | CLOSE, "x"), 1002),
        (
            "close with a code that nobody may send",
            frame(FIN | CLOSE, 1005u16.to_be_bytes()),
            1002,
        ),
        ("not UTF-8", text(b"{\"op\":\"\xff\"}"), 1007),
        ("binary", frame(FIN | BINARY, PING_MESSAGE), 1003),
    ];
    for path in ["/v1/ws", "/v1/ingest"] {
        for (what, bytes, code) in &cases {
            let mut ws = Ws::open(server.address, path);
            ws.send(bytes);
            assert_eq!(ws.closed().0, *code, "{path}: {what}");
        }
        good.misses_nothing();
    }
    // What only the subscribers' own reader minds.
    let interrupted = [frame(TEXT, "{"), frame(FIN | TEXT, "}")].concat();
    let wasteful = [&[FIN | TEXT, 0x80 | 126, 0, 2, 0, 0, 0, 0][..], b"{}"].concat();
    for bytes in [interrupted, wasteful, claim(FIN | TEXT, u64::MAX)] {
        let mut ws = Ws::open(server.address, "/v1/ws");
        ws.send(bytes);
        assert_eq!(ws.closed(), (1002, "protocol_error".to_owned()));
    }
}

#[test]
fn messages_over_the_limit_are_refused_by_their_header() {
    let server = Server::start();
    let mut good = Good::watch(server.address);
    let whole = text(format!(r#"{{"op":"ping","x":"{}"}}"#, "a".repeat(65_536)));
    let fragments = [frame(TEXT, vec![b' '; 40_000]), claim(FIN | CONTINUE, 40_000)].concat();
    let too_big = (1009, "message_too_big".to_owned());
    for (path, bytes) in [
        ("/v1/ws", whole),
        ("/v1/ws", claim(FIN | TEXT, 65_537)),
        ("/v1/ws", claim(FIN | TEXT, 1 << 40)),
        ("/v1/ws", fragments),
        ("/v1/ingest", claim(FIN | TEXT, 262_145)),
        ("/v1/ingest", claim(FIN | TEXT, 1 << 40)),
    ] {
        let mut ws = Ws::open(server.address, path);
        ws.raw.try_send(bytes);
        assert_eq!(ws.closed(), too_big, "{path}");
    }
    let mut ws = Ws::open(server.address, "/v1/ws");
    let padding = " ".repeat(65_536 - PING_MESSAGE.len());
    ws.send(text(format!("{PING_MESSAGE}{padding}")));
    ws.message_of("pong");
    good.misses_nothing();
}

#[test]
fn pieces_make_a_message_however_they_come() {
    let server = Server::start();
    let mut ws = Ws::open(server.address, "/v1/ws");
    ws.message_of("welcome");
    ws.send(frame(TEXT, r#"{"op":"pi"#));
    ws.send(frame(FIN | PING, "between"));
    ws.send(frame(CONTINUE, ""));
    ws.send(frame(FIN | CONTINUE, r#"ng","id":4}"#));
    assert_eq!(ws.next(), Said::Pong(b"between".to_vec()));
    assert_eq!(ws.message_of("pong")["id"], 4);
    for byte in text(PING_MESSAGE) {
        ws.send([byte]);
    }
    assert_eq!(ws.message_of("pong")["id"], 4);
    // With the request itself, two messages and a half; then the other half.
    let more = [text(PING_MESSAGE), text(PING_MESSAGE), text(PING_MESSAGE)].concat();
    let (early, late) = more.split_at(more.len() - 10);
    let mut ws = Ws::open_with(server.address, "/v1/ws", early);
    ws.message_of("welcome");
    ws.message_of("pong");
    ws.message_of("pong");
    ws.send(late);
    ws.message_of("pong");
    let line = r#"{"type":"retract","game":"early","play":"1"}"#;
    let mut feed = Ws::open_with(server.address, "/v1/ingest", &text(line));
    assert_eq!(feed.message()["accepted"], 1);
}

#[test]
fn half_a_frame_and_then_nothing_is_silence() {
    const SILENCE_MS: u64 = 2_500;
    let server = Server::with(|config| {
        config.clients.ping_interval_ms = 100;
        config.clients.silence_timeout_ms = SILENCE_MS;
    });
    let mut good = Good::watch(server.address);
    let whole = text(PING_MESSAGE);
    let started = Stopwatch::start();
    let halves = ["/v1/ws", "/v1/ingest"].map(|path| {
        let mut half = Ws::open(server.address, path);
        half.answers_pings = false;
        half.send(&whole[..9]);
        std::thread::spawn(move || half.closed())
    });
    for waiting in halves {
        while !waiting.is_finished() {
            good.is_there();
            std::thread::sleep(Duration::from_millis(50));
            assert!(started.elapsed() < PATIENCE, "never closed");
        }
        assert_eq!(waiting.join().unwrap(), (4002, "silent".to_owned()));
        assert!(started.elapsed() >= Duration::from_millis(SILENCE_MS));
        good.misses_nothing();
    }
}

#[test]
fn those_who_hang_up_are_hung_up_on() {
    let server = Server::start();
    let mut good = Good::watch(server.address);
    for path in ["/v1/ws", "/v1/ingest"] {
        let mut polite = Ws::open(server.address, path);
        polite.send(frame(FIN | CLOSE, [&1000u16.to_be_bytes()[..], b"bye"].concat()));
        assert_eq!(polite.closed().0, 1000, "{path}");
        let mut half_closed = Ws::open(server.address, path);
        half_closed.raw.stream.shutdown(Shutdown::Write).unwrap();
        while half_closed.next() != Said::End {}
    }
    // Gone before the upgrade is answered.
    for path in ["/v1/ws", "/v1/ingest", "/v1/sse?topics=slate"] {
        let mut gone = Raw::connect(server.address);
        gone.send(upgrade(path, ""));
    }
    good.misses_nothing();
}

#[test]
fn messages_that_make_no_sense_name_the_field_and_the_connection_stays() {
    let server = Server::start();
    let mut good = Good::watch(server.address);
    let mut ws = Ws::open(server.address, "/v1/ws");
    ws.message_of("welcome");
    let topics = |count: usize| vec!["slate"; count];
    for (message, code, part) in [
        ("{".to_owned(), "bad_message", "not JSON"),
        ("[".repeat(60_000), "bad_message", "not JSON"),
        (r#"["ping",4]"#.to_owned(), "bad_message", "JSON object"),
        (json!({"id": 4}).to_string(), "bad_message", "\"op\""),
        (json!({"op": "dance", "id": 4}).to_string(), "unknown_op", "dance"),
        (json!({"op": "ping", "id": "x"}).to_string(), "bad_message", "id must be"),
        (
            json!({"op": "auth", "id": 4, "token": "x"}).to_string(),
            "auth_not_needed",
            "no token",
        ),
        (json!({"op": "subscribe", "id": 4}).to_string(), "bad_message", "topics"),
        (
            json!({"op": "subscribe", "id": 4, "topics": topics(1_001)}).to_string(),
            "too_many_subscriptions",
            "1001 topics in one message",
        ),
        (
            json!({"op": "subscribe", "id": 4, "topics": ["slate"], "ruleset": "nope"}).to_string(),
            "unknown_ruleset",
            "\"nope\"; there are draftkings",
        ),
        (
            json!({"op": "subscribe", "id": 4, "topics": ["slate"], "since": {"slate": -1}}).to_string(),
            "bad_message",
            "since[\"slate\"]",
        ),
        (
            json!({"op": "subscribe", "id": 4, "topics": ["slate"], "epoch": 7}).to_string(),
            "bad_message",
            "epoch must be",
        ),
        (
            json!({"op": "subscribe", "id": 4, "topics": ["slate"], "max_rate_hz": 1e9}).to_string(),
            "bad_message",
            "max_rate_hz must be 0.01 to 1000",
        ),
    ] {
        ws.say(&message);
        let said = ws.message();
        assert_eq!(
            (&said["type"], &said["code"]),
            (&json!("error"), &json!(code)),
            "{message:.100}: {said}"
        );
        assert!(said["message"].as_str().unwrap().contains(part), "{message:.100}: {said}");
    }
    ws.say(PING_MESSAGE);
    ws.message_of("pong");
    good.misses_nothing();
}

#[test]
fn topics_are_refused_one_by_one() {
    let server = Server::with(|config| config.clients.subscriptions_max = 6);
    let mut good = Good::watch(server.address);
    let mut ws = Ws::open(server.address, "/v1/ws");
    let long = "x".repeat(5_000);
    ws.say(&json!({"op": "subscribe", "id": 1, "topics": ["plyer:1", "slate", "player:", long, "game:a", "game:b"]}).to_string());
    let said = ws.message_of("subscribed");
    let names = |list: &str, field: &str| -> Vec<String> {
        let list = said[list].as_array().unwrap().iter();
        list.map(|one| one[field].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("topics", "topic"), ["slate", "game:a", "game:b"]);
    assert_eq!(names("errors", "code"), ["unknown_topic"; 3]);
    assert!(said.to_string().len() < 2_000, "what was asked is not sent back whole");
    ws.say(&json!({"op": "unsubscribe", "id": 2, "topics": ["game:b", "game:z", "plyer:1"]}).to_string());
    let said = ws.message_of("unsubscribed");
    assert_eq!(
        (said["topics"].as_array().unwrap().len(), &said["errors"][1]["code"]),
        (1, &json!("not_subscribed"))
    );
    ws.say(&json!({"op": "subscribe", "id": 3, "topics": ["game:c", "game:d", "game:e", "game:f", "game:g"]}).to_string());
    let said = ws.message_of("subscribed");
    assert_eq!(
        (said["topics"].as_array().unwrap().len(), &said["topics"][3]["topic"]),
        (4, &json!("game:f"))
    );
    assert_eq!(
        (&said["errors"][0]["topic"], &said["errors"][0]["code"]),
        (&json!("game:g"), &json!("too_many_subscriptions"))
    );
    good.misses_nothing();
}

#[test]
fn a_history_that_is_not_ours_begins_with_a_snapshot() {
    let server = Server::start();
    let mut good = Good::watch(server.address);
    let mut ws = Ws::open(server.address, "/v1/ws");
    let epoch = ws.message_of("welcome")["epoch"].clone();
    for (epoch, since, reason) in [
        (json!("other"), json!(2), "epoch"),
        (json!(null), json!(2), "epoch"),
        (epoch.clone(), json!(u64::MAX), "ahead"),
        (epoch, json!(null), "fresh"),
    ] {
        let mut message = json!({"op": "subscribe", "topics": ["player:good"], "epoch": epoch, "since": {"player:good": since}});
        if since.is_null() {
            message["since"] = json!({});
        }
        ws.say(&message.to_string());
        let said = ws.message_of("subscribed");
        assert_eq!(
            (&said["topics"][0]["how"], &said["topics"][0]["reason"]),
            (&json!("snapshot"), &json!(reason))
        );
        assert_eq!(ws.message_of("snapshot")["seq"], 3);
    }
    good.misses_nothing();
}
