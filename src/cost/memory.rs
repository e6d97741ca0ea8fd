//! Peak memory: the largest sum of live activations, in the best order of execution of a plain runtime.
//!
//! The runtime takes one image and runs one operator after the other, each whole:
//! - batch norm, activations and dropout work in place on the map of the operator before them;
//! - an operator's inputs and its output are live at once, everything else is not in place: neither the addition of a
//!   residual nor the scaling by squeeze-excite;
//! - squeeze-excite is four operators: pooled vector, squeezed vector, gate, scaled map;
//! - a value lives from its operator to the last one that reads it; the image lives until it was read.
//!
//! Weights, code, scratch buffers of kernels and the fragmentation of an arena are not counted.
//!
//! *Best order.* Where all later operators follow from one value, orders before and after it are independent, so
//! that the peak is the largest of the pieces between such values: about one a block. Within a piece, what is live
//! depends on the set of operators that are done, not on their order; the best way through these sets is found by
//! dynamic programming. The result is the minimum over all topological orders, proven, not a heuristic.

use std::collections::BTreeMap;

use crate::graph::LayerGraph;
use crate::graph::ops::Operator;

/// Operators of a piece that a set of them can hold.
const MOST_IN_A_PIECE: usize = u64::BITS as usize;

/// An operator of the plain runtime: what it reads, and the size of what it makes, in values.
#[derive(Debug, Clone)]
struct Step {
    reads: Vec<usize>,
    size: u64,
}

/// Values that are live at the peak of each piece of a network, in order; the largest is the network's.
pub(super) fn peaks(graph: &LayerGraph) -> Vec<u64> {
    peaks_of(&steps(graph))
}

/// Values of the largest set of activations that are needed at once; times the bytes of a value, the peak memory.
pub fn peak_memory(graph: &LayerGraph) -> u64 {
    peaks(graph).into_iter().max().unwrap_or(0)
}

/// The operators of the plain runtime, in a topological order.
fn steps(graph: &LayerGraph) -> Vec<Step> {
    let nodes = graph.nodes();
    let mut readers = vec![0_u32; nodes.len()];
    for input in nodes.iter().flat_map(|node| node.inputs()) {
        readers[input.index()] += 1;
    }
    let mut steps: Vec<Step> = Vec::with_capacity(nodes.len());
    // By node: the step that makes its value.
    let mut made_by: Vec<usize> = Vec::with_capacity(nodes.len());
    for node in nodes {
        let reads: Vec<usize> = node.inputs().iter().map(|input| made_by[input.index()]).collect();
        let size = node.output.pixels() * u64::from(node.output.channels);
        let mut push = |reads: &[usize], size: u64| {
            steps.push(Step { reads: reads.to_vec(), size });
            steps.len() - 1
        };
        made_by.push(match (&node.op, reads.first()) {
            (Operator::BatchNorm(_) | Operator::Activate(_) | Operator::Dropout(_), Some(&before))
                if readers[node.inputs()[0].index()] == 1 =>
            {
                before
            }
            (Operator::SqueezeExcite(se), Some(&map)) => {
                let pooled = push(&[map], u64::from(se.channels));
                let squeezed = push(&[pooled], u64::from(se.squeeze));
                let gate = push(&[squeezed], u64::from(se.channels));
                push(&[map, gate], size)
            }
            _ => push(&reads, size),
        });
    }
    steps
}

fn peaks_of(steps: &[Step]) -> Vec<u64> {
    let mut last_reader: Vec<usize> = (0..steps.len()).collect();
    for (at, step) in steps.iter().enumerate() {
        for &read in &step.reads {
            last_reader[read] = at;
        }
    }
    let mut peaks = Vec::new();
    let mut start = 0;
    // The furthest reader of anything before the step at hand.
    let mut furthest = 0;
    for at in 1..steps.len() {
        furthest = furthest.max(last_reader[at - 1]);
        // No value but that of `at` is read behind it.
        if furthest <= at {
            peaks.push(peak_of_piece(steps, start, at));
            start = at;
        }
    }
    if steps.len() == 1 {
        peaks.push(steps[0].size);
    }
    peaks
}

