//! Checkpoints: everything that decides how a training goes on, as one safetensors file.
//!
//! Tensors are `network.<path>` (weights and batch-norm statistics), `optimizer.<moment>.<path>` and
//! `average.<path>`. The metadata hold one JSON text under `checkpoint`: the format's version, what the training is
//! of (see [`save_checkpoint`]), and the epochs so far. A training that is restored goes on to the same bytes.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{History, TrainError, Trainer, TrainingState};
use crate::differences::differences;
use crate::nn::{FileTensor, TensorFile, tensor_file_bytes};
use crate::whole_file::{PathError, write_whole_file};

/// Version of the format.
const FORMAT: u32 = 1;
/// Key of the header in the metadata.
const HEADER: &str = "checkpoint";

/// A checkpoint could not be written, read or used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Reading or writing failed.
    #[error(transparent)]
    File(#[from] PathError),
    /// It is no checkpoint, or a part of it is missing.
    #[error("{} is not a checkpoint of this program: {reason}; delete it to train from the start", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It is one of another training.
    #[error("{} is the checkpoint of another training: {differences}; choose another --out, or delete it", path.display())]
    OtherTraining {
        /// The file.
        path: PathBuf,
        /// What differs.
        differences: String,
    },
    /// A tensor cannot be read or written.
    #[error(transparent)]
    Train(#[from] TrainError),
}

/// The JSON text in the metadata.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: u32,
    identity: Value,
    epochs: History,
}

/// Writes a training between two epochs to `path`, as a whole. `identity` is what decides its results: network,
/// images, recipe, seed; `history` holds its epochs so far.
///
/// # Errors
/// If the file cannot be written; `path` is then as it was.
pub fn save_checkpoint(
    trainer: &Trainer<'_>,
    path: &Path,
    identity: &Value,
    history: &History,
) -> Result<(), CheckpointError> {
    let header = Header { format: FORMAT, identity: identity.clone(), epochs: history.clone() };
    let header = serde_json::to_string(&header).expect("plain data with text keys");
    let state = trainer.state()?;
    let shapes = shapes(trainer, &state);
    let values = state.parts.into_values().flat_map(|part| part.into_values());
    let tensors = shapes.into_iter().zip(values);
    let tensors = tensors.map(|((name, shape), values)| (name, FileTensor { shape, values }));
    let bytes = tensor_file_bytes(tensors, Some((HEADER, header))).map_err(PathError::on("write", path))?;
    Ok(write_whole_file(path, &bytes)?)
}

/// Name and shape of each tensor of a state, in its order. All parts have the shapes of the network.
fn shapes(trainer: &Trainer<'_>, state: &TrainingState) -> Vec<(String, Vec<usize>)> {
    let parameters = trainer.network().parameters();
    let of_part = |(part, values): (&String, &crate::graph::Values)| {
        let shape = |path: &String| {
            let tensor = parameters.get(path).expect("the state is that of the trainer's network");
            (format!("{part}.{path}"), tensor.dims().to_vec())
        };
        values.keys().map(shape).collect::<Vec<_>>()
    };
    state.parts.iter().flat_map(of_part).collect()
}

/// Puts a training that has not begun into the state of the checkpoint at `path`. Returns its epochs.
///
/// # Errors
/// If the file cannot be read, is damaged, or is of a training with another `identity`, which is told in full;
/// `trainer` is then as it was.
pub fn load_checkpoint(
    trainer: &mut Trainer<'_>,
    path: &Path,
    identity: &Value,
) -> Result<History, CheckpointError> {
    let damaged = |reason: String| CheckpointError::Damaged { path: path.to_owned(), reason };
    let bytes = std::fs::read(path).map_err(PathError::on("read", path))?;
    let file = TensorFile::parse_own(&bytes).map_err(|error| damaged(error.to_string()))?;
    let header = read_header(&file).map_err(damaged)?;
    let differences = differences(&header.identity, identity);
    if !differences.is_empty() {
        let differences = differences.join("; ");
        return Err(CheckpointError::OtherTraining { path: path.to_owned(), differences });
    }
    let mut state = trainer.state()?;
    let values = file.into_values(shapes(trainer, &state), "training").map_err(damaged)?;
    let places = state.parts.values_mut().flat_map(|part| part.values_mut());
    for (place, values) in places.zip(values) {
        *place = values;
    }
    trainer.restore(&state)?;
    trainer.epochs_done = header.epochs.0.last().map_or(0, |record| record.epoch);
    Ok(header.epochs)
}

/// The epochs of the training whose checkpoint lies at `path`.
///
/// # Errors
/// If the file cannot be read, or is no checkpoint.
pub fn checkpoint_history(path: &Path) -> Result<History, CheckpointError> {
    let damaged = |reason: String| CheckpointError::Damaged { path: path.to_owned(), reason };
    let bytes = std::fs::read(path).map_err(PathError::on("read", path))?;
    let file = TensorFile::parse_own(&bytes).map_err(|error| damaged(error.to_string()))?;
    Ok(read_header(&file).map_err(damaged)?.epochs)
}

/// The header, if it is of a format that is read.
fn read_header(file: &TensorFile) -> Result<Header, String> {
    let header: Header = file.header(HEADER).map_err(|error| error.to_string())?;
    match header.format {
        FORMAT => Ok(header),
        other => Err(format!("it has format {other}, not {FORMAT}")),
    }
}
