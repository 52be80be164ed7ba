//! The registry over models that say what they are told to, and over the files of `tests/models`.

use super::loader::Loaded;
use super::*;
use crate::predict::onnx::{Model, Network, Precision, Serving, Signature};
use flume::{Receiver, Sender};
use parking_lot::Mutex;
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

mod device;
mod reload;

const ROW: Features = [0.5; crate::predict::features::NAMES.len()];
const REST_US: i64 = 30_000_000;
const CPU: Serving = Serving::BUILT_IN;
const GPU: Serving = Serving {
    backend: "onnxruntime",
    device: Device::Cuda(0),
    precision: Precision::Fp32,
};

/// What a model of two classes says; a test changes it as it goes.
#[derive(Clone)]
struct Says {
    answer: Arc<Mutex<Result<[f32; 2], RunError>>>,
    serving: Serving,
}

impl Says {
    fn new() -> Says {
        Says {
            answer: Arc::new(Mutex::new(Ok([0.25, 0.75]))),
            serving: CPU,
        }
    }

    fn set(&self, answer: Result<[f32; 2], RunError>) {
        *self.answer.lock() = answer;
    }

    fn fail(&self) {
        self.set(Err(RunError::Failed("the device is lost".into())));
    }
}

impl Network for Says {
    fn run(&mut self, features: &[f32], outputs: &mut [Vec<f32>]) -> Result<(), RunError> {
        let answer = self.answer.lock().clone()?;
        for _ in 0..features.len() / 2 {
            outputs[0].extend(answer);
        }
        Ok(())
    }

    fn serving(&self) -> Serving {
        self.serving
    }
}

fn settings(serve: Serve) -> RegistrySettings {
    RegistrySettings {
        models_dir: "nowhere".into(),
        serve,
        versions_max: 16,
        compare_outcomes: 10,
        compare_margin: 0.02,
        breaker_failures: 3,
        breaker_rest_us: REST_US,
        reload: Duration::from_millis(5),
        load_wait: Duration::from_secs(300),
    }
}

fn number(text: &str) -> Option<Number> {
    Some(text.parse().unwrap())
}

fn arms(champion: &str, challenger: &str, share: f64) -> Serve {
    let win = Arms {
        champion: number(champion),
        challenger: number(challenger),
        share,
    };
    Serve { win, ..Serve::default() }
}

fn game(id: impl AsRef<str>) -> GameId {
    GameId::new(id.as_ref()).unwrap()
}

/// A version of `win` that takes two features.
fn loaded(version: &str, says: &Says, serving: Serving) -> News {
    let stem = format!("win-{version}");
    let manifest = json!({
        "name": "win",
        "version": version,
        "file": format!("{stem}.onnx"),
        "sha256": "00".repeat(32),
        "features": ["lead", "down_1"],
        "output": "probabilities",
        "classes": ["loss", "win"],
    });
    News::Loaded(Box::new(Loaded {
        manifest: Manifest::parse(&stem, manifest.to_string().as_bytes()).unwrap(),
        model: Model::new(
            Box::new(Says { serving, ..says.clone() }),
            Signature::new(2, &[("probabilities", 2)]),
        )
        .unwrap(),
        loaded_us: 1,
        stem,
    }))
}

/// A registry in which these are loaded.
fn registry(serve: Serve, news: impl IntoIterator<Item = News>) -> Registry {
    let mut registry = Registry::new(settings(serve), RegistryMetrics::new());
    take(&mut registry, news);
    registry
}

fn take(registry: &mut Registry, news: impl IntoIterator<Item = News>) {
    for one in news {
        registry.take(one);
    }
    registry.assign();
}

/// What a test is to a registry in the place of its loader.
fn loader(registry: &mut Registry) -> (Sender<News>, Receiver<Request>) {
    let ((news, told), (asking, requests), (_, looked)) = (flume::bounded(8), flume::bounded(8), flume::bounded(1));
    registry.loader = Some(Ends {
        news: told,
        requests: asking,
        looked,
    });
    (news, requests)
}

/// The version that answers a game.
fn answers(registry: &Registry, id: &str) -> Option<Arc<Version>> {
    registry.arm(Task::Win, &game(id))
}

