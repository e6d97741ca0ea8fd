//! Reads the rows of a table file, each with its place; rows that cannot be used are errors of their own, so that the
//! others can still be looked at.

use std::ops::Range;

use serde::Deserialize;

use super::Row;
use super::header::TableHeader;
use crate::diagnostic::FileError;
use crate::graph::{LatencyUnit, UnitFamily, UnitKind};
use crate::spec::Activation;

/// Latencies above this are taken for a mistake of units.
const IMPLAUSIBLE_MS: f64 = 60_000.0;

/// The columns of a table.
pub(super) const COLUMNS: [&str; 13] = [
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
pub(super) struct Record {
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
pub(super) fn records(
    file: &str,
    text: &str,
    header: &TableHeader,
) -> Result<Vec<Result<Record, FileError>>, FileError> {
    Reader { file, text, header }.read()
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

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    header: &'a TableHeader,
}

impl Reader<'_> {
    fn read(&self) -> Result<Vec<Result<Record, FileError>>, FileError> {
        let mut csv = csv::ReaderBuilder::new()
            .comment(Some(b'#'))
            .trim(csv::Trim::All)
            .from_reader(self.text.as_bytes());
        let columns = csv.headers().map_err(|error| self.csv_error(&error))?.clone();
        self.check_columns(&columns)?;
        Ok(csv.records().map(|record| self.record(&columns, record)).collect())
    }

    fn record(
        &self,
        columns: &csv::StringRecord,
        record: csv::Result<csv::StringRecord>,
    ) -> Result<Record, FileError> {
        let record = record.map_err(|error| self.csv_error(&error))?;
        let place = Place { reader: self, columns, record: &record };
        let raw: RawRow = record.deserialize(Some(columns)).map_err(|error| place.unreadable(&error))?;
        Ok(Record {
            line: place.line(),
            span: place.span("op"),
            row: place.row(&raw)?,
            unit: if raw.op == "base" { None } else { Some(place.unit(&raw)?) },
            samples: raw.samples,
        })
    }

    fn check_columns(&self, columns: &csv::StringRecord) -> Result<(), FileError> {
        let place = Place { reader: self, columns, record: columns };
        for name in columns {
            if !COLUMNS.contains(&name) {
                let remedy = if name.starts_with("latency") {
                    "give the latency in milliseconds in a column `latency_ms`".to_owned()
                } else {
                    format!("known columns are {}", COLUMNS.join(", "))
                };
                return Err(place.error(name, format!("unknown column `{name}`")).with_remedy(remedy));
            }
        }
        for name in ["op", "latency_ms"] {
            if !columns.iter().any(|column| column == name) {
                return Err(place.error("op", format!("the table has no column `{name}`")));
            }
        }
        Ok(())
    }

    fn csv_error(&self, error: &csv::Error) -> FileError {
        let at = error.position().map_or(0, |p| p.byte() as usize);
        FileError::at(self.file, self.text, at..at + 1, error.to_string())
            .with_remedy("every row needs one field for each column of the first row")
    }
}

/// One record, for errors that point at its fields.
struct Place<'a> {
    reader: &'a Reader<'a>,
    columns: &'a csv::StringRecord,
    record: &'a csv::StringRecord,
}

impl Place<'_> {
    /// Where the record starts in the file. A record's position is that of the end of the one before: comments and
    /// blank lines may lie between.
    fn start(&self) -> (usize, usize) {
        let position = self.record.position();
        let mut byte = position.map_or(0, |p| p.byte() as usize);
        let mut line = position.map_or(1, |p| p.line() as usize);
        while let Some(text) = self.reader.text[byte..].split_inclusive('\n').next() {
            if !(text.starts_with('#') || text.trim().is_empty()) {
                break;
            }
            byte += text.len();
            line += 1;
        }
        (byte, line)
    }

    fn line(&self) -> usize {
        self.start().1
    }

    /// Byte range of a field in the file.
    fn span(&self, column: &str) -> Range<usize> {
        let (mut start, _) = self.start();
        for (name, field) in self.columns.iter().zip(self.reader.text[start..].split([',', '\n'])) {
            if name == column {
                return start..start + field.trim_end().len();
            }
            start += field.len() + 1;
        }
        start..start
    }

    fn error(&self, column: &str, message: impl Into<String>) -> FileError {
        FileError::at(self.reader.file, self.reader.text, self.span(column), message)
    }

    fn unreadable(&self, error: &csv::Error) -> FileError {
        let csv::ErrorKind::Deserialize { err, .. } = error.kind() else {
            return self.reader.csv_error(error);
        };
        let column = err.field().and_then(|index| self.columns.get(index as usize)).unwrap_or("op");
        let value =
            self.columns.iter().position(|c| c == column).and_then(|i| self.record.get(i)).unwrap_or("");
        self.error(column, format!("`{value}` is no value for the column `{column}`"))
            .with_remedy("numbers are plain: 224, 0.75")
    }

    fn row(&self, raw: &RawRow) -> Result<Row, FileError> {
        let plausible = |ms: f64| ms.is_finite() && ms > 0.0;
        if !plausible(raw.latency_ms) {
            return Err(self
                .error("latency_ms", format!("a latency of {} ms is impossible", raw.latency_ms))
                .with_remedy("measure the row again or leave it out"));
        }
        if raw.latency_ms > IMPLAUSIBLE_MS {
            return Err(self
                .error("latency_ms", format!("a latency of {} ms is implausible", raw.latency_ms))
                .with_remedy("the column is in milliseconds, not micro- or nanoseconds"));
        }
        if raw.stddev_ms.is_some_and(|s| !(s.is_finite() && s >= 0.0)) {
            return Err(self.error("stddev_ms", "a standard deviation is a number from 0"));
        }
        let activation = self.activation(raw)?;
        Ok(Row { latency_ms: raw.latency_ms, stddev_ms: raw.stddev_ms, activation })
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
        let activation = if self.reader.header.ignores_activation { None } else { self.activation(raw)? };
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
