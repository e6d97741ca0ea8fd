//! Operators of a profile as the units of the network that ran.
//!
//! ReLU and ReLU6 are fused into the operator before them and batch norm into its weights; h-swish is an operator of its
//! own that belongs to the convolution before it. Squeeze-excite is a mean, two layers, and additions and
//! multiplications up to the scaling.

use super::run_order::Operator;
use crate::diagnostic::{FileError, Source};
use crate::graph::{LatencyUnit, LayerGraph, UnitKind};
use crate::latency::TableRow;
use crate::spec::Activation;

const CONV: &[&str] = &["CONV_2D"];
const DEPTHWISE: &[&str] = &["DEPTHWISE_CONV_2D"];
const LINEAR: &[&str] = &["FULLY_CONNECTED", "CONV_2D"];
const MEAN: &[&str] = &["MEAN", "AVERAGE_POOL_2D"];
const ADD: &[&str] = &["ADD"];
const HARD_SWISH: &[&str] = &["HARD_SWISH"];
/// A hard sigmoid is one of several sequences of these.
const GATE: &[&str] = &["ADD", "SUB", "MUL", "DIV", "RELU6", "RELU", "MINIMUM", "MAXIMUM", "RESHAPE"];
/// Padding as an operator of its own, as converters of symmetric padding write it.
const PAD: &[&str] = &["PAD", "PADV2"];
const RESHAPE: &[&str] = &["RESHAPE", "SQUEEZE"];
/// What may follow the classifier.
const TAIL: &[&str] = &["RESHAPE", "SQUEEZE", "SOFTMAX", "DEQUANTIZE"];

/// A row for each unit in the order of the network, and one for what follows it.
pub(super) fn rows(
    source: Source,
    graph: &LayerGraph,
    operators: &[Operator],
    runs: Option<u32>,
) -> Result<Vec<TableRow>, FileError> {
    let mut cursor = Cursor { source, operators, next: 0 };
    let row = |unit, latency_ms| TableRow { unit, latency_ms, stddev_ms: None, samples: runs };
    let mut rows = Vec::new();
    for span in graph.spans() {
        for unit in graph.operator_units(span) {
            let latency_ms = cursor.unit(&unit, &span.place.to_string())?;
            rows.push(row(Some(unit), latency_ms));
        }
    }
    let after_ms = cursor.any(TAIL);
    if let Some(operator) = cursor.operators.get(cursor.next) {
        return Err(cursor.unfit(operator, "the network has ended"));
    }
    if after_ms > 0.0 {
        rows.push(row(None, after_ms));
    }
    Ok(rows)
}

/// Operators with the place of the next one.
struct Cursor<'a> {
    source: Source<'a>,
    operators: &'a [Operator<'a>],
    next: usize,
}

