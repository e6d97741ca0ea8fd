//! TuNAS's cost model (arXiv:2008.06120, google-research/google-research tunas/cost_model_data.py) as a CSV of blocks:
//! `op,in_h,in_w,c_in,c_out,kernel,expanded,se,activation,stride,latency_ms,spread_ms,slots`.
//!
//! `sepconv` is an inverted residual without expansion, a `conv` on a 1x1 map is the layer behind the pooling,
//! `spread_ms` is the largest minus the smallest of the `slots` positions that a block stands at.

use serde::Deserialize;

use super::ForeignTable;
use crate::diagnostic::{FileError, Source};
use crate::graph::{LatencyUnit, UnitFamily, UnitKind};
use crate::latency::TableRow;
use crate::spec::{Activation, squeeze_width};

/// Expected range of `n` normal draws over their standard deviation, from n = 2 (Tippett 1925).
const RANGE_OVER_STDDEV: [f64; 6] = [1.128, 1.693, 2.059, 2.326, 2.534, 2.704];

#[derive(Debug, Deserialize)]
struct Block {
    op: String,
    in_h: Option<u32>,
    in_w: Option<u32>,
    c_in: Option<u32>,
    c_out: Option<u32>,
    kernel: Option<u32>,
    expanded: Option<u32>,
    se: Option<u32>,
    activation: Option<String>,
    stride: Option<u32>,
    latency_ms: f64,
    spread_ms: f64,
    slots: u32,
}

pub(super) fn read(source: Source) -> Result<ForeignTable, FileError> {
    let mut csv = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(source.text.as_bytes());
    let mut table = ForeignTable {
        folded: vec![UnitKind::Pool, UnitKind::Classifier],
        ignores_activation: true,
        method: "regression over whole networks: a row is a coefficient, not a stopwatch reading; stddev_ms is the spread over the positions that a block stands at",
        ..ForeignTable::default()
    };
    for block in csv.deserialize::<Block>() {
        let block = block.map_err(|error| {
            let line = error.position().map_or(1, |position| position.line() as usize);
            source.error_in_line(line, error.to_string()).with_remedy(
                "the columns are op, in_h, in_w, c_in, c_out, kernel, expanded, se, activation, stride, latency_ms, spread_ms and slots",
            )
        })?;
        let line = table.rows.len() + 2;
        let row = block.row().map_err(|message| source.error_in_line(line, message))?;
        if block.op == "conv" && block.stride == Some(2) {
            table.resolutions.extend(block.in_h);
        }
        table.rows.push(row);
    }
    Ok(table)
}

impl Block {
    fn row(&self) -> Result<TableRow, String> {
        if !(self.latency_ms.is_finite() && self.latency_ms > 0.0) {
            return Err(format!("a latency of {} ms is impossible", self.latency_ms));
        }
        let unit = if self.op == "base" { None } else { Some(self.unit()?) };
        let stddev_ms = match self.slots {
            0 => return Err("a block stands at no position".to_owned()),
            1 => None,
            slots => {
                let known = RANGE_OVER_STDDEV.get(slots as usize - 2);
                let ratio = known.ok_or_else(|| format!("{slots} positions are more than 7"))?;
                Some(self.spread_ms / ratio)
            }
        };
        Ok(TableRow { unit, latency_ms: self.latency_ms, stddev_ms, samples: Some(self.slots) })
    }

    fn unit(&self) -> Result<LatencyUnit, String> {
        let required = |name: &str, value: Option<u32>| {
            value.filter(|number| *number > 0).ok_or_else(|| format!("`{name}` is missing"))
        };
        let (height, width) = (required("in_h", self.in_h)?, required("in_w", self.in_w)?);
        let (c_in, c_out) = (required("c_in", self.c_in)?, required("c_out", self.c_out)?);
        let kind = match self.op.as_str() {
            "conv" if height == 1 => UnitKind::Linear,
            "conv" => UnitKind::Conv,
            "sepconv" | "bneck" => UnitKind::InvertedResidual,
            other => return Err(format!("unknown block `{other}`")),
        };
        let window = |name, value| if kind == UnitKind::Linear { Ok(0) } else { required(name, value) };
        let (kernel, stride) = (window("kernel", self.kernel)?, window("stride", self.stride)?);
        let expanded = if kind.is_block() { self.expanded.unwrap_or(c_in) } else { 0 };
        let squeeze_excite = kind.is_block() && self.se == Some(1);
        // Blocks are told apart by their positions, and with them by activation: the table ignores it.
        let activation = Some(self.activation(kind)?);
        Ok(LatencyUnit {
            family: UnitFamily { kind, height, width, kernel, stride, squeeze_excite, activation },
            c_in,
            expanded,
            squeeze: if squeeze_excite { squeeze_width(expanded) } else { 0 },
            c_out,
        })
    }

    fn activation(&self, kind: UnitKind) -> Result<Activation, String> {
        match self.activation.as_deref() {
            Some("swish6") => Ok(Activation::Hswish),
            Some("relu") => Ok(Activation::Relu),
            None | Some("") if !kind.is_block() => Ok(Activation::Hswish),
            other => Err(format!("unknown activation `{}`", other.unwrap_or(""))),
        }
    }
}
