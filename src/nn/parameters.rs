//! The tensors of a network by path, as candle holds them.

use std::collections::BTreeMap;

use candle_core::{Device, Result, Tensor, Var};

use crate::graph::ops::Parameter;
use crate::graph::{LayerGraph, Values};

/// A tensor of a network and how training treats it.
#[derive(Debug, Clone)]
pub struct TensorInfo {
    /// The values.
    pub var: Var,
    /// False for running statistics.
    pub trained: bool,
    /// Whether weight decay applies.
    pub decayed: bool,
}

/// All tensors of a network, by path (`blocks.3.expand.weight`).
#[derive(Debug, Clone)]
pub struct Parameters {
    tensors: BTreeMap<String, TensorInfo>,
}

impl Parameters {
    /// Fresh tensors for a graph, see [`Parameter::initial_values`].
    ///
    /// # Errors
    /// If candle cannot make a tensor.
    pub fn initial(graph: &LayerGraph, seed: u64) -> Result<Self> {
        Self::make(graph, |name, parameter| Ok(parameter.initial_values(name, seed)))
    }

    /// Tensors for a graph with these values.
    ///
    /// # Errors
    /// If a tensor is missing or of another size.
    pub fn with_values(graph: &LayerGraph, values: &Values) -> Result<Self> {
        Self::make(graph, |name, _| match values.get(name) {
            Some(values) => Ok(values.clone()),
            None => candle_core::bail!("there are no values for `{name}`"),
        })
    }

    fn make(graph: &LayerGraph, values_of: impl Fn(&str, &Parameter) -> Result<Vec<f32>>) -> Result<Self> {
        let mut tensors = BTreeMap::new();
        for (name, parameter) in graph.parameters() {
            let values = values_of(&name, &parameter)?;
            let var = Var::from_tensor(&Tensor::from_vec(values, parameter.shape.as_slice(), &Device::Cpu)?)?;
            tensors.insert(name, TensorInfo { var, trained: parameter.trained, decayed: parameter.decayed });
        }
        Ok(Self { tensors })
    }

    /// The values of all tensors.
    ///
    /// # Errors
    /// If candle cannot read a tensor.
    pub fn values(&self) -> Result<Values> {
        let values =
            self.iter().map(|(name, info)| Ok((name.to_owned(), info.var.flatten_all()?.to_vec1()?)));
        values.collect()
    }

    /// The tensor with this path.
    ///
    /// # Errors
    /// If there is none.
    pub fn get(&self, name: &str) -> Result<&Var> {
        match self.tensors.get(name) {
            Some(info) => Ok(&info.var),
            None => candle_core::bail!("the network has no tensor `{name}`"),
        }
    }

    /// All tensors in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &TensorInfo)> {
        self.tensors.iter().map(|(name, info)| (name.as_str(), info))
    }
}
