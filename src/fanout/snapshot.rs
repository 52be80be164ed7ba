//! A topic as it is now, with the `seq` that goes with it: for subscribers and for plain HTTP.

use super::contests;
use super::encode::{self, GameNow, PlayerNow, Subject};
use super::hub::{Hub, TeamSeq};
use super::topic::Topic;
use crate::model::change::{GameHead, GameView, PlayerCard};
use crate::model::{GameId, Seq, Team, TopicName};
use crate::state::PlayerSlot;
use crate::wire::ws::Frame;
use smallvec::SmallVec;
use std::sync::Arc;

/// A game as of one moment: what `game:` and `team:` snapshots and plain HTTP show.
pub struct GameSnapshot {
    /// Teams and kickoff.
    pub head: Arc<GameHead>,
    /// Status, clock, situation and score.
    pub view: GameView,
    /// Every player ever named.
    pub players: Vec<PlayerSlot>,
    /// Head of the game's topic at that moment.
    pub seq: Seq,
    /// Heads of its teams' topics at that moment.
    pub team_seqs: SmallVec<[TeamSeq; 2]>,
}

/// Reads a game as it is; never half an event.
pub type GameReader = Arc<dyn Fn(&GameId) -> Option<GameSnapshot> + Send + Sync>;

/// A topic as it was at one moment.
pub struct Taken {
    /// Its head. It may be ahead of what the caller has seen of the topic, never behind.
    pub seq: Seq,
    /// The same as clients are told.
    pub told: Seq,
    /// The snapshot.
    pub frame: Frame,
}

/// The topic's snapshot.
pub fn take(hub: &Hub, games: &GameReader, mut subject: Subject<'_>, reason: &str) -> Taken {
    let (seq, frame) = now(hub, games, &mut subject, reason);
    Taken {
        seq,
        told: seq.wrapping_add(subject.shift),
        frame,
    }
}

/// The same; `subject` says from then on what goes with it.
fn now(hub: &Hub, games: &GameReader, subject: &mut Subject<'_>, reason: &str) -> (Seq, Frame) {
    match &subject.topic.name {
        TopicName::Player(player) => {
            let (seq, shift, last) = subject.topic.read(|history| (history.head, history.shift, history.last()));
            subject.shift = shift;
            let card = PlayerCard::unknown(player.clone());
            let now = PlayerNow {
                seq,
                last: last.as_ref(),
                card: &card,
            };
            (seq, encode::player_snapshot(*subject, now, reason))
        }
        TopicName::Game(game) => of_game(games, *subject, reason, game),
        TopicName::Team(team) => of_team(games, subject, reason, team),
        TopicName::Slate => {
            let slate = hub.slate();
            (slate.seq, encode::slate_snapshot(*subject, slate.seq, &slate.games, reason))
        }
        TopicName::Predictions(_) => {
            let (seq, posted) = subject.topic.read(|history| (history.head, history.bulletins().to_vec()));
            (seq, encode::predictions_snapshot(*subject, seq, &posted, reason))
        }
        TopicName::Lineup(_) => of_lineup(*subject, reason),
        TopicName::Contest(_) | TopicName::Entry(_) => of_view(*subject, reason),
    }
}

/// Of a topic that was found to show something.
fn of_view(subject: Subject<'_>, reason: &str) -> (Seq, Frame) {
    let (seq, view) = subject.topic.read(|history| {
        let last = history.views.as_ref().and_then(|views| views.shown().back().cloned());
        (history.head, last)
    });
    let view = view.expect("nobody asks for it before it shows something");
    (seq, contests::snapshot(subject, seq, &view, reason))
}

fn of_lineup(subject: Subject<'_>, reason: &str) -> (Seq, Frame) {
    let (seq, now) = subject.topic.read(|history| {
        let now = history.lineup.as_ref().map(|sum| (sum.total(), sum.slots().to_vec()));
        (history.head, now)
    });
    let (Some(lineup), Some((total, slots))) = (subject.topic.lineup(), now) else {
        unreachable!("a lineup's topic is made with its slots");
    };
    (seq, encode::lineup_snapshot(subject, seq, lineup, (total, &slots), reason))
}

/// Reads again where the game came to be in between.
fn of_game(games: &GameReader, subject: Subject<'_>, reason: &str, game: &GameId) -> (Seq, Frame) {
    loop {
        if let Some(now) = games(game) {
            return (now.seq, encode::game_snapshot(subject, now.shown(now.seq), reason));
        }
        if let (None, seq, _) = shown(subject.topic) {
            return nothing(subject, seq, reason);
        }
    }
}

/// Reads again where another game took the topic over in between, or its game was let go of: the `seq` read
/// then is another's.
fn of_team(games: &GameReader, subject: &mut Subject<'_>, reason: &str, team: &Team) -> (Seq, Frame) {
    loop {
        let (game, seq, shift) = shown(subject.topic);
        subject.shift = shift;
        let Some(game) = game else { return nothing(*subject, seq, reason) };
        let Some(now) = games(&game).filter(|_| shown(subject.topic).0 == Some(game)) else {
            continue;
        };
        let found = now.team_seqs.iter().find(|(known, ..)| known == team);
        let (seq, shift) = found.map_or((0, 0), |(_, seq, shift)| (*seq, *shift));
        subject.shift = shift;
        return (seq, encode::game_snapshot(*subject, now.shown(seq), reason));
    }
}

/// The game that the topic shows, its head and what is added to that for clients, as one.
fn shown(topic: &Topic) -> (Option<GameId>, Seq, Seq) {
    topic.read(|history| (history.game().map(|head| head.game.clone()), history.head, history.shift))
}

/// A game that is not announced, or that was let go of.
fn nothing(subject: Subject<'_>, seq: Seq, reason: &str) -> (Seq, Frame) {
    let now = GameNow {
        seq,
        game: None,
        players: &[],
    };
    (seq, encode::game_snapshot(subject, now, reason))
}

impl GameSnapshot {
    fn shown(&self, seq: Seq) -> GameNow<'_> {
        GameNow {
            seq,
            game: Some((&self.head, &self.view)),
            players: &self.players,
        }
    }
}
