//! Everybody at once: so many are let in a second, the others are told when, and come then.

use crate::hostile::door::Door;
use crate::hostile::good::Good;
use crate::hostile::http::{Raw, get};
use crate::hostile::ws::upgrade;
use crate::hostile::{Server, Stopwatch};
use crate::support::wire::Identity;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const PER_SECOND: usize = 10;
const BURST: usize = 5;

/// Asks for a WebSocket or an event stream; how long to stay away, where it is not let in.
fn comes(server: &Server, who: usize) -> Result<Raw, u64> {
    let mut raw = Raw::connect(server.address);
    raw.send(match who % 2 {
        0 => upgrade("/v1/ws", ""),
        _ => "GET /v1/sse?topics=slate HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
    });
    let answer = raw.response().unwrap();
    match answer.status {
        101 | 200 => Ok(raw),
        _ => {
            assert_eq!((answer.status, answer.code().as_str()), (503, "come_back_later"), "{answer:?}");
            let after_ms = answer.json()["reconnect_after_ms"].as_u64().unwrap();
            let seconds = format!("retry-after: {}\r\n", after_ms.div_ceil(1000));
            assert!(answer.head.contains(&seconds), "{answer:?}");
            Err(after_ms)
        }
    }
}

/// At no time more than the rate, and a burst, is told to come; everybody comes in when told, and nobody
/// who is in notices.
#[test]
fn a_crowd_comes_back_as_it_is_told_and_is_let_in() {
    let server = Server::with(|config| {
        (config.server.admit_per_second, config.server.admit_burst) = (PER_SECOND, BURST);
    });
    let mut good = Good::watch(server.address);
    let crowd = 60;
    let started = Stopwatch::start();
    let now_ms = || started.elapsed().as_millis() as u64;
    let mut coming: BinaryHeap<_> = (0..crowd).map(|who| Reverse((0u64, who, 1))).collect();
    // Of each place told, the earliest and the latest moment that it may mean.
    let (mut inside, mut told_ms) = (Vec::new(), Vec::new());
    let (mut tries_most, mut late_ms_most) = (0, 0);
    while let Some(Reverse((at_ms, who, tries))) = coming.pop() {
        let wait_ms = at_ms.saturating_sub(now_ms());
        if wait_ms > 100 {
            good.misses_nothing();
        }
        std::thread::sleep(Duration::from_millis(at_ms.saturating_sub(now_ms())));
        tries_most = tries_most.max(tries);
        let asked_ms = now_ms();
        match comes(&server, who) {
            Ok(raw) => inside.push(raw),
            Err(after_ms) => {
                let at_ms = now_ms() + after_ms;
                told_ms.push((asked_ms + after_ms, at_ms));
                coming.push(Reverse((at_ms, who, tries + 1)));
            }
        }
        if tries > 1 {
            late_ms_most = late_ms_most.max(now_ms() - at_ms);
        }
    }
    assert_eq!(inside.len(), crowd);
    assert!(told_ms.len() > 20, "{} were told to wait", told_ms.len());
    // Those who are kept from coming in time find others in their place.
    assert!(tries_most <= 4 || late_ms_most > 200, "nobody has to hammer: {tries_most}");
    for some in told_ms.windows(PER_SECOND + 1) {
        let within_ms = some[PER_SECOND].1 - some[0].0;
        assert!(within_ms >= 1_000, "more than {PER_SECOND} were told to come within {within_ms} ms");
    }
    assert_eq!(get(server.address, "/healthz").status, 200, "what holds nothing is never paced");
    good.misses_nothing();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(get(server.address, "/v1/admission").json()["reconnect_after_ms"], 0);
}

