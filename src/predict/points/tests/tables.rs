use crate::model::{GameId, PlayerId, Team};
use crate::predict::points::calendar::When;
use crate::predict::points::file::{self, FileError};
use crate::predict::points::line::{Line, PASS_ATT, REC, RUSH_YDS};
use crate::predict::points::past::{CLUB_GAMES, ClubGame, GAMES, Past, PastGame, PlaySums, Result};
use std::io::Write as _;

const HEADER: &str = "game_id,season,season_type,week,gsis_id,name,position,team,opponent,home,quarter,pass_yds,pass_td,int,rush_yds,rush_td,rec,rec_yds,rec_td,fumbles_lost,two_pt,ret_td,off_fumrec_td,pass_att,rush_att,dk_points,team_score,opp_score";

/// Two players of one club and one of the other, two quarters; then the post-season.
const ROWS: [&str; 5] = [
    "2016090800,2016,REG,1,a,A,,SD,CAR,1,1,77,0,1,,0,0,0,0,0,0,0,0,10,0,2.08,0,7",
    "2016090800,2016,REG,1,a,A,,SD,CAR,1,4,178,1,2,0,0,0,0,0,0,0,0,0,26,0,2.08,21,20",
    "2016090800,2016,REG,1,b,B,,SD,CAR,1,4,0,0,0,-3,0,4,48,0,0,0,0,0,0,2,2.08,21,20",
    "2016090800,2016,REG,1,c,C,,CAR,SD,0,5,0,0,0,54,1,0,0,0,0,0,0,0,0,13,2.08,20,21",
    "2017010700,2016,POST,1,b,B,,SD,HOU,1,4,0,0,0,0,0,1,9,0,0,0,0,0,0,0,1.9,27,14",
];

fn table(rows: &[&str]) -> String {
    let lines: Vec<&str> = [HEADER].iter().chain(rows).copied().collect();
    lines.join("\n")
}

fn read(text: &str) -> (std::result::Result<u64, FileError>, Past) {
    let mut past = Past::new(100);
    let read = file::parse(text.as_bytes(), |when, sides| drop(past.take(when, sides)));
    (read, past)
}

fn id(player: &str) -> PlayerId {
    PlayerId::new(player).unwrap()
}

fn week(season: i16, week: u8) -> When {
    When { season, week }
}

#[test]
fn the_last_quarter_of_each_player_is_his_game() {
    let (games, past) = read(&table(&ROWS));
    assert_eq!(games.unwrap(), 2);
    let of = |player: &str| past.of(&id(player), week(2017, 1)).into_iter().cloned().collect::<Vec<PastGame>>();
    let mut passed = Line([178, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 26, 0]);
    let club = Team::new("LAC").unwrap();
    let first = PastGame {
        when: week(2016, 1),
        club: club.clone(),
        line: passed,
        club_role: [26, 2, 4],
    };
    assert_eq!(of("a"), std::slice::from_ref(&first), "a club's letters are today's");
    passed = Line([0, 0, 0, -3, 0, 4, 48, 0, 0, 0, 0, 0, 0, 2]);
    assert_eq!(
        (of("b").len(), of("b")[0].when, &of("b")[1]),
        (2, week(2016, 18), &PastGame { line: passed, ..first })
    );
    let games = past.of_club(&club, week(2017, 1));
    let ClubGame { had, allowed, .. } = games[1];
    assert_eq!((*had, *allowed), ([21, 26, 2, 4, 178, -3, 1, 0], [20, 0, 13, 0, 0, 54, 0, 1]));
    assert_eq!(
        past.of(&id("a"), week(2016, 1)),
        Vec::<&PastGame>::new(),
        "no game is in its own past"
    );
}

#[test]
fn a_line_that_makes_no_sense_is_named_and_what_was_before_it_stays() {
    let wrong = ROWS[4].replace(",27,14", ",x,14");
    let (read_, past) = read(&table(&[ROWS[0], ROWS[3], &wrong]));
    // The game before it was complete, but not known to be.
    assert_eq!(read_.unwrap_err().to_string(), "line 4: column \"team_score\": \"x\" is none");
    assert_eq!(past.len(), 0);
    for (rows, what) in [
        (&[ROWS[0], "2016090800,2016"][..], "line 3: 2 columns where the first line has 28"),
        (&[&ROWS[0].replace("REG", "PRE")], "line 2: column \"season_type\": \"PRE\" is none"),
        (&[&ROWS[0].replace(",a,", ",,")], "line 2: column \"gsis_id\": \"\" is none"),
        (
            &[&ROWS[0].replace(",77,", ",99999,")],
            "line 2: column \"pass_yds\": \"99999\" is none",
        ),
        (&[&"x".repeat(5_000)], "line 2: more than 4096 bytes"),
    ] {
        assert_eq!(read(&table(rows)).0.unwrap_err().to_string(), what);
    }
    let (read_, _) = read("game_id,season\n");
    assert_eq!(read_.unwrap_err().to_string(), "line 1: there is no column \"season_type\"");
}

#[test]
fn a_compressed_table_is_read() {
    let path = std::env::temp_dir().join(format!("scorewire-quarters-{}.csv.gz", std::process::id()));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(table(&ROWS).as_bytes()).unwrap();
    std::fs::write(&path, packed.finish().unwrap()).unwrap();
    let mut weeks = Vec::new();
    let games = file::read(&path, |when, _| weeks.push(when));
    std::fs::remove_file(&path).unwrap();
    assert_eq!((games.unwrap(), weeks), (2, vec![week(2016, 1), week(2016, 18)]));
}

