//! `derived/`: tables and plots, rebuilt from the journal's records.

use serde_json::{Value, json};

use super::error::SearchRunError;
use super::problem::CostProblem;
use super::record::{FinalRecord, TrialRecord};
use super::view::SearchView;
use crate::cost::Meter;
use crate::graph::LayerGraph;
use crate::outcome::Outcome;
use crate::report::{FrontPoint, ParetoPlot, Point, ProgressPlot, ProgressTrial, Reference, write_csv};
use crate::run::folder::RunReader;
use crate::run::words::plural;
use crate::search;
use crate::spec::{self, NetworkSpec};

/// Networks shown beside the front, where their cost is known.
const REFERENCES: [&str; 2] = ["mobilenet_v3_small", "mobilenet_v3_large"];

/// Writes all derived files.
pub(super) fn write(run: &RunReader, view: &SearchView) -> Result<(), SearchRunError> {
    let (meters, front) = (view.meters(), view.front());
    let has_latency = meters.iter().any(|meter| meter.table().is_some());
    let trials = view.trials.iter().enumerate();
    let rows = trials.map(|(index, trial)| trial_row(trial, has_latency, front.contains(&index)));
    write_csv(&run.derived("trials.csv"), with_header(rows))?;
    let rows = front.iter().map(|&index| front_row(&view.trials[index], has_latency, &view.finals));
    write_csv(&run.derived("pareto.csv"), with_header(rows))?;
    pareto_plot(view, &meters[0], &front).write(&run.derived("pareto"))?;
    progress_plot(view, &meters)?.write(&run.derived("progress"))?;
    Ok(())
}

/// A line of a table: columns and their values.
type Row = Vec<(String, Value)>;

/// Rows below their columns' names; nothing without rows.
fn with_header(rows: impl Iterator<Item = Row>) -> Vec<Vec<Value>> {
    let mut lines = Vec::new();
    for row in rows {
        if lines.is_empty() {
            lines.push(row.iter().map(|(column, _)| json!(column)).collect());
        }
        lines.push(row.into_iter().map(|(_, value)| value).collect());
    }
    lines
}

/// A line of `trials.csv`.
fn trial_row(trial: &TrialRecord, has_latency: bool, on_front: bool) -> Row {
    let (state, reason) = match &trial.state {
        Outcome::Scored { .. } => ("scored", ""),
        Outcome::Lost => ("lost", ""),
        Outcome::Failed { reason } => ("failed", reason.as_str()),
    };
    let mut row = vec![
        ("trial".to_owned(), json!(trial.trial)),
        ("generation".to_owned(), json!(trial.generation)),
        ("arch_id".to_owned(), json!(trial.arch_id)),
        ("state".to_owned(), json!(state)),
        ("validation_accuracy".to_owned(), json!(trial.state.accuracy())),
    ];
    row.extend(latencies(trial).into_iter().filter(|_| has_latency));
    if has_latency {
        row.push(("latency_interpolated_rows".to_owned(), json!(trial.latency_interpolated_rows)));
    }
    row.extend(sizes(trial));
    row.extend([("on_front".to_owned(), json!(on_front)), ("reason".to_owned(), json!(reason))]);
    row
}

/// A line of `pareto.csv`.
fn front_row(trial: &TrialRecord, has_latency: bool, finals: &[FinalRecord]) -> Row {
    let tested = finals.iter().find(|f| f.trial == trial.trial).and_then(FinalRecord::test_accuracy);
    let mut row =
        vec![("trial".to_owned(), json!(trial.trial)), ("arch_id".to_owned(), json!(trial.arch_id))];
    row.extend(latencies(trial).into_iter().filter(|_| has_latency));
    row.extend([
        ("validation_accuracy".to_owned(), json!(trial.state.accuracy())),
        ("test_accuracy".to_owned(), json!(tested)),
    ]);
    row.extend(sizes(trial));
    row
}

/// The columns of the first target.
fn latencies(trial: &TrialRecord) -> Row {
    let columns = [
        ("latency_ms", trial.latency_ms),
        ("latency_stddev_ms", trial.latency_stddev_ms),
        ("latency_upper_ms", trial.latency_upper_ms),
    ];
    columns.into_iter().map(|(column, ms)| (column.to_owned(), json!(ms))).collect()
}

