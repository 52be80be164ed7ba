//! `POST /v1/lineups`: a lineup's topic, for event streams and snapshots; over WebSocket `op: lineup` does it.

use super::auth::Reader;
use super::error::{ApiError, SOON_MS, json};
use super::{App, Door};
use crate::fanout::Topic;
use crate::fanout::lineups::Lineup;
use crate::model::{Points, TopicName};
use crate::wire::client::parse_lineup;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::Duration;

/// Longest body, in bytes.
const BODY_BYTES_MAX: usize = 16_384;

/// Makes the lineup's topic, or finds that of an equal one.
pub(super) async fn define(State(door): State<Door>, reader: Reader, request: Request) -> Result<Response, ApiError> {
    door.take_newcomer()?;
    let timeout = Duration::from_millis(door.config.server.header_read_timeout_ms);
    let reading = to_bytes(request.into_body(), BODY_BYTES_MAX);
    let body = tokio::time::timeout(timeout, reading)
        .await
        .map_err(|_| ApiError::with_status(StatusCode::REQUEST_TIMEOUT, "body_timeout", "the body took too long to arrive"))?
        .map_err(|_| {
            let message = format!("a lineup may have {BODY_BYTES_MAX} bytes");
            ApiError::with_status(StatusCode::PAYLOAD_TOO_LARGE, "body_too_long", message)
        })?;
    let write = move |app: &App| {
        let bad = |message: String| ApiError::bad_request("bad_lineup", message);
        let asked = parse_lineup(&body).map_err(bad)?;
        let (index, ruleset) = app.ruleset(asked.ruleset.as_deref())?;
        let lineup = Lineup::new((index, ruleset), &asked.slots).map_err(|error| bad(error.to_string()))?;
        let name = TopicName::Lineup(lineup.id.clone());
        reader.may_own(&name, ruleset, index)?;
        let defined = app.hub.define(lineup, ruleset);
        let topic = defined.map_err(|(code, message)| ApiError::unavailable(code, message).send_again_after(SOON_MS))?;
        let answer = json(|json| {
            json.text("topic", &name.to_string()).text("ruleset", ruleset.name());
            json.list_at("slots", |list| {
                for slot in topic.lineup().iter().flat_map(|lineup| &lineup.slots) {
                    list.object(|json| {
                        json.text("slot", &slot.name).text("player", slot.player.as_str());
                        let multiplier = slot.multiplier.of(Points(Points::SCALE));
                        slot.multiplier.hundredths().map(|_| json.points("multiplier", multiplier));
                    });
                }
            });
        });
        Ok(([(header::CACHE_CONTROL, "no-store")], answer).into_response())
    };
    door.aside(write).await?
}

impl App {
    /// The topic of a lineup that is there.
    ///
    /// # Errors
    /// 404, and 403 where the reader's token does not allow the lineup's ruleset.
    pub(super) fn lineup(&self, reader: &Reader, name: &TopicName) -> Result<Arc<Topic>, ApiError> {
        let topic = self.hub.lineup(name);
        let found = topic.as_ref().and_then(|topic| Some((topic, topic.lineup()?)));
        let Some((topic, lineup)) = found else {
            let message = format!("{name}: no such lineup here, or not any more; POST /v1/lineups makes one");
            return Err(ApiError::not_found("unknown_lineup", message));
        };
        reader.may_own(name, self.rulesets.by_index(lineup.ruleset), lineup.ruleset)?;
        Ok(topic.clone())
    }
}
