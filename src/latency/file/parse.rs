//! The text of a file as a table: its rows without repetitions, corrected by its calibration.

use std::collections::HashMap;

use super::header::{TableHeader, entry_span};
use super::read::records;
use crate::diagnostic::FileError;
use crate::graph::LatencyUnit;
use crate::latency::{Calibration, LatencyTable, Row};

impl LatencyTable {
    /// Reads the text of a table and corrects its rows by its calibration; `file` names it in errors.
    ///
    /// # Errors
    /// Header mistakes, unknown columns or units, missing or implausible
    /// numbers and repeated rows, each with its place in the file.
    pub fn parse(file: &str, text: &str) -> Result<Self, FileError> {
        let header = TableHeader::parse(file, text)?;
        let (base, mut rows) = distinct_rows(file, text, &header)?;
        if let Some(calibration) = &header.calibration {
            check_constant(file, text, calibration, base)?;
            for (unit, row) in &mut rows {
                *row = calibration.row(unit, *row);
            }
        }
        Ok(Self::new(file, header, base, rows))
    }

    /// Reads the text of a table with its rows as they were measured, as if it had no calibration.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_measured(file: &str, text: &str) -> Result<Self, FileError> {
        let header = TableHeader::parse(file, text)?.uncalibrated();
        let (base, rows) = distinct_rows(file, text, &header)?;
        Ok(Self::new(file, header, base, rows))
    }
}

/// Refuses a calibration whose constant takes more than there is.
pub(in crate::latency) fn check_constant(
    file: &str,
    text: &str,
    calibration: &Calibration,
    base: Option<Row>,
) -> Result<(), FileError> {
    calibration.check_constant(base).map_err(|error| {
        FileError::at(file, text, entry_span(file, text, "calibration"), error.to_string())
            .with_remedy("validate the table again: its calibration belongs to another base row")
    })
}

type Rows = (Option<Row>, Vec<(LatencyUnit, Row)>);

/// All rows of a file, which has at least one and none twice.
fn distinct_rows(file: &str, text: &str, header: &TableHeader) -> Result<Rows, FileError> {
    let mut base = None;
    let mut rows = Vec::new();
    let mut lines: HashMap<LatencyUnit, usize> = HashMap::new();
    for record in records(file, text, header)? {
        let record = record?;
        let repeated = |message: String, remedy| {
            Err(FileError::at(file, text, record.span.clone(), message).with_remedy(remedy))
        };
        let Some(unit) = record.unit else {
            if base.replace(record.row).is_some() {
                return repeated("a second base row".to_owned(), "keep one base row");
            }
            continue;
        };
        if let Some(line) = lines.insert(unit, record.line) {
            return repeated(format!("this row repeats line {line} ({unit})"), "keep one row for each unit");
        }
        rows.push((unit, record.row));
    }
    if rows.is_empty() {
        return Err(FileError::at(file, text, text.len()..text.len(), "the table has no rows"));
    }
    Ok((base, rows))
}
