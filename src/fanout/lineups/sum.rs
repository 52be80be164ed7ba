//! What a `lineup:` topic holds beside its ring: where each slot stands, and their sum after each entry.

use super::{Lineup, Shown};
use crate::fanout::encode;
use crate::fanout::topic::{Entry, History, Left, Slot, Topic, TopicId};
use crate::model::{Change, Points, Seq, TopicName};
use crate::scoring::Ruleset;
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::sync::Arc;

/// Where a slot stands: what its player's topic shows.
#[derive(Clone, Debug, Default)]
pub struct SlotNow {
    /// The head of the player's topic.
    pub seq: Seq,
    /// The last change there; nothing where the topic shows nothing.
    pub last: Option<Entry>,
    /// What the lineup has from it: multiplied.
    pub points: Points,
}

impl SlotNow {
    /// The slot at `place` as its player's topic stands.
    pub(in crate::fanout) fn read(lineup: &Lineup, place: usize, ruleset: &Ruleset, player: &Topic) -> SlotNow {
        let (seq, last) = player.read(|history| (history.head, history.last()));
        let points = last.as_ref().map_or(Points::ZERO, |entry| {
            let shown = entry.player();
            encode::points(ruleset, &shown.who.card, &shown.after())
        });
        SlotNow {
            seq,
            last,
            points: lineup.slots[place].multiplier.of(points),
        }
    }
}

/// The sum of a lineup's slots.
#[derive(Debug)]
pub(in crate::fanout) struct Sum {
    /// By the lineup's slots.
    slots: Box<[SlotNow]>,
    total: Points,
    /// The sum after each entry in the ring.
    totals: VecDeque<Points>,
    /// Whether somebody has asked for the lineup since it was last looked at.
    touched: bool,
    /// Since when nobody watches it, by the steady clock.
    idle_since_us: Option<i64>,
}

impl Sum {
    fn new(slots: Vec<SlotNow>) -> Sum {
        Sum {
            total: slots.iter().map(|slot| slot.points).sum(),
            slots: slots.into_boxed_slice(),
            totals: VecDeque::new(),
            touched: true,
            idle_since_us: None,
        }
    }

    /// The sum now.
    pub(in crate::fanout) fn total(&self) -> Points {
        self.total
    }

    /// The slots now.
    pub(in crate::fanout) fn slots(&self) -> &[SlotNow] {
        &self.slots
    }

    /// The sums after the last `count` entries, oldest first.
    pub(in crate::fanout) fn last_totals(&self, count: usize) -> impl Iterator<Item = Points> + '_ {
        self.totals.range(self.totals.len().saturating_sub(count)..).copied()
    }

    /// Keeps the sums of the last `count` entries.
    pub(in crate::fanout) fn keep(&mut self, count: usize) {
        let surplus = self.totals.len().saturating_sub(count);
        self.totals.drain(..surplus);
    }
}

/// What became of news about players.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Followed {
    /// It moved the lineup; the shards with these bits have subscribers.
    To(u64),
    /// It was known.
    Known,
    /// Something before it is not known: look at the players' topics.
    Behind,
}

impl History {
    /// Begins to show a lineup whose slots stand so.
    pub(in crate::fanout) fn sum_up(&mut self, slots: Vec<SlotNow>) {
        self.lineup = Some(Box::new(Sum::new(slots)));
    }
}

impl Topic {
    /// A lineup's topic before [`History::sum_up`]. It counts from `seq` on, and nobody can hold anything of it that
    /// is older.
    pub(in crate::fanout) fn of_lineup(id: TopicId, lineup: Arc<Lineup>, seq: Seq, ring_max: usize) -> Topic {
        let mut topic = Topic::new(id, TopicName::Lineup(lineup.id.clone()));
        (topic.lineup, topic.ring_max) = (Some(lineup), ring_max);
        topic.read(|history| history.head = seq);
        topic.keep();
        topic
    }

    /// Takes over what a change did to players of the lineup. `points` says what a player's part in it comes to,
    /// before it is multiplied.
    pub(super) fn follow(
        &self,
        change: &Arc<Change>,
        shown: &[Shown],
        mut points: impl FnMut(Shown) -> Points,
        ring_frames: usize,
        left: &mut Left,
    ) -> Followed {
        let Some(lineup) = &self.lineup else { return Followed::Known };
        self.read(|history| {
            let Some(sum) = &mut history.lineup else { return Followed::Known };
            let slot_of = |one: &Shown| {
                let player = &change.moves[usize::from(one.place)].who.card.player;
                Some((lineup.slot_of(player)?, *one))
            };
            let news: SmallVec<[(usize, Shown); 2]> = shown
                .iter()
                .filter_map(slot_of)
                .filter(|(place, one)| one.seq > sum.slots[*place].seq)
                .collect();
            if news.iter().any(|(place, one)| one.seq > sum.slots[*place].seq + 1) {
                return Followed::Behind;
            }
            let (mut which, mut new_game) = (0, false);
            for (place, one) in news {
                let now = &mut sum.slots[place];
                let points = lineup.slots[place].multiplier.of(points(one));
                sum.total += points - now.points;
                let last = Entry {
                    seq: one.seq,
                    change: change.clone(),
                    place: one.place.into(),
                    new_game: one.new_game,
                };
                *now = SlotNow {
                    seq: one.seq,
                    last: Some(last),
                    points,
                };
                which |= 1 << place;
                new_game |= one.new_game;
            }
            if which == 0 {
                return Followed::Known;
            }
            let total = sum.total;
            let entry = Slot {
                change: change.clone(),
                place: which,
                new_game,
            };
            history.push(entry, ring_frames.min(self.ring_max), left);
            if let Some(sum) = &mut history.lineup {
                sum.totals.push_back(total);
            }
            Followed::To(history.watchers())
        })
    }

    /// Puts slots where their players' topics stand, as those at `read` say, where that is further on. It cannot be
    /// told how they came there: nobody's ring reaches back before it. The shards to tell, where anything moved.
    pub(super) fn jump(&self, read: Vec<SlotNow>, left: &mut Left) -> Option<u64> {
        self.read(|history| {
            let sum = history.lineup.as_mut()?;
            let mut moved = false;
            for (now, read) in sum.slots.iter_mut().zip(read) {
                if read.seq > now.seq {
                    sum.total += read.points - now.points;
                    *now = read;
                    moved = true;
                }
            }
            moved.then(|| {
                history.break_off(left);
                history.watchers()
            })
        })
    }

    /// Says that somebody asked for the lineup: it stays for a while, watched or not.
    pub(in crate::fanout) fn touch(&self) {
        self.read(|history| {
            if let Some(sum) = &mut history.lineup {
                sum.touched = true;
            }
        });
    }

    /// For how long nobody has watched the lineup nor asked for it, as far as it was looked at; nothing where somebody
    /// does, or has since the last look.
    pub(in crate::fanout) fn idle_us(&self, now_us: i64) -> Option<i64> {
        self.read(|history| {
            let watched = history.watchers() != 0;
            let sum = history.lineup.as_mut()?;
            if watched || std::mem::take(&mut sum.touched) {
                sum.idle_since_us = None;
                return None;
            }
            Some(now_us - *sum.idle_since_us.get_or_insert(now_us))
        })
    }

    /// Whether nobody watches the lineup, nor has asked for it since [`Topic::idle_us`].
    pub(in crate::fanout) fn is_unasked(&self) -> bool {
        self.read(|history: &mut History| history.watchers() == 0 && history.lineup.as_ref().is_some_and(|sum| !sum.touched))
    }
}
