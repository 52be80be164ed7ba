use super::super::test_support::made_up;
use super::*;
use serde_json::json;

const GAME: &str = "9900000001";

fn read(value: &Value) -> Document {
    Document::from_json(value).unwrap()
}

fn error(value: &Value) -> String {
    Document::from_json(value).unwrap_err().to_string()
}

fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut value = made_up();
    change(&mut value[GAME]);
    value
}

#[test]
fn plays_come_in_order_once_and_without_remarks() {
    let doc = read(&made_up());
    let ids: Vec<&str> = doc.plays.iter().map(|play| play.id.as_str()).collect();
    assert_eq!(ids, ["20", "45", "110", "130"]);
    let kinds: Vec<PlayKind> = doc.plays.iter().map(|play| play.kind).collect();
    assert_eq!(kinds, [PlayKind::Kickoff, PlayKind::Pass, PlayKind::Run, PlayKind::ExtraPoint]);
    assert_eq!(
        (doc.status, doc.scores[1].total, doc.timeouts),
        (GameStatus::Final, 7, Some([3, 2]))
    );
    assert_eq!(doc.dropped, Dropped::default());
}

#[test]
fn teams_are_the_games_own_whatever_code_a_record_has() {
    let doc = read(&made_up());
    let pass = &doc.plays[1];
    assert!(pass.stats.iter().all(|record| record.team.as_str() == "JAC"), "{:?}", pass.stats);
    let situation = pass.situation.as_ref().unwrap();
    assert_eq!(
        (situation.down, situation.distance, situation.yards_to_goal),
        (Some(1), Some(10), Some(80))
    );
    assert_eq!((situation.shotgun, situation.no_huddle), (Some(true), Some(true)));
    assert_eq!(doc.plays[0].situation.as_ref().unwrap().yards_to_goal, Some(65));
    assert_eq!(doc.plays[2].situation.as_ref().unwrap().yards_to_goal, Some(50));
}

#[test]
fn the_team_is_no_player_and_missing_yards_are_none() {
    let doc = read(&made_up());
    let touchback = doc.plays[0].stats.iter().find(|record| record.stat == 51).unwrap();
    assert_eq!((touchback.player.as_ref(), touchback.yards), (None, 0));
    assert_eq!(doc.plays[1].stats.iter().find(|record| record.stat == 15).unwrap().yards, 12);
}

#[test]
fn records_nobody_knows_are_dropped_and_counted() {
    let value = with(|game| {
        let players = &mut game["drives"]["2"]["plays"]["130"]["players"];
        players["k-2"] = json!([
            {"clubcode": "JAC", "statId": 72, "yards": 0},
            {"clubcode": "JAC", "statId": 9999, "yards": 0},
            {"clubcode": "JAC", "statId": -1, "yards": 0},
            {"clubcode": "JAC", "statId": 10, "yards": 5000},
        ]);
        players["no id"] = json!([{"clubcode": "JAC", "statId": 10, "yards": 5}]);
    });
    let doc = read(&value);
    assert_eq!(doc.plays[3].stats.len(), 1);
    assert_eq!(
        doc.dropped,
        Dropped {
            unknown_stat: 2,
            unreadable: 2
        }
    );
}

/// Found by fuzzing: a name of more than a hundred characters, or with a line end in it, went into the
/// `players` line as it was. The server refused that line, and with it the names and teams of up to two
/// hundred others; and so a play of too many records, an absurd score, or a team against itself cost all
/// that stood beside them.
#[test]
fn what_the_server_would_refuse_is_left_out_alone() {
    let mut value = with(|game| {
        let named = |name: &str| json!([{"clubcode": "JAC", "playerName": name, "statId": 72, "yards": 0}]);
        let long = "x".repeat(101);
        let records = vec![json!({"clubcode": "JAC", "statId": 55, "yards": 3}); 70];
        game["drives"]["2"]["plays"]["130"]["players"] =
            json!({"k-2": named(&long), "k-3": named("K.\nOther"), "k-4": named("K.Last"), "d-1": records});
        game["away"]["score"] = json!({"1": 301, "T": 70_000});
    });
    let doc = read(&value);
    let names: Vec<Option<&str>> = ["k-2", "k-3", "k-4"].map(|id| doc.people[id].name.as_deref()).to_vec();
    assert_eq!(names, [None, None, Some("K.Last")]);
    assert_eq!((doc.plays[3].stats.len(), doc.dropped.unreadable), (64, 9));
    assert_eq!((doc.scores[1].quarters[0], doc.scores[1].total), (0, 0));
    value["9900000001"]["away"]["abbr"] = json!("AAA");
    assert_eq!(error(&value), "9900000001.away.abbr: is the home team too");
    value["9900000001"]["away"]["abbr"] = json!("B".repeat(61));
    assert_eq!(error(&value), "9900000001.away.abbr: not a team's abbreviation");
}

