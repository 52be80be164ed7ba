//! What engines predict, on every node of a cluster: the same on an edge as on the engine, from one engine at a time,
//! whoever is killed, and nothing that somebody else publishes.

use super::hostile::binary::{Served, scorewire};
use super::predictions::{run_of, snap};
use super::redis::Redis;
use super::support::client::Client;
use super::support::events::game;
use super::support::server::Http;
use super::support::{eventually, run};
use hyper::StatusCode;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::process::Command;

const TOPIC: &str = "predictions:G";
const PARTITIONS: usize = 4;

/// A node's settings; it predicts, where it is an engine.
pub(crate) fn node(redis: &Redis, role: &str) -> Command {
    let mut command = scorewire(&["serve", "--bind", "127.0.0.1:0"]);
    command.env("SCOREWIRE__CLUSTER__ROLE", role);
    command.env("SCOREWIRE__CLUSTER__REDIS", redis.url());
    // Fewer threads than by default: several nodes share this machine.
    command.env("SCOREWIRE__CLUSTER__PARTITIONS", PARTITIONS.to_string());
    command.env("SCOREWIRE__SERVER__SHARDS", "1");
    // What is predicted holds for as long as a slow machine takes.
    command.env("SCOREWIRE__PREDICT__EXPIRES_MS", "3600000");
    command
}

pub(crate) struct Node {
    pub(crate) served: Served,
    pub(crate) http: Http,
}

impl Node {
    pub(crate) fn start(command: Command) -> Node {
        let served = Served::start(command);
        let http = Http::new(served.address("address"));
        Node { served, http }
    }

    async fn predicts(&self) {
        eventually("its predictor is at work", || async {
            self.http.get("/readyz").await.json()["predictions"]["state"] == "serving"
        })
        .await;
    }

    async fn owns(&self) -> f64 {
        self.http.metric("scorewire_cluster_partitions_owned").await
    }

    pub(crate) async fn owns_all(&self) {
        eventually("it owns all", || async { self.owns().await == PARTITIONS as f64 }).await;
    }

    async fn predictions(&self, result: &str) -> f64 {
        let line = format!("scorewire_cluster_predictions_total{{result=\"{result}\"}}");
        self.http.metric(&line).await
    }
}

async fn post(http: &Http, lines: String) {
    let answer = http.try_post(lines.into_bytes()).await.expect("an answer");
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.json()["rejected"], json!([]), "{}", answer.text());
}

async fn listens(http: &Http) -> Client {
    let mut client = Client::connect(http).await;
    client.subscribe(&[TOPIC.to_owned()], "fanduel").await;
    client
}

/// Reads on to what is said of the next play after that one; returns all that was said up to there.
async fn until(client: &mut Client, after: &str) -> Vec<Value> {
    let mut said = Vec::new();
    loop {
        let message = client.next().await.expect("it stays connected");
        if matches!(message["type"].as_str(), Some("prediction" | "outcome")) {
            let is_last = message["kind"] == "next_play" && message["type"] == "prediction" && message["after_play"] == after;
            said.push(without_places(message));
            if is_last {
                return said;
            }
        }
    }
}

/// A message without what each node counts for itself.
fn without_places(mut message: Value) -> Value {
    for own in ["seq", "prev", "encode_us"] {
        message.as_object_mut().unwrap().remove(own);
    }
    message
}

/// What both were told of the same is the same.
fn assert_same(a: &[Value], b: &[Value]) {
    let key = |message: &Value| ["type", "kind", "after_play", "play"].map(|part| message[part].clone());
    let mut both = 0;
    for said in a {
        // What expired before one of them was sent it, that one was not told.
        if let Some(there) = b.iter().find(|there| key(there) == key(said)) {
            assert_eq!(said, there);
            both += 1;
        }
    }
    assert!(both > 0, "{a:?}\n{b:?}");
}

/// Plays a snap of the game through that node, and waits for what is predicted after it.
async fn play(through: &Http, place: u64, clients: &mut [&mut Client]) {
    let id = (place * 10).to_string();
    post(through, run_of(&id, 1, 10) + "\n" + &snap(&id, 2, 7)).await;
    let mut said = Vec::new();
    for client in clients.iter_mut() {
        said.push(until(client, &id).await);
    }
    for other in &said[1..] {
        assert_same(&said[0], other);
    }
}

