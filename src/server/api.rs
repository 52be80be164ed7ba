//! Plain HTTP: games, players, rulesets, health and metrics.

use super::auth::{Operator, Reader};
use super::error::{ApiError, json, json_bytes};
use super::query::{Path, Query};
use super::{App, Door};
use crate::fanout::encode;
use crate::model::{GameId, StateTime, TopicName};
use crate::scoring::{Ruleset, RulesetIndex};
use crate::store::EventLog;
use crate::telemetry;
use crate::wire::json::Json;
use crate::wire::message::GameShown;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::sync::atomic::Ordering;

/// A ruleset by name.
#[derive(Deserialize)]
pub(super) struct RulesetQuery {
    ruleset: Option<String>,
}

impl App {
    /// The ruleset of that name, or the default.
    ///
    /// # Errors
    /// 404 with the names there are.
    pub(super) fn ruleset(&self, name: Option<&str>) -> Result<(RulesetIndex, &Ruleset), ApiError> {
        let Some(name) = name else {
            return Ok((self.default_ruleset, self.rulesets.by_index(self.default_ruleset)));
        };
        let index = self.rulesets.index(name).ok_or_else(|| {
            let known: Vec<&str> = self.rulesets.iter().map(|(_, ruleset)| ruleset.name()).collect();
            let name: String = name.chars().take(80).collect();
            ApiError::not_found(
                "unknown_ruleset",
                format!("unknown ruleset \"{name}\"; there are {}", known.join(", ")),
            )
        })?;
        Ok((index, self.rulesets.by_index(index)))
    }
}

/// `GET /v1/admission`: when to connect; for pages, which cannot read why a WebSocket was refused.
pub(super) async fn admission(State(door): State<Door>, request: Parts) -> Response {
    let has_room = door.admission.has_room(door.clock.steady_us());
    let after_ms = if has_room { 0 } else { door.place(&request) };
    let body = json(|json| {
        json.count("reconnect_after_ms", after_ms);
    });
    ([(header::CACHE_CONTROL, "no-store")], body).into_response()
}

/// `GET /v1/games`: those that the token allows, all of them with `slate`.
pub(super) async fn games(State(door): State<Door>, reader: Reader) -> Result<Response, ApiError> {
    let write = move |app: &App| {
        let shows = |game: &GameId| {
            let allows = |topic| reader.grant().is_none_or(|grant| grant.allows_topic(&topic));
            allows(TopicName::Slate) || allows(TopicName::Game(game.clone()))
        };
        json(|json| {
            json.text("epoch", app.epoch.name().text()).list_at("games", |list| {
                for (head, view) in app.engine.games().games() {
                    if !shows(&head.game) {
                        continue;
                    }
                    list.object(|json| {
                        json.game(&GameShown::whole(&head, &view));
                    });
                }
            });
        })
    };
    door.aside(write).await
}

/// `GET /v1/games/GAME/players?ruleset=R`.
pub(super) async fn game_players(
    State(door): State<Door>,
    reader: Reader,
    Path(game): Path<String>,
    Query(query): Query<RulesetQuery>,
) -> Result<Response, ApiError> {
    let write = move |app: &App| {
        let (index, ruleset) = app.ruleset(query.ruleset.as_deref())?;
        let id = GameId::new(&game);
        reader.may(id.clone().map(TopicName::Game).as_slice(), ruleset, index)?;
        let now = id.and_then(|game| app.engine.games().game(&game));
        let Some(now) = now else {
            let game: String = game.chars().take(80).collect();
            let message = format!("no game \"{game}\"; GET /v1/games lists them");
            return Err(ApiError::not_found("unknown_game", message));
        };
        let mut body = Vec::with_capacity(16 * 1024);
        Json::new(&mut body).list(|list| {
            for player in encode::players_shown(ruleset, &now.players, None) {
                list.player(&player);
            }
        });
        Ok(json_bytes(body))
    };
    door.aside(write).await?
}

/// What to search for.
#[derive(Deserialize)]
pub(super) struct PlayersQuery {
    q: Option<String>,
    limit: Option<usize>,
}

/// Players in one answer, at most.
const PLAYERS_MAX: usize = 200;

/// `GET /v1/players?q=`.
pub(super) async fn players(State(door): State<Door>, _: Reader, Query(query): Query<PlayersQuery>) -> Result<Response, ApiError> {
    let text = query.q.unwrap_or_default();
    if text.len() > 100 {
        return Err(ApiError::bad_request("bad_query", "q may have 100 bytes"));
    }
    let limit = query.limit.unwrap_or(50).min(PLAYERS_MAX);
    let found = door.aside(move |app| app.engine.games().players(&text, limit)).await?;
    Ok(json(|json| {
        json.list_at("players", |list| {
            for card in &found {
                list.object(|json| {
                    json.text("player", card.player.as_str()).text("name", &card.name);
                    card.team.as_ref().map(|team| json.text("team", team.as_str()));
                    card.position.as_ref().map(|position| json.text("position", position));
                });
            }
        });
    }))
}