/// A place among those let in was taken by any request for `/v1/ws`, one that asked for no WebSocket too: a
/// single connection that sent such requests kept everybody else out.
#[test]
fn who_is_refused_for_something_else_takes_nobody_s_place() {
    let server = Server::with(|config| {
        (config.server.admit_per_second, config.server.admit_burst) = (1, 3);
        config.server.connections_per_address_max = 1;
        config.server.trusted_proxies = ["127.0.0.0/8".parse().unwrap()].into_iter().collect();
    });
    let by = |address: &str| format!("X-Forwarded-For: {address}\r\n");
    let mut raw = Raw::connect(server.address);
    let plain = "GET /v1/ws HTTP/1.1\r\nHost: x\r\n\r\n".to_owned();
    let no_key = upgrade("/v1/ws", "").replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "");
    for (request, status) in [(plain, 426), (no_key, 400)] {
        for _ in 0..10 {
            raw.send(&request);
            assert_eq!(raw.response().unwrap().status, status);
        }
    }
    let mut inside = Raw::connect(server.address);
    inside.send(upgrade("/v1/ws", &by("203.0.113.7")));
    assert_eq!(inside.response().unwrap().status, 101);
    for _ in 0..10 {
        raw.send(upgrade("/v1/ws", &by("203.0.113.7")));
        assert_eq!(raw.response().unwrap().status, 429, "it has the connection that it may have");
    }
    raw.send(upgrade("/v1/ws", &by("203.0.113.8")));
    assert_eq!(raw.response().unwrap().status, 101);
}

/// Each request moved the queue on: whoever asked often enough had everybody told the farthest place.
#[test]
fn a_connection_has_one_place_however_often_it_asks() {
    let server = Server::with(|config| (config.server.admit_per_second, config.server.admit_burst) = (1, 1));
    let told_ms = |server: &Server| loop {
        // Whoever finds room meanwhile takes it.
        if let Err(after_ms) = comes(server, 0) {
            return after_ms;
        }
    };
    assert!(told_ms(&server) < 5_000);
    let mut raw = Raw::connect(server.address);
    for _ in 0..200 {
        raw.send("GET /v1/admission HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(raw.response().unwrap().status, 200);
    }
    assert!(told_ms(&server) < 20_000, "far from the farthest");
}

/// Who asks whether to come is told the same as who comes.
#[test]
fn who_asks_when_to_come_is_told() {
    let server = Server::with(|config| (config.server.admit_per_second, config.server.admit_burst) = (1, 1));
    let page = get(server.address, "/v1/admission");
    assert_eq!(page.json()["reconnect_after_ms"], 0);
    assert!(page.head.contains("cache-control: no-store"), "{page:?}");
    let mut inside = Vec::new();
    let told = |_| {
        // Room for one comes back every second: the next question finds it where this thread was kept that long.
        while let Ok(raw) = comes(&server, 0) {
            inside.push(raw);
        }
        get(server.address, "/v1/admission").json()["reconnect_after_ms"].as_u64().unwrap()
    };
    let after_ms = (0..20).map(told).find(|after_ms| *after_ms > 0);
    assert!(after_ms.is_some_and(|after_ms| after_ms >= 999), "{after_ms:?}");
}

/// Over TLS before the handshake, which is what costs.
#[test]
fn over_tls_a_crowd_is_told_before_it_costs() {
    let identity = Identity::new();
    let [cert, key] = identity.files();
    let door = Door::open(&[
        ("SERVER__TLS_CERT", cert.to_str().unwrap()),
        ("SERVER__TLS_KEY", key.to_str().unwrap()),
        ("SERVER__ADMIT_PER_SECOND", "1"),
        ("SERVER__ADMIT_BURST", "3"),
    ]);
    // All at once: room for one comes back every second.
    let crowd: Vec<TcpStream> = (0..8).map(|_| Raw::connect(door.address).stream).collect();
    let ask = |mut stream: TcpStream| {
        let name = ServerName::from(door.address.ip());
        let mut connection = ClientConnection::new(identity.connector().config().clone(), name).unwrap();
        connection.complete_io(&mut stream).unwrap();
        let mut stream = StreamOwned::new(connection, stream);
        let request = "GET /v1/rulesets HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answers: Vec<String> = crowd.into_iter().map(ask).collect();
    let served = answers.iter().filter(|answer| answer.starts_with("HTTP/1.1 200")).count();
    assert!((3..8).contains(&served), "{answers:?}");
    let refused = answers.iter().rev().find(|answer| answer.starts_with("HTTP/1.1 503")).unwrap();
    let body: Value = serde_json::from_str(refused.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(body["code"], "come_back_later");
    assert!(body["reconnect_after_ms"].as_u64().unwrap() >= 1_000, "{body}");
    assert_eq!(door.metric("scorewire_connections_refused_total{reason=\"pace\"}"), 8 - served);
}
