//! Why a connection ends: one table for the code, `docs/protocol.md` and the metrics.

/// A reason to close a WebSocket, with its code on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CloseReason {
    /// The client closed.
    Normal,
    /// The client's socket went away without a close frame.
    Gone,
    /// The server is draining.
    Draining,
    /// The client broke the WebSocket protocol.
    Protocol,
    /// A binary message where text belongs.
    Unsupported,
    /// A text message that is not UTF-8.
    NotUtf8,
    /// A compressed message that does not inflate.
    NotDeflate,
    /// A message over the limit.
    TooBig,
    /// Nothing was heard from the client for too long.
    Silent,
    /// The client did not read for too long.
    Stalled,
    /// The server is short of memory, and the client was among the slowest.
    Overloaded,
    /// The client's token is no use, or none came in time.
    Unauthorized,
    /// The client's token expired.
    AuthExpired,
}

impl CloseReason {
    /// Every reason, in the order of the documented table.
    pub const ALL: [CloseReason; 13] = [
        CloseReason::Normal,
        CloseReason::Gone,
        CloseReason::Draining,
        CloseReason::Protocol,
        CloseReason::Unsupported,
        CloseReason::NotUtf8,
        CloseReason::NotDeflate,
        CloseReason::TooBig,
        CloseReason::Silent,
        CloseReason::Stalled,
        CloseReason::Overloaded,
        CloseReason::Unauthorized,
        CloseReason::AuthExpired,
    ];

    /// The close code; nothing is sent for [`CloseReason::Gone`].
    pub fn code(self) -> u16 {
        match self {
            CloseReason::Normal => 1000,
            CloseReason::Gone => 1006,
            CloseReason::Protocol => 1002,
            CloseReason::Unsupported => 1003,
            CloseReason::NotUtf8 | CloseReason::NotDeflate => 1007,
            CloseReason::TooBig => 1009,
            CloseReason::Draining => 4000,
            CloseReason::Stalled => 4001,
            CloseReason::Silent => 4002,
            CloseReason::Overloaded => 4006,
            CloseReason::Unauthorized => 4003,
            CloseReason::AuthExpired => 4004,
        }
    }

    /// Stable name: the close frame's reason text and the metrics' label.
    pub fn name(self) -> &'static str {
        match self {
            CloseReason::Normal => "normal",
            CloseReason::Gone => "gone",
            CloseReason::Draining => "draining",
            CloseReason::Protocol => "protocol_error",
            CloseReason::Unsupported => "unsupported_data",
            CloseReason::NotUtf8 => "not_utf8",
            CloseReason::NotDeflate => "not_deflate",
            CloseReason::TooBig => "message_too_big",
            CloseReason::Silent => "silent",
            CloseReason::Stalled => "stalled",
            CloseReason::Overloaded => "overloaded",
            CloseReason::Unauthorized => "unauthorized",
            CloseReason::AuthExpired => "auth_expired",
        }
    }

    /// What a client should do next, as the documented table says it.
    pub fn advice(self) -> &'static str {
        match self {
            CloseReason::Normal => "nothing; it was your own close",
            CloseReason::Gone => "come back with backoff and full jitter, resume with `since`",
            CloseReason::Draining => "come back after the `reconnect_after_ms` of the `goodbye`, resume with `since`",
            CloseReason::Protocol | CloseReason::Unsupported | CloseReason::NotUtf8 | CloseReason::NotDeflate | CloseReason::TooBig => {
                "do not come back before the client is mended: it would be closed again"
            }
            CloseReason::Silent => "come back with backoff; answer pings or send `op:ping`",
            CloseReason::Stalled => "come back with backoff and read faster, or ask for less or for `max_rate_hz`",
            CloseReason::Overloaded => {
                "come back after the `reconnect_after_ms` of the `goodbye`, or in 10 to 20 s where none came; resume with `since`"
            }
            CloseReason::Unauthorized => "do not come back without another token",
            CloseReason::AuthExpired => "come back at once with a new token, resume with `since`",
        }
    }
}
