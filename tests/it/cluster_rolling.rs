//! An upgrade of all nodes, one after the other, while events come and clients watch: what docs/operations.md says.

use super::chance::Chance;
use super::cluster::{Node, epoch_of, feed, same, slate, without_seq};
use super::crash::shown;
use super::redis::Redis;
use super::support::client::Client;
use super::support::run;
use super::support::server::Server;
use rustix::process::Signal;

#[test]
fn all_nodes_are_restarted_in_turn_and_no_update_is_lost() {
    let Some(redis) = Redis::start("cluster-rolling") else { return };
    let mut chance = Chance::seeded(5);
    run(async {
        let roles = ["engine", "edge", "edge"];
        // Clients come back at once: this is about what they get then.
        let settings = [("SCOREWIRE__SHUTDOWN__RECONNECT_SPREAD_MS", "100")];
        let mut nodes: Vec<Node> = roles.iter().map(|role| Node::start_with(&redis, role, &settings)).collect();
        let (events, topics) = slate(chance.next() % 1_000 + 1, 3);
        let mut clients = Vec::new();
        for node in &nodes {
            let mut client = Client::connect(&node.http).await;
            client.subscribe(&topics, "ppr").await;
            clients.push(client);
        }
        let mut fed = 0;
        for (turn, role) in roles.iter().enumerate() {
            let upto = events.len() * (turn + 1) / (roles.len() + 1);
            let half = (fed + upto) / 2;
            fed = feed(&nodes, &events, fed..half, &mut chance, None).await;
            nodes[turn].served.signal(Signal::TERM);
            // Whatever is posted to a node that drains is answered, or sent again to another one.
            let mut leaving = clients.remove(turn);
            let other = (turn + 1) % roles.len();
            let moving = async {
                leaving.read_to_end().await;
                assert_eq!(leaving.closed, Some((4000, "draining".to_owned())));
                let goodbye = leaving.said.iter().any(|said| said["type"] == "goodbye");
                assert!(goodbye, "it is told when to come back: {:?}", leaving.said);
                let epoch = epoch_of(&leaving);
                let (holdings, _) = leaving.cut();
                let mut client = Client::come_back(&nodes[other].http, holdings).await;
                let resumed = client.resume(&topics, "ppr", &epoch).await;
                // Never the slate; of the others the difference is sent, or a snapshot where rings no longer have it.
                assert!(resumed < topics.len(), "{resumed}");
                client
            };
            let (now, back) = tokio::join!(feed(&nodes, &events, fed..upto, &mut chance, None), moving);
            fed = now;
            let stopped = std::mem::replace(&mut nodes[turn], Node::start_with(&redis, role, &settings));
            let (code, log) = stopped.served.ended();
            assert_eq!(code, Some(0), "{log:?}");
            let mut moved = back;
            moved.catch_up(&nodes[other].http).await;
            moved.holdings.assert_equal_http(&nodes[other].http).await;
            // Home again, so that each node has one to send away.
            let epoch = epoch_of(&moved);
            let mut home = Client::come_back(&nodes[turn].http, moved.cut().0).await;
            home.resume(&topics, "ppr", &epoch).await;
            clients.insert(turn, home);
        }
        feed(&nodes, &events, fed..events.len(), &mut chance, None).await;
        let alone = Server::start(|_| {});
        alone.post(&events).await;
        for (node, client) in nodes.iter().zip(&mut clients) {
            client.catch_up(&node.http).await;
            client.holdings.assert_equal_http(&node.http).await;
            same(&nodes[0].http, &node.http, &topics).await;
        }
        for topic in &topics {
            let (there, here) = (shown(&alone, topic).await, shown(&nodes[0].http, topic).await);
            assert_eq!(without_seq(there), without_seq(here), "{topic}");
        }
        alone.end().await;
    });
}
