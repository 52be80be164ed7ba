//! What may be wrong with a request: each has its status, a code and a sentence.

use crate::hostile::good::Good;
use crate::hostile::http::{Raw, ask, get};
use crate::hostile::ws::{Ws, upgrade};
use crate::hostile::{Server, Stopwatch};
use std::time::Duration;

#[test]
fn wrong_addresses_and_questions_are_refused_by_name() {
    let server = Server::start();
    let mut good = Good::watch(server.address);
    let long = "x".repeat(5_000);
    for (path, status, code, part) in [
        ("/nope", 404, "not_found", "/nope"),
        (&*format!("/{long}"), 404, "not_found", "docs/protocol.md"),
        ("/v1/events", 405, "method_not_allowed", "does not take GET"),
        ("/v1/snapshot", 400, "bad_topics", "1 to 200"),
        ("/v1/snapshot?topics=plyer:1", 400, "unknown_topic", "plyer:1"),
        ("/v1/snapshot?topics=player:", 400, "unknown_topic", "1 to 64"),
        (
            "/v1/snapshot?topics=slate&ruleset=nope",
            404,
            "unknown_ruleset",
            "\"nope\"; there are draftkings",
        ),
        ("/v1/snapshot?topics=slate&topics=slate", 400, "bad_query", "topics"),
        ("/v1/sse?topics=plyer:1", 400, "unknown_topic", "plyer:1"),
        ("/v1/sse", 400, "bad_topics", "1 to 200"),
        ("/v1/sse?topics=slate&ruleset=nope", 404, "unknown_ruleset", "\"nope\""),
        ("/v1/history?topic=slate", 400, "no_history", "player:"),
        ("/v1/history", 400, "unknown_topic", "topic"),
        ("/v1/games/nope/players", 404, "unknown_game", "\"nope\""),
        ("/v1/games/%ff/players", 400, "bad_path", "UTF-8"),
        ("/assets/%ff", 400, "bad_path", "UTF-8"),
        ("/v1/games/good/players?ruleset=nope", 404, "unknown_ruleset", "\"nope\""),
        ("/v1/players?limit=many", 400, "bad_query", "limit"),
        (&*format!("/v1/players?q={long}"), 400, "bad_query", "100 bytes"),
        ("/v1/ws", 426, "upgrade_required", "Upgrade: websocket"),
        ("/v1/ingest", 426, "upgrade_required", "Upgrade: websocket"),
    ] {
        let answer = get(server.address, path);
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{path:.80}: {answer:?}");
        assert!(answer.error().contains(part), "{path:.80}: {answer:?}");
        assert!(answer.body.len() < 400, "{path:.80}: what was asked is not sent back whole");
    }
    for path in ["/v1/games", "/v1/ws", "/v1/sse", "/healthz", "/metrics"] {
        let answer = ask(
            server.address,
            format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"),
        );
        assert_eq!((answer.status, answer.code().as_str()), (405, "method_not_allowed"), "{path}");
        assert!(answer.head.contains("\r\nallow: get,head\r\n"), "{answer:?}");
    }
    good.misses_nothing();
}

