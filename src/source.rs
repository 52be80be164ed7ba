//! Sources that this binary runs itself: recorded or simulated events, paced, posted to a server; and how its
//! commands ask one ([`caller`]).
//!
//! Owns pacing, batching and progress; what is said comes from `feed`. Bounded: one request under way,
//! [`BATCH_EVENTS`] events in it. A request that fails is sent again: the server knows duplicates.

pub mod caller;

use crate::clock::Clock;
use crate::feed::gamecenter::Timeline;
use crate::feed::simulator::Simulator;
use crate::feed::write_line;
use crate::model::{Event, FeedTime};
use bytes::Bytes;
use caller::{Bounds, Caller};
use hyper::StatusCode;
use std::time::Duration;

/// How fast recorded time passes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Speed {
    /// So many times as fast as it was.
    Times(f64),
    /// As fast as the server takes it.
    Max,
}

impl std::str::FromStr for Speed {
    type Err = String;
    fn from_str(text: &str) -> Result<Speed, String> {
        match text {
            "max" => Ok(Speed::Max),
            _ => match text.parse::<f64>() {
                Ok(times) if times > 0.0 && times.is_finite() => Ok(Speed::Times(times)),
                _ => Err(format!("\"{text}\" is neither a number above 0 nor \"max\"")),
            },
        }
    }
}

/// Events that come at one moment.
pub struct Due {
    /// When, in microseconds since the first kickoff of the source's own time.
    pub due_us: i64,
    /// What.
    pub events: Vec<Event>,
}

/// A recorded timeline.
pub fn recorded(timeline: Timeline) -> impl Iterator<Item = Due> {
    timeline.map(|moment| Due {
        due_us: moment.due_us,
        events: moment.events,
    })
}

/// A simulated slate.
pub fn simulated(simulator: Simulator) -> impl Iterator<Item = Due> {
    simulator.map(|step| Due {
        due_us: i64::try_from(step.due_us).unwrap_or(i64::MAX),
        events: step.events,
    })
}

/// Whose clock the events carry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stamp {
    /// The source's own, as recorded.
    Recorded,
    /// The time they are sent, so that latencies from the feed can be seen.
    Sent,
}

/// Nothing happens for longer than this (between Thursday and Sunday, say)? Then it is cut to this.
const IDLE_US_MAX: i64 = 10 * 60 * 1_000_000;

/// Waits as recorded time passes.
pub struct Pace {
    speed: Speed,
    clock: Clock,
    started_us: i64,
    /// Recorded time cut so far.
    skipped_us: i64,
    last_due_us: i64,
}

impl Pace {
    /// Starts now.
    pub fn new(speed: Speed, clock: Clock) -> Pace {
        Pace {
            speed,
            clock,
            started_us: clock.steady_us(),
            skipped_us: 0,
            last_due_us: 0,
        }
    }

    /// How long to wait for what is due then.
    pub fn wait(&mut self, due_us: i64) -> Duration {
        let Speed::Times(times) = self.speed else { return Duration::ZERO };
        self.skipped_us += (due_us - self.last_due_us - IDLE_US_MAX).max(0);
        self.last_due_us = due_us;
        let at_us = self.started_us.saturating_add(((due_us - self.skipped_us) as f64 / times) as i64);
        Duration::from_micros(at_us.saturating_sub(self.clock.steady_us()).max(0) as u64)
    }
}

/// Gives events the time they are sent.
pub fn stamp(events: &mut [Event], now: FeedTime) {
    for event in events {
        match event {
            Event::Play(e) => e.ts = Some(now),
            Event::Situation(e) => e.ts = Some(now),
            Event::Retract(e) => e.ts = Some(now),
            Event::Game(e) => e.ts = Some(now),
            Event::Players(_) => {}
        }
    }
}

