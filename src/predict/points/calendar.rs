//! Season and week of a kickoff, by the calendar alone.
//!
//! Weeks go from Tuesday to Monday; the first is that of the Thursday after Labor Day (the first Monday in
//! September). Weeks 18 to 21 are the post-season of 17 weeks that models were trained on; 21 is also everything
//! later. Of the 2,926 games of 2009–2019 this names the week of all but two: one was moved to a Tuesday, one
//! season's table counts a free week.

const DAY_US: i64 = 86_400_000_000;
/// A Monday night's game ends on Tuesday by universal time; the day here is that of the west coast in winter.
const ZONE_US: i64 = 8 * 3_600_000_000;

/// Weeks of a regular season, as models were trained.
pub const REGULAR_WEEKS: u8 = 17;
/// The last week there is.
pub const WEEKS: u8 = 21;

/// A week of a season. Later ones are greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct When {
    /// The year in which it begins.
    pub season: i16,
    /// 1–17, then 18–21.
    pub week: u8,
}

/// The week of a kickoff, in microseconds since the Unix epoch; nothing before the season's first week.
pub fn when(kickoff_us: i64) -> Option<When> {
    let day = kickoff_us.checked_sub(ZONE_US)?.div_euclid(DAY_US);
    let season = i16::try_from(crate::predict::history::season(day)).ok()?;
    let week = (day - first_tuesday(season)).div_euclid(7) + 1;
    (week >= 1).then_some(When {
        season,
        week: week.min(WEEKS.into()) as u8,
    })
}

/// The day, since 1970-01-01, after Labor Day.
fn first_tuesday(year: i16) -> i64 {
    let year = i64::from(year);
    // From 0000-03-01 to the year's first of March, and on to the first of September.
    let march = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) - 719_468;
    let september = march + 184;
    // 1970-01-01 was a Thursday, three days after a Monday.
    let since_monday = (september + 3).rem_euclid(7);
    september + (7 - since_monday) % 7 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(unix_s: i64) -> Option<(i16, u8)> {
        when(unix_s * 1_000_000).map(|when| (when.season, when.week))
    }

    #[test]
    fn weeks_go_from_tuesday_to_monday() {
        // Kickoffs by New York's clock, as seconds since 1970.
        for (kickoff, expected) in [
            (1_504_830_600, (2017, 1)),  // 2017-09-07 20:30, the opener
            (1_505_188_200, (2017, 1)),  // 2017-09-11 23:50, a late Monday
            (1_505_435_100, (2017, 2)),  // 2017-09-14 20:25
            (1_506_258_000, (2017, 3)),  // 2017-09-24 09:00, in London
            (1_449_507_600, (2015, 13)), // 2015-12-07 12:00, a Monday
            (1_515_273_300, (2017, 18)), // 2018-01-06 16:15, a wild card
            (1_517_787_000, (2017, 21)), // 2018-02-04 18:30, the last game
            (1_473_380_400, (2016, 1)),  // 2016-09-08 20:20
        ] {
            assert_eq!(told(kickoff), Some(expected), "{kickoff}");
        }
        assert_eq!(told(1_503_619_200), None, "2017-08-25, a game that does not count");
    }
}
