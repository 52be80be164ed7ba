//! How much anybody may ask for, seen from outside: each limit ends what goes beyond it by name, is
//! counted, and costs nobody else anything.

use crate::chance::Chance;
use crate::hostile::Server;
use crate::hostile::binary::a_moment;
use crate::hostile::door::{Door, from_address, narrow};
use crate::hostile::good::Good;
use crate::hostile::http::{Raw, ask, get, post, post_head};
use crate::hostile::ws::{Said, Ws, upgrade};
use scorewire::config::OpenTo;
use std::net::SocketAddr;
use std::time::Duration;

const CROWD: [u8; 4] = [127, 0, 0, 9];
const EVENTS: &str = "GET /v1/sse?topics=slate HTTP/1.1\r\nHost: x\r\n\r\n";

fn refused(reason: &str) -> String {
    format!("scorewire_requests_refused_total{{reason=\"{reason}\"}}")
}

#[test]
fn an_address_has_so_many_connections_and_others_have_theirs() {
    let door = Door::open(&[("SERVER__CONNECTIONS_PER_ADDRESS_MAX", "5")]);
    let mut good = Good::watch(door.address);
    let mut crowd: Vec<Raw> = (0..5).map(|_| from_address(CROWD, door.address)).collect();
    // In the order in which they came: then all of them count.
    crowd[4].send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(crowd[4].response().unwrap().status, 200);
    let mut told_ms = Vec::new();
    for _ in 0..3 {
        let mut more = from_address(CROWD, door.address);
        let answer = more.response().unwrap();
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (429, "too_many_from_address"),
            "{answer:?}"
        );
        let after_ms = answer.json()["reconnect_after_ms"].as_u64().unwrap();
        let seconds = format!("retry-after: {}\r\n", after_ms.div_ceil(1000));
        assert!((5_000..10_000).contains(&after_ms) && answer.head.contains(&seconds), "{answer:?}");
        assert!(more.response().is_none());
        assert!(!told_ms.contains(&after_ms), "two come back together: {after_ms} {told_ms:?}");
        told_ms.push(after_ms);
    }
    assert_eq!(door.metric("scorewire_connections_refused_total{reason=\"address\"}"), 3);
    good.misses_nothing();
    drop(crowd.pop());
    let served = |_| {
        a_moment();
        let mut again = from_address(CROWD, door.address);
        again.send(EVENTS);
        again.response().is_some_and(|answer| answer.status == 200)
    };
    assert!((0..50).any(served), "room again");
    // Operators have a door of their own.
    for _ in 0..10 {
        assert_eq!(get(door.admin, "/healthz").status, 200);
    }
}

/// One of a crowd, at whatever stage it ends.
fn comes_and_goes(address: SocketAddr, host: u8, chance: &mut Chance) -> Option<Raw> {
    let mut raw = from_address([127, 0, 0, host], address);
    match chance.below(5) {
        0 => {}
        1 => drop(raw.try_send("GET /healthz HTTP/1.1\r\nHo")),
        2 => drop(raw.try_send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")),
        3 => drop(raw.try_send(EVENTS)),
        _ => drop(raw.try_send(upgrade("/v1/ws", ""))),
    }
    match chance.below(3) {
        // Both ends close.
        0 => return None,
        // The other end sees a reset.
        1 => {
            socket2::SockRef::from(&raw.stream).set_linger(Some(Duration::ZERO)).unwrap();
            return None;
        }
        _ => {}
    }
    Some(raw)
}

/// However they end, nothing is counted twice and nothing stays.
#[test]
fn thousands_come_and_go_and_none_is_left_in_the_count() {
    let server = Server::with(|config| config.server.connections_per_address_max = 40);
    let mut good = Good::watch(server.address);
    let mut chance = Chance::seeded(4);
    let mut here: Vec<Raw> = Vec::new();
    for round in 0..3_000u32 {
        let host = 10 + (round % 20) as u8;
        here.extend(comes_and_goes(server.address, host, &mut chance));
        if here.len() > 300 {
            here.swap_remove(chance.below(here.len()));
        }
        if round % 500 == 0 {
            good.misses_nothing();
        }
    }
    let (connections, addresses) = server.open();
    assert!(connections > 100 && addresses > 15, "{connections} of {addresses}");
    drop(here);
    server.wait_for_connections(1);
    assert_eq!(server.open(), (1, 1), "the good one's");
    good.misses_nothing();
    drop(good);
    server.wait_for_connections(0);
    assert_eq!(server.open(), (0, 0));
}

#[test]
fn a_proxys_clients_count_by_their_own_address() {
    let server = Server::with(|config| {
        config.server.connections_per_address_max = 2;
        config.server.trusted_proxies = ["127.0.0.0/8".parse().unwrap()].into_iter().collect();
        // Who comes by a proxy is not from here, the good one's feed neither.
        config.auth.open_to = OpenTo::All;
    });
    let mut good = Good::watch(server.address);
    // What a client wrote itself stands before what the proxy appends.
    let by = |client: &str| format!("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: {client}\r\n");
    let open = |request: String| {
        let mut raw = Raw::connect(server.address);
        raw.send(request);
        let answer = raw.response().unwrap();
        (raw, answer)
    };
    let socket = |client: &str| open(upgrade("/v1/ws", &by(client)));
    let stream = |client: &str| open(format!("GET /v1/sse?topics=slate HTTP/1.1\r\nHost: x\r\n{}\r\n", by(client)));
    let (first, answer) = socket("203.0.113.7");
    assert_eq!(answer.status, 101);
    let (second, answer) = stream("203.0.113.7");
    assert_eq!(answer.status, 200);
    for (_, answer) in [socket("203.0.113.7"), stream("203.0.113.7")] {
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (429, "too_many_from_address"),
            "{answer:?}"
        );
    }
    let (other, answer) = socket("2001:db8::7");
    assert_eq!(answer.status, 101);
    assert_eq!(socket("[2001:db8::8]:4711").1.status, 101, "the same /64, and room for two");
    for gone in [first, second] {
        drop(gone);
        let back = |_| {
            a_moment();
            socket("203.0.113.7").1.status == 101
        };
        assert!((0..50).any(back), "room again");
    }
    drop(other);
    good.misses_nothing();
}

