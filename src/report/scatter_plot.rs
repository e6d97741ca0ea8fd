//! Predicted against measured latency of whole networks: how far a latency table can be trusted.
//!
//! Both axes have the same range and the same length, so that right predictions lie on the diagonal and those with the
//! same relative error on a line through the origin. Bands show the errors in which such predictors are stated (Zhang et
//! al., nn-Meter, 2021): within 5 % and within 10 % of what was measured.

use std::path::Path;

use super::ReportError;
use super::axis::{Range, Ticks};
use super::error::check_positive_latency;
use super::figure::{FigureFiles, write_figure};
use super::legend::{Symbol, draw_heading};
use super::marker;
use super::number::short;
use super::palette::{BLUE, GREY, INK, tint};
use super::panel::{self, Axis, Panel};
use super::scene::{Anchor, At, Rect, Scene, Text, WIDTH};
use crate::latency::{Comparison, Figures};

/// Side of the panel.
const SIDE: f64 = 480.0;
/// The span of the axes is at least this share of the latency in their middle, so that the bands end at the upper and the
/// right border.
const LEAST_SPAN: f64 = 0.4;
/// The bands, the wider one first: error in percent, and how dark it is.
const BANDS: [(f64, f64); 2] = [(10.0, 0.07), (5.0, 0.16)];
/// Names of the bands: page pixels per em, and the length of the ticks that lead to them.
const BAND_SIZE: f64 = 10.0;
const BAND_TICK: f64 = 4.0;
/// The list of figures: room from the panel, distance of lines, size of its heading and of its texts.
const LIST_GAP: f64 = 58.0;
const LIST_LINE: f64 = 20.0;
const LIST_SIZES: (f64, f64) = (12.0, 10.5);

/// Predicted against measured latency.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScatterPlot {
    /// First line, in bold; may be empty.
    pub title: String,
    /// Second line; may be empty.
    pub subtitle: String,
    /// Networks that the predictor has not seen; their figures are listed beside the panel.
    pub networks: Vec<Comparison>,
    /// Networks to which the predictor was fitted; may be empty.
    pub fitted: Vec<Comparison>,
}

impl ScatterPlot {
    /// Draws the figure into `<path>.svg` and `<path>.png`.
    ///
    /// # Errors
    /// As [`ScatterPlot::scene`], and when a file cannot be drawn or written.
    pub fn write(&self, path: &Path) -> Result<FigureFiles, ReportError> {
        write_figure(&self.scene()?, path)
    }

    /// Lays the figure out.
    ///
    /// # Errors
    /// [`ReportError::Value`] names the first latency that is not a number from 1e-6 to 1e9 ms.
    pub fn scene(&self) -> Result<Scene, ReportError> {
        self.check()?;
        let mut scene = Scene::default();
        let top = draw_heading(&mut scene, &self.title, &self.subtitle, &self.legend()) + panel::ABOVE_LIMIT;
        let range = self.range();
        let ticks = panel::ticks_across(range, SIDE, Ticks::inside);
        let y_axis = Axis { ticks: ticks.clone(), label: "predicted latency, ms" };
        let x_axis = Axis { ticks, label: "measured latency, ms" };
        let left = y_axis.room_left();
        let frame = Rect { left, top, right: left + SIDE, bottom: top + SIDE };
        let panel = Panel { frame, x: range, y: range };
        scene.height = frame.bottom + panel::BELOW;

        for (percent, shade) in BANDS {
            scene.polygon(band(&panel, percent), tint(BLUE, shade));
        }
        panel.draw_grid(&mut scene, &x_axis.ticks, &y_axis.ticks);
        for (percent, _) in BANDS {
            name_band(&mut scene, &panel, percent);
        }
        marker::agreement(&mut scene, vec![(frame.left, frame.bottom), (frame.right, frame.top)]);
        self.draw_networks(&mut scene, &panel);
        panel.draw_y_axis(&mut scene, &y_axis);
        panel.draw_x_axis(&mut scene, &x_axis, frame.bottom);
        if let Some(figures) = Figures::of(&self.networks) {
            draw_list(&mut scene, &frame, &figures);
        } else if self.fitted.is_empty() {
            panel.draw_remark(&mut scene, "no network was measured");
        }
        Ok(scene)
    }

    fn check(&self) -> Result<(), ReportError> {
        for (kind, networks) in [("network", &self.networks), ("fitted network", &self.fitted)] {
            for (number, network) in (1..).zip(networks) {
                let what = |which: &str| format!("{which} latency of {kind} {number}");
                check_positive_latency(|| what("predicted"), network.predicted_ms)?;
                check_positive_latency(|| what("measured"), network.measured_ms)?;
            }
        }
        Ok(())
    }

