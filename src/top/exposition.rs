//! Prometheus' text format, as far as a page of metrics needs it: names, labels, values.
//!
//! What is no sample is counted and passed over: a page is shown as far as it can be read, and no text makes this
//! fail. Help and types are passed over too: who asks knows the metrics. Bounded by the text it is given,
//! [`SAMPLES_MAX`] and [`LABELS_MAX`]. Source: Prometheus' "Exposition formats", text-based, 0.0.4.

use std::collections::BTreeMap;

/// Samples of one page; a server of ours has some 1,500.
const SAMPLES_MAX: usize = 50_000;
/// Labels of one sample.
const LABELS_MAX: usize = 32;

/// One line: what is counted, and how much there is.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Sample {
    /// Labels in the line's order.
    labels: Vec<(String, String)>,
    pub(super) value: f64,
}

impl Sample {
    /// A label's value.
    pub(super) fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| label == name).map(|(_, value)| &**value)
    }

    /// Every label but this one.
    pub(super) fn labels_but<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a (String, String)> {
        self.labels.iter().filter(move |(label, _)| label != name)
    }
}

/// A page.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Exposition {
    samples: BTreeMap<String, Vec<Sample>>,
    /// Lines that are neither samples nor comments, or that were too many.
    pub(super) unread: usize,
}

impl Exposition {
    /// Reads a page.
    pub(super) fn parse(text: &str) -> Exposition {
        let mut page = Exposition::default();
        let mut count = 0;
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match sample(line).filter(|_| count < SAMPLES_MAX) {
                Some((name, sample)) => {
                    count += 1;
                    match page.samples.get_mut(name) {
                        Some(samples) => samples.push(sample),
                        None => drop(page.samples.insert(name.to_owned(), vec![sample])),
                    }
                }
                None => page.unread += 1,
            }
        }
        page
    }

    /// The samples of that name, in the page's order.
    pub(super) fn of(&self, name: &str) -> &[Sample] {
        self.samples.get(name).map_or(&[], Vec::as_slice)
    }

    /// All samples, by name.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &[Sample])> {
        self.samples.iter().map(|(name, samples)| (&**name, samples.as_slice()))
    }
}

/// `name{label="value"} 1 1506275400123`; the time is passed over.
fn sample(line: &str) -> Option<(&str, Sample)> {
    let (name, mut rest) = name(line, |c| c.is_ascii_alphabetic() || c == '_' || c == ':')?;
    let mut labels = Vec::new();
    rest = rest.trim_start();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = read_labels(inside, &mut labels)?;
    } else if rest.len() == line.len() - name.len() {
        // Between a name and a value there is a space.
        return None;
    }
    let mut words = rest.split_ascii_whitespace();
    let value = words.next()?.parse().ok()?;
    let has_good_time = words.next().is_none_or(|time| time.parse::<i64>().is_ok());
    (has_good_time && words.next().is_none()).then_some((name, Sample { labels, value }))
}

/// Splits a name off.
fn name(text: &str, may_begin: fn(char) -> bool) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !(may_begin(c) || c.is_ascii_digit())).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    name.starts_with(may_begin).then_some((name, rest))
}

/// `a="b",c="d"}` and what follows.
fn read_labels<'t>(mut rest: &'t str, labels: &mut Vec<(String, String)>) -> Option<&'t str> {
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('}') {
            return Some(after);
        }
        if labels.len() == LABELS_MAX {
            return None;
        }
        let (label, after) = name(rest, |c| c.is_ascii_alphabetic() || c == '_')?;
        let quoted = after.trim_start().strip_prefix('=')?.trim_start().strip_prefix('"')?;
        let (value, after) = unquote(quoted)?;
        labels.push((label.to_owned(), value));
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.starts_with('}') => {}
            None => return None,
        }
    }
}

