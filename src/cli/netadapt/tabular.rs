//! The loop on a table of trained networks.

use std::path::Path;

use miette::{Report, miette};
use serde::Serialize;

use super::{NetadaptArgs, no_budget};
use crate::cli::Exit;
use crate::cli::output::print;
use crate::cost::BudgetError;
use crate::netadapt::{
    AdaptationOptions, GroupColumns, Problem, TabularProblem, TabularRun, TabularSource, adapt_table,
    smallest_reachable,
};
use crate::text_file::{ReadError, json_text, read_text};

/// Mean, standard deviation and extremes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Spread {
    mean: f64,
    stddev: f64,
    min: f64,
    max: f64,
}

impl Spread {
    fn of(values: &[f64]) -> Self {
        let count = values.len().max(1) as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self {
            mean,
            stddev: (squares / (count - 1.0).max(1.0)).sqrt(),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

#[derive(Serialize)]
struct Output<'a> {
    budget: f64,
    score: Spread,
    evaluations: Spread,
    random_score: Option<Spread>,
    runs: &'a [TabularRun],
}

pub(super) fn run(args: &NetadaptArgs, file: &Path) -> Result<Exit, Report> {
    let (name, text) = read_text(&file.display().to_string(), "table of trained networks", &[])?;
    let columns = |list: &Option<String>| list.as_deref().unwrap_or_default().to_owned();
    let groups = columns(&args.groups);
    let source = TabularSource {
        groups: groups.parse::<GroupColumns>().unwrap_or_else(|never| match never {}),
        scores: columns(&args.score).split(',').map(|column| column.trim().to_owned()).collect(),
        cost: columns(&args.cost),
    };
    let table = TabularProblem::parse(&name, &text, &source).map_err(ReadError::from)?;
    let [budget] = args.costs.budget.as_slice() else {
        return Err(no_budget("--tabular takes one --budget", "50%"));
    };
    let limit = limit(budget, table.full_cost())?;
    if limit >= table.full_cost() {
        print(format!("the widest network is within the budget of {budget}: nothing to do\n"));
        return Ok(Exit::Done);
    }
    if let Some((widths, cost)) = smallest_reachable(&table).filter(|(_, cost)| *cost > limit) {
        let share = 100.0 * cost / table.full_cost();
        crate::cli::report_error(
            miette!(
                "no network of the table meets the budget {budget}: the smallest is {widths:?} at {share:.1}%"
            )
            .as_ref(),
        );
        return Ok(Exit::BudgetUnreachable);
    }
    let options = AdaptationOptions {
        limit,
        rule: args.rule,
        step: args.step,
        beam: args.beam as usize,
        exchanges: if args.evaluations.is_some() { usize::MAX } else { args.regrow as usize },
        fill: false,
        inherits: false,
        kept: usize::MAX,
        seed: args.run.seed,
    };
    let evaluations = args.evaluations.map(|count| count as usize);
    let runs = (0..u64::from(args.runs)).map(|run| {
        let options = AdaptationOptions { seed: args.run.seed + run, ..options };
        adapt_table(&table, options, evaluations).ok_or_else(|| {
            miette!(help = "use more --evaluations or a larger --step", "run {run} did not reach the budget")
        })
    });
    let runs: Vec<TabularRun> = runs.collect::<Result<_, _>>()?;
    let spread = |value: &dyn Fn(&TabularRun) -> f64| Spread::of(&runs.iter().map(value).collect::<Vec<_>>());
    let random: Vec<f64> = runs.iter().filter_map(|run| run.random_score).collect();
    let output = Output {
        budget: limit / table.full_cost(),
        score: spread(&|run| run.score),
        evaluations: spread(&|run| run.evaluations as f64),
        random_score: (!random.is_empty()).then(|| Spread::of(&random)),
        runs: &runs,
    };
    if args.run.output.json {
        print(json_text(&output));
    } else {
        print(text_of(&output, args, table.groups().len()));
    }
    Ok(Exit::Done)
}

/// A share of the widest network's cost, or a cost.
fn limit(budget: &str, full: f64) -> Result<f64, BudgetError> {
    let (number, scale) = budget.strip_suffix('%').map_or((budget, 1.0), |share| (share, full / 100.0));
    match number.trim().parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number * scale),
        _ => Err(BudgetError::Arguments {
            message: format!("`{budget}` is not a budget for a table"),
            remedy:
                "write a share of the widest network's cost such as 50%, or a number in the cost column's unit"
                    .to_owned(),
        }),
    }
}

fn text_of(output: &Output<'_>, args: &NetadaptArgs, groups: usize) -> String {
    let show = |name: &str, spread: &Spread| {
        format!(
            "{name:<22}{:.3} ± {:.3} ({:.3} to {:.3})\n",
            spread.mean, spread.stddev, spread.min, spread.max
        )
    };
    let mut text = format!(
        "{} groups, budget {}, {} runs: mean score over all trainings of the chosen network, mean ± standard deviation\n",
        groups,
        args.costs.budget.concat(),
        args.runs
    );
    text += &show("NetAdapt", &output.score);
    text += &output.random_score.map_or_else(String::new, |random| show("random, as many", &random));
    text + &show("evaluations", &output.evaluations)
}
