//! Mean and variance of every channel in one pass over the data.
//!
//! Every column of a piece of work is summed relative to its own first value `s`: with `d = x - s`, the mean is
//! `s + sum(d) / n` and the squared deviations are `sum(d^2) - sum(d)^2 / n`. As `s` is one of the `n` values,
//! it deviates from their mean by at most `sqrt(n)` standard deviations: the subtraction can't cancel more
//! than a factor of `n <= 256`, wherever the mean lies. Pieces are merged in `f64`, in order (Chan, Golub and
//! LeVeque, "Algorithms for computing the sample variance", 1983).

use super::super::channels::{self, Periods};
use super::super::parallel::for_each_piece;
use super::super::simd::{Isa, Vectorised, dispatch};

/// Mean and biased variance (divided by the number of values) of every channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// `[c]`
    pub mean: Vec<f64>,
    /// `[c]`
    pub variance: Vec<f64>,
}

/// Sums of one column of a piece, relative to its first value.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    count: f64,
    mean: f64,
    /// Sum of the squared deviations from the mean.
    squares: f64,
}

/// Statistics of the channels of `x: [m, c]`.
///
/// # Panics
/// When `x` is empty or not a whole number of rows.
#[must_use]
pub fn statistics(x: &[f32], channels: usize) -> Statistics {
    assert!(channels > 0 && !x.is_empty() && x.len().is_multiple_of(channels), "rows of channels");
    let period = channels::period(channels);
    let piece = channels::piece(period);
    let mut columns = vec![Moments::default(); x.len().div_ceil(piece) * period];
    for_each_piece(&mut columns, period, |i, columns| {
        let rows = &x[i * piece..];
        dispatch(PieceMoments { rows: &rows[..piece.min(rows.len())], columns });
    });
    merge(&columns, channels, x.len() / channels)
}

fn merge(columns: &[Moments], channels: usize, rows: usize) -> Statistics {
    let rows = rows as f64;
    let mut mean = vec![0.0; channels];
    for columns in columns.chunks_exact(channels) {
        for (mean, column) in mean.iter_mut().zip(columns) {
            *mean += column.count * column.mean / rows;
        }
    }
    let mut variance = vec![0.0; channels];
    for columns in columns.chunks_exact(channels) {
        for ((variance, mean), column) in variance.iter_mut().zip(&mean).zip(columns) {
            let shift = column.mean - mean;
            *variance += (column.squares + column.count * shift * shift) / rows;
        }
    }
    Statistics { mean, variance }
}

/// Sums that a part of a batch gathered per channel, relative to a shift of its own.
pub(crate) struct PartMoments<'a> {
    /// Rows of the part.
    pub(crate) rows: usize,
    /// `[c]`
    pub(crate) shift: &'a [f32],
    /// `sum(x - shift)`, `[c]`.
    pub(crate) sums: &'a [f32],
    /// `sum((x - shift)^2)`, `[c]`.
    pub(crate) squares: &'a [f32],
}

impl Statistics {
    /// The statistics of a batch in parts, none of them empty.
    pub(crate) fn merge<'a>(
        parts: impl Iterator<Item = PartMoments<'a>>,
        rows: usize,
        channels: usize,
    ) -> Self {
        let mut columns = Vec::new();
        for part in parts {
            let count = part.rows as f64;
            columns.extend(part.shift.iter().zip(part.sums).zip(part.squares).map(
                |((&shift, &sum), &square)| {
                    let (sum, square) = (f64::from(sum), f64::from(square));
                    let squares = (square - sum * sum / count).max(0.0);
                    Moments { count, mean: f64::from(shift) + sum / count, squares }
                },
            ));
        }
        merge(&columns, channels, rows)
    }
}

/// The moments of one piece; `columns` is one period long.
struct PieceMoments<'a> {
    rows: &'a [f32],
    columns: &'a mut [Moments],
}

impl Vectorised for PieceMoments<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let period = self.columns.len();
        let first = &self.rows[..period.min(self.rows.len())];
        let mut sums = vec![0.0; first.len()];
        let mut squares = vec![0.0; first.len()];
        let mut periods = Periods::new(self.rows, period);
        while let Some(rows) = periods.next_four() {
            add::<I, 4>(rows, first, &mut sums, &mut squares);
        }
        while let Some(rows) = periods.next_one() {
            add::<I, 1>(rows, first, &mut sums, &mut squares);
        }
        for (j, column) in self.columns.iter_mut().enumerate().take(first.len()) {
            let count = (self.rows.len() - j).div_ceil(period) as f64;
            let (sum, square) = (f64::from(sums[j]), f64::from(squares[j]));
            *column = Moments {
                count,
                mean: f64::from(first[j]) + sum / count,
                squares: (square - sum * sum / count).max(0.0),
            };
        }
    }
}

#[inline(always)]
fn add<I: Isa, const R: usize>(rows: [&[f32]; R], first: &[f32], sums: &mut [f32], squares: &mut [f32]) {
    let width = rows[0].len();
    let rows: [&[f32]; R] = std::array::from_fn(|r| &rows[r][..width]);
    let (first, sums, squares) = (&first[..width], &mut sums[..width], &mut squares[..width]);
    for j in 0..width {
        let (mut sum, mut square) = (0.0, 0.0);
        for row in rows {
            let shifted = row[j] - first[j];
            sum += shifted;
            square = I::mul_add(shifted, shifted, square);
        }
        sums[j] += sum;
        squares[j] += square;
    }
}