fn answering(registry: &Registry, id: &str) -> Option<String> {
    answers(registry, id).map(|version| version.version.to_string())
}

fn run(registry: &mut Registry, version: &Arc<Version>, now_us: i64) -> Result<Vec<Probabilities>, RunError> {
    let mut out = vec![Probabilities::new()];
    registry.run(version, &[ROW; 3], &mut out, now_us).map(|()| out)
}

fn state(registry: &Registry, version: &str) -> (Role, ModelState) {
    let info = registry.list().into_iter().find(|info| info.version == version).unwrap();
    (info.role, info.state)
}

#[test]
fn what_ships_is_loaded_and_answers() {
    let mut registry = Registry::open(Backend::built_in(), settings(Serve::default()), RegistryMetrics::new());
    let mut out = Vec::new();
    for task in Task::ALL {
        let version = registry.arm(task, &game("g1")).unwrap();
        assert_eq!((version.task, &*version.name), (task, task.name()));
        registry.run(&version, &[ROW; 5], &mut out, 0).unwrap();
        assert_eq!((out.len(), out[0].len()), (5, task.classes().len()));
        registry.run(&version, &[], &mut out, 0).unwrap();
        assert!(out.is_empty());
    }
    let list = registry.list();
    assert_eq!(list.len(), SHIPPED.len());
    for info in list {
        assert_eq!((info.role, info.state), (Role::Champion, ModelState::Serving));
        let running = info.running.unwrap();
        assert_eq!((running.backend, &*running.device, running.rows), ("tract", "cpu", 5));
    }
}

#[test]
fn the_highest_version_answers_unless_another_is_named() {
    let says = Says::new();
    let versions = || ["2", "10", "9"].map(|version| loaded(version, &says, CPU));
    assert_eq!(answering(&registry(Serve::default(), versions()), "g1").as_deref(), Some("10"));
    let named = Arms {
        champion: number("9"),
        ..Arms::default()
    };
    let named = Serve {
        win: named,
        ..Serve::default()
    };
    let mut registry = registry(named, versions());
    assert_eq!(answering(&registry, "g1").as_deref(), Some("9"));
    assert_eq!(state(&registry, "10"), (Role::Spare, ModelState::Serving));
    // What somebody named is not replaced by what nobody did.
    take(&mut registry, [News::Gone { stem: "win-9".into() }]);
    assert_eq!(answering(&registry, "g1"), None);
    assert_eq!(registry.arm(Task::Drive, &game("g1")), None);
}

#[test]
fn a_challenger_has_its_share_of_the_games_and_always_the_same() {
    let says = Says::new();
    let split = || {
        let registry = registry(arms("1", "2", 0.1), ["1", "2"].map(|version| loaded(version, &says, CPU)));
        (0..10_000)
            .map(|id| answering(&registry, &format!("g{id}")).unwrap() == "2")
            .collect::<Vec<bool>>()
    };
    let first = split();
    let challengers = first.iter().filter(|is_challengers| **is_challengers).count();
    // Four standard deviations.
    assert!((880..=1_120).contains(&challengers), "{challengers}");
    assert!(first == split(), "another after a restart");
}

/// Without a champion named the challenger is not taken for it, though its number is higher.
#[test]
fn a_challenger_alone_may_be_named() {
    let says = Says::new();
    let mut serve = arms("1", "2", 0.0);
    serve.win.champion = None;
    let registry = registry(serve, ["1", "2"].map(|version| loaded(version, &says, CPU)));
    assert_eq!(
        (state(&registry, "1").0, state(&registry, "2").0),
        (Role::Champion, Role::Challenger)
    );
    assert_eq!(answering(&registry, "g1").as_deref(), Some("1"));
}

/// Games of each arm.
fn of_both_arms(registry: &Registry) -> [(String, Arc<Version>); 2] {
    ["1", "2"].map(|wanted| {
        let id = (0..1_000)
            .map(|id| format!("g{id}"))
            .find(|id| answering(registry, id).unwrap() == wanted)
            .unwrap();
        let version = answers(registry, &id).unwrap();
        (id, version)
    })
}

