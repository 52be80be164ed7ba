//! Those who take their time, at every stage of a connection: each is given up in time, and a good client
//! beside them is served meanwhile.

use crate::auth::mint::api_key;
use crate::hostile::door::{Door, narrow};
use crate::hostile::good::Good;
use crate::hostile::http::{Raw, post, post_head};
use crate::hostile::ws::{CONTINUE, FIN, PING, Said, TEXT, Ws, claim, frame};
use crate::hostile::{PATIENCE, Server, Stopwatch};
use crate::support::wire::Identity;
use scorewire::config::{Config, Scope};
use std::io::Read;
use std::net::Shutdown;
use std::time::Duration;

fn impatient(config: &mut Config) {
    config.server.header_read_timeout_ms = 1_500;
    config.ingest.body_read_timeout_ms = 1_500;
    config.clients.message_timeout_ms = 2_500;
    config.clients.stall_timeout_ms = 1_000;
}

/// Sends a little now and then for as long as the other side listens; a good client is served meanwhile.
fn trickles(raw: &mut Raw, good: &mut Good, mut little: impl FnMut(usize) -> Vec<u8>) {
    let started = Stopwatch::start();
    raw.stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    for turn in 0.. {
        assert!(started.elapsed() < PATIENCE, "never given up");
        raw.try_send(little(turn));
        std::thread::sleep(Duration::from_millis(30));
        good.is_there();
        let mut buffer = [0; 1024];
        match raw.stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => raw.unread.extend_from_slice(&buffer[..count]),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => return,
        }
    }
}

#[test]
fn requests_that_take_their_time() {
    let server = Server::with(impatient);
    let mut good = Good::watch(server.address);
    let request = "GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n";
    let begun = [
        "",
        "G",
        "GET /heal",
        "GET /healthz HTTP/1.1\r\n",
        "GET /healthz HTTP/1.1\r\nHost: x\r\nA: ",
    ];
    for mut raw in begun.map(|begun| {
        let mut raw = Raw::connect(server.address);
        raw.send(begun);
        raw
    }) {
        raw.ends_quietly();
    }
    // A byte at a time comes to an end as well: it is the whole header that has so long.
    let mut raw = Raw::connect(server.address);
    trickles(&mut raw, &mut good, |turn| {
        request.as_bytes().get(turn).map_or(b"x".to_vec(), |byte| vec![*byte])
    });
    server.wait_for_connections(1);
    good.misses_nothing();
}

#[test]
fn bodies_that_take_their_time() {
    let server = Server::with(impatient);
    let mut good = Good::watch(server.address);
    let get = "GET /v1/games HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n".to_owned();
    let unknown = "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n".to_owned();
    let chunked = "POST /v1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
    for (head, little, status) in [
        (post_head(100_000, ""), " ", 408),
        (chunked, "1\r\n \r\n", 408),
        (post_head(20_000_000, ""), " ", 413),
        (get, " ", 200),
        (unknown, " ", 404),
    ] {
        let mut raw = Raw::connect(server.address);
        raw.send(&head);
        trickles(&mut raw, &mut good, |_| little.into());
        let text = String::from_utf8(std::mem::take(&mut raw.unread)).unwrap();
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {text}");
    }
    server.wait_for_connections(1);
    good.misses_nothing();
}

/// What is read of a body that is refused was waited for as long as a byte came each half second.
#[test]
fn refused_bodies_that_take_their_time() {
    let server = Server::with(|config| {
        impatient(config);
        config.auth.keys = vec![api_key("reader", "sw_read", &[Scope::Read])];
        config.ingest.bytes_per_second_max = 1_000;
    });
    let mut good = Good::watch(server.address);
    let unknown = post_head(100_000, "Authorization: Bearer sw_nobody\r\n");
    let too_fast = post_head(100_000, "");
    for (head, status) in [(unknown, 401), (too_fast, 429)] {
        post(server.address, "Connection: close\r\n", " ".repeat(10_000));
        let mut raw = Raw::connect(server.address);
        raw.send(&head);
        trickles(&mut raw, &mut good, |_| " ".into());
        let text = String::from_utf8(std::mem::take(&mut raw.unread)).unwrap();
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {text}");
    }
    server.wait_for_connections(1);
}

