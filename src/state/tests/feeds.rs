//! Several feeds of one game: held against a naive model that keeps every word, and the rules one by one.

use super::arbitrary::arb_feed;
use super::harness::Harness;
use super::oracle::{expected, seen};
use super::{Random, game, play, retract, scored, timed};
use crate::feed::arbitration::Differences;
use crate::model::{Event, GameStatus, PlayId, PlayKind, Rev, SourceId};
use proptest::prelude::*;
use std::collections::BTreeMap;

const PRIMARY: SourceId = SourceId(0);
const SECOND: SourceId = SourceId(1);
const THIRD: SourceId = SourceId(2);

/// An item: which kind, which play.
type Item = (u8, Option<PlayId>);

fn item(event: &Event) -> Item {
    match event {
        Event::Play(e) => (0, Some(e.play.clone())),
        Event::Retract(e) => (0, Some(e.play.clone())),
        Event::Situation(e) => (1, e.after_play.clone()),
        Event::Game(_) => (2, None),
        Event::Players(_) => unreachable!("no player lists here"),
    }
}

fn rev(event: &Event) -> Rev {
    match event {
        Event::Play(e) => e.rev,
        Event::Retract(e) => e.rev,
        Event::Situation(e) => e.rev,
        Event::Game(e) => e.rev,
        Event::Players(_) => unreachable!("no player lists here"),
    }
}

/// The same event under another revision.
fn with_rev(event: &Event, to: Rev) -> Event {
    let mut event = event.clone();
    match &mut event {
        Event::Play(e) => (e.rev, e.ts) = (to, None),
        Event::Retract(e) => (e.rev, e.ts) = (to, None),
        Event::Situation(e) => (e.rev, e.ts) = (to, None),
        Event::Game(e) => (e.rev, e.ts) = (to, None),
        Event::Players(_) => unreachable!("no player lists here"),
    }
    event
}

/// What an event says, without what says nothing: equal for equal words.
fn content(event: &Event) -> Event {
    let mut event = with_rev(event, 0);
    if let Event::Play(e) = &mut event {
        e.stats.sort();
        e.kind = PlayKind::Other;
        e.order = Some(e.order.or(e.play.order()).unwrap_or(0));
    }
    event
}

/// The part of it that scores.
fn scoring(event: &Event) -> Event {
    let mut event = content(event);
    match &mut event {
        Event::Play(e) => (e.order, e.clock, e.situation) = (None, None, None),
        Event::Situation(e) => (e.clock, e.situation, e.timeouts) = (None, Default::default(), None),
        Event::Game(e) => e.kickoff = None,
        Event::Retract(_) | Event::Players(_) => {}
    }
    event
}

#[derive(Clone)]
struct Told {
    event: Event,
    nth: usize,
    waits: bool,
}

#[derive(Default)]
struct ItemTold {
    holder: Option<SourceId>,
    words: BTreeMap<SourceId, Told>,
}

impl ItemTold {
    fn stands(&self) -> Option<&Event> {
        self.holder.map(|holder| &self.words[&holder].event)
    }
}

/// The rules as `docs/decisions/015-two-feeds.md` has them, the slow way.
#[derive(Default)]
struct Model {
    items: BTreeMap<Item, ItemTold>,
    last: BTreeMap<SourceId, usize>,
    silent: Vec<SourceId>,
    words: usize,
}

impl Model {
    fn take(&mut self, source: SourceId, event: &Event) {
        let told = self.items.entry(item(event)).or_default();
        if told.words.get(&source).is_some_and(|own| rev(event) <= rev(&own.event)) {
            return;
        }
        self.words += 1;
        self.last.insert(source, self.words);
        self.silent.retain(|silent| *silent != source);
        let stands = told.holder.is_none_or(|holder| source <= holder || self.silent.contains(&holder));
        let word = Told {
            event: event.clone(),
            nth: self.words,
            waits: !stands && told.stands().is_some_and(|stands| content(stands) != content(event)),
        };
        told.words.insert(source, word);
        if stands {
            told.holder = Some(source);
        }
    }

    fn silence(&mut self, source: SourceId) {
        self.silent.push(source);
        for told in self.items.values_mut() {
            for candidate in [SECOND, THIRD] {
                let Some(holder) = told.holder else { continue };
                let since = self.last.get(&holder).copied().unwrap_or(0);
                let stands = told.words[&holder].event.clone();
                let Some(word) = told.words.get_mut(&candidate) else { continue };
                if candidate != holder && word.waits && self.silent.contains(&holder) && word.nth > since {
                    word.waits = false;
                    if content(&word.event) != content(&stands) {
                        told.holder = Some(candidate);
                    }
                }
            }
        }
    }

    fn stands(&self) -> Vec<Event> {
        self.items.values().filter_map(ItemTold::stands).cloned().collect()
    }

    fn differences(&self) -> Differences {
        let mut differences = Differences::default();
        for told in self.items.values() {
            let stands = told.stands().unwrap();
            let differs = |of: fn(&Event) -> Event| told.words.values().any(|word| of(&word.event) != of(stands));
            if differs(scoring) {
                differences.points += 1;
            } else if differs(content) {
                differences.view += 1;
            }
        }
        differences
    }
}