#[test]
fn addresses_and_headers_have_a_length() {
    let door = Door::open(&[("SERVER__URL_BYTES_MAX", "300"), ("SERVER__HEADERS_MAX", "20")]);
    let mut good = Good::watch(door.address);
    let answer = get(door.address, &format!("/v1/players?q={}", "x".repeat(287)));
    assert_eq!((answer.status, answer.code().as_str()), (414, "url_too_long"), "{answer:?}");
    assert!(answer.error().contains("300"), "{answer:?}");
    assert_eq!(get(door.address, &format!("/v1/players?q={}", "x".repeat(90))).status, 200);
    let mut raw = Raw::connect(door.address);
    raw.send(format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(20)));
    assert_eq!(raw.response().unwrap().status, 431);
    let mut raw = Raw::connect(door.address);
    raw.try_send(format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "b".repeat(20_000)));
    assert_eq!(raw.response().unwrap().status, 431);
    let mut raw = Raw::connect(door.address);
    raw.send("\u{16}\u{3}\u{1}\u{2}\r\n\r\n");
    assert_eq!(raw.response().unwrap().status, 400);
    door.counts(&refused("url_too_long"), 1);
    door.counts(&refused("header_too_long"), 2);
    door.counts(&refused("not_http"), 1);
    good.misses_nothing();
}

