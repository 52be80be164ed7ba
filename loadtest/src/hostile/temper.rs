//! What hostile clients do: each temper is a row of a table, and the bytes it has to say.

use crate::frames::{PING, TEXT, masked};
use crate::rosters::Dice;
use crate::target::Target;
use crate::upgrade::Protocol;
use serde_json::json;
use std::rc::Rc;

/// Bytes of nonsense, in a request's place or a message's.
const GARBAGE_BYTES: usize = 4 * 1024;

/// Bytes that a flood sends at a time, again and again.
const FLOOD_BYTES: usize = 64 * 1024;

/// Pings sent by those who never read: fewer than a server commonly takes at once, and their pongs, of 125 bytes each,
/// are more than a socket holds that nobody reads from.
const UNHEARD_PINGS: usize = 900;

/// Topics that the greedy ask for; a server commonly lets a client have that many.
const GREEDY_TOPICS: usize = 1_000;

/// Length that the oversized message says it has, and how much of it is sent.
const OVERSIZED_BYTES: u64 = 1 << 30;
const OVERSIZED_BYTES_SENT: usize = 16 * 1024;

/// Length of the message that is sent a byte at a time.
const HALF_MESSAGE_BYTES: u16 = 60_000;

/// A ping frame without a payload, by itself.
const NAG: &[u8] = &[0x80 | PING, 0x80, 0, 0, 0, 0];

/// What a hostile client is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Temper {
    /// Connects and says nothing.
    Silent,
    /// Begins a request and adds a byte every second to a header that never ends.
    HalfRequest,
    /// Sends bytes that are no request.
    NoRequest,
    /// Sends bytes that are no frames.
    Garbage,
    /// Sends ping frames without end.
    Pings,
    /// Sends `op:ping` without end.
    Messages,
    /// Announces a message of 1 GiB.
    Oversized,
    /// Begins a message and adds a byte every second.
    HalfMessage,
    /// Asks for more than its socket holds, and never reads.
    Deaf,
    /// Subscribes to as many topics as it may have, and never reads.
    Greedy,
    /// Subscribes, and resets its connection in the middle of it all.
    Reset,
    /// Subscribes, and says that it will say no more.
    HalfClose,
    /// Hangs up as soon as it has its WebSocket, and comes back.
    Returns,
}

/// What it does with its connection, once it has said its piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
    /// Waits for the server to end it.
    Waits,
    /// Adds these bytes every second.
    Adds(&'static [u8]),
    /// Says the same again, as fast as the socket takes it.
    Floods,
    /// Says that nothing more will come, and goes on reading.
    HalfCloses,
    /// Is gone with a reset after a while.
    Resets,
    /// Hangs up at once.
    Leaves,
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// In the names of figures.
    pub(super) name: &'static str,
    /// Whether it asks for a WebSocket, and says its piece when it has one.
    pub(super) upgrades: bool,
    /// Whether it reads what it is sent then.
    pub(super) reads: bool,
    pub(super) habit: Habit,
}

impl Temper {
    /// All of them, in the order of [`super::Ledger`].
    pub(super) const ALL: [Temper; 13] = [
        Self::Silent,
        Self::HalfRequest,
        Self::NoRequest,
        Self::Garbage,
        Self::Pings,
        Self::Messages,
        Self::Oversized,
        Self::HalfMessage,
        Self::Deaf,
        Self::Greedy,
        Self::Reset,
        Self::HalfClose,
        Self::Returns,
    ];

    pub(super) fn manner(self) -> Manner {
        let row = |name, upgrades, reads, habit| Manner {
            name,
            upgrades,
            reads,
            habit,
        };
        match self {
            Self::Silent => row("silent", false, true, Habit::Waits),
            Self::HalfRequest => row("half_request", false, true, Habit::Adds(b"x")),
            Self::NoRequest => row("no_request", false, true, Habit::Waits),
            Self::Garbage => row("garbage", true, true, Habit::Waits),
            Self::Pings => row("pings", true, true, Habit::Floods),
            Self::Messages => row("messages", true, true, Habit::Floods),
            Self::Oversized => row("oversized", true, true, Habit::Waits),
            Self::HalfMessage => row("half_message", true, true, Habit::Adds(b"x")),
            Self::Deaf => row("deaf", true, false, Habit::Adds(NAG)),
            Self::Greedy => row("greedy", true, false, Habit::Adds(NAG)),
            Self::Reset => row("reset", true, true, Habit::Resets),
            Self::HalfClose => row("half_close", true, true, Habit::HalfCloses),
            Self::Returns => row("returns", true, true, Habit::Leaves),
        }
    }
}

/// So many clients' tempers: each as often as the others, in an order that the seed draws.
pub(super) fn mix(clients: usize, seed: u64) -> Vec<Temper> {
    let mut tempers: Vec<Temper> = (0..clients).map(|index| Temper::ALL[index % Temper::ALL.len()]).collect();
    Dice::new(seed).shuffle(&mut tempers);
    tempers
}

