//! The floor by itself, and what is made of its report afterwards.

use super::run;
use serde_json::Value;
use std::process::Command;

const SMALL: [&str; 9] = ["floor", "--clients", "50", "--bytes", "300", "--events", "6", "--interval-ms", "10"];

fn assert_possible(floor: &Value, deliveries: u64) {
    assert_eq!(floor["deliveries"], deliveries, "{floor:#}");
    assert!(floor["cpu_us_per_delivery"].as_f64().unwrap() > 0.0, "{floor:#}");
    let latency = &floor["latency"];
    let [p50, p99, max] = ["p50_ms", "p99_ms", "max_ms"].map(|name| latency[name].as_f64().unwrap());
    assert!(0.0 < p50 && p50 <= p99 && p99 <= max, "{floor:#}");
    assert_eq!(
        (&latency["count"], &floor["last"]["count"]),
        (&deliveries.into(), &6.into()),
        "{floor:#}"
    );
    assert_eq!(floor["last"]["max_ms"], latency["max_ms"], "{floor:#}");
}

#[test]
fn the_floor_reports_every_delivery() {
    let (code, report, errors) = run(&[&SMALL[..], &["--via", "send", "--threads", "2", "--readers", "3"]].concat());
    assert_eq!(code, 0, "{errors}");
    assert_eq!((&report["clients"], &report["scenario"]), (&50.into(), &"floor".into()));
    let floors = report["floors"].as_array().unwrap();
    assert_eq!(
        (floors.len(), &floors[0]["via"], &floors[0]["threads"]),
        (1, &"send".into(), &2.into())
    );
    assert_possible(&floors[0], 300);
}

#[test]
fn each_event_may_go_to_a_part_of_the_sockets() {
    let (code, report, errors) = run(&[&SMALL[..], &["--via", "send", "--recipients", "20"]].concat());
    assert_eq!(code, 0, "{errors}");
    assert_possible(&report["floors"][0], 120);
}

#[test]
fn io_uring_delivers_the_same_or_says_that_the_kernel_refuses() {
    let (code, report, errors) = run(&[&SMALL[..], &["--via", "both", "--passes", "2"]].concat());
    if code == 2 {
        assert!(errors.contains("the kernel refuses io_uring"), "{errors}");
        return;
    }
    let floors = report["floors"].as_array().unwrap();
    assert_eq!(
        (code, &floors[0]["via"], &floors[1]["via"]),
        (0, &"send".into(), &"io_uring".into()),
        "{errors}"
    );
    floors.iter().for_each(|floor| assert_possible(floor, 300));
    assert!(report["extra"]["uring_cpu_over_send"].as_f64().unwrap() > 0.0, "{report:#}");
}

#[test]
fn a_report_can_be_shown_again_beside_another() {
    let folder = std::env::temp_dir().join(format!("scorewire-loadtest-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let program = env!("CARGO_BIN_EXE_scorewire-loadtest");
    for name in ["one.json", "two.json"] {
        let output = Command::new(program)
            .args(SMALL)
            .args(["--via", "send", "--json", &file(name)])
            .output()
            .unwrap();
        assert!(output.status.success());
    }
    let output = Command::new(program)
        .args([
            "report",
            &file("one.json"),
            "--compare",
            &file("two.json"),
            "--html",
            &file("page.html"),
        ])
        .output()
        .unwrap();
    let (text, page) = (
        String::from_utf8_lossy(&output.stdout),
        std::fs::read_to_string(file("page.html")).unwrap(),
    );
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(
        output.status.success() && text.contains("compared") && text.contains("floor send: CPU per delivery, µs"),
        "{text}"
    );
    assert!(page.starts_with("<!doctype html>") && page.contains("floor send"), "{page}");

    let output = Command::new(program).args(["report", "Cargo.toml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Cargo.toml is no report"));
}
