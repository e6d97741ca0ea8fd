//! The rows of a table as far as they can be read, and the mistakes in the others.

use super::Finding;
use crate::diagnostic::FileError;
use crate::graph::{LatencyUnit, UnitFamily, UnitKind};
use crate::latency::file::{Record, check_constant, records};
use crate::latency::{LatencyTable, Row, TableHeader};

/// A unit with its row and line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    pub line: usize,
    pub unit: LatencyUnit,
    pub row: Row,
}

/// What could be read of a file.
pub(super) struct Content {
    pub header: TableHeader,
    /// Every readable row, base rows and repeated ones included.
    pub records: Vec<Record>,
    /// The first row of each unit, in order of lines.
    pub units: Vec<Measured>,
    /// The table of those rows as they were measured, to interpolate in.
    pub table: LatencyTable,
}

impl Content {
    /// Reads all of a file, and tells what cannot be read.
    pub fn read(file: &str, text: &str) -> (Self, Vec<Finding>) {
        let (header, mut mistakes) = TableHeader::read(file, text);
        let mut usable = Vec::new();
        match records(file, text, &header) {
            Err(error) => mistakes.push(error),
            Ok(found) => {
                for record in found {
                    match record {
                        Ok(record) => usable.push(record),
                        Err(error) => mistakes.push(error),
                    }
                }
                if usable.is_empty() {
                    mistakes.push(no_rows(file, text));
                }
                let base = base_row(&usable);
                let checked = header.calibration.as_ref().map(|c| check_constant(file, text, c, base));
                mistakes.extend(checked.and_then(Result::err));
            }
        }
        let findings = mistakes.iter().map(Finding::unreadable).collect();
        (Self::new(file, header, usable), findings)
    }

    fn new(file: &str, header: TableHeader, records: Vec<Record>) -> Self {
        let mut seen = std::collections::BTreeSet::new();
        let first = |record: &Record| {
            let unit = record.unit?;
            seen.insert(unit).then_some(Measured { line: record.line, unit, row: record.row })
        };
        let units: Vec<Measured> = records.iter().filter_map(first).collect();
        let base = base_row(&records);
        let rows = units.iter().map(|measured| (measured.unit, measured.row)).collect();
        let table = LatencyTable::new(file, header.clone(), base, rows);
        Self { header, records, units, table }
    }

    /// Rows that differ only in channels, family by family.
    pub fn families(&self) -> Vec<(UnitFamily, Vec<Measured>)> {
        let mut families: std::collections::BTreeMap<UnitFamily, Vec<Measured>> = Default::default();
        for measured in &self.units {
            families.entry(measured.unit.family).or_default().push(*measured);
        }
        families.into_iter().collect()
    }
}

fn base_row(records: &[Record]) -> Option<Row> {
    records.iter().find(|record| record.unit.is_none()).map(|record| record.row)
}

fn no_rows(file: &str, text: &str) -> FileError {
    FileError::at(file, text, text.len()..text.len(), "the table has no rows")
        .with_remedy("add one row for each unit that was measured")
}

/// What families share that differ in kernel size or squeeze-excite only.
pub(super) fn sisterhood(family: &UnitFamily) -> UnitFamily {
    UnitFamily { kernel: 0, squeeze_excite: false, ..*family }
}

/// `inverted_residual 5x5 s1 with squeeze-excite @ 14x14`: what a family's rows share.
pub(super) fn describe(family: &UnitFamily) -> String {
    let mut text = family.kind.name().to_owned();
    if family.kernel > 0 {
        text += &format!(" {k}x{k} s{}", family.stride, k = family.kernel);
    }
    if family.kind == UnitKind::InvertedResidual && family.squeeze_excite {
        text += " with squeeze-excite";
    }
    if let Some(activation) = family.activation {
        text += &format!(" {}", activation.name());
    }
    text + &format!(" @ {}x{}", family.height, family.width)
}

/// `16-96-24`: the channels of a unit, in the order in which they are computed.
pub(super) fn channels(unit: &LatencyUnit) -> String {
    match unit.expanded {
        0 => format!("{}-{}", unit.c_in, unit.c_out),
        expanded => format!("{}-{expanded}-{}", unit.c_in, unit.c_out),
    }
}
