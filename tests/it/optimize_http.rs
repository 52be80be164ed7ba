//! `POST /v1/optimize`: lineups from a running server, within its bounds.

use crate::optimize::slate;
use crate::support::server::{Http, Server};
use crate::support::{eventually, run};
use http::Method;
use serde_json::{Value, json};

async fn ask(server: &Http, body: &Value) -> (u16, Value) {
    let json = [("content-type", "application/json")];
    let answer = server
        .request(Method::POST, "/v1/optimize", &json, body.to_string().into_bytes())
        .await;
    (answer.status.as_u16(), answer.json())
}

/// The players of [`slate`] as JSON, without a projection where `is_bare`.
fn players(is_bare: impl Fn(&str) -> bool) -> Vec<Value> {
    let text = slate();
    let player = |line: &str| {
        let f: Vec<&str> = line.split(',').collect();
        let mut player = json!({"id": f[3], "name": f[2], "position": f[0], "salary": f[5].parse::<i32>().unwrap(), "team": f[7],
            "game": f[6].split(' ').next().unwrap(), "kickoff": f[6].split_once(' ').unwrap().1, "projection": f[8].parse::<f64>().unwrap()});
        if is_bare(f[3]) {
            player.as_object_mut().unwrap().remove("projection");
        }
        player
    };
    text.lines().skip(1).map(player).collect()
}

#[test]
fn lineups_come_from_a_sites_file_and_from_players_as_json_alike() {
    run(async {
        let server = Server::start(|_| ());
        let (status, from_csv) = ask(
            &server,
            &json!({"site": "draftkings", "csv": slate(), "n": 5, "constraints": {"max_shared": 6}}),
        )
        .await;
        assert_eq!(status, 200, "{from_csv}");
        assert_eq!(
            (&from_csv["proven"], from_csv["lineups"].as_array().unwrap().len()),
            (&json!(true), 5)
        );
        let (_, from_json) = ask(
            &server,
            &json!({"site": "draftkings", "players": players(|_| false), "n": 5, "constraints": {"max_shared": 6}}),
        )
        .await;
        let names = |answer: &Value| {
            answer["lineups"][4]["players"]
                .as_array()
                .unwrap()
                .iter()
                .map(|player| player["name"].clone())
                .map(|name| name.to_string())
                .collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(names(&from_csv), names(&from_json));
        let (_, left_out) = ask(&server, &json!({"site": "draftkings", "players": players(|id| id == "101")})).await;
        assert_eq!((&left_out["left_out"], &left_out["forecasts"]), (&json!(1), &json!(0)));
        eventually("it is counted", || async {
            server.metric("scorewire_optimize_requests_total{outcome=\"proven\"}").await >= 3.0
                && server.metric("scorewire_optimize_steps_total").await > 0.0
        })
        .await;
        server.end().await;
    });
}

#[test]
fn what_cannot_be_answered_says_why() {
    run(async {
        let server = Server::start(|config| config.optimize.body_bytes_max = 100_000);
        for (body, status, code, part) in [
            (json!([]), 400, "bad_request", ""),
            (
                json!({"site": "draftkings", "csv": slate(), "m": 1}),
                400,
                "bad_request",
                "unknown field `m`",
            ),
            (json!({"site": "/etc/passwd", "csv": slate()}), 400, "unknown_site", "no site"),
            (json!({"site": "draftkings"}), 400, "bad_players", "one of csv and players"),
            (
                json!({"site": "draftkings", "csv": "a,b\n"}),
                400,
                "bad_players",
                "no line has the columns",
            ),
            (
                json!({"site": "draftkings", "csv": slate(), "n": 151}),
                400,
                "bad_constraints",
                "1 to 150 lineups",
            ),
            (
                json!({"site": "draftkings", "csv": slate(), "constraints": {"lock": ["Nobody"]}}),
                400,
                "bad_constraints",
                "no player \"Nobody\"",
            ),
            (
                json!({"site": "draftkings", "csv": slate(), "constraints": {"max_salary": 30000}}),
                422,
                "no_lineup",
                "max_salary = 30000",
            ),
            (
                json!({"site": "draftkings", "csv": slate(), "constraints": {"limits": {"work": 1}}}),
                422,
                "out_of_time",
                "not known",
            ),
            (
                json!({"site": "draftkings", "csv": "x".repeat(200_000)}),
                413,
                "body_too_long",
                "optimize.body_bytes_max",
            ),
        ] {
            let (got, error) = ask(&server, &body).await;
            assert_eq!((got, &error["code"]), (status, &json!(code)), "{error}");
            assert!(error["error"].as_str().unwrap().contains(part), "{error}");
        }
        assert!(server.metric("scorewire_optimize_requests_total{outcome=\"refused\"}").await >= 1.0);
        server.end().await;
    });
}

/// Hard enough to be at work on for as long as the server lets it be.
fn hard() -> Value {
    json!({"site": "draftkings", "csv": slate(), "n": 150, "constraints": {"max_shared": 2}})
}

#[test]
fn more_than_can_wait_are_turned_away_and_scores_go_on() {
    run(async {
        let server = Server::start(|config| {
            config.optimize.queue_max = 1;
            config.optimize.time_ms_max = 3_000;
            config.optimize.work_max = 1_000_000_000_000;
        });
        let http = server.http.clone();
        let asked: Vec<_> = (0..6)
            .map(|_| {
                let http = http.clone();
                tokio::spawn(async move { ask(&http, &hard()).await })
            })
            .collect();
        eventually("they wait", || async { server.metric("scorewire_optimize_requests").await >= 1.0 }).await;
        assert_eq!(server.get("/v1/games").await.status.as_u16(), 200);
        let mut busy = 0;
        for asked in asked {
            let (status, answer) = asked.await.unwrap();
            busy += usize::from(status == 429);
            assert!(
                status == 429 && answer["code"] == "busy" || matches!(status, 200 | 422),
                "{status} {answer}"
            );
        }
        assert!(busy >= 1, "of six, one is worked on and one waits");
        server.end().await;
    });
}
