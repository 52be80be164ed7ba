//! What a user asks for, as limits of the plan.
//!
//! Pure. Bounded by the constraints' own limits.

use super::chance::Draws;
use super::constraints::{Constraints, GameStack, Group, Stack, TeamStack};
use super::pool::Player;
use super::portfolio::Exposure;
use super::problem::{AnyOf, ItemIndex, Limit, Range, Set, Spread};
use super::slate::{BadConstraint, Slate, bad, game_key, times};
use crate::model::Points;
use std::borrow::Cow;
use std::collections::BTreeMap;

impl Slate<'_> {
    pub(super) fn choose_who(&mut self, constraints: &Constraints) -> Result<(), BadConstraint> {
        let mut out = Set::default();
        for name in &constraints.exclude {
            self.named(name, "exclude")?.iter().for_each(|item| out.insert(item));
        }
        let is_out = |player: &Player| {
            constraints
                .exclude_status
                .iter()
                .any(|status| status.eq_ignore_ascii_case(&player.status))
        };
        if !constraints.exclude_status.is_empty() {
            self.those(is_out).iter().for_each(|item| out.insert(item));
        }
        if let Some(ownership) = &constraints.ownership {
            if self.players.iter().all(|player| player.ownership.is_none()) {
                return bad("[ownership]: the players' file has no column Ownership");
            }
            let range = (
                ownership.min_player.map_or(0, hundredths),
                ownership.max_player.map_or(i64::MAX, hundredths),
            );
            let is_off = |player: &Player| !(range.0..=range.1).contains(&i64::from(player.ownership.unwrap_or(0)));
            self.those(is_off).iter().for_each(|item| out.insert(item));
        }
        out.iter().for_each(|item| self.plan.allowed[usize::from(item)] = false);
        for name in &constraints.lock {
            let items = self.named(name, "lock")?;
            let items: Set = items.iter().filter(|item| self.plan.allowed[usize::from(*item)]).collect();
            let each: Vec<ItemIndex> = items.iter().take(2).collect();
            match (each.first().copied(), each.get(1)) {
                (None, _) => return bad(format!("lock: \"{name}\" is excluded too")),
                (Some(one), None) if !self.plan.locked.contains(&one) => self.plan.locked.push(one),
                (Some(_), None) => (),
                (Some(_), Some(_)) => self.plan.problem.limits.push(Limit::least(items, 1)),
            }
        }
        Ok(())
    }

    pub(super) fn add_sums(&mut self, constraints: &Constraints) -> Result<(), BadConstraint> {
        let most = constraints.max_salary.unwrap_or(i64::MAX).min(self.site.salary_cap);
        let least = constraints.min_salary.unwrap_or(0);
        if least > most {
            return bad(format!("min_salary: {least} is above the {most} that a lineup may cost"));
        }
        self.plan.problem.salary = Some(Range { least, most });
        if let Some(ownership) = &constraints.ownership {
            let (least, most) = (
                ownership.min_total.map_or(0, hundredths),
                ownership.max_total.map_or(i64::MAX / 1_000_000, hundredths),
            );
            if least > most {
                return bad("[ownership]: min_total is above max_total");
            }
            self.plan.problem.ownership = (ownership.min_total.is_some() || ownership.max_total.is_some()).then_some(Range { least, most });
        }
        Ok(())
    }

    pub(super) fn add_limits(&mut self, constraints: &Constraints) -> Result<(), BadConstraint> {
        let smaller = |a: Option<u8>, b: Option<u8>| a.into_iter().chain(b).min();
        let (teams, games) = (self.teams(), self.games());
        if let Some(most) = smaller(constraints.max_per_team, self.site.max_per_team) {
            let sets: Vec<Set> = teams.keys().map(|team| self.those(|player| player.team == *team)).collect();
            self.at_most(sets, most);
        }
        if let Some(most) = constraints.max_per_game {
            let sets: Vec<Set> = games.keys().map(|game| self.those(|player| game_key(player) == *game)).collect();
            self.at_most(sets, most);
        }
        let min_teams = constraints.min_teams.unwrap_or(0).max(self.site.min_teams);
        let min_games = constraints.min_games.unwrap_or(0).max(self.site.min_games);
        if min_games > 1
            && self
                .players
                .iter()
                .all(|player| player.game.is_empty() && player.opponent.is_empty())
        {
            return bad(format!(
                "{}: players from at least {min_games} games are needed, and the players' file names no games",
                self.site.title
            ));
        }
        type Key = fn(&Player) -> Cow<'_, str>;
        let team_key: Key = |player| Cow::Borrowed(&player.team);
        for (least, index, key) in [(min_teams, &teams, team_key), (min_games, &games, game_key as Key)] {
            if usize::from(least) > index.len().min(self.slots.len()) {
                let what = if std::ptr::eq(index, &teams) { "teams" } else { "games" };
                return bad(format!(
                    "players from at least {least} {what} are needed, and the players' file has {}",
                    index.len()
                ));
            }
            if least > 1 {
                let groups = self.all().map(|item| index[&*key(self.player(item))]).collect();
                self.plan.problem.spreads.push(Spread { groups, least });
            }
        }
        if let Some(most) = constraints.max_against_defense {
            self.limit_against(most, &constraints.against_defense_positions, &teams)?;
        }
        for (nth, group) in constraints.group.iter().enumerate() {
            let limit = self.group(group, &format!("[[group]] {}", nth + 1))?;
            self.plan.problem.limits.push(limit);
        }
        Ok(())
    }

    fn limit_against(&mut self, most: u8, positions: &[String], teams: &BTreeMap<String, u16>) -> Result<(), BadConstraint> {
        check_positions(self, positions, "against_defense_positions")?;
        for team in teams.keys() {
            let is_defense = |player: &Player| player.positions.iter().any(|position| self.site.defenses.contains(position));
            let when = self.those(|player| is_defense(player) && player.opponent == *team);
            let members = self.those(|player| player.team == *team && plays(player, positions) && !is_defense(player));
            if !when.is_empty() && members.iter().count() > usize::from(most) {
                let when = Some(when);
                self.plan.problem.limits.push(Limit {
                    members,
                    least: 0,
                    most,
                    when,
                });
            }
        }
        Ok(())
    }

    /// At most so many of each set that has more.
    fn at_most(&mut self, sets: Vec<Set>, most: u8) {
        let is_larger = |set: &Set| set.iter().count() > usize::from(most);
        let limits = sets.into_iter().filter(is_larger).map(|set| Limit::most(set, most));
        self.plan.problem.limits.extend(limits);
    }

    fn group(&self, group: &Group, place: &str) -> Result<Limit, BadConstraint> {
        let mut members = Set::default();
        for name in &group.players {
            self.named(name, place)?.iter().for_each(|item| members.insert(item));
        }
        let when = group.when.as_ref().map(|name| self.named(name, place)).transpose()?;
        let most = group.at_most.unwrap_or(u8::MAX);
        Ok(Limit {
            members,
            least: group.at_least,
            most,
            when,
        })
    }

    pub(super) fn add_stacks(&mut self, constraints: &Constraints) -> Result<(), BadConstraint> {
        for (nth, stack) in constraints.stack.iter().enumerate() {
            self.add_stack(stack, &format!("[[stack]] {}", nth + 1))?;
        }
        for (nth, stack) in constraints.game_stack.iter().enumerate() {
            let any_of = self.game_stack(stack, &format!("[[game_stack]] {}", nth + 1))?;
            self.plan.problem.any_ofs.push(any_of);
        }
        for (nth, stack) in constraints.team_stack.iter().enumerate() {
            let any_of = self.team_stack(stack, &format!("[[team_stack]] {}", nth + 1))?;
            self.plan.problem.any_ofs.push(any_of);
        }
        Ok(())
    }

    fn add_stack(&mut self, stack: &Stack, place: &str) -> Result<(), BadConstraint> {
        check_positions(self, std::slice::from_ref(&stack.with), place)?;
        check_positions(self, &stack.positions, place)?;
        check_teams(self, &stack.teams, place)?;
        let with = std::slice::from_ref(&stack.with);
        let teams = self.teams();
        let chosen = teams.keys().filter(|team| stack.teams.is_empty() || has(&stack.teams, team));
        for team in chosen {
            let anchors = self.those(|player| player.team == *team && plays(player, with));
            let mut groups = vec![anchors.clone()];
            // Who is of the position himself does not count as his own mate.
            if stack.positions.iter().any(|position| position.eq_ignore_ascii_case(&stack.with)) {
                let person = |item: ItemIndex| self.plan.problem.items[usize::from(item)].player;
                groups = anchors
                    .iter()
                    .map(|one| anchors.iter().filter(|item| person(*item) == person(one)).collect())
                    .collect();
                groups.dedup();
            }
            let opponent = anchors
                .iter()
                .map(|item| self.player(item).opponent.as_str())
                .find(|team| !team.is_empty());
            if stack.bring_back > 0 && opponent.is_none() && !anchors.is_empty() {
                return bad(format!("{place}: bring_back: the players' file does not say whom {team} plays"));
            }
            let back = self.those(|player| Some(player.team.as_str()) == opponent && plays(player, &stack.bring_back_positions));
            for when in groups.into_iter().filter(|when| !when.is_empty()) {
                let mates = self.those(|player| player.team == *team && plays(player, &stack.positions));
                let members: Set = mates.iter().filter(|item| !when.has(*item)).collect();
                let (least, most) = (stack.at_least, stack.at_most.unwrap_or(u8::MAX));
                if stack.bring_back > 0 {
                    let (members, least, when) = (back.clone(), stack.bring_back, Some(when.clone()));
                    self.plan.problem.limits.push(Limit {
                        members,
                        least,
                        most: u8::MAX,
                        when,
                    });
                }
                self.plan.problem.limits.push(Limit {
                    members,
                    least,
                    most,
                    when: Some(when),
                });
            }
        }
        Ok(())
    }

    fn game_stack(&self, stack: &GameStack, place: &str) -> Result<AnyOf, BadConstraint> {
        check_positions(self, &stack.positions, place)?;
        let games = self.games();
        if let Some(unknown) = stack
            .games
            .iter()
            .find(|game| !games.keys().any(|known| known.eq_ignore_ascii_case(game)))
        {
            return bad(format!("{place}: games: no game \"{unknown}\" in the players' file (AWAY@HOME)"));
        }
        let chosen = games.keys().filter(|game| stack.games.is_empty() || has(&stack.games, game));
        let ways = chosen.map(|game| {
            let is_in = |player: &Player| game_key(player) == *game && plays(player, &stack.positions);
            let mut limits = vec![Limit::least(self.those(is_in), stack.at_least)];
            for team in game.split('@').filter(|_| stack.each_team > 0) {
                limits.push(Limit::least(
                    self.those(|player| is_in(player) && player.team == team),
                    stack.each_team,
                ));
            }
            limits
        });
        Ok(AnyOf(ways.collect()))
    }

    fn team_stack(&self, stack: &TeamStack, place: &str) -> Result<AnyOf, BadConstraint> {
        check_positions(self, &stack.positions, place)?;
        check_teams(self, &stack.teams, place)?;
        let teams = self.teams();
        let chosen = teams.keys().filter(|team| stack.teams.is_empty() || has(&stack.teams, team));
        let ways = chosen.map(|team| {
            let members = self.those(|player| player.team == *team && plays(player, &stack.positions));
            vec![Limit::least(members, stack.at_least)]
        });
        Ok(AnyOf(ways.collect()))
    }

    /// What names a player goes before `each`, and that before `max_exposure`.
    pub(super) fn add_exposures(&mut self, constraints: &Constraints) -> Result<(), BadConstraint> {
        let count = self.plan.count;
        let mut people: BTreeMap<u16, (u8, usize, usize)> = BTreeMap::new();
        let person = |slate: &Slate<'_>, item: ItemIndex| slate.plan.problem.items[usize::from(item)].player;
        if let Some(share) = constraints.max_exposure {
            let most = at_most(share, count);
            self.all().for_each(|item| {
                people.insert(person(self, item), (0, 0, most));
            });
        }
        for (nth, one) in constraints.exposure.iter().enumerate() {
            let place = format!("[[exposure]] {}", nth + 1);
            let positions: Vec<String> = one.position.iter().cloned().collect();
            let teams: Vec<String> = one.team.iter().cloned().collect();
            check_positions(self, &positions, &place)?;
            check_teams(self, &teams, &place)?;
            let named = one.player.as_ref().map(|name| self.named(name, &place)).transpose()?;
            let is_it = |player: &Player| plays(player, &positions) && (teams.is_empty() || has(&teams, &player.team));
            let members: Set = self
                .those(is_it)
                .iter()
                .filter(|item| named.as_ref().is_none_or(|named| named.has(*item)))
                .collect();
            let (least, most) = (
                one.min.map_or(0, |share| at_least(share, count)),
                one.max.map_or(count, |share| at_most(share, count)),
            );
            if least > most {
                return bad(format!("{place}: of {count} lineups, min asks for {least} and max allows {most}"));
            }
            if members.is_empty() {
                return bad(format!("{place}: nobody in the players' file is meant"));
            }
            if !one.each && one.player.is_none() {
                let count = one.count.unwrap_or(1);
                self.plan.exposures.push(Exposure {
                    members,
                    count,
                    least,
                    most,
                });
                continue;
            }
            let rank = if one.player.is_some() { 2 } else { 1 };
            for item in members.iter() {
                let known = people.entry(person(self, item)).or_insert((rank, least, most));
                if known.0 < rank {
                    *known = (rank, least, most);
                } else if known.0 == rank {
                    *known = (rank, known.1.max(least), known.2.min(most));
                }
            }
        }
        for (player, (_, least, most)) in people.into_iter().filter(|(_, (_, least, most))| *least > 0 || *most < count) {
            let members: Set = self.all().filter(|item| person(self, *item) == player).collect();
            self.plan.exposures.push(Exposure {
                members,
                count: 1,
                least,
                most,
            });
        }
        Ok(())
    }

    pub(super) fn add_draws(&mut self, constraints: &Constraints) {
        let Some(random) = &constraints.random else { return };
        let ten_thousandths = |number: f64| (number * 10_000.0).round() as i64;
        let spread = |item: ItemIndex| {
            let own = self.player(item).stddev.zip(random.stddev);
            match own {
                Some((Points(stddev), factor)) => times(times(stddev, self.role(item).points), ten_thousandths(factor)),
                None => times(
                    self.plan.values[usize::from(item)],
                    ten_thousandths(random.percent.unwrap_or(0.0) / 100.0),
                ),
            }
        };
        self.plan.draws = Some(Draws {
            seed: random.seed,
            spreads: self.all().map(spread).collect(),
            players: self.plan.problem.items.iter().map(|item| item.player).collect(),
        });
    }
}

