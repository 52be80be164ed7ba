//! The events of a game: state of play turned into what a feed says.
//!
//! Owns ids, revisions and time stamps. Changes nothing on the field.

use super::coach::Call;
use super::game::{Game, Timed};
use super::play::Draft;
use crate::model::{Clock, Event, FeedTime, GameEvent, GameStatus, PlayEvent, PlayId, Score, Situation, SituationEvent};

impl Game {
    /// The game's frame as it stands, under the next revision.
    pub(super) fn game_event(&mut self, status: GameStatus, due_us: u64) -> Event {
        self.game_rev += 1;
        Event::Game(GameEvent {
            game: self.setup.id.clone(),
            rev: self.game_rev,
            ts: Some(self.stamp(due_us)),
            status,
            home: self.setup.sides[0].team.clone(),
            away: self.setup.sides[1].team.clone(),
            kickoff: Some(self.stamp(self.setup.start_us).0),
            score: Some(self.pair(self.score)),
        })
    }

    /// Sends the game's frame.
    pub(super) fn status(&mut self, status: GameStatus, due_us: u64) {
        let event = self.game_event(status, due_us);
        self.out.push(Timed { due_us, event });
    }

    /// Where the coming snap is taken from.
    pub(super) fn situation(&mut self, call: Option<Call>) -> Situation {
        let scrimmage = call.is_some();
        let formation = (self.setup.formation && scrimmage).then_some(match call {
            Some(Call::Pass | Call::Laterals) => (820, 145),
            Some(Call::Run) => (340, 95),
            Some(Call::Spike) => (0, 1_000),
            _ => (0, 0),
        });
        let rng = &mut self.setup.rng;
        let ball = self.ball;
        Situation {
            down: scrimmage.then_some(ball.down),
            distance: scrimmage.then(|| u8::try_from(ball.distance).unwrap_or(99).min(99)),
            yards_to_goal: u8::try_from(ball.to_goal).ok(),
            possession: Some(self.setup.sides[ball.side].team.clone()),
            shotgun: formation.map(|(shotgun, _)| rng.permille(shotgun)),
            no_huddle: formation.map(|(_, no_huddle)| rng.permille(no_huddle)),
        }
    }

    /// Sends the coming snap.
    pub(super) fn announce(&mut self, situation: Situation, due_us: u64) {
        self.situation_rev += 1;
        let event = Event::Situation(SituationEvent {
            game: self.setup.id.clone(),
            after_play: self.last_play.clone(),
            rev: self.situation_rev,
            ts: Some(self.stamp(due_us)),
            clock: Some(self.clock()),
            situation,
            score: Some(self.pair(self.score)),
            timeouts: Some(self.pair(self.timeouts.map(u16::from))),
        });
        self.out.push(Timed { due_us, event });
    }

    /// Sends a play under the next id. Ids leave room between them, as real ones do.
    pub(super) fn send(&mut self, draft: &Draft, clock: Clock, situation: Option<Situation>, due_us: u64) {
        self.play_number += self.setup.rng.between(15, 28) as u64;
        let play = PlayId::new(itoa::Buffer::new().format(self.play_number)).expect("digits are well-formed");
        self.last_play = Some(play.clone());
        let event = Event::Play(PlayEvent {
            game: self.setup.id.clone(),
            play,
            rev: 1,
            ts: Some(self.stamp(due_us)),
            order: Some(self.play_number),
            kind: draft.kind,
            no_play: draft.no_play,
            clock: Some(clock),
            situation,
            stats: draft.stats.clone(),
        });
        self.out.push(Timed { due_us, event });
    }

    fn stamp(&self, due_us: u64) -> FeedTime {
        FeedTime(self.setup.epoch_us.saturating_add_unsigned(due_us))
    }

    fn pair(&self, values: [u16; 2]) -> Score {
        let [home, away] = &self.setup.sides;
        Score(
            [(home.team.clone(), values[0]), (away.team.clone(), values[1])]
                .into_iter()
                .collect(),
        )
    }
}
