//! Recorded games in any order, with repetition; and the recorded revisions.

use super::*;
use crate::feed::gamecenter::{Adapter, Document, Formation, timeline};
use crate::model::FeedTime;
use crate::test_support::recorded::data;
use crate::test_support::{Random, WEEKS};
use std::path::{Path, PathBuf};

/// Every event of a folder, in time.
pub(super) fn events(folder: &Path) -> Vec<Event> {
    let moments = timeline(folder, Formation::Shown).unwrap();
    moments.flat_map(|moment| moment.events).collect()
}

#[test]
fn a_recorded_week_ends_the_same_in_any_order_with_any_repetition() {
    for (seed, part) in (1..).zip(WEEKS) {
        let Some(folder) = data(part) else { return };
        let events = events(&folder);
        let in_order = shared(LIMITS);
        apply_all(&in_order, &events);
        // Player lists have no revision: the last one said counts, so they stay in their order.
        let (players, mut rest): (Vec<Event>, Vec<Event>) = events.into_iter().partition(|e| e.game().is_none());
        let mut random = Random(seed);
        for _ in 0..rest.len() / 4 {
            rest.push(rest[random.below(rest.len())].clone());
        }
        random.shuffle(&mut rest);
        let shuffled = shared(LIMITS);
        apply_all(&shuffled, players.iter().chain(&rest));
        assert_eq!(in_order.game_count(), 16);
        assert_eq!(all_shown(&in_order), all_shown(&shuffled), "{part}, seed {seed}");
        for (head, _) in in_order.games() {
            assert_eq!(in_order.recap(&head.game), shuffled.recap(&head.game), "{part}, seed {seed}");
        }
    }
}

/// The shown games after those documents, one poll each.
fn polled(documents: &[&PathBuf]) -> (BTreeMap<GameId, Shown>, Vec<Event>) {
    let (mut adapter, shared) = (Adapter::new(Formation::Shown), shared(LIMITS));
    let mut last = Vec::new();
    for document in documents {
        let document = Document::read(&std::fs::read(document).unwrap()).unwrap();
        last = adapter.poll(&document, FeedTime(1));
        apply_all(&shared, &last);
    }
    (all_shown(&shared), last)
}

#[test]
fn an_old_revision_then_the_new_one_is_the_new_one_alone() {
    let Some(folder) = data("corrections/raw") else { return };
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let name = |file: &PathBuf| file.to_string_lossy().into_owned();
    let of = |kind: &str| files.iter().filter(|file| name(file).contains(kind)).collect::<Vec<_>>();
    let pairs: Vec<(&PathBuf, &PathBuf)> = of(".old.").into_iter().zip(of(".new.")).collect();
    assert_eq!(pairs.len(), 2);
    for ((old, new), (plays, retractions)) in pairs.into_iter().zip([(0, 25), (1, 0)]) {
        let (both, difference) = polled(&[old, new]);
        let count = |is: fn(&Event) -> bool| difference.iter().filter(|event| is(event)).count();
        assert_eq!(count(|event| matches!(event, Event::Play(_))), plays);
        assert_eq!(count(|event| matches!(event, Event::Retract(_))), retractions);
        assert_eq!(both, polled(&[new]).0);
        assert_ne!(both, polled(&[old]).0);
    }
}

#[test]
fn revisions_after_a_game_seen_play_by_play_end_as_the_last_document_alone() {
    let Some(folder) = data("corrections") else { return };
    let played = shared(LIMITS);
    apply_all(&played, &events(&folder));
    let alone = shared(LIMITS);
    let mut adapter = Adapter::new(Formation::Shown);
    for document in timeline(&folder, Formation::Shown).unwrap().latest() {
        apply_all(&alone, &adapter.poll(document, FeedTime(1)));
    }
    let (played, alone) = (all_shown(&played), all_shown(&alone));
    assert_eq!((played.len(), alone.len()), (2, 2));
    for (game, alone) in alone {
        assert_eq!(played[&game].players, alone.players, "{game}");
        assert_eq!(
            (played[&game].view.status, &played[&game].view.score),
            (alone.view.status, &alone.view.score)
        );
    }
}
