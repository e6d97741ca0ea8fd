//! Weights as safetensors files, checked against the network on loading.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor, Var};

use super::tensor_file::{FileTensor, read_safetensors};
use super::{Network, Parameters};
use crate::graph::{LayerGraph, Values};
use crate::whole_file::{read_whole_file, write_whole_file};

/// Weights could not be saved or do not belong to the network.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// Reading or writing failed.
    #[error("cannot {action} {path}: {reason}")]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Names or shapes differ.
    #[error("{path} holds weights of another network: {differences}")]
    OtherNetwork {
        /// The file.
        path: PathBuf,
        /// Missing, surplus and differently shaped tensors.
        differences: String,
    },
    /// There is no memory for the network.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// A network with the weights of a file.
///
/// # Errors
/// As [`load_weights`].
pub fn load_network(graph: LayerGraph, path: &Path) -> Result<Network, WeightsError> {
    // Every tensor is replaced, so it does not matter how it is drawn.
    let network = Network::new(graph, 0)?;
    load_weights(network.parameters(), path)?;
    Ok(network)
}

/// The values of a file, which are those of the network's tensors.
///
/// # Errors
/// As [`load_weights`].
pub fn load_values(graph: LayerGraph, path: &Path) -> Result<Values, WeightsError> {
    Ok(load_network(graph, path)?.parameters().values()?)
}

/// Writes all tensors, running statistics included, beside `path` and renames.
///
/// # Errors
/// If the file cannot be written; `path` is then as it was.
pub fn save_weights(parameters: &Parameters, path: &Path) -> Result<(), WeightsError> {
    let failed = |reason: String| WeightsError::File { action: "write", path: path.to_owned(), reason };
    let bytes = weight_bytes(parameters).map_err(|error| failed(error.to_string()))?;
    write_whole_file(path, &bytes).map_err(|e| failed(e.to_string()))
}

/// All tensors, running statistics included, as the bytes of a safetensors file.
///
/// # Errors
/// If candle cannot read a tensor.
pub fn weight_bytes(parameters: &Parameters) -> Result<Vec<u8>, safetensors::SafeTensorError> {
    let tensors: BTreeMap<_, _> =
        parameters.iter().map(|(name, info)| (name, info.var.as_tensor().clone())).collect();
    safetensors::serialize(&tensors, None)
}

/// Reads weights into the network's tensors.
///
/// # Errors
/// If the file is unreadable, or any tensor is missing, surplus or of another
/// shape; all differences are listed and nothing is changed.
pub fn load_weights(parameters: &Parameters, path: &Path) -> Result<(), WeightsError> {
    let failed = |reason: String| WeightsError::File { action: "read", path: path.to_owned(), reason };
    let bytes = read_whole_file(path).map_err(|e| failed(e.to_string()))?;
    let mut stored = read_safetensors(&bytes, |_| false).map_err(|e| failed(e.to_string()))?;
    let mut found: Vec<(&Var, Tensor)> = Vec::new();
    let mut differences = Vec::new();
    for (name, info) in parameters.iter() {
        match stored.remove(name) {
            Some(FileTensor { shape, values }) if shape == info.var.dims() => {
                found.push((&info.var, Tensor::from_vec(values, shape, &Device::Cpu)?));
            }
            Some(tensor) => {
                differences.push(format!("{name} is {:?}, not {:?}", tensor.shape, info.var.dims()))
            }
            None => differences.push(format!("{name} {:?} is missing", info.var.dims())),
        }
    }
    let surplus = stored.iter().map(|(name, t)| format!("{name} {:?} is not in the network", t.shape));
    differences.extend(surplus);
    if !differences.is_empty() {
        return Err(WeightsError::OtherNetwork {
            path: path.to_owned(),
            differences: differences.join("; "),
        });
    }
    for (var, tensor) in found {
        var.set(&tensor)?;
    }
    Ok(())
}
