//! A real Prometheus: its tool checks the rules, runs their tests and reads the page; the server scrapes one of ours,
//! evaluates every rule and answers every query of the dashboard.
//!
//! Both come from Debian's package `prometheus`; `PROMTOOL` and `PROMETHEUS` name others.

use super::expressions::{ALERTS, RULES, dashboard};
use crate::hostile::binary::Folder;
use crate::repository::{assert_none, files, read, root};
use crate::support::client::Client;
use crate::support::events::{game, play};
use crate::support::server::{Http, Server};
use crate::support::{eventually, run, skipped::skipped};
use scorewire::config::Durability;
use serde_json::Value;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// A program of Prometheus'; says so where it is missing.
fn program(name: &str) -> Option<Command> {
    let program = std::env::var_os(name.to_uppercase()).unwrap_or_else(|| name.into());
    let found = Command::new(&program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !found.is_ok_and(|status| status.success()) {
        skipped(&format!("there is no {name} (apt-get install prometheus)"));
        return None;
    }
    let mut command = Command::new(program);
    command.current_dir(root());
    Some(command)
}

fn assert_ok(output: &Output, what: &str) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{what}: {}\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
}

#[test]
fn promtool_takes_the_rules() {
    let Some(mut promtool) = program("promtool") else { return };
    let output = promtool.args(["check", "rules", "--lint-fatal", RULES, ALERTS]).output().unwrap();
    assert_ok(&output, "promtool check rules");
}

#[test]
fn alerts_fire_when_they_should_and_only_then() {
    let Some(mut promtool) = program("promtool") else { return };
    let tests = files("deploy/prometheus/tests", ".yml");
    assert!(!tests.is_empty());
    let output = promtool.args(["test", "rules"]).args(&tests).output().unwrap();
    assert_ok(&output, "promtool test rules");
}

#[test]
fn the_dashboard_is_what_its_program_writes() {
    let output = Command::new("python3")
        .args(["deploy/grafana/dashboard.py", "--check"])
        .current_dir(root())
        .output();
    match output {
        Ok(output) => assert_ok(&output, "deploy/grafana/dashboard.py --check"),
        Err(error) => skipped(&format!("python3: {error}")),
    }
}

/// A server with some of everything: a log on disk, a game with a client that follows it.
async fn server(folder: &Folder) -> (Server, Client) {
    let server = Server::start(|config| {
        config.store.durability = Durability::Group;
        config.store.dir = folder.path().join("log");
        config.predict.enabled = true;
        config.predict.points_every_ms = 1_000;
    });
    let kickoff = game("g-prom", 1, "live", ["AAA", "BBB"], 1_500_000_000, [0, 0]);
    server.post_lines(kickoff.into_bytes()).await;
    let mut client = Client::connect(&server).await;
    client.subscribe(&["game:g-prom".to_owned()], "draftkings").await;
    (server, client)
}

#[test]
fn promtool_takes_the_page() {
    let Some(mut promtool) = program("promtool") else { return };
    run(async {
        let folder = Folder::new("promtool");
        let (server, client) = server(&folder).await;
        server.post_lines(play("g-prom", 1, 1, &[("p-1", "AAA", 10, 7)]).into_bytes()).await;
        let page = server.get("/metrics").await.text();
        let mut child = promtool
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_ok(&output, "promtool check metrics");
        let said = [output.stdout, output.stderr].concat();
        assert!(said.is_empty(), "{}", String::from_utf8_lossy(&said));
        drop(client);
        server.end().await;
    });
}

