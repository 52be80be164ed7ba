//! Several nodes of the program itself on a real Redis: what they show is the same, a client of one goes on at
//! another, and nothing is lost or told twice whoever is killed.
//!
//! A failure names its seed, `SCOREWIRE_SEED=n` runs it again; `SCOREWIRE_CLUSTER_KILLS=100` kills more often.

use super::chance::Chance;
use super::hostile::binary::{Folder, Served, outcome, scorewire};
use super::redis::Redis;
use super::support::client::Client;
use super::support::events::{games_of, lines};
use super::support::holdings::Holdings;
use super::support::server::{Http, Server};
use super::support::{eventually, run};
use hyper::StatusCode;
use rustix::process::Signal;
use scorewire::feed::simulator::{Options, Simulator, Trouble};
use scorewire::model::Event;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Command;

/// A node's settings.
fn node(redis: &Redis, role: &str, settings: &[(&str, &str)]) -> Command {
    let mut command = scorewire(&["serve", "--bind", "127.0.0.1:0"]);
    command.env("SCOREWIRE__CLUSTER__ROLE", role);
    command.env("SCOREWIRE__CLUSTER__REDIS", redis.url());
    // Fewer threads than by default: several nodes share this machine.
    command.env("SCOREWIRE__CLUSTER__PARTITIONS", "4");
    command.env("SCOREWIRE__SERVER__SHARDS", "1");
    command.env("SCOREWIRE__PREDICT__ENABLED", "false");
    command.envs(settings.iter().copied());
    command
}

struct Node {
    served: Served,
    http: Http,
}

impl Node {
    fn start(redis: &Redis, role: &str) -> Node {
        let served = Served::start(node(redis, role, &[]));
        let http = Http::new(served.address("address"));
        Node { served, http }
    }
}

/// A slate with everything that goes wrong on a live one, and topics of all kinds but lineups.
fn slate(seed: u64, games: u8) -> (Vec<Event>, Vec<String>) {
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

/// A topic's snapshot, `seq` included, but for the time.
async fn shown(http: &Http, topic: &str) -> Value {
    let mut answer = http.json(&format!("/v1/snapshot?topics={topic}")).await;
    let mut snapshot = answer["snapshots"][0].take();
    snapshot["encode_us"] = Value::Null;
    snapshot
}

/// The same without what each node counts for itself.
fn without_seq(mut snapshot: Value) -> Value {
    snapshot["seq"] = Value::Null;
    snapshot
}

/// Waits until two nodes show the same of every topic, `seq` included but for the slate's.
async fn same(a: &Http, b: &Http, topics: &[String]) {
    for topic in topics {
        let of = |snapshot: Value| if topic == "slate" { without_seq(snapshot) } else { snapshot };
        eventually(&format!("two nodes show the same of {topic}"), || async {
            of(shown(a, topic).await) == of(shown(b, topic).await)
        })
        .await;
    }
}

async fn post(http: &Http, events: &[Event]) {
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
