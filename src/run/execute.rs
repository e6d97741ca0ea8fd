//! Where jobs run, and how their results come back.
//!
//! Results are delivered in the order of the jobs whatever the order of completion, so that a journal does not depend
//! on who ran them. A panic ends its own job, never the run.

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use serde::{Deserialize, Serialize};

use super::evaluate::Fidelity;
use super::folder::RESULTS;
use super::threads;
use crate::outcome::Outcome;
use crate::train::TrainError;

/// An evaluation as data: all that a process needs to run it beside the run folder that it belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Position of the trial in the order of proposals, from 0.
    pub trial: usize,
    /// The network to train, as the text of a network file.
    pub network: String,
    /// How far it is trained.
    pub fidelity: Fidelity,
    /// Seed of the training.
    pub seed: u64,
}

impl Job {
    /// The file of a trial's job in the run folder.
    pub fn file(trial: usize) -> String {
        format!("tasks/{trial:05}.json")
    }

    /// The file of its result in the run folder.
    pub fn result_file(trial: usize) -> String {
        format!("{RESULTS}/{trial:05}.json")
    }
}

/// The result of a job that another process ran: a file of the run folder, written once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobResult {
    /// The job.
    pub job: Job,
    /// How it ended.
    pub outcome: Outcome,
    /// Version of the program that ran it.
    pub version: String,
    /// The machine that ran it: operating system and architecture.
    pub machine: String,
}

/// What runs jobs: the threads of this process, or processes elsewhere.
pub trait Executor: Sync {
    /// Runs all jobs and delivers their outcomes in the order of the jobs until `deliver` breaks; an error is what
    /// ends the run. `evaluate` runs a job in this process; an executor whose processes read the jobs from the run
    /// folder does without.
    ///
    /// # Errors
    /// If nothing can be run at all.
    fn execute(
        &self,
        jobs: &[Job],
        evaluate: &(dyn Fn(&Job) -> Result<Outcome, TrainError> + Sync),
        deliver: &mut dyn FnMut(usize, Result<Outcome, TrainError>) -> ControlFlow<()>,
    ) -> std::io::Result<()>;
}

/// Some jobs at once, each in a thread pool of its own.
#[derive(Debug, Clone, Copy)]
pub struct Threads {
    /// Jobs at work at once; they share the cores of this machine.
    pub jobs: usize,
}

impl Executor for Threads {
    fn execute(
        &self,
        jobs: &[Job],
        evaluate: &(dyn Fn(&Job) -> Result<Outcome, TrainError> + Sync),
        deliver: &mut dyn FnMut(usize, Result<Outcome, TrainError>) -> ControlFlow<()>,
    ) -> std::io::Result<()> {
        run_in_order(
            self.jobs,
            jobs,
            |_, job| evaluate(job),
            |index, result| deliver(index, result.unwrap_or_else(|panic| Ok(Outcome::failed(panic)))),
        )
    }
}

/// Runs `work` on every item with `jobs` workers; `deliver` gets the results in the order of the items until it
/// breaks. The result of work that panicked is the message.
///
/// # Errors
/// If a thread cannot be started.
pub fn run_in_order<T: Sync, R: Send>(
    jobs: usize,
    items: &[T],
    work: impl Fn(usize, &T) -> R + Sync,
    mut deliver: impl FnMut(usize, Result<R, String>) -> ControlFlow<()>,
) -> std::io::Result<()> {
    let jobs = jobs.clamp(1, items.len().max(1));
    let pools =
        (0..jobs).map(|_| threads::pool(threads::per_job(jobs))).collect::<std::io::Result<Vec<_>>>()?;
    let next = AtomicUsize::new(0);
    let (sender, results) = mpsc::channel();
    std::thread::scope(|scope| {
        for pool in &pools {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                while let Some((index, item)) = take(next, items) {
                    let result = pool.install(|| catching(|| work(index, item)));
                    if sender.send((index, result)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut due = 0;
        for (index, result) in results {
            early.insert(index, result);
            while let Some(result) = early.remove(&due) {
                if deliver(due, result).is_break() {
                    // No further item is taken; items at work run to their end.
                    next.store(items.len(), Ordering::SeqCst);
                    return;
                }
                due += 1;
            }
        }
    });
    Ok(())
}

/// The result of `work`, or the message of its panic. Nothing that `work` changed may be used after a panic: it builds
/// a network of its own, or writes whole files.
pub(super) fn catching<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(work))
        .map_err(|panic| format!("the program panicked: {}", message(&*panic)))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it left no message")
}

fn take<'a, T>(next: &AtomicUsize, items: &'a [T]) -> Option<(usize, &'a T)> {
    let index = next.fetch_add(1, Ordering::SeqCst);
    Some((index, items.get(index)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_for_any_number_of_jobs() {
        let items: Vec<u64> = (0..20).collect();
        for jobs in [1, 2, 5] {
            let mut seen = Vec::new();
            // Early items take longest, so that they finish last.
            let work = |_: usize, &item: &u64| {
                std::thread::sleep(std::time::Duration::from_millis(20 - item));
                item * 2
            };
            run_in_order(jobs, &items, work, |index, result| {
                seen.push((index, result));
                ControlFlow::Continue(())
            })
            .expect("threads");
            assert_eq!(seen, (0..20).map(|i| (i, Ok(2 * i as u64))).collect::<Vec<_>>());
        }
    }

    #[test]
    fn breaking_ends_the_run_early() {
        let items = [0; 100];
        let done = AtomicUsize::new(0);
        let work = |_: usize, _: &i32| done.fetch_add(1, Ordering::SeqCst);
        let mut delivered = Vec::new();
        run_in_order(2, &items, work, |index, _| {
            delivered.push(index);
            if index == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .expect("threads");
        assert_eq!(delivered, [0, 1, 2, 3]);
        assert!((4..=items.len()).contains(&done.load(Ordering::SeqCst)));
    }

    #[test]
    fn a_panic_fails_its_own_job_with_its_message_and_no_other() {
        let jobs: Vec<Job> = (0..6)
            .map(|trial| Job { trial, network: String::new(), fidelity: Fidelity { epochs: 1 }, seed: 0 })
            .collect();
        let evaluate = |job: &Job| match job.trial {
            2 => panic!("no room for trial {}", job.trial),
            3 => Err(TrainError::Interrupted),
            trial => Ok(Outcome::from_accuracy(trial as f64 / 10.0)),
        };
        let mut outcomes = Vec::new();
        Threads { jobs: 2 }
            .execute(&jobs, &evaluate, &mut |_, outcome| {
                outcomes.push(outcome);
                ControlFlow::Continue(())
            })
            .expect("threads");
        let failed = outcomes[2].as_ref().ok().and_then(Outcome::failure).expect("a failed trial");
        assert_eq!(failed, "the program panicked: no room for trial 2");
        assert!(matches!(outcomes[3], Err(TrainError::Interrupted)));
        assert_eq!(outcomes.iter().flatten().filter_map(Outcome::accuracy).count(), 4);
    }
}
