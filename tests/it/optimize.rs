//! `scorewire optimize`: the sites' files in and out, every constraint, late swap, and what is refused by name.

use crate::hostile::binary::{Folder, outcome, scorewire};
use crate::support::recorded::{data, table};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const DRAFTKINGS: &str = "Position,Name + ID,Name,ID,Roster Position,Salary,Game Info,TeamAbbrev,AvgPointsPerGame";

/// Six games of twelve teams: a QB, two RB, three WR, a TE and a defence each, the first teams the best.
pub(crate) fn slate() -> String {
    let mut text = format!("{DRAFTKINGS},Ownership,StdDev\n");
    let mut id = 100;
    for team in 0..12 {
        let game = format!("T{}@T{}", team / 2 * 2, team / 2 * 2 + 1);
        let hour = if team < 6 { "01:00PM" } else { "04:25PM" };
        for (position, count, salary, points) in [
            ("QB", 1, 6_900, 21.0),
            ("RB", 2, 6_500, 15.0),
            ("WR", 3, 6_300, 14.0),
            ("TE", 1, 4_700, 10.0),
            ("DST", 1, 3_200, 8.0),
        ] {
            for nth in 0..count {
                id += 1;
                let salary = salary - 100 * team - 900 * nth;
                let points = points - 0.31 * f64::from(team) - 2.07 * f64::from(nth) + f64::from(id % 7) * 0.5;
                let slots = if matches!(position, "QB" | "DST") {
                    position.to_owned()
                } else {
                    format!("{position}/FLEX")
                };
                let name = format!("{position}{nth} of T{team}");
                text += &format!(
                    "{position},{name} ({id}),{name},{id},{slots},{salary},{game} 09/24/2017 {hour} ET,T{team},{points:.2},{},{}\n",
                    id % 30,
                    4
                );
            }
        }
    }
    text
}

/// Runs it and returns the exit code, what it wrote, what it said.
fn optimize(folder: &Folder, site: &str, players: &str, count: usize, constraints: &str, format: &str) -> (Option<i32>, String, String) {
    let players = folder.file("players.csv", players);
    let constraints = folder.file("rules.toml", constraints);
    let count = count.to_string();
    outcome(scorewire(&[
        "optimize",
        "--site",
        site,
        "--players",
        &players,
        "-n",
        &count,
        "--constraints",
        &constraints,
        "--format",
        format,
    ]))
}

fn lineups(folder: &Folder, count: usize, constraints: &str) -> Vec<Value> {
    // What is proven in the end is what is tested, however slow the machine.
    let constraints = &format!("{constraints}\n[limits]\ntime_ms = 600000\n");
    let (code, out, said) = optimize(folder, "draftkings", &slate(), count, constraints, "json");
    assert_eq!(code, Some(0), "{constraints}: {said}");
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&answer["complete"], &answer["proven"]),
        (&Value::Bool(true), &Value::Bool(true)),
        "{answer}"
    );
    let lineups = answer["lineups"].as_array().unwrap().clone();
    assert_eq!(lineups.len(), count);
    lineups
}

fn refused(site: &str, players: &str, count: usize, constraints: &str) -> (Option<i32>, String) {
    let folder = Folder::new(&format!("refused-{count}-{}", constraints.len()));
    let (code, out, said) = optimize(&folder, site, players, count, constraints, "text");
    assert_eq!(out, "", "{said}");
    (code, said)
}

fn ids(lineup: &Value) -> BTreeSet<String> {
    let players = lineup["players"].as_array().unwrap();
    players.iter().map(|player| player["id"].as_str().unwrap().to_owned()).collect()
}

fn of<'a>(lineup: &'a Value, key: &'a str) -> Vec<&'a str> {
    lineup["players"]
        .as_array()
        .unwrap()
        .iter()
        .map(|player| player[key].as_str().unwrap())
        .collect()
}

