//! Several nodes of the program itself on a real Redis: what they show is the same, a client of one goes on at
//! another, and nothing is lost or told twice whoever is killed.
//!
//! A failure names its seed, `SCOREWIRE_SEED=n` runs it again; `SCOREWIRE_CLUSTER_KILLS=100` kills more often.

use super::chance::Chance;
use super::crash::shown;
use super::hostile::binary::{Served, outcome, scorewire};
use super::redis::Redis;
use super::support::client::Client;
use super::support::events::{games_of, lines};
use super::support::holdings::Holdings;
use super::support::server::{Http, Server};
use super::support::{eventually, run};
use hyper::StatusCode;
use rustix::process::Signal;
use scorewire::cluster::follow::Pending;
use scorewire::cluster::{Ack, By, Log, Settings, Status};
use scorewire::feed::simulator::{Options, Simulator, Trouble};
use scorewire::model::Event;
use scorewire::store;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A node's settings.
pub(crate) fn node(redis: &Redis, role: &str, settings: &[(&str, &str)]) -> Command {
    let mut command = scorewire(&["serve", "--bind", "127.0.0.1:0"]);
    command.env("SCOREWIRE__CLUSTER__ROLE", role);
    command.env("SCOREWIRE__CLUSTER__REDIS", redis.url());
    // Fewer threads than by default: several nodes share this machine.
    command.env("SCOREWIRE__CLUSTER__PARTITIONS", "4");
    command.env("SCOREWIRE__SERVER__SHARDS", "1");
    command.env("SCOREWIRE__PREDICT__ENABLED", "false");
    // Often: whoever starts begins with one.
    command.env("SCOREWIRE__CLUSTER__BASE_EVERY_RECORDS", "50");
    command.envs(settings.iter().copied());
    command
}

pub(crate) struct Node {
    pub(crate) served: Served,
    pub(crate) http: Http,
}

impl Node {
    pub(crate) fn start(redis: &Redis, role: &str) -> Node {
        Node::start_with(redis, role, &[])
    }

    /// The same with settings of the test's own.
    pub(crate) fn start_with(redis: &Redis, role: &str, settings: &[(&str, &str)]) -> Node {
        let served = Served::start(node(redis, role, settings));
        let http = Http::new(served.address("address"));
        Node { served, http }
    }
}

/// A slate with everything that goes wrong on a live one, and topics of all kinds but lineups.
pub(crate) fn slate(seed: u64, games: u8) -> (Vec<Event>, Vec<String>) {
    let options = Options {
        seed,
        games: games.into(),
        trouble: Trouble::LIVE,
        ..Options::default()
    };
    let events: Vec<Event> = Simulator::new(&options).flat_map(|step| step.events).collect();
    let mut topics: Vec<String> = games_of(&events).into_iter().map(|game| format!("game:{game}")).collect();
    topics.push("slate".to_owned());
    let plays = events.iter().filter_map(|event| match event {
        Event::Play(play) => play.stats.first(),
        _ => None,
    });
    let players = plays.clone().filter_map(|record| record.player.as_ref()).take(60);
    let players: BTreeSet<String> = players.map(|player| format!("player:{player}")).collect();
    let teams: BTreeSet<String> = plays.take(60).map(|record| format!("team:{}", record.team)).collect();
    topics.extend(players);
    topics.extend(teams);
    (events, topics)
}

/// A snapshot without what each node counts for itself.
pub(crate) fn without_seq(mut snapshot: Value) -> Value {
    snapshot["seq"] = Value::Null;
    snapshot
}

/// Waits until two nodes show the same of every topic, `seq` included but for the slate's.
pub(crate) async fn same(a: &Http, b: &Http, topics: &[String]) {
    for topic in topics {
        let of = |snapshot: Value| if topic == "slate" { without_seq(snapshot) } else { snapshot };
        eventually(&format!("two nodes show the same of {topic}"), || async {
            of(shown(a, topic).await) == of(shown(b, topic).await)
        })
        .await;
    }
}

pub(crate) async fn post(http: &Http, events: &[Event]) {
    let answer = http.try_post(lines(events)).await.expect("an answer");
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.json()["rejected"], json!([]), "{}", answer.text());
}

