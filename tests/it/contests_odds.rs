//! What may become of a contest's entries, through a real server: drawn while games run, and the standings at their end.

use crate::contests::{Posted, post};
use crate::support::client::Client;
use crate::support::events::{game, play};
use crate::support::holdings::fixed;
use crate::support::server::Server;
use crate::support::{eventually, run};
use hyper::Method;
use scorewire::config::Config;
use scorewire::contest::generate::{Choice, Slate};
use scorewire::contest::{Payouts, Slot, Terms};
use scorewire::model::{ContestId, IngestTime, Multiplier, PlayerId};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// 2017-09-24 17:00 by universal time.
const KICKOFF_S: i64 = 1_506_272_400;
const ENTRIES: usize = 60;

/// What the first 20 places are paid together, in 1/10,000 of the currency.
const POOL: i64 = 2_361_700;

const HISTORY: &str = "game_id,season,season_type,week,gsis_id,team,opponent,quarter,pass_yds,pass_td,int,rush_yds,rush_td,rec,rec_yds,rec_td,fumbles_lost,two_pt,ret_td,off_fumrec_td,pass_att,rush_att,team_score
2017091000,2017,REG,1,x-8,AAA,CCC,4,0,0,0,0,0,4,40,0,0,0,0,0,0,0,24
2017091000,2017,REG,1,x-9,AAA,CCC,4,0,0,0,0,0,6,80,1,0,0,0,0,0,0,24
";

/// Players' earlier games, in a file that is there as long as this is.
struct History(PathBuf);

impl History {
    fn new(name: &str) -> History {
        let path = std::env::temp_dir().join(format!("scorewire-odds-{name}-{}.csv", std::process::id()));
        std::fs::write(&path, HISTORY).unwrap();
        History(path)
    }

    fn set(&self, config: &mut Config) {
        config.predict.enabled = true;
        config.predict.points_every_ms = 50;
        config.predict.history = Some(self.0.clone());
    }
}

