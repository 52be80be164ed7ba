//! What teams did in earlier games: decayed sums of their calls, and a rating from results.
//!
//! A team's past is a [`Tally`] whose every number loses weight with each game and each new season, as
//! `training/` has it, so it is as large after ten seasons as after ten games. It begins with what ships beside
//! the models and goes on with the games that this server sees end. A team that moved, or is spelt in two ways, is
//! one club. Bounded by [`TEAMS_MAX`].

use super::points::past::club;
use crate::model::{Side, Team};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::collections::HashMap;
use std::io;
use std::path::Path;

/// Most teams of which a past is kept; a game of others leaves none.
pub const TEAMS_MAX: usize = 1_024;

const GAME_KEEPS: f64 = 0.88;
const SEASON_KEEPS: f64 = 0.6;
/// How much of an unexpected margin of victory goes into both teams' ratings.
const RATING_GAIN: f64 = 0.07;
const RATING_SEASON_KEEPS: f64 = 0.7;
/// What playing at home is worth.
pub(super) const HOME_POINTS: f64 = 2.4;
const MARGIN_MAX: i32 = 24;
const DAY_US: i64 = 86_400_000_000;

macro_rules! tally {
    ($($(#[$about:meta])* $name:ident),* $(,)?) => {
        /// Sums over a team's calls. `residual`: dropbacks above expectation.
        #[derive(Clone, Copy, PartialEq, Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Tally { $($(#[$about])* pub $name: f64),* }

        impl Tally {
            /// Every sum times `by`, plus the other's.
            fn scaled_plus(&self, by: f64, other: &Tally) -> Tally {
                Tally { $($name: self.$name * by + other.$name),* }
            }
        }
    };
}

tally! {
    /// Runs and dropbacks.
    calls,
    /// Dropbacks above expectation.
    residual,
    /// Calls whose formation is known.
    formed,
    /// Of these, from the shotgun.
    shotgun,
    /// Of these, without a huddle.
    no_huddle,
    /// From the shotgun, above what is expected of the formation.
    shotgun_residual,
    /// The same from under the centre.
    under_center_residual,
    /// On first down.
    first,
    /// On first down.
    first_residual,
    /// On second down.
    second,
    /// On second down.
    second_residual,
    /// On third and fourth down.
    late,
    /// On third and fourth down.
    late_residual,
    /// With two yards to go at most.
    short,
    /// With two yards to go at most.
    short_residual,
    /// Runs.
    runs,
    /// Yards of runs.
    run_yards,
    /// Runs that gained enough.
    run_successes,
    /// Dropbacks.
    passes,
    /// Yards of dropbacks.
    pass_yards,
    /// Dropbacks that gained enough.
    pass_successes,
    /// The other team's calls.
    faced,
    /// The other team's dropbacks above expectation.
    faced_residual,
    /// The other team's yards.
    faced_yards,
}

/// One team's past.
#[derive(Clone, Copy, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Past {
    season: i64,
    /// Points by which it would beat an average team on neutral ground.
    pub rating: f64,
    /// What it called.
    pub tally: Tally,
}

impl Past {
    /// The same at the beginning of a game of that season.
    fn as_of(&self, season: i64) -> Past {
        let gone = i32::try_from((season - self.season).max(0)).unwrap_or(i32::MAX);
        Past {
            season: self.season.max(season),
            rating: self.rating * RATING_SEASON_KEEPS.powi(gone),
            tally: self.tally.scaled_plus(SEASON_KEEPS.powi(gone), &Tally::default()),
        }
    }
}

/// A history as of one day, as it ships.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct AsOf {
    through_day: i64,
    #[serde(deserialize_with = "by_club")]
    teams: HashMap<Team, Past>,
}

/// Pasts by club, whichever of its letters a file has them under.
fn by_club<'de, D: Deserializer<'de>>(file: D) -> Result<HashMap<Team, Past>, D::Error> {
    let mut pasts = Vec::new();
    for (letters, past) in HashMap::<String, Past>::deserialize(file)? {
        let team = Team::new(&letters).ok_or_else(|| D::Error::custom(format!("{letters:?} is no team")))?;
        pasts.push((team, past));
    }
    // Under both its letters a club has its later season's, and of the same season that under those of now.
    pasts.sort_by_key(|(team, past)| (past.season, club(team) == *team));
    Ok(pasts.into_iter().map(|(team, past)| (club(&team), past)).collect())
}

/// All teams' pasts: those that ship, and what came after.
#[derive(Clone, Default)]
pub struct History {
    shipped: Vec<AsOf>,
    /// Of clubs of which a game was seen to its end.
    seen: HashMap<Team, Seen>,
}

/// A club's games that were seen, by the day of the last.
#[derive(Clone)]
struct Seen {
    last: (i64, Past),
    /// The same without that game.
    before: Option<(i64, Past)>,
    /// Whether that game goes on after all: it does not count, then.
    is_open: bool,
}

