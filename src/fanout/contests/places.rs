//! Room for contests: who comes in and who goes out, one at a time for each id.
//!
//! A contest is on disk before it is there, and off the disk after it was taken out: meanwhile its id is nobody else's.
//! Bounded by [`ContestLimits`](super::ContestLimits).

use super::lines::Lines;
use super::{Contest, Contests, News};
use crate::contest::{Definition, PlayerIndex};
use crate::fanout::hub::Hub;
use crate::model::{ContestId, IngestTime, Points, TopicName};
use crate::scoring::{RulesetIndex, Rulesets};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Why a contest is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotTaken {
    /// There is one of that id.
    #[error("there is a contest of that id already; delete it first, or give this one another")]
    Known,
    /// There are as many as there may be.
    #[error("the server holds {0} contests, as many as it may (contests.contests_max)")]
    Contests(usize),
    /// There are as many entries as there may be.
    #[error("with these entries the server's contests had more than {0} (contests.entries_all_max)")]
    Entries(usize),
    /// There are as many players as there may be.
    #[error("with these entries the server's contests had more than {0} distinct players (half of fanout.topics_max)")]
    Players(usize),
}

/// A contest that is on its way in: what it takes is given back when this is dropped.
pub struct Coming<'a> {
    contests: &'a Contests,
    definition: Option<Definition>,
    id: ContestId,
}

/// An id that nobody else may take while its contest is taken out.
pub struct Leaving<'a> {
    contests: &'a Contests,
    id: ContestId,
}

impl Contests {
    /// Takes a place for a contest: before it is stored, so that what is stored has one.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub fn place(&self, definition: Definition) -> Result<Coming<'_>, NotTaken> {
        let mut busy = self.busy.lock();
        let (id, entries) = (definition.id().clone(), definition.entry_count());
        self.has_room_for(&id, &busy)?;
        let taken = self.entries.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
            held.checked_add(entries).filter(|all| *all <= self.limits.entries_max)
        });
        taken.map_err(|_| NotTaken::Entries(self.limits.entries_max))?;
        if !self.take_players(&definition) {
            self.entries.fetch_sub(entries, Ordering::Relaxed);
            return Err(NotTaken::Players(self.limits.players_max));
        }
        busy.insert(id.clone());
        Ok(Coming {
            contests: self,
            definition: Some(definition),
            id,
        })
    }

    /// Whether there is room for another contest, of that id.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub fn may_come(&self, id: &ContestId) -> Result<(), NotTaken> {
        self.has_room_for(id, &self.busy.lock())
    }

    fn has_room_for(&self, id: &ContestId, busy: &HashSet<ContestId>) -> Result<(), NotTaken> {
        if busy.contains(id) || self.by_id.contains_key(id) {
            return Err(NotTaken::Known);
        }
        if busy.len() + self.by_id.len() >= self.limits.contests_max {
            return Err(NotTaken::Contests(self.limits.contests_max));
        }
        Ok(())
    }

    /// False, and nothing done, where there is no room for them.
    fn take_players(&self, definition: &Definition) -> bool {
        let mut players = self.players.lock();
        let new = definition.players().iter().filter(|player| !players.contains_key(*player)).count();
        if players.len() + new > self.limits.players_max {
            return false;
        }
        for player in definition.players() {
            *players.entry(player.clone()).or_default() += 1;
        }
        true
    }

    pub(super) fn give_back(&self, definition: &Definition) {
        self.entries.fetch_sub(definition.entry_count(), Ordering::Relaxed);
        let mut players = self.players.lock();
        for player in definition.players() {
            if let Some(contests) = players.get_mut(player) {
                *contests -= 1;
                if *contests == 0 {
                    players.remove(player);
                }
            }
        }
    }

    /// Takes an id, so that nobody posts a contest of it while one is taken out. Nothing where somebody has it.
    pub fn leaving(&self, id: &ContestId) -> Option<Leaving<'_>> {
        let is_free = self.busy.lock().insert(id.clone());
        is_free.then(|| Leaving {
            contests: self,
            id: id.clone(),
        })
    }
}

impl Coming<'_> {
    /// What is to come.
    pub fn definition(&self) -> &Definition {
        self.definition.as_ref().expect("it is there until it begins")
    }

    /// Begins the contest: whoever finds it sees where its players stand. `settled` is what they had when it was over,
    /// where that is known.
    pub fn begin(
        mut self,
        hub: &Hub,
        (rulesets, ruleset): (&Rulesets, RulesetIndex),
        posted: IngestTime,
        settled: Option<Box<[Points]>>,
    ) -> Arc<Contest> {
        let definition = self.definition.take().expect("it begins once");
        let contest = Arc::new(Contest::new(definition, (ruleset, rulesets.by_index(ruleset)), posted));
        let mut lines = Lines::new(hub);
        let mut live = contest.lock();
        if let Some(settled) = settled {
            live.begin_settled(settled);
        }
        for (place, id) in (0..).zip(contest.definition().players()) {
            let player = PlayerIndex(place);
            let topic = hub.get(&TopicName::Player(id.clone()));
            let now = topic.map_or((0, None), |topic| topic.read(|history| (history.head, history.last())));
            live.stands(player, lines.stand(rulesets, &contest, player, &now));
        }
        drop(live);
        self.contests.by_id.insert(self.id.clone(), contest.clone());
        self.contests.stirs.stir(&contest, true);
        self.contests.tell(vec![News::Posted(contest.clone())]);
        contest
    }
}

impl Drop for Coming<'_> {
    fn drop(&mut self) {
        if let Some(definition) = &self.definition {
            self.contests.give_back(definition);
        }
        self.contests.busy.lock().remove(&self.id);
    }
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.contests.busy.lock().remove(&self.id);
    }
}
