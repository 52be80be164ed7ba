//! `POST /v1/contests`: a body with a contest, read as it comes.

use super::{alone, not_stored};
use crate::contest::{Players, Reader, Refused, Report};
use crate::fanout::contests::NotTaken;
use crate::model::IngestTime;
use crate::scoring::RulesetIndex;
use crate::server::auth::Feeder;
use crate::server::error::{ApiError, json};
use crate::server::ingest::{is_zipped, let_go, next_data};
use crate::server::{App, Door};
use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::Body as _;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Bytes of a refused body that are read all the same: an answer that comes while its reader still writes is lost.
const LET_GO_BYTES: usize = 16 << 20;

/// `POST /v1/contests`.
pub(in crate::server) async fn post(State(door): State<Door>, request: Request) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let expects = parts.headers.contains_key(header::EXPECT);
    let allowed = async {
        let feeder = Feeder::from_request_parts(&mut parts, &door).await?;
        alone(&door)?;
        door.take_newcomer()?;
        let rate = door.feed_rates.check(feeder.payer, door.clock.steady_us());
        rate.map_err(ApiError::too_fast)?;
        let zipped = is_zipped(&parts.headers)?;
        let permit = door.contests.posts.clone().try_acquire_owned();
        let permit = permit.map_err(|_| {
            let message = format!(
                "{} contests are being read already (contests.posts_max)",
                door.config.contests.posts_max
            );
            ApiError::busy(message)
        })?;
        Ok((zipped, permit))
    };
    let (zipped, permit) = match allowed.await {
        Ok(allowed) => allowed,
        Err(refused) => {
            if !expects {
                let_go(&door.app, body, LET_GO_BYTES).await;
            }
            return Err(refused);
        }
    };
    let app = door.app.clone();
    let answered = door.side.spawn(async move {
        let _permit = permit;
        read(&app, body, zipped).await
    });
    answered
        .await
        .map_err(|_| ApiError::unavailable("stopping", "the server is stopping"))?
}

/// Pieces of a body that wait for the thread that reads them.
const PIECES: usize = 4;

/// Takes the body in and hands it to a thread of its own, which reads it and begins the contest: reading a piece may take
/// longer than events may wait.
async fn read(app: &Arc<App>, mut body: Body, zipped: bool) -> Result<Response, ApiError> {
    if body.size_hint().lower() > app.config.contests.body_bytes_max as u64 {
        let_go(app, body, LET_GO_BYTES).await;
        return Err(too_long_for(app.config.contests.body_bytes_max));
    }
    let (pieces, coming) = mpsc::channel(PIECES);
    let reader = {
        let app = app.clone();
        tokio::task::spawn_blocking(move || Reading::new(&app, zipped).read(&app, coming))
    };
    let timeout = Duration::from_millis(app.config.contests.body_read_timeout_ms);
    let taking = async {
        while let Some(data) = next_data(&mut body).await? {
            // Nobody is there: it was refused.
            if pieces.send(Piece::Bytes(data)).await.is_err() {
                return Ok(());
            }
        }
        let _ = pieces.send(Piece::End).await;
        Ok(())
    };
    let taken = tokio::time::timeout(timeout, taking).await.unwrap_or_else(|_| {
        let message = "the body took too long to arrive (contests.body_read_timeout_ms)";
        Err(ApiError::with_status(StatusCode::REQUEST_TIMEOUT, "body_timeout", message))
    });
    drop(pieces);
    let read = reader.await;
    let answer = read.map_err(|_| ApiError::unavailable("stopping", "the server is stopping"))?;
    // Where it was cut short that is the reason.
    let answer = taken.and(answer);
    if answer.is_err() && !body.is_end_stream() {
        let_go(app, body, LET_GO_BYTES).await;
    }
    answer
}

/// What a reader is sent.
enum Piece {
    Bytes(Bytes),
    /// That was all of it; where the pieces end without this it was cut short.
    End,
}

/// A body on its way.
struct Reading {
    lines: Lines,
    gzip: Option<flate2::write::MultiGzDecoder<Lines>>,
    ruleset: Option<RulesetIndex>,
}

/// Where its bytes go, plain.
struct Lines {
    reader: Reader,
    bytes: usize,
    bytes_max: usize,
    refused: Option<ApiError>,
}

