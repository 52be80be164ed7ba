//! Is a message right? Checked once for each distinct message, by comparison for everybody else.
//!
//! The server encodes a change once, so the clients get the very same bytes. A message that equals,
//! byte for byte, one that was parsed and found right is right ([`crate::known`]); anything else is
//! parsed as JSON and checked in full: its topic and ruleset are ones that were asked for, its
//! `feed_ts` is the `ts` of an event of this run, its causes are as many as its changes, and its totals are the right ones: by the script
//! where there is one ([`crate::verify`]), else by the table of what the frames so far lead to
//! ([`crate::totals`]). The client then checks that `prev` is the `seq` it holds. So by induction a
//! client with an unbroken chain from its snapshot holds the right totals; a sample of clients
//! proves it again with totals of its own ([`crate::ledger`]).

use crate::frames::{self, Frame};
use crate::inflate::Inflater;
use crate::known::Known;
use crate::schedule::Schedule;
use crate::totals::Totals;
use crate::upgrade::Coding;
use crate::verify::{Oracle, number};
use anyhow::{Context as _, Result, bail, ensure};
use foldhash::fast::RandomState;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashMap;

/// What a right message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// A topic's state, or its change.
    Shown(Shown),
    /// The answer to a subscription.
    Subscribed(Vec<Granted>),
    /// Nothing that moves a topic.
    Aside,
}

/// A snapshot or delta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The topic's number.
    pub(crate) topic: u32,
    /// Of the state after.
    pub(crate) seq: u64,
    /// Of the state before; nothing for a snapshot.
    pub(crate) prev: Option<u64>,
    /// The event by which it came to `seq`, where the message says.
    pub(crate) newest: Option<u32>,
    /// The first of the events that a merged delta stands for.
    pub(crate) oldest: Option<u32>,
}

/// What became of a topic that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Granted {
    /// The topic's number.
    pub(crate) topic: u32,
    /// Where it stands.
    pub(crate) seq: u64,
    /// The deltas after what the client held follow; else a snapshot does.
    pub(crate) resumed: bool,
}

/// An event moved a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Moved {
    /// The topic's number.
    pub(crate) topic: u32,
    /// To this.
    pub(crate) seq: u64,
    /// By this event.
    pub(crate) event: u32,
    /// Points since, in 1/10,000; nothing where a merged frame named the event as its first, with no
    /// word on what it led to.
    pub(crate) points: Option<i64>,
    /// Size of the frame that led there, header included.
    pub(crate) bytes: u32,
}

/// Most causes that a merged frame lists.
const CAUSES_MAX: usize = 16;

/// How the answer to a subscription begins, as this server writes it. It is read without building a
/// tree of values: each client has its own, and in a storm all of them come at once.
const SUBSCRIBED: &[u8] = br#"{"type":"subscribed""#;

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    topics: Vec<AnsweredTopic<'a>>,
    errors: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
struct AnsweredTopic<'a> {
    #[serde(borrow)]
    topic: Cow<'a, str>,
    #[serde(borrow)]
    ruleset: Option<Cow<'a, str>>,
    seq: u64,
    #[serde(borrow)]
    how: Cow<'a, str>,
}

/// What totals are held against.
pub(crate) enum Content {
    /// One `game:` topic whose plays are known beforehand.
    Script(Oracle),
    /// `player:` topics, each frame against those before.
    Totals(Totals),
}

/// Judges the messages of one process's clients.
pub(crate) struct Judge {
    topics: HashMap<String, u32, RandomState>,
    ruleset: String,
    schedule: Schedule,
    content: Content,
    /// The `ts` that the start of the schedule stands for, once the run has begun.
    ts0_us: Option<u64>,
    epoch: Option<String>,
    coding: Coding,
    known: Known<Shown>,
    /// The same of messages that came compressed, as they came.
    known_deflated: Known<Shown>,
    inflater: Inflater,
    moves: Vec<Moved>,
    /// Messages parsed.
    pub(crate) parsed: u64,
    /// Messages that equalled a known one.
    pub(crate) compared: u64,
}

impl Judge {
    /// A judge of `topics` under `ruleset`, moved by the events of `schedule`.
    pub(crate) fn new(topics: &[String], ruleset: &str, coding: Coding, schedule: Schedule, content: Content) -> Self {
        let numbered = topics.iter().cloned().zip(0..);
        Self {
            topics: numbered.collect(),
            ruleset: ruleset.to_owned(),
            schedule,
            content,
            ts0_us: None,
            epoch: None,
            coding,
            known: Known::new(),
            known_deflated: Known::new(),
            inflater: Inflater::new(frames::PAYLOAD_BYTES_MAX),
            moves: Vec::new(),
            parsed: 0,
            compared: 0,
        }
    }

    /// The run begins: an event due at 0 carries `ts0_us`.
    pub(crate) fn start(&mut self, ts0_us: u64) {
        self.ts0_us = Some(ts0_us);
    }

    /// When events are due.
    pub(crate) fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// The server's history, from the first `welcome`.
    pub(crate) fn epoch(&self) -> Option<&str> {
        self.epoch.as_deref()
    }

