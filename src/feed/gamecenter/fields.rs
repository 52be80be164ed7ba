//! Small readings of loosely typed JSON: numbers that come as text, clocks, field positions.
//!
//! Every function is total: what cannot be read is `None`, and the caller says where it stood.

use super::teams::Teams;
use crate::model::{Clock, Team};
use serde_json::Value;

/// An integer written as an integer, a float (rounded) or digits in a string.
pub(super) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(n) => n.as_i64().or_else(|| {
            let float = n.as_f64()?.round();
            (float.abs() < 1e15).then_some(float as i64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The text of a member, empty where it is missing, null or no text.
pub(super) fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or("").trim()
}

/// An integer member within a small range.
pub(super) fn small(object: &Value, key: &str, range: std::ops::RangeInclusive<i64>) -> Option<u8> {
    let value = integer(object.get(key)?)?;
    range.contains(&value).then(|| u8::try_from(value).ok()).flatten()
}

/// Seconds in a clock such as `14:57`, `9:05` or `:42`; at most a quarter of 15 minutes.
pub(super) fn seconds(clock: &str) -> Option<u16> {
    let (minutes, seconds) = clock.split_once(':')?;
    let minutes: u16 = if minutes.is_empty() { 0 } else { minutes.parse().ok()? };
    let seconds: u16 = seconds.parse().ok()?;
    let total = minutes.checked_mul(60)?.checked_add(seconds)?;
    (seconds < 60 && total <= 900).then_some(total)
}

/// A clock out of a quarter and its text.
pub(super) fn clock(quarter: Option<u8>, time: &str) -> Option<Clock> {
    Some(Clock {
        quarter: quarter?,
        seconds_left: seconds(time)?,
    })
}

/// Yards from a field position (`NE 35`, `50`, `MID 50`) to the goal the team in possession attacks.
pub(super) fn yards_to_goal(teams: &Teams, place: &str, possession: &Team) -> Option<u8> {
    let (code, yard) = place.rsplit_once(' ').unwrap_or(("", place));
    let yard: u8 = yard.trim().parse().ok().filter(|yard| *yard <= 50)?;
    if yard == 50 {
        return Some(50);
    }
    let own_half = teams.resolve(code.trim())? == *possession;
    Some(if own_half { 100 - yard } else { yard })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_come_in_many_dresses() {
        assert_eq!(integer(&json!(7)), Some(7));
        assert_eq!(integer(&json!(-3.0)), Some(-3));
        assert_eq!(integer(&json!("12")), Some(12));
        for none in [json!(null), json!(""), json!("x"), json!({}), json!(1e300)] {
            assert_eq!(integer(&none), None, "{none}");
        }
    }

    #[test]
    fn clocks_are_read_leniently_and_absurd_ones_refused() {
        assert_eq!(
            ["15:00", "09:05", "9:05", ":42", "00:00"].map(seconds),
            [900, 545, 545, 42, 0].map(Some)
        );
        assert_eq!(["", "15:01", "3:61", "ab:cd", "7"].map(seconds), [None; 5]);
    }

    #[test]
    fn a_place_is_seen_from_the_team_in_possession() {
        let team = |code| Team::new(code).unwrap();
        let teams = Teams {
            home: team("AAA"),
            away: team("JAC"),
        };
        let seen = |place, by| yards_to_goal(&teams, place, &team(by));
        assert_eq!(seen("AAA 35", "AAA"), Some(65));
        assert_eq!(seen("AAA 35", "JAC"), Some(35));
        assert_eq!(seen("JAX 1", "JAC"), Some(99));
        assert_eq!((seen("50", "AAA"), seen("MID 50", "JAC")), (Some(50), Some(50)));
        assert_eq!((seen("", "AAA"), seen("ZZZ 20", "AAA"), seen("AAA 51", "AAA")), (None, None, None));
    }
}
