//! How much a feed may send: each key by itself, whatever becomes of it, and from which address.

use crate::auth::mint::api_key;
use crate::hostile::Server;
use crate::hostile::binary::a_moment;
use crate::hostile::door::{Door, from_address};
use crate::hostile::http::{Raw, Response, post, post_head};
use crate::hostile::ws::{CLOSE, FIN, TEXT, Ws, claim, frame, upgrade};
use scorewire::config::{Config, Scope};
use std::time::Duration;

fn refused(reason: &str) -> String {
    format!("scorewire_requests_refused_total{{reason=\"{reason}\"}}")
}

fn lines(from: usize, count: usize) -> String {
    (from..from + count)
        .map(|play| format!("{{\"type\":\"play\",\"game\":\"fast\",\"play\":\"{play}\"}}\n"))
        .collect()
}

#[test]
fn a_feed_that_sends_too_much_is_held_to_its_rate() {
    std::thread::scope(|threads| {
        threads.spawn(|| held_to_its_rate("INGEST__EVENTS_PER_SECOND_MAX", "10", "too_many_events", "feed_events"));
        threads.spawn(|| held_to_its_rate("INGEST__BYTES_PER_SECOND_MAX", "400", "too_many_bytes", "feed_bytes"));
    });
}

fn held_to_its_rate(setting: &str, value: &str, code: &str, reason: &str) {
    let door = Door::open(&[(setting, value)]);
    let mut ws = Ws::open(door.address, "/v1/ingest");
    let answer = post(door.address, "", lines(1, 60));
    assert_eq!(
        (answer.status, &answer.json()["accepted"]),
        (200, &60.into()),
        "a body is whole: {answer:?}"
    );
    // Six seconds' worth, of which one may be owed: the rest of the test has five to say two things.
    let answer = post(door.address, "", lines(100, 1_000));
    assert_eq!((answer.status, answer.code().as_str()), (429, code), "{answer:?}");
    let after_s = answer.head.lines().find_map(|line| line.strip_prefix("retry-after: ")).unwrap();
    let after_s: u64 = after_s.parse().unwrap();
    assert!((1..=6).contains(&after_s), "{answer:?}");
    ws.say(&lines(100, 1));
    let told = ws.message();
    assert_eq!((&told["type"], &told["ack"]), (&"slow_down".into(), &1.into()), "{told}");
    let after_ms = told["retry_after_ms"].as_u64().unwrap();
    assert!(after_ms <= after_s * 1000, "{told}");
    door.counts(&refused(reason), 2);
    std::thread::sleep(Duration::from_millis(after_ms));
    ws.say(&lines(100, 1));
    assert_eq!(ws.message()["accepted"], 1, "{setting}: paid off when it said so");
}

const NOISY: &str = "sw_noisy";
const CALM: &str = "sw_calm";

fn two_keys(config: &mut Config) {
    config.auth.keys = vec![api_key("noisy", NOISY, &[Scope::Feed]), api_key("calm", CALM, &[Scope::Feed])];
}

fn by(key: &str) -> String {
    format!("Authorization: Bearer {key}\r\nConnection: close\r\n")
}

/// Keys without a source of their own shared one account: the second one's noise had the primary refused.
#[test]
fn a_key_is_held_to_its_own_rate() {
    let server = Server::with(|config| {
        two_keys(config);
        config.ingest.events_per_second_max = 1;
    });
    let say = |key: &str, from| post(server.address, &by(key), lines(from, 30));
    assert_eq!(say(NOISY, 1).status, 200);
    assert_eq!((say(NOISY, 100).status, say(NOISY, 100).code().as_str()), (429, "too_many_events"));
    assert_eq!(say(CALM, 200).status, 200);
    assert_eq!(say(CALM, 300).status, 429);
}

