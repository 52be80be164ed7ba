//! Screens of a server that is made up, at the sizes that terminals have.

use super::exposition::Exposition;
use super::layout::{Pane, Size, printed, screen};
use super::line::{Line, Palette};
use super::look::{Clients, Look, PredictorState, Readiness};
use super::window::History;
use std::fmt::Write as _;

const SMALL: Size = Size { columns: 80, lines: 24 };
const LARGE: Size = Size { columns: 120, lines: 40 };

/// A page of metrics, some seconds into a busy minute.
fn metrics(second: u32) -> String {
    let mut page = String::new();
    let mut put = |line: &str, value: f64| writeln!(page, "{line} {value}").unwrap();
    let since = f64::from(second);
    for (line, value) in [
        ("scorewire_connections", 10_000.0),
        ("scorewire_subscriptions", 94_210.0),
        ("scorewire_slow_clients", 3.0),
        ("scorewire_topics", 5_120.0),
        ("scorewire_lineups", 800.0),
        ("scorewire_games", 11.0),
        ("scorewire_players", 613.0),
        ("scorewire_changes_pending", 12.0),
        ("scorewire_ring_fullest_entries", 256.0),
        ("scorewire_engine_jobs_waiting", 0.0),
        ("scorewire_shard_writers{writer=\"uring\"}", 2.0),
        ("scorewire_shard_writers{writer=\"send\"}", 0.0),
        ("scorewire_feed_last_heard_seconds{source=\"primary\"}", 0.2),
        ("scorewire_memory_budget_bytes", 1_610_612_736.0),
        ("scorewire_memory_resident_bytes", 220_200_960.0),
        ("scorewire_memory_pressure", 0.0),
        ("scorewire_memory_bytes{owner=\"rings\"}", 12_582_912.0),
        ("scorewire_memory_bytes{owner=\"frames\"}", 3_145_728.0),
        ("scorewire_memory_bytes{owner=\"clients\"}", 8_388_608.0),
        ("scorewire_log_healthy", 1.0),
        ("scorewire_log_segments", 2.0),
        ("scorewire_log_bytes", 18_874_368.0),
        ("scorewire_log_last_sync_seconds", 0.0012),
        ("scorewire_log_records_total", 81_234.0),
        ("scorewire_predictor_running", 1.0),
        ("scorewire_models{state=\"serving\"}", 4.0),
        ("scorewire_models{state=\"refused\"}", 1.0),
    ] {
        put(line, value);
    }
    for (line, before, a_second) in [
        ("scorewire_connections_opened_total", 12_000.0, 3.0),
        ("scorewire_connections_closed_total{reason=\"gone\"}", 1_990.0, 2.0),
        ("scorewire_connections_closed_total{reason=\"stalled\"}", 10.0, 0.2),
        ("scorewire_events_total{outcome=\"fresh\"}", 80_000.0, 190.0),
        ("scorewire_events_total{outcome=\"duplicate\"}", 900.0, 8.0),
        ("scorewire_events_total{outcome=\"rejected\"}", 3.0, 0.0),
        ("scorewire_changes_total", 500_000.0, 1_140.0),
        ("scorewire_changes_delivered_total{outcome=\"offered\"}", 9e6, 41_000.0),
        ("scorewire_changes_delivered_total{outcome=\"written\"}", 8.9e6, 40_100.0),
        ("scorewire_changes_delivered_total{outcome=\"merged\"}", 1e5, 900.0),
        ("scorewire_snapshots_written_total", 100_000.0, 30.0),
        ("scorewire_sent_bytes_total", 5e9, 12_600_000.0),
        ("scorewire_log_syncs_total", 40_000.0, 180.0),
        ("scorewire_requests_refused_total{reason=\"body_timeout\"}", 2.0, 0.0),
        ("scorewire_auth_checks_total{outcome=\"ok\"}", 900.0, 3.0),
        ("scorewire_auth_checks_total{outcome=\"expired\"}", 41.0, 0.4),
        ("scorewire_predictions_total{kind=\"next_play\",source=\"model\"}", 4_000.0, 2.2),
    ] {
        put(line, before + a_second * since);
    }
    for (name, fast_below, slow_below) in [
        ("feed_to_ingest", 0.002048, 0.008192),
        ("ingest_to_state", 0.000256, 0.001024),
        ("state_to_encode", 0.000512, 0.004096),
        ("encode_to_written", 0.000128, 0.016384),
        ("fanout_walk", 0.001024, 0.016384),
    ] {
        let count = 200.0 * (since + 100.0);
        for (le, share) in [(fast_below / 2.0, 0.0), (fast_below, 0.9), (slow_below, 1.0)] {
            put(&format!("scorewire_{name}_seconds_bucket{{le=\"{le}\"}}"), count * share);
        }
        put(&format!("scorewire_{name}_seconds_bucket{{le=\"+Inf\"}}"), count);
    }
    page
}

