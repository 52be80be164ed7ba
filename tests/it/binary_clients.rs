//! Clients of the binary coding on a real server: what they are sent is what JSON clients are sent.

use super::support::client::Client;
use super::support::events::{game, play};
use super::support::holdings::{Holdings, Key, key_of};
use super::support::run;
use super::support::server::Server;
use scorewire::feed::simulator::{Options, Simulator, Trouble};
use scorewire::model::Event;
use scorewire::wire::Coding;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;

const RULESETS: [&str; 2] = ["draftkings", "half_ppr"];

/// A slate of two games in which much is put right, taken back, late and sent twice.
fn troubled() -> Vec<Event> {
    let options = Options {
        games: 2,
        trouble: Trouble {
            corrections: 800,
            retractions: 400,
            ..Trouble::LIVE
        },
        ..Options::default()
    };
    Simulator::new(&options).flat_map(|step| step.events).collect()
}

/// A roster of fifteen, and everything else that is to be had.
fn topics(events: &[Event]) -> Vec<String> {
    let (mut players, mut rest) = (BTreeSet::new(), BTreeSet::from(["slate".to_owned()]));
    for event in events {
        match event {
            Event::Play(play) => players.extend(play.stats.iter().filter_map(|record| record.player.clone())),
            Event::Game(game) => {
                rest.insert(format!("game:{}", game.game));
                rest.insert(format!("team:{}", game.home));
                rest.insert(format!("player:dst:{}", game.away));
            }
            _ => {}
        }
    }
    let every = (players.len() / 15).max(1);
    let roster = players.iter().step_by(every).map(|player| format!("player:{player}"));
    roster.chain(rest).collect()
}

/// Every delta by what it follows and leads to, without the time of its encoding: that is a coding's own.
type Deltas = BTreeMap<(Key, u64, u64), Value>;

/// Reads until told to stop and there is nothing more.
async fn collect(mut client: Client, mut stop: watch::Receiver<bool>) -> (Client, Deltas) {
    let mut deltas = Deltas::new();
    loop {
        let message = tokio::select! {
            message = client.next() => message.unwrap_or_else(|| panic!("closed: {:?}", client.closed)),
            _ = stop.wait_for(|stop| *stop) => return (client, deltas),
        };
        if message["type"] == "delta" {
            let number = |name: &str| message[name].as_u64().unwrap();
            let key = (key_of(&message), number("prev"), number("seq"));
            let mut delta = message.clone();
            assert!(delta["encode_us"].take().as_i64() >= delta["ingest_us"].as_i64());
            assert_eq!(deltas.insert(key, delta), None, "each comes once");
        }
    }
}

#[test]
fn a_roster_with_corrections_is_the_same_in_both_codings() {
    run(async {
        let events = troubled();
        let topics = topics(&events);
        let server = Server::start(|_| ());
        let (stop, stopped) = watch::channel(false);
        let mut readers = Vec::new();
        for coding in Coding::ALL {
            let mut client = Client::connect_in(&server, coding).await;
            for ruleset in RULESETS {
                client.subscribe(&topics, ruleset).await;
            }
            readers.push(tokio::spawn(collect(client, stopped.clone())));
        }
        for batch in events.chunks(3) {
            server.post(batch).await;
        }
        stop.send(true).unwrap();
        let mut all = Vec::new();
        for reader in readers {
            let (mut client, deltas) = reader.await.unwrap();
            client.catch_up(&server).await;
            client.holdings.assert_equal_http(&server).await;
            assert_eq!(client.holdings.held.len(), RULESETS.len() * (topics.len() - 1) + 1);
            println!("{:?}", client.holdings.counts);
            for kind in ["play", "correction", "retraction", "game"] {
                assert!(client.holdings.counts.kinds[kind] > 0, "{kind}");
            }
            all.push(deltas);
        }
        let [json, bin] = &all[..] else { unreachable!() };
        let mut same = 0;
        for (key, delta) in json {
            if let Some(other) = bin.get(key) {
                assert_eq!(delta, other);
                same += 1;
            }
        }
        println!(
            "{} deltas in JSON, {} in binary, {same} of them the same step",
            json.len(),
            bin.len()
        );
        // How many depends on what was merged, which a busy machine does more of.
        assert!(same > 0, "of {} deltas none was the same step in both", json.len());
        server.end().await;
    });
}

