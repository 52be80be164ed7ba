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
    /// More messages than a client may send.
    TooManyMessages,
    /// A message that began and was not all there in time.
    Unfinished,
}

/// Whether a client is to come back, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ComeBack {
    /// It would be closed again, or does not want to.
    No,
    /// By its own backoff: there was nobody to tell it a time.
    Yes,
    /// After the `reconnect_after_ms` of the `goodbye` before the close frame: at least so many milliseconds,
    /// at most twice that, each client its own; for a drain as `shutdown.reconnect_spread_ms` says.
    After {
        /// The least.
        least_ms: u64,
    },
}

impl ComeBack {
    /// As the documented table says it.
    pub fn name(self) -> &'static str {
        match self {
            ComeBack::No => "no",
            ComeBack::Yes => "yes",
            ComeBack::After { .. } => "after",
        }
    }
}

impl CloseReason {
    /// Every reason, in the order of the documented table.
    pub const ALL: [CloseReason; 15] = [
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
        CloseReason::TooManyMessages,
        CloseReason::Unfinished,
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
            CloseReason::TooManyMessages => 4005,
            CloseReason::Unfinished => 4007,
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
            CloseReason::TooManyMessages => "too_many_messages",
            CloseReason::Unfinished => "unfinished_message",
        }
    }

    /// Whether a client is to come back, and when.
    pub fn come_back(self) -> ComeBack {
        match self {
            CloseReason::Normal
            | CloseReason::Protocol
            | CloseReason::Unsupported
            | CloseReason::NotUtf8
            | CloseReason::NotDeflate
            | CloseReason::TooBig
            | CloseReason::Unauthorized => ComeBack::No,
            CloseReason::Gone => ComeBack::Yes,
            CloseReason::Draining | CloseReason::AuthExpired => ComeBack::After { least_ms: 500 },
            CloseReason::Silent | CloseReason::Unfinished => ComeBack::After { least_ms: 1_000 },
            CloseReason::Stalled => ComeBack::After { least_ms: 5_000 },
            CloseReason::TooManyMessages | CloseReason::Overloaded => ComeBack::After { least_ms: 10_000 },
        }
    }

    /// What a client should do next, as the documented table says it.
    pub fn advice(self) -> &'static str {
        match self {
            CloseReason::Normal => "nothing; it was your own close",
            CloseReason::Gone => "resume with `since`",
            CloseReason::Draining => "resume with `since`",
            CloseReason::Protocol | CloseReason::Unsupported | CloseReason::NotUtf8 | CloseReason::NotDeflate | CloseReason::TooBig => {
                "mend the client first: it would be closed again"
            }
            CloseReason::Silent => "answer pings, or send `op:ping`; resume with `since`",
            CloseReason::Stalled => "read faster, or ask for less or for `max_rate_hz`; resume with `since`",
            CloseReason::Overloaded => "read faster; resume with `since`",
            CloseReason::Unauthorized => "get another token first",
            CloseReason::AuthExpired => "show a new token, resume with `since`",
            CloseReason::TooManyMessages => "say less at a time: many topics fit one `subscribe`",
            CloseReason::Unfinished => "send a message as a whole; resume with `since`",
        }
    }
}