fn has(names: &[String], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether a player plays one of these positions; none: any.
fn plays(player: &Player, positions: &[String]) -> bool {
    positions.is_empty() || player.positions.iter().any(|position| has(positions, position))
}

fn check_positions(slate: &Slate<'_>, positions: &[String], place: &str) -> Result<(), BadConstraint> {
    let is_known = |position: &String| slate.players.iter().any(|player| has(&player.positions, position));
    let is_slot = |position: &String| slate.slots.iter().any(|slot| has(&slot.positions, position));
    match positions.iter().find(|position| !is_known(position) && !is_slot(position)) {
        Some(position) => bad(format!("{place}: no position \"{position}\"")),
        None => Ok(()),
    }
}

fn check_teams(slate: &Slate<'_>, teams: &[String], place: &str) -> Result<(), BadConstraint> {
    let is_known = |team: &String| slate.players.iter().any(|player| player.team.eq_ignore_ascii_case(team));
    match teams.iter().find(|team| !is_known(team)) {
        Some(team) => bad(format!("{place}: no team \"{team}\" in the players' file")),
        None => Ok(()),
    }
}

/// A percentage in 1/100 percent.
fn hundredths(percent: f64) -> i64 {
    (percent * 100.0).round() as i64
}

/// A decimal share is a little more or less as a float; this is what its digits mean.
const SHARE_SLACK: f64 = 1e-9;

fn at_most(share: f64, count: usize) -> usize {
    (share * count as f64 + SHARE_SLACK).floor() as usize
}

fn at_least(share: f64, count: usize) -> usize {
    (share * count as f64 - SHARE_SLACK).ceil().max(0.0) as usize
}
