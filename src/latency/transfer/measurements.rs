//! Whole networks that were measured on a device: a CSV file with a row for each.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;

use crate::csv_place::Place;
use crate::diagnostic::{FileError, Source};
use crate::latency::file::csv_fields;

const COLUMNS: [&str; 7] =
    ["network", "latency_ms", "stddev_ms", "samples", "width", "resolution", "classes"];

/// The rows of a file.
#[derive(Debug, Clone)]
pub struct Measurements {
    file: String,
    text: String,
    /// In order of their lines.
    pub rows: Vec<Measurement>,
}

/// One network.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// A file, or the name of a reference network.
    pub network: String,
    /// What is changed in it, each as the command-line option of that name does.
    pub width: Option<String>,
    /// Side of the image in pixels.
    pub resolution: Option<String>,
    /// Outputs of the classifier.
    pub classes: Option<String>,
    /// Measured latency of one image.
    pub latency_ms: f64,
    /// Standard error of the latency as a fraction of it; 0 where the file does not tell.
    pub relative_noise: f64,
    /// Its line, from 1.
    pub line: usize,
    span: Range<usize>,
}

#[derive(Debug, Deserialize)]
struct RawRow {
    network: String,
    latency_ms: f64,
    stddev_ms: Option<f64>,
    samples: Option<u32>,
    width: Option<String>,
    resolution: Option<String>,
    classes: Option<String>,
}

impl Measurements {
    /// Reads `network,latency_ms` with, in any order, `stddev_ms` of one run, the number of `samples` that the latency
    /// is the mean of, and `width`, `resolution` and `classes`. Lines that start with `#` are comments.
    ///
    /// # Errors
    /// Unknown or missing columns, missing names and impossible numbers, each with its place in the file.
    pub fn parse(file: &str, text: &str) -> Result<Self, FileError> {
        let csv = Source { file, text };
        let mut reader = csv.csv_reader();
        let columns = csv_fields::columns(csv, &mut reader, &COLUMNS, &["network", "latency_ms"])?;
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| csv.csv_error(&error))?;
            rows.push(measurement(&Place { csv, columns: &columns, record: &record })?);
        }
        Ok(Self { file: file.to_owned(), text: text.to_owned(), rows })
    }

    /// A mistake in a row.
    pub fn error(&self, row: &Measurement, message: impl Into<String>) -> FileError {
        FileError::at(&self.file, &self.text, row.span.clone(), message)
    }

    /// The line of this file that states the latency of another network.
    pub fn line_for(&self, network: &str) -> String {
        let columns = self.text.lines().find(|line| !(line.starts_with('#') || line.trim().is_empty()));
        let field = |column: &str| match column.trim() {
            "network" => network.to_owned(),
            "latency_ms" => "LATENCY".to_owned(),
            _ => String::new(),
        };
        columns.unwrap_or_default().split(',').map(field).collect::<Vec<_>>().join(",")
    }
}

impl fmt::Display for Measurement {
    /// The network and what is changed in it: `mobilenet_v2 width 0.75`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.network)?;
        let changes = [("width", &self.width), ("resolution", &self.resolution), ("classes", &self.classes)];
        changes.iter().try_for_each(|(name, value)| match value {
            Some(value) => write!(f, " {name} {value}"),
            None => Ok(()),
        })
    }
}

fn measurement(place: &Place) -> Result<Measurement, FileError> {
    let raw: RawRow = place.deserialize()?;
    if raw.network.is_empty() {
        return Err(place
            .error("network", "the network is missing")
            .with_remedy("give the path of a network file, or the name of a reference network"));
    }
    let latency_ms = csv_fields::latency_ms(place, raw.latency_ms)?;
    let stddev_ms = csv_fields::stddev_ms(place, raw.stddev_ms)?.unwrap_or(0.0);
    if raw.samples == Some(0) {
        return Err(place.error("samples", "a latency rests on one sample or more"));
    }
    let samples = f64::from(raw.samples.unwrap_or(1));
    Ok(Measurement {
        network: raw.network,
        width: raw.width,
        resolution: raw.resolution,
        classes: raw.classes,
        latency_ms,
        relative_noise: stddev_ms / samples.sqrt() / latency_ms,
        line: place.line(),
        span: place.span("network"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn columns_come_in_any_order_and_may_be_left_out() {
        let text = "# measured today\nresolution,latency_ms,network,stddev_ms,samples\n224,20,mobilenet_v2,2,25\n\n,10.5,a.toml,,\n";
        let measurements = Measurements::parse("m.csv", text).expect("rows");
        let [first, second] = &measurements.rows[..] else { panic!("{measurements:?}") };
        assert_eq!((first.network.as_str(), first.resolution.as_deref()), ("mobilenet_v2", Some("224")));
        assert_eq!((first.latency_ms, first.relative_noise), (20.0, 0.02));
        assert_eq!((second.network.as_str(), &second.resolution, &second.width), ("a.toml", &None, &None));
        assert_eq!((second.relative_noise, second.line), (0.0, 5));
        assert_eq!(measurements.line_for("b.toml"), ",LATENCY,b.toml,,");
        assert_eq!(measurements.error(second, "odd").to_string(), "m.csv:5:7: odd");
    }

    #[rstest]
    #[case("network,latency_us\n", "m.csv:1:9: unknown column `latency_us`")]
    #[case("network,ms\n", "m.csv:1:9: unknown column `ms`")]
    #[case("latency_ms\n1\n", "m.csv:1:1: the table has no column `network`")]
    #[case("network,latency_ms\nv2,fast\n", "m.csv:2:4: `fast` is not a value for the column `latency_ms`")]
    #[case("network,latency_ms\nv2,0\n", "m.csv:2:4: a latency of 0 ms is impossible")]
    #[case("network,latency_ms\nv2,NaN\n", "m.csv:2:4: a latency of NaN ms is impossible")]
    #[case("network,latency_ms\nv2,1e6\n", "m.csv:2:4: a latency of 1000000 ms is implausible")]
    #[case("network,latency_ms\n,3\n", "m.csv:2:1: the network is missing")]
    #[case("network,latency_ms\nv2\n", "m.csv:2:1: CSV error: record 1")]
    #[case("network,latency_ms,stddev_ms\nv2,1,-1\n", "m.csv:2:6: a standard deviation is a number from 0")]
    #[case("network,latency_ms,samples\nv2,1,0\n", "m.csv:2:6: a latency rests on one sample or more")]
    fn mistakes(#[case] text: &str, #[case] says: &str) {
        let error = Measurements::parse("m.csv", text).expect_err(text).to_string();
        assert!(error.starts_with(says), "{error}");
    }
}