#[test]
fn the_upload_has_the_sites_columns_and_the_last_to_kick_off_in_flex() {
    let folder = Folder::new("optimize-upload");
    let (code, out, said) = optimize(&folder, "draftkings", &slate(), 3, "", "upload");
    assert_eq!((code, said.as_str()), (Some(0), ""));
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!((lines[0], lines.len()), ("QB,RB,RB,WR,WR,WR,TE,FLEX,DST", 4));
    assert!(lines[1].split(',').all(|field| field.ends_with(')')), "{}", lines[1]);
    let distinct: BTreeSet<&str> = lines.iter().copied().collect();
    assert_eq!(distinct.len(), 4);
    let best = lineups(&folder, 1, "").remove(0);
    assert!(best["salary"].as_i64().unwrap() <= 50_000);
    assert_eq!(of(&best, "slot"), ["QB", "RB", "RB", "WR", "WR", "WR", "TE", "FLEX", "DST"]);
}

#[test]
fn constraints_hold_in_every_lineup_and_across_them() {
    let folder = Folder::new("optimize-rules");
    let rules = "lock = [\"TE0 of T1\"]\nexclude = [\"101\"]\nmin_salary = 47000\nmax_shared = 7\nmax_exposure = 0.5\nmax_per_team = 4\nmax_against_defense = 0\n\
        [[exposure]]\nplayer = \"TE0 of T1\"\nmax = 1.0\n[[exposure]]\nposition = \"DST\"\neach = true\nmax = 0.3\n[[exposure]]\nplayer = \"QB0 of T7\"\nmin = 0.2\n\
        [[stack]]\nwith = \"QB\"\nat_least = 2\nbring_back = 1\n[[group]]\nplayers = [\"RB0 of T0\", \"RB0 of T2\"]\nat_most = 1\n\
        [ownership]\nmax_total = 150.0\n";
    let all = lineups(&folder, 10, rules);
    let mut used: BTreeMap<String, usize> = BTreeMap::new();
    for lineup in &all {
        let (names, teams, games) = (of(lineup, "name"), of(lineup, "team"), of(lineup, "game"));
        assert!(names.contains(&"TE0 of T1") && !ids(lineup).contains("101"));
        assert!((47_000..=50_000).contains(&lineup["salary"].as_i64().unwrap()));
        assert!(lineup["ownership"].as_f64().unwrap() <= 150.0);
        assert!(!(names.contains(&"RB0 of T0") && names.contains(&"RB0 of T2")));
        let mates = (0..9)
            .filter(|at| teams[*at] == teams[0] && (names[*at].starts_with("WR") || names[*at].starts_with("TE")))
            .count();
        let back = (1..9)
            .filter(|at| games[*at] == games[0] && teams[*at] != teams[0] && !names[*at].starts_with("DST"))
            .count();
        assert!(mates >= 2 && back >= 1, "{names:?}");
        let against = (0..8).filter(|at| games[*at] == games[8] && teams[*at] != teams[8]).count();
        assert_eq!(against, 0, "{names:?}");
        ids(lineup).into_iter().for_each(|id| *used.entry(id).or_default() += 1);
    }
    for (nth, lineup) in all.iter().enumerate() {
        assert!(all[..nth].iter().all(|other| ids(other).intersection(&ids(lineup)).count() <= 7));
    }
    let text = slate();
    let id_of = |name: &str| {
        text.lines()
            .find_map(|line| line.split(',').nth(3).filter(|_| line.split(',').nth(2) == Some(name)))
            .unwrap()
    };
    assert!(used.iter().all(|(id, count)| *count <= 5 || id == id_of("TE0 of T1")), "{used:?}");
    assert!(used[id_of("QB0 of T7")] >= 2);
}

#[test]
fn random_projections_follow_from_the_seed() {
    let folder = Folder::new("optimize-random");
    let drawn = |seed: u64| lineups(&folder, 5, &format!("[random]\npercent = 15\nstddev = 1.0\nseed = {seed}\n"));
    assert_eq!(drawn(7), drawn(7));
    assert_ne!(drawn(7), drawn(8));
}

