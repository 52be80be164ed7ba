//! Tests of scoring: the rules themselves here, the sites' published rows in `sites`, what a file may
//! not say in `refusals`, recorded box scores in `recorded`.

mod recorded;
mod refusals;
mod sites;

use super::compile::compile;
use super::compiled::DST_POSITION;
use super::file::RulesetFile;
use super::{PositionIndex, Ruleset, RulesetError, Rulesets};
use crate::model::stat::NAMES;
use crate::model::{PlayerId, Points, Stat, StatLine, Team};
use proptest::prelude::*;

/// A ruleset from what stands below its title.
fn ruleset(body: &str) -> Result<Ruleset, RulesetError> {
    let text = format!("title = \"Test\"\n{body}");
    compile("test.toml", "test", &RulesetFile::parse("test.toml", &text)?)
}

fn points(text: &str) -> Points {
    Points::parse(text).unwrap()
}

/// A line of `name count` pairs, counts as on the wire: `"sacks 0.5 points_allowed 7"`.
/// Points allowed are those of a defence whose game has begun.
fn line(text: &str) -> StatLine {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut line = StatLine::ZERO;
    for pair in words.chunks(2) {
        let stat = Stat::from_name(pair[0]).unwrap();
        let count = points(pair[1]).0 * i64::from(stat.units()) / Points::SCALE;
        line.add(stat, i32::try_from(count).unwrap());
        if stat == Stat::PointsAllowed {
            line.add(Stat::Begun, 1);
        }
    }
    line
}

fn check(rules: &Ruleset, position: Option<&str>, table: &[(&str, &str)]) {
    for (stats, expected) in table {
        let scored = rules.score(&line(stats), rules.position(position));
        assert_eq!(scored, points(expected), "{}, {position:?}: {stats}", rules.name());
    }
}

#[test]
fn an_amount_is_the_decimal_that_was_typed() {
    let rules = ruleset("[weights]\npassing_yards = 0.04\nrushing_yards = \"0.1\"\nreceptions = 1\ntargets = -0.0001\n").unwrap();
    check(
        &rules,
        None,
        &[
            ("passing_yards 1", "0.04"),
            ("rushing_yards 3", "0.3"),
            ("receptions 7", "7"),
            ("targets 3", "-0.0003"),
        ],
    );
}

#[test]
fn a_bonus_is_paid_once_and_taken_back() {
    let rules = ruleset(
        "[[threshold]]\nstat = \"rushing_yards\"\nat_least = 100\npoints = 3\n\
         [[threshold]]\nstat = \"rushing_yards\"\nat_least = 200\npoints = 2.5\n",
    )
    .unwrap();
    check(
        &rules,
        None,
        &[
            ("rushing_yards 99", "0"),
            ("rushing_yards 100", "3"),
            ("rushing_yards 199", "3"),
            ("rushing_yards 200", "5.5"),
            ("rushing_yards 450", "5.5"),
        ],
    );
    let mut corrected = line("rushing_yards 103");
    corrected.add(Stat::RushingYards, -4);
    assert_eq!(rules.score(&corrected, PositionIndex::COMMON), Points::ZERO);
}

#[test]
fn steps_round_as_they_say() {
    let per = |rounding| {
        ruleset(&format!(
            "[[per]]\nstat = \"passing_yards\"\nevery = 25\npoints = 1\nrounding = \"{rounding}\"\n"
        ))
        .unwrap()
    };
    let yards = ["24", "25", "49", "50", "-1", "-24", "-25", "-26"];
    for (rounding, expected) in [
        ("down", ["0", "1", "1", "2", "0", "0", "-1", "-1"]),
        ("floor", ["0", "1", "1", "2", "-1", "-1", "-1", "-2"]),
        ("none", ["0.96", "1", "1.96", "2", "-0.04", "-0.96", "-1", "-1.04"]),
    ] {
        let rules = per(rounding);
        for (yards, expected) in yards.iter().zip(expected) {
            check(&rules, None, &[(&format!("passing_yards {yards}"), expected)]);
        }
    }
}

