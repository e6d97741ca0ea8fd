//! A network, layer by layer.

use miette::Report;
use serde::{Serialize, Serializer};

use super::target::{BoundReport, Target, target};
use super::{InspectArgs, svg};
use crate::cli::output::print;
use crate::graph::{BlockSpan, Cost, LayerGraph};
use crate::latency::{Prediction, RowSource, SpanLatency, UnitLatency};
use crate::report::{Align, Table, fixed};
use crate::spec::{BlockSpec, NetworkSpec};
use crate::text_file::json_text;

/// A network with its costs, as printed.
#[derive(Debug, Serialize)]
pub(super) struct NetworkReport {
    pub(super) name: String,
    pub(super) arch_id: String,
    pub(super) resolution: u32,
    pub(super) classes: u32,
    pub(super) params: u64,
    pub(super) madds: u64,
    pub(super) target: Option<String>,
    pub(super) device: Option<String>,
    pub(super) latency_ms: Option<f64>,
    pub(super) latency_stddev_ms: Option<f64>,
    pub(super) latency_base_ms: Option<f64>,
    pub(super) latency_bound: Option<BoundReport>,
    /// Rows that no table states: interpolated and extrapolated ones.
    pub(super) latency_interpolated_rows: Option<usize>,
    pub(super) latency_extrapolated_rows: Option<usize>,
    pub(super) latency_other_activation_rows: Option<usize>,
    pub(super) layers: Vec<LayerReport>,
}

/// One block.
#[derive(Debug, Serialize)]
pub(super) struct LayerReport {
    pub(super) name: String,
    #[serde(serialize_with = "as_notation")]
    pub(super) block: BlockSpec,
    pub(super) input: [u32; 3],
    pub(super) output: [u32; 3],
    pub(super) params: u64,
    pub(super) madds: u64,
    pub(super) latency_ms: Option<f64>,
    pub(super) latency_stddev_ms: Option<f64>,
    pub(super) latency_share: Option<f64>,
    pub(super) latency_source: Vec<RowSource>,
    pub(super) latency_rows: Vec<RowReport>,
}

/// What was looked up for a block: all of it, or one of its operators.
#[derive(Debug, Serialize)]
pub(super) struct RowReport {
    unit: String,
    latency_ms: f64,
    latency_stddev_ms: Option<f64>,
    source: RowSource,
}

impl From<&UnitLatency> for RowReport {
    fn from(found: &UnitLatency) -> Self {
        let UnitLatency { unit, latency_ms, stddev_ms, source } = *found;
        Self { unit: unit.to_string(), latency_ms, latency_stddev_ms: stddev_ms, source }
    }
}

fn as_notation<S: Serializer>(block: &BlockSpec, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(block)
}

pub(super) fn inspect(args: &InspectArgs, name: &str) -> Result<(), Report> {
    let target = target(args)?;
    let report = report(args, name, target.as_ref())?;
    if let Some((path, format)) = &args.svg {
        svg::write(&report, path, *format)?;
    }
    if args.json {
        print(json_text(&report));
    } else {
        print(network_text(&report, target.as_ref()));
    }
    Ok(())
}

/// The network of that name or file, with its costs.
pub(super) fn report(
    args: &InspectArgs,
    name: &str,
    target: Option<&Target>,
) -> Result<NetworkReport, Report> {
    let spec = args.change.load(name)?;
    let graph = LayerGraph::lower(&spec);
    let explained = target.map(|target| target.table.explain(&graph)).transpose()?;
    Ok(network_report(&spec, &graph, target, explained.as_ref()))
}

type Explained = (Prediction, Vec<SpanLatency>);

fn network_report(
    spec: &NetworkSpec,
    graph: &LayerGraph,
    target: Option<&Target>,
    explained: Option<&Explained>,
) -> NetworkReport {
    let table = target.map(|target| &target.table);
    let Cost { params, madds } = graph.cost();
    let prediction = explained.map(|(prediction, _)| prediction);
    let layer = |(index, span): (usize, &BlockSpan)| {
        layer_report(graph, span, explained.map(|(total, spans)| (total.latency_ms, &spans[index])))
    };
    NetworkReport {
        name: spec.name.clone(),
        arch_id: spec.arch_id().to_string(),
        resolution: spec.resolution,
        classes: spec.classes,
        params,
        madds,
        target: table.map(|t| t.name.clone()),
        device: table.map(|t| t.header.device().to_owned()),
        latency_ms: prediction.map(|p| p.latency_ms),
        latency_stddev_ms: prediction.map(Prediction::stddev_ms),
        latency_base_ms: prediction.map(|p| p.base_ms),
        latency_bound: target.zip(prediction).and_then(|(target, p)| target.bound(p.latency_ms)),
        latency_interpolated_rows: prediction.map(Prediction::estimated_rows),
        latency_extrapolated_rows: prediction.map(|p| p.extrapolated_rows),
        latency_other_activation_rows: prediction.map(|p| p.other_activation_rows),
        layers: graph.spans().iter().enumerate().map(layer).collect(),
    }
}

