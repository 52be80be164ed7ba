//! The same totals and the same view, worked out the slow way: keep every item at its highest
//! revision, then add everything up from nothing. Shares with the state only the table of credits.

use super::harness::Harness;
use crate::model::gsis::{self, Against, Amount};
use crate::model::{Event, GameEvent, GameStatus, GameView, PlayEvent, PlayId, PlayerId, Rev, Score, SituationEvent, Stat, StatLine, Team};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a reader sees of a game: its players (team, line, records) and its view.
#[derive(Debug, PartialEq, Default)]
pub(super) struct Seen {
    pub(super) players: BTreeMap<PlayerId, (Team, StatLine, u32)>,
    pub(super) view: GameView,
}

pub(super) fn seen(harness: &Harness) -> Seen {
    let listed = harness.game.players().iter().filter(|slot| slot.is_listed());
    let player = |slot: &crate::state::PlayerSlot| (slot.who.card.player.clone(), (slot.who.team.clone(), slot.line(), slot.records));
    for gone in harness.game.players().iter().filter(|slot| !slot.is_listed()) {
        assert_eq!(gone.line(), StatLine::ZERO, "{gone:?} has no record");
    }
    Seen {
        players: listed.map(player).collect(),
        view: harness.game.view().clone(),
    }
}

/// The items that stand.
#[derive(Default)]
struct Standing<'a> {
    plays: BTreeMap<&'a PlayId, (Rev, Option<&'a PlayEvent>)>,
    snaps: BTreeMap<Option<&'a PlayId>, &'a SituationEvent>,
    game: Option<&'a GameEvent>,
}

pub(super) fn expected(events: &[Event]) -> Seen {
    let mut standing = Standing::default();
    for event in events {
        match event {
            Event::Play(e) => standing.put(&e.play, e.rev, Some(e)),
            Event::Retract(e) => standing.put(&e.play, e.rev, None),
            Event::Situation(e) => {
                let held = standing.snaps.entry(e.after_play.as_ref()).or_insert(e);
                if e.rev > held.rev {
                    *held = e;
                }
            }
            Event::Game(e) if standing.game.is_none_or(|held| e.rev > held.rev) => standing.game = Some(e),
            _ => (),
        }
    }
    Seen {
        players: standing.players(),
        view: standing.view(),
    }
}

impl<'a> Standing<'a> {
    fn put(&mut self, id: &'a PlayId, rev: Rev, play: Option<&'a PlayEvent>) {
        let held = self.plays.entry(id).or_insert((0, None));
        if rev > held.0 {
            *held = (rev, play);
        }
    }