const MODELS: &str = r#"{"backend":"tract","models":[
    {"name":"drive","version":"1","role":"champion","state":"serving","device":"cpu","rows":4},
    {"name":"next_play","version":"1","role":"champion","state":"serving","device":"cpu"},
    {"name":"next_play","version":"2","role":"spare","state":"refused","why":"its file is not the one that the manifest names"},
    {"name":"win","version":"1","role":"champion","state":"resting","device":"cuda:0"}],
  "figures":[
    {"model":"next_play","version":"1","figures":{"outcomes":310,"accuracy":0.7213,"coverage":0.4,"log_loss":null},"kinds":null},
    {"model":"next_play","version":"historical","figures":{"outcomes":310,"accuracy":0.5912}},
    {"model":"drive","version":"1","figures":{"outcomes":0,"accuracy":null}}],
  "points":[],"tonight":{"right":41,"calls":47}}"#;

const GAMES: &str = r#"{"epoch":"e","games":[{"game":"g1","status":"live"},{"game":"g2","status":"halftime"},{"game":"g3","status":"final"},{"game":"g4"}]}"#;

const CLIENTS: &str = r#"{"as_of_us":1,"slow":3,"silent_shards":0,"clients":[
    {"session":"25412b31e0c855ed-0-1f","address":"192.0.2.77:50412","kind":"websocket","shard":0,"subscriptions":9,"pending":311,"oldest_ms":12100,"stuck_ms":12400,"held_bytes":1834},
    {"session":"25412b31e0c855ed-1-2c","address":"[2001:db8:1:2:3:4:5:6]:40000","kind":"websocket","shard":1,"subscriptions":1,"pending":4,"oldest_ms":900,"stuck_ms":700,"held_bytes":0},
    {"session":"25412b31e0c855ed-1-9","kind":"event_stream","shard":1,"subscriptions":3,"pending":2,"oldest_ms":40,"held_bytes":0}]}"#;

fn look(second: u32) -> Look {
    Look {
        steady_us: i64::from(second) * 1_000_000,
        wall_us: 4_070_983_200_000_000 + i64::from(second) * 1_000_000,
        answered_us: 420,
        page: Exposition::parse(&metrics(second)),
        readiness: Readiness {
            ready: true,
            epoch: Some("25412b31e0c855ed".into()),
            predictions: PredictorState {
                state: "serving".into(),
                backend: Some("tract".into()),
            },
            ..Readiness::default()
        },
        models: Ok(serde_json::from_str(MODELS).unwrap()),
        games: Ok(serde_json::from_str(GAMES).unwrap()),
        clients: Ok(serde_json::from_str(CLIENTS).unwrap()),
    }
}

fn history_of(change: impl Fn(&mut Look)) -> History {
    let looks = (0..10).map(|second| {
        let mut look = look(second);
        change(&mut look);
        look
    });
    let mut looks = looks.collect::<Vec<_>>().into_iter();
    let mut history = History::new("127.0.0.1:8080".into(), looks.next().unwrap());
    looks.for_each(|look| history.add(look));
    history
}

fn text(lines: &[Line]) -> String {
    lines.iter().map(|line| line.text() + "\n").collect()
}

fn shown(history: &History, pane: Pane, size: Size) -> String {
    let lines = screen(&history.window(), pane, 0, size);
    assert_eq!(lines.len(), usize::from(size.lines));
    assert!(lines.iter().all(|line| line.columns() == usize::from(size.columns)));
    text(&lines)
}

#[track_caller]
fn has(page: &str, parts: &[&str]) {
    for part in parts {
        assert!(page.contains(part), "{part}\n\n{page}");
    }
}