#[test]
fn a_stat_twice_stays_twice() {
    let record = json!({"clubcode": "JAC", "statId": 55, "yards": 3});
    let value = with(|game| game["drives"]["2"]["plays"]["130"]["players"] = json!({"k-2": [record, record]}));
    assert_eq!(read(&value).plays[3].stats.len(), 2);
}

#[test]
fn a_team_without_a_code_is_the_players_else_the_one_with_the_ball() {
    let value = with(|game| {
        game["home"]["stats"] = json!({"rushing": {"x-1": {"name": "X"}}});
        game["drives"]["2"]["plays"]["130"]["players"] = json!({
            "x-1": [{"clubcode": "", "statId": 10, "yards": 1}],
            "x-2": [{"clubcode": "", "statId": 10, "yards": 2}],
        });
    });
    let teams: Vec<String> = read(&value).plays[3].stats.iter().map(|record| record.team.to_string()).collect();
    assert_eq!(teams, ["AAA", "JAC"]);
}

#[test]
fn nullified_plays_keep_their_records() {
    let value = with(|game| game["drives"]["1"]["plays"]["45"]["desc"] = json!("PENALTY on AAA, enforced - No Play."));
    let play = Arc::clone(&read(&value).plays[1]);
    assert_eq!((play.no_play, play.kind, play.stats.len()), (true, PlayKind::NoPlay, 3));
}

#[test]
fn a_quarter_numbered_low_still_comes_later() {
    let value = with(|game| game["drives"]["1"]["plays"]["45"]["qtr"] = json!("3"));
    let ids: Vec<String> = read(&value).plays.iter().map(|play| play.id.to_string()).collect();
    assert_eq!(ids, ["20", "110", "130", "45"]);
}

#[test]
fn an_odd_clock_is_no_clock() {
    let value = with(|game| game["drives"]["1"]["plays"]["45"]["time"] = json!("??"));
    assert_eq!(read(&value).plays[1].clock, None);
}

#[test]
fn status_is_told_by_the_quarter() {
    let status = |quarter: Value| read(&with(|game| game["qtr"] = quarter)).status;
    assert_eq!(status(json!("Final")), GameStatus::Final);
    assert_eq!(status(json!("final overtime")), GameStatus::Final);
    assert_eq!(status(json!("Halftime")), GameStatus::Halftime);
    assert_eq!(status(json!("Pregame")), GameStatus::Scheduled);
    assert_eq!(
        (status(json!("2")), status(json!(3)), status(json!(null))),
        (GameStatus::Live, GameStatus::Live, GameStatus::Live)
    );
    let bare = with(|game| {
        game["qtr"] = json!(null);
        game["drives"] = json!(null);
    });
    assert_eq!((read(&bare).status, read(&bare).plays.len()), (GameStatus::Scheduled, 0));
}

#[test]
fn the_head_of_a_live_document_announces_the_snap() {
    let value = with(|game| {
        game["qtr"] = json!(2);
        game["clock"] = json!("01:59");
        game["posteam"] = json!("JAX");
        game["yl"] = json!("AAA 8");
        game["down"] = json!(3);
        game["togo"] = json!(4);
    });
    let next = read(&value).next.unwrap();
    assert_eq!((next.clock.unwrap().quarter, next.clock.unwrap().seconds_left), (2, 119));
    let situation = next.situation;
    assert_eq!(
        (situation.down, situation.distance, situation.yards_to_goal),
        (Some(3), Some(4), Some(8))
    );
    assert_eq!(situation.possession.unwrap().as_str(), "JAC");
}

#[test]
fn errors_say_what_and_where() {
    assert!(Document::read(b"{").unwrap_err().to_string().starts_with("not JSON"));
    assert!(
        Document::read(&[0x1f, 0x8b, 1, 2])
            .unwrap_err()
            .to_string()
            .starts_with("not a readable gzip file")
    );
    assert!(matches!(
        Document::read(&vec![b' '; DOCUMENT_BYTES_MAX + 1]),
        Err(DocumentError::TooLarge)
    ));
    assert!(error(&json!({"nextupdate": 1})).starts_with("no game in it"));
    assert!(error(&json!([])).starts_with("no game in it"));
    let no_abbr = with(|game| game["away"] = json!({}));
    assert_eq!(error(&no_abbr), "9900000001.away.abbr is missing");
    let no_stat = with(|game| game["drives"]["2"]["plays"]["130"]["players"] = json!({"k-2": [{"clubcode": "JAC"}]}));
    assert_eq!(error(&no_stat), "9900000001.drives.2.plays.130.players.k-2.statId is missing");
    let bad_id = with(|game| game["drives"]["1"]["plays"] = json!({"x": {"posteam": "JAC", "players": {}}}));
    assert_eq!(error(&bad_id), "9900000001.drives.1.plays.x: a play's id must be a number");
}

#[test]
fn a_bomb_is_refused_without_unpacking_it_all() {
    use std::io::Write;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(&vec![b' '; 3 * DOCUMENT_BYTES_MAX]).unwrap();
    assert!(matches!(Document::read(&packer.finish().unwrap()), Err(DocumentError::TooLarge)));
}
