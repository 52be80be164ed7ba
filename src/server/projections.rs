//! `GET /v1/predictions/GAME` and `GET /v1/players/ID/projection`: what is thought to come, as it was computed
//! last.

use super::auth::Reader;
use super::error::{ApiError, json, json_bytes};
use super::query::{Path, Query};
use super::{App, Door, tier};
use crate::fanout::encode::Subject;
use crate::fanout::snapshot::{self, Taken};
use crate::model::prediction::Source;
use crate::model::{GameId, PlayerId, TopicName};
use crate::predict::points::projections::{Expected, GameProjection, SeasonProjection};
use crate::wire::Form;
use crate::wire::json::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

/// `GET /v1/predictions/GAME`: the snapshot of the game's `predictions:` topic.
pub(super) async fn predictions(State(door): State<Door>, reader: Reader, Path(game): Path<String>) -> Result<Response, ApiError> {
    let write = move |app: &App| {
        let id = GameId::new(&game);
        let (index, ruleset) = app.ruleset(None)?;
        reader.may(id.clone().map(TopicName::Predictions).as_slice(), ruleset, index)?;
        let is_shown = |id: &GameId| {
            let topic = app.hub.get(&TopicName::Game(id.clone()));
            topic.is_some_and(|topic| topic.read(|history| history.game().is_some()))
        };
        let Some(id) = id.filter(is_shown) else {
            let game: String = game.chars().take(80).collect();
            let message = format!("no game \"{game}\"; GET /v1/games lists them");
            return Err(ApiError::not_found("unknown_game", message));
        };
        // Asking costs no memory: a topic that is not there is not made.
        let topic = app.hub.get_or_empty(TopicName::Predictions(id));
        let subject = Subject {
            topic: &topic,
            ruleset,
            form: Form::PLAIN,
            wall_us: app.clock.wall_us(),
            shift: 0,
        };
        let Taken { frame, .. } = snapshot::take(&app.hub, &app.games, subject, "subscribe");
        Ok(json_bytes(frame.payload().to_vec()))
    };
    door.aside(write).await?
}

/// How far ahead.
#[derive(Clone, Copy, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum Horizon {
    #[default]
    Game,
    Season,
}

/// How far ahead to look.
#[derive(Deserialize)]
pub(super) struct ProjectionQuery {
    #[serde(default)]
    horizon: Horizon,
}

/// `GET /v1/players/ID/projection?horizon=game|season`. Two look-ups in a table: no game is read, no model runs.
pub(super) async fn projection(
    State(door): State<Door>,
    reader: Reader,
    Path(player): Path<String>,
    Query(query): Query<ProjectionQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let above = PlayerId::new(&player).map(|id| {
        let horizon = match query.horizon {
            Horizon::Game => "game",
            Horizon::Season => "season",
        };
        format!("/v1/players/{}/projection?horizon={horizon}", tier::path_part(id.as_str()))
    });
    // The table may be written to meanwhile, and no shard waits for that.
    let look = move |app: &App| {
        let (index, ruleset) = app.ruleset(None)?;
        let id = PlayerId::new(&player);
        reader.may(id.clone().map(TopicName::Player).as_slice(), ruleset, index)?;
        let table = &app.projections;
        let answer = id.as_ref().and_then(|id| match query.horizon {
            Horizon::Game => table.game(id).map(|known| of_game(id, table.ruleset(), &known)),
            Horizon::Season => table.season(id).map(|known| of_season(id, table.ruleset(), &known)),
        });
        answer.ok_or_else(|| {
            let why = match id.is_some_and(|id| id.is_dst()) {
                true => "team defences have no forecast",
                false => "no game of theirs is known in which they pass, run, catch or return; kickers have no forecast",
            };
            let player: String = player.chars().take(80).collect();
            ApiError::not_found("no_projection", format!("nothing is projected for \"{player}\": {why}"))
        })
    };
    match (door.aside(look).await?, above) {
        // What this node has not, an engine may have.
        (Err(error), Some(path)) if error.is_not_found() => Ok(tier::from_above(&door, &headers, path, error.into_response()).await),
        (answer, _) => answer,
    }
}

fn of_game(player: &PlayerId, ruleset: &str, known: &GameProjection) -> Response {
    json(|json| {
        json.text("player", player.as_str())
            .text("game", known.game.as_str())
            .text("ruleset", ruleset)
            .text("horizon", "game")
            .points("points", known.points)
            .points("projected", known.projected.points)
            .points("low", known.projected.low)
            .points("high", known.projected.high)
            .probability("progress", known.progress);
        write_source(json, &known.source, known.computed_us);
    })
}

fn of_season(player: &PlayerId, ruleset: &str, known: &SeasonProjection) -> Response {
    json(|json| {
        json.text("player", player.as_str())
            .text("ruleset", ruleset)
            .text("horizon", "season")
            .integer("season", known.season.into())
            .count("weeks_left", known.weeks_left.into())
            .count("games", known.games as u64)
            .object_at("per_game", |json| write_expected(json, known.per_game))
            .object_at("total", |json| write_expected(json, known.total));
        if let Some((club, expected)) = &known.club {
            json.object_at("team", |json| {
                json.text("team", club.as_str());
                write_expected(json, *expected);
            });
        }
        write_source(json, &known.source, known.computed_us);
    })
}

fn write_expected(json: &mut Json<'_>, expected: Expected) {
    json.points("points", expected.points)
        .points("low", expected.low)
        .points("high", expected.high);
}

fn write_source(json: &mut Json<'_>, source: &Source, computed_us: i64) {
    match source {
        Source::Model { name, version } => json.text("source", "model").text("model", name).text("version", version),
        Source::Historical => json.text("source", "historical"),
    };
    json.integer("computed_us", computed_us);
}
