//! `derived/`: tables and plots, rebuilt from the journal's records.

use serde::Serialize;

use super::error::NetadaptRunError;
use super::gains::ADAPTED;
use super::record::ProposalState;
use super::summary::{Summary, path};
use super::view::NetadaptView;
use crate::netadapt::{NetworkProblem, Phase, Problem};
use crate::report::{AdaptationPlot, AdaptedNetwork, CostPoint, LayerWidths, WidthsPlot, write_csv};
use crate::run::folder::RunReader;

/// A line of `proposals.csv`.
#[derive(Serialize)]
struct ProposalRow<'a> {
    iteration: u32,
    phase: Phase,
    parent: u64,
    group: &'a str,
    from: Option<u32>,
    to: Option<u32>,
    cost: f64,
    cost_upper: Option<f64>,
    accuracy: Option<f64>,
    images: usize,
    steps: u64,
    chosen: bool,
    state: &'static str,
}

/// A line of `widths.csv`.
#[derive(Serialize)]
struct WidthRow<'a> {
    group: &'a str,
    from: u32,
    to: u32,
    saved: f64,
    held_out_points: f64,
}

/// Writes all derived files.
pub(super) fn write(run: &RunReader, state: &NetadaptView) -> Result<(), NetadaptRunError> {
    let problem = state.problem()?;
    let summary = Summary::new(state, &problem);
    let bounds = problem.bounds();
    let rows = state.iterations.iter().flat_map(|iteration| {
        iteration.proposals.iter().map(move |proposal| ProposalRow {
            iteration: iteration.iteration,
            phase: iteration.phase,
            parent: proposal.parent,
            group: proposal.group.as_deref().unwrap_or(""),
            from: proposal.from,
            to: proposal.to,
            cost: proposal.cost,
            cost_upper: bounds.upper(proposal.cost),
            accuracy: proposal.accuracy,
            images: proposal.images,
            steps: proposal.steps,
            chosen: proposal.chosen,
            state: match proposal.state {
                ProposalState::Scored => "scored",
                ProposalState::Pacer => "pacer",
                ProposalState::Lost => "lost",
                ProposalState::Failed { .. } => "failed",
            },
        })
    });
    write_csv(&run.derived("proposals.csv"), rows)?;
    let rows = summary.groups.iter().map(|change| WidthRow {
        group: &change.group,
        from: change.from,
        to: change.to,
        saved: change.saved,
        held_out_points: change.points,
    });
    write_csv(&run.derived("widths.csv"), rows)?;
    run.write_json("derived/summary.json", &summary)?;
    run.write("derived/summary.txt", summary.text().as_bytes())?;
    adaptation_plot(state, &problem, &summary).write(&run.derived("adaptation"))?;
    widths_plot(state, &problem, &summary).write(&run.derived("widths"))?;
    Ok(())
}

fn percent(fraction: f64) -> f64 {
    100.0 * fraction
}

fn adaptation_plot(state: &NetadaptView, problem: &NetworkProblem<'_>, summary: &Summary) -> AdaptationPlot {
    let NetadaptView { options, start, iterations, widths, .. } = state;
    let scale = |cost: f64| cost / problem.resource().unit();
    let point = |cost: f64, accuracy: f64| CostPoint { cost: scale(cost), accuracy: percent(accuracy) };
    let tried = iterations.iter().flat_map(|iteration| &iteration.proposals);
    AdaptationPlot {
        title: "Accuracy against cost while the network is narrowed".to_owned(),
        subtitle: format!(
            "{} to {} on {}; {} iterations, {} proposals; seed {}",
            state.costed.name,
            summary.budgets_text(),
            options.data,
            summary.iterations,
            summary.proposals,
            options.seed
        ),
        cost_label: problem.axis_label(),
        accuracy_label: "held-out accuracy after short training, %".to_owned(),
        limit: Some(scale(problem.budget())),
        tried: tried
            .filter(|p| p.state != ProposalState::Pacer)
            .filter_map(|p| Some(point(p.cost, p.accuracy?)))
            .collect(),
        path: path(start, iterations, widths).iter().map(|stage| point(stage.cost, stage.accuracy)).collect(),
        result_label: "test accuracy after the final training with its 95 % interval, %".to_owned(),
        results: summary
            .results
            .iter()
            .map(|result| {
                let (low, high) = result.interval();
                AdaptedNetwork {
                    name: result.name.clone(),
                    cost: scale(result.cost),
                    accuracy: percent(result.accuracy()),
                    low: percent(low),
                    high: percent(high),
                    highlighted: result.name == ADAPTED,
                }
            })
            .collect(),
    }
}

fn widths_plot(state: &NetadaptView, problem: &NetworkProblem<'_>, summary: &Summary) -> WidthsPlot {
    let groups = problem.groups().iter().zip(&state.widths);
    WidthsPlot {
        title: "Widths before and after".to_owned(),
        subtitle: format!(
            "{} narrowed to {} on {}; seed {}",
            state.costed.name,
            summary.budgets_text(),
            state.options.data,
            state.options.seed
        ),
        label: "channels".to_owned(),
        layers: groups
            .map(|(group, &after)| LayerWidths { name: group.name.clone(), before: group.full(), after })
            .collect(),
    }
}
