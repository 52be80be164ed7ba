//! Scorewire: live fantasy scores to every subscriber the moment a play happens.
//!
//! # Layout
//! ```text
//! feed ──► ingest ──► sequence ──► state ──► change ──► hub ──► shards ──► sockets
//! ```
//! | module | owns | never |
//! |---|---|---|
//! | [`model`] | ids, times, fixed-point points, stat lines, events, changes | I/O, a clock |
//! | [`feed`] | event lines, the sequencer, recorded and simulated sources | network I/O, a clock |
//! | [`state`] | games: lines, clock, score as a function of what stands | points, topics |
//! | [`scoring`] | rulesets: parse, check, score | floats |
//! | [`store`] | the event log on disk: written, synced, recovered, repaired | what an event means |
//! | [`engine`] | the threads that own games, and what readers see | subscribers |
//! | [`wire`] | WebSocket frames, messages, compression, close codes, JSON and protobuf | sockets |
//! | [`fanout`] | topics' rings, shards, cursors, the write path | what happened |
//! | [`contest`] | contests: entries, points, ranks, payouts | I/O, a clock, threads; who watches |
//! | [`lineup`] | the best lineups of players: sites, constraints, an exact search | running games, a clock |
//! | [`predict`] | forecasts: models, and what runs them | the score path: nothing there waits for it |
//! | [`cluster`] | the order of events that several nodes follow, in Redis | games and topics: a record is bytes there |
//! | [`cache`] | answers kept for a while, in memory, in Redis, on disk | what is in them |
//! | [`compaction`] | the log told again and rewritten; which games are let go of | subscribers |
//! | [`server`] | listeners, routes, who may do what, upgrades, plain HTTP | rings and cursors |
//! | [`memory`] | the budget for memory, and what goes first | what is shed |
//! | [`pipeline`] | who is connected to whom, by which channel, how long | – |
//! | [`traces`] | spans of sampled events, and who they are sent to | the score path: nothing there waits for it |
//! | [`source`], [`demo`] | pacing and posting for `replay` and `simulate`; the demo's own feed | – |
//! | [`top`] | one screen on a running server, as one of its clients | anything of the server but what it answers |
//! | [`command`], [`config`], [`telemetry`], [`clock`], `priority`, `figures` | command line, settings, metrics and logs, the time, who goes first, how figures read | – |
//!
//! # Invariants
//! - Totals are a function of the set of plays that stand, never of the order they came in.
//! - Points are a function of a stat line (and position) alone; no float takes part.
//! - A topic's `seq` goes up by one for each change of what it shows, the same for every ruleset.
//! - A client's frame follows what that client holds (`prev`), or is a snapshot.
//! - Nothing is dropped without a name: offered = written + merged + expired + abandoned + pending.
//! - Every queue, ring, map, body and wait has a limit.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may fail"))]

pub mod cache;
pub mod clock;
pub mod cluster;
pub mod command;
pub mod compaction;
pub mod config;
pub mod contest;
pub mod demo;
pub mod engine;
pub mod fanout;
pub mod feed;
pub(crate) mod figures;
pub mod lineup;
pub mod memory;
pub mod model;
pub mod pipeline;
pub mod predict;
pub(crate) mod priority;
pub mod recovery;
pub mod scoring;
pub mod server;
pub mod source;
pub mod state;
pub mod store;
pub mod telemetry;
pub mod top;
pub mod traces;
pub mod wire;

#[cfg(test)]
mod test_support;
