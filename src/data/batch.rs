//! Epochs of batches.
//!
//! A [`Loader`] joins images, the indices to use and their normalisation; [`Loader::training`] and
//! [`Loader::evaluation`] start an epoch. The images of a batch are filled in parallel, each into
//! its own place, so the bytes do not depend on the number of threads.

use std::num::NonZeroUsize;
use std::sync::Arc;

use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::augment::{Augment, Augmenter, Mixed, Mixer, Workspace};
use super::dataset::Dataset;
use super::error::DataError;
use super::normalise::Normalisation;
use super::prefetch::Prefetch;
use crate::seed;

/// Images ready for a network, with their classes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Normalised pixels, in the order of [`Self::shape`].
    pub pixels: Vec<f32>,
    /// `[n, h, w, c]`: the number of images, their rows, columns and channels.
    pub shape: [usize; 4],
    /// Classes, `[n]`.
    pub labels: Vec<u32>,
    /// What was mixed into the images, where they were mixed.
    pub mixed: Option<Mixed>,
}

impl Batch {
    /// Number of images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no images; never so for a batch out of [`Batches`].
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// What makes epochs: images, which of them to use, and how to normalise them.
#[derive(Debug, Clone)]
pub struct Loader {
    dataset: Arc<Dataset>,
    indices: Arc<[usize]>,
    table: Arc<[[f32; 256]]>,
    batch_size: NonZeroUsize,
}

impl Loader {
    /// A loader of the images of `dataset` at `indices`.
    ///
    /// # Errors
    /// When `indices` is empty or has an index beyond the last image, or when the images have
    /// another number of channels than `normalisation`.
    pub fn new(
        dataset: Arc<Dataset>,
        indices: &[usize],
        normalisation: &Normalisation,
        batch_size: NonZeroUsize,
    ) -> Result<Self, DataError> {
        if indices.is_empty() {
            return Err(DataError::NoImages { purpose: "batches" });
        }
        dataset.check_indices(indices)?;
        if normalisation.channels() != dataset.channels() {
            return Err(DataError::Channels {
                images: dataset.channels(),
                normalisation: normalisation.channels(),
            });
        }
        Ok(Self { dataset, indices: indices.into(), table: normalisation.table().into(), batch_size })
    }

    /// The images that the batches are made of.
    #[must_use]
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// Number of images in an epoch of evaluation.
    #[must_use]
    pub fn images(&self) -> usize {
        self.indices.len()
    }

    /// Most images of a batch of evaluation.
    #[must_use]
    pub fn largest_batch(&self) -> usize {
        self.batch_size.get().min(self.images())
    }

    /// Classes of the images in an epoch of evaluation, in order.
    pub fn labels(&self) -> impl Iterator<Item = u32> {
        self.indices.iter().map(|&index| self.dataset.labels()[index])
    }

    /// Epoch `epoch` of training: shuffled by (seed, epoch), augmented by (seed, epoch, image), and mixed by (seed, epoch,
    /// number of the batch).
    ///
    /// The last batch is left out when it would have fewer than half the images of a full one,
    /// because its batch statistics and its gradient would be noisy; the images left out differ
    /// from epoch to epoch. The only batch of an epoch is never left out.
    #[must_use]
    pub fn training(&self, augment: Augment, seed: u64, epoch: u64) -> Batches {
        let mut order = self.indices.to_vec();
        order.shuffle(&mut seed::rng(seed, "data/shuffle", epoch));
        order.truncate(trained_images(order.len(), self.batch_size.get()));
        self.batches(order.into(), augment, seed, epoch)
    }

    /// All images once, in order and as they are; the last batch may be smaller.
    #[must_use]
    pub fn evaluation(&self) -> Batches {
        self.batches(Arc::clone(&self.indices), Augment::NONE, 0, 0)
    }

    /// Number of batches that [`Self::training`] makes, for schedules that count steps.
    #[must_use]
    pub fn training_steps(&self) -> usize {
        trained_images(self.images(), self.batch_size.get()).div_ceil(self.batch_size.get())
    }

