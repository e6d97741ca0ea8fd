//! Weights on the command line, whoever made them.

use std::path::{Path, PathBuf};

use clap::Args;
use miette::Report;

use super::words::one_of;
use crate::pytorch::{Imported, Origin, WeightsFile, import};
use crate::run::Inputs;
use crate::spec::NetworkSpec;
use crate::whole_file::read_whole_file;

/// Weights that a command starts from.
#[derive(Debug, Clone, Args)]
pub struct WeightsArgs {
    /// Weights of this network: written by this program, or a state dict of torchvision
    /// or timm, as .safetensors or .pth [default: none; a training starts from fresh ones]
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Whose weights they are, which decides padding and batch norm [default: told from the
    /// names of the tensors]
    #[arg(long, value_name = "ORIGIN", requires = "weights", value_parser = one_of([
        (Origin::Own, "This program"),
        (Origin::Module, "A PyTorch module that mbn-export wrote"),
        (Origin::Torchvision, "torchvision: symmetric padding"),
        (Origin::Timm, "timm: symmetric padding, eps 1e-5"),
        (
            Origin::TimmTf,
            "timm's tf_ networks, whose tensors have the same names: padding as in TensorFlow, eps 1e-3"
        ),
    ]))]
    weights_of: Option<Origin>,
}

/// Weights that were read.
pub(super) struct Start {
    /// The file, as given.
    pub(super) file: String,
    content: Vec<u8>,
    /// The weights in their network.
    pub(super) imported: Imported,
}

impl WeightsArgs {
    /// Whether weights were given.
    #[cfg(feature = "export")]
    pub(super) fn are_given(&self) -> bool {
        self.weights.is_some()
    }

    /// The weights in `spec`, or in what their origin makes of it. None were given: `None`.
    pub(super) fn load(&self, spec: &NetworkSpec, seed: u64) -> Result<Option<Start>, Report> {
        let Some(path) = &self.weights else { return Ok(None) };
        let content = read(path)?;
        let file = WeightsFile::parse(path, &content)?;
        let imported = import(spec, file, self.weights_of, seed)?;
        Ok(Some(Start { file: path.display().to_string(), content, imported }))
    }
}

impl Start {
    /// Adds the weights to what a run reads.
    pub(super) fn add_to(&self, inputs: Inputs) -> Inputs {
        inputs.with("weights", &self.content)
    }
}

/// The content of a file that a run reads.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Report> {
    Ok(read_whole_file(path)?)
}
