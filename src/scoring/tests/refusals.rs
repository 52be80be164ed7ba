//! What a file may not say, each with the line a person reads; and folders.

use super::*;
use crate::scoring::compile::{POSITIONS_MAX, RULES_MAX};
use crate::scoring::file::FILE_BYTES_MAX;
use crate::scoring::registry::RULESETS_MAX;
use std::path::{Path, PathBuf};

fn refusal(body: &str) -> String {
    let message = ruleset(body).map(|r| r.name().to_owned()).unwrap_err().to_string();
    assert!(!message.contains('\n'), "more than one line: {message:?}");
    assert!(message.starts_with("test.toml: "), "{message:?}");
    message
}

#[track_caller]
fn refuses(body: &str, part: &str) {
    let message = refusal(body);
    assert!(message.contains(part), "{body:?}\n  said  {message}\n  not   {part}");
}

#[test]
fn keys_and_amounts() {
    refuses(
        "[weights]\npasing_yards = 1",
        "weights.pasing_yards: unknown stat `pasing_yards`; did you mean `passing_yards`?",
    );
    refuses(
        "[weights]\nbegun = 1",
        "weights.begun: unknown stat `begun`; known are passing_yards, ",
    );
    refuses("wieghts = 1", "line 2: unknown field `wieghts`, expected one of");
    refuses("[weights\nreceptions = 1", "line 2: ");
    refuses("[weights]\nreceptions = 1\nreceptions = 2", "line 4: duplicate key");
    refuses("[weights]\nreceptions = 0.12345", "line 3: `0.12345` is no exact amount of points");
    refuses("[weights]\nreceptions = nan", "line 3: `NaN` is no exact amount");
    refuses("[weights]\nreceptions = \"half\"", "line 3: `half` is no exact amount");
    refuses(
        "[weights]\nreceptions = true",
        "line 3: invalid type: boolean `true`, expected points",
    );
    refuses(
        "[weights]\nreceptions = 1000.0001",
        "weights.receptions: 1000.0001 points; at most 1000",
    );
    refuses(
        "[weights]\nsacks = 0.0001",
        "weights.sacks: 0.0001 points for 1 make half of sacks worth a part of 0.0001",
    );
    refuses(&format!("description = \"{}\"", "x".repeat(FILE_BYTES_MAX)), "size: ");
    let untitled = RulesetFile::parse("f.toml", "[weights]\n").unwrap_err().to_string();
    assert!(untitled.contains("missing field `title`"), "{untitled}");
}

#[test]
fn citations() {
    refuses("source = \"https://example.org\"", "read_on: a `source` needs the day");
    refuses("read_on = 2026-01-31", "source: `read_on` needs the `source`");
    refuses(
        "source = \"https://example.org\"\nread_on = 2026-01-31T10:00:00Z",
        "read_on: a day is wanted",
    );
    refuses("source = \"https://example.org\"\nread_on = 10:00:00", "read_on: a day is wanted");
    let cited = ruleset("source = \"https://example.org\"\nread_on = 2026-01-31").unwrap();
    assert_eq!(cited.source(), Some(("https://example.org", "2026-01-31")));
}

#[test]
fn steps() {
    let per = |stat: &str, every: &str, points: &str, rounding: &str| {
        format!("[[per]]\nstat = \"{stat}\"\nevery = {every}\npoints = {points}\nrounding = \"{rounding}\"\n")
    };
    refuses(
        &per("passing_yrds", "25", "1", "down"),
        "per #1 (passing_yrds): unknown stat `passing_yrds`; did you mean `passing_yards`?",
    );
    refuses(&per("passing_yards", "0", "1", "down"), "every = 0; at least 1");
    refuses(&per("passing_yards", "2000000", "1", "down"), "2000000 is out of range");
    refuses(
        &per("receptions", "3", "1", "none"),
        "1 points for 3 make one of receptions worth a part of 0.0001 points",
    );
    refuses(
        &per("receptions", "3", "1", "up"),
        "unknown variant `up`, expected one of `down`, `floor`, `none`",
    );
    refuses(
        &format!("[weights]\nreceptions = 1\n{}", per("receptions", "3", "1", "down")),
        "per #1 (receptions): paid twice",
    );
    refuses(&per("receptions", "3", "1", "down").repeat(2), "per #2 (receptions): paid twice");
    refuses(
        "[[per]]\nstat = \"receptions\"\nevery = 3\npoints = 1\n",
        "missing field `rounding`",
    );
}

