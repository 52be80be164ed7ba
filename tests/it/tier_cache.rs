//! What engines answered is kept by edges: in memory, in Redis for all of them, and on disk for when no engine is there.

use super::cluster::node;
use super::hostile::binary::{Folder, Served};
use super::redis::Redis;
use super::support::events::game;
use super::support::server::{Answer, Http};
use super::support::{eventually, run};
use super::tiers::{Fake, HISTORY, KICKOFF_S, NOT_KEPT, NOT_SHARED, PROJECTION, assert_own, count, edge_answers, until, with_body};
use hyper::StatusCode;
use rustix::process::Signal;
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

/// As long as may be: no test is slower.
const LONG_MS: &str = "600000";
const KEPT_LONG: [(&str, &str); 3] = [
    ("SCOREWIRE__CLUSTER__CACHE_MEMORY_MS", LONG_MS),
    ("SCOREWIRE__CLUSTER__CACHE_REDIS_MS", LONG_MS),
    PATIENT,
];
const PATIENT: (&str, &str) = ("SCOREWIRE__CLUSTER__UP_TIMEOUT_MS", "8000");

async fn looks(http: &Http, layer: &str, result: &str) -> f64 {
    let line = format!("scorewire_cache_requests_total{{layer=\"{layer}\",result=\"{result}\"}}");
    http.metric(&line).await
}

fn assert_kept(answer: &Answer, tier: &str) {
    assert_eq!(
        (answer.status, answer.header("scorewire-tier")),
        (StatusCode::OK, tier),
        "{}",
        answer.text()
    );
    let age_s: u64 = answer.header("age").parse().unwrap();
    assert!((1..600).contains(&age_s), "it is {age_s} s old");
}

/// An edge with a disk for answers, of nothing but those.
fn edge_with_disk(redis: &Redis, dir: &str) -> (Served, Http) {
    let settings = [
        NOT_KEPT,
        NOT_SHARED,
        PATIENT,
        ("SCOREWIRE__STORE__DURABILITY", "group"),
        ("SCOREWIRE__STORE__DIR", dir),
    ];
    let edge = Served::start(node(redis, "edge", &settings));
    let http = Http::new(edge.address("address"));
    (edge, http)
}

