//! `POST /v1/optimize`: the best lineups of a slate.
//!
//! Owns the threads that search and the queue before them; a search never runs on a shard or in the side runtime, and
//! its threads let all others go first, so that scores never wait for it. Bounded by `optimize.*`: threads, requests
//! that wait, bytes of each, time and work.

use super::auth::Reader;
use super::error::{ApiError, SOON_MS, json_bytes};
use super::{App, Door};
use crate::clock::Clock;
use crate::config::{Config, Optimize};
use crate::lineup::{Answer, Budget, Constraints, LINEUPS_MAX, Player, Refused, Site, check, decimal, kickoff, optimize, read};
use crate::model::PlayerId;
use crate::predict::points::projections::Projections;
use crate::priority;
use crate::telemetry::{OptimizeMetrics, Optimized};
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use flume::{Receiver, Sender, TrySendError};
use serde::{Deserialize, Serialize};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;

type Reply = Result<Vec<u8>, ApiError>;

/// A request and who waits for its answer.
struct Job {
    body: Bytes,
    reply: oneshot::Sender<Reply>,
}

/// The way to the threads that search; they end when it is gone.
pub struct Optimizer {
    jobs: Sender<Job>,
    room: Arc<Room>,
}

/// What the threads share.
struct Room {
    settings: Optimize,
    projections: Arc<Projections>,
    metrics: OptimizeMetrics,
    /// Requests that wait or are worked on.
    requests: AtomicUsize,
}

impl Optimizer {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(config: &Config, projections: Arc<Projections>) -> std::io::Result<Optimizer> {
        let (jobs, inbox) = flume::bounded(config.optimize.queue_max);
        let room = Arc::new(Room {
            settings: config.optimize.clone(),
            projections,
            metrics: OptimizeMetrics::new(),
            requests: AtomicUsize::new(0),
        });
        for nth in 0..config.optimize.threads {
            let (inbox, room) = (inbox.clone(), room.clone());
            let thread = std::thread::Builder::new().name(format!("optimize-{nth}"));
            thread.spawn(move || room.work(&inbox))?;
        }
        Ok(Optimizer { jobs, room })
    }

    /// Asks for lineups. Nothing: there is no room.
    fn ask(&self, body: Bytes) -> Option<oneshot::Receiver<Reply>> {
        let (reply, answer) = oneshot::channel();
        self.room.change(1);
        match self.jobs.try_send(Job { body, reply }) {
            Ok(()) => Some(answer),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.room.change(-1);
                self.room.metrics.count(Optimized::Busy);
                None
            }
        }
    }
}

/// Asks for lineups and waits for them.
pub(super) async fn lineups(State(door): State<Door>, _reader: Reader, request: Request) -> Result<Response, ApiError> {
    door.take_newcomer()?;
    let timeout = Duration::from_millis(door.config.server.header_read_timeout_ms);
    let bytes_max = door.config.optimize.body_bytes_max;
    let reading = to_bytes(request.into_body(), bytes_max);
    let body = tokio::time::timeout(timeout, reading)
        .await
        .map_err(|_| ApiError::with_status(StatusCode::REQUEST_TIMEOUT, "body_timeout", "the body took too long to arrive"))?
        .map_err(|_| {
            let message = format!("a request for lineups may have {bytes_max} bytes (optimize.body_bytes_max)");
            ApiError::with_status(StatusCode::PAYLOAD_TOO_LARGE, "body_too_long", message)
        })?;
    let app: &App = &door;
    let Some(answer) = app.optimizer.ask(body) else {
        return Err(ApiError::busy("optimize.queue_max requests for lineups wait already"));
    };
    let stopping = |_| ApiError::unavailable("stopping", "the server is stopping").send_again_after(SOON_MS);
    Ok(json_bytes(answer.await.map_err(stopping)??))
}

