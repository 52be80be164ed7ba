//! What places are paid: a checked table, and the exact share of a tie.
//!
//! Owns money, which is whole cents, and what makes a table one. Never sees an entry. Bounded by [`TIERS_MAX`],
//! [`PLACES_MAX`] and [`CENTS_MAX`], so that no sum overflows.

use std::fmt;

/// Most tiers of a table.
pub const TIERS_MAX: usize = 10_000;
/// Most places that a table pays.
pub const PLACES_MAX: u32 = 10_000_000;
/// Most that one place is paid: a billion of the currency.
pub const CENTS_MAX: i64 = 100_000_000_000;
const CENTS_IN_ONE: i64 = 100;

// The whole of a table is a number.
const _: () = assert!(PLACES_MAX as i64 <= i64::MAX / CENTS_MAX);

/// An amount of money, in 1/100 of the contest's currency.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Cents(pub i64);

impl Cents {
    /// Nothing.
    pub const ZERO: Cents = Cents(0);

    /// Reads a decimal with at most two places, exactly.
    pub fn parse(text: &str) -> Option<Cents> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let numeric = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || whole.len() > 15 || fraction.len() > 2 || !numeric(whole) || !numeric(fraction) {
            return None;
        }
        let padded: i64 = format!("{fraction:0<2}").parse().ok()?;
        let cents = whole.parse::<i64>().ok()? * CENTS_IN_ONE + padded;
        Some(Cents(if negative { -cents } else { cents }))
    }
}

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let cents = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", cents / 100, cents % 100)
    }
}

/// Places that are paid the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tier {
    /// Its first place; the best is 1.
    pub first: u32,
    /// Its last place.
    pub last: u32,
    /// What each of them is paid.
    pub each: Cents,
}

/// What all the places are paid: from 1 on without a gap, never more than the place before.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Payouts {
    tiers: Box<[Tier]>,
    /// By tier: what the places before it are paid together.
    before: Box<[i64]>,
}

/// Why a table is none: which of its rows, and what is wrong.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("payouts: {0}")]
pub struct BadPayouts(pub(super) String);

/// What a group of entries that share a rank is paid. Nothing is lost: `each * tied + rest == sum`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Share {
    /// What their places are paid together. An entry's exact share is `sum / tied`.
    pub sum: Cents,
    /// How many share it.
    pub tied: u32,
    /// What each gets in whole cents.
    pub each: Cents,
    /// The cents that cannot be split evenly; fewer than `tied`.
    pub rest: Cents,
}

impl Payouts {
    /// The table of those tiers. None is a contest that pays nothing.
    ///
    /// # Errors
    /// [`BadPayouts`], with the row: a gap, an overlap, an amount that grows, is not positive or too much.
    pub fn new(tiers: Vec<Tier>) -> Result<Payouts, BadPayouts> {
        if tiers.len() > TIERS_MAX {
            return Err(BadPayouts(format!("{} rows; at most {TIERS_MAX}", tiers.len())));
        }
        let mut before = Vec::with_capacity(tiers.len());
        let (mut last, mut each, mut sum) = (0, Cents(CENTS_MAX), 0i64);
        for (row, tier) in tiers.iter().enumerate() {
            check(tier, last, each)
                .map_err(|what| BadPayouts(format!("row {} (places {} to {}): {what}", row + 1, tier.first, tier.last)))?;
            before.push(sum);
            sum += tier.each.0 * i64::from(tier.last - tier.first + 1);
            (last, each) = (tier.last, tier.each);
        }
        Ok(Payouts {
            tiers: tiers.into_boxed_slice(),
            before: before.into_boxed_slice(),
        })
    }

    /// Reads the short form: `1:100000,2-10:500.50,11-100:20`.
    ///
    /// # Errors
    /// [`BadPayouts`], with the part that cannot be read, and as [`Payouts::new`] says.
    pub fn parse(text: &str) -> Result<Payouts, BadPayouts> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let mut tiers = Vec::new();
        for part in parts.take(TIERS_MAX + 1) {
            let tier = short(part).ok_or_else(|| {
                let part: String = part.chars().take(40).collect();
                BadPayouts(format!(
                    "`{part}` must be a place or places and an amount, such as 1:1000 or 2-10:50.25"
                ))
            })?;
            tiers.push(tier);
        }
        Payouts::new(tiers)
    }

    /// Its tiers, best first.
    pub fn tiers(&self) -> &[Tier] {
        &self.tiers
    }

    /// The last place that is paid; 0 where none is.
    pub fn places(&self) -> u32 {
        self.tiers.last().map_or(0, |tier| tier.last)
    }

    /// What the first `places` are paid together.
    pub fn sum_to(&self, places: u32) -> Cents {
        let at = self.tiers.partition_point(|tier| tier.first <= places);
        let Some(tier) = at.checked_sub(1).map(|at| &self.tiers[at]) else {
            return Cents::ZERO;
        };
        let paid = places.min(tier.last) - tier.first + 1;
        Cents(self.before[at - 1] + tier.each.0 * i64::from(paid))
    }

    /// What the `tied` entries that share rank `rank` are paid.
    pub fn share(&self, rank: u32, tied: u32) -> Share {
        if rank > self.places() || tied == 0 {
            return Share { tied, ..Share::default() };
        }
        let sum = self.sum_to(rank + tied - 1).0 - self.sum_to(rank - 1).0;
        Share {
            sum: Cents(sum),
            tied,
            each: Cents(sum / i64::from(tied)),
            rest: Cents(sum % i64::from(tied)),
        }
    }

    /// What it takes in memory.
    pub fn heap_bytes(&self) -> usize {
        self.tiers.len() * (size_of::<Tier>() + size_of::<i64>())
    }
}

fn check(tier: &Tier, last: u32, each: Cents) -> Result<(), String> {
    match tier {
        Tier { first, last, .. } if last < first => Err("ends before it begins".to_owned()),
        Tier { first, .. } if u64::from(*first) > u64::from(last) + 1 => {
            let missing = if *first == last + 2 {
                format!("place {}", last + 1)
            } else {
                format!("places {} to {}", last + 1, first - 1)
            };
            Err(format!("nothing is said of {missing}"))
        }
        Tier { first, .. } if *first <= last => Err(format!("place {} is paid already", (*first).max(1).min(last.max(1)))),
        Tier { last, .. } if *last > PLACES_MAX => Err(format!("at most {PLACES_MAX} places are paid")),
        Tier { each, .. } if each.0 < 0 => Err(format!("pays {each}: no place costs money")),
        Tier { each, .. } if each.0 == 0 => Err("pays nothing: leave it out".to_owned()),
        Tier { each, .. } if each.0 > CENTS_MAX => Err(format!("pays {each}; at most {}", Cents(CENTS_MAX))),
        Tier { each: worse, .. } if *worse > each => Err(format!("pays {worse}, more than the places before it, {each}")),
        _ => Ok(()),
    }
}

fn short(part: &str) -> Option<Tier> {
    let (places, amount) = part.split_once(':')?;
    let (first, last) = places.split_once('-').unwrap_or((places, places));
    Some(Tier {
        first: first.trim().parse().ok()?,
        last: last.trim().parse().ok()?,
        each: Cents::parse(amount.trim())?,
    })
}
