//! A client that trusts nobody: it reads bytes as the documented protocol says and holds every frame
//! against the oracle.

use crate::frames::{Extension, Got, next_event, next_frame};
use crate::oracle::{Cause, Oracle};
use crate::proto;
use crate::view::{View, list, text, units};
use scorewire::fanout::shard::{ConnKey, Kind};
use scorewire::scoring::Rulesets;
use scorewire::wire::Form;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Topic and ruleset; no ruleset where the topic has none.
pub(crate) type SubName = (String, String);

/// What a client holds of one subscription.
#[derive(Clone, Debug)]
pub(crate) struct Sub {
    pub(crate) seq: u64,
    pub(crate) view: View,
    /// The snapshot that was promised has not come yet.
    pub(crate) awaiting: bool,
    /// A stream's first frame may be a snapshot, though a cursor was sent: nothing says how it begins.
    either: bool,
    gap_us: i64,
    /// When its last delta (or snapshot that stood for changes) began to arrive.
    changed_us: Option<i64>,
}

/// What a request said, to be read again with its answer.
#[derive(Default)]
pub(crate) struct Request {
    pub(crate) gap_us: i64,
    pub(crate) right_epoch: bool,
    /// What the client held then, by topic; nothing for a `seq` that it made up.
    pub(crate) since: BTreeMap<String, (u64, Option<View>)>,
    /// Another process sent what it held.
    pub(crate) is_of_another_life: bool,
}

/// What a client held of a topic at some time.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// Of the history that `seq` belongs to.
    pub(crate) epoch: String,
    /// Which process said so.
    pub(crate) life: u64,
    pub(crate) seq: u64,
    pub(crate) view: View,
}

/// What a simulation has seen happen.
pub(crate) type Tally = BTreeMap<String, u64>;

pub(crate) fn count(tally: &mut Tally, what: &str) {
    *tally.entry(what.to_owned()).or_default() += 1;
}

/// One client.
pub(crate) struct Client {
    pub(crate) kind: Kind,
    pub(crate) shard: usize,
    pub(crate) key: Option<ConnKey>,
    pub(crate) subs: BTreeMap<SubName, Sub>,
    /// States held at some time, to resume from.
    pub(crate) saved: HashMap<SubName, Held>,
    pub(crate) requests: HashMap<i64, Request>,
    pub(crate) next_id: i64,
    /// Of the server that it is, or was last, connected to.
    pub(crate) epoch: String,
    /// Which of its processes that is.
    pub(crate) life: u64,
    /// The last event's id, of a stream.
    pub(crate) last_id: Option<String>,
    /// The topics of a stream, in order.
    pub(crate) stream: Vec<String>,
    /// What it wants to say and the server does not read yet.
    pub(crate) unsent: VecDeque<u8>,
    pub(crate) closed: Option<u16>,
    /// Says nothing, not even pongs.
    pub(crate) mute: bool,
    buffer: Vec<u8>,
    /// Where in the stream of bytes received which chunk began, and when it came.
    arrivals: VecDeque<(usize, i64)>,
    received: usize,
    consumed: usize,
    welcomed: bool,
}

impl Client {
    pub(crate) fn new(shard: usize) -> Client {
        Client {
            kind: Kind::WebSocket(Form::PLAIN),
            shard,
            key: None,
            subs: BTreeMap::new(),
            saved: HashMap::new(),
            requests: HashMap::new(),
            next_id: 1,
            epoch: String::new(),
            life: 0,
            last_id: None,
            stream: Vec::new(),
            unsent: VecDeque::new(),
            closed: None,
            mute: false,
            buffer: Vec::new(),
            arrivals: VecDeque::new(),
            received: 0,
            consumed: 0,
            welcomed: false,
        }
    }

    /// A new connection: what was held is kept to resume from.
    pub(crate) fn connected(&mut self, kind: Kind, shard: usize, key: ConnKey) {
        self.keep();
        (self.kind, self.shard, self.key) = (kind, shard, Some(key));
        self.subs.clear();
        self.requests.clear();
        self.unsent.clear();
        self.buffer.clear();
        self.arrivals.clear();
        (self.closed, self.mute, self.welcomed) = (None, false, false);
        (self.received, self.consumed) = (0, 0);
    }

    /// Puts by what it holds now.
    pub(crate) fn keep(&mut self) {
        for (name, sub) in &self.subs {
            if !sub.awaiting {
                self.saved.insert(name.clone(), self.held(sub));
            }
        }
    }

    /// What it holds of that subscription now.
    pub(crate) fn held(&self, sub: &Sub) -> Held {
        Held {
            epoch: self.epoch.clone(),
            life: self.life,
            seq: sub.seq,
            view: sub.view.clone(),
        }
    }

