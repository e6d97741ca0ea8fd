//! Arguments of every command that makes a run.

#[cfg(feature = "train")]
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::run::{JsonLines, Observer, Silent};

/// What is printed beside the result.
#[derive(Debug, Clone, Args)]
pub struct OutputArgs {
    /// Print events as JSON lines on stdout
    #[arg(long)]
    pub json: bool,
    /// Print only the result
    #[arg(long, short, conflicts_with = "json")]
    pub quiet: bool,
}

impl OutputArgs {
    /// The observer that the options ask for: JSON lines on stdout, none, or progress for people.
    pub(super) fn observer<P: Serialize, O: Observer<P> + 'static>(
        &self,
        progress: impl FnOnce() -> O,
    ) -> Box<dyn Observer<P>> {
        match (self.json, self.quiet) {
            (true, _) => Box::new(JsonLines::new(std::io::stdout())),
            (false, true) => Box::new(Silent),
            (false, false) => Box::new(progress()),
        }
    }
}

/// Seed, folder and output of a run.
#[cfg(feature = "train")]
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// The run folder [default: a name made of the options, in results/]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}
