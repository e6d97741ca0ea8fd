//! The columns of a drawing: texts get the room that the longest one needs, bars share what is left.

use super::block::{Blocks, activation_graph, activation_name};
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
/// Room for names.
const LONGEST_NAME: f64 = 120.0;
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

/// The room that each column of texts needs.
#[derive(Clone, Copy, Debug)]
struct TextWidths {
    map: f64,
    name: f64,
    /// Output channels alone, and with expanded ones before them.
    output: f64,
    channels: f64,
    nonlinearity: f64,
}

impl TextWidths {
    fn new(layers: &[DrawnLayer], size: f64) -> Self {
        let widest = |text: &dyn Fn(&DrawnLayer) -> String| {
            layers.iter().map(|layer| font::width(&text(layer), size, Weight::Regular)).fold(0.0, f64::max)
        };
        let output = widest(&|layer| format!(" {}", layer.output));
        let channels = widest(&DrawnLayer::expanded_text) + output;
        let nonlinearity = GRAPH + widest(&DrawnLayer::nonlinearity_name);
        Self {
            map: widest(&DrawnLayer::map_size).max(header_width(MAP)),
            name: widest(&|layer| layer.name.clone()).max(header_width(NAME)).min(LONGEST_NAME),
            output,
            channels: channels.max(header_width(channels_header(has_expanded(layers)))),
            nonlinearity: nonlinearity.max(header_width(NONLINEARITY)),
        }
    }

    /// The room for all columns, each with a gap behind it.
    fn sum(self) -> f64 {
        self.map + self.name + self.channels + self.nonlinearity + 4.0 * GAP
    }
}

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
        let texts = TextWidths::new(layers, size);
        let madds: Vec<Cost> = layers.iter().map(Cost::of_madds).collect();
        let madds = CostTexts::new(MADDS_HEADER, &madds, size);
        let latency = latency_texts(layers, size);
        let costs = madds.width() + latency.map_or(0.0, |texts| GAP + texts.width());
        let bars = BORDERS.1 - BORDERS.0 - texts.sum() - GAP - costs;
        let cost_bars = (1.0 - BLOCKS) * bars;
        let madds_bars = if latency.is_some() { MADDS * cost_bars } else { cost_bars };

        let name = BORDERS.0 + texts.map + GAP;
        let blocks = name + texts.name + GAP;
        let blocks = (blocks, blocks + BLOCKS * bars);
        let output = blocks.1 + GAP + texts.channels;
        let nonlinearity = output + GAP;
        let madds = madds.with_bars(nonlinearity + texts.nonlinearity + GAP, madds_bars);
        Self {
            map: BORDERS.0,
            name,
            blocks: Blocks::new(layers, blocks),
            expanded: has_expanded(layers).then_some(output - texts.output),
            output,
            nonlinearity,
            madds,
            latency: latency.map(|texts| texts.with_bars(madds.right() + GAP, cost_bars - madds_bars)),
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
        scene.text(row.text(&layer.name, self.name, Anchor::Start).cut_to(LONGEST_NAME));
        self.blocks.draw(scene, layer, row);
        if let Some(expanded) = self.expanded {
            scene.text(row.text(&layer.expanded_text(), expanded, Anchor::End));
        }
        scene.text(row.text(&layer.output.to_string(), self.output, Anchor::End));
        if let Some(nonlinearity) = layer.nonlinearity {
            marker::graph(scene, (self.nonlinearity + 6.0, row.y), activation_graph(nonlinearity));
            scene.text(row.text(activation_name(nonlinearity), self.nonlinearity + GRAPH, Anchor::Start));
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
        self.nonlinearity.map_or("", activation_name).to_owned()
    }
}

fn has_expanded(layers: &[DrawnLayer]) -> bool {
    layers.iter().any(|layer| layer.expanded.is_some())
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
