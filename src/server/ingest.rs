//! Events in: bodies to lines, lines to events, events to their owners, and an answer for each line.
//!
//! Runs on the side runtime. Each line stands alone: a bad one never costs a good one. Bounded:
//! requests under way, body and line size, time to send a body, refused lines named in an answer.

use super::error::{ApiError, json_bytes};
use super::{App, Door};
use crate::engine::Outcome;
use crate::feed::sequence::Verdict;
use crate::feed::{Decoder, Limits, LineCode, LineError, array_elements, ndjson_lines};
use crate::model::{Event, IngestTime};
use crate::wire::json::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

/// `POST /v1/events`.
pub async fn post_events(State(door): State<Door>, headers: HeaderMap, body: Body) -> Result<Response, ApiError> {
    let Ok(permit) = door.ingest_permits.clone().try_acquire_owned() else {
        return Err(ApiError::busy(
            1,
            format!("{} requests with events are under way already", door.config.ingest.requests_max),
        ));
    };
    let zipped = match headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes()) {
        None | Some(b"identity") => false,
        Some(b"gzip") => true,
        Some(_) => {
            let message = "Content-Encoding may be gzip or absent";
            return Err(ApiError::with_status(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unknown_encoding",
                message,
            ));
        }
    };
    let bytes = read_body(body, &door.app).await?;
    let app = door.app.clone();
    let answered = door.side.spawn(async move {
        let _permit = permit;
        let bytes = if zipped {
            unzip(&bytes, app.config.ingest.body_bytes_max)?.into()
        } else {
            bytes
        };
        let report = take_in(&app, &bytes).await?;
        Ok(report.into_response())
    });
    answered
        .await
        .map_err(|_| ApiError::unavailable("stopping", "the server is stopping"))?
}

async fn read_body(mut body: Body, app: &App) -> Result<Bytes, ApiError> {
    let bytes_max = app.config.ingest.body_bytes_max;
    let timeout = Duration::from_millis(app.config.ingest.body_read_timeout_ms);
    let reading = async {
        let mut all = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                return Err(ApiError::bad_request("body_cut", "the body ended before all of it was sent"));
            };
            let Ok(data) = frame.into_data() else { continue };
            if all.len() + data.len() > bytes_max {
                return Err(too_long(bytes_max));
            }
            if all.is_empty() && body.is_end_stream() {
                return Ok(data);
            }
            all.extend_from_slice(&data);
        }
        Ok(all.freeze())
    };
    let late = || ApiError::with_status(StatusCode::REQUEST_TIMEOUT, "body_timeout", "the body took too long to arrive");
    tokio::time::timeout(timeout, reading).await.map_err(|_| late())?
}

fn too_long(bytes_max: usize) -> ApiError {
    let message = format!("a body may have {bytes_max} bytes; send the events in several");
    ApiError::with_status(StatusCode::PAYLOAD_TOO_LARGE, "body_too_long", message)
}

fn unzip(bytes: &[u8], bytes_max: usize) -> Result<Vec<u8>, ApiError> {
    let mut plain = Vec::new();
    let mut reader = flate2::read::MultiGzDecoder::new(bytes).take(bytes_max as u64 + 1);
    reader
        .read_to_end(&mut plain)
        .map_err(|error| ApiError::bad_request("bad_gzip", format!("the body is not gzip: {error}")))?;
    if plain.len() > bytes_max {
        Err(too_long(bytes_max))
    } else {
        Ok(plain)
    }
}

/// A line refused.
pub struct Refused {
    /// Its number, from 1.
    pub line: usize,
    /// A stable code.
    pub code: &'static str,
    /// What is wrong, and where.
    pub error: String,
}

/// What became of a body.
#[derive(Default)]
pub struct Report {
    accepted: usize,
    duplicate: usize,
    refused_count: usize,
    refused: Vec<Refused>,
    /// Lines that could be read, whatever became of them.
    readable: usize,
}

/// Events handed to the engine at once.
const CHUNK: usize = 1024;

/// Takes a body's events in, in order.
///
/// # Errors
/// 400 where the body is no list of lines, 429 where the engine is behind: what the lines before did
/// stands, and sending all of them again does no harm.
pub async fn take_in(app: &Arc<App>, body: &[u8]) -> Result<Report, ApiError> {
    let limits = Limits {
        line_bytes_max: app.config.ingest.line_bytes_max,
        ..Limits::default()
    };
    let mut decoder = Decoder::new(limits);
    let ingest = IngestTime(app.clock.now_us());
    let mut report = Report::default();
    let mut chunk = Vec::with_capacity(CHUNK.min(body.len() / 64 + 1));
    let is_array = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    if is_array {
        let unreadable = |error: LineError| ApiError::bad_request(error.code.as_str(), error.message);
        for (place, line) in array_elements(body).map_err(unreadable)?.into_iter().enumerate() {
            report.decode(app, &mut decoder, place + 1, line, ingest, &mut chunk);
            if chunk.len() == CHUNK {
                report.submit(app, &mut chunk, ingest).await?;
            }
        }
    } else {
        for (number, line) in ndjson_lines(body) {
            report.decode(app, &mut decoder, number, line, ingest, &mut chunk);
            if chunk.len() == CHUNK {
                report.submit(app, &mut chunk, ingest).await?;
            }
        }
    }
    report.submit(app, &mut chunk, ingest).await?;
    if report.readable + report.refused_count == 0 {
        return Err(ApiError::bad_request(
            "empty_body",
            "there is no event in the body: send one JSON object a line, or an array of them",
        ));
    }
    Ok(report)
}

/// The longest lag that a feed's clock is believed, in microseconds.
const LAG_US_MAX: i64 = 60_000_000;

impl Report {
    fn decode(
        &mut self,
        app: &App,
        decoder: &mut Decoder,
        number: usize,
        line: &[u8],
        ingest: IngestTime,
        chunk: &mut Vec<(usize, Event)>,
    ) {
        match decoder.line(line) {
            Ok(event) => {
                self.readable += 1;
                if let Some(ts) = event.ts()
                    && (0..LAG_US_MAX).contains(&(ingest.0 - ts.0))
                {
                    app.ingest_metrics.feed_lag.record((ingest.0 - ts.0) as f64 / 1e6);
                }
                chunk.push((number, event));
            }
            Err(LineError { code, message }) => {
                app.ingest_metrics.rejected.increment(1);
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

    async fn submit(&mut self, app: &App, chunk: &mut Vec<(usize, Event)>, ingest: IngestTime) -> Result<(), ApiError> {
        if chunk.is_empty() {
            return Ok(());
        }
        let outcomes = app
            .engine
            .submit(std::mem::take(chunk), ingest)
            .await
            .map_err(|busy| ApiError::busy(1, busy.to_string()))?;
        app.ingest_metrics
            .to_state
            .record((app.clock.now_us() - ingest.0).max(0) as f64 / 1e6);
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
        };
        self.refuse(app, Refused { line, code, error });
    }

    /// Writes the fields of the answer.
    pub fn write(&self, json: &mut Json<'_>) {
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
        let too_long = LineCode::LineTooLong.as_str();
        match self.readable {
            0 if self.refused.iter().all(|refused| refused.code == too_long) => StatusCode::PAYLOAD_TOO_LARGE,
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
