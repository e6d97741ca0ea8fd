//! The central figure of a search: accuracy against predicted latency or another cost, all trials, and the Pareto front among them.
//!
//! The front is drawn as steps: between two of its points, the best accuracy within a latency budget is that of the
//! faster one.

use std::path::Path;

use super::ReportError;
use super::axis::{Range, Ticks};
use super::error::{check_cost, check_percent};
use super::figure::{FigureFiles, write_figure};
use super::label::{Placer, spread_order};
use super::legend::{Symbol, draw_heading};
use super::marker;
use super::number::brief;
use super::palette::{GREY, INK, WHITE, ramp};
use super::panel::{self, Axis, Panel};
use super::reference_lane::Lane;
use super::scene::{Anchor, At, HEIGHT, Rect, Scene, Text, WIDTH};

/// Labels of the front: page pixels per em, and how many of them a reader can take in.
const LABEL_SIZE: f64 = 10.0;
const MOST_LABELS: usize = 14;
/// A reference may widen the latency axis by this factor; one further off becomes an arrow at its edge.
const WIDENING: f64 = 1.3;
/// With more references than this, their lines would hide the data and end below the panel.
const MOST_REFERENCE_LINES: usize = 12;

/// One network with its accuracy, a trial of the search or a network after its final training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// What it costs, in the figure's unit.
    pub cost: f64,
    /// Accuracy in percent, 0 to 100.
    pub accuracy: f64,
    /// Trial number or generation; later points are drawn darker and above earlier ones.
    pub order: u64,
}

/// One network on the Pareto front.
#[derive(Clone, Debug, PartialEq)]
pub struct FrontPoint {
    /// What it costs, in the figure's unit.
    pub cost: f64,
    /// Accuracy in percent, 0 to 100.
    pub accuracy: f64,
    /// What to call it; an empty label is not drawn.
    pub label: String,
}

/// A published network of which only the cost is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// What to call it.
    pub name: String,
    /// What it costs, in the figure's unit.
    pub cost: f64,
}

/// Accuracy against the cost of all trials of a search.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParetoPlot {
    /// First line, in bold; may be empty.
    pub title: String,
    /// Second line; may be empty.
    pub subtitle: String,
    /// Name of the cost axis, for example `predicted latency on Pixel 1, ms`.
    pub x_label: String,
    /// Name of the accuracy axis, for example `validation accuracy of the proxy, %`.
    pub y_label: String,
    /// What the cost is in a word, for example `latency`, and its unit, for example `ms`.
    pub cost_name: String,
    /// See `cost_name`.
    pub unit: String,
    /// Budget of the search.
    pub limit: Option<f64>,
    /// All finished trials.
    pub trials: Vec<Point>,
    /// The Pareto front in any order; empty when no trial qualifies.
    pub front: Vec<FrontPoint>,
    /// Retrained networks with their test accuracy; may be empty.
    pub finals: Vec<Point>,
    /// Networks to compare the cost with.
    pub references: Vec<Reference>,
}

impl ParetoPlot {
    /// Draws the figure into `<path>.svg` and `<path>.png`.
    ///
    /// # Errors
    /// As [`ParetoPlot::scene`], and when a file cannot be drawn or written.
    pub fn write(&self, path: &Path) -> Result<FigureFiles, ReportError> {
        write_figure(&self.scene()?, path)
    }