impl Cursor<'_> {
    fn unit(&mut self, unit: &LatencyUnit, place: &str) -> Result<f64, FileError> {
        let what = format!("{unit} of {place}");
        let hard_swish = |cursor: &mut Self, ms: f64| match unit.family.activation {
            Some(Activation::Hswish) => Ok(ms + cursor.one(HARD_SWISH, &what)?),
            _ => Ok(ms),
        };
        match unit.family.kind {
            UnitKind::Conv => {
                let ms = self.any(PAD) + self.one(CONV, &what)?;
                hard_swish(self, ms)
            }
            UnitKind::Depthwise => {
                let ms = self.any(PAD) + self.one(DEPTHWISE, &what)?;
                hard_swish(self, ms)
            }
            UnitKind::Linear => {
                let ms = self.one(LINEAR, &what)? + self.any(RESHAPE);
                hard_swish(self, ms)
            }
            UnitKind::Classifier => self.one(LINEAR, &what),
            UnitKind::Pool => Ok(self.one(MEAN, &what)? + self.any(RESHAPE)),
            UnitKind::Add => self.one(ADD, &what),
            UnitKind::SqueezeExcite => self.squeeze_excite(&what),
            UnitKind::InvertedResidual => Err(self.unexpected("an operator", &what)),
        }
    }

    fn squeeze_excite(&mut self, what: &str) -> Result<f64, FileError> {
        let squeeze = self.one(MEAN, what)? + self.any(RESHAPE);
        let reduce = self.one(LINEAR, what)? + self.any(&["RELU"]);
        let expand = self.one(LINEAR, what)?;
        let start = self.next;
        let gate = self.any(GATE);
        let scales = self.operators[start..self.next].last().is_some_and(|operator| operator.name == "MUL");
        if !scales {
            return Err(self.unexpected("MUL", what));
        }
        Ok(squeeze + reduce + expand + gate)
    }

    /// Time of the next operator, which must have one of these names.
    fn one(&mut self, names: &[&str], what: &str) -> Result<f64, FileError> {
        match self.operators.get(self.next) {
            Some(operator) if names.contains(&operator.name) => {
                self.next += 1;
                Ok(operator.latency_ms)
            }
            _ => Err(self.unexpected(names[0], what)),
        }
    }

    /// Time of all operators with one of these names that come next.
    fn any(&mut self, names: &[&str]) -> f64 {
        let mut sum = 0.0;
        while let Some(operator) = self.operators.get(self.next).filter(|op| names.contains(&op.name)) {
            sum += operator.latency_ms;
            self.next += 1;
        }
        sum
    }

    fn unexpected(&self, name: &str, what: &str) -> FileError {
        let wanted = format!("{name} of the unit `{what}` comes next");
        match self.operators.get(self.next) {
            Some(operator) => self.unfit(operator, &wanted),
            None => self
                .source
                .error_at_end(format!("the profile ends where {wanted}"))
                .with_remedy("is --network the network that was profiled?"),
        }
    }

    fn unfit(&self, operator: &Operator, wanted: &str) -> FileError {
        let remedy = if operator.name.to_ascii_lowercase().contains("delegate") || operator.name.contains('(')
        {
            "a delegate ran several operators as one: profile with --use_xnnpack=false and without other delegates"
        } else {
            "is --network the network that was profiled, with its --width and --resolution?"
        };
        self.source
            .error_in_line(operator.line, format!("`{}` stands where {wanted}", operator.name))
            .with_remedy(remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec;

    /// What TensorFlow Lite runs for a unit.
    fn names(unit: &LatencyUnit) -> Vec<&'static str> {
        let mut names = match unit.family.kind {
            UnitKind::Conv => vec!["CONV_2D"],
            UnitKind::Depthwise => vec!["DEPTHWISE_CONV_2D"],
            UnitKind::SqueezeExcite => vec!["MEAN", "CONV_2D", "CONV_2D", "ADD", "MUL", "MUL"],
            UnitKind::Add => vec!["ADD"],
            UnitKind::Pool => vec!["AVERAGE_POOL_2D", "RESHAPE"],
            UnitKind::Linear | UnitKind::Classifier => vec!["FULLY_CONNECTED"],
            UnitKind::InvertedResidual => vec![],
        };
        names.extend((unit.family.activation == Some(Activation::Hswish)).then_some("HARD_SWISH"));
        names
    }

    fn graph(name: &str) -> LayerGraph {
        LayerGraph::lower(&spec::load(name).expect("shipped"))
    }

    /// Operators of a network, 1 ms each, and a softmax.
    fn profile(graph: &LayerGraph) -> Vec<&'static str> {
        let units = graph.spans().iter().flat_map(|span| graph.operator_units(span));
        units.flat_map(|unit| names(&unit)).chain(["SOFTMAX"]).collect()
    }

    fn match_rows(graph: &LayerGraph, names: &[&str]) -> Result<Vec<TableRow>, FileError> {
        let text = "\n".repeat(names.len());
        let operators: Vec<Operator> = names
            .iter()
            .enumerate()
            .map(|(at, name)| Operator { line: at + 1, name, latency_ms: 1.0 })
            .collect();
        rows(Source { file: "p.txt", text: &text }, graph, &operators, Some(50))
    }

    #[test]
    fn every_unit_gets_its_operators() {
        for (file, _) in spec::REFERENCE_NETWORKS {
            let graph = graph(file);
            let rows = match_rows(&graph, &profile(&graph)).expect(file);
            for row in &rows {
                let expected = row.unit.map_or(1, |unit| names(&unit).len());
                assert_eq!(row.latency_ms, expected as f64, "{file} {:?}", row.unit);
                assert_eq!(row.samples, Some(50));
            }
            assert_eq!(rows.last().expect("rows").unit, None);
        }
    }

    #[test]
    fn explicit_padding_counts_to_its_convolution() {
        let graph = graph("mobilenet_v2");
        let mut names = profile(&graph);
        names.insert(0, "PAD");
        assert_eq!(match_rows(&graph, &names).expect("fits")[0].latency_ms, 2.0);
    }

    #[test]
    fn an_operator_that_does_not_come_next_is_an_error() {
        let small = graph("mobilenet_v3_small");
        let names = profile(&small);
        let fails = |names: &[&str]| match_rows(&small, names).expect_err("does not fit");
        let other = fails(&profile(&graph("mobilenet_v2")));
        assert!(
            other.to_string().starts_with(
                "p.txt:2:1: `DEPTHWISE_CONV_2D` stands where HARD_SWISH of the unit `conv 3x3 s2 3-16 hswish"
            ),
            "{other}"
        );
        let cut = fails(&names[..9]);
        assert!(cut.to_string().contains("the profile ends where"), "{cut}");
        let more = fails(&[&names[..], &["CONV_2D"]].concat());
        assert!(more.to_string().contains("`CONV_2D` stands where the network has ended"), "{more}");
        let delegate = fails(&["TfLiteXNNPackDelegate"]);
        assert!(delegate.remedy.expect("a remedy").contains("--use_xnnpack=false"));
        let gate = names.iter().position(|name| *name == "MUL").expect("a gate");
        let unscaled = [&names[..gate], &names[gate + 2..]].concat();
        assert!(fails(&unscaled).to_string().contains("stands where MUL of the unit `squeeze_excite"));
    }
}
