//! What the predictor is told: that a game moved, never how. It reads the game by itself.
//!
//! A notice is left after the game's lock is let go of, and rung for after the shards were told: scores never
//! wait for it. Without a board nothing happens here.

use super::{Gathered, Shared, cause_of};
use crate::feed::sequence::Verdict;
use crate::model::{CauseKind, Event, FeedTime, GameId, GameStatus, IngestTime};
use crate::predict::board::{Board, News};
use std::sync::Arc;

impl Shared {
    /// The same, which tells `board` from now on which games moved; and at once of those under way. For a
    /// state that nobody applies events to meanwhile: after a start's log was told again.
    pub fn notified(self, board: Arc<Board>) -> Shared {
        let shared = Shared {
            board: Some(board),
            ..self
        };
        for (head, view) in shared.games() {
            if matches!(view.status, GameStatus::Live | GameStatus::Halftime) {
                shared.leave(&head.game, News::Found, IngestTime::default(), None);
            }
        }
        shared
    }

    /// Says that an event moved its game, where it counts.
    pub(super) fn notify(&self, event: &Event, verdict: Verdict, ingest: IngestTime) {
        if self.board.is_some()
            && let Some(game) = event.game()
            && let Some(cause) = cause_of(verdict)
        {
            self.leave(game, news_of(event, cause), ingest, event.ts());
        }
    }

    /// Says that a game was let go of.
    pub(super) fn notify_gone(&self, game: &GameId) {
        self.leave(game, News::Gone, IngestTime::default(), None);
    }

    /// Tells the shards, and then the predictor, what moved.
    pub(super) fn tell(&self, gathered: &mut Gathered) {
        self.hub.tell(&mut gathered.moved);
        if let Some(board) = &self.board {
            board.ring();
        }
    }

    fn leave(&self, game: &GameId, news: News, ingest: IngestTime, feed_ts: Option<FeedTime>) {
        let Some(board) = &self.board else { return };
        // What becomes of it is counted there.
        board.offer(game, news, ingest, feed_ts);
    }
}

fn news_of(event: &Event, cause: CauseKind) -> News {
    match event {
        Event::Play(_) if cause == CauseKind::Play => News::Play,
        Event::Play(_) => News::Correction,
        Event::Retract(_) => News::Retraction,
        Event::Situation(_) => News::Snap,
        Event::Game(_) | Event::Players(_) => News::Status,
    }
}
