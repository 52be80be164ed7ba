//! Forecasts of a game under way. Nothing of the score path waits for anything here.
//!
//! | module | owns | never |
//! |---|---|---|
//! | [`onnx`] | the models' files: which backend runs them, on which device, whether they fit | what a feature or an output means |
//! | [`gpu`] | whether there is a GPU, its memory and use | runs anything on it |
//!
//! Floats live here, and in reports, alone.

pub mod gpu;
pub mod onnx;
