//! Depthwise convolution: image by image through small padded buffers that stay in the cache.
//!
//! Forward, a ring of as many padded input rows as the kernel is high slides down the image; the batch norm and
//! activation in front are applied as rows enter it. Backward, one image's output gradient is padded as a whole, both
//! the weights' and the input's gradient are taken from it, and every finished row of the input gradient passes
//! through the slope of the activation in front at once.
//!
//! Where an expansion in front is not stored, its rows are computed as they enter the ring, on both ways; on the way
//! back the finished rows go on through its weights at once.

use super::expansion::Expansion;
use super::feature::{Edge, Finishing, NormSums, Pass};
use super::geometry::{Axis, Class};
use super::layer::{Gradients, Layer, Workspace, merge_moments, part_moments};
use super::parts::{self, Disjoint};
use super::ring::Ring;
use super::{scratch, weights};
use crate::kernels::Window;
use crate::kernels::aligned::Aligned;
use crate::kernels::batch_norm::Statistics;
use crate::kernels::depthwise::{Correlate, Line, LineGradients};
use crate::kernels::matmul::{Moments, Packed, Product, TransposedProduct};
use crate::kernels::rows::{self, Incoming, Sums};
use crate::kernels::simd::dispatch;

/// Fewest rows (pixels) of the matrix products of an expansion.
const ROWS: usize = 48;

/// A `k x k` filter for each channel.
pub(super) struct Depthwise {
    input: usize,
    output: usize,
    channels: usize,
    kernel: usize,
    weight: usize,
    edge: Option<Edge>,
    /// Computes the input where it is not stored; the edge is then that of the expansion's input.
    expansion: Option<Expansion>,
    measured: bool,
    vertical: Axis,
    horizontal: Axis,
    /// `[k, k, c]`
    forward: Aligned,
    /// For every residue class of the columns, the taps that reach it, mirrored: `[k, taps, c]`.
    backward: Vec<Aligned>,
}

impl Depthwise {
    pub(super) fn new(
        (input, output): (usize, usize),
        [height, width, channels]: [usize; 3],
        window: Window,
        weight: usize,
        edge: Option<Edge>,
        expansion: Option<Expansion>,
    ) -> Self {
        let vertical = Axis::new(window.rows(height));
        let horizontal = Axis::new(window.columns(width));
        let backward = horizontal.classes.iter().map(|_| Aligned::default()).collect();
        Self {
            input,
            output,
            channels,
            kernel: window.kernel,
            weight,
            edge,
            expansion,
            measured: false,
            vertical,
            horizontal,
            forward: Aligned::default(),
            backward,
        }
    }

    fn ring(&self) -> Ring<'_> {
        Ring::new(&self.vertical, &self.horizontal, self.channels)
    }

    /// Values of an input row, and of one of the expansion's input.
    fn input_row(&self) -> [usize; 2] {
        let narrow = self.expansion.as_ref().map_or(0, |expansion| expansion.narrow);
        [self.channels, narrow].map(|channels| self.horizontal.input * channels)
    }

    /// Values of a padded row of the output gradient.
    fn gradient_row(&self) -> usize {
        self.horizontal.adjoint_padded * self.channels
    }

    /// Values of an output row.
    fn output_row(&self) -> usize {
        self.horizontal.output * self.channels
    }
}

impl Layer for Depthwise {
    fn pack(&mut self, parameters: &[&[f32]], training: bool) {
        let (c, k, weights) = (self.channels, self.kernel, parameters[self.weight]);
        self.forward.resize(weights.len());
        self.forward.copy_from_slice(weights);
        if let Some(expansion) = &mut self.expansion {
            expansion.pack(parameters);
        }
        if !training || self.edge.is_none() {
            return;
        }
        for (class, mirrored) in self.horizontal.classes.iter().zip(&mut self.backward) {
            mirrored.resize(k * class.taps * c);
            for row in 0..k {
                for tap in 0..class.taps {
                    let from = row * k + class.tap(tap, self.horizontal.stride);
                    let to = row * class.taps + tap;
                    mirrored[to * c..(to + 1) * c].copy_from_slice(&weights[from * c..(from + 1) * c]);
                }
            }
        }
    }