#[test]
fn who_has_kicked_off_stays_where_he_is() {
    let folder = Folder::new("optimize-swap");
    let (_, upload, _) = optimize(&folder, "draftkings", &slate(), 2, "max_per_game = 4\n", "upload");
    let before = folder.file("before.csv", &upload);
    // Points have changed, and the early games have begun.
    let changed: String = slate().lines().map(|line| line.replace(",T7,", ",T7,9") + "\n").collect();
    let rules = format!("[late_swap]\nlineups = \"{before}\"\nnow = \"09/24/2017 02:00PM ET\"\n");
    let (code, out, said) = optimize(&folder, "draftkings", &changed, 2, &rules, "json");
    assert_eq!(code, Some(0), "{said}");
    let answer: Value = serde_json::from_str(&out).unwrap();
    for (line, lineup) in upload.lines().skip(1).zip(answer["lineups"].as_array().unwrap()) {
        for (field, player) in line.split(',').zip(lineup["players"].as_array().unwrap()) {
            let is_early = field
                .split(" of T")
                .nth(1)
                .unwrap()
                .split(' ')
                .next()
                .unwrap()
                .parse::<u8>()
                .unwrap()
                < 6;
            let now = format!("{} ({})", player["name"].as_str().unwrap(), player["id"].as_str().unwrap());
            assert_eq!(player["locked"].as_bool().unwrap_or(false), is_early, "{field}");
            assert_eq!(now == field, is_early || now == field, "{field} became {now}");
            if !is_early {
                assert!(
                    !now.contains("of T0 ") && !now.contains("of T5 "),
                    "nobody who has begun comes in: {now}"
                );
            }
        }
        assert!(of(lineup, "team").contains(&"T7"), "who is worth ten times as much comes in");
    }
}

#[test]
fn what_cannot_be_met_is_named() {
    for (count, constraints, code, parts) in [
        (
            1,
            "lock = [\"QB0 of T0\", \"QB0 of T1\"]",
            65,
            &["there is no lineup", "lock \"QB0 of T0\"", "lock \"QB0 of T1\""][..],
        ),
        (1, "max_salary = 30000\nmin_games = 3", 65, &["max_salary = 30000 cannot be met"]),
        (
            1,
            "exclude = [\"DST0 of T3\"]\n[[game_stack]]\nname = \"all of one\"\nat_least = 9",
            65,
            &["[[game_stack]] \"all of one\"", "min_games = 2"],
        ),
        (
            5,
            "max_exposure = 0.2\nlock = [\"QB0 of T0\"]",
            65,
            &["there are 1 lineups, not 5", "lock \"QB0 of T0\"", "max_exposure = 0.2"],
        ),
        (
            2,
            "[[exposure]]\nname = \"much\"\nplayer = \"QB0 of T0\"\nmin = 1.0\n[[exposure]]\nplayer = \"QB0 of T1\"\nmin = 0.5",
            65,
            &["[[exposure]] \"much\""],
        ),
        (1, "lock = [\"Nobody\"]", 64, &["rules.toml: lock: no player \"Nobody\""]),
        (1, "lock = [\"QB0 of T0\"]\nexclude = [\"QB0 of T0\"]", 64, &["is excluded too"]),
        (1, "max_shard = 7", 64, &["rules.toml:", "max_shard"]),
        (1, "max_exposure = 1.5", 64, &["max_exposure: a share from 0 to 1"]),
        (1, "min_salary = 60000", 64, &["min_salary: 60000 is above the 50000"]),
        (1, "[[exposure]]\nmax = 0.5", 64, &["[[exposure]] 1: of whom?"]),
        (1, "[[group]]\nplayers = [\"QB0 of T0\"]", 64, &["[[group]] 1: at_least or at_most"]),
        (1, "[[stack]]\nwith = \"GOALIE\"", 64, &["no position \"GOALIE\""]),
        (1, "[[team_stack]]\nat_least = 3\nteams = [\"T99\"]", 64, &["no team \"T99\""]),
        (1, "[late_swap]\nlineups = \"nowhere.csv\"\nnow = \"x\"", 74, &["nowhere.csv"]),
        (1, "min_games = 12", 64, &["at least 12 games are needed"]),
    ] {
        let (got, said) = refused("draftkings", &slate(), count, constraints);
        assert_eq!(got, Some(code), "{constraints}: {said}");
        assert!(parts.iter().all(|part| said.contains(part)), "{constraints}: {said}");
    }
}

