//! Full convolution: matrix products over the patches of one output row at a time.

use super::feature::{Edge, NormSums, Pass, View};
use super::geometry::Axis;
use super::layer::{Gradients, Layer, Workspace, merge_moments, part_moments};
use super::parts::{self, Disjoint};
use super::{scratch, weights};
use crate::kernels::Window;
use crate::kernels::batch_norm::Statistics;
use crate::kernels::matmul::{Moments, Packed, Product, TransposedProduct};
use crate::kernels::rows::{self, Incoming};
use crate::kernels::simd::dispatch;

/// `k x k` filters over all input channels: the stem, above all.
pub(super) struct FullConv {
    input: usize,
    output: usize,
    c_in: usize,
    c_out: usize,
    kernel: usize,
    weight: usize,
    edge: Option<Edge>,
    measured: bool,
    vertical: Axis,
    horizontal: Axis,
    forward: Packed,
    backward: Packed,
}

impl FullConv {
    pub(super) fn new(
        (input, output): (usize, usize),
        [height, width, c_in]: [usize; 3],
        c_out: usize,
        window: Window,
        weight: usize,
        edge: Option<Edge>,
    ) -> Self {
        let (vertical, horizontal) = (Axis::new(window.rows(height)), Axis::new(window.columns(width)));
        let (kernel, forward, backward) = (window.kernel, Packed::default(), Packed::default());
        let measured = false;
        Self {
            input,
            output,
            c_in,
            c_out,
            kernel,
            weight,
            edge,
            measured,
            vertical,
            horizontal,
            forward,
            backward,
        }
    }

    /// Values of a patch.
    fn patch(&self) -> usize {
        self.kernel * self.kernel * self.c_in
    }

    /// Values of the patches of an output row.
    fn patch_row(&self) -> usize {
        self.horizontal.output * self.patch()
    }

    /// Values of an input row.
    fn input_row(&self) -> usize {
        self.horizontal.input * self.c_in
    }
}

impl Layer for FullConv {
    fn pack(&mut self, parameters: &[&[f32]], training: bool) {
        self.forward.transposed(parameters[self.weight], self.patch(), self.c_out);
        if training && self.edge.is_some() {
            self.backward.rows(parameters[self.weight], self.c_out, self.patch());
        }
    }

    fn measure(&mut self, batch_statistics: bool) {
        self.measured = batch_statistics;
    }

    fn forward(&self, pass: Pass<'_>, work: &mut Workspace) -> Option<Statistics> {
        let (view, z) = (pass.view(self.input), pass.output(self.output));
        let (total, row) = (pass.images * self.vertical.output, self.horizontal.output * self.c_out);
        let parts = parts::count(total, row.max(self.patch_row()));
        let all_moments = Disjoint::new(part_moments(&mut work.sums, parts, self.c_out));
        parts::for_each(parts, |part| {
            let range = parts::range(total, part, parts);
            // SAFETY: every part has rows and moments of its own.
            let (z, moments) = unsafe {
                (z.part(range.start * row..range.end * row), all_moments.piece(part, 3 * self.c_out))
            };
            self.forward_part(view, range.start, z, moments);
        });
        self.measured.then(|| {
            let pixels = self.horizontal.output;
            let rows = |part| parts::range(total, part, parts).len() * pixels;
            merge_moments(&work.sums, self.c_out, total * pixels, rows)
        })
    }

    fn backward(&self, pass: Pass<'_>, work: &mut Workspace, gradients: &mut Gradients) -> Vec<NormSums> {
        let parts = parts::MOST.min(pass.images);
        let finishing = self.edge.map(|edge| pass.finishing(edge));
        let sums = finishing.map_or(0, |finishing| finishing.sums());
        let size = self.patch() * self.c_out;
        work.sums.resize(parts * sums);
        work.weights.resize(parts * size);
        let (all_sums, all_weights) = (Disjoint::new(&mut work.sums), Disjoint::new(&mut work.weights));
        parts::for_each(parts, |part| {
            // SAFETY: every part has sums and weight gradients of its own.
            let (sums, dw) = unsafe { (all_sums.piece(part, sums), all_weights.piece(part, size)) };
            sums.fill(0.0);
            dw.fill(0.0);
            for image in parts::range(pass.images, part, parts) {
                self.backward_image(pass, image, dw, sums);
            }
        });
        weights::add_up(&work.weights, self.c_out, self.patch(), false, gradients.of(self.weight));
        finishing.map_or_else(Vec::new, |finishing| finishing.merge(&work.sums))
    }
}

