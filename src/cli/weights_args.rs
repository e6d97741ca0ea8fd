//! Weights on the command line, whoever made them.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use miette::Report;

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
    #[arg(long, value_name = "ORIGIN", requires = "weights")]
    weights_of: Option<OriginName>,
}

/// Origins by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OriginName {
    /// This program
    Own,
    /// A PyTorch module that mbn-export wrote
    Module,
    /// torchvision: symmetric padding
    Torchvision,
    /// timm: symmetric padding, eps 1e-5
    Timm,
    /// timm's tf_ networks, whose tensors have the same names: padding as in TensorFlow, eps 1e-3
    TimmTf,
}

impl From<OriginName> for Origin {
    fn from(name: OriginName) -> Self {
        match name {
            OriginName::Own => Self::Own,
            OriginName::Module => Self::Module,
            OriginName::Torchvision => Self::Torchvision,
            OriginName::Timm => Self::Timm,
            OriginName::TimmTf => Self::TimmTf,
        }
    }
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
        let imported = import(spec, file, self.weights_of.map(Origin::from), seed)?;
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
