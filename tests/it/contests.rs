//! Contests through a real server: what their topics and plain HTTP show is what a recount of the players' points says,
//! whatever comes, to whoever watches.

use crate::chance::Chance;
use crate::support::client::Client;
use crate::support::events::{games_of, lines, play};
use crate::support::holdings::{Holdings, fixed};
use crate::support::server::{Answer, Http, Server};
use crate::support::sse::Stream;
use crate::support::{eventually, run};
use hyper::Method;
use scorewire::feed::simulator::{Options, Simulator, Trouble};
use scorewire::model::Event;
use scorewire::wire::Coding;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A contest of entries with a captain and two others each, and what its places are paid, in cents.
pub(crate) struct Posted {
    pub(crate) id: String,
    pub(crate) ruleset: &'static str,
    /// By entry: its players, the captain first.
    pub(crate) entries: BTreeMap<String, Vec<String>>,
}

/// Cents for a place.
const PAID: [(usize, usize, i64); 3] = [(1, 1, 10_000), (2, 3, 2_550), (4, 20, 501)];

impl Posted {
    pub(crate) fn new(id: &str, players: &[String], count: usize, chance: &mut Chance) -> Posted {
        let entry = |number: usize| {
            let mut left = players.to_vec();
            let lineup = (0..3).map(|_| left.swap_remove(chance.below(left.len()))).collect();
            (format!("e{number:04}"), lineup)
        };
        Posted {
            id: id.to_owned(),
            ruleset: "draftkings",
            entries: (0..count).map(entry).collect(),
        }
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        let terms = json!({
            "contest": self.id,
            "name": "Sunday Million",
            "ruleset": self.ruleset,
            "slots": [{"slot": "CPT", "multiplier": 1.5}, "FLEX", "FLEX"],
            "payouts": "1:100,2-3:25.50,4-20:5.01",
        });
        let entry = |(id, lineup): (&String, &Vec<String>)| json!({"entry": id, "name": format!("fan {id}"), "lineup": lineup});
        let lines = std::iter::once(terms).chain(self.entries.iter().map(entry));
        lines.map(|line| format!("{line}\n")).collect::<String>().into_bytes()
    }

    pub(crate) fn topic(&self) -> String {
        format!("contest:{}", self.id)
    }

    pub(crate) fn entry(&self, number: usize) -> String {
        format!("entry:{}/e{number:04}", self.id)
    }

    /// Points of all entries, in 1/10,000, from what plain HTTP says of the players.
    async fn counted(&self, server: &Http) -> BTreeMap<&str, i64> {
        let mut players: BTreeMap<String, i64> = BTreeMap::new();
        for game in server.json("/v1/games").await["games"].as_array().unwrap() {
            let game = game["game"].as_str().unwrap();
            let listed = server.json(&format!("/v1/games/{game}/players?ruleset={}", self.ruleset)).await;
            for player in listed.as_array().unwrap() {
                players.insert(player["player"].as_str().unwrap().to_owned(), fixed(&player["points"]));
            }
        }
        let has = |player: &String| players.get(player).copied().unwrap_or_default();
        let points = |lineup: &Vec<String>| {
            let captain = has(&lineup[0]) * 150;
            (captain + captain.signum() * 50) / 100 + has(&lineup[1]) + has(&lineup[2])
        };
        self.entries.iter().map(|(id, lineup)| (id.as_str(), points(lineup))).collect()
    }

    /// Whether all that plain HTTP says of the entries is a recount's.
    pub(crate) async fn is_right(&self, server: &Http) -> bool {
        let counted = self.counted(server).await;
        let mut from = 1;
        let mut told = Vec::new();
        while told.len() < self.entries.len() {
            let page = server
                .json(&format!("/v1/contests/{}/entries?from={from}&count=200", self.id))
                .await;
            told.extend(page["found"].as_array().unwrap().clone());
            from = told.len() + 1;
        }
        told.iter().all(|entry| {
            let points = counted[entry["entry"].as_str().unwrap()];
            let above = counted.values().filter(|other| **other > points).count();
            let tied = counted.values().filter(|other| **other == points).count();
            let below = counted.len() - above - tied;
            let paid = |place: usize| {
                PAID.iter()
                    .find(|(first, last, _)| (*first..=*last).contains(&place))
                    .map_or(0, |tier| tier.2)
            };
            let share = (above + 1..=above + tied).map(paid).sum::<i64>() / tied as i64;
            (fixed(&entry["points"]), entry["rank"].as_u64(), entry["tied"].as_u64()) == (points, Some(above as u64 + 1), Some(tied as u64))
                && fixed(&entry["payout"]) == share * 100
                && fixed(&entry["percentile"]) == (below * 10_000 / counted.len()) as i64 * 100
        })
    }
}

