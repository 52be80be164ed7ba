//! Rust source as text, read closely enough to find functions, modules and paths in it.

/// The source with the inside of comments, strings and characters blanked: as long, with the same
/// lines, and every brace left in it is one.
pub(crate) fn code_only(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => line_end(bytes, at),
            b'/' if bytes[at..].starts_with(b"/*") => block_comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'r' if !is_word_before(bytes, at) || bytes[at - 1] == b'b' => match raw_string_end(bytes, at) {
                Some(end) => end,
                None => at + 1,
            },
            b'\'' => character_end(bytes, at),
            _ => at + 1,
        };
        if end > at + 1 {
            for byte in &mut code[at..end] {
                if *byte != b'\n' {
                    *byte = b' ';
                }
            }
        }
        at = end;
    }
    String::from_utf8(code).expect("whole characters were blanked")
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_word_before(bytes: &[u8], at: usize) -> bool {
    at > 0 && is_word(bytes[at - 1])
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| at + n)
}

fn block_comment_end(bytes: &[u8], at: usize) -> usize {
    let (mut depth, mut end) = (0, at);
    while end < bytes.len() {
        if bytes[end..].starts_with(b"/*") {
            (depth, end) = (depth + 1, end + 2);
        } else if bytes[end..].starts_with(b"*/") {
            (depth, end) = (depth - 1, end + 2);
            if depth == 0 {
                return end;
            }
        } else {
            end += 1;
        }
    }
    end
}

fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while end < bytes.len() {
        match bytes[end] {
            b'\\' => end += 2,
            b'"' => return end + 1,
            _ => end += 1,
        }
    }
    end
}

fn raw_string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let hashes = bytes[at + 1..].iter().take_while(|b| **b == b'#').count();
    let open = at + 1 + hashes;
    if bytes.get(open) != Some(&b'"') {
        return None;
    }
    let close = format!("\"{}", "#".repeat(hashes));
    let length = bytes[open + 1..].windows(close.len()).position(|w| w == close.as_bytes())?;
    Some(open + 1 + length + close.len())
}

/// A character's end; one further where the quote begins a lifetime.
fn character_end(bytes: &[u8], at: usize) -> usize {
    let escaped = bytes.get(at + 1) == Some(&b'\\');
    let from = at + 2 + usize::from(escaped);
    let reach = &bytes[from.min(bytes.len())..bytes.len().min(at + 14)];
    let Some(close) = reach.iter().position(|b| *b == b'\'') else {
        return at + 1;
    };
    let inside = std::str::from_utf8(&bytes[at + 1..from + close]).unwrap_or_default();
    if escaped || inside.chars().count() == 1 {
        from + close + 1
    } else {
        at + 1
    }
}

/// The place right after the brace that closes the one at `open`.
pub(crate) fn block_end(code: &str, open: usize) -> usize {
    let mut depth = 0usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

/// Where `word` stands as a whole word.
pub(crate) fn words<'c>(code: &'c str, word: &'c str) -> impl Iterator<Item = usize> + 'c {
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |&at| !is_word_before(code.as_bytes(), at) && !code.as_bytes().get(at + word.len()).is_some_and(|b| is_word(*b)))
}

/// The line of a place, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes()[..at].iter().filter(|b| **b == b'\n').count()
}

/// The identifier that begins at `at`.
pub(crate) fn identifier(code: &str, at: usize) -> &str {
    let length = code.as_bytes()[at..].iter().take_while(|b| is_word(**b)).count();
    &code[at..at + length]
}

/// A function with a body: its name, first and last line.
pub(crate) struct Function<'c> {
    pub(crate) name: &'c str,
    pub(crate) first: usize,
    pub(crate) last: usize,
}

/// Every function with a body.
pub(crate) fn functions(code: &str) -> Vec<Function<'_>> {
    let mut found = Vec::new();
    for at in words(code, "fn") {
        let name_at = at + 2 + code[at + 2..].bytes().take_while(|b| b.is_ascii_whitespace()).count();
        let name = identifier(code, name_at);
        let mut brackets = 0i32;
        let body = code[name_at..].bytes().position(|byte| {
            match byte {
                b'(' | b'[' => brackets += 1,
                b')' | b']' => brackets -= 1,
                _ => {}
            }
            brackets == 0 && matches!(byte, b'{' | b';')
        });
        let Some(open) = body.map(|length| name_at + length) else {
            continue;
        };
        if !name.is_empty() && code.as_bytes()[open] == b'{' {
            found.push(Function {
                name,
                first: line_of(code, at),
                last: line_of(code, block_end(code, open) - 1),
            });
        }
    }
    found
}