impl Seen {
    fn known(&self) -> Option<&(i64, Past)> {
        if self.is_open { self.before.as_ref() } else { Some(&self.last) }
    }
}

impl History {
    /// Reads `history.json`: pasts as of several days, the earliest first.
    ///
    /// # Errors
    /// A file that cannot be read, or that is none.
    pub fn load(path: &Path) -> io::Result<History> {
        History::read(&std::fs::read(path)?)
    }

    /// The one that ships with the models of this version.
    pub fn shipped() -> History {
        History::read(include_bytes!("../../config/models/history.json")).expect("a test reads it")
    }

    fn read(bytes: &[u8]) -> io::Result<History> {
        let shipped = serde_json::from_slice(bytes);
        let shipped: Vec<AsOf> = shipped.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
        Ok(History {
            shipped,
            seen: HashMap::new(),
        })
    }

    /// What a team brings into a game that kicks off then; nothing where nothing is known of it, or not when.
    pub fn before(&self, team: &Team, kickoff_us: Option<i64>) -> Past {
        let Some(day) = kickoff_us.map(|us| us.div_euclid(DAY_US)) else {
            return Past::default();
        };
        let club = club(team);
        let shipped = self.shipped.iter().rev().find(|history| history.through_day < day);
        let shipped = shipped.and_then(|history| Some((history.through_day, history.teams.get(&club)?)));
        let seen = self
            .seen
            .get(&club)
            .and_then(Seen::known)
            .filter(|(through, _)| *through < day)
            .map(|(through, past)| (*through, past));
        let latest = [shipped, seen].into_iter().flatten().max_by_key(|(through, _)| *through);
        latest.map_or_else(Past::default, |(_, past)| past.as_of(season(day)))
    }

    /// A game is over. `sides`: the teams, home first, with what each of them called.
    pub fn take(&mut self, kickoff_us: i64, sides: [(&Team, Tally); 2], score: [u16; 2]) {
        let day = kickoff_us.div_euclid(DAY_US);
        let pasts = sides.map(|(team, _)| self.before(team, Some(kickoff_us)).as_of(season(day)));
        let margin = (i32::from(score[0]) - i32::from(score[1])).clamp(-MARGIN_MAX, MARGIN_MAX);
        let expected = pasts[0].rating - pasts[1].rating + HOME_POINTS;
        let surprise = RATING_GAIN * (f64::from(margin) - expected);
        for (side, (team, tally)) in [Side::Home, Side::Away].into_iter().zip(sides) {
            let club = club(team);
            let known = self.seen.get(&club);
            // A game that ends after a later one of the team was over comes too late, and one told again is known: the
            // nights between what ships and it are in what is known, and not in what was before it.
            if known.is_some_and(|seen| seen.last.0 > day || (seen.last.0 == day && !seen.is_open))
                || (known.is_none() && self.seen.len() >= TEAMS_MAX)
            {
                continue;
            }
            let before = known.and_then(Seen::known).copied();
            let mut past = pasts[side.index()];
            past.rating += if side == Side::Home { surprise } else { -surprise };
            past.tally = past.tally.scaled_plus(GAME_KEEPS, &tally);
            let seen = Seen {
                last: (day, past),
                before,
                is_open: false,
            };
            self.seen.insert(club, seen);
        }
    }

    /// A game that was over goes on: until it is taken again it is in neither team's past. False, and nothing changes,
    /// where it is not the last game that was seen of both.
    pub fn take_back(&mut self, kickoff_us: i64, teams: [&Team; 2]) -> bool {
        let day = kickoff_us.div_euclid(DAY_US);
        let clubs = teams.map(club);
        let is_last = |club| self.seen.get(club).is_some_and(|seen| seen.last.0 == day);
        if !clubs.iter().all(is_last) {
            return false;
        }
        for club in clubs {
            self.seen.entry(club).and_modify(|seen| seen.is_open = true);
        }
        true
    }
}