/// What the small screen shows is the picture in the document, too.
#[test]
fn a_small_screen_has_it_all() {
    let page = shown(&history_of(|_| ()), Pane::Overview, SMALL);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md");
    let document = std::fs::read_to_string(path).unwrap();
    let (open, close) = ("<!-- generated: top -->\n```text\n", "```\n<!-- end: top -->");
    let start = document.find(open).expect("a place for the picture") + open.len();
    let end = start + document[start..].find(close).expect("its end");
    if std::env::var_os("SCOREWIRE_BLESS").is_some_and(|value| value != "0") {
        std::fs::write(path, format!("{}{page}{}", &document[..start], &document[end..])).unwrap();
        return;
    }
    assert_eq!(
        document[start..end],
        page,
        "write it anew with SCOREWIRE_BLESS=1 cargo test --lib top::"
    );
}

#[test]
fn a_large_screen_has_more_of_it() {
    let page = shown(&history_of(|_| ()), Pane::Overview, LARGE);
    has(
        &page,
        &[
            "10,000 connected · 94,210 subscriptions · 3 slow · +3/s −2.2/s",
            "198 events/s · heard 200 ms ago · fresh 190 · duplicate 8",
            "11 held (2 on, 1 final)",
            "1140 changes/s · 40.1k frames/s · 12 MiB/s · 12 pending · 2.2% merged",
            "210 MiB of 1.5 GiB (13.7%) · rings 12 MiB · clients 8.0 MiB · frames 3.0 MiB",
            "healthy · sync 1.2 ms · 180/s",
            "! models refused: 1",
            "next_play-1          72.1%    59.1%  champion",
            "next_play-2              –        –  refused its file is not the one that the",
            "win-1                    –        –  resting cuda:0",
            "tonight 41 of 47 right",
            "12 s      311     12 s     9   1.7 KiB  websocket    192.0.2.77:50412        25412b31e0c855ed-0-1f",
            "[2001:db8:1:2:3:4:5:6]…",
            "event_stream –   ",
            "none: this node runs by itself",
            "tokens expired",
            "clients closed stalled",
            "TLS handshake",
        ],
    );
    assert!(!page.contains("closed gone"), "who leaves is not refused\n{page}");
}

#[test]
fn delays_are_those_of_the_window_and_marked_where_they_are_long() {
    let page = shown(&history_of(|_| ()), Pane::Models, LARGE);
    // Nine of ten below 128 µs, the others below 16.4 ms.
    has(
        &page,
        &[
            "encode → written  100 µs   15 ms!",
            "fan-out walk      796 µs   15 ms ",
            "ingest → state ",
        ],
    );
}

#[test]
fn panes_have_all_of_their_list() {
    let history = history_of(|_| ());
    has(
        &shown(&history, Pane::Clients, SMALL),
        &["BEHIND", "25412b31e0c855ed-1-9", "Tab: slow clients"],
    );
    has(
        &shown(&history, Pane::Refusals, SMALL),
        &["requests body_timeout", "         0             2"],
    );
    has(&shown(&history, Pane::Partitions, SMALL), &["none: this node runs by itself"]);
    has(&shown(&history, Pane::Help, SMALL), &["q          end", "docs/operations.md"]);
    let scrolled = text(&screen(&history.window(), Pane::Models, 6, SMALL));
    assert!(scrolled.contains("STAGE") && scrolled.contains("TLS handshake"), "{scrolled}");
}

#[test]
fn what_is_wrong_comes_first() {
    let mut history = history_of(|look| {
        look.readiness.ready = false;
        look.readiness.reason = Some("draining".into());
        look.readiness.event_log = Some("No space left on device".into());
        let page = metrics(0)
            .replace("scorewire_memory_pressure 0", "scorewire_memory_pressure 4")
            .replace(
                "scorewire_feed_last_heard_seconds{source=\"primary\"} 0.2",
                "scorewire_feed_last_heard_seconds{source=\"primary\"} 900",
            );
        look.page = Exposition::parse(&page);
    });
    has(
        &shown(&history, Pane::Overview, LARGE),
        &[
            "not ready",
            "! not ready: draining",
            "! event log: No space left on device",
            "! memory is short: level 4 of 5",
            "! no feed said anything for 15 min, 2 games are on",
        ],
    );
    let small = shown(&history, Pane::Overview, SMALL);
    has(&small, &["not ready: draining · event log: No space left on device", " more"]);
    history.lose(20_000_000, "cannot reach it: another reason".into());
    history.lose(21_000_000, "cannot reach it:\x1b[2J refused".into());
    let lost = shown(&history, Pane::Overview, LARGE);
    has(
        &lost,
        &[
            "not reachable",
            "! no answer for 12 s: cannot reach it:?[2J refused",
            "10,000 connected",
        ],
    );
    history.add(look(40));
    assert!(!shown(&history, Pane::Overview, LARGE).contains("no answer"));
}

