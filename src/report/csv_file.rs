//! Writes rows to a CSV file with a header line taken from the field names.

use std::path::Path;

use serde::Serialize;

use super::ReportError;
use super::error::write_file;

/// Writes one line per row, below a header of the field names of `R`, and replaces the file at `path` as a whole.
///
/// Without any row the file is empty, because the field names are known from the rows only.
///
/// # Errors
/// [`ReportError::CsvRow`] names the file and the row that cannot be written as a line, [`ReportError::Write`] the file.
pub fn write_csv<R: Serialize>(path: &Path, rows: impl IntoIterator<Item = R>) -> Result<(), ReportError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for (index, row) in rows.into_iter().enumerate() {
        writer.serialize(row).map_err(|source| ReportError::CsvRow {
            path: path.to_path_buf(),
            row: index + 1,
            source,
        })?;
    }
    let bytes = writer.into_inner().expect("writing into memory needs no flushing that could fail");
    write_file(path, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Row {
        name: &'static str,
        latency_ms: f64,
        accuracy: Option<f64>,
    }

    #[test]
    fn writes_a_header_and_quotes_where_needed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        let rows = [
            Row { name: "a, \"b\"", latency_ms: 51.25, accuracy: Some(75.0) },
            Row { name: "c", latency_ms: 0.1, accuracy: None },
        ];
        write_csv(&path, rows).unwrap();
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            "name,latency_ms,accuracy\n\"a, \"\"b\"\"\",51.25,75.0\nc,0.1,\n"
        );
    }

    #[test]
    fn a_row_that_is_no_line_is_an_error_and_keeps_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        write_file(&path, b"old").unwrap();
        let error = write_csv(&path, [vec![1, 2], vec![3]]).unwrap_err();
        assert!(error.to_string().starts_with("cannot write row 2 of "), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
    }
}
