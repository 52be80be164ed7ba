//! Events in: bodies to lines, lines to events, events to their owners, and an answer for each line.
//!
//! Runs on the side runtime. Each line stands alone: a bad one never costs a good one. Bounded:
//! requests under way, body and line size, time to send a body, refused lines named in an answer.

use super::auth::Feeder;
use super::error::{ApiError, SOON_MS, json_bytes};
use super::feed_rate::Payer;
use super::memory::Held;
use super::{App, Door};
use crate::engine::{Batch, Commit, Outcome, SubmitError, UnderWay};
use crate::feed::sequence::Verdict;
use crate::feed::{Decoder, Limits, LineCode, LineError, array_elements, ndjson_lines};
use crate::model::{IngestTime, Now, Origin};
use crate::store;
use crate::traces::{Carried, Parent};
use crate::wire::json::Json;
use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// `POST /v1/events`.
pub(super) async fn post_events(State(door): State<Door>, request: Request) -> Result<Response, ApiError> {
    let answered = take_request(&door, request).await;
    if let Err(refusal) = answered.as_ref().map_err(ApiError::refusal)
        && let Some(refusal) = refusal
    {
        door.refusals.count(refusal);
    }
    answered
}

async fn take_request(door: &Door, request: Request) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let headers = parts.headers.clone();
    let feeder = match Feeder::from_request_parts(&mut parts, door).await {
        Ok(feeder) => feeder,
        Err(refused) => {
            if !headers.contains_key(header::EXPECT) {
                let_go(&door.app, body, FREE_BYTES).await;
            }
            return Err(refused);
        }
    };
    let bytes_max = door.body_bytes_max();
    if let Err(too_fast) = door.feed_rates.check(feeder.payer, door.clock.steady_us()) {
        let_go(&door.app, body, bytes_max).await;
        return Err(ApiError::too_fast(too_fast));
    }
    let zipped = is_zipped(&headers)?;
    let claims_too_much = body.size_hint().lower() > bytes_max as u64;
    if claims_too_much && headers.contains_key(header::EXPECT) {
        // It asks before it sends: nothing need be read.
        return Err(door.body_too_long(bytes_max));
    }
    let mut held = Held::nothing(&door.ingest_bytes);
    let read = read_body(body, &door.app, bytes_max, &mut held).await;
    let (bytes, permit) = read.inspect_err(|_| door.feed_rates.charge(feeder.payer, held.bytes(), door.clock.steady_us()))?;
    let app = door.app.clone();
    let asked = app.engine.tracer().and_then(|_| asked_trace(&headers));
    let answered = door.side.spawn(async move {
        let _permit = permit;
        let mut held = held;
        let bytes = if zipped {
            let plain = unzip(&app, feeder.payer, &bytes, bytes_max)?;
            held.grow(plain.len());
            plain.into()
        } else {
            bytes
        };
        let report = take_in(&app, &bytes, feeder, asked).await?;
        Ok(report.into_response())
    });
    answered
        .await
        .map_err(|_| ApiError::unavailable("stopping", "the server is stopping"))?
}

/// The trace that a feed asks for, where it does so once and as it should.
fn asked_trace(headers: &HeaderMap) -> Option<Parent> {
    let mut parents = headers.get_all(TRACEPARENT).iter();
    let parent = parents.next().filter(|_| parents.next().is_none())?;
    Parent::sampled(parent.as_bytes())
}

const TRACEPARENT: &str = "traceparent";

fn permit_for(app: &App) -> Result<OwnedSemaphorePermit, ApiError> {
    app.ingest_permits.clone().try_acquire_owned().map_err(|_| {
        let message = format!("{} requests with events are under way already", app.config.ingest.requests_max);
        ApiError::busy(message)
    })
}

pub(super) fn is_zipped(headers: &HeaderMap) -> Result<bool, ApiError> {
    let Some(coding) = headers.get(header::CONTENT_ENCODING) else {
        return Ok(false);
    };
    match coding.to_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "identity" => Ok(false),
        "gzip" | "x-gzip" => Ok(true),
        _ => {
            let coding: String = String::from_utf8_lossy(coding.as_bytes()).chars().take(40).collect();
            let message = format!("Content-Encoding \"{coding}\" is not known here; it may be gzip or absent");
            Err(ApiError::with_status(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unknown_encoding",
                message,
            ))
        }
    }
}

/// Bytes of a body that are held without one of the `requests_max` permits: feeds that say little at a
/// time cannot be kept out by somebody whose bodies trickle in.
const FREE_BYTES: usize = 16 * 1024;

