//! What subscriptions promise beyond totals: rulesets that start late, one's own rulesets, rate
//! limits, a player's next game, event streams that resume.

use super::support::client::Client;
use super::support::events::{game, games_of, lines, of_game, play, recorded};
use super::support::holdings::Holdings;
use super::support::recorded::data;
use super::support::run;
use super::support::server::Server;
use super::support::sse::Stream;
use serde_json::json;

fn begin(id: &str, kickoff_s: i64) -> Vec<u8> {
    game(id, 1, "live", ["AAA", "BBB"], kickoff_s, [0, 0]).into_bytes()
}

/// One yard of x-1.
async fn yard(server: &Server, game: &str, id: u64) {
    server.post_lines(play(game, id, 1, &[("x-1", "AAA", 10, 1)]).into_bytes()).await;
}

#[test]
fn a_ruleset_that_starts_late_is_right_from_its_first_frame() {
    let Some(folder) = data("dev/2017w03") else { return };
    run(async {
        let events = recorded(&folder);
        let id = games_of(&events).pop().unwrap();
        let events = of_game(&events, &id);
        let (early, late) = events.split_at(events.len() / 2);
        let topics = [format!("game:{id}")];
        let server = Server::start(|_| ());
        let mut client = Client::connect(&server).await;
        client.subscribe(&topics, "draftkings").await;
        server.post(early).await;
        client.catch_up(&server).await;
        let seq = client.holdings.of(&topics[0], "draftkings").seq;
        // Nobody has asked for these before: resuming gets deltas that were never encoded.
        for ruleset in ["fanduel", "half_ppr"] {
            let since = json!({ topics[0].clone(): seq - 3 });
            let request = json!({"op": "subscribe", "topics": topics, "ruleset": ruleset, "epoch": client.epoch, "since": since});
            let mut other = Client::connect(&server).await;
            let reply = other.ask(json!({"op": "subscribe", "topics": topics, "ruleset": ruleset})).await;
            assert_eq!(
                (&reply["topics"][0]["how"], &reply["topics"][0]["reason"]),
                (&json!("snapshot"), &json!("fresh"))
            );
            other.catch_up(&server).await;
            other.holdings.assert_equal_http(&server).await;
            let reply = other.ask(request).await;
            assert_eq!(reply["topics"][0]["how"], "resumed");
            client.subscribe(&topics, ruleset).await;
        }
        for batch in late.chunks(5) {
            server.post_lines(lines(batch)).await;
            client.catch_up(&server).await;
        }
        client.holdings.assert_equal_http(&server).await;
        assert_eq!(client.holdings.held.len(), 3);
        drop(client);
        server.end().await;
    });
}

