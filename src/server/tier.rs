//! What an edge cannot answer from what it has goes up to an engine that the registry names, and what the edge says by
//! itself is the answer where that comes to nothing.
//!
//! What engines answered is kept ([`crate::cache`]): what is young enough spares a question, what is only on disk is
//! for when no engine answers. Of questions for the same, one goes up.
//!
//! Only an edge asks, only for what it runs no models for, and never for another edge: a question that has come from one
//! bears [`FROM`] and goes no further. Who may ask was settled here; the engine is shown `cluster.up_key` and never what
//! the client showed. What is asked is put together here, from names that are well formed. Bounded: questions under way
//! (`cluster.up_requests_max`), each by its time (`cluster.up_timeout_ms`, for the cache and the engine together) and
//! the bytes of its answer ([`ANSWER_BYTES_MAX`]).

use super::Door;
use super::error::json_bytes;
use crate::cache::{Cache, Disk, Flights, Kept, Key, Memory, Place, Serves, Shared, Turn, disk};
use crate::clock::Clock;
use crate::cluster::Settings;
use crate::config::{Config, Durability, Role};
use crate::telemetry::{CacheLayer, CacheLayerMetrics, TierMetrics, TierResult};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Says in an answer which tier it is from, where it might have been another.
const TIER: HeaderName = HeaderName::from_static("scorewire-tier");
/// Says in a question which edge it comes from.
const FROM: HeaderName = HeaderName::from_static("scorewire-from");
/// Longest answer that is passed on.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Idle connections that are kept to one engine.
const IDLE_MAX: usize = 4;
/// Of a question's time Redis may take one such part, and another one is left for the disk.
const PARTS: u32 = 4;
/// The folder of `store.dir` with engines' answers.
const FOLDER: &str = "cache";

/// The way up.
pub struct Tiers {
    client: Client<HttpConnector, Empty<Bytes>>,
    permits: Arc<Semaphore>,
    timeout: Duration,
    authorization: Option<HeaderValue>,
    answers: Cache<Bytes>,
    under_way: Flights<Option<Above>>,
    metrics: TierMetrics,
}

/// An answer from above.
#[derive(Clone)]
struct Above {
    kept: Kept<Bytes>,
    from: From,
}

/// Where it was had.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    /// An engine, just now.
    Engine,
    /// What was kept of one's, young enough.
    Cache,
    /// The same, where no engine answered.
    Stale,
}

impl Tiers {
    /// By `cluster.up_*` and `cluster.cache_*`; `node`: what the cluster's threads go by.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn new(config: &Config, node: Option<&Arc<Settings>>) -> io::Result<Tiers> {
        let cluster = &config.cluster;
        let timeout = Duration::from_millis(cluster.up_timeout_ms);
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(timeout));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(IDLE_MAX)
            .http1_max_buf_size(ANSWER_BYTES_MAX)
            .build(connector);
        let authorization = HeaderValue::from_str(&format!("Bearer {}", cluster.up_key)).ok();
        Ok(Tiers {
            client,
            permits: Arc::new(Semaphore::new(cluster.up_requests_max)),
            timeout,
            authorization: authorization.filter(|_| !cluster.up_key.is_empty()),
            answers: Cache::new(layers(config, node)?, || Clock.steady_us()),
            under_way: Flights::new(),
            metrics: TierMetrics::new(),
        })
    }

    /// What is left of a question's time when an engine is asked.
    fn patience(&self, begun_us: i64) -> Duration {
        let spent = Duration::from_micros((Clock.steady_us() - begun_us).unsigned_abs());
        let kept_back = match self.answers.serves(Serves::Fallback) {
            true => self.timeout / PARTS,
            false => Duration::ZERO,
        };
        self.timeout.saturating_sub(kept_back + spent)
    }
}

/// The cache's layers; none but for an edge.
fn layers(config: &Config, node: Option<&Arc<Settings>>) -> io::Result<Vec<Place<Bytes>>> {
    let cluster = &config.cluster;
    // There with or without layers: a metric that is missing looks like one that is broken.
    let [memory, redis, disk] = [CacheLayer::Memory, CacheLayer::Redis, CacheLayer::Disk].map(CacheLayerMetrics::new);
    let mut places: Vec<Place<Bytes>> = Vec::new();
    let Some(settings) = node.filter(|_| cluster.role == Role::Edge) else {
        return Ok(places);
    };
    let patience = Duration::from_millis(cluster.up_timeout_ms) / PARTS;
    let us = |ms: u64| ms as i64 * 1_000;
    if cluster.cache_memory_ms > 0 {
        places.push(Place {
            layer: Box::new(Memory::new(cluster.cache_memory_bytes, memory.clone())),
            ttl_us: us(cluster.cache_memory_ms),
            serves: Serves::Always,
            metrics: memory,
        });
    }
    if cluster.cache_redis_ms > 0 {
        places.push(Place {
            layer: Box::new(Shared::start(settings, ANSWER_BYTES_MAX, patience, redis.failed.clone())?),
            ttl_us: us(cluster.cache_redis_ms),
            serves: Serves::Always,
            metrics: redis,
        });
    }
    if cluster.cache_disk_ms > 0 && config.store.durability != Durability::Memory {
        let limits = disk::Limits {
            bytes_max: cluster.cache_disk_bytes,
            files_max: cluster.cache_disk_files_max,
            answer_bytes_max: ANSWER_BYTES_MAX,
            ttl_us: us(cluster.cache_disk_ms),
        };
        places.push(Place {
            layer: Box::new(Disk::start(config.store.dir.join(FOLDER), limits, patience, disk.clone())?),
            ttl_us: us(cluster.cache_disk_ms),
            serves: Serves::Fallback,
            metrics: disk,
        });
    }
    Ok(places)
}

