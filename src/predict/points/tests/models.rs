//! Models that fail, manifests that make no sense, and folders that change under the server.

use super::forecasts::{Eight, REST_US, none};
use crate::model::prediction::Source;
use crate::predict::onnx::{Backend, Device, Model, Network, RunError, Serving, Signature};
use crate::predict::points::features;
use crate::predict::points::manifest::Manifest;
use crate::predict::points::models::{Loaded, ModelCounts, Models};
use crate::predict::points::task::Task;
use crate::predict::points::versions::Versions;
use crate::predict::registry::{LOOKS_MAX, ModelState};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const ROW: [f32; features::FEATURES] = [0.5; features::FEATURES];

/// Answers while it is told to.
struct Sometimes(Arc<AtomicBool>, Device);

impl Network for Sometimes {
    fn run(&mut self, features: &[f32], outputs: &mut [Vec<f32>]) -> Result<(), RunError> {
        match self.0.load(Ordering::Relaxed) {
            true => Eight(8.0).run(features, outputs),
            false => Err(RunError::Failed("the device is lost".into())),
        }
    }

    fn serving(&self) -> Serving {
        Serving {
            device: self.1,
            ..Serving::BUILT_IN
        }
    }
}

fn sometimes(device: Device) -> (Models, Arc<AtomicBool>) {
    let answers = Arc::new(AtomicBool::new(true));
    let signature = Signature::new(features::FEATURES, &[("remaining", 3)]);
    let model = Model::new(Box::new(Sometimes(answers.clone(), device)), signature).unwrap();
    let mut models = none();
    models.put(Loaded::made_up(Task::Points, model));
    (models, answers)
}

fn state(models: &Models) -> ModelState {
    models.list()[0].state
}

#[test]
fn what_fails_in_a_row_is_left_alone_and_tried_again() {
    let (mut models, answers) = sometimes(Device::Cpu);
    assert!(models.run(Task::Points, &ROW).is_some());
    answers.store(false, Ordering::Relaxed);
    for failed in 1..=3 {
        assert_eq!(state(&models), ModelState::Serving);
        assert!(models.run(Task::Points, &ROW).is_none());
        assert_eq!(models.counts().failed_runs, failed);
    }
    assert_eq!((state(&models), models.counts().cut_offs), (ModelState::Resting, 1));
    answers.store(true, Ordering::Relaxed);
    assert!(models.run(Task::Points, &ROW).is_none(), "it is not asked");
    models.turn(REST_US);
    assert!(models.run(Task::Points, &ROW).is_some());
    assert_eq!((state(&models), models.counts().failed_runs), (ModelState::Serving, 3));
    let running = models.list().remove(0).running.unwrap();
    assert_eq!((running.rows, running.loaded_us), (2, 1));
    assert!(models.run(Task::Points, &[]).is_none(), "nobody answers where nobody asks");
}

#[test]
fn what_fails_on_its_device_goes_on_on_the_cpu() {
    let (mut models, answers) = sometimes(Device::Cuda(0));
    let mut versions = Versions::new(Backend::built_in(), "nowhere".into());
    versions.look(&mut models, 5);
    models.run(Task::Points, &ROW);
    answers.store(false, Ordering::Relaxed);
    for _ in 0..3 {
        models.run(Task::Points, &ROW);
    }
    assert!(versions.look(&mut models, 7), "the program's own, as this one says it is");
    assert!(models.run(Task::Points, &ROW).is_some());
    let running = models.list().remove(0).running.unwrap();
    assert_eq!((&*running.device, running.rows, running.loaded_us), ("cpu", 2, 7));
    assert!(!versions.look(&mut models, 9), "once");
}

fn shipped(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/models").join(name)).unwrap()
}

fn manifest(task: Task) -> Value {
    serde_json::from_slice(&shipped(&format!("{}-1.json", task.name()))).unwrap()
}

