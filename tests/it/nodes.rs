//! Who is in a cluster, and where clients are sent: several nodes on a real Redis.

use super::cluster::{node, post, refused, same, slate};
use super::hostile::binary::{Folder, Served, outcome, scorewire};
use super::redis::Redis;
use super::support::client::Client;
use super::support::server::{Http, Server};
use super::support::skipped::skipped;
use super::support::{eventually, run};
use hyper::StatusCode;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::process::Command;

struct Node {
    served: Served,
    http: Http,
}

impl Node {
    fn start(redis: &Redis, role: &str, settings: &[(&str, &str)]) -> Node {
        Node::of(node(redis, role, settings))
    }

    fn of(command: Command) -> Node {
        let served = Served::start(command);
        let http = Http::new(served.address("address"));
        Node { served, http }
    }

    fn url(&self) -> String {
        format!("ws://{}/v1/ws", self.served.told("address"))
    }
}

const NODE: &str = "SCOREWIRE__CLUSTER__NODE";
const REGION: &str = "SCOREWIRE__CLUSTER__REGION";
const ADVERTISE: &str = "SCOREWIRE__CLUSTER__ADVERTISE";
const START_TIMEOUT: &str = "SCOREWIRE__CLUSTER__START_TIMEOUT_MS";

/// The ids that it tells clients, best first.
async fn told(http: &Http, query: &str) -> Vec<String> {
    let answer = http.json(&format!("/v1/nodes{query}")).await;
    let nodes = answer["nodes"].as_array().unwrap().iter();
    nodes.map(|node| node["id"].as_str().unwrap().to_owned()).collect()
}

async fn told_sorted(http: &Http) -> Vec<String> {
    let mut ids = told(http, "").await;
    ids.sort_unstable();
    ids
}

/// What it knows of one node.
async fn known(http: &Http, id: &str) -> Value {
    let answer = http.json("/v1/cluster").await;
    let found = answer["nodes"].as_array().unwrap().iter().find(|node| node["id"] == id);
    found.cloned().unwrap_or_default()
}

async fn metric_is(http: &Http, name: &str, value: f64) {
    eventually(&format!("{name} is {value}"), || async { http.metric(name).await == value }).await;
}

