//! What a replay of the recorded weeks makes of the models' figures, against what `training/evaluate` makes of
//! the table of the same plays.
//!
//! The table and the server's state differ in a few places, each of which docs/decisions/019-recap.md explains.
//! There, and nowhere else, the recap is given what the table has; what is then left over is features, models,
//! labels and arithmetic, and that must be equal.

use super::*;
use crate::config::Predict;
use crate::engine::{EngineLimits, Shared};
use crate::feed::gamecenter::{Formation, timeline};
use crate::model::{Event, StateTime};
use crate::predict::onnx::Backend;
use crate::predict::registry::{Registry, RegistrySettings};
use crate::predict::tracker::{Figures, HISTORICAL, Tracked};
use crate::telemetry::RegistryMetrics;
use crate::test_support::WEEKS;
use crate::test_support::recorded::{Row as Line, data};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

const LIMITS: EngineLimits = EngineLimits {
    threads: 1,
    sources: 1,
    jobs_max: 1,
    games_max: 64,
    plays_max: 4_096,
    game_players_max: 1_024,
    players_max: 100_000,
    expired_games_max: 1,
};

/// Snaps whose score or timeouts are others in the table: 71 + 1 and 7 + 1, one of them both.
const SCORES_AMENDED: u32 = 79;

/// Games of which the table lists plays in another order than that of their numbers, or a timeout before the
/// play that it came in with; in how many snaps.
const LISTS_AMENDED: [(&str, u32); 7] = [
    ("2015121300", 146),
    ("2015121311", 84),
    ("2015121312", 87),
    ("2015121400", 132),
    ("2017092400", 67),
    ("2017092402", 38),
    ("2017092409", 138),
];

/// Timeouts of the table that the recorded lists have as remarks.
const TIMEOUTS_AMENDED: u32 = 8;

/// The place of what is in the table alone.
const NO_ORDER: u64 = u64::MAX;

/// Kinds of the table that are plays from scrimmage.
const SCRIMMAGE: [&str; 7] = ["run", "pass", "sack", "punt", "field_goal", "kneel", "spike"];

/// The table: its lines by game and play, and by game in its order.
struct Table {
    lines: BTreeMap<(String, String), Line>,
    lists: BTreeMap<String, Vec<Line>>,
}

fn lines(file: &Path) -> Table {
    let mut text = String::new();
    let file = std::fs::File::open(file).unwrap();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let mut lines = text.lines();
    let heading: Vec<&str> = lines.next().unwrap().split(',').collect();
    let line = |line: &str| -> Line {
        let values = line.split(',').map(str::to_owned);
        heading.iter().map(|column| (*column).to_owned()).zip(values).collect()
    };
    let mut table = Table {
        lines: BTreeMap::new(),
        lists: BTreeMap::new(),
    };
    for line in lines.map(line) {
        let (game, play) = (line["game_id"].clone(), line["play_id"].clone());
        table.lists.entry(game.clone()).or_default().push(line.clone());
        table.lines.insert((game, play), line);
    }
    table
}

/// What a replay tells: each game as it ended, and as it stood before each snap from scrimmage.
#[derive(Default)]
struct Told {
    ended: Vec<Recap>,
    snaps: BTreeMap<(GameId, PlayId), Recap>,
}

fn replay(formation: Formation, table: &Table) -> Option<Told> {
    let mut told = Told::default();
    let shared = Shared::beside(LIMITS);
    for part in WEEKS {
        let moments = timeline(&data(part)?, formation).unwrap();
        for event in moments.flat_map(|moment| moment.events) {
            if let Event::Play(play) = &event
                && let Some(line) = table.lines.get(&(play.game.to_string(), play.play.to_string()))
                && SCRIMMAGE.contains(&&*line["play_type"])
            {
                let before = shared.recap(&play.game).unwrap();
                told.snaps.insert((play.game.clone(), play.play.clone()), before);
            }
            shared.apply(event, IngestTime(1), StateTime(1));
        }
    }
    let games = shared.games().into_iter();
    told.ended = games.map(|(head, _)| shared.recap(&head.game).unwrap()).collect();
    Some(told)
}

/// The game before that snap, with the plays that the table lists before it, and the table's score and timeouts.
/// Says whether these, and whether the plays are others than the server knew.
fn before(told: &Recap, plays: &[RecapPlay], line: &Line) -> (Recap, bool, bool) {
    let mut recap = told.clone();
    let listed = plays.iter().filter(|play| play.order != NO_ORDER).map(|play| &play.id);
    let has_other_plays = !listed.eq(recap.plays.iter().map(|play| &play.id));
    recap.plays = plays.to_vec();
    recap.snap.as_mut().expect("every snap was announced").after_play = plays.last().map(|play| play.id.clone());
    let number = |column: &str| line[column].parse::<u16>().unwrap();
    let by_side = |own: u16, others: u16| {
        if line["posteam"] == line["home"] {
            [own, others]
        } else {
            [others, own]
        }
    };
    let score = Some(by_side(number("posteam_score"), number("defteam_score")));
    let timeouts = Some(by_side(number("pos_to"), number("def_to")));
    let has_another_score = (recap.score, recap.timeouts) != (score, timeouts);
    (recap.score, recap.timeouts) = (score, timeouts);
    (recap, has_other_plays, has_another_score)
}

fn id(line: &Line) -> PlayId {
    PlayId::new(&line["play_id"]).unwrap()
}

/// A timeout that the server is not told of.
fn timeout(line: &Line) -> RecapPlay {
    RecapPlay {
        id: id(line),
        order: NO_ORDER,
        ..play(0, PlayKind::Timeout, Side::Home, 0)
    }
}

