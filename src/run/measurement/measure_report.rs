//! What a measurement came to, for people and for programs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::measure::{Drift, Measured, Provenance, Summary};
use crate::run::words::{minutes, plural};

/// The figures of a measured table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MeasurementReport {
    /// The table's file.
    pub table: String,
    /// The device.
    pub device: String,
    /// Runtime with its version.
    pub runtime: String,
    /// Rows of the table, the base row not counted.
    pub rows: usize,
    /// What measuring took; of one that was interrupted, its last part.
    pub seconds: f64,
    /// Half the width of a median's 95 % confidence interval in percent of it: half of the rows have less.
    pub error_percent_median: f64,
    /// The same: 95 % of the rows have less.
    pub error_percent_p95: f64,
    /// Error in percent of a row that is interpolated from the others: half of the rows have less.
    pub interpolation_percent_median: f64,
    /// The same: 95 % of the rows have less.
    pub interpolation_percent_p95: f64,
    /// Times that were taken.
    pub times: usize,
    /// Those that are outliers.
    pub outliers: usize,
    /// What a call takes by itself, in microseconds.
    pub call_us: f64,
    /// What timing an operator adds to its time, in microseconds; it is taken off.
    pub operator_us: f64,
    /// What the sentinel says; none of fewer than four times.
    pub drift: Option<Drift>,
    /// What makes the table doubtful.
    pub warnings: Vec<String>,
}

/// The value below which a share of sorted errors lies, in percent.
fn percent(sorted: &[f64], share: f64) -> f64 {
    sorted.get((sorted.len() as f64 * share) as usize).map_or(0.0, |error| 100.0 * error)
}

impl MeasurementReport {
    /// Of a table whose rows differ by `left_out` from what the others predict, sorted.
    pub(super) fn new(
        table: String,
        measured: &Measured,
        left_out: &[f64],
        made: Provenance,
        seconds: f64,
    ) -> Self {
        let mut errors: Vec<f64> = measured.units.values().map(Summary::relative_error).collect();
        errors.sort_by(f64::total_cmp);
        let overhead = measured.overhead;
        Self {
            table,
            device: made.device,
            runtime: made.runtime,
            rows: measured.units.len(),
            seconds,
            error_percent_median: percent(&errors, 0.5),
            error_percent_p95: percent(&errors, 0.95),
            interpolation_percent_median: percent(left_out, 0.5),
            interpolation_percent_p95: percent(left_out, 0.95),
            times: measured.units.values().map(|summary| summary.count).sum(),
            outliers: measured.units.values().map(|summary| summary.outliers).sum(),
            call_us: 1e3 * overhead.call.median_ms,
            operator_us: 1e3 * overhead.of_operator_ms,
            drift: Drift::of(&measured.sentinel_ms),
            warnings: made.notes,
        }
    }

    /// A few lines, with what to do next.
    pub fn text(&self) -> String {
        let Self { table, device, runtime, rows, seconds, times, outliers, .. } = self;
        let mut text = format!(
            "{table}: {} of {device}, {runtime}, {}\n\
             medians are known to ±{:.1} % (half of the rows), ±{:.1} % (95 % of them), at 95 % confidence\n\
             interpolated from the others, a row is off by {:.1} % (half of the rows), {:.1} % (95 % of them)\n\
             {:.2} % of {times} times are outliers\n\
             a call takes {:.1} us by itself; timing an operator {:+.2} us, which is taken off\n",
            plural(*rows, "row"),
            minutes(*seconds),
            self.error_percent_median,
            self.error_percent_p95,
            self.interpolation_percent_median,
            self.interpolation_percent_p95,
            100.0 * *outliers as f64 / (*times).max(1) as f64,
            self.call_us,
            self.operator_us,
        );
        if let Some(drift) = &self.drift {
            text += &format!(
                "sentinel: {} times, {:.3} ms, changed by {:+.1} % from first to last{}\n",
                drift.times,
                drift.median_ms,
                100.0 * drift.change,
                if drift.is_notable() { "" } else { ", no drift" }
            );
        }
        for warning in &self.warnings {
            text += &format!("warning: {warning}\n");
        }
        text + &format!("next: mbn-latency validate --target {table} --space SPACE\n")
    }
}
