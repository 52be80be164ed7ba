//! The hub's part in lineups: their topics, and the bit by which their players' topics tell of themselves.

use super::{FOLLOWER, Hub, Lineup, Lineups, News, SlotNow};
use crate::fanout::lineups::Slot;
use crate::fanout::topic::Topic;
use crate::model::{PlayerId, TopicName};
use crate::scoring::Ruleset;
use std::sync::Arc;

/// Why there is no topic for a lineup: a code for clients, and a sentence for people.
pub type NoRoom = (&'static str, &'static str);

const NO_LINEUP: NoRoom = ("too_many_lineups", "the server holds as many lineups as it may; come back later");
const NO_TOPIC: NoRoom = ("too_many_topics", "the server holds as many topics as it may");

impl Hub {
    /// The topic of a lineup: the one there is, or a new one that shows what its players' topics show. Of an equal
    /// lineup it is the same. It stays while somebody watches it, and for a while after that.
    ///
    /// # Errors
    /// [`NoRoom`].
    pub fn define(&self, lineup: Lineup, ruleset: &Ruleset) -> Result<Arc<Topic>, NoRoom> {
        let name = TopicName::Lineup(lineup.id.clone());
        if let Some(topic) = self.topics.get(&name) {
            // Under the entry's lock: from here on it is not forgotten before it was watched.
            topic.touch();
            return Ok(topic.clone());
        }
        if !self.lineups.take_place() {
            return Err(NO_LINEUP);
        }
        // Watched before they are read: what comes later is told.
        let watch = |slot: &Slot| self.watch(&TopicName::Player(slot.player.clone()), FOLLOWER);
        let Some(players) = lineup.slots.iter().map(watch).collect::<Option<Vec<_>>>() else {
            self.lineups.give_place_back();
            self.lineups.count_refused();
            let players = lineup.slots.iter().map(|slot| slot.player.clone());
            self.lineups.tell(vec![News::NotDefined(players.collect())]);
            return Err(NO_TOPIC);
        };
        let lineup = Arc::new(lineup);
        let (ring_max, from) = (self.limits.lineups.ring_frames, self.lineups.from());
        let topic = Arc::new(Topic::of_lineup(self.new_id(), lineup.clone(), from, ring_max));
        // Whoever finds the topic waits until its slots are read. They are read once the follower is told of it: of
        // what happens before, the slots know, and news of what happens after comes behind it.
        let there = topic.read(|history| {
            let there = self.topics.entry(name).or_insert_with(|| topic.clone()).clone();
            if Arc::ptr_eq(&there, &topic) {
                self.lineups.tell(vec![News::Defined(topic.clone())]);
                let read = |(place, player): (usize, &Arc<Topic>)| SlotNow::read(&lineup, place, ruleset, player);
                history.sum_up(players.iter().enumerate().map(read).collect());
            }
            there
        });
        if !Arc::ptr_eq(&there, &topic) {
            self.lineups.give_place_back();
            there.touch();
        }
        Ok(there)
    }

    /// The topic of a lineup that is there, which stays for a while from now on.
    pub fn lineup(&self, name: &TopicName) -> Option<Arc<Topic>> {
        let topic = self.topics.get(name)?;
        topic.touch();
        Some(topic.clone())
    }

    /// Has the follower look at every lineup, for one that begins where another was lost.
    pub fn look_at_lineups(&self) {
        self.lineups.look_everywhere();
    }

    /// How many lineups there are, and how many were refused for want of room.
    pub fn lineup_counts(&self) -> (usize, u64) {
        (self.lineups.count(), self.lineups.refused())
    }

    pub(in crate::fanout) fn lineups(&self) -> &Lineups {
        &self.lineups
    }

    /// The topics of all lineups.
    pub(in crate::fanout) fn all_lineups(&self) -> Vec<Arc<Topic>> {
        let lineups = self.topics.iter().filter(|topic| topic.lineup().is_some());
        lineups.map(|topic| topic.clone()).collect()
    }

    /// Has a player's topic tell the follower of itself, whatever the limits: a lineup has the player. And whether it
    /// did so already.
    pub(in crate::fanout) fn follow(&self, player: &PlayerId) -> (Arc<Topic>, bool) {
        let name = TopicName::Player(player.clone());
        let topic = self.topics.entry(name.clone()).or_insert_with(|| self.create(&name));
        let was_told = topic.watch(FOLLOWER);
        (topic.clone(), was_told)
    }

    /// Takes that back.
    pub(in crate::fanout) fn unfollow(&self, player: &PlayerId) {
        if let Some(topic) = self.get(&TopicName::Player(player.clone())) {
            self.unwatch(&topic, FOLLOWER);
        }
    }

    /// Lets go of a lineup. False where somebody came to want it in between.
    pub(in crate::fanout) fn forget_lineup(&self, topic: &Topic) -> bool {
        // One of the same name that is made later counts on from here.
        self.lineups.count_from(topic.read(|history| history.head) + 1);
        let forgotten = self
            .topics
            .remove_if(&topic.name, |_, there| std::ptr::eq(&**there, topic) && there.is_unasked());
        if forgotten.is_some() {
            self.lineups.give_place_back();
        }
        forgotten.is_some()
    }
}
