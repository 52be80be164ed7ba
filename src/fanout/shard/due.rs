//! What one subscription is due: its deltas, one merged delta, a snapshot, or nothing yet.

use super::ShardParts;
use super::account::ShardStats;
use super::batch::{PIECES_MAX, Piece};
use super::conn::{Conn, Kind};
use super::mirror::{Encoded, Mirror, Shared};
use super::subs::{Cursor, Phase};
use super::traced::Traces;
use crate::fanout::bulletins::{BULLETINS_MAX, Posted};
use crate::fanout::contests;
use crate::fanout::encode::{self, Subject};
use crate::fanout::epoch::{Epoch, EpochName};
use crate::fanout::snapshot::{self, Taken};
use crate::fanout::topic::FrameKey;
use crate::model::{Now, Seq};
use crate::wire::Form;
use crate::wire::deflate::Deflater;
use crate::wire::ws::Frame;
use slab::Slab;
use smallvec::SmallVec;

/// Frames that a subscription is due.
pub(super) type Frames = SmallVec<[DueFrame; 2]>;

/// One of them.
pub(super) struct DueFrame {
    /// The head after it.
    pub(super) seq: Seq,
    /// That as clients are told.
    pub(super) told: Seq,
    /// Whether it is a snapshot.
    pub(super) snapshot: bool,
    pub(super) encoded: Encoded,
}

/// What to do about a subscription that was marked.
pub(super) enum Due {
    /// These go out, as far as there is room in a write; they may end before the head, as those that
    /// follow would not fit.
    Now(Frames),
    /// The client's own rate limit says when.
    Later(i64),
    /// It begins with a snapshot, once the topic shows what stands: that marks it again.
    Waits,
}

/// What making a frame takes besides its subject.
pub(super) struct Making<'a> {
    pub(super) now: Now,
    pub(super) deflater: &'a mut Deflater,
    pub(super) stats: &'a mut ShardStats,
    pub(super) traces: &'a mut Traces,
    /// The place that the client's write will have in its batch.
    pub(super) item: usize,
}

impl Making<'_> {
    /// The frame compressed, where that pays.
    fn deflate(&mut self, plain: &Frame) -> Option<Frame> {
        let deflated = self.deflater.frame(plain)?;
        self.stats.deflate_in_bytes += plain.bytes().len() as u64;
        self.stats.deflate_out_bytes += deflated.bytes().len() as u64;
        Some(deflated)
    }

    /// A frame of this shard's own, in that form.
    fn piece(&mut self, plain: Frame, form: Form) -> Encoded {
        let deflated = form.deflated.then(|| self.deflate(&plain)).flatten();
        let frame = deflated.unwrap_or(plain);
        self.stats.encoded_bytes += frame.bytes().len() as u64;
        (Piece::frame(frame), self.now.steady_us)
    }
}

