//! Latency prediction of random genotypes: sample, decode, lower, look up.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mbn::graph::LayerGraph;
use mbn::{latency, seed, space};
use std::hint::black_box;

fn predict(c: &mut Criterion) {
    let space = space::load("mobilenet_v3").expect("shipped");
    let mut group = c.benchmark_group("genotype");
    group.throughput(Throughput::Elements(1));
    // Rows of whole blocks, and of operators.
    for name in ["pixel-latency.csv", "x86-64-tract-224.csv"] {
        let table = latency::load(name).expect("shipped");
        let mut rng = seed::rng(0, "bench", 0);
        group.bench_function(format!("sample, decode, lower, look up in {name}"), |b| {
            b.iter(|| {
                let genotype = space.sample(&mut rng);
                let graph = LayerGraph::lower(&space.decode(black_box(&genotype)));
                table.predict(&graph).expect("on the grid").latency_ms
            });
        });
        let networks = space.draw_networks(1000, &mut rng);
        let graphs: Vec<LayerGraph> = networks.iter().map(LayerGraph::lower).collect();
        let mut next = graphs.iter().cycle();
        group.bench_function(format!("look up in {name}"), |b| {
            b.iter(|| {
                next.next().map(|graph| table.predict(black_box(graph)).expect("on the grid").latency_ms)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, predict);
criterion_main!(benches);