#[test]
fn a_binary_client_that_is_slow_gets_merged_frames_and_snapshots() {
    run(async {
        let events = troubled();
        let server = Server::start(|config| {
            config.fanout.send_buffer_bytes = 4096;
            config.fanout.unsent_bytes_max = 4096;
            config.fanout.ring_frames = 64;
        });
        let topics = topics(&events);
        let mut slow = Client::connect_narrow_in(&server, Coding::Bin).await;
        for ruleset in ["draftkings", "fanduel", "half_ppr", "ppr", "standard", "yahoo"] {
            slow.subscribe(&topics, ruleset).await;
        }
        slow.catch_up(&server).await;
        for batch in events.chunks(events.len().div_ceil(20)) {
            server.post(batch).await;
            slow.read_some(3).await;
        }
        slow.catch_up(&server).await;
        slow.holdings.assert_equal_http(&server).await;
        let counts = &slow.holdings.counts;
        println!("{counts:?}");
        assert!(counts.merged > 0, "{counts:?}");
        assert!(counts.snapshots["lagged"] > 0, "{counts:?}");
        drop(slow);
        server.end().await;
    });
}

#[test]
fn a_client_resumes_in_the_other_coding() {
    run(async {
        let events = troubled();
        let topics = topics(&events);
        let server = Server::start(|config| config.fanout.ring_frames = 4096);
        let (mut holdings, mut epoch) = (Holdings::default(), String::new());
        for (place, part) in events.chunks(events.len().div_ceil(8)).enumerate() {
            let coding = Coding::ALL[place % 2];
            let mut client = Client::come_back_in(&server, coding, holdings).await;
            if place == 0 {
                client.subscribe(&topics, "yahoo").await;
            } else {
                let resumed = client.resume(&topics, "yahoo", &epoch).await;
                assert_eq!(resumed, topics.len(), "{coding:?}");
            }
            server.post(part).await;
            // At times with everything, at times with some of it under way.
            match place % 3 {
                0 => client.catch_up(&server).await,
                _ => client.barrier().await,
            }
            (holdings, epoch) = client.cut();
        }
        let mut client = Client::come_back_in(&server, Coding::Bin, holdings).await;
        client.resume(&topics, "yahoo", &epoch).await;
        client.catch_up(&server).await;
        client.holdings.assert_equal_http(&server).await;
        drop(client);
        server.end().await;
    });
}

#[test]
fn a_clients_own_rate_merges_in_binary_too() {
    run(async {
        let server = Server::start(|_| ());
        let begin = game("g1", 1, "live", ["AAA", "BBB"], 1_500_000_000, [0, 0]);
        server.post_lines(begin.into_bytes()).await;
        let mut client = Client::connect_in(&server, Coding::Bin).await;
        let request = json!({"op": "subscribe", "topics": ["player:x-1"], "ruleset": "ppr", "max_rate_hz": 2.5});
        let reply = client.ask(request).await;
        assert_eq!(reply["topics"][0]["how"], "snapshot", "{reply}");
        let plays: Vec<String> = (1..=20).map(|id| play("g1", id, 1, &[("x-1", "AAA", 10, 2)])).collect();
        for play in plays {
            server.post_lines(play.into_bytes()).await;
        }
        client.catch_up(&server).await;
        let held = client.holdings.of("player:x-1", "ppr");
        assert_eq!(held.totals.stats["rushing_yards"], 400_000);
        assert!(client.holdings.counts.merged > 0, "{:?}", client.holdings.counts);
        let gone = client
            .ask(json!({"op": "unsubscribe", "topics": ["player:x-1"], "ruleset": "ppr"}))
            .await;
        assert_eq!(gone["topics"], json!([{"topic": "player:x-1", "ruleset": "ppr"}]));
        drop(client);
        server.end().await;
    });
}

#[test]
fn what_is_wrong_is_answered_in_binary() {
    run(async {
        let server = Server::start(|_| ());
        let mut client = Client::connect_in(&server, Coding::Bin).await;
        for (message, code) in [
            (&b""[..], "bad_message"),
            (b"{\"op\":\"ping\"}", "bad_message"),
            (b"\x12\x00", "bad_message"),
            (b"\x7a\x00", "unknown_op"),
            (b"\x2a\x00", "auth_not_needed"),
            (b"\x12\x08\x0a\x01a\x12\x03xyz", "unknown_ruleset"),
        ] {
            client.send_as_is(Message::binary(message)).await;
            let error = client.next().await.unwrap();
            assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!(code)), "{error}");
        }
        let refused = client.ask(json!({"op": "subscribe", "topics": ["plyer:1", ""]})).await;
        assert_eq!(refused["errors"][1]["topic"], "", "{refused}");
        client.barrier().await;
        // Each connection speaks one coding.
        client.send_as_is(Message::text(r#"{"op":"ping"}"#)).await;
        client.read_to_end().await;
        assert_eq!(client.closed, Some((1003, "unsupported_data".to_owned())));
        // Going down is told in binary, too.
        let mut last = Client::connect_in(&server, Coding::Bin).await;
        let (drained, ()) = tokio::join!(server.running.drain(), last.read_to_end());
        assert!(drained);
        let goodbye = last.said.pop_back().unwrap();
        assert_eq!((&goodbye["type"], &goodbye["code"]), (&json!("goodbye"), &json!("draining")));
        assert_eq!(last.closed, Some((4000, "draining".to_owned())));
    });
}
