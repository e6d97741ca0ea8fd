//! The course of a search: accuracy of each trial and the best so far above, the front's hypervolume below.

use std::path::Path;

use super::ReportError;
use super::axis::{Range, Ticks};
use super::error::{check_percent, check_quantity};
use super::figure::{FigureFiles, write_figure};
use super::legend::{Symbol, draw_heading};
use super::marker;
use super::palette::{BLUE, GRID, SHADE};
use super::panel::{self, Axis, Panel};
use super::scene::{At, HEIGHT, Rect, Scene, WIDTH};

/// Room between the two panels.
const BETWEEN: f64 = 14.0;
/// The share of the height that the hypervolume takes.
const LOWER: f64 = 0.3;
/// Room below the accuracies for the crosses of failed trials.
const FAILED_ROOM: f64 = 16.0;

/// One trial of a search, in the order of the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProgressTrial {
    /// Accuracy in percent, 0 to 100; `None` when the trial failed.
    pub accuracy: Option<f64>,
    /// Hypervolume of the front after this trial; `None` where there is none yet.
    pub hypervolume: Option<f64>,
    /// The generation that the trial belongs to; every other generation has a shaded background.
    pub generation: Option<u64>,
}

/// Accuracy and hypervolume over the trials of a search.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProgressPlot {
    /// First line, in bold; may be empty.
    pub title: String,
    /// Second line; may be empty.
    pub subtitle: String,
    /// Name of the accuracy axis, for example `validation accuracy of the proxy, %`.
    pub accuracy_label: String,
    /// Name of the hypervolume axis, for example `hypervolume, % ms`.
    pub hypervolume_label: String,
    /// All trials; the first has the number 1.
    pub trials: Vec<ProgressTrial>,
}

impl ProgressPlot {
    /// Draws the figure into `<path>.svg` and `<path>.png`.
    ///
    /// # Errors
    /// As [`ProgressPlot::scene`], and when a file cannot be drawn or written.
    pub fn write(&self, path: &Path) -> Result<FigureFiles, ReportError> {
        write_figure(&self.scene()?, path)
    }

    /// Lays the figure out; without any hypervolume, the accuracies take the whole height.
    ///
    /// # Errors
    /// [`ReportError::Value`] names the first accuracy that is not a percentage and the first hypervolume that is not
    /// finite.
    pub fn scene(&self) -> Result<Scene, ReportError> {
        self.check()?;
        let mut scene = Scene::default();
        let top = draw_heading(&mut scene, &self.title, &self.subtitle, &self.legend()) + 10.0;
        let count = self.trials.len().max(1) as f64;
        let x = Range { lo: 0.5 - 0.01 * count, hi: 0.5 + 1.01 * count };
        let x_axis = Axis {
            ticks: panel::ticks_across(x, WIDTH - 160.0, Ticks::whole_inside).within(1.0, f64::INFINITY),
            label: "trial",
        };
        let accuracy = self.accuracy_range();
        let accuracy_axis =
            Axis { ticks: Ticks::inside(accuracy, 7).within(0.0, 100.0), label: &self.accuracy_label };
        let volume = self.hypervolume_range();
        let volume_axis =
            volume.map(|range| Axis { ticks: Ticks::inside(range, 5), label: &self.hypervolume_label });
        let volume_room = volume_axis.as_ref().map_or(0.0, Axis::room_left);
        let (left, right) = (accuracy_axis.room_left().max(volume_room), WIDTH - panel::RIGHT);
        let bottom = HEIGHT - panel::BELOW;
        let middle = if volume.is_some() { bottom - LOWER * (bottom - top) - BETWEEN } else { bottom };

        let frame = Rect { left, top, right, bottom: middle };
        let crosses = if self.any_failed() { FAILED_ROOM } else { 0.0 };
        let upper = Panel { frame, x, y: accuracy.with_room(frame.height(), (crosses, 0.0)) };
        self.draw_generations(&mut scene, &upper);
        upper.draw_grid(&mut scene, &x_axis.ticks, &accuracy_axis.ticks);
        self.draw_accuracies(&mut scene, &upper);
        upper.draw_y_axis(&mut scene, &accuracy_axis);
        if let (Some(y), Some(axis)) = (volume, &volume_axis) {
            let frame = Rect { left, top: middle + BETWEEN, right, bottom };
            let lower = Panel { frame, x, y };
            self.draw_generations(&mut scene, &lower);
            lower.draw_grid(&mut scene, &x_axis.ticks, &axis.ticks);
            self.draw_hypervolumes(&mut scene, &lower);
            lower.draw_y_axis(&mut scene, axis);
            scene.line(vec![(left, middle), (right, middle)], 1.0, GRID);
        }
        upper.draw_x_axis(&mut scene, &x_axis, bottom);
        if self.trials.iter().all(|trial| trial.accuracy.is_none()) {
            upper.draw_remark(&mut scene, "no trial has a result");
        }
        Ok(scene)
    }

