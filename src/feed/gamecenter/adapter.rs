//! A poller's memory: successive documents of a game in, the events between them out.
//!
//! Two downloads are compared by play id and by the multiset of each play's stat records (with kind,
//! clock and situation), never by `sequence` or place in the file. Each item counts its own
//! revisions up from 1, through retractions and reappearances, so the events of any prefix of the
//! downloads, in any order and with any repetition, end where the latest document stands.
//!
//! The feed sometimes delivers one play under two ids. Nothing in a single download tells such a copy
//! from a play (clock, text and yards may differ a little), so both are delivered as they come and
//! the copy is retracted when a later download no longer has it.
//!
//! Never reads a clock: the feed's time is passed in. Bounded by the games polled and the plays they
//! ever had: one revision number and one shared play each.

use super::document::{DocPlay, Document, People, Snap};
use crate::model::{
    Event, FeedTime, GameEvent, GameId, GameStatus, PlayEvent, PlayId, PlayerId, PlayerInfo, Retraction, Rev, Score, SituationEvent, Team,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most players told of in one event, so that it fits a line of the feed protocol, whatever their names: ids
/// of 64 bytes, names of 100 characters, 4 bytes each, teams of 60 and fields' names come to 600 bytes.
pub const PLAYERS_PER_EVENT_MAX: usize = 100;

/// Whether situation events say how the offence lines up. A prediction before the snap may not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Formation {
    /// Not said.
    #[default]
    Hidden,
    /// Said where the document knows.
    Shown,
}

/// Turns successive documents of any number of games into events.
#[derive(Debug, Default)]
pub struct Adapter {
    formation: Formation,
    games: BTreeMap<GameId, Memory>,
}

/// What was last told of one game.
#[derive(Debug, Default)]
struct Memory {
    kickoff: Option<i64>,
    roster: Vec<PlayerInfo>,
    head: Option<(Rev, Head)>,
    plays: BTreeMap<PlayId, Known>,
    situations: BTreeMap<Option<PlayId>, (Rev, Snap, Score, Option<Score>)>,
    people: People,
}

#[derive(Clone, Debug, PartialEq)]
struct Head {
    status: GameStatus,
    home: Team,
    away: Team,
    score: Score,
}

/// A play as last told: nothing while it is retracted.
#[derive(Debug)]
struct Known {
    rev: Rev,
    play: Option<Arc<DocPlay>>,
}

impl Adapter {
    /// An adapter that has seen nothing.
    pub fn new(formation: Formation) -> Adapter {
        Adapter {
            formation,
            games: BTreeMap::new(),
        }
    }

    /// Says what documents don't: a game's kickoff, and its players' full names and positions, which
    /// are told with the first document.
    pub fn announce(&mut self, game: GameId, kickoff: Option<i64>, roster: Vec<PlayerInfo>) {
        let memory = self.games.entry(game).or_default();
        memory.kickoff = kickoff;
        memory.roster = roster;
    }

    /// What changed since the last document of that game. A first document is all news.
    pub fn poll(&mut self, doc: &Document, ts: FeedTime) -> Vec<Event> {
        let formation = self.formation;
        let memory = self.games.entry(doc.game.clone()).or_default();
        let mut events = Vec::new();
        let is_first = memory.head.is_none();
        let head = memory.head(doc, ts);
        if is_first {
            events.extend(head);
            memory.announce_roster(doc, &mut events);
            memory.changes(doc, ts, &mut events);
        } else {
            memory.changes(doc, ts, &mut events);
            events.extend(head);
        }
        events.extend(memory.situation(doc, formation, ts));
        events
    }
}

impl Memory {
    fn head(&mut self, doc: &Document, ts: FeedTime) -> Option<Event> {
        let head = Head {
            status: doc.status,
            home: doc.teams.home.clone(),
            away: doc.teams.away.clone(),
            score: doc.score(),
        };
        let rev = match &self.head {
            Some((_, before)) if *before == head => return None,
            Some((rev, _)) => rev + 1,
            None => 1,
        };
        self.head = Some((rev, head.clone()));
        Some(Event::Game(GameEvent {
            game: doc.game.clone(),
            rev,
            ts: Some(ts),
            status: head.status,
            home: head.home,
            away: head.away,
            kickoff: self.kickoff,
            score: Some(head.score),
        }))
    }

    fn announce_roster(&mut self, doc: &Document, events: &mut Vec<Event>) {
        let mut news = std::mem::take(&mut self.roster);
        for info in &mut news {
            let canonical = info.team.as_ref().and_then(|team| doc.teams.resolve(team.as_str()));
            info.team = canonical.or_else(|| info.team.take());
            self.people.insert(info.player.clone(), info.clone());
        }
        tell_players(news, events);
    }