impl FullConv {
    fn forward_part(&self, view: View<'_>, first: usize, z: &mut [f32], moments: &mut [f32]) {
        let (shift, moments) = moments.split_at_mut(self.c_out);
        let (sums, squares) = moments.split_at_mut(self.c_out);
        scratch::with([self.patch_row(), self.kernel * self.input_row()], |[patches, source]| {
            for (index, z) in z.chunks_exact_mut(self.horizontal.output * self.c_out).enumerate() {
                let row = first + index;
                self.fill_patches(
                    view,
                    row / self.vertical.output,
                    row % self.vertical.output,
                    source,
                    patches,
                );
                if self.measured && index == 0 {
                    self.multiply(&patches[..self.patch()], shift, None);
                }
                let moments =
                    self.measured.then_some(Moments { shift, sums: &mut *sums, squares: &mut *squares });
                self.multiply(patches, z, moments);
            }
        });
    }

    fn multiply(&self, left: &[f32], product: &mut [f32], moments: Option<Moments<'_>>) {
        dispatch(Product { left, right: &self.forward, product, accumulate: false, moments });
    }

    /// The patches of one output row, zero in the padding.
    fn fill_patches(
        &self,
        view: View<'_>,
        image: usize,
        output: usize,
        source: &mut [f32],
        patches: &mut [f32],
    ) {
        let (inputs, taps) = self.vertical.window(output);
        let (width, k) = (self.horizontal.input, self.kernel);
        patches.fill(0.0);
        if inputs.is_empty() {
            return;
        }
        let first = image * self.vertical.input;
        let rows = view.rows((first + inputs.start) * width..(first + inputs.end) * width, source);
        for (row, tap) in rows.chunks_exact(self.input_row()).zip(taps) {
            for (ox, patch) in patches.chunks_exact_mut(self.patch()).enumerate() {
                let (columns, across) = self.horizontal.window(ox);
                let from = &row[columns.start * self.c_in..columns.end * self.c_in];
                patch[(tap * k + across.start) * self.c_in..][..from.len()].copy_from_slice(from);
            }
        }
    }

    fn backward_image(&self, pass: Pass<'_>, image: usize, dw: &mut [f32], sums: &mut [f32]) {
        let (view, pixels) = (pass.view(self.input), self.horizontal.output);
        let sizes = [self.patch_row(), self.kernel * self.input_row(), pixels * self.c_out];
        let mut gradient = self.edge.map(|edge| self.open_gradient(pass, edge, image));
        scratch::with(sizes, |[patches, source, dz]| {
            for output in 0..self.vertical.output {
                self.fill_patches(view, image, output, source, patches);
                let first = (image * self.vertical.output + output) * pixels;
                let dz = pass.output_gradient(self.output, first..first + pixels, dz);
                let (p, q) = (self.c_out, self.patch());
                dispatch(TransposedProduct { left: dz, right: patches, p, q, stride: p, product: &mut *dw });
                if let Some(dx) = &mut gradient {
                    let right = &self.backward;
                    dispatch(Product { left: dz, right, product: patches, accumulate: false, moments: None });
                    self.scatter(output, patches, dx);
                }
            }
        });
        if let (Some(edge), Some(dx)) = (self.edge, gradient) {
            let rows = self.vertical.input * self.horizontal.input;
            pass.finishing(edge).rows(image * rows..(image + 1) * rows, dx, Incoming::Plain, sums);
        }
    }

    /// The image's input gradient, ready to gain.
    fn open_gradient<'a>(&self, pass: Pass<'a>, edge: Edge, image: usize) -> &'a mut [f32] {
        let size = self.vertical.input * self.input_row();
        // SAFETY: every part has images of its own.
        let dx = unsafe { pass.gradient_out(edge.feature).piece(image, size) };
        if !edge.accumulate {
            dx.fill(0.0);
        }
        dx
    }

    /// Adds the gradients of an output row's patches to the pixels they came from.
    fn scatter(&self, output: usize, patches: &[f32], dx: &mut [f32]) {
        let (inputs, taps) = self.vertical.window(output);
        for (row, tap) in inputs.zip(taps) {
            for (ox, patch) in patches.chunks_exact(self.patch()).enumerate() {
                let (columns, across) = self.horizontal.window(ox);
                let from =
                    &patch[(tap * self.kernel + across.start) * self.c_in..][..columns.len() * self.c_in];
                rows::add(from, &mut dx[row * self.input_row() + columns.start * self.c_in..][..from.len()]);
            }
        }
    }
}
