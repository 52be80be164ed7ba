//! What is there for plain HTTP.

use super::support::events::{game, play};
use super::support::server::{Answer, Server};
use super::support::{eventually, run};
use hyper::Method;
use scorewire::telemetry::{METRICS, Type};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A game with two plays and three named players.
async fn server() -> Server {
    let server = Server::start(|_| ());
    let lines = [
        game("g1", 1, "live", ["AAA", "BBB"], 1_500_000_000, [7, 0]),
        r#"{"type":"players","players":[{"player":"x-1","name":"Ann Runner","team":"AAA","position":"RB"},{"player":"x-2","name":"Bo Thrower","team":"AAA","position":"QB"},{"player":"x-3","name":"Cy Catcher","team":"BBB","position":"WR"}]}"#.to_owned(),
        play("g1", 1, 1, &[("x-1", "AAA", 10, 7)]),
        play("g1", 2, 1, &[("x-1", "AAA", 11, 4), ("x-3", "BBB", 79, 0)]),
    ];
    server.post_lines(lines.join("\n").into_bytes()).await;
    server
}

async fn get(server: &Server, path: &str, headers: &[(&str, &str)]) -> Answer {
    server.request(Method::GET, path, headers, Vec::new()).await
}

#[test]
fn snapshots_are_cacheable_and_compressed() {
    run(async {
        let server = server().await;
        let all = "/v1/snapshot?topics=game:g1,player:x-1,team:AAA,team:BBB,slate,player:nobody,game:none&ruleset=ppr";
        let plain = get(&server, all, &[]).await;
        assert_eq!((plain.status.as_u16(), plain.header("content-encoding")), (200, ""));
        assert!(plain.header("cache-control").contains("max-age="), "{:?}", plain.headers);
        let snapshots = plain.json()["snapshots"].as_array().unwrap().clone();
        let seqs: Vec<&Value> = snapshots.iter().map(|snapshot| &snapshot["seq"]).collect();
        assert_eq!(seqs.len(), 7);
        assert_eq!((seqs[5], seqs[6]), (&json!(0), &json!(0)), "of what has not appeared");
        assert_eq!(snapshots[1]["points"], json!(7.1), "{}", snapshots[1]);
        let etag = plain.header("etag").to_owned();
        assert!(
            etag.starts_with("W/\"") && etag.ends_with('"'),
            "the same for the plain and the zipped body: {etag}"
        );
        let again = get(&server, all, &[("if-none-match", &etag)]).await;
        assert_eq!((again.status.as_u16(), again.body.len(), again.header("etag")), (304, 0, &*etag));
        let listed = format!("\"other\", {}", etag.trim_start_matches("W/"));
        assert_eq!(get(&server, all, &[("if-none-match", &listed)]).await.status, 304);
        let zipped = get(&server, all, &[("accept-encoding", "gzip, br")]).await;
        assert_eq!((zipped.status.as_u16(), zipped.header("content-encoding")), (200, "gzip"));
        let mut text = String::new();
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&zipped.body[..]), &mut text).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["snapshots"][1]["points"], json!(7.1));
        assert!(zipped.body.len() < plain.body.len());
        server.post_lines(play("g1", 3, 1, &[("x-1", "AAA", 10, 1)]).into_bytes()).await;
        let changed = get(&server, all, &[("if-none-match", &etag)]).await;
        assert_eq!(changed.status, 200);
        assert_ne!(changed.header("etag"), etag);
        assert_eq!(changed.json()["snapshots"][1]["points"], json!(7.2));
        server.end().await;
    });
}

#[test]
fn a_players_points_over_time() {
    run(async {
        let server = server().await;
        server.post_lines(play("g1", 1, 2, &[("x-1", "AAA", 10, 5)]).into_bytes()).await;
        let history = server.json("/v1/history?topic=player:x-1&ruleset=standard").await;
        let base = 1_500_000_000_000_000i64;
        assert_eq!(
            history,
            json!([[base + 1, 1, 0.7], [base + 2, 2, 7.1], [base + 1, 3, 6.9]]),
            "{history}"
        );
        assert_eq!(server.json("/v1/history?topic=player:nobody").await, json!([]));
        assert_eq!(get(&server, "/v1/history?topic=slate", &[]).await.status, 400);
        server.end().await;
    });
}