/// Decides what a subscription gets now. `behind`: its client's socket was full.
pub(super) fn due(parts: &ShardParts, mirror: &mut Mirror, cursor: &Cursor, form: Form, behind: bool, making: &mut Making<'_>) -> Due {
    let now = making.now;
    let (seq, head) = (cursor.seq, mirror.head);
    let key = (cursor.ruleset, form);
    let snapshot = |mirror: &mut Mirror, reason, making: &mut Making<'_>| {
        // The game may have moved on since the mirror was brought up to date: `pump` sees to it.
        Due::Now(smallvec::smallvec![snapshot(parts, mirror, cursor, (key, reason), making)])
    };
    if cursor.phase == Phase::Snapshot {
        if !mirror.is_current {
            return Due::Waits;
        }
        return snapshot(mirror, "subscribe", making);
    }
    if seq == head {
        return Due::Now(Frames::new());
    }
    if let Some(pace) = &cursor.pace
        && now.steady_us < pace.next_due_us
        && !mirror.is_urgent_after(seq)
    {
        return Due::Later(pace.next_due_us);
    }
    if mirror.is_cleared_after(seq) {
        return snapshot(mirror, "new_game", making);
    }
    if !mirror.reaches(seq) {
        return snapshot(mirror, "lagged", making);
    }
    if mirror.expires {
        let (mut frames, is_all) = bulletins(parts, mirror, key, seq, making);
        if !is_all {
            // What is over by its time alone is passed over, and whoever holds it is told what there is.
            frames.push(self::snapshot(parts, mirror, cursor, (key, "expired"), making));
        }
        return Due::Now(frames);
    }
    if mirror.has_views {
        let encoded = viewed(parts, mirror, key, seq, making);
        return Due::Now(smallvec::smallvec![delta(0, head, encoded)]);
    }
    if mirror.changes_game_after(seq) {
        return snapshot(mirror, "new_game", making);
    }
    let first = mirror.place_after(seq);
    let count = mirror.ring.len() - first;
    let one_by_one = !behind && cursor.pace.is_none() && count <= parts.limits.coalesce_frames_max;
    if count > 1 && !one_by_one {
        let encoded = merged(parts, mirror, key, seq, making);
        return Due::Now(smallvec::smallvec![delta(mirror.shift, head, encoded)]);
    }
    let subject = Subject {
        topic: &mirror.topic,
        ruleset: parts.rulesets.by_index(cursor.ruleset),
        form: key.1,
        wall_us: now.wall_us,
        shift: mirror.shift,
    };
    let frames = mirror
        .ring
        .range_mut(first..)
        .zip(first..)
        .take(PIECES_MAX)
        .map(|(mirrored, place)| {
            let frames = mirrored.frames.get_or_insert_default();
            if let Some((_, frame)) = frames.iter().find(|(known, _)| *known == key) {
                return delta(subject.shift, mirrored.entry.seq, frame.clone());
            }
            let entry = &mirrored.entry;
            making.traces.look([&*entry.change], now.steady_us, making.item);
            let mut encoded = false;
            let encode = || {
                encoded = true;
                encode::delta(subject, [entry], mirror.totals.get(place).copied())
            };
            let shared = subject.topic.read(|history| history.frames(entry.seq));
            let frame = shared.frame(key, encode, |plain| making.deflate(plain));
            making.stats.encoded_bytes += frame.bytes().len() as u64;
            if encoded {
                making.stats.state_to_encode.record(now.steady_us - entry.change.applied.0);
            }
            // A copy of its own: the walk then touches no memory that another shard writes.
            let own = (Piece::frame(frame.copied()), now.steady_us);
            mirror.frame_bytes += own.0.bytes().len();
            frames.push((key, own.clone()));
            delta(subject.shift, entry.seq, own)
        });
    Due::Now(frames.collect())
}

fn delta(shift: Seq, seq: Seq, encoded: Encoded) -> DueFrame {
    DueFrame {
        seq,
        told: seq.wrapping_add(shift),
        snapshot: false,
        encoded,
    }
}

fn merged(parts: &ShardParts, mirror: &mut Mirror, key: FrameKey, seq: Seq, making: &mut Making<'_>) -> Encoded {
    let same = |shared: &&Shared| shared.key == key && shared.after == Some(seq);
    if let Some(shared) = mirror.shared.iter().find(same) {
        return shared.frame.clone();
    }
    let entries = mirror.ring.range(mirror.place_after(seq)..).map(|mirrored| &mirrored.entry);
    let changes = entries.clone().map(|entry| &*entry.change);
    making.traces.look(changes, making.now.steady_us, making.item);
    let subject = Subject {
        topic: &mirror.topic,
        ruleset: parts.rulesets.by_index(key.0),
        wall_us: making.now.wall_us,
        form: key.1,
        shift: mirror.shift,
    };
    let frame = making.piece(encode::delta(subject, entries, mirror.totals.back().copied()), key.1);
    mirror.share(Shared {
        key,
        after: Some(seq),
        reason: "",
        seq: mirror.head,
        told: mirror.head.wrapping_add(mirror.shift),
        until_us: i64::MAX,
        frame: frame.clone(),
    });
    frame
}