/// The season of a day since 1970-01-01: the year of the day 59 days before it, so that one begins in March.
pub(super) fn season(day: i64) -> i64 {
    // Days since 0000-03-01, in cycles of 400 years, by the civil calendar.
    let since = day - 59 + 719_468;
    let (era, of_era) = (since.div_euclid(146_097), since.rem_euclid(146_097));
    let of_era_years = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * of_era_years + of_era_years / 4 - of_era_years / 100);
    // That calendar's years begin in March: its January and February are the next year's.
    era * 400 + of_era_years + i64::from(of_year >= 306)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_club_that_moved_or_is_spelt_in_two_ways_keeps_its_past() {
        let team = |letters| Team::new(letters).unwrap();
        let called = |calls| Tally { calls, ..Tally::default() };
        let (kickoff, later) = (17_400 * DAY_US, Some(17_407 * DAY_US));
        let mut history = History::default();
        history.take(kickoff, [(&team("SD"), called(60.0)), (&team("JAC"), called(50.0))], [20, 17]);
        for (before, now, calls) in [("SD", "LAC", 60.0), ("JAC", "JAX", 50.0)] {
            assert_eq!(history.before(&team(before), later), history.before(&team(now), later));
            assert_eq!(history.before(&team(now), later).tally.calls, calls);
        }
        let shipped = History::shipped();
        for (before, now) in [("JAC", "JAX"), ("STL", "LA"), ("SD", "LAC"), ("OAK", "LV")] {
            let [before, now] = [before, now].map(|letters| shipped.before(&team(letters), Some(18_000 * DAY_US)));
            assert_eq!(before, now);
            assert!(now.tally.calls > 0.0);
        }
    }

    #[test]
    fn a_file_of_older_letters_is_read_as_the_clubs_they_are_now() {
        let shipped: serde_json::Value = serde_json::from_slice(include_bytes!("../../config/models/history.json")).unwrap();
        let tally = &shipped[0]["teams"]["NE"]["tally"];
        let past = |season: i64, rating: f64| serde_json::json!({ "season": season, "rating": rating, "tally": tally });
        let read = |teams| {
            History::read(
                serde_json::json!([{ "through_day": 17_000, "teams": teams }])
                    .to_string()
                    .as_bytes(),
            )
        };
        let teams = serde_json::json!({
            "SD": past(2016, 1.0),
            "STL": past(2015, 2.0),
            "LA": past(2016, 3.0),
            "JAC": past(2016, 4.0),
            "JAX": past(2016, 5.0),
            "NE": past(2016, 6.0),
        });
        let history = read(teams).unwrap();
        let rating = |letters| history.before(&Team::new(letters).unwrap(), Some(17_100 * DAY_US)).rating;
        for (letters, expected) in [("SD", 1.0), ("LAC", 1.0), ("LA", 3.0), ("STL", 3.0), ("JAX", 5.0), ("NE", 6.0)] {
            assert_eq!(rating(letters), expected, "{letters}");
        }
        assert!(read(serde_json::json!({ "no team": past(2016, 1.0) })).is_err());
    }

    #[test]
    fn a_game_told_again_or_too_late_changes_nothing() {
        let [home, away] = ["AAA", "BBB"].map(|letters| Team::new(letters).unwrap());
        let called = |calls| Tally { calls, ..Tally::default() };
        let mut history = History::default();
        let mut take = |day, calls| {
            history.take(day * DAY_US, [(&home, called(calls)), (&away, called(calls))], [20, 17]);
            history.before(&home, Some(20_100 * DAY_US))
        };
        take(20_000, 60.0);
        let both = take(20_007, 50.0);
        assert_eq!(both.tally.calls, 60.0 * GAME_KEEPS + 50.0);
        assert_eq!(take(20_007, 50.0), both, "told again");
        assert_eq!(take(20_000, 60.0), both, "too late");
    }

    #[test]
    fn a_game_that_goes_on_after_its_end_is_in_no_past_until_it_ends_again() {
        let [home, away] = ["AAA", "BBB"].map(|letters| Team::new(letters).unwrap());
        let called = |calls| Tally { calls, ..Tally::default() };
        let day = |day: i64| day * DAY_US;
        let take = |history: &mut History, on, calls| history.take(day(on), [(&home, called(calls)), (&away, called(calls))], [20, 17]);
        let calls = |history: &History| history.before(&home, Some(day(20_100))).tally.calls;
        let mut history = History::default();
        assert!(!history.take_back(day(20_000), [&home, &away]), "nobody has seen it");
        take(&mut history, 20_000, 60.0);
        take(&mut history, 20_007, 50.0);
        assert!(!history.take_back(day(20_000), [&home, &away]), "there was a later one");
        for again in [40.0, 30.0] {
            assert!(history.take_back(day(20_007), [&home, &away]));
            assert_eq!(calls(&history), 60.0);
            take(&mut history, 20_007, again);
            assert_eq!(calls(&history), 60.0 * GAME_KEEPS + again);
        }
        // One that never ends again is not in the past of the next.
        assert!(history.take_back(day(20_007), [&home, &away]));
        take(&mut history, 20_014, 10.0);
        assert_eq!(calls(&history), 60.0 * GAME_KEEPS + 10.0);
        take(&mut history, 20_007, 50.0);
        assert_eq!(calls(&history), 60.0 * GAME_KEEPS + 10.0, "too late");
    }

    #[test]
    fn a_season_begins_in_march() {
        // 2016-02-28, 2016-02-29, 2016-03-01; 2017-02-28, 2017-03-01; the epoch.
        assert_eq!(
            [16_859, 16_860, 16_861, 17_225, 17_226, 0].map(season),
            [2015, 2016, 2016, 2016, 2017, 1969]
        );
    }
}
