//! Models that fail or are replaced: who is asked about again, and by what they are judged.

use super::forecasts::*;
use crate::model::prediction::Source;
use crate::model::{GameHead, GameLines, GameStatus, Now, Side, Team};
use crate::predict::onnx::{Backend, Device, Model, Network, RunError, Serving, Signature};
use crate::predict::points::forecaster::Forecaster;
use crate::predict::points::models::{Loaded, Models};
use crate::predict::points::task::Task;
use crate::predict::points::versions::Versions;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Says the same of every row, while it is told to answer.
struct Says {
    task: Task,
    answers: Arc<AtomicBool>,
    device: Device,
}

impl Network for Says {
    fn run(&mut self, features: &[f32], outputs: &mut [Vec<f32>]) -> Result<(), RunError> {
        if !self.answers.load(Ordering::Relaxed) {
            return Err(RunError::Failed("the device is lost".into()));
        }
        let rows = features.len() / self.task.features().len();
        outputs[0].extend(std::iter::repeat_n(6.0, rows * self.task.width()));
        Ok(())
    }

    fn serving(&self) -> Serving {
        Serving {
            device: self.device,
            ..Serving::BUILT_IN
        }
    }
}

/// Puts a model of a task in its place, as the program's own. What is returned says whether it answers.
fn put(models: &mut Models, task: Task) -> Arc<AtomicBool> {
    let (loaded, answers) = made_up(task, Device::Cpu);
    models.put(loaded);
    answers
}

fn made_up(task: Task, device: Device) -> (Loaded, Arc<AtomicBool>) {
    let answers = Arc::new(AtomicBool::new(true));
    let signature = Signature::new(task.features().len(), &[(task.output(), task.width())]);
    let says = Says {
        task,
        answers: answers.clone(),
        device,
    };
    (Loaded::made_up(task, Model::new(Box::new(says), signature).unwrap()), answers)
}

/// A look's seasons, a player at a time.
fn look(forecaster: &mut Forecaster, at_us: i64) {
    let now = Now {
        steady_us: at_us,
        wall_us: at_us,
    };
    while forecaster.seasons(now, 1) {}
}

fn over(week: i64) -> GameLines {
    lines(week, GameStatus::Final, Some((4, 0)), two())
}

#[test]
fn who_had_no_answer_is_asked_about_again() {
    for task in [Task::Season, Task::Club] {
        let mut models = none();
        let both = [Task::Season, Task::Club].map(|task| put(&mut models, task));
        let answers = &both[usize::from(task == Task::Club)];
        let (mut forecaster, table) = forecaster(models);
        let is_told = || {
            ["a", "b"].map(|name| {
                let season = table.season(&id(name)).unwrap();
                (season.source != Source::Historical, season.club.is_some())
            })
        };
        let without = [(task != Task::Season, task != Task::Club); 2];
        forecaster.game(&over(0), cause());
        answers.store(false, Ordering::Relaxed);
        look(&mut forecaster, 1);
        assert_eq!((is_told(), forecaster.model_counts().failed_runs), (without, 2));
        // The next look asks again; with that it is left alone.
        look(&mut forecaster, 2);
        assert_eq!((is_told(), forecaster.model_counts().failed_runs), (without, 3));
        answers.store(true, Ordering::Relaxed);
        look(&mut forecaster, 3);
        assert_eq!(is_told(), without, "it is left alone still");
        look(&mut forecaster, 2 + REST_US);
        assert_eq!(is_told(), [(true, true); 2]);
        look(&mut forecaster, 3 + REST_US);
        assert_eq!(table.season(&id("a")).unwrap().computed_us, 2 + REST_US, "nobody is due");
    }
}

#[test]
fn nobody_waits_for_a_model_that_is_not_there() {
    let (mut forecaster, table) = forecaster(none());
    forecaster.game(&over(0), cause());
    look(&mut forecaster, 1);
    look(&mut forecaster, 2);
    assert_eq!(table.season(&id("a")).unwrap().computed_us, 1);
}