/// The play, of the kind that the table has.
fn amended(play: &RecapPlay, line: &Line) -> RecapPlay {
    let mut play = play.clone();
    let is_other = match &*line["play_type"] {
        // A play challenged in vain, which a recap says beside its kind.
        "timeout" | "admin" => false,
        name => PlayKind::from_name(name) != play.kind,
    };
    if is_other {
        play.kind = PlayKind::from_name(&line["play_type"]);
        play.no_play = play.kind == PlayKind::NoPlay;
    } else if line["play_type"] == "admin" {
        play.kind = PlayKind::Other;
    }
    play
}

/// The figures after both weeks, play by play in the table's order.
fn replayed(formation: Formation, table: &Table) -> Option<Vec<Tracked>> {
    let settings = RegistrySettings {
        models_dir: Path::new(env!("CARGO_MANIFEST_DIR")).join("config/models"),
        load_wait: Duration::from_secs(600),
        ..Predict::default().registry()
    };
    let registry = Registry::open(Backend::built_in(), settings, RegistryMetrics::new());
    let mut predictor = Predictor::new(registry, Knowledge::shipped(), Settings { games_max: 64, ..SETTINGS });
    let now = Now { steady_us: 0, wall_us: 0 };
    let mut step = |recap: &Recap| {
        let notice = Notice {
            game: recap.head.game.clone(),
            news: News::Play,
            ingest: IngestTime(1),
            feed_ts: None,
        };
        predictor.step(&[notice], Effort::Whole, now, &|_| Some(recap.clone()), &mut drop);
    };
    let told = replay(formation, table)?;
    let (mut scores_amended, mut timeouts_amended) = (0, 0);
    let mut lists_amended = BTreeMap::<String, u32>::new();
    for ended in &told.ended {
        let game = &ended.head.game;
        let mut plays: Vec<RecapPlay> = Vec::new();
        for line in &table.lists[game.as_str()] {
            let Some(play) = ended.plays.iter().find(|play| play.id == id(line)) else {
                // A remark, or a timeout that the feed lists as one.
                if line["play_type"] == "timeout" {
                    plays.push(timeout(line));
                    timeouts_amended += 1;
                }
                continue;
            };
            if let Some(told) = told.snaps.get(&(game.clone(), id(line))) {
                let (recap, has_other_plays, has_another_score) = before(told, &plays, line);
                if has_other_plays {
                    *lists_amended.entry(game.to_string()).or_default() += 1;
                }
                scores_amended += u32::from(has_another_score);
                step(&recap);
            }
            plays.push(amended(play, line));
            let (status, snap) = (GameStatus::Live, None);
            let plays = plays.clone();
            step(&Recap {
                status,
                snap,
                plays,
                ..ended.clone()
            });
        }
        step(&Recap { plays, ..ended.clone() });
    }
    assert_eq!(predictor.take_counts().failed, 0);
    assert_eq!((scores_amended, timeouts_amended), (SCORES_AMENDED, TIMEOUTS_AMENDED));
    let amended: Vec<(&str, u32)> = lists_amended.iter().map(|(game, snaps)| (game.as_str(), *snaps)).collect();
    assert_eq!(amended, LISTS_AMENDED);
    Some(predictor.tracker().tracked().to_vec())
}

fn assert_same(name: &str, online: &Figures, offline: &Value, outcomes: Option<u64>) {
    let online = online.means();
    if let Some(outcomes) = outcomes {
        assert_eq!(online.outcomes, outcomes, "{name}: outcomes");
    }
    let mut pairs = vec![
        ("accuracy", online.accuracy),
        ("log_loss", online.log_loss),
        ("brier", online.brier),
    ];
    if offline.get("coverage_at_confidence_70").is_some() {
        pairs.push(("coverage_at_confidence_70", online.coverage));
        pairs.push(("accuracy_at_confidence_70", online.accuracy_when_sure));
    }
    for (figure, online) in pairs {
        let (online, offline) = (online.unwrap(), offline[figure].as_f64().unwrap());
        assert!(
            (online - offline).abs() < 2e-6,
            "{name}, {figure}: {online} online, {offline} offline"
        );
    }
}

fn compare(formation: Formation, next_play: Task) {
    let Some(folder) = data("dev") else { return };
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/offline_dev_weeks.json");
    let golden: Value = serde_json::from_slice(&std::fs::read(golden).unwrap()).unwrap();
    let Some(tracked) = replayed(formation, &lines(&folder.join("plays_dev_weeks.csv.gz"))) else {
        return;
    };
    for task in [next_play, Task::Drive, Task::Win] {
        let version = golden[task.name()]["version"].as_str().unwrap();
        for (version, by) in [(version, "model"), (HISTORICAL, "historical")] {
            let is_it = |tracked: &&Tracked| tracked.task == task && *tracked.version == *version;
            let tracked = tracked.iter().find(is_it).expect("every task was asked");
            let offline = &golden[task.name()][by];
            let name = format!("{} {by}", task.name());
            let rows = offline["rows"].as_u64();
            match task {
                Task::Drive => assert_same(&name, &tracked.figures, &offline["ends"], rows),
                Task::Win => assert_same(&name, &tracked.figures, &offline["win"], rows),
                Task::NextPlay | Task::NextPlayFormed => {
                    assert_same(&name, &tracked.figures, &offline["run_or_dropback"], rows);
                    assert_same(&name, tracked.kinds.as_ref().unwrap(), &offline["kinds"], None);
                }
            }
        }
    }
}

#[test]
fn figures_of_a_replay_are_those_of_the_offline_evaluation() {
    compare(Formation::Hidden, Task::NextPlay);
}

#[test]
fn the_same_where_the_formation_is_told() {
    compare(Formation::Shown, Task::NextPlayFormed);
}
