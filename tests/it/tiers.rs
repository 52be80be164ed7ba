//! What an edge cannot answer goes up to an engine: a real one, and one of the test's own that does what it should not.

use super::cluster::node;
use super::hostile::binary::{Folder, Served};
use super::redis::Redis;
use super::support::events::game;
use super::support::server::{Answer, Http};
use super::support::{eventually, run};
use hyper::{Method, StatusCode};
use rustix::process::Signal;
use scorewire::clock::Clock;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A receiver's game two weeks before the one of the test.
pub(crate) const HISTORY: &str = "game_id,season,season_type,week,gsis_id,team,opponent,quarter,pass_yds,pass_td,int,rush_yds,rush_td,rec,rec_yds,rec_td,fumbles_lost,two_pt,ret_td,off_fumrec_td,pass_att,rush_att,team_score
2017091000,2017,REG,1,x-9,AAA,CCC,4,0,0,0,0,0,6,80,1,0,0,0,0,0,0,24
";
/// 2017-09-24 17:00 by universal time.
pub(crate) const KICKOFF_S: i64 = 1_506_272_400;
/// What an engine answered is not kept.
pub(crate) const NOT_KEPT: (&str, &str) = ("SCOREWIRE__CLUSTER__CACHE_MEMORY_MS", "0");
pub(crate) const NOT_SHARED: (&str, &str) = ("SCOREWIRE__CLUSTER__CACHE_REDIS_MS", "0");
pub(crate) const PROJECTION: &str = "/v1/players/x-9/projection?horizon=season";

pub(crate) async fn edge_answers(http: &Http, path: &str) -> Answer {
    http.request(Method::GET, path, &[("authorization", "Bearer of-a-client")], Vec::new())
        .await
}

/// How many questions came to that.
pub(crate) async fn count(http: &Http, result: &str) -> f64 {
    http.metric(&format!("scorewire_tier_requests_total{{result=\"{result}\"}}")).await
}

/// Asks until the metric says so, as what is known of nodes is a second old.
pub(crate) async fn until(http: &Http, result: &str) -> Answer {
    eventually(&format!("a question comes to: {result}"), || async {
        edge_answers(http, PROJECTION).await;
        count(http, result).await > 0.0
    })
    .await;
    edge_answers(http, PROJECTION).await
}

pub(crate) fn assert_own(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text());
    assert_eq!(answer.json()["code"], "no_projection");
    assert_eq!(answer.header("scorewire-tier"), "edge");
}

#[test]
fn what_an_edge_has_no_models_for_an_engine_answers() {
    let Some(redis) = Redis::start("tiers") else { return };
    let folder = Folder::new("tiers-history");
    let table = folder.file("history.csv", HISTORY);
    run(async {
        let settings = [("SCOREWIRE__CLUSTER__UP_TIMEOUT_MS", "2000"), NOT_SHARED, NOT_KEPT];
        let edge = Served::start(node(&redis, "edge", &settings));
        let http = Http::new(edge.address("address"));
        assert_own(&until(&http, "nobody").await);
        let predicting = [
            ("SCOREWIRE__PREDICT__ENABLED", "true"),
            ("SCOREWIRE__PREDICT__POINTS_EVERY_MS", "100"),
            ("SCOREWIRE__PREDICT__HISTORY", table.as_str()),
        ];
        let engine = Served::start(node(&redis, "engine", &predicting));
        let above = Http::new(engine.address("address"));
        let live = game("g1", 1, "live", ["AAA", "BBB"], KICKOFF_S, [7, 0]);
        let play = r#"{"type":"play","game":"g1","play":"1","rev":1,"kind":"pass","clock":{"quarter":1,"seconds_left":600},"stats":[{"player":"x-1","team":"AAA","stat":15,"yards":12}]}"#;
        http.post_lines([live, play.to_owned()].join("\n").into_bytes()).await;
        eventually("the engine knows", || async {
            above.get(PROJECTION).await.status == StatusCode::OK
        })
        .await;
        let answer = until(&http, "answered").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(answer.header("scorewire-tier"), "engine");
        let told = answer.json();
        assert_eq!((&told["player"], &told["season"]), (&json!("x-9"), &json!(2017)));
        let models = http.get("/v1/models").await;
        assert_eq!(models.header("scorewire-tier"), "engine");
        assert!(!models.json()["models"].as_array().unwrap().is_empty(), "{}", models.text());
        // A name of a path is a name, and nobody is known by it.
        for player in ["nobody", "..", "%2e%2e%2f%2e%2e%2fmetrics", "a%3Fb%23c"] {
            let answer = edge_answers(&http, &format!("/v1/players/{player}/projection")).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{player}: {}", answer.text());
        }
        assert!(count(&http, "unknown").await >= 1.0);
        // What has come from an edge goes no further.
        let asked = count(&http, "answered").await;
        let answer = http
            .request(Method::GET, PROJECTION, &[("scorewire-from", "another edge")], Vec::new())
            .await;
        assert_eq!((answer.status, answer.header("scorewire-tier")), (StatusCode::NOT_FOUND, ""));
        assert_eq!(count(&http, "answered").await, asked);
        // The engine itself asks nobody.
        assert_eq!(above.get("/v1/players/nobody/projection").await.header("scorewire-tier"), "");
        for signal in [Signal::STOP, Signal::KILL] {
            engine.signal(signal);
            // All of its threads stop a moment after it was told so.
            eventually("nobody answers", || async {
                edge_answers(&http, PROJECTION).await.status == StatusCode::NOT_FOUND
            })
            .await;
            assert_own(&edge_answers(&http, PROJECTION).await);
        }
    });
}

