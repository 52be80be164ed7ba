//! What a `contest:` or `entry:` topic holds instead of a ring of changes: what it showed after each of the last of
//! its `seq`s. A delta says what differs between two of them, so any number of changes is one frame.

use super::{Contest, Of};
use crate::fanout::topic::{History, Topic, TopicId};
use crate::model::contest::MovedAt;
use crate::model::{ContestNow, EntryNow, Seq, TopicName};
use std::collections::VecDeque;
use std::sync::Arc;

/// What such a topic shows at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum View {
    /// A contest.
    Contest(ContestNow),
    /// An entry.
    Entry(EntryNow),
}

/// What such a topic is about, which never changes.
#[derive(Clone, Debug)]
pub(in crate::fanout) struct About {
    pub(in crate::fanout) contest: Arc<Contest>,
    pub(in crate::fanout) of: Of,
}

/// The last views, of which the last one's `seq` is the topic's head.
#[derive(Debug, Default)]
pub(in crate::fanout) struct Views {
    shown: VecDeque<Arc<View>>,
    /// Whether the last one is kept up to date. Where nobody watches it is not, and whoever comes waits for the next.
    is_current: bool,
    /// Whether the contest is no more.
    pub(in crate::fanout) is_over: bool,
    /// Whether somebody has asked for it since it was last looked at.
    touched: bool,
    /// Since when nobody watches it, by the steady clock.
    idle_since_us: Option<i64>,
}

impl Views {
    /// All of them, oldest first.
    pub(in crate::fanout) fn shown(&self) -> &VecDeque<Arc<View>> {
        &self.shown
    }

    /// Adds one at the head. False where it is as the last one, which was known to be kept up to date.
    fn show(&mut self, view: View, ring_frames: usize) -> bool {
        if self.is_current && self.shown.back().is_some_and(|shown| **shown == view) {
            return false;
        }
        self.is_current = true;
        self.shown.push_back(Arc::new(view));
        self.keep(ring_frames);
        true
    }

    /// Whether the last one is what the contest comes to now.
    pub(in crate::fanout) fn is_current(&self) -> bool {
        self.is_current
    }

    /// Keeps the last `count`.
    pub(in crate::fanout) fn keep(&mut self, count: usize) {
        let surplus = self.shown.len().saturating_sub(count.max(1));
        self.shown.drain(..surplus);
    }
}

impl Topic {
    /// A topic that shows nothing yet. It counts from `seq` on, and nobody can hold anything of it that is older.
    pub(in crate::fanout) fn of_contest(id: TopicId, name: TopicName, about: About, seq: Seq, ring_max: usize) -> Topic {
        let mut topic = Topic::new(id, name);
        (topic.contest, topic.ring_max) = (Some(about), ring_max);
        topic.read(|history| {
            history.head = seq;
            let views = Views {
                touched: true,
                ..Views::default()
            };
            history.views = Some(Box::new(views));
        });
        topic.keep();
        topic
    }

    /// Shows what the contest comes to, where somebody watches and that is another than before, or was not known to be
    /// the same. `make` is not called where nobody watches. The shards to tell, where it moved.
    pub(super) fn show_watched(&self, ring_frames: usize, make: impl FnOnce() -> View) -> Option<u64> {
        self.read(|history| {
            let watchers = history.watchers();
            let views = history.views.as_mut()?;
            if watchers == 0 {
                views.is_current = false;
                return None;
            }
            views.show(make(), ring_frames.min(self.ring_max)).then(|| {
                history.head += 1;
                watchers
            })
        })
    }

    /// The same where nobody watches: it is as new as it gets, until the next change.
    pub(super) fn show_unwatched(&self, make: impl FnOnce() -> View) {
        self.read(|history| {
            if let Some(views) = history.views.as_mut().filter(|views| !views.is_current) {
                views.touched = true;
                history.head += u64::from(views.show(make(), self.ring_max));
            }
        });
    }

    /// Begins with what it shows at the `seq` from which it counts.
    pub(super) fn show_first(&self, view: View) {
        self.read(|history| {
            if let Some(views) = &mut history.views {
                views.show(view, 1);
            }
        });
    }

    /// Says that the contest is no more: the shards to tell.
    pub(super) fn end(&self) -> u64 {
        self.read(|history| {
            if let Some(views) = &mut history.views {
                (views.is_over, views.is_current) = (true, false);
                views.shown.extend(views.shown.back().cloned());
                history.head += 1;
            }
            history.watchers()
        })
    }

    /// As [`Topic::touch`](super::super::topic::Topic::touch) of lineups: it stays for a while.
    pub(in crate::fanout) fn touch_views(&self) {
        self.read(|history| {
            if let Some(views) = &mut history.views {
                views.touched = true;
            }
        });
    }

    /// For how long nobody has watched it nor asked for it, as far as it was looked at; nothing where somebody does, or
    /// has since the last look.
    pub(super) fn views_idle_us(&self, now_us: i64) -> Option<i64> {
        self.read(|history| {
            let watched = history.watchers() != 0;
            let views = history.views.as_mut()?;
            if watched || std::mem::take(&mut views.touched) {
                views.idle_since_us = None;
                return None;
            }
            views.is_current = false;
            Some(now_us - *views.idle_since_us.get_or_insert(now_us))
        })
    }

    /// Whether nobody watches it, nor has asked for it since [`Topic::views_idle_us`].
    pub(in crate::fanout) fn is_unviewed(&self) -> bool {
        self.read(|history: &mut History| history.watchers() == 0 && history.views.as_ref().is_some_and(|views| !views.touched))
    }
}

impl View {
    /// When it last moved.
    pub(in crate::fanout) fn moved_at(&self) -> MovedAt {
        match self {
            View::Contest(now) => now.moved_at,
            View::Entry(now) => now.moved_at,
        }
    }
}
