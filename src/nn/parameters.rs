//! The tensors of a network by path, each drawn from its own generator.

use std::collections::BTreeMap;

use candle_core::{Device, Result, Tensor, Var};
use rand::distr::Distribution;
use rand_distr::Normal;

use crate::graph::LayerGraph;
use crate::graph::ops::{Initial, Parameter};
use crate::seed;

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

/// Values of tensors by path.
pub type Values = BTreeMap<String, Vec<f32>>;

/// All tensors of a network, by path (`blocks.3.expand.weight`).
#[derive(Debug, Clone)]
pub struct Parameters {
    tensors: BTreeMap<String, TensorInfo>,
}

impl Parameters {
    /// Fresh tensors for a graph. Each is drawn by its name, so that equal
    /// layers of different networks start equal under one seed.
    ///
    /// # Errors
    /// If candle cannot make a tensor.
    pub fn initial(graph: &LayerGraph, seed: u64) -> Result<Self> {
        Self::make(graph, |name, parameter| initial_values(name, parameter, seed))
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

fn initial_values(name: &str, parameter: &Parameter, seed: u64) -> Result<Vec<f32>> {
    let count = parameter.shape.iter().product();
    match parameter.initial {
        Initial::Constant(value) => Ok(vec![value as f32; count]),
        Initial::Normal(stddev) => {
            let normal = Normal::new(0.0, stddev).map_err(candle_core::Error::wrap)?;
            let rng = seed::rng(seed, &format!("init {name}"), 0);
            Ok(normal.sample_iter(rng).take(count).map(|value: f64| value as f32).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec;

    #[test]
    fn tensors_are_those_of_the_graph_and_depend_on_name_and_seed_only() {
        let graph = LayerGraph::lower(&spec::load("mobilenet_v3_small").expect("shipped"));
        let parameters = Parameters::initial(&graph, 7).expect("memory");
        let trained: usize =
            parameters.iter().filter(|(_, t)| t.trained).map(|(_, t)| t.var.elem_count()).sum();
        assert_eq!(trained, 2_542_856);
        let again = Parameters::initial(&graph, 7).expect("memory");
        let other = Parameters::initial(&graph, 8).expect("memory");
        let values = |p: &Parameters, name: &str| {
            p.get(name).expect(name).flatten_all().and_then(|t| t.to_vec1::<f32>()).expect(name)
        };
        let name = "blocks.4.expand.weight";
        assert_eq!(values(&parameters, name), values(&again, name));
        assert_ne!(values(&parameters, name), values(&other, name));
        assert_ne!(
            values(&parameters, "blocks.5.expand.weight"),
            values(&parameters, "blocks.4.project.weight")
        );
    }
}
