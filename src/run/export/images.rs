//! Real images to prove an export with, to calibrate and to score a quantised network.

use std::num::NonZeroUsize;
use std::path::Path;

use super::error::ExportError;
use crate::data::{self, DataError, DataSource, EMBEDDED, ImageSize, Loader, Normalisation};
use crate::run::ModelCard;
use crate::run::images::{Misfit, TrainingImages, open_images};
use crate::spec::NetworkSpec;

/// The most images of a part that are brought to another size: a thousand of 224 x 224 pixels take 150 MB.
const MOST_RESIZED: usize = 1024;

/// Images that a network takes.#[derive(Debug, Clone)]
pub struct Images {
    images: TrainingImages,
    /// Whether the classes are those of the network.
    labelled: bool,
}

/// Images whose ranges a quantised network is made for.
#[derive(Debug, Clone)]
pub struct Calibrating(TrainingImages);

/// Images do not fit, or cannot be read.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[expect(missing_docs, reason = "the sources say it")]
pub enum ImagesError {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Misfit(#[from] Misfit),
}

impl Images {
    /// Images of a trained network: of the folder that is given, or of the one it was trained with; normalised as in
    /// its training.
    ///
    /// # Errors
    /// If they cannot be read or are not images of its kind.
    pub fn of_trained(
        card: &ModelCard,
        spec: &NetworkSpec,
        folder: Option<&Path>,
    ) -> Result<Self, ImagesError> {
        let own = (card.data != EMBEDDED).then(|| Path::new(&card.data));
        let source = open_images(folder.or(own), spec.resolution)?;
        let images = fitting(source, spec, &card.normalisation)?;
        Ok(Self { images, labelled: true })
    }

    /// Images for a network without a history: of a folder or the embedded ones, brought to its size and channels, and
    /// normalised by themselves.
    ///
    /// # Errors
    /// If they cannot be read, or have channels that cannot become the network's.
    pub fn brought_to(spec: &NetworkSpec, folder: Option<&Path>) -> Result<Self, ImagesError> {
        let side = spec.resolution as usize;
        let source = open_images(folder, spec.resolution)?
            .some(MOST_RESIZED)?
            .resized(ImageSize::new(side, side)?)?
            .with_channels(spec.input_channels as usize)?;
        let labelled = source.train().classes() == spec.classes as usize;
        Ok(Self { images: TrainingImages::new(source, None, 0)?, labelled })
    }

    /// Whether the classes of the images are those of the network.
    pub fn are_labelled(&self) -> bool {
        self.labelled
    }

    /// Classes of the images.
    pub fn classes(&self) -> usize {
        self.images.class_names().len()
    }

    /// What pixels are normalised with.
    pub fn normalisation(&self) -> &Normalisation {
        self.images.normalisation()
    }

    /// Up to `count` of the test images, spread over all of them.
    pub(super) fn test(&self, count: usize, batch: NonZeroUsize) -> Result<Loader, ExportError> {
        Ok(self.images.some_to_test_with(count, batch)?)
    }

    /// The images it was trained with, to calibrate with.
    #[must_use]
    pub fn calibrating(&self) -> Calibrating {
        Calibrating(self.images.clone())
    }
}

impl Calibrating {
    /// Images of a folder, brought to the network's size, and normalised like `images`.
    ///
    /// # Errors
    /// If they cannot be read, or have channels that cannot become the network's.
    pub fn open(folder: &Path, spec: &NetworkSpec, images: &Images) -> Result<Self, ImagesError> {
        let side = spec.resolution as usize;
        let source = data::open_at(folder, ImageSize::new(side, side)?)?
            .with_channels(spec.input_channels as usize)?;
        let own = TrainingImages::new(source, None, 0)?;
        Ok(Self(own.normalised_with(images.normalisation().clone())))
    }

    /// Up to `count` of them, spread over all of them.
    pub(super) fn some(&self, count: usize, batch: NonZeroUsize) -> Result<Loader, ExportError> {
        Ok(self.0.some_to_train_with(count, batch)?)
    }
}

fn fitting(
    source: DataSource,
    spec: &NetworkSpec,
    normalisation: &Normalisation,
) -> Result<TrainingImages, ImagesError> {
    let images = TrainingImages::new(source, None, 0)?;
    images.check_fit(spec, Some("give images like those that it was trained with, with --data"))?;
    Ok(images.normalised_with(normalisation.clone()))
}
