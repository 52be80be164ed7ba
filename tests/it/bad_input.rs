//! What feeds may get wrong: each mistake has its answer, and costs no other line and nobody else.

use crate::hostile::Server;
use crate::hostile::good::Good;
use crate::hostile::http::{Raw, Response, ask, get, post, post_head};
use crate::hostile::ws::Ws;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write;

const CLOSE: &str = "Connection: close\r\n";
const GZIP: &str = "Connection: close\r\nContent-Encoding: gzip\r\n";
const MIB: usize = 1024 * 1024;

fn play(id: u32, stat: &str) -> String {
    format!(r#"{{"type":"play","game":"other","play":"{id}","stats":[{{"player":"p","team":"NE",{stat}}}]}}"#)
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// Lines that are refused, the code, and what the message names.
fn refused_lines() -> Vec<(String, &'static str, &'static str)> {
    let line = |text: &str, code, part| (text.to_owned(), code, part);
    vec![
        line(r#"{"type":"play","#, "malformed_json", "byte 15"),
        line("\u{1}", "malformed_json", "byte 0"),
        line("5", "not_an_object", "5 is not an object"),
        line(r#"{"type":"punt"}"#, "unknown_type", "\"punt\""),
        line(r#"{"game":"g"}"#, "missing_field", "type"),
        line(r#"{"type":"play","play":"1"}"#, "missing_field", "game"),
        line(r#"{"type":"retract","game":"g"}"#, "missing_field", "play"),
        line(r#"{"type":"play","game":"g","game":"h","play":"1"}"#, "duplicate_field", "game"),
        line(r#"{"type":"play","game":"a b","play":"1"}"#, "bad_id", "game: \"a b\""),
        line(r#"{"type":"play","game":"g","play":"1","rev":0}"#, "bad_value", "rev: 0"),
        line(
            r#"{"type":"game","game":"g","status":"live","home":"NE","away":"HOU","kickoff":-9223372036854775808}"#,
            "bad_value",
            "kickoff",
        ),
        line(
            r#"{"type":"game","game":"g","status":"over","home":"NE","away":"HOU"}"#,
            "bad_value",
            "status",
        ),
        (play(1, r#""stat":9999"#), "unknown_stat", "stats[0].stat: 9999"),
        (play(1, r#""stat":-1"#), "unknown_stat", "stats[0].stat: -1"),
        (play(1, r#""stat":15,"yards":500"#), "bad_yards", "stats[0].yards: 500"),
        (play(1, r#""stat":15,"yards":1e300"#), "bad_yards", "stats[0].yards"),
        (play(1, r#""stat":15,"yards":"24""#), "bad_value", "stats[0].yards"),
        (format!(r#"{{"x":{}1{}}}"#, "[".repeat(100), "]".repeat(100)), "too_deep", "32"),
        (
            format!(r#"{{"x":"{}"}}"#, "a".repeat(65_536)),
            "line_too_long",
            "65544 bytes, at most 65536",
        ),
    ]
}

#[test]
fn each_bad_line_is_named_and_costs_no_other() {
    let server = Server::start();
    let mut good = Good::watch(server.address);
    for (place, (bad, code, part)) in refused_lines().into_iter().enumerate() {
        let id = place as u32 * 2 + 10;
        let (before, after) = (play(id, r#""stat":10,"yards":1"#), play(id + 1, r#""stat":10,"yards":1"#));
        let answer = post(server.address, CLOSE, format!("{before}\n{bad}\n{after}\n"));
        let said = answer.json();
        assert_eq!((answer.status, &said["accepted"]), (200, &json!(2)), "{bad:.200}: {said}");
        check_rejected(&said, 2, code, part);

        let alone = post(server.address, CLOSE, &bad);
        assert_eq!(alone.status, if code == "line_too_long" { 413 } else { 400 }, "{bad:.200}");
        check_rejected(&alone.json(), 1, code, part);
    }
    good.misses_nothing();
}

#[test]
fn the_same_holds_for_the_messages_of_a_feed() {
    let server = Server::start();
    let mut good = Good::watch(server.address);
    let mut feed = Ws::open(server.address, "/v1/ingest");
    for (place, (bad, code, part)) in refused_lines().into_iter().enumerate() {
        feed.say(&bad);
        let said = feed.message();
        assert_eq!((&said["ack"], &said["accepted"]), (&json!(place + 1), &json!(0)), "{said}");
        check_rejected(&said, 1, code, part);
    }
    feed.say("");
    check_rejected(&feed.message(), 1, "empty_body", "no event");
    feed.say(&play(1, r#""stat":10,"yards":1"#));
    assert_eq!(feed.message()["accepted"], 1);
    good.misses_nothing();
}

fn check_rejected(said: &Value, line: u64, code: &str, part: &str) {
    let rejected = said["rejected"].as_array().unwrap();
    assert_eq!(rejected.len(), 1, "{said}");
    assert_eq!((&rejected[0]["line"], &rejected[0]["code"]), (&json!(line), &json!(code)), "{said}");
    assert!(rejected[0]["error"].as_str().unwrap().contains(part), "{part}: {said}");
}

#[test]
fn a_clock_that_says_anything_comes_back_as_it_is() {
    let server = Server::start();
    let mut good = Good::watch(server.address);
    for (place, ts) in [i64::MIN, -1, 0, i64::MAX].into_iter().enumerate() {
        let line = play(place as u32, r#""stat":10"#).replace(r#""stats""#, &format!(r#""ts":{ts},"stats""#));
        assert_eq!(post(server.address, CLOSE, line).json()["accepted"], 1, "{ts}");
    }
    good.misses_nothing();
}

#[test]
fn bodies_that_cannot_be_read_are_refused_whole() {
    let server = Server::start();
    let mut good = Good::watch(server.address);
    let line = play(1, r#""stat":10,"yards":1"#);
    let cut = gzip(line.repeat(50).as_bytes());
    let cases: Vec<(&str, Vec<u8>, u16, &str, &str)> = vec![
        (CLOSE, b"".to_vec(), 400, "empty_body", "no event"),
        (CLOSE, b"\n \r\n".to_vec(), 400, "empty_body", "no event"),
        (CLOSE, b"[]".to_vec(), 400, "empty_body", "no event"),
        (CLOSE, b"[{},".to_vec(), 400, "not_an_array", "byte 4"),
        (CLOSE, b"[] 5".to_vec(), 400, "not_an_array", "byte 3"),
        (GZIP, line.clone().into_bytes(), 400, "bad_gzip", "gzip"),
        (GZIP, cut[..cut.len() - 12].to_vec(), 400, "bad_gzip", "gzip"),
        (GZIP, gzip(b""), 400, "empty_body", "no event"),
        (
            "Connection: close\r\nContent-Encoding: br\r\n",
            line.clone().into_bytes(),
            415,
            "unknown_encoding",
            "\"br\"",
        ),
    ];
    for (headers, body, status, code, part) in cases {
        let answer = post(server.address, headers, &body);
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{answer:?}");
        assert!(answer.error().contains(part), "{answer:?}");
    }
    for headers in [GZIP, "Connection: close\r\nContent-Encoding: GZip\r\n"] {
        assert_eq!(post(server.address, headers, gzip(line.as_bytes())).status, 200, "{headers}");
    }
    good.misses_nothing();
}

fn check_too_long(answer: &Response) {
    assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_long"), "{answer:?}");
    assert!(answer.error().contains("16777216"), "{answer:?}");
}

#[test]
fn a_body_over_the_limit_is_never_held() {
    let server = Server::start();
    let mut good = Good::watch(server.address);
    let blank = vec![b' '; 17 * MIB];
    check_too_long(&post(server.address, "", &blank));
    check_too_long(&post(server.address, GZIP, gzip(&blank)));
    check_too_long(&post(server.address, GZIP, gzip(&vec![b' '; 200 * MIB])));
    // Asked first, answered without a byte of it.
    check_too_long(&ask(server.address, post_head(usize::MAX / 2, "Expect: 100-continue\r\n")));
    check_too_long(&ask(server.address, post_head(usize::MAX / 2, "")));
    // Nobody said how long it would be.
    let mut endless = Raw::connect(server.address);
    endless.send("POST /v1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunk = [b"100000\r\n", &blank[..MIB], b"\r\n"].concat();
    let sent = (0..200).take_while(|_| endless.try_send(&chunk)).count();
    assert!(sent < 100, "{sent} MiB were taken");
    good.misses_nothing();
}

#[test]
fn a_body_that_is_cut_or_trickles_is_given_up_and_keeps_nobody_out() {
    let server = Server::with(|config| {
        config.ingest.body_read_timeout_ms = 3_000;
        config.ingest.requests_max = 1;
    });
    let mut good = Good::watch(server.address);
    let mut cut = Raw::connect(server.address);
    cut.send([post_head(1_000, "").as_bytes(), b"{\"type\""].concat());
    let mut trickling: Vec<Raw> = (0..5).map(|_| Raw::connect(server.address)).collect();
    for raw in &mut trickling {
        raw.send(post_head(1_000, ""));
    }
    for _ in 0..3 {
        for raw in &mut trickling {
            raw.send(" ");
        }
        good.misses_nothing();
    }
    cut.stream.shutdown(std::net::Shutdown::Write).unwrap();
    if let Some(answer) = cut.response() {
        assert_eq!((answer.status, answer.code().as_str()), (400, "body_cut"), "{answer:?}");
    }
    for mut raw in trickling {
        let answer = raw.response().unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (408, "body_timeout"), "{answer:?}");
    }
    good.misses_nothing();
}

#[test]
fn too_many_bodies_at_once_are_told_to_come_back() {
    let server = Server::with(|config| config.ingest.requests_max = 1);
    let mut good = Good::watch(server.address);
    let mut feed = Ws::open(server.address, "/v1/ingest");
    let mut long = Raw::connect(server.address);
    long.send([post_head(100_000, "").as_bytes(), &[b' '; 50_000]].concat());
    let line = play(1, r#""stat":10,"yards":1"#);
    server.wait_for_no_permits();
    let refused = post(server.address, CLOSE, &line);
    assert_eq!((refused.status, refused.code().as_str()), (429, "busy"), "{refused:?}");
    assert!(refused.head.contains("retry-after: 1\r\n"), "{refused:?}");
    assert!(refused.error().contains("1 requests"), "{refused:?}");
    // A feed's message waits for its turn.
    feed.say(&line);
    long.send([b' '; 50_000]);
    assert_eq!(long.response().unwrap().code(), "empty_body");
    assert_eq!(feed.message()["accepted"], 1);
    good.misses_nothing();
}

#[test]
fn a_flood_of_bad_lines_is_counted_and_lets_others_have_their_turn() {
    let server = Server::with(|config| config.ingest.rejected_listed_max = 3);
    let mut good = Good::watch(server.address);
    let mut flood = Raw::connect(server.address);
    let body = "x\n".repeat(100_000);
    flood.send(post_head(body.len(), CLOSE) + &body);
    good.misses_nothing();
    let said = flood.response().unwrap().json();
    assert_eq!(said["rejected"].as_array().unwrap().len(), 3);
    assert_eq!(said["rejected_omitted"], 99_997);

    let unlisted = Server::with(|config| config.ingest.rejected_listed_max = 0);
    let answer = post(unlisted.address, CLOSE, "x\nx\n");
    assert_eq!((answer.status, &answer.json()["rejected_omitted"]), (400, &json!(2)), "{answer:?}");
}

#[test]
fn a_game_that_is_full_refuses_by_name() {
    let server = Server::with(|config| (config.engine.games_max, config.engine.plays_max) = (2, 12));
    let mut good = Good::watch(server.address);
    let other = play(1, r#""stat":10,"yards":1"#);
    assert_eq!(post(server.address, CLOSE, &other).json()["accepted"], 1);
    let said = post(server.address, CLOSE, other.replace("other", "third")).json();
    check_rejected(&said, 1, "too_many_games", "2 games");
    let many: Vec<String> = (2..=13).map(|id| play(id, r#""stat":10,"yards":1"#)).collect();
    check_rejected(
        &post(server.address, CLOSE, many.join("\n")).json(),
        12,
        "too_many_plays",
        "12 plays",
    );
    good.misses_nothing();
    assert_eq!(get(server.address, "/v1/games/third/players").code(), "unknown_game");
}
