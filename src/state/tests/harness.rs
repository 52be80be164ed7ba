//! A game fed through its ledger, as an engine feeds it, with every change checked as it comes: against
//! the state before and after, and against what a reader who only sees changes would hold.

use super::game_id;
use crate::feed::sequence::{Admitted, Ledger, Verdict};
use crate::model::{
    CauseKind, Change, Event, GameHead, GameView, IngestTime, Origin, PlayerId, PlayerInfo, Points, SourceId, StatLine, Team,
};
use crate::scoring::{Ruleset, Rulesets};
use crate::state::{Cards, Game};
use std::collections::{BTreeMap, BTreeSet};

/// What a reader holds of a player: line, team, position, points by ruleset as the sum of changes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Held {
    pub(super) line: StatLine,
    pub(super) team: Team,
    pub(super) position: Option<String>,
    pub(super) points: Vec<Points>,
}

pub(super) struct Harness {
    pub(super) game: Game,
    pub(super) cards: Cards,
    pub(super) ledger: Ledger,
    rulesets: Rulesets,
    held: BTreeMap<u32, Held>,
}

const NOW: IngestTime = IngestTime(77);

fn worth(rules: &Ruleset, player: &PlayerId, position: Option<&str>, line: &StatLine) -> Points {
    rules.score(line, rules.position_of(player, position))
}

impl Harness {
    pub(super) fn new() -> Harness {
        Harness::with_feeds(1)
    }

    /// A game of which that many feeds may tell.
    pub(super) fn with_feeds(sources: usize) -> Harness {
        Harness {
            game: Game::new(game_id()),
            cards: Cards::new(1_000),
            ledger: Ledger::new(sources),
            rulesets: Rulesets::embedded(),
            held: BTreeMap::new(),
        }
    }

    pub(super) fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Harness {
        let mut harness = Harness::new();
        for event in events {
            harness.take(event);
        }
        harness
    }

    /// Takes an event of the first feed in; its change, where it counts.
    pub(super) fn take(&mut self, event: &Event) -> Option<Change> {
        self.take_from(SourceId(0), event)
    }

    /// Takes an event of that feed in; its change, where it counts.
    pub(super) fn take_from(&mut self, source: SourceId, event: &Event) -> Option<Change> {
        let origin = Origin { source, ingest: NOW };
        let admitted = self.ledger.admit(event, origin, 1_000);
        self.change(event, admitted)
    }

    /// That feed is silent, if it is behind: whether it is now, and what fills in.
    pub(super) fn silence(&mut self, source: SourceId) -> Option<Vec<Change>> {
        if !self.ledger.silence(source) {
            return None;
        }
        let mut changes = Vec::new();
        while let Some(filled) = self.ledger.fill(|_| true) {
            changes.extend(self.change(&filled.event, filled.admitted));
        }
        Some(changes)
    }

    fn change(&mut self, event: &Event, admitted: Admitted) -> Option<Change> {
        let (head, view) = (self.game.head().as_ref().clone(), self.game.view().clone());
        let listed = self.listed();
        let Admitted { verdict, place, .. } = admitted;
        if !verdict.counts() {
            return None;
        }
        let kind = match verdict {
            Verdict::Fresh | Verdict::Late => CauseKind::Play,
            _ => CauseKind::Correction,
        };
        let change = match event.clone() {
            Event::Play(event) => self.game.play(&event, place.unwrap(), kind, &self.cards, NOW),
            Event::Retract(event) => self.game.retract(event, place.unwrap(), NOW),
            Event::Situation(event) => self.game.situation(event, place, NOW),
            Event::Game(event) => self.game.announce(event, &self.cards, NOW),
            Event::Players(_) => unreachable!("players are introduced"),
        };
        self.check_cause(event, verdict, &change);
        self.check_view(&head, &view, &change);
        self.check_moves(&listed, &change);
        Some(change)
    }

    /// The slots of those who are listed.
    fn listed(&self) -> BTreeSet<u32> {
        let players = (0u32..).zip(self.game.players());
        players.filter(|(_, player)| player.is_listed()).map(|(slot, _)| slot).collect()
    }

    /// Tells the game who somebody is.
    pub(super) fn introduce(&mut self, infos: &[PlayerInfo]) -> Option<Change> {
        for info in infos {
            assert!(self.cards.put(info));
        }
        let change = self.game.introduce(infos, &self.cards, NOW);
        if let Some(change) = &change {
            assert!(change.is_visible() && !change.view_moved.any());
            self.check_moves(&self.listed(), change);
        }
        change
    }

