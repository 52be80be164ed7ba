//! What every topic showed at every `seq`, put down by an observer that looks at the games after each
//! event and knows nothing of rings, cursors and frames.

use crate::view::{Line, View};
use scorewire::engine::{Outcome, Shared};
use scorewire::fanout::Hub;
use scorewire::fanout::snapshot::GameSnapshot;
use scorewire::feed::sequence::Verdict;
use scorewire::model::stat::NAMES;
use scorewire::model::{Event, GameHead, GameId, GameView, IngestTime, Now, PlayerCard, Score, Stat, StatLine, StateTime, TopicName, gsis};
use scorewire::scoring::Ruleset;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

/// One change of one topic, and what the topic shows after it.
pub(crate) struct Moment {
    pub(crate) cause: Rc<Cause>,
    shown: Shown,
    /// Players at zero whom a correction took off the list before the next moment: nothing is sent of
    /// that, so a snapshot may lack them.
    left: BTreeSet<String>,
}

/// What an event was, to those who see its effect.
#[derive(Debug)]
pub(crate) struct Cause {
    pub(crate) fields: Value,
    pub(crate) urgent: bool,
    pub(crate) feed_ts: Option<i64>,
    pub(crate) ingest_us: i64,
}

enum Shown {
    Nothing,
    Game(Rc<GameSnapshot>),
    Slate(Vec<(Arc<GameHead>, GameView)>),
}

/// Every topic's moments; `seq` n is the n-th.
pub(crate) struct Oracle {
    moments: HashMap<String, Vec<Moment>>,
    topics: Vec<TopicName>,
}

impl Oracle {
    pub(crate) fn new(topics: &[TopicName]) -> Oracle {
        Oracle {
            moments: topics.iter().map(|topic| (topic.to_string(), Vec::new())).collect(),
            topics: topics.to_vec(),
        }
    }

    /// Applies an event and puts down what moved.
    pub(crate) fn apply(&mut self, hub: &Hub, shared: &Shared, event: Event, now: Now) {
        let status_before = event.game().and_then(|game| shared.game(game)).map(|game| game.view.status);
        let told = event.clone();
        let ingest = IngestTime(now.wall_us);
        let outcome = shared.apply(event, ingest, StateTime(now.steady_us));
        let mut states: HashMap<GameId, Rc<GameSnapshot>> = HashMap::new();
        for name in &self.topics {
            let Some(topic) = hub.get(name) else { continue };
            let moments = self.moments.get_mut(&name.to_string()).expect("made for every topic");
            // A player list may move two games of one player, each once; anything else moves one.
            let movers: Vec<GameId> = topic.read(|history| {
                let new = history.after(moments.len() as u64);
                let movers = new.map(|entry| entry.change.head.game.clone()).collect();
                assert_eq!(history.head as usize, moments.len() + Vec::len(&movers), "{name}");
                movers
            });
            assert!(
                movers.len() <= 1 || matches!(told, Event::Players(_)),
                "one event moves {name} once"
            );
            if let ([], Some(last)) = (&movers[..], moments.last_mut())
                && let Shown::Game(shown) = &last.shown
                && told.game() == Some(&shown.head.game)
            {
                let game = &shown.head.game;
                let read = || Rc::new(shared.game(game).expect("what was shown exists"));
                let now = states.entry(game.clone()).or_insert_with(read);
                let gone = now.players.iter().filter(|slot| !slot.is_listed());
                last.left = gone.map(|slot| slot.who.card.player.to_string()).collect();
            }
            for game in movers {
                let shown = match name {
                    TopicName::Slate => Shown::Slate(hub.slate().games),
                    _ => {
                        let read = || Rc::new(shared.game(&game).expect("what moved exists"));
                        Shown::Game(states.entry(game.clone()).or_insert_with(read).clone())
                    }
                };
                let cause = Rc::new(cause(&told, outcome, &game, status_before, ingest));
                moments.push(Moment {
                    cause,
                    shown,
                    left: BTreeSet::new(),
                });
            }
        }
    }

