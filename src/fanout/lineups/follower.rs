//! Puts the changes of players into the lineups that have them, one after the other.

use super::sum::{Followed, SlotNow};
use super::{Batch, News, Shown};
use crate::fanout::encode;
use crate::fanout::hub::{Hub, Moved};
use crate::fanout::topic::{Topic, TopicId};
use crate::model::{Change, LineupId, PlayerId, Points, StateTime};
use crate::scoring::{RulesetIndex, Rulesets};
use flume::Receiver;
use foldhash::fast::RandomState;
use smallvec::SmallVec;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Batches of news after which the shards are told and whoever drives the follower has a look around.
const BATCHES_MAX: usize = 64;

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
    /// Players who came to be followed when their topics did not tell of themselves: lineups with one of them whose news
    /// waits were not told all. Emptied when none waits.
    untold: HashSet<PlayerId, RandomState>,
    /// Lineups to be put where their players stand, each once.
    to_look_at: HashMap<TopicId, Arc<Topic>, RandomState>,
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
            untold: HashSet::default(),
            to_look_at: HashMap::default(),
            moved: Moved::default(),
            counts: Counts::default(),
        }
    }

    /// Where its news comes from: wait there, and give [`Follower::take`] what came.
    pub fn inbox(&self) -> &Receiver<Batch> {
        &self.inbox
    }

    /// Takes that news and what waits behind it, up to a bound, into the lineups, and tells the shards. Returns
    /// when the first of the changes among it was worked out.
    pub fn take(&mut self, first: Option<Batch>) -> Option<StateTime> {
        let mut oldest: Option<StateTime> = None;
        let mut first = first;
        for _ in 0..BATCHES_MAX {
            let Some(Batch(news)) = first.take().or_else(|| self.inbox.try_recv().ok()) else {
                self.untold.clear();
                break;
            };
            for one in news {
                match one {
                    News::Changed(change, shown) => {
                        oldest.get_or_insert(change.applied);
                        self.changed(&change, &shown);
                    }
                    News::LetGo(player) => self.let_go(&player),
                    News::Defined(topic) => self.defined(topic),
                    News::NotDefined(players) => self.not_defined(&players),
                }
            }
        }
        if self.hub.lineups().take_overflow() {
            self.counts.resyncs += 1;
            self.hub.all_lineups().into_iter().for_each(|topic| self.defined(topic));
            let all = self.lineups.values().map(|topic| (topic.id, topic.clone()));
            self.to_look_at.extend(all);
        }
        for topic in std::mem::take(&mut self.to_look_at).values() {
            self.look(topic);
        }
        self.hub.tell(&mut self.moved);
        oldest
    }

    /// Forgets lineups that nobody has wanted for long enough. Call it about once a second.
    pub fn sweep(&mut self, now_us: i64) {
        let lineups = self.hub.lineups();
        let idle = |topic: &Arc<Topic>| Some((topic.idle_us(now_us)?, topic.clone()));
        let mut idle: Vec<(i64, Arc<Topic>)> = self.lineups.values().filter_map(idle).collect();
        // The longest idle first.
        idle.sort_unstable_by_key(|(idle_us, _)| -idle_us);
        let lingered = idle.partition_point(|(idle_us, _)| *idle_us >= lineups.limits.linger_us);
        let crowd = lineups
            .count()
            .saturating_sub(lineups.limits.lineups_max - lineups.limits.lineups_max / 10);
        idle.truncate(lingered.max(crowd));
        let gone = idle
            .into_iter()
            .map(|(_, topic)| topic)
            .filter(|topic| self.hub.forget_lineup(topic));
        let gone: Vec<Arc<Topic>> = gone.collect();
        self.forget(&gone);
    }

    /// What was done since the last call.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.counts)
    }

    fn changed(&mut self, change: &Arc<Change>, shown: &[Shown]) {
        let mut scored: SmallVec<[(RulesetIndex, u16, Points); 8]> = SmallVec::new();
        let (limits, level) = (self.hub.lineups().limits, self.hub.pressure().level());
        let ring_frames = level.ring_frames(limits.ring_frames);
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
                        if self.moved.is_due(ring_frames) {
                            self.hub.tell(&mut self.moved);
                        }
                    }
                    Followed::Known => {}
                    Followed::Behind => drop(self.to_look_at.insert(topic.id, topic.clone())),
                }
            }
        }
    }

    fn let_go(&mut self, player: &PlayerId) {
        let lineups = self.players.get(player).into_iter().flat_map(|player| &player.lineups);
        self.to_look_at.extend(lineups.map(|topic| (topic.id, topic.clone())));
    }

    /// There was no room for a lineup, and some of its players' topics tell of themselves for nothing.
    fn not_defined(&self, players: &[PlayerId]) {
        let others = players.iter().filter(|player| !self.players.contains_key(*player));
        others.for_each(|player| self.hub.unfollow(player));
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
        for slot in &lineup.slots {
            let player = self.players.entry(slot.player.clone()).or_insert_with(|| {
                let (topic, was_told) = self.hub.follow(&slot.player);
                // The last other lineup with the player was forgotten as this one was made: there may have been no news.
                if !was_told {
                    self.untold.insert(slot.player.clone());
                }
                Player {
                    topic,
                    lineups: Vec::new(),
                }
            });
            player.lineups.push(topic.clone());
        }
        if lineup.slots.iter().any(|slot| self.untold.contains(&slot.player)) {
            self.to_look_at.insert(topic.id, topic);
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
            if self.hub.is_due(&self.moved) {
                self.hub.tell(&mut self.moved);
            }
        }
    }

    /// All of them at once: a popular player's list is gone through once.
    fn forget(&mut self, gone: &[Arc<Topic>]) {
        let ids: HashSet<TopicId, RandomState> = gone.iter().map(|topic| topic.id).collect();
        let mut players: HashSet<&PlayerId, RandomState> = HashSet::default();
        for lineup in gone.iter().filter_map(|topic| topic.lineup()) {
            self.counts.forgotten += 1;
            self.lineups.remove(&lineup.id);
            players.extend(lineup.slots.iter().map(|slot| &slot.player));
        }
        for id in players {
            let Some(player) = self.players.get_mut(id) else { continue };
            player.lineups.retain(|topic| !ids.contains(&topic.id));
            if player.lineups.is_empty() {
                self.players.remove(id);
                self.hub.unfollow(id);
            }
        }
    }
}