    fn standing(&self) -> impl Iterator<Item = &'a PlayEvent> {
        self.plays.values().filter_map(|(_, play)| *play)
    }

    fn order(&self, id: &PlayId) -> u64 {
        let play = self.plays.get(id).and_then(|(_, play)| *play);
        play.and_then(|play| play.order).or(id.order()).unwrap_or(0)
    }

    /// The latest thing that plays or snaps show, by (order, snap after play, id).
    fn latest<T>(&self, of_play: impl Fn(&'a PlayEvent) -> Option<T>, of_snap: impl Fn(&'a SituationEvent) -> Option<T>) -> Option<T> {
        let mut all = Vec::new();
        for play in self.standing() {
            all.extend(of_play(play).map(|shown| ((self.order(&play.play), 0, Some(&play.play)), shown)));
        }
        for (after, snap) in &self.snaps {
            let is_dead = after.is_some_and(|id| matches!(self.plays.get(id), Some((_, None))));
            let order = after.map_or(0, |id| self.order(id));
            all.extend(of_snap(snap).filter(|_| !is_dead).map(|shown| ((order, 1, *after), shown)));
        }
        all.sort_by_key(|(place, _)| *place);
        all.pop().map(|(_, shown)| shown)
    }

    /// Whether a snap's play stands.
    fn is_heard(&self, snap: &SituationEvent) -> bool {
        let is_there = |id: &PlayId| matches!(self.plays.get(id), Some((_, Some(_))));
        snap.after_play.as_ref().is_none_or(is_there)
    }

    fn latest_score(&self) -> Option<&'a Score> {
        self.latest(|_| None, |snap| snap.score.as_ref().filter(|_| self.is_heard(snap)))
    }

    fn highest_score(&self, team: &Team) -> i32 {
        let heard = self.snaps.values().filter(|snap| self.is_heard(snap));
        let told = heard.filter_map(|snap| snap.score.as_ref()?.of(team));
        told.max().map_or(0, i32::from)
    }

    fn final_score(&self) -> Option<&'a Score> {
        self.game.filter(|game| game.status == GameStatus::Final)?.score.as_ref()
    }

    fn has_stats(&self) -> bool {
        self.standing().any(|play| !play.stats.is_empty())
    }

    fn view(&self) -> GameView {
        let played = if self.has_stats() {
            GameStatus::Live
        } else {
            GameStatus::Scheduled
        };
        let of_game = self.game.and_then(|game| game.score.as_ref());
        GameView {
            status: self.game.map_or(played, |game| game.status),
            clock: self.latest(|play| play.clock, |snap| snap.clock),
            situation: self.latest(
                |play| play.situation.clone(),
                |snap| (snap.situation != Default::default()).then(|| snap.situation.clone()),
            ),
            score: self.final_score().or(self.latest_score()).or(of_game).cloned().map(Arc::new),
            timeouts: self.latest(|_| None, |snap| snap.timeouts.clone().map(Arc::new)),
        }
    }

    fn players(&self) -> BTreeMap<PlayerId, (Team, StatLine, u32)> {
        let mut lines: BTreeMap<PlayerId, StatLine> = BTreeMap::new();
        let mut named: BTreeMap<PlayerId, BTreeMap<&Team, u32>> = BTreeMap::new();
        for play in self.standing() {
            let mut safeties = BTreeSet::new();
            for record in &play.stats {
                *named
                    .entry(PlayerId::dst(&record.team))
                    .or_default()
                    .entry(&record.team)
                    .or_default() += 1;
                let effect = gsis::effect(record.stat).unwrap();
                let is_repeated = record.stat == gsis::SAFETY && !safeties.insert(&record.team);
                let mut credit = |id: &PlayerId, stat: Stat, amount: Amount| {
                    let amount = match amount {
                        Amount::Count(count) => count,
                        Amount::Yards => i32::from(record.yards),
                    };
                    lines.entry(id.clone()).or_default().add(stat, amount);
                };
                if !is_repeated {
                    let defence = PlayerId::dst(&record.team);
                    effect.defence.iter().for_each(|(stat, amount)| credit(&defence, *stat, *amount));
                }
                let Some(player) = &record.player else { continue };
                effect.player.iter().for_each(|(stat, amount)| credit(player, *stat, *amount));
                if record.stat == 70 {
                    let brackets = gsis::field_goal_brackets(record.yards);
                    brackets.iter().for_each(|stat| credit(player, *stat, Amount::Count(1)));
                }
                *named.entry(player.clone()).or_default().entry(&record.team).or_default() += 1;
            }
        }
        for team in self.game.iter().flat_map(|game| [&game.home, &game.away]) {
            *named.entry(PlayerId::dst(team)).or_default().entry(team).or_default() += 1;
        }
        for (team, allowed) in self.allowed() {
            let line = lines.entry(PlayerId::dst(team)).or_default();
            line.add(Stat::Begun, 1);
            line.add(Stat::PointsAllowed, allowed);
        }
        let player = |(id, teams): (PlayerId, BTreeMap<&Team, u32>)| {
            let most = *teams.values().max().unwrap();
            let team = teams.iter().find(|(_, count)| **count == most).unwrap().0;
            let line = lines.get(&id).copied().unwrap_or_default();
            (id, ((*team).clone(), line, teams.values().sum()))
        };
        named.into_iter().map(player).collect()
    }

    /// Points allowed by each team whose game has begun.
    fn allowed(&self) -> BTreeMap<&'a Team, i32> {
        let status = self.game.map_or(GameStatus::Scheduled, |game| game.status);
        if status == GameStatus::Scheduled && !self.has_stats() {
            return BTreeMap::new();
        }
        let teams: BTreeSet<&Team> = match self.game {
            Some(game) => [&game.home, &game.away].into(),
            None => self
                .standing()
                .flat_map(|play| play.stats.iter().map(|record| &record.team))
                .collect(),
        };
        let allowed = |team: &&'a Team| {
            let others: Vec<&&Team> = teams.iter().filter(|other| other != &team).collect();
            match others[..] {
                [opponent] => (self.scored(opponent, None) - self.scored(opponent, Some(Against::Offence))).max(0),
                _ => 0,
            }
        };
        teams.iter().map(|team| (*team, allowed(team))).collect()
    }

    /// A team's points, or those of one kind alone, which only plays know.
    fn scored(&self, team: &Team, only: Option<Against>) -> i32 {
        let mut points = 0;
        for play in self.standing() {
            let of_team = || play.stats.iter().filter(|record| record.team == *team);
            let safety = of_team().find(|record| record.stat == gsis::SAFETY);
            for record in of_team().filter(|record| record.stat != gsis::SAFETY).chain(safety) {
                if let Some((scored, against)) = gsis::scoring_points(record.stat)
                    && only.is_none_or(|only| only == against)
                {
                    points += i32::from(scored);
                }
            }
        }
        match only {
            Some(_) => points,
            None => {
                let last_word = self.final_score().and_then(|score| score.of(team));
                last_word.map_or_else(|| points.max(self.highest_score(team)), i32::from)
            }
        }
    }
}