#[test]
fn half_sacks_are_exact() {
    let rules = ruleset(
        "[weights]\nsacks = 1.25\n[[threshold]]\nstat = \"sacks\"\nat_least = 3\npoints = 10\n\
         [[tier]]\nstat = \"sacks\"\nrows = [{ from = 0, to = 4, points = 0 }, { from = 5, points = 100 }]\n",
    )
    .unwrap();
    check(
        &rules,
        None,
        &[
            ("sacks 0.5", "0.625"),
            ("sacks 2.5", "3.125"),
            ("sacks 3", "13.75"),
            ("sacks 4.5", "15.625"),
            ("sacks 5", "116.25"),
        ],
    );
    let steps = ruleset("[[per]]\nstat = \"sacks\"\nevery = 2\npoints = 3\nrounding = \"down\"\n").unwrap();
    check(
        &steps,
        None,
        &[("sacks 1.5", "0"), ("sacks 2", "3"), ("sacks 3.5", "3"), ("sacks 4", "6")],
    );
}

#[test]
fn points_allowed_count_once_the_game_has_begun() {
    let rulesets = Rulesets::embedded();
    for (_, rules) in rulesets.iter() {
        let mut shutout = StatLine::ZERO;
        assert_eq!(rules.score(&shutout, PositionIndex::COMMON), Points::ZERO, "{}", rules.name());
        shutout.add(Stat::Begun, 1);
        assert_eq!(rules.score(&shutout, PositionIndex::COMMON), points("10"), "{}", rules.name());
    }
}

#[test]
fn a_position_has_weights_of_its_own() {
    let rules = ruleset(
        "[weights]\nreceptions = 1\nreceiving_yards = 0.1\n\
         [positions.TE.weights]\nreceptions = 1.5\n[positions.QB.weights]\nreceptions = 0\n",
    )
    .unwrap();
    let caught = [("receptions 6 receiving_yards 50", "11")];
    check(&rules, None, &caught);
    check(&rules, Some("WR"), &caught);
    check(&rules, Some("TE"), &[("receptions 6 receiving_yards 50", "14")]);
    check(&rules, Some("te"), &[("receptions 6 receiving_yards 50", "14")]);
    check(&rules, Some("QB"), &[("receptions 6 receiving_yards 50", "5")]);
}

#[test]
fn a_defence_has_its_position_whatever_the_feed_says() {
    let rules = ruleset("[positions.DST.weights]\nreturn_tds = 6\n").unwrap();
    let defence = PlayerId::dst(&Team::new("AAA").unwrap());
    let player = PlayerId::new("00-1").unwrap();
    let returned = line("return_tds 1");
    assert_eq!(rules.score(&returned, rules.position_of(&defence, None)), points("6"));
    assert_eq!(rules.score(&returned, rules.position_of(&defence, Some("WR"))), points("6"));
    assert_eq!(rules.score(&returned, rules.position_of(&player, Some("WR"))), Points::ZERO);
    assert_eq!(rules.position(Some(DST_POSITION)), rules.position_of(&defence, None));
}

#[test]
fn field_goals_are_paid_once_by_distance() {
    let rows: String = [
        (0, "19", 1),
        (20, "29", 2),
        (30, "39", 3),
        (40, "49", 4),
        (50, "59", 5),
        (60, "", 6),
    ]
    .iter()
    .map(|(from, to, points)| {
        let to = if to.is_empty() { String::new() } else { format!("to = {to}\n") };
        format!("[[field_goals]]\nfrom = {from}\n{to}points = {points}\n")
    })
    .collect();
    let fine = ruleset(&rows).unwrap();
    let coarse = ruleset("[[field_goals]]\nfrom = 0\nto = 49\npoints = 3\n[[field_goals]]\nfrom = 50\npoints = 5\n").unwrap();
    for (yards, by_ten, by_fifty) in [
        (18, 1, 3),
        (19, 1, 3),
        (20, 2, 3),
        (39, 3, 3),
        (40, 4, 3),
        (49, 4, 3),
        (50, 5, 5),
        (59, 5, 5),
        (60, 6, 5),
        (66, 6, 5),
    ] {
        let mut kick = StatLine::ZERO;
        for bracket in crate::model::gsis::field_goal_brackets(yards) {
            kick.add(*bracket, 1);
        }
        assert_eq!(fine.score(&kick, PositionIndex::COMMON), Points(by_ten * Points::SCALE), "{yards}");
        assert_eq!(
            coarse.score(&kick, PositionIndex::COMMON),
            Points(by_fifty * Points::SCALE),
            "{yards}"
        );
    }
}