/// A game of two players each, who caught so many.
fn game(catches: i16) -> [Result; 2] {
    ["AAA", "BBB"].map(|club| Result {
        game: GameId::new("g"),
        club: Team::new(club).unwrap(),
        score: 20,
        players: ["x", "y"]
            .map(|player| {
                let mut line = Line::default();
                line.0[REC] = catches;
                (id(&format!("{club}{player}")), line)
            })
            .to_vec(),
        plays: PlaySums::default(),
    })
}

#[test]
fn games_are_told_in_any_order_again_and_too_many_of_them() {
    let weeks: Vec<When> = (2015..2018).flat_map(|season| (1..=17).map(move |w| week(season, w))).collect();
    let (mut forth, mut back) = (Past::new(10), Past::new(10));
    for when in &weeks {
        forth.take(*when, &game(1 + i16::from(when.week)));
    }
    for when in weeks.iter().rev() {
        back.take(*when, &game(9));
        back.take(*when, &game(1 + i16::from(when.week)));
    }
    let player = id("AAAx");
    for before in [week(2016, 3), week(2017, 9), week(2018, 1)] {
        assert_eq!(forth.of(&player, before), back.of(&player, before));
    }
    let club = Team::new("BBB").unwrap();
    assert_eq!(
        (forth.of(&player, week(2018, 1)).len(), forth.of_club(&club, week(2018, 1)).len()),
        (GAMES, CLUB_GAMES)
    );
    assert_eq!(forth.of(&player, week(2018, 1))[0].when, week(2017, 17));
    assert_eq!(forth.latest(), Some(week(2017, 16)), "of the last week there is one game alone");
    // One who did not play after all, once the game is told anew.
    let mut corrected = game(3);
    corrected[0].players.remove(0);
    forth.take(week(2017, 17), &corrected);
    assert_eq!(forth.of(&player, week(2018, 1))[0].when, week(2017, 16));
}

#[test]
fn players_beyond_the_limit_are_counted() {
    let mut past = Past::new(3);
    past.take(week(2017, 1), &game(2));
    assert_eq!((past.len(), past.left_out()), (3, 1));
    past.take(week(2017, 2), &game(0));
    assert_eq!((past.len(), past.left_out()), (3, 1), "who did nothing has no row");
    assert_eq!([PASS_ATT, RUSH_YDS], [12, 3]);
}

/// A game of players with these names, who caught one each.
fn game_of(names: [&str; 2]) -> [Result; 2] {
    let mut game = game(1);
    for (side, name) in game.iter_mut().zip(names) {
        side.players.truncate(1);
        side.players[0].0 = id(name);
    }
    game
}

#[test]
fn a_newcomer_takes_the_place_of_whoever_has_been_longest_without_a_game() {
    let mut past = Past::new(3);
    past.take(week(2016, 1), &game_of(["old", "older"]));
    past.take(week(2015, 1), &game_of(["older", "oldest"]));
    assert_eq!(past.take(week(2017, 1), &game_of(["a", "old"])), [id("oldest")]);
    assert_eq!(past.take(week(2017, 2), &game_of(["b", "a"])), [id("older")]);
    assert_eq!((past.len(), past.left_out()), (3, 0));
    // Nobody goes for a game that was as long ago, or longer.
    for (when, left_out) in [(week(2016, 1), 2), (week(2015, 1), 4)] {
        assert!(past.take(when, &game_of(["d", "e"])).is_empty());
        assert_eq!(past.left_out(), left_out);
    }
    assert_eq!(past.take(week(2017, 3), &game_of(["d", "e"])), [id("old"), id("a")]);
}

#[test]
fn who_is_in_no_game_after_a_correction_is_named() {
    let mut past = Past::new(10);
    past.take(week(2017, 1), &game(2));
    past.take(week(2017, 2), &game_of(["AAAx", "BBBx"]));
    let mut corrected = game(2);
    let moved = corrected[0].players.remove(1);
    corrected[1].players.push(moved);
    assert!(past.take(week(2017, 1), &corrected).is_empty(), "he was with the other club");
    corrected[1].players.pop();
    assert_eq!(past.take(week(2017, 1), &corrected), [id("AAAy")]);
    let clubs = ["AAA", "BBB"].map(|club| Team::new(club).unwrap());
    let game = GameId::new("g").unwrap();
    assert_eq!(
        past.take_back(&game, week(2017, 1), &clubs),
        [id("BBBy")],
        "the others have another game"
    );
}

#[test]
fn an_empty_line_says_nothing() {
    let mut text = table(&ROWS).replace('\n', "\n\r\n");
    text.push_str("\n\n\n");
    let (games, past) = read(&text);
    assert_eq!((games.unwrap(), past.len()), (2, 3));
}

#[test]
fn a_squad_is_who_played_for_the_club_lately() {
    let mut past = Past::new(10);
    past.take(week(2017, 1), &game(2));
    let mut without = game(2);
    without[0].players.remove(0);
    for w in 2..=5 {
        past.take(week(2017, w), &without);
    }
    let squad = |before: u8| past.squad(&Team::new("AAA").unwrap(), week(2017, before), 4).len();
    assert_eq!([squad(1), squad(2), squad(5), squad(6)], [0, 2, 2, 1]);
}
