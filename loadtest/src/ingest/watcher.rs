//! The subscribers of the scenario `ingest`: together they watch every game, so that every event is
//! scored, encoded and sent; what they got is checked once the clock stands.
//!
//! While it runs a watcher only follows each topic's `prev` chain, read off where the server writes it,
//! and keeps the payloads of the games that will be checked in full. Bounded by what the server sends of
//! those. Where posting ends early, it reads what is under way still.

use crate::socket::Socket;
use crate::target::Target;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Longest wait of one read: with nothing for so long, nothing more is under way.
const READ_MAX: Duration = Duration::from_millis(250);

/// One topic as it was received.
#[derive(Debug, Default)]
struct Seen {
    seq: u64,
    last_seq: u64,
    /// Payloads in order, where the topic is to be checked in full.
    kept: Option<Vec<Box<[u8]>>>,
}

/// What a watcher got.
#[derive(Debug, Default)]
pub(crate) struct Received {
    /// Delta frames.
    pub(crate) frames: u64,
    /// Of these, frames that stood for several changes.
    pub(crate) merged: u64,
    /// Changes.
    pub(crate) changes: u64,
    /// Bytes of the delta frames, headers included.
    pub(crate) bytes: u64,
    /// Snapshots after the first.
    pub(crate) snapshots_late: u64,
}

/// A topic to watch: its name, the `seq` that it ends at, whether to check it in full.
pub(crate) type Topic = (String, u64, bool);

/// A connected watcher, subscribed to everything.
pub(crate) struct Watcher {
    socket: Socket,
    timeout: Duration,
    watched: Watched,
}

/// What it watches.
struct Watched {
    topics: HashMap<String, Seen>,
    /// Topics that have not ended yet.
    open: usize,
    received: Received,
}

impl Watched {
    fn take(&mut self, payload: &[u8], wire_bytes: usize) -> Result<()> {
        let Some((topic, seq, prev)) = place_of(payload) else {
            return Ok(());
        };
        let seen = self
            .topics
            .get_mut(topic)
            .with_context(|| format!("a frame of {topic}, which nobody asked for"))?;
        match prev {
            Some(prev) => {
                ensure!(
                    prev == seen.seq && seq > prev,
                    "{topic}: held {}, was sent {prev} to {seq}",
                    seen.seq
                );
                self.received.frames += 1;
                self.received.bytes += wire_bytes as u64;
                self.received.merged += u64::from(seq - prev > 1);
                self.received.changes += seq - prev;
            }
            None => {
                ensure!(
                    seen.seq == u64::MAX || seq >= seen.seq,
                    "{topic}: held {}, was sent a snapshot at {seq}",
                    seen.seq
                );
                self.received.snapshots_late += u64::from(seen.seq != u64::MAX);
            }
        }
        if let Some(kept) = &mut seen.kept {
            kept.push(payload.into());
        }
        let had_ended = seen.seq != u64::MAX && seen.seq >= seen.last_seq;
        seen.seq = seq;
        self.open -= usize::from(!had_ended && seq >= seen.last_seq);
        Ok(())
    }
}

impl Watcher {
    /// Connects, subscribes and waits for every snapshot.
    pub(crate) fn connect(target: &Target, ruleset: &str, topics: &[Topic], timeout: Duration) -> Result<Watcher> {
        let mut socket = Socket::connect(target, timeout, READ_MAX)?;
        let names: Vec<&str> = topics.iter().map(|(name, ..)| name.as_str()).collect();
        socket.subscribe(&names, Some(ruleset))?;
        let seen = |(name, last_seq, kept): &Topic| {
            let kept = kept.then(Vec::new);
            let (seq, last_seq) = (u64::MAX, *last_seq);
            (name.clone(), Seen { seq, last_seq, kept })
        };
        let mut watcher = Watcher {
            socket,
            timeout,
            watched: Watched {
                topics: topics.iter().map(seen).collect(),
                open: topics.len(),
                received: Received::default(),
            },
        };
        let all_there = |watched: &Watched, _| watched.topics.values().all(|topic| topic.seq != u64::MAX);
        watcher.read_until(all_there).context("not all snapshots came")?;
        watcher.watched.received = Received::default();
        Ok(watcher)
    }

