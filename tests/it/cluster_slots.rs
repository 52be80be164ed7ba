//! A Redis Cluster of three masters: each holds the partitions whose slots it has, and slots may be moved while
//! events come.

use super::chance::Chance;
use super::cluster::{Node, feed, node, owned, post, same, slate, without_seq};
use super::crash::shown;
use super::hostile::binary::Served;
use super::redis::Redis;
use super::support::client::Client;
use super::support::server::{Http, Server};
use super::support::{eventually, run};
use rustix::process::Signal;
use serde_json::json;
use std::time::Duration;

const SLOTS: usize = 16_384;

/// Three masters that share all slots.
struct Masters(Vec<Redis>);

impl Masters {
    async fn start(name: &str) -> Option<Masters> {
        let settings = [
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
            "--save",
            "",
            "--cluster-enabled",
            "yes",
        ];
        // None is given up for being held up: who is dead is another test's business.
        let settings = [&settings[..], &["--cluster-node-timeout", "60000"]].concat();
        let mut masters = Vec::new();
        for nth in 0..3 {
            masters.push(Redis::start_with(&format!("{name}-{nth}"), &settings)?);
        }
        for (nth, master) in masters.iter().enumerate() {
            let slots: Vec<String> = (SLOTS * nth / 3..SLOTS * (nth + 1) / 3).map(|slot| slot.to_string()).collect();
            says(master, &format!("CLUSTER SET-CONFIG-EPOCH {}", nth + 1), "+OK");
            says(master, &format!("CLUSTER ADDSLOTS {}", slots.join(" ")), "+OK");
            says(master, &format!("CLUSTER MEET 127.0.0.1 {}", masters[0].port), "+OK");
        }
        for master in &masters {
            eventually("the masters know each other", || async {
                let said = master.ask("CLUSTER INFO").unwrap();
                said.contains("cluster_state:ok") && said.contains("cluster_known_nodes:3")
            })
            .await;
        }
        Some(Masters(masters))
    }

    fn start_node(&self, role: &str, partitions: &str) -> Node {
        // Two of them are enough to find the third.
        let some = json!([self.0[0].url(), self.0[1].url()]).to_string();
        let settings = [
            ("SCOREWIRE__CLUSTER__REDIS", some.as_str()),
            ("SCOREWIRE__CLUSTER__PARTITIONS", partitions),
        ];
        let served = Served::start(node(&self.0[0], role, &settings));
        let http = Http::new(served.address("address"));
        Node { served, http }
    }

    /// Which of them holds a partition; nothing where the slot is being moved.
    fn holder(&self, partition: usize) -> Option<usize> {
        let asks = |master: &Redis| master.ask(&format!("EXISTS scorewire:{{p{partition}}}:meta")).unwrap();
        self.0.iter().position(|master| asks(master) == ":1\r\n")
    }

