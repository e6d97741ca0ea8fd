//! How a network was shrunk to a budget: accuracy against cost of everything that was tried on the way and, below, the
//! final accuracies of the result and of the networks that it is compared with.
//!
//! Some proposals ruin a network. The accuracy axis follows the path and most proposals; those that are far from both are
//! counted and become arrows at the border, because a path that they squeeze flat tells nothing.

use std::path::Path;

use super::ReportError;
use super::axis::{Range, Ticks};
use super::error::{check_cost, check_interval, check_percent};
use super::figure::{FigureFiles, write_figure};
use super::legend::{Symbol, draw_heading};
use super::marker::{self, Stroke};
use super::number::{brief, short};
use super::palette::{BLUE, GREY, INK, SHADE, VERMILLION};
use super::panel::{self, Axis, Panel};
use super::scene::{Anchor, HEIGHT, Rect, Scene, Text, WIDTH};

/// At each end of the accuracy axis, at most one proposal in this many is off the scale.
const OFF_SCALE_SHARE: usize = 2;
/// A proposal is never off the scale that is closer to the path than the path is high, or than this many percent.
const LEAST_SPAN: f64 = 1.0;
/// Room for arrows at the border, and their distance at least.
const ARROW_ROOM: f64 = 14.0;
const ARROW_STEP: f64 = 7.0;
/// Up to this many networks of the path have ringed markers.
const MOST_RINGED: usize = 45;
/// The rows of the results: how many, their height altogether, and each one's at least and at most.
const MOST_ROWS: usize = 9;
const ROWS: f64 = 132.0;
const ROW: (f64, f64) = (14.0, 21.0);
const ROW_SIZE: f64 = 11.0;
/// Room between the two panels, and between the columns of a row.
const BETWEEN: f64 = 8.0;
const GAP: f64 = 16.0;
/// Room for names and for costs in a row.
const LONGEST_NAME: f64 = 160.0;
const LONGEST_COST: f64 = 120.0;

/// A network that was met while shrinking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CostPoint {
    /// Cost in the unit of the cost axis.
    pub cost: f64,
    /// Accuracy in percent, 0 to 100.
    pub accuracy: f64,
}

/// The final accuracy of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct AdaptedNetwork {
    /// What to call it, for example by how its widths were found.
    pub name: String,
    /// Cost in the unit of the cost axis.
    pub cost: f64,
    /// Accuracy in percent, 0 to 100.
    pub accuracy: f64,
    /// Lower end of the accuracy's interval in percent.
    pub low: f64,
    /// Upper end of the accuracy's interval in percent.
    pub high: f64,
    /// Whether the reader should find it first.
    pub highlighted: bool,
}

/// Accuracy against cost over an adaptation, and what came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AdaptationPlot {
    /// First line, in bold; may be empty.
    pub title: String,
    /// Second line; may be empty.
    pub subtitle: String,
    /// Name of the cost axis, for example `predicted latency on Google Pixel 1, ms`; a single word after the last comma
    /// is the unit of all costs.
    pub cost_label: String,
    /// Name of the accuracy axis, for example `accuracy on held-out images, %`.
    pub accuracy_label: String,
    /// The cost that was to be reached.
    pub limit: Option<f64>,
    /// Every network that was tried, kept or not.
    pub tried: Vec<CostPoint>,
    /// The networks that were kept, in the order in which they were found.
    pub path: Vec<CostPoint>,
    /// Name of the axis of final accuracies, for example `test accuracy and its 95 % interval, %`.
    pub result_label: String,
    /// The networks with a final accuracy, from top to bottom; may be empty.
    pub results: Vec<AdaptedNetwork>,
}

/// The columns of the results: texts end where they start or start where they end, the axis lies between.
struct Columns {
    left: f64,
    name: f64,
    axis: (f64, f64),
    accuracy_end: f64,
    cost_end: f64,
}

impl AdaptationPlot {
    /// Draws the figure into `<path>.svg` and `<path>.png`.
    ///
    /// # Errors
    /// As [`AdaptationPlot::scene`], and when a file cannot be drawn or written.
    pub fn write(&self, path: &Path) -> Result<FigureFiles, ReportError> {
        write_figure(&self.scene()?, path)
    }

