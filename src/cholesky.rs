//! Inverse Cholesky factor of a symmetric positive definite matrix: the only linear algebra that kriging needs.
//!
//! `K = L Lᵀ`; what is kept is `L⁻¹`, because `L⁻¹ v` is a row of independent dot products per answer,
//! and `K⁻¹ v`, `vᵀ K⁻¹ v` and the diagonal of `K⁻¹` (closed-form leave-one-out) all come from it.

/// `L⁻¹`, lower triangular, rows packed one after another (row `i` has `i + 1` entries).
#[derive(Debug, Clone)]
pub struct InverseCholesky {
    rows: Vec<f64>,
    size: usize,
}

impl InverseCholesky {
    /// Factors the matrix whose lower triangle is `entry(row, column)` and whose eigenvalues are at least `floor`
    /// (the variance of the noise); a pivot that rounding brought below `floor` is put back on it.
    pub fn of(size: usize, floor: f64, entry: impl Fn(usize, usize) -> f64) -> Self {
        let mut rows = Vec::with_capacity(start(size));
        for row in 0..size {
            rows.extend((0..=row).map(|column| entry(row, column)));
        }
        factor(&mut rows, size, floor);
        Self { rows: invert(&rows, size), size }
    }

    /// `L⁻¹ v`; its squared length is `vᵀ K⁻¹ v`.
    pub fn whiten(&self, vector: &[f64]) -> Vec<f64> {
        (0..self.size)
            .map(|row| {
                let entries = self.row(row);
                dot(entries, &vector[..entries.len()])
            })
            .collect()
    }

    /// `K⁻¹ v`.
    pub fn solve(&self, vector: &[f64]) -> Vec<f64> {
        let mut solution = vec![0.0; self.size];
        for (row, white) in self.whiten(vector).into_iter().enumerate() {
            add_scaled(&mut solution[..=row], white, self.row(row));
        }
        solution
    }

    /// The diagonal of `K⁻¹`.
    pub fn inverse_diagonal(&self) -> Vec<f64> {
        let mut diagonal = vec![0.0; self.size];
        for row in 0..self.size {
            for (sum, entry) in diagonal.iter_mut().zip(self.row(row)) {
                *sum += entry * entry;
            }
        }
        diagonal
    }

    /// Logarithm of the determinant of `K`.
    pub fn log_determinant(&self) -> f64 {
        -2.0 * (0..self.size).map(|row| self.rows[start(row + 1) - 1].ln()).sum::<f64>()
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.rows[start(row)..start(row + 1)]
    }
}

/// Index of the first entry of a packed row.
fn start(row: usize) -> usize {
    row * (row + 1) / 2
}

/// Turns a packed lower triangle into its Cholesky factor, in place.
fn factor(rows: &mut [f64], size: usize, floor: f64) {
    for row in 0..size {
        let (above, rest) = rows.split_at_mut(start(row));
        let current = &mut rest[..=row];
        for column in 0..row {
            let pivot_row = &above[start(column)..start(column + 1)];
            let sum = dot(&current[..column], &pivot_row[..column]);
            current[column] = (current[column] - sum) / pivot_row[column];
        }
        let square = current[row] - dot(&current[..row], &current[..row]);
        current[row] = square.max(floor).sqrt();
    }
}

/// The inverse of a packed lower triangular matrix, row by row: `L⁻¹[i] = (eᵢ - Σ L[i][k] L⁻¹[k]) / L[i][i]`.
fn invert(rows: &[f64], size: usize) -> Vec<f64> {
    let mut inverse = vec![0.0; rows.len()];
    for row in 0..size {
        let source = &rows[start(row)..start(row + 1)];
        let (done, rest) = inverse.split_at_mut(start(row));
        let current = &mut rest[..=row];
        current[row] = 1.0;
        for column in 0..row {
            let finished = &done[start(column)..start(column + 1)];
            add_scaled(&mut current[..=column], -source[column], finished);
        }
        let scale = source[row].recip();
        current.iter_mut().for_each(|entry| *entry *= scale);
    }
    inverse
}

/// Dot product in eight running sums, which lets the compiler vectorise it without changing the result from run to run.
pub fn dot(left: &[f64], right: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    let (left_lanes, left_rest) = left.as_chunks::<LANES>();
    let (right_lanes, right_rest) = right.as_chunks::<LANES>();
    for (a, b) in left_lanes.iter().zip(right_lanes) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = left_rest.iter().zip(right_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

fn add_scaled(target: &mut [f64], scale: f64, source: &[f64]) {
    for (entry, value) in target.iter_mut().zip(source) {
        *entry += scale * value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Exponential covariance on a line plus noise: positive definite, dense.
    fn covariance(row: usize, column: usize) -> f64 {
        let noise = if row == column { 0.01 } else { 0.0 };
        (-(row.abs_diff(column) as f64) / 7.0).exp() + noise
    }

    #[test]
    fn solving_undoes_multiplying() {
        let size = 37;
        let expected: Vec<f64> = (0..size).map(|i| (i as f64 * 0.7).sin() + 0.2).collect();
        let product: Vec<f64> =
            (0..size).map(|i| (0..size).map(|j| covariance(i, j) * expected[j]).sum()).collect();
        let inverse = InverseCholesky::of(size, 0.01, covariance);
        for (found, wanted) in inverse.solve(&product).iter().zip(&expected) {
            assert!((found - wanted).abs() < 1e-9, "{found} {wanted}");
        }
    }

    #[test]
    fn the_diagonal_of_the_inverse_agrees_with_solving_for_unit_vectors() {
        let size = 21;
        let inverse = InverseCholesky::of(size, 0.01, covariance);
        for (row, found) in inverse.inverse_diagonal().into_iter().enumerate() {
            let mut unit = vec![0.0; size];
            unit[row] = 1.0;
            assert!((found - inverse.solve(&unit)[row]).abs() < 1e-9);
            let white = inverse.whiten(&unit);
            assert!((found - dot(&white, &white)).abs() < 1e-9);
        }
    }

    #[test]
    fn a_singular_matrix_stays_finite() {
        let inverse = InverseCholesky::of(12, 1e-3, |_, _| 1.0);
        assert!(inverse.solve(&[1.0; 12]).iter().all(|x| x.is_finite()));
    }
}