fn layer_report(graph: &LayerGraph, span: &BlockSpan, latency: Option<(f64, &SpanLatency)>) -> LayerReport {
    let Cost { params, madds } = graph.cost_of(span);
    let shape = |s: crate::graph::Shape| [s.height, s.width, s.channels];
    let rows: Vec<RowReport> = latency.iter().flat_map(|(_, l)| &l.units).map(RowReport::from).collect();
    LayerReport {
        name: span.place.to_string(),
        block: span.block,
        input: shape(span.input),
        output: shape(span.output),
        params,
        madds,
        latency_ms: latency.map(|(_, l)| l.latency_ms),
        latency_stddev_ms: latency.map(|(_, l)| l.stddev_ms),
        latency_share: latency.map(|(total, l)| l.latency_ms / total),
        latency_source: distinct(&rows),
        latency_rows: rows,
    }
}

/// Where rows come from, each source once.
fn distinct(rows: &[RowReport]) -> Vec<RowSource> {
    let mut sources = Vec::new();
    for row in rows {
        if !sources.contains(&row.source) {
            sources.push(row.source);
        }
    }
    sources
}

fn network_text(report: &NetworkReport, target: Option<&Target>) -> String {
    let mut columns = vec![
        ("layer", Align::Left),
        ("block", Align::Left),
        ("output", Align::Right),
        ("params", Align::Right),
        ("MAdds", Align::Number),
    ];
    if target.is_some() {
        columns.extend([("latency", Align::Number), ("share", Align::Number), ("from", Align::Left)]);
    }
    let mut rows = Table::new(columns);
    for layer in &report.layers {
        let [h, w, c] = layer.output;
        let mut cells = vec![
            layer.name.clone(),
            layer.block.to_string(),
            format!("{h}x{w}x{c}"),
            layer.params.to_string(),
            millions(layer.madds),
        ];
        if let (Some(ms), Some(share)) = (layer.latency_ms, layer.latency_share) {
            let latency = latency_text(ms, layer.latency_stddev_ms.unwrap_or(0.0));
            cells.extend([latency, format!("{:.1} %", 100.0 * share), from(&layer.latency_rows)]);
        }
        rows.row(cells);
    }
    format!("{}  {}\n\n{rows}\n{}", report.name, report.arch_id, totals(report, target))
}

/// A latency with its standard deviation; rows that state none count as exact.
fn latency_text(ms: f64, stddev_ms: f64) -> String {
    let spread = if stddev_ms > 0.0 { format!(" \u{b1} {}", fixed(stddev_ms, 3)) } else { String::new() };
    format!("{ms:.3}{spread} ms")
}

/// Where the latency of a layer comes from: in a word, or how many of its rows are not rows of the table.
fn from(rows: &[RowReport]) -> String {
    let sources = distinct(rows);
    if let [source] = sources[..] {
        return source.name().to_owned();
    }
    let of_source = |source: &RowSource| {
        let count = rows.iter().filter(|row| row.source == *source).count();
        format!("{count} of {} {}", rows.len(), source.name())
    };
    let others: Vec<_> = sources.iter().filter(|s| **s != RowSource::Exact).map(of_source).collect();
    others.join("; ")
}

fn totals(report: &NetworkReport, target: Option<&Target>) -> String {
    let mut text = format!(
        "{r}x{r}, {} classes: {} parameters, {} multiply-adds (convolutions and linear layers)\n",
        report.classes,
        report.params,
        millions(report.madds),
        r = report.resolution,
    );
    if let (Some(target), Some(ms), Some(stddev)) = (target, report.latency_ms, report.latency_stddev_ms) {
        let table = &target.table;
        let base = report.latency_base_ms.unwrap_or(0.0);
        text += &format!(
            "{ms:.2} ms (standard deviation {stddev:.2}) on {}, of which base {base:.3} ms\n",
            table.header.device()
        );
        text += &target.bound_text(report.latency_bound.as_ref());
        let estimated = report.latency_interpolated_rows.unwrap_or(0);
        let extrapolated = report.latency_extrapolated_rows.unwrap_or(0);
        text += &format!("{estimated} units have no row in {} and were estimated", table.name);
        text += &format!(" from rows that differ in channels ({extrapolated} outside of their range)\n");
        let other = report.latency_other_activation_rows.unwrap_or(0);
        if other > 0 {
            text += &format!(
                "{other} rows were measured with another activation; the table does not tell activations apart\n"
            );
        }
    }
    text
}

pub(super) fn millions(count: u64) -> String {
    format!("{:.2} M", count as f64 / 1e6)
}
