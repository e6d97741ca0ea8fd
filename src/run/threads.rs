//! How many threads a job gets.

use std::num::NonZeroUsize;

/// Cores of this machine.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Threads of each of `jobs` jobs that share the machine.
pub fn per_job(jobs: usize) -> usize {
    (cores() / jobs.max(1)).max(1)
}
