//! One line of the feed to one checked [`Event`], or to a [`LineError`] that says what and where.
//!
//! Owns the reused buffers of one thread and every limit on what a feed may say. Plays as feeds usually
//! write them are read in one pass (`quick`). Of anything else simd-json parses a copy into a tape; flat
//! sets of fields, borrowed from it, are checked by hand. Never keeps anything of a line, never decides
//! what an event does. Unknown fields are ignored, `null` is absent, a known field given twice is refused.
//! Bounded by [`Limits`]: the buffers grow to the longest accepted line and about 24 bytes for each of its
//! values. Measured in `benches/decode.rs`.

mod error;
mod events;
mod quick;
mod value;

pub use error::{LineCode, LineError};

use crate::model::{Event, ids};
use simd_json::{Buffers, INPUT_PADDING, Tape};
use value::Value;

/// What a line may hold at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a line. A decoder's buffers grow to several times the longest one.
    pub line_bytes_max: usize,
    /// Stat records of a play.
    pub stats_per_play_max: usize,
    /// Players of a `players` line.
    pub players_per_line_max: usize,
    /// Objects and arrays within each other; unknown fields count too.
    pub depth_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            line_bytes_max: 65_536,
            stats_per_play_max: 64,
            players_per_line_max: 200,
            depth_max: 32,
        }
    }
}

/// Largest revision and order, furthest kickoff: the largest integer that every JSON reader holds exactly.
pub const INTEGER_MAX: i64 = 1 << 53;
/// Latest quarter accepted: the sixth overtime.
pub const QUARTER_MAX: u8 = 10;
/// Most seconds left in a quarter.
pub const SECONDS_LEFT_MAX: u16 = 3_600;
/// Most points of a team.
pub const SCORE_MAX: u16 = 300;
/// Most characters of a player's name.
pub const NAME_CHARS_MAX: usize = 100;
/// Most characters of a position.
pub const POSITION_CHARS_MAX: usize = 8;
/// Longest team, in bytes: the id of its defence, `dst:TEAM`, must be an id too.
pub const TEAM_BYTES_MAX: usize = ids::ID_BYTES_MAX - ids::DST_PREFIX.len();

/// Decodes lines on one thread.
pub struct Decoder {
    limits: Limits,
    /// The line being parsed, followed by the padding that simd-json reads over.
    copy: Vec<u8>,
    buffers: Buffers,
    /// Empty between lines.
    tape: Tape<'static>,
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder::new(Limits::default())
    }
}

impl Decoder {
    /// A decoder with those limits.
    pub fn new(limits: Limits) -> Decoder {
        Decoder {
            copy: Vec::new(),
            buffers: Buffers::with_max_depth(1_024, limits.depth_max),
            tape: Tape(Vec::new()),
            limits,
        }
    }

    /// Decodes and checks one line, without its line end.
    pub fn line(&mut self, line: &[u8]) -> Result<Event, LineError> {
        self.check_length(line)?;
        match quick::play(line, &self.limits) {
            Some(play) => Ok(Event::Play(play)),
            None => self.full(line),
        }
    }

    /// The same without the shortcut for plays as feeds usually write them: what that is held against.
    pub fn line_in_full(&mut self, line: &[u8]) -> Result<Event, LineError> {
        self.check_length(line)?;
        self.full(line)
    }

    #[inline]
    fn check_length(&self, line: &[u8]) -> Result<(), LineError> {
        match line.len() > self.limits.line_bytes_max {
            true => Err(too_long(line.len(), self.limits.line_bytes_max)),
            false => Ok(()),
        }
    }

    /// The same for any line that is not too long.
    fn full(&mut self, line: &[u8]) -> Result<Event, LineError> {
        let limits = &self.limits;
        self.copy.clear();
        self.copy.extend_from_slice(line);
        self.copy.resize(line.len() + INPUT_PADDING, b' ');
        let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let result = match simd_json::fill_tape_padded(&mut self.copy, line.len(), &mut self.buffers, &mut tape) {
            Ok(()) => events::event(Value::root(&tape), limits),
            Err(e) => Err(error::malformed(line, &e, limits.depth_max)),
        };
        self.tape = tape.reset();
        result
    }
}

#[cold]
fn too_long(bytes: usize, limit: usize) -> LineError {
    LineError::new(LineCode::LineTooLong, format!("line: {bytes} bytes, at most {limit}"))
}

#[cfg(test)]
mod tests;
