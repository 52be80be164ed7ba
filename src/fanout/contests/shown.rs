//! From views to frames: what a snapshot of a contest or an entry says, and what a delta does.

use super::views::View;
use super::{Contest, Of};
use crate::contest::EntryIndex;
use crate::fanout::encode::{self, Subject};
use crate::model::{ContestNow, EntryNow, Seq};
use crate::wire::contests::{ContestShown, EntryHead, EntryShown, EntrySlot};
use crate::wire::message::{Delta, EventTimes, Moved, ServerMessage, Shown};
use crate::wire::ws::Frame;
use smallvec::SmallVec;

/// What takes a client from the view at `prev` to the one at `seq`.
pub(in crate::fanout) fn delta(subject: Subject<'_>, (prev, before): (Seq, &View), (seq, now): (Seq, &View)) -> Frame {
    let about = subject.topic.contest.as_ref().expect("only topics of contests have views");
    let at = now.moved_at();
    let say = |moved| {
        let newest = EventTimes::of(at.feed_ts, at.ingest);
        subject.form.frame(&ServerMessage::Delta(Delta {
            about: encode::about(subject, seq),
            prev,
            moved,
            causes: SmallVec::new(),
            causes_omitted: 0,
            newest,
            oldest: None,
            encode_us: subject.wall_us.max(newest.ingest_us),
        }))
    };
    match (about.of, before, now) {
        (_, View::Contest(before), View::Contest(now)) => say(Moved::Contest(contest_moved(before, now))),
        (Of::Entry(entry), View::Entry(before), View::Entry(now)) => say(Moved::Entry(entry_moved(&about.contest, entry, before, now))),
        _ => unreachable!("a topic shows one sort of view"),
    }
}

/// All that a view shows.
pub(in crate::fanout) fn snapshot(subject: Subject<'_>, seq: Seq, view: &View, reason: &str) -> Frame {
    let about = subject.topic.contest.as_ref().expect("only topics of contests have views");
    let definition = about.contest.definition();
    match (about.of, view) {
        (_, View::Contest(now)) => {
            let head = (definition.terms().name.as_str(), about.contest.entry_count());
            encode::snapshot(subject, seq, Shown::Contest(contest_shown(Some(head), now)), reason)
        }
        (Of::Entry(entry), View::Entry(now)) => {
            let (id, name) = (definition.entry_id(entry), definition.entry_name(entry));
            let shown = entry_shown(&about.contest, entry, Some((id.as_str(), &name)), now);
            encode::snapshot(subject, seq, Shown::Entry(shown), reason)
        }
        _ => unreachable!("a topic shows one sort of view"),
    }
}

/// All that an entry shows; its id and name where they are told.
pub fn entry_shown<'a>(contest: &'a Contest, entry: EntryIndex, names: Option<(&'a str, &'a str)>, now: &'a EntryNow) -> EntryShown<'a> {
    EntryShown {
        head: names.map(|(id, name)| EntryHead {
            contest: contest.id().as_str(),
            entry: id,
            name,
            entries: contest.entry_count(),
        }),
        now,
        change: None,
        slots: slots(contest, entry, now, |_| true)
            .map(|(slot, multiplier)| EntrySlot { multiplier, ..slot })
            .collect(),
        odds: now.odds.as_ref(),
    }
}

/// All that a contest shows; its name and how many entries it has where they are told.
pub fn contest_shown<'a>(head: Option<(&'a str, u32)>, now: &'a ContestNow) -> ContestShown<'a> {
    ContestShown {
        head,
        leaders: Some(&now.leaders),
        cuts: Some(&now.cuts),
        money_line: now.money_line,
        distribution: Some(&now.distribution),
        odds_at: now.odds_at,
    }
}

fn contest_moved<'a>(before: &ContestNow, now: &'a ContestNow) -> ContestShown<'a> {
    ContestShown {
        head: None,
        leaders: (before.leaders != now.leaders).then_some(&*now.leaders),
        cuts: (before.cuts != now.cuts).then_some(&*now.cuts),
        money_line: now.money_line.filter(|line| before.money_line != Some(*line)),
        distribution: (before.distribution != now.distribution).then_some(&now.distribution),
        odds_at: now.odds_at.filter(|at| before.odds_at != Some(*at)),
    }
}

fn entry_moved<'a>(contest: &'a Contest, entry: EntryIndex, before: &'a EntryNow, now: &'a EntryNow) -> EntryShown<'a> {
    let has_moved = |place: usize| before.slots.get(place) != now.slots.get(place);
    EntryShown {
        head: None,
        now,
        change: Some(now.points - before.points),
        slots: slots(contest, entry, now, has_moved).map(|(slot, _)| slot).collect(),
        odds: now.odds.as_ref().filter(|_| before.odds != now.odds),
    }
}

/// The slots of an entry of which `is_told` holds, and what each multiplies by where that is not 1.
fn slots<'a>(
    contest: &'a Contest,
    entry: EntryIndex,
    now: &'a EntryNow,
    is_told: impl Fn(usize) -> bool + 'a,
) -> impl Iterator<Item = (EntrySlot<'a>, Option<u32>)> + 'a {
    let definition = contest.definition();
    let players = definition.roster(entry).map(|player| &definition.players()[usize::from(player.0)]);
    let slots = definition.slots().iter().zip(players).zip(&now.slots).enumerate();
    slots
        .filter(move |(place, _)| is_told(*place))
        .map(|(_, ((slot, player), points))| {
            let told = EntrySlot {
                slot: &slot.name,
                player,
                points: *points,
                multiplier: None,
            };
            (told, slot.multiplier.hundredths())
        })
}
