//! Adding up the weight gradients of parts.

use super::parts::{self, Disjoint};

/// Rows of the result that one part of the work adds up.
const ROWS: usize = 16;

/// `sum: [rows, columns]` of the partial gradients, each `[rows, columns]`, or `[columns, rows]` if `transposed`.
pub(super) fn add_up(partials: &[f32], rows: usize, columns: usize, transposed: bool, sum: &mut [f32]) {
    let (count, sum) = (rows * columns, Disjoint::new(sum));
    parts::for_each(rows.div_ceil(ROWS), |part| {
        let first = part * ROWS;
        let here = ROWS.min(rows - first);
        // SAFETY: every part has rows of its own.
        let sum = unsafe { sum.part(first * columns..(first + here) * columns) };
        if transposed {
            for column in 0..columns {
                // A few neighbours at a time stay in registers until all parts are added up.
                let mut total = [0.0; ROWS];
                for partial in partials.chunks_exact(count.max(1)) {
                    let values = &partial[column * rows + first..][..here];
                    for (total, value) in total.iter_mut().zip(values) {
                        *total += value;
                    }
                }
                for (row, total) in total[..here].iter().enumerate() {
                    sum[row * columns + column] = *total;
                }
            }
        } else {
            sum.fill(0.0);
            for partial in partials.chunks_exact(count.max(1)) {
                for (sum, value) in sum.iter_mut().zip(&partial[first * columns..]) {
                    *sum += value;
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orders_add_up_to_the_same() {
        let (rows, columns) = (37, 5);
        let partials: Vec<f32> = (0..3 * rows * columns).map(|i| (i % 101) as f32).collect();
        let mut expected = vec![0.0; rows * columns];
        for partial in partials.chunks(rows * columns) {
            for (sum, value) in expected.iter_mut().zip(partial) {
                *sum += value;
            }
        }
        let mut sum = vec![f32::NAN; rows * columns];
        add_up(&partials, rows, columns, false, &mut sum);
        assert_eq!(sum, expected);
        let turned: Vec<f32> = partials
            .chunks(rows * columns)
            .flat_map(|p| (0..rows * columns).map(|i| p[i % rows * columns + i / rows]))
            .collect();
        sum.fill(f32::NAN);
        add_up(&turned, rows, columns, true, &mut sum);
        assert_eq!(sum, expected);
    }
}