    fn measure(&mut self, batch_statistics: bool) {
        self.measured = batch_statistics;
    }

    fn forward(&self, pass: Pass<'_>, work: &mut Workspace) -> Option<Statistics> {
        let (z, row) = (pass.output(self.output), self.output_row());
        let total = pass.images * self.vertical.output;
        let parts = parts::count(total, row * self.kernel);
        let all_moments = Disjoint::new(part_moments(&mut work.sums, parts, self.channels));
        parts::for_each(parts, |part| {
            let range = parts::range(total, part, parts);
            // SAFETY: every part has rows and moments of its own.
            let (z, moments) = unsafe {
                (z.part(range.start * row..range.end * row), all_moments.piece(part, 3 * self.channels))
            };
            self.forward_part(pass, range.start, z, moments);
        });
        self.measured.then(|| {
            let pixels = self.horizontal.output;
            let rows = |part| parts::range(total, part, parts).len() * pixels;
            merge_moments(&work.sums, self.channels, total * pixels, rows)
        })
    }

    fn backward(&self, pass: Pass<'_>, work: &mut Workspace, gradients: &mut Gradients) -> Vec<NormSums> {
        let parts = parts::MOST.min(pass.images);
        let finishing = self.finishing(pass);
        let sums = finishing.map_or(0, |finishing| finishing.sums());
        let taps = self.kernel * self.kernel;
        work.sums.resize(parts * sums);
        work.weights.resize(parts * taps * self.channels);
        let scaled = self.expansion.as_ref().map(|expansion| expansion.scaled(pass));
        let expanded = self.expansion.as_ref().map_or(0, |e| e.narrow * e.hidden);
        work.expansion.resize(parts * expanded);
        let all_sums = Disjoint::new(&mut work.sums);
        let all_weights = Disjoint::new(&mut work.weights);
        let all_expansions = Disjoint::new(&mut work.expansion);
        parts::for_each(parts, |part| {
            // SAFETY: every part has sums and weight gradients of its own.
            let mut gains = unsafe {
                Gains {
                    sums: all_sums.piece(part, sums),
                    weights: all_weights.piece(part, taps * self.channels),
                    expansion: all_expansions.piece(part, expanded),
                }
            };
            gains.clear();
            let mut ring = self.ring();
            for image in parts::range(pass.images, part, parts) {
                self.backward_image(pass, image, &mut ring, scaled.as_ref(), &mut gains);
            }
        });
        weights::add_up(&work.weights, taps, self.channels, false, gradients.of(self.weight));
        if let Some(Expansion { hidden, narrow, weight, .. }) = self.expansion {
            weights::add_up(&work.expansion, hidden, narrow, true, gradients.of(weight));
        }
        finishing.map_or_else(Vec::new, |finishing| finishing.merge(&work.sums))
    }
}

/// What the images of a part add to.
struct Gains<'a> {
    sums: &'a mut [f32],
    /// `[k, k, c]`
    weights: &'a mut [f32],
    /// `[narrow, hidden]`
    expansion: &'a mut [f32],
}

impl Gains<'_> {
    fn clear(&mut self) {
        self.sums.fill(0.0);
        self.weights.fill(0.0);
        self.expansion.fill(0.0);
    }
}

