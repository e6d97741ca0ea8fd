//! Weights from files: safetensors, and what `torch.save` writes, as data only.
//!
//! Files may be cut off or hostile. A file is read as a whole first; everything in it is then a slice of that, and
//! tensors are made only of bytes that are there. candle has a reader of PyTorch's files too; it allocates what a file
//! declares, copies shared objects, recurses and skips what it cannot read, so it is not used.

mod archive;
mod bytes;
mod pickle;
mod pth;
mod state;
mod storage;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use miette::Diagnostic;

use self::state::State;
use super::names::BATCH_COUNT;
use crate::nn::{FileTensor, TensorFile, TensorFileError};

/// Prefixes that wrappers of modules put before all names: data parallelism, compilation.
const PREFIXES: [&str; 2] = ["module.", "_orig_mod."];

/// The tensors of a file, as `f32`, without counts of batches.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightsFile {
    /// The file.
    pub path: PathBuf,
    /// The tensors by name, without a prefix that all names had.
    pub tensors: BTreeMap<String, FileTensor>,
    /// What people should know of how they were found, one sentence each.
    pub notes: Vec<String>,
}

/// A file of weights cannot be read.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum WeightsFileError {
    /// It is of neither kind.
    #[error("{} is neither a safetensors file nor one of torch.save", path.display())]
    #[diagnostic(help(
        "save weights as .safetensors, or with torch.save(model.state_dict(), \"weights.pth\")"
    ))]
    Unknown {
        /// The file.
        path: PathBuf,
    },
    /// It contradicts itself or is cut off.
    #[error("{} is damaged: {reason}", path.display())]
    #[diagnostic(help("copy or download it again"))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It holds something else than a state dict.
    #[error("{} holds no state dict: {reason}", path.display())]
    #[diagnostic(help(
        "save one in Python with torch.save(model.state_dict(), \"weights.pth\"); a state dict may also stand under the keys `state_dict`, `model` or `model_state_dict`"
    ))]
    NoStateDict {
        /// The file.
        path: PathBuf,
        /// What it holds.
        reason: String,
    },
    /// A tensor holds something else than floating-point numbers.
    #[error("`{name}` of {} holds {format} numbers, not floating-point ones", path.display())]
    #[diagnostic(help("save the weights as floating-point numbers, with model.float() in PyTorch"))]
    Numbers {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// What it holds.
        format: String,
    },
}

impl WeightsFile {
    /// The tensors of a file with this content. `path` names it in errors.
    ///
    /// # Errors
    /// If it cannot be read in full; see [`WeightsFileError`].
    pub fn parse(path: &Path, content: &[u8]) -> Result<Self, WeightsFileError> {
        let path = path.to_owned();
        let state = if pth::is_pth(content) {
            pth::read(content)
        } else if is_safetensors(content) {
            let file = TensorFile::parse(content, |name| name.ends_with(BATCH_COUNT));
            file.map(|file| State { tensors: file.tensors, wrapper: None })
        } else {
            return Err(WeightsFileError::Unknown { path });
        };
        match state {
            Ok(state) => Ok(Self::of(path, state)),
            Err(TensorFileError::Damaged(reason)) => Err(WeightsFileError::Damaged { path, reason }),
            Err(TensorFileError::NoTensors(reason)) => Err(WeightsFileError::NoStateDict { path, reason }),
            Err(TensorFileError::Numbers { name, format }) => {
                Err(WeightsFileError::Numbers { path, name, format })
            }
        }
    }

    fn of(path: PathBuf, State { mut tensors, wrapper }: State) -> Self {
        let mut notes: Vec<_> =
            wrapper.map(|key| format!("tensors under its key `{key}`")).into_iter().collect();
        for prefix in PREFIXES {
            if !tensors.is_empty() && tensors.keys().all(|name| name.starts_with(prefix)) {
                let bare = |(name, tensor): (String, FileTensor)| (name[prefix.len()..].to_owned(), tensor);
                tensors = tensors.into_iter().map(bare).collect();
                notes.push(format!("names without their prefix `{prefix}`"));
            }
        }
        Self { path, tensors, notes }
    }
}

/// Whether a file may begin with a safetensors header: its length, then a JSON object.
fn is_safetensors(content: &[u8]) -> bool {
    content.get(8) == Some(&b'{')
}
