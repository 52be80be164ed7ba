//! Errors of plain HTTP: a stable code and a sentence, as JSON.

use crate::wire::json::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

/// An answer that says what is wrong.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl ApiError {
    /// 400.
    pub(super) fn bad_request(code: &'static str, message: impl Into<String>) -> ApiError {
        ApiError {
            status: StatusCode::BAD_REQUEST,
            code,
            message: message.into(),
            headers: Vec::new(),
        }
    }

    /// 404.
    pub(super) fn not_found(code: &'static str, message: impl Into<String>) -> ApiError {
        ApiError {
            status: StatusCode::NOT_FOUND,
            ..ApiError::bad_request(code, message)
        }
    }

    /// Any other status.
    pub(super) fn with_status(status: StatusCode, code: &'static str, message: impl Into<String>) -> ApiError {
        ApiError {
            status,
            ..ApiError::bad_request(code, message)
        }
    }

    /// 429: come back in `seconds`.
    pub(super) fn busy(seconds: u32, message: impl Into<String>) -> ApiError {
        ApiError::with_status(StatusCode::TOO_MANY_REQUESTS, "busy", message).header(header::RETRY_AFTER, seconds.into())
    }

    /// The same with a header.
    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> ApiError {
        self.headers.push((name, value));
        self
    }

    /// Whether the same request may be taken a moment later.
    pub(super) fn asks_to_come_again(&self) -> bool {
        self.headers.iter().any(|(name, _)| name == header::RETRY_AFTER)
    }

    /// Writes code and sentence.
    pub(super) fn write(&self, json: &mut Json<'_>) {
        json.text("code", self.code).text("error", &self.message);
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
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, body).into_response()
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
