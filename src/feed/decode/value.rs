//! Values of a parsed line, and fields that turn into checked ones or into an error with their name.
//!
//! Reads simd-json's tape in place: nothing is allocated but what an error says.

use super::error::{LineCode, LineError};
use crate::model::ids;
use simd_json::{Node, StaticNode, Tape};
use std::ops::RangeInclusive;

/// Longest piece of an offending value that an error quotes, in characters.
const QUOTED_CHARS_MAX: usize = 40;

/// A value of the line: its node and, for an object or array, the nodes inside it.
#[derive(Clone, Copy)]
pub(super) struct Value<'t, 'i>(&'t [Node<'i>]);

/// How many nodes a value takes that begins with this one.
#[inline]
fn width(node: &Node<'_>) -> usize {
    match node {
        Node::Object { count, .. } | Node::Array { count, .. } => count + 1,
        Node::String(_) | Node::Static(_) => 1,
    }
}

impl<'t, 'i> Value<'t, 'i> {
    /// The whole line.
    #[inline]
    pub(super) fn root(tape: &'t Tape<'i>) -> Self {
        Value(&tape.0)
    }

    #[inline]
    fn head(self) -> Option<&'t Node<'i>> {
        self.0.first()
    }

    #[inline]
    fn is_null(self) -> bool {
        matches!(self.head(), None | Some(Node::Static(StaticNode::Null)))
    }

    /// The members of an object, in their order; nothing where this is no object.
    #[inline]
    pub(super) fn members(self) -> Option<Members<'t, 'i>> {
        match self.head() {
            Some(Node::Object { .. }) => Some(Members(Elements(&self.0[1..]))),
            _ => None,
        }
    }

    /// The value as an error quotes it.
    #[cold]
    pub(super) fn shown(self) -> String {
        match self.head() {
            None | Some(Node::Static(StaticNode::Null)) => "null".to_owned(),
            Some(Node::Static(StaticNode::I64(n))) => n.to_string(),
            Some(Node::Static(StaticNode::U64(n))) => n.to_string(),
            Some(Node::Static(StaticNode::F64(n))) => format!("{n:?}"),
            Some(Node::Static(StaticNode::Bool(b))) => b.to_string(),
            Some(Node::String(s)) => quoted(s),
            Some(Node::Object { .. }) => "an object".to_owned(),
            Some(Node::Array { .. }) => "an array".to_owned(),
        }
    }
}

/// A string as an error quotes it: escaped, and cut after 40 characters.
#[cold]
pub(super) fn quoted(s: &str) -> String {
    match s.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!("{:?}…", &s[..end]),
        None => format!("{s:?}"),
    }
}

/// The elements of an array.
#[derive(Clone, Copy)]
pub(super) struct Elements<'t, 'i>(&'t [Node<'i>]);

impl<'t, 'i> Iterator for Elements<'t, 'i> {
    type Item = Value<'t, 'i>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (value, rest) = self.0.split_at_checked(width(self.0.first()?))?;
        self.0 = rest;
        Some(Value(value))
    }
}

/// The members of an object.
#[derive(Clone, Copy)]
pub(super) struct Members<'t, 'i>(Elements<'t, 'i>);

impl<'t, 'i> Iterator for Members<'t, 'i> {
    type Item = (&'i str, Value<'t, 'i>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self.0.next()?.head() {
            Some(Node::String(key)) => Some((key, self.0.next()?)),
            _ => None,
        }
    }
}

/// A named field that may be absent. `null` is absent.
#[derive(Clone, Copy)]
pub(super) struct Field<'t, 'i> {
    pub(super) name: &'static str,
    pub(super) value: Option<Value<'t, 'i>>,
}

impl<'t, 'i> Field<'t, 'i> {
    /// The field's value, unless it is absent or null.
    #[inline]
    pub(super) fn given(self) -> Option<Value<'t, 'i>> {
        self.value.filter(|v| !v.is_null())
    }

    /// An error about this field.
    #[cold]
    pub(super) fn error(self, code: LineCode, what: &str) -> LineError {
        let shown = self.value.map_or_else(|| "null".to_owned(), Value::shown);
        LineError::new(code, format!("{}: {shown} {what}", self.name))
    }

    #[cold]
    pub(super) fn missing(self) -> LineError {
        LineError::new(LineCode::MissingField, format!("{}: missing", self.name))
    }

    /// What `read` finds, or the error that the field is missing.
    #[inline]
    pub(super) fn required<T>(self, found: Option<T>) -> Result<T, LineError> {
        found.ok_or_else(|| self.missing())
    }

