//! Why a training ended without a trained network.

use crate::data::DataError;
use crate::kernels::cross_entropy::LabelOutOfRange;

/// Training ended without a trained network.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The loss is no longer a number.
    #[error("training diverged: the loss was {loss} in epoch {epoch}, step {step}")]
    Diverged {
        /// The loss.
        loss: f64,
        /// Epoch, from 1.
        epoch: u32,
        /// Step in the epoch, from 1.
        step: u64,
    },
    /// The last step of an epoch left weights that are not numbers.
    #[error("training diverged: `{tensor}` held no numbers at the end of epoch {epoch}")]
    NotFinite {
        /// Path of the tensor.
        tensor: String,
        /// Epoch, from 1.
        epoch: u32,
    },
    /// The recipe distils and there is no teacher, or the other way round.
    #[error("the recipe {}", if *.wanted { "distils, but there is no teacher" } else { "does not distil, but there is a teacher" })]
    Teacher {
        /// Whether the recipe distils.
        wanted: bool,
    },
    /// It was told to stop.
    #[error("interrupted")]
    Interrupted,
    /// A batch could not be loaded.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The images have classes that the network has not.
    #[error(transparent)]
    Label(#[from] LabelOutOfRange),
    /// The network has other classes than the images.
    #[error("the network has {network} classes, and the images have {images}")]
    Classes {
        /// Classes of the network.
        network: usize,
        /// Classes of the images.
        images: usize,
    },
    /// The network and the images do not fit, or memory ran out.
    #[error(transparent)]
    Compute(#[from] candle_core::Error),
}

impl TrainError {
    /// Whether `logits` are those of `count` images, one for each of the `classes` that the images have.
    pub(super) fn check_classes(logits: &[f32], count: usize, classes: usize) -> Result<(), Self> {
        match logits.len() / count.max(1) {
            network if network == classes => Ok(()),
            network => Err(Self::Classes { network, images: classes }),
        }
    }

    /// Whether this says nothing about the network: told to stop, or an image could not be read. The run ends, and goes on
    /// there with the same command.
    pub fn ends_the_run(&self) -> bool {
        matches!(self, Self::Interrupted | Self::Data(_))
    }

    /// The epoch, from 1, in which training diverged, if that is what happened.
    pub fn diverged_in(&self) -> Option<u32> {
        match self {
            Self::Diverged { epoch, .. } | Self::NotFinite { epoch, .. } => Some(*epoch),
            _ => None,
        }
    }
}
