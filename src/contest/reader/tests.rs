//! What bodies are read as, and what is said of those that are wrong.

use super::*;
use crate::contest::generate::Chance;
use crate::contest::{EntryIndex, KnownPlayer};
use crate::model::{Cents, GameId, PlayerId};
use compact_str::CompactString;

const TERMS: &str = r#"{"contest":"c1","name":"Sunday","ruleset":"draftkings","payouts":[{"from":1,"amount":10.50},{"from":2,"to":3,"amount":5}],"salary_cap":50000,"games_min":2}"#;

/// Ten players by name and site number, of two games.
fn players() -> Players {
    let mut players = Players::default();
    let names = [
        "Tom Arm",
        "Al Run",
        "Bo Rush",
        "Cy Catch",
        "Di Catch-All",
        "Ed Catch Jr.",
        "Fy End",
        "Go O'Flex",
        "Hawks",
        "Al Run",
    ];
    let positions = ["QB", "RB", "RB", "WR", "WR", "WR", "TE", "WR", "DST", "WR"];
    for (number, (name, position)) in names.iter().zip(positions).enumerate() {
        let id = if position == "DST" {
            "dst:HWK".to_owned()
        } else {
            format!("90-{number:07}")
        };
        players.add(KnownPlayer {
            player: PlayerId::new(&id).unwrap(),
            name: CompactString::new(name),
            site_id: Some(CompactString::from(format!("10{number}"))),
            position: Some(CompactString::new(position)),
            salary: Some(5_000),
            game: GameId::new(if number % 2 == 0 { "2099010100" } else { "2099010101" }),
        });
    }
    players
}

fn read(body: &str) -> Result<(Definition, Report), Refused> {
    read_in_pieces(body.as_bytes(), usize::MAX, players(), Limits::DEFAULT)
}

fn read_in_pieces(body: &[u8], piece: usize, players: Players, limits: Limits) -> Result<(Definition, Report), Refused> {
    let mut reader = Reader::new(players, limits);
    for chunk in body.chunks(piece.min(body.len().max(1))) {
        reader.feed(chunk)?;
    }
    reader.finish()
}

fn roster(definition: &Definition, entry: &str) -> Vec<String> {
    let entry = definition.find(entry).unwrap();
    let player = |index: crate::contest::PlayerIndex| definition.players()[usize::from(index.0)].to_string();
    definition.roster(entry).map(player).collect()
}

const NINE: [&str; 9] = [
    "90-0000000",
    "90-0000001",
    "90-0000002",
    "90-0000003",
    "90-0000004",
    "90-0000005",
    "90-0000006",
    "90-0000007",
    "dst:HWK",
];
const LINEUP: &str = "DST Hawks FLEX Go O'Flex QB Tom Arm RB Al Run RB Bo Rush TE Fy End WR Cy Catch WR Di Catch-All WR Ed Catch";

#[test]
fn the_three_forms_give_the_same_rosters() {
    let standings = format!(
        "{TERMS}\n\u{feff}Rank,EntryId,EntryName,TimeRemaining,Points,Lineup,,Player,Roster Position,%Drafted,FPTS\r\n\
         1,4001,\"fan, the first (2/3)\",0,100.5,\"{LINEUP}\",,Tom Arm,QB,12%,20\r\n\r\n,,,,,,,Al Run,RB,30%,12\r\n"
    );
    let standings = standings.replace('\u{feff}', "");
    let entries = format!(
        "{TERMS}\nEntry ID,Contest Name,Contest ID,Entry Fee,QB,RB,RB,WR,WR,WR,TE,FLEX,DST,,Instructions\n\
         4001,Sunday,77,$3,Tom Arm (100),Al Run (101),(102),103,Di Catch-All (104),90-0000005,Fy End,Go OFlex (107),Hawks  (108),,1. Do\n\
         ,,,,,,,,,,,,,,,2. Then\n"
    );
    let json = format!(
        "{TERMS}\n{{\"entry\":\"4001\",\"name\":\"fan, the first (2/3)\",\"lineup\":{}}}",
        serde_json::to_string(&NINE).unwrap()
    );
    for body in [&standings, &entries, &json] {
        for piece in [1, 7, 64, usize::MAX] {
            let (definition, report) = read_in_pieces(body.as_bytes(), piece, players(), Limits::DEFAULT).unwrap();
            assert_eq!((report.entries, report.bad), (1, 0), "{report:?}");
            assert_eq!(roster(&definition, "4001"), NINE);
            assert_eq!(definition.payouts().sum_to(3), Cents(2_050));
            if body != &entries {
                assert_eq!(definition.entry_name(EntryIndex(0)), "fan, the first (2/3)");
            }
        }
    }
}

