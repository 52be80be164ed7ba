//! What a contest and its entries show at one moment: what `contest:` and `entry:` topics tell.
//!
//! Plain data, no floats: money is whole cents, a share of entries whole hundredths of a percent, a chance whole
//! millionths. Bounded by who makes it: a few leaders, a cut for each prize tier, as many steps as a curve has.

use super::{FeedTime, IngestTime, Points};
use std::sync::Arc;

/// An amount of money, in 1/100 of the contest's currency.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Cents(pub i64);

/// A chance in millionths: 0 (never) to 1,000,000 (certain).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Chance(pub u32);

/// When what is shown last moved: the newest event that moved it, or that it was posted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MovedAt {
    /// The feed's own time, where it gave one.
    pub feed_ts: Option<FeedTime>,
    /// Ours.
    pub ingest: IngestTime,
}

/// What a `contest:` topic shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContestNow {
    /// The best entries, best first.
    pub leaders: Box<[Leader]>,
    /// Of each prize tier its last place.
    pub cuts: Box<[Cut]>,
    /// The points of the last paid place; nothing where no place is paid.
    pub money_line: Option<Points>,
    /// How the entries are spread.
    pub distribution: Distribution,
    /// When the entries' odds were drawn, in microseconds since the Unix epoch; nothing before they were.
    pub odds_at: Option<i64>,
    /// When it last moved.
    pub moved_at: MovedAt,
}

/// An entry among the best.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leader {
    /// Its id.
    pub entry: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Its points.
    pub points: Points,
    /// Its rank, from 1.
    pub rank: u32,
    /// What it is paid as things stand.
    pub payout: Cents,
}

/// The last place of a prize tier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cut {
    /// The place.
    pub place: u32,
    /// What it is paid.
    pub payout: Cents,
    /// The points that hold it now.
    pub points: Points,
}

/// How many entries have how many points.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Distribution {
    /// The least points of the first step.
    pub from: Points,
    /// How many points a step spans.
    pub step: Points,
    /// Entries of each step.
    pub counts: Box<[u32]>,
}

/// What an `entry:` topic shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EntryNow {
    /// Its points.
    pub points: Points,
    /// Its rank, from 1; entries with as many points share it.
    pub rank: u32,
    /// How many share it, this one included.
    pub tied: u32,
    /// How many of 100 entries have fewer points, in hundredths, rounded down.
    pub percentile: u32,
    /// What it is paid as things stand.
    pub payout: Cents,
    /// How far it is above the last paid place (below: less than 0); nothing where no place is paid.
    pub to_money: Option<Points>,
    /// Players whose games are not over.
    pub players_left: u32,
    /// What it has from each of its slots, in the entry's order.
    pub slots: Box<[Points]>,
    /// What is likely to become of it; nothing before that was drawn.
    pub odds: Option<EntryOdds>,
    /// When it last moved.
    pub moved_at: MovedAt,
}

/// What is likely to become of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EntryOdds {
    /// As of when it was drawn, in microseconds since the Unix epoch.
    pub at_us: i64,
    /// How often the rest was drawn.
    pub draws: u32,
    /// That it is first.
    pub win: Chance,
    /// That it is paid.
    pub cash: Chance,
    /// That it is among the best hundredth.
    pub top1: Chance,
    /// What it is paid in the mean.
    pub expected: Cents,
}

impl Cents {
    /// Appends the decimal with two places: `25.00`.
    pub fn write_json(self, out: &mut Vec<u8>) {
        write_decimal(self.0, 100, out);
    }
}

impl Chance {
    /// Of what is certain.
    pub const SCALE: u32 = 1_000_000;

    /// `count` of `of` draws; the nearest millionth.
    pub fn of(count: u32, of: u32) -> Chance {
        let scaled = u64::from(count) * u64::from(Chance::SCALE) + u64::from(of) / 2;
        Chance(
            u32::try_from(scaled / u64::from(of.max(1)))
                .unwrap_or(Chance::SCALE)
                .min(Chance::SCALE),
        )
    }

    /// Appends the decimal with six places: `0.410000`.
    pub fn write_json(self, out: &mut Vec<u8>) {
        write_decimal(self.0.into(), Chance::SCALE.into(), out);
    }
}

/// Appends `value` of `scale`, a power of ten, with all its places.
pub fn write_decimal(value: i64, scale: u64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    let magnitude = value.unsigned_abs();
    out.extend_from_slice(itoa::Buffer::new().format(magnitude / scale).as_bytes());
    out.push(b'.');
    let (mut fraction, mut unit) = (magnitude % scale, scale / 10);
    while unit > 0 {
        out.push(b'0' + (fraction / unit) as u8);
        fraction %= unit;
        unit /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_and_chances_are_written_whole() {
        let text = |write: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            write(&mut out);
            String::from_utf8(out).unwrap()
        };
        for (cents, expected) in [(0, "0.00"), (2_500, "25.00"), (-5, "-0.05"), (10_000_001, "100000.01")] {
            assert_eq!(text(&|out| Cents(cents).write_json(out)), expected);
        }
        for (chance, expected) in [
            (Chance::of(1, 3), "0.333333"),
            (Chance::of(10_000, 10_000), "1.000000"),
            (Chance::of(0, 0), "0.000000"),
        ] {
            assert_eq!(text(&|out| chance.write_json(out)), expected);
        }
    }
}