/// Why events could not be delivered.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The address makes no sense.
    #[error("\"{0}\" is no address of a server, such as http://127.0.0.1:8080")]
    Address(String),
    /// An address that speaks TLS.
    #[error(
        "\"{0}\": this speaks plain HTTP alone: give an address that does, such as http://127.0.0.1:8080 (server.ingest_bind, server.admin_bind)"
    )]
    Tls(String),
    /// The key makes no sense.
    #[error("a key is one word of printable ASCII characters")]
    Key,
    /// Nobody answers.
    #[error("cannot reach {url}: {error}; is the server running? `scorewire serve` starts one")]
    Unreachable {
        /// Where.
        url: String,
        /// What the system says.
        error: String,
    },
    /// The server refuses.
    #[error("{url} answered {status}: {body}")]
    Refused {
        /// Where.
        url: String,
        /// Its status.
        status: StatusCode,
        /// Its words.
        body: String,
    },
    /// The file to write.
    #[error("cannot write: {0}")]
    File(#[from] std::io::Error),
}

/// Most events in a request.
pub const BATCH_EVENTS: usize = 512;
/// Tries of one request.
const TRIES: u32 = 6;
/// What bounds the answer to one.
const ANSWER: Bounds = Bounds {
    wait: Duration::from_secs(30),
    bytes_max: 1024 * 1024,
};
/// Where events go.
const PATH: &str = "/v1/events";

/// Posts events to a server.
pub struct Poster {
    caller: Caller,
    body: Vec<u8>,
    waiting: usize,
    /// Events sent so far.
    pub sent: u64,
    /// Lines that the server refused.
    pub rejected: u64,
}

impl Poster {
    /// A poster to that server.
    pub fn new(caller: Caller) -> Poster {
        Poster {
            caller,
            body: Vec::new(),
            waiting: 0,
            sent: 0,
            rejected: 0,
        }
    }

    /// Adds an event to the request, which goes out when it is full.
    ///
    /// # Errors
    /// See [`Poster::flush`].
    pub async fn add(&mut self, event: &Event) -> Result<(), SourceError> {
        write_line(event, &mut self.body);
        self.body.push(b'\n');
        self.waiting += 1;
        if self.waiting >= BATCH_EVENTS { self.flush().await } else { Ok(()) }
    }

    /// Sends what is waiting, again and again where nobody answers or the server is busy.
    ///
    /// # Errors
    /// The server stays away or refuses.
    pub async fn flush(&mut self) -> Result<(), SourceError> {
        if self.waiting == 0 {
            return Ok(());
        }
        let body = Bytes::from(std::mem::take(&mut self.body));
        let mut tried = 0;
        loop {
            tried += 1;
            match self.send(body.clone()).await {
                Ok(rejected) => {
                    self.sent += std::mem::take(&mut self.waiting) as u64;
                    self.rejected += rejected;
                    return Ok(());
                }
                Err(error) if tried >= TRIES || !error.may_pass() => return Err(error),
                Err(error) => {
                    if tried == 1 {
                        tracing::warn!(%error, "trying again for a few seconds");
                    }
                    tokio::time::sleep(Duration::from_millis(100 << tried)).await;
                }
            }
        }
    }

    async fn send(&self, body: Bytes) -> Result<u64, SourceError> {
        let answer = self.caller.post_lines(PATH, body, ANSWER).await?;
        let answer = answer.good(&self.caller.url(PATH))?.body;
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap_or_default();
        let listed = answer["rejected"].as_array().map_or(0, Vec::len) as u64;
        let rejected = listed + answer["rejected_omitted"].as_u64().unwrap_or(0);
        if let Some(first) = answer["rejected"].get(0) {
            tracing::warn!(%first, rejected, "the server refused lines");
        }
        Ok(rejected)
    }
}

impl SourceError {
    fn may_pass(&self) -> bool {
        match self {
            SourceError::Unreachable { .. } => true,
            SourceError::Refused { status, .. } => *status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error(),
            SourceError::Address(_) | SourceError::Tls(_) | SourceError::Key | SourceError::File(_) => false,
        }
    }
}
