//! Rows far from what the other rows of their family predict.
//!
//! Each row is predicted from all others of its family (leave-one-out kriging in closed form, Dubrule 1983), corrected
//! by the mean surprise of the families that differ in kernel size or squeeze-excite only: what they share is the
//! device's doing, not a mistake in one row. The logarithm of measured over predicted is judged by its modified z-score
//! within the family (Iglewicz and Hoaglin 1993).

use super::content::{Content, Measured};
use super::robust::Robust;
use super::{Finding, FindingKind, Severity};
use crate::latency::table;

/// The limit of Iglewicz and Hoaglin.
const OUTLYING: f64 = 3.5;

/// Deviations below this factor are not told, however regular the others are.
const NOTICEABLE: f64 = 1.3;

/// Rows that a family needs for its errors to have a scale.
const ENOUGH: usize = 8;

/// A row with what the others predict for it.
struct Judged<'a> {
    measured: &'a Measured,
    predicted_ms: f64,
    log_ratio: f64,
}

pub(super) fn findings(content: &Content) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (_, rows) in content.families() {
        let judged: Vec<Judged> = rows.iter().filter_map(|measured| judge(content, measured)).collect();
        let ratios: Vec<f64> = judged.iter().map(|row| row.log_ratio).collect();
        let Some(scale) = Robust::of(&ratios).filter(|_| ratios.len() >= ENOUGH) else { continue };
        let is_outlying = |row: &&Judged| {
            scale.z_score(row.log_ratio).abs() > OUTLYING && row.log_ratio.abs() > NOTICEABLE.ln()
        };
        findings.extend(judged.iter().filter(is_outlying).map(|row| finding(row, &scale)));
    }
    findings
}

fn judge<'a>(content: &Content, measured: &'a Measured) -> Option<Judged<'a>> {
    let model = content.table.families.get(&measured.unit.family)?.model().ok()?;
    let left_out = model.left_out(table::channels(&measured.unit))?;
    let estimate = left_out.informed_by(&content.table.sibling_surprises(&measured.unit));
    let predicted_ms = estimate.latency_ms;
    let log_ratio = (measured.row.latency_ms / predicted_ms).ln();
    Some(Judged { measured, predicted_ms, log_ratio })
}

fn finding(row: &Judged, scale: &Robust) -> Finding {
    let Judged { measured, predicted_ms, log_ratio } = row;
    let message = format!(
        "{}: {} ms, where its neighbours predict {predicted_ms:.4} ms (z {:.1})",
        measured.unit,
        measured.row.latency_ms,
        scale.z_score(*log_ratio).clamp(-999.0, 999.0),
    );
    Finding::new(
        FindingKind::Outlier,
        Severity::Warning,
        measured.line,
        message,
        "measure the row again; a search will find and use a row that is too fast",
    )
}
