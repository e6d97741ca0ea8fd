//! Matrix products over packed panels: what 1x1 convolutions and linear layers run on.
//!
//! The right-hand matrix is copied once into panels of a few vectors' width, padded with zeros to whole
//! vectors, so that the inner loop reads it aligned and in order. A tile of up to 8 rows by one panel then
//! accumulates in registers over the whole depth. Every element of a product is one chain of fused
//! multiply-adds in the order of the depth, however the rows are cut into pieces.

use super::parallel::for_each_piece;
use super::simd::{self, Isa, Vectorised};

/// Columns of one packed vector.
const LANES: usize = 16;

/// Sixteen neighbouring columns of one row, on a cache line of their own.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Vector([f32; LANES]);

/// A few neighbouring columns of a packed matrix.
struct Panel {
    first: usize,
    width: usize,
    /// Vectors per row, one to three.
    per_row: usize,
    vectors: Vec<Vector>,
}

/// A matrix of `depth` rows, packed into panels of columns.
pub(crate) struct Packed {
    depth: usize,
    panels: Vec<Panel>,
}

impl Packed {
    /// A zero matrix of `depth` rows.
    fn zeros(depth: usize, columns: usize) -> Self {
        // Few registers hold few sums: there a panel is one vector wide.
        let most = if simd::is_wide() { 3 } else { 1 };
        let mut panels = Vec::new();
        let mut first = 0;
        while first < columns {
            // Four vectors make two even panels rather than a full one and a thin one.
            let per_row = match (columns - first).div_ceil(LANES) {
                4 => most.min(2),
                left => most.min(left),
            };
            let width = (per_row * LANES).min(columns - first);
            let vectors = vec![Vector([0.0; LANES]); per_row * depth];
            panels.push(Panel { first, width, per_row, vectors });
            first += width;
        }
        Self { depth, panels }
    }

    /// Packs the row-major `matrix: [depth, columns]`.
    pub(crate) fn from_rows(matrix: &[f32], depth: usize, columns: usize) -> Self {
        let mut packed = Self::zeros(depth, columns);
        packed.fill(matrix, columns);
        packed
    }

    /// Packs the first rows, reading the row-major `matrix` in order.
    fn fill(&mut self, matrix: &[f32], columns: usize) {
        for (i, row) in matrix.chunks_exact(columns.max(1)).enumerate() {
            for panel in &mut self.panels {
                let vectors = &mut panel.vectors[i * panel.per_row..][..panel.per_row];
                let row = &row[panel.first..][..panel.width];
                for (vector, values) in vectors.iter_mut().zip(row.chunks(LANES)) {
                    match values.first_chunk() {
                        Some(values) => vector.0 = *values,
                        None => vector.0[..values.len()].copy_from_slice(values),
                    }
                }
            }
        }
    }

    /// Packs the transpose of the row-major `matrix: [columns, depth]`.
    pub(crate) fn from_columns(matrix: &[f32], depth: usize, columns: usize) -> Self {
        let mut packed = Self::zeros(depth, columns);
        for_each_piece(&mut packed.panels, 1, |_, panels| {
            panels.iter_mut().for_each(|panel| panel.fill_transposed(matrix, depth));
        });
        packed
    }
}

impl Panel {
    fn fill_transposed(&mut self, matrix: &[f32], depth: usize) {
        let columns = &matrix[self.first * depth..][..self.width * depth];
        for (i, column) in columns.chunks_exact(depth.max(1)).enumerate() {
            let (vector, lane) = (i / LANES, i % LANES);
            let rows = self.vectors.chunks_exact_mut(self.per_row);
            for (vectors, &value) in rows.zip(column) {
                vectors[vector].0[lane] = value;
            }
        }
    }
}

/// A tile of `R` rows by `V` vectors: sums of `left(i)[r] * panel[i][column]` over the depth `i`.
#[inline(always)]
fn tile<I: Isa, const R: usize, const V: usize>(
    left: impl Fn(usize) -> [f32; R],
    panel: &[Vector],
    tile: &mut [[[f32; LANES]; V]; R],
) {
    let mut sums = [[I::sixteen(&[0.0; LANES]); V]; R];
    for (i, vectors) in panel.chunks_exact(V).enumerate() {
        let left = left(i);
        let right: [I::Sixteen; V] = std::array::from_fn(|v| I::sixteen(&vectors[v].0));
        for r in 0..R {
            for v in 0..V {
                sums[r][v] = I::add_scaled(left[r], right[v], sums[r][v]);
            }
        }
    }
    // A plain copy, so that the sums above are never addressed and stay in registers.
    for r in 0..R {
        for v in 0..V {
            tile[r][v] = I::lanes(sums[r][v]);
        }
    }
}

