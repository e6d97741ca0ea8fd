//! `mbn-report`: the tables and plots of a run, made anew from its folder.

use std::path::{Path, PathBuf};

use clap::Parser;
use miette::{IntoDiagnostic, Report, miette};

use super::Exit;
use super::exit::finish;
use super::output::print;
use crate::run::netadapt::NetadaptView;
use crate::run::search::SearchView;
use crate::run::training::TrainingView;
use crate::run::{RunKind, RunReader};

/// Write the tables and plots of a run again (its `derived/`) and print what it has
/// found so far. Everything comes from the run folder alone, also while the run goes on.
#[derive(Debug, Parser)]
#[command(
    name = "mbn-report",
    version,
    after_help = "Examples:
  mbn-report results/search-pixel-latency-25ms-s0-1a2b3c4d
  mbn-report results/*
Exit codes: 0 done, 1 error, 2 usage."
)]
pub struct ReportArgs {
    /// Run folders of mbn-search, mbn-train or mbn-netadapt
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Print nothing
    #[arg(long, short)]
    quiet: bool,
}

/// Runs the command.
pub fn run(args: &ReportArgs) -> Exit {
    finish(args.runs.iter().try_for_each(|run| report(run, args.quiet)).map(|()| Exit::Done))
}

fn report(path: &Path, quiet: bool) -> Result<(), Report> {
    let run = RunReader::open(path).into_diagnostic()?;
    let text = match run.kind() {
        RunKind::Search => {
            let view = SearchView::read(&run)?;
            view.derive(&run)?;
            super::search::result_text(&view, path)
        }
        RunKind::Training => {
            let view = TrainingView::read(&run)?;
            view.derive(&run)?;
            super::train::result_text(&view, path).into_diagnostic()?
        }
        RunKind::Netadapt => match NetadaptView::read(&run)? {
            Some(view) => {
                view.derive(&run)?;
                super::netadapt::result_text(&view, path)?
            }
            None => format!("{}: its first network is still being trained\n", path.display()),
        },
        other => {
            return Err(miette!(
                "{} is a run of the kind `{}`, which has no report",
                path.display(),
                other.name()
            ));
        }
    };
    if !quiet {
        print(text);
    }
    Ok(())
}
