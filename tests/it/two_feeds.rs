//! Two feeds of one game before a subscriber: each play once, the better feed's word, and a silence that is
//! noticed, filled, shown to operators and over when the feed is back.

use super::auth::mint::api_key;
use super::hostile::binary::Folder;
use super::support::client::Client;
use super::support::events::play;
use super::support::server::Server;
use super::support::{eventually, run};
use hyper::Method;
use scorewire::config::{ApiKey, Config, Durability, Scope};
use scorewire::feed::Decoder;
use scorewire::feed::simulator::{Options, Simulator, Trouble};
use scorewire::model::{Event, IngestTime, Origin, SourceId};
use serde_json::Value;

const PRIMARY: SourceId = SourceId(0);
const SECOND: SourceId = SourceId(1);

fn two(silence_ms: u64) -> Server {
    two_with(silence_ms, |_| {})
}

fn two_with(silence_ms: u64, change: impl FnOnce(&mut Config)) -> Server {
    Server::start(|config| {
        config.feeds.sources = vec!["stadium".into(), "agency".into()];
        config.feeds.silence_ms = silence_ms;
        // One change per frame, however quickly they come.
        config.fanout.coalesce_frames_max = 4096;
        config.fanout.ring_frames = 4096;
        change(config);
    })
}

/// That feed says so, in this order.
async fn tell(server: &Server, source: SourceId, events: &[Event]) {
    let origin = Origin {
        source,
        ingest: IngestTime(server.running.app.clock.wall_us()),
    };
    let events = events.iter().cloned().enumerate().collect();
    server.running.app.engine.submit(events, origin).await.unwrap();
}

/// A run of that many yards.
fn ran(id: u64, rev: u64, yards: i32) -> Event {
    let line = play("g", id, rev, &[("p-0", "AAA", 10, yards)]);
    Decoder::default().line(line.as_bytes()).unwrap()
}

async fn yards_and_seq(server: &Server) -> (Value, Value) {
    let answer = server.json("/v1/snapshot?topics=player:p-0&ruleset=standard").await;
    let mut snapshot = answer["snapshots"][0].clone();
    (snapshot["stats"]["rushing_yards"].take(), snapshot["seq"].take())
}

#[test]
fn a_silent_feed_is_noticed_filled_and_comes_back() {
    run(async {
        let server = two(100);
        let mut client = Client::connect(&server).await;
        client.subscribe(&["player:p-0".into(), "game:g".into()], "standard").await;
        tell(&server, PRIMARY, &[ran(1, 1, 10), ran(2, 1, 10)]).await;
        tell(&server, SECOND, &[ran(1, 1, 10), ran(2, 1, 10), ran(2, 2, 20)]).await;
        // It is as old as it likes: the primary has told of all there is.
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        assert_eq!(yards_and_seq(&server).await, (20.into(), 2.into()));
        let differ = r#"scorewire_feed_differences{about="points"}"#;
        eventually("the difference is shown", || async { server.metric(differ).await == 1.0 }).await;

        tell(&server, SECOND, &[ran(3, 1, 5)]).await;
        eventually("the second's correction counts", || async {
            yards_and_seq(&server).await == (35.into(), 4.into())
        })
        .await;
        let silent = r#"scorewire_feed_silent_games{source="primary"}"#;
        eventually("the silence is shown", || async { server.metric(silent).await == 1.0 }).await;
        client.catch_up(&server).await;
        assert_eq!(client.holdings.counts.kinds["correction"], 2, "of the player and of the game");

        tell(&server, PRIMARY, &[ran(1, 1, 10), ran(2, 1, 10), ran(3, 1, 5), ran(2, 2, 12)]).await;
        assert_eq!(yards_and_seq(&server).await, (27.into(), 5.into()));
        eventually("the silence is over", || async { server.metric(silent).await == 0.0 }).await;
        client.catch_up(&server).await;
        client.holdings.assert_equal_http(&server).await;
        server.end().await;
    });
}

