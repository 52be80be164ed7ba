//! The engine: what a game shows is a function of what stands, never of the order in which it came.

use super::choices::Choices;
use super::events::{GAMES, event};
use crate::world::engine_limits;
use scorewire::engine::Shared;
use scorewire::fanout::Hub;
use scorewire::fanout::hub::HubLimits;
use scorewire::fanout::lineups::LineupLimits;
use scorewire::model::change::GameView;
use scorewire::model::{Event, GameId, IngestTime, PlayId, PlayerId, StatLine, StateTime};
use scorewire::telemetry::EngineMetrics;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const EVENTS_MAX: usize = 64;

/// Events, and an order in which they come too, some of them twice.
pub(crate) fn order(input: &[u8]) {
    let mut choices = Choices::new(input);
    let mut events = Vec::new();
    while !choices.are_over() && events.len() < EVENTS_MAX {
        events.push(event(&mut choices));
    }
    let mut said = BTreeSet::new();
    // A feed that says two things under one revision is held to the first.
    events.retain(|event| revision(event).is_some_and(|revision| said.insert(revision)));
    let mut other = events.clone();
    for place in (1..other.len()).rev() {
        // What is left to choose with is used up; the events themselves say where they go.
        let from = usize::from(input[place % input.len()]) % (place + 1);
        other.swap(place, from);
    }
    let again: Vec<Event> = other.iter().step_by(2).cloned().collect();
    let (straight, mixed) = (shown(events), shown(other.into_iter().chain(again)));
    assert_eq!(straight, mixed);
}

/// What an event is a revision of, and which one; nothing of players, of whom the last word counts.
fn revision(event: &Event) -> Option<(u8, GameId, Option<PlayId>, u64)> {
    Some(match event {
        Event::Play(e) => (0, e.game.clone(), Some(e.play.clone()), e.rev),
        Event::Retract(e) => (0, e.game.clone(), Some(e.play.clone()), e.rev),
        Event::Situation(e) => (1, e.game.clone(), e.after_play.clone(), e.rev),
        Event::Game(e) => (2, e.game.clone(), None, e.rev),
        Event::Players(_) => return None,
    })
}

/// What both games show in the end: status and the like, and the lines of all who have one.
type Shown = BTreeMap<GameId, (GameView, BTreeMap<PlayerId, StatLine>)>;

fn shown(events: impl IntoIterator<Item = Event>) -> Shown {
    let limits = HubLimits {
        ring_frames: 4,
        topics_max: 100,
        notices_max: 1,
        lineups: LineupLimits::DEFAULT,
    };
    let (hub, _inboxes) = Hub::new(1, limits);
    let shared = Shared::new(Arc::new(hub), engine_limits(), EngineMetrics::new());
    for event in events {
        shared.apply(event, IngestTime(0), StateTime(0));
    }
    let mut shown = Shown::new();
    for game in GAMES {
        let id = GameId::new(game).expect("well-formed");
        if let Some(game) = shared.game(&id) {
            let lines = game.players.iter().map(|slot| (slot.who.card.player.clone(), slot.line()));
            let lines = lines.filter(|(_, line)| *line != StatLine::ZERO).collect();
            shown.insert(id, (game.view, lines));
        }
    }
    shown
}
