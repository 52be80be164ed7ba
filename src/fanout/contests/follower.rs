//! Puts the changes of players into the boards of contests that have them, and lets topics show what came of it.

use super::live::Told;
use super::{Batch, Contest, News};
use crate::contest::PlayerIndex;
use crate::fanout::encode;
use crate::fanout::hub::{Hub, Moved};
use crate::fanout::lineups::Shown;
use crate::fanout::topic::{Entry, Topic};
use crate::model::contest::MovedAt;
use crate::model::{Change, GameId, PlayerId, Points, Seq, StateTime};
use crate::scoring::{RulesetIndex, Rulesets};
use flume::Receiver;
use foldhash::fast::RandomState;
use smallvec::SmallVec;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Batches of news after which the shards are told and whoever drives the follower has a look around.
const BATCHES_MAX: usize = 64;

/// What was done since it was last asked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Times that a change moved a player of a contest.
    pub changes: u64,
    /// Views that topics came to show.
    pub shown: u64,
    /// Times that news was dropped and every player looked at.
    pub resyncs: u64,
    /// How long each contest took for its part of a batch, in microseconds.
    pub took_us: Vec<i64>,
}

/// A player whom contests have.
struct Player {
    topic: Arc<Topic>,
    contests: Vec<(Arc<Contest>, PlayerIndex)>,
    /// Whether his game is over.
    is_over: bool,
}

/// The one who moves the boards of contests.
pub struct Follower {
    hub: Arc<Hub>,
    rulesets: Arc<Rulesets>,
    inbox: Receiver<Batch>,
    players: HashMap<PlayerId, Player, RandomState>,
    /// Those followed, by number.
    contests: HashMap<u64, Arc<Contest>, RandomState>,
    /// Those of them that moved, or are to be shown again.
    moved_contests: HashMap<u64, Arc<Contest>, RandomState>,
    /// Players to be looked at, each once.
    to_look_at: HashSet<PlayerId, RandomState>,
    moved: Moved,
    counts: Counts,
}

impl Follower {
    /// One of each hub. It is told nothing before it is there: what came until then it finds by looking.
    pub fn new(hub: Arc<Hub>, rulesets: Arc<Rulesets>) -> Follower {
        Follower {
            inbox: hub.contests().inbox(),
            hub,
            rulesets,
            players: HashMap::default(),
            contests: HashMap::default(),
            moved_contests: HashMap::default(),
            to_look_at: HashSet::default(),
            moved: Moved::default(),
            counts: Counts::default(),
        }
    }

    /// Where its news comes from: wait there, and give [`Follower::take`] what came.
    pub fn inbox(&self) -> &Receiver<Batch> {
        &self.inbox
    }

    /// Takes that news and what waits behind it, up to a bound, into the boards, and tells the shards. `steady_us` is
    /// the clock by which it says how long that took. Returns when the first of the changes among it was worked out.
    pub fn take(&mut self, first: Option<Batch>, steady_us: impl Fn() -> i64) -> Option<StateTime> {
        let mut oldest: Option<StateTime> = None;
        let mut first = first;
        for _ in 0..BATCHES_MAX {
            let Some(Batch(news)) = first.take().or_else(|| self.inbox.try_recv().ok()) else {
                break;
            };
            for one in news {
                match one {
                    News::Changed(change, shown) => {
                        oldest.get_or_insert(change.applied);
                        self.changed(&change, &shown);
                    }
                    News::LetGo(player) => drop(self.to_look_at.insert(player)),
                    News::Posted(contest) => self.posted(contest),
                    News::Deleted(contest) => self.deleted(&contest),
                    News::Wanted(topic) => self.wanted(&topic),
                    News::Drawn(contest) => drop(self.moved_contests.insert(contest.number, contest)),
                }
            }
        }
        if self.hub.contests().take_overflow() {
            self.counts.resyncs += 1;
            self.look_everywhere();
        }
        for player in std::mem::take(&mut self.to_look_at) {
            self.look(&player);
        }
        for contest in std::mem::take(&mut self.moved_contests).into_values() {
            let began_us = steady_us();
            self.show(&contest);
            self.counts.took_us.push(steady_us() - began_us);
        }
        self.hub.tell(&mut self.moved);
        oldest
    }

    /// Looks at which players' games are over: `is_over` says so of a game. Call it about once a second.
    pub fn look_at_games(&mut self, is_over: impl Fn(&GameId) -> bool) {
        for player in self.players.values_mut() {
            let game = player.topic.read(|history| history.game().map(|head| head.game.clone()));
            let over = game.is_some_and(|game| is_over(&game));
            if std::mem::replace(&mut player.is_over, over) == over {
                continue;
            }
            for (contest, index) in &player.contests {
                if contest.lock().game_is_over(*index, over) {
                    self.moved_contests.insert(contest.number, contest.clone());
                }
            }
        }
    }

    /// Forgets topics that nobody has wanted for long enough. Call it about once a second.
    pub fn sweep(&mut self, now_us: i64) {
        let linger_us = self.hub.contests().limits().linger_us;
        for contest in self.contests.values() {
            contest.lock().sweep(|topic| {
                let lingered = topic.views_idle_us(now_us).is_some_and(|idle_us| idle_us >= linger_us);
                lingered && self.hub.forget_view(topic)
            });
        }
    }