    /// Lays the figure out.
    ///
    /// # Errors
    /// [`ReportError::Value`] names the first cost that is not a number from 0 to 1e12 and the first accuracy that
    /// is not a percentage.
    pub fn scene(&self) -> Result<Scene, ReportError> {
        self.check()?;
        let mut scene = Scene::default();
        let y_range = self.accuracy_range();
        let y_axis = Axis { ticks: Ticks::inside(y_range, 9).within(0.0, 100.0), label: &self.y_label };
        let sides = (y_axis.room_left(), WIDTH - panel::RIGHT);
        let x_range = self.cost_range();
        let x_axis = Axis {
            ticks: panel::ticks_across(x_range, sides.1 - sides.0, Ticks::inside).within(0.0, f64::INFINITY),
            label: &self.x_label,
        };
        let lane = Lane::new(&self.references, x_range, sides, &self.unit);
        let legend = self.legend(lane.unnamed_count());
        let heading = draw_heading(&mut scene, &self.title, &self.subtitle, &legend);
        let top = heading + if self.limit.is_some() { panel::ABOVE_LIMIT } else { panel::ABOVE };
        let axis_y = HEIGHT - panel::BELOW;
        let frame = Rect { left: sides.0, top, right: sides.1, bottom: axis_y - lane.height };
        let panel = Panel { frame, x: x_range, y: y_range };

        panel.draw_grid(&mut scene, &x_axis.ticks, &y_axis.ticks);
        lane.draw(&mut scene, sides, frame.bottom);
        if self.references.len() <= MOST_REFERENCE_LINES {
            for x in lane.on_axis() {
                scene.dashed(vec![(x, top), (x, frame.bottom)], 0.75, GREY, (0.75, 3.25));
            }
        }
        if let Some(budget) = self.limit {
            panel.draw_limit(&mut scene, budget, &format!("budget {} {}", brief(budget), self.unit));
        }
        self.draw_trials(&mut scene, &panel);
        self.draw_front(&mut scene, &panel);
        for point in &self.finals {
            marker::retrained(&mut scene, panel.at(point.cost, point.accuracy));
        }
        self.draw_labels(&mut scene, &panel);
        panel.draw_y_axis(&mut scene, &y_axis);
        panel.draw_x_axis(&mut scene, &x_axis, axis_y);
        if self.trials.is_empty() && self.front.is_empty() && self.finals.is_empty() {
            panel.draw_remark(&mut scene, "no trial has a result");
        }
        Ok(scene)
    }

    fn check(&self) -> Result<(), ReportError> {
        for (kind, points) in [("trial", &self.trials), ("retrained network", &self.finals)] {
            for (index, point) in points.iter().enumerate() {
                check_cost(|| format!("cost of {kind} {}", index + 1), point.cost)?;
                check_percent(|| format!("accuracy of {kind} {}", index + 1), point.accuracy)?;
            }
        }
        for (index, point) in self.front.iter().enumerate() {
            check_cost(|| format!("cost of front point {}", index + 1), point.cost)?;
            check_percent(|| format!("accuracy of front point {}", index + 1), point.accuracy)?;
        }
        for Reference { name, cost } in &self.references {
            check_cost(|| format!("cost of reference {name:?}"), *cost)?;
        }
        self.limit.map_or(Ok(()), |limit| check_cost(|| "budget".to_owned(), limit))
    }

    fn legend(&self, unnamed_references: usize) -> Vec<(Symbol, String)> {
        let by_order = self.trials.iter().any(|point| point.order != self.trials[0].order);
        let trials = if by_order {
            (Symbol::TrialsByOrder, "trials, first to last".to_owned())
        } else {
            (Symbol::Trial, "trial".to_owned())
        };
        let reference = match unnamed_references {
            0 => format!("reference network ({} only)", self.cost_name),
            count => format!("reference network ({} only; {count} without a name)", self.cost_name),
        };
        [
            (!self.trials.is_empty(), trials),
            (!self.front.is_empty(), (Symbol::Front, "Pareto front".to_owned())),
            (!self.finals.is_empty(), (Symbol::Retrained, "retrained, test accuracy".to_owned())),
            (!self.references.is_empty(), (Symbol::Reference, reference)),
        ]
        .into_iter()
        .filter_map(|(shown, entry)| shown.then_some(entry))
        .collect()
    }

