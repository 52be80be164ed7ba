//! A shard's copy of one topic's ring, with the frames as this shard sends them.
//!
//! The entries are shared, the frames are this shard's own: no reference count is touched by two
//! shards during a walk.

use super::batch::Piece;
use super::walks::Rest;
use crate::fanout::bulletins::Posted;
use crate::fanout::contests::View;
use crate::fanout::topic::{Entry, FrameKey, Topic};
use crate::model::{Points, Seq};
use crate::scoring::RulesetIndex;
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::sync::Arc;

/// A frame and when it was encoded.
pub(super) type Encoded = (Piece, i64);

/// A ring entry and its frames, where it is sent as it is.
pub(super) struct Mirrored {
    pub(super) entry: Entry,
    pub(super) frames: Option<Box<OwnFrames>>,
}

/// A ring entry's frames by their keys.
pub(super) type OwnFrames = SmallVec<[(FrameKey, Encoded); 1]>;

/// Frames that several clients want in a row: kept while the topic's head stays.
pub(super) struct Shared {
    pub(super) key: FrameKey,
    /// What the frame follows; nothing for a snapshot.
    pub(super) after: Option<Seq>,
    pub(super) reason: &'static str,
    pub(super) seq: Seq,
    /// That as clients are told.
    pub(super) told: Seq,
    /// Until when what it says counts, by the wall's clock.
    pub(super) until_us: i64,
    pub(super) frame: Encoded,
}

/// Most frames kept in [`Mirror::shared`].
const SHARED_MAX: usize = 32;

/// A connection's place, and its subscription's.
pub(super) type Subscriber = (u32, u32);

/// One topic as a shard sees it.
pub(super) struct Mirror {
    pub(super) topic: Arc<Topic>,
    pub(super) head: Seq,
    /// What is added to a `seq` for clients: as of the head, and for all that the ring holds.
    pub(super) shift: Seq,
    /// The last `seq` from which on the topic showed nothing.
    cleared: Seq,
    pub(super) ring: VecDeque<Mirrored>,
    /// What a `predictions:` topic has instead of a ring.
    pub(super) bulletins: Vec<Posted>,
    /// Whether it is such a topic. Known here: its name lies beside what another thread writes.
    pub(super) expires: bool,
    /// What a `contest:` or `entry:` topic has instead of a ring: the last one is that of the head.
    pub(super) views: VecDeque<Arc<View>>,
    /// Whether it is such a topic.
    pub(super) has_views: bool,
    /// Whether it shows what stands now; else whoever begins with a snapshot waits for the next view.
    pub(super) is_current: bool,
    /// Whether what it is about is no more.
    pub(super) is_over: bool,
    /// What a lineup comes to after each entry; empty for other topics.
    pub(super) totals: VecDeque<Points>,
    /// Most entries that the topic itself keeps.
    ring_max: usize,
    pub(super) subscribers: Vec<Subscriber>,
    pub(super) shared: Vec<Shared>,
    /// When its next walk may begin.
    pub(super) rest: Rest,
    /// Moved during the last walk or the rest after it: those served already are to be told when that is over.
    pub(super) moved: bool,
    /// Whether it is in the shard's list of those to be looked at.
    pub(super) is_news: bool,
    /// Where in its round of the subscribers the next walk begins, as a fraction of 2³².
    turn: u32,
    /// Bytes of the frames of entries, and of those shared.
    pub(super) frame_bytes: usize,
}

fn bytes_of(frames: &OwnFrames) -> usize {
    frames.iter().map(|(_, (piece, _))| piece.bytes().len()).sum()
}

impl Mirror {
    pub(super) fn new(topic: Arc<Topic>) -> Mirror {
        Mirror {
            expires: topic.name.has_predictions(),
            has_views: topic.contest.is_some(),
            views: VecDeque::new(),
            is_current: true,
            is_over: false,
            head: 0,
            shift: 0,
            cleared: 0,
            ring: VecDeque::new(),
            bulletins: Vec::new(),
            totals: VecDeque::new(),
            ring_max: topic.ring_max,
            subscribers: Vec::new(),
            shared: Vec::new(),
            rest: Rest::Over,
            moved: false,
            is_news: false,
            turn: 0,
            frame_bytes: 0,
            topic,
        }
    }

