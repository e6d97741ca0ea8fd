//! `derived/`: tables and plots, rebuilt from the journal's records.

use serde::Serialize;

use super::error::SearchRunError;
use super::problem::LatencyProblem;
use super::record::{FinalRecord, TrialRecord, TrialState};
use super::run::SearchRun;
use crate::graph::LayerGraph;
use crate::report::{FrontPoint, ParetoPlot, Point, ProgressPlot, ProgressTrial, Reference, write_csv};
use crate::run::folder::RunFolder;
use crate::run::model_card::{CardBound, CardLatency, MODEL_CARD, ModelCard};
use crate::run::words::epochs;
use crate::search;

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

/// Positions of the trials on the front of accuracy against latency, fastest first.
pub fn front(trials: &[TrialRecord]) -> Vec<usize> {
    let scored: Vec<(usize, search::Point)> = trials
        .iter()
        .enumerate()
        .filter_map(|(index, trial)| {
            Some((index, search::Point::new(trial.state.accuracy()?, trial.latency_ms)?))
        })
        .collect();
    let points: Vec<search::Point> = scored.iter().map(|(_, point)| *point).collect();
    search::pareto_front(&points).into_iter().map(|position| scored[position].0).collect()
}

/// Writes all derived files.
pub(super) fn write(
    folder: &RunFolder,
    run: &SearchRun<'_>,
    problem: &LatencyProblem<'_>,
    trials: &[TrialRecord],
    finals: &[FinalRecord],
) -> Result<(), SearchRunError> {
    let front = front(trials);
    write_csv(
        &folder.derived("trials.csv"),
        trials.iter().enumerate().map(|(i, t)| trial_row(t, front.contains(&i))),
    )?;
    write_csv(&folder.derived("pareto.csv"), front.iter().map(|&i| front_row(&trials[i], finals)))?;
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
    problem: &LatencyProblem<'_>,
    trial: &TrialRecord,
    test_accuracy: f64,
) -> ModelCard {
    ModelCard {
        network: "trained.toml".to_owned(),
        weights: "weights.safetensors".to_owned(),
        normalisation: run.images.normalisation().clone(),
        classes: run.images.class_names().to_vec(),
        data: run.options.data.clone(),
        validation_accuracy: trial.state.accuracy(),
        test_accuracy,
        latency: Some(CardLatency {
            device: run.table.header.device().to_owned(),
            ms: trial.latency_ms,
            stddev_ms: trial.latency_stddev_ms,
            resolution: problem.decode(&trial.genotype).resolution,
            bound: CardBound::of(run.bounds, trial.latency_ms),
        }),
    }
}

fn trial_row(trial: &TrialRecord, on_front: bool) -> TrialRow<'_> {
    let (state, reason) = match &trial.state {
        TrialState::Scored { .. } => ("scored", ""),
        TrialState::Failed { reason } => ("failed", reason.as_str()),
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
        validation_accuracy: trial.state.accuracy().unwrap_or(0.0),
        test_accuracy: finals.iter().find(|f| f.trial == trial.trial).and_then(FinalRecord::test_accuracy),
        params: trial.params,
        madds: trial.madds,
    }
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
    let options = run.options;
    ParetoPlot {
        title: "Accuracy against latency".to_owned(),
        subtitle: format!(
            "{} search, {} networks of {}, {} each on {}; seed {}",
            options.strategy,
            trials.len(),
            run.space.name,
            epochs(options.candidate.epochs),
            options.data,
            options.seed
        ),
        x_label: format!("predicted latency on {}, ms", run.table.header.device()),
        y_label: "accuracy of the proxy, %".to_owned(),
        budget_ms: options.budget.map(|b| b.ms()),
        trials: trials.iter().filter_map(|t| Some(point(t, t.state.accuracy()?))).collect(),
        front: front.iter().filter_map(front_point).collect(),
        finals: finals.iter().filter_map(tested).collect(),
        references: references(run),
    }
}

/// The reference networks that the table can predict.
fn references(run: &SearchRun<'_>) -> Vec<Reference> {
    let predicted = |spec: &crate::spec::NetworkSpec| {
        let latency_ms = run.table.predict(&LayerGraph::lower(spec)).ok()?.latency_ms;
        Some(Reference { name: spec.name.clone(), latency_ms })
    };
    run.references.iter().filter_map(predicted).collect()
}

fn progress_plot(run: &SearchRun<'_>, problem: &LatencyProblem<'_>, trials: &[TrialRecord]) -> ProgressPlot {
    let slowest = trials.iter().map(|t| t.latency_ms).fold(problem.smallest_latency_ms(), f64::max);
    let reference_ms = run.options.budget.map_or(slowest, |b| b.ms());
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
    ProgressPlot {
        title: "Progress of the search".to_owned(),
        subtitle: format!(
            "{} search of {} on {}; seed {}; hypervolume of accuracy x ms up to {reference_ms:.1} ms",
            run.options.strategy, run.space.name, run.options.data, run.options.seed
        ),
        accuracy_label: "validation accuracy of the proxy, %".to_owned(),
        hypervolume_label: "hypervolume, ms".to_owned(),
        trials,
    }
}
