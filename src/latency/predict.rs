//! Latency of a network: base row and constant + sum of its units.

use std::fmt;

use super::interpolate::Estimate;
use super::row::{Row, RowSource, UnitLatency, channels};
use super::table::LatencyTable;
use crate::graph::{BlockSpan, LatencyUnit, LayerGraph, UnitFamily};

/// Latency of one block.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanLatency {
    /// Sum over its units.
    pub latency_ms: f64,
    /// Root of the summed variances that are known.
    pub stddev_ms: f64,
    /// The units that were looked up.
    pub units: Vec<UnitLatency>,
}

/// Latency of a network on a device.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Prediction {
    /// Base + sum of units.
    pub latency_ms: f64,
    /// What belongs to no unit: the base row and the calibration's constant.
    pub base_ms: f64,
    /// Variance of the sum, taking the errors of units as independent; rows
    /// that state no spread count as exact.
    variance_ms2: f64,
    /// Units with a row of their own.
    pub exact_rows: usize,
    /// Units whose row was measured with another activation.
    pub other_activation_rows: usize,
    /// Units estimated between rows.
    pub interpolated_rows: usize,
    /// Units estimated outside of the rows.
    pub extrapolated_rows: usize,
}

impl Prediction {
    /// Standard deviation of the latency.
    pub fn stddev_ms(&self) -> f64 {
        self.variance_ms2.sqrt()
    }

    /// Units whose latency no row states.
    pub fn estimated_rows(&self) -> usize {
        self.interpolated_rows + self.extrapolated_rows
    }

    fn add(&mut self, unit: &UnitLatency) {
        self.latency_ms += unit.latency_ms;
        self.variance_ms2 += unit.stddev_ms.unwrap_or(0.0).powi(2);
        match unit.source {
            RowSource::Exact => self.exact_rows += 1,
            RowSource::OtherActivation => self.other_activation_rows += 1,
            RowSource::Interpolated => self.interpolated_rows += 1,
            RowSource::Extrapolated => self.extrapolated_rows += 1,
            RowSource::Folded => {}
        }
    }
}

/// A table lacks rows that a network needs, and has none to estimate them from.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub struct MissingRows {
    /// The table's name.
    pub table: String,
    /// What is missing.
    pub units: Vec<LatencyUnit>,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for MissingRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        let plural = if self.units.len() == 1 { "unit" } else { "units" };
        write!(f, "{} has no row for {} {plural}: ", self.table, self.units.len())?;
        for (index, unit) in self.units.iter().take(SHOWN).enumerate() {
            write!(f, "{}{unit}", if index > 0 { "; " } else { "" })?;
        }
        if self.units.len() > SHOWN {
            write!(f, "; and {} more", self.units.len() - SHOWN)?;
        }
        Ok(())
    }
}

impl miette::Diagnostic for MissingRows {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.remedy))
    }
}

impl LatencyTable {
    /// Latency of a network.
    ///
    /// # Errors
    /// If rows are missing that cannot be estimated.
    pub fn predict(&self, graph: &LayerGraph) -> Result<Prediction, MissingRows> {
        let mut prediction = self.base_prediction();
        let mut missing = Vec::new();
        for span in graph.spans() {
            self.visit_units(graph, span, |found| match found {
                Ok(unit) => prediction.add(&unit),
                Err(unit) => missing.push(unit),
            });
        }
        if !missing.is_empty() {
            return Err(self.missing(graph, missing));
        }
        let units_ms = prediction.latency_ms - prediction.base_ms;
        let constant_ms = self.header.calibration.as_ref().map_or(0.0, |c| c.constant_of(units_ms));
        prediction.base_ms += constant_ms;
        prediction.latency_ms += constant_ms;
        Ok(prediction)
    }

    /// Latency of a network, block by block.
    ///
    /// # Errors
    /// If rows are missing that cannot be estimated.
    pub fn explain(&self, graph: &LayerGraph) -> Result<(Prediction, Vec<SpanLatency>), MissingRows> {
        let prediction = self.predict(graph)?;
        let spans = graph.spans().iter().map(|span| self.explain_span(graph, span)).collect();
        Ok((prediction, spans))
    }

    /// Latency of one block in milliseconds.
    ///
    /// # Errors
    /// If rows are missing that cannot be estimated.
    pub fn span_ms(&self, graph: &LayerGraph, span: &BlockSpan) -> Result<f64, MissingRows> {
        let mut sum = 0.0;
        let mut missing = Vec::new();
        self.visit_units(graph, span, |found| match found {
            Ok(unit) => sum += unit.latency_ms,
            Err(unit) => missing.push(unit),
        });
        if missing.is_empty() { Ok(sum) } else { Err(self.missing(graph, missing)) }
    }