#[test]
fn players_are_found_by_name_team_and_position() {
    run(async {
        let server = server().await;
        for (query, expected) in [
            ("runner", &["x-1"][..]),
            ("aaa", &["x-1", "x-2"]),
            ("wr", &["x-3"]),
            ("x-2", &["x-2"]),
            ("zz", &[]),
        ] {
            let answer = server.json(&format!("/v1/players?q={query}")).await;
            let found: Vec<&str> = answer["players"]
                .as_array()
                .unwrap()
                .iter()
                .map(|p| p["player"].as_str().unwrap())
                .collect();
            assert_eq!(found, expected, "{query}: {answer}");
        }
        let one = &server.json("/v1/players?q=Bo%20Thrower").await["players"][0];
        assert_eq!(
            *one,
            json!({"player": "x-2", "name": "Bo Thrower", "team": "AAA", "position": "QB"})
        );
        server.end().await;
    });
}

#[test]
fn what_there_is_is_listed() {
    run(async {
        let server = server().await;
        let rulesets = server.json("/v1/rulesets").await;
        let names: Vec<&str> = rulesets["rulesets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["draftkings", "fanduel", "half_ppr", "ppr", "standard", "yahoo"]);
        assert_eq!(rulesets["default"], "draftkings");
        let games = server.json("/v1/games").await;
        assert_eq!(
            (&games["games"][0]["game"], &games["games"][0]["home"]),
            (&json!("g1"), &json!("AAA"))
        );
        assert_eq!(games["games"][0]["score"], json!({"AAA": 7, "BBB": 0}));
        let players = server.json("/v1/games/g1/players").await;
        let ids: BTreeSet<&str> = players.as_array().unwrap().iter().map(|p| p["player"].as_str().unwrap()).collect();
        // Everybody with a stat record, and both defences.
        assert_eq!(ids, BTreeSet::from(["x-1", "x-3", "dst:AAA", "dst:BBB"]));
        let unknown = [
            ("/v1/games/none/players", "unknown_game"),
            ("/v1/games/g1/players?ruleset=none", "unknown_ruleset"),
        ];
        for (path, code) in unknown {
            let answer = get(&server, path, &[]).await;
            assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (404, &json!(code)), "{path}");
        }
        assert_eq!(server.json("/healthz").await["healthy"], true);
        assert_eq!(server.json("/readyz").await["ready"], true);
        server.end().await;
    });
}

/// One line of the metrics' page: name, labels, value.
fn sample(line: &str) -> (&str, &str, f64) {
    let (series, value) = line.rsplit_once(' ').expect("a value");
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let labels = labels.strip_suffix('}').expect("closed labels");
    assert!(
        name.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit()),
        "{line}"
    );
    (name, labels, value.parse().expect("a number"))
}

#[test]
fn every_metric_is_there_and_documented() {
    run(async {
        let server = server().await;
        // Latencies are there once there were any: somebody has to be sent something.
        let mut client = super::support::client::Client::connect(&server).await;
        client.subscribe(&["game:g1".to_owned()], "ppr").await;
        client.catch_up(&server).await;
        let body = play("g1", 9, 1, &[("x-1", "AAA", 10, 1)]).into_bytes();
        server.post_lines(body).await;
        client.catch_up(&server).await;
        let page = || async { server.get("/metrics").await.text() };
        eventually("every latency is recorded", || async {
            let page = page().await;
            let recorded = |metric: &str| page.contains(&format!("{metric}_count "));
            recorded("scorewire_encode_to_written_seconds") && recorded("scorewire_fanout_walk_seconds")
        })
        .await;
        let page = page().await;
        let names: BTreeSet<&str> = page
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| sample(line).0)
            .collect();
        for metric in METRICS {
            let name = match metric.kind {
                Type::Histogram => format!("{}_count", metric.name),
                Type::Counter | Type::Gauge => metric.name.to_owned(),
            };
            assert!(names.contains(&*name), "{name} is missing");
            assert!(page.contains(&format!("# HELP {} ", metric.name)), "{name} has no help");
        }
        let base = |name: &str| {
            let stem = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            METRICS.iter().any(|metric| metric.name == name || Some(metric.name) == stem)
        };
        let unknown: Vec<&&str> = names.iter().filter(|name| !base(name)).collect();
        assert!(unknown.is_empty(), "not in the table: {unknown:?}");
        drop(client);
        server.end().await;
    });
}

#[test]
fn metrics_can_be_switched_off() {
    run(async {
        let server = Server::start(|config| config.metrics.enabled = false);
        let answer = server.http.get("/metrics").await;
        assert_eq!(answer.status, 404);
        assert!(answer.text().contains("metrics.enabled"), "{}", answer.text());
        server.end().await;
    });
}