/// What stands before the closing quote, and what stands after it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                escaped @ ('\\' | '"') => value.push(escaped),
                // As Prometheus has it: what need not be escaped stays as it is.
                other => value.extend(['\\', other]),
            },
            _ => value.push(char),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Name, labels, value.
    type Read = (String, Vec<(String, String)>, f64);

    fn one(line: &str) -> Option<Read> {
        let page = Exposition::parse(line);
        let found = page.all().next().map(|(name, samples)| (name.to_owned(), samples[0].clone()));
        assert_eq!(page.unread, usize::from(found.is_none()), "{line}");
        found.map(|(name, sample)| (name, sample.labels, sample.value))
    }

    #[test]
    fn samples_are_read_with_their_labels() {
        let text = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>();
        for (line, name, labels, value) in [
            ("a 1", "a", text(&[]), 1.0),
            ("  a:b_1\t2.5e3  ", "a:b_1", text(&[]), 2500.0),
            ("a{} -1", "a", text(&[]), -1.0),
            ("a{b=\"c\"} 3", "a", text(&[("b", "c")]), 3.0),
            ("a{b=\"c\",d=\"e\",} 3 1506275400123", "a", text(&[("b", "c"), ("d", "e")]), 3.0),
            ("a { b = \"c\" , d = \"\" }4", "a", text(&[("b", "c"), ("d", "")]), 4.0),
            (r#"a{b="\"\\\n\x}, # ä"} 5"#, "a", text(&[("b", "\"\\\n\\x}, # ä")]), 5.0),
            ("a_bucket{le=\"+Inf\"} +Inf", "a_bucket", text(&[("le", "+Inf")]), f64::INFINITY),
        ] {
            assert_eq!(one(line), Some((name.to_owned(), labels, value)), "{line}");
        }
        assert!(one("a NaN").unwrap().2.is_nan());
    }

    #[test]
    fn what_is_no_sample_is_counted_and_passed_over() {
        for line in [
            "a",
            "a{",
            "a{b}",
            "a{b=c} 1",
            "a{b=\"c} 1",
            "a{b=\"c\"d=\"e\"} 1",
            "a{b=\"c\"} ",
            "a{b=\"c\"} x",
            "a 1 2 3",
            "a 1 soon",
            "1a 1",
            "a-b 1",
            "{} 1",
            "\u{1} 1",
            "<html>",
        ] {
            assert_eq!(one(line), None, "{line}");
        }
        let page = Exposition::parse("# HELP a What.\n# TYPE a counter\na{x=\"1\"} 1\r\n\nnonsense!\na{x=\"2\"} 2\n");
        assert_eq!((page.of("a").len(), page.of("b").len(), page.unread), (2, 0, 1));
        assert_eq!((page.of("a")[1].label("x"), page.of("a")[1].label("y")), (Some("2"), None));
        assert_eq!(page.of("a")[0].labels_but("x").count(), 0);
    }

    #[test]
    fn a_page_without_end_is_read_up_to_a_limit() {
        let page = Exposition::parse(&"a 1\n".repeat(SAMPLES_MAX + 3));
        assert_eq!((page.of("a").len(), page.unread), (SAMPLES_MAX, 3));
        let labels: Vec<String> = (0..=LABELS_MAX).map(|number| format!("l{number}=\"\"")).collect();
        assert_eq!(one(&format!("a{{{}}} 1", labels.join(","))), None);
    }

    /// Text that is nearly right: what it takes to get far into a line.
    fn nearly() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            "[a-z_:]{1,4}",
            "[{}=,\"\\\\ \n]",
            "[0-9.eE+-]{1,5}",
            Just("\\n".to_owned()),
            Just("NaN".to_owned()),
            "\\PC",
        ];
        proptest::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn no_text_makes_it_fail(text in prop_oneof![any::<String>(), nearly()]) {
            let page = Exposition::parse(&text);
            let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.trim().starts_with('#')).count();
            let read: usize = page.all().map(|(_, samples)| samples.len()).sum();
            prop_assert_eq!(read + page.unread, lines);
        }

        /// What is written as the format has it is read as it was meant.
        #[test]
        fn what_is_written_is_read(
            name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,8}",
            labels in proptest::collection::vec(("[a-zA-Z_][a-zA-Z0-9_]{0,8}", any::<String>()), 0..5),
            value in any::<f64>(),
        ) {
            // A line ends where Rust says so, and a carriage return is no end within a value.
            let labels: Vec<_> = labels.into_iter().map(|(label, value)| (label, value.replace('\r', ""))).collect();
            let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let written: Vec<String> = labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
            let page = Exposition::parse(&format!("{name}{{{}}} {value}", written.join(",")));
            let sample = &page.of(&name)[0];
            prop_assert_eq!(&sample.labels, &labels);
            prop_assert!(sample.value == value || (sample.value.is_nan() && value.is_nan()));
        }
    }
}
