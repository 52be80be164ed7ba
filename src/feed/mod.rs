//! Where events come from: what a source delivers, turned into the words of [`crate::model`].

pub mod gamecenter;
