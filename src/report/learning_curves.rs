//! The course of one training: losses, accuracies and the learning rate over the epochs, one panel each.
//!
//! A training may diverge. A loss that is no longer a number is a cross above the curve, which it interrupts; one that is
//! far above the first epoch's is an arrow there, so that the rest of the curve stays readable.

use std::path::Path;

use super::ReportError;
use super::axis::{Range, Ticks};
use super::error::{check_loss, check_percent, check_rate};
use super::figure::{FigureFiles, write_figure};
use super::legend::{Symbol, draw_heading};
use super::marker::{self, Stroke};
use super::palette::GRID;
use super::panel::{self, Axis, Panel};
use super::scene::{At, HEIGHT, Rect, Scene, WIDTH};

/// Room between two panels.
const BETWEEN: f64 = 14.0;
/// Height of a large panel to that of the learning rate's.
const LARGE: f64 = 5.0;
const SMALL: f64 = 3.0;
/// Room above the losses for crosses and arrows.
const SIGNS: f64 = 16.0;
/// A loss of more than this times the first epoch's is off the scale, and so is any above [`LARGEST_LOSS`].
const OFF_SCALE: f64 = 4.0;
const LARGEST_LOSS: f64 = 1e9;
/// Up to this many epochs, each value has a dot.
const MOST_DOTS: usize = 20;

/// What is known after one epoch of training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurveEpoch {
    /// Mean training loss; NaN or infinite when the training diverged.
    pub train_loss: f64,
    /// Mean loss on held-out images; NaN or infinite when the training diverged.
    pub validation_loss: Option<f64>,
    /// Accuracy on held-out images in percent, 0 to 100.
    pub accuracy: Option<f64>,
    /// The same with the moving average of the weights.
    pub averaged_accuracy: Option<f64>,
    /// Learning rate of the epoch.
    pub learning_rate: Option<f64>,
}

/// Loss, accuracy and learning rate over the epochs of a training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LearningCurves {
    /// First line, in bold; may be empty.
    pub title: String,
    /// Second line; may be empty.
    pub subtitle: String,
    /// What the held-out images are called, for example `validation` or `test`.
    pub held_out: String,
    /// All epochs; the first has the number 1.
    pub epochs: Vec<CurveEpoch>,
}

/// A panel before its place is known: its curves and its vertical axis.
struct Part {
    curves: Vec<(Stroke, Vec<Option<f64>>)>,
    label: String,
    range: Range,
    ticks: Ticks,
    /// Values above are off the scale.
    most: f64,
    /// The height, compared to the other panels.
    weight: f64,
}

/// What is wrong with the values of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    NotANumber,
    OffScale,
}

impl LearningCurves {
    /// Draws the figure into `<path>.svg` and `<path>.png`.
    ///
    /// # Errors
    /// As [`LearningCurves::scene`], and when a file cannot be drawn or written.
    pub fn write(&self, path: &Path) -> Result<FigureFiles, ReportError> {
        write_figure(&self.scene()?, path)
    }

    /// Lays the figure out; without any accuracy or learning rate, there is no panel for it.
    ///
    /// # Errors
    /// [`ReportError::Value`] names the first negative loss, the first accuracy that is not a percentage and the first
    /// learning rate that is negative or not finite.
    pub fn scene(&self) -> Result<Scene, ReportError> {
        self.check()?;
        let mut scene = Scene::default();
        let parts = [Some(self.losses()), self.accuracies(), self.rates()];
        let parts: Vec<Part> = parts.into_iter().flatten().collect();
        let legend = self.legend(&parts);
        let top = draw_heading(&mut scene, &self.title, &self.subtitle, &legend) + 10.0;
        let rooms = parts.iter().map(|part| part.axis().room_left());
        let (left, right) = (rooms.fold(0.0, f64::max), WIDTH - panel::RIGHT);
        let count = self.epochs.len().max(1) as f64;
        let x = Range { lo: 0.5 - 0.01 * count, hi: 0.5 + 1.01 * count };
        let ticks = panel::ticks_across(x, right - left, Ticks::whole_inside).within(1.0, f64::INFINITY);
        let x_axis = Axis { ticks, label: "epoch" };

        let bottom = HEIGHT - panel::BELOW;
        let gaps = BETWEEN * (parts.len() - 1) as f64;
        let unit = (bottom - top - gaps) / parts.iter().map(|part| part.weight).sum::<f64>();
        let mut next = top;
        for part in &parts {
            let frame = Rect { left, top: next, right, bottom: next + unit * part.weight };
            if next > top {
                let y = next - BETWEEN;
                scene.line(vec![(left, y), (right, y)], 1.0, GRID);
            }
            let panel = part.draw(&mut scene, frame, x, &x_axis.ticks);
            if next == top && self.epochs.is_empty() {
                panel.draw_remark(&mut scene, "no epoch was finished");
            }
            if frame.bottom + BETWEEN > bottom {
                panel.draw_x_axis(&mut scene, &x_axis, bottom);
            }
            next = frame.bottom + BETWEEN;
        }
        Ok(scene)
    }

