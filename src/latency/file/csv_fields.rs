//! Columns that the tables and the files of measurements have in common.

use crate::csv_place::Place;
use crate::diagnostic::{FileError, Source};

/// Latencies above this are taken for a mistake of units.
const IMPLAUSIBLE_MS: f64 = 60_000.0;

/// The names of the columns: all of them `known`, the `required` ones among them.
pub(in crate::latency) fn columns(
    csv: Source<'_>,
    reader: &mut csv::Reader<&[u8]>,
    known: &[&str],
    required: &[&str],
) -> Result<csv::StringRecord, FileError> {
    let columns = csv.csv_columns(reader, required.iter().copied());
    let stated = reader.headers().map_err(|error| csv.csv_error(&error))?.clone();
    let place = Place { csv, columns: &stated, record: &stated };
    // A column of another name is the likelier mistake than one that is missing.
    match stated.iter().find(|name| !known.contains(name)) {
        None => columns,
        Some(name) => {
            let remedy = if name.starts_with("latency") {
                "give the latency in milliseconds in a column `latency_ms`".to_owned()
            } else {
                format!("known columns are {}", known.join(", "))
            };
            Err(place.error(name, format!("unknown column `{name}`")).with_remedy(remedy))
        }
    }
}

/// The value of the column `latency_ms`, if a latency can have it.
pub(in crate::latency) fn latency_ms(place: &Place<'_>, latency_ms: f64) -> Result<f64, FileError> {
    if !(latency_ms.is_finite() && latency_ms > 0.0) {
        return Err(place
            .error("latency_ms", format!("a latency of {latency_ms} ms is impossible"))
            .with_remedy("measure the row again or leave it out"));
    }
    if latency_ms > IMPLAUSIBLE_MS {
        return Err(place
            .error("latency_ms", format!("a latency of {latency_ms} ms is implausible"))
            .with_remedy("the column is in milliseconds, not micro- or nanoseconds"));
    }
    Ok(latency_ms)
}

/// The value of the column `stddev_ms`, if a standard deviation can have it.
pub(in crate::latency) fn stddev_ms(
    place: &Place<'_>,
    stddev_ms: Option<f64>,
) -> Result<Option<f64>, FileError> {
    if stddev_ms.is_some_and(|s| !(s.is_finite() && s >= 0.0)) {
        return Err(place.error("stddev_ms", "a standard deviation is a number from 0"));
    }
    Ok(stddev_ms)
}
