//! A topic's published history: its head and a bounded ring of what happened last.
//!
//! Written by the owner of the game that the topic shows, read by every shard. The lock is held for a
//! push or for copying a few reference counts, and never once per delivery.

use super::bulletins::{Bulletins, Posted};
use super::contests::{About, Views};
use super::lineups::{Lineup, Sum};
use crate::model::{Bulletin, Change, GameHead, GameId, PlayerMove, Seq, TopicName};
use crate::scoring::RulesetIndex;
use crate::wire::Form;
use crate::wire::ws::Frame;
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::sync::Arc;

/// A topic's number in this process; never reused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct TopicId(pub u32);

/// Under which ruleset, in which form a frame is encoded.
pub(super) type FrameKey = (RulesetIndex, Form);

/// One change as one topic shows it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place in the topic's history.
    pub seq: Seq,
    /// What happened.
    pub change: Arc<Change>,
    /// Which of the change's moves this is about, for `player:` topics; which slots moved, a bit for each, for
    /// `lineup:` topics.
    pub place: u32,
    /// Whether the topic begins to show another game here: this goes out as a snapshot.
    pub new_game: bool,
}

impl Entry {
    /// The player's part of a `player:` topic's change.
    pub fn player(&self) -> &PlayerMove {
        &self.change.moves[self.place as usize]
    }
}

/// An entry's own frames, each encoded (and compressed) at most once for all shards.
#[derive(Debug, Default)]
pub(super) struct Frames(Mutex<SmallVec<[(FrameKey, Frame); 1]>>);

impl Frames {
    /// The frame under that key. `deflate` gives nothing where that does not pay: then the plain frame is
    /// shared.
    pub(super) fn frame(&self, key: FrameKey, encode: impl FnOnce() -> Frame, deflate: impl FnOnce(&Frame) -> Option<Frame>) -> Frame {
        let mut frames = self.0.lock();
        if let Some((_, frame)) = frames.iter().find(|(k, _)| *k == key) {
            return frame.clone();
        }
        let (ruleset, form) = key;
        let is_plain = |((r, f), frame): &&(FrameKey, Frame)| (*r, f.coding) == (ruleset, form.coding) && !frame.is_deflated();
        let plain = frames.iter().find(is_plain).map(|(_, plain)| plain.clone());
        let plain = plain.unwrap_or_else(encode);
        let deflated = form.deflated.then(|| deflate(&plain)).flatten();
        let frame = deflated.unwrap_or(plain);
        frames.push((key, frame.clone()));
        frame
    }

    /// Bytes of all of them, but while one is made: nobody waits for that.
    pub(super) fn bytes(&self) -> usize {
        let bytes = |frames: &SmallVec<[(FrameKey, Frame); 1]>| frames.iter().map(|(_, frame)| frame.bytes().len()).sum();
        self.0.try_lock().map_or(0, |frames| bytes(&frames))
    }
}

/// A change in a ring.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) change: Arc<Change>,
    /// As in [`Entry::place`].
    pub(super) place: u32,
    pub(super) new_game: bool,
}

/// Changes that have left rings, let go many at a time.
///
/// Most of them were made so long ago that no cache holds them, and a count that is taken down waits for
/// its memory, alone. Looked at together before that, they come from memory together.
#[derive(Debug, Default)]
pub(super) struct Left(Vec<Arc<Change>>);

/// Most changes of [`Left`].
const LEFT_MAX: usize = 64;

impl Left {
    pub(super) fn add(&mut self, change: Arc<Change>) {
        if self.0.len() == LEFT_MAX {
            self.let_go();
        }
        self.0.push(change);
    }

    pub(super) fn let_go(&mut self) {
        std::hint::black_box(self.0.iter().map(Arc::strong_count).sum::<usize>());
        self.0.clear();
    }
}

/// Entries at the head whose frames are kept for shards that have yet to ask. One that is further behind sends
/// merged frames, or makes its own.
const FRAMES_KEPT: Seq = 64;

