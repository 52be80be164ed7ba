//! Where events come from: decoding, sequencing and the sources that produce them.

pub mod gamecenter;
pub mod sequence;
