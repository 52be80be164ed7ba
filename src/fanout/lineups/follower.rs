//! Puts the changes of players into the lineups that have them, one after the other.

use super::sum::{Followed, SlotNow};
use super::{Batch, News, Shown};
use crate::fanout::encode;
use crate::fanout::hub::{Hub, Moved};
use crate::fanout::topic::Topic;
use crate::model::{Change, LineupId, PlayerId, Points, StateTime};
use crate::scoring::{RulesetIndex, Rulesets};
use flume::Receiver;
use foldhash::fast::RandomState;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;

/// What was done since it was last asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Times that a change moved a lineup.
    pub moved: u64,
    /// Times that a lineup was put where its players stand, as it was not known how they came there.
    pub jumped: u64,
    /// Times that news was dropped and every lineup looked at.
    pub resyncs: u64,
    /// Lineups let go of, as nobody wanted them any more.
    pub forgotten: u64,
}

/// A player whom lineups have.
struct Player {
    topic: Arc<Topic>,
    lineups: Vec<Arc<Topic>>,
}

/// The one who writes to lineups' topics.
pub struct Follower {
    hub: Arc<Hub>,
    rulesets: Arc<Rulesets>,
    inbox: Receiver<Batch>,
    players: HashMap<PlayerId, Player, RandomState>,
    lineups: HashMap<LineupId, Arc<Topic>, RandomState>,
    moved: Moved,
    counts: Counts,
}

impl Follower {
    /// One of each hub. It is told nothing before it is there: what came until then it finds by looking.
    pub fn new(hub: Arc<Hub>, rulesets: Arc<Rulesets>) -> Follower {
        Follower {
            inbox: hub.lineups().inbox(),
            hub,
            rulesets,
            players: HashMap::default(),
            lineups: HashMap::default(),
            moved: Moved::default(),
            counts: Counts::default(),
        }
    }

    /// Where its news comes from: wait there, and give [`Follower::take`] what came.
    pub fn inbox(&self) -> &Receiver<Batch> {
        &self.inbox
    }

    /// Takes that news and all that waits behind it into the lineups, and tells the shards. Returns when the first of
    /// the changes among it was worked out.
    pub fn take(&mut self, first: Option<Batch>) -> Option<StateTime> {
        let mut oldest: Option<StateTime> = None;
        let mut next = first.or_else(|| self.inbox.try_recv().ok());
        while let Some(Batch(news)) = next {
            for one in news {
                match one {
                    News::Changed(change, shown) => {
                        oldest.get_or_insert(change.applied);
                        self.changed(&change, &shown);
                    }
                    News::LetGo(player) => self.let_go(&player),
                    News::Defined(topic) => self.defined(topic),
                }
            }
            next = self.inbox.try_recv().ok();
        }
        if self.hub.lineups().take_overflow() {
            self.counts.resyncs += 1;
            self.hub.all_lineups().into_iter().for_each(|topic| self.defined(topic));
            let all: Vec<Arc<Topic>> = self.lineups.values().cloned().collect();
            all.iter().for_each(|topic| self.look(topic));
        }
        self.hub.tell(&mut self.moved);
        oldest
    }

    /// Forgets lineups that nobody has wanted for long enough. Call it about once a second.
    pub fn sweep(&mut self, now_us: i64) {
        let lineups = self.hub.lineups();
        let crowded = lineups.count() > lineups.limits.lineups_max / 2;
        let linger_us = if crowded { 0 } else { lineups.limits.linger_us };
        let lingered = |topic: &&Arc<Topic>| topic.has_lingered(now_us, linger_us);
        let gone: Vec<Arc<Topic>> = self.lineups.values().filter(lingered).cloned().collect();
        for topic in gone {
            if self.hub.forget_lineup(&topic) {
                self.forget(&topic);
            }
        }
    }

