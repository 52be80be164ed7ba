//! Fantasy points as fixed-point integers.
//!
//! One [`Points`] unit is 1/10,000 point, so that 0.04 a yard, 1.5× a captain and sums of thousands
//! of plays are exact. There is no conversion from or to a float here.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, RangeInclusive, Sub, SubAssign};

/// An amount of fantasy points, in 1/10,000 point.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Points(pub i64);

impl Points {
    /// Units in one point.
    pub const SCALE: i64 = 10_000;
    /// No points.
    pub const ZERO: Points = Points(0);

    /// Appends the shortest decimal that is exactly this amount (`-2`, `23.48`, `0.0001`).
    pub fn write_json(self, out: &mut Vec<u8>) {
        let magnitude = self.0.unsigned_abs();
        if self.0 < 0 {
            out.push(b'-');
        }
        let scale = Self::SCALE.unsigned_abs();
        out.extend_from_slice(itoa::Buffer::new().format(magnitude / scale).as_bytes());
        let mut fraction = magnitude % scale;
        if fraction == 0 {
            return;
        }
        out.push(b'.');
        let mut unit = scale / 10;
        while fraction > 0 {
            out.push(b'0' + (fraction / unit) as u8);
            fraction %= unit;
            unit /= 10;
        }
    }

    /// Parses a decimal with at most four places, exactly.
    pub fn parse(text: &str) -> Option<Points> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let numeric = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || fraction.len() > 4 || !numeric(whole) || !numeric(fraction) {
            return None;
        }
        let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let padded: i64 = if fraction.is_empty() {
            0
        } else {
            format!("{fraction:0<4}").parse().ok()?
        };
        let units = whole.checked_mul(Self::SCALE)?.checked_add(padded)?;
        Some(Points(if negative { -units } else { units }))
    }
}

/// What a slot multiplies its player's points by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Multiplier(u32);

impl Multiplier {
    /// What slots multiply by unless they say otherwise.
    pub const ONE: Multiplier = Multiplier(100);
    /// Least and most that a slot multiplies by, in 1/100.
    pub const HUNDREDTHS: RangeInclusive<u32> = 1..=1000;

    /// So many hundredths, where that is within [`Multiplier::HUNDREDTHS`].
    pub fn new(hundredths: u32) -> Option<Multiplier> {
        Self::HUNDREDTHS.contains(&hundredths).then_some(Multiplier(hundredths))
    }

    /// So many times these points; where that is finer than points are, rounded, halves away from zero.
    pub fn of(self, points: Points) -> Points {
        let product = i128::from(points.0) * i128::from(self.0);
        let rounded = (product + product.signum() * 50) / 100;
        Points(rounded.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
    }

    /// In 1/100.
    pub fn in_hundredths(self) -> u32 {
        self.0
    }

    /// In 1/100; nothing for [`Multiplier::ONE`].
    pub fn hundredths(self) -> Option<u32> {
        (self != Multiplier::ONE).then_some(self.0)
    }
}

impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(16);
        self.write_json(&mut text);
        f.write_str(std::str::from_utf8(&text).expect("digits are ASCII"))
    }
}

impl fmt::Debug for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Add for Points {
    type Output = Points;
    fn add(self, other: Points) -> Points {
        Points(self.0 + other.0)
    }
}

impl Sub for Points {
    type Output = Points;
    fn sub(self, other: Points) -> Points {
        Points(self.0 - other.0)
    }
}

impl Neg for Points {
    type Output = Points;
    fn neg(self) -> Points {
        Points(-self.0)
    }
}

impl AddAssign for Points {
    fn add_assign(&mut self, other: Points) {
        self.0 += other.0;
    }
}

impl SubAssign for Points {
    fn sub_assign(&mut self, other: Points) {
        self.0 -= other.0;
    }
}

impl Sum for Points {
    fn sum<I: Iterator<Item = Points>>(iter: I) -> Points {
        Points(iter.map(|p| p.0).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prints_the_shortest_exact_decimal() {
        for (units, text) in [
            (0, "0"),
            (234_800, "23.48"),
            (-20_000, "-2"),
            (1, "0.0001"),
            (-9_600, "-0.96"),
            (100_500, "10.05"),
        ] {
            assert_eq!(Points(units).to_string(), text);
        }
    }

    #[test]
    fn refuses_what_is_not_exact() {
        for bad in ["", ".", "1.00001", "1e3", "a", "--1", "1.2.3", "99999999999999999999"] {
            assert_eq!(Points::parse(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_parses_back(units in -1_000_000_000_000i64..1_000_000_000_000) {
            prop_assert_eq!(Points::parse(&Points(units).to_string()), Some(Points(units)));
        }

        #[test]
        fn multiplying_is_exact_to_the_unit(units in -1_000_000_000i64..1_000_000_000, hundredths in Multiplier::HUNDREDTHS) {
            let got = Multiplier(hundredths).of(Points(units)).0;
            // No nearer unit, and of two as near the one further from zero.
            let error = i128::from(got) * 100 - i128::from(units) * i128::from(hundredths);
            prop_assert!(error.abs() <= 50);
            if error.abs() == 50 {
                prop_assert_eq!(error.signum(), i128::from(units.signum()));
            }
            prop_assert_eq!(Multiplier::ONE.of(Points(units)), Points(units));
        }
    }
}