    /// An integer within `range`.
    #[inline]
    pub(super) fn integer(self, range: RangeInclusive<i64>) -> Result<Option<i64>, LineError> {
        let number = match self.given().and_then(Value::head) {
            None => return Ok(None),
            Some(Node::Static(StaticNode::I64(n))) => *n,
            Some(Node::Static(StaticNode::U64(n))) => match i64::try_from(*n) {
                Ok(n) => n,
                Err(_) => return Err(self.out_of(range)),
            },
            Some(_) => return Err(self.error(LineCode::BadValue, "is not an integer")),
        };
        if range.contains(&number) {
            Ok(Some(number))
        } else {
            Err(self.out_of(range))
        }
    }

    #[cold]
    fn out_of(self, range: RangeInclusive<i64>) -> LineError {
        self.error(LineCode::BadValue, &format!("is not within {} and {}", range.start(), range.end()))
    }

    /// A number without a fraction, written as an integer or as a float; `code` says what is wrong
    /// with any other number, `limit` is the furthest from 0 that it may be.
    #[inline]
    pub(super) fn whole(self, limit: i16, code: LineCode) -> Result<Option<i16>, LineError> {
        let number = match self.given().and_then(Value::head) {
            None => return Ok(None),
            Some(Node::Static(StaticNode::I64(n))) => i16::try_from(*n).ok(),
            Some(Node::Static(StaticNode::U64(n))) => i16::try_from(*n).ok(),
            Some(Node::Static(StaticNode::F64(n))) if n.fract() != 0.0 => return Err(self.error(code, "has a fraction")),
            Some(Node::Static(StaticNode::F64(n))) => (n.abs() <= f64::from(limit)).then_some(*n as i16),
            Some(_) => return Err(self.error(LineCode::BadValue, "is not a number")),
        };
        match number {
            Some(n) if (-limit..=limit).contains(&n) => Ok(Some(n)),
            _ => Err(self.error(code, &format!("is not within ±{limit}"))),
        }
    }

    /// A truth value.
    #[inline]
    pub(super) fn truth(self) -> Result<Option<bool>, LineError> {
        match self.given().and_then(Value::head) {
            None => Ok(None),
            Some(Node::Static(StaticNode::Bool(b))) => Ok(Some(*b)),
            Some(_) => Err(self.error(LineCode::BadValue, "is not true or false")),
        }
    }

    /// A string, possibly empty.
    #[inline]
    pub(super) fn text(self) -> Result<Option<&'i str>, LineError> {
        match self.given().and_then(Value::head) {
            None => Ok(None),
            Some(Node::String(s)) => Ok(Some(s)),
            Some(_) => Err(self.error(LineCode::BadValue, "is not a string")),
        }
    }

    /// A string; an empty one is absent.
    #[inline]
    pub(super) fn filled(self) -> Result<Option<&'i str>, LineError> {
        Ok(self.text()?.filter(|s| !s.is_empty()))
    }

    /// An id made by `new` ([`ids::is_well_formed`]).
    #[inline]
    pub(super) fn id<T>(self, text: &str, new: impl FnOnce(&str) -> Option<T>) -> Result<T, LineError> {
        match new(text) {
            Some(id) => Ok(id),
            None => Err(self.bad_id()),
        }
    }

    #[cold]
    pub(super) fn bad_id(self) -> LineError {
        let what = format!(
            "is not an id: 1 to {} printable ASCII characters without , \" \\ / < > &",
            ids::ID_BYTES_MAX
        );
        self.error(LineCode::BadId, &what)
    }

    /// An object's members.
    #[inline]
    pub(super) fn object(self) -> Result<Option<Members<'t, 'i>>, LineError> {
        match self.given() {
            None => Ok(None),
            Some(value) => match value.members() {
                Some(members) => Ok(Some(members)),
                None => Err(self.error(LineCode::BadValue, "is not an object")),
            },
        }
    }

    /// An array's elements and how many there are, at most `limit`.
    #[inline]
    pub(super) fn array(self, limit: usize) -> Result<Option<(usize, Elements<'t, 'i>)>, LineError> {
        let Some(value) = self.given() else {
            return Ok(None);
        };
        match value.head() {
            Some(Node::Array { len, .. }) if *len <= limit => Ok(Some((*len, Elements(&value.0[1..])))),
            Some(Node::Array { len, .. }) => Err(LineError::new(
                LineCode::TooMany,
                format!("{}: {len} elements, at most {limit}", self.name),
            )),
            _ => Err(self.error(LineCode::BadValue, "is not an array")),
        }
    }
}