pub(crate) async fn post(server: &Http, body: Vec<u8>) -> Answer {
    server.request(Method::POST, "/v1/contests", &[], body).await
}

/// A game with corrections and what else goes wrong, and its players.
pub(crate) fn simulated(seed: u64) -> (Vec<Event>, Vec<String>) {
    let options = Options {
        seed,
        games: 2,
        trouble: Trouble::LIVE,
        ..Options::default()
    };
    let events: Vec<Event> = Simulator::new(&options).flat_map(|step| step.events).collect();
    let of_play = |event: &Event| match event {
        Event::Play(play) => play
            .stats
            .iter()
            .filter_map(|stat| Some(stat.player.as_ref()?.to_string()))
            .collect(),
        _ => Vec::new(),
    };
    let players: BTreeSet<String> = events.iter().flat_map(of_play).collect();
    assert!(games_of(&events).len() == 2 && players.len() > 20);
    (events, players.into_iter().collect())
}

/// Waits until a client's frames have led to what plain HTTP shows.
async fn caught_up(client: &mut Client, server: &Http, topics: &[String]) {
    for topic in topics {
        loop {
            let now = server.json(&format!("/v1/snapshot?topics={topic}")).await;
            let snapshot = &now["snapshots"][0];
            let held = client.holdings.standings.get(topic);
            if let Some(held) = held.filter(|held| held.seq == snapshot["seq"].as_u64().unwrap()) {
                for (name, value) in &held.shown {
                    assert_eq!(&snapshot[name], value, "{topic} {name}");
                }
                break;
            }
            client.read_some(20).await;
        }
    }
}