#[test]
fn ones_own_ruleset_file_works_and_may_replace_a_built_in_one() {
    run(async {
        let folder = std::env::temp_dir().join(format!("scorewire-rulesets-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let own = |points: &str| format!("title = \"T\"\ndescription = \"D\"\n[weights]\nrushing_yards = {points}\n");
        std::fs::write(folder.join("office_league.toml"), own("0.25")).unwrap();
        std::fs::write(folder.join("yahoo.toml"), own("2")).unwrap();
        let server = Server::start(|config| config.scoring.rulesets_dir.clone_from(&folder));
        std::fs::remove_dir_all(&folder).unwrap();
        server.post_lines(begin("g1", 1_500_000_000)).await;
        let mut client = Client::connect(&server).await;
        for ruleset in ["office_league", "yahoo", "standard"] {
            client.subscribe(&["player:x-1".to_owned()], ruleset).await;
        }
        yard(&server, "g1", 1).await;
        yard(&server, "g1", 2).await;
        client.catch_up(&server).await;
        for (ruleset, points) in [("office_league", 5_000), ("yahoo", 40_000), ("standard", 2_000)] {
            assert_eq!(client.holdings.of("player:x-1", ruleset).totals.points, points, "{ruleset}");
        }
        client.holdings.assert_equal_http(&server).await;
        drop(client);
        server.end().await;
    });
}

#[test]
fn a_rate_limit_merges_but_holds_no_correction_up() {
    run(async {
        let server = Server::start(|_| ());
        server.post_lines(begin("g1", 1_500_000_000)).await;
        let mut client = Client::connect(&server).await;
        // One frame in a hundred seconds: whatever else comes must have been let through.
        let request = json!({"op": "subscribe", "topics": ["player:x-1"], "ruleset": "ppr", "max_rate_hz": 0.01});
        client.ask(request).await;
        client.barrier().await;
        for id in 1..=30 {
            yard(&server, "g1", id).await;
        }
        client.barrier().await;
        assert_eq!(client.holdings.of("player:x-1", "ppr").seq, 1, "the first at once, the others wait");
        server.post_lines(play("g1", 7, 2, &[("x-1", "AAA", 10, 11)]).into_bytes()).await;
        client.catch_up(&server).await;
        assert_eq!((client.holdings.counts.deltas, client.holdings.counts.merged), (2, 1));
        assert_eq!(client.holdings.of("player:x-1", "ppr").seq, 31);
        client.holdings.assert_equal_http(&server).await;
        // At a higher rate the last change comes by itself.
        let request = json!({"op": "subscribe", "topics": ["player:x-1"], "ruleset": "ppr", "max_rate_hz": 20});
        client.ask(request).await;
        for id in 101..=130 {
            yard(&server, "g1", id).await;
        }
        client.catch_up(&server).await;
        assert_eq!(client.holdings.of("player:x-1", "ppr").seq, 61);
        client.holdings.assert_equal_http(&server).await;
        drop(client);
        server.end().await;
    });
}

#[test]
fn a_players_next_game_begins_with_a_snapshot() {
    run(async {
        let server = Server::start(|_| ());
        let topics = ["player:x-1".to_owned(), "team:AAA".to_owned()];
        server.post_lines(begin("g1", 1_500_000_000)).await;
        let mut client = Client::connect(&server).await;
        client.subscribe(&topics, "standard").await;
        yard(&server, "g1", 1).await;
        client.catch_up(&server).await;
        let before = client.holdings.of("player:x-1", "standard").clone();
        assert_eq!((before.game.as_deref(), before.totals.points), (Some("g1"), 1_000));
        // Announced, but not begun: the earlier game is still shown.
        let next = game("g2", 1, "scheduled", ["AAA", "CCC"], 1_500_600_000, [0, 0]);
        server.post_lines(next.into_bytes()).await;
        yard(&server, "g1", 2).await;
        client.catch_up(&server).await;
        assert_eq!(client.holdings.of("player:x-1", "standard").totals.points, 2_000);
        assert_eq!(client.holdings.counts.snapshots.get("new_game"), None);
        let live = game("g2", 2, "live", ["AAA", "CCC"], 1_500_600_000, [0, 0]);
        server.post_lines(live.into_bytes()).await;
        yard(&server, "g2", 1).await;
        client.catch_up(&server).await;
        for topic in &topics {
            let held = client.holdings.of(topic, "standard");
            assert_eq!(held.game.as_deref(), Some("g2"), "{topic}");
        }
        assert_eq!(client.holdings.of("player:x-1", "standard").totals.points, 1_000);
        assert!(client.holdings.counts.snapshots["new_game"] >= 2, "{:?}", client.holdings.counts);
        client.holdings.assert_equal_http(&server).await;
        // The game before is corrected: its list says so, these topics show the later one.
        let seq = client.holdings.of("player:x-1", "standard").seq;
        server.post_lines(play("g1", 1, 2, &[("x-1", "AAA", 10, 50)]).into_bytes()).await;
        client.barrier().await;
        assert_eq!(client.holdings.of("player:x-1", "standard").seq, seq);
        // Who comes back from before the change of games begins anew.
        let mut late = Client::come_back(&server, client.holdings.clone()).await;
        late.holdings.held.insert(("player:x-1".to_owned(), "standard".to_owned()), before);
        let epoch = client.epoch.clone();
        late.resume(&topics[..1], "standard", &epoch).await;
        late.catch_up(&server).await;
        late.holdings.assert_equal_http(&server).await;
        drop((client, late));
        server.end().await;
    });
}

#[test]
fn an_event_stream_resumes_from_its_last_id() {
    run(async {
        let server = Server::start(|_| ());
        server.post_lines(begin("g1", 1_500_000_000)).await;
        yard(&server, "g1", 1).await;
        let topics = ["player:x-1".to_owned(), "game:g1".to_owned(), "slate".to_owned()];
        let mut stream = Stream::open(&server, &topics, "ppr", Holdings::default(), None).await;
        stream.catch_up(&server).await;
        for id in 2..=9 {
            yard(&server, "g1", id).await;
        }
        stream.catch_up(&server).await;
        let (holdings, last_id) = (stream.holdings.clone(), stream.last_id.clone());
        assert_eq!(holdings.counts.snapshots, [("subscribe".to_owned(), 3)].into());
        drop(stream);
        for id in 10..=19 {
            yard(&server, "g1", id).await;
        }
        let mut stream = Stream::open(&server, &topics, "ppr", holdings, last_id).await;
        stream.catch_up(&server).await;
        assert_eq!(stream.holdings.counts.snapshots["subscribe"], 3, "deltas went on where it was cut");
        stream.holdings.assert_equal_http(&server).await;
        // An id of another history begins anew.
        let foreign = Some("0123456789abcdef.1-1-1".to_owned());
        let mut anew = Stream::open(&server, &topics, "ppr", Holdings::default(), foreign).await;
        anew.catch_up(&server).await;
        anew.holdings.assert_equal_http(&server).await;
        drop((stream, anew));
        server.end().await;
    });
}

#[test]
fn a_player_put_right_to_the_other_team_leaves_the_first() {
    run(async {
        let server = Server::start(|_| ());
        let topics = [
            "team:AAA".to_owned(),
            "team:BBB".to_owned(),
            "game:g1".to_owned(),
            "player:x-1".to_owned(),
        ];
        server.post_lines(begin("g1", 1_500_000_000)).await;
        let mut client = Client::connect(&server).await;
        client.subscribe(&topics, "standard").await;
        yard(&server, "g1", 1).await;
        client.catch_up(&server).await;
        client.holdings.assert_equal_http(&server).await;
        server.post_lines(play("g1", 1, 2, &[("x-1", "BBB", 10, 7)]).into_bytes()).await;
        client.catch_up(&server).await;
        client.barrier().await;
        client.holdings.assert_equal_http(&server).await;
        // Most records decide: back to the first team with everything held so far, catches included,
        // and to and fro in one merged frame for whoever is behind.
        let mut behind = Client::connect(&server).await;
        let request = json!({"op": "subscribe", "topics": topics, "ruleset": "standard", "max_rate_hz": 0.01});
        behind.ask(request).await;
        behind.catch_up(&server).await;
        for (id, team) in [(2, "AAA"), (3, "AAA"), (4, "BBB"), (5, "BBB"), (6, "AAA"), (7, "AAA")] {
            let line = play("g1", id, 1, &[("x-1", team, 21, 4)]);
            server.post_lines(line.into_bytes()).await;
            client.catch_up(&server).await;
            client.holdings.assert_equal_http(&server).await;
        }
        // A correction lets what is held up through, in each of these topics.
        server.post_lines(play("g1", 1, 3, &[("x-1", "BBB", 10, 8)]).into_bytes()).await;
        server
            .post_lines(game("g1", 2, "final", ["AAA", "BBB"], 1_500_000_000, [0, 0]).into_bytes())
            .await;
        for client in [&mut client, &mut behind] {
            client.catch_up(&server).await;
            client.holdings.assert_equal_http(&server).await;
        }
        assert!(behind.holdings.counts.merged > 0, "{:?}", behind.holdings.counts);
        drop((client, behind));
        server.end().await;
    });
}