    /// Lets a game go, and puts down which topics show nothing from there.
    pub(crate) fn expire(&mut self, hub: &Hub, shared: &Shared, game: &GameId) {
        let is_on_slate = hub.slate().games.iter().any(|(head, _)| head.game == *game);
        assert!(shared.expire(game), "{game} is there");
        let cause = Rc::new(Cause {
            fields: Value::Null,
            urgent: false,
            feed_ts: None,
            ingest_us: 0,
        });
        for name in &self.topics {
            let moments = self.moments.get_mut(&name.to_string()).expect("made for every topic");
            let shown = match (name, moments.last().map(|last| &last.shown)) {
                (TopicName::Slate, _) if is_on_slate => Shown::Slate(hub.slate().games),
                (_, Some(Shown::Game(shown))) if shown.head.game == *game => Shown::Nothing,
                _ => continue,
            };
            moments.push(Moment {
                cause: cause.clone(),
                shown,
                left: BTreeSet::new(),
            });
            let head = hub.get(name).expect("it has a history").read(|history| history.head);
            assert_eq!(head as usize, moments.len(), "{name} moves on once");
        }
        assert!(shared.game(game).is_none(), "nobody can read it");
    }

    /// Whether anything is ever published under that name.
    pub(crate) fn knows(&self, topic: &str) -> bool {
        self.moments.contains_key(topic)
    }

    /// The topic's head.
    pub(crate) fn head(&self, topic: &str) -> u64 {
        self.moments.get(topic).map_or(0, |moments| moments.len() as u64)
    }

    /// What the topic shows at `seq` under a ruleset.
    pub(crate) fn view(&self, topic: &str, seq: u64, ruleset: &Ruleset) -> View {
        if seq == 0 {
            return View::default();
        }
        let moment = &self.moments[topic][seq as usize - 1];
        let name = TopicName::parse(topic).expect("topics of the oracle are well-formed");
        match (&name, &moment.shown) {
            (TopicName::Player(player), Shown::Game(game)) => {
                let slot = game
                    .players
                    .iter()
                    .find(|slot| slot.who.card.player == *player)
                    .expect("who is shown is in the game");
                View {
                    game: Some(game.head.game.to_string()),
                    line: line(ruleset, &slot.who.card, &slot.line(), ""),
                    ..View::default()
                }
            }
            (_, Shown::Game(game)) => {
                let team = match &name {
                    TopicName::Team(team) => Some(team),
                    _ => None,
                };
                let players = game
                    .players
                    .iter()
                    .filter(|slot| slot.is_listed() && team.is_none_or(|team| slot.who.team == *team));
                View {
                    game: Some(game.head.game.to_string()),
                    board: board(&game.head, &game.view, true),
                    players: players
                        .map(|slot| {
                            let line = line(ruleset, &slot.who.card, &slot.line(), slot.who.team.as_str());
                            (slot.who.card.player.to_string(), line)
                        })
                        .collect(),
                    ..View::default()
                }
            }
            (_, Shown::Nothing) => View::default(),
            (_, Shown::Slate(games)) => View {
                games: games
                    .iter()
                    .map(|(head, view)| (head.game.to_string(), board(head, view, false)))
                    .collect(),
                ..View::default()
            },
        }
    }

    /// Whether a snapshot of the topic at `seq` may lack that player.
    pub(crate) fn may_lack(&self, topic: &str, seq: u64, player: &str) -> bool {
        self.moments[topic][seq as usize - 1].left.contains(player)
    }

    /// Which game (or which games, for the slate) the topic shows at `seq`.
    pub(crate) fn subject(&self, topic: &str, seq: u64) -> Option<String> {
        let moment = self.moments.get(topic)?.get((seq as usize).checked_sub(1)?)?;
        match &moment.shown {
            Shown::Game(game) => Some(game.head.game.to_string()),
            Shown::Slate(_) | Shown::Nothing => None,
        }
    }

