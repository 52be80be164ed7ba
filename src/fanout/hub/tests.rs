//! Which game a topic shows, who is told, and what is forgotten.

use super::*;
use crate::engine::{EngineLimits, Shared};
use crate::fanout::lineups::LineupLimits;
use crate::feed::{Decoder, Limits};
use crate::model::{IngestTime, PlayerId, StateTime};
use crate::telemetry::EngineMetrics;

fn hub(notices_max: usize) -> (Arc<Hub>, Vec<Inbox>) {
    let limits = HubLimits {
        ring_frames: 16,
        topics_max: 3,
        notices_max,
        lineups: LineupLimits::DEFAULT,
    };
    let (hub, inboxes) = Hub::new(2, limits);
    (Arc::new(hub), inboxes)
}

fn engine(hub: &Arc<Hub>) -> Shared {
    let limits = EngineLimits {
        threads: 1,
        sources: 1,
        jobs_max: 1,
        games_max: 10,
        plays_max: 100,
        game_players_max: 1_024,
        players_max: 2_000,
        expired_games_max: 2,
    };
    Shared::new(hub.clone(), limits, EngineMetrics::new())
}

fn feed(shared: &Shared, line: &str) {
    let event = Decoder::new(Limits::default()).line(line.as_bytes()).unwrap();
    shared.apply(event, IngestTime(1), StateTime(1));
}

