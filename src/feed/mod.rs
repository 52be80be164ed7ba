//! Where events come from, and in which order they count.
//!
//! Owns the feed's line format in both directions ([`decode`], [`encode`], [`split`]), the sequencer
//! ([`sequence`]) with the rules between feeds ([`arbitration`]), and the sources that make events ([`gamecenter`], [`simulator`]). Never does network I/O, reads no
//! clock. Bounded by [`decode::Limits`], [`split::ELEMENTS_MAX`] and the sequencer's plays per game.

pub mod arbitration;
pub mod decode;
pub mod encode;
pub mod gamecenter;
pub mod sequence;
pub mod simulator;
pub mod split;

pub use decode::{Decoder, Limits, LineCode, LineError};
pub use encode::write_line;
pub use split::{array_elements, ndjson_lines};
