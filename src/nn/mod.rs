//! Networks that compute: candle parameters, forward and backward.

mod engine;
mod network;
pub mod ops;
mod parameters;
mod planned;
mod tensor_file;
mod weights;

pub use engine::Engine;
pub use network::{Mode, Network};
pub use parameters::{Parameters, TensorInfo};
pub use planned::PlannedNetwork;
pub use tensor_file::{FileTensor, TensorFile, TensorFileError, decode_floats, tensor_file_bytes};
pub use weights::{WeightsError, load_network, load_values, load_weights, save_weights, weight_bytes};

#[cfg(test)]
mod tests;