    /// Takes over what was published since. False where nothing was. Of the entries the last
    /// `frames_kept` keep their frames: those before them go out merged, if at all.
    pub(super) fn sync(&mut self, ring_frames: usize, frames_kept: usize) -> bool {
        let before = self.head;
        self.topic.read(|history| {
            if history.head == before {
                return;
            }
            let missing = (history.head - before) as usize;
            if missing > history.ring_len() {
                let frames = self.ring.drain(..).filter_map(|mirrored| mirrored.frames);
                self.frame_bytes -= frames.map(|frames| bytes_of(&frames)).sum::<usize>();
            }
            self.ring
                .extend(history.after(before).map(|entry| Mirrored { entry, frames: None }));
            if let Some(sum) = &history.lineup {
                self.totals.extend(sum.last_totals(missing));
            }
            if let Some(views) = &history.views {
                let shown = views.shown();
                // Each that is taken costs a count that others write, too.
                match shown.len().checked_sub(missing) {
                    Some(known) if known > 0 => self.views.extend(shown.range(known..).cloned()),
                    _ => self.views.clone_from(shown),
                }
                (self.is_current, self.is_over) = (views.is_current(), views.is_over);
            }
            self.bulletins.clear();
            self.bulletins.extend_from_slice(history.bulletins());
            (self.head, self.cleared, self.shift) = (history.head, history.cleared(), history.shift);
        });
        if self.head == before {
            return false;
        }
        let arrived = (self.head - before).try_into().unwrap_or(usize::MAX);
        let kept_from = self.ring.len().saturating_sub(frames_kept);
        for mirrored in self.ring.range_mut(kept_from.saturating_sub(arrived)..kept_from) {
            if let Some(frames) = mirrored.frames.take() {
                self.frame_bytes -= bytes_of(&frames);
            }
        }
        self.cut(ring_frames);
        self.unshare(|_| false);
        true
    }

    /// Keeps the last `ring_frames` entries.
    fn cut(&mut self, ring_frames: usize) {
        let surplus = self.ring.len().saturating_sub(ring_frames.min(self.ring_max));
        for mirrored in self.ring.drain(..surplus) {
            self.frame_bytes -= mirrored.frames.as_deref().map_or(0, bytes_of);
        }
        let surplus = self.views.len().saturating_sub(ring_frames.min(self.ring_max).max(1));
        self.views.drain(..surplus);
        let surplus = self.totals.len().saturating_sub(self.ring.len());
        self.totals.drain(..surplus);
    }

    /// Drops the shared frames for which `keep` does not hold.
    fn unshare(&mut self, keep: impl Fn(&Shared) -> bool) {
        self.shared.retain(|shared| {
            let keep = keep(shared);
            self.frame_bytes -= if keep { 0 } else { shared.frame.0.bytes().len() };
            keep
        });
    }

    /// Keeps the last `ring_frames` entries and gives back the room of the others; what is shared is made
    /// anew where somebody asks for it.
    pub(super) fn shrink(&mut self, ring_frames: usize) {
        self.unshare(|_| false);
        if self.ring.len().max(self.views.len()) > ring_frames.min(self.ring_max) {
            self.cut(ring_frames);
            self.ring.shrink_to(ring_frames);
        }
    }

    /// Drops the frames of rulesets for which `is_idle` holds.
    pub(super) fn drop_frames(&mut self, is_idle: impl Fn(RulesetIndex) -> bool) {
        for mirrored in &mut self.ring {
            let Some(frames) = &mut mirrored.frames else { continue };
            frames.retain(|((ruleset, _), (piece, _))| {
                let idle = is_idle(*ruleset);
                self.frame_bytes -= if idle { piece.bytes().len() } else { 0 };
                !idle
            });
            if frames.is_empty() {
                mirrored.frames = None;
            }
        }
    }

