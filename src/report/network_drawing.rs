//! A network as papers draw it: a row for each layer, from the image down to the classes, with bars of its channels to
//! scale, coloured by kernel, and bars of what it costs beside them.
//!
//! The page is as long as the network needs, so that texts keep their size. Widths are linear, as "to scale" promises;
//! numbers beside the bars tell narrow layers apart.

mod block;
mod columns;
mod costs;

use std::ops::Range;

use super::ReportError;
use super::error::{check_latency, check_width};
use super::legend::{Symbol, draw_heading};
use super::palette::{INK, SHADE};
use super::scene::{Anchor, Rect, Scene, Text, WIDTH};
use crate::latency::RowSource;
use crate::spec::Activation;
use columns::Columns;

/// The height that rows share, and each one's at least and at most.
const ROWS: f64 = 430.0;
const ROW: (f64, f64) = (14.0, 23.0);
/// The size of texts: its share of a row, and at least and at most.
const TEXT: f64 = 0.6;
const TEXT_SIZES: (f64, f64) = (9.0, 10.5);
/// Room for headers above the rows, and for the scale of widths below.
const HEADER: f64 = 40.0;
const FOOT: f64 = 36.0;
/// How far the bands of stages are from the borders of the page.
const BAND: f64 = 10.0;
/// How far the flow of data reaches above the first block.
const INFLOW: f64 = 6.0;

/// What a layer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Convolves; where a block has several convolutions, this is the one that looks at more than a pixel.
    Convolution {
        /// Side of the square kernel.
        kernel: u32,
    },
    /// Is fully connected.
    Linear,
    /// Averages its map.
    Pooling,
}

/// The latency of a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DrawnLatency {
    /// Milliseconds.
    pub ms: f64,
    /// Standard deviation in milliseconds, where one is known.
    pub stddev_ms: Option<f64>,
    /// The least certain of what it rests on.
    pub basis: RowSource,
}

/// One layer, which may be a block of several convolutions.
#[derive(Clone, Debug, PartialEq)]
pub struct DrawnLayer {
    /// What to call it.
    pub name: String,
    /// What it does.
    pub operation: Operation,
    /// Channels of its expanded representation, where it has one; at least 1.
    pub expanded: Option<u32>,
    /// Output channels, at least 1.
    pub output: u32,
    /// Whether squeeze-excite weighs its channels.
    pub squeeze_excite: bool,
    /// Its activation; `None` is linear.
    pub nonlinearity: Option<Activation>,
    /// Height and width of its output.
    pub map: [u32; 2],
    /// Multiply-adds.
    pub madds: u64,
    /// Latency on a device.
    pub latency: Option<DrawnLatency>,
}

/// A network, layer by layer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NetworkDrawing {
    /// First line, in bold; may be empty.
    pub title: String,
    /// Lines below it; may be empty.
    pub subtitle: String,
    /// All layers in order. The outputs of the last one are classes: it does not set the scale of widths, and its bar is
    /// cut where it is too long.
    pub layers: Vec<DrawnLayer>,
}

/// Where the rows are, and the size of their texts.
#[derive(Clone, Copy, Debug)]
struct Rows {
    top: f64,
    height: f64,
    size: f64,
}

/// One of the rows: its middle, its height, and the size of its texts.
#[derive(Clone, Copy, Debug)]
struct Row {
    y: f64,
    height: f64,
    size: f64,
}

impl NetworkDrawing {
    /// Lays the drawing out.
    ///
    /// # Errors
    /// [`ReportError::Value`] names the first layer without any channel and the first latency that is not a number from 0
    /// to 1e9 ms.
    pub fn scene(&self) -> Result<Scene, ReportError> {
        self.check()?;
        let mut scene = Scene::default();
        let heading = draw_heading(&mut scene, &self.title, &self.subtitle, &self.legend());
        let rows = Rows::new(heading + HEADER, self.layers.len());
        let columns = Columns::new(&self.layers, rows.size);
        let bottom = rows.border(self.layers.len());
        scene.height = (bottom + FOOT).ceil();
        self.draw_stages(&mut scene, rows, &columns);
        columns.draw_headers(&mut scene, rows.top);
        columns.blocks.draw_flow(&mut scene, (rows.top - INFLOW, bottom));
        for (index, layer) in self.layers.iter().enumerate() {
            columns.draw_layer(&mut scene, layer, rows.row(index));
        }
        columns.blocks.draw_scale(&mut scene, bottom);
        Ok(scene)
    }

