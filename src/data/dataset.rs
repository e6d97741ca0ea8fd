//! Labelled images: packed ones that lie in memory, or pictures that are decoded when they are needed.
//!
//! Both are brought to one size. What was brought to it is kept as far as there is room, so that small sets are decoded
//! once and large ones are streamed; an image has the same bytes either way.
//!
//! Invariants: at least one image; every label is below the number of class names; packed pixels have the length
//! `len * height * width * channels` of their own size.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::error::DataError;
use super::picture::Picture;
use super::resize::{ImageSize, resize_into};

/// Labelled images of one size, as bytes in NHWC order (`[h, w, c]` each).
#[derive(Debug, Clone)]
pub struct Dataset {
    name: String,
    labels: Vec<u32>,
    class_names: Vec<String>,
    originals: Originals,
    /// What the originals are brought to.
    size: ImageSize,
    channels: usize,
    /// Images that were brought to their size; empty where packed images already are what they are brought to. One that is
    /// kept stays: an epoch sees every image once, in an order of its own, so that none is needed sooner than another.
    kept: Arc<[OnceLock<Box<[u8]>>]>,
    /// Bytes that are left for more.
    room: Arc<AtomicUsize>,
}

/// Images as they came.
#[derive(Debug, Clone)]
enum Originals {
    /// All of one size, `[n, h, w, c]`.
    Packed { pixels: Arc<Vec<u8>>, size: ImageSize, channels: usize },
    /// One file each.
    Pictures(Arc<[Picture]>),
}

/// The part of an original that a random crop shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) top: usize,
    pub(super) left: usize,
    pub(super) size: ImageSize,
}

