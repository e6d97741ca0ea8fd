//! Hides a fifth of the rows of the Pixel 1 table and predicts them from the rest.

use mbn::graph::LatencyUnit;
use mbn::latency::{self, LatencyTable, Row};
use mbn::seed;
use rand::seq::SliceRandom;

/// Relative errors of the hidden rows, sorted; a row that cannot be predicted
/// counts as infinitely wrong.
fn held_out_errors(seed: u64) -> Vec<f64> {
    let table = latency::load("pixel-latency.csv").expect("shipped");
    let mut rows = table.sorted_rows();
    rows.shuffle(&mut seed::rng(seed, "held-out rows", 0));
    let hidden = rows.split_off(rows.len() * 4 / 5);
    let rest = LatencyTable::new("rest", table.header.clone(), table.base, rows);
    let mut errors: Vec<f64> = hidden.iter().map(|row| relative_error(&rest, row)).collect();
    errors.sort_by(f64::total_cmp);
    errors
}

fn relative_error(rest: &LatencyTable, (unit, row): &(LatencyUnit, Row)) -> f64 {
    let predicted = rest.look_up(*unit).map_or(f64::INFINITY, |found| found.latency_ms);
    (predicted - row.latency_ms).abs() / row.latency_ms
}

#[test]
fn hidden_rows_are_predicted_within_three_percent_in_the_median_and_ten_at_the_95th_percentile() {
    for seed in 0..5 {
        let errors = held_out_errors(seed);
        let quantile = |q: f64| errors[((errors.len() - 1) as f64 * q).round() as usize];
        println!(
            "seed {seed}: {} rows hidden, median error {:.2} %, 95th percentile {:.2} %",
            errors.len(),
            100.0 * quantile(0.5),
            100.0 * quantile(0.95)
        );
        assert!(quantile(0.5) <= 0.03, "median {}", quantile(0.5));
        assert!(quantile(0.95) <= 0.10, "95th percentile {}", quantile(0.95));
    }
}
