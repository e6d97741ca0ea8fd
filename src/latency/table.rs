//! `LatencyTable`: the rows of one device, read from CSV.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{OnceLock, RwLock};

use serde::Deserialize;

use super::header::TableHeader;
use super::interpolate::{ChannelModel, FitError, Geometry, Sample, Structure};
use super::predict::UnitLatency;
use crate::diagnostic::FileError;
use crate::graph::{LatencyUnit, UnitFamily, UnitKind};
use crate::spec::Activation;

/// Latencies above this are taken for a mistake of units.
const IMPLAUSIBLE_MS: f64 = 60_000.0;

/// One measured or fitted latency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Latency of one image.
    pub latency_ms: f64,
    /// Standard deviation of one run, where the table states it.
    pub stddev_ms: Option<f64>,
    /// The activation it was measured with.
    pub activation: Option<Activation>,
}

/// A family of rows that differ only in channels, with its fitted model.
#[derive(Debug)]
pub(super) struct Family {
    geometry: Geometry,
    samples: Vec<Sample>,
    model: OnceLock<Result<ChannelModel, FitError>>,
}

impl Family {
    fn new(family: &UnitFamily) -> Self {
        Self { geometry: geometry(family), samples: Vec::new(), model: OnceLock::new() }
    }

    /// The interpolating model, fitted on first use.
    pub fn model(&self) -> Result<&ChannelModel, &FitError> {
        self.model.get_or_init(|| ChannelModel::fit(self.geometry, &self.samples)).as_ref()
    }
}

/// The latency rows of one device.
#[derive(Debug)]
pub struct LatencyTable {
    /// The file's name.
    pub name: String,
    /// What it says of itself.
    pub header: TableHeader,
    /// Constant cost of a network.
    pub base: Option<Row>,
    pub(super) rows: HashMap<LatencyUnit, Row>,
    pub(super) families: BTreeMap<UnitFamily, Family>,
    /// Whether blocks are looked up as a whole.
    pub(super) has_block_rows: bool,
    pub(super) estimates: RwLock<HashMap<LatencyUnit, Option<UnitLatency>>>,
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
    #[serde(rename = "samples")]
    _samples: Option<u32>,
}

impl LatencyTable {
    /// Reads the text of a table; `file` names it in errors.
    ///
    /// # Errors
    /// Header mistakes, unknown columns or units, missing or implausible
    /// numbers and repeated rows, each with its place in the file.
    pub fn parse(file: &str, text: &str) -> Result<Self, FileError> {
        let header = TableHeader::parse(file, text)?;
        Reader { file, text, header: &header }
            .read()
            .map(|(base, rows)| Self::new(file, header.clone(), base, rows))
    }

    /// A table of these rows.
    pub fn new(name: &str, header: TableHeader, base: Option<Row>, rows: Vec<(LatencyUnit, Row)>) -> Self {
        let mut families = BTreeMap::new();
        for (unit, row) in &rows {
            let family: &mut Family = families.entry(unit.family).or_insert_with_key(Family::new);
            family.samples.push(Sample { channels: channels(unit), latency_ms: row.latency_ms });
        }
        let has_block_rows = rows.iter().any(|(unit, _)| unit.family.kind.is_block());
        let rows = rows.into_iter().collect();
        Self {
            name: name.to_owned(),
            header,
            base,
            rows,
            families,
            has_block_rows,
            estimates: RwLock::default(),
        }
    }

    /// Number of rows, the base row not counted.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True if the table has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table's key of a unit: without its activation, if the table ignores it.
    pub(super) fn key(&self, unit: LatencyUnit) -> LatencyUnit {
        if !self.header.ignores_activation {
            return unit;
        }
        LatencyUnit { family: UnitFamily { activation: None, ..unit.family }, ..unit }
    }