/// What differs between the view at `seq`, which is there, and the last one.
fn viewed(parts: &ShardParts, mirror: &mut Mirror, key: FrameKey, seq: Seq, making: &mut Making<'_>) -> Encoded {
    let same = |shared: &&Shared| shared.key == key && shared.after == Some(seq);
    if let Some(shared) = mirror.shared.iter().find(same) {
        return shared.frame.clone();
    }
    let subject = Subject {
        topic: &mirror.topic,
        ruleset: parts.rulesets.by_index(key.0),
        wall_us: making.now.wall_us,
        form: key.1,
        shift: 0,
    };
    let view_at = |seq| mirror.view_at(seq).expect("the mirror reaches it");
    let head = mirror.head;
    let frame = contests::delta(subject, (seq, view_at(seq)), (head, view_at(head)));
    let frame = making.piece(frame, key.1);
    mirror.share(Shared {
        key,
        after: Some(seq),
        reason: "",
        seq: head,
        told: head,
        until_us: i64::MAX,
        frame: frame.clone(),
    });
    frame
}

/// What has not expired of a topic of predictions after `seq`: each frame follows the one before it. And whether
/// they lead to the head: not where that is past its time.
fn bulletins(parts: &ShardParts, mirror: &mut Mirror, key: FrameKey, seq: Seq, making: &mut Making<'_>) -> (Frames, bool) {
    let wall_us = making.now.wall_us;
    let is_due = |posted: &&Posted| posted.seq > seq && posted.bulletin.expires_us() > wall_us;
    let after: SmallVec<[Posted; BULLETINS_MAX]> = mirror.bulletins.iter().filter(is_due).cloned().collect();
    let mut prev = seq;
    let frames = after.iter().map(|posted| {
        let frame = bulletin(parts, mirror, key, (prev, posted), making);
        prev = posted.seq;
        delta(0, posted.seq, frame)
    });
    (frames.collect(), prev == mirror.head)
}

/// One of them, for whoever holds `prev`.
fn bulletin(parts: &ShardParts, mirror: &mut Mirror, key: FrameKey, (prev, posted): (Seq, &Posted), making: &mut Making<'_>) -> Encoded {
    let same = |shared: &&Shared| shared.key == key && shared.after == Some(prev) && shared.seq == posted.seq;
    if let Some(shared) = mirror.shared.iter().find(same) {
        return shared.frame.clone();
    }
    let subject = Subject {
        topic: &mirror.topic,
        ruleset: parts.rulesets.by_index(key.0),
        wall_us: making.now.wall_us,
        form: key.1,
        shift: mirror.shift,
    };
    let mut encoded = false;
    let mut encode = || {
        encoded = true;
        encode::bulletin(subject, posted, prev)
    };
    let frame = if prev + 1 == posted.seq {
        // What all who are up to date are sent, on whichever shard.
        let frame = posted.frames.frame(key, encode, |plain| making.deflate(plain));
        making.stats.encoded_bytes += frame.bytes().len() as u64;
        (Piece::frame(frame.copied()), making.now.steady_us)
    } else {
        making.piece(encode(), key.1)
    };
    if encoded {
        making
            .stats
            .prediction_to_encode
            .record(making.now.steady_us - posted.bulletin.made().0);
    }
    mirror.share(Shared {
        key,
        after: Some(prev),
        reason: "",
        seq: posted.seq,
        told: posted.seq,
        until_us: i64::MAX,
        frame: frame.clone(),
    });
    frame
}

