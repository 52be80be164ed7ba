//! A client that never reads: merged, then too far behind, then closed. It costs nobody else anything.

use super::support::client::Client;
use super::support::events::{game, play};
use super::support::server::{Server, Way};
use super::support::{eventually, on_both_writers};
use std::time::Duration;

const CLOSED: &str = "scorewire_connections_closed_total{reason=\"stalled\"}";
const RULESETS: [&str; 6] = ["draftkings", "fanduel", "half_ppr", "ppr", "standard", "yahoo"];

/// A game of many players, so that frames are large.
fn kickoff() -> String {
    let records: Vec<(String, u16)> = (0..40).map(|player| (format!("x-{player}"), 10)).collect();
    let records: Vec<_> = records.iter().map(|(player, stat)| (player.as_str(), "AAA", *stat, 3)).collect();
    let plays: Vec<String> = records.chunks(10).zip(1..).map(|(some, id)| play("g1", id, 1, some)).collect();
    format!(
        "{}\n{}",
        game("g1", 1, "live", ["AAA", "BBB"], 1_500_000_000, [0, 0]),
        plays.join("\n")
    )
}

#[test]
fn a_client_that_never_reads_is_closed_and_others_notice_nothing() {
    on_both_writers(async |writer| never_reads(Way::Plain(writer)).await);
}

pub(crate) async fn never_reads(way: Way) {
    // Clients that are closed are counted for the whole process: one such test at a time.
    static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _alone = ALONE.lock().await;
    let server = Server::start_on(way, |config| {
        config.fanout.send_buffer_bytes = 4096;
        config.fanout.unsent_bytes_max = 4096;
        config.engine.plays_max = 1_000_000;
        config.clients.stall_timeout_ms = 1_500;
        config.clients.close_timeout_ms = 300;
    });
    server.post_lines(kickoff().into_bytes()).await;
    let before = server.metric(CLOSED).await;
    let mut reader = Client::connect(&server).await;
    reader.subscribe(&["game:g1".to_owned()], "draftkings").await;
    let mut sleeper = Client::connect_narrow(&server).await;
    for ruleset in RULESETS {
        sleeper.subscribe(&["game:g1".to_owned(), "team:AAA".to_owned()], ruleset).await;
    }
    server.has_clients(2).await;
    let mut id = 100;
    // Play on until its socket refuses bytes and it has been closed for that.
    while server.metric(CLOSED).await == before {
        // Once its socket refuses bytes, time alone tells.
        if server.slow_clients() > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for _ in 0..40 {
            id += 1;
            let line = play("g1", id, 1, &[("x-1", "AAA", 10, 1), ("x-2", "AAA", 10, 2)]);
            server.post_lines(line.into_bytes()).await;
        }
        reader.catch_up(&server).await;
    }
    assert!(id > 100, "it was slow first");
    server.has_clients(1).await;
    reader.barrier().await;
    reader.catch_up(&server).await;
    reader.holdings.assert_equal_http(&server).await;
    assert_eq!(reader.closed, None);
    assert_eq!(reader.holdings.counts.snapshots.get("lagged"), None, "{:?}", reader.holdings.counts);
    sleeper.read_to_end().await;
    drop(reader);
    server.end().await;
}

#[test]
fn a_client_that_wakes_up_too_far_behind_is_given_a_snapshot() {
    on_both_writers(async |writer| wakes_up_late(Way::Plain(writer)).await);
}

pub(crate) async fn wakes_up_late(way: Way) {
    let server = Server::start_on(way, |config| {
        config.fanout.send_buffer_bytes = 4096;
        config.fanout.unsent_bytes_max = 4096;
        config.fanout.ring_frames = 8;
    });
    server.post_lines(kickoff().into_bytes()).await;
    let mut sleeper = Client::connect_narrow(&server).await;
    for ruleset in RULESETS {
        sleeper.subscribe(&["game:g1".to_owned(), "team:AAA".to_owned()], ruleset).await;
    }
    let mut id = 100;
    while server.slow_clients() == 0 {
        id += 1;
        server.post_lines(play("g1", id, 1, &[("x-1", "AAA", 10, 1)]).into_bytes()).await;
    }
    for _ in 0..20 {
        id += 1;
        server.post_lines(play("g1", id, 1, &[("x-2", "AAA", 10, 1)]).into_bytes()).await;
    }
    sleeper.catch_up(&server).await;
    sleeper.holdings.assert_equal_http(&server).await;
    let snapshots = &sleeper.holdings.counts.snapshots;
    assert!(snapshots.get("lagged").is_some_and(|count| *count > 0), "{snapshots:?}");
    eventually("nobody is slow any more", || async { server.slow_clients() == 0 }).await;
    drop(sleeper);
    server.end().await;
}
