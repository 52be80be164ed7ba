//! Forecasts of a game under way. Nothing of the score path waits for anything here.
//!
//! | module | owns | never |
//! |---|---|---|
//! | [`board`] | which games have news for the predictor | what the news is |

pub mod board;