#[test]
fn players_that_cannot_be_right_are_named_by_line() {
    let slate = slate();
    let twice = format!("{slate}{}\n", slate.lines().nth(1).unwrap());
    let one_game: String = slate.lines().take(1 + 16).map(|line| format!("{line}\n")).collect();
    let no_defence: String = slate
        .lines()
        .filter(|line| !line.starts_with("DST"))
        .map(|line| format!("{line}\n"))
        .collect();
    for (site, text, code, parts) in [
        ("draftkings", twice, 65, ["players.csv: line 98", "is in line 2 already"]),
        (
            "draftkings",
            slate.replacen(",6900,", ",sixty,", 1),
            65,
            ["line 2: QB0 of T0: the salary is \"sixty\"", "whole number"],
        ),
        (
            "draftkings",
            slate.replacen("QB,QB0 of T0 (101)", "QB,\"QB0 of T0 (101)", 1),
            65,
            ["line 2", "quote"],
        ),
        (
            "draftkings",
            slate.replacen("QB,QB0", "SP,QB0", 1),
            65,
            ["no slot of DraftKings NFL Classic takes a SP", "--site"],
        ),
        (
            "fanduel",
            slate.clone(),
            65,
            ["no line has the columns", "is this the right --site?"],
        ),
        ("draftkings", one_game, 65, ["at least 2 games are needed", "has 1"]),
        ("draftkings", no_defence, 65, ["nobody for DST slots", "cannot be filled"]),
        ("draftkings", String::new(), 65, ["no line has the columns", "Salary"]),
        (
            "draftknigs",
            slate.clone(),
            64,
            ["--site: no site \"draftknigs\"", "draftkings_showdown"],
        ),
        ("nowhere/mine.toml", slate, 64, ["--site: nowhere/mine.toml", "No such file"]),
    ] {
        let folder = Folder::new(&format!("optimize-players-{}", text.len()));
        let players = folder.file("players.csv", text);
        let (got, out, said) = outcome(scorewire(&["optimize", "--site", site, "--players", &players]));
        assert_eq!((got, out.as_str()), (Some(code), ""), "{said}");
        assert!(parts.iter().all(|part| said.contains(part)), "{said}");
    }
}

#[test]
fn every_site_reads_its_own_columns_and_writes_its_own_upload() {
    let folder = Folder::new("optimize-sites");
    let (mut fanduel, mut yahoo, mut showdown) = (
        "Id,Position,First Name,Nickname,Last Name,FPPG,Played,Salary,Game,Team,Opponent,Injury Indicator,Injury Details,Tier,,,Roster Position\n".to_owned(),
        "ID,First Name,Last Name,ID + Name,Position,Team,Opponent,Game,Time,Salary,FPPG,Injury Status,Starting\n".to_owned(),
        format!("{DRAFTKINGS}\n"),
    );
    for line in slate().lines().skip(1) {
        let f: Vec<&str> = line.split(',').collect();
        let (position, name, id, salary, game, team, points) = (f[0], f[2], f[3], f[5], f[6].split(' ').next().unwrap(), f[7], f[8]);
        let opponent = game.split('@').find(|other| *other != team).unwrap();
        let defence = |theirs: &'static str| if position == "DST" { theirs } else { position };
        fanduel += &format!(
            "9-{id},{},{name},{name},X,{points}00000001,3,{salary},{game},{team},{opponent},,,,,,\n",
            defence("D")
        );
        let cheap = salary.parse::<i32>().unwrap() / 250;
        yahoo += &format!(
            "nfl.p.{id},{name},Z,x,{},{team},{opponent},{game},1:00PM EDT,{cheap},{points},,\n",
            defence("DEF")
        );
        if team == "T0" || team == "T1" {
            let dear = salary.parse::<i32>().unwrap() * 3 / 2;
            showdown += &format!("{position},x,{name},9{id},CPT,{dear},{game} 09/24/2017 01:00PM ET,{team},{points}\n");
            showdown += &format!("{position},x,{name},{id},FLEX,{salary},{game} 09/24/2017 01:00PM ET,{team},{points}\n");
        }
    }
    for (site, text, header, field) in [
        ("fanduel", fanduel, "QB,RB,RB,WR,WR,WR,TE,FLEX,DEF", "9-1"),
        ("yahoo", yahoo, "QB,RB,RB,WR,WR,WR,TE,FLEX,DEF", "nfl.p.1"),
        ("draftkings_showdown", showdown, "CPT,FLEX,FLEX,FLEX,FLEX,FLEX", ""),
    ] {
        let (code, out, said) = optimize(&folder, site, &text, 20, "", "upload");
        assert_eq!(code, Some(0), "{site}: {said}");
        let lines: BTreeSet<&str> = out.lines().collect();
        assert_eq!((out.lines().next().unwrap(), lines.len()), (header, 21), "{site}");
        assert!(out.lines().nth(1).unwrap().split(',').all(|player| player.contains(field)), "{out}");
        let (_, out, _) = optimize(&folder, site, &text, 1, "", "json");
        let best: Value = serde_json::from_str(&out).unwrap();
        let players = best["lineups"][0]["players"].as_array().unwrap();
        let sum: f64 = players.iter().map(|player| player["projection"].as_f64().unwrap()).sum();
        assert!((sum - best["lineups"][0]["projection"].as_f64().unwrap()).abs() < 1e-6);
        let names: BTreeSet<&str> = players.iter().map(|player| player["name"].as_str().unwrap()).collect();
        assert_eq!(names.len(), players.len(), "{site}: a player once, whatever his role");
    }
    // A site of one's own: two quarterbacks and a defence.
    let own = "title = \"Mine\"\nsalary_cap = 20000\n[[slot]]\nname = \"QB\"\npositions = [\"QB\"]\ncount = 2\n[[slot]]\nname = \"D\"\npositions = [\"DST\"]\n[columns]\nid = [\"ID\"]\nname = [\"Name\"]\nposition = [\"Position\"]\nsalary = [\"Salary\"]\nteam = [\"TeamAbbrev\"]\ngame = [\"Game Info\"]\npoints = [\"AvgPointsPerGame\"]\n[upload]\nplayer = \"{id}\"\n";
    let own = folder.file("mine.toml", own);
    let text: String = slate()
        .lines()
        .filter(|line| ["Posi", "QB,Q", "DST,"].contains(&&line[..4]))
        .map(|line| format!("{line}\n"))
        .collect();
    let (code, out, said) = optimize(&folder, &own, &text, 1, "", "upload");
    assert_eq!((code, out.lines().next()), (Some(0), Some("QB,QB,D")), "{said}");
}

