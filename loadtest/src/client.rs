//! One WebSocket client: connect, upgrade, subscribe, then hold the server to its word.
//!
//! Lean, because ten thousand of them share two cores with the server: a read goes into one buffer
//! that all clients share, frames are judged where they lie, and a client owns nothing but its
//! socket, the `seq` of each of its topics and the tail of a frame that arrived in parts.

use crate::frames::{self, Frame};
use crate::judge::{Granted, Judge, Said, Shown};
use crate::ledger::Ledger;
use crate::net::{self, Taken};
use crate::record::{Receipt, Record};
use crate::tls::{Session, Tls};
use crate::upgrade::Protocol;
use crate::{clock, crew::Tally};
use anyhow::{Context as _, Result, bail, ensure};
use rustix::net::{SendFlags, send};
use serde_json::{Map, Value, json};
use std::os::fd::OwnedFd;

/// Bytes of the buffer that all clients read into; a frame and its tail must fit.
pub(crate) const SCRATCH_BYTES: usize = 2 * frames::PAYLOAD_BYTES_MAX;

/// Changes that a topic may have beyond one for each event of the run.
const CHANGES_SPARE: u64 = 1_000;

/// How far a client has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Cut off; what still comes from the old connection is not for it.
    Away,
    /// TCP is not established yet.
    Connecting,
    /// The upgrade is on its way.
    Upgrading,
    /// The subscription is.
    Subscribed,
}

/// What the clients of a process share.
pub(crate) struct Desk {
    /// Where reads go.
    pub(crate) scratch: Vec<u8>,
    /// Judges messages.
    pub(crate) judge: Judge,
    /// Of deliveries.
    pub(crate) record: Record,
    /// Counts.
    pub(crate) tally: Tally,
    /// Names of the topics.
    pub(crate) topics: Vec<String>,
    /// Of all subscriptions.
    pub(crate) ruleset: String,
    /// What every connection is to agree on.
    pub(crate) protocol: Protocol,
    /// The upgrade request.
    pub(crate) upgrade: Vec<u8>,
    /// What sessions with the server are made from, where it speaks TLS.
    pub(crate) tls: Option<Tls>,
    /// Whether the kernel notes when data arrives.
    pub(crate) kernel_times: bool,
    /// Where each topic ended, once the parent has said so.
    pub(crate) finals: Vec<u64>,
}

/// What a client still waits for in a topic before it is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    Nothing,
    Snapshot,
    Until(u64),
}

/// How far a client has got in one topic.
#[derive(Debug, Clone, Copy)]
struct Held {
    seq: u64,
    /// There was a snapshot once, so that it can resume.
    begun: bool,
    waits: Waits,
}

/// What tells clients apart beside their topics.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Kind {
    /// Keeps totals of its own.
    pub(crate) sampled: bool,
    /// Stops reading when told to; its deliveries are no part of the latencies.
    pub(crate) stalls: bool,
}

/// One client.
pub(crate) struct Client {
    socket: Option<OwnedFd>,
    session: Option<Session>,
    phase: Phase,
    /// Its topics, in order; beside each other, as they are looked for with every frame.
    topics: Box<[u32]>,
    /// How far it has got in each of them.
    held: Box<[Held]>,
    /// Topics in which it waits for something.
    waiting: usize,
    tail: Vec<u8>,
    ledger: Option<Box<Ledger>>,
    stalls: bool,
}

impl Client {
    /// A client of the topics `roster` on a socket whose connection has been started.
    pub(crate) fn new(socket: OwnedFd, roster: &[u32], kind: Kind) -> Self {
        let held = Held {
            seq: 0,
            begun: false,
            waits: Waits::Snapshot,
        };
        Self {
            socket: Some(socket),
            session: None,
            phase: Phase::Connecting,
            topics: roster.into(),
            held: vec![held; roster.len()].into(),
            waiting: roster.len(),
            tail: Vec::new(),
            ledger: kind.sampled.then(Box::default),
            stalls: kind.stalls,
        }
    }

    /// The same client on another socket: it comes back and resumes.
    pub(crate) fn again(&mut self, socket: OwnedFd) {
        self.socket = Some(socket);
        self.phase = Phase::Connecting;
    }

    /// Hangs up with a reset; from now on it waits for each of its topics to go on or begin anew.
    pub(crate) fn leave(&mut self) {
        self.phase = Phase::Away;
        self.session = None;
        if let Some(socket) = self.socket.take() {
            net::reset(socket);
        }
        self.tail.clear();
        self.waiting = self.held.len();
        for held in &mut self.held {
            held.waits = Waits::Snapshot;
        }
    }

    /// How far it is.
    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether it stops reading when told to.
    pub(crate) fn stalls(&self) -> bool {
        self.stalls
    }

    /// Whether it is connected and has of each topic what the server had when it subscribed.
    pub(crate) fn is_right(&self) -> bool {
        self.waiting == 0
    }

