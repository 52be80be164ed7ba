//! What each fuzz target does with its input: a function of bytes that panics where something does not hold.
//!
//! Pure: no file, no clock, no state from one input to the next, so that an input that fails fails again.
//! Compiled twice: for the fuzzer (`fuzz/src/lib.rs`) and into the integration tests (`tests/it/fuzz.rs`).

mod body;
mod choices;
mod config;
mod contest;
mod deflate;
mod engine;
mod event_log;
mod events;
mod feed_line;
mod gamecenter;
mod lineups;
mod manifest;
mod messages;
mod peer;
mod predictions;
mod requests;
mod ruleset;
mod shard;
mod token;
mod ws;

/// A target's name, and what it does with an input.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// Every target, by name.
pub(crate) const TARGETS: &[Target] = &[
    ("config", config::settings),
    ("contest_body", contest::body),
    ("contest_file", contest::stored),
    ("deflate", deflate::message),
    ("engine", engine::order),
    ("event_log", event_log::files),
    ("feed_body", body::pieces),
    ("feed_fields", feed_line::fields),
    ("feed_line", feed_line::line),
    ("gamecenter", gamecenter::documents),
    ("lineups", lineups::slate),
    ("model_manifest", manifest::of_a_model),
    ("request_bin", requests::bin),
    ("request_json", requests::json),
    ("ruleset", ruleset::file),
    ("server_messages", messages::both_codings),
    ("shard", shard::clients),
    ("token", token::accepted),
    ("ws_frames", ws::frames),
];
