//! Records of a CSV file with the places of their fields, for errors that point at them.

use std::ops::Range;

use serde::de::DeserializeOwned;

use crate::diagnostic::{FileError, Source};

impl<'a> Source<'a> {
    /// Its records; lines that start with `#` are comments.
    pub fn csv_reader(self) -> csv::Reader<&'a [u8]> {
        csv::ReaderBuilder::new().comment(Some(b'#')).trim(csv::Trim::All).from_reader(self.text.as_bytes())
    }

    /// The names of the columns, the `required` ones among them.
    ///
    /// # Errors
    /// If one is missing, or the first row cannot be read.
    pub fn csv_columns<'n>(
        self,
        reader: &mut csv::Reader<&[u8]>,
        required: impl IntoIterator<Item = &'n str>,
    ) -> Result<csv::StringRecord, FileError> {
        let columns = reader.headers().map_err(|error| self.csv_error(&error))?.clone();
        let place = Place { csv: self, columns: &columns, record: &columns };
        for name in required {
            if !columns.iter().any(|column| column == name) {
                let first = columns.get(0).unwrap_or_default();
                let stated: Vec<_> = columns.iter().collect();
                return Err(place
                    .error(first, format!("the table has no column `{name}`"))
                    .with_remedy(format!("its columns are {}", stated.join(", "))));
            }
        }
        Ok(columns)
    }

    /// A record that is none.
    pub fn csv_error(self, error: &csv::Error) -> FileError {
        let at = error.position().map_or(0, |p| p.byte() as usize);
        FileError::at(self.file, self.text, at..at + 1, error.to_string())
            .with_remedy("every row needs one field for each column of the first row")
    }
}

/// One record.
#[derive(Debug)]
pub struct Place<'a> {
    /// The file.
    pub csv: Source<'a>,
    /// The names of its columns.
    pub columns: &'a csv::StringRecord,
    /// The record.
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
    ///
    /// # Errors
    /// If a field cannot have that value.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, FileError> {
        self.record.deserialize(Some(self.columns)).map_err(|error| self.unreadable(&error))
    }

    fn unreadable(&self, error: &csv::Error) -> FileError {
        let csv::ErrorKind::Deserialize { err, .. } = error.kind() else {
            return self.csv.csv_error(error);
        };
        let column = err
            .field()
            .and_then(|index| self.columns.get(index as usize))
            .or(self.columns.get(0))
            .unwrap_or_default();
        let value = self.field(column);
        self.error(column, format!("`{value}` is not a value for the column `{column}`"))
            .with_remedy("numbers are plain: 224, 0.75")
    }

    /// What a field says; empty where the record has none.
    pub fn field(&self, column: &str) -> &str {
        let at = self.columns.iter().position(|name| name == column);
        at.and_then(|at| self.record.get(at)).unwrap_or("")
    }

    /// A mistake of the whole record.
    pub fn error_of_row(&self, message: impl Into<String>) -> FileError {
        let (start, _) = self.start();
        let length = self.csv.text[start..].lines().next().map_or(0, str::len);
        FileError::at(self.csv.file, self.csv.text, start..start + length, message)
    }
}
