//! Clients in a child process (the bench's own binary again), since a process may be capped at 20,000
//! descriptors; the play that they all are told of; and a server to tell them.

mod server;

use mio::{Events, Interest, Poll, Token};
use scorewire::model::{Event, GameId, PlayEvent, PlayId, PlayKind, PlayerId, StatRecord, Team};
use scorewire::pipeline;
pub(crate) use server::Server;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

const CHILD: &str = "SCOREWIRE_BENCH_CROWD";
const GAME: &str = "bench";

/// Begins `main`: true where this process was started to be the clients, and has been.
pub(crate) fn was_the_clients() -> bool {
    let Ok(wanted) = std::env::var(CHILD) else { return false };
    let (count, port) = wanted.split_once(' ').expect("two numbers");
    if let Err(error) = clients(count.parse().expect("a number"), port.parse().expect("a number")) {
        eprintln!("the clients ended: {error}");
    }
    true
}

/// A play of two players; each number is another one.
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

/// Waits until all clients are connected, then until all have one frame more: how many bytes the last
/// of them had.
pub(crate) fn wait(said: &mut impl Read) -> u32 {
    let mut bytes = [0; 4];
    said.read_exact(&mut bytes).expect("the clients are still there");
    u32::from_le_bytes(bytes)
}

/// Starts so many clients of a server on that port, subscribed to the play's game.
pub(crate) fn spawn(clients: usize, port: u16) -> Child {
    let binary = std::env::current_exe().expect("this is a binary");
    let mut command = Command::new(binary);
    command
        .env(CHILD, format!("{clients} {port}"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("this binary runs")
}

/// The child: connects, subscribes, and says so; again each time that all clients have one frame more.
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
    let mut say = |bytes: usize| out.write_all(&(bytes as u32).to_le_bytes()).and_then(|()| out.flush());
    say(0)?;
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
            while let Some((is_text, bytes)) = take_frame(rest) {
                left -= usize::from(is_text);
                if left == 0 {
                    left = clients;
                    say(bytes)?;
                }
            }
        }
    }
}

/// Takes a whole frame off the front: whether it was text, and its bytes.
fn take_frame(bytes: &mut Vec<u8>) -> Option<(bool, usize)> {
    let (header, length) = frame(bytes)?;
    if bytes.len() < header + length {
        return None;
    }
    let is_text = bytes[0] == 0x81;
    bytes.drain(..header + length);
    Some((is_text, header + length))
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
    let (mut seen, mut buffer) = (Vec::new(), [0; 16_384]);
    let mut read_until = |socket: &mut TcpStream, wanted: &[u8]| -> std::io::Result<()> {
        while !seen.windows(wanted.len()).any(|part| part == wanted) {
            match socket.read(&mut buffer)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                count => seen.extend_from_slice(&buffer[..count]),
            }
        }
        Ok(())
    };
    // Not before it is a WebSocket: some servers take what comes earlier for a mistake.
    read_until(&mut socket, b"\r\n\r\n")?;
    let subscribe = format!("{{\"op\":\"subscribe\",\"topics\":[\"game:{GAME}\"]}}");
    let mut masked = vec![0x81, 0x80 | subscribe.len() as u8, 0, 0, 0, 0];
    masked.extend_from_slice(subscribe.as_bytes());
    socket.write_all(&masked)?;
    // Welcome, subscribed and the snapshot.
    read_until(&mut socket, b"encode_us\"")?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
