//! Contests outlive the server: whoever was told that one is there finds it there, killed or not, and a deleted one is
//! not.

use crate::chance::Chance;
use crate::contests::{Posted, post, simulated};
use crate::hostile::binary::{Folder, Served, outcome, scorewire};
use crate::support::client::Client;
use crate::support::server::Http;
use crate::support::{eventually, run};
use hyper::Method;
use rustix::process::Signal;
use serde_json::json;

fn serve(folder: &Folder) -> (Served, Http) {
    let log = folder.path().join("log");
    let served = Served::start(scorewire(&["serve", "--bind", "127.0.0.1:0", "--data-dir", log.to_str().unwrap()]));
    let http = Http::new(served.address("address"));
    (served, http)
}

#[test]
fn a_killed_server_has_its_contests_and_their_ranks_again() {
    run(async {
        let folder = Folder::new("contests");
        let (events, players) = simulated(13);
        let mut chance = Chance::new(7);
        let [kept, gone] = ["c:Kept", "c:gone"].map(|id| Posted::new(id, &players, 60, &mut chance));
        let (served, http) = serve(&folder);
        assert_eq!(post(&http, kept.body()).await.status, 201);
        assert_eq!(post(&http, gone.body()).await.status, 201);
        http.post(&events[..events.len() / 2]).await;
        let topics = [kept.entry(7)];
        let mut client = Client::connect(&http).await;
        client.subscribe(&topics, "ppr").await;
        client.read_some(5).await;
        let held = client.holdings.standings[&topics[0]].clone();
        let epoch = client.epoch.clone();
        assert_eq!(
            http.request(Method::DELETE, "/v1/contests/c:gone", &[], Vec::new()).await.status,
            204
        );
        served.signal(Signal::KILL);
        served.ended();

        let (served, http) = serve(&folder);
        let listed = http.json("/v1/contests").await;
        assert_eq!(listed["contests"].as_array().unwrap().len(), 1, "{listed}");
        assert_eq!(
            (&listed["contests"][0]["contest"], &listed["contests"][0]["entries"]),
            (&json!("c:Kept"), &json!(60))
        );
        eventually("the recount's ranks", || kept.is_right(&http)).await;
        // Such topics are made anew: who comes back begins with a snapshot, further on than before.
        let mut client = Client::connect(&http).await;
        let reply = client
            .ask(json!({"op": "subscribe", "topics": topics, "epoch": epoch, "since": {topics[0].as_str(): held.seq}}))
            .await;
        assert_eq!(reply["topics"][0]["how"], "snapshot", "{reply}");
        while !client.holdings.standings.contains_key(&topics[0]) {
            client.next().await.expect("a snapshot");
        }
        let now = &client.holdings.standings[&topics[0]];
        assert!(now.seq > held.seq && now.shown["name"] == held.shown["name"], "{now:?}");
        http.post(&events[events.len() / 2..]).await;
        eventually("the recount's ranks", || kept.is_right(&http)).await;
        drop(client);
        served.signal(Signal::TERM);
        assert_eq!(served.ended().0, Some(0));
    });
}

#[test]
fn a_damaged_contest_stops_the_start_until_it_is_set_aside() {
    run(async {
        let folder = Folder::new("contests-damaged");
        let players: Vec<String> = (0..5).map(|number| format!("p{number}")).collect();
        let contest = Posted::new("c", &players, 20, &mut Chance::new(8));
        let (served, http) = serve(&folder);
        assert_eq!(post(&http, contest.body()).await.status, 201);
        served.signal(Signal::TERM);
        served.ended();
        let log = folder.path().join("log");
        let dir = log.to_str().unwrap();
        let on_log = |what: &str| outcome(scorewire(&["log", what, "--data-dir", dir]));
        let (code, said, _) = on_log("verify");
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("1 contests"), "{said}");
        assert!(on_log("inspect").1.contains("contest-c.contest"));
        let file = log.join("contest-c.contest");
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, &bytes).unwrap();
        let (code, _, error) = outcome(scorewire(&["serve", "--bind", "127.0.0.1:0", "--data-dir", dir]));
        assert!(
            code == Some(65) && error.contains("contest-c.contest") && error.contains("log repair"),
            "{code:?} {error}"
        );
        assert_eq!(on_log("verify").0, Some(65));
        assert_eq!(on_log("inspect").0, Some(65));
        let (code, said, _) = on_log("repair");
        assert!(code == Some(0) && said.contains("1 place was repaired"), "{said}");
        assert!(on_log("inspect").1.contains("set aside earlier: contest-c.contest.bad"));
        let (served, http) = serve(&folder);
        assert_eq!(http.json("/v1/contests").await["contests"], json!([]));
        assert_eq!(post(&http, contest.body()).await.status, 201);
        served.signal(Signal::TERM);
        served.ended();
    });
}
