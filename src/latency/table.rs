//! `LatencyTable`: the rows of one device.

use std::collections::{BTreeMap, HashMap};
use std::sync::{OnceLock, RwLock};

use super::file::TableHeader;
use super::interpolate::{ChannelModel, FitError, Geometry, Sample, Structure};
use super::row::{Row, UnitLatency, channels};
use crate::graph::{LatencyUnit, UnitFamily, UnitKind};

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

impl LatencyTable {
    /// A table of these rows, which are taken as they are: the factors of a calibration in the header are already in
    /// them.
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

    /// The table without some of its rows.
    #[must_use]
    pub fn without(&self, is_left_out: impl Fn(&LatencyUnit) -> bool) -> Self {
        let rows = self.sorted_rows().into_iter().filter(|(unit, _)| !is_left_out(unit)).collect();
        Self::new(&self.name, self.header.clone(), self.base, rows)
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

    /// All rows in a fixed order, corrected as the table was read.
    pub fn sorted_rows(&self) -> Vec<(LatencyUnit, Row)> {
        let mut rows: Vec<_> = self.rows.iter().map(|(unit, row)| (*unit, *row)).collect();
        rows.sort_by_key(|(unit, _)| *unit);
        rows
    }
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// What the model of a family needs to know of it.
pub(super) fn geometry(family: &UnitFamily) -> Geometry {
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