impl Dataset {
    /// Packed images with their labels; `images` is `[n, h, w, c]`, `labels` is `[n]`.
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
        let originals = Originals::Packed { pixels: Arc::new(images), size, channels };
        Self::checked(name.into(), labels, class_names, originals, size, channels)
    }

    /// Pictures with their labels, shown at `size` with `channels` (1 or 3).
    ///
    /// # Errors
    /// When there is no picture, or a label has no name.
    pub(super) fn of_pictures(
        name: &str,
        pictures: Vec<Picture>,
        labels: Vec<u32>,
        size: ImageSize,
        channels: usize,
        class_names: Vec<String>,
    ) -> Result<Self, DataError> {
        let originals = Originals::Pictures(pictures.into());
        Self::checked(name.to_owned(), labels, class_names, originals, size, channels)
    }

    fn checked(
        name: String,
        labels: Vec<u32>,
        class_names: Vec<String>,
        originals: Originals,
        size: ImageSize,
        channels: usize,
    ) -> Result<Self, DataError> {
        let slots = if matches!(originals, Originals::Packed { .. }) { 0 } else { labels.len() };
        // Nothing is kept of images that nobody has brought to a size yet.
        let room = Arc::new(AtomicUsize::new(0));
        let dataset =
            Self { name, labels, class_names, originals, size, channels, kept: nothing(slots), room };
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
        if let Originals::Packed { pixels, .. } = &self.originals
            && self.image_len().checked_mul(n) != Some(pixels.len())
        {
            return Some(format!("{} bytes do not make {n} images of {h}x{w}x{c}", pixels.len()));
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

    /// Whether the images came packed and lie in memory as they came.
    #[must_use]
    pub fn is_packed(&self) -> bool {
        matches!(self.originals, Originals::Packed { .. })
    }

    /// The pixels of image `index`, `[h, w, c]`.
    ///
    /// # Errors
    /// When its file cannot be read or decoded, or has changed.
    ///
    /// # Panics
    /// When `index >= len()`, like indexing a slice.
    pub fn image(&self, index: usize) -> Result<Cow<'_, [u8]>, DataError> {
        if let Some(pixels) = self.packed(index) {
            return Ok(Cow::Borrowed(pixels));
        }
        let slot = &self.kept[index];
        if let Some(kept) = slot.get() {
            return Ok(Cow::Borrowed(kept));
        }
        let image = self.bring(index, None)?;
        if !self.claim(image.len()) {
            return Ok(Cow::Owned(image));
        }
        Ok(Cow::Borrowed(slot.get_or_init(|| image.into_boxed_slice())))
    }

    /// Takes bytes of the room, if they are there.
    fn claim(&self, bytes: usize) -> bool {
        let left = |room: usize| room.checked_sub(bytes);
        self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_ok()
    }

    /// The pixels of image `index` where the packed ones are already what they are brought to.
    fn packed(&self, index: usize) -> Option<&[u8]> {
        match &self.originals {
            Originals::Packed { pixels, .. } if self.kept.is_empty() => {
                let len = self.image_len();
                Some(&pixels[index * len..(index + 1) * len])
            }
            _ => None,
        }
    }

    /// Rows and columns of the original of image `index`.
    pub(super) fn original_size(&self, index: usize) -> ImageSize {
        match &self.originals {
            Originals::Packed { size, .. } => *size,
            Originals::Pictures(pictures) => pictures[index].size(),
        }
    }

    /// The pixels of a window of the original of image `index`, brought to the size of the images: `[h, w, c]`.
    pub(super) fn window(&self, index: usize, window: Window) -> Result<Vec<u8>, DataError> {
        self.bring(index, Some(window))
    }

    /// The original of image `index`, or a window of it, brought to the size and the channels of the images.
    fn bring(&self, index: usize, window: Option<Window>) -> Result<Vec<u8>, DataError> {
        let (original, had) = match &self.originals {
            Originals::Packed { pixels, size, channels } => {
                let len = size.pixels() * channels;
                (Cow::Borrowed(&pixels[index * len..(index + 1) * len]), *channels)
            }
            Originals::Pictures(pictures) => {
                (Cow::Owned(pictures[index].decode(self.channels)?), self.channels)
            }
        };
        let whole = self.original_size(index);
        let (part, from) = match window {
            Some(window) if window.size != whole => (cut(&original, whole, window, had).into(), window.size),
            _ => (original, whole),
        };
        let resized = if from == self.size {
            part.into_owned()
        } else {
            let mut resized = vec![0; self.size.pixels() * had];
            resize_into(&part, from, &mut resized, self.size, had)
                .map_err(|problem| DataError::Inconsistent { name: self.name.clone(), problem })?;
            resized
        };
        Ok(with_channels(resized, had, self.channels))
    }

    /// Brings all images to their size at once if there is room for them all, so that what is wrong with a picture of a
    /// small set shows before a training begins; the first of several faults is told.
    ///
    /// # Errors
    /// When a file cannot be read or decoded, or has changed.
    pub fn load(&self) -> Result<(), DataError> {
        let room = self.room.load(Ordering::Relaxed);
        let missing = self.kept.iter().filter(|image| image.get().is_none()).count();
        if missing.checked_mul(self.image_len()).is_none_or(|bytes| bytes > room) {
            return Ok(());
        }
        let first = (0..self.kept.len())
            .into_par_iter()
            .filter_map(|index| self.image(index).err().map(|error| (index, error)))
            .min_by_key(|&(index, _)| index);
        first.map_or(Ok(()), |(_, error)| Err(error))
    }

    /// Whether every image can be had without decoding or resizing it.
    pub(super) fn is_loaded(&self) -> bool {
        self.kept.iter().all(|image| image.get().is_some())
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

    /// SHA-256, in hexadecimal, over the originals: shape, class names, labels and pixels, or the contents of the files.
    /// Neither the name counts nor what the images are brought to.
    ///
    /// # Errors
    /// When a picture cannot be read or has changed.
    pub fn fingerprint(&self) -> Result<String, DataError> {
        let mut hash = Sha256::new();
        let shape = match &self.originals {
            Originals::Packed { size, channels, .. } => {
                vec![self.len(), size.height(), size.width(), *channels]
            }
            Originals::Pictures(_) => vec![self.len()],
        };
        for number in shape.into_iter().chain([self.classes()]) {
            hash.update((number as u64).to_le_bytes());
        }
        for name in &self.class_names {
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name.as_bytes());
        }
        for label in &self.labels {
            hash.update(label.to_le_bytes());
        }
        match &self.originals {
            Originals::Packed { pixels, .. } => hash.update(&**pixels),
            Originals::Pictures(pictures) => {
                let digests: Vec<_> = pictures.par_iter().map(Picture::digest).collect();
                for digest in digests {
                    hash.update(digest?);
                }
            }
        }
        Ok(hexadecimal(&hash.finalize()))
    }

    /// The images at `indices`, in that order, as a data set of its own.
    ///
    /// # Errors
    /// When `indices` is empty or has an index beyond the last image.
    pub fn subset(&self, indices: &[usize]) -> Result<Self, DataError> {
        self.check_indices(indices)?;
        let labels = indices.iter().map(|&index| self.labels[index]).collect();
        let originals = match &self.originals {
            Originals::Packed { pixels, size, channels } => {
                let len = size.pixels() * channels;
                let mut images = Vec::with_capacity(indices.len() * len);
                for &index in indices {
                    images.extend_from_slice(&pixels[index * len..(index + 1) * len]);
                }
                Originals::Packed { pixels: Arc::new(images), size: *size, channels: *channels }
            }
            Originals::Pictures(pictures) => {
                Originals::Pictures(indices.iter().map(|&index| pictures[index].clone()).collect())
            }
        };
        let (name, class_names) = (self.name.clone(), self.class_names.clone());
        let subset = match originals {
            Originals::Packed { size, channels, .. } => {
                Self::checked(name, labels, class_names, originals, size, channels)?
            }
            Originals::Pictures(_) => {
                Self::checked(name, labels, class_names, originals, self.size, self.channels)?
            }
        };
        subset.brought_to(self.size, self.channels, &self.room)
    }

    /// The same images at another size (bilinear, with antialiasing when shrinking) and with another number of channels:
    /// grey ones repeat theirs, coloured ones become grey (packed ones by the mean of their channels, pictures by
    /// luminance). As many bytes as `room` holds are kept.
    ///
    /// # Errors
    /// When there is neither one channel before nor after.
    pub(super) fn brought_to(
        &self,
        size: ImageSize,
        channels: usize,
        room: &Arc<AtomicUsize>,
    ) -> Result<Self, DataError> {
        let (slots, had) = match self.originals {
            Originals::Packed { size: own, channels: had, .. } => {
                (if (own, had) == (size, channels) { 0 } else { self.len() }, had)
            }
            // Files are decoded to grey or to colour.
            Originals::Pictures(_) => (self.len(), if channels == 3 { 3 } else { 1 }),
        };
        if had != channels && had != 1 && channels != 1 || channels == 0 {
            let problem = format!("its images have {had} channels, which cannot become {channels}");
            return Err(DataError::Inconsistent { name: self.name.clone(), problem });
        }
        Ok(Self { size, channels, kept: nothing(slots), room: Arc::clone(room), ..self.clone() })
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

/// Places for that many images.
fn nothing(count: usize) -> Arc<[OnceLock<Box<[u8]>>]> {
    std::iter::repeat_with(OnceLock::new).take(count).collect()
}

/// A window of an image `[h, w, c]`, `[window.h, window.w, c]`.
fn cut(image: &[u8], size: ImageSize, window: Window, channels: usize) -> Vec<u8> {
    let (row, len) = (size.width() * channels, window.size.width() * channels);
    let rows = image.chunks_exact(row).skip(window.top).take(window.size.height());
    rows.flat_map(|row| &row[window.left * channels..][..len]).copied().collect()
}

/// An image of `had` channels with `asked` ones, where one of the two is 1 or they are alike.
fn with_channels(image: Vec<u8>, had: usize, asked: usize) -> Vec<u8> {
    match (had, asked) {
        (had, asked) if had == asked => image,
        (1, asked) => image.iter().flat_map(|&grey| std::iter::repeat_n(grey, asked)).collect(),
        (had, _) => {
            let grey = |pixel: &[u8]| pixel.iter().map(|&v| usize::from(v)).sum::<usize>() / had;
            image.chunks_exact(had).map(|pixel| grey(pixel) as u8).collect()
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
            Dataset::new(name, vec![first, 1, 2, 3], labels.to_vec(), size, 1, classes)
                .unwrap()
                .fingerprint()
                .unwrap()
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
        for (position, index) in [7, 2].into_iter().enumerate() {
            assert_eq!(some.image(position).unwrap(), all.image(index).unwrap());
        }
        assert!(matches!(all.subset(&[3, 10]), Err(DataError::IndexOutOfRange { index: 10, .. })));
        assert!(all.subset(&[]).is_err());
    }

    fn room(bytes: usize) -> Arc<AtomicUsize> {
        Arc::new(AtomicUsize::new(bytes))
    }

    #[test]
    fn packed_images_of_the_size_asked_for_are_never_copied() {
        let all = dataset(3, 4, 5, 3, 2);
        let same = all.brought_to(all.size(), 3, &room(0)).unwrap();
        assert!(matches!(same.image(1).unwrap(), Cow::Borrowed(_)) && same.is_loaded());
        assert_eq!(same.image(1).unwrap(), all.image(1).unwrap());
        let larger = all.brought_to(ImageSize::new(8, 10).unwrap(), 3, &room(0)).unwrap();
        assert_eq!((larger.image(0).unwrap().len(), larger.labels()), (240, all.labels()));
        assert_ne!(larger.image(0).unwrap(), larger.image(1).unwrap());
        assert_eq!(larger.fingerprint().unwrap(), all.fingerprint().unwrap());
    }

    #[test]
    fn images_have_the_same_bytes_whether_they_are_kept_or_not() {
        let all = dataset(5, 4, 6, 3, 2);
        let size = ImageSize::new(3, 3).unwrap();
        // Room for none, for two and for all of them.
        let [none, two, every] =
            [0, 2 * 27 + 26, 5 * 27].map(|bytes| all.brought_to(size, 3, &room(bytes)).unwrap());
        every.load().unwrap();
        two.load().unwrap();
        assert!(every.is_loaded() && !two.is_loaded());
        for _ in 0..2 {
            for index in 0..5 {
                let expected = every.image(index).unwrap();
                assert_eq!(none.image(index).unwrap(), expected);
                assert_eq!(two.image(index).unwrap(), expected);
            }
        }
        let kept = |set: &Dataset| set.kept.iter().filter(|image| image.get().is_some()).count();
        assert_eq!([kept(&none), kept(&two), kept(&every)], [0, 2, 5]);
    }

    #[test]
    fn channels_change_from_and_to_grey_only() {
        let size = ImageSize::new(1, 2).unwrap();
        let make =
            |pixels: Vec<u8>, channels| Dataset::new("d", pixels, vec![0], size, channels, names(1)).unwrap();
        let grey = make(vec![5, 7], 1).brought_to(size, 3, &room(9)).unwrap();
        assert_eq!(*grey.image(0).unwrap(), [5, 5, 5, 7, 7, 7]);
        let colour = make(vec![1, 2, 6, 9, 9, 10], 3);
        assert_eq!(*colour.brought_to(size, 1, &room(9)).unwrap().image(0).unwrap(), [3, 9]);
        let message = colour.brought_to(size, 2, &room(9)).unwrap_err().to_string();
        assert!(message.contains("its images have 3 channels, which cannot become 2"), "{message}");
    }

    #[test]
    fn a_window_shows_a_part_of_the_original() {
        let all = dataset(2, 4, 5, 3, 2);
        let original = all.image(1).unwrap();
        let window = Window { top: 1, left: 2, size: ImageSize::new(2, 3).unwrap() };
        let shown = all.brought_to(window.size, 3, &room(0)).unwrap().window(1, window).unwrap();
        assert_eq!(shown, [&original[21..30], &original[36..45]].concat());
        let whole = Window { top: 0, left: 0, size: all.size() };
        let small = all.brought_to(ImageSize::new(2, 2).unwrap(), 3, &room(0)).unwrap();
        assert_eq!(small.window(1, whole).unwrap(), *small.image(1).unwrap());
    }
}
