//! What an adaptation did to a network: a bar for the width of each layer before and after, in network order.
//!
//! Widths have a linear axis, on which lengths can be compared, unless the narrowest layers would vanish on it: then it
//! is one of square roots, and its name says so.

use std::cmp::Ordering;
use std::path::Path;

use super::ReportError;
use super::axis::{Range, Ticks};
use super::error::check_width;
use super::figure::{FigureFiles, write_figure};
use super::font::{self, Weight};
use super::legend::{Symbol, draw_heading};
use super::marker;
use super::palette::{INK, WHITE};
use super::panel::{self, Axis, Panel};
use super::scene::{Anchor, HEIGHT, Rect, Scene, Text, WIDTH};

/// The axis is linear when the narrowest layer has at least this share of the widest one's height.
const LEAST_SHARE: f64 = 0.02;
/// The share of the height between two ticks of an axis of square roots.
const ROOT_GAP: f64 = 0.09;
const MOST_TICKS: usize = 9;
/// The width of a bar: its share of the room for a layer, and at most.
const BAR: f64 = 0.72;
const WIDEST_BAR: f64 = 72.0;
/// Names below the bars: their sizes at least and at most, the least across, room for them, and their distance from the
/// bars.
const NAME_SIZES: (f64, f64) = (8.0, 11.0);
const LEAST_ACROSS: f64 = 9.0;
const LONGEST_NAME: f64 = 130.0;
const NAME_GAP: f64 = 6.0;
/// Sizes of kept shares, and their distance from the bars.
const KEPT_SIZES: (f64, f64) = (7.5, 11.0);
const KEPT_GAP: f64 = 4.0;
/// From this size on, shares have their sign.
const SIGN_FROM: f64 = 9.0;

/// One layer before and after an adaptation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerWidths {
    /// What to call it.
    pub name: String,
    /// Width before, at least 1.
    pub before: u32,
    /// Width after, at least 1.
    pub after: u32,
}

/// The widths of all layers before and after an adaptation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WidthsPlot {
    /// First line, in bold; may be empty.
    pub title: String,
    /// Second line; may be empty.
    pub subtitle: String,
    /// Name of the width axis, for example `channels`.
    pub label: String,
    /// All layers in network order, from left to right.
    pub layers: Vec<LayerWidths>,
}

/// What the height of a bar stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    Linear,
    Roots,
}

/// How names or kept shares are written.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Lettering {
    size: f64,
    upwards: bool,
    /// After a number.
    sign: &'static str,
    /// The room that they take, away from the bars.
    room: f64,
}

impl WidthsPlot {
    /// Draws the figure into `<path>.svg` and `<path>.png`.
    ///
    /// # Errors
    /// As [`WidthsPlot::scene`], and when a file cannot be drawn or written.
    pub fn write(&self, path: &Path) -> Result<FigureFiles, ReportError> {
        write_figure(&self.scene()?, path)
    }