#[test]
fn a_client_of_one_node_goes_on_at_another() {
    let Some(redis) = Redis::start("cluster-same") else { return };
    run(async {
        let nodes = [
            Node::start(&redis, "engine"),
            Node::start(&redis, "edge"),
            Node::start(&redis, "edge"),
        ];
        let (events, topics) = slate(5, 4);
        let half = events.len() / 2;
        // Whichever node takes an event in, all show it.
        for (nth, part) in events[..half].chunks(40).enumerate() {
            post(&nodes[nth % 3].http, part).await;
        }
        let mut client = Client::connect(&nodes[1].http).await;
        client.subscribe(&topics, "ppr").await;
        for (nth, part) in events[half..half + 200].chunks(10).enumerate() {
            post(&nodes[nth % 3].http, part).await;
        }
        client.catch_up(&nodes[1].http).await;
        let (holdings, epoch) = client.cut();
        // What it misses meanwhile is not more than rings hold.
        for part in events[half + 200..half + 220].chunks(10) {
            post(&nodes[0].http, part).await;
        }
        same(&nodes[1].http, &nodes[2].http, &topics).await;
        let mut client = Client::come_back(&nodes[2].http, holdings).await;
        assert_ne!(client.epoch, epoch, "each node has a part of its own");
        let resumed = client.resume(&topics, "ppr", &epoch).await;
        assert_eq!(
            resumed,
            topics.len() - 1,
            "all but the slate, which each node puts together by itself"
        );
        for part in events[half + 220..].chunks(50) {
            post(&nodes[2].http, part).await;
        }
        client.catch_up(&nodes[2].http).await;
        client.holdings.assert_equal_http(&nodes[2].http).await;
        same(&nodes[0].http, &nodes[2].http, &topics).await;
        // A node that comes late has the same, and so has a server that is alone, but for how it counts players.
        let late = Node::start(&redis, "edge");
        same(&nodes[0].http, &late.http, &topics).await;
        let alone = Server::start(|_| {});
        alone.post(&events).await;
        for topic in &topics {
            let (there, here) = (shown(&alone, topic).await, shown(&late.http, topic).await);
            assert_eq!(without_seq(there.clone()), without_seq(here.clone()), "{topic}");
            if topic.starts_with("game:") {
                assert_eq!(there["seq"], here["seq"], "{topic}");
            }
        }
        for node in nodes.into_iter().chain([late]) {
            node.served.signal(Signal::TERM);
            assert_eq!(node.served.ended().0, Some(0));
        }
        alone.end().await;
    });
}

/// The name of the history as the client was told it last.
pub(crate) fn epoch_of(client: &Client) -> String {
    let mut welcomes = client.said.iter().filter(|said| said["type"] == "welcome");
    let last = welcomes.next_back().and_then(|welcome| welcome["epoch"].as_str());
    last.unwrap_or(&client.epoch).to_owned()
}

/// Reads on until it is told so late, or not late any more.
pub(crate) async fn until_late(client: &mut Client, is_late: bool) {
    loop {
        let message = client.next().await.expect("it stays connected");
        if message["type"] == "status" && (message["late_ms"].as_u64() > Some(0)) == is_late {
            return;
        }
    }
}

#[test]
fn clients_stay_while_redis_is_away_and_are_told_so() {
    let Some(mut redis) = Redis::start("cluster-away") else { return };
    run(async {
        let nodes = [Node::start(&redis, "engine"), Node::start(&redis, "edge")];
        let (events, topics) = slate(6, 2);
        let half = events.len() / 2;
        post(&nodes[0].http, &events[..half]).await;
        let mut client = Client::connect(&nodes[1].http).await;
        client.subscribe(&topics, "ppr").await;
        let before = epoch_of(&client);
        let connected = "scorewire_cluster_connected";
        assert_eq!(nodes[1].http.metric(connected).await, 1.0);
        redis.kill();
        until_late(&mut client, true).await;
        assert_eq!(nodes[1].http.metric(connected).await, 0.0);
        assert!(nodes[1].http.metric("scorewire_cluster_late_seconds").await > 0.5);
        // Nobody is told that an event is safe that nobody has.
        let answer = nodes[1].http.try_post(lines(&events[half..half + 20])).await.unwrap();
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text());
        assert_eq!(answer.json()["code"], "log_unavailable", "{}", answer.text());
        assert_eq!(answer.header("retry-after"), "1");
        redis.run();
        until_late(&mut client, false).await;
        let read = nodes[1].http.metric("scorewire_cluster_records_total").await;
        assert!(read >= half as f64, "{read}");
        for part in events[half..].chunks(50) {
            post(&nodes[1].http, part).await;
        }
        client.catch_up(&nodes[1].http).await;
        client.holdings.assert_equal_http(&nodes[1].http).await;
        // Another Redis process may have lost something: what clients held before is not gone on from.
        let after = epoch_of(&client);
        assert_ne!(before.split_once('-').unwrap().0, after.split_once('-').unwrap().0);
        same(&nodes[0].http, &nodes[1].http, &topics).await;
        let (holdings, _) = client.cut();
        let mut client = Client::come_back(&nodes[0].http, holdings).await;
        assert_eq!(client.resume(&topics, "ppr", &before).await, 0);
        client.catch_up(&nodes[0].http).await;
        let (holdings, _) = client.cut();
        let mut client = Client::come_back(&nodes[0].http, holdings).await;
        assert_eq!(
            client.resume(&topics, "ppr", &after).await,
            topics.len() - 1,
            "by the new name they are"
        );
    });
}