#[test]
fn the_index_of_another_ruleset_scores_as_nobody_special() {
    let rules = ruleset("[weights]\nreceptions = 1\n").unwrap();
    assert_eq!(rules.score(&line("receptions 2"), PositionIndex(9)), points("2"));
}

#[test]
fn extreme_lines_do_not_overflow() {
    let all: String = NAMES
        .iter()
        .filter(|(s, _)| *s != Stat::Begun)
        .map(|(_, n)| format!("{n} = 1000\n"))
        .collect();
    let rules = ruleset(&format!("[weights]\n{all}")).unwrap();
    for extreme in [i32::MAX, i32::MIN] {
        let mut line = StatLine::ZERO;
        for (stat, _) in NAMES {
            line.add(stat, extreme);
        }
        let per_stat = i64::from(extreme) * 1_000 * Points::SCALE;
        // Half a sack is paid half.
        assert_eq!(rules.score(&line, PositionIndex::COMMON).0, per_stat * 36 + per_stat / 2);
    }
}

fn any_line() -> impl Strategy<Value = StatLine> {
    prop::collection::vec(-300i32..600, NAMES.len()).prop_map(|counts| {
        let mut line = StatLine::ZERO;
        for ((stat, _), count) in NAMES.iter().zip(counts) {
            line.add(*stat, count);
        }
        line
    })
}

proptest! {
    #[test]
    fn the_same_line_is_always_worth_the_same(before in any_line(), after in any_line()) {
        for (_, rules) in Rulesets::embedded().iter() {
            let directly = rules.score(&after, PositionIndex::COMMON);
            let mut moved = before;
            let _ = rules.score(&moved, PositionIndex::COMMON);
            moved.apply(&after.difference(&before));
            prop_assert_eq!(rules.score(&moved, PositionIndex::COMMON), directly);
        }
    }

    #[test]
    fn weights_add_up_however_a_line_came_about(
        counts in prop::collection::vec(-300i32..600, NAMES.len()),
        weights in prop::collection::vec(-50_000i64..50_000, NAMES.len()),
    ) {
        let mut body = String::from("[weights]\n");
        let mut expected = 0i64;
        let mut line = StatLine::ZERO;
        for (((stat, name), count), weight) in NAMES.iter().zip(&counts).zip(&weights) {
            if *stat != Stat::Begun {
                let weight = weight - weight % i64::from(stat.units());
                body.push_str(&format!("{name} = \"{}\"\n", Points(weight)));
                expected += i64::from(*count) * weight / i64::from(stat.units());
                line.add(*stat, *count);
            }
        }
        let rules = ruleset(&body).unwrap();
        prop_assert_eq!(rules.score(&line, PositionIndex::COMMON), Points(expected));
        let mut sum = Points::ZERO;
        for (stat, amount) in line.difference(&StatLine::ZERO).iter() {
            let mut alone = StatLine::ZERO;
            alone.add(stat, amount);
            sum += rules.score(&alone, PositionIndex::COMMON);
        }
        prop_assert_eq!(sum, Points(expected));
    }

    #[test]
    fn a_float_means_what_it_says(units in -10_000_000i64..10_000_000) {
        let written = Points(units);
        let with_point = if units % Points::SCALE == 0 { format!("{written}.0") } else { written.to_string() };
        let rules = ruleset(&format!("[weights]\nreceptions = {with_point}\n")).unwrap();
        prop_assert_eq!(rules.score(&line("receptions 1"), PositionIndex::COMMON), written);
    }
}
