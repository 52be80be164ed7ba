//! The one place that reads the clock. Everything else is handed the time.

use std::time::{SystemTime, UNIX_EPOCH};

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock;

impl Clock {
    /// Microseconds since the Unix epoch.
    #[inline]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now_us(self) -> i64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |elapsed| i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX))
    }
}
