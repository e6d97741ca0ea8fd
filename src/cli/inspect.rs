//! `mbn-inspect`: what a network or a search space consists of and costs.

use clap::Parser;
use miette::Report;
use serde::Serialize;

use super::exit::finish;
use super::output::print;
use super::{Exit, NetworkArgs};
use crate::graph::{BlockSpan, Cost, LayerGraph};
use crate::latency::{self, LatencyTable, Prediction, RowSource, SpanLatency};
use crate::report::{Align, Table};
use crate::run::LatencyProblem;
use crate::space::{self, Decision, SearchSpace};
use crate::spec::NetworkSpec;

/// Show a network layer by layer, or the decisions of a search space.
#[derive(Debug, Parser)]
#[command(
    name = "mbn-inspect",
    args_override_self = true,
    version,
    after_help = "Examples:
  mbn-inspect mobilenet_v3_small --target pixel-latency.csv
  mbn-inspect mobilenet_v1 --width 0.75 --resolution 160 --json
  mbn-inspect --space mobilenet_v3 --target pixel-latency.csv"
)]
pub struct InspectArgs {
    /// A network file, or a reference network: mobilenet_v1, mobilenet_v2,
    /// mobilenet_v3_large, mobilenet_v3_small, mnasnet_b1 ...
    #[arg(required_unless_present = "space", conflicts_with = "space")]
    network: Option<String>,
    /// A search space file, or the name of a shipped one
    #[arg(long, value_name = "FILE")]
    space: Option<String>,
    /// A latency table file, or the name of one in latency_tables/
    #[arg(long, value_name = "TABLE")]
    target: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    change: NetworkArgs,
}

/// Runs the command.
pub fn run(args: &InspectArgs) -> Exit {
    let done = match (&args.network, &args.space) {
        (Some(network), _) => inspect_network(args, network),
        (None, Some(space)) => inspect_space(args, space),
        (None, None) => return Exit::Usage,
    };
    finish(done.map(|()| Exit::Done))
}

fn target(args: &InspectArgs) -> Result<Option<LatencyTable>, Report> {
    Ok(args.target.as_deref().map(latency::load).transpose()?)
}

/// A network with its costs, as printed.
#[derive(Debug, Serialize)]
struct NetworkReport {
    name: String,
    arch_id: String,
    resolution: u32,
    classes: u32,
    params: u64,
    madds: u64,
    target: Option<String>,
    device: Option<String>,
    latency_ms: Option<f64>,
    latency_stddev_ms: Option<f64>,
    latency_base_ms: Option<f64>,
    /// Rows that no table states: interpolated and extrapolated ones.
    latency_interpolated_rows: Option<usize>,
    latency_extrapolated_rows: Option<usize>,
    latency_other_activation_rows: Option<usize>,
    layers: Vec<LayerReport>,
}

/// One block.
#[derive(Debug, Serialize)]
struct LayerReport {
    name: String,
    block: String,
    input: [u32; 3],
    output: [u32; 3],
    params: u64,
    madds: u64,
    latency_ms: Option<f64>,
    latency_stddev_ms: Option<f64>,
    latency_share: Option<f64>,
    latency_source: Vec<RowSource>,
}

fn inspect_network(args: &InspectArgs, name: &str) -> Result<(), Report> {
    let spec = args.change.load(name)?;
    let table = target(args)?;
    let graph = LayerGraph::lower(&spec);
    let explained = table.as_ref().map(|table| table.explain(&graph)).transpose()?;
    let report = network_report(&spec, &graph, table.as_ref(), explained.as_ref());
    if args.json {
        print(format_args!("{}\n", serde_json::to_string_pretty(&report).unwrap_or_default()));
    } else {
        print(network_text(&report, table.as_ref()));
    }
    Ok(())
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
        block: span.block.to_string(),
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
            layer.block.clone(),
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

fn millions(count: u64) -> String {
    format!("{:.2} M", count as f64 / 1e6)
}

/// A search space, as printed.
#[derive(Debug, Serialize)]
struct SpaceReport<'a> {
    name: &'a str,
    resolutions: &'a [u32],
    classes: u32,
    networks: f64,
    smallest_latency_ms: Option<f64>,
    decisions: Vec<DecisionReport<'a>>,
}

#[derive(Debug, Serialize)]
struct DecisionReport<'a> {
    place: &'a str,
    dimension: &'static str,
    choices: &'a [String],
}

fn inspect_space(args: &InspectArgs, name: &str) -> Result<(), Report> {
    let space = space::load(name)?;
    let smallest = match target(args)? {
        Some(table) => Some(LatencyProblem::new(&space, &table)?.smallest_latency_ms()),
        None => None,
    };
    let report = space_report(&space, smallest);
    if args.json {
        print(format_args!("{}\n", serde_json::to_string_pretty(&report).unwrap_or_default()));
    } else {
        print(space_text(&report));
    }
    Ok(())
}

fn space_report(space: &SearchSpace, smallest_latency_ms: Option<f64>) -> SpaceReport<'_> {
    fn decision(d: &Decision) -> DecisionReport<'_> {
        DecisionReport { place: &d.place, dimension: d.dimension.name(), choices: &d.choices }
    }
    SpaceReport {
        name: &space.name,
        resolutions: space.resolutions(),
        classes: space.classes(),
        networks: space.size(),
        smallest_latency_ms,
        decisions: space.decisions().iter().map(decision).collect(),
    }
}

fn space_text(report: &SpaceReport<'_>) -> String {
    let mut table = Table::new([("place", Align::Left), ("decision", Align::Left), ("choices", Align::Left)]);
    for decision in &report.decisions {
        table.row([decision.place.to_owned(), decision.dimension.to_owned(), decision.choices.join(" ")]);
    }
    let mut text = format!(
        "{}\n\n{table}\n{} decisions, {:.2e} different networks\n",
        report.name,
        report.decisions.len(),
        report.networks
    );
    if let Some(ms) = report.smallest_latency_ms {
        text += &format!("smallest reachable latency {ms:.2} ms\n");
    }
    text
}