    /// Moves a partition's slot to another master, key by key, with what `meanwhile` does while some are there, and
    /// once all are.
    async fn hand_over(&self, partition: usize, from: usize, to: usize, mut meanwhile: impl AsyncFnMut(&str)) {
        let [source, target] = [&self.0[from], &self.0[to]];
        let slot = source.ask(&format!("CLUSTER KEYSLOT scorewire:{{p{partition}}}:log")).unwrap();
        let slot = slot.trim_start_matches(':').trim().to_owned();
        let id = |master: &Redis| master.ask("CLUSTER MYID").unwrap().lines().nth(1).unwrap().to_owned();
        says(target, &format!("CLUSTER SETSLOT {slot} IMPORTING {}", id(source)), "+OK");
        says(source, &format!("CLUSTER SETSLOT {slot} MIGRATING {}", id(target)), "+OK");
        meanwhile("begun").await;
        let mut moved = 0;
        loop {
            let keys = source.ask(&format!("CLUSTER GETKEYSINSLOT {slot} 1")).unwrap();
            let Some(key) = keys.lines().nth(2).map(str::to_owned) else { break };
            // A lease may run out meanwhile: then there is nothing to move.
            source.ask(&format!("MIGRATE 127.0.0.1 {} {key} 0 5000", target.port)).unwrap();
            moved += 1;
            if moved == 1 {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        }
        assert!(moved >= 2, "the stream and what is known of it");
        meanwhile("there").await;
        for master in [target, source].into_iter().chain(&self.0) {
            says(master, &format!("CLUSTER SETSLOT {slot} NODE {}", id(target)), "+OK");
        }
        meanwhile("done").await;
    }
}

fn says(redis: &Redis, command: &str, answer: &str) {
    let said = redis.ask(command).unwrap();
    assert!(said.starts_with(answer), "{}: {said}", &command[..command.len().min(60)]);
}

#[test]
fn three_masters_a_node_killed_a_master_restarted_and_slots_moved_and_all_is_right() {
    run(async {
        let Some(mut masters) = Masters::start("cluster-slots").await else {
            return;
        };
        let mut nodes: Vec<Node> = ["engine", "edge", "edge"].map(|role| masters.start_node(role, "6")).into();
        let (events, topics) = slate(31, 6);
        let mut chance = Chance::seeded(6);
        let sixth = events.len() / 6;
        feed(&nodes, &events, 0..sixth, &mut chance, None).await;
        let holders: Vec<usize> = (0..6).map(|partition| masters.holder(partition).unwrap()).collect();
        assert!((0..3).all(|master| holders.contains(&master)), "all have a part in it: {holders:?}");
        let mut clients = Vec::new();
        for node in &nodes {
            let mut client = Client::connect(&node.http).await;
            client.subscribe(&topics, "ppr").await;
            clients.push(client);
        }
        // A node.
        nodes[2].served.signal(Signal::KILL);
        let mut fed = feed(&nodes, &events, sixth..2 * sixth, &mut chance, Some(2)).await;
        nodes[2] = masters.start_node("edge", "6");
        clients.pop();
        // The slot of a partition that has a game.
        let has_game = (0..6).find(|partition| {
            let length = masters.0[holders[*partition]].ask(&format!("XLEN scorewire:{{p{partition}}}:log"));
            length.unwrap() != ":0\r\n"
        });
        let partition = has_game.unwrap();
        let (from, to) = (holders[partition], (holders[partition] + 1) % 3);
        let mut upto = fed;
        masters
            .hand_over(partition, from, to, async |_| {
                upto += sixth / 3;
                fed = feed(&nodes, &events, fed..upto, &mut chance, None).await;
            })
            .await;
        assert_eq!(masters.holder(partition), Some(to));
        eventually("the engine owns all again", || async { owned(&nodes[0].http).await == 6.0 }).await;
        // A master.
        masters.0[2].kill();
        masters.0[2].run();
        feed(&nodes, &events, fed..events.len(), &mut chance, None).await;
        for (node, client) in nodes.iter().zip(&mut clients) {
            client.catch_up(&node.http).await;
            client.holdings.assert_equal_http(&node.http).await;
        }
        let alone = Server::start(|_| {});
        alone.post(&events).await;
        for node in &nodes {
            same(&nodes[0].http, &node.http, &topics).await;
        }
        for topic in &topics {
            let (there, here) = (shown(&alone, topic).await, shown(&nodes[0].http, topic).await);
            assert_eq!(without_seq(there), without_seq(here), "{topic}");
        }
        alone.end().await;
    });
}

/// One thread that asked one partition after the other kept none of them where some did not answer.
#[test]
fn a_master_that_is_held_up_costs_no_leases_elsewhere() {
    run(async {
        let Some(masters) = Masters::start("cluster-stuck").await else {
            return;
        };
        let engine = masters.start_node("engine", "12");
        eventually("it owns all", || async { owned(&engine.http).await == 12.0 }).await;
        let (events, _) = slate(32, 1);
        post(&engine.http, &events[..20]).await;
        let stuck = (0..12).filter(|partition| masters.holder(*partition) == Some(2)).count();
        assert!(stuck > 0);
        let changes = "scorewire_cluster_lease_changes_total";
        masters.0[2].signal(Signal::STOP);
        let left = (12 - stuck) as f64;
        eventually("it knows what it no longer has", || async { owned(&engine.http).await == left }).await;
        let fences = || -> Vec<String> {
            let reached = (0..12).filter(|partition| masters.holder_of_two(*partition));
            let fence = |partition| masters.fence(partition);
            reached.map(fence).collect()
        };
        let before = fences();
        // Longer than any lease lasts, several times.
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert_eq!(fences(), before, "nobody had to take them again");
        assert_eq!(owned(&engine.http).await, left);
        let told = engine.http.metric(changes).await;
        assert_eq!(told, (12 + stuck) as f64, "taken once, and those that are held up lost once");
        masters.0[2].signal(Signal::CONT);
        eventually("it owns all again", || async { owned(&engine.http).await == 12.0 }).await;
    });
}

impl Masters {
    /// Whether one of those that are not held up has it.
    fn holder_of_two(&self, partition: usize) -> bool {
        let asks = |master: &Redis| master.ask(&format!("EXISTS scorewire:{{p{partition}}}:meta")).unwrap();
        self.0[..2].iter().any(|master| asks(master) == ":1\r\n")
    }

    fn fence(&self, partition: usize) -> String {
        let ask = |master: &Redis| master.ask(&format!("HGET scorewire:{{p{partition}}}:meta fence")).unwrap();
        self.0[..2].iter().map(ask).find(|said| said.starts_with('$')).unwrap()
    }
}