#[test]
fn a_model_is_not_judged_by_what_it_said_before_it_failed() {
    let mut models = none();
    let answers = put(&mut models, Task::Season);
    let (mut forecaster, table) = forecaster(models);
    let judged = || table.picks().last().unwrap().pick.judged();
    forecaster.game(&over(0), cause());
    look(&mut forecaster, 1);
    answers.store(false, Ordering::Relaxed);
    forecaster.game(&over(1), cause());
    assert_eq!(judged(), 2);
    look(&mut forecaster, 2);
    forecaster.game(&over(2), cause());
    assert_eq!(judged(), 2, "it said nothing of this game");
}

/// The program has a version of its own, which takes the place of what is neither its own nor in a folder.
#[test]
fn another_version_is_not_judged_by_what_the_one_before_it_said() {
    let mut models = none();
    for task in [Task::Points, Task::Season] {
        let (mut loaded, _) = made_up(task, Device::Cpu);
        loaded.is_shipped = false;
        models.put(loaded);
    }
    let (mut forecaster, table) = forecaster(models);
    let judged = || table.picks().iter().map(|horizon| horizon.pick.judged()).collect::<Vec<_>>();
    let live = |week| lines(week, GameStatus::Live, Some((2, 900)), two());
    for week in [0, 1] {
        forecaster.game(&live(week), cause());
        forecaster.game(&over(week), cause());
        look(&mut forecaster, 1);
    }
    forecaster.game(&live(2), cause());
    assert_eq!(judged(), [0, 4, 0, 0, 2]);
    assert!(forecaster.look_for_models(&mut Versions::new(Backend::built_in(), "nowhere".into()), cause().now));
    assert_eq!(judged(), [0; 5]);
    forecaster.game(&over(2), cause());
    assert_eq!(judged(), [0; 5], "what is judged now the other one said");
    look(&mut forecaster, 2);
    forecaster.game(&live(3), cause());
    forecaster.game(&over(3), cause());
    assert_eq!(judged(), [0, 2, 0, 0, 2]);
    assert!(table.picks().iter().all(|horizon| horizon.version.as_deref() == Some("1")));
}

#[test]
fn the_same_version_on_another_device_is_judged_on() {
    let mut models = none();
    let (loaded, answers) = made_up(Task::Points, Device::Cuda(0));
    models.put(loaded);
    let (mut forecaster, table) = forecaster(models);
    let mut versions = Versions::new(Backend::built_in(), "nowhere".into());
    forecaster.look_for_models(&mut versions, cause().now);
    forecaster.game(&lines(0, GameStatus::Live, Some((2, 900)), two()), cause());
    forecaster.game(&over(0), cause());
    answers.store(false, Ordering::Relaxed);
    for clock in [(1, 900), (1, 600), (1, 300)] {
        forecaster.game(&lines(1, GameStatus::Live, Some(clock), two()), cause());
    }
    assert!(forecaster.look_for_models(&mut versions, cause().now), "loaded anew");
    let running = forecaster.models().remove(0).running.unwrap();
    assert_eq!((&*running.device, table.picks()[1].pick.judged()), ("cpu", 2));
}

/// A club of which nothing has been heard for two seasons.
#[test]
fn who_has_not_played_for_long_has_no_season() {
    let (mut forecaster, table) = forecaster(none());
    let mut early = lines(0, GameStatus::Final, None, vec![player("c", Side::Home, caught(1, 0))]);
    early.head = Arc::new(GameHead {
        teams: Some((Team::new("CCC").unwrap(), Team::new("DDD").unwrap())),
        ..(*early.head).clone()
    });
    forecaster.game(&early, cause());
    look(&mut forecaster, 1);
    assert!(table.season(&id("c")).is_some());
    for week in [104, 105] {
        forecaster.game(&over(week), cause());
    }
    look(&mut forecaster, 2);
    assert_eq!(table.season(&id("c")), None);
}
