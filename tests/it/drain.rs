//! Going down: everyone is told when to come back, everything said is flushed, and nobody new comes in.

use super::support::client::Client;
use super::support::events::{game, play};
use super::support::holdings::Holdings;
use super::support::server::{Http, Server, Way};
use super::support::sse::Stream;
use super::support::{eventually, on_both_writers};
use scorewire::fanout::sockets::WriterSetting;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use tokio::net::TcpStream;

fn first_play() -> Vec<u8> {
    let begin = game("g1", 1, "live", ["AAA", "BBB"], 1_500_000_000, [0, 0]);
    format!("{begin}\n{}", play("g1", 1, 1, &[("x-1", "AAA", 10, 7)])).into_bytes()
}

#[test]
fn everyone_is_told_when_to_come_back_and_gets_what_was_said() {
    on_both_writers(async |writer| tells_everyone(Way::Plain(writer)).await);
}

pub(crate) async fn tells_everyone(way: Way) {
    // Slices of two clients: the drain begins while most have yet to be told of the last play.
    let server = Server::start_on(way, |config| {
        config.shutdown.reconnect_spread_ms = 8_000;
        config.fanout.slice_clients = 2;
    });
    if let Way::Plain(writer) = way {
        let shards = &server.running.app.shards;
        let by_uring = || shards.iter().all(|shard| shard.uring.load(Ordering::Relaxed));
        eventually("the writer asked for", || async { by_uring() == (writer == WriterSetting::Uring) }).await;
    }
    server.post_lines(first_play()).await;
    let mut clients = Vec::new();
    for _ in 0..12 {
        let mut client = Client::connect(&server).await;
        client.subscribe(&["game:g1".to_owned()], "ppr").await;
        client.catch_up(&server).await;
        clients.push(client);
    }
    let mut stream = Stream::open(&server, &["game:g1".to_owned()], "ppr", Holdings::default(), None).await;
    stream.catch_up(&server).await;
    let address = server.address();
    // Said right before the drain: still delivered.
    server.post_lines(play("g1", 2, 1, &[("x-1", "AAA", 10, 5)]).into_bytes()).await;
    let (drained, mut ended) = tokio::join!(server.running.drain(), read_all(clients));
    assert!(drained, "all went in time");
    let mut after = BTreeSet::new();
    for client in &mut ended {
        assert_eq!(client.holdings.of("game:g1", "ppr").players["x-1"].stats["rushing_yards"], 120_000);
        let goodbye = client.said.pop_back().expect("a goodbye");
        assert_eq!((&goodbye["type"], &goodbye["code"]), (&"goodbye".into(), &"draining".into()));
        after.insert(goodbye["reconnect_after_ms"].as_u64().unwrap());
        assert_eq!(client.closed, Some((4000, "draining".to_owned())));
    }
    assert!(
        after.len() > 4 && after.iter().all(|ms| (500..=8_500).contains(ms)),
        "spread: {after:?}"
    );
    assert!(
        after.last().unwrap() - after.first().unwrap() > 4_000,
        "spread over the time: {after:?}"
    );
    let mut last = None;
    while let Some(event) = stream.next().await {
        last = Some(event);
    }
    assert_eq!(last.expect("a goodbye")["type"], "goodbye");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

async fn read_all(clients: Vec<Client>) -> Vec<Client> {
    let mut reading = tokio::task::JoinSet::new();
    for mut client in clients {
        reading.spawn(async move {
            client.read_to_end().await;
            client
        });
    }
    reading.join_all().await
}

#[test]
fn while_it_drains_it_is_not_ready_and_takes_nobody_in() {
    on_both_writers(async |writer| {
        let server = Server::start(|config| {
            config.fanout.writer = writer;
            config.server.admin_bind = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
            config.clients.close_timeout_ms = 60_000;
            config.shutdown.drain_timeout_ms = 60_000;
        });
        let admin = Http::new(server.running.admin_address);
        assert_eq!(admin.get("/readyz").await.json()["ready"], true);
        // Does not hang up when told to, so the drain lasts until it is gone.
        let lingering = Client::connect(&server).await;
        let address = server.address();
        let drain = tokio::spawn(server.running.drain());
        eventually("not ready", || async { admin.get("/readyz").await.status == 503 }).await;
        assert_eq!(admin.get("/readyz").await.json()["reason"], "draining");
        assert_eq!(admin.get("/healthz").await.status, 200);
        eventually("nobody new is taken in", || async { TcpStream::connect(address).await.is_err() }).await;
        assert!(!drain.is_finished(), "somebody is still there");
        assert_eq!(admin.get("/readyz").await.status, 503);
        drop(lingering);
        assert!(drain.await.unwrap(), "all went in time");
    });
}

#[test]
fn who_does_not_go_is_cut_off_in_the_end() {
    on_both_writers(async |writer| {
        let server = Server::start(|config| {
            config.fanout.writer = writer;
            config.clients.close_timeout_ms = 600_000;
            config.shutdown.drain_timeout_ms = 300;
        });
        let lingering = Client::connect(&server).await;
        assert!(!server.running.drain().await, "somebody never went");
        drop(lingering);
    });
}
