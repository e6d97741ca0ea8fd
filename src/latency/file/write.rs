//! A latency table as text: header lines, then one row for each unit.

use std::fmt::Write;

use super::decimal::decimal;
use super::header::known_entry;
use super::read::COLUMNS;
use crate::graph::{LatencyUnit, UnitKind};

/// A row to be written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TableRow {
    /// What it is the latency of; `None` for the base row.
    pub unit: Option<LatencyUnit>,
    /// Latency of one image.
    pub latency_ms: f64,
    /// Standard deviation of one run, where it is known.
    pub stddev_ms: Option<f64>,
    /// Number of measurements, where it is known.
    pub samples: Option<u32>,
}

/// The text of a table with these header entries and rows, in their order.
pub fn table_text(header: &[(&str, String)], rows: &[TableRow]) -> String {
    let mut text = String::new();
    for (key, value) in header {
        text += &header_line(key, value);
    }
    let _ = writeln!(text, "{}", COLUMNS.join(","));
    for row in rows {
        let key = row.unit.as_ref().map_or_else(|| "base,,,,,,,,,".to_owned(), key);
        let stddev = row.stddev_ms.map(decimal).unwrap_or_default();
        let samples = row.samples.map(|count| count.to_string()).unwrap_or_default();
        let _ = writeln!(text, "{key},{},{stddev},{samples}", decimal(row.latency_ms));
    }
    text
}

fn header_line(key: &str, value: &str) -> String {
    // A value is one line whatever people type.
    format!("# {key}: {}\n", value.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The text of a table with other values of these header keys, `None` for those that go; all other lines stay as they
/// are.
pub fn with_entries(text: &str, entries: &[(&str, Option<String>)]) -> String {
    let is_replaced =
        |line: &str| known_entry(line).is_some_and(|(known, _)| entries.iter().any(|(key, _)| *key == known));
    let header_end = text.split_inclusive('\n').take_while(|line| line.starts_with('#')).map(str::len).sum();
    let (header, rows) = text.split_at(header_end);
    let mut whole: String = header.split_inclusive('\n').filter(|line| !is_replaced(line)).collect();
    for (key, value) in entries {
        if let Some(value) = value {
            whole += &header_line(key, value);
        }
    }
    whole + rows
}

/// The fields of a row from `op` to `activation`.
fn key(unit: &LatencyUnit) -> String {
    let family = &unit.family;
    let unless_zero = |number: u32| if number == 0 { String::new() } else { number.to_string() };
    let has_squeeze = matches!(family.kind, UnitKind::InvertedResidual | UnitKind::SqueezeExcite);
    [
        family.kind.name().to_owned(),
        family.height.to_string(),
        family.width.to_string(),
        unit.c_in.to_string(),
        unit.c_out.to_string(),
        unless_zero(family.kernel),
        unless_zero(family.stride),
        unless_zero(unit.expanded),
        if has_squeeze { unit.squeeze.to_string() } else { String::new() },
        family.activation.map_or("", |activation| activation.name()).to_owned(),
    ]
    .join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::{LATENCY_TABLES, LatencyTable};

    #[test]
    fn shipped_tables_come_back_the_same() {
        for (name, text) in LATENCY_TABLES {
            let table = LatencyTable::parse_measured(name, text).expect(name);
            let mut rows: Vec<TableRow> = Vec::new();
            for (unit, row) in table.sorted_rows() {
                rows.push(TableRow {
                    unit: Some(unit),
                    latency_ms: row.latency_ms,
                    stddev_ms: row.stddev_ms,
                    samples: None,
                });
            }
            let header: Vec<(&str, String)> =
                table.header.entries.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
            let again = LatencyTable::parse_measured(name, &table_text(&header, &rows)).expect(name);
            assert_eq!(again.header, table.header);
            let latencies = |table: &LatencyTable| {
                table
                    .sorted_rows()
                    .iter()
                    .map(|(unit, row)| (*unit, row.latency_ms, row.stddev_ms))
                    .collect::<Vec<_>>()
            };
            assert_eq!(latencies(&again), latencies(&table), "{name}");
        }
    }
}
