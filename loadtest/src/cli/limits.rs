//! What the figures may be at most.

use super::numbers::zero_or_more;
use crate::report;
use crate::shape::{Limit, RunReport};
use anyhow::{Result, ensure};
use clap::Args;

/// Largest share of the deliveries that may be missing from times which a limit is on.
const UNTIMED_SHARE_MAX: f64 = 0.001;

/// The limits on times, and on what is compared with the floor, which repeats what was timed alone.
const TIMED: [&str; 7] = [
    "p50-ms",
    "p99-ms",
    "last-ms",
    "ratio",
    "p99-ratio",
    "last-ratio",
    "stalled-p99-ratio",
];

/// What the figures may be at most; the run fails where one is more.
#[derive(Args, Default)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// At most this time until everybody is connected and has the snapshots of all topics
    #[arg(long, value_name = "SECONDS", value_parser = zero_or_more)]
    connect_s: Option<f64>,
    /// At most this median latency
    #[arg(long, value_name = "MS", value_parser = zero_or_more)]
    p50_ms: Option<f64>,
    /// At most this 99th percentile of latency
    #[arg(long, value_name = "MS", value_parser = zero_or_more)]
    p99_ms: Option<f64>,
    /// At most this time to an event's last client (the median over events)
    #[arg(long, value_name = "MS", value_parser = zero_or_more)]
    last_ms: Option<f64>,
    /// At most this server CPU per delivery (with --server-pid)
    #[arg(long, value_name = "US", value_parser = zero_or_more)]
    cpu_us: Option<f64>,
    /// At most this ratio of the server's CPU to the first floor's (with --server-pid and --floor)
    #[arg(long, value_name = "RATIO", value_parser = zero_or_more)]
    ratio: Option<f64>,
    /// At most this ratio of the 99th percentile to the first floor's (with --floor)
    #[arg(long, value_name = "RATIO", value_parser = zero_or_more)]
    p99_ratio: Option<f64>,
    /// At most this ratio of the time to the last client to the first floor's (with --floor)
    #[arg(long, value_name = "RATIO", value_parser = zero_or_more)]
    last_ratio: Option<f64>,
    /// At most this memory by idle connection (with --server-pid, of a fresh server: one that held clients before has
    /// their memory, and where it does not grow nothing is measured)
    #[arg(long, value_name = "KIB", value_parser = zero_or_more)]
    connection_kib: Option<f64>,
}

impl LimitArgs {
    /// Refuses limits on what will not be measured.
    pub(super) fn check(&self, has_server: bool, has_floor: bool) -> Result<()> {
        let needs_server = self.cpu_us.or(self.ratio).or(self.connection_kib).is_some();
        ensure!(
            !needs_server || has_server,
            "--cpu-us, --ratio and --connection-kib need --server-pid"
        );
        let needs_floor = self.ratio.or(self.p99_ratio).or(self.last_ratio).is_some();
        ensure!(
            !needs_floor || has_floor,
            "--ratio, --p99-ratio and --last-ratio need --floor or --floor-uring"
        );
        Ok(())
    }

    /// Writes into the report which limits held.
    pub(super) fn hold(&self, report: &mut RunReport) {
        let server = report.server.as_ref();
        let floor = report.floors.first();
        // What nobody received was not soon.
        let latency = (report.latency.count > 0).then_some(&report.latency);
        let last = (report.last.count > 0).then_some(&report.last);
        let over = |figure: f64, base: Option<f64>| base.and_then(|base| report::ratio(figure, base));
        let limits = [
            limit("connect-s", self.connect_s, Some(report.connect_s)),
            limit("p50-ms", self.p50_ms, latency.map(|latency| latency.p50_ms)),
            limit("p99-ms", self.p99_ms, latency.map(|latency| latency.p99_ms)),
            limit("last-ms", self.last_ms, last.map(|last| last.p50_ms)),
            limit("cpu-us", self.cpu_us, server.map(|server| server.cpu_us_per_delivery)),
            limit("ratio", self.ratio, floor.and_then(|floor| floor.cpu_ratio)),
            limit(
                "p99-ratio",
                self.p99_ratio,
                latency.and_then(|latency| over(latency.p99_ms, floor.map(|floor| floor.latency.p99_ms))),
            ),
            limit(
                "last-ratio",
                self.last_ratio,
                last.and_then(|last| over(last.p50_ms, floor.map(|floor| floor.last.p50_ms))),
            ),
            limit(
                "connection-kib",
                self.connection_kib,
                // Memory that did not grow was there from earlier clients.
                server.map(|server| server.rss_per_connection_kib).filter(|&kib| kib > 0.0),
            ),
        ];
        report.limits = limits.into_iter().flatten().collect();
    }
}