/// Tiles as many rows as fit at a time: calls `$tile::<R>(first_row)` until `$rows` are done.
macro_rules! tile_rows {
    ($isa:ident, $rows:expr, $self:ident . $tile:ident :: <$vectors:ident> ($panel:expr)) => {{
        let (rows, mut row) = ($rows, 0);
        while $isa::WIDE && row + 8 <= rows {
            $self.$tile::<$isa, 8, $vectors>($panel, row);
            row += 8;
        }
        while row + 4 <= rows {
            $self.$tile::<$isa, 4, $vectors>($panel, row);
            row += 4;
        }
        while row + 2 <= rows {
            $self.$tile::<$isa, 2, $vectors>($panel, row);
            row += 2;
        }
        while row < rows {
            $self.$tile::<$isa, 1, $vectors>($panel, row);
            row += 1;
        }
    }};
}

/// `product: [rows, columns] = left: [rows, depth] * right`.
pub(crate) struct Product<'a> {
    pub(crate) left: &'a [f32],
    pub(crate) right: &'a Packed,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) product: &'a mut [f32],
}

impl Vectorised for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self) {
        for panel in &self.right.panels {
            match panel.per_row {
                1 => self.panel::<I, 1>(panel),
                2 => self.panel::<I, 2>(panel),
                _ => self.panel::<I, 3>(panel),
            }
        }
    }
}

impl Product<'_> {
    #[inline(always)]
    fn panel<I: Isa, const V: usize>(&mut self, panel: &Panel) {
        tile_rows!(I, self.rows, self.tile::<V>(panel));
    }

    #[inline(always)]
    fn tile<I: Isa, const R: usize, const V: usize>(&mut self, panel: &Panel, row: usize) {
        let depth = self.right.depth;
        let left: [&[f32]; R] = std::array::from_fn(|r| &self.left[(row + r) * depth..][..depth]);
        let vectors = &panel.vectors[..depth * V];
        let mut sums = [[[0.0; LANES]; V]; R];
        tile::<I, R, V>(|i| std::array::from_fn(|r| left[r][i]), vectors, &mut sums);
        for (r, sums) in sums.iter().enumerate() {
            let to = &mut self.product[(row + r) * self.columns + panel.first..][..panel.width];
            to.copy_from_slice(&sums.as_flattened()[..to.len()]);
        }
    }
}

/// Rows of the two factors that one step of [`TransposedProduct`] packs and multiplies.
const DEPTH: usize = 128;

/// `product: [rows, columns] += left^T * right` for `left: [depth, stride]`, of which `rows` columns from
/// `first` on take part, and `right: [depth, columns]`.
pub(crate) struct TransposedProduct<'a> {
    pub(crate) left: &'a [f32],
    pub(crate) stride: usize,
    pub(crate) first: usize,
    pub(crate) right: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) product: &'a mut [f32],
}

impl Vectorised for TransposedProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self) {
        let depth = self.right.len() / self.columns;
        let mut packed = Packed::zeros(DEPTH.min(depth), self.columns);
        let left = self.left.chunks(DEPTH * self.stride);
        for (left, right) in left.zip(self.right.chunks(DEPTH * self.columns)) {
            packed.fill(right, self.columns);
            for panel in &packed.panels {
                match panel.per_row {
                    1 => self.panel::<I, 1>(panel, left),
                    2 => self.panel::<I, 2>(panel, left),
                    _ => self.panel::<I, 3>(panel, left),
                }
            }
        }
    }
}

impl TransposedProduct<'_> {
    #[inline(always)]
    fn panel<I: Isa, const V: usize>(&mut self, panel: &Panel, left: &[f32]) {
        tile_rows!(I, self.rows, self.tile::<V>((panel, left)));
    }

    #[inline(always)]
    fn tile<I: Isa, const R: usize, const V: usize>(&mut self, (panel, left): (&Panel, &[f32]), row: usize) {
        let depth = left.len() / self.stride;
        let left = &left[self.first + row..];
        let vectors = &panel.vectors[..depth * V];
        let mut sums = [[[0.0; LANES]; V]; R];
        tile::<I, R, V>(|i| simd::load::<R>(left, i * self.stride), vectors, &mut sums);
        for (r, sums) in sums.iter().enumerate() {
            let to = &mut self.product[(row + r) * self.columns + panel.first..][..panel.width];
            for (to, sum) in to.iter_mut().zip(sums.as_flattened()) {
                *to += sum;
            }
        }
    }
}