    fn check(&self) -> Result<(), ReportError> {
        for (index, trial) in self.trials.iter().enumerate() {
            if let Some(accuracy) = trial.accuracy {
                check_percent(|| format!("accuracy of trial {}", index + 1), accuracy)?;
            }
            if let Some(volume) = trial.hypervolume {
                check_quantity(|| format!("hypervolume after trial {}", index + 1), volume)?;
            }
        }
        Ok(())
    }

    fn legend(&self) -> Vec<(Symbol, &'static str)> {
        let finished = self.trials.iter().any(|trial| trial.accuracy.is_some());
        let volumes = self.trials.iter().any(|trial| trial.hypervolume.is_some());
        let generations = self.trials.iter().any(|trial| trial.generation.unwrap_or(0) > 0);
        [
            (finished, (Symbol::Trial, "trial")),
            (finished, (Symbol::Best, "best accuracy so far")),
            (self.any_failed(), (Symbol::Failed, "failed trial")),
            (volumes, (Symbol::Hypervolume, "hypervolume of the front")),
            (generations, (Symbol::Generations, "generations")),
        ]
        .into_iter()
        .filter_map(|(shown, entry)| shown.then_some(entry))
        .collect()
    }

    fn any_failed(&self) -> bool {
        self.trials.iter().any(|trial| trial.accuracy.is_none())
    }

    fn accuracy_range(&self) -> Range {
        let hull = Range::around(self.trials.iter().filter_map(|trial| trial.accuracy));
        Range::padded(hull.unwrap_or((0.0, 100.0)), 1.0, 0.06)
    }

    fn hypervolume_range(&self) -> Option<Range> {
        let hull = Range::around(self.trials.iter().filter_map(|trial| trial.hypervolume))?;
        Some(Range::padded(hull, (0.1 * hull.1.abs()).max(1e-6), 0.08))
    }

    /// Shades every second run of trials of one generation.
    fn draw_generations(&self, scene: &mut Scene, panel: &Panel) {
        let mut start = 0;
        let runs = self.trials.chunk_by(|a, b| a.generation == b.generation);
        for (index, run) in runs.enumerate() {
            let end = start + run.len();
            if index % 2 == 1 {
                let (left, right) = (panel.x_at(start as f64 + 0.5), panel.x_at(end as f64 + 0.5));
                scene.area(Rect { left, right, ..panel.frame }, SHADE, 1.0);
            }
            start = end;
        }
    }

    fn draw_accuracies(&self, scene: &mut Scene, panel: &Panel) {
        let (mut best, mut records): (Vec<At>, Vec<At>) = Default::default();
        let mut highest = f64::NEG_INFINITY;
        for (number, trial) in (1..).zip(&self.trials) {
            let x = panel.x_at(f64::from(number));
            let Some(accuracy) = trial.accuracy else {
                marker::failed(scene, (x, panel.frame.bottom - FAILED_ROOM / 2.0));
                continue;
            };
            let at = (x, panel.y_at(accuracy));
            if accuracy > highest {
                best.extend(best.last().map(|&(_, y)| (x, y)));
                best.push(at);
                records.push(at);
                highest = accuracy;
            } else {
                marker::trial(scene, at, BLUE, self.trials.len());
            }
        }
        best.extend(best.last().map(|&(_, y)| (panel.frame.right, y)));
        if !best.is_empty() {
            marker::front_line(scene, best);
        }
        for at in records {
            marker::record(scene, at);
        }
    }

