//! The truth without history: only what stands in the end.

use scorewire::engine::Shared;
use scorewire::model::{Event, GameId, IngestTime, PlayId, StateTime};
use std::collections::BTreeMap;

/// Another server that is told only what stands in the end, once and in order, has the same totals.
pub(super) fn same_totals_as_what_stands(shared: &Shared, applied: &[Event]) {
    let mut stands: BTreeMap<(GameId, PlayId), (u64, &Event)> = BTreeMap::new();
    let mut games: BTreeMap<GameId, (u64, &Event)> = BTreeMap::new();
    for event in applied {
        match event {
            Event::Play(e) => newest(&mut stands, (e.game.clone(), e.play.clone()), e.rev, event),
            Event::Retract(e) => newest(&mut stands, (e.game.clone(), e.play.clone()), e.rev, event),
            Event::Game(e) => newest(&mut games, e.game.clone(), e.rev, event),
            _ => {}
        }
    }
    let plain = Shared::beside(crate::world::engine_limits());
    let situations = applied.iter().filter(|event| matches!(event, Event::Situation(_)));
    let items = games.values().chain(stands.values()).map(|(_, event)| *event);
    for event in items.chain(situations) {
        plain.apply(event.clone(), IngestTime(0), StateTime(0));
    }
    for (head, _) in shared.games() {
        let lines = |shared: &Shared| {
            let game = shared.game(&head.game).expect("announced or played");
            let lines = game.players.into_iter().map(|slot| (slot.who.card.player.clone(), slot.line()));
            lines.filter(|(_, line)| *line != Default::default()).collect::<BTreeMap<_, _>>()
        };
        assert_eq!(lines(shared), lines(&plain), "{}", head.game);
    }
}

fn newest<'e, K: Ord>(items: &mut BTreeMap<K, (u64, &'e Event)>, key: K, rev: u64, event: &'e Event) {
    let held = items.entry(key).or_insert((rev, event));
    if rev > held.0 {
        *held = (rev, event);
    }
}