    /// The step of the channel counts that were measured: the greatest common divisor of all output and hidden
    /// channels but those of classifiers, whose size the data decide. None for a table without such rows.
    pub fn channel_step(&self) -> Option<u32> {
        let measured = self.rows.keys().filter(|unit| unit.family.kind != UnitKind::Classifier);
        let step = measured.flat_map(|unit| [unit.c_out, unit.expanded]).fold(0, greatest_common_divisor);
        (step > 0).then_some(step)
    }

    /// All rows in a fixed order.
    pub fn sorted_rows(&self) -> Vec<(LatencyUnit, Row)> {
        let mut rows: Vec<_> = self.rows.iter().map(|(unit, row)| (*unit, *row)).collect();
        rows.sort_by_key(|(unit, _)| *unit);
        rows
    }
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// The coordinates that a family's rows differ in.
pub(super) fn channels(unit: &LatencyUnit) -> [u32; 3] {
    [unit.c_in, unit.expanded, unit.c_out]
}

fn geometry(family: &UnitFamily) -> Geometry {
    let structure = match family.kind {
        UnitKind::Conv | UnitKind::Linear | UnitKind::Classifier | UnitKind::SqueezeExcite => {
            Structure::Dense
        }
        UnitKind::Depthwise | UnitKind::Add | UnitKind::Pool => Structure::PerChannel,
        UnitKind::InvertedResidual => Structure::InvertedResidual,
    };
    let stride = family.stride.max(1);
    Geometry {
        structure,
        in_positions: family.height * family.width,
        out_positions: family.height.div_ceil(stride) * family.width.div_ceil(stride),
        kernel: family.kernel,
    }
}

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    header: &'a TableHeader,
}

type Rows = (Option<Row>, Vec<(LatencyUnit, Row)>);

impl Reader<'_> {
    fn read(&self) -> Result<Rows, FileError> {
        let mut csv = csv::ReaderBuilder::new()
            .comment(Some(b'#'))
            .trim(csv::Trim::All)
            .from_reader(self.text.as_bytes());
        let columns = csv.headers().map_err(|error| self.csv_error(&error))?.clone();
        self.check_columns(&columns)?;
        let mut base = None;
        let mut rows = Vec::new();
        let mut lines: HashMap<LatencyUnit, u64> = HashMap::new();
        for record in csv.records() {
            let record = record.map_err(|error| self.csv_error(&error))?;
            let place = Place { reader: self, columns: &columns, record: &record };
            let raw: RawRow = record.deserialize(Some(&columns)).map_err(|error| place.unreadable(&error))?;
            let row = place.row(&raw)?;
            if raw.op == "base" {
                if base.replace(row).is_some() {
                    return Err(place.error("op", "a second base row").with_remedy("keep one base row"));
                }
                continue;
            }
            let unit = place.unit(&raw)?;
            if let Some(line) = lines.insert(unit, place.line()) {
                return Err(place
                    .error("op", format!("this row repeats line {line} ({unit})"))
                    .with_remedy("keep one row for each unit"));
            }
            rows.push((unit, row));
        }
        if rows.is_empty() {
            return Err(FileError::at(
                self.file,
                self.text,
                self.text.len()..self.text.len(),
                "the table has no rows",
            ));
        }
        Ok((base, rows))
    }

    fn check_columns(&self, columns: &csv::StringRecord) -> Result<(), FileError> {
        const KNOWN: [&str; 13] = [
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
        let place = Place { reader: self, columns, record: columns };
        for name in columns {
            if !KNOWN.contains(&name) {
                let remedy = if name.starts_with("latency") {
                    "give the latency in milliseconds in a column `latency_ms`".to_owned()
                } else {
                    format!("known columns are {}", KNOWN.join(", "))
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
    fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    /// Byte range of a field in the file.
    fn span(&self, column: &str) -> Range<usize> {
        let mut start = self.record.position().map_or(0, |p| p.byte() as usize);
        // A record's position is that of the end of the one before: comments
        // and blank lines may lie between.
        while let Some(line) = self.reader.text[start..].split_inclusive('\n').next() {
            if !(line.starts_with('#') || line.trim().is_empty()) {
                break;
            }
            start += line.len();
        }
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