fn files(dir: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(PathBuf::from(dir).join("cache")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn an_answer_is_kept_in_memory_in_redis_and_on_disk() {
    let Some(redis) = Redis::start("tier-cache") else { return };
    let folder = Folder::new("tier-cache-files");
    let table = folder.file("history.csv", HISTORY);
    let dir = folder.path().join("store").to_str().unwrap().to_owned();
    run(async {
        let predicting = [
            ("SCOREWIRE__PREDICT__ENABLED", "true"),
            ("SCOREWIRE__PREDICT__POINTS_EVERY_MS", "100"),
            ("SCOREWIRE__PREDICT__HISTORY", table.as_str()),
        ];
        let engine = Served::start(node(&redis, "engine", &predicting));
        let above = Http::new(engine.address("address"));
        let live = game("g1", 1, "live", ["AAA", "BBB"], KICKOFF_S, [7, 0]);
        let play = r#"{"type":"play","game":"g1","play":"1","rev":1,"kind":"pass","clock":{"quarter":1,"seconds_left":600},"stats":[{"player":"x-1","team":"AAA","stat":15,"yards":12}]}"#;
        above.post_lines([live, play.to_owned()].join("\n").into_bytes()).await;
        eventually("the engine knows", || async {
            above.get(PROJECTION).await.status == StatusCode::OK
        })
        .await;
        let edges = [0, 1].map(|_| Served::start(node(&redis, "edge", &KEPT_LONG)));
        let [first, second] = edges.each_ref().map(|edge| Http::new(edge.address("address")));
        for edge in [&first, &second] {
            eventually("it talks to Redis", || async {
                assert_own(&edge_answers(edge, "/v1/players/nobody/projection").await);
                looks(edge, "redis", "miss").await > 0.0
            })
            .await;
        }
        // The first asks an engine, once, and then has it.
        let fresh = until(&first, "answered").await;
        assert_kept(&fresh, "engine");
        assert_kept(&edge_answers(&first, PROJECTION).await, "engine");
        assert_eq!((count(&first, "answered").await, looks(&first, "memory", "hit").await), (1.0, 2.0));
        // The second finds it in Redis, then in memory.
        eventually("Redis has it", || async {
            let keys = redis.ask("KEYS scorewire:{nodes}:answer:*");
            keys.is_some_and(|keys| keys.starts_with("*1\r\n"))
        })
        .await;
        for _ in 0..3 {
            let answer = edge_answers(&second, PROJECTION).await;
            assert_kept(&answer, "engine");
            assert_eq!(answer.json(), fresh.json());
        }
        assert_eq!((count(&second, "answered").await, count(&second, "cached").await), (0.0, 3.0));
        assert_eq!(
            (looks(&second, "redis", "hit").await, looks(&second, "memory", "hit").await),
            (1.0, 2.0)
        );
        assert!(second.metric("scorewire_cache_bytes{layer=\"memory\"}").await > 0.0);
        drop(edges);

        let (edge, http) = edge_with_disk(&redis, &dir);
        let fresh = until(&http, "answered").await;
        assert_eq!((fresh.header("scorewire-tier"), fresh.header("age")), ("engine", ""));
        eventually("the disk has it", || async {
            http.metric("scorewire_cache_entries{layer=\"disk\"}").await == 1.0
        })
        .await;
        engine.signal(Signal::KILL);
        let stale = edge_answers(&http, PROJECTION).await;
        assert_kept(&stale, "stale");
        assert_eq!(stale.json(), fresh.json());
        assert_own(&edge_answers(&http, "/v1/players/nobody/projection").await);
        // Another process begins with what that one left.
        drop(edge);
        let (_edge, http) = edge_with_disk(&redis, &dir);
        assert_kept(&edge_answers(&http, PROJECTION).await, "stale");
        for file in files(&dir) {
            std::fs::write(file, "rubbish").unwrap();
        }
        assert_own(&edge_answers(&http, PROJECTION).await);
        assert_eq!(looks(&http, "disk", "failed").await, 1.0);
        assert_eq!(files(&dir), Vec::<PathBuf>::new());
    });
}

#[test]
fn rubbish_in_redis_or_none_at_all_costs_a_question_more() {
    let Some(redis) = Redis::start("tier-cache-fake") else { return };
    run(async {
        let settings = [NOT_KEPT, KEPT_LONG[1], PATIENT];
        let edge = Served::start(node(&redis, "edge", &settings));
        let http = Http::new(edge.address("address"));
        let fake = Fake::start(redis.port);
        fake.answers(&with_body("200 OK", b"{\"good\":1}"));
        eventually("Redis has it", || async {
            edge_answers(&http, PROJECTION).await;
            looks(&http, "redis", "hit").await > 0.0
        })
        .await;
        let told = redis.ask("KEYS scorewire:{nodes}:answer:*").unwrap();
        let key = told.split("\r\n").find(|line| line.starts_with("scorewire:")).unwrap();
        let whole = redis.ask(&format!("STRLEN {key}"));
        for rubbish in [
            vec![format!("SET {key} rubbish")],
            vec![format!("SETRANGE {key} 400000 x")],
            vec![format!("DEL {key}"), format!("LPUSH {key} x")],
        ] {
            for command in &rubbish {
                let said = redis.ask(command).unwrap();
                assert!(!said.starts_with('-'), "{command}: {said}");
            }
            let before = [looks(&http, "redis", "failed").await, count(&http, "answered").await];
            let answer = edge_answers(&http, PROJECTION).await;
            assert_eq!(answer.json(), json!({"good": 1}), "{rubbish:?}");
            let after = [looks(&http, "redis", "failed").await, count(&http, "answered").await];
            assert_eq!(after, before.map(|count| count + 1.0), "{rubbish:?}");
            eventually("what is right is there again", || async {
                redis.ask(&format!("STRLEN {key}")) == whole
            })
            .await;
        }
        // A Redis that is held up holds no question up for long.
        redis.signal(Signal::STOP);
        for _ in 0..3 {
            let status = edge_answers(&http, PROJECTION).await.status;
            assert!(matches!(status, StatusCode::OK | StatusCode::NOT_FOUND), "{status}");
        }
        redis.signal(Signal::CONT);
        assert!(looks(&http, "redis", "failed").await >= 5.0);
    });
}

#[test]
fn of_questions_for_the_same_one_goes_up() {
    let Some(redis) = Redis::start("tier-cache-crowd") else { return };
    run(async {
        let edge = Served::start(node(&redis, "edge", &[NOT_KEPT, NOT_SHARED, PATIENT]));
        let http = Http::new(edge.address("address"));
        let fake = Fake::start(redis.port);
        fake.answers(&with_body("200 OK", b"{\"good\":1}"));
        until(&http, "answered").await;
        while fake.asked.try_recv().is_ok() {}
        // It never answers: whoever comes meanwhile waits for the one that asks.
        fake.answers(b"");
        let mut asking = Vec::new();
        for _ in 0..50 {
            let http = http.clone();
            asking.push(tokio::spawn(async move { edge_answers(&http, PROJECTION).await }));
        }
        fake.asked.recv_timeout(Duration::from_secs(60)).unwrap();
        for answer in asking {
            assert_own(&answer.await.unwrap());
        }
        let joined = count(&http, "joined").await;
        assert!(joined >= 1.0, "nobody waited for anybody");
        // One, and of those who came too late for it whoever led then.
        let asked = 1.0 + fake.asked.try_iter().count() as f64;
        assert!(asked + joined <= 50.0, "{asked} asked and {joined} waited");
    });
}
