//! Fantasy points as fixed-point integers.
//!
//! One [`Points`] unit is 1/10,000 point, so that 0.04 a yard, 1.5× a captain and sums of thousands
//! of plays are exact. There is no conversion from or to a float here.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

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
    }
}
