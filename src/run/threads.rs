//! The threads of the machine and of a job.

use std::num::NonZeroUsize;

/// Cores of this machine.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Threads of each of `jobs` jobs that share the machine.
pub fn per_job(jobs: usize) -> usize {
    (cores() / jobs.max(1)).max(1)
}

/// A pool of that many threads.
pub fn pool(threads: usize) -> std::io::Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(std::io::Error::other)
}
