//! `cluster.ack = "replica"`: what an acknowledgement is worth, and who takes over where the primary is gone.

use super::chance::Chance;
use super::cluster::{Node, epoch_of, feed, node, owned, refused, same, slate, until_late, without_seq};
use super::crash::shown;
use super::hostile::binary::Served;
use super::redis::Redis;
use super::support::client::Client;
use super::support::events::lines;
use super::support::server::{Http, Server};
use super::support::{eventually, run};
use hyper::StatusCode;
use rustix::process::Signal;
use scorewire::model::Event;
use serde_json::json;

const PARTITIONS: usize = 4;

/// A primary and its replica, once that one has all.
async fn pair(name: &str) -> Option<(Redis, Redis)> {
    let kept = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""];
    let primary = [&kept[..], &["--repl-diskless-sync-delay", "0"]].concat();
    let primary = Redis::start_with(&format!("{name}-a"), &primary)?;
    let port = primary.port.to_string();
    let replica = [&kept[..], &["--replicaof", "127.0.0.1", &port]].concat();
    let replica = Redis::start_with(&format!("{name}-b"), &replica)?;
    follows(&replica, &primary).await;
    Some((primary, replica))
}

async fn follows(replica: &Redis, primary: &Redis) {
    let of = format!("port={},state=online", replica.port);
    eventually("the replica follows", || async {
        let said = replica.ask("INFO replication").unwrap_or_default();
        let theirs = primary.ask("INFO replication").unwrap_or_default();
        said.contains("role:slave") && said.contains("master_link_status:up") && theirs.contains(&of)
    })
    .await;
}

/// Posts, again where it is not confirmed in time: a replica may take long. How many were new the last time.
async fn confirm(http: &Http, events: &[Event]) -> u64 {
    loop {
        let answer = http.try_post(lines(events)).await.expect("an answer");
        if answer.status == StatusCode::OK {
            assert_eq!(answer.json()["rejected"], json!([]), "{}", answer.text());
            return answer.json()["accepted"].as_u64().unwrap();
        }
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text());
    }
}

/// A node that knows both, and tells a feed 200 once both have it.
fn start(pair: &(Redis, Redis), role: &str) -> Node {
    let both = json!([pair.0.url(), pair.1.url()]).to_string();
    let settings = [
        ("SCOREWIRE__CLUSTER__REDIS", both.as_str()),
        ("SCOREWIRE__CLUSTER__ACK", "replica"),
        ("SCOREWIRE__CLUSTER__TIMEOUT_MS", "1000"),
    ];
    let served = Served::start(node(&pair.0, role, &settings));
    let http = Http::new(served.address("address"));
    Node { served, http }
}

/// How many records each partition has there.
fn records(redis: &Redis) -> Vec<String> {
    let of = |partition| redis.ask(&format!("HGET scorewire:{{p{partition}}}:meta n")).unwrap();
    (0..PARTITIONS).map(of).collect()
}

#[test]
fn it_is_confirmed_once_the_replica_has_it_and_not_before() {
    run(async {
        let Some(mut pair) = pair("cluster-ack").await else { return };
        let nodes = [start(&pair, "engine"), start(&pair, "edge")];
        let (events, topics) = slate(21, 2);
        for part in events[..200].chunks(20) {
            confirm(&nodes[0].http, part).await;
            assert_eq!(records(&pair.0), records(&pair.1), "whoever is told 200 has it in two places");
        }
        let mut client = Client::connect(&nodes[1].http).await;
        client.subscribe(&topics, "ppr").await;
        // Held up, and gone: nobody is told that it is safe.
        for (round, part) in [&events[200..220], &events[220..240]].into_iter().enumerate() {
            match round {
                0 => pair.1.signal(Signal::STOP),
                _ => pair.1.kill(),
            }
            let before = records(&pair.0);
            let answer = nodes[0].http.try_post(lines(part)).await.unwrap();
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text());
            assert_eq!(answer.json()["code"], "log_slow", "{}", answer.text());
            // The primary has it, and clients see it: it is not safe, but it happened.
            assert_ne!(records(&pair.0), before);
            client.catch_up(&nodes[1].http).await;
            // Sent again, it is not confirmed either, and nothing happens twice.
            let answer = nodes[1].http.try_post(lines(part)).await.unwrap();
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text());
            match round {
                0 => pair.1.signal(Signal::CONT),
                _ => pair.1.run(),
            }
            follows(&pair.1, &pair.0).await;
            assert_eq!(confirm(&nodes[0].http, part).await, 0, "all of it was taken in before");
            assert_eq!(records(&pair.0), records(&pair.1));
        }
        for part in events[240..].chunks(50) {
            confirm(&nodes[1].http, part).await;
        }
        client.catch_up(&nodes[1].http).await;
        client.holdings.assert_equal_http(&nodes[1].http).await;
        same(&nodes[0].http, &nodes[1].http, &topics).await;
        let alone = Server::start(|_| {});
        alone.post(&events).await;
        for topic in &topics {
            let (there, here) = (shown(&alone, topic).await, shown(&nodes[0].http, topic).await);
            assert_eq!(without_seq(there), without_seq(here), "{topic}");
        }
        alone.end().await;
    });
}