fn announcement() -> String {
    game("G", 1, "live", ["NE", "HOU"], 1_500_000_000, [0, 0])
}

async fn shown(http: &Http) -> Value {
    let mut shown = http.json(&format!("/v1/snapshot?topics={TOPIC}")).await["snapshots"][0].take();
    for own in ["seq", "encode_us"] {
        shown[own] = Value::Null;
    }
    // By kinds: nodes may have taken two that were said at once in another order.
    if let Some(list) = shown["predictions"].as_array_mut() {
        list.sort_by_key(|of| of["kind"].to_string());
    }
    shown
}

async fn same(a: &Node, b: &Node) {
    eventually("two nodes show the same predictions", || async {
        let (here, there) = (shown(&a.http).await, shown(&b.http).await);
        here["predictions"].as_array().is_some_and(|list| list.len() >= 3) && here == there
    })
    .await;
}

async fn an_edge_shows_what_the_engine_predicts(redis: &Redis) {
    let engine = Node::start(node(redis, "engine"));
    let edge = Node::start(node(redis, "edge"));
    assert_eq!(edge.http.get("/readyz").await.json()["predictions"]["state"], "relayed");
    engine.predicts().await;
    engine.owns_all().await;
    post(&edge.http, announcement()).await;
    let mut clients = [listens(&engine.http).await, listens(&edge.http).await];
    let [a, b] = &mut clients;
    for place in 1..6 {
        play(&edge.http, place, &mut [a, b]).await;
    }
    same(&engine, &edge).await;
    let late = Node::start(node(redis, "edge"));
    same(&engine, &late).await;
    assert!(engine.predictions("published").await > 0.0);
    assert!(edge.predictions("shown").await > 0.0);
    assert_eq!(edge.predictions("published").await, 0.0);
    drop(clients);
    for node in [engine, edge, late] {
        node.served.signal(Signal::TERM);
        assert_eq!(node.served.ended().0, Some(0));
    }
}

#[test]
fn an_edge_shows_what_the_engine_predicts_and_another_engine_goes_on() {
    let Some(redis) = Redis::start("cluster-predictions") else { return };
    run(async {
        let engine = Node::start(node(&redis, "engine"));
        engine.predicts().await;
        engine.owns_all().await;
        let edge = Node::start(node(&redis, "edge"));
        let other = Node::start(node(&redis, "engine"));
        other.predicts().await;
        eventually("they share the partitions", || async {
            engine.owns().await == 2.0 && other.owns().await == 2.0
        })
        .await;
        post(&edge.http, announcement()).await;
        let mut on_edge = listens(&edge.http).await;
        let mut on_engine = listens(&engine.http).await;
        let mut on_other = listens(&other.http).await;
        for place in 1..4 {
            play(&edge.http, place, &mut [&mut on_engine, &mut on_edge, &mut on_other]).await;
        }
        same(&engine, &edge).await;
        same(&other, &edge).await;
        let speaks = [&engine, &other].map(async |engine| engine.predictions("published").await > 0.0);
        let speaks = futures_util::future::join_all(speaks).await;
        let (engine, other, mut on_other) = match speaks[..] {
            [true, false] => (engine, other, on_other),
            [false, true] => (other, engine, on_engine),
            _ => panic!("one engine speaks at a time: {speaks:?}"),
        };
        engine.served.signal(Signal::KILL);
        other.owns_all().await;
        for place in 4..7 {
            play(&edge.http, place, &mut [&mut on_edge, &mut on_other]).await;
        }
        assert!(other.predictions("published").await > 0.0);
        same(&other, &edge).await;
        // Who comes later is shown the last ones.
        let late = Node::start(node(&redis, "edge"));
        same(&late, &edge).await;
    });
}

/// Redis before 7.0 has no sharded channels.
#[test]
fn an_older_redis_has_plain_channels() {
    let without = [
        "--save",
        "",
        "--rename-command",
        "SPUBLISH",
        "",
        "--rename-command",
        "SSUBSCRIBE",
        "",
    ];
    let Some(redis) = Redis::start_with("cluster-predictions-old", &without) else {
        return;
    };
    let refused = redis.ask("SSUBSCRIBE x").unwrap();
    assert!(refused.contains("unknown command"), "{refused}");
    run(an_edge_shows_what_the_engine_predicts(&redis));
}