/// What they say. What many say is held once.
pub(super) struct Wording {
    upgrade: Rc<[u8]>,
    half_request: Rc<[u8]>,
    subscribe: Rc<[u8]>,
    pings: Rc<[u8]>,
    messages: Rc<[u8]>,
    oversized: Rc<[u8]>,
    half_message: Rc<[u8]>,
    deaf: Rc<[u8]>,
    topic: String,
}

impl Wording {
    pub(super) fn new(server: &Target, topic: &str) -> Self {
        let say = |message: serde_json::Value| masked(TEXT, message.to_string().as_bytes());
        let subscribe = say(json!({"op": "subscribe", "id": 1, "topics": [topic]}));
        let flood = |frame: Vec<u8>| frame.repeat(FLOOD_BYTES / frame.len()).into();
        let unheard = masked(PING, &[b'x'; 125]).repeat(UNHEARD_PINGS);
        let half_request = format!("GET {} HTTP/1.1\r\nHost: {}\r\nX-Slow: x", server.path, server.host);
        Self {
            upgrade: Protocol::default().request(server).into(),
            half_request: half_request.into_bytes().into(),
            pings: flood(masked(PING, b"")),
            messages: flood(say(json!({"op": "ping", "id": 1}))),
            oversized: header(127, &OVERSIZED_BYTES.to_be_bytes(), OVERSIZED_BYTES_SENT).into(),
            half_message: header(126, &HALF_MESSAGE_BYTES.to_be_bytes(), 1).into(),
            deaf: [&subscribe[..], &unheard].concat().into(),
            subscribe: subscribe.into(),
            topic: topic.to_owned(),
        }
    }

    /// What each begins with who asks for a WebSocket.
    pub(super) fn upgrade(&self) -> Rc<[u8]> {
        self.upgrade.clone()
    }

    /// What client `number` has to say.
    pub(super) fn piece(&self, temper: Temper, number: usize, dice: &mut Dice) -> Rc<[u8]> {
        match temper {
            Temper::Silent | Temper::Returns => Rc::default(),
            Temper::HalfRequest => self.half_request.clone(),
            Temper::NoRequest | Temper::Garbage => (0..GARBAGE_BYTES).map(|_| dice.below(256) as u8).collect(),
            Temper::Pings => self.pings.clone(),
            Temper::Messages => self.messages.clone(),
            Temper::Oversized => self.oversized.clone(),
            Temper::HalfMessage => self.half_message.clone(),
            Temper::Deaf => self.deaf.clone(),
            Temper::Greedy => self.everything(number).into(),
            Temper::Reset | Temper::HalfClose => self.subscribe.clone(),
        }
    }

    /// Asks for the topic that all watch, and for as many of its own as it may have.
    fn everything(&self, number: usize) -> Vec<u8> {
        let own = (1..GREEDY_TOPICS).map(|topic| format!("player:greedy-{number}-{topic}"));
        let topics: Vec<String> = std::iter::once(self.topic.clone()).chain(own).collect();
        masked(TEXT, json!({"op": "subscribe", "id": 1, "topics": topics}).to_string().as_bytes())
    }
}

/// A text frame's header with a length in one of the longer forms, and the first bytes of its payload.
fn header(form: u8, length: &[u8], sent: usize) -> Vec<u8> {
    let mask = [0; 4];
    [&[0x80 | TEXT, 0x80 | form], length, &mask, &b"x".repeat(sent)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_mix_is_even_and_the_same_for_the_same_seed() {
        let tempers = mix(2_000, 7);
        for temper in Temper::ALL {
            let count = tempers.iter().filter(|&&other| other == temper).count();
            assert!((153..=154).contains(&count), "{temper:?}: {count}");
        }
        assert_eq!(tempers, mix(2_000, 7));
        assert_ne!(tempers, mix(2_000, 8));
        let names: BTreeSet<&str> = Temper::ALL.iter().map(|temper| temper.manner().name).collect();
        assert_eq!(names.len(), Temper::ALL.len());
        assert!((0..).zip(Temper::ALL).all(|(place, temper)| temper as usize == place));
    }

    #[test]
    fn what_is_said_is_as_wrong_as_it_is_meant_to_be() {
        let wording = Wording::new(&Target::parse("127.0.0.1:9", None).unwrap(), "game:x");
        let piece = |temper| wording.piece(temper, 3, &mut Dice::new(1));
        assert_eq!(piece(Temper::Oversized)[..10], [0x81, 0xFF, 0, 0, 0, 0, 0x40, 0, 0, 0]);
        assert_eq!(piece(Temper::HalfMessage)[..4], [0x81, 0xFE, 0xEA, 0x60]);
        assert_eq!(piece(Temper::HalfMessage).len(), 9);
        assert!(!piece(Temper::HalfRequest).ends_with(b"\n"));
        assert!(piece(Temper::Greedy).len() < 64 * 1024, "one message, and no oversized one");
        assert!(piece(Temper::Pings).len() / 6 > 10_000 && piece(Temper::Silent).is_empty());
    }
}
