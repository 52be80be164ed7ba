//! What forecasts read of the recorded weeks, against the table of plays that models are trained on: before
//! every snap what was announced, after it what became of the play. `docs/decisions/019-recap.md` says what
//! each difference is.

use super::recorded::events;
use super::*;
use crate::model::{Clock, PlayKind, Recap, RecapPlay, RecapSnap, Side, Spot};
use crate::test_support::WEEKS;
use crate::test_support::recorded::{Row, data};
use std::io::Read as _;
use std::path::Path;

/// Kinds of the table that are plays from scrimmage.
const SCRIMMAGE: [&str; 7] = ["run", "pass", "sack", "punt", "field_goal", "kneel", "spike"];

/// Where the two differ: when and in which column, in which game, in how many plays.
const DIFFERENCES: [(&str, &str, usize); 8] = [
    // A spike that a penalty nullified: nullified here.
    ("after play_type", "2015121000", 1),
    // A kickoff with a fumble, which the table takes for a remark.
    ("after play_type", "2017092100", 1),
    // One play is listed among later ones, of which the table's score and timeouts know nothing.
    ("before def_to", "2015121300", 1),
    ("before defteam_score", "2015121300", 1),
    // Timeouts that the play list has at the end of the half: the poller learns of them there.
    ("before def_to", "2017092400", 6),
    ("before pos_to", "2017092400", 1),
    // A try that failed and is not in the list: the table takes it for good, and ends at 52 instead of 51.
    ("before defteam_score", "2015121304", 40),
    ("before posteam_score", "2015121304", 31),
];

type Found = BTreeMap<(String, String), Vec<String>>;

fn rows(file: &Path) -> BTreeMap<(String, String), Row> {
    let mut text = String::new();
    let file = std::fs::File::open(file).unwrap();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let mut lines = text.lines();
    let heading: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| -> Row {
        let values = line.split(',').map(str::to_owned);
        heading.iter().map(|column| (*column).to_owned()).zip(values).collect()
    };
    let key = |row: &Row| (row["game_id"].clone(), row["play_id"].clone());
    lines.map(row).map(|row| (key(&row), row)).collect()
}

/// Values as the table writes them, by column; nothing is an empty text there.
type Seen = BTreeMap<&'static str, String>;

fn text(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn flag(value: bool) -> String {
    u8::from(value).to_string()
}

fn snapped(recap: &Recap, clock: Option<Clock>, spot: &Spot) -> Seen {
    let (home, away) = recap.head.teams.as_ref().unwrap();
    let team = |side| if side == Side::Home { home } else { away };
    let time = |clock: Clock| format!("{:02}:{:02}", clock.seconds_left / 60, clock.seconds_left % 60);
    BTreeMap::from([
        ("qtr", text(clock.map(|clock| clock.quarter))),
        ("clock", text(clock.map(time))),
        ("down", text(spot.down)),
        ("distance", text(spot.distance)),
        ("yardline_100", text(spot.yards_to_goal)),
        ("posteam", text(spot.possession.map(team))),
        ("shotgun", text(spot.shotgun.map(u8::from))),
        ("no_huddle", text(spot.no_huddle.map(u8::from))),
    ])
}

/// What is known of the coming snap.
fn before(recap: &Recap, snap: &RecapSnap) -> Seen {
    let possession = snap.spot.possession;
    let own = |numbers: Option<[u16; 2]>| text(numbers.zip(possession).map(|(numbers, side)| numbers[side.index()]));
    let others = |numbers: Option<[u16; 2]>| text(numbers.zip(possession).map(|(numbers, side)| numbers[side.opponent().index()]));
    let mut seen = snapped(recap, snap.clock, &snap.spot);
    seen.extend([
        ("posteam_score", own(recap.score)),
        ("defteam_score", others(recap.score)),
        ("pos_to", own(recap.timeouts)),
        ("def_to", others(recap.timeouts)),
    ]);
    seen
}

/// What became of a play.
fn after(recap: &Recap, play: &RecapPlay) -> Seen {
    let kind = match play.kind {
        _ if play.timeout => "timeout",
        PlayKind::Other => "admin",
        kind => kind.name(),
    };
    let mut seen = snapped(recap, play.clock, &play.spot);
    seen.extend([
        ("play_type", kind.to_owned()),
        ("no_play", flag(play.no_play)),
        ("yards_gained", play.yards.to_string()),
        ("first_down", flag(play.first_down)),
        ("turnover", flag(play.turnover)),
        ("td", flag(play.touchdown.is_some())),
    ]);
    seen
}

fn compare(row: &Row, when: &str, seen: Seen, found: &mut Found) {
    for (column, ours) in seen {
        let theirs = &row[column];
        // The table gives yards of plays from scrimmage alone, and writes `0` where no formation is known.
        let is_unsaid = match column {
            "yards_gained" => theirs.is_empty(),
            "shotgun" | "no_huddle" => ours.is_empty() && theirs == "0",
            _ => false,
        };
        if *theirs != ours && !is_unsaid {
            let what = format!("play {} ({}): {ours:?} not {theirs:?}", row["play_id"], row["play_type"]);
            let whole = (format!("{when} {column}"), row["game_id"].clone());
            found.entry(whole).or_default().push(what);
        }
    }
}

#[test]
fn recaps_of_the_recorded_weeks_are_those_of_the_table() {
    let Some(folder) = data("dev") else { return };
    let table = rows(&folder.join("plays_dev_weeks.csv.gz"));
    let is_scrimmage = |row: &Row| SCRIMMAGE.contains(&&*row["play_type"]);
    let row_of = |game: &GameId, play: &crate::model::PlayId| table.get(&(game.to_string(), play.to_string()));
    let mut found = Found::new();
    let mut snaps_count = 0;
    for part in WEEKS {
        let Some(folder) = data(part) else { return };
        let shared = shared(LIMITS);
        for event in events(&folder) {
            let Event::Play(play) = &event else {
                shared.apply(event, NOW, AT);
                continue;
            };
            let recap = shared.recap(&play.game).unwrap();
            shared.apply(event.clone(), NOW, AT);
            if let Some(row) = row_of(&play.game, &play.play).filter(|row| is_scrimmage(row)) {
                snaps_count += 1;
                let snap = recap.snap.as_ref().expect("every snap was announced");
                compare(row, "before", before(&recap, snap), &mut found);
                let now = shared.recap(&play.game).unwrap();
                let taken = now.play_after(snap.after_play.as_ref()).map(|taken| &taken.id);
                assert_eq!(taken, Some(&play.play), "{}: the play that was announced", play.game);
            }
        }
        for (head, _) in shared.games() {
            let recap = shared.recap(&head.game).unwrap();
            assert_eq!(recap.snap, None, "{}: the game is over", head.game);
            for play in &recap.plays {
                let row = row_of(&head.game, &play.id).expect("every play is in the table");
                compare(row, "after", after(&recap, play), &mut found);
            }
        }
    }
    assert_eq!(snaps_count, table.values().filter(|row| is_scrimmage(row)).count());
    let counts: BTreeMap<(&str, &str), usize> = found
        .iter()
        .map(|((what, game), plays)| ((&**what, &**game), plays.len()))
        .collect();
    let expected = DIFFERENCES.map(|(what, game, plays)| ((what, game), plays));
    assert_eq!(counts, expected.into_iter().collect(), "{found:#?}");
}