#[test]
fn ranks_payouts_and_points_are_a_recounts_whatever_comes() {
    run(async {
        let (events, players) = simulated(11);
        let server = Server::start(|_| {});
        let mut chance = Chance::new(5);
        let contest = Posted::new("c1", &players, 250, &mut chance);
        let (before, after) = events.split_at(events.len() / 3);
        server.post(before).await;
        let answer = post(&server, contest.body()).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let said = answer.json();
        assert_eq!(
            (&said["entries"], &said["rejected"], &said["contest"]),
            (&json!(250), &json!(0), &json!("c1"))
        );
        let topics: Vec<String> = (0..5).map(|number| contest.entry(number)).chain([contest.topic()]).collect();
        let mut json_client = Client::connect(&server).await;
        let mut bin_client = Client::connect_in(&server, Coding::Bin).await;
        json_client.subscribe(&topics, "ppr").await;
        bin_client.subscribe(&topics, "ppr").await;
        for batch in after.chunks(97) {
            server.post(batch).await;
            json_client.read_some(50).await;
        }
        eventually("the recount's ranks", || contest.is_right(&server)).await;
        for client in [&mut json_client, &mut bin_client] {
            caught_up(client, &server, &topics).await;
            assert!(client.holdings.counts.deltas > 20, "{:?}", client.holdings.counts);
        }
        // Under the contest's own ruleset, whatever was asked for.
        let entry = server.json("/v1/contests/c1/entries/e0003").await;
        let held = &json_client.holdings.standings[&contest.entry(3)];
        for name in ["points", "rank", "tied", "payout", "percentile", "players_left", "slots", "name"] {
            assert_eq!(held.shown[name], entry[name], "{name}");
        }
        let found = server.json("/v1/contests/c1/entries?q=FAN%20e0249").await;
        assert_eq!(found["found"][0]["entry"], "e0249");
        let whole = server.json("/v1/contests/c1").await;
        assert_eq!(whole["leaders"].as_array().unwrap().len(), 10);
        assert_eq!(whole["cuts"].as_array().unwrap().len(), 3);
        let spread = whole["distribution"]["counts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|count| count.as_u64().unwrap());
        assert_eq!(spread.sum::<u64>(), 250);
        drop((json_client, bin_client));
        server.end().await;
    });
}

/// Two players, one of them in both entries.
fn pair(id: &str) -> Posted {
    let lineups = [["p-1", "p-2", "p-3"], ["p-2", "p-1", "p-4"]];
    let entries = lineups.iter().enumerate();
    Posted {
        id: id.to_owned(),
        ruleset: "ppr",
        entries: entries
            .map(|(number, lineup)| (format!("e{number:04}"), lineup.map(str::to_owned).to_vec()))
            .collect(),
    }
}

async fn catches(server: &Http, player: &str, number: u64, rev: u64, yards: i32) {
    let play = play("G", number, rev, &[(player, "NE", 21, yards)]);
    server.post_lines(format!("{play}\n").into_bytes()).await;
}

#[test]
fn a_correction_moves_ranks_back_and_who_was_cut_off_is_sent_the_difference() {
    run(async {
        let server = Server::start(|_| {});
        assert_eq!(post(&server, pair("c").body()).await.status, 201);
        let topics = [pair("c").entry(0)];
        let mut client = Client::connect(&server).await;
        client.subscribe(&topics, "ppr").await;
        client.read_some(1).await;
        // A catch of ten yards by the first one's captain: 3 for him, 2 for the other.
        catches(&server, "p-1", 1, 1, 10).await;
        let shown = |client: &Client, name: &str| client.holdings.standings[&topics[0]].shown[name].clone();
        while client
            .holdings
            .standings
            .get(&topics[0])
            .is_none_or(|held| held.shown["points"] != 3)
        {
            client.next().await.expect("a frame");
        }
        assert_eq!((shown(&client, "rank"), shown(&client, "tied")), (json!(1), json!(1)));
        assert_eq!((shown(&client, "payout"), shown(&client, "to_money")), (json!(100.0), json!(1)));
        let (seq, epoch) = (client.holdings.standings[&topics[0]].seq, client.epoch.clone());
        let (held, _) = client.cut();
        server.has_clients(0).await;
        // Taken down to nothing: both have none, and share what the two places are paid.
        catches(&server, "p-1", 1, 2, -10).await;
        catches(&server, "p-2", 2, 1, 20).await;
        let mut again = Client::come_back(&server, held).await;
        let reply = again
            .ask(json!({"op": "subscribe", "topics": topics, "epoch": epoch, "since": {topics[0].as_str(): seq}}))
            .await;
        assert_eq!(reply["topics"][0]["how"], "resumed", "{reply}");
        assert_eq!(reply["topics"][0]["ruleset"], "ppr");
        while shown(&again, "rank") != 2 {
            let frame = again.next().await.expect("a frame");
            assert_eq!(frame["type"], "delta", "{frame}");
        }
        assert_eq!((shown(&again, "points"), shown(&again, "payout")), (json!(3), json!(25.5)));
        drop(again);
        server.end().await;
    });
}

#[test]
fn who_is_slow_gets_one_frame_for_many_changes() {
    run(async {
        let server = Server::start(|config| config.contests.ring_frames = 1_000);
        assert_eq!(post(&server, pair("c").body()).await.status, 201);
        let topics = [pair("c").entry(1), pair("c").topic()];
        let mut client = Client::connect(&server).await;
        let asked = json!({"op": "subscribe", "topics": topics, "max_rate_hz": 0.5});
        client.ask(asked).await;
        client.read_some(2).await;
        for number in 1..60 {
            catches(&server, "p-4", number, 1, 1).await;
        }
        caught_up(&mut client, &server, &topics).await;
        let held = &client.holdings.standings[&topics[0]];
        assert!(held.merged > 0 && held.deltas < 50, "{held:?}");
        drop(client);
        server.end().await;
    });
}

#[test]
fn an_entry_that_nobody_watches_has_no_topic_and_is_right_all_the_same() {
    run(async {
        let server = Server::start(|config| config.contests.linger_ms = 0);
        assert_eq!(post(&server, pair("c").body()).await.status, 201);
        // The server's own: a gauge is that of whichever server of this process was asked last.
        let topics = || server.running.app.hub.rings().topics;
        catches(&server, "p-1", 1, 1, 10).await;
        let entry = || server.json("/v1/contests/c/entries/e0000");
        eventually("its points", || async { entry().await["points"] == 3 }).await;
        let before = topics();
        catches(&server, "p-1", 2, 1, 10).await;
        eventually("its points", || async { entry().await["points"] == 6 }).await;
        let snapshot = server.json("/v1/snapshot?topics=entry:c/e0000,contest:c").await;
        assert_eq!(
            (&snapshot["snapshots"][0]["points"], &snapshot["snapshots"][1]["money_line"]),
            (&json!(6), &json!(4))
        );
        assert_eq!(topics(), before);
        // One who watches has a topic made, which goes when he does.
        let mut client = Client::connect(&server).await;
        client.subscribe(&[pair("c").entry(0)], "ppr").await;
        client.read_some(1).await;
        assert_eq!(topics(), before + 1);
        drop(client);
        eventually("as many as before", || async { topics() == before }).await;
        server.end().await;
    });
}

#[test]
fn players_are_left_until_their_games_are_over() {
    run(async {
        let server = Server::start(|_| {});
        assert_eq!(post(&server, pair("c").body()).await.status, 201);
        catches(&server, "p-1", 1, 1, 10).await;
        let left = || async { server.json("/v1/contests/c/entries/e0000").await["players_left"].clone() };
        eventually("all are left", || async { left().await == 3 }).await;
        let over = crate::support::events::game("G", 2, "final", ["NE", "HOU"], 1_800_000_000, [7, 0]);
        server.post_lines(format!("{over}\n").into_bytes()).await;
        eventually("one less", || async { left().await == 2 }).await;
        server.end().await;
    });
}

#[test]
fn event_streams_show_contests_and_a_deleted_one_ends_what_was_subscribed() {
    run(async {
        let server = Server::start(|_| {});
        assert_eq!(post(&server, pair("c").body()).await.status, 201);
        let topics = vec![pair("c").topic(), pair("c").entry(0)];
        let mut stream = Stream::open(&server, &topics, "ppr", Holdings::default(), None).await;
        let mut client = Client::connect(&server).await;
        client.subscribe(&topics, "ppr").await;
        catches(&server, "p-3", 1, 1, 10).await;
        while stream
            .holdings
            .standings
            .get(&topics[1])
            .is_none_or(|held| held.shown["points"] != 2)
        {
            stream.next().await.expect("a frame");
        }
        caught_up(&mut client, &server, &topics).await;
        let deleted = server.request(Method::DELETE, "/v1/contests/c", &[], Vec::new()).await;
        assert_eq!(deleted.status, 204);
        let mut ended = BTreeSet::new();
        while ended.len() < 2 {
            let message = client.next().await.expect("an error");
            if message["code"] == "contest_deleted" {
                ended.insert(message["topics"][0]["topic"].to_string());
            }
        }
        let reply = client.ask(json!({"op": "subscribe", "topics": topics})).await;
        let codes: Vec<&Value> = reply["errors"].as_array().unwrap().iter().map(|error| &error["code"]).collect();
        assert_eq!(codes, ["unknown_contest", "unknown_contest"]);
        while stream.next().await.is_some() {}
        for path in [
            "/v1/contests/c",
            "/v1/contests/c/entries",
            "/v1/snapshot?topics=contest:c",
            "/v1/sse?topics=entry:c/e0000",
        ] {
            let answer = server.get(path).await;
            assert_eq!(
                (answer.status.as_u16(), &answer.json()["code"]),
                (404, &json!("unknown_contest")),
                "{path}"
            );
        }
        // Another of the same id is another.
        assert_eq!(post(&server, pair("c").body()).await.status, 201);
        client.subscribe(&topics, "ppr").await;
        caught_up(&mut client, &server, &topics).await;
        assert_eq!(client.holdings.standings[&topics[1]].shown["points"], 2);
        drop(client);
        server.end().await;
    });
}

/// News for contests has room for one notice: the rest is found by looking. Beside the contest is one so large that whoever
/// ranks them falls behind on any machine.
#[test]
fn lost_news_is_made_up_for() {
    run(async {
        let (events, players) = simulated(12);
        let server = Server::start(|config| config.fanout.notices_max = 1);
        let contest = Posted::new("c1", &players, 100, &mut Chance::new(6));
        let large = Posted::new("c2", &players, 50_000, &mut Chance::new(7));
        for posted in [&contest, &large] {
            assert_eq!(post(&server, posted.body()).await.status, 201);
        }
        let topics = [contest.entry(0), contest.topic()];
        let mut client = Client::connect(&server).await;
        client.subscribe(&topics, "ppr").await;
        server.post_lines(lines(&events)).await;
        eventually("the recount's ranks", || contest.is_right(&server)).await;
        caught_up(&mut client, &server, &topics).await;
        eventually("news was lost", || async {
            server.metric("scorewire_contest_resyncs_total").await >= 1.0
        })
        .await;
        for name in [
            "scorewire_contest_changes_total",
            "scorewire_contest_views_total",
            "scorewire_contest_entries",
        ] {
            eventually(name, || async { server.metric(name).await >= 1.0 }).await;
        }
        drop(client);
        server.end().await;
    });
}