    /// Begins a stream's subscription, which is not answered in words.
    pub(crate) fn expect_stream(&mut self, name: SubName, held: Option<Held>) {
        let sub = match held {
            Some(held) => Sub {
                either: true,
                ..Sub::resumed(held.seq, held.view, 0)
            },
            None => Sub::fresh(0),
        };
        self.subs.insert(name, sub);
    }

    /// Whether its messages may be compressed.
    pub(crate) fn extension(&self) -> Extension {
        match self.kind {
            Kind::WebSocket(form) if form.deflated => Extension::Deflate,
            _ => Extension::None,
        }
    }

    /// Bytes from the server. Returns pings to be answered.
    pub(crate) fn receive(&mut self, bytes: &[u8], now_us: i64, world: &Facts<'_>, tally: &mut Tally) -> Vec<Vec<u8>> {
        self.arrivals.push_back((self.received, now_us));
        self.received += bytes.len();
        self.buffer.extend_from_slice(bytes);
        let mut pings = Vec::new();
        let buffer = std::mem::take(&mut self.buffer);
        let mut rest = &buffer[..];
        loop {
            let began_us = self.arrived_us();
            let taken = match self.kind {
                Kind::WebSocket(_) | Kind::Echo(_) => next_frame(rest, self.extension()).map(|(got, taken)| {
                    self.got(got, began_us, world, tally, &mut pings);
                    taken
                }),
                Kind::EventStream => next_event(rest).map(|(event, taken)| {
                    if let Some((id, data)) = event {
                        self.said(&data, began_us, world, tally);
                        self.last_id = id.or(self.last_id.take());
                    }
                    taken
                }),
            };
            let Some(taken) = taken else { break };
            if self.extension() == Extension::Deflate && rest[0] & 0x40 != 0 {
                count(tally, "compressed");
            }
            rest = &rest[taken..];
            self.consumed += taken;
        }
        self.buffer = rest.to_vec();
        pings
    }

    /// When the byte that is next to be understood came.
    fn arrived_us(&mut self) -> i64 {
        while self.arrivals.get(1).is_some_and(|(start, _)| *start <= self.consumed) {
            self.arrivals.pop_front();
        }
        self.arrivals[0].1
    }

    fn got(&mut self, got: Got, began_us: i64, world: &Facts<'_>, tally: &mut Tally, pings: &mut Vec<Vec<u8>>) {
        assert_eq!(self.closed, None, "nothing follows a close frame, but {got:?} did");
        match got {
            Got::Text(text) => self.said(&text, began_us, world, tally),
            Got::Binary(message) => self.said(&proto::server_message(&message).to_string(), began_us, world, tally),
            Got::Ping(payload) => pings.push(payload),
            Got::Pong(_) => count(tally, "pong"),
            Got::Close(code) => {
                count(tally, &format!("closed {code}"));
                self.closed = Some(code);
            }
        }
    }

    fn said(&mut self, message: &str, began_us: i64, world: &Facts<'_>, tally: &mut Tally) {
        let message: Value = serde_json::from_str(message).unwrap_or_else(|error| panic!("{error}: {message}"));
        let kind = text(&message, "type");
        assert_eq!(
            self.kind.is_websocket() && !self.welcomed,
            kind == "welcome",
            "a welcome comes first, and once: {message}"
        );
        match kind.as_str() {
            "welcome" => {
                self.welcomed = true;
                assert_eq!(self.epoch, text(&message, "epoch"));
            }
            "subscribed" => self.subscribed(&message, world, tally),
            "unsubscribed" => {
                for topic in list(&message, "topics") {
                    let name = name_of(topic);
                    let sub = self.subs.remove(&name).unwrap_or_else(|| panic!("{name:?} was subscribed to"));
                    if !sub.awaiting {
                        self.saved.insert(name, self.held(&sub));
                    }
                    count(tally, "unsubscribed");
                }
            }
            "snapshot" => self.snapshot(&message, began_us, world, tally),
            "delta" => self.delta(&message, began_us, world, tally),
            "error" => count(tally, &format!("error {}", text(&message, "code"))),
            "pong" | "goodbye" => count(tally, &kind),
            other => panic!("an unknown message: {other}"),
        }
    }