/// What a topic has shown, as far back as it reaches.
#[derive(Debug, Default)]
pub struct History {
    /// The latest `seq`; 0 before anything happened.
    pub head: Seq,
    /// What is added to a `seq` of this process for clients; the same for all of the ring. 0 but in a cluster, where
    /// a `player:` or `team:` topic counts as [`Told`] says, the same on every node.
    pub shift: Seq,
    /// The last changes; the last one's `seq` is `head`. Empty where the topic shows nothing.
    ring: VecDeque<Slot>,
    /// Of those entries in the ring that a shard sends as they are, by `seq`: most go out merged, or to
    /// nobody.
    frames: VecDeque<(Seq, Arc<Frames>)>,
    /// What a `predictions:` topic has instead of a ring.
    bulletins: Bulletins,
    /// What a `lineup:` topic has beside its ring.
    pub(super) lineup: Option<Box<Sum>>,
    /// What a `contest:` or `entry:` topic has instead of a ring.
    pub(super) views: Option<Box<Views>>,
    /// The game that the topic shows; of the slate and of predictions nothing.
    game: Option<Arc<GameHead>>,
    /// Whether that game has begun.
    begun: bool,
    /// The last `seq` from which on the topic showed nothing, as its game was let go of; 0 where it never was.
    cleared: Seq,
    /// What the last entry would be, where the ring was lost: see [`Topic::stand_at`].
    lost: Option<Slot>,
    /// Whether a game was let go of that may have moved the topic: those that are left do not account for
    /// all of it.
    is_torn: bool,
    /// A bit for each shard that has subscribers.
    watchers: u64,
    /// Whether somebody publishes into the topic, a game's owner or the predictor.
    kept: bool,
}

/// Where a topic stands, without how it came there: what is left of its history once games were let go of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// The latest `seq`, from 1.
    pub seq: Seq,
    /// The last `seq` from which on it showed nothing; 0 where it always showed something.
    pub cleared: Seq,
    /// What it shows; of the slate nothing.
    pub game: Option<ShownGame>,
    /// Whether all its changes were those of games that are still there: told again, they lead here.
    pub is_whole: bool,
}

/// The game that a topic shows, as of the last change there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShownGame {
    /// Which.
    pub game: GameId,
    /// Its kickoff, microseconds since the Unix epoch, where it was announced.
    pub kickoff: Option<i64>,
    /// Whether it had begun.
    pub begun: bool,
}

/// What [`History::shrink`] took out.
#[derive(Debug, Default)]
pub(super) struct Shed {
    pub(super) changes: Vec<Arc<Change>>,
    pub(super) frames: VecDeque<(Seq, Arc<Frames>)>,
    pub(super) bulletin_frames: Vec<Arc<Frames>>,
}

/// What became of an offered change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Published {
    /// It is there.
    At(Put),
    /// The topic shows another game.
    NotShown,
}

/// How a `player:` or `team:` topic counts for clients in a cluster: not by what this process published into it, as
/// the order of changes of games in different partitions is another on each node, but by the game that it shows and
/// how many changes of that game had a part in the topic, whether it showed them or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Told(pub Seq);

impl Told {
    /// Changes of one game for one topic that have numbers of their own, as bits. Beyond them its numbers are those of
    /// games that the very next records told of first.
    const COUNT_BITS: u32 = 16;

    /// Numbers of a game that was first told of by record `lsn` of partition `partition` of `partitions`. Below 2⁵³, as
    /// JSON's numbers must be, for the first 2³⁷ records of all partitions.
    pub fn of_game(lsn: u64, partition: usize, partitions: usize) -> Told {
        Told((lsn * partitions as u64 + partition as u64) << Told::COUNT_BITS)
    }

    /// The number of its change `count`, from 1.
    pub(super) fn at(self, count: u32) -> Seq {
        self.0 + Seq::from(count)
    }
}

/// Where something was put.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Put {
    /// The shards with these bits have subscribers.
    pub(super) shards: u64,
    /// The topic's head from there.
    pub(super) seq: Seq,
    /// As in [`Entry::new_game`].
    pub(super) new_game: bool,
}

/// A topic that somebody watches or something happened to.
#[derive(Debug)]
pub struct Topic {
    /// Its number.
    pub id: TopicId,
    /// Its name.
    pub name: TopicName,
    /// Of a `lineup:` topic.
    pub(super) lineup: Option<Arc<Lineup>>,
    /// Of a `contest:` or `entry:` topic.
    pub(super) contest: Option<About>,
    /// Most entries that it keeps, whatever others keep.
    pub(super) ring_max: usize,
    history: Mutex<History>,
}

