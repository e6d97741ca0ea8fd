//! One job of a search, run by a process of its own: `mbn-search --worker RUN TRIAL`.
//!
//! It reads the run folder without its lock, and publishes the result by a rename that never replaces a file. The
//! search takes the result when it comes to the trial.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::error::SearchRunError;
use super::options::SearchOptions;
use super::record::Record;
use super::run::JOURNAL;
use crate::outcome::Outcome;
use crate::run::evaluate::{Evaluator, ShortTraining};
use crate::run::events::RunKind;
use crate::run::execute::{Job, JobResult, catching};
use crate::run::folder::{FolderError, RunReader};
use crate::run::images::Images;
use crate::run::inputs::Inputs;
use crate::spec::NetworkSpec;
use crate::text_file::json_text;
use crate::train::TrainError;
use crate::whole_file::PendingFile;

/// Runs the job of a trial and publishes its outcome; one that another process has published before stays. `open` reads
/// the images that the options name.
///
/// # Errors
/// If the run has no such job or its outcome is journalled, its images have changed, or a file cannot be read or
/// written.
pub fn run_job<E: From<SearchRunError>>(
    run: &Path,
    trial: usize,
    stop: &AtomicBool,
    open: impl FnOnce(&SearchOptions) -> Result<(Images, Inputs), E>,
) -> Result<Outcome, E> {
    let reader = RunReader::open(run).and_then(|reader| reader.of_kind(RunKind::Search));
    let reader = reader.map_err(SearchRunError::from)?;
    let options: SearchOptions = reader.options().map_err(SearchRunError::from)?;
    let job = pending_job(&reader, &options, trial)?;
    if let Some(known) = reader.json::<JobResult>(&Job::result_file(trial)).map_err(SearchRunError::from)? {
        return Ok(known.outcome);
    }
    let (images, inputs) = open(&options)?;
    if reader.changed_inputs(&inputs).next().is_some() {
        return Err(SearchRunError::ImagesChanged { run: run.to_owned(), data: options.data }.into());
    }
    let network = NetworkSpec::from_toml(&Job::file(trial), &job.network)
        .map_err(|error| SearchRunError::from(reader.unreadable(&Job::file(trial), error)))?;
    let evaluator = ShortTraining { images: &images, recipe: &options.candidate, stop };
    let evaluated = catching(|| evaluator.evaluate(&network, job.fidelity, job.seed));
    let outcome = match evaluated {
        Ok(Err(TrainError::Interrupted)) => return Err(SearchRunError::WorkerInterrupted { trial }.into()),
        Ok(outcome) => outcome.map_err(SearchRunError::from)?,
        Err(panic) => Outcome::failed(panic),
    };
    publish(&reader, job, &outcome).map_err(SearchRunError::from)?;
    Ok(outcome)
}

/// The job of a trial that is not journalled.
fn pending_job(reader: &RunReader, options: &SearchOptions, trial: usize) -> Result<Job, SearchRunError> {
    let run = || reader.path().to_owned();
    let (done, _) = Record::partition(reader.records(JOURNAL)?);
    if done.iter().any(|record| record.trial == trial) {
        return Err(SearchRunError::JobDone { run: run(), trial });
    }
    let job = reader.json(&Job::file(trial))?;
    job.ok_or_else(|| SearchRunError::NoJob { run: run(), trial, trials: options.trials })
}

/// Gives the result its name unless there is one already: of several processes the first counts, and all have the same.
fn publish(reader: &RunReader, job: Job, outcome: &Outcome) -> Result<(), FolderError> {
    let path = reader.file(&Job::result_file(job.trial));
    let result = JobResult {
        job,
        outcome: outcome.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        machine: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
    };
    PendingFile::write(&path, json_text(&result).as_bytes())?.keep_new()?;
    Ok(())
}
