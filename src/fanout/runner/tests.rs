//! The shard's task with real sockets: who comes when it is about to end.

use super::*;
use crate::config::Config;
use crate::fanout::epoch::{Epoch, EpochName};
use crate::fanout::hub::{Hub, HubLimits};
use crate::fanout::lineups::LineupLimits;
use crate::fanout::shard::{ShardLimits, ShardParts};
use crate::fanout::sockets::WritePath;
use crate::scoring::Rulesets;
use crate::wire::Form;
use crate::wire::close::CloseReason;
use std::io::Read;
use std::net::{TcpListener, TcpStream};

/// A task without topics, and where to ask it for something.
fn runner(limits: ShardLimits) -> (Runner, flume::Sender<Command>) {
    let hub_limits = HubLimits {
        ring_frames: 8,
        topics_max: 8,
        notices_max: 8,
        lineups: LineupLimits::DEFAULT,
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
            epoch: Arc::new(Epoch::new(EpochName::alone("e1"))),
            process: "p1".into(),
            limits,
        }),
        sockets: Sockets::new(WritePath::Send).unwrap(),
        inbox: inboxes.remove(0),
        commands,
        verify: Box::new(|_| ()),
        turns: Arc::default(),
        clock: Clock,
        tracer: None,
        metrics: ShardMetrics::new(),
        levels: Arc::default(),
        commands_waited: 0,
        survey: None,
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
        kind: Kind::WebSocket(Form::PLAIN),
        access: Access::Open,
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
        let (runner, commands) = runner(Config::default().shard_limits());
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

#[test]
fn ticks_that_were_missed_are_not_made_up_for() {
    let began = Instant::now();
    let mut ticks = Ticks::after(began);
    let late_ms = [999, 1_002, 1_999, 2_500, 60_000, 60_999, 61_000].map(|ms| {
        let late = ticks.due(began + Duration::from_millis(ms));
        late.map(|late| late.as_millis())
    });
    assert_eq!(late_ms, [None, Some(2), None, Some(500), Some(57_000), None, Some(0)]);
}

/// A process that was stopped for longer than clients may be silent closed all of them when it went on.
#[test]
fn who_was_not_asked_while_the_process_was_stopped_is_not_silent() {
    let limits = ShardLimits {
        ping_interval_us: 200_000,
        silence_timeout_us: 1_500_000,
        ..Config::default().shard_limits()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = tokio::task::LocalSet::new();
    let opcodes = local.block_on(&runtime, async {
        let (runner, commands) = runner(limits);
        tokio::task::spawn_local(runner.run());
        let (client, upgraded) = upgraded();
        commands.send(upgraded).unwrap();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        std::thread::sleep(Duration::from_secs(3));
        let reading = tokio::task::spawn_blocking(move || [(); 2].map(|()| read_frame(&client)));
        reading.await.unwrap()
    });
    assert_eq!(opcodes, [0x81, 0x89], "the welcome and a ping");
}

/// The first byte of a client's next frame, which is short.
fn read_frame(mut client: &TcpStream) -> u8 {
    let mut header = [0; 2];
    client.read_exact(&mut header).unwrap();
    let mut length = usize::from(header[1]);
    if length == 126 {
        let mut long = [0; 2];
        client.read_exact(&mut long).unwrap();
        length = usize::from(u16::from_be_bytes(long));
    }
    client.read_exact(&mut vec![0; length]).unwrap();
    header[0]
}

/// All that a client is sent; it hangs up at the end.
fn read_to_end(mut client: TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    client.read_to_end(&mut said).unwrap();
    said
}
