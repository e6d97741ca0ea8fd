//! `derived/`: tables and plots, rebuilt from the journal's records.

use serde_json::{Value, json};

use super::error::SearchRunError;
use super::problem::CostProblem;
use super::record::{FinalRecord, TrialRecord, TrialState};
use super::run::SearchRun;
use crate::cost::Meter;
use crate::graph::LayerGraph;
use crate::report::{FrontPoint, ParetoPlot, Point, ProgressPlot, ProgressTrial, Reference, write_csv};
use crate::run::folder::RunFolder;
use crate::run::model_card::{CardBound, CardLatency, MODEL_CARD, ModelCard};
use crate::run::words::epochs;
use crate::search;

/// Positions of the trials on the front of accuracy against the meter's costs, cheapest first.
pub fn front(trials: &[TrialRecord], objective: &Meter<'_>) -> Vec<usize> {
    let scored: Vec<(usize, search::Point)> = trials
        .iter()
        .enumerate()
        .filter_map(|(index, trial)| {
            Some((index, search::Point::new(trial.state.accuracy()?, trial.cost(objective.column())?)?))
        })
        .collect();
    let points: Vec<search::Point> = scored.iter().map(|(_, point)| *point).collect();
    search::pareto_front(&points).into_iter().map(|position| scored[position].0).collect()
}

/// Writes all derived files.
pub(super) fn write(
    folder: &RunFolder,
    run: &SearchRun<'_>,
    problem: &CostProblem<'_>,
    trials: &[TrialRecord],
    finals: &[FinalRecord],
) -> Result<(), SearchRunError> {
    let front = front(trials, run.objective());
    let rows = trials.iter().enumerate().map(|(i, t)| trial_row(run, t, front.contains(&i)));
    write_csv(&folder.derived("trials.csv"), with_header(rows))?;
    let rows = front.iter().map(|&i| front_row(run, &trials[i], finals));
    write_csv(&folder.derived("pareto.csv"), with_header(rows))?;
    pareto_plot(run, trials, &front, finals).write(&folder.derived("pareto"))?;
    progress_plot(run, problem, trials).write(&folder.derived("progress"))?;
    for record in finals {
        let trial = trials.iter().find(|trial| trial.trial == record.trial);
        if let (Some(trial), Some(test_accuracy)) = (trial, record.test_accuracy()) {
            let name = format!("networks/{}/{MODEL_CARD}", trial.arch_id);
            folder.write_json(&name, &model_card(run, problem, trial, test_accuracy))?;
        }
    }
    Ok(())
}

fn model_card(
    run: &SearchRun<'_>,
    problem: &CostProblem<'_>,
    trial: &TrialRecord,
    test_accuracy: f64,
) -> ModelCard {
    ModelCard {
        network: "trained.toml".to_owned(),
        weights: "weights.safetensors".to_owned(),
        normalisation: run.task.normalisation().clone(),
        classes: run.task.class_names().to_vec(),
        data: run.options.data.clone(),
        validation_accuracy: trial.state.accuracy(),
        test_accuracy,
        latency: card_latency(run, trial, problem.decode(&trial.genotype).resolution),
    }
}

/// The predicted latency, in a run with a target.
fn card_latency(run: &SearchRun<'_>, trial: &TrialRecord, resolution: u32) -> Option<CardLatency> {
    let (meter, ms) = run.latency().zip(trial.latency_ms)?;
    Some(CardLatency {
        device: meter.table()?.header.device().to_owned(),
        ms,
        stddev_ms: trial.latency_stddev_ms?,
        resolution,
        bound: CardBound::of(meter.bounds(), ms),
    })
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
fn trial_row(run: &SearchRun<'_>, trial: &TrialRecord, on_front: bool) -> Row {
    let (state, reason) = match &trial.state {
        TrialState::Scored { .. } => ("scored", ""),
        TrialState::Failed { reason } => ("failed", reason.as_str()),
    };
    let mut row = vec![
        ("trial".to_owned(), json!(trial.trial)),
        ("generation".to_owned(), json!(trial.generation)),
        ("arch_id".to_owned(), json!(trial.arch_id)),
        ("state".to_owned(), json!(state)),
        ("validation_accuracy".to_owned(), json!(trial.state.accuracy())),
    ];
    row.extend(latencies(run, trial));
    if run.latency().is_some() {
        row.push(("latency_interpolated_rows".to_owned(), json!(trial.latency_interpolated_rows)));
    }
    row.extend(sizes(trial));
    row.extend([("on_front".to_owned(), json!(on_front)), ("reason".to_owned(), json!(reason))]);
    row
}

/// A line of `pareto.csv`.
fn front_row(run: &SearchRun<'_>, trial: &TrialRecord, finals: &[FinalRecord]) -> Row {
    let tested = finals.iter().find(|f| f.trial == trial.trial).and_then(FinalRecord::test_accuracy);
    let mut row =
        vec![("trial".to_owned(), json!(trial.trial)), ("arch_id".to_owned(), json!(trial.arch_id))];
    row.extend(latencies(run, trial));
    row.extend([
        ("validation_accuracy".to_owned(), json!(trial.state.accuracy())),
        ("test_accuracy".to_owned(), json!(tested)),
    ]);
    row.extend(sizes(trial));
    row
}

/// The columns of the first target, in a run with one.
fn latencies(run: &SearchRun<'_>, trial: &TrialRecord) -> Row {
    let columns = [
        ("latency_ms", trial.latency_ms),
        ("latency_stddev_ms", trial.latency_stddev_ms),
        ("latency_upper_ms", trial.latency_upper_ms),
    ];
    let columns = columns.into_iter().filter(|_| run.latency().is_some());
    columns.map(|(column, ms)| (column.to_owned(), json!(ms))).collect()
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

fn pareto_plot(
    run: &SearchRun<'_>,
    trials: &[TrialRecord],
    front: &[usize],
    finals: &[FinalRecord],
) -> ParetoPlot {
    let (objective, resource) = (run.objective(), run.objective().resource());
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
    let options = run.options;
    ParetoPlot {
        title: format!("Accuracy against {}", resource.noun()),
        subtitle: format!(
            "{} search, {} networks of {}, {} each on {}; seed {}",
            options.strategy,
            trials.len(),
            run.space.name,
            epochs(options.candidate.epochs),
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
        references: references(run),
    }
}

/// The reference networks whose cost is known.
fn references(run: &SearchRun<'_>) -> Vec<Reference> {
    let objective = run.objective();
    let costed = |spec: &crate::spec::NetworkSpec| {
        let cost = objective.cost(&LayerGraph::lower(spec)).ok()? / objective.resource().unit();
        Some(Reference { name: spec.name.clone(), cost })
    };
    run.references.iter().filter_map(costed).collect()
}

fn progress_plot(run: &SearchRun<'_>, problem: &CostProblem<'_>, trials: &[TrialRecord]) -> ProgressPlot {
    let (objective, resource) = (run.objective(), run.objective().resource());
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
    ProgressPlot {
        title: "Progress of the search".to_owned(),
        subtitle: format!(
            "{} search of {} on {}; seed {}; hypervolume of accuracy x {symbol} up to {limit:.1} {symbol}",
            run.options.strategy, run.space.name, run.options.data, run.options.seed
        ),
        accuracy_label: "validation accuracy of the proxy, %".to_owned(),
        hypervolume_label: format!("hypervolume, {symbol}"),
        trials,
    }
}
