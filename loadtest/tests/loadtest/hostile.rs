//! Hostile clients beside good ones, against the server itself: the good ones miss nothing, and the server is rid of the
//! others in the end.

use super::fake_server::{self, Manner};
use super::server::Server;
use super::{PLAYS, broadcast, run};
use serde_json::Value;

/// What each temper is called in figures.
const TEMPERS: [&str; 13] = [
    "silent",
    "half_request",
    "no_request",
    "garbage",
    "pings",
    "messages",
    "oversized",
    "half_message",
    "deaf",
    "greedy",
    "reset",
    "half_close",
    "returns",
];

/// Who hang up by themselves: the server need not.
const LEAVE: [&str; 2] = ["reset", "returns"];

const CLIENTS: usize = 60;

/// Five of each temper.
const HOSTILE: &str = "65";

#[test]
fn good_clients_miss_nothing_and_hostile_ones_are_gone_in_the_end() {
    let server = Server::start();
    let (url, clients) = (server.url(), CLIENTS.to_string());
    let mut args = vec!["run", "broadcast", "--url", &url, "--clients", &clients];
    args.extend(["--events", "40", "--interval-ms", "100", "--drain-timeout-s", "60"]);
    args.extend(["--hostile", HOSTILE, "--hostile-per-s", "50", "--hostile-gone-s", "60"]);
    let (code, report, errors) = run(&args);
    assert_eq!((code, &report["ok"]), (0, &Value::Bool(true)), "{report:#}\n{errors}");
    assert_eq!(
        (&report["deliveries"], &report["clients_broken"], &report["fault_count"]),
        (&(CLIENTS * 40).into(), &0.into(), &0.into()),
        "{report:#}"
    );
    let figure = |name: &str| report["extra"][format!("hostile_{name}")].as_f64().unwrap();
    assert_eq!((figure("clients"), figure("there_at_the_end")), (65.0, 0.0), "{report:#}");
    for temper in TEMPERS {
        let (begun, ended) = (figure(&format!("{temper}_begun")), figure(&format!("{temper}_ended")));
        assert!(begun >= 5.0, "{temper}: {report:#}");
        assert!(ended > 0.0 || LEAVE.contains(&temper), "{temper}: {report:#}");
    }
    assert!(server.drain(), "nobody is left who holds the server up");
}

#[test]
fn hostile_clients_that_nobody_hangs_up_on_are_a_fault() {
    let more = ["--hostile", "13", "--hostile-gone-s", "0.2"];
    let (code, report, errors) = broadcast(Manner::Good, &more);
    assert_eq!((code, &report["ok"]), (1, &Value::Bool(false)), "{report:#}\n{errors}");
    let faults = report["faults"].to_string();
    assert!(
        faults.contains("hostile clients (silent): 1 are still connected after 0.2 s"),
        "{report:#}"
    );
    // Without a wait for their end, nothing is held against the server.
    let (code, report, errors) = broadcast(Manner::Good, &["--hostile", "1"]);
    assert_eq!(
        (code, &report["extra"]["hostile_clients"]),
        (0, &1.0.into()),
        "{report:#}\n{errors}"
    );
}

#[test]
fn hostile_clients_speak_no_tls() {
    let url = format!("wss://{}", fake_server::start(Manner::Good, PLAYS));
    let (code, _, errors) = run(&["run", "broadcast", "--url", &url, "--tls-insecure", "--hostile", "1"]);
    assert!(code == 2 && errors.contains("plain ws:// alone"), "{errors}");
    let (code, _, errors) = broadcast(Manner::Good, &["--hostile-gone-s", "1"]);
    assert!(code == 2 && errors.contains("--hostile"), "{errors}");
}
