//! One recorded week, play by play, before clients of every temper: all must end with the totals that
//! plain HTTP answers.

use super::chance::Chance;
use super::support::client::Client;
use super::support::events::{games_of, lines, recorded};
use super::support::holdings::Holdings;
use super::support::recorded::data;
use super::support::server::Server;
use super::support::sse::Stream;
use super::support::{eventually, on_both_writers};
use hyper::Method;
use scorewire::model::Event;
use serde_json::json;
use std::collections::BTreeMap;
use tokio::sync::watch;

const RULESETS: [&str; 6] = ["draftkings", "fanduel", "half_ppr", "ppr", "standard", "yahoo"];
/// Times that the restless client is cut off.
const CUTS: usize = 40;
/// Events in a request: few, so that clients see the game while it is played.
const BATCH: usize = 24;

fn topics(kind: &str, ids: impl IntoIterator<Item = String>) -> Vec<String> {
    ids.into_iter().map(|id| format!("{kind}:{id}")).collect()
}

/// The players with the most records, so that they are sure to move.
fn busiest(events: &[Event], count: usize) -> Vec<String> {
    let mut records: BTreeMap<String, usize> = BTreeMap::new();
    for event in events {
        let Event::Play(play) = event else { continue };
        for player in play.stats.iter().filter_map(|record| record.player.as_ref()) {
            *records.entry(player.as_str().to_owned()).or_default() += 1;
        }
    }
    let mut players: Vec<(usize, String)> = records.into_iter().map(|(player, count)| (count, player)).collect();
    players.sort();
    players.into_iter().rev().take(count).map(|(_, player)| player).collect()
}

fn teams(events: &[Event], count: usize) -> Vec<String> {
    let home = |event: &Event| match event {
        Event::Game(game) => Some(game.home.as_str().to_owned()),
        _ => None,
    };
    let mut teams: Vec<String> = events.iter().filter_map(home).collect();
    teams.dedup();
    teams.truncate(count);
    teams
}

/// Where the last game's last quarter begins.
fn last_quarter(events: &[Event]) -> usize {
    let last = events.iter().rev().find_map(|event| event.game()).unwrap();
    let begins = |event: &Event| match event {
        Event::Play(play) => play.game == *last && play.clock.is_some_and(|clock| clock.quarter == 4),
        _ => false,
    };
    events.iter().position(begins).unwrap()
}

/// The clients that take part, and what became of them.
struct Crowd {
    games: Vec<String>,
    slow: Client,
    late: Option<Client>,
    /// What the restless one holds between two connections, and of which history.
    restless: (Holdings, String),
    resumed: usize,
    anew: usize,
    stream: Option<Stream>,
    followed: Vec<String>,
}

impl Crowd {
    async fn gather(server: &Server, events: &[Event]) -> Crowd {
        let games = topics("game", games_of(events));
        let mut slow = Client::connect_narrow(server).await;
        for ruleset in RULESETS {
            slow.subscribe(&games, ruleset).await;
        }
        let mut followed = topics("player", busiest(events, 5));
        followed.push("slate".to_owned());
        followed.push(games[3].clone());
        Crowd {
            stream: Some(Stream::open(server, &followed, "yahoo", Holdings::default(), None).await),
            followed,
            games,
            slow,
            late: None,
            restless: Default::default(),
            resumed: 0,
            anew: 0,
        }
    }

    /// Plays one part of the week: the restless client comes back before it and is cut off in it.
    async fn part(&mut self, server: &Server, events: &[Event], chance: &mut Chance) {
        let (holdings, epoch) = std::mem::take(&mut self.restless);
        let mut restless = Client::come_back(server, holdings).await;
        let mut wanted = self.games.clone();
        wanted.push("slate".to_owned());
        let resumed = restless.resume(&wanted, "ppr", &epoch).await;
        self.resumed += resumed;
        self.anew += wanted.len() - resumed;
        for batch in events.chunks(BATCH) {
            server.post_lines(lines(batch)).await;
            restless.read_some(chance.below(3 * BATCH)).await;
        }
        self.restless = restless.cut();
        // Far less than what was said meanwhile.
        self.slow.read_some(3).await;
        if let Some(stream) = &mut self.stream {
            for _ in 0..chance.below(20) {
                let waited = tokio::time::timeout(std::time::Duration::from_millis(20), stream.next()).await;
                if waited.is_err() {
                    break;
                }
            }
        }
    }

    /// The event stream is cut and goes on from its last id.
    async fn cut_stream(&mut self, server: &Server) {
        let Stream { holdings, last_id, .. } = self.stream.take().unwrap();
        let snapshots: usize = holdings.counts.snapshots.values().sum();
        let mut stream = Stream::open(server, &self.followed, "yahoo", holdings, last_id).await;
        stream.catch_up(server).await;
        let since: usize = stream.holdings.counts.snapshots.values().sum();
        println!(
            "event stream: {} snapshots before it was cut, {} after",
            snapshots,
            since - snapshots
        );
        self.stream = Some(stream);
    }

    async fn join_late(&mut self, server: &Server) {
        let games = server.json("/v1/games").await;
        let last = games["games"].as_array().unwrap().last().unwrap();
        assert_eq!((&last["status"], &last["clock"]["quarter"]), (&"live".into(), &4.into()), "{last}");
        let mut late = Client::connect(server).await;
        late.subscribe(&self.games, "standard").await;
        self.late = Some(late);
    }

