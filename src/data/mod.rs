//! Image classification data: reading it, splitting it, and turning it into batches.
//!
//! [`open()`] reads a folder (IDX, CIFAR-10 binary, or one folder of images per class) and
//! [`embedded()`] the small set that is compiled into the program; both give a [`DataSource`], a
//! training and a test [`Dataset`]. Packed images (IDX, CIFAR-10) lie in memory; pictures in class folders are
//! decoded when they are needed, and kept as far as there is room. [`holdout`] takes a validation part out of the training part,
//! so that nothing is ever chosen on the test part. [`Normalisation`] is fitted on the training
//! indices alone, and a [`Loader`] makes epochs of normalised, augmented [`Batch`]es.
//!
//! Pixels are bytes in NHWC order and handed out as `f32` slices in the same order;
//! nothing here knows of tensors. Everything random is a function of a seed, the epoch and the
//! image's index (for mixing, the batch's number), so threads change no result.

mod augment;
mod batch;
mod cifar;
mod class_names;
mod dataset;
mod embedded;
mod error;
#[cfg(test)]
mod fixtures;
mod folder;
mod idx;
mod normalise;
mod open;
mod picture;
mod prefetch;
mod resize;
mod source;
mod split;
mod stream;

pub use augment::{Augment, AugmentError, Mixed, Mixup, RandAugment, ResizedCrop};
pub use batch::{Batch, Batches, Loader};
pub use dataset::Dataset;
pub use embedded::{EMBEDDED, embedded};
pub use error::DataError;
pub use normalise::Normalisation;
pub use open::{open, open_images};
pub use prefetch::{Prefetch, Waits};
pub use resize::ImageSize;
pub use source::{DataSource, TestOrigin, spread};
pub use split::{Split, holdout};
