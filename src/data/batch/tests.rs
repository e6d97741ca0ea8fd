//! Order, completeness and determinism of epochs, with and without prefetching.

use std::num::NonZeroUsize;
use std::sync::Arc;

use proptest::prelude::*;

use crate::data::fixtures::dataset;
use crate::data::{
    Augment, Batch, DataError, Dataset, Loader, Mixup, Normalisation, RandAugment, ResizedCrop,
};

const AUGMENT: Augment = Augment { pad: 2, flip: true, ..Augment::NONE };

/// All that is done to an image by itself.
fn by_image() -> Augment {
    Augment {
        cutout: 2,
        rand_augment: Some(RandAugment::default()),
        resized_crop: Some(ResizedCrop::default()),
        ..AUGMENT
    }
}

/// All that there is.
fn everything() -> Augment {
    Augment { mixup: Some(Mixup::new(0.5).unwrap()), ..by_image() }
}

fn size(batch_size: usize) -> NonZeroUsize {
    NonZeroUsize::new(batch_size).unwrap()
}

/// A loader of the first `used` of 40 images of 5x6x3.
fn loader(used: usize, batch_size: usize) -> Loader {
    let dataset = dataset(40, 5, 6, 3, 4);
    let indices: Vec<usize> = (0..used).collect();
    let normalisation = Normalisation::fit(&dataset, &indices).unwrap();
    Loader::new(Arc::new(dataset), &indices, &normalisation, size(batch_size)).unwrap()
}

/// A loader whose batches show which images they hold: image `i` has the label `i`.
fn numbered(images: usize, batch_size: usize) -> Loader {
    let names = (0..images).map(|i| i.to_string()).collect();
    let labels = (0..images as u32).collect();
    let one = crate::data::ImageSize::new(1, 1).unwrap();
    let dataset = Dataset::new("numbered", vec![0; images], labels, one, 1, names).unwrap();
    let indices: Vec<usize> = (0..images).collect();
    let normalisation = Normalisation::fit(&dataset, &indices).unwrap();
    Loader::new(Arc::new(dataset), &indices, &normalisation, size(batch_size)).unwrap()
}

fn seen(batches: impl Iterator<Item = Batch>) -> Vec<u32> {
    batches.flat_map(|batch| batch.labels).collect()
}

/// The batches of an epoch in which every image can be made.
fn all(batches: impl Iterator<Item = Result<Batch, DataError>>) -> impl Iterator<Item = Batch> {
    batches.map(Result::unwrap)
}

#[test]
fn evaluation_is_in_order_complete_and_normalised() {
    let loader = loader(23, 10);
    let batches: Vec<Batch> = all(loader.evaluation()).collect();
    assert_eq!(
        batches.iter().map(|b| b.shape).collect::<Vec<_>>(),
        [[10, 5, 6, 3], [10, 5, 6, 3], [3, 5, 6, 3]]
    );
    assert_eq!(batches.iter().map(Batch::len).collect::<Vec<_>>(), [10, 10, 3]);
    let table = &loader.table;
    let expected: Vec<f32> = (0..23)
        .flat_map(|index| loader.dataset().image(index).unwrap().into_owned())
        .enumerate()
        .map(|(i, byte)| table[i % 3][usize::from(byte)])
        .collect();
    assert_eq!(batches.iter().flat_map(|b| b.pixels.clone()).collect::<Vec<_>>(), expected);
    assert_eq!(seen(all(loader.evaluation())), loader.dataset().labels()[..23]);
}

proptest! {
    #[test]
    fn training_sees_an_image_at_most_once_and_drops_less_than_half_a_batch(
        images in 1usize..60,
        batch_size in 1usize..20,
    ) {
        let loader = numbered(images, batch_size);
        let batches: Vec<Batch> = all(loader.training(Augment::NONE, 3, 0)).collect();
        prop_assert_eq!(batches.len(), loader.training_steps());
        prop_assert_eq!(loader.training(Augment::NONE, 3, 0).len(), batches.len());
        let rest = images % batch_size;
        let dropped = if images > batch_size && 2 * rest < batch_size { rest } else { 0 };
        let mut labels = seen(batches.into_iter());
        prop_assert_eq!(labels.len(), images - dropped);
        labels.sort_unstable();
        labels.dedup();
        prop_assert_eq!(labels.len(), images - dropped);
    }
}

#[test]
fn epochs_and_seeds_have_their_own_order() {
    let loader = numbered(40, 8);
    let order = |seed, epoch| seen(all(loader.training(Augment::NONE, seed, epoch)));
    assert_eq!(order(1, 0), order(1, 0));
    assert_ne!(order(1, 0), order(1, 1));
    assert_ne!(order(1, 0), order(2, 0));
    assert!(!order(1, 0).is_sorted());
}

#[test]
fn bytes_do_not_depend_on_the_number_of_threads() {
    for augment in [AUGMENT, everything()] {
        threads_change_nothing(augment);
    }
}

fn threads_change_nothing(augment: Augment) {
    let loader = loader(40, 16);
    let epoch = |threads: usize| -> Vec<Batch> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| all(loader.training(augment, 7, 3)).collect())
    };
    let one = epoch(1);
    assert_eq!(one.len(), 3);
    for threads in [2, 3, 8] {
        assert_eq!(epoch(threads), one);
    }
    let prefetched: Vec<Batch> = all(loader.training(augment, 7, 3).prefetch().unwrap()).collect();
    assert_eq!(prefetched, one);
}

