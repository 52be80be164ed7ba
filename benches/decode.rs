//! What decoding costs: the same play lines by this server's decoder, by simd-json with derived
//! structs, by serde_json with the same structs, and simd-json's tape alone as the floor.
//!
//! `cargo bench --bench decode`. The time is that of five lines, the throughput lines a second. The
//! lines have 3.8 stat records on average, as recorded plays do. `split_1000_plays` finds where a body's
//! lines or an array's elements begin and end, and `write_line` is the way back.
#![allow(clippy::unwrap_used, reason = "a bench may fail")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use scorewire::feed::{Decoder, array_elements, ndjson_lines, write_line};
use serde::Deserialize;
use std::hint::black_box;

#[derive(Deserialize)]
#[allow(dead_code, reason = "filled to measure what a derived struct costs, never read")]
struct Play<'a> {
    r#type: &'a str,
    game: &'a str,
    play: &'a str,
    rev: Option<u64>,
    ts: Option<i64>,
    order: Option<u64>,
    play_type: Option<&'a str>,
    no_play: Option<bool>,
    clock: Option<Clock>,
    #[serde(borrow)]
    situation: Option<Situation<'a>>,
    stats: Vec<Record<'a>>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "filled to measure what a derived struct costs, never read")]
struct Clock {
    quarter: u8,
    seconds_left: u16,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "filled to measure what a derived struct costs, never read")]
struct Situation<'a> {
    down: Option<u8>,
    distance: Option<u8>,
    yards_to_goal: Option<u8>,
    possession: Option<&'a str>,
    shotgun: Option<bool>,
    no_huddle: Option<bool>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "filled to measure what a derived struct costs, never read")]
struct Record<'a> {
    player: Option<&'a str>,
    team: &'a str,
    stat: u16,
    yards: f64,
}

/// Five play lines with 3, 4, 4, 4 and 4 stat records.
fn lines() -> Vec<String> {
    let record = |i: usize, stat: u16| format!(r#"{{"player":"90-00{i:05}","team":"AAA","stat":{stat},"yards":{}}}"#, i % 40);
    (0..5)
        .map(|i| {
            let stats: Vec<String> = [15, 21, 115, 79][..if i == 0 { 3 } else { 4 }]
                .iter()
                .enumerate()
                .map(|(n, &stat)| record(i * 4 + n, stat))
                .collect();
            format!(
                r#"{{"type":"play","game":"2099010100","play":"{p}","rev":1,"ts":1506275400123456,"order":{p},"play_type":"pass","no_play":false,"clock":{{"quarter":2,"seconds_left":451}},"situation":{{"down":3,"distance":7,"yards_to_goal":45,"possession":"AAA","shotgun":true,"no_huddle":false}},"stats":[{}]}}"#,
                stats.join(","),
                p = 1000 + i * 21,
            )
        })
        .collect()
}

fn decode(c: &mut Criterion) {
    let lines = lines();
    let bytes: usize = lines.iter().map(String::len).sum();
    eprintln!("{} lines, {} bytes each on average", lines.len(), bytes / lines.len());
    let mut group = c.benchmark_group("decode_5_plays");
    group.throughput(Throughput::Elements(lines.len() as u64));

    let mut decoder = Decoder::default();
    group.bench_function("decoder", |b| {
        b.iter(|| {
            for line in &lines {
                black_box(decoder.line(black_box(line.as_bytes())).unwrap());
            }
        })
    });

    let (mut buffers, mut copy) = (simd_json::Buffers::new(1024), Vec::new());
    group.bench_function("simd_json_tape_alone", |b| {
        b.iter(|| {
            let mut tape = simd_json::Tape(Vec::with_capacity(128));
            for line in &lines {
                copy.clear();
                copy.extend_from_slice(line.as_bytes());
                copy.resize(line.len() + simd_json::INPUT_PADDING, b' ');
                let mut own = tape.reset();
                simd_json::fill_tape_padded(&mut copy, line.len(), &mut buffers, &mut own).unwrap();
                black_box(&own);
                tape = own.reset();
            }
        })
    });

    group.bench_function("simd_json_derived", |b| {
        b.iter(|| {
            for line in &lines {
                copy.clear();
                copy.extend_from_slice(line.as_bytes());
                black_box(simd_json::serde::from_slice_with_buffers::<Play<'_>>(&mut copy, &mut buffers).unwrap());
            }
        })
    });

    group.bench_function("serde_json_derived", |b| {
        b.iter(|| {
            for line in &lines {
                black_box(serde_json::from_slice::<Play<'_>>(black_box(line.as_bytes())).unwrap());
            }
        })
    });

    let events: Vec<_> = lines.iter().map(|l| decoder.line(l.as_bytes()).unwrap()).collect();
    group.bench_function("write_line", |b| {
        b.iter_batched_ref(
            || Vec::with_capacity(8192),
            |out| events.iter().for_each(|e| write_line(black_box(e), out)),
            BatchSize::SmallInput,
        )
    });
    group.finish();
}

fn split(c: &mut Criterion) {
    let lines: Vec<String> = lines().into_iter().cycle().take(1000).collect();
    let (ndjson, array) = (lines.join("\n"), format!("[{}]", lines.join(",")));
    let mut group = c.benchmark_group("split_1000_plays");
    group.throughput(Throughput::Elements(1000));
    group.bench_function("ndjson", |b| b.iter(|| ndjson_lines(black_box(ndjson.as_bytes())).count()));
    group.bench_function("array", |b| b.iter(|| array_elements(black_box(array.as_bytes())).unwrap().len()));
    group.finish();
}

criterion_group!(benches, decode, split);
criterion_main!(benches);
