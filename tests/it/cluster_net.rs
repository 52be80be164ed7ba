//! The network between nodes and Redis: held up, slow, cut. Whoever is cut off says so and loses nothing; what was
//! on its way may arrive later, when everybody has gone on.

use super::chance::Chance;
use super::cluster::{Node, epoch_of, feed, node, owned, post, same, shared, slate, until_late, without_seq};
use super::crash::shown;
use super::hostile::binary::Served;
use super::proxy::{Mode, Proxy};
use super::redis::Redis;
use super::support::client::Client;
use super::support::events::lines;
use super::support::server::{Http, Server};
use super::support::{eventually, run};
use hyper::StatusCode;
use scorewire::cluster::follow::Pending;
use scorewire::cluster::{Ack, By, Log, Settings, Status};
use scorewire::store;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A node that reaches Redis by a proxy alone.
fn behind(proxy: &Proxy, redis: &Redis, role: &str, timeout_ms: &str) -> Node {
    let url = proxy.url();
    let settings = [
        ("SCOREWIRE__CLUSTER__REDIS", url.as_str()),
        ("SCOREWIRE__CLUSTER__TIMEOUT_MS", timeout_ms),
    ];
    let served = Served::start(node(redis, role, &settings));
    let http = Http::new(served.address("address"));
    Node { served, http }
}

/// All nodes show the same, and that is what a server that is alone makes of the same events.
async fn all_right(nodes: &[Node], events: &[scorewire::model::Event], topics: &[String]) {
    for node in nodes {
        same(&nodes[0].http, &node.http, topics).await;
    }
    let alone = Server::start(|_| {});
    alone.post(events).await;
    for topic in topics {
        let (there, here) = (shown(&alone, topic).await, shown(&nodes[0].http, topic).await);
        assert_eq!(without_seq(there), without_seq(here), "{topic}");
    }
    alone.end().await;
}

#[test]
fn a_node_that_is_cut_off_keeps_its_clients_and_catches_up() {
    for (name, mode) in [("cluster-held", Mode::Held), ("cluster-cut", Mode::Cut)] {
        let Some(redis) = Redis::start(name) else { return };
        run(async {
            let proxy = Proxy::to(redis.port).await;
            let nodes = [
                Node::start(&redis, "engine"),
                Node::start(&redis, "edge"),
                behind(&proxy, &redis, "edge", "1000"),
            ];
            let (events, topics) = slate(11, 3);
            let (third, mut chance) = (events.len() / 3, Chance::new(1));
            feed(&nodes, &events, 0..third, &mut chance, None).await;
            let mut clients = Vec::new();
            for node in &nodes {
                let mut client = Client::connect(&node.http).await;
                client.subscribe(&topics, "ppr").await;
                clients.push(client);
            }
            let before = epoch_of(&clients[2]);
            proxy.set(mode);
            // The others go on as if nothing were.
            let cut_off = &nodes[2].http;
            let told = async {
                until_late(&mut clients[2], true).await;
                eventually("it says that Redis is away", || async {
                    cut_off.metric("scorewire_cluster_connected").await == 0.0
                })
                .await;
                // Far longer than it may take, on any machine.
                let answer = tokio::time::timeout(Duration::from_secs(60), cut_off.try_post(lines(&events[third..third + 20])));
                let answer = answer.await.expect("an answer within a bound").expect("an answer");
                assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text());
                assert!(["log_unavailable", "log_slow"].contains(&answer.json()["code"].as_str().unwrap()));
                assert_eq!(answer.header("retry-after"), "1");
            };
            tokio::join!(feed(&nodes, &events, third..2 * third, &mut chance, Some(2)), told);
            clients[0].catch_up(&nodes[0].http).await;
            clients[0].holdings.assert_equal_http(&nodes[0].http).await;
            proxy.set(Mode::Open);
            until_late(&mut clients[2], false).await;
            feed(&nodes, &events, 2 * third..events.len(), &mut chance, None).await;
            for (node, client) in nodes.iter().zip(&mut clients) {
                client.catch_up(&node.http).await;
                client.holdings.assert_equal_http(&node.http).await;
            }
            assert_eq!(epoch_of(&clients[2]), before, "the same Redis, so the same history");
            all_right(&nodes, &events, &topics).await;
        });
    }
}

/// A machine that starts starts Redis beside its nodes.
#[test]
fn a_node_waits_for_a_redis_that_is_not_there_yet() {
    let Some(mut redis) = Redis::start("cluster-early") else { return };
    redis.kill();
    run(async {
        let early = node(&redis, "edge", &[("SCOREWIRE__CLUSTER__START_TIMEOUT_MS", "60000")]);
        let starting = tokio::task::spawn_blocking(move || Served::start(early));
        // It has asked by then, but on a very slow machine: then nothing is shown by this, and nothing fails.
        tokio::time::sleep(Duration::from_millis(500)).await;
        redis.run();
        let served = starting.await.unwrap();
        assert!(served.before.iter().all(|line| !line.contains("ERROR")), "{:?}", served.before);
        let http = Http::new(served.address("address"));
        let (events, _) = slate(13, 1);
        post(&http, &events[..20]).await;
    });
}