/// The code with what is compiled for tests alone blanked: `#[cfg(test)] mod name { … }`.
pub(crate) fn without_tests(code: &str) -> String {
    let mut kept = code.to_owned();
    while let Some(at) = kept.find("#[cfg(test)]") {
        let after = kept[at..].find(['{', ';']).map_or(kept.len(), |length| at + length);
        let end = if kept.as_bytes().get(after) == Some(&b'{') {
            block_end(&kept, after)
        } else {
            (after + 1).min(kept.len())
        };
        let blank: String = kept[at..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        kept.replace_range(at..end, &blank);
    }
    kept
}

/// The modules of this crate that code names: `crate::a`, and each of `crate::{a, b::c}`.
pub(crate) fn crate_modules(code: &str) -> Vec<&str> {
    let mut named = Vec::new();
    for at in words(code, "crate") {
        let Some(rest) = code[at + 5..].strip_prefix("::") else { continue };
        let start = code.len() - rest.len();
        if !rest.starts_with('{') {
            named.push(identifier(code, start));
            continue;
        }
        let group = &code[start + 1..block_end(code, start) - 1];
        let mut depth = 0;
        let mut is_first = true;
        for (offset, byte) in group.bytes().enumerate() {
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                b',' if depth == 0 => is_first = true,
                _ if is_first && is_word(byte) => {
                    named.push(identifier(code, start + 1 + offset));
                    is_first = false;
                }
                _ => {}
            }
        }
    }
    named
}

/// The modules that a source file declares in files of their own: `mod name;`, and the file where a
/// `#[path = "…"]` names it.
pub(crate) fn declared_modules(source: &str) -> Vec<(String, Option<String>)> {
    let code = code_only(source);
    words(&code, "mod")
        .filter_map(|at| {
            let name = identifier(&code, at + 4);
            let rest = code[at + 4 + name.len()..].starts_with(';').then_some(name)?;
            // Right above: nothing but blanks and the attribute.
            let above = source[..at]
                .trim_end()
                .trim_end_matches("(crate)")
                .trim_end_matches("pub")
                .trim_end();
            let attribute = above.rsplit('\n').next().unwrap_or_default().trim();
            let file = attribute.strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]"));
            Some((rest.to_owned(), file.map(str::to_owned)))
        })
        .collect()
}

#[test]
fn strings_comments_and_characters_are_no_code() {
    let source = "fn a<'x>(s: &'x str) { let b = '{'; /* { /* } */ */ let c = \"}\\\"{\"; let d = r#\"{\"{\"#; } // }\nfn b() {}";
    let code = code_only(source);
    assert_eq!(code.len(), source.len());
    let found: Vec<_> = functions(&code).iter().map(|f| (f.name.to_owned(), f.first, f.last)).collect();
    assert_eq!(found, [("a".to_owned(), 1, 1), ("b".to_owned(), 2, 2)]);
}

#[test]
fn paths_and_tests_are_told_apart() {
    let code = "use crate::{model::{A, B}, wire};\nuse crate::state::C;\n#[cfg(test)]\nmod tests { use crate::feed; }\nmod other;";
    assert_eq!(crate_modules(&without_tests(code)), ["model", "wire", "state"]);
    assert_eq!(declared_modules(code), [("other".to_owned(), None)]);
    let elsewhere = "#[cfg(test)]\n#[path = \"a_tests.rs\"]\nmod tests;";
    assert_eq!(declared_modules(elsewhere), [("tests".to_owned(), Some("a_tests.rs".to_owned()))]);
    let shared = "#[path = \"b.rs\"]\npub(crate) mod b;";
    assert_eq!(declared_modules(shared), [("b".to_owned(), Some("b.rs".to_owned()))]);
}