impl Write for Lines {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        self.bytes += chunk.len();
        let fed = if self.bytes > self.bytes_max {
            Err(too_long_for(self.bytes_max))
        } else {
            self.reader.feed(chunk).map_err(refusal)
        };
        fed.map(|()| chunk.len()).map_err(|refused| {
            self.refused = Some(refused);
            io::Error::other("refused")
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Reading {
    fn new(app: &App, zipped: bool) -> Reading {
        let lines = || Lines {
            reader: Reader::new(Players::default(), app.config.contests.limits()),
            bytes: 0,
            bytes_max: app.config.contests.body_bytes_max,
            refused: None,
        };
        Reading {
            lines: lines(),
            gzip: zipped.then(|| flate2::write::MultiGzDecoder::new(lines())),
            ruleset: None,
        }
    }

    fn lines(&mut self) -> &mut Lines {
        match &mut self.gzip {
            Some(gzip) => gzip.get_mut(),
            None => &mut self.lines,
        }
    }

    fn take(&mut self, app: &App, chunk: &[u8]) -> Result<(), ApiError> {
        let written = match &mut self.gzip {
            Some(gzip) => gzip.write_all(chunk),
            None => self.lines.write_all(chunk),
        };
        self.done(written)?;
        self.look_at_terms(app)
    }

    fn done(&mut self, written: io::Result<()>) -> Result<(), ApiError> {
        written.map_err(|error| {
            let refused = self.lines().refused.take();
            refused.unwrap_or_else(|| not_gzip(&error))
        })
    }

    /// Reads the pieces as they come, and begins the contest.
    fn read(mut self, app: &App, mut coming: mpsc::Receiver<Piece>) -> Result<Response, ApiError> {
        while let Some(piece) = coming.blocking_recv() {
            match piece {
                Piece::Bytes(bytes) => self.take(app, &bytes)?,
                Piece::End => return self.finish(app),
            }
        }
        Err(ApiError::bad_request("body_cut", "the body ended before all of it was sent"))
    }

    /// Once the terms are there: whether such a contest can be, before all of its entries are read.
    fn look_at_terms(&mut self, app: &App) -> Result<(), ApiError> {
        if self.ruleset.is_some() {
            return Ok(());
        }
        let lines = self.lines();
        let Some(terms) = lines.reader.terms() else { return Ok(()) };
        let (index, _) = app.ruleset(Some(&terms.ruleset))?;
        app.hub.contests().may_come(&terms.id).map_err(not_taken)?;
        self.ruleset = Some(index);
        Ok(())
    }

    /// Stores the contest, and begins it.
    fn finish(mut self, app: &App) -> Result<Response, ApiError> {
        if let Some(gzip) = &mut self.gzip {
            // What it still holds back comes now, and may be refused.
            let ended = gzip.try_finish();
            self.done(ended)?;
        }
        self.look_at_terms(app)?;
        let lines = match self.gzip {
            Some(gzip) => gzip.finish().map_err(|error| not_gzip(&error))?,
            None => self.lines,
        };
        let (definition, report) = lines.reader.finish().map_err(refusal)?;
        // Of a body that is one line it is known only now.
        let (index, _) = app.ruleset(Some(&definition.terms().ruleset))?;
        let coming = app.hub.contests().place(definition).map_err(not_taken)?;
        let id = coming.definition().id();
        if app.contests.has(id).map_err(|error| not_stored(&error))? {
            let message = format!("a contest \"{id}\" is stored that is not served (the log said why at the start); delete it first");
            return Err(ApiError::with_status(StatusCode::CONFLICT, "contest_exists", message));
        }
        let posted = IngestTime(app.clock.wall_us());
        app.contests.put(coming.definition(), posted).map_err(|error| not_stored(&error))?;
        let contest = coming.begin(&app.hub, (&app.rulesets, index), posted, None);
        tracing::info!(
            contest = contest.id().as_str(),
            entries = report.entries,
            rejected = report.bad,
            "a contest was posted"
        );
        Ok(answer(&contest, &report))
    }
}

fn not_gzip(error: &io::Error) -> ApiError {
    ApiError::bad_request("bad_gzip", format!("the body is not gzip: {error}"))
}

fn answer(contest: &crate::fanout::contests::Contest, report: &Report) -> Response {
    let body = json(|json| {
        super::head(json, contest);
        json.count("rejected", report.bad);
        json.list_at("rejected_lines", |list| {
            for bad in &report.bad_lines {
                list.object(|json| {
                    json.count("line", bad.line).text("error", &bad.what);
                });
            }
        });
    });
    (StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], body).into_response()
}

fn refusal(refused: Refused) -> ApiError {
    let message = refused.to_string();
    match refused {
        Refused::Terms { .. } => ApiError::bad_request("bad_contest", message),
        Refused::TooMany { .. } => ApiError::with_status(StatusCode::PAYLOAD_TOO_LARGE, "too_many_entries", message),
        Refused::Empty(_) => ApiError::bad_request("no_entries", message),
    }
}

fn not_taken(error: NotTaken) -> ApiError {
    let message = error.to_string();
    match error {
        NotTaken::Known => ApiError::with_status(StatusCode::CONFLICT, "contest_exists", message),
        NotTaken::Contests(_) => ApiError::unavailable("too_many_contests", message),
        NotTaken::Entries(_) => ApiError::unavailable("too_many_entries", message),
        NotTaken::Players(_) => ApiError::unavailable("too_many_contest_players", message),
    }
}

fn too_long_for(bytes_max: usize) -> ApiError {
    let message = format!("a contest may have {bytes_max} bytes (contests.body_bytes_max)");
    ApiError::with_status(StatusCode::PAYLOAD_TOO_LARGE, "body_too_long", message)
}
