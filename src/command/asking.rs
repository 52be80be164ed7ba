//! How commands ask a server: its address, and a key where it wants one.

use super::{Failure, usage};
use crate::source::caller::Caller;
use anyhow::Context;
use std::path::Path;

/// Where a key may stand, too: what stands on a command line, everybody on the machine can read.
const KEY_VARIABLE: &str = "SCOREWIRE_KEY";

/// What asks the server at `to`, with the key in that file, or in the variable `SCOREWIRE_KEY`.
pub(super) fn caller(to: &str, key_file: Option<&Path>) -> Result<Caller, Failure> {
    let caller = Caller::new(to).map_err(usage)?;
    let (key, place) = match key_file {
        Some(file) => {
            let place = file.display().to_string();
            let key = std::fs::read_to_string(file).with_context(|| format!("cannot read {place}"));
            (key.map_err(usage)?, place)
        }
        None => match std::env::var(KEY_VARIABLE) {
            Ok(key) => (key, KEY_VARIABLE.to_owned()),
            Err(_) => return Ok(caller),
        },
    };
    caller.with_key(&key).with_context(|| place).map_err(usage)
}
