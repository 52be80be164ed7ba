//! A game as a forecast reads it.
//!
//! One walk over the items, under the game's read lock: two allocations whatever the number of plays.

use super::Game;
use crate::model::{PlayId, Recap, RecapPlay, RecapSnap, Score, Side, Situation, Spot, Team};
use crate::state::items::Play;

/// Points on the scoreboard for a touchdown, its try apart.
const TOUCHDOWN: u8 = 6;

impl Game {
    /// The plays that stand, the coming snap, the score and the timeouts.
    pub fn recap(&self) -> Recap {
        let mut plays: Vec<RecapPlay> = Vec::with_capacity(self.items.plays_max());
        plays.extend(self.items.plays().map(|(id, order, play)| self.recap_play(id, order, play)));
        // Most feeds tell plays in their order: then this is a look at each.
        plays.sort_unstable_by(|a, b| (a.order, &a.id).cmp(&(b.order, &b.id)));
        // One that is ahead of its play waits for it: what the play did is not known yet.
        let is_told = |after: Option<&PlayId>| after.is_none_or(|after| plays.iter().any(|play| play.id == *after));
        let coming = self.items.coming().filter(|(after, ..)| is_told(*after));
        let snap = coming.map(|(after, clock, situation)| RecapSnap {
            after_play: after.cloned(),
            clock,
            spot: self.spot(situation),
        });
        Recap {
            head: self.head.clone(),
            status: self.view.status,
            score: self.by_side(self.view.score.as_deref()),
            timeouts: self.by_side(self.view.timeouts.as_deref()),
            plays,
            snap,
        }
    }

    fn recap_play(&self, id: &PlayId, order: u64, play: &Play) -> RecapPlay {
        let gist = play.gist;
        let scorer = self.side_at(gist.scorer);
        let mut points = [0; 2];
        if let Some(side) = scorer {
            points[side.index()] = gist.points;
        }
        RecapPlay {
            id: id.clone(),
            order,
            kind: gist.kind,
            no_play: gist.no_play,
            clock: play.clock,
            spot: play.situation.as_ref().map_or_else(Spot::default, |situation| self.spot(situation)),
            yards: gist.yards,
            first_down: gist.first_down,
            turnover: gist.turnover,
            timeout: gist.timeout,
            touchdown: scorer.filter(|_| gist.points == TOUCHDOWN),
            points,
        }
    }

    fn spot(&self, situation: &Situation) -> Spot {
        Spot {
            down: situation.down,
            distance: situation.distance,
            yards_to_goal: situation.yards_to_goal,
            possession: situation.possession.as_ref().and_then(|team| self.side(team)),
            shotgun: situation.shotgun,
            no_huddle: situation.no_huddle,
        }
    }

    pub(super) fn side(&self, team: &Team) -> Option<Side> {
        let (home, away) = self.head.teams.as_ref()?;
        match team {
            team if team == home => Some(Side::Home),
            team if team == away => Some(Side::Away),
            _ => None,
        }
    }

    /// The side of the team whose tally has that place.
    fn side_at(&self, place: u8) -> Option<Side> {
        let [home, away] = self.announced.as_ref()?.sides;
        match place {
            place if place == home => Some(Side::Home),
            place if place == away => Some(Side::Away),
            _ => None,
        }
    }

    /// A number of each side, where both are told.
    pub(super) fn by_side(&self, numbers: Option<&Score>) -> Option<[u16; 2]> {
        let (home, away) = self.head.teams.as_ref()?;
        let numbers = numbers?;
        Some([numbers.of(home)?, numbers.of(away)?])
    }
}
