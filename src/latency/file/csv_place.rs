//! Records of a CSV file with the places of their fields, for errors that point at them.

use std::ops::Range;

use serde::de::DeserializeOwned;

use crate::diagnostic::FileError;

/// Latencies above this are taken for a mistake of units.
const IMPLAUSIBLE_MS: f64 = 60_000.0;

/// A file's name and text; lines that start with `#` are comments.
#[derive(Debug, Clone, Copy)]
pub(in crate::latency) struct CsvText<'a> {
    pub file: &'a str,
    pub text: &'a str,
}

impl<'a> CsvText<'a> {
    pub fn reader(self) -> csv::Reader<&'a [u8]> {
        csv::ReaderBuilder::new().comment(Some(b'#')).trim(csv::Trim::All).from_reader(self.text.as_bytes())
    }

    /// The names of the columns: all of them `known`, the `required` ones among them.
    pub fn columns(
        self,
        reader: &mut csv::Reader<&[u8]>,
        known: &[&str],
        required: &[&str],
    ) -> Result<csv::StringRecord, FileError> {
        let columns = reader.headers().map_err(|error| self.error(&error))?.clone();
        let place = Place { csv: self, columns: &columns, record: &columns };
        for name in &columns {
            if !known.contains(&name) {
                let remedy = if name.starts_with("latency") {
                    "give the latency in milliseconds in a column `latency_ms`".to_owned()
                } else {
                    format!("known columns are {}", known.join(", "))
                };
                return Err(place.error(name, format!("unknown column `{name}`")).with_remedy(remedy));
            }
        }
        for name in required {
            if !columns.iter().any(|column| column == *name) {
                let first = columns.get(0).unwrap_or_default();
                return Err(place.error(first, format!("the table has no column `{name}`")));
            }
        }
        Ok(columns)
    }

    /// A record that is none.
    pub fn error(self, error: &csv::Error) -> FileError {
        let at = error.position().map_or(0, |p| p.byte() as usize);
        FileError::at(self.file, self.text, at..at + 1, error.to_string())
            .with_remedy("every row needs one field for each column of the first row")
    }
}

/// One record.
pub(in crate::latency) struct Place<'a> {
    pub csv: CsvText<'a>,
    pub columns: &'a csv::StringRecord,
    pub record: &'a csv::StringRecord,
}

impl Place<'_> {
    /// Where the record starts in the file. A record's position is that of the end of the one before: comments and
    /// blank lines may lie between.
    fn start(&self) -> (usize, usize) {
        let position = self.record.position();
        let mut byte = position.map_or(0, |p| p.byte() as usize);
        let mut line = position.map_or(1, |p| p.line() as usize);
        while let Some(text) = self.csv.text[byte..].split_inclusive('\n').next() {
            if !(text.starts_with('#') || text.trim().is_empty()) {
                break;
            }
            byte += text.len();
            line += 1;
        }
        (byte, line)
    }

    /// Its line, from 1.
    pub fn line(&self) -> usize {
        self.start().1
    }

    /// Byte range of a field in the file.
    pub fn span(&self, column: &str) -> Range<usize> {
        let (mut start, _) = self.start();
        for (name, field) in self.columns.iter().zip(self.csv.text[start..].split([',', '\n'])) {
            if name == column {
                return start..start + field.trim_end().len();
            }
            start += field.len() + 1;
        }
        start..start
    }

    /// A mistake in a field.
    pub fn error(&self, column: &str, message: impl Into<String>) -> FileError {
        FileError::at(self.csv.file, self.csv.text, self.span(column), message)
    }

    /// The record as a type whose fields are named like the columns.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, FileError> {
        self.record.deserialize(Some(self.columns)).map_err(|error| self.unreadable(&error))
    }

    fn unreadable(&self, error: &csv::Error) -> FileError {
        let csv::ErrorKind::Deserialize { err, .. } = error.kind() else {
            return self.csv.error(error);
        };
        let column = err
            .field()
            .and_then(|index| self.columns.get(index as usize))
            .or(self.columns.get(0))
            .unwrap_or_default();
        let value =
            self.columns.iter().position(|c| c == column).and_then(|i| self.record.get(i)).unwrap_or("");
        self.error(column, format!("`{value}` is no value for the column `{column}`"))
            .with_remedy("numbers are plain: 224, 0.75")
    }

    /// The value of the column `latency_ms`, if a latency can have it.
    pub fn latency_ms(&self, latency_ms: f64) -> Result<f64, FileError> {
        if !(latency_ms.is_finite() && latency_ms > 0.0) {
            return Err(self
                .error("latency_ms", format!("a latency of {latency_ms} ms is impossible"))
                .with_remedy("measure the row again or leave it out"));
        }
        if latency_ms > IMPLAUSIBLE_MS {
            return Err(self
                .error("latency_ms", format!("a latency of {latency_ms} ms is implausible"))
                .with_remedy("the column is in milliseconds, not micro- or nanoseconds"));
        }
        Ok(latency_ms)
    }

    /// The value of the column `stddev_ms`, if a standard deviation can have it.
    pub fn stddev_ms(&self, stddev_ms: Option<f64>) -> Result<Option<f64>, FileError> {
        if stddev_ms.is_some_and(|s| !(s.is_finite() && s >= 0.0)) {
            return Err(self.error("stddev_ms", "a standard deviation is a number from 0"));
        }
        Ok(stddev_ms)
    }
}
