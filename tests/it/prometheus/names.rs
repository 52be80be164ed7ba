//! Every name in rules, alerts, their tests, their document and the dashboard is one that there is.

use super::expressions::{ALERTS, Names, RULES, Selector, dashboard, names, rules};
use crate::repository::{assert_none, files, read};
use scorewire::telemetry::{METRICS, Metric, Type};
use scorewire::wire::close::CloseReason;
use std::collections::{BTreeMap, BTreeSet};

/// What Prometheus puts onto everything that it scrapes.
const OF_TARGETS: [&str; 2] = ["job", "instance"];

/// A name that may be asked for.
struct Known {
    /// Labels with their values, none where they are open.
    labels: BTreeMap<String, BTreeSet<String>>,
}

impl Known {
    fn with(labels: impl IntoIterator<Item = (String, BTreeSet<String>)>) -> Known {
        let of_targets = OF_TARGETS.map(|label| (label.to_owned(), BTreeSet::new()));
        Known {
            labels: labels.into_iter().chain(of_targets).collect(),
        }
    }

    fn open(labels: &[&str]) -> Known {
        Known::with(labels.iter().map(|label| ((*label).to_owned(), BTreeSet::new())))
    }
}

/// The labels that a metric's row of the table names, with their values where it lists them.
fn labels(metric: &Metric) -> BTreeMap<String, BTreeSet<String>> {
    let mut labels = BTreeMap::new();
    for part in metric.labels.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let end = part.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(part.len());
        let (label, rest) = part.split_at(end);
        let rest = rest.trim_start();
        let values: BTreeSet<String> = match rest.strip_prefix(['=', ':']) {
            Some("") | None if rest.contains("close codes") => CloseReason::ALL.iter().map(|reason| reason.name().to_owned()).collect(),
            Some(values) if values.trim() == "0 to 9" => (0..10).map(|value| value.to_string()).collect(),
            Some(values) => values.split(',').map(|value| value.trim().to_owned()).collect(),
            None => BTreeSet::new(),
        };
        labels.insert(label.to_owned(), values);
    }
    labels
}

/// The name of a histogram's series without its end.
fn base(name: &str) -> &str {
    let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
    base.filter(|base| METRICS.iter().any(|metric| metric.name == *base))
        .unwrap_or(name)
}

/// What there is under that name.
fn known(name: &str, recorded: &BTreeMap<String, BTreeSet<String>>) -> Result<Known, String> {
    if let Some(labels) = recorded.get(name) {
        return Ok(Known::with(labels.iter().map(|label| (label.clone(), BTreeSet::new()))));
    }
    if name == "up" {
        return Ok(Known::open(&[]));
    }
    if name == "ALERTS" {
        return Ok(Known::open(&["alertname", "alertstate", "severity"]));
    }
    let Some(metric) = METRICS.iter().find(|metric| metric.name == base(name)) else {
        return Err(format!("there is no metric {name}"));
    };
    let is_histogram = metric.kind == Type::Histogram;
    if is_histogram != (name != metric.name) {
        return Err(format!("{name} is asked for, and {} is a {:?}", metric.name, metric.kind));
    }
    let mut labels = labels(metric);
    if name.ends_with("_bucket") && is_histogram {
        labels.insert("le".to_owned(), BTreeSet::new());
    }
    Ok(Known::with(labels))
}

