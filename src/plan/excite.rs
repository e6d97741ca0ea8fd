//! Squeeze-excite (arXiv:1709.01507) in front of a 1x1 convolution.
//!
//! `gate = h_sigmoid(W2 * relu(W1 * mean(a) + b1) + b2)` per image. The gates are applied by the readers of the
//! feature; the way back runs within the convolution's, image by image: once the gradient of the gated activation is
//! known, `dgate = sum(dy * a)`, and what flows back through the mean joins the gradient of the activation.

use std::ops::Range;

use super::arena::Slot;
use super::feature::{Edge, Pass};
use super::layer::Gradients;
use super::parts;
use crate::kernels::Activation;
use crate::kernels::matmul::{Packed, Product, TransposedProduct};
use crate::kernels::rows::{self, Incoming};
use crate::kernels::simd::dispatch;

/// Tensors of a squeeze-excite, as indices into the plan's parameters.
#[derive(Clone, Copy, Debug)]
pub(super) struct ExciteTensors {
    pub(super) reduce_weight: usize,
    pub(super) reduce_bias: usize,
    pub(super) expand_weight: usize,
    pub(super) expand_bias: usize,
}

/// What is stored for the way back, per image.
#[derive(Clone, Copy, Debug)]
pub(super) struct ExciteSlots {
    /// Means, `[c]`.
    pub(super) pooled: Slot,
    /// Behind the first layer's rectifier, `[s]`.
    pub(super) squeezed: Slot,
    /// Before the gate's h-sigmoid, `[c]`; its gradient on the way back.
    pub(super) logits: Slot,
    /// `[c]`; the sums of `dy * gate * a` on the way back.
    pub(super) gates: Slot,
    /// Gradient of `squeezed` before its rectifier, `[s]`.
    pub(super) squeezed_gradient: Slot,
    /// Sums for the gates' gradient, then that of `pooled`, `[c]`.
    pub(super) sums: Slot,
}

/// A squeeze-excite of `channels` through `squeeze` channels.
pub(super) struct Excite {
    pub(super) feature: usize,
    pub(super) channels: usize,
    pub(super) squeeze: usize,
    pub(super) tensors: ExciteTensors,
    pub(super) slots: ExciteSlots,
    reduce: Packed,
    expand: Packed,
    reduce_back: Packed,
    expand_back: Packed,
}

impl Excite {
    pub(super) fn new(
        feature: usize,
        channels: usize,
        squeeze: usize,
        tensors: ExciteTensors,
        slots: ExciteSlots,
    ) -> Self {
        let packed = Packed::default;
        let (reduce, expand, reduce_back, expand_back) = (packed(), packed(), packed(), packed());
        Self { feature, channels, squeeze, tensors, slots, reduce, expand, reduce_back, expand_back }
    }

    pub(super) fn pack(&mut self, parameters: &[&[f32]], training: bool) {
        let (c, s) = (self.channels, self.squeeze);
        let (reduce, expand) =
            (parameters[self.tensors.reduce_weight], parameters[self.tensors.expand_weight]);
        self.reduce.transposed(reduce, c, s);
        self.expand.transposed(expand, s, c);
        if training {
            self.reduce_back.rows(reduce, s, c);
            self.expand_back.rows(expand, c, s);
        }
    }

    pub(super) fn forward(&self, pass: Pass<'_>) {
        let (c, s, slots) = (self.channels, self.squeeze, self.slots);
        let view = pass.view(self.feature);
        let parts = parts::count(pass.images, view.pixels * c);
        parts::for_each(parts, |part| {
            let images = parts::range(pass.images, part, parts);
            // SAFETY: every part has images of its own.
            let [pooled, squeezed, logits, gates] = unsafe {
                [(slots.pooled, c), (slots.squeezed, s), (slots.logits, c), (slots.gates, c)]
                    .map(|(slot, size)| pass.arena.write(slot).part(images.start * size..images.end * size))
            };
            let z = &view.z[images.start * view.pixels * c..images.end * view.pixels * c];
            for (z, pooled) in z.chunks_exact(view.pixels * c).zip(pooled.chunks_exact_mut(c)) {
                rows::mean(z, view.affine, view.activation, pooled);
            }
            multiply(pooled, &self.reduce, squeezed);
            add_bias(squeezed, pass.parameters[self.tensors.reduce_bias]);
            squeezed.iter_mut().for_each(|v| *v = Activation::Relu.value(*v));
            multiply(squeezed, &self.expand, logits);
            add_bias(logits, pass.parameters[self.tensors.expand_bias]);
            for (gate, &logit) in gates.iter_mut().zip(&*logits) {
                *gate = Activation::HardSigmoid.value(logit);
            }
        });
    }

