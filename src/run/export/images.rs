//! Real images to prove an export with, to calibrate and to score a quantised network.

use std::path::Path;

use crate::data::{DataError, EMBEDDED, ImageSize, Normalisation, open_images};
use crate::run::{Images, ModelCard};
use crate::spec::NetworkSpec;

/// The most images of a part that an export without a history is normalised by and proven on.
const MOST_IMAGES: usize = 1024;

/// Images of a trained network: of the folder that is given, or of the one it was trained with; normalised as in its
/// training. Whether they are images of its kind is left to [`Images::check_fit`].
///
/// # Errors
/// If they cannot be read.
pub fn images_of_trained(
    card: &ModelCard,
    spec: &NetworkSpec,
    folder: Option<&Path>,
) -> Result<Images, DataError> {
    let own = (card.data != EMBEDDED).then(|| Path::new(&card.data));
    let source = open_images(folder.or(own), None, 0)?;
    let side = source.side_for(spec.resolution);
    Images::new(source, side, None, Some(card.normalisation.clone()), 0)
}

/// Images for a network without a history: of a folder or the embedded ones, brought to its size and channels, and
/// normalised by themselves.
///
/// # Errors
/// If they cannot be read, or have channels that cannot become the network's.
pub fn images_for(spec: &NetworkSpec, folder: Option<&Path>) -> Result<Images, DataError> {
    let source = open_images(folder, None, 0)?.some(MOST_IMAGES)?;
    brought_to(source, spec, None)
}

/// Images of a folder to calibrate with, brought to the network's size and channels, and normalised as told.
///
/// # Errors
/// If they cannot be read, or have channels that cannot become the network's.
pub fn calibrating_images(
    folder: &Path,
    spec: &NetworkSpec,
    normalisation: &Normalisation,
) -> Result<Images, DataError> {
    brought_to(open_images(Some(folder), None, 0)?, spec, Some(normalisation.clone()))
}

fn brought_to(
    source: crate::data::DataSource,
    spec: &NetworkSpec,
    normalisation: Option<Normalisation>,
) -> Result<Images, DataError> {
    let side = spec.resolution as usize;
    let source = source.brought_to(ImageSize::new(side, side)?, spec.input_channels as usize)?;
    Images::new(source, spec.resolution, None, normalisation, 0)
}
