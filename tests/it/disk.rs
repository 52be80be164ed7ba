//! A server whose disk fails, fills up, is slow or loses what was not synced: feeds are told, subscribers keep
//! what they have, and it heals by itself.

use super::support::client::Client;
use super::support::events::{game, play};
use super::support::server::{Answer, Server};
use super::support::{eventually, run};
use hyper::Method;
use scorewire::config::{Config, Durability};
use scorewire::pipeline::Machine;
use scorewire::store::Files;
use scorewire::store::faults::{Call, FaultyFiles};
use serde_json::json;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

const GAME: &str = "2099010100";
const TOPIC: &str = "game:2099010100";

/// A server with a log on that disk, in that run of its machine; feeds wait for the disk as long as a test may.
fn serve(files: &FaultyFiles, boot_id: &str, change: impl FnOnce(&mut Config)) -> Server {
    let machine = Machine {
        files: Arc::new(files.clone()),
        boot_id: boot_id.to_owned(),
        is_restored: false,
    };
    Server::start_on_machine(machine, |config| {
        config.store.dir = "log".into();
        config.store.durability = Durability::Group;
        config.store.commit_timeout_ms = 20_000;
        config.store.retry_ms = 20;
        change(config);
    })
}

/// The same where syncs are held: feeds are soon told that the disk is slow.
fn serve_impatiently(files: &FaultyFiles, durability: Durability) -> Server {
    serve(files, "b1", |config| {
        config.store.durability = durability;
        config.store.commit_timeout_ms = 300;
    })
}

/// The n-th play: ten yards for the runner.
fn nth(n: u64) -> Vec<u8> {
    play(GAME, n, 1, &[("90-0000001", "AAA", 10, 10)]).into_bytes()
}

fn plays(some: RangeInclusive<u64>) -> Vec<u8> {
    some.flat_map(|n| [nth(n), b"\n".to_vec()].concat()).collect()
}

/// What the runner has run.
async fn yards(server: &Server) -> u64 {
    let listed = server.json(&format!("/v1/games/{GAME}/players?ruleset=ppr")).await;
    let mut players = listed.as_array().unwrap().iter();
    let runner = players.find(|player| player["player"] == "90-0000001").unwrap();
    runner["stats"]["rushing_yards"].as_u64().unwrap()
}

async fn post(server: &Server, body: Vec<u8>) -> Answer {
    server.request(Method::POST, "/v1/events", &[], body).await
}

async fn announced(server: &Server) {
    confirmed(server, game(GAME, 1, "live", ["AAA", "BBB"], 4_070_908_800, [0, 0]).into_bytes()).await;
}

