//! Bytes of the weights that inference needs.
//!
//! Batch norm is folded into the convolution before it, which leaves the convolution's weights and one bias an output
//! channel; squeeze-excite and linear layers keep their weights and biases. In float32 every value takes 4 bytes. In
//! int8 a weight takes 1 byte and a bias 4, since biases are 32-bit sums. The scales of int8 tensors, one an output
//! channel, and a file's own overhead are not counted: they differ from format to format.

use crate::graph::LayerGraph;
use crate::graph::ops::{Operation, Operator};

/// Bytes of a float32, and of the 32-bit bias of an int8 layer.
const WORD: u64 = 4;

/// Weights and biases after batch norm is folded.
fn counts(graph: &LayerGraph) -> [u64; 2] {
    let mut counts = [0, 0];
    for node in graph.nodes() {
        if let Operator::BatchNorm(norm) = &node.op {
            counts[1] += u64::from(norm.channels);
            continue;
        }
        for parameter in node.op.parameters() {
            // Weights decay, biases do not.
            counts[usize::from(!parameter.decayed)] += parameter.count();
        }
    }
    counts
}

/// Bytes in float32.
pub(super) fn float_bytes(graph: &LayerGraph) -> u64 {
    WORD * counts(graph).iter().sum::<u64>()
}

/// Bytes in int8 with 32-bit biases.
pub(super) fn int8_bytes(graph: &LayerGraph) -> u64 {
    let [weights, biases] = counts(graph);
    weights + WORD * biases
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::{InferenceGraph, Op};
    use crate::spec;

    #[test]
    fn the_float_figure_is_that_of_the_folded_graph() {
        for (file, _) in spec::REFERENCE_NETWORKS {
            let graph = LayerGraph::lower(&spec::load(file).expect(file));
            let folded = InferenceGraph::new(&graph, &graph.initial_values(0)).expect("all tensors").folded();
            let [mut weights, mut biases] = [0, 0];
            for layer in folded.layers() {
                match &layer.op {
                    Op::Conv(conv) => {
                        weights += conv.weight.len() as u64;
                        biases += conv.bias.as_ref().map_or(0, Vec::len) as u64;
                    }
                    Op::Linear(linear) => {
                        weights += linear.weight.len() as u64;
                        biases += linear.bias.len() as u64;
                    }
                    Op::Norm(_) => panic!("{file}: {} is not folded", layer.name),
                    _ => {}
                }
            }
            assert_eq!(counts(&graph), [weights, biases], "{file}");
            assert_eq!(float_bytes(&graph), 4 * (weights + biases), "{file}");
        }
    }

    #[test]
    fn bytes_of_a_network_by_hand() {
        let text = "name = \"n\"\nresolution = 8\ninput_channels = 1\nclasses = 4\npadding = \"same\"\n\
            batch_norm = { eps = 1e-3, momentum = 0.1 }\nstem = \"conv_k3_s1_c8_relu\"\n\
            blocks = [\"ir_k3_s1_h16_c8_se4_relu\"]\nhead = [\"pool\"]\n";
        let graph = LayerGraph::lower(&spec::NetworkSpec::from_toml("n.toml", text).expect("a network"));
        // Stem 9*8 (8); expand 8*16 (16); depthwise 9*16 (16); squeeze-excite 16*4 (4) and 4*16 (16); project 16*8 (8);
        // classifier 8*4 (4).
        let (weights, biases) = (72 + 128 + 144 + 64 + 64 + 128 + 32, 8 + 16 + 16 + 4 + 16 + 8 + 4);
        assert_eq!(float_bytes(&graph), 4 * (weights + biases));
        assert_eq!(int8_bytes(&graph), weights + 4 * biases);
    }
}
