//! Why a line was refused: a closed list of stable codes, each with a message that names what and where.

use std::fmt;

/// Why a line was refused. The names are part of the public protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LineCode {
    /// Longer than [`Limits::line_bytes_max`](super::Limits).
    LineTooLong,
    /// Not JSON, or not UTF-8, or a number that no integer or float holds.
    MalformedJson,
    /// Nested deeper than [`Limits::depth_max`](super::Limits).
    TooDeep,
    /// JSON, but not an object.
    NotAnObject,
    /// A body that is not one JSON array.
    NotAnArray,
    /// A `type` that no event has.
    UnknownType,
    /// A field that the event needs is absent or null.
    MissingField,
    /// A known field stands twice in one object.
    DuplicateField,
    /// A field of the wrong type, or a value out of its range.
    BadValue,
    /// An id that is not well-formed, or that a feed may not use.
    BadId,
    /// A stat id that the dictionary does not know.
    UnknownStat,
    /// Yards that no play reaches, or a fraction of a yard.
    BadYards,
    /// More stat records, players, teams or array elements than are accepted.
    TooMany,
}

impl LineCode {
    /// Every code.
    pub const ALL: [LineCode; 13] = [
        LineCode::LineTooLong,
        LineCode::MalformedJson,
        LineCode::TooDeep,
        LineCode::NotAnObject,
        LineCode::NotAnArray,
        LineCode::UnknownType,
        LineCode::MissingField,
        LineCode::DuplicateField,
        LineCode::BadValue,
        LineCode::BadId,
        LineCode::UnknownStat,
        LineCode::BadYards,
        LineCode::TooMany,
    ];

    /// The code's stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            LineCode::LineTooLong => "line_too_long",
            LineCode::MalformedJson => "malformed_json",
            LineCode::TooDeep => "too_deep",
            LineCode::NotAnObject => "not_an_object",
            LineCode::NotAnArray => "not_an_array",
            LineCode::UnknownType => "unknown_type",
            LineCode::MissingField => "missing_field",
            LineCode::DuplicateField => "duplicate_field",
            LineCode::BadValue => "bad_value",
            LineCode::BadId => "bad_id",
            LineCode::UnknownStat => "unknown_stat",
            LineCode::BadYards => "bad_yards",
            LineCode::TooMany => "too_many",
        }
    }
}

impl fmt::Display for LineCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A line refused: drop it, count it, tell the feed. Never a reason to refuse another line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LineError {
    /// The stable code.
    pub code: LineCode,
    /// What is wrong and where, for people: `stats[2].yards: 500 is not within ±120`.
    pub message: String,
}

impl LineError {
    #[cold]
    pub(crate) fn new(code: LineCode, message: String) -> LineError {
        LineError { code, message }
    }

    /// The same error, its place told from one level further out.
    #[cold]
    pub(super) fn within(mut self, outer: &str) -> LineError {
        self.message = format!("{outer}.{}", self.message);
        self
    }

    /// The same error, in an element of a list.
    #[cold]
    pub(super) fn at(self, list: &str, index: usize) -> LineError {
        self.within(&format!("{list}[{index}]"))
    }
}

/// What is wrong with a line that simd-json refused, told from the original bytes. simd-json's own
/// places are those of its second stage; serde_json, asked only now, knows them to the byte.
#[cold]
pub(super) fn malformed(line: &[u8], error: &simd_json::Error, depth_max: usize) -> LineError {
    if *error.error() == simd_json::ErrorType::DepthLimitExceeded {
        return LineError::new(LineCode::TooDeep, format!("byte {}: nested deeper than {depth_max}", error.index()));
    }
    let (at, what) = if let Err(e) = std::str::from_utf8(line) {
        (e.valid_up_to(), "not UTF-8".to_owned())
    } else if line.starts_with(b"\xEF\xBB\xBF") {
        (0, "a byte order mark".to_owned())
    } else if let Err(e) = serde_json::from_slice::<serde::de::IgnoredAny>(line) {
        let text = e.to_string();
        let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
        (byte_offset(line, &e), what.to_owned())
    } else {
        (error.index().min(line.len()), format!("{:?}", error.error()))
    };
    LineError::new(LineCode::MalformedJson, format!("byte {at}: {what}"))
}

/// The byte at which serde_json gave up, from 0; the line's length where it ended too soon.
fn byte_offset(line: &[u8], error: &serde_json::Error) -> usize {
    if error.is_eof() {
        return line.len();
    }
    let before: usize = line
        .split_inclusive(|&b| b == b'\n')
        .take(error.line().saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    (before + error.column().saturating_sub(1)).min(line.len())
}
