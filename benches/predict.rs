//! Latency prediction of random genotypes: sample, decode, lower, look up.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mbn::graph::LayerGraph;
use mbn::{latency, seed, space};
use std::hint::black_box;

fn predict(c: &mut Criterion) {
    let table = latency::load("pixel-latency.csv").expect("shipped");
    let space = space::load("mobilenet_v3").expect("shipped");
    let mut rng = seed::rng(0, "bench", 0);
    let mut group = c.benchmark_group("genotype");
    group.throughput(Throughput::Elements(1));
    group.bench_function("sample, decode, lower, look up", |b| {
        b.iter(|| {
            let genotype = space.sample(&mut rng);
            let graph = LayerGraph::lower(&space.decode(black_box(&genotype)));
            table.predict(&graph).expect("on the grid").latency_ms
        });
    });
    group.finish();
}

criterion_group!(benches, predict);
criterion_main!(benches);