impl Topic {
    /// A topic to which nothing has happened.
    pub fn new(id: TopicId, name: TopicName) -> Topic {
        Topic {
            id,
            name,
            lineup: None,
            contest: None,
            ring_max: usize::MAX,
            history: Mutex::default(),
        }
    }

    /// A topic of predictions, to which nothing has happened: it counts from `seq` on, and nobody can hold
    /// anything of it that is older.
    pub(super) fn of_predictions(id: TopicId, name: TopicName, seq: Seq) -> Topic {
        let topic = Topic::new(id, name);
        topic.read(|history| (history.head, history.cleared) = (seq, seq));
        topic
    }

    /// The ruleset that it has of its own; nothing where who subscribes chooses.
    pub fn own_ruleset(&self) -> Option<RulesetIndex> {
        let contest = self.contest.as_ref().map(|about| about.contest.ruleset);
        self.lineup.as_ref().map(|lineup| lineup.ruleset).or(contest)
    }

    /// The lineup that it shows; nothing of any other kind of topic.
    pub fn lineup(&self) -> Option<&Arc<Lineup>> {
        self.lineup.as_ref()
    }

    /// Puts a change at the head. `place` as in [`Entry::place`]. Of the games that have begun, the
    /// topic shows the one with the latest kickoff; before any has, the one with the first.
    ///
    /// `told` is what clients are told of the change's `seq`; nothing where they are told the `seq` itself.
    pub(super) fn publish(&self, change: &Arc<Change>, place: u32, told: Option<Seq>, ring_frames: usize, left: &mut Left) -> Published {
        let mut history = self.history.lock();
        let mut new_game = false;
        match &history.game {
            Some(shown) if Arc::ptr_eq(shown, &change.head) => {}
            Some(shown) if shown.game != change.head.game => {
                if !takes_over(shown, history.begun, change) {
                    return Published::NotShown;
                }
                new_game = true;
                history.game = Some(change.head.clone());
            }
            shown => {
                // After a game that was let go of, this one is another; and nobody who was shown nothing holds the number
                // that the first of its own follows.
                new_game = shown.is_none() && (history.head > 0 || told.is_some());
                history.game = Some(change.head.clone());
            }
        }
        history.begun = change.begun;
        if let Some(told) = told {
            if new_game {
                // What was before has other numbers: whoever stands there begins with a snapshot.
                let all = history.ring.len();
                history.drop_first(all, left);
            }
            // It goes on from the game's last change, or begins anew with that of another.
            history.shift = told.wrapping_sub(history.head + 1);
        }
        let change = change.clone();
        history.push(Slot { change, place, new_game }, ring_frames, left);
        history.put(new_game)
    }

    /// The same for the slate, which shows all games; `new_day` where its games are others from here.
    pub(super) fn publish_slate(&self, change: &Arc<Change>, new_day: bool, ring_frames: usize, left: &mut Left) -> u64 {
        let mut history = self.history.lock();
        let slot = Slot {
            change: change.clone(),
            place: 0,
            new_game: new_day,
        };
        history.push(slot, ring_frames, left);
        history.watchers
    }

    /// Puts a bulletin at the head of a topic of predictions, and lets go of what it expires, while `is_shown`
    /// says that the game is there.
    pub(super) fn post(&self, bulletin: Bulletin, is_shown: impl FnOnce() -> bool) -> Published {
        let mut history = self.history.lock();
        if !is_shown() {
            return Published::NotShown;
        }
        history.head += 1;
        let seq = history.head;
        history.bulletins.post(seq, bulletin);
        history.put(false)
    }

    /// Lets go of all bulletins, as their game is let go of: the topic moves on by one `seq` and shows nothing
    /// from there.
    pub(super) fn clear(&self) -> Published {
        let mut history = self.history.lock();
        if !history.bulletins.clear() {
            return Published::NotShown;
        }
        history.head += 1;
        history.cleared = history.head;
        history.put(false)
    }

    /// Lets go of a game: what the ring holds of it, and of all before that. Where the topic shows the game,
    /// as `is_shown` says, it moves on by one `seq` and shows nothing from there.
    pub(super) fn let_go(&self, game: &GameId, is_shown: impl FnOnce(&History) -> bool, left: &mut Left) -> Published {
        let mut history = self.history.lock();
        history.is_torn = true;
        if is_shown(&history) {
            let all = history.ring.len();
            history.drop_first(all, left);
            history.head += 1;
            (history.cleared, history.game, history.begun) = (history.head, None, false);
            history.lost = None;
            return history.put(false);
        }
        let last = history.ring.iter().rposition(|slot| slot.change.head.game == *game);
        history.drop_first(last.map_or(0, |last| last + 1), left);
        Published::NotShown
    }