    fn draw_hypervolumes(&self, scene: &mut Scene, panel: &Panel) {
        let mut line: Vec<At> = Vec::new();
        for (number, trial) in (1..).zip(&self.trials) {
            let Some(volume) = trial.hypervolume else { continue };
            let (x, y) = panel.at(f64::from(number), volume);
            match line.last() {
                Some(&(_, before)) if before != y => line.extend([(x, before), (x, y)]),
                Some(_) => {}
                None => line.push((x, y)),
            }
        }
        line.extend(line.last().map(|&(_, y)| (panel.frame.right, y)));
        marker::second_line(scene, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::palette::VERMILLION;
    use crate::report::scene::Mark;
    use proptest::prelude::*;

    fn plot(accuracies: &[Option<f64>], generation: u64) -> ProgressPlot {
        let trial = |(index, &accuracy): (u64, &Option<f64>)| ProgressTrial {
            accuracy,
            hypervolume: Some(index as f64),
            generation: index.checked_div(generation),
        };
        ProgressPlot {
            title: "Progress".into(),
            subtitle: "evolution, seed 7".into(),
            accuracy_label: "validation accuracy of the proxy, %".into(),
            hypervolume_label: "hypervolume, % ms".into(),
            trials: (0..).zip(accuracies).map(trial).collect(),
        }
    }

    /// The corners of the widest vermillion line, without the legend's.
    fn best_line(scene: &Scene) -> Vec<At> {
        let line = |mark: &Mark| match mark {
            Mark::Line { points, colour, .. } if *colour == VERMILLION => Some(points.clone()),
            _ => None,
        };
        scene.marks.iter().filter_map(line).next_back().unwrap()
    }

    #[test]
    fn the_best_line_rises_at_records_only_and_reaches_the_border() {
        let accuracies = [Some(50.0), Some(40.0), None, Some(60.0), Some(60.0), Some(55.0)];
        let line = best_line(&plot(&accuracies, 3).scene().unwrap());
        assert_eq!(line.len(), 4);
        assert!(line.windows(2).all(|pair| pair[1].0 >= pair[0].0 && pair[1].1 <= pair[0].1));
        assert_eq!(line[3], (WIDTH - panel::RIGHT, line[2].1));
    }

    #[test]
    fn failed_trials_are_crosses_below_all_dots() {
        let plot = plot(&[Some(50.0), None, None, Some(60.0)], 0);
        let scene = plot.scene().unwrap();
        let crosses = scene.marks.iter().filter_map(|mark| match mark {
            Mark::Line { points, width, .. } if *width == 1.25 => Some(points[0].1),
            _ => None,
        });
        // Two strokes each, and two more in the legend.
        let crosses: Vec<f64> = crosses.collect();
        assert_eq!(crosses.len(), 6);
        let lowest_dot = best_line(&scene)[0].1;
        assert_eq!(crosses.iter().filter(|&&y| y > lowest_dot).count(), 4);
    }

    #[test]
    fn every_second_generation_is_shaded_in_both_panels() {
        let bands = |generation| {
            let scene = plot(&[Some(50.0); 12], generation).scene().unwrap();
            let area = |mark: &&Mark| matches!(mark, Mark::Area { rect, .. } if rect.height() > 50.0);
            scene.marks.iter().filter(area).count()
        };
        assert_eq!((bands(3), bands(12), bands(0)), (4, 0, 0));
    }

    #[test]
    fn values_that_have_no_place_are_refused_by_name() {
        let error = plot(&[Some(50.0), Some(f64::NAN)], 1).scene().unwrap_err().to_string();
        assert!(error.starts_with("accuracy of trial 2 is NaN"), "{error}");
        let mut infinite = plot(&[Some(50.0)], 1);
        infinite.trials[0].hypervolume = Some(f64::INFINITY);
        let error = infinite.scene().unwrap_err().to_string();
        assert!(error.starts_with("hypervolume after trial 1 is inf"), "{error}");
    }

    #[test]
    fn the_same_plot_gives_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let plot = plot(&[Some(50.0), None, Some(61.5)], 2);
            let files = plot.write(&folder.path().join(name)).unwrap();
            (std::fs::read(files.svg).unwrap(), std::fs::read(files.png).unwrap())
        };
        assert_eq!(write("a"), write("b"));
    }

    proptest! {
        #[test]
        fn any_course_is_legible(
            accuracies in prop::collection::vec(prop::option::of(0.0..=100.0f64), 0..60),
            generation in 0..20u64,
            scale in 0.0..1e10f64,
        ) {
            let mut plot = plot(&accuracies, generation);
            for trial in &mut plot.trials {
                trial.hypervolume = trial.accuracy.map(|accuracy| accuracy * scale);
            }
            plot.scene().unwrap().assert_legible();
        }
    }
}