    /// Lays the figure out.
    ///
    /// # Errors
    /// [`ReportError::Value`] names the first layer without any channel.
    pub fn scene(&self) -> Result<Scene, ReportError> {
        self.check()?;
        let mut scene = Scene::default();
        let scale = self.scale();
        let widest = self.widths().fold(0.0, f64::max);
        let widest = if widest > 0.0 { widest } else { 1.0 };
        let label = scale.label(&self.label);
        let axis = Axis { ticks: scale.ticks(widest), label: &label };
        let (left, right) = (axis.room_left(), WIDTH - panel::RIGHT);
        let slot = (right - left) / self.layers.len().max(1) as f64;
        let names = self.name_lettering(slot);
        let shares = self.kept_lettering(slot);
        let legend = self.legend(shares.is_some());
        let top = draw_heading(&mut scene, &self.title, &self.subtitle, &legend) + panel::ABOVE;

        let frame = Rect { left, top, right, bottom: HEIGHT - names.room };
        let above = shares.map_or(0.0, |shares| shares.room);
        let y = Range { lo: 0.0, hi: scale.place(widest) }.with_room(frame.height(), (0.0, above + 2.0));
        let x = Range { lo: 0.0, hi: self.layers.len().max(1) as f64 };
        let panel = Panel { frame, x, y };
        panel.draw_grid(&mut scene, &Ticks::default(), &axis.ticks);
        for (index, layer) in self.layers.iter().enumerate() {
            let x = panel.x_at(index as f64 + 0.5);
            let top = draw_bars(&mut scene, &panel, scale, x, layer);
            if let (Some(shares), Some(kept)) = (shares, kept(layer)) {
                shares.draw_above(&mut scene, &kept, (x, top));
            }
        }
        // Names that would run into each other are left out evenly.
        let step = if names.upwards { (1.1 * names.size / slot).ceil().max(1.0) as usize } else { 1 };
        for (index, layer) in self.layers.iter().enumerate().step_by(step) {
            names.draw_below(&mut scene, &layer.name, (panel.x_at(index as f64 + 0.5), frame.bottom));
        }
        panel.draw_y_axis(&mut scene, &axis);
        panel.draw_x_axis(&mut scene, &Axis { ticks: Ticks::default(), label: "" }, frame.bottom);
        if self.layers.is_empty() {
            panel.draw_remark(&mut scene, "no layer was given");
        }
        Ok(scene)
    }

    fn check(&self) -> Result<(), ReportError> {
        for LayerWidths { name, before, after } in &self.layers {
            check_width(|| format!("width of layer {name:?} before"), *before)?;
            check_width(|| format!("width of layer {name:?} after"), *after)?;
        }
        Ok(())
    }

    fn widths(&self) -> impl Iterator<Item = f64> {
        self.layers.iter().flat_map(|layer| [layer.before, layer.after]).map(f64::from)
    }

    fn scale(&self) -> Scale {
        match Range::around(self.widths()) {
            Some((narrowest, widest)) if narrowest < LEAST_SHARE * widest => Scale::Roots,
            _ => Scale::Linear,
        }
    }

    fn legend(&self, with_shares: bool) -> Vec<(Symbol, &'static str)> {
        let changed = self.layers.iter().any(|layer| layer.before != layer.after);
        let unchanged = self.layers.iter().any(|layer| layer.before == layer.after);
        let after = if with_shares { "after, with the kept share in %" } else { "after" };
        [
            (changed, (Symbol::Before, "before")),
            (changed, (Symbol::After, after)),
            (unchanged, (Symbol::Unchanged, "unchanged")),
        ]
        .into_iter()
        .filter_map(|(shown, entry)| shown.then_some(entry))
        .collect()
    }

    /// Names that read across where all fit, and upwards otherwise.
    fn name_lettering(&self, slot: f64) -> Lettering {
        let widest = |size| {
            let widths = self.layers.iter().map(|layer| font::width(&layer.name, size, Weight::Regular));
            widths.fold(0.0, f64::max)
        };
        let across = ((slot - 8.0) / widest(1.0)).min(NAME_SIZES.1);
        if across >= LEAST_ACROSS {
            return Lettering { size: across, upwards: false, sign: "", room: 2.0 * NAME_GAP + across + 4.0 };
        }
        let size = (0.8 * slot).clamp(NAME_SIZES.0, NAME_SIZES.1);
        let room = NAME_GAP + widest(size).min(LONGEST_NAME) + 8.0;
        Lettering { size, upwards: true, sign: "", room }
    }

    /// Kept shares as large as fits: with their sign, without it, or upwards; `None` where there is none or no room.
    fn kept_lettering(&self, slot: f64) -> Option<Lettering> {
        let texts: Vec<String> = self.layers.iter().filter_map(kept).collect();
        if texts.is_empty() {
            return None;
        }
        let widest = |sign: &str| {
            let widths = texts.iter().map(|text| font::width(&format!("{text}{sign}"), 1.0, Weight::Regular));
            widths.fold(0.0, f64::max)
        };
        let across = |sign: &'static str, (least, most): (f64, f64)| {
            let size = ((slot - 4.0) / widest(sign)).min(most);
            let room = KEPT_GAP + size;
            (size >= least).then_some(Lettering { size, upwards: false, sign, room })
        };
        let upwards = || {
            let (size, sign) = ((slot - 1.0).min(SIGN_FROM), " %");
            let room = KEPT_GAP + size * widest(sign);
            (size >= KEPT_SIZES.0).then_some(Lettering { size, upwards: true, sign, room })
        };
        across(" %", (SIGN_FROM, KEPT_SIZES.1))
            .or_else(|| across("", (KEPT_SIZES.0, SIGN_FROM)))
            .or_else(upwards)
    }
}

