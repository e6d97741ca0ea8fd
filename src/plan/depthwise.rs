//! Depthwise convolution: image by image through small padded buffers that stay in the cache.
//!
//! Forward, a ring of as many padded input rows as the kernel is high slides down the image; the batch norm and
//! activation in front are applied as rows enter it. Backward, one image's output gradient is padded as a whole, both
//! the weights' and the input's gradient are taken from it, and every finished row of the input gradient passes
//! through the slope of the activation in front at once.

use super::feature::{Edge, NormSums, Pass, View};
use super::geometry::{Axis, Class};
use super::layer::{Gradients, Layer, Workspace, merge_moments, part_moments};
use super::parts::{self, Disjoint};
use super::{scratch, weights};
use crate::kernels::Window;
use crate::kernels::aligned::Aligned;
use crate::kernels::batch_norm::Statistics;
use crate::kernels::depthwise::{Correlate, Line, LineGradients};
use crate::kernels::matmul::Moments;
use crate::kernels::rows::{self, Incoming};
use crate::kernels::simd::dispatch;

/// A `k x k` filter for each channel.
pub(super) struct Depthwise {
    input: usize,
    output: usize,
    channels: usize,
    kernel: usize,
    weight: usize,
    edge: Option<Edge>,
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
    ) -> Self {
        let vertical = Axis::new(window.rows(height));
        let horizontal = Axis::new(window.columns(width));
        let backward = horizontal.classes.iter().map(|_| Aligned::default()).collect();
        let kernel = window.kernel;
        let forward = Aligned::default();
        let measured = false;
        Self { input, output, channels, kernel, weight, edge, measured, vertical, horizontal, forward, backward }
    }

    /// Values of a padded input row.
    fn padded_row(&self) -> usize {
        self.horizontal.padded * self.channels
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
        let (view, z, row) = (pass.view(self.input), pass.output(self.output), self.output_row());
        let total = pass.images * self.vertical.output;
        let parts = parts::count(total, row * self.kernel);
        let all_moments = Disjoint::new(part_moments(&mut work.sums, parts, self.channels));
        parts::for_each(parts, |part| {
            let range = parts::range(total, part, parts);
            // SAFETY: every part has rows and moments of its own.
            let (z, moments) = unsafe {
                (z.part(range.start * row..range.end * row), all_moments.piece(part, 3 * self.channels))
            };
            self.forward_part(view, range.start, z, moments);
        });
        self.measured.then(|| {
            let pixels = self.horizontal.output;
            let rows = |part| parts::range(total, part, parts).len() * pixels;
            merge_moments(&work.sums, self.channels, total * pixels, rows)
        })
    }

    fn backward(&self, pass: Pass<'_>, work: &mut Workspace, gradients: &mut Gradients) -> Vec<NormSums> {
        let parts = parts::MOST.min(pass.images);
        let finishing = self.edge.map(|edge| pass.finishing(edge));
        let sums = finishing.map_or(0, |finishing| finishing.sums());
        let taps = self.kernel * self.kernel;
        work.sums.resize(parts * sums);
        work.weights.resize(parts * taps * self.channels);
        let (all_sums, all_weights) = (Disjoint::new(&mut work.sums), Disjoint::new(&mut work.weights));
        parts::for_each(parts, |part| {
            // SAFETY: every part has sums and weight gradients of its own.
            let (sums, dw) =
                unsafe { (all_sums.piece(part, sums), all_weights.piece(part, taps * self.channels)) };
            sums.fill(0.0);
            dw.fill(0.0);
            let mut ring = Ring::new(self);
            for image in parts::range(pass.images, part, parts) {
                self.backward_image(pass, image, &mut ring, dw, sums);
            }
        });
        weights::add_up(&work.weights, taps, self.channels, false, gradients.of(self.weight));
        finishing.map_or_else(Vec::new, |finishing| finishing.merge(&work.sums))
    }
}