    /// Lays the figure out; without any result, the upper panel takes the whole height.
    ///
    /// # Errors
    /// [`ReportError::Value`] names the first cost that is not a number from 0 to 1e12, the first accuracy that is not a
    /// percentage, and the first interval that does not lie around its accuracy.
    pub fn scene(&self) -> Result<Scene, ReportError> {
        self.check()?;
        let mut scene = Scene::default();
        let accuracies = self.accuracy_range();
        let heading = draw_heading(&mut scene, &self.title, &self.subtitle, &self.legend(accuracies));
        let top = heading + if self.limit.is_some() { panel::ABOVE_LIMIT } else { panel::ABOVE };
        let rows = self.row_height() * self.results.len().min(MOST_ROWS) as f64;
        let lower = if self.results.is_empty() { 0.0 } else { BETWEEN + rows + panel::BELOW };
        let bottom = HEIGHT - panel::BELOW - lower;

        let most_ticks = if self.results.is_empty() { 9 } else { 6 };
        let y_axis = Axis {
            ticks: Ticks::inside(accuracies, most_ticks).within(0.0, 100.0),
            label: &self.accuracy_label,
        };
        let (left, right) = (y_axis.room_left(), WIDTH - panel::RIGHT);
        let costs = self.cost_range();
        let x_axis = Axis {
            ticks: panel::ticks_across(costs, right - left, Ticks::inside).within(0.0, f64::INFINITY),
            label: &self.cost_label,
        };
        let frame = Rect { left, top, right, bottom };
        let room = |count: usize| if count > 0 { ARROW_ROOM } else { 0.0 };
        let (below, above) = self.off_scale(accuracies);
        let y = accuracies.with_room(frame.height(), (room(below), room(above)));
        let panel = Panel { frame, x: costs, y };

        panel.draw_grid(&mut scene, &x_axis.ticks, &y_axis.ticks);
        if let Some(limit) = self.limit {
            panel.draw_limit(&mut scene, limit, &format!("budget {}", self.with_unit(&brief(limit))));
        }
        self.draw_tried(&mut scene, &panel, accuracies);
        self.draw_path(&mut scene, &panel);
        panel.draw_y_axis(&mut scene, &y_axis);
        panel.draw_x_axis(&mut scene, &x_axis, bottom);
        if self.tried.is_empty() && self.path.is_empty() {
            panel.draw_remark(&mut scene, "no network was tried");
        }
        if !self.results.is_empty() {
            let axis_y = HEIGHT - panel::BELOW;
            self.draw_results(&mut scene, Rect { left, top: axis_y - rows, right, bottom: axis_y });
        }
        Ok(scene)
    }

    fn check(&self) -> Result<(), ReportError> {
        for (kind, points) in [("proposal", &self.tried), ("kept network", &self.path)] {
            for (number, point) in (1..).zip(points) {
                check_cost(|| format!("cost of {kind} {number}"), point.cost)?;
                check_percent(|| format!("accuracy of {kind} {number}"), point.accuracy)?;
            }
        }
        for AdaptedNetwork { name, cost, accuracy, low, high, .. } in &self.results {
            check_cost(|| format!("cost of {name:?}"), *cost)?;
            check_percent(|| format!("accuracy of {name:?}"), *accuracy)?;
            check_interval(|| format!("the interval of {name:?}"), *accuracy, (*low, *high))?;
        }
        self.limit.map_or(Ok(()), |limit| check_cost(|| "budget".to_owned(), limit))
    }

    fn legend(&self, accuracies: Range) -> Vec<(Symbol, String)> {
        let (below, above) = self.off_scale(accuracies);
        let marker = if self.are_ringed() { Symbol::Front } else { Symbol::Curve(Stroke::HeldOut) };
        let kept = match (self.path.first(), self.path.last()) {
            (Some(first), Some(last)) if self.path.len() > 1 => {
                format!("kept network, from {} to {}", percent(first.accuracy), percent(last.accuracy))
            }
            _ => "kept network".to_owned(),
        };
        [
            (!self.tried.is_empty(), (Symbol::Trial, "proposal".to_owned())),
            (!self.path.is_empty(), (marker, kept)),
            (below > 0, (Symbol::BelowScale, format!("{} below the scale", proposals(below)))),
            (above > 0, (Symbol::OffScale, format!("{} above the scale", proposals(above)))),
        ]
        .into_iter()
        .filter_map(|(shown, entry)| shown.then_some(entry))
        .collect()
    }