/// A body, and its permit: one longer than [`FREE_BYTES`] takes it on the way.
async fn read_body(mut body: Body, app: &App, bytes_max: usize, held: &mut Held) -> Result<(Bytes, OwnedSemaphorePermit), ApiError> {
    let timeout = Duration::from_millis(app.config.ingest.body_read_timeout_ms);
    let claims_too_much = body.size_hint().lower() > bytes_max as u64;
    if claims_too_much {
        return Err(discard(app, body, bytes_max).await);
    }
    let mut permit = None;
    let reading = async {
        let mut all = BytesMut::new();
        while let Some(data) = next_data(&mut body).await? {
            held.grow(data.len());
            if all.len() + data.len() > bytes_max {
                drop((all, permit.take()));
                return Err(discard(app, body, bytes_max).await);
            }
            if permit.is_none() && all.len() + data.len() > FREE_BYTES {
                permit = Some(permit_for(app)?);
                // As much as it says is to come, up to what a permit stands for: no copying while it grows.
                all.reserve(data.len() + (body.size_hint().lower() as usize).min(bytes_max));
            }
            if all.is_empty() && body.is_end_stream() {
                return Ok(data);
            }
            all.extend_from_slice(&data);
        }
        Ok(all.freeze())
    };
    let late = |_| ApiError::with_status(StatusCode::REQUEST_TIMEOUT, "body_timeout", "the body took too long to arrive");
    let bytes = tokio::time::timeout(timeout, reading).await.map_err(late)??;
    let permit = permit.map_or_else(|| permit_for(app), Ok)?;
    Ok((bytes, permit))
}

