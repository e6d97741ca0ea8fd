//! Reads the rows of a table file, each with its place; rows that cannot be used are errors of their own, so that the
//! others can still be looked at.

use std::ops::Range;

use serde::Deserialize;

use super::csv_fields;
use super::header::TableHeader;
use crate::csv_place::Place;
use crate::diagnostic::{FileError, Source};
use crate::graph::{LatencyUnit, UnitFamily, UnitKind};
use crate::latency::row::Row;
use crate::spec::Activation;
use crate::word_list::WordList as _;

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
    let csv = Source { file, text };
    let mut reader = csv.csv_reader();
    let columns = csv_fields::columns(csv, &mut reader, &COLUMNS, &["op", "latency_ms"])?;
    let records = reader.records().map(|record| {
        let record = record.map_err(|error| csv.csv_error(&error))?;
        read_record(&Place { csv, columns: &columns, record: &record }, header)
    });
    Ok(records.collect())
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

fn read_record(place: &Place<'_>, header: &TableHeader) -> Result<Record, FileError> {
    let raw: RawRow = place.deserialize()?;
    Ok(Record {
        line: place.line(),
        span: place.span("op"),
        row: row(place, &raw)?,
        unit: if raw.op == "base" { None } else { Some(unit(place, header, &raw)?) },
        samples: raw.samples,
    })
}

fn row(place: &Place<'_>, raw: &RawRow) -> Result<Row, FileError> {
    let latency_ms = csv_fields::latency_ms(place, raw.latency_ms)?;
    let stddev_ms = csv_fields::stddev_ms(place, raw.stddev_ms)?;
    Ok(Row { latency_ms, stddev_ms, activation: activation(place, raw)? })
}

fn activation(place: &Place<'_>, raw: &RawRow) -> Result<Option<Activation>, FileError> {
    match raw.activation.as_deref() {
        None | Some("") => Ok(None),
        Some(name) => Activation::of_word(name).map(Some).ok_or_else(|| {
            place
                .error("activation", format!("unknown activation `{name}`"))
                .with_remedy("use relu, relu6 or hswish, or leave it empty for none")
        }),
    }
}

fn required(place: &Place<'_>, column: &str, value: Option<u32>) -> Result<u32, FileError> {
    match value {
        Some(number) if number > 0 => Ok(number),
        Some(_) => Err(place.error(column, format!("`{column}` must be above 0"))),
        None => Err(place.error(column, format!("`{column}` is missing"))),
    }
}

fn unit(place: &Place<'_>, header: &TableHeader, raw: &RawRow) -> Result<LatencyUnit, FileError> {
    let Some(kind) = UnitKind::of_word(&raw.op) else {
        let names: Vec<_> = UnitKind::ALL.iter().map(|k| k.name()).collect();
        return Err(place
            .error("op", format!("unknown unit `{}`", raw.op))
            .with_remedy(format!("known units are base, {}", names.join(", "))));
    };
    let has_window = matches!(kind, UnitKind::Conv | UnitKind::Depthwise | UnitKind::InvertedResidual);
    let window = |column, value| if has_window { required(place, column, value) } else { Ok(0) };
    let squeeze = raw.squeeze.unwrap_or(0);
    let activation = if header.ignores_activation { None } else { activation(place, raw)? };
    Ok(LatencyUnit {
        family: UnitFamily {
            kind,
            height: required(place, "in_h", raw.in_h)?,
            width: required(place, "in_w", raw.in_w)?,
            kernel: window("kernel", raw.kernel)?,
            stride: window("stride", raw.stride)?,
            squeeze_excite: kind.is_block() && squeeze > 0,
            activation,
        },
        c_in: required(place, "c_in", raw.c_in)?,
        expanded: if kind.is_block() { required(place, "expanded", raw.expanded)? } else { 0 },
        squeeze,
        c_out: required(place, "c_out", raw.c_out)?,
    })
}