    fn subscribed(&mut self, message: &Value, world: &Facts<'_>, tally: &mut Tally) {
        let request = message["id"].as_i64().and_then(|id| self.requests.remove(&id)).unwrap_or_default();
        for error in list(message, "errors") {
            count(tally, &format!("refused {}", text(error, "code")));
        }
        for topic in list(message, "topics") {
            let name = name_of(topic);
            let head = topic["seq"].as_u64().expect("a seq");
            assert!(
                head <= world.oracle.head(&name.0) || !world.knows(&name.0),
                "{name:?} is not at {head} yet"
            );
            let since = request.since.get(&name.0);
            let sub = match (text(topic, "how").as_str(), since) {
                ("resumed", Some((seq, Some(view)))) => {
                    assert!(
                        request.right_epoch && *seq <= head,
                        "{name:?} was not to be resumed from {seq} of {head}"
                    );
                    count(tally, "resumed");
                    if request.is_of_another_life {
                        count(tally, "resumed across a restart");
                    }
                    count(tally, if *seq < head { "resumed behind" } else { "resumed at the head" });
                    Sub::resumed(*seq, view.clone(), request.gap_us)
                }
                ("snapshot", since) => {
                    let reason = text(topic, "reason");
                    match reason.as_str() {
                        "fresh" => assert!(since.is_none()),
                        "epoch" => assert!(since.is_some() && !request.right_epoch),
                        "ahead" => assert!(since.expect("asked for").0 > head),
                        "too_old" => assert!(since.expect("asked for").0 < head),
                        other => panic!("an unknown reason: {other}"),
                    }
                    count(tally, &format!("begins {reason}"));
                    Sub::fresh(request.gap_us)
                }
                (how, since) => panic!("{name:?}: {how} where {since:?} was asked for"),
            };
            self.subs.insert(name, sub);
        }
    }

    fn snapshot(&mut self, message: &Value, began_us: i64, world: &Facts<'_>, tally: &mut Tally) {
        let name = name_of(message);
        let (seq, reason) = (message["seq"].as_u64().expect("a seq"), text(message, "reason"));
        let sub = self.subs.get_mut(&name).unwrap_or_else(|| panic!("nobody asked for {name:?}"));
        match reason.as_str() {
            "subscribe" => assert!(sub.awaiting || sub.either, "{name:?}: no snapshot was due"),
            "lagged" | "new_game" => {
                assert!(!sub.awaiting && seq > sub.seq, "{name:?}: {seq} after {}", sub.seq);
                sub.changed(began_us, world.oracle.causes(&name.0, sub.seq, seq).any(|cause| cause.urgent));
                count(tally, &format!("snapshot {reason}"));
                if reason == "new_game" {
                    let subject = |seq| world.oracle.subject(&name.0, seq);
                    let other_game = (sub.seq..seq).any(|before| before > 0 && subject(before) != subject(before + 1));
                    assert!(
                        other_game || name.0 == "slate",
                        "{name:?}: the same game at {seq} as at {}",
                        sub.seq
                    );
                }
            }
            other => panic!("an unknown reason: {other}"),
        }
        (sub.seq, sub.view) = (seq, View::of_snapshot(message));
        (sub.awaiting, sub.either) = (false, false);
        sub.check(&name, world);
    }

    fn delta(&mut self, message: &Value, began_us: i64, world: &Facts<'_>, tally: &mut Tally) {
        let name = name_of(message);
        let number = |key: &str| message[key].as_u64().unwrap_or_else(|| panic!("{key} in {message}"));
        let (seq, prev) = (number("seq"), number("prev"));
        let sub = self.subs.get_mut(&name).unwrap_or_else(|| panic!("nobody asked for {name:?}"));
        assert!(!sub.awaiting, "{name:?}: a delta before the snapshot");
        assert_eq!(prev, sub.seq, "{name:?}: a delta to {seq} that follows another frame");
        assert!(seq > prev && seq <= world.oracle.head(&name.0), "{name:?}: from {prev} to {seq}");
        if seq - prev > 1 {
            count(tally, "merged");
            if sub.gap_us > 0 {
                count(tally, "merged by rate");
            }
        }
        let before = sub.view.clone();
        sub.view.apply(message);
        if let Some(game) = world.oracle.subject(&name.0, seq) {
            // The first game of a topic needs no snapshot: there was nothing before it.
            sub.view.game.get_or_insert(game);
        }
        (sub.seq, sub.either) = (seq, false);
        check_changes(&name, message, &before, &sub.view);
        check_causes(&name, message, prev, world);
        sub.changed(began_us, world.oracle.causes(&name.0, prev, seq).any(|cause| cause.urgent));
        sub.check(&name, world);
    }
}

impl Sub {
    fn fresh(gap_us: i64) -> Sub {
        Sub {
            seq: 0,
            view: View::default(),
            awaiting: true,
            either: false,
            gap_us,
            changed_us: None,
        }
    }

    fn resumed(seq: u64, view: View, gap_us: i64) -> Sub {
        Sub {
            seq,
            view,
            awaiting: false,
            either: false,
            gap_us,
            changed_us: None,
        }
    }

    /// A frame stood for changes: the client's own limit was kept, unless one of them was urgent.
    fn changed(&mut self, now_us: i64, urgent: bool) {
        if let Some(last) = self.changed_us {
            assert!(
                urgent || now_us - last >= self.gap_us,
                "a frame {} µs after the last",
                now_us - last
            );
        }
        self.changed_us = Some(now_us);
    }

