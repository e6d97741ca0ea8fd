//! Least squares with non-negative coefficients, for a handful of columns.
//!
//! The optimum is an ordinary least-squares solution on the columns that it uses; with at most six columns all
//! subsets are tried, which is exact, deterministic and indifferent to columns that are proportional to each other
//! (a singular subset is skipped: a smaller one spans the same space).

/// Minimises `Σ (rowsᵢ · c - targetsᵢ)²` over `c >= 0`; a column of zeros gets the coefficient 0.
pub(super) fn least_squares<const P: usize>(rows: &[[f64; P]], targets: &[f64]) -> [f64; P] {
    let scale = column_scales(rows);
    let (gram, moment) = normal_equations(rows, targets, &scale);
    let mut best = [0.0; P];
    let mut best_gain = 0.0;
    for subset in 1_u32..1 << P {
        let Some(solution) = solve_subset(&gram, &moment, subset) else {
            continue;
        };
        let gain: f64 = solution.iter().zip(&moment).map(|(c, m)| c * m).sum();
        if gain > best_gain * (1.0 + 1e-12) {
            best_gain = gain;
            best = solution;
        }
    }
    std::array::from_fn(|column| best[column] * scale[column])
}

/// One over the length of each column, 0 for a column of zeros.
fn column_scales<const P: usize>(rows: &[[f64; P]]) -> [f64; P] {
    std::array::from_fn(|column| {
        let square: f64 = rows.iter().map(|row| row[column] * row[column]).sum();
        if square > 0.0 { square.sqrt().recip() } else { 0.0 }
    })
}

/// `AᵀA` and `Aᵀb` of the scaled columns.
fn normal_equations<const P: usize>(
    rows: &[[f64; P]],
    targets: &[f64],
    scale: &[f64; P],
) -> ([[f64; P]; P], [f64; P]) {
    let mut gram = [[0.0; P]; P];
    let mut moment = [0.0; P];
    for (row, target) in rows.iter().zip(targets) {
        let scaled: [f64; P] = std::array::from_fn(|column| row[column] * scale[column]);
        for i in 0..P {
            moment[i] += scaled[i] * target;
            for j in 0..P {
                gram[i][j] += scaled[i] * scaled[j];
            }
        }
    }
    (gram, moment)
}

/// The least-squares solution that uses exactly the columns of `subset`; `None` where it is singular or not positive.
fn solve_subset<const P: usize>(gram: &[[f64; P]; P], moment: &[f64; P], subset: u32) -> Option<[f64; P]> {
    const SINGULAR: f64 = 1e-9;
    let used = |column: usize| subset >> column & 1 == 1;
    let mut matrix = *gram;
    let mut solution = *moment;
    for pivot in (0..P).filter(|&column| used(column)) {
        if matrix[pivot][pivot] < SINGULAR {
            return None;
        }
        let pivot_row = matrix[pivot];
        for row in (0..P).filter(|&row| used(row) && row != pivot) {
            let factor = matrix[row][pivot] / pivot_row[pivot];
            for (entry, above) in matrix[row].iter_mut().zip(&pivot_row) {
                *entry -= factor * above;
            }
            solution[row] -= factor * solution[pivot];
        }
    }
    for column in 0..P {
        solution[column] = if used(column) { solution[column] / matrix[column][column] } else { 0.0 };
        if solution[column] < 0.0 {
            return None;
        }
    }
    Some(solution)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn loss<const P: usize>(rows: &[[f64; P]], targets: &[f64], c: &[f64; P]) -> f64 {
        rows.iter()
            .zip(targets)
            .map(|(row, t)| (row.iter().zip(c).map(|(a, b)| a * b).sum::<f64>() - t).powi(2))
            .sum()
    }

    #[test]
    fn a_column_that_would_be_negative_is_left_out() {
        let rows = [[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]];
        let found = least_squares(&rows, &[3.0, 2.0, 1.0]);
        assert!((found[0] - 2.0).abs() < 1e-12 && found[1] == 0.0, "{found:?}");
    }

    #[test]
    fn proportional_and_empty_columns_are_harmless() {
        let rows = [[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [3.0, 6.0, 0.0]];
        let found = least_squares(&rows, &[2.0, 4.0, 6.0]);
        assert!((found[0] + 2.0 * found[1] - 2.0).abs() < 1e-9, "{found:?}");
        assert_eq!(found[2], 0.0);
    }

    proptest! {
        /// The Karush-Kuhn-Tucker conditions: no small feasible move lowers the loss.
        #[test]
        fn no_feasible_move_is_better(
            rows in prop::collection::vec(prop::array::uniform4(0.1_f64..3.0), 6..20),
            targets in prop::collection::vec(0.1_f64..3.0, 20),
        ) {
            let targets = &targets[..rows.len()];
            let found = least_squares(&rows, targets);
            let reached = loss(&rows, targets, &found);
            for column in 0..4 {
                for step in [1e-4, -1e-4] {
                    let mut moved = found;
                    moved[column] = (moved[column] + step).max(0.0);
                    prop_assert!(loss(&rows, targets, &moved) >= reached - 1e-9);
                }
            }
        }
    }
}