    /// Players not told of, retractions, then new and changed plays in game order.
    fn changes(&mut self, doc: &Document, ts: FeedTime, events: &mut Vec<Event>) {
        let changed: Vec<&Arc<DocPlay>> = doc.plays.iter().filter(|play| !self.is_told(play)).collect();
        let players = changed
            .iter()
            .flat_map(|play| &play.stats)
            .filter_map(|record| record.player.as_ref());
        let news = players.filter_map(|player| self.introduce(player, &doc.people)).collect();
        tell_players(news, events);
        self.retract_vanished(doc, ts, events);
        for play in changed {
            let known = self.plays.entry(play.id.clone()).or_insert(Known { rev: 0, play: None });
            known.rev += 1;
            known.play = Some(Arc::clone(play));
            events.push(play_event(&doc.game, play, known.rev, ts));
        }
    }

    fn is_told(&self, play: &Arc<DocPlay>) -> bool {
        let known = self.plays.get(&play.id).and_then(|known| known.play.as_ref());
        known.is_some_and(|known| Arc::ptr_eq(known, play) || known == play)
    }

    /// What is new about a player since last told. A name or position once known stays.
    fn introduce(&mut self, player: &PlayerId, people: &People) -> Option<PlayerInfo> {
        let found = people.get(player)?;
        let before = self.people.get(player);
        let info = PlayerInfo {
            player: player.clone(),
            name: before.and_then(|b| b.name.clone()).or_else(|| found.name.clone()),
            team: found.team.clone().or_else(|| before?.team.clone()),
            position: before.and_then(|b| b.position.clone()),
        };
        if before == Some(&info) {
            return None;
        }
        self.people.insert(player.clone(), info.clone());
        Some(info)
    }

    fn retract_vanished(&mut self, doc: &Document, ts: FeedTime, events: &mut Vec<Event>) {
        let present: std::collections::BTreeSet<&PlayId> = doc.plays.iter().map(|play| &play.id).collect();
        let vanished = self
            .plays
            .iter_mut()
            .filter(|(id, known)| known.play.is_some() && !present.contains(id));
        let mut retractions: Vec<(u64, Retraction)> = vanished
            .map(|(id, known)| {
                known.rev += 1;
                let order = known.play.take().map_or(0, |play| play.order);
                let retraction = Retraction {
                    game: doc.game.clone(),
                    play: id.clone(),
                    rev: known.rev,
                    ts: Some(ts),
                };
                (order, retraction)
            })
            .collect();
        retractions.sort_by_key(|(order, _)| *order);
        events.extend(retractions.into_iter().map(|(_, retraction)| Event::Retract(retraction)));
    }

    fn situation(&mut self, doc: &Document, formation: Formation, ts: FeedTime) -> Option<Event> {
        let mut snap = doc.next.clone()?;
        if formation == Formation::Hidden {
            snap.situation.shotgun = None;
            snap.situation.no_huddle = None;
        }
        let after_play = doc.plays.last().map(|play| play.id.clone());
        let score = doc.score();
        let timeouts = doc.timeouts.map(|left| doc.by_team(left));
        let told = self.situations.get(&after_play);
        if told.is_some_and(|(_, s, points, left)| (s, points, left) == (&snap, &score, &timeouts)) {
            return None;
        }
        let rev = told.map_or(1, |(rev, ..)| rev + 1);
        let now = (rev, snap.clone(), score.clone(), timeouts.clone());
        self.situations.insert(after_play.clone(), now);
        Some(Event::Situation(SituationEvent {
            game: doc.game.clone(),
            after_play,
            rev,
            ts: Some(ts),
            clock: snap.clock,
            situation: snap.situation,
            score: Some(score),
            timeouts,
        }))
    }
}

fn tell_players(mut news: Vec<PlayerInfo>, events: &mut Vec<Event>) {
    while !news.is_empty() {
        let rest = news.split_off(news.len().min(PLAYERS_PER_EVENT_MAX));
        events.push(Event::Players(std::mem::replace(&mut news, rest)));
    }
}

fn play_event(game: &GameId, play: &DocPlay, rev: Rev, ts: FeedTime) -> Event {
    Event::Play(PlayEvent {
        game: game.clone(),
        play: play.id.clone(),
        rev,
        ts: Some(ts),
        order: Some(play.order),
        kind: play.kind,
        no_play: play.no_play,
        clock: play.clock,
        situation: play.situation.clone(),
        stats: play.stats.clone(),
    })
}