    /// Where the topic stands; nothing where nothing ever happened, and nothing of what is made anew after a start.
    pub(super) fn standing(&self) -> Option<Standing> {
        if self.name.is_made_anew() {
            return None;
        }
        self.read(|history| history.standing())
    }

    /// Puts the topic where it stood, with an empty ring: who is behind gets a snapshot. `last` is a change
    /// that says, at its place 0, what a `player:` topic shows. For a topic that nobody reads yet.
    pub(super) fn stand_at(&self, standing: &Standing, last: Option<Arc<Change>>) {
        let mut history = self.history.lock();
        history.ring.clear();
        history.frames.clear();
        (history.head, history.cleared) = (standing.seq, standing.cleared);
        (history.game, history.begun) = match &standing.game {
            Some(shown) => {
                let head = GameHead {
                    game: shown.game.clone(),
                    teams: None,
                    kickoff: shown.kickoff,
                };
                (Some(Arc::new(head)), shown.begun)
            }
            None => (None, false),
        };
        history.is_torn = !standing.is_whole;
        history.lost = last.map(|change| Slot {
            change,
            place: 0,
            new_game: false,
        });
    }

    /// Reads the history under its lock: keep it short.
    pub fn read<R>(&self, read: impl FnOnce(&mut History) -> R) -> R {
        read(&mut self.history.lock())
    }

    /// Says that a shard has subscribers from now on (or no more). Set it before reading the history:
    /// whatever is published later is then noticed.
    /// Returns whether it was said before.
    pub(super) fn watch(&self, shard: usize) -> bool {
        let mut history = self.history.lock();
        let before = history.watchers;
        history.watchers |= 1 << shard;
        before == history.watchers
    }

    /// Takes [`Topic::watch`] back. True where nobody watches and nothing ever happened.
    pub(super) fn unwatch(&self, shard: usize) -> bool {
        let mut history = self.history.lock();
        history.watchers &= !(1 << shard);
        history.watchers == 0 && !history.kept
    }

    /// Says that somebody publishes into the topic: it is never forgotten from now on.
    pub(super) fn keep(&self) {
        self.history.lock().kept = true;
    }
}

impl History {
    fn put(&self, new_game: bool) -> Published {
        Published::At(Put {
            shards: self.watchers,
            seq: self.head,
            new_game,
        })
    }

    /// A bit for each shard that has subscribers.
    pub(super) fn watchers(&self) -> u64 {
        self.watchers
    }

    /// Moves on by one `seq` of which nothing can be told: whoever stands before it gets a snapshot.
    pub(super) fn break_off(&mut self, left: &mut Left) {
        self.drop_first(self.ring.len(), left);
        self.head += 1;
    }

    pub(super) fn push(&mut self, slot: Slot, ring_frames: usize, left: &mut Left) {
        let surplus = (self.ring.len() + 1).saturating_sub(ring_frames.max(1));
        self.drop_first(surplus, left);
        self.ring.push_back(slot);
        self.head += 1;
        self.lost = None;
    }

    /// Lets go of that many of the oldest entries, and of the frames that are not kept.
    fn drop_first(&mut self, count: usize, left: &mut Left) {
        for slot in std::iter::from_fn(|| self.ring.pop_front()).take(count) {
            left.add(slot.change);
        }
        self.keep_sums();
        let first = self.first().max((self.head + 1).saturating_sub(FRAMES_KEPT));
        while self.frames.front().is_some_and(|(seq, _)| *seq < first) {
            self.frames.pop_front();
        }
    }

    /// A lineup has a sum for each entry.
    fn keep_sums(&mut self) {
        if let Some(sum) = &mut self.lineup {
            sum.keep(self.ring.len());
        }
    }

    /// Keeps the last `ring_frames` changes and no frames. What goes is the caller's to drop, outside the lock.
    pub(super) fn shrink(&mut self, ring_frames: usize) -> Shed {
        let surplus = self.ring.len().saturating_sub(ring_frames.max(1));
        let changes = self.ring.drain(..surplus).map(|slot| slot.change).collect();
        if surplus > 0 {
            self.ring.shrink_to(ring_frames);
            self.keep_sums();
        }
        if let Some(views) = &mut self.views {
            views.keep(ring_frames);
        }
        Shed {
            changes,
            frames: std::mem::take(&mut self.frames),
            bulletin_frames: self.bulletins.shed_frames(),
        }
    }