    fn check(&self) -> Result<(), ReportError> {
        for (number, epoch) in (1..).zip(&self.epochs) {
            let what = |quantity: &'static str| move || format!("{quantity} of epoch {number}");
            check_loss(what("training loss"), epoch.train_loss)?;
            epoch.validation_loss.map_or(Ok(()), |loss| check_loss(what("validation loss"), loss))?;
            epoch.accuracy.map_or(Ok(()), |percent| check_percent(what("accuracy"), percent))?;
            let averaged = epoch.averaged_accuracy;
            averaged.map_or(Ok(()), |percent| check_percent(what("averaged accuracy"), percent))?;
            epoch.learning_rate.map_or(Ok(()), |rate| check_rate(what("learning rate"), rate))?;
        }
        Ok(())
    }

    fn values(&self, value: impl Fn(&CurveEpoch) -> Option<f64>) -> Vec<Option<f64>> {
        self.epochs.iter().map(value).collect()
    }

    fn losses(&self) -> Part {
        let training = self.values(|epoch| Some(epoch.train_loss));
        let held_out = self.values(|epoch| epoch.validation_loss);
        let first = |values: &[Option<f64>]| values.iter().flatten().copied().find(|loss| loss.is_finite());
        let first = Range::around([first(&training), first(&held_out)].into_iter().flatten());
        let most = first.map_or(LARGEST_LOSS, |(_, higher)| (OFF_SCALE * higher).min(LARGEST_LOSS));
        let shown = training.iter().chain(&held_out).flatten().copied().filter(|loss| *loss <= most);
        let hull = Range::around(shown).unwrap_or((0.0, 1.0));
        let range = Range::padded(hull, (0.1 * hull.1).max(1e-6), 0.06);
        Part {
            curves: vec![(Stroke::Training, training), (Stroke::HeldOut, held_out)],
            label: "loss".to_owned(),
            range,
            ticks: Ticks::inside(range, 6).within(0.0, f64::INFINITY),
            most,
            weight: LARGE,
        }
    }

    fn accuracies(&self) -> Option<Part> {
        let held_out = self.values(|epoch| epoch.accuracy);
        let averaged = self.values(|epoch| epoch.averaged_accuracy);
        let hull = Range::around(held_out.iter().chain(&averaged).flatten().copied())?;
        let range = Range::padded(hull, 1.0, 0.06);
        Some(Part {
            curves: vec![(Stroke::HeldOut, held_out), (Stroke::Averaged, averaged)],
            label: format!("{} accuracy, %", self.held_out).trim().to_owned(),
            range,
            ticks: Ticks::inside(range, 6).within(0.0, 100.0),
            most: f64::INFINITY,
            weight: LARGE,
        })
    }

    fn rates(&self) -> Option<Part> {
        let rates = self.values(|epoch| epoch.learning_rate);
        let (_, highest) = Range::around(rates.iter().flatten().copied())?;
        // Rates of zero alone get an axis, too.
        let highest = if highest > 0.0 { highest } else { 1e-3 };
        let range = Range::padded((0.0, highest), 1e-8, 0.08);
        Some(Part {
            curves: vec![(Stroke::Rate, rates)],
            label: "learning rate".to_owned(),
            range,
            ticks: Ticks::inside(range, 4).within(0.0, f64::INFINITY),
            most: f64::INFINITY,
            weight: SMALL,
        })
    }

