//! The expressions of rules, alerts and dashboard, as far as names go: which metrics with which labels.
//!
//! Whether they make sense is Prometheus' own word; this reads names where no Prometheus is at hand.

use crate::repository::read;
use serde_json::Value;

pub(super) const RULES: &str = "deploy/prometheus/rules.yml";
pub(super) const ALERTS: &str = "deploy/prometheus/alerts.yml";
pub(super) const DASHBOARD: &str = "deploy/grafana/scorewire.json";

/// One rule of a file.
pub(super) struct Rule {
    /// Of a recording rule what it records, of an alert its name.
    pub(super) name: String,
    pub(super) is_alert: bool,
    pub(super) expr: String,
    /// Every other line of it, without what stands before.
    pub(super) lines: Vec<String>,
}

/// The rules of a file, laid out as ours are: a line `- record:` or `- alert:`, then `expr:` on one line or as a block.
pub(super) fn rules(path: &str) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    // Where a block of lines began, as the number of blanks before it.
    let mut block = None;
    for line in read(path).lines() {
        let blanks = line.len() - line.trim_start().len();
        let text = line.trim();
        if text.starts_with('#') {
            continue;
        }
        let begun = [("- record: ", false), ("- alert: ", true)]
            .into_iter()
            .find_map(|(start, is_alert)| Some((text.strip_prefix(start)?, is_alert)));
        if let Some((name, is_alert)) = begun {
            block = None;
            rules.push(Rule {
                name: name.to_owned(),
                is_alert,
                expr: String::new(),
                lines: Vec::new(),
            });
            continue;
        }
        let Some(rule) = rules.last_mut() else { continue };
        match (text.strip_prefix("expr: "), block) {
            (Some("|"), _) => block = Some(blanks),
            (Some(expr), _) => rule.expr = expr.to_owned(),
            (None, Some(outside)) if blanks > outside => rule.expr += &format!("{text}\n"),
            (None, _) => {
                block = None;
                rule.lines.push(text.to_owned());
            }
        }
    }
    assert!(
        rules.iter().all(|rule| !rule.expr.is_empty()),
        "{path}: a rule without an expression"
    );
    rules
}

/// The queries of the dashboard, each with its panel's title, and those of its variables and annotations.
pub(super) fn dashboard() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    for panel in list(&dashboard["panels"]) {
        for target in list(&panel["targets"]) {
            found.push((text(&panel["title"]), text(&target["expr"])));
        }
    }
    for variable in list(&dashboard["templating"]["list"]) {
        // `label_values(SELECTOR, label)` is Grafana's own.
        let query = text(&variable["query"]["query"]);
        if let Some((selector, label)) = query.strip_prefix("label_values(").and_then(|rest| rest.rsplit_once(',')) {
            let label = label.trim().trim_end_matches(')');
            found.push((text(&variable["name"]), format!("count by ({label}) ({selector})")));
        }
    }
    for annotation in list(&dashboard["annotations"]["list"]) {
        found.push((text(&annotation["name"]), text(&annotation["expr"])));
    }
    found.into_iter().map(|(title, expr)| (title, without_variables(&expr))).collect()
}

/// A query as Grafana sends it with everything chosen.
fn without_variables(expr: &str) -> String {
    expr.replace("$__rate_interval", "1m")
        .replace("$job", "scorewire.*")
        .replace("$instance", ".*")
}

/// A metric in an expression, with what its labels are matched against.
#[derive(Debug, PartialEq)]
pub(super) struct Selector {
    pub(super) name: String,
    /// Label, operator, value.
    pub(super) matchers: Vec<(String, String, String)>,
}

/// What an expression names.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Names {
    pub(super) selectors: Vec<Selector>,
    /// Labels of `by`, `on` and the like.
    pub(super) labels: Vec<String>,
}

const BEFORE_LABELS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const WORDS: [&str; 5] = ["and", "or", "unless", "bool", "offset"];

/// The names in an expression.
pub(super) fn names(expr: &str) -> Names {
    let tokens = tokens(expr);
    let mut names = Names::default();
    let mut at = 0;
    let is_name = |token: &str| token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':');
    // What stands between this bracket and its end.
    let inside = |open: usize, end: &str| {
        tokens[open + 1..]
            .iter()
            .take_while(|token| *token != end)
            .cloned()
            .collect::<Vec<_>>()
    };
    while at < tokens.len() {
        let (token, next) = (tokens[at].as_str(), tokens.get(at + 1).map_or("", String::as_str));
        at += 1;
        if !is_name(token) || WORDS.contains(&token) {
            continue;
        }
        if BEFORE_LABELS.contains(&token) {
            let labels = inside(at, ")");
            at += labels.len() + 2;
            names.labels.extend(labels.into_iter().filter(|label| label != ","));
        } else if next != "(" && !["by", "without"].contains(&next) {
            let matchers = if next == "{" { inside(at, "}") } else { Vec::new() };
            if next == "{" {
                at += matchers.len() + 2;
            }
            let matchers = matchers.split(|token| token == ",").filter(|matcher| !matcher.is_empty());
            names.selectors.push(Selector {
                name: token.to_owned(),
                matchers: matchers
                    .map(|matcher| match matcher {
                        [label, operator, value] => (label.clone(), operator.clone(), value.trim_matches('"').to_owned()),
                        other => panic!("{expr}: {other:?} is no matcher"),
                    })
                    .collect(),
            });
        }
    }
    names
}

/// Words, strings, numbers with their units, operators; ranges left out.
fn tokens(expr: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = expr.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => rest[1..].find('"').expect("a string ends") + 2,
            '[' => rest.find(']').expect("a range ends") + 1,
            c if c.is_ascii_alphanumeric() || c == '_' || c == ':' => rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':' || c == '.'))
                .unwrap_or(rest.len()),
            '=' | '!' | '<' | '>' if rest[1..].starts_with(['=', '~']) => 2,
            c => c.len_utf8(),
        };
        if first != '[' {
            tokens.push(rest[..length].to_owned());
        }
        rest = rest[length..].trim_start();
    }
    tokens
}

#[test]
fn names_are_found_where_they_stand() {
    let found = names(r#"sum by (le, what) (rate(x_bucket{le="0.1", of!~"a|b"}[5m])) / on (job) group_left () y:z > bool 5 or vector(0)"#);
    let selector = |name: &str, matchers: &[[&str; 3]]| Selector {
        name: name.to_owned(),
        matchers: matchers
            .iter()
            .map(|[label, op, value]| ((*label).into(), (*op).into(), (*value).into()))
            .collect(),
    };
    let expected = Names {
        selectors: vec![
            selector("x_bucket", &[["le", "=", "0.1"], ["of", "!~", "a|b"]]),
            selector("y:z", &[]),
        ],
        labels: ["le", "what", "job"].map(str::to_owned).into(),
    };
    assert_eq!(found, expected);
}
