//! What every answer says to a browser, and what a request may say at most of where it goes.
//!
//! Nothing here is ever HTML but the page, nothing is framed, and nothing is guessed from bytes: a name
//! that a feed sent is text wherever it turns up.

use super::Door;
use super::error::ApiError;
use crate::telemetry::Refusal;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;

/// What an answer that is no page may do in a browser: nothing.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox";

const EVERYWHERE: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Over TLS alone: elsewhere a browser takes no notice, or complains.
const OVER_TLS: [(HeaderName, &str); 2] = [
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Adds what is not there: the page has a policy of its own.
pub(super) async fn harden(response: Response) -> Response {
    add(response, &EVERYWHERE)
}

/// The same, for what goes over TLS.
pub(super) async fn harden_tls(response: Response) -> Response {
    add(response, &OVER_TLS)
}

fn add(mut response: Response, headers: &[(HeaderName, &'static str)]) -> Response {
    // What follows an upgrade is no document.
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        for (name, value) in headers {
            response
                .headers_mut()
                .entry(name)
                .or_insert_with(|| HeaderValue::from_static(value));
        }
    }
    response
}

/// Refuses an address longer than `server.url_bytes_max`.
pub(super) async fn check_url(State(door): State<Door>, request: Request) -> Result<Request, ApiError> {
    let url = request.uri();
    let bytes = url.path_and_query().map_or(0, |path| path.as_str().len());
    let bytes_max = door.config.server.url_bytes_max;
    if bytes <= bytes_max {
        return Ok(request);
    }
    door.refusals.count(Refusal::UrlTooLong);
    let message = format!("the path and query have {bytes} bytes and may have {bytes_max}");
    Err(ApiError::with_status(StatusCode::URI_TOO_LONG, "url_too_long", message))
}
