//! More channels, everything else equal, and clearly less time.

use std::collections::BTreeMap;

use super::content::{Content, Measured, channels, describe, sisterhood};
use super::{Finding, FindingKind, Severity};
use crate::graph::{LatencyUnit, UnitFamily};
use crate::latency::row;
use crate::robust::Robust;

/// Standard deviations of the difference that a step must exceed.
const CLEAR: f64 = 3.0;

/// The least difference worth telling, of the slower row.
const NOTICEABLE: f64 = 0.1;

/// Leave-one-out errors that make a noise estimate.
const ENOUGH: usize = 8;

/// A row with a wider one that is clearly faster.
struct Step {
    slow: Measured,
    fast: Measured,
}

pub(super) fn findings(content: &Content) -> Vec<Finding> {
    let mut sisterhoods: BTreeMap<(UnitFamily, [u32; 3]), Vec<Step>> = BTreeMap::new();
    let mut sisters: BTreeMap<(UnitFamily, [u32; 3]), usize> = BTreeMap::new();
    for (family, rows) in content.families() {
        let key = |measured: &Measured| (sisterhood(&family), row::channels(&measured.unit));
        let noise = relative_noise(content, &rows);
        for slow in &rows {
            *sisters.entry(key(slow)).or_default() += 1;
            let faster = rows.iter().filter(|fast| is_contained(slow, fast) && is_clear(slow, fast, noise));
            if let Some(fast) = faster.min_by(|a, b| a.row.latency_ms.total_cmp(&b.row.latency_ms)) {
                sisterhoods.entry(key(slow)).or_default().push(Step { slow: *slow, fast: *fast });
            }
        }
    }
    sisterhoods.iter().flat_map(|(key, steps)| told(steps, sisters[key])).collect()
}

/// Steps at the same channels in families that differ in kernel size or squeeze-excite. Where half of the families
/// have the step, and more than one, it is the device's doing; else it is likely a mistake in a row.
fn told(steps: &[Step], sisters: usize) -> Vec<Finding> {
    if steps.len() < 2 || 2 * steps.len() < sisters {
        return steps.iter().map(warning).collect();
    }
    let message = format!(
        "{}, and so in {} of {sisters} families with other kernels or squeeze-excite",
        comparison(&steps[0]),
        steps.len()
    );
    let remedy = "the wider one is the better choice; a search finds it by itself";
    let others = steps[1..].iter().map(|step| step.slow.line);
    let related = std::iter::once(steps[0].fast.line).chain(others);
    vec![
        Finding::new(FindingKind::NonMonotone, Severity::Note, steps[0].slow.line, message, remedy)
            .with_related(related),
    ]
}

/// Whether `narrow` computes nothing that `wide` does not: at most as many channels everywhere, and no operator more.
fn is_contained(narrow: &Measured, wide: &Measured) -> bool {
    let (a, b) = (&narrow.unit, &wide.unit);
    let is_narrower =
        a.c_in <= b.c_in && a.expanded <= b.expanded && a.c_out <= b.c_out && a.squeeze <= b.squeeze;
    let adds = |unit: &LatencyUnit| unit.c_in == unit.c_out;
    let expands = |unit: &LatencyUnit| unit.c_in != unit.expanded;
    let has_fewer_operators = !a.family.kind.is_block() || (adds(a) <= adds(b) && expands(a) <= expands(b));
    is_narrower && a != b && has_fewer_operators
}

fn is_clear(slow: &Measured, fast: &Measured, noise: f64) -> bool {
    let stddev = |measured: &Measured| {
        measured.row.stddev_ms.filter(|ms| *ms > 0.0).unwrap_or(noise * measured.row.latency_ms)
    };
    let gain = slow.row.latency_ms - fast.row.latency_ms;
    gain > NOTICEABLE * slow.row.latency_ms && gain > CLEAR * stddev(slow).hypot(stddev(fast))
}

/// Robust spread of the rows' relative leave-one-out errors: the noise of rows that state none.
fn relative_noise(content: &Content, rows: &[Measured]) -> f64 {
    let errors: Vec<f64> = rows
        .iter()
        .filter_map(|measured| {
            let model = content.table.families.get(&measured.unit.family)?.model().ok()?;
            Some(model.surprise_ms(row::channels(&measured.unit))? / measured.row.latency_ms)
        })
        .collect();
    if errors.len() < ENOUGH { 0.0 } else { Robust::of(&errors).map_or(0.0, |errors| errors.stddev()) }
}

fn comparison(Step { slow, fast }: &Step) -> String {
    format!(
        "{}: {} takes {} ms, {} (line {}) only {} ms",
        describe(&slow.unit.family),
        channels(&slow.unit),
        slow.row.latency_ms,
        channels(&fast.unit),
        fast.line,
        fast.row.latency_ms
    )
}

fn warning(step: &Step) -> Finding {
    let remedy = "measure both rows again; if it is true, the wider one is the better choice";
    Finding::new(FindingKind::NonMonotone, Severity::Warning, step.slow.line, comparison(step), remedy)
        .with_related([step.fast.line])
}
