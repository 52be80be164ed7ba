//! Sources that this binary runs itself: recorded or simulated events, paced, posted to a server.
//!
//! Owns pacing, batching and progress; what is said comes from `feed`. Bounded: one request under way,
//! [`BATCH_EVENTS`] events in it. A request that fails is sent again: the server knows duplicates.

use crate::clock::Clock;
use crate::feed::gamecenter::Timeline;
use crate::feed::simulator::Simulator;
use crate::feed::write_line;
use crate::model::{Event, FeedTime};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::HeaderValue;
use hyper::{Request, StatusCode, Uri, header};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
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
/// How long a server may take to answer one.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// Longest answer read, in bytes.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Posts events to a server.
pub struct Poster {
    client: Client<HttpConnector, Full<Bytes>>,
    url: Uri,
    /// What is shown with each request, where a key is needed. Marked as sensitive: nothing shows it.
    authorization: Option<HeaderValue>,
    body: Vec<u8>,
    waiting: usize,
    /// Events sent so far.
    pub sent: u64,
    /// Lines that the server refused.
    pub rejected: u64,
}

impl Poster {
    /// A poster to the server at `to`, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// An address that makes no sense.
    pub fn new(to: &str) -> Result<Poster, SourceError> {
        let wrong = || SourceError::Address(to.to_owned());
        let url: Uri = format!("{}/v1/events", to.trim_end_matches('/')).parse().map_err(|_| wrong())?;
        if url.scheme_str() != Some("http") || url.host().is_none() {
            return Err(wrong());
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(hyper_util::rt::TokioExecutor::new()).build(connector);
        Ok(Poster {
            client,
            url,
            authorization: None,
            body: Vec::new(),
            waiting: 0,
            sent: 0,
            rejected: 0,
        })
    }

    /// Shows an API key, or a token, with each request.
    ///
    /// # Errors
    /// A text that is none; it is not repeated.
    pub fn with_key(mut self, key: &str) -> Result<Poster, SourceError> {
        let key = key.trim();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SourceError::Key);
        }
        let mut value = HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| SourceError::Key)?;
        value.set_sensitive(true);
        self.authorization = Some(value);
        Ok(self)
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
            let answered = tokio::time::timeout(ANSWER_WAIT, self.send(body.clone())).await;
            match answered.unwrap_or_else(|_| Err(self.silent())) {
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

    fn silent(&self) -> SourceError {
        SourceError::Unreachable {
            url: self.url.to_string(),
            error: format!("no answer within {} seconds", ANSWER_WAIT.as_secs()),
        }
    }

    async fn send(&self, body: Bytes) -> Result<u64, SourceError> {
        let url = self.url.to_string();
        let unreachable = |error: &dyn std::error::Error| {
            let mut deepest = error;
            while let Some(source) = deepest.source() {
                deepest = source;
            }
            SourceError::Unreachable {
                url: url.clone(),
                error: deepest.to_string(),
            }
        };
        let mut request = Request::post(&self.url).header(header::CONTENT_TYPE, "application/x-ndjson");
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request.body(Full::new(body));
        let request = request.map_err(|_| SourceError::Address(url.clone()))?;
        let response = self.client.request(request).await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        let answer = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(|error| unreachable(&*error))?
            .to_bytes();
        if !status.is_success() {
            let body = String::from_utf8_lossy(&answer).chars().take(300).collect();
            return Err(SourceError::Refused { url, status, body });
        }
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
            SourceError::Address(_) | SourceError::Key | SourceError::File(_) => false,
        }
    }
}