    /// A cost's number with the unit that the cost axis names.
    fn with_unit(&self, number: &str) -> String {
        let unit = self.cost_label.rsplit_once(',').map_or("", |(_, unit)| unit.trim());
        let word = if unit.contains(char::is_whitespace) { "" } else { unit };
        format!("{number} {word}").trim_end().to_owned()
    }

    /// The accuracies of the path, and those of the proposals except for the minority that is far from it.
    fn accuracy_range(&self) -> Range {
        let mut tried: Vec<f64> = self.tried.iter().map(|point| point.accuracy).collect();
        tried.sort_by(f64::total_cmp);
        let hull = match Range::around(self.path.iter().map(|point| point.accuracy)) {
            Some((lo, hi)) => {
                let span = (hi - lo).max(LEAST_SPAN);
                let most = tried.len().div_ceil(OFF_SCALE_SHARE);
                let usual = |index: Option<usize>| index.and_then(|index| tried.get(index).copied());
                let lowest = usual(Some(most)).unwrap_or(lo).min(lo - span);
                let highest = usual(tried.len().checked_sub(1 + most)).unwrap_or(hi).max(hi + span);
                let near = tried.iter().copied().filter(|accuracy| (lowest..=highest).contains(accuracy));
                Range::around(near.chain([lo, hi]))
            }
            None => Range::around(tried),
        };
        Range::padded(hull.unwrap_or((0.0, 100.0)), LEAST_SPAN, 0.06)
    }

    /// How many proposals lie below and above `accuracies`.
    fn off_scale(&self, accuracies: Range) -> (usize, usize) {
        let count = |off: fn(f64, Range) -> bool| {
            self.tried.iter().filter(|point| off(point.accuracy, accuracies)).count()
        };
        (count(is_below), count(is_above))
    }

    fn cost_range(&self) -> Range {
        let costs = self.tried.iter().chain(&self.path).map(|point| point.cost);
        let (lo, hi) = Range::around(costs.chain(self.limit)).unwrap_or((0.0, 100.0));
        Range::padded((lo, hi), (0.1 * hi).max(1e-6), 0.04)
    }

    /// Draws the proposals; arrows at the border that would run into each other are one.
    fn draw_tried(&self, scene: &mut Scene, panel: &Panel, accuracies: Range) {
        for point in self.tried.iter().filter(|point| accuracies.contains(point.accuracy)) {
            marker::trial(scene, panel.at(point.cost, point.accuracy), BLUE, self.tried.len());
        }
        let Rect { top, bottom, .. } = panel.frame;
        let places = |off: fn(f64, Range) -> bool| {
            let off_scale = self.tried.iter().filter(|point| off(point.accuracy, accuracies));
            let mut places: Vec<f64> = off_scale.map(|point| panel.x_at(point.cost)).collect();
            places.sort_by(f64::total_cmp);
            places.dedup_by(|next, last| *next - *last < ARROW_STEP);
            places
        };
        for x in places(is_below) {
            marker::arrow_down(scene, (x, bottom - ARROW_ROOM / 2.0));
        }
        for x in places(is_above) {
            marker::arrow_up(scene, (x, top + ARROW_ROOM / 2.0));
        }
    }

    fn are_ringed(&self) -> bool {
        self.path.len() <= MOST_RINGED
    }

    fn draw_path(&self, scene: &mut Scene, panel: &Panel) {
        let path: Vec<_> = self.path.iter().map(|point| panel.at(point.cost, point.accuracy)).collect();
        if path.len() > 1 {
            marker::front_line(scene, path.clone());
        }
        for at in path {
            if self.are_ringed() {
                marker::front(scene, at);
            } else {
                marker::record(scene, at);
            }
        }
    }

    /// The results that have a row: the first ones, but all highlighted ones before any other.
    fn listed(&self) -> Vec<&AdaptedNetwork> {
        if self.results.len() <= MOST_ROWS {
            return self.results.iter().collect();
        }
        let mut order: Vec<usize> = (0..self.results.len()).collect();
        order.sort_by_key(|&index| !self.results[index].highlighted);
        // The last row says how many are missing.
        order.truncate(MOST_ROWS - 1);
        order.sort_unstable();
        order.into_iter().map(|index| &self.results[index]).collect()
    }

    fn row_height(&self) -> f64 {
        (ROWS / self.results.len().max(1) as f64).clamp(ROW.0, ROW.1)
    }

