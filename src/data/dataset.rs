//! Labelled images in memory.
//!
//! Invariants: at least one image; `images.len() == len * height * width * channels`; every label
//! is below the number of class names.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::error::DataError;
use super::resize::{ImageSize, resize_all};

/// Labelled images of one size, as bytes in NHWC order (`[n, h, w, c]`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    name: String,
    images: Vec<u8>,
    labels: Vec<u32>,
    size: ImageSize,
    channels: usize,
    class_names: Vec<String>,
}

impl Dataset {
    /// Builds a data set from its parts; `images` is `[n, h, w, c]`, `labels` is `[n]`.
    ///
    /// # Errors
    /// When there is no image, a dimension is zero, the lengths disagree, or a label has no name.
    pub fn new(
        name: impl Into<String>,
        images: Vec<u8>,
        labels: Vec<u32>,
        size: ImageSize,
        channels: usize,
        class_names: Vec<String>,
    ) -> Result<Self, DataError> {
        let dataset = Self { name: name.into(), images, labels, size, channels, class_names };
        match dataset.contradiction() {
            None => Ok(dataset),
            Some(problem) => Err(DataError::Inconsistent { name: dataset.name, problem }),
        }
    }

    fn contradiction(&self) -> Option<String> {
        let (n, h, w, c) = (self.len(), self.height(), self.width(), self.channels);
        if n == 0 || c == 0 {
            return Some(format!("{n} images with {c} channels: both must be positive"));
        }
        if self.size.pixels().checked_mul(c).and_then(|image| image.checked_mul(n)) != Some(self.images.len())
        {
            return Some(format!("{} bytes do not make {n} images of {h}x{w}x{c}", self.images.len()));
        }
        let classes = self.class_names.len();
        let (index, label) = self.labels.iter().enumerate().find(|&(_, &label)| label as usize >= classes)?;
        Some(format!("image {index} has label {label}, but there are {classes} classes"))
    }

    /// The name under which reports mention this data set.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of images.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a data set is never empty")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Rows and columns of every image.
    #[must_use]
    pub fn size(&self) -> ImageSize {
        self.size
    }

    /// Rows of every image.
    #[must_use]
    pub fn height(&self) -> usize {
        self.size.height()
    }

    /// Columns of every image.
    #[must_use]
    pub fn width(&self) -> usize {
        self.size.width()
    }

    /// Channels of every image: 1 for grey, 3 for RGB.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Number of values in one image, `h * w * c`.
    #[must_use]
    pub fn image_len(&self) -> usize {
        self.size.pixels() * self.channels
    }

    /// The pixels of all images, `[n, h, w, c]`.
    #[must_use]
    pub fn images(&self) -> &[u8] {
        &self.images
    }

    /// The pixels of image `index`, `[h, w, c]`.
    ///
    /// # Panics
    /// When `index >= len()`, like indexing a slice.
    #[must_use]
    pub fn image(&self, index: usize) -> &[u8] {
        let len = self.image_len();
        &self.images[index * len..(index + 1) * len]
    }

