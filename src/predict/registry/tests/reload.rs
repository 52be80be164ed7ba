//! The folder: what is new, changed, broken, half-written or gone.

use super::super::folder::sha256;
use super::super::loader::LOOKS_MAX;
use super::*;
use crate::predict::features::NAMES;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A folder of its own for each test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static FOLDERS: AtomicUsize = AtomicUsize::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("scorewire-models-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.0.join(name), bytes).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.0.join(name)).unwrap();
    }

    /// A version of `drive`, of a file of `tests/models`.
    fn add(&self, version: &str, model: &str) {
        self.write(&format!("drive-{version}.onnx"), &model_bytes(model));
        self.write(&format!("drive-{version}.json"), manifest(version, model).as_bytes());
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn model_bytes(model: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(model)).unwrap()
}

fn manifest(version: &str, model: &str) -> String {
    let sha256: String = sha256(&model_bytes(model)).iter().map(|byte| format!("{byte:02x}")).collect();
    let manifest = json!({
        "name": "drive",
        "version": version,
        "file": format!("drive-{version}.onnx"),
        "sha256": sha256,
        "features": NAMES[..8],
        "output": "kinds",
        "classes": Task::Drive.classes(),
    });
    manifest.to_string()
}

/// A loader without a thread, and the registry that it tells.
struct Pair {
    loader: Loader,
    registry: Registry,
}

impl Pair {
    fn new(folder: &Folder, shipped: &'static [Shipped]) -> Pair {
        let settings = RegistrySettings {
            models_dir: folder.0.clone(),
            versions_max: 4,
            ..settings(Serve::default())
        };
        let mut pair = Pair {
            loader: Loader::new(Backend::built_in(), &settings, shipped),
            registry: Registry::new(settings, RegistryMetrics::new()),
        };
        let mut news = Vec::new();
        pair.loader.take_shipped(&mut |one| news.push(one));
        take(&mut pair.registry, news);
        pair
    }

    /// So many looks, and what the last one told.
    fn look(&mut self, looks: u32) -> Vec<String> {
        let mut told = Vec::new();
        for _ in 0..looks {
            let mut news = Vec::new();
            self.loader.look(&mut |one| news.push(one));
            told = news.iter().map(word).collect();
            take(&mut self.registry, news);
        }
        told
    }

    /// What is told where that is asked for on the CPU.
    fn on_cpu(&mut self, stem: &str) -> Vec<String> {
        self.serve(Request::OnCpu(stem.into()))
    }

    fn serve(&mut self, request: Request) -> Vec<String> {
        let mut news = Vec::new();
        self.loader.serve(request, &mut |one| news.push(one));
        let told = news.iter().map(word).collect();
        take(&mut self.registry, news);
        told
    }

    fn answering(&self) -> Option<String> {
        self.registry
            .arm(Task::Drive, &game("g1"))
            .map(|version| version.version.to_string())
    }

    fn why(&self, version: &str) -> Option<String> {
        let refused = |info: &ModelInfo| info.state == ModelState::Refused && info.version == version;
        self.registry.list().into_iter().find(refused).and_then(|info| info.why)
    }
}

fn word(news: &News) -> String {
    match news {
        News::Loaded(loaded) => format!("loaded {}", loaded.stem),
        News::Refused { stem, .. } => format!("refused {stem}"),
        News::Settled { stem } => format!("settled {stem}"),
        News::Gone { stem } => format!("gone {stem}"),
    }
}

#[test]
fn a_new_version_answers_and_the_old_one_again_when_it_is_gone() {
    let folder = Folder::new();
    folder.add("1", "good.onnx");
    folder.write("history.json", b"no manifest by its name");
    folder.write("points-1.json", b"others load it");
    let mut pair = Pair::new(&folder, &[]);
    assert_eq!(pair.look(1), ["loaded drive-1"]);
    assert!(pair.look(1).is_empty(), "nothing changed");
    let before = pair.registry.arm(Task::Drive, &game("g1")).unwrap();
    folder.add("2", "opset20.onnx");
    assert_eq!(pair.look(1), ["loaded drive-2"]);
    assert_eq!(pair.answering().as_deref(), Some("2"));
    // What was asked before is still answered.
    let mut out = Vec::new();
    pair.registry.run(&before, &[ROW; 2], &mut out, 0).unwrap();
    folder.remove("drive-2.json");
    // A folder that is being replaced lacks it for a moment.
    assert!(pair.look(LOOKS_MAX - 1).is_empty());
    assert_eq!(pair.answering().as_deref(), Some("2"));
    assert_eq!(pair.look(1), ["settled drive-2", "gone drive-2"]);
    assert_eq!(pair.answering().as_deref(), Some("1"));
    // The whole folder away is a mishap.
    fs::remove_dir_all(&folder.0).unwrap();
    assert!(pair.look(LOOKS_MAX + 1).is_empty());
    assert_eq!(pair.answering().as_deref(), Some("1"));
}

