//! Bases of a cluster's partitions: who comes late begins with them and has the same, streams stay short, finished
//! games go everywhere, and an engine's archive holds all that was taken in.

use super::cluster::{Node, epoch_of, node, post, same, slate};
use super::crash::shown;
use super::hostile::binary::{Folder, Served, outcome, scorewire};
use super::redis::Redis;
use super::support::client::Client;
use super::support::events::lines;
use super::support::server::{Http, Server};
use super::support::{eventually, run};
use hyper::StatusCode;
use rustix::process::Signal;
use scorewire::cluster::follow::Pending;
use scorewire::cluster::{Ack, By, Log, Settings, Status, Tls, partition_of};
use scorewire::feed::write_line;
use scorewire::model::{Event, IngestTime, Origin, SourceId};
use scorewire::store;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Of all nodes of this file's clusters.
const PARTITIONS: usize = 4;

/// An engine that makes a base every second, with an archive where there is a folder.
fn engine(redis: &Redis, archive: Option<&Folder>) -> Node {
    let mut settings = vec![("SCOREWIRE__CLUSTER__BASE_EVERY_S", "1"), ("SCOREWIRE__CLUSTER__BASE_KEEP_S", "0")];
    let folder = archive.map(|folder| folder.path().to_str().unwrap().to_owned());
    if let Some(folder) = &folder {
        settings.push(("SCOREWIRE__STORE__DIR", folder));
        settings.push(("SCOREWIRE__STORE__DURABILITY", "group"));
    }
    let served = Served::start(node(redis, "engine", &settings));
    let http = Http::new(served.address("address"));
    Node { served, http }
}

/// Waits until all that was written is covered by bases, as Redis says.
async fn covered(redis: &Redis) {
    eventually("bases cover all", || async {
        (0..PARTITIONS).all(|partition| {
            let answer = redis.ask(&format!("HMGET scorewire:{{p{partition}}}:meta n base"));
            let answer = answer.unwrap_or_default();
            // Bulk strings, each a line behind one with its length; the second is missing where there is no base.
            let numbers: Vec<&str> = answer.lines().skip(2).step_by(2).collect();
            numbers == ["0"] || matches!(numbers[..], [written, base] if written == base)
        })
    })
    .await;
}

/// Whether the streams of all these games begin later than with their first record.
fn are_trimmed(redis: &Redis, events: &[Event]) -> bool {
    let partition = |event: &Event| event.game().map(|game| partition_of(game, PARTITIONS));
    let begins_later = |partition| {
        // Whole posts are entries: the first record is in one of the first few.
        let answer = redis.ask(&format!("XRANGE scorewire:{{p{partition}}}:log 1-0 10-0"));
        answer.as_deref() == Some("*0\r\n")
    };
    events
        .iter()
        .filter_map(partition)
        .collect::<BTreeSet<usize>>()
        .into_iter()
        .all(begins_later)
}

#[test]
fn who_comes_late_begins_with_bases_and_clients_go_on_there() {
    let Some(redis) = Redis::start("cluster-base") else { return };
    let archive = Folder::new("cluster-archive");
    run(async {
        let first = engine(&redis, Some(&archive));
        let edge = Node::start(&redis, "edge");
        let (events, topics) = slate(9, 4);
        let third = events.len() / 3;
        for part in events[..third].chunks(10) {
            post(&edge.http, part).await;
        }
        covered(&redis).await;
        let mut client = Client::connect(&edge.http).await;
        client.subscribe(&topics, "ppr").await;
        for part in events[third..2 * third].chunks(10) {
            post(&first.http, part).await;
        }
        covered(&redis).await;
        client.catch_up(&edge.http).await;
        assert!(are_trimmed(&redis, &events), "streams reach back to the base before the last one");
        let late = Node::start(&redis, "edge");
        same(&edge.http, &late.http, &topics).await;
        let epoch = epoch_of(&client);
        let (holdings, _) = client.cut();
        let mut client = Client::come_back(&late.http, holdings).await;
        assert_eq!(client.resume(&topics, "ppr", &epoch).await, topics.len() - 1, "all but the slate");
        // Another engine goes on from the last one's bases.
        first.served.signal(Signal::KILL);
        let _second = engine(&redis, Some(&archive));
        for part in events[2 * third..].chunks(10) {
            post(&late.http, part).await;
        }
        covered(&redis).await;
        client.catch_up(&late.http).await;
        client.holdings.assert_equal_http(&late.http).await;
        let last = Node::start(&redis, "edge");
        let alone = Server::start(|_| {});
        alone.post(&events).await;
        let again = Server::start(|_| {});
        let lines = exported(&archive);
        for part in lines.chunks(512) {
            again.post_lines(part.concat()).await;
        }
        for topic in &topics {
            let without_seq = |mut snapshot: Value| {
                snapshot["seq"] = Value::Null;
                snapshot
            };
            let whole = without_seq(shown(&alone, topic).await);
            assert_eq!(without_seq(shown(&last.http, topic).await), whole, "{topic}");
            assert_eq!(without_seq(shown(&again, topic).await), whole, "{topic}, from the archive");
        }
        same(&late.http, &last.http, &topics).await;
        alone.end().await;
        again.end().await;
    });
}