    /// What was done since the last call.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.counts)
    }

    fn changed(&mut self, change: &Arc<Change>, shown: &[Shown]) {
        let mut scored: SmallVec<[(RulesetIndex, u16, Points); 8]> = SmallVec::new();
        let ring_frames = self.hub.ring_frames();
        let mut behind = Vec::new();
        let player_of = |one: &Shown| &change.moves[usize::from(one.place)].who.card.player;
        for (place, one) in shown.iter().enumerate() {
            let Some(player) = self.players.get(player_of(one)) else {
                // Nobody's any more; whoever is about to define a lineup with it sets this again.
                self.hub.unfollow(player_of(one));
                continue;
            };
            for topic in &player.lineups {
                let Some(lineup) = topic.lineup() else { continue };
                // One entry for all that a change does: with the first of its players.
                let is_told = |earlier: &Shown| lineup.slot_of(player_of(earlier)).is_some();
                if shown[..place].iter().any(is_told) {
                    continue;
                }
                let points = |one: Shown| {
                    let known = scored
                        .iter()
                        .find(|(ruleset, place, _)| (*ruleset, *place) == (lineup.ruleset, one.place));
                    known.map(|(_, _, points)| *points).unwrap_or_else(|| {
                        let player = &change.moves[usize::from(one.place)];
                        let ruleset = self.rulesets.by_index(lineup.ruleset);
                        let points = encode::points(ruleset, &player.who.card, &player.after());
                        scored.push((lineup.ruleset, one.place, points));
                        points
                    })
                };
                match topic.follow(change, shown, points, ring_frames, self.moved.left()) {
                    Followed::To(shards) => {
                        self.counts.moved += 1;
                        self.moved.add(topic.id, shards);
                        if self.hub.is_due(&self.moved) {
                            self.hub.tell(&mut self.moved);
                        }
                    }
                    Followed::Known => {}
                    Followed::Behind => behind.push(topic.clone()),
                }
            }
        }
        behind.iter().for_each(|topic| self.look(topic));
    }

    fn let_go(&mut self, player: &PlayerId) {
        let lineups = self.players.get(player).map_or_else(Vec::new, |player| player.lineups.clone());
        lineups.iter().for_each(|topic| self.look(topic));
    }

    /// Begins to follow a lineup.
    fn defined(&mut self, topic: Arc<Topic>) {
        let Some(lineup) = topic.lineup().cloned() else { return };
        if self
            .lineups
            .insert(lineup.id.clone(), topic.clone())
            .is_some_and(|known| Arc::ptr_eq(&known, &topic))
        {
            return;
        }
        let mut is_known = true;
        for slot in &lineup.slots {
            let player = self.players.entry(slot.player.clone()).or_insert_with(|| {
                let (topic, was_told) = self.hub.follow(&slot.player);
                is_known &= was_told;
                Player {
                    topic,
                    lineups: Vec::new(),
                }
            });
            player.lineups.push(topic.clone());
        }
        // Somebody else's lineup with a player was forgotten as this one was made: there may have been no news.
        if !is_known {
            self.look(&topic);
        }
    }

    /// Puts a lineup where its players' topics stand.
    fn look(&mut self, topic: &Arc<Topic>) {
        let Some(lineup) = topic.lineup() else { return };
        let ruleset = self.rulesets.by_index(lineup.ruleset);
        let read = |(place, player): (usize, &PlayerId)| {
            let player = self.players.get(player);
            player.map_or_else(SlotNow::default, |player| SlotNow::read(lineup, place, ruleset, &player.topic))
        };
        let players = lineup.slots.iter().map(|slot| &slot.player).enumerate();
        let read: Vec<SlotNow> = players.map(read).collect();
        if let Some(shards) = topic.jump(read, self.moved.left()) {
            self.counts.jumped += 1;
            self.moved.add(topic.id, shards);
        }
    }

    fn forget(&mut self, topic: &Arc<Topic>) {
        let Some(lineup) = topic.lineup() else { return };
        self.counts.forgotten += 1;
        self.lineups.remove(&lineup.id);
        for slot in &lineup.slots {
            let Some(player) = self.players.get_mut(&slot.player) else {
                continue;
            };
            player.lineups.retain(|other| !Arc::ptr_eq(other, topic));
            if player.lineups.is_empty() {
                self.players.remove(&slot.player);
                self.hub.unfollow(&slot.player);
            }
        }
    }
}
