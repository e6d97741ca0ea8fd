//! Why a network was not exported.

use miette::Diagnostic;

use super::proof::{Proof, TOLERANCE};
use crate::data::DataError;
use crate::export::{MissingTensor, QuantisationError};
use crate::nn::WeightsError;
use crate::pytorch::{ImportError, ModuleError, StateDictError, Unnamed, WeightsFileError};
use crate::runtime::RuntimeError;
use crate::whole_file::PathError;

/// A network was not exported; nothing was kept.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[expect(missing_docs, reason = "the sources say it")]
pub enum ExportError {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Weights(#[from] WeightsError),
    #[error(transparent)]
    Network(#[from] candle_core::Error),
    #[error(transparent)]
    Tensor(#[from] MissingTensor),
    #[error(transparent)]
    Unnamed(#[from] Unnamed),
    #[error(transparent)]
    StateDict(#[from] StateDictError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Module(#[from] ModuleError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    File(#[from] WeightsFileError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Import(#[from] Box<ImportError>),
    #[error(transparent)]
    Quantisation(#[from] QuantisationError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Runtime(#[from] RuntimeError),
    /// A file could not be written or read back.
    #[error(transparent)]
    Io(#[from] PathError),
    /// The file does not compute what the network computes.
    #[error(
        "the file is not kept: run by {by}, its logits differ from the network's by up to {:.2e} of the largest one \
         (tolerance {TOLERANCE:.0e}), and {} of {} images get another class",
        proof.relative_difference(), proof.images - proof.same_class, proof.images
    )]
    #[diagnostic(help(
        "weights that are not numbers or far too large do this; otherwise it is a fault of the program: please report it \
         with the network file"
    ))]
    Unequal { by: String, proof: Proof },
}
