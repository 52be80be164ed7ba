//! What events that wait count for, and the program at the limit of its memory: what goes, in which order, that it comes back, and that nobody
//! who stays is ever wrong.

use crate::feeds::Feed;
use crate::hostile::binary::{Served, a_moment, scorewire};
use crate::hostile::http::{Raw, post_head};
use crate::hostile::ws::Ws;
use crate::hostile::{PATIENCE, Server, Stopwatch};
use crate::support::client::Client;
use crate::support::events::{game, play};
use crate::support::server::Http;
use crate::support::{eventually, run};
use hyper::Method;
use rustix::process::Signal;
use serde_json::json;
use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Duration;

const MIB: u64 = 1024 * 1024;
const RULESETS: [&str; 3] = ["draftkings", "ppr", "standard"];
const PRESSURE: &str = "scorewire_memory_pressure";
const RESIDENT: &str = "scorewire_memory_resident_bytes";
const CLOSED: &str = "scorewire_connections_closed_total{reason=\"overloaded\"}";
const SLEEPERS: usize = 60;
/// What each is taken to hold in the kernel: twice the send buffer.
const SEND_BUFFER: u64 = MIB / 2;

fn served(budget_mib: u64) -> (Served, Http) {
    let mut command = scorewire(&["serve", "--bind", "127.0.0.1:0"]);
    // Its models come and go beside what is measured here.
    command.env("SCOREWIRE__PREDICT__ENABLED", "false");
    for (name, value) in [
        ("MEMORY__BUDGET_MIB", budget_mib),
        ("SERVER__SHARDS", 1),
        ("FANOUT__RING_FRAMES", 65_536),
        ("FANOUT__SEND_BUFFER_BYTES", SEND_BUFFER),
        ("FANOUT__UNSENT_BYTES_MAX", 4096),
        // Who does not read is closed for want of memory here, however long the test takes.
        ("CLIENTS__STALL_TIMEOUT_MS", 600_000),
        ("CLIENTS__SILENCE_TIMEOUT_MS", 600_000),
    ] {
        command.env(format!("SCOREWIRE__{name}"), value.to_string());
    }
    let served = Served::start(command);
    let http = Http::new(served.address("address"));
    (served, http)
}

fn shed(what: &str) -> String {
    format!("scorewire_memory_shed_total{{what=\"{what}\"}}")
}

/// A feed that corrects the same plays over and over: history grows, and nothing else.
struct Corrections {
    rev: u64,
}

impl Corrections {
    async fn correct(&mut self, http: &Http) {
        self.rev += 1;
        let lines: Vec<String> = (1..=100)
            .map(|id| {
                let yards = (self.rev + id) as i32 % 20;
                play("g1", id, self.rev, &[("x-1", "AAA", 10, yards), ("x-2", "AAA", 10, 20 - yards)])
            })
            .collect();
        http.post_lines(lines.join("\n").into_bytes()).await;
    }
}

/// What the test asks of the doors while nobody new is taken in.
async fn newcomers_are_told_when_to_come(http: &Http, feed: &mut Feed, reader: &mut Client) {
    let upgrade = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ];
    let long = format!("{}\n", play("g1", 1, 1, &[])).repeat(1_000).into_bytes();
    assert!((64 * 1024..128 * 1024).contains(&long.len()));
    feed.say(std::str::from_utf8(&long).unwrap()).await;
    let told = feed.answer().await;
    assert_eq!(
        (&told["type"], &told["code"], &told["retry_after_ms"]),
        (&json!("slow_down"), &json!("overloaded"), &json!(10_000)),
        "{told}"
    );
    for answer in [
        http.request(Method::GET, "/v1/ws", &upgrade, Vec::new()).await,
        http.get("/v1/sse?topics=game:g1").await,
        http.get("/v1/history?topic=player:x-1").await,
        http.request(Method::POST, "/v1/events", &[], long).await,
    ] {
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "10"), "{answer:?}");
        assert_eq!(answer.json()["code"], "overloaded");
    }
    let reply = reader
        .ask(json!({"op": "subscribe", "topics": ["player:somebody-else", "player:x-1"], "ruleset": "ppr"}))
        .await;
    assert_eq!(reply["errors"][0]["code"], "overloaded", "{reply}");
    assert_eq!(reply["topics"].as_array().map(Vec::len), Some(1), "{reply}");
    for path in ["/healthz", "/metrics", "/v1/snapshot?topics=game:g1"] {
        assert_eq!(http.get(path).await.status, 200, "{path}");
    }
}

/// Asks at the doors while the feed goes on, so that memory stays short.
async fn while_it_feeds(http: &Http, feed: &mut Corrections, feed_socket: &mut Feed, readers: &mut [Client]) {
    let [asks, others @ ..] = readers else { panic!("a reader") };
    let asked = Cell::new(false);
    let asking = async {
        newcomers_are_told_when_to_come(http, feed_socket, asks).await;
        asked.set(true);
    };
    let feeding = async {
        while !asked.get() {
            feed.correct(http).await;
            for reader in &mut *others {
                reader.catch_up(http).await;
            }
        }
    };
    tokio::join!(asking, feeding);
    // Who asked has not read meanwhile, and what waits for it is memory.
    for reader in readers {
        reader.catch_up(http).await;
    }
}