    /// Draws the results as rows between the borders of `area`, with their axis below.
    fn draw_results(&self, scene: &mut Scene, area: Rect) {
        let listed = self.listed();
        let columns = self.columns(&listed, &area);
        let hull = Range::around(listed.iter().flat_map(|network| [network.low, network.high]));
        let x = Range::padded(hull.unwrap_or((0.0, 100.0)), LEAST_SPAN, 0.06);
        let (left, right) = columns.axis;
        let axis = Axis {
            ticks: panel::ticks_across(x, right - left, Ticks::inside).within(0.0, 100.0),
            label: &self.result_label,
        };
        let frame = Rect { left, right, ..area };
        // Rows are counted downwards from 0.
        let y = Range { lo: -area.height() / self.row_height(), hi: 0.0 };
        let panel = Panel { frame, x, y };
        let middle = |row: usize| panel.y_at(-0.5 - row as f64);
        for (row, _) in listed.iter().enumerate().filter(|(_, network)| network.highlighted) {
            let half = self.row_height() / 2.0;
            let band = Rect { top: middle(row) - half, bottom: middle(row) + half, ..area };
            scene.area(Rect { left: area.left - 6.0, right: area.right + 6.0, ..band }, SHADE, 1.0);
        }
        panel.draw_grid(scene, &axis.ticks, &Ticks::default());
        for (row, network) in listed.iter().enumerate() {
            self.draw_result(scene, &panel, &columns, network, middle(row));
        }
        let missing = self.results.len() - listed.len();
        if missing > 0 {
            let at = (columns.left, middle(listed.len()) + 0.36 * ROW_SIZE);
            scene.text(Text::new(&format!("and {missing} more"), at, ROW_SIZE, Anchor::Start, GREY));
        }
        panel.draw_x_axis(scene, &axis, area.bottom);
    }

    fn draw_result(
        &self,
        scene: &mut Scene,
        panel: &Panel,
        columns: &Columns,
        network: &AdaptedNetwork,
        y: f64,
    ) {
        let AdaptedNetwork { cost, accuracy, low, high, highlighted, .. } = *network;
        marker::interval(scene, (panel.x_at(low), panel.x_at(high)), (panel.x_at(accuracy), y), highlighted);
        let baseline = y + 0.36 * ROW_SIZE;
        let name = Text { at: (columns.left, baseline), ..styled(&network.name, network) };
        scene.text(name.cut_to(columns.name));
        let accuracy = styled(&percent(accuracy), network);
        scene.text(Text { at: (columns.accuracy_end, baseline), anchor: Anchor::End, ..accuracy });
        let at = (columns.cost_end, baseline);
        let cost = Text::new(&self.with_unit(&short(cost)), at, ROW_SIZE, Anchor::End, GREY);
        scene.text(cost.cut_to(LONGEST_COST));
    }

    fn columns(&self, listed: &[&AdaptedNetwork], area: &Rect) -> Columns {
        let widest = |text: &dyn Fn(&AdaptedNetwork) -> String| {
            listed.iter().map(|network| styled(&text(network), network).width()).fold(0.0, f64::max)
        };
        let name = widest(&|network| network.name.clone()).min(LONGEST_NAME);
        let cost = widest(&|network| self.with_unit(&short(network.cost))).min(LONGEST_COST);
        let accuracy = widest(&|network| percent(network.accuracy));
        let accuracy_end = area.right - cost - GAP;
        Columns {
            left: area.left,
            name,
            axis: (area.left + name + GAP, accuracy_end - accuracy - GAP),
            accuracy_end,
            cost_end: area.right,
        }
    }
}

/// `text` about a network; a highlighted one's is bold, because not all readers see the accent colour.
fn styled(text: &str, network: &AdaptedNetwork) -> Text {
    let text = |colour| Text::new(text, (0.0, 0.0), ROW_SIZE, Anchor::Start, colour);
    if network.highlighted { text(VERMILLION).bold() } else { text(INK) }
}

fn percent(accuracy: f64) -> String {
    format!("{accuracy:.1} %")
}

fn proposals(count: usize) -> String {
    if count == 1 { "1 proposal".to_owned() } else { format!("{count} proposals") }
}

fn is_below(accuracy: f64, range: Range) -> bool {
    accuracy < range.lo
}

fn is_above(accuracy: f64, range: Range) -> bool {
    accuracy > range.hi
}

#[cfg(test)]
mod tests;
