//! Kernels that nn-Meter's builder (microsoft/nn-Meter, docs/builder/build_kernel_latency_predictor.md) profiled with
//! `DETAIL: TRUE`, so that shapes and latencies stand in one file:
//!
//! ```text
//! {"conv-bn-relu": {"YB2F4N": {"config": {"HW": 13, "CIN": 212, "COUT": 176, "KERNEL_SIZE": 1, "STRIDES": 1},
//!                              "latency": "37.53 +- 0.314"}}}
//! ```
//!
//! `HW` is the side of the input; a latency is mean and standard deviation in milliseconds.

use std::collections::BTreeMap;

use serde_json::Value;

use super::ForeignTable;
use crate::diagnostic::{FileError, Source};
use crate::graph::{LatencyUnit, UnitFamily, UnitKind};
use crate::latency::TableRow;
use crate::spec::Activation;

type Kernels = BTreeMap<String, BTreeMap<String, Value>>;

pub(super) fn read(source: Source) -> Result<ForeignTable, FileError> {
    let kernels: Kernels = serde_json::from_str(source.text).map_err(|error| {
        source.error_in_line(error.line(), format!("not a JSON object of kernel types: {error}"))
    })?;
    let mut table = ForeignTable {
        method: "kernels profiled one by one with nn-Meter; mean and standard deviation",
        ..ForeignTable::default()
    };
    for (name, measured) in &kernels {
        let Some(kernel) = Kernel::named(name) else {
            table.left_out.push(format!("{} of `{name}`, which is not a unit of a table", measured.len()));
            continue;
        };
        for (id, value) in measured {
            let row = kernel.row(value).map_err(|message| {
                let error = source.error_in_line(line_of(source, id), format!("{name} {id}: {message}"));
                error.with_remedy("profile with `DETAIL: TRUE` in predictorbuild_config.yaml, so that shapes stand beside latencies")
            })?;
            table.rows.push(row);
        }
    }
    Ok(table)
}

fn line_of(source: Source, id: &str) -> usize {
    let quoted = format!("\"{id}\"");
    source.lines().find(|(_, text)| text.contains(&quoted)).map_or(1, |(line, _)| line)
}

/// A type of kernel that is a unit of a table.
struct Kernel {
    kind: UnitKind,
    activation: Option<Activation>,
}

impl Kernel {
    /// Earlier versions have underscores. Squeeze-excite is left out: its inner width is not stated.
    fn named(name: &str) -> Option<Self> {
        let name = name.replace('_', "-");
        let (kind, activation) = match name.as_str() {
            "fc" => (UnitKind::Classifier, None),
            "add" => (UnitKind::Add, None),
            "global-avgpool" => (UnitKind::Pool, None),
            _ => {
                let (first, rest) = name.split_once('-')?;
                let kind = match first {
                    "conv" => UnitKind::Conv,
                    "dwconv" => UnitKind::Depthwise,
                    _ => return None,
                };
                let activation = match rest {
                    "bn" => None,
                    "bn-relu" | "relu" => Some(Activation::Relu),
                    "bn-relu6" | "relu6" => Some(Activation::Relu6),
                    "bn-hswish" | "hswish" => Some(Activation::Hswish),
                    _ => return None,
                };
                (kind, activation)
            }
        };
        Some(Self { kind, activation })
    }

    fn row(&self, value: &Value) -> Result<TableRow, String> {
        let number = |key: &str| {
            let stated = value.get("config").and_then(|config| config.get(key)).and_then(Value::as_u64);
            let number = stated.and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0);
            number.ok_or_else(|| format!("the config has no number `{key}`"))
        };
        let is_map = self.kind != UnitKind::Classifier;
        let has_window = matches!(self.kind, UnitKind::Conv | UnitKind::Depthwise);
        let has_filters = matches!(self.kind, UnitKind::Conv | UnitKind::Classifier);
        let side = if is_map { number("HW")? } else { 1 };
        let c_in = number("CIN")?;
        let family = UnitFamily {
            kind: self.kind,
            height: side,
            width: side,
            kernel: if has_window { number("KERNEL_SIZE")? } else { 0 },
            stride: if has_window { number("STRIDES")? } else { 0 },
            squeeze_excite: false,
            activation: self.activation,
        };
        let c_out = if has_filters { number("COUT")? } else { c_in };
        let unit = LatencyUnit { family, c_in, expanded: 0, squeeze: 0, c_out };
        let (latency_ms, stddev_ms) = latency(value)?;
        Ok(TableRow { unit: Some(unit), latency_ms, stddev_ms: Some(stddev_ms), samples: None })
    }
}

/// `37.53 +- 0.314`.
fn latency(value: &Value) -> Result<(f64, f64), String> {
    let text = value.get("latency").and_then(Value::as_str).ok_or("there is no `latency`")?;
    let (mean, stddev) =
        text.split_once("+-").ok_or_else(|| format!("`{text}` is not a latency such as `37.53 +- 0.314`"))?;
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    match (number(mean), number(stddev)) {
        (Some(mean), Some(stddev)) if mean > 0.0 && stddev >= 0.0 => Ok((mean, stddev)),
        _ => Err(format!("a latency of `{text}` is impossible")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// The example of nn-Meter's documentation with the latency beside it, and kernels of other types.
    const PROFILED: &str = r#"{
"conv-bn-relu": { "YB2F4N": { "shapes": [[13, 13, 212]],
  "config": { "HW": 13, "CIN": 212, "COUT": 176, "KERNEL_SIZE": 1, "STRIDES": 1 }, "latency": "37.53 +- 0.314" } },
"dwconv_bn_relu6": { "A": { "config": { "HW": 56, "CIN": 24, "KERNEL_SIZE": 3, "STRIDES": 2 }, "latency": "1.5 +- 0.1" } },
"fc": { "B": { "config": { "CIN": 1280, "COUT": 1000 }, "latency": "2.0 +- 0.0" } },
"maxpool": { "C": { "config": {}, "latency": "1 +- 0" } } }"#;

    #[test]
    fn kernels_become_units() {
        let table = read(Source { file: "p.json", text: PROFILED }).expect("well-formed");
        let units: Vec<String> =
            table.rows.iter().map(|row| row.unit.expect("no base row").to_string()).collect();
        assert_eq!(
            units,
            [
                "conv 1x1 s1 212-176 relu @ 13x13",
                "depthwise 3x3 s2 24-24 relu6 @ 56x56",
                "classifier 1280-1000 @ 1x1"
            ]
        );
        assert_eq!((table.rows[0].latency_ms, table.rows[0].stddev_ms), (37.53, Some(0.314)));
        assert_eq!(table.left_out, ["1 of `maxpool`, which is not a unit of a table"]);
    }

    #[rstest]
    #[case("+- 0.314", "0.314", "p.json:2:1: conv-bn-relu YB2F4N: `37.53 0.314` is not a latency")]
    #[case("37.53", "-1", "a latency of `-1 +- 0.314` is impossible")]
    #[case("\"HW\": 13", "\"H\": 13", "the config has no number `HW`")]
    #[case("\"COUT\": 176", "\"COUT\": 0", "the config has no number `COUT`")]
    #[case("{\n", "[", "p.json:1:1: not a JSON object")]
    fn what_does_not_fit_is_an_error(#[case] part: &str, #[case] by: &str, #[case] says: &str) {
        let text = PROFILED.replacen(part, by, 1);
        let error = read(Source { file: "p.json", text: &text }).expect_err(by).to_string();
        assert!(error.contains(says), "{error}");
    }
}
