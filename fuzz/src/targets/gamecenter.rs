//! GameCenter documents: what is read of any, the server takes; and a poller ends where the last one stands.

use super::feed_line::written_is_read;
use scorewire::feed::gamecenter::{Adapter, Document, Formation, Revealer};
use scorewire::model::{Event, FeedTime, PlayId, Rev, StatRecord};
use std::collections::BTreeMap;

/// Between two documents of an input. (JSON has no such byte; gzip has, and stands alone.)
const BETWEEN: u8 = 0;
const DOCUMENTS_MAX: usize = 4;

/// Several downloads one after another, of whichever games.
pub(crate) fn documents(input: &[u8]) {
    let texts: Vec<&[u8]> = match input.starts_with(&[0x1f, 0x8b]) {
        true => vec![input],
        false => input.split(|byte| *byte == BETWEEN).take(DOCUMENTS_MAX).collect(),
    };
    let documents: Vec<Document> = texts.into_iter().filter_map(|text| Document::read(text).ok()).collect();
    let mut adapter = Adapter::new(Formation::Shown);
    let mut standing = BTreeMap::new();
    for (place, document) in documents.iter().enumerate() {
        let held = standing.entry(&document.game).or_insert_with(Standing::default);
        let ts = FeedTime(place as i64);
        held.poll(&mut adapter, document, ts);
        assert_eq!(adapter.poll(document, ts), [], "the same download again says nothing");
    }
    for document in documents {
        let mut adapter = Adapter::new(Formation::Hidden);
        let mut standing = Standing::default();
        let revealer = Revealer::new(document);
        for step in revealer.steps() {
            standing.poll(&mut adapter, &revealer.document(step.shown), FeedTime(step.elapsed_us));
        }
        standing.check(revealer.recorded());
    }
}

/// What a receiver of the events holds of one game: each play at its last revision, nothing once retracted.
#[derive(Default)]
struct Standing(BTreeMap<PlayId, (Rev, Option<Vec<StatRecord>>)>);

impl Standing {
    fn poll(&mut self, adapter: &mut Adapter, document: &Document, ts: FeedTime) {
        for event in adapter.poll(document, ts) {
            written_is_read(&event);
            let (play, rev, stats) = match event {
                Event::Play(event) => (event.play, event.rev, Some(event.stats.to_vec())),
                Event::Retract(event) => (event.play, event.rev, None),
                _ => continue,
            };
            let held = self.0.entry(play).or_insert((0, None));
            assert!(rev > held.0, "revision {rev} after {}", held.0);
            *held = (rev, stats);
        }
        self.check(document);
    }

    fn check(&self, document: &Document) {
        let held = self.0.iter().filter_map(|(id, (_, stats))| Some((id, stats.as_deref()?)));
        let plays = document.plays.iter().map(|play| (&play.id, &play.stats[..]));
        assert_eq!(held.collect::<BTreeMap<_, _>>(), plays.collect::<BTreeMap<_, _>>());
    }
}
