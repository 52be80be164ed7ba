//! What holds of frames for any events: proptest picks a seed for the feed and where clients come in.

use crate::chance::Chance;
use crate::client::{Client, Facts, Request, Tally};
use crate::frames::{Extension, Got, client_frame, next_frame};
use crate::oracle::Oracle;
use crate::plan::{Plan, plan};
use crate::world::{Settings, World};
use proptest::prelude::*;
use scorewire::fanout::shard::{ConnKey, Kind};
use scorewire::wire::Form;
use serde_json::{Value, json};

/// A client that is never slow, and what it was sent.
struct Watcher {
    shard: usize,
    key: ConnKey,
    bytes: Vec<u8>,
}

impl Watcher {
    fn new(world: &mut World, shard: usize, topics: &[String], ruleset: &str) -> Watcher {
        let key = world.connect(shard, Kind::WebSocket(Form::PLAIN), usize::MAX / 4);
        let message = json!({"op": "subscribe", "id": 1, "topics": topics, "ruleset": ruleset}).to_string();
        let mut bytes = client_frame(1, true, message.as_bytes(), [1, 2, 3, 4]);
        let now = world.now();
        world.shards[shard].received(key, &mut bytes, now);
        let bytes = Vec::new();
        Watcher { shard, key, bytes }
    }

    fn read(&mut self, world: &mut World) {
        let socket = world.sockets[self.shard].by_conn.get_mut(&self.key).expect("open");
        self.bytes.append(&mut socket.sent);
    }

    /// Every frame about a topic.
    fn frames(&self) -> Vec<Value> {
        let (mut rest, mut frames) = (&self.bytes[..], Vec::new());
        while let Some((got, taken)) = next_frame(rest, Extension::None) {
            rest = &rest[taken..];
            if let Got::Text(text) = got {
                let frame: Value = serde_json::from_str(&text).expect("JSON");
                frames.extend((!frame["topic"].is_null()).then_some(frame));
            }
        }
        frames
    }
}

fn topics(plan: &Plan) -> Vec<String> {
    plan.topics.iter().map(ToString::to_string).collect()
}