    /// What moved so far, in the order in which it was first seen; empty where a script says it.
    pub(crate) fn take_moves(&mut self) -> Vec<Moved> {
        std::mem::take(&mut self.moves)
    }

    /// What `message` says, or what is wrong with it.
    pub(crate) fn read(&mut self, message: &[u8]) -> Result<Said> {
        if let Some(shown) = self.known.find(message) {
            self.compared += 1;
            return Ok(Said::Shown(shown));
        }
        if self.coding == Coding::Json && message.starts_with(SUBSCRIBED) {
            self.parsed += 1;
            let answer: Answer<'_> = serde_json::from_slice(message).context("an answer to a subscription that can't be read")?;
            let granted = self.subscribed(&answer).with_context(|| excerpt(message))?;
            return Ok(Said::Subscribed(granted));
        }
        let value = self.coding.read(message)?;
        let said = self.judge(&value, message.len()).with_context(|| match self.coding {
            Coding::Json => excerpt(message),
            Coding::Bin => excerpt(value.to_string().as_bytes()),
        })?;
        if let Said::Shown(shown) = said {
            self.known.keep(message, shown);
        }
        Ok(said)
    }

    /// What a message says that came compressed. Compared as it came; inflated only where it is not known.
    pub(crate) fn read_deflated(&mut self, message: &[u8]) -> Result<Said> {
        if let Some(shown) = self.known_deflated.find(message) {
            self.compared += 1;
            return Ok(Said::Shown(shown));
        }
        let value = self.coding.read(self.inflater.inflate(message)?)?;
        let told = || excerpt(value.to_string().as_bytes());
        let said = self.judge(&value, message.len()).with_context(told)?;
        if let Said::Shown(shown) = said {
            self.known_deflated.keep(message, shown);
        }
        Ok(said)
    }

    /// A message in the JSON form, whether or not it is right.
    pub(crate) fn value(&mut self, frame: &Frame<'_>) -> Result<Value> {
        let message = match frame.deflated {
            false => frame.payload,
            true => self.inflater.inflate(frame.payload)?,
        };
        self.coding.read(message)
    }

    /// The event by which `topic` came to `seq`, where it is known.
    pub(crate) fn event(&self, topic: u32, seq: u64) -> Option<u32> {
        match &self.content {
            Content::Script(oracle) => oracle.event(seq),
            Content::Totals(totals) => totals.event(topic, seq),
        }
    }

    /// Holds what the frames led to against a snapshot that the server gave at the very end, having taken `taken` events.
    pub(crate) fn settle(&self, topic: u32, snapshot: &Value, taken: usize) -> Result<()> {
        let seq = number(snapshot, "seq")?;
        match &self.content {
            Content::Script(oracle) => oracle.settle(seq, snapshot, taken),
            Content::Totals(totals) => totals.settle(topic, seq, snapshot),
        }
    }

    /// What a message says whose frame had a payload of `bytes` bytes.
    fn judge(&mut self, value: &Value, bytes: usize) -> Result<Said> {
        self.parsed += 1;
        match value["type"].as_str().context("a message without a type")? {
            "snapshot" => self.snapshot(value).map(Said::Shown),
            "delta" => self.delta(value, bytes).map(Said::Shown),
            "subscribed" => self.subscribed(&Answer::deserialize(value)?).map(Said::Subscribed),
            "welcome" => self.welcome(value),
            "error" => bail!("the server answered with an error"),
            "goodbye" => bail!("the server is going away"),
            _ => Ok(Said::Aside),
        }
    }

    fn welcome(&mut self, value: &Value) -> Result<Said> {
        let epoch = value["epoch"].as_str().context("epoch is missing")?;
        let held = self.epoch.get_or_insert_with(|| epoch.to_owned());
        // Of a cluster each node's name ends in a part of its own.
        let shared = |epoch: &str| epoch.split('-').next().map(str::to_owned);
        ensure!(
            shared(held) == shared(epoch),
            "the epoch was {held}: the server has been started again"
        );
        Ok(Said::Aside)
    }

    fn subscribed(&self, answer: &Answer<'_>) -> Result<Vec<Granted>> {
        ensure!(answer.errors.is_empty(), "the subscription was refused");
        let granted = answer.topics.iter().map(|granted| {
            Ok(Granted {
                topic: self.number_of(&granted.topic, granted.ruleset.as_deref())?,
                seq: granted.seq,
                resumed: match &*granted.how {
                    "resumed" => true,
                    "snapshot" => false,
                    how => bail!("how is {how:?} and must be \"snapshot\" or \"resumed\""),
                },
            })
        });
        granted.collect()
    }

    fn snapshot(&mut self, value: &Value) -> Result<Shown> {
        let (topic, seq) = (self.topic(value)?, number(value, "seq")?);
        match &mut self.content {
            Content::Script(oracle) => oracle.snapshot(seq, value, self.ts0_us.is_some())?,
            Content::Totals(totals) => totals.snapshot(topic, seq, value)?,
        }
        Ok(Shown {
            topic,
            seq,
            prev: None,
            newest: None,
            oldest: None,
        })
    }

