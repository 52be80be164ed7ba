//! A contest that says over which games it is played: what its players do in others, before and after, is no part of it,
//! and what they had stays when its games are let go of.

use crate::contests::post;
use crate::hostile::binary::Folder;
use crate::support::client::Client;
use crate::support::events::{game, play};
use crate::support::server::{Http, Server};
use crate::support::{eventually, run};
use hyper::Method;
use scorewire::config::Durability;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// Catches are a point each and a tenth of a point a yard.
const RULESET: &str = "ppr";
const WEEKS: [(&str, i64); 3] = [("week-1", 1_800_000_000), ("week-2", 1_800_600_000), ("week-3", 1_801_200_000)];

/// Two entries of one player each; `slate` says what is said of games.
fn body(id: &str, slate: &Value, table: &[(&str, &str)]) -> Vec<u8> {
    let mut terms = json!({"contest": id, "ruleset": RULESET, "slots": ["WR"], "payouts": "1:10"});
    if let Some(slate) = slate.as_object() {
        terms.as_object_mut().unwrap().extend(slate.clone());
    }
    let players = table.iter().map(|(player, game)| json!({"player": player, "game": game}));
    let entries = [("e1", "p-1"), ("e2", "p-2")].map(|(entry, player)| json!({"entry": entry, "lineup": [player]}));
    let lines = std::iter::once(terms).chain(players).chain(entries);
    lines.map(|line| format!("{line}\n")).collect::<String>().into_bytes()
}

async fn announce(server: &Http, week: usize, rev: u64, status: &str) {
    let (id, kickoff) = WEEKS[week];
    let line = game(id, rev, status, ["NE", "HOU"], kickoff, [0, 0]);
    server.post_lines(format!("{line}\n").into_bytes()).await;
}

async fn catches(server: &Http, week: usize, number: u64, rev: u64, (player, yards): (&str, i32)) {
    let line = play(WEEKS[week].0, number, rev, &[(player, "NE", 21, yards)]);
    server.post_lines(format!("{line}\n").into_bytes()).await;
}

async fn entry(server: &Http, contest: &str, entry: &str) -> Value {
    server.json(&format!("/v1/contests/{contest}/entries/{entry}")).await
}

async fn has(server: &Http, contest: &str, name: &str, points: f64) {
    let what = format!("{contest}/{name} has {points}");
    eventually(&what, || async {
        entry(server, contest, name).await["points"].as_f64() == Some(points)
    })
    .await;
}

async fn is_final(server: &Http, contest: &str) -> bool {
    server.json(&format!("/v1/contests/{contest}")).await["final"] == json!(true)
}

fn stored(log: &Path) -> Server {
    Server::start(|config| {
        config.store.durability = Durability::Group;
        config.store.dir = log.to_owned();
        config.store.keep_finished_hours = 0;
        config.engine.plays_max = 1_000_000;
        (config.store.segment_bytes, config.store.snapshot_every_bytes) = (4096, 4096);
    })
}

#[test]
fn what_players_do_in_other_games_is_no_part_of_it() {
    run(async {
        let server = Server::start(|_| {});
        announce(&server, 0, 1, "live").await;
        catches(&server, 0, 1, 1, ("p-1", 30)).await;
        let named = json!({"games": ["week-2"]});
        assert_eq!(post(&server, body("named", &named, &[])).await.status, 201);
        let table = [("p-1", "week-2"), ("p-2", "week-2")];
        assert_eq!(post(&server, body("table", &json!({}), &table)).await.status, 201);
        assert_eq!(post(&server, body("any", &json!({}), &[])).await.status, 201);
        // As soon as it is there it shows where everybody stands.
        assert_eq!(entry(&server, "any", "e1").await["points"], 4);
        for bound in ["named", "table"] {
            let now = entry(&server, bound, "e1").await;
            assert_eq!((&now["points"], &now["players_left"]), (&json!(0), &json!(1)), "{bound}");
        }
        let mut client = Client::connect(&server).await;
        let topic = "entry:named/e1".to_owned();
        client.subscribe(std::slice::from_ref(&topic), RULESET).await;
        client.read_some(1).await;
        catches(&server, 0, 2, 1, ("p-1", 10)).await;
        has(&server, "any", "e1", 6.0).await;

        announce(&server, 1, 1, "live").await;
        catches(&server, 1, 1, 1, ("p-1", 50)).await;
        catches(&server, 1, 2, 1, ("p-2", 20)).await;
        for contest in ["any", "named", "table"] {
            has(&server, contest, "e1", 6.0).await;
            has(&server, contest, "e2", 3.0).await;
        }
        announce(&server, 1, 2, "final").await;
        eventually("its games are over", || is_final(&server, "named")).await;
        let over = entry(&server, "table", "e2").await;
        assert_eq!((&over["players_left"], &over["rank"]), (&json!(0), &json!(2)));

        // The next week begins, and that one goes on meaning what it did; a correction of it still counts.
        announce(&server, 2, 1, "live").await;
        catches(&server, 2, 1, 1, ("p-1", 70)).await;
        has(&server, "any", "e1", 8.0).await;
        catches(&server, 1, 1, 2, ("p-1", 10)).await;
        for contest in ["named", "table"] {
            has(&server, contest, "e1", 2.0).await;
            assert!(is_final(&server, contest).await);
        }
        has(&server, "any", "e1", 8.0).await;
        eventually("another game", || async { !is_final(&server, "any").await }).await;
        while client.holdings.standings.get(&topic).is_none_or(|held| held.shown["points"] != 2) {
            client.next().await.expect("a frame");
        }
        assert_eq!(client.holdings.standings[&topic].shown["rank"], 2);
        drop(client);
        server.end().await;
    });
}

