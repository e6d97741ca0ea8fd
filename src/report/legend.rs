//! The heading of a figure: title, subtitle, and the legend in rows outside of the panel, where no datum can be hidden.

use super::font::{self, Weight};
use super::marker::{self, Stroke};
use super::palette::{BLUE, Colour, GREY, GRID, INK, SHADE, WHITE, ramp, tint};
use super::scene::{Anchor, At, Rect, Scene, Text, WIDTH};

const LEFT: f64 = 16.0;
const TITLE_SIZE: f64 = 16.0;
const SUBTITLE_SIZE: f64 = 11.5;
const TEXT_SIZE: f64 = 11.0;
const ROW: f64 = 18.0;
const GAP: f64 = 22.0;
/// Lines of a title and of a subtitle.
const MOST_LINES: (usize, usize) = (2, 4);

/// What a legend entry shows before its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Symbol {
    /// Dots from the first to the last trial's colour.
    TrialsByOrder,
    /// A dot of middle order.
    Trial,
    Front,
    /// The front's line without a marker.
    Best,
    Hypervolume,
    Retrained,
    Reference,
    Failed,
    /// Shaded bands.
    Generations,
    Curve(Stroke),
    /// A value above the scale.
    OffScale,
    /// A value below the scale.
    BelowScale,
    /// The bars of what a layer was, of what it has become, and of one that is what it was.
    Before,
    After,
    Unchanged,
    /// Shades of a colour from white on.
    Shades(Colour),
    /// A block of this colour.
    Block(Colour),
    /// A block whose channels no weights make.
    WithoutWeights,
    /// Expanded channels above output channels.
    Expanded,
    SqueezeExcite,
    Interpolated,
    Extrapolated,
    /// A network on which a prediction is tested, one to which it was fitted, and where predictions are right.
    HeldOut,
    Fitted,
    Agreement,
}

impl Symbol {
    fn width(self) -> f64 {
        match self {
            Self::TrialsByOrder => 38.0,
            Self::Front | Self::Best | Self::Hypervolume | Self::Generations | Self::Curve(_) => 26.0,
            Self::Agreement => 26.0,
            Self::HeldOut | Self::Fitted => 9.0,
            Self::Shades(_) => 48.0,
            Self::Expanded => 30.0,
            Self::Block(_) | Self::WithoutWeights => 12.0,
            Self::SqueezeExcite | Self::Interpolated | Self::Extrapolated => 9.0,
            Self::Trial | Self::Retrained | Self::Reference | Self::Failed => 12.0,
            Self::OffScale | Self::BelowScale | Self::Before | Self::After | Self::Unchanged => 12.0,
        }
    }