impl Drop for History {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A catch in the second quarter; at least one has a clock that says so.
fn pass(number: u64, catcher: &str, yards: i32) -> String {
    let stats = format!(
        r#"[{{"player":"x-1","team":"AAA","stat":15,"yards":{yards}}},{{"player":"{catcher}","team":"AAA","stat":21,"yards":{yards}}}]"#
    );
    let clock = r#"{"quarter":2,"seconds_left":600}"#;
    format!(r#"{{"type":"play","game":"g1","play":"{number}","rev":1,"kind":"pass","clock":{clock},"stats":{stats}}}"#)
}

fn contest(id: &str) -> Posted {
    // One of them plays in no game that anybody hears of.
    let players: Vec<String> = ["x-1", "x-2", "x-3", "x-8", "x-9", "dst:BBB", "nobody"].map(str::to_owned).into();
    Posted::new(id, &players, ENTRIES, &mut crate::chance::Chance::new(3))
}

/// What every entry shows.
async fn entries(server: &Server, posted: &Posted) -> BTreeMap<String, Value> {
    let mut shown = BTreeMap::new();
    for entry in posted.entries.keys() {
        let path = format!("/v1/contests/{}/entries/{entry}", posted.id);
        shown.insert(entry.clone(), server.json(&path).await);
    }
    shown
}

#[test]
fn odds_come_while_a_game_runs_and_are_the_standings_at_its_end() {
    let history = History::new("live");
    run(async {
        let server = Server::start(|config| {
            history.set(config);
            config.contests.odds_every_ms = 20;
            config.contests.odds_draws = 512;
        });
        let posted = contest("c1");
        assert_eq!(post(&server, posted.body()).await.status, 201);
        let topics = [posted.entry(0), posted.topic()];
        let mut client = Client::connect(&server).await;
        client.subscribe(&topics, "ppr").await;
        let live = game("g1", 1, "live", ["AAA", "BBB"], KICKOFF_S, [7, 0]);
        let lines = [live, pass(1, "x-2", 12), pass(2, "x-3", 30)];
        server.post_lines(lines.join("\n").into_bytes()).await;
        let odds = |client: &Client| {
            client
                .holdings
                .standings
                .get(&topics[0])
                .map(|held| held.shown.get("odds").cloned())
        };
        while odds(&client).flatten().is_none() {
            client.next().await.expect("a frame");
        }
        let first = odds(&client).flatten().unwrap();
        assert!(first["draws"].as_u64() > Some(0) && first["at"].as_i64() > Some(0), "{first}");
        for number in 3..6 {
            server.post_lines(pass(number, "x-2", 9).into_bytes()).await;
        }
        // All from the same draws, as many as there are to be, once nothing happens any more.
        let drawn = || async {
            let shown = entries(&server, &posted).await;
            let heads: Vec<_> = shown
                .values()
                .map(|entry| (entry["odds"]["at"].clone(), entry["odds"]["draws"].clone()))
                .collect();
            let is_whole = heads.iter().all(|head| *head == heads[0]) && heads[0].1 == 512;
            (is_whole, shown)
        };
        let shown = loop {
            let (is_whole, shown) = drawn().await;
            if is_whole && shown.values().all(|entry| entry["odds"]["expected"].is_number()) {
                break shown;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let sum = |name: &str| shown.values().map(|entry| fixed(&entry["odds"][name])).sum::<i64>();
        // Each is rounded to a cent, and cents that a tie cannot share are nobody's.
        assert!((sum("expected") - POOL).abs() <= 100 * ENTRIES as i64, "{}", sum("expected"));
        let chance = |entry: &Value, name: &str| entry["odds"][name].as_f64().unwrap();
        let chances = |name: &str| shown.values().map(|entry| chance(entry, name)).sum::<f64>();
        assert!(
            chances("win") > 0.999 && chances("cash") > 19.99,
            "{} {}",
            chances("win"),
            chances("cash")
        );
        for entry in shown.values() {
            let of = |name: &str| chance(entry, name);
            assert!(of("win") <= of("top1") && of("win") <= of("cash") && of("cash") <= 1.0, "{entry}");
        }
        let whole = server.json("/v1/contests/c1").await;
        assert_eq!(whole["odds_at"], whole["odds"]["at"], "{whole}");
        let told = &whole["odds"];
        assert!(told["draws"] == 512 && told["players_left"] == 7, "{told}");
        // The one who is in no game.
        assert_eq!(told["unprojected"], 1, "{told}");

        let over = game("g1", 2, "final", ["AAA", "BBB"], KICKOFF_S, [7, 0]);
        server.post_lines(over.into_bytes()).await;
        let is_settled = |entry: &Value| {
            let odds = &entry["odds"];
            let is = |yes: bool| Some(f64::from(u8::from(yes)));
            odds["cash"].as_f64() == is(fixed(&entry["payout"]) > 0)
                && odds["win"].as_f64() == is(entry["rank"] == 1)
                && odds["expected"] == entry["payout"]
        };
        eventually("the standings", || async {
            entries(&server, &posted).await.values().all(is_settled)
        })
        .await;
        let whole = server.json("/v1/contests/c1").await;
        assert_eq!(whole["odds"]["players_left"], 0);
        assert!(server.metric("scorewire_contest_draws_total{device=\"cpu\"}").await >= 512.0);
        assert!(server.metric("scorewire_contest_slice_seconds_count").await >= 1.0);
        // A gauge is that of whichever server of this process said it last.
        eventually("a contest is counted", || async {
            server.metric("scorewire_contests_drawn").await >= 1.0
        })
        .await;
        drop(client);
        server.end().await;
    });
}

#[test]
fn there_are_no_odds_where_they_are_not_wanted_or_nothing_is_projected() {
    run(async {
        for wanted in [false, true] {
            let server = Server::start(|config| {
                config.contests.odds = wanted;
                config.contests.odds_every_ms = 20;
            });
            let posted = contest("c1");
            assert_eq!(post(&server, posted.body()).await.status, 201);
            let live = game("g1", 1, "live", ["AAA", "BBB"], KICKOFF_S, [7, 0]);
            server.post_lines([live, pass(1, "x-2", 12)].join("\n").into_bytes()).await;
            eventually("points", || async { posted.is_right(&server).await }).await;
            if wanted {
                eventually("a contest without odds", || async {
                    server.metric("scorewire_contests_undrawn").await >= 1.0
                })
                .await;
            }
            let whole = server.json("/v1/contests/c1").await;
            assert!(whole.get("odds_at").is_none() && whole.get("odds").is_none(), "{whole}");
            let entry = server.json("/v1/contests/c1/entries/e0000").await;
            assert!(entry.get("odds").is_none(), "{entry}");
            server.end().await;
        }
    });
}

/// 100,000 entries, drawn for as long as the test runs.
#[test]
fn scores_go_on_while_a_large_contest_is_drawn_and_it_may_be_deleted() {
    let history = History::new("large");
    run(async {
        let server = Server::start(|config| {
            history.set(config);
            config.contests.odds_every_ms = 3_600_000;
            config.contests.odds_draws = 1_000_000;
        });
        let live = game("g1", 1, "live", ["AAA", "BBB"], KICKOFF_S, [7, 0]);
        server.post_lines([live, pass(1, "x-2", 12)].join("\n").into_bytes()).await;
        let app = &server.running.app;
        eventually("a projection", || async {
            app.projections.game(&PlayerId::new("x-2").unwrap()).is_some()
        })
        .await;
        let choice = |number: usize| Choice {
            player: PlayerId::new(&format!("x-{number}")).unwrap(),
            position: "WR".into(),
            salary: 1_000,
            weight: 1,
        };
        let slate = Slate::new((1..30).map(choice).collect());
        let slot = |hundredths| Slot {
            name: "FLEX".into(),
            multiplier: Multiplier::new(hundredths).unwrap(),
        };
        let id = ContestId::new("large").unwrap();
        let terms = Terms {
            id: id.clone(),
            name: "Large".into(),
            ruleset: "draftkings".into(),
            slots: [150, 100, 90, 80].map(slot).into(),
            payouts: Payouts::parse("1:1000,2-1000:10").unwrap(),
            salary_cap: None,
            games_min: 0,
            games: [].into(),
        };
        let definition = slate.contest(terms, 100_000, 1);
        let index = app.rulesets.index("draftkings").unwrap();
        let contests = app.hub.contests();
        let coming = contests.place(definition).unwrap();
        let contest = coming.begin(&app.hub, (&app.rulesets, index), IngestTime(1), None);
        let entry = contest.definition().entry_id(scorewire::contest::EntryIndex(0));
        let mut watcher = Client::connect(&server).await;
        watcher.subscribe(&[format!("entry:large/{entry}")], "draftkings").await;
        let mut client = Client::connect(&server).await;
        client.subscribe(&["player:x-2".to_owned()], "draftkings").await;
        eventually("odds", || async { contest.odds().is_some() }).await;
        for number in 10..40 {
            server
                .post_lines(play("g1", number, 1, &[("x-2", "AAA", 21, 5)]).into_bytes())
                .await;
        }
        client.catch_up(&server).await;
        eventually("news that is not in the odds", || async {
            server.metric("scorewire_contest_odds_behind_seconds").await > 0.0
        })
        .await;
        // Far from as sharp as was asked for.
        assert!(contest.odds().unwrap().draws < 1_000_000);
        let deleted = server.request(Method::DELETE, "/v1/contests/large", &[], Vec::new()).await;
        assert_eq!(deleted.status, 204);
        eventually("nothing to draw", || async {
            server.metric("scorewire_contests_drawn").await == 0.0
        })
        .await;
        let posted = contest_again(&server).await;
        eventually("another's odds", || async {
            server.json(&format!("/v1/contests/{}", posted.id)).await.get("odds").is_some()
        })
        .await;
        drop((watcher, client));
        server.end().await;
    });
}

async fn contest_again(server: &Server) -> Posted {
    let posted = contest("large");
    assert_eq!(post(server, posted.body()).await.status, 201);
    posted
}
