//! Players' points as they are forecast, over plain HTTP and a topic.

use super::support::events::game;
use super::support::server::Server;
use super::support::{eventually, run};
use hyper::Method;
use serde_json::{Value, json};
use std::path::Path;

/// 2017-09-24 17:00 by universal time.
const KICKOFF_S: i64 = 1_506_272_400;

/// A receiver's game two weeks before.
const HISTORY: &str = "game_id,season,season_type,week,gsis_id,team,opponent,quarter,pass_yds,pass_td,int,rush_yds,rush_td,rec,rec_yds,rec_td,fumbles_lost,two_pt,ret_td,off_fumrec_td,pass_att,rush_att,team_score
2017091000,2017,REG,1,x-9,AAA,CCC,4,0,0,0,0,0,6,80,1,0,0,0,0,0,0,24
";

fn pass(play: u64, quarter: u8, seconds_left: u16) -> String {
    let stats = r#"[{"player":"x-1","team":"AAA","stat":15,"yards":12},{"player":"x-2","team":"AAA","stat":21,"yards":12}]"#;
    let clock = format!(r#"{{"quarter":{quarter},"seconds_left":{seconds_left}}}"#);
    format!(r#"{{"type":"play","game":"g1","play":"{play}","rev":1,"kind":"pass","clock":{clock},"stats":{stats}}}"#)
}

async fn get(server: &Server, path: &str) -> (u16, Value) {
    let answer = server.request(Method::GET, path, &[], Vec::new()).await;
    (answer.status.as_u16(), answer.json())
}

async fn known(server: &Server, path: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    eventually(path, || async {
        let (status, answer) = get(server, path).await;
        status == 200 && is_it(&answer)
    })
    .await;
    get(server, path).await.1
}

#[test]
fn points_are_projected_while_a_game_goes_on_and_are_exact_at_its_end() {
    let table = std::env::temp_dir().join(format!("scorewire-history-{}.csv", std::process::id()));
    std::fs::write(&table, HISTORY).unwrap();
    run(async {
        let server = Server::start(|config| {
            config.predict.enabled = true;
            config.predict.points_every_ms = 100;
            config.predict.history = Some(table.clone());
        });
        for path in ["/v1/players/x-2/projection", "/v1/players/x-2/projection?horizon=season"] {
            let (status, answer) = get(&server, path).await;
            assert_eq!((status, &answer["code"]), (404, &json!("no_projection")), "{path}");
        }
        assert_eq!(get(&server, "/v1/predictions/g1").await.1["code"], "unknown_game");
        let live = game("g1", 1, "live", ["AAA", "BBB"], KICKOFF_S, [7, 0]);
        let lines = [live, pass(1, 1, 600), pass(2, 2, 0)];
        server.post_lines(lines.join("\n").into_bytes()).await;

        let half = |answer: &Value| answer["progress"] == json!(0.5);
        let of = known(&server, "/v1/players/x-2/projection", half).await;
        assert_eq!(
            (&of["game"], &of["points"], &of["ruleset"]),
            (&json!("g1"), &json!(4.4), &json!("draftkings"))
        );
        assert_eq!(
            (&of["source"], &of["model"], &of["version"]),
            (&json!("model"), &json!("points"), &json!("1"))
        );
        let number = |key: &str| of[key].as_f64().unwrap();
        assert!(number("low") <= number("projected") && number("projected") < number("high"), "{of}");
        // One who has no line yet, of whom the table knows.
        let expected = known(&server, "/v1/players/x-9/projection?horizon=game", half).await;
        assert_eq!(expected["points"], json!(0));
        assert!(expected["projected"].as_f64().unwrap() > 0.0, "{expected}");
        let season = known(&server, "/v1/players/x-9/projection?horizon=season", |_| true).await;
        assert_eq!(
            (&season["season"], &season["weeks_left"], &season["games"]),
            (&json!(2017), &json!(16), &json!(1))
        );
        assert!(
            season["per_game"]["points"].as_f64() < season["total"]["points"].as_f64(),
            "{season}"
        );
        assert_eq!(season["team"]["team"], json!("AAA"));

        let (status, told) = get(&server, "/v1/predictions/g1").await;
        assert_eq!((status, &told["topic"]), (200, &json!("predictions:g1")));
        let points = &told["predictions"][0];
        assert_eq!(
            (&points["kind"], &points["points_ruleset"], &points["after_play"]),
            (&json!("points"), &json!("draftkings"), &json!("2"))
        );
        assert_eq!(points["players"].as_array().map(Vec::len), Some(3), "{points}");

        let over = game("g1", 2, "final", ["AAA", "BBB"], KICKOFF_S, [7, 0]);
        server.post_lines(over.into_bytes()).await;
        let end = known(&server, "/v1/players/x-2/projection", |answer| answer["progress"] == json!(1)).await;
        assert_eq!([&end["projected"], &end["low"], &end["high"]], [&json!(4.4); 3]);
        // Who was expected to play and did not has nothing there.
        let (status, answer) = get(&server, "/v1/players/x-9/projection").await;
        assert_eq!((status, &answer["code"]), (404, &json!("no_projection")), "{answer}");
        let (_, answer) = get(&server, "/v1/players/dst:AAA/projection").await;
        assert!(answer.to_string().contains("team defences have no forecast"), "{answer}");
        let season = known(&server, "/v1/players/x-2/projection?horizon=season", |_| true).await;
        assert_eq!(
            (&season["weeks_left"], &season["games"]),
            (&json!(14), &json!(1)),
            "the third week is over for his club"
        );
        assert_eq!(
            get(&server, "/v1/players/x-2/projection?horizon=decade").await.1["code"],
            "bad_query"
        );
    });
    std::fs::remove_file(&table).unwrap();
}

/// The models of points that are told of: version, state.
async fn models(server: &Server) -> Vec<(String, String)> {
    let told = get(server, "/v1/models").await.1;
    let models = told["models"].as_array().unwrap().iter();
    let of_points = models.filter(|model| model["name"] == "points");
    let words = |model: &Value| ["version", "state"].map(|key| model[key].as_str().unwrap().to_owned());
    of_points.map(words).map(|[version, state]| (version, state)).collect()
}

#[test]
fn a_newer_model_of_points_serves_without_a_restart_and_a_broken_one_changes_nothing() {
    let folder = std::env::temp_dir().join(format!("scorewire-models-of-points-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let ships = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/models");
    let add = |version: &str, output: &str| {
        let manifest = std::fs::read(ships.join("points-1.json")).unwrap();
        let mut manifest: Value = serde_json::from_slice(&manifest).unwrap();
        manifest["version"] = version.into();
        manifest["file"] = format!("points-{version}.onnx").into();
        manifest["output"] = output.into();
        std::fs::write(folder.join(format!("points-{version}.json")), manifest.to_string()).unwrap();
        std::fs::copy(ships.join("points-1.onnx"), folder.join(format!("points-{version}.onnx"))).unwrap();
    };
    run(async {
        let server = Server::start(|config| {
            config.predict.enabled = true;
            config.predict.points_every_ms = 100;
            config.predict.reload_s = 1;
            config.predict.models_dir = folder.clone();
        });
        let word = |version: &str, state: &str| (version.to_owned(), state.to_owned());
        let come_to = async |expected: &[(String, String)]| {
            eventually("the models of points", async || models(&server).await == expected).await;
        };
        come_to(&[word("1", "serving")]).await;
        let live = game("g1", 1, "live", ["AAA", "BBB"], KICKOFF_S, [7, 0]);
        server.post_lines([live, pass(1, 1, 600)].join("\n").into_bytes()).await;
        known(&server, "/v1/players/x-2/projection", |answer| answer["version"] == "1").await;
        add("2", "remaining");
        add("3", "left");
        come_to(&[word("2", "serving"), word("3", "refused")]).await;
        // Without anything having happened in the game.
        known(&server, "/v1/players/x-2/projection", |answer| answer["version"] == "2").await;
    });
    std::fs::remove_dir_all(&folder).unwrap();
}