    fn delta(&mut self, value: &Value, bytes: usize) -> Result<Shown> {
        let topic = self.topic(value)?;
        let (seq, prev) = (number(value, "seq")?, number(value, "prev")?);
        ensure!(seq > prev, "seq {seq} does not follow prev {prev}");
        let newest = self.caused_by(value, "feed_ts")?;
        let oldest = self.first_cause(value, seq - prev, newest)?;
        check_causes(value, seq - prev)?;
        match &mut self.content {
            Content::Script(oracle) => oracle.delta(prev, seq, [oldest, newest], value)?,
            Content::Totals(totals) => {
                let event = newest.context("feed_ts is missing, and every event was posted with one")?;
                if let Some(points) = totals.delta(topic, prev, seq, event, value)? {
                    let bytes = wire_bytes(bytes);
                    self.moves.push(Moved {
                        topic,
                        seq,
                        event,
                        points: Some(points),
                        bytes,
                    });
                }
                if let Some(event) = oldest
                    && totals.first(topic, prev + 1, event)?
                {
                    self.moves.push(Moved {
                        topic,
                        seq: prev + 1,
                        event,
                        points: None,
                        bytes: 0,
                    });
                }
            }
        }
        Ok(Shown {
            topic,
            seq,
            prev: Some(prev),
            newest,
            oldest,
        })
    }

    fn topic(&self, value: &Value) -> Result<u32> {
        self.number_of(value["topic"].as_str().context("topic is missing")?, value["ruleset"].as_str())
    }

    fn number_of(&self, name: &str, ruleset: Option<&str>) -> Result<u32> {
        let topic = self
            .topics
            .get(name)
            .with_context(|| format!("nobody asked for the topic {name}"))?;
        ensure!(ruleset == Some(&self.ruleset), "not the ruleset {}", self.ruleset);
        Ok(*topic)
    }

    /// The first of the `changes` that a delta stands for, of which `newest` was the last: a merged one
    /// must name it. What moves a lineup comes from several games, in the order in which the server came to it.
    fn first_cause(&self, value: &Value, changes: u64, newest: Option<u32>) -> Result<Option<u32>> {
        let first = self.caused_by(value, "feed_ts_first")?;
        if changes == 1 {
            ensure!(first.is_none() || first == newest, "feed_ts_first is not feed_ts, of one change");
            return Ok(newest);
        }
        ensure!(first.is_some(), "feed_ts_first is missing, of {changes} changes");
        let in_order = newest.is_none() || first <= newest || value["slots"].is_array();
        ensure!(in_order, "feed_ts_first is later than feed_ts");
        Ok(first)
    }

    /// The event whose `ts` the message gives back as `name`.
    fn caused_by(&self, value: &Value, name: &str) -> Result<Option<u32>> {
        if value[name].is_null() {
            return Ok(None);
        }
        let ts = number(value, name)?;
        let ts0_us = self.ts0_us.context("a delta before the first event")?;
        let event = ts.checked_sub(ts0_us).and_then(|at_us| self.schedule.event_at(at_us));
        event
            .map(Some)
            .with_context(|| format!("{name} is {ts}, with which no event was posted"))
    }
}

/// One change has its `cause`; several have `causes`, and those left out are counted.
fn check_causes(value: &Value, changes: u64) -> Result<()> {
    let [cause, causes, omitted] = ["cause", "causes", "causes_omitted"].map(|name| &value[name]);
    if changes == 1 {
        ensure!(causes.is_null() && omitted.is_null(), "one change with several causes");
        return check_cause(cause);
    }
    let causes = causes
        .as_array()
        .with_context(|| format!("causes are missing, of {changes} changes"))?;
    ensure!(cause.is_null(), "one cause of {changes} changes");
    ensure!(
        (1..=CAUSES_MAX).contains(&causes.len()),
        "{} causes in one frame, 1 to {CAUSES_MAX} may be",
        causes.len()
    );
    causes.iter().try_for_each(check_cause)?;
    let omitted = if omitted.is_null() { 0 } else { number(value, "causes_omitted")? };
    ensure!(
        omitted.checked_add(causes.len() as u64) == Some(changes),
        "{} causes and {omitted} left out, of {changes} changes",
        causes.len()
    );
    Ok(())
}

fn check_cause(cause: &Value) -> Result<()> {
    let is_kind = |kind: &str| ["play", "correction", "retraction", "game"].contains(&kind);
    ensure!(
        cause["game"].is_string() && cause["kind"].as_str().is_some_and(is_kind),
        "cause is {cause}, and must name a game and a kind"
    );
    Ok(())
}

/// Size of an unmasked frame with a payload of `bytes` bytes.
fn wire_bytes(bytes: usize) -> u32 {
    let header = match bytes {
        0..=125 => 2,
        126..=65_535 => 4,
        _ => 10,
    };
    (bytes + header) as u32
}

fn excerpt(message: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(message).chars().take(160).collect();
    format!("in {text}…")
}

#[cfg(test)]
mod tests;
