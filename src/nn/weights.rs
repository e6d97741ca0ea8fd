//! Weights as safetensors files, checked against the network on loading.

use std::path::{Path, PathBuf};

use super::tensor_file::{TensorFile, tensor_file_bytes};
use super::{Network, Parameters, ops};
use crate::graph::{LayerGraph, Values};
use crate::whole_file::{PathError, read_whole_file, write_whole_file};

/// Weights could not be saved or do not belong to the network.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// Reading or writing failed.
    #[error(transparent)]
    File(#[from] PathError),
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
    let bytes = weight_bytes(parameters).map_err(PathError::on("write", path))?;
    Ok(write_whole_file(path, &bytes)?)
}

/// All tensors, running statistics included, as the bytes of a safetensors file.
///
/// # Errors
/// If candle cannot read a tensor.
pub fn weight_bytes(parameters: &Parameters) -> Result<Vec<u8>, safetensors::SafeTensorError> {
    tensor_file_bytes(
        parameters.iter().map(|(name, info)| (name.to_owned(), info.var.as_tensor().clone())),
        None,
    )
}

/// Reads weights into the network's tensors.
///
/// # Errors
/// If the file is unreadable, or any tensor is missing, surplus or of another
/// shape; all differences are listed and nothing is changed.
pub fn load_weights(parameters: &Parameters, path: &Path) -> Result<(), WeightsError> {
    let bytes = read_whole_file(path)?;
    let damaged =
        |error| PathError::on("read", path)(format!("it is not a complete safetensors file: {error}"));
    let file = TensorFile::parse(&bytes, |_| false).map_err(damaged)?;
    let expected = parameters.iter().map(|(name, info)| (name.to_owned(), info.var.dims().to_vec()));
    let values = file
        .into_values(expected, "network")
        .map_err(|differences| WeightsError::OtherNetwork { path: path.to_owned(), differences })?;
    for ((_, info), values) in parameters.iter().zip(values) {
        ops::update(&info.var, |tensor| tensor.copy_from_slice(&values))?;
    }
    Ok(())
}
