//! Static quantisation to 8 bits (Jacob et al. 2018; Krishnamoorthi 2018).
//!
//! Weights are symmetric with a scale for each filter, values affine with one scale and zero point each, from the
//! ranges seen in calibration. Biases are 32-bit integers on the scale of the products. What a rectifier reads is not
//! rounded: runtimes fuse the two.

use std::collections::BTreeMap;

use super::calibration::{Calibration, ChannelRange};
use super::inference::{InferenceGraph, Layer, Op, ValueId};
use crate::spec::Activation;

/// `x = scale * (q - zero_point)`, `q` in 8 bits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    /// The width of a level.
    pub scale: f32,
    /// The integer of zero.
    pub zero_point: i8,
}

/// The integers of a layer.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantisedWeights {
    /// In the order of the layer's weights.
    pub weight: Vec<i8>,
    /// By filter.
    pub weight_scales: Vec<f32>,
    /// By filter.
    pub bias: Vec<i32>,
    /// By filter: scale of the input times that of the weights.
    pub bias_scales: Vec<f32>,
}

/// A network with the integers that stand for its numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantised {
    graph: InferenceGraph,
    /// By value.
    activations: Vec<Option<Affine>>,
    weights: BTreeMap<ValueId, QuantisedWeights>,
}

/// The network cannot be quantised.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum QuantisationError {
    /// A value is not a number, or was never seen.
    #[error("`{value}` ranges from {min} to {max} on the calibration images")]
    Range {
        /// Its name.
        value: String,
        /// Smallest value seen.
        min: f32,
        /// Largest value seen.
        max: f32,
    },
}

impl Quantised {
    /// The network in floats.
    pub fn graph(&self) -> &InferenceGraph {
        &self.graph
    }

    /// How a value is rounded, if it is.
    pub fn activation(&self, id: ValueId) -> Option<Affine> {
        self.activations[id.index()]
    }

    /// The integers of a layer that has weights.
    pub fn weights(&self, id: ValueId) -> Option<&QuantisedWeights> {
        self.weights.get(&id)
    }
}

/// Quantises a folded graph by the ranges of its values.
///
/// # Errors
/// If a range is empty or infinite.
pub fn quantise(graph: InferenceGraph, calibration: &Calibration) -> Result<Quantised, QuantisationError> {
    let mut activations = Vec::with_capacity(graph.layers().len());
    for (id, layer) in graph.iter() {
        activations.push(match is_rounded(&graph, id) {
            true => Some(affine(layer, calibration.range(id))?),
            false => None,
        });
    }
    let mut weights = BTreeMap::new();
    for (id, layer) in graph.iter() {
        let (kernel, bias) = match &layer.op {
            Op::Conv(conv) => (&conv.weight, conv.bias.clone()),
            Op::Linear(linear) => (&linear.weight, Some(linear.bias.clone())),
            _ => continue,
        };
        let Some(input) = activations[layer.inputs[0].index()] else { continue };
        let bias = bias.unwrap_or_else(|| vec![0.0; layer.output.channels as usize]);
        weights.insert(id, integers(kernel, &bias, input.scale));
    }
    Ok(Quantised { graph, activations, weights })
}

/// All values but the logits and those that only a rectifier reads.
fn is_rounded(graph: &InferenceGraph, id: ValueId) -> bool {
    let rectifier = |layer: &Layer| matches!(layer.op, Op::Activation(Activation::Relu | Activation::Relu6));
    id != graph.logits() && !graph.only_reader(id).is_some_and(|(_, reader)| rectifier(reader))
}

fn affine(layer: &Layer, range: ChannelRange) -> Result<Affine, QuantisationError> {
    let ChannelRange { min, max } = range;
    // Zero has an integer of its own: padding is exact.
    let (low, high) = (min.min(0.0), max.max(0.0));
    let scale = (high - low) / 255.0;
    if !(min <= max && scale.is_finite()) {
        return Err(QuantisationError::Range { value: layer.name.clone(), min, max });
    }
    // A value that is always zero has no width.
    let scale = if scale > f32::MIN_POSITIVE { scale } else { 1.0 };
    let zero_point = (-128.0 - low / scale).round().clamp(-128.0, 127.0) as i8;
    Ok(Affine { scale, zero_point })
}

fn integers(weights: &[f32], bias: &[f32], input_scale: f32) -> QuantisedWeights {
    let filter = weights.len() / bias.len();
    let scale_of = |(weights, bias): (&[f32], &f32)| {
        let largest = weights.iter().fold(0.0, |largest: f32, weight| largest.max(weight.abs()));
        // Wide enough for the bias to fit 31 bits on the scale of the products.
        (largest / 127.0).max(bias.abs() / (input_scale * (1 << 30) as f32)).max(f32::MIN_POSITIVE)
    };
    let weight_scales: Vec<f32> = weights.chunks_exact(filter).zip(bias).map(scale_of).collect();
    let bias_scales: Vec<f32> = weight_scales.iter().map(|scale| scale * input_scale).collect();
    let rounded = |value: f32, scale: f32| (f64::from(value) / f64::from(scale)).round();
    QuantisedWeights {
        weight: weights
            .chunks_exact(filter)
            .zip(&weight_scales)
            .flat_map(|(weights, &scale)| {
                weights.iter().map(move |&weight| rounded(weight, scale).clamp(-127.0, 127.0) as i8)
            })
            .collect(),
        bias: bias
            .iter()
            .zip(&bias_scales)
            .map(|(&bias, &scale)| if scale > 0.0 { rounded(bias, scale) as i32 } else { 0 })
            .collect(),
        weight_scales,
        bias_scales,
    }
}