    fn batches(&self, order: Arc<[usize]>, augment: Augment, seed: u64, epoch: u64) -> Batches {
        Batches {
            augmenter: Augmenter::new(&augment, &self.table, seed, epoch),
            mixer: augment.mixup.map(|mixup| Mixer::new(mixup, seed, epoch)),
            loader: self.clone(),
            order,
            next: 0,
            parallel: true,
            workspace: Workspace::default(),
        }
    }
}

/// How many of `images` an epoch of training uses.
fn trained_images(images: usize, batch_size: usize) -> usize {
    let rest = images % batch_size;
    if rest * 2 < batch_size && rest < images { images - rest } else { images }
}

/// The batches of one epoch.
#[derive(Debug)]
pub struct Batches {
    loader: Loader,
    order: Arc<[usize]>,
    augmenter: Augmenter,
    mixer: Option<Mixer>,
    next: usize,
    /// Whether the threads of the current rayon pool fill the images, and not the calling thread alone.
    parallel: bool,
    /// For filling them alone.
    workspace: Workspace,
}

impl Batches {
    /// The same epoch from its batch `number` on, counted from 0.
    #[must_use]
    pub fn starting_at(self, number: usize) -> Self {
        let next = number.saturating_mul(self.loader.batch_size.get()).min(self.order.len());
        Self { next, ..self }
    }

    /// Makes the batches on a thread of their own, up to two ahead.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn prefetch(self) -> Result<Prefetch, DataError> {
        Prefetch::start(self)
    }

    /// Puts the next batch into `batch`, whose buffers are reused; false at the end of the epoch,
    /// which leaves `batch` as it is.
    ///
    /// # Errors
    /// When a picture cannot be read or decoded, or has changed; of several the first in the batch is told. The epoch
    /// ends there.
    pub fn next_into(&mut self, batch: &mut Batch) -> Result<bool, DataError> {
        let end = (self.next + self.loader.batch_size.get()).min(self.order.len());
        let indices = &self.order[self.next..end];
        if indices.is_empty() {
            return Ok(false);
        }
        let number = self.next / self.loader.batch_size.get();
        let dataset = &*self.loader.dataset;
        batch.labels.clear();
        batch.labels.extend(indices.iter().map(|&index| dataset.labels()[index]));
        batch.shape = [indices.len(), dataset.height(), dataset.width(), dataset.channels()];
        let image_len = dataset.image_len();
        // Every value is overwritten, so old ones need no clearing.
        batch.pixels.resize(indices.len() * image_len, 0.0);
        let filled = self.fill_images(end, image_len, &mut batch.pixels);
        self.next = if filled.is_ok() { end } else { self.order.len() };
        filled?;
        if let Some(mixer) = &mut self.mixer {
            let mixed = batch.mixed.get_or_insert_default();
            mixer.mix(number, &mut batch.pixels, &batch.labels, mixed);
        } else {
            batch.mixed = None;
        }
        Ok(true)
    }

    /// Fills the images from the next one up to `end`.
    fn fill_images(&mut self, end: usize, image_len: usize, pixels: &mut [f32]) -> Result<(), DataError> {
        let order = Arc::clone(&self.order);
        let indices = &order[self.next..end];
        if self.parallel {
            let failures = pixels.par_chunks_exact_mut(image_len).zip(indices).enumerate().map_init(
                Workspace::default,
                |workspace, (position, (output, &index))| {
                    let written = self.write_image(index, workspace, output);
                    written.err().map(|error| (position, error))
                },
            );
            let first = failures.flatten().min_by_key(|&(position, _)| position);
            return first.map_or(Ok(()), |(_, error)| Err(error));
        }
        let mut workspace = std::mem::take(&mut self.workspace);
        let mut images = pixels.chunks_exact_mut(image_len).zip(indices);
        let filled = images.try_for_each(|(output, &index)| self.write_image(index, &mut workspace, output));
        self.workspace = workspace;
        filled
    }

    /// The same batches, filled by the calling thread alone.
    pub(super) fn filled_alone(self) -> Self {
        Self { parallel: false, ..self }
    }

    /// Whether images must be decoded or resized on the way into a batch, which takes long enough to share it out.
    pub(super) fn are_brought(&self) -> bool {
        self.augmenter.shows_windows() || !self.loader.dataset.is_loaded()
    }

    fn write_image(
        &self,
        index: usize,
        workspace: &mut Workspace,
        output: &mut [f32],
    ) -> Result<(), DataError> {
        let dataset = &*self.loader.dataset;
        let image = match self.augmenter.window(index, dataset.original_size(index)) {
            Some(window) => dataset.window(index, window)?.into(),
            None => dataset.image(index)?,
        };
        self.augmenter.write(&image, dataset.size(), index, &self.loader.table, workspace, output);
        Ok(())
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut batch = Batch::default();
        self.next_into(&mut batch).map(|made| made.then_some(batch)).transpose()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.order.len() - self.next).div_ceil(self.loader.batch_size.get());
        (left, Some(left))
    }
}

impl ExactSizeIterator for Batches {}

#[cfg(test)]
mod tests;
