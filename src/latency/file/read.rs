//! Reads the rows of a table file, each with its place; rows that cannot be used are errors of their own, so that the
//! others can still be looked at.

use std::ops::Range;

use serde::Deserialize;

use super::csv_place::{CsvText, Place};
use super::header::TableHeader;
use crate::diagnostic::FileError;
use crate::graph::{LatencyUnit, UnitFamily, UnitKind};
use crate::latency::Row;
use crate::spec::Activation;

/// The columns of a table.
pub(in crate::latency) const COLUMNS: [&str; 13] = [
    "op",
    "in_h",
    "in_w",
    "c_in",
    "c_out",
    "kernel",
    "stride",
    "expanded",
    "squeeze",
    "activation",
    "latency_ms",
    "stddev_ms",
    "samples",
];

/// One row of a file.
#[derive(Debug, Clone)]
pub(in crate::latency) struct Record {
    /// Its line, from 1.
    pub line: usize,
    /// Byte range of its first field.
    pub span: Range<usize>,
    /// What it is the latency of; `None` for the base row.
    pub unit: Option<LatencyUnit>,
    /// Its latency.
    pub row: Row,
    /// Number of measurements, where it states one.
    pub samples: Option<u32>,
}

/// All rows of a file in order.
///
/// # Errors
/// Columns that cannot be understood, as a whole; everything else stands in the place of its row.
pub(in crate::latency) fn records(
    file: &str,
    text: &str,
    header: &TableHeader,
) -> Result<Vec<Result<Record, FileError>>, FileError> {
    let csv = CsvText { file, text };
    let mut reader = csv.reader();
    let columns = csv.columns(&mut reader, &COLUMNS, &["op", "latency_ms"])?;
    Ok(reader.records().map(|found| record(csv, header, &columns, found)).collect())
}

/// A row as it stands in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRow {
    op: String,
    in_h: Option<u32>,
    in_w: Option<u32>,
    c_in: Option<u32>,
    c_out: Option<u32>,
    kernel: Option<u32>,
    stride: Option<u32>,
    expanded: Option<u32>,
    squeeze: Option<u32>,
    activation: Option<String>,
    latency_ms: f64,
    stddev_ms: Option<f64>,
    samples: Option<u32>,
}

fn record(
    csv: CsvText<'_>,
    header: &TableHeader,
    columns: &csv::StringRecord,
    record: csv::Result<csv::StringRecord>,
) -> Result<Record, FileError> {
    let record = record.map_err(|error| csv.error(&error))?;
    let place = RowPlace { place: Place { csv, columns, record: &record }, header };
    let raw: RawRow = place.place.deserialize()?;
    Ok(Record {
        line: place.place.line(),
        span: place.place.span("op"),
        row: place.row(&raw)?,
        unit: if raw.op == "base" { None } else { Some(place.unit(&raw)?) },
        samples: raw.samples,
    })
}

/// One record of a table, for errors that point at its fields.
struct RowPlace<'a> {
    place: Place<'a>,
    header: &'a TableHeader,
}

impl RowPlace<'_> {
    fn error(&self, column: &str, message: impl Into<String>) -> FileError {
        self.place.error(column, message)
    }

    fn row(&self, raw: &RawRow) -> Result<Row, FileError> {
        let latency_ms = self.place.latency_ms(raw.latency_ms)?;
        let stddev_ms = self.place.stddev_ms(raw.stddev_ms)?;
        Ok(Row { latency_ms, stddev_ms, activation: self.activation(raw)? })
    }

    fn activation(&self, raw: &RawRow) -> Result<Option<Activation>, FileError> {
        match raw.activation.as_deref() {
            None | Some("") => Ok(None),
            Some(name) => Activation::from_name(name).map(Some).ok_or_else(|| {
                self.error("activation", format!("unknown activation `{name}`"))
                    .with_remedy("use relu, relu6 or hswish, or leave it empty for none")
            }),
        }
    }

    fn required(&self, column: &str, value: Option<u32>) -> Result<u32, FileError> {
        match value {
            Some(number) if number > 0 => Ok(number),
            Some(_) => Err(self.error(column, format!("`{column}` must be above 0"))),
            None => Err(self.error(column, format!("`{column}` is missing"))),
        }
    }

    fn unit(&self, raw: &RawRow) -> Result<LatencyUnit, FileError> {
        let Some(kind) = UnitKind::from_name(&raw.op) else {
            let names: Vec<_> = UnitKind::ALL.iter().map(|k| k.name()).collect();
            return Err(self
                .error("op", format!("unknown unit `{}`", raw.op))
                .with_remedy(format!("known units are base, {}", names.join(", "))));
        };
        let has_window = matches!(kind, UnitKind::Conv | UnitKind::Depthwise | UnitKind::InvertedResidual);
        let window = |column, value| if has_window { self.required(column, value) } else { Ok(0) };
        let squeeze = raw.squeeze.unwrap_or(0);
        let activation = if self.header.ignores_activation { None } else { self.activation(raw)? };
        Ok(LatencyUnit {
            family: UnitFamily {
                kind,
                height: self.required("in_h", raw.in_h)?,
                width: self.required("in_w", raw.in_w)?,
                kernel: window("kernel", raw.kernel)?,
                stride: window("stride", raw.stride)?,
                squeeze_excite: kind.is_block() && squeeze > 0,
                activation,
            },
            c_in: self.required("c_in", raw.c_in)?,
            expanded: if kind.is_block() { self.required("expanded", raw.expanded)? } else { 0 },
            squeeze,
            c_out: self.required("c_out", raw.c_out)?,
        })
    }
}