/// `GET /v1/rulesets`.
pub(super) async fn rulesets(State(door): State<Door>, _: Reader) -> Response {
    json(|json| {
        json.text("default", door.rulesets.by_index(door.default_ruleset).name());
        json.list_at("rulesets", |list| {
            for (_, ruleset) in door.rulesets.iter() {
                list.object(|json| {
                    json.text("name", ruleset.name())
                        .text("title", ruleset.title())
                        .text("description", ruleset.description());
                    if let Some((url, read_on)) = ruleset.source() {
                        json.text("source", url).text("read_on", read_on);
                    }
                });
            }
        });
    })
}

/// `GET /healthz`: the process answers.
pub(super) async fn healthz() -> Response {
    json(|json| {
        json.boolean("healthy", true);
    })
}

/// `GET /readyz`: it takes clients.
pub(super) async fn readyz(State(door): State<Door>) -> Response {
    let draining = door.draining.load(Ordering::Relaxed);
    let body = json(|json| {
        json.boolean("ready", !draining).text("epoch", door.epoch.name().text());
        // Whoever is connected is served all the same; only events are refused.
        if let Some(reason) = door.engine.log().and_then(EventLog::trouble) {
            json.text("event_log", &reason);
        }
        // Scores go on without predictions.
        door.predictions.write(json);
        if draining {
            json.text("reason", "draining");
        }
    });
    if draining {
        (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
    } else {
        body
    }
}

/// `GET /metrics`.
pub(super) async fn metrics(State(door): State<Door>, _: Operator) -> Result<Response, ApiError> {
    let write = |app: &App| {
        app.read_levels();
        app.prometheus.as_ref().map(telemetry::render)
    };
    let page = door.aside(write).await?;
    let page = page.ok_or_else(|| ApiError::not_found("not_found", "there are no metrics: `metrics.enabled` is off"))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page).into_response())
}

impl App {
    fn read_levels(&self) {
        let sum = |level: fn(&crate::fanout::runner::ShardLevels) -> f64| self.shards.iter().map(|shard| level(shard)).sum::<f64>();
        let levels = &self.levels;
        levels
            .connections
            .set(sum(|shard| shard.connections.load(Ordering::Relaxed) as f64));
        levels
            .subscriptions
            .set(sum(|shard| shard.subscriptions.load(Ordering::Relaxed) as f64));
        levels.pending.set(sum(|shard| shard.pending.load(Ordering::Relaxed) as f64));
        levels.slow.set(sum(|shard| shard.slow.load(Ordering::Relaxed) as f64));
        let commands = self.shards.iter().map(|shard| shard.commands.load(Ordering::Relaxed));
        levels.commands.set(commands.max().unwrap_or(0) as f64);
        let by_uring = sum(|shard| f64::from(u8::from(shard.uring.load(Ordering::Relaxed))));
        levels.writers_uring.set(by_uring);
        levels.writers_send.set(self.shards.len() as f64 - by_uring);
        self.memory.account(self.account());
        let rings = self.hub.rings();
        levels.topics.set(rings.topics as f64);
        levels.ring_entries.set(rings.entries as f64);
        levels.ring_fullest.set(rings.fullest as f64);
        levels.games.set(self.engine.games().game_count() as f64);
        levels.games_live.set(self.engine.games().live_game_count() as f64);
        levels.expired_ids.set(self.engine.games().expired_count() as f64);
        levels.players.set(self.engine.games().player_count() as f64);
        levels.members.set(self.engine.games().member_count() as f64);
        let metrics = &self.log_metrics;
        // No log does not fail.
        metrics.healthy.set(1.0);
        if let Some(log) = self.engine.log() {
            let now = log.levels();
            metrics.healthy.set(f64::from(u8::from(now.is_healthy)));
            metrics.failures.absolute(now.failures);
            metrics.writes.absolute(now.writes);
            metrics.syncs.absolute(now.syncs);
            metrics.last_sync.set(now.last_sync_us as f64 / 1e6);
            metrics.waiting.set(now.waiting as f64);
            metrics.unsynced.set(now.unsynced_bytes as f64);
            metrics.bytes.set(now.bytes as f64);
            metrics.segments.set(now.segments as f64);
            metrics.records.absolute(now.written.0);
        }
        self.engine.games().read_feeds(StateTime(self.clock.steady_us()));
        levels.jobs.set(self.engine.jobs_waiting() as f64);
        let drain_us = self.drain_began_us.get().map_or(0, |began_us| self.clock.steady_us() - began_us);
        levels.drain.set(drain_us as f64 / 1e6);
        levels.notices.set(
            (0..self.shards.len())
                .map(|shard| self.hub.notices_waiting(shard))
                .max()
                .unwrap_or(0) as f64,
        );
    }
}
