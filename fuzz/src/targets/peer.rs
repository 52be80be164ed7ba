//! A client that reads what a shard sends as the documented protocol says: frame by frame it must follow what
//! the client holds. (The simulation's client also knows what is true; this one asks a fresh one in the end.)

use crate::frames::{Extension, Got, next_event, next_frame};
use crate::proto;
use crate::view::{View, list, text};
use scorewire::fanout::shard::{ConnKey, Kind};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// Topic and ruleset; no ruleset where the topic has none.
pub(super) type Name = (String, String);

/// What it holds of one subscription.
#[derive(Clone, Default)]
pub(super) struct Held {
    /// Nothing where it resumed from what it never had.
    pub(super) at: Option<(u64, View)>,
    pub(super) next: Next,
}

/// What comes next of a subscription.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Next {
    /// The snapshot that was promised.
    Snapshot,
    /// What follows what it holds.
    #[default]
    Change,
    /// Either: a stream is not told how it begins.
    Either,
}

/// What was asked for, to be read again with its answer: what it held then, by topic.
pub(super) type Since = BTreeMap<String, (u64, Option<View>)>;

pub(super) struct Peer {
    pub(super) kind: Kind,
    pub(super) key: ConnKey,
    pub(super) subs: BTreeMap<Name, Held>,
    pub(super) asked: HashMap<i64, Since>,
    pub(super) next_id: i64,
    /// What it wants to say and the server does not read yet.
    pub(super) unsent: Vec<u8>,
    pub(super) closed: bool,
    welcomed: bool,
    buffer: Vec<u8>,
}

impl Peer {
    pub(super) fn new(kind: Kind, key: ConnKey) -> Peer {
        Peer {
            kind,
            key,
            subs: BTreeMap::new(),
            asked: HashMap::new(),
            next_id: 1,
            unsent: Vec::new(),
            closed: false,
            welcomed: false,
            buffer: Vec::new(),
        }
    }

    pub(super) fn extension(&self) -> Extension {
        match self.kind {
            Kind::WebSocket(form) | Kind::Echo(form) if form.deflated => Extension::Deflate,
            _ => Extension::None,
        }
    }

    /// Bytes from the server. Returns pings to be answered.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.buffer.extend_from_slice(bytes);
        let buffer = std::mem::take(&mut self.buffer);
        let (mut rest, mut pings) = (&buffer[..], Vec::new());
        loop {
            let taken = match self.kind {
                Kind::WebSocket(_) | Kind::Echo(_) => next_frame(rest, self.extension()).map(|(got, taken)| {
                    pings.extend(self.got(got));
                    taken
                }),
                Kind::EventStream => next_event(rest).map(|(event, taken)| {
                    event.into_iter().for_each(|(_, data)| self.said_text(&data));
                    taken
                }),
            };
            let Some(taken) = taken else { break };
            rest = &rest[taken..];
        }
        self.buffer = rest.to_vec();
        pings
    }

    fn got(&mut self, got: Got) -> Option<Vec<u8>> {
        assert!(!self.closed, "nothing follows a close frame, but {got:?} did");
        match got {
            Got::Text(text) => self.said_text(&text),
            Got::Binary(message) => self.said(&proto::server_message(&message)),
            Got::Ping(payload) => return Some(payload),
            Got::Pong(_) => {}
            Got::Close(_) => self.closed = true,
        }
        None
    }

    fn said_text(&mut self, message: &str) {
        assert!(!message.contains(['<', '&']), "nothing is markup: {message}");
        self.said(&serde_json::from_str(message).unwrap_or_else(|error| panic!("{error}: {message}")));
    }

    fn said(&mut self, message: &Value) {
        let kind = text(message, "type");
        let is_first = self.kind.is_websocket() && !std::mem::replace(&mut self.welcomed, true);
        assert_eq!(is_first, kind == "welcome", "a welcome comes first, and once: {message}");
        match kind.as_str() {
            "subscribed" => self.subscribed(message),
            "unsubscribed" => {
                for topic in list(message, "topics") {
                    assert!(self.subs.remove(&name_of(topic)).is_some(), "it was subscribed to: {message}");
                }
            }
            "snapshot" => self.snapshot(message),
            "delta" => self.delta(message),
            "welcome" | "error" | "pong" | "goodbye" => {}
            other => panic!("an unknown message: {other}"),
        }
    }

    fn subscribed(&mut self, message: &Value) {
        let since = message["id"].as_i64().and_then(|id| self.asked.remove(&id)).unwrap_or_default();
        for topic in list(message, "topics") {
            let name = name_of(topic);
            let head = topic["seq"].as_u64().expect("a seq");
            let held = match text(topic, "how").as_str() {
                "snapshot" => Held {
                    at: None,
                    next: Next::Snapshot,
                },
                "resumed" => {
                    let known = since.get(&name.0);
                    assert!(known.is_none_or(|(seq, _)| *seq <= head), "{message}");
                    Held {
                        at: known.and_then(|(seq, view)| Some((*seq, view.clone()?))),
                        next: Next::Change,
                    }
                }
                other => panic!("how: {other}"),
            };
            self.subs.insert(name, held);
        }
    }

    fn snapshot(&mut self, message: &Value) {
        let name = name_of(message);
        let seq = message["seq"].as_u64().expect("a seq");
        let held = self.subs.get_mut(&name).unwrap_or_else(|| panic!("nobody asked for {name:?}"));
        match text(message, "reason").as_str() {
            "subscribe" => assert!(held.next != Next::Change, "no snapshot was due: {message}"),
            "lagged" | "new_game" | "expired" => {
                assert!(held.next != Next::Snapshot, "another snapshot was due: {message}");
                assert!(held.at.as_ref().is_none_or(|(before, _)| seq > *before), "{message}");
            }
            other => panic!("an unknown reason: {other}"),
        }
        *held = Held {
            at: Some((seq, View::of_snapshot(message))),
            next: Next::Change,
        };
    }

    fn delta(&mut self, message: &Value) {
        let name = name_of(message);
        let number = |key: &str| message[key].as_u64().unwrap_or_else(|| panic!("{key} in {message}"));
        let (seq, prev) = (number("seq"), number("prev"));
        let held = self.subs.get_mut(&name).unwrap_or_else(|| panic!("nobody asked for {name:?}"));
        assert!(held.next != Next::Snapshot, "a delta before the snapshot: {message}");
        assert!(seq > prev, "{message}");
        held.next = Next::Change;
        if let Some((at, view)) = &mut held.at {
            assert_eq!(prev, *at, "it follows another frame: {message}");
            *at = seq;
            view.apply(message);
        }
    }
}

fn name_of(message: &Value) -> Name {
    (text(message, "topic"), message["ruleset"].as_str().unwrap_or_default().to_owned())
}

/// What a topic shows, without what says nothing: lines of zeros, and which game a player's topic is about. A
/// game may be known before anything of it shows, by the retraction of a play that never came.
pub(super) fn plain(seq: u64, view: &View) -> View {
    let mut plain = view.plain();
    plain.game = None;
    if seq == 0 {
        plain.board.clear();
    }
    plain.players.retain(|_, line| !line.stats.is_empty() || line.points != 0);
    plain
}
