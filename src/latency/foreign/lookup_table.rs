//! YAML look-up tables of ProxylessNAS (arXiv:1812.00332) and once-for-all (arXiv:1908.09791), as in han-cai/files:
//! mean, count, and variance or standard deviation of repeated measurements, in milliseconds, one layer or block each.

use super::ForeignTable;
use super::flat_yaml::{Entry, entries};
use super::layer_key::LayerKey;
use crate::diagnostic::{FileError, Source};
use crate::graph::{LatencyUnit, Shape, UnitFamily, UnitKind};
use crate::latency::TableRow;
use crate::spec::{Activation, squeeze_width};

/// What the names of a project's layers leave unsaid.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    /// Activation of convolutions and hidden linear layers outside of blocks.
    activation: Activation,
    /// Whether `expand` is a ratio to the input channels, not a channel count.
    expand_is_ratio: bool,
    /// Whether blocks state squeeze-excite and h-swish.
    states_squeeze_excite: bool,
}

pub(super) const PROXYLESS_NAS: Dialect =
    Dialect { activation: Activation::Relu6, expand_is_ratio: true, states_squeeze_excite: false };

pub(super) const ONCE_FOR_ALL: Dialect =
    Dialect { activation: Activation::Hswish, expand_is_ratio: false, states_squeeze_excite: true };

pub(super) fn read(source: Source, dialect: Dialect) -> Result<ForeignTable, FileError> {
    let mut table = ForeignTable {
        method: "mean and standard deviation of repeated measurements, one block each",
        ..ForeignTable::default()
    };
    for entry in entries(source)? {
        let at_entry = |message: String| source.error_in_line(entry.line, message);
        let key = LayerKey::parse(entry.name).map_err(at_entry)?;
        let unit = dialect.unit(&key).map_err(at_entry)?;
        if key.layer == "Conv" {
            table.resolutions.push(key.input.height);
        }
        table.rows.push(row(unit, &entry).map_err(at_entry)?);
    }
    let has_pool = table.rows.iter().any(|row| row.unit.is_some_and(|u| u.family.kind == UnitKind::Pool));
    if !has_pool {
        table.folded.push(UnitKind::Pool);
    }
    Ok(table)
}

fn row(unit: LatencyUnit, entry: &Entry) -> Result<TableRow, String> {
    let latency_ms = entry.get("mean").ok_or("the entry has no `mean`")?;
    if !(latency_ms.is_finite() && latency_ms > 0.0) {
        return Err(format!("a latency of {latency_ms} ms is impossible"));
    }
    let stddev_ms = entry.get("std").or_else(|| entry.get("var").map(f64::sqrt));
    if stddev_ms.is_some_and(|stddev| !(stddev.is_finite() && stddev >= 0.0)) {
        return Err("the spread is not a number from 0".to_owned());
    }
    let samples = match entry.get("count") {
        None => None,
        Some(count) if count.fract() == 0.0 && (1.0..=1e9).contains(&count) => Some(count as u32),
        Some(count) => return Err(format!("a count of {count} is impossible")),
    };
    Ok(TableRow { unit: Some(unit), latency_ms, stddev_ms, samples })
}

impl Dialect {
    fn unit(&self, key: &LayerKey) -> Result<LatencyUnit, String> {
        let plain = |kind, input: Shape, kernel, stride, activation| LatencyUnit {
            family: UnitFamily {
                kind,
                height: input.height,
                width: input.width,
                kernel,
                stride,
                squeeze_excite: false,
                activation,
            },
            c_in: input.channels,
            expanded: 0,
            squeeze: 0,
            c_out: key.output.channels,
        };
        let activation = Some(self.activation);
        let features = Shape::features(key.input.channels);
        Ok(match key.layer {
            "Conv" => plain(UnitKind::Conv, key.input, 3, key.shrinks_by(), activation),
            "Conv_1" => plain(UnitKind::Conv, key.input, 1, key.shrinks_by(), activation),
            "Conv_2" => plain(UnitKind::Linear, features, 0, 0, activation),
            "AvgPool2D" => plain(UnitKind::Pool, key.input, 0, 0, None),
            "Logits" => plain(UnitKind::Classifier, features, 0, 0, None),
            "expanded_conv" => {
                let (kernel, stride) = (key.number("kernel")?, key.number("stride")?);
                let unit = plain(UnitKind::InvertedResidual, key.input, kernel, stride, None);
                self.block(key, unit)?
            }
            other => return Err(format!("unknown layer `{other}`")),
        })
    }

    fn block(&self, key: &LayerKey, unit: LatencyUnit) -> Result<LatencyUnit, String> {
        let expand = key.number("expand")?;
        let expanded = if self.expand_is_ratio { expand.saturating_mul(key.input.channels) } else { expand };
        if expanded < key.input.channels {
            return Err(format!(
                "`expand` is {expand} for {} input channels; in ProxylessNAS's tables it is a ratio, in once-for-all's a channel count",
                key.input.channels
            ));
        }
        let flag = |name| if self.states_squeeze_excite { key.number(name) } else { Ok(0) };
        let (squeeze_excite, hswish) = (flag("se")? == 1, flag("hs")? == 1);
        let activation = match (self.states_squeeze_excite, hswish) {
            (false, _) => self.activation,
            (true, true) => Activation::Hswish,
            (true, false) => Activation::Relu,
        };
        let squeeze = if squeeze_excite { squeeze_width(expanded) } else { 0 };
        let family = UnitFamily { squeeze_excite, activation: Some(activation), ..unit.family };
        Ok(LatencyUnit { family, expanded, squeeze, ..unit })
    }
}
