//! Situations of which nothing else is tested than that the page shows them: queues that fill, a drain under way,
//! games let go of.

use crate::hostile::binary::Folder;
use crate::support::client::Client;
use crate::support::events::{game, play};
use crate::support::server::{Http, Server};
use crate::support::{eventually, moved, run};
use scorewire::config::Durability;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Waits until each of these has been above 0 on the page, at whatever time.
async fn seen(http: &Http, lines: &[&str]) {
    let waiting = std::cell::RefCell::new(lines.to_vec());
    eventually(&format!("{lines:?}"), || async {
        let page = http.get("/metrics").await.text();
        moved::show(&page);
        let value = |line: &str| {
            page.lines()
                .find_map(|l| l.strip_prefix(line)?.strip_prefix(' ')?.parse::<f64>().ok())
        };
        waiting.borrow_mut().retain(|line| value(line).unwrap_or(0.0) == 0.0);
        waiting.borrow().is_empty()
    })
    .await;
}

/// Small limits, clients of one game, and plays from several sides as fast as they are taken.
#[test]
fn queues_that_fill_are_seen() {
    run(async {
        let folder = Folder::new("queues");
        let server = Server::start(|config| {
            config.store.durability = Durability::Group;
            config.store.dir = folder.path().join("log");
            config.engine.plays_max = 1_000_000;
            config.fanout.notices_max = 1;
            config.fanout.slice_clients = 1;
        });
        server
            .post_lines(game("q", 1, "live", ["AAA", "BBB"], 1_500_000_000, [0, 0]).into_bytes())
            .await;
        let (stop, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(1)));
        let mut busy = Vec::new();
        for _ in 0..4 {
            let (http, stop, next) = (server.http.clone(), stop.clone(), next.clone());
            busy.push(tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let first = next.fetch_add(300, Ordering::Relaxed);
                    let plays: Vec<String> = (first..first + 300).map(|id| play("q", id, 1, &[("p-1", "AAA", 10, 1)])).collect();
                    // A busy server says so, which is what is wanted.
                    http.try_post(plays.join("\n").into_bytes()).await;
                }
            }));
        }
        for _ in 0..6 {
            let (http, stop) = (server.http.clone(), stop.clone());
            busy.push(tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let mut client = Client::connect(&http).await;
                    client.ask(json!({"op": "subscribe", "topics": ["game:q"], "ruleset": "ppr"})).await;
                    client
                        .ask(json!({"op": "lineup", "ruleset": "ppr", "slots": [{"slot": "FLEX", "player": "p-1", "multiplier": 1}]}))
                        .await;
                    client.read_some(20).await;
                }
            }));
        }
        let levels = [
            "scorewire_engine_jobs_waiting",
            "scorewire_log_batches_waiting",
            "scorewire_log_unsynced_bytes",
            "scorewire_shard_notices_waiting",
            "scorewire_shard_commands_waiting",
            "scorewire_shard_resyncs_total",
            "scorewire_walks_rested_total",
            "scorewire_lineup_changes_total",
            "scorewire_lineup_resyncs_total",
            "scorewire_lineup_jumps_total",
            "scorewire_connections",
            "scorewire_subscriptions",
            "scorewire_topics",
            "scorewire_lineups",
            "scorewire_games",
            "scorewire_games_live",
            "scorewire_members",
            "scorewire_ring_entries",
            "scorewire_ring_fullest_entries",
            "scorewire_log_bytes",
            "scorewire_log_segments",
            "scorewire_log_last_sync_seconds",
        ];
        seen(&server, &levels).await;
        stop.store(true, Ordering::Relaxed);
        for one in busy {
            one.await.unwrap();
        }
        server.end().await;
    });
}

#[test]
fn a_drain_is_seen_by_operators() {
    run(async {
        let server = Server::start(|config| config.server.admin_bind = Some(SocketAddr::from(([127, 0, 0, 1], 0))));
        let admin = Http::new(server.running.admin_address);
        assert_eq!(admin.metric("scorewire_limit{what=\"drain_seconds\"}").await, 10.0);
        // It does not answer the close, so that the drain takes `clients.close_timeout_ms`.
        let client = Client::connect(&server).await;
        let (all_went, ()) = tokio::join!(server.running.drain(), seen(&admin, &["scorewire_drain_seconds"]));
        assert!(all_went, "who does not hang up is hung up on");
        drop(client);
    });
}

#[test]
fn games_that_are_let_go_of_are_seen() {
    run(async {
        let folder = Folder::new("let-go");
        let server = Server::start(|config| {
            config.store.durability = Durability::Group;
            config.store.dir = folder.path().join("log");
            config.store.keep_finished_hours = 0;
            config.engine.plays_max = 1_000_000;
            config.store.segment_bytes = 4096;
            config.store.snapshot_every_bytes = 4096;
        });
        let over = game("over", 1, "final", ["AAA", "BBB"], 1_500_000_000, [7, 0]);
        server.post_lines(over.into_bytes()).await;
        let lines = [
            "scorewire_games_expired_total",
            "scorewire_expired_game_ids",
            "scorewire_log_snapshots_total{outcome=\"made\"}",
        ];
        // Housekeeping is done whenever a file of the log is whole.
        let fill = async {
            for first in (1..).step_by(100) {
                let plays: Vec<String> = (first..first + 100)
                    .map(|id| play("live", id, 1, &[("p-1", "AAA", 10, 1)]))
                    .collect();
                server.post_lines(plays.join("\n").into_bytes()).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::select! {
            () = seen(&server, &lines) => {}
            () = fill => {}
        }
        server.end().await;
    });
}

/// Of a feed with a clock that is right, and a list of players.
#[test]
fn what_a_feed_says_is_seen() {
    run(async {
        let server = Server::start(|_| {});
        let now = server.running.app.clock.wall_us();
        let line = play("now", 1, 1, &[("p-1", "AAA", 10, 1)]).replace("1500000000000001", &now.to_string());
        assert!(line.contains(&now.to_string()));
        let players = r#"{"type":"players","players":[{"player":"p-1","position":"TE"}]}"#;
        server.post_lines(format!("{players}\n{line}").into_bytes()).await;
        seen(&server, &["scorewire_feed_to_ingest_seconds_count", "scorewire_players"]).await;
        server.end().await;
    });
}
