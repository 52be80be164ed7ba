//! Pages of runs of all sorts: with hostile names, with nothing in them, with one event, beside another.

use super::seconds::SECONDS_SHOWN_MAX;
use super::*;
use crate::latency::Latency;
use crate::shape::{Floor, Limit, Second, Server};

fn run(deliveries: &[u64]) -> RunReport {
    let mut latency = Latency::new(1);
    deliveries.iter().for_each(|&us| latency.record(0, 0, us));
    RunReport {
        scenario: "broadcast".to_owned(),
        ok: true,
        deliveries: deliveries.len() as u64,
        latency: latency.distribution(),
        first: latency.first(),
        last: latency.last(),
        timeline: latency.timeline(),
        ..RunReport::default()
    }
}

/// Every tag that is opened is closed, in order; quotes are even.
fn assert_well_formed(html: &str) {
    const VOID: [&str; 5] = ["!doctype", "meta", "br", "path", "circle"];
    let mut open = Vec::new();
    for piece in html.split('<').skip(1) {
        let tag = piece.split_once('>').unwrap_or_else(|| panic!("an open tag: {piece}")).0;
        assert!(tag.matches('"').count().is_multiple_of(2), "{tag}");
        let name = tag.trim_end_matches('/').split([' ', '\n']).next().unwrap();
        match name.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(closed), "at {tag}"),
            None if VOID.contains(&name) => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
    for bad in ["NaN", "inf<", "<script", "http://", "https://", "url("] {
        assert!(!html.contains(bad), "{bad} in the page");
    }
}

#[test]
fn what_comes_from_outside_stays_text() {
    let hostile = "<script>alert('x')</script> & \"more\"";
    let mut report = run(&[1_000, 2_000]);
    report.ok = false;
    report.fault_count = 3;
    for field in [
        &mut report.scenario,
        &mut report.command,
        &mut report.machine.model,
        &mut report.machine.kernel,
    ] {
        *field = hostile.to_owned();
    }
    report.faults = vec![hostile.to_owned()];
    report.notes = vec![hostile.to_owned()];
    report.extra.insert(hostile.to_owned(), 1.0);
    report.limits.push(Limit {
        name: hostile.to_owned(),
        most: 1.0,
        measured: 2.0,
        held: false,
        reason: Some(hostile.to_owned()),
    });
    report.floors.push(Floor {
        via: hostile.to_owned(),
        threads: 1,
        latency: report.latency.clone(),
        ..Floor::default()
    });
    let html = page(&report, Some(&report));
    assert_well_formed(&html);
    assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)") && html.contains("and 2 more") && html.contains("✗ not held"));
}

#[test]
fn a_run_that_measured_nothing_says_so() {
    let html = page(&RunReport::default(), None);
    assert_well_formed(&html);
    assert!(html.contains("Latency by percentile: nothing was measured."), "{html}");
    assert!(!html.contains("<figure>"));
}

#[test]
fn one_delivery_makes_a_page() {
    let html = page(&run(&[1_500]), None);
    assert_well_formed(&html);
    assert!(html.contains("Latency by percentile") && html.contains("<td>1.50</td>"), "{html}");
}

#[test]
fn two_runs_are_compared_figure_by_figure() {
    let (mut this, mut other) = (run(&[1_000; 10]), run(&[2_000; 20]));
    for (run, cpu_us_per_delivery) in [(&mut this, 3.0), (&mut other, 4.0)] {
        run.server = Some(Server {
            cpu_us_per_delivery,
            ..Server::default()
        });
        run.timeline[0].server_cores = Some(cpu_us_per_delivery / 4.0);
    }
    this.extra.insert("only_here".to_owned(), 7.0);
    other.command = "scorewire-loadtest run".to_owned();
    let html = page(&this, Some(&other));
    assert_well_formed(&html);
    let row = "<th scope=\"row\">server CPU per delivery, µs</th><td>3</td><td>4</td><td>0.75</td>";
    assert!(html.contains(row), "{html}");
    assert!(html.contains("<th scope=\"row\">only here</th><td>7</td><td>–</td><td>–</td>"));
    assert!(html.contains("other run 4, × 0.75"));
    for plot in html.split("<figure>").skip(1) {
        let plot = plot.split("</figure>").next().unwrap();
        assert!(plot.contains(" other\""), "every plot shows both runs: {plot}");
    }
}

#[test]
fn a_long_run_is_thinned_in_the_table_alone() {
    let mut report = run(&[1_000]);
    report.timeline = (0..3_600)
        .map(|at_s| Second {
            at_s,
            deliveries: 1,
            ..Second::default()
        })
        .collect();
    let html = page(&report, None);
    assert_well_formed(&html);
    assert!(html.contains("Every second (one of 15)"));
    let table = html.split("<details>").nth(1).unwrap().split("</details>").next().unwrap();
    assert_eq!(table.matches("<tr><th scope=\"row\">").count(), SECONDS_SHOWN_MAX);
}

#[test]
fn dates_are_those_of_the_calendar() {
    assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
    assert_eq!(utc(1_709_164_800_000_000), "2024-02-29 00:00:00 UTC");
    assert_eq!(utc(1_767_225_599_000_000), "2025-12-31 23:59:59 UTC");
}

#[test]
fn a_run_of_feeds_tells_of_feeds_and_of_nothing_that_it_does_not_measure() {
    let mut report = run(&[]);
    (report.clients, report.deliveries) = (4, 9);
    report.extra.insert("feeds".to_owned(), 16.0);
    report.server = Some(Server {
        cpu_s: 1.5,
        ..Server::default()
    });
    let (html, text) = (page(&report, None), report.to_string());
    assert_well_formed(&html);
    assert!(html.contains("16 feeds, 4 watchers, "), "{html}");
    assert!(
        text.contains("16 feeds, 4 watchers, ") && text.contains("1.50 s CPU in all"),
        "{text}"
    );
    for absent in ["latency", "per delivery", "per connection"] {
        assert!(!text.contains(absent), "{absent}: {text}");
    }
}