#[test]
fn wrong_upgrades_say_what_is_missing() {
    let server = Server::start();
    let mut good = Good::watch(server.address);
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for path in ["/v1/ws", "/v1/ingest"] {
        let right = upgrade(path, "");
        for (request, status, code, part) in [
            (right.replace("Version: 13", "Version: 8"), 426, "bad_websocket_version", "13"),
            (
                right.replace("Sec-WebSocket-Version: 13\r\n", ""),
                426,
                "bad_websocket_version",
                "13",
            ),
            (right.replace(key, ""), 400, "bad_websocket_key", "16 bytes"),
            (right.replace("dGhlIHNh", "!!!!!!!!"), 400, "bad_websocket_key", "base64"),
            (
                right.replace("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="),
                400,
                "bad_websocket_key",
                "16 bytes",
            ),
            (
                right.replace("Upgrade: websocket", "Upgrade: h2c"),
                426,
                "upgrade_required",
                "websocket",
            ),
            (right.replace("HTTP/1.1", "HTTP/1.0"), 400, "no_upgrade", "cannot be upgraded"),
        ] {
            let answer = ask(server.address, &request);
            assert_eq!((answer.status, answer.code().as_str()), (status, code), "{request} {answer:?}");
            assert!(answer.error().contains(part), "{answer:?}");
            let names_version = answer.head.contains("\r\nsec-websocket-version: 13\r\n");
            assert_eq!(names_version, status == 426, "{answer:?}");
        }
    }
    for listed in ["other", "scorewire.v1", "scorewire.v2.bin, other"] {
        let answer = ask(server.address, upgrade("/v1/ws", &format!("Sec-WebSocket-Protocol: {listed}\r\n")));
        assert_eq!((answer.status, answer.code().as_str()), (400, "unknown_subprotocol"), "{answer:?}");
        assert!(answer.error().contains("scorewire.v1.json and scorewire.v1.bin"), "{answer:?}");
    }
    for (lists, chosen) in [
        (["x, scorewire.v1.json", "scorewire.v1.bin"], "scorewire.v1.json"),
        (["scorewire.v2.bin", "x, scorewire.v1.bin, scorewire.v1.json"], "scorewire.v1.bin"),
    ] {
        let headers = lists.map(|list| format!("Sec-WebSocket-Protocol: {list}\r\n")).concat();
        let answer = ask(server.address, upgrade("/v1/ws", &headers));
        assert_eq!(answer.status, 101);
        let named = format!("sec-websocket-protocol: {chosen}\r\n");
        assert!(answer.head.contains(&named), "{answer:?}");
    }
    good.misses_nothing();
}

#[test]
fn what_is_no_http_is_hung_up_on() {
    let server = Server::start();
    let mut good = Good::watch(server.address);
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(200));
    let long = format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "a".repeat(40_000));
    for (request, status) in [
        (&*many, 431),
        (&long, 431),
        ("\u{16}\u{3}\u{1}\u{2}\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
        ("POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", 400),
        (
            "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            400,
        ),
    ] {
        let mut raw = Raw::connect(server.address);
        raw.try_send(request);
        let answer = raw.response().unwrap();
        assert_eq!(answer.status, status, "{request:.60}");
        assert!(answer.head.contains("connection: close"), "{answer:?}");
        assert!(raw.response().is_none());
    }
    good.misses_nothing();
}

#[test]
fn half_a_header_and_silence_are_hung_up_on_in_time() {
    let server = Server::with(|config| config.server.header_read_timeout_ms = 2_000);
    let mut good = Good::watch(server.address);
    let started = Stopwatch::start();
    let mut silent = Raw::connect(server.address);
    let mut half = Raw::connect(server.address);
    half.send("GET /healthz HTTP/1.1\r\nHost: x\r\nA");
    let mut kept = Raw::connect(server.address);
    kept.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(kept.response().unwrap().status, 200);
    good.misses_nothing();
    silent.ends_quietly();
    half.ends_quietly();
    kept.ends_quietly();
    assert!(started.elapsed() >= Duration::from_millis(2_000));
    good.misses_nothing();
}

#[test]
fn requests_may_follow_each_other_without_waiting() {
    let server = Server::start();
    let mut raw = Raw::connect(server.address);
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    raw.send([get("/healthz"), get("/nope"), get("/v1/games"), upgrade("/v1/ws", "")].concat());
    for status in [200, 404, 200, 101] {
        assert_eq!(raw.response().unwrap().status, status);
    }
    assert_eq!(Ws::over(raw).message()["type"], "welcome");
}

#[test]
fn connections_over_the_limit_are_told_so_and_room_is_room_again() {
    let server = Server::with(|config| config.server.connections_max = 4);
    let mut good = Good::watch(server.address);
    let mut stream = Raw::connect(server.address);
    stream.send("GET /v1/sse?topics=slate HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(stream.response().unwrap().status, 200);
    let idle = Raw::connect(server.address);
    // An upgraded connection has given its first slot back.
    server.wait_for_connections(3);
    let other = Ws::open(server.address, "/v1/ws");
    server.wait_for_connections(4);
    for _ in 0..3 {
        let mut fifth = Raw::connect(server.address);
        let answer = fifth.response().unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (503, "too_many_connections"), "{answer:?}");
        assert!(answer.head.contains("retry-after: "), "{answer:?}");
        assert!(fifth.response().is_none());
    }
    good.is_there();
    drop((idle, other, stream));
    server.wait_for_connections(1);
    good.misses_nothing();
}