/// What is wrong with the names in an expression.
fn problems(Names { selectors, labels }: &Names, recorded: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut problems = Vec::new();
    let mut any = BTreeSet::new();
    for Selector { name, matchers } in selectors {
        let known = match known(name, recorded) {
            Ok(known) => known,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        for (label, operator, value) in matchers {
            let Some(values) = known.labels.get(label) else {
                problems.push(format!("{name} has no label {label}"));
                continue;
            };
            let asked = match operator.ends_with('~') {
                true => value.split('|').collect(),
                false => vec![value.as_str()],
            };
            // A pattern fits what it fits; words joined by "|" have to be values.
            let words = asked.iter().filter(|value| !value.contains(['.', '*', '$', '[']));
            let unknown = words.filter(|value| !values.is_empty() && !values.contains(**value));
            problems.extend(unknown.map(|value| format!("{name} has no {label}=\"{value}\", but {values:?}")));
        }
        any.extend(known.labels.into_keys());
    }
    problems.extend(
        labels
            .iter()
            .filter(|label| !any.contains(*label))
            .map(|label| format!("nothing in it has the label {label}")),
    );
    problems
}

/// What the rules record, each with the labels that it has beside those of targets.
fn recorded() -> BTreeMap<String, BTreeSet<String>> {
    let mut recorded: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for rule in rules(RULES) {
        let labels = recorded.entry(rule.name).or_default();
        labels.extend(names(&rule.expr).labels);
        // Constant ones: `labels:` and then lines with one each.
        let constant = rule
            .lines
            .iter()
            .skip_while(|line| *line != "labels:")
            .skip(1)
            .take_while(|line| !line.starts_with("- "));
        labels.extend(constant.filter_map(|line| Some(line.split_once(": ")?.0.to_owned())));
    }
    recorded
}

#[test]
fn every_name_in_rules_and_dashboard_is_a_metric_s() {
    let recorded = recorded();
    let mut all = Vec::new();
    let mut asked = BTreeSet::new();
    let of_rules = [RULES, ALERTS].into_iter().flat_map(rules).map(|rule| (rule.name, rule.expr));
    for (place, expr) in of_rules.chain(dashboard()) {
        let names = names(&expr);
        assert!(!names.selectors.is_empty() || expr.contains("time()"), "{place}: {expr}");
        all.extend(problems(&names, &recorded).into_iter().map(|problem| format!("{place}: {problem}")));
        asked.extend(names.selectors.into_iter().map(|selector| selector.name));
    }
    assert_none(&all, "src/telemetry/table.rs has every metric, its labels and their values.");
    let unused = recorded.keys().filter(|name| !asked.contains(*name)).cloned();
    assert_none(
        &unused.collect::<Vec<_>>(),
        "Nothing reads these rules: read them, or leave them out.",
    );
}

#[test]
fn a_wrong_name_is_noticed() {
    let recorded = BTreeMap::from([("a:b".to_owned(), BTreeSet::from(["stage".to_owned()]))]);
    for (expr, problem) in [
        ("scorewire_nothing", "there is no metric scorewire_nothing"),
        (
            "scorewire_connections_count",
            "scorewire_connections_count is asked for, and scorewire_connections is a Gauge",
        ),
        (
            "scorewire_inference_seconds",
            "scorewire_inference_seconds is asked for, and scorewire_inference_seconds is a Histogram",
        ),
        ("scorewire_events_total{reason=\"x\"}", "scorewire_events_total has no label reason"),
        ("sum by (reason) (scorewire_events_total)", "nothing in it has the label reason"),
        ("a:c", "there is no metric a:c"),
    ] {
        assert_eq!(problems(&names(expr), &recorded), [problem], "{expr}");
    }
    let value = problems(&names("scorewire_events_total{outcome=~\"fresh|refused\"}"), &recorded);
    assert!(value.len() == 1 && value[0].contains("has no outcome=\"refused\""), "{value:?}");
    for expr in [
        "a:b{stage=\"x\", instance=\"y\"}",
        "scorewire_connections_closed_total{reason=\"stalled\"}",
        "sum by (le) (scorewire_inference_seconds_bucket{le=\"0.1\"})",
        "scorewire_model_calibration_ratio{bin=\"9\", version!=\"historical\"}",
    ] {
        assert_none(&problems(&names(expr), &recorded), expr);
    }
}

/// For each alert there is a case that fires and one that does not.
#[test]
fn every_alert_is_tested_both_ways() {
    let mut fires = BTreeSet::new();
    let mut rests = BTreeSet::new();
    for path in files("deploy/prometheus/tests", ".yml") {
        let text = read(&path);
        for case in text.split("- expr: ALERTS{alertname=\"").skip(1) {
            let name = case.split('"').next().unwrap_or_default().to_owned();
            let expected = case
                .split_once("exp_samples:")
                .map_or("", |(_, rest)| rest.lines().next().unwrap_or_default());
            match expected.trim() {
                "[]" => rests.insert(name),
                _ => fires.insert(name),
            };
        }
    }
    let alerts: BTreeSet<String> = rules(ALERTS).into_iter().map(|alert| alert.name).collect();
    let mut problems: Vec<String> = alerts
        .difference(&fires)
        .map(|name| format!("no case in which {name} fires"))
        .collect();
    problems.extend(alerts.difference(&rests).map(|name| format!("no case in which {name} does not")));
    problems.extend(
        fires
            .union(&rests)
            .filter(|name| !alerts.contains(*name))
            .map(|name| format!("{name} is tested, and no alert")),
    );
    assert_none(&problems, "deploy/prometheus/tests has the cases.");
}

/// Each alert says how urgent it is and where to read on, and its section of the document says the same.
#[test]
fn every_alert_has_its_section() {
    let document = read("docs/alerts.md");
    let section = |name: &str| {
        let start = document.find(&format!("\n### {name}\n"))?;
        let body = &document[start + 1..];
        Some(body[..body[1..].find("\n#").map_or(body.len(), |end| end + 1)].to_owned())
    };
    let mut problems = Vec::new();
    let alerts: Vec<_> = rules(ALERTS).into_iter().filter(|rule| rule.is_alert).collect();
    for alert in &alerts {
        let value = |key: &str| {
            alert
                .lines
                .iter()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix(": "))
                .unwrap_or_default()
        };
        let severity = value("severity");
        if !["page", "ticket"].contains(&severity) || value("summary").is_empty() || value("description").is_empty() {
            problems.push(format!(
                "{}: severity (page or ticket), summary or description is missing",
                alert.name
            ));
        }
        let runbook = format!("docs/alerts.md#{}", alert.name.to_lowercase());
        if value("runbook") != runbook {
            problems.push(format!("{}: the runbook is {runbook}", alert.name));
        }
        match section(&alert.name) {
            None => problems.push(format!("{}: docs/alerts.md has no section of it", alert.name)),
            Some(text) if !text.contains(&format!("\n**{severity}** · ")) => {
                problems.push(format!("{}: its section does not begin with **{severity}**", alert.name));
            }
            Some(_) => {}
        }
    }
    let sections = document.lines().filter_map(|line| line.strip_prefix("### "));
    let gone = sections.filter(|name| !alerts.iter().any(|alert| alert.name == *name));
    problems.extend(gone.map(|name| format!("docs/alerts.md: there is no alert {name}")));
    assert_none(&problems, "Mend deploy/prometheus/alerts.yml or docs/alerts.md.");
}
