//! The pieces that the page is put together from.

use crate::report::number;

/// Text that means nothing to HTML.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// A part of the page, with a note where that says something.
pub(super) fn section(title: &str, note: &str, inside: &str) -> String {
    let note = if note.is_empty() {
        String::new()
    } else {
        format!("<p class=\"note\">{note}</p>\n")
    };
    format!("<section>\n<h2>{title}</h2>\n{note}<div class=\"beside\">\n{inside}</div>\n</section>\n")
}

/// Nothing where there are no lines.
pub(super) fn list(title: &str, class: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let lines: String = lines.iter().map(|line| format!("<li>{}</li>\n", escape(line))).collect();
    format!("<section>\n<h2>{title}</h2>\n<ul class=\"{class}\">\n{lines}</ul>\n</section>\n")
}

/// Nothing where there are no rows.
pub(super) fn table(caption: &str, head: &[&str], rows: impl Iterator<Item = String>) -> String {
    let rows: String = rows.collect();
    if rows.is_empty() {
        return String::new();
    }
    let head: String = head.iter().map(|name| format!("<th scope=\"col\">{name}</th>")).collect();
    format!(
        "<div class=\"scroll\"><table><caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n"
    )
}

/// A row of cells that are made already.
pub(super) fn row(name: &str, cells: &str) -> String {
    format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", escape(name))
}

/// A figure, where there is one.
pub(super) fn cell(figure: Option<f64>) -> String {
    format!("<td>{}</td>", figure.map_or_else(|| "–".to_owned(), number))
}
