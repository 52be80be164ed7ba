//! The engine whole: recorded weeks against independent truth, any order of their events, any number
//! of threads, every limit, and readers beside the writer.

mod expiry;
mod feeds;
mod limits;
mod notices;
mod recap;
mod recorded;
mod threads;
mod truth;

use super::{EngineLimits, Outcome, Shared};
use crate::fanout::encode::points;
use crate::fanout::hub::{Hub, HubLimits};
use crate::fanout::lineups::LineupLimits;
use crate::fanout::snapshot::GameSnapshot;
use crate::feed::Decoder;
use crate::model::change::{GameHead, GameView};
use crate::model::{Event, GameId, IngestTime, PlayerId, Points, StatLine, StateTime, Team};
use crate::scoring::Rulesets;
use crate::telemetry::EngineMetrics;
use std::collections::BTreeMap;
use std::sync::Arc;

const NOW: IngestTime = IngestTime(77);
const AT: StateTime = StateTime(7);

const LIMITS: EngineLimits = EngineLimits {
    threads: 1,
    sources: 1,
    jobs_max: 8,
    games_max: 64,
    plays_max: 4_096,
    game_players_max: 1_024,
    players_max: 100_000,
    expired_games_max: 100,
};

fn hub() -> Arc<Hub> {
    let limits = HubLimits {
        ring_frames: 8,
        topics_max: 10_000,
        notices_max: 16,
        lineups: LineupLimits::DEFAULT,
    };
    Arc::new(Hub::new(1, limits).0)
}

fn shared(limits: EngineLimits) -> Shared {
    Shared::new(hub(), limits, EngineMetrics::new())
}

/// The event of a feed line.
fn event(line: &str) -> Event {
    Decoder::default().line(line.as_bytes()).unwrap()
}

/// A play of `game` in which `passer` throws to `catcher` for that many yards.
fn catch(game: &str, play: &str, rev: u64, yards: i16) -> Event {
    event(&format!(
        r#"{{"type":"play","game":"{game}","play":"{play}","rev":{rev},"stats":[{{"player":"passer","team":"AAA","stat":15,"yards":{yards}}},{{"player":"catcher","team":"AAA","stat":21,"yards":{yards}}}]}}"#
    ))
}

fn apply_all<'a>(shared: &Shared, events: impl IntoIterator<Item = &'a Event>) -> Vec<Outcome> {
    events.into_iter().map(|event| shared.apply(event.clone(), NOW, AT)).collect()
}

/// What readers are shown of a game, but for `seq`: how often it moved on the way is not the end.
#[derive(Debug, PartialEq)]
struct Shown {
    head: GameHead,
    view: GameView,
    players: BTreeMap<PlayerId, (Team, String, StatLine, Vec<Points>)>,
}

fn shown(snapshot: &GameSnapshot) -> Shown {
    let rulesets = Rulesets::embedded();
    let player = |slot: &crate::state::PlayerSlot| {
        let worth = rulesets
            .iter()
            .map(|(_, rules)| points(rules, &slot.who.card, &slot.line()))
            .collect();
        let name = slot.who.card.name.clone();
        (slot.who.card.player.clone(), (slot.who.team.clone(), name, slot.line(), worth))
    };
    Shown {
        head: snapshot.head.as_ref().clone(),
        view: snapshot.view.clone(),
        players: snapshot.players.iter().filter(|slot| slot.is_listed()).map(player).collect(),
    }
}

/// Every game as it is shown.
fn all_shown(shared: &Shared) -> BTreeMap<GameId, Shown> {
    let game = |(head, _): (Arc<GameHead>, _)| (head.game.clone(), shown(&shared.game(&head.game).unwrap()));
    shared.games().into_iter().map(game).collect()
}