/// What a log may hold of a game: a feed's word, or that it is silent.
type Entry = (SourceId, Option<Event>);

/// Those feeds' words in any order, a third of them repeated.
fn interleaved(feeds: &[&[Event]], random: &mut Random) -> Vec<(SourceId, Event)> {
    let mut queues: Vec<(SourceId, Vec<Event>)> = (0..)
        .zip(feeds)
        .map(|(rank, feed)| (SourceId(rank), random.shuffled(feed)))
        .collect();
    let mut all = Vec::new();
    while !queues.is_empty() {
        let next = random.below(queues.len());
        let (source, queue) = &mut queues[next];
        match queue.pop() {
            Some(event) => all.push((*source, event)),
            None => drop(queues.swap_remove(next)),
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn feeds_that_agree_are_as_one_in_any_order(feed in arb_feed(), seed in any::<u64>()) {
        let mut harness = Harness::with_feeds(2);
        // Each numbers its revisions as it likes.
        let second: Vec<Event> = feed.iter().map(|event| with_rev(event, 7 + 3 * rev(event))).collect();
        for (source, event) in interleaved(&[&feed, &second], &mut Random(seed)) {
            harness.take_from(source, &event);
        }
        prop_assert_eq!(seen(&harness), expected(&feed));
        prop_assert_eq!(harness.ledger.differences(), Differences::default());
    }

    #[test]
    fn a_feed_that_says_each_thing_once_and_the_same_moves_nothing(feed in arb_feed(), seed in any::<u64>()) {
        let mut items: BTreeMap<Item, Event> = BTreeMap::new();
        for event in &feed {
            items.insert(item(event), event.clone());
        }
        let feed: Vec<Event> = items.into_values().collect();
        let mut harness = Harness::with_feeds(2);
        let mut moved = 0;
        for (source, event) in interleaved(&[&feed, &feed], &mut Random(seed)) {
            moved += usize::from(harness.take_from(source, &event).is_some_and(|change| change.is_visible()));
        }
        prop_assert!(moved <= feed.len(), "{} changes of {} words", moved, feed.len());
        prop_assert_eq!(seen(&harness), expected(&feed));
    }

    #[test]
    fn where_feeds_differ_the_better_one_is_right_in_any_order(a in arb_feed(), b in arb_feed(), seed in any::<u64>()) {
        let mut harness = Harness::with_feeds(2);
        let mut model = Model::default();
        for (source, event) in interleaved(&[&a, &b], &mut Random(seed)) {
            harness.take_from(source, &event);
            model.take(source, &event);
        }
        let mut right = a.clone();
        right.extend(b.iter().filter(|event| a.iter().all(|told| item(told) != item(event))).cloned());
        prop_assert_eq!(seen(&harness), expected(&right));
        prop_assert_eq!(harness.ledger.differences(), model.differences());
    }

}

proptest! {
    // Each works out the state anew after each of a hundred entries.
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// The state follows from the entries in their order, silences among them.
    #[test]
    fn silences_are_filled_as_the_rules_say(feeds in prop::collection::vec(arb_feed(), 3), seed in any::<u64>(), silences in 0..12usize) {
        let random = &mut Random(seed);
        let feeds: Vec<&[Event]> = feeds.iter().map(Vec::as_slice).collect();
        let mut log: Vec<Entry> = interleaved(&feeds, random).into_iter().map(|(source, event)| (source, Some(event))).collect();
        for _ in 0..silences {
            log.insert(random.below(log.len() + 1), (SourceId(random.below(3) as u8), None));
        }
        let (mut harness, mut model) = (Harness::with_feeds(3), Model::default());
        for (source, word) in &log {
            if let Some(event) = word {
                harness.take_from(*source, event);
                model.take(*source, event);
            } else if harness.silence(*source).is_some() {
                model.silence(*source);
            }
            prop_assert_eq!(seen(&harness), expected(&model.stands()));
            prop_assert_eq!(harness.ledger.differences(), model.differences());
        }
    }
}

fn run(id: &str, rev: Rev, yards: i16) -> Event {
    play(id, rev, &[("p-0", "AAA", 10, yards)])
}

fn points(harness: &Harness) -> String {
    harness.points("p-0", "standard")
}

fn two(words: &[(SourceId, Event)]) -> Harness {
    let mut harness = Harness::with_feeds(2);
    for (source, event) in words {
        harness.take_from(*source, event);
    }
    harness
}

#[test]
fn the_second_fills_what_the_primary_has_not_told_and_gives_way() {
    let mut harness = two(&[(PRIMARY, run("1", 1, 10)), (SECOND, run("2", 9, 20))]);
    assert_eq!(points(&harness), "3");
    // Higher in its own count, but outranked.
    assert!(harness.take_from(SECOND, &run("1", 9, 90)).is_none());
    assert_eq!(harness.ledger.differences().points, 1);
    let change = harness.take_from(PRIMARY, &run("2", 1, 30)).unwrap();
    assert!(change.is_visible() && change.cause.urgent, "a correction");
    assert_eq!(points(&harness), "4");
    assert_eq!(harness.ledger.differences().points, 2);
    // Both come round to the primary's.
    harness.take_from(SECOND, &run("1", 10, 10));
    harness.take_from(SECOND, &run("2", 10, 30));
    assert_eq!(harness.ledger.differences(), Differences::default());
}

#[test]
fn a_silence_lets_the_second_correct_until_the_primary_speaks() {
    let mut harness = two(&[(PRIMARY, run("1", 1, 10)), (SECOND, run("1", 1, 10))]);
    harness.take_from(SECOND, &run("1", 2, 20));
    assert_eq!(points(&harness), "1");
    assert!(harness.silence(PRIMARY).is_none(), "it has told of all plays");
    harness.take_from(SECOND, &run("2", 1, 10));
    let filled = harness.silence(PRIMARY).unwrap();
    assert_eq!((filled.len(), points(&harness)), (1, "3".into()));
    assert!(harness.silence(PRIMARY).is_none(), "it is silent already");
    harness.take_from(SECOND, &run("1", 3, 30));
    assert_eq!(points(&harness), "4", "while it is silent the second's word counts at once");
    // A repetition is nothing new.
    harness.take_from(PRIMARY, &run("1", 1, 10));
    assert!(harness.ledger.is_silent(PRIMARY));
    harness.take_from(PRIMARY, &run("3", 1, 10));
    assert!(!harness.ledger.is_silent(PRIMARY));
    assert_eq!(points(&harness), "5", "what the second filled in stays");
    harness.take_from(SECOND, &run("1", 4, 90));
    assert_eq!(
        points(&harness),
        "11",
        "the play is the second's until the primary says something newer of it"
    );
    harness.take_from(PRIMARY, &run("1", 2, 10));
    assert_eq!(points(&harness), "3");
}

#[test]
fn words_older_than_the_primarys_last_do_not_fill_its_silence() {
    let mut harness = two(&[
        (PRIMARY, run("1", 1, 10)),
        (SECOND, run("1", 1, 90)),
        (PRIMARY, run("2", 1, 10)),
        (SECOND, run("3", 1, 10)),
    ]);
    assert_eq!(harness.silence(PRIMARY).map(|filled| filled.len()), Some(0));
    assert_eq!(points(&harness), "3");
}

#[test]
fn a_second_that_is_later_or_lists_more_is_no_silence() {
    // As in any time-out: the primary has told all there is, the second repeats it late.
    let mut harness = two(&[
        (PRIMARY, run("1", 1, 10)),
        (SECOND, run("1", 1, 10)),
        (SECOND, scored(Some("1"), 1, &[("AAA", 7)])),
        (SECOND, timed("1.5", 1, None, 100)),
        (SECOND, retract("9", 1)),
        (SECOND, game(1, GameStatus::Live, None)),
    ]);
    assert_eq!(harness.ledger.behind().count(), 0);
    // A play with stats is something that the primary should have told too.
    harness.take_from(SECOND, &run("2", 1, 10));
    assert_eq!(harness.ledger.behind().map(|(source, _)| source).collect::<Vec<_>>(), [PRIMARY]);
    harness.take_from(PRIMARY, &run("2", 1, 10));
    assert_eq!(harness.ledger.behind().count(), 0);
}

#[test]
fn a_game_that_is_over_for_one_feed_alone_leaves_the_other_behind() {
    let mut harness = two(&[
        (PRIMARY, game(1, GameStatus::Live, None)),
        (SECOND, game(1, GameStatus::Live, None)),
        (SECOND, game(2, GameStatus::Halftime, None)),
    ]);
    assert_eq!(harness.ledger.behind().count(), 0);
    harness.take_from(SECOND, &game(3, GameStatus::Final, None));
    assert_eq!(harness.game.view().status, GameStatus::Live);
    assert_eq!(harness.silence(PRIMARY).map(|filled| filled.len()), Some(1));
    assert_eq!(harness.game.view().status, GameStatus::Final);
}

#[test]
fn a_retraction_is_a_word_like_any_other() {
    let mut harness = two(&[(PRIMARY, run("1", 1, 10)), (SECOND, retract("1", 5))]);
    assert_eq!((points(&harness), harness.ledger.differences().points), ("1".into(), 1));
    harness.take_from(SECOND, &run("2", 1, 10));
    harness.silence(PRIMARY).unwrap();
    assert_eq!(points(&harness), "1", "the first is gone, the second has come");
    // The primary's own repetition does not bring it back, its next revision does.
    harness.take_from(PRIMARY, &run("1", 1, 10));
    assert_eq!(points(&harness), "1");
    harness.take_from(PRIMARY, &run("1", 2, 10));
    assert_eq!((points(&harness), harness.ledger.differences().points), ("2".into(), 1));
}

#[test]
fn clocks_that_differ_are_no_difference_in_points() {
    let harness = two(&[(PRIMARY, timed("1", 1, None, 100)), (SECOND, timed("1", 1, None, 99))]);
    assert_eq!(harness.ledger.differences(), Differences { points: 0, view: 1 });
}
