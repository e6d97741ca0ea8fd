//! A step of training (forward, cross-entropy, backward, SGD), and of inference. `MBN_ALL_CASES=1` adds the large
//! cases.
//!
//! Run on a quiet machine; `RAYON_NUM_THREADS=1` gives single-thread figures.

mod case;
mod workload;

use case::Case;
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use workload::Workload;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NETWORKS: [&str; 3] = ["mobilenet_v3_small", "mobilenet_v3_large", "mobilenet_v2"];

/// `(resolution, batch, stem stride)`, from small to large.
const SHAPES: [(u32, u32, u32); 3] = [(32, 64, 2), (96, 32, 2), (32, 64, 1)];

/// Of inference: one image of ImageNet's size.
const IMAGE: (u32, u32, u32) = (224, 1, 2);

fn case(network: &str, (resolution, batch, stem_stride): (u32, u32, u32), classes: u32) -> Case {
    Case { network: network.to_owned(), resolution, batch, classes, stem_stride }
}

fn cases() -> impl Iterator<Item = Case> {
    let shapes = if std::env::var_os("MBN_ALL_CASES").is_some() { &SHAPES[..] } else { &SHAPES[..1] };
    NETWORKS.into_iter().flat_map(|network| shapes.iter().map(move |&shape| case(network, shape, 10)))
}

fn train_step(criterion: &mut Criterion) {
    keep_candle_quiet();
    let mut group = criterion.benchmark_group("train_step");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for case in cases() {
        group.throughput(Throughput::Elements(u64::from(case.batch)));
        group.bench_function(BenchmarkId::from_parameter(&case), |bencher| {
            let mut workload = workload(&case);
            bencher.iter(|| workload.train().expect("a finite loss"));
        });
    }
    group.finish();
}

fn inference(criterion: &mut Criterion) {
    keep_candle_quiet();
    let mut group = criterion.benchmark_group("inference");
    group.sample_size(10);
    for case in NETWORKS.map(|network| case(network, IMAGE, 1000)) {
        group.bench_function(BenchmarkId::from_parameter(&case), |bencher| {
            let mut workload = workload(&case);
            bencher.iter(|| workload.infer().expect("finite logits"));
        });
    }
    group.finish();
}

/// candle's own threads spin beside those of the kernels.
fn keep_candle_quiet() {
    // SAFETY: no other thread reads or writes the environment now.
    unsafe { std::env::set_var("CANDLE_NUM_THREADS", "1") };
}

fn workload(case: &Case) -> Workload {
    Workload::new(case, case.graph().expect("a reference network")).expect("memory")
}

criterion_group!(benches, train_step, inference);
criterion_main!(benches);