#[test]
fn where_work_runs_out_it_says_so() {
    let folder = Folder::new("optimize-work");
    let (code, out, said) = optimize(
        &folder,
        "draftkings",
        &slate(),
        150,
        "max_shared = 3\n[limits]\nwork = 3000\n",
        "json",
    );
    assert_eq!(code, Some(0), "{said}");
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(answer["complete"], false);
    assert!(said.contains("time or work ran out after"), "{said}");
    let (code, said) = refused("draftkings", &slate(), 150, "[limits]\nwork = 1\n");
    assert_eq!(code, Some(65));
    assert!(said.contains("whether there is one is not known"), "{said}");
}

/// What the best possible DraftKings lineup of the third week of 2017 scored, salaries and points as they were. The
/// same number comes from a mixed-integer solver (docs/optimizer.md).
const HINDSIGHT: f64 = 304.32;

#[test]
fn the_best_lineup_in_hindsight() {
    let Some(folder) = data("dev/2017w03") else { return };
    let rows = table(&folder.join("truth_dk_rotoguru.csv"));
    let mut teams: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    rows.iter()
        .for_each(|row| _ = teams.entry(&row["game_id"]).or_default().insert(&row["team"]));
    let mut text = format!("{DRAFTKINGS}\n");
    for (nth, row) in rows.iter().enumerate().filter(|(_, row)| !row["dk_salary"].is_empty()) {
        let game = teams[row["game_id"].as_str()].iter().copied().collect::<Vec<_>>().join("@");
        let (position, name, salary) = (&row["pos"], &row["name"], row["dk_salary"].trim_end_matches(".0"));
        text += &format!("{position},x,{name},{nth},,{salary},{game},{},{}\n", row["team"], row["dk_points"]);
    }
    let scratch = Folder::new("optimize-hindsight");
    let (code, out, said) = optimize(&scratch, "draftkings", &text, 1, "", "json");
    assert_eq!(code, Some(0), "{said}");
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(answer["lineups"][0]["projection"], HINDSIGHT, "{answer}");
    assert_eq!(answer["proven"], true);
}
