//! One play to 1, 100, 1,000 and 10,000 sockets: from handing it to the engine until every client has
//! it. The clients are a child process (this binary again), since a process may be capped at 20,000
//! descriptors; it says a byte for each play that all of them have read.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use mio::{Events, Interest, Poll, Token};
use scorewire::config::Config;
use scorewire::model::{Event, GameId, IngestTime, PlayEvent, PlayId, PlayKind, PlayerId, StatRecord, Team};
use scorewire::pipeline;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const CHILD: &str = "SCOREWIRE_BENCH_CLIENTS";
const GAME: &str = "bench";

fn fanout(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("threads");
    let running = runtime.block_on(async {
        let mut config = Config::default();
        config.server.bind = ([127, 0, 0, 1], 0).into();
        pipeline::start(config).expect("a port is free")
    });
    pipeline::raise_descriptor_limit();
    let mut group = criterion.benchmark_group("fanout");
    group
        .sample_size(20)
        .measurement_time(Duration::from_secs(8))
        .warm_up_time(Duration::from_secs(1));
    let mut play = 0;
    for clients in [1usize, 100, 1_000, 10_000] {
        let mut child = spawn(clients, running.address.port());
        let mut said = child.stdout.take().expect("it is piped");
        wait(&mut said);
        group.throughput(Throughput::Elements(clients as u64));
        group.bench_function(BenchmarkId::from_parameter(clients), |bencher| {
            bencher.iter(|| {
                play += 1;
                let submitted = runtime.block_on(running.app.engine.submit(vec![(0, event(play))], IngestTime(0)));
                assert!(submitted.is_ok());
                wait(&mut said);
            });
        });
        child.kill().expect("it runs");
        child.wait().expect("it ran");
    }
    group.finish();
    runtime.block_on(running.drain());
}

fn event(play: u64) -> Event {
    let id = |text: &str| PlayerId::new(text).expect("well-formed");
    let team = Team::new("NE").expect("well-formed");
    let record = |player, stat| StatRecord {
        player: Some(id(player)),
        team: team.clone(),
        stat,
        yards: 7,
    };
    Event::Play(PlayEvent {
        game: GameId::new(GAME).expect("well-formed"),
        // One play over and over, in ever higher revisions, so that the game stays small.
        play: PlayId::new("1").expect("well-formed"),
        rev: play,
        ts: None,
        order: None,
        kind: PlayKind::Pass,
        no_play: false,
        clock: None,
        situation: None,
        stats: [
            record("qb", if play.is_multiple_of(2) { 15 } else { 16 }),
            record("wr", if play.is_multiple_of(2) { 21 } else { 22 }),
        ]
        .into_iter()
        .collect(),
    })
}

fn wait(said: &mut impl Read) {
    said.read_exact(&mut [0]).expect("the clients are still there");
}

fn spawn(clients: usize, port: u16) -> Child {
    let binary = std::env::current_exe().expect("this is a binary");
    let mut command = Command::new(binary);
    command
        .env(CHILD, format!("{clients} {port}"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("this binary runs")
}

/// The child: connects, subscribes, and says a byte each time that all clients have one frame more.
fn clients(clients: usize, port: u16) -> std::io::Result<()> {
    pipeline::raise_descriptor_limit();
    let mut poll = Poll::new()?;
    let mut sockets = Vec::with_capacity(clients);
    for index in 0..clients {
        let mut socket = mio::net::TcpStream::from_std(subscribed(port)?);
        poll.registry().register(&mut socket, Token(index), Interest::READABLE)?;
        sockets.push((socket, Vec::new()));
    }
    let mut out = std::io::stdout().lock();
    let mut say = || out.write_all(b".").and_then(|()| out.flush());
    say()?;
    let (mut events, mut buffer, mut left) = (Events::with_capacity(1024), vec![0; 65_536], clients);
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            let (socket, rest) = &mut sockets[event.token().0];
            loop {
                match socket.read(&mut buffer) {
                    Ok(0) => return Ok(()),
                    Ok(count) => rest.extend_from_slice(&buffer[..count]),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
            for _ in 0..text_frames(rest) {
                left -= 1;
                if left == 0 {
                    left = clients;
                    say()?;
                }
            }
        }
    }
}

/// Takes whole frames off the front and says how many were text.
fn text_frames(bytes: &mut Vec<u8>) -> usize {
    let (mut at, mut texts) = (0, 0);
    while let Some((header, length)) = frame(&bytes[at..]) {
        if bytes.len() < at + header + length {
            break;
        }
        texts += usize::from(bytes[at] == 0x81);
        at += header + length;
    }
    bytes.drain(..at);
    texts
}

fn frame(bytes: &[u8]) -> Option<(usize, usize)> {
    match bytes {
        [_, length @ 0..=125, ..] => Some((2, usize::from(*length))),
        [_, 126, high, low, ..] => Some((4, usize::from(u16::from_be_bytes([*high, *low])))),
        _ => None,
    }
}

fn subscribed(port: u16) -> std::io::Result<TcpStream> {
    let mut socket = TcpStream::connect(("127.0.0.1", port))?;
    let request = "GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    socket.write_all(request.as_bytes())?;
    let subscribe = format!("{{\"op\":\"subscribe\",\"topics\":[\"game:{GAME}\"]}}");
    let mut masked = vec![0x81, 0x80 | subscribe.len() as u8, 0, 0, 0, 0];
    masked.extend_from_slice(subscribe.as_bytes());
    socket.write_all(&masked)?;
    // The answer's header, then welcome, subscribed and the snapshot.
    let (mut seen, mut buffer) = (Vec::new(), [0; 16_384]);
    loop {
        let count = socket.read(&mut buffer)?;
        seen.extend_from_slice(&buffer[..count]);
        if count == 0 || seen.windows(10).any(|part| part == b"encode_us\"") {
            break;
        }
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

criterion_group!(benches, fanout);

fn main() {
    if let Ok(wanted) = std::env::var(CHILD) {
        let (count, port) = wanted.split_once(' ').expect("two numbers");
        if let Err(error) = clients(count.parse().expect("a number"), port.parse().expect("a number")) {
            eprintln!("the clients ended: {error}");
        }
        return;
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
