//! One more client beside the crowd, who asks for things while the server is busy: how long until it is answered?
//!
//! A thread of its own with sockets that wait, so that the crowd's queue is no part of what it sees. It
//! asks at moments drawn beforehand, and measures from the request on; a moment that passes while an
//! earlier answer is due is skipped and counted. What it is answered must be right. Bounded by the length
//! of the run: an answer is a moment and a latency, some 50 a second.

use crate::clock;
use crate::frames;
use crate::inflate::Inflater;
use crate::rosters::Dice;
use crate::schedule::Schedule;
use crate::target::Target;
use crate::tls::Stream;
use crate::upgrade::Protocol;
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long after an event was due a shard may be busy with it.
const WALK_NS: u64 = 60_000_000;

/// Longest time from one question to the next; every time up to it is as likely.
const GAP_US_MAX: usize = 20_000;

/// Longest wait for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Most bytes of one answer; the probe follows nothing that moves.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Question {
    /// `ping`, until `pong`.
    Ping,
    /// `subscribe`, until `subscribed`; the snapshot and the end of the subscription are not in it.
    Subscribe,
    /// A new connection, until `welcome`. The next questions are asked over it: so all shards are asked.
    Connect,
}

impl Question {
    const ALL: [Question; 3] = [Self::Ping, Self::Subscribe, Self::Connect];

    fn name(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Subscribe => "subscribe",
            Self::Connect => "connect",
        }
    }
}

/// One answer.
#[derive(Debug, Clone, Copy)]
struct Answer {
    question: Question,
    asked_ns: u64,
    answered_ns: u64,
}

/// What a run says of its probe.
#[derive(Debug, Clone)]
pub(crate) struct Prober {
    /// Whom to ask.
    pub(crate) target: Target,
    /// How messages are written, and whether compressed.
    pub(crate) protocol: Protocol,
    /// A topic that never moves.
    pub(crate) topic: String,
    /// When events are due.
    pub(crate) schedule: Schedule,
    /// The same seed asks the same at the same moments.
    pub(crate) seed: u64,
    /// Answers count as there when the kernel has them, not when this thread gets to run.
    pub(crate) kernel_times: bool,
}

impl Prober {
    /// Begins to ask at `t0_ns`, when the schedule begins.
    pub(crate) fn start(&self, t0_ns: u64) -> Probe {
        let prober = self.clone();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        Probe {
            schedule: self.schedule.clone(),
            t0_ns,
            stop,
            asking: thread::spawn(move || ask(&prober, t0_ns, &stopped)),
        }
    }
}

/// A probe that is asking.
pub(crate) struct Probe {
    schedule: Schedule,
    t0_ns: u64,
    stop: Arc<AtomicBool>,
    asking: JoinHandle<Result<Asked>>,
}

/// What became of the questions.
#[derive(Debug, Default)]
struct Asked {
    answers: Vec<Answer>,
    skipped: u64,
}

impl Probe {
    /// Stops asking: the figures by name, or what was wrong with an answer.
    pub(crate) fn finish(self) -> Result<BTreeMap<String, f64>> {
        self.stop.store(true, Ordering::Relaxed);
        let asked = self.asking.join().map_err(|_| anyhow::anyhow!("the probe's thread is gone"))??;
        let mut figures = figures(&asked.answers, &self.schedule, self.t0_ns);
        figures.insert("skipped".to_owned(), asked.skipped as f64);
        Ok(figures)
    }
}

/// Latencies by question, those while a walk may be under way apart from the others.
fn figures(answers: &[Answer], schedule: &Schedule, t0_ns: u64) -> BTreeMap<String, f64> {
    let mut by_name: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for answer in answers {
        let when = if in_walk(answer, schedule, t0_ns) { "walk" } else { "idle" };
        let name = format!("{when}_{}", answer.question.name());
        by_name
            .entry(name)
            .or_default()
            .push(answer.answered_ns.saturating_sub(answer.asked_ns));
    }
    let mut figures = BTreeMap::new();
    for (name, mut latencies) in by_name {
        latencies.sort_unstable();
        let count = latencies.len();
        let ms = |rank: usize| latencies[rank] as f64 / 1e6;
        figures.insert(format!("{name}_count"), count as f64);
        figures.insert(format!("{name}_p50_ms"), ms((count - 1) / 2));
        figures.insert(format!("{name}_p99_ms"), ms((count * 99).div_ceil(100) - 1));
        figures.insert(format!("{name}_max_ms"), ms(count - 1));
    }
    figures
}

