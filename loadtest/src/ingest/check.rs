//! Whether the totals of a season came out right, asked once the clock stands.
//!
//! Every game is asked for over plain HTTP, one after the other over one kept connection; the games of the
//! sample are compared as watched, too. Bounded: one answer at a time, and [`TIME_MAX`] for all of them.

use super::season::{BoxScore, Game, Season};
use super::watcher;
use super::{RULESET, fault, seconds};
use crate::post::Http;
use crate::rules::Rules;
use crate::shape::RunReport;
use crate::target::Target;
use crate::{clock, interrupt};
use std::collections::HashMap;
use std::io::Write as _;
use std::time::Duration;

/// For all games together; some 3,000 take seconds.
const TIME_MAX: Duration = Duration::from_secs(300);

/// Time between lines that say how far it is.
const LINE_EVERY: Duration = Duration::from_secs(2);

/// Points in 1/10,000 by player.
type Points = HashMap<String, i64>;

/// Compares the totals of every game, and those `watched` by topic, with those worked out here; what differs is a fault.
pub(super) fn check(report: &mut RunReport, target: &Target, season: &Season, watched: &HashMap<String, Points>) {
    let mut http = Http::new(target);
    let games: Vec<Game> = season.games().collect();
    let began_ns = clock::monotonic_ns();
    let (mut next_line, mut totals) = (LINE_EVERY, 0);
    let mut checked = 0;
    for &game in &games {
        let taken = Duration::from_nanos(clock::monotonic_ns() - began_ns);
        let ended = interrupt::asked().then(|| "before somebody interrupted".to_owned());
        if let Some(when) = ended.or_else(|| (taken >= TIME_MAX).then(|| format!("within {TIME_MAX:?}"))) {
            fault(report, format!("the totals of {checked} of {} games came {when}", games.len()));
            break;
        }
        if taken >= next_line {
            next_line = taken + LINE_EVERY;
            // Progress is a courtesy: where standard error is closed, the run goes on.
            drop(writeln!(std::io::stderr(), "ingest: totals of {checked} of {} games", games.len()));
        }
        let id = season.id(game);
        let right = season.totals(game);
        match http.get(&format!("/v1/games/{id}/players?ruleset={RULESET}")) {
            Ok(told) => compare(&right, &watcher::points_of(&told).collect(), "told")
                .into_iter()
                .for_each(|what| fault(report, format!("{id} {what}"))),
            Err(error) => fault(report, format!("{error:#}")),
        }
        if let Some(watched) = watched.get(&format!("game:{id}")) {
            compare(&right, watched, "watched")
                .into_iter()
                .for_each(|what| fault(report, format!("{id} {what}")));
        }
        totals += right.len();
        checked += 1;
    }
    let taken_s = seconds(clock::monotonic_ns() - began_ns);
    let figures = [
        ("games_checked", checked as f64),
        ("games_watched_in_full", watched.len() as f64),
        ("totals_checked", totals as f64),
        ("check_s", taken_s),
    ];
    report.extra.extend(figures.map(|(name, figure)| (name.to_owned(), figure)));
    if totals == 0 {
        fault(report, "no totals were checked".to_owned());
    }
}

fn rules() -> Rules {
    Rules::of(RULESET).expect("its rules are known here")
}

/// Who has other points than `right`, or is in no play; defences are left out.
fn compare(right: &BoxScore, shown: &Points, how: &str) -> Vec<String> {
    let rules = rules();
    let others = right.iter().filter_map(|(player, line)| {
        let (due, points) = (rules.player(line), shown.get(player));
        (points != Some(&due)).then(|| format!("{player}: {how} {points:?}, right is {due}"))
    });
    let strangers = shown
        .keys()
        .filter(|player| !player.starts_with("dst:") && !right.contains_key(*player));
    others
        .chain(strangers.map(|player| format!("{player}: {how}, and in no play")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::season::Plan;

    #[test]
    fn whoever_has_other_points_or_was_in_no_play_is_named() {
        let season = Season::new(Plan {
            run: 3,
            events: 100,
            plays: 100,
            ts_us: 0,
        });
        let right = season.totals(season.games().next().unwrap());
        let mut shown: Points = right.iter().map(|(player, line)| (player.clone(), rules().player(line))).collect();
        shown.insert("dst:ABA".to_owned(), 100_000);
        assert_eq!(compare(&right, &shown, "told"), Vec::<String>::new());
        let first = right.keys().next().unwrap();
        *shown.get_mut(first).unwrap() += 1;
        shown.insert("90-9999999".to_owned(), 0);
        let told = compare(&right, &shown, "told");
        assert!(told.len() == 2 && told[0].starts_with(first.as_str()), "{told:?}");
        assert_eq!(told[1], "90-9999999: told, and in no play");
        assert_eq!(compare(&right, &Points::new(), "told").len(), right.len());
    }
}
