use super::super::test_support::made_up;
use super::*;
use crate::model::{GameEvent, GameStatus, Team};
use serde_json::Value;

/// A folder of its own under the system's temporary one, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("scorewire-timeline-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn play(&self) -> Vec<Moment> {
        timeline(&self.0, Formation::Hidden).unwrap().collect()
    }

    fn error(&self) -> String {
        timeline(&self.0, Formation::Hidden).unwrap_err().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn game(id: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut body = made_up()["9900000001"].clone();
    change(&mut body);
    serde_json::json!({ id: body }).to_string()
}

fn heads(moments: &[Moment]) -> Vec<&GameEvent> {
    let events = moments.iter().flat_map(|moment| &moment.events);
    events
        .filter_map(|event| match event {
            Event::Game(game) => Some(game),
            _ => None,
        })
        .collect()
}

#[test]
fn a_game_is_announced_played_and_ended() {
    let folder = Folder::new("one");
    folder.put("raw/2017092499.json", &game("2017092499", |_| ()));
    let moments = folder.play();
    let states: Vec<_> = heads(&moments).iter().map(|head| (head.rev, head.status)).collect();
    let live = GameStatus::Live;
    assert_eq!(
        states,
        [(1, GameStatus::Scheduled), (2, live), (3, live), (4, live), (5, GameStatus::Final)]
    );
    let jac = Team::new("JAC").unwrap();
    let scores: Vec<_> = heads(&moments)
        .iter()
        .map(|head| head.score.as_ref().unwrap().of(&jac).unwrap())
        .collect();
    assert_eq!(scores, [0, 0, 6, 7, 7]);
    assert!(moments.iter().all(|moment| moment.ts.0 == 1_506_272_400_000_000 + moment.due_us));
    assert!(moments.windows(2).all(|pair| pair[0].due_us <= pair[1].due_us));
}

#[test]
fn a_situation_comes_before_each_play_and_hides_the_formation() {
    let folder = Folder::new("situations");
    folder.put("2017092499.json", &game("2017092499", |_| ()));
    let mut announced = None;
    let mut plays = 0;
    let shown = timeline(&folder.0, Formation::Shown).unwrap().flat_map(|moment| moment.events);
    for event in folder.play().into_iter().flat_map(|moment| moment.events) {
        match event {
            Event::Situation(coming) => {
                assert_eq!((coming.situation.shotgun, coming.rev), (None, 1));
                announced = Some(coming.situation);
            }
            Event::Play(play) => {
                plays += 1;
                let mut situation = play.situation.unwrap();
                (situation.shotgun, situation.no_huddle) = (None, None);
                assert_eq!(announced.take(), Some(situation), "{}", play.play);
            }
            _ => (),
        }
    }
    assert_eq!(plays, 4);
    assert!(
        shown
            .into_iter()
            .any(|event| matches!(event, Event::Situation(s) if s.situation.shotgun == Some(true)))
    );
}

#[test]
fn games_are_merged_by_kickoff_and_people_named_by_the_tables() {
    let folder = Folder::new("merged");
    folder.put("raw/2017092498.json", &game("2017092498", |_| ()));
    folder.put("raw/2017092499.json", &game("2017092499", |_| ()));
    folder.put(
        "schedule.csv",
        "game_id,date,time_et\n2017092498,2017-09-24,4:25\n2017092499,2017-09-24,1:00\n",
    );
    folder.put(
        "players.csv",
        "game_id,gsis_id,gsis_name,full_name,position,team\n2017092499,r-1,R.Runner,\"Runner, Rae\",RB,JAX\n",
    );
    let moments = folder.play();
    let kickoffs: Vec<_> = heads(&moments).iter().map(|head| head.kickoff.unwrap()).collect();
    assert_eq!(kickoffs[1] - kickoffs[0], (3 * 60 + 25) * 60_000_000);
    assert_eq!((moments[0].due_us, heads(&moments)[1].status), (0, GameStatus::Scheduled));
    let mut last = None;
    for event in moments.iter().flat_map(|moment| &moment.events) {
        if let Event::Players(players) = event {
            for info in players.iter().filter(|info| info.player.as_str() == "r-1") {
                last.get_or_insert_with(|| info.clone());
            }
        }
    }
    let runner = last.unwrap();
    assert_eq!(
        (runner.name.as_deref(), runner.position.as_deref()),
        (Some("Runner, Rae"), Some("RB"))
    );
    assert_eq!(runner.team.unwrap().as_str(), "JAC");
}

#[test]
fn an_old_document_is_played_before_the_new_one() {
    let folder = Folder::new("revisions");
    let drop_kick = |body: &mut Value| {
        body["drives"]["2"]["plays"].as_object_mut().unwrap().remove("130");
    };
    folder.put("2017092499.a.new.json", &game("2017092499", drop_kick));
    folder.put("2017092499.a.old.json", &game("2017092499", |_| ()));
    let moments = folder.play();
    let last = &moments.last().unwrap().events;
    assert!(
        matches!(&last[..], [Event::Retract(gone)] if gone.play.as_str() == "130" && gone.rev == 2),
        "{last:?}"
    );
}

#[test]
fn a_folder_without_games_says_what_was_expected() {
    let folder = Folder::new("empty");
    let error = folder.error();
    assert!(error.contains("empty: no games") && error.contains("*.json.gz"), "{error}");
    let missing = timeline(Path::new("/nowhere/at/all"), Formation::Hidden).unwrap_err().to_string();
    assert!(missing.starts_with("/nowhere/at/all: "), "{missing}");
}

#[test]
fn damage_is_named_with_its_file() {
    let folder = Folder::new("damaged");
    folder.put("2017092499.json", "{\"2017092499\": {\"home\": 1}}");
    assert!(
        folder.error().ends_with("2017092499.json: 2017092499.home.abbr is missing"),
        "{}",
        folder.error()
    );
    folder.put("2017092499.json", &game("2017092499", |_| ()));
    folder.put("schedule.csv", "game_id,date,time_et\n2017092499,soon,1:00\n");
    assert!(folder.error().contains("schedule.csv, line 2: date must be"), "{}", folder.error());
    folder.put("schedule.csv", "game_id,date\n");
    assert!(
        folder.error().ends_with("schedule.csv, line 1: no column time_et"),
        "{}",
        folder.error()
    );
}
