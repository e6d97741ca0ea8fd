//! The columns of a drawing: texts get the room that the longest one needs, bars share what is left.

use super::block::Blocks;
use super::costs::{Cost, CostColumn, CostTexts};
use super::{DrawnLayer, Row};
use crate::report::font::{self, Weight};
use crate::report::marker;
use crate::report::palette::GREY;
use crate::report::scene::{Anchor, Scene, Text, WIDTH};

/// The left and right borders of all columns.
const BORDERS: (f64, f64) = (16.0, WIDTH - 16.0);
/// Room between two columns.
const GAP: f64 = 14.0;
/// Room for the graph of an activation before its name.
const GRAPH: f64 = 16.0;
/// Shares of the room for bars: blocks, and multiply-adds beside latencies.
const BLOCKS: f64 = 0.57;
const MADDS: f64 = 0.38;
/// Headers: the size of their texts, and the distances of their two baselines from the rows.
const HEADER_SIZE: f64 = 9.5;
const HEADER_LINES: [f64; 2] = [21.0, 9.0];

/// A header of two lines, the upper of which may be empty.
pub(super) type Header = [&'static str; 2];

const MAP: Header = ["output", "map"];
const NAME: Header = ["", "layer"];
const BLOCK: Header = ["channels", "to scale"];
const EXPANDED: Header = ["expanded \u{2192}", "output"];
const OUTPUT: Header = ["", "channels"];
const NONLINEARITY: Header = ["", "activation"];
const MADDS_HEADER: Header = ["multiply-adds,", "million"];
const LATENCY: Header = ["latency,", "ms"];
const LATENCY_WITH_SPREAD: Header = ["latency, ms", "\u{b1} standard deviation"];

/// Where the columns are: texts start at `map`, `name` and `nonlinearity`, and end at `expanded` and `output`.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    pub map: f64,
    name: f64,
    pub blocks: Blocks,
    expanded: Option<f64>,
    output: f64,
    nonlinearity: f64,
    madds: CostColumn,
    latency: Option<CostColumn>,
}

impl Columns {
    /// The columns for `layers` with texts of `size`.
    pub(super) fn new(layers: &[DrawnLayer], size: f64) -> Self {
        let texts = |text: &dyn Fn(&DrawnLayer) -> String| {
            layers.iter().map(|layer| font::width(&text(layer), size, Weight::Regular)).fold(0.0, f64::max)
        };
        let map = texts(&DrawnLayer::map_size).max(header_width(MAP));
        let name = texts(&|layer| layer.name.clone()).max(header_width(NAME));
        let has_expanded = layers.iter().any(|layer| layer.expanded.is_some());
        let expanded = texts(&DrawnLayer::expanded_text);
        let output = texts(&|layer| format!(" {}", layer.output));
        let channels = (expanded + output).max(header_width(channels_header(has_expanded)));
        let nonlinearity = texts(&DrawnLayer::nonlinearity_name) + GRAPH;
        let nonlinearity = nonlinearity.max(header_width(NONLINEARITY));
        let madds: Vec<Cost> = layers.iter().map(Cost::of_madds).collect();
        let madds = CostTexts::new(MADDS_HEADER, &madds, size);
        let latency = latency_texts(layers, size);

        let costs = madds.width() + latency.map_or(0.0, |texts| GAP + texts.width());
        let taken = map + name + channels + nonlinearity + costs + 5.0 * GAP;
        let bars = BORDERS.1 - BORDERS.0 - taken;
        let (block_bars, cost_bars) = (BLOCKS * bars, (1.0 - BLOCKS) * bars);

        let name_left = BORDERS.0 + map + GAP;
        let blocks_left = name_left + name + GAP;
        let output_end = blocks_left + block_bars + GAP + channels;
        let nonlinearity_left = output_end + GAP;
        let madds_bars = if latency.is_some() { MADDS * cost_bars } else { cost_bars };
        let madds = madds.with_bars(nonlinearity_left + nonlinearity + GAP, madds_bars);
        let latency = latency.map(|texts| texts.with_bars(madds.right() + GAP, cost_bars - madds_bars));
        Self {
            map: BORDERS.0,
            name: name_left,
            blocks: Blocks::new(layers, (blocks_left, blocks_left + block_bars)),
            expanded: has_expanded.then_some(output_end - output),
            output: output_end,
            nonlinearity: nonlinearity_left,
            madds,
            latency,
        }
    }

    /// Draws the headers above rows that start at `top`.
    pub(super) fn draw_headers(&self, scene: &mut Scene, top: f64) {
        let costs = [Some(self.madds), self.latency].into_iter().flatten();
        let headers = [
            (MAP, self.map, Anchor::Start),
            (NAME, self.name, Anchor::Start),
            (BLOCK, self.blocks.middle, Anchor::Middle),
            (channels_header(self.expanded.is_some()), self.output, Anchor::End),
            (NONLINEARITY, self.nonlinearity, Anchor::Start),
        ];
        for (header, x, anchor) in headers.into_iter().chain(costs.map(|column| column.header())) {
            for (line, above) in header.into_iter().zip(HEADER_LINES) {
                scene.text(Text::new(line, (x, top - above), HEADER_SIZE, anchor, GREY));
            }
        }
    }

    /// Draws all of a layer but its map.
    pub(super) fn draw_layer(&self, scene: &mut Scene, layer: &DrawnLayer, row: Row) {
        scene.text(row.text(&layer.name, self.name, Anchor::Start));
        self.blocks.draw(scene, layer, row);
        if let Some(expanded) = self.expanded {
            scene.text(row.text(&layer.expanded_text(), expanded, Anchor::End));
        }
        scene.text(row.text(&layer.output.to_string(), self.output, Anchor::End));
        if let Some(nonlinearity) = layer.nonlinearity {
            marker::graph(scene, (self.nonlinearity + 6.0, row.y), nonlinearity.graph());
            scene.text(row.text(nonlinearity.name(), self.nonlinearity + GRAPH, Anchor::Start));
        }
        self.madds.draw(scene, Cost::of_madds(layer), row);
        if let (Some(column), Some(latency)) = (self.latency, layer.latency) {
            column.draw(scene, Cost::of_latency(latency), row);
        }
    }
}

impl DrawnLayer {
    fn expanded_text(&self) -> String {
        self.expanded.map_or_else(String::new, |expanded| format!("{expanded} \u{2192}"))
    }

    fn nonlinearity_name(&self) -> String {
        self.nonlinearity.map_or("", |nonlinearity| nonlinearity.name()).to_owned()
    }
}

fn channels_header(has_expanded: bool) -> Header {
    if has_expanded { EXPANDED } else { OUTPUT }
}

/// The texts of latencies, `None` where no layer has one.
fn latency_texts(layers: &[DrawnLayer], size: f64) -> Option<CostTexts> {
    let latencies: Vec<_> = layers.iter().filter_map(|layer| layer.latency).collect();
    let has_spread = latencies.iter().any(|latency| latency.stddev_ms.is_some());
    let header = if has_spread { LATENCY_WITH_SPREAD } else { LATENCY };
    let costs: Vec<Cost> = latencies.into_iter().map(Cost::of_latency).collect();
    (!costs.is_empty()).then(|| CostTexts::new(header, &costs, size))
}

/// The room that a header needs.
fn header_width(header: Header) -> f64 {
    header.into_iter().map(|line| font::width(line, HEADER_SIZE, Weight::Regular)).fold(0.0, f64::max)
}
