//! `mbn-latency plan`: what a table of a search space has to hold.

use std::path::PathBuf;

use clap::Args;
use miette::Report;

use crate::cli::Exit;
use crate::cli::output::print;
use crate::measure::{Plan, Settings, Wanted, Work};
use crate::run::measurement::{check_free, coarsest_grid, wanted, write};
use crate::run::{minutes, plural};

/// List what has to be measured for a search space or for networks, in as few
/// blocks as possible.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    subject: SubjectArgs,
    /// Where to write the plan
    #[arg(long, value_name = "PLAN")]
    out: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
}

/// What a table is for.
#[derive(Debug, Clone, Args)]
pub(super) struct SubjectArgs {
    /// A search space file, or the name of a shipped one; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(super) space: Vec<String>,
    /// A network file, or a reference network; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(super) network: Vec<String>,
    /// Measure so many channel counts that all others are within this factor of one
    /// that is measured; 1 measures all [default: 1]
    #[arg(long, value_name = "RATIO", value_parser = ratio, conflicts_with = "grid_error")]
    pub(super) grid: Option<f64>,
    /// Measure so few channel counts that interpolation between them changes the
    /// latency of networks by at most this (95 % of random networks), if the device is
    /// like that of the table --like
    #[arg(long, value_name = "PERCENT", value_parser = percent, requires_all = ["like", "space"])]
    pub(super) grid_error: Option<f64>,
    /// A finished table for the space, of any device; a file, or the name of a shipped one
    #[arg(long, value_name = "TABLE", requires = "grid_error")]
    pub(super) like: Option<String>,
}

/// All of them: measuring them takes minutes.
const GRID: f64 = 1.0;

fn ratio(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(ratio) if (1.0..=4.0).contains(&ratio) => Ok(ratio),
        _ => Err("a ratio of neighbouring channel counts is a number from 1 to 4".to_owned()),
    }
}

fn percent(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').trim_end().parse::<f64>() {
        Ok(percent) if (0.0..=50.0).contains(&percent) => Ok(percent),
        _ => Err("an error is a number of percents from 0 to 50".to_owned()),
    }
}

impl SubjectArgs {
    /// Everything that is asked for; `None` if nothing is.
    pub(super) fn wanted(&self) -> Result<Option<Wanted>, Report> {
        if self.space.is_empty() && self.network.is_empty() {
            return Ok(None);
        }
        Ok(Some(wanted(&self.space, &self.network)?))
    }

    /// The plan for what is asked for, and a line on how its grid was chosen.
    pub(super) fn plan(&self, wanted: Wanted) -> Result<(Plan, Option<String>), Report> {
        let (Some(percent), Some(like)) = (self.grid_error, &self.like) else {
            return Ok((wanted.plan(self.grid.unwrap_or(GRID)), None));
        };
        let (grid, line) = coarsest_grid(&wanted, &self.space, like, percent / 100.0)?;
        Ok((wanted.plan(grid.ratio), Some(line)))
    }
}

pub(super) fn run(args: &PlanArgs) -> Result<Exit, Report> {
    check_free(&args.out, args.force)?;
    let Some(wanted) = args.subject.wanted()? else {
        return super::usage("give what the table is for: --space FILE or --network FILE");
    };
    let (plan, grid) = args.subject.plan(wanted)?;
    write(&args.out, &plan.to_toml())?;
    if let Some(grid) = grid {
        print(format_args!("{grid}\n"));
    }
    print(report(&plan, &args.out.display().to_string()));
    Ok(Exit::Done)
}

fn report(plan: &Plan, name: &str) -> String {
    let work = Work::of(plan, &Settings::default());
    let names: Vec<&str> = plan.covers.iter().map(|covered| covered.name.as_str()).collect();
    format!(
        "{}: {} of {} get a row, in {}; the others' channels are within a factor of {} of a row's\n\
         {} networks to measure, {} visits: about {} where a core computes 10^10 multiply-adds a second, {} at 2*10^9\n\
         next: mbn-latency measure --plan {name} --out TABLE\n",
        names.join(", "),
        plan.chosen,
        plural(plan.wanted, "unit"),
        plural(plan.pieces.len(), "block"),
        plan.ratio,
        work.carriers,
        work.visits,
        minutes(work.seconds(1e10)),
        minutes(work.seconds(2e9)),
    )
}