#[test]
fn clients_are_sent_to_nodes_that_are_there() {
    let Some(mut redis) = Redis::start("nodes-told") else { return };
    run(async {
        let start = |id: &str, role: &str, region: &str| Node::start(&redis, role, &[(NODE, id), (REGION, region)]);
        let engine = start("n1", "engine", "east");
        let west = start("n2", "edge", "west");
        let east = start("n3", "edge", "east");
        for node in [&engine, &west, &east] {
            eventually("all are told", || async { told_sorted(&node.http).await == ["n1", "n2", "n3"] }).await;
            assert_eq!(told(&node.http, "?region=west").await[0], "n2");
            assert_ne!(told(&node.http, "?region=east").await[0], "n2");
            assert_eq!(told(&node.http, "?region=nowhere").await.len(), 3, "a region that nobody has");
            metric_is(&node.http, "scorewire_cluster_nodes", 3.0).await;
            metric_is(&node.http, "scorewire_cluster_listed", 1.0).await;
        }
        let answer = engine.http.get("/v1/nodes?region=west").await;
        assert_eq!(answer.header("cache-control"), "no-store");
        let best = &answer.json()["nodes"][0];
        let base = format!("http://{}", west.served.told("address"));
        assert_eq!(
            *best,
            json!({"id": "n2", "region": "west", "url": west.url(), "http": base, "load": best["load"], "role": "edge"})
        );
        for hostile in [
            "?region=%00%0d%0aX:y",
            "?region=%22%3Cscript%3E",
            "?region=",
            "?regions=west&limit=-1",
        ] {
            assert_eq!(told(&engine.http, hostile).await.len(), 3, "{hostile}");
        }
        for hostile in [&format!("?region={}", "x".repeat(101)), "?region=a&region=b", "?region=%ff%fe"] {
            let answer = engine.http.get(&format!("/v1/nodes{hostile}")).await;
            assert!(
                answer.status == StatusCode::BAD_REQUEST || answer.status == StatusCode::OK,
                "{hostile}: {}",
                answer.text()
            );
            assert!(!answer.text().contains("xxx"), "{hostile}: {}", answer.text());
        }
        // What operators see, they alone.
        let seen = known(&engine.http, "n3").await;
        assert_eq!(seen["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(
            (&seen["role"], &seen["draining"], &seen["late"]),
            (&json!("edge"), &json!(false), &json!(false))
        );
        assert_eq!(seen["rules"], known(&engine.http, "n1").await["rules"]);
        // A client counts where it is.
        let client = Client::connect(&east.http).await;
        eventually("its connection is known elsewhere", || async {
            known(&west.http, "n3").await["connections"].as_u64() >= Some(1)
        })
        .await;
        drop(client);
        east.served.signal(Signal::KILL);
        for node in [&engine, &west] {
            eventually("who was killed is not told", || async {
                told_sorted(&node.http).await == ["n1", "n2"]
            })
            .await;
        }
        // Redis away: who serves clients is told all the same, with how old that is.
        redis.kill();
        metric_is(&west.http, "scorewire_cluster_listed", 0.0).await;
        assert_eq!(told_sorted(&west.http).await, ["n1", "n2"]);
        redis.run();
        metric_is(&west.http, "scorewire_cluster_listed", 1.0).await;
        eventually("it is read again", || async {
            let answer = west.http.json("/v1/nodes").await;
            answer["age_ms"].as_u64() < Some(2_500) && answer["nodes"].as_array().unwrap().len() == 2
        })
        .await;
        engine.served.signal(Signal::TERM);
        eventually("who went is not told", || async { told(&west.http, "").await == ["n2"] }).await;
        assert_eq!(engine.served.ended().0, Some(0));
        let left = redis.ask("HEXISTS scorewire:{nodes}:here n1").unwrap();
        assert_eq!(left, ":0\r\n", "it took its entry back");
    });
}

#[test]
fn a_server_that_is_alone_sends_clients_to_itself() {
    run(async {
        let server = Server::start(|config| config.cluster.region = "home".to_owned());
        let answer = server.json("/v1/nodes?region=elsewhere").await;
        assert_eq!(answer["nodes"].as_array().unwrap().len(), 1, "{answer}");
        let node = &answer["nodes"][0];
        assert_eq!((&node["role"], &node["region"]), (&json!("all"), &json!("home")));
        assert_eq!(node["http"], format!("http://{}", server.address()));
        server.end().await;
    });
}

#[test]
fn a_node_is_told_where_it_says_that_it_is() {
    let Some(redis) = Redis::start("nodes-advertise") else { return };
    run(async {
        let named = Node::start(&redis, "edge", &[(NODE, "n1"), (ADVERTISE, "wss://scores.example/v1/ws")]);
        let mut command = scorewire(&["serve", "--bind", "0.0.0.0:0"]);
        command.envs(
            node(&redis, "edge", &[(NODE, "n2")])
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        let nowhere = Served::start(command);
        assert!(
            nowhere.before.iter().any(|line| line.contains("cluster.advertise")),
            "{:?}",
            nowhere.before
        );
        metric_is(&named.http, "scorewire_cluster_nodes", 2.0).await;
        let answer = named.http.json("/v1/nodes").await;
        assert_eq!(answer["nodes"].as_array().unwrap().len(), 1, "{answer}");
        assert_eq!(answer["nodes"][0]["url"], "wss://scores.example/v1/ws");
        assert_eq!(answer["nodes"][0]["http"], "https://scores.example");
    });
}

#[test]
fn two_nodes_of_one_name_are_never_there_at_once() {
    let Some(redis) = Redis::start("nodes-name") else { return };
    run(async {
        let settings = [(NODE, "twin"), (START_TIMEOUT, "60000")];
        let first = Node::start(&redis, "edge", &settings);
        let process = known(&first.http, "twin").await["process"].as_str().unwrap().to_owned();
        // The second one sees that the first one renews its entry, and does not wait until the end.
        let second = |timeout_ms: &str| {
            let mut command = node(&redis, "edge", &settings);
            command.env(START_TIMEOUT, timeout_ms);
            let (code, _, said) = outcome(command);
            (code, said.lines().last().unwrap_or_default().to_owned())
        };
        let (code, line) = second("60000");
        assert_eq!(code, Some(69), "{line}");
        for part in [
            "is called \"twin\" and is alive",
            &process,
            &first.served.told("address"),
            "cluster.node",
        ] {
            assert!(line.contains(part), "{line}");
        }
        let (code, line) = refused(node(&redis, "edge", &[]), &[(NODE, "twin")]);
        assert_eq!(code, Some(69), "{line}");
        assert!(line.contains("is called \"twin\""), "{line}");
        // It goes on, and its name stays its own.
        assert_eq!(told(&first.http, "").await, ["twin"]);
        // After a crash the name is free in a few seconds, by itself.
        first.served.signal(Signal::KILL);
        assert_eq!(first.served.ended().0, None);
        let again = Node::start(&redis, "edge", &settings);
        assert!(
            again
                .served
                .before
                .iter()
                .any(|line| line.contains("waiting to see whether it is alive")),
            "{:?}",
            again.served.before
        );
        assert_eq!(told(&again.http, "").await, ["twin"]);
        // One that is held up loses it to who starts meanwhile, and says so when it wakes.
        again.served.signal(Signal::STOP);
        let third = Node::start(&redis, "edge", &settings);
        again.served.signal(Signal::CONT);
        again.served.says("another process took this node's name");
        metric_is(&again.http, "scorewire_cluster_listed", 0.0).await;
        metric_is(&third.http, "scorewire_cluster_listed", 1.0).await;
        let process = known(&third.http, "twin").await["process"].clone();
        third.served.signal(Signal::TERM);
        assert_eq!(third.served.ended().0, Some(0));
        // An end in order gives it back at once.
        again.served.says("this node has its name again");
        assert_ne!(known(&again.http, "twin").await["process"], process);
    });
}

/// A library that puts the system's clock forward, for the program that it is loaded into.
const CLOCK_AHEAD: &str = r#"
#define _GNU_SOURCE
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>
int clock_gettime(clockid_t clock, struct timespec *at) {
    int failed = syscall(SYS_clock_gettime, clock, at);
    if (!failed && clock == CLOCK_REALTIME) at->tv_sec += 60;
    return failed;
}
"#;

#[test]
fn a_clock_that_is_a_minute_off_is_named_and_moves_no_score() {
    let Some(redis) = Redis::start("nodes-clock") else { return };
    let folder = Folder::new("nodes-clock-ahead");
    let source = folder.file("ahead.c", CLOCK_AHEAD);
    let library = folder.path().join("ahead.so");
    let made = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(&source)
        .status();
    if !made.is_ok_and(|made| made.success()) {
        skipped("no C compiler (apt-get install build-essential)");
        return;
    }
    run(async {
        let right = Node::start(&redis, "engine", &[]);
        let mut command = node(&redis, "edge", &[]);
        command.env("LD_PRELOAD", &library);
        let ahead = Node::of(command);
        let warned = ahead.served.before.iter().find(|line| line.contains("ahead of Redis'"));
        let line = warned.unwrap_or_else(|| panic!("no warning: {:?}", ahead.served.before));
        assert!(line.contains("clock is 6") || line.contains("clock is 5"), "{line}");
        let offset = "scorewire_cluster_clock_offset_seconds";
        eventually("the offset is shown", || async {
            (50.0..70.0).contains(&ahead.http.metric(offset).await)
        })
        .await;
        assert!(right.http.metric(offset).await.abs() < 10.0);
        assert!(
            right.served.before.iter().all(|line| !line.contains("clock")),
            "{:?}",
            right.served.before
        );
        let (events, topics) = slate(8, 2);
        let mut clients = [Client::connect(&right.http).await, Client::connect(&ahead.http).await];
        for client in &mut clients {
            client.subscribe(&topics, "ppr").await;
        }
        for (nth, part) in events.chunks(40).enumerate() {
            post([&right.http, &ahead.http][nth % 2], part).await;
        }
        for (client, node) in clients.iter_mut().zip([&right, &ahead]) {
            client.catch_up(&node.http).await;
            client.holdings.assert_equal_http(&node.http).await;
        }
        same(&right.http, &ahead.http, &topics).await;
        // Each knows the other, whatever their clocks say.
        for node in [&right, &ahead] {
            metric_is(&node.http, "scorewire_cluster_nodes", 2.0).await;
            eventually("both are told", || async { told(&node.http, "").await.len() == 2 }).await;
        }
    });
}

#[test]
fn nodes_that_count_by_other_rules_are_told_apart() {
    let Some(redis) = Redis::start("nodes-mixed") else { return };
    run(async {
        let old = Node::start(&redis, "engine", &[(NODE, "old")]);
        let new = Node::start(&redis, "edge", &[(NODE, "new"), ("SCOREWIRE__ENGINE__PLAYS_MAX", "700")]);
        let line = new.served.before.iter().find(|line| line.contains("nodes differ from this one"));
        assert!(line.is_some_and(|line| line.contains("old has version")), "{:?}", new.served.before);
        let log = old.served.says("nodes differ from this one");
        let line = log.last().unwrap();
        assert!(line.contains("new has version") && line.contains("another epoch"), "{line}");
        let rules = |node| known(&old.http, node);
        assert_ne!(rules("old").await["rules"], rules("new").await["rules"]);
        let (events, topics) = slate(9, 2);
        let half = events.len() / 2;
        for part in events[..half].chunks(60) {
            post(&old.http, part).await;
        }
        let mut client = Client::connect(&old.http).await;
        client.subscribe(&topics, "ppr").await;
        client.catch_up(&old.http).await;
        let (holdings, epoch) = client.cut();
        let mut client = Client::come_back(&new.http, holdings).await;
        let shared = |epoch: &str| epoch.split_once('-').unwrap().0.to_owned();
        assert_ne!(shared(&epoch), shared(&client.epoch));
        assert_eq!(client.resume(&topics, "ppr", &epoch).await, 0, "each topic begins with a snapshot");
        for part in events[half..].chunks(60) {
            post(&old.http, part).await;
        }
        client.catch_up(&new.http).await;
        client.holdings.assert_equal_http(&new.http).await;
        same(&old.http, &new.http, &topics).await;
    });
}
