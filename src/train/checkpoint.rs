//! Checkpoints: everything that decides how a training goes on, as one safetensors file.
//!
//! Tensors are `network.<path>` (weights and batch-norm statistics), `optimizer.<moment>.<path>` and
//! `average.<path>`. The metadata hold one JSON text under `checkpoint`: the format's version, what the training is
//! of (see [`save_checkpoint`]), and the epochs so far. A training that is restored goes on to the same bytes.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{History, TrainError, Trainer};
use crate::differences::differences;
use crate::nn::ops;
use crate::whole_file::write_whole_file;

/// Version of the format.
const FORMAT: u32 = 1;
/// Key of the header in the metadata.
const HEADER: &str = "checkpoint";

/// A checkpoint could not be written, read or used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Reading or writing failed.
    #[error("cannot {action} {}: {reason}", path.display())]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// It is no checkpoint, or a part of it is missing.
    #[error("{} is no checkpoint of this program: {reason}; delete it to train from the start", path.display())]
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
    let failed = |reason: String| CheckpointError::File { action: "write", path: path.to_owned(), reason };
    let header = Header { format: FORMAT, identity: identity.clone(), epochs: history.clone() };
    let header = serde_json::to_string(&header).map_err(|e| failed(e.to_string()))?;
    let metadata = HashMap::from([(HEADER.to_owned(), header)]);
    let bytes =
        safetensors::serialize(tensors(trainer)?, Some(metadata)).map_err(|e| failed(e.to_string()))?;
    write_whole_file(path, &bytes).map_err(|e| failed(e.to_string()))
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
    let bytes = std::fs::read(path).map_err(|e| CheckpointError::File {
        action: "read",
        path: path.to_owned(),
        reason: e.to_string(),
    })?;
    let header = read_header(&bytes).map_err(damaged)?;
    let differences = differences(&header.identity, identity);
    if !differences.is_empty() {
        let differences = differences.join("; ");
        return Err(CheckpointError::OtherTraining { path: path.to_owned(), differences });
    }
    let mut stored = Stored::read(&bytes).map_err(damaged)?;
    let mut values = Vec::new();
    for (name, tensor) in tensors(trainer)? {
        values.push(stored.take(&name, &tensor.shape).map_err(damaged)?);
    }
    if let Some(name) = stored.0.keys().next() {
        return Err(damaged(format!("`{name}` is no tensor of this training")));
    }
    restore(trainer, values)?;
    trainer.epochs_done = header.epochs.0.last().map_or(0, |record| record.epoch);
    Ok(header.epochs)
}

/// The epochs of the training whose checkpoint lies at `path`.
///
/// # Errors
/// If the file cannot be read, or is no checkpoint.
pub fn checkpoint_history(path: &Path) -> Result<History, CheckpointError> {
    let failed = |reason: String| CheckpointError::File { action: "read", path: path.to_owned(), reason };
    let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let damaged = |reason: String| CheckpointError::Damaged { path: path.to_owned(), reason };
    Ok(read_header(&bytes).map_err(damaged)?.epochs)
}

fn read_header(bytes: &[u8]) -> Result<Header, String> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| e.to_string())?;
    let text = metadata.metadata().as_ref().and_then(|entries| entries.get(HEADER));
    let text = text.ok_or_else(|| format!("its metadata have no `{HEADER}`"))?;
    let header: Header = serde_json::from_str(text).map_err(|e| e.to_string())?;
    if header.format == FORMAT {
        return Ok(header);
    }
    Err(format!("it has format {}, not {FORMAT}", header.format))
}

/// A tensor on its way into a file.
struct Saved {
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Saved {
    fn new(shape: &[usize], values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { shape: shape.to_owned(), bytes }
    }
}

impl View for Saved {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// All tensors of a training: of the network, then of the optimizer, then the averages.
fn tensors(trainer: &Trainer<'_>) -> Result<Vec<(String, Saved)>, CheckpointError> {
    let mut saved = Vec::new();
    for (path, info) in trainer.network().parameters().iter() {
        let values = info.var.flatten_all().and_then(|t| t.to_vec1::<f32>()).map_err(TrainError::from)?;
        saved.push((format!("network.{path}"), Saved::new(info.var.dims(), &values)));
    }
    for (name, shape, values) in trainer.optimizer.moments() {
        saved.push((format!("optimizer.{name}"), Saved::new(shape, values)));
    }
    for (path, shape, values) in trainer.average.iter().flat_map(|average| average.tensors()) {
        saved.push((format!("average.{path}"), Saved::new(shape, values)));
    }
    Ok(saved)
}

/// Writes values in the order of [`tensors`], each of its tensor's length.
fn restore(trainer: &mut Trainer<'_>, values: Vec<Vec<f32>>) -> Result<(), CheckpointError> {
    let mut values = values.into_iter();
    for ((_, info), new) in trainer.network().parameters().iter().zip(&mut values) {
        ops::update(&info.var, |values| values.copy_from_slice(&new)).map_err(TrainError::from)?;
    }
    for (moment, new) in trainer.optimizer.moments_mut().zip(&mut values) {
        *moment = new;
    }
    let averages = trainer.average.iter_mut().flat_map(|average| average.values_mut());
    for (average, new) in averages.zip(values) {
        *average = new;
    }
    Ok(())
}

/// The tensors of a file that have not been taken yet.
struct Stored(BTreeMap<String, (Vec<usize>, Vec<f32>)>);

impl Stored {
    fn read(bytes: &[u8]) -> Result<Self, String> {
        let file = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
        let mut stored = BTreeMap::new();
        for (name, tensor) in file.tensors() {
            if tensor.dtype() != Dtype::F32 {
                return Err(format!("`{name}` holds {:?}, not F32", tensor.dtype()));
            }
            let numbers = tensor.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
            stored.insert(name, (tensor.shape().to_owned(), numbers.collect()));
        }
        Ok(Self(stored))
    }

    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        match self.0.remove(name) {
            Some((found, values)) if found == shape => Ok(values),
            Some((found, _)) => Err(format!("`{name}` is {found:?}, not {shape:?}")),
            None => Err(format!("`{name}` is missing")),
        }
    }
}