/// Only what was taken in whole was charged for.
#[test]
fn what_is_refused_counts_too() {
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    let cut = [gzip, vec![b'x'; 30_000]].concat();
    for (what, headers, body, code) in [
        (
            "an array without an end",
            "",
            format!("[{}", "1,".repeat(15_000)).into_bytes(),
            "not_an_array",
        ),
        ("no gzip", "Content-Encoding: gzip\r\n", cut, "bad_gzip"),
        ("a body that is too long", "", vec![b' '; 80_000], "body_too_long"),
        ("a body of nothing", "", vec![b' '; 30_000], "empty_body"),
    ] {
        let server = Server::with(|config| {
            two_keys(config);
            config.ingest.body_bytes_max = 70_000;
            config.ingest.bytes_per_second_max = 1_000;
        });
        // In pieces: how long it is must not be known before it is read.
        let chunked = |body: &[u8]| {
            let pieces = body.chunks(10_000).flat_map(|piece| {
                let head = format!("{:x}\r\n", piece.len()).into_bytes();
                [head, piece.to_vec(), b"\r\n".to_vec()].concat()
            });
            pieces.chain(*b"0\r\n\r\n").collect::<Vec<u8>>()
        };
        let head = format!(
            "POST /v1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n{}{headers}\r\n",
            by(NOISY)
        );
        let mut raw = Raw::connect(server.address);
        raw.try_send([head.into_bytes(), chunked(&body)].concat());
        assert_eq!(raw.response().unwrap().code(), code, "{what}");
        let answer = post(server.address, &by(NOISY), lines(1, 1));
        assert_eq!((answer.status, answer.code().as_str()), (429, "too_many_bytes"), "{what}");
        assert_eq!(post(server.address, &by(CALM), lines(1, 1)).status, 200, "{what}");
    }
}

/// All of them were let in before the first was charged for.
#[test]
fn bodies_that_come_at_once_are_counted_one_by_one() {
    let server = Server::with(|config| {
        two_keys(config);
        config.ingest.bytes_per_second_max = 100;
    });
    let body = format!("{}{}", lines(1, 1), " ".repeat(10_000));
    let (front, back) = body.split_at(5_000);
    let mut posting: Vec<Raw> = (0..8)
        .map(|_| {
            let mut raw = Raw::connect(server.address);
            raw.send([&post_head(body.len(), &by(NOISY)), front].concat());
            raw
        })
        .collect();
    while server.ingest_bytes() < 8 * 5_000 {
        a_moment();
    }
    for raw in &mut posting {
        raw.send(back);
    }
    let answers: Vec<Response> = posting.iter_mut().map(|raw| raw.response().unwrap()).collect();
    let taken = answers.iter().filter(|answer| answer.status == 200).count();
    let told = answers.iter().filter(|answer| answer.status == 429).count();
    assert_eq!((taken, told), (1, 7), "{answers:?}");
}

#[test]
fn why_a_feeds_socket_ends_is_counted() {
    let door = Door::open(&[("CLIENTS__SILENCE_TIMEOUT_MS", "1500"), ("CLIENTS__PING_INTERVAL_MS", "200")]);
    let counts = |reason| door.counts(&format!("scorewire_feed_connections_closed_total{{reason=\"{reason}\"}}"), 1);
    let open = || Ws::open(door.address, "/v1/ingest");
    let mut polite = open();
    polite.send(frame(FIN | CLOSE, 1000u16.to_be_bytes()));
    assert_eq!(polite.closed().0, 1000);
    counts("normal");
    let mut big = open();
    big.raw.try_send(claim(FIN | TEXT, 1 << 30));
    assert_eq!(big.closed().0, 1009);
    counts("message_too_big");
    drop(open());
    counts("gone");
    let mut silent = open();
    silent.answers_pings = false;
    assert_eq!(silent.message_of("goodbye")["code"], "silent");
    assert_eq!(silent.closed().0, 4002);
    counts("silent");
}

/// A feed's WebSocket gave its place among those of its address up when it was upgraded.
#[test]
fn a_feeds_socket_counts_at_its_address() {
    const FEEDS: [u8; 4] = [127, 0, 0, 9];
    let server = Server::with(|config| config.server.connections_per_address_max = 2);
    let mut feeds: Vec<Ws> = (0..2)
        .map(|_| {
            let mut raw = from_address(FEEDS, server.address);
            raw.send(upgrade("/v1/ingest", ""));
            assert_eq!(raw.response().unwrap().status, 101);
            Ws::over(raw)
        })
        .collect();
    for (feed, from) in feeds.iter_mut().zip([1, 2]) {
        feed.say(&lines(from, 1));
        assert_eq!(feed.message()["accepted"], 1);
    }
    server.wait_for_connections(2);
    assert_eq!(server.open(), (2, 1));
    assert_eq!(from_address(FEEDS, server.address).response().unwrap().status, 429);
    drop(feeds);
    server.wait_for_connections(0);
    assert_eq!(server.open(), (0, 0));
}
