//! Batch norm folded into the convolution before it.

use super::{Conv, InferenceGraph, Norm, Op, ValueId};

impl InferenceGraph {
    /// The same function with every batch norm inside its convolution: `w' = w s` and `b' = (b - mean) s + beta` with
    /// `s = gamma / sqrt(var + eps)`, computed in double precision.
    #[must_use]
    pub fn folded(&self) -> Self {
        let mut folded = Self { layers: Vec::with_capacity(self.layers.len()) };
        // By layer of `self`: where its value is now.
        let mut moved: Vec<ValueId> = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            let inputs: Vec<ValueId> = layer.inputs.iter().map(|id| moved[id.0]).collect();
            if let Op::Norm(norm) = &layer.op {
                let alone = self.only_reader(layer.inputs[0]).is_some();
                if let (true, Op::Conv(conv)) = (alone, &mut folded.layers[inputs[0].0].op) {
                    fold(conv, norm);
                    moved.push(inputs[0]);
                    continue;
                }
            }
            moved.push(ValueId(folded.layers.len()));
            folded.layers.push(super::Layer { inputs, ..layer.clone() });
        }
        folded
    }
}

fn fold(conv: &mut Conv, norm: &Norm) {
    let filter = conv.weight.len() / conv.c_out;
    let mut bias = conv.bias.take().unwrap_or_else(|| vec![0.0; conv.c_out]);
    for (channel, (weights, bias)) in conv.weight.chunks_exact_mut(filter).zip(&mut bias).enumerate() {
        let scale = f64::from(norm.weight[channel]) / (f64::from(norm.var[channel]) + norm.eps).sqrt();
        for weight in weights {
            *weight = (f64::from(*weight) * scale) as f32;
        }
        let centred = f64::from(*bias) - f64::from(norm.mean[channel]);
        *bias = (centred * scale + f64::from(norm.bias[channel])) as f32;
    }
    conv.bias = Some(bias);
}