/// Cuts in `./test`.
const CUTS: usize = 6;

#[test]
fn whatever_the_network_does_all_is_right_once_it_is_well() {
    let Some(redis) = Redis::start("cluster-chaos") else { return };
    let mut chance = Chance::seeded(4);
    run(async {
        let roles = ["engine", "engine", "edge"];
        let (mut proxies, mut nodes) = (Vec::new(), Vec::new());
        for role in roles {
            let proxy = Proxy::to(redis.port).await;
            nodes.push(behind(&proxy, &redis, role, "300"));
            proxies.push(proxy);
        }
        let (events, topics) = slate(chance.next() % 1_000 + 1, 3);
        let mut clients = Vec::new();
        for node in &nodes {
            let mut client = Client::connect(&node.http).await;
            client.subscribe(&topics, "ppr").await;
            clients.push(client);
        }
        let mut fed = 0;
        for cut in 0..CUTS {
            let at = chance.below(proxies.len());
            let by = Duration::from_millis(chance.between(1, 60) as u64);
            let mode = [Mode::Held, Mode::Slow(by), Mode::Cut][cut % 3];
            println!("{mode:?} at {at}");
            proxies[at].set(mode);
            let upto = events.len() * (cut + 1) / (CUTS + 1);
            // Where it is cut off too: what is answered 503 may be in the stream all the same, and is sent again.
            fed = feed(&nodes, &events, fed..upto, &mut chance, None).await;
            proxies[at].set(Mode::Open);
        }
        feed(&nodes, &events, fed..events.len(), &mut chance, None).await;
        for (node, client) in nodes.iter().zip(&mut clients) {
            eventually("it hears of Redis", || async {
                node.http.metric("scorewire_cluster_connected").await == 1.0
            })
            .await;
            client.catch_up(&node.http).await;
            client.holdings.assert_equal_http(&node.http).await;
        }
        all_right(&nodes, &events, &topics).await;
    });
}

#[test]
fn an_engine_that_is_cut_off_loses_its_partitions_and_is_given_its_share_back() {
    for (name, mode) in [("cluster-engine-held", Mode::Held), ("cluster-engine-cut", Mode::Cut)] {
        let Some(redis) = Redis::start(name) else { return };
        run(async {
            let proxy = Proxy::to(redis.port).await;
            let mut nodes = vec![behind(&proxy, &redis, "engine", "1000")];
            eventually("it owns all", || async { owned(&nodes[0].http).await == 4.0 }).await;
            nodes.push(Node::start(&redis, "engine"));
            proxy.set(mode);
            eventually("the other one takes over", || async { owned(&nodes[1].http).await == 4.0 }).await;
            eventually("it knows that it owns nothing", || async { owned(&nodes[0].http).await == 0.0 }).await;
            proxy.set(Mode::Open);
            eventually("it hears of Redis", || async {
                nodes[0].http.metric("scorewire_cluster_connected").await == 1.0
            })
            .await;
            let (events, topics) = slate(12, 1);
            post(&nodes[0].http, &events[..100]).await;
            same(&nodes[0].http, &nodes[1].http, &topics).await;
            shared(&nodes).await;
        });
    }
}

#[test]
fn what_was_held_up_on_its_way_is_refused_where_another_engine_has_taken_over() {
    let Some(redis) = Redis::start("cluster-late-write") else { return };
    run(async {
        let proxy = Proxy::to(redis.port).await;
        let settings = Arc::new(Settings {
            redis: vec![proxy.url()],
            tls: scorewire::cluster::Tls::default(),
            prefix: "late".to_owned(),
            partitions: 1,
            owner: "a/1".to_owned(),
            ack: Ack::Primary,
            timeout: Duration::from_millis(300),
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
        // Only what is joined can be late: connecting anew comes before a write.
        assert_eq!(batch(By::Anyone).await, Ok(()));
        redis.ask("HSET late:{p0}:meta fence 7").unwrap();
        status.of(0).fence.store(7, Ordering::Relaxed);
        assert_eq!(batch(By::Owner).await, Ok(()));
        proxy.set(Mode::Held);
        let held = batch(By::Owner).await.unwrap_err();
        assert!(held.to_string().contains("does not answer"), "{held}");
        redis.ask("HINCRBY late:{p0}:meta fence 1").unwrap();
        proxy.set(Mode::Open);
        eventually("it arrives, and is refused", || async {
            redis.ask("INFO errorstats").unwrap().contains("errorstat_SWFENCED:count=1")
        })
        .await;
        assert_eq!(redis.ask("XLEN late:{p0}:log").unwrap(), ":2\r\n");
        // What anybody may write arrives, and counts, though who wrote it was told that it is not known to be safe.
        assert_eq!(batch(By::Anyone).await, Ok(()));
        proxy.set(Mode::Held);
        batch(By::Anyone).await.unwrap_err();
        proxy.set(Mode::Open);
        eventually("it arrives", || async { redis.ask("XLEN late:{p0}:log").unwrap() == ":4\r\n" }).await;
    });
}
