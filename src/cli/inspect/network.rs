//! A network, layer by layer.

use miette::Report;
use serde::{Serialize, Serializer};

use super::{InspectArgs, svg, target};
use crate::cli::output::print;
use crate::graph::{BlockSpan, Cost, LayerGraph};
use crate::latency::{LatencyTable, Prediction, RowSource, SpanLatency};
use crate::report::{Align, Table};
use crate::spec::{BlockSpec, NetworkSpec};

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
}

fn as_notation<S: Serializer>(block: &BlockSpec, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(block)
}

pub(super) fn inspect(args: &InspectArgs, name: &str) -> Result<(), Report> {
    let table = target(args)?;
    let report = report(args, name, table.as_ref())?;
    if let Some(file) = &args.svg {
        svg::write(&report, file)?;
    }
    if args.json {
        print(format_args!("{}\n", serde_json::to_string_pretty(&report).unwrap_or_default()));
    } else {
        print(network_text(&report, table.as_ref()));
    }
    Ok(())
}

/// The network of that name or file, with its costs.
pub(super) fn report(
    args: &InspectArgs,
    name: &str,
    table: Option<&LatencyTable>,
) -> Result<NetworkReport, Report> {
    let spec = args.change.load(name)?;
    let graph = LayerGraph::lower(&spec);
    let explained = table.map(|table| table.explain(&graph)).transpose()?;
    Ok(network_report(&spec, &graph, table, explained.as_ref()))
}

type Explained = (Prediction, Vec<SpanLatency>);

fn network_report(
    spec: &NetworkSpec,
    graph: &LayerGraph,
    table: Option<&LatencyTable>,
    explained: Option<&Explained>,
) -> NetworkReport {
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
        latency_base_ms: table.map(|t| t.base.map_or(0.0, |row| row.latency_ms)),
        latency_interpolated_rows: prediction.map(Prediction::estimated_rows),
        latency_extrapolated_rows: prediction.map(|p| p.extrapolated_rows),
        latency_other_activation_rows: prediction.map(|p| p.other_activation_rows),
        layers: graph.spans().iter().enumerate().map(layer).collect(),
    }
}

fn layer_report(graph: &LayerGraph, span: &BlockSpan, latency: Option<(f64, &SpanLatency)>) -> LayerReport {
    let Cost { params, madds } = graph.cost_of(span);
    let shape = |s: crate::graph::Shape| [s.height, s.width, s.channels];
    let mut sources: Vec<RowSource> = Vec::new();
    for unit in latency.iter().flat_map(|(_, l)| &l.units) {
        if !sources.contains(&unit.source) {
            sources.push(unit.source);
        }
    }
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
        latency_source: sources,
    }
}

fn network_text(report: &NetworkReport, table: Option<&LatencyTable>) -> String {
    let mut columns = vec![
        ("layer", Align::Left),
        ("block", Align::Left),
        ("output", Align::Right),
        ("params", Align::Right),
        ("MAdds", Align::Number),
    ];
    if table.is_some() {
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
            let from: Vec<_> = layer.latency_source.iter().map(|s| s.name()).collect();
            cells.extend([format!("{ms:.3} ms"), format!("{:.1} %", 100.0 * share), from.join(", ")]);
        }
        rows.row(cells);
    }
    format!("{}  {}\n\n{rows}\n{}", report.name, report.arch_id, totals(report, table))
}

fn totals(report: &NetworkReport, table: Option<&LatencyTable>) -> String {
    let mut text = format!(
        "{r}x{r}, {} classes: {} parameters, {} multiply-adds (convolutions and linear layers)\n",
        report.classes,
        report.params,
        millions(report.madds),
        r = report.resolution,
    );
    if let (Some(table), Some(ms), Some(stddev)) = (table, report.latency_ms, report.latency_stddev_ms) {
        let base = report.latency_base_ms.unwrap_or(0.0);
        text += &format!(
            "{ms:.2} ms (standard deviation {stddev:.2}) on {}, of which base {base:.3} ms\n",
            table.header.device()
        );
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