/// The smallest peak of the steps behind `start`, whose value is there, up to `end`, whose value remains.
fn peak_of_piece(steps: &[Step], start: usize, end: usize) -> u64 {
    let count = end - start;
    assert!(count <= MOST_IN_A_PIECE, "a block has far fewer than {MOST_IN_A_PIECE} operators");
    // Bit 0 stands for `start + 1`. Values are live while one of their readers is to come.
    let readers: Vec<u64> = (start..=end)
        .map(|value| {
            let of = |&at: &usize| steps[at].reads.contains(&value);
            (start + 1..=end).filter(of).fold(0, |set, at| set | 1 << (at - start - 1))
        })
        .collect();
    let needs: Vec<u64> = (start + 1..=end)
        .map(|at| {
            let inside = steps[at].reads.iter().filter(|&&read| read > start);
            inside.fold(0, |set, read| set | 1 << (read - start - 1))
        })
        .collect();
    let all = u64::MAX >> (MOST_IN_A_PIECE - count);
    // What is live behind a set of done steps; the last value of the piece stays.
    let live = |done: u64| {
        let kept = |value: &usize| {
            let made = *value == 0 || done & (1 << (value - 1)) != 0;
            made && (*value == count || readers[*value] & !done != 0)
        };
        (0..=count).filter(kept).map(|value| steps[start + value].size).sum::<u64>()
    };
    // Sets by the number of their members, each with the smallest peak on a way to it.
    let mut sets = BTreeMap::from([(0_u64, 0_u64)]);
    for _ in 0..count {
        let mut larger: BTreeMap<u64, u64> = BTreeMap::new();
        for (&done, &peak) in &sets {
            // While a step runs, all that was live is live, its inputs among it, and its output.
            let before = live(done);
            for next in 0..count {
                if done & (1 << next) != 0 || needs[next] & !done != 0 {
                    continue;
                }
                let peak = peak.max(before + steps[start + 1 + next].size);
                let known = larger.entry(done | 1 << next).or_insert(peak);
                *known = peak.min(*known);
            }
        }
        sets = larger;
    }
    sets.get(&all).copied().expect("steps are in a topological order, so all of them can be done")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec;
    use proptest::prelude::*;
    use rstest::rstest;

    /// By hand, at 224x224, in values:
    /// - V1: the pointwise convolution behind the first depthwise one, 112x112x32 (401,408) to 112x112x64 (802,816),
    ///   1,204,224. Its neighbours: two maps of 112x112x32 are 802,816, and the next depthwise convolution ends with
    ///   56x56x64 (200,704), 1,003,520.
    /// - V2: the first expansion makes 112x112x96 (1,204,224) of 112x112x16 (200,704), 1,404,928 together; larger is
    ///   what follows, its depthwise convolution to 56x56x96 (301,056): 1,505,280. The next widest, in the residual
    ///   block of 56x56: 56x56x24 (75,264) and two maps of 56x56x144 (451,584 each), 978,432.
    /// - V3-Large: block 1 expands 112x112x16 to 112x112x64 (802,816), 1,003,520, and its depthwise convolution ends
    ///   with 56x56x64 (200,704): the same. Block 0 is residual: three maps of 112x112x16, 602,112.
    #[rstest]
    #[case("mobilenet_v1", 1_204_224)]
    #[case("mobilenet_v2", 1_505_280)]
    #[case("mobilenet_v3_large", 1_003_520)]
    fn peaks_by_hand(#[case] name: &str, #[case] values: u64) {
        let spec = spec::NetworkSpec { resolution: 224, ..spec::load(name).expect(name) };
        assert_eq!(peak_memory(&LayerGraph::lower(&spec)), values);
    }

    /// 4x4x8 (128) behind the stem, hidden 16 (256), squeeze 4.
    #[test]
    fn squeeze_excite_and_the_residual_are_counted() {
        let text = "name = \"n\"\nresolution = 4\ninput_channels = 1\nclasses = 2\npadding = \"same\"\n\
            batch_norm = { eps = 1e-3, momentum = 0.1 }\nstem = \"conv_k3_s1_c8_relu\"\n\
            blocks = [\"ir_k3_s1_h16_c8_se4_relu\"]\nhead = [\"pool\"]\n";
        let graph = LayerGraph::lower(&spec::NetworkSpec::from_toml("n.toml", text).expect("a network"));
        // The residual, the map, its gate, the scaled map.
        assert_eq!(peak_memory(&graph), 128 + 256 + 16 + 256);
    }

    /// The peak of every topological order, the smallest of them.
    fn by_brute_force(steps: &[Step]) -> u64 {
        fn go(steps: &[Step], done: &mut Vec<usize>, peak: u64, best: &mut u64) {
            if done.len() == steps.len() {
                *best = peak.min(*best);
                return;
            }
            let to_come = |value: usize, done: &[usize]| {
                (0..steps.len()).any(|at| !done.contains(&at) && steps[at].reads.contains(&value))
            };
            for next in 0..steps.len() {
                if done.contains(&next) || steps[next].reads.iter().any(|read| !done.contains(read)) {
                    continue;
                }
                let live: u64 =
                    done.iter().filter(|&&value| to_come(value, done)).map(|&value| steps[value].size).sum();
                let now = live + steps[next].size;
                done.push(next);
                go(steps, done, peak.max(now), best);
                done.pop();
            }
        }
        let mut best = u64::MAX;
        go(steps, &mut Vec::new(), 0, &mut best);
        best
    }

    /// Graphs whose every value but the last is read: what is read by no random edge is read by the last step.
    fn graphs() -> impl Strategy<Value = Vec<Step>> {
        let step = (prop::collection::vec(any::<prop::sample::Index>(), 1..3), 1..30_u64);
        prop::collection::vec(step, 1..7).prop_map(|raw| {
            let mut steps = vec![Step { reads: Vec::new(), size: 5 }];
            for (reads, size) in raw {
                let mut reads: Vec<usize> = reads.iter().map(|read| read.index(steps.len())).collect();
                reads.sort_unstable();
                reads.dedup();
                steps.push(Step { reads, size });
            }
            let last = steps.len() - 1;
            for value in 0..last {
                if !steps.iter().any(|step| step.reads.contains(&value)) {
                    steps[last].reads.push(value);
                }
            }
            steps
        })
    }

    proptest! {
        #[test]
        fn no_order_has_a_smaller_peak(steps in graphs()) {
            let peak = peaks_of(&steps).into_iter().max().expect("two steps or more");
            prop_assert_eq!(peak, by_brute_force(&steps));
        }
    }

    #[test]
    fn a_piece_is_about_a_block() {
        let graph = LayerGraph::lower(&spec::load("mobilenet_v2").expect("shipped"));
        assert!(peaks(&graph).len() >= graph.spans().len());
    }
}
