//! The NFL's GameCenter documents: one JSON document a game, downloaded again and again.
//!
//! ```text
//! bytes (.json, .json.gz) ─ document ─▶ Document ─ adapter ─▶ events (plays, revisions, retractions, …)
//!                                          ▲
//!        recorded final Document ─ reveal ─┘   (a live poller's view, play by play)
//!        timeline = files + schedule + reveal + adapter, several games merged by the clock
//! ```
//!
//! Owns the reading of that format and the memory of a poller. Never downloads, never sleeps, reads
//! no clock (times are passed in or follow from the documents) and scores nothing: the running score
//! of a revealed document is the scoreboard's, not anybody's fantasy points.
//! Bounded by [`document::DOCUMENT_BYTES_MAX`] a document, [`timeline::FILES_MAX`] documents a
//! timeline, and one remembered state a play.

pub mod adapter;
pub mod document;
mod fields;
mod play;
pub mod reveal;
pub mod schedule;
pub mod teams;
pub mod timeline;

#[cfg(test)]
mod correction_tests;
#[cfg(test)]
mod test_support;
#[cfg(test)]
mod truth_tests;

pub use adapter::{Adapter, Formation};
pub use document::{DocPlay, Document, DocumentError};
pub use reveal::Revealer;
pub use timeline::{Moment, Timeline, TimelineError, timeline};
