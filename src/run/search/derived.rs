//! `derived/`: tables and plots, rebuilt from the journal's records.

use serde::Serialize;

use super::error::SearchRunError;
use super::problem::LatencyProblem;
use super::record::{FinalRecord, TrialRecord};
use super::view::SearchView;
use crate::graph::LayerGraph;
use crate::outcome::Outcome;
use crate::report::{FrontPoint, ParetoPlot, Point, ProgressPlot, ProgressTrial, Reference, write_csv};
use crate::run::folder::RunReader;
use crate::run::words::epochs;
use crate::search;
use crate::spec::{self, NetworkSpec};

/// A line of `trials.csv`.
#[derive(Serialize)]
struct TrialRow<'a> {
    trial: usize,
    generation: usize,
    arch_id: &'a str,
    state: &'static str,
    validation_accuracy: Option<f64>,
    latency_ms: f64,
    latency_stddev_ms: f64,
    latency_upper_ms: Option<f64>,
    latency_interpolated_rows: usize,
    params: u64,
    madds: u64,
    on_front: bool,
    reason: &'a str,
}

/// A line of `pareto.csv`.
#[derive(Serialize)]
struct FrontRow<'a> {
    trial: usize,
    arch_id: &'a str,
    latency_ms: f64,
    latency_stddev_ms: f64,
    latency_upper_ms: Option<f64>,
    validation_accuracy: f64,
    test_accuracy: Option<f64>,
    params: u64,
    madds: u64,
}

/// Networks shown beside the front, where the table can predict them.
const REFERENCES: [&str; 2] = ["mobilenet_v3_small", "mobilenet_v3_large"];

/// Writes all derived files.
pub(super) fn write(run: &RunReader, state: &SearchView) -> Result<(), SearchRunError> {
    let (trials, finals, front) = (&state.trials, &state.finals, state.front());
    write_csv(
        &run.derived("trials.csv"),
        trials.iter().enumerate().map(|(i, t)| trial_row(t, front.contains(&i))),
    )?;
    write_csv(&run.derived("pareto.csv"), front.iter().map(|&i| front_row(&trials[i], finals)))?;
    pareto_plot(state, &front).write(&run.derived("pareto"))?;
    progress_plot(state)?.write(&run.derived("progress"))?;
    Ok(())
}

fn trial_row(trial: &TrialRecord, on_front: bool) -> TrialRow<'_> {
    let (state, reason) = match &trial.state {
        Outcome::Scored { .. } => ("scored", ""),
        Outcome::Lost => ("lost", ""),
        Outcome::Failed { reason } => ("failed", reason.as_str()),
    };
    TrialRow {
        trial: trial.trial,
        generation: trial.generation,
        arch_id: trial.arch_id.as_str(),
        state,
        validation_accuracy: trial.state.accuracy(),
        latency_ms: trial.latency_ms,
        latency_stddev_ms: trial.latency_stddev_ms,
        latency_upper_ms: trial.latency_upper_ms,
        latency_interpolated_rows: trial.latency_interpolated_rows,
        params: trial.params,
        madds: trial.madds,
        on_front,
        reason,
    }
}

fn front_row<'a>(trial: &'a TrialRecord, finals: &[FinalRecord]) -> FrontRow<'a> {
    FrontRow {
        trial: trial.trial,
        arch_id: trial.arch_id.as_str(),
        latency_ms: trial.latency_ms,
        latency_stddev_ms: trial.latency_stddev_ms,
        latency_upper_ms: trial.latency_upper_ms,
        validation_accuracy: trial.state.accuracy().expect("only scored trials stand on a front"),
        test_accuracy: finals.iter().find(|f| f.trial == trial.trial).and_then(FinalRecord::test_accuracy),
        params: trial.params,
        madds: trial.madds,
    }
}

fn percent(fraction: f64) -> f64 {
    100.0 * fraction
}

fn pareto_plot(state: &SearchView, front: &[usize]) -> ParetoPlot {
    let SearchView { options, trials, finals, .. } = state;
    let point = |trial: &TrialRecord, accuracy: f64| Point {
        latency_ms: trial.latency_ms,
        accuracy: percent(accuracy),
        order: trial.trial as u64,
    };
    let front_point = |&index: &usize| {
        let trial = &trials[index];
        let accuracy = percent(trial.state.accuracy()?);
        Some(FrontPoint { latency_ms: trial.latency_ms, accuracy, label: format!("{accuracy:.1} %") })
    };
    let tested = |record: &FinalRecord| {
        let trial = trials.iter().find(|t| t.trial == record.trial)?;
        Some(point(trial, record.test_accuracy()?))
    };
    ParetoPlot {
        title: "Accuracy against latency".to_owned(),
        subtitle: format!(
            "{} search, {} networks of {}, {} each on {}; seed {}",
            options.strategy,
            trials.len(),
            state.space.name,
            epochs(options.candidate.epochs),
            options.data,
            options.seed
        ),
        x_label: format!("predicted latency on {}, ms", state.table.header.device()),
        y_label: "accuracy of the proxy, %".to_owned(),
        budget_ms: options.budget.map(|b| b.ms()),
        trials: trials.iter().filter_map(|t| Some(point(t, t.state.accuracy()?))).collect(),
        front: front.iter().filter_map(front_point).collect(),
        finals: finals.iter().filter_map(tested).collect(),
        references: references(state),
    }
}

/// The reference networks that the table can predict.
fn references(state: &SearchView) -> Vec<Reference> {
    let predicted = |spec: &NetworkSpec| {
        let latency_ms = state.table.predict(&LayerGraph::lower(spec)).ok()?.latency_ms;
        Some(Reference { name: spec.name.clone(), latency_ms })
    };
    let shipped = REFERENCES.map(|name| spec::load(name).expect("it is compiled into the program"));
    shipped.iter().filter_map(predicted).collect()
}

fn progress_plot(state: &SearchView) -> Result<ProgressPlot, SearchRunError> {
    let (problem, trials) = (LatencyProblem::new(&state.space, &state.table)?, &state.trials);
    let slowest = trials.iter().map(|t| t.latency_ms).fold(problem.smallest_latency_ms(), f64::max);
    let reference_ms = state.options.budget.map_or(slowest, |b| b.ms());
    let reference = search::Point::new(0.0, reference_ms);
    let mut points = Vec::new();
    let trials = trials
        .iter()
        .map(|trial| {
            let accuracy = trial.state.accuracy();
            points.extend(accuracy.and_then(|a| search::Point::new(a, trial.latency_ms)));
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
            "{} search of {} on {}; seed {}; hypervolume of accuracy x ms up to {reference_ms:.1} ms",
            state.options.strategy, state.space.name, state.options.data, state.options.seed
        ),
        accuracy_label: "validation accuracy of the proxy, %".to_owned(),
        hypervolume_label: "hypervolume, ms".to_owned(),
        trials,
    })
}
