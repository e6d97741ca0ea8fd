//! A training and a test part that belong together.
//!
//! Invariants: both parts have the same image shape and the same class names.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use sha2::{Digest, Sha256};

use super::dataset::{Dataset, hexadecimal};
use super::error::DataError;
use super::resize::ImageSize;
use super::split::{Split, holdout};

/// Share of the images that becomes the test part when a folder has none: 1/6, as in MNIST.
const SET_APART_FRACTION: f64 = 1.0 / 6.0;

/// Seed of that choice: a property of the data set, not of a run, so that all runs are tested on
/// the same images.
const SET_APART_SEED: u64 = 0;

/// Where the test part of a [`DataSource`] comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestOrigin {
    /// The data set has a test part of its own.
    Own,
    /// The data set has none: a sixth of its images, chosen class by class with a fixed seed, was
    /// set apart. The same images are chosen in every run.
    SetApart,
}

/// Memory for images that were brought to their size: with a network of the size of MobileNetV3 at 224x224 and a few
/// batches ahead, training stays within 1.5 GB. It holds 3,500 colour images of 224x224 or CIFAR-10 three times over.
const IMAGE_MEMORY: usize = 512 << 20;

/// A training and a test part with the same image shape and classes.
#[derive(Debug, Clone)]
pub struct DataSource {
    train: Dataset,
    test: Dataset,
    test_origin: TestOrigin,
    memory: usize,
}

impl DataSource {
    /// Joins a training part and the test part that came with it.
    ///
    /// # Errors
    /// When the image shapes or the class names differ.
    pub fn new(train: Dataset, test: Dataset) -> Result<Self, DataError> {
        Self::with_origin(train, test, TestOrigin::Own)
    }

    pub(super) fn with_origin(
        train: Dataset,
        test: Dataset,
        test_origin: TestOrigin,
    ) -> Result<Self, DataError> {
        let shape = |part: &Dataset| (part.height(), part.width(), part.channels());
        if shape(&train) != shape(&test) {
            let ((h, w, c), (th, tw, tc)) = (shape(&train), shape(&test));
            return Err(DataError::Inconsistent {
                name: train.name().to_owned(),
                problem: format!("training images are {h}x{w}x{c}, but test images are {th}x{tw}x{tc}"),
            });
        }
        if train.class_names() != test.class_names() {
            return Err(DataError::Inconsistent {
                name: train.name().to_owned(),
                problem: "the training and the test part have different class names".to_owned(),
            });
        }
        Ok(Self { train, test, test_origin, memory: IMAGE_MEMORY })
    }

    /// Splits images that came without a test part; see [`TestOrigin::SetApart`].
    ///
    /// # Errors
    /// When a class has fewer than two images.
    pub fn set_apart(all: &Dataset) -> Result<Self, DataError> {
        let split = set_apart(all.labels(), all.class_names())?;
        let (train, test) = (all.subset(&split.search)?, all.subset(&split.validation)?);
        Self::with_origin(train, test, TestOrigin::SetApart)
    }

    /// The training part.
    #[must_use]
    pub fn train(&self) -> &Dataset {
        &self.train
    }

    /// The test part: to report a result with, never to choose by.
    #[must_use]
    pub fn test(&self) -> &Dataset {
        &self.test
    }

    /// The training and the test part, by value.
    #[must_use]
    pub fn into_parts(self) -> (Dataset, Dataset) {
        (self.train, self.test)
    }

    /// Where the test part comes from.
    #[must_use]
    pub fn test_origin(&self) -> TestOrigin {
        self.test_origin
    }

    /// The longer side of the images: the side of the square that loses nothing of them.
    #[must_use]
    pub fn side(&self) -> u32 {
        let size = self.train.size();
        // A side is at most `ImageSize::MAX_SIDE`.
        size.height().max(size.width()) as u32
    }

    /// The side to train a network on: files are brought to the network's `resolution`, packed images stay as they are.
    #[must_use]
    pub fn side_for(&self, resolution: u32) -> u32 {
        if self.train.is_packed() { self.side() } else { resolution }
    }

