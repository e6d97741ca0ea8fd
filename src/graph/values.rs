//! The values of a network's tensors, and those that they start from.

use std::collections::BTreeMap;

use rand::Rng;
use rand_distr::StandardNormal;

use super::LayerGraph;
use super::ops::{Initial, Parameter};
use crate::seed;

/// Values of tensors by path (`blocks.3.expand.weight`), each in the order of its dimensions.
pub type Values = BTreeMap<String, Vec<f32>>;

impl LayerGraph {
    /// Fresh values of all tensors, see [`Parameter::initial_values`].
    pub fn initial_values(&self, seed: u64) -> Values {
        let values = self.parameters().map(|(path, parameter)| {
            let values = parameter.initial_values(&path, seed);
            (path, values)
        });
        values.collect()
    }
}

impl Parameter {
    /// Fresh values. They are drawn by the tensor's path, so that equal layers of different networks start equal
    /// under one seed.
    pub fn initial_values(&self, path: &str, seed: u64) -> Vec<f32> {
        let count = self.shape.iter().product();
        match self.initial {
            Initial::Constant(value) => vec![value as f32; count],
            Initial::Normal(stddev) => {
                let normal = seed::rng(seed, &format!("init {path}"), 0).sample_iter(StandardNormal);
                normal.take(count).map(|value: f64| (stddev * value) as f32).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec;

    #[test]
    fn values_are_those_of_the_graph_and_depend_on_path_and_seed_only() {
        let graph = LayerGraph::lower(&spec::load("mobilenet_v3_small").expect("shipped"));
        let values = graph.initial_values(7);
        let trained = graph.parameters().filter(|(_, parameter)| parameter.trained);
        assert_eq!(trained.map(|(path, _)| values[&path].len()).sum::<usize>(), 2_542_856);
        assert_eq!(graph.initial_values(7), values);
        let path = "blocks.4.expand.weight";
        assert_ne!(graph.initial_values(8)[path], values[path]);
        assert_ne!(values["blocks.5.expand.weight"], values["blocks.4.project.weight"]);
    }

    #[test]
    fn weights_have_the_spread_that_they_are_to_start_with() {
        let graph = LayerGraph::lower(&spec::load("mobilenet_v2").expect("shipped"));
        let values = &graph.initial_values(1)["head.0.conv.weight"];
        let (_, parameter) =
            graph.parameters().find(|(path, _)| path == "head.0.conv.weight").expect("a head");
        let Initial::Normal(stddev) = parameter.initial else { panic!("a kernel is drawn") };
        let squares: f64 = values.iter().map(|&value| f64::from(value).powi(2)).sum();
        assert!(((squares / values.len() as f64).sqrt() / stddev - 1.0).abs() < 0.01);
    }
}
