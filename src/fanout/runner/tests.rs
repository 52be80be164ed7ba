//! The shard's task with real sockets: who comes when it is about to end.

use super::*;
use crate::config::Config;
use crate::fanout::hub::{Hub, HubLimits};
use crate::fanout::shard::ShardParts;
use crate::fanout::sockets::WritePath;
use crate::scoring::Rulesets;
use crate::wire::close::CloseReason;
use std::io::Read;
use std::net::{TcpListener, TcpStream};

/// A task without topics, and where to ask it for something.
fn runner() -> (Runner, flume::Sender<Command>) {
    let hub_limits = HubLimits {
        ring_frames: 8,
        topics_max: 8,
        notices_max: 8,
    };
    let (hub, mut inboxes) = Hub::new(1, hub_limits);
    let rulesets = Arc::new(Rulesets::embedded());
    let (sender, commands) = flume::bounded(8);
    let runner = Runner {
        shard: Shard::new(ShardParts {
            index: 0,
            hub: Arc::new(hub),
            default_ruleset: rulesets.index("ppr").unwrap(),
            rulesets,
            games: Arc::new(|_| None),
            epoch: "e1".into(),
            limits: Config::default().shard_limits(),
        }),
        sockets: Sockets::new(WritePath::Send).unwrap(),
        inbox: inboxes.remove(0),
        commands,
        turns: Arc::default(),
        clock: Clock,
        metrics: ShardMetrics::new(),
        levels: Arc::default(),
        commands_waited: 0,
        draining: false,
        closed: false,
    };
    (runner, sender)
}

/// A client, and its socket as the handshake hands it over.
fn upgraded() -> (TcpStream, Command) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().unwrap();
    stream.set_nonblocking(true).unwrap();
    let upgraded = Upgraded {
        stream,
        tls: None,
        early: Bytes::new(),
        form: Form::PLAIN,
        slot: Slot::take_one_more(&Arc::default()),
    };
    (client, Command::WebSocket(upgraded))
}

/// What is asked of the task and has not been looked at when the last client is gone was dropped without
/// a word: the client had its 101, and then the end of the stream.
#[test]
fn who_comes_as_the_shard_ends_is_told() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = tokio::task::LocalSet::new();
    let clients = local.block_on(&runtime, async {
        let (runner, commands) = runner();
        let running = tokio::task::spawn_local(runner.run());
        commands.send(Command::Drain { reconnect_spread_ms: 0 }).unwrap();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        let (first, upgraded_first) = upgraded();
        let (last, upgraded_last) = upgraded();
        commands.send(upgraded_first).unwrap();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        commands.send(upgraded_last).unwrap();
        commands.send(Command::Closed).unwrap();
        let reading = tokio::task::spawn_blocking(move || [first, last].map(read_to_end));
        running.await.unwrap();
        reading.await.unwrap()
    });
    for said in clients {
        let text = String::from_utf8_lossy(&said);
        assert!(
            text.contains(r#""type":"welcome""#) && text.contains(r#""type":"goodbye""#),
            "{text}"
        );
        let close = [&CloseReason::Draining.code().to_be_bytes()[..], b"draining"].concat();
        assert!(said.ends_with(&close), "{text}");
    }
}

/// All that a client is sent; it hangs up at the end.
fn read_to_end(mut client: TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    client.read_to_end(&mut said).unwrap();
    said
}
