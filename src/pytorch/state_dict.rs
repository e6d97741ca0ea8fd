//! The state dict of a PyTorch module from a network's values.

use crate::graph::Values;
use std::collections::BTreeMap;

use candle_core::{Device, Tensor};

use super::names::{Content, NamedTensor, TensorNames, Unnamed};

/// Values do not fill the tensors of a module.
#[derive(Debug, thiserror::Error)]
pub enum StateDictError {
    /// The module has no place for a part of the network.
    #[error(transparent)]
    Unnamed(#[from] Unnamed),
    /// A tensor has no values, or not as many as it takes.
    #[error("`{name}` takes {expected} values of `{path}`, and there are {found}")]
    Values {
        /// The tensor's name in the module.
        name: String,
        /// Its path in the network.
        path: String,
        /// Values that it takes.
        expected: usize,
        /// Values that there are.
        found: usize,
    },
    /// There is no memory for a tensor.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// All tensors of a module under its names, which `load_state_dict(strict=True)` takes.
///
/// # Errors
/// If a tensor has no values or too few.
pub fn state_dict(names: &TensorNames, values: &Values) -> Result<BTreeMap<String, Tensor>, StateDictError> {
    names.iter().map(|tensor| Ok((tensor.name.clone(), filled(tensor, values)?))).collect()
}

fn filled(tensor: &NamedTensor, values: &Values) -> Result<Tensor, StateDictError> {
    let Content::Values { path, shape, layout } = &tensor.content else {
        return Ok(Tensor::new(0i64, &Device::Cpu)?);
    };
    let expected = shape.iter().product();
    match values.get(path) {
        Some(values) if values.len() == expected => {
            Ok(Tensor::from_vec(layout.to_pytorch(shape, values), tensor.shape.as_slice(), &Device::Cpu)?)
        }
        other => Err(StateDictError::Values {
            name: tensor.name.clone(),
            path: path.clone(),
            expected,
            found: other.map_or(0, Vec::len),
        }),
    }
}