impl Scale {
    /// Where a width lies on the axis.
    fn place(self, width: f64) -> f64 {
        match self {
            Self::Linear => width,
            Self::Roots => width.sqrt(),
        }
    }

    fn ticks(self, widest: f64) -> Ticks {
        match self {
            Self::Linear => Ticks::whole_inside(Range { lo: 0.0, hi: widest }, MOST_TICKS),
            Self::Roots => Ticks::of_roots(widest, ROOT_GAP),
        }
    }

    fn label(self, quantity: &str) -> String {
        match self {
            Self::Linear => quantity.to_owned(),
            Self::Roots => format!("{quantity} (square-root scale)"),
        }
    }
}

impl Lettering {
    /// Writes a number above a bar that ends at `(x, top)`, free of the grid.
    fn draw_above(self, scene: &mut Scene, number: &str, (x, top): (f64, f64)) {
        let text = format!("{number}{}", self.sign);
        let text = if self.upwards {
            let at = (x + 0.36 * self.size, top - KEPT_GAP);
            Text::new(&text, at, self.size, Anchor::Start, INK).upwards()
        } else {
            Text::new(&text, (x, top - KEPT_GAP), self.size, Anchor::Middle, INK)
        };
        scene.area(text.bounds(), WHITE, 0.75);
        scene.text(text);
    }

    /// Writes a name below the axis at `(x, bottom)`.
    fn draw_below(self, scene: &mut Scene, name: &str, (x, bottom): (f64, f64)) {
        let text = if self.upwards {
            let at = (x + 0.36 * self.size, bottom + NAME_GAP);
            Text::new(name, at, self.size, Anchor::End, INK).cut_to(LONGEST_NAME).upwards()
        } else {
            Text::new(name, (x, bottom + NAME_GAP + self.size), self.size, Anchor::Middle, INK)
        };
        scene.text(text);
    }
}

/// Draws the bars of `layer` around `x` and returns the top of the higher one.
fn draw_bars(scene: &mut Scene, panel: &Panel, scale: Scale, x: f64, layer: &LayerWidths) -> f64 {
    let slot = panel.x_at(1.0) - panel.x_at(0.0);
    let half = (BAR * slot).min(WIDEST_BAR) / 2.0;
    let bar = |width: u32| {
        let top = panel.y_at(scale.place(f64::from(width)));
        Rect { left: x - half, top, right: x + half, bottom: panel.frame.bottom }
    };
    let (before, after) = (bar(layer.before), bar(layer.after));
    // The lower bar is in front, so that both are seen.
    match layer.after.cmp(&layer.before) {
        Ordering::Equal => marker::bar_unchanged(scene, before),
        Ordering::Less => {
            marker::bar_before(scene, before);
            marker::bar_after(scene, after);
        }
        Ordering::Greater => {
            marker::bar_after(scene, after);
            marker::bar_before(scene, before);
        }
    }
    before.top.min(after.top)
}

/// The share of its width, in whole percent, that a changed layer has kept; a change is never rounded away.
fn kept(LayerWidths { before, after, .. }: &LayerWidths) -> Option<String> {
    if before == after {
        return None;
    }
    let percent = 100.0 * f64::from(*after) / f64::from(*before);
    Some(match percent.round() {
        rounded if rounded < 1.0 => "<1".to_owned(),
        rounded if after < before && rounded >= 100.0 => ">99".to_owned(),
        rounded if after > before && rounded <= 100.0 => ">100".to_owned(),
        rounded => format!("{rounded}"),
    })
}

#[cfg(test)]
mod tests;