fn game(shared: &Shared, game: &str, rev: u64, status: &str, kickoff_h: i64) {
    let kickoff = kickoff_h * 3_600_000_000;
    let line = format!(r#"{{"type":"game","game":"{game}","rev":{rev},"status":"{status}","home":"NE","away":"HOU","kickoff":{kickoff}}}"#);
    feed(shared, &line);
}

fn topic(hub: &Hub, name: &str) -> Arc<Topic> {
    hub.get(&TopicName::parse(name).unwrap()).unwrap()
}

fn shown(topic: &Topic) -> String {
    topic.read(|history| history.game().unwrap().game.to_string())
}

fn begins_new(topic: &Topic) -> bool {
    topic.read(|history| history.last().unwrap().new_game)
}

/// The first game ever announced kept a team's topic until a game with a later kickoff began. With a
/// season's games announced in any order but that of their kickoffs, the game being played was not
/// shown.
#[test]
fn a_team_shows_its_next_game_then_the_one_being_played_then_the_latest() {
    let (hub, _inboxes) = hub(8);
    let shared = engine(&hub);
    game(&shared, "week2", 1, "scheduled", 200);
    let team = topic(&hub, "team:NE");
    assert_eq!((shown(&team).as_str(), begins_new(&team)), ("week2", false));
    game(&shared, "week1", 1, "scheduled", 100);
    assert_eq!((shown(&team).as_str(), begins_new(&team)), ("week1", true));
    game(&shared, "week3", 1, "scheduled", 300);
    assert_eq!(shown(&team), "week1");
    game(&shared, "week2", 2, "live", 200);
    assert_eq!((shown(&team).as_str(), begins_new(&team)), ("week2", true));
    game(&shared, "week1", 2, "live", 100);
    assert_eq!(shown(&team), "week2", "a late word of an earlier game");
    game(&shared, "week2", 3, "final", 200);
    assert_eq!((shown(&team).as_str(), begins_new(&team)), ("week2", false));
    game(&shared, "week3", 2, "live", 300);
    assert_eq!((shown(&team).as_str(), begins_new(&team)), ("week3", true));
}

#[test]
fn the_entries_of_this_game_are_those_since_it_is_shown() {
    let (hub, _inboxes) = hub(8);
    let shared = engine(&hub);
    game(&shared, "week1", 1, "scheduled", 100);
    let team = topic(&hub, "team:NE");
    let seqs = || team.read(|history| history.of_this_game().map(|entry| entry.seq).collect::<Vec<Seq>>());
    assert_eq!(seqs(), [1]);
    game(&shared, "week1", 2, "live", 100);
    game(&shared, "week2", 1, "live", 200);
    game(&shared, "week2", 2, "final", 200);
    assert_eq!(seqs(), [3, 4]);
    for rev in 0..20 {
        let status = if rev % 2 == 0 { "live" } else { "final" };
        game(&shared, "week2", 3 + rev, status, 200);
    }
    assert_eq!(seqs(), (9..=24).collect::<Vec<Seq>>(), "as far back as the ring reaches");
}

/// A player's place in a change was kept in eight bits, while a game may have a thousand players: with a
/// player list that moved more than 256 of them, the rest would have been shown somebody else's line.
/// Only the decoder's default limit stood in between.
#[test]
fn a_change_of_many_players_shows_each_their_own() {
    let (hub, _inboxes) = hub(8);
    let shared = engine(&hub);
    for first in (0..400).step_by(50) {
        let stats: Vec<String> = (first..first + 50)
            .map(|player| format!(r#"{{"player":"p{player}","team":"NE","stat":10,"yards":{}}}"#, player % 90))
            .collect();
        feed(
            &shared,
            &format!(r#"{{"type":"play","game":"G","play":"{first}","stats":[{}]}}"#, stats.join(",")),
        );
    }
    let infos: Vec<String> = (0..400)
        .map(|player| format!(r#"{{"player":"p{player}","position":"RB"}}"#))
        .collect();
    let line = format!(r#"{{"type":"players","players":[{}]}}"#, infos.join(","));
    let limits = Limits {
        players_per_line_max: 400,
        ..Limits::default()
    };
    let event = Decoder::new(limits).line(line.as_bytes()).unwrap();
    shared.apply(event, IngestTime(1), StateTime(1));
    for player in 0..400 {
        let name = format!("p{player}");
        let topic = topic(&hub, &format!("player:{name}"));
        topic.read(|history| {
            assert_eq!(history.head, 2);
            assert_eq!(history.last().unwrap().player().who.card.player, PlayerId::new(&name).unwrap());
        });
    }
}

/// Between a game's owner finding a topic and its first change, the topic's only watcher could leave:
/// the topic was forgotten, the owner went on publishing into what nobody could find any more, and
/// whoever subscribed later waited for ever.
#[test]
fn a_topic_that_an_owner_holds_is_not_forgotten() {
    let (hub, _inboxes) = hub(8);
    let name = TopicName::parse("player:P").unwrap();
    let watched = hub.watch(&name, 0).unwrap();
    let owned = hub.own(name.clone());
    hub.unwatch(&watched, 0);
    assert!(Arc::ptr_eq(&hub.watch(&name, 1).unwrap(), &owned));
}

#[test]
fn made_up_topics_are_bounded_and_those_of_games_are_not() {
    let (hub, _inboxes) = hub(8);
    let watch = |name: &str| hub.watch(&TopicName::parse(name).unwrap(), 0);
    let made_up = watch("player:a").unwrap();
    assert!(watch("player:b").is_some() && watch("player:c").is_none() && watch("player:a").is_some());
    hub.unwatch(&made_up, 0);
    assert!(watch("player:c").is_some());
    game(&engine(&hub), "G", 1, "live", 100);
    assert!(hub.get(&TopicName::parse("game:G").unwrap()).is_some());
    assert!(watch("game:G").is_some() && watch("player:d").is_none());
}

#[test]
fn shards_that_watch_are_told_and_a_full_mailbox_is_owned_up_to() {
    let (hub, inboxes) = hub(1);
    let shared = engine(&hub);
    let name = TopicName::parse("game:G").unwrap();
    let topic = hub.watch(&name, 1).unwrap();
    for rev in 1..=2 {
        game(&shared, "G", rev, if rev == 1 { "scheduled" } else { "live" }, 100);
    }
    assert!(inboxes[0].notices.is_empty() && !inboxes[0].overflowed.load(Ordering::Acquire));
    assert_eq!(inboxes[1].notices.try_recv().unwrap().to_vec(), [topic.id]);
    assert!(inboxes[1].overflowed.load(Ordering::Acquire));
    assert_eq!(hub.notices_waiting(1), 0);
}

/// A game that was put off to another day left the scoreboard for new subscribers, while those who had
/// it kept it: nothing was published.
#[test]
fn the_slate_shows_one_day_and_says_when_its_games_are_others() {
    let (hub, _inboxes) = hub(8);
    let shared = engine(&hub);
    let slate = topic(&hub, "slate");
    let games = || -> Vec<String> { hub.slate().games.iter().map(|(head, _)| head.game.to_string()).collect() };
    game(&shared, "sunday", 1, "scheduled", 41);
    assert_eq!((games(), begins_new(&slate)), (vec!["sunday".to_owned()], false));
    game(&shared, "late", 1, "scheduled", 44);
    assert_eq!((games(), begins_new(&slate)), (vec!["sunday".to_owned(), "late".to_owned()], false));
    game(&shared, "monday", 1, "scheduled", 64);
    assert_eq!((games().len(), hub.slate().seq), (2, 2), "another day's game is not news here");
    game(&shared, "late", 2, "scheduled", 66);
    assert_eq!((games(), begins_new(&slate)), (vec!["sunday".to_owned()], true));
    game(&shared, "monday", 2, "live", 64);
    assert_eq!((games(), begins_new(&slate)), (vec!["monday".to_owned(), "late".to_owned()], true));
}

/// A team whose game was not announced yet was not told when the clock moved, though its snapshot
/// showed it.
#[test]
fn a_team_known_from_plays_alone_is_told_of_the_clock() {
    let (hub, _inboxes) = hub(8);
    let shared = engine(&hub);
    let play = |play: u64, player: &str| {
        format!(
            r#"{{"type":"play","game":"G","play":"{play}","clock":{{"quarter":1,"seconds_left":{}}},"stats":[{{"player":"{player}","team":"NE","stat":10,"yards":1}}]}}"#,
            900 - play
        )
    };
    feed(&shared, &play(1, "A"));
    feed(
        &shared,
        r#"{"type":"situation","game":"G","after_play":"1","clock":{"quarter":1,"seconds_left":870},"down":2}"#,
    );
    let team = topic(&hub, "team:NE");
    team.read(|history| {
        assert_eq!(history.head, 2);
        assert_eq!(history.last().unwrap().change.view.clock.unwrap().seconds_left, 870);
    });
}

/// A game of both teams with a play by each player.
fn played(shared: &Shared, id: &str, status: &str, kickoff_h: i64, players: &[&str]) {
    game(shared, id, 1, status, kickoff_h);
    for (play, player) in players.iter().enumerate() {
        feed(
            shared,
            &format!(
                r#"{{"type":"play","game":"{id}","play":"{play}","stats":[{{"player":"{player}","team":"NE","stat":10,"yards":1}}]}}"#
            ),
        );
    }
}

fn seqs(topic: &Topic) -> Vec<Seq> {
    topic.read(|history| history.after(0).map(|entry| entry.seq).collect())
}

#[test]
fn the_topics_of_a_game_that_is_let_go_of_move_on_to_nothing() {
    let (hub, _inboxes) = hub(8);
    let shared = engine(&hub);
    played(&shared, "week1", "live", 100, &["A", "B"]);
    played(&shared, "week2", "live", 268, &["B"]);
    let heads = || {
        ["game:week1", "team:NE", "team:HOU", "player:A", "player:B", "slate", "game:week2"].map(|name| topic(&hub, name).read(|h| h.head))
    };
    let before = heads();
    assert!(shared.expire(&GameId::new("week1").unwrap()));
    let moved: Vec<Seq> = heads().iter().zip(before).map(|(after, before)| after - before).collect();
    // The later game shows where both have a part.
    assert_eq!(moved, [1, 0, 0, 1, 0, 0, 0]);
    for name in ["game:week1", "player:A"] {
        assert!(topic(&hub, name).read(|history| history.game().is_none()), "{name}");
        assert!(seqs(&topic(&hub, name)).is_empty(), "{name}");
    }
    // What came before it is let go of where another game shows.
    for name in ["team:NE", "team:HOU", "player:B", "slate"] {
        let topic = topic(&hub, name);
        let other = topic.read(|history| history.after(0).all(|entry| entry.change.head.game.as_str() == "week2"));
        assert!(other && !seqs(&topic).is_empty(), "{name}");
    }
    assert_eq!(shown(&topic(&hub, "player:B")), "week2");
}

#[test]
fn the_next_game_after_nothing_begins_anew_and_the_seq_goes_on() {
    let (hub, _inboxes) = hub(8);
    let shared = engine(&hub);
    // An earlier game is corrected while a later one shows: nobody is told.
    played(&shared, "early", "live", 100, &["A"]);
    played(&shared, "late", "live", 101, &["A"]);
    let (player, team) = (topic(&hub, "player:A"), topic(&hub, "team:NE"));
    assert_eq!((shown(&player).as_str(), player.read(|history| history.head)), ("late", 2));
    assert!(shared.expire(&GameId::new("late").unwrap()));
    assert_eq!(player.read(|history| (history.head, history.cleared())), (3, 3));
    feed(
        &shared,
        r#"{"type":"play","game":"early","play":"0","rev":2,"stats":[{"player":"A","team":"NE","stat":10,"yards":5}]}"#,
    );
    // Not as a difference from what was never shown.
    assert_eq!((shown(&player).as_str(), begins_new(&player)), ("early", true));
    assert_eq!((shown(&team).as_str(), begins_new(&team)), ("early", true));
    assert_eq!((seqs(&player), player.read(|history| history.cleared())), (vec![4], 3));
}

#[test]
fn the_slate_goes_on_without_a_game_that_is_let_go_of() {
    let (hub, _inboxes) = hub(8);
    let shared = engine(&hub);
    let games = || -> Vec<String> { hub.slate().games.iter().map(|(head, _)| head.game.to_string()).collect() };
    for (id, kickoff_h) in [("a", 41), ("b", 42), ("c", 43)] {
        game(&shared, id, 1, "live", kickoff_h);
    }
    assert!(shared.expire(&GameId::new("b").unwrap()));
    assert_eq!((games(), hub.slate().seq), (vec!["a".to_owned(), "c".to_owned()], 4));
    // Another takes its place in memory, and the others keep theirs.
    game(&shared, "d", 1, "live", 40);
    game(&shared, "c", 2, "final", 43);
    assert_eq!(
        (games(), hub.slate().seq),
        (vec!["d".to_owned(), "a".to_owned(), "c".to_owned()], 6)
    );
    assert_eq!(hub.slate().games[2].1.status, crate::model::GameStatus::Final);
    assert_eq!(seqs(&topic(&hub, "slate")), [5, 6]);
}

/// A shard that is told later than that finds changes gone from a ring, and sends snapshots.
#[test]
fn a_notice_waits_for_half_a_ring_of_one_topic_at_most() {
    let (hub, inboxes) = hub(8);
    let (mut moved, watched) = (Moved::default(), TopicId(7));
    for _ in 0..7 {
        moved.add(watched, 0b01);
        moved.add(TopicId(8), 0);
    }
    assert!(!hub.is_due(&moved));
    moved.add(watched, 0b10);
    assert!(hub.is_due(&moved));
    hub.tell(&mut moved);
    assert!(!hub.is_due(&moved));
    for inbox in inboxes {
        assert_eq!(inbox.notices.drain().collect::<Vec<_>>(), [Notice::from_slice(&[watched])]);
    }
    (0..NOTICE_TOPICS as u32).for_each(|topic| moved.add(TopicId(topic), 1));
    assert!(hub.is_due(&moved));
}