/// And once memory is back.
async fn newcomers_are_taken(address: SocketAddr, http: &Http) {
    let mut client = Client::connect_at(address, None).await;
    client.subscribe(&["player:somebody-else".to_owned()], "ppr").await;
    assert_eq!(http.get("/v1/history?topic=player:x-1").await.status, 200);
}

/// Up to 64 messages of each of 64 feeds waited, and were nobody's.
#[test]
fn messages_that_wait_are_counted() {
    let server = Server::with(|config| config.ingest.requests_max = 1);
    let mut feed = Ws::open(server.address, "/v1/ingest");
    let mut long = Raw::connect(server.address);
    long.send([post_head(100_000, "").as_bytes(), &[b' '; 50_000]].concat());
    server.wait_for_no_permits();
    let line = play("g1", 1, 1, &[("x-1", "AAA", 10, 7)]);
    let message = format!("{line}{}", " ".repeat(60_000));
    let started = Stopwatch::start();
    let counted = |bytes: usize| {
        while server.ingest_bytes() != bytes {
            assert!(started.elapsed() < PATIENCE, "{} and not {bytes}", server.ingest_bytes());
            a_moment();
        }
    };
    for _ in 0..3 {
        feed.say(&message);
    }
    counted(50_000 + 3 * message.len());
    long.send([b' '; 50_000]);
    for duplicate in [0, 1, 1] {
        assert_eq!(feed.message()["duplicate"], duplicate);
    }
    assert_eq!(long.response().unwrap().code(), "empty_body");
    counted(0);
}

#[test]
fn at_the_limit_what_is_shed_keeps_the_process_going_and_everybody_right() {
    run(async {
        let resident = {
            let (_served, http) = served(0);
            eventually("measured", || async { http.metric(RESIDENT).await > 0.0 }).await;
            assert!(http.metric("scorewire_memory_budget_bytes").await > 0.0);
            http.metric(RESIDENT).await as u64
        };
        let budget = 2 * resident / MIB + 24;
        let (served, http) = served(budget);
        http.post_lines(game("g1", 1, "live", ["AAA", "BBB"], 1_500_000_000, [0, 0]).into_bytes())
            .await;
        let topics = ["game:g1", "team:AAA", "player:x-1", "player:x-2"].map(str::to_owned);
        let address = served.address("address");
        let mut readers = Vec::new();
        for ruleset in RULESETS {
            let mut reader = Client::connect_at(address, None).await;
            reader.subscribe(&topics, ruleset).await;
            readers.push(reader);
        }
        let mut feed_socket = Feed::connect(&http).await;
        let mut feed = Corrections { rev: 0 };
        let mut most: f64 = 0.0;

        // History alone grows: it is shortened, and that is enough.
        let mut levels = vec![0.0];
        while http.metric(&shed("changes")).await < 10_000.0 {
            for _ in 0..4 {
                feed.correct(&http).await;
            }
            for reader in &mut readers {
                reader.catch_up(&http).await;
            }
            most = most.max(http.metric(RESIDENT).await);
            levels.push(http.metric(PRESSURE).await);
            levels.dedup();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(most < (budget * MIB) as f64, "{most} of {budget} MiB");
        levels.push(http.metric(PRESSURE).await);
        assert!(
            levels.iter().any(|level| *level >= 2.0) && levels.iter().all(|level| *level < 5.0),
            "{levels:?}"
        );
        assert_eq!(http.metric(CLOSED).await, 0.0);

        eventually("history is enough", || async { http.metric(PRESSURE).await == 0.0 }).await;

        // Clients who do not read make the kernel hold more than there is: some of them go.
        let mut sleepers = Vec::new();
        for _ in 0..SLEEPERS {
            let mut sleeper = Client::connect_at(address, Some(4096)).await;
            sleeper.subscribe(&topics, "ppr").await;
            sleepers.push(sleeper);
        }
        while http.metric(CLOSED).await == 0.0 {
            feed.correct(&http).await;
            for reader in &mut readers {
                reader.catch_up(&http).await;
            }
        }
        while_it_feeds(&http, &mut feed, &mut feed_socket, &mut readers).await;
        eventually("nobody more goes", || async { http.metric(PRESSURE).await < 5.0 }).await;

        // Whoever wakes up is right, or knows that it has to come back.
        let mut stayed = 0;
        for sleeper in &mut sleepers {
            if sleeper.woken(&http).await {
                sleeper.holdings.assert_equal_http(&http).await;
                stayed += 1;
            }
        }
        assert!((1..=SLEEPERS - 8).contains(&stayed), "{stayed} stayed");
        let went = (SLEEPERS - stayed) as f64;
        eventually("the others are counted", || async { http.metric(CLOSED).await == went }).await;
        eventually("all is well again", || async { http.metric(PRESSURE).await == 0.0 }).await;
        newcomers_are_taken(address, &http).await;
        for mut reader in readers {
            reader.barrier().await;
            reader.catch_up(&http).await;
            reader.holdings.assert_equal_http(&http).await;
            assert_eq!(reader.closed, None);
        }
        served.signal(Signal::TERM);
        let (code, log) = served.ended();
        assert_eq!(code, Some(0), "{log:?}");
        let said = |text: &str| log.iter().filter(|line| line.contains(text)).count();
        assert!(said("memory is short") >= 2 && said("memory is back") >= 5, "{log:?}");
    });
}