/// The replica is promoted, as a person, Sentinel or a cloud does it: its primary is killed before, or made to follow
/// it after.
async fn takes_over(name: &str, primary_lives: bool) {
    let Some(mut pair) = pair(name).await else { return };
    let nodes = [start(&pair, "engine"), start(&pair, "edge")];
    let (events, topics) = slate(22, 3);
    let (half, mut chance) = (events.len() / 2, Chance::new(2));
    feed(&nodes, &events, 0..half, &mut chance, None).await;
    let mut client = Client::connect(&nodes[1].http).await;
    client.subscribe(&topics, "ppr").await;
    client.catch_up(&nodes[1].http).await;
    let before = epoch_of(&client);
    if primary_lives {
        pair.1.ask("REPLICAOF NO ONE").unwrap();
        pair.0.ask(&format!("REPLICAOF 127.0.0.1 {}", pair.1.port)).unwrap();
    } else {
        pair.0.kill();
        until_late(&mut client, true).await;
        pair.1.ask("REPLICAOF NO ONE").unwrap();
        until_late(&mut client, false).await;
        // The old one comes back as the new one's replica; until then nothing would be confirmed.
        let port = pair.1.port.to_string();
        pair.0
            .arguments()
            .extend(["--replicaof", "127.0.0.1", port.as_str()].map(str::to_owned));
        pair.0.run();
    }
    follows(&pair.0, &pair.1).await;
    feed(&nodes, &events, half..events.len(), &mut chance, None).await;
    eventually("the engine owns all again", || async {
        owned(&nodes[0].http).await == PARTITIONS as f64
    })
    .await;
    let holder = pair.1.ask("EXISTS scorewire:{p0}:lease").unwrap();
    assert_eq!(holder, ":1\r\n");
    assert_eq!(records(&pair.0), records(&pair.1));
    client.catch_up(&nodes[1].http).await;
    client.holdings.assert_equal_http(&nodes[1].http).await;
    same(&nodes[0].http, &nodes[1].http, &topics).await;
    assert_ne!(
        before.split_once('-').unwrap().0,
        epoch_of(&client).split_once('-').unwrap().0,
        "another Redis may lack what this one had"
    );
    let alone = Server::start(|_| {});
    alone.post(&events).await;
    for topic in &topics {
        let (there, here) = (shown(&alone, topic).await, shown(&nodes[0].http, topic).await);
        assert_eq!(without_seq(there), without_seq(here), "{topic}");
    }
    alone.end().await;
}

#[test]
fn a_replica_takes_over_from_a_primary_that_is_gone() {
    run(takes_over("cluster-failover", false));
}

#[test]
fn a_replica_takes_over_from_a_primary_that_is_made_to_follow_it() {
    run(takes_over("cluster-switch", true));
}

/// An old primary that is started again as one, beside the one that took over: each would go on with a history of
/// its own, and nodes with either.
#[test]
fn of_two_primaries_neither_is_taken() {
    run(async {
        let Some(mut pair) = pair("cluster-two").await else { return };
        let node_before = start(&pair, "edge");
        let (events, _) = slate(23, 1);
        confirm(&node_before.http, &events[..50]).await;
        pair.1.ask("REPLICAOF NO ONE").unwrap();
        let both = json!([pair.0.url(), pair.1.url()]).to_string();
        let settings = [("SCOREWIRE__CLUSTER__REDIS", both.as_str())];
        let (code, line) = refused(node(&pair.0, "edge", &settings), &[]);
        assert_eq!(code, Some(69), "{line}");
        assert!(line.contains("both say that they are the primary"), "{line}");
        pair.0.kill();
        pair.0.run();
        let answer = node_before.http.try_post(lines(&events[50..60])).await.unwrap();
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text());
        pair.0.ask(&format!("REPLICAOF 127.0.0.1 {}", pair.1.port)).unwrap();
        follows(&pair.0, &pair.1).await;
        feed(&[node_before], &events, 50..events.len(), &mut Chance::new(3), None).await;
    });
}
