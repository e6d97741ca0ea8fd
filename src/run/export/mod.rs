//! `mbn-export`: a trained network as files for other programs, each proven before it is kept.
//!
//! A file is written beside its final name, read back, and run on real images; it gets its name only where its logits
//! are those of the network.

mod error;
mod images;
mod int8;
mod logits;
mod onnx;
mod pending;
mod proof;
mod pytorch;
mod source;
mod weights;

pub use error::ExportError;
pub use images::{calibrating_images, images_for, images_of_trained};
pub use int8::{Int8Report, Int8Side};
pub use onnx::{OnnxExport, Runtimes};
pub use proof::{Proof, TOLERANCE};
pub use pytorch::write_pytorch;
pub use source::{Source, SourceError};
pub use weights::write_own;

use std::path::PathBuf;

use serde::Serialize;

/// What was written, and what its proof showed.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct ExportReport {
    /// The files.
    pub files: Vec<ExportedFile>,
    /// How the reloaded file's logits compare with the network's, by what ran it.
    pub proofs: Vec<RunProof>,
    /// Both accuracies, where the network was quantised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub int8: Option<Int8Report>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ExportedFile {
    /// Where.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// What it is.
    pub content: String,
}

/// A proof and what ran the file.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct RunProof {
    /// The program that ran it.
    pub by: String,
    /// What it showed.
    #[serde(flatten)]
    pub proof: Proof,
}
