//! The bars of blocks: their channels to scale around the line that data follow, in the colours of their kernels.

use super::{DrawnLayer, Operation, Row};
use crate::report::axis::{Range, Ticks};
use crate::report::legend::Symbol;
use crate::report::marker;
use crate::report::palette::{BLUE, Colour, GREEN, GREY, INK, ORANGE, PURPLE, VERMILLION, WHITE, tint};
use crate::report::scene::{Anchor, At, Rect, Scene, Text};
use crate::spec::Activation;

/// Room between the bars of two blocks.
const BETWEEN: f64 = 4.0;
/// The share of a block's height that its expanded channels take.
const EXPANDED: f64 = 0.56;
/// The least width of a bar: a few channels of many have less than can be seen.
const THINNEST: f64 = 1.0;
/// Room for the sign of squeeze-excite right of a bar, and the distance of its middle from it.
const SIGN_ROOM: f64 = 14.0;
const SIGN: f64 = 8.0;
/// Where a cut bar is broken, from its ends, and how far the break leans.
const BREAK: f64 = 10.0;
const LEAN: f64 = 3.0;
/// The size of the text at the scale.
const SCALE_SIZE: f64 = 9.5;

/// The column of blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks {
    /// The line that data follow.
    pub middle: f64,
    /// Page pixels at both sides of it.
    half: f64,
    /// The channels that fill them.
    widest: f64,
}

impl Blocks {
    /// The blocks of `layers` between two borders.
    pub(super) fn new(layers: &[DrawnLayer], (left, right): (f64, f64)) -> Self {
        let has_signs = layers.iter().any(|layer| layer.squeeze_excite);
        let half = (right - left - if has_signs { SIGN_ROOM } else { 0.0 }) / 2.0;
        let without_classes = match layers {
            [layers @ .., _classes] if !layers.is_empty() => layers,
            all => all,
        };
        let widths =
            without_classes.iter().flat_map(|layer| layer.expanded.into_iter().chain([layer.output]));
        let widest = f64::from(widths.max().unwrap_or(1));
        Self { middle: left + half, half, widest }
    }

    /// The bar of `channels` between two heights, and whether it is cut.
    fn bar(self, channels: u32, (top, bottom): (f64, f64)) -> (Rect, bool) {
        let channels = f64::from(channels);
        let half = (self.half * channels / self.widest).clamp(THINNEST / 2.0, self.half);
        let bar = Rect { left: self.middle - half, top, right: self.middle + half, bottom };
        (bar, channels > self.widest)
    }

    pub(super) fn draw(self, scene: &mut Scene, layer: &DrawnLayer, row: Row) {
        let half = (row.height - BETWEEN) / 2.0;
        let (top, bottom) = (row.y - half, row.y + half);
        let mut end = 0.0;
        let mut from = top;
        if let Some(expanded) = layer.expanded {
            from += EXPANDED * (bottom - top);
            let (bar, _) = self.bar(expanded, (top, from));
            marker::bar_expanded(scene, bar, layer.operation.colour());
            end = bar.right;
        }
        let (bar, is_cut) = self.bar(layer.output, (from, bottom));
        match layer.operation {
            Operation::Pooling => marker::bar_without_weights(scene, bar),
            operation => scene.area(bar, operation.colour(), 1.0),
        }
        if is_cut {
            draw_break(scene, bar);
        }
        if layer.squeeze_excite {
            marker::squeeze_excite(scene, (bar.right.max(end) + SIGN, row.y));
        }
    }

    /// Draws the line that data follow, between two heights.
    pub(super) fn draw_flow(self, scene: &mut Scene, (top, bottom): (f64, f64)) {
        scene.line(vec![(self.middle, top), (self.middle, bottom)], 0.75, tint(GREY, 0.6));
    }

    /// Draws how long a round number of channels is, below `y`.
    pub(super) fn draw_scale(self, scene: &mut Scene, y: f64) {
        let ticks = Ticks::whole_inside(Range { lo: 0.0, hi: self.widest }, 4);
        let channels = ticks.values.get(1).copied().unwrap_or(self.widest);
        let half = self.half * channels / self.widest;
        let (left, right, y) = (self.middle - half, self.middle + half, y + 9.0);
        for x in [left, right] {
            scene.line(vec![(x, y - 3.0), (x, y + 3.0)], 1.0, INK);
        }
        scene.line(vec![(left, y), (right, y)], 1.0, INK);
        let text = format!("{channels} channels");
        scene.text(Text::new(&text, (self.middle, y + 14.0), SCALE_SIZE, Anchor::Middle, INK));
    }
}

/// Draws gaps near both ends of a bar, which say that it is longer than it is drawn.
fn draw_break(scene: &mut Scene, Rect { left, top, right, bottom }: Rect) {
    for x in [left + BREAK, right - BREAK] {
        scene.line(vec![(x - LEAN, bottom + 1.0), (x + LEAN, top - 1.0)], 2.5, WHITE);
    }
}

impl Operation {
    fn colour(self) -> Colour {
        match self {
            Self::Convolution { kernel: 1 } => PURPLE,
            Self::Convolution { kernel: 3 } => BLUE,
            Self::Convolution { kernel: 5 } => GREEN,
            Self::Convolution { kernel: 7 } => VERMILLION,
            Self::Convolution { .. } => ORANGE,
            Self::Linear | Self::Pooling => GREY,
        }
    }

    /// How a legend shows it.
    pub(super) fn symbol(self) -> Symbol {
        match self {
            Self::Pooling => Symbol::WithoutWeights,
            other => Symbol::Block(other.colour()),
        }
    }

    /// What a legend calls it; the first one of a legend says what the numbers are.
    pub(super) fn name(self, is_first: bool) -> String {
        match self {
            Self::Convolution { kernel } if is_first => format!("kernel {kernel}\u{d7}{kernel}"),
            Self::Convolution { kernel } => format!("{kernel}\u{d7}{kernel}"),
            Self::Linear => "linear".to_owned(),
            Self::Pooling => "pooling".to_owned(),
        }
    }
}

/// An activation's name in papers.
pub(super) fn activation_name(activation: Activation) -> &'static str {
    match activation {
        Activation::Relu => "ReLU",
        Activation::Relu6 => "ReLU6",
        Activation::Hswish => "h-swish",
    }
}

/// The graph of an activation, both axes from -1 to 1; what tells it from the others is larger than it is.
pub(super) fn activation_graph(activation: Activation) -> &'static [At] {
    match activation {
        Activation::Relu => &[(-1.0, -1.0), (0.0, -1.0), (1.0, 1.0)],
        Activation::Relu6 => &[(-1.0, -1.0), (-0.4, -1.0), (0.3, 1.0), (1.0, 1.0)],
        Activation::Hswish => &[
            (-1.0, -0.3),
            (-0.8, -0.35),
            (-0.6, -0.55),
            (-0.35, -0.88),
            (-0.1, -1.0),
            (0.15, -0.85),
            (0.4, -0.4),
            (1.0, 1.0),
        ],
    }
}