    /// Bytes of the frames that are kept.
    pub(super) fn frame_bytes(&self) -> usize {
        let frames: usize = self.frames.iter().map(|(_, frames)| frames.bytes()).sum();
        frames + self.bulletins.frame_bytes()
    }

    /// How many changes the ring holds.
    pub(super) fn ring_len(&self) -> usize {
        self.ring.len()
    }

    /// How many entries it holds, whatever they are.
    pub(super) fn entries(&self) -> usize {
        self.ring.len() + self.bulletins.posted().len() + self.views.as_ref().map_or(0, |views| views.shown().len())
    }

    /// What has not expired of a topic of predictions, oldest first.
    pub fn bulletins(&self) -> &[Posted] {
        self.bulletins.posted()
    }

    /// The `seq` of the oldest entry in the ring.
    fn first(&self) -> Seq {
        self.head - self.ring.len() as Seq + 1
    }

    /// The entries that follow `seq`, as far back as the ring reaches, oldest first.
    pub fn after(&self, seq: Seq) -> impl Iterator<Item = Entry> + '_ {
        let first = self.first();
        let skip = (seq + 1).saturating_sub(first).min(self.ring.len() as Seq) as usize;
        let seqs = first + skip as Seq..;
        seqs.zip(self.ring.range(skip..)).map(|(seq, slot)| slot.entry(seq))
    }

    /// The entries since the topic began to show its present game, as far back as the ring reaches, oldest
    /// first.
    pub fn of_this_game(&self) -> impl Iterator<Item = Entry> + '_ {
        let place = self.ring.iter().rposition(|slot| slot.new_game).unwrap_or(0);
        self.after(self.first() + place as Seq - 1)
    }

    /// The last entry; nothing before anything happened, and nothing where the topic shows nothing again.
    pub fn last(&self) -> Option<Entry> {
        self.ring.back().or(self.lost.as_ref()).map(|slot| slot.entry(self.head))
    }

    /// The frames of the entry at `seq`, the same for all who ask while it is in the ring.
    pub(super) fn frames(&mut self, seq: Seq) -> Arc<Frames> {
        match self.frames.binary_search_by_key(&seq, |(seq, _)| *seq) {
            Ok(place) => self.frames[place].1.clone(),
            Err(_) if seq < self.first() => Arc::default(),
            Err(place) => {
                let frames = Arc::<Frames>::default();
                self.frames.insert(place, (seq, frames.clone()));
                frames
            }
        }
    }

    /// The last `seq` from which on the topic showed nothing: whoever stands before it holds a game that is no
    /// more.
    pub(super) fn cleared(&self) -> Seq {
        self.cleared
    }

    fn standing(&self) -> Option<Standing> {
        (self.head > 0).then(|| Standing {
            seq: self.head,
            cleared: self.cleared,
            game: self.game.as_ref().map(|head| ShownGame {
                game: head.game.clone(),
                kickoff: head.kickoff,
                begun: self.begun,
            }),
            is_whole: !self.is_torn,
        })
    }

    /// The game shown.
    pub fn game(&self) -> Option<&Arc<GameHead>> {
        self.game.as_ref()
    }
}

impl Slot {
    fn entry(&self, seq: Seq) -> Entry {
        Entry {
            seq,
            change: self.change.clone(),
            place: self.place,
            new_game: self.new_game,
        }
    }
}

/// Whether a game shows in the place of another. One that has begun goes before one that has not.
fn takes_over(shown: &GameHead, shown_begun: bool, change: &Change) -> bool {
    match (shown_begun, change.begun) {
        (false, true) => true,
        (true, false) => false,
        (true, true) => kickoff_order(shown) < kickoff_order(&change.head),
        (false, false) => match (shown.kickoff, change.head.kickoff) {
            (Some(shown), Some(other)) => other < shown,
            (shown, other) => shown.is_none() && other.is_some(),
        },
    }
}

/// Later games come after earlier ones; games without a kickoff first, then by id.
fn kickoff_order(head: &GameHead) -> (Option<i64>, &GameId) {
    (head.kickoff, &head.game)
}
