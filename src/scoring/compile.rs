//! From a ruleset file to a ruleset that scores: every check there is.
//!
//! Owns what is allowed. A stat is paid by a weight, by steps or by field-goal distance, never by two
//! of them; ranges have no gaps; a line of zeros is worth nothing. Never reads a file and never scores.
//! Bounded: a stat has at most one weight or step, of at most twice [`POINTS_ABS_MAX`], counters have
//! 32 bits and there are at most [`RULES_MAX`] rules, so that a score stays far below 2^63 units and
//! scoring needs no checks.

use super::compiled::{Bonus, Ladder, Ruleset, Step, Weight};
use super::file::{Amount, Per, Rounding, Row, RulesetFile};
use super::{RulesetError, registry};
use crate::model::stat::NAMES;
use crate::model::{Points, Stat, ids};
use compact_str::CompactString;
use std::collections::{BTreeMap, BTreeSet};

/// Most a single weight, step, bonus or row may pay or cost.
pub const POINTS_ABS_MAX: Points = Points(1_000 * Points::SCALE);
/// Most weights, steps, bonuses and rows in one ruleset, those of positions included.
pub const RULES_MAX: usize = 256;
/// Highest count, either way, in a step, threshold or range.
pub const COUNT_ABS_MAX: i32 = 1_000_000;
/// Most positions with weights of their own.
pub const POSITIONS_MAX: usize = 32;

/// First yards of the distance brackets that stat lines keep of field goals.
const FIELD_GOAL_EDGES: [i32; 6] = [0, 20, 30, 40, 50, 60];
/// The counters of those brackets. They overlap: 0–39 holds the first three, 50+ holds 60+.
const FIELD_GOAL_STATS: [Stat; 7] = [
    Stat::FieldGoals0To39,
    Stat::FieldGoals0To19,
    Stat::FieldGoals20To29,
    Stat::FieldGoals30To39,
    Stat::FieldGoals40To49,
    Stat::FieldGoals50Plus,
    Stat::FieldGoals60Plus,
];

/// The key at fault and what is wrong with it.
type Fault = (String, String);
type Units = BTreeMap<Stat, i64>;

/// Checks a file and makes a ruleset of it; `file` names it in errors.
///
/// # Errors
/// [`RulesetError::Name`] and [`RulesetError::Invalid`], the latter with the key and what is allowed.
pub fn compile(file: &str, name: &str, rules: &RulesetFile) -> Result<Ruleset, RulesetError> {
    if !ids::is_well_formed(name) {
        return Err(RulesetError::Name {
            file: file.to_owned(),
            name: name.to_owned(),
        });
    }
    build(name, rules).map_err(|(at, problem)| RulesetError::Invalid {
        file: file.to_owned(),
        at,
        problem,
    })
}

fn build(name: &str, rules: &RulesetFile) -> Result<Ruleset, Fault> {
    check_size(rules)?;
    let mut common = weights("weights", &rules.weights)?;
    let steps = steps(&rules.per, &mut common)?;
    field_goals(rules, &mut common)?;
    let (positions, overrides) = positions(rules, &common)?;
    let weights = std::iter::once(common).chain(overrides).map(flat).collect();
    Ok(Ruleset {
        name: CompactString::new(name),
        title: rules.title.clone(),
        description: rules.description.trim().to_owned(),
        source: rules.source.clone(),
        read_on: read_on(rules)?,
        positions,
        weights,
        steps,
        bonuses: bonuses(rules)?,
        ladders: ladders(rules)?,
    })
}

fn fault<T>(at: impl Into<String>, problem: impl Into<String>) -> Result<T, Fault> {
    Err((at.into(), problem.into()))
}

fn check_size(rules: &RulesetFile) -> Result<(), Fault> {
    let of_positions: usize = rules.positions.values().map(|p| p.weights.len()).sum();
    let of_tiers: usize = rules.tier.iter().map(|t| t.rows.len()).sum();
    let count = rules.weights.len() + rules.per.len() + rules.threshold.len() + rules.field_goals.len() + of_positions + of_tiers;
    if count > RULES_MAX {
        return fault("file", format!("{count} rules; at most {RULES_MAX} fit in a ruleset"));
    }
    if rules.positions.len() > POSITIONS_MAX {
        return fault("positions", format!("{} positions; at most {POSITIONS_MAX}", rules.positions.len()));
    }
    Ok(())
}

fn read_on(rules: &RulesetFile) -> Result<Option<String>, Fault> {
    match (&rules.source, &rules.read_on) {
        (None, None) => Ok(None),
        (Some(_), Some(day)) if day.date.is_some() && day.time.is_none() => Ok(Some(day.to_string())),
        (_, Some(day)) if day.time.is_some() || day.date.is_none() => fault("read_on", "a day is wanted, such as 2026-01-31"),
        (Some(_), None) => fault("read_on", "a `source` needs the day it was read, such as 2026-01-31"),
        (None, _) | (Some(_), Some(_)) => fault("source", "`read_on` needs the `source` that was read"),
    }
}