    /// The first topic in which it is not where it must end, with its own and the final `seq`; none where the end is
    /// not known.
    pub(crate) fn behind(&self, finals: &[u64]) -> Option<(u32, u64, u64)> {
        let mut ends = self
            .topics
            .iter()
            .zip(&self.held)
            .filter_map(|(&topic, held)| Some((topic, held.seq, *finals.get(topic as usize)?)));
        ends.find(|(_, seq, last)| seq != last)
    }

    /// The topics it follows.
    pub(crate) fn topics(&self) -> impl Iterator<Item = u32> {
        self.topics.iter().copied()
    }

    /// Its own totals, where it is in the sample.
    pub(crate) fn ledger(&self) -> Option<&Ledger> {
        self.ledger.as_deref()
    }

    /// The connection stands or has failed: ask for the upgrade.
    pub(crate) fn on_connected(&mut self, desk: &Desk) -> Result<()> {
        net::connected(self.socket.as_ref().context("cut off")?).context("connecting")?;
        self.session = desk.tls.as_ref().map(Tls::session).transpose()?;
        self.send(&desk.upgrade)?;
        self.phase = Phase::Upgrading;
        Ok(())
    }

    /// There is something to read, or (`hung_up`) nothing more will come. An error means that this
    /// client is lost. Told once for what has arrived, so all of it is read: up to a read that does
    /// not fill the buffer, and to the end where there is one.
    pub(crate) fn on_readable(&mut self, hung_up: bool, desk: &mut Desk) -> Result<()> {
        let mut scratch = std::mem::take(&mut desk.scratch);
        let result = loop {
            match self.read(&mut scratch, desk) {
                Ok(Taken::Full) => {}
                Ok(Taken::Part) if hung_up => {}
                result => break result.map(drop),
            }
        };
        desk.scratch = scratch;
        result
    }

    /// One read.
    fn read(&mut self, scratch: &mut [u8], desk: &mut Desk) -> Result<Taken> {
        let kept = self.tail.len();
        ensure!(kept < scratch.len(), "a frame that never ends");
        scratch[..kept].copy_from_slice(&self.tail);
        let (socket, room) = (self.socket.as_ref().context("cut off")?, &mut scratch[kept..]);
        let received = match &mut self.session {
            Some(session) => session.receive(socket, room, desk.kernel_times)?,
            None => net::receive(socket, room, desk.kernel_times).context("reading")?.unless_ended()?,
        };
        if received.count == 0 {
            return Ok(received.taken);
        }
        let receipt = Receipt {
            now_ns: clock::monotonic_ns(),
            kernel_ns: received.kernel_ns,
        };
        let bytes = &scratch[..kept + received.count];
        let mut at = 0;
        if self.phase == Phase::Upgrading {
            at = desk.protocol.granted(bytes)?;
            if at > 0 {
                self.phase = Phase::Subscribed;
                let subscribe = self.subscription(desk);
                self.send(&desk.protocol.coding.frame(&subscribe)?)?;
            }
        }
        if self.phase == Phase::Subscribed {
            let reserved = desk.protocol.reserved();
            while let Some(frame) = frames::first(&bytes[at..], reserved)? {
                at += frame.wire_bytes;
                self.on_frame(&frame, receipt, desk)?;
            }
        }
        self.tail.clear();
        self.tail.extend_from_slice(&bytes[at..]);
        Ok(received.taken)
    }

    /// The `subscribe` message, with what it holds where it comes back.
    fn subscription(&self, desk: &Desk) -> Value {
        let topics: Vec<&str> = self.topics().map(|topic| desk.topics[topic as usize].as_str()).collect();
        let mut message = json!({"op": "subscribe", "id": 1, "topics": topics, "ruleset": desk.ruleset});
        let begun = topics.iter().zip(&self.held).filter(|(_, held)| held.begun);
        let since: Map<String, Value> = begun.map(|(&topic, held)| (topic.to_owned(), json!(held.seq))).collect();
        if let Some(epoch) = desk.judge.epoch().filter(|_| !since.is_empty()) {
            message["epoch"] = json!(epoch);
            message["since"] = Value::Object(since);
        }
        message
    }

    /// Says something that asks for nothing.
    pub(crate) fn speak(&mut self) -> Result<()> {
        self.send(&frames::masked(frames::PONG, b""))
    }

    fn on_frame(&mut self, frame: &Frame<'_>, receipt: Receipt, desk: &mut Desk) -> Result<()> {
        match frame.opcode {
            opcode if opcode == desk.protocol.coding.opcode() => {}
            frames::PING => return self.send(&frames::masked(frames::PONG, frame.payload)),
            frames::PONG => return Ok(()),
            frames::CLOSE => bail!("closed by the server: {}", close_reason(frame.payload)),
            _ => bail!("a text or binary message where the other was agreed on"),
        }
        let said = match frame.deflated {
            false => desk.judge.read(frame.payload)?,
            true => desk.judge.read_deflated(frame.payload)?,
        };
        match said {
            Said::Aside => Ok(()),
            Said::Subscribed(granted) => granted.iter().try_for_each(|granted| self.on_granted(granted, desk)),
            Said::Shown(shown) => match shown.prev {
                Some(prev) => self.on_delta(frame, &shown, prev, receipt, desk),
                None => self.on_snapshot(frame, &shown, receipt, desk),
            },
        }
    }