#[test]
fn bonuses_and_tiers() {
    let bonus = |at_least: i32| format!("[[threshold]]\nstat = \"receptions\"\nat_least = {at_least}\npoints = 1\n");
    refuses(&bonus(0), "threshold #1 (receptions): at_least = 0; at least 1");
    refuses(&bonus(5).repeat(2), "threshold #2 (receptions): at_least = 5 stands twice");
    let tier = |stat: &str, rows: &str| format!("[[tier]]\nstat = \"{stat}\"\nrows = [{rows}]\n");
    let allowed = |rows: &str| tier("points_allowed", rows);
    refuses(&allowed(""), "tier #1 (points_allowed): no rows");
    refuses(
        &allowed("{from=0,to=6,points=7},{from=8,points=1}"),
        "gap between 6 and 8; the next row begins at 7",
    );
    refuses(
        &allowed("{from=0,to=6,points=7},{from=6,points=1}"),
        "the rows up to 6 and from 6 overlap",
    );
    refuses(
        &allowed("{from=7,points=7},{from=0,to=6,points=1}"),
        "the row from 7 has no `to`, but is not the last",
    );
    refuses(
        &allowed("{from=6,to=0,points=7},{from=1,points=1}"),
        "the row from 6 ends before it begins",
    );
    refuses(&allowed("{from=0,to=6,points=7}"), "nothing is said of more than 6");
    refuses(&allowed("{from=1,points=7}"), "nothing is said of 0 to 0");
    refuses(&tier("receptions", "{from=0,points=7}"), "the row that holds 0 has to pay 0");
    refuses(&allowed("{from=0,points=7}").repeat(2), "tier #2 (points_allowed): stands twice");
    refuses(&allowed("{from=0,points=7,upto=3}"), "unknown field `upto`");
}

#[test]
fn field_goals_keep_to_the_brackets() {
    let rows = |first_to: i32, next: i32| {
        format!("[[field_goals]]\nfrom = 0\nto = {first_to}\npoints = 3\n[[field_goals]]\nfrom = {next}\npoints = 4\n")
    };
    refuses(
        &rows(44, 45),
        "field_goals: a row cannot begin at 45 yards; stat lines know distances from 0, 20, 30, 40, 50 or 60",
    );
    refuses(&rows(39, 50), "gap between 39 and 50");
    refuses(
        "[[field_goals]]\nfrom = 20\npoints = 3\n",
        "field_goals: nothing is said of 0 to 19",
    );
    refuses(
        &format!("[weights]\nfield_goals_50_plus = 1\n{}", rows(39, 40)),
        "field_goals: field_goals_50_plus is paid too",
    );
    let per = "[[per]]\nstat = \"field_goals_0_39\"\nevery = 2\npoints = 1\nrounding = \"down\"\n";
    refuses(&format!("{per}{}", rows(39, 40)), "field_goals: field_goals_0_39 is paid too");
}

