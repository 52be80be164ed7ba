//! Why there is no lineup: a smallest set of constraints that cannot hold together.
//!
//! Each constraint is left out in turn; what makes no difference stays out, so that each of those left would, left
//! out, make room. Pure; bounded by the work it is given.

use super::constraints::Constraints;
use super::pool::Player;
use super::portfolio::{Ended, build};
use super::search::Budget;
use super::site::Site;
use super::slate::Slate;

/// One thing that can be left out.
#[derive(Clone, Debug)]
struct Part {
    /// As a message names it.
    name: String,
    edit: Edit,
}

#[derive(Clone, Debug)]
enum Edit {
    Lock(String),
    Exclude(String),
    ExcludeStatus,
    MinSalary,
    MaxSalary,
    Cap,
    MaxShared,
    MaxExposure,
    MaxPerTeam,
    MaxPerGame,
    MinTeams,
    MinGames,
    AgainstDefense,
    OwnershipTotal,
    OwnershipPlayer,
    Exposure(usize),
    Stack(usize),
    GameStack(usize),
    TeamStack(usize),
    Group(usize),
}

/// The names of constraints that cannot hold together, for `count` lineups; and whether the search for them came to
/// its end.
pub(super) fn culprits(
    site: &Site,
    players: &[Player],
    constraints: &Constraints,
    count: usize,
    budget: Budget<'_>,
) -> (Vec<String>, bool) {
    let parts = parts(site, constraints);
    let mut left: Vec<bool> = vec![true; parts.len()];
    let mut steps = budget.steps;
    let mut is_whole = true;
    for nth in 0..parts.len() {
        left[nth] = false;
        let gone: Vec<&Edit> = parts
            .iter()
            .zip(&left)
            .filter(|(_, left)| !**left)
            .map(|(part, _)| &part.edit)
            .collect();
        let (site, constraints) = without(site, constraints, &gone);
        let is_possible = match Slate::new(&site, players, &constraints, count) {
            Err(_) => true,
            Ok(slate) => {
                let made = build(&slate.plan, Budget { steps, ..budget }, |_| ());
                steps = steps.saturating_sub(made.steps);
                is_whole &= made.ended != Some(Ended::Cut);
                made.ended != Some(Ended::None)
            }
        };
        // Without it there is room (or nobody knows): it is one of them.
        left[nth] = is_possible;
    }
    let names = parts.into_iter().zip(left).filter(|(_, left)| *left);
    (names.map(|(part, _)| part.name).collect(), is_whole)
}

fn named(key: &str, nth: usize, name: Option<&String>, what: &str) -> String {
    match name {
        Some(name) => format!("[[{key}]] \"{name}\""),
        None => format!("[[{key}]] {} ({what})", nth + 1),
    }
}

/// What can be left out; what is asked for most plainly last, so that it is what a message names.
fn parts(site: &Site, constraints: &Constraints) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut add = |name: String, edit: Edit| parts.push(Part { name, edit });
    if site.min_teams > 1 || constraints.min_teams.is_some() {
        add(
            format!("min_teams = {}", constraints.min_teams.unwrap_or(0).max(site.min_teams)),
            Edit::MinTeams,
        );
    }
    if site.min_games > 1 || constraints.min_games.is_some() {
        add(
            format!("min_games = {}", constraints.min_games.unwrap_or(0).max(site.min_games)),
            Edit::MinGames,
        );
    }
    if let Some(most) = constraints.max_per_team.into_iter().chain(site.max_per_team).min() {
        add(format!("max_per_team = {most}"), Edit::MaxPerTeam);
    }
    if let Some(most) = constraints.max_per_game {
        add(format!("max_per_game = {most}"), Edit::MaxPerGame);
    }
    if let Some(most) = constraints.max_against_defense {
        add(format!("max_against_defense = {most}"), Edit::AgainstDefense);
    }
    if !constraints.exclude_status.is_empty() {
        add("exclude_status".to_owned(), Edit::ExcludeStatus);
    }
    for name in &constraints.exclude {
        add(format!("exclude \"{name}\""), Edit::Exclude(name.clone()));
    }
    if let Some(ownership) = &constraints.ownership {
        add("[ownership] max_player, min_player".to_owned(), Edit::OwnershipPlayer);
        if ownership.max_total.is_some() || ownership.min_total.is_some() {
            add("[ownership] max_total, min_total".to_owned(), Edit::OwnershipTotal);
        }
    }
    for (nth, group) in constraints.group.iter().enumerate() {
        add(
            named("group", nth, group.name.as_ref(), &group.players.join(", ")),
            Edit::Group(nth),
        );
    }
    for (nth, stack) in constraints.stack.iter().enumerate() {
        add(
            named("stack", nth, stack.name.as_ref(), &format!("with {}", stack.with)),
            Edit::Stack(nth),
        );
    }
    for (nth, stack) in constraints.game_stack.iter().enumerate() {
        add(
            named("game_stack", nth, stack.name.as_ref(), &format!("at_least = {}", stack.at_least)),
            Edit::GameStack(nth),
        );
    }
    for (nth, stack) in constraints.team_stack.iter().enumerate() {
        add(
            named("team_stack", nth, stack.name.as_ref(), &format!("at_least = {}", stack.at_least)),
            Edit::TeamStack(nth),
        );
    }
    for (nth, one) in constraints.exposure.iter().enumerate() {
        let of: Vec<&str> = [&one.player, &one.position, &one.team]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        add(named("exposure", nth, one.name.as_ref(), &of.join(", ")), Edit::Exposure(nth));
    }
    if let Some(share) = constraints.max_exposure {
        add(format!("max_exposure = {share}"), Edit::MaxExposure);
    }
    if let Some(most) = constraints.max_shared {
        add(format!("max_shared = {most}"), Edit::MaxShared);
    }
    for name in &constraints.lock {
        add(format!("lock \"{name}\""), Edit::Lock(name.clone()));
    }
    if let Some(least) = constraints.min_salary {
        add(format!("min_salary = {least}"), Edit::MinSalary);
    }
    if let Some(most) = constraints.max_salary {
        add(format!("max_salary = {most}"), Edit::MaxSalary);
    }
    add(format!("the site's salary cap of {}", site.salary_cap), Edit::Cap);
    parts
}

