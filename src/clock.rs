//! The one place that reads the clocks. Everything else is handed the time.
//!
//! There are two. Intervals (pings, timeouts, rate limits, turns) go by the steady one, which nobody sets:
//! a system's clock that is stepped cuts nobody off and stops no timer. What is shown goes by the wall's.

use crate::model::Now;
use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The system's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock;

impl Clock {
    /// Now, by both clocks.
    #[inline]
    pub fn now(self) -> Now {
        Now {
            steady_us: self.steady_us(),
            wall_us: self.wall_us(),
        }
    }

    /// Microseconds since the process first asked. Never goes back and never jumps: for intervals within
    /// the process, and nothing else.
    #[inline]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn steady_us(self) -> i64 {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        i64::try_from(START.elapsed().as_micros()).unwrap_or(i64::MAX)
    }

    /// Microseconds since the Unix epoch, as the system has it: for what is shown or compared with other
    /// machines. May be set at any time, either way.
    #[inline]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn wall_us(self) -> i64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |elapsed| i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX))
    }
}