/// Parameters, multiply-adds, and the costs by the other meters.
fn sizes(trial: &TrialRecord) -> Row {
    let sizes = [("params", json!(trial.params)), ("madds", json!(trial.madds))];
    let sizes = sizes.map(|(column, size)| (column.to_owned(), size)).into_iter();
    sizes.chain(trial.costs.iter().map(|(column, cost)| (column.clone(), json!(cost)))).collect()
}

fn percent(fraction: f64) -> f64 {
    100.0 * fraction
}

fn pareto_plot(view: &SearchView, objective: &Meter<'_>, front: &[usize]) -> ParetoPlot {
    let SearchView { options, trials, finals, .. } = view;
    let resource = objective.resource();
    let scaled = |trial: &TrialRecord| Some(trial.cost(objective.column())? / resource.unit());
    let point = |trial: &TrialRecord, accuracy: f64| {
        Some(Point { cost: scaled(trial)?, accuracy: percent(accuracy), order: trial.trial as u64 })
    };
    let front_point = |&index: &usize| {
        let trial = &trials[index];
        let accuracy = percent(trial.state.accuracy()?);
        Some(FrontPoint { cost: scaled(trial)?, accuracy, label: format!("{accuracy:.1} %") })
    };
    let tested = |record: &FinalRecord| {
        let trial = trials.iter().find(|t| t.trial == record.trial)?;
        point(trial, record.test_accuracy()?)
    };
    ParetoPlot {
        title: format!("Accuracy against {}", resource.noun()),
        subtitle: format!(
            "{} search, {} networks of {}, {} each on {}; seed {}",
            options.strategy,
            trials.len(),
            view.space.name,
            plural(options.candidate.epochs as usize, "epoch"),
            options.data,
            options.seed
        ),
        x_label: objective.axis_label(),
        y_label: "accuracy of the proxy, %".to_owned(),
        cost_name: resource.noun().to_owned(),
        unit: resource.unit_symbol().to_owned(),
        limit: objective.budget().map(|budget| budget.amount / resource.unit()),
        trials: trials.iter().filter_map(|t| point(t, t.state.accuracy()?)).collect(),
        front: front.iter().filter_map(front_point).collect(),
        finals: finals.iter().filter_map(tested).collect(),
        references: references(objective),
    }
}

/// The reference networks whose cost is known.
fn references(objective: &Meter<'_>) -> Vec<Reference> {
    let costed = |spec: &NetworkSpec| {
        let cost = objective.cost(&LayerGraph::lower(spec)).ok()? / objective.resource().unit();
        Some(Reference { name: spec.name.clone(), cost })
    };
    let shipped = REFERENCES.map(|name| spec::load(name).expect("it is compiled into the program"));
    shipped.iter().filter_map(costed).collect()
}

fn progress_plot(view: &SearchView, meters: &[Meter<'_>]) -> Result<ProgressPlot, SearchRunError> {
    let (problem, trials) = (CostProblem::new(&view.space, meters)?, &view.trials);
    let (objective, resource) = (&meters[0], meters[0].resource());
    let (unit, symbol) = (resource.unit(), resource.unit_symbol());
    let cost = |trial: &TrialRecord| Some(trial.cost(objective.column())? / unit);
    let dearest = trials.iter().filter_map(cost).fold(problem.smallest_cost() / unit, f64::max);
    let limit = objective.budget().map_or(dearest, |budget| budget.amount / unit);
    let reference = search::Point::new(0.0, limit);
    let mut points = Vec::new();
    let trials = trials
        .iter()
        .map(|trial| {
            let accuracy = trial.state.accuracy();
            points.extend(accuracy.zip(cost(trial)).and_then(|(a, cost)| search::Point::new(a, cost)));
            ProgressTrial {
                accuracy: accuracy.map(percent),
                hypervolume: reference.map(|reference| search::hypervolume(&points, reference)),
                generation: Some(trial.generation as u64),
            }
        })
        .collect();
    Ok(ProgressPlot {
        title: "Progress of the search".to_owned(),
        subtitle: format!(
            "{} search of {} on {}; seed {}; hypervolume of accuracy x {symbol} up to {limit:.1} {symbol}",
            view.options.strategy, view.space.name, view.options.data, view.options.seed
        ),
        accuracy_label: "validation accuracy of the proxy, %".to_owned(),
        hypervolume_label: format!("hypervolume, {symbol}"),
        trials,
    })
}