#[test]
fn who_says_too_much_is_told_when_to_come_back() {
    let door = Door::open(&[("CLIENTS__MESSAGES_PER_SECOND_MAX", "10"), ("CLIENTS__MESSAGES_BURST", "20")]);
    let mut good = Good::watch(door.address);
    let (ping_message, ping_frame) = (crate::hostile::ws::text(r#"{"op":"ping"}"#), crate::hostile::ws::frame(0x89, "x"));
    for said in [ping_message, ping_frame] {
        let mut flood = Ws::open(door.address, "/v1/ws");
        flood.raw.try_send(said.repeat(200));
        let mut answers = 0;
        let error = loop {
            match flood.next() {
                Said::Pong(_) => answers += 1,
                Said::Text(message) if message["type"] == "error" => break message,
                Said::Text(_) => answers += 1,
                other => panic!("{other:?}"),
            }
        };
        assert!((20..60).contains(&answers), "{answers}");
        assert_eq!(error["code"], "too_many_messages");
        let goodbye = flood.message();
        assert_eq!(
            (&goodbye["type"], &goodbye["code"]),
            (&"goodbye".into(), &"too_many_messages".into())
        );
        assert!(
            (10_000..20_000).contains(&goodbye["reconnect_after_ms"].as_u64().unwrap()),
            "{goodbye}"
        );
        assert_eq!(flood.closed(), (4005, "too_many_messages".to_owned()));
    }
    door.counts("scorewire_connections_closed_total{reason=\"too_many_messages\"}", 2);
    good.misses_nothing();
}

/// What is given up or refused at the doors has its own label each.
#[test]
fn what_is_given_up_is_counted() {
    let door = Door::open(&[
        ("SERVER__HEADER_READ_TIMEOUT_MS", "2000"),
        ("CLIENTS__STALL_TIMEOUT_MS", "700"),
        ("INGEST__BODY_READ_TIMEOUT_MS", "1500"),
        ("INGEST__BODY_BYTES_MAX", "70000"),
        ("INGEST__REQUESTS_MAX", "1"),
        ("INGEST__FEEDS_MAX", "1"),
        ("CLIENTS__MESSAGE_BYTES_MAX", "200"),
    ]);
    let mut half = Raw::connect(door.address);
    half.send("GET /heal");
    half.ends_quietly();
    door.counts(&refused("header_timeout"), 1);
    let mut trickle = Raw::connect(door.address);
    trickle.send(post_head(100, ""));
    assert_eq!(trickle.response().unwrap().status, 408);
    door.counts(&refused("body_timeout"), 1);
    assert_eq!(post(door.address, "Connection: close\r\n", " ".repeat(80_000)).status, 413);
    door.counts(&refused("body_too_long"), 1);
    for (headers, body, status) in [("", "", 400), ("", "[1", 400), ("Content-Encoding: br\r\n", "x", 415)] {
        let headers = format!("Connection: close\r\n{headers}");
        assert_eq!(post(door.address, &headers, body).status, status, "{body}");
    }
    let mut feed = Ws::open(door.address, "/v1/ingest");
    feed.say("");
    assert_eq!(feed.message()["rejected"][0]["code"], "empty_body");
    door.counts(&refused("bad_body"), 4);
    let busy = |_| {
        let mut long = Raw::connect(door.address);
        long.send([post_head(60_000, "").as_bytes(), &[b' '; 50_000]].concat());
        (0..20).any(|_| post(door.address, "Connection: close\r\n", "{}").status == 429)
    };
    // Whoever takes it may have to wait for a core.
    assert!((0..400).any(busy), "the only permit is taken for a while");
    assert!(door.metric(&refused("busy")) >= 1);
    let answer = ask(door.address, upgrade("/v1/ingest", ""));
    assert_eq!((answer.status, answer.code().as_str()), (503, "too_many_feeds"));
    assert!(answer.json()["reconnect_after_ms"].is_u64(), "{answer:?}");
    door.counts(&refused("too_many_feeds"), 1);
    let mut unread = narrow(door.address);
    unread.stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    unread.try_send("GET /assets/app.js HTTP/1.1\r\nHost: x\r\n\r\n".repeat(300));
    door.counts(&refused("response_timeout"), 1);
    let mut big = Ws::open(door.address, "/v1/ws");
    big.send(crate::hostile::ws::text("x".repeat(300)));
    assert_eq!(big.closed().0, 1009);
    door.counts("scorewire_connections_closed_total{reason=\"message_too_big\"}", 1);
}

#[test]
fn subscriptions_beyond_the_limit_are_counted() {
    let door = Door::open(&[("CLIENTS__SUBSCRIPTIONS_MAX", "2"), ("FANOUT__TOPICS_MAX", "3")]);
    let mut ws = Ws::open(door.address, "/v1/ws");
    ws.say(r#"{"op":"subscribe","id":1,"topics":["player:1","player:2"]}"#);
    assert_eq!(ws.message_of("subscribed")["errors"], serde_json::json!([]));
    ws.say(r#"{"op":"subscribe","id":2,"topics":["player:3"]}"#);
    assert_eq!(ws.message_of("subscribed")["errors"][0]["code"], "too_many_subscriptions");
    ws.say(r#"{"op":"subscribe","id":3,"topics":["player:3","player:4","player:5"]}"#);
    assert_eq!(ws.message_of("error")["code"], "too_many_subscriptions");
    let mut other = Ws::open(door.address, "/v1/ws");
    other.say(r#"{"op":"subscribe","id":1,"topics":["player:3","player:4"]}"#);
    let errors = other.message_of("subscribed")["errors"].clone();
    assert_eq!(errors[0]["code"], "too_many_topics");
    door.counts("scorewire_topics_refused_total{reason=\"subscriptions\"}", 2);
    door.counts(
        "scorewire_topics_refused_total{reason=\"topics\"}",
        errors.as_array().unwrap().len(),
    );
}
