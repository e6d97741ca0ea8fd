//! The Pixel 1 table as if it had been validated on whole networks.

use mbn::latency::{LATENCY_TABLES, held_out_text, with_entries};

/// Upper bounds over predictions that [`validated`] gives with 60 networks.
pub const UPPER_95: f64 = 1.116;
pub const UPPER_90: f64 = 1.11;

/// The text of a table with held-out ratios of 1.002, 1.004 and so on: of 60, the 55th and the 58th are the bounds
/// with confidences of 0.9 and 0.95.
pub fn validated(networks: u32) -> String {
    let (_, text) = LATENCY_TABLES[0];
    let ratios: Vec<f64> = (1..=networks).map(|i| 1.0 + f64::from(i) / 500.0).collect();
    let entries = [("held_out", Some(held_out_text(&ratios))), ("space", Some("v3_like".to_owned()))];
    with_entries(text, &entries)
}
