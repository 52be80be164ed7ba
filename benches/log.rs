//! What the event log costs: framing, writing and syncing batches of 256 records with 300-byte lines.
//!
//! `cargo bench --bench log`; the folder is `target/bench-log`, or the one that `SCOREWIRE_BENCH_DIR`
//! names: what a sync costs is the disk's. The throughput is records a second. `commit` is one batch at a
//! time, each waited for; `stream` keeps up to 64 under way, so a sync covers many. `recover` opens and replays
//! a log of 100,000 records.
#![allow(clippy::unwrap_used, reason = "a bench may fail")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use scorewire::model::{IngestTime, Origin, SourceId};
use scorewire::store::{Batch, DiskFiles, Durability, EventLog, Header, Kind, Lsn, Record, Settings, frame, open};
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RECORDS: u32 = 256;
const LINE_BYTES: usize = 300;
const BATCHES_STREAMED: usize = 512;

fn settings(durability: Durability) -> Settings {
    Settings {
        durability,
        segment_bytes: 64 << 20,
        queue_batches_max: 64,
        unsynced_bytes_max: 64 << 20,
        group_wait_us: 2_000,
        commit_timeout_ms: 60_000,
        retry_ms: 250,
    }
}

fn folder(name: &str) -> PathBuf {
    let root = std::env::var_os("SCOREWIRE_BENCH_DIR").map_or_else(|| PathBuf::from("target/bench-log"), PathBuf::from);
    let folder = root.join(name);
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

/// Bytes that look like lines: no two are the same.
fn lines() -> Vec<Vec<u8>> {
    (0..RECORDS)
        .map(|nth| {
            let mut line = format!("{{\"type\":\"play\",\"game\":\"2099010100\",\"play\":\"{nth}\",\"stats\":\"").into_bytes();
            line.resize(LINE_BYTES - 2, b'x');
            line.extend_from_slice(b"\"}");
            line
        })
        .collect()
}

fn framed(lines: &[Vec<u8>]) -> Vec<u8> {
    let mut records = Vec::with_capacity(lines.len() * (LINE_BYTES + 18));
    let origin = Origin {
        source: SourceId(0),
        ingest: IngestTime(1_506_275_400_123_456),
    };
    for body in lines {
        let kind = Kind::Event;
        frame(&Record { kind, origin, body }, &mut records);
    }
    records
}

fn begun(name: &str, durability: Durability) -> EventLog<()> {
    let opening = open(&folder(name), Arc::new(DiskFiles)).unwrap();
    opening.begin(Header::default(), settings(durability), |()| ()).unwrap()
}

fn log(c: &mut Criterion) {
    let lines = lines();
    let batch = || Batch {
        records: framed(&lines),
        count: RECORDS,
        payload: (),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut group = c.benchmark_group("log");
    group.sample_size(20);

    group.throughput(Throughput::Elements(u64::from(RECORDS)));
    group.bench_function("frame", |b| b.iter(|| black_box(framed(&lines))));
    for durability in [Durability::Group, Durability::Sync] {
        let log = begun("commit", durability);
        group.bench_function(BenchmarkId::new("commit", format!("{durability:?}")), |b| {
            b.iter(|| {
                let committed = async { log.submit(batch()).await.unwrap().committed().await };
                runtime.block_on(committed).unwrap();
            })
        });
        runtime.block_on(log.close()).unwrap();
    }
    group.throughput(Throughput::Elements(u64::from(RECORDS) * BATCHES_STREAMED as u64));
    let log = begun("stream", Durability::Group);
    group.bench_function("stream", |b| {
        b.iter(|| {
            let all = async {
                let mut tickets = std::collections::VecDeque::new();
                for _ in 0..BATCHES_STREAMED {
                    if tickets.len() == 64 {
                        let oldest: scorewire::store::Ticket = tickets.pop_front().unwrap();
                        oldest.committed().await.unwrap();
                    }
                    tickets.push_back(log.submit(batch()).await.unwrap());
                }
                for ticket in tickets {
                    ticket.committed().await.unwrap();
                }
            };
            runtime.block_on(all);
        })
    });
    eprintln!("{:?}", log.levels());
    runtime.block_on(log.close()).unwrap();

    let log = begun("recover", Durability::Group);
    let mut written = 0;
    while written < 100_000 {
        let submitted = async { log.submit(batch()).await.unwrap().committed().await };
        runtime.block_on(submitted).unwrap();
        written += u64::from(RECORDS);
    }
    runtime.block_on(log.close()).unwrap();
    let root = std::env::var_os("SCOREWIRE_BENCH_DIR").map_or_else(|| PathBuf::from("target/bench-log"), PathBuf::from);
    group.throughput(Throughput::Elements(written));
    group.bench_function("recover", |b| {
        b.iter(|| {
            let opening = open(&root.join("recover"), Arc::new(DiskFiles)).unwrap();
            let mut bytes = 0;
            let replayed = opening.replay(Lsn(0), |_, _, record| bytes += black_box(record.body).len());
            assert_eq!(replayed.unwrap().records, written);
        })
    });
    group.finish();
}

criterion_group!(benches, log);
criterion_main!(benches);