#[test]
fn a_redis_that_lost_what_was_shown_has_nodes_begin_anew() {
    let Some(mut redis) = Redis::start("cluster-lost") else { return };
    run(async {
        let node = Node::start(&redis, "edge");
        let (events, topics) = slate(7, 2);
        post(&node.http, &events[..200]).await;
        let mut client = Client::connect(&node.http).await;
        client.subscribe(&topics, "ppr").await;
        client.catch_up(&node.http).await;
        redis.kill();
        redis.forget();
        redis.run();
        client.read_to_end().await;
        assert_eq!(client.closed, Some((4000, "draining".to_owned())));
        let (code, log) = node.served.ended();
        assert_eq!(code, Some(75), "{log:?}");
        let why = log.last().unwrap();
        assert!(
            why.contains("no longer has what this node has shown") && why.contains("start it again"),
            "{why}"
        );
        // What Redis has is what there is; the feed tells the rest again.
        let node = Node::start(&redis, "edge");
        assert_eq!(node.http.json("/v1/games").await["games"], json!([]));
        let (holdings, epoch) = client.cut();
        let mut client = Client::come_back(&node.http, holdings).await;
        assert_eq!(client.resume(&topics, "ppr", &epoch).await, 0);
        post(&node.http, &events).await;
        client.catch_up(&node.http).await;
        client.holdings.assert_equal_http(&node.http).await;
    });
}

/// Kills in `./test`.
const KILLS: usize = 6;

#[test]
fn whoever_is_killed_nothing_is_lost_or_told_twice() {
    let Some(mut redis) = Redis::start("cluster-kills") else { return };
    let kills = std::env::var("SCOREWIRE_CLUSTER_KILLS").map_or(KILLS, |kills| kills.parse().expect("a number"));
    let mut chance = Chance::seeded(3);
    run(async {
        let roles = ["engine", "engine", "edge", "edge"];
        let mut nodes: Vec<Node> = roles.iter().map(|role| Node::start(&redis, role)).collect();
        let (events, topics) = slate(chance.next() % 1_000 + 1, 3);
        let mut clients: Vec<(Holdings, String)> = vec![Default::default(); 3];
        let mut fed = 0;
        for round in 0..kills {
            let mut reading = Vec::new();
            for (holdings, epoch) in std::mem::take(&mut clients) {
                let place = chance.below(nodes.len());
                let mut client = Client::come_back(&nodes[place].http, holdings).await;
                client.resume(&topics, "ppr", &epoch).await;
                reading.push((place, client));
            }
            let upto = events.len() * (round + 1) / (kills + 1);
            let half = (fed + upto) / 2;
            fed = feed(&nodes, &events, fed..half, &mut chance, None).await;
            // In turn: an engine, an edge, Redis.
            let victim = match round % 3 {
                0 => Some(chance.below(2)),
                1 => Some(2 + chance.below(2)),
                _ => None,
            };
            match victim {
                Some(place) => nodes[place].served.signal(Signal::KILL),
                None => {
                    redis.kill();
                    redis.run();
                }
            }
            fed = feed(&nodes, &events, fed..upto, &mut chance, victim).await;
            for (place, mut client) in reading {
                match Some(place) == victim {
                    true => client.read_to_end().await,
                    // Across the kill, without a wrong number.
                    false => client.catch_up(&nodes[place].http).await,
                }
                let epoch = epoch_of(&client);
                clients.push((client.cut().0, epoch));
            }
            if let Some(place) = victim {
                nodes[place] = Node::start(&redis, roles[place]);
            }
        }
        feed(&nodes, &events, fed..events.len(), &mut chance, None).await;
        let alone = Server::start(|_| {});
        alone.post(&events).await;
        for node in &nodes {
            same(&nodes[0].http, &node.http, &topics).await;
        }
        for topic in &topics {
            let (there, here) = (shown(&alone, topic).await, shown(&nodes[0].http, topic).await);
            assert_eq!(without_seq(there), without_seq(here), "{topic}");
        }
        for (nth, (holdings, epoch)) in clients.into_iter().enumerate() {
            let http = &nodes[nth].http;
            let mut client = Client::come_back(http, holdings).await;
            client.resume(&topics, "ppr", &epoch).await;
            client.catch_up(http).await;
            client.holdings.assert_equal_http(http).await;
        }
        alone.end().await;
    });
}