    /// Everyone reads to the end and must hold what plain HTTP answers.
    async fn end(mut self, server: &Server) {
        let (holdings, epoch) = self.restless;
        let mut restless = Client::come_back(server, holdings).await;
        self.games.push("slate".to_owned());
        self.resumed += restless.resume(&self.games, "ppr", &epoch).await;
        let mut late = self.late.expect("somebody joined in the last quarter");
        let mut stream = self.stream.expect("the event stream");
        for client in [&mut restless, &mut late, &mut self.slow] {
            client.catch_up(server).await;
            client.holdings.assert_equal_http(server).await;
        }
        stream.catch_up(server).await;
        stream.holdings.assert_equal_http(server).await;
        println!("resumed {} topics, began {} anew", self.resumed, self.anew);
        println!("slow: {:?}", self.slow.holdings.counts);
        assert!(self.resumed > CUTS, "topics were resumed: {}", self.resumed);
        let slow = &self.slow.holdings;
        assert_eq!(slow.held.len(), RULESETS.len() * 16);
        assert!(slow.counts.merged > 0, "frames were merged: {:?}", slow.counts);
        assert!(late.holdings.counts.deltas > 0, "{:?}", late.holdings.counts);
    }
}

#[test]
fn every_client_of_a_week_ends_with_the_totals_of_plain_http() {
    let Some(folder) = data("dev/2017w03") else { return };
    on_both_writers(async |writer| {
        let events = recorded(&folder);
        let mut chance = Chance::seeded(3);
        let server = Server::start(|config| {
            config.fanout.writer = writer;
            config.fanout.send_buffer_bytes = 4096;
            config.fanout.unsent_bytes_max = 4096;
            config.clients.stall_timeout_ms = 600_000;
        });
        let refused_before = server.metric("scorewire_writes_refused_total").await;
        let mut steady = Client::connect(&server).await;
        let mut watched = topics("game", games_of(&events));
        watched.extend(topics("team", teams(&events, 6)));
        watched.extend(topics("player", busiest(&events, 12)));
        watched.push("slate".to_owned());
        steady.subscribe(&watched, "draftkings").await;
        let (stop, stopped) = watch::channel(false);
        let steady = tokio::spawn(steady.read_until(stopped));
        let mut crowd = Crowd::gather(&server, &events).await;
        let late_from = last_quarter(&events);
        let mut posted = 0;
        for (place, part) in events.chunks(events.len().div_ceil(CUTS)).enumerate() {
            let cut = (late_from + 1).saturating_sub(posted).min(part.len());
            if crowd.late.is_none() && cut < part.len() {
                server.post(&part[..cut]).await;
                crowd.join_late(&server).await;
                crowd.part(&server, &part[cut..], &mut chance).await;
            } else {
                crowd.part(&server, part, &mut chance).await;
            }
            posted += part.len();
            if place == CUTS / 2 {
                eventually("the slow client's socket refuses bytes", || async { server.slow_clients() > 0 }).await;
                crowd.cut_stream(&server).await;
            }
        }
        stop.send(true).unwrap();
        let mut steady = steady.await.unwrap();
        steady.catch_up(&server).await;
        steady.holdings.assert_equal_http(&server).await;
        assert_eq!(steady.holdings.held.len(), watched.len());
        println!("steady: {:?}", steady.holdings.counts);
        crowd.end(&server).await;
        eventually("refused writes are counted", || async {
            server.metric("scorewire_writes_refused_total").await > refused_before
        })
        .await;
        drop(steady);
        server.end().await;
    });
}

#[test]
fn a_whole_week_in_one_request_loses_nobody_anything() {
    let Some(folder) = data("dev/2015w14") else { return };
    on_both_writers(async |writer| {
        let events = recorded(&folder);
        let server = Server::start(|config| {
            config.fanout.writer = writer;
            // So few that the shards are told to look everywhere.
            config.fanout.notices_max = 1;
        });
        let mut watched = topics("game", games_of(&events));
        watched.extend(topics("team", teams(&events, 8)));
        watched.extend(topics("player", busiest(&events, 40)));
        watched.push("slate".to_owned());
        let mut clients = Vec::new();
        for ruleset in ["standard", "draftkings", "fanduel"] {
            let mut client = Client::connect(&server).await;
            client.subscribe(&watched, ruleset).await;
            clients.push(client);
        }
        let resyncs = server.metric("scorewire_shard_resyncs_total").await;
        let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut zipped, &lines(&events)).unwrap();
        let headers = [("content-type", "application/x-ndjson"), ("content-encoding", "gzip")];
        let answer = server.request(Method::POST, "/v1/events", &headers, zipped.finish().unwrap()).await;
        assert_eq!(answer.json(), json!({"accepted": events.len(), "duplicate": 0, "rejected": []}));
        for client in &mut clients {
            client.catch_up(&server).await;
            client.holdings.assert_equal_http(&server).await;
        }
        eventually("the shards had to look everywhere", || async {
            server.metric("scorewire_shard_resyncs_total").await > resyncs
        })
        .await;
        drop(clients);
        server.end().await;
    });
}