/// All lines of an archive, partition by partition, in their order.
fn exported(archive: &Folder) -> Vec<Vec<u8>> {
    let folders = std::fs::read_dir(archive.path().join("cluster")).unwrap();
    let mut folders: Vec<_> = folders.map(|folder| folder.unwrap().path()).collect();
    folders.sort();
    let mut lines = Vec::new();
    for folder in folders {
        let folder = folder.to_str().unwrap();
        let (code, _, said) = outcome(scorewire(&["log", "verify", "--data-dir", folder]));
        assert_eq!(code, Some(0), "{said}");
        let exported = scorewire(&["log", "export", "--data-dir", folder]).output().unwrap();
        assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
        lines.extend(exported.stdout.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec));
    }
    lines
}

#[test]
fn games_that_are_over_for_long_go_everywhere() {
    let Some(redis) = Redis::start("cluster-over") else { return };
    run(async {
        let (events, topics) = slate(10, 2);
        let game = events.iter().find_map(|event| event.game().cloned()).unwrap();
        append_long_ago(&redis, &events).await;
        let engine = engine(&redis, None);
        let edge = Node::start(&redis, "edge");
        eventually("they are gone", || async {
            edge.http.json("/v1/games").await["games"] == json!([]) && engine.http.json("/v1/games").await["games"] == json!([])
        })
        .await;
        covered(&redis).await;
        let late = Node::start(&redis, "edge");
        let games: Vec<String> = topics.iter().filter(|topic| topic.starts_with("game:")).cloned().collect();
        same(&edge.http, &late.http, &games).await;
        assert!(shown(&late.http, &games[0]).await["seq"].as_u64() > Some(1), "where it stood");
        for node in [&edge, &late] {
            let of_game: Vec<Event> = events.iter().filter(|event| event.game() == Some(&game)).take(3).cloned().collect();
            let answer = node.http.try_post(lines(&of_game)).await.unwrap();
            assert_eq!(answer.status, StatusCode::OK);
            let answer = answer.json();
            assert_eq!(answer["rejected"].as_array().unwrap().len(), 3, "{answer}");
            assert_eq!(answer["rejected"][0]["code"], "game_expired", "{answer}");
        }
    });
}

/// Appends events as if they had come in when time began.
async fn append_long_ago(redis: &Redis, events: &[Event]) {
    let settings = Arc::new(Settings {
        redis: vec![redis.url()],
        prefix: "scorewire".to_owned(),
        partitions: PARTITIONS,
        owner: "earlier/1".to_owned(),
        ack: Ack::Primary,
        timeout: Duration::from_secs(5),
        lease: Duration::from_secs(1),
        queue_batches_max: 1_024,
        stream_entries_max: 1_000_000,
        tls: Tls::default(),
    });
    let pending: Vec<Arc<Pending<()>>> = (0..PARTITIONS).map(|_| Arc::default()).collect();
    let log = Log::start(&settings, &Arc::new(Status::new(PARTITIONS)), &pending).unwrap();
    let mut batches = vec![(Vec::new(), 0); PARTITIONS];
    for event in events {
        let mut body = Vec::new();
        write_line(event, &mut body);
        let origin = Origin {
            source: SourceId(0),
            ingest: IngestTime(1),
        };
        let to = match event.game() {
            Some(game) => partition_of(game, PARTITIONS)..partition_of(game, PARTITIONS) + 1,
            None => 0..PARTITIONS,
        };
        for (records, count) in &mut batches[to] {
            let kind = store::Kind::Event;
            store::frame(&store::Record { kind, origin, body: &body }, records);
            *count += 1;
        }
    }
    for (partition, (records, count)) in batches.into_iter().enumerate().filter(|(_, (_, count))| *count > 0) {
        let batch = store::Batch {
            records,
            count,
            payload: (),
        };
        log.submit(partition, batch, By::Anyone).unwrap().committed().await.unwrap();
    }
}
