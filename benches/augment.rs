//! Epochs of augmented batches of 28x28 grey images, on one core.

use std::num::NonZeroUsize;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mbn::data::{Augment, Batch, Dataset, ImageSize, Loader, Mixup, Normalisation, RandAugment};

const IMAGES: usize = 2048;
const CROP: Augment = Augment { pad: 2, flip: true, ..Augment::NONE };
const CUTOUT: Augment = Augment { cutout: 8, ..CROP };

fn loader() -> Loader {
    let pixels = (0..IMAGES * 28 * 28).map(|i| (i * 37 % 251) as u8).collect();
    let size = ImageSize::new(28, 28).expect("a size");
    let names = vec!["only".to_owned()];
    let dataset = Dataset::new("bench", pixels, vec![0; IMAGES], size, 1, names).expect("consistent");
    let indices: Vec<usize> = (0..IMAGES).collect();
    let normalisation = Normalisation::fit(&dataset, &indices).expect("images");
    let batch_size = NonZeroUsize::new(64).expect("positive");
    Loader::new(Arc::new(dataset), &indices, &normalisation, batch_size).expect("valid indices")
}

fn augment(c: &mut Criterion) {
    let loader = loader();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let mut group = c.benchmark_group("augment 28x28x1");
    group.throughput(Throughput::Elements(IMAGES as u64));
    for (name, augment) in [
        ("none", Augment::NONE),
        ("pad, flip", CROP),
        ("pad, flip, cutout", CUTOUT),
        ("pad, flip, cutout, mixup", Augment { mixup: Mixup::new(0.2).ok(), ..CUTOUT }),
        ("pad, flip, cutout, rand_augment", Augment { rand_augment: Some(RandAugment::default()), ..CUTOUT }),
    ] {
        group.bench_function(name, |b| {
            let mut batch = Batch::default();
            b.iter(|| {
                pool.install(|| {
                    let mut batches = loader.training(augment, 1, 1);
                    while batches.next_into(&mut batch).expect("images in memory") {}
                });
            });
        });
    }
    group.finish();
}

criterion_group!(benches, augment);
criterion_main!(benches);
