//! Errors of plain HTTP: a stable code and a sentence, as JSON.

use super::feed_rate::TooFast;
use crate::telemetry::Refusal;
use crate::wire::json::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

/// When to send again what found the server busy, or its disk failing, in milliseconds.
pub(super) const SOON_MS: u64 = 1_000;

/// An answer that says what is wrong.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    reconnect_after_ms: Option<u64>,
    send_again_ms: Option<u64>,
}

impl ApiError {
    /// 400.
    pub(super) fn bad_request(code: &'static str, message: impl Into<String>) -> ApiError {
        ApiError {
            status: StatusCode::BAD_REQUEST,
            code,
            message: message.into(),
            headers: Vec::new(),
            reconnect_after_ms: None,
            send_again_ms: None,
        }
    }

    /// 404.
    pub(super) fn not_found(code: &'static str, message: impl Into<String>) -> ApiError {
        ApiError {
            status: StatusCode::NOT_FOUND,
            ..ApiError::bad_request(code, message)
        }
    }

    /// Whether it is a 404.
    pub(super) fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    /// Any other status.
    pub(super) fn with_status(status: StatusCode, code: &'static str, message: impl Into<String>) -> ApiError {
        ApiError {
            status,
            ..ApiError::bad_request(code, message)
        }
    }

    /// 429: the server is behind.
    pub(super) fn busy(message: impl Into<String>) -> ApiError {
        ApiError::with_status(StatusCode::TOO_MANY_REQUESTS, "busy", message).send_again_after(SOON_MS)
    }

    /// The same with when the same request may be taken; the header says it in whole seconds.
    pub(super) fn send_again_after(mut self, after_ms: u64) -> ApiError {
        self.send_again_ms = Some(after_ms);
        self.header(header::RETRY_AFTER, after_ms.div_ceil(1000).into())
    }

    /// The same with a time to come back, in the body, and in the header in whole seconds.
    pub(super) fn come_back_after(mut self, after_ms: u64) -> ApiError {
        self.reconnect_after_ms = Some(after_ms);
        self.header(header::RETRY_AFTER, after_ms.div_ceil(1000).into())
    }

    /// The same with a header.
    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> ApiError {
        self.headers.push((name, value));
        self
    }

    /// 429: a feed sends more than it may.
    pub(super) fn too_fast(too_fast: TooFast) -> ApiError {
        let (code, limit) = match too_fast.refusal {
            Refusal::FeedEvents => ("too_many_events", "ingest.events_per_second_max"),
            _ => ("too_many_bytes", "ingest.bytes_per_second_max"),
        };
        let message = format!("this feed sends more than {limit} allows; nothing of this was taken");
        ApiError::with_status(StatusCode::TOO_MANY_REQUESTS, code, message).send_again_after(too_fast.after_ms)
    }

    /// What is counted where events are refused with this; nothing where somebody else counts it.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        match self.code {
            "busy" => Some(Refusal::Busy),
            "too_many_bytes" => Some(Refusal::FeedBytes),
            "too_many_events" => Some(Refusal::FeedEvents),
            "body_timeout" => Some(Refusal::BodyTimeout),
            "body_too_long" => Some(Refusal::BodyTooLong),
            "log_unavailable" => Some(Refusal::LogUnavailable),
            "log_slow" => Some(Refusal::LogSlow),
            _ if matches!(self.status, StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE) => Some(Refusal::BadBody),
            _ => None,
        }
    }

    /// When the same request may be taken, in milliseconds; nothing where it would be refused again.
    pub(super) fn send_again_ms(&self) -> Option<u64> {
        self.send_again_ms
    }

    /// Writes code and sentence.
    pub(super) fn write(&self, json: &mut Json<'_>) {
        json.text("code", self.code).text("error", &self.message);
        if let Some(after_ms) = self.reconnect_after_ms {
            json.count("reconnect_after_ms", after_ms);
        }
    }

    /// 503.
    pub(super) fn unavailable(code: &'static str, message: impl Into<String>) -> ApiError {
        ApiError::with_status(StatusCode::SERVICE_UNAVAILABLE, code, message)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json(|json| self.write(json));
        let headers: HeaderMap = self.headers.into_iter().collect();
        (self.status, headers, body).into_response()
    }
}

/// A JSON object as a response.
pub(super) fn json(write: impl FnOnce(&mut Json<'_>)) -> Response {
    let mut body = Vec::with_capacity(1024);
    Json::new(&mut body).object(write);
    json_bytes(body)
}

/// JSON bytes as a response.
pub(super) fn json_bytes(body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// No such path.
pub(super) async fn not_found(uri: Uri) -> ApiError {
    let path: String = uri.path().chars().take(100).collect();
    ApiError::not_found(
        "not_found",
        format!("there is nothing at {path}; docs/protocol.md lists what there is"),
    )
}

/// The path is there, for another method.
pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> ApiError {
    let path: String = uri.path().chars().take(100).collect();
    ApiError::with_status(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        format!("{path} does not take {method}"),
    )
}