    /// The class of every image, `[n]`; each is below [`Self::classes`].
    #[must_use]
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The names of the classes; a label is an index into them.
    #[must_use]
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.class_names.len()
    }

    /// Number of images of each class, `[classes]`.
    #[must_use]
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes()];
        for &label in &self.labels {
            counts[label as usize] += 1;
        }
        counts
    }

    /// SHA-256, in hexadecimal, over shape, class names, labels and pixels; the name does not count.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for number in [self.len(), self.height(), self.width(), self.channels, self.classes()] {
            hash.update((number as u64).to_le_bytes());
        }
        for name in &self.class_names {
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name.as_bytes());
        }
        for label in &self.labels {
            hash.update(label.to_le_bytes());
        }
        hash.update(&self.images);
        hexadecimal(&hash.finalize())
    }

    /// The images at `indices`, in that order, as a data set of its own.
    ///
    /// # Errors
    /// When `indices` is empty or has an index beyond the last image.
    pub fn subset(&self, indices: &[usize]) -> Result<Self, DataError> {
        self.check_indices(indices)?;
        let mut images = Vec::with_capacity(indices.len() * self.image_len());
        for &index in indices {
            images.extend_from_slice(self.image(index));
        }
        let labels = indices.iter().map(|&index| self.labels[index]).collect();
        let (name, class_names) = (self.name.clone(), self.class_names.clone());
        Self::new(name, images, labels, self.size, self.channels, class_names)
    }

    /// The same images at another size (bilinear, with antialiasing when shrinking).
    ///
    /// # Errors
    /// When the result does not fit into memory.
    pub fn resized(self, size: ImageSize) -> Result<Self, DataError> {
        if size == self.size {
            return Ok(self);
        }
        let images = resize_all(&self, size)?;
        Ok(Self { images, size, ..self })
    }

    /// The same images with that many channels: grey ones repeat theirs, coloured ones become grey by the mean of
    /// theirs.
    ///
    /// # Errors
    /// When there is neither one channel before nor after.
    pub fn with_channels(self, channels: usize) -> Result<Self, DataError> {
        let images = match (self.channels, channels) {
            (had, asked) if had == asked => return Ok(self),
            (1, asked) => self.images.iter().flat_map(|&grey| std::iter::repeat_n(grey, asked)).collect(),
            (had, 1) => {
                let grey = |pixel: &[u8]| pixel.iter().map(|&v| usize::from(v)).sum::<usize>() / had;
                self.images.chunks_exact(had).map(|pixel| grey(pixel) as u8).collect()
            }
            (had, asked) => {
                let problem = format!("its images have {had} channels, which cannot become {asked}");
                return Err(DataError::Inconsistent { name: self.name, problem });
            }
        };
        Ok(Self { images, channels, ..self })
    }

    /// Whether every index is that of an image.
    pub(super) fn check_indices(&self, indices: &[usize]) -> Result<(), DataError> {
        match indices.iter().find(|&&index| index >= self.len()) {
            None => Ok(()),
            Some(&index) => {
                Err(DataError::IndexOutOfRange { name: self.name.clone(), index, len: self.len() })
            }
        }
    }
}

/// Bytes as hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixtures::dataset;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|i| i.to_string()).collect()
    }

    #[test]
    fn contradictions_are_refused() {
        let size = ImageSize::new(2, 2).unwrap();
        let message = |images: usize, labels: Vec<u32>, channels: usize, classes: usize| {
            Dataset::new("d", vec![0; images], labels, size, channels, names(classes))
                .unwrap_err()
                .to_string()
        };
        assert_eq!(message(0, vec![], 1, 2), "data set d: 0 images with 1 channels: both must be positive");
        assert_eq!(message(0, vec![0], 0, 2), "data set d: 1 images with 0 channels: both must be positive");
        assert_eq!(message(7, vec![0, 1], 1, 2), "data set d: 7 bytes do not make 2 images of 2x2x1");
        assert_eq!(message(8, vec![0, 2], 1, 2), "data set d: image 1 has label 2, but there are 2 classes");
    }

    #[test]
    fn the_fingerprint_covers_all_but_the_name() {
        let make = |name: &str, first: u8, labels: [u32; 2], (h, w): (usize, usize), class: &str| {
            let size = ImageSize::new(h, w).unwrap();
            let classes = vec![class.to_owned(), "b".to_owned()];
            Dataset::new(name, vec![first, 1, 2, 3], labels.to_vec(), size, 1, classes).unwrap().fingerprint()
        };
        let base = make("x", 0, [0, 1], (1, 2), "a");
        assert_eq!(base.len(), 64);
        assert_eq!(make("y", 0, [0, 1], (1, 2), "a"), base);
        for other in [
            make("x", 9, [0, 1], (1, 2), "a"),
            make("x", 0, [1, 1], (1, 2), "a"),
            make("x", 0, [0, 1], (2, 1), "a"),
            make("x", 0, [0, 1], (1, 2), "c"),
        ] {
            assert_ne!(other, base);
        }
    }

    #[test]
    fn a_subset_keeps_the_given_order() {
        let all = dataset(10, 2, 3, 3, 4);
        let some = all.subset(&[7, 2]).unwrap();
        assert_eq!(some.labels(), [3, 2]);
        assert_eq!(some.images(), [all.image(7), all.image(2)].concat());
        assert!(matches!(all.subset(&[3, 10]), Err(DataError::IndexOutOfRange { index: 10, .. })));
        assert!(all.subset(&[]).is_err());
    }

    #[test]
    fn resizing_to_the_same_size_changes_nothing() {
        let all = dataset(3, 4, 5, 3, 2);
        let same = all.clone().resized(all.size()).unwrap();
        assert_eq!(same, all);
        let larger = all.clone().resized(ImageSize::new(8, 10).unwrap()).unwrap();
        assert_eq!((larger.images().len(), larger.labels()), (3 * 240, all.labels()));
        assert_ne!(larger.image(0), larger.image(1));
    }
}