/// The stat of that name, or the one that was probably meant.
fn stat(at: &str, name: &str) -> Result<Stat, Fault> {
    if let Some(stat) = Stat::from_name(name) {
        return Ok(stat);
    }
    let known = || NAMES.iter().filter(|(s, _)| *s != Stat::Begun).map(|(_, n)| *n);
    let nearest = known().map(|n| (distance(name, n), n)).min();
    match nearest {
        Some((edits, near)) if edits <= 1 + near.len() / 4 => fault(at, format!("unknown stat `{name}`; did you mean `{near}`?")),
        _ => fault(
            at,
            format!("unknown stat `{name}`; known are {}", known().collect::<Vec<_>>().join(", ")),
        ),
    }
}

/// Levenshtein distance, in bytes. Both are short: a key of a bounded file and a stat name.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

fn units(at: &str, Amount(points): Amount) -> Result<i64, Fault> {
    if points > POINTS_ABS_MAX || -points > POINTS_ABS_MAX {
        return fault(at, format!("{points} points; at most {POINTS_ABS_MAX}, either way"));
    }
    Ok(points.0)
}

/// A count in the unit of the counter: sacks are counted in halves.
fn counters(at: &str, of: Stat, count: i32) -> Result<i32, Fault> {
    if !(-COUNT_ABS_MAX..=COUNT_ABS_MAX).contains(&count) {
        return fault(at, format!("{count} is out of range; at most {COUNT_ABS_MAX}, either way"));
    }
    Ok(count * of.units())
}

/// Points per `every` counters as points per counter, where that is exact.
fn share(at: &str, of: Stat, points: i64, every: i32) -> Result<i64, Fault> {
    let counters = i64::from(every) * i64::from(of.units());
    if points % counters != 0 {
        let what = match of.units() {
            2 => format!("half of {}", of.name()),
            _ => format!("one of {}", of.name()),
        };
        let problem = format!("{} points for {every} make {what} worth a part of 0.0001 points", Points(points));
        return fault(
            at,
            format!("{problem}, which cannot be held; use whole steps (rounding = \"down\") or a rounder weight"),
        );
    }
    Ok(points / counters)
}

fn weights(table: &str, written: &BTreeMap<String, Amount>) -> Result<Units, Fault> {
    let mut weights = Units::new();
    for (name, amount) in written {
        let at = format!("{table}.{name}");
        let of = stat(&at, name)?;
        weights.insert(of, share(&at, of, units(&at, *amount)?, 1)?);
    }
    Ok(weights)
}

fn steps(written: &[Per], common: &mut Units) -> Result<Box<[Step]>, Fault> {
    let mut steps = Vec::new();
    let mut seen = BTreeSet::new();
    for (i, per) in written.iter().enumerate() {
        let at = format!("per #{} ({})", i + 1, per.stat);
        let of = stat(&at, &per.stat)?;
        if per.every < 1 {
            return fault(at, format!("every = {}; at least 1", per.every));
        }
        if common.contains_key(&of) || !seen.insert(of) {
            return fault(at, "paid twice; a stat has a weight or one [[per]]");
        }
        let every = counters(&at, of, per.every)?;
        let points = units(&at, per.points)?;
        match per.rounding {
            Rounding::None => {
                common.insert(of, share(&at, of, points, per.every)?);
            }
            Rounding::Down | Rounding::Floor => steps.push(Step {
                stat: of,
                every: i64::from(every),
                units: points,
                floor: per.rounding == Rounding::Floor,
            }),
        }
    }
    Ok(steps.into())
}

fn bonuses(rules: &RulesetFile) -> Result<Box<[Bonus]>, Fault> {
    let mut seen = BTreeSet::new();
    let mut bonuses = Vec::new();
    for (i, threshold) in rules.threshold.iter().enumerate() {
        let at = format!("threshold #{} ({})", i + 1, threshold.stat);
        let of = stat(&at, &threshold.stat)?;
        if threshold.at_least < 1 {
            return fault(
                at,
                format!("at_least = {}; at least 1, or everybody would have it", threshold.at_least),
            );
        }
        if !seen.insert((of, threshold.at_least)) {
            return fault(at, format!("at_least = {} stands twice", threshold.at_least));
        }
        bonuses.push(Bonus {
            stat: of,
            at_least: counters(&at, of, threshold.at_least)?,
            units: units(&at, threshold.points)?,
        });
    }
    Ok(bonuses.into())
}

/// Checks that the rows follow one another without gap or overlap up to an open end.
fn check_rows(at: &str, rows: &[Row]) -> Result<(), Fault> {
    let Some(last) = rows.last() else {
        return fault(at, "no rows");
    };
    for (row, next) in rows.iter().zip(&rows[1..]) {
        match row.to {
            None => return fault(at, format!("the row from {} has no `to`, but is not the last", row.from)),
            Some(to) if to < row.from => return fault(at, format!("the row from {} ends before it begins, at {to}", row.from)),
            Some(to) if next.from > to.saturating_add(1) => {
                return fault(
                    at,
                    format!(
                        "gap between {to} and {}; the next row begins at {}",
                        next.from,
                        to.saturating_add(1)
                    ),
                );
            }
            Some(to) if next.from <= to => return fault(at, format!("the rows up to {to} and from {} overlap", next.from)),
            Some(_) => {}
        }
    }
    if let Some(to) = last.to {
        return fault(at, format!("nothing is said of more than {to}; leave out the last row's `to`"));
    }
    Ok(())
}