/// In a Redis Cluster a channel belongs to a slot, as its partition's keys do.
#[test]
fn a_redis_cluster_has_channels_where_the_keys_are() {
    let bus = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
        .to_string();
    let clustered = ["--save", "", "--cluster-enabled", "yes", "--cluster-port", &bus];
    let Some(redis) = Redis::start_with("cluster-predictions-slots", &clustered) else {
        return;
    };
    assert_eq!(redis.ask("CLUSTER ADDSLOTSRANGE 0 16383").unwrap(), "+OK\r\n");
    run(async {
        eventually("the cluster is up", || async {
            redis.ask("CLUSTER INFO").unwrap().contains("cluster_state:ok")
        })
        .await;
        an_edge_shows_what_the_engine_predicts(&redis).await;
    });
}

#[test]
fn what_somebody_else_publishes_is_not_shown() {
    let Some(redis) = Redis::start("cluster-predictions-rubbish") else {
        return;
    };
    run(async {
        let engine = Node::start(node(&redis, "engine"));
        engine.predicts().await;
        engine.owns_all().await;
        let edge = Node::start(node(&redis, "edge"));
        post(&edge.http, announcement()).await;
        let mut client = listens(&edge.http).await;
        play(&edge.http, 1, &mut [&mut client]).await;
        same(&engine, &edge).await;
        let partition = scorewire::cluster::partition_of(&scorewire::model::GameId::new("G").unwrap(), PARTITIONS);
        let keys = scorewire::cluster::Keys::new("scorewire", partition);
        let mut connection = redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
        let last: Vec<Vec<u8>> = redis::cmd("HVALS").arg(&keys.predicted).query(&mut connection).unwrap();
        let last = String::from_utf8(last[0].clone()).unwrap();
        let parts: Vec<&str> = last.splitn(4, ' ').collect();
        let [format, fence, _, body] = parts[..] else { panic!("{last}") };
        let mut ahead: Value = serde_json::from_str(body).unwrap();
        ahead["state"] = json!(9_000_000);
        let mut elsewhere = ahead.clone();
        (elsewhere["game"], elsewhere["state"]) = (json!("nobody"), json!(1));
        let next = |nth: usize, body: &str| format!("{format} {fence} {} {body}", 1_000 + nth);
        let before = shown(&edge.http).await;
        let said = [
            "rubbish".to_owned(),
            String::new(),
            format!("{format} {fence} x {body}"),
            format!("2 {fence} 1001 {body}"),
            // An engine that is none.
            format!("{format} 99 1001 {body}"),
            next(1, "{}"),
            next(2, "[".repeat(100_000).as_str()),
            next(3, &"x".repeat(300_000)),
            next(4, &ahead.to_string()),
        ];
        let was = edge.predictions("invalid").await;
        for said in &said {
            let _: i64 = redis::cmd("SPUBLISH")
                .arg(&keys.predictions)
                .arg(said)
                .query(&mut connection)
                .unwrap();
        }
        eventually("the edge has counted it", || async {
            edge.predictions("invalid").await - was == said.len() as f64
        })
        .await;
        // What was said before, once more; and of a game that is not here.
        let mut publish = |said: String| {
            let _: i64 = redis::cmd("SPUBLISH")
                .arg(&keys.predictions)
                .arg(said)
                .query(&mut connection)
                .unwrap();
        };
        publish(last.clone());
        publish(next(5, &elsewhere.to_string()));
        eventually("the edge has counted that too", || async {
            edge.predictions("late").await >= 1.0 && edge.predictions("unknown").await >= 1.0
        })
        .await;
        assert_eq!(shown(&edge.http).await, before);
        // A connection that is cut is made again.
        redis.ask("CLIENT KILL TYPE pubsub").unwrap();
        // Another engine has a higher fence: what was made up for this one does not stand in its way.
        let other = Node::start(node(&redis, "engine"));
        other.predicts().await;
        engine.served.signal(Signal::KILL);
        other.owns_all().await;
        for place in 2..4 {
            play(&edge.http, place, &mut [&mut client]).await;
        }
        same(&other, &edge).await;
    });
}