    /// Reads until every topic has ended, or posting has, before its end, and nothing more is under way.
    pub(crate) fn run(&mut self, ended: &AtomicBool) -> Result<()> {
        let is_done = |watched: &Watched, is_quiet| watched.open == 0 || (is_quiet && ended.load(Ordering::Relaxed));
        let verdict = self.read_until(is_done);
        let Watched { topics, open, .. } = &self.watched;
        verdict.with_context(|| format!("{open} of {} games have not ended", topics.len()))
    }

    /// Reads until `is_done`, which is told whether nothing came of late.
    fn read_until(&mut self, is_done: impl Fn(&Watched, bool) -> bool) -> Result<()> {
        let Self { socket, timeout, watched } = self;
        let mut quiet = Duration::ZERO;
        while !is_done(watched, quiet > Duration::ZERO) {
            if socket.read(|payload, wire_bytes| watched.take(payload, wire_bytes))? {
                quiet = Duration::ZERO;
                continue;
            }
            quiet += READ_MAX;
            ensure!(quiet < *timeout, "nothing came for {quiet:?}");
        }
        Ok(())
    }

    /// What was counted.
    pub(crate) fn received(&self) -> &Received {
        &self.watched.received
    }

    /// Points in 1/10,000 by topic and player, of the topics checked in full; of all of them every frame must be there.
    pub(crate) fn points(self) -> Result<HashMap<String, HashMap<String, i64>>> {
        let mut points = HashMap::new();
        for (topic, seen) in self.watched.topics {
            ensure!(seen.seq == seen.last_seq, "{topic} ends at {}, not at {}", seen.seq, seen.last_seq);
            let Some(kept) = seen.kept else { continue };
            let of: &mut HashMap<_, _> = points.entry(topic).or_default();
            for payload in kept {
                let message: Value = serde_json::from_slice(&payload).context("a message that is no JSON")?;
                of.extend(points_of(&message["players"]));
            }
        }
        Ok(points)
    }
}

/// Points in 1/10,000 by player, of a list of players as messages and plain HTTP have it.
pub(crate) fn points_of(players: &Value) -> impl Iterator<Item = (String, i64)> + '_ {
    players.as_array().into_iter().flatten().filter_map(|player| {
        let points = player["points"].as_f64()? * 10_000.0;
        Some((player["player"].as_str()?.to_owned(), points.round() as i64))
    })
}

/// Topic, `seq` and `prev` of a delta, topic and `seq` of a snapshot; nothing for other messages.
fn place_of(payload: &[u8]) -> Option<(&str, u64, Option<u64>)> {
    let head = std::str::from_utf8(&payload[..payload.len().min(256)]).ok()?;
    let is_delta = head.starts_with(r#"{"type":"delta""#);
    if !is_delta && !head.starts_with(r#"{"type":"snapshot""#) {
        return None;
    }
    let after = |key: &str| head.find(key).map(|at| &head[at + key.len()..]);
    let number = |text: &str| text[..text.find(|c: char| !c.is_ascii_digit())?].parse::<u64>().ok();
    let topic = after(r#""topic":""#)?.split('"').next()?;
    let seq = number(after(r#""seq":"#)?)?;
    let prev = if is_delta { Some(number(after(r#""prev":"#)?)?) } else { None };
    Some((topic, seq, prev))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_frame_is_read_off_its_head() {
        let delta = br#"{"type":"delta","topic":"game:a-1","ruleset":"draftkings","seq":12,"prev":9,"clock":{}}"#;
        assert_eq!(place_of(delta), Some(("game:a-1", 12, Some(9))));
        let snapshot = br#"{"type":"snapshot","topic":"game:a","ruleset":"draftkings","seq":0,"players":[]}"#;
        assert_eq!(place_of(snapshot), Some(("game:a", 0, None)));
        assert_eq!(place_of(br#"{"type":"hello","epoch":"x"}"#), None);
    }
}
