//! The hub's part in contests: their topics, and the bit by which their players' topics tell of themselves.

use super::{CONTESTS_FOLLOWER, ContestNews, Contests, Hub};
use crate::fanout::contests::{About, ContestLimits, Of};
use crate::fanout::topic::{Topic, TopicId};
use crate::model::{PlayerId, TopicName};
use crate::scoring::RulesetIndex;
use std::sync::Arc;

/// Why there is nothing to watch: a code for clients, and a sentence for people.
const UNKNOWN_CONTEST: (&str, &str) = ("unknown_contest", "there is no such contest, or not any more");
/// The same of an entry.
const UNKNOWN_ENTRY: (&str, &str) = ("unknown_entry", "the contest has no such entry");

impl Hub {
    /// Sets the limits of contests.
    pub fn limit_contests(&mut self, limits: ContestLimits) {
        self.contests.limit(limits);
    }

    /// The contests there are.
    pub fn contests(&self) -> &Contests {
        &self.contests
    }

    /// What a `contest:` or `entry:` topic of that name is about.
    ///
    /// # Errors
    /// A code and a sentence, where there is no such contest or entry.
    pub(in crate::fanout) fn about(&self, name: &TopicName) -> Result<About, (&'static str, &'static str)> {
        let contest = name.contest().and_then(|id| self.contests.get(id)).ok_or(UNKNOWN_CONTEST)?;
        let of = match name {
            TopicName::Entry(name) => Of::Entry(contest.definition().find(name.entry()).ok_or(UNKNOWN_ENTRY)?),
            _ => Of::Contest,
        };
        Ok(About { contest, of })
    }

    /// The ruleset of a `contest:` or `entry:` topic.
    ///
    /// # Errors
    /// A code and a sentence, where there is no such contest or entry.
    pub fn contest_ruleset(&self, name: &TopicName) -> Result<RulesetIndex, (&'static str, &'static str)> {
        self.about(name).map(|about| about.contest.ruleset)
    }

    /// The topic of such a name, showing what stands now; where nobody watched it lately, one of which the hub keeps
    /// nothing.
    ///
    /// # Errors
    /// A code and a sentence, where there is no such contest or entry.
    pub fn view_of(&self, name: TopicName) -> Result<Arc<Topic>, (&'static str, &'static str)> {
        let about = self.about(&name)?;
        let is_of_it = |topic: &Arc<Topic>| topic.contest.as_ref().is_some_and(|of| Arc::ptr_eq(&of.contest, &about.contest));
        if let Some(topic) = self.get(&name).filter(is_of_it) {
            about.contest.show_once(&topic, about.of);
            return Ok(topic);
        }
        let (seq, of) = (self.contests.from(), about.of);
        let contest = about.contest.clone();
        let topic = Topic::of_contest(TopicId(u32::MAX), name, about, seq, 1);
        contest.show_first(&topic, of);
        Ok(Arc::new(topic))
    }

    /// [`Hub::watch`] of such a topic: the follower lets it show what stands.
    pub(super) fn watch_contest(&self, name: &TopicName, shard: usize) -> Option<Arc<Topic>> {
        let about = self.about(name).ok()?;
        if self.topics.len() >= self.limits.topics_max && !self.topics.contains_key(name) {
            return None;
        }
        let make = || {
            let ring_max = self.contests.limits().ring_frames;
            Arc::new(Topic::of_contest(
                self.new_id(),
                name.clone(),
                about.clone(),
                self.contests.from(),
                ring_max,
            ))
        };
        // Under the entry's lock, so that it is not forgotten between the two steps.
        let mut topic = self.topics.entry(name.clone()).or_insert_with(make);
        let is_of_it = topic.contest.as_ref().is_some_and(|of| Arc::ptr_eq(&of.contest, &about.contest));
        if !is_of_it {
            // That of a contest before it, about which the follower is yet to hear.
            *topic = make();
        }
        topic.watch(shard);
        topic.touch_views();
        let topic = topic.clone();
        self.contests.tell(vec![ContestNews::Wanted(topic.clone())]);
        Some(topic)
    }

    /// The topics of all contests and entries.
    pub(in crate::fanout) fn all_views(&self) -> Vec<Arc<Topic>> {
        let views = self.topics.iter().filter(|topic| topic.contest.is_some());
        views.map(|topic| topic.clone()).collect()
    }

    /// Has a player's topic tell the follower of contests of itself, whatever the limits.
    pub(in crate::fanout) fn follow_for_contests(&self, player: &PlayerId) -> Arc<Topic> {
        let name = TopicName::Player(player.clone());
        let topic = self.topics.entry(name.clone()).or_insert_with(|| self.create(&name));
        topic.watch(CONTESTS_FOLLOWER);
        topic.clone()
    }

    /// Takes that back.
    pub(in crate::fanout) fn unfollow_for_contests(&self, player: &PlayerId) {
        if let Some(topic) = self.get(&TopicName::Player(player.clone())) {
            self.unwatch(&topic, CONTESTS_FOLLOWER);
        }
    }

    /// Lets go of a topic that nobody watches. False where somebody came to want it in between.
    pub(in crate::fanout) fn forget_view(&self, topic: &Topic) -> bool {
        // One of the same name that is made later counts on from here.
        self.contests.count_from(topic.read(|history| history.head) + 1);
        let forgotten = self
            .topics
            .remove_if(&topic.name, |_, there| std::ptr::eq(&**there, topic) && there.is_unviewed());
        forgotten.is_some()
    }

    /// Lets go of a topic of a contest that is no more.
    pub(in crate::fanout) fn drop_view(&self, topic: &Topic) {
        self.contests.count_from(topic.read(|history| history.head) + 1);
        self.topics.remove_if(&topic.name, |_, there| std::ptr::eq(&**there, topic));
    }
}