    /// The same parts with room for `bytes` of images that were brought to their size; what does not fit is made again
    /// whenever it is needed.
    #[must_use]
    pub fn with_memory(self, bytes: usize) -> Self {
        Self { memory: bytes, ..self }
    }

    /// SHA-256, in hexadecimal, over the fingerprints of both parts.
    ///
    /// # Errors
    /// When a picture cannot be read or has changed.
    pub fn fingerprint(&self) -> Result<String, DataError> {
        let mut hash = Sha256::new();
        hash.update(self.train.fingerprint()?);
        hash.update(self.test.fingerprint()?);
        Ok(hexadecimal(&hash.finalize()))
    }

    /// Both parts with images of another size (bilinear, with antialiasing when shrinking) and number of channels.
    ///
    /// # Errors
    /// When the channels cannot become these.
    pub fn brought_to(&self, size: ImageSize, channels: usize) -> Result<Self, DataError> {
        let room = Arc::new(AtomicUsize::new(self.memory));
        Ok(Self {
            train: self.train.brought_to(size, channels, &room)?,
            test: self.test.brought_to(size, channels, &room)?,
            ..*self
        })
    }

    /// Up to `count` images of each part, spread evenly over it.
    ///
    /// # Errors
    /// Never for images that were read.
    pub fn some(self, count: usize) -> Result<Self, DataError> {
        self.chosen(&|labels| spread(labels.len(), count))
    }

    /// The images of each part that `choose` chooses by their labels.
    pub(super) fn chosen(self, choose: &dyn Fn(&[u32]) -> Vec<usize>) -> Result<Self, DataError> {
        let of = |part: Dataset| match choose(part.labels()) {
            all if all.len() == part.len() => Ok(part),
            some => part.subset(&some),
        };
        Ok(Self { train: of(self.train)?, test: of(self.test)?, ..self })
    }
}

/// The test part of images that came without one is the `validation` of this split; see [`TestOrigin::SetApart`].
pub(super) fn set_apart(labels: &[u32], class_names: &[String]) -> Result<Split, DataError> {
    let mut counts = vec![0usize; class_names.len()];
    labels.iter().for_each(|&label| counts[label as usize] += 1);
    if let Some(class) = counts.iter().position(|&count| count == 1) {
        return Err(DataError::ClassTooSmall { class: class_names[class].clone(), count: 1 });
    }
    holdout(labels, SET_APART_FRACTION, SET_APART_SEED)
}

/// Up to `count` positions among `len`, evenly spaced: sets are often sorted by class.
pub fn spread(len: usize, count: usize) -> Vec<usize> {
    let count = count.min(len);
    (0..count).map(|index| index * len / count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixtures::dataset;

    #[test]
    fn parts_with_different_classes_do_not_join() {
        let message =
            DataSource::new(dataset(4, 1, 1, 1, 2), dataset(4, 1, 1, 1, 3)).unwrap_err().to_string();
        assert!(message.ends_with("different class names"), "{message}");
    }

    #[test]
    fn some_images_are_spread_over_all() {
        assert_eq!(spread(10, 4), [0, 2, 5, 7]);
        assert_eq!(spread(3, 9), [0, 1, 2]);
        assert!(spread(3, 0).is_empty());
        let source = DataSource::new(dataset(9, 1, 1, 1, 3), dataset(2, 1, 1, 1, 3)).unwrap();
        let some = source.some(3).unwrap();
        assert_eq!((some.train().len(), some.test().len()), (3, 2));
    }

    #[test]
    fn the_fingerprint_covers_both_parts_in_their_roles() {
        let (a, b) = (dataset(4, 1, 1, 1, 2), dataset(6, 1, 1, 1, 2));
        let joined = |train: &Dataset, test: &Dataset| {
            DataSource::new(train.clone(), test.clone()).unwrap().fingerprint().unwrap()
        };
        assert_eq!(joined(&a, &b), joined(&a, &b));
        assert_ne!(joined(&a, &b), joined(&b, &a));
        assert_ne!(joined(&a, &b), joined(&a, &a));
    }
}
