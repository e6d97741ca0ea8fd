//! The one clock: what is measured of a device comes from here, and nothing else depends on time.

use std::time::{Duration, Instant};

/// A clock that has been started.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch {
    started: Instant,
}

impl Stopwatch {
    /// Starts.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// Time since the start.
    pub fn elapsed(self) -> Duration {
        self.started.elapsed()
    }
}

/// The time that `work` takes, and what it returns.
pub fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let watch = Stopwatch::start();
    let done = work();
    (watch.elapsed(), done)
}

/// Today's date, universal time: `2026-11-26`.
pub fn today() -> String {
    time::OffsetDateTime::now_utc().date().to_string()
}