impl Depthwise {
    /// What completes the gradient of the depthwise input: that of the expansion's output where there is one.
    fn finishing<'a>(&self, pass: Pass<'a>) -> Option<Finishing<'a>> {
        match &self.expansion {
            Some(expansion) => Some(pass.finishing_of(expansion.feature)),
            None => self.edge.map(|edge| pass.finishing(edge)),
        }
    }

    /// An input row, filled into `to`; `x` and `z` are the expansion's scratch.
    fn enter(&self, pass: Pass<'_>, first: usize, x: &mut [f32], z: &mut [f32], to: &mut [f32]) {
        let rows = first..first + self.horizontal.input;
        match &self.expansion {
            Some(expansion) => expansion.rows(pass, rows, x, z, to),
            None => pass.view(self.input).copy_rows(rows, to),
        }
    }

    /// Output rows from row `first` of the batch on.
    fn forward_part(&self, pass: Pass<'_>, first: usize, z: &mut [f32], moments: &mut [f32]) {
        let (shift, moments) = moments.split_at_mut(self.channels);
        let (sums, squares) = moments.split_at_mut(self.channels);
        let mut ring = self.ring();
        let [wide, narrow] = self.input_row();
        scratch::with([ring.size(), narrow, wide], |[buffer, x, expanded]| {
            ring.pad(buffer);
            for (index, z) in z.chunks_exact_mut(self.output_row()).enumerate() {
                let (image, row) =
                    ((first + index) / self.vertical.output, (first + index) % self.vertical.output);
                if index == 0 || row == 0 {
                    ring.start(row);
                }
                ring.advance(row, buffer, |row, to| {
                    let first = (image * self.vertical.input + row) * self.horizontal.input;
                    self.enter(pass, first, x, expanded, to);
                });
                if self.measured && index == 0 {
                    self.correlate(buffer, ring.lines(), 1, &mut shift[..], None);
                }
                let moments =
                    self.measured.then_some(Moments { shift, sums: &mut *sums, squares: &mut *squares });
                self.correlate(buffer, ring.lines(), self.horizontal.output, z, moments);
            }
        });
    }

    fn correlate(
        &self,
        source: &[f32],
        lines: &[Line],
        count: usize,
        target: &mut [f32],
        moments: Option<Moments<'_>>,
    ) {
        dispatch(Correlate {
            source,
            weights: &self.forward,
            lines,
            taps: self.kernel,
            step: self.horizontal.stride,
            channels: self.channels,
            target,
            target_step: 1,
            count,
            moments,
        });
    }

    fn backward_image(
        &self,
        pass: Pass<'_>,
        image: usize,
        ring: &mut Ring<'_>,
        scaled: Option<&Packed>,
        gains: &mut Gains<'_>,
    ) {
        let [wide, narrow] = self.input_row();
        let expanded = if self.expansion.is_some() { self.vertical.input * wide } else { 0 };
        let sizes = [
            ring.size(),
            self.vertical.output * self.gradient_row(),
            self.rows_at_once() * wide,
            self.rows_at_once() * narrow,
            expanded,
        ];
        scratch::with(sizes, |[buffer, dz, rows, x, expanded]| {
            self.pad_gradient(pass, image, dz);
            ring.pad(buffer);
            ring.start(0);
            let lead = self.horizontal.adjoint_lead * self.channels;
            for output in 0..self.vertical.output {
                ring.advance(output, buffer, |row, to| {
                    let first = (image * self.vertical.input + row) * self.horizontal.input;
                    let z = expanded.get_mut(row * wide..(row + 1) * wide).unwrap_or_default();
                    self.enter(pass, first, x, z, to);
                });
                dispatch(LineGradients {
                    source: buffer,
                    lines: ring.lines(),
                    taps: self.kernel,
                    step: self.horizontal.stride,
                    channels: self.channels,
                    dz: &dz[output * self.gradient_row() + lead..][..self.output_row()],
                    dw: &mut *gains.weights,
                });
            }
            match (&self.expansion, scaled) {
                (Some(expansion), Some(scaled)) => {
                    // Rows that no output sees have no gradient here.
                    expanded[ring.entered().min(self.vertical.input) * wide..].fill(0.0);
                    self.expansion_gradient(pass, expansion, scaled, image, dz, [rows, x, expanded], gains);
                }
                _ => {
                    if let Some(edge) = self.edge {
                        self.input_gradient(pass, edge, image, dz, rows, gains.sums);
                    }
                }
            }
        });
    }

    /// Input rows that go back through an expansion at once: enough for its matrix products.
    fn rows_at_once(&self) -> usize {
        match self.expansion {
            Some(_) => ROWS.div_ceil(self.horizontal.input).min(self.vertical.input),
            None => 1,
        }
    }

    /// The gradients of the expansion's weights and input, but for what its batch norm adds.
    #[expect(clippy::too_many_arguments, reason = "one step of `backward_image`")]
    fn expansion_gradient(
        &self,
        pass: Pass<'_>,
        expansion: &Expansion,
        scaled: &Packed,
        image: usize,
        dz: &[f32],
        [rows, x, expanded]: [&mut [f32]; 3],
        gains: &mut Gains<'_>,
    ) {
        let [wide, _] = self.input_row();
        let (narrow, width) = (expansion.narrow, self.horizontal.input);
        let view = pass.view(expansion.feature);
        for top in (0..self.vertical.input).step_by(self.rows_at_once()) {
            let count = self.rows_at_once().min(self.vertical.input - top);
            let du = &mut rows[..count * wide];
            for (row, du) in du.chunks_exact_mut(wide).enumerate() {
                self.input_gradient_row(top + row, dz, du);
            }
            if let Some(affine) = view.affine {
                let (sums, products) = gains.sums.split_at_mut(self.channels);
                let z = &expanded[top * wide..(top + count) * wide];
                rows::finish(du, z, affine, view.activation, Incoming::Plain, Sums { sums, products });
            }
            let first = (image * self.vertical.input + top) * width;
            let pixels = first..first + count * width;
            let x = expansion.input_rows(pass, pixels.clone(), x);
            let (p, q) = (narrow, self.channels);
            dispatch(TransposedProduct {
                left: x,
                right: du,
                p,
                q,
                stride: p,
                product: &mut *gains.expansion,
            });
            let Some(edge) = self.edge else { continue };
            let dx = pass.gradient_out(edge.feature);
            // SAFETY: every part has images of its own.
            let product = unsafe { dx.part(pixels.start * narrow..pixels.end * narrow) };
            dispatch(Product {
                left: du,
                right: scaled,
                product,
                accumulate: edge.accumulate,
                moments: None,
            });
        }
    }

    /// The gradient of the image's bare output, with zeros on both sides of every row.
    fn pad_gradient(&self, pass: Pass<'_>, image: usize, dz: &mut [f32]) {
        let (lead, row) = (self.horizontal.adjoint_lead * self.channels, self.output_row());
        let pixels = self.horizontal.output;
        for (y, padded) in dz.chunks_exact_mut(self.gradient_row()).enumerate() {
            padded[..lead].fill(0.0);
            padded[lead + row..].fill(0.0);
            let first = (image * self.vertical.output + y) * pixels;
            let to = &mut padded[lead..lead + row];
            pass.write_output_gradient(self.output, first..first + pixels, to);
        }
    }

    fn input_gradient(
        &self,
        pass: Pass<'_>,
        edge: Edge,
        image: usize,
        dz: &[f32],
        scratch: &mut [f32],
        sums: &mut [f32],
    ) {
        let (width, finishing) = (self.horizontal.input, pass.finishing(edge));
        let dx = pass.gradient_out(edge.feature);
        for y in 0..self.vertical.input {
            let first = (image * self.vertical.input + y) * width;
            // SAFETY: every part has images of its own.
            let dx = unsafe { dx.part(first * self.channels..(first + width) * self.channels) };
            if edge.accumulate {
                self.input_gradient_row(y, dz, scratch);
                rows::add(scratch, dx);
            } else {
                self.input_gradient_row(y, dz, dx);
            }
            finishing.rows(first..first + width, dx, Incoming::Plain, sums);
        }
    }

    fn input_gradient_row(&self, y: usize, dz: &[f32], dx: &mut [f32]) {
        let (c, down) = (self.channels, self.vertical.class(y));
        let mut lines = Vec::with_capacity(down.taps);
        for (class, weights) in self.horizontal.classes.iter().zip(&self.backward) {
            let Some(Class { first, taps, start, .. }) = class.present() else { continue };
            lines.clear();
            for tap in 0..down.taps {
                let Some(output) = self.vertical.source(y, tap) else { continue };
                lines.push(Line {
                    source: output * self.gradient_row() + start * c,
                    weights: down.tap(tap, self.vertical.stride) * taps * c,
                });
            }
            dispatch(Correlate {
                source: dz,
                weights,
                lines: &lines,
                taps,
                step: 1,
                channels: c,
                target: &mut dx[first * c..],
                target_step: self.horizontal.stride,
                count: (self.horizontal.input - first).div_ceil(self.horizontal.stride),
                moments: None,
            });
        }
    }
}