    /// Latencies and accuracies of everything that has both.
    fn data(&self) -> impl Iterator<Item = At> {
        let points = self.trials.iter().chain(&self.finals).map(|p| (p.cost, p.accuracy));
        points.chain(self.front.iter().map(|p| (p.cost, p.accuracy)))
    }

    fn accuracy_range(&self) -> Range {
        let hull = Range::around(self.data().map(|(_, accuracy)| accuracy)).unwrap_or((0.0, 100.0));
        Range::padded(hull, 1.0, 0.06)
    }

    fn cost_range(&self) -> Range {
        let references = || self.references.iter().map(|reference| reference.cost);
        let own = self.data().map(|(latency, _)| latency).chain(self.limit);
        let (lo, hi) = match Range::around(own) {
            Some((lo, hi)) => {
                let reachable = lo / WIDENING..=hi * WIDENING;
                let close = references().filter(|latency| reachable.contains(latency));
                Range::around([lo, hi].into_iter().chain(close)).unwrap_or((lo, hi))
            }
            None => Range::around(references()).unwrap_or((0.0, 100.0)),
        };
        Range::padded((lo, hi), (0.1 * hi).max(1e-3), 0.04)
    }

    fn draw_trials(&self, scene: &mut Scene, panel: &Panel) {
        let mut trials: Vec<&Point> = self.trials.iter().collect();
        trials.sort_by_key(|point| point.order);
        let first = trials.first().map_or(0, |point| point.order);
        let span = trials.last().map_or(0, |point| point.order - first);
        for point in &trials {
            let position = if span == 0 { 0.5 } else { (point.order - first) as f64 / span as f64 };
            let at = panel.at(point.cost, point.accuracy);
            marker::trial(scene, at, ramp(position), trials.len());
        }
    }

    /// The front on the page, from the fastest to the slowest network.
    fn front_on_page(&self, panel: &Panel) -> Vec<(At, &str)> {
        let mut front: Vec<&FrontPoint> = self.front.iter().collect();
        front.sort_by(|a, b| a.cost.total_cmp(&b.cost).then(a.accuracy.total_cmp(&b.accuracy)));
        front.iter().map(|p| (panel.at(p.cost, p.accuracy), p.label.as_str())).collect()
    }

    fn draw_front(&self, scene: &mut Scene, panel: &Panel) {
        let front = self.front_on_page(panel);
        let steps = steps(front.iter().map(|&(at, _)| at));
        if steps.len() > 1 {
            marker::front_line(scene, steps);
        }
        for (at, _) in front {
            marker::front(scene, at);
        }
    }

    fn draw_labels(&self, scene: &mut Scene, panel: &Panel) {
        let front = self.front_on_page(panel);
        let mut placer = self.placer(panel, &front);
        for index in spread_order(front.len()).into_iter().take(MOST_LABELS) {
            let (at, label) = front[index];
            let text = Text::new(label, (0.0, 0.0), LABEL_SIZE, Anchor::Start, INK).cut_to(160.0);
            let size = (text.width() + 4.0, LABEL_SIZE * 1.2);
            if label.is_empty() {
                continue;
            }
            if let Some(placed) = placer.place(at, marker::FRONT_RADIUS, size) {
                if let Some((from, to)) = placed.leader {
                    scene.line(vec![from, to], 0.75, GREY);
                    marker::front(scene, to);
                }
                scene.area(placed.rect, WHITE, 0.75);
                let baseline = placed.rect.bottom - 0.3 * LABEL_SIZE;
                scene.text(Text { at: (placed.rect.left + 2.0, baseline), ..text });
            }
        }
    }