/// Whether an event was due between the question and the answer, or at most [`WALK_NS`] before.
fn in_walk(answer: &Answer, schedule: &Schedule, t0_ns: u64) -> bool {
    let from_us = answer.asked_ns.saturating_sub(t0_ns + WALK_NS) / 1_000;
    let event = schedule.first_from(from_us);
    event.is_some_and(|event| t0_ns + schedule.due_us(event) * 1_000 <= answer.answered_ns)
}

fn ask(prober: &Prober, t0_ns: u64, stop: &AtomicBool) -> Result<Asked> {
    let mut dice = Dice::new(prober.seed);
    let mut line = Line::connect(prober)?;
    let mut asked = Asked::default();
    let mut due_ns = t0_ns;
    loop {
        due_ns += dice.below(GAP_US_MAX) as u64 * 1_000;
        let question = Question::ALL[dice.below(Question::ALL.len())];
        let Some(wait_ns) = due_ns.checked_sub(clock::monotonic_ns()) else {
            asked.skipped += 1;
            continue;
        };
        thread::sleep(Duration::from_nanos(wait_ns));
        if stop.load(Ordering::Relaxed) {
            return Ok(asked);
        }
        let asked_ns = clock::monotonic_ns();
        let answered_ns = match question {
            Question::Ping => line.ping()?,
            Question::Subscribe => line.subscribe(&prober.topic)?,
            Question::Connect => {
                let next = Line::connect(prober)?;
                ensure!(next.epoch == line.epoch, "a new connection is welcomed to another epoch");
                line = next;
                line.welcomed_ns
            }
        };
        asked.answers.push(Answer {
            question,
            asked_ns,
            answered_ns,
        });
    }
}

/// One connection.
struct Line {
    stream: Stream,
    protocol: Protocol,
    inflater: Inflater,
    epoch: Value,
    welcomed_ns: u64,
    /// When the last bytes were there.
    arrived_ns: u64,
    id: u64,
    buffer: Vec<u8>,
}

impl Line {
    fn connect(prober: &Prober) -> Result<Self> {
        let (target, protocol) = (&prober.target, prober.protocol);
        let stream = Stream::connect(target, ANSWER_TIMEOUT).with_context(|| format!("{} does not answer", target.addr))?;
        if prober.kernel_times {
            stream.stamp().context("SO_TIMESTAMPNS")?;
        }
        let mut line = Self {
            stream,
            protocol,
            inflater: Inflater::new(ANSWER_BYTES_MAX),
            epoch: Value::Null,
            welcomed_ns: 0,
            arrived_ns: 0,
            id: 0,
            buffer: Vec::new(),
        };
        line.stream.write_all(&protocol.request(target))?;
        loop {
            let head = protocol.granted(&line.buffer)?;
            if head > 0 {
                line.buffer.drain(..head);
                break;
            }
            line.read()?;
        }
        let (welcome, welcomed_ns) = line.answer()?;
        ensure!(
            welcome["type"] == "welcome" && welcome["epoch"].is_string(),
            "no welcome: {welcome}"
        );
        line.epoch = welcome["epoch"].clone();
        line.welcomed_ns = welcomed_ns;
        Ok(line)
    }

    /// When the `pong` was there.
    fn ping(&mut self) -> Result<u64> {
        let id = self.say(json!({"op": "ping"}))?;
        let (pong, at_ns) = self.answer()?;
        ensure!(
            pong["type"] == "pong" && pong["id"] == id && pong["server_us"].is_u64(),
            "no pong: {pong}"
        );
        Ok(at_ns)
    }

