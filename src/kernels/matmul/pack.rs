//! The right factor of a product, copied into panels.

use super::super::aligned::Aligned;
use super::super::simd::{Isa, Vectorised, dispatch};
use super::panel_widths;

/// A few neighbouring columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panel {
    /// First column.
    pub(super) first: usize,
    /// Columns, without the zeros that fill the last vector.
    pub(super) columns: usize,
    /// Vectors per row.
    pub(super) vectors: usize,
    /// Position of the panel's values.
    pub(super) at: usize,
}

/// A matrix of `depth` rows in panels, each `[depth, vectors, lanes]` and padded with zeros to whole vectors.
#[derive(Clone, Default)]
pub(crate) struct Packed {
    pub(super) depth: usize,
    pub(super) columns: usize,
    pub(super) panels: Vec<Panel>,
    pub(super) values: Aligned,
}

impl Packed {
    /// Packs the row-major `matrix: [depth, columns]`.
    pub(crate) fn rows(&mut self, matrix: &[f32], depth: usize, columns: usize) {
        assert_eq!(matrix.len(), depth * columns, "matrix");
        dispatch(Fill { packed: self, matrix, depth, columns, transposed: false });
    }

    /// Packs the transpose of the row-major `matrix: [columns, depth]`.
    pub(crate) fn transposed(&mut self, matrix: &[f32], depth: usize, columns: usize) {
        assert_eq!(matrix.len(), depth * columns, "matrix");
        dispatch(Fill { packed: self, matrix, depth, columns, transposed: true });
    }

    fn lay_out<I: Isa>(&mut self, depth: usize, columns: usize) {
        self.panels.clear();
        let (mut first, mut at) = (0, 0);
        for vectors in panel_widths(columns.div_ceil(I::LANES)) {
            let width = vectors * I::LANES;
            self.panels.push(Panel { first, columns: width.min(columns - first), vectors, at });
            first += width;
            at += width * depth;
        }
        (self.depth, self.columns) = (depth, columns);
        self.values.resize(at);
    }
}

struct Fill<'a> {
    packed: &'a mut Packed,
    matrix: &'a [f32],
    depth: usize,
    columns: usize,
    transposed: bool,
}

impl Vectorised for Fill<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let Self { packed, matrix, depth, columns, transposed } = self;
        packed.lay_out::<I>(depth, columns);
        for panel in &packed.panels {
            let width = panel.vectors * I::LANES;
            let to = &mut packed.values[panel.at..][..width * depth];
            if transposed {
                fill_transposed(&matrix[panel.first * depth..][..panel.columns * depth], depth, width, to);
            } else {
                for (to, row) in to.chunks_exact_mut(width).zip(matrix.chunks_exact(columns)) {
                    let (values, padding) = to.split_at_mut(panel.columns);
                    values.copy_from_slice(&row[panel.first..][..panel.columns]);
                    padding.fill(0.0);
                }
            }
        }
    }
}

/// Rows of the panel that are filled before the next ones: what is read of every column stays in the first cache.
const STRETCH: usize = 32;

#[inline(always)]
fn fill_transposed(columns: &[f32], depth: usize, width: usize, to: &mut [f32]) {
    let filled = columns.len().checked_div(depth).unwrap_or(0);
    for start in (0..depth).step_by(STRETCH) {
        let end = (start + STRETCH).min(depth);
        for i in start..end {
            for (to, column) in to[i * width..][..filled].iter_mut().zip(columns.chunks_exact(depth)) {
                *to = column[i];
            }
        }
    }
    if filled < width {
        for row in to.chunks_exact_mut(width) {
            row[filled..].fill(0.0);
        }
    }
}