impl Room {
    fn change(&self, by: isize) {
        let before = self.requests.fetch_add(by.cast_unsigned(), Ordering::Relaxed);
        self.metrics.waiting(before.wrapping_add(by.cast_unsigned()));
    }

    /// A thread's life.
    fn work(&self, inbox: &Receiver<Job>) {
        priority::step_back();
        while let Ok(Job { body, reply }) = inbox.recv() {
            if reply.is_closed() {
                self.metrics.count(Optimized::Gone);
                self.change(-1);
                continue;
            }
            let begun = Clock.steady_us();
            let time_us = |ms: u64| i64::try_from(ms.saturating_mul(1000)).unwrap_or(i64::MAX);
            let is_over = |ms: u64| reply.is_closed() || Clock.steady_us() - begun > time_us(ms.min(self.settings.time_ms_max));
            // A fault of the search costs one request, not the thread.
            let done = catch_unwind(AssertUnwindSafe(|| self.answer(&body, &is_over)));
            let done = done.unwrap_or_else(|_| {
                let message = "the search failed; the log has more";
                Err(ApiError::with_status(StatusCode::INTERNAL_SERVER_ERROR, "optimize_failed", message))
            });
            if done.is_err() {
                self.metrics.count(Optimized::Refused);
            }
            self.change(-1);
            // Who asked may have hung up.
            let _ = reply.send(done);
        }
    }

    fn answer(&self, body: &[u8], is_over: &dyn Fn(u64) -> bool) -> Reply {
        let bad = |code, message: String| ApiError::bad_request(code, message);
        let asked: Asked = serde_json::from_slice(body).map_err(|error| bad("bad_request", error.to_string()))?;
        let site = asked.site.resolve().map_err(|problem| bad("unknown_site", problem))?;
        asked.constraints.check().map_err(|problem| bad("bad_constraints", problem))?;
        let (players, forecasts) = self.players(&site, &asked).map_err(|problem| bad("bad_players", problem))?;
        let limits = asked.constraints.limits.unwrap_or_default();
        let time_ms = limits.time_ms.unwrap_or(u64::MAX);
        let is_out = || is_over(time_ms);
        let budget = Budget {
            steps: limits.work.unwrap_or(u64::MAX).min(self.settings.work_max),
            is_out: &is_out,
        };
        let begun = Clock.steady_us();
        let mut answer = optimize(&site, &players, &asked.constraints, asked.n, budget, |_| ()).map_err(|refused| {
            let message = refused.to_string();
            match refused {
                Refused::Bad(_) => bad("bad_constraints", message),
                Refused::Impossible { .. } => ApiError::with_status(StatusCode::UNPROCESSABLE_ENTITY, "no_lineup", message),
                Refused::Cut => ApiError::with_status(StatusCode::UNPROCESSABLE_ENTITY, "out_of_time", message),
            }
        })?;
        answer.took_ms = (Clock.steady_us() - begun) as f64 / 1_000.0;
        self.metrics.worked(answer.steps);
        self.metrics.count(match answer.proven && answer.complete {
            true => Optimized::Proven,
            false => Optimized::Unproven,
        });
        let told = Told {
            answer: &answer,
            forecasts,
        };
        serde_json::to_vec(&told)
            .map_err(|error| ApiError::with_status(StatusCode::INTERNAL_SERVER_ERROR, "optimize_failed", error.to_string()))
    }