pub(super) async fn next_data(body: &mut Body) -> Result<Option<Bytes>, ApiError> {
    loop {
        match body.frame().await {
            None => return Ok(None),
            Some(Err(_)) => return Err(ApiError::bad_request("body_cut", "the body ended before all of it was sent")),
            // Trailers say nothing here.
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// A sender that pauses for so long is waiting for an answer.
const PAUSE: Duration = Duration::from_millis(500);

/// Refuses a body that is too long. A little of the rest is read and let go first: an answer that comes
/// while its reader still writes is lost when the connection closes.
async fn discard(app: &App, body: Body, bytes_max: usize) -> ApiError {
    let_go(app, body, app.config.ingest.body_bytes_max).await;
    app.body_too_long(bytes_max)
}

/// Reads some bytes of a body that nobody wants, for no longer than one that is wanted.
pub(super) async fn let_go(app: &App, mut body: Body, bytes_max: usize) {
    let reading = async {
        let mut read = 0;
        while read < bytes_max
            && let Ok(Ok(Some(data))) = tokio::time::timeout(PAUSE, next_data(&mut body)).await
        {
            read += data.len();
        }
    };
    let limit = Duration::from_millis(app.config.ingest.body_read_timeout_ms);
    // Whoever is not done by then is not waiting for an answer.
    let _ = tokio::time::timeout(limit, reading).await;
}

fn unzip(app: &App, payer: Payer, bytes: &[u8], bytes_max: usize) -> Result<Vec<u8>, ApiError> {
    let mut plain = Vec::new();
    let mut reader = flate2::read::MultiGzDecoder::new(bytes).take(bytes_max as u64 + 1);
    let refused = match reader.read_to_end(&mut plain) {
        Ok(_) if plain.len() <= bytes_max => return Ok(plain),
        Ok(_) => app.body_too_long(bytes_max),
        Err(error) => ApiError::bad_request("bad_gzip", format!("the body is not gzip: {error}")),
    };
    app.feed_rates.charge(payer, plain.len().max(bytes.len()), app.clock.steady_us());
    Err(refused)
}

/// A line refused.
pub(super) struct Refused {
    /// Its number, from 1.
    pub(super) line: usize,
    /// A stable code.
    pub(super) code: &'static str,
    /// What is wrong, and where.
    pub(super) error: String,
}

/// What became of a body.
pub(super) struct Report {
    /// When the body was there.
    began: Now,
    accepted: usize,
    duplicate: usize,
    refused_count: usize,
    too_long: usize,
    refused: Vec<Refused>,
    /// Lines that could be read, whatever became of them.
    readable: usize,
    /// Events that the engine is still applying: one chunk of them.
    under_way: Option<UnderWay>,
    /// What to wait for before the answer.
    commit: Option<Commit>,
    /// Events that are traced: as many as may be traced in a second at most.
    traced: Vec<Carried>,
}

/// Events handed to the engine at once, some 0.4 ms of its time at 1.5 µs each. While it applies them the
/// next ones are decoded. Each time costs being woken by it: some microseconds.
const CHUNK: usize = 256;

/// Takes a body's events in, in order; `asked` is the trace that its first one is to be part of.
///
/// # Errors
/// 400 where the body is no list of lines; 429 where its feed sends more than it may, and nothing is taken, or
/// the engine is behind: what the lines before did stands, and sending all of them again does no harm.
pub(super) async fn take_in(app: &Arc<App>, body: &[u8], feeder: Feeder, asked: Option<Parent>) -> Result<Report, ApiError> {
    let limits = Limits {
        line_bytes_max: app.config.ingest.line_bytes_max,
        ..Limits::default()
    };
    let mut decoder = Decoder::new(limits);
    let now = app.clock.now();
    let origin = Origin {
        source: feeder.source,
        ingest: IngestTime(now.wall_us),
    };
    let mut report = Report::begun(now);
    let mut chunk = app.engine.batch(origin);
    chunk.of_request(now, asked);
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let is_array = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let elements = is_array.then(|| array_elements(body));
    let lines = match &elements {
        Some(elements) => elements.as_ref().map_or(0, Vec::len),
        None => ndjson_lines(body).count(),
    };
    app.feed_rates
        .take(feeder.payer, body.len(), lines, now.steady_us)
        .map_err(ApiError::too_fast)?;
    let unreadable = |error: LineError| ApiError::bad_request(error.code.as_str(), error.message);
    if let Some(elements) = elements.transpose().map_err(unreadable)? {
        for (place, line) in elements.into_iter().enumerate() {
            report.decode(app, &mut decoder, place + 1, line, origin, &mut chunk);
            report.rest(app, &mut chunk).await?;
        }
    } else {
        for (number, line) in ndjson_lines(body) {
            report.decode(app, &mut decoder, number, line, origin, &mut chunk);
            report.rest(app, &mut chunk).await?;
        }
    }
    report.hand_over(app, &mut chunk).await?;
    report.settle(app).await?;
    if let Some(commit) = report.commit.take() {
        let done = commit.done().await;
        report.committed(app, done.is_ok());
        done.map_err(refusal)?;
    }
    if lines == 0 {
        return Err(ApiError::bad_request(
            "empty_body",
            "there is no event in the body: send one JSON object a line, or an array of them",
        ));
    }
    Ok(report)
}

fn refusal(error: SubmitError) -> ApiError {
    match error {
        SubmitError::Busy => ApiError::busy(error.to_string()),
        SubmitError::Log(store::Refused::Full) => ApiError::busy(error.to_string()),
        SubmitError::Log(store::Refused::Unavailable { .. }) => again("log_unavailable", error),
        SubmitError::Log(store::Refused::Slow) => again("log_slow", error),
        SubmitError::Stopped | SubmitError::Log(store::Refused::Stopped) => ApiError::unavailable("stopped", error.to_string()),
    }
}

/// 503, for as long as the log cannot take events.
fn again(code: &'static str, error: SubmitError) -> ApiError {
    ApiError::unavailable(code, error.to_string()).send_again_after(SOON_MS)
}

/// The longest lag that a feed's clock is believed, in microseconds.
const LAG_US_MAX: i64 = 60_000_000;

impl Report {
    /// Of a body that was there at `began`.
    fn begun(began: Now) -> Report {
        Report {
            began,
            accepted: 0,
            duplicate: 0,
            refused_count: 0,
            too_long: 0,
            refused: Vec::new(),
            readable: 0,
            under_way: None,
            commit: None,
            traced: Vec::new(),
        }
    }

    /// Says of those that are traced whether they are safe.
    fn committed(&self, app: &App, is_safe: bool) {
        let now_us = if self.traced.is_empty() { 0 } else { app.clock.steady_us() };
        self.traced.iter().for_each(|traced| traced.committed(is_safe, now_us));
    }

    fn decode(&mut self, app: &App, decoder: &mut Decoder, number: usize, line: &[u8], origin: Origin, chunk: &mut Batch) {
        match decoder.line(line) {
            Ok(event) => {
                self.readable += 1;
                // A feed's clock may say anything.
                let lag_us = event.ts().and_then(|ts| origin.ingest.0.checked_sub(ts.0));
                if let Some(lag_us) = lag_us.filter(|lag_us| (0..LAG_US_MAX).contains(lag_us)) {
                    app.ingest_metrics.feed_lag.record(lag_us);
                }
                chunk.add(number, event, line);
            }
            Err(LineError { code, message }) => {
                app.ingest_metrics.rejected.increment(1);
                self.too_long += usize::from(code == LineCode::LineTooLong);
                self.refuse(
                    app,
                    Refused {
                        line: number,
                        code: code.as_str(),
                        error: message,
                    },
                );
            }
        }
    }

    fn refuse(&mut self, app: &App, refused: Refused) {
        self.refused_count += 1;
        if self.refused.len() < app.config.ingest.rejected_listed_max {
            self.refused.push(refused);
        }
    }

    /// Between two lines: hands events on once there are [`CHUNK`] of them, and lets other requests have
    /// a turn after as many lines of any kind.
    async fn rest(&mut self, app: &App, chunk: &mut Batch) -> Result<(), ApiError> {
        if chunk.len() == CHUNK {
            self.hand_over(app, chunk).await?;
            tokio::task::yield_now().await;
        } else if (self.readable + self.refused_count).is_multiple_of(CHUNK) {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Hands a chunk over, then waits for the one before.
    async fn hand_over(&mut self, app: &App, chunk: &mut Batch) -> Result<(), ApiError> {
        if chunk.is_empty() {
            return Ok(());
        }
        let mut next = app.engine.batch(chunk.origin());
        next.of_request(self.began, None);
        let handed_over = app.engine.hand_over(std::mem::replace(chunk, next)).await.map_err(refusal)?;
        self.settle(app).await?;
        self.under_way = Some(handed_over);
        Ok(())
    }

    /// Waits for what is under way and counts what became of it.
    async fn settle(&mut self, app: &App) -> Result<(), ApiError> {
        let Some(mut under_way) = self.under_way.take() else {
            return Ok(());
        };
        if !under_way.traced.is_empty() {
            self.traced.push(std::mem::take(&mut under_way.traced));
        }
        let outcomes = under_way.outcomes().await.inspect_err(|_| self.committed(app, false));
        let (outcomes, commit) = outcomes.map_err(refusal)?;
        // The last one counts: what was handed over before it is safe before it.
        self.commit = Some(commit);
        app.ingest_metrics.to_state.record(app.clock.steady_us() - self.began.steady_us);
        for (line, outcome) in outcomes {
            self.count(app, line, outcome);
        }
        self.refused.sort_by_key(|refused| refused.line);
        Ok(())
    }

    fn count(&mut self, app: &App, line: usize, outcome: Outcome) {
        let engine = &app.config.engine;
        let (code, error) = match outcome {
            Outcome::Sequenced(Verdict::Duplicate | Verdict::Dead) => {
                self.duplicate += 1;
                return;
            }
            Outcome::Sequenced(Verdict::Full) => ("too_many_plays", format!("the game has {} plays already", engine.plays_max)),
            Outcome::Sequenced(_) => {
                self.accepted += 1;
                return;
            }
            Outcome::TooManyGames => ("too_many_games", format!("the server holds {} games already", engine.games_max)),
            Outcome::TooManyPlayers => (
                "too_many_players",
                format!("a game may have {} players and 8 teams", engine.game_players_max),
            ),
            Outcome::DirectoryFull => (
                "too_many_players",
                format!("the directory holds {} players already", engine.players_max),
            ),
            Outcome::GameExpired => (
                "game_expired",
                "the game is over and was let go of; what is said of it has no effect any more".to_owned(),
            ),
        };
        self.refuse(app, Refused { line, code, error });
    }

    /// Writes the fields of the answer.
    pub(super) fn write(&self, json: &mut Json<'_>) {
        json.count("accepted", self.accepted as u64)
            .count("duplicate", self.duplicate as u64)
            .list_at("rejected", |list| {
                for refused in &self.refused {
                    list.object(|json| {
                        json.count("line", refused.line as u64)
                            .text("code", refused.code)
                            .text("error", &refused.error);
                    });
                }
            });
        if self.refused_count > self.refused.len() {
            json.count("rejected_omitted", (self.refused_count - self.refused.len()) as u64);
        }
    }

    /// 200 where any line could be read; else 413 for a line too long alone, 400 for anything else.
    fn status(&self) -> StatusCode {
        match self.readable {
            0 if self.too_long == self.refused_count => StatusCode::PAYLOAD_TOO_LARGE,
            0 => StatusCode::BAD_REQUEST,
            _ => StatusCode::OK,
        }
    }
}

impl IntoResponse for Report {
    fn into_response(self) -> Response {
        let mut body = Vec::new();
        Json::new(&mut body).object(|json| self.write(json));
        (self.status(), json_bytes(body)).into_response()
    }
}
