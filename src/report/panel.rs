//! A panel of a figure: the map from data to the page, its grid, its axes and their numbers.

use super::axis::{Range, Ticks};
use super::font::{self, Weight};
use super::palette::{GREY, GRID, INK, WHITE};
use super::scene::{Anchor, At, Rect, Scene, Text, WIDTH};

const TICK_SIZE: f64 = 11.0;
const LABEL_SIZE: f64 = 12.0;
const MOST_ACROSS: usize = 11;
const TICK: f64 = 4.0;
/// The baseline of vertical axis labels, from the left border of the page.
const LABEL_LEFT: f64 = 20.0;
/// Room for the x axis below a panel: ticks, their numbers and the axis label.
pub(super) const BELOW: f64 = 48.0;
/// Room above a panel, and above one with the text of a limit.
pub(super) const ABOVE: f64 = 10.0;
pub(super) const ABOVE_LIMIT: f64 = 24.0;
/// Room right of a panel: half a number of the x axis.
pub(super) const RIGHT: f64 = 22.0;

/// A rectangle of the page in which data are drawn.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    pub frame: Rect,
    pub x: Range,
    pub y: Range,
}

/// One axis: where its ticks are and what it is called.
#[derive(Clone, Debug)]
pub(super) struct Axis<'a> {
    pub ticks: Ticks,
    pub label: &'a str,
}

impl Axis<'_> {
    /// The room that this axis needs left of a panel when it is vertical.
    pub(super) fn room_left(&self) -> f64 {
        let widths = self
            .ticks
            .values
            .iter()
            .map(|&value| font::width(&self.ticks.text(value), TICK_SIZE, Weight::Regular));
        widths.fold(0.0, f64::max) + TICK + 18.0 + LABEL_LEFT
    }
}

/// As many ticks of a horizontal axis as fit side by side into `width` page pixels.
pub(super) fn ticks_across(range: Range, width: f64, ticks: fn(Range, usize) -> Ticks) -> Ticks {
    let fits = |ticks: &Ticks| {
        let texts = ticks.values.iter().map(|&value| ticks.text(value));
        let widest = texts.map(|text| font::width(&text, TICK_SIZE, Weight::Regular)).fold(0.0, f64::max);
        ticks.values.len() as f64 * (widest + 12.0) <= width
    };
    let attempts = (2..=MOST_ACROSS).rev().map(|most| ticks(range, most));
    attempts.into_iter().find(fits).unwrap_or_else(|| ticks(range, 1))
}

impl Panel {
    /// Where `(x, y)` of the data lies on the page.
    pub(super) fn at(&self, x: f64, y: f64) -> At {
        (self.x_at(x), self.y_at(y))
    }

    pub(super) fn x_at(&self, x: f64) -> f64 {
        self.frame.left + self.x.share(x) * self.frame.width()
    }

    pub(super) fn y_at(&self, y: f64) -> f64 {
        self.frame.bottom - self.y.share(y) * self.frame.height()
    }

    /// Draws the grid; to be called before the data are drawn.
    pub(super) fn draw_grid(&self, scene: &mut Scene, x: &Ticks, y: &Ticks) {
        let Rect { left, top, right, bottom } = self.frame;
        for x in x.values.iter().map(|&value| self.x_at(value)) {
            scene.line(vec![(x, top), (x, bottom)], 0.75, GRID);
        }
        for y in y.values.iter().map(|&value| self.y_at(value)) {
            scene.line(vec![(left, y), (right, y)], 0.75, GRID);
        }
    }

    /// Draws a vertical line at `x` of the data with `text` on top of it, for which there is [`ABOVE_LIMIT`] of room.
    pub(super) fn draw_limit(&self, scene: &mut Scene, x: f64, text: &str) {
        let Rect { left, top, bottom, .. } = self.frame;
        let x = self.x_at(x);
        scene.dashed(vec![(x, top - 3.0), (x, bottom)], 1.25, INK, (6.0, 4.0));
        let text = Text::new(text, (x, top - 8.0), TICK_SIZE, Anchor::Middle, INK).cut_to(self.frame.width());
        let half = text.width() / 2.0;
        scene.text(Text { at: (x.clamp(left + half, WIDTH - 8.0 - half), text.at.1), ..text });
    }

    /// Draws the vertical axis at the left border with its numbers and its label.
    pub(super) fn draw_y_axis(&self, scene: &mut Scene, axis: &Axis<'_>) {
        let Rect { left, top, bottom, .. } = self.frame;
        scene.line(vec![(left, top), (left, bottom)], 1.0, INK);
        for &value in &axis.ticks.values {
            let y = self.y_at(value);
            scene.line(vec![(left - TICK, y), (left, y)], 1.0, INK);
            let at = (left - TICK - 4.0, y + 0.36 * TICK_SIZE);
            scene.text(Text::new(&axis.ticks.text(value), at, TICK_SIZE, Anchor::End, INK));
        }
        let at = (LABEL_LEFT, (top + bottom) / 2.0);
        let label = Text::new(axis.label, at, LABEL_SIZE, Anchor::Middle, INK);
        scene.text(label.cut_to(self.frame.height()).upwards());
    }

    /// Draws the horizontal axis at page coordinate `y`, at or below the panel, with its numbers and its label.
    pub(super) fn draw_x_axis(&self, scene: &mut Scene, axis: &Axis<'_>, y: f64) {
        let Rect { left, right, .. } = self.frame;
        scene.line(vec![(left, y), (right, y)], 1.0, INK);
        for &value in &axis.ticks.values {
            let x = self.x_at(value);
            scene.line(vec![(x, y), (x, y + TICK)], 1.0, INK);
            let at = (x, y + TICK + 3.0 + TICK_SIZE);
            scene.text(Text::new(&axis.ticks.text(value), at, TICK_SIZE, Anchor::Middle, INK));
        }
        let at = ((left + right) / 2.0, y + TICK + TICK_SIZE + 22.0);
        let label = Text::new(axis.label, at, LABEL_SIZE, Anchor::Middle, INK);
        scene.text(label.cut_to(WIDTH - left - RIGHT));
    }

    /// Draws a remark in the middle of an otherwise empty panel.
    pub(super) fn draw_remark(&self, scene: &mut Scene, remark: &str) {
        let Rect { left, top, right, bottom } = self.frame;
        let at = ((left + right) / 2.0, (top + bottom) / 2.0);
        let text = Text::new(remark, at, 14.0, Anchor::Middle, GREY);
        // A limit may run through the middle.
        scene.area(text.bounds().grown(4.0), WHITE, 1.0);
        scene.text(text);
    }
}
