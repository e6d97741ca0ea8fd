//! Time of the non-dominated sort and of the front, over random points.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use mbn::search::{Point, non_dominated_fronts, pareto_front};
use mbn::seed;
use rand::Rng;

fn points(n: usize) -> Vec<Point> {
    let mut rng = seed::rng(0, "bench/pareto", n as u64);
    (0..n).filter_map(|_| Point::new(rng.random(), rng.random_range(1.0..100.0))).collect()
}

fn pareto(c: &mut Criterion) {
    let mut group = c.benchmark_group("pareto");
    for n in [100, 1_000, 10_000] {
        let points = points(n);
        group.bench_with_input(BenchmarkId::new("fronts", n), &points, |b, points| {
            b.iter(|| non_dominated_fronts(black_box(points)));
        });
        group.bench_with_input(BenchmarkId::new("front", n), &points, |b, points| {
            b.iter(|| pareto_front(black_box(points)));
        });
    }
    group.finish();
}

criterion_group!(benches, pareto);
criterion_main!(benches);