    fn draw(self, scene: &mut Scene, (left, y): At) {
        let right = left + self.width();
        let middle = (left + self.width() / 2.0, y);
        let across = vec![(left, y), (right, y)];
        match self {
            Self::TrialsByOrder => {
                for step in 0..5 {
                    let position = f64::from(step) / 4.0;
                    scene.disc((left + 4.0 + 30.0 * position, y), 3.25, ramp(position), 1.0);
                }
            }
            Self::Trial => scene.disc(middle, 3.25, BLUE, 0.8),
            Self::Front => {
                marker::front_line(scene, across);
                marker::front(scene, middle);
            }
            Self::Best => marker::front_line(scene, across),
            Self::Hypervolume => marker::second_line(scene, across),
            Self::Retrained => marker::retrained(scene, middle),
            Self::Reference => marker::reference(scene, (middle.0, y + 3.5)),
            Self::Failed => marker::failed(scene, middle),
            Self::Curve(stroke) => {
                marker::curve(scene, across, stroke);
                marker::curve_dot(scene, middle, stroke);
            }
            Self::OffScale => marker::arrow_up(scene, middle),
            Self::BelowScale => marker::arrow_down(scene, middle),
            Self::Before => marker::bar_before(scene, Rect::around(middle, 5.5)),
            Self::After => marker::bar_after(scene, Rect::around(middle, 5.5)),
            Self::Unchanged => marker::bar_unchanged(scene, Rect::around(middle, 5.5)),
            Self::Shades(colour) => {
                let bar = Rect { left, top: y - 5.0, right, bottom: y + 5.0 };
                scene.area(bar.grown(0.75), GRID, 1.0);
                for step in 0..12 {
                    let from = left + 4.0 * f64::from(step);
                    scene.area(
                        Rect { left: from, right: from + 4.0, ..bar },
                        tint(colour, f64::from(step) / 11.0),
                        1.0,
                    );
                }
            }
            Self::Block(colour) => scene.area(Rect::around(middle, 5.5), colour, 1.0),
            Self::WithoutWeights => marker::bar_without_weights(scene, Rect::around(middle, 5.5)),
            Self::Expanded => {
                let half = |reach: f64, top, bottom| Rect {
                    left: middle.0 - reach,
                    top: y + top,
                    right: middle.0 + reach,
                    bottom: y + bottom,
                };
                marker::bar_expanded(scene, half(15.0, -5.5, 1.0), GREY);
                scene.area(half(6.0, 1.0, 5.5), GREY, 1.0);
            }
            Self::SqueezeExcite => marker::squeeze_excite(scene, middle),
            Self::Interpolated => marker::interpolated(scene, middle),
            Self::Extrapolated => marker::extrapolated(scene, middle),
            Self::HeldOut => marker::held_out(scene, middle, 100),
            Self::Fitted => marker::fitted(scene, middle),
            Self::Agreement => marker::agreement(scene, across),
            Self::Generations => {
                let band = Rect { left, top: y - 6.0, right: left + 13.0, bottom: y + 6.0 };
                scene.area(band.grown(0.75), GRID, 1.0);
                scene.area(Rect { right, ..band }.grown(0.75), GRID, 1.0);
                scene.area(band, SHADE, 1.0);
                scene.area(Rect { left: left + 13.0, right, ..band }, WHITE, 1.0);
            }
        }
    }
}

/// Draws the heading with its `entries` and returns the page coordinate of its bottom.
///
/// A title or a line of the subtitle that is too long for the page goes on below.
pub(super) fn draw_heading(
    scene: &mut Scene,
    title: &str,
    subtitle: &str,
    entries: &[(Symbol, impl AsRef<str>)],
) -> f64 {
    let width = WIDTH - 2.0 * LEFT;
    let mut bottom = 10.0;
    for line in font::wrapped(title, TITLE_SIZE, Weight::Bold, width, MOST_LINES.0) {
        bottom += 20.0;
        scene.text(Text::new(&line, (LEFT, bottom - 4.0), TITLE_SIZE, Anchor::Start, INK).bold());
    }
    let lines = subtitle
        .lines()
        .flat_map(|line| font::wrapped(line, SUBTITLE_SIZE, Weight::Regular, width, MOST_LINES.1));
    for line in lines {
        bottom += 17.0;
        scene.text(Text::new(&line, (LEFT, bottom - 4.0), SUBTITLE_SIZE, Anchor::Start, GREY));
    }
    if entries.is_empty() { bottom } else { draw_entries(scene, entries, bottom + 4.0) }
}

fn draw_entries(scene: &mut Scene, entries: &[(Symbol, impl AsRef<str>)], top: f64) -> f64 {
    let (mut x, mut middle) = (LEFT, top + ROW / 2.0);
    for (symbol, name) in entries {
        let text = Text::new(name.as_ref(), (0.0, 0.0), TEXT_SIZE, Anchor::Start, INK);
        let before = symbol.width() + 6.0;
        let width = before + text.width();
        if x > LEFT && x + width > WIDTH - LEFT {
            (x, middle) = (LEFT, middle + ROW);
        }
        symbol.draw(scene, (x, middle));
        scene.text(Text { at: (x + before, middle + 4.0), ..text });
        x += width + GAP;
    }
    middle + ROW / 2.0
}
