//! Settings: whatever is written, the start goes on with values in range or stops with one line.

use scorewire::config::Config;
use std::ffi::OsString;

/// The file's text, and after each zero a variable, `NAME=value`.
pub(crate) fn settings(input: &[u8]) {
    let Ok(input) = std::str::from_utf8(input) else { return };
    let mut parts = input.split('\0');
    let text = parts.next().unwrap_or_default();
    let vars: Vec<(OsString, OsString)> = parts
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| (format!("SCOREWIRE__{name}").into(), value.into()))
        .collect();
    match Config::layered(Some(("fuzz.toml", text)), vars.iter().cloned()) {
        Ok(config) => {
            assert!(config.shards() > 0);
            let (hub, engine, shard) = (config.hub_limits(), config.engine_limits(), config.shard_limits());
            assert!(hub.ring_frames > 0 && engine.threads > 0 && shard.message_bytes_max >= 125);
            // What it comes to is said so that it can be said again.
            let said = toml::to_string(&config).expect("settings are TOML");
            let again = Config::layered(Some(("again.toml", &said)), std::iter::empty());
            assert_eq!(again.as_ref().ok(), Some(&config), "{again:?}");
        }
        Err(error) => assert!(!error.to_string().chars().any(char::is_control), "{error:?}"),
    }
}
