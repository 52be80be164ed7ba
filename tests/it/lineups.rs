//! Fans' lineups: the sum of what their players' topics show, whatever comes, and through every door.

use crate::chance::Chance;
use crate::frames::{Extension, Got, client_frame, next_frame};
use crate::oracle::Oracle;
use crate::plan::plan;
use crate::support::client::Client;
use crate::support::events::{game, play};
use crate::support::holdings::Holdings;
use crate::support::server::{Http, Server};
use crate::support::sse::Stream;
use crate::support::{eventually, run};
use crate::world::{Settings, World};
use hyper::Method;
use proptest::prelude::*;
use scorewire::fanout::shard::{ConnKey, Kind};
use scorewire::model::TopicName;
use scorewire::wire::{Coding, Form};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a lineup gives for a player's points, in 1/10,000.
pub(crate) fn times(points: i64, hundredths: i64) -> i64 {
    let product = points * hundredths;
    (product + product.signum() * 50) / 100
}

fn units(value: &Value) -> i64 {
    (value.as_f64().expect("points") * 10_000.0).round() as i64
}

/// The books of a client who watches lineups, and maybe their players one by one.
#[derive(Default)]
pub(crate) struct Books {
    /// By topic: what was shown last and its `seq`.
    pub(crate) held: BTreeMap<String, (i64, u64)>,
    /// By lineup's topic: the points of each player's slot.
    pub(crate) slots: BTreeMap<String, BTreeMap<String, i64>>,
    deltas: usize,
    pairs: usize,
    snapshots: BTreeMap<String, usize>,
}

impl Books {
    /// Takes a frame in, and holds it against what was there.
    pub(crate) fn take(&mut self, frame: &Value) {
        let (Some(topic), Some(seq)) = (frame["topic"].as_str(), frame["seq"].as_u64()) else {
            return;
        };
        let points = units(&frame["points"]);
        let before = self.held.insert(topic.to_owned(), (points, seq));
        if frame["type"] == "delta" {
            let (held, held_seq) = before.expect("a snapshot comes first");
            assert_eq!(frame["prev"].as_u64(), Some(held_seq), "{frame}");
            assert_eq!(held + units(&frame["change"]), points, "{frame}");
        }
        if !topic.starts_with("lineup:") {
            return;
        }
        let slots = self.slots.entry(topic.to_owned()).or_default();
        let told = frame["slots"].as_array().expect("slots");
        if frame["type"] == "snapshot" {
            slots.clear();
            *self.snapshots.entry(frame["reason"].to_string()).or_default() += 1;
        } else {
            assert!(!told.is_empty(), "{frame}");
            self.deltas += 1;
            self.pairs += usize::from(told.len() > 1);
        }
        for slot in told {
            let now = units(&slot["points"]);
            let before = slots.insert(slot["player"].as_str().unwrap().to_owned(), now);
            if let Some(change) = slot.get("change") {
                assert_eq!(before.unwrap_or_default() + units(change), now, "{frame}");
            }
        }
        assert_eq!(slots.values().sum::<i64>(), points, "{frame}");
    }
}

struct Watched {
    topic: String,
    /// Players and what they count for, in 1/100.
    players: Vec<(String, i64)>,
}

fn say(world: &mut World, key: ConnKey, message: &Value) {
    let mut bytes = client_frame(1, true, message.to_string().as_bytes(), [1, 2, 3, 4]);
    let now = world.now();
    world.shards[0].received(key, &mut bytes, now);
    world.settle();
}

fn read(world: &mut World, key: ConnKey) -> Vec<Value> {
    let sent = std::mem::take(&mut world.sockets[0].by_conn.get_mut(&key).expect("open").sent);
    let (mut rest, mut frames) = (&sent[..], Vec::new());
    while let Some((got, taken)) = next_frame(rest, Extension::None) {
        rest = &rest[taken..];
        if let Got::Text(text) = got {
            frames.push(serde_json::from_str(&text).expect("JSON"));
        }
    }
    assert!(rest.is_empty(), "whole frames");
    frames
}

