//! Parameters and multiply-adds, summed from the operators.

use std::ops::AddAssign;

use super::ops::{Operation, Parameter};
use super::{BlockSpan, LayerGraph, Node};

/// Parameters and multiply-adds of a part of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Cost {
    /// Trained parameters (running statistics are not counted).
    pub params: u64,
    /// Multiply-adds of convolutions and linear layers for one image.
    pub madds: u64,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.params += other.params;
        self.madds += other.madds;
    }
}

impl LayerGraph {
    /// Cost of the whole network.
    pub fn cost(&self) -> Cost {
        self.sum(self.nodes())
    }

    /// Cost of one block.
    pub fn cost_of(&self, span: &BlockSpan) -> Cost {
        self.sum(self.nodes_of(span))
    }

    fn sum(&self, nodes: &[Node]) -> Cost {
        let mut total = Cost::default();
        for node in nodes {
            let params = node.op.parameters().iter().filter(|p| p.trained).map(Parameter::count).sum();
            total += Cost { params, madds: node.op.madds(self.input_shape(node)) };
        }
        total
    }

    /// Every tensor of the network with its full path, in graph order.
    pub fn parameters(&self) -> impl Iterator<Item = (String, Parameter)> + '_ {
        self.nodes().iter().flat_map(move |node| {
            let path = self.name(node);
            node.op.parameters().into_iter().map(move |p| (format!("{path}.{}", p.name), p))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{self, WidthRule};
    use rstest::rstest;

    fn cost(name: &str, width: f64, rule: WidthRule, resolution: u32) -> Cost {
        let network = spec::load(name).expect(name).scaled(width, rule);
        LayerGraph::lower(&spec::NetworkSpec { resolution, ..network }).cost()
    }

    const R: WidthRule = WidthRule::Reference;
    const T: WidthRule = WidthRule::Torchvision;

    /// Published or counted with the reference implementations.
    #[rstest]
    #[case("mobilenet_v1", 1.0, R, 4_231_976, 568.7, 0.5)]
    #[case("mobilenet_v2", 1.0, R, 3_504_872, 300.8, 0.5)]
    #[case("mobilenet_v3_large", 1.0, R, 5_483_032, 216.59, 0.005)]
    #[case("mobilenet_v3_small", 1.0, R, 2_542_856, 56.51, 0.005)]
    #[case("mobilenet_v3_large_minimalistic", 1.0, R, 3_924_288, 209.14, 0.005)]
    #[case("mobilenet_v3_small_minimalistic", 1.0, R, 2_044_736, 52.29, 0.005)]
    #[case("mobilenet_v3_large", 1.25, R, 7_551_976, 355.2, 0.05)]
    #[case("mobilenet_v3_large", 0.75, R, 3_993_528, 154.6, 0.05)]
    #[case("mobilenet_v3_large", 0.5, R, 2_689_520, 69.25, 0.005)]
    #[case("mobilenet_v3_large", 0.35, R, 2_131_832, 39.47, 0.005)]
    #[case("mobilenet_v3_small", 0.75, R, 2_041_872, 43.40, 0.005)]
    #[case("mobilenet_v3_small", 0.5, R, 1_592_704, 21.05, 0.005)]
    #[case("mobilenet_v3_large", 1.25, T, 8_164_744, 343.5, 0.05)]
    #[case("mobilenet_v3_large", 0.75, T, 3_377_576, 140.0, 0.05)]
    #[case("mobilenet_v3_large", 0.5, T, 1_734_576, 65.0, 0.05)]
    #[case("mobilenet_v3_large", 0.35, T, 997_064, 35.3, 0.05)]
    #[case("mobilenet_v3_small", 0.75, T, 1_653_920, 39.1, 0.05)]
    #[case("mobilenet_v3_small", 0.5, T, 917_264, 19.0, 0.05)]
    #[case("mobilenet_v2", 0.75, T, 2_636_424, 209.0, 0.6)]
    #[case("mobilenet_v2", 1.4, T, 6_108_776, 582.0, 0.6)]
    #[case("mnasnet_b1", 1.0, R, 4_383_312, 314.4, 0.5)]
    fn counts_of_the_reference_networks(
        #[case] name: &str,
        #[case] width: f64,
        #[case] rule: WidthRule,
        #[case] params: u64,
        #[case] million_madds: f64,
        #[case] digits: f64,
    ) {
        let cost = cost(name, width, rule, 224);
        assert_eq!(cost.params, params);
        let madds = cost.madds as f64 / 1e6;
        assert!((madds - million_madds).abs() <= digits, "{madds} M, expected {million_madds} M");
    }

    /// Howard et al. 2017, tables 6 and 7.
    #[rstest]
    #[case(0.75, 224, 325.0)]
    #[case(0.5, 224, 149.0)]
    #[case(0.25, 224, 41.0)]
    #[case(1.0, 192, 418.0)]
    #[case(1.0, 160, 290.0)]
    #[case(1.0, 128, 186.0)]
    fn multipliers_of_mobilenet_v1(#[case] alpha: f64, #[case] resolution: u32, #[case] million_madds: f64) {
        let madds = cost("mobilenet_v1", alpha, R, resolution).madds as f64 / 1e6;
        assert!((madds - million_madds).abs() < 1.0, "{madds} M");
    }

    #[test]
    fn blocks_add_up_to_the_network() {
        for (file, _) in spec::REFERENCE_NETWORKS {
            let graph = LayerGraph::lower(&spec::load(file).expect(file));
            let mut sum = Cost::default();
            for span in graph.spans() {
                sum += graph.cost_of(span);
            }
            assert_eq!(sum, graph.cost());
        }
    }
}
