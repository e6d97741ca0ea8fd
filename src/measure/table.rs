//! The table of a measurement.

use super::{Measured, Plan, Summary, Surrounding};
use crate::latency::{TableRow, table_text};

/// What a table says of how it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Provenance {
    /// The device.
    pub device: String,
    /// Runtime with its version.
    pub runtime: String,
    /// Threads that it computed with.
    pub threads: u16,
    /// `2026-11-26`.
    pub date: String,
    /// What surrounded a block.
    pub surrounding: Surrounding,
    /// Licence of the numbers, where one was named.
    pub licence: Option<String>,
    /// What was noticed while measuring.
    pub notes: Vec<String>,
}

/// The text of the table: a row for each unit, its median and the spread of one time.
pub fn table(measured: &Measured, plan: &Plan, provenance: &Provenance) -> String {
    let mut rows: Vec<TableRow> = Vec::new();
    rows.push(row(None, &measured.overhead.call));
    rows.extend(measured.units.iter().map(|(unit, summary)| row(Some(*unit), summary)));
    table_text(&header(plan, provenance), &rows)
}

fn row(unit: Option<crate::graph::LatencyUnit>, summary: &Summary) -> TableRow {
    TableRow {
        unit,
        latency_ms: summary.median_ms,
        stddev_ms: Some(summary.stddev_ms),
        samples: Some(summary.count as u32),
    }
}

fn header(plan: &Plan, made: &Provenance) -> Vec<(&'static str, String)> {
    let sides: Vec<String> = plan.sides().iter().map(u32::to_string).collect();
    let names: Vec<&str> = plan.covers.iter().map(|covered| covered.name.as_str()).collect();
    let mut header = vec![
        ("device", made.device.clone()),
        ("runtime", made.runtime.clone()),
        ("threads", made.threads.to_string()),
        ("precision", "float32".to_owned()),
        ("batch", "1".to_owned()),
        ("resolution", sides.join(", ")),
        ("method", method(made.surrounding).to_owned()),
        ("source", format!("measured by mbn-latency {} for {}", env!("CARGO_PKG_VERSION"), names.join(", "))),
        ("date", made.date.clone()),
    ];
    header.extend(made.licence.clone().map(|licence| ("licence", licence)));
    header.extend((!made.notes.is_empty()).then(|| ("note", made.notes.join("; "))));
    header
}

fn method(surrounding: Surrounding) -> &'static str {
    match surrounding {
        Surrounding::Network => "operators timed by the runtime within chains of blocks; median over visits",
        Surrounding::Alone => "operators timed by the runtime in one block at a time; median over visits",
    }
}