#[test]
fn a_changed_file_is_another_version_and_a_broken_one_changes_nothing() {
    let folder = Folder::new();
    folder.add("1", "good.onnx");
    let mut pair = Pair::new(&folder, &[]);
    pair.look(1);
    let first = pair.registry.arm(Task::Drive, &game("g1")).unwrap();
    for (model, what) in [
        ("four_kinds.onnx", "gives \"kinds\" of rows × 4"),
        ("seven_features.onnx", "takes 7 features"),
        ("cut.onnx", "is no ONNX model"),
        ("one_row.onnx", "fixed number of rows"),
        ("make.py", "is no ONNX model"),
    ] {
        folder.add("1", model);
        assert_eq!(pair.look(1), ["refused drive-1"], "{model}");
        assert!(pair.why("1").unwrap().contains(what), "{model}: {:?}", pair.why("1"));
        assert!(pair.look(LOOKS_MAX).is_empty(), "said once");
        assert!(Arc::ptr_eq(&pair.registry.arm(Task::Drive, &game("g1")).unwrap(), &first));
    }
    folder.add("1", "good.onnx");
    assert_eq!(pair.look(1), ["settled drive-1"]);
    assert_eq!(pair.why("1"), None);
    assert!(Arc::ptr_eq(&pair.registry.arm(Task::Drive, &game("g1")).unwrap(), &first));
    folder.add("1", "opset20.onnx");
    assert_eq!(pair.look(1), ["loaded drive-1"]);
    assert!(!Arc::ptr_eq(&pair.registry.arm(Task::Drive, &game("g1")).unwrap(), &first));
    assert_eq!(pair.registry.list().len(), 1);
}

#[test]
fn what_is_half_written_is_waited_for() {
    let folder = Folder::new();
    let (manifest, model) = (manifest("1", "good.onnx"), model_bytes("good.onnx"));
    let mut pair = Pair::new(&folder, &[]);
    for written in [&manifest.as_bytes()[..40], manifest.as_bytes()] {
        folder.write("drive-1.json", written);
        assert!(pair.look(1).is_empty());
    }
    for written in [100, 1_000] {
        folder.write("drive-1.onnx", &model[..written]);
        assert!(pair.look(LOOKS_MAX - 1).is_empty());
    }
    // It stays so: said once.
    assert_eq!(pair.look(1), ["refused drive-1"]);
    assert!(pair.look(LOOKS_MAX).is_empty());
    assert!(pair.why("1").unwrap().contains("another SHA-256"));
    folder.write("drive-1.onnx", &model);
    assert_eq!(pair.look(1), ["loaded drive-1"]);
    assert_eq!(pair.why("1"), None);
}

#[test]
fn manifests_that_make_no_sense_are_refused() {
    let folder = Folder::new();
    fs::create_dir(folder.0.join("drive-5.json")).unwrap();
    folder.write(
        "drive-1.json",
        manifest("1", "good.onnx").replace("drive-1.onnx", "../drive-1.onnx").as_bytes(),
    );
    folder.write("drive-2.json", manifest("1", "good.onnx").as_bytes());
    folder.write(
        "luck-3.json",
        manifest("3", "good.onnx").replace("\"drive\"", "\"luck\"").as_bytes(),
    );
    folder.write("drive-4.json", &[b'['; 100_000]);
    let mut pair = Pair::new(&folder, &[]);
    assert_eq!(pair.look(1), ["refused drive-1", "refused drive-2", "refused luck-3"]);
    assert_eq!(pair.look(LOOKS_MAX - 1), ["refused drive-4", "refused drive-5"]);
    for (version, what) in [
        ("1", "the file \"../drive-1.onnx\""),
        ("2", "says that it is drive-1"),
        ("3", "of no task"),
        ("4", "more than 65536 bytes"),
        ("5", "it is no file"),
    ] {
        assert!(pair.why(version).unwrap().contains(what), "{version}: {:?}", pair.why(version));
    }
    assert_eq!(pair.answering(), None);
    // What is refused and then removed is not told of any more.
    folder.remove("luck-3.json");
    assert_eq!(pair.look(LOOKS_MAX), ["settled luck-3"]);
    assert_eq!(pair.why("3"), None);
}

#[test]
fn a_folder_of_anything_else_is_left_alone() {
    let folder = Folder::new();
    for version in 0..100 {
        folder.write(&format!("drive-{version}.json"), b"{}");
    }
    let mut pair = Pair::new(&folder, &[]);
    assert!(pair.look(LOOKS_MAX + 1).is_empty());
}