/// More than any lineup costs.
const NO_CAP: i64 = 1_000_000_000;

fn without(site: &Site, constraints: &Constraints, gone: &[&Edit]) -> (Site, Constraints) {
    let (mut site, mut rest) = (site.clone(), constraints.clone());
    let is_gone = |is_it: &dyn Fn(&Edit) -> bool| gone.iter().any(|edit| is_it(edit));
    for edit in gone {
        match edit {
            Edit::Lock(name) => rest.lock.retain(|other| other != name),
            Edit::Exclude(name) => rest.exclude.retain(|other| other != name),
            Edit::ExcludeStatus => rest.exclude_status.clear(),
            Edit::MinSalary => rest.min_salary = None,
            Edit::MaxSalary => rest.max_salary = None,
            Edit::Cap => site.salary_cap = NO_CAP,
            // Two are never the same.
            Edit::MaxShared => rest.max_shared = None,
            Edit::MaxExposure => rest.max_exposure = None,
            Edit::MaxPerTeam => (rest.max_per_team, site.max_per_team) = (None, None),
            Edit::MaxPerGame => rest.max_per_game = None,
            Edit::MinTeams => (rest.min_teams, site.min_teams) = (None, 0),
            Edit::MinGames => (rest.min_games, site.min_games) = (None, 0),
            Edit::AgainstDefense => rest.max_against_defense = None,
            Edit::OwnershipTotal => {
                if let Some(ownership) = &mut rest.ownership {
                    (ownership.min_total, ownership.max_total) = (None, None);
                }
            }
            Edit::OwnershipPlayer => {
                if let Some(ownership) = &mut rest.ownership {
                    (ownership.min_player, ownership.max_player) = (None, None);
                }
            }
            Edit::Exposure(_) | Edit::Stack(_) | Edit::GameStack(_) | Edit::TeamStack(_) | Edit::Group(_) => (),
        }
    }
    keep(&mut rest.exposure, |nth| {
        is_gone(&|edit| matches!(edit, Edit::Exposure(gone) if *gone == nth))
    });
    keep(&mut rest.stack, |nth| {
        is_gone(&|edit| matches!(edit, Edit::Stack(gone) if *gone == nth))
    });
    keep(&mut rest.game_stack, |nth| {
        is_gone(&|edit| matches!(edit, Edit::GameStack(gone) if *gone == nth))
    });
    keep(&mut rest.team_stack, |nth| {
        is_gone(&|edit| matches!(edit, Edit::TeamStack(gone) if *gone == nth))
    });
    keep(&mut rest.group, |nth| {
        is_gone(&|edit| matches!(edit, Edit::Group(gone) if *gone == nth))
    });
    (site, rest)
}

fn keep<T>(all: &mut Vec<T>, is_gone: impl Fn(usize) -> bool) {
    let mut nth = 0;
    all.retain(|_| {
        nth += 1;
        !is_gone(nth - 1)
    });
}
