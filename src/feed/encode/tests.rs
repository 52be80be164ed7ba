use super::*;
use crate::feed::Decoder;
use crate::feed::decode::{INTEGER_MAX, TEAM_BYTES_MAX};
use crate::model::{GameId, GameStatus, PlayId, PlayKind, PlayerId, Team, gsis};
use proptest::option;
use proptest::prelude::*;

fn written(event: &Event) -> String {
    let mut out = Vec::new();
    write_line(event, &mut out);
    String::from_utf8(out).unwrap()
}

fn decoded(line: &str) -> Event {
    Decoder::default().line(line.as_bytes()).unwrap()
}

/// Lines in the protocol's own order of fields come back byte for byte.
#[test]
fn protocol_lines_come_back_byte_for_byte() {
    for line in [
        r#"{"type":"play","game":"2099010100","play":"1234","rev":1,"ts":1506275400123456,"order":1234,"play_type":"pass","no_play":false,"clock":{"quarter":2,"seconds_left":451},"situation":{"down":3,"distance":7,"yards_to_goal":45,"possession":"AAA","shotgun":true,"no_huddle":false},"stats":[{"player":"90-0000001","team":"AAA","stat":15,"yards":24},{"team":"AAA","stat":4,"yards":0}]}"#,
        r#"{"type":"play","game":"1","play":"2","rev":7,"play_type":"other","no_play":true,"situation":{},"stats":[]}"#,
        r#"{"type":"situation","game":"2099010100","after_play":"1234","rev":1,"ts":-5,"clock":{"quarter":0,"seconds_left":0},"down":1,"distance":10,"yards_to_goal":21,"possession":"AAA","score":{"AAA":14,"BBB":10},"timeouts":{"AAA":3,"BBB":2},"shotgun":false,"no_huddle":true}"#,
        r#"{"type":"situation","game":"1","rev":1}"#,
        r#"{"type":"retract","game":"2099010100","play":"1234","rev":2}"#,
        r#"{"type":"game","game":"2099010100","rev":3,"status":"final","home":"AAA","away":"BBB","kickoff":1506272400000000,"score":{"AAA":14,"BBB":10}}"#,
        r#"{"type":"game","game":"1","rev":1,"status":"scheduled","home":"AAA","away":"BBB","score":{}}"#,
        r#"{"type":"players","players":[{"player":"90-0000001","name":"Al \"Ace\" O'Né\\il","team":"AAA","position":"D/ST"},{"player":"90-0000002"}]}"#,
        r#"{"type":"players","players":[]}"#,
    ] {
        assert_eq!(written(&decoded(line)), line);
    }
}

#[test]
fn strings_are_escaped() {
    let mut out = Vec::new();
    text("a\"\\\n\u{1f}é/", &mut out);
    assert_eq!(std::str::from_utf8(&out).unwrap(), r#""a\"\\\u000a\u001fé/""#);
    assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), "a\"\\\n\u{1f}é/");
}

const ID: &str = "[!#$%'()*+.0-9:;=?@A-Z\\[\\]^_`a-z{|}~-]{1,64}";

fn game_id() -> impl Strategy<Value = GameId> {
    ID.prop_map(|s| GameId::new(&s).unwrap())
}

fn play_id() -> impl Strategy<Value = PlayId> {
    ID.prop_map(|s| PlayId::new(&s).unwrap())
}

fn player_id() -> impl Strategy<Value = PlayerId> {
    ID.prop_filter("the feed's own", |s| s != "0" && !s.starts_with("dst:"))
        .prop_map(|s| PlayerId::new(&s).unwrap())
}

fn team() -> impl Strategy<Value = Team> {
    ID.prop_map(|s| Team::new(&s[..s.len().min(TEAM_BYTES_MAX)]).unwrap())
}

fn rev() -> impl Strategy<Value = Rev> {
    prop_oneof![1..20u64, 1..=INTEGER_MAX as u64]
}

fn ts() -> impl Strategy<Value = Option<FeedTime>> {
    option::of(any::<i64>().prop_map(FeedTime))
}

fn a_clock() -> impl Strategy<Value = Option<Clock>> {
    option::of((0..=10u8, 0..=3600u16).prop_map(|(quarter, seconds_left)| Clock { quarter, seconds_left }))
}