    fn legend(&self, parts: &[Part]) -> Vec<(Symbol, String)> {
        let any =
            |value: fn(&CurveEpoch) -> Option<f64>| self.epochs.iter().any(|epoch| value(epoch).is_some());
        let last = |value: fn(&CurveEpoch) -> Option<f64>| self.epochs.iter().rev().find_map(value);
        let held_out = match last(|epoch| epoch.accuracy) {
            Some(percent) => format!("{}, {percent:.1} % in the end", self.held_out),
            None => self.held_out.clone(),
        };
        let averaged = last(|epoch| epoch.averaged_accuracy).map_or(String::new(), |percent| {
            format!("{} of averaged weights, {percent:.1} %", self.held_out)
        });
        let sign = |wanted: Sign| parts.iter().any(|part| part.signs().contains(&Some(wanted)));
        [
            (!self.epochs.is_empty(), (Symbol::Curve(Stroke::Training), "training".to_owned())),
            (
                any(|epoch| epoch.validation_loss.or(epoch.accuracy)),
                (Symbol::Curve(Stroke::HeldOut), held_out),
            ),
            (!averaged.is_empty(), (Symbol::Curve(Stroke::Averaged), averaged)),
            (sign(Sign::NotANumber), (Symbol::Failed, "loss is not a number".to_owned())),
            (sign(Sign::OffScale), (Symbol::OffScale, "loss above the scale".to_owned())),
        ]
        .into_iter()
        .filter_map(|(shown, entry)| shown.then_some(entry))
        .collect()
    }
}

impl Part {
    fn axis(&self) -> Axis<'_> {
        Axis { ticks: self.ticks.clone(), label: &self.label }
    }

    /// What stands above each epoch instead of, or beside, its values.
    fn signs(&self) -> Vec<Option<Sign>> {
        let epochs = self.curves.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
        let sign = |epoch: usize| {
            let values = || self.curves.iter().filter_map(|(_, values)| values[epoch]);
            if values().any(|value| !value.is_finite()) {
                Some(Sign::NotANumber)
            } else {
                values().any(|value| value > self.most).then_some(Sign::OffScale)
            }
        };
        (0..epochs).map(sign).collect()
    }

    /// Draws the panel into `frame`; its horizontal axis is left to the caller.
    fn draw(&self, scene: &mut Scene, frame: Rect, x: Range, x_ticks: &Ticks) -> Panel {
        let signs = self.signs();
        let room = if signs.iter().any(Option::is_some) { SIGNS } else { 0.0 };
        let panel = Panel { frame, x, y: self.range.with_room(frame.height(), (0.0, room)) };
        panel.draw_grid(scene, x_ticks, &self.ticks);
        for (stroke, values) in &self.curves {
            self.draw_curve(scene, &panel, *stroke, values);
        }
        for (epoch, sign) in (1..).zip(signs) {
            let at = (panel.x_at(f64::from(epoch)), frame.top + SIGNS / 2.0);
            match sign {
                Some(Sign::NotANumber) => marker::failed(scene, at),
                Some(Sign::OffScale) => marker::arrow_up(scene, at),
                None => {}
            }
        }
        panel.draw_y_axis(scene, &self.axis());
        panel
    }

    /// Draws a curve in pieces that end where it has no finite value.
    fn draw_curve(&self, scene: &mut Scene, panel: &Panel, stroke: Stroke, values: &[Option<f64>]) {
        let place = |(epoch, value): (u32, &Option<f64>)| {
            let value = value.filter(|value| value.is_finite())?;
            Some(panel.at(f64::from(epoch), value.min(self.range.hi)))
        };
        let places: Vec<Option<At>> = (1..).zip(values).map(place).collect();
        for piece in places.chunk_by(|a, b| a.is_some() && b.is_some()) {
            let points: Vec<At> = piece.iter().flatten().copied().collect();
            if points.len() > 1 {
                marker::curve(scene, points.clone(), stroke);
            }
            if points.len() == 1 || values.len() <= MOST_DOTS {
                points.into_iter().for_each(|at| marker::curve_dot(scene, at, stroke));
            }
        }
    }
}

#[cfg(test)]
mod tests;