    /// The causes after `prev` up to `seq`.
    pub(crate) fn causes(&self, topic: &str, prev: u64, seq: u64) -> impl Iterator<Item = &Rc<Cause>> {
        self.moments[topic][prev as usize..seq as usize].iter().map(|moment| &moment.cause)
    }
}

fn cause(
    event: &Event,
    outcome: Outcome,
    mover: &GameId,
    status_before: Option<scorewire::model::GameStatus>,
    ingest: IngestTime,
) -> Cause {
    let kind = match outcome {
        Outcome::Sequenced(Verdict::Fresh | Verdict::Late) => "play",
        Outcome::Sequenced(Verdict::Revision | Verdict::Revived) => "correction",
        Outcome::Sequenced(Verdict::Retracted | Verdict::RetractedUnseen) => "retraction",
        other => panic!("{other:?} moves nothing"),
    };
    let (play, rev, kind, urgent) = match event {
        Event::Play(e) => {
            let scores = e.stats.iter().any(|record| gsis::scoring_points(record.stat).is_some());
            (Some(&e.play), e.rev, kind, scores || kind != "play")
        }
        Event::Retract(e) => (Some(&e.play), e.rev, kind, true),
        Event::Situation(e) => (None, e.rev, "game", false),
        Event::Game(e) => (None, e.rev, "game", status_before.unwrap_or_default() != e.status),
        Event::Players(_) => (None, 1, "game", false),
    };
    let mut fields = json!({ "game": mover.as_str(), "rev": rev, "kind": kind });
    if let Some(play) = play {
        fields["play"] = play.as_str().into();
    }
    Cause {
        fields,
        urgent,
        feed_ts: event.ts().map(|ts| ts.0),
        ingest_us: ingest.0,
    }
}

/// A stat line in words, and what it is worth.
fn line(ruleset: &Ruleset, card: &PlayerCard, line: &StatLine, team: &str) -> Line {
    let position = ruleset.position_of(&card.player, card.position.as_deref());
    let stats = NAMES.iter().filter(|(stat, _)| *stat != Stat::Begun);
    Line {
        team: team.to_owned(),
        points: ruleset.score(line, position).0,
        stats: stats
            .map(|(stat, name)| ((*name).to_owned(), i64::from(line.get(*stat)) * i64::from(2 / stat.units())))
            .collect(),
    }
}

fn board(head: &GameHead, view: &GameView, whole: bool) -> BTreeMap<String, Value> {
    let score = |score: &Score| Value::Object(score.0.iter().map(|(team, points)| (team.to_string(), json!(points))).collect());
    let mut board = BTreeMap::from([("status", json!(view.status.name()))]);
    if let Some((home, away)) = &head.teams {
        board.extend([("home", json!(home.as_str())), ("away", json!(away.as_str()))]);
    }
    board.extend(head.kickoff.map(|kickoff| ("kickoff", json!(kickoff))));
    board.extend(
        view.clock
            .map(|clock| ("clock", json!({"quarter": clock.quarter, "seconds_left": clock.seconds_left}))),
    );
    board.extend(view.score.as_ref().map(|points| ("score", score(points))));
    if whole {
        board.extend(view.timeouts.as_ref().map(|left| ("timeouts", score(left))));
        board.extend(view.situation.as_ref().map(|now| {
            let all = json!({
                "down": now.down, "distance": now.distance, "yards_to_goal": now.yards_to_goal,
                "possession": now.possession.as_ref().map(|team| team.as_str()),
                "shotgun": now.shotgun, "no_huddle": now.no_huddle,
            });
            let known = all.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
            ("situation", known.map(|(key, value)| (key.clone(), value.clone())).collect())
        }));
    }
    board.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