/// A Prometheus of the test's own, stopped at its end.
struct Prometheus {
    child: Child,
    http: Http,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    /// Starts one that scrapes this address twice a second and evaluates our rules each second.
    async fn start(mut command: Command, folder: &Folder, scraped: SocketAddr) -> Prometheus {
        for path in [RULES, ALERTS] {
            // Groups with an interval of their own would first be evaluated after as long.
            let text: Vec<String> = read(path)
                .lines()
                .filter(|line| !line.trim().starts_with("interval:"))
                .map(str::to_owned)
                .collect();
            let name = path.rsplit('/').next().unwrap();
            folder.file(name, text.join("\n"));
        }
        let config = format!(
            "global: {{scrape_interval: 500ms, scrape_timeout: 400ms, evaluation_interval: 1s}}\n\
             rule_files: [rules.yml, alerts.yml]\n\
             scrape_configs: [{{job_name: scorewire, static_configs: [{{targets: ['{scraped}']}}]}}]\n"
        );
        let config = folder.file("prometheus.yml", config);
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let child = command
            .arg(format!("--config.file={config}"))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("tsdb").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=error")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let prometheus = Prometheus {
            child,
            http: Http::new(address),
        };
        eventually("Prometheus is ready", || async {
            tokio::net::TcpStream::connect(address).await.is_ok() && prometheus.http.get("/-/ready").await.status == 200
        })
        .await;
        prometheus
    }

    /// The results of a query now, or what is wrong with it.
    async fn query(&self, expr: &str) -> Result<Vec<Value>, String> {
        let escaped: String = expr
            .bytes()
            .map(|byte| match byte {
                b if b.is_ascii_alphanumeric() => char::from(b).to_string(),
                b => format!("%{b:02X}"),
            })
            .collect();
        let answer = self.http.get(&format!("/api/v1/query?query={escaped}")).await.json();
        match answer["status"].as_str() {
            Some("success") => Ok(answer["data"]["result"].as_array().cloned().unwrap_or_default()),
            _ => Err(format!("{expr}: {}", answer["error"])),
        }
    }

    /// The one value of a query; nothing where there are none or several, or no number.
    async fn value(&self, expr: &str) -> Option<f64> {
        let found = self.query(expr).await.unwrap();
        let [one] = &found[..] else { return None };
        one["value"][1].as_str()?.parse().ok().filter(|value: &f64| value.is_finite())
    }

    /// What is wrong with the dashboard's queries, or shows nothing and should.
    async fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (panel, expr) in dashboard() {
            let may_be_empty = EMPTY.iter().any(|(title, _)| *title == panel);
            match self.query(&expr).await {
                Err(error) => wrong.push(format!("{panel}: {error}")),
                Ok(found) if found.is_empty() && !may_be_empty => wrong.push(format!("{panel}: nothing is shown of {expr}")),
                Ok(_) => {}
            }
        }
        wrong
    }

    /// Rules that cannot be evaluated, with why; nothing before each was tried.
    async fn rule_errors(&self) -> Option<Vec<String>> {
        let answer = self.http.json("/api/v1/rules").await;
        let mut errors = Vec::new();
        for group in answer["data"]["groups"].as_array()? {
            for rule in group["rules"].as_array()? {
                match rule["health"].as_str()? {
                    "ok" => {}
                    "unknown" => return None,
                    _ => errors.push(format!("{}: {}", rule["name"], rule["lastError"])),
                }
            }
        }
        Some(errors)
    }
}

/// Panels that show nothing of the server below, each with why.
const EMPTY: [(&str, &str); 4] = [
    ("Certificate", "it speaks no TLS"),
    ("Worse than history", "no outcome was forecast yet"),
    ("Calibration", "no outcome was forecast yet"),
    ("Alerts", "none fires"),
];

#[test]
fn prometheus_scrapes_it_and_answers_the_dashboard() {
    let Some(command) = program("prometheus") else { return };
    run(async {
        let folder = Folder::new("prometheus");
        let (server, mut client) = server(&folder).await;
        let prometheus = Prometheus::start(command, &folder, server.address()).await;
        let mut id = 0;
        let p99 = r#"instance:scorewire_stage_seconds:p99{stage="encode_to_written"}"#;
        while prometheus.value(p99).await.is_none() {
            id += 1;
            server
                .post_lines(play("g-prom", id, 1, &[("p-1", "AAA", 10, 1)]).into_bytes())
                .await;
            client.catch_up(&server).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(prometheus.value("up").await, Some(1.0));
        let live = prometheus.value(r#"scorewire_games_live{job="scorewire"} >= 1"#).await;
        assert!(live.is_some(), "other tests' servers may have more");
        eventually("each rule was evaluated", || async { prometheus.rule_errors().await.is_some() }).await;
        assert_none(&prometheus.rule_errors().await.unwrap(), "Mend the rule.");
        eventually("the node counts as available", || async {
            prometheus.value("instance:scorewire_available:bool").await.is_some()
        })
        .await;

        // Rules that read rules take another second.
        let mut wrong = prometheus.wrong().await;
        for _ in 0..50 {
            if wrong.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            wrong = prometheus.wrong().await;
        }
        assert_none(
            &wrong,
            "Mend the query in deploy/grafana/dashboard.py, or say in EMPTY why it shows nothing.",
        );
        drop(client);
        server.end().await;
    });
}