    /// When the `subscribed` was there. Then the snapshot must come, and the subscription ends.
    fn subscribe(&mut self, topic: &str) -> Result<u64> {
        let id = self.say(json!({"op": "subscribe", "topics": [topic]}))?;
        let (subscribed, at_ns) = self.answer()?;
        let granted = &subscribed["topics"][0];
        ensure!(
            subscribed["type"] == "subscribed" && subscribed["id"] == id && granted["topic"] == topic,
            "not subscribed: {subscribed}"
        );
        let (snapshot, _) = self.answer()?;
        ensure!(
            snapshot["type"] == "snapshot" && snapshot["topic"] == topic && snapshot["seq"] == granted["seq"],
            "no snapshot: {snapshot}"
        );
        let id = self.say(json!({"op": "unsubscribe", "topics": [topic]}))?;
        let (unsubscribed, _) = self.answer()?;
        ensure!(
            unsubscribed["type"] == "unsubscribed" && unsubscribed["id"] == id,
            "not unsubscribed: {unsubscribed}"
        );
        Ok(at_ns)
    }

    fn say(&mut self, mut message: Value) -> Result<u64> {
        self.id += 1;
        message["id"] = json!(self.id);
        self.stream.write_all(&self.protocol.coding.frame(&message)?)?;
        Ok(self.id)
    }

    /// The next message, and when it was there.
    fn answer(&mut self) -> Result<(Value, u64)> {
        let coding = self.protocol.coding;
        loop {
            let Some(frame) = frames::first(&self.buffer, self.protocol.reserved())? else {
                self.read()?;
                continue;
            };
            let at_ns = self.arrived_ns;
            let message = match frame.opcode {
                opcode if opcode == coding.opcode() && frame.deflated => Some(coding.read(self.inflater.inflate(frame.payload)?)?),
                opcode if opcode == coding.opcode() => Some(coding.read(frame.payload)?),
                frames::PING => {
                    self.stream.write_all(&frames::masked(frames::PONG, frame.payload))?;
                    None
                }
                frames::PONG => None,
                opcode => bail!("a frame of kind {opcode}"),
            };
            let wire_bytes = frame.wire_bytes;
            self.buffer.drain(..wire_bytes);
            if let Some(message) = message {
                return Ok((message, at_ns));
            }
        }
    }

    fn read(&mut self) -> Result<()> {
        let filled = self.buffer.len();
        self.buffer.resize(ANSWER_BYTES_MAX, 0);
        ensure!(filled < ANSWER_BYTES_MAX, "an answer over {ANSWER_BYTES_MAX} bytes");
        let (count, stamp_ns) = self.stream.read_stamped(&mut self.buffer[filled..]).context("no answer")?;
        let waited_us = stamp_ns.map_or(0, |ns| clock::wall_us().saturating_sub(ns / 1_000));
        // Where the wall clock was stepped, the difference may be anything.
        self.arrived_ns = clock::monotonic_ns().saturating_sub(waited_us.saturating_mul(1_000));
        self.buffer.truncate(filled + count);
        ensure!(count > 0, "the server closed the connection");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_during_a_walk_are_told_apart() {
        let schedule = Schedule::steady(2, 250_000);
        let t0_ns = 1_000_000_000;
        let answer = |asked_ms: u64, answered_ms: u64| Answer {
            question: Question::Ping,
            asked_ns: t0_ns + asked_ms * 1_000_000,
            answered_ns: t0_ns + answered_ms * 1_000_000,
        };
        let walks = [answer(0, 1), answer(59, 61), answer(249, 251), answer(309, 311), answer(100, 260)];
        let idle = [answer(61, 248), answer(311, 312), answer(900, 901)];
        assert!(walks.iter().all(|answer| in_walk(answer, &schedule, t0_ns)));
        assert!(!idle.iter().any(|answer| in_walk(answer, &schedule, t0_ns)));

        let figures = figures(&[&walks[..], &idle[..]].concat(), &schedule, t0_ns);
        let of = |name: &str| figures[name];
        assert_eq!((of("walk_ping_count"), of("idle_ping_count")), (5.0, 3.0));
        assert_eq!((of("walk_ping_p50_ms"), of("walk_ping_max_ms")), (2.0, 160.0));
        assert_eq!((of("idle_ping_p50_ms"), of("idle_ping_p99_ms")), (1.0, 187.0));
    }

    #[test]
    fn a_wall_clock_that_was_stepped_makes_no_latency() {
        let answer = Answer {
            question: Question::Ping,
            asked_ns: 5_000_000,
            answered_ns: 0,
        };
        assert_eq!(figures(&[answer], &Schedule::steady(1, 1), 0)["walk_ping_max_ms"], 0.0);
    }
}
