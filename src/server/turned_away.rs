//! Who is turned away for want of room: what they are told, whether a request of theirs was read or not, and
//! when they are to come back.

use super::App;
use super::error::ApiError;
use axum::http::StatusCode;

/// How soon who found no room may try again, in milliseconds, at least; twice that at most.
pub(super) const FULL_MS: u64 = 5_000;

/// A refusal that depends on nothing that was asked for.
#[derive(Debug)]
pub(super) struct TurnedAway {
    status: StatusCode,
    code: &'static str,
    error: &'static str,
    after_ms: u64,
}

impl TurnedAway {
    /// There are `server.connections_max`.
    pub(super) fn of_all(app: &App) -> TurnedAway {
        TurnedAway {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "too_many_connections",
            error: "the server holds as many connections as it may",
            after_ms: app.spread_ms(FULL_MS),
        }
    }

    /// There are `server.connections_per_address_max` of that address.
    pub(super) fn of_address(app: &App) -> TurnedAway {
        TurnedAway {
            status: StatusCode::TOO_MANY_REQUESTS,
            code: "too_many_from_address",
            error: "this address has as many connections as it may; close one first",
            after_ms: app.spread_ms(FULL_MS),
        }
    }

    /// There is room, and more come at once than are let in.
    pub(super) fn until(after_ms: u64) -> TurnedAway {
        TurnedAway {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "come_back_later",
            error: "more clients come at once than are let in; come back when told",
            after_ms,
        }
    }

    /// A whole response, for who is hung up on before a request is read.
    pub(super) fn response(&self) -> String {
        let (status, code, error, after_ms) = (self.status, self.code, self.error, self.after_ms);
        let body = format!("{{\"code\":\"{code}\",\"error\":\"{error}\",\"reconnect_after_ms\":{after_ms}}}");
        format!(
            "HTTP/1.1 {status}\r\nretry-after: {}\r\nconnection: close\r\ncontent-type: application/json\r\n\
             x-content-type-options: nosniff\r\ncontent-length: {}\r\n\r\n{body}",
            after_ms.div_ceil(1000),
            body.len()
        )
    }
}

impl From<TurnedAway> for ApiError {
    fn from(told: TurnedAway) -> ApiError {
        ApiError::with_status(told.status, told.code, told.error).come_back_after(told.after_ms)
    }
}