fn ladders(rules: &RulesetFile) -> Result<Box<[Ladder]>, Fault> {
    let mut seen = BTreeSet::new();
    let mut ladders = Vec::new();
    for (i, tier) in rules.tier.iter().enumerate() {
        let at = format!("tier #{} ({})", i + 1, tier.stat);
        let of = stat(&at, &tier.stat)?;
        if !seen.insert(of) {
            return fault(at, "stands twice; a stat has one [[tier]]");
        }
        check_rows(&at, &tier.rows)?;
        if tier.rows[0].from > 0 {
            return fault(
                at,
                format!("nothing is said of 0 to {}; the first row begins at 0", tier.rows[0].from - 1),
            );
        }
        let mut rows = Vec::new();
        for row in &tier.rows {
            rows.push((counters(&at, of, row.from)?, units(&at, row.points)?));
        }
        let at_zero = rows.iter().take_while(|(from, _)| *from <= 0).last().map_or(0, |(_, units)| *units);
        if at_zero != 0 && of != Stat::PointsAllowed {
            return fault(
                at,
                "the row that holds 0 has to pay 0: only points_allowed pays before anything happened",
            );
        }
        ladders.push(Ladder {
            stat: of,
            rows: rows.into(),
        });
    }
    Ok(ladders.into())
}

/// Turns rows by distance into weights of the counters, which overlap.
fn field_goals(rules: &RulesetFile, common: &mut Units) -> Result<(), Fault> {
    let (at, rows) = ("field_goals", &rules.field_goals);
    if rows.is_empty() {
        return Ok(());
    }
    let paid = |s: &&Stat| common.contains_key(s) || rules.per.iter().any(|per| per.stat == s.name());
    if let Some(twice) = FIELD_GOAL_STATS.iter().find(paid) {
        return fault(at, format!("{} is paid too; use [[field_goals]] or that, not both", twice.name()));
    }
    check_rows(at, rows)?;
    if rows[0].from != 0 {
        return fault(
            at,
            format!("nothing is said of 0 to {}; the first row begins at 0", rows[0].from - 1),
        );
    }
    for row in rows {
        if !FIELD_GOAL_EDGES.contains(&row.from) {
            let allowed = "0, 20, 30, 40, 50 or 60, so that `to` is 19, 29, 39, 49, 59 or absent";
            return fault(
                at,
                format!("a row cannot begin at {} yards; stat lines know distances from {allowed}", row.from),
            );
        }
    }
    let mut by_edge = [0i64; FIELD_GOAL_EDGES.len()];
    for (edge, paid) in FIELD_GOAL_EDGES.iter().zip(&mut by_edge) {
        let row = rows.iter().rev().find(|row| row.from <= *edge).unwrap_or(&rows[0]);
        *paid = units(at, row.points)?;
    }
    let [to_19, to_29, to_39, to_49, from_50, from_60] = by_edge;
    common.insert(Stat::FieldGoals0To39, to_39);
    common.insert(Stat::FieldGoals0To19, to_19 - to_39);
    common.insert(Stat::FieldGoals20To29, to_29 - to_39);
    common.insert(Stat::FieldGoals40To49, to_49);
    common.insert(Stat::FieldGoals50Plus, from_50);
    common.insert(Stat::FieldGoals60Plus, from_60 - from_50);
    Ok(())
}

fn positions(rules: &RulesetFile, common: &Units) -> Result<(Box<[CompactString]>, Vec<Units>), Fault> {
    let mut names: Vec<CompactString> = Vec::new();
    let mut overrides = Vec::new();
    for (name, position) in &rules.positions {
        let table = format!("positions.{name}");
        if !ids::is_well_formed(name) {
            return fault(table, "not a position: 1 to 64 printable ASCII characters without space");
        }
        if names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            return fault(table, "stands twice; upper and lower case are the same");
        }
        let mut own = common.clone();
        for (of, units) in weights(&format!("{table}.weights"), &position.weights)? {
            let by_distance = FIELD_GOAL_STATS.contains(&of) && !rules.field_goals.is_empty();
            if by_distance || rules.per.iter().any(|per| per.stat == of.name()) {
                let problem = "everybody is paid for it by [[per]] or [[field_goals]]; a position replaces weights only";
                return fault(format!("{table}.weights.{}", of.name()), problem);
            }
            own.insert(of, units);
        }
        names.push(CompactString::new(name));
        overrides.push(own);
    }
    Ok((names.into(), overrides))
}

/// The weights that pay anything, in line order.
fn flat(weights: Units) -> Box<[Weight]> {
    let paying = weights.into_iter().filter(|(_, units)| *units != 0);
    paying.map(|(stat, units)| Weight { stat, units }).collect()
}

// Both indices are a byte.
const _: () = assert!(POSITIONS_MAX < 256);
const _: () = assert!(registry::RULESETS_MAX <= 256);
