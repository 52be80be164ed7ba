//! Which of the traced events something belongs to.

use std::num::NonZeroU32;

/// A traced event's number within this process. Nearly no event has one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TraceMark(pub NonZeroU32);

/// A shard's part in a traced event's way. Times by the clock that nobody sets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TraceShown {
    /// When it turned to the event.
    pub turned_us: i64,
    /// When the frames of its slice were made.
    pub encoded_us: i64,
    /// When they were written.
    pub written_us: i64,
    /// Clients of that slice.
    pub clients: usize,
    /// Whether the socket was full for which the frame was made.
    pub refused: bool,
}
