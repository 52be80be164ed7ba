//! One play to 1, 100, 1,000 and 10,000 sockets: from handing it to the engine until every client has
//! it.

mod crowd;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use crowd::{event, spawn, wait};
use scorewire::config::Config;
use scorewire::model::IngestTime;
use scorewire::pipeline;
use std::time::Duration;

fn fanout(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("threads");
    let running = runtime.block_on(async {
        let mut config = Config::default();
        config.server.bind = ([127, 0, 0, 1], 0).into();
        pipeline::start(config).expect("a port is free")
    });
    pipeline::raise_descriptor_limit();
    let mut group = criterion.benchmark_group("fanout");
    group
        .sample_size(20)
        .measurement_time(Duration::from_secs(8))
        .warm_up_time(Duration::from_secs(1));
    let mut play = 0;
    for clients in [1usize, 100, 1_000, 10_000] {
        let mut child = spawn(clients, running.address.port());
        let mut said = child.stdout.take().expect("it is piped");
        wait(&mut said);
        group.throughput(Throughput::Elements(clients as u64));
        group.bench_function(BenchmarkId::from_parameter(clients), |bencher| {
            bencher.iter(|| {
                play += 1;
                let submitted = runtime.block_on(running.app.engine.submit(vec![(0, event(play))], IngestTime(0)));
                assert!(submitted.is_ok());
                wait(&mut said);
            });
        });
        child.kill().expect("it runs");
        child.wait().expect("it ran");
    }
    group.finish();
    runtime.block_on(running.drain());
}

criterion_group!(benches, fanout);

fn main() {
    if crowd::was_the_clients() {
        return;
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