    fn on_granted(&mut self, granted: &Granted, desk: &mut Desk) -> Result<()> {
        let held = self.held_of(granted.topic)?;
        let round = desk.tally.rounds.last_mut();
        if !granted.resumed {
            round.into_iter().for_each(|round| round.snapshots += 1);
            return Ok(());
        }
        round.into_iter().for_each(|round| round.resumed += 1);
        ensure!(held.begun, "resumed where nothing was held");
        held.waits = Waits::Until(granted.seq);
        self.settle(granted.topic)
    }

    fn on_delta(&mut self, frame: &Frame<'_>, shown: &Shown, prev: u64, receipt: Receipt, desk: &mut Desk) -> Result<()> {
        let (seq, topic) = (shown.seq, shown.topic);
        let held = self.held_of(topic)?;
        ensure!(held.waits != Waits::Snapshot, "a delta (seq {seq}) before the snapshot");
        ensure!(
            prev == held.seq,
            "holds seq {} and was sent prev {prev} (seq {seq}) of {}: something in between is lost",
            held.seq,
            desk.topics[topic as usize]
        );
        held.seq = seq;
        if held.waits != Waits::Nothing {
            self.settle(topic)?;
        }
        if let Some(ledger) = &mut self.ledger {
            ledger.delta(&desk.judge.value(frame)?)?;
        }
        desk.tally.frames += 1;
        desk.tally.frame_bytes += frame.wire_bytes as u64;
        desk.tally.merged += u64::from(seq - prev > 1);
        desk.tally.deflated += u64::from(frame.deflated);
        self.advance(prev, shown, receipt, desk)
    }

    fn on_snapshot(&mut self, frame: &Frame<'_>, shown: &Shown, receipt: Receipt, desk: &mut Desk) -> Result<()> {
        let held = self.held_of(shown.topic)?;
        let (before, first) = (held.seq, !held.begun);
        ensure!(
            first || shown.seq >= before,
            "holds seq {before} and was sent a snapshot at {} of {}",
            shown.seq,
            desk.topics[shown.topic as usize]
        );
        desk.tally.late_snapshots += u64::from(held.waits != Waits::Snapshot);
        (held.seq, held.begun) = (shown.seq, true);
        if held.waits == Waits::Snapshot {
            held.waits = Waits::Until(shown.seq);
        }
        self.settle(shown.topic)?;
        if let Some(ledger) = &mut self.ledger {
            ledger.snapshot(&desk.judge.value(frame)?)?;
        }
        match first {
            true => Ok(()),
            false => self.advance(before, shown, receipt, desk),
        }
    }

    /// Whether a topic has now what was waited for.
    fn settle(&mut self, topic: u32) -> Result<()> {
        let held = self.held_of(topic)?;
        if let Waits::Until(seq) = held.waits
            && held.seq >= seq
        {
            held.waits = Waits::Nothing;
            self.waiting -= 1;
        }
        Ok(())
    }

    fn held_of(&mut self, topic: u32) -> Result<&mut Held> {
        let place = self.topics.binary_search(&topic);
        Ok(&mut self.held[place.ok().context("a topic that this client did not ask for")?])
    }

    /// Everything from the state at `prev` to the one shown has arrived. The newest change is the
    /// event that the frame names; the others are known from other clients' frames, or count as the
    /// oldest that a merged frame names. A topic can't have moved more often than events were posted.
    fn advance(&self, prev: u64, shown: &Shown, receipt: Receipt, desk: &mut Desk) -> Result<()> {
        let (changes, events) = (shown.seq - prev, desk.judge.schedule().events());
        ensure!(
            changes <= events as u64 + CHANGES_SPARE,
            "{} went from seq {prev} to {} in a run of {events} events",
            desk.topics[shown.topic as usize],
            shown.seq
        );
        desk.tally.deliveries += changes;
        if self.stalls {
            return Ok(());
        }
        for seq in prev + 1..=shown.seq {
            let named = if seq == shown.seq { shown.newest } else { None };
            let event = named.or_else(|| desk.judge.event(shown.topic, seq)).or(shown.oldest);
            match event {
                Some(event) => desk.record.delivery(desk.judge.schedule(), event, receipt),
                None => desk.tally.untimed += 1,
            }
        }
        Ok(())
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let socket = self.socket.as_ref().context("cut off")?;
        if let Some(session) = &mut self.session {
            return session.send(socket, bytes);
        }
        let sent = send(socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL).context("writing")?;
        ensure!(sent == bytes.len(), "the server does not read what the client sends");
        Ok(())
    }
}

fn close_reason(payload: &[u8]) -> String {
    match payload {
        [high, low, reason @ ..] => format!("code {} {}", u16::from_be_bytes([*high, *low]), String::from_utf8_lossy(reason)),
        _ => "no code".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_codes_are_told() {
        assert_eq!(close_reason(&[0x0f, 0xa1, b's', b'l', b'o', b'w']), "code 4001 slow");
        assert_eq!(close_reason(&[]), "no code");
    }
}
