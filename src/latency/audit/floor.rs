//! Rows that share the smallest latency of a table: a limit that something set, or the resolution of a clock.

use super::content::{Content, Measured};
use super::{Finding, FindingKind, Severity};

/// Rows with one latency that are no coincidence.
const ENOUGH: usize = 3;

/// The smallest latency, if several rows have exactly it.
pub(super) fn floor_ms(content: &Content) -> Option<f64> {
    let smallest = content.units.iter().map(|measured| measured.row.latency_ms).min_by(f64::total_cmp)?;
    (rows_at(content, smallest).count() >= ENOUGH).then_some(smallest)
}

pub(super) fn findings(content: &Content) -> Vec<Finding> {
    let Some(floor) = floor_ms(content) else { return Vec::new() };
    let lines: Vec<usize> = rows_at(content, floor).map(|measured| measured.line).collect();
    let message = format!(
        "{} rows take exactly the smallest latency of the table, {floor} ms: a limit or the resolution of a clock, not a measurement",
        lines.len()
    );
    vec![
        Finding::new(
            FindingKind::Outlier,
            Severity::Warning,
            lines[0],
            message,
            "measure them with a finer clock or over more runs; a search will find and use such rows",
        )
        .with_related(lines[1..].iter().copied()),
    ]
}

fn rows_at(content: &Content, latency_ms: f64) -> impl Iterator<Item = &Measured> {
    content.units.iter().filter(move |measured| measured.row.latency_ms == latency_ms)
}
