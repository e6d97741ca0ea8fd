//! The decisions of a search space.

use miette::Report;
use serde::Serialize;

use super::InspectArgs;
use super::target::{BoundReport, Target, target};
use crate::cli::output::print;
use crate::cost::{Meter, Resource};
use crate::report::{Align, Table};
use crate::run::search::CostProblem;
use crate::space::{self, Decision, SearchSpace};
use crate::text_file::json_text;

/// A search space, as printed.
#[derive(Debug, Serialize)]
struct SpaceReport<'a> {
    name: &'a str,
    resolutions: &'a [u32],
    classes: u32,
    networks: f64,
    smallest_latency_ms: Option<f64>,
    smallest_latency_bound: Option<BoundReport>,
    decisions: Vec<DecisionReport<'a>>,
}

#[derive(Debug, Serialize)]
struct DecisionReport<'a> {
    place: &'a str,
    dimension: &'static str,
    choices: &'a [String],
}

pub(super) fn inspect(args: &InspectArgs, name: &str) -> Result<(), Report> {
    let space = space::load(name)?;
    let target = target(args)?;
    let smallest = match &target {
        Some(target) => Some(CostProblem::new(&space, &[Meter::latency(&target.table)])?.smallest_cost()),
        None => None,
    };
    let bound = target.as_ref().zip(smallest).and_then(|(target, ms)| target.bound(ms));
    let report = space_report(&space, smallest, bound);
    if args.json {
        print(json_text(&report));
    } else {
        print(space_text(&report, target.as_ref()));
    }
    Ok(())
}

fn space_report(
    space: &SearchSpace,
    smallest_latency_ms: Option<f64>,
    smallest_latency_bound: Option<BoundReport>,
) -> SpaceReport<'_> {
    fn decision(d: &Decision) -> DecisionReport<'_> {
        DecisionReport { place: &d.place, dimension: d.dimension.name(), choices: &d.choices }
    }
    SpaceReport {
        name: &space.name,
        resolutions: space.resolutions(),
        classes: space.classes(),
        networks: space.size(),
        smallest_latency_ms,
        smallest_latency_bound,
        decisions: space.decisions().iter().map(decision).collect(),
    }
}

fn space_text(report: &SpaceReport<'_>, target: Option<&Target>) -> String {
    let mut table = Table::new([("place", Align::Left), ("decision", Align::Left), ("choices", Align::Left)]);
    for decision in &report.decisions {
        table.row([decision.place.to_owned(), decision.dimension.to_owned(), decision.choices.join(" ")]);
    }
    let mut text = format!(
        "{}\n\n{table}\n{} decisions, {:.2e} different networks\n",
        report.name,
        report.decisions.len(),
        report.networks
    );
    if let (Some(ms), Some(target)) = (report.smallest_latency_ms, target) {
        text += &format!("smallest reachable latency {}\n", Resource::Latency.show_up(ms));
        text += &target.bound_text(report.smallest_latency_bound.as_ref());
    }
    text
}