    fn check_cause(&self, event: &Event, verdict: Verdict, change: &Change) {
        let (play, kind) = match (event, verdict) {
            (Event::Play(e), Verdict::Fresh | Verdict::Late) => (Some(&e.play), CauseKind::Play),
            (Event::Play(e), Verdict::Revision | Verdict::Revived) => (Some(&e.play), CauseKind::Correction),
            (Event::Retract(e), Verdict::Retracted | Verdict::RetractedUnseen) => (Some(&e.play), CauseKind::Retraction),
            (Event::Situation(_) | Event::Game(_), _) => (None, CauseKind::Game),
            other => panic!("{other:?}"),
        };
        assert_eq!((change.cause.play.as_ref(), change.cause.kind), (play, kind));
        assert_eq!((change.feed_ts, change.ingest), (event.ts(), NOW));
        if matches!(kind, CauseKind::Correction | CauseKind::Retraction) {
            assert!(change.cause.urgent);
        }
    }

    /// What is said to have moved of the game has, and nothing else.
    fn check_view(&self, head: &GameHead, view: &GameView, change: &Change) {
        let now = &change.view;
        assert_eq!((&change.head, now), (self.game.head(), self.game.view()));
        let moved = change.view_moved;
        assert_eq!(moved.status, view.status != now.status || *head != *change.head);
        assert_eq!(moved.clock, view.clock != now.clock);
        assert_eq!(moved.situation, view.situation != now.situation || view.timeouts != now.timeouts);
        assert_eq!(moved.score, view.score != now.score);
        assert_eq!(change.begun, self.game.begun());
        assert_eq!(change.is_visible(), moved.any() || !change.moves.is_empty());
    }

    fn check_moves(&mut self, listed_before: &BTreeSet<u32>, change: &Change) {
        let mut slots = BTreeSet::new();
        for one in &change.moves {
            assert!(slots.insert(one.slot), "a player moves once in a change");
            let says_who = one.who_before.is_some();
            let is_new = self.game.players()[one.slot as usize].is_listed() && !listed_before.contains(&one.slot);
            assert!(!one.delta.is_empty() || says_who || is_new, "an empty move: {one:?}");
            assert!(one.delta.iter().all(|(_, amount)| amount != 0));
            let id = &one.who.card.player;
            let position_before = one.who_before().card.position.as_deref();
            let held = self.held.entry(one.slot).or_insert_with(|| Held {
                line: StatLine::ZERO,
                team: one.who.team.clone(),
                position: position_before.map(str::to_owned),
                points: vec![Points::ZERO; self.rulesets.len()],
            });
            assert_eq!(held.line, one.before(), "before is what was shown last");
            let mut after = held.line;
            after.apply(&one.delta);
            assert_eq!(after, one.after(), "after is before and the difference");
            for ((_, rules), total) in self.rulesets.iter().zip(&mut held.points) {
                let now = worth(rules, id, one.who.card.position.as_deref(), &one.after());
                *total += now - worth(rules, id, position_before, &one.before());
            }
            held.line = after;
            held.team = one.who.team.clone();
            held.position = one.who.card.position.as_ref().map(ToString::to_string);
        }
        let new: BTreeSet<u32> = self.listed().difference(listed_before).copied().collect();
        assert!(new.is_subset(&slots), "whoever is new to the list is told of");
        self.check_held();
    }

    /// A reader who has only seen changes holds what the game holds.
    fn check_held(&self) {
        for (slot, player) in self.game.players().iter().enumerate() {
            let Some(held) = self.held.get(&(slot as u32)) else {
                assert!(
                    player.line() == StatLine::ZERO && !player.is_listed(),
                    "{player:?} was never told of"
                );
                continue;
            };
            let position = player.who.card.position.as_deref();
            let points = self
                .rulesets
                .iter()
                .map(|(_, rules)| worth(rules, &player.who.card.player, position, &player.line()))
                .collect();
            let now = Held {
                line: player.line(),
                team: player.who.team.clone(),
                position: position.map(str::to_owned),
                points,
            };
            // A position that moves nothing is told with the next line.
            let position = if player.line() == StatLine::ZERO {
                &now.position
            } else {
                &held.position
            };
            assert_eq!(
                Held {
                    position: position.clone(),
                    ..held.clone()
                },
                now
            );
        }
    }

    /// A player's line; zeros for one who has none.
    pub(super) fn line(&self, id: &str) -> StatLine {
        let player = self.game.player(&super::player(id));
        player.map_or(StatLine::ZERO, |slot| slot.line())
    }

    /// What a player is worth under a ruleset, as JSON prints it.
    pub(super) fn points(&self, id: &str, ruleset: &str) -> String {
        let slot = self.game.player(&super::player(id)).unwrap();
        let rules = self.rulesets.get(ruleset).unwrap();
        worth(rules, &slot.who.card.player, slot.who.card.position.as_deref(), &slot.line()).to_string()
    }
}
