use super::assemble::{Assembler, Finished, LeftOut, OPEN_MAX, SPANS_MAX};
use super::*;
use crate::feed::{Decoder, Limits};
use crate::model::{IngestTime, SourceId};
use serde_json::Value;

const LINE: &[u8] = br#"{"type":"play","game":"g-1","play":"7","rev":1,"stats":[]}"#;
const AT: Now = Now {
    steady_us: 5_000,
    wall_us: 1_700_000_000_000_000,
};

fn settings(one_in: u64) -> Settings {
    Settings {
        endpoint: "http://127.0.0.1:1".to_owned(),
        one_in,
        per_second_max: 3,
        queue_max: 16,
        settle: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        service: "scores".to_owned(),
        instance: "node-1".to_owned(),
    }
}

fn tracer(settings: &Settings) -> (Arc<Tracer>, Receiver<Fact>) {
    let (tracer, facts) = Tracer::new(settings, TraceMetrics::new());
    (Arc::new(tracer), facts)
}

fn event(line: &[u8]) -> Event {
    Decoder::new(Limits::default()).line(line).ok().unwrap()
}

fn origin(ingest: i64) -> Origin {
    Origin {
        source: SourceId(0),
        ingest: IngestTime(ingest),
    }
}

fn began(fact: Fact) -> Began {
    match fact {
        Fact::Began(began) => *began,
        Fact::Did { .. } => panic!("a stage, not a beginning"),
    }
}