/// Plays a plan event by event; `at(world, place)` is called before each.
fn run(world: &mut World, plan: &Plan, oracle: &mut Oracle, mut at: impl FnMut(&mut World, &Oracle, usize)) {
    for (place, event) in plan.events.iter().enumerate() {
        at(world, oracle, place);
        world.now_us += 1_000;
        oracle.apply(&world.hub, &world.shared, event.clone(), world.now());
        world.settle();
    }
    at(world, oracle, plan.events.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// The client model checks every frame against the oracle: here it joins, leaves and resumes anywhere
    /// without pressure, under a ruleset that nobody watched before.
    #[test]
    fn a_snapshot_and_the_deltas_after_it_are_the_state(seed in 0u64..10_000, joins in 0usize..200, again in 0usize..200) {
        let plan = plan(seed, 1, 150, &mut Chance::new(seed));
        let (mut world, mut oracle) = (World::new(&Settings::default(), seed), Oracle::new(&plan.topics));
        let names = topics(&plan);
        let mut client = Client::new(0);
        let mut tally = Tally::new();
        run(&mut world, &plan, &mut oracle, |world, oracle, place| {
            if place == joins.min(plan.events.len()) || place == joins + again {
                if let Some(key) = client.key {
                    world.hang_up(0, key);
                }
                let key = world.connect(0, Kind::WebSocket(Form::PLAIN), usize::MAX / 4);
                client.connected(Kind::WebSocket(Form::PLAIN), 0, key);
                client.epoch.clone_from(&world.epoch);
                let since = |topic: &String| {
                    let ruleset = if topic == "slate" { "" } else { "te_premium" };
                    let held = client.saved.get(&(topic.clone(), ruleset.to_owned()));
                    held.map(|held| (topic.clone(), (held.seq, Some(held.view.clone()))))
                };
                let request = Request { right_epoch: true, since: names.iter().filter_map(since).collect(), ..Request::default() };
                let seqs: serde_json::Map<String, Value> = request.since.iter().map(|(topic, (seq, _))| (topic.clone(), (*seq).into())).collect();
                let message = json!({"op": "subscribe", "id": 1, "topics": names, "ruleset": "te_premium", "epoch": crate::world::EPOCH, "since": seqs});
                client.requests.insert(1, request);
                let mut bytes = client_frame(1, true, message.to_string().as_bytes(), [4, 3, 2, 1]);
                let now = world.now();
                world.shards[0].received(key, &mut bytes, now);
                world.settle();
            }
            if let Some(key) = client.key {
                let sent = std::mem::take(&mut world.sockets[0].by_conn.get_mut(&key).expect("open").sent);
                let facts = Facts { oracle, rulesets: &world.rulesets };
                if !sent.is_empty() {
                    client.receive(&sent, world.now_us, &facts, &mut tally);
                }
            }
        });
        prop_assert_eq!(client.subs.len(), names.len());
        let facts = Facts { oracle: &oracle, rulesets: &world.rulesets };
        for (name, sub) in &client.subs {
            prop_assert_eq!(sub.seq, oracle.head(&name.0));
            sub.check(name, &facts);
        }
    }

    /// Frames depend on the events and the times alone: not on the process, the hash seeds in it, who else
    /// watches or on how many shards.
    #[test]
    fn the_same_events_give_the_same_bytes(seed in 0u64..10_000, shards in 2usize..5) {
        let plan = plan(seed, 2, 80, &mut Chance::new(seed));
        let names = topics(&plan);
        let transcript = |shards: usize, crowd: usize| {
            let settings = Settings { shards, ..Settings::default() };
            let (mut world, mut oracle) = (World::new(&settings, seed), Oracle::new(&plan.topics));
            let mut watcher = Watcher::new(&mut world, shards - 1, &names, "draftkings");
            for one in 0..crowd {
                let ruleset = ["draftkings", "te_premium"][one % 2];
                Watcher::new(&mut world, one % shards, &names[one % names.len()..], ruleset);
            }
            world.settle();
            run(&mut world, &plan, &mut oracle, |_, _, _| ());
            watcher.read(&mut world);
            by_topic(watcher.frames())
        };
        let alone = transcript(1, 0);
        prop_assert!(alone.len() > plan.events.len() / 2);
        for (shards, crowd) in [(1, 0), (1, 5), (shards, 0), (shards, 9)] {
            let again = transcript(shards, crowd);
            let differs = again.iter().zip(&alone).find(|(again, alone)| again != alone);
            prop_assert_eq!(differs, None, "{} shards, {} others", shards, crowd);
            prop_assert_eq!(again.len(), alone.len());
        }
    }

    /// Points follow from the stat line: whoever asks for a ruleset late is shown what those see who
    /// asked for it before the first event.
    #[test]
    fn a_ruleset_that_starts_late_is_right_from_its_first_frame(seed in 0u64..10_000, late in 1usize..200) {
        let plan = plan(seed, 1, 120, &mut Chance::new(seed));
        let names = topics(&plan);
        let (mut world, mut oracle) = (World::new(&Settings::default(), seed), Oracle::new(&plan.topics));
        let mut early = Watcher::new(&mut world, 0, &names, "te_premium");
        let mut joined = None;
        run(&mut world, &plan, &mut oracle, |world, _, place| {
            early.read(world);
            if place == late.min(plan.events.len() - 1) {
                early.bytes.clear();
                joined = Some(Watcher::new(world, 0, &names, "te_premium"));
                world.settle();
            }
        });
        let mut joined = joined.expect("it came");
        joined.read(&mut world);
        let deltas = |watcher: &Watcher| -> Vec<Value> {
            by_topic(watcher.frames()).into_iter().filter(|frame| frame["reason"] != "subscribe").collect()
        };
        prop_assert_eq!(deltas(&joined), deltas(&early));
    }
}

/// The order across topics is nobody's business; within a topic it is kept.
fn by_topic(mut frames: Vec<Value>) -> Vec<Value> {
    frames.sort_by_key(|frame| frame["topic"].to_string());
    frames
}