#[test]
fn what_a_server_does_not_tell_is_said_to_be_missing() {
    let history = history_of(|look| {
        let why = || "not told at this address".to_owned();
        (look.models, look.games, look.clients) = (Err(why()), Err(why()), Err(why()));
        let text = "scorewire_model_figures{model=\"next_play\",version=\"1\",figure=\"accuracy\"} 0.7\nscorewire_games 2\n";
        look.page = Exposition::parse(text);
        look.readiness.predictions = PredictorState::default();
    });
    let page = shown(&history, Pane::Overview, LARGE);
    has(
        &page,
        &[
            "next_play-1          70.0%",
            "states: not told at this address",
            "        not told at this address",
            "2 held · 0 players",
            "none: nothing outlives the process",
            "nothing since the start",
            "nothing stands out",
        ],
    );
}

/// The first look is shown at once, without rates.
#[test]
fn one_look_alone_has_no_rates() {
    let history = History::new("127.0.0.1:8080".into(), look(0));
    let page = shown(&history, Pane::Overview, LARGE);
    has(&page, &["– events/s", "+–/s −–/s", "10,000 connected", "encode → written"]);
    assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
}

#[test]
fn a_server_that_began_anew_has_no_negative_rates() {
    let mut history = History::new("127.0.0.1:8080".into(), look(0));
    let mut again = look(1);
    again.page = Exposition::parse("scorewire_events_total{outcome=\"fresh\"} 50\nscorewire_changes_total 7\n");
    history.add(again);
    has(&shown(&history, Pane::Overview, LARGE), &["50 events/s", "7 changes/s"]);
}

#[test]
fn partitions_are_whatever_has_that_label() {
    let history = history_of(|look| {
        let mut page = metrics(0);
        for (partition, owner) in [(2, "self"), (10, "other")] {
            writeln!(page, "scorewire_partition_lag{{partition=\"{partition}\",owner=\"{owner}\"}} 3").unwrap();
            writeln!(page, "scorewire_partition_events_total{{partition=\"{partition}\"}} 12100").unwrap();
        }
        look.page = Exposition::parse(&page);
    });
    let page = shown(&history, Pane::Partitions, LARGE);
    let lines: Vec<&str> = page.lines().skip_while(|line| !line.starts_with("PARTITION")).collect();
    assert_eq!(lines[1], "        2  partition_events_total 12.1k · partition_lag self 3");
    assert!(lines[2].starts_with("       10  "), "{page}");
}

/// A screen of any size, however small, and a server that says anything.
#[test]
fn every_size_holds() {
    let history = history_of(|_| ());
    for columns in [1, 9, 40, 79, 80, 100, 120, 250] {
        for lines in [1, 2, 5, 11, 12, 13, 23, 24, 31, 32, 60, 120] {
            for pane in [
                Pane::Overview,
                Pane::Clients,
                Pane::Models,
                Pane::Refusals,
                Pane::Partitions,
                Pane::Help,
            ] {
                shown(&history, pane, Size { columns, lines });
            }
        }
    }
}

#[test]
fn a_printed_page_is_plain_and_has_everything() {
    let many: Clients = Clients {
        silent_shards: 1,
        clients: vec![serde_json::from_str(r#"{"session":"s-0-1","pending":1,"oldest_ms":5}"#).unwrap(); 50],
    };
    let history = history_of(|look| look.clients = Ok(many.clone()));
    let lines = printed(&history.window(), Size { columns: 120, lines: 200 });
    let mut painted = String::new();
    lines.iter().for_each(|line| line.paint(Palette::Plain, &mut painted));
    assert!(!painted.contains('\x1b'));
    let page = text(&lines);
    assert_eq!(page.matches("s-0-1").count(), 50);
    has(
        &page,
        &[
            "! shards that do not say who is slow: 1",
            "STAGE",
            "MODEL",
            "BEHIND",
            "REFUSED OR ENDED",
        ],
    );
    assert!(lines.iter().all(|line| !line.text().ends_with(' ')));
}