/// Posts these events, part by part, each to any node that lives, again until it is confirmed; how far it came.
pub(crate) async fn feed(
    nodes: &[Node],
    events: &[Event],
    range: std::ops::Range<usize>,
    chance: &mut Chance,
    dead: Option<usize>,
) -> usize {
    let mut fed = range.start;
    while fed < range.end {
        let to = (fed + chance.between(1, 30)).min(range.end);
        let place = chance.below(nodes.len());
        let answer = match Some(place) == dead {
            true => None,
            false => nodes[place].http.try_post(lines(&events[fed..to])).await,
        };
        match answer {
            Some(answer) if answer.status == StatusCode::OK => {
                assert_eq!(answer.json()["rejected"], json!([]), "{}", answer.text());
                fed = to;
            }
            Some(answer) => {
                assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            None => {}
        }
    }
    fed
}

/// Partitions that the node says it owns.
pub(crate) async fn owned(http: &Http) -> f64 {
    http.metric("scorewire_cluster_partitions_owned").await
}

/// Waits until both engines own as many partitions.
pub(crate) async fn shared(engines: &[Node]) {
    eventually("they share the partitions", || async {
        owned(&engines[0].http).await == 2.0 && owned(&engines[1].http).await == 2.0
    })
    .await;
}

#[test]
fn another_engine_takes_over_from_one_that_was_killed_or_held_up() {
    let Some(redis) = Redis::start("cluster-lease") else { return };
    run(async {
        let mut engines = vec![Node::start(&redis, "engine")];
        eventually("it owns all", || async { owned(&engines[0].http).await == 4.0 }).await;
        engines.push(Node::start(&redis, "engine"));
        shared(&engines).await;
        engines[0].served.signal(Signal::STOP);
        eventually("the other one takes over", || async { owned(&engines[1].http).await == 4.0 }).await;
        engines[0].served.signal(Signal::CONT);
        shared(&engines).await;
        engines[1].served.signal(Signal::KILL);
        eventually("and takes over again", || async { owned(&engines[0].http).await == 4.0 }).await;
    });
}

#[test]
fn who_no_longer_owns_a_partition_cannot_write_as_its_owner() {
    let Some(redis) = Redis::start("cluster-fence") else { return };
    run(async {
        let settings = Arc::new(Settings {
            redis: vec![redis.url()],
            tls: scorewire::cluster::Tls::default(),
            prefix: "fenced".to_owned(),
            partitions: 1,
            owner: "a/1".to_owned(),
            ack: Ack::Primary,
            timeout: Duration::from_secs(5),
            lease: Duration::from_secs(1),
            queue_batches_max: 8,
            stream_entries_max: 1_000,
        });
        let status = Arc::new(Status::new(1));
        let log = Log::start(&settings, &status, &[Arc::new(Pending::default())]).unwrap();
        let batch = |by| {
            let mut records = Vec::new();
            let origin = scorewire::model::Origin::default();
            let kind = store::Kind::Expired;
            store::frame(&store::Record { kind, origin, body: b"g" }, &mut records);
            let batch = store::Batch {
                records,
                count: 1,
                payload: (),
            };
            log.submit(0, batch, by).unwrap().committed()
        };
        let not_owner = batch(By::Owner).await.unwrap_err();
        assert!(not_owner.to_string().contains("does not own"), "{not_owner}");
        assert_eq!(batch(By::Anyone).await, Ok(()));
        redis.ask("HSET fenced:{p0}:meta fence 7").unwrap();
        status.of(0).fence.store(7, Ordering::Relaxed);
        assert_eq!(batch(By::Owner).await, Ok(()));
        // Somebody else takes it while this one is held up.
        redis.ask("HINCRBY fenced:{p0}:meta fence 1").unwrap();
        let fenced = batch(By::Owner).await.unwrap_err();
        assert!(fenced.to_string().contains("another engine owns the partition"), "{fenced}");
        assert_eq!(status.of(0).fence.load(Ordering::Relaxed), 0, "it knows from then on");
        let length = redis.ask("XLEN fenced:{p0}:log").unwrap();
        assert_eq!(length, ":2\r\n", "what was refused is not there");
    });
}

/// The line in which it says why it does not start, and its exit code.
pub(crate) fn refused(mut command: Command, settings: &[(&str, &str)]) -> (Option<i32>, String) {
    command.env("SCOREWIRE__CLUSTER__START_TIMEOUT_MS", "1000");
    command.envs(settings.iter().copied());
    let (code, _, said) = outcome(command);
    (code, said.lines().last().unwrap_or_default().to_owned())
}

#[test]
fn a_cluster_that_will_not_do_is_named_in_one_line() {
    let Some(redis) = Redis::start_with("cluster-bad", &["--save", "", "--requirepass", "pass-123"]) else {
        return;
    };
    let place = redis.url().replace("redis://", "");
    let by = |user: &str| format!("redis://{user}@{place}");
    for url in [redis.url(), by(":wrong-456")] {
        let (code, line) = refused(node(&redis, "edge", &[]), &[("SCOREWIRE__CLUSTER__REDIS", &url)]);
        assert_eq!(code, Some(69), "{line}");
        assert!(line.contains("refuses the credentials"), "{line}");
        assert!(!line.contains("wrong-456"), "{line}");
    }
    let good = by(":pass-123");
    let with = |settings: &[(&str, &str)]| {
        let all: Vec<(&str, &str)> = [("SCOREWIRE__CLUSTER__REDIS", good.as_str())]
            .into_iter()
            .chain(settings.iter().copied())
            .collect();
        refused(node(&redis, "edge", &[]), &all)
    };
    let started = Served::start(node(&redis, "edge", &[("SCOREWIRE__CLUSTER__REDIS", &good)]));
    started.signal(Signal::TERM);
    assert_eq!(started.ended().0, Some(0));
    let (code, line) = with(&[("SCOREWIRE__CLUSTER__PARTITIONS", "8")]);
    assert_eq!(code, Some(69));
    assert!(line.contains("partitions=4") && line.contains("partitions=8"), "{line}");
    let (_, line) = with(&[("SCOREWIRE__FEEDS__SOURCES", "[\"a\", \"b\"]")]);
    assert!(line.contains("feeds.sources=a,b"), "{line}");
    let (code, line) = with(&[("SCOREWIRE__CLUSTER__REDIS", "http://127.0.0.1")]);
    assert_eq!(code, Some(64));
    assert!(line.contains("begins with redis://"), "{line}");
    let nobody = "redis://127.0.0.1:1";
    let (code, line) = with(&[("SCOREWIRE__CLUSTER__REDIS", nobody)]);
    assert_eq!(code, Some(69));
    assert!(line.contains("127.0.0.1:1 does not answer"), "{line}");
    let Some(evicting) = Redis::start_with(
        "cluster-evicts",
        &["--save", "", "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"],
    ) else {
        return;
    };
    let (code, line) = refused(node(&evicting, "edge", &[]), &[]);
    assert_eq!(code, Some(69));
    assert!(line.contains("set it to noeviction"), "{line}");
}

#[test]
fn a_stream_or_a_redis_that_is_full_takes_no_more_and_says_so() {
    let Some(redis) = Redis::start_with("cluster-full", &["--save", ""]) else {
        return;
    };
    run(async {
        let settings = [
            ("SCOREWIRE__CLUSTER__STREAM_ENTRIES_MAX", "1000"),
            ("SCOREWIRE__CLUSTER__PARTITIONS", "1"),
        ];
        // No engine, which would trim it.
        let served = Served::start(node(&redis, "edge", &settings));
        let http = Http::new(served.address("address"));
        for entry in 0..1_000 {
            redis
                .ask(&format!("XADD scorewire:{{p0}}:log {}-0 b x{entry} c 1 e x", entry + 1))
                .unwrap();
        }
        redis.ask("HSET scorewire:{p0}:meta n 1000").unwrap();
        let (events, _) = slate(8, 1);
        let answer = http.try_post(lines(&events[..1])).await.unwrap();
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.text().contains("stream is full"), "{}", answer.text());
        eventually("it has read them", || async {
            http.metric("scorewire_cluster_records_total").await == 1_000.0
        })
        .await;
        redis.ask("DEL scorewire:{p0}:log").unwrap();
        redis.ask("CONFIG SET maxmemory 1").unwrap();
        let answer = http.try_post(lines(&events[..1])).await.unwrap();
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.text().contains("maxmemory"), "{}", answer.text());
        redis.ask("CONFIG SET maxmemory 0").unwrap();
        post(&http, &events[..20]).await;
    });
}
