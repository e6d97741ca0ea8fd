//! How much each channel of a group matters.

use super::surgery::for_each_tensor;
use crate::graph::ops::{Axis, Operator};
use crate::graph::{ChannelGroups, LayerGraph, Values};
use crate::word_list::word_list;

/// A measure of a channel's importance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Importance {
    /// Euclidean norm of the channel's filters, summed over everything in the group that has them (Yang et al. 2018).
    #[default]
    L2,
    /// Sum of their absolute values (Li et al. 2017, arXiv:1608.08710).
    L1,
    /// Absolute scale of batch norm (Liu et al. 2017, arXiv:1708.06519), summed likewise; the Euclidean norm in groups
    /// without batch norm.
    BnScale,
    /// First-order Taylor estimate of the loss without the channel, `|sum w dL/dw|` (Molchanov et al. 2019,
    /// arXiv:1906.10771).
    Taylor,
}

word_list!(Importance, "importance", [L2 = "l2", L1 = "l1", BnScale = "bn-scale", Taylor = "taylor"]);

/// Scores of all channels, by group and channel; `gradients` are read for [`Importance::Taylor`] only.
///
/// Filters are the parts of weights that make the channel: those along its output axis, and for the inside of
/// squeeze-excite those on both sides.
pub fn channel_scores(
    graph: &LayerGraph,
    groups: &ChannelGroups,
    values: &Values,
    kind: Importance,
    gradients: &Values,
) -> Vec<Vec<f64>> {
    let mut scores: Vec<Vec<f64>> = groups.iter().map(|(_, g)| vec![0.0; g.width as usize]).collect();
    let has_scale: Vec<bool> = {
        let mut has = vec![false; groups.len()];
        for (at, node) in graph.nodes().iter().enumerate() {
            if let (Operator::BatchNorm(_), Some(id)) = (node.op, groups.of_axis(node, at, Axis::Output)) {
                has[id.index()] = true;
            }
        }
        has
    };
    for_each_tensor(graph, groups, |tensor| {
        let Some(weights) = values.get(&tensor.path) else { return };
        for (axis, (kind_of_axis, id)) in tensor.parameter.axes.iter().zip(&tensor.groups).enumerate() {
            let (Axis::Output | Axis::Inner, Some(id)) = (kind_of_axis, id) else { continue };
            let sums = &mut scores[id.index()];
            let shape = &tensor.parameter.shape;
            let is_scale = matches!(tensor.op, Operator::BatchNorm(_)) && tensor.parameter.name == "weight";
            let measure = match kind {
                Importance::BnScale if has_scale[id.index()] && !is_scale => continue,
                Importance::L2 | Importance::L1 if !tensor.parameter.decayed => continue,
                Importance::Taylor if !tensor.parameter.trained => continue,
                Importance::BnScale if !is_scale && !tensor.parameter.decayed => continue,
                other => other,
            };
            let along = |f: &dyn Fn(usize) -> f64| sums_along(shape, axis, f);
            let part = match measure {
                Importance::L1 => along(&|i| f64::from(weights[i].abs())),
                Importance::L2 | Importance::BnScale => roots(along(&|i| f64::from(weights[i]).powi(2))),
                Importance::Taylor => {
                    let Some(gradient) = gradients.get(&tensor.path) else { continue };
                    let mut part = along(&|i| f64::from(weights[i]) * f64::from(gradient[i]));
                    part.iter_mut().for_each(|sum| *sum = sum.abs());
                    part
                }
            };
            sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
    });
    scores
}

fn roots(mut squares: Vec<f64>) -> Vec<f64> {
    squares.iter_mut().for_each(|square| *square = square.sqrt());
    squares
}

/// For each index of one axis the sum of `f` over all others.
fn sums_along(shape: &[usize], axis: usize, f: &dyn Fn(usize) -> f64) -> Vec<f64> {
    let inner: usize = shape[axis + 1..].iter().product();
    let count: usize = shape.iter().product();
    let mut sums = vec![0.0; shape[axis]];
    for at in 0..count {
        sums[at / inner % shape[axis]] += f(at);
    }
    sums
}

/// Positions of the `count` highest scores, ascending; of equal scores the first.
pub fn most_important(scores: &[f64], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    order.truncate(count);
    order.sort_unstable();
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Parameters;
    use crate::spec::{self, NetworkSpec};

    fn graph() -> LayerGraph {
        let spec = NetworkSpec {
            resolution: 8,
            blocks: vec!["ir_k3_s1_h24_c16_se8_relu".parse().expect("a block")],
            head: vec!["pool".parse().expect("a block"), "linear_c12_relu".parse().expect("a block")],
            ..spec::load("mobilenet_v3_small").expect("shipped")
        };
        LayerGraph::lower(&spec)
    }

    fn scores(change: impl Fn(&mut Values), kind: Importance, gradients: &Values) -> Vec<Vec<f64>> {
        let graph = graph();
        let mut values = Parameters::initial(&graph, 3).and_then(|p| p.values()).expect("memory");
        change(&mut values);
        channel_scores(&graph, &graph.channel_groups(), &values, kind, gradients)
    }

    /// Stem (16, shared through the residual), hidden 24, squeeze 8, linear 12.
    fn of_width(scores: &[Vec<f64>], width: usize) -> &[f64] {
        scores.iter().find(|s| s.len() == width).expect("a group of that width")
    }

    fn double(values: &mut Values, path: &str, places: impl Iterator<Item = usize>) {
        let tensor = values.get_mut(path).expect(path);
        places.for_each(|at| tensor[at] *= 2.0);
    }

    #[test]
    fn norms_sum_over_everything_that_makes_the_channel() {
        let none = Values::new();
        let before = scores(|_| {}, Importance::L2, &none);
        // Filter 5 of the stem and of the projection make channel 5 of the shared group: twice the weights, twice the score.
        let after = scores(
            |v| {
                double(v, "stem.conv.weight", 5 * 27..6 * 27);
                double(v, "blocks.0.project.weight", 5 * 24..6 * 24);
            },
            Importance::L2,
            &none,
        );
        let (a, b) = (of_width(&before, 16), of_width(&after, 16));
        for channel in 0..16 {
            let factor = if channel == 5 { 2.0 } else { 1.0 };
            assert!((b[channel] / a[channel] - factor).abs() < 1e-9, "channel {channel}");
        }
        assert_eq!(of_width(&before, 24), of_width(&after, 24), "inputs of the projection make no channel");
        let l1 = scores(|v| double(v, "blocks.0.se.reduce.bias", 0..8), Importance::L1, &none);
        assert_eq!(
            of_width(&l1, 8),
            of_width(&scores(|_| {}, Importance::L1, &none), 8),
            "a bias is no filter"
        );
    }

    #[test]
    fn batch_norm_scales_count_where_there_are_any_and_norms_elsewhere() {
        let none = Values::new();
        let scale = |v: &mut Values| {
            v.insert("stem.bn.weight".into(), (0..16).map(|c| -(c as f32)).collect());
            v.insert("blocks.0.project_bn.weight".into(), vec![0.5; 16]);
        };
        let by_scale = scores(scale, Importance::BnScale, &none);
        let expected: Vec<f64> = (0..16).map(|c| f64::from(c) + 0.5).collect();
        assert_eq!(of_width(&by_scale, 16), expected);
        assert_eq!(of_width(&by_scale, 12), of_width(&scores(|_| {}, Importance::L2, &none), 12));
    }

    #[test]
    fn taylor_sums_products_before_it_takes_their_size() {
        let mut gradients = Values::new();
        gradients.insert("head.1.linear.bias".into(), (0..12).map(|c| c as f32 - 6.0).collect());
        let by_taylor = scores(
            |v| drop(v.insert("head.1.linear.bias".into(), vec![1.0; 12])),
            Importance::Taylor,
            &gradients,
        );
        let expected: Vec<f64> = (0..12).map(|c: i32| f64::from((c - 6).abs())).collect();
        assert_eq!(of_width(&by_taylor, 12), expected);
    }

    #[test]
    fn the_most_important_come_in_order_and_ties_go_to_the_first() {
        assert_eq!(most_important(&[1.0, 3.0, 2.0, 3.0, 1.0], 3), [1, 2, 3]);
        assert_eq!(most_important(&[1.0, 1.0, 1.0], 2), [0, 1]);
        assert_eq!(most_important(&[1.0], 5), [0]);
    }
}