/// The topic as it is now, and the `seq` that goes with it.
fn snapshot(
    parts: &ShardParts,
    mirror: &mut Mirror,
    cursor: &Cursor,
    (key, reason): (FrameKey, &'static str),
    making: &mut Making<'_>,
) -> DueFrame {
    let taken = |seq, told, encoded| DueFrame {
        seq,
        told,
        snapshot: true,
        encoded,
    };
    let now_us = making.now.wall_us;
    let is_good = |shared: &&Shared| shared.seq >= cursor.seq && shared.until_us > now_us;
    let same = |shared: &&Shared| shared.key == key && shared.after.is_none() && shared.reason == reason && is_good(shared);
    if let Some(shared) = mirror.shared.iter().find(same) {
        return taken(shared.seq, shared.told, shared.frame.clone());
    }
    let subject = Subject {
        topic: &mirror.topic,
        ruleset: parts.rulesets.by_index(cursor.ruleset),
        wall_us: making.now.wall_us,
        form: key.1,
        shift: mirror.shift,
    };
    let Taken { seq, told, frame } = snapshot::take(&parts.hub, &parts.games, subject, reason);
    let frame = making.piece(frame, key.1);
    let ends = mirror.bulletins.iter().map(|posted| posted.bulletin.expires_us());
    mirror.share(Shared {
        key,
        after: None,
        reason,
        seq,
        told,
        until_us: ends.filter(|end| *end > now_us).min().unwrap_or(i64::MAX),
        frame: frame.clone(),
    });
    taken(seq, told, frame)
}

/// An event stream's ids: where every subscription stands after an event, so that any of them can be
/// resumed from. Written out once; an event then writes the one that moved: there may be hundreds of each.
pub(super) struct EventIds {
    /// `SEQ-SEQ-…`
    text: String,
    /// Where each begins.
    starts: Vec<usize>,
    epoch: EpochName,
}

/// Stands in an event's id for a topic whose first snapshot has not been sent: ahead of any history, so
/// that whoever resumes from there is given the snapshot.
const NOTHING_YET: Seq = Seq::MAX;

impl EventIds {
    pub(super) fn of(conn: &Conn, mirrors: &Slab<Mirror>, epoch: &Epoch) -> Option<EventIds> {
        let stands = |cursor: &Cursor| match cursor.phase {
            Phase::Resumed | Phase::Deltas => cursor.seq.wrapping_add(mirrors[cursor.mirror as usize].shift),
            Phase::Snapshot => NOTHING_YET,
        };
        (conn.kind == Kind::EventStream).then(|| EventIds::new(epoch.name(), conn.subs.iter().map(stands)))
    }

    fn new(epoch: EpochName, seqs: impl Iterator<Item = Seq>) -> EventIds {
        let (mut text, mut starts) = (String::new(), Vec::new());
        for seq in seqs {
            if !text.is_empty() {
                text.push('-');
            }
            starts.push(text.len());
            text.push_str(&seq.to_string());
        }
        EventIds { text, starts, epoch }
    }

    fn moved(&mut self, sub: u32, seq: Seq) {
        let place = sub as usize;
        let start = self.starts[place];
        let end = self.starts.get(place + 1).map_or(self.text.len(), |next| next - 1);
        let seq = seq.to_string();
        if seq.len() != end - start {
            for later in &mut self.starts[place + 1..] {
                *later = *later + seq.len() - (end - start);
            }
        }
        self.text.replace_range(start..end, &seq);
    }

    /// One event: `id: EPOCH.SEQ-SEQ-…`, and the frame's payload as its data.
    pub(super) fn event(&mut self, sub: u32, seq: Seq, piece: &Piece) -> Piece {
        let Piece::Frame(frame) = piece else { return piece.clone() };
        self.moved(sub, seq);
        let event = [
            b"id: ",
            self.epoch.text().as_bytes(),
            b".",
            self.text.as_bytes(),
            b"\ndata: ",
            frame.payload(),
            b"\n\n",
        ];
        Piece::text(&event.concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Of all lengths, the longest too.
    fn seqs() -> impl Strategy<Value = Seq> {
        (0..64u32, any::<u64>()).prop_map(|(bits, seq)| seq >> bits)
    }

    proptest! {
        /// Against the whole list written anew each time.
        #[test]
        fn an_id_names_where_each_stands(
            mut stands in proptest::collection::vec(seqs(), 1..20),
            moves in proptest::collection::vec((0..20usize, seqs()), 0..50),
        ) {
            let mut ids = EventIds::new(EpochName::alone("e"), stands.iter().copied());
            for (place, seq) in moves {
                let sub = place % stands.len();
                stands[sub] = seq;
                ids.moved(sub as u32, seq);
                let anew: Vec<String> = stands.iter().map(Seq::to_string).collect();
                prop_assert_eq!(&ids.text, &anew.join("-"));
            }
        }
    }
}