#[test]
fn augmentation_does_not_depend_on_the_batch() {
    let augment = by_image();
    let by_image = |batch_size: usize| {
        let loader = loader(40, batch_size);
        let mut images: Vec<Vec<f32>> = all(loader.training(augment, 7, 3))
            .flat_map(|batch| batch.pixels.chunks(90).map(<[f32]>::to_vec).collect::<Vec<_>>())
            .collect();
        images.sort_by(|a, b| a.partial_cmp(b).unwrap());
        images
    };
    assert_eq!(by_image(4), by_image(40));
    let plain: Vec<Vec<f32>> = all(loader(40, 40).evaluation())
        .flat_map(|b| b.pixels.chunks(90).map(<[f32]>::to_vec).collect::<Vec<_>>())
        .collect();
    assert!(by_image(4).iter().filter(|image| !plain.contains(image)).count() > 30);
}

#[test]
fn batches_are_mixed_within_themselves_and_each_in_its_own_way() {
    let loader = loader(40, 16);
    let plain: Vec<Batch> = all(loader.training(by_image(), 7, 3)).collect();
    let mixed: Vec<Batch> = all(loader.training(everything(), 7, 3)).collect();
    let mut shares = Vec::new();
    for (plain, batch) in plain.iter().zip(&mixed) {
        assert_eq!(plain.mixed, None);
        assert_eq!(batch.labels, plain.labels);
        let mixed = batch.mixed.as_ref().unwrap();
        let sorted = |labels: &[u32]| {
            let mut labels = labels.to_vec();
            labels.sort_unstable();
            labels
        };
        assert_eq!(sorted(&mixed.labels), sorted(&plain.labels));
        let images: Vec<&[f32]> = plain.pixels.chunks(90).collect();
        for (image, &label) in mixed.labels.iter().enumerate() {
            let mixture = &batch.pixels[image * 90..][..90];
            let is_mixed_with = |other: &[f32]| {
                let expected =
                    images[image].iter().zip(other).map(|(a, b)| mixed.share * a + (1.0 - mixed.share) * b);
                expected.zip(mixture).all(|(expected, found)| (expected - found).abs() < 1e-5)
            };
            let partner =
                (0..images.len()).find(|&other| plain.labels[other] == label && is_mixed_with(images[other]));
            assert!(partner.is_some(), "image {image} is mixed with none of class {label}");
        }
        shares.push(mixed.share);
    }
    shares.dedup();
    assert_eq!(shares.len(), 3);
}

#[test]
fn a_batch_that_was_mixed_can_hold_one_that_is_not() {
    let loader = loader(40, 16);
    let mut batch = all(loader.training(everything(), 7, 3)).next().unwrap();
    assert!(loader.evaluation().next_into(&mut batch).unwrap());
    assert_eq!(Some(batch), all(loader.evaluation()).next());
}

#[test]
fn buffers_are_reused() {
    let loader = loader(25, 10);
    let mut batch = Batch::default();
    let mut batches = loader.evaluation();
    for expected in all(loader.evaluation()) {
        assert!(batches.next_into(&mut batch).unwrap());
        assert_eq!(batch, expected);
        assert!(batch.pixels.capacity() >= 900);
    }
    assert!(!batches.next_into(&mut batch).unwrap());
    assert_eq!(batch.len(), 5);
}

#[test]
fn an_abandoned_prefetch_ends_its_thread() {
    for taken in 0..5 {
        let loader = loader(40, 4);
        let dataset = Arc::downgrade(&loader.dataset);
        let mut prefetch = loader.training(AUGMENT, 1, 1).prefetch().unwrap();
        drop(loader);
        assert_eq!(prefetch.by_ref().take(taken).count(), taken);
        assert_eq!(prefetch.len(), 10 - taken);
        drop(prefetch);
        // The thread held the last reference, so it has ended.
        assert_eq!(dataset.strong_count(), 0);
    }
}

#[test]
fn a_trial_in_a_pool_of_one_thread_can_wait_for_prefetched_batches() {
    let loader = loader(40, 4);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let images: usize = pool.install(|| all(loader.evaluation().prefetch().unwrap()).map(|b| b.len()).sum());
    assert_eq!(images, 40);
}

#[test]
fn unusable_loaders_are_refused() {
    let dataset = Arc::new(dataset(4, 2, 2, 3, 2));
    let normalisation = Normalisation::fit(&dataset, &[0]).unwrap();
    let make = |indices: &[usize]| Loader::new(Arc::clone(&dataset), indices, &normalisation, size(2));
    assert!(matches!(make(&[]), Err(DataError::NoImages { .. })));
    assert!(matches!(make(&[0, 4]), Err(DataError::IndexOutOfRange { index: 4, len: 4, .. })));
    let grey = Arc::new(crate::data::fixtures::dataset(4, 2, 2, 1, 2));
    let message = Loader::new(grey, &[0], &normalisation, size(2)).unwrap_err().to_string();
    assert!(message.ends_with("the images have 1 channel(s), but the normalisation is for 3"), "{message}");
}
