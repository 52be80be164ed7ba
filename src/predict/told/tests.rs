use super::*;
use serde_json::{Value, json};

fn probability(value: u16) -> Probability {
    Probability::new(value).unwrap()
}

fn head() -> Arc<GameHead> {
    Arc::new(GameHead {
        game: GameId::new("G").unwrap(),
        teams: None,
        kickoff: None,
    })
}

fn prediction(forecast: Forecast, source: Source) -> Bulletin {
    Bulletin::Prediction(Arc::new(Prediction {
        head: head(),
        after_play: PlayId::new("1234"),
        forecast,
        confidence: probability(7_688),
        source,
        expires_us: 4_000_000_000_000_000,
        feed_ts: Some(FeedTime(1_500_000_000_000_000)),
        ingest: IngestTime(1_500_000_000_080_000),
        made: StateTime(3),
    }))
}

fn outcome(verdict: Verdict) -> Bulletin {
    Bulletin::Outcome(Arc::new(Outcome {
        head: head(),
        play: None,
        after_play: None,
        verdict,
        probability: probability(2_312),
        source: Source::Historical,
        tally: Tally { right: 40, calls: 47 },
        feed_ts: None,
        ingest: IngestTime(1),
        made: StateTime(3),
    }))
}

fn each() -> Vec<Bulletin> {
    let model = || Source::Model {
        name: "micro".into(),
        version: "2".into(),
    };
    let kinds = [2_300, 7_650, 40, 10, 0].map(probability);
    let player = PlayerForecast {
        player: PlayerId::new("dst:NE").unwrap(),
        points: Points(184_000),
        low: Points(-2_500),
        high: Points(260_001),
    };
    let forecasts = [
        Forecast::NextPlay {
            pass: probability(7_688),
            kinds,
        },
        Forecast::Drive {
            team: Team::new("NE").unwrap(),
            ends: kinds,
        },
        Forecast::Win { home: probability(0) },
        Forecast::Points {
            ruleset: "ppr".into(),
            players: vec![player],
        },
    ];
    let mut all: Vec<Bulletin> = forecasts.into_iter().map(|forecast| prediction(forecast, model())).collect();
    for call in PlayCall::ALL {
        let actual = PlayCall::Run;
        all.push(outcome(Verdict::NextPlay { call, actual }));
    }
    for actual in DriveEnd::ALL {
        let call = DriveEnd::Punt;
        all.push(outcome(Verdict::Drive { call, actual }));
    }
    for actual in [None, Some(Side::Home), Some(Side::Away)] {
        let call = Side::Away;
        all.push(outcome(Verdict::Win { call, actual }));
    }
    all
}

#[test]
fn what_is_told_is_what_was_said() {
    for bulletin in each() {
        let told = read(&write(&bulletin, 17)).unwrap();
        assert_eq!((told.game.as_str(), told.state, told.kind()), ("G", 17, bulletin.kind()));
        let again = told.bulletin(head(), StateTime(3));
        assert_eq!(format!("{again:?}"), format!("{bulletin:?}"));
    }
}

/// The line with one part of it replaced.
fn with(bulletin: &Bulletin, at: &str, value: Value) -> Vec<u8> {
    let mut line: Value = serde_json::from_slice(&write(bulletin, 17)).unwrap();
    let place = line.pointer_mut(at);
    *place.unwrap_or_else(|| panic!("{at}")) = value;
    line.to_string().into_bytes()
}

#[test]
fn what_cannot_be_is_refused() {
    let all = each();
    let forecast = "/says/prediction/forecast";
    let cases = [
        (0, "/game".to_owned(), json!("a b")),
        (0, "/game".to_owned(), json!(7)),
        (0, "/state".to_owned(), json!(-1)),
        (0, "/after_play".to_owned(), json!("")),
        (0, "/ingest".to_owned(), json!(i64::MIN)),
        (0, "/ingest".to_owned(), json!(i64::MAX)),
        (0, "/feed_ts".to_owned(), json!(-1)),
        (0, "/model/0".to_owned(), json!("<script>")),
        (0, "/model/1".to_owned(), json!("x".repeat(65))),
        (0, "/says/prediction/confidence".to_owned(), json!(10_001)),
        (0, "/says/prediction/expires_us".to_owned(), json!(u64::MAX)),
        (0, format!("{forecast}/next_play/pass"), json!(10_001)),
        (0, format!("{forecast}/next_play/kinds/0"), json!(2_299)),
        (0, format!("{forecast}/next_play/kinds"), json!([10_000])),
        (1, format!("{forecast}/drive/team"), json!("a\nb")),
        (1, format!("{forecast}/drive/ends/1"), json!(65_535)),
        (2, format!("{forecast}/win/home"), json!(0.5)),
        (3, format!("{forecast}/points/ruleset"), json!("")),
        (3, format!("{forecast}/points/players/0/0"), json!("\u{7f}")),
        (3, format!("{forecast}/points/players/0/2"), json!(i64::MIN)),
        (
            3,
            format!("{forecast}/points/players"),
            json!(vec![json!(["p", 0, 0, 0]); PLAYERS_MAX + 1]),
        ),
        (4, "/says/outcome/verdict/next_play/0".to_owned(), json!("fumble")),
        (4, "/says/outcome/right".to_owned(), json!(48)),
        (9, "/says/outcome/verdict/drive/1".to_owned(), json!("run")),
        (15, "/says/outcome/verdict/win/1".to_owned(), json!("tie")),
    ];
    for (place, at, value) in cases {
        let line = with(&all[place], &at, value.clone());
        assert!(read(&line).is_err(), "{at} {value}");
    }
    let whole = write(&all[3], 17);
    for end in 0..whole.len() {
        assert!(read(&whole[..end]).is_err(), "cut at {end}");
    }
    for line in [&b"null"[..], b"[]", b"{}", b"\xff", b"{\"says\":{}}"] {
        assert!(read(line).is_err());
    }
}