    fn legend(&self) -> Vec<(Symbol, &'static str)> {
        [
            (!self.networks.is_empty(), (Symbol::HeldOut, "held-out network")),
            (!self.fitted.is_empty(), (Symbol::Fitted, "network of the fit")),
            (true, (Symbol::Agreement, "predicted = measured")),
        ]
        .into_iter()
        .filter_map(|(shown, entry)| shown.then_some(entry))
        .collect()
    }

    /// The range of both axes.
    fn range(&self) -> Range {
        let networks = self.networks.iter().chain(&self.fitted);
        let hull = Range::around(networks.flat_map(|network| [network.predicted_ms, network.measured_ms]));
        let (lo, hi) = hull.unwrap_or((0.0, 100.0));
        let padded = Range::padded((lo, hi), LEAST_SPAN * (lo + hi) / 2.0, 0.04);
        Range { lo: padded.lo.max(0.0), ..padded }
    }

    fn draw_networks(&self, scene: &mut Scene, panel: &Panel) {
        let at = |network: &Comparison| panel.at(network.measured_ms, network.predicted_ms);
        for network in &self.fitted {
            marker::fitted(scene, at(network));
        }
        for network in &self.networks {
            marker::held_out(scene, at(network), self.networks.len());
        }
    }
}

/// Where the line of predictions that are `percent` too high leaves the panel at its upper border, and that of those
/// that are as much too low at its right border.
fn band_ends(panel: &Panel, percent: f64) -> (At, At) {
    let most = panel.x.hi;
    (panel.at(most / (1.0 + percent / 100.0), most), panel.at(most, most * (1.0 - percent / 100.0)))
}

/// The part of the panel in which errors are at most `percent`.
fn band(panel: &Panel, percent: f64) -> Vec<At> {
    let least = panel.x.lo;
    let (above, below) = band_ends(panel, percent);
    vec![
        panel.at(least, least),
        panel.at(least, least * (1.0 + percent / 100.0)),
        above,
        (panel.frame.right, panel.frame.top),
        below,
        panel.at(least / (1.0 - percent / 100.0), least),
    ]
}

/// Writes the error at both ends of a band's borders.
fn name_band(scene: &mut Scene, panel: &Panel, percent: f64) {
    let ((x, top), (right, y)) = band_ends(panel, percent);
    scene.line(vec![(x, top), (x, top - BAND_TICK)], 1.0, GREY);
    scene.line(vec![(right, y), (right + BAND_TICK, y)], 1.0, GREY);
    // The names of two bands that start at the origin would overlap, were they in the middle above their ends.
    let widest = percent == BANDS[0].0;
    let (anchor, x) = if widest { (Anchor::End, x + 6.0) } else { (Anchor::Start, x - 4.0) };
    let above = (x, top - BAND_TICK - 4.0);
    scene.text(Text::new(&format!("+{percent} %"), above, BAND_SIZE, anchor, GREY));
    let beside = (right + BAND_TICK + 4.0, y + 0.36 * BAND_SIZE);
    scene.text(Text::new(&format!("\u{2212}{percent} %"), beside, BAND_SIZE, Anchor::Start, GREY));
}

/// Lists the figures right of the panel.
fn draw_list(scene: &mut Scene, frame: &Rect, figures: &Figures) {
    let (left, right) = (frame.right + LIST_GAP, WIDTH - 16.0);
    let (heading_size, size) = LIST_SIZES;
    let heading = match figures.networks {
        1 => "1 held-out network".to_owned(),
        count => format!("{count} held-out networks"),
    };
    let mut y = frame.top + 9.0;
    scene.text(Text::new(&heading, (left, y), heading_size, Anchor::Start, INK).cut_to(right - left));
    for (name, value) in lines(figures) {
        y += LIST_LINE;
        let value = Text::new(&value, (right, y), size, Anchor::End, INK);
        let room = right - left - value.width() - 8.0;
        scene.text(Text::new(name, (left, y), size, Anchor::Start, INK).cut_to(room));
        scene.text(value);
    }
}

fn lines(figures: &Figures) -> [(&'static str, String); 6] {
    let sign = if figures.bias_percent < 0.0 { "\u{2212}" } else { "+" };
    [
        ("within \u{b1}5 %", format!("{:.1} %", 100.0 * figures.within_5_percent)),
        ("within \u{b1}10 %", format!("{:.1} %", 100.0 * figures.within_10_percent)),
        ("bias", format!("{sign}{}", percent(figures.bias_percent.abs()))),
        ("mean absolute error", percent(figures.mean_absolute_percent)),
        ("RMSE", format!("{} ms", short(figures.rmse_ms))),
        (
            "Kendall tau",
            figures.kendall_tau.map_or("none".to_owned(), |tau| format!("{tau:.3}").replace('-', "\u{2212}")),
        ),
    ]
}

/// An error of at least 0 in percent; how far a useless prediction is off does not matter.
fn percent(value: f64) -> String {
    if value < 1000.0 { format!("{value:.2} %") } else { "1000 % or more".to_owned() }
}

#[cfg(test)]
mod tests;
