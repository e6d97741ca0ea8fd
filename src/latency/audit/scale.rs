//! Latencies in another unit than milliseconds: microseconds or seconds make a device a thousand times too slow or too
//! fast, and multiply-adds tell.

use std::collections::BTreeMap;

use super::content::{Content, Measured};
use super::{Finding, FindingKind, Severity};
use crate::graph::UnitKind;
use crate::robust::median;

/// Multiply-adds per millisecond that devices reach with one image: from a microcontroller's 10 million in a second to
/// a server accelerator's 10^12.
const PLAUSIBLE: std::ops::RangeInclusive<f64> = 1e4..=1e9;

/// Multiply-adds from which a unit's time is mostly arithmetic; below, starting an operator may take longest.
const LARGE: u64 = 1_000_000;

/// How far from the rate of its kind a row may be. Rows of one kind lie within a factor of 12 of their median in the
/// shipped tables.
const FACTOR: f64 = 100.0;

/// Rows of a kind that make a rate of its own; with fewer, all rows together do.
const ENOUGH: usize = 5;

const REMEDY: &str = "`latency_ms` is in milliseconds for one image: multiply or divide by 1000";

/// Multiply-adds per millisecond.
fn rate(measured: &Measured) -> f64 {
    measured.unit.madds() as f64 / measured.row.latency_ms
}

pub(super) fn findings(content: &Content) -> Vec<Finding> {
    let large = || content.units.iter().filter(|measured| measured.unit.madds() >= LARGE);
    let mut by_kind: BTreeMap<UnitKind, Vec<f64>> = BTreeMap::new();
    for measured in large() {
        by_kind.entry(measured.unit.family.kind).or_default().push(rate(measured));
    }
    let all: Vec<f64> = large().map(rate).collect();
    let Some(of_all) = median(&all) else { return Vec::new() };
    if !PLAUSIBLE.contains(&of_all) {
        return vec![whole_table(content, of_all)];
    }
    let typical = |kind| match by_kind.get(&kind) {
        Some(rates) if rates.len() >= ENOUGH => median(rates).unwrap_or(of_all),
        _ => of_all,
    };
    content.units.iter().filter_map(|measured| row(measured, typical(measured.unit.family.kind))).collect()
}

fn whole_table(content: &Content, rate: f64) -> Finding {
    let unit = if rate < *PLAUSIBLE.start() { "microseconds" } else { "seconds" };
    let message = format!(
        "half of the rows do fewer and half more than {rate:.3e} multiply-adds per ms, which no device does: the latencies look like {unit}"
    );
    let line = content.units.first().map_or(1, |measured| measured.line);
    Finding::new(FindingKind::Unit, Severity::Error, line, message, REMEDY)
}

fn row(measured: &Measured, typical: f64) -> Option<Finding> {
    let madds = measured.unit.madds();
    let faster = rate(measured) / typical;
    let is_slow = madds >= LARGE && (faster < 1.0 / FACTOR || rate(measured) < *PLAUSIBLE.start());
    let is_fast = madds > 0 && (faster > FACTOR || rate(measured) > *PLAUSIBLE.end());
    if !is_slow && !is_fast {
        return None;
    }
    let (times, word, unit) =
        if is_slow { (1.0 / faster, "slower", "microseconds") } else { (faster, "faster", "seconds") };
    let message = format!(
        "{}: {} ms for {:.2} M multiply-adds is {times:.0} times {word} than such rows are: is it in {unit}?",
        measured.unit,
        measured.row.latency_ms,
        madds as f64 / 1e6,
    );
    Some(Finding::new(FindingKind::Unit, Severity::Error, measured.line, message, REMEDY))
}
