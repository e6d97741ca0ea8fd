//! The 1x1 expansion in front of a depthwise convolution, computed row by row where it is read and never stored.
//!
//! Its output is the largest tensor of an inverted residual. What batch norm needs of it follows from its narrow
//! input: see [`super::gram`].

use std::ops::Range;

use super::feature::Pass;
use crate::kernels::matmul::{Packed, Product};
use crate::kernels::rows;
use crate::kernels::simd::dispatch;

/// `z = W * x` of `hidden` channels.
pub(super) struct Expansion {
    input: usize,
    /// The feature that is never stored: its batch norm and activation.
    pub(super) feature: usize,
    pub(super) narrow: usize,
    pub(super) hidden: usize,
    pub(super) weight: usize,
    packed: Packed,
}

impl Expansion {
    pub(super) fn new(input: usize, feature: usize, narrow: usize, hidden: usize, weight: usize) -> Self {
        Self { input, feature, narrow, hidden, weight, packed: Packed::default() }
    }

    pub(super) fn pack(&mut self, parameters: &[&[f32]]) {
        self.packed.transposed(parameters[self.weight], self.narrow, self.hidden);
    }

    /// The bare output in some rows, and its activations.
    pub(super) fn rows(
        &self,
        pass: Pass<'_>,
        rows: Range<usize>,
        x: &mut [f32],
        z: &mut [f32],
        a: &mut [f32],
    ) {
        let left = pass.view(self.input).rows(rows, x);
        dispatch(Product { left, right: &self.packed, product: &mut *z, accumulate: false, moments: None });
        let view = pass.view(self.feature);
        match view.affine {
            Some(affine) => rows::normalise(z, affine, view.activation, None, a),
            None => a.copy_from_slice(z),
        }
    }

    /// The input in some rows.
    pub(super) fn input_rows<'s>(&self, pass: Pass<'s>, rows: Range<usize>, x: &'s mut [f32]) -> &'s [f32] {
        pass.view(self.input).rows(rows, x)
    }

    /// `scale * W`, packed for the way back through batch norm's scale and the weights at once.
    pub(super) fn scaled(&self, pass: Pass<'_>) -> Packed {
        let weights = pass.parameters[self.weight];
        let scale = pass.view(self.feature).affine.map(|affine| affine.scale);
        let row = |(index, row): (usize, &[f32])| {
            let factor = scale.map_or(1.0, |scale| scale[index]);
            row.iter().map(move |weight| weight * factor).collect::<Vec<_>>()
        };
        let scaled: Vec<f32> = weights.chunks_exact(self.narrow).enumerate().flat_map(row).collect();
        let mut packed = Packed::default();
        packed.rows(&scaled, self.hidden, self.narrow);
        packed
    }
}