impl Above {
    fn answer(self, now_us: i64) -> Response {
        let age_us = self.kept.age_us(now_us);
        let mut answer = json_bytes(self.kept.value.into());
        let headers = answer.headers_mut();
        if self.from != From::Engine {
            // Whole seconds, and never younger than it is.
            headers.insert(header::AGE, HeaderValue::from(age_us.unsigned_abs().div_ceil(1_000_000)));
        }
        let tier = match self.from {
            From::Engine | From::Cache => "engine",
            From::Stale => "stale",
        };
        headers.insert(TIER, HeaderValue::from_static(tier));
        answer
    }
}

/// Says that an answer is the edge's own, where an engine might have had a better one.
fn own(mut answer: Response) -> Response {
    answer.headers_mut().insert(TIER, HeaderValue::from_static("edge"));
    answer
}

/// An engine's answer to `path` where there is one in time, else this node's `own` one, marked as such. `asked`: the
/// headers of the request.
pub(super) async fn from_above(door: &Door, asked: &HeaderMap, path: String, answer: Response) -> Response {
    if door.config.cluster.role != Role::Edge || asked.contains_key(FROM) {
        return answer;
    }
    let asker = door.clone();
    // Not on a shard's thread, which has clients to serve; and to the end, also where who asked has left.
    let asking = door.side.spawn(async move { question(&asker, &path).await });
    let (result, above) = asking.await.unwrap_or((TierResult::Failed, None));
    door.tiers.metrics.count(result);
    match above {
        Some(above) => above.answer(door.clock.steady_us()),
        None => own(answer),
    }
}

/// Asks, or waits for who asks for the same.
async fn question(door: &Door, path: &str) -> (TierResult, Option<Above>) {
    let (tiers, key) = (&door.tiers, Key::new(path));
    match tiers.under_way.join(&key) {
        Turn::Follow(follower) => match tokio::time::timeout(tiers.timeout, follower.wait()).await {
            Ok(above) => (TierResult::Joined, above.flatten()),
            Err(_) => (TierResult::Late, None),
        },
        Turn::Lead(leader) => {
            let (result, above) = lead(door, path, &key).await;
            leader.done(above.clone());
            (result, above)
        }
    }
}

/// What is kept, else what an engine says, else what was kept for that case.
async fn lead(door: &Door, path: &str, key: &Key) -> (TierResult, Option<Above>) {
    let (answers, begun_us) = (&door.tiers.answers, door.clock.steady_us());
    if let Some(kept) = answers.look(key, Serves::Always).await {
        return (TierResult::Cached, Some(Above { kept, from: From::Cache }));
    }
    let result = match ask(door, path, begun_us).await {
        Ok(kept) => {
            answers.keep(key, &kept);
            return (TierResult::Answered, Some(Above { kept, from: From::Engine }));
        }
        // That is an answer.
        Err(TierResult::Unknown) => return (TierResult::Unknown, None),
        Err(result) => result,
    };
    let kept = answers.look(key, Serves::Fallback).await;
    (result, kept.map(|kept| Above { kept, from: From::Stale }))
}

async fn ask(door: &Door, path: &str, begun_us: i64) -> Result<Kept<Bytes>, TierResult> {
    let tiers = &door.tiers;
    let born_us = door.clock.steady_us();
    let engine = door.nodes.engine(born_us).ok_or(TierResult::Nobody)?;
    let _permit = tiers.permits.clone().try_acquire_owned().map_err(|_| TierResult::Busy)?;
    let mut request = Request::get(format!("{}{path}", engine.inside)).header(FROM, &door.nodes.me.process);
    if let Some(authorization) = &tiers.authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    let request = request.body(Empty::new()).map_err(|_| TierResult::Failed)?;
    let asking = async {
        let (head, body) = tiers.client.request(request).await.ok()?.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.ok()?.to_bytes();
        Some((head.status, body))
    };
    match tokio::time::timeout(tiers.patience(begun_us), asking).await {
        Err(_) => Err(TierResult::Late),
        Ok(Some((StatusCode::OK, value))) => Ok(Kept { value, born_us }),
        Ok(Some((StatusCode::NOT_FOUND, _))) => Err(TierResult::Unknown),
        Ok(Some(_) | None) => Err(TierResult::Failed),
    }
}

/// A name as a part of a path.
pub(super) fn path_part(name: &str) -> String {
    let mut part = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => part.push(char::from(byte)),
            // A dot too: a name of two dots is no way up.
            _ => part.push_str(&format!("%{byte:02X}")),
        }
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_part_of_the_path() {
        assert_eq!(path_part("90-0000001"), "90-0000001");
        assert_eq!(path_part("dst:NE"), "dst%3ANE");
        assert_eq!(path_part(".."), "%2E%2E");
        assert_eq!(path_part("a/b?c#d%e f\u{e9}"), "a%2Fb%3Fc%23d%25e%20f%C3%A9");
    }
}