    /// Holds what the client has against what was so at that `seq`.
    pub(crate) fn check(&self, name: &SubName, world: &Facts<'_>) {
        if !world.knows(&name.0) {
            assert_eq!(self.seq, 0, "nothing ever happened to {name:?}");
            return;
        }
        if self.seq == 0 {
            // A game may be known, by a retraction of a play that never came, before anything shows.
            let plain = self.view.plain();
            assert_eq!((plain.players, plain.line), Default::default(), "{name:?} at nothing");
            return;
        }
        let mut truth = world.oracle.view(&name.0, self.seq, world.ruleset(&name.1));
        let may_lack = |player: &String| world.oracle.may_lack(&name.0, self.seq, player);
        truth
            .players
            .retain(|player, _| self.view.players.contains_key(player) || !may_lack(player));
        assert_eq!(self.view.plain_beside(&truth), truth.plain(), "{name:?} at {}", self.seq);
    }
}

/// What clients are held against.
pub(crate) struct Facts<'a> {
    pub(crate) oracle: &'a Oracle,
    pub(crate) rulesets: &'a Rulesets,
}

impl Facts<'_> {
    fn knows(&self, topic: &str) -> bool {
        self.oracle.knows(topic)
    }

    fn ruleset(&self, name: &str) -> &scorewire::scoring::Ruleset {
        self.rulesets.get(if name.is_empty() { "draftkings" } else { name }).expect("known")
    }
}

fn name_of(message: &Value) -> SubName {
    let ruleset = message["ruleset"].as_str().unwrap_or_default();
    (text(message, "topic"), ruleset.to_owned())
}

/// `change` is what the points moved by.
fn check_changes(name: &SubName, message: &Value, before: &View, after: &View) {
    let (before, after) = (before.points(), after.points());
    let change = |player: &str| after.get(player).unwrap_or(&0) - before.get(player).unwrap_or(&0);
    if !message["change"].is_null() {
        assert_eq!(units(&message["change"]), change(""), "{name:?}: {message}");
    }
    for player in list(message, "players") {
        let id = text(player, "player");
        assert_eq!(units(&player["change"]), change(&id), "{name:?}: {id}: {message}");
    }
}

/// One cause, or at most sixteen with the urgent ones first; and the times of all of them.
fn check_causes(name: &SubName, message: &Value, prev: u64, world: &Facts<'_>) {
    let seq = message["seq"].as_u64().expect("a seq");
    let causes: Vec<&Cause> = world.oracle.causes(&name.0, prev, seq).map(|cause| &**cause).collect();
    let (urgent, calm): (Vec<&Cause>, Vec<&Cause>) = causes.iter().partition(|cause| cause.urgent);
    let expected: Vec<&Value> = urgent.iter().chain(&calm).take(16).map(|cause| &cause.fields).collect();
    let told: Vec<Value> = if causes.len() == 1 {
        assert!(message["causes"].is_null());
        vec![message["cause"].clone()]
    } else {
        assert!(message["cause"].is_null());
        list(message, "causes").cloned().collect()
    };
    assert_eq!(
        message["causes_omitted"].as_u64().unwrap_or(0) as usize,
        causes.len() - expected.len()
    );
    assert_eq!(told.len(), expected.len(), "{name:?}: {message}");
    for (told, expected) in told.iter().zip(expected) {
        for key in ["game", "play", "rev", "kind"] {
            assert_eq!(told[key], expected[key], "{name:?}: {key} of {message}");
        }
    }
    let feed = || causes.iter().filter_map(|cause| cause.feed_ts);
    let ingest = || causes.iter().map(|cause| cause.ingest_us);
    assert_eq!(message["feed_ts"].as_i64(), feed().max(), "{name:?}: {message}");
    assert_eq!(message["ingest_us"].as_i64(), ingest().max(), "{name:?}: {message}");
    if causes.len() > 1 {
        assert_eq!(message["feed_ts_first"].as_i64(), feed().min(), "{name:?}: {message}");
        assert_eq!(message["ingest_us_first"].as_i64(), ingest().min(), "{name:?}: {message}");
    }
    if causes.len() <= 16 && !message["change"].is_null() {
        check_cause_stats(name, message, &told);
    }
}

/// Where every cause of a player's frame is named, each stat that one of them moved is in the frame.
fn check_cause_stats(name: &SubName, message: &Value, told: &[Value]) {
    for cause in told {
        for (stat, _) in cause["stats"].as_object().into_iter().flatten() {
            assert!(!message["stats"][stat].is_null(), "{name:?}: {stat} moved in {message}");
        }
    }
}
