//! How long one play takes to 1, 100, 1,000 and 10,000 sockets: wall clock from handing it to the
//! engine until the last client has read it.
//!
//! `cargo bench --bench fanout`. The time is of the play to all, the throughput in clients a second.
//! Clients are one process on the same machine: their reading is in the time, and takes a core of it.

mod crowd;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use crowd::{Server, spawn, wait};
use scorewire::pipeline;
use std::time::Duration;

fn fanout(criterion: &mut Criterion) {
    let mut server = Server::start(0);
    pipeline::raise_descriptor_limit();
    let mut group = criterion.benchmark_group("fanout");
    group
        .sample_size(20)
        .measurement_time(Duration::from_secs(8))
        .warm_up_time(Duration::from_secs(1));
    for clients in [1usize, 100, 1_000, 10_000] {
        let mut child = spawn(clients, server.port());
        let mut said = child.stdout.take().expect("it is piped");
        wait(&mut said);
        group.throughput(Throughput::Elements(clients as u64));
        group.bench_function(BenchmarkId::from_parameter(clients), |bencher| {
            bencher.iter(|| {
                server.play();
                wait(&mut said);
            });
        });
        child.kill().expect("it runs");
        child.wait().expect("it ran");
    }
    group.finish();
    server.end();
}

criterion_group!(benches, fanout);

fn main() {
    if crowd::was_the_clients() {
        return;
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