/// Posts again and again until it is confirmed, as a feed does.
async fn confirmed(server: &Server, body: Vec<u8>) -> Answer {
    loop {
        let answer = post(server, body.clone()).await;
        if answer.status == 200 {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What becomes of events that cannot be written, and of everybody else; `fail` breaks the disk, `mend` mends it.
fn refused_and_healed(fail: impl Fn(&FaultyFiles), mend: impl Fn(&FaultyFiles)) {
    run(async {
        let files = FaultyFiles::new(1);
        let server = serve(&files, "b1", |_| {});
        announced(&server).await;
        let mut client = Client::connect(&server).await;
        client.subscribe(&[TOPIC.to_owned()], "ppr").await;
        server.post_lines(nth(1)).await;
        client.catch_up(&server).await;
        fail(&files);
        let refused = post(&server, nth(2)).await;
        assert_eq!(refused.status, 503, "{}", refused.text());
        assert_eq!(refused.json()["code"], "log_unavailable");
        assert!(server.metric("scorewire_requests_refused_total{reason=\"log_unavailable\"}").await >= 1.0);
        assert_eq!(refused.header("retry-after"), "1");
        // Whoever is there is served, and whoever comes.
        client.barrier().await;
        let mut other = Client::connect(&server).await;
        other.subscribe(&[TOPIC.to_owned()], "ppr").await;
        other.catch_up(&server).await;
        other.holdings.assert_equal_http(&server).await;
        let ready = server.get("/readyz").await;
        assert_eq!(ready.status, 200);
        assert!(
            ready.json()["event_log"].as_str().is_some_and(|why| !why.is_empty()),
            "{}",
            ready.text()
        );
        assert!(server.metric("scorewire_log_failures_total").await > 0.0);
        mend(&files);
        eventually("it heals", || async { post(&server, nth(2)).await.status == 200 }).await;
        server.post_lines(nth(3)).await;
        for client in [&mut client, &mut other] {
            client.catch_up(&server).await;
            client.holdings.assert_equal_http(&server).await;
        }
        assert_eq!(yards(&server).await, 30, "each play once");
        server.end().await;
    });
}

#[test]
fn a_full_disk_costs_subscribers_nothing_and_heals() {
    refused_and_healed(|files| files.set_capacity(Some(0)), FaultyFiles::mend);
}

/// A disk on which a few bytes are left took the mark that was to try it: it was called healed and full in turns,
/// four times a second.
#[test]
fn a_nearly_full_disk_is_called_full_until_there_is_room() {
    run(async {
        let files = FaultyFiles::new(6);
        let server = serve(&files, "b1", |_| {});
        announced(&server).await;
        let used: u64 = files.list("log".as_ref()).unwrap().iter().map(|(_, bytes)| bytes).sum();
        files.set_capacity(Some(used + 100));
        let refused = post(&server, nth(1)).await;
        assert_eq!(
            (refused.status.as_u16(), refused.json()["code"].clone()),
            (503, json!("log_unavailable"))
        );
        for _ in 0..3 {
            let failures = server.metric("scorewire_log_failures_total").await;
            eventually("it is tried again", async || {
                server.metric("scorewire_log_failures_total").await > failures
            })
            .await;
            assert_eq!(server.metric("scorewire_log_healthy").await, 0.0);
        }
        files.mend();
        eventually("it heals without an event", async || {
            server.get("/readyz").await.json()["event_log"].is_null()
        })
        .await;
        assert_eq!(server.metric("scorewire_log_healthy").await, 1.0);
        assert_eq!(server.post_lines(nth(1)).await, (1, 0));
        server.end().await;
    });
}

#[test]
fn a_read_only_disk_costs_subscribers_nothing_and_heals() {
    refused_and_healed(|files| files.set_read_only(true), FaultyFiles::mend);
}

/// What is written and not known to be on disk is shown, and not confirmed; once the disk works again it is
/// written anew, and sending it again changes nothing.
#[test]
fn a_sync_that_fails_is_not_confirmed_and_loses_nothing() {
    run(async {
        let files = FaultyFiles::new(2);
        let server = serve(&files, "b1", |_| {});
        announced(&server).await;
        for n in 1..20 {
            files.fail(Call::Sync, 0);
            confirmed(&server, nth(n)).await;
        }
        files.mend();
        let before = server.json(&format!("/v1/snapshot?topics={TOPIC}")).await;
        let epoch = before["epoch"].clone();
        server.end().await;
        let again = serve(&files, "b1", |_| {});
        let after = again.json(&format!("/v1/snapshot?topics={TOPIC}")).await;
        assert_eq!(
            (&after["epoch"], &after["snapshots"][0]["seq"]),
            (&epoch, &before["snapshots"][0]["seq"])
        );
        assert_eq!(after["snapshots"][0]["players"], before["snapshots"][0]["players"]);
        again.end().await;
    });
}

#[test]
fn a_slow_disk_delays_the_answer_and_under_group_not_the_frame() {
    run(async {
        let files = FaultyFiles::new(3);
        let server = serve_impatiently(&files, Durability::Group);
        announced(&server).await;
        let mut client = Client::connect(&server).await;
        client.subscribe(&[TOPIC.to_owned()], "ppr").await;
        files.hold_syncs(true);
        let late = post(&server, nth(1)).await;
        assert_eq!((late.status.as_u16(), late.json()["code"].clone()), (503, json!("log_slow")));
        eventually("it is said", async || {
            server.get("/readyz").await.json()["event_log"].is_string() && server.metric("scorewire_log_healthy").await == 0.0
        })
        .await;
        assert!(server.metric("scorewire_requests_refused_total{reason=\"log_slow\"}").await >= 1.0);
        client.catch_up(&server).await;
        assert!(client.holdings.of(TOPIC, "ppr").seq > 1, "it is shown before it is on disk");
        files.hold_syncs(false);
        assert_eq!(confirmed(&server, nth(1)).await.json()["duplicate"], 1, "it was applied");
        assert!(server.get("/readyz").await.json()["event_log"].is_null());
        server.end().await;
    });
}

#[test]
fn a_slow_disk_delays_the_frame_under_sync() {
    run(async {
        let files = FaultyFiles::new(4);
        let server = serve_impatiently(&files, Durability::Sync);
        announced(&server).await;
        let seq = async || server.json(&format!("/v1/snapshot?topics={TOPIC}")).await["snapshots"][0]["seq"].clone();
        let before = seq().await;
        files.hold_syncs(true);
        assert_eq!(post(&server, nth(1)).await.status, 503);
        assert_eq!(seq().await, before, "nobody is shown what the disk may lose");
        files.hold_syncs(false);
        eventually("shown", async || seq().await != before).await;
        server.end().await;
    });
}

/// Power goes while events are written: what was confirmed is there, the rest may be. Whoever comes back is told
/// that it is another history, since somebody may have been shown what is gone.
#[test]
fn a_lost_machine_loses_nothing_confirmed_and_begins_a_new_epoch() {
    for seed in 0..4 {
        run(async move {
            let files = FaultyFiles::new(seed);
            let server = serve_impatiently(&files, Durability::Group);
            announced(&server).await;
            let mut client = Client::connect(&server).await;
            client.subscribe(&[TOPIC.to_owned()], "ppr").await;
            confirmed(&server, plays(1..=30)).await;
            files.hold_syncs(true);
            let unconfirmed = post(&server, plays(31..=60)).await;
            assert_eq!(unconfirmed.status, 503);
            client.catch_up(&server).await;
            let (holdings, epoch) = client.cut();
            files.cut_power();
            drop(server);
            let again = serve(&files, "b2", |_| {});
            let mut client = Client::come_back(&again, holdings).await;
            assert_ne!(client.epoch, epoch);
            assert_eq!(
                client.resume(&[TOPIC.to_owned()], "ppr", &epoch).await,
                0,
                "a snapshot, and it says why"
            );
            assert_eq!(again.post_lines(plays(1..=30)).await, (0, 30));
            again.post_lines(plays(31..=60)).await;
            client.catch_up(&again).await;
            client.holdings.assert_equal_http(&again).await;
            assert_eq!(yards(&again).await, 600);
            again.end().await;
        });
    }
}

/// A machine that went down after an orderly end of the server had nothing to lose.
#[test]
fn an_orderly_end_outlives_the_machine() {
    run(async {
        let files = FaultyFiles::new(5);
        let server = serve(&files, "b1", |_| {});
        announced(&server).await;
        server.post_lines(nth(1)).await;
        let epoch = server.running.app.epoch.name();
        server.end().await;
        files.cut_power();
        let again = serve(&files, "b2", |_| {});
        assert_eq!(again.running.app.epoch.name(), epoch);
        assert_eq!(again.post_lines(nth(1)).await, (0, 1));
        again.end().await;
    });
}