#[test]
fn a_challenger_that_is_worse_goes_out_of_service_until_it_is_loaded_anew() {
    let says = Says::new();
    let mut registry = registry(arms("1", "2", 0.5), ["1", "2"].map(|version| loaded(version, &says, CPU)));
    let [(_, champion), (game, challenger)] = of_both_arms(&registry);
    let stranger = Arc::new(Version::clone(&champion));
    for _ in 0..10 {
        registry.scored(&champion, 0.5);
        registry.scored(&challenger, 0.515);
        registry.scored(&stranger, 9.0);
    }
    assert_eq!(state(&registry, "2"), (Role::Challenger, ModelState::Serving), "within the margin");
    for _ in 0..10 {
        registry.scored(&challenger, 0.7);
    }
    assert_eq!(state(&registry, "2"), (Role::Spare, ModelState::Withdrawn));
    assert_eq!(answering(&registry, &game).as_deref(), Some("1"));
    // What it is still asked is answered, and its outcomes change nothing any more.
    run(&mut registry, &challenger, 0).unwrap();
    registry.scored(&challenger, 0.0);
    // On another device it is the same version, ...
    take(&mut registry, [loaded("2", &says, GPU)]);
    assert_eq!(state(&registry, "2"), (Role::Spare, ModelState::Withdrawn));
    // ... from another file it is a new one, with a new comparison.
    let News::Loaded(mut anew) = loaded("2", &says, CPU) else {
        panic!()
    };
    anew.manifest.sha256 = [1; 32];
    take(&mut registry, [News::Loaded(anew)]);
    assert_eq!(state(&registry, "2"), (Role::Challenger, ModelState::Serving));
    let again = answers(&registry, &game).unwrap();
    assert!(!Arc::ptr_eq(&again, &challenger));
    assert!(run(&mut registry, &challenger, 0).is_err(), "the old one is gone");
    for _ in 0..10 {
        registry.scored(&champion, 0.5);
        registry.scored(&again, 0.4);
    }
    assert_eq!(state(&registry, "2"), (Role::Challenger, ModelState::Serving));
}

/// What is loaded beside them does not begin a comparison anew.
#[test]
fn a_comparison_goes_on_while_others_come_and_go() {
    let says = Says::new();
    let mut registry = registry(arms("1", "2", 0.5), ["1", "2", "3"].map(|version| loaded(version, &says, CPU)));
    let [(_, champion), (_, challenger)] = of_both_arms(&registry);
    for _ in 0..9 {
        registry.scored(&champion, 0.5);
        registry.scored(&challenger, 0.9);
    }
    // Its place is taken by the last one.
    take(&mut registry, [loaded("4", &says, CPU), News::Gone { stem: "win-3".into() }]);
    registry.scored(&champion, 0.5);
    assert_eq!(state(&registry, "2").1, ModelState::Serving);
    registry.scored(&challenger, 0.9);
    assert_eq!(state(&registry, "2").1, ModelState::Withdrawn);
}

#[test]
fn what_fails_in_a_row_is_cut_off_and_tried_again() {
    let says = Says::new();
    let mut registry = registry(Serve::default(), [loaded("1", &says, CPU)]);
    let version = answers(&registry, "g1").unwrap();
    assert_eq!(
        run(&mut registry, &version, 0).unwrap(),
        vec![Probabilities::from_slice(&[0.25, 0.75]); 3]
    );
    says.fail();
    for _ in 0..3 {
        assert!(answers(&registry, "g1").is_some());
        assert_eq!(run(&mut registry, &version, 5), Err(RunError::Failed("the device is lost".into())));
    }
    assert_eq!(answers(&registry, "g1"), None);
    assert_eq!(state(&registry, "1"), (Role::Champion, ModelState::Resting));
    says.set(Ok([0.5, 0.5]));
    assert_eq!(run(&mut registry, &version, 6), Err(RunError::Failed("it is cut off".into())));
    registry.turn(5 + REST_US - 1);
    assert_eq!(answers(&registry, "g1"), None);
    registry.turn(5 + REST_US);
    assert!(answers(&registry, "g1").is_some());
    run(&mut registry, &version, 5 + REST_US).unwrap();
    assert_eq!(state(&registry, "1"), (Role::Champion, ModelState::Serving));
    assert_eq!(registry.list()[0].running.as_ref().unwrap().rows, 6);
}

