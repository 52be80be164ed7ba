//! Traces as OTLP/HTTP has them in JSON: `ExportTraceServiceRequest`, by the mapping that the protocol gives it (ids in
//! hexadecimal, 64-bit numbers as text, enumerations as numbers).

use super::assemble::{Finished, Told};
use super::{Note, Settings};
use serde_json::{Value, json};

/// `SPAN_KIND_INTERNAL`, `_SERVER`, `_CONSUMER`.
const INTERNAL: u8 = 1;
const SERVER: u8 = 2;
const CONSUMER: u8 = 5;
/// `STATUS_CODE_ERROR`.
const ERROR: u8 = 2;

/// One request with all of them.
pub(super) fn request(settings: &Settings, traces: &[Finished]) -> Vec<u8> {
    let resource = [
        text("service.name", &settings.service),
        text("service.instance.id", &settings.instance),
        text("service.version", env!("CARGO_PKG_VERSION")),
    ];
    let spans: Vec<Value> = traces.iter().flat_map(spans).collect();
    let scope = json!({"name": "scorewire", "version": env!("CARGO_PKG_VERSION")});
    let request = json!({"resourceSpans": [{
        "resource": {"attributes": resource},
        "scopeSpans": [{"scope": scope, "spans": spans}],
    }]});
    request.to_string().into_bytes()
}

fn spans(trace: &Finished) -> impl Iterator<Item = Value> {
    let began = &trace.began;
    let ids = began.ids;
    let at = began.at;
    // All by one clock, from where the other one stood when the event came in.
    let nanoseconds = move |steady_us: i64| (at.wall_us + (steady_us - at.steady_us)).max(0).to_string() + "000";
    let trace_id = format!("{:032x}", ids.trace);
    let mut attributes = vec![
        text("scorewire.game", &began.game),
        text("scorewire.event", began.kind),
        text("scorewire.source", began.source),
    ];
    attributes.extend(began.play.as_ref().map(|play| text("scorewire.play", play)));
    let mut root = json!({
        "traceId": trace_id,
        "spanId": format!("{:016x}", ids.root),
        "name": if began.taken_in { "event" } else { "event of another node" },
        "kind": if began.taken_in { SERVER } else { CONSUMER },
        "startTimeUnixNano": nanoseconds(at.steady_us),
        "endTimeUnixNano": nanoseconds(trace.end_us()),
        "attributes": attributes,
    });
    if let Some(parent) = ids.parent {
        root["parentSpanId"] = format!("{parent:016x}").into();
    }
    let below = trace.stages.iter().enumerate().map(move |(nth, told)| {
        let mut span = json!({
            "traceId": trace_id,
            // Different for each of a root's, and of another root's but by a chance of 2⁻⁶⁴.
            "spanId": format!("{:016x}", super::mix(ids.root.wrapping_add(nth as u64 + 1)).max(1)),
            "parentSpanId": format!("{:016x}", ids.root),
            "name": told.stage.name(),
            "kind": INTERNAL,
            "startTimeUnixNano": nanoseconds(told.from_us),
            "endTimeUnixNano": nanoseconds(told.to_us),
            "attributes": noted(told),
        });
        if told.note == Note::Failed {
            span["status"] = json!({"code": ERROR});
        }
        span
    });
    std::iter::once(root).chain(below)
}

fn noted(told: &Told) -> Vec<Value> {
    match told.note {
        Note::Nothing | Note::Failed => Vec::new(),
        Note::Outcome(outcome) => vec![text("scorewire.outcome", outcome)],
        Note::Shard(shard) => vec![number("scorewire.shard", shard)],
        Note::Slice { shard, clients, refused } => vec![
            number("scorewire.shard", shard),
            number("scorewire.clients", clients),
            json!({"key": "scorewire.socket_full", "value": {"boolValue": refused}}),
        ],
    }
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn number(key: &str, value: usize) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}
