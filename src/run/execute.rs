//! Runs work on several jobs at once and hands the results on in order.
//!
//! Each job has its own thread pool. Results are delivered by index whatever
//! the order of completion, so that a journal does not depend on `jobs`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::threads;

/// Runs `work` on every item with `jobs` workers; `deliver` gets the results
/// in the order of the items until it breaks.
///
/// # Errors
/// If a thread cannot be started.
pub fn run_in_order<T: Sync, R: Send>(
    jobs: usize,
    items: &[T],
    work: impl Fn(usize, &T) -> R + Sync,
    mut deliver: impl FnMut(usize, R) -> ControlFlow<()>,
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
                    if sender.send((index, pool.install(|| work(index, item)))).is_err() {
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
            assert_eq!(seen, (0..20).map(|i| (i, 2 * i as u64)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn breaking_ends_the_run_early() {
        let items = [0; 100];
        let done = AtomicUsize::new(0);
        let work = |_: usize, _: &i32| done.fetch_add(1, Ordering::SeqCst);
        run_in_order(2, &items, work, |index, _| {
            if index == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .expect("threads");
        assert!(done.load(Ordering::SeqCst) <= items.len());
    }
}