    fn check(&self) -> Result<(), ReportError> {
        for DrawnLayer { name, expanded, output, latency, .. } in &self.layers {
            check_width(|| format!("width of layer {name:?}"), *output)?;
            check_width(|| format!("expanded width of layer {name:?}"), expanded.unwrap_or(1))?;
            if let Some(DrawnLatency { ms, stddev_ms, .. }) = latency {
                check_latency(|| format!("latency of layer {name:?}"), *ms)?;
                let spread = stddev_ms.unwrap_or(0.0);
                check_latency(|| format!("standard deviation of the latency of layer {name:?}"), spread)?;
            }
        }
        Ok(())
    }

    fn legend(&self) -> Vec<(Symbol, String)> {
        let mut operations: Vec<Operation> = self.layers.iter().map(|layer| layer.operation).collect();
        operations.sort_unstable();
        operations.dedup();
        let any = |has: fn(&DrawnLayer) -> bool| self.layers.iter().any(has);
        let rests_on = |basis| {
            self.layers.iter().filter_map(|layer| layer.latency).any(|latency| latency.basis == basis)
        };
        let signs = [
            (any(|layer| layer.expanded.is_some()), Symbol::Expanded, "expanded above output channels"),
            (any(|layer| layer.squeeze_excite), Symbol::SqueezeExcite, "squeeze-excite"),
            (rests_on(RowSource::Interpolated), Symbol::Interpolated, "interpolated latency"),
            (rests_on(RowSource::Extrapolated), Symbol::Extrapolated, "extrapolated latency"),
        ];
        let signs = signs.into_iter().filter(|(shown, ..)| *shown);
        (0..)
            .zip(operations)
            .map(|(index, operation)| (operation.symbol(), operation.name(index == 0)))
            .chain(signs.map(|(_, symbol, name)| (symbol, name.to_owned())))
            .collect()
    }

    /// Layers whose outputs are maps of one size, as ranges of their indices.
    fn stages(&self) -> impl Iterator<Item = Range<usize>> {
        self.layers.chunk_by(|a, b| a.map == b.map).scan(0, |first, stage| {
            let range = *first..*first + stage.len();
            *first = range.end;
            Some(range)
        })
    }

    /// Draws every other stage as a band, and the size of its map in the middle of each.
    fn draw_stages(&self, scene: &mut Scene, rows: Rows, columns: &Columns) {
        for (number, stage) in self.stages().enumerate() {
            let (top, bottom) = (rows.border(stage.start), rows.border(stage.end));
            if number.is_multiple_of(2) {
                scene.area(Rect { left: BAND, top, right: WIDTH - BAND, bottom }, SHADE, 1.0);
            }
            let at = (columns.map, (top + bottom) / 2.0 + 0.36 * rows.size);
            let size = self.layers[stage.start].map_size();
            scene.text(Text::new(&size, at, rows.size, Anchor::Start, INK));
        }
    }
}

impl DrawnLayer {
    fn map_size(&self) -> String {
        let [height, width] = self.map;
        format!("{height}\u{d7}{width}")
    }
}

impl Rows {
    fn new(top: f64, count: usize) -> Self {
        let height = (ROWS / count.max(1) as f64).clamp(ROW.0, ROW.1);
        Self { top, height, size: (TEXT * height).clamp(TEXT_SIZES.0, TEXT_SIZES.1) }
    }

    /// The border above the row `index`.
    fn border(self, index: usize) -> f64 {
        self.top + self.height * index as f64
    }

    fn row(self, index: usize) -> Row {
        Row { y: self.border(index) + self.height / 2.0, height: self.height, size: self.size }
    }
}

impl Row {
    /// A text of this row.
    fn text(self, text: &str, x: f64, anchor: Anchor) -> Text {
        Text::new(text, (x, self.y + 0.36 * self.size), self.size, anchor, INK)
    }
}

#[cfg(test)]
mod tests;
