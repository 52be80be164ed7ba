//! What players will have at the end of a game, and over the coming games of a season.
//!
//! ```text
//! GameLines, Past (earlier games) ──► features ──► Network ──► mix of two moments ──► pick ──► Projections
//! ```
//! | module | owns | never |
//! |---|---|---|
//! | [`line`](mod@line) | the 14 counters that models are told of | – |
//! | [`calendar`] | season and week of a kickoff | a schedule |
//! | [`rules`] | what a ruleset pays, as models are told it, and whether they were trained for it | – |
//! | [`past`] | players' and clubs' earlier games | a game under way |
//! | [`file`](mod@file) | earlier games from a table | – |
//! | [`features`], [`season`] | what a model is told, equal to `training/` field by field | I/O, a clock |
//! | [`moment`] | a moment between two quarter ends | – |
//! | [`task`] | what models are asked, and how their answers look | – |
//! | `manifest` | what a model's file is, and whether that makes sense | reads a file |
//! | [`models`] | which models serve, their runs, what becomes of one that fails | what an answer means |
//! | [`versions`] | which version serves: the program's, or a folder's | runs one |
//! | [`pick`] | whose word counts: the model's or the baseline's, by how each did lately | – |
//! | [`forecaster`] | from lines to forecasts and tables | a clock, I/O |
//! | [`projections`] | what was computed, for whoever asks | computes anything |
//!
//! Scores wait for nothing here, and neither do predictions of plays: a thread of its own looks at games every
//! `predict.points_every_ms`.

pub mod calendar;
pub mod features;
pub mod file;
pub mod forecaster;
pub mod line;
mod manifest;
pub mod models;
pub mod moment;
pub mod past;
pub mod pick;
pub mod projections;
pub mod rules;
pub mod season;
pub mod task;
pub mod versions;

#[cfg(test)]
mod tests;
