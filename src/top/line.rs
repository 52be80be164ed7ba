//! Lines of a screen: words and what they look like. Colours are a hint; nothing is told by them alone.

use std::fmt::Write as _;

/// What words look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Style {
    /// As they are.
    #[default]
    Plain,
    /// What stands beside the figures.
    Dim,
    /// Headings.
    Strong,
    /// All is well.
    Good,
    /// Worth a look.
    Warn,
    /// To be done something about.
    Bad,
}

/// What a terminal can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Palette {
    /// Nothing: a file, a pipe, a terminal of which nothing is known.
    Plain,
    /// Bold and dim alone.
    Mono,
    /// Colours.
    Colours,
}

impl Palette {
    /// What the environment asks for (<https://no-color.org>).
    pub(super) fn of(no_color: Option<&str>, term: Option<&str>) -> Palette {
        match (no_color, term) {
            (_, None | Some("" | "dumb")) => Palette::Plain,
            (Some(set), _) if !set.is_empty() => Palette::Mono,
            _ => Palette::Colours,
        }
    }

    /// What a terminal is told; nothing for words as they are.
    fn code(self, style: Style) -> &'static str {
        match (self, style) {
            (Palette::Plain, _) | (_, Style::Plain) => "",
            (_, Style::Dim) => "2",
            (_, Style::Strong) => "1",
            (Palette::Mono, Style::Good) => "",
            (Palette::Mono, Style::Warn | Style::Bad) => "1",
            (Palette::Colours, Style::Good) => "32",
            (Palette::Colours, Style::Warn) => "33",
            (Palette::Colours, Style::Bad) => "1;31",
        }
    }
}

/// One line.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Line(Vec<(Style, String)>);

impl Line {
    /// A line of nothing.
    pub(super) fn new() -> Line {
        Line::default()
    }

    /// A line of these words.
    pub(super) fn of(style: Style, text: impl Into<String>) -> Line {
        Line::new().add(style, text)
    }

    /// The same with more words at its end.
    pub(super) fn add(mut self, style: Style, text: impl Into<String>) -> Line {
        self.push(style, text);
        self
    }

    /// Adds words at its end.
    pub(super) fn push(&mut self, style: Style, text: impl Into<String>) {
        self.0.push((style, text.into()));
    }

    /// Columns that it takes up: every character that is shown here takes one.
    pub(super) fn columns(&self) -> usize {
        self.0.iter().map(|(_, text)| text.chars().count()).sum()
    }

    /// The same, so many columns wide: cut, or filled up.
    pub(super) fn fit(self, columns: usize) -> Line {
        let mut fitted = Line::new();
        let mut left = columns;
        for (style, text) in self.0 {
            let taken: String = text.chars().take(left).collect();
            left -= taken.chars().count();
            fitted.push(style, taken);
        }
        fitted.push(Style::Plain, " ".repeat(left));
        fitted
    }

    /// Another line at its end.
    pub(super) fn join(mut self, other: Line) -> Line {
        self.0.extend(other.0);
        self
    }

    /// What it says.
    pub(super) fn text(&self) -> String {
        let text: String = self.0.iter().map(|(_, text)| &**text).collect();
        text.trim_end().to_owned()
    }

    /// Writes it for a terminal, without an end of line.
    pub(super) fn paint(&self, palette: Palette, out: &mut String) {
        if palette == Palette::Plain {
            out.push_str(&self.text());
            return;
        }
        for (style, text) in &self.0 {
            match palette.code(*style) {
                "" => out.push_str(text),
                // Writing to a text does not fail.
                code => drop(write!(out, "\x1b[{code}m{text}\x1b[0m")),
            }
        }
    }
}

/// What came from outside, as it may be shown: printable ASCII in at most so many columns. A terminal takes orders
/// from what it is shown.
pub(super) fn foreign(text: &str, columns: usize) -> String {
    let safe = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    let count = text.chars().count();
    match count > columns {
        true => text
            .chars()
            .take(columns.saturating_sub(1))
            .map(safe)
            .chain(['…'])
            .take(columns)
            .collect(),
        false => text.chars().map(safe).collect(),
    }
}

/// The end of what came from outside, in at most so many columns: where names differ in their ends.
pub(super) fn foreign_end(text: &str, columns: usize) -> String {
    let count = text.chars().count();
    let cut: String = text.chars().skip(count.saturating_sub(columns)).collect();
    foreign(&cut, columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_gives_no_orders() {
        assert_eq!(foreign("\x1b[2Jä\n", 10), "?[2J??");
        assert_eq!(foreign("0123456789", 10), "0123456789");
        assert_eq!(
            (foreign("0123456789", 5), foreign("ab", 1), foreign("ab", 0)),
            ("0123…".into(), "…".into(), String::new())
        );
        assert_eq!(foreign_end("epoch-0-1f", 5), "-0-1f");
    }

    #[test]
    fn a_line_is_as_wide_as_it_is_asked_to_be() {
        let line = Line::of(Style::Strong, "abc").add(Style::Plain, "µs→");
        for columns in [0, 2, 4, 6, 9] {
            assert_eq!(line.clone().fit(columns).columns(), columns);
        }
        assert_eq!((line.columns(), line.clone().fit(4).text().as_str()), (6, "abcµ"));
        assert_eq!(line.fit(9).text(), "abcµs→");
    }

    #[test]
    fn colours_are_a_hint() {
        let line = Line::of(Style::Good, "a")
            .add(Style::Bad, "b")
            .add(Style::Dim, "c")
            .add(Style::Plain, "d ");
        let painted = |palette| {
            let mut out = String::new();
            line.paint(palette, &mut out);
            out
        };
        assert_eq!(painted(Palette::Plain), "abcd");
        assert_eq!(painted(Palette::Mono), "a\x1b[1mb\x1b[0m\x1b[2mc\x1b[0md ");
        assert_eq!(painted(Palette::Colours), "\x1b[32ma\x1b[0m\x1b[1;31mb\x1b[0m\x1b[2mc\x1b[0md ");
        assert_eq!(Palette::of(None, Some("xterm")), Palette::Colours);
        assert_eq!(Palette::of(Some(""), Some("xterm")), Palette::Colours);
        assert_eq!(Palette::of(Some("1"), Some("xterm")), Palette::Mono);
        assert_eq!(
            (Palette::of(None, None), Palette::of(None, Some("dumb"))),
            (Palette::Plain, Palette::Plain)
        );
    }
}