    /// Zeroed sums `[images, c]` for the images of `rows`: they shall gain `sum(dy * gate * a)`.
    pub(super) fn gate_gradients<'a>(&self, pass: Pass<'a>, rows: &Range<usize>) -> &'a mut [f32] {
        let images = self.images(pass, rows);
        // SAFETY: every part has images of its own.
        let sums = unsafe {
            pass.arena.write(self.slots.sums).part(images.start * self.channels..images.end * self.channels)
        };
        sums.fill(0.0);
        sums
    }

    fn images(&self, pass: Pass<'_>, rows: &Range<usize>) -> Range<usize> {
        let pixels = pass.features[self.feature].pixels();
        rows.start / pixels..rows.end / pixels
    }

    /// Takes the gradient of the gated activation in `rows`, whole images, to that of the batch norm's argument.
    pub(super) fn backward(&self, pass: Pass<'_>, edge: Edge, range: Range<usize>, norm_sums: &mut [f32]) {
        let (c, s, slots) = (self.channels, self.squeeze, self.slots);
        let images = self.images(pass, &range);
        let gates = &pass.arena.read(slots.gates)[images.start * c..images.end * c];
        let squeezed = &pass.arena.read(slots.squeezed)[images.start * s..images.end * s];
        // SAFETY: every part has images of its own.
        let [logits, dsqueezed, sums] = unsafe {
            [(slots.logits, c), (slots.squeezed_gradient, s), (slots.sums, c)]
                .map(|(slot, size)| pass.arena.write(slot).part(images.start * size..images.end * size))
        };
        for ((logit, &gate), &sum) in logits.iter_mut().zip(gates).zip(&*sums) {
            // The sum holds the gate once too often. Where the gate is zero, its slope is zero, too.
            let dgate = if gate > 0.0 { sum / gate } else { 0.0 };
            *logit = Activation::HardSigmoid.derivative(*logit) * dgate;
        }
        multiply(logits, &self.expand_back, dsqueezed);
        for (d, &value) in dsqueezed.iter_mut().zip(squeezed) {
            *d *= Activation::Relu.derivative(value);
        }
        multiply(dsqueezed, &self.reduce_back, sums);
        let pixels = pass.features[self.feature].pixels();
        let share = 1.0 / pixels as f32;
        sums.iter_mut().for_each(|sum| *sum *= share);
        let (dx, finishing) = (pass.gradient_out(edge.feature), pass.finishing(edge));
        for (index, image) in images.enumerate() {
            let rows = image * pixels..(image + 1) * pixels;
            // SAFETY: every part has images of its own.
            let dx = unsafe { dx.part(rows.start * c..rows.end * c) };
            let incoming = Incoming::Gated { gate: &gates[index * c..][..c], extra: &sums[index * c..][..c] };
            finishing.rows(rows, dx, incoming, norm_sums);
        }
    }

    /// The gradients of both layers, once all images went back.
    pub(super) fn weight_gradients(&self, pass: Pass<'_>, gradients: &mut Gradients) {
        let (c, s, slots, tensors) = (self.channels, self.squeeze, self.slots, self.tensors);
        let read = |slot: Slot, size: usize| &pass.arena.read(slot)[..pass.images * size];
        let (dlogits, dsqueezed) = (read(slots.logits, c), read(slots.squeezed_gradient, s));
        transposed(dlogits, c, read(slots.squeezed, s), s, gradients.of(tensors.expand_weight));
        transposed(dsqueezed, s, read(slots.pooled, c), c, gradients.of(tensors.reduce_weight));
        sum_rows(dlogits, gradients.of(tensors.expand_bias));
        sum_rows(dsqueezed, gradients.of(tensors.reduce_bias));
    }
}

fn multiply(left: &[f32], right: &Packed, product: &mut [f32]) {
    dispatch(Product { left, right, product, accumulate: false, moments: None });
}

/// `product: [p, q] = left^T * right`, in parts of `p`.
pub(super) fn transposed(left: &[f32], p: usize, right: &[f32], q: usize, product: &mut [f32]) {
    let rows = right.len() / q.max(1);
    let parts = parts::count(p, q * rows);
    let product = parts::Disjoint::new(product);
    parts::for_each(parts, |part| {
        let range = parts::range(p, part, parts);
        // SAFETY: every part has rows of its own.
        let product = unsafe { product.part(range.start * q..range.end * q) };
        product.fill(0.0);
        if rows > 0 && !range.is_empty() {
            let left = &left[range.start..];
            dispatch(TransposedProduct { left, right, p: range.len(), q, stride: p, product });
        }
    });
}

/// Adds `bias: [c]` to every row.
pub(super) fn add_bias(rows: &mut [f32], bias: &[f32]) {
    for row in rows.chunks_exact_mut(bias.len()) {
        for (value, bias) in row.iter_mut().zip(bias) {
            *value += bias;
        }
    }
}

/// `sums: [c]` of the rows.
pub(super) fn sum_rows(rows: &[f32], sums: &mut [f32]) {
    sums.fill(0.0);
    for row in rows.chunks_exact(sums.len().max(1)) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
}