#[test]
fn answers_that_are_no_probabilities_are_failures() {
    for answer in [
        [f32::NAN, 0.5],
        [f32::INFINITY, 0.0],
        [0.5, 0.6],
        [-0.5, 1.5],
        [0.0, 0.0],
        [3.0, -2.0],
    ] {
        let says = Says::new();
        let mut registry = registry(Serve::default(), [loaded("1", &says, CPU)]);
        let version = answers(&registry, "g1").unwrap();
        says.set(Ok(answer));
        for _ in 0..3 {
            assert!(run(&mut registry, &version, 0).is_err(), "{answer:?}");
        }
        assert_eq!(answers(&registry, "g1"), None, "{answer:?}");
    }
    // Half precision's.
    assert!(slot::answers_probabilities(&[0.3335, 0.3335, 0.3335]));
}

#[test]
fn too_many_rows_are_the_callers_fault() {
    let says = Says::new();
    let mut registry = registry(Serve::default(), [loaded("1", &says, CPU)]);
    let version = answers(&registry, "g1").unwrap();
    let rows = vec![ROW; crate::predict::onnx::ROWS_MAX + 1];
    for _ in 0..4 {
        assert!(matches!(
            registry.run(&version, &rows, &mut Vec::new(), 0),
            Err(RunError::Rows { .. })
        ));
    }
    run(&mut registry, &version, 0).unwrap();
}

/// The champion has the games of a challenger that is cut off.
#[test]
fn a_challenger_that_fails_leaves_its_games_to_the_champion() {
    let (good, bad) = (Says::new(), Says::new());
    let mut registry = registry(arms("1", "2", 0.5), [loaded("1", &good, CPU), loaded("2", &bad, CPU)]);
    let [_, (game, challenger)] = of_both_arms(&registry);
    bad.fail();
    for _ in 0..3 {
        run(&mut registry, &challenger, 0).unwrap_err();
    }
    assert_eq!(answering(&registry, &game).as_deref(), Some("1"));
}

#[test]
fn a_version_whose_device_fails_is_asked_for_on_the_cpu_and_stays_the_same() {
    let (says, on_cpu) = (Says::new(), Says::new());
    let mut registry = registry(Serve::default(), [loaded("1", &says, GPU)]);
    let (news, requests) = loader(&mut registry);
    let version = answers(&registry, "g1").unwrap();
    run(&mut registry, &version, 0).unwrap();
    says.fail();
    for _ in 0..3 {
        run(&mut registry, &version, 0).unwrap_err();
    }
    assert!(matches!(requests.try_recv(), Ok(Request::OnCpu(stem)) if stem == "win-1"));
    assert!(requests.is_empty(), "once is enough");
    assert_eq!(answers(&registry, "g1"), None);
    // Nothing came of it: it is asked for again when the model was tried in vain.
    registry.turn(REST_US);
    run(&mut registry, &version, REST_US).unwrap_err();
    assert!(matches!(requests.try_recv(), Ok(Request::OnCpu(stem)) if stem == "win-1"));
    assert_eq!(answers(&registry, "g1"), None);
    // It answers once more, which the loader has to know, and fails again.
    says.set(Ok([0.5, 0.5]));
    registry.turn(2 * REST_US);
    run(&mut registry, &version, 2 * REST_US).unwrap();
    assert!(matches!(requests.try_recv(), Ok(Request::Stay(stem)) if stem == "win-1"));
    says.fail();
    for _ in 0..3 {
        run(&mut registry, &version, 2 * REST_US).unwrap_err();
    }
    assert!(matches!(requests.try_recv(), Ok(Request::OnCpu(stem)) if stem == "win-1"));
    assert!(news.send(loaded("1", &on_cpu, CPU)).is_ok());
    registry.turn(1);
    // The old model ends elsewhere.
    assert!(matches!(requests.try_recv(), Ok(Request::Drop(_))));
    assert!(Arc::ptr_eq(&answers(&registry, "g1").unwrap(), &version));
    run(&mut registry, &version, 1).unwrap();
    let running = registry.list().remove(0).running.unwrap();
    assert_eq!((running.rows, &*running.device), (9, "cpu"));
    // A loader that ends leaves what is loaded.
    drop(news);
    registry.turn(2);
    assert!(registry.loader.is_none());
    run(&mut registry, &version, 2).unwrap();
}
