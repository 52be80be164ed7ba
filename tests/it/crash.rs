//! A server killed at random moments under load: no confirmed event is lost, none is applied twice, and every
//! client goes on where it was and ends right.
//!
//! `SCOREWIRE_CRASH_KILLS=200` kills more often; a failure names its seed, `SCOREWIRE_SEED=n` runs it again.

use super::chance::Chance;
use super::hostile::binary::{Folder, Served, scorewire};
use super::support::client::Client;
use super::support::events::{games_of, lines};
use super::support::holdings::Holdings;
use super::support::run;
use super::support::server::{Http, Server};
use hyper::StatusCode;
use rustix::process::Signal;
use scorewire::feed::simulator::{Options, Simulator, Trouble};
use scorewire::model::Event;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Kills in `./test`; each takes a start of the server.
const KILLS: usize = 6;
/// Kills of one slate, after which another begins, in a folder of its own.
const KILLS_A_SLATE: usize = 6;
/// Slates more at most, where no kill came in the middle of a request.
const SLATES_MORE: usize = 10;

#[test]
fn a_killed_server_goes_on_where_it_was() {
    let kills = std::env::var("SCOREWIRE_CRASH_KILLS").map_or(KILLS, |kills| kills.parse().expect("a number"));
    let mut chance = Chance::seeded(1);
    let mut left = kills;
    let (mut cut_off, mut more) = (0, SLATES_MORE);
    for slate in 0.. {
        if left == 0 && cut_off == 0 && kills >= KILLS && more > 0 {
            (left, more) = (KILLS_A_SLATE, more - 1);
        }
        if left == 0 {
            break;
        }
        let some = left.min(KILLS_A_SLATE);
        left -= some;
        cut_off += run(Slate::new(slate, &mut chance).play(some));
        if kills > KILLS {
            println!("{} of {kills} kills", kills - left);
        }
    }
    // Else it proves that servers can be stopped between two requests.
    assert!(kills < KILLS || cut_off > 0, "no kill came while events were taken in");
}

/// One slate of games, and all that happens to it.
struct Slate {
    chance: Chance,
    folder: Folder,
    events: Vec<Event>,
    topics: Vec<String>,
    /// Events that were confirmed, from the first one on.
    confirmed: usize,
    /// What clients hold, and of which epoch.
    clients: Vec<(Holdings, String)>,
    /// Kills in the middle of a request.
    cut_off: usize,
}

impl Slate {
    fn new(number: u64, chance: &mut Chance) -> Slate {
        let options = Options {
            seed: chance.next() % 1_000 + 1,
            games: 2,
            trouble: Trouble::LIVE,
            ..Options::default()
        };
        let events: Vec<Event> = Simulator::new(&options).flat_map(|step| step.events).collect();
        let mut topics: Vec<String> = games_of(&events).into_iter().map(|game| format!("game:{game}")).collect();
        topics.push("slate".to_owned());
        let plays = events.iter().filter_map(|event| match event {
            Event::Play(play) => play.stats.first()?.player.as_ref(),
            _ => None,
        });
        let players: BTreeSet<String> = plays.take(60).map(|player| format!("player:{player}")).collect();
        topics.extend(players);
        Slate {
            chance: Chance::new(chance.next()),
            folder: Folder::new(&format!("crash-{number}")),
            events,
            topics,
            confirmed: 0,
            clients: vec![Default::default(); 3],
            cut_off: 0,
        }
    }

    fn serve(&self) -> Served {
        let folder = self.folder.path().join("log");
        let folder = folder.to_str().expect("a plain name");
        Served::start(scorewire(&["serve", "--bind", "127.0.0.1:0", "--data-dir", folder]))
    }

    /// Plays it to the end through that many kills; returns how many came in the middle of a request.
    async fn play(mut self, kills: usize) -> usize {
        for _ in 0..kills {
            self.until_killed().await;
        }
        self.finish().await;
        self.cut_off
    }

