//! Feeds that write to Redis themselves: the same comes of it as of posting, whichever engine is killed in between.

use super::chance::Chance;
use super::cluster_predictions::{Node, node as predicting};
use super::crash::shown;
use super::redis::Redis;
use super::support::events::{games_of, lines};
use super::support::server::{Http, Server};
use super::support::{eventually, run};
use rustix::process::Signal;
use scorewire::cluster::{Keys, partition_of};
use scorewire::feed::simulator::{Options, Simulator, Trouble};
use scorewire::model::Event;
use serde_json::Value;
use std::process::Command;

const PARTITIONS: usize = 4;

fn node(redis: &Redis, role: &str) -> Command {
    let mut command = predicting(redis, role);
    command.env("SCOREWIRE__PREDICT__ENABLED", "false");
    command
}

fn slate(seed: u64, games: usize) -> Vec<Event> {
    let options = Options {
        seed,
        games,
        trouble: Trouble::LIVE,
        ..Options::default()
    };
    Simulator::new(&options).flat_map(|step| step.events).collect()
}

/// Somebody who writes to Redis.
struct Feed(redis::Connection);

impl Feed {
    fn new(redis: &Redis) -> Feed {
        Feed(redis::Client::open(redis.url()).unwrap().get_connection().unwrap())
    }

    fn add(&mut self, partition: usize, fields: &[(&str, &[u8])]) -> String {
        let mut add = redis::cmd("XADD");
        add.arg(Keys::new("scorewire", partition).events)
            .arg("MAXLEN")
            .arg("~")
            .arg(100_000)
            .arg("*");
        for (name, value) in fields {
            add.arg(name).arg(*value);
        }
        add.query(&mut self.0).unwrap()
    }

    fn tell(&mut self, event: &Event) {
        let line = lines(std::slice::from_ref(event));
        let partition = event.game().map_or(0, |game| partition_of(game, PARTITIONS));
        self.add(partition, &[("source", b"primary"), ("line", &line)]);
    }

    /// Entries that nobody has taken in.
    fn waiting(&mut self) -> u64 {
        let length = |partition| {
            let key = Keys::new("scorewire", partition).events;
            redis::cmd("XLEN").arg(key).query::<u64>(&mut self.0).unwrap()
        };
        (0..PARTITIONS).map(length).sum()
    }
}

async fn taken_in(feed: &mut Feed) {
    let feed = std::cell::RefCell::new(feed);
    eventually("all was taken in", || async { feed.borrow_mut().waiting() == 0 }).await;
}

/// What that node took in, by what became of it.
async fn counted(http: &Http, outcome: &str) -> f64 {
    let line = format!("scorewire_cluster_feed_lines_total{{outcome=\"{outcome}\"}}");
    http.metric(&line).await
}

/// Waits until a node shows what a server shows that everything was posted to.
async fn as_posted(node: &Http, events: &[Event]) {
    let alone = Server::start(|_| {});
    alone.post(events).await;
    let mut topics: Vec<String> = games_of(events).into_iter().map(|game| format!("game:{game}")).collect();
    topics.push("slate".to_owned());
    let plays = events.iter().filter_map(|event| match event {
        Event::Play(play) => play.stats.first(),
        _ => None,
    });
    topics.extend(
        plays
            .filter_map(|record| record.player.as_ref())
            .take(80)
            .map(|player| format!("player:{player}")),
    );
    for topic in &topics {
        let of = |mut snapshot: Value| {
            snapshot["seq"] = Value::Null;
            snapshot
        };
        eventually(&format!("{topic} is as if it was posted"), || async {
            of(shown(&alone, topic).await) == of(shown(node, topic).await)
        })
        .await;
    }
    alone.end().await;
}