#[test]
fn messages_that_take_their_time() {
    let server = Server::with(impatient);
    let mut good = Good::watch(server.address);
    let closes = |mut ws: Ws| {
        let goodbye = loop {
            match ws.next() {
                Said::Text(message) if message["type"] == "goodbye" => break message,
                Said::Text(_) | Said::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(goodbye["code"], "unfinished_message");
        assert!(
            (1_000..2_000).contains(&goodbye["reconnect_after_ms"].as_u64().unwrap()),
            "{goodbye}"
        );
        assert_eq!(ws.closed(), (4007, "unfinished_message".to_owned()));
    };
    let begun = [
        vec![FIN | TEXT],
        claim(FIN | TEXT, 1_000),
        [claim(FIN | TEXT, 1_000), vec![b' '; 500]].concat(),
        frame(TEXT, "{"),
        [frame(TEXT, ""), frame(CONTINUE, "")].concat(),
    ];
    for ws in begun.map(|begun| {
        let mut ws = Ws::open(server.address, "/v1/ws");
        ws.message_of("welcome");
        ws.send(begun);
        ws
    }) {
        closes(ws);
        good.is_there();
    }
    // Pings between fragments are no progress, nor are fragments of nothing.
    for between in [frame(FIN | PING, "x"), frame(CONTINUE, "")] {
        let mut ws = Ws::open(server.address, "/v1/ws");
        ws.message_of("welcome");
        ws.send(frame(TEXT, "{"));
        trickles(&mut ws.raw, &mut good, |_| between.clone());
        closes(ws);
    }
    // Who always has one begun and finishes each goes on.
    let mut busy = Ws::open(server.address, "/v1/ws");
    let whole = frame(FIN | TEXT, r#"{"op":"ping"}"#);
    let (front, back) = whole.split_at(9);
    busy.send(front);
    let started = Stopwatch::start();
    while started.elapsed() < Duration::from_millis(6_000) {
        std::thread::sleep(Duration::from_millis(100));
        busy.send([back, front].concat());
        busy.message_of("pong");
    }
    good.misses_nothing();
}

#[test]
fn hellos_that_take_their_time() {
    let identity = Identity::new();
    let [cert, key] = identity.files();
    let door = Door::open(&[
        ("SERVER__TLS_CERT", cert.to_str().unwrap()),
        ("SERVER__TLS_KEY", key.to_str().unwrap()),
        ("SERVER__HEADER_READ_TIMEOUT_MS", "2000"),
    ]);
    // A record of 512 bytes, of which as many come.
    let begun = [
        &b""[..],
        b"\x16",
        b"\x16\x03\x01\x02\x00",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ];
    for mut raw in begun.map(|begun| {
        let mut raw = Raw::connect(door.address);
        raw.send(begun);
        raw
    }) {
        while raw.more() {}
    }
    door.counts("scorewire_tls_handshakes_total{outcome=\"timed_out\"}", 4);
}

#[test]
fn answers_that_are_not_read() {
    let server = Server::with(impatient);
    let mut good = Good::watch(server.address);
    let many = "GET /assets/app.js HTTP/1.1\r\nHost: x\r\n\r\n".repeat(300);
    let stalled = || {
        let mut raw = narrow(server.address);
        raw.stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
        raw.try_send(&many);
        raw
    };
    let started = Stopwatch::start();
    let unread = stalled();
    // A byte at a time: the kernel tells the other side of room only once there is a good deal of it.
    let mut sips = stalled();
    server.wait_for_connections(3);
    while server.open().0 > 1 {
        assert!(started.elapsed() < PATIENCE, "never given up");
        good.is_there();
        let _ = sips.stream.read(&mut [0]);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(started.elapsed() >= Duration::from_millis(700));
    drop((unread, sips));
    good.misses_nothing();
}

#[test]
fn event_streams_that_are_not_read() {
    let server = Server::with(impatient);
    let mut good = Good::watch(server.address);
    let mut raw = narrow(server.address);
    raw.send("GET /v1/sse?topics=game:long,player:long HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(raw.response().unwrap().status, 200);
    let started = Stopwatch::start();
    for play in 0.. {
        let line =
            format!(r#"{{"type":"play","game":"long","play":"{play}","stats":[{{"player":"long","team":"NE","stat":15,"yards":1}}]}}"#);
        assert_eq!(post(server.address, "Connection: close\r\n", line).status, 200);
        if server.open().0 == 1 {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "never given up");
    }
    good.misses_nothing();
}

#[test]
fn connections_that_are_half_closed() {
    let server = Server::with(impatient);
    let mut good = Good::watch(server.address);
    for begun in ["", "GET /heal", "GET /healthz HTTP/1.1\r\nHost: x\r\n"] {
        let mut raw = Raw::connect(server.address);
        raw.send(begun);
        raw.stream.shutdown(Shutdown::Write).unwrap();
        while raw.more() {}
    }
    let mut ws = Ws::open(server.address, "/v1/ws");
    ws.raw.stream.shutdown(Shutdown::Write).unwrap();
    while ws.raw.more() {}
    let mut events = Raw::connect(server.address);
    events.send("GET /v1/sse?topics=slate HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(events.response().unwrap().status, 200);
    events.stream.shutdown(Shutdown::Write).unwrap();
    while events.more() {}
    server.wait_for_connections(1);
    good.misses_nothing();
}
