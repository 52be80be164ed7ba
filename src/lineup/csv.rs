//! Comma-separated lines, as RFC 4180 has them and as sites write them.
//!
//! Pure. Bounded by the text and by [`FIELDS_MAX`].

/// Most fields of a line.
pub(super) const FIELDS_MAX: usize = 512;

/// A line of fields and where it begins, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Its number in the text.
    pub number: usize,
    /// Its fields, without quotes and outer blanks.
    pub fields: Vec<String>,
}

/// Splits a text. Empty lines are left out.
///
/// # Errors
/// A quote that is not closed, a line with too many fields.
pub(super) fn parse(text: &str) -> Result<Vec<Line>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut lines, mut fields, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut number, mut begun, mut is_quoted) = (1, 1, false);
    let mut chars = text.chars().peekable();
    loop {
        let next = chars.next();
        match next {
            Some('"') if is_quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            Some('"') if is_quoted => is_quoted = false,
            Some('"') if field.trim().is_empty() => {
                field.clear();
                is_quoted = true;
            }
            None if is_quoted => return Err(format!("line {begun}: a quote is not closed")),
            Some(',') if !is_quoted => end_field(&mut fields, &mut field, begun)?,
            Some('\n') | None if !is_quoted => {
                end_field(&mut fields, &mut field, begun)?;
                let fields = std::mem::take(&mut fields);
                if fields.iter().any(|field| !field.is_empty()) {
                    lines.push(Line { number: begun, fields });
                }
                number += 1;
                begun = number;
                if next.is_none() {
                    return Ok(lines);
                }
            }
            Some('\n') => {
                number += 1;
                field.push('\n');
            }
            Some(other) => field.push(other),
            None => return Ok(lines),
        }
    }
}

fn end_field(fields: &mut Vec<String>, field: &mut String, line: usize) -> Result<(), String> {
    if fields.len() == FIELDS_MAX {
        return Err(format!("line {line}: more than {FIELDS_MAX} fields"));
    }
    fields.push(std::mem::take(field).trim().to_owned());
    Ok(())
}

/// A field as it stands in a line: in quotes where it must be.
pub(super) fn quoted(field: &str) -> String {
    match field.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_owned(),
    }
}