#[test]
fn lines_in_redis_count_as_if_they_were_posted_whichever_engine_is_killed() {
    let Some(redis) = Redis::start("cluster-feeds") else { return };
    let mut chance = Chance::seeded(11);
    run(async {
        let mut engines = [Node::start(node(&redis, "engine")), Node::start(node(&redis, "engine"))];
        let edge = Node::start(node(&redis, "edge"));
        let mut feed = Feed::new(&redis);
        let events = slate(chance.next() % 1_000 + 1, 3);
        // A list has no game, so it has a partition of its own: plays that overtake it would have no names.
        let (lists, events): (Vec<Event>, Vec<Event>) = events.into_iter().partition(|event| matches!(event, Event::Players(_)));
        lists.iter().for_each(|list| feed.tell(list));
        taken_in(&mut feed).await;
        let kills = [events.len() / 4, events.len() / 2, events.len() * 3 / 4];
        let mut fed = 0.0;
        for (nth, event) in events.iter().enumerate() {
            feed.tell(event);
            if kills.contains(&nth) {
                let place = chance.below(2);
                fed += counted(&engines[1 - place].http, "accepted").await;
                engines[place].served.signal(Signal::KILL);
                engines[place] = Node::start(node(&redis, "engine"));
            }
        }
        taken_in(&mut feed).await;
        as_posted(&edge.http, &[lists, events].concat()).await;
        fed += counted(&engines[0].http, "accepted").await + counted(&engines[1].http, "accepted").await;
        assert!(fed > 0.0, "it was engines that took it in");
        assert_eq!(counted(&edge.http, "accepted").await, 0.0);
    });
}

#[test]
fn lines_that_say_nothing_are_counted_and_named_and_cost_no_other_line() {
    let Some(redis) = Redis::start("cluster-feeds-rubbish") else {
        return;
    };
    run(async {
        let engine = Node::start(node(&redis, "engine"));
        engine.owns_all().await;
        let mut feed = Feed::new(&redis);
        let events = slate(9, 1);
        let good = lines(&events[..1]);
        let good = good.as_slice();
        let two = [good, good].concat();
        let long = vec![b'x'; 2 << 20];
        let rubbish: [&[(&str, &[u8])]; 10] = [
            &[("line", good)],
            &[("source", b"primary")],
            &[("source", b"nobody"), ("line", good)],
            &[("source", b"primary"), ("line", good), ("line", good)],
            &[("source", b"primary"), ("line", good), ("note", b"x")],
            &[("source", b"primary"), ("line", b"{\"type\":\"play\"}")],
            &[("source", b"primary"), ("line", b"\xff\x00\x01")],
            &[("source", b"primary"), ("line", b"")],
            &[("source", b"primary"), ("line", &two)],
            &[("source", b"primary"), ("line", &long)],
        ];
        let mut ids = Vec::new();
        for (nth, event) in events.iter().enumerate() {
            feed.tell(event);
            if let Some(fields) = rubbish.get(nth) {
                ids.push(feed.add(nth % PARTITIONS, fields));
            }
        }
        taken_in(&mut feed).await;
        as_posted(&engine.http, &events).await;
        assert_eq!(counted(&engine.http, "rejected").await, rubbish.len() as f64);
        let accepted = counted(&engine.http, "accepted").await;
        assert!(accepted > 0.0);
        // All of it once more: nothing changes but what is known already.
        let before = shown(&engine.http, "slate").await;
        for event in &events {
            feed.tell(event);
        }
        taken_in(&mut feed).await;
        assert!(counted(&engine.http, "duplicate").await > 0.0);
        let mut after = shown(&engine.http, "slate").await;
        after["seq"] = before["seq"].clone();
        assert_eq!(after, before);
        // A key that is no stream, and what that is called.
        let key = Keys::new("scorewire", 0).events;
        redis.ask(&format!("DEL {key}")).unwrap();
        redis.ask(&format!("SET {key} x")).unwrap();
        let log = engine.served.says("are not taken in");
        assert!(log.iter().any(|line| line.contains("WRONGTYPE")), "{log:?}");
        redis.ask(&format!("DEL {key}")).unwrap();
        let last = feed.add(0, &[("source", b"x"), ("line", b"x")]);
        let log = [log, engine.served.says(&last)].concat();
        for id in &ids {
            assert!(log.iter().any(|line| line.contains(id)), "{id} is not named: {log:#?}");
        }
    });
}

#[test]
fn what_waits_in_redis_is_seen() {
    let Some(redis) = Redis::start("cluster-feeds-waits") else { return };
    run(async {
        let mut feed = Feed::new(&redis);
        let events = slate(10, 1);
        for event in &events {
            feed.tell(event);
        }
        // What cannot be written to the log stays, and waits.
        let mut command = node(&redis, "engine");
        command.env("SCOREWIRE__CLUSTER__ACK", "replica");
        let engine = Node::start(command);
        eventually("it is late with it", || async {
            engine.http.metric("scorewire_cluster_feed_lag_seconds").await > 0.0
                && engine.http.metric("scorewire_cluster_feed_waiting").await > 0.0
        })
        .await;
        assert!(feed.waiting() > 0, "no replica has it");
    });
}