#[test]
fn nodes_pick_the_same_events_and_name_them_alike() {
    let (here, _facts) = tracer(&settings(10));
    let (there, _facts) = tracer(&settings(10));
    let (often, _facts) = tracer(&settings(2));
    let (never, _facts) = tracer(&settings(0));
    let mut picked = 0;
    for ingest in 0..10_000 {
        let ids = here.sampled(LINE, origin(ingest));
        assert_eq!(ids, there.sampled(LINE, origin(ingest)));
        assert_eq!(never.sampled(LINE, origin(ingest)), None);
        if let Some(ids) = ids {
            picked += 1;
            assert_eq!(often.sampled(LINE, origin(ingest)), Some(ids), "who samples more samples these too");
            assert!(ids.trace != 0 && ids.root != 0 && ids.parent.is_none());
        }
    }
    assert!((900..1_100).contains(&picked), "one in ten: {picked} of 10,000");
    let (all, _facts) = tracer(&settings(1));
    let ids = |line: &[u8], origin| all.sampled(line, origin).unwrap();
    assert_ne!(ids(LINE, origin(1)), ids(LINE, origin(2)));
    assert_ne!(ids(LINE, origin(1)), ids(br#"{"another":"line"}"#, origin(1)));
    let second = Origin {
        source: SourceId(1),
        ..origin(1)
    };
    assert_ne!(ids(LINE, origin(1)), ids(LINE, second));
}

#[test]
fn what_another_node_took_in_belongs_under_its_span() {
    let (here, facts) = tracer(&settings(1));
    let (there, facts_there) = tracer(&settings(1));
    here.take_in(&event(LINE), LINE, origin(9), AT, None).unwrap();
    assert_eq!(
        there.follow(&event(LINE), LINE, origin(9)),
        None,
        "not while it reads what was there before it"
    );
    there.go_live();
    there.follow(&event(LINE), LINE, origin(9)).unwrap();
    let (first, second) = (began(facts.try_recv().unwrap()), began(facts_there.try_recv().unwrap()));
    assert_eq!(first.ids.trace, second.ids.trace);
    assert_eq!(second.ids.parent, Some(first.ids.root));
    assert_ne!(second.ids.root, first.ids.root);
    assert!(first.taken_in && !second.taken_in);
}

#[test]
fn what_a_feed_asks_for_is_traced_under_its_span_whatever_is_sampled() {
    let (tracer, facts) = tracer(&settings(0));
    let asked = Parent { trace: 7, span: 8 };
    assert_eq!(tracer.take_in(&event(LINE), LINE, origin(1), AT, None), None);
    tracer.take_in(&event(LINE), b"", origin(1), AT, Some(asked)).unwrap();
    let ids = began(facts.try_recv().unwrap()).ids;
    assert_eq!((ids.trace, ids.parent), (7, Some(8)));
    assert!(ids.root != 8);
}

#[test]
fn no_more_begin_in_a_second_than_may() {
    let (tracer, facts) = tracer(&settings(1));
    let begin = |ingest, steady_us| {
        let at = Now { steady_us, ..AT };
        tracer.take_in(&event(LINE), LINE, origin(ingest), at, None).is_some()
    };
    assert_eq!((0..5).filter(|ingest| begin(*ingest, 999_999)).count(), 3);
    assert_eq!((0..5).filter(|ingest| begin(*ingest, 1_000_000)).count(), 3);
    assert_eq!(facts.len(), 6);
    // A queue without room ends a trace before it begins.
    for ingest in 0..20 {
        tracer.may_begin(0);
        tracer.begun.store(0, Relaxed);
        begin(100 + ingest, 2_000_000);
    }
    assert_eq!(facts.len(), 16);
    assert!(!begin(200, 3_000_000));
}

fn did(trace: TraceMark, stage: Stage, from_us: i64, to_us: i64) -> Fact {
    Fact::Did {
        trace,
        stage,
        from_us,
        to_us,
        note: Note::Nothing,
    }
}

fn opened(assembler: &mut Assembler, nth: u32) -> TraceMark {
    let mark = TraceMark(NonZeroU32::new(nth).unwrap());
    let ids = Ids {
        trace: u128::from(nth),
        root: 77,
        parent: None,
    };
    assembler.take(Fact::Began(Box::new(Began {
        mark,
        ids,
        at: AT,
        game: "g-1".to_owned(),
        play: Some("7".to_owned()),
        kind: "play",
        source: "primary",
        taken_in: true,
    })));
    mark
}

#[test]
fn a_trace_is_over_when_its_time_has_come_and_what_is_said_later_is_let_go_of() {
    let mut assembler = Assembler::default();
    let mark = opened(&mut assembler, 1);
    assembler.take(did(mark, Stage::Decode, 5_000, 5_100));
    assert!(assembler.finish(5_000).is_empty());
    let over = assembler.finish(5_001);
    assert_eq!(over.len(), 1);
    assert_eq!(over[0].end_us(), 5_100);
    assembler.take(did(mark, Stage::Apply, 5_200, 5_300));
    assert!(assembler.finish(i64::MAX).is_empty());
    assert_eq!(assembler.take_left_out(), LeftOut::default());
}

#[test]
fn what_there_is_no_room_for_is_counted() {
    let mut assembler = Assembler::default();
    for nth in 1..=OPEN_MAX as u32 + 2 {
        opened(&mut assembler, nth);
    }
    let mark = opened(&mut assembler, 1);
    for _ in 0..SPANS_MAX + 4 {
        assembler.take(did(mark, Stage::Write, 6_000, 6_001));
    }
    assert_eq!(assembler.take_left_out(), LeftOut { traces: 3, spans: 4 });
    assert_eq!(assembler.finish(i64::MAX).len(), OPEN_MAX);
}

#[test]
fn a_request_is_as_the_protocol_has_it_in_json() {
    let mut assembler = Assembler::default();
    let mark = opened(&mut assembler, 1);
    assembler.take(did(mark, Stage::Decode, 5_000, 5_100));
    assembler.take(did(mark, Stage::Apply, 5_150, 5_200));
    // A shard that was awake when the event was applied, and one that was not; a clock read too late.
    assembler.take(did(mark, Stage::Encode, 5_180, 5_250));
    assembler.take(did(mark, Stage::Encode, 5_300, 5_290));
    assembler.take(Fact::Did {
        trace: mark,
        stage: Stage::Commit,
        from_us: 5_100,
        to_us: 9_000,
        note: Note::Failed,
    });
    let traces: Vec<Finished> = assembler.finish(i64::MAX);
    let request: Value = serde_json::from_slice(&otlp::request(&settings(1), &traces)).unwrap();
    let resource = &request["resourceSpans"][0];
    assert_eq!(resource["resource"]["attributes"][0]["value"]["stringValue"], "scores");
    let spans = resource["scopeSpans"][0]["spans"].as_array().unwrap();
    let names: Vec<&str> = spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["event", "decode", "apply", "encode", "wait", "encode", "commit"]);
    let root = &spans[0];
    assert_eq!(root["traceId"], "00000000000000000000000000000001");
    assert_eq!(root["spanId"], "000000000000004d");
    assert_eq!(root.get("parentSpanId"), None);
    assert_eq!(root["startTimeUnixNano"], "1700000000000000000");
    assert_eq!(root["endTimeUnixNano"], "1700000000004000000");
    assert_eq!(
        spans[4]["startTimeUnixNano"], "1700000000000200000",
        "the wait begins where the event was applied"
    );
    assert_eq!(spans[4]["endTimeUnixNano"], "1700000000000300000");
    assert_eq!(
        spans[5]["endTimeUnixNano"], spans[5]["startTimeUnixNano"],
        "no span ends before it begins"
    );
    assert_eq!(spans[6]["status"]["code"], 2);
    let ids: std::collections::BTreeSet<&str> = spans.iter().map(|span| span["spanId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), spans.len());
}