/// An engine of the test's own: in the registry, with answers that the test sets.
pub(crate) struct Fake {
    answer: Arc<Mutex<Vec<u8>>>,
    pub(crate) asked: Receiver<Vec<String>>,
    stop: Arc<AtomicBool>,
}

impl Fake {
    pub(crate) fn start(redis: u16) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (answer, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (asking, asked) = sync_channel(10_000);
        let (answers, over) = (answer.clone(), stop.clone());
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let (answers, asking) = (answers.clone(), asking.clone());
                std::thread::spawn(move || serve(socket.unwrap(), &answers, &asking));
            }
        });
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                announce(redis, &url);
                std::thread::sleep(Duration::from_millis(300));
            }
        });
        Fake { answer, asked, stop }
    }

    pub(crate) fn answers(&self, answer: &[u8]) {
        *self.answer.lock().unwrap() = answer.to_vec();
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn announce(redis: u16, url: &str) {
    let entry = json!({"node": "fake", "process": "f1", "role": "engine", "version": "9", "rules": "0", "url": url, "inside": url});
    let value = format!("{} f1 {entry}", Clock.wall_us() / 1_000).replace('"', "\\\"");
    let Ok(mut socket) = TcpStream::connect(("127.0.0.1", redis)) else {
        return;
    };
    let _ = socket.write_all(format!("HSET scorewire:{{nodes}}:here fake \"{value}\"\r\n").as_bytes());
    let _ = BufReader::new(socket).read_line(&mut String::new());
}

/// Answers one question with what is set, and hangs up; where nothing is set, it never answers.
fn serve(socket: TcpStream, answers: &Mutex<Vec<u8>>, asking: &SyncSender<Vec<String>>) {
    let lines = BufReader::new(&socket).lines().map_while(Result::ok);
    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let answer = answers.lock().unwrap().clone();
    let _ = asking.send(head);
    if answer.is_empty() {
        std::thread::sleep(Duration::from_secs(120));
    }
    let _ = (&socket).write_all(&answer);
}

pub(crate) fn with_body(head: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

#[test]
fn an_engine_that_answers_nonsense_or_nothing_costs_an_edge_its_own_answer_at_most() {
    let Some(redis) = Redis::start("tiers-fake") else { return };
    run(async {
        let settings = [
            ("SCOREWIRE__CLUSTER__UP_KEY", "key-of-edges"),
            ("SCOREWIRE__CLUSTER__UP_REQUESTS_MAX", "2"),
            ("SCOREWIRE__CLUSTER__UP_TIMEOUT_MS", "1000"),
            NOT_SHARED,
            NOT_KEPT,
        ];
        let edge = Served::start(node(&redis, "edge", &settings));
        let http = Http::new(edge.address("address"));
        let fake = Fake::start(redis.port);
        fake.answers(&with_body("200 OK", b"{\"good\":1}"));
        let answer = until(&http, "answered").await;
        assert_eq!(
            (answer.json()["good"].clone(), answer.header("content-type")),
            (json!(1), "application/json")
        );
        let head = fake.asked.recv().unwrap();
        assert_eq!(head[0], format!("GET {PROJECTION} HTTP/1.1"));
        let head = head.join("\n").to_lowercase();
        assert!(
            head.contains("scorewire-from: ") && head.contains("authorization: bearer key-of-edges"),
            "{head}"
        );
        assert!(!head.contains("of-a-client"), "a client's token is the edge's alone: {head}");
        let long = vec![b' '; 300 * 1024];
        let failures: [&[u8]; 6] = [
            &with_body("500 Internal Server Error", b"{}"),
            &with_body("401 Unauthorized", b"{}"),
            &with_body("302 Found\r\nLocation: http://127.0.0.1:1/", b""),
            &with_body("200 OK", &long),
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
            b"SSH-2.0-nonsense\r\n",
        ];
        for (nth, failure) in failures.into_iter().enumerate() {
            fake.answers(failure);
            eventually(&String::from_utf8_lossy(&failure[..failure.len().min(60)]), || async {
                assert_own(&edge_answers(&http, PROJECTION).await);
                count(&http, "failed").await > nth as f64
            })
            .await;
        }
        // One that never answers: those that wait are as many as may, and nobody else waits at all.
        fake.answers(b"");
        let unknown = count(&http, "nobody").await;
        let mut asking = Vec::new();
        for nth in 0..20 {
            let http = http.clone();
            // Each for somebody else: of questions for the same one goes up.
            let path = format!("/v1/players/x-{nth}/projection");
            asking.push(tokio::spawn(async move { edge_answers(&http, &path).await }));
        }
        for answer in asking {
            assert_own(&answer.await.unwrap());
        }
        let (busy, late) = (count(&http, "busy").await, count(&http, "late").await);
        assert!(busy >= 1.0 && late >= 2.0, "{busy} {late}");
        let unknown = count(&http, "nobody").await - unknown;
        assert_eq!(busy + late + unknown, 20.0);
        let told: Value = http.json("/v1/nodes").await;
        assert!(told["nodes"].as_array().unwrap().iter().any(|node| node["id"] == "fake"), "{told}");
    });
}