    /// Bytes that it takes up, its subscribers not counted.
    pub(super) fn held_bytes(&self) -> usize {
        self.ring.len() * size_of::<Mirrored>()
            + self.bulletins.len() * size_of::<Posted>()
            + self.totals.len() * size_of::<Points>()
            + self.views.len() * size_of::<Arc<View>>()
            + self.frame_bytes
    }

    /// The same, counted frame by frame: what [`Mirror::held_bytes`] is held against.
    #[cfg(test)]
    pub(super) fn counted_bytes(&self) -> usize {
        let frames = self.ring.iter().filter_map(|mirrored| mirrored.frames.as_deref()).map(bytes_of);
        let shared = self.shared.iter().map(|shared| shared.frame.0.bytes().len());
        let entries = self.ring.len() * size_of::<Mirrored>() + self.bulletins.len() * size_of::<Posted>();
        let entries = entries + self.totals.len() * size_of::<Points>() + self.views.len() * size_of::<Arc<View>>();
        entries + frames.chain(shared).sum::<usize>()
    }

    /// Where a client stands that was told `told`; nothing where that is before all that the ring holds. It may be
    /// ahead.
    pub(super) fn seq_of(&self, told: Seq) -> Option<Seq> {
        match self.shift {
            0 => Some(told),
            // Below it are the numbers of an earlier game.
            shift => told.checked_sub(shift),
        }
    }

    /// Whether all is here that somebody at `seq` is to be sent.
    pub(super) fn reaches(&self, seq: Seq) -> bool {
        if self.expires {
            return (self.cleared..=self.head).contains(&seq);
        }
        if self.has_views {
            return seq == self.head || self.view_at(seq).is_some();
        }
        seq == self.head || (seq < self.head && self.ring.front().is_some_and(|first| first.entry.seq <= seq + 1))
    }

    /// What such a topic showed at `seq`.
    pub(super) fn view_at(&self, seq: Seq) -> Option<&Arc<View>> {
        let back = usize::try_from(self.head.checked_sub(seq)?).ok()?;
        self.views.get(self.views.len().checked_sub(back + 1)?)
    }

    /// The ring place of the entry that follows `seq`, which the ring reaches.
    pub(super) fn place_after(&self, seq: Seq) -> usize {
        self.ring.len() - (self.head - seq) as usize
    }

    /// Whether the topic showed nothing at some time after `seq`: its game was let go of.
    pub(super) fn is_cleared_after(&self, seq: Seq) -> bool {
        seq < self.cleared
    }

    /// Whether the topic begins to show another game after `seq`, which the ring reaches.
    pub(super) fn changes_game_after(&self, seq: Seq) -> bool {
        self.ring.iter().skip(self.place_after(seq)).any(|mirrored| mirrored.entry.new_game)
    }

    /// Whether a scoring play, a correction or a final follows `seq`, as far as the ring reaches back.
    pub(super) fn is_urgent_after(&self, seq: Seq) -> bool {
        self.ring
            .iter()
            .rev()
            .take_while(|mirrored| mirrored.entry.seq > seq)
            .any(|mirrored| mirrored.entry.change.cause.urgent)
    }

    /// The subscribers in the order of the next walk, which begins with another one each time, so that nobody
    /// is always last. Steps of the golden ratio, so that every place gets its turn, whatever the count.
    pub(super) fn in_turn(&mut self) -> (&[Subscriber], &[Subscriber]) {
        self.turn = self.turn.wrapping_add(0x9E37_79B9);
        let start = (u64::from(self.turn) * self.subscribers.len() as u64) >> 32;
        let (last, first) = self.subscribers.split_at(start as usize);
        (first, last)
    }

    pub(super) fn share(&mut self, shared: Shared) {
        if self.shared.len() >= SHARED_MAX {
            let gone = self.shared.swap_remove(0);
            self.frame_bytes -= gone.frame.0.bytes().len();
        }
        self.frame_bytes += shared.frame.0.bytes().len();
        self.shared.push(shared);
    }
}
