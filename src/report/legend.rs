//! The heading of a figure: title, subtitle, and the legend in rows outside of the panel, where no datum can be hidden.

use super::marker::{self, Stroke};
use super::palette::{BLUE, Colour, GREY, GRID, INK, SHADE, WHITE, ramp, tint};
use super::scene::{Anchor, At, Rect, Scene, Text, WIDTH};

const LEFT: f64 = 16.0;
const TEXT_SIZE: f64 = 11.0;
const ROW: f64 = 18.0;
const GAP: f64 = 22.0;

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
}

impl Symbol {
    fn width(self) -> f64 {
        match self {
            Self::TrialsByOrder => 38.0,
            Self::Front | Self::Best | Self::Hypervolume | Self::Generations | Self::Curve(_) => 26.0,
            Self::Shades(_) => 48.0,
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
pub(super) fn draw_heading(
    scene: &mut Scene,
    title: &str,
    subtitle: &str,
    entries: &[(Symbol, impl AsRef<str>)],
) -> f64 {
    let width = WIDTH - 2.0 * LEFT;
    let mut bottom = 10.0;
    let lines = [(title, 16.0, 20.0, INK), (subtitle, 11.5, 17.0, GREY)];
    for (index, (line, size, height, colour)) in lines.into_iter().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        bottom += height;
        let text = Text::new(line, (LEFT, bottom - 4.0), size, Anchor::Start, colour);
        let text = if index == 0 { text.bold() } else { text };
        scene.text(text.cut_to(width));
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