    /// The least that a network takes beside its blocks, in milliseconds; exact for all but the smallest ones.
    pub fn beside_blocks_ms(&self) -> f64 {
        let constant_ms = self.header.calibration.as_ref().map_or(0.0, |c| c.constant_of(f64::INFINITY));
        self.base_prediction().base_ms + constant_ms
    }

    fn base_prediction(&self) -> Prediction {
        let base = self.base.as_ref();
        let base_ms = base.map_or(0.0, |row| row.latency_ms);
        Prediction {
            latency_ms: base_ms,
            base_ms,
            variance_ms2: base.and_then(|row| row.stddev_ms).unwrap_or(0.0).powi(2),
            ..Prediction::default()
        }
    }

    fn explain_span(&self, graph: &LayerGraph, span: &BlockSpan) -> SpanLatency {
        let mut units = Vec::new();
        self.visit_units(graph, span, |found| units.extend(found));
        let variance: f64 = units.iter().map(|u| u.stddev_ms.unwrap_or(0.0).powi(2)).sum();
        SpanLatency {
            latency_ms: units.iter().map(|u| u.latency_ms).sum(),
            stddev_ms: variance.sqrt(),
            units,
        }
    }

    /// Looks up a block as a whole if the table has such rows, else operator
    /// by operator.
    fn visit_units(
        &self,
        graph: &LayerGraph,
        span: &BlockSpan,
        mut visit: impl FnMut(Result<UnitLatency, LatencyUnit>),
    ) {
        match LatencyUnit::of_block(span) {
            Some(unit) if self.has_block_rows => visit(self.look_up(unit).ok_or(unit)),
            _ => {
                for unit in graph.operator_units(span) {
                    visit(self.look_up(unit).ok_or(unit));
                }
            }
        }
    }

    /// Latency of one unit: its row, else an estimate; `None` where neither is possible.
    pub fn look_up(&self, unit: LatencyUnit) -> Option<UnitLatency> {
        let key = self.key(unit);
        if let Some(row) = self.rows.get(&key) {
            return Some(from_row(unit, row));
        }
        if self.header.folded.contains(&unit.family.kind) {
            return Some(UnitLatency { unit, latency_ms: 0.0, stddev_ms: None, source: RowSource::Folded });
        }
        self.remembered_estimate(unit, key)
    }

    /// Estimates repeat across the networks of a search and cost more than a
    /// look-up, so each is made once.
    fn remembered_estimate(&self, unit: LatencyUnit, key: LatencyUnit) -> Option<UnitLatency> {
        if let Ok(known) = self.estimates.read()
            && let Some(estimate) = known.get(&key)
        {
            return estimate.map(|e| UnitLatency { unit, ..e });
        }
        let estimate = self.estimate(unit, key);
        if let Ok(mut known) = self.estimates.write() {
            known.insert(key, estimate);
        }
        estimate
    }

    fn estimate(&self, unit: LatencyUnit, key: LatencyUnit) -> Option<UnitLatency> {
        let model = self.families.get(&key.family)?.model().ok()?;
        let estimate = model.estimate(channels(&key)).ok()?.informed_by(&self.sibling_surprises(&key));
        let Estimate { latency_ms, stddev_ms, source } = estimate;
        Some(UnitLatency { unit, latency_ms, stddev_ms: Some(stddev_ms), source })
    }

    /// What rows of the same channels say about a unit without a row, where
    /// they differ from it in kernel size or squeeze-excite only: how far each
    /// lies from what its own family predicts for it.
    fn sibling_surprises(&self, key: &LatencyUnit) -> Vec<f64> {
        let is_sibling = |family: &UnitFamily| {
            let same = UnitFamily {
                kernel: key.family.kernel,
                squeeze_excite: key.family.squeeze_excite,
                ..*family
            };
            same == key.family && *family != key.family
        };
        let siblings = self.families.iter().filter(|(family, _)| is_sibling(family));
        siblings.filter_map(|(_, rows)| rows.model().ok()?.surprise_ms(channels(key))).collect()
    }

    fn missing(&self, graph: &LayerGraph, units: Vec<LatencyUnit>) -> MissingRows {
        let image = graph.image();
        let resolutions = &self.header.resolutions;
        let remedy = if resolutions.contains(&image.height) {
            "measure these units and add them to the table, or use a network within its range".to_owned()
        } else {
            let measured: Vec<_> = resolutions.iter().map(|r| format!("{r}x{r}")).collect();
            format!(
                "the table was measured for {} images and this network takes {}x{}: choose another --resolution or another table",
                measured.join(", "),
                image.height,
                image.width
            )
        };
        MissingRows { table: self.name.clone(), units, remedy }
    }
}

fn from_row(unit: LatencyUnit, row: &Row) -> UnitLatency {
    let same = row.activation == unit.family.activation;
    let source = if same { RowSource::Exact } else { RowSource::OtherActivation };
    UnitLatency { unit, latency_ms: row.latency_ms, stddev_ms: row.stddev_ms, source }
}
