//! A game that is over: how far off both arms were, and what it adds to the earlier games.

use super::game::Arms;
use super::{Forecaster, Place};
use crate::model::{GameId, GameLines, PlayerId, Side};
use crate::predict::points::line::Line;
use crate::predict::points::moment::Moment;
use crate::predict::points::past::{PlaySums, Result};
use crate::predict::points::rules::as_points;
use std::collections::HashMap;

/// What the model and the baseline said of players' points at the end.
pub(super) type Said = HashMap<PlayerId, [f64; 2]>;

impl Forecaster {
    /// Keeps what was said first in a quarter.
    pub(super) fn remember(&mut self, game: &GameId, moment: Moment, told: Vec<(PlayerId, Arms)>) {
        let watched = self.games.get_mut(game);
        let Some(said) = watched.and_then(|watched| watched.said.get_mut(usize::from(moment.quarter))) else {
            return;
        };
        if said.is_none() {
            let both = told
                .into_iter()
                .filter_map(|(player, arms)| Some((player, [arms.model?[0], arms.baseline[0]])));
            *said = Some(both.collect());
        }
    }

    /// Judges what was said, once, of who has a line; takes the game into the earlier ones, each time anew.
    pub(super) fn finish(&mut self, lines: &GameLines, place: &Place) {
        let finals: HashMap<&PlayerId, f64> = lines
            .players
            .iter()
            .filter(|player| !Line::of(&player.now).is_zero())
            .map(|player| {
                let card = &player.who.card;
                let points = self.rules.score(&player.now, &card.player, card.position.as_deref());
                (&card.player, as_points(points))
            })
            .collect();
        let watched = self.games.entry(lines.head.game.clone()).or_default();
        watched.taken = Some(place.clone());
        if !std::mem::replace(&mut watched.is_over, true) {
            for (pick, said) in self.picks.iter_mut().zip(watched.said.iter_mut().map(Option::take)) {
                for (player, both) in said.into_iter().flatten() {
                    if let Some(points) = finals.get(&player) {
                        pick.judge(both.map(|said| (said - points).abs()));
                    }
                }
            }
            for (player, points) in &finals {
                if let Some(both) = self.season_said.get(*player) {
                    self.season_pick.judge(both.map(|said| (said - points).abs()));
                }
            }
            self.show_picks();
        }
        let score = lines.score.unwrap_or_default();
        let (when, clubs) = place;
        let side = |side: Side| Result {
            game: Some(lines.head.game.clone()),
            club: clubs[side.index()].clone(),
            score: score[side.index()],
            players: of_side(lines, side),
            plays: PlaySums::default(),
        };
        self.take(*when, &[side(Side::Home), side(Side::Away)]);
    }
}

fn of_side(lines: &GameLines, side: Side) -> Vec<(PlayerId, Line)> {
    let own = lines.players.iter().filter(|player| player.side == Some(side));
    own.map(|player| (player.who.card.player.clone(), Line::of(&player.now))).collect()
}