    /// The players asked about; and of how many the projection is this server's own.
    fn players(&self, site: &Site, asked: &Asked) -> Result<(Vec<Player>, usize), String> {
        let mut players = match (&asked.csv, &asked.players) {
            (Some(csv), None) => read(site, csv).map_err(|error| error.to_string())?,
            (None, Some(players)) => {
                let players = players.iter().map(AskedPlayer::player).collect::<Result<Vec<Player>, String>>()?;
                check(site, &players).map_err(|error| error.to_string())?;
                players
            }
            _ => return Err("one of csv and players is needed".to_owned()),
        };
        let mut forecasts = 0;
        // Forecasts are in the points of one ruleset.
        if site
            .ruleset
            .as_deref()
            .is_none_or(|ruleset| ruleset == &**self.projections.ruleset())
        {
            for player in players.iter_mut().filter(|player| player.projection.is_none()) {
                let known = PlayerId::new(&player.id).and_then(|id| self.projections.game(&id));
                player.projection = known.map(|known| known.projected.points);
                forecasts += usize::from(player.projection.is_some());
            }
        }
        Ok((players, forecasts))
    }
}

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    site: AskedSite,
    csv: Option<String>,
    players: Option<Vec<AskedPlayer>>,
    #[serde(default = "one")]
    n: usize,
    #[serde(default)]
    constraints: Constraints,
}

fn one() -> usize {
    1
}

/// A site's name, or all of it.
#[derive(Deserialize)]
#[serde(untagged)]
enum AskedSite {
    Name(String),
    Own(Box<Site>),
}

impl AskedSite {
    /// Never by a path: files here are not whoever asks's.
    fn resolve(&self) -> Result<Site, String> {
        match self {
            AskedSite::Name(name) => Site::built_in(name),
            AskedSite::Own(site) => site.check().map(|()| (**site).clone()),
        }
    }
}

/// A player as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedPlayer {
    id: String,
    name: Option<String>,
    /// With "/" between several.
    position: String,
    #[serde(default)]
    slots: Vec<String>,
    salary: i32,
    team: String,
    #[serde(default)]
    opponent: String,
    #[serde(default)]
    game: String,
    kickoff: Option<String>,
    projection: Option<f64>,
    ownership: Option<f64>,
    stddev: Option<f64>,
    #[serde(default)]
    status: String,
}

impl AskedPlayer {
    fn player(&self) -> Result<Player, String> {
        let name = self.name.as_ref().unwrap_or(&self.id);
        // The shortest decimal of a float is the one that was sent.
        let number = |number: Option<f64>, what: &str| match number {
            None => Ok(None),
            Some(number) => decimal(&format!("{number}"))
                .map(Some)
                .ok_or_else(|| format!("{name}: the {what} is too large")),
        };
        let list = |text: &str| {
            text.split('/')
                .map(|part| part.trim().to_uppercase())
                .filter(|part| !part.is_empty())
                .collect::<Vec<String>>()
        };
        if !(0..=1_000_000).contains(&self.salary) {
            return Err(format!(
                "{name}: the salary is {}; a whole number from 0 to 1000000 is needed",
                self.salary
            ));
        }
        if self.ownership.is_some_and(|percent| !(0.0..=100.0).contains(&percent)) {
            return Err(format!("{name}: the ownership is a percentage from 0 to 100"));
        }
        let (game, team) = (self.game.to_uppercase(), self.team.to_uppercase());
        let other = game
            .split_once('@')
            .map(|(away, home)| if away == team { home } else { away }.to_owned());
        Ok(Player {
            id: self.id.clone(),
            name: name.clone(),
            positions: list(&self.position),
            slots: self.slots.iter().map(|slot| slot.to_uppercase()).collect(),
            salary: self.salary,
            opponent: if self.opponent.is_empty() {
                other.unwrap_or_default()
            } else {
                self.opponent.to_uppercase()
            },
            team,
            game,
            kickoff: self.kickoff.as_deref().and_then(kickoff),
            projection: number(self.projection, "projection")?,
            ownership: self.ownership.map(|percent| (percent * 100.0).round() as i32),
            stddev: number(self.stddev, "standard deviation")?,
            status: self.status.clone(),
            line: 0,
        })
    }
}

/// What is answered.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    answer: &'a Answer,
    /// Players whose projection is this server's.
    forecasts: usize,
}

const _: () = assert!(LINEUPS_MAX <= 1_000, "an answer is a few hundred bytes a player");