#[test]
fn the_folders_version_takes_the_place_of_the_programs() {
    let folder = Folder::new();
    let mut pair = Pair::new(&folder, &SHIPPED[..1]);
    assert_eq!(SHIPPED[0].stem, "drive-1");
    let shipped = pair.registry.arm(Task::Drive, &game("g1")).unwrap();
    // The same as the program's is nothing new.
    folder.write("drive-1.json", SHIPPED[0].manifest);
    folder.write("drive-1.onnx", SHIPPED[0].model);
    assert_eq!(pair.look(1), ["settled drive-1"]);
    folder.add("1", "good.onnx");
    assert_eq!(pair.look(1), ["loaded drive-1"]);
    assert!(!Arc::ptr_eq(&pair.registry.arm(Task::Drive, &game("g1")).unwrap(), &shipped));
    folder.remove("drive-1.json");
    assert_eq!(pair.look(LOOKS_MAX), ["settled drive-1", "loaded drive-1"]);
    let mut out = Vec::new();
    let again = pair.registry.arm(Task::Drive, &game("g1")).unwrap();
    pair.registry.run(&again, &[ROW], &mut out, 0).unwrap();
    // A broken one leaves the program's, from the start.
    folder.add("1", "cut.onnx");
    let mut pair = Pair::new(&folder, &SHIPPED[..1]);
    assert_eq!(pair.look(1), ["refused drive-1"]);
    assert_eq!(pair.answering().as_deref(), Some("1"));
}

#[test]
fn no_more_versions_than_allowed_are_loaded() {
    let folder = Folder::new();
    for version in ["1", "2", "3", "4", "5"] {
        folder.add(version, "good.onnx");
    }
    let mut pair = Pair::new(&folder, &[]);
    assert_eq!(pair.look(1)[4], "refused drive-5");
    assert!(pair.why("5").unwrap().contains("predict.versions_max, 4"));
    folder.remove("drive-1.json");
    assert_eq!(pair.look(LOOKS_MAX), ["settled drive-1", "gone drive-1", "loaded drive-5"]);
    assert_eq!(pair.why("5"), None);
}

#[test]
fn a_version_is_loaded_anew_on_the_cpu_where_it_is_asked_for() {
    let folder = Folder::new();
    folder.add("2", "good.onnx");
    let mut pair = Pair::new(&folder, &SHIPPED[..1]);
    pair.look(1);
    for (stem, expected) in [
        ("drive-1", &["loaded drive-1"][..]),
        ("drive-2", &["loaded drive-2"]),
        ("drive-9", &[]),
        ("drive-2", &[]),
    ] {
        assert_eq!(pair.on_cpu(stem), expected, "where it is already it stays");
    }
}

/// Whoever asks goes on asking; why it cannot be is told once.
#[test]
fn a_version_that_cannot_be_loaded_on_the_cpu_is_told_once_and_tried_again() {
    let folder = Folder::new();
    folder.add("2", "good.onnx");
    let mut pair = Pair::new(&folder, &[]);
    pair.look(1);
    folder.write("drive-2.onnx", b"");
    assert_eq!(pair.on_cpu("drive-2"), ["refused drive-2"]);
    assert!(
        pair.why("2")
            .unwrap()
            .contains("on the CPU it cannot be loaded: drive-2.onnx is not the file")
    );
    assert!(pair.on_cpu("drive-2").is_empty());
    folder.add("2", "good.onnx");
    assert_eq!(pair.on_cpu("drive-2"), ["loaded drive-2"]);
    assert_eq!(pair.why("2"), None);
}

/// What is wrong with the file is told again by the next looks, what was wrong with the device is over.
#[test]
fn a_version_whose_device_answers_again_is_not_refused_any_more() {
    let folder = Folder::new();
    folder.add("2", "good.onnx");
    let mut pair = Pair::new(&folder, &[]);
    pair.look(1);
    let back = || Request::Stay("drive-2".into());
    assert!(pair.serve(back()).is_empty(), "there was nothing to tell");
    folder.write("drive-2.onnx", b"");
    assert_eq!(pair.on_cpu("drive-2"), ["refused drive-2"]);
    assert_eq!(pair.serve(back()), ["settled drive-2"]);
    assert_eq!(pair.why("2"), None);
    assert_eq!(pair.look(LOOKS_MAX), ["refused drive-2"]);
    assert!(pair.why("2").unwrap().starts_with("drive-2.onnx is not the file"));
    assert_eq!(pair.on_cpu("drive-2"), ["refused drive-2"], "of the device's next failure");
    folder.add("2", "good.onnx");
    assert_eq!(pair.serve(back()), ["settled drive-2"]);
    assert_eq!(pair.look(1), ["settled drive-2"]);
    assert_eq!(pair.answering().as_deref(), Some("2"));
}

/// With its thread: what is put into the folder is taken in by a turn.
#[test]
fn the_thread_follows_the_folder() {
    let folder = Folder::new();
    folder.add("1", "good.onnx");
    let settings = RegistrySettings {
        models_dir: folder.0.clone(),
        ..settings(Serve::default())
    };
    let mut registry = Registry::open_with(Backend::built_in(), settings, RegistryMetrics::new(), &[]);
    let version = registry.arm(Task::Drive, &game("g1")).unwrap();
    folder.add("2", "opset20.onnx");
    folder.add("3", "cut.onnx");
    let mut out = Vec::new();
    let mut turns = 0;
    while registry.list().len() < 3 {
        registry.turn(turns);
        registry.run(&version, &[ROW], &mut out, turns).unwrap();
        turns += 1;
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(&*registry.arm(Task::Drive, &game("g1")).unwrap().version, "2");
    assert_eq!(registry.list()[2].state, ModelState::Refused);
}