/// As feeds really come: whose line it is, the key says.
#[test]
fn each_of_two_keys_is_a_feed() {
    run(async {
        let server = two_with(100, |config| {
            let key = |name: &str| ApiKey {
                source: Some(name.to_owned()),
                ..api_key(name, &format!("sw_{name}"), &[Scope::Feed])
            };
            config.auth.keys = vec![key("agency"), key("stadium")];
        });
        let post = async |name: &str, lines: &[String]| {
            let bearer = format!("Bearer sw_{name}");
            let headers = [("authorization", bearer.as_str())];
            let body = lines.join("\n").into_bytes();
            let answer = server.request(Method::POST, "/v1/events", &headers, body).await;
            assert_eq!(
                (answer.status.as_u16(), &answer.json()["accepted"]),
                (200, &lines.len().into()),
                "{}",
                answer.text()
            );
        };
        let ran = |id, rev, yards| play("g", id, rev, &[("p-0", "AAA", 10, yards)]);
        let heard = |rank: &str| format!("scorewire_feed_events_total{{source=\"{rank}\"}}");
        let before = [server.metric(&heard("primary")).await, server.metric(&heard("second")).await];
        post("agency", &[ran(1, 1, 8)]).await;
        assert_eq!(yards_and_seq(&server).await, (8.into(), 1.into()), "who comes first is shown");
        post("stadium", &[ran(1, 1, 10)]).await;
        assert_eq!(yards_and_seq(&server).await, (10.into(), 2.into()), "the primary is right");
        post("agency", &[ran(1, 2, 9)]).await;
        assert_eq!(yards_and_seq(&server).await, (10.into(), 2.into()));
        post("agency", &[ran(2, 1, 5)]).await;
        eventually("the silence is filled", || async { yards_and_seq(&server).await.0 == 14 }).await;
        post("stadium", &[ran(2, 1, 6), ran(1, 2, 11)]).await;
        assert_eq!(yards_and_seq(&server).await.0, 17);
        for (rank, before) in ["primary", "second"].into_iter().zip(before) {
            assert!(server.metric(&heard(rank)).await >= before + 3.0, "{rank}");
        }
        server.end().await;
    });
}

/// A silence is in the log: a server that begins again has filled it, and feeds go on where they were.
#[test]
fn a_silence_outlives_a_restart() {
    let folder = Folder::new("silence");
    let start = || {
        let path = folder.path().to_owned();
        two_with(100, |config| {
            config.store.durability = Durability::Group;
            config.store.dir = path;
        })
    };
    run(async {
        let server = start();
        tell(&server, PRIMARY, &[ran(1, 1, 10)]).await;
        tell(&server, SECOND, &[ran(1, 1, 10), ran(1, 2, 20), ran(2, 1, 5)]).await;
        eventually("the second's correction counts", || async {
            yards_and_seq(&server).await == (25.into(), 3.into())
        })
        .await;
        server.end().await;

        let server = start();
        assert_eq!(yards_and_seq(&server).await, (25.into(), 3.into()));
        // Known already, and the silence goes on.
        tell(&server, PRIMARY, &[ran(1, 1, 10)]).await;
        tell(&server, SECOND, &[ran(1, 3, 21)]).await;
        assert_eq!(yards_and_seq(&server).await, (26.into(), 4.into()));
        tell(&server, PRIMARY, &[ran(1, 2, 11)]).await;
        assert_eq!(yards_and_seq(&server).await, (16.into(), 5.into()));
        server.end().await;
    });
}

/// What every player of the slate has, and how often each game moved.
async fn shown(server: &Server) -> Vec<(Value, Value)> {
    let mut all = Vec::new();
    for game in server.json("/v1/games").await["games"].as_array().unwrap() {
        let topic = format!("game:{}", game["game"].as_str().unwrap());
        let answer = server.json(&format!("/v1/snapshot?topics={topic}&ruleset=draftkings")).await;
        let mut snapshot = answer["snapshots"][0].clone();
        snapshot["encode_us"] = Value::Null;
        let seq = snapshot["seq"].take();
        snapshot["players"]
            .as_array_mut()
            .unwrap()
            .sort_by_key(|player| player["player"].to_string());
        all.push((snapshot, seq));
    }
    all
}

#[test]
fn a_second_feed_that_agrees_moves_nothing_twice() {
    let options = Options {
        seed: 9,
        games: 2,
        trouble: Trouble::NONE,
        ..Options::default()
    };
    let slate: Vec<Event> = Simulator::new(&options).flat_map(|step| step.events).collect();
    run(async {
        let one = Server::start(|_| {});
        one.post(&slate).await;
        let expected = shown(&one).await;
        one.end().await;
        // The second ahead, and behind, by some plays.
        for (first, then) in [(SECOND, PRIMARY), (PRIMARY, SECOND)] {
            let server = two(30_000);
            // Announcements are revisions of one item: those of the primary count from its first one on.
            let is_before = |event: &&Event| matches!(event, Event::Game(_) | Event::Players(_));
            let before = slate.iter().take_while(is_before).count();
            assert!(before > options.games);
            tell(&server, PRIMARY, &slate[..before]).await;
            let (mut ahead, mut behind) = (slate.chunks(7), slate.chunks(7));
            for step in 0..slate.len() / 7 + 4 {
                if let Some(events) = ahead.next() {
                    tell(&server, first, events).await;
                }
                if step >= 3
                    && let Some(events) = behind.next()
                {
                    tell(&server, then, events).await;
                }
            }
            assert!(ahead.next().is_none() && behind.next().is_none());
            assert_eq!(shown(&server).await, expected, "{} first", first.rank());
            server.end().await;
        }
    });
}
