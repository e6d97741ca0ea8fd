//! Weight surgery: MobileNetV3-Large narrowed to three quarters of every width, and its channels' scores.

use criterion::{Criterion, criterion_group, criterion_main};
use mbn::graph::{LayerGraph, Values};
use mbn::netadapt::{Channels, Importance, Surgery, channel_scores, most_important};
use mbn::nn::Parameters;
use mbn::spec;
use std::hint::black_box;

fn surgery(c: &mut Criterion) {
    let graph = LayerGraph::lower(&spec::load("mobilenet_v3_large").expect("shipped"));
    let groups = graph.channel_groups();
    let values = Parameters::initial(&graph, 0).and_then(|p| p.values()).expect("memory");
    let score = || channel_scores(&graph, &groups, &values, Importance::L2, &Values::new());
    let scores = score();
    let all = Channels::all(&groups);
    let mut keep = all.clone();
    for (id, group) in groups.iter().filter(|(_, group)| !group.frozen) {
        let kept = most_important(&scores[id.index()], group.width as usize * 3 / 4);
        keep.set(id, kept.into_iter().map(|channel| channel as u32).collect());
    }
    let surgery = Surgery { graph: &graph, groups: &groups };
    c.bench_function("shrink MobileNetV3-Large", |b| {
        b.iter(|| surgery.shrink(black_box(&values), &all, &keep))
    });
    c.bench_function("score its channels", |b| b.iter(score));
}

criterion_group!(benches, surgery);
criterion_main!(benches);