#[test]
fn what_ships_makes_sense() {
    for task in Task::ALL {
        let stem = format!("{}-1", task.name());
        let manifest = Manifest::parse(task, &stem, manifest(task).to_string().as_bytes()).unwrap();
        assert_eq!((manifest.task, manifest.stem()), (task, stem));
        assert_eq!(manifest.ranges[0].is_some(), task != Task::Club);
    }
}

#[test]
fn manifests_that_make_no_sense_are_refused_with_why() {
    let cases: [(&str, Value, &str); 15] = [
        ("name", json!("season"), "says that it is season-1"),
        ("version", json!("2"), "says that it is points-2"),
        ("file", json!("../points-1.onnx"), "names the file"),
        ("file", json!("points-2.onnx"), "it must be \"points-1.onnx\""),
        ("file", Value::Null, "is no manifest"),
        ("sha256", Value::Null, "is no manifest"),
        ("sha256", json!("0f"), "no sha256"),
        ("features", json!(["week"]), "has another feature 0"),
        ("output", json!("left"), "has another output than \"remaining\""),
        (
            "classes",
            json!(["low", "median", "high"]),
            "has other classes than median, low, high",
        ),
        ("classes", json!(["median", "low"]), "has other classes"),
        ("ruleset_ranges", json!({}), "no ruleset_ranges of \"rec\""),
        (
            "ruleset_ranges",
            json!({"rec": [0, 1], "luck": [0, 1]}),
            "ruleset_ranges of more than",
        ),
        ("ruleset_ranges", json!({"rec": [2, 1]}), "no ruleset_ranges of \"rec\""),
        ("ruleset_ranges", json!({"rec": 1}), "is no manifest"),
    ];
    for (field, value, what) in cases {
        let mut manifest = manifest(Task::Points);
        manifest[field] = value;
        let error = Manifest::parse(Task::Points, "points-1", manifest.to_string().as_bytes())
            .unwrap_err()
            .to_string();
        assert!(error.contains(what), "{field}: {error}");
        assert!(error.len() < 400 && !error.contains('\n'), "{error}");
    }
    let mut week = manifest(Task::Points);
    week["features"][11] = json!("day");
    let error = Manifest::parse(Task::Points, "points-1", week.to_string().as_bytes()).unwrap_err();
    assert!(error.to_string().contains("has another feature 11"), "{error}");
    let error = Manifest::parse(Task::Season, "points-1", manifest(Task::Points).to_string().as_bytes()).unwrap_err();
    assert!(error.to_string().contains("is of \"points\", not of season"), "{error}");
}

