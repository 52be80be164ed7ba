//! What comes in: bodies split into lines, lines into checked [`Event`](crate::model::Event)s, and back.
//!
//! Owns the feed's line format in both directions. Never does I/O, reads no clock, keeps nothing
//! between lines but buffers. Bounded by [`decode::Limits`] and [`split::ELEMENTS_MAX`].

pub mod decode;
pub mod encode;
pub mod split;

pub use decode::{Decoder, Limits, LineCode, LineError};
pub use encode::write_line;
pub use split::{array_elements, ndjson_lines};