fn a_situation() -> impl Strategy<Value = Situation> {
    (
        option::of(1..=4u8),
        option::of(0..=99u8),
        option::of(0..=100u8),
        option::of(team()),
        any::<Option<bool>>(),
        any::<Option<bool>>(),
    )
        .prop_map(|(down, distance, yards_to_goal, possession, shotgun, no_huddle)| Situation {
            down,
            distance,
            yards_to_goal,
            possession,
            shotgun,
            no_huddle,
        })
}

fn a_score() -> impl Strategy<Value = Option<Score>> {
    let pair = (team(), 0..=300u16, team(), 0..=300u16, 0..=2usize);
    option::of(
        pair.prop_filter("two teams", |p| p.0 != p.2)
            .prop_map(|(a, x, b, y, count)| Score([(a, x), (b, y)].into_iter().take(count).collect())),
    )
}

fn a_record() -> impl Strategy<Value = StatRecord> {
    let known: Vec<u16> = (0..1000).filter(|&s| gsis::effect(s).is_some()).collect();
    (option::of(player_id()), team(), prop::sample::select(known), -120..=120i16).prop_map(|(player, team, stat, yards)| StatRecord {
        player,
        team,
        stat,
        yards,
    })
}

fn a_play() -> impl Strategy<Value = Event> {
    let kind = (0..PlayKind::NAMES.len()).prop_map(|i| PlayKind::NAMES[i].0);
    let head = (game_id(), play_id(), rev(), ts(), option::of(0..=INTEGER_MAX as u64), kind);
    let rest = (
        any::<bool>(),
        a_clock(),
        option::of(a_situation()),
        prop::collection::vec(a_record(), 0..8),
    );
    (head, rest).prop_map(|((game, play, rev, ts, order, kind), (no_play, clock, situation, stats))| {
        Event::Play(PlayEvent {
            game,
            play,
            rev,
            ts,
            order,
            kind,
            no_play,
            clock,
            situation,
            stats: stats.into(),
        })
    })
}

fn an_info() -> impl Strategy<Value = PlayerInfo> {
    (
        player_id(),
        option::of("[^\\pC]{1,100}"),
        option::of(team()),
        option::of("[A-Z/\"\\\\]{1,8}"),
    )
        .prop_map(|(player, name, team, position)| PlayerInfo {
            player,
            name,
            team,
            position: position.map(Into::into),
        })
}

fn an_event() -> impl Strategy<Value = Event> {
    let situation = (
        game_id(),
        option::of(play_id()),
        rev(),
        ts(),
        a_clock(),
        a_situation(),
        a_score(),
        a_score(),
    );
    let statuses = vec![GameStatus::Scheduled, GameStatus::Live, GameStatus::Halftime, GameStatus::Final];
    let game = (
        game_id(),
        rev(),
        ts(),
        prop::sample::select(statuses),
        team(),
        team(),
        option::of(-INTEGER_MAX..=INTEGER_MAX),
        a_score(),
    );
    prop_oneof![
        a_play(),
        situation.prop_map(|(game, after_play, rev, ts, clock, situation, score, timeouts)| {
            Event::Situation(SituationEvent {
                game,
                after_play,
                rev,
                ts,
                clock,
                situation,
                score,
                timeouts,
            })
        }),
        (game_id(), play_id(), rev(), ts()).prop_map(|(game, play, rev, ts)| Event::Retract(Retraction { game, play, rev, ts })),
        game.prop_filter("two teams", |g| g.4 != g.5)
            .prop_map(|(game, rev, ts, status, home, away, kickoff, score)| {
                Event::Game(GameEvent {
                    game,
                    rev,
                    ts,
                    status,
                    home,
                    away,
                    kickoff,
                    score,
                })
            }),
        prop::collection::vec(an_info(), 0..5).prop_map(Event::Players),
    ]
}

proptest! {
    #[test]
    fn what_is_written_decodes_to_the_same(event in an_event()) {
        let line = written(&event);
        prop_assert!(!line.contains('\n'));
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        prop_assert!(json.is_object());
        prop_assert_eq!(decoded(&line), event);
    }
}
