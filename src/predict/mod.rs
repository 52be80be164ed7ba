//! Forecasts of a game under way. Nothing of the score path waits for anything here.
//!
//! | module | owns | never |
//! |---|---|---|
//! | [`board`] | which games have news for the predictor | what the news is |
//! | [`features`] | what a model is told of a coming snap, as a function of the game's recap | I/O, a clock |
//! | [`drives`] | which plays are a drive, and how it ended | forecasts |
//! | [`expectation`], [`history`] | what a team's calls are measured against; what it did in earlier games | a game under way |
//! | [`historical`] | what usually happened, where no model is sure | models |
//! | [`predictor`] | who is asked what, the gate, outcomes, tallies | a clock, I/O |
//! | [`probabilities`] | a model's answer, in whole ten-thousandths | what it is about |
//! | [`tracker`] | how well each version does | which one answers |
//! | [`onnx`] | the models' files: which backend runs them, on which device, whether they fit | what a feature or an output means |
//! | [`points`] | players' points: this game's, and over the coming ones | predicts plays |
//! | [`registry`] | versions of models: which answers which game, which are taken out of service | whether an answer is shown |
//! | [`told`] | a prediction or an outcome as one line, for other nodes | who they are |
//! | [`gpu`] | whether there is a GPU, its memory and use | runs anything on it |
//!
//! Floats live here, and in reports, alone.

pub mod board;
pub mod drives;
pub mod expectation;
pub mod features;
pub mod gpu;
pub mod historical;
pub mod history;
pub mod onnx;
pub mod points;
pub mod predictor;
pub mod probabilities;
pub mod registry;
pub mod told;
pub mod tracker;
