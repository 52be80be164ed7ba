//! Contests over plain HTTP: posted, listed, looked into, deleted.
//!
//! Who may post events may post and delete contests; reading one takes what reading its topic does. A body is read as
//! it comes, on the side runtime, by `posts_max` at once; what has to look at every entry has a thread of its own.

mod post;
mod store;

pub(super) use post::post;
pub use store::ContestStore;

use super::auth::{Feeder, Reader};
use super::error::{ApiError, SOON_MS, json, json_bytes};
use super::query::{Path, Query};
use super::{App, Door};
use crate::config::Role;
use crate::contest::{EntryIndex, Tier};
use crate::fanout::Topic;
use crate::fanout::contests::{Contest, EntryStanding, Of, View, contest_shown, entry_shown};
use crate::model::contest::Cents;
use crate::model::{ContestId, EntryName, Points, TopicName};
use crate::wire::json::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::sync::Arc;

/// Entries in one answer, at most; and where nothing else is asked for.
const ENTRIES_MAX: usize = 200;
const ENTRIES: usize = 50;

impl App {
    /// What a `contest:` or `entry:` topic shows now.
    ///
    /// # Errors
    /// 404, and 403 where the reader's token does not allow the topic or the contest's ruleset.
    pub(super) fn view(&self, reader: &Reader, name: TopicName) -> Result<Arc<Topic>, ApiError> {
        let unknown = |(code, message): (&'static str, &str)| ApiError::not_found(code, format!("{name}: {message}"));
        let ruleset = self.hub.contest_ruleset(&name).map_err(unknown)?;
        reader.may_own(&name, self.rulesets.by_index(ruleset), ruleset)?;
        self.hub.view_of(name.clone()).map_err(unknown)
    }

    /// The contest of that id, for somebody who may read it.
    fn contest(&self, reader: &Reader, id: &str) -> Result<Arc<Contest>, ApiError> {
        let contest = self.hub.contests().get(id).ok_or_else(|| unknown_contest(id))?;
        let name = TopicName::Contest(contest.id().clone());
        reader.may_own(&name, self.rulesets.by_index(contest.ruleset), contest.ruleset)?;
        Ok(contest)
    }
}

fn unknown_contest(id: &str) -> ApiError {
    let id: String = id.chars().take(80).collect();
    ApiError::not_found("unknown_contest", format!("no contest \"{id}\"; GET /v1/contests lists them"))
}

/// Contests are this node's alone, and so are not offered where there are others.
///
/// # Errors
/// 501 on a node of a cluster.
fn alone(door: &Door) -> Result<(), ApiError> {
    if door.config.cluster.role == Role::All {
        return Ok(());
    }
    let message = "contests are kept by a server that is alone (cluster.role = \"all\"); nodes of a cluster do not share them";
    Err(ApiError::with_status(StatusCode::NOT_IMPLEMENTED, "not_in_a_cluster", message))
}

/// `GET /v1/contests`: those that the token allows.
pub(super) async fn list(State(door): State<Door>, reader: Reader) -> Result<Response, ApiError> {
    let write = move |app: &App| {
        let allows = |contest: &Contest| {
            let topic = TopicName::Contest(contest.id().clone());
            let grant = reader.grant();
            grant.is_none_or(|grant| grant.allows_topic(&topic) && grant.allows_ruleset(contest.ruleset))
        };
        json(|json| {
            json.list_at("contests", |list| {
                for contest in app.hub.contests().all().iter().filter(|contest| allows(contest)) {
                    list.object(|json| head(json, contest));
                }
            });
        })
    };
    door.aside(write).await
}

/// What is said of a contest wherever it is listed.
fn head(json: &mut Json<'_>, contest: &Contest) {
    let definition = contest.definition();
    let terms = definition.terms();
    json.text("contest", terms.id.as_str())
        .text("name", &terms.name)
        .text("ruleset", &terms.ruleset)
        .count("entries", definition.entry_count() as u64)
        .count("players", definition.players().len() as u64)
        .count("paid_places", terms.payouts.places().into())
        .integer("posted_us", contest.posted().0);
}

/// `GET /v1/contests/ID`: what it is, and how it stands.
pub(super) async fn contest(State(door): State<Door>, reader: Reader, Path(id): Path<String>) -> Result<Response, ApiError> {
    let write = move |app: &App| {
        let contest = app.contest(&reader, &id)?;
        let View::Contest(now) = contest.view(Of::Contest) else {
            unreachable!("a contest shows itself")
        };
        Ok(uncached(json(|json| {
            head(json, &contest);
            json.list_at("slots", |list| {
                for slot in contest.definition().slots() {
                    list.object(|json| {
                        json.text("slot", &slot.name);
                        let multiplier = slot.multiplier.of(Points(Points::SCALE));
                        slot.multiplier.hundredths().map(|_| json.points("multiplier", multiplier));
                    });
                }
            });
            json.list_at("payouts", |list| {
                for Tier { first, last, each } in contest.definition().payouts().tiers() {
                    list.object(|json| {
                        json.count("from", u64::from(*first))
                            .count("to", u64::from(*last))
                            .cents("payout", Cents(each.0));
                    });
                }
            });
            json.contest(&contest_shown(None, &now));
        })))
    };
    door.aside(write).await?
}

/// `GET /v1/contests/ID/entries/ENTRY`: where one entry stands.
pub(super) async fn entry(
    State(door): State<Door>,
    reader: Reader,
    Path((id, entry)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let write = move |app: &App| {
        let contest = app.hub.contests().get(&id).ok_or_else(|| unknown_contest(&id))?;
        let name = EntryName::new(contest.id(), &entry);
        let found = name.and_then(|name| Some((contest.definition().find(&entry)?, name)));
        let Some((index, name)) = found else {
            let entry: String = entry.chars().take(80).collect();
            let message = format!(
                "the contest has no entry \"{entry}\"; GET /v1/contests/{}/entries lists them",
                contest.id()
            );
            return Err(ApiError::not_found("unknown_entry", message));
        };
        let ruleset = app.rulesets.by_index(contest.ruleset);
        reader.may_own(&TopicName::Entry(name), ruleset, contest.ruleset)?;
        let View::Entry(now) = contest.view(Of::Entry(index)) else {
            unreachable!("an entry shows itself")
        };
        let (id, name) = (contest.definition().entry_id(index), contest.definition().entry_name(index));
        Ok(uncached(json(|json| {
            json.text("ruleset", ruleset.name());
            json.entry(&entry_shown(&contest, index, Some((id.as_str(), &name)), &now));
        })))
    };
    door.aside(write).await?
}

/// Which entries.
#[derive(Deserialize)]
pub(super) struct EntriesQuery {
    q: Option<String>,
    from: Option<u32>,
    count: Option<usize>,
}

/// `GET /v1/contests/ID/entries?q=&from=&count=`: entries by rank from a place on, or those whose name or id has `q` in
/// it.
pub(super) async fn entries(
    State(door): State<Door>,
    reader: Reader,
    Path(id): Path<String>,
    Query(query): Query<EntriesQuery>,
) -> Result<Response, ApiError> {
    if query.q.as_ref().is_some_and(|q| q.len() > 100) {
        return Err(ApiError::bad_request("bad_query", "q may have 100 bytes"));
    }
    let write = move |app: &App| {
        let contest = app.contest(&reader, &id)?;
        let count = query.count.unwrap_or(ENTRIES).min(ENTRIES_MAX);
        let found = match query.q.as_deref().filter(|q| !q.is_empty()) {
            // Whatever is searched is searched without the contest's lock.
            Some(q) => contest.standings_of(contest.definition().search(q, count)),
            None => contest.page(query.from.unwrap_or(1).max(1), count),
        };
        let mut body = Vec::with_capacity(128 * found.len() + 64);
        Json::new(&mut body).object(|json| {
            json.text("contest", contest.id().as_str())
                .count("entries", contest.definition().entry_count() as u64);
            json.list_at("found", |list| {
                for found in &found {
                    list.object(|json| standing(json, &contest, found));
                }
            });
        });
        Ok(uncached(json_bytes(body)))
    };
    door.aside(write).await?
}

fn standing(json: &mut Json<'_>, contest: &Contest, found: &EntryStanding) {
    let EntryStanding { entry, standing } = found;
    let definition = contest.definition();
    let entry: EntryIndex = *entry;
    json.text("entry", definition.entry_id(entry).as_str())
        .text("name", &definition.entry_name(entry))
        .points("points", standing.points)
        .count("rank", standing.rank.into())
        .count("tied", standing.tied.into())
        .hundredths("percentile", standing.percentile)
        .cents("payout", Cents(standing.payout.each.0));
}

/// `DELETE /v1/contests/ID`. Who watches it is told that it is over.
pub(super) async fn delete(State(door): State<Door>, _: Feeder, Path(id): Path<String>) -> Result<Response, ApiError> {
    alone(&door)?;
    let delete = move |app: &App| {
        let known = ContestId::new(&id).filter(|id| app.hub.contests().get(id.as_str()).is_some());
        let id = known.ok_or_else(|| unknown_contest(&id))?;
        app.contests.remove(&id).map_err(|error| not_stored(&error))?;
        if !app.hub.contests().remove(&id) {
            return Err(unknown_contest(id.as_str()));
        }
        tracing::info!(contest = id.as_str(), "a contest was deleted");
        Ok(StatusCode::NO_CONTENT.into_response())
    };
    door.aside(delete).await?
}

/// The disk refuses.
fn not_stored(error: &std::io::Error) -> ApiError {
    let message = format!("the contest's file in store.dir: {error}");
    ApiError::unavailable("store_unavailable", message).send_again_after(SOON_MS)
}

fn uncached(response: Response) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], response).into_response()
}