impl Depthwise {
    /// Output rows from row `first` of the batch on.
    fn forward_part(&self, view: View<'_>, first: usize, z: &mut [f32], moments: &mut [f32]) {
        let (shift, moments) = moments.split_at_mut(self.channels);
        let (sums, squares) = moments.split_at_mut(self.channels);
        let mut ring = Ring::new(self);
        scratch::with([self.kernel * self.padded_row()], |[buffer]| {
            ring.pad(buffer);
            for (index, z) in z.chunks_exact_mut(self.output_row()).enumerate() {
                let (image, row) =
                    ((first + index) / self.vertical.output, (first + index) % self.vertical.output);
                if index == 0 || row == 0 {
                    ring.start(row);
                }
                ring.advance(view, image, row, buffer);
                if self.measured && index == 0 {
                    self.correlate(buffer, ring.lines(), 1, &mut shift[..], None);
                }
                let moments =
                    self.measured.then(|| Moments { shift, sums: &mut *sums, squares: &mut *squares });
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

    fn backward_image(&self, pass: Pass<'_>, image: usize, ring: &mut Ring<'_>, dw: &mut [f32], sums: &mut [f32]) {
        let sizes = [
            self.kernel * self.padded_row(),
            self.vertical.output * self.gradient_row(),
            self.horizontal.input * self.channels,
        ];
        scratch::with(sizes, |[buffer, dz, row]| {
            self.pad_gradient(pass, image, dz);
            ring.pad(buffer);
            ring.start(0);
            let view = pass.view(self.input);
            let lead = self.horizontal.adjoint_lead * self.channels;
            for output in 0..self.vertical.output {
                ring.advance(view, image, output, buffer);
                dispatch(LineGradients {
                    source: buffer,
                    lines: ring.lines(),
                    taps: self.kernel,
                    step: self.horizontal.stride,
                    channels: self.channels,
                    dz: &dz[output * self.gradient_row() + lead..][..self.output_row()],
                    dw: &mut *dw,
                });
            }
            if let Some(edge) = self.edge {
                self.input_gradient(pass, edge, image, dz, row, sums);
            }
        });
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

/// The padded input rows under the kernel.
struct Ring<'a> {
    layer: &'a Depthwise,
    /// The next input row to enter.
    next: usize,
    lines: Vec<Line>,
}

impl<'a> Ring<'a> {
    fn new(layer: &'a Depthwise) -> Self {
        Self { layer, next: 0, lines: Vec::with_capacity(layer.kernel) }
    }

    /// Zeroes the padding on both sides, which rows that enter leave alone.
    fn pad(&self, buffer: &mut [f32]) {
        let (axis, c) = (&self.layer.horizontal, self.layer.channels);
        for row in buffer.chunks_exact_mut(self.layer.padded_row()) {
            row[..axis.pad * c].fill(0.0);
            row[(axis.pad + axis.input) * c..].fill(0.0);
        }
    }

    /// Begins at an output row.
    fn start(&mut self, output: usize) {
        let axis = &self.layer.vertical;
        self.next = (output * axis.stride).saturating_sub(axis.pad);
    }

    /// Lets the rows under the kernel at an output row enter.
    fn advance(&mut self, view: View<'_>, image: usize, output: usize, buffer: &mut [f32]) {
        let (layer, c) = (self.layer, self.layer.channels);
        let (kernel, row, width) = (layer.kernel, layer.padded_row(), layer.horizontal.input);
        let (rows, taps) = layer.vertical.window(output);
        self.next = self.next.max(rows.start);
        while self.next < rows.end {
            let first = (image * layer.vertical.input + self.next) * width;
            let to = &mut buffer[(self.next % kernel) * row + layer.horizontal.pad * c..][..width * c];
            view.copy_rows(first..first + width, to);
            self.next += 1;
        }
        self.lines.clear();
        self.lines.extend(rows.zip(taps).map(|(source, tap)| Line {
            source: (source % kernel) * row,
            weights: tap * kernel * c,
        }));
    }

    fn lines(&self) -> &[Line] {
        &self.lines
    }
}
