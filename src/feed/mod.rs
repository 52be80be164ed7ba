//! Where events come from: decoding, sequencing and the sources that produce them.

pub mod sequence;
//! Where events come from: what a source delivers, turned into the words of [`crate::model`].
pub mod gamecenter;