    /// Serves and feeds until the server is killed, whatever it is doing then.
    async fn until_killed(&mut self) {
        let served = self.serve();
        let http = Http::new(served.address("address"));
        let mut reading = Vec::new();
        for client in self.come_back(&http).await {
            reading.push(tokio::spawn(async move {
                let mut client = client;
                client.read_to_end().await;
                client.cut()
            }));
        }
        // Sometimes all is fed, sometimes next to nothing.
        let alive = Duration::from_millis(self.chance.between(2, 160) as u64);
        let is_over = Arc::new(AtomicBool::new(false));
        let killing = tokio::spawn({
            let is_over = is_over.clone();
            async move {
                tokio::time::sleep(alive).await;
                is_over.store(true, Ordering::SeqCst);
                served.signal(Signal::KILL);
                served.ended()
            }
        });
        while !killing.is_finished() && self.confirmed < self.events.len() {
            // What begins after that cannot be cut off.
            let may_be_cut_off = !is_over.load(Ordering::SeqCst);
            if !self.feed(&http).await {
                self.cut_off += usize::from(may_be_cut_off);
                break;
            }
            tokio::time::sleep(Duration::from_millis(self.chance.below(8) as u64)).await;
        }
        killing.await.unwrap();
        self.clients.clear();
        for client in reading {
            self.clients.push(client.await.unwrap());
        }
    }

    /// Posts what comes next, and sometimes what was confirmed before; false where nobody confirms it.
    async fn feed(&mut self, http: &Http) -> bool {
        let from = match self.chance.percent(20) {
            true => self.confirmed.saturating_sub(self.chance.below(50)),
            false => self.confirmed,
        };
        let to = (self.confirmed + self.chance.between(1, 30)).min(self.events.len());
        let Some(answer) = http.try_post(lines(&self.events[from..to])).await else {
            return false;
        };
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let report = answer.json();
        assert_eq!(report["rejected"], serde_json::json!([]), "{report}");
        // What was confirmed before must be known. Player lists are never duplicates.
        let known = self.events[from..self.confirmed].iter().filter(|event| event.game().is_some());
        assert!(
            report["duplicate"].as_u64() >= Some(known.count() as u64),
            "a confirmed event was lost: {report}"
        );
        self.confirmed = to;
        true
    }

    /// Clients that begin or go on: all that the server's rings hold is theirs.
    async fn come_back(&mut self, http: &Http) -> Vec<Client> {
        let mut clients = Vec::new();
        for (holdings, epoch) in std::mem::take(&mut self.clients) {
            let held = holdings
                .held
                .keys()
                .filter(|(topic, ruleset)| ruleset == "ppr" || topic == "slate")
                .count();
            let mut client = Client::come_back(http, holdings).await;
            assert!(epoch.is_empty() || epoch == client.epoch, "a killed process is no new history");
            let resumed = client.resume(&self.topics, "ppr", &epoch).await;
            assert_eq!(resumed, held, "what it held can be gone on from");
            clients.push(client);
        }
        clients
    }

    /// Feeds the rest, and compares with a server to which nothing happened.
    async fn finish(&mut self) {
        let served = self.serve();
        let http = Http::new(served.address("address"));
        let mut clients = self.come_back(&http).await;
        while self.confirmed < self.events.len() {
            assert!(self.feed(&http).await, "nobody kills it any more");
        }
        let quiet = Server::start(|_| {});
        quiet.post(&self.events).await;
        for topic in &self.topics {
            assert_eq!(shown(&http, topic).await, shown(&quiet, topic).await, "{topic}");
        }
        for client in &mut clients {
            client.catch_up(&http).await;
            client.holdings.assert_equal_http(&http).await;
        }
        served.signal(Signal::TERM);
        drop(clients);
        assert_eq!(served.ended().0, Some(0));
        quiet.end().await;
    }
}

/// A topic's snapshot, `seq` included, but for the time.
pub(crate) async fn shown(http: &Http, topic: &str) -> Value {
    let mut answer = http.json(&format!("/v1/snapshot?topics={topic}")).await;
    let mut snapshot = answer["snapshots"][0].take();
    snapshot["encode_us"] = Value::Null;
    snapshot
}
