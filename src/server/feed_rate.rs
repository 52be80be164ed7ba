//! How much a feed may send: bytes and events a second, each key by itself.
//!
//! What came is charged for, whatever becomes of it. Who owes more than a second's worth is refused until it
//! is paid off, and not charged for that. So a body is whole or refused, however long, however many come at
//! once, and the mean is held. Bounded: two numbers for each key of `auth.keys`, for the tokens of each
//! source, and for all who need neither.

use crate::config::Config;
use crate::model::{SOURCES_MAX, SourceId};
use crate::telemetry::Refusal;
use parking_lot::Mutex;

const US_PER_SECOND: i64 = 1_000_000;

/// Whose rate it is that something counts towards.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Payer {
    /// All those who may feed without a key or token.
    Anybody,
    /// The tokens of a source: there may be any number of them, each for a while.
    Tokens(SourceId),
    /// A key, by its place in `auth.keys`.
    Key(usize),
}

impl Payer {
    /// Its place: keys come last, as there may be any number of them.
    fn place(self) -> usize {
        match self {
            Payer::Anybody => 0,
            Payer::Tokens(source) => 1 + source.index(),
            Payer::Key(place) => 1 + SOURCES_MAX + place,
        }
    }
}

/// What somebody owes, by when it will be paid off, in microseconds.
#[derive(Clone, Copy, Default, Debug)]
struct Owed {
    bytes_until_us: i64,
    events_until_us: i64,
}

impl Owed {
    fn check(self, now_us: i64) -> Result<(), TooFast> {
        for (until_us, refusal) in [
            (self.bytes_until_us, Refusal::FeedBytes),
            (self.events_until_us, Refusal::FeedEvents),
        ] {
            let wait_us = until_us - now_us - US_PER_SECOND;
            if wait_us > 0 {
                let after_ms = (wait_us as u64).div_ceil(1000);
                return Err(TooFast { after_ms, refusal });
            }
        }
        Ok(())
    }
}

/// A feed has sent more than it may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TooFast {
    /// When more is taken, in milliseconds from now.
    pub(super) after_ms: u64,
    /// Which limit it is.
    pub(super) refusal: Refusal,
}

/// What each has sent lately. `now_us`: by the clock that nobody sets.
#[derive(Debug)]
pub struct FeedRates {
    bytes_per_second_max: usize,
    events_per_second_max: usize,
    owed: Vec<Mutex<Owed>>,
}

impl FeedRates {
    /// Nothing sent yet.
    pub fn new(config: &Config) -> FeedRates {
        let payers = 1 + SOURCES_MAX + config.auth.keys.len();
        FeedRates {
            bytes_per_second_max: config.ingest.bytes_per_second_max,
            events_per_second_max: config.ingest.events_per_second_max,
            owed: (0..payers).map(|_| Mutex::default()).collect(),
        }
    }

    /// Whether somebody may send now. Others of its bodies may be under way: [`FeedRates::take`] decides.
    ///
    /// # Errors
    /// It owes more than a second's worth.
    pub(super) fn check(&self, payer: Payer, now_us: i64) -> Result<(), TooFast> {
        self.owed[payer.place()].lock().check(now_us)
    }

    /// Takes a body of so many bytes and lines, and charges for it; or neither.
    ///
    /// # Errors
    /// Who sent it owes more than a second's worth.
    pub(super) fn take(&self, payer: Payer, bytes: usize, events: usize, now_us: i64) -> Result<(), TooFast> {
        let mut owed = self.owed[payer.place()].lock();
        owed.check(now_us)?;
        self.pay(&mut owed, bytes, events, now_us);
        Ok(())
    }

    /// Charges for bytes that came and were no body.
    pub(super) fn charge(&self, payer: Payer, bytes: usize, now_us: i64) {
        self.pay(&mut self.owed[payer.place()].lock(), bytes, 0, now_us);
    }

    fn pay(&self, owed: &mut Owed, bytes: usize, events: usize, now_us: i64) {
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
    use proptest::prelude::*;

    fn rates(bytes: usize, events: usize) -> FeedRates {
        let mut config = Config::default();
        (config.ingest.bytes_per_second_max, config.ingest.events_per_second_max) = (bytes, events);
        let key = |place: u8| crate::config::ApiKey {
            name: place.to_string(),
            hash: crate::config::KeyHash([place; 32]),
            scope: vec![crate::config::Scope::Feed],
            source: None,
        };
        config.auth.keys = (0..2).map(key).collect();
        FeedRates::new(&config)
    }

    const A: Payer = Payer::Key(0);
    const B: Payer = Payer::Key(1);

    #[test]
    fn each_pays_for_itself() {
        let rates = rates(1_000, 10);
        assert_eq!(rates.take(A, 3_000, 1, 0), Ok(()));
        let refused = TooFast {
            after_ms: 2_000,
            refusal: Refusal::FeedBytes,
        };
        assert_eq!(rates.check(A, 0), Err(refused));
        assert_eq!(rates.take(A, 1, 1, 0), Err(refused));
        assert_eq!(rates.check(A, 2 * US_PER_SECOND), Ok(()), "what was refused costs nothing");
        let sources = (0..=SOURCES_MAX).map(|rank| Payer::Tokens(SourceId(rank as u8)));
        for other in sources.chain([B, Payer::Anybody]) {
            assert_eq!(rates.check(other, 0), Ok(()), "{other:?}");
        }
        assert_eq!(rates.take(B, 1, 25, 0), Ok(()));
        let refused = TooFast {
            after_ms: 1_500,
            refusal: Refusal::FeedEvents,
        };
        assert_eq!(rates.check(B, 0), Err(refused));
    }

    #[test]
    fn what_was_no_body_is_charged_for_too() {
        let rates = rates(1_000, 10);
        rates.charge(A, 3_000, 0);
        assert_eq!(rates.take(A, 1, 1, US_PER_SECOND).map_err(|too_fast| too_fast.after_ms), Err(1_000));
    }

    #[test]
    fn no_limit_is_no_limit() {
        let rates = rates(0, 0);
        assert_eq!(rates.take(A, usize::MAX, usize::MAX, 0), Ok(()));
        assert_eq!(rates.check(A, 0), Ok(()));
    }

    proptest! {
        /// Over any time, no more than that time's worth, a second's and one body.
        #[test]
        fn the_mean_is_held(bodies in proptest::collection::vec((1..5_000usize, 0..2_000_000i64), 1..100)) {
            let rates = rates(1_000, 0);
            let (mut now_us, mut taken, mut longest) = (0, 0, 0);
            for (bytes, pause_us) in bodies {
                now_us += pause_us;
                if rates.take(A, bytes, 1, now_us).is_ok() {
                    taken += bytes;
                    longest = longest.max(bytes);
                }
            }
            prop_assert!(taken as i64 <= now_us / 1_000 + 1_000 + longest as i64);
        }
    }
}