/// Takes back what is said of times from which too many deliveries are missing. In a storm everybody is away for a
/// while, and comes back to snapshots.
pub(super) fn hold_untimed(report: &mut RunReport) {
    let untimed = report.extra.get("deliveries_untimed").copied().unwrap_or(0.0);
    let all = untimed + report.latency.count as f64;
    if report.scenario == "storm" || untimed <= all * UNTIMED_SHARE_MAX {
        return;
    }
    let percent = report::number(100.0 * untimed / all);
    for limit in report.limits.iter_mut().filter(|limit| TIMED.contains(&limit.name.as_str())) {
        limit.held = false;
        limit.reason = Some(format!("{percent}% of the deliveries came in snapshots and could not be timed"));
    }
}

/// A limit that was given; one on what could not be measured did not hold.
pub(super) fn limit(name: &str, most: Option<f64>, measured: Option<f64>) -> Vec<Limit> {
    let limit = most.map(|most| Limit {
        name: name.to_owned(),
        most,
        measured: measured.unwrap_or(0.0),
        held: measured.is_some_and(|measured| measured <= most),
        reason: measured.is_none().then(|| "not measured".to_owned()),
    });
    limit.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::{Distribution, Floor, Server};

    #[test]
    fn limits_hold_or_do_not_and_need_what_they_are_about() {
        let limits = LimitArgs {
            connect_s: Some(2.0),
            p99_ms: Some(10.0),
            cpu_us: Some(4.0),
            p99_ratio: Some(0.5),
            ratio: Some(1.0),
            ..LimitArgs::default()
        };
        assert!(limits.check(false, true).unwrap_err().to_string().contains("--server-pid"));
        assert!(limits.check(true, false).unwrap_err().to_string().contains("--floor"));
        limits.check(true, true).unwrap();
        let latency = |p99_ms| Distribution {
            count: 1,
            p99_ms,
            ..Distribution::default()
        };
        let mut report = RunReport {
            connect_s: 2.5,
            latency: latency(9.0),
            server: Some(Server {
                cpu_us_per_delivery: 5.0,
                ..Server::default()
            }),
            floors: vec![Floor {
                latency: latency(12.0),
                ..Floor::default()
            }],
            ..RunReport::default()
        };
        limits.hold(&mut report);
        let held: Vec<(&str, f64, bool)> = report.limits.iter().map(|l| (l.name.as_str(), l.measured, l.held)).collect();
        assert_eq!(
            held,
            [
                ("connect-s", 2.5, false),
                ("p99-ms", 9.0, true),
                ("cpu-us", 5.0, false),
                ("ratio", 0.0, false),
                ("p99-ratio", 0.75, false)
            ]
        );
        let reasons: Vec<Option<&str>> = report.limits.iter().map(|limit| limit.reason.as_deref()).collect();
        assert_eq!(reasons, [None, None, None, Some("not measured"), None]);
    }

    #[test]
    fn times_of_too_few_deliveries_hold_no_limit() {
        let limits = LimitArgs {
            p99_ms: Some(10.0),
            connection_kib: Some(20.0),
            ..LimitArgs::default()
        };
        let held = |scenario: &str, untimed: f64| {
            let mut report = RunReport {
                scenario: scenario.to_owned(),
                latency: Distribution {
                    count: 999,
                    p99_ms: 9.0,
                    ..Distribution::default()
                },
                server: Some(Server {
                    rss_per_connection_kib: 1.0,
                    ..Server::default()
                }),
                extra: [("deliveries_untimed".to_owned(), untimed)].into(),
                ..RunReport::default()
            };
            limits.hold(&mut report);
            hold_untimed(&mut report);
            assert!(report.limits[1].held, "memory is no time");
            (report.limits[0].held, report.limits[0].reason.clone())
        };
        assert_eq!((held("slate", 1.0), held("storm", 500.0)), ((true, None), (true, None)));
        let (is_held, reason) = held("slate", 2.0);
        assert!(
            !is_held && reason.as_deref().is_some_and(|reason| reason.starts_with("0.200% of the")),
            "{reason:?}"
        );
    }

    #[test]
    fn memory_that_did_not_grow_was_not_measured() {
        let limits = LimitArgs {
            connection_kib: Some(20.0),
            ..LimitArgs::default()
        };
        let held = |rss_per_connection_kib| {
            let mut report = RunReport {
                server: Some(Server {
                    rss_per_connection_kib,
                    ..Server::default()
                }),
                ..RunReport::default()
            };
            limits.hold(&mut report);
            (report.limits[0].held, report.limits[0].reason.is_some())
        };
        assert_eq!((held(19.0), held(21.0)), ((true, false), (false, false)));
        assert_eq!((held(0.0), held(-0.5)), ((false, true), (false, true)), "a used server");
    }
}