pub(crate) fn some_players(topics: &[TopicName], chance: &mut Chance) -> Vec<(String, i64)> {
    let of_player = |topic: &TopicName| match topic {
        TopicName::Player(player) => Some(player.to_string()),
        _ => None,
    };
    let mut players: Vec<String> = topics.iter().filter_map(of_player).collect();
    players.sort();
    players.dedup();
    let count = chance.between(1, players.len().min(9));
    (0..count)
        .map(|_| {
            let player = players.swap_remove(chance.below(players.len()));
            (player, [100, 100, 150, 33][chance.below(4)])
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// Corrections, retractions, positions that change what is paid, a second slate of the same players, players
    /// put right; with a follower that sometimes falls behind, beyond what its channel holds.
    #[test]
    fn a_lineup_is_at_any_time_the_sum_of_what_its_players_topics_show(seed in 0u64..10_000, joins in 0usize..150) {
        let mut chance = Chance::new(seed);
        let plan = plan(seed, 2, 120, &mut chance);
        let settings = Settings { notices_max: 8, ..Settings::default() };
        let (mut world, mut oracle) = (World::new(&settings, seed), Oracle::new(&plan.topics));
        let key = world.connect(0, Kind::WebSocket(Form::PLAIN), usize::MAX / 4);
        let (mut fan, mut watched) = (Books::default(), Vec::new());
        for (place, event) in plan.events.iter().enumerate() {
            // One lineup from the start, one in the middle.
            if place == 0 || place == joins.min(plan.events.len() - 1) {
                let players = some_players(&plan.topics, &mut chance);
                let slots: Vec<Value> = players.iter().map(|(player, hundredths)| json!({"slot": "X", "player": player, "multiplier": *hundredths as f64 / 100.0})).collect();
                say(&mut world, key, &json!({"op": "lineup", "ruleset": "te_premium", "slots": slots}));
                let said = read(&mut world, key);
                // The answer about the players of the one before may not have been read yet.
                let named = |frame: &Value| Some(frame["topics"][0]["topic"].as_str()?.to_owned()).filter(|topic| topic.starts_with("lineup:"));
                let topic = said.iter().filter(|frame| frame["type"] == "subscribed").find_map(named).expect("a reply");
                watched.push(Watched { topic, players: players.clone() });
                said.iter().for_each(|frame| fan.take(frame));
                let topics: Vec<String> = players.iter().map(|(player, _)| format!("player:{player}")).collect();
                say(&mut world, key, &json!({"op": "subscribe", "ruleset": "te_premium", "topics": topics}));
            }
            world.now_us += 1_000;
            oracle.apply(&world.hub, &world.shared, event.clone(), world.now());
            if chance.percent(60) {
                world.settle();
                read(&mut world, key).iter().for_each(|frame| fan.take(frame));
                for lineup in &watched {
                    let sum: i64 = lineup.players.iter().map(|(player, hundredths)| times(fan.held[&format!("player:{player}")].0, *hundredths)).sum();
                    prop_assert_eq!(fan.held[&lineup.topic].0, sum, "after {} events", place + 1);
                }
            }
        }
        prop_assert!(fan.deltas > 0 || fan.snapshots.len() > 1, "{:?}", fan.snapshots);
    }
}

const PAIR: [(&str, f64); 2] = [("x-1", 1.5), ("x-2", 1.0)];

fn pair(more: Value) -> Value {
    let slots: Vec<Value> = PAIR
        .iter()
        .map(|(player, times)| json!({"slot": "FLEX", "player": player, "multiplier": times}))
        .collect();
    let mut asked = json!({"op": "lineup", "ruleset": "ppr", "slots": slots});
    asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    asked
}

async fn yards(server: &Server, id: u64, rev: u64, yards: [i32; 2]) {
    let stats = [("x-1", "AAA", 10, yards[0]), ("x-2", "AAA", 10, yards[1])];
    server.post_lines(play("g1", id, rev, &stats).into_bytes()).await;
}

async fn begun() -> Server {
    let server = Server::start(|_| ());
    server
        .post_lines(game("g1", 1, "live", ["AAA", "BBB"], 1_500_000_000, [0, 0]).into_bytes())
        .await;
    server
}

/// Reads until the lineup stands there.
async fn comes_to(client: &mut Client, topic: &str, points: f64) -> Value {
    loop {
        let frame = client.next().await.expect("a frame");
        if frame["topic"] == topic && frame["points"].as_f64() == Some(points) {
            return frame;
        }
    }
}

#[test]
fn both_codings_event_streams_and_plain_requests_show_the_same_lineup() {
    run(async {
        let server = begun().await;
        yards(&server, 1, 1, [10, 20]).await;
        let mut fans = Vec::new();
        for coding in Coding::ALL {
            let mut client = Client::connect_in(&server, coding).await;
            let reply = client.ask(pair(json!({"name": "mine"}))).await;
            assert_eq!((&reply["type"], &reply["name"]), (&json!("subscribed"), &json!("mine")));
            let topic = reply["topics"][0]["topic"].as_str().unwrap().to_owned();
            let snapshot = comes_to(&mut client, &topic, 3.5).await;
            assert_eq!(snapshot["slots"][0]["multiplier"], 1.5);
            fans.push((client, topic));
        }
        assert_eq!(fans[0].1, fans[1].1, "equal ones are one");
        let topic = fans[0].1.clone();
        let made = define(&server, &pair(json!({}))).await;
        assert_eq!((&made.1["topic"], &made.1["ruleset"]), (&json!(topic), &json!("ppr")));
        assert_eq!(made.1["slots"][0], json!({"slot": "FLEX", "player": "x-1", "multiplier": 1.5}));
        let mut stream = Stream::open(&server, std::slice::from_ref(&topic), "yahoo", Holdings::default(), None).await;
        let shown = stream.next().await.unwrap();
        assert_eq!((&shown["points"], &shown["ruleset"]), (&json!(3.5), &json!("ppr")));
        let shown = server
            .json(&format!("/v1/snapshot?topics={topic},player:x-1&ruleset=standard"))
            .await;
        assert_eq!(
            (&shown["snapshots"][0]["points"], &shown["snapshots"][1]["points"]),
            (&json!(3.5), &json!(1))
        );

        yards(&server, 1, 2, [20, 40]).await;
        for (client, topic) in &mut fans {
            let delta = comes_to(client, topic, 7.0).await;
            assert_eq!((&delta["change"], &delta["slots"].as_array().unwrap().len()), (&json!(3.5), &2));
            assert_eq!(delta["cause"]["kind"], "correction");
        }
        assert_eq!(stream.next().await.unwrap()["points"].as_f64(), Some(7.0));
        drop((fans, stream));
        server.end().await;
    });
}

async fn define(server: &Http, asked: &Value) -> (u16, Value) {
    let json = [("content-type", "application/json")];
    let answer = server
        .request(Method::POST, "/v1/lineups", &json, asked.to_string().into_bytes())
        .await;
    (answer.status.as_u16(), answer.json())
}

#[test]
fn who_was_cut_off_sends_the_lineup_again_and_is_sent_what_it_missed() {
    run(async {
        let server = begun().await;
        let mut client = Client::connect(&server).await;
        let reply = client.ask(pair(json!({}))).await;
        let (topic, seq) = (reply["topics"][0]["topic"].clone(), reply["topics"][0]["seq"].clone());
        let epoch = client.epoch.clone();
        client.barrier().await;
        let (held, _) = client.cut();
        server.has_clients(0).await;
        yards(&server, 1, 1, [10, 20]).await;
        let mut again = Client::come_back(&server, held).await;
        let reply = again.ask(pair(json!({"epoch": epoch, "since": seq}))).await;
        assert_eq!(
            (&reply["topics"][0]["topic"], &reply["topics"][0]["how"]),
            (&topic, &json!("resumed"))
        );
        let delta = again.next().await.unwrap();
        assert_eq!(
            (&delta["type"], &delta["prev"], &delta["change"]),
            (&json!("delta"), &seq, &json!(3.5))
        );
        drop(again);
        server.end().await;
    });
}

#[test]
fn what_is_no_lineup_is_refused_at_each_door() {
    run(async {
        let server = Server::start(|config| config.fanout.lineups_max = 1);
        for (asked, part) in [
            (json!([]), "a lineup is a JSON object"),
            (json!({}), "slots must list 1 to 32 slots"),
            (json!({"slots": {}}), "slots must be a list"),
            (
                json!({"slots": [{"slot": "QB", "player": "a"}], "name": "x".repeat(65)}),
                "name may have 64 characters",
            ),
            (
                json!({"slots": [{"slot": "QB", "player": "a", "multiplier": 1.005}]}),
                "slots[0]: multiplier must be",
            ),
            (
                json!({"slots": [{"slot": "QB", "player": "a", "multiplier": "2"}]}),
                "slots[0]: multiplier must be",
            ),
            (json!({"slots": ["a"]}), "slots[0] must be an object"),
        ] {
            let (status, error) = define(&server, &asked).await;
            assert_eq!((status, &error["code"]), (400, &json!("bad_lineup")));
            assert!(error["error"].as_str().unwrap().contains(part), "{error}");
        }
        let (status, error) = define(&server, &json!({"slots": [{"slot": "QB", "player": "a".repeat(20_000)}]})).await;
        assert_eq!((status, &error["code"]), (413, &json!("body_too_long")));
        let (status, error) = define(&server, &json!({"ruleset": "nfl", "slots": [{"slot": "QB", "player": "a"}]})).await;
        assert_eq!((status, &error["code"]), (404, &json!("unknown_ruleset")));
        assert_eq!(define(&server, &json!({"slots": [{"slot": "QB", "player": "a"}]})).await.0, 200);
        let (status, error) = define(&server, &json!({"slots": [{"slot": "QB", "player": "b"}]})).await;
        assert_eq!((status, &error["code"]), (503, &json!("too_many_lineups")));
        eventually("it is counted", || async {
            let counted = server.metric("scorewire_lineups_refused_total").await;
            counted >= 1.0 && server.metric("scorewire_lineups").await >= 1.0
        })
        .await;
        for door in ["snapshot", "sse"] {
            let unknown = server.get(&format!("/v1/{door}?topics=lineup:0123456789abcdefghjk")).await;
            assert_eq!(
                (unknown.status.as_u16(), &unknown.json()["code"]),
                (404, &json!("unknown_lineup")),
                "{door}"
            );
        }
        server.end().await;
    });
}

/// A refused lineup must not stay when nobody could watch it: what nobody wants goes, and makes room.
#[test]
fn a_lineup_that_nobody_wants_makes_room() {
    run(async {
        let server = Server::start(|config| (config.fanout.lineups_max, config.fanout.lineup_linger_ms) = (1, 0));
        let one = |player: &str| json!({"slots": [{"slot": "QB", "player": player}]});
        assert_eq!(define(&server, &one("a")).await.0, 200);
        eventually("room for another", || async { define(&server, &one("b")).await.0 == 200 }).await;
        assert!(server.metric("scorewire_lineups_forgotten_total").await >= 1.0);
        server.end().await;
    });
}