#[test]
fn positions() {
    refuses(
        "[positions.TE.weights]\nrecptions = 1",
        "positions.TE.weights.recptions: unknown stat `recptions`; did you mean `receptions`?",
    );
    refuses("[positions.TE]\nthreshold = []", "unknown field `threshold`, expected `weights`");
    refuses("[positions.\"T E\".weights]\nreceptions = 1", "positions.T E: not a position");
    refuses(
        "[positions.te.weights]\nreceptions = 1\n[positions.TE.weights]\nreceptions = 1",
        "positions.te: stands twice",
    );
    let per = "[[per]]\nstat = \"receptions\"\nevery = 2\npoints = 1\nrounding = \"none\"\n";
    refuses(
        &format!("{per}[positions.TE.weights]\nreceptions = 1"),
        "positions.TE.weights.receptions: everybody is paid for it by [[per]]",
    );
    let many: String = (0..=POSITIONS_MAX).map(|i| format!("[positions.P{i}]\nweights = {{}}\n")).collect();
    refuses(&many, "positions: 33 positions; at most 32");
    let bonuses: String = (0..=RULES_MAX)
        .map(|i| format!("[[threshold]]\nstat = \"receptions\"\nat_least = {}\npoints = 1\n", i + 1))
        .collect();
    refuses(&bonuses, "file: 257 rules; at most 256");
}

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("scorewire-rulesets-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.0.join(file), text).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_users_file_is_added_or_replaces() {
    let folder = Folder::new("overlay");
    folder.write("my_league.toml", "title = \"Mine\"\n[weights]\nreceptions = 2\n");
    folder.write("ppr.toml", "title = \"Our PPR\"\n[weights]\nreceptions = 3\n");
    folder.write("notes.txt", "not a ruleset");
    let all = Rulesets::embedded().overlay(Rulesets::load_dir(&folder.0).unwrap()).unwrap();
    let names: Vec<&str> = all.iter().map(|(_, r)| r.name()).collect();
    assert_eq!(
        names,
        ["draftkings", "fanduel", "half_ppr", "my_league", "ppr", "standard", "yahoo"]
    );
    assert_eq!(all.get("ppr").unwrap().title(), "Our PPR");
    assert!(all.get("nothing").is_none() && all.index("PPR").is_none());
    for (index, rules) in all.iter() {
        assert_eq!(all.index(rules.name()), Some(index));
        assert_eq!(all.by_index(index).name(), rules.name());
        assert_eq!(index.place(), names.iter().position(|n| *n == rules.name()).unwrap());
    }
    assert_eq!((all.len(), all.is_empty()), (7, false));
}

#[test]
fn folders_that_cannot_be_used_say_why() {
    let missing = Rulesets::load_dir(Path::new("/nonexistent/rulesets")).unwrap_err().to_string();
    assert!(missing.starts_with("/nonexistent/rulesets: "), "{missing}");
    let folder = Folder::new("refused");
    assert!(Rulesets::load_dir(&folder.0).unwrap().is_empty());
    folder.write("a b.toml", "title = \"x\"\n");
    let named = Rulesets::load_dir(&folder.0).unwrap_err();
    assert!(matches!(&named, RulesetError::Name { name, .. } if name == "a b"), "{named}");
    std::fs::remove_file(folder.0.join("a b.toml")).unwrap();
    folder.write("big.toml", &format!("title = \"{}\"\n", "x".repeat(2 * FILE_BYTES_MAX)));
    let big = Rulesets::load_dir(&folder.0).unwrap_err().to_string();
    assert!(big.contains("big.toml: size: "), "{big}");
    for i in 0..RULESETS_MAX {
        folder.write(&format!("r{i}.toml"), "title = \"x\"\n");
    }
    let many = Rulesets::load_dir(&folder.0).unwrap_err().to_string();
    assert_eq!(many, "65 rulesets, but at most 64 can be loaded");
    std::fs::remove_file(folder.0.join("big.toml")).unwrap();
    let full = Rulesets::load_dir(&folder.0).unwrap();
    assert!(matches!(
        Rulesets::embedded().overlay(full),
        Err(RulesetError::TooMany { count: 70, max: 64 })
    ));
}

#[test]
fn the_built_in_rulesets_are_the_files_in_config_and_cite_their_rules() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/rulesets");
    let (embedded, files) = (Rulesets::embedded(), Rulesets::load_dir(&folder).unwrap());
    let names = |all: &Rulesets| -> Vec<String> { all.iter().map(|(_, r)| r.name().to_owned()).collect() };
    assert_eq!(names(&embedded), names(&files));
    for (_, rules) in embedded.iter() {
        let (source, read_on) = rules.source().unwrap();
        assert!(source.starts_with("http") && read_on.len() == 10, "{}", rules.name());
        assert!(!rules.description().is_empty(), "{}", rules.name());
    }
}
