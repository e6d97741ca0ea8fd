//! A training and a test part that belong together.
//!
//! Invariants: both parts have the same image shape and the same class names.

use sha2::{Digest, Sha256};

use super::dataset::{Dataset, hexadecimal};
use super::error::DataError;
use super::resize::ImageSize;
use super::split::holdout;

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

/// A training and a test part with the same image shape and classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSource {
    train: Dataset,
    test: Dataset,
    test_origin: TestOrigin,
}

impl DataSource {
    /// Joins a training part and the test part that came with it.
    ///
    /// # Errors
    /// When the image shapes or the class names differ.
    pub fn new(train: Dataset, test: Dataset) -> Result<Self, DataError> {
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
        Ok(Self { train, test, test_origin: TestOrigin::Own })
    }

    /// Splits images that came without a test part; see [`TestOrigin::SetApart`].
    ///
    /// # Errors
    /// When a class has fewer than two images.
    pub fn set_apart(all: &Dataset) -> Result<Self, DataError> {
        if let Some(class) = all.class_counts().iter().position(|&count| count == 1) {
            return Err(DataError::ClassTooSmall { class: all.class_names()[class].clone(), count: 1 });
        }
        let split = holdout(all.labels(), SET_APART_FRACTION, SET_APART_SEED)?;
        Ok(Self {
            train: all.subset(&split.search)?,
            test: all.subset(&split.validation)?,
            test_origin: TestOrigin::SetApart,
        })
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

    /// Where the test part comes from.
    #[must_use]
    pub fn test_origin(&self) -> TestOrigin {
        self.test_origin
    }

    /// The training and the test part, by value.
    #[must_use]
    pub fn into_parts(self) -> (Dataset, Dataset) {
        (self.train, self.test)
    }

    /// SHA-256, in hexadecimal, over the fingerprints of both parts.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.train.fingerprint());
        hash.update(self.test.fingerprint());
        hexadecimal(&hash.finalize())
    }

    /// Both parts at another image size.
    ///
    /// # Errors
    /// When the result does not fit into memory.
    pub fn resized(self, size: ImageSize) -> Result<Self, DataError> {
        Ok(Self {
            train: self.train.resized(size)?,
            test: self.test.resized(size)?,
            test_origin: self.test_origin,
        })
    }

    /// Both parts with that many channels, see [`Dataset::with_channels`].
    ///
    /// # Errors
    /// When the channels cannot become these.
    pub fn with_channels(self, channels: usize) -> Result<Self, DataError> {
        Ok(Self {
            train: self.train.with_channels(channels)?,
            test: self.test.with_channels(channels)?,
            test_origin: self.test_origin,
        })
    }

    /// Up to `count` images of each part, spread evenly over it.
    ///
    /// # Errors
    /// Never for images that were read.
    pub fn some(self, count: usize) -> Result<Self, DataError> {
        let some = |part: Dataset| match part.len() {
            len if len <= count => Ok(part),
            len => part.subset(&spread(len, count)),
        };
        Ok(Self { train: some(self.train)?, test: some(self.test)?, test_origin: self.test_origin })
    }
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
            DataSource::new(train.clone(), test.clone()).unwrap().fingerprint()
        };
        assert_eq!(joined(&a, &b), joined(&a, &b));
        assert_ne!(joined(&a, &b), joined(&b, &a));
        assert_ne!(joined(&a, &b), joined(&a, &a));
    }
}