/// A folder of its own for each test, and who looks at it.
struct Folder {
    path: PathBuf,
    versions: Versions,
    models: Models,
}

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("scorewire-points-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder {
            versions: Versions::new(Backend::built_in(), path.clone()),
            models: none(),
            path,
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path.join(name), bytes).unwrap();
    }

    fn manifest(&self, version: &str, change: impl FnOnce(&mut Value)) {
        let mut manifest = manifest(Task::Points);
        manifest["version"] = version.into();
        manifest["file"] = format!("points-{version}.onnx").into();
        change(&mut manifest);
        self.write(&format!("points-{version}.json"), manifest.to_string().as_bytes());
    }

    fn model(&self, version: &str) {
        self.write(&format!("points-{version}.onnx"), &shipped("points-1.onnx"));
    }

    fn add(&self, version: &str) {
        self.manifest(version, |_| ());
        self.model(version);
    }

    fn remove(&self, version: &str) {
        fs::remove_file(self.path.join(format!("points-{version}.json"))).unwrap();
    }

    fn look(&mut self, looks: u32) {
        for _ in 0..looks {
            self.versions.look(&mut self.models, 1);
        }
    }

    /// The version that answers.
    fn says(&mut self) -> String {
        match self.models.run(Task::Points, &ROW).unwrap().0 {
            Source::Model { version, .. } => version.to_string(),
            Source::Historical => panic!("a model answered"),
        }
    }

    fn refused(&self) -> Vec<(String, String)> {
        let list = self.models.list().into_iter();
        let refused = list.filter(|model| model.state == ModelState::Refused);
        refused.map(|model| (model.version, model.why.unwrap())).collect()
    }

    fn counts(&self) -> [u64; 3] {
        let ModelCounts { loaded, refused, gone, .. } = self.models.counts();
        [loaded, refused, gone]
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[test]
fn a_newer_version_serves_without_a_restart_and_the_older_when_it_is_gone() {
    let mut folder = Folder::new("newer");
    folder.add("0.9");
    folder.look(LOOKS_MAX + 1);
    assert_eq!(
        (folder.says(), folder.counts()),
        ("1".into(), [3, 0, 0]),
        "what is built in is newer"
    );
    folder.add("2");
    folder.add("10");
    folder.look(LOOKS_MAX - 1);
    assert_eq!(folder.says(), "1", "it may still be copied");
    folder.look(1);
    assert_eq!((folder.says(), folder.counts()), ("10".into(), [4, 0, 0]));
    folder.look(LOOKS_MAX + 1);
    assert_eq!(folder.counts(), [4, 0, 0], "once");
    folder.remove("10");
    folder.look(LOOKS_MAX - 1);
    assert_eq!(folder.says(), "10");
    folder.look(1);
    assert_eq!((folder.says(), folder.counts()), ("2".into(), [5, 0, 1]));
    // A folder that cannot be read changes nothing.
    fs::remove_dir_all(&folder.path).unwrap();
    folder.look(LOOKS_MAX + 1);
    assert_eq!(folder.says(), "2");
    fs::create_dir_all(&folder.path).unwrap();
    folder.look(LOOKS_MAX);
    assert_eq!((folder.says(), folder.counts()), ("1".into(), [6, 0, 2]));
}

#[test]
fn what_is_half_copied_hides_nothing() {
    let mut folder = Folder::new("half");
    folder.add("2");
    folder.manifest("3", |_| ());
    folder.write("points-3.onnx", &shipped("points-1.onnx")[..1_000]);
    // At a start there is nobody to wait for it.
    folder.look(1);
    assert_eq!((folder.says(), folder.counts()), ("2".into(), [3, 1, 0]));
    assert!(folder.refused()[0].1.contains("another SHA-256"), "{:?}", folder.refused());
    folder.model("3");
    folder.look(LOOKS_MAX);
    assert_eq!((folder.says(), folder.refused()), ("3".into(), Vec::new()));
}

#[test]
fn what_is_broken_is_refused_once_and_what_serves_stays() {
    let mut folder = Folder::new("broken");
    folder.add("2");
    folder.look(1);
    folder.manifest("3", |manifest| manifest["output"] = "left".into());
    folder.model("3");
    folder.look(2 * LOOKS_MAX);
    assert_eq!((folder.says(), folder.counts()), ("2".into(), [3, 1, 0]));
    let (version, why) = folder.refused().remove(0);
    assert!(
        (&*version, &*why) == ("3", "its manifest has another output than \"remaining\""),
        "{why}"
    );
    // Its own files are broken since: it would not serve after a restart.
    folder.manifest("2", |manifest| manifest["sha256"] = "00".repeat(32).into());
    folder.look(LOOKS_MAX);
    assert_eq!((folder.says(), folder.counts()), ("2".into(), [3, 2, 0]));
    // A model that is whole, and none.
    let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    folder.manifest("3", |manifest| manifest["sha256"] = of_nothing.into());
    folder.write("points-3.onnx", b"");
    folder.look(LOOKS_MAX);
    assert!(
        folder.refused().iter().any(|(_, why)| why.contains("is no ONNX model")),
        "{:?}",
        folder.refused()
    );
    folder.add("2");
    folder.add("3");
    folder.look(LOOKS_MAX);
    assert_eq!((folder.says(), folder.refused()), ("3".into(), Vec::new()));
}