#[test]
fn a_number_may_stand_before_the_name() {
    let terms = TERMS.replace(
        "\"games_min\":2",
        "\"slots\":[\"QB\",\"RB\",\"RB\",\"WR\",\"WR\",\"WR\",\"TE\",\"FLEX\",\"DEF\"]",
    );
    let body = format!(
        "{terms}\nentry_id,contest_id,contest_name,entry_fee,QB,RB,RB,WR,WR,WR,TE,FLEX,DEF\n\
         4001,77,Sunday,3,100:Tom Arm,101:Al Run,102:B. Rush,103:,999:Di Catch-All,90-0000005,106:Fy End,107:X,108:Hawks\n"
    );
    let (definition, _) = read(&body).unwrap();
    assert_eq!(roster(&definition, "4001"), NINE);
}

/// A line of JSON with that roster.
fn line(entry: &str, lineup: &[&str]) -> String {
    serde_json::json!({"entry": entry, "lineup": lineup}).to_string()
}

fn with(place: usize, player: &'static str) -> Vec<&'static str> {
    let mut nine = NINE.to_vec();
    nine[place] = player;
    nine
}

#[test]
fn a_line_that_is_wrong_is_named_and_the_rest_stands() {
    for (bad, part) in [
        (line("x", &with(3, "Nobody Atall")), "WR: nobody is known as `Nobody Atall`"),
        (
            line("x", &with(7, "Al Run")),
            "FLEX: `Al Run` is the name of 90-0000001 and of 90-0000009; use the id",
        ),
        (line("x", &with(2, "90-0000001")), "90-0000001 is in it twice"),
        (line("x", &NINE[..8]), "8 players, but there are 9 slots: nobody is in DST"),
        (line("x", &with(4, "LOCKED")), "WR is LOCKED"),
        (line("x", &with(4, " ")), "nobody is in WR"),
        (
            line("x", &[&NINE[..], &["90-0000009"]].concat()),
            "10 players, but there are 9 slots",
        ),
        (line("a b", &NINE), "the entry's id `a b` must be"),
        (line("", &NINE), "the entry's id `` must be"),
        (line("first", &NINE), "entry first stands twice; the first is on line 2"),
        ("{\"entry\":\"x\"}".to_owned(), "no entry: missing field `lineup`"),
        ("{\"entry\":\"x\",\"lineup\":[1]}".to_owned(), "no entry: invalid type"),
        ("rubbish".to_owned(), "no entry: expected value"),
    ] {
        let body = format!("{TERMS}\n{}\n{bad}\n{}\n", line("first", &NINE), line("last", &NINE));
        let (definition, report) = read(&body).unwrap();
        assert_eq!((report.lines, report.entries, report.bad), (4, 2, 1), "{bad}: {report:?}");
        let told = &report.bad_lines[0];
        assert!(told.line == 3 && told.what.contains(part), "{bad}: {told:?}");
        assert!(definition.find("first").is_some() && definition.find("last").is_some());
    }
}

#[test]
fn the_cap_and_the_games_are_held() {
    let terms = TERMS.replace("50000", "44999");
    let why = read(&format!("{terms}\n{}", line("x", &NINE))).unwrap_err().to_string();
    assert!(why.contains("line 2: costs 45000, over the cap of 44999"), "{why}");
    let terms = TERMS.replace("\"games_min\":2", "\"games_min\":3");
    let why = read(&format!("{terms}\n{}", line("x", &NINE))).unwrap_err().to_string();
    assert!(why.contains("its players are in 2 games; at least 3 are wanted"), "{why}");
}

#[test]
fn who_may_be_in_a_slot_is_held() {
    let positions = |flex: &str| {
        let slots = ["QB", "RB", "RB", "WR", "WR", "WR", "TE"]
            .map(|slot| format!("\"{slot}\""))
            .join(",");
        let of_dst = "{\"slot\":\"DST\",\"positions\":[\"DEF\",\"DST\"]}";
        let slots = format!("[{slots},{{\"slot\":\"FLEX\",\"positions\":[{flex}]}},{of_dst}]");
        TERMS.replace("\"games_min\":2", &format!("\"slots\":{slots}"))
    };
    let body = |flex| format!("{}\n{}", positions(flex), line("x", &NINE));
    assert_eq!(
        read(&body("\"RB\",\"wr\"")).unwrap().1.entries,
        1,
        "upper and lower case are the same"
    );
    let why = read(&body("\"RB\",\"TE\"")).unwrap_err().to_string();
    assert!(why.contains("line 2: FLEX: 90-0000007 is WR; RB, TE may be in it"), "{why}");
    // Nothing is known of anybody: ids alone are taken.
    let taken = read_in_pieces(body("\"TE\"").as_bytes(), 9, Players::default(), Limits::DEFAULT).unwrap();
    assert_eq!(taken.1.entries, 1);
}

#[test]
fn players_of_the_body_stand_before_its_entries() {
    let table: String = NINE
        .iter()
        .map(|id| format!("{{\"player\":\"{id}\",\"name\":\"N {id}\",\"site_id\":7}}\n"))
        .collect();
    let cells: Vec<String> = NINE.iter().map(|id| format!("N {id}")).collect();
    let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
    let body = format!("{TERMS}\n{table}{}\n", line("e", &cells));
    let (definition, _) = read_in_pieces(body.as_bytes(), 5, Players::default(), Limits::DEFAULT).unwrap();
    assert_eq!(roster(&definition, "e"), NINE);
}

#[test]
fn terms_that_are_wrong_end_it() {
    for (from, to, part) in [
        ("\"c1\"", "\"c 1\"", "the contest's id `c 1` must be"),
        ("\"draftkings\"", "\"\"", "the ruleset `` must be"),
        ("\"from\":2", "\"from\":3", "row 2 (places 3 to 3): nothing is said of place 2"),
        ("\"from\":2", "\"from\":1", "row 2 (places 1 to 3): place 1 is paid already"),
        ("\"to\":3", "\"to\":1", "row 2 (places 2 to 1): ends before it begins"),
        (
            "\"amount\":5}",
            "\"amount\":11}",
            "row 2 (places 2 to 3): pays 11.00, more than the places before it, 10.50",
        ),
        ("\"amount\":5}", "\"amount\":-5}", "no place costs money"),
        ("\"amount\":5}", "\"amount\":0}", "pays nothing"),
        (
            "\"amount\":5}",
            "\"amount\":0.001}",
            "row 2: amount must be a decimal with at most two places",
        ),
        ("\"amount\":5}", "\"amount\":1e18}", "row 2"),
        ("\"to\":3", "\"to\":4000000000", "at most 10000000 places are paid"),
        ("\"games_min\"", "\"game\"", "unknown field `game`"),
        ("\"games_min\":2", "\"games\":[\"a/b\"]", "the game `a/b` must be"),
        ("\"games_min\":2", "\"slots\":[]", "slots: 0"),
        (
            "\"games_min\":2",
            "\"slots\":[{\"slot\":\"CPT\",\"multiplier\":0}]",
            "slots[0]: multiplier must be",
        ),
        (
            "\"games_min\":2",
            "\"slots\":[\"QB\",{\"slot\":\"RB\",\"position\":[]}]",
            "slots[1]: unknown field `position`, expected one of",
        ),
        (
            "\"games_min\":2",
            "\"slots\":[{\"slot\":\"RB\",\"positions\":[\"\"]}]",
            "slots[0]: positions must be at most 16 names",
        ),
        ("\"games_min\":2", "\"slots\":[\"a slot\"]", "slots[0]: a name must be"),
    ] {
        let why = read(&format!("{}\n{}", TERMS.replace(from, to), line("x", &NINE))).unwrap_err();
        assert!(
            matches!(why, Refused::Terms { line: 1, .. }) && why.to_string().contains(part),
            "{to}: {why}"
        );
    }
    let headless = read(&format!("{TERMS}\nName,Points\n1,2\n")).unwrap_err().to_string();
    assert!(headless.contains("line 2: neither a JSON object nor a heading"), "{headless}");
    let short = read(&format!("{TERMS}\nEntry ID,QB,RB\n1,2\n")).unwrap_err().to_string();
    assert!(short.contains("RB is missing"), "{short}");
    assert!(matches!(read(TERMS), Err(Refused::Empty(_))));
    assert!(matches!(read(""), Err(Refused::Terms { line: 1, .. })));
}

#[test]
fn limits_are_held() {
    let limits = Limits {
        entries_max: 3,
        players_max: 9,
        table_max: 10,
        line_bytes_max: 300,
        bad_lines_max: 2,
    };
    let entries: String = (0..4).map(|n| line(&format!("e{n}"), &NINE) + "\n").collect();
    let why = read_in_pieces(format!("{TERMS}\n{entries}").as_bytes(), 9, players(), limits).unwrap_err();
    assert!(
        matches!(
            why,
            Refused::TooMany {
                of: "entries",
                max: 3,
                line: 5
            }
        ),
        "{why}"
    );
    let other = line("e1", &with(1, "90-0000009"));
    let why = read_in_pieces(format!("{TERMS}\n{}\n{other}", line("e0", &NINE)).as_bytes(), 9, players(), limits).unwrap_err();
    assert!(matches!(why, Refused::TooMany { max: 9, .. }), "{why}");
    let long = "x".repeat(10_000);
    let body = format!("{TERMS}\n{}\n{long}\n{long}\n{long}\n{}", line("e0", &NINE), line("e1", &NINE));
    for piece in [1, 100, usize::MAX] {
        let (_, report) = read_in_pieces(body.as_bytes(), piece, players(), limits).unwrap();
        assert_eq!((report.entries, report.bad, report.bad_lines.len()), (2, 3, 2));
        assert!(report.bad_lines[0].what.contains("longer than 300 bytes"));
    }
}

/// Rubbish of every kind: nothing panics, and what is held of a line that does not end is bounded.
#[test]
fn no_bytes_make_it_panic() {
    let bits = [
        TERMS,
        "\n",
        "{",
        "}",
        "\"",
        ",",
        "[",
        "]",
        "(",
        ")",
        "Entry ID",
        "EntryId",
        "Lineup",
        "EntryName",
        "QB",
        "RB,WR",
        "Tom Arm",
        "\u{feff}",
        "90-0000001",
        LINEUP,
        "{\"player\":\"90-1\"}",
        "{\"entry\":",
        "é",
        "\r",
        "LOCKED",
        "1/2",
        " (1/2)",
        "\u{1}",
        "\\u0000",
        "0",
        "Rank,EntryId,EntryName,TimeRemaining,Points,Lineup\n",
        "Entry ID,QB,RB,RB,WR,WR,WR,TE,FLEX,DST\n",
        "1,1,f (1/2),0,0,",
    ];
    for seed in 0..3_000 {
        let mut chance = Chance::new(seed);
        let mut body = Vec::new();
        if !seed.is_multiple_of(4) {
            body.extend_from_slice(TERMS.as_bytes());
            body.push(b'\n');
        }
        for _ in 0..chance.below(40) {
            match chance.below(5) {
                0 => body.push(chance.below(256) as u8),
                _ => body.extend_from_slice(bits[chance.below(bits.len() as u64) as usize].as_bytes()),
            }
        }
        let piece = 1 + chance.below(90) as usize;
        let mut reader = Reader::new(
            players(),
            Limits {
                line_bytes_max: 200 + TERMS.len(),
                ..Limits::DEFAULT
            },
        );
        let fed = body.chunks(piece).try_for_each(|chunk| {
            let fed = reader.feed(chunk);
            assert!(reader.held.capacity() <= 4 * TERMS.len() + 1_000, "seed {seed}");
            fed
        });
        if fed.is_ok()
            && let Ok((definition, report)) = reader.finish()
        {
            assert_eq!(definition.entry_count() as u64, report.entries, "seed {seed}");
            let is_found = |entry| definition.find(definition.entry_id(entry).as_str()) == Some(entry);
            assert!(definition.entries().all(is_found), "seed {seed}");
        }
    }
}

#[test]
fn a_table_of_payouts_may_be_as_long_as_it_may() {
    let tiers = crate::contest::payouts::TIERS_MAX as u32;
    let rows: Vec<serde_json::Value> = (0..tiers)
        .map(|place| serde_json::json!({"from": place + 1, "to": place + 1, "amount": format!("{}.25", 100_000 - place)}))
        .collect();
    let terms = serde_json::json!({"contest": "c1", "ruleset": "draftkings", "payouts": rows}).to_string();
    let (definition, _) = read(&format!("{terms}\n{}", line("e1", &NINE))).unwrap();
    assert_eq!(definition.payouts().places(), tiers);
    let mut stored = Vec::new();
    definition.write_to(&mut stored).unwrap();
    assert_eq!(Definition::read_from(&mut &stored[..], &Limits::DEFAULT).unwrap(), definition);
}
