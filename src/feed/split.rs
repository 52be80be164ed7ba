//! Cuts a request body into event lines without decoding them, so that each stands alone.
//!
//! Never copies and never judges a line: what it cuts out may be anything. Bounded by the body it is
//! given; an array has at most [`ELEMENTS_MAX`] elements.

use super::decode::{LineCode, LineError};
use memchr::{memchr, memchr2};

/// Most elements of an array body. The shortest event has 31 bytes, so that no honest body within
/// the server's body limit (16 MiB) has as many; their places take 16 bytes each.
pub const ELEMENTS_MAX: usize = 1 << 20;

/// The UTF-8 byte order mark, skipped where a body begins with it.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// The lines of an NDJSON body with their numbers, from 1. Blank lines are counted but not given;
/// a line's `\r` is cut off.
pub fn ndjson_lines(body: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut rest = Some(body.strip_prefix(BOM).unwrap_or(body));
    let mut number = 0;
    std::iter::from_fn(move || {
        loop {
            let here = rest?;
            let (line, after) = match memchr(b'\n', here) {
                Some(end) => (&here[..end], Some(&here[end + 1..])),
                None => (here, None),
            };
            rest = after;
            number += 1;
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if !line.iter().all(|&b| is_space(b)) {
                return Some((number, line));
            }
        }
    })
}

/// The elements of a JSON array, space around them cut off.
///
/// Only strings and nesting are looked at, so that a bad element costs no other one: an element may
/// be empty (`[1,,2]`) or no JSON at all. Refused as a whole: a body that does not begin with `[`, one
/// whose array does not end, one that goes on after it, one with more than [`ELEMENTS_MAX`] elements.
pub fn array_elements(body: &[u8]) -> Result<Vec<&[u8]>, LineError> {
    let skipped = body.len() - body.strip_prefix(BOM).unwrap_or(body).len();
    let open = skipped + body[skipped..].iter().take_while(|&&b| is_space(b)).count();
    if body.get(open) != Some(&b'[') {
        return Err(not_an_array(open, "an array must begin here"));
    }
    let mut elements = Vec::new();
    let (mut start, mut depth, mut at) = (open + 1, 0usize, open + 1);
    loop {
        let Some(&byte) = body.get(at) else {
            return Err(not_an_array(at, "the array does not end"));
        };
        match byte {
            b'"' => at = string_end(body, at).ok_or_else(|| not_an_array(at, "the string that begins here does not end"))?,
            b'{' | b'[' => depth += 1,
            b']' if depth == 0 => break,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                elements.push(body[start..at].trim_ascii());
                if elements.len() >= ELEMENTS_MAX {
                    return Err(LineError::new(
                        LineCode::TooMany,
                        format!("byte {at}: more than {ELEMENTS_MAX} elements"),
                    ));
                }
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    let last = body[start..at].trim_ascii();
    if !(elements.is_empty() && last.is_empty()) {
        elements.push(last);
    }
    match body[at + 1..].iter().position(|&b| !is_space(b)) {
        Some(more) => Err(not_an_array(at + 1 + more, "something follows the array")),
        None => Ok(elements),
    }
}

/// Where the string that opens at `open` closes.
fn string_end(body: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        at += memchr2(b'"', b'\\', body.get(at..)?)?;
        if body[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn not_an_array(at: usize, what: &str) -> LineError {
    LineError::new(LineCode::NotAnArray, format!("byte {at}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(body: &str) -> Vec<(usize, &str)> {
        ndjson_lines(body.as_bytes())
            .map(|(n, l)| (n, std::str::from_utf8(l).unwrap()))
            .collect()
    }

    fn elements(body: &str) -> Result<Vec<&str>, (LineCode, String)> {
        match array_elements(body.as_bytes()) {
            Ok(found) => Ok(found.into_iter().map(|e| std::str::from_utf8(e).unwrap()).collect()),
            Err(e) => Err((e.code, e.message)),
        }
    }

    #[test]
    fn lines_keep_their_numbers_when_blank_ones_are_skipped() {
        assert_eq!(lines("a\r\n\n \t\r\nb\n"), [(1, "a"), (4, "b")]);
        assert_eq!(lines("\u{feff}a\nb"), [(1, "a"), (2, "b")]);
        assert!(lines("").is_empty() && lines("\n\r\n").is_empty());
    }

    #[test]
    fn elements_are_cut_outside_strings_and_nesting() {
        assert_eq!(elements(" [ ] \n").unwrap(), [""; 0]);
        assert_eq!(
            elements("\u{feff}[ {\"a\":[1,2]} ,\n{\"b\":\"],\\\"}\"},3]\n").unwrap(),
            ["{\"a\":[1,2]}", "{\"b\":\"],\\\"}\"}", "3"]
        );
    }

    #[test]
    fn a_bad_element_costs_no_other() {
        assert_eq!(elements("[{\"a\":1],{\"b\":2}]").unwrap(), ["{\"a\":1]", "{\"b\":2}"]);
        assert_eq!(elements("[}},1,,nul,]").unwrap(), ["}}", "1", "", "nul", ""]);
    }

    #[test]
    fn what_is_no_array_is_refused_with_its_place() {
        for (body, place) in [
            ("", "byte 0: an array must begin"),
            ("  {}", "byte 2: an array must begin"),
            ("[1,2", "byte 4: the array does not end"),
            ("[{\"a\":1]", "byte 8: the array does not end"),
            ("[1,\"a]", "byte 3: the string that begins here"),
            ("[\"\\", "byte 1: the string that begins here"),
            ("[1] 2", "byte 4: something follows"),
            ("[[1]]]", "byte 5: something follows"),
        ] {
            let (code, message) = elements(body).unwrap_err();
            assert_eq!(code, LineCode::NotAnArray, "{body:?}");
            assert!(message.starts_with(place), "{body:?}: {message}");
        }
    }

    #[test]
    fn elements_are_limited() {
        let body = format!("[{}]", ",".repeat(ELEMENTS_MAX));
        assert_eq!(elements(&body).unwrap_err().0, LineCode::TooMany);
    }

    proptest! {
        #[test]
        fn any_json_array_falls_into_its_elements(values in prop::collection::vec("[\\[\\]{},:\"\\\\ a\\n]{0,12}", 0..8)) {
            let body = serde_json::to_string(&values).unwrap();
            let found: Vec<String> = array_elements(body.as_bytes()).unwrap().into_iter()
                .map(|e| serde_json::from_slice(e).unwrap()).collect();
            prop_assert_eq!(found, values);
        }

        #[test]
        fn no_bytes_panic(body in prop::collection::vec(prop::sample::select(&b"[]{},:\"\\ \n\ra1\xff"[..]), 0..40)) {
            let _ = array_elements(&body);
            prop_assert!(ndjson_lines(&body).all(|(n, l)| n > 0 && !l.is_empty()));
        }
    }
}
