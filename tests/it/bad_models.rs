//! Models that are no use, in a server of its own process: scores go on, history answers, and log and metrics say
//! what happened.

use super::hostile::binary::{Folder, Served, scorewire};
use super::predictions::{run_of, snap};
use super::support::events::game;
use super::support::server::Http;
use super::support::{eventually, run};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

const KINDS: [&str; 5] = ["run", "pass", "punt", "field_goal", "other"];
const ENDS: [&str; 5] = ["touchdown", "field_goal", "punt", "turnover", "other"];

/// The features that the models of `tests/models` are given.
const FEATURES: [&str; 8] = [
    "down_1",
    "down_2",
    "down_3",
    "down_4",
    "distance",
    "distance_short",
    "yards_to_goal",
    "goal_to_go",
];

/// 2017-09-24 17:00 by universal time.
const KICKOFF_S: i64 = 1_506_272_400;

struct Predicting {
    served: Served,
    http: Http,
    log: Vec<String>,
}

impl Predicting {
    /// Started with version 2 of every model named; at work.
    async fn start(folder: &Folder, models: &Path) -> Predicting {
        let settings = format!(
            r#"
            [predict]
            backend = "tract"
            device = "cpu"
            models_dir = "{}"
            reload_s = 1
            breaker_failures = 2
            breaker_rest_s = 3600
            points_every_ms = 50
            [predict.serve]
            next_play = {{ champion = "2" }}
            drive = {{ champion = "2" }}
            win = {{ champion = "2" }}
            "#,
            models.display()
        );
        let served = Served::start(scorewire(&[
            "serve",
            "--bind",
            "127.0.0.1:0",
            "--config",
            &folder.file("settings.toml", settings),
        ]));
        let http = Http::new(served.address("address"));
        eventually("the predictor is at work", || async {
            http.get("/readyz").await.json()["predictions"] == json!({"state": "serving", "backend": "tract"})
        })
        .await;
        let log = served.before.clone();
        http.post_lines(game("G", 1, "live", ["NE", "HOU"], KICKOFF_S, [0, 0]).into_bytes())
            .await;
        Predicting { served, http, log }
    }

    fn says(&mut self, text: &str) {
        if !self.log.iter().any(|line| line.contains(text)) {
            let lines = self.served.says(text);
            self.log.extend(lines);
        }
    }

    /// A run for three yards counts, and history tells of the snap after it.
    async fn plays(&self, play: u64) {
        let lines = run_of(&play.to_string(), 1, 10) + "\n" + &snap(&play.to_string(), 3, 15);
        self.http.post_lines(lines.into_bytes()).await;
        let points = play as f64 / 10.0 * 0.3;
        eventually("the play is scored", || async {
            let shown = self.http.json("/v1/snapshot?topics=player:runner").await;
            shown["snapshots"][0]["points"]
                .as_f64()
                .is_some_and(|told| (told - points).abs() < 1e-9)
        })
        .await;
        eventually("history tells of the snap", || async {
            let shown = self.http.json("/v1/predictions/G").await;
            let of_snap = |told: &&Value| told["after_play"] == play.to_string().as_str() && told["kind"] != "points";
            let told: Vec<&Value> = shown["predictions"].as_array().unwrap().iter().filter(of_snap).collect();
            told.len() == 3 && told.iter().all(|told| told["source"] == "historical")
        })
        .await;
    }

    /// A metric comes to as much, or more.
    async fn counts(&self, line: &str, least: f64) {
        eventually(line, || async { self.http.metric(line).await >= least }).await;
    }

    /// Ends; its whole log.
    fn ended(mut self) -> Vec<String> {
        self.served.signal(rustix::process::Signal::TERM);
        let (code, rest) = self.served.ended();
        assert_eq!(code, Some(0), "{rest:?}");
        self.log.extend(rest);
        self.log
    }
}

/// A version 2, of a file of `tests/models`.
fn add(folder: &Path, name: &str, output: &str, classes: &[&str], model: &str) {
    let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(model)).unwrap();
    let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
    let sha256: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let manifest = json!({
        "name": name,
        "version": "2",
        "file": format!("{name}-2.onnx"),
        "sha256": sha256,
        "features": FEATURES,
        "output": output,
        "classes": classes,
    });
    fs::write(folder.join(format!("{name}-2.onnx")), bytes).unwrap();
    fs::write(folder.join(format!("{name}-2.json")), manifest.to_string()).unwrap();
}

#[test]
fn without_a_folder_of_models_what_is_named_and_not_there_leaves_history() {
    let folder = Folder::new("no-models");
    run(async {
        let mut server = Predicting::start(&folder, &folder.path().join("nowhere")).await;
        server.plays(10).await;
        server.says("nowhere: No such file or directory");
        for task in ["next_play", "drive", "win"] {
            server.says(&format!("predict.serve.{task}: champion 2 is not loaded: history answers"));
        }
        // What is in the program is there all the same.
        server.counts("scorewire_models{state=\"serving\"}", 4.0).await;
        server.plays(20).await;
        assert!(!server.ended().iter().any(|line| line.contains("ERROR")));
    });
}

#[test]
fn files_that_are_no_use_and_answers_that_are_no_numbers_leave_history() {
    let folder = Folder::new("bad-models");
    let models = folder.path().join("models");
    fs::create_dir(&models).unwrap();
    add(&models, "next_play", "kinds", &KINDS, "late_nan_kinds.onnx");
    add(&models, "drive", "kinds", &ENDS, "cut.onnx");
    add(&models, "win", "kinds", &["loss", "win"], "seven_features.onnx");
    // Half of it was copied.
    add(&models, "next_play_formed", "kinds", &KINDS, "good.onnx");
    fs::write(models.join("next_play_formed-2.onnx"), "half").unwrap();
    // So are the tables beside them.
    fs::write(models.join("historical.json"), "{").unwrap();
    run(async {
        let mut server = Predicting::start(&folder, &models).await;
        for text in [
            "model refused: it is no ONNX model that anybody can run",
            "model refused: it takes 7 features where \"features\" of rows × 8 floats is given",
            "is not the file that its manifest names",
            "historical.json",
        ] {
            server.says(text);
        }
        server.counts("scorewire_model_loads_total{result=\"refused\"}", 3.0).await;
        server.counts("scorewire_models{state=\"refused\"}", 3.0).await;
        for play in [10, 20, 30, 40] {
            server.plays(play).await;
        }
        server.says("the model fails again and again and is left alone for a while: \"kinds\" of row 0 is no finite number");
        for (line, least) in [
            ("scorewire_model_failed_runs_total", 2.0),
            ("scorewire_model_cut_offs_total", 1.0),
            ("scorewire_models{state=\"resting\"}", 1.0),
            ("scorewire_prediction_rows_total{outcome=\"failed\"}", 2.0),
            ("scorewire_predictions_total{kind=\"next_play\",source=\"historical\"}", 4.0),
            ("scorewire_prediction_seconds_count{what=\"next_play\"}", 4.0),
            ("scorewire_predictor_running", 1.0),
        ] {
            server.counts(line, least).await;
        }
        eventually("points are forecast", || async {
            let by = |source: &str| format!("scorewire_points_forecasts_total{{source=\"{source}\"}}");
            server.http.metric(&by("model")).await + server.http.metric(&by("historical")).await > 0.0
        })
        .await;
        let log = server.ended();
        let backends = log
            .iter()
            .filter(|line| line.contains("inference") && line.contains("backend="))
            .count();
        assert_eq!(backends, 1, "it is found out once for all who load models: {log:?}");
    });
}