    /// What was done since the last call.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.counts)
    }

    fn changed(&mut self, change: &Arc<Change>, shown: &[Shown]) {
        let moved_at = MovedAt {
            feed_ts: change.feed_ts,
            ingest: change.ingest,
        };
        for one in shown {
            let moves = &change.moves[usize::from(one.place)];
            let id = &moves.who.card.player;
            let Some(player) = self.players.get(id) else {
                // Nobody's any more.
                self.hub.unfollow_for_contests(id);
                continue;
            };
            let mut scored: SmallVec<[(RulesetIndex, Points); 4]> = SmallVec::new();
            for (contest, index) in &player.contests {
                let known = scored.iter().find(|(ruleset, _)| *ruleset == contest.ruleset);
                let points = known.map(|(_, points)| *points).unwrap_or_else(|| {
                    let ruleset = self.rulesets.by_index(contest.ruleset);
                    let points = encode::points(ruleset, &moves.who.card, &moves.after());
                    scored.push((contest.ruleset, points));
                    points
                });
                match contest.lock().told(*index, one.seq, points, moved_at) {
                    Told::Moved => {
                        self.counts.changes += 1;
                        self.moved_contests.insert(contest.number, contest.clone());
                    }
                    Told::Known => {}
                    Told::Behind => drop(self.to_look_at.insert(id.clone())),
                }
            }
        }
    }

    /// Sets a player where his topic stands.
    fn look(&mut self, id: &PlayerId) {
        let Some(player) = self.players.get(id) else { return };
        let now = player.topic.read(|history| (history.head, history.last()));
        for (contest, index) in &player.contests {
            if stand(&self.rulesets, contest, *index, &now) {
                self.moved_contests.insert(contest.number, contest.clone());
            }
        }
    }

    /// Begins to follow a contest.
    fn posted(&mut self, contest: Arc<Contest>) {
        if contest.is_over() || self.contests.insert(contest.number, contest.clone()).is_some() {
            return;
        }
        for (place, id) in contest.definition().players().iter().enumerate() {
            let player = self.players.entry(id.clone()).or_insert_with(|| Player {
                // Watched before it is read: what comes later is told.
                topic: self.hub.follow_for_contests(id),
                contests: Vec::new(),
                is_over: false,
            });
            let index = PlayerIndex(place as u16);
            player.contests.push((contest.clone(), index));
            let now = player.topic.read(|history| (history.head, history.last()));
            stand(&self.rulesets, &contest, index, &now);
            contest.lock().game_is_over(index, player.is_over);
        }
        self.moved_contests.insert(contest.number, contest);
    }

    /// Lets go of a contest; who watches it or its entries is told that it is over.
    fn deleted(&mut self, contest: &Arc<Contest>) {
        let topics = contest.lock().let_go();
        for topic in topics {
            self.end(&topic);
        }
        if self.contests.remove(&contest.number).is_none() {
            return;
        }
        for id in contest.definition().players() {
            let Some(player) = self.players.get_mut(id) else { continue };
            player.contests.retain(|(other, _)| !Arc::ptr_eq(other, contest));
            if player.contests.is_empty() {
                self.players.remove(id);
                self.hub.unfollow_for_contests(id);
            }
        }
    }

    fn end(&mut self, topic: &Topic) {
        self.moved.add(topic.id, topic.end());
        self.hub.drop_view(topic);
    }

    /// Lets a topic that somebody watches show what stands now.
    fn wanted(&mut self, topic: &Arc<Topic>) {
        let Some(about) = &topic.contest else { return };
        if about.contest.is_over() {
            self.end(topic);
            return;
        }
        // First, so that it finds its players.
        self.posted(about.contest.clone());
        about.contest.lock().watch(about.of, topic.clone());
        self.moved_contests.insert(about.contest.number, about.contest.clone());
    }

    fn look_everywhere(&mut self) {
        let gone: Vec<Arc<Contest>> = self.contests.values().filter(|contest| contest.is_over()).cloned().collect();
        gone.iter().for_each(|contest| self.deleted(contest));
        self.hub.contests().all().into_iter().for_each(|contest| self.posted(contest));
        self.hub.all_views().iter().for_each(|topic| self.wanted(topic));
        self.to_look_at.extend(self.players.keys().cloned());
    }

    /// Sets what moved, and lets those topics show it that are watched.
    fn show(&mut self, contest: &Arc<Contest>) {
        let level = self.hub.pressure().level();
        let ring_frames = level.ring_frames(self.hub.contests().limits().ring_frames);
        let (counts, moved) = (&mut self.counts, &mut self.moved);
        contest.lock().show(contest, ring_frames, |topic, shards| {
            counts.shown += 1;
            moved.add(topic.id, shards);
        });
        if self.hub.is_due(&self.moved) {
            self.hub.tell(&mut self.moved);
        }
    }
}

/// Puts a contest's player where his topic stands. Whether that is news.
fn stand(rulesets: &Rulesets, contest: &Contest, player: PlayerIndex, (seq, last): &(Seq, Option<Entry>)) -> bool {
    let ruleset = rulesets.by_index(contest.ruleset);
    let (points, moved_at) = match last {
        Some(entry) => {
            let shown = entry.player();
            let moved_at = MovedAt {
                feed_ts: entry.change.feed_ts,
                ingest: entry.change.ingest,
            };
            (encode::points(ruleset, &shown.who.card, &shown.after()), Some(moved_at))
        }
        None => (Points::ZERO, None),
    };
    contest.lock().stands(player, *seq, points, moved_at)
}
