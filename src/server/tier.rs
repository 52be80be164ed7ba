//! What an edge cannot answer from what it has goes up to an engine that the registry names, and what the edge says by
//! itself is the answer where that comes to nothing.
//!
//! Only an edge asks, only for what it runs no models for, and never for another edge: a question that has come from one
//! bears [`FROM`] and goes no further. Who may ask was settled here; the engine is shown `cluster.up_key` and never what
//! the client showed. What is asked is put together here, from names that are well formed. Bounded: questions under way
//! (`cluster.up_requests_max`), each by its time (`cluster.up_timeout_ms`) and the bytes of its answer
//! ([`ANSWER_BYTES_MAX`]).

use super::Door;
use super::error::json_bytes;
use crate::config::{Config, Role};
use crate::telemetry::{TierMetrics, TierResult};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
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

/// The way up.
pub struct Tiers {
    client: Client<HttpConnector, Empty<Bytes>>,
    permits: Arc<Semaphore>,
    timeout: Duration,
    authorization: Option<HeaderValue>,
    metrics: TierMetrics,
}

impl Tiers {
    /// By `cluster.up_*`.
    pub fn new(config: &Config) -> Tiers {
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
        Tiers {
            client,
            permits: Arc::new(Semaphore::new(cluster.up_requests_max)),
            timeout,
            authorization: authorization.filter(|_| !cluster.up_key.is_empty()),
            metrics: TierMetrics::new(),
        }
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
    // Not on a shard's thread, which has clients to serve.
    let asking = door.side.spawn(async move { ask(&asker, &path).await });
    let (result, above) = asking.await.unwrap_or((TierResult::Failed, None));
    door.tiers.metrics.count(result);
    above.unwrap_or_else(|| own(answer))
}

async fn ask(door: &Door, path: &str) -> (TierResult, Option<Response>) {
    let tiers = &door.tiers;
    let Some(engine) = door.nodes.engine(door.clock.steady_us()) else {
        return (TierResult::Nobody, None);
    };
    let Ok(_permit) = tiers.permits.clone().try_acquire_owned() else {
        return (TierResult::Busy, None);
    };
    let mut request = Request::get(format!("{}{path}", engine.inside)).header(FROM, &door.nodes.me.process);
    if let Some(authorization) = &tiers.authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    let Ok(request) = request.body(Empty::new()) else {
        return (TierResult::Failed, None);
    };
    let asking = async {
        let (head, body) = tiers.client.request(request).await.ok()?.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.ok()?.to_bytes();
        Some((head.status, body))
    };
    match tokio::time::timeout(tiers.timeout, asking).await {
        Err(_) => (TierResult::Late, None),
        Ok(Some((StatusCode::OK, body))) => {
            let mut answer = json_bytes(body.into());
            answer.headers_mut().insert(TIER, HeaderValue::from_static("engine"));
            (TierResult::Answered, Some(answer))
        }
        Ok(Some((StatusCode::NOT_FOUND, _))) => (TierResult::Unknown, None),
        Ok(Some(_) | None) => (TierResult::Failed, None),
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
