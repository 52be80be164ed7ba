//! How much a feed may send: bytes and events a second, each source by itself.
//!
//! What came is taken in and charged; who owes more than a second's worth is refused until it is paid off.
//! So a body is whole or refused, however long, and the mean is held. Bounded: two numbers a source.

use crate::config::Ingest;
use crate::model::SourceId;
use crate::telemetry::Refusal;
use parking_lot::Mutex;

/// Sources told apart; any beyond count as the last.
const SOURCES: usize = 8;
const US_PER_SECOND: i64 = 1_000_000;

/// What a source owes, by when it will be paid off, in microseconds.
#[derive(Clone, Copy, Debug)]
struct Owed {
    bytes_until_us: i64,
    events_until_us: i64,
}

/// A feed has sent more than it may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TooFast {
    /// When more is taken, in milliseconds from now.
    pub(super) after_ms: u64,
    /// Which limit it is.
    pub(super) refusal: Refusal,
}

/// What each source has sent lately. `now_us`: by the clock that nobody sets.
#[derive(Debug)]
pub struct FeedRates {
    bytes_per_second_max: usize,
    events_per_second_max: usize,
    owed: [Mutex<Owed>; SOURCES],
}

impl FeedRates {
    /// Nothing sent yet.
    pub fn new(ingest: &Ingest) -> FeedRates {
        let nothing = || {
            Mutex::new(Owed {
                bytes_until_us: 0,
                events_until_us: 0,
            })
        };
        FeedRates {
            bytes_per_second_max: ingest.bytes_per_second_max,
            events_per_second_max: ingest.events_per_second_max,
            owed: std::array::from_fn(|_| nothing()),
        }
    }

    fn of(&self, source: SourceId) -> &Mutex<Owed> {
        &self.owed[usize::from(source.0).min(SOURCES - 1)]
    }

    /// Whether a source may send now.
    ///
    /// # Errors
    /// It owes more than a second's worth.
    pub(super) fn check(&self, source: SourceId, now_us: i64) -> Result<(), TooFast> {
        let owed = *self.of(source).lock();
        for (until_us, refusal) in [
            (owed.bytes_until_us, Refusal::FeedBytes),
            (owed.events_until_us, Refusal::FeedEvents),
        ] {
            let wait_us = until_us - now_us - US_PER_SECOND;
            if wait_us > 0 {
                let after_ms = (wait_us as u64).div_ceil(1000);
                return Err(TooFast { after_ms, refusal });
            }
        }
        Ok(())
    }

    /// Charges a source for what it sent.
    pub(super) fn charge(&self, source: SourceId, bytes: usize, events: usize, now_us: i64) {
        let mut owed = self.of(source).lock();
        let pay = |until_us: &mut i64, count: usize, per_second_max: usize| {
            if per_second_max > 0 {
                let us = (count as u64).saturating_mul(US_PER_SECOND as u64) / per_second_max as u64;
                *until_us = (*until_us).max(now_us).saturating_add(i64::try_from(us).unwrap_or(i64::MAX));
            }
        };
        pay(&mut owed.bytes_until_us, bytes, self.bytes_per_second_max);
        pay(&mut owed.events_until_us, events, self.events_per_second_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use proptest::prelude::*;

    fn rates(bytes: usize, events: usize) -> FeedRates {
        let mut ingest = Config::default().ingest;
        (ingest.bytes_per_second_max, ingest.events_per_second_max) = (bytes, events);
        FeedRates::new(&ingest)
    }

    const A: SourceId = SourceId(0);
    const B: SourceId = SourceId(1);

    #[test]
    fn a_source_pays_for_itself() {
        let rates = rates(1_000, 10);
        rates.charge(A, 3_000, 1, 0);
        let refused = TooFast {
            after_ms: 2_000,
            refusal: Refusal::FeedBytes,
        };
        assert_eq!((rates.check(A, 0), rates.check(B, 0)), (Err(refused), Ok(())));
        assert_eq!(rates.check(A, 2 * US_PER_SECOND), Ok(()));
        rates.charge(B, 1, 25, 0);
        let refused = TooFast {
            after_ms: 1_500,
            refusal: Refusal::FeedEvents,
        };
        assert_eq!(rates.check(B, 0), Err(refused));
    }

    #[test]
    fn no_limit_is_no_limit() {
        let rates = rates(0, 0);
        rates.charge(A, usize::MAX, usize::MAX, 0);
        assert_eq!(rates.check(A, 0), Ok(()));
    }

    proptest! {
        /// Over any time, no more than that time's worth, two seconds' and one body.
        #[test]
        fn the_mean_is_held(bodies in proptest::collection::vec((1..5_000usize, 0..2_000_000i64), 1..100)) {
            let rates = rates(1_000, 0);
            let (mut now_us, mut taken, mut longest) = (0, 0, 0);
            for (bytes, pause_us) in bodies {
                now_us += pause_us;
                if rates.check(A, now_us).is_ok() {
                    rates.charge(A, bytes, 1, now_us);
                    taken += bytes;
                    longest = longest.max(bytes);
                }
            }
            prop_assert!(taken as i64 <= now_us / 1_000 + 2_000 + longest as i64);
        }
    }
}