    /// A placer that knows all that is drawn in the panel.
    fn placer(&self, panel: &Panel, front: &[(At, &str)]) -> Placer {
        let mut placer = Placer::new(panel.frame.grown(-2.0));
        for pair in steps(front.iter().map(|&(at, _)| at)).windows(2) {
            placer.keep_off_line(pair[0], pair[1]);
        }
        for &(at, _) in front {
            placer.keep_off_box(Rect::around(at, 4.0));
        }
        for point in &self.finals {
            placer.keep_off_box(Rect::around(panel.at(point.cost, point.accuracy), 6.0));
        }
        for point in &self.trials {
            placer.avoid(panel.at(point.cost, point.accuracy));
        }
        if let Some(budget) = self.limit {
            let x = panel.x_at(budget);
            placer.keep_off_line((x, panel.frame.top), (x, panel.frame.bottom));
        }
        placer
    }
}

/// The corners of the step line through `points`, which ascend from left to right.
fn steps(points: impl Iterator<Item = At>) -> Vec<At> {
    let mut corners: Vec<At> = Vec::new();
    for point in points {
        if let Some(&(_, before)) = corners.last() {
            corners.push((point.0, before));
        }
        corners.push(point);
    }
    corners
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::scene::Mark;
    use proptest::prelude::*;

    fn plot(data: &[(f64, f64)], references: &[f64]) -> ParetoPlot {
        let trials = data.iter().zip(0..).map(|(&(cost, accuracy), order)| Point { cost, accuracy, order });
        let trials: Vec<Point> = trials.collect();
        let mut fastest_first = trials.clone();
        fastest_first.sort_by(|a, b| a.cost.total_cmp(&b.cost).then(b.accuracy.total_cmp(&a.accuracy)));
        let mut front: Vec<FrontPoint> = Vec::new();
        for Point { cost, accuracy, order } in fastest_first {
            if front.last().is_none_or(|last| accuracy > last.accuracy) {
                front.push(FrontPoint { cost, accuracy, label: format!("net-{order:05}") });
            }
        }
        let reference =
            |(index, &cost): (usize, &f64)| Reference { name: format!("MobileNetV3-Large {index}"), cost };
        ParetoPlot {
            title: "Search on a space".into(),
            subtitle: "evolution, seed 7".into(),
            x_label: "predicted latency on Pixel 1, ms".into(),
            y_label: "validation accuracy of the proxy, %".into(),
            cost_name: "latency".into(),
            unit: "ms".into(),
            limit: Some(51.0),
            finals: trials.iter().copied().take(2).collect(),
            trials,
            front,
            references: references.iter().enumerate().map(reference).collect(),
        }
    }

    fn texts(plot: &ParetoPlot) -> Vec<String> {
        plot.scene().unwrap().texts().iter().map(|text| text.text.clone()).collect()
    }

    fn count(scene: &Scene, wanted: impl Fn(&Mark) -> bool) -> usize {
        scene.marks.iter().filter(|mark| wanted(mark)).count()
    }

    #[test]
    fn every_trial_is_a_dot_inside_the_page_and_later_ones_are_darker() {
        let data: Vec<(f64, f64)> =
            (0..50).map(|i| (60.0 - f64::from(i), 40.0 + f64::from(i) / 2.0)).collect();
        let plot = ParetoPlot { front: vec![], finals: vec![], ..plot(&data, &[]) };
        let scene = plot.scene().unwrap();
        let dots: Vec<_> = scene
            .marks
            .iter()
            .filter_map(|mark| match mark {
                Mark::Disc { centre, colour, opacity, .. } if *opacity < 1.0 => Some((*centre, colour.0)),
                _ => None,
            })
            .collect();
        assert_eq!(dots.len(), 50);
        assert!(dots[0].1 > dots[49].1, "{dots:?}");
        assert!(dots.iter().all(|((x, y), _)| (0.0..WIDTH).contains(x) && (0.0..HEIGHT).contains(y)));
        assert!(dots[0].0.0 > dots[49].0.0 && dots[0].0.1 > dots[49].0.1);
    }

    #[test]
    fn the_front_is_a_step_line_and_every_lone_point_is_named() {
        assert_eq!(
            steps([(1.0, 9.0), (2.0, 5.0), (4.0, 4.0)].into_iter()),
            [(1.0, 9.0), (2.0, 9.0), (2.0, 5.0), (4.0, 5.0), (4.0, 4.0)]
        );
        let texts = texts(&plot(&[(30.0, 60.0), (50.0, 70.0)], &[]));
        assert!(texts.contains(&"net-00000".into()) && texts.contains(&"net-00001".into()));
    }

    #[test]
    fn near_references_widen_the_axis_and_far_ones_do_not() {
        let with = |reference| plot(&[(40.0, 60.0), (50.0, 70.0)], &[reference]).cost_range();
        assert!(with(66.0).contains(66.0) && with(31.0).contains(31.0));
        assert_eq!(with(66.4), plot(&[(40.0, 60.0), (50.0, 70.0)], &[]).cost_range());
        assert_eq!(with(30.0), with(200.0));
        assert!(texts(&plot(&[(40.0, 60.0)], &[200.0])).iter().any(|t| t.ends_with(", 200 ms")));
    }

    #[test]
    fn values_that_have_no_place_are_refused_by_name() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0] {
            let error = plot(&[(40.0, 60.0), (bad, 60.0)], &[]).scene().unwrap_err().to_string();
            assert!(error.starts_with("cost of trial 2 is "), "{error}");
            let error = plot(&[(40.0, bad)], &[]).scene().unwrap_err().to_string();
            assert!(error.starts_with("accuracy of trial 1 is "), "{error}");
            let error = plot(&[], &[bad]).scene().unwrap_err().to_string();
            assert!(error.starts_with("cost of reference "), "{error}");
            let budget = ParetoPlot { limit: Some(bad), ..plot(&[], &[]) };
            assert!(budget.scene().unwrap_err().to_string().starts_with("budget is "));
        }
    }

    #[test]
    fn edge_cases_are_legible() {
        let equal: Vec<(f64, f64)> = (0..30).map(|i| (30.0 + f64::from(i), 71.25)).collect();
        let cases = [
            plot(&[], &[]),
            plot(&[], &[20.0, 20.0, 300.0]),
            plot(&[(30.0, 50.0)], &[]),
            plot(&[(0.0, 0.0), (0.0, 100.0)], &[0.0]),
            plot(&[(1e9, 100.0)], &[5.0]),
            plot(&equal, &[15.0, 39.0, 51.0, 51.3, 64.0]),
            ParetoPlot { front: vec![], ..plot(&equal, &[51.0]) },
            ParetoPlot { title: "Long ".repeat(99), x_label: "x ".repeat(99), ..plot(&equal, &[]) },
            ParetoPlot::default(),
        ];
        for case in cases {
            case.scene().unwrap().assert_legible();
        }
        let nothing = plot(&[], &[]);
        assert!(texts(&nothing).contains(&"no trial has a result".into()));
        assert_eq!(count(&nothing.scene().unwrap(), |mark| matches!(mark, Mark::Disc { .. })), 0);
    }

    #[test]
    fn the_same_plot_gives_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let data = [(30.0, 50.0), (40.0, 61.0), (51.5, 63.0)];
        let write = |name: &str| {
            let files = plot(&data, &[39.0, 113.0]).write(&folder.path().join(name)).unwrap();
            (std::fs::read(files.svg).unwrap(), std::fs::read(files.png).unwrap())
        };
        assert_eq!(write("a"), write("b"));
    }

    proptest! {
        #[test]
        fn texts_never_overlap_or_leave_the_page(
            data in prop::collection::vec((10.0..90.0f64, 0.0..=100.0f64), 0..80),
            references in prop::collection::vec(1.0..200.0f64, 0..14),
            budget in prop::option::of(1.0..200.0f64),
        ) {
            let plot = ParetoPlot { limit: budget, ..plot(&data, &references) };
            plot.scene().unwrap().assert_legible();
        }
    }
}