#[test]
fn what_players_had_outlives_their_games_and_the_server() {
    run(async {
        let folder = Folder::new("slate");
        let log = folder.path().join("log");
        let server = stored(&log);
        announce(&server, 1, 1, "live").await;
        assert_eq!(post(&server, body("kept", &json!({"games": ["week-2"]}), &[])).await.status, 201);
        assert_eq!(post(&server, body("gone", &json!({"games": ["week-2"]}), &[])).await.status, 201);
        catches(&server, 1, 1, 1, ("p-1", 50)).await;
        announce(&server, 1, 2, "final").await;
        let file = |id: &str| log.join(format!("contest-{id}.points"));
        eventually("stored", || async { file("kept").exists() && file("gone").exists() }).await;
        let deleted = server.request(Method::DELETE, "/v1/contests/gone", &[], Vec::new()).await;
        assert_eq!(deleted.status, 204);
        assert!(!file("gone").exists());
        // Until the game is let go of, which is done whenever a file of the log is whole.
        for first in (1..).step_by(100) {
            let plays: Vec<String> = (first..first + 100)
                .map(|number| play("week-3", number, 1, &[("p-2", "NE", 10, 1)]))
                .collect();
            server.post_lines(plays.join("\n").into_bytes()).await;
            if server.get("/v1/games/week-2").await.status == 404 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        has(&server, "kept", "e1", 6.0).await;
        has(&server, "kept", "e2", 0.0).await;
        server.end().await;

        let server = stored(&log);
        assert_eq!(server.get("/v1/games/week-2").await.status, 404);
        let now = entry(&server, "kept", "e1").await;
        assert_eq!(
            (&now["points"], &now["rank"], &now["players_left"]),
            (&json!(6), &json!(1), &json!(0))
        );
        assert!(is_final(&server, "kept").await);
        server.end().await;
    });
}

#[test]
fn a_topic_moves_when_what_it_shows_does_and_a_poller_hears_of_it() {
    run(async {
        let server = Server::start(|_| {});
        announce(&server, 1, 1, "live").await;
        assert_eq!(post(&server, body("c", &json!({}), &[])).await.status, 201);
        catches(&server, 1, 1, 1, ("p-1", 50)).await;
        has(&server, "c", "e1", 6.0).await;
        // Nobody watches: whoever asks again with the tag hears of every difference, and of nothing else.
        let path = "/v1/snapshot?topics=entry:c/e1";
        let ask = async |tag: &str| {
            let headers = [("if-none-match", tag)];
            let answer = server.request(Method::GET, path, &headers, Vec::new()).await;
            (answer.status.as_u16(), answer.header("etag").to_owned())
        };
        let (status, tag) = ask("\"none\"").await;
        assert_eq!(status, 200);
        assert_eq!(ask(&tag).await, (304, tag.clone()));
        catches(&server, 1, 2, 1, ("p-1", 0)).await;
        has(&server, "c", "e1", 7.0).await;
        let (status, later) = ask(&tag).await;
        assert!(status == 200 && later != tag, "{status} {later}");

        let mut client = Client::connect(&server).await;
        let topic = "entry:c/e1".to_owned();
        client.subscribe(std::slice::from_ref(&topic), RULESET).await;
        client.read_some(1).await;
        while !client.holdings.standings.contains_key(&topic) {
            client.next().await.expect("a snapshot");
        }
        let begun = client.holdings.standings[&topic].seq;
        // A target without a catch is worth nothing; the other one's catch leaves the first as it is.
        for number in 3..20 {
            let line = play("week-2", number, 1, &[("p-1", "NE", 115, 0)]);
            server.post_lines(format!("{line}\n").into_bytes()).await;
        }
        catches(&server, 1, 20, 1, ("p-1", 10)).await;
        while client.holdings.standings[&topic].shown["points"] != 9 {
            client.next().await.expect("a delta");
        }
        assert_eq!(client.holdings.standings[&topic].seq, begun + 1);
        drop(client);
        server.end().await;
    });
}

#[test]
fn a_contest_that_cannot_be_served_keeps_its_id_until_it_is_deleted() {
    run(async {
        let folder = Folder::new("unserved");
        let log = folder.path().join("log");
        let server = stored(&log);
        for id in ["c1", "c2"] {
            assert_eq!(post(&server, body(id, &json!({}), &[])).await.status, 201);
        }
        server.end().await;
        let server = Server::start(|config| {
            config.store.durability = Durability::Group;
            config.store.dir = log.clone();
            config.contests.contests_max = 1;
        });
        assert_eq!(server.json("/v1/contests").await["contests"].as_array().unwrap().len(), 1);
        let delete = async |id: &str| {
            let answer = server.request(Method::DELETE, &format!("/v1/contests/{id}"), &[], Vec::new()).await;
            answer.status.as_u16()
        };
        assert_eq!(delete("c1").await, 204);
        let again = post(&server, body("c2", &json!({}), &[])).await;
        assert_eq!((again.status.as_u16(), &again.json()["code"]), (409, &json!("contest_exists")));
        assert_eq!(delete("c2").await, 204);
        assert_eq!(delete("c2").await, 404);
        assert_eq!(post(&server, body("c2", &json!({}), &[])).await.status, 201);
        server.end().await;
    });
}
